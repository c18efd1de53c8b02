//! What the endpoints need of storage, as small traits. `edge` implements them on Cloudflare; `memory` is
//! their twin for tests, which can fail on purpose.

mod connected_apps;
mod consents;
pub mod database;
mod error;
mod identities;
mod logos;
#[cfg(test)]
pub mod memory;
mod people;
mod session_list;

pub use connected_apps::{
    AppFace, AtStake, ConnectedApp, ConnectedApps, Cursor, GrantedScope, ListPage, Listed, Revocable, Revoking,
    Unfinished,
};
pub use consents::{
    ActiveConsent, Approval, AuthorizationView, Consents, Decided, Decision, DecisionState, MOST_INSTALLS,
};
pub use database::Database;
pub use error::StoreError;
pub use identities::{Arrival, Arrived, Connections, Identities};
pub use logos::Logos;
pub use people::{NewSession, Sessions, SignedIn, User};
pub use session_list::{EndedSession, LAST_SEEN_PRECISION, ListedSession, MOST_LISTED_SESSIONS, SessionList};

use std::rc::Rc;
use std::time::Duration;

use serde::Deserialize;

use crate::crypto::signing::SigningAlgorithm;
use crate::feed::copies::Copies;
use crate::feed::gather::Gathered;
use crate::feed::region::Region;
use crate::guard::apis::GuardedApis;
use crate::guard::identity::KnownIdentities;
use crate::keyring::PublicKeys;
use crate::ledger::shard::Shard;
use crate::ledger::{Operation, Outcome};
use crate::limits::CallCounters;
use crate::oauth::authorization_code::CodePayload;
use crate::oauth::client::App;
use crate::oauth::client_keys::KnownClientKeys;
use crate::oauth::jwk::PublicKey;
use crate::oauth::jws::SignedJwt;
use crate::status_list::{ListName, StatusList};
use crate::time::Timestamp;
use crate::web::Web;
use crate::words::Language;

macro_rules! stores {
    ($($part:ident)*) => {
        /// Everything an endpoint may ask of storage, and of the web.
        pub trait Stores: $($part +)* {}
        impl<T: $($part +)*> Stores for T {}
    };
}

stores! {
    Apps Sessions SessionList Connections Identities Web Consents ConnectedApps Codes Logos Ledger Feed StatusLists Guarding
    Patience Signer ClientSignatures Countries Limits CallCounters Probe Database
}

/// Apps and APIs (D1).
#[allow(async_fn_in_trait, reason = "single-threaded: no caller needs Send")]
pub trait Apps {
    /// An app by its client id; may be up to 8 seconds old.
    async fn app(&self, client_id: &str) -> Result<Option<Rc<App>>, StoreError>;
    /// The same, read at `since` or later.
    async fn app_since(&self, client_id: &str, since: Timestamp) -> Result<Option<Rc<App>>, StoreError>;
    /// What is known of the keys that apps keep at addresses of their own.
    fn known_client_keys(&self) -> Rc<KnownClientKeys>;
    /// The credential an API introspects with; may be up to 8 seconds old.
    async fn api_credential(&self, id: &str) -> Result<Option<Rc<ApiCredential>>, StoreError>;
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

/// The revocation feed (Durable Objects).
#[allow(async_fn_in_trait, reason = "single-threaded: no caller needs Send")]
pub trait Feed {
    /// What the ledgers of a region and the directory cut off, as far as it is new to whoever knows this entry. While there
    /// is nothing new it is waited for, so long. An error, too: so many wait already that nobody else may.
    async fn feed(&self, region: Region, after: u64, wait: Duration) -> Result<Gathered, StoreError>;
}

/// The Token Status Lists (Durable Objects).
#[allow(async_fn_in_trait, reason = "single-threaded: no caller needs Send")]
pub trait StatusLists {
    /// A list, as a ledger object and the directory have it.
    async fn status_list(&self, name: ListName) -> Result<StatusList, StoreError>;
}

/// What the guard of the APIs keeps at hand.
#[allow(async_fn_in_trait, reason = "single-threaded: no caller needs Send")]
pub trait Guarding {
    /// All APIs with their rules (D1); may be up to 8 seconds old.
    async fn guarded_apis(&self) -> Result<Rc<GuardedApis>, StoreError>;
    /// The copies of the feed.
    fn feed_copies(&self) -> Rc<Copies>;
    /// The identities that were signed lately.
    fn known_identities(&self) -> Rc<KnownIdentities>;
}

/// Waiting no longer than somebody has time.
#[allow(async_fn_in_trait, reason = "single-threaded: no caller needs Send")]
pub trait Patience {
    /// What some work of this part of storage comes to. An error: it took longer, and nobody knows what becomes of it.
    async fn at_most<T>(
        &self,
        time: Duration,
        part: &'static str,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError>;
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

/// What countries are called (the platform's own tables).
pub trait Countries {
    /// The name in this language of the country with this code of two letters. `None` where it has none: Tor has a code too.
    fn country_name(&self, code: &str, language: Language) -> Option<String>;
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
    /// Calls to APIs from one address without a token of ours.
    Strangers,
    /// Attempts to sign in from one address.
    SignIn,
    /// Changes by the portal, the console and their APIs, of whoever makes them.
    Changes,
    /// What is read there, by whoever reads it.
    Reads,
    /// Access tokens that one client ends one by one.
    EndedTokens,
}

impl Limit {
    /// Its name in the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::ClientAtAddress => "client_at_address",
            Self::Client => "client",
            Self::Strangers => "strangers",
            Self::SignIn => "sign_in",
            Self::Changes => "changes",
            Self::Reads => "reads",
            Self::EndedTokens => "ended_tokens",
        }
    }
}

/// With what an API calls introspection.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ApiCredential {
    /// The hash of its secret.
    pub secret_hash: String,
    /// The API's resource indicator.
    pub resource: String,
}
