//! Looking for developer accounts, and at one, as administrators do.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{beginning_with, end_of_prefix};
use crate::management::actor::{Administrator, MemberRole};
use crate::management::cursor::{Cursor, Page, PageRequest};
use crate::management::problem::Problem;
use crate::store::StoreError;
use crate::store::database::{Database, Statement};
use crate::time::Timestamp;

/// A developer account. Names are hostile until escaped.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct DeveloperRow {
    /// `dev_…`
    pub id: String,
    /// Its public name.
    pub name: String,
    /// How the operator reaches it.
    pub contact: Option<String>,
    /// Since when it is there.
    pub created_at: Timestamp,
}

impl DeveloperRow {
    /// As JSON.
    pub fn json(&self) -> Value {
        json!({
            "id": self.id,
            "name": self.name,
            "contact": self.contact,
            "created_at": self.created_at.to_rfc3339(),
        })
    }
}

/// A page of developer accounts: those whose name begins so, or the one of exactly this id; without a search all of them,
/// the newest first.
pub async fn list(
    database: &impl Database,
    _: Administrator<'_>,
    search: Option<&str>,
    page: &PageRequest,
) -> Result<Page<DeveloperRow>, StoreError> {
    const COLUMNS: &str = "id, name, contact, created_at";
    let statement = match search {
        None => Statement::new(format!(
            "SELECT {COLUMNS} FROM developers WHERE (created_at, id) < (?1, ?2)
             ORDER BY created_at DESC, id DESC LIMIT ?3"
        ))
        .time(Timestamp(page.before()))
        .text(page.before_id())
        .number(page.size + 1),
        Some(search) => by_name(search, page),
    };
    let found = database.read(vec![statement]).await?;
    Ok(page.page(found.rows(0)?, |row: &DeveloperRow| Cursor {
        order: row.created_at.0,
        id: row.id.clone(),
    }))
}

fn by_name(search: &str, page: &PageRequest) -> Statement {
    const COLUMNS: &str = "id, name, contact, created_at";
    let names = beginning_with(COLUMNS, "developers WHERE", "name", "?3", page.after.is_some());
    let (with, by_id) = match page.after {
        Some(_) => (
            "WITH last (key, row) AS (SELECT name, rowid FROM developers WHERE id = ?4)",
            "",
        ),
        None => (
            "",
            " UNION ALL SELECT id, name, contact, created_at, '' AS found_name, rowid AS found_row
              FROM developers WHERE id = ?4",
        ),
    };
    Statement::new(format!(
        "{with} SELECT {COLUMNS} FROM (SELECT * FROM ({names}){by_id})
         ORDER BY found_name COLLATE NOCASE, found_row LIMIT ?3"
    ))
    .text(search)
    .text(&end_of_prefix(search))
    .number(page.size + 1)
    .text(page.after.as_ref().map_or(search, |after| &after.id))
}

/// A developer account with its members.
#[derive(Debug, Clone)]
pub struct DeveloperView {
    /// Which.
    pub developer: DeveloperRow,
    /// Its members, the owner first.
    pub members: Vec<MemberRow>,
}

/// A member of a developer account.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct MemberRow {
    /// Who.
    pub user_id: String,
    /// Their name.
    pub name: String,
    /// What they are in it.
    pub role: MemberRole,
}

/// Reads a developer account.
pub async fn read(database: &impl Database, _: Administrator<'_>, id: &str) -> Result<DeveloperView, Problem> {
    let developer = Statement::new("SELECT id, name, contact, created_at FROM developers WHERE id = ?1");
    let members = Statement::new(
        "SELECT m.user_id, u.name, m.role FROM developer_members m JOIN users u ON u.id = m.user_id
         WHERE m.developer_id = ?1 ORDER BY m.role DESC, m.added_at, m.user_id LIMIT 200",
    );
    let found = database.read(vec![developer.text(id), members.text(id)]).await?;
    let developer = found.first(0)?.ok_or(Problem::NotFound("developer account"))?;
    Ok(DeveloperView {
        developer,
        members: found.rows(1)?,
    })
}

impl DeveloperView {
    /// As JSON.
    pub fn json(&self) -> Value {
        let members = self.members.iter();
        let members: Vec<Value> = members
            .map(|member| json!({ "user_id": member.user_id, "name": member.name, "role": member.role.name() }))
            .collect();
        let mut developer = self.developer.json();
        if let Some(developer) = developer.as_object_mut() {
            developer.insert("members".into(), members.into());
        }
        developer
    }
}
