//! Client authentication by an assertion the app signs: `private_key_jwt` (RFC 7523 §2.2, §3; OpenID Connect
//! Core §9), with the audience rule of the update to RFC 7523.

use std::time::Duration;

use super::client::App;
use super::client_security::Profile;
use super::error::{ErrorCode, OAuthError};
use super::jws::SignedJwt;
use crate::crypto::{base64url, hash};
use crate::ledger::SingleUse;
use crate::random::{self, Random};
use crate::time::Timestamp;

/// The one `client_assertion_type` there is (RFC 7523 §2.2).
pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// How far a client's clock may be ahead (FAPI 2.0 §5.3.2.1: 10 s must be accepted, over 60 s refused).
const CLOCK_SKEW: Duration = Duration::from_secs(30);
/// How long an assertion may live: as long its `jti` has to be remembered.
const MAX_LIFETIME: Duration = Duration::from_secs(3600);
const MAX_JTI: usize = 256;

/// Whom assertions must be made for.
#[derive(Debug, Clone, Copy)]
pub struct Audience<'a> {
    /// This server's issuer identifier.
    pub issuer: &'a str,
    /// The token endpoint's URL, for apps that are allowed the older rule.
    pub token_endpoint: &'a str,
}

/// An assertion whose claims are good for an app and whose signature nobody has checked yet.
#[derive(Debug)]
pub struct UnverifiedAssertion<'a> {
    jwt: SignedJwt<'a>,
    client_id: String,
    single_use: SingleUse,
}

/// Proof that a registered key of one client made the signature. Whether it was used before, the ledger knows.
#[derive(Debug)]
pub struct SignedAssertion {
    /// The client.
    pub client_id: String,
    /// What must be its first use.
    pub single_use: SingleUse,
}

/// The app an assertion says it is from, before anything is checked.
pub fn claimed_client(assertion: &str) -> Result<String, OAuthError> {
    let jwt = read(assertion)?;
    let subject = jwt.text("sub").ok_or_else(|| refused("has no sub"))?;
    Ok(subject.to_owned())
}

impl<'a> UnverifiedAssertion<'a> {
    /// Checks everything but the signature.
    pub fn check(
        assertion: &'a str,
        app: &App,
        audience: Audience<'_>,
        random: &dyn Random,
        now: Timestamp,
    ) -> Result<Self, OAuthError> {
        let jwt = read(assertion)?;
        for issuer_or_subject in ["iss", "sub"] {
            if jwt.text(issuer_or_subject) != Some(&app.client_id) {
                return Err(refused("must have the client_id as iss and as sub"));
            }
        }
        if !names(&jwt, app, audience) {
            return Err(refused("must have this server's issuer identifier as its only aud"));
        }
        if !app.security.allows(jwt.algorithm) {
            return Err(refused("must be signed with ES256, PS256 or EdDSA"));
        }
        let moment = |name| jwt.moment(name).map_err(|_| refused("has a time that is no number"));
        let expires_at = moment("exp")?.ok_or_else(|| refused("has no exp"))?;
        if expires_at <= now {
            return Err(refused("has expired"));
        }
        if expires_at > now + MAX_LIFETIME + CLOCK_SKEW {
            return Err(refused("lives too long: exp may be an hour ahead at most"));
        }
        for time in ["iat", "nbf"] {
            if moment(time)?.is_some_and(|at| at > now + CLOCK_SKEW) {
                return Err(refused("is from the future: check the clock"));
            }
        }
        let jti = jwt.text("jti").filter(|jti| jti.len() <= MAX_JTI);
        let jti = jti.ok_or_else(|| refused("needs a jti of at most 256 letters"))?;
        let single_use = SingleUse {
            name: hash(&format!("client-assertion {} {jti}", app.client_id)),
            attempt: base64url(random::bytes::<16>(random)),
            expires_at: expires_at + CLOCK_SKEW,
        };
        Ok(Self {
            jwt,
            client_id: app.client_id.clone(),
            single_use,
        })
    }

    /// The JWT, for its signature to be checked.
    pub fn jwt(&self) -> &SignedJwt<'a> {
        &self.jwt
    }

    /// The assertion, if its signature was found good.
    pub fn accept(self, signature_is_good: bool) -> Result<SignedAssertion, OAuthError> {
        match signature_is_good {
            true => Ok(SignedAssertion {
                client_id: self.client_id,
                single_use: self.single_use,
            }),
            false => Err(refused("is not signed by a registered key of this client")),
        }
    }
}

/// An assertion that was used before (RFC 7523 §3).
pub fn replayed() -> OAuthError {
    refused("was used before: make a new one for each request")
}

fn read(assertion: &str) -> Result<SignedJwt<'_>, OAuthError> {
    let jwt = SignedJwt::parse(assertion).map_err(|error| refused(&error.to_string()))?;
    // A JWT made for anything else is no assertion; many clients name no type, or just `JWT`.
    let typed = jwt.header("typ").is_some();
    if typed && !jwt.is_of_type("client-authentication+jwt") && !jwt.is_of_type("JWT") {
        return Err(refused("has the type of something else"));
    }
    Ok(jwt)
}

/// Whether the audience is this server and nobody else: otherwise the assertion could be used elsewhere, or was
/// made for elsewhere.
fn names(jwt: &SignedJwt<'_>, app: &App, audience: Audience<'_>) -> bool {
    use serde_json::Value::{Array, String};
    let only = match jwt.claim("aud") {
        Some(String(only)) => only,
        // FAPI 2.0 §5.3.2.1: a string.
        Some(Array(several)) if app.security.profile == Profile::Standard => match several.as_slice() {
            [String(only)] => only,
            _ => return false,
        },
        _ => return false,
    };
    let older_rule = app.security.accepts_token_endpoint_audience && app.security.profile == Profile::Standard;
    only == audience.issuer || (older_rule && only == audience.token_endpoint)
}

fn refused(reason: &str) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidClient, format!("the client assertion {reason}"))
}

#[cfg(test)]
pub mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::crypto::ec_key::EcPrivateKey;
    use crate::oauth::client_security::testing::key_app;
    use crate::oauth::jwk::PublicKey;
    use crate::oauth::jwk::testing::jwk;
    use crate::oauth::jws::testing::sign;
    use crate::random::testing::Seeded;

    const NOW: Timestamp = Timestamp(1_000_000);
    const AUDIENCE: Audience<'static> = Audience {
        issuer: "https://auth.example",
        token_endpoint: "https://auth.example/oauth/token",
    };

    fn key() -> EcPrivateKey {
        EcPrivateKey::generate(&Seeded::default())
    }

    fn app(profile: &str) -> App {
        key_app(profile, json!({ "keys": [jwk(&key())] }))
    }

    fn claims() -> Value {
        json!({
            "iss": "app_two", "sub": "app_two", "aud": "https://auth.example",
            "jti": "one", "iat": 1000, "exp": 1060
        })
    }

    fn with(name: &str, value: Value) -> Value {
        let mut claims = claims();
        claims[name] = value;
        claims
    }

    fn without(name: &str) -> Value {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(name);
        claims
    }

    fn check(header: &Value, claims: &Value, app: &App) -> Result<SingleUse, OAuthError> {
        let assertion = sign(header, claims, &key());
        let checked = UnverifiedAssertion::check(&assertion, app, AUDIENCE, &Seeded::default(), NOW)?;
        Ok(checked.accept(true)?.single_use)
    }

    fn accepted(claims: &Value, app: &App) -> bool {
        check(&json!({ "alg": "ES256" }), claims, app).is_ok()
    }

    #[test]
    fn a_good_assertion_is_used_once_under_its_client_and_jti() {
        let used = check(&json!({ "alg": "ES256" }), &claims(), &app("standard")).unwrap();
        assert!(used.expires_at > Timestamp(1_060_000));
        let again = check(&json!({ "alg": "ES256" }), &claims(), &app("standard")).unwrap();
        assert_eq!(used.name, again.name);
        let other = check(&json!({ "alg": "ES256" }), &with("jti", json!("two")), &app("standard")).unwrap();
        assert_ne!(used.name, other.name);
    }

    #[test]
    fn only_the_issuer_identifier_alone_is_the_audience() {
        let app = app("standard");
        assert!(accepted(&with("aud", json!(["https://auth.example"])), &app));
        for aud in [
            json!("https://auth.example/"),
            json!("https://auth.example/oauth/token"),
            json!("https://other.example"),
            json!(["https://auth.example", "https://other.example"]),
            json!(["https://auth.example", "https://auth.example"]),
            json!([]),
            json!(null),
            json!({}),
        ] {
            assert!(!accepted(&with("aud", aud.clone()), &app), "{aud}");
        }
        assert!(!accepted(&without("aud"), &app));
    }

    #[test]
    fn the_token_endpoint_is_an_audience_for_apps_that_are_allowed_it_and_never_under_fapi() {
        let claims = with("aud", json!("https://auth.example/oauth/token"));
        for (profile, allowed) in [("standard", true), ("fapi_2", false)] {
            let mut app = app(profile);
            app.security.accepts_token_endpoint_audience = true;
            assert_eq!(accepted(&claims, &app), allowed, "{profile}");
        }
    }

    #[test]
    fn fapi_takes_the_audience_as_a_string_only_and_no_rs256() {
        let app = app("fapi_2");
        assert!(accepted(&claims(), &app));
        assert!(!accepted(&with("aud", json!(["https://auth.example"])), &app));
        assert!(check(&json!({ "alg": "PS256" }), &claims(), &app).is_ok());
        assert!(check(&json!({ "alg": "RS256" }), &claims(), &app).is_err());
    }

    #[test]
    fn issuer_and_subject_are_both_the_client() {
        let app = app("standard");
        for name in ["iss", "sub"] {
            assert!(!accepted(&with(name, json!("app_one")), &app), "{name}");
            assert!(!accepted(&without(name), &app), "{name}");
        }
    }

    // Rule: ASSERT 2, FAPI 14
    #[test]
    fn an_assertion_without_expiry_or_jti_expired_too_long_or_from_the_future_is_refused() {
        let app = app("standard");
        for claims in [
            without("exp"),
            without("jti"),
            with("jti", json!("")),
            with("jti", json!(7)),
            with("jti", json!("x".repeat(257))),
            with("exp", json!(1000)),
            with("exp", json!("1060")),
            with("exp", json!(1000 + 3700)),
            with("iat", json!(1061)),
            with("nbf", json!(1061)),
            with("nbf", json!("soon")),
        ] {
            assert!(!accepted(&claims, &app), "{claims}");
        }
        for ten_seconds_ahead in ["iat", "nbf"] {
            assert!(accepted(&with(ten_seconds_ahead, json!(1010)), &app));
        }
        assert!(accepted(&without("iat"), &app));
    }

    #[test]
    fn a_jwt_made_for_something_else_is_no_assertion() {
        for typ in ["at+jwt", "dpop+jwt", "oauth-id-jag+jwt", "logout+jwt", ""] {
            let header = json!({ "alg": "ES256", "typ": typ });
            assert!(check(&header, &claims(), &app("standard")).is_err(), "{typ}");
        }
        for typ in [
            "JWT",
            "jwt",
            "client-authentication+jwt",
            "application/client-authentication+jwt",
        ] {
            let header = json!({ "alg": "ES256", "typ": typ });
            assert!(check(&header, &claims(), &app("standard")).is_ok(), "{typ}");
        }
    }

    // Rule: ASSERT 5
    #[test]
    fn a_key_the_assertion_brings_itself_is_no_candidate() {
        let stranger = EcPrivateKey::generate(&Seeded::new(7));
        let header = json!({ "alg": "ES256", "jwk": jwk(&stranger), "jku": "https://evil.example/jwks" });
        let assertion = sign(&header, &claims(), &stranger);
        let app = app("standard");
        let checked = UnverifiedAssertion::check(&assertion, &app, AUDIENCE, &Seeded::default(), NOW).unwrap();
        let registered = PublicKey::parse(&jwk(&key())).unwrap();
        assert_eq!(
            app.security.jwks.candidates_for(checked.jwt()).collect::<Vec<_>>(),
            [&registered]
        );
    }
}
