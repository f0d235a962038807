//! Fields that hold for all targets of a recipe: name, sources, aliases, modules, stage.

use std::collections::BTreeMap;

use rhai::{Dynamic, Map};

use super::super::mistake::{Complaint, Mistake};
use super::super::pattern::Pattern;
use super::super::places::{Step, key};
use super::super::read::{Beside, Reader, describe, present};
use super::settings::profiles;
use crate::component::{Capability, SourceSpec, Stage, folder_beside};
use crate::name::{Check, ComponentName, PackageName};
use crate::path::TreePath;
use crate::remote::{Checkout, TagVersions};

pub(super) fn name(reader: &mut Reader, map: &Map, file_name: Option<&ComponentName>) -> Option<ComponentName> {
    let way = key(&[], "name");
    let given = match (present(map, "name"), file_name) {
        (None, Some(file_name)) if file_name.as_str() == "base" => {
            reader.refuse_whole(reserved());
            return None;
        }
        (None, Some(file_name)) => {
            if let Some(complaint) = of_check(file_name) {
                reader.refuse_whole(complaint);
                return None;
            }
            return Some(file_name.clone());
        }
        (None, None) => reader.required(map, &[], "name", "\"libmd\"")?,
        (Some(given), _) => given,
    };
    let name = reader.checked(
        given,
        &way,
        str::parse::<ComponentName>,
        "choose a name that fits in file names and selectors",
    )?;
    if name.as_str() == "base" {
        reader.refuse(&way, reserved());
    }
    if let Some(complaint) = of_check(&name) {
        reader.refuse(&way, complaint);
    }
    if let Some(file_name) = file_name.filter(|file_name| **file_name != name) {
        let complaint =
            Complaint::new(Mistake::Name, format!("the file's only component is called `{file_name}`, not `{name}`"));
        reader.refuse(&way, complaint.help(format!("leave `name` out, or rename the file to `{name}.rhai`")));
    }
    Some(name)
}

fn reserved() -> Complaint {
    Complaint::new(Mistake::Name, "a component cannot be called `base`: the root that all builds share is called so")
        .help("choose another name, as in `base-files-of-ours`")
}

/// What is wrong with a name that nodes of another component's check have.
fn of_check(name: &ComponentName) -> Option<Complaint> {
    let (_, check) = Check::split(name.as_str())?;
    let message = format!("a component cannot be called `{name}`: names that end in `.{check}` are those of a check");
    Some(Complaint::new(Mistake::Name, message).help("choose another name, with `-` in place of the last `.`"))
}

const SOURCES: &str = "write `dsc(\"libmd\")` for a source package of the distro, `path(\"folder\")` for a folder of the project, \
     `git(\"https://…\")` for a git repository, `archive(\"https://…\")` for an archive";

pub(super) fn source(reader: &mut Reader, map: &Map) -> Option<SourceSpec> {
    let value = reader.required(map, &[], "source", "dsc(\"libmd\")")?;
    let source = value.read_lock::<SourceSpec>().map(|source| source.clone());
    if source.is_none() {
        let complaint = Complaint::new(Mistake::Field, format!("`source` must be a source, not {}", describe(value)));
        reader.refuse(&key(&[], "source"), complaint.help(SOURCES));
    }
    source.map(|source| with_keys(reader, source, &key(&[], "source")))
}

/// The same, where the files with its keys are known to lie beside the recipe.
fn with_keys(reader: &mut Reader, source: SourceSpec, way: &[Step]) -> SourceSpec {
    let SourceSpec::Archive(archive) = source else { return source };
    let paths = archive.keys.iter().filter_map(|key| key.parse().ok());
    reader.beside.extend(paths.map(|path| Beside { way: way.to_vec(), path, is_folder: false }));
    SourceSpec::Archive(archive.with_keys_in(&folder_beside(reader.places.text().name())))
}

/// The source with what `version` says of it.
pub(super) fn versioned(reader: &mut Reader, map: &Map, source: Option<SourceSpec>) -> Option<SourceSpec> {
    let Some(value) = present(map, "version") else { return source };
    let way = key(&[], "version");
    let Some(versions) = value.read_lock::<TagVersions>().map(|versions| versions.clone()) else {
        let message = format!("`version` must say where the version comes from, not {}", describe(value));
        let help = "write `from_tags(\"v*\")`; without `version`, the packaging of the source says it";
        reader.refuse(&way, Complaint::new(Mistake::Field, message).help(help));
        return None;
    };
    match source? {
        SourceSpec::Checkout(checkout) => Some(SourceSpec::Checkout(Checkout { versions: Some(versions), ..checkout })),
        SourceSpec::Dsc { .. } | SourceSpec::Srpm { .. } | SourceSpec::Path { .. } | SourceSpec::Archive(_) => {
            let message = "`version: from_tags(…)` is for a source that is a repository, since nothing else has tags";
            let help =
                "remove it: the packaging of the source says its version; or take the source with `git(…)` or `hg(…)`";
            reader.refuse_key(&way, Complaint::new(Mistake::Field, message).help(help));
            None
        }
    }
}

/// Further sources, by the folder that each is laid into.
pub(super) fn sources(reader: &mut Reader, map: &Map) -> Option<BTreeMap<TreePath, SourceSpec>> {
    let Some(value) = present(map, "sources") else { return Some(BTreeMap::new()) };
    let before = key(&[], "sources");
    let given = reader.map(value, &before)?;
    let mut sources: BTreeMap<TreePath, SourceSpec> = BTreeMap::new();
    for (folder, value) in &given {
        let way = key(&before, folder);
        let Ok(place) = folder.trim_end_matches('/').parse::<TreePath>() else {
            let complaint = Complaint::new(Mistake::Field, format!("`{folder}` is not a folder of the source"));
            reader.refuse_key(&way, complaint.help("write it relative to the source's root, as in `\"vendored/lib\"`"));
            continue;
        };
        let source = value.read_lock::<SourceSpec>().map(|source| source.clone());
        match source {
            Some(SourceSpec::Srpm { name }) => {
                let message = format!("the distro's own source RPM `{name}` cannot be laid into another source");
                let help = "make it the `source` of a component; the file at an address can be laid, as in `srpm(\"https://…\")`";
                reader.refuse(&way, Complaint::new(Mistake::Field, message).help(help));
            }
            Some(source) => {
                let inside = |one: &TreePath, other: &TreePath| {
                    one.as_bytes().strip_prefix(other.as_bytes()).is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
                };
                if let Some(other) = sources.keys().find(|other| inside(&place, other) || inside(other, &place)) {
                    let message = format!("`{place}` and `{other}` lie in each other");
                    let complaint = Complaint::new(Mistake::Field, message);
                    reader.refuse_key(&way, complaint.help("give each source a folder of its own"));
                }
                sources.insert(place, with_keys(reader, source, &way));
            }
            None => {
                let message = format!("each item of `sources` must be a source, not {}", describe(value));
                reader.refuse(&way, Complaint::new(Mistake::Field, message).help(SOURCES));
            }
        }
    }
    Some(sources)
}

/// Names that others ask for, and what they mean.
pub(super) fn aliases(reader: &mut Reader, map: &Map) -> Option<BTreeMap<String, PackageName>> {
    let Some(value) = present(map, "aliases") else { return Some(BTreeMap::new()) };
    let before = key(&[], "aliases");
    let given = reader.map(value, &before)?;
    let mut aliases = BTreeMap::new();
    for (alias, value) in &given {
        let way = key(&before, alias);
        if PackageName::new(alias.as_str()).is_err() && Capability::parse(alias).is_none() {
            let complaint = Complaint::new(Mistake::Name, format!("`{alias}` is not a name that others ask for"));
            reader.refuse_key(
                &way,
                complaint
                    .help("write a package's name, or a capability, as in `\"pkgconfig(libgrace)\": \"libgrace-dev\"`"),
            );
            continue;
        }
        let package = reader.checked(value, &way, str::parse::<PackageName>, "name the package that is meant");
        aliases.extend(package.map(|package| (alias.to_string(), package)));
    }
    Some(aliases)
}

/// Module streams, by target pattern.
pub(super) fn modules(reader: &mut Reader, map: &Map) -> Option<Vec<(Pattern, Vec<String>)>> {
    let Some(value) = present(map, "modules") else { return Some(Vec::new()) };
    let before = key(&[], "modules");
    let given = reader.map(value, &before)?;
    let mut modules = Vec::new();
    for (written, value) in &given {
        let way = key(&before, written);
        let pattern = match Pattern::new(written) {
            Ok(pattern) if !pattern.excludes => pattern,
            Ok(_) => {
                let complaint = Complaint::new(Mistake::Pattern, "a key of `modules` cannot exclude targets");
                reader.refuse_key(&way, complaint.help("leave out `!`, and name the targets that are meant"));
                continue;
            }
            Err(complaint) => {
                reader.refuse_key(&way, complaint);
                continue;
            }
        };
        let each = |reader: &mut Reader, value: &Dynamic, way: &[Step]| {
            reader.checked(value, way, stream, "write a module and its stream, as in `nodejs:18`")
        };
        let streams = reader.list(value, &way, each);
        modules.extend(streams.map(|streams| (pattern, streams)));
    }
    Some(modules)
}

fn stream(text: &str) -> Result<String, String> {
    let plain = |part: &str| {
        part.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".+-_".contains(&byte))
    };
    match text.split_once(':') {
        Some((module, stream)) if plain(module) && plain(stream) && text.len() <= 100 => Ok(text.to_owned()),
        _ => Err(format!("`{text}` is not a module with its stream")),
    }
}

pub(super) fn stage(reader: &mut Reader, map: &Map) -> Option<Option<Stage>> {
    let Some(value) = present(map, "stage") else { return Some(None) };
    let way = key(&[], "stage");
    let stage = reader.map(value, &way)?;
    reader.only(&stage, &way, &["profiles"]);
    let value = reader.required(&stage, &way, "profiles", "[\"stage1\"]")?;
    let profiles = profiles(reader, value, &key(&way, "profiles"))?;
    if profiles.is_empty() {
        let complaint = Complaint::new(Mistake::Field, "`stage` has no profiles: it would build the same");
        reader.refuse(
            &way,
            complaint.help("name a build profile that drops needs, as in `stage: #{ profiles: [\"stage1\"] }`"),
        );
    }
    Some(Some(Stage { profiles }))
}
