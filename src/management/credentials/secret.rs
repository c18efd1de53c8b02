//! Secrets that are given out: drawn, shown once, kept as hashes.

use zeroize::Zeroizing;

use crate::oauth::secret::Secret;
use crate::random::{self, Random};

/// Letters of the 256 random bits.
const LETTERS: usize = 43;
/// Letters of the checksum.
const CHECKSUM: usize = 6;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// What a secret is for, which its prefix tells to whoever finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The secret of an app.
    Client,
    /// With what an API calls introspection.
    Api,
}

impl Kind {
    fn prefix(self) -> &'static str {
        match self {
            Self::Client => "lks_",
            Self::Api => "lka_",
        }
    }
}

/// A secret that was just drawn: `lks_`, 43 letters and digits of 256 random bits, and 6 of a checksum over all before
/// them, so that a scanner that finds something of this form knows whether it is one.
#[derive(Debug)]
pub struct NewSecret(Secret);

impl NewSecret {
    /// Draws a secret.
    pub fn draw(kind: Kind, random: &dyn Random) -> Self {
        let bits: Zeroizing<[u8; 32]> = Zeroizing::new(random::bytes(random));
        let mut text = Zeroizing::new(String::with_capacity(4 + LETTERS + CHECKSUM));
        text.push_str(kind.prefix());
        push_digits::<LETTERS>(&mut text, bits.as_slice());
        let checksum = crc32(text.as_bytes());
        push_digits::<CHECKSUM>(&mut text, &checksum.to_be_bytes());
        Self(Secret::new(text.as_str()))
    }

    /// The secret, to be sent to its owner once.
    pub fn reveal(&self) -> &str {
        self.0.reveal()
    }

    /// The form in which it is kept.
    pub fn hash(&self) -> String {
        self.0.hash()
    }

    /// Its last four letters, by which people tell two secrets apart. They are of the checksum.
    pub fn hint(&self) -> &str {
        let text = self.0.reveal();
        text.get(text.len().saturating_sub(4)..).unwrap_or_default()
    }
}

/// Writes a number, its first byte the highest, in base 62 with `N` digits.
fn push_digits<const N: usize>(text: &mut String, number: &[u8]) {
    let mut number = Zeroizing::new(number.to_vec());
    let mut digits = Zeroizing::new([0_u8; N]);
    for digit in digits.iter_mut().rev() {
        let mut remainder = 0_u16;
        for byte in number.iter_mut() {
            let dividend = remainder << 8 | u16::from(*byte);
            *byte = u8::try_from(dividend / 62).unwrap_or_default();
            remainder = dividend % 62;
        }
        *digit = ALPHABET.get(usize::from(remainder)).copied().unwrap_or_default();
    }
    text.extend(digits.iter().map(|digit| char::from(*digit)));
}

/// CRC-32 as in gzip (RFC 1952 §8). Guards against accidents, not against people.
fn crc32(bytes: &[u8]) -> u32 {
    let byte = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            crc >> 1 ^ (0xEDB8_8320 & (crc & 1).wrapping_neg())
        })
    };
    !bytes.iter().fold(u32::MAX, byte)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::random::testing::Seeded;

    fn digits<const N: usize>(number: &[u8]) -> String {
        let mut text = String::new();
        push_digits::<N>(&mut text, number);
        text
    }

    #[test]
    fn numbers_are_written_in_base_62() {
        assert_eq!(digits::<3>(&[0, 61]), "00z");
        assert_eq!(digits::<3>(&[0, 62]), "010");
        assert_eq!(digits::<3>(&[0xFF, 0xFF]), "H31");
        // 2^256 - 1 needs all 43 digits, and no more.
        assert_eq!(digits::<43>(&[0xFF; 32]).len(), 43);
        assert_eq!(digits::<44>(&[0xFF; 32]).get(..2), Some("0y"));
        // The check value of CRC-32.
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(digits::<6>(&u32::MAX.to_be_bytes()), "4gfFC3");
    }

    // Covers: R21
    #[test]
    fn a_secret_has_the_documented_form_and_ends_with_a_checksum_of_the_rest() {
        let random = Seeded::default();
        let mut seen = BTreeSet::new();
        for (kind, prefix) in [(Kind::Client, "lks_"), (Kind::Api, "lka_")].repeat(50) {
            let secret = NewSecret::draw(kind, &random);
            let text = secret.reveal();
            let (body, checksum) = text.split_at(47);
            assert!(body.starts_with(prefix) && text.len() == 53, "{text}");
            assert!(text[4..].bytes().all(|byte| byte.is_ascii_alphanumeric()), "{text}");
            assert_eq!(digits::<6>(&crc32(body.as_bytes()).to_be_bytes()), checksum);
            assert_eq!(secret.hint(), &text[49..]);
            assert!(Secret::new(text).matches(&secret.hash()));
            assert!(seen.insert(text.to_owned()));
            assert!(!format!("{secret:?}").contains(body));
        }
    }
}
