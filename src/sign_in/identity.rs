//! Who somebody is, as an identity provider or the platform's own sign-in page says.

use crate::time::Timestamp;

/// A person at whoever vouches for them. Issuer and subject alone tell people apart (OpenID Connect Core §5.7);
/// the names are for showing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Who vouches: `iss`.
    pub issuer: String,
    /// Who they are there: `sub`, at most 255 ASCII letters.
    pub subject: String,
    /// What they are called.
    pub name: Option<String>,
    /// What they know their account by: an e-mail address or a user name.
    pub account_name: Option<String>,
    /// When they proved it.
    pub auth_time: Timestamp,
}
