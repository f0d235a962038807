//! `opb report nightly`: what a nightly came to, from records that are laid into the store.

use opb::cost::{Cost, Saved, Spared};
use opb::name::{ChannelName, DistroName, SetName};
use opb::night::*;
use opb::path::HostPath;
use opb::report::cache::{By, Missed, Over, Report, Sums};
use opb::report::exceptions::{Listed, Means};
use opb::report::nightly::{self, DistroEnd, Growing, KeyAge, Page, PastNight, PinAge, Took};
use opb::store::Store;
use opb::store::runs::RunId;

use super::*;

#[path = "../../examples/nightly/sample.rs"]
mod sample;
#[path = "../../examples/nightly/values.rs"]
mod values;

use sample::BEGAN;
use values::*;

/// A project with one run on record, and nightlies of these sets and numbers.
fn with_nights(nights: &[(&str, u64)]) -> Space {
    let space = Space::pinned();
    assert!(space.seen(&["build", "repo:nightly"]).starts_with("exit 0"));
    let run = space.json(&["runs", "--format", "json"])["runs"][0]["id"].as_str().expect("a name").to_owned();
    let store = Store::open(&HostPath::new(space.path("store"))).expect("opens");
    for (set, number) in nights {
        let started = BEGAN + 86_400 * i64::try_from(*number).expect("small");
        let mut night =
            Night { set: (*set).to_owned(), number: *number, started, run: Some(run.clone()), ..sample::tiny().night };
        night.cells.push(cell("libmd", "mirage-1/amd64", CellState::Clean, "1.0-1"));
        store.keep_night(&project(&space), &SetName::new(*set).expect("a name"), &night).expect("kept");
    }
    space
}

fn project(space: &Space) -> String {
    fs::canonicalize(space.path("")).expect("there").display().to_string()
}

#[test]
fn the_last_one_is_reported() {
    let space = with_nights(&[("default", 1), ("default", 2)]);
    let mail = space.stdout(&["report", "nightly"]);
    assert!(
        mail.starts_with("1 new failure of libbsd, 1 fixed, 3 packages published: nightly of project, 2026-12-01\n"),
        "{mail}"
    );
    assert!(mail.contains("  @mirage-1 is pinned to what is "), "{mail}");
    let first = space.json(&["report", "nightly", "default", "--number", "1", "--format", "json"]);
    schema::conforms("report-nightly", &first);
    assert_eq!((&first["number"], first["nights"].as_array().map(Vec::len)), (&1.into(), Some(1)));
    let last = space.json(&["report", "nightly", "--format", "json"]);
    schema::conforms("report-nightly", &last);
    assert_eq!((&last["number"], last["nights"].as_array().map(Vec::len)), (&2.into(), Some(2)));
    assert_eq!((&last["sums"]["ran"]["built"], &last["unknown"]), (&1.into(), &serde_json::json!([])));
    assert_eq!(last["pins"][0]["subject"], "@mirage-1");
    assert_eq!(last["pins"][0]["time"], "2025-01-11T10:00:00Z");
    let page = space.stdout(&["report", "nightly", "--format", "html"]);
    assert!(page.starts_with("<!DOCTYPE html>\n") && page.ends_with("</html>\n"), "{page}");
    for words in ["What the last nightlies took", "1 new failure of libbsd", "Old pins", "for the channel nightly"] {
        assert!(page.contains(words), "{words}");
    }
}

#[test]
fn it_is_written_to_a_file() {
    let space = with_nights(&[("default", 1)]);
    space.file("report.html", "what was there");
    insta::assert_snapshot!(space.seen(&["report", "nightly", "--format", "html", "-o", "report.html"]), @"exit 0");
    assert!(fs::read_to_string(space.path("report.html")).expect("there").ends_with("</html>\n"));
    let left: Vec<_> = fs::read_dir(space.path(".")).expect("there").flatten().map(|entry| entry.file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().starts_with('.')), "{left:?}");
    insta::assert_snapshot!(space.seen(&["report", "nightly", "-o", "nowhere/report.txt"]), @r"
    exit 3
    --- stderr
    opb::night_report::file

      × cannot write the report to `[HERE]/project/nowhere/report.txt`
      ╰─▶ No such file or directory (os error 2)
      help: look at the folder's owner and mode, and at the space on its file system
    ");
    insta::assert_snapshot!(space.seen(&["report", "nightly", "-o", "recipes"]), @r"
    exit 3
    --- stderr
    opb::night_report::file

      × cannot write the report to `[HERE]/project/recipes`
      ╰─▶ Is a directory (os error 21)
      help: look at the folder's owner and mode, and at the space on its file system
    ");
}

#[test]
fn what_ages_is_told_as_it_is_now() {
    let space = with_nights(&[("default", 1)]);
    space.file("distros/mirage-1.rhai", &MIRAGE.replace("2030-01-01", "2025-01-31"));
    let exceptions = "version = 1\n\n[skip.\"*\"]\nreason = \"it is late\"\nexpires = \"2025-12-24\"\n";
    space.file("opb.exceptions.toml", exceptions);
    assert!(space.seen(&["key", "init"]).starts_with("exit 0"));
    let report = space.json(&["report", "nightly", "--format", "json"]);
    schema::conforms("report-nightly", &report);
    assert_eq!(
        (&report["ending"][0]["distro"], &report["ending"][0]["end"]),
        (&"mirage-1".into(), &"2025-01-31".into())
    );
    assert_eq!(
        (&report["exceptions"][0]["selector"], &report["exceptions"][0]["in_force"]),
        (&"*".into(), &false.into())
    );
    assert_eq!((&report["keys"][0]["name"], &report["keys"][0]["is_fine"]), (&"nightly".into(), &true.into()));
    assert!(space.stdout(&["report", "nightly"]).contains("  mirage-1 is supported until 2025-01-31 (ended "));
}

#[test]
fn a_project_that_is_broken_is_reported_all_the_same() {
    let space = with_nights(&[("default", 1)]);
    space.file("recipes/bad.rhai", "#{\n");
    space.file("opb.exceptions.toml", "version = 99\n");
    let report = space.json(&["report", "nightly", "--format", "json"]);
    schema::conforms("report-nightly", &report);
    let unknown: Vec<&str> =
        report["unknown"].as_array().expect("a list").iter().filter_map(serde_json::Value::as_str).collect();
    insta::assert_snapshot!(redacted(&unknown.join("\n"), space.folder.path()), @r"
    what exceptions mean, and when distros end: `opb.exceptions.toml` has version 99, and this opb knows versions up to 1
    which exceptions there are: `opb.exceptions.toml` has version 99, and this opb knows versions up to 1
    ");
    assert!(space.stdout(&["report", "nightly", "--format", "html"]).contains("<h3>Not known</h3>"));
}

/// Makes the record of a nightly unreadable.
fn damage(space: &Space, record: &str) {
    let mut projects = fs::read_dir(space.path("store/nights")).expect("there").flatten();
    let path = projects.next().expect("a project").path().join(record);
    fs::remove_file(&path).expect("it was there");
    fs::write(&path, "no record\n").expect("written");
}

#[test]
fn a_damaged_record_is_said() {
    let space = with_nights(&[("default", 1), ("default", 2), ("default", 3), ("weekly", 9)]);
    for record in ["default/2.json", "default/3.json"] {
        damage(&space, record);
    }
    let report = space.json(&["report", "nightly", "--format", "json"]);
    assert_eq!((&report["number"], report["nights"].as_array().map(Vec::len)), (&1.into(), Some(1)));
    let told = serde_json::json!([
        "what nightly 3 came to: its record cannot be read",
        "what nightly 2 came to: its record cannot be read"
    ]);
    assert_eq!(report["unknown"], told);
}

#[test]
fn what_cannot_be_reported() {
    let none = Space::pinned();
    let several = with_nights(&[("monthly", 3), ("weekly", 1)]);
    let damaged = with_nights(&[("default", 1)]);
    damage(&damaged, "default/1.json");
    let told = [
        none.seen(&["report", "nightly"]),
        several.seen(&["report", "nightly"]),
        several.seen(&["report", "nightly", "yearly\u{1b}"]),
        several.seen(&["report", "nightly", "monthly", "--number", "2"]),
        damaged.seen(&["report", "nightly"]),
    ];
    insta::assert_snapshot!(told.concat(), @r"
    exit 2
    --- stderr
    opb::night_report::none

      × no nightly is on record here
      help: run `opb nightly`, which leaves a record in the store
    exit 2
    --- stderr
    opb::night_report::several_sets

      × nightlies of several sets are on record here
      help: name one of `monthly`, `weekly`
    exit 2
    --- stderr
    opb::night_report::unknown_set

      × no nightly of the set `yearly\u{1b}` is on record here
      help: name one of `monthly`, `weekly`
    exit 2
    --- stderr
    opb::night_report::unknown_number

      × no nightly 2 of the set `monthly` can be read here
      help: leave `--number` out for the last one; on record are those from 3 to 3
    exit 3
    --- stderr
    opb::night_report::damaged

      × no record of a nightly of the set `default` can be read
      help: run `opb nightly`: the next one leaves a record again
    ");
}

#[test]
fn made_up_ones_are_as_the_schema_says() {
    for page in [sample::quiet(), sample::tiny(), sample::large(), sample::hostile(20)] {
        schema::conforms("report-nightly", &serde_json::from_str(&nightly::json(&page)).expect("JSON"));
        assert!(nightly::html(&page).len() > 1_000 && !nightly::text(&page).is_empty());
    }
}

#[test]
fn its_help() {
    insta::assert_snapshot!(help::verb(&["report", "nightly", "--help"]), @r"
    exit 0
    --- stdout
    Report what a nightly came to: what is worse, what moved and who needs it, what was published, what
    is slow, and what is going to need somebody.

    Of the last nightly, or of another. What ages (exceptions, keys, pins, distros) is told as it is
    now.

    Usage: opb report nightly [OPTIONS] [SET]

    Arguments:
      [SET]
              The set [default: the only one that has nightlies on record, or `default`]

    Options:
          --number <N>
              Which of its nightlies [default: the last one]

          --format <FORMAT>
              How to show it. JSON is versioned and has a schema

              Possible values:
              - text: For mail: its first line is the subject
              - html: A page with pictures, as one file that loads nothing
              - json: One JSON object

              [default: text]

      -o, --output <FILE>
              Write it to a file instead, which is replaced if it is there
    ");
}
