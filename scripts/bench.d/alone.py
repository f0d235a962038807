"""dpkg-buildpackage alone: over the very layers that opb builds on, with the same user, environment and flags.

No namespaces but those for mounts and processes, nothing kept, and the time to remove the upper layer is not counted: the
least that a build in a clean chroot can cost.
"""
import os
import shutil

from debs import copy_source, expect_debs, layer_of
from measure import Command

# $1: the layers; $2: the folder with upper, work and root; $3: the source package's folder; $4: what follows is `env`'s.
OUTSIDE = """
set -eu
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work,userxattr,volatile" "$2/root"
mkdir -p "$2/root/proc" "$2/root/dev" "$2/root/in/source" "$2/root/build"
chown 1000:1000 "$2/root/build"
mount -t proc proc "$2/root/proc"
mount --rbind /dev "$2/root/dev"
mount --bind "$3" "$2/root/in/source"
root=$2/root
shift 3
exec chroot --userspec=1000:1000 "$root" /usr/bin/env -i "$@"
"""

INSIDE = """
set -eu
cd /build
dpkg-source --no-check -x /in/source/*.dsc tree
cd tree
export SOURCE_DATE_EPOCH=$(dpkg-parsechangelog -STimestamp)
dpkg-buildpackage --unsigned-source --unsigned-changes --build=any
"""


class Alone:
    NAME = "dpkg-buildpackage alone"

    def __init__(self, demo, folder, component, dsc):
        self.folder = folder
        self.source = copy_source(dsc, folder / "source").parent
        root = demo.node(demo.target("root", component))
        base = next(demo.node(each["node"]) for each in root["inputs"] if each["role"] == "base")
        self.layers = ":".join(str(layer_of(demo, node)) for node in [root, base])

    def command(self):
        environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": "/nonexistent", "USER": "builder",
            "LOGNAME": "builder", "SHELL": "/bin/sh", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "TZ": "UTC", "TERM": "dumb",
            "DEBIAN_FRONTEND": "noninteractive", "DEB_BUILD_OPTIONS": f"parallel={os.cpu_count()}",
        }  # fmt: skip
        words = [f"{name}={value}" for name, value in environment.items()]
        argv = ["unshare", "--mount", "--pid", "--fork", "--net", "--ipc", "--uts", "--propagation", "private"]
        argv += ["sh", "-c", OUTSIDE, "sh", self.layers, str(self.folder), str(self.source), *words]
        return Command([*argv, "sh", "-c", INSIDE], before=self.clear, after=self.check)

    def clear(self):
        for name in ["upper", "work", "root"]:
            shutil.rmtree(self.folder / name, ignore_errors=True)
            (self.folder / name).mkdir()

    def check(self):
        expect_debs(self.folder / "upper/build", self.NAME)
