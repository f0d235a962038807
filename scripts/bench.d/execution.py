"""What a node costs that does nothing: 1,000 of them against Nix without a sandbox, and one against the least of a chroot."""
import os
import shutil
import subprocess

from debs import layer_of
from evaluation import nix_environment
from measure import Command, Fault, Row, in_turn, say

ROUNDS = 3
COMPONENTS, PROBES = 10, 100
NODES = COMPONENTS * PROBES
# How often the bare chroot is made in a run; its figures are for one.
BARE = 100

CONTROL = """Source: {name}
Section: misc
Priority: optional
Maintainer: Bench <bench@example.org>
Build-Depends: debhelper-compat (= 13)

Package: {name}
Architecture: all
Description: nothing
"""

CHANGELOG = """{name} (1) unstable; urgency=medium

  * Nothing.

 -- Bench <bench@example.org>  Sat, 21 Nov 2026 10:00:00 +0000
"""

NIX = """{ round }:
builtins.genList (number: derivation {
  name = "nothing-${toString number}";
  system = builtins.currentSystem;
  builder = "/bin/sh";
  args = [ "-c" "true; echo ${round} > $out" ];
}) %d
"""

# $1: the layer; $2: the folder with upper, work and root; $3: how often.
CHROOT = """
set -eu
for turn in $(seq "$3"); do
    rm -rf "$2"; mkdir -p "$2/upper" "$2/work" "$2/root"
    unshare --mount --pid --fork --net --ipc --uts --propagation private sh -eu -c '
        mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work,userxattr,volatile" "$2/root"
        mount -t proc proc "$2/root/proc"
        exec chroot "$2/root" /bin/true' sh "$1" "$2"
done
"""


def rows(demo, place, prefix):
    if os.geteuid() != 0:
        raise Fault("exec.nothing needs root, for the bare chroot is mounted: run `sudo make bench ONLY=exec.nothing`")
    demo.prepare()
    project = Project(demo, place / "nothing")
    nix = Nix(place / "nothing-nix")
    bare = place / "nothing-bare"
    layer = layer_of(demo, demo.node(demo.target("root", "base")))
    commands = {
        "exec-nothing-opb": Command(project.argv("build", "probe:*", "--only"), env=demo.env, before=project.change, check=project.check),
        "exec-nothing-nix": nix.command(),
        "exec-nothing-bare": Command(["sh", "-c", CHROOT, "sh", str(layer), str(bare), str(BARE)]),
    }
    medians = in_turn(commands, ROUNDS, place)
    project.prove_noticed()
    shutil.rmtree(bare, ignore_errors=True)
    ours, peer, least = (medians[f"exec-nothing-{who}"] for who in ["opb", "nix", "bare"])
    what = f"{NODES} nodes that do nothing"
    return [
        # One and a half times as many in the same time.
        Row("exec.nothing.nix.wall", f"{what}, nix-build without sandbox, wall", ours.wall, peer.wall, 0.67),
        Row("exec.nothing.bare.cpu", "such a node, overlay, namespaces and chroot alone, CPU", ours.cpu / NODES, least.cpu / BARE, 4),
        Row("exec.nothing.limit.wall", "such a node with all jobs busy, 100 ms for both ways, wall", ours.wall / NODES * jobs(), 0.1, 1),
    ]


def jobs():
    return os.cpu_count() or 1


class Project:
    """Components that are never built: their environments stand for probes, which are nodes of one command each."""

    def __init__(self, demo, folder):
        self.demo, self.folder, self.turn = demo, folder, 0
        shutil.rmtree(folder / "recipes", ignore_errors=True)
        shutil.copytree(demo.folder / "distros", folder / "distros", dirs_exist_ok=True)
        (folder / "recipes").mkdir(parents=True)
        (folder / "opb.toml").write_text("")
        for name in self.names():
            debian = folder / "sources" / name / "debian"
            (debian / "source").mkdir(parents=True, exist_ok=True)
            (debian / "control").write_text(CONTROL.format(name=name))
            (debian / "changelog").write_text(CHANGELOG.format(name=name))
            (debian / "source/format").write_text("3.0 (native)\n")
            (debian / "rules").write_text("#!/usr/bin/make -f\n%:\n\tdh $@\n")
            (debian / "rules").chmod(0o755)
        # The demo's pins of the distro: nothing is fetched.
        shutil.copy(demo.folder / "opb.lock", folder / "opb.lock")
        self.change()
        # What the base takes is none of this bench's business.
        self.opb("build", "probe:*", "--only")

    def names(self):
        return [f"nothing{number}" for number in range(COMPONENTS)]

    def change(self):
        """Other commands than in any round before: what is remembered is of no use."""
        self.turn += 1
        for number, name in enumerate(self.names()):
            probes = range(number * PROBES, (number + 1) * PROBES)
            word = f"{os.getpid()}.{self.turn}"
            env = ", ".join(f'P{probe}: probe("echo {word}.{probe}")' for probe in probes)
            (self.folder / f"recipes/{name}.rhai").write_text(f'#{{ source: path("sources/{name}"), env: #{{ {env} }} }}\n')

    def argv(self, *args):
        return [str(self.demo.program), "-C", str(self.folder), "--store", str(self.demo.store), *args]

    def opb(self, *args):
        done = subprocess.run(self.argv(*args), env=self.demo.env, text=True, capture_output=True)
        if done.returncode != 0:
            raise Fault(f"`opb {' '.join(args)}` ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def check(self, text):
        if f"{NODES} nodes ran" not in text:
            raise Fault(f"{NODES} nodes should have run, and `opb build` says:\n{text[-2000:]}")

    def prove_noticed(self):
        """All of them are remembered, and one that is changed is not."""
        if "nothing to do" not in self.opb("plan", "probe:*", "--only"):
            raise Fault("all nodes were run, and `opb plan` finds something to do")
        recipe = self.folder / f"recipes/{self.names()[0]}.rhai"
        recipe.write_text(recipe.read_text().replace("echo ", "echo other", 1))
        if "1 node will run" not in self.opb("plan", "probe:*", "--only"):
            raise Fault("one command was changed, and `opb plan` does not find just that one to run")
        say("proved: what was run is remembered, and a changed command is noticed")


class Nix:
    """Builds in a store of its own."""

    def __init__(self, folder):
        self.folder, self.state, self.turn = folder, folder / "state", 0
        self.env = nix_environment(folder)
        (folder / "default.nix").write_text(NIX % NODES)

    def command(self):
        argv = ["nix-build", str(self.folder / "default.nix"), "--no-out-link", "--max-jobs", str(jobs()), "--argstr", "round"]
        # The word is changed in place: a round has derivations that no round before had.
        command = Command([*argv, ""], env=self.env, check=self.check)

        def change():
            self.turn += 1
            command.argv[-1] = f"{os.getpid()}.{self.turn}"

        command.before = change
        return command

    def check(self, text):
        if text.count(f"{self.state}/store/") < NODES:
            raise Fault(f"nix-build should have built {NODES} derivations, and said:\n{text[-2000:]}")
