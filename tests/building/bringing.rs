//! What is published, brought to a folder elsewhere and to a machine that rsync reaches.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::publishing::ready;
use crate::space::Ran;
use crate::space::sources::Tiny;

/// What rsync runs in the place of ssh: the command that is meant for the other machine, here.
const RSH: &str = "#!/bin/sh\nif [ \"$1\" = -l ]; then shift 2; fi\nshift\nexec sh -c \"$*\"\n";

#[test]
fn a_channel_is_brought_to_a_folder_and_over_rsync() {
    if Command::new("rsync").arg("--version").output().is_err() {
        eprintln!("skipped: rsync is not installed");
        return;
    }
    let Some(space) = ready("push", "env: #{ X: \"1\" }") else { return };
    let (folder, remote) = (space.folder.join("www"), space.folder.join("remote"));
    for place in [&folder, &remote] {
        fs::create_dir(place).expect("made");
    }
    let rsh = space.folder.join("rsh");
    fs::write(&rsh, RSH).expect("written");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&rsh, mode).expect("set");
    let settings =
        format!("[channel.c-TAG]\nto = [\"{}\", \"deploy@www.example.org:{}\"]\n", folder.display(), remote.display());
    space.write("opb.toml", &settings);
    space.opb(&["build", "-q"]).fine();
    let publish = |rsh: &Path| -> Ran {
        let opb = space.command(&["repo", "publish", "c-TAG"]);
        // Modes are set, whatever the umask would make of them.
        let mut masked = Command::new("sh");
        masked.args(["-c", "umask 077; exec \"$@\"", "sh"]).arg(opb.get_program()).args(opb.get_args());
        for (name, value) in opb.get_envs() {
            match value {
                Some(value) => masked.env(name, value),
                None => masked.env_remove(name),
            };
        }
        if let Some(folder) = opb.get_current_dir() {
            masked.current_dir(folder);
        }
        masked.env("RSYNC_RSH", rsh).output().expect("runs").into()
    };
    let shut = |place: &Path| {
        let mut find = Command::new("find");
        find.arg("-L").arg(place).args(["(", "-type", "d", "!", "-perm", "0755", ")"]);
        let found = find.args(["-o", "(", "-type", "f", "!", "-perm", "-0444", ")"]).output().expect("runs");
        String::from_utf8(found.stdout).expect("text")
    };
    // The other machine cannot be reached: that is said, the channel itself and the folder have all of it.
    let told = publish(Path::new("/bin/false")).exits(3);
    told.says("`rsync` did not bring packages to").says("run `opb repo publish` again");
    assert!(space.shown(&told_again(&folder)).contains("a-TAG_1.0-1~SUFFIX+opb1_all.deb"));
    let told = publish(&rsh).fine();
    assert!(told.out.starts_with("nothing to publish"), "{}", told.out);
    assert!(told.err.contains("brought to deploy@www.example.org:"), "{}", told.err);
    assert!(!publish(&rsh).fine().err.contains("brought to"), "it is there already");
    let all = |place: &Path| {
        let found = Command::new("find").current_dir(place).args([".", "-type", "f"]).output().expect("runs");
        let mut files: Vec<String> =
            String::from_utf8(found.stdout).expect("text").lines().map(str::to_owned).collect();
        files.sort();
        files
    };
    let current = fs::canonicalize(space.current()).expect("published");
    assert_eq!(all(&remote), all(&current));
    for file in all(&remote) {
        assert_eq!(
            fs::read(remote.join(&file)).expect("reads"),
            fs::read(current.join(&file)).expect("reads"),
            "{file}"
        );
        let mode =
            std::os::unix::fs::PermissionsExt::mode(&fs::metadata(remote.join(&file)).expect("there").permissions());
        assert_eq!(mode & 0o777, 0o644, "{file}");
    }
    // What no generation names any more goes there too.
    fs::write(remote.join("pool/stranger.deb"), "x").expect("written");
    Tiny::PLAIN.with_recipe(&space, "env: #{ X: \"2\" }");
    space.opb(&["build", "-q"]).fine();
    publish(&rsh).fine();
    let current = fs::canonicalize(space.current()).expect("published");
    assert_eq!(all(&remote), all(&current));
    assert_eq!(all(&fs::canonicalize(folder.join("current")).expect("switched")), all(&current));
    for place in [&current, &folder.join("current"), &remote] {
        assert_eq!(shut(place), "", "nobody else could read it");
    }
}

/// Names of all packages below `folder`.
fn told_again(folder: &Path) -> String {
    let found = Command::new("find").arg("-L").arg(folder).args(["-name", "*.deb"]).output().expect("runs");
    String::from_utf8(found.stdout).expect("text")
}
