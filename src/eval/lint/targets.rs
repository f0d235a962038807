//! Components that are built nowhere, and patterns that make no difference.

use super::super::pattern::selects;
use super::super::places::{index, key};
use super::super::recipe::Place;
use super::{Found, Ground, Lint, in_all};

pub(super) fn look(ground: &Ground<'_>, found: &mut Found) {
    for name in ground.project().components.keys() {
        let own: Vec<_> = ground.survey.read.iter().filter(|(recipe, _)| recipe.name == *name).collect();
        let Some((first, _)) = own.first() else { continue };
        let text = first.places.text();
        let selected = |patterns: &[_], place: &Place| selects(patterns, &place.0);
        if in_all(&own, |(recipe, places)| !places.iter().any(|place| selected(recipe.patterns(), place))) {
            let span = first.places.of_field("targets");
            let message = format!("`targets` selects nothing: `{name}` is built nowhere");
            let help = "mend the patterns (later ones win, `!` takes away), or write `skip: \"why\"`";
            found.at(Lint::BuiltNowhere, text, span, message, help);
            continue;
        }
        let work = || ground.project().work.iter().filter(|work| work.component.name == *name);
        if in_all(work(), |work| work.component.skip.is_some()) {
            let span = first.places.of_field("skip");
            let message = format!("`{name}` is skipped for all of its targets");
            let help =
                "remove the recipe, narrow `skip` down in `on`, or keep it with `// opb: allow(skipped-everywhere)`";
            found.at(Lint::SkippedEverywhere, text, span, message, help);
        }
        for place in 0..first.patterns().len() {
            let without = |patterns: &[_]| {
                let mut rest: Vec<_> = patterns.to_vec();
                rest.remove(place);
                rest
            };
            let changes_nothing = in_all(&own, |(recipe, places)| {
                let patterns = recipe.patterns();
                patterns.len() > place.max(1) && {
                    let rest = without(patterns);
                    places.iter().all(|place| selected(patterns, place) == selected(&rest, place))
                }
            });
            if changes_nothing && own.len() == 1 {
                let written = &first.patterns()[place].written;
                let span = first.places.of_value(&index(&key(&[], "targets"), place));
                let message = format!("`{written}` makes no difference: the other patterns come to the same");
                found.at(Lint::TargetsIdle, text, span, message, "remove it, or look at the order: later ones win");
            }
        }
    }
}
