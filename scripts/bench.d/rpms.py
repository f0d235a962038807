"""Tiny packages of RPM distros, as many as are wanted, made once."""
import shutil
import subprocess

from measure import Fault, say

# One spec with many sub-packages: one rpmbuild writes them all.
SPEC = """\
Name: farm
Version: 1
Release: 1
Summary: generated
License: MIT
BuildArch: noarch
%description
Generated.
%{lua:for i = 1, COUNT do
 local n = string.format("p%05d", i)
 print("\\n%package -n " .. n .. "\\nSummary: generated " .. n .. "\\nRequires: glibc\\n%description -n " .. n)
 print("\\nGenerated.\\n%files -n " .. n .. "\\n/usr/share/farm/" .. n .. ".txt\\n")
end}
%install
mkdir -p %{buildroot}/usr/share/farm
for i in $(seq -f %05g 1 COUNT); do
    seq 1 60 | sed "s/^/package $i line /" > %{buildroot}/usr/share/farm/p$i.txt
done
"""


def packages(place, count):
    """So many packages in order, below a folder of their own in `place`."""
    top = place / f"rpms-{count}"
    if not (top / "built").exists():
        say(f"building {count} packages with rpmbuild")
        shutil.rmtree(top, ignore_errors=True)
        top.mkdir(parents=True)
        (top / "farm.spec").write_text(SPEC.replace("COUNT", str(count)))
        argv = ["rpmbuild", "-bb", "--quiet", "--define", f"_topdir {top}", "--define", "_build_id_links none"]
        with open(top / "rpmbuild.log", "wb") as log:
            done = subprocess.run([*argv, str(top / "farm.spec")], stdout=log, stderr=log)
        if done.returncode != 0:
            raise Fault(f"rpmbuild ended with {done.returncode}: see {log.name}")
        (top / "built").touch()
    return sorted((top / "RPMS/noarch").glob("p*.rpm"))
