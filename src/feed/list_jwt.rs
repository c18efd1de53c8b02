//! A list of the feed as a JWT, for those who are not this server.

use std::time::Duration;

use serde::Serialize;

use super::cut::List;
use super::gather::Gathered;
use crate::crypto::signing::SigningAlgorithm;
use crate::oauth::signed_jwt::{Frame, signing_input};

/// Its media type.
pub const MEDIA_TYPE: &str = "application/latchkey-revocations+jwt";
/// How old a list may be, and still be believed.
const LIFETIME: Duration = Duration::from_secs(30);

/// What a list says beside `iat` and `exp`.
#[derive(Debug, Serialize)]
pub struct ListJwt<'a> {
    /// The issuer identifier.
    pub iss: &'a str,
    /// Its own address, without `after`: a list of one region passes for no other's.
    pub sub: &'a str,
    /// As of when it is complete, in milliseconds.
    pub as_of: i64,
    /// The list has what came after the entry with this number. That of whoever asked, or 0: everything that matters.
    pub after: u64,
    /// What to send as `after` next time.
    pub number: u64,
    /// Whether to ask again at once: the list is longer than one answer.
    pub more: bool,
    /// What was cut off.
    #[serde(flatten)]
    pub list: List,
}

impl<'a> ListJwt<'a> {
    /// What a feed object answered.
    pub fn new(iss: &'a str, sub: &'a str, gathered: &Gathered) -> Self {
        let apps = gathered.apps.iter().map(|app| (app.cut, app.epoch));
        Self {
            iss,
            sub,
            as_of: gathered.as_of.0,
            after: gathered.after,
            number: gathered.number,
            more: gathered.more,
            list: List::new(gathered.cuts.iter().copied(), apps),
        }
    }

    /// `header.claims`, ready to be signed with the key named `kid`.
    pub fn signing_input(&self, algorithm: SigningAlgorithm, kid: &str, gathered: &Gathered) -> Option<String> {
        let frame = Frame {
            token_type: "latchkey-revocations+jwt",
            algorithm,
            kid,
            issued_at: gathered.as_of,
            expires_at: Some(gathered.as_of + LIFETIME),
        };
        signing_input(&frame, self)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::crypto::from_base64url;
    use crate::feed::cut::{Cut, Subject};
    use crate::feed::gather::AppEpoch;
    use crate::oauth::access_token::UnverifiedAccessToken;
    use crate::oauth::signed_jwt::assemble;
    use crate::time::Timestamp;

    const SUB: &str = "https://auth.example/oauth/revocations/3";

    fn gathered() -> Gathered {
        Gathered {
            as_of: Timestamp(7_250),
            after: 8,
            cuts: vec![Cut::of(Subject::Token("a"))],
            apps: vec![AppEpoch {
                cut: Cut::of(Subject::App("app_one")),
                epoch: 2,
            }],
            number: 9,
            more: false,
        }
    }

    fn input() -> String {
        let gathered = gathered();
        let list = ListJwt::new("https://auth.example", SUB, &gathered);
        list.signing_input(SigningAlgorithm::Es256, "kid", &gathered).unwrap()
    }

    #[test]
    fn a_list_says_whose_it_is_as_of_when_and_what_to_ask_next() {
        let claims = from_base64url(input().split('.').nth(1).unwrap()).unwrap();
        let app = Cut::of(Subject::App("app_one")).text();
        let expected = json!({
            "iss": "https://auth.example", "sub": SUB, "iat": 7, "exp": 37, "as_of": 7_250, "after": 8, "number": 9,
            "more": false, "cuts": Cut::of(Subject::Token("a")).text(), "apps": { app: 2 }
        });
        assert_eq!(serde_json::from_slice::<Value>(&claims).unwrap(), expected);
    }

    #[test]
    fn a_list_passes_for_no_access_token() {
        assert!(UnverifiedAccessToken::parse(&assemble(&input(), &[0; 64])).is_none());
    }
}
