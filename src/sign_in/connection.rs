//! Connections: the ways in that the operator has set up.

use serde::Deserialize;

use crate::config::Issuer;
use crate::oauth::client::sqlite_bool;
use crate::oauth::jwk::ClientKeys;
use crate::router;

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

impl Connection {
    /// Where its answers come back to: each has an address of its own, so that no answer passes for another's
    /// (RFC 9700 §4.4.2).
    pub fn callback(&self, own: &Issuer) -> String {
        Self::callback_of(&self.id, own)
    }

    /// The same for the connection of an id.
    pub fn callback_of(id: &str, own: &Issuer) -> String {
        own.url(&format!("{}/{id}", router::LOGIN_CALLBACK))
    }
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

/// How the names of Worker secrets begin that connections may use. Whoever can write connections must not be able to
/// have `LATCHKEY_SECRET` sent to a provider of their own.
pub const CLIENT_SECRETS: &str = "CONNECTION_";

impl Oidc {
    /// The Worker secret to read.
    pub fn secret_name(&self) -> Option<&str> {
        let name = self.client_secret_name.as_deref()?;
        let of_a_connection = name.strip_prefix(CLIENT_SECRETS).is_some_and(|rest| !rest.is_empty());
        of_a_connection.then_some(name)
    }
}

/// What Latchkey is at an OpenID provider.
#[derive(Debug, Clone, Deserialize)]
pub struct Oidc {
    /// Its client id there.
    pub client_id: String,
    /// How it authenticates there.
    pub authentication: UpstreamAuthentication,
    /// The Worker secret that holds its client secret. Only [`CLIENT_SECRETS`] may be named.
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
    /// Its address, as the operator wrote it. It is checked when somebody is sent there.
    pub login_url: String,
    /// The keys its assertions are signed with.
    #[serde(deserialize_with = "ClientKeys::deserialize_registered")]
    pub jwks: ClientKeys,
    /// Whether its subjects are user ids here as they are.
    #[serde(deserialize_with = "sqlite_bool")]
    pub subject_is_user_id: bool,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::json;

    fn oidc(secret: &str) -> Connection {
        let record = json!({
            "id": "con_acme", "name": "Acme", "domain_level": 1, "issuer": "https://id.example",
            "method": { "oidc": {
                "client_id": "latchkey", "authentication": "client_secret_basic",
                "client_secret_name": secret, "scopes": "openid"
            } }
        });
        json::from_value(record).unwrap()
    }

    #[test]
    fn a_connection_reads_no_secret_but_those_of_connections() {
        let name = |secret: &str| match oidc(secret).method {
            Method::Oidc(oidc) => oidc.secret_name().map(str::to_owned),
            Method::HandOff(_) => None,
        };
        assert_eq!(name("CONNECTION_ACME").as_deref(), Some("CONNECTION_ACME"));
        for other in [
            "LATCHKEY_SECRET",
            "SIGNING_KEY",
            "",
            "CONNECTION_",
            "connection_acme",
            "DB",
        ] {
            assert_eq!(name(other), None, "{other}");
        }
    }

    #[test]
    fn each_connection_has_a_callback_of_its_own() {
        let own = Issuer::parse("https://auth.example").unwrap();
        assert_eq!(oidc("").callback(&own), "https://auth.example/login/callback/con_acme");
    }

    #[test]
    fn a_hand_off_is_read_with_its_keys() {
        let record = json!({
            "id": "con_own", "name": "Acme", "domain_level": 0, "issuer": "https://acme.example",
            "method": { "hand_off": {
                "login_url": "https://acme.example/login", "jwks": { "keys": [] }, "subject_is_user_id": 1
            } }
        });
        let connection: Connection = json::from_value(record).unwrap();
        let Method::HandOff(hand_off) = connection.method else {
            panic!("no hand-off")
        };
        assert!(hand_off.subject_is_user_id && hand_off.jwks.is_empty() && !connection.domain_level);
    }
}
