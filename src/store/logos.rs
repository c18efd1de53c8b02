//! Logos.

use super::StoreError;
use crate::looks::LogoName;

/// Logos (KV).
#[allow(async_fn_in_trait, reason = "single-threaded: no caller needs Send")]
pub trait Logos {
    /// A logo's bytes.
    async fn logo(&self, name: &LogoName) -> Result<Option<Vec<u8>>, StoreError>;
    /// Keeps a logo. The name is that of these bytes, so that writing it again changes nothing.
    async fn put_logo(&self, name: &LogoName, bytes: &[u8]) -> Result<(), StoreError>;
    /// Deletes a logo, if it is there.
    async fn delete_logo(&self, name: &LogoName) -> Result<(), StoreError>;
}
