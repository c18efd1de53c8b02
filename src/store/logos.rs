//! Logos.

use super::StoreError;
use crate::looks::LogoName;

/// Logos (KV).
#[allow(async_fn_in_trait, reason = "single-threaded: no caller needs Send")]
pub trait Logos {
    /// A logo's bytes.
    async fn logo(&self, name: &LogoName) -> Result<Option<Vec<u8>>, StoreError>;
}
