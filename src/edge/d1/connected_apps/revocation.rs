//! Taking consents out of use, and noting that all under them is ended.

use serde::Deserialize;
use worker::D1Database;

use super::super::{Statement, batch, rows};
use crate::edge::stores::store_error;
use crate::store::{Revocable, Revoking, StoreError, Unfinished};
use crate::time::Timestamp;

#[derive(Deserialize)]
struct CountRow {
    is_known: u8,
    count: u32,
}

/// What begins a revocation, by what is revoked. Every one of them is bound to the user (?1); the second parameter
/// names the consent or the app.
struct Statements {
    /// Takes out of use what is in force (?3: now).
    begin: &'static str,
    /// Takes over what was going to end unused: now it ends whether it is used or not.
    take_over: &'static str,
    /// What is out of use, and not finished.
    unfinished: &'static str,
    /// How much that is, and whether the user ever had any of it.
    count: &'static str,
}

const ONE: Statements = Statements {
    begin: "UPDATE consents SET status = 'revoking', revoked_at = ?3, ended_by = 'user'
            WHERE user_id = ?1 AND id = ?2 AND status = 'active'",
    take_over: "UPDATE consents SET ended_by = 'user'
                WHERE user_id = ?1 AND id = ?2 AND status = 'revoking' AND ended_by = 'unused'",
    unfinished: "SELECT id, shard, COALESCE(ended_by, 'user') AS ended_by FROM consents
                 WHERE user_id = ?1 AND id = ?2 AND status = 'revoking'",
    count: "SELECT 1 AS is_known, status = 'revoking' AS count FROM consents WHERE user_id = ?1 AND id = ?2",
};

// The indexes are named because the one by app holds every consent there ever was.
const OF_APP: Statements = Statements {
    begin: "UPDATE consents INDEXED BY consents_one_active SET status = 'revoking', revoked_at = ?3, ended_by = 'user'
            WHERE user_id = ?1 AND client_id = ?2 AND status = 'active'",
    take_over: "UPDATE consents INDEXED BY consents_unfinished SET ended_by = 'user'
                WHERE user_id = ?1 AND client_id = ?2 AND status = 'revoking' AND ended_by = 'unused'",
    unfinished: "SELECT id, shard, COALESCE(ended_by, 'user') AS ended_by FROM consents INDEXED BY consents_unfinished
                 WHERE user_id = ?1 AND client_id = ?2 AND status = 'revoking' ORDER BY shard LIMIT 10000",
    count: "SELECT EXISTS (SELECT 1 FROM consents WHERE client_id = ?2 AND user_id = ?1) AS is_known, count(*) AS count
            FROM consents INDEXED BY consents_unfinished WHERE user_id = ?1 AND client_id = ?2 AND status = 'revoking'",
};

const ALL: Statements = Statements {
    begin: "UPDATE consents INDEXED BY consents_one_active SET status = 'revoking', revoked_at = ?3, ended_by = 'user'
            WHERE user_id = ?1 AND ?2 = '' AND status = 'active'",
    take_over: "UPDATE consents INDEXED BY consents_unfinished SET ended_by = 'user'
                WHERE user_id = ?1 AND ?2 = '' AND status = 'revoking' AND ended_by = 'unused'",
    unfinished: "SELECT id, shard, COALESCE(ended_by, 'user') AS ended_by FROM consents INDEXED BY consents_unfinished
                 WHERE user_id = ?1 AND ?2 = '' AND status = 'revoking' ORDER BY shard LIMIT 10000",
    count: "SELECT 1 AS is_known, count(*) AS count
            FROM consents INDEXED BY consents_unfinished WHERE user_id = ?1 AND ?2 = '' AND status = 'revoking'",
};

pub async fn begin(
    database: &D1Database,
    user_id: &str,
    what: Revocable<'_>,
    now: Timestamp,
) -> Result<Option<Unfinished>, StoreError> {
    let (of, name) = match what {
        Revocable::Consent(id) => (ONE, id),
        Revocable::App(client_id) => (OF_APP, client_id),
        Revocable::Everything => (ALL, ""),
    };
    let bound = |sql| Statement::new(sql).text(user_id).text(name);
    let statements = vec![
        bound(of.begin).time(now),
        bound(of.take_over),
        bound(of.unfinished),
        bound(of.count),
    ];
    let results = batch(database, statements).await?;
    let counted = rows::<CountRow>(&results, 3)?.into_iter().next();
    let Some(counted) = counted.filter(|counted| counted.is_known != 0) else {
        return Ok(None);
    };
    Ok(Some(Unfinished {
        revoking: rows(&results, 2)?,
        count: counted.count,
    }))
}

pub async fn finish(database: &D1Database, consent_ids: &[&str]) -> Result<(), StoreError> {
    let ids = serde_json::to_string(consent_ids).map_err(|error| store_error("d1", error))?;
    let statement = Statement::new(
        "UPDATE consents SET status = 'revoked'
         WHERE id IN (SELECT value FROM json_each(?1)) AND status = 'revoking'",
    );
    batch(database, vec![statement.text(&ids)]).await.map(|_| ())
}

/// In no order, so that those of a ledger that is out of reach do not keep the others waiting.
pub async fn unfinished(database: &D1Database) -> Result<Vec<Revoking>, StoreError> {
    let statement = Statement::new(
        "SELECT id, shard, CASE WHEN ended_by = 'operator' AND ended_for IS NOT NULL THEN 'organization'
                           ELSE COALESCE(ended_by, 'user') END AS ended_by
         FROM consents WHERE status = 'revoking' ORDER BY random() LIMIT 2000",
    );
    rows(&batch(database, vec![statement]).await?, 0)
}
