//! The functions of recipes for sources in repositories of version control.

use rhai::{Dynamic, Map};

use super::mistake::{Complaint, Mistake};
use super::read::describe;
use crate::component::SourceSpec;
use crate::diag::did_you_mean;
use crate::path::TreePath;
use crate::remote::{Checkout, Follow, RemoteUrl, System, is_commit, is_reference, is_tag_pattern};

/// What says which commit is meant.
const FOLLOWS: [&str; 3] = ["branch", "tag", "commit"];

/// What of a repository of `system` is the source.
pub(super) fn checkout(system: System, url: &str, options: &Map) -> Result<SourceSpec, Complaint> {
    let url = RemoteUrl::new(system, url)
        .map_err(|error| Complaint::new(Mistake::Field, error.to_string()).about(url).help(error.help()))?;
    let mut known = FOLLOWS.to_vec();
    known.extend((system == System::Git).then_some("submodules"));
    known.push("folder");
    if let Some(unknown) = options.keys().find(|key| !known.contains(&key.as_str())) {
        let complaint = Complaint::new(Mistake::Field, format!("`{system}` has no option `{unknown}`"));
        let help = did_you_mean(unknown, known.iter().copied()).map_or_else(
            || format!("choose one of `{}`", known.join("`, `")),
            |near| format!("did you mean `{near}`?"),
        );
        return Err(complaint.about(unknown.as_str()).help(help));
    }
    let given: Vec<&str> = FOLLOWS.into_iter().filter(|key| is_given(options, key)).collect();
    if let [one, other, ..] = given[..] {
        let message = format!("`{one}` and `{other}` both say which commit is meant");
        return Err(Complaint::new(Mistake::Field, message).about(other).help("keep one of them"));
    }
    let follow = match given.first().copied() {
        Some(key) => follow(key, text(options, key)?)?,
        None => Follow::Default,
    };
    let submodules = match options.get("submodules").filter(|value| !value.is_unit()) {
        None => false,
        Some(value) => value.as_bool().map_err(|_| {
            let message = format!("`submodules` must be `true` or `false`, not {}", describe(value));
            Complaint::new(Mistake::Field, message).about("submodules").help("write `submodules: true`")
        })?,
    };
    let folder = if is_given(options, "folder") { Some(folder(&text(options, "folder")?)?) } else { None };
    Ok(SourceSpec::Checkout(Checkout { system, url, follow, submodules, folder, versions: None }))
}

fn is_given(options: &Map, key: &str) -> bool {
    options.get(key).is_some_and(|value| !value.is_unit())
}

fn text(options: &Map, key: &str) -> Result<String, Complaint> {
    let value = options.get(key).cloned().unwrap_or(Dynamic::UNIT);
    let shown = describe(&value);
    value.into_string().map_err(|_| {
        Complaint::new(Mistake::Field, format!("`{key}` must be a string, not {shown}"))
            .about(key)
            .help(format!("write it as in `{key}: \"…\"`"))
    })
}

fn follow(key: &str, name: String) -> Result<Follow, Complaint> {
    let wrong = |what: &str, help: &str| {
        Complaint::new(Mistake::Field, format!("`{}` is not {what}", name.escape_debug())).about(&name).help(help)
    };
    match key {
        "branch" if is_reference(&name) => Ok(Follow::Branch(name)),
        "branch" => Err(wrong("the name of a branch", "write it as in `branch: \"main\"`")),
        "tag" if is_tag_pattern(&name) => Ok(Follow::Tag(name)),
        "tag" => Err(wrong("a tag, nor a pattern of tags", "write it as in `tag: \"v1.2\"` or `tag: \"v1.*\"`")),
        _ if is_commit(&name) => Ok(Follow::Commit(name)),
        _ => Err(wrong("the whole id of a commit", "write all of its 40 digits, in lower case")),
    }
}

fn folder(text: &str) -> Result<String, Complaint> {
    let folder = text.strip_suffix('/').unwrap_or(text);
    let harmful = folder.contains('\\') || folder.chars().any(crate::diag::is_harmful);
    if harmful || folder.parse::<TreePath>().is_err() {
        return Err(Complaint::new(
            Mistake::Field,
            format!("`{}` is not a folder of a repository", text.escape_debug()),
        )
        .about(text)
        .help("write it relative to the repository's root, as in `folder: \"src/tool\"`"));
    }
    Ok(folder.to_owned())
}
