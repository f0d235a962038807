"""The builds of the vendor's project as workloads of the peers: as many, each with the same needs.

Nix gets a derivation a build that reads the source's folder, BuildStream an element a build that imports it, ninja an edge a
build that reads one file of it.
"""
import os
import shutil
import time


def shapes(builds):
    """Distros with the same builds and needs, described once: (descriptions, for each distro its name and description).

    A description is a list of (component, arch, names of needs); a name is `component/arch`.
    """
    by_distro = {}
    for build in builds:
        needs = tuple(f"{builds[place].component}/{builds[place].arch}" for place in build.needs)
        by_distro.setdefault(build.distro, []).append((build.component, build.arch, needs))
    known, distros = {}, []
    for distro, description in by_distro.items():
        distros.append((distro, known.setdefault(tuple(description), len(known))))
    return list(known), distros


def write_nix(vendor, builds, folder):
    """A file for nix-instantiate: `paths` are the derivations' paths, `builds` the derivations."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copytree(vendor.project / "sources", folder / "sources")
    descriptions, distros = shapes(builds)
    quoted = lambda texts: " ".join(f'"{text}"' for text in texts)  # noqa: E731
    entry = lambda each: f'{{ c = "{each[0]}"; a = "{each[1]}"; s = ./sources/{each[0]}; n = [ {quoted(each[2])} ]; }}'  # noqa: E731
    lists = "\n".join("[ " + "\n".join(entry(each) for each in description) + " ]" for description in descriptions)
    names = "\n".join(f'{{ name = "{name}"; shape = {shape}; }}' for name, shape in distros)
    (folder / "default.nix").write_text(
        f"""let
  shapes = [ {lists} ];
  distros = [ {names} ];
  ofDistro = distro:
    let
      shape = builtins.elemAt shapes distro.shape;
      made = builtins.listToAttrs (map (each: {{
        name = "${{each.c}}/${{each.a}}";
        value = derivation {{
          name = "${{each.c}}-${{distro.name}}-${{each.a}}";
          system = builtins.currentSystem;
          builder = "/bin/sh";
          args = [ "-c" "echo $name > $out" ];
          target = distro.name + "/" + each.a;
          src = each.s;
          needs = map (need: made.${{need}}) each.n;
        }};
      }}) shape);
    in map (each: made."${{each.c}}/${{each.a}}") shape;
in rec {{
  builds = builtins.concatMap ofDistro distros;
  paths = map (build: build.drvPath) builds;
}}
"""
    )


def write_buildstream(vendor, builds, folder):
    """A project with an element a build, and `farm.bst` over all."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "elements").mkdir(parents=True)
    shutil.copytree(vendor.project / "sources", folder / "sources")
    (folder / "project.conf").write_text("name: farm\nmin-version: 2.0\nelement-path: elements\n")
    place = lambda build: f"{build.distro}/{build.arch}/{build.component}"  # noqa: E731
    for build in builds:
        path = folder / "elements" / f"{place(build)}.bst"
        path.parent.mkdir(parents=True, exist_ok=True)
        needs = "".join(f"- {place(builds[need])}.bst\n" for need in build.needs)
        path.write_text(
            "kind: import\n"
            + (f"depends:\n{needs}" if needs else "")
            + f"sources:\n- kind: local\n  path: sources/{build.component}\n"
            + f"config:\n  target: /{place(build)}\n"
        )
    tops = "".join(f"- {place(build)}.bst\n" for build in builds)
    (folder / "elements/farm.bst").write_text(f"kind: stack\ndepends:\n{tops}")


def write_ninja(builds, folder):
    """A graph with everything built: the outputs are there, and the log says what they were made with."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    out = lambda build: f"out/{build.distro}/{build.arch}/{build.component}"  # noqa: E731
    for component in {build.component for build in builds}:
        source_of(folder, component).parent.mkdir(parents=True, exist_ok=True)
        source_of(folder, component).write_text(f"{component}\n")
    lines = ["rule build", "  command = touch $out"]
    for build in builds:
        needs = " ".join(out(builds[need]) for need in build.needs)
        lines.append(f"build {out(build)}: build source/{build.component}" + (f" | {needs}" if needs else ""))
    lines += ["build all: phony " + " ".join(out(build) for build in builds), "default all"]
    (folder / "build.ninja").write_text("\n".join(lines) + "\n")
    for parent in {os.path.dirname(out(build)) for build in builds}:
        (folder / parent).mkdir(parents=True)
    for build in builds:
        (folder / out(build)).touch()
    # After all outputs: an entry must not be older than what the edge reads.
    now = time.time_ns()
    entries = (f"0\t1\t{now}\t{out(build)}\t{command_hash(f'touch {out(build)}'.encode()):x}\n" for build in builds)
    (folder / ".ninja_log").write_text("# ninja log v5\n" + "".join(entries))


def source_of(folder, component):
    return folder / "source" / component


def command_hash(command):
    """What ninja's log (version 5) keeps of a command: MurmurHash64A with ninja's seed (src/build_log.cc)."""
    mask, factor, shift = (1 << 64) - 1, 0xC6A4A7935BD1E995, 47
    state = 0xDECAFBADDECAFBAD ^ (len(command) * factor & mask)
    whole = len(command) & ~7
    for start in range(0, whole, 8):
        word = int.from_bytes(command[start : start + 8], "little") * factor & mask
        word = (word ^ word >> shift) * factor & mask
        state = (state ^ word) * factor & mask
    if whole != len(command):
        state = (state ^ int.from_bytes(command[whole:], "little")) * factor & mask
    state = (state ^ state >> shift) * factor & mask
    return state ^ state >> shift
