//! What the functions of recipes are for: the words that editors, help and error messages show.
//!
//! `api.rs` makes them; a test holds that each one of either is one of the other. A function that can be called in
//! several ways has one entry, with all ways.

/// A function of recipes, as people read of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// A call of it that works.
    pub example: &'static str,
    /// The ways to call it, each as in a definition file of Rhai: `pkg(relation: String) -> Package`.
    pub signatures: &'static [&'static str],
    /// What it is, in a few lines. The first is one sentence.
    pub text: &'static str,
}

/// All of them, those for sources first.
pub const FUNCTIONS: &[Function] = &[
    Function {
        name: "dsc",
        example: "dsc(\"libmd\")",
        signatures: &["dsc(name: String) -> Source"],
        text: "A source package of the distro itself.\n\nEach distro has its own version of it: the one in its package \
               index, pinned in `opb.lock` by `opb update`.",
    },
    Function {
        name: "path",
        example: "path(\"folder\")",
        signatures: &["path(folder: String) -> Source"],
        text: "A folder of the project that has packaging in it.\n\nThe path is relative to the project's root; \
               `path(\".\")` is the root itself, without what belongs to opb there. What `.gitignore` files name is left \
               out. Its content is its identity, so there is no pin to move.",
    },
    Function {
        name: "git",
        example: "git(\"https://example.org/tool.git\", #{ branch: \"main\" })",
        signatures: &["git(url: String) -> Source", "git(url: String, options: Map) -> Source"],
        text: "A commit of a git repository.\n\nThe address is a whole one, or a short name below `base` of \
               `[sources.git]` in `opb.toml`. One of `branch`, `tag` (a name, or a pattern as in `\"v1.*\"`) and `commit` \
               says what is followed; without any it is the repository's own branch. `submodules: true` takes the files \
               of submodules too, `folder` a part of the repository. Which commit it is stands in `opb.lock`, where \
               `opb update` writes it.",
    },
    Function {
        name: "hg",
        example: "hg(\"https://example.org/tool\", #{ branch: \"default\" })",
        signatures: &["hg(url: String) -> Source", "hg(url: String, options: Map) -> Source"],
        text: "A commit of a Mercurial repository.\n\nThe address is a whole one, or a short name below `base` of \
               `[sources.hg]` in `opb.toml`. Options are those of `git`, but for `submodules`; without a branch, tag or \
               commit the branch `default` is followed.",
    },
    Function {
        name: "archive",
        example: "archive(\"https://example.org/tool-1.0.tar.xz\", #{ signature: true, keys: [\"tool.asc\"] })",
        signatures: &["archive(url: String) -> Source", "archive(url: String, options: Map) -> Source"],
        text: "An archive of upstream: tar, compressed or not, or zip.\n\nThe address is a whole one, a file of the project \
               (`\"./upstream/tool-1.0.tar.xz\"`), or a short name below `base` of `[sources.archive]` in `opb.toml`. \
               `sha256` is the digest that is expected; without it, it is the one that `opb update` saw and wrote into \
               `opb.lock`. `signature` is the address of its signature (`true`: beside it), `keys` the files beside the \
               recipe with the keys that may have made it. `folder` takes a part of it, `strip` says which leading folder \
               is left out.",
    },
    Function {
        name: "srpm",
        example: "srpm(\"https://example.org/tool-1.0-1.src.rpm\")",
        signatures: &[
            "srpm(name: String) -> Source",
            "srpm(url: String) -> Source",
            "srpm(url: String, options: Map) -> Source",
        ],
        text: "A source RPM: its spec and its sources.\n\nA plain name, as in `srpm(\"hello\")`, is the distro's own source \
               RPM of that name, from its `source_repositories`; its version stands in `opb.lock`, where `opb update` writes \
               it. Address and `sha256` are as for `archive`; `keys` are the files beside the recipe with the keys of which \
               one must have signed the package.",
    },
    Function {
        name: "from_tags",
        example: "from_tags(\"v*\")",
        signatures: &["from_tags(pattern: String) -> Version", "from_tags(pattern: String, options: Map) -> Version"],
        text: "A version that comes from the tags of the source's repository.\n\nIn the pattern `*` stands for the version. \
               At such a tag it is the tag's; behind one, the commits since are counted: `1.2+git5.abcdef0`. The option \
               `replace` is a map of texts in tags and what stands for them in versions, as in `#{ replace: #{ \"_\": \".\" } }`.",
    },
    Function {
        name: "native",
        example: "native()",
        signatures: &["native() -> Build"],
        text: "Builds with the packaging that comes with the source.\n\nThis is also what a recipe without `build` does.",
    },
    Function {
        name: "debian",
        example: "debian(\"packaging/debian\")",
        signatures: &["debian() -> Build", "debian(folder: String) -> Build"],
        text: "Builds `.deb` packages with a folder of Debian packaging.\n\nThe folder is relative to the source's root; \
               without one it is `debian/`.",
    },
    Function {
        name: "spec",
        example: "spec(\"rpm/tool.spec\", #{ bcond: [\"-docs\"] })",
        signatures: &[
            "spec() -> Build",
            "spec(file: String) -> Build",
            "spec(switches: Map) -> Build",
            "spec(file: String, switches: Map) -> Build",
        ],
        text: "Builds `.rpm` packages with a spec.\n\nThe file is relative to the source's root; without one it is the \
               only `rpm/*.spec`. Switches are `bcond`, a list of conditions to turn on (`\"+tests\"`) or off \
               (`\"-docs\"`), and `define`, a map of macros.",
    },
    Function {
        name: "pkg",
        example: "pkg(\"help2man (>= 1.40)\")",
        signatures: &["pkg(relation: String) -> Package"],
        text: "A package of the distro, for `needs`.\n\nOne package with an optional version, as in a `Build-Depends` \
               field, without alternatives.",
    },
    Function {
        name: "pkgconfig",
        example: "pkgconfig(\"libmd\", \">= 1.1\")",
        signatures: &["pkgconfig(name: String) -> Package", "pkgconfig(name: String, version: String) -> Package"],
        text: "Whatever package has this `.pc` file, for `needs`.",
    },
    Function {
        name: "tool",
        example: "tool(\"help2man\")",
        signatures: &["tool(name: String) -> Package", "tool(name: String, version: String) -> Package"],
        text: "Whatever package has this program in `/usr/bin`, for `needs`.",
    },
    Function {
        name: "cmake",
        example: "cmake(\"Qt6Core\")",
        signatures: &["cmake(name: String) -> Package", "cmake(name: String, version: String) -> Package"],
        text: "Whatever package lets CMake find this, for `needs`.",
    },
    Function {
        name: "python",
        example: "python(\"yaml\")",
        signatures: &["python(name: String) -> Package", "python(name: String, version: String) -> Package"],
        text: "Whatever package has this Python distribution, for `needs`.",
    },
    Function {
        name: "perl",
        example: "perl(\"Text::Template\")",
        signatures: &["perl(name: String) -> Package", "perl(name: String, version: String) -> Package"],
        text: "Whatever package has this Perl module, for `needs`.",
    },
    Function {
        name: "probe",
        example: "probe(\"gcc -dumpversion\")",
        signatures: &["probe(command: String) -> Probe", "probe(target: Target, command: String) -> Probe"],
        text: "What a command says in the base root of the target, for `env`.\n\nIt is not known while recipes run: it \
               can be joined with text, but nothing can be decided on it.",
    },
    Function {
        name: "numbers",
        example: "numbers(1, 9)",
        signatures: &["numbers(first: int, last: int) -> Array"],
        text: "A list of the whole numbers from one to another, both included.",
    },
    Function {
        name: "table",
        example: "table([\"amd64\", \"arm64\"], |arch| \"for \" + arch)",
        signatures: &["table(keys: Array, value: Fn) -> Map"],
        text: "A map with these keys, each with what the closure gives for it.",
    },
];

/// The function `name`.
pub fn function(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Names that `api.rs` registers, but for those that it registers to refuse them.
    fn registered() -> BTreeSet<&'static str> {
        let text = include_str!("api.rs");
        let names = text
            .split("register_fn(")
            .skip(1)
            .filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next());
        names.filter(|name| !["sleep", "timestamp"].contains(name)).collect()
    }

    #[test]
    fn each_function_is_documented_and_each_documented_one_is_there() {
        let documented: BTreeSet<&str> = FUNCTIONS.iter().map(|function| function.name).collect();
        assert_eq!(registered(), documented, "functions of api.rs (left), of the table in functions.rs (right)");
        assert_eq!(documented.len(), FUNCTIONS.len(), "a name stands twice");
    }

    #[test]
    fn each_is_whole() {
        for Function { name, example, signatures, text } in FUNCTIONS {
            assert!(example.starts_with(&format!("{name}(")), "{name}: {example}");
            assert!(
                !signatures.is_empty() && text.split('\n').next().is_some_and(|line| line.ends_with('.')),
                "{name}"
            );
            for signature in *signatures {
                assert!(signature.starts_with(&format!("{name}(")) && signature.contains(") -> "), "{signature}");
            }
        }
    }
}
