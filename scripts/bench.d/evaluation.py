"""Evaluation of the vendor's project: cold against Nix and BuildStream, warm and after a change against ninja."""
import os
import re
import shutil
import subprocess

import workload
from measure import Command, Fault, Row, in_turn, once, say
from vendor import BASE, LEAF, Changed, Vendor

TARGETS = 62
ROUNDS, SLOW_ROUNDS = 10, 3
# One line a build with the beginning of its id, as nix prints one path a derivation.
EVAL = ["eval", "--format", "table", "build:*"]
BUILDSTREAM = "BuildStream==2.8.1"


def rows(demo, place, prefix):
    vendor = Vendor(demo.root, place, TARGETS)
    vendor.make()
    builds = vendor.builds()
    say(f"{TARGETS} targets come to {len(builds)} builds")
    found = []
    if is_wanted("eval.cold", prefix):
        found += cold(vendor, builds, place, prefix)
    if is_wanted("eval.warm", prefix):
        found += warm(vendor, builds, place)
    if is_wanted("eval.changed", prefix):
        found += changed(vendor, builds, place)
    return found


def is_wanted(row, prefix):
    return row.startswith(prefix) or prefix.startswith(row)


def cold_command(vendor, weighed=False):
    return Command(
        vendor.argv(*EVAL), before=vendor.empty_cache, env=vendor.env, check=all_builds(vendor), weighed=weighed
    )


def all_builds(vendor):
    def check(text):
        count = text.count("build:")
        if count < vendor.targets * 70:
            raise Fault(f"{vendor.targets * 70} builds should have been shown, and there were {count}")

    return check


def cold(vendor, builds, place, prefix):
    nix = Nix(vendor, builds, place / "nix")
    count = len(builds)
    medians = in_turn(
        {"eval-cold-opb": cold_command(vendor), "eval-cold-nix": nix.evaluate(count)}, ROUNDS, place
    )
    ours, peer = medians["eval-cold-opb"], medians["eval-cold-nix"]
    what = f"cold evaluation, {count} builds"
    found = [
        Row("eval.cold.nix.wall", f"{what}, nix-instantiate --eval, wall", ours.wall, peer.wall, 0.7),
        Row("eval.cold.nix.cpu", f"{what}, nix-instantiate --eval, CPU", ours.cpu, peer.cpu, 1.2),
    ]
    if is_wanted("eval.cold.instantiate", prefix):
        peer = in_turn({"eval-cold-instantiate": nix.instantiate()}, SLOW_ROUNDS, place)["eval-cold-instantiate"]
        row = Row("eval.cold.instantiate.wall", f"{what}, nix-instantiate, wall", ours.wall, peer.wall, 0.1)
        found.append(row)
    if is_wanted("eval.cold.bst", prefix):
        say("bst show, once: it takes its time")
        wall = once("eval-cold-bst", BuildStream(vendor, builds, place / "bst").show(), place / "eval-cold-bst.log").wall
        found.append(Row("eval.cold.bst.wall", f"{what}, bst show, wall", ours.wall, wall, 0.01))
    return found


def warm(vendor, builds, place):
    prove_noticed(vendor)
    ninja = Ninja(builds, place / "ninja-eval")
    commands = {
        "eval-warm-opb": Command(vendor.argv(*EVAL), env=vendor.env, check=all_builds(vendor)),
        "eval-warm-ninja": ninja.noop(),
    }
    medians = in_turn(commands, ROUNDS, place)
    ours, peer = medians["eval-warm-opb"], medians["eval-warm-ninja"]
    what = f"warm evaluation, {len(builds)} builds, ninja with nothing to do"
    return [Row("eval.warm.ninja.cpu", f"{what}, CPU", ours.cpu, peer.cpu, 0.5)]


def prove_noticed(vendor):
    """Proves that a byte changed in anything that evaluation reads shows, though length and time of change stay."""
    digit = lambda found: found[1] + ("1" if found[2] == "0" else "0")  # noqa: E731
    changes = {
        "a recipe": Changed(vendor.recipe("skerry-core"), r"version\.id", "version.ie"),
        "an import": Changed(vendor.project / "recipes/lib/skerry.rhai", '"careful"', '"carefux"'),
        "the lock": Changed(vendor.project / "opb.lock", r'(binary-amd64/[^\n]*= ")([0-9a-f])', digit),
        "a distro file": Changed(vendor.project / "distros/debian-12.rhai", 'suffix: "deb12"', 'suffix: "deb13"'),
        "a source": Changed(vendor.project / f"sources/{LEAF}/debian/control", "It is small", "It is smell"),
        "the settings": Changed(vendor.project / "opb.toml", "Skerry packages", "Skerry packager"),
    }
    before = vendor.opb(*EVAL)
    for what, change in changes.items():
        with change:
            if vendor.opb(*EVAL) == before:
                raise Fault(f"a changed byte in {what} ({change.path}) is not noticed")
        if vendor.opb(*EVAL) != before:
            raise Fault(f"{what} was put back ({change.path}), and the evaluation is not what it was before")


def changed(vendor, builds, place):
    realise(vendor)
    ninja = Ninja(builds, place / "ninja-eval")
    # What it keeps of what is clean, as after any earlier run.
    vendor.opb("plan")
    found = []
    for name, component in [("leaf", LEAF), ("base", BASE)]:
        reached = sum(reaches(builds, component))
        recipe = vendor.recipe(component)
        text, turn = recipe.read_text(), iter(range(1_000_000))

        # Another text each time: what is remembered of an earlier round must be of no use.
        def change(recipe=recipe, text=text, turn=turn):
            recipe.write_text(text.replace("build:  native()", f'build:  native(), profiles: ["bench.{next(turn)}"]'))

        commands = {
            f"eval-changed-{name}-opb": Command(
                vendor.argv("plan"), before=change, env=vendor.env, check=dirty(vendor, component)
            ),
            f"eval-changed-{name}-ninja": ninja.dry_run(component, reached),
        }
        try:
            medians = in_turn(commands, ROUNDS, place)
        finally:
            recipe.write_text(text)
        ours, peer = (medians[f"eval-changed-{name}-{who}"] for who in ["opb", "ninja"])
        what = f"a recipe changed, to the plan of {reached} builds of {len(builds)}, ninja -n"
        found.append(Row(f"eval.changed.{name}.ninja.cpu", f"{what}, CPU", ours.cpu, peer.cpu, 1.5))
    if "nothing to do" not in text_of(vendor, "plan"):
        raise Fault("the recipes were put back, and `opb plan` finds something to do")
    return found


def reaches(builds, component):
    """For each build whether it is of the component, or needs one that is."""
    reached = []
    for build in builds:
        reached.append(build.component == component or any(reached[need] for need in build.needs))
    return reached


def dirty(vendor, component):
    def check(text):
        if f":{component}@" not in text:
            raise Fault(f"nodes of {component} should be planned, and this was said:\n{text[:2000]}")

    return check


def text_of(vendor, *args):
    done = subprocess.run(vendor.argv(*args), env=vendor.env, text=True, capture_output=True)
    return done.stdout + done.stderr


def realise(vendor, *more):
    """Makes everything realised, where it is not."""
    if "nothing to do" in text_of(vendor, "plan"):
        return
    say("filling the store of the vendor's project with made-up results")
    shutil.rmtree(vendor.store, ignore_errors=True)
    subprocess.run([vendor.example("realise"), str(vendor.project), *more], env=vendor.env, check=True, stdout=subprocess.DEVNULL)
    said = text_of(vendor, "plan")
    if "nothing to do" not in said:
        raise Fault(f"after everything was realised there should be nothing to do, and this was said:\n{said[:2000]}")


def nix_environment(folder):
    """A store of its own in `folder/state`, without daemon, build users, sandbox and substituters: the cheapest that Nix can be."""
    (folder / "etc").mkdir(parents=True, exist_ok=True)
    state = folder / "state"
    return {
        **os.environ, "NIX_REMOTE": "local", "NIX_STORE_DIR": f"{state}/store", "NIX_STATE_DIR": f"{state}/var",
        "NIX_LOG_DIR": f"{state}/log", "NIX_CONF_DIR": f"{folder}/etc", "XDG_CACHE_HOME": f"{folder}/cache",
        "NIX_CONFIG": "build-users-group =\nsandbox = false\nsubstituters =",
    }  # fmt: skip


class Nix:
    """Evaluates, or builds, in a store of its own."""

    def __init__(self, vendor, builds, folder):
        self.folder, self.state = folder, folder / "state"
        workload.write_nix(vendor, builds, folder / "source")
        self.env = nix_environment(folder)

    def evaluate(self, count):
        argv = ["nix-instantiate", "--eval", "--strict", str(self.folder / "source"), "-A", "paths"]

        def check(text):
            if text.count(".drv") != count:
                raise Fault(f"nix should have evaluated {count} derivations, and did {text.count('.drv')}")

        return Command(argv, env=self.env, check=check)

    def instantiate(self):
        return Command(["nix-instantiate", str(self.folder / "source"), "-A", "builds"], before=self.wipe, env=self.env)

    def wipe(self):
        if self.state.exists():
            subprocess.run(["chmod", "-R", "u+w", str(self.state)], check=True)
            shutil.rmtree(self.state)


class BuildStream:
    """From the Python package index, in an environment of its own."""

    def __init__(self, vendor, builds, folder):
        self.folder = folder
        self.program = folder / "venv/bin/bst"
        if not self.program.exists():
            say(f"installing {BUILDSTREAM}")
            for argv in [["python3", "-m", "venv", folder / "venv"], [folder / "venv/bin/pip", "install", "-q", BUILDSTREAM]]:
                if subprocess.run(argv, stdout=2).returncode != 0:
                    raise Fault(f"cannot install {BUILDSTREAM}: {argv[0]} failed")
        workload.write_buildstream(vendor, builds, folder / "project")

    def show(self):
        for name in ["cache", "project/.bst"]:
            shutil.rmtree(self.folder / name, ignore_errors=True)
        argv = [str(self.program), "--no-interactive", "--no-colors", "-C", str(self.folder / "project"), "show", "farm.bst"]
        env = {**os.environ, "XDG_CACHE_HOME": str(self.folder / "cache"), "XDG_CONFIG_HOME": str(self.folder / "config")}
        return Command(argv, env=env, check=expect_word("farm.bst"))


class Ninja:
    def __init__(self, builds, folder, leaf=LEAF):
        self.folder = folder
        workload.write_ninja(builds, folder)
        source = workload.source_of(folder, leaf)
        before = source.stat()
        source.touch()
        if "no work to do" in subprocess.run(["ninja", "-n", "-C", folder], text=True, capture_output=True).stdout:
            raise Fault(f"ninja does not notice a touched source among {len(builds)} edges")
        os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))

    def noop(self):
        return Command(["ninja", "-C", str(self.folder)], check=expect_word("no work to do"))

    def dry_run(self, component, count):
        source = workload.source_of(self.folder, component)
        before = source.stat()

        def check(text):
            if len(re.findall(r"^\[", text, re.MULTILINE)) != count:
                raise Fault(f"ninja should want to run {count} commands, and said:\n{text[:2000]}")

        after = lambda: os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))  # noqa: E731
        return Command(["ninja", "-n", "-C", str(self.folder)], before=source.touch, after=after, check=check)


def expect_word(word):
    def check(text):
        if word not in text:
            raise Fault(f"`{word}` should have been said, and this was:\n{text[:2000]}")

    return check
