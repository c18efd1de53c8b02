//! How much there is of everything, and what is missing.

use serde::Deserialize;

use super::own_api;
use crate::oauth::client::sqlite_bool;
use crate::store::StoreError;
use crate::store::database::{Database, Statement};

/// How much there is.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Overview {
    /// APIs.
    pub apis: u32,
    /// Scopes.
    pub scopes: u32,
    /// Connections that are not switched off.
    pub connections: u32,
    /// Those of them by which people can sign in for third-party apps.
    pub domain_level: u32,
    /// Rate tiers.
    pub rate_tiers: u32,
    /// Reviewers.
    pub reviewers: u32,
    /// Administrators.
    pub administrators: u32,
    /// APIs with default permissions for users.
    pub defaults: u32,
    /// Whether the management API is in the catalogue.
    #[serde(deserialize_with = "sqlite_bool")]
    pub has_own_api: bool,
}

/// Counts everything.
pub async fn read(database: &impl Database) -> Result<Overview, StoreError> {
    let count = Statement::new(
        "SELECT (SELECT count(*) FROM apis) AS apis, (SELECT count(*) FROM scopes) AS scopes,
                (SELECT count(*) FROM connections WHERE status = 'active') AS connections,
                (SELECT count(*) FROM connections WHERE status = 'active' AND domain_level = 1) AS domain_level,
                (SELECT count(*) FROM rate_tiers) AS rate_tiers,
                (SELECT count(*) FROM user_roles WHERE role = 'reviewer') AS reviewers,
                (SELECT count(*) FROM user_roles WHERE role = 'administrator') AS administrators,
                (SELECT count(*) FROM client_grants
                 WHERE client_id = '*' AND subject_type = 'user' AND access <> 'none') AS defaults,
                EXISTS (SELECT 1 FROM apis WHERE id = ?1) AS has_own_api",
    );
    let found = database.read(vec![count.text(own_api::ID)]).await?;
    Ok(found.first(0)?.unwrap_or_default())
}
