//! What the ledger tells the audit trail. No token and no code is in it, only hashes and ids.

use serde::{Deserialize, Serialize};

use super::consent::EndedBy;
use super::family::Family;
use crate::crypto::hash;
use crate::management::actor::Origin;
use crate::time::Timestamp;

/// Something that happened, noted in the transaction in which it happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Made of what tells it from other events, so that it is entered once however often it is told.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: EventKind,
    /// Who did it, as far as the ledger can know.
    pub actor: Actor,
    /// The consent it happened under.
    pub consent_id: String,
    /// The family it happened to: its hash. `None`: to the whole consent.
    pub family: Option<String>,
    /// The app, where the ledger knows it; else the directory does.
    pub client_id: Option<String>,
    /// The user, where the ledger knows them; else the directory does.
    pub user_id: Option<String>,
    /// The generation a family was at.
    pub generation: Option<u32>,
    /// The generation of the token that was presented.
    pub presented: Option<u32>,
    /// Why a consent was ended.
    pub ended_by: Option<EndedBy>,
    /// From where the request came that brought it about. `None`: no request did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventKind {
    /// An old refresh token came back; the family is ended.
    #[serde(rename = "refresh_token.reused")]
    RefreshTokenReused,
    /// A code was redeemed a second time; the family of the first is ended.
    #[serde(rename = "code.reused")]
    CodeReused,
    /// A token of a generation that the family has not reached: storage was rolled back, the family caught up.
    #[serde(rename = "ledger.rolled_back")]
    RolledBack,
    /// One install too many: the family that was not used for longest made room.
    #[serde(rename = "family.displaced")]
    FamilyDisplaced,
    /// The app revoked the family.
    #[serde(rename = "family.revoked")]
    FamilyRevoked,
    /// The consent was ended, and every family under it.
    #[serde(rename = "consent.ended")]
    ConsentEnded,
}

/// Who did it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// The app, or whoever came with its tokens.
    App,
    /// The user.
    User,
    /// Latchkey itself.
    System,
}

impl EventKind {
    /// Whether somebody may be waiting to act on it: signs of theft, and of storage that lost something.
    pub fn is_urgent(self) -> bool {
        matches!(self, Self::RefreshTokenReused | Self::CodeReused | Self::RolledBack)
    }

    fn actor(self) -> Actor {
        match self {
            Self::RolledBack | Self::ConsentEnded => Actor::System,
            _ => Actor::App,
        }
    }
}

impl Event {
    /// An event of a family. `presented`: the generation of the token that brought it about.
    pub fn of_family(kind: EventKind, id: &str, family: &Family, presented: Option<u32>, at: Timestamp) -> Self {
        Self {
            family: Some(id.to_owned()),
            client_id: Some(family.client_id.clone()),
            user_id: Some(family.user_id.clone()),
            generation: Some(family.generation),
            presented,
            ..Self::new(kind, id, &family.consent_id, at)
        }
    }

    /// A consent was ended, by its user or else by Latchkey itself.
    pub fn consent_ended(consent_id: &str, by: EndedBy, at: Timestamp) -> Self {
        let event = Self::new(EventKind::ConsentEnded, consent_id, consent_id, at);
        let actor = match by {
            EndedBy::User => Actor::User,
            EndedBy::Unused
            | EndedBy::Displaced
            | EndedBy::UserSuspended
            | EndedBy::TesterRemoved
            | EndedBy::Operator
            | EndedBy::AppDeleted
            | EndedBy::Organization => event.actor,
        };
        Self {
            actor,
            ended_by: Some(by),
            ..event
        }
    }

    /// The same, brought about by a request from there.
    pub fn asked_from(self, origin: Option<&Origin>) -> Self {
        Self {
            origin: origin.cloned(),
            ..self
        }
    }

    /// The same thing happens to the same family or consent once in a millisecond.
    fn new(kind: EventKind, subject: &str, consent_id: &str, at: Timestamp) -> Self {
        Self {
            id: format!("evt_{}", hash(&format!("{kind:?} {} {subject}", at.0))),
            at,
            kind,
            actor: kind.actor(),
            consent_id: consent_id.to_owned(),
            family: None,
            client_id: None,
            user_id: None,
            generation: None,
            presented: None,
            ended_by: None,
            origin: None,
        }
    }
}
