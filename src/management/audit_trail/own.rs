//! What users are told of their own part of the audit trail: what happened to their account, and who did it as far as that
//! is theirs to know. Nobody else's id is in it, nor a name of the operator's people, nor what anybody typed.

use serde::Deserialize;
use serde_json::{Value, json};

use super::entry::AuditEntry;
use super::filter::AuditFilter;
use super::list;
use crate::json;
use crate::ledger::EndedBy;
use crate::management::cursor::{Page, PageRequest};
use crate::store::database::{Database, Statement};
use crate::store::{GrantedScope, StoreError};
use crate::time::Timestamp;
use crate::words::Language;

/// An entry of a user's own part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnEntry {
    /// `evt_…`
    pub id: String,
    /// When it happened.
    pub at: Timestamp,
    /// What: the name of the event.
    pub event: String,
    /// Who did it.
    pub by: By,
    /// The app it is about.
    pub client_id: Option<String>,
    /// What that is called today. Hostile until escaped.
    pub app_name: Option<String>,
    /// The connection it is about.
    pub consent_id: Option<String>,
    /// The session it is about.
    pub session_id: Option<String>,
    /// Why a connection ended.
    pub ended_by: Option<EndedBy>,
    /// What was newly allowed.
    pub scopes: Vec<String>,
    /// Whether an app was connected, or else allowed more.
    pub is_new: bool,
    /// The country it was done from, two letters: where they did it themselves, or whoever had a copy of a token of
    /// theirs.
    pub country: Option<String>,
}

/// Who did something, as the user concerned is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// They themselves.
    User,
    /// An app, or whoever came with its tokens.
    App,
    /// A developer.
    Developer,
    /// Somebody who works for the platform.
    Operator,
    /// The organization that manages the connection.
    Organization,
    /// Nobody: it was time.
    System,
}

/// What an entry's detail may tell its user.
#[derive(Default, Deserialize)]
struct Detail {
    consent_id: Option<String>,
    ended_by: Option<EndedBy>,
    #[serde(default)]
    scopes: Vec<String>,
    #[serde(default)]
    added_scopes: Vec<String>,
    is_new: Option<bool>,
}

/// A page of a user's own part, the newest first.
pub async fn of_user(
    database: &impl Database,
    user_id: &str,
    page: &PageRequest,
) -> Result<Page<OwnEntry>, StoreError> {
    let found = list(database, &AuditFilter::of_user(user_id), page).await?;
    let theirs = found.items.iter().filter_map(|entry| OwnEntry::new(entry, user_id));
    Ok(Page {
        items: theirs.collect(),
        next: found.next,
    })
}

/// The words of the scopes that were allowed, for a page in this language. No trip where there are none.
pub async fn permissions(
    database: &impl Database,
    entries: &[OwnEntry],
    language: Language,
) -> Result<Vec<GrantedScope>, StoreError> {
    let mut names: Vec<&String> = entries.iter().flat_map(|entry| &entry.scopes).collect();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    names.sort_unstable();
    names.dedup();
    // A scope that is gone is called by its name.
    let statement = Statement::new(
        "SELECT told.value AS scope, COALESCE(s.description, told.value) AS description,
                s.translations -> ?2 ->> 'description' AS translation
         FROM json_each(?1) AS told LEFT JOIN scopes s ON s.name = told.value",
    );
    let statement = statement.text(&json!(names).to_string()).text(language.tag());
    database.read(vec![statement]).await?.rows(0)
}

impl OwnEntry {
    /// What a user is told of an entry; nothing of one that is not about them.
    pub fn new(entry: &AuditEntry, user_id: &str) -> Option<Self> {
        if entry.user_id.as_deref() != Some(user_id) {
            return None;
        }
        let detail: Detail = json::from_value(entry.detail()).unwrap_or_default();
        let is_by_them = entry.actor_id.as_deref() == Some(user_id);
        let by = match (detail.ended_by, entry.actor_type.as_str()) {
            (Some(ended_by), _) => By::who_ends(ended_by),
            (None, _) if is_by_them => By::User,
            (None, "app") => By::App,
            (None, "system") => By::System,
            (None, _) if entry.event.starts_with("developer.") => By::Developer,
            (None, _) => By::Operator,
        };
        let shows_country = is_by_them || is_a_sign_of_theft(&entry.event);
        let of_type = |kind: &str| (entry.target_type == kind).then(|| entry.target_id.clone());
        Some(Self {
            id: entry.id.clone(),
            at: entry.at,
            event: entry.event.clone(),
            by,
            client_id: entry.client_id.clone(),
            app_name: entry.app_name.clone(),
            consent_id: detail.consent_id.or_else(|| of_type("consent")),
            session_id: of_type("session"),
            ended_by: detail.ended_by,
            is_new: detail.is_new.unwrap_or(detail.added_scopes == detail.scopes),
            scopes: detail.added_scopes,
            country: entry.country.clone().filter(|_| shows_country),
        })
    }

    /// The same for programs. `app_name`: cleaned, for whoever shows it as it comes.
    pub fn json(&self, app_name: Option<&str>) -> Value {
        json!({
            "id": self.id,
            "at": self.at.to_rfc3339(),
            "event": self.event,
            "by": self.by.name(),
            "client_id": self.client_id,
            "app_name": app_name,
            "consent_id": self.consent_id,
            "session_id": self.session_id,
            "ended_by": self.ended_by,
            "scopes": self.scopes,
            "country": self.country,
        })
    }
}

/// Whether somebody else may have used what only an app of the user's should have.
pub fn is_a_sign_of_theft(event: &str) -> bool {
    matches!(event, "refresh_token.reused" | "code.reused")
}

impl By {
    fn who_ends(ended_by: EndedBy) -> Self {
        match ended_by {
            EndedBy::User => Self::User,
            EndedBy::Unused | EndedBy::Displaced => Self::System,
            EndedBy::TesterRemoved | EndedBy::AppDeleted => Self::Developer,
            EndedBy::UserSuspended | EndedBy::Operator => Self::Operator,
            EndedBy::Organization => Self::Organization,
        }
    }

    /// As programs read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::App => "app",
            Self::Developer => "developer",
            Self::Operator => "operator",
            Self::Organization => "organization",
            Self::System => "system",
        }
    }
}
