//! Derivations: the full, pure description of one step, and the two digests that identify it.
//!
//! A [`Derivation`]'s id is the BLAKE3 of its canonical bytes in which each input stands as (derivation id, output name).
//! Its action key is the BLAKE3 of the same bytes in which each input stands as the *content digest* of that output; the
//! store is asked for this one. `encode.rs` is the only place that says which bytes those are, and can write the same
//! walk as text, so that an explanation of a difference cannot drift from the hash.
//!
//! What is not in here is not hashed: addresses, mirrors, cores, jobs, hosts, paths. Those are a node's
//! `graph::Origin`.

mod compact;
mod encode;
#[cfg(test)]
mod field_tests;
mod outputs;
mod shared;
mod template;

use std::collections::BTreeMap;

pub use compact::{Compact, DamagedAction, Interning, Words};
pub use encode::{absent, action_digest, id_of, text_of, walk_version};
use serde::{Deserialize, Serialize};

pub use outputs::Outputs;
pub use shared::{Env, SharedTable, SharedText};
pub use template::Template;

use crate::digest::{Digest, Sha256};
use crate::name::{Check, Kind, OutputName};

/// A derivation's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DrvId(pub Digest);

/// What the store is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ActionKey(pub Digest);

/// A build's action key without its number: whether it changed says whether the number must.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Fingerprint(pub Digest);

/// The digest of an action alone, without number and inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActionDigest(pub Digest);

impl std::fmt::Display for DrvId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::fmt::Display for ActionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// One output of another derivation that this one reads.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Input {
    /// What the step uses it as, such as `source` or `packages of libmd`.
    pub role: String,
    /// Whose output.
    pub from: DrvId,
    /// Which of them.
    pub output: OutputName,
}

/// The full, pure description of one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Derivation {
    /// What is done, with all that its result depends on, but for the inputs.
    pub action: Action,
    /// What it reads, sorted by role; roles are unique.
    pub inputs: Vec<Input>,
}

/// What a derivation does. One variant for each kind of node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Have this tree. One output, `tree`, whose digest is known beforehand.
    Source {
        /// The expected tree.
        tree: Digest,
    },
    /// Have these index files, and keep of them what `resolve` reads. Output: `packages`.
    Index {
        /// The files, as a verified release file names them. Sorted by label.
        files: Vec<IndexFile>,
    },
    /// Choose exact packages. Output: `list`.
    Resolve(Resolve),
    /// Make a chroot from the package list of the input `list`. Output: `root`, whose digest is this action's own key.
    Root {
        /// Raised when roots are made differently.
        layer_format: u32,
        /// Settings of the root, such as its user. Sorted.
        settings: BTreeMap<String, String>,
    },
    /// Ask a root. Output: `value`, one file with one line of text.
    Probe {
        /// What runs; the question is a file of it.
        script: Script,
    },
    /// Make the source package. Output: `source`, holding a `.dsc` and the files it names.
    SourcePackage {
        /// What runs; `None` where the source is a source package already and passes through as it is.
        script: Option<Script>,
    },
    /// Make binary packages. Outputs as the script names them.
    Build {
        /// What runs.
        script: Script,
        /// The number that the ledger gave; `None` before that, and in the fingerprint.
        number: Option<u32>,
        /// Names of the outputs, sorted.
        outputs: Vec<OutputName>,
    },
    /// Look at packages. Outputs: `report`, and `verdict`, which is the same whenever nothing is wrong.
    Check {
        /// Which check.
        check: Check,
        /// What runs.
        script: Script,
    },
    /// Assemble a repository's content. Output: `tree`.
    Repo {
        /// Origin, label, suite and the like. Sorted.
        settings: BTreeMap<String, String>,
    },
}

/// An index file of an archive, by its digest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct IndexFile {
    /// Where it stands in the distro, such as `bookworm-security/main/binary-amd64`.
    pub label: String,
    /// Digest of the file as the archive has it (compressed).
    pub sha256: Sha256,
}

/// What `resolve` chooses packages for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolve {
    /// Whose rules decide: `deb` or `rpm`.
    pub family: String,
    /// The arch of the root.
    pub arch: String,
    /// Packages that must be installed, as Debian relations; empty for a base, which installs its `variant`.
    pub needs: Vec<String>,
    /// Relations that must not be installed (Build-Conflicts).
    pub conflicts: Vec<String>,
    /// The base: `buildd` installs what is essential, apt and build-essential.
    pub variant: String,
    /// Further packages of the base.
    pub add: Vec<String>,
    /// Active build profiles, sorted.
    pub profiles: Vec<String>,
    /// Take the first alternative of a build dependency only (as the distributions' own builders do).
    pub first_alternative: bool,
    /// Names of binary packages that components of this project make, each with its component: those whose packages are
    /// no input here must not be taken from the distribution.
    pub ours: SharedTable,
    /// Extra repositories that packages may be taken from, in the order in which they are asked. Mostly empty.
    pub extra: Vec<Extra>,
    /// Says what more the source itself asks for, once what it has asked for so far is installed: `%generate_buildrequires` of a
    /// spec. Run over the base root with the source package until it says nothing new. Mostly `None`.
    pub asks: Option<Box<Script>>,
    /// Whose tests the list is for: then it is one list for each root that the tests of the input `source` need, each what one
    /// or more of them need besides `needs`. Mostly `None`.
    pub tests: Option<Box<Tests>>,
}

/// What the tests of a source mean where they do not name packages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tests {
    /// The packages of the source, sorted.
    pub packages: Vec<String>,
    /// Its build dependencies, as a field of Debian's kind.
    pub build_depends: String,
}

/// An extra repository whose index is an input of a `resolve`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extra {
    /// Its name.
    pub name: String,
    /// When a package of it is taken, such as `when-needed`.
    pub taken: String,
}

/// What runs in a sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// Raised when what a sandbox promises to a script changes.
    pub sandbox_contract: u32,
    /// The text for `/bin/sh`. Fixed text of this program: data reaches it by environment and files only.
    pub text: SharedText,
    /// The environment, but for what probes are in.
    pub env: Env,
    /// Variables in whose values contents of inputs stand, none of which is in `env`. Sorted.
    pub env_with_probes: BTreeMap<String, Template>,
    /// Small files that stand beside the script, by name. Sorted.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Whether it has the host's network, so that what it makes may follow from more than its inputs.
    pub network: bool,
}

impl Action {
    /// Outputs that are known without having run: a source's tree is its expected digest, a root's is its action key.
    pub fn known_outputs(&self, key: ActionKey) -> Option<Outputs> {
        let one = |name: &str, digest| OutputName::new(name).ok().map(|name| Outputs::from([(name, digest)]));
        match self {
            Self::Source { tree } => one("tree", *tree),
            Self::Root { .. } => one("root", key.0),
            _ => None,
        }
    }

    /// The kind of node that does this.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Source { .. } => Kind::Source,
            Self::Index { .. } => Kind::Index,
            Self::Resolve(_) => Kind::Resolve,
            Self::Root { .. } => Kind::Root,
            Self::Probe { .. } => Kind::Probe,
            Self::SourcePackage { .. } => Kind::SourcePackage,
            Self::Build { .. } => Kind::Build,
            Self::Check { .. } => Kind::Check,
            Self::Repo { .. } => Kind::Repo,
        }
    }
}

impl Derivation {
    /// The id: inputs stand as (derivation id, output name). Blind to the number, which evaluation does not know.
    pub fn id(&self) -> DrvId {
        let inputs = self.inputs.iter().map(|input| (input.role.as_str(), input.from, input.output.as_str()));
        id_of(action_digest(&self.action), inputs)
    }

    /// The action key, given the content digest of each input, in the order of `inputs`.
    pub fn action_key(&self, contents: &[Digest]) -> ActionKey {
        let number = match &self.action {
            Action::Build { number, .. } => *number,
            _ => None,
        };
        let roles = self.inputs.iter().map(|input| input.role.as_str());
        key_of(action_digest(&self.action), number, roles.zip(contents.iter().copied()))
    }

    /// The action key of a build with its number left out; of anything else the action key.
    pub fn fingerprint(&self, contents: &[Digest]) -> Fingerprint {
        let roles = self.inputs.iter().map(|input| input.role.as_str());
        fingerprint_of(action_digest(&self.action), roles.zip(contents.iter().copied()))
    }

    /// The same derivation with `number`; anything but a build is returned as it is.
    pub fn numbered(&self, number: u32) -> Self {
        let mut numbered = self.clone();
        if let Action::Build { number: slot, .. } = &mut numbered.action {
            *slot = Some(number);
        }
        numbered
    }

    /// Outputs that are known without having run: a source's tree is its expected digest, a root's is its action key.
    pub fn known_outputs(&self, key: ActionKey) -> Option<Outputs> {
        self.action.known_outputs(key)
    }
}

/// The action key of an action whose inputs have these roles and contents; `number` for builds.
pub fn key_of(
    action: ActionDigest,
    number: Option<u32>,
    inputs: impl Iterator<Item = (impl AsRef<str>, Digest)>,
) -> ActionKey {
    ActionKey(encode::keyed(action, number, inputs))
}

/// The fingerprint of an action whose inputs have these roles and contents.
pub fn fingerprint_of(action: ActionDigest, inputs: impl Iterator<Item = (impl AsRef<str>, Digest)>) -> Fingerprint {
    Fingerprint(encode::keyed(action, None, inputs))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(number: Option<u32>, env: &str) -> Derivation {
        let script = Script {
            sandbox_contract: 1,
            text: SharedText::new("make\n"),
            env: Env::from([("V".into(), env.to_owned().into())]),
            env_with_probes: BTreeMap::new(),
            files: BTreeMap::new(),
            network: false,
        };
        let packages = OutputName::new("packages").expect("plain");
        let source = Derivation { action: Action::Source { tree: Digest::of(b"tree") }, inputs: Vec::new() };
        let tree = OutputName::new("tree").expect("plain");
        Derivation {
            action: Action::Build { script, number, outputs: vec![packages] },
            inputs: vec![Input { role: "source".into(), from: source.id(), output: tree }],
        }
    }

    #[test]
    fn golden_ids() {
        // Changing these numbers changes every identity there is: raise the walk's version instead.
        let contents = [Digest::of(b"tree")];
        assert_eq!(
            build(None, "1").id().to_string(),
            "7d674169612c4ad9d3a73d13acfd3bc69ab09662e31b788b0dea53eaa73469dc"
        );
        assert_eq!(
            build(Some(1), "1").action_key(&contents).to_string(),
            "09453c905423f539f2ea4e412e430ea7c3a6c3591cbcf47cc5be691eae919c12"
        );
        assert_eq!(
            text_of(&build(Some(1), "a\nb"), &[None]),
            "opb derivation = 2\nkind = build\nsandbox contract = 1\nscript = make\\n\nenvs = 1\nenv V = a\\nb\nfiles = 0\n\
             outputs = 1\noutput = packages\nnumber = 1\ninputs = 1\ninput source = ?\n"
        );
    }

    #[test]
    fn a_fingerprint_is_blind_to_the_number_alone() {
        let contents = [Digest::of(b"tree")];
        let fingerprint = |number, env| build(number, env).fingerprint(&contents);
        assert_eq!(fingerprint(None, "1"), fingerprint(Some(7), "1"));
        assert_ne!(fingerprint(Some(7), "1"), fingerprint(Some(7), "2"));
        let key = |number, contents: &[Digest]| build(number, "1").action_key(contents);
        assert_ne!(key(Some(1), &contents), key(Some(2), &contents));
        assert_ne!(key(Some(1), &contents), key(Some(1), &[Digest::of(b"other")]));
    }

    #[test]
    fn an_id_sees_every_field() {
        assert_eq!(build(None, "1").id(), build(Some(1), "1").id(), "evaluation knows no number");
        let ids: std::collections::BTreeSet<DrvId> = [build(None, "1"), build(None, "2")]
            .iter()
            .map(Derivation::id)
            .chain([Derivation { action: Action::Index { files: Vec::new() }, inputs: Vec::new() }.id()])
            .collect();
        assert_eq!(ids.len(), 3);
    }
}
