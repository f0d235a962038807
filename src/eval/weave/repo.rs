//! The nodes that assemble repositories: one for each channel and distro.

use std::collections::BTreeMap;

use super::super::mistake::{Complaint, Mistake};
use super::super::pattern::{Pattern, glob, selects};
use super::super::{Project, RecipeError};
use super::distro::AllMade;
use super::imported;
use crate::diag::did_you_mean;
use crate::distro::{Repodata, Rpm, SigningDigest, SigningKey};
use crate::drv::Action;
use crate::graph::{Builder, NewNode, Origin};
use crate::lock::Lock;
use crate::name::{Arch, AreaName, ChannelName, ComponentName, Kind, Target};
use crate::settings::{Channel, Settings};

/// What each channel holds.
pub(super) type Patterns = BTreeMap<ChannelName, Vec<Pattern>>;

/// Reads the patterns of all channels: written as in recipes, with the same mistakes.
pub(super) fn patterns(project: &Project, settings: &Settings, errors: &mut Vec<RecipeError>) -> Patterns {
    let all = project.targets();
    let mut patterns = Patterns::new();
    for (name, channel) in &settings.channel {
        let unknown = nobody(name, channel, project).into_iter();
        errors.extend(unknown.map(|unknown| RecipeError::placeless("opb.toml", unknown.complaint)));
        for written in &channel.targets {
            let complaint = match Pattern::new(written) {
                Ok(pattern) if all.iter().any(|target| pattern.covers(target)) => {
                    patterns.entry(name.clone()).or_default().push(pattern);
                    continue;
                }
                Ok(pattern) => pattern.nothing(Mistake::Pattern, &all),
                Err(complaint) => complaint,
            };
            let message = format!("`targets` of the channel `{name}` in `opb.toml`: {}", complaint.message);
            errors.push(RecipeError::placeless("opb.toml", Complaint { message, ..complaint }));
        }
    }
    patterns
}

/// Something that a channel names and nobody has.
pub(in crate::eval) struct Nobody<'a> {
    /// The field of the channel.
    pub field: &'static str,
    /// As it is written.
    pub written: &'a str,
    /// What to say of it.
    pub complaint: Complaint,
}

/// Components and distros that a channel names and that do not exist.
pub(in crate::eval) fn nobody<'a>(name: &ChannelName, channel: &'a Channel, project: &Project) -> Vec<Nobody<'a>> {
    let components: Vec<&str> = project.components.keys().chain(&project.broken).map(ComponentName::as_str).collect();
    let of_components = channel.components.iter().filter_map(|written| {
        let pattern = written.strip_prefix('!').unwrap_or(written);
        let is_known = components.iter().any(|component| glob(pattern, component));
        let message = format!("`components` of the channel `{name}`: `{written}` matches no component");
        (!is_known).then(|| Nobody { field: "components", written, complaint: unknown(message, pattern, &components) })
    });
    let distros: Vec<&str> = project.distros.keys().map(crate::name::DistroName::as_str).collect();
    let of_aliases = channel.aliases.keys().filter(|distro| !project.distros.contains_key(*distro)).map(|distro| {
        let message = format!("`aliases` of the channel `{name}`: there is no distro `{distro}`");
        let written = distro.as_str();
        Nobody { field: "aliases", written, complaint: unknown(message, written, &distros) }
    });
    of_components.chain(of_aliases).collect()
}

fn unknown(message: String, name: &str, known: &[&str]) -> Complaint {
    Complaint::new(Mistake::Name, message).help(match did_you_mean(name, known.iter().copied()) {
        Some(close) => format!("did you mean `{close}`?"),
        None => "name what there is in `recipes/` or `distros/`, or remove it".to_owned(),
    })
}

/// Whether the channel holds `component`, whose packages go to `area`. As with targets, the last pattern that matches decides.
fn holds(channel: &Channel, component: &ComponentName, area: Option<&AreaName>) -> bool {
    let patterns = &channel.components;
    let from_all = patterns.first().is_none_or(|first| first.starts_with('!'));
    let matching = |pattern: &&String| glob(pattern.strip_prefix('!').unwrap_or(pattern), component.as_str());
    let is_meant = patterns.iter().rev().find(matching).map_or(from_all, |pattern| !pattern.starts_with('!'));
    let area = area.map_or("main", AreaName::as_str);
    is_meant && (channel.areas.is_empty() || channel.areas.iter().any(|held| held.as_str() == area))
}

/// The areas of a channel, in order.
fn areas_of(channel: &Channel, found: &BTreeMap<&AreaName, Vec<&str>>) -> String {
    if channel.areas.is_empty() {
        return found.keys().fold("main".to_owned(), |all, area| format!("{all} {area}"));
    }
    channel.areas.iter().map(AreaName::as_str).collect::<Vec<_>>().join(" ")
}

/// Components that have limits in `opb.toml` and do not exist: what was meant would run without them.
pub(super) fn limits(project: &Project, settings: &Settings, errors: &mut Vec<RecipeError>) {
    let known: Vec<&str> = project.components.keys().map(ComponentName::as_str).collect();
    for name in settings.limits.component.keys().filter(|name| !project.components.contains_key(*name)) {
        errors.push(RecipeError::placeless("opb.toml", no_component(name, &known)));
    }
}

/// What is said of limits for `name`, of which there is no component.
pub(in crate::eval) fn no_component(name: &ComponentName, known: &[&str]) -> Complaint {
    let message = format!("`limits.component.{name}`: there is no component `{name}`");
    Complaint::new(Mistake::Name, message).help(match did_you_mean(name.as_str(), known.iter().copied()) {
        Some(close) => format!("did you mean `{close}`?"),
        None => "name one of the files in `recipes/`, or remove the table".to_owned(),
    })
}

/// Adds a node for every channel that is made from this lock, and every pinned distro that the channel holds targets of.
pub(super) fn weave(
    project: &Project,
    lock: &Lock,
    settings: &Settings,
    patterns: &Patterns,
    graph: &mut Builder,
    made: &AllMade<'_>,
) {
    for (name, channel) in settings.channel.iter().filter(|(_, channel)| channel.lock == lock.name) {
        for (&distro_name, components) in made {
            let (Some(distro), Some(pin)) = (project.distros.get(distro_name), lock.distro.get(distro_name)) else {
                continue;
            };
            let held = |arch: &&Arch| {
                let target = Target { distro: distro_name.clone(), arch: (**arch).clone() };
                patterns.get(name).is_none_or(|patterns| selects(patterns, &target))
            };
            let arches: Vec<&str> =
                super::pinned_arches(distro, pin).into_iter().filter(held).map(Arch::as_str).collect();
            if arches.is_empty() {
                continue;
            }
            // RPM packages have no installer's kind among them.
            let outputs: &[&str] =
                if distro.rpm().is_some() { &["packages", "debug"] } else { &["packages", "debug", "udebs"] };
            let mut needs = Vec::new();
            let mut areas: BTreeMap<&AreaName, Vec<&str>> = BTreeMap::new();
            let held = components.iter().filter(|(name, made)| holds(channel, name, made.area.as_ref()));
            for (component, made) in held {
                let mut any = false;
                for (arch, build, _) in &made.builds {
                    if arch.is_all() || arches.contains(&arch.as_str()) {
                        any = true;
                        for output in outputs {
                            needs.push(graph.need(&format!("{output} {component}/{arch}"), *build, output));
                        }
                    }
                }
                if let (true, Some(area)) = (any, &made.area) {
                    areas.entry(area).or_default().push(component.as_str());
                }
                let gates = made.checks.iter().filter(|_| settings.checks.gate);
                for (arch, check, node) in gates.filter(|(arch, ..)| arches.contains(&arch.as_str())) {
                    needs.push(graph.need(&format!("verdict of {component}.{check}/{arch}"), *node, "verdict"));
                }
                if let (true, Some(source)) = (any, made.source) {
                    needs.push(graph.need(&format!("source {component}"), source, "source"));
                }
            }
            let brought = imported::add(project, (name, channel), distro_name, &arches, graph);
            for one in &brought {
                needs.push(graph.need(&one.role(), one.node, "tree"));
                if let Some(area) = &one.package.area {
                    areas.entry(area).or_default().push(&one.subject);
                }
            }
            let text = |value: &Option<String>, other: &str| value.clone().unwrap_or_else(|| other.to_owned());
            let values = [
                ("origin", text(&channel.origin, "opb")),
                ("label", text(&channel.label, name.as_str())),
                // Of what a repository of the same packages holds. Raise it with any change of that.
                ("form", "2".to_owned()),
                ("suite", distro.codename().to_owned()),
                ("codename", distro.codename().to_owned()),
                ("areas", areas_of(channel, &areas)),
                ("arches", arches.join(" ")),
                ("description", format!("Packages for {distro_name} built by opb")),
            ];
            let mut settings: BTreeMap<String, String> = values.map(|(key, value)| (key.to_owned(), value)).into();
            if let Some(rpm) = distro.rpm() {
                settings.extend(of_rpm(rpm, &arches));
            }
            // What says no area is in `main`, also where that is not the first.
            if channel.areas.first().is_some_and(|first| first.as_str() != "main") {
                let held = components.iter().filter(|(name, made)| made.area.is_none() && holds(channel, name, None));
                settings.extend(held.map(|(name, _)| (format!("area {name}"), "main".to_owned())));
                let plain = brought.iter().filter(|one| one.package.area.is_none());
                settings.extend(plain.map(|one| (format!("area {}", one.subject), "main".to_owned())));
            }
            for (area, components) in &areas {
                settings.extend(components.iter().map(|component| (format!("area {component}"), area.to_string())));
            }
            let action = Action::Repo { settings };
            let (subject, place) = (graph.word(name.as_str()), graph.word(distro_name.as_str()));
            let (kind, action, origin) = (Kind::Repo, graph.action(&action), Origin::Made);
            graph.add(NewNode { kind, subject, place, action, of_component: false, origin }, &mut needs);
        }
    }
}

/// What a repository of RPM packages has in place of suites.
fn of_rpm(rpm: &Rpm, arches: &[&str]) -> [(String, String); 5] {
    let arches: Vec<&str> = arches.iter().map(|arch| crate::family::rpm::arch_name(arch)).collect();
    let repodata = match rpm.repodata {
        Repodata::Gz => "gz",
        Repodata::Xz => "xz",
        Repodata::Zst => "zst",
    };
    let key = match rpm.signing.key {
        SigningKey::Rsa => "rsa",
        SigningKey::Ed25519 => "ed25519",
    };
    let digest = match rpm.signing.digest {
        SigningDigest::Sha256 => "sha256",
        SigningDigest::Sha512 => "sha512",
    };
    [
        ("family", "rpm"),
        ("arches", &arches.join(" ")),
        ("repodata", repodata),
        ("signing key", key),
        ("signing digest", digest),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
}
