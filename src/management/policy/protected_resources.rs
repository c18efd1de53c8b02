//! What APIs tell their clients of this server: protected resource metadata (RFC 9728), and the challenges that lead there.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Problem, json_column, own_api};
use crate::config::{Config, Issuer};
use crate::oauth::client::sqlite_bool;
use crate::oauth::resource::names_resource;
use crate::oauth::resource_metadata::{Challenges, ResourceMetadata, address, well_known_address};
use crate::router;
use crate::store::StoreError;
use crate::store::database::{Database, Statement};

/// An API with the scopes that an app gets for its users without having been granted any and without naming one: those
/// of the default grant, but for the sensitive ones. More than that a client asks for when it is told that it needs it.
const SELECT: &str = "
  SELECT a.id, a.resource, a.name, a.is_public, (
    SELECT json_group_array(name) FROM (
      SELECT s.name FROM scopes s
      JOIN client_grants g ON g.api_id = s.api_id AND g.client_id = '*' AND g.subject_type = 'user'
      WHERE s.api_id = a.id AND s.sensitive = 0
        AND (g.access = 'all' OR g.access = 'chosen' AND s.name IN (SELECT value FROM json_each(g.scopes)))
      ORDER BY s.position, s.name
    )
  ) AS scopes
  FROM apis a";

#[derive(Deserialize)]
struct Row {
    id: String,
    resource: String,
    name: String,
    #[serde(deserialize_with = "sqlite_bool")]
    is_public: bool,
    #[serde(deserialize_with = "json_column")]
    scopes: Value,
}

/// What the operator of an API needs to lead clients to this server.
#[derive(Debug, Serialize)]
pub struct Guide {
    /// Where the document is.
    pub metadata_url: String,
    /// Where the API would serve a copy of it.
    pub well_known_url: Option<String>,
    /// What the API answers whom it refuses.
    pub challenges: Challenges,
    /// The document.
    pub document: ResourceMetadata,
}

impl Guide {
    /// The document as it is served, laid out for people.
    pub fn document_text(&self) -> String {
        serde_json::to_string_pretty(&self.document).unwrap_or_default()
    }
}

impl Row {
    /// The document in which the API is called `resource`. Of an API that is not public strangers read no more than they
    /// know: its address, and who gives out tokens for it.
    fn metadata(self, issuer: &Issuer, resource: String) -> ResourceMetadata {
        if !self.is_public {
            return ResourceMetadata::new(issuer, resource, None, Vec::new());
        }
        let scopes = self.scopes.as_array().into_iter().flatten();
        let scopes = scopes.filter_map(Value::as_str).map(str::to_owned).collect();
        ResourceMetadata::new(issuer, resource, Some(self.name), scopes)
    }
}

/// The document of this server's own API. Its scopes are granted to apps of the operator only, one by one.
pub fn own(issuer: &Issuer) -> ResourceMetadata {
    ResourceMetadata::new(issuer, own_api::resource(issuer), None, Vec::new())
}

/// The document of the API with this resource indicator, if there is one.
pub async fn find(
    database: &impl Database,
    config: &Config,
    requested: &str,
) -> Result<Option<ResourceMetadata>, StoreError> {
    let registered = config.local_resources.registered(requested);
    // The database finds all that could be it, whatever its letters' case; which one is, is decided as everywhere else.
    let select = format!("{SELECT} WHERE lower(rtrim(a.resource, '/')) = lower(rtrim(?1, '/'))");
    let found = database.read(vec![Statement::new(select).text(registered)]).await?;
    let mut rows = found.rows::<Row>(0)?.into_iter();
    let row = rows.find(|row| names_resource(registered, &row.resource));
    Ok(row.map(|row| row.metadata(&config.issuer, requested.to_owned())))
}

/// What the operator of an API needs.
pub async fn guide(database: &impl Database, issuer: &Issuer, id: &str) -> Result<Guide, Problem> {
    let select = Statement::new(format!("{SELECT} WHERE a.id = ?1")).text(id);
    let found = database.read(vec![select]).await?;
    let row: Row = found.first(0)?.ok_or(Problem::NotFound("API"))?;
    let (resource, is_own) = (row.resource.clone(), row.id == own_api::ID);
    let document = row.metadata(issuer, resource.clone());
    let metadata_url = match is_own {
        true => issuer.url(router::OWN_RESOURCE_METADATA),
        false => address(issuer, &resource),
    };
    Ok(Guide {
        challenges: document.challenges(&metadata_url),
        well_known_url: well_known_address(&resource),
        metadata_url,
        document,
    })
}
