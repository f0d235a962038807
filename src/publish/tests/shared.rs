//! Packages that generations share: where they lie, what stays of them, and what a publisher that was killed leaves.

use super::*;

const GENERATIONS: &str = "generations";

impl Site {
    fn place(&self, generation: &str, path: &str) -> PathBuf {
        let channel = self.store.channel_path(&self.channel);
        channel.as_path().join(GENERATIONS).join(generation).join(path)
    }

    /// Publishes `name version` for each of `packages`.
    fn publish_all(&self, packages: &[&str], now: i64) -> Published {
        self.publish(&[self.part("debian-12", "bookworm", packages)], now)
    }

    /// Whether a generation has its packages in a folder of its own.
    fn is_own(&self, generation: &str) -> bool {
        fs::symlink_metadata(self.place(generation, "pool")).expect("is there").is_dir()
    }

    fn leads_to(&self, generation: &str) -> String {
        fs::read_link(self.place(generation, "pool")).expect("a link").display().to_string()
    }

    /// Which versions of the package `a` a generation shows.
    fn shows(&self, generation: &str) -> Vec<u32> {
        let at = |version: &u32| self.place(generation, &format!("pool/main/a/a/a_{version}_amd64.deb"));
        (1..=9).filter(|version| at(version).exists()).collect()
    }

    fn point_to(&self, generation: &str) {
        fs::remove_file(self.current()).expect("removed");
        std::os::unix::fs::symlink(format!("{GENERATIONS}/{generation}"), self.current()).expect("linked");
    }

    fn prune(&self, count: usize, now: i64) -> Pruned {
        prune(&self.store, &self.channel, Retention { count, age: 0, grace: 0 }, now, false).expect("removes")
    }

    fn refused(&self, packages: &[&str], now: i64) -> Failure {
        let parts = [self.part("debian-12", "bookworm", packages)];
        let (channel, naming, signer) = (&self.channel, &self.naming, &self.signer);
        let way = Way::Published;
        let request = Request { channel, parts: &parts, way, pins: None, naming, signer, log: &log, now };
        publish(&self.store, &request).expect_err("is refused")
    }

    /// Makes a generation one of an older program's: with a folder of its own, and without a word of what it keeps.
    fn age(&self, generation: &str) {
        let record = self.store.channel_path(&self.channel).join(format!("{GENERATIONS}/{generation}.json"));
        let text = fs::read_to_string(record.as_path()).expect("reads");
        let mut fields: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        fields.as_object_mut().expect("fields").remove("late").expect("it is there");
        fs::write(record.as_path(), fields.to_string()).expect("written");
        if !self.is_own(generation) {
            let pool = self.place(generation, "pool");
            let copied = pool.with_extension("own");
            let copy = std::process::Command::new("cp").args(["-rL", "--"]).arg(&pool).arg(&copied).status();
            assert!(copy.expect("runs").success());
            fs::remove_file(&pool).expect("removed");
            fs::rename(&copied, &pool).expect("renamed");
        }
    }
}

#[test]
fn the_current_generation_has_them_and_others_lead_there() {
    let site = Site::new();
    for turn in 1..=3 {
        site.publish_all(&[&format!("a {turn}"), "b 1"], NOW + turn);
    }
    assert!(site.is_own("3"));
    assert_eq!(["1", "2"].map(|generation| site.leads_to(generation)), ["../3/pool", "../3/pool"]);
    for generation in ["1", "2", "3"] {
        assert_eq!(site.shows(generation), [1, 2, 3]);
        assert!(site.place(generation, "pool/main/b/b/b_1_amd64.deb").exists());
    }
    // An envelope that is newer takes them too, and the former goes with the next publication.
    let mut site = site;
    site.naming.valid_for = Some(10);
    assert!(site.publish_all(&["a 3", "b 1"], NOW + 9).renewed);
    assert!(site.is_own("3.1"));
    assert_eq!(["1", "2", "3"].map(|generation| site.leads_to(generation)), ["../3.1/pool"; 3]);
    site.publish_all(&["a 4"], NOW + 10);
    assert_eq!(site.leads_to("3.1"), "../4/pool");
    assert!(!site.place("3", "").exists());
    assert_eq!(site.shows("1"), [1, 2, 3, 4]);
}

#[test]
fn what_a_kept_generation_names_stays() {
    let site = Site::new();
    for turn in 1..=5 {
        site.publish_all(&[&format!("a {turn}")], NOW + turn);
    }
    site.prune(3, NOW + 100);
    // The third keeps the second for who has read that.
    assert_eq!(["3", "4", "5"].map(|generation| site.shows(generation)), [[2, 3, 4, 5]; 3]);
    // What was lost of them comes back.
    fs::remove_file(site.place("5", "pool/main/a/a/a_3_amd64.deb")).expect("removed");
    fs::write(site.place("5", "pool/main/stranger"), "").expect("written");
    site.prune(3, NOW + 100);
    assert_eq!(site.shows("3"), [2, 3, 4, 5]);
    assert!(!site.place("5", "pool/main/stranger").exists());
    assert_eq!(site.prune(1, NOW + 100).removed, [3, 4]);
    assert_eq!(site.shows("5"), [4, 5]);
    // A state that was removed comes again, with what it needs.
    site.publish_all(&["a 1"], NOW + 200);
    assert_eq!(site.shows("6"), [1, 4, 5]);
    let kept = kept(&site.store).expect("reads");
    assert_eq!(kept.len(), 6, "two trees of each of two generations, and what each keeps");
}

#[test]
fn where_the_holder_goes_another_takes_them() {
    let site = Site::new();
    for turn in 1..=3 {
        site.publish_all(&[&format!("a {turn}")], NOW + turn);
    }
    // All of these end in a generation that is newer than the current one, and is about to go.
    site.point_to("2");
    let later = site.publish_all(&["a 4"], NOW + 10);
    assert_eq!(later.generation, 3);
    assert!(site.is_own("3"));
    assert_eq!(["1", "2"].map(|generation| site.leads_to(generation)), ["../3/pool", "../3/pool"]);
    assert_eq!(site.shows("1"), [1, 2, 4], "what nobody knows of is gone");
}

#[test]
fn a_publisher_that_was_killed_takes_nothing_along() {
    let site = Site::new();
    for turn in 1..=2 {
        site.publish_all(&[&format!("a {turn}")], NOW + turn);
    }
    // Between the exchange and the switch.
    site.point_to("1");
    assert_eq!((site.leads_to("1").as_str(), site.shows("1")), ("../2/pool", vec![1, 2]));
    site.prune(9, NOW + 10);
    assert!(site.is_own("1") && !site.place("2", "").exists());
    assert_eq!(site.shows("1"), [1]);
    // Before the exchange: its packages lie with those of the current one, and its own link leads to itself.
    fs::create_dir(site.place("2", "")).expect("made");
    std::os::unix::fs::symlink("../2/pool", site.place("2", "pool")).expect("linked");
    fs::write(site.place("1", "pool/main/a/a/a_7_amd64.deb"), "half").expect("written");
    site.publish_all(&["a 3"], NOW + 20);
    assert_eq!((site.is_own("2"), site.shows("1")), (true, vec![1, 3]));
    assert_eq!(site.field("dists/bookworm/Release", "Codename"), "bookworm");
}

#[test]
fn generations_of_an_older_program_are_taken_over() {
    let site = Site::new();
    for turn in 1..=2 {
        site.publish_all(&[&format!("a {turn}")], NOW + turn);
    }
    site.age("1");
    site.age("2");
    assert!(site.is_own("1") && site.is_own("2"));
    site.publish_all(&["a 3"], NOW + 3);
    assert_eq!((site.is_own("1"), site.leads_to("2").as_str(), site.is_own("3")), (true, "../3/pool", true));
    assert_eq!((site.shows("2"), site.shows("3")), (vec![1, 2, 3], vec![1, 2, 3]));
    let before = site.shows("1");
    site.prune(9, NOW + 10);
    assert_eq!((site.shows("1"), site.shows("2")), (before, vec![2, 3]), "nobody knows what an older one keeps");
    assert_eq!(site.prune(1, NOW + 10).removed, [1, 2]);
    assert_eq!(site.shows("3"), [2, 3]);
}

#[test]
fn a_link_in_the_place_of_a_folder_is_not_followed() {
    let site = Site::new();
    site.publish_all(&["a 1"], NOW);
    let elsewhere = site.folder.path().join("elsewhere");
    fs::rename(site.place("1", "pool"), &elsewhere).expect("renamed");
    std::os::unix::fs::symlink(&elsewhere, site.place("1", "pool")).expect("linked");
    let count = || fs::read_dir(elsewhere.join("main/a/a")).expect("reads").count();
    // The next generation has a folder of its own.
    site.publish_all(&["a 2"], NOW + 1);
    assert_eq!((site.is_own("2"), site.shows("2"), count()), (true, vec![1, 2], 1));
    site.prune(1, NOW + 2);
    assert_eq!((site.shows("2"), count()), (vec![1, 2], 1));
    // Further down nothing is written, and what is published stays.
    fs::rename(site.place("2", "pool/main"), elsewhere.join("other")).expect("renamed");
    std::os::unix::fs::symlink(elsewhere.join("other"), site.place("2", "pool/main")).expect("linked");
    let refused = site.refused(&["a 3"], NOW + 3);
    insta::assert_snapshot!(crate::diag::chain(refused.report.as_ref()), @"making a folder of a tree failed at `/pool/main`: Not a directory (os error 20)");
    assert_eq!(fs::read_dir(elsewhere.join("other/a/a")).expect("reads").count(), 2);
    assert!(fs::canonicalize(site.current()).expect("there").ends_with("2"));
}

#[test]
fn a_name_is_never_replaced() {
    let site = Site::new();
    site.publish_all(&["a 1"], NOW);
    let stranger = site.place("1", "pool/main/a/a/a_2_amd64.deb");
    fs::write(&stranger, "x").expect("written");
    let refused = site.refused(&["a 2"], NOW + 1);
    let told = refused.to_string().replace(&site.store.path().to_string(), "STORE");
    insta::assert_snapshot!(told, @"`STORE/channels/nightly/generations/1/pool/main/a/a/a_2_amd64.deb` has other content than what is published under its name");
    assert_eq!(fs::read(&stranger).expect("reads"), b"x");
    // The next one removes what the record of no generation names.
    site.publish_all(&["a 2"], NOW + 2);
    assert_eq!(fs::read(&stranger).expect("reads"), b"a 2 of debian-12");
}

#[test]
fn places_elsewhere_get_what_is_current_alone() {
    let site = Site::new();
    for turn in 1..=3 {
        site.publish_all(&[&format!("a {turn}")], NOW + turn);
    }
    let place = site.folder.path().join("www");
    fs::create_dir(&place).expect("made");
    let open = |path: &HostPath| Dir::open_ambient_dir(path.as_path(), ambient_authority());
    assert!(push::push(&site.store, &site.channel, &place.display().to_string(), open).expect("brings").new);
    let mut found: Vec<String> = fs::read_dir(place.join("current/pool/main/a/a"))
        .expect("a plain folder")
        .map(|entry| entry.expect("reads").file_name().to_string_lossy().into_owned())
        .collect();
    found.sort();
    assert_eq!(found, ["a_2_amd64.deb", "a_3_amd64.deb"]);
}
