//! Metadata as createrepo_c writes it, and as nobody should.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

const DIGEST: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn repomd(data: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<repomd xmlns=\"http://linux.duke.edu/metadata/repo\" \
         xmlns:rpm=\"http://linux.duke.edu/metadata/rpm\">\n  <revision>1700000000</revision>\n{data}</repomd>\n"
    )
}

fn data(kind: &str, path: &str) -> String {
    format!(
        "<data type=\"{kind}\"><checksum type=\"sha256\">{DIGEST}</checksum><open-checksum type=\"sha256\">1</open-checksum>\
         <location href=\"{path}\"/><timestamp>1</timestamp><size>7</size><open-size>9</open-size></data>\n"
    )
}

#[test]
fn repomd_names_the_files() {
    let text = repomd(&[data("primary", "repodata/1-primary.xml.gz"), data("group", "repodata/c.xml")].concat());
    let read = repomd::read(&text).expect("good");
    assert_eq!(read.revision, "1700000000");
    let primary = read.of_kind("primary").expect("there");
    assert_eq!((primary.path.as_str(), primary.size), ("repodata/1-primary.xml.gz", Some(7)));
    assert_eq!(primary.sha256.map(|digest| digest.to_string()).as_deref(), Some(DIGEST));
    let both = repomd(&[data("primary", "p"), data("group", "c.xml"), data("group_gz", "c.xml.gz")].concat());
    let both = repomd::read(&both).expect("good");
    assert_eq!(both.of_kind("group").map(|file| file.path.as_str()), Some("c.xml.gz"));
}

#[test]
fn repomd_is_refused_with_its_reason() {
    let said = |text: &str| repomd::read(text).expect_err(text).to_string();
    assert_eq!(said(""), "it has no file of the kind `primary`");
    assert_eq!(said("<html><body/></html>"), "it has no element `repomd`");
    assert_eq!(said("<repomd>"), "it is no XML at byte 8: it ends in the midst of an element");
    assert_eq!(said("<repomd>&x;</repomd>"), "it is no XML at byte 8: the entity `x` is not known");
    for path in ["/etc/passwd", "../x", "a/../../x", "http://example.org/x", "a b", ""] {
        assert_eq!(
            said(&repomd(&data("primary", path))),
            format!("it has the metadata file `{path}`, which is no plain path below the repository")
        );
    }
    let text = repomd(&data("primary", "p").replace(DIGEST, "12"));
    assert_eq!(said(&text), "it has the digest `12`, which is no SHA-256");
    assert_eq!(said(&repomd("<data type=\"primary\"/>")), "it has no place of its file `primary`");
    let deep = "<a>".repeat(40);
    assert_eq!(said(&format!("<repomd>{deep}")), "it is no XML at byte 101: elements stand in each other too deeply");
}

fn package(more: &str) -> String {
    format!(
        "<metadata xmlns=\"http://linux.duke.edu/metadata/common\" packages=\"1\">\n<package type=\"rpm\">\n  <name>a&amp;b</name>\n  \
         <arch>x86_64</arch>\n  <version epoch=\"0\" ver=\"1.0\" rel=\"1\"/>\n  <checksum type=\"sha256\" pkgid=\"YES\">{DIGEST}</checksum>\n  \
         <summary>what &lt;it&gt; is</summary>\n  <description>more <b>name</b></description>\n  <time file=\"1\" build=\"2\"/>\n  \
         <size package=\"120\" installed=\"4\" archive=\"5\"/>\n  <location href=\"Packages/a.rpm\"/>\n  <format>\n    \
         <rpm:license>MIT</rpm:license>\n    <rpm:provides>\n      <rpm:entry name=\"a\" flags=\"EQ\" epoch=\"0\" ver=\"1.0\" rel=\"1\"/>\n    \
         </rpm:provides>\n    <rpm:requires>\n      <rpm:entry name=\"(/opt/x or &quot;b&quot;)\"/><rpm:entry name=\"/bin/sh\" pre=\"1\"/>\n    \
         </rpm:requires>\n    <file>/usr/bin/a</file>\n{more}  </format>\n</package>\n</metadata>\n"
    )
}

const SLIM: &str = "<metadata xmlns=\"http://linux.duke.edu/metadata/common\" \
xmlns:rpm=\"http://linux.duke.edu/metadata/rpm\"><package type=\"rpm\"><name>a&amp;b</name><arch>x86_64</arch>\
<version epoch=\"0\" ver=\"1.0\" rel=\"1\"></version>\
<checksum type=\"sha256\" pkgid=\"YES\">e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855</checksum>\
<size package=\"120\"></size><location href=\"Packages/a.rpm\"></location><format><rpm:provides>\
<rpm:entry name=\"a\" flags=\"EQ\" epoch=\"0\" ver=\"1.0\" rel=\"1\"></rpm:entry></rpm:provides><rpm:requires>\
<rpm:entry name=\"(/opt/x or &quot;b&quot;)\"></rpm:entry><rpm:entry name=\"/bin/sh\" pre=\"1\"></rpm:entry></rpm:requires>\
<file>/usr/bin/a</file></format></package></metadata>\n";

#[test]
fn primary_is_made_slim() {
    let slim = primary::slim(&package(""), &BTreeMap::new()).expect("good");
    assert_eq!(slim, SLIM);
    assert_eq!(primary::slim(&slim, &BTreeMap::new()).expect("good"), slim, "a slim one stays as it is");
    let more = BTreeMap::from([(DIGEST.to_owned(), vec!["/opt/x".to_owned(), "/usr/bin/a".to_owned()])]);
    let with = primary::slim(&slim, &more).expect("good");
    assert_eq!(with, SLIM.replace("</file>", "</file><file>/opt/x</file>"));
    let files = primary::files(&slim).expect("good");
    assert_eq!(files.len(), 1);
    assert_eq!((files[0].name.as_str(), files[0].size, files[0].path.as_str()), ("a&b", 120, "Packages/a.rpm"));
    let needed: Vec<String> = primary::needed_files(&package("")).expect("good").into_iter().collect();
    assert_eq!(needed, ["/bin/sh", "/opt/x"]);
}

#[test]
fn primary_is_refused_with_its_reason() {
    let said = |text: &str| primary::slim(text, &BTreeMap::new()).expect_err(text).to_string();
    assert_eq!(said("<html/>"), "it has no element `metadata`");
    assert_eq!(
        said(&package("").replace("Packages/a.rpm", "../../a.rpm")),
        "it has the package's place `../../a.rpm`, which is no plain path below the repository"
    );
    assert_eq!(
        said(&package("").replace("type=\"sha256\"", "type=\"sha512\"")),
        format!("it has the package's digest `{DIGEST}`, which is no SHA-256")
    );
    assert_eq!(
        said("<metadata><package type=\"rpm\"><name>n</name></package></metadata>"),
        "it has no digest of the package `n`"
    );
    for cut in 0..package("").len() {
        let text = package("");
        if text.is_char_boundary(cut) {
            let _ = primary::slim(&text[..cut], &BTreeMap::new());
        }
    }
}

#[test]
fn filelists_say_who_has_a_file() {
    let text = format!(
        "<filelists packages=\"1\"><package pkgid=\"{DIGEST}\" name=\"a\" arch=\"noarch\"><version ver=\"1\"/>\
         <file type=\"dir\">/opt/x</file><file>/opt/x/y</file></package><package pkgid=\"2\"><file>/z</file></package></filelists>"
    );
    let wanted = BTreeSet::from(["/opt/x".to_owned(), "/none".to_owned()]);
    let found = filelists::with_files(&text, &wanted).expect("good");
    assert_eq!(found, BTreeMap::from([(DIGEST.to_owned(), vec!["/opt/x".to_owned()])]));
}

#[test]
fn groups_have_what_is_installed_with_them() {
    let text = "<comps><group><id>buildsys-build</id><name>x</name><packagelist>\
        <packagereq type=\"mandatory\">gcc</packagereq><packagereq type=\"optional\">vim</packagereq>\
        <packagereq>bash</packagereq><packagereq type=\"default\">make</packagereq>\
        <packagereq type=\"default\">a b</packagereq></packagelist></group>\
        <environment><id>e</id></environment><group><id>empty</id></group></comps>";
    let groups = groups::read(text).expect("good");
    assert_eq!(groups["buildsys-build"], ["bash", "gcc", "make"]);
    assert_eq!(groups::encode(&groups), "buildsys-build bash gcc make\nempty \n");
    assert_eq!(groups::decode(&groups::encode(&groups)), groups);
}

#[test]
fn a_question_is_a_package_that_needs_all_of_it() {
    let parse = |text: &str| crate::package::spec::dependency::parse(text).expect("good");
    let needs = parse("pkgconfig(libmd) >= 1.0, gcc, (a or b), /usr/bin/x, bash = 1:5.2-3");
    let text = plain::of(&[plain::question("q", "x86_64", &needs, &parse("vim < 2"))]);
    let requires = "<rpm:requires><rpm:entry name=\"pkgconfig(libmd)\" flags=\"GE\" epoch=\"0\" ver=\"1.0\"></rpm:entry>\
                    <rpm:entry name=\"gcc\"></rpm:entry><rpm:entry name=\"(a or b)\"></rpm:entry>\
                    <rpm:entry name=\"/usr/bin/x\"></rpm:entry>\
                    <rpm:entry name=\"bash\" flags=\"EQ\" epoch=\"1\" ver=\"5.2\" rel=\"3\"></rpm:entry></rpm:requires>";
    assert!(text.contains(requires), "{text}");
    let conflicts =
        "<rpm:conflicts><rpm:entry name=\"vim\" flags=\"LT\" epoch=\"0\" ver=\"2\"></rpm:entry></rpm:conflicts>";
    assert!(text.contains(conflicts), "{text}");
    let read = primary::files(&text).expect("as its own form");
    assert_eq!((read.len(), read[0].name.as_str()), (1, "q"));
    assert_eq!(primary::slim(&text, &BTreeMap::new()).expect("good"), text, "in the slim form already");
}
