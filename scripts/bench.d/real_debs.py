""".deb packages of the size and the text that a distribution's have, as many as are wanted, the same bytes each time."""
import hashlib
import lzma
import random

from tiny_debs import ar, fill, tar

# Half of the packages are smaller than that; a few are a hundred times as large.
MEDIAN = 24 << 10
MOST = 2 << 20

WORDS = """a about access additional allows and are based be by can command configuration contains data debugging
development documentation files for format from functions header implementation in includes interface is it its library
line lists manage module network of on other package programs provides run runtime server set shared simple support
system that the this to tool tools used user using utilities version which with written""".split()


def packages(folder, first, count):
    """So many packages in `folder`, from number `first` on."""
    fill(folder, first, count, "real", package)


def package(number):
    dice = random.Random(number)
    name = f"real-{number:06}"
    text = lambda words: " ".join(dice.choice(WORDS) for _ in range(words))  # noqa: E731
    needs = ", ".join(f"lib{dice.choice(WORDS)}{dice.randrange(9)} (>= {dice.randrange(9)}.{dice.randrange(40)})" for _ in range(5))
    control = (
        f"Package: {name}\nSource: real-{number // 4:06} (1.{number})\nVersion: 1.{number}-1\nArchitecture: amd64\n"
        f"Maintainer: {text(2).title()} <{dice.choice(WORDS)}@example.invalid>\nInstalled-Size: {dice.randrange(9_000)}\n"
        f"Depends: libc6 (>= 2.{dice.randrange(14, 37)}), {needs}\nSection: {dice.choice(['libs', 'utils', 'devel', 'net'])}\n"
        f"Priority: optional\nMulti-Arch: same\nHomepage: https://www.example.invalid/{text(1)}/{number}\n"
        f"Description: {text(6)}\n {text(10)}\n {text(10)}\n {text(10)}\n .\n {text(10)}\n {text(8)}\n"
    )
    size = min(MOST, int(MEDIAN * dice.lognormvariate(0, 1.3)))
    files = [(f"./usr/share/doc/{name}/copyright", (text(60) + "\n").encode())]
    files += [(f"./usr/lib/{name}/{text(1)}-{part}.so", dice.randbytes(size // 12)) for part in range(12)]
    sums = "".join(f"{hashlib.md5(content).hexdigest()}  {path[2:]}\n" for path, content in files)
    members = [
        ("debian-binary", b"2.0\n"),
        ("control.tar.xz", packed(tar([("./control", control.encode()), ("./md5sums", sums.encode())]))),
        ("data.tar.xz", packed(tar(files))),
    ]
    return ar(members)


def packed(content):
    return lzma.compress(content, preset=0)
