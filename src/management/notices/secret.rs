//! What payloads are signed with, as Standard Webhooks has it.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::crypto::keys::{Purpose, SealingKeys};
use crate::crypto::seal;
use crate::random::{self, Random};
use crate::time::Timestamp;

/// How a secret begins when it is shown.
pub const PREFIX: &str = "whsec_";
/// How long the last secret signs beside a new one.
pub const OVERLAP: Duration = Duration::from_secs(24 * 3600);
/// Random bytes of a new secret.
const BYTES: usize = 32;

/// A signing secret: 24 to 64 bytes. It does not show itself.
pub struct SigningSecret(Zeroizing<Vec<u8>>);

/// The secret of an endpoint, and the one before for as long as it signs too.
#[derive(Debug)]
pub struct SigningSecrets {
    current: SigningSecret,
    previous: Option<(SigningSecret, Timestamp)>,
}

/// What is sealed.
#[derive(Serialize, Deserialize)]
struct Stored {
    current: Zeroizing<String>,
    previous: Option<Zeroizing<String>>,
    previous_until: Option<Timestamp>,
}

impl SigningSecret {
    /// Draws a new one.
    pub fn draw(random: &dyn Random) -> Self {
        let bytes: Zeroizing<[u8; BYTES]> = Zeroizing::new(random::bytes(random));
        Self(Zeroizing::new(bytes.to_vec()))
    }

    /// Reads `whsec_` and 24 to 64 bytes as base64.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(STANDARD.decode(text.strip_prefix(PREFIX)?).ok()?);
        (24..=64).contains(&bytes.len()).then_some(Self(bytes))
    }

    /// The secret as its owner keeps it.
    pub fn reveal(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{PREFIX}{}", STANDARD.encode(self.0.as_slice())))
    }

    /// One signature: `v1,` and the HMAC-SHA-256 of `id.timestamp.body` as base64.
    fn sign(&self, id: &str, seconds: i64, body: &str) -> Option<String> {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(self.0.as_slice()).ok()?;
        for part in [id, ".", &seconds.to_string(), ".", body] {
            mac.update(part.as_bytes());
        }
        Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
    }
}

impl std::fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningSecret([redacted])")
    }
}

impl SigningSecrets {
    /// Those of a new endpoint.
    pub fn of(current: SigningSecret) -> Self {
        Self {
            current,
            previous: None,
        }
    }

    /// Puts `new` in the place of the secret there is, which signs beside it for a day. Whatever was before that one
    /// signs no more.
    pub fn replaced_by(self, new: SigningSecret, now: Timestamp) -> Self {
        Self {
            current: new,
            previous: Some((self.current, now + OVERLAP)),
        }
    }

    /// The `webhook-signature` header: the current secret's signature, and the previous one's while it counts.
    pub fn signatures(&self, id: &str, now: Timestamp, body: &str) -> Option<String> {
        let sign = |secret: &SigningSecret| secret.sign(id, now.as_seconds(), body);
        let mut header = sign(&self.current)?;
        if let Some((previous, until)) = &self.previous
            && now < *until
        {
            header.push(' ');
            header.push_str(&sign(previous)?);
        }
        Some(header)
    }

    /// Sealed, as they are stored.
    pub fn seal(&self, keys: &SealingKeys, random: &dyn Random) -> Option<String> {
        let stored = Stored {
            current: self.current.reveal(),
            previous: self.previous.as_ref().map(|(secret, _)| secret.reveal()),
            previous_until: self.previous.as_ref().map(|(_, until)| *until),
        };
        seal::seal(keys, Purpose::WebhookSecret, random, &stored)
    }

    /// Opens what [`Self::seal`] made. `None` when the key behind it is gone.
    pub fn open(keys: &SealingKeys, sealed: &str) -> Option<Self> {
        let stored: Stored = seal::open(keys, Purpose::WebhookSecret, sealed)?;
        let previous = match (stored.previous, stored.previous_until) {
            (Some(secret), Some(until)) => Some((SigningSecret::parse(&secret)?, until)),
            _ => None,
        };
        Some(Self {
            current: SigningSecret::parse(&stored.current)?,
            previous,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::base64url;
    use crate::crypto::keys::testing::sealing_keys;
    use crate::random::testing::Seeded;

    /// The secret of the vector that the reference libraries are tested with.
    const PUBLISHED: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn secret(text: &str) -> SigningSecret {
        SigningSecret::parse(text).unwrap()
    }

    #[test]
    fn the_published_vector_comes_out() {
        let header = SigningSecrets::of(secret(PUBLISHED)).signatures(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            Timestamp(1_614_265_330_000),
            r#"{"test": 2432232314}"#,
        );
        assert_eq!(
            header.as_deref(),
            Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
        );
    }

    #[test]
    fn a_secret_that_is_short_long_or_written_otherwise_is_refused() {
        let of = |length: usize| format!("{PREFIX}{}", STANDARD.encode(vec![7; length]));
        for (text, good) in [
            (PUBLISHED.to_owned(), true),
            (of(23), false),
            (of(24), true),
            (of(64), true),
            (of(65), false),
            (of(0), false),
            (PUBLISHED.replace("whsec_", "WHSEC_"), false),
            (PUBLISHED.replace("whsec_", ""), false),
            (format!("{PUBLISHED}\n"), false),
            (of(32).replace('=', ""), false),
            (format!("{PREFIX}{}", base64url([0xfb; 32])), false),
        ] {
            assert_eq!(SigningSecret::parse(&text).is_some(), good, "{text}");
        }
    }

    #[test]
    fn after_a_rotation_both_sign_for_a_day_and_then_only_the_new_one() {
        let random = Seeded::new(1);
        let (one, two, three) = (
            SigningSecret::draw(&random),
            SigningSecret::draw(&random),
            secret(PUBLISHED),
        );
        let by = |secret: &SigningSecret, now: Timestamp| secret.sign("evt_1", now.as_seconds(), "{}").unwrap();
        let rotated = Timestamp(0);
        let (early, late) = (rotated + OVERLAP - Duration::from_millis(1), rotated + OVERLAP);
        let (ones, twos) = (by(&one, early), [by(&two, early), by(&two, late)]);
        let secrets = SigningSecrets::of(one).replaced_by(two, rotated);
        assert_eq!(
            secrets.signatures("evt_1", early, "{}").unwrap(),
            format!("{} {ones}", twos[0])
        );
        assert_eq!(secrets.signatures("evt_1", late, "{}").unwrap(), twos[1]);
        let threes = by(&three, early);
        let secrets = secrets.replaced_by(three, rotated);
        assert_eq!(
            secrets.signatures("evt_1", early, "{}").unwrap(),
            format!("{threes} {}", twos[0])
        );
    }

    #[test]
    fn what_was_sealed_signs_the_same_and_shows_no_secret() {
        let (keys, random) = (sealing_keys(), Seeded::new(2));
        let secrets = SigningSecrets::of(SigningSecret::draw(&random)).replaced_by(secret(PUBLISHED), Timestamp(5));
        let sealed = secrets.seal(&keys, &random).unwrap();
        let opened = SigningSecrets::open(&keys, &sealed).unwrap();
        let sign = |secrets: &SigningSecrets| secrets.signatures("evt_1", Timestamp(6), "{}");
        assert_eq!(sign(&opened), sign(&secrets));
        assert!(!sealed.contains("whsec"));
        assert!(!format!("{opened:?}").contains("MfKQ"));
        let foreign = SealingKeys::parse(&format!("9:{}", base64url([9; 32]))).unwrap();
        assert!(SigningSecrets::open(&foreign, &sealed).is_none());
        assert!(SigningSecrets::open(&keys, "").is_none());
    }
}
