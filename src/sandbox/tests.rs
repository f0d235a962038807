//! The texts of the errors. What a sandbox does is in `tests/sandbox.rs`.

use std::io;

use miette::Diagnostic as _;

use super::wire::{Place, Trouble};
use super::*;
use crate::diag::{Cause, Caused as _};

fn shown(error: &SandboxError) -> String {
    let help = error.help().map(|help| help.to_string()).unwrap_or_default();
    format!("{error} | {help}")
}

#[test]
fn errors_say_what_to_do() {
    let denied = || io::Error::from_raw_os_error(libc::EACCES);
    let cases = [
        (
            SandboxError::HelperMissing { program: "newuidmap" },
            "cannot find `newuidmap`, which gives an ordinary user the ids of a sandbox | install the package `uidmap`, or run as root",
        ),
        (
            SandboxError::NoRange { file: "/etc/subuid", user: "anna".into(), found: 0, needed: 65_535 },
            "`/etc/subuid` gives `anna` 0 ids where a sandbox needs 65535 | give it a range that nobody else has: `usermod --add-subuids 100000-165535 --add-subgids 100000-165535 anna`",
        ),
        (
            SandboxError::RangeUnmapped { first: 1_879_048_192 },
            "this root has no ids from 1879048192 on to give to a sandbox | add a line for root to `/etc/subuid` and `/etc/subgid` with 65536 ids that `/proc/self/uid_map` holds, or run on the host itself",
        ),
        (
            SandboxError::Forbidden { sysctl: "user.max_user_namespaces", value: "0".into(), wanted: "16384" },
            "the host forbids ordinary users their own namespaces: `user.max_user_namespaces` is 0 | set it to 16384 with `sysctl -w user.max_user_namespaces=16384`, or run as root",
        ),
        (
            SandboxError::MapRefused { program: "/usr/bin/newuidmap".into(), said: "write to uid_map failed".into() },
            "cannot map ids with `/usr/bin/newuidmap`: write to uid_map failed | compare `/etc/subuid` and `/etc/subgid` with your uid, and see that `/usr/bin/newuidmap` is setuid root",
        ),
        (
            SandboxError::File { doing: "make", path: "/x".into(), source: denied() },
            "cannot make `/x` | see that it is there and that you may use it",
        ),
        (
            SandboxError::Supervisor { program: "/x/opb".into(), source: denied() },
            "cannot start the sandbox's supervisor `/x/opb` | see that the machine has processes and descriptors left",
        ),
        (
            SandboxError::SetUp { doing: "mounting the overlay".into(), source: denied() },
            "cannot set up the sandbox: mounting the overlay | see that this is Linux 5.12 or newer, outside of a container that hides parts of `/proc`, and that the file system can hold an overlay",
        ),
        (
            SandboxError::Step { step: 2, doing: "starting `make`".into(), source: denied() },
            "cannot do step 2 of the sandbox: starting `make` | see whether the root holds what the step needs",
        ),
        (
            SandboxError::Lost { who: "init", status: "signal 9".into() },
            "the sandbox was lost: its init ended with signal 9 | see the kernel's log for a kill for want of memory, and try again",
        ),
    ];
    for (error, text) in cases {
        assert_eq!(shown(&error), text);
    }
}

#[test]
fn troubles_keep_their_place_and_cause() {
    let trouble = Trouble::new("starting `x`", &io::Error::from_raw_os_error(libc::ENOENT)).at(Place::Step(1));
    let error = SandboxError::from(trouble);
    assert_eq!(error.fault(), Cause::Build);
    let SandboxError::Step { step: 1, source, .. } = &error else { panic!("{error:?}") };
    assert_eq!(source.raw_os_error(), Some(libc::ENOENT));

    let said = io::Error::other("no data.tar");
    let error = SandboxError::from(Trouble::new("unpacking", &said));
    let SandboxError::SetUp { source, .. } = &error else { panic!("{error:?}") };
    assert_eq!(source.to_string(), "no data.tar");
    assert_eq!(error.fault(), Cause::Environment);
}

#[test]
fn messages_survive_the_wire_and_bad_ones_are_refused() {
    let mut bytes = Vec::new();
    wire::send(&mut bytes, &"text").expect("sent");
    assert_eq!(bytes, b"\x06\0\0\0\"text\"");
    assert_eq!(wire::receive::<String>(&mut bytes.as_slice()).expect("received"), "text");
    for bad in [&b""[..], b"\x06\0\0\0\"te", b"\xff\xff\xff\xff", b"\x02\0\0\0[]"] {
        assert!(wire::receive::<String>(&mut &bad[..]).is_err(), "{bad:?}");
    }
}
