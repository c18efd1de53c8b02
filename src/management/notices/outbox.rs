//! The outbox as statements: deliveries are claimed, attempts written back, and what is over deleted.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::delivery::{Disabled, Fate, Health, KEPT, LEASE, Outcome};
use super::mail::{Reader, Readership};
use super::payload::Entry;
use crate::json;
use crate::random::{self, Random};
use crate::store::StoreError;
use crate::store::database::{Found, Statement};
use crate::time::Timestamp;

/// How many attempts are made side by side: as many connections as the platform lets a request hold.
pub const SIDE_BY_SIDE: u32 = 6;
/// How many of them go to one endpoint.
const TO_ONE_ENDPOINT: u32 = 2;
/// How many deliveries to endpoints that are switched off one run ends.
const ENDED_AT_ONCE: u32 = 500;
/// How many finished deliveries one run deletes.
const DELETED_AT_ONCE: u32 = 1000;

// Endpoints with something to deliver, each found by one step in the index: a backlog of one costs the others nothing.
macro_rules! waiting {
    () => {
        "WITH RECURSIVE waiting (endpoint_id) AS (
           SELECT * FROM (SELECT endpoint_id FROM webhook_deliveries WHERE next_attempt_at IS NOT NULL
                          ORDER BY endpoint_id LIMIT 1)
           UNION ALL
           SELECT (SELECT d.endpoint_id FROM webhook_deliveries d
                   WHERE d.next_attempt_at IS NOT NULL AND d.endpoint_id > waiting.endpoint_id
                   ORDER BY d.endpoint_id LIMIT 1)
           FROM waiting WHERE waiting.endpoint_id IS NOT NULL) "
    };
}

const ANY_DUE: &str = concat!(
    waiting!(),
    "SELECT EXISTS (SELECT 1 FROM waiting CROSS JOIN webhook_deliveries d
                    WHERE d.endpoint_id = waiting.endpoint_id AND d.next_attempt_at <= ?1) AS due"
);

// ?1 now, ?2 the most of them.
const END_FOR_DISABLED: &str = concat!(
    waiting!(),
    "UPDATE webhook_deliveries SET status = 'failed', next_attempt_at = NULL, claim = NULL, finished_at = ?1
     WHERE id IN (
       SELECT d.id FROM waiting CROSS JOIN webhook_endpoints e CROSS JOIN webhook_deliveries d
       WHERE e.id = waiting.endpoint_id AND e.status = 'disabled'
         AND d.endpoint_id = e.id AND d.next_attempt_at IS NOT NULL
       LIMIT ?2)"
);

// ?1 now, ?2 this claim, ?3 until when it holds, ?4 endpoints that are left out, ?5 how many, ?6 to one endpoint.
// Endpoints that work come first: those that do not keep a run waiting.
const CLAIM: &str = concat!(
    waiting!(),
    "UPDATE webhook_deliveries SET claim = ?2, next_attempt_at = ?3
     WHERE id IN (
       SELECT d.id FROM waiting CROSS JOIN webhook_endpoints e CROSS JOIN webhook_deliveries d
       WHERE e.id = waiting.endpoint_id AND e.status = 'active' AND e.id NOT IN (SELECT value FROM json_each(?4))
         AND d.id IN (SELECT n.id FROM webhook_deliveries n WHERE n.endpoint_id = e.id AND n.next_attempt_at <= ?1
                      ORDER BY n.next_attempt_at LIMIT ?6)
       ORDER BY e.failing_since IS NOT NULL, d.next_attempt_at LIMIT ?5)"
);

const CLAIMED: &str = "
    SELECT d.id, d.endpoint_id, d.attempts, e.developer_id AS of_developer, e.url, e.format, e.sealed_secret,
           e.failing_since, a.id AS event_id, a.event, a.at, a.actor_type, a.client_id, p.name AS app_name,
           v.id AS developer_id, v.name AS developer_name, a.user_id, a.detail,
           CASE e.format WHEN 'mail' THEN v.contact END AS contact,
           CASE WHEN e.format = 'mail' AND a.event = 'app.submitted' THEN (
             SELECT json_group_array(json_object('name', u.name, 'address', u.account_name))
             FROM (SELECT DISTINCT user_id FROM user_roles LIMIT 50) r JOIN users u ON u.id = r.user_id
             WHERE u.status = 'active' AND u.account_name LIKE '%_@_%') END AS reviewers
    FROM webhook_deliveries d JOIN webhook_endpoints e ON e.id = d.endpoint_id JOIN audit a ON a.seq = d.audit_seq
    LEFT JOIN apps p ON p.client_id = a.client_id
    LEFT JOIN developers v ON v.id = COALESCE(a.developer_id, p.developer_id, e.developer_id)
    WHERE d.claim = ?1 ORDER BY a.seq";

// One statement for all attempts of a claim, because D1 counts statements. ?1 what is told, ?2 the claim.
const NOTE_ATTEMPTS: &str = "
    INSERT INTO webhook_attempts (delivery_id, number, at, status, error, duration_ms)
    SELECT d.id, d.attempts + 1, told.value ->> 'at', told.value ->> 'answer', told.value ->> 'error',
           told.value ->> 'took'
    FROM json_each(?1) AS told JOIN webhook_deliveries d ON d.id = told.value ->> 'id' AND d.claim = ?2";

const NOTE_FATES: &str = "
    UPDATE webhook_deliveries
    SET status = told.value ->> 'status', attempts = attempts + 1, next_attempt_at = told.value ->> 'next',
        finished_at = told.value ->> 'finished', claim = NULL
    FROM json_each(?1) AS told WHERE webhook_deliveries.id = told.value ->> 'id' AND claim = ?2";

const TELL_OF_DISABLED: &str = "
    INSERT INTO audit (id, at, event, actor_type, developer_id, target_type, target_id, detail)
    SELECT told.value ->> 'audit_id', told.value ->> 'at', 'webhook.disabled', 'system', e.developer_id, 'webhook', e.id,
           json_object('reason', told.value ->> 'reason')
    FROM json_each(?1) AS told JOIN webhook_endpoints e ON e.id = told.value ->> 'id'
    WHERE told.value ->> 'reason' IS NOT NULL AND e.status = 'active'
      AND COALESCE(e.failing_since = told.value ->> 'since', told.value ->> 'since' IS NULL)
      AND EXISTS (SELECT 1 FROM webhook_deliveries WHERE id = told.value ->> 'delivery' AND claim = ?2)";

const NOTE_HEALTH: &str = "
    UPDATE webhook_endpoints
    SET failing_since = CASE WHEN told.value ->> 'works' THEN NULL ELSE COALESCE(failing_since, told.value ->> 'at') END,
        status = CASE WHEN told.value ->> 'reason' IS NOT NULL
                           AND COALESCE(failing_since = told.value ->> 'since', told.value ->> 'since' IS NULL)
                      THEN 'disabled' ELSE status END,
        version = version + (told.value ->> 'reason' IS NOT NULL)
    FROM json_each(?1) AS told
    WHERE webhook_endpoints.id = told.value ->> 'id'
      AND (failing_since IS NOT NULL OR NOT told.value ->> 'works')
      AND EXISTS (SELECT 1 FROM webhook_deliveries WHERE id = told.value ->> 'delivery' AND claim = ?2)";

/// In which form an endpoint is sent notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// As Standard Webhooks has it.
    Standard,
    /// As mails, for the operator's mail service.
    Mail,
}

impl Format {
    /// As it is stored and told.
    pub fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Mail => "mail",
        }
    }
}

/// A delivery that this run alone attempts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// The delivery.
    pub id: String,
    /// The endpoint.
    pub endpoint_id: String,
    /// The developer account whose endpoint it is; `None`: the operator.
    pub of_developer: Option<String>,
    /// How many attempts were made before.
    pub attempts: u32,
    /// The endpoint's address.
    pub url: String,
    /// What it is sent.
    pub format: Format,
    /// Its secrets.
    pub sealed_secret: String,
    /// Since when it fails.
    pub failing_since: Option<Timestamp>,
    /// What is told.
    pub entry: Entry,
    /// To whom, if it is a mail.
    pub readership: Readership,
}

/// What is written down about an attempt.
#[derive(Debug, Clone, Copy)]
pub struct Done<'a> {
    /// The delivery.
    pub of: &'a Claimed,
    /// When the attempt ended.
    pub at: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// What came of it.
    pub outcome: Outcome,
    /// What happens to the delivery.
    pub fate: Fate,
    /// What happens to the endpoint.
    pub health: Health,
}

#[derive(Deserialize)]
struct ClaimedRow {
    id: String,
    endpoint_id: String,
    attempts: u32,
    of_developer: Option<String>,
    url: String,
    format: Format,
    sealed_secret: String,
    failing_since: Option<Timestamp>,
    event_id: String,
    event: String,
    at: Timestamp,
    actor_type: String,
    client_id: Option<String>,
    app_name: Option<String>,
    developer_id: Option<String>,
    developer_name: Option<String>,
    user_id: Option<String>,
    detail: String,
    contact: Option<String>,
    reviewers: Option<String>,
}

/// Whether anything is due (`due`: 0 or 1).
pub fn any_due(now: Timestamp) -> Statement {
    Statement::new(ANY_DUE).time(now)
}

/// Ends what is on its way to endpoints that are switched off.
pub fn end_for_disabled(now: Timestamp) -> Statement {
    Statement::new(END_FOR_DISABLED).time(now).number(ENDED_AT_ONCE)
}

/// Claims deliveries that are due, except those to endpoints in `left_out` (a JSON array), and reads them. No other run
/// gets them before the claim has expired.
pub fn claim(claim: &str, left_out: &str, now: Timestamp) -> Vec<Statement> {
    vec![
        Statement::new(CLAIM)
            .time(now)
            .text(claim)
            .time(now + LEASE)
            .text(left_out)
            .number(SIDE_BY_SIDE)
            .number(TO_ONE_ENDPOINT),
        Statement::new(CLAIMED).text(claim),
    ]
}

/// What [`claim`] claimed.
pub fn claimed(found: &Found) -> Result<Vec<Claimed>, StoreError> {
    let rows: Vec<ClaimedRow> = found.rows(1)?;
    Ok(rows.into_iter().map(Claimed::from).collect())
}

impl From<ClaimedRow> for Claimed {
    fn from(row: ClaimedRow) -> Self {
        let reviewers: Vec<Reader> = row
            .reviewers
            .and_then(|reviewers| json::from_str(&reviewers).ok())
            .unwrap_or_default();
        Self {
            id: row.id,
            endpoint_id: row.endpoint_id,
            of_developer: row.of_developer,
            attempts: row.attempts,
            url: row.url,
            format: row.format,
            sealed_secret: row.sealed_secret,
            failing_since: row.failing_since,
            entry: Entry {
                event_id: row.event_id,
                event: row.event,
                at: row.at,
                actor_type: row.actor_type,
                client_id: row.client_id,
                app_name: row.app_name,
                developer_id: row.developer_id,
                developer_name: row.developer_name,
                user_id: row.user_id,
                detail: row.detail,
            },
            readership: Readership {
                contact: row.contact,
                reviewers,
            },
        }
    }
}

/// Writes back what came of the attempts of a claim; nothing of those that another run has by now, because the claim
/// expired. `random` names the entries in the audit trail about endpoints that are switched off.
pub fn write_back(claim: &str, attempts: &[Done<'_>], random: &dyn Random) -> Vec<Statement> {
    let attempted: Vec<Value> = attempts.iter().map(told_of_attempt).collect();
    let endpoints: Vec<Value> = one_per_endpoint(attempts)
        .into_iter()
        .map(|done| told_of_endpoint(done, random))
        .collect();
    let about = |sql, told: Vec<Value>| Statement::new(sql).text(&Value::Array(told).to_string()).text(claim);
    vec![
        about(NOTE_ATTEMPTS, attempted.clone()),
        about(TELL_OF_DISABLED, endpoints.clone()),
        about(NOTE_HEALTH, endpoints),
        about(NOTE_FATES, attempted),
    ]
}

fn told_of_attempt(done: &Done<'_>) -> Value {
    let (status, next, finished) = match done.fate {
        Fate::Delivered => ("delivered", None, Some(done.at)),
        Fate::Again(at) => ("pending", Some(at), None),
        Fate::GivenUp => ("failed", None, Some(done.at)),
    };
    json!({
        "id": done.of.id, "at": done.at, "answer": done.outcome.status(), "error": done.outcome.error(),
        "took": u32::try_from(done.took.as_millis()).unwrap_or(u32::MAX),
        "status": status, "next": next, "finished": finished,
    })
}

fn told_of_endpoint(done: &Done<'_>, random: &dyn Random) -> Value {
    let disabled = match done.health {
        Health::Disabled(reason) => Some(reason),
        _ => None,
    };
    // Not if it has worked meanwhile, for another run.
    let since = done.of.failing_since.filter(|_| disabled == Some(Disabled::Failing));
    json!({
        "id": done.of.endpoint_id, "delivery": done.of.id, "at": done.at, "works": done.health == Health::Working,
        "reason": disabled.map(Disabled::name), "since": since,
        "audit_id": disabled.map(|_| random::identifier(random, "evt_")),
    })
}

/// What counts most about each endpoint: that it is gone, else that it worked, else that it failed.
fn one_per_endpoint<'a, 'b>(attempts: &'a [Done<'b>]) -> Vec<&'a Done<'b>> {
    let weight = |health: Health| match health {
        Health::Disabled(Disabled::Gone) => 0,
        Health::Working => 1,
        Health::Disabled(Disabled::Failing) => 2,
        Health::Failing => 3,
        Health::AsBefore => 4,
    };
    let mut of: Vec<&Done<'_>> = attempts.iter().filter(|done| done.health != Health::AsBefore).collect();
    of.sort_by_key(|done| (&done.of.endpoint_id, weight(done.health)));
    of.dedup_by_key(|done| &done.of.endpoint_id);
    of
}

/// Puts the same secrets, sealed by another key, in the place of those of an endpoint; not if they were changed meanwhile.
pub fn seal_anew(claimed: &Claimed, sealed: &str) -> Statement {
    Statement::new("UPDATE webhook_endpoints SET sealed_secret = ?3 WHERE id = ?1 AND sealed_secret = ?2")
        .text(&claimed.endpoint_id)
        .text(&claimed.sealed_secret)
        .text(sealed)
}

/// Deletes deliveries that finished long ago, with their attempts, so many at most.
pub fn delete_old(now: Timestamp) -> Statement {
    Statement::new(
        "DELETE FROM webhook_deliveries WHERE id IN (
           SELECT id FROM webhook_deliveries WHERE finished_at <= ?1 ORDER BY finished_at LIMIT ?2)",
    )
    .time(now - KEPT)
    .number(DELETED_AT_ONCE)
}

#[cfg(test)]
#[path = "outbox_tests.rs"]
mod tests;
