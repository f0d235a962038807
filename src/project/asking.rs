//! Where passphrases come from: credentials that systemd hands over as files, and a person at a terminal.

use std::io::{IsTerminal as _, stderr, stdin, stdout};
use std::os::fd::AsFd;
use std::path::PathBuf;

use nix::unistd::{AccessFlags, access, ttyname};

use crate::path::HostPath;
use crate::sign::Terminal;

/// The folder of this service's credentials (systemd.exec(5), `LoadCredential=`); `None` outside of a service that has any.
#[expect(clippy::disallowed_methods, reason = "the project is where the environment is read")]
pub fn credentials() -> Option<HostPath> {
    let folder = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    folder.filter(|folder| folder.is_absolute()).map(HostPath::new)
}

/// The program of that name, as a shell would find it.
#[expect(clippy::disallowed_methods, reason = "the project is where the environment is read")]
pub fn program_at(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let places = std::env::split_paths(&path).filter(|folder| folder.is_absolute()).map(|folder| folder.join(name));
    places.into_iter().find(|place| place.is_file() && access(place, AccessFlags::X_OK).is_ok())
}

/// The terminal at which somebody has started this program; `None` where nobody has.
#[expect(clippy::disallowed_methods, reason = "the project is where the environment is read")]
pub fn terminal() -> Option<Terminal> {
    let name = |is_terminal: bool, file: &dyn AsFd| is_terminal.then(|| ttyname(file.as_fd()).ok()).flatten();
    let path = name(stdin().is_terminal(), &stdin())
        .or_else(|| name(stderr().is_terminal(), &stderr()))
        .or_else(|| name(stdout().is_terminal(), &stdout()))?;
    let kind = std::env::var("TERM").ok().filter(|kind| !kind.is_empty());
    Some(Terminal { path, kind })
}
