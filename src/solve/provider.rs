//! The window through which the solver sees a world, and the way back from its answer.
//!
//! Each candidate is numbered when it is first reached, so that a question costs what it touches and not what the
//! archive holds. To the solver each candidate of a name is a name of its own, with one candidate of the same number, and
//! two version sets: "it" (even) and "not it" (odd). That only one of several candidates is there, their exclusions say.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Display;

use resolvo::{
    Candidates, Condition, ConditionId, ConditionalRequirement, Dependencies, DependencyProvider, Interner,
    KnownDependencies, NameId, Problem, Requirement, SolvableId, Solver, SolverCache, StringId, UnsolvableOrCancelled,
    VersionSetId, VersionSetUnionId,
};

use super::world::{Need, Pick, World};
use super::{Solution, SolveError, clash, explain};
use crate::package::relation::Alternatives;

/// Chooses packages so that all of `roots` and `needs` are there and none of `conflicts` is.
pub(super) fn solve<'a>(
    world: &'a World<'a>,
    roots: &BTreeSet<&str>,
    needs: &[Alternatives],
    conflicts: &[Alternatives],
) -> Result<Solution<'a>, SolveError> {
    let mut wanted: Vec<Need<'a>> = Vec::with_capacity(roots.len() + needs.len());
    let of_roots = roots.iter().map(|name| Need::of_root(world, name));
    wanted.extend(of_roots.filter(|root| !root.options.is_empty()));
    wanted.extend(needs.iter().map(|text| world.need(text)));
    if let Some(unmet) = wanted.iter().find(|need| need.options.is_empty()) {
        return Err(explain::unmet_by_question(world, unmet));
    }
    let provider = Provider::new(world);
    let requirements: Vec<_> = wanted.iter().filter_map(|need| provider.requirement(&need.options)).collect();
    let refused: BTreeSet<Pick<'a>> =
        conflicts.iter().flat_map(|one| &one.0).flat_map(|relation| world.satisfying(relation)).collect();
    let constraints: Vec<VersionSetId> = refused.iter().map(|pick| provider.not_it(*pick)).collect();
    let mut solver = Solver::new(provider);
    let problem = Problem::new().requirements(requirements).constraints(constraints);
    let chosen = match solver.solve(problem) {
        Ok(chosen) => chosen,
        Err(UnsolvableOrCancelled::Unsolvable(conflict)) => {
            if let Some(missing) = explain::missing(world, &wanted) {
                return Err(missing);
            }
            let why = clash::why(world, wanted, &refused)?;
            return Err(SolveError::Conflict {
                why: why.unwrap_or_else(|| conflict.display_user_friendly(&solver).to_string().trim_end().to_owned()),
            });
        }
        // Nothing here cancels.
        Err(UnsolvableOrCancelled::Cancelled(_)) => return Err(SolveError::Conflict { why: "stopped".to_owned() }),
    };
    let chosen: BTreeSet<Pick<'a>> = chosen.into_iter().map(|id| solver.provider().pick(id.into_raw())).collect();
    reached(world, &wanted, &chosen)
}

/// Those of `chosen` that something needs: while it tries, the solver may decide for packages that nothing needs in
/// the end.
fn reached<'a>(
    world: &'a World<'a>,
    wanted: &[Need<'a>],
    chosen: &BTreeSet<Pick<'a>>,
) -> Result<Solution<'a>, SolveError> {
    let mut solution = Solution::new();
    let mut queue: VecDeque<Pick<'a>> = VecDeque::new();
    let mut visit = |needs: &[Need<'a>], who: &str, queue: &mut VecDeque<Pick<'a>>| {
        for need in needs {
            if let Some(pick) = need.options.iter().find(|pick| chosen.contains(*pick))
                && !solution.contains_key(pick)
            {
                solution.insert(*pick, who.to_owned());
                queue.push_back(*pick);
            }
        }
    };
    visit(wanted, "the root itself", &mut queue);
    while let Some(pick) = queue.pop_front() {
        visit(&world.needs_of(pick)?, &format!("`{}`", pick.name), &mut queue);
    }
    Ok(solution)
}

struct Provider<'a> {
    world: &'a World<'a>,
    seen: RefCell<Seen<'a>>,
}

#[derive(Default)]
struct Seen<'a> {
    picks: Vec<Pick<'a>>,
    numbers: BTreeMap<Pick<'a>, u32>,
    unions: Vec<Vec<VersionSetId>>,
    union_numbers: BTreeMap<Vec<VersionSetId>, u32>,
    strings: Vec<String>,
}

impl<'a> Provider<'a> {
    fn new(world: &'a World<'a>) -> Self {
        Self { world, seen: RefCell::default() }
    }

    fn number(&self, pick: Pick<'a>) -> u32 {
        let seen = &mut *self.seen.borrow_mut();
        *seen.numbers.entry(pick).or_insert_with(|| {
            seen.picks.push(pick);
            // An index has at most millions of names.
            (seen.picks.len() - 1) as u32
        })
    }

    fn pick(&self, number: u32) -> Pick<'a> {
        self.seen.borrow().picks[number as usize]
    }

    fn it(&self, pick: Pick<'a>) -> VersionSetId {
        VersionSetId(self.number(pick) * 2)
    }

    fn not_it(&self, pick: Pick<'a>) -> VersionSetId {
        VersionSetId(self.number(pick) * 2 + 1)
    }

    /// One of `options`; `None` where there is none.
    fn requirement(&self, options: &[Pick<'a>]) -> Option<ConditionalRequirement> {
        let sets: Vec<VersionSetId> = options.iter().map(|pick| self.it(*pick)).collect();
        let requirement = match sets[..] {
            [] => return None,
            [one] => Requirement::Single(one),
            _ => {
                let seen = &mut *self.seen.borrow_mut();
                let number = *seen.union_numbers.entry(sets.clone()).or_insert_with(|| {
                    seen.unions.push(sets);
                    (seen.unions.len() - 1) as u32
                });
                Requirement::Union(VersionSetUnionId(number))
            }
        };
        Some(requirement.into())
    }

    /// What the package needs and excludes; an error as text where that is not known or not to be had.
    fn known(&self, pick: Pick<'a>) -> Result<KnownDependencies, String> {
        let mut known = KnownDependencies::default();
        for need in self.world.needs_of(pick).map_err(|error| error.to_string())? {
            let requirement = self.requirement(&need.options);
            known.requirements.push(requirement.ok_or_else(|| format!("nothing is `{}`", need.text))?);
        }
        let enemies = self.world.enemies_of(pick).map_err(|error| error.to_string())?;
        known.constrains = enemies.into_iter().map(|enemy| self.not_it(enemy)).collect();
        Ok(known)
    }
}

impl Interner for Provider<'_> {
    type NameId = NameId;
    type SolvableId = SolvableId;

    fn display_solvable(&self, solvable: SolvableId) -> impl Display + '_ {
        let pick = self.pick(solvable.into_raw());
        let version = self.world.candidate(pick).map(|candidate| candidate.entry.version.to_string());
        format!("{} {}", pick.name, version.unwrap_or_default())
    }

    fn display_merged_solvables(&self, solvables: &[SolvableId]) -> impl Display + '_ {
        let all: Vec<String> = solvables.iter().map(|id| self.display_solvable(*id).to_string()).collect();
        all.join(" | ")
    }

    fn display_name(&self, name: NameId) -> impl Display + '_ {
        self.pick(name.into_raw()).name
    }

    fn display_version_set(&self, set: VersionSetId) -> impl Display + '_ {
        let pick = self.pick(set.0 / 2);
        match self.world.candidate(pick) {
            _ if !set.0.is_multiple_of(2) => "not installed".to_owned(),
            Some(one) if self.world.candidates(pick.name).len() > 1 => one.entry.version.to_string(),
            _ => String::new(),
        }
    }

    fn display_string(&self, string: StringId) -> impl Display + '_ {
        self.seen.borrow().strings.get(string.0 as usize).cloned().unwrap_or_default()
    }

    fn version_set_name(&self, set: VersionSetId) -> NameId {
        NameId::from_raw(set.0 / 2)
    }

    fn solvable_name(&self, solvable: SolvableId) -> NameId {
        NameId::from_raw(solvable.into_raw())
    }

    fn version_sets_in_union(&self, union: VersionSetUnionId) -> impl Iterator<Item = VersionSetId> {
        self.seen.borrow().unions[union.0 as usize].clone().into_iter()
    }

    fn resolve_condition(&self, _: ConditionId) -> Condition {
        unreachable!("no requirement has a condition")
    }
}

impl DependencyProvider for Provider<'_> {
    async fn filter_candidates(&self, candidates: &[SolvableId], set: VersionSetId, inverse: bool) -> Vec<SolvableId> {
        if set.0.is_multiple_of(2) == inverse { Vec::new() } else { candidates.to_vec() }
    }

    async fn get_candidates(&self, name: NameId) -> Option<Candidates> {
        Some(Candidates { candidates: vec![SolvableId::from_raw(name.into_raw())], ..Candidates::default() })
    }

    async fn sort_candidates(&self, _: &SolverCache<Self>, _: &mut [SolvableId]) {}

    async fn get_dependencies(&self, solvable: SolvableId) -> Dependencies {
        match self.known(self.pick(solvable.into_raw())) {
            Ok(known) => Dependencies::Known(known),
            Err(why) => {
                let strings = &mut self.seen.borrow_mut().strings;
                strings.push(why);
                Dependencies::Unknown(StringId((strings.len() - 1) as u32))
            }
        }
    }
}
