mod closure;
mod extra;
mod failing;

use std::process::Command;
use std::time::Instant;

use proptest::prelude::*;

use super::*;
use crate::drv::SharedTable;
use crate::package::index;

/// Entries of the form `name version; Field: value; …`, one a line.
fn entries(text: &str) -> Vec<IndexEntry> {
    let mut packages = String::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let mut parts = line.split(';').map(str::trim);
        let (name, version) = parts.next().and_then(|head| head.split_once(' ')).expect("a name and a version");
        let fields: Vec<&str> = parts.collect();
        let arch =
            if fields.iter().any(|field| field.starts_with("Architecture")) { "" } else { "Architecture: amd64\n" };
        let digest = Sha256::of(line.as_bytes());
        packages += &format!("Package: {name}\nVersion: {version}\n{arch}");
        packages += &fields.iter().map(|field| format!("{field}\n")).collect::<String>();
        packages += &format!("Filename: pool/{name}.deb\nSize: 5\nSHA256: {digest}\n\n");
    }
    index::read(&packages).expect("good")
}

const BASE: &str = "
    dpkg 1; Essential: yes; Pre-Depends: libc6 (>= 2)
    base-files 12; Essential: yes; Depends: awk
    libc6 2.36; Depends: libgcc
    libgcc 12; Depends: libc6
    gawk 5; Provides: awk
    mawk 1.3; Provides: awk; Priority: required
    apt 2.6; Depends: libmd0 (>= 1)
    build-essential 12; Depends: gcc | c-compiler, make
    gcc 12; Provides: c-compiler
    make 4; Recommends: make-doc
    make-doc 4
    libmd0 1.0
    libmd-dev 1.0; Depends: libmd0 (= 1.0)
    debhelper 13.11; Provides: debhelper-compat (= 12), debhelper-compat (= 13); Architecture: all
    hello 2.10
";

fn universe(text: &str) -> Universe {
    Universe::new("amd64", vec![entries(&format!("{BASE}{text}"))]).expect("good")
}

/// As [`super::resolve`], without extra repositories.
fn resolve(
    universe: &Universe,
    ours: &[OurPackage],
    question: &Resolve,
    base: Option<&PackageList>,
) -> Result<PackageList, SolveError> {
    super::resolve((universe, &[]), ours, question, base)
}

fn question(needs: &[&str]) -> Resolve {
    Resolve {
        family: "deb".to_owned(),
        arch: "amd64".to_owned(),
        needs: needs.iter().map(|need| (*need).to_owned()).collect(),
        conflicts: Vec::new(),
        variant: "buildd".to_owned(),
        add: Vec::new(),
        profiles: Vec::new(),
        first_alternative: true,
        ours: SharedTable::default(),
        extra: Vec::new(),
        asks: None,
        tests: None,
    }
}

fn of_libmd() -> SharedTable {
    SharedTable::new(["libmd0", "libmd-dev"].map(|name| (name.to_owned(), "libmd".to_owned())).into())
}

fn ours(component: &str, control: &str) -> OurPackage {
    OurPackage {
        component: component.parse().expect("good"),
        control: format!("{control}\n"),
        sha256: Sha256::of(control.as_bytes()),
        size: 7,
    }
}

/// The names that `needs` add to the base, with their versions.
fn added(universe: &Universe, question: &Resolve) -> String {
    match resolve(universe, &[], question, None) {
        Ok(list) => shown(&list, Layer::Component),
        Err(error) => error.to_string(),
    }
}

fn shown(list: &PackageList, layer: Layer) -> String {
    list.layer(layer).map(|one| format!("{} {}", one.name, one.version)).collect::<Vec<_>>().join(", ")
}

#[test]
fn the_base_is_what_is_essential_with_apt_and_build_essential() {
    let universe = universe("");
    let list = resolve(&universe, &[], &question(&[]), None).expect("good");
    assert_eq!(
        shown(&list, Layer::Base),
        "apt 2.6, base-files 12, build-essential 12, dpkg 1, gcc 12, libc6 2.36, libgcc 12, libmd0 1.0, make 4, mawk 1.3"
    );
    assert_eq!(list.layer(Layer::Component).count(), 0);
    assert!(list.get("dpkg").expect("there").essential && !list.get("apt").expect("there").essential);
    let more = Resolve { add: vec!["make-doc".to_owned()], variant: "essential".to_owned(), ..question(&[]) };
    let list = resolve(&universe, &[], &more, None).expect("good");
    assert_eq!(shown(&list, Layer::Base), "base-files 12, dpkg 1, libc6 2.36, libgcc 12, make-doc 4, mawk 1.3");
    let odd = Resolve { variant: "huge".to_owned(), ..question(&[]) };
    assert_eq!(added(&universe, &odd), "`huge` is no variant of a base");
}

#[test]
fn the_newest_version_wins_and_the_first_suite_where_they_are_equal() {
    let suites = |first: &str, second: &str| {
        let suites = vec![entries(&format!("{BASE}{first}")), entries(second)];
        let universe = Universe::new("amd64", suites).expect("good");
        resolve(&universe, &[], &question(&["x"]), None).expect("good").get("x").expect("there").clone()
    };
    assert_eq!(suites("x 1", "x 1+deb12u1").version.as_str(), "1+deb12u1");
    assert_eq!(suites("x 2", "x 1").version.as_str(), "2");
    assert_eq!(suites("x 1; Priority: extra", "x 1").sha256, Sha256::of(b"x 1; Priority: extra"));
}

#[test]
fn provides_alternatives_and_restrictions() {
    let universe = universe(
        "a 1; Depends: nothing | b
         b 1; Multi-Arch: allowed; Provides: virtual
         c 1; Provides: virtual; Priority: standard
         d 1; Provides: versioned (= 3)
         e 1; Depends: make-doc | gcc",
    );
    let check = |needs: &[&str], wanted: &str| assert_eq!(added(&universe, &question(needs)), wanted, "{needs:?}");
    check(&["debhelper-compat (= 13)"], "debhelper 13.11");
    check(&["a"], "a 1, b 1");
    check(&["virtual"], "c 1");
    check(&["virtual:any"], "b 1");
    check(&["versioned (>= 2)"], "d 1");
    check(&["b:any, c:native, d:amd64"], "b 1, c 1, d 1");
    check(&["c | b", "hello [i386], d <nocheck>"], "c 1");
    check(&["nothing | d"], "d 1");
    // What the base has serves, as it does for apt.
    check(&["e"], "e 1");
    let other = Resolve { first_alternative: false, ..question(&["make-doc | gcc"]) };
    assert_eq!(added(&universe, &other), "");
    check(&["make-doc | gcc"], "make-doc 4");
    check(&["virtual (>= 1)"], "cannot meet the need `virtual (>= 1)` of the root itself: there is no `virtual`");
    check(&["c:any"], "cannot meet the need `c:any` of the root itself: `c` is there as 1");
}

const LIBMD0: &str = "Package: libmd0\nVersion: 1.0+0opb1\nArchitecture: amd64";
const LIBMD_DEV: &str = "Package: libmd-dev\nVersion: 1.0+0opb1\nArchitecture: amd64\nDepends: libmd0 (= 1.0+0opb1)";

#[test]
fn our_packages_win_also_over_the_base() {
    let universe = universe("");
    let base = resolve(&universe, &[], &question(&[]), None).expect("good");
    let mut asked = question(&["libmd-dev", "debhelper"]);
    asked.ours = of_libmd();
    let built = [
        ours("libmd", LIBMD_DEV),
        ours("libmd", LIBMD0),
        ours("libmd", "Package: libmd-udeb\nVersion: 1\nArchitecture: armhf"),
    ];
    let list = resolve(&universe, &built, &asked, Some(&base)).expect("good");
    assert_eq!(shown(&list, Layer::Component), "debhelper 13.11, libmd-dev 1.0+0opb1, libmd0 1.0+0opb1");
    let libmd0 = list.get("libmd0").expect("there");
    assert_eq!((libmd0.sha256, libmd0.size), (Sha256::of(LIBMD0.as_bytes()), 7));
    assert_eq!(libmd0.from, ListedFrom::Component("libmd".parse().expect("good")));
    assert_eq!(list.layer(Layer::Base).count(), base.len() - 1);
    // An older one of ours wins as well, where it fits.
    let old = [ours("libmd", &LIBMD0.replace("1.0+0opb1", "0.9"))];
    assert_eq!(
        resolve(&universe, &old, &asked, Some(&base)).expect_err("too old").to_string(),
        "cannot meet the need `libmd0 (>= 1)` of `apt` (2.6), needed by the root itself: `libmd0` is there as 0.9 of the component `libmd`"
    );
    let twice = [ours("libmd", LIBMD0), ours("other", LIBMD0)];
    assert_eq!(
        resolve(&universe, &twice, &asked, Some(&base)).expect_err("twice").to_string(),
        "cannot choose between two packages `libmd0`: the components `libmd` and `other` both make it"
    );
    let bad = [ours("libmd", "Package: libmd0")];
    assert_eq!(
        resolve(&universe, &bad, &asked, Some(&base)).expect_err("bad").to_string(),
        "cannot read the control file of a package of the component `libmd`"
    );
}

#[test]
fn the_distributions_package_is_no_silent_success() {
    let universe = universe("libbsd-dev 0.11; Depends: libmd-dev");
    let mut asked = question(&["libbsd-dev"]);
    asked.ours = of_libmd();
    let error = resolve(&universe, &[], &asked, None).expect_err("not ours");
    assert_eq!(
        error.to_string(),
        "the package `libmd-dev` would come from the distribution, but the component `libmd` makes it; `libbsd-dev` needs it"
    );
    assert_eq!(
        error.help().expect("a help").to_string(),
        "add `needs: [\"libmd\"]` to the recipe, so that the package that was built here is used"
    );
    // The base may hold it: every root does before its first component is built.
    assert_eq!(added(&universe, &Resolve { needs: vec!["debhelper".to_owned()], ..asked }), "debhelper 13.11");
}

#[test]
fn the_base_keeps_its_versions() {
    let old = universe("");
    let base = resolve(&old, &[], &question(&[]), None).expect("good");
    let both = Universe::new("amd64", vec![entries(BASE), entries("make 5\nx 1")]).expect("good");
    let list = resolve(&both, &[], &question(&["x", "make"]), Some(&base)).expect("good");
    assert_eq!(list.get("make").expect("there").version.as_str(), "4");
    let changed = BASE.replace("make 4;", "make 6;");
    let without = Universe::new("amd64", vec![entries(&changed)]).expect("good");
    assert_eq!(
        resolve(&without, &[], &question(&["make"]), Some(&base)).expect_err("gone").to_string(),
        "the package `make` (4) of the base is not in the distro's index"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn the_order_of_inputs_does_not_matter(
        edges in proptest::collection::vec((0u8..12, 0u8..12, 0u8..12, any::<bool>()), 0..30),
        seed: u64,
    ) {
        let line = |n: u8| {
            let of = |exclude| edges.iter().filter(move |edge| edge.0 == n && edge.3 == exclude);
            let depends: Vec<String> = of(false).map(|(_, a, b, _)| format!("p{a} | p{b}")).collect();
            let conflicts: Vec<String> = of(true).take(1).map(|(_, a, _, _)| format!("p{a}")).collect();
            format!("p{n} 1; Depends: {}; Conflicts: {}", depends.join(", "), conflicts.join(", "))
        };
        let mut lines: Vec<String> = (0..12).map(line).collect();
        let ask = |lines: &[String], needs: &[&str]| {
            resolve(&universe(&lines.join("\n")), &[], &question(needs), None).map(|list| list.encode()).map_err(|error| error.to_string())
        };
        let first = ask(&lines, &["p0", "p1 | p2"]);
        lines.rotate_left((seed % 12) as usize);
        lines.swap(0, (seed % 11) as usize);
        prop_assert_eq!(ask(&lines, &["p1 | p2", "p0"]), first);
    }
}

/// The text of each package index that apt has fetched on this machine from the distribution, in apt's order.
fn lists_here() -> Option<Vec<String>> {
    let targets = Command::new("apt-get")
        .args([
            "indextargets",
            "--format",
            "$(FILENAME)",
            "Identifier: Packages",
            "Architecture: amd64",
            "Origin: Debian",
        ])
        .output()
        .ok()?;
    let mut lists = Vec::new();
    for file in String::from_utf8(targets.stdout).ok()?.lines() {
        let text = Command::new("/usr/lib/apt/apt-helper").args(["cat-file", file]).output().ok()?;
        lists.push(String::from_utf8(text.stdout).ok()?);
    }
    (!lists.is_empty()).then_some(lists)
}

/// What apt would install into an empty system.
fn apt_installs(wanted: &[&str]) -> Option<Vec<String>> {
    let folder = tempfile::tempdir().ok()?;
    let status = folder.path().join("status");
    std::fs::write(&status, "").ok()?;
    let output = Command::new("apt-get")
        .args(["-s", "-o", "APT::Install-Recommends=false", "-o", "Debug::NoLocking=1", "-o"])
        .arg(format!("Dir::State::status={}", status.display()))
        .args(["-o", "Dir::State::extended_states=/dev/null", "install"])
        .args(wanted)
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let mut names: Vec<String> = text
        .lines()
        .filter_map(|line| line.strip_prefix("Inst "))
        .filter_map(|line| line.split([' ', ':']).next().map(str::to_owned))
        .collect();
    names.sort();
    (!names.is_empty()).then_some(names)
}

#[test]
fn real_packages_are_chosen_as_apt_does() {
    let Some(lists) = lists_here() else { return println!("skipped: no package lists of a Debian for amd64 here") };
    let start = Instant::now();
    let slims: Vec<String> = lists.iter().map(|list| index::slim(list).expect("good")).collect();
    let slim_time = start.elapsed();
    let start = Instant::now();
    let suites: Vec<_> = slims.iter().map(|slim| index::read(slim).expect("good")).collect();
    let read_time = start.elapsed();
    let start = Instant::now();
    let universe = Universe::new("amd64", suites).expect("good");
    println!(
        "{} packages: slim {slim_time:?} ({} -> {} bytes), read {read_time:?}, universe {:?}",
        universe.len(),
        lists.iter().map(String::len).sum::<usize>(),
        slims.iter().map(String::len).sum::<usize>(),
        start.elapsed()
    );
    let start = Instant::now();
    let base = resolve(&universe, &[], &question(&[]), None).expect("good");
    println!("base: {} packages in {:?}", base.len(), start.elapsed());
    let needs: [&[&str]; 4] = [
        &["debhelper-compat (= 13)"],
        &["debhelper-compat (= 13), pkg-config, libmd-dev (>= 1.0.3)"],
        &["debhelper-compat (= 13), libbsd-dev, pkg-config | pkgconf"],
        &["debhelper-compat (= 13), cmake, qtbase5-dev, python3-all-dev, default-jdk, texlive-latex-base"],
    ];
    let essential = universe.essential().map(|entry| entry.package.as_str());
    let mut wanted: Vec<&str> = essential.chain(["apt", "build-essential"]).collect();
    let names = |list: &PackageList| list.iter().map(|one| one.name.to_string()).collect::<Vec<_>>();
    let Some(apt) = apt_installs(&wanted) else { return println!("skipped: apt does not answer here") };
    assert_eq!(names(&base), apt);
    for needs in needs {
        let start = Instant::now();
        let list = resolve(&universe, &[], &question(needs), Some(&base)).expect("good");
        println!("{}: {} packages in {:?}", needs[0], list.len(), start.elapsed());
        assert_eq!(resolve(&universe, &[], &question(needs), Some(&base)).expect("good"), list);
        if !needs[0].contains("cmake") {
            wanted.extend(
                ["debhelper", "pkg-config", "libmd-dev", "libbsd-dev"].iter().filter(|name| list.get(name).is_some()),
            );
            assert_eq!(Some(names(&list)), apt_installs(&wanted), "{needs:?}");
            wanted.retain(|name| universe.versions(name)[0].essential || ["apt", "build-essential"].contains(name));
        }
    }
}

#[test]
fn a_real_distribution_lacks_what_apt_lacks() {
    let Some(lists) = lists_here() else { return println!("skipped: no package lists of a Debian for amd64 here") };
    let suites: Vec<_> = lists.iter().map(|list| index::read(list).expect("good")).collect();
    let entries = suites.concat().into_iter().filter(|entry| entry.arch == "amd64" || entry.arch == "all");
    let all: Vec<Member> = entries.map(|entry| Member { entry, extras: Vec::new() }).collect();
    // As many as a project of 70 components for 62 targets has packages, beside all of the distribution.
    let some: Vec<Member> = all.iter().step_by((all.len() / 4_340).max(1)).cloned().collect();
    let universe = Universe::new("amd64", suites).expect("good");
    let start = Instant::now();
    let found = unmet(Seen { universe: &universe, extras: &[] }, &some).expect("readable");
    println!("{} packages beside {}: {:?}", some.len(), universe.len(), start.elapsed());
    assert!(found.len() <= some.len() / 100, "{}", closure::shown(&some, &found));

    let none = Universe::new("amd64", Vec::new()).expect("empty");
    let start = Instant::now();
    let found = unmet(Seen { universe: &none, extras: &[] }, &all).expect("readable");
    println!("{} packages among themselves: {:?}", all.len(), start.elapsed());
    // Each release has some that nobody can install.
    assert!(found.len() <= all.len() / 100, "{}", closure::shown(&all, &found));
    if apt_installs(&["bash"]).is_none() {
        return println!("skipped: apt does not answer here");
    }
    for one in found.iter().take(3) {
        let package = &all[one.member].entry.package;
        let newest = universe.versions(package).first().map(|entry| &entry.version);
        if newest == Some(&all[one.member].entry.version) {
            assert_eq!(apt_installs(&[package]), None, "{package}: {}", one.need);
        }
    }
    // Without the distribution most of them lack something.
    let found = unmet(Seen { universe: &none, extras: &[] }, &some).expect("readable");
    assert!(found.len() > some.len() / 2, "{} of {}", found.len(), some.len());
}
