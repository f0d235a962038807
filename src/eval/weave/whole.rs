//! What recipes may say and no node carries out: refused at its place, since to leave it out in silence would build
//! something else than what is written.

use std::collections::{BTreeMap, BTreeSet};

use super::super::{Project, RecipeError, Work};
use crate::component::{BuildSpec, Component};
use crate::name::DistroName;

/// One error for each field of a component that is to be woven and that no node carries out.
pub(super) fn refused(project: &Project, work: &BTreeMap<&DistroName, Vec<&Work>>) -> Vec<RecipeError> {
    let mut seen: BTreeSet<*const Component> = BTreeSet::new();
    let mut errors = Vec::new();
    for component in work.values().flatten().map(|work| &*work.component) {
        if seen.insert(component) {
            let refused = fields(component).into_iter().map(|(field, what, help)| {
                let message = format!("{what} of `{}` cannot be carried out by this opb", component.name);
                project.recipe_error(&component.name, field, None, message, help)
            });
            errors.extend(refused);
        }
    }
    errors
}

fn fields(component: &Component) -> Vec<(&'static str, String, &'static str)> {
    let named = |field: &'static str| (field, format!("`{field}`"));
    let mut found = Vec::new();
    let mut add = |is_said: bool, (field, what): (&'static str, String), help| {
        if is_said {
            found.push((field, what, help));
        }
    };
    let into_source =
        "put the change into the source itself, such as into its `debian/patches`, and leave `patches` out";
    add(!component.patches.is_empty(), named("patches"), into_source);
    add(!component.files.is_empty(), named("files"), "put the files into the source itself, and leave `files` out");
    add(!component.sources.is_empty(), named("sources"), "put all of it into one source, and leave `sources` out");
    let other_folder = matches!(&component.build, BuildSpec::Debian { folder: Some(_) });
    add(
        other_folder,
        ("build", "another folder than `debian`".to_owned()),
        "call the folder of the packaging `debian`",
    );
    found
}

#[cfg(test)]
mod tests {
    use super::super::tests::{files, lock, woven};

    #[test]
    fn what_would_be_left_out_is_refused() {
        for (recipe, expected) in [
            ("patches: [\"fix.patch\"]", "`patches` of `tool` cannot be carried out by this opb"),
            ("files: #{ \"extra.conf\": \"extra.conf\" }", "`files` of `tool` cannot be carried out by this opb"),
            ("sources: #{ \"more\": path(\"more\") }", "`sources` of `tool` cannot be carried out by this opb"),
            ("build: debian(\"dist\")", "another folder than `debian` of `tool` cannot be carried out by this opb"),
        ] {
            let mut files = files(&[("tool", &format!("#{{ source: dsc(\"libmd\"), {recipe} }}"))]);
            files.0.insert("recipes/tool/fix.patch".to_owned(), "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n".to_owned());
            files.0.insert("recipes/tool/extra.conf".to_owned(), "x\n".to_owned());
            let libmd = ("libmd", "", &[("libmd0", "any", "")] as &[_]);
            assert_eq!(woven(&files, &lock(&["amd64"], &[libmd])).expect_err(recipe), [expected]);
        }
    }
}
