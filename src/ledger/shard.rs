//! Which ledger object keeps a consent's tokens.

use serde::{Deserialize, Serialize};

use crate::random::{self, Random};

/// The number of a ledger object. Chosen once per consent, near its user; carried inside codes and refresh
/// tokens, so that no look-up is needed to find it. Outside it is seen as a number only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Shard(u16);

/// Where Durable Objects can be placed: their location hints, in an order that never changes because
/// shard numbers are counted along it.
const REGIONS: [&str; 9] = ["wnam", "enam", "sam", "weur", "eeur", "apac", "oc", "afr", "me"];

/// The region near a continent.
const NEAR: [(&str, u16); 5] = [("NA", 1), ("SA", 2), ("AS", 5), ("OC", 6), ("AF", 7)];
/// That of Europe, Antarctica, Tor and requests without a place.
const ELSEWHERE: u16 = 3;

impl Shard {
    /// Ledger objects a region may have. More than are in use, so that their number can grow.
    pub const PER_REGION: u16 = 256;
    /// Ledger objects in use in each region.
    pub const IN_USE: u8 = 16;

    /// A shard near the continent a request came from (the code Cloudflare gives it).
    pub fn near(continent: Option<&str>, random: &dyn Random) -> Self {
        let near = NEAR.iter().find(|(code, _)| Some(*code) == continent);
        let region = near.map_or(ELSEWHERE, |(_, region)| *region);
        let [draw] = random::bytes(random);
        Self(region * Self::PER_REGION + u16::from(draw % Self::IN_USE))
    }

    /// The shard that belongs to a name for good: for things that must be judged in one place only.
    pub fn of_name(name: &str) -> Self {
        let digest = <sha2::Sha256 as sha2::Digest>::digest(name);
        let draw = digest.first().copied().unwrap_or_default();
        Self(ELSEWHERE * Self::PER_REGION + u16::from(draw % Self::IN_USE))
    }

    /// Every shard that a consent may have.
    pub fn of_people() -> impl Iterator<Item = Self> {
        let regions = NEAR.iter().map(|(_, region)| *region).chain([ELSEWHERE]);
        regions.flat_map(|region| (0..Self::IN_USE).map(move |one| Self(region * Self::PER_REGION + u16::from(one))))
    }

    /// A shard by its number; `None` when there is no such object.
    pub fn from_number(number: u16) -> Option<Self> {
        let region = usize::from(number / Self::PER_REGION);
        (region < REGIONS.len() && number % Self::PER_REGION < u16::from(Self::IN_USE)).then_some(Self(number))
    }

    /// Its number.
    pub fn number(self) -> u16 {
        self.0
    }

    /// The name of its object.
    pub fn object_name(self) -> String {
        format!("ledger-{}", self.0)
    }

    /// Where its object should be placed when it is first called.
    pub fn location_hint(self) -> &'static str {
        REGIONS
            .get(usize::from(self.0 / Self::PER_REGION))
            .copied()
            .unwrap_or("weur")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::testing::Seeded;

    #[test]
    fn a_shard_is_near_its_user_and_survives_as_a_number() {
        let random = Seeded::default();
        for (continent, hint) in [
            (Some("NA"), "enam"),
            (Some("OC"), "oc"),
            (Some("T1"), "weur"),
            (None, "weur"),
        ] {
            let shard = Shard::near(continent, &random);
            assert_eq!(shard.location_hint(), hint);
            assert_eq!(Shard::from_number(shard.number()), Some(shard));
        }
    }

    #[test]
    fn whoever_asks_from_anywhere_gets_a_shard_of_people() {
        let random = Seeded::default();
        for continent in ["NA", "SA", "EU", "AS", "OC", "AF", "AN", "T1", ""] {
            let shard = Shard::near(Some(continent), &random);
            assert_eq!(Shard::of_people().filter(|one| *one == shard).count(), 1, "{continent}");
        }
    }

    #[test]
    fn a_number_without_an_object_is_no_shard() {
        for number in [16, 255, 256 * 9, u16::MAX] {
            assert_eq!(Shard::from_number(number), None, "{number}");
        }
    }

    #[test]
    fn a_name_always_has_the_same_shard() {
        assert_eq!(Shard::of_name("app_one"), Shard::of_name("app_one"));
        assert!(Shard::from_number(Shard::of_name("app_one").number()).is_some());
    }
}
