//! Hashing, message authentication and sealing. Pure: keys and randomness come in as arguments.

pub mod ec_key;
pub mod keys;
pub mod rsa_key;
pub mod seal;
pub mod signing;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Encodes as base64url without padding (RFC 4648 §5), the encoding of everything Latchkey writes.
pub fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Decodes base64url without padding; anything else is `None`.
pub fn from_base64url(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// SHA-256, as base64url: how secrets, codes and session tokens are stored and looked up.
pub fn hash(text: &str) -> String {
    hash_bytes(text.as_bytes())
}

/// The same of bytes.
pub fn hash_bytes(bytes: &[u8]) -> String {
    base64url(Sha256::digest(bytes))
}

/// Compares without telling by its duration where the first difference is.
pub fn equal_in_constant_time(left: &[u8], right: &[u8]) -> bool {
    left.ct_eq(right).into()
}
