//! The decision: claim, consent and code in one transaction, on condition that all of it still holds.

use std::time::Duration;

use serde::Deserialize;
use worker::D1Database;

use super::super::{Statement, batch, rows};
use super::ConsentRow;
use crate::edge::stores::store_error;
use crate::ledger::shard::Shard;
use crate::store::{Approval, Decided, Decision, DecisionState, StoreError};
use crate::time::Timestamp;

/// How long a claim is kept: longer than its request can be decided, which is 10 minutes from when the user came
/// with it, and 5 more if it was pushed.
const CLAIM_LIFETIME: Duration = Duration::from_secs(20 * 60);
/// How long the copy of a code is kept.
const COPY_LIFETIME: Duration = Duration::from_secs(300);

#[derive(Deserialize)]
struct DecisionRow {
    attempt: String,
    user_id: String,
    decided_at: Timestamp,
    shard: Option<Shard>,
}

#[derive(Deserialize)]
struct ConditionsRow {
    allowed: u8,
    consent_revoked: u8,
}

pub async fn decide(database: &D1Database, decision: &Decision, now: Timestamp) -> Result<DecisionState, StoreError> {
    let mut statements = match &decision.approval {
        Some(approval) => approve(decision, approval, now)?,
        None => vec![claim(decision, None, now)],
    };
    let at = statements.len();
    statements.extend([winner(decision), conditions(decision, now), active_consent(decision)]);
    let results = batch(database, statements).await?;
    if let Some(row) = rows::<DecisionRow>(&results, at)?.into_iter().next() {
        let DecisionRow {
            attempt,
            user_id,
            decided_at,
            shard,
        } = row;
        return Ok(DecisionState::Decided(Decided {
            attempt,
            user_id,
            at: decided_at,
            shard,
        }));
    }
    let Some(conditions) = rows::<ConditionsRow>(&results, at + 1)?.into_iter().next() else {
        return Err(store_error("d1", "the conditions of a decision are missing"));
    };
    let active = ConsentRow::read(&results, at + 2)?;
    Ok(match active {
        _ if conditions.allowed == 0 => DecisionState::Refused,
        Some(active) => DecisionState::ConsentChanged(active),
        None if conditions.consent_revoked != 0 => DecisionState::ConsentRevoked,
        None => DecisionState::Refused,
    })
}

/// The claim on the request, for whoever comes first and only while app, redirect URI, user and session allow it.
fn claim(decision: &Decision, consent_id: Option<&str>, now: Timestamp) -> Statement {
    Statement::new(
        "INSERT INTO decisions (request_id, attempt, user_id, consent_id, decided_at, expires_at)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6
         WHERE EXISTS (SELECT 1 FROM apps WHERE client_id = ?7 AND status = 'approved' AND epoch = ?8)
           AND EXISTS (SELECT 1 FROM app_redirect_uris WHERE client_id = ?7 AND redirect_uri = ?9)
           AND EXISTS (SELECT 1 FROM sessions s JOIN users u ON u.id = s.user_id
                       WHERE s.token_hash = ?10 AND s.user_id = ?3 AND s.expires_at > ?5 AND u.status = 'active')
           AND (?4 IS NULL OR NOT EXISTS (SELECT 1 FROM consents
                WHERE user_id = ?3 AND client_id = ?7 AND status = 'active' AND id <> ?4))
           AND (?4 IS NULL OR NOT EXISTS (SELECT 1 FROM consents WHERE id = ?4 AND status <> 'active'))
         ON CONFLICT (request_id) DO NOTHING",
    )
    .text(&decision.request_id)
    .text(&decision.attempt)
    .text(&decision.user_id)
    .optional_text(consent_id)
    .time(now)
    .time(now + CLAIM_LIFETIME)
    .text(&decision.client_id)
    .number(decision.app_epoch)
    .text(&decision.redirect_uri)
    .text(&decision.session)
}

fn approve(decision: &Decision, approval: &Approval, now: Timestamp) -> Result<Vec<Statement>, StoreError> {
    let payload = serde_json::to_string(&approval.payload).map_err(|error| store_error("d1", error))?;
    let scopes = serde_json::to_string(&approval.payload.scopes).map_err(|error| store_error("d1", error))?;
    let claimed = |sql| Statement::new(sql).text(&decision.request_id).text(&decision.attempt);
    Ok(vec![
        claim(decision, Some(&approval.consent_id), now),
        // From here on everything is conditional on this attempt holding the claim.
        claimed(
            "INSERT INTO consents (id, user_id, client_id, shard, status, created_at)
             SELECT ?3, ?4, ?5, ?6, 'active', ?7
             WHERE EXISTS (SELECT 1 FROM decisions WHERE request_id = ?1 AND attempt = ?2)
             ON CONFLICT (id) DO NOTHING",
        )
        .text(&approval.consent_id)
        .text(&decision.user_id)
        .text(&decision.client_id)
        .number(approval.shard.number())
        .time(now),
        claimed(
            "INSERT OR IGNORE INTO consent_scopes (consent_id, scope, granted_at)
             SELECT ?3, value, ?5 FROM json_each(?4)
             WHERE EXISTS (SELECT 1 FROM decisions WHERE request_id = ?1 AND attempt = ?2)",
        )
        .text(&approval.consent_id)
        .text(&scopes)
        .time(now),
        claimed(
            "INSERT OR IGNORE INTO authorization_codes (code_hash, payload, expires_at)
             SELECT ?3, ?4, ?5
             WHERE EXISTS (SELECT 1 FROM decisions WHERE request_id = ?1 AND attempt = ?2)",
        )
        .text(&approval.code_hash)
        .text(&payload)
        .time(now + COPY_LIFETIME),
    ])
}

/// Who decided, and where the consent's token families are kept if they agreed.
fn winner(decision: &Decision) -> Statement {
    Statement::new(
        "SELECT d.attempt, d.user_id, d.decided_at, c.shard
         FROM decisions d LEFT JOIN consents c ON c.id = d.consent_id WHERE d.request_id = ?1",
    )
    .text(&decision.request_id)
}

/// If nobody decided: whether everything but the consent would have allowed it.
fn conditions(decision: &Decision, now: Timestamp) -> Statement {
    let candidate = decision.approval.as_ref().map(|approval| approval.consent_id.as_str());
    Statement::new(
        "SELECT
           EXISTS (SELECT 1 FROM apps WHERE client_id = ?1 AND status = 'approved' AND epoch = ?2)
             AND EXISTS (SELECT 1 FROM app_redirect_uris WHERE client_id = ?1 AND redirect_uri = ?3)
             AND EXISTS (SELECT 1 FROM sessions s JOIN users u ON u.id = s.user_id
                         WHERE s.token_hash = ?4 AND s.user_id = ?5 AND s.expires_at > ?6 AND u.status = 'active') AS allowed,
           EXISTS (SELECT 1 FROM consents WHERE id = ?7 AND status <> 'active') AS consent_revoked",
    )
    .text(&decision.client_id)
    .number(decision.app_epoch)
    .text(&decision.redirect_uri)
    .text(&decision.session)
    .text(&decision.user_id)
    .time(now)
    .optional_text(candidate)
}

fn active_consent(decision: &Decision) -> Statement {
    Statement::new(
        "SELECT c.id, c.shard, (SELECT json_group_array(scope) FROM consent_scopes WHERE consent_id = c.id) AS scopes
         FROM consents c WHERE c.user_id = ?1 AND c.client_id = ?2 AND c.status = 'active'",
    )
    .text(&decision.user_id)
    .text(&decision.client_id)
}
