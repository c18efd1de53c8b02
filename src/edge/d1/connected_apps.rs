//! What users see of their consents, and take back.

use serde::Deserialize;

use super::{Statement, batch, rows};
use crate::edge::stores::{EdgeStores, store_error};
use crate::json;
use crate::store::{ConnectedApp, ConnectedApps, GrantedScope, Revoking, StoreError};
use crate::time::Timestamp;
use crate::words::Language;

#[derive(Deserialize)]
struct ConnectedAppRow {
    consent_id: String,
    name: String,
    description: String,
    logo: Option<String>,
    developer_name: String,
    scopes: String,
    created_at: Timestamp,
    last_used_at: Option<Timestamp>,
}

impl ConnectedApps for EdgeStores {
    async fn connected_apps(&self, user_id: &str, language: Language) -> Result<Vec<ConnectedApp>, StoreError> {
        // Outer joins: an app or a scope that is gone leaves the consent to be seen and revoked. `revoking` ones
        // are still listed, since they may have broken off.
        let statement = Statement::new(
            "SELECT c.id AS consent_id, COALESCE(a.name, 'Deleted app') AS name, COALESCE(a.description, '') AS description,
                    a.logo, COALESCE(d.name, 'Unknown developer') AS developer_name, c.created_at, c.last_used_at,
                    (SELECT json_group_array(json_object('scope', cs.scope, 'description', COALESCE(s.description, cs.scope),
                                                         'translation', s.translations -> ?2 ->> 'description'))
                     FROM consent_scopes cs LEFT JOIN scopes s ON s.name = cs.scope WHERE cs.consent_id = c.id) AS scopes
             FROM consents c LEFT JOIN apps a ON a.client_id = c.client_id LEFT JOIN developers d ON d.id = a.developer_id
             WHERE c.user_id = ?1 AND c.status IN ('active', 'revoking') ORDER BY c.created_at DESC, c.id LIMIT 200",
        );
        let results = batch(&self.database()?, vec![statement.text(user_id).text(language.tag())]).await?;
        let read = |row: ConnectedAppRow| {
            let scopes: Vec<GrantedScope> = json::from_str(&row.scopes).map_err(|error| store_error("d1", error))?;
            Ok(ConnectedApp {
                consent_id: row.consent_id,
                name: row.name,
                description: row.description,
                logo: row.logo,
                developer_name: row.developer_name,
                scopes,
                connected_at: row.created_at,
                last_used_at: row.last_used_at,
            })
        };
        rows::<ConnectedAppRow>(&results, 0)?.into_iter().map(read).collect()
    }

    async fn begin_revoking(
        &self,
        consent_id: &str,
        user_id: &str,
        now: Timestamp,
    ) -> Result<Option<Revoking>, StoreError> {
        let update = Statement::new(
            "UPDATE consents SET status = 'revoking', revoked_at = ?3 WHERE id = ?1 AND user_id = ?2 AND status = 'active'",
        );
        let select = Statement::new("SELECT id, shard FROM consents WHERE id = ?1 AND user_id = ?2");
        let statements = vec![
            update.text(consent_id).text(user_id).time(now),
            select.text(consent_id).text(user_id),
        ];
        let results = batch(&self.database()?, statements).await?;
        Ok(rows(&results, 1)?.into_iter().next())
    }

    async fn finish_revoking(&self, consent_id: &str) -> Result<(), StoreError> {
        let statement = Statement::new("UPDATE consents SET status = 'revoked' WHERE id = ?1 AND status = 'revoking'");
        batch(&self.database()?, vec![statement.text(consent_id)])
            .await
            .map(|_| ())
    }

    async fn unfinished_revocations(&self) -> Result<Vec<Revoking>, StoreError> {
        let statement =
            Statement::new("SELECT id, shard FROM consents WHERE status = 'revoking' ORDER BY random() LIMIT 100");
        rows(&batch(&self.database()?, vec![statement]).await?, 0)
    }
}
