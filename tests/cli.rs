//! The program as people meet it: what it prints where, with which exit code, in projects made for the occasion.
//!
//! No test here needs a network or a chroot. Pins are made up: evaluation, plans and messages do not look behind them.

#[path = "cli/archives.rs"]
mod archives;
#[path = "cli/arguments.rs"]
mod arguments;
#[path = "cli/cache.rs"]
mod cache;
#[path = "cli/check.rs"]
mod check;
#[path = "cli/checkouts.rs"]
mod checkouts;
#[path = "cli/checkouts_hg.rs"]
mod checkouts_hg;
#[path = "cli/checks.rs"]
mod checks;
#[path = "cli/completion.rs"]
mod completion;
#[path = "space/schema.rs"]
mod conforming;
#[path = "space/dated.rs"]
mod dated;
#[path = "cli/diff.rs"]
mod diff;
#[path = "cli/doctor.rs"]
mod doctor;
#[path = "cli/eval.rs"]
mod eval;
#[path = "cli/events.rs"]
mod events;
#[path = "cli/exceptions.rs"]
mod exceptions;
#[path = "cli/fetch.rs"]
mod fetch;
#[path = "cli/foreign.rs"]
mod foreign;
#[path = "cli/help.rs"]
mod help;
#[path = "cli/hermetic.rs"]
mod hermetic;
#[path = "cli/import.rs"]
mod import;
#[path = "cli/init.rs"]
mod init;
#[path = "cli/key.rs"]
mod key;
#[path = "cli/key_import.rs"]
mod key_import;
#[path = "cli/key_passphrase.rs"]
mod key_passphrase;
#[path = "cli/key_rotation.rs"]
mod key_rotation;
#[path = "cli/key_status.rs"]
mod key_status;
#[path = "cli/local.rs"]
mod local;
#[path = "cli/needs.rs"]
mod needs;
#[path = "cli/new.rs"]
mod new;
#[path = "cli/nightly.rs"]
mod nightly;
#[path = "cli/picture.rs"]
mod picture;
#[path = "cli/plan.rs"]
mod plan;
#[path = "cli/project.rs"]
mod project;
#[path = "cli/query.rs"]
mod query;
#[path = "cli/recipe.rs"]
mod recipe;
#[path = "cli/repo_check.rs"]
mod repo_check;
#[path = "cli/repo_import.rs"]
mod repo_import;
#[path = "cli/repo_import_refused.rs"]
mod repo_import_refused;
#[path = "cli/repo_import_verified.rs"]
mod repo_import_verified;
#[path = "cli/report.rs"]
mod report;
#[path = "cli/report_nightly.rs"]
mod report_nightly;
#[path = "cli/rpm.rs"]
mod rpm;
#[path = "cli/run.rs"]
mod run;
#[path = "cli/runs.rs"]
mod runs;
#[path = "cli/schema.rs"]
mod schema;
#[path = "cli/select.rs"]
mod select;
#[path = "space/serve.rs"]
mod serve;
#[path = "cli/shell.rs"]
mod shell;
#[path = "cli/since.rs"]
mod since;
#[path = "cli/smart_http.rs"]
mod smart_http;
#[path = "cli/store.rs"]
mod store;
#[path = "cli/store_clones.rs"]
mod store_clones;
#[path = "cli/timings.rs"]
mod timings;
#[path = "cli/update.rs"]
mod update;
#[path = "cli/versions.rs"]
mod versions;
#[path = "cli/why.rs"]
mod why;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use opb::digest::{Digest, Sha256};
use opb::lock::{BinaryFacts, DistroPin, DscPin, Lock, PinnedFile, SourceFacts, SuitePin};

/// A release that no machine runs and no mirror has.
const MIRAGE: &str = r#"#{
    family: "deb", vendor: "mirage", release: "1", codename: "oasis", suffix: "mir1",
    arches: ["amd64", "arm64"], indep_on: "amd64",
    suites: [#{ name: "oasis", areas: ["main"] }],
    keyring: "mirage-keyring.gpg",
    base: #{ variant: "buildd", add: [] },
    lifecycle: #{ end: "2030-01-01", archived: false, expired_release_files: "refuse" },
    options: #{ alternatives: "first", recommends: false, rules_need_no_root: false },
}
"#;

/// Binary packages: name, `Architecture`, `Depends`.
type Binaries<'a> = &'a [(&'a str, &'a str, &'a str)];

/// A project in a folder of its own, with a home of its own.
struct Space {
    folder: tempfile::TempDir,
    lock: Lock,
}

impl Space {
    /// A project with one distro and nothing else.
    fn bare() -> Self {
        let space = Self { folder: tempfile::tempdir().expect("made"), lock: Lock::default() };
        space.file("distros/mirage-1.rhai", MIRAGE);
        fs::create_dir_all(space.path("recipes")).expect("made");
        fs::create_dir_all(space.folder.path().join("home")).expect("made");
        space
    }

    /// The same with `mirage-1/amd64` pinned.
    fn pinned() -> Self {
        let mut space = Self::bare();
        space.pin("mirage-1", "oasis", &["amd64"]);
        space
    }

    /// libbsd, which needs libmd, both pinned.
    fn two() -> Self {
        let mut space = Self::pinned();
        space.file("recipes/libmd.rhai", "#{ source: dsc(\"libmd\") }\n");
        space.file("recipes/libbsd.rhai", "#{ source: dsc(\"libbsd\") }\n");
        space.dsc(
            "libmd",
            "debhelper-compat (= 13)",
            &[("libmd0", "any", "${shlibs:Depends}"), ("libmd-dev", "any", "libmd0")],
        );
        space.dsc("libbsd", "debhelper-compat (= 13), libmd-dev (>= 1.0)", &[("libbsd0", "any", "${shlibs:Depends}")]);
        space
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join("project").join(path)
    }

    fn file(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    }

    fn pin(&mut self, distro: &str, suite: &str, arches: &[&str]) {
        let places = arches.iter().map(|arch| format!("main/binary-{arch}/Packages.xz"));
        let index = places.chain(["main/source/Sources.xz".to_owned()]);
        let suite = SuitePin {
            name: suite.to_owned(),
            release: Sha256::of(distro.as_bytes()),
            date: "Sat, 11 Jan 2025 10:00:00 UTC".to_owned(),
            index: index.map(|place| (place.clone(), Sha256::of(place.as_bytes()))).collect(),
        };
        self.lock
            .distro
            .insert(distro.parse().expect("a name"), DistroPin { suite: vec![suite], ..DistroPin::default() });
        self.write_lock();
    }

    fn dsc(&mut self, source: &str, build_depends: &str, binaries: Binaries<'_>) {
        let file = PinnedFile { size: 1_000, sha256: Sha256::of(source.as_bytes()) };
        let pin = DscPin {
            suite: "oasis".to_owned(),
            directory: format!("pool/main/l/{source}"),
            tree: Digest::of(source.as_bytes()),
            files: BTreeMap::from([(format!("{source}_1.0-1.dsc"), file)]),
            facts: facts(source, build_depends, binaries),
        };
        let distro = self.lock.dsc.entry("mirage-1".parse().expect("a name")).or_default();
        distro.insert(source.parse().expect("a name"), pin);
        self.write_lock();
    }

    fn write_lock(&self) {
        self.file("opb.lock", &toml::to_string(&self.lock).expect("written"));
    }

    /// A folder with packaging.
    fn source(&self, folder: &str, control: &str) {
        self.file(&format!("{folder}/debian/control"), control);
        let entry = "logax (1.2-3) unstable; urgency=medium\n\n  * New.\n\n \
                     -- A Packager <packager@example.org>  Sat, 11 Jan 2025 10:00:00 +0000\n";
        self.file(&format!("{folder}/debian/changelog"), entry);
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_opb"));
        let path = std::env::var_os("PATH").unwrap_or_default();
        command.args(args).env_clear().env("PATH", path).env("COLUMNS", "200");
        command.env("HOME", self.folder.path().join("home")).current_dir(self.path("."));
        command.stdin(Stdio::null());
        command
    }

    /// What a person sees of a run: the exit code, stdout, stderr.
    fn seen(&self, args: &[&str]) -> String {
        self.seen_of(&mut self.command(args))
    }

    fn seen_of(&self, command: &mut Command) -> String {
        let output = command.output().expect("runs");
        let mut seen = output.status.code().map_or("killed\n".to_owned(), |code| format!("exit {code}\n"));
        for (name, bytes) in [("stdout", output.stdout), ("stderr", output.stderr)] {
            let text = String::from_utf8(bytes).expect("text");
            if !text.is_empty() {
                let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
                seen += &format!("--- {name}\n{}\n", lines.join("\n"));
            }
        }
        redacted(&seen, self.folder.path())
    }

    /// The standard output of a run that must succeed.
    fn stdout(&self, args: &[&str]) -> String {
        let output = self.command(args).output().expect("runs");
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    }

    /// Standard output that is JSON.
    fn json(&self, args: &[&str]) -> serde_json::Value {
        serde_json::from_str(&self.stdout(args)).expect("JSON")
    }
}

fn facts(source: &str, build_depends: &str, binaries: Binaries<'_>) -> SourceFacts {
    let binary = |(name, architecture, depends): &(&str, &str, &str)| {
        let facts = BinaryFacts {
            architecture: (*architecture).to_owned(),
            package_type: None,
            depends: (*depends).to_owned(),
            provides: String::new(),
            profiles: String::new(),
        };
        (name.parse().expect("a name"), facts)
    };
    SourceFacts {
        source: source.parse().expect("a name"),
        version: "1.0-1".to_owned(),
        distribution: "unstable".to_owned(),
        date: 1_736_589_600,
        format: "3.0 (quilt)".to_owned(),
        rules_requires_root: Some("no".to_owned()),
        build_depends: build_depends.to_owned(),
        build_depends_arch: String::new(),
        build_depends_indep: String::new(),
        build_conflicts: String::new(),
        binaries: binaries.iter().map(binary).collect(),
    }
}

/// What differs from run to run made the same: the folder, digests, durations.
fn redacted(text: &str, folder: &Path) -> String {
    let mut text = text.to_owned();
    for folder in [fs::canonicalize(folder).expect("there").as_path(), folder] {
        text = text.replace(&folder.display().to_string(), "[HERE]");
    }
    let mut redacted = String::new();
    let mut word = String::new();
    for c in text.chars().chain(['\0']) {
        if c.is_ascii_hexdigit() {
            word.push(c);
            continue;
        }
        redacted.push_str(if word.len() == 64 || word.len() == 40 { "[DIGEST]" } else { &word });
        word.clear();
        if c != '\0' {
            redacted.push(c);
        }
    }
    redacted
}
