//! What the endpoints need of storage, as small traits. `edge` implements them on Cloudflare; `memory` is
//! their twin for tests, which can fail on purpose.

mod error;
#[cfg(test)]
pub mod memory;

pub use error::StoreError;

use std::rc::Rc;

use serde::Deserialize;

use crate::crypto::signing::SigningAlgorithm;
use crate::keyring::PublicKeys;
use crate::ledger::shard::Shard;
use crate::ledger::{Operation, Outcome};
use crate::oauth::authorization_code::CodePayload;
use crate::oauth::client::App;
use crate::oauth::jwk::PublicKey;
use crate::oauth::jws::SignedJwt;
use crate::oauth::scope::Scopes;
use crate::time::Timestamp;

/// Everything an endpoint may ask of storage.
pub trait Stores: Apps + Sessions + Consents + Codes + Ledger + Signer + ClientSignatures + Limits + Probe {}

impl<T: Apps + Sessions + Consents + Codes + Ledger + Signer + ClientSignatures + Limits + Probe> Stores for T {}

/// Apps and APIs (D1).
#[allow(async_fn_in_trait, reason = "single-threaded: no caller needs Send")]
pub trait Apps {
    /// An app by its client id; may be up to 8 seconds old.
    async fn app(&self, client_id: &str) -> Result<Option<Rc<App>>, StoreError>;
    /// The credential an API introspects with; may be up to 8 seconds old.
    async fn api_credential(&self, id: &str) -> Result<Option<Rc<ApiCredential>>, StoreError>;
}

/// Users and their sessions (D1).
#[allow(async_fn_in_trait, reason = "single-threaded: no caller needs Send")]
pub trait Sessions {
    /// Who is signed in under this session; `None` too when it expired or the user is suspended.
    async fn session(&self, token_hash: &str, now: Timestamp) -> Result<Option<SignedIn>, StoreError>;
    /// An active user by name.
    async fn user_by_username(&self, username: &str) -> Result<Option<User>, StoreError>;
    /// Writes a session, and deletes the one it replaces.
    async fn begin_session(&self, session: &NewSession, replaces: Option<&str>) -> Result<(), StoreError>;
    /// Deletes a session.
    async fn end_session(&self, token_hash: &str) -> Result<(), StoreError>;
}

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
    /// A user's active consents, the newest first.
    async fn connected_apps(&self, user_id: &str) -> Result<Vec<ConnectedApp>, StoreError>;
    /// Takes a consent of this user out of use: `active` becomes `revoking`. `None`: no such consent of theirs.
    async fn begin_revoking(
        &self,
        consent_id: &str,
        user_id: &str,
        now: Timestamp,
    ) -> Result<Option<Revoking>, StoreError>;
    /// `revoking` becomes `revoked`, once the ledger has ended everything.
    async fn finish_revoking(&self, consent_id: &str) -> Result<(), StoreError>;
    /// Consents whose revocation broke off.
    async fn unfinished_revocations(&self) -> Result<Vec<Revoking>, StoreError>;
    /// Deletes what has expired: sessions, decisions, copies of codes.
    async fn delete_expired(&self, now: Timestamp) -> Result<(), StoreError>;
}

/// Codes on their way (KV, with a copy in D1).
#[allow(async_fn_in_trait, reason = "single-threaded: no caller needs Send")]
pub trait Codes {
    /// Writes a code's payload to KV.
    async fn put_code(&self, hash: &str, payload: &CodePayload) -> Result<(), StoreError>;
    /// Reads a code's payload from KV; a miss says nothing.
    async fn code(&self, hash: &str) -> Result<Option<CodePayload>, StoreError>;
    /// Reads the copy in D1.
    async fn code_copy(&self, hash: &str) -> Result<Option<CodePayload>, StoreError>;
}

/// The revocation ledger (Durable Objects).
#[allow(async_fn_in_trait, reason = "single-threaded: no caller needs Send")]
pub trait Ledger {
    /// Carries out one operation in one transaction. After an error nobody knows whether it happened.
    async fn ledger(&self, shard: Shard, operation: &Operation) -> Result<Outcome, StoreError>;
}

/// The signing keys (the `Keyring` object, WebCrypto).
#[allow(async_fn_in_trait, reason = "single-threaded: no caller needs Send")]
pub trait Signer {
    /// A private key, ready for use.
    type Key;
    /// The keys to sign with now.
    async fn signing_keys(&self) -> Result<SigningKeys<Self::Key>, StoreError>;
    /// Signs with the key's own algorithm (RFC 7518 §3.3, §3.4).
    async fn sign(&self, key: &Self::Key, message: &[u8]) -> Result<Vec<u8>, StoreError>;
    /// Whether the signature is good; `false` too when no key has this name or it is one for another algorithm.
    async fn verify(
        &self,
        kid: &str,
        algorithm: SigningAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<bool, StoreError>;
    /// The public keys.
    async fn public_keys(&self) -> Result<PublicKeys, StoreError>;
    /// Replaces and removes the keys whose time has come.
    async fn maintain_keys(&self) -> Result<(), StoreError>;
}

/// A key to sign with for each algorithm.
#[derive(Debug, Clone)]
pub struct SigningKeys<K> {
    /// For ES256.
    pub es256: NamedKey<K>,
    /// For RS256.
    pub rs256: NamedKey<K>,
}

/// A private key, ready for use, and its name.
#[derive(Debug, Clone)]
pub struct NamedKey<K> {
    /// `kid`
    pub kid: String,
    /// The key.
    pub key: K,
}

impl<K> SigningKeys<K> {
    /// The key for an algorithm.
    pub fn of(&self, algorithm: SigningAlgorithm) -> &NamedKey<K> {
        match algorithm {
            SigningAlgorithm::Es256 => &self.es256,
            SigningAlgorithm::Rs256 => &self.rs256,
        }
    }
}

/// Signatures that clients make (WebCrypto).
#[allow(async_fn_in_trait, reason = "single-threaded: no caller needs Send")]
pub trait ClientSignatures {
    /// Whether this key made the signature of this JWT. A key that is none (a point off the curve) made none.
    async fn is_signed_by(&self, key: &PublicKey, jwt: &SignedJwt<'_>) -> bool;
}

/// Asking each part of storage whether it answers.
#[allow(async_fn_in_trait, reason = "single-threaded: no caller needs Send")]
pub trait Probe {
    /// How storage is, at most a few seconds ago. `shard` is the ledger object to ask.
    async fn health(&self, shard: Shard) -> Health;
}

/// Which parts of storage answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Health {
    /// The database, with its tables.
    pub d1: bool,
    /// KV.
    pub kv: bool,
    /// A ledger object.
    pub ledger: bool,
    /// The signing keys are at hand.
    pub keyring: bool,
}

/// The counters behind the rate limits (Rate Limiting bindings). Counting costs no trip to storage.
#[allow(async_fn_in_trait, reason = "single-threaded: no caller needs Send")]
pub trait Limits {
    /// Counts one request under this key. False when the limit had been reached before; what is refused does not
    /// count.
    async fn within(&self, limit: Limit, key: &str) -> Result<bool, StoreError>;
}

/// A limit the operator sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Limit {
    /// Requests of programs from one address.
    Address,
    /// Requests from one address that name one client, which need not be that client's.
    ClientAtAddress,
    /// Requests of one client that proved who it is.
    Client,
    /// Attempts to sign in from one address.
    SignIn,
}

impl Limit {
    /// Its name in the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::ClientAtAddress => "client_at_address",
            Self::Client => "client",
            Self::SignIn => "sign_in",
        }
    }
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct User {
    /// The claim `sub`.
    pub id: String,
    /// The name they sign in with.
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
    /// When they proved who they are.
    pub auth_time: Timestamp,
}

/// A session to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSession {
    /// The hash of its token.
    pub token_hash: String,
    /// Whose.
    pub user_id: String,
    /// Since when, which is when the user proved who they are.
    pub created_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
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

/// A consent as its user sees it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ConnectedApp {
    /// The consent.
    pub consent_id: String,
    /// The app's name. Hostile until escaped.
    pub name: String,
    /// What it says it does. Hostile until escaped.
    pub description: String,
    /// Its logo.
    pub logo_url: Option<String>,
    /// Who answers for it. Hostile until escaped.
    pub developer_name: String,
    /// What was agreed to, with the catalogue's words for it.
    pub scopes: Vec<GrantedScope>,
    /// Since when.
    pub connected_at: Timestamp,
    /// When it last got a token.
    pub last_used_at: Option<Timestamp>,
}

/// A scope that was agreed to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct GrantedScope {
    /// Its name.
    pub scope: String,
    /// The catalogue's words for it; the name where the catalogue has none any more.
    pub description: String,
}

/// A consent on its way out.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Revoking {
    /// The consent.
    pub id: String,
    /// Where its token families are kept.
    pub shard: Shard,
}

/// With what an API calls introspection.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ApiCredential {
    /// The hash of its secret.
    pub secret_hash: String,
    /// The API's resource indicator.
    pub resource: String,
}
