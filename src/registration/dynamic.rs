//! Apps that registered themselves at the registration endpoint (RFC 7591), and what they change of it (RFC 7592), as the
//! directory keeps them. A registration is its app's own to change until somebody takes the app up or reviews it.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{UNCLAIMED, record};
use crate::crypto;
use crate::json;
use crate::management::actor::Origin;
use crate::management::apps::deletion;
use crate::management::credentials::secret::{Kind, NewSecret};
use crate::management::review::state::Life;
use crate::oauth::client_metadata::ClientMetadata;
use crate::oauth::client_security::Authentication;
use crate::oauth::secret::Secret;
use crate::random::{self, Random};
use crate::store::StoreError;
use crate::store::database::{Database, Statement};
use crate::time::Timestamp;

/// Whose registrations may be changed by whoever holds their token: those that nobody took up or decided about.
const OWN: &str =
    "apps.class = 'registered' AND apps.status = 'draft' AND apps.approved_at IS NULL AND apps.deleted_at IS NULL";

/// What an app may show that it registered itself: `lkm_` and 256 random bits. Kept as a hash.
#[derive(Debug)]
pub struct RegistrationToken(Secret);

impl RegistrationToken {
    fn draw(random: &dyn Random) -> Self {
        let bytes: [u8; 32] = random::bytes(random);
        Self(Secret::new(format!("lkm_{}", crypto::base64url(bytes))))
    }

    /// The token, to be sent to the app once.
    pub fn reveal(&self) -> &str {
        self.0.reveal()
    }
}

/// An app that has just registered.
#[derive(Debug)]
pub struct Registered {
    /// Its identifier.
    pub client_id: String,
    /// Its secret, if it has one.
    pub secret: Option<NewSecret>,
    /// With what it manages its registration (RFC 7592 §1.1).
    pub token: RegistrationToken,
    /// What writes it. Refused as a whole where third-party apps have no default permission at all.
    pub statements: Vec<Statement>,
}

/// A registration as it was found by its token.
#[derive(Debug)]
pub struct Registration {
    /// Of which app.
    pub client_id: String,
    /// The metadata as registered.
    pub metadata: Value,
    /// When it was made.
    pub created_at: Timestamp,
    /// Whether it is the app's own to change: nobody took it up or decided about it.
    pub is_own: bool,
    authentication: Authentication,
    version: u32,
    secret_hashes: Vec<String>,
}

/// Circumstances of a change.
#[derive(Clone, Copy)]
pub struct Circumstances<'a> {
    /// What identifiers and secrets are drawn from.
    pub random: &'a dyn Random,
    /// When.
    pub now: Timestamp,
    /// From where.
    pub origin: &'a Origin,
}

impl Registered {
    /// Makes an app of metadata that was accepted. Its `scope` limits nothing: agents register with what the first answer
    /// of an MCP server told them to ask for, and need more later.
    pub fn new(metadata: &ClientMetadata, at: Circumstances<'_>) -> Self {
        let client_id = random::identifier(at.random, "app_");
        let token = RegistrationToken::draw(at.random);
        let secret = secret_for(metadata, at.random);
        let mut statements = vec![
            Statement::require(
                "EXISTS (SELECT 1 FROM client_grants WHERE client_id = '*' AND subject_type = 'user' AND access <> 'none')",
            ),
            insert(&client_id, metadata, at.now),
        ];
        statements.extend(record::redirect_uris(&client_id, metadata, OWN));
        statements.extend(secret.as_ref().map(|secret| keep_secret(&client_id, secret, at)));
        statements.push(
            Statement::new("INSERT INTO client_registrations (client_id, token_hash, metadata) VALUES (?1, ?2, ?3)")
                .text(&client_id)
                .text(&token.0.hash())
                .text(&metadata.registered().to_string()),
        );
        statements.push(entry("app.created", &client_id, &json!({ "class": "registered" }), at));
        Self {
            client_id,
            secret,
            token,
            statements,
        }
    }
}

impl Registration {
    /// Finds the registration of an app by its token. `None`: there is none, or the token is another's.
    pub async fn find(database: &impl Database, client_id: &str, token: &Secret) -> Result<Option<Self>, StoreError> {
        #[derive(Deserialize)]
        struct Row {
            token_hash: String,
            metadata: String,
            created_at: Timestamp,
            authentication: Authentication,
            version: u32,
            is_own: u8,
        }
        #[derive(Deserialize)]
        struct Kept {
            secret_hash: String,
        }
        let statement = Statement::new(format!(
            "SELECT r.token_hash, r.metadata, apps.created_at, apps.authentication, apps.version,
                    apps.developer_id = '{UNCLAIMED}' AND {OWN} AS is_own
             FROM client_registrations r JOIN apps ON apps.client_id = r.client_id
             WHERE r.client_id = ?1 AND apps.deleted_at IS NULL"
        ));
        let secrets = Statement::new("SELECT secret_hash FROM client_secrets WHERE client_id = ?1");
        let found = database
            .read(vec![statement.text(client_id), secrets.text(client_id)])
            .await?;
        let secrets: Vec<Kept> = found.rows(1)?;
        let row: Option<Row> = found.first(0)?;
        let Some(row) = row.filter(|row| token.matches(&row.token_hash)) else {
            return Ok(None);
        };
        let metadata = json::from_str(&row.metadata).map_err(|error| StoreError {
            part: "d1",
            detail: error.to_string(),
        })?;
        Ok(Some(Self {
            client_id: client_id.to_owned(),
            metadata,
            created_at: row.created_at,
            is_own: row.is_own != 0,
            authentication: row.authentication,
            version: row.version,
            secret_hashes: secrets.into_iter().map(|kept| kept.secret_hash).collect(),
        }))
    }

    /// Whether the app has this secret.
    pub fn has_secret(&self, secret: &Secret) -> bool {
        self.secret_hashes.iter().any(|hash| secret.matches(hash))
    }

    /// Replaces the metadata (RFC 7592 §2.2). An app that now needs a secret and has none gets one; one that needs none any
    /// more loses it. Refused where the app was changed since it was read.
    pub fn replace(&self, metadata: &ClientMetadata, at: Circumstances<'_>) -> (Option<NewSecret>, Vec<Statement>) {
        let id = self.client_id.as_str();
        let secret = secret_for(metadata, at.random).filter(|_| self.secret_hashes.is_empty());
        let mut statements = vec![self.unchanged(), update(id, metadata)];
        statements.extend(record::redirect_uris(id, metadata, OWN));
        if metadata.authentication != Authentication::ClientSecret {
            statements.push(Statement::new("DELETE FROM client_secrets WHERE client_id = ?1").text(id));
        }
        statements.extend(secret.as_ref().map(|secret| keep_secret(id, secret, at)));
        statements.push(
            Statement::new("UPDATE client_registrations SET metadata = ?2 WHERE client_id = ?1")
                .text(id)
                .text(&metadata.registered().to_string()),
        );
        let detail = json!({ "was": self.authentication.name() });
        statements.push(entry("app.registration_changed", id, &detail, at));
        (secret, statements)
    }

    /// Takes the app back with all that users gave it (RFC 7592 §2.3). Refused where the app was changed since it was read.
    pub fn delete(&self, at: Circumstances<'_>) -> Vec<Statement> {
        let id = self.client_id.as_str();
        let of_app = |sql: &'static str| Statement::new(sql).text(id);
        let mut statements = vec![
            self.unchanged(),
            of_app(
                "UPDATE apps SET epoch = epoch + 1, version = version + 1, unused_since = NULL WHERE client_id = ?1",
            ),
        ];
        statements.extend(deletion::of_what_is_left(id, at.now));
        statements.extend([
            of_app("DELETE FROM client_registrations WHERE client_id = ?1"),
            entry("app.deleted", id, &json!({}), at),
        ]);
        statements
    }

    fn unchanged(&self) -> Statement {
        Statement::require(&format!(
            "EXISTS (SELECT 1 FROM apps WHERE client_id = ?1 AND version = ?2 AND developer_id = '{UNCLAIMED}' AND {OWN})"
        ))
        .text(&self.client_id)
        .number(self.version)
    }
}

fn secret_for(metadata: &ClientMetadata, random: &dyn Random) -> Option<NewSecret> {
    (metadata.authentication == Authentication::ClientSecret).then(|| NewSecret::draw(Kind::Client, random))
}

fn insert(client_id: &str, metadata: &ClientMetadata, now: Timestamp) -> Statement {
    with_metadata(
        Statement::new(format!(
            "INSERT INTO apps (client_id, name, app_type, authentication, jwks, jwks_uri, homepage_url, privacy_policy_url,
                               terms_of_service_url, dpop_bound_access_tokens, developer_id, description, class, status,
                               created_at, unused_since)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, '{UNCLAIMED}', '', 'registered', '{new}', ?11, ?11)",
            new = Life::NEW.status.name()
        ))
        .text(client_id),
        metadata,
    )
    .time(now)
}

fn update(client_id: &str, metadata: &ClientMetadata) -> Statement {
    with_metadata(
        Statement::new(
            "UPDATE apps SET name = ?2, app_type = ?3, authentication = ?4, jwks = ?5, jwks_uri = ?6, homepage_url = ?7,
                             privacy_policy_url = ?8, terms_of_service_url = ?9, dpop_bound_access_tokens = ?10,
                             version = version + 1
             WHERE client_id = ?1",
        )
        .text(client_id),
        metadata,
    )
}

/// Binds `?2` to `?10`.
fn with_metadata(statement: Statement, metadata: &ClientMetadata) -> Statement {
    statement
        .text(metadata.name.as_deref().unwrap_or_default())
        .text(metadata.app_type.name())
        .text(record::authentication(metadata))
        .optional_text(record::jwks(metadata).as_deref())
        .optional_text(metadata.jwks_uri.as_ref().map(|address| address.as_str()))
        .optional_text(metadata.client_uri.as_deref())
        .optional_text(metadata.policy_uri.as_deref())
        .optional_text(metadata.tos_uri.as_deref())
        .number(u8::from(metadata.dpop_bound_access_tokens))
}

fn keep_secret(client_id: &str, secret: &NewSecret, at: Circumstances<'_>) -> Statement {
    Statement::new(
        "INSERT INTO client_secrets (id, client_id, secret_hash, hint, created_at) VALUES (?1, ?2, ?3, ?4, ?5)",
    )
    .text(&random::identifier(at.random, "lsc_"))
    .text(client_id)
    .text(&secret.hash())
    .text(secret.hint())
    .time(at.now)
}

fn entry(event: &str, client_id: &str, detail: &Value, at: Circumstances<'_>) -> Statement {
    Statement::new(
        "INSERT INTO audit (id, at, event, actor_type, actor_id, client_id, developer_id, target_type, target_id,
                            request_id, country, address_hash, detail)
         SELECT ?1, ?2, ?3, 'app', ?4, ?4, developer_id, 'app', ?4, ?5, ?6, ?7, ?8 FROM apps WHERE client_id = ?4",
    )
    .text(&random::identifier(at.random, "evt_"))
    .time(at.now)
    .text(event)
    .text(client_id)
    .text(&at.origin.request_id)
    .optional_text(at.origin.country.as_deref())
    .optional_text(at.origin.address_hash.as_deref())
    .text(&detail.to_string())
}
