//! What Latchkey hands out and reads back. An input begins with what is made; the rest says how it is spoilt.

use std::cell::Cell;
use std::sync::LazyLock;

use latchkey::crypto::keys::{Purpose, SealingKeys};
use latchkey::crypto::{base64url, from_base64url, seal};
use latchkey::ledger::shard::Shard;
use latchkey::oauth::access_token::UnverifiedAccessToken;
use latchkey::oauth::authorization_code::AuthorizationCode;
use latchkey::oauth::refresh_token::{FamilyId, RefreshToken};
use latchkey::oauth::signed_jwt::assemble;
use latchkey::random::Random;
use latchkey::time::Timestamp;

use crate::text;

static KEYS: LazyLock<SealingKeys> = LazyLock::new(|| keys(1));
static OTHER_KEYS: LazyLock<SealingKeys> = LazyLock::new(|| keys(2));
/// Nothing is ever made with these: what libFuzzer sees being compared, it tries as an input, good tokens too.
static UNUSED_KEYS: LazyLock<SealingKeys> = LazyLock::new(|| keys(3));

fn keys(byte: u8) -> SealingKeys {
    SealingKeys::parse(&format!("1:{}", base64url([byte; 32]))).expect("a good key")
}

struct Counting(Cell<u8>);

impl Random for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(self.0.replace(self.0.get().wrapping_add(1)));
    }
}

/// `text` with one letter replaced, or the same text when the letter stays.
fn spoilt(text: &str, spoil: &[u8]) -> String {
    let mut bytes = text.as_bytes().to_vec();
    if let [at, letter, ..] = spoil {
        let at = usize::from(*at) % bytes.len();
        bytes[at] = letter & 0x7f;
    }
    String::from_utf8(bytes).expect("ASCII stays ASCII")
}

/// Tokens read back as they were made; changed, of another deployment, or invented they are none.
pub fn refresh_token(data: &[u8]) {
    assert!(
        RefreshToken::parse(&UNUSED_KEYS, text(data)).is_none(),
        "a MAC was guessed"
    );
    let Some((fields, spoil)) = data.split_first_chunk::<22>() else {
        return;
    };
    let number = u16::from_be_bytes([fields[0], fields[1]]);
    let generation = u32::from_be_bytes([fields[2], fields[3], fields[4], fields[5]]);
    let Some(shard) = Shard::from_number(number) else {
        return;
    };
    let family = FamilyId(fields[6..].try_into().expect("sixteen bytes"));
    let token = RefreshToken {
        shard,
        family,
        generation,
    };
    let encoded = token.encode(&KEYS).expect("a key is current");
    assert_eq!(RefreshToken::parse(&KEYS, &encoded), Some(token));
    assert_eq!(RefreshToken::parse(&OTHER_KEYS, &encoded), None);
    let changed = spoilt(&encoded, spoil);
    assert_eq!(RefreshToken::parse(&KEYS, &changed).is_some(), changed == encoded);
}

pub fn authorization_code(data: &[u8]) {
    assert!(
        AuthorizationCode::parse(&UNUSED_KEYS, text(data)).is_none(),
        "a MAC was guessed"
    );
    let Some((fields, spoil)) = data.split_first_chunk::<10>() else {
        return;
    };
    let Some(shard) = Shard::from_number(u16::from_be_bytes([fields[0], fields[1]])) else {
        return;
    };
    let (request_id, attempt) = (base64url(&fields[2..6]), base64url(&fields[6..]));
    let code = AuthorizationCode::derive(&KEYS, shard, &request_id, &attempt).expect("a key is current");
    let read = AuthorizationCode::parse(&KEYS, code.reveal()).expect("its own code");
    assert!(read.shard() == shard && read.hash() == code.hash());
    assert!(AuthorizationCode::parse(&OTHER_KEYS, code.reveal()).is_none());
    let changed = spoilt(code.reveal(), spoil);
    assert_eq!(
        AuthorizationCode::parse(&KEYS, &changed).is_some(),
        changed == code.reveal()
    );
}

pub fn sealed_value(data: &[u8]) {
    let open = |keys, purpose, sealed: &str| seal::open::<String>(keys, purpose, sealed);
    assert_eq!(
        open(&UNUSED_KEYS, Purpose::PendingRequest, text(data)),
        None,
        "a seal was guessed"
    );
    let (spoil, value) = data.split_at(data.len().min(2));
    let random = Counting(Cell::new(spoil.first().copied().unwrap_or_default()));
    let value = text(value).to_owned();
    let Some(sealed) = seal::seal(&KEYS, Purpose::PendingRequest, &random, &value) else {
        return;
    };
    assert!(sealed.len() <= seal::MAX_SEALED);
    assert_eq!(open(&KEYS, Purpose::PendingRequest, &sealed), Some(value));
    assert_eq!(open(&KEYS, Purpose::DecidableRequest, &sealed), None);
    assert_eq!(open(&OTHER_KEYS, Purpose::PendingRequest, &sealed), None);
    let changed = spoilt(&sealed, spoil);
    assert_eq!(
        open(&KEYS, Purpose::PendingRequest, &changed).is_some(),
        changed == sealed
    );
}

/// Whatever reads as a token of ours writes the claims it was read from. The first line of an input is the header,
/// the second the claims; without lines it is a token.
pub fn access_token(data: &[u8]) {
    let assembled = text(data)
        .split_once('\n')
        .map(|(header, claims)| format!("{}.{}.c2ln", base64url(header), base64url(claims)));
    let token = assembled.as_deref().unwrap_or(text(data));
    let Some(read) = UnverifiedAccessToken::parse(token) else {
        return;
    };
    let kid = read.kid.clone();
    let header = token.split('.').next().and_then(from_base64url).expect("it was read");
    let header: serde_json::Value = serde_json::from_slice(&header).expect("it was read");
    assert_eq!(
        (header["typ"].as_str(), header["kid"].as_str()),
        (Some("at+jwt"), Some(kid.as_str()))
    );
    assert!(matches!(header["alg"].as_str(), Some("ES256" | "RS256")));
    assert_eq!(assemble(read.signing_input, &read.signature), token);
    let issuer = "https://auth.example";
    if let Some(accepted) = read.accept(issuer, Timestamp(0)) {
        assert_eq!(accepted.claims.iss, issuer);
        assert!(accepted.expires_at > Timestamp(0));
    }
}
