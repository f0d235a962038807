//! Fields that lines of `on` may change.

use std::collections::{BTreeMap, BTreeSet};

use rhai::{Dynamic, Map};

use super::super::api::{Packaged, name_and_bound};
use super::super::handle::Handle;
use super::super::mistake::{Complaint, Mistake};
use super::super::places::{Step, key};
use super::super::read::{Reader, describe, present};
use super::{beside, checks};
use crate::component::{BuildSpec, Checks, Component, LaidFile, MayFail, Need, Piece, Text};
use crate::name::{AreaName, ComponentName, RepositoryName};
use crate::path::TreePath;

/// What the recipe itself and lines of `on` may set. `None`: not said here.
#[derive(Debug, Default)]
pub(super) struct Settings {
    pub build: Option<BuildSpec>,
    /// A variable without a value is one that an override takes away.
    env: Option<BTreeMap<String, Option<Text>>>,
    profiles: Option<BTreeSet<String>>,
    needs: Option<Vec<Need>>,
    stamp: Option<Vec<TreePath>>,
    patches: Option<Vec<TreePath>>,
    files: Option<Vec<LaidFile>>,
    area: Option<AreaName>,
    extra_repositories: Option<BTreeSet<RepositoryName>>,
    /// Without a reason: an override that takes an earlier `skip` back.
    skip: Option<Option<String>>,
    /// The same.
    may_fail: Option<Option<MayFail>>,
    /// The same.
    network: Option<Option<String>>,
    /// Those that are not here stay as they are.
    checks: Option<Checks>,
}

impl Settings {
    pub fn apply(&self, to: &mut Component) {
        for (name, value) in self.env.iter().flatten() {
            match value {
                Some(value) => to.env.insert(name.clone(), value.clone()),
                None => to.env.remove(name),
            };
        }
        set(&self.build, &mut to.build);
        set(&self.profiles, &mut to.profiles);
        set(&self.needs, &mut to.needs);
        set(&self.stamp, &mut to.stamp);
        set(&self.patches, &mut to.patches);
        set(&self.files, &mut to.files);
        set(&self.area, &mut to.area);
        set(&self.extra_repositories, &mut to.extra_repositories);
        set(&self.skip, &mut to.skip);
        set(&self.may_fail, &mut to.may_fail);
        set(&self.network, &mut to.network);
        to.checks.extend(self.checks.iter().flatten().map(|(check, wanted)| (*check, wanted.clone())));
    }
}

#[expect(clippy::ref_option, reason = "a field that is set or not")]
fn set<T: Clone>(value: &Option<T>, to: &mut T) {
    if let Some(value) = value {
        to.clone_from(value);
    }
}

/// Reads them from `map`, which stands at `before`.
pub(super) fn settings(reader: &mut Reader, map: &Map, before: &[Step]) -> Settings {
    Settings {
        build: present(map, "build").and_then(|value| build(reader, value, &key(before, "build"))),
        env: present(map, "env").and_then(|value| env(reader, value, &key(before, "env"))),
        profiles: present(map, "profiles").and_then(|value| profiles(reader, value, &key(before, "profiles"))),
        needs: present(map, "needs").and_then(|value| reader.list(value, &key(before, "needs"), need)),
        stamp: present(map, "stamp").and_then(|value| {
            reader.list(value, &key(before, "stamp"), |reader, value, way| {
                reader.checked(value, way, str::parse::<TreePath>, "name a file of the source, relative to its root")
            })
        }),
        patches: present(map, "patches").and_then(|value| beside::patches(reader, value, &key(before, "patches"))),
        files: present(map, "files").and_then(|value| beside::files(reader, value, &key(before, "files"))),
        area: present(map, "area").and_then(|value| {
            let help = "name an area of the repository, as in `main` or `openapp`";
            reader.checked(value, &key(before, "area"), str::parse::<AreaName>, help)
        }),
        extra_repositories: present(map, "extra_repositories")
            .and_then(|value| extra_repositories(reader, value, &key(before, "extra_repositories"))),
        skip: reason(reader, map, before, "skip"),
        may_fail: may_fail(reader, map, before),
        network: reason(reader, map, before, "network"),
        checks: present(map, "checks").and_then(|value| checks::checks(reader, value, &key(before, "checks"))),
    }
}

/// A field that is a reason; an override may take it back.
fn reason(reader: &mut Reader, map: &Map, before: &[Step], field: &str) -> Option<Option<String>> {
    match map.get(field)? {
        value if value.is_unit() => (!before.is_empty()).then_some(None),
        value => reader.line(value, &key(before, field)).map(Some),
    }
}

fn build(reader: &mut Reader, value: &Dynamic, way: &[Step]) -> Option<BuildSpec> {
    let build = value.read_lock::<BuildSpec>().map(|build| build.clone());
    if build.is_none() {
        let complaint =
            Complaint::new(Mistake::Field, format!("`build` must be a way to build, not {}", describe(value)));
        reader.refuse(
            way,
            complaint.help(
                "write `native()` for packaging that comes with the source, `debian()` or `spec()`, or leave it out",
            ),
        );
    }
    build
}

fn may_fail(reader: &mut Reader, map: &Map, before: &[Step]) -> Option<Option<MayFail>> {
    let is_override = !before.is_empty();
    let expires = present(map, "expires").and_then(|value| {
        let help = "write year, month and day, as in `2027-01-15`";
        reader.checked(value, &key(before, "expires"), super::super::read::date, help)
    });
    let why = match map.get("may_fail") {
        Some(value) if !value.is_unit() => reader.line(value, &key(before, "may_fail")),
        taken_back => {
            if present(map, "expires").is_some() {
                let complaint = Complaint::new(Mistake::Field, "`expires` stands without `may_fail`");
                reader.refuse_key(
                    &key(before, "expires"),
                    complaint
                        .help("write both into one map, as in `may_fail: \"upstream #77\", expires: \"2027-01-15\"`"),
                );
            }
            return (taken_back.is_some() && is_override).then_some(None);
        }
    };
    Some(Some(MayFail { why: why?, expires, exception: None }))
}

fn env(reader: &mut Reader, value: &Dynamic, way: &[Step]) -> Option<BTreeMap<String, Option<Text>>> {
    let map = reader.map(value, way)?;
    let mut env = BTreeMap::new();
    for (name, value) in &map {
        let way = key(way, name);
        let is_name = !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && !name.bytes().next().is_some_and(|byte| byte.is_ascii_digit());
        if !is_name {
            let complaint = Complaint::new(Mistake::Name, format!("`{name}` is not a name of a variable"));
            reader.refuse_key(&way, complaint.help("use letters, digits and `_`, not beginning with a digit"));
        } else if name == "DEB_BUILD_PROFILES" {
            let complaint = Complaint::new(Mistake::Field, "`DEB_BUILD_PROFILES` is made from the recipe's `profiles`");
            reader.refuse_key(&way, complaint.help("write `profiles: [\"nocheck\"]`"));
        } else if value.is_unit() {
            env.insert(name.to_string(), None);
        } else if let Some(handle) = value.read_lock::<Handle>() {
            let text = handle.0.clone();
            no_nul(reader, name, &text, &way);
            env.insert(name.to_string(), Some(text));
        } else if let Some(text) = reader.text(value, &way) {
            let text = Text::from(text);
            no_nul(reader, name, &text, &way);
            env.insert(name.to_string(), Some(text));
        }
    }
    Some(env)
}

fn no_nul(reader: &mut Reader, name: &str, text: &Text, way: &[Step]) {
    if text.pieces().iter().any(|piece| matches!(piece, Piece::Plain(text) if text.contains('\0'))) {
        let complaint = Complaint::new(Mistake::Field, format!("the value of `{name}` holds a NUL character"));
        reader.refuse(way, complaint.help("remove it: no variable can hold one"));
    }
}

/// A list of build profiles.
pub(super) fn profiles(reader: &mut Reader, value: &Dynamic, way: &[Step]) -> Option<BTreeSet<String>> {
    let list = reader.list(value, way, |reader, value, way| {
        reader.checked(value, way, profile, "name a build profile, as in `nocheck`")
    });
    list.map(|list| list.into_iter().collect())
}

fn extra_repositories(reader: &mut Reader, value: &Dynamic, way: &[Step]) -> Option<BTreeSet<RepositoryName>> {
    let help = "name one of the distro's `extra_repositories`, as in `backports`";
    let list =
        reader.list(value, way, |reader, value, way| reader.checked(value, way, str::parse::<RepositoryName>, help));
    list.map(|list| list.into_iter().collect())
}

/// Names as in Debian's registry of build profiles, such as `nocheck`, `pkg.libmd.small`.
fn profile(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".+-".contains(&byte);
    if text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase()) && text.len() <= 100 && text.bytes().all(plain)
    {
        Ok(text.to_owned())
    } else {
        Err(format!("`{text}` is not a name of a build profile"))
    }
}

fn need(reader: &mut Reader, value: &Dynamic, way: &[Step]) -> Option<Need> {
    if let Some(packaged) = value.read_lock::<Packaged>() {
        return Some(packaged.0.clone());
    }
    let help = "name a component of this project, as in `libmd` or `libmd (>= 1.1)`; a package of the distro is written `pkg(\"help2man\")`";
    let check = |text: &str| {
        let (name, version) = name_and_bound(text)?;
        let name = name.parse::<ComponentName>().map_err(|error| error.to_string())?;
        Ok::<_, String>(Need::Component { name, version })
    };
    reader.checked(value, way, check, help)
}
