//! Reading on in the logs of the ledgers of a region.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};

use super::cut::{Cut, Subject};
use super::region::Region;
use super::{AppCut, MEMORY, next_number};
use crate::ledger::shard::Shard;
use crate::ledger::{LoggedCut, Operation, Outcome};
use crate::store::{Ledger, StoreError};
use crate::time::Timestamp;

/// How many answers of one ledger are read at a time: after days without anybody asking there may be much. The next attempt
/// goes on.
const MOST_ANSWERS: usize = 200;
/// How many entries one list has at most; the next goes on.
pub const MOST_LISTED: u32 = 50_000;

/// What a feed object keeps. The implementation makes [`FeedRows::take`] one transaction.
pub trait FeedRows {
    /// The number of the last entry that was read of each ledger.
    fn positions(&self) -> Result<Vec<Position>, StoreError>;
    /// Adds entries of a ledger, those that are known already aside, and notes the last that was read. They get this number
    /// and those after it.
    fn take(&mut self, position: Position, cuts: &[LoggedCut], first: u64) -> Result<(), StoreError>;
    /// The apps among the entries.
    fn apps(&self) -> Result<Vec<AppEpoch>, StoreError>;
    /// Adds an app under this number, in place of the entry that it may have.
    fn take_app(&mut self, app: AppEpoch, until: Timestamp, number: u64) -> Result<(), StoreError>;
    /// The entries after one that is known, the oldest first; so many at most.
    fn after(&self, number: u64, at_most: u32) -> Result<Vec<Entry>, StoreError>;
    /// The highest number that any entry ever had.
    fn newest(&self) -> Result<u64, StoreError>;
}

/// How far a ledger's log was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The ledger.
    pub shard: Shard,
    /// The number of the last entry that was read.
    pub number: u64,
}

/// An entry of the feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its number in the feed.
    pub number: u64,
    /// What was cut off.
    pub cut: Cut,
    /// Of an app: the first epoch whose tokens are good.
    pub epoch: Option<u32>,
}

/// An app, and the first epoch whose tokens are good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppEpoch {
    /// The app.
    pub cut: Cut,
    /// The epoch.
    pub epoch: u32,
}

/// What a feed object answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gathered {
    /// As of when it is complete: everything that was cut off before is in it, or in what the asker knows.
    pub as_of: Timestamp,
    /// After which number it goes on: that of the asker, or 0 where all of it is told anew.
    pub after: u64,
    /// Tokens, families and consents that were cut off.
    pub cuts: Vec<Cut>,
    /// Apps that were.
    pub apps: Vec<AppEpoch>,
    /// After which number to ask next.
    pub number: u64,
    /// Whether there is more already.
    pub more: bool,
}

impl Gathered {
    /// Whether it tells the asker anything.
    pub fn is_news(&self) -> bool {
        !self.cuts.is_empty() || !self.apps.is_empty()
    }
}

/// Reads on in every ledger's log, all at once, and keeps each answer as it comes: what is not finished, because a ledger did
/// not answer or time is up, goes on from there. An error: one of them did not answer, and nobody may be told that all is
/// known.
pub async fn gather(
    region: Region,
    ledgers: &impl Ledger,
    rows: &mut impl FeedRows,
    now: Timestamp,
) -> Result<(), StoreError> {
    let known: BTreeMap<Shard, u64> = rows
        .positions()?
        .into_iter()
        .map(|position| (position.shard, position.number))
        .collect();
    let rows = RefCell::new(rows);
    let take = |position: Position, cuts: &[LoggedCut]| {
        let mut rows = rows.borrow_mut();
        let first = next_number(rows.newest()?, now);
        rows.take(position, cuts, first)
    };
    let logs = region.shards().map(|shard| {
        let number = known.get(&shard).copied().unwrap_or(0);
        read_on(ledgers, Position { shard, number }, &take)
    });
    join_all(logs).await.into_iter().collect()
}

/// Takes in the apps that the directory says were cut off, as far as that is new.
pub fn take_apps(rows: &mut impl FeedRows, apps: &[AppCut], now: Timestamp) -> Result<(), StoreError> {
    if apps.is_empty() {
        return Ok(());
    }
    let known = rows.apps()?.into_iter().map(|app| (app.cut, app.epoch));
    let mut known: HashMap<Cut, u32> = known.collect();
    for app in apps {
        let cut = Cut::of(Subject::App(&app.client_id));
        let epoch = app.epoch;
        if known.get(&cut).is_none_or(|known| *known < epoch) {
            let number = next_number(rows.newest()?, now);
            rows.take_app(AppEpoch { cut, epoch }, now + MEMORY, number)?;
            known.insert(cut, epoch);
        }
    }
    Ok(())
}

/// Takes what a ledger logged after this position. One whose newest number is lower lost some of its storage and was rolled
/// back: all of its log is read again.
async fn read_on(
    ledgers: &impl Ledger,
    known: Position,
    take: &impl Fn(Position, &[LoggedCut]) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let Position {
        shard,
        number: mut after,
    } = known;
    for _ in 0..MOST_ANSWERS {
        let Outcome::Cuts { cuts, newest } = ledgers.ledger(shard, &Operation::Cuts { after }).await? else {
            return Err(unexpected(shard));
        };
        if newest < after {
            after = 0;
            continue;
        }
        // Without entries: those after what is known have expired.
        let number = cuts.last().map_or(newest, |last| last.number);
        let position = Position { shard, number };
        if position != known && number > 0 {
            take(position, &cuts)?;
        }
        if cuts.is_empty() || number >= newest {
            return Ok(());
        }
        after = number;
    }
    Err(unexpected(shard))
}

fn unexpected(shard: Shard) -> StoreError {
    StoreError {
        part: "ledger",
        detail: format!("{} gave no end of its log", shard.object_name()),
    }
}

/// What is new after an entry that the asker knows. A number that the feed has not reached is of a feed that was lost: the
/// asker gets everything.
pub fn list(rows: &impl FeedRows, after: u64, as_of: Timestamp) -> Result<Gathered, StoreError> {
    let newest = rows.newest()?;
    let after = if after > newest { 0 } else { after };
    let entries = rows.after(after, MOST_LISTED)?;
    let more = entries.len() >= MOST_LISTED as usize;
    let number = match (more, entries.last()) {
        (true, Some(last)) => last.number,
        _ => newest,
    };
    let (mut cuts, mut apps) = (Vec::new(), Vec::new());
    for Entry { cut, epoch, .. } in entries {
        match epoch {
            Some(epoch) => apps.push(AppEpoch { cut, epoch }),
            None => cuts.push(cut),
        }
    }
    Ok(Gathered {
        as_of,
        after,
        cuts,
        apps,
        number,
        more,
    })
}

#[cfg(test)]
#[path = "gather_tests.rs"]
pub mod tests;
