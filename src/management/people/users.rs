//! Looking for users, and at one.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{beginning_with, end_of_prefix};
use crate::json;
use crate::management::actor::{Administrator, Membership};
use crate::management::cursor::{Cursor, Page, PageRequest};
use crate::management::problem::Problem;
use crate::store::StoreError;
use crate::store::database::{Database, Found, Statement};
use crate::time::Timestamp;

/// More of anything than this is not counted.
pub const MOST_COUNTED: u32 = 1000;
/// How many of a user's consents are shown.
const MOST_CONSENTS_SHOWN: u32 = 50;

/// A user in a list. Names are hostile until escaped.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct UserRow {
    /// `usr_…`
    pub id: String,
    /// The user name, which nobody else has.
    pub username: String,
    /// What they know their account by.
    pub account_name: Option<String>,
    /// Their name.
    pub name: String,
    status: String,
    /// Since when there is a user of this id.
    pub created_at: Timestamp,
    /// When they were erased.
    pub erased_at: Option<Timestamp>,
    /// Which of the names was found: the cursor goes on from there.
    found_by: u8,
}

impl UserRow {
    /// `active`, `suspended` or `erased`.
    pub fn status(&self) -> &str {
        match self.erased_at {
            Some(_) => "erased",
            None => &self.status,
        }
    }

    /// Whether they may sign in.
    pub fn is_active(&self) -> bool {
        self.status() == "active"
    }

    /// Whether nothing is left of them but their id.
    pub fn is_erased(&self) -> bool {
        self.erased_at.is_some()
    }

    /// As JSON. Whoever is erased has no names.
    pub fn json(&self) -> Value {
        let named = !self.is_erased();
        json!({
            "id": self.id,
            "username": named.then_some(&self.username),
            "account_name": self.account_name,
            "name": named.then_some(&self.name),
            "status": self.status(),
            "created_at": self.created_at.to_rfc3339(),
            "erased_at": self.erased_at.map(Timestamp::to_rfc3339),
        })
    }
}

const COLUMNS: &str = "id, username, account_name, name, status, created_at, erased_at";

/// A page of users: those of whom one of the names begins so, in the order of those names, or who has exactly this id;
/// without a search all of them, the newest first. Whoever is found by several names comes once on a page.
pub async fn list(
    database: &impl Database,
    _: Administrator<'_>,
    search: Option<&str>,
    page: &PageRequest,
) -> Result<Page<UserRow>, StoreError> {
    let statement = match search {
        None => newest(page),
        Some(search) => by_name(search, page),
    };
    let found: Vec<UserRow> = database.read(vec![statement]).await?.rows(0)?;
    let mut page = page.page(found, |row| Cursor {
        order: match search {
            None => row.created_at.0,
            Some(_) => row.found_by.into(),
        },
        id: row.id.clone(),
    });
    let mut seen = std::collections::BTreeSet::new();
    page.items.retain(|row| seen.insert(row.id.clone()));
    Ok(page)
}

fn newest(page: &PageRequest) -> Statement {
    Statement::new(format!(
        "SELECT {COLUMNS}, 0 AS found_by FROM users WHERE (created_at, id) < (?1, ?2)
         ORDER BY created_at DESC, id DESC LIMIT ?3"
    ))
    .time(Timestamp(page.before()))
    .text(page.before_id())
    .number(page.size + 1)
}

/// The three names, each by its own index; on the first page also whoever has exactly this id. A page goes on behind the
/// name by which its last user was found.
fn by_name(search: &str, page: &PageRequest) -> Statement {
    let branch = |(number, column): (u8, &str)| {
        let columns = format!("{COLUMNS}, {number} AS found_by");
        let goes_on = page.after.is_some();
        format!(
            "SELECT * FROM ({})",
            beginning_with(&columns, "users WHERE", column, "?3", goes_on)
        )
    };
    let mut branches = [(1, "username"), (2, "account_name"), (3, "name")].map(branch).to_vec();
    let last = match &page.after {
        Some(_) => {
            "WITH last (key, row) AS (
               SELECT CASE ?5 WHEN 1 THEN username WHEN 2 THEN account_name ELSE name END, rowid FROM users WHERE id = ?4)"
        }
        None => {
            // Before all names, so that it is on this page.
            let columns = format!("{COLUMNS}, ?5 AS found_by, '' AS found_name, rowid AS found_row");
            branches.push(format!("SELECT {columns} FROM users WHERE id = ?4"));
            ""
        }
    };
    let (last_id, found_by) = page
        .after
        .as_ref()
        .map_or((search, 0), |after| (after.id.as_str(), after.order));
    Statement::new(format!(
        "{last} SELECT {COLUMNS}, found_by FROM ({}) ORDER BY found_name COLLATE NOCASE, found_row LIMIT ?3",
        branches.join(" UNION ALL ")
    ))
    .text(search)
    .text(&end_of_prefix(search))
    .number(page.size + 1)
    .text(last_id)
    .number(u8::try_from(found_by).unwrap_or(0))
}

/// Everything there is to know of a user.
#[derive(Debug, Clone)]
pub struct UserView {
    /// Who.
    pub user: UserRow,
    /// Rises with every change.
    pub version: u32,
    /// What they may do in the console.
    pub roles: Vec<String>,
    /// Who they are to whoever vouches for them.
    pub identities: Vec<IdentityRow>,
    /// The developer accounts they belong to.
    pub memberships: Vec<Membership>,
    /// How many sessions they have, up to [`MOST_COUNTED`].
    pub sessions: u32,
    /// Their newest consents.
    pub consents: Vec<ConsentRow>,
    /// How many consents are in force, up to [`MOST_COUNTED`].
    pub connected: u32,
    /// How many consents are out of use whose tokens may still live, up to [`MOST_COUNTED`].
    pub unfinished: u32,
}

/// Who a user is to whoever vouches for them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityRow {
    /// The connection.
    pub connection_id: String,
    /// What it is called.
    pub connection: String,
    /// Who vouches for them.
    pub issuer: String,
    /// Who they are there.
    pub subject: String,
}

/// One of a user's consents.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ConsentRow {
    /// The consent.
    pub id: String,
    /// For which app.
    pub client_id: String,
    /// What that is called.
    pub app_name: Option<String>,
    /// `active`, or `revoking` while its tokens may still live.
    pub status: String,
    /// Since when.
    pub created_at: Timestamp,
    /// When it was last used.
    pub last_used_at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Rest {
    version: u32,
    roles: String,
    sessions: u32,
    connected: u32,
    unfinished: u32,
}

/// Reads a user.
pub async fn read(database: &impl Database, _: Administrator<'_>, id: &str) -> Result<UserView, Problem> {
    read_from(&database.read(statements(id)).await?, 0)
}

/// What [`read_from`] needs, so that a change can answer with what it made.
pub fn statements(id: &str) -> Vec<Statement> {
    let user = Statement::new(format!("SELECT {COLUMNS}, 0 AS found_by FROM users WHERE id = ?1"));
    let rest = Statement::new(
        "SELECT version, (SELECT json_group_array(role) FROM user_roles WHERE user_id = ?1) AS roles,
                (SELECT count(*) FROM (SELECT 1 FROM sessions WHERE user_id = ?1 LIMIT ?2)) AS sessions,
                (SELECT count(*) FROM (SELECT 1 FROM consents INDEXED BY consents_one_active
                                       WHERE user_id = ?1 AND status = 'active' LIMIT ?2)) AS connected,
                (SELECT count(*) FROM (SELECT 1 FROM consents INDEXED BY consents_unfinished
                                       WHERE user_id = ?1 AND status = 'revoking' LIMIT ?2)) AS unfinished
         FROM users WHERE id = ?1",
    );
    let identities = Statement::new(
        "SELECT i.connection_id, c.name AS connection, i.issuer, i.subject
         FROM user_identities i JOIN connections c ON c.id = i.connection_id
         WHERE i.user_id = ?1 ORDER BY i.created_at, i.issuer, i.subject",
    );
    let memberships = Statement::new(
        "SELECT m.developer_id, d.name, m.role FROM developer_members m JOIN developers d ON d.id = m.developer_id
         WHERE m.user_id = ?1 ORDER BY d.name COLLATE NOCASE, d.id",
    );
    let consents = Statement::new(
        "SELECT c.id, c.client_id, a.name AS app_name, c.status, c.created_at, c.last_used_at
         FROM consents c LEFT JOIN apps a ON a.client_id = c.client_id
         WHERE c.user_id = ?1 AND c.status IN ('active', 'revoking') ORDER BY c.created_at DESC, c.id DESC LIMIT ?2",
    );
    vec![
        user.text(id),
        rest.text(id).number(MOST_COUNTED),
        identities.text(id),
        memberships.text(id),
        consents.text(id).number(MOST_CONSENTS_SHOWN),
    ]
}

/// Reads what [`statements`] found, the first of them at `index`.
pub fn read_from(found: &Found, index: usize) -> Result<UserView, Problem> {
    let (Some(user), Some(rest)) = (found.first(index)?, found.first::<Rest>(index + 1)?) else {
        return Err(Problem::NotFound("user"));
    };
    Ok(UserView {
        user,
        version: rest.version,
        roles: json::from_str(&rest.roles).map_err(|_| Problem::Unavailable)?,
        identities: found.rows(index + 2)?,
        memberships: found.rows(index + 3)?,
        sessions: rest.sessions,
        consents: found.rows(index + 4)?,
        connected: rest.connected,
        unfinished: rest.unfinished,
    })
}

impl UserView {
    /// As JSON.
    pub fn json(&self) -> Value {
        let accounts = self.memberships.iter();
        let accounts: Vec<Value> = accounts
            .map(|account| json!({ "id": account.developer_id, "name": account.name, "role": account.role.name() }))
            .collect();
        let consents: Vec<Value> = self.consents.iter().map(ConsentRow::json).collect();
        let more = json!({
            "roles": self.roles,
            "identities": self.identities,
            "developer_accounts": accounts,
            "sessions": self.sessions,
            "consents": { "active": self.connected, "ending": self.unfinished, "newest": consents },
        });
        let mut user = self.user.json();
        if let (Some(user), Value::Object(more)) = (user.as_object_mut(), more) {
            user.extend(more);
        }
        user
    }
}

impl ConsentRow {
    fn json(&self) -> Value {
        json!({
            "id": self.id,
            "client_id": self.client_id,
            "app_name": self.app_name,
            "status": self.status,
            "created_at": self.created_at.to_rfc3339(),
            "last_used_at": self.last_used_at.map(Timestamp::to_rfc3339),
        })
    }
}
