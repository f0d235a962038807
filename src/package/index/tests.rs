use proptest::prelude::*;

use super::*;

const DIGEST: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn sample() -> String {
    format!(
        "Package: zlib1g\nSource: zlib\nVersion: 1:1.2\nInstalled-Size: 5\nMaintainer: Someone\nArchitecture: amd64\nProvides: libz1\nDepends: libc6 (>= 2.14),\n libx\nDescription: text\n more\nMulti-Arch: same\nSection: libs\nPriority: required\nFilename: pool/z.deb\nSize: 10\nMD5sum: x\nSHA256: {DIGEST}\n\nPackage: bash\nEssential: yes\nVersion: 5\nArchitecture: amd64\nFilename: ./b.deb\nSize: 1\nSHA256: {DIGEST}\n"
    )
}

#[test]
fn golden_slim() {
    assert_eq!(
        slim(&sample()).expect("good"),
        format!(
            "Package: bash\nVersion: 5\nArchitecture: amd64\nEssential: yes\nFilename: ./b.deb\nSize: 1\nSHA256: {DIGEST}\n\nPackage: zlib1g\nVersion: 1:1.2\nArchitecture: amd64\nMulti-Arch: same\nPriority: required\nDepends: libc6 (>= 2.14), libx\nProvides: libz1\nFilename: pool/z.deb\nSize: 10\nSHA256: {DIGEST}\n\n"
        )
    );
}

#[test]
fn what_does_not_matter_changes_nothing() {
    let slimmed = slim(&sample()).expect("good");
    assert_eq!(slim(&sample().replace("text\n more", "other")).as_ref(), Ok(&slimmed));
    assert_eq!(slim(&slimmed).as_ref(), Ok(&slimmed));
    assert_eq!(slim(&format!("{}\n{}", sample(), sample())).as_ref(), Ok(&slimmed));
    assert_ne!(slim(&sample().replace("Size: 10", "Size: 11")).as_ref(), Ok(&slimmed));
}

#[test]
fn bad_entries_are_refused() {
    let error = |from: &str, to: &str| read(&sample().replace(from, to)).expect_err(to).to_string();
    let entry = "cannot read the entry at line 1 of an index: ";
    for place in ["../x", "/etc/passwd", "a/../b", "a//b", "-x", "a\\b", "a b", "a/./b"] {
        assert_eq!(error("pool/z.deb", place), format!("{entry}`{place}` is no place below an archive's root"));
    }
    assert_eq!(error("Size: 10", "Size: -1"), format!("{entry}its Size `-1` is none"));
    assert_eq!(error("Size: 10", "Size: +1"), format!("{entry}its Size `+1` is none"));
    assert_eq!(error(DIGEST, "abc"), format!("{entry}its SHA256 `abc` is none"));
    assert_eq!(error("zlib1g", "zl/b"), format!("{entry}`zl/b` is not a package name or an arch"));
    assert_eq!(error("Version: 1:1.2", "Version: _"), "cannot read the version of the entry at line 1 of an index");
    assert_eq!(error("Package: zlib1g", "Name: x"), "cannot read an index of packages");
}

proptest! {
    #[test]
    fn the_order_of_entries_does_not_matter(numbers in proptest::collection::vec((0u8..4, 0u8..4), 0..8)) {
        let text = |numbers: &[(u8, u8)]| -> String {
            numbers
                .iter()
                .map(|(name, version)| {
                    format!("Package: p{name}\nVersion: {version}\nArchitecture: all\nFilename: x\nSize: 1\nSHA256: {DIGEST}\n\n")
                })
                .collect()
        };
        let mut other = numbers.clone();
        other.reverse();
        prop_assert_eq!(slim(&text(&numbers)), slim(&text(&other)));
    }
}
