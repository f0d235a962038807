//! Exceptions that have expired, and exceptions that mean nothing.

use super::{Found, Ground, Lint};
use crate::eval::held::held_pins;
use crate::exceptions::ExceptionKind;
use crate::graph::{Selector, builds};

pub(super) fn look(ground: &Ground<'_>, found: &mut Found) {
    let (exceptions, Some(table)) = ground.exceptions else { return };
    for (kind, text, exception) in exceptions.all() {
        // What is no selector is an error.
        let Ok(selector) = text.parse::<Selector>() else { continue };
        let take_back = format!("take it back with `opb exceptions --remove {text}`");
        if !exception.holds(ground.today) {
            let keys = [kind.as_str(), text, "expires"];
            let span = table.of_value(&keys, exception.expires.as_str());
            let message = format!("the exception {kind} `{text}` expired on {}", exception.expires);
            let help = format!("{take_back}, or give it another day and keep the reason true");
            found.at(Lint::ExceptionExpired, &table.text, span, message, help);
        } else if !means_something(ground, kind, &selector) {
            let what = if kind == ExceptionKind::Hold { "pin" } else { "package build" };
            let message = format!("the exception {kind} `{text}` means no {what}");
            let span = table.of_key(&[kind.as_str(), text]);
            found.at(Lint::ExceptionIdle, &table.text, span, message, take_back);
        }
    }
}

/// Whether it does, or that cannot be said.
fn means_something(ground: &Ground<'_>, kind: ExceptionKind, selector: &Selector) -> bool {
    let Some(graph) = ground.graph.filter(|graph| !graph.is_empty() && !ground.has_gaps()) else { return true };
    match kind {
        ExceptionKind::Hold => {
            let pins = held_pins(selector, ground.project(), ground.lock.0);
            !(pins.distros.is_empty() && pins.sources.is_empty() && pins.unpinned.is_empty())
        }
        ExceptionKind::Skip | ExceptionKind::ExpectFailure => !builds(selector, graph).is_empty(),
    }
}
