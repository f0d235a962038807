//! Indexes of several pieces, `Contents` and the suite for debug symbols, as apt, apt-file and other programs read them.

use super::*;

/// What apt-file finds, run over the lists of the same apt.
fn apt_file(site: &Site, pattern: &str) -> Option<String> {
    let config = site.path("apt-file.conf");
    let mut text = fs::read_to_string(site.path("apt.conf")).expect("reads");
    // apt's own settings of apt-file are not read, as the machine's configuration is not.
    text.push_str(&fs::read_to_string("/etc/apt/apt.conf.d/50apt-file.conf").ok()?);
    fs::write(&config, text).expect("writes");
    let run = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).env("APT_CONFIG", &config).env("LC_ALL", "C").output();
        let output = output.ok()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Some((String::from_utf8_lossy(&output.stdout).into_owned(), said))
    };
    let (_, said) = run("apt-get", &["update", "-o", "APT::Update::Error-Mode=any"])?;
    assert_eq!(said, "");
    run("apt-file", &["search", pattern]).map(|(found, said)| {
        assert_eq!(said, "");
        found
    })
}

#[test]
fn apt_file_finds_files_of_all_arches() {
    if !ready() {
        return;
    }
    let (site, made) = filled();
    site.publish(&made);
    let Some(found) = apt_file(&site, "usr/share/opb-sample") else {
        eprintln!("skipped: apt-file is not installed");
        return;
    };
    assert_eq!(
        found,
        "opb-sample: /usr/share/opb-sample/a file\nopb-sample: /usr/share/opb-sample/read me\n\
         opb-sample-doc: /usr/share/opb-sample-doc/a file\nopb-sample-doc: /usr/share/opb-sample-doc/read me\n"
    );
}

#[test]
fn symbols_come_from_the_suite_that_waits() {
    if !ready() {
        return;
    }
    let mut site = Site::new();
    let arch = site.arch.clone();
    let symbols = site.binary_with("opb-sample-dbgsym", &arch, "Auto-Built-Package: debug-symbols\n");
    let binaries = [site.binary("opb-sample", &arch), symbols];
    site.publish(&assemble(&site.settings(), &binaries, &[]));
    site.update().expect("is accepted");
    assert!(site.apt(&["download", "opb-sample"]).status.success());
    let fetched = site.path("work").join(format!("opb-sample-dbgsym_1.0_{arch}.deb"));
    fs::remove_file(&fetched).expect("removes");
    assert!(!site.apt(&["download", "opb-sample-dbgsym"]).status.success(), "nobody has asked for symbols yet");
    let place = site.path("etc/sources.list.d/opb.sources");
    let entry = fs::read_to_string(&place).expect("reads");
    fs::write(&place, entry.replace("Enabled: no\n", "")).expect("writes");
    site.update().expect("is accepted");
    let output = site.apt(&["download", "opb-sample-dbgsym"]);
    assert!(output.status.success() && fetched.exists(), "{}", String::from_utf8_lossy(&output.stderr));
    // Without any symbols the suite is there all the same.
    site.publish(&assemble(&site.settings(), &binaries[..1], &[]));
    let entry = fs::read_to_string(&place).expect("reads");
    fs::write(&place, entry.replace("Enabled: no\n", "")).expect("writes");
    site.update().expect("is accepted");
}

/// A repository whose indexes are made of several pieces.
fn in_pieces(site: &mut Site) -> Assembled {
    let arch = site.arch.clone();
    let one = site.binary("opb-sample", &arch);
    let many = (0..3_000).map(|number| {
        let control = format!(
            "Package: farm-{number:05}\nSource: opb-sample\nVersion: 1.0\nArchitecture: {arch}\nMaintainer: opb\n\
             Section: misc\nDescription: package {number}\n"
        );
        let files = (0..4).map(|file| format!("usr/share/farm/{number:05}/{file}").into_bytes());
        let facts = Facts::new(&fields(&control), &files.collect::<Vec<_>>(), "farm.deb").expect("reads");
        let file = Blob { name: format!("farm-{number:05}_1.0_{arch}.deb"), ..one.file.clone() };
        Binary { facts: facts.into(), area: "main".to_owned(), file, udeb: false, made_by: "build:farm".to_owned() }
    });
    assemble(&site.settings(), &many.collect::<Vec<_>>(), &[])
}

#[test]
fn what_is_put_together_from_pieces_is_read_whole() {
    if !ready() {
        return;
    }
    let mut site = Site::new();
    let made = in_pieces(&mut site);
    site.publish(&made);
    for ending in ["xz", "gz"] {
        let order = format!("Acquire::CompressionTypes::Order {{ \"{ending}\"; }};");
        let config = fs::read_to_string(site.path("apt.conf")).expect("reads");
        fs::write(site.path("apt.conf"), format!("{config}{order}")).expect("writes");
        site.update().expect("is accepted");
        let output = Command::new("apt-cache").args(["dumpavail"]).env("APT_CONFIG", site.path("apt.conf")).output();
        let listed = String::from_utf8(output.expect("runs").stdout).expect("text");
        assert_eq!(listed.lines().filter(|line| line.starts_with("Package: farm-")).count(), 3_000, "{ending}");
        fs::remove_dir_all(site.path("state/lists")).expect("removes");
        fs::create_dir_all(site.path("state/lists/partial")).expect("makes folders");
    }
    let folder = site.path("repo/dists/bookworm/main");
    let read_all = "import gzip, lzma, sys\nfor name in sys.argv[1:]:\n print(len((lzma if name.endswith('xz') else gzip).open(name).read()))";
    for index in [format!("binary-{}/Packages", site.arch), format!("Contents-{}", site.arch)] {
        let size =
            made.suites[0].indexes.iter().find(|entry| entry.path == format!("main/{index}")).expect("listed").size;
        let (xz, gz) = (folder.join(format!("{index}.xz")), folder.join(format!("{index}.gz")));
        for (program, arguments) in
            [("xz", vec!["-dc"]), ("zcat", vec![]), ("python3", vec!["-c", read_all]), ("busybox", vec!["xzcat"])]
        {
            let file = if program == "zcat" { &gz } else { &xz };
            let Ok(output) = Command::new(program).args(arguments).arg(file).output() else {
                eprintln!("skipped: {program} is not installed");
                continue;
            };
            let read = if program == "python3" {
                String::from_utf8_lossy(&output.stdout).trim().parse().expect("a number")
            } else {
                output.stdout.len() as u64
            };
            assert_eq!(read, size, "{program} reads {index}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
}

#[test]
fn indexes_are_found_by_hash() {
    if !ready() {
        return;
    }
    let (site, made) = filled();
    site.publish(&made);
    let packages = format!("main/binary-{}/Packages", site.arch);
    for index in [packages.as_str(), "main/source/Sources"] {
        // As if a newer generation had replaced them since the client read `InRelease`.
        site.change(&format!("{index}.xz"), Vec::clear);
        site.change(&format!("{index}.gz"), Vec::clear);
    }
    site.update().expect("is accepted");
    assert!(site.apt(&["download", "opb-sample"]).status.success());
}

#[test]
fn an_empty_repository_is_one() {
    if !ready() {
        return;
    }
    let site = Site::new();
    site.publish(&assemble(&site.settings(), &[], &[]));
    site.update().expect("is accepted");
}
