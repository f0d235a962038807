//! Words of a project for completion in shells: quickly, silently, and something useful also where the project is broken.
//!
//! The project is evaluated for as long as somebody waits for a tab key. Where that fails or takes longer, the names of
//! files stand in for what they would come to.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use super::session::Session;
use crate::name::{ComponentName, DistroName, Kind, NodeName};
use crate::project::Project;

/// What there is to be named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words {
    /// Components.
    pub components: BTreeSet<String>,
    /// Distros.
    pub distros: BTreeSet<String>,
    /// Channels.
    pub channels: BTreeSet<String>,
    /// Selectors of exceptions.
    pub exceptions: BTreeSet<String>,
    /// Nodes; none where the project could not be evaluated.
    pub nodes: Vec<NodeName>,
}

/// The words of the project that `start` lies in, gathered for at most `limit`. Empty where there is no project.
pub fn words(start: &Path, limit: Duration) -> Words {
    let (send, receive) = mpsc::channel();
    let place = start.to_owned();
    // Nobody waits for the thread: the program ends when the answer is given.
    std::thread::spawn(move || send.send(Session::open(&place).ok().and_then(|session| evaluated(&session))));
    match receive.recv_timeout(limit) {
        Ok(Some(words)) => words,
        _ => listed(start),
    }
}

fn evaluated(session: &Session) -> Option<Words> {
    let project = session.evaluated().ok()?;
    Some(Words {
        components: project.components.keys().map(ToString::to_string).collect(),
        distros: project.distros.keys().map(ToString::to_string).collect(),
        channels: session.project.settings.channel.keys().map(ToString::to_string).collect(),
        exceptions: session.exceptions.all().map(|(_, selector, _)| selector.to_owned()).collect(),
        nodes: session.graph.ids().map(|id| session.graph.node(id).name()).collect(),
    })
}

/// What the names of files say.
fn listed(start: &Path) -> Words {
    let Ok(project) = Project::find(start) else { return Words::default() };
    let names = |folder: &str| -> Vec<String> {
        let entries = project.root().read_dir(folder).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
    };
    let components = names("recipes").into_iter().filter_map(|name| match name.strip_suffix(".rhai") {
        Some(stem) => Some(stem.to_owned()),
        None => project.root().exists(format!("recipes/{name}/recipe.rhai")).then_some(name),
    });
    let distros = names("distros").into_iter().filter_map(|name| name.strip_suffix(".rhai").map(str::to_owned));
    Words {
        components: components.filter(|name| ComponentName::new(name.as_str()).is_ok()).collect(),
        distros: distros.filter(|name| DistroName::new(name.as_str()).is_ok()).collect(),
        channels: project.settings.channel.keys().map(ToString::to_string).collect(),
        exceptions: BTreeSet::new(),
        nodes: Vec::new(),
    }
}

impl Words {
    /// Selectors that begin with `typed`: components, kinds, distros; places behind `@` and subjects behind `:`, for what
    /// stands before it. Sorted.
    pub fn selectors(&self, typed: &str) -> Vec<String> {
        let mut found: BTreeSet<String> = BTreeSet::new();
        match (typed.split_once(':'), typed.split_once('@')) {
            (_, Some((before, _))) => {
                let (kind, subject) =
                    before.split_once(':').map_or((None, before), |(kind, subject)| (Some(kind), subject));
                let is_meant = |node: &&NodeName| {
                    (subject.is_empty() || crate::graph::matches_pattern(subject, &node.subject))
                        && kind.is_none_or(|kind| kind == node.kind.as_str())
                };
                if before.is_empty() {
                    found.extend(self.distros.iter().map(|distro| format!("@{distro}")));
                }
                for node in self.nodes.iter().filter(is_meant) {
                    found.extend(node.distro().map(|distro| format!("{before}@{distro}")));
                    found.extend(node.arch().map(|_| format!("{before}@{}", node.place)));
                }
            }
            (Some((kind, _)), None) => {
                let of_kind = self.nodes.iter().filter(|node| node.kind.as_str() == kind);
                found.extend(of_kind.map(|node| format!("{kind}:{}", node.subject)));
            }
            (None, None) => {
                found.extend(self.components.iter().cloned());
                found.extend(self.distros.iter().map(|distro| format!("@{distro}")));
                found.extend(Kind::ALL.iter().map(|kind| format!("{kind}:")));
            }
        }
        found.into_iter().filter(|word| word.starts_with(typed)).collect()
    }

    /// As [`Words::selectors`], without what names nothing that has a sandbox.
    pub fn sandboxes(&self, typed: &str) -> Vec<String> {
        let has_one =
            |kind: &Kind| matches!(kind, Kind::Build | Kind::Check | Kind::Probe | Kind::Root | Kind::SourcePackage);
        let is_one = |word: &String| match word.split_once(':') {
            Some((kind, _)) => Kind::ALL.iter().any(|known| known.as_str() == kind && has_one(known)),
            None => !word.starts_with('@'),
        };
        self.selectors(typed).into_iter().filter(is_one).collect()
    }

    /// Roots that begin with `typed`, by their whole names.
    pub fn roots(&self, typed: &str) -> Vec<String> {
        let roots = self.nodes.iter().filter(|node| node.kind == Kind::Root).map(ToString::to_string);
        let mut found: Vec<String> = roots.filter(|name| name.starts_with(typed)).collect();
        found.sort();
        found
    }

    /// What `opb update` takes: components and distros.
    pub fn pins(&self, typed: &str) -> Vec<String> {
        let distros = self.distros.iter().map(|distro| format!("@{distro}"));
        self.components.iter().cloned().chain(distros).filter(|word| word.starts_with(typed)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Words {
        let nodes = [
            "source:libmd",
            "build:libmd@debian-12/amd64",
            "build:libmd@debian-12/arm64",
            "root:base@debian-12/amd64",
            "build:a@debian-13/all",
        ];
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Words {
            components: set(&["libmd", "a"]),
            distros: set(&["debian-12", "debian-13"]),
            channels: set(&["nightly"]),
            exceptions: set(&["@debian-12"]),
            nodes: nodes.iter().map(|name| name.parse().expect("a node")).collect(),
        }
    }

    #[test]
    fn selectors_go_on_from_what_is_typed() {
        let words = sample();
        assert_eq!(words.selectors("l"), ["libmd"]);
        assert_eq!(words.selectors("b"), ["build:"]);
        assert_eq!(
            words.selectors("@"),
            ["@debian-12", "@debian-12/amd64", "@debian-12/arm64", "@debian-13", "@debian-13/all"]
        );
        assert_eq!(words.selectors("build:"), ["build:a", "build:libmd"]);
        assert_eq!(
            words.selectors("build:libmd@"),
            ["build:libmd@debian-12", "build:libmd@debian-12/amd64", "build:libmd@debian-12/arm64"]
        );
        assert_eq!(words.selectors("lib*@debian-12/ar"), ["lib*@debian-12/arm64"]);
        assert_eq!(words.selectors("x"), [""; 0]);
        assert_eq!(words.selectors("make:"), [""; 0]);
        assert_eq!(words.sandboxes(""), ["a", "build:", "check:", "libmd", "probe:", "root:", "source-package:"]);
        assert_eq!(words.sandboxes("source:"), [""; 0]);
        assert_eq!(words.sandboxes("libmd@debian-12/ar"), ["libmd@debian-12/arm64"]);
        assert_eq!(words.roots("root:"), ["root:base@debian-12/amd64"]);
        assert_eq!(words.pins("@debian-13"), ["@debian-13"]);
    }
}
