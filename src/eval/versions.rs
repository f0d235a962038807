//! The function of recipes that says where a component's version comes from.

use std::collections::BTreeMap;

use rhai::Map;

use super::mistake::{Complaint, Mistake};
use super::read::describe;
use crate::diag::did_you_mean;
use crate::remote::{TagVersions, TagVersionsError};

/// The options of `from_tags`.
const OPTIONS: [&str; 1] = ["replace"];

/// Versions from the tags that `pattern` means.
pub(super) fn from_tags(pattern: &str, options: &Map) -> Result<TagVersions, Complaint> {
    if let Some(unknown) = options.keys().find(|key| !OPTIONS.contains(&key.as_str())) {
        let complaint = Complaint::new(Mistake::Field, format!("`from_tags` has no option `{unknown}`"));
        let help = match did_you_mean(unknown, OPTIONS) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "the only one is `replace`, as in `#{ replace: #{ \"_\": \".\" } }`".to_owned(),
        };
        return Err(complaint.about(unknown.as_str()).help(help));
    }
    let mut replace = BTreeMap::new();
    if let Some(value) = options.get("replace").filter(|value| !value.is_unit()) {
        let help = "write a map of texts, as in `replace: #{ \"_\": \".\" }`";
        let wrong = |message: String| Complaint::new(Mistake::Field, message).about("replace").help(help);
        let map = value
            .read_lock::<Map>()
            .ok_or_else(|| wrong(format!("`replace` must be a map, not {}", describe(value))))?;
        for (from, to) in map.iter() {
            let shown = describe(to);
            let to = to
                .clone()
                .into_string()
                .map_err(|_| wrong(format!("`{}` must be replaced by a string, not {shown}", from.escape_debug())))?;
            replace.insert(from.to_string(), to);
        }
    }
    TagVersions::new(pattern, replace).map_err(|error| {
        let help = match &error {
            TagVersionsError::Pattern(_) => {
                "write what stands around the version in names of tags, and `*` for it, as in `from_tags(\"v*\")`"
            }
            TagVersionsError::Replacement(..) => {
                "replace by letters, digits, `.`, `+` and `~`, as in `replace: #{ \"_\": \".\" }`"
            }
            TagVersionsError::Replacements => "keep those that are needed",
        };
        let about = match &error {
            TagVersionsError::Pattern(_) => pattern,
            _ => "replace",
        };
        Complaint::new(Mistake::Field, error.to_string()).about(about).help(help)
    })
}
