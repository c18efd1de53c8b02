//! How an app proves who it is, and how strict the server is with it.

use serde::Deserialize;

use super::client::{AppType, sqlite_bool};
use super::jwk::ClientKeys;
use super::jws::Algorithm;

/// An app's security settings, fixed with its registration.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct ClientSecurity {
    /// The demands made of it as a whole.
    pub profile: Profile,
    /// How a confidential app proves who it is; see [`super::client::App::authentication`].
    pub authentication: Authentication,
    /// The public keys it registered.
    #[serde(default, deserialize_with = "ClientKeys::deserialize_registered")]
    pub jwks: ClientKeys,
    /// Where its public keys are, instead of here (RFC 7591 §2).
    #[serde(default)]
    pub jwks_uri: Option<String>,
    /// Whether its assertions may name the token endpoint's URL as audience, as RFC 7523 §3 once allowed.
    #[serde(deserialize_with = "sqlite_bool")]
    pub accepts_token_endpoint_audience: bool,
    /// Whether its authorization requests must be pushed (RFC 9126 §6).
    #[serde(deserialize_with = "sqlite_bool")]
    require_pushed_authorization_requests: bool,
    /// Whether its access tokens must be bound to a key (RFC 9449 §5.2).
    #[serde(deserialize_with = "sqlite_bool")]
    dpop_bound_access_tokens: bool,
}

/// A set of demands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub enum Profile {
    /// OAuth 2.1.
    #[default]
    #[serde(rename = "standard")]
    Standard,
    /// The FAPI 2.0 Security Profile: private_key_jwt, pushed requests, DPoP, refresh tokens that do not rotate.
    #[serde(rename = "fapi_2")]
    Fapi2,
}

/// How an app proves who it is (OAuth 2.1 §2.4).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Authentication {
    /// Not at all: a public app.
    None,
    /// By a secret, sent with Basic or in the body.
    #[default]
    ClientSecret,
    /// By an assertion signed with its private key (RFC 7523 §2.2).
    PrivateKeyJwt,
}

impl Authentication {
    /// How an app of this type and under these demands proves itself, which chose `chosen`.
    pub fn of(profile: Profile, app_type: AppType, chosen: Self) -> Self {
        match (profile, app_type.can_keep_a_secret()) {
            (Profile::Fapi2, _) => Self::PrivateKeyJwt,
            (Profile::Standard, true) => chosen,
            (Profile::Standard, false) => Self::None,
        }
    }

    /// As it is stored and told.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ClientSecret => "client_secret",
            Self::PrivateKeyJwt => "private_key_jwt",
        }
    }
}

impl ClientSecurity {
    /// Whether authorization requests that were not pushed are refused (RFC 9126 §6, FAPI 2.0 §5.3.2.2).
    pub fn requires_pushed_requests(&self) -> bool {
        self.require_pushed_authorization_requests || self.profile == Profile::Fapi2
    }

    /// Whether token requests without a DPoP proof are refused (RFC 9449 §5.2, FAPI 2.0 §5.3.2.1).
    pub fn requires_dpop(&self) -> bool {
        self.dpop_bound_access_tokens || self.profile == Profile::Fapi2
    }

    /// Whether a refresh token is replaced when it is used (FAPI 2.0 §5.3.2.1: not in that profile).
    pub fn rotates_refresh_tokens(&self) -> bool {
        self.profile == Profile::Standard
    }

    /// Whether the app may sign with this algorithm (FAPI 2.0 §5.4 has no RS256).
    pub fn allows(&self, algorithm: Algorithm) -> bool {
        self.profile == Profile::Standard || algorithm != Algorithm::Rs256
    }
}

#[cfg(test)]
pub mod testing {
    use serde_json::json;

    use super::super::client::testing::{confidential_app, public_app};
    use super::*;
    use crate::oauth::client::App;

    /// Settings as the directory writes them.
    pub fn security(profile: &str, authentication: &str, jwks: serde_json::Value) -> ClientSecurity {
        let security = json!({
            "profile": profile, "authentication": authentication, "jwks": jwks,
            "accepts_token_endpoint_audience": 0, "require_pushed_authorization_requests": 0,
            "dpop_bound_access_tokens": 0
        });
        serde_json::from_value(security).unwrap()
    }

    /// A confidential app that proves itself with one of these keys.
    pub fn key_app(profile: &str, jwks: serde_json::Value) -> App {
        App {
            security: security(profile, "private_key_jwt", jwks),
            ..confidential_app()
        }
    }

    // Rule: FAPI 6, FAPI 7, FAPI 10, FAPI 16
    #[test]
    fn the_fapi_profile_switches_on_everything_it_demands() {
        let fapi = key_app("fapi_2", json!({ "keys": [] })).security;
        assert!(fapi.requires_pushed_requests() && fapi.requires_dpop() && !fapi.rotates_refresh_tokens());
        assert!(fapi.allows(Algorithm::Ps256) && !fapi.allows(Algorithm::Rs256));
        let standard = confidential_app().security;
        assert!(!standard.requires_pushed_requests() && !standard.requires_dpop());
        assert!(standard.rotates_refresh_tokens() && standard.allows(Algorithm::Rs256));
    }

    // Rule: FAPI 5
    #[test]
    fn a_fapi_app_is_confidential_whatever_its_type_and_proves_itself_with_a_key() {
        let app = App {
            security: security("fapi_2", "client_secret", json!(null)),
            ..public_app()
        };
        assert_eq!(app.authentication(), Authentication::PrivateKeyJwt);
        assert!(app.is_confidential());
    }

    #[test]
    fn a_public_app_never_authenticates_even_if_its_record_says_how() {
        let app = App {
            security: security("standard", "private_key_jwt", json!(null)),
            ..public_app()
        };
        assert_eq!(app.authentication(), Authentication::None);
    }

    #[test]
    fn a_record_without_security_settings_is_a_client_with_a_secret() {
        assert_eq!(confidential_app().authentication(), Authentication::ClientSecret);
        assert!(confidential_app().security.jwks.is_empty());
    }
}
