"""Evaluation of nearly all source packages of Debian as components: what one costs among many, and how much memory that takes.

Made of the pinned indexes alone by examples/debian.rs, which tells what of it is true. From the mirror come two indexes.
"""
import shutil
import subprocess

from evaluation import EVAL, Ninja
from measure import Command, Fault, Row, in_turn, say
from vendor import Vendor

ROUNDS = 3
DISTRO = "debian-12"
MEMORY_MIB = 1280
# Of them all, and of every second, at least so many come to builds.
LEAST = {1: 20_000, 2: 10_000}


class Debian(Vendor):
    """A project of every nth source package of the distro."""

    def __init__(self, root, place, every):
        super().__init__(root, place / f"debian-{every}", 1)
        self.every = every

    def make(self):
        if (self.folder / "made").exists():
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        (self.project / "distros").mkdir(parents=True)
        shutil.copy(self.root / f"distros/{DISTRO}.rhai", self.project / "distros")
        (self.project / "opb.toml").write_text('maintainer = "A <a@example.org>"\n\n[channel.nightly]\n')
        (self.project / "recipes").mkdir()
        say(f"pinning {DISTRO}, and making recipes of its source packages: one of {self.every}")
        self.opb("update", f"@{DISTRO}")
        self.opb("import", "--sources", f"@{DISTRO}", "*")
        argv = [self.example("debian"), str(self.project), f"--store={self.store}", f"--every={self.every}"]
        say(subprocess.run(argv, check=True, capture_output=True, text=True, env=self.env).stdout.strip())
        (self.folder / "made").touch()

    def check(self, text):
        count = text.count("build:")
        if count < LEAST[self.every]:
            raise Fault(f"{LEAST[self.every]} builds should have been shown, and there were {count}")

    def cold(self):
        return Command(self.argv(*EVAL), before=self.empty_cache, env=self.env, check=self.check, weighed=True)


def rows(demo, place, prefix):
    whole, half = (Debian(demo.root, place, every) for every in [1, 2])
    for each in [whole, half]:
        each.components = 0
        each.make()
    builds, few = whole.builds(), len(half.builds())
    many = len(builds)
    say(f"{DISTRO} comes to {many} builds, and every second source package to {few}")
    ninja = Ninja(builds, place / "ninja-debian", builds[-1].component)
    del builds
    medians = in_turn({"eval-debian-whole": whole.cold(), "eval-debian-half": half.cold()}, ROUNDS, place)
    cold, expected = medians["eval-debian-whole"], medians["eval-debian-half"].cpu / few * many
    whole.opb(*EVAL)
    ours = Command(whole.argv(*EVAL), env=whole.env, check=whole.check, weighed=True)
    medians = in_turn({"eval-debian-warm-opb": ours, "eval-debian-warm-ninja": ninja.noop()}, ROUNDS, place)
    warm, peer = medians["eval-debian-warm-opb"], medians["eval-debian-warm-ninja"]
    what = f"{many} builds of {DISTRO}"
    return [
        Row("eval.debian.cold.cpu", f"cold, {what}, what {few} of them take times as many, CPU", cold.cpu, expected, 1.2),
        Row("eval.debian.warm.cpu", f"warm, {what}, ninja with nothing to do, CPU", warm.cpu, peer.cpu, 1.0),
        Row("eval.debian.memory", f"most memory of both, {what}", max(cold.peak, warm.peak), MEMORY_MIB, 1, unit="MiB"),
    ]
