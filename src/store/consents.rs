//! Consents, and the decisions that make them.

use std::rc::Rc;

use super::{Revoking, SignedIn, StoreError};
use crate::ledger::shard::Shard;
use crate::management::actor::Origin;
use crate::oauth::authorization_code::CodePayload;
use crate::oauth::client::App;
use crate::oauth::scope::Scopes;
use crate::oauth::standing::{Acquaintance, NotServed};
use crate::time::Timestamp;

/// How many installs of one app a user may have connected at once. The next one makes room by ending the one that was
/// unused for longest, so that an app which asks anew at every start cannot fill a list without end.
pub const MOST_INSTALLS: u32 = 20;

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
    /// The user's active consents for it: one for each install.
    pub consents: Vec<ActiveConsent>,
    /// What an app that is not reviewed has to do with the user; of a reviewed one nothing is told.
    pub acquaintance: Acquaintance,
}

/// A consent in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveConsent {
    /// Its id.
    pub id: String,
    /// Where its token families are kept.
    pub shard: Shard,
    /// The install it is for; empty where there is one connection only.
    pub instance: String,
    /// What was agreed to, now or earlier.
    pub scopes: Scopes,
    /// What the user left out when they were last asked about it.
    pub declined: Scopes,
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
    /// How many people may ever connect an app that nobody has reviewed.
    pub unverified_app_users: u32,
    /// What follows if the user agreed; `None`: they said no.
    pub approval: Option<Approval>,
    /// From where it was made, for the audit trail.
    pub origin: Origin,
}

/// What follows from a yes.
#[derive(Debug, Clone)]
pub struct Approval {
    /// The consent: the active one, or the id of a new one.
    pub consent_id: String,
    /// Where its token families are kept.
    pub shard: Shard,
    /// The install it is for; empty where there is one connection only.
    pub instance: String,
    /// Where the user agreed, as far as it was recognised: `firefox/linux`.
    pub device: Option<String>,
    /// Whether nobody was asked now: the consent must be in force and hold all of it already.
    pub remembered: bool,
    /// What the user could leave out and left out.
    pub declined: Scopes,
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
    /// Not decided: the session has ended, or may not be used for this.
    SignedOut,
    /// Not decided: the app does not serve this user any more, or its redirect URI is gone.
    NotServed(NotServed),
    /// Not decided: another consent for the same install came into force meanwhile.
    ConsentChanged(ActiveConsent),
    /// Not decided: the consent the request was to go by has been revoked meanwhile.
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
    /// Installs of this user that had to make room and still have to be ended in the ledger.
    pub displaced: Vec<Revoking>,
}
