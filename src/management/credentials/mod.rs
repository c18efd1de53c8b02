//! With what an app proves who it is: client secrets and their rotation, and public keys. What is changed here is not
//! reviewed and counts at once.

pub mod keys;
pub mod method;
pub mod rotation;
pub mod secret;
#[cfg(test)]
mod tests;

use serde::Deserialize;
use serde_json::{Value, json};

use self::rotation::{Secrets, Step};
use self::secret::{Kind, NewSecret};
use super::accounts::members::still_member;
use super::actor::Member;
use super::audit::Entry;
use super::problem::Problem;
use crate::json;
use crate::oauth::client::AppType;
use crate::oauth::client_security::{Authentication, Profile};
use crate::oauth::standing::AppClass;
use crate::random::{self, Random};
use crate::store::StoreError;
use crate::store::database::{Database, Statement};
use crate::time::Timestamp;

/// What an app proves itself with.
#[derive(Debug, Clone, PartialEq)]
pub struct Credentials {
    /// The app.
    pub client_id: String,
    /// Its version, which is its entity tag.
    pub version: u32,
    /// The demands made of it as a whole.
    pub profile: Profile,
    /// How it proves itself.
    pub method: Authentication,
    /// The public keys it registered.
    pub jwks: Option<Value>,
    /// Where its public keys are.
    pub jwks_uri: Option<String>,
    /// Its live secrets.
    pub secrets: Secrets<LiveSecret>,
    /// Whether its client id is the address of a document, which says how it proves who it is.
    pub follows_document: bool,
}

/// A secret that lives.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct LiveSecret {
    /// `lsc_…`
    pub id: String,
    /// Its last four letters.
    pub hint: String,
    /// Since when it lives.
    pub created_at: Timestamp,
    /// When the app proved itself by it last, to within some minutes.
    pub last_used_at: Option<Timestamp>,
}

impl AsRef<str> for LiveSecret {
    fn as_ref(&self) -> &str {
        &self.id
    }
}

/// A secret that was drawn for an app.
#[derive(Debug)]
pub struct GivenSecret {
    /// `lsc_…`
    pub id: String,
    /// The secret.
    pub secret: NewSecret,
}

/// A change of credentials, and the secret that comes of it.
#[derive(Debug)]
pub struct Changed {
    /// What to write.
    pub statements: Vec<Statement>,
    /// To be shown, once.
    pub given: Option<GivenSecret>,
}

/// What refuses a change that another came before.
pub const MEANWHILE: Problem =
    Problem::Conflict("the credentials of this app changed meanwhile: look at them again before you go on");
const PUBLIC: Problem = Problem::Conflict("this app is public: it runs where no secret can be kept, and has none");
const OF_DOCUMENT: Problem =
    Problem::Conflict("the client id of this app is the address of a document, which says what its keys are");
const BY_KEY: Problem =
    Problem::Conflict("this app proves who it is by private_key_jwt: it has no client secret to change");

/// Reads an app's credentials. Whether the actor may see them, [`super::apps::load_for_member`] says.
pub async fn load(database: &impl Database, client_id: &str) -> Result<Option<Credentials>, StoreError> {
    #[derive(Deserialize)]
    struct Row {
        app_type: AppType,
        profile: Profile,
        authentication: Authentication,
        jwks: Option<String>,
        jwks_uri: Option<String>,
        class: AppClass,
        version: u32,
    }
    let app = Statement::new(
        "SELECT app_type, security_profile AS profile, authentication, jwks, jwks_uri, class, version FROM apps
         WHERE client_id = ?1 AND deleted_at IS NULL",
    );
    let secrets = Statement::new(
        "SELECT id, hint, created_at, last_used_at FROM client_secrets WHERE client_id = ?1 ORDER BY created_at, rowid",
    );
    let found = database
        .read(vec![app.text(client_id), secrets.text(client_id)])
        .await?;
    let Some(app) = found.first::<Row>(0)? else {
        return Ok(None);
    };
    Ok(Some(Credentials {
        client_id: client_id.to_owned(),
        version: app.version,
        profile: app.profile,
        method: Authentication::of(app.profile, app.app_type, app.authentication),
        jwks: app.jwks.and_then(|jwks| json::from_str(&jwks).ok()),
        jwks_uri: app.jwks_uri,
        follows_document: app.class == AppClass::MetadataDocument,
        secrets: Secrets::of(found.rows(1)?),
    }))
}

impl Credentials {
    /// Takes a step of the rotation.
    pub fn step(
        &self,
        member: Member<'_>,
        step: Step<'_>,
        random: &dyn Random,
        now: Timestamp,
    ) -> Result<Changed, Problem> {
        match self.method {
            Authentication::ClientSecret => {}
            Authentication::PrivateKeyJwt => return Err(BY_KEY),
            Authentication::None => return Err(PUBLIC),
        }
        let change = self.secrets.change(step)?;
        let mut statements = vec![still_member(member), self.secrets_are_as_read()];
        statements.extend(change.ends.iter().map(|id| self.end(id)));
        let given = change.draws.then(|| GivenSecret::draw(random));
        statements.extend(
            given
                .as_ref()
                .map(|given| given.insert(&self.client_id, member.actor().user_id(), now)),
        );
        let target = given.as_ref().map_or("", |given| &given.id);
        let target = change.ends.first().map_or(target, |ended| match target {
            "" => ended,
            drawn => drawn,
        });
        let entry = Entry {
            target: ("client_secret", target),
            ..Entry::of_app(change.event, &self.client_id)
        };
        let entry = entry.with(json!({ "ended": change.ends }));
        statements.push(entry.by(member.actor(), random, now));
        Ok(Changed { statements, given })
    }

    /// Lets a transaction fail unless the app still has these secrets, and proves itself by them.
    fn secrets_are_as_read(&self) -> Statement {
        let mut ids: Vec<&str> = self.secrets.iter().map(AsRef::as_ref).collect();
        ids.sort_unstable();
        Statement::require(
            "EXISTS (SELECT 1 FROM apps WHERE client_id = ?1 AND authentication = 'client_secret' AND deleted_at IS NULL)
             AND (SELECT json_group_array(id) FROM (SELECT id FROM client_secrets WHERE client_id = ?1 ORDER BY id)) = ?2",
        )
        .text(&self.client_id)
        .text(&json!(ids).to_string())
    }

    fn end(&self, id: &str) -> Statement {
        Statement::new("DELETE FROM client_secrets WHERE client_id = ?1 AND id = ?2")
            .text(&self.client_id)
            .text(id)
    }

    /// For programs. Nothing in it is secret.
    pub fn to_json(&self) -> Value {
        let secret = |secret: &LiveSecret| {
            json!({
                "id": secret.id,
                "hint": secret.hint,
                "created_at": secret.created_at.to_rfc3339(),
                "last_used_at": secret.last_used_at.map(Timestamp::to_rfc3339),
            })
        };
        json!({
            "client_id": self.client_id,
            "method": self.method.name(),
            "secrets": self.secrets.iter().map(secret).collect::<Vec<_>>(),
            "rotation_in_progress": matches!(self.secrets, Secrets::Two { .. }),
            "jwks": self.jwks,
            "jwks_uri": self.jwks_uri,
        })
    }
}

impl GivenSecret {
    /// Draws a secret for an app.
    pub fn draw(random: &dyn Random) -> Self {
        Self {
            id: random::identifier(random, "lsc_"),
            secret: NewSecret::draw(Kind::Client, random),
        }
    }

    /// The statement that keeps its hash.
    pub fn insert(&self, client_id: &str, created_by: Option<&str>, now: Timestamp) -> Statement {
        Statement::new(
            "INSERT INTO client_secrets (id, client_id, secret_hash, hint, created_at, created_by)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )
        .text(&self.id)
        .text(client_id)
        .text(&self.secret.hash())
        .text(self.secret.hint())
        .time(now)
        .optional_text(created_by)
    }

    /// For programs: the only answer that ever holds the secret.
    pub fn to_json(&self, client_id: &str, now: Timestamp) -> Value {
        json!({
            "client_id": client_id,
            "id": self.id,
            "client_secret": self.secret.reveal(),
            "hint": self.secret.hint(),
            "created_at": now.to_rfc3339(),
        })
    }
}
