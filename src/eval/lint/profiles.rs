//! Build profiles that are nearly the name of one.

use super::{Found, Ground, Lint, distinct};
use crate::diag::did_you_mean;

/// Registered build profiles (wiki.debian.org/BuildProfileSpec), without `pkg.…` and `stage…`, which are free.
const KNOWN: [&str; 20] = [
    "cross",
    "nobiarch",
    "nocheck",
    "nocil",
    "nodoc",
    "nogir",
    "nogolang",
    "noinsttest",
    "nojava",
    "nolua",
    "nonodejs",
    "noocaml",
    "noperl",
    "nophp",
    "nopython",
    "noqt",
    "noruby",
    "nosystemd",
    "noudeb",
    "nowindows",
];

/// What people write instead, from other tools and the build options of the same purpose.
const OTHERWISE: [(&str, &str); 10] = [
    ("check", "nocheck"),
    ("doc", "nodoc"),
    ("docs", "nodoc"),
    ("no-check", "nocheck"),
    ("no-doc", "nodoc"),
    ("no-tests", "nocheck"),
    ("nodocs", "nodoc"),
    ("notest", "nocheck"),
    ("notests", "nocheck"),
    ("tests", "nocheck"),
];

pub(super) fn look(ground: &Ground<'_>, found: &mut Found) {
    for (name, info) in &ground.project().components {
        let own = ground.project().work.iter().filter(|work| work.component.name == *name);
        for profile in distinct(own.flat_map(|work| work.component.profiles.iter())) {
            let Some(meant) = meant(profile).filter(|_| !ground.knows_profile(name, profile)) else { continue };
            let span = info.places.find_text("profiles", profile).or_else(|| info.places.find_text("on", profile));
            let span = span.unwrap_or_else(|| info.places.of_field("profiles"));
            let message = format!("there is no build profile `{profile}`");
            let help = format!("did you mean `{meant}`? A profile of your own is called `pkg.{name}.{profile}`");
            found.at(Lint::ProfileMisspelt, info.places.text(), span, message, help);
        }
    }
}

/// The profile that is probably meant; `None` where this may be one.
fn meant(profile: &str) -> Option<&'static str> {
    if KNOWN.contains(&profile) || profile.starts_with("pkg.") || profile.starts_with("stage") {
        return None;
    }
    let otherwise = OTHERWISE.iter().find(|(written, _)| *written == profile).map(|(_, meant)| *meant);
    otherwise.or_else(|| did_you_mean(profile, KNOWN))
}

#[cfg(test)]
mod tests {
    use super::meant;

    #[test]
    fn only_near_misses_are_told() {
        assert_eq!(meant("nocheck"), None);
        assert_eq!(meant("nochek"), Some("nocheck"));
        assert_eq!(meant("notests"), Some("nocheck"));
        assert_eq!(meant("pkg.libmd.small"), None);
        assert_eq!(meant("stage1"), None);
        assert_eq!(meant("bootstrap"), None);
    }
}
