//! Nodes that choose the exact packages of a root.
//!
//! The question is put to the solver as a package that requires all that is needed: the packages of the base in the versions
//! that its list locks, and the needs. What a component of the project makes comes from a repository that goes before the
//! distribution's; of what it is called the distribution's packages do not count.

use std::collections::{BTreeMap, BTreeSet};

use super::asking;
use super::error::RpmError;
use super::host::{self, Answer, Asked, AskedRepository, Chosen};
use super::question::{self, Universe, universe};
use crate::diag::{Failure, did_you_mean};
use crate::digest::{Digest, Sha256};
use crate::drv::{ActionKey, Outputs, Resolve, Script};
use crate::exec::context::{Context, Job};
use crate::exec::error::NodeError;
use crate::exec::packages::{self, sha256_of};
use crate::exec::sources::{insert, one};
use crate::family::rpm::debian_arch;
use crate::name::{Arch, Check, ComponentName, PackageName};
use crate::package::list::{Layer, Listed, ListedFrom, ListedVersion, PackageList};
use crate::package::repodata::plain;
use crate::package::rpm::Package;
use crate::package::rpm_version::Evr;
use crate::package::spec::dependency::{self, Dependency, Sign};
use crate::tree::{Entry, Tree};

/// The package that stands for the question, and its repository.
const ROOT: &str = "opb-root";

/// The repository of packages of the project.
const OURS: &str = "opb-ours";

/// How often a spec is asked for more: real ones need two or three rounds.
const MAX_ROUNDS: usize = 10;

/// The most lines of a solver's reasons that are told.
const MAX_REASONS: usize = 40;

/// A package of a component that the list may need.
struct OurPackage {
    component: ComponentName,
    name: String,
    sha256: Sha256,
    /// As metadata has it.
    text: String,
}

/// Answers the question of `job` with a package list.
///
/// # Errors
/// Where no packages meet it, with the reason.
pub fn resolve(ctx: &Context<'_>, job: &Job<'_>, question: &Resolve, key: ActionKey) -> Result<Outputs, Failure> {
    let (_, index) = job.input("index")?;
    ctx.phase(job.node(), "reading the index");
    let universe = universe(ctx, index)?;
    let base = job.input("base").ok().map(|(_, base)| packages::list(ctx, base)).transpose()?;
    let mut ours = Vec::new();
    for (role, digest) in job.inputs("packages of ")? {
        let component = role.split('/').next().unwrap_or(role);
        let component = ComponentName::new(component).map_err(|_| NodeError::NoInput { role: role.to_owned() })?;
        ours.extend(our_packages(ctx, &component, digest, &question.arch)?);
    }
    check_twice(&mut ours)?;
    // What a check has installed; the root with the program of one is of no component.
    let check = Check::split(job.node().subject()).filter(|_| job.node().component_str().is_some());
    let check = check.map(|(_, check)| check);
    let list = settled(
        question.clone(),
        |question| {
            ctx.phase(job.node(), "choosing packages");
            choose(ctx, (question, check), &universe, base.as_ref(), &ours)
        },
        |script, list| {
            ctx.phase(job.node(), "asking the spec what it needs");
            asking::asked(ctx, job, script, list, key)
        },
    )?;
    let text = list.encode();
    let digest = ctx.store.put_bytes(text.as_bytes())?;
    let mut tree = Tree::default();
    insert(&mut tree, "list", Entry::File { digest, size: text.len() as u64, executable: false })?;
    Ok(one("list", ctx.store.put_tree(&tree)?))
}

/// The list that answers `question` once nobody asks for more: a source that says what it needs when it runs is asked anew with
/// each list.
fn settled(
    mut question: Resolve,
    mut choose: impl FnMut(&Resolve) -> Result<PackageList, Failure>,
    mut ask: impl FnMut(&Script, &PackageList) -> Result<Vec<String>, Failure>,
) -> Result<PackageList, Failure> {
    let mut list = choose(&question)?;
    let Some(script) = question.asks.take() else { return Ok(list) };
    let mut rounds = 0;
    loop {
        let mut asked = ask(&script, &list)?;
        asked.retain(|need| !question.needs.contains(need));
        let Some(last) = asked.last().cloned() else { return Ok(list) };
        rounds += 1;
        if rounds > MAX_ROUNDS {
            return Err(RpmError::Unstable { rounds: MAX_ROUNDS, last }.into());
        }
        question.needs.extend(asked);
        list = choose(&question)?;
    }
}

/// The packages in the tree `digest` that can be installed on `arch`.
fn our_packages(
    ctx: &Context<'_>,
    component: &ComponentName,
    digest: Digest,
    arch: &str,
) -> Result<Vec<OurPackage>, Failure> {
    let mut packages = Vec::new();
    for (_, object, size) in ctx.store.get_tree(digest)?.files() {
        let package = Package::read(ctx.store.open_object(object)?)?;
        if package.is_source() || package.arch() != arch && package.arch() != "noarch" {
            continue;
        }
        let sha256 = sha256_of(ctx, object)?;
        let text = plain::package(&package, sha256, size);
        packages.push(OurPackage { component: component.clone(), name: package.name().to_owned(), sha256, text });
    }
    Ok(packages)
}

fn check_twice(ours: &mut [OurPackage]) -> Result<(), RpmError> {
    ours.sort_by(|left, right| (&left.name, &left.component).cmp(&(&right.name, &right.component)));
    match ours.windows(2).find(|pair| pair[0].name == pair[1].name) {
        None => Ok(()),
        Some(pair) => Err(RpmError::OurTwice {
            package: pair[0].name.clone(),
            first: pair[0].component.to_string(),
            second: pair[1].component.to_string(),
        }),
    }
}

fn choose(
    ctx: &Context<'_>,
    (question, check): (&Resolve, Option<Check>),
    universe: &Universe,
    base: Option<&PackageList>,
    ours: &[OurPackage],
) -> Result<PackageList, Failure> {
    let (streams, needs): (Vec<&String>, Vec<&String>) = question.needs.iter().partition(|need| need.starts_with('@'));
    let streams: Vec<String> = streams.iter().map(|stream| stream[1..].to_owned()).collect();
    let mut all = Vec::new();
    for listed in base.into_iter().flat_map(PackageList::iter) {
        // What a component makes in place of a package of the base may have another version.
        if !ours.iter().any(|own| own.name == listed.name.as_str()) {
            all.push(exactly(listed)?);
        }
    }
    let additions = question.add.iter().filter(|_| base.is_none());
    for text in additions.chain(needs) {
        all.extend(expanded(universe, text)?);
    }
    let conflicts = question.conflicts.iter().map(|text| read(text)).collect::<Result<Vec<_>, _>>()?.concat();
    let named = all.iter().flat_map(Dependency::names);
    let files = named.filter(|name| name.starts_with('/') && !universe.has_file(name)).cloned().collect();
    let work = ctx.store.new_work()?;
    let mut repositories = universe.asked(ctx.store, &files, &work)?;
    let mut variant = question.variant.split(' ');
    let (weak, hotfixes, platform) = (variant.next(), variant.next(), variant.next().unwrap_or_default());
    let own = |id: &str, hotfixes| AskedRepository {
        id: id.to_owned(),
        folder: work.path().join(id).to_string(),
        place: 0,
        priority: 1,
        hotfixes,
        stays: false,
    };
    question::write(&work, ROOT, &plain::of(&[plain::question(ROOT, &question.arch, &all, &conflicts)]), None)?;
    repositories.push(own(ROOT, true));
    if !ours.is_empty() {
        let texts: Vec<String> = ours.iter().map(|own| own.text.clone()).collect();
        question::write(&work, OURS, &plain::of(&texts), None)?;
        repositories.push(own(OURS, hotfixes == Some("hotfixes")));
    }
    let asked = Asked {
        folder: &universe.folder().to_string(),
        arch: &question.arch,
        platform,
        weak: weak == Some("weak"),
        streams: &streams,
        repositories,
        root: ROOT,
        root_repository: ROOT,
    };
    let answer = host::ask(ctx, &asked, universe.folder())?;
    let _ = work.remove();
    match answer {
        Answer::Chosen { packages } => Ok(listed(question, universe, base, ours, packages)?),
        Answer::Failed { failed, text } => Err(match failed.as_str() {
            "problem" => match check {
                None => RpmError::Unmet { problems: problems(&text, "the build") },
                Some(check) => RpmError::UnmetCheck { check, problems: problems(&text, "the check") },
            },
            "streams" => RpmError::Stream { streams: streams.join("`, `"), said: one_line(&text) },
            _ => RpmError::Dnf { said: one_line(&text) },
        }
        .into()),
    }
}

/// A package of a list, in its version.
fn exactly(listed: &Listed) -> Result<Dependency, RpmError> {
    let evr = Evr::new(listed.version.as_str()).map_err(|error| RpmError::Answer { why: error.to_string() })?;
    Ok(Dependency::Plain { name: listed.name.to_string(), limit: Some((Sign::Equal, evr)) })
}

/// What a need or an addition of the base comes to: a group's packages, or itself.
fn expanded(universe: &Universe, text: &str) -> Result<Vec<Dependency>, RpmError> {
    let Some(group) = text.strip_prefix('@') else { return read(text) };
    let packages = universe.groups.get(group).ok_or_else(|| {
        let close = did_you_mean(group, universe.groups.keys().map(String::as_str));
        let close = close.map_or_else(String::new, |close| format!("; did you mean `{close}`?"));
        RpmError::Group { group: group.to_owned(), close }
    })?;
    Ok(packages.iter().map(|name| Dependency::Plain { name: name.clone(), limit: None }).collect())
}

fn read(text: &str) -> Result<Vec<Dependency>, RpmError> {
    dependency::parse(text).map_err(|source| RpmError::Need { need: text.to_owned(), source })
}

/// The list of what was chosen, after a look at whether it may be.
fn listed(
    question: &Resolve,
    universe: &Universe,
    base: Option<&PackageList>,
    ours: &[OurPackage],
    chosen: Vec<Chosen>,
) -> Result<PackageList, RpmError> {
    let wrong = |why: String| RpmError::Answer { why };
    let of_base: BTreeSet<Sha256> = base.into_iter().flat_map(PackageList::iter).map(|listed| listed.sha256).collect();
    let own: BTreeMap<Sha256, &OurPackage> = ours.iter().map(|own| (own.sha256, own)).collect();
    let mut list = Vec::with_capacity(chosen.len());
    for one in chosen {
        let name = PackageName::new(one.name.as_str()).map_err(|error| wrong(error.to_string()))?;
        let sha256: Sha256 = one.digest.parse().map_err(|_| wrong(format!("`{name}` has no SHA-256")))?;
        let from = match own.get(&sha256).filter(|_| one.repository == OURS) {
            Some(own) => ListedFrom::Component(own.component.clone()),
            None if universe.has(&one.repository) => ListedFrom::Distribution,
            None => return Err(wrong(format!("`{name}` is of the repository `{}`", one.repository))),
        };
        let is_of_base = of_base.contains(&sha256) || base.is_none();
        // What every root has before its first component is built is no surprise; what takes its place is.
        if from == ListedFrom::Distribution
            && !is_of_base
            && let Some(component) = question.ours.get(name.as_str())
        {
            return Err(RpmError::OursFromDistribution { package: name.to_string(), component: component.clone() });
        }
        let arch = Arch::new(debian_arch(&one.arch)).map_err(|error| wrong(error.to_string()))?;
        let version = ListedVersion::new(&one.evr()).map_err(|error| wrong(error.to_string()))?;
        let layer = if is_of_base { Layer::Base } else { Layer::Component };
        list.push(Listed { name, version, arch, sha256, size: one.size, from, layer, essential: false });
    }
    PackageList::new(list).map_err(|error| wrong(error.to_string()))
}

/// What the solver says, a line for each of its reasons, without the names that only this program knows.
fn problems(text: &str, asker: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    // The solver's own head of a list of reasons says nothing.
    for line in
        text.lines().map(|line| plainly(line, asker)).filter(|line| !line.is_empty() && line != "conflicting requests")
    {
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines.iter().take(MAX_REASONS).map(|line| format!("\n    {line}")).collect()
}

/// A line as people read it: what asks is called `asker`, and packages of components are the project's.
fn plainly(line: &str, asker: &str) -> String {
    let line: String = line.chars().filter(|char| !char.is_control()).collect();
    let ours = format!("{ROOT}-1-1.");
    let words = line.trim().split(' ').map(|word| if word.starts_with(&ours) { asker } else { word });
    let line = words.collect::<Vec<_>>().join(" ").replace(&format!("package {asker}"), asker);
    line.replace(&format!(" from {ROOT}"), "").replace(&format!(" from {OURS}"), " of this project")
}

fn one_line(text: &str) -> String {
    let text: Vec<String> =
        text.lines().map(|line| plainly(line, "the build")).filter(|line| !line.is_empty()).collect();
    text.join("; ").replace(":; ", ": ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drv::SharedText;

    fn question(asks: bool) -> Resolve {
        let script = Script {
            sandbox_contract: 1,
            text: SharedText::new(""),
            env: Default::default(),
            env_with_probes: BTreeMap::new(),
            files: BTreeMap::new(),
            network: false,
        };
        Resolve {
            family: "rpm".into(),
            arch: "x86_64".into(),
            needs: vec!["a".into()],
            conflicts: Vec::new(),
            variant: String::new(),
            add: Vec::new(),
            profiles: Vec::new(),
            first_alternative: false,
            ours: Default::default(),
            extra: Vec::new(),
            asks: asks.then(|| Box::new(script)),
            tests: None,
        }
    }

    /// The needs of each choice that is made where a source asks for these, one after another.
    fn choices(asks: bool, mut said: Vec<&str>) -> Result<Vec<String>, String> {
        let mut choices = Vec::new();
        said.reverse();
        let choose = |question: &Resolve| {
            choices.push(question.needs.join(" "));
            Ok(PackageList::default())
        };
        let ended = settled(question(asks), choose, |_, _| Ok(said.pop().into_iter().map(str::to_owned).collect()));
        ended.map(|_| choices).map_err(|failure| failure.report.to_string())
    }

    #[test]
    fn a_source_is_asked_until_it_says_nothing_new() {
        assert_eq!(choices(false, vec!["b"]), Ok(vec!["a".to_owned()]));
        assert_eq!(choices(true, vec!["a"]), Ok(vec!["a".to_owned()]), "what it has already is nothing new");
        assert_eq!(choices(true, vec!["b", "c", "b"]), Ok(["a", "a b", "a b c"].map(str::to_owned).to_vec()));
        let many: Vec<String> = (0..20).map(|number| format!("n{number}")).collect();
        let told = "the spec asks for more each time it runs, 10 times over; last for `n10`";
        assert_eq!(choices(true, many.iter().map(String::as_str).collect()), Err(told.to_owned()));
    }

    #[test]
    fn what_the_solver_says_is_told_without_our_names() {
        let said = "conflicting requests\nnothing provides gcx needed by opb-root-1-1.x86_64 from opb-root\n\
                    nothing provides gcx needed by opb-root-1-1.x86_64 from opb-root\n\
                    package opb-root-1-1.x86_64 from opb-root requires zlib, but none of the providers can be installed";
        assert_eq!(
            problems(said, "the build"),
            "\n    nothing provides gcx needed by the build\n    \
             the build requires zlib, but none of the providers can be installed"
        );
        let said = "package opb-root-1-1.x86_64 from opb-root requires a, but none of the providers can be installed";
        let told = "\n    the check requires a, but none of the providers can be installed";
        assert_eq!(problems(said, "the check"), told);
        assert_eq!(one_line("a:\nb\n\nc\u{1b}[1m"), "a: b; c[1m");
        assert_eq!(problems(&"x y\n".repeat(50), "the build").lines().count(), 2, "each once");
        let many: String = (0..100).map(|number| format!("{number}\n")).collect();
        assert_eq!(problems(&many, "the check").lines().count(), MAX_REASONS + 1);
    }
}
