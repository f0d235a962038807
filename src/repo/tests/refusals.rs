//! What an index or a path cannot hold, as it is said.

use super::*;

#[test]
fn a_dsc_agrees_with_its_files() {
    let wrong = "`libmd_1.0-1.dsc` and its file `libmd_1.0.orig.tar.xz` do not agree";
    assert_eq!(refusal(|_, _, sources| sources[0].files.clear()), wrong);
    assert_eq!(refusal(|_, _, sources| sources[0].files[0].size = 8), wrong);
    assert_eq!(refusal(|_, _, sources| sources[0].files[0].sha256 = Sha256::of(b"")), wrong);
    assert_eq!(refusal(|_, _, sources| drop(sources[0].dsc.remove(6))), wrong);
    let said = refusal(|_, _, sources| sources[0].dsc[6].1 = "\n only two".to_owned());
    assert_eq!(said, "`libmd_1.0-1.dsc` and its file `only two` do not agree");
}

#[test]
fn what_does_not_belong() {
    let said = refusal(|_, binaries, _| binaries[0].area = "contrib".to_owned());
    assert_eq!(said, "putting `libmd0_1.0-1_arm64.deb` into the area `contrib`, which the repository does not have");
    let said = refusal(|_, binaries, _| binaries[0].control[3].1 = "i386".to_owned());
    assert_eq!(said, "putting `libmd0_1.0-1_arm64.deb` into a repository without the arch `i386`");
    let said = refusal(|_, binaries, _| drop(binaries[0].control.remove(2)));
    assert_eq!(said, "`libmd0_1.0-1_arm64.deb` has no field `Version`");
    for name in ["", ".", "..", "../x.deb", "a/b.deb", "-x.deb", "a b.deb", "a\nFilename: x", "é.deb"] {
        let said = refusal(|_, binaries, _| binaries[0].file.name = name.to_owned());
        assert_eq!(said, format!("`{}` cannot be the name of a file in a repository", name.escape_debug()));
    }
}

#[test]
fn no_field_can_end_its_stanza_or_forge_another() {
    let field_of = |said: &str| said.split('`').nth(1).expect("quoted").to_owned();
    for value in ["x\n\nPackage: evil", "x\nFilename: /etc/passwd", "x\n \n y", "x\r\n y", "\u{1b}[2J", "x\n"] {
        let change = |_: &mut Settings, binaries: &mut Vec<Sample>, _: &mut Vec<SourcePackage>| {
            binaries[0].control[4].1 = value.to_owned();
        };
        if value == "x\n" {
            let (mut settings, (mut binaries, mut sources)) = (settings(), sample());
            change(&mut settings, &mut binaries, &mut sources);
            assert!(assemble(&settings, &binaries, &sources).is_ok(), "a last line break is no further line");
        } else {
            assert_eq!(field_of(&refusal(change)), "Maintainer");
        }
    }
    for key in ["", "a b", "a:b", "#a", "-a", "a\nb", "depends"] {
        let said = refusal(|_, binaries, _| binaries[0].control[4].0 = key.to_owned());
        assert_eq!(
            said,
            format!("the field `{}` of `libmd0_1.0-1_arm64.deb` cannot stand in an index", key.escape_debug())
                .replace("depends", "Depends")
        );
    }
    for (at, name) in [(0, "Package"), (1, "Source"), (2, "Version")] {
        let said = refusal(|_, binaries, _| binaries[0].control[at].1 = "../evil_".to_owned());
        assert_eq!(field_of(&said), name);
    }
    let (mut binaries, sources) = sample();
    binaries[0].control.push(("Filename".to_owned(), "/etc/passwd".to_owned()));
    binaries[0].control.push(("SHA256".to_owned(), "0".to_owned()));
    let made = assemble(&settings(), &binaries, &sources).expect("assembles");
    assert!(!index(&made, "main/binary-arm64/Packages").contains("passwd"), "the archive's own fields win");
}

#[test]
fn settings_that_are_refused() {
    type Change = fn(&mut Settings);
    let cases: [(&str, Change); 11] = [
        ("the repository's origin `` is not one line of text", |settings| settings.origin.clear()),
        ("the repository's label `a\\nSuite: b` is not one line of text", |settings| {
            settings.label = "a\nSuite: b".to_owned();
        }),
        ("the repository's description ` ` is not one line of text", |settings| settings.description = " ".to_owned()),
        ("the repository's suite `a b` is not a plain name", |settings| settings.suite = "a b".to_owned()),
        ("the repository's code name `..` is not a plain name", |settings| settings.codename = "..".to_owned()),
        ("the repository's code name `a/b` is not a plain name", |settings| settings.codename = "a/b".to_owned()),
        ("the repository's area `-x` is not a plain name", |settings| settings.areas.push("-x".to_owned())),
        ("the repository's area `main` is named twice", |settings| settings.areas.push("main".to_owned())),
        ("the repository's list of areas `` is empty", |settings| settings.areas.clear()),
        ("the repository's list of arches `` is empty", |settings| settings.arches.clear()),
        ("the repository's arch `all` is part of every arch and has no index of its own", |settings| {
            settings.arches.insert(Arch::all());
        }),
    ];
    for (said, change) in cases {
        assert_eq!(refusal(|settings, _, _| change(settings)), said);
        let mut settings = settings();
        change(&mut settings);
        assert_eq!(release_text(&settings, &[], 0, None).expect_err("is refused").to_string(), said);
    }
    for (uri, key, said) in [
        ("file:/a b", "/k", "the repository's address `file:/a b` is empty or has white space"),
        ("file:/a", "/k\nTrusted: yes", "the repository's key's path `/k\\nTrusted: yes` is empty or has white space"),
    ] {
        assert_eq!(sources_entry(&[&settings()], uri, key).expect_err("is refused").to_string(), said);
    }
    let error = release_text(&settings(), &[], i64::MAX, None).expect_err("is refused");
    assert_eq!(error.to_string(), "writing a release file for the time 9223372036854775807, which no date stands for");
    assert_eq!(error.fault(), Cause::Environment);
}

#[test]
fn other_messages() {
    let source = std::io::Error::other("no luck");
    let error = RepoError::Compress { path: "main/source/Sources".to_owned(), source };
    assert_eq!(error.to_string(), "compressing the index `main/source/Sources`");
    let error = RepoError::Tree(TreeError::TooMany);
    assert_eq!((error.to_string().as_str(), error.fault()), ("assembling the repository", Cause::Bug));
}
