//! The caller's terminal, while somebody works at one inside of a sandbox.
//!
//! Bytes are copied both ways, as by `ssh`: in raw mode each key goes through, and what it does is up to the other side. The
//! sandbox's terminal gets the modes and the size of this one, and each new size. However this program ends by itself, the
//! modes come back: at the end, when it is stopped, when it panics.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;

use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};
use signal_hook::consts::{SIGALRM, SIGCONT, SIGQUIT, SIGTSTP, SIGUSR1, SIGUSR2, SIGWINCH};
use signal_hook::iterator::Signals;

/// Kinds of terminals that every root of a distribution knows.
const KNOWN: [&str; 8] = ["ansi", "dumb", "linux", "rxvt", "screen", "tmux", "vt100", "xterm"];

/// The modes that come back.
static MODES: OnceLock<libc::termios> = OnceLock::new();

/// Whether others are set now.
static IS_RAW: AtomicBool = AtomicBool::new(false);

/// The terminal of whoever called.
pub struct Terminal {
    modes: Termios,
    shows: Mutex<Option<JoinHandle<()>>>,
}

impl Terminal {
    /// `None` where input or output is something else.
    pub fn of_caller() -> Option<Self> {
        let (input, output) = (io::stdin(), io::stdout());
        if !input.is_terminal() || !output.is_terminal() {
            return None;
        }
        Some(Self { modes: tcgetattr(&input).ok()?, shows: Mutex::new(None) })
    }

    /// What kind of terminal it is, for programs inside: one that they know.
    pub fn kind(&self) -> String {
        let kind = std::env::var("TERM").unwrap_or_default();
        let family = kind.split('-').next().unwrap_or_default();
        let is_plain = kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-+.".contains(&byte));
        if is_plain && KNOWN.contains(&family) { kind } else { "xterm-256color".to_owned() }
    }

    /// Works at the terminal with the outer side `outer` from now on.
    pub fn attach(&self, outer: OwnedFd) {
        // Where something of this fails, what was there before is as good as can be had.
        let _ = tcsetattr(&outer, SetArg::TCSANOW, &self.modes);
        let outer = File::from(outer);
        let (Ok(mut shown), Ok(mut fed)) = (outer.try_clone(), outer.try_clone()) else { return };
        copy_size(&outer);
        raw(&self.modes);
        if let Ok(signals) = Signals::new([SIGWINCH, SIGCONT, SIGTSTP, SIGQUIT, SIGALRM, SIGUSR1, SIGUSR2]) {
            let modes = self.modes.clone();
            std::thread::spawn(move || mind(signals, &outer, &modes));
        }
        let shows = std::thread::spawn(move || {
            let mut bytes = [0; 8_192];
            // Its end is an error: nobody has the inner side any more.
            while let Ok(count @ 1..) = shown.read(&mut bytes) {
                let mut stdout = io::stdout().lock();
                if stdout.write_all(&bytes[..count]).and_then(|()| stdout.flush()).is_err() {
                    return;
                }
            }
        });
        *self.shows.lock().unwrap_or_else(PoisonError::into_inner) = Some(shows);
        std::thread::spawn(move || {
            let mut bytes = [0; 4_096];
            // Past the buffer of the standard library, so that nothing is read ahead.
            let Ok(mut keys) = io::stdin().as_fd().try_clone_to_owned().map(File::from) else { return };
            while let Ok(count @ 1..) = keys.read(&mut bytes) {
                if fed.write_all(&bytes[..count]).is_err() {
                    return;
                }
            }
        });
    }

    /// Gives the terminal back, after all that came has been shown unless somebody wants it to stop.
    pub fn leave(self, to_end: bool) {
        let shows = self.shows.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(shows) = shows.filter(|_| to_end) {
            let _ = shows.join();
        }
        restore();
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        restore();
    }
}

/// Lets every key through. From here on the modes come back however this process ends by itself.
fn raw(modes: &Termios) {
    let mut raw = modes.clone();
    cfmakeraw(&mut raw);
    if MODES.set(modes.clone().into()).is_ok() {
        // SAFETY: the function is one of ours, takes nothing, and may run at any time.
        unsafe { libc::atexit(at_exit) };
    }
    IS_RAW.store(true, Ordering::SeqCst);
    let _ = tcsetattr(io::stdin(), SetArg::TCSADRAIN, &raw);
}

extern "C" fn at_exit() {
    restore();
}

/// Brings the modes back. It may be called at any time.
fn restore() {
    if let Some(modes) = MODES.get().filter(|_| IS_RAW.swap(false, Ordering::SeqCst)) {
        // SAFETY: the struct is the one that the call reads. What is typed ahead is for whoever reads next.
        unsafe { libc::tcsetattr(libc::STDIN_FILENO, libc::TCSANOW, modes) };
    }
}

/// Passes new sizes on, and takes care of the modes where somebody else stops or ends this process.
fn mind(mut signals: Signals, outer: &File, modes: &Termios) {
    for signal in signals.forever() {
        match signal {
            SIGWINCH => copy_size(outer),
            SIGCONT => {
                raw(modes);
                copy_size(outer);
            }
            _ => {
                restore();
                let _ = signal_hook::low_level::emulate_default_handler(signal);
            }
        }
    }
}

/// Gives the terminal inside the size of this one; the kernel tells those who work there.
fn copy_size(outer: &File) {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the call writes a `winsize` where it is told to, and nothing else.
    if unsafe { libc::ioctl(libc::STDIN_FILENO, libc::TIOCGWINSZ, &raw mut size) } == 0 {
        // SAFETY: the call reads a `winsize`.
        unsafe { libc::ioctl(outer.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) };
    }
}
