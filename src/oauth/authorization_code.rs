//! Authorization codes (OAuth 2.1 §4.1.2).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::client::SubjectType;
use super::client_authentication::AuthenticatedClient;
use super::dpop::ProvenKey;
use super::error::{ErrorCode, OAuthError};
use super::grant::{EffectiveGrant, narrow_resources};
use super::pkce::{CodeChallenge, CodeVerifier, PkceVerified};
use super::redirect_uri::VerifiedRedirect;
use super::scope::Scopes;
use crate::crypto::keys::{Purpose, SealingKeys};
use crate::crypto::{base64url, from_base64url, hash};
use crate::ledger::shard::Shard;
use crate::time::Timestamp;

/// How long a code may be redeemed (FAPI 2.0 §5.3.2.1 allows 60 s at most).
pub const CODE_LIFETIME: Duration = Duration::from_secs(60);

const PREFIX: &str = "lkc_";
const HANDLE: usize = 20;
const TAG: usize = 16;

/// A code whose MAC is good: it was made here, and says which shard judges it. Not shown by `Debug`.
pub struct AuthorizationCode {
    text: String,
    shard: Shard,
}

/// What a code stands for; kept under the code's hash, never with the code itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodePayload {
    /// The app it was issued to.
    pub client_id: String,
    /// The app's epoch at that time.
    pub app_epoch: u32,
    /// The user who agreed.
    pub user_id: String,
    /// The consent it was issued under.
    pub consent_id: String,
    /// Where it was sent.
    pub redirect_uri: VerifiedRedirect,
    /// What was agreed to.
    pub scopes: Scopes,
    /// For which APIs.
    pub resources: Vec<String>,
    /// What the verifier has to fit.
    pub code_challenge: CodeChallenge,
    /// The thumbprint of the key it is bound to (RFC 9449 §10).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dpop_jkt: Option<String>,
    /// When the user signed in, or [unknown](crate::sign_in::auth_time::UNKNOWN).
    pub auth_time: Timestamp,
    /// When it is worth nothing any more.
    pub expires_at: Timestamp,
}

/// What a token request for a code must show.
pub struct CodeRedemption {
    /// The code.
    pub code: String,
    /// Must equal that of the authorization request when sent (OAuth 2.1 §10.2).
    pub redirect_uri: Option<String>,
    /// The PKCE verifier.
    pub code_verifier: CodeVerifier,
    /// Narrows the first access token to these APIs (RFC 8707 §2.2).
    pub resources: Vec<String>,
}

/// Proof that a redemption passed every check short of single use, which the ledger judges.
#[derive(Debug)]
pub struct RedeemableCode {
    /// What the code stands for.
    pub payload: CodePayload,
    /// What the first access token allows.
    pub grant: EffectiveGrant,
    _pkce: PkceVerified,
}

impl AuthorizationCode {
    /// Derives the code of a decision: of the authorization request and the attempt that won it. Deriving
    /// instead of drawing lets a second click be answered with the code of the first.
    pub fn derive(keys: &SealingKeys, shard: Shard, request_id: &str, attempt: &str) -> Option<Self> {
        let id = keys.current_id();
        let handle = keys.mac(
            id,
            Purpose::AuthorizationCode,
            &[request_id.as_bytes(), attempt.as_bytes()],
        )?;
        let handle = handle.get(..HANDLE)?;
        let shard_bytes = shard.number().to_be_bytes();
        let tag = keys.mac(id, Purpose::AuthorizationCodeTag, &[&shard_bytes, handle])?;
        let body = [&[id], shard_bytes.as_slice(), handle, tag.get(..TAG)?].concat();
        Some(Self {
            text: format!("{PREFIX}{}", base64url(body)),
            shard,
        })
    }

    /// Reads a code; garbage fails here, before any storage is asked.
    pub fn parse(keys: &SealingKeys, text: &str) -> Option<Self> {
        let encoded = text.strip_prefix(PREFIX).filter(|encoded| encoded.len() <= 64)?;
        let body: [u8; 1 + 2 + HANDLE + TAG] = from_base64url(encoded)?.try_into().ok()?;
        let (&id, rest) = body.split_first()?;
        let (shard_bytes, rest) = rest.split_first_chunk::<2>()?;
        let (handle, tag) = rest.split_first_chunk::<HANDLE>()?;
        let authentic = keys.mac_matches(id, Purpose::AuthorizationCodeTag, &[shard_bytes, handle], tag);
        let shard = Shard::from_number(u16::from_be_bytes(*shard_bytes))?;
        authentic.then(|| Self {
            text: text.to_owned(),
            shard,
        })
    }

    /// The code itself, to be sent to the app.
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// The hash it is stored under.
    pub fn hash(&self) -> String {
        hash(&self.text)
    }

    /// The ledger object that judges it.
    pub fn shard(&self) -> Shard {
        self.shard
    }
}

impl std::fmt::Debug for AuthorizationCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AuthorizationCode([redacted], shard {})", self.shard.number())
    }
}

impl CodePayload {
    /// Checks who redeems, with what, when. Nothing is consumed: a wrong client, redirect URI, key, verifier or
    /// resource leaves the code as good as it was.
    pub fn check(
        self,
        redemption: &CodeRedemption,
        client: &AuthenticatedClient,
        proof: Option<&ProvenKey>,
        now: Timestamp,
    ) -> Result<RedeemableCode, OAuthError> {
        let invalid_grant = |description: &str| OAuthError::new(ErrorCode::InvalidGrant, description);
        if self.client_id != client.app().client_id {
            return Err(invalid_grant("the code was issued to another client"));
        }
        if redemption
            .redirect_uri
            .as_deref()
            .is_some_and(|uri| uri != self.redirect_uri.as_str())
        {
            return Err(invalid_grant(
                "redirect_uri differs from the one in the authorization request",
            ));
        }
        if self.app_epoch < client.app().epoch {
            return Err(invalid_grant(
                "the code was issued before this app was suspended or changed",
            ));
        }
        if self.expires_at <= now {
            return Err(invalid_grant("the code has expired: codes live 60 seconds"));
        }
        if self.dpop_jkt.is_some() && self.dpop_jkt.as_deref() != proof.map(|proof| proof.thumbprint.as_str()) {
            return Err(invalid_grant(
                "the code is bound to a DPoP key: send a proof made with that key",
            ));
        }
        let pkce = self.code_challenge.verify(&redemption.code_verifier)?;
        let resources = narrow_resources(&self.resources, &redemption.resources)
            .ok_or_else(|| OAuthError::new(ErrorCode::InvalidTarget, "resource is not part of this grant"))?;
        let available = client.app().available_scopes(SubjectType::User);
        let grant = available
            .effective(&self.scopes, &resources)
            .ok_or_else(|| invalid_grant("nothing that was agreed to is available to this app any more"))?;
        Ok(RedeemableCode {
            payload: self,
            grant,
            _pkce: pkce,
        })
    }
}

#[cfg(test)]
#[path = "authorization_code_tests.rs"]
pub mod tests;
