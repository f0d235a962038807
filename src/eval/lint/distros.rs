//! Distros that are past their end, or that nothing is built for.

use super::super::DISTROS;
use super::super::places::{FieldPlaces, key};
use super::{Found, Ground, Lint};

pub(super) fn look(ground: &Ground<'_>, found: &mut Found) {
    for (name, text) in &ground.survey.distros {
        let Some(distro) = ground.project().distros.get(name) else { continue };
        let end = &distro.lifecycle.end;
        // Both are written as year, month and day.
        if end.as_str() < ground.today && !distro.lifecycle.archived {
            let span = FieldPlaces::new(text, None).of_value(&key(&key(&[], "lifecycle"), "end"));
            let message = format!("{name} has had no support since {end}");
            let help = format!(
                "remove `{DISTROS}/{name}.rhai` when nobody needs it any more; write `archived: true` once its archive has moved, \
                 if it stays"
            );
            found.at(Lint::DistroEnded, text, span, message, help);
        }
        let is_used = ground.project().work.iter().any(|work| work.target.distro == *name);
        if !is_used && !ground.project().work.is_empty() && ground.project().broken.is_empty() {
            let message = format!("no component is built for {name}");
            let help = "remove the file, or widen the `targets` of a recipe";
            found.of(Lint::DistroUnused, text.name(), message, help);
        }
    }
}
