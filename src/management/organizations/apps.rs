//! What an organization decides about apps, for everyone in it.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Act, Change, Manager, entry};
use crate::json;
use crate::management::audit::Entry;
use crate::management::input::Input;
use crate::management::policy::{as_rfc3339, check_version};
use crate::management::problem::Problem;
use crate::oauth::scope::Scopes;
use crate::store::StoreError;
use crate::store::database::{Database, Found, Statement};
use crate::time::Timestamp;

/// How many decisions an organization may make.
const MOST: u32 = 1000;
/// How many people of an organization one transaction looks at, to end what they lose by a decision.
const PEOPLE_AT_ONCE: u32 = 5000;
const DECISIONS: [(&str, &str); 2] = [("allowed", "allowed"), ("blocked", "blocked")];
const UNKNOWN: Problem = Problem::NotFound("decision about an app");

/// What an organization decided about an app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AppDecision {
    /// The app.
    pub client_id: String,
    /// What it is called. Hostile until escaped.
    pub name: String,
    /// `allowed` or `blocked`.
    pub decision: String,
    /// What it may do when it is allowed.
    pub scopes: Scopes,
    /// Who decided.
    pub decided_by: String,
    /// When.
    #[serde(serialize_with = "as_rfc3339")]
    pub decided_at: Timestamp,
    /// Rises with every change.
    pub version: u32,
}

#[derive(Deserialize)]
struct Row {
    client_id: String,
    name: String,
    decision: String,
    scopes: String,
    decided_by: String,
    decided_at: Timestamp,
    version: u32,
}

impl TryFrom<Row> for AppDecision {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            client_id: row.client_id,
            name: row.name,
            decision: row.decision,
            scopes: json::from_str(&row.scopes).map_err(|error| StoreError {
                part: "d1",
                detail: error.to_string(),
            })?,
            decided_by: row.decided_by,
            decided_at: row.decided_at,
            version: row.version,
        })
    }
}

const SELECT: &str = "SELECT d.client_id, a.name, d.decision, d.scopes, d.decided_by, d.decided_at, d.version
    FROM organization_apps d JOIN apps a ON a.client_id = d.client_id WHERE d.organization_id = ?1";

/// Decisions of an organization, by the name of the app.
pub fn select(organization_id: &str) -> Statement {
    Statement::new(format!(
        "{SELECT} ORDER BY a.name COLLATE NOCASE, d.client_id LIMIT {MOST}"
    ))
    .text(organization_id)
}

/// What [`select`] found.
pub fn read(found: &Found, index: usize) -> Result<Vec<AppDecision>, StoreError> {
    let rows: Vec<Row> = found.rows(index)?;
    rows.into_iter().map(AppDecision::try_from).collect()
}

async fn find(
    database: &impl Database,
    organization_id: &str,
    client_id: &str,
) -> Result<Option<AppDecision>, StoreError> {
    let statement = Statement::new(format!("{SELECT} AND d.client_id = ?2"));
    let found = database
        .read(vec![statement.text(organization_id).text(client_id)])
        .await?;
    found.first::<Row>(0)?.map(AppDecision::try_from).transpose()
}

/// One decision.
pub async fn get(database: &impl Database, organization_id: &str, client_id: &str) -> Result<AppDecision, Problem> {
    find(database, organization_id, client_id).await?.ok_or(UNKNOWN)
}

#[derive(Deserialize)]
struct AppRow {
    name: String,
}

/// Allows an app with these scopes, or blocks it. What it has by this organization beyond that ends at once. Blocking also
/// ends what members gave it in person: as long as it lasts, none of them can connect it.
pub async fn set(
    database: &impl Database,
    manager: Manager<'_>,
    act: Act<'_>,
    (organization_id, client_id): (&str, &str),
    expected: Option<u32>,
    mut input: Input,
) -> Result<Change, Problem> {
    let decision = input.choice("decision", &DECISIONS);
    let decision = input.required("decision", decision);
    let sent = input.list("scopes", 100, 100).unwrap_or_default();
    let scopes: Scopes = match decision {
        // A form has them in one line.
        "allowed" => sent.iter().flat_map(|scopes| scopes.split_whitespace()).collect(),
        _ => Scopes::default(),
    };
    if decision == "allowed" && scopes.is_empty() {
        input.error("scopes", "must name what the app may do");
    }
    let list = serde_json::to_string(&scopes).unwrap_or_default();
    let statements = vec![
        Statement::new("SELECT name FROM apps WHERE client_id = ?1 AND deleted_at IS NULL").text(client_id),
        Statement::new("SELECT value AS name FROM json_each(?1) WHERE value NOT IN (SELECT name FROM scopes)")
            .text(&list),
    ];
    let found = database.read(statements).await?;
    let app: AppRow = found.first(0)?.ok_or(Problem::NotFound("app"))?;
    for unknown in found.rows::<AppRow>(1)? {
        input.error("scopes", format!("has one that does not exist: {}", unknown.name));
    }
    input.finish()?;
    let current = find(database, organization_id, client_id).await?;
    let version = current.as_ref().map_or(0, |current| current.version);
    let loses_scopes = current.is_some_and(|current| !current.scopes.is_subset(&scopes));
    let ends = (decision == "blocked" || loses_scopes).then_some("");
    check_version(version, expected)?;
    let by = act.actor.named().1;
    let made = AppDecision {
        client_id: client_id.to_owned(),
        name: app.name,
        decision: decision.to_owned(),
        scopes,
        decided_by: by.to_owned(),
        decided_at: act.now,
        version: version + 1,
    };
    let event = match decision {
        "allowed" => "organization.app_allowed",
        _ => "organization.app_blocked",
    };
    let note = Entry {
        client_id: Some(client_id),
        ..entry(event, organization_id)
    };
    let mut statements = vec![
        manager.still(organization_id),
        Statement::require(
            "COALESCE((SELECT version FROM organization_apps WHERE organization_id = ?1 AND client_id = ?2), 0) = ?3
             AND EXISTS (SELECT 1 FROM apps WHERE client_id = ?2 AND deleted_at IS NULL)
             AND (?3 > 0 OR (SELECT count(*) FROM organization_apps WHERE organization_id = ?1) < ?4)",
        )
        .text(organization_id)
        .text(client_id)
        .number(version)
        .number(MOST),
        Statement::new(
            "INSERT INTO organization_apps (organization_id, client_id, decision, scopes, decided_by, decided_at,
                                            ended_up_to, ends_through)
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, CASE WHEN ?7 IS NOT NULL THEN COALESCE(max(rowid), 0) END FROM consents
             WHERE true
             ON CONFLICT (organization_id, client_id) DO UPDATE SET decision = excluded.decision, scopes = excluded.scopes,
               decided_by = excluded.decided_by, decided_at = excluded.decided_at, version = version + 1,
               ended_up_to = COALESCE(excluded.ended_up_to, ended_up_to),
               ends_through = COALESCE(excluded.ends_through, ends_through)",
        )
        .text(organization_id)
        .text(client_id)
        .text(decision)
        .text(&list)
        .text(by)
        .time(act.now)
        .optional_text(ends),
        act.note(&note.with(json!({ "scopes": made.scopes }))),
    ];
    if ends.is_some() {
        statements.extend(end_some(organization_id, act.now));
    }
    Ok(Change {
        value: json!(made),
        version: made.version,
        statements,
        refused: Problem::Changed,
    })
}

/// Takes out of use what some thousand people of an organization lose by a decision, and notes how far that came. No
/// organization named: that of any whose decision is not carried out to the end.
pub fn end_some(organization_id: &str, now: Timestamp) -> [Statement; 3] {
    let page = format!(
        "WITH d AS MATERIALIZED (
           SELECT organization_id, client_id, decision, ended_up_to, ends_through
           FROM organization_apps INDEXED BY organization_apps_ending
           WHERE ended_up_to IS NOT NULL AND (?1 = '' OR organization_id = ?1)
           ORDER BY organization_id, client_id LIMIT 1),
         page AS MATERIALIZED (
           SELECT m.user_id FROM d CROSS JOIN organization_members m
             ON m.organization_id = d.organization_id AND m.user_id > d.ended_up_to
           ORDER BY m.user_id LIMIT {PEOPLE_AT_ONCE})"
    );
    // What another organization manages is that one's matter.
    let end = |index, state, change| {
        format!(
            "{page} UPDATE consents SET {change} ended_by = 'operator', ended_for = (SELECT organization_id FROM d)
             WHERE rowid IN (
               SELECT c.rowid FROM d CROSS JOIN page p CROSS JOIN consents c INDEXED BY {index}
                 ON c.user_id = p.user_id
               WHERE c.client_id = d.client_id AND {state} AND c.rowid <= d.ends_through
                 AND (c.organization_id = d.organization_id OR c.organization_id IS NULL AND d.decision = 'blocked'))"
        )
    };
    let unused = "c.status = 'revoking' AND c.ended_by = 'unused'";
    [
        // What was going to end unused ends now whether it is used or not.
        Statement::new(end("consents_unfinished", unused, "")).text(organization_id),
        Statement::new(end(
            "consents_one_active",
            "c.status = 'active'",
            "status = 'revoking', revoked_at = ?2,",
        ))
        .text(organization_id)
        .time(now),
        Statement::new(format!(
            "{page} UPDATE organization_apps
             SET ended_up_to = (SELECT CASE count(*) WHEN {PEOPLE_AT_ONCE} THEN max(user_id) END FROM page)
             WHERE (organization_id, client_id) = (SELECT organization_id, client_id FROM d)"
        ))
        .text(organization_id),
    ]
}

/// Finds something while [`end_some`] is not done.
pub fn goes_on(organization_id: &str) -> Statement {
    Statement::new(
        "SELECT 1 AS yes FROM organization_apps INDEXED BY organization_apps_ending
         WHERE organization_id = ?1 AND ended_up_to IS NOT NULL LIMIT 1",
    )
    .text(organization_id)
}
