//! What becomes of the consents of suspended users.

use super::StoreError;
use crate::time::Timestamp;

/// Consents of suspended users (D1).
#[allow(async_fn_in_trait, reason = "single-threaded: no caller needs Send")]
pub trait Suspensions {
    /// Takes some of the consents that suspended users still have out of use: `active` becomes `revoking`, for the
    /// ledger to end them. Whoever is reinstated connects their apps anew.
    async fn take_from_suspended(&self, now: Timestamp) -> Result<(), StoreError>;
}
