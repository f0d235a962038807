"""The demo's components as a project of the bench's own, with a store of its own below target/bench/."""
import json
import os
import shutil
import subprocess

from measure import Fault, say


class Demo:
    """Pinned once and built once; later runs find it built. Remove target/bench/demo to begin anew."""

    def __init__(self, root, place):
        self.root, self.place = root, place
        self.folder = place / "demo"
        self.store = self.folder / "store"
        self.program = root / "target/release/opb"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("OPB_")}
        # A key of its own: the user's are none of the bench's business.
        self.env = {**kept, "XDG_CONFIG_HOME": str(place / "config"), "NO_COLOR": "1", "LC_ALL": "C.UTF-8"}
        self.distro, self.arch = host_release(), output(["dpkg", "--print-architecture"]).strip()

    def argv(self, *args):
        return [str(self.program), "-C", str(self.folder), *args]

    def opb(self, *args):
        """What opb says, on both outputs."""
        done = subprocess.run(self.argv(*args), env=self.env, text=True, capture_output=True)
        if done.returncode != 0:
            raise Fault(f"`opb {' '.join(args)}` ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def prepare(self):
        """Makes the project, and builds what of it is not built."""
        if not self.program.exists():
            raise Fault(f"there is no {self.program}: run `make bench`, or `cargo build --release` first")
        for folder in ["recipes", "distros"]:
            shutil.rmtree(self.folder / folder, ignore_errors=True)
            shutil.copytree(self.root / folder, self.folder / folder)
        if not (self.folder / "opb.lock").exists():
            say("pinning sources and indexes")
            self.opb("update")
        say("building the demo, where it is not built")
        self.opb("build")
        self.expect_clean("after it was built")

    def nodes(self):
        """The graph with what the store knows, as `opb eval` prints it: a list of nodes."""
        done = subprocess.run(
            self.argv("eval", "--state", "--format", "json"), env=self.env, check=True, capture_output=True
        )
        return json.loads(done.stdout)["nodes"]

    def node(self, name):
        return next(node for node in self.nodes() if node["name"] == name)

    def target(self, kind, component):
        """The name of a node of this machine's release."""
        return f"{kind}:{component}@{self.distro}/{self.arch}"

    def expect_clean(self, when):
        said = self.opb("plan")
        if "nothing to do" not in said:
            raise Fault(f"{when} there should be nothing to do, and `opb plan` says:\n{said}")

    def prove_noticed(self):
        """Proves that what is called clean is looked at: a changed recipe and a lost record are noticed, a comment is not."""
        recipe = self.folder / "recipes/hello.rhai"
        text = recipe.read_text()
        build = self.target("build", "hello")
        try:
            recipe.write_text(f"// One more comment.\n{text}")
            self.expect_clean("after a comment was added")
            recipe.write_text(text.replace("native()", 'native(), env: #{ OPB_BENCH: "1" }'))
            self.expect_run(build, "after its recipe's `env` was changed")
        finally:
            recipe.write_text(text)
        self.expect_clean("after the recipe was put back")
        # One whose run is short, and whose output the packages' keys depend on.
        self.prove_lost_record(self.target("resolve", "hello"))
        say(f"proved: a changed recipe and a lost record are noticed, a comment changes nothing ({build})")

    def prove_lost_record(self, name):
        record = self.record(name)
        bytes_before = record.read_bytes()
        try:
            record.unlink()
            self.expect_run(name, "after its record was removed")
            said = self.opb("build")
            if f"{name} " not in said or "1 node ran" not in said:
                raise Fault(f"{name} alone should have run after its record was removed, and `opb build` says:\n{said}")
        finally:
            if not record.exists():
                record.write_bytes(bytes_before)
        self.expect_clean("after what was lost was made again")

    def record(self, name):
        """The file that says what a node's key came to."""
        key = self.node(name)["key"]
        return self.store / "realised" / key[:2] / f"{key[2:]}.json"

    def expect_run(self, name, when):
        planned = [line.split() for line in self.opb("plan").splitlines()]
        if not any(words[:2] == ["run", name] for words in planned):
            raise Fault(f"{when} `opb plan` should say that {name} will run")


def output(argv, **more):
    return subprocess.run(argv, check=True, text=True, stdout=subprocess.PIPE, **more).stdout


def host_release():
    """This machine's release as distros are named: `debian-12`."""
    fields = {}
    with open("/etc/os-release") as release:
        for line in release:
            name, _, value = line.strip().partition("=")
            fields[name] = value.strip('"')
    return f"{fields.get('ID', '')}-{fields.get('VERSION_ID', '')}"
