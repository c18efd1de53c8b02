//! A list as a JWT: a Status List Token (§5.1 of the draft).

use std::time::Duration;

use serde::Serialize;

use super::StatusList;
use crate::crypto::signing::SigningAlgorithm;
use crate::oauth::signed_jwt::{Frame, signing_input};

/// Its media type.
pub const MEDIA_TYPE: &str = "application/statuslist+jwt";
/// How old a list may be, and still be believed.
const LIFETIME: Duration = Duration::from_secs(30);
/// How many seconds a copy may be kept before the next is fetched.
const TIME_TO_LIVE: u32 = 5;

/// What a list says beside `iat` and `exp`.
#[derive(Debug, Serialize)]
pub struct ListJwt<'a> {
    /// The issuer identifier, as in the tokens.
    iss: &'a str,
    /// Its own address, as in the tokens.
    sub: &'a str,
    ttl: u32,
    status_list: Bits<'a>,
}

#[derive(Debug, Serialize)]
struct Bits<'a> {
    bits: u8,
    lst: &'a str,
    aggregation_uri: &'a str,
}

/// `header.claims`, ready to be signed with the key named `kid`.
pub fn list_signing_input(
    list: &StatusList,
    (iss, sub, aggregation_uri): (&str, &str, &str),
    (algorithm, kid): (SigningAlgorithm, &str),
) -> Option<String> {
    let frame = Frame {
        token_type: "statuslist+jwt",
        algorithm,
        kid,
        issued_at: list.as_of,
        expires_at: Some(list.as_of + LIFETIME),
    };
    let claims = ListJwt {
        iss,
        sub,
        ttl: TIME_TO_LIVE,
        status_list: Bits {
            bits: 1,
            lst: &list.lst,
            aggregation_uri,
        },
    };
    signing_input(&frame, &claims)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::crypto::from_base64url;
    use crate::oauth::access_token::UnverifiedAccessToken;
    use crate::oauth::signed_jwt::assemble;
    use crate::time::Timestamp;

    fn input() -> String {
        let list = StatusList {
            as_of: Timestamp(7_250),
            lst: "eNo".into(),
        };
        let addresses = (
            "https://auth.example",
            "https://auth.example/lists/1/2",
            "https://auth.example/lists",
        );
        list_signing_input(&list, addresses, (SigningAlgorithm::Es256, "kid")).unwrap()
    }

    #[test]
    fn a_list_says_whose_it_is_as_of_when_and_for_how_long() {
        let part = |at: usize| -> Value {
            serde_json::from_slice(&from_base64url(input().split('.').nth(at).unwrap()).unwrap()).unwrap()
        };
        assert_eq!(
            part(0),
            json!({ "alg": "ES256", "typ": "statuslist+jwt", "kid": "kid" })
        );
        assert_eq!(
            part(1),
            json!({
                "iss": "https://auth.example", "sub": "https://auth.example/lists/1/2", "iat": 7, "exp": 37, "ttl": 5,
                "status_list": { "bits": 1, "lst": "eNo", "aggregation_uri": "https://auth.example/lists" }
            })
        );
    }

    #[test]
    fn a_list_passes_for_no_access_token() {
        assert!(UnverifiedAccessToken::parse(&assemble(&input(), &[0; 64])).is_none());
    }
}
