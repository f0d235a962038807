"""Metadata of RPM packages: what `opb repo publish` makes of those in a store, against createrepo_c over as many files."""
import shutil
import subprocess

import rpms
from evaluation import expect_word
from measure import CORES, Command, Fault, Row, in_turn

ROUNDS = 7
FEW, MANY = 1_000, 4_340


def rows(demo, place, prefix):
    bench = Bench(demo, place / "packages")
    found = []
    for row, measured in [("rpm.metadata", bench.metadata), ("rpm.publish", bench.publish)]:
        if row.startswith(prefix) or prefix.startswith(row):
            found += measured()
    return found


class Bench:
    def __init__(self, demo, place):
        self.place, self.store = place, place / "store"
        self.program = demo.root / "target/release/examples/yum"
        if not self.program.exists():
            raise Fault(f"there is no {self.program}: run `make bench`, or `cargo build --release --examples` first")
        self.few, self.many, self.more = (place / name for name in ["few", "many", "more"])
        if not self.more.exists():
            self.make()
        shutil.rmtree(self.store, ignore_errors=True)
        trees = [self.ours("prepare", folder) for folder in [self.few, self.many, self.more]]
        self.tree = dict(zip([self.few, self.many, self.more], trees))

    def make(self):
        """Folders of few packages, of many, and of one more."""
        built = rpms.packages(self.place, MANY + 1)
        for folder, count in [(self.few, FEW), (self.many, MANY), (self.more, MANY + 1)]:
            partial = folder.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            shutil.rmtree(folder, ignore_errors=True)
            partial.mkdir()
            for package in built[:count]:
                shutil.copy2(package, partial)
            partial.rename(folder)

    def ours(self, deed, *args):
        done = subprocess.run([self.program, deed, self.store, *args], capture_output=True, text=True)
        if done.returncode != 0:
            raise Fault(f"`yum {deed}` ended with {done.returncode}: {done.stderr}")
        return done.stdout.strip()

    def command(self, deed, folder, *more, **other):
        return Command([str(self.program), deed, str(self.store), self.tree[folder], *map(str, more)], **other)

    def peer(self, folder, *more, **other):
        argv = ["createrepo_c", "--quiet", "--workers", str(CORES), *more, str(folder)]
        return Command(argv, **other)

    def metadata(self):
        """The same three files of metadata by both, compressed the same way; and one package more."""
        kept = self.place / "metadata"
        bare = ["--no-database"]

        def anew():
            shutil.rmtree(kept, ignore_errors=True)
            kept.mkdir()

        def forget(folder):
            return lambda: shutil.rmtree(folder / "repodata", ignore_errors=True)

        commands = {}
        for count, folder in [(FEW, self.few), (MANY, self.many)]:
            word = expect_word(f"metadata of {count} packages")
            commands[f"rpm-metadata-{count}-opb"] = self.command("metadata", folder, kept, before=anew, check=word)
            commands[f"rpm-metadata-{count}-createrepo"] = self.peer(folder, *bare, before=forget(folder))
        # What both have of before the package came.
        base, before = self.place / "metadata.before", self.place / "repodata.before"
        anew()
        self.ours("metadata", self.tree[self.many], kept)
        self.same(kept, self.many)
        for place, what in [(base, kept), (before, self.many / "repodata")]:
            shutil.rmtree(place, ignore_errors=True)
            shutil.copytree(what, place)

        def as_before():
            anew()
            shutil.copytree(base, kept, dirs_exist_ok=True)

        # What people run writes databases too, and has them to begin with.
        usual = self.place / "repodata.usual"
        forget(self.many)()
        subprocess.run(self.peer(self.many).argv, check=True, capture_output=True)
        shutil.rmtree(usual, ignore_errors=True)
        shutil.move(self.many / "repodata", usual)

        def their(what):
            def there():
                forget(self.more)()
                shutil.copytree(what, self.more / "repodata")

            return there

        word = expect_word(f"metadata of {MANY + 1} packages")
        commands["rpm-metadata-added-opb"] = self.command("metadata", self.more, kept, before=as_before, check=word)
        commands["rpm-metadata-added-createrepo"] = self.peer(self.more, "--update", before=their(usual))
        commands["rpm-metadata-added-bare"] = self.peer(self.more, *bare, "--update", before=their(before))
        medians = in_turn(commands, ROUNDS, self.place)
        found = []
        for id_, what, bar in [
            (str(FEW), f"metadata of {FEW} packages, createrepo_c without databases, CPU", 0.7),
            (str(MANY), f"metadata of {MANY} packages, createrepo_c without databases, CPU", 0.7),
            ("added", f"one package more than {MANY}, createrepo_c --update, CPU", 0.3),
        ]:
            ours, peer = (medians[f"rpm-metadata-{id_}-{who}"] for who in ["opb", "createrepo"])
            found.append(Row(f"rpm.metadata.{id_}.cpu", what, ours.cpu, peer.cpu, bar))
        ours, peer = (medians[f"rpm-metadata-added-{who}"] for who in ["opb", "bare"])
        what = f"one package more than {MANY}, createrepo_c --update without databases, CPU"
        return [*found, Row("rpm.metadata.added.bare.cpu", what, ours.cpu, peer.cpu, 0.4)]

    def same(self, kept, folder):
        """Proves that both describe as many packages, by the digests that `repomd.xml` has of what is uncompressed."""
        done = subprocess.run(self.peer(folder, "--no-database").argv, capture_output=True)
        if done.returncode != 0:
            raise Fault(f"createrepo_c ended with {done.returncode}")
        sizes = []
        for text in [(kept / "repomd.xml").read_text(), (folder / "repodata/repomd.xml").read_text()]:
            sizes.append([part.split("<")[0] for part in text.split("<open-size>")[1:]])
        # The filelists have nothing in them that signing changes.
        if sizes[0][1:] != sizes[1][1:]:
            raise Fault(f"the metadata of both differs in size: {sizes}")

    def publish(self):
        """All of publishing: signatures checked, a generation written, its metadata signed."""
        channel = self.store / "channels/bench"
        word = expect_word(f"generation 1: {MANY} packages")
        commands = {
            "rpm-publish-opb": self.command(
                "publish", self.many, before=lambda: shutil.rmtree(channel, ignore_errors=True), check=word
            ),
            "rpm-publish-createrepo": self.peer(
                self.many, before=lambda: shutil.rmtree(self.many / "repodata", ignore_errors=True)
            ),
        }
        medians = in_turn(commands, ROUNDS, self.place)
        ours, peer = (medians[f"rpm-publish-{who}"] for who in ["opb", "createrepo"])
        what = f"publishing {MANY} signed packages, createrepo_c as it is by default, CPU"
        return [Row("rpm.publish.cpu", what, ours.cpu, peer.cpu, 0.9)]
