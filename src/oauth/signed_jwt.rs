//! JWTs in compact form (RFC 7519, RFC 7515 §7.1) that are signed elsewhere: jwt-compact writes header and claims,
//! the platform adds the signature.

use std::borrow::Cow;

use chrono::DateTime;
use jwt_compact::{Algorithm, AlgorithmExt, AlgorithmSignature, Claims, Header};
use serde::Serialize;

use crate::crypto::base64url;
use crate::crypto::signing::SigningAlgorithm;
use crate::time::Timestamp;

/// What every JWT of this server says beside its own claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// `typ`, so that no JWT passes for one of another kind (RFC 8725 §3.11).
    pub token_type: &'static str,
    /// `alg`
    pub algorithm: SigningAlgorithm,
    /// `kid`
    pub kid: &'a str,
    /// `iat`
    pub issued_at: Timestamp,
    /// `exp`
    pub expires_at: Option<Timestamp>,
}

/// `header.claims`, ready to be signed. `None` if the claims cannot be written.
pub fn signing_input(frame: &Frame<'_>, claims: &impl Serialize) -> Option<String> {
    let header = Header::empty().with_token_type(frame.token_type).with_key_id(frame.kid);
    let mut claims = Claims::new(claims);
    claims.issued_at = Some(DateTime::from_timestamp(frame.issued_at.as_seconds(), 0)?);
    if let Some(expires_at) = frame.expires_at {
        claims.expiration = Some(DateTime::from_timestamp(expires_at.as_seconds(), 0)?);
    }
    let token = SignedElsewhere(frame.algorithm).token(&header, &claims, &()).ok()?;
    token.strip_suffix('.').map(str::to_owned)
}

/// Puts a signing input and its signature together.
pub fn assemble(signing_input: &str, signature: &[u8]) -> String {
    format!("{signing_input}.{}", base64url(signature))
}

/// An algorithm whose signature is left empty.
struct SignedElsewhere(SigningAlgorithm);
struct NoSignature;

impl Algorithm for SignedElsewhere {
    type SigningKey = ();
    type VerifyingKey = ();
    type Signature = NoSignature;

    fn name(&self) -> Cow<'static, str> {
        Cow::Borrowed(self.0.name())
    }

    fn sign(&self, (): &(), _message: &[u8]) -> NoSignature {
        NoSignature
    }

    fn verify_signature(&self, _signature: &NoSignature, (): &(), _message: &[u8]) -> bool {
        false
    }
}

impl AlgorithmSignature for NoSignature {
    fn try_from_slice(_slice: &[u8]) -> anyhow::Result<Self> {
        anyhow::bail!("signatures are verified by the platform")
    }

    fn as_bytes(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&[])
    }
}
