//! Organizations: enterprises whose identity provider vouches for their people, so that an app gets tokens without a
//! consent page (Cross App Access), and whose administrators decide which apps it does that for.
//!
//! Who may do what follows from whom it gives power over. A trusted issuer, and a link between one of its people and a
//! user, give power over an account: only the operator sets them, and only the operator says who belongs to an
//! organization. What an app may do with what the organization's people have, its own administrators decide.

pub mod apps;
pub mod issuers;
pub mod members;
pub mod trust;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::actor::{Actor, Administrator, Who};
use super::audit::Entry;
use super::cursor::{Cursor, Page, PageRequest};
use super::input::Input;
use super::policy::{as_rfc3339, check_version};
use super::problem::Problem;
use crate::random::{self, Random};
use crate::store::database::{Database, Found, Statement};
use crate::time::Timestamp;

/// How many consents one transaction brings to the ledgers.
const AT_ONCE: u32 = 5000;
/// More than this is not counted.
const MOST_COUNTED: u32 = 1_000_000;
const STATUSES: [(&str, &str); 2] = [("active", "active"), ("suspended", "suspended")];

/// What to answer to whoever may not know of an organization, and where there is none.
pub const UNKNOWN: Problem = Problem::NotFound("organization");

/// An organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organization {
    /// `org_…`
    pub id: String,
    /// What it is called.
    pub name: String,
    /// `active`, or `suspended`: nobody is vouched for.
    pub status: String,
    /// Since when it is there.
    #[serde(serialize_with = "as_rfc3339")]
    pub created_at: Timestamp,
    /// Rises with every change.
    pub version: u32,
}

/// Proof that the actor may decide about the apps of an organization: one of its administrators in person, or the
/// operator.
#[derive(Debug, Clone, Copy)]
pub struct Manager<'a> {
    actor: &'a Actor,
    is_operator: bool,
}

/// Who does something, where identifiers come from, and when.
#[derive(Clone, Copy)]
pub struct Act<'a> {
    /// Who.
    pub actor: &'a Actor,
    /// Where identifiers come from.
    pub random: &'a dyn Random,
    /// When.
    pub now: Timestamp,
}

/// Something that is about to be done, and what there will be then, as the API tells it.
#[derive(Debug)]
pub struct Change {
    /// What there will be.
    pub value: Value,
    /// Its version; 0: it has none.
    pub version: u32,
    /// What makes it so.
    pub statements: Vec<Statement>,
    /// Why it was refused, if a precondition does not hold when it is made.
    pub refused: Problem,
}

impl<'a> Act<'a> {
    fn operator(self) -> Result<Administrator<'a>, Problem> {
        self.actor.administrator()
    }

    fn note(self, entry: &Entry<'_>) -> Statement {
        entry.by(self.actor, self.random, self.now)
    }
}

impl<'a> Manager<'a> {
    /// Checks it. To everybody else the organization does not exist.
    pub async fn of(database: &impl Database, actor: &'a Actor, organization_id: &str) -> Result<Self, Problem> {
        if actor.administrator().is_ok() {
            return Ok(Self {
                actor,
                is_operator: true,
            });
        }
        let in_person = match &actor.who {
            Who::User(user) => Some(user.id.as_str()),
            Who::App { .. } => None,
        };
        let found = database
            .read(vec![administers(
                "SELECT 1 AS yes WHERE ",
                organization_id,
                in_person.unwrap_or_default(),
            )])
            .await?;
        match found.raw(0).is_empty() {
            true => Err(UNKNOWN),
            false => Ok(Self {
                actor,
                is_operator: false,
            }),
        }
    }

    /// Whether the operator acts, who may do everything else too.
    pub fn is_operator(self) -> bool {
        self.is_operator
    }

    /// That they still may, in the transaction that counts on it.
    fn still(self, organization_id: &str) -> Statement {
        match self.is_operator {
            true => is_there(organization_id),
            false => administers(
                "INSERT INTO required (holds) SELECT ",
                organization_id,
                self.actor.user_id().unwrap_or_default(),
            ),
        }
    }
}

fn administers(before: &str, organization_id: &str, user_id: &str) -> Statement {
    Statement::new(format!(
        "{before} EXISTS (SELECT 1 FROM organization_members m JOIN users u ON u.id = m.user_id
                          JOIN organizations o ON o.id = m.organization_id
                          WHERE m.organization_id = ?1 AND m.user_id = ?2 AND m.role = 'administrator'
                            AND u.status = 'active' AND o.status = 'active')"
    ))
    .text(organization_id)
    .text(user_id)
}

fn is_there(organization_id: &str) -> Statement {
    Statement::require("EXISTS (SELECT 1 FROM organizations WHERE id = ?1)").text(organization_id)
}

fn entry<'a>(event: &'static str, organization_id: &'a str) -> Entry<'a> {
    Entry::new(event, ("organization", organization_id))
}

/// A page of organizations, the oldest first: all of them for the operator, else those that the actor administers.
pub async fn list(database: &impl Database, actor: &Actor, page: &PageRequest) -> Result<Page<Organization>, Problem> {
    let statement = match actor.administrator() {
        Ok(_) => Statement::new(
            "SELECT * FROM organizations WHERE (created_at, id) > (?1, ?2) AND ?4 IS NOT NULL
             ORDER BY created_at, id LIMIT ?3",
        ),
        Err(_) if actor.administers_organizations() => Statement::new(
            "SELECT o.* FROM organization_members m JOIN organizations o ON o.id = m.organization_id
             WHERE m.user_id = ?4 AND m.role = 'administrator' AND o.status = 'active' AND (o.created_at, o.id) > (?1, ?2)
             ORDER BY o.created_at, o.id LIMIT ?3",
        ),
        Err(problem) => return Err(problem),
    };
    let after = page.after.as_ref();
    let found = database
        .read(vec![
            statement
                .time(Timestamp(after.map_or(-1, |cursor| cursor.order)))
                .text(after.map_or("", |cursor| &cursor.id))
                .number(page.size + 1)
                .text(actor.acts()),
        ])
        .await?;
    Ok(page.page(found.rows(0)?, |organization: &Organization| Cursor {
        order: organization.created_at.0,
        id: organization.id.clone(),
    }))
}

/// An organization by its id.
pub async fn find(database: &impl Database, id: &str) -> Result<Organization, Problem> {
    let statement = Statement::new("SELECT * FROM organizations WHERE id = ?1").text(id);
    database.read(vec![statement]).await?.first(0)?.ok_or(UNKNOWN)
}

/// A new organization.
pub fn create(act: Act<'_>, mut input: Input) -> Result<Change, Problem> {
    act.operator()?;
    let name = input.line("name", 80);
    let name = input.required("name", name);
    input.finish()?;
    let made = Organization {
        id: random::identifier(act.random, "org_"),
        name,
        status: "active".into(),
        created_at: act.now,
        version: 1,
    };
    let statements = vec![
        Statement::new("INSERT INTO organizations (id, name, created_at) VALUES (?1, ?2, ?3)")
            .text(&made.id)
            .text(&made.name)
            .time(act.now),
        act.note(&entry("organization.created", &made.id)),
    ];
    Ok(Change {
        value: json!(made),
        version: 1,
        statements,
        refused: UNKNOWN,
    })
}

/// Renames an organization, suspends it or lets it act again. Suspending ends all that its apps have, and reinstating
/// brings nothing back.
pub async fn edit(
    database: &impl Database,
    act: Act<'_>,
    id: &str,
    expected: Option<u32>,
    mut input: Input,
) -> Result<Change, Problem> {
    act.operator()?;
    let current = find(database, id).await?;
    check_version(current.version, expected)?;
    let name = input.line("name", 80);
    let name = input.required_or("name", name, Some(&current.name));
    let status = input.choice("status", &STATUSES).map(str::to_owned);
    let status = input.required_or("status", status, Some(&current.status));
    input.finish()?;
    let edited = Organization {
        name,
        status,
        version: current.version + 1,
        ..current.clone()
    };
    let event = match (current.status.as_str(), edited.status.as_str()) {
        ("active", "suspended") => "organization.suspended",
        ("suspended", "active") => "organization.reinstated",
        _ => "organization.changed",
    };
    let statements = vec![
        Statement::require("EXISTS (SELECT 1 FROM organizations WHERE id = ?1 AND version = ?2)")
            .text(id)
            .number(current.version),
        Statement::new("UPDATE organizations SET name = ?2, status = ?3, version = version + 1 WHERE id = ?1")
            .text(id)
            .text(&edited.name)
            .text(&edited.status),
        act.note(&entry(event, id)),
    ];
    Ok(Change {
        value: json!(edited),
        version: edited.version,
        statements,
        refused: Problem::Changed,
    })
}

/// Two statements: the consents that an organization's decisions ended and the ledgers have to, as many as one request
/// deals with, and how many there are.
pub fn unfinished(organization_id: &str) -> [Statement; 2] {
    const LEFT: &str = "consents INDEXED BY consents_unfinished_for
        WHERE ended_for = ?1 AND status = 'revoking' AND ended_for IS NOT NULL";
    [
        Statement::new(format!(
            "SELECT id, shard, CASE ended_by WHEN 'operator' THEN 'organization' ELSE COALESCE(ended_by, 'user') END AS ended_by
             FROM {LEFT} LIMIT {AT_ONCE}"
        ))
        .text(organization_id),
        Statement::new(format!(
            "SELECT count(*) AS count FROM (SELECT 1 FROM {LEFT} LIMIT {MOST_COUNTED})"
        ))
        .text(organization_id),
    ]
}

fn first_or<T: serde::de::DeserializeOwned>(found: &Found, index: usize, none: Problem) -> Result<T, Problem> {
    found.first(index)?.ok_or(none)
}
