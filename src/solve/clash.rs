//! Says which packages exclude each other, where that is why a question has no answer.
//!
//! It follows only what is forced: needs with one possible package. A clash that lies deeper, between choices, is left
//! to the solver's own words.

use std::collections::{BTreeMap, BTreeSet};

use super::SolveError;
use super::explain::shown;
use super::world::{Need, Pick, World};

/// What must be installed, each with who needs it; `None` is the question itself.
type Forced<'a> = BTreeMap<Pick<'a>, Option<Pick<'a>>>;

/// The packages that cannot stand beside each.
type Enemies<'a> = BTreeMap<Pick<'a>, Vec<Pick<'a>>>;

/// Why `wanted` cannot be met without what is in `refused`; `None` where no forced packages clash.
pub(super) fn why<'a>(
    world: &'a World<'a>,
    wanted: Vec<Need<'a>>,
    refused: &BTreeSet<Pick<'a>>,
) -> Result<Option<String>, SolveError> {
    let mut forced = Forced::new();
    let mut open: Vec<(Option<Pick<'a>>, Need<'a>)> = wanted.into_iter().map(|need| (None, need)).collect();
    let mut enemies = Enemies::new();
    loop {
        let mut waiting = Vec::new();
        let mut progress = false;
        for (owner, need) in open {
            for option in &need.options {
                if !enemies.contains_key(option) {
                    enemies.insert(*option, world.enemies_of(*option)?);
                }
            }
            let blocker = |option: &Pick<'a>| blocker(&forced, &enemies, *option);
            let mut viable =
                need.options.iter().filter(|option| !refused.contains(*option) && blocker(option).is_none());
            match (viable.next(), viable.next()) {
                (None, _) => {
                    let reasons = need.options.iter().map(|option| match blocker(option) {
                        Some(other) => {
                            format!(
                                "{} cannot stand beside {}",
                                shown(world, *option),
                                chain(world, &forced, Some(other))
                            )
                        }
                        None => format!("{} is among the conflicts of the root itself", shown(world, *option)),
                    });
                    let reasons: Vec<String> = reasons.collect();
                    let owner = chain(world, &forced, owner);
                    return Ok(Some(format!("`{}` is needed by {owner}, but {}", need.text, reasons.join("; "))));
                }
                (Some(only), None) => {
                    progress = true;
                    if !forced.contains_key(only) {
                        forced.insert(*only, owner);
                        waiting.extend(world.needs_of(*only)?.into_iter().map(|need| (Some(*only), need)));
                    }
                }
                _ => waiting.push((owner, need)),
            }
        }
        if !progress {
            return Ok(None);
        }
        open = waiting;
    }
}

/// The forced package that excludes `option`, or that it excludes.
fn blocker<'a>(forced: &Forced<'a>, enemies: &Enemies<'a>, option: Pick<'a>) -> Option<Pick<'a>> {
    let excludes = |one: Pick<'a>, other: Pick<'a>| enemies.get(&one).is_some_and(|all| all.contains(&other));
    forced.keys().copied().find(|pick| excludes(*pick, option) || excludes(option, *pick))
}

/// A package, who needs it, who needs that one, up to the question.
fn chain<'a>(world: &World<'_>, forced: &Forced<'a>, mut pick: Option<Pick<'a>>) -> String {
    let mut parts = Vec::new();
    while let Some(one) = pick
        && parts.len() < 20
    {
        parts.push(shown(world, one));
        pick = forced.get(&one).copied().flatten();
    }
    parts.push("the root itself".to_owned());
    parts.join(", needed by ")
}
