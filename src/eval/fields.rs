//! What the fields of recipes and of distros are for: the words that editors show. What reads them is in `recipe/` and
//! `distro/`; a test holds that each field there is here.

/// A field, as people read of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// A value that it may have, as written.
    pub example: &'static str,
    /// What it is, in one line.
    pub text: &'static str,
}

const fn field(name: &'static str, example: &'static str, text: &'static str) -> Field {
    Field { name, example, text }
}

/// Of recipes: the one that must be there first.
pub const RECIPE: &[Field] = &[
    field("source", "dsc(\"hello\")", "Where the source comes from. The only one that must be there."),
    field("sources", "#{ \"vendored/lib\": path(\"lib\") }", "Further sources, each laid into a folder of the first."),
    field(
        "version",
        "from_tags(\"v*\")",
        "Where its version comes from, for a source in a repository. Without it, its packaging says it.",
    ),
    field("build", "native()", "How packages are made of it. Without it, by the packaging that comes with the source."),
    field(
        "needs",
        "[\"libmd\", pkg(\"help2man (>= 1.40)\")]",
        "What the build needs beyond what the source says: components, packages, capabilities.",
    ),
    field(
        "targets",
        "[\"@debian-*\", \"!@debian-*/i386\"]",
        "Which targets it is built for. Without it, all that `build` makes packages for.",
    ),
    field("env", "#{ V: \"1\" }", "Variables of the build's environment."),
    field("profiles", "[\"nocheck\", \"nodoc\"]", "Build profiles, spelt alike for both families."),
    field("stamp", "[\"version.id\"]", "Files of a local source that get the version written into them."),
    field("patches", "[\"fix.patch\"]", "Patches beside the recipe, applied to the source in this order."),
    field(
        "files",
        "#{ \"etc/extra.conf\": \"extra.conf\" }",
        "Files beside the recipe: the place in the source, and the file that is laid there.",
    ),
    field("area", "\"main\"", "The area of the repository that its packages go to."),
    field(
        "extra_repositories",
        "[\"backports\"]",
        "Extra repositories of the distro that its build may use, beside those that all builds see (`deb`).",
    ),
    field(
        "on",
        "[[\"@debian-13\", #{ profiles: [\"nocheck\"] }]]",
        "Changes for some targets: lines of a pattern and a map of fields. Later lines win.",
    ),
    field("skip", "\"needs 64 bits\"", "A reason not to build it."),
    field(
        "may_fail",
        "\"upstream #77\"",
        "The reason of a known failure: if it fails, the run does not. With `expires`.",
    ),
    field(
        "checks",
        "#{ install: true, own: \"test -e /usr/share\" }",
        "What its packages are checked by once they are built: `lintian`, `rpmlint`, `install`, `autopkgtest`, `own`.",
    ),
    field("expires", "\"2027-01-15\"", "The last day, in UTC, on which `may_fail` holds."),
    field(
        "network",
        "\"its tests ask a public server\"",
        "A reason why its builds have the host's network, which they otherwise have not; results are marked.",
    ),
    field(
        "aliases",
        "#{ \"grace-devel\": \"hello\" }",
        "Further names for what it makes, for those that ask for another one.",
    ),
    field("modules", "#{ \"@el-9/*\": [\"nodejs:18\"] }", "Module streams that its build enables, by target (RPM)."),
    field(
        "stage",
        "#{ profiles: [\"stage1\"] }",
        "How it can be built before what it needs is there: with these profiles.",
    ),
    field("name", "\"example\"", "Its name, where a file has several components."),
];

/// Of distros of both families, then of `deb`, then of `rpm`.
pub const DISTRO: &[Field] = &[
    field("family", "\"deb\"", "How packages are made: `deb` or `rpm`."),
    field("vendor", "\"debian\"", "The distribution: `ID` of its os-release(5)."),
    field("release", "\"12\"", "Its version: `VERSION_ID` there."),
    field(
        "platform",
        "\"el\"",
        "What a family of releases is known by, where that is not the vendor. The file is called after it.",
    ),
    field("suffix", "\"deb12\"", "What versions of packages for it carry."),
    field("arches", "[\"amd64\", \"arm64\"]", "Arches to build for, in Debian's spelling."),
    field("indep_on", "\"amd64\"", "The one of them that makes the arch-independent packages."),
    field(
        "lifecycle",
        "#{ end: \"2028-06-30\", archived: false, expired_release_files: \"refuse\" }",
        "The last day of its support; whether its archive has moved; what to do with release files past their day (`deb`).",
    ),
    field("codename", "\"bookworm\"", "Its code name (`deb`)."),
    field(
        "capabilities",
        "#{ \"pkgconfig(zlib)\": \"zlib1g-dev\" }",
        "Packages that have what recipes need by capability, where no name says so (`deb`).",
    ),
    field(
        "suites",
        "[#{ name: \"bookworm\", areas: [\"main\"] }]",
        "Suites that packages are taken from (`deb`). `security: true` marks that of security updates.",
    ),
    field(
        "extra_repositories",
        "[#{ name: \"backports\", suite: \"bookworm-backports\", areas: [\"main\"], taken: \"when-needed\" }]",
        "Archives beside the suites, for builds that name them or for all (`deb`).",
    ),
    field(
        "keyring",
        "\"debian-archive-keyring.gpg\"",
        "File of the keyring that it signs with, as its keyring package installs it (`deb`).",
    ),
    field("base", "#{ variant: \"buildd\", add: [] }", "What a base root consists of."),
    field(
        "options",
        "#{ alternatives: \"first\", recommends: false, rules_need_no_root: false }",
        "How dependencies are chosen, and whether rules need no root where a source does not say (`deb`).",
    ),
    field("repositories", "[\"baseos\", \"appstream\"]", "Ids of repositories that packages are taken from (`rpm`)."),
    field(
        "source_repositories",
        "[\"baseos-source\", \"appstream-source\"]",
        "Ids of repositories that have the source RPMs of `srpm(\"name\")` (`rpm`).",
    ),
    field("keys", "[\"RPM-GPG-KEY-AlmaLinux-9\"]", "Files of keys that they are signed with (`rpm`)."),
    field("modules", "#{ enable: [], hotfixes: true }", "Module streams that are enabled (`rpm`)."),
    field(
        "signing",
        "#{ key: \"rsa\", digest: \"sha256\" }",
        "What signatures of packages its rpm understands (`rpm`).",
    ),
    field("repodata", "\"gz\"", "How repository metadata are compressed (`rpm`)."),
    field("payload", "\"w19.zstdio\"", "How packages are compressed (`rpm`)."),
    field("version", "#{ caret: true }", "Whether its rpm knows `^` in versions (`rpm`)."),
    field("macros", "#{ dist: \".el9\", rhel: \"9\" }", "What specs ask of the distribution, by name (`rpm`)."),
];

/// Of `target`.
pub const TARGET: &[Field] = &[
    field("name", "\"debian-12/amd64\"", "The target: a distro on an arch."),
    field("distro", "\"debian-12\"", "The distro."),
    field("arch", "\"amd64\"", "The arch, in Debian's spelling."),
    field("family", "\"deb\"", "How packages are made: `deb` or `rpm`."),
    field("vendor", "\"debian\"", "The distribution."),
    field("release", "\"12\"", "Its version."),
    field("codename", "\"bookworm\"", "Its code name; empty where it has none."),
];

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::distro::known::known;
    use crate::eval::{MemoryFiles, distro, engine, evaluate, recipe};

    fn names(fields: &[Field]) -> BTreeSet<&str> {
        let names: BTreeSet<&str> = fields.iter().map(|field| field.name).collect();
        assert_eq!(names.len(), fields.len(), "a name stands twice");
        names
    }

    #[test]
    fn each_field_is_documented_and_each_documented_one_is_there() {
        assert_eq!(names(RECIPE), recipe::FIELDS.into_iter().collect());
        assert_eq!(names(DISTRO), distro::all_fields());
        assert_eq!(names(TARGET), engine::TARGET_FACTS.into_iter().collect());
    }

    /// Evaluates `recipe` with what its examples speak of.
    fn evaluates(recipe: &str) {
        let mut files: BTreeMap<String, String> = ["debian-12", "debian-13", "el-9"]
            .into_iter()
            .map(|name| (format!("distros/{name}.rhai"), known(name).expect("known").to_owned()))
            .collect();
        files.insert("recipes/libmd.rhai".to_owned(), "#{ source: dsc(\"libmd\") }".to_owned());
        files.insert("recipes/example.rhai".to_owned(), recipe.to_owned());
        files.insert("recipes/example/fix.patch".to_owned(), "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n".to_owned());
        files.insert("recipes/example/extra.conf".to_owned(), "x\n".to_owned());
        if let Err(errors) = evaluate(&MemoryFiles(files)) {
            panic!("{recipe}: {:?}", miette::Report::new(errors));
        }
    }

    #[test]
    fn examples_of_fields_evaluate() {
        for Field { name, example, .. } in RECIPE {
            let with = match *name {
                "source" => String::new(),
                "version" => "source: git(\"https://example.org/tool.git\"), ".to_owned(),
                "stamp" => "source: path(\"tool\"), ".to_owned(),
                "may_fail" => "source: dsc(\"hello\"), expires: \"2027-01-15\", ".to_owned(),
                "extra_repositories" => "source: dsc(\"hello\"), targets: [\"@debian-12\"], ".to_owned(),
                "expires" => "source: dsc(\"hello\"), may_fail: \"x\", ".to_owned(),
                _ => "source: path(\"tool\"), ".to_owned(),
            };
            evaluates(&format!("#{{ {with}{name}: {example} }}"));
        }
        for Field { name, example, .. } in TARGET {
            evaluates(&format!(
                "#{{ source: dsc(\"hello\"), env: if target.{name} == {example} {{ #{{ V: \"1\" }} }} else {{ #{{}} }} }}"
            ));
        }
    }

    #[test]
    fn examples_of_functions_evaluate() {
        for function in crate::eval::functions::FUNCTIONS {
            evaluates(&format!("let made = {};\n#{{ source: dsc(\"hello\") }}", function.example));
        }
    }

    #[test]
    fn examples_of_distros_are_their_own_files() {
        for Field { name, example, .. } in DISTRO {
            let said =
                ["debian-12", "el-9"].into_iter().filter_map(known).any(|text| text.contains(&format!("{name}: ")));
            assert!(said && !example.is_empty(), "{name}");
        }
    }
}
