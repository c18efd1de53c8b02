//! The sealed form of the set, at rest in the `Keyring` object and in its mirror.

use std::rc::Rc;

use serde::Serialize;
use serde_json::Value;
use zeroize::Zeroizing;

use super::{KeyPair, KeySet};
use crate::crypto::ec_key::EcPrivateKey;
use crate::crypto::keys::{Purpose, SealingKeys};
use crate::crypto::rsa_key::RsaPrivateKey;
use crate::crypto::seal;
use crate::crypto::signing::PrivateKey;
use crate::random::Random;
use crate::time::Timestamp;

#[derive(Serialize)]
struct StoredSet {
    version: u64,
    keys: Vec<StoredKey>,
}

#[derive(Serialize)]
struct StoredKey {
    #[serde(flatten)]
    private: StoredPrivateKey,
    created_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    use_from: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    superseded_from: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_known_since: Option<Timestamp>,
}

#[derive(Serialize)]
#[serde(tag = "kty")]
enum StoredPrivateKey {
    #[serde(rename = "EC")]
    Ec { d: Zeroizing<String> },
    #[serde(rename = "RSA")]
    Rsa(RsaPrivateKey),
}

impl KeySet {
    /// The form in which the set is stored; `None` when there are too many keys for it.
    pub fn seal(&self, sealing_keys: &SealingKeys, random: &dyn Random) -> Option<String> {
        let stored = |key: &KeyPair| StoredKey {
            private: match &*key.private {
                PrivateKey::Ec(key) => StoredPrivateKey::Ec { d: key.d() },
                PrivateKey::Rsa(key) => StoredPrivateKey::Rsa(key.clone()),
            },
            created_at: key.created_at,
            use_from: key.use_from,
            superseded_from: key.superseded_from,
            end_known_since: key.end_known_since,
        };
        let set = StoredSet {
            version: self.version,
            keys: self.keys.iter().map(stored).collect(),
        };
        seal::seal_up_to(seal::MAX_STORED, sealing_keys, Purpose::Keyring, random, &set)
    }

    /// Opens what [`KeySet::seal`] made. A set without a key is none.
    pub fn open(sealing_keys: &SealingKeys, sealed: &str) -> Option<Self> {
        let found = seal::open_up_to(seal::MAX_STORED, sealing_keys, Purpose::Keyring, sealed)?;
        let (version, keys): (_, Option<Vec<KeyPair>>) = match &found {
            Value::Object(set) => (
                set.get("version")?.as_u64()?,
                set.get("keys")?.as_array()?.iter().map(read_key).collect(),
            ),
            Value::Array(keys) => (0, keys.iter().map(read_bare_key).collect()),
            _ => return None,
        };
        let keys = keys.filter(|keys| !keys.is_empty())?;
        Some(Self { version, keys })
    }
}

fn read_key(stored: &Value) -> Option<KeyPair> {
    let members = stored.as_object()?;
    let time = |name: &str| match members.get(name) {
        None | Some(Value::Null) => Some(None),
        Some(time) => time.as_i64().map(|time| Some(Timestamp(time))),
    };
    let private = PrivateKey::from_stored_jwk(members).ok()?;
    Some(KeyPair {
        kid: private.thumbprint(),
        private: Rc::new(private),
        created_at: time("created_at")??,
        use_from: time("use_from")?,
        superseded_from: time("superseded_from")?,
        end_known_since: time("end_known_since")?,
    })
}

/// The form before there were life cycles: P-256 keys that were in use as soon as they were made.
fn read_bare_key(stored: &Value) -> Option<KeyPair> {
    let private = EcPrivateKey::from_d(stored.get("d")?.as_str()?).map(PrivateKey::Ec)?;
    let created_at = Timestamp(stored.get("created_at")?.as_i64()?);
    Some(KeyPair {
        kid: private.thumbprint(),
        private: Rc::new(private),
        created_at,
        use_from: Some(created_at),
        superseded_from: None,
        end_known_since: None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::crypto::keys::testing::sealing_keys;
    use crate::crypto::rsa_key::testing::rsa_key;
    use crate::crypto::signing::SigningAlgorithm;
    use crate::random::testing::Seeded;

    fn sealed(value: &serde_json::Value) -> String {
        seal::seal(&sealing_keys(), Purpose::Keyring, &Seeded::default(), value).unwrap()
    }

    #[test]
    fn a_set_survives_its_sealed_form_and_shows_no_key_there() {
        let random = Seeded::default();
        let mut keys = KeySet::default();
        keys.add(PrivateKey::Ec(EcPrivateKey::generate(&random)), Timestamp(7));
        keys.add(PrivateKey::Rsa(rsa_key()), Timestamp(8));
        keys.add(PrivateKey::Ec(EcPrivateKey::generate(&random)), Timestamp(9));
        keys.publish(Timestamp(9));
        keys.publish(Timestamp(10));
        keys.version = 3;
        let sealed = keys.seal(&sealing_keys(), &random).unwrap();
        let opened = KeySet::open(&sealing_keys(), &sealed).unwrap();
        assert_eq!(opened.version, 3);
        assert_eq!(opened.public_keys(), keys.public_keys());
        let times = |keys: &KeySet| -> Vec<_> {
            let times = |key: &KeyPair| (key.created_at, key.use_from, key.superseded_from, key.end_known_since);
            keys.iter().map(times).collect()
        };
        assert_eq!(times(&opened), times(&keys));
        assert!(!sealed.contains(rsa_key().d.as_str()));
        assert!(KeySet::open(&sealing_keys(), "garbage").is_none());
    }

    #[test]
    fn a_set_stored_before_keys_had_a_life_cycle_still_opens() {
        let key = EcPrivateKey::generate(&Seeded::default());
        let opened = KeySet::open(
            &sealing_keys(),
            &sealed(&json!([{ "d": key.d().as_str(), "created_at": 7 }])),
        );
        let opened = opened.unwrap();
        let current = opened.current(SigningAlgorithm::Es256, Timestamp(8)).unwrap();
        assert_eq!(current.kid, key.public_key().thumbprint());
        assert_eq!(
            (current.created_at, current.use_from),
            (Timestamp(7), Some(Timestamp(7)))
        );
        assert!(opened.current(SigningAlgorithm::Rs256, Timestamp(8)).is_none());
    }

    #[test]
    fn a_set_without_a_key_is_none() {
        for empty in [json!([]), json!({ "version": 1, "keys": [] }), json!({})] {
            assert!(KeySet::open(&sealing_keys(), &sealed(&empty)).is_none(), "{empty}");
        }
    }

    #[test]
    fn the_stored_form_of_a_key_stays_readable() {
        let d = EcPrivateKey::generate(&Seeded::default()).d();
        let key = json!({ "kty": "EC", "d": d.as_str(), "created_at": 1, "use_from": 2, "superseded_from": 3 });
        let opened = KeySet::open(&sealing_keys(), &sealed(&json!({ "version": 4, "keys": [key] }))).unwrap();
        let key = opened.iter().next().unwrap();
        assert_eq!(
            (opened.version, key.created_at, key.use_from, key.superseded_from),
            (4, Timestamp(1), Some(Timestamp(2)), Some(Timestamp(3)))
        );
    }
}
