//! Colours and shapes of the page: light, dark, and on paper. No colour is the only sign of anything.

/// The colours, light and dark, by the names that the rules have for them.
pub(super) const COLOURS: [(&str, &str, &str); 25] = [
    ("paper", "#ffffff", "#0d1117"),
    ("raised", "#f6f8fa", "#161b22"),
    ("ink", "#1f2328", "#e6edf3"),
    ("faint", "#59636e", "#9aa3ad"),
    ("edge", "#d1d9e0", "#3d444d"),
    ("link", "#0756b8", "#6cb0ff"),
    ("bad-ink", "#9c1f0e", "#ff9b8c"),
    ("good-ink", "#116329", "#6fdd8b"),
    ("warn-ink", "#7a4b00", "#f0c060"),
    ("new", "#b3200f", "#e5534b"),
    ("on-new", "#ffffff", "#0d0f12"),
    ("still", "#f7c9c2", "#5d2420"),
    ("on-still", "#5c0f05", "#ffd5cf"),
    ("blocked", "#e3e0f0", "#37324a"),
    ("on-blocked", "#3b2f63", "#d9d2f3"),
    ("expected", "#fbe7bd", "#4a3a14"),
    ("on-expected", "#5c3d00", "#f8dfa6"),
    ("fixed", "#bfe8ca", "#1d4a2b"),
    ("on-fixed", "#0b4a1d", "#b8f0c8"),
    ("built", "#e6f4ea", "#15301f"),
    ("on-built", "#0f5223", "#9be0b0"),
    ("took", "#4a86c5", "#4f8fd0"),
    ("saved", "#009e73", "#1fb58a"),
    ("spent", "#f0a30a", "#f0b429"),
    ("code", "#f1f3f5", "#1c2128"),
];

/// Words and what they stand on.
#[cfg(test)]
pub(super) const WORDS_ON: [(&str, &str); 24] = [
    ("ink", "paper"),
    ("ink", "raised"),
    ("ink", "code"),
    ("faint", "paper"),
    ("faint", "raised"),
    ("link", "paper"),
    ("link", "raised"),
    ("bad-ink", "paper"),
    ("bad-ink", "raised"),
    ("good-ink", "paper"),
    ("good-ink", "raised"),
    ("warn-ink", "paper"),
    ("warn-ink", "raised"),
    ("on-new", "new"),
    ("on-still", "still"),
    ("on-blocked", "blocked"),
    ("on-expected", "expected"),
    ("on-fixed", "fixed"),
    ("on-built", "built"),
    ("ink", "still"),
    ("ink", "expected"),
    ("ink", "fixed"),
    ("ink", "built"),
    ("ink", "blocked"),
];

/// The sheet of the page.
pub(super) fn sheet() -> String {
    let light: String = COLOURS.iter().map(|(name, light, _)| format!("--{name}: {light}; ")).collect();
    let dark: String = COLOURS.iter().map(|(name, _, dark)| format!("--{name}: {dark}; ")).collect();
    format!(
        ":root {{ color-scheme: light dark; {light}}}\n@media screen and (prefers-color-scheme: dark) {{\n:root {{ {dark}}}\n}}\n{RULES}"
    )
}

const RULES: &str = "\
* { box-sizing: border-box; }
body { font: 15px/1.5 -apple-system, 'Segoe UI', 'Noto Sans', Helvetica, Arial, 'DejaVu Sans', sans-serif; max-width: 1240px; \
margin: 0 auto; padding: 20px 16px 48px; color: var(--ink); background: var(--paper); overflow-wrap: anywhere; }
h1 { font-size: 24px; line-height: 1.25; margin: 4px 0; }
h2 { font-size: 19px; margin: 34px 0 8px; padding-bottom: 4px; border-bottom: 1px solid var(--edge); }
h3 { font-size: 15px; margin: 18px 0 4px; }
p { margin: 4px 0 8px; }
a { color: var(--link); }
ul { margin: 4px 0 8px; padding-left: 20px; }
.faint { color: var(--faint); }
.bad { color: var(--bad-ink); font-weight: 600; }
.good { color: var(--good-ink); font-weight: 600; }
.warn { color: var(--warn-ink); font-weight: 600; }
.tiles { display: flex; flex-wrap: wrap; gap: 8px; margin: 14px 0; padding: 0; list-style: none; }
.tiles a { display: block; min-width: 104px; padding: 8px 12px; border: 1px solid var(--edge); border-radius: 8px; \
background: var(--raised); color: var(--ink); text-decoration: none; }
.tiles a:hover, .tiles a:focus { border-color: var(--link); }
.tiles b { display: block; font-size: 21px; line-height: 1.2; }
.tiles .bad, .tiles .good, .tiles .warn { font-weight: 700; }
.card { border: 1px solid var(--edge); border-left: 4px solid var(--new); border-radius: 6px; padding: 8px 14px; margin: 12px 0; \
background: var(--raised); break-inside: avoid; }
.card.calm { border-left-color: var(--edge); }
.card h3 { margin-top: 0; }
pre { margin: 8px 0; padding: 8px 10px; border-radius: 6px; background: var(--code); font: 12.5px/1.45 ui-monospace, 'DejaVu Sans Mono', \
Menlo, Consolas, monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
code { font: 12.5px/1.4 ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace; display: inline-block; }
footer { margin-top: 34px; }
td ul { min-width: 300px; }
summary { cursor: pointer; color: var(--link); }
table { border-collapse: collapse; font-size: 13.5px; }
th, td { text-align: left; vertical-align: top; padding: 4px 12px 4px 0; border-bottom: 1px solid var(--edge); }
th { font-weight: 600; }
thead th { color: var(--faint); }
.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.scroll th, .scroll td { overflow-wrap: break-word; }
.scroll .name { min-width: 130px; font-weight: 400; overflow-wrap: anywhere; }
.scroll { overflow: auto; max-width: 100%; }
.figures { display: flex; flex-wrap: wrap; gap: 12px 40px; }
figure { margin: 8px 0; }
figcaption { font-size: 13.5px; }
svg { display: block; max-width: 100%; height: auto; }
svg text { fill: var(--faint); font-size: 11px; }
svg .took { fill: var(--took); } svg .saved { fill: var(--saved); } svg .spent { fill: var(--spent); }
svg .new { fill: var(--new); } svg .still { fill: var(--still); stroke: var(--on-still); stroke-width: 0.5; } svg .grown { fill: var(--new); }
svg .axis { stroke: var(--edge); }
.key { display: inline-block; width: 11px; height: 11px; border-radius: 2px; }
.key.took { background: var(--took); } .key.saved { background: var(--saved); } .key.spent { background: var(--spent); }
.key.new { background: var(--new); } .key.still { background: var(--still); outline: 1px solid var(--on-still); outline-offset: -1px; }
.matrix { overflow: auto; max-height: 86vh; border: 1px solid var(--edge); border-radius: 6px; display: inline-block; max-width: 100%; }
.matrix table { border-collapse: separate; border-spacing: 0; font-size: 12.5px; }
.matrix th { white-space: nowrap; }
.matrix th, .matrix td { padding: 2px 4px; border-bottom: 1px solid var(--edge); border-right: 1px solid var(--edge); }
.matrix td { text-align: center; min-width: 20px; }
.matrix thead th { position: sticky; top: 0; z-index: 2; background: var(--raised); vertical-align: bottom; text-align: center; }
.matrix thead tr + tr th { top: var(--first-row); }
.matrix thead th span { writing-mode: vertical-rl; transform: rotate(180deg); white-space: nowrap; max-height: 126px; overflow: hidden; }
.matrix thead tr:first-child th { height: var(--first-row); }
.matrix thead th.corner { left: 0; z-index: 3; text-align: left; }
.matrix tbody th { position: sticky; left: 0; z-index: 1; background: var(--raised); font-weight: 400; white-space: nowrap; \
max-width: 190px; overflow: hidden; text-overflow: ellipsis; }
.matrix .end { border-right-width: 2px; }
.matrix i, .unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.matrix td { position: relative; }
.matrix td a { color: inherit; display: block; text-decoration: none; }
.s-new { background: var(--new); color: var(--on-new); font-weight: 700; }
.s-still { background: var(--still); color: var(--on-still); font-weight: 700; }
.s-blocked { background: var(--blocked); color: var(--on-blocked); }
.s-expected { background: var(--expected); color: var(--on-expected); }
.s-skipped { color: var(--faint); }
.s-fixed { background: var(--fixed); color: var(--on-fixed); font-weight: 700; }
.s-built { background: var(--built); color: var(--on-built); }
.s-clean { color: var(--faint); }
.legend { display: flex; flex-wrap: wrap; gap: 4px 16px; margin: 6px 0; padding: 0; list-style: none; font-size: 13.5px; }
.legend b { display: inline-block; min-width: 20px; text-align: center; border: 1px solid var(--edge); border-radius: 3px; }
#calm:not(:checked) ~ .matrix .calm { display: none; }
@media (max-width: 700px) {
body { padding: 12px 10px 32px; font-size: 14px; }
h1 { font-size: 20px; }
.tiles a { min-width: 92px; padding: 6px 10px; }
.matrix tbody th { max-width: 116px; }
.scroll table, .scroll tbody, .scroll tr, .scroll th, .scroll td { display: block; }
.scroll thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.scroll tr { padding: 6px 0; border-bottom: 1px solid var(--edge); }
.scroll th, .scroll td { padding: 1px 0; border: 0; text-align: left; white-space: normal; }
.scroll td:empty { display: none; }
.scroll td::before { content: attr(data-head) ': '; color: var(--faint); }
.scroll .name { font-weight: 600; }
}
@media print {
body { max-width: none; padding: 0; font-size: 11px; }
.tiles a, a { color: inherit; }
.matrix { max-height: none; overflow: visible; border: 0; }
.matrix table { font-size: 8px; }
.matrix th, .matrix td { padding: 0 1px; min-width: 0; position: static; }
.matrix td i { display: none; }
.toggle { display: none; }
.s-new, .s-still, .s-blocked, .s-expected, .s-fixed, .s-built, .key, svg { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
h2, h3 { break-after: avoid; }
figure, tr { break-inside: avoid; }
}
";
