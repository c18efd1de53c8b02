//! Token Status Lists (draft-ietf-oauth-status-list-21): whether an access token was taken back, one bit for each, for
//! those who have a client for them.
//!
//! Pure. A list belongs to a ledger object and an hour. Each token of that period has an index that no other
//! token ever has, so no list says of one token what is meant of another, however old a copy of it is; and a list is over
//! when the last token of its period is.

pub mod list_jwt;

use std::time::Duration;

use miniz_oxide::deflate::{CompressionLevel, compress_to_vec_zlib};
use serde::{Deserialize, Serialize};

use crate::crypto::base64url;
use crate::feed::{CLOCKS, MEMORY};
use crate::ledger::shard::Shard;
use crate::router::STATUS_LISTS;
use crate::time::Timestamp;

/// From when to when tokens are on the same list, in milliseconds.
const PERIOD: u64 = 3600 * 1000;
/// How many indices a list has. All of them are in it from its first day, so that an index is never beyond a copy's end.
const SIZE: u32 = 1 << 18;
/// The clock moves the next index on by one in so many milliseconds. What the clock leaves of a list, 80,000 indices,
/// are for busier times: 70 tokens a second for a whole hour, or many more for a while.
const TICK: u64 = 20;
/// How old what a list says may be, counted from when its making began.
pub const FRESHNESS: Duration = Duration::from_secs(2);

/// A list and an index in it: the place of one token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Place(u64);

/// A list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListName {
    /// Of which ledger object.
    pub shard: Shard,
    /// Of which period: the hours since 1970.
    pub period: u64,
}

/// What a list says, as a ledger object gives it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusList {
    /// As of when it is complete.
    pub as_of: Timestamp,
    /// One bit for each index, compressed (§4.1, §4.2 of the draft): its member `lst`.
    pub lst: String,
}

impl Place {
    /// The place with this index on the list of this period. `None`: there is none.
    pub fn new(period: u64, index: u32) -> Option<Self> {
        let first = period.checked_mul(SIZE.into())?;
        (index < SIZE).then(|| Self(first.saturating_add(index.into())))
    }

    /// The place for a token that is issued now, after the newest that was given. None comes twice. It is taken from the
    /// clock, so that also a ledger that was rolled back gives none that it gave before, unless it was ahead of the clock;
    /// and nobody can tell from it how many tokens there are. `None`: as many as a list has were given in this period, or
    /// the clock was set back into the period before.
    pub fn next(newest: Option<Self>, now: Timestamp) -> Option<Self> {
        let clock = u64::try_from(now.0).ok()?;
        let period = clock / PERIOD;
        let by_clock = Self::new(period, u32::try_from(clock % PERIOD / TICK).ok()?)?;
        let place = newest.map_or(by_clock, |newest| by_clock.max(Self(newest.0.saturating_add(1))));
        (place.period() == period).then_some(place)
    }

    /// Of which period its list is.
    pub fn period(self) -> u64 {
        self.0 / u64::from(SIZE)
    }

    /// `idx`
    pub fn index(self) -> u32 {
        u32::try_from(self.0 % u64::from(SIZE)).unwrap_or(0)
    }

    /// Its number, which grows from period to period.
    pub fn number(self) -> u64 {
        self.0
    }

    /// The first place of a period's list, and the first of the next.
    pub fn all_of(period: u64) -> (Self, Self) {
        let first = |period: u64| Self(period.saturating_mul(SIZE.into()));
        (first(period), first(period.saturating_add(1)))
    }
}

impl ListName {
    /// Reads the end of a list's address: the two numbers as they are written, so that each list has one address.
    pub fn parse(shard: &str, period: &str) -> Option<Self> {
        let name = Self {
            shard: Shard::from_number(shard.parse().ok()?)?,
            period: period.parse().ok()?,
        };
        (name.path() == format!("{STATUS_LISTS}/{shard}/{period}")).then_some(name)
    }

    /// Its address at this server.
    pub fn path(self) -> String {
        format!("{STATUS_LISTS}/{}/{}", self.shard.number(), self.period)
    }

    /// Whether a token of its period may still live, by any clock, or be issued.
    pub fn is_served(self, now: Timestamp) -> bool {
        let of = |at: Timestamp| u64::try_from(at.0).unwrap_or(0) / PERIOD;
        (of(now - MEMORY)..=of(now + CLOCKS)).contains(&self.period)
    }

    /// Every list that a token may name now.
    pub fn all(now: Timestamp) -> impl Iterator<Item = Self> {
        let of = |at: Timestamp| u64::try_from(at.0).unwrap_or(0) / PERIOD;
        let periods = of(now - MEMORY)..=of(now);
        Shard::of_people().flat_map(move |shard| periods.clone().map(move |period| Self { shard, period }))
    }
}

/// The member `lst` of a list on which these are revoked (§4.1 of the draft): bits from the least significant of the first
/// byte on, compressed as well as can be, in base64url.
pub fn encode(revoked: impl IntoIterator<Item = Place>) -> String {
    let mut bytes = vec![0_u8; SIZE as usize / 8];
    for place in revoked {
        let index = place.index();
        if let Some(byte) = bytes.get_mut(index as usize / 8) {
            *byte |= 1 << (index % 8);
        }
    }
    base64url(compress_to_vec_zlib(&bytes, CompressionLevel::BestCompression as u8))
}

#[cfg(test)]
#[path = "tests.rs"]
pub mod tests;
