//! Addresses of repositories, and names in them.

use std::collections::BTreeMap;

use super::*;

fn git(text: &str) -> Result<String, String> {
    RemoteUrl::new(System::Git, text).map(|url| url.to_string()).map_err(|error| error.to_string())
}

#[test]
fn addresses_and_short_names() {
    for good in [
        "https://example.org/tool.git",
        "https://example.org:8443/~user/a+b/tool",
        "ssh://git@example.org/tool.git",
        "ssh://example.org:2222/tool.git",
        "git://example.org/tool",
        "file:///srv/git/tool.git",
        "http://[::1]:8080/tool.git",
        "tool",
        "group/tool.git",
    ] {
        assert_eq!(git(good), Ok(good.to_owned()));
    }
    assert_eq!(git("https://example.org/tool/"), Ok("https://example.org/tool".to_owned()));
}

#[test]
fn what_is_no_address_is_refused() {
    for hostile in [
        "",
        "-u",
        "--upload-pack=x",
        "../tool",
        "/srv/tool",
        "a b",
        "tool\n",
        "https://",
        "https://example.org",
        "https:///tool",
        "https://-oProxyCommand=x/tool",
        "ssh://-oProxyCommand=x/tool",
        "ssh://git@-x/tool",
        "file://host/tool",
        "https://example.org/a/../b",
        "https://example.org/-x",
        "https://example.org/tool?token=x",
        "https://example.org/tool#x",
        "https://example.org/$(id)",
        "https://example.org/a b",
        "https://exämple.org/tool",
        "https://example.org/\u{1b}[2J",
    ] {
        let told = git(hostile).expect_err(hostile);
        assert!(told.ends_with("is not an address of a repository") && !told.contains('\u{1b}'), "{told}");
    }
    for (text, scheme) in [("ext::sh -c x://y", "ext::sh -c x"), ("ftp://h/x", "ftp"), ("HTTPS://h/x", "HTTPS")] {
        assert_eq!(git(text), Err(format!("repositories are not reached by `{scheme}://`")));
    }
    let known = RemoteUrl::new(System::Hg, "git://h/x").expect_err("not of hg");
    assert_eq!(known.help(), "write it with one of `https://`, `http://`, `ssh://`, `file://`");
}

#[test]
fn the_brief_form_of_ssh_is_told_as_the_whole_one() {
    let brief = RemoteUrl::new(System::Git, "git@example.org:group/tool.git").expect_err("brief");
    assert_eq!(brief.help(), "write it as `ssh://git@example.org/group/tool.git`");
}

#[test]
fn credentials_are_refused_and_not_shown() {
    for text in [
        "https://user:geheim@example.org/tool",
        "https://geheim@example.org/tool",
        "ssh://user:geheim@example.org/tool",
        "http://user:ge@heim@example.org/tool",
        "ext://user:geheim@example.org/tool",
        "user:geheim@example.org/tool",
    ] {
        let error = RemoteUrl::new(System::Git, text).expect_err(text);
        let told = format!("{error} {} {error:?}", error.help());
        assert!(!told.contains("geheim") && !told.contains("heim@"), "{told}");
    }
    let told = git("https://user:geheim@example.org/tool");
    assert_eq!(told, Err("the address of the repository on `example.org` holds a user name or a password".to_owned()));
}

#[test]
fn submodules_lead_where_they_may() {
    let of = |own: &str, relative: &str| {
        let own = RemoteUrl::new(System::Git, own).expect("an address");
        own.of_submodule(relative).map(|url| url.to_string()).ok()
    };
    let own = "https://example.org/group/tool.git";
    assert_eq!(of(own, "../lib.git").as_deref(), Some("https://example.org/group/lib.git"));
    assert_eq!(of(own, "../../other/lib").as_deref(), Some("https://example.org/other/lib"));
    assert_eq!(of(own, "./lib").as_deref(), Some("https://example.org/group/tool.git/lib"));
    assert_eq!(of(own, "https://elsewhere.example/lib").as_deref(), Some("https://elsewhere.example/lib"));
    for hostile in ["../../../../x", "file:///etc", "/etc", "lib", "ext::sh -c id", "-x", "", "../-x", "git@h:x"] {
        assert_eq!(of(own, hostile), None, "{hostile}");
    }
    assert_eq!(of("file:///srv/tool", "../lib").as_deref(), Some("file:///srv/lib"));
    assert_eq!(of("file:///srv/tool", "file:///srv/lib").as_deref(), Some("file:///srv/lib"));
}

#[test]
fn names_of_branches_tags_and_commits() {
    for good in ["main", "v1.2", "feature/x", "release-1.0", "ünicode"] {
        assert!(is_reference(good) && is_tag_pattern(good), "{good}");
    }
    for hostile in
        ["", "-d", "a b", "a..b", "a~1", "a^", "a:b", "/a", "a/", "a.lock", "@{1}", "@", "a\nb", ".a", "a/.b"]
    {
        assert!(!is_reference(hostile) && !is_tag_pattern(hostile), "{hostile:?}");
    }
    assert!(is_tag_pattern("v*") && is_tag_pattern("*") && !is_reference("v*"));
    assert!(is_commit(&"0a".repeat(20)) && !is_commit(&"0A".repeat(20)) && !is_commit("0a"));
}

#[test]
fn patterns_of_tags() {
    for (pattern, name) in [("v1.*", "v1.2"), ("*", "x"), ("v1.2", "v1.2"), ("*-*", "a-b"), ("a*b*c", "a1b2bc")] {
        assert!(matches_tag(pattern, name), "{pattern} {name}");
    }
    for (pattern, name) in [("v1.*", "v2.1"), ("v1.2", "v1.20"), ("a*a", "a"), ("a*b*c", "acb")] {
        assert!(!matches_tag(pattern, name), "{pattern} {name}");
    }
}

#[test]
fn a_checkout_is_shown_as_recipes_call_it() {
    let mut checkout = Checkout {
        system: System::Git,
        url: RemoteUrl::new(System::Git, "tool").expect("a name"),
        follow: Follow::Default,
        submodules: false,
        folder: None,
        versions: None,
    };
    assert_eq!(checkout.to_string(), "git(\"tool\")");
    checkout.follow = Follow::Tag("v1.*".to_owned());
    (checkout.submodules, checkout.folder) = (true, Some("sub".to_owned()));
    assert_eq!(checkout.to_string(), "git(\"tool\", #{ tag: \"v1.*\", submodules: true, folder: \"sub\" })");
    let told = serde_json::to_string(&checkout).expect("plain");
    assert_eq!(told, r#"{"scheme":"git","url":"tool","tag":"v1.*","submodules":true,"folder":"sub"}"#);
    assert_eq!(serde_json::from_str::<Checkout>(&told).expect("the same"), checkout);
    checkout = Checkout { follow: Follow::Default, submodules: false, folder: None, ..checkout };
    checkout.versions = TagVersions::new("v*", BTreeMap::new()).ok();
    assert_eq!(checkout.to_string(), "git(\"tool\"), version: from_tags(\"v*\")");
    let release = checkout.at_release().expect("nothing says another");
    assert_eq!(release.follow, Follow::Tag("v*".to_owned()));
    let told = serde_json::to_string(&checkout).expect("plain");
    assert_eq!(told, r#"{"scheme":"git","url":"tool","submodules":false,"folder":null,"versions":{"pattern":"v*"}}"#);
    assert_eq!(serde_json::from_str::<Checkout>(&told).expect("the same"), checkout);
}
