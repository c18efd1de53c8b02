//! P-256 keys and their JWK form (RFC 7517, RFC 7518 §6.2).

use p256::ecdsa::signature::{Signer, Verifier};
use p256::ecdsa::{Signature, SigningKey, VerifyingKey};
use p256::elliptic_curve::sec1::ToSec1Point;
use serde::Serialize;
use zeroize::Zeroizing;

use super::{base64url, from_base64url, hash};
use crate::random::{self, Random};

/// A private P-256 key. Never shown, not even by `Debug`.
pub struct EcPrivateKey(SigningKey);

/// The public half of a P-256 key, with the members that RFC 7638 hashes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EcPublicKey {
    /// The x coordinate, base64url.
    pub x: String,
    /// The y coordinate, base64url.
    pub y: String,
}

impl EcPrivateKey {
    /// Draws a new key.
    pub fn generate(random: &dyn Random) -> Self {
        // A draw outside the curve's order has a chance of 2^-32 at most; then the next one serves.
        loop {
            let scalar: Zeroizing<[u8; 32]> = Zeroizing::new(random::bytes(random));
            if let Ok(key) = SigningKey::from_slice(scalar.as_slice()) {
                return Self(key);
            }
        }
    }

    /// Reads the private scalar (`d` of a JWK).
    pub fn from_d(d: &str) -> Option<Self> {
        let scalar = Zeroizing::new(from_base64url(d)?);
        SigningKey::from_slice(&scalar).ok().map(Self)
    }

    /// The private scalar, base64url: only to be sealed or handed to WebCrypto.
    pub fn d(&self) -> Zeroizing<String> {
        Zeroizing::new(base64url(Zeroizing::new(self.0.to_bytes())))
    }

    /// The public half.
    pub fn public_key(&self) -> EcPublicKey {
        let point = self.0.verifying_key().as_affine().to_sec1_point(false);
        let coordinate = |bytes: Option<_>| bytes.map(base64url).unwrap_or_default();
        EcPublicKey {
            x: coordinate(point.x()),
            y: coordinate(point.y()),
        }
    }

    /// ES256 in pure Rust: what host tests sign with. The Worker signs with WebCrypto, 25 times as fast.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signature: Signature = self.0.sign(message);
        signature.to_bytes().to_vec()
    }
}

impl std::fmt::Debug for EcPrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EcPrivateKey([redacted])")
    }
}

impl EcPublicKey {
    /// The JWK thumbprint (RFC 7638 §3), used as `kid`.
    pub fn thumbprint(&self) -> String {
        hash(&format!(
            r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#,
            self.x, self.y
        ))
    }

    /// Checks an ES256 signature in pure Rust: the oracle of host tests.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        let Some(key) = self.verifying_key() else { return false };
        Signature::from_slice(signature).is_ok_and(|signature| key.verify(message, &signature).is_ok())
    }

    fn verifying_key(&self) -> Option<VerifyingKey> {
        let coordinates = [from_base64url(&self.x)?, from_base64url(&self.y)?].concat();
        VerifyingKey::from_sec1_bytes(&[&[4], coordinates.as_slice()].concat()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::testing::Seeded;

    #[test]
    fn a_signature_passes_for_its_message_and_key_alone() {
        let random = Seeded::default();
        let (key, other) = (EcPrivateKey::generate(&random), EcPrivateKey::generate(&random));
        let signature = key.sign(b"message");
        assert!(key.public_key().verify(b"message", &signature));
        assert!(!key.public_key().verify(b"another", &signature));
        assert!(!other.public_key().verify(b"message", &signature));
        assert!(!key.public_key().verify(b"message", b""));
    }

    #[test]
    fn a_key_survives_its_jwk_form_and_does_not_show_itself() {
        let key = EcPrivateKey::generate(&Seeded::default());
        let again = EcPrivateKey::from_d(&key.d()).unwrap();
        assert_eq!(again.public_key(), key.public_key());
        assert_eq!(format!("{key:?}"), "EcPrivateKey([redacted])");
        assert!(EcPrivateKey::from_d("AAAA").is_none());
    }

    #[test]
    fn the_thumbprint_hashes_the_required_members_in_order() {
        let key = EcPublicKey {
            x: "X".into(),
            y: "Y".into(),
        };
        assert_eq!(key.thumbprint(), hash(r#"{"crv":"P-256","kty":"EC","x":"X","y":"Y"}"#));
    }
}
