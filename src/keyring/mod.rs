//! The signing keys: kept sealed, published as a JWK Set (RFC 7517 §5), replaced before they are old.

mod freshness;
mod life_cycle;
#[cfg(test)]
mod life_cycle_tests;
mod policy;
mod stored;

pub use freshness::{Asked, Reading, Unknown, is_due_for_a_read, on_unknown_key};
pub use life_cycle::{Change, KeyState};
pub use policy::{Policy, PolicyError, PolicyVariables};

use std::rc::Rc;
use std::time::Duration;

use serde::Serialize;

use crate::crypto::signing::{PrivateKey, PublicKey, SigningAlgorithm};
use crate::time::Timestamp;

/// For how long a JWK Set may be cached.
pub const JWKS_MAX_AGE: Duration = Duration::from_secs(300);
/// How long an isolate uses the set it has read.
pub const LIFETIME: Duration = Duration::from_secs(60);
/// How often the cron trigger runs (`wrangler.toml`).
const CRON_PERIOD: Duration = Duration::from_secs(300);
/// How long KV may go on answering with what was there before.
const KV_LAG: Duration = Duration::from_secs(120);
/// The longest life of an access token; the schema allows no more.
const LONGEST_TOKEN: Duration = Duration::from_secs(86_400);

/// The keys of this server, in every state between making and removal.
#[derive(Debug, Default)]
pub struct KeySet {
    /// Rises with every change, so that two readings can be told apart.
    pub version: u64,
    keys: Vec<KeyPair>,
}

/// One signing key.
#[derive(Debug)]
pub struct KeyPair {
    /// Its name: the thumbprint of its public half (RFC 7638).
    pub kid: String,
    /// The key.
    pub private: Rc<PrivateKey>,
    /// When it was made, or brought by the operator.
    pub created_at: Timestamp,
    /// From when it signs; `None` as long as nobody knows whether it is published.
    pub use_from: Option<Timestamp>,
    /// From when another key signs in its place.
    pub superseded_from: Option<Timestamp>,
    /// Since when that is published, so that no isolate can be without the news for long.
    pub end_known_since: Option<Timestamp>,
}

/// The public keys as they are published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PublicKeys {
    keys: Vec<PublicJwk>,
}

/// A public signing key (RFC 7517 §4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct PublicJwk {
    #[serde(flatten)]
    key: PublicKey,
    #[serde(rename = "use")]
    usage: &'static str,
    alg: SigningAlgorithm,
    kid: String,
}

impl KeySet {
    /// The key to sign with. When none is in use, the next one in line takes over before its time.
    pub fn current(&self, algorithm: SigningAlgorithm, now: Timestamp) -> Option<&KeyPair> {
        let live = self.live(algorithm, now);
        let in_use = live.clone().filter(|key| key.state(now) == KeyState::InUse);
        let waiting = || live.filter(|key| key.use_from.is_some()).min_by_key(|key| key.use_from);
        in_use.max_by_key(|key| key.use_from).or_else(waiting)
    }

    /// A key by its name.
    pub fn find(&self, kid: &str) -> Option<&KeyPair> {
        self.keys.iter().find(|key| key.kid == kid)
    }

    /// Every key.
    pub fn iter(&self) -> impl Iterator<Item = &KeyPair> {
        self.keys.iter()
    }

    /// Takes out the keys of these names; tells whether there were any.
    pub fn remove(&mut self, revoked: &[String]) -> bool {
        let before = self.keys.len();
        self.keys.retain(|key| !revoked.contains(&key.kid));
        self.keys.len() < before
    }

    /// What is published of the set: every key in it, also those that do not sign yet or any more.
    pub fn public_keys(&self) -> PublicKeys {
        let jwk = |key: &KeyPair| PublicJwk {
            key: key.private.public_key(),
            usage: "sig",
            alg: key.algorithm(),
            kid: key.kid.clone(),
        };
        PublicKeys {
            keys: self.keys.iter().map(jwk).collect(),
        }
    }

    fn live(&self, algorithm: SigningAlgorithm, now: Timestamp) -> impl Iterator<Item = &KeyPair> + Clone {
        let of_algorithm = self.keys.iter().filter(move |key| key.algorithm() == algorithm);
        of_algorithm.filter(move |key| key.state(now) != KeyState::Superseded)
    }
}

impl KeyPair {
    /// The algorithm it signs with.
    pub fn algorithm(&self) -> SigningAlgorithm {
        self.private.algorithm()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::ec_key::EcPrivateKey;
    use crate::crypto::rsa_key::testing::rsa_key;
    use crate::random::testing::Seeded;

    // Covers: R52
    #[test]
    fn only_public_members_are_published_each_with_its_algorithm() {
        let mut keys = KeySet::default();
        keys.add(PrivateKey::Ec(EcPrivateKey::generate(&Seeded::default())), Timestamp(0));
        keys.add(PrivateKey::Rsa(rsa_key()), Timestamp(0));
        let published = serde_json::to_value(keys.public_keys()).unwrap();
        let members = |at: usize| -> Vec<String> {
            let key = published["keys"][at].as_object().unwrap();
            key.keys().cloned().collect()
        };
        assert_eq!(members(0), ["alg", "crv", "kid", "kty", "use", "x", "y"]);
        assert_eq!(members(1), ["alg", "e", "kid", "kty", "n", "use"]);
        let of = |at: usize, member: &str| published["keys"][at][member].as_str().unwrap().to_owned();
        assert_eq!((of(0, "kty"), of(0, "alg")), ("EC".into(), "ES256".into()));
        assert_eq!((of(1, "kty"), of(1, "alg")), ("RSA".into(), "RS256".into()));
    }
}
