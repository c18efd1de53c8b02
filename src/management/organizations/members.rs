//! Who belongs to an organization, and who administers it.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Act, Change, UNKNOWN, entry, first_or, is_there};
use crate::management::audit::Entry;
use crate::management::cursor::{Cursor, Page, PageRequest};
use crate::management::input::Input;
use crate::management::policy::as_rfc3339;
use crate::management::problem::Problem;
use crate::store::StoreError;
use crate::store::database::{Database, Statement};
use crate::time::Timestamp;

const ROLES: [(&str, &str); 2] = [("administrator", "administrator"), ("member", "member")];
const NOT_THERE: Problem = Problem::NotFound("member");

/// Somebody who belongs to an organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrganizationMember {
    /// Who.
    pub user_id: String,
    /// What they are called. Hostile until escaped.
    pub name: String,
    /// `administrator` or `member`.
    pub role: String,
    /// Who added them; `None`: the organization's issuer vouched for them.
    pub added_by: Option<String>,
    /// Since when.
    #[serde(serialize_with = "as_rfc3339")]
    pub added_at: Timestamp,
}

/// A page of the members, the oldest first.
pub async fn list(
    database: &impl Database,
    organization_id: &str,
    page: &PageRequest,
) -> Result<Page<OrganizationMember>, StoreError> {
    let statement = Statement::new(
        "SELECT m.user_id, u.name, m.role, m.added_by, m.added_at
         FROM organization_members m JOIN users u ON u.id = m.user_id
         WHERE m.organization_id = ?1 AND (m.added_at, m.user_id) > (?2, ?3)
         ORDER BY m.added_at, m.user_id LIMIT ?4",
    );
    let after = page.after.as_ref();
    let found = database
        .read(vec![
            statement
                .text(organization_id)
                .time(Timestamp(after.map_or(-1, |cursor| cursor.order)))
                .text(after.map_or("", |cursor| &cursor.id))
                .number(page.size + 1),
        ])
        .await?;
    Ok(page.page(found.rows(0)?, |member: &OrganizationMember| Cursor {
        order: member.added_at.0,
        id: member.user_id.clone(),
    }))
}

/// Makes a user a member, or says what they are in it.
pub async fn set(
    database: &impl Database,
    act: Act<'_>,
    (organization_id, user_id): (&str, &str),
    mut input: Input,
) -> Result<Change, Problem> {
    #[derive(Deserialize)]
    struct Row {
        name: String,
    }
    act.operator()?;
    let role = input.choice("role", &ROLES);
    let role = input.required("role", role);
    input.finish()?;
    let select = Statement::new("SELECT name FROM users WHERE id = ?1 AND erased_at IS NULL");
    let found = database.read(vec![select.text(user_id)]).await?;
    let row: Row = first_or(&found, 0, Problem::NotFound("user"))?;
    let by = act.actor.named().1;
    let made = OrganizationMember {
        user_id: user_id.to_owned(),
        name: row.name,
        role: role.to_owned(),
        added_by: Some(by.to_owned()),
        added_at: act.now,
    };
    let note = Entry {
        user_id: Some(user_id),
        ..entry("organization.member_set", organization_id)
    };
    let statements = vec![
        is_there(organization_id),
        Statement::require("EXISTS (SELECT 1 FROM users WHERE id = ?1 AND erased_at IS NULL)").text(user_id),
        Statement::new(
            "INSERT INTO organization_members (organization_id, user_id, role, added_by, added_at)
             VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (organization_id, user_id) DO UPDATE SET role = excluded.role",
        )
        .text(organization_id)
        .text(user_id)
        .text(role)
        .text(by)
        .time(act.now),
        act.note(&note.with(json!({ "role": role }))),
    ];
    Ok(Change {
        value: json!(made),
        version: 0,
        statements,
        refused: UNKNOWN,
    })
}

/// Removes a member, and ends all that apps have of theirs by the organization. Its issuer cannot bring them back.
pub async fn remove(
    database: &impl Database,
    act: Act<'_>,
    (organization_id, user_id): (&str, &str),
) -> Result<Change, Problem> {
    act.operator()?;
    let named = |sql: &'static str| Statement::new(sql).text(organization_id).text(user_id);
    let found = database
        .read(vec![named(
            "SELECT 1 AS yes FROM organization_members WHERE organization_id = ?1 AND user_id = ?2",
        )])
        .await?;
    if found.raw(0).is_empty() {
        return Err(NOT_THERE);
    }
    let note = Entry {
        user_id: Some(user_id),
        ..entry("organization.member_removed", organization_id)
    };
    let statements = vec![
        named("DELETE FROM organization_members WHERE organization_id = ?1 AND user_id = ?2"),
        act.note(&note),
    ];
    Ok(Change {
        value: json!(null),
        version: 0,
        statements,
        refused: NOT_THERE,
    })
}
