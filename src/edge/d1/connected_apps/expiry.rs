//! Consents that nobody uses.

use worker::D1Database;

use super::super::{Statement, batch};
use crate::consent_expiry::UnusedLifetime;
use crate::edge::stores::store_error;
use crate::ledger::StillUsed;
use crate::store::StoreError;
use crate::time::Timestamp;

// Both notes choose the same rows, because they run in one transaction: ?1 is the last use at most, ?2 is now. One
// that was used after its note is noted anew some day, and its row in the audit trail is another one.
const TELL: &str = "
    INSERT INTO audit (id, at, event, actor_type, client_id, developer_id, user_id, target_type, target_id, detail)
    SELECT 'evt_expiring_' || id || '_' || COALESCE(last_used_at, created_at), ?2, 'consent.expiring', 'system',
           client_id, (SELECT developer_id FROM apps WHERE apps.client_id = consents.client_id), user_id, 'consent', id, json_object('consent_id', id, 'last_used_at', last_used_at)
    FROM consents WHERE status = 'active' AND expiry_noted_at IS NULL AND COALESCE(last_used_at, created_at) <= ?1
    ORDER BY COALESCE(last_used_at, created_at), rowid LIMIT 500
    ON CONFLICT (id) DO NOTHING";
const NOTE: &str = "
    UPDATE consents SET expiry_noted_at = ?2 WHERE id IN (
      SELECT id FROM consents
      WHERE status = 'active' AND expiry_noted_at IS NULL AND COALESCE(last_used_at, created_at) <= ?1
      ORDER BY COALESCE(last_used_at, created_at), rowid LIMIT 500)";

// A consent that was agreed to anew minutes ago has a code on its way, and is about to be used.
const END: &str = "
    UPDATE consents SET status = 'revoking', revoked_at = ?3, ended_by = 'unused' WHERE id IN (
      SELECT id FROM consents
      WHERE status = 'active' AND expiry_noted_at <= ?2 AND COALESCE(last_used_at, created_at) <= ?1
        AND id NOT IN (SELECT consent_id FROM decisions WHERE consent_id IS NOT NULL)
      ORDER BY expiry_noted_at LIMIT 500)";

const GIVE_WAY: &str = "
    UPDATE consents SET ended_by = 'displaced' FROM json_each(?1) AS told
    WHERE consents.id = told.value ->> 'consent_id' AND consents.status = 'revoking' AND consents.ended_by = 'unused'
      AND EXISTS (SELECT 1 FROM consents AS other
                  WHERE other.user_id = consents.user_id AND other.client_id = consents.client_id
                    AND other.instance = consents.instance AND other.status = 'active')";
const RESTORE: &str = "
    UPDATE consents SET status = 'active', revoked_at = NULL, ended_by = NULL, expiry_noted_at = NULL,
                        last_used_at = max(COALESCE(last_used_at, 0), told.value ->> 'used_at')
    FROM json_each(?1) AS told
    WHERE consents.id = told.value ->> 'consent_id' AND consents.status = 'revoking' AND consents.ended_by = 'unused'";

pub async fn expire(database: &D1Database, lifetime: UnusedLifetime, now: Timestamp) -> Result<(), StoreError> {
    let last_use = lifetime.to_be_noted_since(now);
    let statements = vec![
        Statement::new(TELL).time(last_use).time(now),
        Statement::new(NOTE).time(last_use).time(now),
        Statement::new(END)
            .time(lifetime.unused_since(now))
            .time(lifetime.noted_since(now))
            .time(now),
    ];
    batch(database, statements).await.map(|_| ())
}

pub async fn keep(database: &D1Database, still_used: &[StillUsed]) -> Result<(), StoreError> {
    let told = serde_json::to_string(still_used).map_err(|error| store_error("d1", error))?;
    let statements = [GIVE_WAY, RESTORE].map(|sql| Statement::new(sql).text(&told));
    batch(database, statements.into()).await.map(|_| ())
}
