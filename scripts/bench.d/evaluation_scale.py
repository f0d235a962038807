"""Evaluation at 10 and 100 times the size: whether time grows with the builds alone, and how much memory it takes."""
from evaluation import EVAL, Ninja, all_builds, cold_command
from measure import Command, Row, in_turn, say
from vendor import Vendor

ROUNDS = 3
SCALES = [62, 620, 6200]
MEMORY_MIB = 1024


def rows(demo, place, prefix):
    found, per_build = [], None
    for targets in SCALES:
        vendor = Vendor(demo.root, place, targets)
        vendor.make()
        builds = vendor.builds()
        count, size = len(builds), 70 * targets
        say(f"{targets} targets come to {count} builds")
        cold = in_turn({f"eval-scale-cold-{size}": cold_command(vendor, weighed=True)}, ROUNDS, place)[f"eval-scale-cold-{size}"]
        if per_build is None:
            per_build = cold.cpu / count
            continue
        what = f"{count} builds"
        expected = per_build * count
        found.append(
            Row(f"eval.scale.cold.{size}.cpu", f"cold, {what}, what the smallest takes times as many, CPU", cold.cpu, expected, 1.2)
        )
        ninja = Ninja(builds, place / "ninja-scale")
        del builds
        names = [f"eval-scale-warm-{size}-{who}" for who in ["opb", "ninja"]]
        ours = Command(vendor.argv(*EVAL), env=vendor.env, check=all_builds(vendor), weighed=True)
        medians = in_turn(dict(zip(names, [ours, ninja.noop()])), ROUNDS, place)
        warm, peer = (medians[name] for name in names)
        found.append(Row(f"eval.scale.warm.{size}.cpu", f"warm, {what}, ninja with nothing to do, CPU", warm.cpu, peer.cpu, 0.5))
        peak = max(cold.peak, warm.peak)
        found.append(Row(f"eval.scale.memory.{size}", f"most memory of both, {what}", peak, MEMORY_MIB, 1, unit="MiB"))
    return found
