//! Errors of fetching, and how the words of git and hg are read.

use super::*;

/// What git says becomes: the text that people see.
fn told(said: &str) -> Option<String> {
    let url = RemoteUrl::new(System::Git, "https://h.example/tool").expect("an address");
    read(System::Git, &url, said).map(|error| error.to_string())
}

#[test]
fn words_of_git() {
    let is = |said: &str, wanted: &str| assert_eq!(told(said).as_deref(), Some(wanted));
    is(
        "fatal: unable to access 'https://h.example/tool/': Could not resolve host: h.example\n",
        "cannot reach `https://h.example/tool`: unable to access 'https://h.example/tool/': Could not resolve host: h.example",
    );
    is(
        "fatal: could not read Username for 'https://h.example': terminal prompts disabled\n",
        "`https://h.example/tool` may not be read: could not read Username for 'https://h.example': terminal prompts disabled",
    );
    is(
        "remote: Not here.\nfatal: repository 'https://h.example/tool/' not found\n",
        "there is no repository at `https://h.example/tool`: repository 'https://h.example/tool/' not found",
    );
    is(
        "fatal: unable to access 'https://u:geheim@h.example/x/': The requested URL returned error: 503\n",
        "cannot reach `https://h.example/tool`: unable to access 'https://h.example/x/': The requested URL returned error: 503",
    );
    is(
        "git@h.example: Permission denied (publickey).\nfatal: Could not read from remote repository.\n",
        "`https://h.example/tool` may not be read: Could not read from remote repository.",
    );
    is(
        "error: object 012: hasDotgit: contains '.git'\nfatal: fsck error in packed object\n",
        "git refuses what `https://h.example/tool` sends: object 012: hasDotgit: contains '.git'",
    );
    is(
        "fatal: write error: No space left on device\n",
        "there is no space left for `https://h.example/tool`: write error: No space left on device",
    );
    assert_eq!(told("fatal: bad object refs/heads/main\n"), None);
    assert_eq!(shown("\n \u{1b}[2Jx\n"), "?[2Jx");
    assert_eq!(shown(""), "nothing");
}

#[test]
fn what_may_pass_names_its_host() {
    let away = |url: &str| CheckoutError::Unreachable { url: url.to_owned(), said: String::new() }.away();
    assert_eq!(away("https://h.example:8443/tool").as_deref(), Some("h.example:8443"));
    assert_eq!(CheckoutError::Cancelled.away(), None);
    let full = CheckoutError::File { path: HostPath::new("/t"), source: io::Error::from_raw_os_error(libc::ENOSPC) };
    assert!(full.is_no_space() && !CheckoutError::Cancelled.is_no_space());
}

#[test]
fn errors_that_no_test_brings_about() {
    let program = CheckoutError::NoProgram { program: "git", source: io::ErrorKind::NotFound.into() };
    assert_eq!(program.to_string(), "cannot start `git`");
    assert_eq!(program.fault(), Cause::Environment);
    let url = RemoteUrl::new(System::Git, "https://h.example/tool").expect("an address");
    let damaged = CheckoutError::Damaged { url, folder: HostPath::new("/s"), said: "bad object".to_owned() };
    assert_eq!(damaged.to_string(), "the clone of `https://h.example/tool` in the store is damaged: bad object");
    let none = CheckoutError::NoBranch { url: "https://h.example/tool".to_owned() };
    assert_eq!(
        (none.to_string().as_str(), none.fault()),
        ("`https://h.example/tool` has no branch of its own", Cause::Input)
    );
}
