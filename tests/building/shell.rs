//! `opb shell`: what is seen inside, what is left of a failed build, and that nothing of the caller's gets in.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, Stdio};

use nix::pty::openpty;
use nix::sys::termios::{Termios, tcgetattr};

use crate::space::sources::Tiny;
use crate::space::{Ran, Space, space, wait_for};

const BUILD: &str = "build:a-TAG@DISTRO/all";

/// `opb shell` for a person: its own terminal, made by the test.
pub struct Person {
    pub child: Child,
    pub shown: String,
    outer: File,
    inner: File,
    before: Termios,
}

impl Person {
    pub fn at(space: &Space, args: &[&str]) -> Self {
        let size = nix::pty::Winsize { ws_row: 41, ws_col: 133, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(Some(&size), None).expect("a terminal");
        let (outer, inner) = (File::from(pty.master), File::from(pty.slave));
        let before = tcgetattr(&inner).expect("modes");
        let end = || Stdio::from(inner.try_clone().expect("a descriptor"));
        let mut command = space.command(args);
        command.env("TERM", "vt100").stdin(end()).stdout(end()).stderr(end());
        let child = command.spawn().expect("starts");
        Self { child, shown: String::new(), outer, inner, before }
    }

    fn is_raw(&self) -> bool {
        tcgetattr(&self.inner).expect("modes") != self.before
    }

    /// Waits until `text` has been shown.
    pub fn sees(&mut self, text: &str) {
        let mut bytes = [0; 4_096];
        while !self.shown.contains(text) {
            let mut asked =
                [nix::poll::PollFd::new(std::os::fd::AsFd::as_fd(&self.outer), nix::poll::PollFlags::POLLIN)];
            let ready = nix::poll::poll(&mut asked, 30_000_u16).expect("polls");
            assert_ne!(ready, 0, "`{text}` is not shown in\n{}", self.shown);
            let count = self.outer.read(&mut bytes).expect("reads");
            self.shown.push_str(&String::from_utf8_lossy(&bytes[..count]).replace('\r', ""));
        }
    }

    pub fn types(&mut self, text: &str) {
        self.outer.write_all(text.as_bytes()).expect("typed");
    }
}

#[test]
fn a_command_finds_what_the_script_would() {
    let Some(space) = space("shell") else { return };
    Tiny::PLAIN.with_recipe(&space, "env: #{ GREETING: \"hi there\" }");
    let script = "pwd; id -un; echo $GREETING $OPB_NUMBER $TERM; ls /in /in/source /opb; tty; touch /out/x && ls -A /out /build; \
                  echo \"$0 $1\"; exit 9";
    // What it needs and is not there yet is made first.
    let ran = space.opb(&["shell", "a-TAG", "--", "sh", "-c", script, "zero", "a  'b\" $c"]).exits(9);
    assert!(ran.nodes("done").iter().any(|node| node.starts_with("source-package:a-")), "{}", ran.err);
    insta::assert_snapshot!(space.shown(&ran.out), @r#"
    /build
    builder
    hi there 1 dumb
    /in:
    source

    /in/source:
    a-TAG_1.0-1~SUFFIX.debian.tar.xz
    a-TAG_1.0-1~SUFFIX.dsc
    a-TAG_1.0.orig.tar.gz

    /opb:
    files
    script
    not a tty
    /build:

    /out:
    x
    zero a  'b" $c
    "#);
    // Nothing of it is anywhere: not a result, not a number, not a folder.
    assert_eq!(space.times(BUILD), 0);
    let again = space.opb(&["shell", "a-TAG", "--", "ls", "-A", "/out", "/build"]).fine();
    assert_eq!((again.out.as_str(), again.err.as_str()), ("/build:\n\n/out:\n", ""));
    space.opb(&["build"]).fine();
    assert_eq!(space.packages(BUILD), ["a-TAG_1.0-1~SUFFIX+opb1_all.deb"]);
    // The script itself does there what it does in a build.
    let ran =
        space.opb(&["shell", "a-TAG", "--", "sh", "-c", "sh -e /opb/script > /dev/null 2>&1; ls /out/packages"]).fine();
    assert_eq!(space.shown(&ran.out), "a-TAG_1.0-1~SUFFIX+opb1_all.deb");
}

#[test]
fn other_nodes_than_builds_have_shells_too() {
    let Some(space) = space("shells") else { return };
    space.write("recipes/a-TAG/more", "more\n");
    let fields = "files: #{ \"debian/more\": \"more\" }, env: #{ X: probe(\"echo TAG\") }";
    Tiny::PLAIN.with_recipe(&space, fields);
    let ran = space.opb(&["shell", "source-package:a-TAG", "--", "ls", "/in/source", "/in/files/debian"]).fine();
    assert_eq!(ran.out, "/in/files/debian:\nmore\n\n/in/source:\nREADME\ndebian\n");
    let probe = space.opb(&["eval", "--kind", "probe", "--format", "jsonl"]).fine().out;
    let probe: serde_json::Value = serde_json::from_str(probe.trim()).expect("one line");
    let probe = probe["name"].as_str().expect("a name");
    let ran = space.opb(&["shell", probe, "--", "cat", "/opb/files/command"]).fine();
    assert_eq!(ran.out, space.own("echo TAG\n"));
    // One that says no value has failed, and is there as it stood.
    Tiny::PLAIN.with_recipe(&space, "env: #{ X: probe(\"touch TAG\") }");
    let probe = space.opb(&["eval", "--kind", "probe", "--format", "jsonl"]).fine().out;
    let probe: serde_json::Value = serde_json::from_str(probe.trim()).expect("one line");
    let probe = probe["name"].as_str().expect("a name");
    space.opb(&["build", "-q", probe]).exits(4).says("said nothing");
    assert_eq!(space.opb(&["shell", probe, "--", "ls"]).fine().out, space.own("TAG\n"));
    let root = "root:base@DISTRO/ARCH";
    let ran = space.opb(&["shell", root, "--", "sh", "-c", "pwd; id -u; touch /x"]).exits(1);
    assert_eq!(ran.out, "/\n1000\ntouch: cannot touch '/x': Permission denied\n");
    let ran =
        space.opb(&["shell", root, "--as-root", "--", "sh", "-c", "touch /x && id -u && kill -KILL $$"]).exits(137);
    assert_eq!(ran.out, "0\n");
    space.opb(&["shell", root, "--", "test", "!", "-e", "/x"]).fine();
}

#[test]
fn a_person_works_at_a_terminal_of_the_sandbox() {
    let Some(space) = space("person") else { return };
    Tiny::PLAIN.with_recipe(&space, "");
    let mut person = Person::at(&space, &["shell", BUILD]);
    person.sees("leaves\n");
    insta::assert_snapshot!(space.shown(person.shown.split_once("build:a-").expect("told").1), @r"
    TAG@DISTRO/all: a fresh sandbox, as its script would find it
    you are the user `builder` in /build; `sh -ex /opb/script` does what its script does
    nothing that is done here stays; `exit` or Ctrl-D leaves
    ");
    person.sees("$ ");
    assert!(person.is_raw(), "each key goes through");
    // Its own terminal has a name inside; of ours nothing is to be found.
    // One that edits no lines.
    person.types("PS1=plain$((1)) exec sh\n");
    person.sees("plain1");
    person.types("PS1=; stty -echo; echo begin$((2))\n");
    person.sees("begin2\n");
    person.shown.clear();
    // Its own terminal has a name inside; of ours nothing is to be found.
    person.types("tty; ls /dev/pts | cat; stty size; echo $TERM; echo end\n");
    person.sees("end\n");
    assert_eq!(person.shown, "/dev/pts/0\n0\nptmx\n41 133\nvt100\nend\n");
    person.shown.clear();
    person.types("for fd in /proc/[0-9]*/fd/*; do readlink $fd; done 2> /dev/null | grep -vE '^(/dev/(pts/0|tty|null)|pipe:)'; echo end\n");
    person.sees("end\n");
    assert_eq!(person.shown, "end\n");
    // A new size is told, and keys are signals there.
    let size = nix::pty::Winsize { ws_row: 50, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the call reads a `winsize`.
    assert_eq!(unsafe { libc::ioctl(person.inner.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) }, 0);
    let pid = nix::unistd::Pid::from_raw(i32::try_from(person.child.id()).expect("a process"));
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGWINCH).expect("sent");
    person.types("until stty size | grep '^50 100'; do sleep 0.1; done\n");
    person.sees("\n50 100\n");
    person.types("sleep 1000\n");
    wait_for("the sleep", || has_process("sleep\u{0}1000").then_some(()));
    person.types("\u{3}");
    person.types("echo done; exit 3\n");
    person.sees("done\n");
    assert_eq!(person.child.wait().expect("ends").code(), Some(3));
    assert!(!person.is_raw(), "its modes are back");
}

/// Whether a process of this machine has these words, with a NUL between them.
pub fn has_process(line: &str) -> bool {
    let entries = fs::read_dir("/proc").expect("reads").flatten();
    let mut lines = entries.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    lines.any(|found| found.strip_suffix(b"\0") == Some(line.as_bytes()))
}

/// `opb` with `args`, whose input is what `feed` writes until it returns; whether that could all be written.
fn fed(space: &Space, args: &[&str], feed: impl FnOnce(&mut ChildStdin) -> io::Result<()> + Send) -> (Ran, bool) {
    let mut command = space.command(args);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
    let mut input = child.stdin.take().expect("piped");
    std::thread::scope(|scope| {
        let feeds = scope.spawn(move || feed(&mut input).is_ok());
        let ran = child.wait_with_output().expect("ends").into();
        (ran, feeds.join().expect("feeds"))
    })
}

#[test]
fn a_command_reads_what_is_piped_in() {
    let Some(space) = space("shell-input") else { return };
    Tiny::PLAIN.with_recipe(&space, "");
    let echo = |args: &[&str], text: &str| fed(&space, args, |input| input.write_all(text.as_bytes())).0.fine().out;
    // Numbers, so that nothing can be swapped or lost unseen.
    let numbers: String = (0..200_000).map(|number| format!("{number}\n")).collect();
    assert!(numbers.len() > 1_000_000);
    let command = |words: &[&'static str]| [&["shell", BUILD, "--"], words].concat();
    assert!(echo(&command(&["cat"]), &numbers) == numbers, "as it went in");
    assert!(echo(&command(&["cat", "/dev/stdin"]), &numbers) == numbers, "also by its name");
    assert!(echo(&["shell", "root:base@DISTRO/ARCH", "--as-root", "--", "cat", "/dev/stdin"], &numbers) == numbers);
    assert_eq!(echo(&command(&["sh"]), "pwd\nexec id -un\n"), "/build\nbuilder\n", "a script");
    // Also what comes from a file is a pipe there, and nothing else is open.
    let file = space.folder.join("input");
    fs::write(&file, "readlink /proc/self/fd/0; ls /proc/$$/fd\n").expect("written");
    let mut sh = space.command(&command(&["sh"]));
    let ran: Ran = sh.stdin(File::open(&file).expect("there")).output().expect("runs").into();
    let out = ran.fine().out;
    let (link, open) = out.split_once('\n').expect("lines");
    assert!(link.starts_with("pipe:["), "{out}");
    assert_eq!(open, "0\n1\n2\n");
}

#[test]
fn input_that_nobody_reads_holds_nothing_up() {
    let Some(space) = space("shell-unread") else { return };
    Tiny::PLAIN.with_recipe(&space, "");
    space.opb(&["build", "-q"]).fine();
    let command = |words: &[&'static str]| [&["shell", BUILD, "--"], words].concat();
    let endless = |input: &mut ChildStdin| loop {
        input.write_all(&[b'y'; 65_536])?;
    };
    // One that reads nothing, one that has read enough, and one that closes it and goes on.
    let (ran, written) = fed(&space, &command(&["sh", "-c", "echo done; exit 5"]), endless);
    assert_eq!((ran.exits(5).out.as_str(), written), ("done\n", false));
    let (ran, written) = fed(&space, &command(&["head", "-c", "3"]), endless);
    assert_eq!((ran.fine().out.as_str(), written), ("yyy", false));
    // All others of it are gone then: what `opb` writes has no reader, and it goes on.
    let (ran, _) = fed(&space, &command(&["sh", "-c", "exec < /dev/null; sleep 1; echo done"]), endless);
    assert_eq!(ran.fine().out, "done\n");
    // One that never comes to its end.
    let mut waits = space.command(&command(&["true"]));
    let mut child = waits.stdin(Stdio::piped()).spawn().expect("starts");
    let input = child.stdin.take();
    assert_eq!(child.wait().expect("ends").code(), Some(0), "with its input still open");
    drop(input);
}

#[test]
fn an_input_that_ends_or_fails_is_told() {
    let Some(space) = space("shell-ended") else { return };
    Tiny::PLAIN.with_recipe(&space, "");
    space.opb(&["build", "-q"]).fine();
    let cat = ["shell", BUILD, "--", "sh", "-c", "cat; echo end"];
    let (ran, _) = fed(&space, &cat, |_| Ok(()));
    assert_eq!(ran.fine().out, "end\n");
    let mut closed = space.command(&cat);
    // SAFETY: it closes a descriptor of the child's own, and touches no memory.
    unsafe { closed.pre_exec(|| Ok(nix::unistd::close(0)?)) };
    let ran: Ran = closed.output().expect("runs").into();
    assert_eq!(ran.fine().out, "end\n");
    // A folder cannot be read; half of a script may do what the whole would not.
    let ran: Ran = space.command(&cat).stdin(File::open(&space.folder).expect("there")).output().expect("runs").into();
    let ran = ran.exits(3);
    assert_eq!(ran.out, "end\n");
    insta::assert_snapshot!(space.shown(&ran.err), @r"
    opb::input

      × cannot read the standard input, so the command had only a part of it
      ╰─▶ Is a directory (os error 21)
      help: look at what it comes from
    ");
    // Where somebody types, the keys are not for it: it has a terminal, or, as here, no input.
    let pty = openpty(None, None).expect("a terminal");
    let (mut outer, inner) = (File::from(pty.master), File::from(pty.slave));
    outer.write_all(b"typed\n").expect("typed");
    let ran: Ran = space.command(&cat).stdin(inner).output().expect("runs").into();
    assert_eq!(ran.fine().out, "end\n");
}

#[test]
fn a_stopped_or_killed_shell_leaves_nothing() {
    let Some(space) = space("shell-killed") else { return };
    Tiny::PLAIN.with_recipe(&space, "");
    use nix::sys::signal::Signal::{SIGHUP, SIGKILL, SIGQUIT, SIGTERM};
    for signal in [SIGTERM, SIGHUP, SIGQUIT, SIGKILL] {
        let mark = format!("{}{signal}", space.tag);
        let mut person = Person::at(&space, &["shell", BUILD]);
        person.sees("$ ");
        // One that wants to outlive it.
        person.types(&format!("setsid nohup perl -e 'sleep 1000' {mark} & sleep 1000\n"));
        let line = format!("perl\u{0}-e\u{0}sleep 1000\u{0}{mark}");
        wait_for("what it has started", || has_process(&line).then_some(()));
        let pid = nix::unistd::Pid::from_raw(i32::try_from(person.child.id()).expect("a process"));
        nix::sys::signal::kill(pid, signal).expect("sent");
        let ended = person.child.wait().expect("ends");
        wait_for("its end", || (!has_process(&line)).then_some(()));
        assert_eq!(ended.code(), [SIGTERM, SIGHUP].contains(&signal).then_some(130), "{signal}");
        // Nobody can do anything about the last.
        assert_eq!(person.is_raw(), signal == SIGKILL, "{signal}: its modes are back");
    }
}

#[test]
fn a_shell_is_alone() {
    let Some(space) = space("shell-alone") else { return };
    Tiny::PLAIN.with_recipe(&space, "");
    fs::write(space.folder.join("secret"), "secret of the host").expect("written");
    let script = format!(
        "perl -e 'use IO::Socket::INET; print IO::Socket::INET->new(PeerAddr => \"192.0.2.1:80\", Timeout => 2) ? \"yes\" : \"$!\"'; \
         echo; sed -n 's/^ *\\([a-z0-9]*\\):.*/\\1/p' /proc/net/dev; cat {} 2>&1 | sed 's/.*: //'; env | grep -c SECRET; \
         ls /proc/1/root/ 2>&1 | sed 's/.*: //'; id -u; grep -E '^(CapEff|NoNewPrivs|Seccomp):' /proc/self/status; \
         echo x 2>/dev/null > /opb/script || echo read-only; echo x 2>/dev/null > /usr/x || echo not ours",
        space.folder.join("secret").display()
    );
    let mut command = space.command(&["shell", BUILD, "--", "sh", "-c", &script]);
    let ran: Ran = command.env("SECRET_OF_HOST", "yes").output().expect("runs").into();
    let mut said = ran.fine().out.clone();
    if space.folder.starts_with("/root") {
        // The guest has a folder of that name of its own, which is closed to its builder.
        said = said.replacen("Permission denied", "No such file or directory", 1);
    }
    insta::assert_snapshot!(said, @r"
    Network is unreachable
    lo
    No such file or directory
    0
    Permission denied
    1000
    CapEff:	0000000000000000
    NoNewPrivs:	1
    Seccomp:	2
    read-only
    not ours
    ");
}
