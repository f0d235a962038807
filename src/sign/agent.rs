//! Keys that gpg-agent holds, also those on cards: the secret half never enters this process.
//!
//! gpg says what the key is, gpg-agent signs a hash with it. The agent speaks Assuan, a protocol of lines (GnuPG's manual,
//! "Agent's Assuan Protocol"): `SIGKEY <keygrip>`, `SETHASH`, `PKSIGN`, answered by data and `OK`, or by `ERR`.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use pgp::composed::{Deserializable as _, SignedPublicKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::crypto::public_key::PublicKeyAlgorithm;
use pgp::types::{Mpi, SignatureBytes};

use super::certificate::{self, Part};
use super::{PublicKey, SignError, assuan};

/// A person may have to type a PIN into the agent's own window; nobody waits longer than this.
const PATIENCE: Duration = Duration::from_secs(120);

/// How often an agent is called that ends while it is talked to.
const TRIES: u32 = 5;

/// An Assuan line is at most 1000 bytes; the rest is for agents that do not count well.
const MAX_LINE: u64 = 4096;

/// No signature is longer.
const MAX_DATA: usize = 64 * 1024;

/// A key in gpg-agent.
pub struct AgentKey {
    public: SignedPublicKey,
    /// Keygrips by fingerprint: what the agent calls the parts of the key.
    grips: BTreeMap<String, String>,
    home: Option<PathBuf>,
    /// Where the agent listens, once that is known.
    socket: Mutex<Option<PathBuf>>,
    /// Conversations that nobody is having: there are as many as threads have signed at a time.
    idle: Mutex<Vec<Assuan>>,
}

impl AgentKey {
    /// Asks gpg for the key with this fingerprint (of the primary key; spaces do not matter).
    ///
    /// `home` is GnuPG's folder; `None` is the usual one.
    ///
    /// # Errors
    /// [`SignError::Fingerprint`], [`SignError::Tool`], [`SignError::Unknown`].
    pub fn find(fingerprint: &str, home: Option<&Path>) -> Result<Self, SignError> {
        let digits: String = fingerprint.split_whitespace().collect::<String>().to_ascii_uppercase();
        // Only digits get into gpg's arguments: nothing here can be an option.
        if digits.len() != 40 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(SignError::Fingerprint { text: fingerprint.escape_debug().to_string() });
        }
        let unknown = || SignError::Unknown { fingerprint: digits.clone() };
        let exported = run("gpg", home, &["--batch", "--no-tty", "--export", &digits])?;
        let public = SignedPublicKey::from_bytes(&exported[..]).map_err(|_| unknown())?;
        if certificate::fingerprint(&public) != digits {
            return Err(unknown());
        }
        let listed =
            run("gpg", home, &["--batch", "--no-tty", "--with-colons", "--with-keygrip", "--list-keys", &digits])?;
        let grips = read_grips(&String::from_utf8_lossy(&listed));
        Ok(Self { public, grips, home: home.map(Path::to_owned), socket: Mutex::default(), idle: Mutex::default() })
    }

    pub(super) fn public(&self) -> &SignedPublicKey {
        &self.public
    }

    /// What is public of the key.
    pub fn public_key(&self) -> PublicKey {
        PublicKey::of(self.public.clone())
    }

    /// The first of `parts` whose secret half the agent has, with its keygrip.
    pub(super) fn first_held<'a>(&self, parts: &[Part<'a>]) -> Result<Option<(Part<'a>, String)>, SignError> {
        for part in parts {
            let Some(grip) = self.grips.get(&part.fingerprint()) else { continue };
            match self.converse(|agent| agent.ask(&format!("HAVEKEY {grip}"))) {
                Ok(_) => return Ok(Some((*part, grip.clone()))),
                Err(SignError::Refused { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Has the agent sign `digest`.
    pub(super) fn sign(
        &self,
        grip: &str,
        algorithm: PublicKeyAlgorithm,
        hash: HashAlgorithm,
        digest: &[u8],
    ) -> Result<SignatureBytes, SignError> {
        let hash = match hash {
            HashAlgorithm::Sha384 => "sha384",
            HashAlgorithm::Sha512 => "sha512",
            _ => "sha256",
        };
        let digits: String = digest.iter().map(|byte| format!("{byte:02X}")).collect();
        let answer = self.converse(|agent| {
            agent.ask_all(&[
                &format!("SIGKEY {grip}"),
                "SETKEYDESC opb+signs+a+repository+with+this+key",
                &format!("SETHASH --hash={hash} {digits}"),
                "PKSIGN",
            ])
        })?;
        let names: &[&[u8]] = if algorithm == PublicKeyAlgorithm::RSA { &[b"s"] } else { &[b"r", b"s"] };
        let numbers: Option<Vec<Mpi>> =
            names.iter().map(|name| parameter(&answer, name).map(Mpi::from_slice)).collect();
        numbers.map(SignatureBytes::from).ok_or_else(|| SignError::Refused { said: "not a signature".to_owned() })
    }

    /// Talks to the agent, in a conversation that was had before if there is one: for a thousand signatures it is greeted once.
    fn converse(&self, talk: impl Fn(&mut Assuan) -> Result<Vec<u8>, SignError>) -> Result<Vec<u8>, SignError> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = idle().pop();
        if let Some(mut agent) = kept {
            match talk(&mut agent) {
                // It has ended since; another may have taken its place.
                Err(SignError::Agent { source, .. }) if has_ended(&source) => idle().clear(),
                Err(error @ SignError::Agent { .. }) => return Err(error),
                answer => {
                    idle().push(agent);
                    return answer;
                }
            }
        }
        let mut tries = 1;
        loop {
            let (agent, answer) = match self.connect() {
                Ok(mut agent) => {
                    let answer = talk(&mut agent);
                    (Some(agent), answer)
                }
                Err(error) => (None, Err(error)),
            };
            match answer {
                // One that was about to end when we came: the next is another.
                Err(SignError::Agent { source, .. }) if has_ended(&source) && tries < TRIES => {
                    run("gpgconf", self.home.as_deref(), &["--launch", "gpg-agent"])?;
                    tries += 1;
                }
                Err(error @ SignError::Agent { .. }) => return Err(error),
                answer => {
                    idle().extend(agent);
                    return answer;
                }
            }
        }
    }

    /// Connects to the agent, and starts it where it is not there.
    fn connect(&self) -> Result<Assuan, SignError> {
        let socket = self.socket()?;
        let stream = match UnixStream::connect(&socket) {
            Ok(stream) => stream,
            Err(_) => {
                run("gpgconf", self.home.as_deref(), &["--launch", "gpg-agent"])?;
                UnixStream::connect(&socket).map_err(|source| SignError::Agent { socket: socket.clone(), source })?
            }
        };
        let failed = |source| SignError::Agent { socket: socket.clone(), source };
        stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
        let mut agent = Assuan { stream: BufReader::new(stream), socket: socket.clone() };
        agent.answer()?;
        Ok(agent)
    }

    /// Where the agent listens: asked for once, as each asking runs a program.
    fn socket(&self) -> Result<PathBuf, SignError> {
        let mut known = self.socket.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(socket) = &*known {
            return Ok(socket.clone());
        }
        let listed = run("gpgconf", self.home.as_deref(), &["--list-dirs", "agent-socket"])?;
        let socket = PathBuf::from(String::from_utf8_lossy(&listed).trim_end_matches('\n'));
        Ok(known.insert(socket).clone())
    }
}

/// Whether there is nobody any more at the other end.
fn has_ended(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionReset | UnexpectedEof)
}

impl fmt::Debug for AgentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AgentKey({})", certificate::fingerprint(&self.public))
    }
}

/// A conversation with the agent.
struct Assuan {
    stream: BufReader<UnixStream>,
    socket: PathBuf,
}

impl Assuan {
    fn ask(&mut self, line: &str) -> Result<Vec<u8>, SignError> {
        self.ask_all(&[line])
    }

    /// Sends several lines at once, which the agent answers one after the other: each waiting for an answer costs as much as
    /// a signature on a busy machine. Only the last may make it ask something back. Gives the last answer, or the first
    /// refusal.
    fn ask_all(&mut self, lines: &[&str]) -> Result<Vec<u8>, SignError> {
        let text: String = lines.iter().flat_map(|line| [line, "\n"]).collect();
        let sent = self.stream.get_mut().write_all(text.as_bytes());
        sent.map_err(|source| SignError::Agent { socket: self.socket.clone(), source })?;
        let (mut last, mut refusal) = (Vec::new(), None);
        for _ in lines {
            match self.answer() {
                Ok(data) => last = data,
                // The others are answered all the same, and the conversation goes on behind them.
                Err(error @ SignError::Refused { .. }) => refusal = refusal.or(Some(error)),
                Err(error) => return Err(error),
            }
        }
        refusal.map_or(Ok(last), Err)
    }

    /// Reads until `OK` or `ERR`; gives the data that came before.
    fn answer(&mut self) -> Result<Vec<u8>, SignError> {
        let socket = self.socket.clone();
        let failed = |source| SignError::Agent { socket: socket.clone(), source };
        let mut data = Vec::new();
        loop {
            let mut line = Vec::new();
            (&mut self.stream).take(MAX_LINE).read_until(b'\n', &mut line).map_err(failed)?;
            if line.pop() != Some(b'\n') || data.len() > MAX_DATA {
                return Err(failed(io::Error::from(io::ErrorKind::UnexpectedEof)));
            }
            if line == b"OK" || line.starts_with(b"OK ") {
                return Ok(data);
            } else if let Some(said) = line.strip_prefix(b"ERR ") {
                return Err(SignError::Refused { said: String::from_utf8_lossy(said).escape_debug().to_string() });
            } else if let Some(part) = line.strip_prefix(b"D ") {
                assuan::unescape(part, &mut data);
            } else if line.starts_with(b"INQUIRE ") {
                // Nothing that an agent may ask is known here; without an answer it would wait for ever.
                self.stream.get_mut().write_all(b"CAN\n").map_err(failed)?;
            }
            // Status lines (`S …`) and comments (`# …`) are passed over.
        }
    }
}

/// The value of the list `(name value)` somewhere in a canonical S-expression, such as
/// `(7:sig-val(5:eddsa(1:r32:…)(1:s32:…)))`.
fn parameter<'a>(expression: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mut rest = expression;
    let mut opened = false;
    let mut wanted = false;
    while let Some((first, tail)) = rest.split_first() {
        if matches!(first, b'(' | b')') {
            opened = *first == b'(';
            wanted = false;
            rest = tail;
            continue;
        }
        let colon = rest.iter().take(8).position(|byte| *byte == b':')?;
        let length: usize = std::str::from_utf8(&rest[..colon]).ok()?.parse().ok()?;
        let (atom, after) = rest[colon + 1..].split_at_checked(length)?;
        if wanted {
            return Some(atom);
        }
        wanted = opened && atom == name;
        opened = false;
        rest = after;
    }
    None
}

/// Reads `gpg --with-colons --with-keygrip` (GnuPG's doc/DETAILS): each `grp` record belongs to the `fpr` before it.
fn read_grips(listed: &str) -> BTreeMap<String, String> {
    let mut grips = BTreeMap::new();
    let mut fingerprint = "";
    for line in listed.lines() {
        let fields: Vec<&str> = line.split(':').collect();
        match (fields[0], fields.get(9)) {
            ("fpr", Some(value)) => fingerprint = value,
            ("grp", Some(value)) if value.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                grips.insert(fingerprint.to_owned(), (*value).to_owned());
            }
            _ => {}
        }
    }
    grips
}

/// Runs a program of GnuPG and takes its output. Nothing secret is passed or comes back.
fn run(tool: &'static str, home: Option<&Path>, arguments: &[&str]) -> Result<Vec<u8>, SignError> {
    let mut command = Command::new(tool);
    if let Some(home) = home {
        command.arg("--homedir").arg(home);
    }
    command.args(arguments).env("LC_ALL", "C").stdin(Stdio::null());
    let output = command.output().map_err(|source| SignError::Tool { tool, source })?;
    // gpg says 2 for a key that it does not know; that shows as empty output.
    if output.status.success() || tool == "gpg" {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().escape_debug().to_string();
    Err(SignError::Tool { tool, source: io::Error::other(said) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_of_expressions() {
        let answer = b"(7:sig-val(5:eddsa(1:r3:()1)(1:s2::x)))";
        assert_eq!(parameter(answer, b"r"), Some(&b"()1"[..]));
        assert_eq!(parameter(answer, b"s"), Some(&b":x"[..]));
        assert_eq!(parameter(answer, b"q"), None);
        for cut in 0..answer.len() {
            let _ = parameter(&answer[..cut], b"s");
        }
        assert_eq!(parameter(b"(99999999999999999999:r", b"r"), None);
    }

    #[test]
    fn grips_belong_to_the_fingerprint_before() {
        let listed =
            "pub:u:\nfpr:::::::::AAAA:\ngrp:::::::::1111:\nuid:x\nsub:u:\nfpr:::::::::BBBB:\ngrp:::::::::2222:\n";
        let grips = read_grips(listed);
        assert_eq!(grips.get("AAAA").map(String::as_str), Some("1111"));
        assert_eq!(grips.get("BBBB").map(String::as_str), Some("2222"));
        assert!(read_grips("grp:\n\n:::\ngrp:::::::::--x:\n").is_empty());
    }
}
