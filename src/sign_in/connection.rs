//! Connections: the ways in that the operator has set up.

use serde::Deserialize;

use crate::oauth::client::sqlite_bool;
use crate::oauth::jwk::ClientKeys;

/// A way to sign in.
#[derive(Debug, Clone, Deserialize)]
pub struct Connection {
    /// Its id, a part of its callback's path.
    pub id: String,
    /// What its button says.
    pub name: String,
    /// Whether it serves all of the platform's users: only such are offered when a third-party app asks.
    #[serde(deserialize_with = "sqlite_bool")]
    pub domain_level: bool,
    /// Who answers through it: the `iss` of ID tokens and assertions, letter by letter.
    pub issuer: String,
    /// How it is done.
    pub method: Method,
}

/// How a connection proves who somebody is.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// An OpenID provider, of which Latchkey is a client.
    Oidc(Oidc),
    /// The platform's own sign-in page, which sends back a signed assertion.
    HandOff(HandOff),
}

/// What Latchkey is at an OpenID provider.
#[derive(Debug, Clone, Deserialize)]
pub struct Oidc {
    /// Its client id there.
    pub client_id: String,
    /// How it authenticates there.
    pub authentication: UpstreamAuthentication,
    /// The Worker secret that holds its client secret.
    pub client_secret_name: Option<String>,
    /// The scopes to ask for; `openid` among them.
    pub scopes: String,
}

/// How Latchkey authenticates at an OpenID provider (RFC 6749 §2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UpstreamAuthentication {
    /// By HTTP Basic.
    ClientSecretBasic,
    /// In the form.
    ClientSecretPost,
    /// Not at all: PKCE alone.
    None,
}

/// What is known of the platform's own sign-in page.
#[derive(Debug, Clone, Deserialize)]
pub struct HandOff {
    /// Its address.
    pub login_url: String,
    /// The keys its assertions are signed with.
    #[serde(deserialize_with = "ClientKeys::deserialize_registered")]
    pub jwks: ClientKeys,
    /// Whether its subjects are user ids here as they are.
    #[serde(deserialize_with = "sqlite_bool")]
    pub subject_is_user_id: bool,
}
