//! Names, and numbers that follow from a seed.

/// Modules of the core, by what they would do.
pub const MODULES: [&str; 32] = [
    "dns", "mail", "web", "ftp", "sql", "ldap", "cron", "disk", "net", "wall", "tunnel", "time", "relay", "inbox",
    "quota", "cert", "proxy", "cache", "queue", "notes", "chat", "wiki", "blog", "shop", "poll", "form", "feed", "map",
    "chart", "audit", "alert", "report",
];

/// Programs beside the core that use the base library.
pub const PROGRAMS: [&str; 8] = ["auth", "cli", "log", "backup", "sync", "watch", "mailer", "graph"];

/// Things that stand alone.
pub const TOOLS: [&str; 25] = [
    "calc",
    "theme-light",
    "theme-dark",
    "faq",
    "clock",
    "icons",
    "menus",
    "tour",
    "dump",
    "samples",
    "keys",
    "convert",
    "lint",
    "locale",
    "shell-setup",
    "fonts",
    "sketch",
    "applet",
    "store",
    "greeter",
    "timer",
    "paper",
    "labels",
    "hints",
    "almanac",
];

/// The name of the `number`th thing of a kind: a word, and from the second time on which time it is.
pub fn word(words: &[&str], number: usize) -> String {
    let word = words[number % words.len()];
    match number / words.len() {
        0 => word.to_owned(),
        turn => format!("{word}-{}", turn + 1),
    }
}

/// A number below `below` that follows from the seed and two texts, and from nothing else.
pub fn number(seed: u64, name: &str, what: &str, below: u64) -> u64 {
    let mut state = seed ^ 0x9e37_79b9_7f4a_7c15;
    for byte in name.bytes().chain([0xff]).chain(what.bytes()) {
        state = (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        state ^= state >> 29;
    }
    // The last step of SplitMix64, so that names that differ in their last letter give numbers far apart.
    state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (state ^ (state >> 31)) % below
}

/// Puts values in for the words between two `@`.
pub fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut text = String::with_capacity(template.len() + 256);
    let mut rest = template;
    while let Some(start) = rest.find('@') {
        text.push_str(&rest[..start]);
        let after = &rest[start + 1..];
        let found = after.find('@').and_then(|end| Some((end, values.iter().find(|(key, _)| *key == &after[..end])?)));
        match found {
            Some((end, (_, value))) => {
                text.push_str(value);
                rest = &after[end + 1..];
            }
            None => {
                text.push('@');
                rest = after;
            }
        }
    }
    text.push_str(rest);
    text
}
