//! Where a user is signed in, as they see it and end it.

use std::time::Duration;

use serde::Deserialize;

use super::StoreError;
use crate::management::session_events::Noted;
use crate::oauth::client::sqlite_bool;
use crate::time::Timestamp;

/// The most sessions that are listed.
pub const MOST_LISTED_SESSIONS: u32 = 100;
/// How much later than it says a session may have been used: as often its row is written.
pub const LAST_SEEN_PRECISION: Duration = Duration::from_secs(5 * 60);

/// A user's sessions (D1).
#[allow(async_fn_in_trait, reason = "single-threaded: no caller needs Send")]
pub trait SessionList {
    /// A user's live sessions: this one first, then by last activity, the latest first; at most
    /// [`MOST_LISTED_SESSIONS`].
    async fn sessions_of(
        &self,
        user_id: &str,
        this_session: &str,
        now: Timestamp,
    ) -> Result<Vec<ListedSession>, StoreError>;
    /// Deletes one of a user's sessions. `None`: they have none of this id; else whether it was this one.
    async fn end_session_of(
        &self,
        user_id: &str,
        id: &str,
        this_session: &str,
        noted: Noted<'_>,
    ) -> Result<Option<EndedSession>, StoreError>;
    /// Deletes all sessions of a user.
    async fn end_all_sessions_of(&self, user_id: &str, noted: Noted<'_>) -> Result<(), StoreError>;
}

/// A session as its user sees it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ListedSession {
    /// Its id.
    pub id: String,
    /// From which device it began, as far as that was recognised: a code of [`crate::http::Device`].
    pub device: Option<String>,
    /// The name of the connection by which they came; `None`: the development sign-in.
    pub connection: Option<String>,
    /// Since when.
    pub created_at: Timestamp,
    /// When it was last used, or up to [`LAST_SEEN_PRECISION`] before.
    pub last_seen_at: Timestamp,
    /// Whether it is the one that asks.
    #[serde(deserialize_with = "sqlite_bool")]
    pub is_this: bool,
}

/// A session that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct EndedSession {
    /// Whether it was the one that asked.
    #[serde(deserialize_with = "sqlite_bool")]
    pub was_this: bool,
}
