use thiserror::Error;

/// Storage did not answer, or answered what nobody understands. Whether a write happened is unknown.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{part}: {detail}")]
pub struct StoreError {
    /// Which part of storage.
    pub part: &'static str,
    /// What it said. For the log; holds no secret.
    pub detail: String,
}
