//! The ledger's part of the revocation feed: a log of what was cut off, written in the transaction that cut it off. Whoever
//! makes the feed reads on where it stopped; nothing has to be sent, and so nothing can be lost on its way.

use serde::{Deserialize, Serialize};

use super::{Outcome, Rows};
use crate::feed::{CLOCKS, Cut, MEMORY, Subject, next_number};
use crate::store::StoreError;
use crate::time::Timestamp;

/// How many entries one answer has at most.
const AT_ONCE: u32 = 5_000;

/// An entry of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedCut {
    /// Its number; later ones have higher ones.
    pub number: u64,
    /// What was cut off.
    pub cut: Cut,
    /// When its last token has expired anyway, by any clock.
    pub expires_at: Timestamp,
}

/// Logs that a family ended.
pub fn log_family(rows: &mut impl Rows, id: &str, now: Timestamp) -> Result<(), StoreError> {
    log(rows, Subject::Family(id), now + MEMORY, now)
}

/// Logs that a consent ended, with every family under it.
pub fn log_consent(rows: &mut impl Rows, id: &str, now: Timestamp) -> Result<(), StoreError> {
    log(rows, Subject::Consent(id), now + MEMORY, now)
}

/// Logs that a token ended.
pub fn log_token(rows: &mut impl Rows, jti: &str, expires_at: Timestamp, now: Timestamp) -> Result<(), StoreError> {
    log(rows, Subject::Token(jti), expires_at + CLOCKS, now)
}

fn log(rows: &mut impl Rows, subject: Subject<'_>, expires_at: Timestamp, now: Timestamp) -> Result<(), StoreError> {
    let cut = LoggedCut {
        number: next_number(rows.newest_cut()?, now),
        cut: Cut::of(subject),
        expires_at,
    };
    rows.log_cut(&cut)
}

/// What was cut off after an entry that is known.
pub fn since(rows: &impl Rows, after: u64) -> Result<Outcome, StoreError> {
    Ok(Outcome::Cuts {
        cuts: rows.cuts_after(after, AT_ONCE)?,
        newest: rows.newest_cut()?,
    })
}
