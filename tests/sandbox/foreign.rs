//! Programs of other arches: who runs them, and that the host is not touched.

use opb::sandbox::{Cpu, Emulator, NoCpu, Runs, host_arch, how_it_runs};

use super::*;

/// What the host's kernel has registered for everybody.
fn registered() -> Vec<String> {
    let entries = fs::read_dir("/proc/sys/fs/binfmt_misc").into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn found(space: &space::Space, arch: &str) -> Result<Runs, NoCpu> {
    how_it_runs(&space.launcher, &HostPath::new(space.folder.join(format!("trial-{arch}"))), arch).expect("sandboxes")
}

#[test]
fn programs_of_other_arches_run_under_an_emulator_of_the_guests_own() {
    let Some(space) = space() else { return };
    let before = registered();
    let mut emulated = 0;
    for arch in ["arm64", "armhf", "armel", "riscv64", "ppc64el", "s390x", "loong64"] {
        match found(space, arch) {
            Ok(runs) => {
                assert!(runs.emulator().is_some_and(|name| name.starts_with("qemu-")), "{arch}: {runs:?}");
                emulated += 1;
            }
            Err(NoCpu::NoEmulator { name }) => println!("skipped: {arch}: no `{name}` (package `qemu-user-static`)"),
            Err(NoCpu::Unusable { why, .. }) if why.contains("binfmt_misc") => {
                println!("skipped: {arch}: this kernel has no registry for each guest: {why}");
            }
            Err(why) => panic!("{arch}: {why}"),
        }
    }
    println!("{emulated} foreign arches run here");
    assert_eq!(registered(), before, "the host's registry is as it was");
    assert!(!space.folder.join("trial-arm64").exists(), "nothing is left of a trial");
}

#[test]
fn the_hosts_own_arch_is_not_tried_and_an_unknown_one_has_no_emulator() {
    let Some(space) = space() else { return };
    assert_eq!(found(space, host_arch()), Ok(Runs::Natively(Cpu::Host)));
    assert_eq!(found(space, "pdp11"), Err(NoCpu::Unknown));
}

#[test]
fn an_emulator_that_does_not_run_is_no_emulator() {
    let Some(space) = space() else { return };
    let broken = Cpu::Emulated(Emulator { arch: "arm64".to_owned(), program: HostPath::new("/nowhere/qemu") });
    let request = Request { cpu: broken, ..space.request(vec![shell(GuestUser::Builder, "true")]) };
    let error = space.run(&request).0.expect_err("no such program");
    let told = format!("{error}");
    assert!(told.starts_with("cannot set up the sandbox: "), "{told}");
    assert!(told.ends_with("registering the emulator `/nowhere/qemu`") || told.contains("binfmt_misc"), "{told}");
}

/// Calls by the numbers of i386: the name of each that is refused otherwise than it should be.
const CALLS: &str = r#"
static int call(int number, int first, int second) {
    int result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(first), "c"(second), "d"(0), "S"(0), "D"(0) : "memory");
    return result;
}
static void say(const char *text) {
    int length = 0;
    while (text[length]) length++;
    __asm__ volatile("int $0x80" : : "a"(4), "b"(1), "c"(text), "d"(length) : "memory");
}
static void expect(const char *name, int result, int wanted) { if (result != wanted) say(name); }
void _start(void) {
    char names[390];
    expect("mount ", call(21, 0, 0), -1);
    expect("unshare ", call(310, 0x10000000, 0), -1);
    expect("unshare-of-nothing ", call(310, 0, 0), 0);
    expect("clone ", call(120, 0x10000000 | 17, 0), -1);
    expect("clone3 ", call(435, 0, 0), -38);
    expect("TIOCSTI ", call(54, 0, 0x5412), -1);
    expect("TCGETS ", call(54, 0, 0x5401), -25);
    expect("keyctl ", call(288, 0, 0), -1);
    expect("open_tree ", call(428, 0, 0), -1);
    if (call(20, 0, 0) < 1) say("getpid ");
    call(122, (int)names, 0);
    say(names + 4 * 65);
    call(1, 0, 0);
}
"#;

#[test]
fn programs_of_32_bits_run_with_what_is_denied_to_others_denied_to_them() {
    let Some(space) = space() else { return };
    if host_arch() != "amd64" {
        return println!("skipped: this test is one for amd64");
    }
    let (source, program) = (space.folder.join("calls.c"), space.folder.join("calls"));
    fs::write(&source, CALLS).expect("written");
    let mut compiler = Command::new("gcc");
    compiler.args(["-m32", "-nostdlib", "-static", "-fno-pic", "-fno-stack-protector", "-no-pie", "-O1", "-o"]);
    assert!(compiler.args([&program, &source]).status().expect("gcc").success());
    assert_eq!(found(space, "i386"), Ok(Runs::Natively(Cpu::Narrow)), "this kernel runs them");
    for user in [GuestUser::Root, GuestUser::Builder] {
        let steps = vec![command(user, &["/calls"]), shell(user, "echo; uname -m")];
        let request = Request { cpu: Cpu::Narrow, binds: vec![bind(&program, "/calls")], ..space.request(steps) };
        assert_eq!(space.output(&request), "i686\ni686\n");
        let wide = Request { cpu: Cpu::Host, ..request.clone() };
        let (ended, _) = space.run(&Request { scratch: space.fresh("scratch"), ..wide });
        assert_eq!(ended.expect("a sandbox").end, End::Signal(31), "in another guest such a call is a mistake");
    }
}
