//! Apps, as those who manage and review them see them.

pub mod account;
pub mod catalogue;
pub mod claim;
pub mod deletion;
pub mod edit;
pub mod founding;
pub mod list;
pub mod quick_start;
pub mod registration;
pub mod settings;
#[cfg(test)]
mod tests;

use serde::Deserialize;

use self::settings::AppSettings;
use super::actor::{Actor, Member};
use super::problem::Problem;
use super::review::state::{Life, Refusal};
use crate::json;
use crate::oauth::client::AppType;
use crate::oauth::standing::{AppClass, AppStatus};
use crate::registration::UNCLAIMED;
use crate::store::StoreError;
use crate::store::database::{Database, Statement};
use crate::time::Timestamp;

/// An app, with its settings in force and its working copy.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AppRecord {
    /// Its public identifier.
    pub client_id: String,
    /// The developer account that answers for it.
    pub developer_id: String,
    /// What that is called. Hostile until escaped.
    pub developer_name: String,
    /// What it was called when the app was approved last, which is what users read.
    pub approved_developer_name: Option<String>,
    /// What kind of app it is.
    pub app_type: AppType,
    /// How it came to be registered.
    pub class: AppClass,
    /// Whether it may be used.
    pub status: AppStatus,
    /// Rises when every token of it must die.
    pub epoch: u32,
    /// Rises with every change: its entity tag.
    pub version: u32,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When it was approved last.
    pub approved_at: Option<Timestamp>,
    /// What counts today.
    pub in_force: AppSettings,
    /// What its developers have made of that.
    pub(in crate::management) draft: Option<AppSettings>,
    /// The submission that waits for its decision.
    pub pending: Option<String>,
    /// How many submissions it has had.
    pub submissions: u32,
    /// Whether the last of them was rejected.
    last_was_rejected: bool,
    /// Whether any of them was.
    was_rejected: bool,
}

impl AppRecord {
    /// The settings its developers edit.
    pub fn working_copy(&self) -> &AppSettings {
        self.draft.as_ref().unwrap_or(&self.in_force)
    }

    /// Whether it is a stranger's: it registered itself, and no developer account has claimed it.
    pub fn is_unclaimed(&self) -> bool {
        self.developer_id == UNCLAIMED
    }

    /// Whether an approved app has edits that no reviewer has approved.
    pub fn has_unreviewed_edits(&self) -> bool {
        self.approved_at.is_some() && self.draft.is_some()
    }

    /// How things stand with it.
    pub fn life(&self) -> Life {
        let is_rejected = self.status == AppStatus::Rejected || self.last_was_rejected;
        Life {
            status: self.status,
            was_approved: self.approved_at.is_some(),
            is_pending: self.pending.is_some(),
            refusal: match self.class.is_self_registered() {
                _ if self.approved_at.is_some() => Refusal::None,
                true if is_rejected || self.was_rejected => Refusal::UntilApproved,
                false if is_rejected => Refusal::UntilMended,
                _ => Refusal::None,
            },
        }
    }

    /// Refuses what was meant for another version of it (`If-Match`).
    pub fn expect(&self, version: Option<u32>) -> Result<(), Problem> {
        match version {
            Some(version) if version != self.version => Err(Problem::Changed),
            _ => Ok(()),
        }
    }

    /// Lets a transaction fail unless the app is still as it was read. Every change raises `version`.
    pub fn unchanged(&self) -> Statement {
        Statement::require("EXISTS (SELECT 1 FROM apps WHERE client_id = ?1 AND version = ?2 AND deleted_at IS NULL)")
            .text(&self.client_id)
            .number(self.version)
    }
}

/// Reads an app that was not deleted, for whoever may see all of them.
pub async fn load(database: &impl Database, client_id: &str) -> Result<Option<AppRecord>, StoreError> {
    #[derive(Deserialize)]
    struct Row {
        record: String,
    }
    let statement = Statement::new(include_str!("record.sql")).text(client_id);
    let found = database.read(vec![statement]).await?;
    let Some(row) = found.first::<Row>(0)? else {
        return Ok(None);
    };
    let record: AppRecord = json::from_str(&row.record).map_err(|error| StoreError {
        part: "d1",
        detail: error.to_string(),
    })?;
    Ok(Some(AppRecord {
        in_force: record.in_force.in_order(),
        ..record
    }))
}

/// Reads an app of a developer account the actor belongs to. To others it does not exist.
pub async fn load_for_member(database: &impl Database, actor: &Actor, client_id: &str) -> Result<AppRecord, Problem> {
    actor.developer()?;
    let app = load(database, client_id).await?;
    app.filter(|app| actor.belongs_to(&app.developer_id))
        .ok_or(Problem::NotFound("app"))
}

/// Proof that the actor belongs to the app's developer account.
pub fn member<'a>(actor: &'a Actor, app: &AppRecord) -> Result<Member<'a>, Problem> {
    actor.member(&app.developer_id)
}
