//! What may be used once: the `jti` of a client assertion (RFC 7523 §3) or of a DPoP proof (RFC 9449 §11.1).

use serde::{Deserialize, Serialize};

use super::{Outcome, Refusal, Rows};
use crate::store::StoreError;
use crate::time::Timestamp;

/// A use that must be the first one that this ledger object sees. Whoever asks chooses the object: the one fixed by
/// the client for assertions; for proofs the family's, or else the one fixed by the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SingleUse {
    /// What is used: a hash over who made it and its `jti`.
    pub name: String,
    /// Tells a retry of this use, whose reply was lost, from a second use.
    pub attempt: String,
    /// Until when it could be used again: as long it is remembered, and no longer it is taken.
    pub expires_at: Timestamp,
}

/// Uses it, on its own.
pub fn use_once(rows: &mut impl Rows, single_use: &SingleUse, now: Timestamp) -> Result<Outcome, StoreError> {
    if was_used(rows, Some(single_use), now)? {
        return Ok(Refusal::Replayed.into());
    }
    remember(rows, Some(single_use))?;
    Ok(Outcome::FirstUse)
}

/// Whether it was used before, by anything but this very attempt. One that came so late that its use may have been
/// forgotten counts as used.
pub fn was_used(rows: &impl Rows, single_use: Option<&SingleUse>, now: Timestamp) -> Result<bool, StoreError> {
    let Some(single_use) = single_use else { return Ok(false) };
    if single_use.expires_at <= now {
        return Ok(true);
    }
    let first = rows.single_use(&single_use.name)?;
    Ok(first.is_some_and(|attempt| attempt != single_use.attempt))
}

/// Remembers the use, once everything else about the operation was judged.
pub fn remember(rows: &mut impl Rows, single_use: Option<&SingleUse>) -> Result<(), StoreError> {
    match single_use {
        Some(single_use) => rows.put_single_use(single_use),
        None => Ok(()),
    }
}
