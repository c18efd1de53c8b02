//! Taking back what was granted: all that a user gave, or all that an app or the apps of a developer account were given.
//!
//! For a user it is one statement. An app may have a million consents: its epoch rises, which ends all its tokens within
//! seconds, and `revoked_before` says which of its consents are to end. Some thousand go with the request, the rest with
//! the cron runs. Consents of after that are another matter and stay.

use serde::Deserialize;
use serde_json::json;

use crate::management::actor::Administrator;
use crate::management::audit::Entry;
use crate::random::Random;
use crate::store::database::{Found, Statement};
use crate::store::{Revoking, StoreError};
use crate::time::Timestamp;

/// How many consents one transaction takes out of use, and one request brings to ledgers.
const AT_ONCE: u32 = 10_000;
/// What is left is counted up to here.
const MOST_COUNTED: u32 = 20_000;

/// What is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose<'a> {
    /// All that a user gave.
    User(&'a str),
    /// All that an app was given.
    App(&'a str),
    /// All that the apps of a developer account were given.
    Developer(&'a str),
}

/// Apps, in a statement that calls them `a`; `?1` names them.
#[derive(Debug, Clone, Copy)]
struct Apps {
    index: &'static str,
    condition: &'static str,
}

const THE_APP: Apps = Apps {
    index: "",
    condition: "a.client_id = ?1",
};
const OF_THE_ACCOUNT: Apps = Apps {
    index: "",
    condition: "a.developer_id = ?1 AND a.deleted_at IS NULL",
};
/// All of which something is left to be taken back, those that were deleted too.
const ALL: Apps = Apps {
    index: "INDEXED BY apps_being_revoked",
    condition: "?1 = ''",
};

/// Takes it back in the directory. What [`unfinished`] finds after it, the ledgers have to end.
pub fn begin(
    administrator: Administrator<'_>,
    whose: Whose<'_>,
    reason: Option<&str>,
    random: &dyn Random,
    now: Timestamp,
) -> Vec<Statement> {
    let actor = administrator.actor();
    let mut statements = match whose {
        Whose::User(id) => {
            let mut statements = vec![Statement::require("EXISTS (SELECT 1 FROM users WHERE id = ?1)").text(id)];
            statements.extend(all_of_user(id, now));
            statements
        }
        Whose::App(id) => of_apps(THE_APP, id, now),
        Whose::Developer(id) => of_apps(OF_THE_ACCOUNT, id, now),
    };
    let entry = match whose {
        Whose::User(id) => Entry {
            user_id: Some(id),
            ..Entry::new("user.revoked", ("user", id))
        },
        Whose::App(id) => Entry::of_app("app.revoked", id),
        Whose::Developer(id) => Entry {
            developer_id: Some(id),
            ..Entry::new("developer.revoked", ("developer", id))
        },
    };
    statements.push(entry.with(json!({ "reason": reason })).by(actor, random, now));
    statements
}

/// Takes all consents of a user out of use. What was going to end unused ends now whether it is used or not.
fn all_of_user(user_id: &str, now: Timestamp) -> [Statement; 2] {
    [
        Statement::new(
            "UPDATE consents INDEXED BY consents_unfinished SET ended_by = 'operator'
             WHERE user_id = ?1 AND status = 'revoking' AND ended_by = 'unused'",
        )
        .text(user_id),
        Statement::new(
            "UPDATE consents INDEXED BY consents_one_active SET status = 'revoking', revoked_at = ?2, ended_by = 'operator'
             WHERE user_id = ?1 AND status = 'active'",
        )
        .text(user_id)
        .time(now),
    ]
}

fn of_apps(apps: Apps, id: &str, now: Timestamp) -> Vec<Statement> {
    let condition = apps.condition;
    let exist = Statement::require(match apps.condition == THE_APP.condition {
        true => "EXISTS (SELECT 1 FROM apps WHERE client_id = ?1 AND deleted_at IS NULL)",
        false => "EXISTS (SELECT 1 FROM developers WHERE id = ?1)",
    });
    let recall = Statement::new(format!(
        "UPDATE apps AS a SET epoch = epoch + 1, revoked_before = ?2 WHERE {condition}"
    ));
    let take_over = Statement::new(format!(
        "UPDATE consents SET ended_by = 'operator' WHERE rowid IN (
           SELECT c.rowid FROM apps a CROSS JOIN consents c INDEXED BY consents_of_app ON c.client_id = a.client_id
           WHERE {condition} AND c.status IN ('active', 'revoking') AND c.status = 'revoking' AND c.ended_by = 'unused')"
    ));
    let mut statements = vec![exist.text(id), recall.text(id).time(now), take_over.text(id)];
    statements.extend(some_of_apps(apps, id, now));
    statements
}

/// Takes some thousand consents out of use, and notes where none is left.
fn some_of_apps(apps: Apps, id: &str, now: Timestamp) -> [Statement; 2] {
    let Apps { index, condition } = apps;
    let take = format!(
        "UPDATE consents SET status = 'revoking', revoked_at = ?2, ended_by = (
           SELECT CASE WHEN deleted_at IS NULL THEN 'operator' ELSE 'app_deleted' END
           FROM apps WHERE client_id = consents.client_id)
         WHERE rowid IN (
           SELECT c.rowid FROM apps a {index} CROSS JOIN consents c INDEXED BY consents_of_app ON c.client_id = a.client_id
           WHERE {condition} AND a.revoked_before IS NOT NULL AND c.status IN ('active', 'revoking')
             AND c.status = 'active' AND c.created_at <= a.revoked_before LIMIT {AT_ONCE})"
    );
    let note = format!(
        "UPDATE apps AS a {index} SET revoked_before = NULL
         WHERE {condition} AND a.revoked_before IS NOT NULL AND NOT EXISTS (
           SELECT 1 FROM consents c INDEXED BY consents_of_app
           WHERE c.client_id = a.client_id AND c.status IN ('active', 'revoking') AND c.status = 'active'
             AND c.created_at <= a.revoked_before)"
    );
    [Statement::new(take).text(id).time(now), Statement::new(note).text(id)]
}

/// What the deletion of an app does of it, once `revoked_before` says that all of its consents are to end.
pub fn some_of_app(client_id: &str, now: Timestamp) -> [Statement; 2] {
    some_of_apps(THE_APP, client_id, now)
}

/// What a cron run does of it before it looks for consents that the ledgers have to end.
pub fn go_on(now: Timestamp) -> [Statement; 2] {
    some_of_apps(ALL, "", now)
}

/// Two statements: the consents that the ledgers have to end, as many as one request deals with, and how many there are.
pub fn unfinished(whose: Whose<'_>) -> [Statement; 2] {
    let columns = "c.id, c.shard, COALESCE(c.ended_by, 'user') AS ended_by";
    let (id, revoking, left) = match whose {
        Whose::User(id) => {
            let revoking = "consents c INDEXED BY consents_unfinished WHERE c.user_id = ?1 AND c.status = 'revoking'";
            (id, revoking.to_owned(), revoking.to_owned())
        }
        Whose::App(id) => (id, of_apps_in(THE_APP, IS_REVOKING), of_apps_in(THE_APP, IS_LEFT)),
        Whose::Developer(id) => (
            id,
            of_apps_in(OF_THE_ACCOUNT, IS_REVOKING),
            of_apps_in(OF_THE_ACCOUNT, IS_LEFT),
        ),
    };
    [
        Statement::new(format!("SELECT {columns} FROM {revoking} LIMIT {AT_ONCE}")).text(id),
        Statement::new(format!(
            "SELECT count(*) AS count FROM (SELECT 1 FROM {left} LIMIT {MOST_COUNTED})"
        ))
        .text(id),
    ]
}

const IS_REVOKING: &str = "c.status = 'revoking'";
const IS_LEFT: &str = "(c.status = 'revoking' OR c.created_at <= a.revoked_before)";

fn of_apps_in(apps: Apps, state: &str) -> String {
    let condition = apps.condition;
    format!(
        "apps a CROSS JOIN consents c INDEXED BY consents_of_app ON c.client_id = a.client_id
         WHERE {condition} AND c.status IN ('active', 'revoking') AND {state}"
    )
}

/// What [`unfinished`] found, the first of its statements at `index`.
pub fn read_unfinished(found: &Found, index: usize) -> Result<(Vec<Revoking>, u32), StoreError> {
    #[derive(Deserialize)]
    struct Counted {
        count: u32,
    }
    let counted = found.first::<Counted>(index + 1)?.map_or(0, |counted| counted.count);
    Ok((found.rows(index)?, counted))
}

/// Notes that the ledgers have ended these consents.
pub fn note_ended(consent_ids: &[String]) -> Statement {
    let ids = serde_json::Value::from(consent_ids).to_string();
    Statement::new(
        "UPDATE consents SET status = 'revoked' WHERE id IN (SELECT value FROM json_each(?1)) AND status = 'revoking'",
    )
    .text(&ids)
}
