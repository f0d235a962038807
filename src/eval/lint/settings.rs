//! What `opb.toml` says and nobody needs.

use super::super::Project;
use super::super::mistake::{Mistake, RecipeError};
use super::super::pattern::{Pattern, selects};
use super::super::weave::repo::{Nobody, no_component, nobody};
use super::{Found, Ground, Lint};
use crate::diag::did_you_mean;
use crate::distro::ExtraRepository;
use crate::name::ComponentName;

pub(super) fn look(ground: &Ground<'_>, found: &mut Found) {
    let (settings, Some(table)) = ground.settings else { return };
    let text = &*table.text;
    let distros = &ground.project().distros;
    let maintainer = &settings.maintainer;
    // More than one line is an error.
    if !is_maintainer(maintainer) && !maintainer.is_empty() && !maintainer.contains(char::is_control) {
        let span = table.of_value(&["maintainer"], maintainer);
        let message = format!("`{maintainer}` is not a name and an address");
        let help = "write it as changelogs want it: `maintainer = \"Vendor packages <packages@example.org>\"`";
        found.at(Lint::MaintainerForm, text, span, message, help);
    }
    let mut vendors: Vec<String> = distros
        .values()
        .flat_map(|distro| {
            let security = distro.deb().is_some_and(|deb| deb.suites.iter().any(|suite| suite.security));
            [Some(distro.vendor.clone()), security.then(|| format!("{}-security", distro.vendor))]
        })
        .flatten()
        .collect();
    for distro in distros.values() {
        let extras = distro.deb().into_iter().flat_map(|deb| &deb.extra_repositories);
        let of_extra = |extra: &ExtraRepository| {
            [distro.vendor.as_str(), distro.name.as_str()].map(|head| format!("{head}/{}", extra.name))
        };
        vendors.extend(extras.flat_map(of_extra));
        let repositories =
            distro.rpm().into_iter().flat_map(|rpm| rpm.repositories.iter().chain(&rpm.source_repositories));
        let archive = distro.lifecycle.archived.then(|| format!("{}-archive", distro.vendor));
        let heads = [Some(distro.vendor.clone()), Some(distro.name.to_string()), archive];
        let of_rpm = |name: &String| heads.iter().flatten().map(|head| format!("{head}/{name}")).collect::<Vec<_>>();
        vendors.extend(repositories.flat_map(of_rpm));
    }
    for name in settings.mirrors.keys().filter(|_| ground.has_all_distros()) {
        if !vendors.contains(name) {
            let message = format!("no distro is fetched from `{name}`");
            let help = match did_you_mean(name, vendors.iter().map(String::as_str)) {
                Some(close) => format!("did you mean `{close}`?"),
                None => {
                    "name the `vendor` of a file in `distros/`, or that with `-security` or `/` and a repository; or \
                     remove the line"
                        .to_owned()
                }
            };
            found.at(Lint::MirrorUnused, text, table.of_key(&["mirrors", name]), message, help);
        }
    }
    let Project { components, broken, .. } = ground.project();
    let known: Vec<&str> = components.keys().chain(broken).map(ComponentName::as_str).collect();
    for name in settings.limits.component.keys() {
        if !components.contains_key(name) && !broken.contains(name) {
            let span = table.of_key(&["limits", "component", name.as_str()]);
            found.0.push(RecipeError::new(text, span, no_component(name, &known)));
        }
    }
    let all = ground.project().targets();
    for (name, channel) in &settings.channel {
        for Nobody { field, written, complaint } in nobody(name, channel, ground.project()) {
            let keys = ["channel", name.as_str(), field];
            let span = if field == "aliases" {
                table.of_key(&[&keys[..], &[written]].concat())
            } else {
                table.of_value(&keys, written)
            };
            found.0.push(RecipeError::new(text, span, complaint));
        }
        let keys = ["channel", name.as_str(), "targets"];
        let mut patterns: Vec<Pattern> = Vec::new();
        for written in &channel.targets {
            let complaint = match Pattern::new(written) {
                Ok(pattern) if !ground.has_all_distros() || all.iter().any(|target| pattern.covers(target)) => {
                    patterns.push(pattern);
                    continue;
                }
                Ok(pattern) => pattern.nothing(Mistake::Pattern, &all),
                Err(complaint) => complaint,
            };
            found.0.push(RecipeError::new(text, table.of_value(&keys, written), complaint));
        }
        let is_sound = patterns.len() == channel.targets.len() && !all.is_empty() && ground.has_all_distros();
        if is_sound && !all.iter().any(|target| selects(&patterns, target)) {
            let span = table.of_key(&keys);
            let message = format!("the channel `{name}` holds nothing: its `targets` select no target");
            found.at(Lint::ChannelEmpty, text, span, message, "look at the order: later patterns win, `!` takes away");
        }
    }
}

/// `Name <address>`, as in the trailer of a changelog entry (deb-changelog(5)).
fn is_maintainer(text: &str) -> bool {
    let Some((name, address)) = text.rsplit_once(" <") else { return false };
    let Some(address) = address.strip_suffix('>') else { return false };
    let parts = address.split_once('@');
    !name.trim().is_empty()
        && parts.is_some_and(|(user, host)| !user.is_empty() && !host.is_empty())
        && !address.contains([' ', '<', '>'])
}

#[cfg(test)]
mod tests {
    use super::is_maintainer;

    #[test]
    fn maintainers_have_a_name_and_an_address() {
        assert!(is_maintainer("Vendor packages <packages@example.org>"));
        assert!(is_maintainer("opb <opb@localhost>"));
        for wrong in ["", "Vendor", "packages@example.org", "<a@b>", "A <a>", "A <a@b> c", "A <a b@c>"] {
            assert!(!is_maintainer(wrong), "{wrong}");
        }
    }
}
