//! What an update leaves where it is, since release engineers hold it.

use std::collections::{BTreeMap, BTreeSet};

use super::session::SelectError;
use super::update::{Policy, Selection};
use crate::component::Component;
use crate::diag::{Cause, Caused, Failure};
use crate::eval;
use crate::eval::held::Holds;
use crate::exceptions::Excuse;
use crate::graph::Selector;
use crate::lock::Lock;
use crate::name::{ComponentName, DistroName, PackageName};
use crate::project::{Project, today};

/// A pin that stays where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldPin {
    /// What is pinned, such as `@debian-12` or `libmd@debian-12`.
    pub what: String,
    /// Where it stays.
    pub at: Stays,
    /// Why, and until when.
    pub excuse: Excuse,
}

/// Where a held pin stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stays {
    /// All pins of a distro's index, where they are.
    Index,
    /// At this version.
    At(String),
    /// It had no pin, and stays from its first one on: without one nothing could be evaluated.
    FromNowOn,
}

/// Something that was named and may not move.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("`{named}` is held until {until}: {why}")]
#[diagnostic(
    code(opb::update::held),
    help("take the hold back first, with `opb exceptions --remove {selector}`, or update without naming it")
)]
pub struct HeldError {
    /// What was named.
    named: String,
    /// The last day of the hold.
    until: String,
    /// Its reason.
    why: String,
    /// Its selector.
    selector: String,
}

impl Caused for HeldError {
    fn fault(&self) -> Cause {
        Cause::Input
    }
}

/// The holds of a project, and what an update met of them.
pub(super) struct Holding<'a> {
    /// The components that are made of each source package.
    made_of: BTreeMap<&'a PackageName, BTreeSet<&'a ComponentName>>,
    /// Those that take commits of repositories, or archives.
    of_commits: BTreeSet<&'a ComponentName>,
    holds: Holds,
    met: BTreeMap<String, HeldPin>,
}

impl<'a> Holding<'a> {
    /// Those that are in force today, and what a policy never moves.
    pub fn of(project: &Project, evaluated: &'a eval::Project, policy: Option<&Policy>) -> Result<Self, Failure> {
        let mut holds = Holds::of(&project.exceptions()?, &today());
        for text in policy.iter().flat_map(|policy| &policy.frozen) {
            let why = policy.map(|policy| policy.why.clone()).unwrap_or_default();
            holds.add(
                text.parse::<Selector>().map_err(SelectError::from)?,
                Excuse { why, until: None, exception: None },
            );
        }
        Ok(Self::with(evaluated, holds))
    }

    fn with(evaluated: &'a eval::Project, holds: Holds) -> Self {
        let mut made_of: BTreeMap<&PackageName, BTreeSet<&ComponentName>> = BTreeMap::new();
        for component in evaluated.work.iter().map(|work| &work.component) {
            for source in component.source_packages().chain(component.source_rpm()) {
                made_of.entry(source).or_default().insert(&component.name);
            }
        }
        let takes =
            |component: &Component| component.checkouts().next().is_some() || component.archives().next().is_some();
        let of_commits = evaluated.work.iter().filter(|work| takes(&work.component));
        let of_commits = of_commits.map(|work| &work.component.name).collect();
        Self { made_of, of_commits, holds, met: BTreeMap::new() }
    }

    /// Refuses to move what was named while it is held: a distro whose index is, or a component all of whose pins are.
    pub fn refuse(&self, selection: &Selection, lock: &Lock) -> Result<(), HeldError> {
        let error = |named: String, excuse: &Excuse| {
            let Excuse { why, until, exception } = excuse.clone();
            let (until, selector) = (until.unwrap_or_default(), exception.unwrap_or_default());
            Err(HeldError { named, until, why, selector })
        };
        for name in selection.distros.keys().filter(|name| lock.distro.contains_key(*name)) {
            if let Some(excuse) = self.holds.distro(name) {
                return error(format!("@{name}"), excuse);
            }
        }
        for name in &selection.components {
            let pins = lock.dsc.iter().flat_map(|(distro, pins)| pins.keys().map(move |source| (source, distro)));
            let srpms = lock.srpm.iter().flat_map(|(distro, pins)| pins.keys().map(move |source| (source, distro)));
            let is_own = |source| self.made_of.get(source).is_some_and(|components| components.contains(name));
            let own = pins.chain(srpms).filter(|(source, _)| is_own(*source));
            let mut held: Vec<Option<&Excuse>> = own.map(|(source, distro)| self.of_source(source, distro)).collect();
            if self.of_commits.contains(name) {
                held.push(self.holds.commits(&BTreeSet::from([name])));
            }
            let held: Option<Vec<&Excuse>> = held.into_iter().collect();
            if let Some(excuse) = held.and_then(|held| held.into_iter().max_by(|a, b| a.until.cmp(&b.until))) {
                return error(name.to_string(), excuse);
            }
        }
        Ok(())
    }

    /// Whether the index of `distro` stays.
    pub fn keeps_distro(&mut self, distro: &DistroName) -> bool {
        let Some(excuse) = self.holds.distro(distro) else { return false };
        let what = format!("@{distro}");
        self.met.insert(what.clone(), HeldPin { what, at: Stays::Index, excuse: excuse.clone() });
        true
    }

    /// Whether the pin of a source package stays; `version` is where it is, `None` where there is none that could.
    pub fn keeps_source(&mut self, source: &PackageName, distro: &DistroName, version: Option<&str>) -> bool {
        let Some(excuse) = self.of_source(source, distro).cloned() else { return false };
        let what = format!("{source}@{distro}");
        let at = version.map_or(Stays::FromNowOn, |version| Stays::At(version.to_owned()));
        self.met.insert(what.clone(), HeldPin { what, at, excuse });
        version.is_some()
    }

    /// Notes that the pin `what`, a commit or an archive that these components take, stays, where it is held.
    pub fn meets_commit(&mut self, what: String, of: &[ComponentName]) {
        if let Some(excuse) = self.holds.commits(&of.iter().collect()).cloned() {
            self.met.insert(what.clone(), HeldPin { what, at: Stays::Index, excuse });
        }
    }

    /// Whether the commits and archives that these components take may move.
    pub fn may_move(&self, of: &[ComponentName]) -> bool {
        self.holds.commits(&of.iter().collect()).is_none()
    }

    fn of_source(&self, source: &PackageName, distro: &DistroName) -> Option<&Excuse> {
        self.holds.sources(self.made_of.get(source)?, distro)
    }

    /// What stayed, in order.
    pub fn met(self) -> Vec<HeldPin> {
        self.met.into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use crate::eval::{MemoryFiles, evaluate};
    use crate::exceptions::{Exception, Exceptions};
    use crate::lock::{DscPin, SourceFacts};

    const DISTRO: &str = r#"#{
        family: "deb", vendor: "mirage", release: "N", codename: "oasis", suffix: "mirN",
        arches: ["amd64"], indep_on: "amd64", suites: [#{ name: "oasis", areas: ["main"] }],
        keyring: "k.gpg", base: #{ variant: "buildd", add: [] },
        lifecycle: #{ end: "2030-01-01", archived: false, expired_release_files: "refuse" },
        options: #{ alternatives: "first", recommends: false, rules_need_no_root: false },
    }"#;

    /// Two components that are made of one source, and one of another, on two distros.
    fn project() -> eval::Project {
        let files = [
            ("distros/mirage-1.rhai", DISTRO.replace('N', "1")),
            ("distros/mirage-2.rhai", DISTRO.replace('N', "2")),
            ("recipes/a.rhai", "#{ source: dsc(\"one\") }".to_owned()),
            ("recipes/b.rhai", "#{ source: dsc(\"one\") }".to_owned()),
            ("recipes/c.rhai", "#{ source: dsc(\"two\") }".to_owned()),
        ];
        let files = files.map(|(path, text)| (path.to_owned(), text));
        evaluate(&MemoryFiles(files.into())).unwrap_or_else(|errors| panic!("{errors:?}"))
    }

    fn holding<'a>(project: &'a eval::Project, selectors: &[&str]) -> Holding<'a> {
        let mut exceptions = Exceptions::default();
        for selector in selectors {
            let one = Exception { reason: "x".parse().expect("plain"), expires: "2199-12-24".parse().expect("a day") };
            exceptions.hold.insert((*selector).to_owned(), one);
        }
        Holding::with(project, Holds::of(&exceptions, "2026-11-29"))
    }

    fn distro(name: &str) -> DistroName {
        DistroName::new(name).expect("a distro")
    }

    fn source(name: &str) -> PackageName {
        PackageName::new(name).expect("a package")
    }

    #[test]
    fn a_source_stays_for_each_component_that_is_made_of_it_and_a_first_pin_is_made() {
        let project = project();
        let mut held = holding(&project, &["b@mirage-1"]);
        let one = source("one");
        assert!(held.keeps_source(&one, &distro("mirage-1"), Some("1.0-1")));
        assert!(!held.keeps_source(&one, &distro("mirage-2"), Some("1.0-1")));
        assert!(!held.keeps_source(&source("two"), &distro("mirage-1"), Some("1.0-1")));
        let met: Vec<(String, Stays)> = held.met().into_iter().map(|pin| (pin.what, pin.at)).collect();
        assert_eq!(met, [("one@mirage-1".to_owned(), Stays::At("1.0-1".to_owned()))]);
        let mut held = holding(&project, &["@mirage-1"]);
        assert!(!held.keeps_source(&one, &distro("mirage-1"), None) && held.keeps_distro(&distro("mirage-1")));
        let met: Vec<Stays> = held.met().into_iter().map(|pin| pin.at).collect();
        assert_eq!(met, [Stays::Index, Stays::FromNowOn]);
    }

    #[test]
    fn what_is_named_is_refused_where_none_of_its_pins_may_move() {
        let project = project();
        let facts = SourceFacts {
            source: source("one"),
            version: "1.0-1".to_owned(),
            distribution: "unstable".to_owned(),
            date: 0,
            format: "1.0".to_owned(),
            rules_requires_root: None,
            build_depends: String::new(),
            build_depends_arch: String::new(),
            build_depends_indep: String::new(),
            build_conflicts: String::new(),
            binaries: BTreeMap::new(),
        };
        let pin = DscPin {
            suite: "oasis".to_owned(),
            directory: "pool".to_owned(),
            tree: Digest::of(b""),
            files: BTreeMap::new(),
            facts,
        };
        let mut lock = Lock::default();
        for name in ["mirage-1", "mirage-2"] {
            lock.dsc.insert(distro(name), BTreeMap::from([(source("one"), pin.clone())]));
        }
        let refused = |holds: &[&str], component: &str| {
            let components = BTreeSet::from([ComponentName::new(component).expect("a component")]);
            let selection = Selection { components, ..Selection::default() };
            holding(&project, holds).refuse(&selection, &lock).err().map(|error| error.to_string())
        };
        assert_eq!(refused(&["a@mirage-1"], "a"), None, "it may move on the other");
        assert_eq!(refused(&["a@mirage-*"], "b").as_deref(), Some("`b` is held until 2199-12-24: x"));
        assert_eq!(refused(&["a@mirage-1", "@mirage-2"], "a").as_deref(), Some("`a` is held until 2199-12-24: x"));
        assert_eq!(refused(&["c"], "c"), None, "it has no pin");
    }
}
