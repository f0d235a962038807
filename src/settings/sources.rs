//! Where short names of repositories lead, and which addresses are others here.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::diag::{Cause, Caused};
use crate::remote::archive::{ArchiveUrl, ArchiveUrlError};
use crate::remote::{RemoteUrl, RemoteUrlError, System};

/// What `[sources]` says.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sources {
    /// Of git repositories.
    pub git: Base,
    /// Of Mercurial's.
    pub hg: Base,
    /// Of archives of upstream, and of source RPMs.
    pub archive: Base,
    /// Addresses by how they begin, with what stands there instead. Of several the longest holds.
    pub rewrite: BTreeMap<String, String>,
}

/// Where short names of a kind of repository lead.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Base {
    /// The address that they lie below; `None`: there are none.
    pub base: Option<String>,
}

/// Why a repository's address cannot be told.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum SourcesError {
    /// A short name without a base.
    #[error("`{system}(\"{name}\")` is a short name, and `opb.toml` does not say where it leads")]
    #[diagnostic(
        code(opb::settings::no_base),
        help(
            "write `[sources.{system}]` with `base = \"https://example.org/\"` into `opb.toml`, or the whole address into the recipe"
        )
    )]
    NoBase {
        /// Of which kind.
        system: System,
        /// The name.
        name: String,
    },
    /// The two together are no address.
    #[error("`opb.toml` makes no address of `{name}`: {source}")]
    #[diagnostic(code(opb::settings::base), help("correct `[sources]` in `opb.toml`"))]
    Address {
        /// What a recipe says.
        name: String,
        /// Why.
        #[source]
        source: RemoteUrlError,
    },
    /// A short name of an archive without a base.
    #[error("`{name}` is a short name of an archive, and `opb.toml` does not say where it leads")]
    #[diagnostic(
        code(opb::settings::no_archive_base),
        help(
            "write `[sources.archive]` with `base = \"https://example.org/\"` into `opb.toml`, or the whole address into the recipe; a file of the project is `./{name}`"
        )
    )]
    NoArchiveBase {
        /// The name.
        name: String,
    },
    /// The two together are no address of an archive.
    #[error("`opb.toml` makes no address of `{name}`: {source}")]
    #[diagnostic(code(opb::settings::archive_base), help("correct `[sources]` in `opb.toml`"))]
    ArchiveAddress {
        /// What a recipe says.
        name: String,
        /// Why.
        #[source]
        source: ArchiveUrlError,
    },
}

impl Caused for SourcesError {
    fn fault(&self) -> Cause {
        Cause::Input
    }
}

impl Sources {
    /// The whole address of a repository that a recipe names.
    ///
    /// # Errors
    /// [`SourcesError`] where there is none.
    pub fn whole(&self, system: System, url: &RemoteUrl) -> Result<RemoteUrl, SourcesError> {
        if url.scheme().is_some() {
            return Ok(url.clone());
        }
        let base = match system {
            System::Git => &self.git.base,
            System::Hg => &self.hg.base,
        };
        let name = url.to_string();
        let Some(base) = base else { return Err(SourcesError::NoBase { system, name }) };
        let whole = RemoteUrl::new(system, &format!("{}/{name}", base.trim_end_matches('/')));
        whole.map_err(|source| SourcesError::Address { name, source })
    }

    /// Where a whole address leads here.
    ///
    /// # Errors
    /// [`SourcesError`] where what stands there instead makes it no address.
    pub fn leads(&self, system: System, url: &RemoteUrl) -> Result<RemoteUrl, SourcesError> {
        let text = url.as_str();
        let Some(changed) = self.rewritten(text) else { return Ok(url.clone()) };
        RemoteUrl::new(system, &changed).map_err(|source| SourcesError::Address { name: text.to_owned(), source })
    }

    /// Where an archive that a recipe names is here: its whole address, or what stands there instead.
    ///
    /// # Errors
    /// [`SourcesError`] where there is none.
    pub fn archive(&self, url: &ArchiveUrl) -> Result<ArchiveUrl, SourcesError> {
        let name = url.to_string();
        let whole = match &self.archive.base {
            _ if !url.is_short() => name.clone(),
            Some(base) => format!("{}/{name}", base.trim_end_matches('/')),
            None => return Err(SourcesError::NoArchiveBase { name }),
        };
        let address = self.rewritten(&whole).unwrap_or(whole);
        ArchiveUrl::new(&address).map_err(|source| SourcesError::ArchiveAddress { name, source })
    }

    /// What stands in place of an address here; `None` where nothing does.
    fn rewritten(&self, text: &str) -> Option<String> {
        let starts = self.rewrite.iter().filter(|(start, _)| text.starts_with(*start));
        let (start, instead) = starts.max_by_key(|(start, _)| start.len())?;
        Some(format!("{instead}{}", &text[start.len()..]))
    }

    /// What its types do not rule out: the keys that lead to it, and a message.
    pub(super) fn problems(&self) -> Vec<(Vec<String>, String)> {
        // Any name makes an address of what is to be one.
        let wrong = |text: &str| {
            let whole = format!("{}/x", text.trim_end_matches('/'));
            let url = RemoteUrl::new(System::Git, &whole);
            match url {
                Ok(url) if url.scheme().is_some() => None,
                Ok(_) => Some("it is not an address as in `https://example.org/`".to_owned()),
                Err(error) => Some(error.to_string()),
            }
        };
        let bases = [("git", &self.git), ("hg", &self.hg), ("archive", &self.archive)].into_iter();
        let base = bases.filter_map(|(of, base)| Some((vec![of.to_owned(), "base".to_owned()], base.base.as_ref()?)));
        let rewrite = self.rewrite.iter().map(|(start, instead)| (vec!["rewrite".to_owned(), start.clone()], instead));
        let all = base.chain(rewrite).filter_map(|(below, text)| {
            let keys: Vec<String> = std::iter::once("sources".to_owned()).chain(below).collect();
            let why = wrong(text)?;
            Some((keys.clone(), format!("`{}` leads nowhere: {why}", keys.join("."))))
        });
        all.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    fn sources(text: &str) -> Sources {
        Settings::parse(text).expect("fine").sources
    }

    fn git(text: &str) -> RemoteUrl {
        RemoteUrl::new(System::Git, text).expect("an address")
    }

    #[test]
    fn short_names_lie_below_their_base() {
        let settings = sources("[sources.git]\nbase = \"https://example.org/git/\"\n");
        let whole = |text: &str| settings.whole(System::Git, &git(text)).expect("one").to_string();
        assert_eq!(whole("group/tool.git"), "https://example.org/git/group/tool.git");
        assert_eq!(whole("https://other.example/x"), "https://other.example/x");
        let none = Sources::default().whole(System::Git, &git("tool")).expect_err("none");
        assert_eq!(none.to_string(), "`git(\"tool\")` is a short name, and `opb.toml` does not say where it leads");
    }

    #[test]
    fn the_longest_beginning_leads_elsewhere() {
        let settings = sources(
            "[sources.rewrite]\n\"https://a.example/\" = \"https://b.example/a/\"\n\"https://a.example/x/\" = \"file:///srv/\"\n",
        );
        let leads = |text: &str| settings.leads(System::Git, &git(text)).expect("one").to_string();
        assert_eq!(leads("https://a.example/tool"), "https://b.example/a/tool");
        assert_eq!(leads("https://a.example/x/tool"), "file:///srv/tool");
        assert_eq!(leads("https://c.example/tool"), "https://c.example/tool");
        let odd = sources("[sources.rewrite]\n\"https://a.example\" = \"https://b.example\"\n");
        let told = odd.leads(System::Git, &git("https://a.example/t")).expect("whole").to_string();
        assert_eq!(told, "https://b.example/t");
        let told = odd.leads(System::Git, &git("https://a.example.org/t")).expect("whole").to_string();
        assert_eq!(told, "https://b.example.org/t");
        let odd = sources("[sources.rewrite]\n\"https://a.example/t\" = \"https://b.example/\"\n");
        let told = odd.leads(System::Git, &git("https://a.example/tool")).expect("whole").to_string();
        assert_eq!(told, "https://b.example/ool");
        let told = odd.leads(System::Git, &git("https://a.example/t/x")).expect_err("no address").to_string();
        assert_eq!(
            told,
            "`opb.toml` makes no address of `https://a.example/t/x`: `https://b.example//x` is not an address of a repository"
        );
    }

    #[test]
    fn what_leads_nowhere_is_told_when_the_file_is_read() {
        let told = |text: &str| Settings::parse(text).expect_err("wrong").to_string();
        assert_eq!(
            told("[sources.git]\nbase = \"https://u:geheim@example.org/\"\n"),
            "cannot read `opb.toml`: `sources.git.base` leads nowhere: the address of the repository on `example.org` holds a user name or a password"
        );
        assert_eq!(
            told("[sources.git]\nbase = \"tools\"\n"),
            "cannot read `opb.toml`: `sources.git.base` leads nowhere: it is not an address as in `https://example.org/`"
        );
        assert_eq!(
            told("[sources.rewrite]\n\"https://a/\" = \"ext::sh -c id\"\n"),
            "cannot read `opb.toml`: `sources.rewrite.https://a/` leads nowhere: `ext::sh -c id/x` is not an address of a repository"
        );
    }
}
