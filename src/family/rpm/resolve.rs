//! Questions for package lists: of a distro's base, and of what a component is built with.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::{ARGUMENTS, RpmSource, SANDBOX_CONTRACT, arch_name, arguments, base_env, recipe_need};
use crate::component::Component;
use crate::distro::{Distro, Family, Rpm};
use crate::drv::{Action, Resolve, Script, SharedTable, SharedText};
use crate::name::Arch;
use crate::package::spec::dependency::Dependency;

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
    let renamed = |name: &str| aliases.get(name).map_or_else(|| name.to_owned(), Clone::clone);
    let spec = &source.spec;
    for need in &spec.build_requires {
        needs.push(match need {
            Dependency::Plain { name, .. } => format!("{}{}", renamed(name), &need.to_string()[name.len()..]),
            // Names stand between blanks and brackets; a capability has brackets of its own.
            Dependency::Joined { text, names } => {
                let known = |word: &str| names.iter().any(|name| name == word);
                let word = |word: &str| {
                    let open = word.len() - word.trim_start_matches('(').len();
                    let (before, rest) = word.split_at(open);
                    let ends = (0..=rest.len()).rev().filter(|end| rest[*end..].bytes().all(|byte| byte == b')'));
                    let end = ends.filter(|end| known(&rest[..*end])).max().unwrap_or(0);
                    if end == 0 {
                        word.to_owned()
                    } else {
                        format!("{before}{}{}", renamed(&rest[..end]), &rest[end..])
                    }
                };
                text.split(' ').map(word).collect::<Vec<_>>().join(" ")
            }
        });
    }
    for need in &component.needs {
        if let Some((name, version)) = recipe_need(need) {
            needs.push(format!("{}{version}", renamed(&name)));
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
