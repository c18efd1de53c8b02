//! Demonstrating proof of possession (RFC 9449): proofs and the server's nonces.

use std::time::Duration;

use serde_json::Value;
use url::Url;

use super::client::App;
use super::client_security::Profile;
use super::error::{ErrorCode, OAuthError};
use super::jwk::{JwkError, PublicKey};
use super::jws::{Algorithm, SignedJwt};
use crate::crypto::keys::{Purpose, SealingKeys};
use crate::crypto::{base64url, from_base64url, hash};
use crate::ledger::SingleUse;
use crate::random::{self, Random};
use crate::time::Timestamp;

/// How far `iat` may be in the past or in the future. That a proof is fresh its nonce says, which is a few minutes
/// old at most; people's devices run ahead or behind by minutes.
const CLOCK_SKEW: Duration = Duration::from_secs(300);
/// How far in the future at most under FAPI 2.0 (§5.3.2.1: 10 s must be accepted, over 60 s refused).
const FAPI_CLOCK_SKEW: Duration = Duration::from_secs(30);
/// How long a nonce is the newest; the one before it is accepted too.
const NONCE_PERIOD: Duration = Duration::from_secs(120);
const MAX_JTI: usize = 256;
const TAG: usize = 16;

/// What a proof must be made for.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The method of the request.
    pub method: &'a str,
    /// The URL of the endpoint, without query.
    pub url: &'a str,
    /// When it came.
    pub now: Timestamp,
}

/// A proof of which everything is good but the signature, which nobody has checked yet.
#[derive(Debug)]
pub struct UnverifiedProof<'a> {
    jwt: SignedJwt<'a>,
    key: PublicKey,
    single_use: SingleUse,
    ahead: Duration,
}

/// Proof that the client holds a private key. Made from a proof whose signature is good, and by nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvenKey {
    /// The thumbprint of the key (`jkt`).
    pub thumbprint: String,
    /// What must be its first use: its `jti`.
    pub single_use: SingleUse,
    algorithm: Algorithm,
    ahead: Duration,
}

impl<'a> UnverifiedProof<'a> {
    /// Makes the checks of RFC 9449 §4.3 but the one of the signature. The first is made by the form of a
    /// header: two proofs in it are joined by a comma and no JWT. The last two are for APIs: see [`Self::for_token`].
    pub fn check(
        header: &'a str,
        expected: Expected<'_>,
        keys: &SealingKeys,
        random: &dyn Random,
    ) -> Result<Self, OAuthError> {
        let jwt = SignedJwt::parse(header).map_err(|error| refused(&error.to_string()))?;
        if !jwt.is_of_type("dpop+jwt") {
            return Err(refused("must have the type dpop+jwt"));
        }
        let key = jwt.header("jwk").ok_or_else(|| refused("has no jwk"))?;
        let key = PublicKey::parse(key).map_err(|error| match error {
            JwkError::Private => refused("holds a private key in jwk: replace that key"),
            error => refused(&format!("has a jwk that {error}")),
        })?;
        if !key.fits(jwt.algorithm) {
            return Err(refused("has a jwk that does not fit its alg"));
        }
        if jwt.text("htm") != Some(expected.method) {
            return Err(refused("has another htm than the method of this request"));
        }
        if !jwt.text("htu").is_some_and(|htu| is_same_endpoint(htu, expected.url)) {
            return Err(refused("has another htu than the URL of this endpoint"));
        }
        let issued_at = jwt.moment("iat").ok().flatten().ok_or_else(|| refused("has no iat"))?;
        if issued_at > expected.now + CLOCK_SKEW || expected.now - issued_at > CLOCK_SKEW {
            return Err(refused("is too old or from the future: check the clock"));
        }
        let jti = jwt.text("jti").filter(|jti| jti.len() <= MAX_JTI);
        let jti = jti.ok_or_else(|| refused("needs a jti of at most 256 letters"))?;
        let single_use = SingleUse {
            name: hash(&format!("dpop {} {jti}", key.thumbprint())),
            attempt: base64url(random::bytes::<16>(random)),
            // Longer than its nonce is accepted.
            expires_at: expected.now + 3 * NONCE_PERIOD,
        };
        // Last, so that a client with two mistakes does not learn them one round trip after the other.
        match jwt.claim("nonce") {
            Some(Value::String(nonce)) if nonce_is_good(nonce, keys, expected.now) => {}
            Some(Value::String(_)) => return Err(use_nonce("the nonce of the DPoP proof has expired")),
            Some(_) => return Err(refused("has a nonce that is no text")),
            None => return Err(use_nonce("the DPoP proof needs a nonce of this server")),
        }
        Ok(Self {
            jwt,
            key,
            single_use,
            ahead: issued_at - expected.now,
        })
    }

    /// Checks that the proof was made for this access token, as one for an API has to be (RFC 9449 §4.3 check 12, §7.1).
    pub fn for_token(self, access_token: &str) -> Result<Self, OAuthError> {
        match self.jwt.text("ath") {
            Some(ath) if ath == hash(access_token) => Ok(self),
            Some(_) => Err(refused("has the ath of another access token")),
            None => Err(refused("has no ath, the hash of the access token")),
        }
    }

    /// The JWT and the key its signature must be good for.
    pub fn signature(&self) -> (&SignedJwt<'a>, &PublicKey) {
        (&self.jwt, &self.key)
    }

    /// The key, if its signature was found good.
    pub fn accept(self, signature_is_good: bool) -> Result<ProvenKey, OAuthError> {
        match signature_is_good {
            true => Ok(ProvenKey {
                thumbprint: self.key.thumbprint(),
                single_use: self.single_use,
                algorithm: self.jwt.algorithm,
                ahead: self.ahead,
            }),
            false => Err(refused("has a signature that does not fit its jwk")),
        }
    }
}

/// A proof that was used before (RFC 9449 §11.1).
pub fn replayed() -> OAuthError {
    refused("was used before: make a new one for each request")
}

/// A proof made with another key than the one the request names.
pub fn other_key() -> OAuthError {
    refused("is made with another key than dpop_jkt names")
}

/// Reads `dpop_jkt`, the thumbprint of the key a code is to be bound to (RFC 9449 §10).
pub fn parse_thumbprint(text: &str) -> Result<String, OAuthError> {
    let good = from_base64url(text).is_some_and(|bytes| bytes.len() == 32);
    good.then(|| text.to_owned()).ok_or_else(|| {
        let description = "dpop_jkt must be the base64url SHA-256 thumbprint of a key: 43 letters";
        OAuthError::new(ErrorCode::InvalidRequest, description)
    })
}

/// Refuses a token request of an app whose tokens must be bound when it brings no proof (RFC 9449 §5.2), and a proof
/// that is not good enough for this app.
pub fn require(app: &App, proof: Option<&ProvenKey>) -> Result<(), OAuthError> {
    match proof {
        Some(proof) => proof.is_enough_for(app),
        None if app.security.requires_dpop() => {
            let description = "this client's access tokens are bound to a key: send a DPoP proof";
            Err(OAuthError::new(ErrorCode::InvalidDpopProof, description))
        }
        None => Ok(()),
    }
}

impl ProvenKey {
    /// Checks what the app's security profile demands of a proof.
    pub fn is_enough_for(&self, app: &App) -> Result<(), OAuthError> {
        if !app.security.allows(self.algorithm) {
            return Err(refused("must be signed with ES256, PS256 or EdDSA"));
        }
        if app.security.profile == Profile::Fapi2 && self.ahead > FAPI_CLOCK_SKEW {
            return Err(refused("is from the future: check the clock"));
        }
        Ok(())
    }
}

/// The newest nonce (RFC 9449 §8): nobody can guess it, and it is stored nowhere.
pub fn nonce(keys: &SealingKeys, now: Timestamp) -> String {
    let (id, period) = (keys.current_id(), period(now));
    nonce_of(keys, id, period).unwrap_or_default()
}

fn nonce_is_good(nonce: &str, keys: &SealingKeys, now: Timestamp) -> bool {
    let Some(bytes) = from_base64url(nonce).filter(|bytes| bytes.len() == 1 + 8 + TAG) else {
        return false;
    };
    let Some((&id, rest)) = bytes.split_first() else {
        return false;
    };
    let Some((made_in, tag)) = rest.split_first_chunk::<8>() else {
        return false;
    };
    let age = period(now).checked_sub(u64::from_be_bytes(*made_in));
    // Isolates' clocks may differ a little: one ahead of ours may have made it.
    let recent = age.is_some_and(|periods| periods <= 1) || u64::from_be_bytes(*made_in) == period(now) + 1;
    recent && keys.mac_matches(id, Purpose::DpopNonce, &[made_in], tag)
}

fn nonce_of(keys: &SealingKeys, id: u8, period: u64) -> Option<String> {
    let made_in = period.to_be_bytes();
    let tag = keys.mac(id, Purpose::DpopNonce, &[&made_in])?;
    Some(base64url([&[id], made_in.as_slice(), tag.get(..TAG)?].concat()))
}

fn period(now: Timestamp) -> u64 {
    u64::try_from(now.0).unwrap_or_default() / 1000 / NONCE_PERIOD.as_secs()
}

/// Compares without query and fragment, in the normal form of the URL standard: scheme and host in any case, the
/// default port named or not (RFC 9449 §4.3).
fn is_same_endpoint(htu: &str, endpoint: &str) -> bool {
    let plain = htu.len() <= 2048 && htu.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    plain && normal_form(htu).is_some_and(|htu| Some(htu) == normal_form(endpoint))
}

/// A URL without query and fragment. What the parser forgives is `None`: slashes too few or too many, an empty user, a
/// host or a dot in escapes, a port that is empty or begins with zeros.
fn normal_form(text: &str) -> Option<Url> {
    let mut url = Url::parse(text).ok()?;
    url.set_query(None);
    url.set_fragment(None);
    let written = text.split(['?', '#']).next()?.to_ascii_lowercase();
    let authority = written.split_once("://")?.1.split('/').next()?;
    let port = authority.strip_prefix(url.host_str()?)?;
    let port_fits =
        port.is_empty() || Some(port.to_owned()) == url.port_or_known_default().map(|port| format!(":{port}"));
    (port_fits && !written.contains("%2e")).then_some(url)
}

fn refused(reason: &str) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidDpopProof, format!("the DPoP proof {reason}"))
}

fn use_nonce(reason: &str) -> OAuthError {
    OAuthError::new(
        ErrorCode::UseDpopNonce,
        format!("{reason}: use the one in the header DPoP-Nonce"),
    )
}

#[cfg(test)]
#[path = "dpop_tests.rs"]
pub mod tests;
