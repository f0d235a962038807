//! The page: one HTML file that loads nothing and has no script.

use super::summary::{Counts, called, day, minute, news};
use super::{Page, attention, changes, failures, machines, style, summary, table};
use crate::name::ChannelName;
use crate::report::picture::text as escaped;
use crate::report::{count, duration, line_of};

/// The page.
pub fn html(page: &Page) -> String {
    let title = shown(&summary::headline(page), 300);
    let parts = [
        head(page),
        failures::new(page),
        failures::steps(page),
        failures::still(page),
        failures::fixed(page),
        changes::moves(page),
        changes::published(page),
        table::grid(page),
        machines::machines(page),
        machines::builds(page),
        attention::attention(page),
        foot(page),
    ];
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n<meta http-equiv=\"Content-Security-Policy\" \
         content=\"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\"/>\n<meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\"/>\n<title>{title}</title>\n<style>\n{}</style>\n</head>\n<body>\n{}</body>\n</html>\n",
        style::sheet(),
        parts.concat()
    )
}

/// Text of strangers as it may stand in the page, on one line with at most about `most` characters.
pub(super) fn shown(text: &str, most: usize) -> String {
    escaped(&line_of(text, most))
}

/// A part of the page under a heading that can be led to; nothing where it is empty.
pub(super) fn part(id: &str, heading: &str, body: &str) -> String {
    if body.is_empty() {
        return String::new();
    }
    format!("<section aria-labelledby=\"{id}\">\n<h2 id=\"{id}\">{heading}</h2>\n{body}</section>\n")
}

/// A table with such heads, which begin with `#` where numbers stand below. Each row begins with its own head. All cells are markup
/// already. On a phone a row is a block of lines, each with its head; the roles say that it is a table all the same.
pub(super) fn rows<const N: usize>(heads: [&str; N], rows: &[[String; N]]) -> String {
    let kinds = heads.map(|head| match head.strip_prefix('#') {
        Some(head) => (head, " class=\"number\""),
        None => (head, ""),
    });
    let head = |(head, class)| format!("<th scope=\"col\" role=\"columnheader\"{class}>{head}</th>");
    let mut text = format!(
        "<div class=\"scroll\"><table role=\"table\">\n<thead role=\"rowgroup\"><tr role=\"row\">{}</tr></thead>\n<tbody \
         role=\"rowgroup\">\n",
        kinds.map(head).concat()
    );
    for row in rows {
        text += "<tr role=\"row\">";
        for (place, (cell, (head, class))) in std::iter::zip(row, kinds).enumerate() {
            text += &match place {
                0 => format!("<th scope=\"row\" role=\"rowheader\" class=\"name\">{cell}</th>"),
                _ => format!("<td role=\"cell\" data-head=\"{head}\"{class}>{cell}</td>"),
            };
        }
        text += "</tr>\n";
    }
    text + "</tbody></table></div>\n"
}

/// `and 3 more`, as a paragraph; nothing where nothing is left.
pub(super) fn more(all: usize, most: usize, word: &str) -> String {
    match all.saturating_sub(most) {
        0 => String::new(),
        left => format!("<p class=\"faint\">and {}</p>\n", count(left, word)),
    }
}

/// What this is about, what came of it, and where to go on.
fn head(page: &Page) -> String {
    let night = &page.night;
    let counts = Counts::of(night);
    let verdict = match night.regressed {
        true => "<span class=\"bad\">! Something is worse than in the nightly before.</span>",
        false => "<span class=\"good\">✓ Nothing is worse than in the nightly before.</span>",
    };
    let channels: Vec<&str> = night.channels.iter().map(ChannelName::as_str).collect();
    let channels = match &channels[..] {
        [] => String::new(),
        [one] => format!(", for the channel {}", shown(one, 60)),
        several => format!(", for the channels {}", shown(&several.join(", "), 300)),
    };
    let mut text = format!(
        "<header>\n<p class=\"faint\">{}</p>\n<h1>{}</h1>\n<p>{verdict}</p>\n<p class=\"faint\">Number {}, from {} UTC, took {}{channels}.</p>\n",
        shown(&called(page), 200),
        shown(&capital(&news(night)), 300),
        night.number,
        minute(night.started),
        duration(night.milliseconds),
    );
    let tiles = [
        (counts.new, "bad", "new", ["new failure", "new failures"]),
        (counts.not_started, "bad", "steps", ["channel not begun with", "channels not begun with"]),
        (
            counts.failed_steps + counts.held,
            "bad",
            "steps",
            ["step failed or distro held back", "steps failed, distros held back"],
        ),
        (counts.still, "warn", "still", ["still failing"; 2]),
        (counts.fixed, "good", "fixed", ["fixed"; 2]),
        (counts.moves, "plain", "moves", ["pin moved", "pins moved"]),
        (counts.published, "plain", "published", ["package published", "packages published"]),
        (summary::attention(page), "warn", "soon", ["thing to look after", "things to look after"]),
    ];
    let tile = |(number, class, id, [one, many]): (usize, &str, &str, [&str; 2])| {
        let words = if number == 1 { one } else { many };
        format!("<li><a href=\"#{id}\"><b class=\"{class}\">{number}</b>{words}</a></li>\n")
    };
    // Parts that have nothing to tell are not there.
    let tiles: String = tiles.into_iter().filter(|(number, ..)| *number > 0).map(tile).collect();
    if !tiles.is_empty() {
        text += &format!("<nav aria-label=\"Parts of the report\"><ul class=\"tiles\">\n{tiles}</ul></nav>\n");
    }
    text + "</header>\n<main>\n"
}

fn foot(page: &Page) -> String {
    let steps: Vec<String> = page
        .night
        .steps
        .iter()
        .map(|step| format!("{} {}", shown(&step.name, 20), duration(step.milliseconds)))
        .collect();
    let steps = if steps.is_empty() { String::new() } else { format!("Steps: {}. ", steps.join(", ")) };
    format!("</main>\n<footer>\n<p class=\"faint\">{steps}Ages are as of {}.</p>\n</footer>\n", day(page.made))
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
