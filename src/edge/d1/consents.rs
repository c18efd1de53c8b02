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
use crate::store::{ActiveConsent, AuthorizationView, Consents, Decision, DecisionState, StoreError};
use crate::time::Timestamp;

#[derive(Deserialize)]
struct ConsentRow {
    id: String,
    shard: Shard,
    scopes: String,
}

impl ConsentRow {
    fn read(results: &[D1Result], index: usize) -> Result<Option<ActiveConsent>, StoreError> {
        let Some(row) = rows::<Self>(results, index)?.into_iter().next() else {
            return Ok(None);
        };
        let scopes: Scopes = json::from_str(&row.scopes).map_err(|error| store_error("d1", error))?;
        Ok(Some(ActiveConsent {
            id: row.id,
            shard: row.shard,
            scopes,
        }))
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
            statements.push(select_session(session, now));
            statements.push(
                Statement::new(
                    "SELECT c.id, c.shard, (SELECT json_group_array(scope) FROM consent_scopes WHERE consent_id = c.id) AS scopes
                     FROM consents c JOIN sessions s ON s.user_id = c.user_id
                     WHERE s.token_hash = ?1 AND s.expires_at > ?2 AND c.client_id = ?3 AND c.status = 'active'",
                )
                .text(session)
                .time(now)
                .text(client_id),
            );
            statements.push(note_use(session, now));
        }
        let results = batch(&self.database()?, statements).await?;
        let app = AppRow::parse(rows(&results, 0)?)?.map(Rc::new);
        if let Some(app) = &app {
            apps::remember(app, now);
        }
        let Some(session) = session else {
            return Ok(AuthorizationView {
                app,
                ..AuthorizationView::default()
            });
        };
        let signed_in = read_session(&results, 1, session)?;
        let consent = ConsentRow::read(&results, 2)?.filter(|_| signed_in.is_some());
        Ok(AuthorizationView {
            signed_in,
            app,
            consent,
        })
    }

    async fn decide(&self, decision: &Decision, now: Timestamp) -> Result<DecisionState, StoreError> {
        decide::decide(&self.database()?, decision, now).await
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
