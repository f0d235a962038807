//! The sources: small programs that really build, without their packaging.

use super::shape::{ADMIN, Component, HELPER, Language, Making};
use super::words::{fill, number};

/// A file of a source: its path below the source's folder, and its text.
pub type File = (String, String);

/// The files of a component's source.
pub fn files(component: &Component, seed: u64) -> Vec<File> {
    let values = Values::new(component, seed);
    let mut files = vec![("README".to_owned(), readme(component, seed))];
    let templates: &[(&str, &str)] = match (component.making, component.language) {
        (Making::Base, _) => &BASE,
        (Making::Core, _) => &CORE,
        (Making::Web, _) => &WEB,
        (Making::Program, _) => &PROGRAM,
        (Making::Plugin, _) => &PLUGIN,
        (Making::Script, Language::Python) => &[("Makefile", SCRIPT_MK), ("@NAME@.in", SCRIPT_PY)],
        (Making::Script, _) => &[("Makefile", SCRIPT_MK), ("@NAME@.in", SCRIPT_SH)],
        (Making::Tool, Language::Python) => &[("Makefile", TOOL_MK), ("@NAME@.in", SCRIPT_PY)],
        (Making::Tool, _) if component.name == HELPER => &[("Makefile", TOOL_MK), ("@NAME@.in", HELPER_SH)],
        (Making::Tool, _) => &[("Makefile", TOOL_MK), ("@NAME@.in", SCRIPT_SH)],
    };
    files.extend(templates.iter().map(|(path, template)| (values.fill(path), values.fill(template))));
    if component.packages.iter().any(|package| package.name.ends_with("-data")) {
        files.push(("data.txt".to_owned(), padding(component, seed, "data", 40)));
    }
    if component.packages.iter().any(|package| package.name.ends_with("-doc")) {
        files.push(("guide.txt".to_owned(), padding(component, seed, "guide", 40)));
    }
    files
}

/// A sentence on what a component is.
pub fn summary(component: &Component) -> String {
    let what = match component.making {
        Making::Base => "base library of a made-up vendor",
        Making::Core => "core daemon of a made-up vendor",
        Making::Web => "web interface of a made-up vendor",
        Making::Program => "program of a made-up vendor",
        Making::Plugin | Making::Script => "module of a made-up vendor's core",
        Making::Tool => "small tool of a made-up vendor",
    };
    what.to_owned()
}

/// The values of the words between two `@` in a template.
struct Values(Vec<(&'static str, String)>);

impl Values {
    fn new(component: &Component, seed: u64) -> Self {
        let name = &component.name;
        let n = |what: &str| (number(seed, name, what, 60_000) + 1).to_string();
        let cxx = component.language == Language::Cxx;
        let compile = if cxx { "$(CXX) $(CXXFLAGS)" } else { "$(CC) $(CFLAGS)" };
        let libs = match (component.uses_base, cxx) {
            (true, true) => "-lskerry",
            _ => "",
        };
        let include = if component.uses_base { "#include <skerry/base.h>\n" } else { "" };
        let answer = match (component.uses_base, cxx) {
            (true, true) => format!("skerry_spread(answer) + skerry::mix(\"{name}\")"),
            (true, false) => "skerry_spread(answer)".to_owned(),
            (false, _) => "answer".to_owned(),
        };
        let making = if name.starts_with(ADMIN) {
            "test -s /usr/share/skerry-web/page.template\n\tsed 's/%API%//' $< > $@"
        } else if component.needs.iter().any(|need| need.package == HELPER) {
            "skerry-build $< > $@"
        } else {
            "sed 's/%API%//' $< > $@"
        };
        let more = component.packages.iter().find_map(|package| {
            let end = if package.name.ends_with("-data") {
                "data"
            } else {
                package.name.strip_suffix("-doc").map(|_| "doc")?
            };
            Some(match end {
                "data" => format!("\n\tinstall -D -m 644 data.txt $(DESTDIR)$(PREFIX)/share/{name}/data.txt"),
                _ => format!("\n\tinstall -D -m 644 guide.txt $(DESTDIR)$(PREFIX)/share/doc/{name}/guide.txt"),
            })
        });
        Self(vec![
            ("NAME", name.clone()),
            ("IDENT", name.replace(['-', '.', '+'], "_")),
            ("VERSION", component.version.clone()),
            ("SUMMARY", summary(component)),
            ("EXT", if cxx { "cpp" } else { "c" }.to_owned()),
            ("EXTERN", if cxx { "extern \"C\" " } else { "" }.to_owned()),
            ("COMPILE", compile.to_owned()),
            ("LIBS", libs.to_owned()),
            ("INCLUDE", include.to_owned()),
            ("ANSWER", answer),
            ("MAKING", making.to_owned()),
            ("INTERPRETER", if component.language == Language::Python { "python3" } else { "sh" }.to_owned()),
            ("DATA", more.unwrap_or_default()),
            ("N1", n("one")),
            ("N2", n("two")),
            ("N3", n("three")),
            ("N4", (number(seed, name, "four", 9) + 2).to_string()),
        ])
    }

    fn fill(&self, template: &str) -> String {
        let values: Vec<(&str, &str)> = self.0.iter().map(|(key, value)| (*key, value.as_str())).collect();
        fill(template, &values)
    }
}

fn readme(component: &Component, seed: u64) -> String {
    format!("{}: {}.\n\n{}", component.name, summary(component), padding(component, seed, "readme", 12))
}

/// Lines that no other component has.
fn padding(component: &Component, seed: u64, what: &str, lines: u64) -> String {
    let line = |place: u64| {
        let value = number(seed, &component.name, &format!("{what} {place}"), u64::MAX);
        format!("{place:3}  {}  {value:020}\n", component.name)
    };
    (0..lines).map(line).collect()
}

const BASE: [(&str, &str); 12] = [
    ("Makefile", include_str!("templates/base.mk")),
    ("include/skerry/base.h", include_str!("templates/base.h")),
    ("include/skerry/net.h", include_str!("templates/base-net.h")),
    ("include/skerry/text.h", include_str!("templates/base-text.h")),
    ("src/base.cpp", include_str!("templates/base.cpp")),
    ("src/net.cpp", include_str!("templates/base-net.cpp")),
    ("src/text.cpp", include_str!("templates/base-text.cpp")),
    ("src/id.cpp", include_str!("templates/base-id.cpp")),
    ("skerry.py", include_str!("templates/base.py")),
    ("skerry.conf", "name = skerry\nversion = @VERSION@\n"),
    ("version.id", "0.0.0\n"),
    (".gitignore", "*.o\n*.so\n*.so.1\n"),
];

const CORE: [(&str, &str); 9] = [
    ("Makefile", include_str!("templates/core.mk")),
    ("include/skerrycore/module.h", include_str!("templates/core-module.h")),
    ("src/core.cpp", include_str!("templates/core.cpp")),
    ("src/daemon.cpp", include_str!("templates/core-daemon.cpp")),
    ("module.mk", include_str!("templates/core-modules.mk")),
    ("core.conf", "name = skerryd\nport = @N3@\n"),
    ("full.txt", "With this package come all modules.\n"),
    ("version.id", "0.0.0\n"),
    (".gitignore", "*.o\n*.so\n*.so.1\n"),
];

const WEB: [(&str, &str); 4] = [
    ("Makefile", include_str!("templates/web.mk")),
    ("skerry_web.py", include_str!("templates/web.py")),
    ("skerry-web.in", "#!/bin/sh\nexec python3 %PREFIX%/share/skerry-web/skerry_web.py \"$@\"\n"),
    ("page.template", "<!doctype html>\n<title>skerry @VERSION@</title>\n"),
];

const PROGRAM: [(&str, &str); 5] = [
    ("Makefile", include_str!("templates/program.mk")),
    ("src/main.@EXT@", include_str!("templates/program-main.txt")),
    ("src/work.@EXT@", include_str!("templates/program-work.txt")),
    ("src/work.h", include_str!("templates/program-work.h")),
    ("version.id", "0.0.0\n"),
];

const PLUGIN: [(&str, &str); 2] =
    [("Makefile", include_str!("templates/plugin.mk")), ("src/module.@EXT@", include_str!("templates/plugin.txt"))];

const SCRIPT_MK: &str = include_str!("templates/script.mk");
const SCRIPT_PY: &str = include_str!("templates/script.py");
const SCRIPT_SH: &str = include_str!("templates/script.sh");
const TOOL_MK: &str = include_str!("templates/tool.mk");
const HELPER_SH: &str = include_str!("templates/helper.sh");
