//! Consents, and the decisions that make them.

use std::rc::Rc;

use serde::Deserialize;

use super::{SignedIn, StoreError};
use crate::ledger::shard::Shard;
use crate::oauth::authorization_code::CodePayload;
use crate::oauth::client::App;
use crate::oauth::scope::Scopes;
use crate::time::Timestamp;

/// Consents and the decisions that make them (D1).
#[allow(async_fn_in_trait, reason = "single-threaded: no caller needs Send")]
pub trait Consents {
    /// Everything an authorization request needs, in one trip and never from a cache.
    async fn authorization_view(
        &self,
        session: Option<&str>,
        client_id: &str,
        now: Timestamp,
    ) -> Result<AuthorizationView, StoreError>;
    /// Claims the request for this decision and writes all that follows from it in one transaction, on
    /// condition that app, user, session and consent still allow it; then reads back who won.
    async fn decide(&self, decision: &Decision, now: Timestamp) -> Result<DecisionState, StoreError>;
    /// Deletes what has expired: sessions, decisions, copies of codes.
    async fn delete_expired(&self, now: Timestamp) -> Result<(), StoreError>;
}

/// What an authorization request needs to know.
#[derive(Debug, Clone, Default)]
pub struct AuthorizationView {
    /// Who is signed in.
    pub signed_in: Option<SignedIn>,
    /// The app.
    pub app: Option<Rc<App>>,
    /// The user's active consent for it.
    pub consent: Option<ActiveConsent>,
}

/// A consent in force.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ActiveConsent {
    /// Its id.
    pub id: String,
    /// Where its token families are kept.
    pub shard: Shard,
    /// What was agreed to.
    pub scopes: Scopes,
}

/// A decision to write.
#[derive(Debug, Clone)]
pub struct Decision {
    /// The authorization request it decides.
    pub request_id: String,
    /// Tells this click from every other.
    pub attempt: String,
    /// The session it was made in.
    pub session: String,
    /// The user it binds.
    pub user_id: String,
    /// The app it is about.
    pub client_id: String,
    /// The app's epoch when it asked.
    pub app_epoch: u32,
    /// Where the answer goes: must still be registered, letter by letter.
    pub redirect_uri: String,
    /// What follows if the user agreed; `None`: they said no.
    pub approval: Option<Approval>,
}

/// What follows from a yes.
#[derive(Debug, Clone)]
pub struct Approval {
    /// The consent: the active one, or the id of a new one.
    pub consent_id: String,
    /// Where its token families are kept.
    pub shard: Shard,
    /// The hash of the code.
    pub code_hash: String,
    /// What the code stands for; its scopes are added to the consent.
    pub payload: CodePayload,
}

/// How a request stands after a decision was attempted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DecisionState {
    /// Decided, by this attempt or an earlier one.
    Decided(Decided),
    /// Not decided: the app, its redirect URI, the user or the session no longer allow it.
    Refused,
    /// Not decided: another consent for the same app came into force meanwhile.
    ConsentChanged(ActiveConsent),
    /// Not decided: the consent the request was shown with has been revoked meanwhile.
    ConsentRevoked,
}

/// A decided request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// The attempt that won.
    pub attempt: String,
    /// Who decided.
    pub user_id: String,
    /// When.
    pub at: Timestamp,
    /// Where the consent's token families are kept, if they agreed.
    pub shard: Option<Shard>,
}
