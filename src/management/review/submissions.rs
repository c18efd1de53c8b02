//! What was submitted, frozen, and how it ended.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::json;
use crate::management::apps::settings::AppSettings;
use crate::management::cursor::{Cursor, Page, PageRequest};
use crate::store::StoreError;
use crate::store::database::{Database, Statement};
use crate::time::Timestamp;

/// How things stand with a submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubmissionStatus {
    /// It waits for a reviewer.
    Pending,
    /// A reviewer approved it.
    Approved,
    /// A reviewer refused it.
    Rejected,
    /// Its developer took it back or replaced it.
    Withdrawn,
}

impl SubmissionStatus {
    /// As it is stored and told.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// A submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// `sub_…`
    pub id: String,
    /// Of which app.
    pub client_id: String,
    /// 1 for an app's first.
    pub number: u32,
    /// How things stand with it.
    pub status: SubmissionStatus,
    /// The settings as they were submitted.
    pub content: AppSettings,
    /// What the developer account was called when it was made. Hostile until escaped.
    pub developer_name: String,
    /// Where and how the app can be tried.
    pub testing: String,
    /// Who submitted it: a user, or an app that acted for itself.
    pub submitted_by: String,
    /// When.
    pub submitted_at: Timestamp,
    /// Who decided it, or took it back.
    pub decided_by: Option<String>,
    /// When.
    pub decided_at: Option<Timestamp>,
    /// Why it was rejected.
    pub reason: Option<String>,
}

/// For whom a submission is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// Its developer, to whom a reviewer is nobody in particular.
    Developer,
    /// A reviewer.
    Reviewer,
}

#[derive(Deserialize)]
struct Row {
    id: String,
    client_id: String,
    number: u32,
    status: SubmissionStatus,
    content: String,
    developer_name: String,
    testing: String,
    submitted_by: String,
    submitted_at: Timestamp,
    decided_by: Option<String>,
    decided_at: Option<Timestamp>,
    reason: Option<String>,
}

impl TryFrom<Row> for Submission {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let content: AppSettings = json::from_str(&row.content).map_err(|error| StoreError {
            part: "d1",
            detail: error.to_string(),
        })?;
        Ok(Self {
            id: row.id,
            client_id: row.client_id,
            number: row.number,
            status: row.status,
            content: content.in_order(),
            developer_name: row.developer_name,
            testing: row.testing,
            submitted_by: row.submitted_by,
            submitted_at: row.submitted_at,
            decided_by: row.decided_by,
            decided_at: row.decided_at,
            reason: row.reason,
        })
    }
}

const COLUMNS: &str = "id, client_id, number, status, content, developer_name, testing, submitted_by, submitted_at, \
                       decided_by, decided_at, reason";

impl Submission {
    /// Reads one.
    pub async fn load(database: &impl Database, id: &str) -> Result<Option<Self>, StoreError> {
        let statement = Statement::new(format!("SELECT {COLUMNS} FROM submissions WHERE id = ?1")).text(id);
        let found = database.read(vec![statement]).await?;
        found.first::<Row>(0)?.map(Self::try_from).transpose()
    }

    /// Reads a page of an app's, the latest first.
    pub async fn list(database: &impl Database, client_id: &str, page: &PageRequest) -> Result<Page<Self>, StoreError> {
        let statement = Statement::new(format!(
            "SELECT {COLUMNS} FROM submissions WHERE client_id = ?1 AND number < ?2 ORDER BY number DESC LIMIT ?3"
        ));
        let before = page.after.as_ref().and_then(|cursor| u32::try_from(cursor.order).ok());
        let statement = statement
            .text(client_id)
            .number(before.unwrap_or(u32::MAX))
            .number(page.size + 1);
        let found = database.read(vec![statement]).await?;
        let rows: Result<Vec<_>, _> = found.rows::<Row>(0)?.into_iter().map(Self::try_from).collect();
        Ok(page.page(rows?, |last| Cursor {
            order: last.number.into(),
            id: last.id.clone(),
        }))
    }

    /// Reads what was approved last before this submission was made.
    pub async fn approved_before(&self, database: &impl Database) -> Result<Option<Self>, StoreError> {
        let statement = Statement::new(format!(
            "SELECT {COLUMNS} FROM submissions
             WHERE client_id = ?1 AND number < ?2 AND status = 'approved' ORDER BY number DESC LIMIT 1"
        ));
        let found = database
            .read(vec![statement.text(&self.client_id).number(self.number)])
            .await?;
        found.first::<Row>(0)?.map(Self::try_from).transpose()
    }

    /// Whether it waits for a reviewer.
    pub fn is_pending(&self) -> bool {
        self.status == SubmissionStatus::Pending
    }

    /// Its version, for its entity tag: it changes once, when it is decided or taken back.
    pub fn version(&self) -> u32 {
        if self.is_pending() { 1 } else { 2 }
    }

    /// As JSON.
    pub fn to_json(&self, reader: Reader) -> Value {
        let when = |status| {
            let at = self.decided_at.filter(|_| self.status == status);
            at.map(Timestamp::to_rfc3339)
        };
        let who = |status| {
            let by = self.decided_by.as_ref().filter(|_| self.status == status);
            by.cloned()
        };
        let mut members = json!({
            "id": self.id,
            "client_id": self.client_id,
            "number": self.number,
            "status": self.status.name(),
            "submitted_for_review_at": self.submitted_at.to_rfc3339(),
            "testing": self.testing,
            "content": self.content,
            "approved_at": when(SubmissionStatus::Approved),
            "rejected_at": when(SubmissionStatus::Rejected),
            "rejection_reason": self.reason,
            "withdrawn_at": when(SubmissionStatus::Withdrawn),
        });
        if let (Reader::Reviewer, Some(members)) = (reader, members.as_object_mut()) {
            members.insert("submitted_by".into(), json!(self.submitted_by));
            members.insert("approved_by".into(), json!(who(SubmissionStatus::Approved)));
            members.insert("rejected_by".into(), json!(who(SubmissionStatus::Rejected)));
        }
        members
    }
}
