//! Taking consents back: out of use in the directory, then everything under them in the ledger, then done. What breaks
//! off in between stays listed as being revoked and is finished by [`super::maintain`].

use super::client_request::ask_ledger;
use crate::context::Context;
use crate::ledger::shard::Shard;
use crate::ledger::{self, EndedBy, EndingConsent, MAX_CONSENTS_AT_ONCE, Operation, Outcome, StillUsed};
use crate::management::actor::Origin;
use crate::random;
use crate::store::{Revocable, Revoking, StoreError, Stores};
use crate::time::Timestamp;

/// How many groups of consents one request brings to ledgers at most, so that it stays within what the platform lets a
/// request do.
const MAX_CALLS: usize = 40;

/// Who asks that consents end, for the audit trail.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// From where.
    pub origin: &'a Origin,
    /// What ended the consents that the request is about. Of any others that are brought to their ledgers with them it is
    /// not said that this request ended them.
    pub ends: &'static [EndedBy],
}

impl<'a> Asked<'a> {
    /// A user takes back what they gave.
    pub fn by_user(origin: &'a Origin) -> Self {
        Self {
            origin,
            ends: &[EndedBy::User],
        }
    }

    /// A new connection made others give way.
    pub fn by_decision(origin: &'a Origin) -> Self {
        Self {
            origin,
            ends: &[EndedBy::Displaced],
        }
    }

    /// The operator, or a developer, ends what users gave.
    pub fn by_management(origin: &'a Origin) -> Self {
        Self {
            origin,
            ends: &[
                EndedBy::UserSuspended,
                EndedBy::TesterRemoved,
                EndedBy::Operator,
                EndedBy::AppDeleted,
                EndedBy::Organization,
            ],
        }
    }
}

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

/// Takes back what a user gave, who asks for it from there. Doing it again is fine, and goes on where it broke off.
pub async fn revoke<S: Stores>(
    context: &Context<'_, S>,
    user_id: &str,
    what: Revocable<'_>,
    origin: &Origin,
) -> Result<Revocation, StoreError> {
    let Some(unfinished) = context.stores.begin_revoking(user_id, what, context.now).await? else {
        return Ok(Revocation::Unknown);
    };
    let progress = end(context, unfinished.revoking, Some(Asked::by_user(origin))).await;
    progress.fault.map_or(Ok(()), Err)?;
    Ok(match unfinished.count.saturating_sub(progress.dealt_with) {
        0 => Revocation::Done,
        left => Revocation::Left(left),
    })
}

/// How far ending consents came.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// How many consents are dealt with.
    pub dealt_with: u32,
    /// The first ledger that was out of reach, if any was. What else there is may have been dealt with all the same.
    pub fault: Option<StoreError>,
}

/// Goes on with revocations that are not finished, and notes in the directory what is.
pub async fn end<S: Stores>(context: &Context<'_, S>, revoking: Vec<Revoking>, asked: Option<Asked<'_>>) -> Progress {
    let Ended {
        ended,
        still_used,
        fault,
    } = end_in_ledgers(context, revoking, asked).await;
    // The tokens are dead: that the directory could not note it is for the next cron run to mend.
    if !ended.is_empty() {
        let ended: Vec<&str> = ended.iter().map(String::as_str).collect();
        let _ = context.stores.finish_revoking(&ended).await;
    }
    if !still_used.is_empty() {
        let _ = context.stores.keep_used(&still_used).await;
    }
    let count = ended.len() + still_used.len();
    Progress {
        dealt_with: u32::try_from(count).unwrap_or(u32::MAX),
        fault,
    }
}

/// What became of consents in their ledgers.
pub struct Ended {
    /// The ids of those whose tokens are dead.
    pub ended: Vec<String>,
    /// Those that were to end unused, and are used.
    pub still_used: Vec<StillUsed>,
    /// The first ledger that was out of reach.
    pub fault: Option<StoreError>,
}

/// Ends consents in their ledgers, in a bounded number of calls. One ledger that is out of reach does not keep the
/// others from being asked. It begins anywhere among them, so that none is always last.
pub async fn end_in_ledgers<S: Stores>(
    context: &Context<'_, S>,
    mut revoking: Vec<Revoking>,
    asked: Option<Asked<'_>>,
) -> Ended {
    revoking.sort_by_key(|consent| consent.shard);
    let (mut ended, mut still_used) = (Vec::new(), Vec::new());
    let (mut fault, mut unreachable, mut calls) = (None, Vec::new(), 0);
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
        match end_at(context, shard, group, asked).await {
            Ok(used) => {
                let is_used = |id: &str| used.iter().any(|used| used.consent_id == id);
                ended.extend(
                    group
                        .iter()
                        .filter(|consent| !is_used(&consent.id))
                        .map(|consent| consent.id.clone()),
                );
                still_used.extend(used);
            }
            Err(error) => {
                unreachable.push(shard);
                fault.get_or_insert(error);
            }
        }
    }
    Ended {
        ended,
        still_used,
        fault,
    }
}

/// Ends consents in their ledger. Those that were to end unused, and are used.
async fn end_at<S: Stores>(
    context: &Context<'_, S>,
    shard: Shard,
    revoking: &[Revoking],
    asked: Option<Asked<'_>>,
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
        asked: asked.map(|asked| ledger::Asked {
            ends: asked.ends.to_vec(),
            origin: asked.origin.clone(),
        }),
    };
    match ask_ledger(context, shard, &operation).await? {
        Outcome::ConsentsEnded { still_used } => Ok(still_used),
        _ => Err(StoreError {
            part: "ledger",
            detail: "an answer to another question".into(),
        }),
    }
}
