//! What a source folder holds, compared with git where there is one.

use std::process::Command;

use super::*;

fn space(files: &[(&str, &str)]) -> (tempfile::TempDir, Dir) {
    let folder = tempfile::tempdir().expect("scratch");
    let dir = Dir::open_ambient_dir(folder.path(), cap_std::ambient_authority()).expect("scratch");
    for (path, text) in files {
        if let Some((parent, _)) = path.rsplit_once('/') {
            dir.create_dir_all(parent).expect("scratch");
        }
        dir.write(path, text).expect("scratch");
    }
    (folder, dir)
}

fn shown(entries: &[LocalEntry]) -> Vec<String> {
    let files = entries.iter().filter(|entry| entry.kind != LocalKind::Folder);
    files.map(|entry| entry.path.to_string()).collect()
}

const FILES: [(&str, &str); 24] = [
    (
        ".gitignore",
        "\u{feff}# c\n*.o\r\n/build/\n!keep.o\ndoc/*.txt\n**/cache/\n\\#odd\ntrail  \n[bad\nsub/deep/*\n!sub/deep/yes\n",
    ),
    ("main.c", ""),
    ("main.o", ""),
    ("keep.o", ""),
    ("build/x", ""),
    ("src/build/x", ""),
    ("doc/a.txt", ""),
    ("doc/b.md", ""),
    ("doc/in/a.txt", ""),
    ("x/y/cache/f", ""),
    ("x/y/cachet", ""),
    ("#odd", ""),
    ("trail", ""),
    ("a b", ""),
    ("é", ""),
    ("sub/.gitignore", "!special.o\n/local\n*.tmp\n"),
    ("sub/special.o", ""),
    ("sub/other.o", ""),
    ("sub/local", ""),
    ("sub/in/local", ""),
    ("sub/in/.gitignore", "!t.tmp\n"),
    ("sub/in/t.tmp", ""),
    ("sub/deep/yes", ""),
    ("sub/deep/no/f", ""),
];

#[test]
fn the_same_files_as_git() {
    let (folder, dir) = space(&FILES);
    dir.create_dir_all("empty/inner").expect("scratch");
    dir.symlink("nowhere", "link").expect("scratch");
    dir.symlink_contents("/", "sub/root").expect("scratch");
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command.args(["-c", "core.quotePath=false", "-c", "core.excludesFile=/dev/null"]).args(arguments);
        command.current_dir(folder.path()).env_remove("GIT_DIR").env_remove("GIT_WORK_TREE").output()
    };
    if git(&["init", "-q"]).is_err() {
        eprintln!("skipped: there is no git on this machine");
        return;
    }
    for below in [".", "sub", "sub/in", "x/y"] {
        let output = git(&["-C", below, "ls-files", "-co", "--exclude-standard"]).expect("git");
        let text = String::from_utf8(output.stdout).expect("text");
        let mut wanted: Vec<&str> = text.lines().collect();
        let found = local_tree_paths(&dir, below).expect("good");
        let mut found = shown(&found);
        wanted.sort_unstable();
        found.sort();
        assert_eq!(found, wanted, "{below}");
        assert!(!wanted.is_empty());
    }
}

#[test]
fn kinds_and_order() {
    use std::os::unix::fs::PermissionsExt as _;
    let (folder, dir) =
        space(&[("s/a.c", "xy"), ("s/a/b", ""), ("s/.git/config", ""), ("s/m/.hg/x", ""), ("s/run", "")]);
    dir.symlink_contents("/etc", "s/z").expect("scratch");
    std::fs::set_permissions(folder.path().join("s/run"), std::fs::Permissions::from_mode(0o755)).expect("scratch");
    let found = local_tree_paths(&dir, "s").expect("good");
    let kinds: Vec<(String, LocalKind)> = found.into_iter().map(|entry| (entry.path.to_string(), entry.kind)).collect();
    let file = |executable, size| LocalKind::File { executable, size };
    assert_eq!(
        kinds,
        [
            ("a".into(), LocalKind::Folder),
            ("a/b".into(), file(false, 0)),
            ("a.c".into(), file(false, 2)),
            ("run".into(), file(true, 0)),
            ("z".into(), LocalKind::Link { target: b"/etc".to_vec() }),
        ]
    );
}

#[test]
fn what_is_left_out_is_not_looked_at() {
    let (folder, dir) = space(&[("a", ""), ("store/x", ""), ("in/store/y", ""), ("stores", "")]);
    let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("store/sock")).expect("scratch");
    let found = local_tree_paths_without(&dir, ".", &|path| path == "store/" || path == "a").expect("good").entries;
    assert_eq!(shown(&found), ["in/store/y", "stores"]);
}

#[test]
fn an_ignored_folder_that_a_recipe_names_counts() {
    let (_folder, dir) = space(&[(".gitignore", "/vendor/\n*.o\n"), ("vendor/x/a.c", ""), ("vendor/x/a.o", "")]);
    assert_eq!(shown(&local_tree_paths(&dir, "vendor/x").expect("good")), ["a.c"]);
}

#[test]
fn what_cannot_be_a_source_is_named() {
    let (folder, dir) = space(&[("s/a", ""), ("s/b", "")]);
    let text = |below: &str| local_tree_paths(&dir, below).unwrap_err().to_string();
    assert_eq!(text("t"), "there is no source folder `t`");
    assert_eq!(text("s/a"), "there is no source folder `s/a`");
    assert_eq!(text(".."), "cannot read `..`");
    assert_eq!(
        list(&dir, "s", &|_| false, 1).unwrap_err().to_string(),
        "the source folder `s` has more than 1 entries"
    );
    let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("s/sock")).expect("scratch");
    assert_eq!(text("s"), "`s/sock` is a socket, which no source can hold");
    dir.write("s/.gitignore", "sock\n").expect("scratch");
    assert!(local_tree_paths(&dir, "s").is_ok());
    nix::unistd::mkfifo(&folder.path().join("s/pipe"), nix::sys::stat::Mode::S_IRWXU).expect("scratch");
    assert_eq!(text("s"), "`s/pipe` is a named pipe, which no source can hold");
}

#[test]
fn depth_is_bounded() {
    let (_folder, dir) = space(&[]);
    dir.create_dir_all("d/".repeat(MAX_DEPTH + 2)).expect("scratch");
    let text = local_tree_paths(&dir, ".").unwrap_err().to_string();
    assert!(text.starts_with("`./d/d/") && text.ends_with("` has more than 200 folders above it"), "{text}");
}
