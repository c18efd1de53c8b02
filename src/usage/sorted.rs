//! Few values by key, in the order of their keys.

use super::tally::{COUNT_OF_STEPS, Tally};
use crate::time::Timestamp;

/// Values in the order of their keys.
#[derive(Debug, Clone)]
pub struct Sorted<K, V>(Vec<(K, V)>);

impl<K, V> Default for Sorted<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Ord, V: Initial> Sorted<K, V> {
    /// Changes the value of a key, which may be new unless there are `most`. False: there was no room.
    pub fn add(&mut self, key: K, most: usize, change: impl FnOnce(&mut V)) -> bool {
        match self.0.binary_search_by(|(other, _)| other.cmp(&key)) {
            Ok(at) => {
                if let Some((_, value)) = self.0.get_mut(at) {
                    change(value);
                }
            }
            Err(_) if self.0.len() >= most => return false,
            Err(at) => {
                let mut value = V::INITIAL;
                change(&mut value);
                self.0.insert(at, (key, value));
            }
        }
        true
    }

    /// The value of a key.
    pub fn get(&self, key: &K) -> Option<&V> {
        let at = self.0.binary_search_by(|(other, _)| other.cmp(key)).ok()?;
        self.0.get(at).map(|(_, value)| value)
    }

    /// Drops those that are not to be kept.
    pub fn retain(&mut self, keep: impl Fn(&V) -> bool) {
        self.0.retain(|(_, value)| keep(value));
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<K, V> IntoIterator for Sorted<K, V> {
    type Item = (K, V);
    type IntoIter = std::vec::IntoIter<(K, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<K, V> From<Sorted<K, V>> for Vec<(K, V)> {
    fn from(sorted: Sorted<K, V>) -> Self {
        sorted.0
    }
}

/// What a value is before its first change.
pub trait Initial {
    /// It.
    const INITIAL: Self;
}
impl Initial for u32 {
    const INITIAL: Self = 0;
}
impl Initial for () {
    const INITIAL: Self = ();
}
impl Initial for Timestamp {
    const INITIAL: Self = Timestamp(0);
}
impl Initial for Tally {
    const INITIAL: Self = Self {
        count: 0,
        milliseconds: 0,
        steps: [0; COUNT_OF_STEPS],
    };
}
