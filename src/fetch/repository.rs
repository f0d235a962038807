//! Where a repository of `.rpm` packages is: from `[mirrors]` of `opb.toml`, as no host of the kind that this program runs on
//! knows one.

use super::Stance;
use super::mirror::{Mirror, MirrorError, Overrides};
use crate::address::Address;
use crate::distro::Repository;
use crate::family::rpm::arch_name;

/// Variables in an address, as package managers of such distros write them.
const VARIABLES: [&str; 2] = ["$basearch", "$releasever"];

/// The place of a repository: below `[mirrors]` by the distro's or the distribution's name and its own (`el-9/baseos`,
/// `almalinux/baseos`); of a distro that is archived, `almalinux-archive/baseos` comes first.
///
/// # Errors
/// [`MirrorError::NoRepository`], [`MirrorError::Address`].
pub fn repository(of: Repository<'_>, overrides: &Overrides) -> Result<Mirror, MirrorError> {
    let Repository { distro, name, arch } = of;
    let archive = distro.lifecycle.archived.then(|| format!("{}-archive/{name}", distro.vendor));
    let keys = [Some(format!("{}/{name}", distro.name)), archive, Some(format!("{}/{name}", distro.vendor))];
    for key in keys.iter().flatten() {
        let Some(text) = overrides.get(key) else { continue };
        let values = [arch_name(arch.as_str()), distro.release.as_str()];
        let filled = VARIABLES.iter().zip(values).fold(text.clone(), |text, (name, value)| text.replace(name, value));
        let address = Address::new(&filled).map_err(|source| MirrorError::Address { key: key.clone(), source })?;
        let stance = Stance { check_valid_until: true, check_date: true };
        return Ok(Mirror { address, stance, named_in: None });
    }
    let old = if distro.lifecycle.archived { " in the archive of old releases" } else { "" };
    let key = if distro.lifecycle.archived { keys[1].clone() } else { keys[0].clone() }.unwrap_or_default();
    Err(MirrorError::NoRepository { distro: distro.name.to_string(), repository: name.to_owned(), old, key })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distro::tests::rpm_distro;

    fn found(overrides: &[(&str, &str)], archived: bool) -> Result<String, String> {
        let mut distro = rpm_distro("el-8", "almalinux", "8");
        distro.lifecycle.archived = archived;
        let overrides = overrides.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let arch = "amd64".parse().expect("an arch");
        let found = repository(Repository { distro: &distro, name: "baseos", arch: &arch }, &overrides);
        found.map(|mirror| mirror.address.to_string()).map_err(|error| {
            format!("{error}; {}", miette::Diagnostic::help(&error).map(|help| help.to_string()).unwrap_or_default())
        })
    }

    #[test]
    fn variables_are_filled_and_the_closest_key_wins() {
        let vendor = ("almalinux/baseos", "https://m.example/$releasever/$basearch/os/");
        let archive = ("almalinux-archive/baseos", "https://old.example/os");
        let own = ("el-8/baseos", "file:/srv/mirror");
        assert_eq!(found(&[vendor], false).as_deref(), Ok("https://m.example/8/x86_64/os"));
        assert_eq!(found(&[vendor, archive], false).as_deref(), Ok("https://m.example/8/x86_64/os"));
        assert_eq!(found(&[vendor, archive], true).as_deref(), Ok("https://old.example/os"));
        assert_eq!(found(&[vendor, archive, own], true).as_deref(), Ok("file:/srv/mirror"));
    }

    #[test]
    fn one_that_nobody_names_is_told() {
        assert_eq!(
            found(&[], false).unwrap_err(),
            "no place is known for the repository `baseos` of `el-8`; add its address to `opb.toml`, below `[mirrors]`: \
             \"el-8/baseos\" = \"…\", with `$basearch` where the arch stands"
        );
        assert_eq!(
            found(&[], true).unwrap_err(),
            "no place is known for the repository `baseos` of `el-8` in the archive of old releases; add its address to \
             `opb.toml`, below `[mirrors]`: \"almalinux-archive/baseos\" = \"…\", with `$basearch` where the arch stands"
        );
        assert!(found(&[("el-8/baseos", "ssh://x")], false).unwrap_err().contains("`el-8/baseos`"));
    }
}
