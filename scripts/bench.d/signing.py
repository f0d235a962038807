"""Signing RPM packages: by a key file against rpmsign, and by gpg-agent against what the agent itself takes."""
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import rpms
from measure import Command, Fault, Row, in_turn

PACKAGES, OF_AGENT, ROUNDS = 1000, 300, 2


def rows(demo, place, prefix):
    bench = Bench(demo, place / "signing")
    try:
        found = []
        for row, measured in [("rpm.sign.file", bench.by_file), ("rpm.sign.agent", bench.by_agent)]:
            if row.startswith(prefix) or prefix.startswith(row):
                found.append(measured())
        return found
    finally:
        bench.end()


class Bench:
    def __init__(self, demo, place):
        self.program = demo.root / "target/release/examples/sign"
        if not self.program.exists():
            raise Fault(f"there is no {self.program}: run `make bench`")
        self.place, self.store, self.filled = place, place / "store", place / "filled"
        self.packages = rpms.packages(place, PACKAGES)
        # The agent's socket wants a short path.
        self.home = Path(tempfile.mkdtemp(prefix="opb-bench-"))
        self.env = {**os.environ, "GNUPGHOME": str(self.home), "LC_ALL": "C.UTF-8"}
        self.key()
        shutil.rmtree(self.filled, ignore_errors=True)
        self.digests = self.run(self.program, "put", self.filled, *self.packages)

    def key(self):
        """One key for all: in the agent, and in a file."""
        gpg = ["gpg", "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""]
        self.run(*gpg, "--quick-gen-key", "bench <bench@example.invalid>", "rsa3072", "cert,sign", "never")
        listed = self.run("gpg", "--batch", "--with-colons", "--with-keygrip", "--list-keys")
        fields = {line.split(":")[0]: line.split(":")[9] for line in listed.splitlines() if line.startswith(("fpr", "grp"))}
        self.fingerprint, self.grip = fields["fpr"], fields["grp"]
        keys = self.home / "keys"
        keys.mkdir(mode=0o700)
        (keys / "bench.key").touch(mode=0o600)
        (keys / "bench.key").write_text(self.run(*gpg, "--armor", "--export-secret-keys", self.fingerprint))
        (self.home / "public.asc").write_text(self.run("gpg", "--batch", "--armor", "--export", self.fingerprint))

    def end(self):
        subprocess.run(["gpgconf", "--kill", "gpg-agent"], env=self.env, check=False)
        shutil.rmtree(self.home, ignore_errors=True)

    def run(self, *argv):
        done = subprocess.run([str(word) for word in argv], env=self.env, capture_output=True, text=True)
        if done.returncode != 0:
            raise Fault(f"`{argv[0]} {argv[1]}` ended with {done.returncode}:\n{done.stderr}")
        return done.stdout

    def ours(self, count, *words):
        digests = self.home / f"digests-{count}"
        digests.write_text("".join(self.digests.splitlines(keepends=True)[:count]))
        script = 'digests=$1; shift; exec "$@" < "$digests"'
        argv = ["sh", "-c", script, "sh", str(digests), str(self.program), *map(str, words)]
        return Command(argv, before=self.fill, check=lambda text: self.prove(text.split(), count), env=self.env)

    def fill(self):
        shutil.rmtree(self.store, ignore_errors=True)
        shutil.copytree(self.filled, self.store)

    def prove(self, files, count):
        """All are there, and rpm accepts some of them with this key alone."""
        if len(files) != count or len(set(files)) != count:
            raise Fault(f"{count} packages should be signed, and there are {len(files)}")
        database = ["--define", f"_dbpath {self.home / 'db'}"]
        self.run("rpmkeys", *database, "--import", self.home / "public.asc")
        said = self.run("rpmkeys", *database, "-Kv", *files[:: count // 10])
        good = [line for line in said.splitlines() if "Header V4 RSA/" in line and line.endswith(": OK")]
        if len(good) != len(files[:: count // 10]):
            raise Fault(f"rpm does not accept what was signed:\n{said}")

    def by_file(self):
        copies = self.place / "copies"

        def copy():
            shutil.rmtree(copies, ignore_errors=True)
            copies.mkdir()
            for package in self.packages:
                shutil.copy(package, copies)

        script = 'exec rpmsign --addsign --define "_gpg_name $1" --define "__gpg $(command -v gpg)" "$2"/*.rpm'
        peer = ["sh", "-c", script, "sh", self.fingerprint, str(copies)]
        signed = lambda text: self.prove([str(file) for file in copies.iterdir()], PACKAGES)  # noqa: E731
        commands = {
            "rpm-sign-opb": self.ours(PACKAGES, "sign", self.store, self.home / "keys", "bench"),
            "rpm-sign-rpmsign": Command(peer, before=copy, check=signed, env=self.env),
        }
        medians = in_turn(commands, ROUNDS, self.place)
        ours, peer = (medians[f"rpm-sign-{who}"] for who in ["opb", "rpmsign"])
        shutil.rmtree(copies, ignore_errors=True)
        return Row("rpm.sign.file.wall", f"signing {PACKAGES} packages, RSA 3072, rpmsign, wall", ours.wall, peer.wall, 0.2)

    def by_agent(self):
        lines = self.home / "lines"
        digests = (f"{number:064X}" for number in range(1, OF_AGENT + 1))
        lines.write_text("".join(f"SIGKEY {self.grip}\nSETHASH --hash=sha256 {digest}\nPKSIGN\n" for digest in digests))

        def answered(text):
            if text.count("sig-val") != OF_AGENT:
                raise Fault(f"gpg-agent should have signed {OF_AGENT} times, and did so {text.count('sig-val')} times")

        peer = ["sh", "-c", 'exec gpg-connect-agent < "$1"', "sh", str(lines)]
        commands = {
            "rpm-sign-by-agent": self.ours(OF_AGENT, "agent", self.store, self.home, self.fingerprint),
            "rpm-sign-agent-alone": Command(peer, check=answered, env=self.env),
        }
        medians = in_turn(commands, 2 * ROUNDS, self.place)
        ours, peer = medians["rpm-sign-by-agent"], medians["rpm-sign-agent-alone"]
        what = f"signing {OF_AGENT} packages by gpg-agent, the agent alone over one connection, wall"
        return Row("rpm.sign.agent.wall", what, ours.wall, peer.wall, 1.2)
