//! The answer of introspection as a JWT (RFC 9701).

use serde::Serialize;

use super::signed_jwt::{Frame, signing_input};
use crate::crypto::signing::SigningAlgorithm;
use crate::time::Timestamp;

/// The media type that asks for it and names it (RFC 9701 §4, §5).
pub const MEDIA_TYPE: &str = "application/token-introspection+jwt";
/// What it is signed with, if the caller may have that (RFC 9701 §6: the default), and what else.
pub const ALGORITHMS: [SigningAlgorithm; 2] = [SigningAlgorithm::Rs256, SigningAlgorithm::Es256];

/// What the JWT says beside `iat` (RFC 9701 §5). `sub` and `exp` stay inside `token_introspection`, so that it never
/// passes for the token it is about.
#[derive(Debug, Serialize)]
pub struct IntrospectionJwt<'a, T> {
    /// The issuer identifier.
    pub iss: &'a str,
    /// Who asked: an API's resource indicator, or an app's client id.
    pub aud: &'a str,
    /// What is told about the token (RFC 7662 §2.2).
    pub token_introspection: &'a T,
}

impl<T: Serialize> IntrospectionJwt<'_, T> {
    /// `header.claims`, ready to be signed with the key named `kid`.
    pub fn signing_input(&self, algorithm: SigningAlgorithm, kid: &str, now: Timestamp) -> Option<String> {
        let frame = Frame {
            token_type: "token-introspection+jwt",
            algorithm,
            kid,
            issued_at: now,
            expires_at: None,
        };
        signing_input(&frame, self)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::crypto::from_base64url;
    use crate::oauth::access_token::UnverifiedAccessToken;
    use crate::oauth::signed_jwt::assemble;

    #[test]
    fn the_answer_says_who_to_whom_and_when_and_keeps_the_token_inside() {
        let answer = IntrospectionJwt {
            iss: "https://auth.example",
            aud: "https://api.example",
            token_introspection: &json!({ "active": true, "sub": "usr_one", "exp": 9 }),
        };
        let input = answer
            .signing_input(SigningAlgorithm::Rs256, "kid", Timestamp(7_000))
            .unwrap();
        let part = |at: usize| -> Value {
            serde_json::from_slice(&from_base64url(input.split('.').nth(at).unwrap()).unwrap()).unwrap()
        };
        assert_eq!(
            part(0),
            json!({ "alg": "RS256", "typ": "token-introspection+jwt", "kid": "kid" })
        );
        assert_eq!(
            part(1),
            json!({
                "iss": "https://auth.example", "aud": "https://api.example", "iat": 7,
                "token_introspection": { "active": true, "sub": "usr_one", "exp": 9 }
            })
        );
    }

    #[test]
    fn the_answer_never_passes_for_an_access_token() {
        let answer = IntrospectionJwt {
            iss: "https://auth.example",
            aud: "https://api.example",
            token_introspection: &json!({ "active": true }),
        };
        let input = answer
            .signing_input(SigningAlgorithm::Rs256, "kid", Timestamp(7_000))
            .unwrap();
        assert!(UnverifiedAccessToken::parse(&assemble(&input, &[0; 64])).is_none());
    }
}
