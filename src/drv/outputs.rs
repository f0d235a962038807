//! What a step came to.

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smallvec::SmallVec;

use crate::digest::Digest;
use crate::name::OutputName;

/// Content digests of named outputs; each is the digest of a tree. Sorted by name. They are few, and there are as many
/// as there are nodes: so a list, with room for one in place, and as text a map.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Outputs(SmallVec<[(OutputName, Digest); 1]>);

impl Outputs {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// The one of that name.
    pub fn get(&self, name: impl AsRef<str>) -> Option<&Digest> {
        let name = name.as_ref();
        self.0.iter().find(|(own, _)| own.as_str() == name).map(|(_, digest)| digest)
    }

    /// Adds one, in the place of one of that name.
    pub fn insert(&mut self, name: OutputName, digest: Digest) {
        match self.0.binary_search_by(|(own, _)| own.cmp(&name)) {
            Ok(place) => self.0[place].1 = digest,
            Err(place) => self.0.insert(place, (name, digest)),
        }
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names and digests.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&OutputName, &Digest)> {
        self.0.iter().map(|(name, digest)| (name, digest))
    }

    /// The names.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &OutputName> {
        self.0.iter().map(|(name, _)| name)
    }

    /// The digests.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &Digest> {
        self.0.iter().map(|(_, digest)| digest)
    }
}

impl std::ops::Index<&str> for Outputs {
    type Output = Digest;

    fn index(&self, name: &str) -> &Digest {
        self.get(name).expect("an output of that name")
    }
}

impl FromIterator<(OutputName, Digest)> for Outputs {
    fn from_iter<T: IntoIterator<Item = (OutputName, Digest)>>(all: T) -> Self {
        let all = all.into_iter();
        let mut outputs = Self(SmallVec::with_capacity(all.size_hint().0));
        outputs.extend(all);
        outputs
    }
}

impl Extend<(OutputName, Digest)> for Outputs {
    fn extend<T: IntoIterator<Item = (OutputName, Digest)>>(&mut self, all: T) {
        all.into_iter().for_each(|(name, digest)| self.insert(name, digest));
    }
}

impl<const N: usize> From<[(OutputName, Digest); N]> for Outputs {
    fn from(all: [(OutputName, Digest); N]) -> Self {
        all.into_iter().collect()
    }
}

impl IntoIterator for Outputs {
    type Item = (OutputName, Digest);
    type IntoIter = smallvec::IntoIter<[(OutputName, Digest); 1]>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Outputs {
    type Item = &'a (OutputName, Digest);
    type IntoIter = std::slice::Iter<'a, (OutputName, Digest)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl Serialize for Outputs {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Outputs {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Map;

        impl<'de> Visitor<'de> for Map {
            type Value = Outputs;

            fn expecting(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                to.write_str("a map of names and digests")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Outputs, A::Error> {
                let mut outputs = Outputs::new();
                while let Some((name, digest)) = map.next_entry()? {
                    outputs.insert(name, digest);
                }
                Ok(outputs)
            }
        }

        from.deserialize_map(Map)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_a_sorted_map() {
        let output = |name: &str, text: &str| (OutputName::new(name).expect("a name"), Digest::of(text.as_bytes()));
        let outputs = Outputs::from([output("udebs", "1"), output("debug", "2"), output("udebs", "3")]);
        assert_eq!(outputs.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["debug", "udebs"]);
        assert_eq!(outputs.get("udebs"), Some(&Digest::of(b"3")));
        assert_eq!((outputs.get("packages"), outputs.len()), (None, 2));
        let text = serde_json::to_string(&outputs).expect("text");
        assert!(text.starts_with("{\"debug\":\"") && text.contains(",\"udebs\":\""), "{text}");
        assert_eq!(serde_json::from_str::<Outputs>(&text).expect("the same"), outputs);
    }
}
