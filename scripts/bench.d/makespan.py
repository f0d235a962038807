"""How long a real run takes against the least that its nodes could take: the made-up vendor's sources, really built.

Not a bare number of a simulation: what each node took is read from the record of that very run, and the least is the longest
chain of them, or all of them over all jobs. The order is made from what the nodes took in the run before.
"""
import json
import os
import shutil

from measure import Command, Fault, Row, once, say
from vendor import Vendor

# So many that their builds for one distro are 200 and more.
COMPONENTS, TARGETS = 180, 6
LEAST_NODES = 200


def rows(demo, place, prefix):
    demo.prepare()
    vendor = Vendor(demo.root, place / "makespan", TARGETS, demo.store, COMPONENTS)
    vendor.make()
    # The demo's pin of the distro: the generator's are made up.
    shutil.copy(demo.folder / "opb.lock", vendor.project / "opb.lock")
    on = f"@{demo.distro}"
    builds = [f"build:*{on}/{demo.arch}", f"build:*{on}/all"]
    say("building the vendor's sources, for what each takes")
    vendor.opb("build", *builds)
    again = ["build", "--again", "--only", "--jobs", str(jobs()), *builds]
    once("exec-schedule-opb", Command(vendor.argv(*again), env=vendor.env), place / "exec-schedule-opb.log")
    took, least, count = judged(vendor)
    if count < LEAST_NODES:
        raise Fault(f"at least {LEAST_NODES} nodes should have run, and {count} did")
    what = f"a run of {count} builds, none over a fiftieth of the work, the longest chain or the work over {jobs()} jobs"
    return [Row("exec.schedule.makespan", what, took, least, 1.05)]


def jobs():
    return os.cpu_count() or 1


def judged(vendor):
    """Seconds that the last run took from its first node to the end of its last, the least, and how many nodes ran."""
    run = json.loads(vendor.opb("timings", "--format", "json"))
    ran = {node["node"]: node for node in run["nodes"]}
    if run["result"] != "done" or any(node["outcome"] in ["failed", "stopped"] for node in run["nodes"]):
        raise Fault(f"the run {run['run']} should have ended well")
    if {node["kind"] for node in run["nodes"]} != {"build"}:
        raise Fault("builds should have run, and nothing else")
    took = {name: node["ended"] - node["began"] for name, node in ran.items()}
    work = sum(took.values())
    longest = max(took, key=took.get)
    if took[longest] * 50 > work:
        raise Fault(f"{longest} took {took[longest]} ms, more than a fiftieth of {work}")
    chains = {}
    # In the order of the graph: what a node needs comes before it. What did not run again takes no time.
    for line in vendor.opb("eval", "--format", "jsonl").splitlines():
        node = json.loads(line)
        before = max((chains.get(each["node"], 0) for each in node["inputs"]), default=0)
        chains[node["name"]] = before + took.get(node["name"], 0)
    least = max(max(chains.values()), work / jobs())
    span = max(node["ended"] for node in ran.values()) - min(node["began"] for node in ran.values())
    return span / 1000, least / 1000, len(ran)
