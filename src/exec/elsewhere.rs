//! Results that other machines have: how a run asks for them, and what it takes over.
//!
//! What is learned becomes a realisation of this store, so that it is asked for once. Its bytes stay where they are until
//! somebody reads them. A number comes with its result, and is taken over into the ledger; where another build has it here
//! already, the result is not taken, since a file name never gets other bytes.

use super::knowledge::{is_record, same_to_readers};
use super::numbering::Numbered;
use crate::cost::Cost;
use crate::diag::Failure;
use crate::digest::Digest;
use crate::drv::{ActionKey, Fingerprint, Outputs};
use crate::name::{Kind, NodeName};
use crate::store::{Realisation, Released, Rival, Store, StoreError};

/// What is asked for elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// What this key came to.
    Key(ActionKey),
    /// What a build came to, whatever its number.
    Fingerprint(Fingerprint),
}

/// A result that somebody else has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Who.
    pub cache: String,
    /// What.
    pub realisation: Realisation,
}

/// Bytes that came from somebody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brought {
    /// Who.
    pub cache: String,
    /// How many, as they were sent.
    pub bytes: u64,
}

/// Other places with results. Never an error for what goes wrong there: then they have nothing.
pub trait Elsewhere: Sync {
    /// What somebody trusted says of each, in the order of `asked`.
    fn find(&self, asked: &[Asked]) -> Vec<Option<Known>>;

    /// Brings the bytes of `outputs`, which `key` came to, into the store; `None` where nobody has all of them.
    ///
    /// # Errors
    /// Where the store cannot be written to.
    fn bring(&self, store: &Store, key: ActionKey, outputs: &Outputs) -> Result<Option<Brought>, StoreError>;

    /// These were taken over.
    fn learned(&self, known: Vec<Known>);
}

impl Asked {
    /// The digest that it is looked up by.
    pub fn digest(&self) -> Digest {
        match self {
            Self::Key(key) => key.0,
            Self::Fingerprint(fingerprint) => fingerprint.0,
        }
    }

    /// Whether a realisation is what was asked for.
    pub fn is_answered_by(&self, realisation: &Realisation) -> bool {
        match self {
            Self::Key(key) => realisation.key == *key,
            Self::Fingerprint(fingerprint) => realisation.fingerprint == Some(*fingerprint),
        }
    }
}

/// Takes over what others have of `keys`; outputs and what they took, in their order.
///
/// # Errors
/// Where the store cannot be read or written.
pub fn learn(
    store: &Store,
    elsewhere: &dyn Elsewhere,
    keys: &[ActionKey],
) -> Result<Vec<Option<(Outputs, Cost)>>, Failure> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let asked: Vec<Asked> = keys.iter().map(|key| Asked::Key(*key)).collect();
    let mut found = elsewhere.find(&asked);
    for slot in &mut found {
        // Its packages have the number of another build, which would have to be taken over first.
        if let Some(kept) = slot.as_ref().and_then(|known| known.realisation.kept)
            && store.realisation(kept)?.is_none()
        {
            *slot = None;
        }
    }
    let result = |known: &Known| (known.realisation.outputs.clone(), known.realisation.cost());
    let results = found.iter().map(|known| known.as_ref().map(result)).collect();
    take_over(store, elsewhere, found.into_iter().flatten().collect())?;
    Ok(results)
}

/// Takes over what others have of builds that have no number here; the numbers, in the order of `asked`.
///
/// # Errors
/// As [`learn`].
pub fn learn_numbers(
    store: &Store,
    elsewhere: &dyn Elsewhere,
    asked: &[(Numbered, Fingerprint)],
) -> Result<Vec<Option<u32>>, Failure> {
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let fingerprints: Vec<Asked> = asked.iter().map(|(_, fingerprint)| Asked::Fingerprint(*fingerprint)).collect();
    let found = elsewhere.find(&fingerprints);
    let kept = found.iter().flatten().filter_map(|known| known.realisation.kept);
    let kept: Vec<Asked> = kept.map(Asked::Key).collect();
    let firsts: Vec<Known> =
        if kept.is_empty() { Vec::new() } else { elsewhere.find(&kept).into_iter().flatten().collect() };
    let (mut numbers, mut taken) = (Vec::new(), Vec::new());
    for ((numbered, fingerprint), known) in asked.iter().zip(found) {
        numbers.push(None);
        let Some((known, number)) = known.and_then(|known| known.realisation.number.map(|number| (known, number)))
        else {
            continue;
        };
        let mut released = None;
        if let Some(kept) = known.realisation.kept {
            released = Some(Released::Equivalent);
            let here = store.realisation(kept)?.is_some();
            let first = firsts.iter().find(|first| first.realisation.key == kept && first.realisation.kept.is_none());
            match first.map(|first| (first, first.realisation.number, first.realisation.fingerprint)) {
                _ if here => {}
                Some((first, Some(number), Some(fingerprint)))
                    if numbered.adopt(store, fingerprint, number, None)? =>
                {
                    taken.push(first.clone());
                }
                _ => continue,
            }
        }
        if numbered.adopt(store, *fingerprint, number, released)? {
            taken.push(known);
            numbers.pop();
            numbers.push(Some(number));
        }
    }
    take_over(store, elsewhere, taken)?;
    Ok(numbers)
}

fn take_over(store: &Store, elsewhere: &dyn Elsewhere, known: Vec<Known>) -> Result<(), Failure> {
    if known.is_empty() {
        return Ok(());
    }
    // What people ask for by name; all else is only brought for a node that runs.
    let is_wanted = |known: &&Known| {
        let name = known.realisation.node.parse::<NodeName>();
        name.is_ok_and(|name| matches!(name.kind, Kind::Build | Kind::Repo | Kind::SourcePackage))
    };
    store.owe(known.iter().filter(is_wanted).map(|known| known.realisation.key))?;
    let realisations: Vec<Realisation> = known.iter().map(|known| known.realisation.clone()).collect();
    store.note_elsewhere(&realisations.iter().map(|realisation| realisation.key).collect::<Vec<_>>())?;
    store.record_all(&realisations)?;
    elsewhere.learned(known);
    Ok(())
}

/// Looks whether somebody else has another result of a step that has just come to `own`; the name of the cache, where this
/// is new.
///
/// # Errors
/// Where the store cannot be written to.
pub fn compare(store: &Store, elsewhere: &dyn Elsewhere, own: &Realisation) -> Result<Option<String>, Failure> {
    let Some(known) = elsewhere.find(&[Asked::Key(own.key)]).pop().flatten() else { return Ok(None) };
    let cache = known.cache.clone();
    Ok(if keep_other(store, elsewhere, own, known)? == Other::New { Some(cache) } else { None })
}

/// What somebody else's result is beside one's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Other {
    /// The same.
    Same,
    /// Another, which is known already.
    Known,
    /// Another.
    New,
}

/// Keeps somebody else's result, where it is another than `own`, to be compared, with its bytes where they can be had.
///
/// # Errors
/// Where the store cannot be written to.
pub fn keep_other(store: &Store, elsewhere: &dyn Elsewhere, own: &Realisation, known: Known) -> Result<Other, Failure> {
    let Known { cache, realisation } = known;
    if same_to_readers(&realisation.outputs, &own.outputs) {
        return Ok(Other::Same);
    }
    elsewhere.bring(store, own.key, &realisation.outputs)?;
    let is_new = store.keep_rival(&Rival { cache: Some(cache), realisation })?;
    Ok(if is_new { Other::New } else { Other::Known })
}

/// Records `own` in the place of `theirs`, which was learned and whose bytes cannot be had; theirs is kept to be compared.
/// The name of the cache that has it.
///
/// # Errors
/// Where the store cannot be written to.
pub fn take_own(
    store: &Store,
    elsewhere: Option<&dyn Elsewhere>,
    own: &Realisation,
    theirs: Realisation,
) -> Result<String, Failure> {
    let known = elsewhere.and_then(|elsewhere| elsewhere.find(&[Asked::Key(own.key)]).pop().flatten());
    let cache = known.filter(|known| known.realisation.outputs == theirs.outputs).map(|known| known.cache);
    // Of one that is left out by now, the name is not known.
    let cache = cache.unwrap_or_else(|| "it came from".to_owned());
    store.keep_rival(&Rival { cache: Some(cache.clone()), realisation: theirs })?;
    store.forget(own.key)?;
    store.not_elsewhere(own.key)?;
    store.record(own)?;
    store.not_owed(own.key)?;
    Ok(cache)
}

/// Forgets of what has come meanwhile, in whatever way, that it is still to come.
///
/// # Errors
/// Where the store cannot be read or written to.
pub fn settle_owed(store: &Store) -> Result<(), Failure> {
    for key in store.owed() {
        let outputs = store.outputs_of(&[key])?.pop().flatten();
        let mut digests = outputs.iter().flat_map(Outputs::iter).filter(|(name, _)| !is_record(name));
        if outputs.is_none()
            || digests.try_fold(true, |all, (_, digest)| Ok::<_, StoreError>(all && store.present(*digest)?))?
        {
            store.not_owed(key)?;
        }
    }
    Ok(())
}
