//! Copies of the feed that an isolate keeps, so that most calls cost no trip.
//!
//! A copy that gets old is read on after an answer has gone out, so that where calls come all the time none of them waits
//! for it.
//!
//! A list comes in parts, and a copy keeps each as it comes: what one call has read the next need not. Only when the end was
//! reached does a copy say as of when it is complete.

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
/// How old a copy is when it is read on before anybody has to wait for that.
const AHEAD: Duration = Duration::from_millis(2_500);
/// How many parts one call reads; the next goes on where it stopped.
const PARTS_AT_ONCE: usize = 4;
/// After the feed failed, and while somebody reads a long list, for how long nobody else asks.
const PAUSE: Duration = Duration::from_secs(2);
/// How many entries are kept of all regions together, about 30 MB of the 128 MB an isolate has: a hash table of this many is
/// just not doubled again. A region whose list does not fit is done without.
const MOST_KEPT: usize = 1_800_000;
/// For how long that is.
const TOO_LONG_PAUSE: Duration = Duration::from_secs(600);

/// The copies, by region.
#[derive(Debug, Default)]
pub struct Copies(RefCell<BTreeMap<Region, Copy>>);

#[derive(Debug)]
struct Copy {
    cuts: Cuts,
    /// It has every entry up to this one.
    number: u64,
    /// As of when everything is in it.
    as_of: Timestamp,
    /// When it was begun.
    begun_at: Timestamp,
    /// When somebody was last to read on ahead of time.
    ahead_at: Timestamp,
    /// Whether nobody has begun to.
    is_due: bool,
    trouble: Option<Trouble>,
}

/// Why the feed is not asked for now.
#[derive(Debug)]
struct Trouble {
    error: StoreError,
    since: Timestamp,
    lasts: Duration,
}

impl Trouble {
    /// A clock that was set back ends it.
    fn holds(&self, now: Timestamp) -> bool {
        (self.since..self.since + self.lasts).contains(&now)
    }
}

impl Copy {
    /// One that knows nothing yet.
    fn new(now: Timestamp) -> Self {
        Self {
            cuts: Cuts::default(),
            number: 0,
            as_of: Timestamp(0),
            begun_at: now,
            ahead_at: Timestamp(0),
            is_due: false,
            trouble: None,
        }
    }

    fn is_over(&self, now: Timestamp) -> bool {
        now >= self.begun_at + LIFETIME
    }

    /// One from the future is of a clock that was set back since, and may be of any age.
    fn is_fresh(&self, now: Timestamp) -> bool {
        (self.as_of..self.as_of + GUARD_FRESHNESS).contains(&now) && !self.is_over(now)
    }

    /// Notes, once in [`PAUSE`], that a fresh copy is to be read on.
    fn note_age(&mut self, now: Timestamp) {
        let was_noted = (self.ahead_at..self.ahead_at + PAUSE).contains(&now);
        if now >= self.as_of + AHEAD && !was_noted {
            (self.is_due, self.ahead_at) = (true, now);
        }
    }

    /// Takes what the feed told whoever asked for what comes after `known` at `now`, by their clock. Whether the copy is
    /// complete now.
    fn learn(&mut self, part: Gathered, known: u64, now: Timestamp) -> bool {
        let apps = part.apps.into_iter().map(|app| (app.cut, app.epoch));
        self.cuts.learn(part.cuts, apps);
        self.begun_at = self.begun_at.min(now);
        if part.after > self.number {
            // The copy was begun anew meanwhile, and lacks what comes before.
            return false;
        }
        self.number = match part.after < known {
            // The feed was lost, and numbers anew.
            true => part.number,
            false => self.number.max(part.number),
        };
        if part.more {
            return false;
        }
        let as_of = part.as_of.min(now);
        self.as_of = if self.as_of > now { as_of } else { self.as_of.max(as_of) };
        true
    }

    /// Notes for how long nobody asks, and why.
    fn rests(&mut self, error: StoreError, since: Timestamp, lasts: Duration) -> StoreError {
        self.trouble = Some(Trouble {
            error: error.clone(),
            since,
            lasts,
        });
        error
    }
}

/// What there is to do for somebody who looks something up.
#[derive(Clone, Copy)]
enum Step {
    /// Nothing: the copy is fresh.
    Look,
    /// The feed is asked for what comes after this entry. `alone`: nobody else does meanwhile.
    Ask { known: u64, alone: bool },
}

impl Copies {
    /// Looks something up in what was cut off in a region: in the copy, if it is fresh, else after asking the feed for what
    /// is new. An error: the feed is out of reach, or its list longer than one call reads, and nobody knows yet. Requests that
    /// find the copy old at the same time each ask; none waits for another's answer, which the platform does not allow.
    /// After a failure and in the middle of a long list one asks at a time, and others are told the error at once.
    pub async fn look<T>(
        &self,
        feed: &impl Feed,
        region: Region,
        clock: impl Fn() -> Timestamp,
        look: impl FnOnce(&Cuts) -> T,
    ) -> Result<T, StoreError> {
        if let Step::Ask { known, alone } = self.begin(region, clock())? {
            self.catch_up(feed, region, known, alone, &clock).await?;
        }
        let mut copies = self.0.borrow_mut();
        let copy = copies.entry(region).or_insert_with(|| Copy::new(clock()));
        Ok(look(&copy.cuts))
    }

    /// A region whose copy is to be read on by [`Self::read_on`], after the answer at hand.
    pub fn take_due(&self) -> Option<Region> {
        let mut copies = self.0.borrow_mut();
        let (region, copy) = copies.iter_mut().find(|(_, copy)| copy.is_due)?;
        copy.is_due = false;
        Some(*region)
    }

    /// Reads a copy on before it is too old. When that fails, whoever comes after that asks again.
    pub async fn read_on(&self, feed: &impl Feed, region: Region, clock: impl Fn() -> Timestamp) {
        let known = self.0.borrow().get(&region).map(|copy| copy.number);
        if let Some(known) = known {
            let _ = self.catch_up(feed, region, known, false, &clock).await;
        }
    }

    /// Asks the feed until the copy is complete, some parts at most.
    async fn catch_up(
        &self,
        feed: &impl Feed,
        region: Region,
        mut known: u64,
        mut alone: bool,
        clock: &impl Fn() -> Timestamp,
    ) -> Result<(), StoreError> {
        for _ in 0..PARTS_AT_ONCE {
            let asked_at = clock();
            let told = feed.feed(region, known, Duration::ZERO).await;
            let asked = Asked { known, alone, asked_at };
            match self.learn(region, told, asked, clock())? {
                Step::Look => return Ok(()),
                Step::Ask {
                    known: next,
                    alone: by_itself,
                } => (known, alone) = (next, by_itself),
            }
        }
        let mut copies = self.0.borrow_mut();
        let copy = copies.entry(region).or_insert_with(|| Copy::new(clock()));
        // Whoever comes next goes on at once.
        Err(copy.rests(error("its list is long"), clock(), Duration::ZERO))
    }

    fn begin(&self, region: Region, now: Timestamp) -> Result<Step, StoreError> {
        let mut copies = self.0.borrow_mut();
        let copy = copies.entry(region).or_insert_with(|| Copy::new(now));
        if copy.is_fresh(now) {
            copy.note_age(now);
            return Ok(Step::Look);
        }
        if let Some(trouble) = &mut copy.trouble {
            if trouble.holds(now) {
                return Err(trouble.error.clone());
            }
            // This one tries; it may take as long as the last.
            (trouble.since, trouble.lasts) = (now, PAUSE);
        }
        Ok(Step::Ask {
            // What has expired goes when the new list is there.
            known: if copy.is_over(now) { 0 } else { copy.number },
            alone: copy.trouble.is_some(),
        })
    }

    fn learn(
        &self,
        region: Region,
        told: Result<Gathered, StoreError>,
        asked: Asked,
        now: Timestamp,
    ) -> Result<Step, StoreError> {
        let Asked { known, alone, asked_at } = asked;
        let mut copies = self.0.borrow_mut();
        if known == 0 && copies.get(&region).is_some_and(|copy| copy.is_over(asked_at)) {
            copies.remove(&region);
        }
        let kept: usize = copies.values().map(|copy| copy.cuts.len()).sum();
        let copy = copies.entry(region).or_insert_with(|| Copy::new(asked_at));
        let part = match told {
            Ok(part) => part,
            Err(error) => return Err(copy.rests(error, now, PAUSE)),
        };
        if !part.cuts.is_empty() && kept + part.cuts.len() > MOST_KEPT {
            *copy = Copy::new(asked_at);
            return Err(copy.rests(error("its list is too long to keep"), now, TOO_LONG_PAUSE));
        }
        if copy.learn(part, known, asked_at) {
            copy.trouble = None;
            return Ok(Step::Look);
        }
        // Of those who began at the same time one goes on.
        if let Some(trouble) = copy.trouble.as_ref().filter(|trouble| !alone && trouble.holds(now)) {
            return Err(trouble.error.clone());
        }
        copy.rests(error("somebody reads a long list"), now, PAUSE);
        Ok(Step::Ask {
            known: copy.number,
            alone: true,
        })
    }
}

/// A question to the feed.
struct Asked {
    known: u64,
    alone: bool,
    asked_at: Timestamp,
}

fn error(what: &str) -> StoreError {
    StoreError {
        part: "feed",
        detail: what.into(),
    }
}

#[cfg(test)]
#[path = "copies_tests.rs"]
mod tests;
