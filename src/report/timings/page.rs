//! The picture of a run in time with tables, as one HTML file that loads nothing.

use super::picture::svg;
use super::text::heading;
use super::{Span, Timings};
use crate::report::picture::text as escaped;
use crate::report::{count, duration, plain};

/// How many nodes are listed: those that took longest.
const MOST_NODES: usize = 2_000;

const HEAD: &str = "\
body { font: 14px/1.5 -apple-system, 'Segoe UI', 'Noto Sans', Helvetica, Arial, 'DejaVu Sans', sans-serif; \
max-width: 960px; margin: 24px auto; padding: 0 12px; color: #1f2328; background: #ffffff; }
svg { max-width: 100%; height: auto; }
table { border-collapse: collapse; width: 100%; font-size: 13px; }
th, td { text-align: left; padding: 3px 8px; border-bottom: 1px solid #d1d9e0; overflow-wrap: anywhere; }
.time { text-align: right; white-space: nowrap; }
.on-path td { font-weight: 600; }
@media (prefers-color-scheme: dark) {
body { color: #e6edf3; background: #0d1117; }
th, td { border-color: #3d444d; }
}
";

/// The page.
pub fn html(timings: &Timings) -> String {
    let title = escaped(&heading(timings));
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta http-equiv=\"Content-Security-Policy\" \
         content=\"default-src 'none'; style-src 'unsafe-inline'\">\n<meta name=\"viewport\" \
         content=\"width=device-width\">\n<title>{title}</title>\n<style>\n{HEAD}</style>\n</head>\n<body>\n{}",
        svg(timings)
    );
    if !timings.spans.is_empty() {
        let mut places = timings.largest();
        let left = places.len().saturating_sub(MOST_NODES);
        places.truncate(MOST_NODES);
        places.sort_unstable();
        page += "<h2>Nodes</h2>\n<p>In the order in which they began; those of the critical path are bold.";
        if left > 0 {
            page += &format!(" {} that took less are left out.", count(left, "node"));
        }
        page += "</p>\n<table>\n<tr><th class=\"time\">lane</th><th class=\"time\">began</th><th class=\"time\">waited for a \
                 job</th><th class=\"time\">took</th><th>node</th><th>came to</th><th>ready after</th></tr>\n";
        for place in places {
            page += &row(&timings.spans[place], &timings.spans);
        }
        page += "</table>\n";
    }
    page + "</body>\n</html>\n"
}

fn row(span: &Span, all: &[Span]) -> String {
    let class = if span.critical { " class=\"on-path\"" } else { "" };
    let time = |words: String| format!("<td class=\"time\">{words}</td>");
    let words = |words: &str| format!("<td>{}</td>", escaped(&plain(words)));
    let waited = if span.waited() == 0 { String::new() } else { duration(span.waited()) };
    let times = [(span.lane + 1).to_string(), duration(span.began), waited, duration(span.milliseconds())];
    let after = span.after.map_or("", |after| all[after].node.as_str());
    let cells = [times.map(time).concat(), [span.node.as_str(), span.outcome, after].map(words).concat()].concat();
    format!("<tr{class}>{cells}</tr>\n")
}
