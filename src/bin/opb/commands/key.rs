//! `opb key`: makes and shows signing keys.

use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use opb::diag::Failure;
use opb::name::ChannelName;
use opb::ops::key::{self, NewKey};

use crate::cli::Global;
use crate::output;

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
    /// Show the keys that there are, as name, fingerprint and place.
    List,
    /// Write a public key to stdout.
    Export {
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
    #[arg(long, value_name = "USER", default_value = "opb package signing")]
    user: String,
    /// Its kind. Packages for RPM distros whose `signing` says `rsa` want `rsa`, which every apt and rpm checks.
    #[arg(long, value_enum, default_value_t = Kind::Ed25519, conflicts_with = "agent")]
    kind: Kind,
    /// Use the key with this fingerprint (40 hexadecimal digits) from gpg-agent instead of making one.
    #[arg(long, value_name = "FINGERPRINT")]
    agent: Option<String>,
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

pub fn run(_global: &Global, args: &Key) -> Result<ExitCode, Failure> {
    match &args.deed {
        Deed::Init(init) => {
            if init.if_missing && key::list()?.iter().any(|known| known.name == init.name.as_str()) {
                return Ok(ExitCode::SUCCESS);
            }
            let kind = match init.kind {
                Kind::Ed25519 => NewKey::Ed25519,
                Kind::Rsa => NewKey::Rsa,
            };
            let made = match &init.agent {
                Some(fingerprint) => key::use_agent(&init.name, fingerprint)?,
                None => key::init(&init.name, &init.user, kind)?,
            };
            output::data(&format!("key {} {} in {}\n", made.name, made.fingerprint, made.kept));
        }
        Deed::List => {
            for known in key::list()? {
                output::data(&format!("{} {} {}\n", known.name, known.fingerprint, known.kept));
            }
        }
        Deed::Export { name } => {
            let signer = key::signer(name)?;
            output::data(&signer.public_key_armored()?);
        }
    }
    Ok(ExitCode::SUCCESS)
}
