//! Targets: those of the real distros, then made-up ones, each with a pin of digests that nothing has.
//!
//! Where a pin is wanted that can be built from, `opb update @NAME` replaces that distro's and leaves the others.

use std::collections::BTreeMap;
use std::path::Path;

use opb::digest::Sha256;
use opb::distro::Distro;
use opb::eval::{MemoryFiles, evaluate};
use opb::lock::{DistroPin, Lock, RepositoryPin, SuitePin};
use opb::name::{Arch, DistroName};

use super::Error;
use super::sources::File;
use super::words::fill;

/// Vendors of made-up distros by family.
const VENDORS: [(&str, [&str; 3]); 2] = [("deb", ["mere", "fen", "tarn"]), ("rpm", ["holm", "ness", "voe"])];

/// The distro files, and the lock that pins `targets` targets.
pub fn files(targets: usize) -> Result<Vec<File>, Error> {
    let mut files = real_files()?;
    let mut pins: BTreeMap<DistroName, DistroPin> = BTreeMap::new();
    let mut counts: BTreeMap<&str, usize> = VENDORS.iter().map(|(family, _)| (*family, 0)).collect();
    let mut left = targets;
    for distro in real(&files)? {
        let arches = &distro.arches[..distro.arches.len().min(left)];
        if !arches.is_empty() {
            left -= arches.len();
            *counts.entry(distro.family().as_str()).or_default() += arches.len();
            pins.insert(distro.name.clone(), pin(&distro, arches));
        }
    }
    // One arch each: so there are as many distros as can be, and the least that targets could share.
    let mut made = [0; VENDORS.len()];
    for _ in 0..left {
        let turn = (0..VENDORS.len()).min_by_key(|turn| counts[VENDORS[*turn].0]).expect("there are families");
        let (family, vendors) = VENDORS[turn];
        *counts.entry(family).or_default() += 1;
        let text = made_up(family, vendors[made[turn] % vendors.len()], made[turn] / vendors.len() + 1);
        made[turn] += 1;
        let distro = read(std::slice::from_ref(&text))?.remove(0);
        pins.insert(distro.name.clone(), pin(&distro, &distro.arches));
        files.push(text);
    }
    let lock = Lock { distro: pins, ..Lock::default() };
    let text = toml::to_string(&lock).map_err(|error| Error::Lock(error.to_string()))?;
    files.push(("opb.lock".to_owned(), text));
    Ok(files)
}

/// The files of the distros that come with opb.
fn real_files() -> Result<Vec<File>, Error> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("distros");
    let wrong = |source| Error::File { path: folder.clone(), source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(wrong)? {
        let path = entry.map_err(wrong)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.ends_with(".rhai") {
            let text = std::fs::read_to_string(&path).map_err(|source| Error::File { path: path.clone(), source })?;
            files.push((format!("distros/{name}"), text));
        }
    }
    files.sort();
    Ok(files)
}

/// The real distros, one of each family in turn.
fn real(files: &[File]) -> Result<Vec<Distro>, Error> {
    let mut by_family: BTreeMap<&str, Vec<Distro>> = BTreeMap::new();
    for distro in read(files)? {
        by_family.entry(distro.family().as_str()).or_default().push(distro);
    }
    let longest = by_family.values().map(Vec::len).max().unwrap_or_default();
    let turn = |place| by_family.values().filter_map(move |distros| distros.get(place).cloned());
    Ok((0..longest).flat_map(turn).collect())
}

fn read(files: &[File]) -> Result<Vec<Distro>, Error> {
    let mut files: BTreeMap<String, String> = files.iter().cloned().collect();
    files.insert("recipes/none.rhai".to_owned(), "[]".to_owned());
    match evaluate(&MemoryFiles(files)) {
        Ok(project) => Ok(project.distros.into_values().collect()),
        Err(errors) => Err(Error::Distro(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))),
    }
}

fn made_up(family: &str, vendor: &str, release: usize) -> File {
    let fields = match family {
        "rpm" => RPM_FIELDS,
        _ => DEB_FIELDS,
    };
    let text = format!(
        "// A made-up release.\n#{{\n    family: \"{family}\", vendor: \"@VENDOR@\", release: \"{release}\", suffix: \"@NAME@\",\n    \
         arches: [\"amd64\"], indep_on: \"amd64\",\n{fields}}}\n"
    );
    let name = format!("{vendor}{release}");
    (format!("distros/{vendor}-{release}.rhai"), fill(&text, &[("VENDOR", vendor), ("NAME", &name)]))
}

const DEB_FIELDS: &str = r##"    codename: "@NAME@",
    suites: [
        #{ name: "@NAME@", areas: ["main"] },
        #{ name: "@NAME@-updates", areas: ["main"] },
    ],
    keyring: "@VENDOR@-keyring.gpg",
    base: #{ variant: "buildd", add: [] },
    lifecycle: #{ end: "2038-01-01", archived: false, expired_release_files: "refuse" },
    options: #{ alternatives: "first", recommends: false, rules_need_no_root: false },
"##;

const RPM_FIELDS: &str = r##"    repositories: ["base", "updates"],
    keys: ["RPM-GPG-KEY-@VENDOR@"],
    base: #{
        groups: ["buildsys-build"],
        bootstrap: "two-stage",
        db: #{ backend: "sqlite", path: "/usr/lib/sysimage/rpm" },
        weak: false,
    },
    signing: #{ key: "rsa", digest: "sha256" }, repodata: "zst", payload: "w19.zstdio",
    version: #{ caret: true },
    macros: #{ dist: ".@NAME@" },
    lifecycle: #{ end: "2038-01-01", archived: false },
"##;

fn pin(distro: &Distro, arches: &[Arch]) -> DistroPin {
    let of = |what: &str| Sha256::of(format!("{} {what}", distro.name).as_bytes());
    let index = |paths: Vec<String>, below: &str| -> BTreeMap<String, Sha256> {
        paths.into_iter().map(|path| (path.clone(), of(&format!("{below} {path}")))).collect()
    };
    let suites = distro.deb().map(|deb| deb.suites.as_slice()).unwrap_or_default();
    let suite = suites.iter().map(|suite| {
        let paths = suite.areas.iter().flat_map(|area| {
            let of_arch = |arch: &Arch| format!("{area}/binary-{arch}/Packages.xz");
            arches.iter().map(of_arch).chain([format!("{area}/source/Sources.xz")]).collect::<Vec<_>>()
        });
        let name = suite.name.clone();
        let date = "Thu, 01 Jan 2026 00:00:00 UTC".to_owned();
        SuitePin { release: of(&format!("{name} InRelease")), date, index: index(paths.collect(), &name), name }
    });
    let repositories = distro.rpm().map(|rpm| rpm.repositories.as_slice()).unwrap_or_default();
    let repository =
        repositories.iter().flat_map(|name| arches.iter().map(move |arch| (name, arch))).map(|(name, arch)| {
            let paths = ["primary", "filelists"]
                .map(|kind| format!("repodata/{}-{kind}.xml.gz", of(&format!("{name} {kind}"))));
            RepositoryPin {
                name: name.clone(),
                arch: arch.clone(),
                repomd: of(&format!("{name}/{arch} repomd.xml")),
                revision: "1767225600".to_owned(),
                signed: false,
                index: index(paths.to_vec(), &format!("{name}/{arch}")),
            }
        });
    DistroPin { suite: suite.collect(), repository: repository.collect(), ..DistroPin::default() }
}
