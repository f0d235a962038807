//! Checking: everything that can be said of a project in one run, errors and lints, whatever is wrong with its parts.
//!
//! An evaluation that goes on: recipes that are wrong are left out, what needs them is not blamed, and the rest is woven
//! with what of `opb.lock` and `opb.toml` can be read.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::lint::{Ground, allow, look};
use super::mistake::{Complaint, Mistake, RecipeError, RecipeErrors};
use super::scan::Text;
use super::survey::{Survey, survey};
use super::weave::{Asked, LookAt, Looked, Sources, are_pinned, source_distro, weave};
use super::{Files, FilesError, Project, Watch, Work, tables};
use crate::component::Component;
use crate::exceptions::{EXCEPTIONS_VERSION, Exceptions};
use crate::graph::Selector;
use crate::lock::{LOCK_VERSION, Lock};
use crate::name::{ComponentName, DistroName, LockName};
use crate::settings::Settings;

const SETTINGS: &str = "opb.toml";
const EXCEPTIONS: &str = "opb.exceptions.toml";

/// What is to be checked.
pub struct Question<'a> {
    /// Recipes and distro files.
    pub files: &'a dyn Files,
    /// The text of `opb.toml`; `None` where there is none.
    pub settings: Result<Option<String>, FilesError>,
    /// The name of the lock, its file, and the text of that; `None` where there is none.
    pub lock: (Option<LockName>, String, Result<Option<String>, FilesError>),
    /// The pins that hold where the lock has none.
    pub base: Lock,
    /// The text of `opb.exceptions.toml`; `None` where there is none.
    pub exceptions: Result<Option<String>, FilesError>,
    /// Looks at folders with sources.
    pub look_at: &'a LookAt<'a>,
    /// The day of today, as `2026-11-25`.
    pub today: &'a str,
    /// What may stop it. It then only tells that.
    pub watch: &'a Watch,
}

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// Errors and lints, sorted by file, place and text; none twice.
    pub findings: Vec<RecipeError>,
    /// How many lints were silenced by comments.
    pub silenced: usize,
    /// How many recipes and distro files were looked at.
    pub files: usize,
    /// Components by name with their recipe's file, also where their recipe is wrong.
    pub components: BTreeMap<ComponentName, String>,
    /// Files that were read.
    pub known: BTreeSet<String>,
}

impl Answer {
    /// How many findings are errors.
    pub fn errors(&self) -> usize {
        self.findings.iter().filter(|finding| !finding.is_warning()).count()
    }

    /// How many findings are warnings.
    pub fn warnings(&self) -> usize {
        self.findings.len() - self.errors()
    }
}

/// Checks everything.
pub fn check(question: Question<'_>) -> Answer {
    let Question { files, settings, lock, base, exceptions, look_at, today, watch } = question;
    let mut survey = survey(files, watch);
    let mut findings = std::mem::take(&mut survey.errors);
    if watch.stopped().is_some() {
        return Answer { findings, ..Answer::default() };
    }
    findings.append(&mut survey.warnings);
    let settings_help = "correct that place; the manual lists what `opb.toml` may say";
    let mut there = |name: &str, text: Result<Option<String>, FilesError>| {
        text.unwrap_or_else(|error| {
            findings.push(RecipeError::of_files(name, &error));
            None
        })
    };
    let (lock_name, lock_file, lock) = lock;
    let (settings, lock, exceptions) =
        (there(SETTINGS, settings), there(&lock_file, lock), there(EXCEPTIONS, exceptions));
    let settings = settings.map(|raw| tables::read::<Settings>(SETTINGS, raw, settings_help));
    let lock_help = "take it from version control again, or remove it and let `opb update` make a new one";
    let lock = lock.map(|raw| tables::read::<Lock>(&lock_file, raw, lock_help));
    let mut texts: Vec<Arc<Text>> = survey.recipes.clone();
    texts.extend(survey.distros.iter().map(|(_, text)| text.clone()));
    texts.extend(survey.shared.values().map(|(text, _)| text.clone()));
    let mut settings_value = Settings::default();
    if let Some(read) = &settings {
        findings.extend(read.errors.iter().cloned());
        settings_value = read.value.clone().completed();
        let text = &read.table.text;
        let line = |span: miette::SourceSpan| text.line_start(span.offset());
        for (keys, message) in settings_value.problems() {
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            let span = read.table.of_key(&keys);
            // A line that is not TOML is told of already.
            if !read.errors.iter().any(|error| error.span().is_some_and(|other| line(other) == line(span))) {
                let complaint = Complaint::new(Mistake::Table, message).help(settings_help);
                findings.push(RecipeError::new(text, span, complaint));
            }
        }
        texts.push(read.table.text.clone());
    }
    let (mut lock_value, mut is_damaged) = (Lock::default(), false);
    if let Some(read) = &lock {
        lock_value = read.value.clone();
        if lock_value.version > LOCK_VERSION {
            let message = format!(
                "the lock has version {}, and this opb knows versions up to {LOCK_VERSION}",
                lock_value.version
            );
            let complaint = Complaint::new(Mistake::Table, message).help("use a newer opb");
            findings.push(RecipeError::new(&read.table.text, read.table.of_key(&["version"]), complaint));
            lock_value = Lock::default();
        } else {
            findings.extend(read.errors.iter().cloned());
        }
        texts.push(read.table.text.clone());
        is_damaged = !read.errors.is_empty();
    }
    let lock_value = base.with(Lock { name: lock_name, ..lock_value });
    let mut built: BTreeMap<&DistroName, Vec<&Work>> = BTreeMap::new();
    for work in survey.project.work.iter().filter(|work| work.component.skip.is_none()) {
        built.entry(&work.target.distro).or_default().push(work);
    }
    let seen = RefCell::new(Looked::new());
    let look_once = |asked: &BTreeMap<String, Asked>| look_once(&seen, look_at, asked);
    let sources = Sources::new(&survey.project, &built, (&lock_value, &settings_value), &look_once);
    let whole = without_unpinned(&survey.project, (&lock_value, &settings_value), is_damaged);
    let woven = weave(whole.as_ref().unwrap_or(&survey.project), &lock_value, &settings_value, &look_once);
    if let Err(errors) = &woven {
        // What it says of channels is said below, at its place.
        findings.extend(errors.iter().filter(|error| error.file() != SETTINGS).cloned());
    }
    let (exceptions, of_exceptions) = exceptions.map(|raw| read_exceptions(raw, &mut findings)).unzip();
    texts.extend(of_exceptions.iter().map(|table| table.text.clone()));
    let ground = Ground {
        survey: &survey,
        files,
        settings: (&settings_value, settings.as_ref().map(|read| &read.table)),
        lock: (&lock_value, lock.as_ref().map(|read| &read.table)),
        exceptions: (&exceptions.unwrap_or_default(), of_exceptions.as_ref()),
        graph: woven.as_ref().ok().filter(|_| !is_damaged).map(|woven| &woven.graph),
        sources: &sources,
        today,
    };
    findings.extend(look(&ground));
    // A file that nothing reads may say itself that this is meant.
    for finding in &findings {
        let is_known = texts.iter().any(|text| text.name() == finding.file());
        if finding.is_warning()
            && !is_known
            && finding.file().ends_with(".rhai")
            && let Ok(raw) = files.read(finding.file())
        {
            texts.push(Arc::new(Text::new(finding.file(), raw)));
        }
    }
    let silenced = allow::apply(&texts, &mut findings);
    Answer {
        findings: sorted(findings),
        silenced,
        files: survey.recipes.len() + survey.distros.len(),
        components: components(&survey),
        known: texts.iter().map(|text| text.name().to_owned()).collect(),
    }
}

/// The exceptions that `raw` says, with all that is wrong with them.
fn read_exceptions(raw: String, findings: &mut Vec<RecipeError>) -> (Exceptions, tables::Table) {
    let help = "correct that place, or take the file from version control again";
    let tables::Tables { table, value, errors } = tables::read::<Exceptions>(EXCEPTIONS, raw, help);
    if value.version > EXCEPTIONS_VERSION {
        let (version, known) = (value.version, EXCEPTIONS_VERSION);
        let message = format!("the file has version {version}, and this opb knows versions up to {known}");
        let complaint = Complaint::new(Mistake::Table, message).help("use a newer opb");
        findings.push(RecipeError::new(&table.text, table.of_key(&["version"]), complaint));
        return (Exceptions::default(), table);
    }
    findings.extend(errors);
    for (kind, selector, _) in value.all() {
        if let Err(error) = selector.parse::<Selector>() {
            let complaint = Complaint::new(Mistake::Table, error.to_string()).help(help);
            findings.push(RecipeError::new(&table.text, table.of_key(&[kind.as_str(), selector]), complaint));
        }
    }
    (value, table)
}

/// Where the lock is damaged, a source that is not pinned may be one whose pin was damaged: the project without what is
/// made of such sources. `None` where nothing has to be left out.
fn without_unpinned(project: &Project, (lock, settings): (&Lock, &Settings), is_damaged: bool) -> Option<Project> {
    if !is_damaged {
        return None;
    }
    let of_rpm = source_distro(&project.distros, lock, settings).ok();
    let pinned = |distro: &DistroName, component: &Component| {
        let is_rpm = project.distros.get(distro).is_some_and(|distro| distro.rpm().is_some());
        let srpms = lock.srpm.get(distro);
        let distro = of_rpm.filter(|_| is_rpm).unwrap_or(distro);
        component.source_packages().all(|name| lock.dsc.get(distro).is_some_and(|pins| pins.contains_key(name)))
            && component.source_rpm().is_none_or(|name| srpms.is_some_and(|pins| pins.contains_key(name)))
            && component.checkouts().all(|checkout| lock.checkout.contains_key(checkout))
            && component.archives().all(|archive| lock.archive.contains_key(archive))
    };
    let is_pinned = |work: &Work| pinned(&work.target.distro, &work.component) && are_pinned(project, lock, work);
    let unpinned = project.work.iter().filter(|work| !is_pinned(work));
    let without: BTreeSet<ComponentName> = unpinned.map(|work| work.component.name.clone()).collect();
    Some(Project {
        distros: project.distros.clone(),
        components: project.components.clone(),
        work: project.work.iter().filter(|work| !without.contains(&work.component.name)).cloned().collect(),
        beside: project.beside.clone(),
        imports: project.imports.clone(),
        warnings: Vec::new(),
        broken: project.broken.iter().cloned().chain(without).collect(),
    })
}

/// Sorted by file and place, none twice; a lint is not told where an error is.
fn sorted(findings: Vec<RecipeError>) -> Vec<RecipeError> {
    let wrong: BTreeSet<(String, Option<usize>)> = findings
        .iter()
        .filter(|finding| !finding.is_warning())
        .map(|finding| (finding.file().to_owned(), finding.span().map(|span| span.offset())))
        .collect();
    let mut findings = findings;
    findings.retain(|finding| {
        let place = (finding.file().to_owned(), finding.span().map(|span| span.offset()));
        !finding.is_warning() || place.1.is_none() || !wrong.contains(&place)
    });
    RecipeErrors::new(findings).map(RecipeErrors::into_vec).unwrap_or_default()
}

fn components(survey: &Survey) -> BTreeMap<ComponentName, String> {
    let sound = survey.project.components.iter().map(|(name, info)| (name.clone(), info.file.clone()));
    let by_file = survey.recipes.iter().filter_map(|text| {
        let stem = text.name().strip_prefix("recipes/")?;
        let stem = stem.strip_suffix("/recipe.rhai").or_else(|| stem.strip_suffix(".rhai"))?;
        Some((stem.parse().ok()?, text.name().to_owned()))
    });
    let mut all: BTreeMap<ComponentName, String> = by_file.collect();
    all.extend(sound);
    all
}

/// What folders answer, from what was `seen` of them where that is all there.
fn look_once(seen: &RefCell<Looked>, look_at: &LookAt<'_>, asked: &BTreeMap<String, Asked>) -> Looked {
    // The first question is that of all components, so every later one is a part of it.
    if asked.keys().any(|folder| !seen.borrow().contains_key(folder)) {
        seen.borrow_mut().extend(look_at(asked));
    }
    let seen = seen.borrow();
    asked.keys().filter_map(|folder| Some((folder.clone(), seen.get(folder)?.clone()))).collect()
}
