//! The decision: claim, consent and code in one transaction, on condition that all of it still holds.

use std::time::Duration;

use serde::Deserialize;
use worker::D1Database;

use super::super::{Statement, batch, rows};
use super::ConsentRow;
use crate::edge::stores::store_error;
use crate::store::{Approval, Decided, Decision, DecisionState, StoreError};
use crate::time::Timestamp;

/// How long a claim is kept: twice as long as its request could have been decided.
const CLAIM_LIFETIME: Duration = Duration::from_secs(20 * 60);
/// How long the copy of a code is kept.
const COPY_LIFETIME: Duration = Duration::from_secs(300);

#[derive(Deserialize)]
struct StateRow {
    approved: Option<u8>,
    decided_at: Option<Timestamp>,
    allowed: u8,
    candidate_revoked: u8,
}

pub async fn decide(database: &D1Database, decision: &Decision, now: Timestamp) -> Result<DecisionState, StoreError> {
    let mut statements = match &decision.approval {
        Some(approval) => approve(decision, approval, now)?,
        None => vec![deny(decision, now)],
    };
    statements.push(state(decision, now));
    statements.push(active_consent(decision));
    let at = statements.len() - 2;
    let results = batch(database, statements).await?;
    let Some(row) = rows::<StateRow>(&results, at)?.into_iter().next() else {
        return Err(store_error("d1", "the state of a decision is missing"));
    };
    let consent = ConsentRow::read(&results, at + 1)?;
    Ok(match (row.approved, row.decided_at) {
        (Some(approved), Some(at)) => DecisionState::Decided(Decided {
            approved: approved != 0,
            at,
            consent,
        }),
        _ if row.allowed == 0 => DecisionState::Refused,
        _ if row.candidate_revoked != 0 => DecisionState::ConsentRevoked,
        _ => consent.map_or(DecisionState::Refused, DecisionState::ConsentChanged),
    })
}

fn approve(decision: &Decision, approval: &Approval, now: Timestamp) -> Result<Vec<Statement>, StoreError> {
    let payload = serde_json::to_string(&approval.payload).map_err(|error| store_error("d1", error))?;
    let scopes = serde_json::to_string(&approval.payload.scopes).map_err(|error| store_error("d1", error))?;
    let claimed = |sql| Statement::new(sql).text(&decision.request_id).text(&decision.attempt);
    Ok(vec![
        claimed(
            "INSERT INTO decisions (request_id, attempt, approved, decided_at, expires_at)
             SELECT ?1, ?2, 1, ?3, ?4
             WHERE EXISTS (SELECT 1 FROM apps WHERE client_id = ?5 AND status = 'approved' AND epoch = ?6)
               AND EXISTS (SELECT 1 FROM sessions s JOIN users u ON u.id = s.user_id
                           WHERE s.token_hash = ?7 AND s.user_id = ?8 AND s.expires_at > ?3 AND u.status = 'active')
               AND NOT EXISTS (SELECT 1 FROM consents WHERE user_id = ?8 AND client_id = ?5 AND status = 'active' AND id <> ?9)
               AND NOT EXISTS (SELECT 1 FROM consents WHERE id = ?9 AND status <> 'active')
             ON CONFLICT (request_id) DO NOTHING",
        )
        .time(now)
        .time(now + CLAIM_LIFETIME)
        .text(&decision.client_id)
        .number(decision.app_epoch)
        .text(&decision.session)
        .text(&decision.user_id)
        .text(&approval.consent_id),
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

/// Saying no needs nothing but the session it is said in.
fn deny(decision: &Decision, now: Timestamp) -> Statement {
    Statement::new(
        "INSERT INTO decisions (request_id, attempt, approved, decided_at, expires_at)
         SELECT ?1, ?2, 0, ?3, ?4
         WHERE EXISTS (SELECT 1 FROM sessions WHERE token_hash = ?5 AND user_id = ?6 AND expires_at > ?3)
         ON CONFLICT (request_id) DO NOTHING",
    )
    .text(&decision.request_id)
    .text(&decision.attempt)
    .time(now)
    .time(now + CLAIM_LIFETIME)
    .text(&decision.session)
    .text(&decision.user_id)
}

/// Who won, and if nobody did, why.
fn state(decision: &Decision, now: Timestamp) -> Statement {
    let candidate = decision
        .approval
        .as_ref()
        .map_or("", |approval| approval.consent_id.as_str());
    Statement::new(
        "SELECT
           (SELECT approved FROM decisions WHERE request_id = ?1) AS approved,
           (SELECT decided_at FROM decisions WHERE request_id = ?1) AS decided_at,
           EXISTS (SELECT 1 FROM apps WHERE client_id = ?2 AND status = 'approved' AND epoch = ?3)
             AND EXISTS (SELECT 1 FROM sessions s JOIN users u ON u.id = s.user_id
                         WHERE s.token_hash = ?4 AND s.user_id = ?5 AND s.expires_at > ?6 AND u.status = 'active') AS allowed,
           EXISTS (SELECT 1 FROM consents WHERE id = ?7 AND status <> 'active') AS candidate_revoked",
    )
    .text(&decision.request_id)
    .text(&decision.client_id)
    .number(decision.app_epoch)
    .text(&decision.session)
    .text(&decision.user_id)
    .time(now)
    .text(candidate)
}

fn active_consent(decision: &Decision) -> Statement {
    Statement::new(
        "SELECT c.id, c.shard, (SELECT json_group_array(scope) FROM consent_scopes WHERE consent_id = c.id) AS scopes
         FROM consents c WHERE c.user_id = ?1 AND c.client_id = ?2 AND c.status = 'active'",
    )
    .text(&decision.user_id)
    .text(&decision.client_id)
}
