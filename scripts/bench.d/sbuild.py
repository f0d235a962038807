"""sbuild in its unshare mode, as an ordinary user with a range of subordinate ids.

That user exists in a private mount namespace only, where changed copies of /etc/passwd and its like lie over the real ones:
nothing of this machine is changed.
"""
import os
import pwd
import shutil
from pathlib import Path

from debs import copy_source, expect_debs
from demo import output
from measure import Command, Fault

USER = "opbbench"
FIRST_SUBID = 0x6000_0000
FLAGS = [
    "--chroot-mode=unshare", "--no-apt-update", "--no-apt-upgrade", "--no-apt-distupgrade", "--no-run-lintian",
    "--no-run-piuparts", "--no-run-autopkgtest", "--no-clean-source", "--no-arch-all",
]  # fmt: skip

# $1: the folder with our copies; $2: the user's number. /home is where the user's home lies, so that nothing above
# target/ needs to be open to others.
ENTER = """
set -eu
for name in passwd group subuid subgid; do mount --bind "$1/etc/$name" "/etc/$name"; done
mount --bind "$1/home" /home
cd /home/work
export HOME=/home USER=$3 LOGNAME=$3
user=$2
shift 3
exec setpriv --reuid "$user" --regid "$user" --clear-groups -- "$@"
"""


class Sbuild:
    NAME = "sbuild (unshare)"

    def __init__(self, folder, base, dsc):
        self.folder, self.base = folder, base
        self.user = free_user()
        shutil.rmtree(folder, ignore_errors=True)
        self.write_user()
        cache = folder / "home/.cache/sbuild"
        cache.mkdir(parents=True)
        arch = output(["dpkg", "--print-architecture"]).strip()
        os.link(base.archive, cache / f"{base.codename}-{arch}.tar")
        self.dsc = copy_source(dsc, folder / "home/work")
        for path in [folder / "home", *(folder / "home").rglob("*")]:
            if path.suffix != ".tar":
                os.chown(path, self.user, self.user)

    def write_user(self):
        etc = self.folder / "etc"
        etc.mkdir(parents=True)
        more = {
            "passwd": f"{USER}:x:{self.user}:{self.user}::/home:/bin/sh\n",
            "group": f"{USER}:x:{self.user}:\n",
            "subuid": f"{USER}:{FIRST_SUBID}:65536\n",
            "subgid": f"{USER}:{FIRST_SUBID}:65536\n",
        }
        for name, line in more.items():
            real = Path("/etc") / name
            if not real.exists():
                raise Fault(f"there is no {real}: install the package uidmap, which makes it")
            (etc / name).write_text(real.read_text() + line)

    def command(self):
        argv = ["unshare", "--mount", "--net", "--propagation", "private", "sh", "-c", ENTER, "sh", str(self.folder)]
        argv += [str(self.user), USER, "sbuild", "--dist", self.base.codename, *FLAGS, self.dsc.name]
        return Command(argv, after=self.check)

    def check(self):
        expect_debs(self.folder / "home/work", self.NAME)


def free_user():
    """A number that no user has."""
    taken = {user.pw_uid for user in pwd.getpwall()}
    return next(number for number in range(61000, 61184) if number not in taken)
