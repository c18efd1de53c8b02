//! Consents, and the one transaction in which a user's decision becomes one.

mod decide;

use std::rc::Rc;

use serde::Deserialize;
use worker::D1Result;

use super::apps::{self, APP, AppRow};
use super::session_list::note_use;
use super::sessions::{read_session, select_session};
use super::{Statement, batch, rows};
use crate::edge::stores::{EdgeStores, store_error};
use crate::json;
use crate::ledger::shard::Shard;
use crate::oauth::scope::Scopes;
use crate::oauth::standing::Acquaintance;
use crate::store::{ActiveConsent, AuthorizationView, Consents, Decision, DecisionState, StoreError};
use crate::time::Timestamp;

/// An organization that this user belongs to blocks this app for everyone in it.
macro_rules! blocked_for {
    ($user:literal, $app:literal) => {
        concat!(
            "EXISTS (SELECT 1 FROM organization_members m CROSS JOIN organization_apps d
                       ON d.organization_id = m.organization_id AND d.client_id = ",
            $app,
            " WHERE m.user_id = ",
            $user,
            " AND d.decision = 'blocked')"
        )
    };
}
pub(crate) use blocked_for;

#[derive(Deserialize)]
struct ConsentRow {
    id: String,
    shard: Shard,
    instance: String,
    scopes: String,
    declined: String,
}

impl ConsentRow {
    fn read(results: &[D1Result], index: usize) -> Result<Vec<ActiveConsent>, StoreError> {
        let scopes = |text: &str| -> Result<Scopes, StoreError> {
            json::from_str(text).map_err(|error| store_error("d1", error))
        };
        let read = |row: Self| {
            Ok(ActiveConsent {
                scopes: scopes(&row.scopes)?,
                declined: scopes(&row.declined)?,
                id: row.id,
                shard: row.shard,
                instance: row.instance,
            })
        };
        rows::<Self>(results, index)?.into_iter().map(read).collect()
    }
}

#[derive(Deserialize)]
struct AcquaintanceRow {
    is_tester: u8,
    is_blocked: u8,
    has_connected: u8,
    users: u32,
}

impl From<AcquaintanceRow> for Acquaintance {
    fn from(row: AcquaintanceRow) -> Self {
        Self {
            is_tester: row.is_tester != 0,
            is_blocked: row.is_blocked != 0,
            has_connected: row.has_connected != 0,
            users: row.users,
        }
    }
}

impl Consents for EdgeStores {
    async fn authorization_view(
        &self,
        session: Option<&str>,
        client_id: &str,
        now: Timestamp,
    ) -> Result<AuthorizationView, StoreError> {
        let mut statements = vec![Statement::new(APP).text(client_id)];
        if let Some(session) = session {
            statements.extend([
                select_session(session, now),
                // The index is named, and the session read first, because the index by app holds every consent that the
                // user ever gave it: an app on their devices adds one with every sign-in.
                Statement::new(
                    "SELECT c.id, c.shard, c.instance, c.declined,
                            (SELECT json_group_array(scope) FROM consent_scopes WHERE consent_id = c.id) AS scopes
                     FROM sessions s CROSS JOIN consents c INDEXED BY consents_one_active ON c.user_id = s.user_id
                     WHERE s.token_hash = ?1 AND s.expires_at > ?2 AND c.client_id = ?3 AND c.status = 'active'",
                )
                .text(session)
                .time(now)
                .text(client_id),
                // No row for an app that was reviewed, unless the user's organization blocks it: it serves everybody.
                Statement::new(concat!(
                    "SELECT ",
                    blocked_for!("s.user_id", "a.client_id"),
                    " AS is_blocked,
                       EXISTS (SELECT 1 FROM app_testers t WHERE t.client_id = a.client_id AND t.user_id = s.user_id)
                         OR EXISTS (SELECT 1 FROM developer_members m
                                    WHERE m.developer_id = a.developer_id AND m.user_id = s.user_id) AS is_tester,
                       EXISTS (SELECT 1 FROM app_users p
                               WHERE p.client_id = a.client_id AND p.user_id = s.user_id) AS has_connected,
                       CASE WHEN a.class IN ('registered', 'metadata_document')
                            THEN (SELECT count(*) FROM (
                                    SELECT 1 FROM app_users p WHERE p.client_id = a.client_id LIMIT ?4))
                            ELSE 0 END AS users
                     FROM apps a CROSS JOIN sessions s
                     WHERE a.client_id = ?3 AND s.token_hash = ?1 AND s.expires_at > ?2 AND (a.status <> 'approved' OR ",
                    blocked_for!("s.user_id", "a.client_id"),
                    ")",
                ))
                .text(session)
                .time(now)
                .text(client_id)
                .number(self.config().unverified_app_users),
                note_use(session, now),
            ]);
        }
        let results = batch(&self.database()?, statements).await?;
        let app = AppRow::parse(rows(&results, 0)?)?.map(Rc::new);
        if let Some(app) = &app {
            apps::remember(app, now);
        }
        let signed_in = match session {
            Some(session) => read_session(&results, 1, session)?,
            None => None,
        };
        if signed_in.is_none() {
            return Ok(AuthorizationView {
                app,
                ..AuthorizationView::default()
            });
        }
        let acquaintance = rows::<AcquaintanceRow>(&results, 3)?.into_iter().next();
        Ok(AuthorizationView {
            signed_in,
            app,
            consents: ConsentRow::read(&results, 2)?,
            acquaintance: acquaintance.map(Acquaintance::from).unwrap_or_default(),
        })
    }

    async fn decide(&self, decision: &Decision, now: Timestamp) -> Result<DecisionState, StoreError> {
        decide::decide(self, decision, now).await
    }

    async fn delete_expired(&self, now: Timestamp) -> Result<(), StoreError> {
        let statements = [
            "DELETE FROM sessions WHERE expires_at <= ?1",
            "DELETE FROM decisions WHERE expires_at <= ?1",
            "DELETE FROM authorization_codes WHERE expires_at <= ?1",
        ];
        let statements = statements
            .into_iter()
            .map(|sql| Statement::new(sql).time(now))
            .collect();
        batch(&self.database()?, statements).await.map(|_| ())
    }
}
