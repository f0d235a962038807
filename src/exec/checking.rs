//! Nodes of checks: a root with what is to be looked at, what the check says of it, and whether that is anything new.
//!
//! A check looks at packages as files, or has them installed. Whatever it says is as hostile as the packages are: it is bounded
//! and read as findings, of which those count that no baseline has.

mod upgrade;

use std::collections::BTreeMap;

pub use upgrade::upgrade;

use super::context::{Context, Job};
use super::error::NodeError;
use super::guest::root_env;
use super::node::is_rpm;
use super::outputs::{self, Left};
use super::scripts::{self, Ran, Task};
use super::sources::{insert, one};
use super::{packages, rpm, testing};
use crate::diag::Failure;
use crate::distro::Family;
use crate::drv::{ActionKey, Outputs, Script};
use crate::event::Event;
use crate::family::check::{BASELINE, REPORT, VERDICT, looks_at_files};
use crate::name::{Check, OutputName};
use crate::package::finding::{Compared, Finding, MOST, baseline, compare, findings};
use crate::package::list::{Layer, PackageList};
use crate::path::GuestPath;
use crate::sandbox::{GuestUser, Limits, Request, Step};
use crate::store::WorkDir;
use crate::tree::{Entry, Tree};

/// The file with findings, in the folder of the report.
pub const FINDINGS: &str = "findings";

/// The most bytes of what a check says.
const MAX_SAID: u64 = 8 << 20;

/// How the message of a failure begins to speak of findings.
pub const FINDINGS_END: &str = "not known";

/// How many findings a failure shows.
const SHOWN: usize = 8;

/// How much of a finding a failure shows, in characters.
const WIDTH: usize = 200;

/// Installs all packages, as the root of the guest.
const INSTALL: &str = ". /opb/files/setup; install_all";

/// Installs what one root of tests has, as the root of the guest. What earlier roots have reported is the builder's to go on with.
const INSTALL_FOR_TESTS: &str = ". /opb/files/setup; echo \"== root $1\"; set -- /in/debs/$1/*.deb; \
     if [ -e \"$1\" ]; then install_debs \"$@\"; fi; if [ -e /out/report ]; then chown -hR builder: /out/report; fi";

/// Runs a check.
///
/// # Errors
/// Where its root cannot be made, its script fails, or there are findings that are not known.
pub fn check(
    ctx: &Context<'_>,
    job: &Job<'_>,
    key: ActionKey,
    (check, script): (Check, &Script),
    limits: &Limits,
) -> Result<Ran, Failure> {
    let take = |left: &Left<'_>| judged(ctx, check, script, left);
    scripts::run(ctx, job, &Task { key, script, env: &[], check: Some(check), before: None, limits, take: &take })
}

/// The variable that names the component.
fn component(script: &Script) -> Option<(String, String)> {
    let name = "OPB_COMPONENT";
    script.env.get(name).map(|value| (name.to_owned(), value.to_string()))
}

/// The sandboxes of a check, laid out in `work`, each with a scratch folder of its own: one, but for tests of a source, which run
/// in one root after the other.
///
/// # Errors
/// Where something that it reads is not in the store, or cannot be laid out.
pub fn ready(
    ctx: &Context<'_>,
    job: &Job<'_>,
    (check, script): (Check, &Script),
    (work, limits): (&WorkDir, Limits),
) -> Result<Vec<Request>, Failure> {
    let mut env = root_env();
    env.extend(component(script));
    if check == Check::Autopkgtest {
        return tests_ready(ctx, job, script, env, (work, limits));
    }
    let trees = match looks_at_files(check) {
        true => [("packages", built(ctx, job)?)],
        false => [to_install(ctx, job)?],
    };
    let mut request = scripts::laid_out(ctx, job, script, &trees, &[], (work, limits))?;
    let last = request.steps.len() - 1;
    match check {
        Check::Lintian | Check::Rpmlint | Check::Autopkgtest => {}
        Check::Install => request.steps[last] = as_root(vec!["/bin/sh".to_owned(), scripts::SCRIPT.to_owned()], env),
        Check::Own => request.steps.insert(last, as_root(["/bin/sh", "-c", INSTALL].map(str::to_owned).to_vec(), env)),
    }
    Ok(vec![request])
}

/// The sandboxes of the tests of a source: one for each of their roots, and one where they have none, which says why.
fn tests_ready(
    ctx: &Context<'_>,
    job: &Job<'_>,
    script: &Script,
    env: BTreeMap<String, String>,
    (work, limits): (&WorkDir, Limits),
) -> Result<Vec<Request>, Failure> {
    let source = ctx.store.get_tree(job.input("source")?.1)?;
    let chosen = testing::Chosen::of(ctx, job.input("list")?.1)?;
    let texts = testing::Texts::of(ctx, &source)?;
    let more = testing::files(&texts, &chosen, job.node().arch().unwrap_or_default())?;
    let script = Script { files: script.files.clone().into_iter().chain(more).collect(), ..script.clone() };
    let mut debs = Tree::default();
    for (root, list) in chosen.roots.iter().enumerate() {
        put_packages(ctx, job, list, &format!("{root:03}/"), &mut debs)?;
    }
    let trees = [("debs", debs), ("source", source)];
    let plain = scripts::laid_out(ctx, job, &script, &trees, &[], (work, limits))?;
    let mut requests = Vec::new();
    for root in 0..chosen.roots.len().max(1) {
        let mut request = if root == 0 { plain.clone() } else { scripts::beside(ctx, work, &plain, root)? };
        let (last, number) = (request.steps.len() - 1, format!("{root:03}"));
        if let Step::Run { argv, .. } = &mut request.steps[last] {
            argv.extend([number.clone(), "builder".to_owned()]);
        }
        let installs = ["/bin/sh", "-c", INSTALL_FOR_TESTS, "sh", &number].map(str::to_owned).to_vec();
        request.steps.insert(last, as_root(installs, env.clone()));
        let tests = ["/bin/sh", scripts::SCRIPT, &number, "root"].map(str::to_owned).to_vec();
        request.steps.push(as_root(tests, env.clone()));
        requests.push(request);
    }
    Ok(requests)
}

/// Whether a test of a source has failed so far, by what stands in `work`.
pub fn a_test_failed(work: &WorkDir) -> bool {
    let said =
        work.dir().open_dir(scripts::OUT).and_then(|out| outputs::beginning_in(&out, REPORT, FINDINGS, MAX_SAID));
    let said = said.ok().flatten().unwrap_or_default();
    let (found, _) = findings(&String::from_utf8_lossy(&said));
    found.iter().any(|finding| finding.tag == "test-failed")
}

fn as_root(argv: Vec<String>, env: BTreeMap<String, String>) -> Step {
    Step::Run { argv, env, cwd: GuestPath::new("/build"), user: GuestUser::Root, writable: None }
}

/// The packages that builds have made, by file name.
fn built(ctx: &Context<'_>, job: &Job<'_>) -> Result<Tree, Failure> {
    let mut all = Tree::default();
    for (_, digest) in job.inputs("packages ")? {
        for (path, digest, size) in ctx.store.get_tree(digest)?.files() {
            insert(&mut all, &path.to_string(), Entry::File { digest, size, executable: false })?;
        }
    }
    Ok(all)
}

/// The packages that the list of `job` has beyond the base, each as `NAME_ARCH.deb` or `NAME.ARCH.rpm`, and what their folder is
/// called.
fn to_install(ctx: &Context<'_>, job: &Job<'_>) -> Result<(&'static str, Tree), Failure> {
    let list = packages::list(ctx, job.input("list")?.1)?;
    if family(ctx, job) == Family::Rpm {
        return Ok(("rpms", rpm::files(ctx, job, &list)?));
    }
    let mut all = Tree::default();
    put_packages(ctx, job, &list, "", &mut all)?;
    Ok(("debs", all))
}

/// Puts those that `list` has beyond the base into a tree, below `folder`, which is empty or ends in `/`.
fn put_packages(
    ctx: &Context<'_>,
    job: &Job<'_>,
    list: &PackageList,
    folder: &str,
    to: &mut Tree,
) -> Result<(), Failure> {
    for package in packages::store(ctx, job, list, Layer::Component)? {
        let entry = Entry::File { digest: package.object, size: package.listed.size, executable: false };
        insert(to, &format!("{folder}{}", package.file_name()), entry)?;
    }
    Ok(())
}

/// The family of what a check looks at.
fn family(ctx: &Context<'_>, job: &Job<'_>) -> Family {
    if is_rpm(ctx.distros, job.node()) { Family::Rpm } else { Family::Deb }
}

/// What `who` has found, where all of it that counts is known. `who` stands at the beginning of sentences.
fn looked_through(who: &str, script: &Script, left: &Left<'_>) -> Result<Compared, Failure> {
    let wrong = |how: &str| NodeError::Script {
        node: left.node.to_owned(),
        how: format!("{who} {how}"),
        telling: String::new(),
        log: Some(left.log),
    };
    let said = outputs::beginning(left, REPORT, FINDINGS, MAX_SAID + 1)?;
    let said = said.ok_or_else(|| wrong("has left no plain file with what it found"))?;
    if said.len() as u64 > MAX_SAID {
        return Err(wrong("found more than 8 MiB of text").into());
    }
    let (found, more) = findings(&String::from_utf8_lossy(&said));
    let known = script.files.get(BASELINE).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    // Evaluation has read it.
    let known = known.and_then(|text| baseline(&text).ok()).unwrap_or_default();
    let compared = compare(&found, &known);
    if more > 0 || !compared.new.is_empty() {
        return Err(failed(&compared.new, more, who, left).into());
    }
    Ok(compared)
}

/// The outputs of a check that has nothing new to say.
fn judged(ctx: &Context<'_>, check: Check, script: &Script, left: &Left<'_>) -> Result<Outputs, Failure> {
    let compared = looked_through(&format!("the check `{check}`"), script, left)?;
    tell(ctx, &compared, left);
    let (text, json) = (text(&compared), json(check, &compared));
    let mut report = Tree::default();
    for (name, text) in [("report.txt", &text), ("report.json", &json)] {
        let (digest, size) = (ctx.store.put_bytes(text.as_bytes())?, text.len() as u64);
        insert(&mut report, name, Entry::File { digest, size, executable: false })?;
    }
    let mut verdict = Tree::default();
    insert(&mut verdict, "passed", Entry::File { digest: ctx.store.put_bytes(b"")?, size: 0, executable: false })?;
    let mut outputs = one(REPORT, ctx.store.put_tree(&report)?);
    outputs.insert(OutputName::new(VERDICT).expect("a plain name"), ctx.store.put_tree(&verdict)?);
    Ok(outputs)
}

fn failed(new: &[Finding], more: usize, who: &str, left: &Left<'_>) -> NodeError {
    let line = |finding: &Finding| format!("\n    {}", finding.to_string().chars().take(WIDTH).collect::<String>());
    let mut telling: String = new.iter().take(SHOWN).map(line).collect();
    if new.len() > SHOWN {
        telling.push_str(&format!("\n    and {} more", new.len() - SHOWN));
    }
    if more > 0 {
        telling.push_str(&format!("\n    and {more} beyond the first {MOST}, which are not read"));
    }
    let count = match new.len() {
        1 => format!("a finding that is {FINDINGS_END}"),
        count => format!("{count} findings that are {FINDINGS_END}"),
    };
    NodeError::Findings { node: left.node.to_owned(), how: format!("{who} has {count}"), telling, log: left.log }
}

/// Tells what people would not see of a check that passes.
fn tell(ctx: &Context<'_>, compared: &Compared, left: &Left<'_>) {
    let skipped = compared.told.iter().filter(|finding| finding.tag == "test-skipped").count();
    if skipped > 0 {
        let what = if skipped == 1 { "a test was".to_owned() } else { format!("{skipped} tests were") };
        let text = format!("{}: {what} skipped; `opb log {}` says why", left.node, left.node);
        (ctx.sink)(Event::Notice { text });
    }
    if !compared.gone.is_empty() {
        let what = if compared.gone.len() == 1 { "a known finding is" } else { "known findings are" };
        let text = format!("{}: {what} gone; `opb baseline` shows them, and `--write` forgets them", left.node);
        (ctx.sink)(Event::Notice { text });
    }
}

fn text(compared: &Compared) -> String {
    let list = |title: &str, findings: &[Finding]| {
        let lines: String = findings.iter().map(|finding| format!("  {finding}\n")).collect();
        if lines.is_empty() { String::new() } else { format!("{title}:\n{lines}") }
    };
    let all = [("known", &compared.known), ("told", &compared.told), ("gone", &compared.gone)];
    let text: String = all.into_iter().map(|(title, findings)| list(title, findings)).collect();
    if text.is_empty() { "nothing was found\n".to_owned() } else { text }
}

fn json(check: Check, compared: &Compared) -> String {
    let Compared { known, told, gone, .. } = compared;
    let value = serde_json::json!({ "version": 1, "check": check, "known": known, "told": told, "gone": gone });
    format!("{value:#}\n")
}
