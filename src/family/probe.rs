//! Probes: what a command says in the base root of a target, as a node, and as a part of other scripts' environments.
//!
//! In a derivation the probes of an environment are its inputs `probe 1`, `probe 2` and so on, in the order in which they
//! are first used. A step's key follows from what they say, not from what they ask: another command that says the same
//! changes nothing.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::component::{Component, Piece, Probe, Text};
use crate::drv::{Action, Env, Script, SharedText, Template};

/// The most bytes of a value.
pub const MAX_VALUE: usize = 4096;

/// The file with the command, beside the script.
pub const COMMAND: &str = "command";

/// The output with the value, and the file in it.
pub const VALUE: &str = "value";

static SCRIPT: LazyLock<SharedText> = LazyLock::new(|| SharedText::new(include_str!("probe.sh")));

/// The probes of a component's environment, each once, in the order of their roles.
pub fn probes(component: &Component) -> Vec<&Probe> {
    let mut probes: Vec<&Probe> = Vec::new();
    for probe in component.env.values().flat_map(Text::probes) {
        if !probes.contains(&probe) {
            probes.push(probe);
        }
    }
    probes
}

/// What the probe at `place` of [`probes`] is called among the inputs of a step.
pub fn role(place: usize) -> String {
    format!("probe {}", place + 1)
}

/// Puts a component's environment into `env`; gives those variables in which probes stand.
pub(super) fn environment(component: &Component, env: &mut Env) -> BTreeMap<String, Template> {
    let probes = probes(component);
    let mut with_probes = BTreeMap::new();
    for (name, text) in &component.env {
        if let Some(plain) = text.plain() {
            env.insert(name.clone().into(), plain.to_owned().into());
            continue;
        }
        let mut template = Template::default();
        for piece in text.pieces() {
            match piece {
                Piece::Plain(text) => template.push_text(text),
                Piece::Probe(probe) => {
                    let place = probes.iter().position(|known| *known == probe);
                    template.push_input(&role(place.expect("all of its probes were listed")));
                }
            }
        }
        env.remove(name.as_str());
        with_probes.insert(name.clone(), template);
    }
    with_probes
}

/// The derivation of a probe, over the root of its input `root`. Output: `value`.
pub fn probe(probe: &Probe) -> Action {
    let script = Script {
        sandbox_contract: super::deb::SANDBOX_CONTRACT,
        text: SCRIPT.clone(),
        env: super::fixed_env(),
        env_with_probes: BTreeMap::new(),
        files: BTreeMap::from([(COMMAND.to_owned(), format!("{}\n", probe.command).into_bytes())]),
        network: false,
    };
    Action::Probe { script }
}

/// The command of a probe, from its script.
pub fn command(script: &Script) -> String {
    let bytes = script.files.get(COMMAND).map(Vec::as_slice).unwrap_or_default();
    String::from_utf8_lossy(bytes).trim_end_matches('\n').to_owned()
}
