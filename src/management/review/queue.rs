//! What waits for a reviewer, the oldest first.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::case::Asks;
use crate::management::actor::Actor;
use crate::management::cursor::{Cursor, Page, PageRequest};
use crate::oauth::client::{AppType, sqlite_bool};
use crate::oauth::standing::{AppClass, AppStatus};
use crate::store::StoreError;
use crate::store::database::{Database, Statement};
use crate::time::Timestamp;

/// A submission that waits.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Waiting {
    /// The submission.
    pub id: String,
    /// The app.
    pub client_id: String,
    /// What it wants to be called.
    pub name: String,
    /// Who answers for it.
    pub developer_id: String,
    /// What they are called.
    pub developer_name: String,
    /// How the app came to be registered.
    pub class: AppClass,
    /// What kind of app it is.
    pub app_type: AppType,
    /// Its status.
    pub status: AppStatus,
    /// Which of the app's submissions this is.
    pub number: u32,
    /// When it was submitted.
    pub submitted_at: Timestamp,
    /// How many sensitive scopes it asks for.
    pub sensitive_scopes: u32,
    /// Whether a version of the app was approved before.
    #[serde(deserialize_with = "sqlite_bool")]
    pub was_approved: bool,
    /// Whether somebody else than whoever asks must decide it.
    #[serde(deserialize_with = "sqlite_bool")]
    pub is_own: bool,
}

/// Reads a page of the queue.
pub async fn list(database: &impl Database, actor: &Actor, page: &PageRequest) -> Result<Page<Waiting>, StoreError> {
    let asks = Asks {
        app: "s.client_id",
        user: "?4",
        own_app: "?5",
    };
    let statement = Statement::new(format!(
        "SELECT s.id, s.client_id, json_extract(s.content, '$.name') AS name, a.developer_id, d.name AS developer_name,
                a.class, a.app_type, a.status, s.number, s.submitted_at, a.approved_at IS NOT NULL AS was_approved,
                (SELECT count(*) FROM json_each(s.content, '$.scopes') wanted
                 JOIN scopes known ON known.name = json_extract(wanted.value, '$.scope')
                 WHERE known.sensitive = 1) AS sensitive_scopes,
                NOT ({} AND {}) AS is_own
         FROM submissions s JOIN apps a ON a.client_id = s.client_id JOIN developers d ON d.id = a.developer_id
         WHERE s.status = 'pending' AND (s.submitted_at, s.id) > (?1, ?2)
         ORDER BY s.submitted_at, s.id LIMIT ?3",
        asks.has_no_part(),
        asks.did_not_submit(),
    ));
    let after = page.after.as_ref().map_or(-1, |cursor| cursor.order);
    let statement = statement
        .time(Timestamp(after))
        .text(page.before_id())
        .number(page.size + 1)
        .optional_text(actor.user_id())
        .optional_text(actor.own_app());
    let found = database.read(vec![statement]).await?;
    Ok(page.page(found.rows(0)?, |last: &Waiting| Cursor {
        order: last.submitted_at.0,
        id: last.id.clone(),
    }))
}

impl Waiting {
    /// How long it has waited.
    pub fn age(&self, now: Timestamp) -> Duration {
        now - self.submitted_at
    }

    /// As JSON.
    pub fn to_json(&self, now: Timestamp) -> Value {
        json!({
            "id": self.id,
            "client_id": self.client_id,
            "name": self.name,
            "developer": { "id": self.developer_id, "name": self.developer_name },
            "class": self.class,
            "app_type": self.app_type,
            "status": self.status.name(),
            "number": self.number,
            "submitted_for_review_at": self.submitted_at.to_rfc3339(),
            "age_seconds": self.age(now).as_secs(),
            "sensitive_scopes": self.sensitive_scopes,
            "was_approved": self.was_approved,
            "is_own": self.is_own,
        })
    }
}

/// How long something has waited, in words: the largest unit that fits.
pub fn age_in_words(age: Duration) -> String {
    let minutes = age.as_secs() / 60;
    let (count, unit) = match minutes {
        0 => return "less than a minute".into(),
        1..60 => (minutes, "minute"),
        60..2880 => (minutes / 60, "hour"),
        _ => (minutes / 1440, "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_told_in_the_largest_unit_that_fits() {
        let words = |seconds| age_in_words(Duration::from_secs(seconds));
        assert_eq!(words(59), "less than a minute");
        assert_eq!(words(60), "1 minute");
        assert_eq!(words(3599), "59 minutes");
        assert_eq!(words(3600), "1 hour");
        assert_eq!(words(47 * 3600), "47 hours");
        assert_eq!(words(48 * 3600), "2 days");
    }
}
