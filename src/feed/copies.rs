//! Copies of the feed that an isolate keeps, so that most calls cost no trip.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use super::GUARD_FRESHNESS;
use super::cut::Cuts;
use super::gather::Gathered;
use super::region::Region;
use crate::store::{Feed, StoreError};
use crate::time::Timestamp;

/// How long a copy grows before it is read anew: entries are added to it and never taken out.
const LIFETIME: Duration = Duration::from_secs(3600);
/// How many parts one list may come in.
const MOST_PARTS: usize = 20;

/// The copies, by region.
#[derive(Debug, Default)]
pub struct Copies(RefCell<BTreeMap<Region, Copy>>);

#[derive(Debug)]
struct Copy {
    cuts: Cuts,
    /// The last entry it has.
    number: u64,
    /// As of when everything is in it.
    as_of: Timestamp,
    /// When it was begun.
    begun_at: Timestamp,
}

impl Copy {
    /// One that knows nothing yet.
    fn new(now: Timestamp) -> Self {
        Self {
            cuts: Cuts::default(),
            number: 0,
            as_of: Timestamp(0),
            begun_at: now,
        }
    }

    fn is_fresh(&self, now: Timestamp) -> bool {
        now < self.as_of + GUARD_FRESHNESS && now < self.begun_at + LIFETIME
    }

    /// `now` is before the feed was asked, by the clock of whoever asked.
    fn learn(&mut self, part: Gathered, now: Timestamp) {
        let apps = part.apps.into_iter().map(|app| (app.cut, app.epoch));
        self.cuts.learn(part.cuts, apps);
        self.number = self.number.max(part.number);
        self.as_of = self.as_of.max(part.as_of.min(now));
    }
}

impl Copies {
    /// Looks something up in what was cut off in a region: in the copy, if it is fresh, else after asking the feed for what
    /// is new. An error: the feed is out of reach, and nobody knows. Requests that find the copy old at the same time each
    /// ask; none waits for another's answer, which the platform does not allow.
    pub async fn look<T>(
        &self,
        feed: &impl Feed,
        region: Region,
        now: Timestamp,
        look: impl FnOnce(&Cuts) -> T,
    ) -> Result<T, StoreError> {
        if let Some(copy) = self.0.borrow().get(&region).filter(|copy| copy.is_fresh(now)) {
            return Ok(look(&copy.cuts));
        }
        let known = match self.0.borrow().get(&region) {
            Some(copy) if now < copy.begun_at + LIFETIME => copy.number,
            _ => 0,
        };
        let parts = ask(feed, region, known).await?;
        let mut copies = self.0.borrow_mut();
        let copy = copies.entry(region).or_insert_with(|| Copy::new(now));
        // What others learnt meanwhile stays, and a list that ends before it replaces nothing: somebody may be about to add
        // what comes after theirs.
        if known == 0 && parts.iter().all(|part| part.more || part.number >= copy.number) {
            *copy = Copy::new(now);
        }
        for part in parts {
            copy.learn(part, now);
        }
        Ok(look(&copy.cuts))
    }
}

async fn ask(feed: &impl Feed, region: Region, known: u64) -> Result<Vec<Gathered>, StoreError> {
    let (mut parts, mut after) = (Vec::new(), known);
    for _ in 0..MOST_PARTS {
        let part = feed.feed(region, after, Duration::ZERO).await?;
        let (number, more) = (part.number, part.more);
        parts.push(part);
        if !more {
            return Ok(parts);
        }
        after = number;
    }
    Err(StoreError {
        part: "feed",
        detail: "the list has no end".into(),
    })
}

#[cfg(test)]
#[path = "copies_tests.rs"]
mod tests;
