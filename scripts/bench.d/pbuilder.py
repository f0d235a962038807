"""pbuilder with a base.tgz, its usual way, and its resolver that uses apt."""
import shutil
import subprocess

from debs import copy_source, expect_debs
from measure import Command, say


class Pbuilder:
    NAME = "pbuilder"

    def __init__(self, folder, base, dsc):
        self.folder, self.base = folder, base
        self.dsc = copy_source(dsc, folder / "source")
        for name in ["build", "result", "aptcache"]:
            shutil.rmtree(folder / name, ignore_errors=True)
            (folder / name).mkdir()
        self.archive = folder / "base.tgz"
        if not self.archive.exists() or self.archive.stat().st_mtime < base.archive.stat().st_mtime:
            say("packing the chroot for pbuilder")
            with open(self.archive, "wb") as out:
                subprocess.run(["gzip", "-6", "--stdout", str(base.archive)], check=True, stdout=out)
        argv = ["tar", "-xf", str(base.archive), "-C", str(folder / "aptcache"), "--strip-components=5"]
        subprocess.run([*argv, "--wildcards", "./var/cache/apt/archives/*.deb"], check=True)
        (folder / ".pbuilderrc").write_text("PBUILDERSATISFYDEPENDSCMD=/usr/lib/pbuilder/pbuilder-satisfydepends-apt\n")

    def command(self):
        argv = ["unshare", "--net", "env", f"HOME={self.folder}", "pbuilder", "build", "--basetgz", str(self.archive)]
        argv += ["--buildplace", str(self.folder / "build"), "--aptcache", str(self.folder / "aptcache")]
        argv += ["--buildresult", str(self.folder / "result"), "--distribution", self.base.codename]
        return Command([*argv, "--binary-arch", str(self.dsc)], after=self.check)

    def check(self):
        expect_debs(self.folder / "result", self.NAME)
