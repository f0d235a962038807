//! The derivations of checks: what looks at packages once they are built.
//!
//! A check reads packages and makes a report; nothing but a repository that waits for it ever reads that. Its script is a
//! fixed text, as all are; what a recipe says reaches it by files.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::component::Wanted;
use crate::distro::Family;
use crate::drv::{Action, Extra, Resolve, Script, SharedTable, SharedText};
use crate::name::{Arch, Check};

use super::deb::ListRules;

/// The file with the recipe's script, beside the check's own.
pub const COMMAND: &str = "command";

/// The file with the names of the packages that are looked at, one a line.
pub const PACKAGES: &str = "packages";

/// The file with the known findings.
pub const BASELINE: &str = "baseline";

/// The package that unpacks a source for its tests, which has to be there whatever they need.
pub const UNPACKER: &str = "dpkg-dev";

/// The outputs: the report, and what says that nothing is wrong.
pub const REPORT: &str = "report";
/// The same content whenever nothing is wrong: who waits for a check reads this alone.
pub const VERDICT: &str = "verdict";

static LINTIAN: LazyLock<SharedText> = LazyLock::new(|| SharedText::new(include_str!("check/lintian.sh")));
static INSTALL: LazyLock<SharedText> = LazyLock::new(|| SharedText::new(include_str!("check/install.sh")));
static OWN: LazyLock<SharedText> = LazyLock::new(|| SharedText::new(include_str!("check/own.sh")));
static RPMLINT: LazyLock<SharedText> = LazyLock::new(|| SharedText::new(include_str!("check/rpmlint.sh")));
static INSTALL_RPM: LazyLock<SharedText> = LazyLock::new(|| SharedText::new(include_str!("check/rpm/install.sh")));
static AUTOPKGTEST: LazyLock<SharedText> = LazyLock::new(|| SharedText::new(include_str!("check/autopkgtest.sh")));

static UPGRADE: LazyLock<SharedText> = LazyLock::new(|| SharedText::new(include_str!("check/upgrade.sh")));
static UPGRADE_RPM: LazyLock<SharedText> = LazyLock::new(|| SharedText::new(include_str!("check/rpm/upgrade.sh")));

/// Installs packages into a check's root, as its root. Part of scripts that need them there.
fn setup(family: Family) -> &'static str {
    match family {
        Family::Deb => concat!(include_str!("check/setup.sh"), include_str!("check/found.sh")),
        Family::Rpm => concat!(include_str!("check/rpm/setup.sh"), include_str!("check/found.sh")),
    }
}

/// Upgrades what is published, in the place of the script of [`Check::Install`].
pub fn upgrade(family: Family) -> SharedText {
    match family {
        Family::Deb => UPGRADE.clone(),
        Family::Rpm => UPGRADE_RPM.clone(),
    }
}

/// Whether a check looks at packages of that family.
pub fn is_for(check: Check, family: Family) -> bool {
    match check {
        Check::Lintian | Check::Autopkgtest => family == Family::Deb,
        Check::Rpmlint => family == Family::Rpm,
        Check::Install | Check::Own => true,
    }
}

/// Whether its packages are looked at as files, by a program of its root; else they are installed.
pub fn looks_at_files(check: Check) -> bool {
    matches!(check, Check::Lintian | Check::Rpmlint)
}

/// What a check is made of besides its inputs.
pub struct Looked<'a> {
    /// The family of the packages.
    pub family: Family,
    /// Whose packages: the component's name.
    pub component: &'a str,
    /// How it is wanted.
    pub wanted: &'a Wanted,
    /// Names of the packages that are looked at, sorted.
    pub packages: &'a [&'a str],
    /// The text of known findings, if there are any.
    pub baseline: Option<&'a [u8]>,
}

/// The check. Outputs: [`REPORT`] and [`VERDICT`].
pub fn check(check: Check, looked: &Looked<'_>) -> Action {
    let (mut env, mut files) = (super::fixed_env(), BTreeMap::new());
    env.insert("OPB_COMPONENT".into(), looked.component.to_owned().into());
    let lines: String = looked.packages.iter().map(|name| format!("{name}\n")).collect();
    files.insert(PACKAGES.to_owned(), lines.into_bytes());
    if let Some(baseline) = looked.baseline {
        files.insert(BASELINE.to_owned(), baseline.to_vec());
    }
    let text = match check {
        Check::Lintian => LINTIAN.clone(),
        Check::Rpmlint => RPMLINT.clone(),
        Check::Install if looked.family == Family::Rpm => INSTALL_RPM.clone(),
        Check::Install => INSTALL.clone(),
        Check::Autopkgtest => AUTOPKGTEST.clone(),
        Check::Own => {
            files.insert(COMMAND.to_owned(), format!("{}\n", looked.wanted.script).into_bytes());
            OWN.clone()
        }
    };
    if !looks_at_files(check) {
        if looked.family == Family::Deb {
            env.insert("DEBIAN_FRONTEND".into(), "noninteractive".into());
        }
        files.insert("setup".to_owned(), setup(looked.family).as_bytes().to_vec());
    }
    let (sandbox_contract, env_with_probes) = (super::deb::SANDBOX_CONTRACT, BTreeMap::new());
    Action::Check { check, script: Script { sandbox_contract, text, env, env_with_probes, files, network: false } }
}

/// The package list of a root in which a check of `.deb` packages works: `needs` on top of the base. `ours` as in the list
/// of a build; empty where the root only has the program of a check, which is the distribution's.
pub fn list(rules: &ListRules<'_>, arch: &Arch, needs: Vec<String>, ours: SharedTable, extra: Vec<Extra>) -> Resolve {
    Resolve {
        family: Family::Deb.as_str().to_owned(),
        arch: arch.to_string(),
        needs,
        conflicts: Vec::new(),
        variant: rules.base.variant.clone(),
        add: rules.base.add.clone(),
        profiles: Vec::new(),
        // What is installed is what apt would install, which takes any alternative.
        first_alternative: false,
        ours,
        extra,
        asks: None,
        tests: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_recipe_says_is_in_files_and_not_in_the_script() {
        let wanted = Wanted { script: "echo '$(id)'".to_owned(), ..Wanted::default() };
        let packages = &["a", "b"];
        let looked = Looked { family: Family::Deb, component: "a", wanted: &wanted, packages, baseline: None };
        let Action::Check { check: Check::Own, script } = check(Check::Own, &looked) else { panic!("another action") };
        assert!(!script.text.contains("$(id)"), "{}", &*script.text);
        assert_eq!(script.files[COMMAND], b"echo '$(id)'\n");
        assert_eq!(script.files[PACKAGES], b"a\nb\n");
        assert!(script.files.contains_key("setup") && !script.files.contains_key(BASELINE));
    }
}
