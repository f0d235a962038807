//! The page of a channel, for people: how to add it, what is in it, and what is new.
//!
//! One file without anything from elsewhere. Whatever comes from packages or settings is escaped: names and versions are
//! others' words.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::keyring;
use super::laid::{Kind, Laid};
use super::texts::{Shown, entries};
use crate::diag::Failure;
use crate::repo::{Change, Changed, Row, changes, rows};
use crate::store::Store;

/// More packages of a distro are not listed one by one.
const MAX_ROWS: usize = 5_000;

/// More changes of a distro are only counted.
const MAX_CHANGES: usize = 500;

/// Behind a package that was built elsewhere.
const IMPORTED: &str = "<small>imported</small>";

const HEAD: &str = include_str!("page.head.html");

/// The page of the generation that is being made.
pub(super) fn page(store: &Store, laid: &[Laid], shown: &Shown<'_>) -> Result<String, Failure> {
    let Shown { channel, record, before, naming, .. } = shown;
    let mut page = HEAD.replace("CHANNEL", &escaped(channel.as_str()));
    let label = naming.label.as_deref().unwrap_or(channel.as_str());
    let _ = write!(page, "<header><h1>{}</h1>", escaped(label));
    let until = record.valid_until.map_or(String::new(), |until| format!(", valid until {}", time(until)));
    let _ = writeln!(
        page,
        "<p>Generation {} of <b>{}</b>, {}{until}</p></header>\n<main>",
        record.number,
        escaped(channel.as_str()),
        time(record.date)
    );
    let mut news = String::new();
    let mut lists = String::new();
    for part in laid {
        let earlier = before.and_then(|before| before.parts.iter().find(|old| old.part.distro == part.part.distro));
        let other = earlier.filter(|earlier| earlier.part.tree != part.part.tree);
        let (given, imported) = (&part.given, &part.part.imported);
        let (now, old) = rayon::join(|| rows(given, imported), || other.map(|other| other.part.rows(store)));
        let distro = escaped(part.part.distro.as_str());
        if earlier.is_some() {
            let changes = old.transpose()?.map_or_else(Vec::new, |old| changes(&old, &now));
            change_list(&mut news, &distro, &changes);
        } else {
            let _ = writeln!(news, "<h3>{distro}</h3>\n<p>New in this channel: {}.</p>", count(&now));
        }
        package_list(&mut lists, &distro, &now);
    }
    page.push_str("<h2>Add it</h2>\n");
    for part in laid {
        how_to_add(&mut page, part, shown)?;
    }
    let keys: Vec<String> =
        shown.signer.fingerprints().iter().map(|key| format!("<code>{}</code>", escaped(&spaced(key)))).collect();
    let _ = writeln!(
        page,
        "<p>All of it is signed by the key {} (<a href=\"opb-{name}.asc\">opb-{name}.asc</a>).</p>",
        keys.join(", and its lists by "),
        name = escaped(channel.as_str())
    );
    let _ = writeln!(page, "<h2>What is new</h2>\n{news}<h2>Packages</h2>\n{lists}</main>\n</body>\n</html>");
    Ok(page)
}

fn how_to_add(page: &mut String, part: &Laid, shown: &Shown<'_>) -> Result<(), Failure> {
    let channel = shown.channel;
    let distro = escaped(part.part.distro.as_str());
    let served = shown.naming.url.is_some();
    for (file, _) in entries(part, shown)? {
        let (scheme, at) = match &part.kind {
            Kind::Apt(_) => ("file:", "/etc/apt/sources.list.d/"),
            Kind::Yum { .. } => ("file://", "/etc/yum.repos.d/"),
        };
        let root = shown.root(scheme);
        let root = if served { root } else { root.trim_start_matches("file:").trim_start_matches("//").to_owned() };
        let take = |file: &str, to: &str| {
            if served { format!("curl -fsSLo {to}{file} {root}/{file}") } else { format!("cp {root}/{file} {to}") }
        };
        let commands = match &part.kind {
            Kind::Apt(_) => {
                let place = keyring::place(channel, shown.naming);
                let folder = place.rsplit_once('/').map_or("/", |(folder, _)| folder);
                let key = take(&format!("opb-{channel}.asc"), &format!("{folder}/"));
                let more = if shown.naming.keyring {
                    format!("\napt-get install opb-{channel}-keyring   # brings the next key before this one ends")
                } else {
                    String::new()
                };
                format!("install -d {folder}\n{key}\n{}\napt-get update{more}", take(&file, at))
            }
            Kind::Yum { .. } => {
                let more = if shown.naming.keyring {
                    format!("\ndnf install opb-{channel}-keyring   # brings the next key before this one ends")
                } else {
                    String::new()
                };
                format!("{}\ndnf makecache{more}", take(&file, at))
            }
        };
        let _ = writeln!(
            page,
            "<details><summary>{distro}: <a href=\"{file}\">{file}</a></summary>\n<pre>{}</pre></details>",
            escaped(&commands),
            file = escaped(&file)
        );
    }
    Ok(())
}

fn change_list(page: &mut String, distro: &str, changes: &[Changed]) {
    if changes.is_empty() {
        let _ = writeln!(page, "<h3>{distro}</h3>\n<p>Nothing changed.</p>");
        return;
    }
    let _ = writeln!(page, "<h3>{distro}</h3>\n<ul class=\"changes\">");
    for (name, arches) in grouped(&changes[..changes.len().min(MAX_CHANGES)]) {
        let _ = writeln!(page, "<li>{name} <small>{}</small></li>", arches.into_iter().collect::<Vec<_>>().join(", "));
    }
    page.push_str("</ul>\n");
    if changes.len() > MAX_CHANGES {
        let _ = writeln!(page, "<p>And {} more.</p>", changes.len() - MAX_CHANGES);
    }
}

/// What happened, as HTML, with the arches that it happened to.
fn grouped(changes: &[Changed]) -> BTreeMap<String, BTreeSet<String>> {
    let mut grouped: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for Changed { name, arch, change, imported } in changes {
        let name = escaped(name);
        let told = match change {
            Change::Added { version } => {
                format!("<code>{name}</code> <b class=\"added\">new</b> {}", escaped(version))
            }
            Change::Removed { version } => {
                format!("<code>{name}</code> <b class=\"removed\">gone</b> {}", escaped(version))
            }
            Change::Changed { from, to } => format!("<code>{name}</code> {} → {}", escaped(from), escaped(to)),
        };
        let told = if *imported { format!("{told} {IMPORTED}") } else { told };
        grouped.entry(told).or_default().insert(escaped(arch));
    }
    grouped
}

fn package_list(page: &mut String, distro: &str, rows: &[Row]) {
    let _ = writeln!(page, "<details><summary>{distro}: {}</summary>\n<table>", count(rows));
    page.push_str("<thead><tr><th>package</th><th>version</th><th>arches</th></tr></thead>\n<tbody>\n");
    let mut packages: BTreeMap<(&str, &str, bool), Vec<&str>> = BTreeMap::new();
    for row in rows.iter().take(MAX_ROWS) {
        packages.entry((&row.name, &row.version, row.imported)).or_default().push(&row.arch);
    }
    for ((name, version, imported), arches) in packages {
        let (name, version, arches) = (escaped(name), escaped(version), escaped(&arches.join(" ")));
        let imported = if imported { format!(" {IMPORTED}") } else { String::new() };
        let _ = writeln!(page, "<tr><td>{name}{imported}</td><td>{version}</td><td>{arches}</td></tr>");
    }
    page.push_str("</tbody></table>");
    if rows.len() > MAX_ROWS {
        let _ = write!(page, "<p>And {} more.</p>", rows.len() - MAX_ROWS);
    }
    page.push_str("</details>\n");
}

fn count(rows: &[Row]) -> String {
    let sources = rows.iter().filter(|row| row.arch == "source").count();
    let plural = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    format!("{} and {}", plural(rows.len() - sources, "package"), plural(sources, "source package"))
}

/// Such as `2026-11-29 12:00 UTC`.
fn time(seconds: i64) -> String {
    let time = jiff::Timestamp::from_second(seconds).unwrap_or_default();
    time.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// A fingerprint in groups of four, as people compare them.
fn spaced(fingerprint: &str) -> String {
    let digits: Vec<char> = fingerprint.chars().collect();
    digits.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}

fn escaped(text: &str) -> String {
    let is_plain = |byte: u8| matches!(byte, b' '..=b'~') && !b"&<>\"'".contains(&byte);
    if text.bytes().all(is_plain) {
        return text.to_owned();
    }
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            letter if letter.is_control() && letter != '\n' => {}
            letter => escaped.push(letter),
        }
    }
    escaped
}
