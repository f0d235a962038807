//! The spec of a source: other names, and some other needs.

use super::shape::{Component, Families, Language, Need, rpm_name};
use super::sources::{File, summary};

/// The spec, where the component has one.
pub fn files(component: &Component) -> Vec<File> {
    if !component.has_spec {
        return Vec::new();
    }
    vec![(format!("rpm/{}.spec", component.name), spec(component))]
}

fn spec(component: &Component) -> String {
    let Component { name, version, .. } = component;
    let compiled = component.packages.iter().any(|package| !package.independent);
    let mut head = if compiled { String::new() } else { "%global debug_package %{nil}\n\n".to_owned() };
    head.push_str(&format!(
        "Name:           {name}\nVersion:        {version}\nRelease:        1%{{?dist}}\nSummary:        {}\n\
         License:        LicenseRef-Fedora-Public-Domain\nSource0:        %{{name}}-%{{version}}.tar.gz\n",
        capital(&summary(component))
    ));
    if !compiled {
        head.push_str("BuildArch:      noarch\n");
    }
    let mut tools = vec!["make".to_owned()];
    match component.language {
        Language::C => tools.push("gcc".to_owned()),
        Language::Cxx => tools.push("gcc-c++".to_owned()),
        Language::Python => tools.push("python3".to_owned()),
        Language::Shell => {}
    }
    tools.extend(wanted(&component.needs));
    head.extend(tools.iter().map(|need| format!("BuildRequires:  {need}\n")));
    // The package of the source's own name is the main one, where there is one.
    for package in &component.packages {
        let own = rpm_name(&package.name);
        let main = own == *name;
        if !main {
            head.push_str(&format!("\n%package -n {own}\nSummary:        {}\n", capital(&summary(component))));
            if package.independent && compiled {
                head.push_str("BuildArch:      noarch\n");
            }
        }
        let same = package.same.iter().map(|other| format!("{} = %{{version}}-%{{release}}", rpm_name(other)));
        let requires: String =
            same.chain(wanted(&package.needs)).map(|need| format!("Requires:       {need}\n")).collect();
        if main {
            let at = head.find("\n%package").map_or(head.len(), |at| at);
            head.insert_str(at, &requires);
        } else {
            head.push_str(&requires);
        }
    }
    let packages = || component.packages.iter().map(|package| (package, rpm_name(&package.name)));
    let named = |own: &str| if own == name { String::new() } else { format!(" -n {own}") };
    let mut text = format!("{head}\n%description\nIt is small, and there so that something is built.\n");
    for (_, own) in packages().filter(|(_, own)| own != name) {
        text.push_str(&format!("\n%description -n {own}\nIt is small, and there so that something is built.\n"));
    }
    // Not where Python's own modules are: byte code would lie beside them there, on some releases and not on others.
    let places = "PREFIX=%{_prefix} LIBDIR=%{_libdir} PYTHONDIR=%{_datadir}/skerry/python";
    text.push_str(&format!(
        "\n%prep\n%autosetup\n\n%build\n%make_build {places}\n\n%install\n%make_install {places}\n"
    ));
    for (package, own) in packages() {
        text.push_str(&format!("\n%files{}\n", named(&own)));
        text.extend(package.files.iter().map(|file| {
            let file = format!("/{file}").replace("/LIB/", "%{_libdir}/").replace("/PY/", "%{_datadir}/skerry/python/");
            format!("{}\n", file.replace("/usr/bin", "%{_bindir}").replace("/usr/sbin", "%{_sbindir}"))
        }));
    }
    text.push_str(&format!(
        "\n%changelog\n* Thu Jan 01 2026 {} - {version}-1\n- New number.\n",
        super::debian::MAINTAINER
    ));
    text
}

/// Needs as RPM writes them.
fn wanted(needs: &[Need]) -> impl Iterator<Item = String> {
    needs.iter().filter(|need| need.families != Families::Deb).map(|need| match &need.least {
        Some(least) => format!("{} >= {least}", rpm_name(&need.package)),
        None => rpm_name(&need.package),
    })
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().collect::<String>() + letters.as_str())
}
