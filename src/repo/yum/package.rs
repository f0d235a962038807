//! What the three files of metadata say of one package.

use std::io::Write as _;

use super::requires::requires;
use super::{Entry, xml};
use crate::package::rpm::{Dependency, File, FileKind, Kind, Package, tag};

/// The most changelog entries that are told of a package, as with `createrepo_c`.
const MAX_CHANGELOG: usize = 10;

/// Appends what is said of a package to `primary`, `filelists` and `other`.
pub(super) fn describe(texts: &mut [Vec<u8>; 3], entry: &Entry, package: &Package) {
    let [primary, filelists, other] = texts;
    self::primary(primary, entry, package);
    head(filelists, entry, package);
    for file in package.files() {
        put_file(filelists, "  ", &file);
    }
    filelists.extend_from_slice(b"</package>\n");
    head(other, entry, package);
    changelog(other, package);
    other.extend_from_slice(b"</package>\n");
}

/// Whether a file stands in the primary metadata, which all clients read: what other packages usually require by name.
pub(super) fn is_primary(path: &[u8]) -> bool {
    path.starts_with(b"/etc/") || path == b"/usr/lib/sendmail" || path.windows(4).any(|part| part == b"bin/")
}

fn primary(to: &mut Vec<u8>, entry: &Entry, package: &Package) {
    let header = &package.header;
    let text = |tag: u32| header.string(tag).unwrap_or_default();
    to.extend_from_slice(b"<package type=\"rpm\">\n");
    xml::element(to, "  ", "name", package.name().as_bytes());
    xml::element(to, "  ", "arch", package.arch().as_bytes());
    version(to, package);
    // Writing into memory does not fail.
    let _ = writeln!(to, "  <checksum type=\"sha256\" pkgid=\"YES\">{}</checksum>", entry.sha256);
    for (name, tag) in [("summary", tag::SUMMARY), ("description", tag::DESCRIPTION), ("packager", tag::PACKAGER)] {
        xml::element(to, "  ", name, text(tag));
    }
    xml::element(to, "  ", "url", text(tag::URL));
    let built = header.int(tag::BUILD_TIME).unwrap_or(0);
    // A file in the store has no time of its own. It came to be when the package was built.
    to.extend_from_slice(b"  <time");
    xml::number(to, "file", built);
    xml::number(to, "build", built);
    let installed = header.int(tag::LONG_SIZE).or_else(|| header.int(tag::SIZE));
    to.extend_from_slice(b"/>\n  <size");
    xml::number(to, "package", entry.size);
    xml::number(to, "installed", installed.unwrap_or(0));
    xml::number(to, "archive", archive_size(package));
    to.extend_from_slice(b"/>\n  <location");
    xml::attribute(to, "href", entry.location.as_bytes());
    to.extend_from_slice(b"/>\n  <format>\n");
    let more = [
        ("rpm:license", tag::LICENSE),
        ("rpm:vendor", tag::VENDOR),
        ("rpm:group", tag::GROUP),
        ("rpm:buildhost", tag::BUILD_HOST),
        ("rpm:sourcerpm", tag::SOURCE_RPM),
    ];
    for (name, tag) in more {
        xml::element(to, "    ", name, text(tag));
    }
    let (start, end) = package.header_range();
    to.extend_from_slice(b"    <rpm:header-range");
    xml::number(to, "start", start);
    xml::number(to, "end", end);
    to.extend_from_slice(b"/>\n");
    dependencies(to, package);
    for file in package.files() {
        if is_primary_file(&file) {
            put_file(to, "    ", &file);
        }
    }
    to.extend_from_slice(b"  </format>\n</package>\n");
}

/// The length of the unpacked payload, from where this package has it.
fn archive_size(package: &Package) -> u64 {
    let places = [
        (&package.signature, tag::SIG_LONG_ARCHIVE_SIZE),
        (&package.signature, tag::SIG_PAYLOAD_SIZE),
        (&package.header, tag::SIG_LONG_ARCHIVE_SIZE),
        (&package.header, tag::ARCHIVE_SIZE),
    ];
    places.into_iter().find_map(|(header, tag)| header.int(tag)).unwrap_or(0)
}

fn version(to: &mut Vec<u8>, package: &Package) {
    to.extend_from_slice(b"  <version");
    xml::number(to, "epoch", package.epoch());
    xml::attribute(to, "ver", package.version().as_bytes());
    xml::attribute(to, "rel", package.release().as_bytes());
    to.extend_from_slice(b"/>\n");
}

fn dependencies(to: &mut Vec<u8>, package: &Package) {
    let kinds = [
        ("provides", Kind::Provides),
        ("requires", Kind::Requires),
        ("conflicts", Kind::Conflicts),
        ("obsoletes", Kind::Obsoletes),
        ("suggests", Kind::Suggests),
        ("enhances", Kind::Enhances),
        ("recommends", Kind::Recommends),
        ("supplements", Kind::Supplements),
    ];
    for (name, kind) in kinds {
        let start = to.len();
        let _ = writeln!(to, "    <rpm:{name}>");
        let empty = to.len();
        match kind {
            Kind::Requires => requires(package).into_iter().for_each(|(one, before)| dependency(to, &one, before)),
            _ => package.dependencies(kind).for_each(|one| dependency(to, &one, false)),
        }
        if to.len() == empty {
            to.truncate(start);
        } else {
            let _ = writeln!(to, "    </rpm:{name}>");
        }
    }
}

fn dependency(to: &mut Vec<u8>, dependency: &Dependency<'_>, before_scripts: bool) {
    if dependency.name.is_empty() {
        return;
    }
    to.extend_from_slice(b"      <rpm:entry");
    xml::attribute(to, "name", dependency.name);
    if let Some(sign) = dependency.sign() {
        xml::attribute(to, "flags", sign.in_metadata().as_bytes());
        if !dependency.evr.is_empty() {
            let (epoch, version, release) = dependency.parts();
            xml::attribute(to, "epoch", epoch.filter(|epoch| !epoch.is_empty()).unwrap_or(b"0"));
            for (name, part) in [("ver", version), ("rel", release.unwrap_or_default())] {
                if !part.is_empty() {
                    xml::attribute(to, name, part);
                }
            }
        }
    }
    if before_scripts {
        to.extend_from_slice(b" pre=\"1\"");
    }
    to.extend_from_slice(b"/>\n");
}

/// [`is_primary`] of the whole path, which is put together only where the folder does not decide.
fn is_primary_file(file: &File<'_>) -> bool {
    // `bin/` may span folder and name only where there is a `/` in the name, which rpm does not write.
    is_primary(file.folder) || (file.folder == b"/usr/lib/" && file.name == b"sendmail")
}

fn put_file(to: &mut Vec<u8>, indent: &str, file: &File<'_>) {
    to.extend_from_slice(indent.as_bytes());
    to.extend_from_slice(match file.kind() {
        FileKind::Folder => b"<file type=\"dir\">".as_slice(),
        FileKind::Ghost => b"<file type=\"ghost\">",
        FileKind::File => b"<file>",
    });
    let both = [file.folder, file.name];
    if both.iter().all(|part| part.is_ascii()) {
        both.iter().for_each(|part| xml::text(to, part));
    } else {
        xml::text(to, &both.concat());
    }
    to.extend_from_slice(b"</file>\n");
}

/// How a package begins in `filelists` and `other`.
fn head(to: &mut Vec<u8>, entry: &Entry, package: &Package) {
    let _ = write!(to, "<package pkgid=\"{}\"", entry.sha256);
    xml::attribute(to, "name", package.name().as_bytes());
    xml::attribute(to, "arch", package.arch().as_bytes());
    to.extend_from_slice(b">\n");
    version(to, package);
}

/// The newest entries, the oldest of them first. Those of one time are set apart by a second each, as their order is
/// lost to clients otherwise.
fn changelog(to: &mut Vec<u8>, package: &Package) {
    let mut entries: Vec<(u64, &[u8], &[u8])> = Vec::new();
    let mut last = 0;
    for (time, author, text) in package.changelog().take(MAX_CHANGELOG) {
        if time == last {
            let mut same = time;
            for (earlier, ..) in entries.iter_mut().rev().take_while(|(earlier, ..)| {
                let is_same = *earlier == same;
                same += u64::from(is_same);
                is_same
            }) {
                *earlier += 1;
            }
        }
        last = time;
        let spaces = author.iter().skip(1).rev().take_while(|byte| **byte == b' ').count();
        entries.push((time, &author[..author.len() - spaces], text));
    }
    for (time, author, text) in entries.into_iter().rev() {
        to.extend_from_slice(b"  <changelog");
        xml::attribute(to, "author", author);
        xml::number(to, "date", time);
        to.push(b'>');
        xml::text(to, text);
        to.extend_from_slice(b"</changelog>\n");
    }
}
