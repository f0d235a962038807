//! Known failures that somebody should look at again.

use super::{Found, Ground, Lint, distinct};

pub(super) fn look(ground: &Ground<'_>, found: &mut Found) {
    for (name, info) in &ground.project().components {
        let own = ground.project().work.iter().filter(|work| work.component.name == *name);
        let expired = own.filter_map(|work| work.component.may_fail.as_ref()?.expires.as_deref());
        // Both are written as year, month and day.
        for day in distinct(expired.filter(|day| *day < ground.today)) {
            let text = info.places.text();
            let written = (0..text.tokens().len()).find(|token| text.text_value(*token) == Some(day));
            let span = written.map_or_else(|| info.places.of_field("expires"), |token| text.span(token));
            let message = format!("that `{name}` may fail was to be looked at again by {day}");
            let help = "see whether it builds now: remove `may_fail`, or give it another day and keep the reason true";
            found.at(Lint::ExpiredMayFail, text, span, message, help);
        }
    }
}
