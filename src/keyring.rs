//! The signing keys: made once, sealed at rest, published as a JWK Set (RFC 7517 §5).

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::crypto::ec_key::{EcPrivateKey, EcPublicKey};
use crate::crypto::keys::{Purpose, SealingKeys};
use crate::crypto::seal;
use crate::random::Random;
use crate::time::Timestamp;

/// Seconds for which a JWK Set may be cached.
pub const JWKS_MAX_AGE: u32 = 300;

/// The private keys, the one to sign with first.
#[derive(Debug)]
pub struct KeySet {
    keys: Vec<KeyPair>,
}

/// One signing key.
#[derive(Debug)]
pub struct KeyPair {
    /// Its name: the thumbprint of its public half (RFC 7638).
    pub kid: String,
    /// The key.
    pub private: EcPrivateKey,
    /// When it was made.
    pub created_at: Timestamp,
}

/// The public keys as they are published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PublicKeys {
    keys: Vec<PublicJwk>,
}

/// A public P-256 signing key (RFC 7518 §6.2.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct PublicJwk {
    kty: &'static str,
    crv: &'static str,
    #[serde(flatten)]
    point: EcPublicKey,
    #[serde(rename = "use")]
    usage: &'static str,
    alg: &'static str,
    kid: String,
}

/// The sealed form's content.
#[derive(Serialize, Deserialize)]
struct StoredKey {
    d: Zeroizing<String>,
    created_at: Timestamp,
}

impl KeySet {
    /// A set of one new key.
    pub fn generate(random: &dyn Random, now: Timestamp) -> Self {
        Self {
            keys: vec![KeyPair::new(EcPrivateKey::generate(random), now)],
        }
    }

    /// The form in which the set is stored.
    pub fn seal(&self, sealing_keys: &SealingKeys, random: &dyn Random) -> Option<String> {
        let stored: Vec<StoredKey> = self
            .keys
            .iter()
            .map(|key| StoredKey {
                d: key.private.d(),
                created_at: key.created_at,
            })
            .collect();
        seal::seal(sealing_keys, Purpose::Keyring, random, &stored)
    }

    /// Opens what [`KeySet::seal`] made. A set without a key is none.
    pub fn open(sealing_keys: &SealingKeys, sealed: &str) -> Option<Self> {
        let stored: Vec<StoredKey> = seal::open(sealing_keys, Purpose::Keyring, sealed)?;
        let keys: Option<Vec<KeyPair>> = stored
            .iter()
            .map(|key| Some(KeyPair::new(EcPrivateKey::from_d(&key.d)?, key.created_at)))
            .collect();
        keys.filter(|keys| !keys.is_empty()).map(|keys| Self { keys })
    }

    /// The key to sign with.
    pub fn current(&self) -> Option<&KeyPair> {
        self.keys.first()
    }

    /// A key by its name.
    pub fn find(&self, kid: &str) -> Option<&KeyPair> {
        self.keys.iter().find(|key| key.kid == kid)
    }

    /// Every key.
    pub fn iter(&self) -> impl Iterator<Item = &KeyPair> {
        self.keys.iter()
    }

    /// What is published of the set.
    pub fn public_keys(&self) -> PublicKeys {
        let jwk = |key: &KeyPair| PublicJwk {
            kty: "EC",
            crv: "P-256",
            point: key.private.public_key(),
            usage: "sig",
            alg: "ES256",
            kid: key.kid.clone(),
        };
        PublicKeys {
            keys: self.keys.iter().map(jwk).collect(),
        }
    }
}

impl KeyPair {
    fn new(private: EcPrivateKey, created_at: Timestamp) -> Self {
        Self {
            kid: private.public_key().thumbprint(),
            private,
            created_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::keys::testing::sealing_keys;
    use crate::random::testing::Seeded;

    // Covers: R52
    #[test]
    fn only_public_members_are_published() {
        let keys = KeySet::generate(&Seeded::default(), Timestamp(0));
        let published = serde_json::to_value(keys.public_keys()).unwrap();
        let members: Vec<&String> = published["keys"][0].as_object().unwrap().keys().collect();
        assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x", "y"]);
    }

    #[test]
    fn a_set_survives_its_sealed_form_and_shows_no_key_there() {
        let random = Seeded::default();
        let keys = KeySet::generate(&random, Timestamp(7));
        let sealed = keys.seal(&sealing_keys(), &random).unwrap();
        let opened = KeySet::open(&sealing_keys(), &sealed).unwrap();
        assert_eq!(opened.public_keys(), keys.public_keys());
        assert_eq!(opened.current().unwrap().created_at, Timestamp(7));
        assert!(!sealed.contains(keys.current().unwrap().private.d().as_str()));
        assert!(KeySet::open(&sealing_keys(), "garbage").is_none());
    }
}
