//! Pushed authorization requests (RFC 9126): sealed into their `request_uri`, so that none is stored.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::authorization_request::PARAMETERS;
use super::dpop::{self, ProvenKey};
use super::error::{ErrorCode, OAuthError};
use crate::crypto::keys::{Purpose, SealingKeys};
use crate::crypto::seal;
use crate::http::Params;
use crate::random::{self, Random};
use crate::time::Timestamp;

/// How long a pushed request may be begun with (RFC 9126 §2.2; FAPI 2.0 §5.3.2.2: less than 600 s).
pub const LIFETIME: Duration = Duration::from_secs(300);
/// What every `request_uri` begins with (RFC 9126 §2.2).
const PREFIX: &str = "urn:ietf:params:oauth:request_uri:";

/// A pushed request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushedRequest {
    /// Its id. The decision claims it, so however often the link is opened, it is decided once.
    pub id: String,
    /// The app that pushed it.
    client_id: String,
    params: Vec<(String, String)>,
    expires_at: Timestamp,
}

impl PushedRequest {
    /// Keeps what of a form belongs to an authorization request, for the client that authenticated.
    pub fn new(client_id: &str, form: &Params, random: &dyn Random, now: Timestamp) -> Self {
        let mut params: Vec<(String, String)> = form
            .iter()
            .filter(|(name, _)| PARAMETERS.contains(name) && *name != "client_id")
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        params.push(("client_id".to_owned(), client_id.to_owned()));
        Self {
            id: random::identifier(random, "req_"),
            client_id: client_id.to_owned(),
            params,
            expires_at: now + LIFETIME,
        }
    }

    /// Binds the code to come to the key of a proof that came along (RFC 9449 §10.1).
    pub fn bind(&mut self, proof: &ProvenKey) -> Result<(), OAuthError> {
        match self.params.iter().find(|(name, _)| name == "dpop_jkt") {
            Some((_, thumbprint)) if *thumbprint != proof.thumbprint => Err(dpop::other_key()),
            Some(_) => Ok(()),
            None => {
                self.params.push(("dpop_jkt".to_owned(), proof.thumbprint.clone()));
                Ok(())
            }
        }
    }

    /// Its parameters.
    pub fn params(&self) -> Params {
        self.params.iter().cloned().collect()
    }

    /// Its `request_uri`; `None`: it is too long for a link.
    pub fn request_uri(&self, keys: &SealingKeys, random: &dyn Random) -> Option<String> {
        let sealed = seal::seal(keys, Purpose::PushedRequest, random, self)?;
        Some(format!("{PREFIX}{sealed}"))
    }

    /// Opens a `request_uri` for the client that sends the user with it. `None`: it is none of its own, or has
    /// expired.
    pub fn open(keys: &SealingKeys, request_uri: &str, client_id: &str, now: Timestamp) -> Option<Self> {
        let sealed = request_uri.strip_prefix(PREFIX)?;
        let pushed: Self = seal::open(keys, Purpose::PushedRequest, sealed)?;
        (pushed.client_id == client_id && pushed.expires_at > now).then_some(pushed)
    }
}

/// Whether a `request_uri` looks like one of a pushed request. Others belong to RFC 9101, which is not supported.
pub fn is_pushed(request_uri: &str) -> bool {
    request_uri.starts_with(PREFIX)
}

/// A request that is too long to be sealed.
pub fn too_long() -> OAuthError {
    OAuthError::new(
        ErrorCode::RequestTooLarge,
        "the pushed request is too long: about 4 kB fit",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::hash;
    use crate::crypto::keys::testing::sealing_keys;
    use crate::oauth::dpop::tests::proven_key;
    use crate::random::testing::Seeded;

    const NOW: Timestamp = Timestamp(1_000_000);

    fn form(text: &str) -> Params {
        Params::parse(text.as_bytes()).unwrap()
    }

    fn push(text: &str) -> PushedRequest {
        PushedRequest::new("app_one", &form(text), &Seeded::default(), NOW)
    }

    fn proof(thumbprint: &str) -> ProvenKey {
        let mut proof = proven_key();
        proof.thumbprint = thumbprint.into();
        proof
    }

    #[test]
    fn a_request_comes_back_without_credentials_and_unknown_parameters() {
        let pushed =
            push("scope=a+b&resource=x&resource=y&client_secret=lks_s&client_assertion=z&foo=bar&client_id=app_one");
        let uri = pushed.request_uri(&sealing_keys(), &Seeded::default()).unwrap();
        let opened = PushedRequest::open(&sealing_keys(), &uri, "app_one", NOW).unwrap();
        assert_eq!(opened, pushed);
        let params = opened.params();
        assert_eq!(params, form("client_id=app_one&resource=x&resource=y&scope=a+b"));
        assert!(!uri.contains("lks_s"));
    }

    // Rule: PAR 3
    #[test]
    fn a_request_of_another_client_expired_or_changed_does_not_open() {
        let uri = push("scope=a")
            .request_uri(&sealing_keys(), &Seeded::default())
            .unwrap();
        let open = |uri: &str, client, now| PushedRequest::open(&sealing_keys(), uri, client, now);
        assert!(open(&uri, "app_one", NOW).is_some());
        assert_eq!(open(&uri, "app_two", NOW), None);
        assert_eq!(open(&uri, "app_one", NOW + LIFETIME), None);
        for changed in [
            format!("{uri}A"),
            uri.replace("urn:", "URN:"),
            uri[..uri.len() - 1].to_owned(),
            String::new(),
        ] {
            assert_eq!(open(&changed, "app_one", NOW), None, "{changed}");
        }
    }

    // Rule: PAR 4
    #[test]
    fn a_request_that_fits_into_no_link_gets_no_uri() {
        let pushed = push(&format!("state={}", "x".repeat(seal::MAX_SEALED)));
        assert_eq!(pushed.request_uri(&sealing_keys(), &Seeded::default()), None);
    }

    // Rule: PAR 8
    #[test]
    fn a_proof_binds_the_code_and_must_agree_with_the_parameter() {
        let thumbprint = hash("key");
        let mut pushed = push("scope=a");
        pushed.bind(&proof(&thumbprint)).unwrap();
        assert_eq!(pushed.params().one("dpop_jkt"), Ok(Some(thumbprint.as_str())));
        let mut named = push(&format!("dpop_jkt={thumbprint}"));
        assert!(named.bind(&proof(&thumbprint)).is_ok());
        let refused = named.bind(&proof(&hash("other"))).unwrap_err();
        assert_eq!(refused.code, ErrorCode::InvalidDpopProof);
    }
}
