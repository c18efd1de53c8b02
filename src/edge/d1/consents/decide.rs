//! The decision: claim, consent and code in one transaction, on condition that all of it still holds.

use std::time::Duration;

use serde::Deserialize;

use super::super::{Statement, batch, note_due, rows};
use super::{ConsentRow, blocked_for};
use crate::crypto::hash;
use crate::edge::stores::{EdgeStores, store_error};
use crate::ledger::shard::Shard;
use crate::management::notices::outbox::any_due;
use crate::oauth::scope::Scopes;
use crate::oauth::standing::NotServed;
use crate::store::{Approval, Decided, Decision, DecisionState, MOST_INSTALLS, StoreError};
use crate::time::Timestamp;

/// How long a claim is kept: longer than its request can be decided, which is 10 minutes from when the user came
/// with it, and 5 more if it was pushed.
const CLAIM_LIFETIME: Duration = Duration::from_secs(20 * 60);
/// How long the copy of a code is kept.
const COPY_LIFETIME: Duration = Duration::from_secs(300);

// The conditions of a decision. The claim is made only while all of them hold; where no one made it, they are asked one
// by one for the reason. Both bind the same values: ?1 app, ?2 its epoch, ?3 redirect URI, ?4 session, ?5 user, ?6 now,
// ?7 consent (NULL: the user says no), ?8 most users of an unverified app, ?9 instance, ?10 scopes that the consent
// must hold already (NULL: the user was asked).

/// Somebody is signed in who may connect apps, as who they were.
macro_rules! signed_in {
    () => {
        "EXISTS (SELECT 1 FROM sessions s JOIN users u ON u.id = s.user_id LEFT JOIN connections n ON n.id = s.connection_id
                 WHERE s.token_hash = ?4 AND s.user_id = ?5 AND s.expires_at > ?6 AND u.status = 'active'
                   AND (s.connection_id IS NULL OR (n.status = 'active' AND n.domain_level = 1)))"
    };
}

/// The app may be used and receives its answers where it asked for them. Without a page it has to be reviewed.
macro_rules! app_is_available {
    () => {
        "(EXISTS (SELECT 1 FROM apps WHERE client_id = ?1 AND epoch = ?2
                  AND (status = 'approved' OR (?10 IS NULL AND status IN ('draft', 'pending_review'))))
          AND EXISTS (SELECT 1 FROM app_redirect_uris WHERE client_id = ?1 AND redirect_uri = ?3))"
    };
}

/// While an app that a person registered waits for its review, its testers alone connect it.
macro_rules! is_tester {
    () => {
        "(?7 IS NULL OR NOT EXISTS (
           SELECT 1 FROM apps a WHERE a.client_id = ?1 AND a.status <> 'approved' AND a.class IN ('portal', 'operator')
             AND NOT EXISTS (SELECT 1 FROM app_testers WHERE client_id = ?1 AND user_id = ?5)
             AND NOT EXISTS (SELECT 1 FROM developer_members WHERE developer_id = a.developer_id AND user_id = ?5)))"
    };
}

/// An app that registered itself takes so many people at most before its review.
macro_rules! has_room {
    () => {
        "(?7 IS NULL OR NOT EXISTS (
           SELECT 1 FROM apps a
           WHERE a.client_id = ?1 AND a.status <> 'approved' AND a.class IN ('registered', 'metadata_document')
             AND NOT EXISTS (SELECT 1 FROM app_users WHERE client_id = ?1 AND user_id = ?5)
             AND (SELECT count(*) FROM (SELECT 1 FROM app_users WHERE client_id = ?1 LIMIT ?8)) >= ?8))"
    };
}

/// No organization that the user belongs to blocks the app for everyone in it.
macro_rules! nobody_blocks_it {
    () => {
        concat!("(?7 IS NULL OR NOT ", blocked_for!("?5", "?1"), ")")
    };
}

/// No other consent is in force for this install, and this one was not revoked.
macro_rules! consent_is_current {
    () => {
        "(?7 IS NULL OR (
           NOT EXISTS (SELECT 1 FROM consents
                       WHERE user_id = ?5 AND client_id = ?1 AND instance = ?9 AND status = 'active' AND id <> ?7)
           AND NOT EXISTS (SELECT 1 FROM consents WHERE id = ?7 AND status <> 'active')))"
    };
}

/// Where nobody is asked, this consent is in force and holds all of it.
macro_rules! consent_covers {
    () => {
        "(?10 IS NULL OR (
           EXISTS (SELECT 1 FROM consents WHERE id = ?7 AND user_id = ?5 AND client_id = ?1 AND status = 'active')
           AND NOT EXISTS (SELECT 1 FROM json_each(?10) AS asked WHERE NOT EXISTS (
             SELECT 1 FROM consent_scopes WHERE consent_id = ?7 AND scope = asked.value))))"
    };
}

const CLAIM: &str = concat!(
    "INSERT INTO decisions (request_id, attempt, user_id, consent_id, decided_at, expires_at)
     SELECT ?11, ?12, ?5, ?7, ?6, ?13 WHERE ",
    signed_in!(),
    " AND ",
    app_is_available!(),
    " AND ",
    is_tester!(),
    " AND ",
    has_room!(),
    " AND ",
    nobody_blocks_it!(),
    " AND ",
    consent_is_current!(),
    " AND ",
    consent_covers!(),
    " ON CONFLICT (request_id) DO NOTHING"
);

const CONDITIONS: &str = concat!(
    "SELECT ",
    signed_in!(),
    " AS signed_in, ",
    app_is_available!(),
    " AS app_is_available, ",
    is_tester!(),
    " AS is_tester, ",
    has_room!(),
    " AS has_room, ",
    nobody_blocks_it!(),
    " AS nobody_blocks_it, ",
    consent_is_current!(),
    " AND ",
    consent_covers!(),
    " AS consent_holds"
);

#[derive(Deserialize)]
struct DecisionRow {
    attempt: String,
    user_id: String,
    decided_at: Timestamp,
    shard: Option<Shard>,
}

#[derive(Deserialize)]
struct ConditionsRow {
    signed_in: u8,
    app_is_available: u8,
    is_tester: u8,
    has_room: u8,
    nobody_blocks_it: u8,
    consent_holds: u8,
}

pub async fn decide(stores: &EdgeStores, decision: &Decision, now: Timestamp) -> Result<DecisionState, StoreError> {
    let remembered = decision.approval.as_ref().filter(|approval| approval.remembered);
    let remembered = remembered.map(|approval| json(&approval.payload.scopes)).transpose()?;
    let remembered = remembered.as_deref();
    let claim = on_condition(CLAIM, decision, remembered, now)
        .text(&decision.request_id)
        .text(&decision.attempt)
        .time(now + CLAIM_LIFETIME);
    let mut statements = vec![claim];
    if let Some(approval) = &decision.approval {
        statements.extend(follow(decision, approval, now)?);
    }
    let at = statements.len();
    statements.extend([
        winner(decision),
        on_condition(CONDITIONS, decision, remembered, now),
        active_consent(decision),
        displaced(decision),
        any_due(now),
    ]);
    let results = batch(&stores.database()?, statements).await?;
    note_due(stores, &results, at + 4)?;
    if let Some(row) = rows::<DecisionRow>(&results, at)?.into_iter().next() {
        return Ok(DecisionState::Decided(Decided {
            attempt: row.attempt,
            user_id: row.user_id,
            at: row.decided_at,
            shard: row.shard,
            displaced: rows(&results, at + 3)?,
        }));
    }
    let Some(conditions) = rows::<ConditionsRow>(&results, at + 1)?.into_iter().next() else {
        return Err(store_error("d1", "the conditions of a decision are missing"));
    };
    Ok(match (conditions, ConsentRow::read(&results, at + 2)?.pop()) {
        (ConditionsRow { signed_in: 0, .. }, _) => DecisionState::SignedOut,
        (
            ConditionsRow {
                app_is_available: 0, ..
            },
            _,
        ) => DecisionState::NotServed(NotServed::Unavailable),
        (
            ConditionsRow {
                nobody_blocks_it: 0, ..
            },
            _,
        ) => DecisionState::NotServed(NotServed::Blocked),
        (ConditionsRow { is_tester: 0, .. }, _) => DecisionState::NotServed(NotServed::NotATester),
        (ConditionsRow { has_room: 0, .. }, _) => DecisionState::NotServed(NotServed::Full),
        (_, Some(active)) => DecisionState::ConsentChanged(active),
        (ConditionsRow { consent_holds: 0, .. }, None) => DecisionState::ConsentRevoked,
        // All of it holds, and yet nobody made the claim: not in one transaction.
        (_, None) => return Err(store_error("d1", "a decision was neither made nor refused")),
    })
}

fn json(scopes: &Scopes) -> Result<String, StoreError> {
    serde_json::to_string(scopes).map_err(|error| store_error("d1", error))
}

fn on_condition(sql: &'static str, decision: &Decision, remembered: Option<&str>, now: Timestamp) -> Statement {
    let approval = decision.approval.as_ref();
    Statement::new(sql)
        .text(&decision.client_id)
        .number(decision.app_epoch)
        .text(&decision.redirect_uri)
        .text(&decision.session)
        .text(&decision.user_id)
        .time(now)
        .optional_text(approval.map(|approval| approval.consent_id.as_str()))
        .number(decision.unverified_app_users)
        .text(instance(decision))
        .optional_text(remembered)
}

fn instance(decision: &Decision) -> &str {
    decision
        .approval
        .as_ref()
        .map(|approval| approval.instance.as_str())
        .unwrap_or_default()
}

/// What follows from a yes: everything on condition that this attempt holds the claim.
fn follow(decision: &Decision, approval: &Approval, now: Timestamp) -> Result<Vec<Statement>, StoreError> {
    let payload = serde_json::to_string(&approval.payload).map_err(|error| store_error("d1", error))?;
    let scopes = json(&approval.payload.scopes)?;
    let claimed = |sql| Statement::new(sql).text(&decision.request_id).text(&decision.attempt);
    Ok(vec![
        // A notice, unless the user agreed to nothing new: first, while the scopes are those that were agreed to before.
        claimed(
            "INSERT INTO audit (id, at, event, actor_type, actor_id, client_id, developer_id, user_id, target_type,
                                target_id, request_id, country, address_hash, detail)
             SELECT ?11, ?7, 'consent.granted', 'user', ?4, ?5,
                    (SELECT developer_id FROM apps WHERE client_id = ?5), ?4, 'consent', ?3, ?8, ?9, ?10,
                    json_object('consent_id', ?3, 'scopes', json(?6), 'added_scopes', json_group_array(added.value),
                                'is_new', json(iif(EXISTS (SELECT 1 FROM consents WHERE id = ?3), 'false', 'true')))
             FROM json_each(?6) AS added
             WHERE NOT EXISTS (SELECT 1 FROM consent_scopes WHERE consent_id = ?3 AND scope = added.value)
             HAVING EXISTS (SELECT 1 FROM decisions WHERE request_id = ?1 AND attempt = ?2)
               AND (count(*) > 0 OR NOT EXISTS (SELECT 1 FROM consents WHERE id = ?3))",
        )
        .text(&approval.consent_id)
        .text(&decision.user_id)
        .text(&decision.client_id)
        .text(&scopes)
        .time(now)
        .text(&decision.origin.request_id)
        .optional_text(decision.origin.country.as_deref())
        .optional_text(decision.origin.address_hash.as_deref())
        // The same for every repetition of the attempt, and tells nobody its id, which codes are derived from.
        .text(&format!(
            "evt_{}",
            hash(&format!("consent.granted {}", decision.attempt))
        )),
        claimed(
            "INSERT INTO consents (id, user_id, client_id, shard, status, created_at, instance, device)
             SELECT ?3, ?4, ?5, ?6, 'active', ?7, ?8, ?9
             WHERE EXISTS (SELECT 1 FROM decisions WHERE request_id = ?1 AND attempt = ?2)
             ON CONFLICT (id) DO NOTHING",
        )
        .text(&approval.consent_id)
        .text(&decision.user_id)
        .text(&decision.client_id)
        .number(approval.shard.number())
        .time(now)
        .text(&approval.instance)
        .optional_text(approval.device.as_deref()),
        claimed(
            "INSERT OR IGNORE INTO consent_scopes (consent_id, scope, granted_at)
             SELECT ?3, value, ?5 FROM json_each(?4)
             WHERE EXISTS (SELECT 1 FROM decisions WHERE request_id = ?1 AND attempt = ?2)",
        )
        .text(&approval.consent_id)
        .text(&scopes)
        .time(now),
        // What was left out stays left out until it is chosen.
        claimed(
            "UPDATE consents SET declined = (
               SELECT json_group_array(scope) FROM (
                 SELECT value AS scope FROM json_each(consents.declined) UNION SELECT value FROM json_each(?5))
               WHERE scope NOT IN (SELECT value FROM json_each(?4)))
             WHERE id = ?3 AND (declined <> '[]' OR ?5 <> '[]')
               AND EXISTS (SELECT 1 FROM decisions WHERE request_id = ?1 AND attempt = ?2)",
        )
        .text(&approval.consent_id)
        .text(&scopes)
        .text(&json(&approval.declined)?),
        claimed(
            "UPDATE consents SET status = 'revoking', revoked_at = ?6, ended_by = 'displaced'
             WHERE id IN (
               SELECT id FROM consents INDEXED BY consents_one_active
               WHERE user_id = ?4 AND client_id = ?5 AND status = 'active' AND instance <> '' AND id <> ?3
               ORDER BY COALESCE(last_used_at, created_at) DESC, created_at DESC, id LIMIT -1 OFFSET ?7)
             AND ?8 <> '' AND EXISTS (SELECT 1 FROM decisions WHERE request_id = ?1 AND attempt = ?2)",
        )
        .text(&approval.consent_id)
        .text(&decision.user_id)
        .text(&decision.client_id)
        .time(now)
        .number(MOST_INSTALLS - 1)
        .text(&approval.instance),
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

fn active_consent(decision: &Decision) -> Statement {
    Statement::new(
        "SELECT c.id, c.shard, c.instance, c.declined,
                (SELECT json_group_array(scope) FROM consent_scopes WHERE consent_id = c.id) AS scopes
         FROM consents c WHERE c.user_id = ?1 AND c.client_id = ?2 AND c.instance = ?3 AND c.status = 'active'
           AND c.id <> ?4",
    )
    .text(&decision.user_id)
    .text(&decision.client_id)
    .text(instance(decision))
    .text(decision.approval.as_ref().map_or("", |approval| &approval.consent_id))
}

/// Those that made room, now or when an earlier attempt broke off.
fn displaced(decision: &Decision) -> Statement {
    Statement::new(
        "SELECT id, shard, ended_by FROM consents INDEXED BY consents_unfinished
         WHERE user_id = ?1 AND client_id = ?2 AND ended_by = 'displaced' AND status = 'revoking' LIMIT 20",
    )
    .text(&decision.user_id)
    .text(&decision.client_id)
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
