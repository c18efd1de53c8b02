//! What apps used and what went wrong with their requests, for their developers and for administrators.

use serde::Deserialize;

use super::actor::{Actor, Administrator};
use super::cursor::{Cursor, Page, PageRequest};
use super::problem::Problem;
use crate::http::Params;
use crate::store::StoreError;
use crate::store::database::{Database, Found, Statement};
use crate::time::Timestamp;
use crate::usage::breakdown::{Alike, Breakdown, MOST_READ};
use crate::usage::period::{Counted, Period, Usage};
use crate::usage::{CALLS, DAY, EVERY_APP, TOKENS, call_statements};

/// How many apps a ranking has.
const RANKED: u32 = 20;

/// An app whose numbers the actor may see.
#[derive(Debug, Clone, Deserialize)]
pub struct WatchedApp {
    /// Its client id.
    pub client_id: String,
    /// The developer account it belongs to.
    pub developer_id: String,
    /// Its name. Hostile until escaped.
    pub name: String,
    /// When it last got a token, to within some minutes.
    pub last_used_at: Option<Timestamp>,
}

/// An entry of an app's error log.
#[derive(Debug, Clone, Deserialize)]
pub struct LoggedError {
    /// Its place.
    pub seq: i64,
    /// When the first request of it came.
    pub at: Timestamp,
    /// The name of the route.
    pub endpoint: String,
    /// The error code.
    pub error: String,
    /// What the app was told.
    pub description: String,
    /// The first request of it.
    pub request_id: String,
    /// How many requests were alike within the same second or so.
    pub count: u64,
}

/// A busy app.
#[derive(Debug, Clone, Deserialize)]
pub struct Ranked {
    /// Its client id.
    pub client_id: String,
    /// Its name, unless it is deleted. Hostile until escaped.
    pub name: Option<String>,
    /// The public name of its developer account. Hostile until escaped.
    pub developer_name: Option<String>,
    /// How many token responses it got, or calls it made.
    pub count: u64,
}

/// The busiest apps of a day.
#[derive(Debug, Clone)]
pub struct Busiest {
    /// When it began.
    pub day: Timestamp,
    /// Those that got most tokens.
    pub by_tokens: Vec<Ranked>,
    /// Those that called APIs most.
    pub by_calls: Vec<Ranked>,
}

/// What was used in a period.
#[derive(Debug, Clone)]
pub struct Used {
    /// By hour or day.
    pub usage: Usage,
    /// Calls to APIs, by API and route.
    pub calls: Breakdown,
}

/// What all apps used.
#[derive(Debug, Clone)]
pub struct Overview {
    /// All apps together.
    pub used: Used,
    /// The busiest of today and of yesterday.
    pub busiest: [Busiest; 2],
}

/// As whom somebody looks at an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// As a member of its developer account.
    ByDeveloper,
    /// As an administrator.
    ByAdministrator,
}

/// Reads `period`; without one it is the last 24 hours.
pub fn period(params: &Params) -> Result<Period, Problem> {
    let named = match params.one("period") {
        Ok(None) => Some(Period::Day),
        Ok(Some(name)) => Period::parse(name),
        Err(_) => None,
    };
    named.ok_or_else(|| Problem::field("period", "must be one of: 24h, 30d, 90d"))
}

/// What an app used in a period.
pub async fn of_app(
    database: &impl Database,
    actor: &Actor,
    seen: Seen,
    client_id: &str,
    period: Period,
    now: Timestamp,
) -> Result<(WatchedApp, Used), Problem> {
    may_ask(actor, seen)?;
    let mut statements = vec![select_app(client_id)];
    statements.extend(counts(client_id, period, now));
    let found = database.read(statements).await?;
    let app = watched(actor, seen, &found)?;
    let used = read_counts(&found, 1, period, now)?;
    Ok((app, used))
}

/// A page of an app's error log, the newest entry first.
pub async fn errors(
    database: &impl Database,
    actor: &Actor,
    seen: Seen,
    client_id: &str,
    asked: &PageRequest,
) -> Result<Page<LoggedError>, Problem> {
    may_ask(actor, seen)?;
    let entries = Statement::new(
        "SELECT seq, at, endpoint, error, description, request_id, count FROM app_errors
         WHERE client_id = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3",
    )
    .text(client_id)
    .time(Timestamp(asked.before()))
    .number(asked.size + 1);
    let found = database.read(vec![select_app(client_id), entries]).await?;
    watched(actor, seen, &found)?;
    Ok(asked.page(found.rows(1)?, |entry: &LoggedError| Cursor {
        order: entry.seq,
        id: String::new(),
    }))
}

/// What all apps used in a period, and which were the busiest lately.
pub async fn overview(
    database: &impl Database,
    _administrator: Administrator<'_>,
    period: Period,
    now: Timestamp,
) -> Result<Overview, Problem> {
    let mut statements = Vec::from(counts(EVERY_APP, period, now));
    let today = Timestamp(now.0 - now.0.rem_euclid(DAY));
    let yesterday = Timestamp(today.0 - DAY);
    for day in [today, yesterday] {
        statements.extend([busiest(day, TOKENS), busiest(day, CALLS)]);
    }
    let found = database.read(statements).await?;
    let of_day = |day, at| {
        Ok::<_, StoreError>(Busiest {
            day,
            by_tokens: found.rows(at)?,
            by_calls: found.rows(at + 1)?,
        })
    };
    Ok(Overview {
        used: read_counts(&found, 0, period, now)?,
        busiest: [of_day(today, 3)?, of_day(yesterday, 5)?],
    })
}

/// Before anything is read. To which app it applies is asked once that is known.
fn may_ask(actor: &Actor, seen: Seen) -> Result<(), Problem> {
    match seen {
        Seen::ByDeveloper => actor.developer().map(|_| ()),
        Seen::ByAdministrator => actor.administrator().map(|_| ()),
    }
}

fn select_app(client_id: &str) -> Statement {
    Statement::new(
        "SELECT client_id, developer_id, name, last_used_at FROM apps WHERE client_id = ?1 AND deleted_at IS NULL",
    )
    .text(client_id)
}

/// Another's app is like one that does not exist.
fn watched(actor: &Actor, seen: Seen, found: &Found) -> Result<WatchedApp, Problem> {
    let app: Option<WatchedApp> = found.first(0)?;
    let app = app.filter(|app| seen == Seen::ByAdministrator || actor.belongs_to(&app.developer_id));
    app.ok_or(Problem::NotFound("app"))
}

/// Hours are kept for three days, so that each count is in one of both.
fn counts(client_id: &str, period: Period, now: Timestamp) -> [Statement; 3] {
    let calls = call_statements::select(client_id, period.from(now), MOST_READ);
    let from = period.from(now);
    let from = Timestamp(from.0 - from.0.rem_euclid(DAY));
    let hours = Statement::new(
        "SELECT hour - hour % ?3 AS at, metric, sum(count) AS count FROM usage_hours
         WHERE client_id = ?1 AND hour >= ?2 GROUP BY 1, 2",
    )
    .text(client_id)
    .time(from)
    .time(Timestamp(period.step()));
    let days = Statement::new("SELECT day AS at, metric, count FROM usage_days WHERE client_id = ?1 AND day >= ?2")
        .text(client_id)
        .time(from);
    [hours, days, calls]
}

fn read_counts(found: &Found, at: usize, period: Period, now: Timestamp) -> Result<Used, StoreError> {
    let mut counted: Vec<Counted> = found.rows(at)?;
    counted.extend(found.rows::<Counted>(at + 1)?);
    Ok(Used {
        usage: Usage::new(period, now, &counted),
        calls: Breakdown::new(&found.rows::<Alike>(at + 2)?),
    })
}

/// `metric` is written out, because the indexes are of one metric each.
fn busiest(day: Timestamp, metric: &'static str) -> Statement {
    Statement::new(format!(
        "SELECT hours.client_id, app.name, developer.name AS developer_name, hours.count
         FROM (SELECT client_id, count FROM usage_hours WHERE metric = '{metric}' AND hour = ?1
               ORDER BY count DESC LIMIT ?2) AS hours
         LEFT JOIN apps AS app ON app.client_id = hours.client_id AND app.deleted_at IS NULL
         LEFT JOIN developers AS developer ON developer.id = app.developer_id
         ORDER BY hours.count DESC, hours.client_id"
    ))
    .time(day)
    .number(RANKED)
}
