//! `opb repo check` beside the real apt: what apt takes is sound, and what apt refuses is told as a fault.

use opb::client::{Limits, Memory, Packages, Request, check};
use opb::diag::Cause;
use opb::sign::Keyring;

use super::*;

/// What a look at the repository comes to, with the key that apt has.
fn looked(site: &Site) -> (Option<Cause>, Vec<String>) {
    let request = Request {
        address: site.path("repo").display().to_string(),
        suites: vec!["bookworm".to_owned()],
        yum: Vec::new(),
        keys: Some(Keyring::read(&site.path("opb.pgp")).expect("a key")),
        packages: Packages::All,
        max_age: None,
        now: now(),
        limits: Limits { pause: std::time::Duration::from_millis(10), ..Limits::default() },
    };
    let answer = check(&request, &mut Memory::default()).expect("looks");
    let faults = answer.repositories.iter().flat_map(|looked| &looked.faults);
    (answer.cause(), faults.map(|fault| format!("{}: {}", fault.place, fault.problem)).collect())
}

/// Signs a list with these dates, or what `change` makes of it.
fn sign(site: &Site, made: &Assembled, date: i64, until: i64, change: impl Fn(String) -> String) {
    let release = change(release_text(&site.settings(), &made.suites[0].indexes, date, Some(until)).expect("writes"));
    let time = now() as u64;
    let inrelease = site.signer.clear_sign(&release, time).expect("signs");
    let detached = site.signer.detached(&release, time).expect("signs");
    for (name, text) in [("Release", release), ("InRelease", inrelease), ("Release.gpg", detached)] {
        fs::write(site.path("repo/dists/bookworm").join(name), text).expect("writes");
    }
}

/// A change that a repository suffers.
type Damage<'a> = &'a dyn Fn(&Site);

#[test]
fn what_apt_refuses_is_a_fault() {
    if !ready() {
        return;
    }
    let (site, made) = filled();
    let (day, packages) = (86_400, format!("main/binary-{}/Packages", site.arch));
    let spoil = |bytes: &mut Vec<u8>| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
    };
    let by_hash = |index: &str| {
        let entry = made.suites[0].indexes.iter().find(|entry| entry.path == index).expect("listed");
        format!("main/binary-{}/by-hash/SHA256/{}", site.arch, entry.sha256)
    };
    let other = Site::new();
    let damages: [(&str, Damage<'_>); 9] = [
        ("a changed byte", &|site| {
            site.change("InRelease", |bytes| {
                let at = bytes.windows(11).position(|part| part == b"opb nightly").expect("is there");
                bytes[at] ^= 1;
            });
        }),
        ("text outside", &|site| {
            site.change("InRelease", |bytes| bytes.splice(0..0, *b"Origin: evil\n\n").for_each(drop));
        }),
        ("a page", &|site| fs::write(site.path("repo/dists/bookworm/InRelease"), "<html></html>\n").expect("writes")),
        ("another key", &|site| {
            let text = fs::read_to_string(site.path("repo/dists/bookworm/Release")).expect("reads");
            let signed = other.signer.clear_sign(&text, now() as u64).expect("signs");
            fs::write(site.path("repo/dists/bookworm/InRelease"), signed).expect("writes");
        }),
        ("unsigned", &|site| {
            site.remove("InRelease");
            site.remove("Release.gpg");
        }),
        ("the future", &|site| sign(site, &made, now() + day, now() + 2 * day, |text| text)),
        ("expired", &|site| sign(site, &made, now() - 2 * day, now() - day, |text| text)),
        ("weak", &|site| sign(site, &made, now(), now() + day, |text| text.replace("SHA256:", "MD5Sum:"))),
        ("a changed index", &|site| {
            for ending in [".gz", ".xz"] {
                let index = format!("{packages}{ending}");
                site.change(&index, spoil);
                site.change(&by_hash(&index), spoil);
            }
        }),
    ];
    site.publish(&made);
    site.update().expect("is accepted");
    assert_eq!(looked(&site), (None, Vec::new()));
    for (name, damage) in damages {
        site.publish(&made);
        damage(&site);
        let (apt, (cause, faults)) = (site.update(), looked(&site));
        assert!(apt.is_err(), "{name}: apt takes it");
        assert_eq!(cause, Some(Cause::Build), "{name}: {faults:?}");
    }
    // What apt sees only when somebody installs it.
    site.publish(&made);
    let deb = format!("repo/pool/main/o/opb-sample/opb-sample_1.0_{}.deb", site.arch);
    let mut bytes = fs::read(site.path(&deb)).expect("reads");
    bytes[100] ^= 1;
    fs::write(site.path(&deb), bytes).expect("writes");
    site.update().expect("is accepted");
    let (cause, faults) = looked(&site);
    assert_eq!(cause, Some(Cause::Build));
    assert!(faults.len() == 1 && faults[0].contains("its SHA-256 is"), "{faults:?}");
}
