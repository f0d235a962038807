//! The shape of the project: which components there are, what packages each yields, and what it needs.
//!
//! Of 70 components:
//!
//! ```text
//! level 0   4  a base library with 10 packages, a web interface, a build helper, an almanac
//! level 1  10  9 need the base library, the core (6 packages) among them; 1 needs the interface in a minimum version
//! level 2  32  modules: need the core's development package; half of them name the base library too, a quarter use it
//!              and get it only through what that package depends on
//! others   24  small things; a third need the build helper; 2 are for Ubuntu alone
//! ```
//!
//! So another base library makes 41 others dirty, another core 32, another interface 1. At run time the core's
//! metapackage depends on all modules, they on the core, and neighbours on each other.

use super::words::{MODULES, PROGRAMS, TOOLS, number, word};

/// The base library.
pub const BASE: &str = "libskerry";
/// The core.
pub const CORE: &str = "skerry-core";
/// The web interface.
pub const WEB: &str = "skerry-web";
/// The program that needs the interface.
pub const ADMIN: &str = "skerry-admin";
/// The build helper.
pub const HELPER: &str = "skerry-build";
/// The fewest components that have the shape.
pub const FEWEST: usize = 8;

/// What a source is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Making {
    /// The base library.
    Base,
    /// The core.
    Core,
    /// The web interface.
    Web,
    /// A program in C or C++.
    Program,
    /// A shared object that the core loads.
    Plugin,
    /// A module of the core that is a script.
    Script,
    /// A script that stands alone.
    Tool,
}

/// What a source is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// C.
    C,
    /// C++.
    Cxx,
    /// Python.
    Python,
    /// Shell.
    Shell,
}

/// Families of packages for which something holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Families {
    /// Both.
    Both,
    /// Debian's alone.
    Deb,
    /// RPM's alone.
    Rpm,
}

/// A package of another source that is needed, by its Debian name, with its least version where there is one.
#[derive(Debug, Clone)]
pub struct Need {
    /// The package.
    pub package: String,
    /// Its least version.
    pub least: Option<String>,
    /// Where it is needed.
    pub families: Families,
}

/// A package that a source yields.
#[derive(Debug, Clone)]
pub struct Package {
    /// Its Debian name.
    pub name: String,
    /// Whether it is the same on every arch.
    pub independent: bool,
    /// Packages of the same source and version that it depends on.
    pub same: Vec<String>,
    /// Packages of others that it depends on.
    pub needs: Vec<Need>,
    /// What it holds: `LIB/` stands for the folder of libraries, `PY/` for that of Python's modules.
    pub files: Vec<String>,
}

/// A component.
#[derive(Debug, Clone)]
pub struct Component {
    /// Its name, and that of its source package.
    pub name: String,
    /// What it is made of.
    pub making: Making,
    /// What it is written in.
    pub language: Language,
    /// Its version, without a revision.
    pub version: String,
    /// What building it needs of other components.
    pub needs: Vec<Need>,
    /// Whether its source uses the base library.
    pub uses_base: bool,
    /// What it yields.
    pub packages: Vec<Package>,
    /// Whether it is for Ubuntu alone.
    pub ubuntu_only: bool,
    /// Whether it has a spec.
    pub has_spec: bool,
}

/// How many components of each level there are.
#[derive(Debug, Clone, Copy)]
struct Levels {
    tools: usize,
    programs: usize,
    admins: usize,
    modules: usize,
}

fn levels(components: usize) -> Levels {
    let share = |of: usize| (components * of + 35) / 70;
    let admins = share(1).max(1);
    // Base, core, interface and helper are there once; the rest of level 0 goes to what stands alone.
    let programs = share(9).max(2) - 1;
    let modules = share(32).max(1);
    Levels { tools: components - 4 - programs - admins - modules, programs, admins, modules }
}

/// The components, sorted by level.
pub fn components(count: usize, seed: u64) -> Vec<Component> {
    let levels = levels(count);
    let mut all = vec![base(seed), web(seed), helper(seed)];
    all.push(core(seed, levels.modules));
    all.extend((0..levels.programs).map(|place| program(seed, place)));
    all.extend((0..levels.admins).map(|place| admin(seed, place)));
    all.extend((0..levels.modules).map(|place| module(seed, place, levels.modules)));
    all.extend((0..levels.tools).map(|place| tool(seed, place)));
    all
}

/// A package's name in the other family: libraries lose the number of their interface, `-dev` is `-devel`.
pub fn rpm_name(deb: &str) -> String {
    match (deb.strip_suffix("-dev"), deb.strip_suffix('1')) {
        (Some(name), _) => format!("{name}-devel"),
        (None, Some(name)) if deb.starts_with("lib") => name.to_owned(),
        _ => deb.to_owned(),
    }
}

fn need(package: &str, least: Option<&str>, families: Families) -> Need {
    Need { package: package.to_owned(), least: least.map(str::to_owned), families }
}

fn package(name: &str, independent: bool, same: &[&str], files: &[&str]) -> Package {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    Package { name: name.to_owned(), independent, same: texts(same), needs: Vec::new(), files: texts(files) }
}

fn component(
    seed: u64,
    name: &str,
    making: Making,
    language: Language,
    head: &str,
    packages: Vec<Package>,
) -> Component {
    Component {
        name: name.to_owned(),
        making,
        language,
        version: format!("{head}.{}", number(seed, name, "version", 30)),
        needs: Vec::new(),
        uses_base: false,
        packages,
        ubuntu_only: false,
        has_spec: true,
    }
}

fn base(seed: u64) -> Component {
    let include = "usr/include/skerry";
    let packages = vec![
        package("libskerry1", false, &["skerry-common"], &["LIB/libskerry.so.1*"]),
        package("libskerry-dev", false, &["libskerry1"], &[&format!("{include}/base.h"), "LIB/libskerry.so"]),
        package("libskerry-net1", false, &[], &["LIB/libskerry-net.so.1*"]),
        package(
            "libskerry-net-dev",
            false,
            &["libskerry-net1", "libskerry-dev"],
            &[&format!("{include}/net.h"), "LIB/libskerry-net.so"],
        ),
        package("libskerry-text1", false, &[], &["LIB/libskerry-text.so.1*"]),
        package(
            "libskerry-text-dev",
            false,
            &["libskerry-text1", "libskerry-dev"],
            &[&format!("{include}/text.h"), "LIB/libskerry-text.so"],
        ),
        package("skerry-tools", false, &[], &["usr/bin/skerry-id"]),
        package("skerry-common", true, &[], &["usr/share/skerry/skerry.conf"]),
        package("python3-skerry", true, &["skerry-common"], &["PY/skerry.py"]),
        package("libskerry-doc", true, &[], &["usr/share/doc/libskerry/guide.txt"]),
    ];
    component(seed, BASE, Making::Base, Language::Cxx, "1.2", packages)
}

fn core(seed: u64, modules: usize) -> Component {
    let mut packages = vec![
        package("skerry-core", false, &["skerry-core-common"], &["usr/sbin/skerryd"]),
        package("libskerrycore1", false, &[], &["LIB/libskerrycore.so.1*"]),
        package(
            "skerry-core-dev",
            false,
            &["libskerrycore1"],
            &["usr/include/skerrycore", "LIB/libskerrycore.so", "usr/share/skerry-core/module.mk"],
        ),
        package("skerry-core-common", true, &[], &["usr/share/skerry-core/core.conf"]),
        package("skerry-core-full", true, &["skerry-core"], &["usr/share/skerry-core/full.txt"]),
        package("skerry-core-doc", true, &[], &["usr/share/doc/skerry-core/guide.txt"]),
    ];
    // What modules that use the base library without naming it get it through.
    packages[2].needs.push(need("libskerry-dev", Some("1.2"), Families::Both));
    for place in 0..modules {
        let families = if is_ported(place) { Families::Both } else { Families::Deb };
        packages[4].needs.push(need(&module_name(place), None, families));
    }
    let mut core = component(seed, CORE, Making::Core, Language::Cxx, "2.1", packages);
    core.needs.push(need("libskerry-dev", Some("1.2"), Families::Both));
    core.needs.push(need("libskerry-net-dev", None, Families::Both));
    core.uses_base = true;
    core
}

fn web(seed: u64) -> Component {
    let packages = vec![
        package("skerry-web", true, &[], &["usr/bin/skerry-web", "usr/share/skerry-web/skerry_web.py"]),
        package("skerry-web-dev", true, &["skerry-web"], &["usr/share/skerry-web/page.template"]),
    ];
    component(seed, WEB, Making::Web, Language::Python, "1.4", packages)
}

fn helper(seed: u64) -> Component {
    let files = [format!("usr/bin/{HELPER}")];
    component(seed, HELPER, Making::Tool, Language::Shell, "0.9", vec![package(HELPER, true, &[], &[&files[0]])])
}

fn program(seed: u64, place: usize) -> Component {
    let name = format!("skerry-{}", word(&PROGRAMS, place));
    let language = if place.is_multiple_of(3) { Language::C } else { Language::Cxx };
    let mut packages = vec![package(&name, false, &[], &[&format!("usr/bin/{name}")])];
    if place % 4 == 1 {
        packages.push(package(&format!("{name}-data"), true, &[], &[&format!("usr/share/{name}/data.txt")]));
        packages[0].same.push(format!("{name}-data"));
    }
    let mut made = component(seed, &name, Making::Program, language, "1.0", packages);
    // The families' graphs differ: some want the base library in one of them only, some more of the core in the other.
    made.uses_base = place % 8 != 5;
    let families = if made.uses_base { Families::Both } else { Families::Deb };
    made.needs.push(need("libskerry-dev", Some("1.2"), families));
    if place % 8 == 3 {
        made.needs.push(need("skerry-core-dev", None, Families::Rpm));
    }
    made
}

fn admin(seed: u64, place: usize) -> Component {
    let name = if place == 0 { ADMIN.to_owned() } else { format!("{ADMIN}-{}", place + 1) };
    let mut packages = vec![package(&name, true, &[], &[&format!("usr/bin/{name}")])];
    packages[0].needs.push(need("skerry-web", Some("1.4"), Families::Both));
    let mut made = component(seed, &name, Making::Tool, Language::Python, "1.1", packages);
    made.needs.push(need("skerry-web-dev", Some("1.4"), Families::Both));
    made
}

fn module_name(place: usize) -> String {
    format!("skerry-mod-{}", word(&MODULES, place))
}

/// Whether a module has a spec.
fn is_ported(place: usize) -> bool {
    place % 16 != 7
}

fn module(seed: u64, place: usize, modules: usize) -> Component {
    let name = module_name(place);
    let (making, language) = match place % 5 {
        1 => (Making::Script, Language::Python),
        3 => (Making::Script, Language::Shell),
        2 => (Making::Plugin, Language::Cxx),
        _ => (Making::Plugin, Language::C),
    };
    let (independent, file) = match making {
        Making::Script => (true, format!("usr/share/skerry-core/modules/{name}")),
        _ => (false, format!("LIB/skerry-core/{name}.so")),
    };
    let mut packages = vec![package(&name, independent, &[], &[&file])];
    let own = &mut packages[0];
    own.needs.push(need("skerry-core", Some("2.1"), Families::Both));
    // Neighbours name each other: at run time there are circles that no order of builds may follow.
    let neighbour = place ^ 1;
    if neighbour < modules && is_ported(place) && is_ported(neighbour) {
        own.needs.push(need(&module_name(neighbour), None, Families::Both));
    }
    if place % 5 == 4 {
        packages.push(package(&format!("{name}-doc"), true, &[], &[&format!("usr/share/doc/{name}/guide.txt")]));
    }
    let mut made = component(seed, &name, making, language, "0.4", packages);
    made.needs.push(need("skerry-core-dev", Some("2.1"), Families::Both));
    if place.is_multiple_of(2) {
        made.needs.push(need("libskerry-dev", Some("1.2"), Families::Both));
    }
    made.uses_base = making == Making::Plugin && (place.is_multiple_of(2) || place % 4 == 1);
    made.has_spec = is_ported(place);
    made
}

fn tool(seed: u64, place: usize) -> Component {
    let name = format!("skerry-{}", word(&TOOLS, place));
    let (making, language) = match place % 4 {
        0 => (Making::Program, Language::C),
        1 => (Making::Tool, Language::Python),
        _ => (Making::Tool, Language::Shell),
    };
    let mut packages = vec![package(&name, making == Making::Tool, &[], &[&format!("usr/bin/{name}")])];
    if place.is_multiple_of(8) {
        packages.push(package(&format!("{name}-data"), true, &[], &[&format!("usr/share/{name}/data.txt")]));
    }
    let mut made = component(seed, &name, making, language, "3.0", packages);
    if place % 4 == 3 || place % 12 == 2 {
        made.needs.push(need(HELPER, None, Families::Both));
    }
    made.ubuntu_only = [17, 18].contains(&(place % 25));
    made.has_spec = !made.ubuntu_only;
    made
}
