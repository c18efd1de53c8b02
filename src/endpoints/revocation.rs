//! Taking consents back: out of use in the directory, then everything under them in the ledger, then done. What breaks
//! off in between stays listed as being revoked and is finished by [`super::maintain`].

use super::client_request::ask_ledger;
use crate::context::Context;
use crate::ledger::shard::Shard;
use crate::ledger::{EndingConsent, MAX_CONSENTS_AT_ONCE, Operation, Outcome, StillUsed};
use crate::random;
use crate::store::{Revocable, Revoking, StoreError, Stores};
use crate::time::Timestamp;

/// How many groups of consents one request brings to ledgers at most, so that it stays within what the platform lets a
/// request do.
const MAX_CALLS: usize = 40;

/// What became of a revocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revocation {
    /// Nothing issued under what was revoked refreshes or introspects as active any more.
    Done,
    /// The user never had it.
    Unknown,
    /// So many consents are out of use, but their tokens may live until somebody goes on.
    Left(u32),
}

/// Takes back what a user gave. Doing it again is fine, and goes on where it broke off.
pub async fn revoke<S: Stores>(
    context: &Context<'_, S>,
    user_id: &str,
    what: Revocable<'_>,
) -> Result<Revocation, StoreError> {
    let Some(unfinished) = context.stores.begin_revoking(user_id, what, context.now).await? else {
        return Ok(Revocation::Unknown);
    };
    let ended = end(context, unfinished.revoking).await?;
    Ok(match unfinished.count.saturating_sub(ended) {
        0 => Revocation::Done,
        left => Revocation::Left(left),
    })
}

/// Goes on with revocations that are not finished. One ledger that is out of reach does not keep the others from being
/// asked; its error is returned in the end. It begins anywhere among them, so that none is always last. How many
/// consents are dealt with.
pub async fn end<S: Stores>(context: &Context<'_, S>, mut revoking: Vec<Revoking>) -> Result<u32, StoreError> {
    revoking.sort_by_key(|consent| consent.shard);
    let (mut ended, mut still_used) = (Vec::new(), Vec::new());
    let (mut result, mut unreachable, mut calls) = (Ok(()), Vec::new(), 0);
    let shards = revoking.chunk_by(|one, next| one.shard == next.shard);
    let mut groups: Vec<&[Revoking]> = shards.flat_map(|shard| shard.chunks(MAX_CONSENTS_AT_ONCE)).collect();
    let draw = u16::from_be_bytes(random::bytes(context.random));
    let start = usize::from(draw).checked_rem(groups.len());
    groups.rotate_left(start.unwrap_or_default());
    for group in groups {
        let Some(shard) = group.first().map(|consent| consent.shard) else {
            continue;
        };
        if calls == MAX_CALLS {
            break;
        }
        if unreachable.contains(&shard) {
            continue;
        }
        calls += 1;
        match end_at(context, shard, group).await {
            Ok(used) => {
                let is_used = |id: &str| used.iter().any(|used| used.consent_id == id);
                ended.extend(
                    group
                        .iter()
                        .map(|consent| consent.id.as_str())
                        .filter(|id| !is_used(id)),
                );
                still_used.extend(used);
            }
            Err(error) => {
                unreachable.push(shard);
                result = result.and(Err(error));
            }
        }
    }
    // The tokens are dead: that the directory could not note it is for the next cron run to mend.
    if !ended.is_empty() {
        let _ = context.stores.finish_revoking(&ended).await;
    }
    if !still_used.is_empty() {
        let _ = context.stores.keep_used(&still_used).await;
    }
    let count = ended.len() + still_used.len();
    result.map(|()| u32::try_from(count).unwrap_or(u32::MAX))
}

/// Ends consents in their ledger. Those that were to end unused, and are used.
async fn end_at<S: Stores>(
    context: &Context<'_, S>,
    shard: Shard,
    revoking: &[Revoking],
) -> Result<Vec<StillUsed>, StoreError> {
    let consents = revoking.iter().map(|consent| EndingConsent {
        id: consent.id.clone(),
        by: consent.ended_by,
    });
    let operation = Operation::EndConsents {
        consents: consents.collect(),
        // Whoever lets consents live for ever keeps every one that was ever used, also of those that were to end.
        unused_since: match context.config.unused_consents {
            Some(lifetime) => lifetime.unused_since(context.now),
            None => Timestamp(0),
        },
    };
    match ask_ledger(context, shard, &operation).await? {
        Outcome::ConsentsEnded { still_used } => Ok(still_used),
        _ => Err(StoreError {
            part: "ledger",
            detail: "an answer to another question".into(),
        }),
    }
}
