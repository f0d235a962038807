"""What environments cost: a new base against mmdebstrap, and a build with its root made anew against what sbuild adds.

Packages are at hand on both sides. Needs root, as the peers mount and chroot.
"""
import os
import shutil
import subprocess

from alone import Alone
from debs import apt_sources, codename, make_base
from measure import Command, Fault, Row, in_turn, say
from overhead import COMPONENT, built, published_source
from sbuild import Sbuild

ROUNDS = 2


def rows(demo, place, prefix):
    if os.geteuid() != 0:
        raise Fault("exec.base, exec.root and exec.hello need root, for the peers mount and chroot: run `sudo make bench ONLY=exec`")
    demo.prepare()
    found = []
    if is_wanted("exec.base", prefix):
        found += base_rows(demo, place)
    if is_wanted("exec.root", prefix) or is_wanted("exec.hello", prefix):
        found += build_rows(demo, place)
    return found


def is_wanted(name, prefix):
    return name.startswith(prefix) or prefix.startswith(name)


def base_rows(demo, place):
    base = demo.target("root", "base")
    peer = Mmdebstrap(place / "mmdebstrap")
    ours = Command(demo.argv("build", "--again", "--only", base), env=demo.env, check=ran(base))
    medians = in_turn({"exec-base-opb": ours, "exec-base-mmdebstrap": peer.command()}, ROUNDS, place)
    demo.expect_clean("after the base was made again")
    peer.clear()
    ours, theirs = medians["exec-base-opb"], medians["exec-base-mmdebstrap"]
    what = "a new base, packages at hand, mmdebstrap"
    return [
        Row("exec.base.mmdebstrap.cpu", f"{what}, CPU", ours.cpu, theirs.cpu, 0.5),
        Row("exec.base.mmdebstrap.wall", f"{what}, wall", ours.wall, theirs.wall, 1),
    ]


def build_rows(demo, place):
    root, build = demo.target("root", COMPONENT), demo.target("build", COMPONENT)
    source = published_source(demo)
    alone = Alone(demo, place / "alone", COMPONENT, source)
    sbuild = Sbuild(place / "sbuild", make_base(demo, place / "base", COMPONENT), source)
    cold = ["sh", "-ec", '"$@" "$ROOT"; "$@" "$BUILD"', "sh", *demo.argv("build", "--again", "--only")]
    commands = {
        "exec-hello-opb": Command(demo.argv("build", "--again", "--only", build), env=demo.env, check=built(build)),
        "exec-root-opb": Command(cold, env={**demo.env, "ROOT": root, "BUILD": build}, check=both(root, build)),
        "exec-hello-dpkg": alone.command(),
        "exec-root-sbuild": sbuild.command(),
    }
    medians = in_turn(commands, ROUNDS, place)
    demo.expect_clean("after it was built again")
    warm, cold, least, theirs = (medians[name] for name in commands)
    what, added = f"build {COMPONENT}", f"what building {COMPONENT} takes above dpkg-buildpackage, root to be made, sbuild"
    return [
        Row("exec.root.sbuild.cpu", f"{added}, CPU", cold.cpu - least.cpu, theirs.cpu - least.cpu, 0.5),
        Row("exec.hello.dpkg.cpu", f"{what}, root at hand, {alone.NAME}, CPU", warm.cpu, least.cpu, 1.05),
        Row("exec.hello.dpkg.wall", f"{what}, root at hand, {alone.NAME}, wall", warm.wall, least.wall, 1.05),
    ]


def ran(*nodes):
    def check(text):
        for node in nodes:
            if f"{node} " not in text or "ran" not in text:
                raise Fault(f"{node} should have been made, and this was said:\n{text}")

    return check


def both(root, build):
    def check(text):
        ran(root)(text)
        built(build)(text)

    return check


class Mmdebstrap:
    """A buildd base of this machine's release as a folder. The packages lie in the host's folder `debs`; package lists are
    fetched each time, as `mmdebstrap` does not go without."""

    # Keeps what was downloaded, and takes a cache that is not empty.
    KEEP = ["--skip=cleanup/apt", "--skip=essential/unlink", "--skip=download/empty"]

    def __init__(self, folder):
        self.debs, self.made = folder / "debs", folder / "made"
        folder.mkdir(parents=True, exist_ok=True)
        self.debs.mkdir(exist_ok=True)
        if not any(self.debs.glob("*.deb")):
            say("making a base with mmdebstrap, for its packages")
            self.clear()
            self.run(self.argv())
            for deb in (self.made / "var/cache/apt/archives").glob("*.deb"):
                shutil.move(deb, self.debs)
        if len(list(self.debs.glob("*.deb"))) < 100:
            raise Fault(f"there should be the packages of a base in {self.debs}: remove {folder} and try again")

    def argv(self):
        cache = ['mkdir -p "$1/var/cache/apt/archives/partial"', f'cp -l "{self.debs}"/*.deb "$1/var/cache/apt/archives/" || true']
        hooks = [f"--setup-hook={hook}" for hook in cache]
        options = ["--variant=buildd", "--mode=root", "--format=directory", "--quiet", *self.KEEP, *hooks]
        return ["mmdebstrap", *options, codename(), str(self.made), str(self.debs.parent / "host.sources")]

    def run(self, argv):
        self.write_sources()
        done = subprocess.run(argv, text=True, capture_output=True)
        if done.returncode != 0:
            raise Fault(f"mmdebstrap ended with {done.returncode}:\n{done.stderr[-2000:]}")

    def write_sources(self):
        text = apt_sources()
        # What the file is called says its format.
        place = self.debs.parent / "host.sources"
        place.write_text(text)

    def command(self):
        self.write_sources()
        return Command(self.argv(), before=self.clear, after=self.check)

    def clear(self):
        shutil.rmtree(self.made, ignore_errors=True)

    def check(self):
        if not (self.made / "usr/bin/dpkg-buildpackage").exists():
            raise Fault(f"mmdebstrap should have made a base for builds in {self.made}")
