//! The ledger objects that one feed object reads.

use serde::{Deserialize, Serialize};

use crate::ledger::shard::Shard;

/// A region, by its number: tokens tell it by the number of their ledger object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Region(u16);

impl Region {
    /// The region of a ledger object.
    pub fn of(shard: Shard) -> Self {
        Self(shard.number() / Shard::PER_REGION)
    }

    /// A region by its number; `None`: there is none.
    pub fn from_number(number: u16) -> Option<Self> {
        let first = number.checked_mul(Shard::PER_REGION)?;
        Shard::from_number(first).map(|_| Self(number))
    }

    /// Its number.
    pub fn number(self) -> u16 {
        self.0
    }

    /// Its ledger objects.
    pub fn shards(self) -> impl Iterator<Item = Shard> {
        let first = self.0 * Shard::PER_REGION;
        (first..first + u16::from(Shard::IN_USE)).filter_map(Shard::from_number)
    }

    /// The name of its feed object.
    pub fn object_name(self) -> String {
        format!("feed-{}", self.0)
    }

    /// Where its feed object should be placed when it is first called: beside its ledgers.
    pub fn location_hint(self) -> &'static str {
        self.shards().next().map_or("weur", Shard::location_hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::testing::Seeded;

    #[test]
    fn every_ledger_object_is_in_the_region_that_lists_it() {
        let random = Seeded::default();
        for continent in [Some("NA"), Some("AF"), None] {
            let shard = Shard::near(continent, &random);
            let region = Region::of(shard);
            assert!(region.shards().any(|one| one == shard));
            assert_eq!(region.shards().count(), usize::from(Shard::IN_USE));
            assert_eq!(region.location_hint(), shard.location_hint());
            assert_eq!(Region::from_number(region.number()), Some(region));
        }
    }

    #[test]
    fn a_number_without_ledger_objects_is_no_region() {
        for number in [9, 255, 256, u16::MAX] {
            assert_eq!(Region::from_number(number), None, "{number}");
        }
    }
}
