use std::io::Write;

use super::super::member::tests::tar_of;
use super::*;

const CONTROL: &[u8] = b"Package: x\nVersion: 1\nArchitecture: all\n";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("fits");
    encoder.finish().expect("fits")
}

/// An outer archive with these members.
fn ar_of(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = b"!<arch>\n".to_vec();
    for (name, content) in members {
        bytes.extend(format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 100_644, content.len()).bytes());
        bytes.extend_from_slice(content);
        if content.len() % 2 == 1 {
            bytes.push(b'\n');
        }
    }
    bytes
}

fn good_with(control: &[u8]) -> Vec<u8> {
    let control = gzip(&tar_of(&[("./md5sums", b""), ("./control", control)]));
    let data = tar_of(&[("./usr/bin/x", b"1"), ("./usr/a", b"2")]);
    let data = zstd::encode_all(&data[..], 3).expect("fits");
    ar_of(&[("debian-binary", b"2.0\n"), ("control.tar.gz", &control), ("data.tar.zst", &data)])
}

fn error(bytes: &[u8]) -> String {
    read(bytes).expect_err("bad").to_string()
}

#[test]
fn a_package_is_read() {
    let bytes = good_with(CONTROL);
    let deb = read(&bytes[..]).expect("good");
    assert_eq!(deb.paragraph().get("Package"), Some("x"));
    assert_eq!(contents(&bytes[..]).expect("good"), [b"usr/a".to_vec(), b"usr/bin/x".to_vec()]);
    let signed = [&bytes[..], &ar_of(&[("_gpgorigin", b"sig")])[8..]].concat();
    assert_eq!(read(&signed[..]).expect("good"), deb);
}

#[test]
fn of_a_package_only_the_front_is_read() {
    let bytes = good_with(CONTROL);
    let whole = read(&bytes[..]).expect("good");
    let data = bytes.windows(8).position(|window| window == b"data.tar").expect("it has data");
    assert_eq!(read_front(&bytes[..data]).expect("enough"), whole);
    for end in 0..data - 1 {
        // What fills the control member up need not be there.
        let cut = read_front(&bytes[..end]);
        assert!(cut.is_err() || cut.is_ok_and(|deb| deb == whole && end + 20 > data), "cut at {end}");
    }
    let error = |bytes: &[u8]| read_front(bytes).expect_err("bad").to_string();
    assert_eq!(error(b"!<arch"), "cannot read a package: it does not start as a `.deb` does");
    let other = ar_of(&[("debian-binary", b"2.0\n"), ("data.tar", b"")]);
    assert_eq!(error(&other), "cannot read a package: it has `data.tar` where `control.tar` should stand");
    let nothing = ar_of(&[("debian-binary", b"2.0\n")]);
    assert_eq!(error(&nothing), "cannot read a package: it has `nothing` where `control.tar` should stand");
}

#[test]
fn every_cut_is_refused() {
    let bytes = good_with(CONTROL);
    // The last byte may be the one that only fills up.
    for end in 0..bytes.len() - 1 {
        assert!(read(&bytes[..end]).is_err(), "cut at {end}");
    }
    assert_eq!(error(&bytes[..4]), "cannot read a package: it does not start as a `.deb` does");
    assert_eq!(error(&bytes[..30]), "cannot read a package: it is cut short");
}

#[test]
fn other_orders_and_trailing_bytes_are_refused() {
    let control = gzip(&tar_of(&[("control", CONTROL)]));
    let data = gzip(&tar_of(&[]));
    let (binary, control, data) =
        (("debian-binary", &b"2.0\n"[..]), ("control.tar.gz", &control[..]), ("data.tar.gz", &data[..]));
    let swapped = error(&ar_of(&[binary, data, control]));
    assert_eq!(swapped, "cannot read a package: it has `data.tar.gz` where `control.tar` should stand");
    assert_eq!(
        error(&ar_of(&[control, binary, data])),
        "cannot read a package: it has `control.tar.gz` where `debian-binary` should stand"
    );
    assert_eq!(
        error(&ar_of(&[binary, control])),
        "cannot read a package: it has `nothing` where `data.tar` should stand"
    );
    assert_eq!(
        error(&ar_of(&[binary, control, data, data])),
        "cannot read a package: it has `data.tar.gz` where `nothing` should stand"
    );
    assert_eq!(
        error(&ar_of(&[binary, control, ("data.tar.bz2", b"")])),
        "cannot read a package: it has `data.tar.bz2` where `data.tar` should stand"
    );
    let good = ar_of(&[binary, control, data]);
    let long = [&good[..], &[b'x'; 60]].concat();
    assert_eq!(error(&long), "cannot read a package: the header of its member 4 is damaged");
    assert!(read(&[&good[..], b"\n\n"].concat()[..]).is_err());
    assert_eq!(
        error(&ar_of(&[("debian-binary", b"0.939000\n"), control, data])),
        "cannot read a package: its format is `0.939000`, not 2.0"
    );
}

#[test]
fn sizes_are_not_trusted() {
    let good = good_with(CONTROL);
    let mut huge = good.clone();
    huge[8 + 48..8 + 58].copy_from_slice(b"9999999999");
    assert!(read(&huge[..]).is_err());
    let mut negative = good;
    negative[8 + 48..8 + 58].copy_from_slice(b"-1        ");
    assert_eq!(error(&negative), "cannot read a package: the header of its member 1 is damaged");
    let bomb = gzip(&tar_of(&[("x", &vec![0; 17 << 20]), ("control", CONTROL)]));
    let bytes = ar_of(&[("debian-binary", b"2.0\n"), ("control.tar.gz", &bomb)]);
    let refused = read(&bytes[..]).expect_err("a bomb");
    assert_eq!(refused.to_string(), "cannot read `control.tar` of a package");
    let cause = std::error::Error::source(&refused).expect("a cause").to_string();
    assert_eq!(cause, "it is larger than 16777216 bytes uncompressed");
}

#[test]
fn the_control_file_is_one_whole_paragraph() {
    assert_eq!(error(&good_with(b"Package: x\n")), "cannot read the control file of a package");
    assert_eq!(error(&good_with(b"A: b\n\nC: d\n")), "cannot read the control file of a package");
    let two = gzip(&tar_of(&[("control", CONTROL), ("./control", CONTROL)]));
    let bytes = ar_of(&[("debian-binary", b"2.0\n"), ("control.tar.gz", &two)]);
    assert_eq!(error(&bytes), "cannot read a package: it has 2 control files");
}

#[test]
fn a_package_made_by_dpkg_is_read() {
    let Ok(folder) = tempfile::tempdir() else { return println!("skipped: no folder for temporary files") };
    let root = folder.path().join("x");
    std::fs::create_dir_all(root.join("DEBIAN")).expect("writable");
    std::fs::create_dir_all(root.join("usr/share/x")).expect("writable");
    std::fs::write(root.join("usr/share/x/y"), "y").expect("writable");
    let control = "Package: x\nVersion: 1\nArchitecture: all\nMaintainer: A Name <a@example.org>\nDescription: x\n";
    std::fs::write(root.join("DEBIAN/control"), control).expect("writable");
    for compression in ["xz", "gzip", "zstd", "none"] {
        let file = folder.path().join("x.deb");
        let args = ["--root-owner-group", "--uniform-compression", "-Z", compression, "-b"];
        let built = std::process::Command::new("dpkg-deb").args(args).args([&root, &file]).output();
        let Ok(built) = built else { return println!("skipped: no dpkg-deb here") };
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        let bytes = std::fs::read(&file).expect("made");
        assert_eq!(read(&bytes[..]).expect(compression).control(), control);
        assert_eq!(contents(&bytes[..]).expect(compression), [b"usr/share/x/y".to_vec()]);
    }
}

#[test]
fn a_plain_package_holds_the_same() {
    let control = tar_of(&[("./md5sums", b""), ("./control", CONTROL)]);
    // Of an odd length, so that something has to fill it up.
    let data = [&tar_of(&[("./usr/bin/x", b"1"), ("./usr/a", b"2")])[..], b"0"].concat();
    let (small, smaller) = (gzip(&control), zstd::encode_all(&data[..], 3).expect("fits"));
    let whole = [("debian-binary", &b"2.0\n"[..]), ("control.tar.gz", &small), ("data.tar.zst", &smaller)];
    let mut written = io::Cursor::new(Vec::new());
    plain(&ar_of(&whole)[..], &mut written).expect("good");
    let expected = ar_of(&[("debian-binary", b"2.0\n"), ("control.tar", &control), ("data.tar", &data)]);
    assert_eq!(written.into_inner(), expected);
    let cut = plain(&ar_of(&whole[..2])[..], io::Cursor::new(Vec::new())).expect_err("it lacks its data");
    assert!(cut.to_string().contains("`nothing` where `data.tar` should stand"), "{cut}");
}
