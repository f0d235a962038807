//! `opb key` and `opb repo publish`: keys, and channels that cannot be published.

use std::os::unix::fs::PermissionsExt as _;

use super::*;

fn keys(space: &Space) -> PathBuf {
    space.folder.path().join("home/.config/opb/keys")
}

#[test]
fn a_key_is_made_once_and_listed_and_exported() {
    let space = Space::two();
    assert_eq!(space.seen(&["key", "list"]), "exit 0\n");
    insta::assert_snapshot!(space.seen(&["key", "init"]), @r###"
    exit 0
    --- stdout
    key nightly [DIGEST] in [HERE]/home/.config/opb/keys/nightly.key
    "###);
    insta::assert_snapshot!(space.seen(&["key", "init"]), @r###"
    exit 2
    --- stderr
    opb::sign::exists

      × there is a signing key `[HERE]/home/.config/opb/keys/nightly.key` already
      help: choose another name, or move the old key away if it is not used any more
    "###);
    assert_eq!(space.seen(&["key", "init", "--if-missing"]), "exit 0\n");
    insta::assert_snapshot!(space.seen(&["key", "list"]), @r###"
    exit 0
    --- stdout
    nightly [DIGEST] [HERE]/home/.config/opb/keys/nightly.key
    "###);
    let public = space.stdout(&["key", "export"]);
    assert!(public.starts_with("-----BEGIN PGP PUBLIC KEY BLOCK-----\n"), "{public}");
    let mode = fs::metadata(keys(&space).join("nightly.key")).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn an_rsa_key_is_made_for_rpm() {
    let space = Space::two();
    insta::assert_snapshot!(space.seen(&["key", "init", "--kind", "rsa", "--name", "vendor"]), @r###"
    exit 0
    --- stdout
    key vendor [DIGEST] in [HERE]/home/.config/opb/keys/vendor.key
    "###);
    let public = space.stdout(&["key", "export", "vendor"]);
    // The armor of 3072 bits is longer than that of an Ed25519 key by far.
    assert!(public.lines().count() > 15, "{public}");
}

#[test]
fn keys_lie_where_the_environment_says() {
    let space = Space::two();
    let config = space.folder.path().join("config");
    assert!(space.command(&["key", "init"]).env("XDG_CONFIG_HOME", &config).output().expect("runs").status.success());
    assert!(config.join("opb/keys/nightly.key").is_file());
    assert!(!keys(&space).exists());
    insta::assert_snapshot!(space.seen_of(space.command(&["key", "list"]).env("HOME", "nowhere")), @r###"
    exit 3
    --- stderr
    opb::key::no_home

      × there is no folder for keys: neither XDG_CONFIG_HOME nor HOME is set to an absolute path
      help: set one of them
    "###);
}

#[test]
fn no_key() {
    let space = Space::two();
    insta::assert_snapshot!(space.seen(&["key", "export"]), @r###"
    exit 3
    --- stderr
    opb::sign::no_key

      × there is no signing key `[HERE]/home/.config/opb/keys/nightly.key`
      help: make one with `opb key init --name nightly`
    "###);
    insta::assert_snapshot!(space.seen(&["key", "export", "no/name"]), @r###"
    exit 2
    --- stderr
    error: invalid value 'no/name' for '[NAME]': `no/name` is not a channel name: lower-case letters, digits, `-`, starting with a letter or digit

    For more information, try '--help'.
    "###);
}

#[test]
fn a_key_that_others_can_read() {
    let space = Space::two();
    space.stdout(&["key", "init"]);
    let open = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("changed");
    open(&keys(&space).join("nightly.key"), 0o640);
    insta::assert_snapshot!(space.seen(&["key", "export"]), @r###"
    exit 3
    --- stderr
    opb::sign::open

      × `[HERE]/home/.config/opb/keys/nightly.key` can be read or changed by others (its mode is 0640)
      help: run `chmod go= [HERE]/home/.config/opb/keys/nightly.key`, and make a new key if others can have read it
    "###);
    open(&keys(&space), 0o755);
    insta::assert_snapshot!(space.seen(&["key", "export"]), @r###"
    exit 3
    --- stderr
    opb::sign::open

      × `[HERE]/home/.config/opb/keys` can be read or changed by others (its mode is 0755)
      help: run `chmod go= [HERE]/home/.config/opb/keys`, and make a new key if others can have read it
    "###);
}

#[test]
fn a_file_that_is_no_key() {
    let space = Space::two();
    space.stdout(&["key", "init"]);
    fs::write(keys(&space).join("nightly.key"), "hello\n").expect("written");
    insta::assert_snapshot!(space.seen(&["key", "list"]), @r###"
    exit 3
    --- stderr
    opb::sign::format

      × `[HERE]/home/.config/opb/keys/nightly.key` does not hold an OpenPGP secret key
      help: restore it from a backup, or move it away and make one with `opb key init`
    "###);
    fs::write(keys(&space).join("other.agent"), "hello\n").expect("written");
    insta::assert_snapshot!(space.seen(&["key", "export", "other"]), @r###"
    exit 3
    --- stderr
    opb::key::note

      × cannot understand `[HERE]/home/.config/opb/keys/other.agent`: key with no value, expected `=`
      help: write `fingerprint = "…"` into it, or remove it and run `opb key init --agent FINGERPRINT` again
    "###);
}

#[test]
fn a_note_that_cannot_be_read() {
    let space = Space::two();
    space.stdout(&["key", "init"]);
    fs::create_dir(keys(&space).join("other.agent")).expect("made");
    insta::assert_snapshot!(space.seen(&["key", "export", "other"]), @r###"
    exit 3
    --- stderr
    opb::key::file

      × cannot read `[HERE]/home/.config/opb/keys/other.agent`
      ╰─▶ Is a directory (os error 21)
      help: look at its owner and mode
    "###);
}

#[test]
fn a_user_that_cannot_stand_in_a_key() {
    insta::assert_snapshot!(Space::two().seen(&["key", "init", "--user", "a\nb"]), @r###"
    exit 2
    --- stderr
    opb::sign::user_id

      × `a\nb` cannot be the user id of a key
      help: use one line of at most 200 characters, such as `opb nightly`
    "###);
}

#[test]
fn an_unknown_channel() {
    insta::assert_snapshot!(Space::two().seen(&["repo", "publish", "nightli"]), @"
    exit 2
    --- stderr
    opb::settings::no_channel

      × there is no channel `nightli`
      help: name one of `nightly`, or add `[channel.nightli]` to `opb.toml`
    ");
}

#[test]
fn a_channel_without_a_key_and_one_that_is_not_built() {
    let space = Space::two();
    insta::assert_snapshot!(space.seen(&["repo", "publish"]), @r###"
    exit 3
    --- stderr
    opb::sign::no_key

      × there is no signing key `[HERE]/home/.config/opb/keys/nightly.key`
      help: make one with `opb key init --name nightly`
    "###);
    space.stdout(&["key", "init"]);
    insta::assert_snapshot!(space.seen(&["repo", "publish"]), @r###"
    exit 2
    --- stderr
    opb::publish::not_built

      × `repo:nightly@mirage-1` is not built
      help: run `opb build`, then publish again; what is published now stays
    "###);
    space.file("opb.toml", "[channel.nightly]\nkey = \"vendor\"\n");
    insta::assert_snapshot!(space.seen(&["repo", "publish"]), @r###"
    exit 3
    --- stderr
    opb::sign::no_key

      × there is no signing key `[HERE]/home/.config/opb/keys/vendor.key`
      help: make one with `opb key init --name vendor`
    "###);
}

#[test]
fn nothing_is_pinned_for_the_channel() {
    let space = Space::bare();
    space.stdout(&["key", "init"]);
    insta::assert_snapshot!(space.seen(&["repo", "publish"]), @r###"
    exit 2
    --- stderr
    opb::publish::empty

      × the channel `nightly` has no pinned distro to publish for
      help: run `opb update` first, or widen the channel's `targets` in `opb.toml`
    "###);
}

#[test]
fn their_help() {
    insta::assert_snapshot!(help::verb(&["key", "--help"]), @r###"
    exit 0
    --- stdout
    Make and show signing keys. They lie outside of project and store, readable by their owner alone

    Usage: opb key [OPTIONS] <COMMAND>

    Commands:
      init    Make a key without asking anything, or take one that gpg-agent holds
      import  Take a secret key that was made elsewhere, as `gpg --export-secret-keys` writes it. It
              keeps its passphrase
      list    Show the keys that there are, as name, fingerprint and place
      status  Show until when keys sign, which channels, and what takes their place. Exits with 4 where
              one has ended or ends within 60 days
      export  Write a public key to stdout; while it is rotated, with that of its successor
      rotate  Let another key take a key's place: both sign until `--finish`
      log     Print what a key has signed, the oldest first
      help    Print this message or the help of the given subcommand(s)

    Options:
    "###);
    insta::assert_snapshot!(help::verb(&["key", "init", "--help"]), @r###"
    exit 0
    --- stdout
    Make a key without asking anything, or take one that gpg-agent holds

    Usage: opb key init [OPTIONS]

    Options:
          --name <NAME>
              Its name: that of the channel it signs

              [default: nightly]

          --user <USER>
              Who signs: stands in the public key

              [default: "opb package signing"]

          --kind <KIND>
              Its kind. Packages for RPM distros whose `signing` says `rsa` want `rsa`, which every apt
              and rpm checks

              Possible values:
              - ed25519: Small and quick
              - rsa:     3072 bits; takes some seconds to make

              [default: ed25519]

          --agent <FINGERPRINT>
              Use the key with this fingerprint (40 hexadecimal digits) from gpg-agent instead of making
              one

          --passphrase
              Ask for a passphrase, twice, and protect the key with it

          --if-missing
              Do nothing where there is a key of that name already
    "###);
    insta::assert_snapshot!(help::verb(&["key", "list", "--help"]), @r###"
    exit 0
    --- stdout
    Show the keys that there are, as name, fingerprint and place

    Usage: opb key list [OPTIONS]

    Options:
    "###);
    insta::assert_snapshot!(help::verb(&["key", "export", "--help"]), @r###"
    exit 0
    --- stdout
    Write a public key to stdout; while it is rotated, with that of its successor

    Usage: opb key export [OPTIONS] [NAME]

    Arguments:
      [NAME]
              Its name

              [default: nightly]

    Options:
    "###);
    insta::assert_snapshot!(help::verb(&["repo", "--help"]), @"
    exit 0
    --- stdout
    Publish channels: signed repositories, of which each state is a generation that never changes

    Usage: opb repo [OPTIONS] <COMMAND>

    Commands:
      plan      Show what `opb repo publish` would change, without changing anything
      publish   Sign what is built of a channel and switch to it, all at once. Nothing happens where
                nothing changed
      import    Let packages that were built elsewhere enter a channel: `.deb`, `.rpm`, `.dsc` with its
                files beside it, `.src.rpm`
      list      List the generations of a channel, the newest first: date, packages, what changed, and
                where it comes from
      diff      Show which packages differ between two generations of a channel
      promote   Publish in a channel what another has published: the same packages, without building
      rollback  Publish an earlier generation of a channel again, as a new one with a newer date, so
                that clients take it
      prune     Remove the generations of a channel that need not stay, as its `keep`, `keep_for` and
                `grace` in `opb.toml` say
      check     Look at a published repository as apt and dnf do: signatures, dates, digests, and
                whether all is there. Needs no project
      help      Print this message or the help of the given subcommand(s)

    Options:
    ");
}

#[test]
fn the_help_of_publishing() {
    insta::assert_snapshot!(help::verb(&["repo", "publish", "--help"]), @"
    exit 0
    --- stdout
    Sign what is built of a channel and switch to it, all at once. Nothing happens where nothing
    changed.

    A distro whose content is not built, not whole, or in lower versions than before keeps its last good
    state; that is said, and the exit code is 4.

    Usage: opb repo publish [OPTIONS] [CHANNEL]

    Arguments:
      [CHANNEL]
              The channel [default: that of --channel, or `nightly`]

    Options:
          --allow-lower-versions
              Publish packages in lower versions than the channel has: machines that have those keep
              them

          --retry-failed
              Try upgrades from what is published again that failed before, though nothing that they
              read has changed
    ");
}
