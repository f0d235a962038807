//! The table of macros that a spec is read with.

use std::collections::BTreeMap;
use std::sync::Arc;

/// A macro.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Macro {
    /// What it stands for, before expansion.
    pub body: String,
    /// The options of a macro with arguments, as in `%define name(n:) …`; `None` for one without.
    pub options: Option<String>,
    /// Whether the spec itself has defined it.
    pub own: bool,
}

/// Macros by name.
#[derive(Debug, Clone, Default)]
pub struct Macros {
    /// What many tables have in common.
    common: Arc<BTreeMap<String, Macro>>,
    /// What stands in its place; `None`: nothing.
    own: BTreeMap<String, Option<Macro>>,
    /// The arch that is read for, in rpm's spelling.
    arch: String,
}

/// What every distribution has, as far as specs ask for it in what counts here.
const COMMON: [(&str, &str); 26] = [
    ("nil", ""),
    ("_prefix", "/usr"),
    ("_exec_prefix", "/usr"),
    ("_bindir", "/usr/bin"),
    ("_sbindir", "/usr/sbin"),
    ("_libexecdir", "/usr/libexec"),
    ("_datadir", "/usr/share"),
    ("_datarootdir", "/usr/share"),
    ("_includedir", "/usr/include"),
    ("_mandir", "/usr/share/man"),
    ("_infodir", "/usr/share/info"),
    ("_docdir", "/usr/share/doc"),
    ("_sysconfdir", "/etc"),
    ("_localstatedir", "/var"),
    ("_sharedstatedir", "/var/lib"),
    ("_rundir", "/run"),
    ("_unitdir", "/usr/lib/systemd/system"),
    ("_udevrulesdir", "/usr/lib/udev/rules.d"),
    ("_os", "linux"),
    ("_target_os", "linux"),
    ("_vendor", "redhat"),
    ("python3_pkgversion", "3"),
    // rpmautospec counts commits, which evaluation does not; the number of a rebuild enters by itself.
    ("autorelease", "1%{?dist}"),
    ("autochangelog", ""),
    ("ix86", "i386 i486 i586 i686 pentium3 pentium4 athlon geode"),
    ("power64", "ppc64 ppc64p7 ppc64le"),
];

impl Macros {
    /// What every distribution has, for an arch in rpm's spelling.
    pub fn new(arch: &str) -> Self {
        let mut macros = Self { arch: arch.to_owned(), ..Self::default() };
        for (name, body) in COMMON {
            macros.define(name, body);
        }
        let is_64 = matches!(arch, "x86_64" | "aarch64" | "ppc64le" | "s390x" | "riscv64");
        let lib = if matches!(arch, "x86_64" | "aarch64" | "ppc64le" | "s390x" | "riscv64") { "lib64" } else { "lib" };
        let isa = match arch {
            "x86_64" => "(x86-64)",
            "i686" => "(x86-32)",
            "aarch64" => "(aarch-64)",
            "armv7hl" => "(armv7hl-32)",
            "ppc64le" => "(ppc-64)",
            "s390x" => "(s390-64)",
            "riscv64" => "(riscv-64)",
            _ => "",
        };
        for (name, body) in [("_arch", arch), ("_target_cpu", arch), ("_build_arch", arch), ("_host_cpu", arch)] {
            macros.define(name, body);
        }
        macros.define("_isa", isa);
        macros.define("_lib", lib);
        macros.define("_libdir", &format!("/usr/{lib}"));
        macros.define("__isa_bits", if is_64 { "64" } else { "32" });
        macros.define("x86_64", "x86_64 x86_64_v2 x86_64_v3 x86_64_v4 amd64 em64t");
        macros.define("arm", "armv3l armv4b armv4l armv4tl armv5tl armv5tejl armv6l armv6hl armv7l armv7hl armv7hnl");
        macros.define("arm64", "aarch64");
        macros
    }

    /// The arch that is read for, in rpm's spelling.
    pub fn arch(&self) -> &str {
        &self.arch
    }

    /// Defines a macro without arguments; the last definition counts.
    pub fn define(&mut self, name: &str, body: &str) {
        self.put(name, Macro { body: body.to_owned(), options: None, own: false });
    }

    /// Turns a condition on or off, as `rpmbuild --with NAME` and `--without NAME` do.
    pub fn condition(&mut self, name: &str, on: bool) {
        let (set, unset) = if on { ("_with_", "_without_") } else { ("_without_", "_with_") };
        self.remove(&format!("{unset}{name}"));
        self.define(&format!("{set}{name}"), &format!("--{}-{name}", if on { "with" } else { "without" }));
    }

    /// The same table, of which copies cost little.
    #[must_use]
    pub fn shared(mut self) -> Self {
        let mut common = Arc::unwrap_or_clone(std::mem::take(&mut self.common));
        for (name, body) in std::mem::take(&mut self.own) {
            match body {
                Some(body) => drop(common.insert(name, body)),
                None => drop(common.remove(&name)),
            }
        }
        Self { common: Arc::new(common), ..self }
    }

    pub(super) fn put(&mut self, name: &str, body: Macro) {
        self.own.insert(name.to_owned(), Some(body));
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.own.insert(name.to_owned(), None);
    }

    pub(super) fn get(&self, name: &str) -> Option<&Macro> {
        self.own.get(name).map_or_else(|| self.common.get(name), Option::as_ref)
    }
}

/// Whether a byte may stand in a macro's name.
pub(super) fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}
