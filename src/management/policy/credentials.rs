//! What an API calls introspection with. Two may live at once, so that one can be replaced by the other.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Act, Entry, Problem, apis, as_optional_rfc3339, as_rfc3339};
use crate::crypto::base64url;
use crate::oauth::secret::Secret;
use crate::random;
use crate::store::database::{Database, Statement};
use crate::time::Timestamp;

/// A credential, without its secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Credential {
    /// `apc_…`, the client id of the API at introspection.
    pub id: String,
    /// The last four letters of the secret.
    pub hint: String,
    /// When it was made.
    #[serde(serialize_with = "as_rfc3339")]
    pub created_at: Timestamp,
    /// When it was used last, to within some minutes.
    #[serde(serialize_with = "as_optional_rfc3339")]
    pub last_used_at: Option<Timestamp>,
}

/// A credential that is about to be, with its secret.
pub struct NewCredential {
    /// All but the secret.
    pub credential: Credential,
    /// The secret, shown once.
    pub secret: Secret,
    /// What makes it.
    pub statements: Vec<Statement>,
}

/// What refuses a third.
pub const TWO_ALREADY: Problem = Problem::Conflict("two credentials live already: delete one of them first");

/// The credentials of an API, oldest first.
pub async fn list(database: &impl Database, api_id: &str) -> Result<Vec<Credential>, Problem> {
    let api = Statement::new("SELECT id FROM apis WHERE id = ?1").text(api_id);
    let credentials = Statement::new(
        "SELECT id, hint, created_at, last_used_at FROM api_credentials WHERE api_id = ?1 ORDER BY created_at, id",
    );
    let found = database.read(vec![api, credentials.text(api_id)]).await?;
    match found.raw(0).is_empty() {
        true => Err(Problem::NotFound("API")),
        false => Ok(found.rows(1)?),
    }
}

/// Makes a credential.
pub async fn create(database: &impl Database, act: Act<'_>, api_id: &str) -> Result<NewCredential, Problem> {
    let api = apis::find(database, api_id).await?;
    let id = random::identifier(act.random, "apc_");
    let secret = format!("lka_{}", base64url(random::bytes::<32>(act.random)));
    let hint = secret
        .get(secret.len().saturating_sub(4)..)
        .unwrap_or_default()
        .to_owned();
    let secret = Secret::new(secret);
    let statements = vec![
        Statement::require("(SELECT count(*) FROM api_credentials WHERE api_id = ?1) < 2").text(&api.id),
        Statement::new(
            "INSERT INTO api_credentials (id, api_id, secret_hash, hint, created_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        )
        .text(&id)
        .text(&api.id)
        .text(&secret.hash())
        .text(&hint)
        .time(act.now),
        act.note(&Entry::new("api_credential.created", ("api_credential", &id)).with(json!({ "api_id": api.id }))),
    ];
    let credential = Credential {
        id,
        hint,
        created_at: act.now,
        last_used_at: None,
    };
    Ok(NewCredential {
        credential,
        secret,
        statements,
    })
}

/// What deletes a credential: within ten seconds no introspection is answered by it.
pub fn delete(act: Act<'_>, api_id: &str, id: &str) -> Vec<Statement> {
    vec![
        Statement::require("EXISTS (SELECT 1 FROM api_credentials WHERE id = ?1 AND api_id = ?2)")
            .text(id)
            .text(api_id),
        Statement::new("DELETE FROM api_credentials WHERE id = ?1").text(id),
        act.note(&Entry::new("api_credential.deleted", ("api_credential", id)).with(json!({ "api_id": api_id }))),
    ]
}
