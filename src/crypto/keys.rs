//! The operator's sealing keys and what is derived from them.

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use thiserror::Error;
use zeroize::Zeroizing;

use super::{equal_in_constant_time, from_base64url};

/// What a derived key is for. Each purpose has its own HKDF label (RFC 5869), so that a value made for
/// one never passes for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Seals an authorization request while its user signs in.
    PendingRequest,
    /// Seals an authorization request that one user in one session may decide.
    DecidableRequest,
    /// Derives an authorization code from its request.
    AuthorizationCode,
    /// Authenticates authorization codes, so that garbage costs no storage call.
    AuthorizationCodeTag,
    /// Authenticates refresh tokens, which are stored nowhere.
    RefreshToken,
    /// Makes the tokens that protect forms against cross-site requests.
    Csrf,
    /// Makes the nonces of DPoP proofs.
    DpopNonce,
    /// Seals a pushed authorization request into its `request_uri`.
    PushedRequest,
    /// Seals the signing keys at rest.
    Keyring,
    /// Seals an attempt to sign in while its user is elsewhere.
    SignIn,
    /// Hashes addresses for the audit trail.
    AuditAddress,
    /// Seals the answer to a creation, for whoever sends it again.
    IdempotentReply,
    /// Seals what webhooks are signed with.
    WebhookSecret,
    /// Makes what developers put into the document of an app that they claim.
    AppClaim,
    /// Stands for users where calls are counted one by one.
    UserOfCall,
}

impl Purpose {
    fn label(self) -> &'static [u8] {
        match self {
            Self::PendingRequest => b"latchkey/1/pending-request",
            Self::DecidableRequest => b"latchkey/1/decidable-request",
            Self::AuthorizationCode => b"latchkey/1/authorization-code",
            Self::AuthorizationCodeTag => b"latchkey/1/authorization-code-tag",
            Self::RefreshToken => b"latchkey/1/refresh-token",
            Self::Csrf => b"latchkey/1/csrf",
            Self::DpopNonce => b"latchkey/1/dpop-nonce",
            Self::PushedRequest => b"latchkey/1/pushed-request",
            Self::Keyring => b"latchkey/1/keyring",
            Self::SignIn => b"latchkey/1/sign-in",
            Self::AuditAddress => b"latchkey/1/audit-address",
            Self::IdempotentReply => b"latchkey/1/idempotent-reply",
            Self::WebhookSecret => b"latchkey/1/webhook-secret",
            Self::AppClaim => b"latchkey/1/app-claim",
            Self::UserOfCall => b"latchkey/1/user-of-call",
        }
    }
}

/// Why `LATCHKEY_SECRET` cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SealingKeysError {
    /// No key at all.
    #[error("LATCHKEY_SECRET is empty")]
    Empty,
    /// An entry is not `id:key`, its id not 1 to 255, or its key not 32 bytes of base64url.
    #[error("LATCHKEY_SECRET must be id:key pairs, id 1 to 255, key 32 bytes in base64url")]
    Malformed,
    /// Two entries with one id.
    #[error("LATCHKEY_SECRET names one key id twice")]
    Repeated,
}

/// The keys of `LATCHKEY_SECRET`: the first makes new values, every one accepts old ones. To change keys,
/// an operator first deploys the new one in second place, then moves it to the first.
pub struct SealingKeys {
    current: SealingKey,
    older: Vec<SealingKey>,
}

struct SealingKey {
    id: u8,
    key: Zeroizing<[u8; 32]>,
}

impl SealingKeys {
    /// Reads `id:base64url(32 bytes)` pairs separated by commas.
    pub fn parse(text: &str) -> Result<Self, SealingKeysError> {
        let mut keys = Vec::new();
        for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let key = SealingKey::parse(entry).ok_or(SealingKeysError::Malformed)?;
            if keys.iter().any(|other: &SealingKey| other.id == key.id) {
                return Err(SealingKeysError::Repeated);
            }
            keys.push(key);
        }
        let mut keys = keys.into_iter();
        let current = keys.next().ok_or(SealingKeysError::Empty)?;
        Ok(Self {
            current,
            older: keys.collect(),
        })
    }

    /// The id of the key that makes new values.
    pub fn current_id(&self) -> u8 {
        self.current.id
    }

    /// The key for one purpose and salt; `None` when no key has this id.
    pub fn derive(&self, id: u8, purpose: Purpose, salt: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
        let key = std::iter::once(&self.current)
            .chain(&self.older)
            .find(|key| key.id == id)?;
        let mut derived = Zeroizing::new([0; 32]);
        Hkdf::<Sha256>::new(Some(salt), key.key.as_slice())
            .expand(purpose.label(), derived.as_mut_slice())
            .ok()?;
        Some(derived)
    }

    /// HMAC-SHA-256 over the parts, each preceded by its length so that no two lists of parts collide.
    pub fn mac(&self, id: u8, purpose: Purpose, parts: &[&[u8]]) -> Option<[u8; 32]> {
        let key = self.derive(id, purpose, b"")?;
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key.as_slice()).ok()?;
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        Some(mac.finalize().into_bytes().into())
    }

    /// Whether `tag` is the beginning, at least 16 bytes long, of the MAC over `parts`.
    pub fn mac_matches(&self, id: u8, purpose: Purpose, parts: &[&[u8]], tag: &[u8]) -> bool {
        let Some(mac) = self.mac(id, purpose, parts) else {
            return false;
        };
        tag.len() >= 16 && mac.get(..tag.len()).is_some_and(|mac| equal_in_constant_time(mac, tag))
    }
}

impl SealingKey {
    fn parse(entry: &str) -> Option<Self> {
        let (id, key) = entry.split_once(':')?;
        let id = id.parse().ok().filter(|id| *id > 0)?;
        let key = Zeroizing::new(from_base64url(key)?);
        Some(Self {
            id,
            key: Zeroizing::new(key.as_slice().try_into().ok()?),
        })
    }
}

impl std::fmt::Debug for SealingKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SealingKeys(current {}, [redacted])", self.current.id)
    }
}

#[cfg(test)]
pub mod testing {
    use super::*;

    /// Two keys, `1` in use and `2` accepted.
    pub fn sealing_keys() -> SealingKeys {
        let (one, two) = (crate::crypto::base64url([1; 32]), crate::crypto::base64url([2; 32]));
        SealingKeys::parse(&format!("1:{one},2:{two}")).unwrap()
    }

    #[test]
    fn a_secret_that_is_empty_short_or_repeats_an_id_is_refused() {
        let good = crate::crypto::base64url([1; 32]);
        for (text, error) in [
            (String::new(), SealingKeysError::Empty),
            (" , ".into(), SealingKeysError::Empty),
            (good.clone(), SealingKeysError::Malformed),
            (format!("0:{good}"), SealingKeysError::Malformed),
            (format!("256:{good}"), SealingKeysError::Malformed),
            ("1:c2hvcnQ".into(), SealingKeysError::Malformed),
            (format!("1:{good},1:{good}"), SealingKeysError::Repeated),
        ] {
            assert_eq!(SealingKeys::parse(&text).unwrap_err(), error, "{text}");
        }
    }

    #[test]
    fn a_key_differs_by_purpose_salt_and_id() {
        let keys = sealing_keys();
        let key = |id, purpose, salt: &[u8]| *keys.derive(id, purpose, salt).unwrap();
        let one = key(1, Purpose::Csrf, b"");
        assert_ne!(one, key(1, Purpose::Keyring, b""));
        assert_ne!(one, key(1, Purpose::Csrf, b"salt"));
        assert_ne!(one, key(2, Purpose::Csrf, b""));
        assert!(keys.derive(3, Purpose::Csrf, b"").is_none());
    }

    #[test]
    fn a_mac_does_not_pass_for_other_parts_or_cut_too_short() {
        let keys = sealing_keys();
        let tag = keys.mac(1, Purpose::RefreshToken, &[b"ab", b"c"]).unwrap();
        let matches = |parts: &[&[u8]], tag: &[u8]| keys.mac_matches(1, Purpose::RefreshToken, parts, tag);
        assert!(matches(&[b"ab", b"c"], &tag[..16]));
        assert!(!matches(&[b"a", b"bc"], &tag));
        assert!(!matches(&[b"ab", b"c"], &tag[..15]));
        assert!(!matches(&[b"ab", b"c"], &[]));
        assert!(!matches(&[b"ab", b"c"], &[tag.as_slice(), b"x"].concat()));
    }

    #[test]
    fn the_keys_do_not_show_themselves() {
        assert_eq!(format!("{:?}", sealing_keys()), "SealingKeys(current 1, [redacted])");
    }
}
