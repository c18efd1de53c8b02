//! Who a call is for, told to the API behind the guard by a short-lived JWT of this server: header fields can be forged by
//! whoever reaches the API past the guard, this cannot.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::judge::Allowed;
use crate::crypto::signing::SigningAlgorithm;
use crate::oauth::signed_jwt::{Frame, signing_input};
use crate::time::Timestamp;

/// The type, so that it passes for no other JWT of ours (RFC 8725 §3.11).
const TYPE: &str = "latchkey-identity+jwt";
/// How long one is good.
const LIFETIME: Duration = Duration::from_secs(60);
/// For how long one is handed out again: whoever gets it has half of its life to verify it.
const REUSED: Duration = Duration::from_secs(30);
/// How many are kept.
const CAPACITY: usize = 2048;

/// What the JWT says beside `iat` and `exp`. Times are in seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Identity {
    /// The issuer identifier.
    pub iss: String,
    /// The API: its resource indicator.
    pub aud: String,
    /// The user, or the app where it calls for itself.
    pub sub: String,
    /// Which of the two: `user` or `client`.
    pub subject_type: &'static str,
    /// The app.
    pub client_id: String,
    /// The developer account behind it.
    pub developer_id: String,
    /// What the token allows at this API now, separated by spaces.
    pub scope: String,
    /// `Bearer` or `DPoP`.
    pub token_type: &'static str,
    /// The consent behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consent_id: Option<String>,
    /// The `jti` of the access token.
    pub token_id: String,
    /// When the access token was issued.
    pub token_issued_at: i64,
    /// Until when it is good.
    pub token_expires_at: i64,
}

impl Identity {
    /// Of a call that may go on.
    pub fn of(allowed: &Allowed, issuer: &str, resource: &str) -> Self {
        let (sub, subject_type) = match &allowed.user_id {
            Some(user_id) => (user_id, "user"),
            None => (&allowed.client_id, "client"),
        };
        Self {
            iss: issuer.to_owned(),
            aud: resource.to_owned(),
            sub: sub.clone(),
            subject_type,
            client_id: allowed.client_id.clone(),
            developer_id: allowed.developer_id.clone(),
            scope: allowed.scopes.to_string(),
            token_type: allowed.token_type,
            consent_id: allowed.consent_id.clone(),
            token_id: allowed.token_id.clone(),
            token_issued_at: allowed.issued_at.as_seconds(),
            token_expires_at: allowed.expires_at.as_seconds(),
        }
    }

    /// `header.claims`, ready to be signed with the key named `kid`. It is good for no longer than the token.
    pub fn signing_input(&self, kid: &str, now: Timestamp) -> Option<String> {
        let token_ends = Timestamp(self.token_expires_at.checked_mul(1000)?);
        let frame = Frame {
            token_type: TYPE,
            algorithm: SigningAlgorithm::Es256,
            kid,
            issued_at: now,
            expires_at: Some((now + LIFETIME).min(token_ends)),
        };
        signing_input(&frame, self)
    }
}

/// The JWTs an isolate made lately, so that not every call costs a signature.
#[derive(Debug, Default)]
pub struct KnownIdentities(RefCell<BTreeMap<(String, String), Known>>);

#[derive(Debug)]
struct Known {
    identity: Identity,
    jwt: String,
    made_at: Timestamp,
}

impl Known {
    fn is_young(&self, now: Timestamp) -> bool {
        self.made_at <= now && now < self.made_at + REUSED
    }
}

impl KnownIdentities {
    /// The JWT that says exactly this, if one was made lately.
    pub fn get(&self, identity: &Identity, now: Timestamp) -> Option<String> {
        let known = self.0.borrow();
        let known = known.get(&name(identity))?;
        (known.is_young(now) && known.identity == *identity).then(|| known.jwt.clone())
    }

    /// Keeps one.
    pub fn put(&self, identity: Identity, jwt: String, now: Timestamp) {
        let mut all = self.0.borrow_mut();
        if all.len() >= CAPACITY {
            all.retain(|_, known| known.is_young(now));
        }
        if all.len() < CAPACITY {
            let made_at = now;
            all.insert(name(&identity), Known { identity, jwt, made_at });
        }
    }
}

fn name(identity: &Identity) -> (String, String) {
    (identity.token_id.clone(), identity.aud.clone())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::crypto::from_base64url;
    use crate::oauth::access_token::UnverifiedAccessToken;
    use crate::oauth::scope::Scopes;
    use crate::oauth::signed_jwt::assemble;

    fn allowed() -> Allowed {
        Allowed {
            user_id: Some("usr_one".into()),
            client_id: "app_one".into(),
            developer_id: "dev_one".into(),
            scopes: Scopes::parse("read write").unwrap(),
            token_type: "Bearer",
            consent_id: Some("cns_one".into()),
            token_id: "one".into(),
            issued_at: Timestamp(1_000_000),
            expires_at: Timestamp(4_600_000),
        }
    }

    fn identity(allowed: &Allowed) -> Identity {
        Identity::of(allowed, "https://auth.example", "https://api.example")
    }

    fn parts(jwt: &str) -> (Value, Value) {
        let part = |at| serde_json::from_slice(&from_base64url(jwt.split('.').nth(at).unwrap()).unwrap()).unwrap();
        (part(0), part(1))
    }

    #[test]
    fn it_tells_who_and_what_to_one_api_for_a_minute_and_passes_for_no_access_token() {
        let input = identity(&allowed()).signing_input("kid", Timestamp(2_000_000)).unwrap();
        let (header, claims) = parts(&input);
        assert_eq!(
            header,
            json!({ "alg": "ES256", "typ": "latchkey-identity+jwt", "kid": "kid" })
        );
        assert_eq!(
            claims,
            json!({
                "iss": "https://auth.example", "aud": "https://api.example", "sub": "usr_one", "subject_type": "user",
                "client_id": "app_one", "developer_id": "dev_one", "scope": "read write", "token_type": "Bearer",
                "consent_id": "cns_one", "token_id": "one", "token_issued_at": 1000, "token_expires_at": 4600,
                "iat": 2000, "exp": 2060
            })
        );
        assert!(UnverifiedAccessToken::parse(&assemble(&input, &[0; 64])).is_none());
    }

    // Covers: B31
    #[test]
    fn an_app_that_calls_for_itself_is_told_apart_from_a_user() {
        let own = Allowed {
            user_id: None,
            consent_id: None,
            ..allowed()
        };
        let (_, claims) = parts(&identity(&own).signing_input("kid", Timestamp(2_000_000)).unwrap());
        assert_eq!(
            (claims["sub"].as_str(), claims["subject_type"].as_str()),
            (Some("app_one"), Some("client"))
        );
        assert!(claims.get("consent_id").is_none());
    }

    #[test]
    fn it_ends_with_the_token() {
        let (_, claims) = parts(&identity(&allowed()).signing_input("kid", Timestamp(4_590_000)).unwrap());
        assert_eq!(claims["exp"], 4600);
    }

    #[test]
    fn one_is_handed_out_again_for_half_a_minute_and_only_where_it_says_the_same() {
        let known = KnownIdentities::default();
        known.put(identity(&allowed()), "jwt".into(), Timestamp(2_000_000));
        let get = |identity: &Identity, now| known.get(identity, Timestamp(now));
        assert_eq!(get(&identity(&allowed()), 2_029_999).as_deref(), Some("jwt"));
        assert_eq!(get(&identity(&allowed()), 2_030_000), None);
        assert_eq!(get(&identity(&allowed()), 1_999_999), None);
        let narrowed = Allowed {
            scopes: Scopes::parse("read").unwrap(),
            ..allowed()
        };
        assert_eq!(get(&identity(&narrowed), 2_000_000), None);
        let elsewhere = Identity::of(&allowed(), "https://auth.example", "https://other.example");
        assert_eq!(get(&elsewhere, 2_000_000), None);
    }

    #[test]
    fn they_cannot_fill_the_memory() {
        let known = KnownIdentities::default();
        for number in 0..3 * CAPACITY {
            let one = Identity {
                token_id: number.to_string(),
                ..identity(&allowed())
            };
            known.put(one, "jwt".into(), Timestamp(0));
        }
        assert_eq!(known.0.borrow().len(), CAPACITY);
        known.put(identity(&allowed()), "jwt".into(), Timestamp(60_000));
        assert_eq!(known.0.borrow().len(), 1);
    }
}
