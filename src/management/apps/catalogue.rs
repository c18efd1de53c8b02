//! The scopes that an app may ask for: those of public APIs, and those it has already.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::settings::RequestedScope;
use crate::oauth::client::sqlite_bool;
use crate::store::StoreError;
use crate::store::database::{Database, Statement};

/// The scopes that an app may ask for, by API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalogue {
    /// The APIs, by name.
    pub apis: Vec<OfferedApi>,
}

/// An API with its scopes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OfferedApi {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its resource indicator (RFC 8707).
    pub resource: String,
    /// Its scopes, in the operator's order.
    pub scopes: Vec<OfferedScope>,
}

/// A scope that an app may ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OfferedScope {
    /// Its name.
    pub name: String,
    /// What it lets an app do, in a few words.
    pub title: String,
    /// The same in a sentence.
    pub description: String,
    /// Whether people should think twice, and a reviewer asks why.
    pub sensitive: bool,
    /// Whether the operator lets the app have it for users today.
    #[serde(skip)]
    pub for_users: bool,
    /// Whether the operator lets the app have it for itself today.
    #[serde(skip)]
    pub for_itself: bool,
}

#[derive(Deserialize)]
struct Row {
    api_id: String,
    api_name: String,
    resource: String,
    name: String,
    title: String,
    description: String,
    #[serde(deserialize_with = "sqlite_bool")]
    sensitive: bool,
    #[serde(deserialize_with = "sqlite_bool")]
    for_users: bool,
    #[serde(deserialize_with = "sqlite_bool")]
    for_itself: bool,
}

/// `?1` is the app, or '' where there is none yet; `?2` is 1 where only public APIs are offered. Its own grant beats the default.
const SCOPES: &str = "
WITH granted AS (
  SELECT s.name AS scope, kind.value AS subject_type, (
    SELECT CASE g.access
             WHEN 'all' THEN 1
             WHEN 'chosen' THEN EXISTS (SELECT 1 FROM json_each(g.scopes) WHERE value = s.name)
             ELSE 0
           END
    FROM client_grants g
    WHERE g.api_id = s.api_id AND g.subject_type = kind.value AND g.client_id IN (?1, '*')
    ORDER BY g.client_id = '*' LIMIT 1
  ) AS is_granted
  FROM scopes s, json_each('[\"user\",\"client\"]') AS kind
)
SELECT a.id AS api_id, a.name AS api_name, a.resource, s.name, s.title, s.description, s.sensitive,
       COALESCE((SELECT is_granted FROM granted WHERE scope = s.name AND subject_type = 'user'), 0) AS for_users,
       COALESCE((SELECT is_granted FROM granted WHERE scope = s.name AND subject_type = 'client'), 0) AS for_itself
FROM scopes s JOIN apis a ON a.id = s.api_id
WHERE a.is_public >= ?2
   OR EXISTS (SELECT 1 FROM app_scopes WHERE client_id = ?1 AND scope = s.name)
ORDER BY a.name, a.id, s.position, s.name";

/// Reads what an app may ask for; `None`: an app that is not there yet.
pub async fn load(database: &impl Database, client_id: Option<&str>) -> Result<Catalogue, StoreError> {
    read(database, client_id.unwrap_or_default(), true).await
}

/// The scopes of all APIs: what the operator may give an app.
pub async fn load_all(database: &impl Database) -> Result<Catalogue, StoreError> {
    read(database, "", false).await
}

/// The scopes that the operator lets an app ask users for today: what one lives on that asks for none in particular. A request
/// of such an app that names no scope does not ask for what is sensitive.
pub async fn load_granted(database: &impl Database, client_id: &str) -> Result<Vec<RequestedScope>, StoreError> {
    let catalogue = load_all_for(database, client_id).await?;
    let granted = catalogue.scopes().filter(|scope| scope.for_users);
    let requested = granted.map(|scope| RequestedScope {
        scope: scope.name.clone(),
        is_default: !scope.sensitive,
        is_optional: false,
        reason: None,
    });
    Ok(requested.collect())
}

/// The scopes of all APIs, with what the operator lets one app have of them; the app need not be there.
pub async fn load_all_for(database: &impl Database, client_id: &str) -> Result<Catalogue, StoreError> {
    read(database, client_id, false).await
}

async fn read(database: &impl Database, client_id: &str, only_public: bool) -> Result<Catalogue, StoreError> {
    let statement = Statement::new(SCOPES).text(client_id).number(u8::from(only_public));
    let found = database.read(vec![statement]).await?;
    let mut apis: Vec<OfferedApi> = Vec::new();
    for row in found.rows::<Row>(0)? {
        let scope = OfferedScope {
            name: row.name,
            title: row.title,
            description: row.description,
            sensitive: row.sensitive,
            for_users: row.for_users,
            for_itself: row.for_itself,
        };
        match apis.last_mut() {
            Some(api) if api.id == row.api_id => api.scopes.push(scope),
            _ => apis.push(OfferedApi {
                id: row.api_id,
                name: row.api_name,
                resource: row.resource,
                scopes: vec![scope],
            }),
        }
    }
    Ok(Catalogue { apis })
}

impl Catalogue {
    /// All scopes.
    pub fn scopes(&self) -> impl Iterator<Item = &OfferedScope> {
        self.apis.iter().flat_map(|api| &api.scopes)
    }

    /// A scope by its name.
    pub fn scope(&self, name: &str) -> Option<&OfferedScope> {
        self.scopes().find(|scope| scope.name == name)
    }

    /// The names of all scopes.
    pub fn names(&self) -> BTreeSet<&str> {
        self.scopes().map(|scope| scope.name.as_str()).collect()
    }
}
