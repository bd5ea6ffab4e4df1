//! An incremental hash of a set of keyed values: the exclusive or of every entry's BLAKE3. Adding
//! and removing an entry are the same operation, and order does not matter. Detects damage; does
//! not protect against an adversary.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Hash of a set of entries; the empty set is all zero.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct SetHash([u8; 32]);

impl SetHash {
    /// Adds an entry that is not in the set, or removes one that is.
    pub(super) fn toggle(&mut self, key: &[u8], value: &[u8]) {
        let mut hasher = blake3::Hasher::new();
        // Hashing the length separates key and value.
        hasher
            .update(&(key.len() as u64).to_be_bytes())
            .update(key)
            .update(value);
        self.0
            .iter_mut()
            .zip(hasher.finalize().as_bytes())
            .for_each(|(mine, new)| *mine ^= new);
    }

    /// As bytes.
    pub(super) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// From its bytes.
    pub(super) fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// From 64 hexadecimal digits.
    pub(super) fn parse(text: &str) -> Option<Self> {
        Some(Self(*blake3::Hash::from_hex(text).ok()?.as_bytes()))
    }
}

impl fmt::Display for SetHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        blake3::Hash::from_bytes(self.0).to_hex().fmt(f)
    }
}

impl fmt::Debug for SetHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SetHash({self})")
    }
}

impl Serialize for SetHash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SetHash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text)
            .ok_or_else(|| serde::de::Error::custom("64 hexadecimal digits are expected"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_plays_no_part_and_removing_undoes_adding() {
        let (mut ab, mut ba) = (SetHash::default(), SetHash::default());
        ab.toggle(b"a", b"1");
        let only_a = ab;
        ab.toggle(b"b", b"2");
        ba.toggle(b"b", b"2");
        ba.toggle(b"a", b"1");
        assert_eq!(ab, ba);
        assert_ne!(ab, only_a);
        ab.toggle(b"b", b"2");
        assert_eq!(ab, only_a);
        assert_eq!(SetHash::parse(&ab.to_string()), Some(ab));
    }

    #[test]
    fn a_byte_moved_from_key_to_value_is_another_entry() {
        let (mut left, mut right) = (SetHash::default(), SetHash::default());
        left.toggle(b"ab", b"c");
        right.toggle(b"a", b"bc");
        assert_ne!(left, right);
    }
}
