//! Source RPMs in the `primary` of a source repository: their names, and the newest of those that are wanted.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use super::modules::Modules;
use super::xml::{Piece, read as read_xml};
use super::{MAX_PACKAGES, RepodataError, place, wrong};
use crate::digest::Sha256;
use crate::name::PackageName;
use crate::package::rpm_version::Evr;

/// A source RPM, as a repository's index names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRpm {
    /// Its epoch, version and release.
    pub evr: Evr,
    /// Whether it is one without sources (`nosrc`), of which nothing can be built.
    pub without_sources: bool,
    /// Whether it is of an enabled stream of a module, which comes before all that are of none.
    pub of_stream: bool,
    /// Its SHA-256.
    pub sha256: Sha256,
    /// Its length in bytes.
    pub size: u64,
    /// Its place below the repository.
    pub path: String,
}

impl SourceRpm {
    /// Which of two is taken: the greater.
    pub fn order(&self, other: &Self) -> Ordering {
        self.of_stream.cmp(&other.of_stream).then_with(|| self.evr.order(&other.evr))
    }
}

/// What a source repository has.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SourceRpms {
    /// The names of all source RPMs. What has a name that is none is left out.
    pub names: BTreeSet<PackageName>,
    /// Of each that was wanted and is there, the one that is taken.
    pub newest: BTreeMap<PackageName, SourceRpm>,
    /// Streams of modules that have some of those that were wanted and are not enabled, by name.
    pub in_streams: BTreeMap<PackageName, BTreeSet<String>>,
}

/// The source RPMs of a `primary.xml`, with the newest of each of `wanted`. Those of streams of modules that are not enabled do not
/// count.
///
/// # Errors
/// [`RepodataError`]: no XML, more than [`MAX_PACKAGES`], or one of the wanted whose version, digest, size or place is missing or
/// wrong.
pub fn read(text: &str, wanted: &BTreeSet<PackageName>, modules: &Modules) -> Result<SourceRpms, RepodataError> {
    let mut found = SourceRpms::default();
    let mut value = String::new();
    let (mut depth, mut count) = (0_usize, 0_usize);
    let mut is_repository = false;
    let mut seen = Seen::default();
    read_xml(text, &mut |piece| {
        match piece {
            Piece::Open(element) => {
                depth += 1;
                value.clear();
                let attribute = |name: &str| -> Result<String, RepodataError> {
                    Ok(element.attribute(name)?.unwrap_or_default().into_owned())
                };
                match (depth, element.name) {
                    (1, "metadata") => is_repository = true,
                    (2, "package") => {
                        seen = Seen::default();
                        count += 1;
                        if count > MAX_PACKAGES {
                            return Err(RepodataError::Many);
                        }
                    }
                    (3, "version") => {
                        seen.version = ["epoch", "ver", "rel"].map(&attribute).into_iter().collect::<Result<_, _>>()?;
                    }
                    (3, "checksum") => seen.kind = attribute("type")?,
                    (3, "size") => seen.size = attribute("package")?,
                    (3, "location") => seen.place = attribute("href")?,
                    _ => {}
                }
            }
            Piece::Text(text) => value.push_str(text),
            Piece::Close(closed) => {
                match (depth, closed) {
                    (3, "name") => value.trim().clone_into(&mut seen.name),
                    (3, "arch") => value.trim().clone_into(&mut seen.arch),
                    (3, "checksum") => value.trim().clone_into(&mut seen.digest),
                    (2, "package") => seen.enter(&mut found, wanted, modules)?,
                    _ => {}
                }
                depth -= 1;
                value.clear();
            }
        }
        Ok(())
    })?;
    if is_repository { Ok(found) } else { Err(RepodataError::Missing { what: "element `metadata`".to_owned() }) }
}

/// What of a package has been seen so far.
#[derive(Default)]
struct Seen {
    name: String,
    arch: String,
    /// Epoch, version, release.
    version: Vec<String>,
    /// The kind of its digest.
    kind: String,
    digest: String,
    size: String,
    place: String,
}

impl Seen {
    fn enter(
        &self,
        found: &mut SourceRpms,
        wanted: &BTreeSet<PackageName>,
        modules: &Modules,
    ) -> Result<(), RepodataError> {
        let Ok(name) = PackageName::new(&*self.name) else { return Ok(()) };
        if !["src", "nosrc"].contains(&self.arch.as_str()) {
            return Ok(());
        }
        if wanted.contains(&name) {
            let one = self.source_rpm()?;
            // Modules list what they are made of as `src`, whatever it is.
            match modules.of(&self.name, &one.evr, "src") {
                Some(stream) if !stream.is_enabled => {
                    found.in_streams.entry(name.clone()).or_default().insert(stream.name.clone());
                }
                stream => {
                    let one = SourceRpm { of_stream: stream.is_some(), ..one };
                    let known = found.newest.get(&name);
                    if known.is_none_or(|known| one.order(known) == Ordering::Greater) {
                        found.newest.insert(name.clone(), one);
                    }
                }
            }
        }
        found.names.insert(name);
        Ok(())
    }

    fn source_rpm(&self) -> Result<SourceRpm, RepodataError> {
        let [epoch, version, release] = self.version.as_slice() else {
            return Err(RepodataError::Missing { what: format!("version of the package `{}`", self.name) });
        };
        let epoch = if ["", "0"].contains(&epoch.as_str()) { String::new() } else { format!("{epoch}:") };
        let text = format!("{epoch}{version}-{release}");
        let evr = Evr::new(&text).map_err(|_| wrong("package's version", &text, "is none"))?;
        let path = place("package's place", &self.place)?;
        let digest = self.digest.parse().ok().filter(|_| self.kind == "sha256");
        Ok(SourceRpm {
            evr,
            // createrepo_c calls the arch of all of them `src`.
            without_sources: self.arch == "nosrc" || path.ends_with(".nosrc.rpm"),
            of_stream: false,
            sha256: digest.ok_or_else(|| wrong("package's digest", &self.digest, "is no SHA-256"))?,
            size: self.size.parse().map_err(|_| wrong("package's size", &self.size, "is no number"))?,
            path,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, version: &str, arch: &str) -> String {
        let (version, release) = version.split_once('-').expect("a release");
        let (epoch, version) = version.split_once(':').unwrap_or(("0", version));
        let sha256 = Sha256::of(format!("{name}{version}{release}").as_bytes());
        format!(
            "<package type=\"rpm\"><name>{name}</name><arch>{arch}</arch>\
             <version epoch=\"{epoch}\" ver=\"{version}\" rel=\"{release}\"/>\
             <checksum type=\"sha256\" pkgid=\"YES\">{sha256}</checksum><summary>{name}</summary>\
             <size package=\"12\" installed=\"3\" archive=\"4\"/><location href=\"{name}-{version}-{release}.{arch}.rpm\"/>\
             <format><rpm:requires><rpm:entry name=\"make\"/></rpm:requires></format></package>"
        )
    }

    fn primary(packages: &[String]) -> String {
        format!("<?xml version=\"1.0\"?>\n<metadata packages=\"1\">\n{}</metadata>\n", packages.concat())
    }

    fn names(all: &[&str]) -> BTreeSet<PackageName> {
        all.iter().map(|name| name.parse().expect("a name")).collect()
    }

    fn found(text: &str, name: &str) -> Result<Option<String>, String> {
        let read = read(text, &names(&[name]), &Modules::default()).map_err(|error| error.to_string())?;
        Ok(read.newest.get(name).map(|one| format!("{} {}", one.evr, one.path)))
    }

    #[test]
    fn the_newest_by_rpms_order_is_found() {
        let text = primary(&[
            package("hello", "2.9-1", "src"),
            package("hello", "2.10-1", "src"),
            package("hello", "2.10~rc1-7", "src"),
            package("other", "1:1-1", "src"),
            package("other", "7-1", "src"),
            package("hello", "9-1", "x86_64"),
        ]);
        assert_eq!(found(&text, "hello"), Ok(Some("2.10-1 hello-2.10-1.src.rpm".to_owned())));
        assert_eq!(found(&text, "other"), Ok(Some("1:1-1 other-1-1.src.rpm".to_owned())));
        assert_eq!(found(&text, "none"), Ok(None));
        let all = read(&text, &BTreeSet::new(), &Modules::default()).expect("fine");
        assert_eq!((all.names, all.newest.len()), (names(&["hello", "other"]), 0));
    }

    #[test]
    fn one_without_sources_is_told() {
        let without = |text: &str| {
            let read = read(text, &names(&["blob"]), &Modules::default()).expect("fine");
            read.newest["blob"].without_sources
        };
        assert!(without(&primary(&[package("blob", "1-1", "src"), package("blob", "2-1", "nosrc")])));
        assert!(without(&primary(&[package("blob", "1-1", "nosrc").replace("<arch>nosrc", "<arch>src")])));
        assert!(!without(&primary(&[package("blob", "3-1", "src"), package("blob", "2-1", "nosrc")])));
    }

    #[test]
    fn streams_of_modules_come_first_where_they_are_enabled_and_else_not_at_all() {
        let text = primary(&[
            package("nodejs", "18-1.module_mr1", "src"),
            package("nodejs", "20-1.module_mr1", "src"),
            package("nodejs", "22-1", "src"),
        ]);
        let document = |stream: &str| {
            format!(
                "---\ndocument: modulemd\nversion: 2\ndata:\n  name: nodejs\n  stream: \"{stream}\"\n  artifacts:\n    rpms:\n    - nodejs-0:{stream}-1.module_mr1.src\n"
            )
        };
        let yaml = ["18", "20"].map(document).concat();
        let taken = |enabled: &[&str], packages: &str| {
            let mut modules = Modules::enabling(enabled.iter().map(|stream| (*stream).to_owned()));
            modules.read(&yaml).expect("fine");
            let read = read(packages, &names(&["nodejs"]), &modules).expect("fine");
            let streams = read.in_streams.get("nodejs").into_iter().flatten().cloned().collect::<Vec<_>>();
            (read.newest.get("nodejs").map(|one| one.evr.to_string()), streams.join(" "))
        };
        assert_eq!(taken(&[], &text), (Some("22-1".into()), "nodejs:18 nodejs:20".into()));
        assert_eq!(taken(&["nodejs:18"], &text), (Some("18-1.module_mr1".into()), "nodejs:20".into()));
        let only = primary(&[package("nodejs", "20-1.module_mr1", "src")]);
        assert_eq!(taken(&["nodejs:18"], &only), (None, "nodejs:20".into()));
    }

    #[test]
    fn what_is_wrong_of_a_wanted_one_is_an_error_and_of_others_nothing() {
        let good = package("hello", "1-1", "src");
        let told = |from: &str, to: &str| {
            let text = primary(&[good.replace(from, to)]);
            assert_ne!(text, primary(std::slice::from_ref(&good)), "{from}");
            assert_eq!(found(&text, "other"), Ok(None));
            found(&text, "hello").unwrap_err()
        };
        assert_eq!(
            told("href=\"", "href=\"../"),
            "it has the package's place `../hello-1-1.src.rpm`, which is no plain path below the repository"
        );
        assert!(told("href=\"", "href=\"https://elsewhere.example/").contains("is no plain path below the repository"));
        assert!(told("type=\"sha256\" ", "type=\"md5\" ").starts_with("it has the package's digest `"));
        assert_eq!(told("package=\"12\"", "package=\"-1\""), "it has the package's size `-1`, which is no number");
        assert_eq!(told("ver=\"1\"", "ver=\"$(id)\""), "it has the package's version `$(id)-1`, which is none");
        assert_eq!(told("<version ", "<of "), "it has no version of the package `hello`");
        assert!(found("<other/>", "hello").unwrap_err().contains("element `metadata`"));
        assert!(found("<metadata><package>", "hello").is_err());
    }
}
