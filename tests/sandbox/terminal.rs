//! Terminals of guests: made inside, handed out, and nothing of the caller's own.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::thread::JoinHandle;

use opb::sandbox::{Cancel, End, GuestUser, Step, run_attached};

use super::space::{Space, shell, space};

/// What a script at a terminal of 33 lines came to, and what was shown; `typed` is typed once `ready` has been shown.
fn at_terminal(space: &Space, user: GuestUser, script: &str, typed: &'static str) -> (End, String) {
    let request = space.request(vec![Step::OnTerminal(Box::new(shell(user, script)))]);
    let mut shows: Option<JoinHandle<String>> = None;
    let mut attach = |outer: OwnedFd| {
        let size = libc::winsize { ws_row: 33, ws_col: 101, ws_xpixel: 0, ws_ypixel: 0 };
        // SAFETY: the call reads a `winsize`.
        assert_eq!(unsafe { libc::ioctl(outer.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) }, 0);
        let mut outer = File::from(outer);
        shows = Some(std::thread::spawn(move || {
            let (mut shown, mut bytes, mut left) = (String::new(), [0; 1_024], Some(typed));
            while let Ok(count @ 1..) = outer.read(&mut bytes) {
                shown.push_str(&String::from_utf8_lossy(&bytes[..count]));
                if let Some(typed) = left.take_if(|_| shown.contains("ready")) {
                    outer.write_all(typed.as_bytes()).expect("typed");
                }
            }
            shown
        }));
    };
    let cancel = Cancel::new().expect("a pipe");
    let mut log = Vec::new();
    let mut write = |bytes: &[u8]| log.extend_from_slice(bytes);
    let outcome = run_attached(&space.launcher, &request, &mut write, &mut attach, &cancel).expect("runs");
    assert_eq!(String::from_utf8_lossy(&log), "", "nothing of it is logged");
    (outcome.end, shows.expect("a terminal was handed out").join().expect("shows").replace('\r', ""))
}

#[test]
fn a_guest_has_a_terminal_of_its_own_and_no_other() {
    let Some(space) = space() else { return };
    let script = "tty; ls /dev/pts | cat; stty size; stat -c %u $(tty); for fd in /proc/self/fd/*; do readlink $fd; done | sort -u | grep -v ^/proc; echo in > /dev/tty; exit 7";
    for user in [GuestUser::Root, GuestUser::Builder] {
        let (end, shown) = at_terminal(space, user, script, "");
        let expected = format!("/dev/pts/0\n0\nptmx\n33 101\n{}\n/dev/pts/0\n", user.id());
        let (head, tail) = shown.split_at_checked(expected.len()).unwrap_or((&shown, ""));
        assert_eq!((head, end), (expected.as_str(), End::Exit(7)), "{shown}");
        // The pipe of the loop itself is the only other thing that was open.
        let other: Vec<&str> = tail.lines().filter(|line| !line.starts_with("pipe:[")).collect();
        assert_eq!(other, ["in"], "{shown}");
    }
}

#[test]
fn keys_are_signals_and_lines_of_the_guest() {
    let Some(space) = space() else { return };
    let user = GuestUser::Builder;
    let (end, shown) = at_terminal(space, user, "echo ready; read line; echo \"<$line>\"", "some words\n");
    assert_eq!((end, shown.as_str()), (End::Exit(0), "ready\nsome words\n<some words>\n"));
    let script = "trap 'echo interrupted; exit 5' INT; echo ready; while :; do sleep 1; done";
    let (end, shown) = at_terminal(space, user, script, "\u{3}");
    assert_eq!((end, shown.as_str()), (End::Exit(5), "ready\n^Cinterrupted\n"));
    // What is left running ends with it, and the terminal with that.
    let (end, _) = at_terminal(space, user, "(trap '' HUP; sleep 1000) & echo ready", "");
    assert_eq!(end, End::Exit(0));
}

#[test]
fn a_command_that_cannot_be_started_leaves_no_terminal_behind() {
    let Some(space) = space() else { return };
    let request = space
        .request(vec![shell(GuestUser::Builder, "exit 3"), Step::OnTerminal(Box::new(shell(GuestUser::Builder, "")))]);
    let mut outer = None;
    let mut attach = |handed| outer = Some(File::from(handed));
    let cancel = Cancel::new().expect("a pipe");
    let outcome = run_attached(&space.launcher, &request, &mut |_| (), &mut attach, &cancel).expect("runs");
    assert_eq!(outcome.end, End::Exit(3), "the step before it has failed");
    assert!(outer.expect("handed out").read(&mut [0]).is_err(), "nobody has its inner side any more");
}

#[test]
fn a_command_has_the_input_that_is_fed_to_it_and_no_other_step_has() {
    let Some(space) = space() else { return };
    for user in [GuestUser::Root, GuestUser::Builder] {
        let before = shell(user, "cat; readlink /proc/self/fd/0");
        let reads = shell(user, "cat; cat /dev/stdin; ls /proc/$$/fd; echo error >&2");
        let request = space.request(vec![before, Step::WithInput(Box::new(reads))]);
        let mut feed = |pipe: OwnedFd| File::from(pipe).write_all(b"some words\n").expect("room for a line");
        let cancel = Cancel::new().expect("a pipe");
        let mut log = Vec::new();
        let mut write = |bytes: &[u8]| log.extend_from_slice(bytes);
        let outcome = run_attached(&space.launcher, &request, &mut write, &mut feed, &cancel).expect("runs");
        // Both streams go to the log, in their order, as where nothing is fed.
        assert_eq!(String::from_utf8_lossy(&log), "/dev/null\nsome words\n0\n1\n2\nerror\n");
        assert_eq!(outcome.end, End::Exit(0));
    }
}
