//! Users, and how they are signed in.

use serde::Deserialize;

use super::StoreError;
use crate::management::session_events::Noted;
use crate::time::Timestamp;

/// Users and their sessions (D1).
#[allow(async_fn_in_trait, reason = "single-threaded: no caller needs Send")]
pub trait Sessions {
    /// Who is signed in under this session; `None` too when it expired or the user is suspended.
    async fn session(&self, token_hash: &str, now: Timestamp) -> Result<Option<SignedIn>, StoreError>;
    /// An active user by name.
    async fn user_by_username(&self, username: &str) -> Result<Option<User>, StoreError>;
    /// Writes a session, and deletes the one it replaces.
    async fn begin_session(
        &self,
        session: &NewSession,
        replaces: Option<&str>,
        noted: Noted<'_>,
    ) -> Result<(), StoreError>;
    /// Deletes a session.
    async fn end_session(&self, token_hash: &str, noted: Noted<'_>) -> Result<(), StoreError>;
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct User {
    /// The claim `sub`.
    pub id: String,
    /// What they know their account by: an e-mail address, say, or their user name. Believed by nobody.
    pub username: String,
    /// The name shown to them.
    pub name: String,
}

/// A signed-in user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// The hash of the session token.
    pub session: String,
    /// Who.
    pub user: User,
    /// When they proved who they are, or [unknown](crate::sign_in::auth_time::UNKNOWN).
    pub auth_time: Timestamp,
    /// Whether they came by a connection of the whole domain: only then may they connect third-party apps.
    pub may_connect_apps: bool,
    /// Whether they came by a connection that is open to developers.
    pub may_develop: bool,
    /// Whether they administer an organization.
    pub administers: bool,
}

/// A session to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSession {
    /// The hash of its token.
    pub token_hash: String,
    /// Its id, which may be shown.
    pub id: String,
    /// Whose.
    pub user_id: String,
    /// By which connection they came; `None`: the development sign-in.
    pub connection_id: Option<String>,
    /// From which device, as far as it was recognised: `firefox/linux`.
    pub device: Option<String>,
    /// When the user proved who they are, or [unknown](crate::sign_in::auth_time::UNKNOWN).
    pub auth_time: Timestamp,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
}
