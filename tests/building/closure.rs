//! Whether what would be published is whole and of one piece, looked at through the library as publishing does it.

use opb::digest::Digest;
use opb::drv::Outputs;
use opb::graph::NodeId;
use opb::name::{Kind, OutputName};
use opb::ops::closure::{self, Closure};
use opb::ops::plan::{Wish, plan};
use opb::ops::session::Session;
use opb::plan::Plan;
use opb::report::closure::{told, told_incoherent};

use crate::space::Space;
use crate::space::mini::{Mini, mini, spec};
use crate::space::sources::Tiny;
use crate::space::space;

/// A project as it is now, with what is built of it.
struct Now {
    session: Session,
    plan: Plan,
    repo: NodeId,
}

impl Now {
    fn of(space: &Space) -> Self {
        let session = Session::open(&space.folder).expect("a project");
        let repo = session.graph.ids().find(|id| session.graph.node(*id).kind() == Kind::Repo).expect("a channel");
        let wish = Wish { wanted: vec![repo], ..Wish::default() };
        let plan = plan(&session, &wish, &space.open_store(), None).expect("plans");
        Self { session, plan, repo }
    }

    fn outputs(&self, id: NodeId) -> Option<Outputs> {
        self.plan.of(id).and_then(|planned| planned.outputs.clone())
    }

    fn name(&self, id: NodeId) -> String {
        self.session.graph.node(id).to_string()
    }

    fn check(&self, space: &Space) -> Closure {
        closure::check(&self.session, &space.open_store(), self.repo, |id| self.outputs(id)).expect("can be told")
    }
}

/// A component whose only package has this `Depends`, which may build-depend on others.
fn depending(space: &Space, name: &str, depends: &str, build_depends: &str, recipe: &str) {
    let fields = format!("Rules-Requires-Root: no\n{build_depends}");
    let fill = format!("sed -i 's/^Depends: .*/Depends: {depends}/' debian/control\nprintf '%s\\n' \"${{X-}}\" > $d/x");
    Tiny { name, fields: &fields, fill: &fill, ..Tiny::PLAIN }.with_recipe(space, recipe);
}

#[test]
fn dependencies_are_met_by_the_channel_and_the_distribution() {
    let Some(space) = space("closure") else { return };
    depending(&space, "a", "bash (>= 2), awk, nowhere-TAG | coreutils", "", "");
    depending(&space, "b", "a-TAG (>= 1.0-1~), perl:any, debconf (>= 0.5) | debconf-2.0", "", "");
    space.opb(&["build", "-q"]).fine();
    let found = Now::of(&space).check(&space);
    assert_eq!((told(&found.broken).as_str(), found.packages, found.is_sound()), ("", 2, true));

    depending(&space, "a", "nowhere-TAG, bash (>= 1000)", "", "");
    depending(&space, "c", "b-TAG | a-TAG (>= 2)", "", "");
    space.opb(&["build", "-q"]).fine();
    let found = Now::of(&space).check(&space);
    let bash = found.broken.first().map(|one| one.available.clone()).expect("something");
    assert!(bash.starts_with("`bash` is there as ") && bash.ends_with(" in the distribution"), "{bash}");
    let text = space.shown(&told(&found.broken)).replace(&space.shown(&bash), "BASH");
    insta::assert_snapshot!(text, @"
    DISTRO/ARCH
      a-TAG 1.0-1~SUFFIX+opb2 needs bash (>= 1000): BASH; made by build:a-TAG@DISTRO/all; 2 more packages cannot be installed without it
      a-TAG 1.0-1~SUFFIX+opb2 needs nowhere-TAG: there is no `nowhere-TAG`; made by build:a-TAG@DISTRO/all; 2 more packages cannot be installed without it
    ");
    assert_eq!((found.packages, found.is_sound(), found.incoherent.len()), (3, false, 0));
}

#[test]
fn what_is_not_whole_is_held_back() {
    let Some(space) = space("held") else { return };
    space.opb(&["key", "init", "--name", "c-TAG"]).fine();
    let build = |version: &str, depends: &str| {
        let fill = format!("sed -i 's/^Depends: .*/Depends: {depends}/' debian/control");
        Tiny { version, fill: &fill, ..Tiny::PLAIN }.with_recipe(&space, "");
        space.opb(&["build", "-q"]).fine();
    };
    build("1.0-1", "nowhere-TAG");
    let told = space.opb(&["repo", "publish", "c-TAG"]).exits(4);
    insta::assert_snapshot!(space.shown(&format!("{}{}", told.out, told.err)), @r"
    DISTRO is held back: 1 package needs something that nobody has; nothing of it is published
    DISTRO/ARCH
      a-TAG 1.0-1~SUFFIX+opb1 needs nowhere-TAG: there is no `nowhere-TAG`; made by build:a-TAG@DISTRO/all
    ");
    assert!(!space.current().exists(), "nothing was ever whole");
    build("1.0-2", "bash");
    space.opb(&["repo", "publish", "c-TAG"]).fine();
    build("1.0-3", "bash, nowhere-TAG");
    insta::assert_snapshot!(space.shown(&space.opb(&["repo", "plan", "c-TAG"]).fine().out), @r"
    generation 1 of c-TAG is current
    DISTRO: held back: 1 package needs something that nobody has
      a-TAG  all     1.0-2~SUFFIX+opb1 → 1.0-3~SUFFIX+opb1
      a-TAG  source  1.0-2~SUFFIX → 1.0-3~SUFFIX
    DISTRO/ARCH
      a-TAG 1.0-3~SUFFIX+opb1 needs nowhere-TAG: there is no `nowhere-TAG`; made by build:a-TAG@DISTRO/all
    since the last good state:
      a-TAG  all     1.0-2~SUFFIX+opb1 → 1.0-3~SUFFIX+opb1
      a-TAG  source  1.0-2~SUFFIX → 1.0-3~SUFFIX
    ");
    let told = space.opb(&["repo", "publish", "c-TAG"]).exits(4);
    insta::assert_snapshot!(space.shown(&format!("{}{}", told.out, told.err)), @r"
    nothing to publish: generation 1 of c-TAG has all of it already: 1 package, in STORE/channels/c-TAG/current
    DISTRO is held back: 1 package needs something that nobody has; its last good state stays
    DISTRO/ARCH
      a-TAG 1.0-3~SUFFIX+opb1 needs nowhere-TAG: there is no `nowhere-TAG`; made by build:a-TAG@DISTRO/all
    since the last good state:
      a-TAG  all     1.0-2~SUFFIX+opb1 → 1.0-3~SUFFIX+opb1
      a-TAG  source  1.0-2~SUFFIX → 1.0-3~SUFFIX
    ");
    // Who wants it all the same gets it; it does not go from there to where it has to be whole.
    space.write("opb.toml", "[channel.c-TAG]\nclosure = false\n[channel.s-TAG]\nkey = \"c-TAG\"\n");
    space.opb(&["build", "-q"]).fine();
    let told = space.opb(&["repo", "publish", "c-TAG"]).fine();
    insta::assert_snapshot!(space.shown(&told.out), @"published generation 2 of c-TAG: 1 package, in STORE/channels/c-TAG/current");
    let told = space.opb(&["repo", "promote", "c-TAG", "s-TAG"]).exits(4);
    insta::assert_snapshot!(space.shown(&told.err), @r"
    opb::promote::open

      × what `c-TAG` has of `DISTRO` is not whole in `s-TAG`
      help: publish newer packages in `c-TAG` first, or set `closure = false` for `s-TAG`; what is not met today:
            DISTRO/ARCH
              a-TAG 1.0-3~SUFFIX+opb1 needs nowhere-TAG: there is no `nowhere-TAG`
    ");
    space.opb(&["repo", "promote", "c-TAG", "s-TAG", "--generation", "1"]).fine();
}

#[test]
fn what_was_used_must_be_what_is_published() {
    let Some(space) = space("coherence") else { return };
    let lib = |x: &str| depending(&space, "a", "bash", "", &format!("env: #{{ X: \"{x}\" }}"));
    lib("1");
    depending(&space, "user", "a-TAG", "Build-Depends: a-TAG\n", "");
    space.opb(&["build", "-q"]).fine();
    let one = Now::of(&space);
    assert!(one.check(&space).is_sound());
    lib("2");
    space.opb(&["build", "-q"]).fine();
    let two = Now::of(&space);
    assert!(two.check(&space).is_sound());

    // The library as it is now, and its user as it was when it was built with the former one.
    let store = space.open_store();
    let library = space.own("build:a-TAG@DISTRO/all");
    let mixed = |id: NodeId| if two.name(id) == library { two.outputs(id) } else { one.outputs(id) };
    let found = closure::check(&two.session, &store, two.repo, mixed).expect("can be told");
    assert_eq!((found.broken.len(), found.packages), (0, 2));
    assert_eq!(found.incoherent.len(), 1);
    let text = told_incoherent(&found.incoherent);
    let (used, published) = (&found.incoherent[0].used, &found.incoherent[0].published.1);
    assert_ne!(used, published);
    let text = text.replace(&used[..12], "USED").replace(&published[..12], "PUBLISHED");
    insta::assert_snapshot!(space.shown(&text), @"
    DISTRO/all
      build:user-TAG@DISTRO/all used a-TAG 1.0-1~SUFFIX+opb1 (USED), and 1.0-1~SUFFIX+opb2 (PUBLISHED) would be published
    ");

    // A repository that was assembled without something lacks that.
    let without = |id: NodeId| if two.name(id) == library { None } else { two.outputs(id) };
    let found = closure::check(&two.session, &store, two.repo, without).expect("can be told");
    insta::assert_snapshot!(space.shown(&told(&found.broken)), @"
    DISTRO/ARCH
      user-TAG 1.0-1~SUFFIX+opb1 needs a-TAG: there is no `a-TAG`; made by build:user-TAG@DISTRO/all
    ");

    let gone = |id: NodeId| {
        let name = OutputName::new("packages").expect("a name");
        let is_index = two.session.graph.node(id).kind() == Kind::Index;
        if is_index { Some(Outputs::from([(name, Digest::of(b"gone"))])) } else { two.outputs(id) }
    };
    let refused = closure::check(&two.session, &store, two.repo, gone).expect_err("the index is gone");
    insta::assert_snapshot!(space.shown(&refused.to_string()), @"what `index:base@DISTRO/ARCH` came to is not in the store, so what packages depend on cannot be checked");
    let help = refused.report.help().map(|help| help.to_string()).unwrap_or_default();
    insta::assert_snapshot!(space.shown(&help), @"run `opb build --again --only index:base@DISTRO/ARCH`, which brings it back, or `opb fetch` for all that comes from archives; then publish again");
}

/// A component of which each package requires something: its name, and lines of its head.
fn requiring(mini: &Mini, name: &str, packages: &[(&str, &str)]) {
    let mut head = "BuildArch: noarch\nAutoReqProv: no\n".to_owned();
    let mut files = format!("%install\ninstall -D -m 644 README %{{buildroot}}%{{_datadir}}/{name}/README\n%files\n");
    for (package, requires) in packages {
        head += &format!("%package -n {package}-TAG\nSummary: x\n{requires}\n%description -n {package}-TAG\nx\n");
        files += &format!("%files -n {package}-TAG\n%{{_datadir}}/{name}/README\n");
    }
    mini.component(name, "", &spec(name, &head, &files));
}

#[test]
fn rpm_packages_find_what_they_require() {
    let Some(mini) = mini("closure-rpm") else { return };
    let Mini { space, .. } = &mini;
    requiring(
        &mini,
        "good",
        &[
            // Of the distribution only; in an older version than its newest; of a module that nobody has enabled.
            ("distribution", "Requires: asciidoc\nRequires: autoconf-archive < 1.10\nRequires: nodejs >= 20"),
            // A file that only the list of all files has, and one of ours.
            ("file", "Requires: /usr/share/docbook/style.txt\nRequires: /usr/share/good/README"),
            ("rich", "Requires: (asciidoctor or asciidoc)\nRequires: ((nowhere if nowhere-else) and file-TAG)"),
            ("provides", "Provides: thing-TAG = 2\nRequires: thing-TAG >= 2\nRequires: ring-TAG"),
            ("ring", "Requires: provides-TAG"),
            ("weak", "Recommends: nowhere\nRequires: rpmlib(CompressedFileNames) <= 3.0.4-1"),
        ],
    );
    space.opb(&["update", "@mini-1"]).fine();
    space.opb(&["build"]).fine();
    let found = Now::of(space).check(space);
    assert_eq!((told(&found.broken).as_str(), found.packages, found.is_sound()), ("", 7, true));

    requiring(
        &mini,
        "bad",
        &[
            ("missing", "Requires: nowhere >= 2"),
            ("newer", "Requires: asciidoc > 1000\nRequires: thing-TAG > 2"),
            ("lost", "Requires: /usr/share/nowhere"),
            ("joined", "Requires: (asciidoc and nowhere)\nRequires: (nowhere if asciidoc else file-TAG)"),
            ("both", "Requires: (asciidoc with file-TAG)\nRequires: (asciidoc without asciidoc)"),
            ("follower", "Requires: missing-TAG"),
            ("late", "Requires: follower-TAG >= 1\nRequires: (missing-TAG or asciidoc)"),
        ],
    );
    space.opb(&["build"]).fine();
    let found = Now::of(space).check(space);
    insta::assert_snapshot!(space.shown(&told(&found.broken)), @"
    mini-1/ARCH
      both-TAG 1.0-1.1.mr1 needs (asciidoc with file-TAG): `asciidoc` is there as asciidoc-1-1.mr1.noarch; `file-TAG` is there as file-TAG-1.0-1.1.mr1.noarch; made by build:bad-TAG@mini-1/all
      both-TAG 1.0-1.1.mr1 needs (asciidoc without asciidoc): `asciidoc` is there as asciidoc-1-1.mr1.noarch; made by build:bad-TAG@mini-1/all
      joined-TAG 1.0-1.1.mr1 needs (asciidoc and nowhere): `asciidoc` is there as asciidoc-1-1.mr1.noarch; nothing provides `nowhere`; made by build:bad-TAG@mini-1/all
      joined-TAG 1.0-1.1.mr1 needs (nowhere if asciidoc else file-TAG): `asciidoc` is there as asciidoc-1-1.mr1.noarch; `file-TAG` is there as file-TAG-1.0-1.1.mr1.noarch; nothing provides `nowhere`; made by build:bad-TAG@mini-1/all
      lost-TAG 1.0-1.1.mr1 needs /usr/share/nowhere: nothing provides `/usr/share/nowhere`; made by build:bad-TAG@mini-1/all
      missing-TAG 1.0-1.1.mr1 needs nowhere >= 2: nothing provides `nowhere`; made by build:bad-TAG@mini-1/all; 2 more packages cannot be installed without it
      newer-TAG 1.0-1.1.mr1 needs asciidoc > 1000: `asciidoc` is there as asciidoc-1-1.mr1.noarch; made by build:bad-TAG@mini-1/all
      newer-TAG 1.0-1.1.mr1 needs thing-TAG > 2: `thing-TAG` is there as provides-TAG-1.0-1.1.mr1.noarch as thing-TAG = 2; made by build:bad-TAG@mini-1/all
    ");
    assert_eq!(found.packages, 15);
}
