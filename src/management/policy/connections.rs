//! Connections: the ways to sign in.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Act, Change, Cursor, Entry, Input, Item, Kind, Problem, as_rfc3339, check_version, difference, json_column,
};
use crate::oauth::client::sqlite_bool;
use crate::oauth::jwk::{ClientKeys, JwkError};
use crate::oauth::scope::Scopes;
use crate::random;
use crate::sign_in::connection::CLIENT_SECRETS;
use crate::store::StoreError;
use crate::store::database::{Database, Statement};
use crate::time::Timestamp;
use crate::web::WebAddress;

/// A connection, as it is set up.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ConnectionSettings {
    /// `con_…`
    pub id: String,
    /// `oidc` or `hand_off`, for good.
    pub kind: String,
    /// What its button says.
    pub name: String,
    /// Whether third-party apps may have people sign in by it.
    #[serde(deserialize_with = "sqlite_bool")]
    pub domain_level: bool,
    /// Whether people who come by it may use the developer portal.
    #[serde(deserialize_with = "sqlite_bool")]
    pub for_developers: bool,
    /// `active` or `disabled`.
    pub status: String,
    /// Its place among the others.
    pub position: u32,
    /// The `iss` of its ID tokens or assertions, letter by letter. Fixed once somebody has come by it.
    pub issuer: String,
    /// `oidc`: this server's client id there.
    pub client_id: Option<String>,
    /// `oidc`: how this server authenticates there.
    pub client_authentication: String,
    /// `oidc`: the Worker secret that holds the client secret.
    pub client_secret_name: Option<String>,
    /// `oidc`: the scopes to ask for.
    pub scopes: String,
    /// `hand_off`: the platform's own sign-in page.
    pub login_url: Option<String>,
    /// `hand_off`: the public keys of its assertions (RFC 7517 §5).
    #[serde(deserialize_with = "json_column")]
    pub jwks: Value,
    /// `hand_off`: whether its subjects are user ids here. Fixed once somebody has come by it.
    #[serde(deserialize_with = "sqlite_bool")]
    pub subject_is_user_id: bool,
    /// When it was made.
    #[serde(serialize_with = "as_rfc3339")]
    pub created_at: Timestamp,
    /// Rises with every change.
    pub version: u32,
}

/// What else there is, that a connection must fit in with.
struct Others {
    neighbours: Vec<Neighbour>,
    /// Whether somebody has come by this connection.
    is_used: bool,
}

/// Another connection.
#[derive(Deserialize)]
struct Neighbour {
    kind: String,
    issuer: String,
    #[serde(deserialize_with = "sqlite_bool")]
    domain_level: bool,
    #[serde(deserialize_with = "sqlite_bool")]
    subject_is_user_id: bool,
    status: String,
}

const KINDS: [(&str, &str); 2] = [("oidc", "oidc"), ("hand_off", "hand_off")];
const STATUSES: [(&str, &str); 2] = [("active", "active"), ("disabled", "disabled")];
const AUTHENTICATIONS: [(&str, &str); 3] = [
    ("client_secret_basic", "client_secret_basic"),
    ("client_secret_post", "client_secret_post"),
    ("none", "none"),
];
const LAST: Problem = Problem::Conflict("nobody could sign in any more: set up another connection first");
const CLASH: Problem =
    Problem::Conflict("another connection clashes with this one, or it has changed: read both again");

impl ConnectionSettings {
    /// All of it.
    pub fn item(&self) -> Item {
        Item::of(&self.id, self.version, self)
    }

    /// Whether this server is a client of an OpenID provider.
    pub fn is_oidc(&self) -> bool {
        self.kind == "oidc"
    }

    fn checked(mut input: Input, current: Option<&Self>, others: &Others, act: Act<'_>) -> Result<Self, Problem> {
        let kind = match current {
            Some(connection) => connection.kind.clone(),
            None => {
                let kind = input.choice("kind", &KINDS).map(str::to_owned);
                input.required("kind", kind)
            }
        };
        let name = input.line("name", 60);
        let name = input.required_or("name", name, current.map(|own| &own.name));
        let issuer = input.line("issuer", 500);
        let issuer = input.required_or("issuer", issuer, current.map(|own| &own.issuer));
        let flag = |input: &mut Input, name: &'static str, own: Option<&bool>, usual| {
            let sent = input.flag(name);
            input.optional_or(name, sent, own).unwrap_or(usual)
        };
        let domain_level = flag(&mut input, "domain_level", current.map(|own| &own.domain_level), false);
        let for_developers = flag(
            &mut input,
            "for_developers",
            current.map(|own| &own.for_developers),
            true,
        );
        let status = input.choice("status", &STATUSES).map(str::to_owned);
        let status = input.optional_or("status", status, current.map(|own| &own.status));
        let position = input.number("position", 0..=10_000);
        let position = input.optional_or("position", position, current.map(|own| &own.position));
        let mut connection = Self {
            id: current.map_or_else(|| random::identifier(act.random, "con_"), |own| own.id.clone()),
            kind,
            name,
            domain_level,
            for_developers,
            status: status.unwrap_or_else(|| "active".into()),
            position: position.unwrap_or(0),
            issuer,
            client_id: None,
            client_authentication: "client_secret_basic".into(),
            client_secret_name: None,
            scopes: "openid profile email".into(),
            login_url: None,
            jwks: Value::Null,
            subject_is_user_id: false,
            created_at: current.map_or(act.now, |own| own.created_at),
            version: current.map_or(1, |own| own.version + 1),
        };
        match connection.kind.as_str() {
            "oidc" => connection.read_oidc(&mut input, current, act),
            "hand_off" => connection.read_hand_off(&mut input, current, act),
            // No kind: what is wrong with that is said, and the rest cannot be judged.
            _ => return input.finish().and(Err(Problem::field("kind", "is required"))),
        }
        connection.check_fit(&mut input, current, others);
        input.finish()?;
        Ok(connection)
    }

    fn read_oidc(&mut self, input: &mut Input, current: Option<&Self>, act: Act<'_>) {
        if !self.issuer.is_empty() && WebAddress::parse(&self.issuer, act.issuer).is_none() {
            input.error(
                "issuer",
                "must be an https address, letter by letter as the provider's metadata have it",
            );
        }
        let client_id = input.line("client_id", 200);
        let known = current.and_then(|own| own.client_id.as_ref());
        self.client_id = Some(input.required_or("client_id", client_id, known));
        let authentication = input
            .choice("client_authentication", &AUTHENTICATIONS)
            .map(str::to_owned);
        let known = current.map(|own| &own.client_authentication);
        if let Some(authentication) = input.optional_or("client_authentication", authentication, known) {
            self.client_authentication = authentication;
        }
        let secret = input.line("client_secret_name", 64);
        let known = current.and_then(|own| own.client_secret_name.as_ref());
        self.client_secret_name = input.optional_or("client_secret_name", secret, known);
        let fits = |name: &str| {
            let rest = name.strip_prefix(CLIENT_SECRETS).unwrap_or_default();
            let letters = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
            !rest.is_empty() && rest.bytes().all(letters)
        };
        match self.client_secret_name.as_deref() {
            Some(name) if !fits(name) => input.error(
                "client_secret_name",
                "must be the name of a Worker secret that begins with CONNECTION_: CONNECTION_ACME. Never put the secret itself here",
            ),
            None if self.client_authentication != "none" => {
                input.error("client_secret_name", "is required unless client_authentication is none");
            }
            _ => {}
        }
        let scopes = input.line("scopes", 200);
        let known = current.map(|own| &own.scopes);
        if let Some(scopes) = input.optional_or("scopes", scopes, known) {
            self.scopes = scopes;
        }
        if !Scopes::parse(&self.scopes).is_ok_and(|scopes| scopes.contains("openid")) {
            input.error("scopes", "must be scopes with spaces between them, openid among them");
        }
    }

    fn read_hand_off(&mut self, input: &mut Input, current: Option<&Self>, act: Act<'_>) {
        let login_url = input.line("login_url", 500);
        let known = current.and_then(|own| own.login_url.as_ref());
        let login_url = input.required_or("login_url", login_url, known);
        if !login_url.is_empty() && WebAddress::parse(&login_url, act.issuer).is_none() {
            input.error("login_url", "must be an https address without user name and fragment");
        }
        self.login_url = Some(login_url);
        let jwks = input.value("jwks", 16 * 1024);
        self.jwks = input.required_or("jwks", jwks, current.map(|own| &own.jwks));
        match ClientKeys::parse(&self.jwks) {
            // That it is missing is said already.
            _ if self.jwks.is_null() => {}
            Err(JwkError::Private) => {
                input.error(
                    "jwks",
                    "holds a private key: put in the public ones only, and replace this one",
                );
            }
            Err(error) => input.error("jwks", format!("must be a JWK Set of public keys: {error}")),
            Ok(keys) if keys.is_empty() => input.error("jwks", "has no key that can be used for signatures"),
            Ok(_) => {}
        }
        let subject = input.flag("subject_is_user_id");
        let known = current.map(|own| &own.subject_is_user_id);
        self.subject_is_user_id = input.optional_or("subject_is_user_id", subject, known).unwrap_or(false);
    }

    /// What the tables refuse too, said with its reason.
    fn check_fit(&self, input: &mut Input, current: Option<&Self>, others: &Others) {
        let clashes = |other: &Neighbour| {
            other.issuer == self.issuer
                && (other.kind == "hand_off" || self.kind == "hand_off" || other.domain_level != self.domain_level)
        };
        if others.neighbours.iter().any(clashes) {
            input.error(
                "issuer",
                "is that of another connection: an issuer is shared only by OpenID providers that are alike in domain_level",
            );
        }
        if self.subject_is_user_id && others.neighbours.iter().any(|other| other.subject_is_user_id) {
            input.error(
                "subject_is_user_id",
                "is true of another connection: one alone may name users",
            );
        }
        let Some(current) = current.filter(|_| others.is_used) else {
            return;
        };
        if current.issuer != self.issuer {
            input.error(
                "issuer",
                "is fixed, because people have signed in by this connection: make another one",
            );
        }
        if current.subject_is_user_id != self.subject_is_user_id {
            input.error(
                "subject_is_user_id",
                "is fixed, because people have signed in by this connection",
            );
        }
    }
}

/// A connection with its place in the list.
pub(super) fn listed(row: &ConnectionSettings) -> Result<(Cursor, Item), StoreError> {
    let cursor = Cursor {
        order: row.position.into(),
        id: row.id.clone(),
    };
    Ok((cursor, row.item()))
}

fn select(id: &str) -> Statement {
    Statement::new("SELECT * FROM connections WHERE id = ?1").text(id)
}

/// A connection by its id.
pub async fn find(database: &impl Database, id: &str) -> Result<ConnectionSettings, Problem> {
    let found = database.read(vec![select(id)]).await?;
    found.first(0)?.ok_or(Problem::NotFound("connection"))
}

/// All connections, in the order of their buttons.
pub async fn all(database: &impl Database) -> Result<Vec<ConnectionSettings>, StoreError> {
    let select = Statement::new("SELECT * FROM connections ORDER BY position, name, id LIMIT 500");
    database.read(vec![select]).await?.rows(0)
}

/// A connection and all that it must fit in with.
async fn look(database: &impl Database, id: &str) -> Result<(Option<ConnectionSettings>, Others), Problem> {
    let statements = vec![
        select(id),
        Statement::new("SELECT kind, issuer, domain_level, subject_is_user_id, status FROM connections WHERE id <> ?1")
            .text(id),
        // Neither has an index for more: one row each tells.
        Statement::new(
            "SELECT 1 AS used WHERE EXISTS (SELECT 1 FROM user_identities WHERE connection_id = ?1)
                                 OR EXISTS (SELECT 1 FROM sessions WHERE connection_id = ?1)",
        )
        .text(id),
    ];
    let found = database.read(statements).await?;
    let others = Others {
        neighbours: found.rows(1)?,
        is_used: !found.raw(2).is_empty(),
    };
    Ok((found.first(0)?, others))
}

fn bound(statement: Statement, connection: &ConnectionSettings) -> Statement {
    let jwks = Some(&connection.jwks)
        .filter(|jwks| !jwks.is_null())
        .map(Value::to_string);
    statement
        .text(&connection.id)
        .text(&connection.name)
        .number(u8::from(connection.domain_level))
        .number(u8::from(connection.for_developers))
        .text(&connection.status)
        .number(connection.position)
        .text(&connection.issuer)
        .optional_text(connection.client_id.as_deref())
        .text(&connection.client_authentication)
        .optional_text(connection.client_secret_name.as_deref())
        .text(&connection.scopes)
        .optional_text(connection.login_url.as_deref())
        .optional_text(jwks.as_deref())
        .number(u8::from(connection.subject_is_user_id))
}

/// A new connection.
pub(super) async fn create(database: &impl Database, act: Act<'_>, input: Input) -> Result<Change, Problem> {
    let (_, others) = look(database, "").await?;
    let connection = ConnectionSettings::checked(input, None, &others, act)?;
    let insert = Statement::new(
        "INSERT INTO connections (id, name, domain_level, for_developers, status, position, issuer, client_id,
                                  client_authentication, client_secret_name, scopes, login_url, jwks,
                                  subject_is_user_id, kind, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
    );
    let entry = Entry::new("connection.created", ("connection", &connection.id));
    let statements = vec![
        bound(insert, &connection).text(&connection.kind).time(act.now),
        act.note(&entry.with(json!({ "kind": connection.kind, "issuer": connection.issuer }))),
    ];
    Ok(Change {
        item: connection.item(),
        statements,
        refused: CLASH,
    })
}

/// A connection, changed. Switching it off ends the sessions of those who came by it.
pub(super) async fn edit(
    database: &impl Database,
    act: Act<'_>,
    id: &str,
    expected: Option<u32>,
    input: Input,
) -> Result<Change, Problem> {
    let (current, others) = look(database, id).await?;
    let current = current.ok_or(Problem::NotFound("connection"))?;
    check_version(current.version, expected)?;
    let connection = ConnectionSettings::checked(input, Some(&current), &others, act)?;
    if connection.status == "disabled" && is_last(&current, &others) {
        return Err(LAST);
    }
    let update = Statement::new(
        "UPDATE connections
         SET name = ?2, domain_level = ?3, for_developers = ?4, status = ?5, position = ?6, issuer = ?7, client_id = ?8,
             client_authentication = ?9, client_secret_name = ?10, scopes = ?11, login_url = ?12, jwks = ?13,
             subject_is_user_id = ?14, version = version + 1
         WHERE id = ?1",
    );
    let entry = Entry::new("connection.changed", ("connection", id));
    let statements = vec![
        Kind::Connection.unchanged(&current.id, current.version),
        bound(update, &connection),
        act.note(&entry.with(difference(&current.item(), &connection.item()))),
    ];
    Ok(Change {
        item: connection.item(),
        statements,
        refused: CLASH,
    })
}

fn is_last(connection: &ConnectionSettings, others: &Others) -> bool {
    connection.status == "active" && !others.neighbours.iter().any(|other| other.status == "active")
}

/// What deletes a connection by which nobody has come.
pub(super) async fn delete(
    database: &impl Database,
    act: Act<'_>,
    id: &str,
    expected: Option<u32>,
) -> Result<Change, Problem> {
    let (current, others) = look(database, id).await?;
    let current = current.ok_or(Problem::NotFound("connection"))?;
    check_version(current.version, expected)?;
    if others.is_used {
        return Err(Problem::Conflict(
            "people have signed in by this connection: disable it instead",
        ));
    }
    if is_last(&current, &others) {
        return Err(LAST);
    }
    let entry = Entry::new("connection.deleted", ("connection", id));
    let statements = vec![
        Kind::Connection.unchanged(&current.id, current.version),
        Statement::new("DELETE FROM connections WHERE id = ?1").text(id),
        act.note(&entry.with(json!({ "issuer": current.issuer }))),
    ];
    Ok(Change {
        item: current.item(),
        statements,
        refused: CLASH,
    })
}
