//! What the cron trigger does: finish what broke off, send notices, replace old keys, delete what has expired.

use super::{notices, revocation};
use crate::context::Context;
use crate::feed::MEMORY;
use crate::looks::LogoName;
use crate::management::logos;
use crate::management::organizations;
use crate::management::people::revoking;
use crate::management::policy::own_api;
use crate::registration::unused;
use crate::store::database::{Database, Statement, Undone};
use crate::store::{StoreError, Stores};
use crate::time::Timestamp;
use crate::usage::statements;

/// How often one run looks for consents that are out of use and whose tokens the ledger has not ended. Each look finds
/// so many at most; a user who is suspended can leave more of them.
const LOOKS: usize = 10;
/// How many expired rows of a table one run deletes.
const DELETED_AT_ONCE: u32 = 1000;

/// Notes and ends consents that nobody uses, has the ledger end what is out of use, moves the signing keys on, deletes
/// expired rows, old counts and logos that nothing names, and sends notices, also of all that. One failure does not keep
/// the rest from being done; the first is returned.
pub async fn maintain<S: Stores>(context: &Context<'_, S>) -> Result<(), StoreError> {
    let mut result = Ok(());
    if let Some(lifetime) = context.config.unused_consents {
        result = context.stores.expire_unused(lifetime, context.now).await;
    }
    result = result.and(finish_revocations(context).await);
    result = result.and(context.stores.maintain_keys().await);
    result = result.and(own_api::ensure(context.stores, &context.config.issuer, context.now).await);
    result = result.and(context.stores.delete_expired(context.now).await);
    result = result.and(change(context, delete_expired(context.now)).await);
    result = result.and(change(context, unused::forget(context.now)).await);
    result = result.and(tidy_usage(context).await);
    result = result.and(delete_unused_logos(context).await);
    result = result.and(notices::delete_old(context).await);
    result.and(notices::deliver(context).await)
}

/// Kept answers and invitations that nobody can use any more, and apps that were cut off so long ago that none of their
/// tokens is left.
fn delete_expired(now: Timestamp) -> Vec<Statement> {
    let deletes = [
        "DELETE FROM idempotency_keys WHERE key_hash IN (
           SELECT key_hash FROM idempotency_keys WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)",
        "DELETE FROM developer_invitations WHERE id IN (
           SELECT id FROM developer_invitations WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)",
    ];
    let statement = |sql: &'static str| Statement::new(sql).time(now).number(DELETED_AT_ONCE);
    let apps = Statement::new(
        "DELETE FROM app_cut_offs WHERE client_id IN (
           SELECT client_id FROM app_cut_offs WHERE at <= ?1 ORDER BY at LIMIT ?2)",
    );
    let apps = apps.time(now - MEMORY).number(DELETED_AT_ONCE);
    deletes.map(statement).into_iter().chain([apps]).collect()
}

/// Each in a transaction of its own: one hour of all apps may be long.
async fn tidy_usage<S: Database>(context: &Context<'_, S>) -> Result<(), StoreError> {
    let rolled = change(context, statements::roll_up(context.now)).await;
    let rolled = rolled.and(change(context, statements::roll_up_calls(context.now)).await);
    rolled.and(change(context, statements::delete_expired(context.now)).await)
}

/// Claims them in one transaction, deletes them from KV, and then forgets those that are gone.
async fn delete_unused_logos<S: Stores>(context: &Context<'_, S>) -> Result<(), StoreError> {
    let claim = logos::Claim::draw(context.random);
    let platforms = context.config.looks.logo.as_ref();
    let claimed = match context.stores.transact(claim.statements(platforms, context.now)).await {
        Ok(found) => claim.claimed(&found)?,
        Err(Undone::Store(error)) => return Err(error),
        // Nothing in it has a precondition.
        Err(Undone::Refused) => return Ok(()),
    };
    let (mut gone, mut result) = (Vec::new(), Ok(()));
    for name in claimed {
        let deleted = match LogoName::parse(&name) {
            Some(logo) => context.stores.delete_logo(&logo).await,
            // KV holds none by such a name.
            None => Ok(()),
        };
        match deleted {
            Ok(()) => gone.push(name),
            Err(error) => result = Err(error),
        }
    }
    if !gone.is_empty() {
        result = result.and(change(context, vec![claim.forget(&gone)]).await);
    }
    result
}

async fn change<S: Database>(context: &Context<'_, S>, statements: Vec<Statement>) -> Result<(), StoreError> {
    match context.stores.transact(statements).await {
        Err(Undone::Store(error)) => Err(error),
        // Nothing here has a precondition.
        Ok(_) | Err(Undone::Refused) => Ok(()),
    }
}

/// Takes more of what apps lose as a whole, or in an organization, out of use, and has the ledgers end what is; goes on
/// until none is left, or a look got nowhere. A ledger that is out of reach does not end the looks for the others; its
/// error is returned in the end.
async fn finish_revocations<S: Stores>(context: &Context<'_, S>) -> Result<(), StoreError> {
    let mut fault = None;
    for _ in 0..LOOKS {
        let mut more = Vec::from(revoking::go_on(context.now));
        more.extend(organizations::apps::end_some("", context.now));
        let begun = context.stores.transact(more).await;
        if let Err(Undone::Store(error)) = begun {
            fault.get_or_insert(error);
        }
        let unfinished = context.stores.unfinished_revocations().await?;
        if unfinished.is_empty() {
            break;
        }
        let progress = revocation::end(context, unfinished, None).await;
        fault = fault.or(progress.fault);
        if progress.dealt_with == 0 {
            break;
        }
    }
    fault.map_or(Ok(()), Err)
}
