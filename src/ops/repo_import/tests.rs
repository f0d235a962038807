//! What people read where a package is not imported. The ways there are in `tests/cli/repo_import.rs`.

use std::io;

use miette::Diagnostic as _;

use super::ImportError;
use crate::quantity::Size;

#[test]
fn what_is_refused_is_told() {
    let text = str::to_owned;
    let (file, channel, distro) = (|| text("acme.deb"), || text("nightly"), || text("debian-12"));
    let gone = || io::Error::from(io::ErrorKind::NotFound);
    let errors = [
        ImportError::File { path: "a/acme.deb".into(), source: gone() },
        ImportError::Keys { path: "keys.asc".into(), source: Box::new(gone()) },
        ImportError::NoFile { path: "a".into() },
        ImportError::TooLarge { file: file(), limit: Size(16 << 30) },
        ImportError::NoPackage { file: text("acme.zip") },
        ImportError::Damaged { file: file(), source: Box::new(gone()) },
        ImportError::Value { file: file(), what: "arch", value: text("../x") },
        ImportError::Source { dsc: text("a.dsc"), file: text("a.tar.xz"), problem: "there is no such file beside it" },
        ImportError::NoDistro { file: text("acme.rpm"), channel: channel() },
        ImportError::WhichDistro { file: file(), channel: channel(), distros: text("debian-12, debian-13") },
        ImportError::Family { file: file(), distro: text("el-9"), family: "rpm" },
        ImportError::Arch {
            file: file(),
            arch: text("arm64"),
            channel: channel(),
            distro: distro(),
            arches: text("amd64 or i386"),
        },
        ImportError::Area { channel: channel(), area: text("x"), distro: distro(), help: text("name one") },
        ImportError::OtherBytes { name: text("acme"), version: text("1"), arch: text("all"), channel: channel() },
        ImportError::UnsignedKind { file: file() },
        ImportError::Signature { file: text("a.rpm"), keyring: text("keys.asc"), source: Box::new(gone()) },
        ImportError::Unknown { name: text("acne"), channel: channel(), help: text("did you mean `acme`?") },
    ];
    let told = errors.iter().map(|error| {
        let help = error.help().map(|help| help.to_string()).unwrap_or_default();
        format!("{error}\n  help: {help}")
    });
    insta::assert_snapshot!(told.collect::<Vec<_>>().join("\n"), @r#"
    cannot read `a/acme.deb`
      help: name files that are there and that you may read
    cannot take keys from `keys.asc`
      help: name a file with public keys after `--verify`, as `gpg --export` writes it
    `a` is no file
      help: name the files of packages one by one
    `acme.deb` is larger than 17.1 GB, which no package may be
      help: see what it is: `file acme.deb` says it
    `acme.zip` is neither a `.deb`, nor an `.rpm`, nor a `.dsc`
      help: name packages; of a source package its `.dsc`, beside which its other files are
    `acme.deb` is not imported
      help: fetch it again, and compare its digest with what its maker says
    `acme.deb` is not imported: its arch `../x` can stand in no repository
      help: ask its maker for one whose arch is a plain word
    `a.dsc` names `a.tar.xz`, and there is no such file beside it
      help: put all files of the source package into the folder of its `.dsc`
    `nightly` holds no distro that has packages like `acme.rpm`
      help: name another channel; what `nightly` holds, `targets` in `opb.toml` says, as far as it is pinned
    `acme.deb` could be for several distros of `nightly`
      help: name one with `--distro`: debian-12, debian-13
    `acme.deb` is no package for el-9, which has `.rpm` packages
      help: name another distro, or leave `--distro` out
    `acme.deb` is for arm64, which `nightly` does not have of debian-12
      help: import one for amd64 or i386, or let `targets` of the channel hold `@debian-12/arm64` and pin that
    `nightly` has no area `x` of debian-12
      help: name one
    `acme` 1 (all) is imported already, with other bytes
      help: ask its maker for another version, as a published name never gets other bytes; if it was never published, let the former one go: `opb repo import nightly --remove acme`
    the signature of `acme.deb` cannot be checked: a `.deb` bears none
      help: leave `--verify` out for it, and compare its SHA-256 with what its maker says
    `a.rpm` is not imported: its signature does not count by the keys in `keys.asc`
      help: see who gave you the file, and whether these are the keys of its maker
    nothing called `acne` is imported into `nightly`
      help: did you mean `acme`?
    "#);
}
