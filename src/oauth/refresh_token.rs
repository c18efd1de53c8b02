//! Refresh tokens. None is stored: a token names its family and generation under a MAC, and the ledger knows
//! which generation is current.

use crate::crypto::keys::{Purpose, SealingKeys};
use crate::crypto::{base64url, from_base64url};
use crate::ledger::shard::Shard;

const PREFIX: &str = "lkr_";
const FAMILY: usize = 16;
const TAG: usize = 16;
const BODY: usize = 1 + 2 + FAMILY + 4 + TAG;

/// The 128 random bits that name a token family inside its tokens; the ledger knows only their hash.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct FamilyId(pub [u8; FAMILY]);

/// A refresh token whose MAC is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefreshToken {
    /// The ledger object that keeps its family.
    pub shard: Shard,
    /// Its family.
    pub family: FamilyId,
    /// How often the family had been rotated when it was issued.
    pub generation: u32,
}

impl FamilyId {
    /// The hash the ledger keeps.
    pub fn hash(&self) -> String {
        base64url(<sha2::Sha256 as sha2::Digest>::digest(self.0))
    }
}

impl std::fmt::Debug for FamilyId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FamilyId([redacted])")
    }
}

impl RefreshToken {
    /// The token as it is sent: prefix, key id, shard, family, generation, 128-bit MAC.
    pub fn encode(&self, keys: &SealingKeys) -> Option<String> {
        let id = keys.current_id();
        let body = self.body();
        let tag = keys.mac(id, Purpose::RefreshToken, &[&body])?;
        Some(format!(
            "{PREFIX}{}",
            base64url([&[id], body.as_slice(), tag.get(..TAG)?].concat())
        ))
    }

    /// Reads a token; garbage fails here, before any storage is asked.
    pub fn parse(keys: &SealingKeys, text: &str) -> Option<Self> {
        let encoded = text.strip_prefix(PREFIX).filter(|encoded| encoded.len() <= 64)?;
        let bytes: [u8; BODY] = from_base64url(encoded)?.try_into().ok()?;
        let (&id, rest) = bytes.split_first()?;
        let (body, tag) = rest.split_at_checked(BODY - 1 - TAG)?;
        if !keys.mac_matches(id, Purpose::RefreshToken, &[body], tag) {
            return None;
        }
        let (shard, rest) = body.split_first_chunk()?;
        let (family, generation) = rest.split_first_chunk()?;
        Some(Self {
            shard: Shard::from_number(u16::from_be_bytes(*shard))?,
            family: FamilyId(*family),
            generation: u32::from_be_bytes(generation.try_into().ok()?),
        })
    }

    fn body(&self) -> Vec<u8> {
        let (shard, generation) = (self.shard.number().to_be_bytes(), self.generation.to_be_bytes());
        [shard.as_slice(), &self.family.0, &generation].concat()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::crypto::keys::testing::sealing_keys;

    fn token() -> RefreshToken {
        RefreshToken {
            shard: Shard::of_name("x"),
            family: FamilyId([7; 16]),
            generation: 70_000,
        }
    }

    #[test]
    fn a_token_reads_back_and_holds_only_unreserved_characters() {
        let text = token().encode(&sealing_keys()).unwrap();
        assert_eq!(RefreshToken::parse(&sealing_keys(), &text), Some(token()));
        assert!(
            text.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        );
    }

    // Rule: TOKEN 18
    #[test]
    fn a_token_changed_in_any_letter_is_garbage() {
        let text = token().encode(&sealing_keys()).unwrap();
        for at in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(RefreshToken::parse(&sealing_keys(), &changed), None, "{at}");
        }
    }

    #[test]
    fn a_token_does_not_show_its_family() {
        assert!(!format!("{:?}", token()).contains("7, 7"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_panic(text in "(lkr_)?[A-Za-z0-9_-]{0,80}") {
            prop_assert_eq!(RefreshToken::parse(&sealing_keys(), &text), None);
        }
    }
}
