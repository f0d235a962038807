//! Colours of pictures: one sheet, with a dark half for viewers that say they are dark. The background is painted, so
//! what shows the picture need not suit it.

use super::boxes::{Role, Standing};
use crate::name::Kind;

/// What all pictures have: letters, and the paper that they stand on.
const LIGHT: &str = "\
svg { font-family: -apple-system, 'Segoe UI', 'Noto Sans', Helvetica, Arial, 'DejaVu Sans', sans-serif; }
text { fill: #1f2328; font-size: 12px; }
.paper { fill: #ffffff; stroke: #d1d9e0; }
";

/// The same for viewers that say they are dark.
const DARK: &str = "\
text { fill: #e6edf3; }
.paper { fill: #0d1117; stroke: #3d444d; }
";

/// A sheet with these rules of its own, and with `dark` ones for viewers that say they are dark.
pub(in crate::report) fn sheet(light: &str, dark: &str) -> String {
    format!("{LIGHT}{light}@media (prefers-color-scheme: dark) {{\n{DARK}{dark}}}\n")
}

/// The rules of graphs.
pub(super) const GRAPH: &str = "\
.box { fill: #f6f8fa; stroke: #d1d9e0; }
.box.base { fill: #f3f7f1; stroke: #cbd8c4; }
.box.repository { fill: #eefaf1; stroke: #b7dfc3; }
.title { font-size: 14px; font-weight: 600; }
.small { fill: #59636e; font-size: 11px; }
.way { fill: none; stroke: #7d8590; stroke-width: 1.5; }
.way.faint { stroke: #c3cad1; stroke-width: 1.2; }
.way.inner { stroke: #9aa4ae; stroke-width: 1.2; }
.arrow:hover .way { stroke: #0969da; stroke-width: 2.5; }
.head { fill: #7d8590; }
.head.faint { fill: #c3cad1; }
.head.inner { fill: #9aa4ae; }
.pill { stroke-width: 1; }
.node:hover .pill { stroke-width: 2; }
.source { fill: #ddecfb; stroke: #94c0ec; }
.source-package { fill: #d3e9f3; stroke: #86bdd5; }
.index { fill: #e1efda; stroke: #a5cc93; }
.resolve { fill: #ece4fa; stroke: #c0a8ec; }
.root { fill: #f8ead8; stroke: #dfbc8c; }
.probe { fill: #fbe0e4; stroke: #e0a3ae; }
.build { fill: #0b62c4; stroke: #094f9f; }
.repo { fill: #1a7f37; stroke: #136229; }
.on-strong { fill: #ffffff; }
.pill.runs { stroke: #e8590c; stroke-width: 2; }
.pill.depends { stroke: #bf8700; stroke-width: 2; stroke-dasharray: 4 2.5; }
.mark { stroke: #ffffff; stroke-width: 1; }
.mark.clean { fill: #2da44e; }
.mark.runs { fill: #e8590c; }
.mark.depends { fill: #fff8c5; stroke: #bf8700; stroke-width: 2; }
.mark.skipped { fill: #afb8c1; }
";

/// The dark ones.
pub(super) const GRAPH_DARK: &str = "\
.box { fill: #161b22; stroke: #3d444d; }
.box.base { fill: #151d17; stroke: #38463a; }
.box.repository { fill: #10201a; stroke: #2b5239; }
.small { fill: #9198a1; }
.way { stroke: #848d97; }
.way.faint { stroke: #444c56; }
.way.inner { stroke: #6e7681; }
.arrow:hover .way { stroke: #58a6ff; }
.head { fill: #848d97; }
.head.faint { fill: #444c56; }
.head.inner { fill: #6e7681; }
.source { fill: #1a3a5c; stroke: #38689c; }
.source-package { fill: #17404f; stroke: #34748c; }
.index { fill: #24402a; stroke: #47774f; }
.resolve { fill: #392d5c; stroke: #68529f; }
.root { fill: #4b3a22; stroke: #87683a; }
.probe { fill: #4f2630; stroke: #8f4a5a; }
.build { fill: #1f6feb; stroke: #4c90f5; }
.repo { fill: #238636; stroke: #3fa653; }
.on-strong { fill: #ffffff; }
.pill.runs { stroke: #ff9d4d; }
.pill.depends { stroke: #e3b341; }
.mark { stroke: #0d1117; }
.mark.depends { fill: #3b2e0a; stroke: #e3b341; }
";

/// The class of a node of that kind.
pub(super) fn of_kind(kind: Kind) -> &'static str {
    kind.as_str()
}

/// The class of the words on a node of that kind.
pub(super) fn of_words(kind: Kind) -> &'static str {
    match kind {
        Kind::Build | Kind::Repo => "on-strong",
        _ => "on-pale",
    }
}

/// The class of a box, behind `box`.
pub(super) fn of_role(role: Role) -> &'static str {
    match role {
        Role::Component => "component",
        Role::Base => "base",
        Role::Repository => "repository",
    }
}

/// The class of a state.
pub(super) fn of_state(state: Standing) -> &'static str {
    match state {
        Standing::Clean => "clean",
        Standing::Runs => "runs",
        Standing::Depends => "depends",
        Standing::Skipped => "skipped",
    }
}

/// About as wide as `text` is in pixels, when its letters are `size` high. Rather too wide: fonts differ.
pub(in crate::report) fn width(text: &str, size: f64) -> f64 {
    let narrow = |letter: char| "ijlrtf.,:;'|!()[]-/ 1".contains(letter);
    let wide = |letter: char| "mwMW@%<>+=~&#".contains(letter) || letter.is_uppercase();
    let of = |letter: char| match letter {
        letter if narrow(letter) => 0.42,
        letter if wide(letter) => 0.88,
        letter if letter.is_ascii() => 0.61,
        _ => 1.0,
    };
    text.chars().map(of).sum::<f64>() * size
}
