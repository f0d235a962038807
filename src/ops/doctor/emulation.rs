//! Which foreign arches run here, found out as builds find it out.

use super::{Check, ok, weak};
use crate::path::HostPath;
use crate::sandbox::{Launcher, NoCpu, Runs, host_arch, how_it_runs};

/// The arches that distributions release.
const ARCHES: [&str; 7] = ["amd64", "i386", "arm64", "armhf", "ppc64el", "riscv64", "s390x"];

const NAME: &str = "emulation";

/// Tries programs of each foreign arch in sandboxes below `folder`, which is made and removed again.
pub fn emulation(launcher: &Launcher, folder: &HostPath) -> Check {
    let mut found = Vec::new();
    for arch in ARCHES.into_iter().filter(|arch| *arch != host_arch()) {
        match how_it_runs(launcher, folder, arch) {
            Ok(runs) => found.push((arch, runs)),
            Err(_) => return untried(),
        }
    }
    told(&found)
}

/// Nothing can be tried where no sandbox can be made.
pub fn untried() -> Check {
    weak(NAME, "not tried: it takes a sandbox", "mend `sandbox` first")
}

fn told(found: &[(&str, Result<Runs, NoCpu>)]) -> Check {
    let arches = |which: &dyn Fn(&Result<Runs, NoCpu>) -> bool| -> String {
        let names: Vec<&str> = found.iter().filter(|(_, runs)| which(runs)).map(|(arch, _)| *arch).collect();
        names.join(", ")
    };
    let why = found.iter().find_map(|(_, runs)| runs.as_ref().err());
    let parts = [
        (arches(&|runs| matches!(runs, Ok(Runs::Natively(_)))), "by the kernel itself".to_owned()),
        (arches(&|runs| matches!(runs, Ok(Runs::Emulated(..)))), "under QEMU".to_owned()),
        (arches(&Result::is_err), format!("not at all ({})", why.map(ToString::to_string).unwrap_or_default())),
    ];
    let parts = parts.iter().filter(|(arches, _)| !arches.is_empty());
    let parts: Vec<String> = parts.map(|(arches, how)| format!("{arches}: {how}")).collect();
    match why {
        None => ok(NAME, parts.join("; ")),
        Some(why) => weak(NAME, parts.join("; "), format!("{}, if you want to build for these", why.help())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::Cpu;

    #[test]
    fn what_runs_and_what_does_not_is_one_line() {
        let natively = || Ok(Runs::Natively(Cpu::Narrow));
        let emulated = || Ok(Runs::Emulated(Cpu::Host, "qemu-x".to_owned()));
        let lacking = || Err(NoCpu::NoEmulator { name: "qemu-x-static".to_owned() });
        let checks = [
            told(&[("i386", natively()), ("arm64", emulated()), ("s390x", emulated())]),
            told(&[("i386", natively()), ("arm64", emulated()), ("s390x", lacking())]),
            told(&[("arm64", lacking()), ("s390x", lacking())]),
        ];
        let lines = checks.map(|check| format!("{}\n{}", check.found, check.help.unwrap_or_default()));
        insta::assert_snapshot!(lines.join("\n"), @r"
        i386: by the kernel itself; arm64, s390x: under QEMU

        i386: by the kernel itself; arm64: under QEMU; s390x: not at all (there is no `qemu-x-static`)
        install `qemu-user-static`, if you want to build for these
        arm64, s390x: not at all (there is no `qemu-x-static`)
        install `qemu-user-static`, if you want to build for these
        ");
    }
}
