//! Pins whose versions come from tags: what these are made of, and that none goes down.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

use super::checkouts::{Pinning, Wanted};
use crate::diag::{Cause, Caused, Failure};
use crate::family::stamped::Stamped;
use crate::fetch::Tip;
use crate::lock::{CheckoutPin, ReleasePin};
use crate::package::version::Version;
use crate::package::{changelog, rpm_version};
use crate::remote::{Checkout, Follow};

/// How many tags are named that say no version.
const NAMED: usize = 3;

/// A version that comes from tags and is lower than it was.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error(
    "the version of `{checkout}` would go down from {before} to {now}, and no machine would install that over what it has"
)]
#[diagnostic(
    code(opb::update::lower_version),
    help(
        "look at the repository's tags and branches; if this is meant, raise the epoch in its packaging, or take it with `opb update \
         --allow-lower-versions`"
    )
)]
pub struct LowerVersionError {
    /// What a recipe says.
    checkout: String,
    /// The version of what is pinned.
    before: String,
    /// That of what would be.
    now: String,
}

impl Caused for LowerVersionError {
    fn fault(&self) -> Cause {
        Cause::Environment
    }
}

impl Pinning<'_> {
    /// What the version of a pin is made of; `None` where it does not come from tags. `tip`: what its repository has, where
    /// that was asked.
    pub(super) fn release(
        &self,
        checkout: &Checkout,
        (pin, known): (&CheckoutPin, Option<&CheckoutPin>),
        tip: Option<&Tip>,
        notices: &mut Vec<String>,
    ) -> Result<Option<ReleasePin>, Failure> {
        let Some(rule) = &checkout.versions else { return Ok(None) };
        let known = known.filter(|known| known.commit == pin.commit).and_then(|known| known.release.clone());
        if known.is_some() && tip.is_none() {
            return Ok(known);
        }
        let asked;
        let refs = match tip {
            Some(tip) => &tip.refs,
            None => {
                let at = Checkout { follow: Follow::Commit(pin.commit.clone()), ..checkout.clone() };
                asked = self.checkouts.tip(&at)?;
                &asked.refs
            }
        };
        let tip = Tip { commit: pin.commit.clone(), found: pin.found.clone(), refs: refs.clone() };
        let found = self.checkouts.releases(checkout, &tip, rule)?;
        if !found.odd.is_empty() {
            let names: Vec<String> = found.odd.iter().take(NAMED).map(|odd| format!("`{}`", odd.tag)).collect();
            let more = match found.odd.len() - names.len() {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            notices.push(format!(
                "tags of `{}` that say no version are left out: {}{more}",
                checkout.url,
                names.join(", ")
            ));
        }
        let (tag, distance, changes, more) = (found.tag, found.distance, found.changes, found.more);
        Ok(Some(ReleasePin { tag, distance, changes, more }))
    }

    /// Refuses a pin whose packages would have a lower version than those of the one before, unless people want it.
    pub(super) fn goes_up(
        &self,
        checkout: &Checkout,
        pin: &CheckoutPin,
        dropped: &dyn Fn(&Checkout) -> bool,
    ) -> Result<(), LowerVersionError> {
        if self.lower_versions || checkout.versions.is_none() {
            return Ok(());
        }
        let is_same = |other: &Checkout| {
            other.system == checkout.system && other.url == checkout.url && other.folder == checkout.folder
        };
        // What a recipe followed before is told by the pin that nobody wants any more.
        let earlier = self.own.get_key_value(checkout).or_else(|| {
            let mut gone = self.own.iter().filter(|(other, _)| is_same(other) && dropped(other));
            gone.next().filter(|_| gone.next().is_none())
        });
        let Some((of_earlier, earlier)) = earlier else { return Ok(()) };
        let (before, now) = (packaged(of_earlier, earlier), packaged(checkout, pin));
        let both: Vec<(&Known, &Known)> =
            now.iter().filter_map(|(place, now)| Some((before.get(place)?, now))).collect();
        let pairs = match (both.is_empty(), plain(of_earlier, earlier), plain(checkout, pin)) {
            // Where the packaging is not the source's own, the tags alone can tell.
            (true, Some(before), Some(now)) => vec![(before, now)],
            _ => both.into_iter().map(|(before, now)| (before.clone(), now.clone())).collect(),
        };
        match pairs.into_iter().find(|(before, now)| now.order(before).is_some_and(Ordering::is_lt)) {
            Some((before, now)) => Err(LowerVersionError {
                checkout: checkout.to_string(),
                before: before.to_string(),
                now: now.to_string(),
            }),
            None => Ok(()),
        }
    }
}

/// Lets checkouts have the commits that are pinned of them where only what says their versions is another, so that a recipe
/// which changes that moves nothing.
pub(super) fn carry(pins: &mut BTreeMap<Checkout, CheckoutPin>, wanted: &Wanted) {
    let carried = |checkout: &Checkout| {
        let is_same = |other: &Checkout| *checkout == Checkout { versions: checkout.versions.clone(), ..other.clone() };
        let (_, pin) = pins.iter().find(|(other, _)| is_same(other))?;
        Some((checkout.clone(), CheckoutPin { release: None, ..pin.clone() }))
    };
    let new = wanted.keys().filter(|checkout| !pins.contains_key(*checkout));
    let carried: Vec<(Checkout, CheckoutPin)> = new.filter_map(carried).collect();
    pins.extend(carried);
}

/// A version of packages, as far as a pin tells it.
#[derive(Debug, Clone)]
enum Known {
    /// Of Debian's.
    Deb(Version),
    /// Of RPM's: epoch and version.
    Rpm(u32, String),
}

impl Known {
    /// Where it stands against another; `None` against one of another kind.
    fn order(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Deb(one), Self::Deb(other)) => Some(one.cmp(other)),
            (Self::Rpm(epoch, one), Self::Rpm(of_other, other)) => {
                Some(epoch.cmp(of_other).then_with(|| rpm_version::compare(one, other)))
            }
            _ => None,
        }
    }
}

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deb(version) => version.fmt(f),
            Self::Rpm(0, version) => f.write_str(version),
            Self::Rpm(epoch, version) => write!(f, "{epoch}:{version}"),
        }
    }
}

/// The versions that the packaging in a source comes to, by its place.
fn packaged(checkout: &Checkout, pin: &CheckoutPin) -> BTreeMap<String, Known> {
    let stamped = Stamped::of(checkout, pin);
    let of_text = |(path, text): (&String, &String)| {
        let known = if path.ends_with("/changelog") {
            let last = changelog::newest(text).ok()?.version;
            Known::Deb(stamped.as_ref().map_or(Some(last.clone()), |stamped| stamped.version.deb_after(&last).ok())?)
        } else if path.ends_with(".spec") {
            Known::Rpm(epoch(text), stamped.as_ref()?.version.rpm(true))
        } else {
            return None;
        };
        Some((path.clone(), known))
    };
    pin.texts.iter().filter_map(of_text).collect()
}

/// The version that its tags alone say.
fn plain(checkout: &Checkout, pin: &CheckoutPin) -> Option<Known> {
    Version::new(&Stamped::of(checkout, pin)?.version.deb(false)).ok().map(Known::Deb)
}

/// The epoch that a spec says in plain digits; 0 where it says none.
fn epoch(spec: &str) -> u32 {
    let tags = spec.lines().filter_map(|line| line.split_once(':'));
    let mut epochs = tags.filter(|(tag, _)| tag.trim().eq_ignore_ascii_case("epoch"));
    epochs.next().and_then(|(_, value)| value.trim().parse().ok()).unwrap_or(0)
}
