//! Made-up nightlies: of a vendor with 70 components and 62 targets, of three components, one in which nothing happened, and one
//! whose texts want to be more than texts. The same each time.
//!
//! Whoever includes this file brings the types along.

use super::*;

/// When they begin: 2026-11-29 at 22:30 UTC.
pub const BEGAN: i64 = 1_795_991_400;

/// What would do something to whoever shows it as it is.
pub const HOSTILE: &str = "</script><script>alert(1)</script>\"'&<b>\u{1b}]8;;http://evil.example\u{7}x\u{1b}[31m\u{202e}gpj.exe\u{2066}\u{0}\r\n%n";

const NAMES: [&str; 14] = [
    "grace", "opencore", "authd", "cli", "dns", "mail", "web", "ftp", "users", "quota", "backup", "ssl", "webmail",
    "stats",
];

/// The distros of the large one: 21 with all their arches are 62 targets, and `all` of each.
const DISTROS: [(&str, &[&str]); 21] = [
    ("alma-8", &["amd64", "arm64"]),
    ("alma-9", &["amd64", "arm64"]),
    ("alma-10", &["amd64", "arm64"]),
    ("centos-stream-9", &["amd64", "arm64"]),
    ("centos-stream-10", &["amd64"]),
    ("debian-10", &["all", "amd64", "i386"]),
    ("debian-11", &["all", "amd64", "arm64", "i386"]),
    ("debian-12", &["all", "amd64", "arm64", "armhf", "i386"]),
    ("debian-13", &["all", "amd64", "arm64", "armhf", "riscv64"]),
    ("fedora-42", &["amd64", "arm64"]),
    ("fedora-43", &["amd64", "arm64"]),
    ("opensuse-leap-15.6", &["amd64", "arm64"]),
    ("opensuse-leap-16.0", &["amd64", "arm64"]),
    ("rocky-8", &["amd64", "arm64"]),
    ("rocky-9", &["amd64", "arm64"]),
    ("ubuntu-16.04", &["all", "amd64", "i386"]),
    ("ubuntu-18.04", &["all", "amd64", "arm64", "i386"]),
    ("ubuntu-20.04", &["all", "amd64", "arm64", "armhf"]),
    ("ubuntu-22.04", &["all", "amd64", "arm64", "armhf"]),
    ("ubuntu-24.04", &["all", "amd64", "arm64", "armhf"]),
    ("ubuntu-26.04", &["all", "amd64", "arm64", "armhf"]),
];

/// One in which nothing happened, of a project with a few clean builds.
pub fn quiet() -> Page {
    let cells = ["libmd", "libbsd", "signify"].into_iter().flat_map(|component| {
        ["debian-12/amd64", "debian-13/amd64"]
            .map(|target| cell(component, target, CellState::Clean, "1.1.0-2+0opb1~deb12"))
    });
    let night = Night {
        version: NIGHT_VERSION,
        set: "default".to_owned(),
        number: 41,
        started: BEGAN,
        milliseconds: 41_200,
        channels: vec![channel("nightly")],
        steps: steps(&[("update", 2_100), ("evaluate", 310), ("build", 120), ("publish", 38_000)], None),
        moves: Vec::new(),
        run: None,
        cells: cells.collect(),
        failing: Vec::new(),
        fixed: Vec::new(),
        published: vec![Published { channel: channel("nightly"), generation: 17, is_new: false, changes: Vec::new() }],
        held_back: Vec::new(),
        not_started: Vec::new(),
        notices: Vec::new(),
        regressed: false,
    };
    page("demo", night, 1)
}

/// One of three components, of which one fails newly and one is mended.
pub fn tiny() -> Page {
    let mut page = quiet();
    let night = &mut page.night;
    night.number = 42;
    night.milliseconds = 434_000;
    night.cells[2].state = CellState::NewFailure;
    night.cells[4].state = CellState::Blocked;
    night.cells[5].state = CellState::Fixed;
    night.cells[0].state = CellState::Built;
    night.cells[1].state = CellState::Built;
    night.moves = vec![
        Move {
            subject: "libbsd".to_owned(),
            before: Some("5c1d3f2".to_owned()),
            after: Some("9b8e7a1".to_owned()),
            commits: vec![commit(1, "strlcpy: do not read past the end"), commit(2, "Merge branch 'next'")],
            more_commits: 3,
            builds: 4,
            needed_by: vec!["libbsd".to_owned(), "signify".to_owned()],
            kept: vec!["libbsd".to_owned()],
        },
        Move {
            subject: "@debian-13".to_owned(),
            before: Some("2026-11-21".to_owned()),
            after: Some("2026-11-28".to_owned()),
            commits: Vec::new(),
            more_commits: 0,
            builds: 0,
            needed_by: Vec::new(),
            kept: Vec::new(),
        },
    ];
    night.failing = vec![failing("build:libbsd@debian-12/amd64", true, 1)];
    night.fixed = vec!["build:signify@debian-13/amd64".to_owned()];
    night.published = vec![Published {
        channel: channel("nightly"),
        generation: 18,
        is_new: true,
        changes: vec![
            change("debian-12", "libmd0", Some("1.1.0-2+0opb1~deb12"), Some("1.1.0-2+0opb2~deb12")),
            change("debian-13", "libmd0", Some("1.1.0-2+0opb1~deb13"), Some("1.1.0-2+0opb2~deb13")),
            change("debian-13", "signify-openbsd", None, Some("32-2+0opb1~deb13")),
        ],
    }];
    night.run = Some("20261129-223000".to_owned());
    night.regressed = true;
    page.run = Some(run(12, 187, 434_000));
    page.nights = nights(8);
    page.slowest =
        vec![Took { node: "build:libmd@debian-12/amd64".to_owned(), milliseconds: 210_000, cpu_milliseconds: 700_000 }];
    page
}

/// One of a vendor with 70 components and 62 targets.
pub fn large() -> Page {
    let mut page = page("vendor", quiet().night, 30);
    let components: Vec<String> = (0..70)
        .map(|number| format!("{}{}", NAMES[number % 14], ["", "-db", "-ui", "-tools", "-plugins"][number / 14]))
        .collect();
    let targets = || DISTROS.iter().flat_map(|(distro, arches)| arches.iter().map(move |arch| (*distro, *arch)));
    let night = &mut page.night;
    (night.set, night.number, night.milliseconds) = ("all".to_owned(), 312, 11_520_000);
    night.cells.clear();
    for (number, component) in components.iter().enumerate() {
        for (distro, arch) in targets() {
            let state = match (number, distro, arch) {
                (_, _, "all") if number % 3 != 0 => continue,
                (3, _, _) | (33, "debian-12" | "ubuntu-24.04", "armhf") => CellState::NewFailure,
                (17 | 31 | 45, _, _) if number % 2 == 1 && arch == "arm64" => CellState::Blocked,
                (8, "alma-8" | "rocky-8" | "ubuntu-16.04", _) => CellState::StillFailing,
                (22, "debian-13", "riscv64") => CellState::ExpectedFailure,
                (50, "ubuntu-16.04", _) => CellState::Skipped,
                (11, "fedora-43", _) => CellState::Fixed,
                (number, _, _) if number % 7 == 3 => CellState::Built,
                _ => CellState::Clean,
            };
            night.cells.push(cell(component, &format!("{distro}/{arch}"), state, "4.2.1-3~deb12+opb1"));
        }
    }
    let failed = |state| {
        let cells = night.cells.iter().filter(move |cell| cell.state == state);
        cells.map(|cell| format!("build:{}@{}", cell.component, cell.target)).collect::<Vec<_>>()
    };
    let (new, still) = (failed(CellState::NewFailure), failed(CellState::StillFailing));
    night.failing = new.iter().map(|node| failing(node, true, 3)).collect();
    night.failing.extend(still.iter().map(|node| failing(node, false, 0)));
    night.fixed = failed(CellState::Fixed);
    night.moves = components
        .iter()
        .take(12)
        .enumerate()
        .map(|(number, component)| Move {
            subject: component.clone(),
            before: Some(format!("4.2.{number}-1")),
            after: Some(format!("4.2.{}-1", number + 1)),
            commits: (0..number as u64 % 5)
                .map(|at| commit(at, "core: take the lock before the list is read"))
                .collect(),
            more_commits: 0,
            builds: 62,
            needed_by: components.iter().skip(number).step_by(5).cloned().collect(),
            kept: components.iter().skip(number).step_by(17).cloned().collect(),
        })
        .collect();
    let change = |component: &String, distro: &str, arch: &str| PackageChange {
        arch: arch.to_owned(),
        ..change(distro, component, Some(&format!("4.2.0-1~{distro}+opb1")), Some(&format!("4.2.1-1~{distro}+opb1")))
    };
    let rebuilt = components.iter().skip(3).step_by(2).flat_map(|component| targets().map(move |at| (component, at)));
    let changes = rebuilt.map(|(component, (distro, arch))| change(component, distro, arch)).collect();
    night.channels = vec![channel("nightly"), channel("testing")];
    night.published = vec![
        Published { channel: channel("nightly"), generation: 288, is_new: true, changes },
        Published { channel: channel("testing"), generation: 40, is_new: false, changes: Vec::new() },
    ];
    night.held_back = vec![HeldBack {
        channel: channel("nightly"),
        distro: DistroName::new("ubuntu-16.04").expect("a name"),
        new: true,
        why: vec!["`mail` needs `libssl3`, which nothing provides".to_owned(), "`webmail` needs `mail`".to_owned()],
    }];
    night.steps =
        steps(&[("update", 92_000), ("evaluate", 800), ("build", 11_000_000)], Some(("check", "dns: exit code 1")));
    night.notices = vec!["grace-db keeps its pin: its repository did not answer within 60 s".to_owned()];
    night.regressed = true;
    night.run = Some("20261129-223000".to_owned());
    page.run = Some(run(640, 28_412, 86_400_000));
    page.nights = nights(30);
    let slow = |number: u64| Took {
        node: format!("build:{}@debian-12/armhf", components[number as usize * 3]),
        milliseconds: 2_400_000 - number * 190_000,
        cpu_milliseconds: 9_000_000 - number * 500_000,
    };
    page.slowest = (0..10).map(slow).collect();
    page.growing = (0..3)
        .map(|number| growing(&format!("build:{}@debian-12/amd64", components[number * 9]), number as u64))
        .collect();
    ageing(&mut page);
    page
}

/// One with as many failures as `failures`, and hostile texts wherever there may be text.
pub fn hostile(failures: u64) -> Page {
    let mut page = large();
    let text = || HOSTILE.to_owned();
    let night = &mut page.night;
    let commit = || Commit { id: text(), subject: HOSTILE.repeat(5), time: i64::MAX };
    let fails = |number: u64| Failing {
        node: format!("build:{HOSTILE}{number}@{HOSTILE}"),
        message: format!("{number} {}", HOSTILE.repeat(5)),
        lines: vec![HOSTILE.repeat(5); 12],
        commits: (0..if number < 50 { 100 } else { 1 }).map(|_| commit()).collect(),
        good: Some(LastGood { time: i64::MIN, version: Some(text()), kept: false }),
        not_run: u64::MAX,
        ..failing("", number.is_multiple_of(2), 0)
    };
    night.failing = (0..failures).map(fails).collect();
    night.fixed = vec![text(); 500];
    night.notices = vec![HOSTILE.repeat(5); 500];
    night.not_started =
        vec![NotStarted { channels: vec![channel("nightly"); 50], new: true, why: HOSTILE.repeat(50) }; 50];
    (night.set, night.run) = (text(), Some(text()));
    night.steps = steps(&[(HOSTILE, u64::MAX)], Some((HOSTILE, HOSTILE)));
    let moves = |number: u64| Move {
        subject: text(),
        before: Some(text()),
        after: Some(text()),
        commits: (0..100).map(|_| commit()).collect(),
        more_commits: u64::MAX,
        builds: number,
        needed_by: vec![text(); 40],
        kept: vec![text(); 40],
    };
    night.moves = (0..300).map(moves).collect();
    for cell in &mut night.cells {
        (cell.version, cell.component) = (Some(text()), format!("{}{HOSTILE}", cell.component));
    }
    night.cells.extend(
        (0..2_000)
            .map(|number| cell(&format!("{number}"), &format!("{HOSTILE}{number}/x"), CellState::Skipped, HOSTILE)),
    );
    for change in &mut night.published[0].changes {
        (change.name, change.before) = (format!("{HOSTILE}{}", change.name), Some(text()));
    }
    night.held_back[0].why = vec![text(); 30];
    page.project = text();
    page.slowest.iter_mut().for_each(|took| took.node = text());
    page.growing.iter_mut().for_each(|grown| (grown.node, grown.milliseconds) = (text(), u64::MAX));
    page.exceptions.iter_mut().for_each(|one| (one.selector, one.reason, one.expires) = (text(), text(), text()));
    page.keys.iter_mut().for_each(|key| (key.name, key.words, key.channels) = (text(), text(), vec![text(); 9]));
    page.pins = vec![PinAge { subject: text(), at: text(), time: i64::MAX, days: i64::MAX }; 300];
    page.ending.iter_mut().for_each(|one| (one.distro, one.end) = (text(), text()));
    page.unknown = vec![text(); 300];
    page
}
