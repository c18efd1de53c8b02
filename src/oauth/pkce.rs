//! Proof Key for Code Exchange (RFC 7636), S256 only (OAuth 2.1 §7.5.2).

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::error::{ErrorCode, OAuthError};
use crate::crypto::{base64url, equal_in_constant_time, from_base64url};

/// `BASE64URL(SHA256(code_verifier))`: 43 letters (RFC 7636 §4.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CodeChallenge(String);

/// What the app kept to itself until now. Not shown by `Debug`.
pub struct CodeVerifier(String);

/// Proof that the verifier of a token request fits the challenge of its authorization request.
#[derive(Debug)]
pub struct PkceVerified(());

impl CodeChallenge {
    /// Reads the two parameters of an authorization request. Both are required and the method must be `S256`.
    pub fn parse(challenge: Option<&str>, method: Option<&str>) -> Result<Self, OAuthError> {
        let refuse = |description: &str| Err(OAuthError::new(ErrorCode::InvalidRequest, description));
        match (challenge, method) {
            (None, _) => refuse("code_challenge is required (PKCE, RFC 7636)"),
            (Some(_), None) => refuse("code_challenge_method is required and must be S256"),
            (Some(challenge), Some("S256")) if from_base64url(challenge).is_some_and(|hash| hash.len() == 32) => {
                Ok(Self(challenge.to_owned()))
            }
            (Some(_), Some("S256")) => {
                refuse("code_challenge must be the base64url SHA-256 of the code_verifier: 43 letters")
            }
            (Some(_), Some(_)) => refuse("code_challenge_method must be S256"),
        }
    }

    /// The challenge of a verifier of our own, where Latchkey is the client.
    pub fn of(verifier: &str) -> Self {
        Self(base64url(Sha256::digest(verifier)))
    }

    /// It as a text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Compares with the verifier of the token request (RFC 7636 §4.6).
    pub fn verify(&self, verifier: &CodeVerifier) -> Result<PkceVerified, OAuthError> {
        let computed = base64url(Sha256::digest(&verifier.0));
        if equal_in_constant_time(computed.as_bytes(), self.0.as_bytes()) {
            Ok(PkceVerified(()))
        } else {
            Err(OAuthError::new(
                ErrorCode::InvalidGrant,
                "code_verifier does not fit the code_challenge",
            ))
        }
    }
}

impl CodeVerifier {
    /// Reads a verifier: 43 to 128 unreserved characters (RFC 7636 §4.1).
    pub fn parse(text: Option<&str>) -> Result<Self, OAuthError> {
        let text = text.ok_or_else(|| OAuthError::new(ErrorCode::InvalidRequest, "code_verifier is required"))?;
        let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if (43..=128).contains(&text.len()) && text.bytes().all(unreserved) {
            Ok(Self(text.to_owned()))
        } else {
            // As wrong as one that does not fit: no code is consumed by it.
            Err(OAuthError::new(
                ErrorCode::InvalidGrant,
                "code_verifier must be 43 to 128 unreserved characters",
            ))
        }
    }
}

#[cfg(test)]
pub mod testing {
    use super::*;

    /// RFC 7636 Appendix B.
    pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    /// RFC 7636 Appendix B.
    pub const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn challenge() -> CodeChallenge {
        CodeChallenge::parse(Some(CHALLENGE), Some("S256")).unwrap()
    }

    // Covers: R55
    // Rule: AUTHZ 18
    #[test]
    fn the_vector_of_rfc_7636_passes_and_another_verifier_does_not() {
        assert!(
            challenge()
                .verify(&CodeVerifier::parse(Some(VERIFIER)).unwrap())
                .is_ok()
        );
        let other = CodeVerifier::parse(Some(&VERIFIER.replace('d', "e"))).unwrap();
        assert_eq!(challenge().verify(&other).unwrap_err().code, ErrorCode::InvalidGrant);
    }

    // Covers: R55, B9, B22
    // Rule: AUTHZ 14, AUTHZ 15, AUTHZ 16
    #[test]
    fn a_challenge_that_is_missing_plain_or_no_hash_is_refused() {
        let long = "a".repeat(44);
        for (challenge, method) in [
            (None, None),
            (None, Some("S256")),
            (Some(CHALLENGE), None),
            (Some(CHALLENGE), Some("plain")),
            (Some(CHALLENGE), Some("s256")),
            (Some("[object Promise]"), Some("S256")),
            (Some("undefined"), Some("S256")),
            (Some(&CHALLENGE[1..]), Some("S256")),
            (Some(&long), Some("S256")),
            (Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM"), Some("S256")),
            (Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-c="), Some("S256")),
        ] {
            let refused = CodeChallenge::parse(challenge, method).unwrap_err();
            assert_eq!(refused.code, ErrorCode::InvalidRequest, "{challenge:?} {method:?}");
        }
    }

    // Rule: AUTHZ 16, AUTHZ 19
    #[test]
    fn a_verifier_too_short_too_long_or_with_other_letters_is_refused() {
        for bad in [
            "a".repeat(42),
            "a".repeat(129),
            format!("{}+", "a".repeat(42)),
            format!("{}ä", "a".repeat(43)),
        ] {
            assert_eq!(
                CodeVerifier::parse(Some(&bad)).err().unwrap().code,
                ErrorCode::InvalidGrant,
                "{bad}"
            );
        }
        assert_eq!(CodeVerifier::parse(None).err().unwrap().code, ErrorCode::InvalidRequest);
        for good in ["a".repeat(43), "~".repeat(128)] {
            assert!(CodeVerifier::parse(Some(&good)).is_ok());
        }
    }
}
