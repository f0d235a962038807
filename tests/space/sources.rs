//! Tiny sources: packages of a few bytes whose `debian/rules` needs nothing beyond the base root.

use super::Space;

/// A source whose packages each hold what a few lines of shell put there.
pub struct Tiny<'a> {
    /// The source's name; the folder is called the same. `-TAG` is added.
    pub name: &'a str,
    /// `3.0 (quilt)` or `3.0 (native)`.
    pub format: &'a str,
    /// Its version, without a suffix.
    pub version: &'a str,
    /// More fields of the source's stanza, each with its newline.
    pub fields: &'a str,
    /// Its packages: name (`-TAG` is added) and arch.
    pub packages: &'a [(&'a str, &'a str)],
    /// Shell lines that fill the folder `$d` of each package, `$p`.
    pub fill: &'a str,
}

impl Tiny<'_> {
    /// One package of the source's name, for all arches.
    pub const PLAIN: Self = Self {
        name: "a",
        format: "3.0 (quilt)",
        version: "1.0-1",
        fields: "Rules-Requires-Root: no\n",
        packages: &[],
        fill: "printf '%s\\n' \"${X-}\" > $d/x",
    };

    /// Writes it into the folder `<name>` of the project.
    pub fn put(&self, space: &Space) {
        let Self { name, format, version, fields, fill, .. } = self;
        let one = [(*name, "all")];
        let packages = if self.packages.is_empty() { &one[..] } else { self.packages };
        let mut control = format!(
            "Source: {name}-TAG\nSection: misc\nPriority: optional\nMaintainer: opb <opb@localhost>\n\
             Standards-Version: 4.6.2\n{fields}"
        );
        let (mut any, mut all) = (String::new(), String::new());
        for (package, arch) in packages {
            control.push_str(&format!(
                "\nPackage: {package}-TAG\nArchitecture: {arch}\nDepends: ${{misc:Depends}}\n\
                 Description: of a test\n A few bytes.\n"
            ));
            let target = if *arch == "all" { &mut all } else { &mut any };
            target.push_str(&format!("\tsh debian/pack {package}-TAG\n"));
        }
        let file = |path: &str, text: &str| space.write(&format!("{name}/{path}"), text);
        file("debian/control", &control);
        file("debian/source/format", &format!("{format}\n"));
        file(
            "debian/changelog",
            &format!(
                "{name}-TAG ({version}) unstable; urgency=low\n\n  * First.\n\n \
                 -- opb <opb@localhost>  Thu, 01 Oct 2026 12:00:00 +0000\n"
            ),
        );
        file(
            "debian/rules",
            &format!(
                "#!/usr/bin/make -f\nbuild build-arch build-indep clean:\nbinary: binary-arch binary-indep\n\
                 binary-arch:\n{any}\nbinary-indep:\n{all}\n"
            ),
        );
        file(
            "debian/pack",
            &format!(
                "set -eu\np=$1\nrm -rf debian/$p\nd=debian/$p/usr/share/$p\nmkdir -p debian/$p/DEBIAN $d\n{fill}\n\
                 echo misc:Depends= > debian/$p.substvars\ndpkg-gencontrol -p$p -Pdebian/$p\n\
                 dpkg-deb --root-owner-group --build debian/$p ..\n"
            ),
        );
        file("README", "A source of a test.\n");
    }

    /// Writes it, and a recipe with these further fields.
    pub fn with_recipe(&self, space: &Space, fields: &str) {
        self.put(space);
        space.recipe(self.name, &format!("#{{ source: path(\"{}\"), {fields} }}\n", self.name));
    }
}

/// `line` with durations as `TIME`, instants as `DATE` and digests as `DIGEST`.
pub fn without_times(line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    let number = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_digit() || c == '.');
    let unit = |word: &str| ["ms", "s", "min", "h"].contains(&word.trim_end_matches([')', ',']));
    let mut shown: Vec<String> = Vec::new();
    let mut at = 0;
    while let Some(word) = words.get(at) {
        let plain = word.trim_start_matches('(');
        let open = &word[..word.len() - plain.len()];
        if number(plain) && words.get(at + 1).is_some_and(|next| unit(next)) {
            let mut end = words[at + 1];
            at += 2;
            // `1 min 5 s` is one duration.
            while words.get(at).is_some_and(|word| number(word)) && words.get(at + 1).is_some_and(|next| unit(next)) {
                end = words[at + 1];
                at += 2;
            }
            shown.push(format!("{open}TIME{}", &end[end.trim_end_matches([')', ',']).len()..]));
            continue;
        }
        let bytes = plain.as_bytes();
        // The run that made something: `…, run 20250111-100000`. Only the newest records are looked at, and other tests
        // write theirs into the same store meanwhile, so it is left out where it is told.
        let is_run = plain == "run" && words.get(at + 1).is_some_and(|next| next.as_bytes().get(8) == Some(&b'-'));
        if is_run && let Some(before) = shown.last_mut() {
            before.truncate(before.trim_end_matches(',').len());
            at += 2;
            continue;
        }
        let instant = bytes.len() >= 20 && bytes[4] == b'-' && bytes[10] == b'T';
        shown.push(match plain.find('Z') {
            Some(end) if instant => format!("{open}DATE{}", &plain[end + 1..]),
            _ => without_digests(word),
        });
        at += 1;
    }
    shown.join(" ")
}

/// `word` with each run of sixteen or more hexadecimal digits as `DIGEST`.
fn without_digests(word: &str) -> String {
    let mut shown = String::new();
    let mut rest = word;
    while !rest.is_empty() {
        let run = rest.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(rest.len());
        shown.push_str(if run >= 16 { "DIGEST" } else { &rest[..run] });
        let other = rest[run..].find(|c: char| c.is_ascii_hexdigit()).map_or(rest.len(), |at| run + at);
        shown.push_str(&rest[run..other]);
        rest = &rest[other..];
    }
    shown
}
