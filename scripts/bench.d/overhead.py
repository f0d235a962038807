"""What a build costs besides itself: opb against dpkg-buildpackage alone in the same chroot, sbuild, and pbuilder.

All build the same source package, `hello`, without network while they are timed. Needs root, as pbuilder does.
"""
import os

from alone import Alone
from debs import make_base
from measure import Command, Fault, Row, in_turn, say
from pbuilder import Pbuilder
from sbuild import Sbuild

ROUNDS = 3
COMPONENT = "hello"

# Besides dpkg-buildpackage, opb evaluates, makes a sandbox, adds a changelog entry, and stores packages and log durably.
BAR_ALONE = 1.3
# sbuild and pbuilder unpack a chroot and install the build dependencies for each build; opb keeps both as layers.
BAR_OTHERS = 0.7


def rows(demo, place, prefix):
    if os.geteuid() != 0:
        raise Fault("demo.overhead needs root, for the peers mount and chroot: run `sudo make bench ONLY=demo.overhead`")
    demo.prepare()
    source = published_source(demo)
    peers = {"dpkg": Alone(demo, place / "alone", COMPONENT, source)}
    # Their chroot takes a while to make; who asks for `demo.overhead.hello.dpkg` alone need not wait for it.
    others = {"sbuild": Sbuild, "pbuilder": Pbuilder}
    others = {name: kind for name, kind in others.items() if is_wanted(name, prefix)}
    if others:
        base = make_base(demo, place / "base", COMPONENT)
        peers.update({name: kind(place / name, base, source) for name, kind in others.items()})
    demo.prove_noticed()
    build = demo.target("build", COMPONENT)
    # One node at a time: then a build gets all cores, as the peers' does.
    again = demo.argv("build", "--again", "--only", build)
    commands = {"overhead-opb": Command(again, env=demo.env, check=built(build))}
    commands.update({f"overhead-{name}": peer.command() for name, peer in peers.items()})
    medians = in_turn(commands, ROUNDS, place)
    demo.expect_clean("after it was built again")
    ours = medians["overhead-opb"]
    found = []
    for name, peer in peers.items():
        theirs = medians[f"overhead-{name}"]
        bar = BAR_ALONE if name == "dpkg" else BAR_OTHERS
        what = f"build {COMPONENT}, {peer.NAME}"
        found.append(Row(f"demo.overhead.hello.{name}.wall", f"{what}, wall", ours.wall, theirs.wall, bar))
        found.append(Row(f"demo.overhead.hello.{name}.cpu", f"{what}, CPU", ours.cpu, theirs.cpu, bar))
    return found


def is_wanted(name, prefix):
    row = f"demo.overhead.hello.{name}"
    return row.startswith(prefix) or prefix.startswith(row)


def built(node):
    def check(text):
        if f"{node} " not in text or "1 package build" not in text:
            raise Fault(f"{node} should have been built, and this was said:\n{text}")

    return check


def published_source(demo):
    """The `.dsc` of the component, beside its files: from the repository that opb makes of the demo."""
    if not (demo.place / "config/opb/keys/nightly.key").exists():
        demo.opb("key", "init")
    pool = demo.store / "channels/nightly/current/pool"
    if not pool.exists():
        say("publishing the demo, for its source packages")
        demo.opb("repo", "publish")
    found = sorted(pool.glob(f"*/*/{COMPONENT}/*.dsc"))
    if not found:
        raise Fault(f"the repository of the demo has no source package of {COMPONENT}: remove {demo.folder} and try again")
    return found[-1].resolve()
