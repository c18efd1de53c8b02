//! JWTs that clients sign: assertions (RFC 7523) and DPoP proofs (RFC 9449). Read here, verified by WebCrypto.

use serde_json::{Map, Value};
use thiserror::Error;

use crate::crypto::from_base64url;
use crate::crypto::signing::SigningAlgorithm;
use crate::json;
use crate::time::Timestamp;

/// The longest JWT of a client that is read, in letters.
const MAX_LENGTH: usize = 8 * 1024;

/// A signature algorithm clients may use (RFC 7518 §3.1, RFC 8037). Neither `none` nor anything symmetric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA over P-256 with SHA-256.
    Es256,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// Ed25519, under its older name or its own (RFC 9864).
    EdDsa,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
}

/// A signed JWT, read and not verified.
#[derive(Clone)]
pub struct SignedJwt<'a> {
    /// The algorithm it says it is signed with.
    pub algorithm: Algorithm,
    /// What the signature covers.
    pub signing_input: &'a str,
    /// The signature.
    pub signature: Vec<u8>,
    header: Map<String, Value>,
    claims: Map<String, Value>,
}

/// The parts of any signed JWT in compact form.
pub struct Parts<'a> {
    /// What the signature covers.
    pub signing_input: &'a str,
    /// The signature.
    pub signature: Vec<u8>,
    /// The members of the header.
    pub header: Map<String, Value>,
    /// The claims.
    pub claims: Map<String, Value>,
}

/// Why a text is no such JWT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum JwtError {
    /// Not three base64url parts, two of them JSON objects.
    #[error("is not a signed JWT")]
    Malformed,
    /// `alg` is none of [`Algorithm::NAMES`].
    #[error("must be signed with ES256, PS256, EdDSA or RS256")]
    Algorithm,
    /// It has extensions that must be understood (RFC 7515 §4.1.11); there are none.
    #[error("has a crit header with extensions unknown here")]
    Critical,
}

impl Algorithm {
    /// Every name (`alg`), as metadata lists them.
    pub const NAMES: [&'static str; 5] = ["ES256", "PS256", "EdDSA", "Ed25519", "RS256"];

    /// The algorithm of this name.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "ES256" => Some(Self::Es256),
            "PS256" => Some(Self::Ps256),
            "EdDSA" | "Ed25519" => Some(Self::EdDsa),
            "RS256" => Some(Self::Rs256),
            _ => None,
        }
    }
}

impl From<SigningAlgorithm> for Algorithm {
    fn from(algorithm: SigningAlgorithm) -> Self {
        match algorithm {
            SigningAlgorithm::Es256 => Self::Es256,
            SigningAlgorithm::Rs256 => Self::Rs256,
        }
    }
}

impl<'a> SignedJwt<'a> {
    /// Reads a JWT in its compact form (RFC 7515 §7.1).
    pub fn parse(text: &'a str) -> Result<Self, JwtError> {
        if text.len() > MAX_LENGTH {
            return Err(JwtError::Malformed);
        }
        let parts = Parts::of(text).ok_or(JwtError::Malformed)?;
        if parts.header.contains_key("crit") {
            return Err(JwtError::Critical);
        }
        let algorithm = parts
            .header
            .get("alg")
            .and_then(Value::as_str)
            .and_then(Algorithm::parse);
        Ok(Self {
            algorithm: algorithm.ok_or(JwtError::Algorithm)?,
            signing_input: parts.signing_input,
            signature: parts.signature,
            header: parts.header,
            claims: parts.claims,
        })
    }

    /// A member of the header.
    pub fn header(&self, name: &str) -> Option<&Value> {
        self.header.get(name)
    }

    /// Whether the header names this type, in any case and with or without `application/` (RFC 7515 §4.1.9).
    pub fn is_of_type(&self, media_type: &str) -> bool {
        let typ = self.header("typ").and_then(Value::as_str).unwrap_or_default();
        let short = match typ.split_at_checked("application/".len()) {
            Some((prefix, rest)) if prefix.eq_ignore_ascii_case("application/") => rest,
            _ => typ,
        };
        short.eq_ignore_ascii_case(media_type)
    }

    /// A claim of any kind.
    pub fn claim(&self, name: &str) -> Option<&Value> {
        self.claims.get(name)
    }

    /// A claim that is a text and not empty.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.claim(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// A claim that is a NumericDate (RFC 7519 §2), which may have a fraction. `Err`: it is there and is none.
    #[expect(clippy::cast_possible_truncation, reason = "bounded above")]
    pub fn moment(&self, name: &str) -> Result<Option<Timestamp>, JwtError> {
        let Some(value) = self.claim(name) else { return Ok(None) };
        let seconds = value.as_f64().filter(|seconds| (0.0..1e11).contains(seconds));
        let seconds = seconds.ok_or(JwtError::Malformed)?;
        Ok(Some(Timestamp((seconds * 1000.0) as i64)))
    }
}

impl std::fmt::Debug for SignedJwt<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SignedJwt({:?}, [redacted])", self.algorithm)
    }
}

impl<'a> Parts<'a> {
    /// Takes a JWT apart (RFC 7515 §7.1): three base64url parts, of which two are JSON objects.
    pub fn of(text: &'a str) -> Option<Self> {
        let (signing_input, signature) = text.rsplit_once('.')?;
        let (header, claims) = signing_input.split_once('.')?;
        Some(Self {
            signing_input,
            header: object(header)?,
            claims: object(claims)?,
            signature: from_base64url(signature)?,
        })
    }
}

fn object(part: &str) -> Option<Map<String, Value>> {
    match json::parse(&from_base64url(part)?) {
        Ok(Value::Object(members)) => Some(members),
        _ => None,
    }
}

#[cfg(test)]
pub mod testing {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::crypto::base64url;
    use crate::crypto::ec_key::EcPrivateKey;

    /// A JWT of these parts, signed with ES256 whatever its header says.
    pub fn sign(header: &Value, claims: &Value, key: &EcPrivateKey) -> String {
        let input = format!("{}.{}", base64url(header.to_string()), base64url(claims.to_string()));
        format!("{input}.{}", base64url(key.sign(input.as_bytes())))
    }

    fn unsigned(header: &Value, claims: &str) -> String {
        format!("{}.{}.AAAA", base64url(header.to_string()), base64url(claims))
    }

    // Rule: FAPI 26, DPOP 1.5, ASSERT 5
    #[test]
    fn none_and_symmetric_algorithms_are_not_understood() {
        for alg in ["none", "HS256", "es256", "ES384", "ES256K", "dir", ""] {
            let text = unsigned(&json!({ "alg": alg }), "{}");
            assert_eq!(SignedJwt::parse(&text).unwrap_err(), JwtError::Algorithm, "{alg}");
        }
        let text = unsigned(&json!({ "alg": ["ES256"] }), "{}");
        assert_eq!(SignedJwt::parse(&text).unwrap_err(), JwtError::Algorithm);
        for name in Algorithm::NAMES {
            let text = unsigned(&json!({ "alg": name }), "{}");
            assert_eq!(
                SignedJwt::parse(&text).unwrap().algorithm,
                Algorithm::parse(name).unwrap()
            );
        }
    }

    #[test]
    fn a_jwt_does_not_show_itself() {
        let text = unsigned(&json!({ "alg": "ES256" }), r#"{"jti":"secret"}"#);
        let shown = format!("{:?}", SignedJwt::parse(&text).unwrap());
        assert_eq!(shown, "SignedJwt(Es256, [redacted])");
    }

    #[test]
    fn what_is_no_jwt_is_refused() {
        let good = unsigned(&json!({ "alg": "ES256" }), "{}");
        let five = format!("{good}.x.y");
        let spaced = format!(" {good}");
        let padded = format!("{good}=");
        let long = unsigned(&json!({ "alg": "ES256", "x": "y".repeat(MAX_LENGTH) }), "{}");
        let array = unsigned(&json!(["ES256"]), "{}");
        let number = unsigned(&json!({ "alg": "ES256" }), "7");
        for text in [
            "", ".", "..", "a.b", "a.b.c", &five, &spaced, &padded, &long, &array, &number,
        ] {
            assert_eq!(SignedJwt::parse(text).unwrap_err(), JwtError::Malformed, "{text}");
        }
    }

    #[test]
    fn an_extension_that_must_be_understood_is_not() {
        let text = unsigned(&json!({ "alg": "ES256", "crit": ["exp"], "exp": 1 }), "{}");
        assert_eq!(SignedJwt::parse(&text).unwrap_err(), JwtError::Critical);
    }

    #[test]
    fn a_type_is_read_in_any_case_and_with_its_prefix() {
        let typed = |typ: &str| unsigned(&json!({ "alg": "ES256", "typ": typ }), "{}");
        for typ in ["dpop+jwt", "DPoP+JWT", "application/dpop+jwt"] {
            assert!(SignedJwt::parse(&typed(typ)).unwrap().is_of_type("dpop+jwt"), "{typ}");
        }
        for typ in ["", "jwt", "at+jwt", "text/dpop+jwt", "dpop+jwt "] {
            assert!(!SignedJwt::parse(&typed(typ)).unwrap().is_of_type("dpop+jwt"), "{typ}");
        }
    }

    #[test]
    fn a_time_may_have_a_fraction_but_must_be_a_time() {
        let moment = |value: &str| {
            let text = unsigned(&json!({ "alg": "ES256" }), &format!(r#"{{"iat":{value}}}"#));
            SignedJwt::parse(&text).unwrap().moment("iat")
        };
        assert_eq!(moment("7"), Ok(Some(Timestamp(7000))));
        assert_eq!(moment("7.25"), Ok(Some(Timestamp(7250))));
        for bad in ["-1", "1e300", "\"7\"", "null", "true", "[7]"] {
            assert_eq!(moment(bad), Err(JwtError::Malformed), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_panic(text in "[A-Za-z0-9_.=-]{0,200}") {
            let _ = SignedJwt::parse(&text);
        }
    }
}
