//! Nodes of checks of a distro of RPM packages: rpmlint, in a root that all components of an arch share.

use super::super::checks::Selectors;
use super::{Base, Prepared, Scene};
use crate::component::Component;
use crate::distro::Family;
use crate::eval::recipe::baseline_path;
use crate::family::check::{self, Looked};
use crate::family::rpm;
use crate::graph::{Builder, Needed, NewNode, NodeId, Origin};
use crate::name::{Arch, Check, Kind, Target};

use super::Made;

/// Adds the checks of the components in `made`, by member.
pub(super) fn weave(
    scene: &Scene<'_>,
    prepared: &Prepared<'_>,
    bases: &[Base],
    made: &mut [Made],
    graph: &mut Builder,
) {
    let selectors = Selectors::of(scene.settings);
    for (turn, (arch, base)) in std::iter::zip(&scene.arches, bases).enumerate() {
        let target = Target { distro: scene.distro.name.clone(), arch: (*arch).clone() };
        for check in Check::ALL.into_iter().filter(|check| check::is_for(*check, Family::Rpm)) {
            let mut tool = None;
            for (place, made) in made.iter_mut().enumerate().take(prepared.components) {
                let Some((component, source)) = prepared.members[place].on.get(&turn) else { continue };
                let Some(wanted) = selectors.wanted(check, component, &target) else { continue };
                let names = source.spec.packages.keys().map(AsRef::as_ref);
                let is_wanted =
                    |name: &&str| wanted.packages.is_empty() || wanted.packages.iter().any(|wanted| wanted == name);
                let packages: Vec<&str> = names.filter(is_wanted).collect();
                let is_indep_on = **arch == scene.distro.indep_on;
                let builds = made.builds.iter().filter(|(built, ..)| built == *arch || built.is_all() && is_indep_on);
                let builds: Vec<(Arch, NodeId)> = builds.map(|(built, node, _)| (built.clone(), *node)).collect();
                if builds.is_empty() || packages.is_empty() {
                    continue;
                }
                let root = *tool.get_or_insert_with(|| root(scene, (arch, base), check, graph));
                let mut needs = vec![graph.need("root", root, "root")];
                for (built, node) in builds {
                    needs.push(graph.need(&format!("packages {}/{built}", component.name), node, "packages"));
                }
                let baseline = scene.project.beside.get(&baseline_path(component, check));
                let looked = Looked {
                    component: component.name.as_str(),
                    wanted: &wanted,
                    packages: &packages,
                    baseline: baseline.map(|file| file.bytes.as_slice()),
                };
                let action = graph.action(&check::check(check, &looked));
                let node = add(graph, (Kind::Check, check), Some(component), base, action, &mut needs);
                made.checks.push(((*arch).clone(), check, node));
            }
        }
    }
}

/// The root with the program that looks at files, which is the distribution's own.
fn root(scene: &Scene<'_>, (arch, base): (&Arch, &Base), check: Check, graph: &mut Builder) -> NodeId {
    let action = graph.action(&rpm::resolve_tool((scene.distro, scene.rpm), arch, check.as_str()));
    let mut needs = [graph.need("index", base.index, "packages"), graph.need("base", base.list, "list")];
    let list = add(graph, (Kind::Resolve, check), None, base, action, &mut needs);
    let action = graph.action(&rpm::root(scene.rpm));
    let mut needs = [graph.need("list", list, "list"), graph.need("base", base.root, "root")];
    add(graph, (Kind::Root, check), None, base, action, &mut needs)
}

fn add(
    graph: &mut Builder,
    (kind, check): (Kind, Check),
    component: Option<&Component>,
    base: &Base,
    action: crate::graph::ActionId,
    needs: &mut [Needed],
) -> NodeId {
    let of = component.map_or("base", |component| component.name.as_str());
    let (subject, place, origin) = (graph.word(&check.subject(of)), base.place, Origin::Made);
    let node = graph.add(NewNode { kind, subject, place, action, of_component: component.is_some(), origin }, needs);
    graph.may_fail(node, component.and_then(|component| component.may_fail.as_ref()))
}
