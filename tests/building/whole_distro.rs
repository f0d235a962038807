//! All source packages of the distro as components: the evaluator on real data, as many as a distribution has.

#[path = "../../examples/debian/mod.rs"]
mod debian;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use opb::name::DistroName;
use opb::package::relation::{Relations, Variables};
use opb::project::read_lock;

use crate::space::{program, space};

/// A node of `opb eval --format jsonl`, as far as it is asked for.
#[derive(serde::Deserialize)]
struct Node {
    kind: String,
    component: Option<String>,
    arch: Option<String>,
    inputs: Vec<Input>,
}

#[derive(serde::Deserialize)]
struct Input {
    role: String,
    node: String,
}

#[test]
fn every_source_package_of_the_distro_stands_behind_what_it_needs() {
    if std::env::var_os("OPB_TEST_FULL").is_none() {
        println!("skipped: it takes minutes; OPB_TEST_FULL=1 runs it");
        return;
    }
    let Some(space) = space("whole") else { return };
    let _ = fs::copy(space.shared.folder.join("pins/opb.lock"), space.folder.join("opb.lock"));
    let imported = space.opb(&["import", "--sources", "@DISTRO", "*"]).fine();
    let distro = space.own("DISTRO");
    let pinned = debian::pin(&space.folder, Some(&space.store), &distro, 1).expect("pinned");
    let all = pinned.pinned + pinned.left.len();
    let made = fs::read_dir(space.folder.join("recipes")).expect("a folder").count();
    assert_eq!(made, pinned.pinned, "each pinned one has a recipe:\n{}", imported.out);
    assert!(pinned.pinned * 2 > all && all > 1_000, "{pinned}");

    let lock = read_lock(None, &fs::read_to_string(space.folder.join("opb.lock")).expect("written")).expect("sound");
    let pins = &lock.dsc[&distro.parse::<DistroName>().expect("a name")];
    let mut makers: BTreeMap<&str, &str> = BTreeMap::new();
    for (source, pin) in pins {
        makers.extend(pin.facts.binaries.keys().map(|binary| (binary.as_str(), source.as_str())));
    }
    let mut command: Command = program();
    command.arg("-C").arg(&space.folder).arg("--store").arg(&space.store).args(["eval", "--format", "jsonl"]);
    let done = command.output().expect("runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let mut needs: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut builds: BTreeSet<String> = BTreeSet::new();
    for line in String::from_utf8(done.stdout).expect("text").lines() {
        let node: Node = serde_json::from_str(line).expect("a node");
        let (Some(component), Some(arch)) = (node.component, node.arch) else { continue };
        match node.kind.as_str() {
            "resolve" => {
                let ours = node.inputs.iter().filter(|input| input.role.starts_with("packages of "));
                let made_by = |input: &Input| {
                    let subject = input.node.split_once(':').map_or("", |(_, rest)| rest);
                    subject.split('@').next().unwrap_or_default().to_owned()
                };
                needs.entry(component).or_default().extend(ours.map(made_by));
            }
            "build" => drop(builds.insert(format!("{component}/{arch}"))),
            _ => {}
        }
    }
    let built: BTreeSet<&str> = builds.iter().filter_map(|build| build.split('/').next()).collect();
    let arch = space.shared.arch.as_str();
    let mut edges = 0;
    for (source, pin) in pins.iter().filter(|(source, _)| built.contains(source.as_str())) {
        let read = Relations::parse_with(&pin.facts.build_depends, Variables::LeftOut).expect("as it was pinned");
        for need in read.0.iter().flat_map(|alternatives| &alternatives.0) {
            let maker = makers.get(need.name.as_str()).filter(|maker| built.contains(**maker));
            if let Some(maker) = maker.filter(|_| need.applies(arch, &BTreeSet::new())) {
                edges += 1;
                let known = needs.get(source.as_str()).is_some_and(|needs| needs.contains(*maker));
                assert!(known, "{source} needs {} of {maker}", need.name);
            }
        }
    }
    println!("{pinned}: {} builds, {edges} needs of each other", builds.len());
    assert!(edges > pinned.pinned / 2, "{edges} needs");
}
