//! `opb query`: what needs what, along which way, and how deep it is.

use super::*;

/// Three components, each needing the one before, and one by itself; two arches.
fn four() -> Space {
    let mut space = Space::two();
    space.pin("mirage-1", "oasis", &["amd64", "arm64"]);
    space.file("recipes/signify.rhai", "#{ source: dsc(\"signify\") }\n");
    space.file("recipes/hello.rhai", "#{ source: dsc(\"hello\") }\n");
    space.dsc("signify", "debhelper-compat (= 13), libbsd0", &[("signify", "any", "libbsd0")]);
    space.dsc("hello", "debhelper-compat (= 13)", &[("hello", "any", "")]);
    space
}

fn asked(space: &Space, arguments: &[&str]) -> String {
    let json = space.json(&[&["query"], arguments, &["--format", "json"]].concat());
    schema::conforms("query", &json);
    assert_eq!(json["query"], arguments[0]);
    space.seen(&[&["query"], arguments].concat())
}

#[test]
fn dependencies_and_dependents() {
    let space = four();
    insta::assert_snapshot!(asked(&space, &["deps", "build:libbsd@mirage-1/arm64"]), @r###"
    exit 0
    --- stdout
    index:base@mirage-1/arm64
    resolve:base@mirage-1/arm64
    root:base@mirage-1/arm64
    source:libmd@mirage-1
    source-package:libmd@mirage-1
    resolve:libmd@mirage-1/arm64
    root:libmd@mirage-1/arm64
    build:libmd@mirage-1/arm64
    source:libbsd@mirage-1
    source-package:libbsd@mirage-1
    resolve:libbsd@mirage-1/arm64
    root:libbsd@mirage-1/arm64
    "###);
    insta::assert_snapshot!(asked(&space, &["deps", "build:libbsd@mirage-1/arm64", "--direct"]), @r###"
    exit 0
    --- stdout
    source-package:libbsd@mirage-1
    root:libbsd@mirage-1/arm64
    "###);
    insta::assert_snapshot!(asked(&space, &["deps", "signify", "--by", "component"]), @r###"
    exit 0
    --- stdout
    base
    libmd
    libbsd
    "###);
    insta::assert_snapshot!(asked(&space, &["deps", "signify", "--by", "component", "--depth", "1"]), @r###"
    exit 0
    --- stdout
    base
    libmd
    libbsd
    "###);
    insta::assert_snapshot!(asked(&space, &["rdeps", "libmd", "--kind", "build"]), @r###"
    exit 0
    --- stdout
    build:libbsd@mirage-1/amd64
    build:libbsd@mirage-1/arm64
    build:signify@mirage-1/amd64
    build:signify@mirage-1/arm64
    "###);
    insta::assert_snapshot!(asked(&space, &["rdeps", "source:libmd", "--by", "target"]), @r###"
    exit 0
    --- stdout
    mirage-1/amd64
    mirage-1/arm64
    "###);
    let json = space.stdout(&["query", "deps", "signify", "--by", "component", "--format", "json"]);
    insta::assert_snapshot!(json, @r###"
    {"version":1,"query":"deps","by":"component","results":[{"distance":1,"name":"base"},{"distance":1,"name":"libmd"},{"distance":1,"name":"libbsd"}]}
    "###);
}

#[test]
fn ways() {
    let space = four();
    insta::assert_snapshot!(asked(&space, &["path", "build:signify@*/amd64", "build:libmd"]), @r###"
    exit 0
    --- stdout
    build:signify@mirage-1/amd64
    root:signify@mirage-1/amd64     as root
    resolve:signify@mirage-1/amd64  as list
    build:libmd@mirage-1/amd64      as packages of libmd/amd64
    "###);
    insta::assert_snapshot!(asked(&space, &["path", "signify", "libmd", "--by", "component"]), @r###"
    exit 0
    --- stdout
    signify
    libmd
    "###);
    insta::assert_snapshot!(asked(&space, &["path", "build:hello@*/arm64", "index:base", "--all"]), @r###"
    exit 0
    --- stdout
    build:hello@mirage-1/arm64
    root:hello@mirage-1/arm64     as root
    resolve:hello@mirage-1/arm64  as list
    index:base@mirage-1/arm64     as index
    "###);
    insta::assert_snapshot!(asked(&space, &["path", "libmd", "signify"]), @r###"
    exit 0
    --- stderr
    note: `libmd` does not read `signify`, directly or not; it is the other way round
    "###);
    insta::assert_snapshot!(asked(&space, &["path", "hello", "signify"]), @r###"
    exit 0
    --- stderr
    note: `hello` does not read `signify`, directly or not
    "###);
    insta::assert_snapshot!(asked(&space, &["between", "build:signify@*/amd64", "build:libmd"]), @r###"
    exit 0
    --- stdout
    build:libmd@mirage-1/amd64
    resolve:libbsd@mirage-1/amd64
    root:libbsd@mirage-1/amd64
    build:libbsd@mirage-1/amd64
    resolve:signify@mirage-1/amd64
    root:signify@mirage-1/amd64
    build:signify@mirage-1/amd64
    "###);
    insta::assert_snapshot!(asked(&space, &["common", "build:hello@*/arm64", "build:libmd@*/arm64"]), @r###"
    exit 0
    --- stdout
    index:base@mirage-1/arm64
    resolve:base@mirage-1/arm64
    root:base@mirage-1/arm64
    "###);
    insta::assert_snapshot!(space.seen(&["query", "path", "signify", "libmd", "--all", "--by", "target"]), @r###"
    exit 2
    --- stderr
    opb::query::all_by

      × all ways are told by node only
      help: leave out `--all` or `--by`
    "###);
    let json = space.stdout(&["query", "path", "build:libmd@*/amd64", "index:base@*/amd64", "--format", "json"]);
    insta::assert_snapshot!(json, @r###"
    {"version":1,"query":"path","by":"node","count":1,"paths":[[{"name":"build:libmd@mirage-1/amd64"},{"name":"root:libmd@mirage-1/amd64","role":"root"},{"name":"resolve:libmd@mirage-1/amd64","role":"list"},{"name":"index:base@mirage-1/amd64","role":"index"}]]}
    "###);
}

#[test]
fn ends_and_depth() {
    let space = four();
    insta::assert_snapshot!(asked(&space, &["roots"]), @r###"
    exit 0
    --- stdout
    repo:nightly@mirage-1
    "###);
    insta::assert_snapshot!(asked(&space, &["roots", "libmd", "libbsd"]), @r###"
    exit 0
    --- stdout
    build:libbsd@mirage-1/amd64
    build:libbsd@mirage-1/arm64
    "###);
    insta::assert_snapshot!(asked(&space, &["leaves", "--kind", "index"]), @r###"
    exit 0
    --- stdout
    index:base@mirage-1/amd64
    index:base@mirage-1/arm64
    "###);
    insta::assert_snapshot!(asked(&space, &["leaves", "--by", "component"]), @r###"
    exit 0
    --- stdout
    base
    libmd
    libbsd
    signify
    hello
    "###);
    insta::assert_snapshot!(asked(&space, &["depth"]), @r"
    exit 0
    --- stdout
    repo:nightly@mirage-1
    build:signify@mirage-1/amd64    as debug signify/amd64
    root:signify@mirage-1/amd64     as root
    resolve:signify@mirage-1/amd64  as list
    build:libbsd@mirage-1/amd64     as packages of libbsd/amd64
    root:libbsd@mirage-1/amd64      as root
    resolve:libbsd@mirage-1/amd64   as list
    build:libmd@mirage-1/amd64      as packages of libmd/amd64
    root:libmd@mirage-1/amd64       as root
    root:base@mirage-1/amd64        as base
    resolve:base@mirage-1/amd64     as list
    index:base@mirage-1/amd64       as index
    ");
    insta::assert_snapshot!(asked(&space, &["depth", "--by", "component"]), @r###"
    exit 0
    --- stdout
    nightly
    signify
    libbsd
    libmd
    base
    "###);
}

#[test]
fn nodes_that_are_not_there() {
    let space = four();
    insta::assert_snapshot!(space.seen(&["query", "deps", "libmb"]), @r###"
    exit 2
    --- stderr
    opb::ops::nothing_selected

      × nothing matches `libmb`
      help: did you mean `libmd`?
    "###);
    insta::assert_snapshot!(space.seen(&["query", "deps"]), @r###"
    exit 2
    --- stderr
    error: the following required arguments were not provided:
      <NODE>...

    Usage: opb query deps <NODE>...

    For more information, try '--help'.
    "###);
}

#[test]
fn questions_have_help() {
    insta::assert_snapshot!(help::verb(&["query", "--help"]), @r###"
    exit 0
    --- stdout
    Ask the graph: what needs what, along which way, and how deep it is. Like `eval`, without network
    and store

    Usage: opb query [OPTIONS] <COMMAND>

    Commands:
      deps     What the selected nodes read, directly or not
      rdeps    What reads the selected nodes, directly or not
      path     A shortest way along which FROM reads TO, each node reading the next
      between  Every node on any way along which FROM reads TO
      common   What both of two selections read, directly or not
      roots    Nodes that nobody (of the selected ones) reads. Chroots are `--kind root`
      leaves   Nodes that read nobody (of the selected ones)
      depth    The longest chain below the selected nodes, each reading the next: what takes that many
               steps however many machines there are
      help     Print this message or the help of the given subcommand(s)

    Options:
    "###);
    insta::assert_snapshot!(help::verb(&["query", "deps", "--help"]), @r#"
    exit 0
    --- stdout
    What the selected nodes read, directly or not

    Usage: opb query deps [OPTIONS] <NODE>...

    Arguments:
      <NODE>...
              From where: a node, or a selector, which may mean several

    Options:
          --depth <N>
              Go at most N steps

          --direct
              Go one step: the same as `--depth 1`

          --by <WHAT>
              Name nodes, or components or targets; steps then count from one to another

              Possible values:
              - node:      `build:libbsd@debian-12/amd64`
              - component: `libbsd`
              - target:    `debian-12/amd64`

              [default: node]

          --kind <KIND>
              Tell only nodes of these kinds, such as `build,root`

              [possible values: source, index, resolve, root, probe, source-package, build, check, repo]

          --format <FORMAT>
              How to tell it. JSON is versioned; docs/schema has its schema

              Possible values:
              - text: A name a line
              - json: One JSON object

              [default: text]
    "#);
    insta::assert_snapshot!(help::verb(&["query", "path", "--help"]), @r#"
    exit 0
    --- stdout
    A shortest way along which FROM reads TO, each node reading the next

    Usage: opb query path [OPTIONS] <FROM> <TO>

    Arguments:
      <FROM>
              From where: a node, or a selector, which may mean several

      <TO>
              To where: the same

    Options:
          --by <WHAT>
              Name nodes, or components or targets; steps then count from one to another

              Possible values:
              - node:      `build:libbsd@debian-12/amd64`
              - component: `libbsd`
              - target:    `debian-12/amd64`

              [default: node]

          --kind <KIND>
              Tell only nodes of these kinds, such as `build,root`

              [possible values: source, index, resolve, root, probe, source-package, build, check, repo]

          --format <FORMAT>
              How to tell it. JSON is versioned; docs/schema has its schema

              Possible values:
              - text: A name a line
              - json: One JSON object

              [default: text]

          --all
              Tell all ways that are as short
    "#);
}
