//! Targets of a foreign arch, as people read it.

use super::plain;
use crate::event::Foreign;

/// How what may run of a target runs here, in a line; why it does not, in some.
pub fn foreign(told: &Foreign) -> String {
    let Foreign { target, nodes, first, emulator, problem, help } = told;
    if let Some(emulator) = emulator {
        return format!("{target} runs under {emulator}, which takes longer than a machine of that arch");
    }
    let names: Vec<String> = first.iter().map(ToString::to_string).collect();
    let more = match nodes.saturating_sub(first.len()) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let lines = [
        problem.as_ref().map(|problem| format!("{target} does not run on this machine: {}", plain(problem))),
        Some(format!("  what fails unless a store or a cache has its result: {}{more}", names.join(", "))),
        help.as_ref().map(|help| format!("  help: {help}")),
    ];
    lines.into_iter().flatten().collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_run_is_named_with_what_to_do() {
        let name = |text: &str| text.parse().expect("a node");
        let emulated = Foreign {
            target: "debian-12/arm64".to_owned(),
            nodes: 5,
            first: vec![name("root:base@debian-12/arm64"), name("root:hello@debian-12/arm64")],
            emulator: Some("qemu-aarch64".to_owned()),
            problem: None,
            help: None,
        };
        let not = Foreign {
            emulator: None,
            problem: Some("there is no `qemu-aarch64-static`".to_owned()),
            help: Some("install `qemu-user-static`".to_owned()),
            ..emulated.clone()
        };
        insta::assert_snapshot!([foreign(&emulated), foreign(&not)].join("\n"), @r"
        debian-12/arm64 runs under qemu-aarch64, which takes longer than a machine of that arch
        debian-12/arm64 does not run on this machine: there is no `qemu-aarch64-static`
          what fails unless a store or a cache has its result: root:base@debian-12/arm64, root:hello@debian-12/arm64 and 3 more
          help: install `qemu-user-static`
        ");
    }
}
