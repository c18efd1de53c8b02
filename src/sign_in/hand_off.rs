//! The hand-off: people sign in on the platform's own page, which sends them back with an assertion it signs. A JWT
//! (RFC 7519) of a type of its own, checked as RFC 8725 asks: for us alone, for this browser, once, and soon.

use std::time::Duration;

use thiserror::Error;

use super::auth_time::{self, CLOCK_SKEW};
use super::connection::HandOff;
use super::id_token::{Names, is_subject};
use super::identity::Identity;
use crate::crypto::{base64url, equal_in_constant_time, hash};
use crate::ledger::SingleUse;
use crate::oauth::jwk::PublicKey;
use crate::oauth::jws::{JwtError, SignedJwt};
use crate::random::{self, Random};
use crate::time::Timestamp;

/// The type of the assertion (`typ`): no other JWT the platform signs with the same key passes for one.
pub const ASSERTION_TYPE: &str = "latchkey-sign-in+jwt";

/// How long an assertion may live: the way back through the browser, and as long its `jti` is remembered.
const MAX_LIFETIME: Duration = Duration::from_secs(120);
const MAX_JTI: usize = 256;

/// What an assertion must say to be the answer to one sign-in.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The connection's issuer, letter by letter.
    pub issuer: &'a str,
    /// This server's issuer identifier.
    pub audience: &'a str,
    /// What was sent along, bound to the browser.
    pub nonce: &'a str,
    /// Where signing in anew was asked for: not earlier than this.
    pub since: Option<Timestamp>,
}

/// Why an assertion is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AssertionError {
    /// It is no signed JWT, or one signed by an algorithm that is not understood: `none` or HS256, say.
    #[error("{0}")]
    Jwt(#[from] JwtError),
    /// `typ` is that of something else, or missing.
    #[error("must have the typ latchkey-sign-in+jwt")]
    Type,
    /// `iss` is another's.
    #[error("must have the connection's issuer as iss, letter by letter")]
    Issuer,
    /// `aud` is another's, or somebody else's too.
    #[error("must have this server's issuer identifier as its only aud")]
    Audience,
    /// `nonce` is not the one of this sign-in.
    #[error("must have the nonce that was sent along")]
    Nonce,
    /// `sub` is missing or no such text.
    #[error("needs a sub of 1 to 255 printable ASCII characters")]
    Subject,
    /// `jti` is missing or too long.
    #[error("needs a jti of at most 256 bytes")]
    Id,
    /// `iat`, `exp` or `auth_time` is missing, or one of them or `nbf` is no time.
    #[error("needs iat, exp and auth_time in seconds since 1970")]
    Times,
    /// `exp` is over two minutes after `iat`, or not after it.
    #[error("must have an exp at most 120 seconds after its iat")]
    Lifetime,
    /// It was made, or the person signed in, at a time to come.
    #[error("is from the future: check the clock")]
    Future,
    /// `exp` has passed.
    #[error("has expired")]
    Expired,
    /// The person signed in before they were asked to do it anew.
    #[error("has an auth_time from before signing in anew was asked for")]
    NotFresh,
    /// No registered key of the connection made the signature.
    #[error("is not signed by a registered key of the connection")]
    Signature,
}

impl AssertionError {
    /// The name in the log.
    pub fn code(self) -> &'static str {
        match self {
            Self::Jwt(JwtError::Algorithm) => "assertion_algorithm",
            Self::Jwt(JwtError::Malformed | JwtError::Critical) => "assertion_malformed",
            Self::Type => "assertion_type",
            Self::Issuer => "assertion_issuer",
            Self::Audience => "assertion_audience",
            Self::Nonce => "assertion_nonce",
            Self::Subject => "assertion_subject",
            Self::Id => "assertion_jti",
            Self::Times => "assertion_times",
            Self::Lifetime => "assertion_lifetime",
            Self::Future => "assertion_future",
            Self::Expired => "assertion_expired",
            Self::NotFresh => "assertion_not_fresh",
            Self::Signature => "assertion_signature",
        }
    }
}

/// An assertion that says the right things and whose signature nobody has checked yet.
#[derive(Debug)]
pub struct UnverifiedAssertion<'a> {
    jwt: SignedJwt<'a>,
    identity: Identity,
    single_use: SingleUse,
}

impl<'a> UnverifiedAssertion<'a> {
    /// Checks everything but the signature.
    pub fn check(
        assertion: &'a str,
        expected: Expected<'_>,
        random: &dyn Random,
        now: Timestamp,
    ) -> Result<Self, AssertionError> {
        let jwt = SignedJwt::parse(assertion)?;
        if !jwt.is_of_type(ASSERTION_TYPE) {
            return Err(AssertionError::Type);
        }
        if jwt.text("iss") != Some(expected.issuer) {
            return Err(AssertionError::Issuer);
        }
        if only_audience(&jwt) != Some(expected.audience) {
            return Err(AssertionError::Audience);
        }
        let nonce = jwt.text("nonce").ok_or(AssertionError::Nonce)?;
        if !equal_in_constant_time(nonce.as_bytes(), expected.nonce.as_bytes()) {
            return Err(AssertionError::Nonce);
        }
        let (expires_at, auth_time) = times(&jwt, expected.since, now)?;
        let subject = jwt.text("sub").filter(|subject| is_subject(subject));
        let subject = subject.ok_or(AssertionError::Subject)?.to_owned();
        let jti = jwt
            .text("jti")
            .filter(|jti| jti.len() <= MAX_JTI)
            .ok_or(AssertionError::Id)?;
        let single_use = SingleUse {
            name: hash(&format!("sign-in-assertion {} {jti}", hash(expected.issuer))),
            attempt: base64url(random::bytes::<16>(random)),
            expires_at: expires_at + CLOCK_SKEW,
        };
        let names = Names::of(|name| jwt.claim(name));
        let identity = Identity {
            issuer: expected.issuer.to_owned(),
            subject,
            name: names.name,
            account_name: names.account_name,
            auth_time,
        };
        Ok(Self {
            jwt,
            identity,
            single_use,
        })
    }

    /// The JWT, for its signature to be checked.
    pub fn jwt(&self) -> &SignedJwt<'a> {
        &self.jwt
    }

    /// The registered keys it may be signed with. Keys it brings itself or points to count for nothing
    /// (RFC 8725 §3.10).
    pub fn candidate_keys<'k>(&'k self, hand_off: &'k HandOff) -> impl Iterator<Item = &'k PublicKey> {
        let kid = self.jwt.header("kid").and_then(serde_json::Value::as_str);
        hand_off.jwks.candidates(kid, self.jwt.algorithm)
    }

    /// Who signed in, if the signature was found good, and what must be its first use.
    pub fn accept(self, signature_is_good: bool) -> Result<(Identity, SingleUse), AssertionError> {
        match signature_is_good {
            true => Ok((self.identity, self.single_use)),
            false => Err(AssertionError::Signature),
        }
    }
}

/// When it expires, and when the person proved who they are.
fn times(
    jwt: &SignedJwt<'_>,
    since: Option<Timestamp>,
    now: Timestamp,
) -> Result<(Timestamp, Timestamp), AssertionError> {
    let optional = |name| jwt.moment(name).map_err(|_| AssertionError::Times);
    let required = |name| optional(name)?.ok_or(AssertionError::Times);
    let (issued_at, expires_at, auth_time) = (required("iat")?, required("exp")?, required("auth_time")?);
    let not_before = optional("nbf")?.unwrap_or(issued_at);
    if expires_at <= issued_at || expires_at > issued_at + MAX_LIFETIME {
        return Err(AssertionError::Lifetime);
    }
    if [issued_at, not_before, auth_time]
        .iter()
        .any(|at| *at > now + CLOCK_SKEW)
    {
        return Err(AssertionError::Future);
    }
    if expires_at <= now {
        return Err(AssertionError::Expired);
    }
    let accepted = auth_time::accept(Some(auth_time), since, now);
    Ok((expires_at, accepted.ok_or(AssertionError::NotFresh)?))
}

/// The audience, if it is one alone: an assertion for others too could be used by them here.
fn only_audience<'j>(jwt: &'j SignedJwt<'_>) -> Option<&'j str> {
    use serde_json::Value::{Array, String};
    match jwt.claim("aud")? {
        String(only) => Some(only),
        Array(several) => match several.as_slice() {
            [String(only)] => Some(only),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests;
