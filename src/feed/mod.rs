//! The revocation feed: what was taken back and whose tokens may still be about, for those who check tokens by themselves.
//!
//! Pure. Every ledger logs what it cuts off in the transaction that cuts it off ([`crate::ledger::LoggedCut`]). The feed
//! object of a region reads on in those logs where it stopped ([`gather`]), at most once in [`FRESHNESS`] however many ask,
//! and hands out what it read ([`cut`]). Nothing is sent to it, so nothing can be lost while it is down; a ledger that does
//! not answer leaves it without a list, and whoever asks with introspection.

pub mod copies;
pub mod cut;
pub mod gather;
pub mod list_jwt;
pub mod region;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::oauth::access_token::MAX_LIFETIME;
use crate::time::Timestamp;

pub use cut::{Cut, CutOff, Cuts, List, Subject};

/// How old what the feed says may be, counted from when it began to ask the ledgers.
pub const FRESHNESS: Duration = Duration::from_secs(2);
/// The same for those who wait for what is new: how often the ledgers are asked while anybody does.
pub const WATCHED_FRESHNESS: Duration = Duration::from_secs(1);
/// How long somebody may wait for what is new.
pub const LONGEST_WAIT: Duration = Duration::from_secs(25);
/// How old a guard's copy may be, counted from when it began to ask; older, it asks again first.
pub const GUARD_FRESHNESS: Duration = Duration::from_secs(5);
/// How long an end is told: until the last token that was issued before it has expired, and some minutes in which clocks may
/// differ.
pub const MEMORY: Duration = Duration::from_secs(MAX_LIFETIME as u64 + CLOCKS.as_secs());
/// By how much the clocks of those who check tokens may be wrong.
pub const CLOCKS: Duration = Duration::from_secs(600);

/// The apps that were cut off since `?1`, as the directory knows them; a trigger notes them whatever raises an epoch.
pub const APPS_CUT_OFF: &str = "SELECT client_id, epoch FROM app_cut_offs WHERE at > ?1";
/// How long before it is there to be read an app may have been noted as cut off: as long as the directory's transaction
/// took, and its clock is behind.
pub const NOTED_LATE: Duration = Duration::from_secs(60);

/// An app whose tokens from before an epoch are not good any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppCut {
    /// The app.
    pub client_id: String,
    /// The first epoch whose tokens are good.
    pub epoch: u32,
}

/// The number of the next entry of a log: later ones have higher ones. It is taken from the clock, in microseconds, so that
/// a log that was lost or rolled back gives no number that somebody knows as that of another entry.
pub fn next_number(newest: u64, now: Timestamp) -> u64 {
    let clock = u64::try_from(now.0).unwrap_or(0).saturating_mul(1000);
    clock.max(newest.saturating_add(1))
}
