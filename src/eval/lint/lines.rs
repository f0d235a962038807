//! Lines of `on` that change nothing.

use super::super::places::{index, key};
use super::{Found, Ground, Lint};
use crate::name::Target;

pub(super) fn look(ground: &Ground<'_>, found: &mut Found) {
    for (recipe, targets) in ground.recipes() {
        for line in 0..recipe.count_lines() {
            let covered: Vec<&Target> =
                targets.iter().copied().filter(|target| recipe.concerns(line, target)).collect();
            // One that matches nothing is warned of as such; of what a recipe branches on, each case may use other lines.
            let several = ground.survey.read.iter().filter(|(other, _)| other.name == recipe.name).count() > 1;
            let idle = |target: &&Target| {
                let component = recipe.of_data(target, None);
                component.is_some() && component == recipe.of_data(target, Some(line))
            };
            if covered.is_empty() || several || !covered.iter().all(idle) {
                continue;
            }
            let span = recipe.places.of_value(&index(&index(&key(&[], "on"), line), 0));
            let targets = if covered.len() == 1 { "its target" } else { "any of its targets" };
            let message = format!("this line changes nothing for {targets}");
            let help = "remove it: what it sets is so already, or a later line sets it again";
            found.at(Lint::OverrideIdle, recipe.places.text(), span, message, help);
        }
    }
}
