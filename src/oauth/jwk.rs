//! Public keys of clients (RFC 7517) and their thumbprints (RFC 7638).

use serde::{Deserialize, Deserializer};
use serde_json::Value;
use thiserror::Error;

use super::jws::{Algorithm, SignedJwt};
use crate::crypto::{from_base64url, hash};

/// How many keys a set may have.
const MAX_KEYS: usize = 20;
/// How many keys a signature that names none is tried with.
const MAX_TRIED: usize = 4;

/// A public key that is well-formed and strong enough. Holds no private member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublicKey {
    /// On the curve P-256: the coordinates, base64url.
    Ec {
        /// The x coordinate.
        x: String,
        /// The y coordinate.
        y: String,
    },
    /// Ed25519 (RFC 8037), base64url.
    Ed25519 {
        /// The key.
        x: String,
    },
    /// RSA, 2048 to 4096 bits, base64url.
    Rsa {
        /// The modulus.
        n: String,
        /// The exponent.
        e: String,
    },
}

/// Why a JWK cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum JwkError {
    /// `kty` or `crv` is none that is used here.
    #[error("must be an EC key on P-256, an Ed25519 key or an RSA key")]
    Kind,
    /// A member is missing or malformed.
    #[error("is malformed")]
    Malformed,
    /// It holds a private or symmetric key: it must be replaced, it is known to others now.
    #[error("holds a private key")]
    Private,
    /// An RSA key under 2048 bits (FAPI 2.0 §5.4), or over 4096: whoever sends one makes the server work.
    #[error("must have 2048 to 4096 bits")]
    Strength,
    /// More keys than anyone needs, or one `kid` twice.
    #[error("must have at most 20 keys, each with a kid of its own")]
    Set,
}

/// A key a client registered.
#[derive(Debug, Clone, PartialEq, Eq)]
struct RegisteredKey {
    kid: Option<String>,
    algorithm: Option<Algorithm>,
    key: PublicKey,
}

/// The keys a client registered for its signatures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientKeys(Vec<RegisteredKey>);

impl PublicKey {
    /// Reads a JWK.
    pub fn parse(jwk: &Value) -> Result<Self, JwkError> {
        let jwk = jwk.as_object().ok_or(JwkError::Malformed)?;
        if ["d", "p", "q", "dp", "dq", "qi", "oth", "k"]
            .iter()
            .any(|name| jwk.contains_key(*name))
        {
            return Err(JwkError::Private);
        }
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        let of_length = |name: &str, length: usize| {
            let member = text(name).ok_or(JwkError::Malformed)?;
            let bytes = from_base64url(member).filter(|bytes| bytes.len() == length);
            bytes.map(|_| member.to_owned()).ok_or(JwkError::Malformed)
        };
        match (text("kty"), text("crv")) {
            (Some("EC"), Some("P-256")) => Ok(Self::Ec {
                x: of_length("x", 32)?,
                y: of_length("y", 32)?,
            }),
            (Some("OKP"), Some("Ed25519")) => Ok(Self::Ed25519 { x: of_length("x", 32)? }),
            (Some("RSA"), _) => {
                let member = |name| text(name).ok_or(JwkError::Malformed);
                rsa(member("n")?, member("e")?)
            }
            _ => Err(JwkError::Kind),
        }
    }

    /// Whether signatures by this algorithm can be checked with it.
    pub fn fits(&self, algorithm: Algorithm) -> bool {
        match self {
            Self::Ec { .. } => algorithm == Algorithm::Es256,
            Self::Ed25519 { .. } => algorithm == Algorithm::EdDsa,
            Self::Rsa { .. } => matches!(algorithm, Algorithm::Ps256 | Algorithm::Rs256),
        }
    }

    /// Its members as a JWK, in the order in which RFC 7638 §3.2 hashes them.
    pub fn members(&self) -> Vec<(&'static str, &str)> {
        match self {
            Self::Ec { x, y } => vec![("crv", "P-256"), ("kty", "EC"), ("x", x), ("y", y)],
            Self::Ed25519 { x } => vec![("crv", "Ed25519"), ("kty", "OKP"), ("x", x)],
            Self::Rsa { n, e } => vec![("e", e), ("kty", "RSA"), ("n", n)],
        }
    }

    /// The SHA-256 thumbprint, base64url (RFC 7638, `jkt` of RFC 9449 §6.1).
    pub fn thumbprint(&self) -> String {
        // No member holds a letter that JSON would escape.
        let members: Vec<String> = self
            .members()
            .iter()
            .map(|(name, value)| format!(r#""{name}":"{value}""#))
            .collect();
        hash(&format!("{{{}}}", members.join(",")))
    }
}

fn rsa(n: &str, e: &str) -> Result<PublicKey, JwkError> {
    let modulus = from_base64url(n).ok_or(JwkError::Malformed)?;
    let exponent = from_base64url(e).ok_or(JwkError::Malformed)?;
    // Without leading zeros (RFC 7518 §2, Base64urlUInt): each key has one thumbprint.
    let first = modulus.first().copied().unwrap_or_default();
    let odd = exponent.last().is_some_and(|byte| byte % 2 == 1) && exponent != [1];
    if first == 0 || exponent.first() == Some(&0) || exponent.len() > 4 || !odd {
        return Err(JwkError::Malformed);
    }
    let bits = modulus.len() * 8 - first.leading_zeros() as usize;
    if !(2048..=4096).contains(&bits) {
        return Err(JwkError::Strength);
    }
    Ok(PublicKey::Rsa {
        n: n.to_owned(),
        e: e.to_owned(),
    })
}

impl ClientKeys {
    /// Reads a JWK Set. Keys that cannot be used here, and those for encryption, are passed over (RFC 7517 §5); a set
    /// with a private key in it, with too many, or with one `kid` twice, is refused.
    pub fn parse(jwks: &Value) -> Result<Self, JwkError> {
        let keys = jwks.get("keys").and_then(Value::as_array).ok_or(JwkError::Malformed)?;
        let mut registered: Vec<RegisteredKey> = Vec::new();
        if keys.len() > MAX_KEYS {
            return Err(JwkError::Set);
        }
        for jwk in keys {
            let key = match PublicKey::parse(jwk) {
                Err(JwkError::Private) => return Err(JwkError::Private),
                parsed => parsed.ok(),
            };
            let text = |name: &str| jwk.get(name).and_then(Value::as_str);
            let algorithm = text("alg").map(Algorithm::parse);
            let is_for_signatures = text("use").is_none_or(|usage| usage == "sig") && algorithm != Some(None);
            let Some(key) = key.filter(|_| is_for_signatures) else {
                continue;
            };
            let kid = text("kid").map(str::to_owned);
            if kid.is_some() && registered.iter().any(|other| other.kid == kid) {
                return Err(JwkError::Set);
            }
            let algorithm = algorithm.flatten();
            registered.push(RegisteredKey { kid, algorithm, key });
        }
        Ok(Self(registered))
    }

    /// Reads the set of an app's record. One that cannot be used leaves the app without keys, not the server
    /// without the app.
    pub fn deserialize_registered<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(|jwks| Self::parse(&jwks).unwrap_or_default())
    }

    /// What the keys are called, those that are.
    pub fn names(&self) -> impl Iterator<Item = Option<&str>> {
        self.0.iter().map(|key| key.kid.as_deref())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The keys this JWT may have been signed with. Keys it brings itself or points to count for nothing (RFC 8725 §3.10).
    pub fn candidates_for<'a>(&'a self, jwt: &'a SignedJwt<'_>) -> impl Iterator<Item = &'a PublicKey> {
        let kid = jwt.header("kid").and_then(Value::as_str);
        self.candidates(kid, jwt.algorithm)
    }

    /// The keys a signature may have been made with: the one it names, or the first few that fit.
    pub fn candidates<'a>(&'a self, kid: Option<&'a str>, algorithm: Algorithm) -> impl Iterator<Item = &'a PublicKey> {
        self.0
            .iter()
            .filter(move |own| kid.is_none() || own.kid.is_none() || own.kid.as_deref() == kid)
            .filter(move |own| own.key.fits(algorithm) && own.algorithm.is_none_or(|own| own == algorithm))
            .map(|own| &own.key)
            .take(MAX_TRIED)
    }
}

#[cfg(test)]
pub mod testing {
    use serde_json::json;

    use super::*;
    use crate::crypto::base64url;
    use crate::crypto::ec_key::EcPrivateKey;

    /// The public half of a key as a JWK.
    pub fn jwk(key: &EcPrivateKey) -> Value {
        let public = key.public_key();
        json!({ "kty": "EC", "crv": "P-256", "x": public.x, "y": public.y })
    }

    fn rsa_key(bytes: usize) -> Value {
        json!({ "kty": "RSA", "n": base64url(vec![0xFF; bytes]), "e": "AQAB" })
    }

    // Rule: DPOP 2
    #[test]
    fn the_thumbprint_is_that_of_the_standard() {
        // RFC 7638 §3.1
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let key = PublicKey::parse(&json!({ "kty": "RSA", "n": n, "e": "AQAB", "alg": "RS256", "kid": "x" })).unwrap();
        assert_eq!(key.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
        // RFC 8037 Appendix A.3
        let key = json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
        let key = PublicKey::parse(&key).unwrap();
        assert_eq!(key.thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        // RFC 9449 §6.1
        let key = json!({
            "kty": "EC", "crv": "P-256",
            "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs", "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA"
        });
        let key = PublicKey::parse(&key).unwrap();
        assert_eq!(key.thumbprint(), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
    }

    // Rule: DPOP 1.7
    #[test]
    fn a_key_with_a_private_or_symmetric_member_is_refused() {
        for member in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
            let mut key = rsa_key(256);
            key[member] = json!("AQAB");
            assert_eq!(PublicKey::parse(&key), Err(JwkError::Private), "{member}");
        }
    }

    // Rule: FAPI 27
    #[test]
    fn weak_malformed_and_unknown_keys_are_refused() {
        let coordinate = base64url([1; 32]);
        for (key, error) in [
            (json!("x"), JwkError::Malformed),
            (json!({}), JwkError::Kind),
            (json!({ "kty": "oct" }), JwkError::Kind),
            (
                json!({ "kty": "EC", "crv": "P-384", "x": coordinate, "y": coordinate }),
                JwkError::Kind,
            ),
            (
                json!({ "kty": "OKP", "crv": "X25519", "x": coordinate }),
                JwkError::Kind,
            ),
            (
                json!({ "kty": "EC", "crv": "P-256", "x": coordinate }),
                JwkError::Malformed,
            ),
            (
                json!({ "kty": "EC", "crv": "P-256", "x": coordinate, "y": "AAAA" }),
                JwkError::Malformed,
            ),
            (
                json!({ "kty": "EC", "crv": "P-256", "x": 1, "y": 2 }),
                JwkError::Malformed,
            ),
            (
                json!({ "kty": "RSA", "n": rsa_key(256)["n"], "e": "AQ" }),
                JwkError::Malformed,
            ),
            (
                json!({ "kty": "RSA", "n": rsa_key(256)["n"], "e": "AAEAAQ" }),
                JwkError::Malformed,
            ),
            (
                json!({ "kty": "RSA", "n": rsa_key(256)["n"], "e": "Ag" }),
                JwkError::Malformed,
            ),
            (rsa_key(255), JwkError::Strength),
            (rsa_key(513), JwkError::Strength),
        ] {
            assert_eq!(PublicKey::parse(&key), Err(error), "{key}");
        }
        assert!(PublicKey::parse(&rsa_key(256)).is_ok());
    }

    #[test]
    fn a_set_passes_over_what_it_cannot_use_and_is_refused_for_what_is_dangerous() {
        let good = rsa_key(256);
        let with = |name: &str, value: &str| {
            let mut key = good.clone();
            key[name] = json!(value);
            key
        };
        let count = |keys: Value| ClientKeys::parse(&json!({ "keys": keys })).map(|keys| keys.0.len());
        let unusable = [
            json!({ "kty": "oct2" }),
            rsa_key(128),
            json!({ "kty": "EC", "crv": "P-256" }),
            json!(7),
        ];
        assert_eq!(count(json!([[good.clone()].as_slice(), &unusable].concat())), Ok(1));
        assert_eq!(count(json!(vec![good.clone(); 21])), Err(JwkError::Set));
        assert_eq!(
            count(json!([with("use", "enc"), with("alg", "RSA-OAEP"), with("use", "sig")])),
            Ok(1)
        );
        assert_eq!(count(json!([with("kid", "a"), with("kid", "a")])), Err(JwkError::Set));
        assert_eq!(count(json!([good, with("d", "AQAB")])), Err(JwkError::Private));
        assert_eq!(ClientKeys::parse(&json!({})), Err(JwkError::Malformed));
    }

    #[test]
    fn a_signature_is_tried_with_the_key_it_names_and_with_keys_of_its_algorithm_only() {
        let mut named = rsa_key(256);
        named["kid"] = json!("a");
        named["alg"] = json!("PS256");
        let other = json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url([1; 32]), "kid": "b" });
        let keys = ClientKeys::parse(&json!({ "keys": [named, other] })).unwrap();
        let count = |kid, algorithm| keys.candidates(kid, algorithm).count();
        assert_eq!(count(Some("a"), Algorithm::Ps256), 1);
        assert_eq!(count(None, Algorithm::Ps256), 1);
        assert_eq!(count(None, Algorithm::EdDsa), 1);
        assert_eq!(count(Some("b"), Algorithm::Ps256), 0);
        assert_eq!(count(Some("a"), Algorithm::Rs256), 0);
        assert_eq!(count(Some("c"), Algorithm::EdDsa), 0);
        assert_eq!(count(None, Algorithm::Es256), 0);
    }
}
