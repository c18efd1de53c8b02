//! Values that leave the server and come back unread and unchanged.

use chacha20poly1305::aead::{Aead, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use zeroize::Zeroizing;

use super::keys::{Purpose, SealingKeys};
use super::{base64url, from_base64url};
use crate::json;
use crate::random::{self, Random};

/// The longest sealed value, in letters: it has to fit into a URL.
pub const MAX_SEALED: usize = 8 * 1024;
/// The longest sealed value that stays in storage, in letters: some twenty RSA keys.
pub const MAX_STORED: usize = 128 * 1024;
const SALT: usize = 16;

/// Encrypts and authenticates `value`. Each blob is sealed under a key of its own (HKDF over a random
/// salt), so the nonce may stay zero. `None` when the result would exceed [`MAX_SEALED`].
pub fn seal<T: Serialize>(keys: &SealingKeys, purpose: Purpose, random: &dyn Random, value: &T) -> Option<String> {
    seal_up_to(MAX_SEALED, keys, purpose, random, value)
}

/// The same for what never travels in a URL, up to `limit` letters.
pub fn seal_up_to<T: Serialize>(
    limit: usize,
    keys: &SealingKeys,
    purpose: Purpose,
    random: &dyn Random,
    value: &T,
) -> Option<String> {
    let plaintext = Zeroizing::new(serde_json::to_vec(value).ok()?);
    seal_bytes(limit, keys, purpose, random, &plaintext)
}

fn seal_bytes(
    limit: usize,
    keys: &SealingKeys,
    purpose: Purpose,
    random: &dyn Random,
    plaintext: &[u8],
) -> Option<String> {
    let salt: [u8; SALT] = random::bytes(random);
    let id = keys.current_id();
    let ciphertext = cipher(keys, id, purpose, &salt)?
        .encrypt(&Nonce::default(), plaintext)
        .ok()?;
    let sealed = base64url([&[id], salt.as_slice(), &ciphertext].concat());
    (sealed.len() <= limit).then_some(sealed)
}

/// Opens what [`seal`] made for the same purpose; everything else is `None`.
pub fn open<T: DeserializeOwned>(keys: &SealingKeys, purpose: Purpose, sealed: &str) -> Option<T> {
    json::from_slice(&open_bytes(MAX_SEALED, keys, purpose, sealed)?).ok()
}

/// Opens what [`seal_up_to`] made; anything longer than `limit` letters is not even decoded.
pub fn open_up_to(limit: usize, keys: &SealingKeys, purpose: Purpose, sealed: &str) -> Option<Value> {
    json::parse(&open_bytes(limit, keys, purpose, sealed)?).ok()
}

fn open_bytes(limit: usize, keys: &SealingKeys, purpose: Purpose, sealed: &str) -> Option<Zeroizing<Vec<u8>>> {
    if sealed.len() > limit {
        return None;
    }
    let bytes = from_base64url(sealed)?;
    let (id, rest) = bytes.split_first()?;
    let (salt, ciphertext) = rest.split_at_checked(SALT)?;
    let plaintext = cipher(keys, *id, purpose, salt)?
        .decrypt(&Nonce::default(), ciphertext)
        .ok()?;
    Some(Zeroizing::new(plaintext))
}

/// Whether a stored value was sealed under the key that seals today, so that older ones can be given up.
pub fn is_under_current_key(keys: &SealingKeys, sealed: &str) -> bool {
    let id = from_base64url(sealed).and_then(|bytes| bytes.first().copied());
    id == Some(keys.current_id())
}

fn cipher(keys: &SealingKeys, id: u8, purpose: Purpose, salt: &[u8]) -> Option<ChaCha20Poly1305> {
    let key = keys.derive(id, purpose, salt)?;
    ChaCha20Poly1305::new_from_slice(key.as_slice()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::keys::testing::sealing_keys;
    use crate::random::testing::Seeded;

    fn sealed(value: &str) -> String {
        seal(&sealing_keys(), Purpose::PendingRequest, &Seeded::default(), &value).unwrap()
    }

    #[test]
    fn what_was_sealed_opens_again_for_the_same_purpose_only() {
        let sealed = sealed("a request");
        let open = |purpose| open::<String>(&sealing_keys(), purpose, &sealed);
        assert_eq!(open(Purpose::PendingRequest).unwrap(), "a request");
        assert_eq!(open(Purpose::DecidableRequest), None);
    }

    #[test]
    fn a_blob_changed_in_any_letter_does_not_open() {
        let sealed = sealed("a request");
        for at in 0..sealed.len() {
            let mut changed = sealed.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(open::<String>(&sealing_keys(), Purpose::PendingRequest, &changed), None);
        }
    }

    #[test]
    fn garbage_and_blobs_cut_short_do_not_open() {
        let sealed = sealed("a request");
        for cut in 0..sealed.len() {
            assert_eq!(
                open::<String>(&sealing_keys(), Purpose::PendingRequest, &sealed[..cut]),
                None
            );
        }
        let long = "A".repeat(MAX_SEALED + 4);
        assert_eq!(open::<String>(&sealing_keys(), Purpose::PendingRequest, &long), None);
    }

    #[test]
    fn a_value_too_long_for_a_url_is_not_sealed() {
        let long = "x".repeat(MAX_SEALED);
        assert_eq!(
            seal(&sealing_keys(), Purpose::PendingRequest, &Seeded::default(), &long),
            None
        );
    }

    #[test]
    fn storage_holds_more_than_a_url_and_not_without_end() {
        let (keys, random) = (sealing_keys(), Seeded::default());
        let seal = |length: usize| seal_up_to(MAX_STORED, &keys, Purpose::Keyring, &random, &"x".repeat(length));
        let sealed = seal(MAX_SEALED * 2).unwrap();
        assert!(open_up_to(MAX_STORED, &keys, Purpose::Keyring, &sealed).is_some());
        assert_eq!(open::<String>(&keys, Purpose::Keyring, &sealed), None);
        assert_eq!(seal(MAX_STORED), None);
    }

    #[test]
    fn what_an_older_key_sealed_is_told_apart() {
        let old = SealingKeys::parse(&format!("2:{}", base64url([2; 32]))).unwrap();
        let of = |keys: &SealingKeys| seal(keys, Purpose::Keyring, &Seeded::default(), &"kept").unwrap();
        assert!(is_under_current_key(&sealing_keys(), &of(&sealing_keys())));
        assert!(!is_under_current_key(&sealing_keys(), &of(&old)));
        assert!(!is_under_current_key(&sealing_keys(), ""));
    }

    #[test]
    fn an_older_key_still_opens_what_it_sealed() {
        let old = SealingKeys::parse(&format!("2:{}", base64url([2; 32]))).unwrap();
        let sealed = seal(&old, Purpose::Keyring, &Seeded::default(), &"kept").unwrap();
        assert_eq!(
            open::<String>(&sealing_keys(), Purpose::Keyring, &sealed).unwrap(),
            "kept"
        );
    }

    #[test]
    fn two_blobs_of_one_value_differ() {
        let random = Seeded::default();
        let seal = || seal(&sealing_keys(), Purpose::PendingRequest, &random, &"same").unwrap();
        assert_ne!(seal(), seal());
    }
}
