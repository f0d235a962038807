//! What can go wrong with nodes of distros of `.rpm` packages.

use crate::diag::{Cause, Caused};
use crate::name::Check;
use crate::sign::rpm::RpmSignatureError;

/// Why a node of such a distro has no result.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum RpmError {
    /// The host lacks a program.
    #[error("cannot run `{program}`, which {what}")]
    #[diagnostic(code(opb::rpm::no_program), help("install `{package}` on this machine: `apt-get install {package}`"))]
    NoProgram {
        /// Its path.
        program: &'static str,
        /// What it is needed for.
        what: &'static str,
        /// The package that has it.
        package: &'static str,
        /// Why it does not start.
        #[source]
        source: std::io::Error,
    },
    /// dnf itself failed.
    #[error("dnf cannot choose packages: {said}")]
    #[diagnostic(
        code(opb::rpm::dnf),
        help(
            "`apt-get install dnf python3-dnf` mends a broken one; if what it says is about the metadata, move its pin with `opb update`"
        )
    )]
    Dnf {
        /// The last lines that it said.
        said: String,
    },
    /// dnf could not look at a repository.
    #[error("dnf cannot check what packages require: {said}")]
    #[diagnostic(
        code(opb::rpm::not_checked),
        help(
            "`apt-get install dnf python3-dnf` mends a broken one; if what it says is about the metadata, move its pin with `opb update`"
        )
    )]
    NotChecked {
        /// The last lines that it said.
        said: String,
    },
    /// It took too long.
    #[error("dnf has not answered within {minutes} minutes")]
    #[diagnostic(code(opb::rpm::slow), help("look at what else this machine does, and try again"))]
    Slow {
        /// How long it may take.
        minutes: u64,
    },
    /// A need that cannot be written down as one.
    #[error("cannot read the need `{need}`")]
    #[diagnostic(code(opb::rpm::need), help("mend it in the recipe's `needs`, in the spec, or in the distro's `add`"))]
    Need {
        /// The need.
        need: String,
        /// What is wrong with it.
        source: crate::package::spec::dependency::NoDependency,
    },
    /// A group that no repository has.
    #[error("no repository of the distro has the group `{group}`{close}")]
    #[diagnostic(
        code(opb::rpm::group),
        help("correct `groups` of `base` in the distro's file, or name packages in `add`")
    )]
    Group {
        /// The group.
        group: String,
        /// `; did you mean …?`, or empty.
        close: String,
    },
    /// A modular stream that cannot be enabled.
    #[error("cannot enable the module streams `{streams}`: {said}")]
    #[diagnostic(code(opb::rpm::stream), help("correct `modules` in the recipe or in the distro's file"))]
    Stream {
        /// Those that were asked for.
        streams: String,
        /// What dnf says.
        said: String,
    },
    /// What a spec asks for is no list of needs.
    #[error("what the spec asks for when it runs cannot be read: {why}")]
    #[diagnostic(
        code(opb::rpm::asked),
        help("mend `%generate_buildrequires` of the spec: it prints needs, a line each")
    )]
    Asked {
        /// What is wrong with it.
        why: String,
    },
    /// A spec that asks for more each time.
    #[error("the spec asks for more each time it runs, {rounds} times over; last for `{last}`")]
    #[diagnostic(
        code(opb::rpm::unstable),
        help(
            "mend `%generate_buildrequires` of the spec: with all that it asks for installed it must ask for the same"
        )
    )]
    Unstable {
        /// How often it was run.
        rounds: usize,
        /// What it asked for last.
        last: String,
    },
    /// Needs that cannot be met together.
    #[error("cannot choose packages:{problems}")]
    #[diagnostic(
        code(opb::rpm::unmet),
        help(
            "check names and versions; if something was meant to come from a component, add that one to `needs`, or give the name that is asked for as one of its `aliases`"
        )
    )]
    Unmet {
        /// What dnf's solver says, each on a line of its own and indented.
        problems: String,
    },
    /// The same, of what a check has installed.
    #[error("cannot choose packages:{problems}")]
    #[diagnostic(
        code(opb::rpm::unmet_check),
        help(
            "mend what the packages need, or, where some of one component do not go together, name those that do with `packages` of `{check}` in the recipe's `checks`"
        )
    )]
    UnmetCheck {
        /// The check.
        check: Check,
        /// What dnf's solver says, each on a line of its own and indented.
        problems: String,
    },
    /// A package of the distribution that this project makes itself.
    #[error("the package `{package}` would come from the distribution, but the component `{component}` makes it")]
    #[diagnostic(
        code(opb::rpm::ours_from_distribution),
        help("add `needs: [\"{component}\"]` to the recipe, so that the package that was built here is used")
    )]
    OursFromDistribution {
        /// The package.
        package: String,
        /// The component.
        component: String,
    },
    /// Two components that make one package.
    #[error("cannot choose between two packages `{package}`: the components `{first}` and `{second}` both make it")]
    #[diagnostic(code(opb::rpm::our_twice), help("remove one of the two from `needs`, or rename its package"))]
    OurTwice {
        /// The package.
        package: String,
        /// A component.
        first: String,
        /// Another.
        second: String,
    },
    /// What came back is no answer.
    #[error("what dnf chose cannot be listed: {why}")]
    #[diagnostic(
        code(opb::rpm::answer),
        help("move the distro's pin with `opb update`; if that does not help, report this")
    )]
    Answer {
        /// What is wrong with it.
        why: String,
    },
    /// A package that nobody whose key the distro names has signed.
    #[error("the package `{package}` of {distro} is not to be trusted")]
    #[diagnostic(
        code(opb::rpm::signature),
        help(
            "check the mirror; if the distribution has a new key, put its file into `distros/keyrings/` and name it in `keys`"
        )
    )]
    Signature {
        /// The file.
        package: String,
        /// The distro.
        distro: String,
        /// What is wrong.
        #[source]
        source: Box<RpmSignatureError>,
    },
    /// A package that is not the one that metadata promised.
    #[error("a package that the repository's metadata calls `{promised}` is `{is}`")]
    #[diagnostic(code(opb::rpm::other_package), help("check the mirror, or name another one in `opb.toml`"))]
    OtherPackage {
        /// What it says it is.
        is: String,
        /// What was promised.
        promised: String,
    },
}

impl Caused for RpmError {
    fn fault(&self) -> Cause {
        match self {
            Self::NoProgram { .. }
            | Self::Dnf { .. }
            | Self::NotChecked { .. }
            | Self::Slow { .. }
            | Self::Answer { .. }
            | Self::Signature { .. }
            | Self::OtherPackage { .. } => Cause::Environment,
            _ => Cause::Input,
        }
    }
}
