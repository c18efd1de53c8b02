//! Usage in the directory.

use serde_json::{Value, json};

use super::buffer::{LoggedError, Used};
use super::call_statements;
use super::writer::Numbered;
use super::{ACTIVE_USERS, DAY};
use crate::store::database::Statement;
use crate::time::Timestamp;

/// How many entries an app's error log keeps.
pub const MOST_LOGGED: u32 = 1000;
/// "Last used" is right to within these milliseconds: a busy app costs no write for each batch.
pub const LAST_USED_PRECISION: i64 = 5 * 60_000;
/// The same of consents by calls: a call is no reason for a write, and an hour is little against the days after which
/// an unused consent ends.
pub const CONSENT_PRECISION: i64 = 60 * 60_000;
/// Days a count is kept, and a day more, so that the oldest of ninety is whole.
const DAYS_OF_COUNTS: i64 = 91;
/// Days of counts by the hour.
const DAYS_OF_HOURS: i64 = 3;
/// Days it is known who used an app: as long as that day's users are still being counted.
const DAYS_OF_USERS: i64 = 2;
/// Days of error logs.
const DAYS_OF_ERRORS: i64 = 30;
/// Rows deleted at once.
const BATCH: u32 = 10_000;

/// Writes a batch, unless the directory has it already: then the transaction is refused.
pub fn batch_statements(numbered: &Numbered, now: Timestamp) -> Vec<Statement> {
    let Numbered { writer, number, batch } = numbered;
    let mut statements = vec![
        Statement::require("NOT EXISTS (SELECT 1 FROM usage_writers WHERE id = ?1 AND number >= ?2)")
            .text(writer)
            .number(*number),
        Statement::new(
            "INSERT INTO usage_writers (id, number, at) VALUES (?1, ?2, ?3)
             ON CONFLICT (id) DO UPDATE SET number = excluded.number, at = excluded.at",
        )
        .text(writer)
        .number(*number)
        .time(now),
    ];
    // Whole lists as JSON: a statement takes a hundred parameters.
    let mut add = |rows: Vec<Value>, each: &[&'static str]| {
        if !rows.is_empty() {
            let list = Value::Array(rows).to_string();
            statements.extend(each.iter().map(|sql| Statement::new(*sql).text(&list)));
        }
    };
    let counts = batch.counts.iter();
    add(
        counts
            .map(|((client_id, hour, metric), count)| json!([client_id, hour, metric.name(), count]))
            .collect(),
        &[ADD_COUNTS],
    );
    let users = batch.users.iter();
    add(
        users
            .map(|(client_id, day, user)| json!([client_id, day, user]))
            .collect(),
        &[ADD_ACTIVE_USERS, ADD_USERS],
    );
    for (kind, sql) in [
        (Used::App, APP_USED),
        (Used::Secret, SECRET_USED),
        (Used::Credential, CREDENTIAL_USED),
        (Used::Consent, CONSENT_USED),
    ] {
        let used = batch.used.iter().filter(|((used, _), _)| *used == kind);
        add(used.map(|((_, id), at)| json!([id, at])).collect(), &[sql]);
    }
    let errors = batch.errors.iter().map(|error: &LoggedError| {
        let LoggedError {
            client_id,
            at,
            endpoint,
            error,
            description,
            request_id,
            count,
        } = error;
        json!([client_id, at, endpoint, error, description, request_id, count])
    });
    add(errors.collect(), &[ADD_ERRORS, TRIM_ERRORS]);
    statements.extend(call_statements::add(&batch.calls));
    statements
}

const ADD_COUNTS: &str = "INSERT INTO usage_hours (client_id, hour, metric, count)
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?1) WHERE true
    ON CONFLICT (client_id, hour, metric) DO UPDATE SET count = count + excluded.count";

/// How many of these users are the day's first of them. Before they are entered, in the same transaction.
const ADD_ACTIVE_USERS: &str = "INSERT INTO usage_hours (client_id, hour, metric, count)
    SELECT told.value ->> 0, told.value ->> 1, 'active_users', count(*) FROM json_each(?1) AS told
    WHERE NOT EXISTS (
      SELECT 1 FROM app_active_users AS known
      WHERE known.client_id = told.value ->> 0 AND known.day = told.value ->> 1 AND known.user_id = told.value ->> 2)
    GROUP BY 1, 2
    ON CONFLICT (client_id, hour, metric) DO UPDATE SET count = count + excluded.count";
const _: () = assert!(ACTIVE_USERS.len() == "active_users".len());

const ADD_USERS: &str = "INSERT INTO app_active_users (client_id, day, user_id)
    SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?1) WHERE true ON CONFLICT DO NOTHING";

const APP_USED: &str = "UPDATE apps SET last_used_at = told.value ->> 1 FROM json_each(?1) AS told
    WHERE apps.client_id = told.value ->> 0 AND COALESCE(apps.last_used_at, 0) < told.value ->> 1 - 300000";
const SECRET_USED: &str = "UPDATE client_secrets SET last_used_at = told.value ->> 1 FROM json_each(?1) AS told
    WHERE client_secrets.id = told.value ->> 0 AND COALESCE(client_secrets.last_used_at, 0) < told.value ->> 1 - 300000";
const CREDENTIAL_USED: &str = "UPDATE api_credentials SET last_used_at = told.value ->> 1 FROM json_each(?1) AS told
    WHERE api_credentials.id = told.value ->> 0
      AND COALESCE(api_credentials.last_used_at, 0) < told.value ->> 1 - 300000";
const _: () = assert!(LAST_USED_PRECISION == 300_000);
// What is used does not end unused: the notice is taken back, as where the ledger tells of a use.
const CONSENT_USED: &str = "UPDATE consents SET last_used_at = told.value ->> 1, expiry_noted_at = NULL
    FROM json_each(?1) AS told
    WHERE consents.id = told.value ->> 0 AND consents.status = 'active'
      AND COALESCE(consents.last_used_at, 0) < told.value ->> 1 - 3600000";
const _: () = assert!(CONSENT_PRECISION == 3_600_000);

const ADD_ERRORS: &str = "INSERT INTO app_errors (client_id, at, endpoint, error, description, request_id, count)
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6
    FROM json_each(?1) ORDER BY key";

/// Of each app of the batch. Each is asked once for the last entry that is one too many.
const TRIM_ERRORS: &str = "DELETE FROM app_errors WHERE seq IN (
    SELECT entry.seq FROM (SELECT DISTINCT value ->> 0 AS client_id FROM json_each(?1)) AS told
    CROSS JOIN app_errors AS entry ON entry.client_id = told.client_id AND entry.seq <= (
      SELECT kept.seq FROM app_errors AS kept WHERE kept.client_id = told.client_id
      ORDER BY kept.seq DESC LIMIT 1 OFFSET 1000))";
const _: () = assert!(MOST_LOGGED == 1000);

/// Moves the oldest hour that is old enough to its day. What one hour of all apps has is moved at once.
pub fn roll_up(now: Timestamp) -> Vec<Statement> {
    let oldest = "(SELECT min(hour) FROM usage_hours WHERE hour < ?1)";
    let before = |sql: String| Statement::new(sql).time(Timestamp(now.0 - DAYS_OF_HOURS * DAY));
    vec![
        before(format!(
            "INSERT INTO usage_days (client_id, day, metric, count)
             SELECT client_id, hour - hour % 86400000, metric, count FROM usage_hours WHERE hour = {oldest}
             ON CONFLICT (client_id, day, metric) DO UPDATE SET count = count + excluded.count"
        )),
        before(format!("DELETE FROM usage_hours WHERE hour = {oldest}")),
    ]
}

/// The same for calls.
pub fn roll_up_calls(now: Timestamp) -> Vec<Statement> {
    call_statements::roll_up(Timestamp(now.0 - DAYS_OF_HOURS * DAY))
}

/// Deletes what is too old, so much at once.
pub fn delete_expired(now: Timestamp) -> Vec<Statement> {
    let older_than =
        |days: i64, sql: &'static str| Statement::new(sql).time(Timestamp(now.0 - days * DAY)).number(BATCH);
    vec![
        older_than(
            DAYS_OF_COUNTS,
            "DELETE FROM usage_days WHERE (client_id, day, metric) IN (
               SELECT client_id, day, metric FROM usage_days WHERE day < ?1 LIMIT ?2)",
        ),
        older_than(
            DAYS_OF_USERS,
            "DELETE FROM app_active_users WHERE (client_id, day, user_id) IN (
               SELECT client_id, day, user_id FROM app_active_users WHERE day < ?1 LIMIT ?2)",
        ),
        older_than(
            DAYS_OF_ERRORS,
            "DELETE FROM app_errors WHERE seq IN (SELECT seq FROM app_errors WHERE at < ?1 LIMIT ?2)",
        ),
        call_statements::delete_before(Timestamp(now.0 - DAYS_OF_COUNTS * DAY), BATCH),
        // An isolate that still writes has not been silent for a day.
        older_than(
            1,
            "DELETE FROM usage_writers WHERE id IN (SELECT id FROM usage_writers WHERE at < ?1 LIMIT ?2)",
        ),
    ]
}
