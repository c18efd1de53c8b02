//! Access tokens: JWTs of the profile RFC 9068.

use std::borrow::Cow;
use std::fmt::Formatter;

use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::jws::Parts;
use super::scope::Scopes;
use super::signed_jwt::{Frame, signing_input};
use crate::crypto::signing::SigningAlgorithm;
use crate::json;
use crate::ledger::shard::Shard;
use crate::status_list::Place;
use crate::time::Timestamp;

/// How long an access token lives at most, in seconds: no API may say more.
pub const MAX_LIFETIME: u32 = 24 * 3600;
/// The longest access token that is read, in letters.
const MAX_LENGTH: usize = 16 * 1024;
/// The type of the profile (RFC 9068 §2.1); keeps any other JWT of ours from passing as an access token.
const TYPE: &str = "at+jwt";

/// What an access token says (RFC 9068 §2.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessToken {
    /// Who issued it and when, for whom, until when.
    pub claims: AccessTokenClaims,
    /// `iat`
    pub issued_at: Timestamp,
    /// `exp`
    pub expires_at: Timestamp,
}

/// The claims beside `iat` and `exp`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessTokenClaims {
    /// The issuer identifier.
    pub iss: String,
    /// The user, or the client itself for `client_credentials`; their identifiers never coincide.
    pub sub: String,
    /// The resource indicators of the APIs it is for.
    pub aud: Audience,
    /// The app.
    pub client_id: String,
    /// Unique to this token.
    pub jti: String,
    /// What it allows.
    #[serde(with = "space_separated")]
    pub scope: Scopes,
    /// When the user signed in, in seconds, if that is known; constant across refreshes (RFC 9068 §2.2.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
    /// The key it is bound to (RFC 9449 §6.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cnf: Option<Confirmation>,
    /// Always `third_party`.
    pub app_type: Cow<'static, str>,
    /// The developer account that answers for the app.
    pub developer_id: String,
    /// Where it can be read whether it was taken back (draft-ietf-oauth-status-list §6.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// What revocation needs to know.
    pub latchkey: GrantReference,
}

/// The claim `status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// One of the mechanisms there are.
    pub status_list: StatusReference,
}

/// A list, and the token's index on it (draft-ietf-oauth-status-list §6.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusReference {
    /// Which bit of the list is about the token.
    pub idx: u32,
    /// Where the list is.
    pub uri: String,
}

impl Status {
    /// The token's place among all of its ledger object.
    pub fn place(&self) -> Option<Place> {
        let (_, period) = self.status_list.uri.rsplit_once('/')?;
        Place::new(period.parse().ok()?, self.status_list.idx)
    }
}

/// Confirmation of possession (RFC 7800 §3.1): the thumbprint of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// base64url(SHA-256) of the public key (RFC 7638).
    pub jkt: String,
}

/// The form of the claim `scope` (RFC 8693 §4.2).
mod space_separated {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::oauth::scope::Scopes;

    pub fn serialize<S: Serializer>(scopes: &Scopes, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(scopes)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Scopes, D::Error> {
        Scopes::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// One audience as a string, several as an array (RFC 7519 §4.1.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Audience {
    /// One API.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl<'de> Deserialize<'de> for Audience {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyAudience)
    }
}

struct AnyAudience;

impl<'de> Visitor<'de> for AnyAudience {
    type Value = Audience;

    fn expecting(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.write_str("one audience or several")
    }

    fn visit_str<E: de::Error>(self, one: &str) -> Result<Audience, E> {
        Ok(Audience::One(one.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut several: A) -> Result<Audience, A::Error> {
        let mut many = Vec::new();
        while let Some(one) = several.next_element()? {
            many.push(one);
        }
        Ok(Audience::Many(many))
    }
}

/// Which grant a token belongs to: the private claim `latchkey`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "FlatReference")]
pub struct GrantReference {
    /// The app's epoch when it was issued.
    pub app_epoch: u32,
    /// Where and under what it was issued; absent for `client_credentials`.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub family: Option<FamilyReference>,
}

/// The consent and token family behind a token that speaks for a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FamilyReference {
    /// The number of the ledger object that keeps the family.
    pub shard: Shard,
    /// The hash of the family's id.
    pub family: String,
    /// The consent.
    pub consent: String,
}

/// The claim with the members of both.
#[derive(Deserialize)]
struct FlatReference {
    app_epoch: u32,
    shard: Option<Shard>,
    family: Option<String>,
    consent: Option<String>,
}

impl TryFrom<FlatReference> for GrantReference {
    type Error = &'static str;

    fn try_from(flat: FlatReference) -> Result<Self, Self::Error> {
        let family = match (flat.shard, flat.family, flat.consent) {
            (Some(shard), Some(family), Some(consent)) => Some(FamilyReference { shard, family, consent }),
            (None, None, None) => None,
            _ => return Err("a part of the reference is missing"),
        };
        Ok(Self {
            app_epoch: flat.app_epoch,
            family,
        })
    }
}

impl AccessTokenClaims {
    /// How an API is to be shown it: `DPoP` with a proof of its key, or `Bearer` alone.
    pub fn token_type(&self) -> &'static str {
        match self.cnf {
            Some(_) => "DPoP",
            None => "Bearer",
        }
    }
}

impl Audience {
    /// The audience of a token for these APIs.
    pub fn new(resources: Vec<String>) -> Self {
        match <[String; 1]>::try_from(resources) {
            Ok([resource]) => Self::One(resource),
            Err(resources) => Self::Many(resources),
        }
    }

    /// Whether this API is among them.
    pub fn contains(&self, resource: &str) -> bool {
        match self {
            Self::One(one) => one == resource,
            Self::Many(many) => many.iter().any(|one| one == resource),
        }
    }
}

/// A JWT of the right type and algorithm whose signature nobody has checked yet.
pub struct UnverifiedAccessToken<'a> {
    /// The algorithm it claims to be signed with; good only if it is that of the key.
    pub algorithm: SigningAlgorithm,
    /// The key it claims to be signed with.
    pub kid: String,
    /// What the signature covers.
    pub signing_input: &'a str,
    /// The signature.
    pub signature: Vec<u8>,
    token: AccessToken,
}

impl AccessToken {
    /// `header.claims`, ready to be signed with the key named `kid`.
    pub fn signing_input(&self, algorithm: SigningAlgorithm, kid: &str) -> Option<String> {
        let frame = Frame {
            token_type: TYPE,
            algorithm,
            kid,
            issued_at: self.issued_at,
            expires_at: Some(self.expires_at),
        };
        signing_input(&frame, &self.claims)
    }
}

impl<'a> UnverifiedAccessToken<'a> {
    /// Reads a token. Anything but an `at+jwt` of an algorithm of ours with every claim of ours is `None`.
    pub fn parse(text: &'a str) -> Option<Self> {
        if text.len() > MAX_LENGTH {
            return None;
        }
        let parts = Parts::of(text)?;
        let header = |name: &str| parts.header.get(name).and_then(Value::as_str);
        // No extension is ever in a token of ours (RFC 7515 §4.1.11).
        if header("typ") != Some(TYPE) || parts.header.contains_key("crit") {
            return None;
        }
        let moment = |name: &str| {
            let seconds = parts.claims.get(name)?.as_i64()?;
            seconds.checked_mul(1000).map(Timestamp)
        };
        Some(Self {
            algorithm: SigningAlgorithm::from_name(header("alg")?)?,
            kid: header("kid")?.to_owned(),
            signing_input: parts.signing_input,
            token: AccessToken {
                issued_at: moment("iat")?,
                expires_at: moment("exp")?,
                claims: json::from_value(Value::Object(parts.claims)).ok()?,
            },
            signature: parts.signature,
        })
    }

    /// The token once its signature was found good, if it is ours and has not expired.
    pub fn accept(self, issuer: &str, now: Timestamp) -> Option<AccessToken> {
        self.accept_expired(issuer).filter(|token| token.expires_at > now)
    }

    /// The same, whether it has expired or not: for whoever has to tell the difference.
    pub fn accept_expired(self, issuer: &str) -> Option<AccessToken> {
        (self.token.claims.iss == issuer).then_some(self.token)
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::crypto::ec_key::EcPrivateKey;
    use crate::crypto::{base64url, from_base64url};
    use crate::oauth::signed_jwt::assemble;
    use crate::random::testing::Seeded;

    /// A token of a user, issued at second 1000 and good until 4600.
    pub fn token() -> AccessToken {
        AccessToken {
            claims: AccessTokenClaims {
                iss: "https://auth.example".into(),
                sub: "usr_one".into(),
                aud: Audience::One("https://api.example".into()),
                client_id: "app_one".into(),
                jti: "one".into(),
                scope: Scopes::parse("read:projects").unwrap(),
                auth_time: Some(900),
                cnf: None,
                app_type: "third_party".into(),
                developer_id: "dev_one".into(),
                status: Some(Status {
                    status_list: StatusReference {
                        idx: 9,
                        uri: "https://auth.example/oauth/status-lists/770/7".into(),
                    },
                }),
                latchkey: GrantReference {
                    app_epoch: 1,
                    family: Some(FamilyReference {
                        shard: Shard::of_name("x"),
                        family: "hash".into(),
                        consent: "cns_one".into(),
                    }),
                },
            },
            issued_at: Timestamp(1_000_000),
            expires_at: Timestamp(4_600_000),
        }
    }

    fn sign(header: &str, claims: &serde_json::Value, key: &EcPrivateKey) -> String {
        let input = format!("{}.{}", base64url(header), base64url(claims.to_string()));
        assemble(&input, &key.sign(input.as_bytes()))
    }

    // Covers: R53
    #[test]
    fn a_token_carries_the_claims_of_the_profile_and_reads_back() {
        let key = EcPrivateKey::generate(&Seeded::default());
        let input = token().signing_input(SigningAlgorithm::Es256, "kid").unwrap();
        let text = assemble(&input, &key.sign(input.as_bytes()));
        let part = |at: usize| -> serde_json::Value {
            serde_json::from_slice(&from_base64url(text.split('.').nth(at).unwrap()).unwrap()).unwrap()
        };
        assert_eq!(
            part(0),
            serde_json::json!({ "alg": "ES256", "typ": "at+jwt", "kid": "kid" })
        );
        assert_eq!(
            part(1),
            serde_json::json!({
                "iss": "https://auth.example", "sub": "usr_one", "aud": "https://api.example", "client_id": "app_one",
                "iat": 1000, "exp": 4600, "jti": "one", "scope": "read:projects", "auth_time": 900,
                "app_type": "third_party", "developer_id": "dev_one",
                "status": { "status_list": { "idx": 9, "uri": "https://auth.example/oauth/status-lists/770/7" } },
                "latchkey": { "app_epoch": 1, "shard": Shard::of_name("x").number(), "family": "hash", "consent": "cns_one" }
            })
        );
        let read = UnverifiedAccessToken::parse(&text).unwrap();
        assert!(key.public_key().verify(read.signing_input.as_bytes(), &read.signature));
        assert_eq!(read.accept("https://auth.example", Timestamp(4_599_999)), Some(token()));
    }

    #[test]
    fn a_token_without_a_status_reads_back_and_one_with_half_of_it_is_none() {
        let key = EcPrivateKey::generate(&Seeded::default());
        let header = r#"{"alg":"ES256","typ":"at+jwt","kid":"k"}"#;
        let input = token().signing_input(SigningAlgorithm::Es256, "kid").unwrap();
        let mut claims: serde_json::Value =
            serde_json::from_slice(&from_base64url(input.split('.').nth(1).unwrap()).unwrap()).unwrap();
        assert_eq!(token().claims.status.unwrap().place(), Place::new(7, 9));
        for broken in [
            serde_json::json!({}),
            serde_json::json!({ "status_list": { "idx": 9 } }),
        ] {
            claims["status"] = broken;
            assert!(UnverifiedAccessToken::parse(&sign(header, &claims, &key)).is_none());
        }
        claims.as_object_mut().unwrap().remove("status");
        let text = sign(header, &claims, &key);
        let read = UnverifiedAccessToken::parse(&text).unwrap();
        let read = read.accept("https://auth.example", Timestamp(0)).unwrap();
        assert_eq!(read.claims.status, None);
    }

    // Covers: R56
    #[test]
    fn a_token_is_worth_nothing_once_it_expired_or_from_another_issuer() {
        let input = token().signing_input(SigningAlgorithm::Es256, "kid").unwrap();
        let text = assemble(&input, &[0; 64]);
        let accept = |issuer, now| {
            UnverifiedAccessToken::parse(&text)
                .unwrap()
                .accept(issuer, Timestamp(now))
        };
        assert_eq!(accept("https://auth.example", 4_600_000), None);
        assert_eq!(accept("https://auth.example/", 1_000_000), None);
        assert!(accept("https://auth.example", 1_000_000).is_some());
    }

    // Covers: B29
    // Rule: RES 8
    #[test]
    fn a_jwt_of_another_type_or_algorithm_is_no_access_token() {
        let key = EcPrivateKey::generate(&Seeded::default());
        let input = token().signing_input(SigningAlgorithm::Es256, "kid").unwrap();
        let claims: serde_json::Value =
            serde_json::from_slice(&from_base64url(input.split('.').nth(1).unwrap()).unwrap()).unwrap();
        let good = r#"{"alg":"ES256","typ":"at+jwt","kid":"k"}"#;
        assert!(UnverifiedAccessToken::parse(&sign(good, &claims, &key)).is_some());
        for header in [
            r#"{"alg":"ES256","kid":"k"}"#,
            r#"{"alg":"ES256","typ":"JWT","kid":"k"}"#,
            r#"{"alg":"none","typ":"at+jwt","kid":"k"}"#,
            r#"{"alg":"HS256","typ":"at+jwt","kid":"k"}"#,
            r#"{"alg":"ES256","typ":"at+jwt"}"#,
            r#"{"alg":"ES256","typ":"at+jwt","kid":"k","crit":["exp"]}"#,
            r#"{"typ":"at+jwt","kid":"k"}"#,
            "{}",
            "",
        ] {
            assert!(
                UnverifiedAccessToken::parse(&sign(header, &claims, &key)).is_none(),
                "{header}"
            );
        }
        for missing in [
            "iss",
            "sub",
            "aud",
            "client_id",
            "jti",
            "iat",
            "exp",
            "scope",
            "latchkey",
        ] {
            let mut claims = claims.clone();
            claims.as_object_mut().unwrap().remove(missing);
            assert!(
                UnverifiedAccessToken::parse(&sign(good, &claims, &key)).is_none(),
                "{missing}"
            );
        }
        for part in ["shard", "family", "consent"] {
            let mut claims = claims.clone();
            claims["latchkey"].as_object_mut().unwrap().remove(part);
            assert!(
                UnverifiedAccessToken::parse(&sign(good, &claims, &key)).is_none(),
                "{part}"
            );
        }
        for (claim, value) in [("aud", 7.into()), ("aud", vec![7].into()), ("exp", i64::MAX.into())] {
            let mut claims = claims.clone();
            claims[claim] = value;
            assert!(
                UnverifiedAccessToken::parse(&sign(good, &claims, &key)).is_none(),
                "{claim}"
            );
        }
        for garbage in ["", ".", "..", "a.b.c", &"a".repeat(5000)] {
            assert!(UnverifiedAccessToken::parse(garbage).is_none());
        }
    }

    #[test]
    fn a_token_with_as_many_scopes_as_can_be_granted_reads_back() {
        let scope: Vec<String> = (0..400).map(|number| format!("scope:{number}")).collect();
        let scope = Scopes::parse(&scope.join(" ")).unwrap();
        let token = AccessToken {
            claims: AccessTokenClaims {
                scope: scope.clone(),
                ..token().claims
            },
            ..token()
        };
        let text = assemble(&token.signing_input(SigningAlgorithm::Es256, "kid").unwrap(), &[0; 64]);
        let read = UnverifiedAccessToken::parse(&text)
            .unwrap()
            .accept("https://auth.example", Timestamp(0))
            .unwrap();
        assert_eq!(read.claims.scope, scope);
    }

    #[test]
    fn several_audiences_are_an_array_and_each_is_found() {
        let many = Audience::new(vec!["a".into(), "b".into()]);
        assert_eq!(serde_json::to_string(&many).unwrap(), r#"["a","b"]"#);
        assert!(many.contains("b") && !many.contains("c"));
        assert_eq!(serde_json::from_str::<Audience>(r#"["a","b"]"#).unwrap(), many);
        assert_eq!(Audience::new(vec!["a".into()]), Audience::One("a".into()));
    }
}
