//! Where archives are found, by what the host and `opb.toml` say.

use super::super::sources::{parse_deb822, parse_list};
use super::*;
use crate::distro::{Base, Deb, Expired, ExtraRepository, Lifecycle, Options, Packaging, Taken};

fn distro(name: &str, vendor: &str, codename: &str) -> Distro {
    Distro {
        name: name.parse().expect("name"),
        vendor: vendor.into(),
        release: String::new(),
        suffix: String::new(),
        arches: vec!["amd64".parse().expect("arch")],
        indep_on: "amd64".parse().expect("arch"),
        lifecycle: Lifecycle { end: String::new(), archived: false },
        packaging: Packaging::Deb(Deb {
            codename: codename.into(),
            suites: Vec::new(),
            extra_repositories: Vec::new(),
            keyring: format!("{vendor}-archive-keyring.gpg"),
            base: Base { variant: "buildd".into(), add: Vec::new() },
            expired_release_files: Expired::Refuse,
            options: Options { first_alternative: true, rules_need_no_root: false },
            capabilities: BTreeMap::new(),
        }),
    }
}

fn suite(name: &str, security: bool) -> Suite {
    Suite { name: name.into(), areas: vec!["main".into()], security }
}

fn host(vendor: &str, codename: &str, sources: Vec<Source>) -> HostApt {
    let path = HostPath::new("/etc/apt/sources.list");
    HostApt {
        sources: sources.into_iter().map(|source| (path.clone(), source)).collect(),
        stance: Stance::STRICT,
        vendor: Some(vendor.into()),
        codename: Some(codename.into()),
    }
}

fn found(distro: &Distro, suite: &Suite, host: &HostApt) -> Vec<String> {
    let found = mirrors(ArchiveSuite::own(distro, suite), &Overrides::new(), host);
    found.map_or_else(|_| Vec::new(), |found| found.iter().map(|mirror| mirror.address.to_string()).collect())
}

fn debian_host() -> HostApt {
    let text = "Types: deb\nURIs: http://m.example/debian\nSuites: bookworm bookworm-updates\nComponents: main\n\
         Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n\n\
         Types: deb\nURIs: http://m.example/debian-security\nSuites: bookworm-security\nComponents: main\n\
         Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\nCheck-Valid-Until: no\n\n\
         Types: deb\nURIs: https://third.example/node\nSuites: bookworm\nComponents: main\nSigned-By: /usr/share/keyrings/node.gpg\n\n\
         Types: deb\nURIs: https://inline.example/x\nSuites: bookworm\nComponents: main\nSigned-By:\n -----BEGIN PGP\n";
    host("debian", "bookworm", parse_deb822(text).expect("good"))
}

#[test]
fn another_release_is_where_the_hosts_is() {
    let (twelve, thirteen) = (distro("debian-12", "debian", "bookworm"), distro("debian-13", "debian", "trixie"));
    for (distro, codename) in [(twelve, "bookworm"), (thirteen, "trixie")] {
        let name = |pocket: &str| format!("{codename}{pocket}");
        assert_eq!(found(&distro, &suite(&name(""), false), &debian_host()), ["http://m.example/debian"]);
        assert_eq!(found(&distro, &suite(&name("-updates"), false), &debian_host()), ["http://m.example/debian"]);
        assert_eq!(found(&distro, &suite(&name("-backports"), false), &debian_host()), ["http://m.example/debian"]);
        assert_eq!(
            found(&distro, &suite(&name("-security"), true), &debian_host()),
            ["http://m.example/debian-security"]
        );
    }
}

#[test]
fn ubuntu_on_ubuntu() {
    let text = "deb [signed-by=/usr/share/keyrings/ubuntu-archive-keyring.gpg] http://u.example/ubuntu jammy main universe\n\
         deb [signed-by=/usr/share/keyrings/ubuntu-archive-keyring.gpg] http://u.example/ubuntu jammy-updates main\n\
         deb [arch=arm64 signed-by=/usr/share/keyrings/ubuntu-archive-keyring.gpg] http://ports.example/ jammy main\n\
         deb [signed-by=/usr/share/keyrings/ubuntu-archive-keyring.gpg] http://s.example/ubuntu jammy-security main\n";
    let host = host("ubuntu", "jammy", parse_list(text).expect("good"));
    let noble = distro("ubuntu-24.04", "ubuntu", "noble");
    assert_eq!(found(&noble, &suite("noble", false), &host), ["http://u.example/ubuntu"]);
    assert_eq!(found(&noble, &suite("noble-updates", false), &host), ["http://u.example/ubuntu"]);
    assert_eq!(found(&noble, &suite("noble-security", true), &host), ["http://s.example/ubuntu"]);
    assert!(found(&distro("debian-12", "debian", "bookworm"), &suite("bookworm", false), &host).is_empty());
}

#[test]
fn third_parties_are_never_taken() {
    let text = "deb [signed-by=/k/node.gpg] https://a.example/ bookworm main\n\
         deb [trusted=yes] https://b.example/ bookworm main\n\
         deb [signed-by=0123456789ABCDEF0123456789ABCDEF01234567] https://c.example/ bookworm main\n\
         deb [signed-by=/usr/share/keyrings/debian-ports-keyring.gpg] https://d.example/ bookworm main\n\
         deb https://e.example/ ./\n";
    let host = host("debian", "bookworm", parse_list(text).expect("good"));
    let debian = distro("debian-12", "debian", "bookworm");
    assert!(found(&debian, &suite("bookworm", false), &host).is_empty());
}

#[test]
fn an_old_host_says_no_key() {
    let text = "deb https://third.example/x stable main\ndeb http://m.example/debian bookworm main\n\
         deb http://m.example/sec bookworm/updates main\ndeb [signed-by=/k/debian-archive-bookworm-stable.gpg] http://n.example/d sid main\n";
    let debian_host = host("debian", "bookworm", parse_list(text).expect("good"));
    let debian = distro("debian-12", "debian", "bookworm");
    // Signed by the distribution first; then what names the host's own release; the signature decides about the rest.
    let wanted = ["http://n.example/d", "http://m.example/debian", "https://third.example/x"];
    assert_eq!(found(&debian, &suite("bookworm", false), &debian_host), wanted);
    assert_eq!(found(&debian, &suite("bookworm-security", true), &debian_host), ["http://m.example/sec"]);
    let other = host("mint", "x", parse_list(text).expect("good"));
    assert_eq!(found(&debian, &suite("bookworm", false), &other), ["http://n.example/d"]);
}

#[test]
fn opb_toml_comes_first() {
    let debian = distro("debian-13", "debian", "trixie");
    let of = |entries: &[(&str, &str)]| {
        entries.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<Overrides>()
    };
    let take = |overrides: &Overrides, suite: &Suite| {
        mirrors(ArchiveSuite::own(&debian, suite), overrides, &debian_host()).map(|found| found[0].address.to_string())
    };
    let overrides = of(&[("debian", "http://o.example/d"), ("debian-13", "http://p.example/d")]);
    assert_eq!(take(&overrides, &suite("trixie", false)).as_deref(), Ok("http://p.example/d"));
    assert_eq!(take(&overrides, &suite("trixie-security", true)).as_deref(), Ok("http://m.example/debian-security"));
    let overrides = of(&[("debian-security", "http://s.example/d")]);
    assert_eq!(take(&overrides, &suite("trixie-security", true)).as_deref(), Ok("http://s.example/d"));
    let error = take(&of(&[("debian", "gopher://u:p@x/")]), &suite("trixie", false)).unwrap_err();
    assert_eq!(error.to_string(), "cannot use the archive that `opb.toml` names for `debian`");
}

#[test]
fn what_an_entry_says_itself_counts() {
    let (debian, security) = (distro("debian-13", "debian", "trixie"), suite("trixie-security", true));
    let found = mirrors(ArchiveSuite::own(&debian, &security), &Overrides::new(), &debian_host()).expect("known");
    assert_eq!(found[0].stance, Stance { check_valid_until: false, check_date: true });
}

#[test]
fn the_error_says_what_to_add() {
    use miette::Diagnostic as _;
    let (ubuntu, security) = (distro("ubuntu-24.04", "ubuntu", "noble"), suite("noble-security", true));
    let error = mirrors(ArchiveSuite::own(&ubuntu, &security), &Overrides::new(), &debian_host()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no archive is known for suite `noble-security` of `ubuntu-24.04`: no package source of this machine is signed by `ubuntu` and for security updates"
    );
    let help = error.help().expect("help").to_string();
    assert_eq!(help, "add the archive's address to `opb.toml`, below `[mirrors]`: ubuntu-security = \"…\"");
}

#[test]
fn lists_of_mirrors() {
    let text = "# c\nhttp://b.example/d\tpriority:2\nhttp://a.example/d\tpriority:1 type:deb\nmirror+file:/x\n\nfile:/srv/d\njunk\n";
    let shown: Vec<String> = parse_mirror_list(text).iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["http://a.example/d", "http://b.example/d", "file:/srv/d"]);
}

#[test]
fn extra_repositories_say_where_they_are() {
    let debian = distro("debian-13", "debian", "trixie");
    let extra = |name: &str, suite_name: &str, address: Option<&str>| ExtraRepository {
        name: name.parse().expect("a name"),
        suite: suite(suite_name, false),
        arches: debian.arches.clone(),
        taken: Taken::WhenNeeded,
        everywhere: false,
        key: None,
        address: address.map(|address| Address::new(address).expect("an address")),
    };
    let found = |extra: &ExtraRepository, overrides: &[(&str, &str)]| {
        let overrides: Overrides = overrides.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let found = mirrors(ArchiveSuite::of_extra(&debian, extra), &overrides, &debian_host()).expect("known");
        found.iter().map(|mirror| mirror.address.to_string()).collect::<Vec<_>>()
    };
    let own = extra("backports", "trixie-backports", None);
    let foreign = extra("vendor", "stable", Some("https://v.example/debian"));
    assert_eq!(found(&own, &[]), ["http://m.example/debian"]);
    assert_eq!(found(&foreign, &[]), ["https://v.example/debian"]);
    // The archive of the distribution is where its backports are; what others have is not there.
    let all = [("debian", "http://o.example/d"), ("debian-security", "http://o.example/s")];
    assert_eq!(found(&own, &all), ["http://o.example/d"]);
    assert_eq!(found(&foreign, &all), ["https://v.example/debian"]);
    let of_vendor = [("debian/vendor", "http://o.example/v"), ("debian/backports", "http://o.example/b")];
    assert_eq!(found(&own, &of_vendor), ["http://o.example/b"]);
    assert_eq!(found(&foreign, &of_vendor), ["http://o.example/v"]);
    let of_release = [of_vendor[0], ("debian-13/vendor", "http://o.example/13")];
    assert_eq!(found(&foreign, &of_release), ["http://o.example/13"]);
}
