//! Rate tiers: how many requests an app may make at APIs behind the guard, for one user and altogether. An app without one
//! has that of its status, and in a status without one that of apps on trial; `crate::limits` keeps count.

use serde::{Deserialize, Serialize};

use super::{Act, Change, Cursor, Entry, Input, Item, Kind, Problem, check_version, difference};
use crate::store::StoreError;
use crate::store::database::{Database, Statement};

/// The tiers of apps that have none of their own.
const BY_STATUS: [&str; 3] = ["approved", "pending_review", "trial"];
/// How many times what it may make for one user an app may make altogether, where nobody says.
const APP_REQUESTS: u32 = 100;

/// A rate tier.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RateTier {
    /// Its name.
    pub name: String,
    /// How many requests for one user, or for the app itself.
    pub requests: u32,
    /// How many requests for all users together.
    pub app_requests: u32,
    /// In how many seconds.
    pub seconds: u32,
    /// Its place in the list.
    pub position: u32,
    /// Rises with every change.
    pub version: u32,
}

impl RateTier {
    /// All of it.
    pub fn item(&self) -> Item {
        Item::of(&self.name, self.version, self)
    }

    /// Whether apps without a tier of their own may have it.
    pub fn is_by_status(&self) -> bool {
        BY_STATUS.contains(&self.name.as_str())
    }

    fn checked(mut input: Input, current: Option<&Self>) -> Result<Self, Problem> {
        let name = match current {
            Some(tier) => tier.name.clone(),
            None => {
                let name = input.line("name", 32);
                let name = input.required("name", name);
                let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
                if !name.bytes().all(fits) {
                    input.error("name", "must be lower-case letters, digits, - and _");
                }
                name
            }
        };
        let requests = input.number("requests", 1..=10_000_000);
        let requests = input.required_or("requests", requests, current.map(|tier| &tier.requests));
        let app_requests = input.number("app_requests", 1..=1_000_000_000);
        let app_requests = input.optional_or("app_requests", app_requests, current.map(|tier| &tier.app_requests));
        let app_requests = app_requests.unwrap_or_else(|| requests.saturating_mul(APP_REQUESTS));
        if app_requests < requests {
            input.error("app_requests", "must not be less than for one user");
        }
        let seconds = input.number("seconds", 1..=86_400);
        let seconds = input.required_or("seconds", seconds, current.map(|tier| &tier.seconds));
        let position = input.number("position", 0..=10_000);
        let position = input.optional_or("position", position, current.map(|tier| &tier.position));
        input.finish()?;
        Ok(Self {
            name,
            requests,
            app_requests,
            seconds,
            position: position.unwrap_or(0),
            version: current.map_or(1, |tier| tier.version + 1),
        })
    }
}

/// A tier with its place in the list.
pub(super) fn listed(row: &RateTier) -> Result<(Cursor, Item), StoreError> {
    let cursor = Cursor {
        order: row.position.into(),
        id: row.name.clone(),
    };
    Ok((cursor, row.item()))
}

/// A tier by its name.
pub async fn find(database: &impl Database, name: &str) -> Result<RateTier, Problem> {
    let select = Statement::new("SELECT * FROM rate_tiers WHERE name = ?1").text(name);
    let found = database.read(vec![select]).await?;
    found.first(0)?.ok_or(Problem::NotFound("rate tier"))
}

/// All tiers, in their order.
pub async fn all(database: &impl Database) -> Result<Vec<RateTier>, StoreError> {
    let select = Statement::new("SELECT * FROM rate_tiers ORDER BY position, name");
    database.read(vec![select]).await?.rows(0)
}

/// A new tier.
pub(super) fn create(act: Act<'_>, input: Input) -> Result<Change, Problem> {
    let tier = RateTier::checked(input, None)?;
    let insert = Statement::new(
        "INSERT INTO rate_tiers (name, requests, seconds, position, app_requests) VALUES (?1, ?2, ?3, ?4, ?5)",
    );
    let statements = vec![
        insert
            .text(&tier.name)
            .number(tier.requests)
            .number(tier.seconds)
            .number(tier.position)
            .number(tier.app_requests),
        act.note(&Entry::new("rate_tier.created", ("rate_tier", &tier.name))),
    ];
    Ok(Change {
        item: tier.item(),
        statements,
        refused: Problem::Conflict("there is a rate tier of this name"),
    })
}

/// A tier, changed.
pub(super) async fn edit(
    database: &impl Database,
    act: Act<'_>,
    name: &str,
    expected: Option<u32>,
    input: Input,
) -> Result<Change, Problem> {
    let current = find(database, name).await?;
    check_version(current.version, expected)?;
    let tier = RateTier::checked(input, Some(&current))?;
    let update = Statement::new(
        "UPDATE rate_tiers SET requests = ?2, seconds = ?3, position = ?4, app_requests = ?5, version = version + 1
         WHERE name = ?1",
    );
    let entry = Entry::new("rate_tier.changed", ("rate_tier", name));
    let statements = vec![
        Kind::RateTier.unchanged(&current.name, current.version),
        update
            .text(name)
            .number(tier.requests)
            .number(tier.seconds)
            .number(tier.position)
            .number(tier.app_requests),
        act.note(&entry.with(difference(&current.item(), &tier.item()))),
    ];
    Ok(Change {
        item: tier.item(),
        statements,
        refused: Problem::Changed,
    })
}

/// What deletes a tier that no app has.
pub(super) async fn delete(
    database: &impl Database,
    act: Act<'_>,
    name: &str,
    expected: Option<u32>,
) -> Result<Change, Problem> {
    let tier = find(database, name).await?;
    check_version(tier.version, expected)?;
    if tier.is_by_status() {
        return Err(Problem::Conflict("apps of this status need this tier"));
    }
    let in_use = Statement::require("NOT EXISTS (SELECT 1 FROM apps WHERE rate_tier = ?1 AND deleted_at IS NULL)");
    let statements = vec![
        Kind::RateTier.unchanged(&tier.name, tier.version),
        in_use.text(name),
        Statement::new("DELETE FROM rate_tiers WHERE name = ?1").text(name),
        act.note(&Entry::new("rate_tier.deleted", ("rate_tier", name))),
    ];
    Ok(Change {
        item: tier.item(),
        statements,
        refused: Problem::Conflict("apps have this tier: give them another first"),
    })
}
