//! What a build says of results that came from a cache, at its end and in reports.

use serde_json::Value;

use super::{Machine, chain, forget};
use crate::space::space;

fn count(of: &Value) -> u64 {
    of.as_u64().unwrap_or_else(|| panic!("{of} is no number"))
}

/// The sum of a field of all rows, named by its path.
fn sum(report: &Value, path: &str) -> u64 {
    let rows = report["rows"].as_array().expect("a list");
    rows.iter().map(|row| count(row["sums"].pointer(path).expect("a field"))).sum()
}

const SUMS: [&str; 7] = [
    "/nodes",
    "/saved/store/nodes",
    "/saved/caches/nodes",
    "/saved/caches/builds",
    "/saved/caches/cost/milliseconds",
    "/saved/caches/cost/cpu_milliseconds",
    "/saved/fetched_bytes",
];

#[test]
fn what_a_cache_knew_is_the_caches_in_every_row() {
    let Some(space) = space("reported") else { return };
    chain(&space, r#"X: "1""#);
    space.opb(&["build", "-j1", "-q"]).fine();
    space.opb(&["cache", "key", "new", "office-1"]).fine();
    let url = space.folder.join("cache").display().to_string();
    let pushed = space.opb(&["cache", "push", &url]).fine();
    assert_eq!(pushed.err, "", "all that was built is here, and is pushed");

    // A machine that never built anything: three chroots and the base's are never made, so nothing is saved with them.
    let other = Machine::new(&space, "other");
    other.uses(&url, &space);
    let built = other.opb(&["build"]).fine();
    let shown = space.shown(&built.err);
    let last = shown.lines().last().expect("a line");
    assert_eq!(last, "saved TIME of building (TIME CPU): 15 nodes from caches", "{shown}");
    for by in ["component", "target", "distro", "arch", "run"] {
        let out = other.opb(&["report", "cache", "--by", by, "--format", "json"]).fine().out;
        let report: Value = serde_json::from_str(&out).expect("JSON");
        let total = &report["total"];
        let saved = &total["saved"];
        assert_eq!([&saved["store"], &saved["cut_off"]].map(|of| count(&of["nodes"])), [0, 0], "{by}: {total:#}");
        assert_eq!((count(&saved["caches"]["nodes"]), count(&saved["caches"]["builds"])), (15, 3), "{by}: {total:#}");
        assert!(count(&saved["caches"]["cost"]["cpu_milliseconds"]) > 0, "{by}: {total:#}");
        for path in SUMS {
            assert_eq!(sum(&report, path), count(total.pointer(path).expect("a field")), "{by} {path}: {report:#}");
        }
        let [cache] = &report["caches"].as_array().expect("a list")[..] else { panic!("one cache: {report:#}") };
        assert_eq!((cache["cache"].as_str(), cache["left_out"].as_str()), (Some("office"), None));
        assert!(count(&cache["known"]) >= 15 && count(&cache["fetched"]) >= 4, "{cache:#}");
    }
    let told = other.opb(&["report", "cache"]).fine().out;
    assert!(told.contains("\ncache office: "), "{told}");
}

#[test]
fn what_ran_here_is_not_the_caches() {
    let Some(space) = space("reported-run") else { return };
    chain(&space, r#"X: "1""#);
    space.opb(&["build", "-j1", "-q"]).fine();
    space.opb(&["cache", "key", "new", "office-1"]).fine();
    let url = space.folder.join("cache").display().to_string();
    space.opb(&["cache", "push", &url]).fine();
    forget(&space);
    // a's build runs here and comes out as there, so that b's and c's are known.
    chain(&space, r#"X: "1", UNUSED: "1""#);
    let config =
        std::fs::read_to_string(space.folder.join("config/opb/config.toml")).expect("trusted when it was made");
    space.write("config/opb/config.toml", &format!("[[cache]]\nurl = \"{url}\"\nname = \"office\"\n{config}"));
    let built = space.opb(&["build", "-j1"]).fine();
    assert!(built.err.contains("1 node ran (1 package build), "), "{}", built.err);
    let runs = space.opb(&["runs", "--all", "--format", "json"]).fine().out;
    let runs: Value = serde_json::from_str(&runs).expect("JSON");
    let is_own = |run: &&Value| run["project"].as_str().is_some_and(|path| path.contains(&space.tag));
    let run = runs["runs"].as_array().expect("a list").iter().find(is_own).expect("a run");
    let id = run["id"].as_str().expect("a name");
    for by in ["component", "target"] {
        let out = space.opb(&["report", "cache", "--run", id, "--by", by, "--format", "json"]).fine().out;
        let report: Value = serde_json::from_str(&out).expect("JSON");
        let total = &report["total"];
        assert_eq!((count(&total["ran"]["built"]), count(&total["ran"]["builds"])), (1, 1), "{total:#}");
        // b's and c's builds, and not a's, which the cache has only with other inputs.
        assert_eq!(count(&total["saved"]["caches"]["builds"]), 2, "{total:#}");
        for path in SUMS {
            assert_eq!(sum(&report, path), count(total.pointer(path).expect("a field")), "{by} {path}: {report:#}");
        }
    }
}
