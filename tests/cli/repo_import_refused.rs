//! What `opb repo import` refuses, and what is said of a list that something is wrong with.

use super::repo_import::{CHANNELS, space};
use super::*;

/// What is said of an import.
fn refused(space: &Space, args: &[&str]) -> String {
    let args: Vec<&str> = ["repo", "import"].iter().chain(args).copied().collect();
    let seen = space.seen(&args);
    let told: Vec<&str> = seen.lines().filter(|line| !line.is_empty() && !line.starts_with("---")).collect();
    format!("{}\n{}\n", args[2..].join(" "), told.join("\n"))
}

#[test]
fn what_is_refused_leaves_no_line() {
    let Some(space) = space() else { return };
    let refused = |args: &[&str]| refused(&space, args);
    space.acme("acme.deb");
    let whole = fs::read(space.path("acme.deb")).expect("there");
    fs::write(space.path("cut.deb"), &whole[..whole.len() - 40]).expect("written");
    space.deb("other-arch.deb", "Package: acme\nVersion: 1\nArchitecture: arm64\n", "");
    space.file("note.txt", "no package\n");
    // What dpkg-deb does not write.
    let hostile = |file: &str, control: &str| {
        let made = opb::package::deb::make(control, &[], 0).expect("made");
        fs::write(space.path(file), made).expect("written");
    };
    hostile("name.deb", "Package: ../../etc\nVersion: 1\nArchitecture: amd64\n");
    hostile("version.deb", "Package: acme\nVersion: 1/2\nArchitecture: amd64\n");
    hostile("arch.deb", "Package: acme\nVersion: 1\nArchitecture: amd64 all\n");
    hostile("field.deb", "Package: acme\nVersion: 1\nArchitecture: amd64\nDescription: a\u{1b}[2J\n");
    let told = [
        refused(&["weekly", "acme.deb"]),
        refused(&["nightly", "gone.deb"]),
        refused(&["nightly", "recipes"]),
        refused(&["nightly", "note.txt"]),
        refused(&["nightly", "cut.deb"]),
        refused(&["nightly", "other-arch.deb"]),
        refused(&["nightly", "name.deb"]),
        refused(&["nightly", "version.deb"]),
        refused(&["nightly", "arch.deb"]),
        refused(&["nightly", "field.deb"]),
        refused(&["nightly", "acme.deb", "--distro", "mirage-2"]),
        refused(&["nightly", "acme.deb", "--verify", "note.txt"]),
    ]
    .concat();
    insta::assert_snapshot!(told, @r#"
    weekly acme.deb
    exit 2
    opb::settings::no_channel
      × there is no channel `weekly`
      help: name one of `nightly`, `stable`, or add `[channel.weekly]` to `opb.toml`
    nightly gone.deb
    exit 2
    opb::repo_import::file
      × cannot read `gone.deb`
      ╰─▶ No such file or directory (os error 2)
      help: name files that are there and that you may read
    nightly recipes
    exit 2
    opb::repo_import::no_file
      × `recipes` is no file
      help: name the files of packages one by one
    nightly note.txt
    exit 2
    opb::repo_import::no_package
      × `note.txt` is neither a `.deb`, nor an `.rpm`, nor a `.dsc`
      help: name packages; of a source package its `.dsc`, beside which its other files are
    nightly cut.deb
    exit 2
    opb::repo_import::damaged
      × `cut.deb` is not imported
      ├─▶ cannot read `data.tar` of a package
      ├─▶ it is damaged or cut short
      ╰─▶ premature eof
      help: fetch it again, and compare its digest with what its maker says
    nightly other-arch.deb
    exit 2
    opb::repo_import::arch
      × `other-arch.deb` is for arm64, which `nightly` does not have of mirage-1
      help: import one for amd64, or let `targets` of the channel hold `@mirage-1/arm64` and pin that
    nightly name.deb
    exit 2
    opb::repo_import::value
      × `name.deb` is not imported: its name `../../etc` can stand in no repository
      help: ask its maker for one whose name is a plain word
    nightly version.deb
    exit 2
    opb::repo_import::value
      × `version.deb` is not imported: its version `1/2` can stand in no repository
      help: ask its maker for one whose version is a plain word
    nightly arch.deb
    exit 2
    opb::repo_import::value
      × `arch.deb` is not imported: its arch `amd64 all` can stand in no repository
      help: ask its maker for one whose arch is a plain word
    nightly field.deb
    exit 2
    opb::repo_import::damaged
      × `field.deb` is not imported
      ╰─▶ the field `Description` of `field.deb` cannot stand in an index
      help: fetch it again, and compare its digest with what its maker says
    nightly acme.deb --distro mirage-2
    exit 2
    opb::publish::no_distro
      × the channel `nightly` holds nothing of `mirage-2`
      help: name one of those that it holds: mirage-1
    nightly acme.deb --verify note.txt
    exit 2
    opb::repo_import::keys
      × cannot take keys from `note.txt`
      ├─▶ reading the keyring `note.txt`
      ╰─▶ it holds no public key
      help: name a file with public keys after `--verify`, as `gpg --export` writes it
    "#);
    assert!(!space.path("opb.imports.toml").exists());
}

#[test]
fn bytes_and_areas_stay_what_they_are() {
    let Some(space) = space() else { return };
    space.acme("acme.deb");
    // Bytes that are listed stay those of their version.
    space.stdout(&["repo", "import", "nightly", "acme.deb"]);
    let listed = fs::read_to_string(space.path("opb.imports.toml")).expect("written");
    space.deb("other.deb", "Package: acme-agent\nVersion: 1:1.2~rc1-3\nArchitecture: amd64\n", "two\n");
    let mut told = refused(&space, &["stable", "other.deb"]);
    assert_eq!(fs::read_to_string(space.path("opb.imports.toml")).expect("there"), listed);
    // A channel that says which areas it holds has no other.
    space.file("opb.toml", &CHANNELS.replace("key =", "areas = [\"contrib\"]\nkey ="));
    told += &refused(&space, &["stable", "acme.deb"]);
    insta::assert_snapshot!(told, @r#"
    stable other.deb
    exit 2
    opb::repo_import::other_bytes
      × `acme-agent` 1:1.2~rc1-3 (amd64) is imported already, with other bytes
      help: ask its maker for another version, as a published name never gets other bytes; if it was never published, let the former one go: `opb repo import nightly --remove acme-agent`
    stable acme.deb
    exit 2
    opb::repo_import::area
      × `stable` has no area `main` of mirage-1
      help: name one of those that it has with `--area`: contrib
    "#);
    space.stdout(&["repo", "import", "stable", "acme.deb", "--area", "contrib"]);
    space.publish("stable");
    space.published("stable", "pool/contrib/a/acme-agent/acme-agent_1.2~rc1-3_amd64.deb");
}

#[test]
fn packages_of_the_project_win() {
    if space().is_none() {
        return;
    }
    let space = Space::two();
    space.deb("libmd0.deb", "Package: libmd0\nVersion: 99\nArchitecture: amd64\n", "");
    insta::assert_snapshot!(space.seen(&["repo", "import", "nightly", "libmd0.deb"]), @r#"
    exit 2
    --- stderr
      × evaluating the recipes: 1 mistake

    Error: opb::eval::name

      × `opb.imports.toml` has `libmd0` 99, and the component `libmd` makes `libmd0` for mirage-1
      help: packages of the project win: leave it out (`opb repo import nightly --remove libmd0` lets it go), or take mirage-1 out of the `targets` of `libmd`
    "#);
    // Also where the component came later.
    let recipe = fs::read_to_string(space.path("recipes/libmd.rhai")).expect("there");
    for name in ["libmd", "libbsd"] {
        fs::remove_file(space.path(&format!("recipes/{name}.rhai"))).expect("removed");
    }
    space.stdout(&["repo", "import", "nightly", "libmd0.deb"]);
    space.file("recipes/libmd.rhai", &recipe);
    insta::assert_snapshot!(space.seen(&["check"]), @r#"
    exit 2
    --- stdout
    opb::eval::name

      × `opb.imports.toml` has `libmd0` 99, and the component `libmd` makes `libmd0` for mirage-1
      help: packages of the project win: leave it out (`opb repo import nightly --remove libmd0` lets it go), or take mirage-1 out of the `targets` of `libmd`

    opb::lint::pin-unused

      ⚠ the source `libbsd` is pinned for mirage-1, and no recipe asks for it any more
        ╭─[opb.lock:12:15]
     11 │
     12 │ [dsc.mirage-1.libbsd]
        ·               ───┬──
        ·                  ╰── here
     13 │ suite = "oasis"
        ╰────
      help: run `opb update`: it drops pins that nothing uses

    2 files checked: 1 error, 1 warning
    "#);
    space.stdout(&["repo", "import", "nightly", "--remove", "libmd0"]);
    space.stdout(&["eval", "-q"]);
}

#[test]
fn what_the_list_says_has_to_be_there() {
    let Some(space) = space() else { return };
    let digest = "0".repeat(64);
    let package = |channel: &str, distro: &str, file: &str| {
        format!(
            "[[package]]\nchannel = \"{channel}\"\ndistro = \"{distro}\"\nname = \"acme\"\nversion = \"1\"\narch = \"all\"\nkind = \
             \"package\"\nday = \"2026-11-29\"\n[package.files.\"{file}\"]\nsize = 1\nsha256 = \"{digest}\"\nblake3 = \"{digest}\"\n"
        )
    };
    let all = [
        package("weekly", "mirage-1", "acme_1_all.deb"),
        package("nightly", "mirage-9", "acme_1_all.deb"),
        package("nightly", "mirage-1", "acme-1-1.noarch.rpm"),
    ];
    space.file("opb.imports.toml", &format!("version = 1\n{}", all.concat()));
    insta::assert_snapshot!(space.seen(&["check"]), @r#"
    exit 2
    --- stdout
    opb::eval::name

      × `acme` of `opb.imports.toml` is no package of the kind that mirage-1 has
      help: import it for a distro of its own kind of packages

    opb::eval::name

      × `opb.imports.toml` has `acme` for the distro `mirage-9`, which does not exist
      help: name a distro of `distros/` there, or let the package go with `opb repo import nightly --remove acme`

    opb::eval::name

      × `opb.imports.toml` lets `acme` into the channel `weekly`, which does not exist
      help: name a channel of `opb.toml` there, or let the package go with `opb repo import weekly --remove acme`

    1 file checked: 3 errors
    "#);
    space.file("opb.imports.toml", "version = 1\npackges = []\n");
    insta::assert_snapshot!(space.seen(&["eval"]), @r#"
    exit 2
    --- stderr
      × evaluating the recipes: 1 mistake

    Error: opb::eval::table

      × there is no field `packges`
       ╭─[opb.imports.toml:2:1]
     1 │ version = 1
     2 │ packges = []
       · ───┬───
       ·    ╰── here
       ╰────
      help: did you mean `package`?
    "#);
}
