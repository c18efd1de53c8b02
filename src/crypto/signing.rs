//! The two algorithms Latchkey signs with, and private keys for either.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thiserror::Error;
use zeroize::Zeroizing;

use super::ec_key::{EcPrivateKey, EcPublicKey};
use super::rsa_key::{RsaKeyError, RsaPrivateKey, RsaPublicKey};
use crate::json;

/// A signature algorithm of JWS (RFC 7518 §3.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum SigningAlgorithm {
    /// ECDSA over P-256 with SHA-256: what tokens are signed with unless an API asks for the other.
    #[default]
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256, which every resource server must know (RFC 9068 §2.1).
    Rs256,
}

/// A private signing key.
#[derive(Debug)]
pub enum PrivateKey {
    /// For ES256.
    Ec(EcPrivateKey),
    /// For RS256.
    Rsa(RsaPrivateKey),
}

/// The public half of a key, as published (RFC 7517 §4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kty")]
pub enum PublicKey {
    /// RFC 7518 §6.2.1.
    #[serde(rename = "EC")]
    Ec {
        /// Always `P-256`.
        crv: &'static str,
        /// The point.
        #[serde(flatten)]
        point: EcPublicKey,
    },
    /// RFC 7518 §6.3.1.
    #[serde(rename = "RSA")]
    Rsa(RsaPublicKey),
}

/// Why a JWK cannot be signed with. No text shows anything of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PrivateKeyError {
    /// No JSON object with `kty`.
    #[error("it is not a JSON Web Key (RFC 7517)")]
    NotAJwk,
    /// Another kind of key, or another curve.
    #[error("only EC keys on P-256 and RSA keys can sign here")]
    Kind,
    /// A public key.
    #[error("it has no private part: d, and for RSA also p, q, dp, dq and qi")]
    NotPrivate,
    /// `alg`, `use` or `key_ops` say that it is for something else.
    #[error("its alg, use or key_ops keep it from signing ES256 (EC) or RS256 (RSA)")]
    Purpose,
    /// A member is not base64url, or not in the range of the curve.
    #[error("one of its numbers cannot be read as base64url, or is out of range")]
    Malformed,
    /// The parts are of different keys.
    #[error("its numbers do not belong together")]
    Inconsistent,
    /// RSA of another size.
    #[error("an RSA key must have 2048 to 4096 bits")]
    Size,
}

/// A private JWK. Members it does not name are ignored (RFC 7517 §4).
struct Jwk<'a>(&'a Map<String, Value>);

impl SigningAlgorithm {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Es256, Self::Rs256];

    /// Its name in JOSE headers and metadata.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
        }
    }

    /// The algorithm of this name; letter case counts (RFC 7515 §4.1.1).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }
}

impl PrivateKey {
    /// Reads a private JWK as an operator brings it.
    pub fn from_jwk(text: &str) -> Result<Self, PrivateKeyError> {
        let Ok(Value::Object(members)) = json::parse(text.as_bytes()) else {
            return Err(PrivateKeyError::NotAJwk);
        };
        let jwk = Jwk(&members);
        let kind = jwk.text("kty")?.ok_or(PrivateKeyError::NotAJwk)?;
        let key = match (kind, jwk.text("crv")?) {
            ("EC", Some("P-256")) => jwk.checked_ec_key()?,
            ("RSA", _) if jwk.has_two_primes() => jwk.checked_rsa_key()?,
            _ => return Err(PrivateKeyError::Kind),
        };
        if jwk.allows(key.algorithm())? {
            Ok(key)
        } else {
            Err(PrivateKeyError::Purpose)
        }
    }

    /// Reads the members of a JWK that was checked before it was stored; of an EC key `d` is enough.
    pub fn from_stored_jwk(members: &Map<String, Value>) -> Result<Self, PrivateKeyError> {
        let jwk = Jwk(members);
        match jwk.text("kty")? {
            Some("EC") => jwk.ec_key().map(Self::Ec),
            Some("RSA") => jwk.rsa_key().map(Self::Rsa),
            _ => Err(PrivateKeyError::Kind),
        }
    }

    /// The one algorithm it is used with.
    pub fn algorithm(&self) -> SigningAlgorithm {
        match self {
            Self::Ec(_) => SigningAlgorithm::Es256,
            Self::Rsa(_) => SigningAlgorithm::Rs256,
        }
    }

    /// Its name: the thumbprint of its public half (RFC 7638).
    pub fn thumbprint(&self) -> String {
        match self {
            Self::Ec(key) => key.public_key().thumbprint(),
            Self::Rsa(key) => key.public.thumbprint(),
        }
    }

    /// Its public half.
    pub fn public_key(&self) -> PublicKey {
        match self {
            Self::Ec(key) => PublicKey::Ec {
                crv: "P-256",
                point: key.public_key(),
            },
            Self::Rsa(key) => PublicKey::Rsa(key.public.clone()),
        }
    }
}

impl Jwk<'_> {
    fn text(&self, member: &str) -> Result<Option<&str>, PrivateKeyError> {
        match self.0.get(member) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(PrivateKeyError::NotAJwk),
        }
    }

    fn public(&self, member: &str) -> Result<String, PrivateKeyError> {
        let text = self.text(member)?.ok_or(PrivateKeyError::Malformed)?;
        Ok(text.to_owned())
    }

    fn private(&self, member: &str) -> Result<Zeroizing<String>, PrivateKeyError> {
        let text = self.text(member)?.ok_or(PrivateKeyError::NotPrivate)?;
        Ok(Zeroizing::new(text.to_owned()))
    }

    fn has_two_primes(&self) -> bool {
        self.0.get("oth").is_none_or(Value::is_null)
    }

    fn ec_key(&self) -> Result<EcPrivateKey, PrivateKeyError> {
        EcPrivateKey::from_d(&self.private("d")?).ok_or(PrivateKeyError::Malformed)
    }

    fn rsa_key(&self) -> Result<RsaPrivateKey, PrivateKeyError> {
        Ok(RsaPrivateKey {
            public: RsaPublicKey {
                n: self.public("n")?,
                e: self.public("e")?,
            },
            d: self.private("d")?,
            p: self.private("p")?,
            q: self.private("q")?,
            dp: self.private("dp")?,
            dq: self.private("dq")?,
            qi: self.private("qi")?,
        })
    }

    fn checked_ec_key(&self) -> Result<PrivateKey, PrivateKeyError> {
        let key = self.ec_key()?;
        let public = key.public_key();
        if self.text("x")? != Some(&public.x) || self.text("y")? != Some(&public.y) {
            return Err(PrivateKeyError::Inconsistent);
        }
        Ok(PrivateKey::Ec(key))
    }

    fn checked_rsa_key(&self) -> Result<PrivateKey, PrivateKeyError> {
        let key = self.rsa_key()?;
        key.check().map_err(|error| match error {
            RsaKeyError::Malformed => PrivateKeyError::Malformed,
            RsaKeyError::Size => PrivateKeyError::Size,
            RsaKeyError::Inconsistent => PrivateKeyError::Inconsistent,
        })?;
        Ok(PrivateKey::Rsa(key))
    }

    fn allows(&self, algorithm: SigningAlgorithm) -> Result<bool, PrivateKeyError> {
        let may_sign = match self.0.get("key_ops") {
            None | Some(Value::Null) => true,
            Some(Value::Array(operations)) => operations.iter().any(|operation| operation == "sign"),
            Some(_) => false,
        };
        let fits = self.text("alg")?.is_none_or(|alg| alg == algorithm.name());
        Ok(fits && self.text("use")?.is_none_or(|usage| usage == "sig") && may_sign)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::crypto::rsa_key::testing::rsa_jwk;
    use crate::random::testing::Seeded;

    fn ec_jwk() -> Value {
        let key = EcPrivateKey::generate(&Seeded::default());
        let public = key.public_key();
        json!({ "kty": "EC", "crv": "P-256", "x": public.x, "y": public.y, "d": key.d().as_str() })
    }

    fn with(mut jwk: Value, member: &str, value: Value) -> Result<PrivateKey, PrivateKeyError> {
        jwk[member] = value;
        PrivateKey::from_jwk(&jwk.to_string())
    }

    fn without(mut jwk: Value, member: &str) -> PrivateKeyError {
        jwk.as_object_mut().unwrap().remove(member);
        PrivateKey::from_jwk(&jwk.to_string()).unwrap_err()
    }

    #[test]
    fn an_operator_may_bring_a_key_of_either_kind() {
        let ec = PrivateKey::from_jwk(&ec_jwk().to_string()).unwrap();
        let rsa = PrivateKey::from_jwk(&rsa_jwk().to_string()).unwrap();
        assert_eq!(ec.algorithm(), SigningAlgorithm::Es256);
        assert_eq!(rsa.algorithm(), SigningAlgorithm::Rs256);
        assert_ne!(ec.thumbprint(), rsa.thumbprint());
        assert!(with(ec_jwk(), "alg", json!("ES256")).is_ok());
        assert!(with(rsa_jwk(), "use", json!("sig")).is_ok());
        assert!(with(rsa_jwk(), "key_ops", json!(["sign"])).is_ok());
        assert!(with(rsa_jwk(), "kid", json!("another name")).is_ok());
    }

    #[test]
    fn a_key_that_is_not_private_or_of_another_kind_is_refused_with_the_reason() {
        for text in ["", "{}", "[]", "-----BEGIN PRIVATE KEY-----", r#"{"kty":1}"#] {
            assert_eq!(
                PrivateKey::from_jwk(text).unwrap_err(),
                PrivateKeyError::NotAJwk,
                "{text}"
            );
        }
        assert_eq!(without(ec_jwk(), "d"), PrivateKeyError::NotPrivate);
        for member in ["d", "p", "q", "dp", "dq", "qi"] {
            assert_eq!(without(rsa_jwk(), member), PrivateKeyError::NotPrivate, "{member}");
        }
        for (member, value) in [("kty", "OKP"), ("kty", "oct"), ("crv", "P-384"), ("crv", "secp256k1")] {
            assert_eq!(with(ec_jwk(), member, json!(value)).unwrap_err(), PrivateKeyError::Kind);
        }
        assert_eq!(with(rsa_jwk(), "oth", json!([])).unwrap_err(), PrivateKeyError::Kind);
    }

    #[test]
    fn a_key_made_for_something_else_is_refused() {
        for (member, value) in [
            ("alg", json!("RS256")),
            ("alg", json!("ES384")),
            ("use", json!("enc")),
            ("key_ops", json!(["verify"])),
        ] {
            assert_eq!(
                with(ec_jwk(), member, value).unwrap_err(),
                PrivateKeyError::Purpose,
                "{member}"
            );
        }
        assert_eq!(
            with(rsa_jwk(), "alg", json!("PS256")).unwrap_err(),
            PrivateKeyError::Purpose
        );
    }

    #[test]
    fn a_key_whose_parts_are_of_two_keys_is_refused() {
        let x = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
        assert_eq!(
            with(ec_jwk(), "x", json!(x)).unwrap_err(),
            PrivateKeyError::Inconsistent
        );
        assert_eq!(without(ec_jwk(), "y"), PrivateKeyError::Inconsistent);
        assert_eq!(
            with(ec_jwk(), "d", json!("AAAA")).unwrap_err(),
            PrivateKeyError::Malformed
        );
        let n = crate::crypto::base64url([0xff; 256]);
        assert_eq!(
            with(rsa_jwk(), "n", json!(n)).unwrap_err(),
            PrivateKeyError::Inconsistent
        );
        let n = crate::crypto::base64url([0xff; 128]);
        assert_eq!(with(rsa_jwk(), "n", json!(n)).unwrap_err(), PrivateKeyError::Size);
    }

    #[test]
    fn only_two_algorithms_have_a_name_here() {
        for algorithm in SigningAlgorithm::ALL {
            assert_eq!(SigningAlgorithm::from_name(algorithm.name()), Some(algorithm));
            assert_eq!(serde_json::to_value(algorithm).unwrap(), algorithm.name());
        }
        for other in ["none", "HS256", "es256", "PS256", "RS512", ""] {
            assert_eq!(SigningAlgorithm::from_name(other), None, "{other}");
        }
    }
}
