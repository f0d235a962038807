//! Extra repositories that recipes name: each must be one of the distros that the component is built for.

use std::collections::BTreeMap;

use super::mistake::{Mistake, RecipeError};
use super::{ComponentInfo, Work};
use crate::diag::did_you_mean;
use crate::distro::Distro;
use crate::name::{ComponentName, DistroName, RepositoryName};

const FIELD: &str = "extra_repositories";

/// Complains about those that a distro does not have.
pub(super) fn check(
    work: &[Work],
    distros: &BTreeMap<DistroName, Distro>,
    components: &BTreeMap<ComponentName, ComponentInfo>,
    errors: &mut Vec<RecipeError>,
) {
    for one in work.iter().filter(|work| work.component.skip.is_none()) {
        let (Some(distro), Some(info)) = (distros.get(&one.target.distro), components.get(&one.component.name)) else {
            continue;
        };
        let has = |name: &RepositoryName| distro.deb().is_some_and(|deb| deb.extra_repository(name.as_str()).is_some());
        for name in one.component.extra_repositories.iter().filter(|name| !has(name)) {
            let is_in_line = info.places.find_text(FIELD, name.as_str()).is_none();
            let field = if is_in_line && info.places.find_text("on", name.as_str()).is_some() { "on" } else { FIELD };
            let message = format!("{} has no extra repository `{name}`", distro.name);
            errors.push(info.places.error(Mistake::Name, field, Some(name.as_str()), message, help(distro, name)));
        }
    }
}

fn help(distro: &Distro, name: &RepositoryName) -> String {
    let Some(deb) = distro.deb() else {
        return format!("name it in a line of `on` for distros of the family `deb`: {} is of another", distro.name);
    };
    let known = deb.extra_repositories.iter().map(|extra| extra.name.as_str());
    match did_you_mean(name.as_str(), known) {
        Some(close) => format!("did you mean `{close}`?"),
        None => format!(
            "add it to `{FIELD}` in `distros/{}.rhai`, or name it in a line of `on` for the distros that have it",
            distro.name
        ),
    }
}
