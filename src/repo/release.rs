//! The texts around the indexes: `Release`, and the entry by which people add the repository to their apt.
//!
//! Dates are written by this program's own rules, in English and UTC, whatever the machine's locale and time zone.

use std::fmt::Write as _;

use super::{IndexEntry, RepoError, Settings, pool};

/// The text of a `Release` file (the Debian wiki's RepositoryFormat).
///
/// `date` and `valid_until` are seconds since 1970. After `valid_until` apt refuses the file; `None` says that it stays
/// valid.
///
/// # Errors
/// [`RepoError::Setting`] for settings that do not fit on a line; [`RepoError::Date`] for a time that has no date.
pub fn release_text(
    settings: &Settings,
    indexes: &[IndexEntry],
    date: i64,
    valid_until: Option<i64>,
) -> Result<String, RepoError> {
    pool::check(settings)?;
    let mut text = String::new();
    let mut line = |key: &str, value: &str| {
        let _ = writeln!(text, "{key}: {}", value.trim());
    };
    line("Origin", &settings.origin);
    line("Label", &settings.label);
    line("Suite", &settings.suite);
    line("Codename", &settings.codename);
    line("Date", &date_text(date)?);
    if let Some(end) = valid_until {
        line("Valid-Until", &date_text(end)?);
    }
    line("Acquire-By-Hash", "yes");
    line("Architectures", &settings.arches.iter().map(super::super::name::Arch::as_str).collect::<Vec<_>>().join(" "));
    line("Components", &settings.areas.join(" "));
    line("Description", &settings.description);
    text.push_str("SHA256:\n");
    let width = indexes.iter().map(|index| index.size).max().unwrap_or(0).to_string().len();
    let mut indexes: Vec<&IndexEntry> = indexes.iter().collect();
    indexes.sort();
    for IndexEntry { path, size, sha256 } in indexes {
        let _ = writeln!(text, " {sha256} {size:>width$} {path}");
    }
    Ok(text)
}

/// The text of a `.sources` file (sources.list(5), the deb822 style) for `/etc/apt/sources.list.d/`.
///
/// The first of `suites` is used as it is; those behind it, which have no source packages, wait for somebody to enable them.
/// `uri` is the repository's root; `signed_by` is where the public key lies on the machine that uses it.
///
/// # Errors
/// [`RepoError::Setting`] for settings, an address or a path that do not fit on a line.
pub fn sources_entry(suites: &[&Settings], uri: &str, signed_by: &str) -> Result<String, RepoError> {
    for (setting, value) in [("address", uri), ("key's path", signed_by)] {
        if value.is_empty() || value.chars().any(|letter| letter.is_whitespace() || letter.is_control()) {
            let value = value.escape_debug().to_string();
            return Err(RepoError::Setting { setting, value, problem: "is empty or has white space" });
        }
    }
    let mut text = String::new();
    for settings in suites {
        pool::check(settings)?;
        let head = if text.is_empty() { "Types: deb deb-src\n" } else { "\nEnabled: no\nTypes: deb\n" };
        let (suite, areas) = (&settings.codename, settings.areas.join(" "));
        let _ = write!(text, "{head}URIs: {uri}\nSuites: {suite}\nComponents: {areas}\nSigned-By: {signed_by}\n");
    }
    Ok(text)
}

/// Such as `Sat, 21 Nov 2026 10:00:00 UTC`.
fn date_text(seconds: i64) -> Result<String, RepoError> {
    let time = jiff::Timestamp::from_second(seconds).map_err(|_| RepoError::Date { seconds })?;
    Ok(time.strftime("%a, %d %b %Y %H:%M:%S UTC").to_string())
}
