//! The recipes, and the project's own settings.

use super::shape::{BASE, Component, Making};
use super::sources::{File, summary};
use super::words::number;

const SETTINGS: &str = "maintainer = \"Skerry packages <packages@skerry.example>\"

[channel.nightly]
origin = \"Skerry\"
label = \"Skerry nightly\"
";

const SHARED: &str = r##"// What many recipes share.

// Flags of compiled code. Only the family matters, so a recipe runs once for each.
fn careful() {
    #{
        DEB_BUILD_MAINT_OPTIONS: if target.family == "deb" { "hardening=+all" },
        SKERRY_FLAGS: "careful",
    }
}

// The same with a level.
fn at_level(level) {
    let flags = careful();
    flags.SKERRY_LEVEL = level;
    flags
}
"##;

/// Everything that is no source, no distro and no lock.
pub fn files(components: &[Component], seed: u64) -> Vec<File> {
    let mut files = vec![
        ("opb.toml".to_owned(), SETTINGS.to_owned()),
        (".gitignore".to_owned(), "/store/\n".to_owned()),
        ("recipes/lib/skerry.rhai".to_owned(), SHARED.to_owned()),
    ];
    files.extend(components.iter().map(|each| (format!("recipes/{}.rhai", each.name), recipe(each, seed))));
    files
}

fn recipe(component: &Component, seed: u64) -> String {
    let name = &component.name;
    let build = if component.has_spec { "native()" } else { "debian()" };
    let mut fields = vec![format!("source: path(\"sources/{name}\")"), format!("build:  {build}")];
    let compiled = matches!(component.making, Making::Base | Making::Core | Making::Program | Making::Plugin);
    if matches!(component.making, Making::Base | Making::Core | Making::Program) {
        fields.push("stamp:  [\"version.id\"]".to_owned());
    }
    let mut lines: Vec<&str> = Vec::new();
    let mut head = format!("// A {}.\n", summary(component));
    match (compiled, number(seed, name, "recipe", 4)) {
        (true, 0) => fields.push("env:    skerry::at_level(\"2\")".to_owned()),
        (true, _) => fields.push("env:    skerry::careful()".to_owned()),
        (false, 1) => fields.push("env:    #{ SKERRY_PLACE: target.codename }".to_owned()),
        (false, _) => {}
    }
    if compiled {
        head.push_str("import \"lib/skerry\" as skerry;\n");
    }
    if name == BASE {
        lines.push("[\"@debian-13/*\", #{ profiles: [\"nocheck\"] }]");
    }
    if !component.ubuntu_only && number(seed, name, "on", 5) == 0 {
        lines.push("[\"@ubuntu-*\", #{ env: #{ SKERRY_SHOP: \"yes\" } }]");
    }
    if !component.ubuntu_only && number(seed, name, "known failure", 12) == 0 {
        lines.push("[\"@debian-13/arm64\", #{ may_fail: \"emulation is slow\", expires: \"2038-01-01\" }]");
    }
    if component.ubuntu_only {
        fields.push("targets: [\"@ubuntu-*\"]".to_owned());
        fields.push("area:   \"shop\"".to_owned());
    }
    if !lines.is_empty() {
        let lines: String = lines.iter().map(|line| format!("        {line},\n")).collect();
        fields.push(format!("on: [\n{lines}    ]"));
    }
    let fields: String = fields.iter().map(|field| format!("    {field},\n")).collect();
    format!("{head}#{{\n{fields}}}\n")
}
