//! APIs that apps may call, each known by its resource indicator (RFC 8707).

use serde::{Deserialize, Serialize};
use serde_json::json;
use url::Url;

use super::{Act, Change, Cursor, Entry, Input, Item, Kind, Problem, as_rfc3339, check_version, difference, own_api};
use crate::config::is_loopback_host;
use crate::guard::apis::Upstream;
use crate::oauth::access_token::MAX_LIFETIME;
use crate::oauth::client::sqlite_bool;
use crate::oauth::resource::{is_resource, names_resource};
use crate::random;
use crate::store::StoreError;
use crate::store::database::{Database, Statement};
use crate::time::Timestamp;

/// An API.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Api {
    /// `api_…`
    pub id: String,
    /// Its resource indicator, the `aud` of its tokens.
    pub resource: String,
    /// Its name, for consent pages.
    pub name: String,
    /// What its tokens are signed with.
    pub signing_algorithm: String,
    /// Seconds its access tokens live.
    pub access_token_lifetime: u32,
    /// Whether developers are offered its scopes.
    #[serde(deserialize_with = "sqlite_bool")]
    pub is_public: bool,
    /// Where the gateway sends calls that may go on: an origin. Without one it does not stand in front of the API.
    pub upstream: Option<String>,
    /// When it was made.
    #[serde(serialize_with = "as_rfc3339")]
    pub created_at: Timestamp,
    /// Rises with every change.
    pub version: u32,
}

const ALGORITHMS: [(&str, &str); 2] = [("ES256", "ES256"), ("RS256", "RS256")];

const TAKEN: Problem = Problem::Conflict("another API has this resource indicator");
const IN_USE: Problem = Problem::Conflict("apps have scopes of this API: take these from them first");

impl Api {
    /// All of it.
    pub fn item(&self) -> Item {
        Item::of(&self.id, self.version, self)
    }

    fn checked(input: Input, current: Option<&Self>, others: &[Other], act: Act<'_>) -> Result<Self, Problem> {
        let mut input = input;
        let resource = input.line("resource", 500);
        let resource = input.required_or("resource", resource, current.map(|api| &api.resource));
        let is_new = current.is_none_or(|api| api.resource != resource);
        let own = current.is_some_and(|api| api.id == own_api::ID);
        if is_new
            && !resource.is_empty()
            && let Some(message) = why_no_resource(&resource, others, act, own)
        {
            input.error("resource", message);
        }
        let name = input.line("name", 80);
        let name = input.required_or("name", name, current.map(|api| &api.name));
        let algorithm = input.choice("signing_algorithm", &ALGORITHMS).map(str::to_owned);
        let lifetime = input.number("access_token_lifetime", 60..=MAX_LIFETIME);
        let is_public = input.flag("is_public");
        let is_public = input.optional_or("is_public", is_public, current.map(|api| &api.is_public));
        if own && is_public == Some(true) {
            input.error("is_public", "is not for the management API");
        }
        let standing_algorithm = current.map(|api| &api.signing_algorithm);
        let algorithm = input.optional_or("signing_algorithm", algorithm, standing_algorithm);
        let standing_lifetime = current.map(|api| &api.access_token_lifetime);
        let lifetime = input.optional_or("access_token_lifetime", lifetime, standing_lifetime);
        let upstream = input.line("upstream", 500);
        let upstream = input.optional_or("upstream", upstream, current.and_then(|api| api.upstream.as_ref()));
        if let Some(upstream) = &upstream
            && let Err(error) = Upstream::parse(upstream, act.issuer, &resource)
        {
            input.error("upstream", error.to_string());
        }
        if own && upstream.is_some() {
            input.error("upstream", "is not for the management API");
        }
        input.finish()?;
        Ok(Self {
            upstream,
            id: current.map_or_else(|| random::identifier(act.random, "api_"), |api| api.id.clone()),
            resource,
            name,
            signing_algorithm: algorithm.unwrap_or_else(|| "ES256".into()),
            access_token_lifetime: lifetime.unwrap_or(3600),
            is_public: is_public.unwrap_or(true),
            created_at: current.map_or(act.now, |api| api.created_at),
            version: current.map_or(1, |api| api.version + 1),
        })
    }
}

/// Another API's resource indicator.
#[derive(Deserialize)]
struct Other {
    id: String,
    resource: String,
}

/// What is wrong with a resource indicator (RFC 8707 §2), if anything is.
fn why_no_resource(resource: &str, others: &[Other], act: Act<'_>, own: bool) -> Option<&'static str> {
    let url = Url::parse(resource).ok().filter(|_| is_resource(resource));
    let fits = |url: &Url| match url.scheme() {
        "https" => true,
        "http" => url.host_str().is_some_and(is_loopback_host),
        _ => false,
    };
    let Some(url) = url.filter(|url| fits(url) && url.query().is_none()) else {
        return Some("must be an https address without query and fragment: https://api.example.com");
    };
    if own {
        return Some("is this server's own and follows ISSUER");
    }
    // Tokens for this server itself are for its own API only.
    if url.origin().ascii_serialization() == act.issuer.as_str() {
        return Some("must not be an address of this server");
    }
    let taken = others.iter().any(|other| names_resource(&other.resource, resource));
    taken.then_some("is that of another API")
}

/// An API with its place in the list.
pub(super) fn listed(row: &Api) -> Result<(Cursor, Item), StoreError> {
    let cursor = Cursor {
        order: row.created_at.0,
        id: row.id.clone(),
    };
    Ok((cursor, row.item()))
}

fn select(id: &str) -> Statement {
    Statement::new("SELECT * FROM apis WHERE id = ?1").text(id)
}

/// An API by its id.
pub async fn find(database: &impl Database, id: &str) -> Result<Api, Problem> {
    let found = database.read(vec![select(id)]).await?;
    found.first(0)?.ok_or(Problem::NotFound("API"))
}

/// All APIs, by name.
pub async fn all(database: &impl Database) -> Result<Vec<Api>, StoreError> {
    let select = Statement::new("SELECT * FROM apis ORDER BY name COLLATE NOCASE, id LIMIT 500");
    database.read(vec![select]).await?.rows(0)
}

/// A new API.
pub(super) async fn create(database: &impl Database, act: Act<'_>, input: Input) -> Result<Change, Problem> {
    let found = database
        .read(vec![Statement::new("SELECT id, resource FROM apis")])
        .await?;
    let api = Api::checked(input, None, &found.rows(0)?, act)?;
    let insert = Statement::new(
        "INSERT INTO apis (id, resource, name, signing_algorithm, access_token_lifetime, is_public, created_at, upstream)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    );
    let entry = Entry::new("api.created", ("api", &api.id)).with(json!({ "resource": api.resource }));
    let statements = vec![
        insert
            .text(&api.id)
            .text(&api.resource)
            .text(&api.name)
            .text(&api.signing_algorithm)
            .number(api.access_token_lifetime)
            .number(u8::from(api.is_public))
            .time(act.now)
            .optional_text(api.upstream.as_deref()),
        act.note(&entry),
    ];
    Ok(Change {
        item: api.item(),
        statements,
        refused: TAKEN,
    })
}

/// An API, changed.
pub(super) async fn edit(
    database: &impl Database,
    act: Act<'_>,
    id: &str,
    expected: Option<u32>,
    input: Input,
) -> Result<Change, Problem> {
    let others = Statement::new("SELECT id, resource FROM apis");
    let found = database.read(vec![select(id), others]).await?;
    let current: Api = found.first(0)?.ok_or(Problem::NotFound("API"))?;
    check_version(current.version, expected)?;
    let others: Vec<Other> = found.rows(1)?;
    let others: Vec<Other> = others.into_iter().filter(|other| other.id != id).collect();
    let api = Api::checked(input, Some(&current), &others, act)?;
    let update = Statement::new(
        "UPDATE apis SET resource = ?2, name = ?3, signing_algorithm = ?4, access_token_lifetime = ?5, is_public = ?6,
                         upstream = ?7, version = version + 1
         WHERE id = ?1",
    );
    let statements = vec![
        Kind::Api.unchanged(&current.id, current.version),
        update
            .text(id)
            .text(&api.resource)
            .text(&api.name)
            .text(&api.signing_algorithm)
            .number(api.access_token_lifetime)
            .number(u8::from(api.is_public))
            .optional_text(api.upstream.as_deref()),
        act.note(&Entry::new("api.changed", ("api", id)).with(difference(&current.item(), &api.item()))),
    ];
    Ok(Change {
        item: api.item(),
        statements,
        refused: Problem::Changed,
    })
}

/// What deletes an API with its scopes, grants and credentials. Names of its scopes are not given out again.
pub(super) async fn delete(
    database: &impl Database,
    act: Act<'_>,
    id: &str,
    expected: Option<u32>,
) -> Result<Change, Problem> {
    let api = find(database, id).await?;
    check_version(api.version, expected)?;
    if api.id == own_api::ID {
        return Err(Problem::Conflict("the management API is this server's own"));
    }
    let of_api = |sql: &'static str| Statement::new(sql).text(id);
    let in_use = Statement::require(
        "NOT EXISTS (SELECT 1 FROM scopes s JOIN app_scopes x ON x.scope = s.name
                     JOIN apps a ON a.client_id = x.client_id WHERE s.api_id = ?1 AND a.deleted_at IS NULL)",
    );
    let statements = vec![
        Kind::Api.unchanged(&api.id, api.version),
        in_use.text(id),
        of_api("DELETE FROM app_scopes WHERE scope IN (SELECT name FROM scopes WHERE api_id = ?1)"),
        of_api("INSERT INTO retired_scopes (name) SELECT name FROM scopes WHERE api_id = ?1"),
        of_api("DELETE FROM scopes WHERE api_id = ?1"),
        of_api("DELETE FROM client_grants WHERE api_id = ?1"),
        of_api("DELETE FROM api_credentials WHERE api_id = ?1"),
        of_api("DELETE FROM apis WHERE id = ?1"),
        act.note(&Entry::new("api.deleted", ("api", id)).with(json!({ "resource": api.resource }))),
    ];
    Ok(Change {
        item: api.item(),
        statements,
        refused: IN_USE,
    })
}
