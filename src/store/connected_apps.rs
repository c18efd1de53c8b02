//! What users see of their consents, and take back.

use serde::Deserialize;

use super::StoreError;
use crate::ledger::shard::Shard;
use crate::time::Timestamp;
use crate::words::{Language, Phrase};

/// Connected apps (D1).
#[allow(async_fn_in_trait, reason = "single-threaded: no caller needs Send")]
pub trait ConnectedApps {
    /// A user's active consents, the newest first, with the words for their scopes in this language.
    async fn connected_apps(&self, user_id: &str, language: Language) -> Result<Vec<ConnectedApp>, StoreError>;
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
    /// The name of its logo in KV.
    pub logo: Option<String>,
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
    /// The catalogue's English words for it; the name where the catalogue has none any more.
    pub description: String,
    /// Its words in the language that was asked for.
    pub translation: Option<String>,
}

impl GrantedScope {
    /// Its words for a page in the language that was asked for.
    pub fn phrase(&self, language: Language) -> Phrase<'_> {
        Phrase::new(language, self.translation.as_deref(), &self.description)
    }
}

/// A consent on its way out.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Revoking {
    /// The consent.
    pub id: String,
    /// Where its token families are kept.
    pub shard: Shard,
}
