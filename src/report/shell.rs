//! Where a shell is, for whoever works there.

use super::causes::date;
use super::plain;
use crate::path::GuestPath;
use crate::sandbox::GuestUser;

/// Where a shell is.
#[derive(Debug, Clone)]
pub struct Place {
    /// The node.
    pub node: String,
    /// As whom.
    pub user: GuestUser,
    /// The working directory.
    pub cwd: GuestPath,
    /// The script that would run there; `None` of a root.
    pub script: Option<GuestPath>,
    /// The failed run whose tree it is; `None` of a fresh one.
    pub failed: Option<FailedRun>,
}

/// A failed run of which the tree was kept.
#[derive(Debug, Clone)]
pub struct FailedRun {
    /// When it began, in seconds since 1970.
    pub started: i64,
    /// What was told of it.
    pub message: String,
}

/// What a shell begins with.
pub fn place(place: &Place) -> String {
    let Place { node, user, cwd, script, failed } = place;
    let what = match failed {
        Some(FailedRun { started, message }) => {
            let first = message.lines().next().unwrap_or_default();
            format!("its tree as it was when it failed on {} ({})", date(*started), plain(first))
        }
        None if script.is_some() => "a fresh sandbox, as its script would find it".to_owned(),
        None => "a fresh copy of it".to_owned(),
    };
    let who = match user {
        GuestUser::Root => "root of the sandbox",
        GuestUser::Builder => "the user `builder`",
    };
    let script = match (script, failed) {
        (Some(script), Some(_)) => format!("; {script} is what ran there"),
        (Some(script), None) => format!("; `sh -ex {script}` does what its script does"),
        (None, _) => String::new(),
    };
    format!(
        "{node}: {what}\nyou are {who} in {cwd}{script}\nnothing that is done here stays; `exit` or Ctrl-D leaves\n",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_and_where_and_how_to_leave() {
        let build = Place {
            node: "build:hello@debian-12/amd64".to_owned(),
            user: GuestUser::Builder,
            cwd: GuestPath::new("/build"),
            script: Some(GuestPath::new("/opb/script")),
            failed: None,
        };
        insta::assert_snapshot!(place(&build), @r"
        build:hello@debian-12/amd64: a fresh sandbox, as its script would find it
        you are the user `builder` in /build; `sh -ex /opb/script` does what its script does
        nothing that is done here stays; `exit` or Ctrl-D leaves
        ");
        let failed = FailedRun { started: 0, message: "the script failed with exit code 2\n    x\u{1b}".to_owned() };
        insta::assert_snapshot!(place(&Place { failed: Some(failed), ..build.clone() }), @r"
        build:hello@debian-12/amd64: its tree as it was when it failed on 1970-01-01T00:00:00Z (the script failed with exit code 2)
        you are the user `builder` in /build; /opb/script is what ran there
        nothing that is done here stays; `exit` or Ctrl-D leaves
        ");
        let node = "root:base@debian-12/amd64".to_owned();
        let root = Place { node, user: GuestUser::Root, cwd: GuestPath::new("/"), script: None, failed: None };
        insta::assert_snapshot!(place(&root), @r"
        root:base@debian-12/amd64: a fresh copy of it
        you are root of the sandbox in /
        nothing that is done here stays; `exit` or Ctrl-D leaves
        ");
    }
}
