//! Events as plain lines, for pipes and logs: one line when a node starts, one when it ends.

use super::causes::date;
use super::foreign::foreign;
use super::{count, duration, plain, size};
use crate::cost::{Cost, Saved};
use crate::event::{CacheUse, Counts, Done, Event, KnownFailure, RootFailure};
use crate::exceptions::Excuse;
use crate::name::{Kind, NodeName};

/// How much to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Failures and the result.
    Quiet,
    /// What was done.
    Normal,
    /// Starts and phases too.
    Verbose,
}

/// How many builds of an exception are named.
const MOST_SKIPPED: usize = 5;

/// The lines of an event, without the last newline; `None` where `verbosity` leaves it out.
pub fn line(event: &Event, verbosity: Verbosity) -> Option<String> {
    let at = |least: Verbosity, text: String| (verbosity >= least).then_some(text);
    match event {
        Event::RunStarted { .. } => None,
        Event::Notice { text } => at(Verbosity::Normal, format!("note: {}", plain(text))),
        Event::ForeignArch(told) if told.emulator.is_some() => {
            at(Verbosity::Normal, format!("note: {}", foreign(told)))
        }
        Event::ForeignArch(told) => Some(format!("error: {}", foreign(told))),
        Event::NodeStarted { node, .. } => at(Verbosity::Verbose, format!("start   {node}")),
        Event::NodePhase { node, phase } => at(Verbosity::Verbose, format!("        {node}: {}", plain(phase))),
        Event::NodeDone { node, how, milliseconds, .. } => {
            let (word, more) = match how {
                Done::Built => ("done", String::new()),
                Done::Identical => {
                    ("same", " (output as before: what follows is not rebuilt because of it)".to_owned())
                }
                Done::Found => ("found", " (the same was just made for another)".to_owned()),
                Done::Fetched { cache, bytes } => ("fetched", format!(" ({} from {})", size(*bytes), plain(cache))),
                Done::Kept { version } => ("kept", format!(" (rebuilt, equivalent, kept {})", plain(version))),
            };
            at(Verbosity::Normal, format!("{word:<7} {node}  {}{more}", duration(*milliseconds)))
        }
        Event::PackagesFetched { node, count: packages, bytes, milliseconds } => {
            let packages = count(usize::try_from(*packages).unwrap_or(usize::MAX), "package");
            let (size, time) = (size(*bytes), duration(*milliseconds));
            at(Verbosity::Normal, format!("fetched {packages} of {node}  {size}  {time}"))
        }
        Event::NodeRetried { node, message, tries, most, wait_milliseconds, .. } => {
            let when = match wait_milliseconds {
                Some(0) => "at once, as there is more room now".to_owned(),
                Some(milliseconds) => format!("in {}", duration(*milliseconds)),
                None => "once there is more room".to_owned(),
            };
            let again = format!("again   {node}  {when}, for try {} of {most}: {}", tries + 1, plain(message));
            at(Verbosity::Normal, again)
        }
        Event::NodeFailed { node, known, since, milliseconds, .. } => {
            let tolerated = known.as_ref().filter(|known| known.tolerated).map(known_failure);
            let time = match since {
                Some(since) => format!("(on {})", date(*since)),
                None => duration(*milliseconds),
            };
            match (tolerated, since) {
                // All that is told of it.
                (Some(known), _) => Some(format!("failed  {node}  {time}{known}")),
                (None, None) => at(Verbosity::Normal, format!("failed  {node}  {time}")),
                // Nothing has happened to it in this run.
                (None, Some(_)) => None,
            }
        }
        Event::RootFailure { node, not_run, builds, failure } => {
            Some(root_failure(node, failure, &held(*not_run, Some(*builds))))
        }
        Event::NodeHeldUp { node, by, not_run } => Some(format!(
            "blocked {node}\n  needs {}, whose failure is tolerated; that this does not run is not\n  help: mend what \
             fails, or give `{subject}` a `may_fail` of its own, or for a while `opb expect-failure {subject}`{}",
            listed(by),
            held(*not_run, None),
            subject = node.subject
        )),
        Event::Incomplete { node, without } => Some(format!(
            "lacking {node}\n  assembled without {}, as `may_fail` or an exception allows",
            listed(without)
        )),
        Event::KeptGood { node, kept, never } => {
            let kept = if kept.is_empty() {
                String::new()
            } else {
                format!("\n  with what was last good of {}", listed(kept))
            };
            let never = if never.is_empty() {
                String::new()
            } else {
                format!("\n  without {}, which it never had", listed(never))
            };
            Some(format!("kept    {node}{kept}{never}"))
        }
        Event::Skipped { excuse, builds, with } => Some(skipped(excuse, builds, with)),
        Event::NodeKnown { node, cache, .. } => {
            at(Verbosity::Verbose, format!("known   {}: {} has its result", plain(node), plain(cache)))
        }
        Event::NodeDiffers { node, cache, .. } => at(Verbosity::Normal, differs(node, cache.as_deref())),
        Event::CacheUsed(used) => cache_used(used).and_then(|text| at(Verbosity::Normal, text)),
        Event::NodeStopped { node } => at(Verbosity::Normal, format!("stopped {node}")),
        Event::RunFinished { counts, milliseconds } => Some(result(counts, *milliseconds)),
        Event::RunSaved { saved: of } => at(Verbosity::Normal, saved(of)),
    }
}

/// A failure at the end of a run, with all that is to be said of it.
fn root_failure(node: &NodeName, failure: &RootFailure, held: &str) -> String {
    let known = failure.known.as_ref().map(known_failure).unwrap_or_default();
    let since = failure.since.map(|since| format!("  (on {})", date(since))).unwrap_or_default();
    let message = plain(&failure.message).trim_end().replace('\n', "\n  ");
    let tries = if failure.tries > 1 { format!("\n  tried {} times", failure.tries) } else { String::new() };
    format!("error   {node}{known}{since}\n  {message}{tries}{held}")
}

/// A line on what did not run because of a node; nothing where that is nothing.
fn held(not_run: usize, builds: Option<usize>) -> String {
    let builds = builds.filter(|builds| *builds > 0);
    let builds = builds.map(|builds| format!(" ({})", count(builds, "package build"))).unwrap_or_default();
    if not_run == 0 { String::new() } else { format!("\n  not run because of it: {}{builds}", count(not_run, "node")) }
}

/// A step that is not deterministic.
fn differs(node: &str, cache: Option<&str>) -> String {
    let node = plain(node);
    let other = match cache {
        Some(cache) => format!("{} has another result for the same inputs", plain(cache)),
        None => "built again from the same inputs, it came out different".to_owned(),
    };
    format!(
        "note: {node} is not reproducible: {other}; the first result stays, and `opb diff --rivals {node}` shows what differs"
    )
}

/// A line about a cache that was of some use.
fn cache_used(used: &CacheUse) -> Option<String> {
    if used.known == 0 && used.fetched == 0 {
        return None;
    }
    let (cache, known) = (plain(&used.cache), count(usize::try_from(used.known).unwrap_or(usize::MAX), "result"));
    Some(format!(
        "cache   {cache}: {known} known, {} fetched ({}), in {}",
        used.fetched,
        size(used.bytes),
        count(usize::try_from(used.requests).unwrap_or(usize::MAX), "request")
    ))
}

fn listed(names: &[NodeName]) -> String {
    names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// What an exception keeps from running: its builds, and how many nodes besides.
fn skipped(excuse: &Excuse, builds: &[NodeName], with: &[NodeName]) -> String {
    let selector = plain(excuse.exception.as_deref().unwrap_or_default());
    let mut text = format!("skipped {selector}  {}", plain(&excuse.to_string()));
    for build in builds.iter().take(MOST_SKIPPED) {
        text += &format!("\n  {build}");
    }
    if builds.len() > MOST_SKIPPED {
        text += &format!("\n  and {}", count(builds.len() - MOST_SKIPPED, "other build"));
    }
    let others = with.iter().filter(|node| node.kind == Kind::Build).count();
    text + held(with.len(), Some(others)).as_str()
}

/// What stands behind the name of a node whose failure is known.
fn known_failure(known: &KnownFailure) -> String {
    let why = plain(&known.why);
    match &known.until {
        Some(until) if known.exception.is_some() => {
            let exception = plain(known.exception.as_deref().unwrap_or_default());
            format!("  (tolerated until {until} by the exception `{exception}`: {why})")
        }
        Some(until) if known.tolerated => format!("  (tolerated until {until}: {why})"),
        Some(until) => format!("  (no longer tolerated: `may_fail`, {why}, expired on {until})"),
        None => format!("  (tolerated: {why})"),
    }
}

/// The last line of a run.
pub fn result(counts: &Counts, milliseconds: u64) -> String {
    let time = duration(milliseconds);
    if counts.ran + counts.fetched + counts.failed + counts.tolerated + counts.not_run == 0 {
        let nodes = count(counts.nodes - counts.skipped.min(counts.nodes), "node");
        return match counts.skipped {
            0 => format!("nothing to do: {nodes}, all clean ({time})"),
            skipped => format!("nothing to do: {nodes} clean, {skipped} skipped ({time})"),
        };
    }
    let mut parts = vec![format!("{} ran ({})", count(counts.ran, "node"), count(counts.builds, "package build"))];
    if counts.fetched > 0 {
        parts.push(format!("{} fetched", counts.fetched));
    }
    if counts.cut_off > 0 {
        parts.push(format!("{} spared because an input came out as before", count(counts.cut_off, "node")));
    }
    parts.push(format!("{} clean", counts.clean));
    if counts.failed > 0 {
        parts.push(format!("{} failed", counts.failed));
    }
    if counts.tolerated > 0 {
        parts.push(format!("{} failed as they may", counts.tolerated));
    }
    if counts.skipped > 0 {
        parts.push(format!("{} skipped", counts.skipped));
    }
    if counts.not_run > 0 {
        parts.push(format!("{} not run", counts.not_run));
    }
    format!("{}, in {time}", parts.join(", "))
}

/// What a run did not have to do, in a line.
pub fn saved(saved: &Saved) -> String {
    let total = saved.total();
    if total.nodes == 0 {
        return "saved nothing: nothing of it was there before".to_owned();
    }
    let Cost { milliseconds, cpu_milliseconds } = total.cost;
    let parts = [
        (saved.store.nodes, "from the store"),
        (saved.caches.nodes, "from caches"),
        (saved.cut_off.nodes, "spared by early cutoff"),
    ];
    let parts = parts.iter().filter(|(nodes, _)| *nodes > 0).enumerate();
    let parts = parts.map(|(place, (nodes, how))| match place {
        0 => format!("{} {how}", count(*nodes, "node")),
        _ => format!("{nodes} {how}"),
    });
    let parts: Vec<String> = parts.collect();
    let unknown = match total.unknown {
        0 => String::new(),
        unknown => format!("; of {unknown} no time is on record"),
    };
    let (time, cpu) = (duration(milliseconds), duration(cpu_milliseconds));
    format!("saved {time} of building ({cpu} CPU): {}{unknown}", parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::Spared;

    #[test]
    fn what_an_exception_does_is_told_with_its_reason() {
        let build = |number: usize| format!("build:a{number}@d/amd64").parse().expect("a name");
        let excuse = |until: &str| Excuse {
            why: "upstream #77".to_owned(),
            until: Some(until.to_owned()),
            exception: Some("a*".to_owned()),
        };
        let skipped = |builds: usize, with: usize| Event::Skipped {
            excuse: excuse("2027-01-15"),
            builds: (0..builds).map(build).collect(),
            with: (0..with).map(build).collect(),
        };
        let Excuse { why, until, exception } = excuse("2027-01-15");
        let failed = Event::NodeFailed {
            node: build(1),
            cause: crate::diag::Cause::Build,
            message: "no".to_owned(),
            log: None,
            known: Some(KnownFailure { why, until, tolerated: true, exception }),
            since: None,
            milliseconds: 7,
            tries: 1,
        };
        let counts = Counts { nodes: 9, clean: 6, skipped: 3, ..Counts::default() };
        let finished = |counts| Event::RunFinished { counts, milliseconds: 80 };
        let told =
            [skipped(1, 0), skipped(7, 1), failed, finished(counts), finished(Counts { ran: 1, clean: 5, ..counts })];
        let told = told.map(|event| line(&event, Verbosity::Quiet).unwrap_or_default());
        insta::assert_snapshot!(told.join("\n"), @r"
        skipped a*  until 2027-01-15: upstream #77
          build:a0@d/amd64
        skipped a*  until 2027-01-15: upstream #77
          build:a0@d/amd64
          build:a1@d/amd64
          build:a2@d/amd64
          build:a3@d/amd64
          build:a4@d/amd64
          and 2 other builds
          not run because of it: 1 node (1 package build)
        failed  build:a1@d/amd64  7 ms  (tolerated until 2027-01-15 by the exception `a*`: upstream #77)
        nothing to do: 6 nodes clean, 3 skipped (80 ms)
        1 node ran (0 package builds), 5 clean, 3 skipped, in 80 ms
        ");
    }

    #[test]
    fn what_was_saved_is_one_line() {
        let spared = |nodes, unknown, milliseconds| Spared {
            nodes,
            builds: 0,
            unknown,
            cost: Cost { milliseconds, cpu_milliseconds: 13 * milliseconds },
        };
        let (none, hours) = (Spared::default(), spared(4_338, 2, 11_520_000));
        let all = Saved { store: hours, caches: spared(12, 1, 1_000), cut_off: spared(1, 0, 30_000) };
        let told = [
            all,
            Saved { cut_off: spared(1, 0, 4_200), ..Saved::default() },
            Saved { store: spared(2, 2, 0), caches: none, cut_off: none },
            Saved::default(),
        ];
        insta::assert_snapshot!(told.iter().map(saved).collect::<Vec<_>>().join("\n"), @r"
        saved 3 h 12 min of building (41 h 42 min CPU): 4338 nodes from the store, 12 from caches, 1 spared by early cutoff; of 3 no time is on record
        saved 4.2 s of building (54.6 s CPU): 1 node spared by early cutoff
        saved 0 ms of building (0 ms CPU): 2 nodes from the store; of 2 no time is on record
        saved nothing: nothing of it was there before
        ");
    }
}
