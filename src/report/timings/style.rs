//! Colours of runs in time: pale enough for words on them, with a dark half. What is critical has an edge, and what failed a
//! colour of its own, so that kinds need not be told apart by colour alone: the hint of each block names its node.

use crate::name::Kind;

/// The rules beside those of all charts.
pub(super) const TIMINGS: &str = "\
.label { fill: #10161d; font-size: 11px; pointer-events: none; }
.load { fill: #8fb8de; }
.wait { fill: #e3e7eb; }
.many { fill: #aeb7c1; }
.critical { stroke: #1f2328; stroke-width: 1.6; }
.link { stroke: #59636e; stroke-width: 1; stroke-dasharray: 2 2; }
.source { fill: #a9d4f7; }
.index { fill: #bfe0ae; }
.resolve { fill: #d6c3f4; }
.root { fill: #f4cf9a; }
.probe { fill: #f4bcc8; }
.source-package { fill: #8ed1cb; }
.build { fill: #6eaef2; }
.repo { fill: #7ccb91; }
.other { fill: #d1d9e0; }
.failed { fill: #f0806f; }
";

/// The dark ones. Blocks stay as they are, with the words on them.
pub(super) const TIMINGS_DARK: &str = "\
.label { fill: #10161d; }
.load { fill: #35608c; }
.wait { fill: #2a313a; }
.many { fill: #6e7681; }
.critical { stroke: #ffffff; }
.link { stroke: #9198a1; }
";

/// The class of a node of that kind.
pub(super) fn of_kind(kind: Option<Kind>) -> &'static str {
    kind.map_or("other", Kind::as_str)
}
