"""APT repositories of packages that are in the store, against what people run: apt-ftparchive, aptly and reprepro."""
import json
import shutil
import subprocess
from dataclasses import replace

import real_debs
import tiny_debs
from evaluation import expect_word
from measure import Command, Fault, Row, in_turn, say

ROUNDS = 5
MANY, HUGE = 4_340, 100_000

# As on a disk that takes 2 ms to flush, for which most of `includedeb` is waiting: virtual disks answer at once.
SLOW_FLUSH = [
    "strace", "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null",
    "-e", "trace=fsync,fdatasync,syncfs", "-e", "inject=fsync,fdatasync,syncfs:delay_exit=2000",
]

# Indexes and signatures of a flat pool. $1: its folder; $2: `plain`, `whole` (with the list of files, for which packages are
# unpacked), or `packed`; further words go to apt-ftparchive.
FTPARCHIVE = """\
set -e
cd "$1"; how=$2; shift 2
lists=dists/bookworm/main/binary-amd64
mkdir -p $lists
apt-ftparchive "$@" packages pool > $lists/Packages
if [ "$how" = whole ]; then apt-ftparchive contents pool > dists/bookworm/main/Contents-amd64; fi
if [ "$how" = packed ]; then gzip -9nkf $lists/Packages; xz -6kf $lists/Packages; fi
apt-ftparchive -o APT::FTPArchive::Release::Suite=bookworm release dists/bookworm > Release.new
mv Release.new dists/bookworm/Release
gpg --batch --yes --clearsign -o dists/bookworm/InRelease dists/bookworm/Release
gpg --batch --yes -abs -o dists/bookworm/Release.gpg dists/bookworm/Release
"""


def rows(demo, place, prefix):
    bench = Bench(demo, place / "repositories")
    found = []
    try:
        for row, measured in [("repo.index", bench.index), ("repo.added", bench.added), ("repo.scale", bench.scale)]:
            if row.startswith(prefix) or prefix.startswith(row):
                found += measured()
    finally:
        bench.stop_agent()
    return found


def keep(folder, copy):
    """Makes `copy` what `folder` is, with further names of its files; what is appended to is copied."""
    shutil.rmtree(copy, ignore_errors=True)
    subprocess.run(["cp", "-al", folder, copy], check=True)
    for names in copy.glob("names.jsonl"):
        names.unlink()
        shutil.copy(folder / "names.jsonl", names)


def slowly(command):
    """The same command on a disk that is slow to flush."""
    return replace(command, argv=[*SLOW_FLUSH, *command.argv])


class Bench:
    def __init__(self, demo, place):
        self.place, self.store, self.lists = place, place / "store", place / "lists"
        self.program = demo.root / "target/release/examples/apt"
        if not self.program.exists():
            raise Fault(f"there is no {self.program}: run `make bench`, or `cargo build --release --examples` first")
        self.many, self.one = place / "many", place / "one"
        real_debs.packages(self.many, 0, MANY)
        real_debs.packages(self.one, 990_000, 1)
        self.more = self.joined("more", self.many, self.one)
        shutil.rmtree(self.store, ignore_errors=True)
        self.lists.mkdir(exist_ok=True)
        self.tree = {folder: self.ours("prepare", folder) for folder in [self.many, self.more]}
        self.env = self.make_key()
        (place / "ftparchive.sh").write_text(FTPARCHIVE)

    def joined(self, name, *folders):
        into = self.place / name
        shutil.rmtree(into, ignore_errors=True)
        for folder in folders:
            shutil.copytree(folder, into, dirs_exist_ok=True)
        return into

    def make_key(self):
        """A key of the peers' own, and what they find it by."""
        home = self.place / "gnupg"
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "GNUPGHOME": str(home), "HOME": str(self.place), "LC_ALL": "C.UTF-8"}
        if not home.exists():
            home.mkdir(mode=0o700)
            argv = ["gpg", "--batch", "--quiet", "--passphrase", "", "--quick-gen-key", "bench", "rsa3072", "sign", "never"]
            subprocess.run(argv, check=True, capture_output=True, env=env)
        listed = subprocess.run(["gpg", "--list-keys", "--with-colons"], check=True, capture_output=True, text=True, env=env)
        self.key = next(line.split(":")[9] for line in listed.stdout.splitlines() if line.startswith("fpr"))
        return env

    def stop_agent(self):
        subprocess.run(["gpgconf", "--kill", "all"], env=self.env, capture_output=True)

    def ours(self, deed, *args):
        done = subprocess.run([self.program, deed, self.store, *args], capture_output=True, text=True)
        if done.returncode != 0:
            raise Fault(f"`apt {deed}` ended with {done.returncode}: {done.stderr}")
        return done.stdout.strip()

    def command(self, deed, folder, *more, **other):
        return Command([str(self.program), deed, str(self.store), self.tree[folder], *map(str, more)], **other)

    def forget(self):
        """Nothing is known of any package, and nothing is compressed."""
        for kept in ["pieces", "facts"]:
            shutil.rmtree(self.store / kept, ignore_errors=True)

    def forget_pieces(self):
        """Packages are known as when their builds have ended; no repository was made of them."""
        if not any((self.store / "facts").glob("*")):
            self.ours("prepare", self.many)
        shutil.rmtree(self.store / "pieces", ignore_errors=True)

    def ftparchive(self, how, *more, **other):
        root = self.place / "ftparchive"
        return Command(["sh", str(self.place / "ftparchive.sh"), str(root), how, *more], env=self.env, **other)

    def fresh_pool(self):
        root = self.place / "ftparchive"
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(self.many, root / "pool")

    def reprepro(self):
        """The start of a repository of reprepro's, and the command that adds packages to it."""
        root = self.place / "reprepro"
        shutil.rmtree(root, ignore_errors=True)
        (root / "conf").mkdir(parents=True)
        # Compressed as ours; by default there is no .xz.
        indexes = "DebIndices: Packages Release . .gz .xz"
        lines = ["Codename: bookworm", "Components: main", "Architectures: amd64", indexes, f"SignWith: {self.key}"]
        (root / "conf/distributions").write_text("\n".join(lines) + "\n")

    def add_reprepro(self, folder, **other):
        script = f"exec reprepro --silent -b {self.place}/reprepro includedeb bookworm {folder}/*.deb"
        return Command(["sh", "-c", script], env=self.env, **other)

    def aptly(self, name="aptly"):
        root = self.place / name
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir()
        (root / "conf").write_text(json.dumps({"rootDir": str(root / "root"), "gpgProvider": "gpg"}))
        argv = ["aptly", f"-config={root}/conf", "repo", "create", "-distribution=bookworm", "-component=main", "farm"]
        subprocess.run(argv, check=True, capture_output=True, env=self.env)

    def add_aptly(self, folder, publish, name="aptly", **other):
        base = f"aptly -config={self.place}/{name}/conf"
        script = f"{base} repo add farm {folder} && {base} publish {publish}"
        return Command(["sh", "-c", script], env=self.env, **other)

    def index(self):
        """A signed repository from nothing, and of packages that are known."""
        self.fresh_pool()
        word = expect_word(f"indexes of {MANY} packages")
        of_all = f"repo -batch -architectures=amd64 -skip-contents -gpg-key={self.key} farm"
        cache = str(self.place / "ftparchive/cache.db")
        commands = {
            "repo-plain-opb": self.command("index", self.many, self.lists, "--plain", before=self.forget, check=word),
            "repo-known-opb": self.command("index", self.many, self.lists, "--plain", before=self.forget_pieces, check=word),
            "repo-packed-opb": self.command("index", self.many, self.lists, before=self.forget_pieces, check=word),
            "repo-plain-ftparchive": self.ftparchive("plain"),
            "repo-whole-ftparchive": self.ftparchive("whole"),
            "repo-known-ftparchive": self.ftparchive("plain", "--db", cache),
            "repo-packed-ftparchive": self.ftparchive("packed"),
            "repo-aptly": self.add_aptly(self.many, of_all, before=self.aptly),
        }
        medians = in_turn(commands, ROUNDS, self.place)
        self.check_sizes()
        # It takes so long that one run says enough.
        packed, added = commands["repo-packed-opb"], self.add_reprepro(self.many, before=self.reprepro)
        medians |= in_turn({"repo-reprepro": added}, 1, self.place)
        flushed = {"repo-flushed-opb": slowly(packed), "repo-flushed-reprepro": slowly(added)}
        medians |= in_turn(flushed, 1, self.place)
        what = f"signed repository of {MANY} packages"
        figures = lambda name: medians[f"repo-{name}"]  # noqa: E731
        return [
            Row(
                "repo.index.first.cpu", f"{what} that nothing is known of, with their files, uncompressed, apt-ftparchive, CPU",
                figures("plain-opb").cpu, figures("whole-ftparchive").cpu, 0.7,
            ),
            Row(
                "repo.index.plain.cpu", f"{what}, uncompressed, apt-ftparchive, CPU",
                figures("known-opb").cpu, figures("plain-ftparchive").cpu, 0.2,
            ),
            Row(
                "repo.index.packed.cpu", f"{what}, .gz and .xz, apt-ftparchive with gzip and xz, CPU",
                figures("packed-opb").cpu, figures("packed-ftparchive").cpu, 0.7,
            ),
            Row("repo.index.aptly", f"{what}, aptly with .gz and .bz2", figures("packed-opb").wall, figures("aptly").wall, 0.3),
            Row(
                "repo.index.reprepro", f"{what}, reprepro includedeb",
                figures("packed-opb").wall, figures("reprepro").wall, 0.05,
            ),
            Row(
                "repo.index.reprepro.flush", f"{what}, reprepro includedeb, where the disk takes 2 ms to flush",
                figures("flushed-opb").wall, figures("flushed-reprepro").wall, 0.05,
            ),
        ]

    def check_sizes(self):
        """Indexes in pieces may be larger than whole ones by a twentieth, and say as much."""
        listed = {}
        for line in (self.lists / "bookworm.Release").read_text().splitlines():
            words = line.split()
            if len(words) == 3:
                listed[words[2].rsplit("/", 1)[-1]] = int(words[1])
        theirs = self.place / "ftparchive/dists/bookworm/main/binary-amd64"
        for name in ["Packages.gz", "Packages.xz"]:
            whole = subprocess.run(
                f"{'gzip -dc' if name.endswith('gz') else 'xz -dc'} {theirs / name} | wc -c", shell=True, capture_output=True, text=True
            )
            # The peer's stanzas have MD5, SHA-1 and SHA-512 besides: ours are compressed by the same programs to compare.
            ours = self.whole(name)
            say(f"{name}: {listed[name]} bytes in pieces, {ours} in one, {(theirs / name).stat().st_size} of apt-ftparchive's "
                f"{whole.stdout.strip()}")
            if listed[name] > ours * 1.05:
                raise Fault(f"{name} has {listed[name]} bytes in pieces, and {ours} in one")

    def whole(self, name):
        """The size of our index as the usual program compresses it."""
        digest = next(
            line.split()[0] for line in (self.lists / "bookworm.Release").read_text().splitlines()
            if line.endswith(f"binary-amd64/{name}")
        )
        found = [
            path for path in self.store.glob("objects/*/*")
            if path.stat().st_size > 10_000 and subprocess.run(["sha256sum", path], capture_output=True, text=True).stdout.startswith(digest)
        ]
        if not found:
            raise Fault(f"the store has no {name}")
        unpack, pack = ("gzip -dc", "gzip -9n") if name.endswith("gz") else ("xz -dc --format=xz", "xz -6")
        done = subprocess.run(f"{unpack} < {found[0]} | {pack} | wc -c", shell=True, check=True, capture_output=True, text=True)
        return int(done.stdout)

    def added(self):
        """One package more, published and signed."""
        channel, base, pieces = self.store / "channels/bench", self.place / "channel.before", self.place / "pieces.before"
        shutil.rmtree(channel, ignore_errors=True)
        self.ours("publish", self.tree[self.many])
        keep(channel, base)
        keep(self.store / "pieces", pieces)
        self.reprepro()
        self.fresh_pool()
        # With `Contents`, as ours, and without.
        aptly = {"aptly": "", "aptly-bare": "-skip-contents"}
        starts = [self.add_reprepro(self.many)]
        for name, without in aptly.items():
            self.aptly(name)
            starts.append(self.add_aptly(self.many, f"repo -batch -architectures=amd64 {without} -gpg-key={self.key} farm", name))
        for start in starts:
            subprocess.run(start.argv, check=True, capture_output=True, env=self.env)
        cache = str(self.place / "ftparchive/cache.db")
        subprocess.run(self.ftparchive("packed", "--db", cache).argv, check=True, capture_output=True, env=self.env)
        # A further package for each round: peers keep what they have.
        turn = iter(range(1_000_000, 2_000_000))

        def another():
            folder = self.place / "another"
            shutil.rmtree(folder, ignore_errors=True)
            real_debs.packages(folder, next(turn), 1)

        def as_before():
            keep(base, channel)
            keep(pieces, self.store / "pieces")

        def one_more():
            another()
            for package in (self.place / "another").iterdir():
                shutil.copy(package, self.place / "ftparchive/pool")

        def add_aptly(name):
            update = f"update -batch {aptly[name]} -gpg-key={self.key} bookworm"
            return self.add_aptly(folder, update, name, before=another)

        word = expect_word(f"generation 2: {MANY + 1} packages")
        folder = self.place / "another"
        medians = in_turn(
            {
                "repo-added-opb": self.command("publish", self.more, before=as_before, check=word),
                "repo-added-reprepro": self.add_reprepro(folder, before=another),
                "repo-added-aptly": add_aptly("aptly"),
                "repo-added-aptly-bare": add_aptly("aptly-bare"),
                "repo-added-ftparchive": self.ftparchive("packed", "--db", cache, before=one_more),
            },
            ROUNDS,
            self.place,
        )
        ours = medians["repo-added-opb"].wall
        what = f"one package more than {MANY}, published and signed"
        peers = [
            ("reprepro", "reprepro", 0.5), ("aptly", "aptly", 0.15), ("aptly.bare", "aptly without its Contents", 0.15),
            ("ftparchive", "ftparchive", 0.15),
        ]
        wall = lambda id: medians[f"repo-added-{id.replace('.', '-')}"].wall  # noqa: E731
        return [Row(f"repo.added.{id}", f"{what}, {who}", ours, wall(id), bar) for id, who, bar in peers]

    def scale(self):
        """The cost of a package where there are many, and how much memory that takes."""
        few, huge = self.place / "few", self.place / "huge"
        for folder, count in [(few, MANY), (huge, HUGE)]:
            tiny_debs.packages(folder, 0, count)
            self.tree[folder] = self.ours("prepare", folder)
        commands = {
            f"repo-scale-{count}": self.command("index", folder, self.lists, before=self.forget, weighed=True)
            for count, folder in [(MANY, few), (HUGE, huge)]
        }
        medians = in_turn(commands, 3, self.place)
        few, many = (medians[f"repo-scale-{count}"] for count in [MANY, HUGE])
        each = f"of a package among {HUGE}, and among {MANY}, CPU"
        return [
            Row("repo.scale.cpu", each, many.cpu / HUGE * 1e6, few.cpu / MANY * 1e6, 1.3, "µs"),
            Row("repo.scale.memory", f"memory for {HUGE} packages, and what it may be", many.peak, 500, 1.0, "MiB"),
        ]
