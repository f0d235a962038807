"""Times whole commands in turn, and compares their medians."""
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

TICKS = os.sysconf("SC_CLK_TCK")
CORES = os.cpu_count() or 1


class Fault(Exception):
    """Something that makes the figures void."""


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


@dataclass
class Command:
    """What is timed, and what is not."""

    argv: list
    # Run before and after each timed run, untimed.
    before: object = lambda: None
    after: object = lambda: None
    # Given what the command wrote; raises Fault where it did not do its work.
    check: object = lambda text: None
    env: dict = None
    # Whether its memory is measured too, by a program around it that takes about a millisecond itself.
    weighed: bool = False


@dataclass
class Row:
    """One line of the table."""

    id: str
    what: str
    ours: float
    peer: float
    bar: float
    # Of both figures: seconds, or what is said here.
    unit: str = "s"

    @property
    def ratio(self):
        return self.ours / self.peer

    @property
    def holds(self):
        return self.ratio <= self.bar

    def summary(self):
        figures = {"ours": self.ours, "peer": self.peer, "ratio": self.ratio, "bar": self.bar}
        figures = {name: round(value, 5) for name, value in figures.items()}
        return {"id": self.id, **figures, "unit": self.unit, "holds": self.holds}


@dataclass
class Figures:
    """What a run took: seconds, the share of the machine that went to anything else, MiB of its largest process."""

    wall: float
    cpu: float
    others: float
    peak: float


def busy_seconds():
    """Processor time that the whole machine has used."""
    with open("/proc/stat") as stat:
        user, nice, system, _, _, irq, softirq = map(int, stat.readline().split()[1:8])
    return (user + nice + system + irq + softirq) / TICKS


def once(name, command, log):
    """The figures of one run."""
    command.before()
    # What earlier runs left to be written must not fall into this one.
    os.sync()
    with open(log, "w+b") as out, tempfile.NamedTemporaryFile("r") as peak:
        # A process counts as its own what the one had that started it: only a small program tells the peak of its child.
        around = ["/usr/bin/time", "-q", "-f", "%M", "-o", peak.name] if command.weighed else []
        busy, began = busy_seconds(), time.monotonic()
        process = subprocess.Popen(
            [*around, *command.argv], stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=command.env, start_new_session=True
        )
        # Waits for it alone; its usage holds that of all descendants that were waited for.
        _, status, usage = os.wait4(process.pid, 0)
        wall, busy = time.monotonic() - began, busy_seconds() - busy
        process.returncode = os.waitstatus_to_exitcode(status)
        weight = peak.read()
        out.seek(0)
        text = out.read().decode(errors="replace")
    if process.returncode != 0:
        raise Fault(f"{name} ended with {process.returncode}: see {log}")
    command.check(text)
    command.after()
    cpu = usage.ru_utime + usage.ru_stime
    return Figures(wall, cpu, max(0.0, busy - cpu) / (wall * CORES), int(weight or 0) / 1024)


def in_turn(commands, rounds, place):
    """Runs each of `commands` (by name) once to warm up, then once in each round; the medians by name."""
    taken = {name: [] for name in commands}
    names = list(commands)
    for turn in range(rounds + 1):
        # Each comes first equally often: a clock that changes favours nobody.
        shift = turn % len(names)
        for name in names[shift:] + names[:shift]:
            figures = once(name, commands[name], place / f"{name}.log")
            if turn > 0:
                taken[name].append(figures)
    medians = {}
    for name, figures in taken.items():
        middle = lambda what: statistics.median(getattr(each, what) for each in figures)  # noqa: B023, E731
        span = lambda what: "{:.4f} s ({:.4f} to {:.4f})".format(  # noqa: E731
            middle(what), min(getattr(each, what) for each in figures), max(getattr(each, what) for each in figures)  # noqa: B023
        )
        median = medians[name] = Figures(middle("wall"), middle("cpu"), middle("others"), middle("peak"))
        weight = f"{median.peak:.0f} MiB, " if median.peak else ""
        say(
            f"{name}: wall {span('wall')}, cpu {span('cpu')}, {rounds} rounds, {weight}"
            f"others {median.others:.0%} of the machine"
        )
    return medians
