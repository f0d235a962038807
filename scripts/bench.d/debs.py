"""The base chroot of sbuild and pbuilder, and moving debs and source packages about."""
import shlex
import shutil
import subprocess
from pathlib import Path

from demo import output
from measure import Fault, say


class Base:
    """A tar archive of a buildd chroot of this machine's release, made by mmdebstrap from its own apt sources.

    It holds package lists and, in apt's cache, the packages that the build needs: peers that install them for each build do
    so without network, and without a download in their figures.
    """

    def __init__(self, folder, codename):
        self.codename = codename
        self.archive = folder / f"{codename}.tar"


def make_base(demo, folder, component):
    base = Base(folder, codename())
    if base.archive.exists():
        return base
    folder.mkdir(parents=True, exist_ok=True)
    say("making a chroot for sbuild and pbuilder, with mmdebstrap")
    needs = needed_packages(demo, component)
    # Without the packages of the base itself: unpacking those again for each build would be a handicap.
    apt = 'APT_CONFIG="$MMDEBSTRAP_APT_CONFIG" apt-get'
    download = f"{apt} clean && {apt} -q -y --no-install-recommends --download-only install {needs}"
    unfinished = folder / "unfinished.tar"
    log = folder / "mmdebstrap.log"
    # fakeroot: sbuild wants it for each build; here it is there already.
    argv = ["mmdebstrap", "--variant=buildd", "--include=fakeroot", "--mode=root", "--skip=cleanup/apt"]
    argv.append(f"--customize-hook={download}")
    with open(log, "wb") as out:
        made = subprocess.run(
            [*argv, base.codename, str(unfinished), "-"], input=apt_sources().encode(), stdout=out, stderr=out
        )
    if made.returncode != 0:
        raise Fault(f"mmdebstrap ended with {made.returncode}: see {log}")
    unfinished.rename(base.archive)
    return base


def needed_packages(demo, component):
    """What the component's root has on top of the base's, as words for a shell."""
    node = demo.node(demo.target("root", component))
    inputs = {each["role"]: demo.node(each["node"]) for each in node["inputs"]}
    installed = [status_of(demo, each) for each in [node, inputs["base"]]]
    return " ".join(shlex.quote(f"{name}={version}") for name, version in sorted(installed[0] - installed[1]))


def status_of(demo, node):
    """Names and versions of the packages in a root's layer."""
    layer = layer_of(demo, node)
    argv = ["dpkg-query", f"--admindir={layer}/var/lib/dpkg", "-W", "-f", "${Package} ${Version}\\n"]
    return {tuple(line.split()) for line in output(argv).splitlines()}


def layer_of(demo, node):
    """The folder of a root's topmost layer."""
    found = [path for path in demo.store.glob(f"roots/*/{node['key']}") if path.is_dir()]
    if not found:
        raise Fault(f"the store has no {node['name']}: remove {demo.folder} and try again")
    return found[0]


def codename():
    with open("/etc/os-release") as release:
        fields = dict(line.strip().split("=", 1) for line in release if "=" in line)
    return fields["VERSION_CODENAME"].strip('"')


def apt_sources():
    """This machine's entries for the distribution itself, in either format; third-party ones are no part of a chroot."""
    deb822, lines = [], []
    places = [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]
    for place in places:
        text = place.read_text() if place.is_file() else ""
        if place.suffix == ".sources":
            stanzas = [stanza.strip() for stanza in text.split("\n\n")]
            deb822 += [stanza for stanza in stanzas if "-archive-keyring" in stanza]
        elif place.suffix == ".list":
            own = [line for line in text.splitlines() if line.startswith("deb ")]
            lines += [line for line in own if f" {codename()}" in line and "signed-by" not in line]
    return "\n\n".join(deb822) + "\n" if deb822 else "\n".join(lines) + "\n"


def copy_source(dsc, folder):
    """Copies a source package into `folder`, made anew; the copy of the `.dsc`."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for line in Path(dsc).read_text().splitlines():
        words = line.split()
        if len(words) == 3 and len(words[0]) == 64:
            shutil.copy(dsc.parent / words[2], folder)
    return Path(shutil.copy(dsc, folder))


def expect_debs(folder, who):
    """Proves that a peer built what opb builds, and makes room for its next run."""
    debs = sorted(folder.glob("*.deb"))
    if not any(deb.name.startswith("hello_") for deb in debs) or not any("-dbgsym_" in deb.name for deb in debs):
        raise Fault(f"{who} should have left two packages in {folder}, and left {[deb.name for deb in debs]}")
    for deb in debs:
        deb.unlink()
