//! What the cron trigger does: finish what broke off, replace old keys, delete what has expired.

use super::connected_apps::finish_revocation;
use crate::context::Context;
use crate::store::{StoreError, Stores};

/// Finishes revocations whose ledger could not be reached, moves the signing keys on, and deletes expired rows. One
/// failure does not keep the rest from being done; the first is returned.
pub async fn maintain<S: Stores>(context: &Context<'_, S>) -> Result<(), StoreError> {
    let mut result = Ok(());
    match context.stores.unfinished_revocations().await {
        Ok(unfinished) => {
            for revoking in unfinished {
                let finished = finish_revocation(context, &revoking).await;
                result = result.and(finished);
            }
        }
        Err(error) => result = Err(error),
    }
    result = result.and(context.stores.maintain_keys().await);
    let deleted = context.stores.delete_expired(context.now).await;
    result.and(deleted)
}
