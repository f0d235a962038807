//! `opb cache`: settings and slips. What caches are good for is seen in `tests/cache.rs`.

use std::os::unix::fs::symlink;

use super::*;

const KEY: &str = "office:6kpsY+KcUgq+9VB7Ey7F+ZVHdq6+vnuSQh7qaRRG0iw=";

fn config(space: &Space) -> PathBuf {
    space.folder.path().join("home/.config/opb/config.toml")
}

#[test]
fn trusting_leaves_settings_whole() {
    let space = Space::two();
    let (config, kept) = (config(&space), space.folder.path().join("dotfiles.toml"));
    fs::create_dir_all(config.parent().expect("below")).expect("made");
    // Where they are a link, what it leads to is changed.
    fs::write(&kept, "# mine\n").expect("written");
    symlink(&kept, &config).expect("made");
    assert_eq!(space.stdout(&["cache", "trust", KEY]), format!("trusted from now on: {KEY}\n"));
    assert!(config.is_symlink());
    let text = fs::read_to_string(&kept).expect("there");
    assert_eq!(text, format!("# mine\n\n[[trust]]\nkey = \"{KEY}\"\n"));
    // What could not be read afterwards is not written.
    fs::write(&kept, "trust = []\n").expect("written");
    let seen = space.seen(&["cache", "trust", KEY]);
    assert!(seen.starts_with("exit 2\n") && seen.contains("duplicate key"), "{seen}");
    assert_eq!(fs::read_to_string(&kept).expect("there"), "trust = []\n");
}

#[test]
fn tokens_and_certificates_that_cannot_be_used() {
    let space = Space::two();
    let write = |text: &str| {
        fs::create_dir_all(config(&space).parent().expect("below")).expect("made");
        fs::write(config(&space), text).expect("written");
    };
    fs::create_dir_all(config(&space).parent().expect("below")).expect("made");
    let token = config(&space).with_file_name("token");
    fs::write(&token, "very-secret\n").expect("written");
    fs::set_permissions(&token, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("set");
    write("[[cache]]\nurl = \"http://cache.example.org\"\ntoken = \"token\"\n");
    insta::assert_snapshot!(space.seen(&["plan"]), @r###"
    exit 2
    --- stderr
    opb::cache::token

      × the token in `[HERE]/home/.config/opb/token` cannot be used: `http://cache.example.org` is not `https://`, so that everybody on the way could read it
      help: it is one line in a file of mode 0600, for an `https://` address; `plain_http = true` sends it to others too
    "###);
    write("[[cache]]\nurl = \"https://cache.example.org\"\nauthorities = \"token\"\n");
    insta::assert_snapshot!(space.seen(&["plan"]), @r###"
    exit 2
    --- stderr
    opb::cache::authorities

      × the certificates in `[HERE]/home/.config/opb/token` cannot be used: there is no certificate in it
      help: it is a file of PEM certificates
    "###);
    write("[[cache]]\nurl = \"https://cache.example.org/?sig=very-secret\"\n");
    insta::assert_snapshot!(space.seen(&["plan"]), @r###"
    exit 2
    --- stderr
    opb::cache::address

      × `https://cache.example.org/` is no address of a cache
      help: write `https://…`, `http://…` or the path of a folder, without a user's name, a password or a `?` in it
    "###);
}

#[test]
fn a_slip_makes_no_folder() {
    let space = Space::two();
    space.stdout(&["cache", "key", "new", "mine"]);
    insta::assert_snapshot!(space.seen(&["cache", "push", "offise"]), @r###"
    exit 2
    --- stderr
    opb::cache::unknown

      × no cache is called `offise`
      help: write `./offise` for a folder
    "###);
    assert!(!space.folder.path().join("offise").exists());
    space.file("opb.toml", &format!("[[cache]]\nurl = \"https://cache.example.org\"\nkey = \"{KEY}\"\n"));
    insta::assert_snapshot!(space.seen(&["cache", "push"]), @r###"
    exit 2
    --- stderr
    opb::cache::untrusted

      × the project names the cache `https://cache.example.org`, but the key `office:6kpsY+KcUgq+9VB7Ey7F+ZVHdq6+vnuSQh7qaRRG0iw=` is not trusted
      help: if you know that key, run `opb cache trust office:6kpsY+KcUgq+9VB7Ey7F+ZVHdq6+vnuSQh7qaRRG0iw=`
    "###);
    insta::assert_snapshot!(space.seen(&["cache", "pull", "cache.example.org"]), @r###"
    exit 2
    --- stderr
    opb::cache::untrusted

      × the project names the cache `https://cache.example.org`, but the key `office:6kpsY+KcUgq+9VB7Ey7F+ZVHdq6+vnuSQh7qaRRG0iw=` is not trusted
      help: if you know that key, run `opb cache trust office:6kpsY+KcUgq+9VB7Ey7F+ZVHdq6+vnuSQh7qaRRG0iw=`
    "###);
    insta::assert_snapshot!(space.seen(&["cache", "push", "--offline", "https://other.example.org"]), @r###"
    exit 2
    --- stderr
    opb::cache::offline

      × the cache `other.example.org` is not asked: `--offline` was given
      help: leave `--offline` away
    "###);
}
