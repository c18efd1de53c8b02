//! What users see of their consents, and take back.

use std::fmt;

use serde::Deserialize;

use super::StoreError;
use crate::consent_expiry::{UnusedLifetime, Use};
use crate::ledger::shard::Shard;
use crate::ledger::{EndedBy, StillUsed};
use crate::time::Timestamp;
use crate::words::{Language, Phrase};

/// Connected apps (D1).
#[allow(async_fn_in_trait, reason = "single-threaded: no caller needs Send")]
pub trait ConnectedApps {
    /// A page of a user's consents that are in force or being revoked, the newest first, with the words
    /// for their scopes in this language. What it costs depends on its length alone.
    async fn connected_apps(&self, user_id: &str, page: &ListPage, language: Language) -> Result<Listed, StoreError>;
    /// What a user would lose. `None`: they never had any of it.
    async fn at_stake(&self, user_id: &str, what: Revocable<'_>) -> Result<Option<AtStake>, StoreError>;
    /// Takes consents of this user out of use, all at once: `active` becomes `revoking`. Also tells which are
    /// `revoking` from before. `None`: they never had any of it.
    async fn begin_revoking(
        &self,
        user_id: &str,
        what: Revocable<'_>,
        now: Timestamp,
    ) -> Result<Option<Unfinished>, StoreError>;
    /// `revoking` becomes `revoked`, once the ledger has ended everything.
    async fn finish_revoking(&self, consent_ids: &[&str]) -> Result<(), StoreError>;
    /// Puts consents back in force that were to end because they are unused, and are not; unless another took the
    /// place meanwhile, or their user revoked them.
    async fn keep_used(&self, still_used: &[StillUsed]) -> Result<(), StoreError>;
    /// Notes some of the consents that will soon end unused, with a row each in the audit trail, and takes some out of
    /// use whose time has come.
    async fn expire_unused(&self, lifetime: UnusedLifetime, now: Timestamp) -> Result<(), StoreError>;
    /// Some of the consents whose revocation is not finished.
    async fn unfinished_revocations(&self) -> Result<Vec<Revoking>, StoreError>;
}

/// Which part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListPage {
    /// What came before; `None`: the first page.
    pub after: Option<Cursor>,
    /// How many consents.
    pub size: u8,
}

/// The last consent of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// Since when it is connected.
    pub connected_at: Timestamp,
    /// Its id.
    pub consent_id: String,
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// What is on it.
    pub apps: Vec<ConnectedApp>,
    /// Where the next page begins, if there is one.
    pub next: Option<Cursor>,
}

/// A consent as its user sees it. Names are hostile until escaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectedApp {
    /// The consent.
    pub consent_id: String,
    /// The app's client id.
    pub client_id: String,
    /// The app; `None`: it is gone.
    pub app: Option<AppFace>,
    /// Where the user agreed, as far as it was recognised: `firefox/linux`.
    pub device: Option<String>,
    /// The organization that agreed in the user's place and manages it, by its name. Hostile until escaped.
    pub organization: Option<String>,
    /// What was agreed to, with the catalogue's words for it.
    pub scopes: Vec<GrantedScope>,
    /// When it was and will be used.
    pub usage: Use,
    /// Whether it is on its way out.
    pub is_ending: bool,
}

/// How an app presents itself. Hostile until escaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppFace {
    /// Its name.
    pub name: String,
    /// What it says it does.
    pub description: String,
    /// The name of its logo.
    pub logo: Option<String>,
    /// Who answers for it; `None`: they are gone.
    pub developer_name: Option<String>,
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

/// What a user can take back at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revocable<'a> {
    /// One consent, by its id.
    Consent(&'a str),
    /// Every consent for an app, by its client id.
    App(&'a str),
    /// Every consent there is.
    Everything,
}

/// What a user would lose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AtStake {
    /// How many consents that are not ended yet.
    pub connections: u32,
    /// The app, where it is about one; `None` too when it is gone.
    pub app: Option<AppFace>,
    /// The device of a single consent.
    pub device: Option<String>,
}

/// Consents out of use whose tokens may still live.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unfinished {
    /// As many as are dealt with at once.
    pub revoking: Vec<Revoking>,
    /// How many there are.
    pub count: u32,
}

/// A consent on its way out.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Revoking {
    /// The consent.
    pub id: String,
    /// Where its token families are kept.
    pub shard: Shard,
    /// Why it ends.
    pub ended_by: EndedBy,
}

impl Cursor {
    /// Reads a cursor that [`fmt::Display`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let (time, id) = text.split_once('.')?;
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let is_time = (1..=15).contains(&time.len()) && time.bytes().all(|byte| byte.is_ascii_digit());
        let is_id = (1..=64).contains(&id.len()) && id.bytes().all(fits);
        if !is_time || !is_id {
            return None;
        }
        Some(Self {
            connected_at: Timestamp(time.parse().ok()?),
            consent_id: id.to_owned(),
        })
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.connected_at.0, self.consent_id)
    }
}

impl Listed {
    /// A page of `size`, from what was found in order when one more was asked for.
    pub fn of(mut found: Vec<ConnectedApp>, size: u8) -> Self {
        let has_more = found.len() > usize::from(size);
        found.truncate(size.into());
        let next = found.last().filter(|_| has_more).map(|last| Cursor {
            connected_at: last.usage.connected_at,
            consent_id: last.consent_id.clone(),
        });
        Self { apps: found, next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_went() {
        let cursor = Cursor {
            connected_at: Timestamp(1_800_000_000_000),
            consent_id: "cns_0aZ".into(),
        };
        assert_eq!(Cursor::parse(&cursor.to_string()), Some(cursor));
    }

    #[test]
    fn what_is_no_cursor_is_none() {
        let too_long = format!("1.{}", "x".repeat(65));
        for text in [
            "",
            ".",
            "1.",
            ".x",
            "1",
            "-1.x",
            "1.x.y",
            "1.x y",
            "1.x'",
            "1.\u{e9}",
            "1e3.x",
            "9999999999999999.x",
            &too_long,
        ] {
            assert_eq!(Cursor::parse(text), None, "{text}");
        }
    }
}
