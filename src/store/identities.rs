//! Who people are at whoever vouches for them, and the connections by which they come.

use std::rc::Rc;

use super::{StoreError, User};
use crate::management::session_events::Noted;
use crate::oauth::secret::Secret;
use crate::sign_in::connection::Connection;
use crate::sign_in::identity::{Identity, Profile};
use crate::sign_in::known::KnownProviders;

/// The ways to sign in (D1), and what is remembered of the providers behind them (this isolate).
#[allow(async_fn_in_trait, reason = "single-threaded: no caller needs Send")]
pub trait Connections {
    /// The active connections in the operator's order; may be up to 8 seconds old.
    async fn connections(&self) -> Result<Rc<Vec<Connection>>, StoreError>;
    /// A Worker secret by its name.
    fn connection_secret(&self, name: &str) -> Option<Secret>;
    /// What is known of providers.
    fn known_providers(&self) -> Rc<KnownProviders>;
}

/// The users behind identities (D1).
#[allow(async_fn_in_trait, reason = "single-threaded: no caller needs Send")]
pub trait Identities {
    /// Finds the user of an identity, or makes one: in one transaction, so that two first sign-ins at once make one
    /// user. Issuer and subject alone decide who it is. The names are brought up to date. That somebody suspended came is
    /// entered in the audit trail.
    async fn arrive(&self, arrival: &Arrival<'_>) -> Result<Arrived, StoreError>;
}

/// Somebody who proved who they are.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    /// Who, to whoever vouches for them.
    pub identity: &'a Identity,
    /// What they are called, cleaned.
    pub profile: &'a Profile,
    /// By which connection they came.
    pub connection_id: &'a str,
    /// Should they be new: their id.
    pub new_id: &'a str,
    /// Should they be new: their user name, which nobody else has.
    pub new_username: &'a str,
    /// From where and when.
    pub noted: Noted<'a>,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrived {
    /// They are this user.
    User(User),
    /// They are a user who is suspended.
    Suspended,
    /// A user with the new id exists, and is not known to be this person.
    IdTaken,
}
