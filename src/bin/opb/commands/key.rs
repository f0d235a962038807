//! `opb key`: makes and shows signing keys.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use opb::diag::{Cause, Caused, Failure};
use opb::name::ChannelName;
use opb::ops::key::{self, KeyState, KeyStatus, NewKey, SignedLine, Wanted};
use serde::Serialize;
use zeroize::Zeroizing;

use super::plan::TextOrJson;
use crate::cli::Global;
use crate::{exit, output};

/// Make and show signing keys. They lie outside of project and store, readable by their owner alone.
#[derive(Debug, Args)]
pub struct Key {
    #[command(subcommand)]
    deed: Deed,
}

#[derive(Debug, Subcommand)]
enum Deed {
    /// Make a key without asking anything, or take one that gpg-agent holds.
    Init(Init),
    /// Take a secret key that was made elsewhere, as `gpg --export-secret-keys` writes it. It keeps its passphrase.
    Import {
        /// Its name here: that of the channel it signs.
        name: ChannelName,
        /// Where it is; `-` for stdin.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Show the keys that there are, as name, fingerprint and place.
    List,
    /// Show until when keys sign, which channels, and what takes their place. Exits with 4 where one has ended or ends within 60 days.
    Status(Status),
    /// Write a public key to stdout; while it is rotated, with that of its successor.
    Export {
        /// Its name.
        #[arg(default_value = "nightly")]
        name: ChannelName,
    },
    /// Let another key take a key's place: both sign until `--finish`.
    Rotate(Rotate),
    /// Print what a key has signed, the oldest first.
    Log {
        /// Its name.
        #[arg(default_value = "nightly")]
        name: ChannelName,
    },
}

#[derive(Debug, Args)]
struct Init {
    /// Its name: that of the channel it signs.
    #[arg(long, default_value = "nightly")]
    name: ChannelName,
    /// Who signs: stands in the public key.
    #[arg(long, value_name = "USER", default_value = key::USER)]
    user: String,
    /// Its kind. Packages for RPM distros whose `signing` says `rsa` want `rsa`, which every apt and rpm checks.
    #[arg(long, value_enum, default_value_t = Kind::Ed25519, conflicts_with = "agent")]
    kind: Kind,
    /// Use the key with this fingerprint (40 hexadecimal digits) from gpg-agent instead of making one.
    #[arg(long, value_name = "FINGERPRINT")]
    agent: Option<String>,
    /// Ask for a passphrase, twice, and protect the key with it.
    #[arg(long, conflicts_with = "agent")]
    passphrase: bool,
    /// Do nothing where there is a key of that name already.
    #[arg(long)]
    if_missing: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    /// Small and quick.
    Ed25519,
    /// 3072 bits; takes some seconds to make.
    Rsa,
}

impl From<Kind> for NewKey {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Ed25519 => Self::Ed25519,
            Kind::Rsa => Self::Rsa,
        }
    }
}

#[derive(Debug, Args)]
struct Status {
    /// Its name; all keys if left out.
    name: Option<ChannelName>,
    /// How to show it. JSON is versioned and has a schema.
    #[arg(long, default_value = "text")]
    format: TextOrJson,
}

#[derive(Debug, Args)]
struct Rotate {
    /// Its name.
    #[arg(default_value = "nightly")]
    name: ChannelName,
    /// The kind of its successor [default: its own].
    #[arg(long, value_enum, conflicts_with_all = ["agent", "finish"])]
    kind: Option<Kind>,
    /// Let the key with this fingerprint, which gpg-agent holds, be its successor instead of making one.
    #[arg(long, value_name = "FINGERPRINT", conflicts_with = "finish")]
    agent: Option<String>,
    /// Ask for a passphrase for the successor also where the key itself has none.
    #[arg(long, conflicts_with_all = ["agent", "finish"])]
    passphrase: bool,
    /// Make the successor the key, and retire the one before: it signs nothing any more, and its file stays under another name.
    #[arg(long)]
    finish: bool,
    /// Finish although the rotation began less than 14 days ago. Clients that have not fetched the new public key since then are cut
    /// off: for a key that is lost, has ended or is known to others.
    #[arg(long, requires = "finish")]
    now: bool,
}

/// What `--format json` prints.
#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    keys: &'a [KeyStatus],
}

pub fn run(global: &Global, args: &Key) -> Result<ExitCode, Failure> {
    match &args.deed {
        Deed::Init(init) => self::init(init)?,
        Deed::Import { name, file } => {
            let (bytes, from) = read(file)?;
            let taken = key::import(name, &bytes, &from)?;
            output::data(&format!("key {} {} in {}\n", taken.name, taken.fingerprint, taken.kept));
        }
        Deed::List => {
            for known in key::list()? {
                output::data(&format!("{} {} {}\n", known.name, known.fingerprint, known.kept));
            }
        }
        Deed::Status(status) => return self::status(global, status),
        Deed::Export { name } => output::data(&key::export(name)?),
        Deed::Rotate(rotate) => self::rotate(rotate)?,
        Deed::Log { name } => {
            let mut show = |line: &SignedLine| {
                let (time, keys) =
                    (opb::report::causes::date(i64::try_from(line.time).unwrap_or(i64::MAX)), line.keys.join(","));
                let SignedLine { channel, generation, file, sha256, .. } = line;
                let file = opb::report::plain(file);
                output::data(&format!("{time} {channel} {generation} {sha256} {keys} {file}\n"));
                Ok(())
            };
            key::log(name, &mut show)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn init(init: &Init) -> Result<(), Failure> {
    if init.if_missing && key::list()?.iter().any(|known| known.name == init.name.as_str()) {
        return Ok(());
    }
    let made = match &init.agent {
        Some(fingerprint) => key::use_agent(&init.name, fingerprint)?,
        None => key::init(&init.name, &init.user, init.kind.into(), init.passphrase)?,
    };
    output::data(&format!("key {} {} in {}\n", made.name, made.fingerprint, made.kept));
    Ok(())
}

fn rotate(args: &Rotate) -> Result<(), Failure> {
    let name = &args.name;
    if args.finish {
        let done = key::finish(name, args.now)?;
        output::data(&format!("key {} {} in {}\n", done.main.name, done.main.fingerprint, done.main.kept));
        if let Some(retired) = done.retired {
            output::data(&format!("retired {} in {}\n", retired.fingerprint, retired.kept));
        }
        return Ok(());
    }
    let wanted = match &args.agent {
        Some(fingerprint) => Wanted::Agent(fingerprint),
        None => Wanted::New { kind: args.kind.map(NewKey::from), passphrase: args.passphrase },
    };
    let begun = key::rotate(name, wanted)?;
    output::data(&format!("successor {} in {}\n", begun.successor.fingerprint, begun.successor.kept));
    output::data(&format!(
        "both sign from the next `opb repo publish` on; from {} on, run `opb key rotate {name} --finish`\n",
        begun.finish_from
    ));
    Ok(())
}

fn status(global: &Global, args: &Status) -> Result<ExitCode, Failure> {
    let keys = key::status(args.name.as_ref(), &global.directory)?;
    match args.format {
        TextOrJson::Json => {
            let text = serde_json::to_string_pretty(&Document { version: 1, keys: &keys }).expect("plain fields");
            output::data(&(text + "\n"));
        }
        TextOrJson::Text if keys.is_empty() => {
            output::notices(global, &["there is no key: `opb key init` makes one".to_owned()]);
        }
        TextOrJson::Text => output::data(&keys.iter().map(shown).collect::<Vec<_>>().join("\n")),
    }
    let code = if keys.iter().all(KeyStatus::is_fine) { 0 } else { exit::number(Cause::Build) };
    Ok(ExitCode::from(code))
}

/// A key for people: what counts first, then the rest in columns.
fn shown(key: &KeyStatus) -> String {
    let mut text = format!("{} {}\n", key.name, key.state.words);
    let mut line = |what: &str, is: &str| text.push_str(&format!("  {what:<12} {is}\n"));
    let kind =
        |state: &KeyState| format!("{}{}", state.kind, if state.passphrase { ", with a passphrase" } else { "" });
    let day = |time: &str| time.get(..10).unwrap_or(time).to_owned();
    line("kind", &kind(&key.state));
    line("fingerprint", &key.state.fingerprint);
    line("kept in", &opb::report::plain(&key.state.kept));
    line("made on", &day(&key.state.since));
    if !key.channels.is_empty() {
        line("signs", &key.channels.join(", "));
    }
    if let Some(next) = &key.successor {
        line("successor", &next.state.fingerprint);
        line("", &format!("{}, made on {}, {}", kind(&next.state), day(&next.state.since), next.state.words));
        line("", &format!("takes its place by `opb key rotate {} --finish`, from {} on", key.name, next.finish_from));
    }
    text
}

/// What is in a file, or comes on stdin, up to one byte more than a key may have; and what that is called in messages.
fn read(file: &Path) -> Result<(Zeroizing<Vec<u8>>, String), Failure> {
    let mut bytes = Zeroizing::new(Vec::new());
    if file == Path::new("-") {
        let from = "the standard input".to_owned();
        let read = std::io::stdin().lock().take(key::MAX_IMPORT + 1).read_to_end(&mut bytes);
        read.map_err(|source| ReadError { from: from.clone(), source })?;
        return Ok((bytes, from));
    }
    let from = file.display().to_string();
    let opened = File::open(file).and_then(|opened| opened.take(key::MAX_IMPORT + 1).read_to_end(&mut bytes));
    opened.map_err(|source| ReadError { from: from.clone(), source })?;
    Ok((bytes, from))
}

/// A file with a key that cannot be read.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("cannot read `{from}`")]
#[diagnostic(code(opb::key::read), help("name the file that holds the secret key, or `-` for the standard input"))]
struct ReadError {
    from: String,
    #[source]
    source: std::io::Error,
}

impl Caused for ReadError {
    fn fault(&self) -> Cause {
        Cause::Input
    }
}
