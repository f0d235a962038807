//! What a host can and cannot do, in a line for each check for people, and as JSON for programs.

use serde::Serialize;

use super::wrapped;

/// The version of the JSON form. What is added does not change it.
const VERSION: u32 = 1;

/// Something that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Its name: one word, always the same.
    pub name: &'static str,
    /// How it stands.
    pub state: State,
    /// What was found.
    pub found: String,
    /// How to mend it; `None` where nothing needs to be.
    pub help: Option<String>,
}

/// How a thing stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// As it should be.
    Ok,
    /// Builds run without it, but not as well.
    Weak,
    /// Builds cannot run.
    Missing,
}

/// Whether builds can run.
pub fn ready(checks: &[Check]) -> bool {
    checks.iter().all(|check| check.state != State::Missing)
}

/// A line for each check, with its help below it, and the upshot; lines are at most `width` wide where words allow.
pub fn text(checks: &[Check], width: usize) -> String {
    let longest = checks.iter().map(|check| check.name.len()).max().unwrap_or_default();
    let indent = " ".repeat("missing  ".len() + longest + 2);
    let mut text = String::new();
    for check in checks {
        let state = match check.state {
            State::Ok => "ok",
            State::Weak => "weak",
            State::Missing => "missing",
        };
        let first = format!("{state:<7}  {:<longest$}  ", check.name);
        text.push_str(&wrapped(&check.found, &first, &indent, width));
        if let Some(help) = &check.help {
            text.push_str(&wrapped(help, &format!("{indent}help: "), &format!("{indent}      "), width));
        }
    }
    let named = |state| -> String {
        let names: Vec<&str> = checks.iter().filter(|check| check.state == state).map(|check| check.name).collect();
        names.join(", ")
    };
    let (missing, weak) = (named(State::Missing), named(State::Weak));
    let upshot = match (missing.is_empty(), weak.is_empty()) {
        (false, _) => format!("builds cannot run here; missing: {missing}"),
        (true, false) => format!("builds can run here; weak: {weak}"),
        (true, true) => "builds can run here".to_owned(),
    };
    text.push_str(&wrapped(&upshot, "", "  ", width));
    text
}

/// One JSON object, as `docs/schema/doctor.json` says.
pub fn json(checks: &[Check]) -> String {
    #[derive(Serialize)]
    struct Report<'a> {
        version: u32,
        ready: bool,
        checks: &'a [Check],
    }
    let report = Report { version: VERSION, ready: ready(checks), checks };
    serde_json::to_string(&report).expect("texts and numbers") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_at_the_end() {
        let check = |name, state, help: Option<&str>| Check {
            name,
            state,
            found: "as it was found by whoever looked".to_owned(),
            help: help.map(str::to_owned),
        };
        let mut checks = vec![check("kernel", State::Ok, None)];
        assert!(ready(&checks) && text(&checks, 80).ends_with("\nbuilds can run here\n"));
        checks.push(check("landlock", State::Weak, Some("use another kernel, or live with it")));
        assert!(ready(&checks) && text(&checks, 80).ends_with("\nbuilds can run here; weak: landlock\n"));
        checks.push(check("ids", State::Missing, Some("have some")));
        assert!(!ready(&checks));
        insta::assert_snapshot!(text(&checks, 52), @r"
        ok       kernel    as it was found by whoever looked
        weak     landlock  as it was found by whoever looked
                           help: use another kernel, or live
                                 with it
        missing  ids       as it was found by whoever looked
                           help: have some
        builds cannot run here; missing: ids
        ");
        assert!(
            json(&checks[2..]).starts_with(r#"{"version":1,"ready":false,"checks":[{"name":"ids","state":"missing","#)
        );
    }
}
