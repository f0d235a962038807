"""Bytes: hashing, storing and looking at large trees, and collecting what is dead."""
import hashlib
import os
import random
import shutil
import subprocess
import tempfile
from pathlib import Path

from evaluation import expect_word
from measure import Command, Fault, Row, in_turn, say
from vendor import Vendor

ROUNDS = 5
FILES, FOLDERS = 80_000, 5_000
DEAD, FEWER = 100_000, 10_000
GIB = 1 << 30


def rows(demo, place, prefix):
    bench = Bench(demo, place / "keeping")
    found = []
    for row, measured in [("store.hash", bench.hash), ("store.tree", bench.tree), ("store.same", bench.same), ("store.collect", bench.collect)]:
        if row.startswith(prefix) or prefix.startswith(row):
            found += measured()
    return found


class Bench:
    def __init__(self, demo, place):
        self.place = place
        # A small project around one large source.
        vendor = Vendor(demo.root, place, 1)
        vendor.make()
        self.vendor, self.store = vendor, vendor.project / "store"
        self.source = vendor.project / "sources/large"
        (vendor.project / "recipes/large.rhai").write_text('#{ source: path("sources/large") }\n')
        if not (self.source / ".git").exists():
            say(f"writing a source of {FILES} files")
            shutil.rmtree(self.source, ignore_errors=True)
            write_source(self.source)

    def opb(self, *args, **more):
        return Command(self.vendor.argv(*args), env=self.vendor.env, **more)

    def hash(self):
        big = self.place / "big"
        if not big.exists() or big.stat().st_size != GIB:
            block = b"".join(hashlib.sha256(i.to_bytes(8, "little")).digest() for i in range(32_768))
            with open(big, "wb") as file:
                for _ in range(GIB // len(block)):
                    file.write(block)
        digest = subprocess.run(["b3sum", "--no-names", big], capture_output=True, text=True, check=True).stdout.strip()
        self.empty_store()
        object_ = self.store / "objects" / digest[:2] / digest[2:]
        object_.parent.mkdir(parents=True)
        os.link(big, object_)
        self.prove_hash(object_)
        commands = {
            "store-hash-opb": self.opb("store", "verify", check=expect_word("checked 1 objects")),
            "store-hash-b3sum": Command(["b3sum", str(big)], check=expect_word(digest)),
        }
        medians = in_turn(commands, ROUNDS, self.place)
        ours, peer = (medians[f"store-hash-{who}"] for who in ["opb", "b3sum"])
        shutil.rmtree(self.store)
        # 0.9 of the peer's speed.
        return [Row("store.hash.wall", "hashing a file of 1 GiB, warm, b3sum, wall", ours.wall, peer.wall, 1.11)]

    def prove_hash(self, object_):
        with open(object_, "r+b") as file:
            file.seek(GIB // 3)
            byte = file.read(1)
            file.seek(GIB // 3)
            file.write(bytes([byte[0] ^ 1]))
            file.flush()
            done = subprocess.run(self.vendor.argv("store", "verify"), env=self.vendor.env, capture_output=True)
            file.seek(GIB // 3)
            file.write(byte)
        if done.returncode != 3:
            raise Fault("`opb store verify` does not notice a flipped byte in a file of 1 GiB")

    def tree(self):
        copy = self.place / "copy"
        # What evaluation knows of the source, as after any earlier run: hashing it is part of storing it below.
        self.run("eval", "source:large")
        peer = 'cp -a "$1" "$2" && sync && find "$2" -type f -print0 | xargs -0 b3sum > /dev/null'
        commands = {
            "store-tree-opb": self.opb(
                "build", "--again", "--only", "source:large", before=self.empty_store, after=self.prove_stored
            ),
            "store-tree-cp": Command(
                ["sh", "-c", peer, "sh", str(self.source), str(copy)], before=lambda: shutil.rmtree(copy, ignore_errors=True)
            ),
        }
        medians = in_turn(commands, 3, self.place)
        ours, peer = (medians[f"store-tree-{who}"] for who in ["opb", "cp"])
        shutil.rmtree(copy, ignore_errors=True)
        return [Row("store.tree.wall", f"storing {FILES} files, cp -a, sync and b3sum, wall", ours.wall, peer.wall, 1.2)]

    def prove_stored(self):
        count = sum(len(files) for _, _, files in os.walk(self.store / "objects"))
        if count < FILES * 9 // 10:
            raise Fault(f"about {FILES} files should be in the store, and there are {count}")

    def same(self):
        self.run("eval", "source:large")
        before = self.run("eval", "--format", "json", "source:large")
        file = self.source / "f7/g7"
        times, text = file.stat(), file.read_bytes()
        with open(file, "r+b") as opened:
            opened.write(bytes([text[0] ^ 1]))
        os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
        if self.run("eval", "--format", "json", "source:large") == before:
            raise Fault(f"a flipped byte in {file} is not noticed")
        file.write_bytes(text)
        if self.run("eval", "--format", "json", "source:large") != before:
            raise Fault(f"{file} was put back, and the source is not what it was before")
        git = ["git", "-C", str(self.source), "status", "--porcelain"]
        subprocess.run(git, check=True, stdout=subprocess.DEVNULL)
        commands = {
            "store-same-opb": self.opb("eval", "source:large", check=expect_word("source:large")),
            "store-same-git": Command(git),
        }
        medians = in_turn(commands, 2 * ROUNDS, self.place)
        ours, peer = (medians[f"store-same-{who}"] for who in ["opb", "git"])
        what = f"is a source of {FILES} files the same, git status"
        return [Row("store.same.wall", f"{what}, wall", ours.wall, peer.wall, 1.2)]

    def collect(self):
        # In memory: what a disk takes to remove a file is nobody's merit.
        with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="opb-bench-") as folder:
            return self.collect_in(Path(folder) / "store")

    def collect_in(self, store):
        objects = store / "objects"

        def filled(count):
            def fill():
                shutil.rmtree(store, ignore_errors=True)
                self.run("--store", str(store), "store", "keep")
                for number in range(count):
                    digest = hashlib.sha256(str(number).encode()).hexdigest()
                    folder = objects / digest[:2]
                    folder.mkdir(parents=True, exist_ok=True)
                    (folder / digest[2:]).write_bytes(b"dead")

            return fill

        def emptied():
            left = sum(len(files) for _, _, files in os.walk(objects))
            if left:
                raise Fault(f"{left} dead objects are left")

        def command(count):
            argv = ["--store", str(store), "store", "gc", "--older-than", "0"]
            return self.opb(*argv, before=filled(count), after=emptied, weighed=True)

        commands = {"store-collect-all": command(DEAD), "store-collect-fewer": command(FEWER)}
        medians = in_turn(commands, 3, self.place)
        all_, fewer = medians["store-collect-all"], medians["store-collect-fewer"]
        expected = fewer.cpu * DEAD / FEWER
        return [
            Row("store.collect.cpu", f"collecting {DEAD} dead objects, what {FEWER} take times as many, CPU", all_.cpu, expected, 1.2),
            Row("store.collect.memory", f"memory for {DEAD} dead objects", all_.peak, 64, 1, unit="MiB"),
        ]

    def run(self, *args):
        return self.vendor.opb(*args)

    def empty_store(self):
        shutil.rmtree(self.store, ignore_errors=True)
        self.store.mkdir()
        self.run("store", "keep")


def write_source(folder):
    """Files of the sizes that a large source has: most are small, a few are not."""
    chance = random.Random(1)
    for place in range(FOLDERS):
        (folder / f"f{place}").mkdir(parents=True)
    for number in range(FILES):
        size = min(400_000, int(chance.lognormvariate(8.6, 1.2)))
        (folder / f"f{number % FOLDERS}/g{number}").write_bytes(chance.randbytes(size))
    (folder / "debian").mkdir()
    (folder / "debian/control").write_text(
        "Source: large\nBuild-Depends: debhelper-compat (= 13)\nRules-Requires-Root: no\n\n"
        "Package: large\nArchitecture: all\nDescription: x\n"
    )
    (folder / "debian/changelog").write_text(
        "large (1.0-1) unstable; urgency=low\n\n  * First.\n\n -- opb <opb@localhost>  Thu, 01 Oct 2026 12:00:00 +0000\n"
    )
    (folder / "debian/source").mkdir()
    (folder / "debian/source/format").write_text("3.0 (quilt)\n")
    for argv in [["init", "-q"], ["add", "-A", "-f", "."], ["-c", "user.name=x", "-c", "user.email=x@example.invalid", "commit", "-qm", "x"]]:
        subprocess.run(["git", "-C", str(folder), "-c", "gc.auto=0", *argv], check=True, stdout=subprocess.DEVNULL)
