//! Packages that do not go into one repository.

use super::*;

#[test]
fn contradictions() {
    let said = refusal(|_, binaries, _| {
        let mut other = binaries[0].clone();
        other.file = blob(&other.file.name, "other bytes");
        other.made_by = "build:other".to_owned();
        binaries.push(other);
    });
    assert_eq!(
        said,
        "`libmd0` 1.0-1 for `arm64` is there twice with different content, made by `build:libmd` and by `build:other`"
    );
    // An epoch does not show in the file's name.
    let said = refusal(|_, binaries, _| {
        let mut other = binary("libmd0", "1:1.0-1", "arm64", "libmd");
        other.file.name = binaries[0].file.name.clone();
        binaries.push(other);
    });
    assert_eq!(
        said,
        "`pool/main/libm/libmd/libmd0_1.0-1_arm64.deb` is there twice with different content, both made by `build:libmd`"
    );
    let said = refusal(|_, _, sources| {
        let mut other = source();
        other.dsc[4].1 = "1.0-2".to_owned();
        other.dsc_file = blob("libmd_1.0-2.dsc", "dsc 2");
        other.files[0] = blob("libmd_1.0.orig.tar.xz", "another archive");
        let sums = format!("{} {} libmd_1.0.orig.tar.xz", other.files[0].sha256, other.files[0].size);
        other.dsc[6].1 = sums;
        sources.push(other);
    });
    assert_eq!(
        said,
        "`pool/main/libm/libmd/libmd_1.0.orig.tar.xz` is there twice with different content, both made by `source-package:libmd`"
    );
}
