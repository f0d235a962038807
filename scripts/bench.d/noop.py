"""Nothing to do: the second `opb build` of the demo against ninja, on a graph of the same shape."""
import subprocess

from measure import Command, Fault, Row, in_turn

ROUNDS = 40

# ninja compares time stamps of small files and reads no content; on 24 edges its whole run is little more than its start.
# opb starts, which takes a larger program as long as all of that, evaluates every recipe, hashes every derivation, and asks
# the store for every key. What it must not do is take several times longer than those together.
BAR = 3


def rows(demo, place, prefix):
    demo.prepare()
    nodes = demo.nodes()
    folder = place / "ninja"
    write_graph(folder, nodes)
    subprocess.run(["ninja", "-C", str(folder)], check=True, stdout=subprocess.DEVNULL)
    demo.prove_noticed()
    prove_peer_works(folder, len(nodes))
    medians = in_turn(
        {
            "noop-opb": Command(demo.argv("build"), env=demo.env, check=expect(f"nothing to do: {len(nodes)} nodes")),
            "noop-ninja": Command(["ninja", "-C", str(folder)], check=expect("no work to do")),
        },
        ROUNDS,
        place,
    )
    ours, peer = medians["noop-opb"], medians["noop-ninja"]
    what = f"nothing to do on {len(nodes)} nodes, ninja"
    return [
        Row("demo.noop.cpu", f"{what}, CPU", ours.cpu, peer.cpu, BAR),
        Row("demo.noop.wall", f"{what}, wall", ours.wall, peer.wall, BAR),
    ]


def write_graph(folder, nodes):
    """An edge for each node, with the inputs that the node has; those without any read a file."""
    folder.mkdir(parents=True, exist_ok=True)
    number = {node["name"]: place for place, node in enumerate(nodes)}
    lines = ["rule join", "  command = cat $in > $out"]
    for place, node in enumerate(nodes):
        inputs = sorted({f"out{number[each['node']]}" for each in node["inputs"]})
        if not inputs:
            inputs = [f"in{place}"]
            (folder / inputs[0]).write_text(node["name"])
        lines.append(f"build out{place}: join {' '.join(inputs)}")
    (folder / "build.ninja").write_text("\n".join(lines) + "\n")


def prove_peer_works(folder, count):
    """ninja, too, must have something to notice, or its figure is void."""
    first = next(folder.glob("in*"))
    first.touch()
    dry = subprocess.run(["ninja", "-n", "-C", str(folder)], check=True, text=True, stdout=subprocess.PIPE).stdout
    if "no work to do" in dry:
        raise Fault(f"ninja does not notice a touched file among its {count} edges")
    subprocess.run(["ninja", "-C", str(folder)], check=True, stdout=subprocess.DEVNULL)


def expect(words):
    def check(text):
        if words not in text:
            raise Fault(f"`{words}` should have been said, and this was:\n{text}")

    return check
