//! Randomness as a parameter: the platform's generator in production, a seeded one in tests.

/// A source of bytes nobody can guess.
pub trait Random {
    /// Fills `bytes` with random bytes.
    fn fill(&self, bytes: &mut [u8]);
}

/// Draws `N` random bytes.
pub fn bytes<const N: usize>(random: &dyn Random) -> [u8; N] {
    let mut bytes = [0; N];
    random.fill(&mut bytes);
    bytes
}

/// Draws an identifier: `prefix` and 26 lower-case letters and digits (130 bits).
pub fn identifier(random: &dyn Random, prefix: &str) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let draw: [u8; 26] = bytes(random);
    let letters = draw
        .iter()
        .filter_map(|byte| ALPHABET.get(usize::from(byte & 31)))
        .map(|letter| char::from(*letter));
    prefix.chars().chain(letters).collect()
}

/// The same bytes every time: for tests only.
#[cfg(test)]
pub mod testing {
    use std::cell::Cell;

    use sha2::{Digest, Sha256};

    use super::Random;

    /// Bytes from SHA-256 over a counter.
    #[derive(Default)]
    pub struct Seeded(Cell<u64>);

    impl Seeded {
        /// A generator whose bytes differ from those of every other seed.
        pub fn new(seed: u32) -> Self {
            Self(Cell::new(u64::from(seed) << 32))
        }
    }

    impl Random for Seeded {
        fn fill(&self, bytes: &mut [u8]) {
            for chunk in bytes.chunks_mut(32) {
                self.0.set(self.0.get() + 1);
                let block = Sha256::digest(self.0.get().to_be_bytes());
                chunk.copy_from_slice(&block[..chunk.len()]);
            }
        }
    }

    #[test]
    fn identifiers_have_their_prefix_and_differ() {
        let random = Seeded::default();
        let (first, second) = (super::identifier(&random, "cns_"), super::identifier(&random, "cns_"));
        assert_eq!(first.len(), 30);
        assert!(first.starts_with("cns_"));
        assert_ne!(first, second);
    }
}
