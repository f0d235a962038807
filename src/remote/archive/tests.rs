use super::*;

#[test]
fn addresses_lead_to_files_and_hold_no_secrets() {
    for good in [
        "https://example.org/tool-1.0.tar.xz",
        "http://example.org:8080/a/b.tgz?file=1&x=%20",
        "file:///srv/tool.zip",
        "./upstream/tool-1.0.tar.gz",
        "tool-1.0.tar.gz",
        "group/tool_1.0+b~1.tar.gz",
    ] {
        assert_eq!(ArchiveUrl::new(good).map(|url| url.to_string()), Ok(good.to_owned()));
    }
    for bad in [
        "",
        "-o",
        "--help",
        "/etc/passwd",
        "../x",
        "./../x",
        "a/../b",
        "./",
        "a b",
        "a\nb",
        "é",
        "https://",
        "https:///x",
        "https://example.org/",
        "https://example.org/a/../b",
        "https://-x/a",
        "file://host/x",
        "https://example.org/$(id)",
        "https://example.org/`id`",
        "user@host:x",
    ] {
        assert!(matches!(ArchiveUrl::new(bad), Err(ArchiveUrlError::Shape(_))), "{bad}");
    }
    let told = |text: &str| ArchiveUrl::new(text).expect_err("wrong").to_string();
    assert_eq!(told("ftp://example.org/x"), "files are not reached by `ftp://`");
    let told = told("https://user:geheim@example.org/x");
    assert_eq!(told, "the address of the file on `example.org` holds a user name or a password");
    assert_eq!(ArchiveUrl::new("u:geheim@host").expect_err("wrong").to_string(), "`…` is not an address of a file");
}

#[test]
fn the_first_bytes_tell_the_packing() {
    let mut tar = vec![0; PACKING_BYTES];
    tar[257..262].copy_from_slice(b"ustar");
    let all: [(&[u8], Packing); 6] = [
        (b"\x1f\x8b\x08", Packing::TarGz),
        (b"BZh9", Packing::TarBz2),
        (b"\xfd7zXZ\0", Packing::TarXz),
        (b"PK\x03\x04", Packing::Zip),
        (b"\xed\xab\xee\xdb", Packing::Rpm),
        (&tar, Packing::Tar),
    ];
    for (bytes, packing) in all {
        assert_eq!(Packing::of(bytes), Some(packing));
    }
    assert_eq!((Packing::of(b"<html>"), Packing::of(b"")), (None, None));
}

#[test]
fn archives_are_shown_as_recipes_call_them_and_read_back() {
    let url = ArchiveUrl::new("https://example.org/tool-1.0.tar.xz").expect("an address");
    let mut archive = Archive::new(ArchiveKind::Archive, url.clone());
    assert_eq!(archive.to_string(), "archive(\"https://example.org/tool-1.0.tar.xz\")");
    archive.sha256 = Some("0123456789abcdef".repeat(4));
    archive.signature = Some(SignaturePlace::Beside);
    archive.keys = vec!["tool.asc".to_owned()];
    archive.folder = Some("src".to_owned());
    archive.strip = Strip::Nothing;
    let archive = archive.with_keys_in("recipes/tool");
    assert_eq!(
        archive.to_string(),
        "archive(\"https://example.org/tool-1.0.tar.xz\", #{ sha256: \"01234567…\", signature: true, \
         keys: [\"recipes/tool/tool.asc\"], folder: \"src\", strip: false })"
    );
    let text = serde_json::to_string(&archive).expect("plain");
    assert_eq!(serde_json::from_str::<Archive>(&text).expect("the same"), archive);
    let end = ArchiveUrl::new("https://example.org/get?file=x").expect("an address").with_end(".asc");
    assert_eq!(end.expect("short").as_str(), "https://example.org/get.asc?file=x");
}
