//! A foreign arch for real: arm64 on a machine that is none, under QEMU.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::space::{Ran, Space, space};

const NATIVE: &str = "build:hello-TAG@DISTRO/ARCH";
const FOREIGN: &str = "build:hello-TAG@DISTRO/arm64";

/// A project with `hello` for this machine's arch and for arm64; `None` where it cannot be built, which is said.
fn with_hello() -> Option<Space> {
    if std::env::var_os("OPB_TEST_FULL").is_none() {
        println!("skipped: it takes minutes; OPB_TEST_FULL=1 runs it");
        return None;
    }
    let space = space("foreign")?;
    if space.shared.arch == "arm64" {
        println!("skipped: arm64 is no foreign arch here");
        return None;
    }
    // Without what takes minutes under an emulator and makes no difference: `autoreconf`, and checks of configure that serve
    // warnings only. So the source package is made anew, once for both, and in each run of the suite.
    let rules = "#!/usr/bin/make -f\n# TAG\n%:\n\tdh $@ --without autoreconf\noverride_dh_auto_clean:\noverride_dh_auto_configure:\n\
                 \tsed -i 's/^    for gl_func in .*; do$$/    for gl_func in; do/' configure\n\t./configure --prefix=/usr\n";
    space.write("recipes/hello-TAG/rules", rules);
    space.write(
        "recipes/hello-TAG/recipe.rhai",
        "#{ source: dsc(\"hello\"), profiles: [\"nocheck\"], env: #{ OPB_TEST: \"TAG\" }, files: #{ \"debian/rules\": \"rules\" } }",
    );
    space.opb(&["update", "@DISTRO/arm64"]).fine();
    Some(space)
}

/// The program on this machine as it would be without emulators; `None` where only root could make it so.
fn without_emulators(space: &Space, args: &[&str]) -> Option<Ran> {
    if !nix::unistd::geteuid().is_root() || Path::new("/proc/sys/fs/binfmt_misc/qemu-aarch64").exists() {
        return None;
    }
    let opb = space.command(args);
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-euc"]);
    command.arg("for qemu in /usr/bin/qemu-aarch64*; do mount --bind /dev/null \"$qemu\"; done; exec \"$@\"").arg("sh");
    command.arg(opb.get_program()).args(opb.get_args());
    for (name, value) in opb.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    Some(command.output().expect("runs").into())
}

/// The files of the only package of a build.
fn unpacked(space: &Space, node: &str) -> (String, std::path::PathBuf) {
    let debs: Vec<_> =
        space.files(node, "packages").into_iter().filter(|(name, _)| name.starts_with("hello_")).collect();
    let [(name, digest)] = &debs[..] else { panic!("{node}: {debs:?}") };
    let bytes = space.open_store().read_object(digest.parse().expect("a digest"), 64 << 20).expect("reads");
    let folder = space.folder.join(node.replace(['/', ':'], "_"));
    fs::create_dir_all(&folder).expect("made");
    fs::write(folder.join(name), bytes).expect("written");
    let unpacked = Command::new("dpkg-deb").arg("-x").arg(folder.join(name)).arg(folder.join("x")).status();
    assert!(unpacked.expect("dpkg-deb").success());
    let field = Command::new("dpkg-deb").arg("-f").arg(folder.join(name)).arg("Architecture").output().expect("runs");
    (String::from_utf8_lossy(&field.stdout).trim().to_owned(), folder.join("x/usr/bin/hello"))
}

#[test]
fn hello_is_built_for_arm64_beside_this_machines_own() {
    let Some(space) = with_hello() else { return };
    let registered = || fs::read_dir("/proc/sys/fs/binfmt_misc").map_or(0, Iterator::count);
    let before = registered();
    if let Some(ran) = without_emulators(&space, &["build", "--only", FOREIGN, NATIVE]) {
        // What is not of that arch is built all the same.
        let ran = ran.exits(3).says(&space.own("error: DISTRO/arm64 does not run on this machine"));
        let ran = ran.says("there is no `qemu-aarch64-static`").says("help: install `qemu-user-static`");
        assert_eq!(ran.nodes("done").iter().filter(|node| **node == space.own(NATIVE)).count(), 1, "{}", ran.err);
    }
    let plan = space.opb(&["plan", "--only", FOREIGN]);
    if plan.code == Some(3) {
        return println!("skipped: {}", plan.out);
    }
    assert!(plan.out.contains(&space.own("DISTRO/arm64 runs under qemu-aarch64")), "{}", plan.out);
    let both = ["build", "--only", NATIVE, FOREIGN];
    let ran = space.opb(&both).fine();
    let note = space.own("note: DISTRO/arm64 runs under qemu-aarch64");
    assert_eq!(ran.err.lines().filter(|line| line.starts_with(&note)).count(), 1, "{}", ran.err);

    // Each is of its arch, by its control file and by its machine (`e_machine`).
    let machine = |program: &Path| fs::read(program).expect("a program")[18..20].to_vec();
    let (arch, program) = unpacked(&space, FOREIGN);
    assert_eq!((arch.as_str(), machine(&program)), ("arm64", vec![183, 0]));
    let (arch, native) = unpacked(&space, NATIVE);
    assert_eq!(arch, space.shared.arch);
    assert_ne!(machine(&native), [183, 0]);
    let said = space.in_base("root:base@DISTRO/arm64", &[(&program, "/hello")], "/hello; uname -m").fine();
    assert_eq!(said.out, "Hello, world!\naarch64\n");

    // One source package for both, made once; and the record says how each was run.
    assert_eq!(space.times("source-package:hello-TAG@DISTRO"), 1);
    let (foreign, native) = (space.last(FOREIGN), space.last(NATIVE));
    let source = |text: &str| text.lines().find(|line| line.starts_with("input source")).map(str::to_owned);
    assert!(source(&foreign.derivation).is_some() && source(&foreign.derivation) == source(&native.derivation));
    assert_eq!([foreign.backend.as_str(), &native.backend], ["namespaces under qemu-aarch64", "namespaces"]);
    assert!(!foreign.derivation.contains("qemu"), "the emulator is no part of the key: {}", foreign.derivation);

    // A second run does nothing, with an emulator or without: the keys are the same.
    let nothing = space.opb(&both).fine();
    assert!(nothing.err.starts_with("nothing to do"), "{}", nothing.err);
    if let Some(nothing) = without_emulators(&space, &both) {
        let nothing = nothing.fine();
        assert!(nothing.err.starts_with("nothing to do"), "{}", nothing.err);
    }
    assert_eq!(registered(), before, "the host's kernel knows no more emulators than before");
}
