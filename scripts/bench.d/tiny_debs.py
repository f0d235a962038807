"""Tiny .deb packages, as many as are wanted, the same bytes each time."""
import gzip
import io
import shutil
import tarfile


def packages(folder, first, count):
    """So many packages in `folder`, from number `first` on."""
    fill(folder, first, count, "farm", package)


def fill(folder, first, count, name, make):
    """So many packages called `name` in `folder`, each as `make` gives it for its number."""
    if folder.exists():
        return
    partial = folder.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for number in range(first, first + count):
        (partial / f"{name}-{number:06}_1.{number}-1_amd64.deb").write_bytes(make(number))
    partial.rename(folder)


def package(number):
    control = (
        f"Package: farm-{number:06}\nVersion: 1.{number}-1\nArchitecture: amd64\nMaintainer: Farm <farm@example.invalid>\n"
        f"Depends: libc6 (>= 2.36)\nSection: misc\nPriority: optional\nInstalled-Size: 8\n"
        f"Description: generated package {number}\n A tiny package that only measures repository tools.\n"
    )
    data = f"package {number}\n" * 50
    members = [
        ("debian-binary", b"2.0\n"),
        ("control.tar.gz", archive("./control", control.encode())),
        ("data.tar.gz", archive(f"./usr/share/farm/{number:06}.txt", data.encode())),
    ]
    return ar(members)


def ar(members):
    whole = b"!<arch>\n"
    for name, content in members:
        whole += f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n".encode()
        whole += content + b"\n" * (len(content) % 2)
    return whole


def archive(name, content):
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", mtime=0, compresslevel=6) as zipped:
        zipped.write(tar([(name, content)]))
    return out.getvalue()


def tar(files):
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, content in files:
            header = tarfile.TarInfo(name)
            header.size, header.mode, header.uname, header.gname = len(content), 0o644, "root", "root"
            archive.addfile(header, io.BytesIO(content))
    return raw.getvalue()
