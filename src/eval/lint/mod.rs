//! Lints: what is not wrong, but may not be what was meant. One file for each subject.
//!
//! Pure like all of evaluation: what a lint knows of sources comes through a closure, and the day of today is handed in.
//! Each lint has a name, by which a comment on the line above silences it: `// opb: allow(name)`.

mod aliases;
pub(super) mod allow;
mod code;
mod distros;
mod env;
mod exceptions;
mod lines;
mod may_fail;
mod needs;
mod pins;
mod profiles;
mod settings;
mod targets;
mod unused;

use std::collections::BTreeSet;

use miette::SourceSpan;

use super::mistake::{Complaint, Mistake, RecipeError};
use super::recipe::Recipe;
use super::scan::Text;
use super::survey::Survey;
use super::tables::Table;
use super::weave::Sources;
use super::{Files, Project, Work};
use crate::component::SourceSpec;
use crate::exceptions::Exceptions;
use crate::family::deb::needs::Source;
use crate::graph::Graph;
use crate::lock::{Lock, SourceFacts};
use crate::name::{ComponentName, Target};
use crate::settings::Settings;

macro_rules! lints {
    ($($variant:ident $name:literal $summary:literal),+ $(,)?) => {
        /// What a lint looks for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Lint {
            $(#[doc = $summary] $variant,)+
        }

        impl Lint {
            /// All lints, in the order of their names.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name, such as `unused-file`.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// What identifies it for programs, such as `opb::lint::unused-file`.
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => concat!("opb::lint::", $name),)+ }
            }

            /// What it finds, in one line.
            pub fn summary(self) -> &'static str {
                match self { $(Self::$variant => $summary,)+ }
            }
        }
    };
}

lints! {
    AliasIdle "alias-idle" "an alias of a name for itself",
    AliasUnused "alias-unused" "an alias that nothing in the project asks for",
    BuiltNowhere "built-nowhere" "a component that is built for no target",
    ChannelEmpty "channel-empty" "a channel whose `targets` select nothing",
    DistroEnded "distro-ended" "a distro past the last day of its support",
    DistroUnused "distro-unused" "a distro that no component is built for",
    EnvHarmful "env-harmful" "a variable that makes builds fail or differ, such as `LD_PRELOAD`",
    EnvOverride "env-override" "a variable that opb sets for a reason, overridden",
    EnvUseless "env-useless" "a variable that has no effect in a build, or is set over there anyway",
    ExceptionExpired "exception-expired" "an exception of `opb.exceptions.toml` whose last day has passed",
    ExceptionIdle "exception-idle" "an exception of `opb.exceptions.toml` that means nothing in the project",
    ExpiredMayFail "expired-may-fail" "a `may_fail` whose day to look again has passed",
    LeftoverPrint "leftover-print" "a recipe that prints",
    MaintainerForm "maintainer-form" "a maintainer that is not a name and an address",
    MirrorUnused "mirror-unused" "an archive in `[mirrors]` that no distro is fetched from",
    MisplacedFile "misplaced-file" "a `.rhai` file where opb does not look for one",
    NeedDerived "need-derived" "a need that follows from the source's own packaging anyway",
    NeedTwice "need-twice" "a need that is listed twice",
    NeedUnmet "need-unmet" "a need that none of the component's targets can meet",
    OverrideIdle "override-idle" "a line of `on` that changes nothing",
    OverrideUnmatched "override-unmatched" "a pattern of `on` or `modules` that matches none of the component's targets",
    PinSuites "pin-suites" "a pin made for other suites than the distro now has",
    PinUnused "pin-unused" "a pin that nothing uses",
    PinWithoutDigest "pin-without-digest" "a pin that says no digest of what it pins",
    ProfileMisspelt "profile-misspelt" "a build profile that is nearly, but not quite, a known one",
    SkippedEverywhere "skipped-everywhere" "a component that is skipped for all of its targets",
    TargetsIdle "targets-idle" "a pattern of `targets` that changes nothing",
    UnknownAllow "unknown-allow" "a comment that silences a lint that does not exist",
    UnusedAllow "unused-allow" "a comment that silences nothing",
    UnusedFile "unused-file" "a file among the recipes that nothing reads",
    UnusedFunction "unused-function" "a function of a recipe that is never called",
    UnusedImport "unused-import" "an import whose name is never used",
    UnusedVariable "unused-variable" "a variable or constant that is never read",
}

impl Lint {
    /// The lint of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|lint| lint.name() == name)
    }
}

/// What lints look at.
pub(super) struct Ground<'a> {
    pub survey: &'a Survey,
    pub files: &'a dyn Files,
    pub settings: (&'a Settings, Option<&'a Table>),
    pub lock: (&'a Lock, Option<&'a Table>),
    pub exceptions: (&'a Exceptions, Option<&'a Table>),
    /// What is pinned; `None` where there are mistakes in it.
    pub graph: Option<&'a Graph>,
    /// Those of all components that are not skipped.
    pub sources: &'a Sources<'a>,
    /// The day of today, as `2026-11-25`.
    pub today: &'a str,
}

/// What lints found.
#[derive(Default)]
pub(super) struct Found(pub Vec<RecipeError>);

impl Found {
    /// Something at a place.
    fn at(&mut self, lint: Lint, text: &Text, span: SourceSpan, message: impl Into<String>, help: impl Into<String>) {
        self.0.push(RecipeError::new(text, span, Complaint::new(Mistake::Lint(lint), message).help(help)));
    }

    /// Something of a file as a whole.
    fn of(&mut self, lint: Lint, file: &str, message: impl Into<String>, help: impl Into<String>) {
        self.0.push(RecipeError::placeless(file, Complaint::new(Mistake::Lint(lint), message).help(help)));
    }
}

impl Ground<'_> {
    fn project(&self) -> &Project {
        &self.survey.project
    }

    /// What was read of recipes, each with the targets that it is for.
    fn recipes(&self) -> impl Iterator<Item = (&Recipe, Vec<&Target>)> {
        self.survey.read.iter().map(|(recipe, places)| {
            let own = places.iter().filter(|place| recipe.is_for(place)).map(|(target, _)| target).collect();
            (&**recipe, own)
        })
    }

    /// Whether something could not be read, so that what looks unused may be used there.
    fn has_gaps(&self) -> bool {
        !self.project().broken.is_empty() || !self.has_all_distros()
    }

    /// Whether all distro files could be read.
    fn has_all_distros(&self) -> bool {
        self.survey.distros.len() == self.project().distros.len()
    }
}

/// What lints ask about files.
impl<'a> Ground<'a> {
    /// The source of a component; `None` where nothing is known of it, or it is skipped.
    fn source(&self, work: &Work) -> Option<&'a Source<'a>> {
        let built = work.component.skip.is_none();
        built.then(|| self.sources.of(&work.target.distro, &work.component).ok())?.map(|(source, _)| source)
    }

    /// What that source says of itself.
    fn facts(&self, work: &Work) -> Option<&'a SourceFacts> {
        self.source(work).map(|source| &*source.facts)
    }

    /// Whether none of a recipe's components could be read.
    fn is_broken(&self, recipe: &str) -> bool {
        !self.project().components.values().any(|info| info.file == recipe)
    }

    /// Whether a text that was read names `value` in a string, whatever for.
    fn is_named(&self, value: &str) -> bool {
        let shared = self.survey.shared.values().map(|(text, _)| text);
        self.survey.recipes.iter().chain(shared).any(|text| names(text, |text| text == value))
    }

    /// Whether `recipe`, or shared code, names the file at `path` or a folder above it, relative to `folder`.
    fn names_file(&self, recipe: &str, folder: &str, path: &str) -> bool {
        let Some(rest) = path.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/')) else { return false };
        let is_it = |text: &str| {
            let text = text.trim_end_matches('/');
            !text.is_empty() && rest.strip_prefix(text).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let shared = self.survey.shared.values().map(|(text, _)| text);
        let own = self.survey.recipes.iter().filter(|text| text.name() == recipe);
        own.chain(shared).any(|text| names(text, is_it))
    }

    /// Whether a file lies in a folder that is a source.
    fn is_in_a_source(&self, path: &str) -> bool {
        self.project().work.iter().any(|work| match &work.component.source {
            SourceSpec::Path { folder: Some(folder) } => {
                path.strip_prefix(folder.as_str()).is_some_and(|rest| rest.starts_with('/'))
            }
            _ => false,
        })
    }

    /// Whether the packaging of a component knows a build profile of that name.
    fn knows_profile(&self, name: &ComponentName, profile: &str) -> bool {
        self.project().work.iter().filter(|work| work.component.name == *name).any(|work| {
            let Some(facts) = self.facts(work) else { return false };
            let relations = [&facts.build_depends, &facts.build_depends_arch, &facts.build_depends_indep];
            let of_binaries = facts.binaries.values().map(|binary| &binary.profiles);
            let word = |text: &&String| text.split(['<', '>', ' ', '!']).any(|word| word == profile);
            relations.into_iter().chain(of_binaries).any(|text| word(&text))
        })
    }
}

fn names(text: &Text, mut is_it: impl FnMut(&str) -> bool) -> bool {
    (0..text.tokens().len()).any(|token| text.text_value(token).is_some_and(&mut is_it))
}

/// Everything that lints find, in no order.
pub(super) fn look(ground: &Ground<'_>) -> Vec<RecipeError> {
    let mut found = Found::default();
    unused::look(ground, &mut found);
    code::look(ground, &mut found);
    targets::look(ground, &mut found);
    lines::look(ground, &mut found);
    may_fail::look(ground, &mut found);
    aliases::look(ground, &mut found);
    env::look(ground, &mut found);
    profiles::look(ground, &mut found);
    needs::look(ground, &mut found);
    distros::look(ground, &mut found);
    pins::look(ground, &mut found);
    exceptions::look(ground, &mut found);
    settings::look(ground, &mut found);
    found.0
}

/// Whether several values of one recipe (for targets that it branches on) all say `true`, and there are any.
fn in_all<T>(items: impl IntoIterator<Item = T>, mut check: impl FnMut(T) -> bool) -> bool {
    let mut any = false;
    let all = items.into_iter().all(|item| {
        any = true;
        check(item)
    });
    any && all
}

/// Each of `items` once, in order.
fn distinct<T: Ord>(items: impl IntoIterator<Item = T>) -> BTreeSet<T> {
    items.into_iter().collect()
}
