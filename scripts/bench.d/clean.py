"""What is clean and what is dirty, everything built before: against ninja and Nix, and at 10 times the size."""
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from evaluation import Ninja, Nix, expect_word, reaches, realise, text_of
from measure import Command, Fault, Row, in_turn, say
from vendor import BASE, LEAF, Changed, Vendor

TARGETS, LARGER = 62, [620, 6200]
# Two million files: in memory, where a file costs no write to a disk.
IN_MEMORY, FREE = Path("/dev/shm"), 10 << 30
ROUNDS, SLOW_ROUNDS = 15, 3


def rows(demo, place, prefix):
    vendor = made(demo, place, TARGETS)
    builds = vendor.builds()
    prove_noticed(vendor)
    ninja = Ninja(builds, place / "ninja-store")
    # Building all of it takes Nix many minutes the first time.
    nix = None if prefix.endswith(".ninja") else Built(vendor, builds, place / "nix-built")
    found = []
    if is_wanted("store.noop", prefix):
        found += noop(vendor, builds, ninja, nix, place)
    if is_wanted("store.noop.scale", prefix):
        for targets in LARGER:
            found += scaled(demo, place, vendor, builds, targets)
    if is_wanted("store.dirty", prefix):
        found += dirty(vendor, builds, ninja, nix, place)
    return found


def is_wanted(row, prefix):
    return row.startswith(prefix) or prefix.startswith(row)


def made(demo, place, targets, store=None):
    vendor = Vendor(demo.root, place, targets, store)
    vendor.make()
    realise(vendor, *(["--bare"] if store else []))
    # What it keeps of what is clean, as after any earlier run.
    vendor.opb("build")
    return vendor


def noop_command(vendor):
    return Command(vendor.argv("build"), env=vendor.env, check=expect_word("nothing to do"))


def noop(vendor, builds, ninja, nix, place):
    commands = {"store-noop-opb": noop_command(vendor), "store-noop-ninja": ninja.noop()}
    if nix:
        commands["store-noop-nix"] = nix.noop()
    medians = in_turn(commands, ROUNDS, place)
    ours, what = medians["store-noop-opb"], f"`opb build` with nothing to do, {len(builds)} builds"
    rows = [Row("store.noop.ninja.cpu", f"{what}, ninja, CPU", ours.cpu, medians["store-noop-ninja"].cpu, 0.5)]
    if nix:
        rows.append(Row("store.noop.nix.cpu", f"{what}, nix-build, CPU", ours.cpu, medians["store-noop-nix"].cpu, 0.05))
    return rows


def scaled(demo, place, vendor, builds, targets):
    if targets < 1000:
        return scaled_of(made(demo, place, targets), place, vendor, builds, targets)
    if shutil.disk_usage(IN_MEMORY).free < FREE:
        raise Fault(f"{70 * targets} builds need {FREE >> 30} GiB of {IN_MEMORY}: free memory, or choose other rows with ONLY=")
    with tempfile.TemporaryDirectory(dir=IN_MEMORY, prefix="opb-bench-") as folder:
        larger = made(demo, place, targets, Path(folder) / "store")
        return scaled_of(larger, place, vendor, builds, targets)


def scaled_of(larger, place, vendor, builds, targets):
    count = len(larger.builds())
    commands = {"store-noop-small": noop_command(vendor), "store-noop-large": noop_command(larger)}
    medians = in_turn(commands, ROUNDS, place)
    expected = medians["store-noop-small"].cpu / len(builds) * count
    ours = medians["store-noop-large"].cpu
    what = f"`opb build` with nothing to do, {count} builds, what the smallest takes times as many"
    return [Row(f"store.noop.scale.{70 * targets}.cpu", f"{what}, CPU", ours, expected, 1.2)]


def dirty(vendor, builds, ninja, nix, place):
    found = []
    for name, component in [("leaf", LEAF), ("root", BASE)]:
        reached = sum(reaches(builds, component))
        source = vendor.project / f"sources/{component}/debian/copyright"
        text, turn = source.read_text() if source.exists() else "", iter(range(1_000_000))

        # Other bytes each time: what is remembered of an earlier round must be of no use.
        def change(source=source, text=text, turn=turn):
            source.write_text(f"{text}round {next(turn)}\n")

        commands = {
            f"store-dirty-{name}-opb": Command(
                vendor.argv("plan"), before=change, env=vendor.env, check=expect_word(f":{component}@")
            ),
            f"store-dirty-{name}-ninja": ninja.dry_run(component, reached),
        }
        if nix:
            commands[f"store-dirty-{name}-nix"] = nix.dry_run(component, reached)
        try:
            medians = in_turn(commands, SLOW_ROUNDS, place)
        finally:
            if text:
                source.write_text(text)
            else:
                source.unlink(missing_ok=True)
        ours, ninjas = (medians[f"store-dirty-{name}-{who}"] for who in ["opb", "ninja"])
        what = f"the {name} source changed, to the plan of {reached} builds of {len(builds)}"
        found.append(Row(f"store.dirty.{name}.ninja.cpu", f"{what}, ninja -n, CPU", ours.cpu, ninjas.cpu, 1.5))
        if nix:
            nixes = medians[f"store-dirty-{name}-nix"]
            found.append(Row(f"store.dirty.{name}.nix.cpu", f"{what}, nix-build --dry-run, CPU", ours.cpu, nixes.cpu, 0.08))
    if "nothing to do" not in text_of(vendor, "plan"):
        raise Fault("the sources were put back, and `opb plan` finds something to do")
    return found


def prove_noticed(vendor):
    """A figure of something that sees nothing would be worth nothing."""
    if "nothing to do" not in text_of(vendor, "build"):
        raise Fault("everything is realised, and `opb build` finds something to do")
    with Changed(vendor.project / f"sources/{LEAF}/debian/control", "It is small", "It is smell"):
        if f"the source of {LEAF} changed" not in text_of(vendor, "plan"):
            raise Fault("a changed byte in a source is not noticed by `opb plan`")
    record = next((vendor.project / "store/realised").glob("*/*.json"))
    text = record.read_bytes()
    record.unlink()
    if "nothing to do" in text_of(vendor, "plan"):
        raise Fault(f"`opb plan` does not notice that {record} was deleted")
    record.write_bytes(text)
    if "nothing to do" not in text_of(vendor, "plan"):
        raise Fault(f"{record} was put back, and `opb plan` finds something to do")
    tree = next((vendor.project / "store/objects").glob("*/*"))
    tree.chmod(0o644)
    with Changed(tree, r"\A.", lambda found: "x" if found[0] != "x" else "y"):
        done = subprocess.run(vendor.argv("store", "verify"), env=vendor.env, capture_output=True, text=True)
        if done.returncode != 3 or f"objects/{tree.parent.name}/{tree.name}" not in done.stdout:
            raise Fault(f"`opb store verify` does not notice a changed byte in {tree}: {done.stdout}{done.stderr}")
    tree.chmod(0o444)


class Built(Nix):
    """Nix with everything built: each build writes its name."""

    def __init__(self, vendor, builds, folder):
        super().__init__(vendor, builds, folder)
        self.count = len(builds)
        say(f"nix builds {self.count} derivations, where it has not")
        subprocess.run(self.argv(), env=self.env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def argv(self, *more):
        return ["nix-build", str(self.folder / "source"), "-A", "builds", "--no-out-link", "--max-jobs", "2", *more]

    def noop(self):
        def check(text):
            if text.count(str(self.state)) < self.count or "building" in text:
                raise Fault(f"nix-build should have found all built, and said:\n{text[:2000]}")

        return Command(self.argv(), env=self.env, check=check)

    def dry_run(self, component, count):
        source = self.folder / "source/sources" / component / "debian/copyright"
        turn = iter(range(1_000_000))
        before = lambda: source.write_text(f"round {next(turn)}\n")  # noqa: E731

        def check(text):
            said = re.search(r"these (\d+) derivations will be built", text)
            if not said or int(said[1]) != count:
                raise Fault(f"nix-build should want to build {count} derivations, and said:\n{text[:2000]}")

        return Command(self.argv("--dry-run"), before=before, after=source.unlink, env=self.env, check=check)
