//! Questions for package lists: of a distro's base, and of what a component is built with.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::{ARGUMENTS, RpmSource, SANDBOX_CONTRACT, arch_name, arguments, base_env, recipe_need};
use crate::component::Component;
use crate::distro::{Distro, Family, Rpm};
use crate::drv::{Action, Resolve, Script, SharedTable, SharedText};
use crate::name::Arch;
use crate::package::relation::{Alternatives, Operator, Relation, Relations};
use crate::package::rpm_version::Evr;
use crate::package::spec::dependency::{self, Dependency, Sign};

static ASKS: LazyLock<SharedText> = LazyLock::new(|| SharedText::new(include_str!("asks.sh")));

/// The package list of a distro's base root: its groups (`@buildsys-build`) and packages.
pub fn resolve_base(of: (&Distro, &Rpm), arch: &Arch) -> Action {
    Action::Resolve(question(of, arch))
}

/// The package list of a root that has `tool` beside the base.
pub fn resolve_tool(of: (&Distro, &Rpm), arch: &Arch, tool: &str) -> Action {
    let base = question(of, arch);
    Action::Resolve(Resolve { needs: base.needs.iter().cloned().chain([tool.to_owned()]).collect(), ..base })
}

/// What a check is to have installed besides packages of its component: a dependency as specs write it, or as recipes write needs
/// for both families, `python3 (>= 3.9)`. `None` where `text` is neither, or asks for several.
pub fn check_need(text: &str) -> Option<Dependency> {
    if text.chars().any(char::is_control) {
        return None;
    }
    if let Ok(Relations(alternatives)) = Relations::parse(text)
        && let [Alternatives(relations)] = alternatives.as_slice()
        && let [Relation { name, qualifier: None, version, arches, profiles }] = relations.as_slice()
        && arches.is_empty()
        && profiles.is_empty()
    {
        let limit = match version {
            None => None,
            Some((operator, version)) => Some((sign(*operator), Evr::new(version.as_str()).ok()?)),
        };
        return Some(Dependency::Plain { name: name.clone(), limit });
    }
    let found = dependency::parse(text).ok()?;
    <[Dependency; 1]>::try_from(found).ok().map(|[one]| one)
}

fn sign(operator: Operator) -> Sign {
    match operator {
        Operator::Earlier => Sign::Less,
        Operator::EarlierOrEqual => Sign::LessOrEqual,
        Operator::Equal => Sign::Equal,
        Operator::LaterOrEqual => Sign::GreaterOrEqual,
        Operator::Later => Sign::Greater,
    }
}

/// The package list of a root in which a check has `packages` of its component installed, and `needs`. Module streams are those
/// that the component is built with; `aliases` and `ours` as in [`resolve`].
pub fn resolve_check(
    component: &Component,
    (of, arch): ((&Distro, &Rpm), &Arch),
    (packages, needs): (&[&str], &[Dependency]),
    aliases: &BTreeMap<String, String>,
    ours: SharedTable,
) -> Action {
    let base = question(of, arch);
    let mut all = base.needs.clone();
    all.extend(component.modules.iter().map(|stream| format!("@{stream}")));
    all.extend(packages.iter().map(|name| (*name).to_owned()));
    all.extend(needs.iter().map(|need| renamed(need, aliases)));
    Action::Resolve(Resolve { needs: all, ours, ..base })
}

/// A need as it is asked for: where it names what a recipe gives another name, by the name of the package that is meant.
fn renamed(need: &Dependency, aliases: &BTreeMap<String, String>) -> String {
    let renamed = |name: &str| aliases.get(name).map_or_else(|| name.to_owned(), Clone::clone);
    match need {
        Dependency::Plain { name, .. } => format!("{}{}", renamed(name), &need.to_string()[name.len()..]),
        // Names stand between blanks and brackets; a capability has brackets of its own.
        Dependency::Joined { text, names } => {
            let known = |word: &str| names.iter().any(|name| name == word);
            let word = |word: &str| {
                let open = word.len() - word.trim_start_matches('(').len();
                let (before, rest) = word.split_at(open);
                let ends = (0..=rest.len()).rev().filter(|end| rest[*end..].bytes().all(|byte| byte == b')'));
                let end = ends.filter(|end| known(&rest[..*end])).max().unwrap_or(0);
                if end == 0 { word.to_owned() } else { format!("{before}{}{}", renamed(&rest[..end]), &rest[end..]) }
            };
            text.split(' ').map(word).collect::<Vec<_>>().join(" ")
        }
    }
}

/// The package list of the root that a component is built in.
///
/// `ours` names every package and capability that the project makes for the distro, with its component; `aliases` the names
/// that specs ask for in place of a package of the project's.
pub fn resolve(
    component: &Component,
    (distro, rpm): (&Distro, &Rpm),
    (source, arch): (&RpmSource, &Arch),
    aliases: &BTreeMap<String, String>,
    ours: SharedTable,
    maintainer: &str,
) -> Action {
    let base = question((distro, rpm), arch);
    let mut needs = base.needs.clone();
    needs.extend(component.modules.iter().map(|stream| format!("@{stream}")));
    let spec = &source.spec;
    needs.extend(spec.build_requires.iter().map(|need| renamed(need, aliases)));
    for need in &component.needs {
        if let Some((name, version)) = recipe_need(need) {
            needs.push(format!("{}{version}", aliases.get(&name).unwrap_or(&name)));
        }
    }
    let conflicts = spec.build_conflicts.iter().map(ToString::to_string).collect();
    let asks = spec.asks.then(|| Box::new(asks(component, (distro, rpm), (source, arch), maintainer)));
    Action::Resolve(Resolve { needs, conflicts, ours, asks, ..base })
}

/// Whether a spec asks for some package by one of the names in `aliases`.
pub fn is_renamed(source: &RpmSource, aliases: &BTreeMap<String, String>) -> bool {
    source.spec.build_requires.iter().any(|need| match need {
        Dependency::Plain { name, .. } => aliases.contains_key(name),
        Dependency::Joined { names, .. } => names.iter().any(|name| aliases.contains_key(name)),
    })
}

/// What decides a choice beside needs, as words: whether weak dependencies count, whether modules hide what a repository of
/// this project has, and the platform that modules are for.
fn variant(distro: &Distro, rpm: &Rpm) -> String {
    let weak = if rpm.base.weak { "weak" } else { "strong" };
    let hotfixes = if rpm.modules.hotfixes { "hotfixes" } else { "modular" };
    // Fedora's packages carry `fc45`, its modules are for `f45`.
    let platform =
        distro.suffix.strip_prefix("fc").map_or_else(|| distro.suffix.clone(), |release| format!("f{release}"));
    format!("{weak} {hotfixes} {platform}")
}

/// The question of a base.
fn question((distro, rpm): (&Distro, &Rpm), arch: &Arch) -> Resolve {
    let groups = rpm.base.groups.iter().map(|group| format!("@{group}"));
    Resolve {
        family: Family::Rpm.as_str().to_owned(),
        arch: arch_name(arch.as_str()).to_owned(),
        // A stream of a module is enabled by a need that begins so.
        needs: rpm.modules.enable.iter().map(|stream| format!("@{stream}")).collect(),
        conflicts: Vec::new(),
        variant: variant(distro, rpm),
        add: groups.chain(rpm.base.add.iter().cloned()).collect(),
        profiles: Vec::new(),
        first_alternative: false,
        ours: SharedTable::default(),
        extra: Vec::new(),
        asks: None,
        tests: None,
    }
}

/// What finds out what a spec asks for when it runs. It may read the environment that builds have.
fn asks(
    component: &Component,
    (distro, rpm): (&Distro, &Rpm),
    (source, arch): (&RpmSource, &Arch),
    maintainer: &str,
) -> Script {
    let mut env = base_env(distro, rpm, source, maintainer);
    env.insert("OPB_TARGET".into(), arch_name(arch.as_str()).to_owned().into());
    for (name, text) in &component.env {
        // Not those in which probes stand: a list waits for none.
        if let Some(plain) = text.plain() {
            env.insert(name.clone().into(), plain.to_owned().into());
        }
    }
    let files = BTreeMap::from([(ARGUMENTS.to_owned(), arguments(component))]);
    let (sandbox_contract, text, env_with_probes) = (SANDBOX_CONTRACT, ASKS.clone(), BTreeMap::new());
    Script { sandbox_contract, text, env, env_with_probes, files, network: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needs_of_checks_are_said_as_in_specs_or_as_in_recipes() {
        let said = |text: &str| check_need(text).map(|need| need.to_string());
        for (text, means) in [
            ("python3", "python3"),
            ("python3 (>= 3.9)", "python3 >= 3.9"),
            ("python3 (<< 3.9)", "python3 < 3.9"),
            ("python3 >= 3.9", "python3 >= 3.9"),
            ("pkgconfig(zlib)", "pkgconfig(zlib)"),
            ("/usr/bin/grep", "/usr/bin/grep"),
            ("(a >= 1 or b)", "(a >= 1 or b)"),
        ] {
            assert_eq!(said(text).as_deref(), Some(means), "{text}");
        }
        for text in ["", "a b", "a, b", "a | b", "a [amd64]", "a <!nocheck>", "a:any (>= 1)", "a\n", "-a", "(a"] {
            assert_eq!(said(text), None, "{text:?}");
        }
    }
}
