//! Descriptors that go from one process to another over a socket, beside a few bytes (`unix(7)`, `SCM_RIGHTS`).

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd as _, FromRawFd as _, OwnedFd, RawFd};

use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};

/// The most descriptors of a message.
const MOST: usize = 3;

/// Sends `bytes`, of which there is at least one, with `descriptors`, at most three.
pub(super) fn send(socket: impl AsFd, bytes: &[u8], descriptors: &[RawFd]) -> io::Result<()> {
    let rights = [ControlMessage::ScmRights(descriptors)];
    let rights = if descriptors.is_empty() { &[] } else { &rights[..] };
    // No signal where the other side is gone.
    let flags = MsgFlags::MSG_NOSIGNAL;
    sendmsg::<()>(socket.as_fd().as_raw_fd(), &[IoSlice::new(bytes)], rights, flags, None)?;
    Ok(())
}

/// Waits for a message of exactly `bytes.len()` bytes; gives the descriptors in it, which exec closes.
///
/// # Errors
/// [`io::ErrorKind::UnexpectedEof`] where the other side has closed its end, or sent less.
pub(super) fn receive(socket: impl AsFd, bytes: &mut [u8]) -> io::Result<Vec<OwnedFd>> {
    let length = bytes.len();
    let mut space = nix::cmsg_space!([RawFd; MOST]);
    let mut parts = [IoSliceMut::new(bytes)];
    let flags = MsgFlags::MSG_CMSG_CLOEXEC | MsgFlags::MSG_WAITALL;
    let message = recvmsg::<()>(socket.as_fd().as_raw_fd(), &mut parts, Some(&mut space), flags)?;
    let passed = message.cmsgs()?.flat_map(|part| match part {
        ControlMessageOwned::ScmRights(passed) => passed,
        _ => Vec::new(),
    });
    // SAFETY: the kernel has just made them, and nobody else owns them.
    let passed: Vec<OwnedFd> = passed.map(|descriptor| unsafe { OwnedFd::from_raw_fd(descriptor) }).collect();
    if message.bytes == length { Ok(passed) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}
