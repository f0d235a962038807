//! The functions of recipes for archives of upstream and source RPMs.

use rhai::{Array, Dynamic, Map};

use super::mistake::{Complaint, Mistake};
use super::read::describe;
use crate::component::SourceSpec;
use crate::diag::{did_you_mean, is_harmful};
use crate::name::PackageName;
use crate::path::TreePath;
use crate::remote::archive::{Archive, ArchiveKind, ArchiveUrl, SignaturePlace, Strip, is_sha256};

/// What of the file at an address is the source, and what is expected of it.
pub(super) fn archive(kind: ArchiveKind, url: &str, options: &Map) -> Result<SourceSpec, Complaint> {
    let known: &[&str] = match kind {
        ArchiveKind::Archive => &["sha256", "signature", "keys", "folder", "strip"],
        ArchiveKind::Srpm => &["sha256", "keys"],
    };
    if let Some(unknown) = options.keys().find(|key| !known.contains(&key.as_str())) {
        let help = did_you_mean(unknown, known.iter().copied()).map_or_else(
            || format!("choose one of `{}`", known.join("`, `")),
            |near| format!("did you mean `{near}`?"),
        );
        let complaint = Complaint::new(Mistake::Field, format!("`{kind}` has no option `{unknown}`"));
        return Err(complaint.about(unknown.as_str()).help(help));
    }
    let given = |key: &str| options.get(key).filter(|value| !value.is_unit());
    let mut archive = Archive::new(kind, address(url)?);
    if let Some(value) = given("sha256") {
        archive.sha256 = Some(sha256(&text("sha256", value)?)?);
    }
    if let Some(value) = given("signature") {
        archive.signature = signature(value)?;
    }
    if let Some(value) = given("keys") {
        archive.keys = keys(value)?;
    }
    if let Some(value) = given("folder") {
        archive.folder = Some(folder("folder", &text("folder", value)?)?);
    }
    if let Some(value) = given("strip") {
        archive.strip = strip(value)?;
    }
    let lacks = |what: &str, without: &str, help: &str| {
        let message = format!("`{what}` means nothing without `{without}`");
        Err(Complaint::new(Mistake::Field, message).about(what).help(help))
    };
    match (kind, &archive.signature, archive.keys.is_empty()) {
        (ArchiveKind::Archive, Some(_), true) => {
            lacks("signature", "keys", "name the file with its maker's public key, as in `keys: [\"tool.asc\"]`")
        }
        (ArchiveKind::Archive, None, false) => {
            lacks("keys", "signature", "say where the signature is: `signature: true` for beside the archive")
        }
        _ => Ok(SourceSpec::Archive(archive)),
    }
}

/// A source RPM: of an address, or by a plain name the distro's own.
pub(super) fn srpm(what: &str, options: &Map) -> Result<SourceSpec, Complaint> {
    let name = PackageName::new(what).ok().filter(|_| !what.ends_with(".rpm"));
    let Some(name) = name else { return archive(ArchiveKind::Srpm, what, options) };
    match options.keys().next() {
        None => Ok(SourceSpec::Srpm { name }),
        Some(option) => {
            let message = format!("`{option}` means nothing for the source RPM of a distro");
            let help = "remove it: the distro's index says the digest, and the distro's own keys must have signed it. The file at \
                        an address is written with its whole name, as in `srpm(\"tool-1.0-1.src.rpm\", …)`";
            Err(Complaint::new(Mistake::Field, message).about(option.as_str()).help(help))
        }
    }
}

fn address(text: &str) -> Result<ArchiveUrl, Complaint> {
    ArchiveUrl::new(text)
        .map_err(|error| Complaint::new(Mistake::Field, error.to_string()).about(text).help(error.help()))
}

fn text(key: &str, value: &Dynamic) -> Result<String, Complaint> {
    value.clone().into_string().map_err(|_| {
        Complaint::new(Mistake::Field, format!("`{key}` must be a string, not {}", describe(value)))
            .about(key)
            .help(format!("write it as in `{key}: \"…\"`"))
    })
}

fn sha256(text: &str) -> Result<String, Complaint> {
    if is_sha256(text) {
        return Ok(text.to_owned());
    }
    let message = format!("`{}` is not a SHA-256", text.escape_debug());
    Err(Complaint::new(Mistake::Field, message)
        .about(text)
        .help("write all of its 64 digits, in lower case, as `sha256sum` shows them"))
}

fn signature(value: &Dynamic) -> Result<Option<SignaturePlace>, Complaint> {
    match value.as_bool() {
        Ok(true) => Ok(Some(SignaturePlace::Beside)),
        Ok(false) => Ok(None),
        Err(_) if value.is_string() => Ok(Some(SignaturePlace::At(address(&text("signature", value)?)?))),
        Err(_) => {
            let message = format!("`signature` must be an address or `true`, not {}", describe(value));
            Err(Complaint::new(Mistake::Field, message)
                .about("signature")
                .help("write `signature: true` where it lies beside the archive, as `….asc` or `….sig`"))
        }
    }
}

fn keys(value: &Dynamic) -> Result<Vec<String>, Complaint> {
    const HELP: &str = "write a list of files beside the recipe, as in `keys: [\"tool.asc\"]`";
    let wrong = |message: String| Complaint::new(Mistake::Field, message).about("keys").help(HELP);
    let list = value
        .read_lock::<Array>()
        .ok_or_else(|| wrong(format!("`keys` must be a list of files, not {}", describe(value))))?;
    if list.is_empty() {
        return Err(wrong("`keys` is empty: nobody could have signed it".to_owned()));
    }
    let mut keys: Vec<String> = Vec::new();
    for item in list.iter() {
        let name = item
            .clone()
            .into_string()
            .map_err(|_| wrong(format!("each item of `keys` must be a string, not {}", describe(item))))?;
        let harmful = name.contains(['\\', '"']) || name.chars().any(is_harmful);
        if harmful || name.parse::<TreePath>().is_err() {
            let message = format!("`{}` is not a path of a file", name.escape_debug());
            return Err(Complaint::new(Mistake::Field, message).about(&name).help(HELP));
        }
        if !keys.contains(&name) {
            keys.push(name);
        }
    }
    Ok(keys)
}

fn folder(key: &str, text: &str) -> Result<String, Complaint> {
    let folder = text.strip_suffix('/').unwrap_or(text);
    let harmful = folder.contains(['\\', '"']) || folder.chars().any(is_harmful);
    if harmful || folder.parse::<TreePath>().is_err() {
        let message = format!("`{}` is not a folder of an archive", text.escape_debug());
        let help = format!("write it relative to what is at the top, as in `{key}: \"src/tool\"`");
        return Err(Complaint::new(Mistake::Field, message).about(text).help(help));
    }
    Ok(folder.to_owned())
}

fn strip(value: &Dynamic) -> Result<Strip, Complaint> {
    match value.as_bool() {
        Ok(true) => Ok(Strip::Single),
        Ok(false) => Ok(Strip::Nothing),
        Err(_) if value.is_string() => Ok(Strip::Folder(folder("strip", &text("strip", value)?)?)),
        Err(_) => {
            let message = format!("`strip` must be a folder or `false`, not {}", describe(value));
            Err(Complaint::new(Mistake::Field, message).about("strip").help(
                "write `strip: false` where nothing is to be left out; one single folder at the top is by itself",
            ))
        }
    }
}
