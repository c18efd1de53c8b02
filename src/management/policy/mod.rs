//! What administrators decide: which APIs and scopes there are, which app may ask for what, how people sign in, how pages
//! look, and who else decides.

pub mod apis;
pub mod app_policy;
pub mod branding;
pub mod connections;
pub mod credentials;
pub mod grants;
pub mod operator_apps;
pub mod overview;
pub mod own_api;
pub mod protected_resources;
pub mod rate_tiers;
pub mod roles;
pub mod route_changes;
pub mod route_import;
pub mod routes;
pub mod scopes;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};

use super::actor::Administrator;
use super::audit::Entry;
use super::cursor::{Cursor, Page, PageRequest};
use super::input::Input;
use super::problem::Problem;
use crate::config::Issuer;
use crate::json;
use crate::random::Random;
use crate::store::database::{Database, Statement};
use crate::time::Timestamp;

/// The kinds of things that are made, edited and deleted alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An API that apps may call.
    Api,
    /// A scope of the catalogue.
    Scope,
    /// How many requests an app may make.
    RateTier,
    /// A way to sign in.
    Connection,
}

/// Who changes something, with what a change needs.
#[derive(Clone, Copy)]
pub struct Act<'a> {
    /// Who.
    pub by: Administrator<'a>,
    /// Where identifiers come from.
    pub random: &'a dyn Random,
    /// When.
    pub now: Timestamp,
    /// This server.
    pub issuer: &'a Issuer,
}

/// One of these things.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What it is found by.
    pub id: String,
    /// Rises with every change.
    pub version: u32,
    /// All of it, as the API tells it.
    pub value: Value,
}

/// A change that is about to be made.
#[derive(Debug)]
pub struct Change {
    /// What there will be.
    pub item: Item,
    /// What makes it so.
    pub statements: Vec<Statement>,
    /// Why it was refused, if a precondition does not hold when it is made.
    pub refused: Problem,
}

impl Act<'_> {
    /// The statement that writes an entry of the audit trail.
    pub fn note(&self, entry: &Entry<'_>) -> Statement {
        entry.by(self.by.actor(), self.random, self.now)
    }
}

impl Item {
    /// A thing as an item.
    fn of(id: &str, version: u32, thing: &impl Serialize) -> Self {
        Self {
            id: id.to_owned(),
            version,
            value: serde_json::to_value(thing).unwrap_or_default(),
        }
    }
}

impl Kind {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Api => "API",
            Self::Scope => "scope",
            Self::RateTier => "rate tier",
            Self::Connection => "connection",
        }
    }

    /// The last segment of the paths where all of them are.
    pub fn collection(self) -> &'static str {
        match self {
            Self::Api => "apis",
            Self::Scope => "scopes",
            Self::RateTier => "rate-tiers",
            Self::Connection => "connections",
        }
    }

    /// A page of them. `within`: only the scopes of this API.
    pub async fn list(
        self,
        database: &impl Database,
        page: &PageRequest,
        within: Option<&str>,
    ) -> Result<Page<Item>, Problem> {
        let found = database.read(vec![self.select(page, within)]).await?;
        let items: Result<Vec<(Cursor, Item)>, _> = match self {
            Self::Api => found.rows(0)?.iter().map(apis::listed).collect(),
            Self::Scope => found.rows(0)?.iter().map(scopes::listed).collect(),
            Self::RateTier => found.rows(0)?.iter().map(rate_tiers::listed).collect(),
            Self::Connection => found.rows(0)?.iter().map(connections::listed).collect(),
        };
        let page = page.page(items?, |(cursor, _)| cursor.clone());
        Ok(Page {
            items: page.items.into_iter().map(|(_, item)| item).collect(),
            next: page.next,
        })
    }

    /// The table of them, the column by which it is listed, and the one that is their id.
    fn table(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Api => ("apis", "created_at", "id"),
            Self::Scope => ("scopes", "position", "name"),
            Self::RateTier => ("rate_tiers", "position", "name"),
            Self::Connection => ("connections", "position", "id"),
        }
    }

    /// Lets a transaction fail unless a thing is still of this version.
    fn unchanged(self, id: &str, version: u32) -> Statement {
        let (table, _, column) = self.table();
        Statement::require(&format!(
            "EXISTS (SELECT 1 FROM {table} WHERE {column} = ?1 AND version = ?2)"
        ))
        .text(id)
        .number(version)
    }

    fn select(self, page: &PageRequest, within: Option<&str>) -> Statement {
        let (table, order, id) = self.table();
        let within_api = if within.is_some() { "api_id = ?4 AND " } else { "" };
        let sql = format!(
            "SELECT * FROM {table} WHERE {within_api}({order} > ?1 OR ({order} = ?1 AND {id} > ?2))
             ORDER BY {order}, {id} LIMIT ?3"
        );
        let after = page.after.as_ref();
        let statement = Statement::new(sql)
            .time(Timestamp(after.map_or(-1, |cursor| cursor.order)))
            .text(after.map_or("", |cursor| &cursor.id))
            .number(page.size + 1);
        match within {
            Some(api_id) => statement.text(api_id),
            None => statement,
        }
    }

    /// One of them.
    pub async fn read(self, database: &impl Database, id: &str) -> Result<Item, Problem> {
        Ok(match self {
            Self::Api => apis::find(database, id).await?.item(),
            Self::Scope => scopes::find(database, id).await?.item(),
            Self::RateTier => rate_tiers::find(database, id).await?.item(),
            Self::Connection => connections::find(database, id).await?.item(),
        })
    }

    /// A new one.
    pub async fn create(self, database: &impl Database, act: Act<'_>, input: Input) -> Result<Change, Problem> {
        match self {
            Self::Api => apis::create(database, act, input).await,
            Self::Scope => scopes::create(database, act, input).await,
            Self::RateTier => rate_tiers::create(act, input),
            Self::Connection => connections::create(database, act, input).await,
        }
    }

    /// One of them, changed as far as the input says. `expected`: the version it must still be at.
    pub async fn edit(
        self,
        database: &impl Database,
        act: Act<'_>,
        id: &str,
        expected: Option<u32>,
        input: Input,
    ) -> Result<Change, Problem> {
        match self {
            Self::Api => apis::edit(database, act, id, expected, input).await,
            Self::Scope => scopes::edit(database, act, id, expected, input).await,
            Self::RateTier => rate_tiers::edit(database, act, id, expected, input).await,
            Self::Connection => connections::edit(database, act, id, expected, input).await,
        }
    }

    /// What deletes one of them.
    pub async fn delete(
        self,
        database: &impl Database,
        act: Act<'_>,
        id: &str,
        expected: Option<u32>,
    ) -> Result<Change, Problem> {
        match self {
            Self::Api => apis::delete(database, act, id, expected).await,
            Self::Scope => scopes::delete(database, act, id, expected).await,
            Self::RateTier => rate_tiers::delete(database, act, id, expected).await,
            Self::Connection => connections::delete(database, act, id, expected).await,
        }
    }
}

/// What a change changes, for the audit trail: `{"name": {"from": "A", "to": "B"}}`. Of what is no plain value it says
/// only that it changed.
fn difference(from: &Item, to: &Item) -> Value {
    let plain = |value: Option<&Value>| match value {
        Some(Value::Object(_) | Value::Array(_)) | None => Value::Null,
        Some(value) => value.clone(),
    };
    let members = to.value.as_object().into_iter().flatten();
    let changed = members.filter(|(name, value)| *name != "version" && from.value.get(name.as_str()) != Some(value));
    changed
        .map(|(name, value)| {
            let before = plain(from.value.get(name.as_str()));
            (name.clone(), json!({ "from": before, "to": plain(Some(value)) }))
        })
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// That what is to be changed is at the version whoever changes it has seen.
pub fn check_version(version: u32, expected: Option<u32>) -> Result<(), Problem> {
    match expected {
        Some(expected) if expected != version => Err(Problem::Changed),
        _ => Ok(()),
    }
}

/// A time as the API tells it.
pub fn as_rfc3339<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&time.to_rfc3339())
}

/// A time, or none, as the API tells it.
pub fn as_optional_rfc3339<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => as_rfc3339(time, serializer),
        None => serializer.serialize_none(),
    }
}

/// Reads a column that holds JSON, or NULL.
fn json_column<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    let value = text.map(|text| json::parse(text.as_bytes())).transpose();
    Ok(value.map_err(serde::de::Error::custom)?.unwrap_or_default())
}
