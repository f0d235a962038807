//! Components with specs, built for a small RPM distribution.

use crate::space::Space;
use crate::space::mini::{Mini, mini, spec};

const ONE_FILE: &str =
    "%install\ninstall -D -m 644 README %{buildroot}%{_datadir}/%{name}/README\n%files\n%{_datadir}/%{name}\n";

/// Else rpm looks for the sources of what was compiled.
const NOTHING_COMPILED: &str = "%global debug_package %{nil}";

/// What rpm prints of the packages in an output, each in the order of names.
pub fn told(space: &Space, node: &str, output: &str, format: &str) -> Vec<String> {
    let folder = space.folder.join("told");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("makes folders");
    let store = space.open_store();
    let files = space.files(node, output);
    let told = files.iter().map(|(name, digest)| {
        let bytes = store.read_object(digest.parse().expect("a digest"), 1 << 30).expect("reads");
        let file = folder.join(name.rsplit('/').next().expect("a name"));
        std::fs::write(&file, bytes).expect("writes");
        let mut rpm = std::process::Command::new("rpm");
        let ran = rpm.args(["--query", "--nosignature", "--queryformat", format, "--package"]).arg(&file).output();
        let ran = ran.expect("runs");
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        space.shown(&String::from_utf8_lossy(&ran.stdout))
    });
    told.collect()
}

#[test]
fn specs_ask_for_packages_of_the_project_by_other_names() {
    let Some(mini) = mini("rpm-names") else { return };
    let Mini { space, .. } = &mini;
    mini.component("md", "aliases: #{ \"libmd-TAG-dev\": \"md-TAG\" }", &spec("md", NOTHING_COMPILED, ONE_FILE));
    let head = format!("{NOTHING_COMPILED}\nBuildRequires: libmd-TAG-dev");
    mini.component("viewer", "", &spec("viewer", &head, ONE_FILE));
    space.opb(&["update", "@mini-1"]).fine();
    space.opb(&["build"]).fine();
    let list = space.text("resolve:viewer-TAG@mini-1/amd64", "list");
    assert!(space.shown(&list).contains("md-TAG "), "{list}");
    // A change of the recipe alone keeps that.
    mini.component("viewer", "env: #{ X: \"2\" }", &spec("viewer", &head, ONE_FILE));
    space.opb(&["build"]).fine();
}

#[test]
fn a_chain_is_built_in_its_order_and_by_what_was_built_before() {
    let Some(mini) = mini("rpm-chain") else { return };
    let Mini { space, .. } = &mini;
    let library = |name: &str, needs: &str, at_run_time: &str| {
        let pc = format!("%{{_libdir}}/pkgconfig/{name}-TAG.pc");
        let packages = format!(
            "%install\nmkdir -p %{{buildroot}}%{{_libdir}}/pkgconfig\n\
             printf 'Name: x\\nDescription: x\\nVersion: 1.0\\n' > %{{buildroot}}{pc}\n%files\n%files devel\n{pc}\n"
        );
        // What finds out which modules of pkg-config a package has is pkg-config itself.
        let devel = format!(
            "{NOTHING_COMPILED}\nBuildRequires: pkgconf-pkg-config\n{needs}\n%package devel\nSummary: x\n{at_run_time}\n%description devel\nx\n"
        );
        mini.component(name, "", &spec(name, &devel, &packages));
    };
    library("md", "", "");
    // Whoever is built with it needs the other one too, and says so nowhere.
    library("bsd", "BuildRequires: pkgconfig(md-TAG)", "Requires: md-TAG-devel");
    let uses = &format!("{NOTHING_COMPILED}\nBuildRequires: bsd-TAG-devel, pkgconf-pkg-config");
    let checks = format!("%build\npkg-config --exists md-TAG bsd-TAG\n{ONE_FILE}");
    mini.component("viewer", "", &spec("viewer", uses, &checks));
    space.opb(&["update", "@mini-1"]).fine();
    let ran = space.opb(&["build"]).fine();
    let place = |node: &str| ran.nodes("done").iter().position(|done| *done == space.own(node)).expect(node);
    assert!(place("build:md-TAG@mini-1/amd64") < place("resolve:bsd-TAG@mini-1/amd64"));
    assert!(place("build:bsd-TAG@mini-1/amd64") < place("resolve:viewer-TAG@mini-1/amd64"));
    let list = space.text("resolve:viewer-TAG@mini-1/amd64", "list");
    let ours: Vec<&str> = list.lines().filter(|line| line.contains(" component:")).collect();
    let names: Vec<String> = ours.iter().map(|line| space.shown(line.split(' ').next().expect("a name"))).collect();
    assert_eq!(names, ["bsd-TAG-devel", "md-TAG-devel"], "{list}");
    let format = "%{NAME} %{VERSION}-%{RELEASE} %{ARCH} %{BUILDHOST} %{VENDOR} %{SOURCERPM}\\n";
    assert_eq!(
        told(space, "build:bsd-TAG@mini-1/amd64", "packages", format),
        [
            "bsd-TAG 1.0-1.1.mr1 x86_64 opb mini bsd-TAG-1.0-1.1.mr1.src.rpm",
            "bsd-TAG-devel 1.0-1.1.mr1 x86_64 opb mini bsd-TAG-1.0-1.1.mr1.src.rpm",
        ]
    );
    assert_eq!(space.opb(&["build"]).fine().nodes("done"), [""; 0], "nothing is left to do");
    // A change at the bottom whose packages come out as before goes no further.
    space.write("md/README", "Another text, which no package has.\n");
    let ran = space.opb(&["build"]).fine();
    let moved = ran.nodes("done");
    assert!(!moved.iter().any(|node| node.contains("bsd-")), "{}", ran.err);
}

#[test]
fn two_builds_are_the_same_to_the_last_byte() {
    let Some(mini) = mini("rpm-reproducible") else { return };
    let Mini { space, .. } = &mini;
    space.write("tool/tool.c", "#include <stdio.h>\nint main(void) { puts(\"tool\"); return 0; }\n");
    let compiled = "%build\ngcc -g -O2 -o tool tool.c\n%install\ninstall -D tool %{buildroot}%{_bindir}/tool-TAG\n\
                    install -D -m 644 README %{buildroot}%{_datadir}/%{name}/README\n%files\n%{_bindir}/tool-TAG\n\
                    %files data\n%{_datadir}/%{name}\n";
    let head = "BuildRequires: gcc\n%package data\nSummary: x\nBuildArch: noarch\n%description data\nx\n";
    mini.component("tool", "", &spec("tool", head, compiled));
    space.opb(&["update", "@mini-1"]).fine();
    space.opb(&["build"]).fine();
    let (any, all) = ("build:tool-TAG@mini-1/amd64", "build:tool-TAG@mini-1/all");
    assert_eq!(space.packages(any), ["tool-TAG-1.0-1.1.mr1.x86_64.rpm"]);
    assert_eq!(space.packages(all), ["tool-TAG-data-1.0-1.1.mr1.noarch.rpm"], "once, and not for each arch");
    let debug: Vec<String> = space.files(any, "debug").iter().map(|(name, _)| space.shown(name)).collect();
    assert_eq!(debug, ["tool-TAG-debuginfo-1.0-1.1.mr1.x86_64.rpm", "tool-TAG-debugsource-1.0-1.1.mr1.x86_64.rpm"]);
    // When it was built is when its changelog says, noon of that day, whatever the clock says.
    assert_eq!(told(space, any, "packages", "%{BUILDTIME} %{FILEMTIMES}\\n"), ["1793620800 1793620800"]);
    // The number of the build is in its changelog, above what the spec says.
    let entries = told(space, any, "packages", "[%{CHANGELOGNAME}: %{CHANGELOGTEXT};]\\n");
    let [entries] = &entries[..] else { panic!("{entries:?}") };
    assert!(
        entries.ends_with("- 1.0-1.1.mr1: - Rebuilt by opb.;A test <test@example.org> - 1.0-1: - First.;"),
        "{entries}"
    );
    let before = [space.files(any, "packages"), space.files(any, "debug"), space.files(all, "packages")];
    let ran = space.opb(&["build", "--again", "tool-TAG"]).fine();
    assert_eq!(ran.nodes("same").len(), 2, "{}", ran.err);
    assert_eq!(before, [space.files(any, "packages"), space.files(any, "debug"), space.files(all, "packages")]);
}

#[test]
fn a_rebuild_that_differs_in_its_number_alone_is_kept() {
    let Some(mini) = mini("rpm-kept") else { return };
    let Mini { space, .. } = &mini;
    mini.component("data", "", &spec("data", NOTHING_COMPILED, ONE_FILE));
    space.write("tool/tool.c", "int main(void) { return 0; }\n");
    let compiled = "%build\ngcc -g -O2 -o tool tool.c\n%install\ninstall -D tool %{buildroot}%{_bindir}/tool-TAG\n\
                    %files\n%{_bindir}/tool-TAG\n";
    mini.component("tool", "", &spec("tool", "BuildRequires: gcc data-TAG", compiled));
    space.opb(&["update", "@mini-1"]).fine();
    space.opb(&["build"]).fine();
    let node = "build:tool-TAG@mini-1/amd64";
    let before = [space.files(node, "packages"), space.files(node, "debug")];
    space.write("data/README", "Another text, which its package has.\n");
    let ran = space.opb(&["build"]).fine();
    assert_eq!(ran.nodes("kept"), [space.own(node)], "{}", ran.err);
    assert_eq!(before, [space.files(node, "packages"), space.files(node, "debug")], "also its debug symbols");
    assert_eq!(space.packages("build:data-TAG@mini-1/amd64"), ["data-TAG-1.0-1.2.mr1.x86_64.rpm"]);
}

#[test]
fn switches_and_macros_of_the_recipe_reach_the_spec() {
    let Some(mini) = mini("rpm-switches") else { return };
    let Mini { space, .. } = &mini;
    let head = "%bcond_without docs\n%bcond_with tests\n";
    let says = "%install\nmkdir -p %{buildroot}%{_datadir}/%{name}\n\
                echo %{with docs} %{with tests} %{?color} ${V:-none} > %{buildroot}%{_datadir}/%{name}/said\n\
                %check\ngrep -q '^0 1 blue loud$' %{buildroot}%{_datadir}/%{name}/said\n%files\n%{_datadir}/%{name}\n";
    let recipe = "build: spec(\"rpm/said-TAG.spec\", #{ bcond: [\"-docs\", \"+tests\"], define: #{ color: \"blue\" } }), \
                  env: #{ V: \"loud\" },";
    mini.component("said", recipe, &format!("{head}{}", spec("said", "", says)));
    space.opb(&["update", "@mini-1"]).fine();
    space.opb(&["build"]).fine();
    assert_eq!(space.packages("build:said-TAG@mini-1/amd64"), ["said-TAG-1.0-1.1.mr1.x86_64.rpm"]);
}

#[test]
fn a_failing_build_is_told_with_the_lines_that_matter() {
    let Some(mini) = mini("rpm-failing") else { return };
    let Mini { space, .. } = &mini;
    mini.component("broken", "", &spec("broken", "", &format!("%build\ncat nowhere\n{ONE_FILE}")));
    space.opb(&["update", "@mini-1"]).fine();
    let ran = space.opb(&["build", "--only", "build:broken-TAG@mini-1/amd64"]).exits(4);
    let said = "  the script failed with exit code 1\n      cat: nowhere: No such file or directory\n      error: Bad exit status from";
    let ran = ran.says(said).says(" (%build)\n");
    let shell = space.own("or look around with `opb shell build:broken-TAG@mini-1/amd64`");
    assert!(ran.err.contains(&shell), "{}", ran.err);
}

/// Chooses packages for a component with these needs, and gives what was said.
fn chosen(mini: &Mini, name: &str, recipe: &str, needs: &str) -> crate::space::Ran {
    mini.component(name, recipe, &spec(name, &format!("{NOTHING_COMPILED}\n{needs}"), ONE_FILE));
    mini.space.opb(&["build", "--only", &format!("resolve:{name}-TAG@mini-1/amd64")])
}

/// The packages beyond the base that were chosen for a component, with their versions.
fn beyond(space: &Space, name: &str) -> Vec<String> {
    let list = space.text(&format!("resolve:{name}-TAG@mini-1/amd64"), "list");
    let beyond = list.lines().filter(|line| line.ends_with(" component"));
    beyond.map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn packages_are_chosen_as_dnf_chooses_them() {
    let Some(mini) = mini("rpm-choosing") else { return };
    let Mini { space, .. } = &mini;
    space.opb(&["update", "@mini-1"]).fine();
    for (name, needs, wanted) in [
        ("newest", "BuildRequires: autoconf-archive", &["autoconf-archive 1.10-1.mr1"][..]),
        ("older", "BuildRequires: autoconf-archive < 1.10", &["autoconf-archive 1.9-1.mr1"]),
        ("weak", "BuildRequires: docbook-style-xsl", &["docbook-style-xsl 1-1.mr1"]),
        ("rich", "BuildRequires: (asciidoctor or asciidoc)", &["asciidoc 1-1.mr1"]),
        ("list", "BuildRequires: unicode-tools", &["unicode-tools 1-1.mr1", "unicode-ucd 1-1.mr1"]),
        ("file", "BuildRequires: /usr/share/docbook/style.txt", &["docbook-style-doc 1-1.mr1"]),
    ] {
        chosen(&mini, name, "", needs).fine();
        assert_eq!(beyond(space, name), wanted, "{needs}");
    }
    for (name, stream) in [("eighteen", "18"), ("twenty", "20")] {
        let recipe = format!("modules: #{{ \"@mini-1/*\": [\"nodejs:{stream}\"] }},");
        chosen(&mini, name, &recipe, "BuildRequires: nodejs").fine();
        assert_eq!(beyond(space, name), [format!("nodejs {stream}.1.0-1.module_mr1")]);
    }
}

#[test]
fn what_cannot_be_chosen_is_told_with_its_reason() {
    let Some(mini) = mini("rpm-unmet") else { return };
    let Mini { space, .. } = &mini;
    space.opb(&["update", "@mini-1"]).fine();
    let said = |name: &str, recipe: &str, needs: &str| {
        let ran = chosen(&mini, name, recipe, needs).exits(2);
        let lines = ran.err.lines().skip_while(|line| !line.starts_with("error")).skip(1);
        let told: Vec<&str> = lines.take_while(|line| line.starts_with("  ")).collect();
        space.shown(&told.join("\n"))
    };
    insta::assert_snapshot!(said("missing", "", "BuildRequires: nowhere >= 2"), @r###"
    cannot choose packages:
        nothing provides nowhere >= 2 needed by the build
    help: check names and versions; if something was meant to come from a component, add that one to `needs`, or give the name that is asked for as one of its `aliases`
    "###);
    // How the base's package is versioned, the host decides.
    let conflict = said("conflict", "", "BuildRequires: coreutils-single");
    let first = "cannot choose packages:\n      package coreutils-single-1-1.mr1.noarch conflicts with coreutils provided by mini-base-";
    assert!(conflict.trim_start().starts_with(first), "{conflict}");
    assert!(
        conflict.contains("\n      the build requires coreutils-single, but none of the providers can be installed\n")
    );
    insta::assert_snapshot!(said("refused", "", "BuildRequires: unicode-tools\nBuildConflicts: unicode-ucd"), @r###"
    cannot choose packages:
        package unicode-tools-1-1.mr1.noarch requires /usr/share/unicode/ucd/UnicodeData.txt, but none of the providers can be installed
        the build requires unicode-tools, but none of the providers can be installed
        the build conflicts with unicode-ucd provided by unicode-ucd-1-1.mr1.noarch
    help: check names and versions; if something was meant to come from a component, add that one to `needs`, or give the name that is asked for as one of its `aliases`
    "###);
    insta::assert_snapshot!(said("stream", "modules: #{ \"@mini-1/*\": [\"nodejs:19\"] },", "BuildRequires: nodejs"), @r###"
    cannot enable the module streams `nodejs:19`: Problems in request: missing groups or modules: nodejs:19
    help: correct `modules` in the recipe or in the distro's file
    "###);
    mini.distro(&[("buildsys-build", "buildsys-bild")]);
    insta::assert_snapshot!(said("group", "", ""), @r###"
    no repository of the distro has the group `buildsys-bild`; did you mean `buildsys-build`?
    help: correct `groups` of `base` in the distro's file, or name packages in `add`
    not run because of it: 1 node
    "###);
}

#[test]
fn what_the_project_makes_is_not_taken_from_the_distribution() {
    let Some(mini) = mini("rpm-ours") else { return };
    let Mini { space, .. } = &mini;
    mini.distro(&[("[\"base\"]", "[\"base\", \"updates\"]")]);
    // The distribution's has a higher version, and provides all that its users ask for.
    let head = format!(
        "{NOTHING_COMPILED}\nBuildRequires: pkgconf-pkg-config\n%package -n libmd-devel\nSummary: x\nVersion: 1\n\
         Provides: libmd = 1\n%description -n libmd-devel\nx\n"
    );
    let packages = "%install\nmkdir -p %{buildroot}%{_libdir}/pkgconfig\n\
                    printf 'Name: x\\nDescription: x\\nVersion: 1.0\\n' > %{buildroot}%{_libdir}/pkgconfig/libmd.pc\n\
                    %files\n%files -n libmd-devel\n%{_libdir}/pkgconfig/libmd.pc\n";
    mini.component("md", "", &spec("md", &head, packages));
    mini.component(
        "user",
        "",
        &spec("user", &format!("{NOTHING_COMPILED}\nBuildRequires: pkgconfig(libmd)"), ONE_FILE),
    );
    space.opb(&["update", "@mini-1"]).fine();
    space.opb(&["build", "user-TAG"]).fine();
    assert_eq!(beyond(space, "user")[0], "libmd-devel 1-1.1.mr1");
    // Nothing says that this one needs the component, since what it asks for is a file of the distribution's package.
    let needs = format!("{NOTHING_COMPILED}\nBuildRequires: /usr/share/libmd-devel/which");
    mini.component("other", "", &spec("other", &needs, ONE_FILE));
    let ran = space.opb(&["build", "--only", "resolve:other-TAG@mini-1/amd64"]).exits(2);
    let ran = ran.says("the package `libmd-devel` would come from the distribution, but the component `md-");
    ran.says("to the recipe, so that the package that was built here is used");
}
