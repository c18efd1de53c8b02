//! What users see of their consents, and take back.

mod expiry;
mod revocation;

use serde::Deserialize;

use super::{Statement, batch, rows};
use crate::consent_expiry::{UnusedLifetime, Use};
use crate::edge::stores::{EdgeStores, store_error};
use crate::json;
use crate::ledger::StillUsed;
use crate::store::{
    AppFace, AtStake, ConnectedApp, ConnectedApps, GrantedScope, ListPage, Listed, Revocable, Revoking, StoreError,
    Unfinished,
};
use crate::time::Timestamp;
use crate::words::Language;

/// Before every consent there is: where the first page begins. A double holds it exactly.
const FIRST_PAGE: Timestamp = Timestamp(1 << 53);

// Outer joins: an app, a developer or a scope that is gone leaves the consent to be seen and revoked. `revoking` ones
// are still listed, since they may have broken off.
const LIST: &str = "
    SELECT c.id AS consent_id, c.client_id, a.name, a.description, a.logo,
           COALESCE(a.approved_developer_name, d.name) AS developer_name, c.device, c.created_at, c.last_used_at, c.expiry_noted_at, c.status = 'revoking' AS is_ending,
           (SELECT name FROM organizations WHERE id = c.organization_id) AS organization,
           (SELECT json_group_array(json_object('scope', cs.scope, 'description', COALESCE(s.description, cs.scope),
                                                'translation', s.translations -> ?5 ->> 'description'))
            FROM consent_scopes cs LEFT JOIN scopes s ON s.name = cs.scope WHERE cs.consent_id = c.id) AS scopes
    FROM consents c LEFT JOIN apps a ON a.client_id = c.client_id LEFT JOIN developers d ON d.id = a.developer_id
    WHERE c.user_id = ?1 AND c.status IN ('active', 'revoking') AND (c.created_at, c.id) < (?2, ?3)
    ORDER BY c.created_at DESC, c.id DESC LIMIT ?4";

#[derive(Deserialize)]
struct ConnectedAppRow {
    consent_id: String,
    client_id: String,
    name: Option<String>,
    description: Option<String>,
    logo: Option<String>,
    developer_name: Option<String>,
    device: Option<String>,
    created_at: Timestamp,
    last_used_at: Option<Timestamp>,
    expiry_noted_at: Option<Timestamp>,
    is_ending: u8,
    organization: Option<String>,
    scopes: String,
}

#[derive(Deserialize)]
struct AtStakeRow {
    connections: u32,
    name: Option<String>,
    description: Option<String>,
    logo: Option<String>,
    developer_name: Option<String>,
    device: Option<String>,
}

fn face(
    name: Option<String>,
    description: Option<String>,
    logo: Option<String>,
    developer_name: Option<String>,
) -> Option<AppFace> {
    name.map(|name| AppFace {
        name,
        description: description.unwrap_or_default(),
        logo,
        developer_name,
    })
}

impl ConnectedApps for EdgeStores {
    async fn connected_apps(&self, user_id: &str, page: &ListPage, language: Language) -> Result<Listed, StoreError> {
        let (connected_at, consent_id) = match &page.after {
            Some(cursor) => (cursor.connected_at, cursor.consent_id.as_str()),
            None => (FIRST_PAGE, ""),
        };
        let statement = Statement::new(LIST)
            .text(user_id)
            .time(connected_at)
            .text(consent_id)
            .number(u16::from(page.size) + 1)
            .text(language.tag());
        let results = batch(&self.database()?, vec![statement]).await?;
        let read = |row: ConnectedAppRow| {
            let scopes: Vec<GrantedScope> = json::from_str(&row.scopes).map_err(|error| store_error("d1", error))?;
            Ok(ConnectedApp {
                consent_id: row.consent_id,
                client_id: row.client_id,
                app: face(row.name, row.description, row.logo, row.developer_name),
                device: row.device,
                organization: row.organization,
                scopes,
                usage: Use {
                    connected_at: row.created_at,
                    last_used_at: row.last_used_at,
                    noted_at: row.expiry_noted_at,
                },
                is_ending: row.is_ending != 0,
            })
        };
        let found: Result<Vec<_>, _> = rows::<ConnectedAppRow>(&results, 0)?.into_iter().map(read).collect();
        Ok(Listed::of(found?, page.size))
    }

    async fn at_stake(&self, user_id: &str, what: Revocable<'_>) -> Result<Option<AtStake>, StoreError> {
        let results = batch(&self.database()?, vec![at_stake(user_id, what)]).await?;
        let found = rows::<AtStakeRow>(&results, 0)?.into_iter().next();
        Ok(found.map(|row| AtStake {
            connections: row.connections,
            app: face(row.name, row.description, row.logo, row.developer_name),
            device: row.device,
        }))
    }

    async fn begin_revoking(
        &self,
        user_id: &str,
        what: Revocable<'_>,
        now: Timestamp,
    ) -> Result<Option<Unfinished>, StoreError> {
        revocation::begin(&self.database()?, user_id, what, now).await
    }

    async fn finish_revoking(&self, consent_ids: &[&str]) -> Result<(), StoreError> {
        revocation::finish(&self.database()?, consent_ids).await
    }

    async fn unfinished_revocations(&self) -> Result<Vec<Revoking>, StoreError> {
        revocation::unfinished(&self.database()?).await
    }

    async fn keep_used(&self, still_used: &[StillUsed]) -> Result<(), StoreError> {
        expiry::keep(&self.database()?, still_used).await
    }

    async fn expire_unused(&self, lifetime: UnusedLifetime, now: Timestamp) -> Result<(), StoreError> {
        expiry::expire(&self.database()?, lifetime, now).await
    }
}

fn at_stake(user_id: &str, what: Revocable<'_>) -> Statement {
    match what {
        Revocable::Consent(id) => Statement::new(
            "SELECT c.status <> 'revoked' AS connections, c.device, a.name, a.description, a.logo,
                    COALESCE(a.approved_developer_name, d.name) AS developer_name
             FROM consents c LEFT JOIN apps a ON a.client_id = c.client_id LEFT JOIN developers d ON d.id = a.developer_id
             WHERE c.user_id = ?1 AND c.id = ?2",
        )
        .text(user_id)
        .text(id),
        // The index by app holds every consent there was; these two, what is left of them.
        Revocable::App(client_id) => Statement::new(
            "SELECT (SELECT count(*) FROM consents INDEXED BY consents_one_active
                     WHERE user_id = ?1 AND client_id = ?2 AND status = 'active')
                    + (SELECT count(*) FROM consents INDEXED BY consents_unfinished
                       WHERE user_id = ?1 AND client_id = ?2 AND status = 'revoking') AS connections,
                    NULL AS device, a.name, a.description, a.logo,
                    COALESCE(a.approved_developer_name, d.name) AS developer_name
             FROM (SELECT client_id FROM consents WHERE client_id = ?2 AND user_id = ?1 LIMIT 1) c
             LEFT JOIN apps a ON a.client_id = c.client_id LEFT JOIN developers d ON d.id = a.developer_id",
        )
        .text(user_id)
        .text(client_id),
        Revocable::Everything => Statement::new(
            "SELECT count(*) AS connections, NULL AS device, NULL AS name, NULL AS description, NULL AS logo,
                    NULL AS developer_name
             FROM consents WHERE user_id = ?1 AND status IN ('active', 'revoking')",
        )
        .text(user_id),
    }
}
