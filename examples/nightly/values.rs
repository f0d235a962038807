//! The values that made-up nightlies are made of.

use super::*;

const DAY: i64 = 86_400;

pub fn page(project: &str, night: Night, past: u64) -> Page {
    Page {
        project: project.to_owned(),
        made: BEGAN + 20_000,
        night,
        nights: nights(past),
        run: None,
        slowest: Vec::new(),
        growing: Vec::new(),
        exceptions: Vec::new(),
        keys: Vec::new(),
        pins: Vec::new(),
        ending: Vec::new(),
        unknown: Vec::new(),
    }
}

pub fn channel(name: &str) -> ChannelName {
    ChannelName::new(name).expect("a name")
}

pub fn cell(component: &str, target: &str, state: CellState, version: &str) -> Cell {
    let (component, target) = (component.to_owned(), target.to_owned());
    Cell { component, target, state, version: Some(version.to_owned()) }
}

pub fn steps(good: &[(&str, u64)], failed: Option<(&str, &str)>) -> Vec<NightStep> {
    let step = |name: &str, milliseconds, failure| NightStep { name: name.to_owned(), milliseconds, failure };
    let good = good.iter().map(|(name, milliseconds)| step(name, *milliseconds, None));
    good.chain(failed.map(|(name, why)| step(name, 4_000, Some(why.to_owned())))).collect()
}

pub fn commit(number: u64, subject: &str) -> Commit {
    let id = format!("{:016x}{:024x}", (number + 7).wrapping_mul(0x9e37_79b9_7f4a_7c15), number);
    Commit { id, subject: subject.to_owned(), time: BEGAN - DAY - 3_600 * i64::try_from(number).expect("small") }
}

pub fn failing(node: &str, new: bool, commits: u64) -> Failing {
    Failing {
        node: node.to_owned(),
        new,
        since: if new { BEGAN } else { BEGAN - 9 * DAY },
        message: "the script failed with exit code 2".to_owned(),
        lines: [
            "strlcpy.c:41:9: error: implicit declaration of function 'reallocarray' [-Werror=implicit-function-declaration]",
            "   41 |   p = reallocarray(p, n, sizeof *p);",
            "make[2]: *** [Makefile:812: strlcpy.lo] Error 1",
            "make: *** [debian/rules:14: binary-arch] Error 2",
        ]
        .map(str::to_owned)
        .to_vec(),
        log: Some(Digest::of(node.as_bytes())),
        not_run: 4,
        good: Some(LastGood { time: BEGAN - 2 * DAY, version: Some("0.11.7-2+0opb1~deb12".to_owned()), kept: true }),
        commits: (0..commits).map(|number| commit(number, "strlcpy: do not read past the end of the source")).collect(),
    }
}

pub fn change(distro: &str, name: &str, before: Option<&str>, after: Option<&str>) -> PackageChange {
    PackageChange {
        distro: DistroName::new(distro).expect("a name"),
        name: name.to_owned(),
        arch: "amd64".to_owned(),
        before: before.map(str::to_owned),
        after: after.map(str::to_owned),
    }
}

/// Nightlies up to the one that is reported.
pub fn nights(number: u64) -> Vec<PastNight> {
    let night = |place: u64| PastNight {
        number: 313 - number + place,
        started: BEGAN - DAY * i64::try_from(number - 1 - place).expect("small"),
        milliseconds: 1_000_000 + place * 7_919_777 % 9_000_000,
        new: usize::from(place % 5 == 4) * 3 + usize::from(place + 1 == number) * 2,
        still: usize::try_from(place * 3 % 11).expect("small"),
        not_started: usize::from(place % 13 == 5),
        spent_and_saved: (place % 9 != 5)
            .then_some((600_000 + place * 1_234_567 % 5_000_000, 20_000_000 + place * 999_999 % 9_000_000)),
    };
    (0..number).map(night).collect()
}

/// What a run came to: so many ran, so many were there.
pub fn run(ran: usize, clean: usize, milliseconds: u64) -> Report {
    let cost = |milliseconds| Cost { milliseconds, cpu_milliseconds: 3 * milliseconds };
    let store = Spared { nodes: clean, builds: clean / 4, unknown: 0, cost: cost(10 * milliseconds) };
    let cut_off = Spared { nodes: ran / 3, builds: ran / 9, unknown: 0, cost: cost(milliseconds / 7) };
    let saved = Saved { store, cut_off, ..Saved::default() };
    let total = Sums {
        saved,
        built: ran,
        builds: ran / 2,
        spent: cost(milliseconds),
        failed: 3,
        not_run: 4,
        ..Sums::default()
    };
    let missed = |theme: &str, text: &str, roots| Missed {
        theme: theme.to_owned(),
        text: text.to_owned(),
        runs: 1,
        roots,
        sums: total,
    };
    let id: RunId = "20261129-223000".parse().expect("a name");
    Report {
        over: Over::Run(id),
        by: By::Run,
        runs: Vec::new(),
        total,
        rows: Vec::new(),
        missed: vec![
            missed("source", "the source of libbsd is another", 3),
            missed("index", "the index of debian-13 is another", 1),
        ],
        caches: Vec::new(),
        differs: Vec::new(),
        in_no_row: 0,
        damaged: 0,
    }
}

pub fn growing(node: &str, number: u64) -> Growing {
    let before: Vec<u64> = (0..9).map(|at| 200_000 + at * 4_000 + number * 30_000).collect();
    Growing { node: node.to_owned(), milliseconds: 400_000 + number * 90_000, usual: before[4], before }
}

/// Exceptions, keys, pins and distros that need somebody.
pub fn ageing(page: &mut Page) {
    let exception = |kind, selector: &str, days_left| Listed {
        kind,
        selector: selector.to_owned(),
        means: Means { pins: 0, builds: 12, components: 4 },
        reason: "its new test suite takes a day; upstream #77".to_owned(),
        expires: "2026-12-04".to_owned(),
        days_left,
        in_force: days_left >= 0,
    };
    page.exceptions = vec![
        exception("skip", "stats@ubuntu-16.04/*", -2),
        exception("expect-failure", "quota@debian-13/riscv64", 5),
        exception("hold", "@debian-12", 40),
    ];
    let key = |name: &str, days, words: &str, is_fine| KeyAge {
        name: name.to_owned(),
        channels: vec![name.to_owned()],
        days: Some(days),
        words: words.to_owned(),
        is_fine,
    };
    page.keys = vec![
        key("nightly", 43, "ends in 43 days, on 2027-01-11", false),
        key("testing", 800, "ends in 800 days, on 2029-02-06", true),
    ];
    page.pins = vec![PinAge {
        subject: "ftp-db".to_owned(),
        at: "1f2e3d4c5b6a, branch main".to_owned(),
        time: BEGAN - 400 * DAY,
        days: 400,
    }];
    page.ending = vec![
        DistroEnd { distro: "ubuntu-16.04".to_owned(), end: "2026-04-30".to_owned(), days: -213 },
        DistroEnd { distro: "debian-11".to_owned(), end: "2027-01-31".to_owned(), days: 63 },
    ];
}
