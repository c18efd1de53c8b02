//! Client secrets and session tokens: values that never show themselves and are stored as hashes only.

use zeroize::Zeroizing;

use crate::crypto;

/// A secret in the clear, as a request brings it. `Debug` redacts it and there is no `PartialEq`: it is
/// compared only with a stored hash, in constant time.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Wraps a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The form in which it is stored: base64url of its SHA-256. Secrets are drawn with 256 bits, so a slow
    /// hash would add nothing.
    pub fn hash(&self) -> String {
        crypto::hash(&self.0)
    }

    /// Whether the stored hash is this secret's.
    pub fn matches(&self, stored_hash: &str) -> bool {
        crypto::equal_in_constant_time(self.hash().as_bytes(), stored_hash.as_bytes())
    }

    /// The secret itself, to be sent to its owner once.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_matches_its_own_hash_and_does_not_show_itself() {
        let secret = Secret::new("lks_one");
        assert!(secret.matches(&crypto::hash("lks_one")));
        assert!(!secret.matches(&crypto::hash("lks_two")));
        assert!(!secret.matches("lks_one"));
        assert!(!secret.matches(""));
        assert_eq!(format!("{secret:?}"), "[redacted]");
    }
}
