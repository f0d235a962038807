"""The vendor's project that the evaluation comparisons work on, and its graph as opb sees it.

Made by examples/vendor.rs in folders below target/bench/vendor/, anew where the generator has changed. The workloads of the
peers are written from the graph that opb prints, so they have the same builds with the same needs.
"""
import json
import os
import re
import shutil
import subprocess

from measure import Fault, say

COMPONENTS = 70
# A source that nothing needs, and the one that most others need.
LEAF, BASE = "skerry-mod-dns", "libskerry"


class Vendor:
    """A project with `targets` targets, with a store and a cache of its own."""

    def __init__(self, root, place, targets, store=None, components=COMPONENTS):
        self.root, self.targets, self.components = root, targets, components
        self.folder = place / "vendor" / str(targets)
        self.project = self.folder / "project"
        self.cache = self.folder / "cache"
        self.store = store or self.project / "store"
        self.program = root / "target/release/opb"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("OPB_")}
        self.env = {
            **kept, "XDG_CACHE_HOME": str(self.cache), "XDG_CONFIG_HOME": str(self.folder / "config"),
            "OPB_STORE": str(self.store), "NO_COLOR": "1", "LC_ALL": "C.UTF-8",
        }  # fmt: skip

    def example(self, name):
        program = self.root / "target/release/examples" / name
        if not program.exists():
            raise Fault(f"there is no {program}: run `make bench`, or `cargo build --release --examples` first")
        return str(program)

    def make(self):
        """Writes the project, where it is not as this generator writes it."""
        generator = self.example("vendor")
        mark = self.folder / "made-by"
        made_by = f"{self.components} {os.stat(generator).st_mtime_ns} {newest(self.root / 'distros')}"
        if mark.exists() and mark.read_text() == made_by:
            return
        say(f"writing the vendor's project with {self.targets} targets")
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        argv = [generator, str(self.project), f"--components={self.components}", f"--targets={self.targets}"]
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
        mark.write_text(made_by)

    def argv(self, *args):
        return [str(self.program), "-C", str(self.project), *args]

    def opb(self, *args):
        """What opb prints on its standard output, as bytes."""
        done = subprocess.run(self.argv(*args), env=self.env, capture_output=True)
        if done.returncode != 0:
            raise Fault(f"`opb {' '.join(args)}` ended with {done.returncode}:\n{done.stderr.decode(errors='replace')}")
        return done.stdout

    def empty_cache(self):
        shutil.rmtree(self.cache, ignore_errors=True)

    def recipe(self, component):
        return self.project / "recipes" / f"{component}.rhai"

    def builds(self):
        """The builds in the order of the graph: a list of Build, each after those that it needs."""
        number, lists, roots, found = {}, {}, {}, []
        for line in self.opb("eval", "--format", "jsonl").splitlines():
            node = json.loads(line)
            if node["kind"] == "resolve":
                needed = [each["node"] for each in node["inputs"] if each["role"].startswith("packages of ")]
                lists[node["name"]] = [number[name] for name in needed]
            elif node["kind"] == "root":
                roots[node["name"]] = next(each["node"] for each in node["inputs"] if each["role"] == "list")
            elif node["kind"] == "build":
                root = next(each["node"] for each in node["inputs"] if each["role"] == "root")
                number[node["name"]] = len(found)
                found.append(Build(node["component"], node["distro"], node["arch"], sorted(set(lists[roots[root]]))))
        least = self.components * self.targets
        if len(found) < least:
            raise Fault(f"{self.targets} targets should come to {least} builds, not {len(found)}")
        return found


class Build:
    def __init__(self, component, distro, arch, needs):
        # `needs`: places in the list of all builds.
        self.component, self.distro, self.arch, self.needs = component, distro, arch, needs


def newest(folder):
    """When anything in a folder last changed."""
    return max(path.stat().st_mtime_ns for path in [folder, *folder.iterdir()])


class Changed:
    """A file with other bytes as long as the block lasts; length and time of change stay as they were."""

    def __init__(self, path, pattern, replacement):
        self.path, self.pattern, self.replacement = path, pattern, replacement

    def __enter__(self):
        self.before = self.path.read_bytes()
        self.times = self.path.stat()
        text, count = re.subn(self.pattern, self.replacement, self.before.decode(), count=1)
        changed = text.encode()
        if count != 1 or changed == self.before or len(changed) != len(self.before):
            raise Fault(f"`{self.pattern}` should have changed some bytes of {self.path} and not its length")
        self.write(changed)

    def __exit__(self, *_):
        self.write(self.before)

    def write(self, text):
        # In place, as the least that an editor can do: the same inode, length, and time of change.
        with open(self.path, "r+b") as file:
            file.write(text)
        os.utime(self.path, ns=(self.times.st_atime_ns, self.times.st_mtime_ns))
