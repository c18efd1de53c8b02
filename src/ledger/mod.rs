//! The revocation ledger: what was redeemed, which token families live, what was ended.
//!
//! Pure. Each operation is a function of the stored rows and the time; it judges everything before it writes
//! anything. The Durable Object `RevocationLedger` runs each in one transaction; tests run the same functions
//! over rows in memory.

mod consent;
mod cuts;
pub mod event;
pub mod family;
mod once;
mod redemption;
pub mod shard;
pub mod status;
mod token;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::feed::AppCut;
use crate::management::actor::Origin;
use crate::oauth::grant::{AvailableScopes, EffectiveGrant};
use crate::oauth::scope::Scopes;
use crate::status_list::{Place, StatusList};
use crate::store::StoreError;
use crate::time::Timestamp;
pub use consent::{Asked, EndedBy, EndingConsent, StillUsed};
pub use cuts::LoggedCut;
use event::{Event, EventKind};
use family::{EndReason, Family};
pub use once::SingleUse;
use status::Listed;

/// How long an unused family lives, unless the app's record says otherwise.
pub const IDLE_LIFETIME: Duration = Duration::from_secs(60 * 24 * 3600);
/// How long a family lives at most; no app's record may say more.
pub const ABSOLUTE_LIFETIME: Duration = Duration::from_secs(365 * 24 * 3600);
/// How long a redeemed code is remembered after it expired.
const CODE_MEMORY: Duration = Duration::from_secs(10 * 60);
/// How many families may live under one consent: one for each device or install. One more, and the one that was
/// not used for longest ends.
pub const MAX_FAMILIES: usize = 20;
/// How many consents one operation may end: as many as keep its object from other work for a moment only.
pub const MAX_CONSENTS_AT_ONCE: usize = 500;

/// A question to one ledger object.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Redeem a code and start its token family.
    Redeem(Box<Redeem>),
    /// Exchange a refresh token.
    Refresh(Refresh),
    /// Is this access or refresh token still good?
    Inspect(Inspect),
    /// End one family: its app revoked it.
    EndFamily {
        /// The family.
        family: String,
        /// The app that asks.
        client_id: String,
        /// From where it asks, for the audit trail.
        #[serde(default)]
        origin: Option<Origin>,
    },
    /// End everything issued under these consents, for good: all of them, in one transaction. At most
    /// [`MAX_CONSENTS_AT_ONCE`].
    EndConsents {
        /// The consents.
        consents: Vec<EndingConsent>,
        /// One that is to end because it is unused lives on if it was used after this.
        unused_since: Timestamp,
        /// Who asks, for the audit trail. `None`: nobody, it is time or it broke off before.
        #[serde(default)]
        asked: Option<Asked>,
    },
    /// End one access token.
    EndToken {
        /// Its `jti`.
        jti: String,
        /// When it expires anyway.
        expires_at: Timestamp,
        /// Where it is on a status list.
        #[serde(default)]
        place: Option<Place>,
    },
    /// Use something that may be used once, where no family is involved.
    UseOnce(SingleUse),
    /// What was cut off since, for the revocation feed.
    Cuts {
        /// The number of the last entry that is known; 0: none is.
        after: u64,
    },
    /// The directory says that apps were cut off: what they have from before that is to be on the status lists.
    CutApps {
        /// The apps.
        apps: Vec<AppCut>,
    },
    /// The status list of a period.
    StatusList {
        /// Which: hours since 1970.
        period: u64,
    },
}

/// See [`Operation::Redeem`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Redeem {
    /// The hash of the code.
    pub code_hash: String,
    /// When the code expires.
    pub code_expires_at: Timestamp,
    /// Tells a retry of this redemption, whose reply was lost, from a second redemption.
    pub attempt: String,
    /// The hash of the new family's id.
    pub family: String,
    /// The app.
    pub client_id: String,
    /// Its epoch.
    pub app_epoch: u32,
    /// The user.
    pub user_id: String,
    /// The consent.
    pub consent_id: String,
    /// What was granted.
    pub scopes: Scopes,
    /// For which APIs.
    pub resources: Vec<String>,
    /// When the user signed in, or [unknown](crate::sign_in::auth_time::UNKNOWN).
    pub auth_time: Timestamp,
    /// The key its refresh tokens are bound to (RFC 9449 §5): its thumbprint.
    pub dpop_key: Option<String>,
    /// The DPoP proof that came with the code.
    pub proof: Option<SingleUse>,
    /// How long its refresh tokens live.
    pub lifetimes: Lifetimes,
    /// From where the request came, for the audit trail.
    #[serde(default)]
    pub origin: Option<Origin>,
    /// What is redeemed.
    #[serde(default)]
    pub kind: Redeemable,
    /// Seconds that the access token lives which is issued for it. `None`: it is to be on no status list.
    #[serde(default)]
    pub token_lifetime: Option<u32>,
}

/// What a family begins with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Redeemable {
    /// A code. That it comes twice means that somebody else has it: the tokens of the first die.
    #[default]
    Code,
    /// An assertion of an identity provider. Its client may have sent it again in good faith: nothing dies.
    Assertion,
}

/// How long refresh tokens live, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lifetimes {
    /// When they are not used.
    pub idle: u32,
    /// At most.
    pub absolute: u32,
}

/// See [`Operation::Refresh`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Refresh {
    /// The family named by the token.
    pub family: String,
    /// The generation named by the token.
    pub generation: u32,
    /// Tells a retry of this refresh, whose reply was lost, from a token that is sent again.
    pub attempt: String,
    /// The app that asks.
    pub client_id: String,
    /// Its epoch now.
    pub app_epoch: u32,
    /// Whether it proved who it is: then a late re-send is no sign of theft.
    pub authenticated: bool,
    /// Whether the token is replaced. Not for apps on the FAPI 2.0 profile (§5.3.2.1).
    pub rotates: bool,
    /// The key whose possession was proved: its thumbprint.
    pub dpop_key: Option<String>,
    /// The proof.
    pub proof: Option<SingleUse>,
    /// The scopes it asks for; must be among those granted.
    pub scopes: Option<Scopes>,
    /// The APIs it asks for, as it names them; must be among those granted.
    pub resources: Vec<String>,
    /// What the app may have today: of the grant no more than that is left.
    pub available: AvailableScopes,
    /// From where the request came, for the audit trail.
    #[serde(default)]
    pub origin: Option<Origin>,
    /// Seconds that the access token lives at most which is issued for it. `None`: it is to be on no status list.
    #[serde(default)]
    pub token_lifetime: Option<u32>,
}

/// See [`Operation::Inspect`].
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Inspect {
    /// The family the token belongs to.
    pub family: Option<String>,
    /// The generation, for a refresh token.
    pub generation: Option<u32>,
    /// The `jti`, for an access token.
    pub jti: Option<String>,
}

/// An answer of a ledger object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The code is redeemed; the family begins at generation 0. Its access token is on no status list.
    Redeemed,
    /// The same, and its access token is on a status list.
    RedeemedListed {
        /// Where.
        place: Place,
    },
    /// The refresh token is exchanged.
    Refreshed {
        /// The family as it is now, at its newest generation.
        family: Box<Family>,
        /// What the new access token allows.
        grant: EffectiveGrant,
        /// Where the new access token is on a status list.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        place: Option<Place>,
    },
    /// The token is good; the family behind it, if it has one.
    Active {
        /// The family.
        family: Option<Box<Family>>,
    },
    /// Ended as asked, now or before.
    Ended,
    /// The consents are ended, now or before.
    ConsentsEnded {
        /// But for these: they were to end because they are unused, and they are not.
        still_used: Vec<StillUsed>,
    },
    /// Used for the first time.
    FirstUse,
    /// What was cut off, the oldest first.
    Cuts {
        /// Some of it, or the rest.
        cuts: Vec<LoggedCut>,
        /// The number of the newest entry there is. Lower than one that is known: storage was rolled back, and all of it has
        /// to be read again.
        newest: u64,
    },
    /// A status list.
    StatusList {
        /// What it says.
        list: StatusList,
    },
    /// Not as asked, and why.
    Refused {
        /// Why.
        reason: Refusal,
    },
}

/// Why the ledger refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// The code was redeemed before; the family of the first redemption is ended now.
    CodeUsed,
    /// The code has expired by the ledger's clock.
    CodeExpired,
    /// The consent was revoked.
    ConsentEnded,
    /// No such family here.
    UnknownFamily,
    /// The family was ended.
    FamilyEnded {
        /// Why.
        cause: EndReason,
    },
    /// The family has expired.
    FamilyExpired,
    /// The family is another client's.
    OtherClient,
    /// The app was suspended or its tokens were recalled since.
    AppEpoch,
    /// An old refresh token came back; the family is ended now.
    TokenReused,
    /// An old refresh token came back so soon that it is taken for a lost race; the family lives on.
    TokenSuperseded,
    /// Nothing that was granted is available any more.
    NothingLeft,
    /// The scopes asked for belong to none of the resources asked for.
    NothingNamed,
    /// A scope outside the grant.
    ScopeExceeded,
    /// A resource outside the grant.
    ResourceExceeded,
    /// The token was revoked.
    TokenEnded,
    /// The refresh token is bound to another key than the one proved.
    OtherKey,
    /// Used before, though it may be used once.
    Replayed,
}

/// A redeemed code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedeemedCode {
    /// The redemption that won.
    pub attempt: String,
    /// The family it started.
    pub family: String,
}

/// The rows of one ledger object. The implementation makes one operation one transaction.
pub trait Rows {
    /// A redeemed code by its hash.
    fn code(&self, hash: &str) -> Result<Option<RedeemedCode>, StoreError>;
    /// Remembers a redeemed code until `until`.
    fn put_code(&mut self, hash: &str, code: &RedeemedCode, until: Timestamp) -> Result<(), StoreError>;
    /// A family by the hash of its id.
    fn family(&self, id: &str) -> Result<Option<Family>, StoreError>;
    /// Writes a family.
    fn put_family(&mut self, id: &str, family: &Family) -> Result<(), StoreError>;
    /// Forgets a family: nothing issued under it is good any more.
    fn remove_family(&mut self, id: &str) -> Result<(), StoreError>;
    /// Every family under a consent.
    fn families_of_consent(&self, consent_id: &str) -> Result<Vec<(String, Family)>, StoreError>;
    /// Whether a consent was ended.
    fn consent_ended(&self, consent_id: &str) -> Result<bool, StoreError>;
    /// Remembers until `until` that a consent was ended.
    fn end_consent(&mut self, consent_id: &str, until: Timestamp) -> Result<(), StoreError>;
    /// Whether an access token was ended.
    fn token_ended(&self, jti: &str) -> Result<bool, StoreError>;
    /// Remembers until `until` that an access token was ended.
    fn end_token(&mut self, jti: &str, until: Timestamp) -> Result<(), StoreError>;
    /// The attempt that used this name.
    fn single_use(&self, name: &str) -> Result<Option<String>, StoreError>;
    /// Remembers a use until it expires.
    fn put_single_use(&mut self, single_use: &SingleUse) -> Result<(), StoreError>;
    /// When a consent was last used, where the directory has not been told.
    fn untold_use(&self, consent_id: &str) -> Result<Option<Timestamp>, StoreError>;
    /// Notes that a consent was used.
    fn touch_consent(&mut self, consent_id: &str, now: Timestamp) -> Result<(), StoreError>;
    /// Writes down what was cut off.
    fn log_cut(&mut self, cut: &LoggedCut) -> Result<(), StoreError>;
    /// What was cut off, from the entry after this one on, the oldest first; so many at most.
    fn cuts_after(&self, number: u64, at_most: u32) -> Result<Vec<LoggedCut>, StoreError>;
    /// The highest number that any entry ever had.
    fn newest_cut(&self) -> Result<u64, StoreError>;
    /// The newest place on a status list that was given to a token.
    fn newest_place(&self) -> Result<Option<Place>, StoreError>;
    /// Notes that.
    fn put_newest_place(&mut self, place: Place) -> Result<(), StoreError>;
    /// Marks access tokens as revoked until they have expired.
    fn revoke_places(&mut self, listed: &[Listed]) -> Result<(), StoreError>;
    /// Marks the access tokens of an app that are from before its epoch: [`status::REVOKE_OF_APP`].
    fn revoke_places_of_app(&mut self, app: &AppCut, now: Timestamp) -> Result<(), StoreError>;
    /// What is marked on the list of a period and has not expired.
    fn revoked_places(&self, period: u64, now: Timestamp) -> Result<Vec<Place>, StoreError>;
    /// The first epoch of an app whose tokens are good, where that is known.
    fn app_cut(&self, client_id: &str) -> Result<Option<u32>, StoreError>;
    /// Remembers until `until` that an app was cut off.
    fn put_app_cut(&mut self, app: &AppCut, until: Timestamp) -> Result<(), StoreError>;
    /// Notes an event for the audit trail.
    fn note(&mut self, event: &Event) -> Result<(), StoreError>;
}

/// Carries out one operation.
pub fn apply(rows: &mut impl Rows, operation: &Operation, now: Timestamp) -> Result<Outcome, StoreError> {
    match operation {
        Operation::Redeem(redeem) => redemption::redeem(rows, redeem, now),
        Operation::Refresh(refresh) => token::refresh(rows, refresh, now),
        Operation::Inspect(inspect) => token::inspect(rows, inspect, now),
        Operation::EndFamily {
            family,
            client_id,
            origin,
        } => token::end_family(rows, family, client_id, origin.as_ref(), now),
        Operation::EndConsents {
            consents,
            unused_since,
            asked,
        } => consent::end_all(rows, consents, *unused_since, asked.as_ref(), now),
        Operation::EndToken { jti, expires_at, place } => token::end_token(rows, jti, *expires_at, *place, now),
        Operation::UseOnce(single_use) => once::use_once(rows, single_use, now),
        Operation::Cuts { after } => cuts::since(rows, *after),
        Operation::CutApps { apps } => status::cut_apps(rows, apps, now),
        Operation::StatusList { period } => {
            let list = status::list(rows, *period, now)?;
            Ok(Outcome::StatusList { list })
        }
    }
}

impl Lifetimes {
    /// When they are not used.
    pub fn idle(self) -> Duration {
        Duration::from_secs(self.idle.into())
    }

    /// At most; [`ABSOLUTE_LIFETIME`] is the end of everything, because ended consents are remembered that long.
    pub fn absolute(self) -> Duration {
        Duration::from_secs(self.absolute.into()).min(ABSOLUTE_LIFETIME)
    }
}

impl Default for Lifetimes {
    fn default() -> Self {
        let seconds = |lifetime: Duration| u32::try_from(lifetime.as_secs()).unwrap_or(u32::MAX);
        Self {
            idle: seconds(IDLE_LIFETIME),
            absolute: seconds(ABSOLUTE_LIFETIME),
        }
    }
}

impl From<Refusal> for Outcome {
    fn from(reason: Refusal) -> Self {
        Self::Refused { reason }
    }
}

/// Ends a family, if it lives, and keeps why. Whether it lived.
fn end(
    rows: &mut impl Rows,
    id: &str,
    family: &mut Family,
    reason: EndReason,
    now: Timestamp,
) -> Result<bool, StoreError> {
    if family.ended.is_some() {
        return Ok(false);
    }
    family.end(reason, now);
    rows.put_family(id, family)?;
    status::revoke_family(rows, family, now)?;
    // A consent's end is told as one.
    if reason != EndReason::ConsentRevoked {
        cuts::log_family(rows, id, now)?;
    }
    Ok(true)
}

#[cfg(test)]
mod tests;
