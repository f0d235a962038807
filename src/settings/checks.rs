//! `[checks]` of `opb.toml`: which checks run where recipes do not say, and what a failing one means.

use serde::Deserialize;

use crate::name::Check;

/// Which checks run, by selectors of builds; none unless it is said.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChecksTable {
    /// Of which builds lintian looks at the packages, such as `*` or `lib*@debian-12`.
    pub lintian: Vec<String>,
    /// The same of rpmlint.
    pub rpmlint: Vec<String>,
    /// Packages of which builds are installed and removed again.
    pub install: Vec<String>,
    /// Sources of which builds have their tests run.
    pub autopkgtest: Vec<String>,
    /// Whether publishing a channel upgrades what is published before, in a root of its own, where packages are installed by a
    /// check.
    pub upgrade: bool,
    /// Whether repositories wait for the checks of what is in them, so that nothing is published that fails one.
    pub gate: bool,
}

impl ChecksTable {
    /// The selectors of a check.
    pub fn of(&self, check: Check) -> &[String] {
        match check {
            Check::Lintian => &self.lintian,
            Check::Rpmlint => &self.rpmlint,
            Check::Install => &self.install,
            Check::Autopkgtest => &self.autopkgtest,
            Check::Own => &[],
        }
    }
}
