//! The same builds as an ordinary user, from nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::space::mini::{mini, spec};
use crate::space::sources::Tiny;
use crate::space::{Ran, Space, space};

/// Beyond the ids that root's own builds use here, so that the two can be told apart.
const SCRIPT: &str = "set -e
here=$1; shift
cd \"$here\"
for file in passwd subuid; do mount --bind $file /etc/$file; done
mount --bind subuid /etc/subgid
export HOME=$here/home XDG_CONFIG_HOME=$here/home/config
exec setpriv --reuid=23456 --regid=23456 --clear-groups --inh-caps=-all ./opb -C project --store store \"$@\"";

/// Whether this machine can be an ordinary user; says why not.
fn can_be_a_user() -> bool {
    if !nix::unistd::geteuid().is_root() {
        println!("skipped: this is an ordinary user already");
        return false;
    }
    let needed = [
        "/usr/bin/newuidmap",
        "/usr/bin/newgidmap",
        "/usr/bin/setpriv",
        "/usr/bin/unshare",
        "/etc/subuid",
        "/etc/subgid",
    ];
    if let Some(missing) = needed.into_iter().find(|path| !Path::new(path).is_file()) {
        println!("skipped: no `{missing}` to be an ordinary user with");
        return false;
    }
    true
}

/// An ordinary user with a copy of a project, and a store that has the files of archives and nothing that was built.
struct User<'a> {
    space: &'a Space,
    folder: tempfile::TempDir,
}

impl<'a> User<'a> {
    fn new(space: &'a Space) -> Self {
        // Outside of the tests' folder, since an ordinary user may not pass through all folders above that.
        let folder =
            tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o755)).tempdir().expect("a folder");
        let user = Self { space, folder };
        fs::copy(env!("CARGO_BIN_EXE_opb"), user.at("opb")).expect("copied");
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        fs::write(user.at("passwd"), format!("{passwd}opbtest:x:23456:23456::/:/bin/sh\n")).expect("written");
        fs::write(user.at("subuid"), "opbtest:400000:70000\n").expect("written");
        let script = "cd \"$1\"; cp -R \"$2\" project; mkdir home; ./opb -C project --store store plan
            cp -R \"$3/sha256\" \"$3/objects\" store/
            chown -R 23456:23456 project home store; chmod 755 opb";
        let mut command = Command::new("sh");
        command.args(["-euc", script, "sh"]).arg(user.folder.path()).arg(&space.folder).arg(&space.store);
        Ran::from(command.output().expect("runs")).fine();
        user
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn opb(&self, args: &[&str]) -> Ran {
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "sh", "-c", SCRIPT, "sh"])
            .arg(self.folder.path())
            .args(args.iter().map(|arg| self.space.own(arg)));
        Ran::from(command.env("NO_COLOR", "1").env_remove("OPB_STORE").output().expect("runs"))
    }

    fn store(&self) -> opb::store::Store {
        opb::store::Store::open(&opb::path::HostPath::new(self.at("store"))).expect("opens")
    }

    /// That the user's own builds came to what root's came to.
    fn has_the_same(&self, outputs: &[(&str, &str)]) {
        let theirs = self.store();
        for (node, output) in outputs {
            let last = theirs.last_of_node(&self.space.own(node)).expect("reads").expect("built");
            assert_eq!(last.outputs[*output], self.space.last(node).outputs[*output], "{node}");
            // Nothing of root's was found: the user's was run.
            assert!(last.log.is_some());
        }
    }
}

#[test]
fn an_ordinary_user_makes_the_same_packages() {
    let Some(space) = space("user").filter(|_| can_be_a_user()) else { return };
    let source = Tiny {
        packages: &[("one", "any"), ("data", "all")],
        fields: "Rules-Requires-Root: binary-targets\n",
        fill: "echo text > $d/x; chmod 4755 $d/x; ln -s x $d/y; mkdir $d/z; chmod 2775 $d/z; chown 0:7 $d/z",
        ..Tiny::PLAIN
    };
    source.with_recipe(&space, "");
    space.opb(&["build"]).fine();

    let user = User::new(&space);
    let ran = user.opb(&["build"]).fine();
    assert!(ran.nodes("done").iter().any(|node| node.starts_with("root:base@")), "{}", ran.err);

    user.has_the_same(&[
        ("source-package:a-TAG@DISTRO", "source"),
        ("build:a-TAG@DISTRO/ARCH", "packages"),
        ("build:a-TAG@DISTRO/all", "packages"),
    ]);
    let theirs = user.store();
    // What a failed build leaves is theirs as well, in whatever modes, and goes.
    let pack = user.at("project").join(space.own("a/debian/pack"));
    let (good, bad) =
        (fs::read_to_string(&pack).expect("there"), "mkdir ../x; echo x > ../x/y; chmod 700 ../x; exit 1");
    fs::write(&pack, bad).expect("written");
    user.opb(&["build", "-q", "a-TAG"]).exits(4);
    assert_eq!(theirs.failed_trees().expect("reads").len(), 2);
    let script = "stat -c '%A %U' x; chmod 755 x; cat x/y; id -u; echo z > /out/z; rm -r x tree";
    for _ in 0..2 {
        let ran = user.opb(&["shell", "build:a-TAG@DISTRO/all", "--", "sh", "-c", script]).fine();
        assert_eq!(ran.out, "drwx------ builder\nx\n1000\n", "{}", ran.err);
    }
    fs::write(&pack, good + "true\n").expect("written");
    user.opb(&["build", "-q", "a-TAG"]).fine();
    assert_eq!(theirs.failed_trees().expect("reads"), []);
    let work = fs::read_dir(user.at("store/work")).expect("reads").flatten();
    assert!(work.map(|entry| entry.path()).all(|path| !path.join("tree").exists()));
}

#[test]
fn an_ordinary_user_makes_the_same_rpm_packages() {
    let Some(mini) = mini("rpm-user").filter(|_| can_be_a_user()) else { return };
    let space = &mini.space;
    space.write("tool/tool.c", "int main(void) { return 0; }\n");
    let compiled = "%build\ngcc -g -O2 -o tool tool.c\n%install\ninstall -D -m 4755 tool %{buildroot}%{_bindir}/tool-TAG\n\
                    %files\n%attr(4755, root, bin) %{_bindir}/tool-TAG\n";
    mini.component("tool", "", &spec("tool", "BuildRequires: gcc", compiled));
    space.opb(&["update", "@mini-1"]).fine();
    space.opb(&["build"]).fine();
    let user = User::new(space);
    let ran = user.opb(&["build"]).fine();
    assert!(ran.nodes("done").iter().any(|node| node.starts_with("root:base@")), "{}", ran.err);
    user.has_the_same(&[
        ("source-package:tool-TAG@mini-1", "source"),
        ("build:tool-TAG@mini-1/amd64", "packages"),
        ("build:tool-TAG@mini-1/amd64", "debug"),
    ]);
}
