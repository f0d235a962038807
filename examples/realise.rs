//! Fills a project's store with made-up results, as if everything had been built: for benchmarks of what happens then.
//!
//! ```text
//! cargo run --release --example realise -- DIR [--bare]
//! ```
//!
//! Every node gets a realisation whose outputs are trees of one small file each, every build a number, every root an empty
//! folder. `opb plan` then finds nothing to do. With `--bare` there are results alone, and no files behind them: of a million
//! nodes these would fill a disk, and a plan does not look at them. Nothing in such a store can be installed; it is for folders that a benchmark
//! made, never for a store that somebody builds into.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use opb::diag::Failure;
use opb::digest::Digest;
use opb::drv::{Action, ActionKey, Fingerprint, Outputs, text_of};
use opb::exec::{StoreKnowledge, root_owner};
use opb::family::{deb, unnumbered_version};
use opb::graph::{Node, Origin};
use opb::name::{Arch, DistroName, Kind, OutputName};
use opb::ops::session::Session;
use opb::path::TreePath;
use opb::plan::{self, Standing};
use opb::sandbox::IdMap;
use opb::store::{Realisation, Store};
use opb::tree::{Entry, Tree};
use rayon::prelude::*;

/// Fill the store of a project with made-up results of all its nodes.
#[derive(Debug, Parser)]
#[command(name = "realise")]
struct Arguments {
    /// The project's folder.
    dir: PathBuf,
    /// Only record results.
    #[arg(long)]
    bare: bool,
}

/// How many results are kept in memory.
const AT_ONCE: usize = 20_000;

fn main() -> ExitCode {
    let Arguments { dir, bare } = Arguments::parse();
    match fill(&dir, bare) {
        Ok(count) => {
            println!("{count} results");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("realise: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn fill(dir: &std::path::Path, bare: bool) -> Result<usize, Failure> {
    let session = Session::open(dir)?;
    let store = Store::open(&session.project.store_path(None))?;
    let graph = &session.graph;
    let knows = StoreKnowledge::new(&store)?;
    let file = store.put_bytes(b"made up\n")?;
    let owner = root_owner(IdMap::of_this_process().ok().as_ref());
    let mut settled: Vec<Option<Outputs>> = vec![None; graph.len()];
    let (mut count, mut results, mut trees) = (0, Vec::new(), Vec::new());
    let record = |results: &mut Vec<Realisation>, trees: &mut Vec<Tree>| -> Result<usize, Failure> {
        trees.par_iter().try_for_each(|tree| store.put_tree(tree).map(drop))?;
        store.record_all(results)?;
        trees.clear();
        Ok(std::mem::take(results).len())
    };
    for id in graph.ids() {
        let node = graph.node(id);
        let contents = plan::contents(node, |input| settled[input.index()].as_ref()).expect("inputs come first");
        let (key, numbered) = match plan::standing(node, &contents, &knows)? {
            Standing::Keyed(key) => (key, None),
            Standing::Unnumbered(fingerprint) => {
                let number = number(&store, node, fingerprint)?;
                (node.action_key(Some(number), &contents), Some((number, fingerprint)))
            }
        };
        let action = node.action();
        let known = action.known_outputs(key);
        if let Origin::Folder(folder) = node.origin() {
            session.project.import(folder, &store)?;
        }
        if node.kind() == Kind::Root {
            if !bare {
                make_root(&store, key, owner);
            }
            settled[id.index()] = known;
            continue;
        }
        let outputs = known.unwrap_or_else(|| {
            let made = outputs_of(&action).iter().map(|name| {
                let tree = tree(&format!("{}-{name}", node.id()), file);
                let output = (OutputName::new(*name).expect("a plain name"), tree.digest());
                if !bare {
                    trees.push(tree);
                }
                output
            });
            made.collect()
        });
        let contents: Vec<Option<Digest>> = contents.into_iter().map(Some).collect();
        results.push(result(node, key, numbered, outputs.clone(), text_of(&node.derivation(), &contents)));
        settled[id.index()] = Some(outputs);
        if results.len() == AT_ONCE {
            count += record(&mut results, &mut trees)?;
        }
    }
    Ok(count + record(&mut results, &mut trees)?)
}

/// The next number for a build of `node`.
fn number(store: &Store, node: Node<'_>, fingerprint: Fingerprint) -> Result<u32, Failure> {
    let Action::Build { script, .. } = node.action() else { unreachable!("only builds have numbers") };
    let distro = DistroName::new(node.distro().unwrap_or_default()).expect("a build has a distro");
    let arch = Arch::new(node.arch().unwrap_or_default()).expect("a build has an arch");
    let component = node.component().expect("a build has a component");
    Ok(store.ledger(&distro, &component).assign(&unnumbered_version(&script), &arch, fingerprint)?)
}

fn outputs_of(action: &Action) -> &'static [&'static str] {
    match action {
        Action::Source { .. } | Action::Repo { .. } => &["tree"],
        Action::Index { .. } => &["packages"],
        Action::Resolve(_) => &["list"],
        Action::Root { .. } => &["root"],
        Action::Probe { .. } => &["value"],
        Action::SourcePackage { .. } => &["source"],
        Action::Build { .. } => &deb::BUILD_OUTPUTS,
        Action::Check { .. } => &["report", "verdict"],
    }
}

/// A tree that no other output has.
fn tree(name: &str, file: Digest) -> Tree {
    let mut tree = Tree::default();
    let path = TreePath::new(name.as_bytes()).expect("a plain name");
    tree.insert(path, Entry::File { digest: file, size: 8, executable: false }).expect("the only entry");
    tree
}

/// An empty root. Not durable: a benchmark's store may be filled anew.
fn make_root(store: &Store, key: ActionKey, owner: u32) {
    let path = store.root_path(key, owner);
    std::fs::create_dir_all(path.as_path()).expect("makes a folder in the store");
    std::fs::write(format!("{}.ok", path.as_path().display()), "").expect("writes into the store");
}

fn result(
    node: Node<'_>,
    key: ActionKey,
    numbered: Option<(u32, Fingerprint)>,
    outputs: Outputs,
    derivation: String,
) -> Realisation {
    Realisation {
        key,
        node: node.to_string(),
        fingerprint: numbered.map(|(_, fingerprint)| fingerprint),
        number: numbered.map(|(number, _)| number),
        outputs,
        derivation,
        log: None,
        started: 1_767_225_600,
        milliseconds: 1000,
        cpu_milliseconds: 1000,
        peak_memory: 0,
        disk: 0,
        backend: "made up".to_owned(),
        host: "made up".to_owned(),
        kept: None,
    }
}
