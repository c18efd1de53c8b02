//! ID tokens (OpenID Connect Core §2) and whether they are believed (§3.1.3.7).

use serde_json::Value;
use thiserror::Error;

use super::auth_time::{self, CLOCK_SKEW};
use super::identity::Identity;
use super::refusal::SignInRefusal;
use crate::oauth::jwk::{ClientKeys, PublicKey};
use crate::oauth::jws::{JwtError, SignedJwt};
use crate::time::Timestamp;

/// The longest `sub`, in letters (Core §2).
const MAX_SUBJECT: usize = 255;

/// What an ID token has to say.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// Who issues it.
    pub issuer: &'a str,
    /// Latchkey's client id there.
    pub client_id: &'a str,
    /// The nonce of the attempt.
    pub nonce: &'a str,
    /// When the person must have proved who they are at the earliest.
    pub since: Option<Timestamp>,
}

/// Why an ID token is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum IdTokenError {
    /// It is no JWT, or one signed by an algorithm that is not understood: `none` or HS256, say.
    #[error("{0}")]
    Jwt(JwtError),
    /// `typ` is that of something else.
    #[error("has the type of something else")]
    Type,
    /// `iss` is another.
    #[error("has another iss")]
    Issuer,
    /// It is for somebody else: `aud`, or `azp` beside it.
    #[error("is for another client")]
    Audience,
    /// `exp` is missing or past.
    #[error("has expired")]
    Expired,
    /// `iat` is missing, or it or `nbf` is ahead.
    #[error("is from the future")]
    IssuedAt,
    /// `nonce` is another.
    #[error("has another nonce")]
    Nonce,
    /// `sub` is missing, or longer than 255 letters of ASCII.
    #[error("has no sub of at most 255 ASCII letters")]
    Subject,
    /// No key of the provider made the signature.
    #[error("is not signed by a key of the provider")]
    Signature,
}

impl IdTokenError {
    /// The name in the log.
    pub fn code(self) -> &'static str {
        match self {
            Self::Jwt(JwtError::Algorithm) => "id_token_algorithm",
            Self::Jwt(JwtError::Malformed | JwtError::Critical) => "id_token_malformed",
            Self::Type => "id_token_type",
            Self::Issuer => "id_token_issuer",
            Self::Audience => "id_token_audience",
            Self::Expired => "id_token_expired",
            Self::IssuedAt => "id_token_issued_at",
            Self::Nonce => "id_token_nonce",
            Self::Subject => "id_token_subject",
            Self::Signature => "id_token_signature",
        }
    }
}

/// An ID token whose claims are good and whose signature nobody has checked yet.
#[derive(Debug)]
pub struct UnverifiedIdToken<'a> {
    jwt: SignedJwt<'a>,
    identity: Identity,
}

impl<'a> UnverifiedIdToken<'a> {
    /// Checks everything but the signature.
    pub fn check(id_token: &'a str, expected: Expected<'_>, now: Timestamp) -> Result<Self, SignInRefusal> {
        let jwt = SignedJwt::parse(id_token).map_err(IdTokenError::Jwt)?;
        if jwt.header("typ").is_some() && !jwt.is_of_type("JWT") {
            return Err(IdTokenError::Type.into());
        }
        if jwt.text("iss") != Some(expected.issuer) {
            return Err(IdTokenError::Issuer.into());
        }
        if !is_for(&jwt, expected.client_id) {
            return Err(IdTokenError::Audience.into());
        }
        let moment = |name| jwt.moment(name).map_err(IdTokenError::Jwt);
        if moment("exp")?.is_none_or(|at| at + CLOCK_SKEW <= now) {
            return Err(IdTokenError::Expired.into());
        }
        let ahead = |at: Timestamp| at > now + CLOCK_SKEW;
        if moment("iat")?.is_none_or(ahead) || moment("nbf")?.is_some_and(ahead) {
            return Err(IdTokenError::IssuedAt.into());
        }
        if jwt.text("nonce") != Some(expected.nonce) {
            return Err(IdTokenError::Nonce.into());
        }
        let subject = jwt.text("sub").filter(|subject| is_subject(subject));
        let subject = subject.ok_or(IdTokenError::Subject)?.to_owned();
        let auth_time = auth_time::accept(moment("auth_time")?, expected.since, now).ok_or(SignInRefusal::NotFresh)?;
        let names = Names::of(|name| jwt.claim(name));
        let identity = Identity {
            issuer: expected.issuer.to_owned(),
            subject,
            name: names.name,
            account_name: names.account_name,
            auth_time,
        };
        Ok(Self { jwt, identity })
    }

    /// The JWT, for its signature to be checked.
    pub fn jwt(&self) -> &SignedJwt<'a> {
        &self.jwt
    }

    /// Those keys of the provider that it may be signed with. Keys it brings itself or points to count for nothing
    /// (RFC 8725 §3.10).
    pub fn candidate_keys<'k>(&'k self, keys: &'k ClientKeys) -> impl Iterator<Item = &'k PublicKey> {
        keys.candidates_for(&self.jwt)
    }

    /// Who it is about, if its signature was found good.
    pub fn accept(self, signature_is_good: bool) -> Result<Identity, SignInRefusal> {
        match signature_is_good {
            true => Ok(self.identity),
            false => Err(IdTokenError::Signature.into()),
        }
    }
}

/// Whether it was made for this client: as its only audience, or as the one that `azp` names (Core §3.1.3.7).
fn is_for(jwt: &SignedJwt<'_>, client_id: &str) -> bool {
    let azp_fits = |required: bool| match jwt.claim("azp") {
        Some(azp) => azp.as_str() == Some(client_id),
        None => !required,
    };
    match jwt.claim("aud") {
        Some(Value::String(only)) => only == client_id && azp_fits(false),
        Some(Value::Array(several)) => {
            let texts_only = several.iter().all(Value::is_string);
            let named = several.iter().any(|audience| audience.as_str() == Some(client_id));
            texts_only && named && azp_fits(several.len() > 1)
        }
        _ => false,
    }
}

/// Whether a text may be a `sub`: it goes into tokens, and users are found by it.
pub fn is_subject(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
    !text.is_empty() && text.len() <= MAX_SUBJECT && text.bytes().all(is_letter)
}

/// What claims call a person (Core §5.1).
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// `name`, or its parts.
    pub name: Option<String>,
    /// `email`, or `preferred_username`: shown, and believed by nobody.
    pub account_name: Option<String>,
}

impl Names {
    /// Reads them from claims.
    pub fn of<'v>(claim: impl Fn(&str) -> Option<&'v Value>) -> Self {
        let text = |name: &str| {
            let text = claim(name).and_then(Value::as_str).map(str::trim);
            text.filter(|text| !text.is_empty())
        };
        let parts: Vec<&str> = ["given_name", "family_name"].into_iter().filter_map(text).collect();
        let joined = Some(parts.join(" ")).filter(|joined| !joined.is_empty());
        let account_name = text("email").or_else(|| text("preferred_username"));
        Self {
            name: text("name").map(str::to_owned).or(joined),
            account_name: account_name.map(str::to_owned),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::crypto::ec_key::EcPrivateKey;
    use crate::oauth::jwk::testing::jwk;
    use crate::oauth::jws::testing::sign;
    use crate::random::testing::Seeded;

    const NOW: Timestamp = Timestamp(1_000_000_000);
    const EXPECTED: Expected<'static> = Expected {
        issuer: "https://id.example",
        client_id: "latchkey",
        nonce: "the nonce",
        since: None,
    };

    fn key() -> EcPrivateKey {
        EcPrivateKey::generate(&Seeded::default())
    }

    fn claims() -> Value {
        json!({
            "iss": "https://id.example", "aud": "latchkey", "sub": "248289761001", "nonce": "the nonce",
            "iat": 999_990, "exp": 1_000_300, "auth_time": 999_900,
            "name": "Jane Doe", "email": "jane@example.com"
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

    fn check_as(header: &Value, claims: &Value, expected: Expected<'_>) -> Result<Identity, SignInRefusal> {
        let token = sign(header, claims, &key());
        UnverifiedIdToken::check(&token, expected, NOW)?.accept(true)
    }

    fn check(claims: &Value) -> Result<Identity, SignInRefusal> {
        check_as(&json!({ "alg": "ES256", "typ": "JWT" }), claims, EXPECTED)
    }

    fn refused(claims: &Value) -> IdTokenError {
        match check(claims) {
            Err(SignInRefusal::IdToken(error)) => error,
            other => panic!("{claims}: {other:?}"),
        }
    }

    // Rule: UI 10
    #[test]
    fn a_good_id_token_says_who_somebody_is() {
        let identity = check(&claims()).unwrap();
        assert_eq!(
            identity,
            Identity {
                issuer: "https://id.example".into(),
                subject: "248289761001".into(),
                name: Some("Jane Doe".into()),
                account_name: Some("jane@example.com".into()),
                auth_time: Timestamp(999_900_000),
            }
        );
        assert!(check_as(&json!({ "alg": "ES256" }), &claims(), EXPECTED).is_ok());
    }

    // Rule: ATTACK 7
    #[test]
    fn another_issuer_is_refused() {
        for iss in [
            json!("https://id.example/"),
            json!("https://ID.example"),
            json!("https://evil.example"),
            json!(["https://id.example"]),
            json!(""),
        ] {
            assert_eq!(refused(&with("iss", iss)), IdTokenError::Issuer);
        }
        assert_eq!(refused(&without("iss")), IdTokenError::Issuer);
    }

    // Rule: ATTACK 8
    #[test]
    fn another_nonce_or_none_is_refused() {
        for nonce in [
            json!("the nonce "),
            json!("The nonce"),
            json!(""),
            json!(["the nonce"]),
            json!(null),
        ] {
            assert_eq!(refused(&with("nonce", nonce)), IdTokenError::Nonce);
        }
        assert_eq!(refused(&without("nonce")), IdTokenError::Nonce);
    }

    #[test]
    fn a_token_for_another_client_is_refused() {
        for aud in [
            json!("other"),
            json!(["other"]),
            json!([]),
            json!(""),
            json!({}),
            json!(["latchkey", "other"]),
            json!(["latchkey", 7]),
        ] {
            assert_eq!(refused(&with("aud", aud)), IdTokenError::Audience);
        }
        assert_eq!(refused(&without("aud")), IdTokenError::Audience);
        for azp in [json!("other"), json!(["latchkey"]), json!(null)] {
            assert_eq!(refused(&with("azp", azp)), IdTokenError::Audience);
        }
        assert!(check(&with("aud", json!(["latchkey"]))).is_ok());
        let mut several = with("aud", json!(["latchkey", "other"]));
        several["azp"] = json!("latchkey");
        assert!(check(&several).is_ok());
        several["azp"] = json!("other");
        assert_eq!(refused(&several), IdTokenError::Audience);
    }

    #[test]
    fn a_token_is_good_for_its_time_and_half_a_minute_more() {
        assert!(check(&with("exp", json!(999_971))).is_ok());
        assert_eq!(refused(&with("exp", json!(999_970))), IdTokenError::Expired);
        assert_eq!(refused(&without("exp")), IdTokenError::Expired);
        assert!(check(&with("iat", json!(1_000_030))).is_ok());
        assert_eq!(refused(&with("iat", json!(1_000_031))), IdTokenError::IssuedAt);
        assert_eq!(refused(&with("nbf", json!(1_000_031))), IdTokenError::IssuedAt);
        assert_eq!(refused(&without("iat")), IdTokenError::IssuedAt);
        for bad in [json!("1000300"), json!(-1), json!(null)] {
            assert_eq!(refused(&with("exp", bad)), IdTokenError::Jwt(JwtError::Malformed));
        }
    }

    #[test]
    fn a_subject_is_ascii_of_at_most_255_letters() {
        for sub in [
            json!(""),
            json!("x".repeat(256)),
            json!("jäne"),
            json!("a\nb"),
            json!("a\u{0}b"),
            json!(7),
            json!(null),
        ] {
            assert_eq!(refused(&with("sub", sub)), IdTokenError::Subject);
        }
        assert_eq!(refused(&without("sub")), IdTokenError::Subject);
        assert!(check(&with("sub", json!("x".repeat(255)))).is_ok());
    }

    #[test]
    fn no_algorithm_but_those_with_a_public_key_is_understood() {
        for alg in ["none", "HS256", "HS512", "ES384", "RS1", ""] {
            let refused = check_as(&json!({ "alg": alg }), &claims(), EXPECTED).unwrap_err();
            assert_eq!(refused, IdTokenError::Jwt(JwtError::Algorithm).into(), "{alg}");
        }
    }

    #[test]
    fn a_token_of_another_type_is_none() {
        for typ in ["at+jwt", "logout+jwt", "", "JOSE"] {
            let refused = check_as(&json!({ "alg": "ES256", "typ": typ }), &claims(), EXPECTED).unwrap_err();
            assert_eq!(refused, IdTokenError::Type.into(), "{typ}");
        }
    }

    #[test]
    fn only_the_providers_own_keys_are_tried() {
        let token = |header: Value| sign(&header, &claims(), &key());
        let mut named = jwk(&key());
        named["kid"] = json!("a");
        let keys = ClientKeys::parse(&json!({ "keys": [named] })).unwrap();
        let count = |header: Value| {
            let token = token(header);
            let checked = UnverifiedIdToken::check(&token, EXPECTED, NOW).unwrap();
            checked.candidate_keys(&keys).count()
        };
        assert_eq!(count(json!({ "alg": "ES256", "kid": "a" })), 1);
        assert_eq!(count(json!({ "alg": "ES256" })), 1);
        assert_eq!(count(json!({ "alg": "ES256", "kid": "b" })), 0);
        assert_eq!(count(json!({ "alg": "RS256", "kid": "a" })), 0);
        assert_eq!(
            count(json!({ "alg": "ES256", "kid": "b", "jwk": jwk(&key()), "jku": "https://evil.example" })),
            0
        );
        let unsigned = token(json!({ "alg": "ES256" }));
        let refused = UnverifiedIdToken::check(&unsigned, EXPECTED, NOW)
            .unwrap()
            .accept(false);
        assert_eq!(refused.unwrap_err(), IdTokenError::Signature.into());
    }

    // Rule: STEPUP 1
    #[test]
    fn who_was_asked_to_sign_in_anew_must_have_done_so() {
        let since = |seconds: i64| Expected {
            since: Some(Timestamp(seconds * 1000)),
            ..EXPECTED
        };
        let check = |claims: &Value, seconds| check_as(&json!({ "alg": "ES256" }), claims, since(seconds));
        assert_eq!(check(&claims(), 999_890).unwrap().auth_time, Timestamp(999_900_000));
        // A clock that is a little behind is made up for, so that nobody is asked twice.
        assert_eq!(check(&claims(), 999_910).unwrap().auth_time, Timestamp(999_910_000));
        assert_eq!(check(&claims(), 999_911).unwrap_err(), SignInRefusal::NotFresh);
        assert_eq!(check(&without("auth_time"), 1).unwrap_err(), SignInRefusal::NotFresh);
        let ahead = with("auth_time", json!(1_000_500));
        assert_eq!(check(&ahead, 999_000).unwrap().auth_time, NOW);
    }

    #[test]
    fn a_sign_in_whose_time_is_not_told_is_not_taken_for_one_of_now() {
        let untold = check(&without("auth_time")).unwrap();
        assert_eq!(untold.auth_time, auth_time::UNKNOWN);
        assert_eq!(check(&with("auth_time", json!(2_000_000))).unwrap().auth_time, NOW);
        let bad = refused(&with("auth_time", json!("x")));
        assert_eq!(bad, IdTokenError::Jwt(JwtError::Malformed));
    }

    #[test]
    fn names_are_taken_from_the_claims_there_are() {
        let names = |claims: Value| Names::of(|name| claims.get(name));
        let of = |name: Option<&str>, account_name: Option<&str>| Names {
            name: name.map(str::to_owned),
            account_name: account_name.map(str::to_owned),
        };
        assert_eq!(
            names(json!({ "given_name": "Jane", "family_name": "Doe", "preferred_username": "jane" })),
            of(Some("Jane Doe"), Some("jane"))
        );
        assert_eq!(
            names(json!({ "given_name": "Jane", "name": " " })),
            of(Some("Jane"), None)
        );
        assert_eq!(
            names(json!({ "name": 7, "email": ["a"], "preferred_username": "" })),
            Names::default()
        );
    }
}
