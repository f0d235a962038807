//! Events as JSON lines, for programs that watch a run.
//!
//! The first line has the version and the time; each event is a line with the milliseconds since then; the last one says how
//! it ended, and a stream without it was cut off. The schema of a line is `docs/schema/events.json`.

use std::fmt::Write as _;

use serde::Serialize;

use super::fetch::FetchTold;
use crate::event::{EVENT_VERSION, Event};

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
enum Edge<'a> {
    Began { version: u32, opb: &'a str, started: i64, at: u64 },
    Fetched { result: &'a FetchTold, at: u64 },
    Ended { code: u8, error: Option<&'a str>, at: u64 },
}

#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    event: &'a Event,
    at: u64,
}

/// The first line; `started` is in milliseconds since 1970.
pub fn began(started: i64) -> String {
    line_of(&Edge::Began { version: EVENT_VERSION, opb: env!("CARGO_PKG_VERSION"), started, at: 0 })
}

/// The line of an event, `at` milliseconds after the first line.
pub fn line(event: &Event, at: u64) -> String {
    line_of(&Line { event, at })
}

/// The line of what `opb fetch` came to.
pub fn fetched(told: &FetchTold, at: u64) -> String {
    line_of(&Edge::Fetched { result: told, at })
}

/// The last line, with the exit code; `error` is what kept the run from going on, where that was no node.
pub fn ended(code: u8, error: Option<&str>, at: u64) -> String {
    line_of(&Edge::Ended { code, error, at })
}

fn line_of(value: &impl Serialize) -> String {
    let json = serde_json::to_string(value).expect("plain structs");
    let mut line = String::with_capacity(json.len() + 1);
    for letter in json.chars() {
        // Only in strings. JSON lets some stand as they are that would still move a terminal's cursor.
        if letter.is_control() {
            let _ = write!(line, "\\u{:04x}", u32::from(letter));
        } else {
            line.push(letter);
        }
    }
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use crate::drv::{ActionKey, Outputs};
    use crate::event::Done;

    #[test]
    fn lines_are_json_with_times() {
        let done = |how| Event::NodeDone {
            node: "repo:nightly@mirage-1".parse().expect("a name"),
            how,
            milliseconds: 7,
            key: ActionKey(Digest::of(b"")),
            outputs: Outputs::new(),
            cost: None,
        };
        let fetched = Done::Fetched { cache: "office".to_owned(), bytes: 9 };
        let lines = [line(&done(fetched), 12), line(&done(Done::Built), 13), ended(3, Some("no disk"), 14)];
        let text = began(1_736_589_600_000) + lines.concat().as_str();
        let digest = Digest::of(b"").to_string();
        let text = text.replace(&digest, "DIGEST").replace(env!("CARGO_PKG_VERSION"), "VERSION");
        insta::assert_snapshot!(text, @r#"
        {"event":"began","version":1,"opb":"VERSION","started":1736589600000,"at":0}
        {"event":"node-done","node":"repo:nightly@mirage-1","how":"fetched","cache":"office","bytes":9,"milliseconds":7,"key":"DIGEST","outputs":{},"cost":null,"at":12}
        {"event":"node-done","node":"repo:nightly@mirage-1","how":"built","milliseconds":7,"key":"DIGEST","outputs":{},"cost":null,"at":13}
        {"event":"ended","code":3,"error":"no disk","at":14}
        "#);
    }

    #[test]
    fn no_line_moves_a_cursor_or_is_two() {
        let text = "a\nb\u{1b}[2J\u{9b}2J\u{7f}é".to_owned();
        let line = line(&Event::Notice { text: text.clone() }, 0);
        assert_eq!(line.chars().filter(|letter| letter.is_control()).collect::<String>(), "\n", "{line}");
        let read: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(read["text"], text);
    }
}
