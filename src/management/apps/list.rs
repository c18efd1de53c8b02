//! Lists of a developer's apps.

use serde::Deserialize;

use crate::management::actor::DeveloperUser;
use crate::management::cursor::{Cursor, Page, PageRequest};
use crate::oauth::client::{AppType, sqlite_bool};
use crate::oauth::standing::AppStatus;
use crate::store::StoreError;
use crate::store::database::{Database, Statement};
use crate::time::Timestamp;

/// An app in a list.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ListedApp {
    /// Its public identifier.
    pub client_id: String,
    /// The developer account that answers for it.
    pub developer_id: String,
    /// Its name, as its developers have it now. Hostile until escaped.
    pub name: String,
    /// The name of its logo.
    pub logo: Option<String>,
    /// What kind of app it is.
    pub app_type: AppType,
    /// Whether it may be used.
    pub status: AppStatus,
    /// When it was registered.
    pub created_at: Timestamp,
    /// Whether an approved app has edits that no reviewer has approved.
    #[serde(deserialize_with = "sqlite_bool")]
    pub has_unreviewed_edits: bool,
}

/// The apps of the developer accounts the developer belongs to, newest first; of one of them, if one is named.
pub async fn page(
    database: &impl Database,
    developer: DeveloperUser<'_>,
    developer_id: Option<&str>,
    request: &PageRequest,
) -> Result<Page<ListedApp>, StoreError> {
    let statement = Statement::new(
        "SELECT a.client_id, a.developer_id, COALESCE(json_extract(a.draft, '$.name'), a.name) AS name,
                COALESCE(json_extract(a.draft, '$.logo'), a.logo) AS logo, a.app_type, a.status, a.created_at,
                a.approved_at IS NOT NULL AND a.draft IS NOT NULL AS has_unreviewed_edits
         FROM developer_members m JOIN apps a ON a.developer_id = m.developer_id
         WHERE m.user_id = ?1 AND (?2 IS NULL OR m.developer_id = ?2) AND a.deleted_at IS NULL
           AND (a.created_at < ?3 OR (a.created_at = ?3 AND a.client_id < ?4))
         ORDER BY a.created_at DESC, a.client_id DESC LIMIT ?5",
    );
    let found = database
        .read(vec![
            statement
                .text(developer.user_id())
                .optional_text(developer_id)
                .time(Timestamp(request.before()))
                .text(request.before_id())
                .number(request.size + 1),
        ])
        .await?;
    Ok(request.page(found.rows(0)?, |app: &ListedApp| Cursor {
        order: app.created_at.0,
        id: app.client_id.clone(),
    }))
}
