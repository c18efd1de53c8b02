//! What the cron trigger does: finish what broke off, replace old keys, delete what has expired.

use super::revocation;
use crate::context::Context;
use crate::store::{StoreError, Stores};

/// Takes consents from suspended users, notes and ends those that nobody uses, finishes revocations that broke off, moves the signing keys on, and deletes
/// expired rows. One failure does not keep the rest from being done; the first is returned.
pub async fn maintain<S: Stores>(context: &Context<'_, S>) -> Result<(), StoreError> {
    let mut result = context.stores.take_from_suspended(context.now).await;
    if let Some(lifetime) = context.config.unused_consents {
        result = result.and(context.stores.expire_unused(lifetime, context.now).await);
    }
    let finished = match context.stores.unfinished_revocations().await {
        Ok(unfinished) => revocation::end(context, unfinished).await.map(|_| ()),
        Err(error) => Err(error),
    };
    result = result.and(finished);
    result = result.and(context.stores.maintain_keys().await);
    let deleted = context.stores.delete_expired(context.now).await;
    result.and(deleted)
}
