//! RSA keys in JWK form (RFC 7517, RFC 7518 §6.3). WebCrypto makes them and computes with them; here they are
//! only looked at.

use serde::Serialize;
use zeroize::Zeroizing;

use super::{from_base64url, hash};

/// The sizes of a modulus that is accepted, in bits (RFC 7518 §3.3 demands 2048; beyond 4096 signing is slow).
const SIZES: std::ops::RangeInclusive<usize> = 2048..=4096;

/// A private RSA key. Never shown, not even by `Debug`. Every member is base64url.
#[derive(Clone, Serialize)]
pub struct RsaPrivateKey {
    /// The public half.
    #[serde(flatten)]
    pub public: RsaPublicKey,
    /// The private exponent.
    pub d: Zeroizing<String>,
    /// The first prime.
    pub p: Zeroizing<String>,
    /// The second prime.
    pub q: Zeroizing<String>,
    /// d mod (p − 1).
    pub dp: Zeroizing<String>,
    /// d mod (q − 1).
    pub dq: Zeroizing<String>,
    /// q⁻¹ mod p.
    pub qi: Zeroizing<String>,
}

/// The public half of an RSA key, with the members that RFC 7638 hashes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RsaPublicKey {
    /// The modulus, base64url.
    pub n: String,
    /// The public exponent, base64url.
    pub e: String,
}

/// What is wrong with an RSA key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RsaKeyError {
    /// A member is not a number in base64url.
    Malformed,
    /// The modulus is too short or too long.
    Size,
    /// The numbers do not belong together.
    Inconsistent,
}

impl RsaPrivateKey {
    /// Checks what can be checked without big-number arithmetic worth the name: forms, size, n = p·q. The
    /// exponents are proved where the key is used for the first time.
    pub fn check(&self) -> Result<(), RsaKeyError> {
        let (n, e) = (number(&self.public.n)?, number(&self.public.e)?);
        if !SIZES.contains(&bits(&n)) {
            return Err(RsaKeyError::Size);
        }
        for private in [&self.d, &self.dp, &self.dq, &self.qi] {
            number(private)?;
        }
        let product = product(&number(&self.p)?, &number(&self.q)?);
        let e_fits = (2..=33).contains(&bits(&e)) && e.last().is_some_and(|byte| byte % 2 == 1);
        if *product != **n || !e_fits {
            return Err(RsaKeyError::Inconsistent);
        }
        Ok(())
    }
}

impl std::fmt::Debug for RsaPrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RsaPrivateKey([redacted])")
    }
}

impl RsaPublicKey {
    /// The JWK thumbprint (RFC 7638 §3), used as `kid`.
    pub fn thumbprint(&self) -> String {
        hash(&format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, self.e, self.n))
    }
}

/// A positive number, big-endian, without leading zeros (RFC 7518 §2, Base64urlUInt).
fn number(text: &str) -> Result<Zeroizing<Vec<u8>>, RsaKeyError> {
    let bytes = Zeroizing::new(from_base64url(text).ok_or(RsaKeyError::Malformed)?);
    match bytes.first() {
        None | Some(0) => Err(RsaKeyError::Malformed),
        Some(_) => Ok(bytes),
    }
}

fn bits(number: &[u8]) -> usize {
    let unused = number.first().map_or(0, |byte| byte.leading_zeros() as usize);
    (number.len() * 8).saturating_sub(unused)
}

/// Schoolbook multiplication of big-endian numbers, without leading zeros.
fn product(left: &[u8], right: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut digits = Zeroizing::new(vec![0u8; left.len() + right.len()]);
    for (shift, factor) in left.iter().rev().enumerate() {
        let mut carry = 0u32;
        let others = right
            .iter()
            .rev()
            .map(|digit| u32::from(*digit))
            .chain(std::iter::once(0));
        for (place, digit) in digits.iter_mut().skip(shift).zip(others) {
            let sum = u32::from(*factor) * digit + u32::from(*place) + carry;
            *place = (sum & 0xff) as u8;
            carry = sum >> 8;
        }
    }
    let length = digits.iter().rposition(|digit| *digit != 0).map_or(0, |last| last + 1);
    digits.truncate(length);
    digits.reverse();
    digits
}

#[cfg(test)]
pub mod testing {
    use super::*;
    use crate::crypto::signing::PrivateKey;

    /// A key made for tests: worth nothing.
    pub fn rsa_jwk() -> serde_json::Value {
        serde_json::from_str(include_str!("testing/rsa-2048.json")).unwrap()
    }

    /// The same, read.
    pub fn rsa_key() -> RsaPrivateKey {
        read(&rsa_jwk())
    }

    fn read(jwk: &serde_json::Value) -> RsaPrivateKey {
        match PrivateKey::from_stored_jwk(jwk.as_object().unwrap()) {
            Ok(PrivateKey::Rsa(key)) => key,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_good_key_passes_and_does_not_show_itself() {
        assert_eq!(rsa_key().check(), Ok(()));
        assert_eq!(format!("{:?}", rsa_key()), "RsaPrivateKey([redacted])");
    }

    #[test]
    fn the_thumbprint_is_that_of_rfc_7638_section_3_1() {
        let key = RsaPublicKey {
            n: "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknj\
                hMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQ\
                vRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzK\
                nqDKgw"
                .into(),
            e: "AQAB".into(),
        };
        assert_eq!(key.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    #[test]
    fn a_key_of_another_size_or_whose_numbers_do_not_fit_is_refused() {
        let changed = |member: &str, value: &str| {
            let mut jwk = rsa_jwk();
            jwk[member] = value.into();
            read(&jwk).check()
        };
        let small = crate::crypto::base64url([0xff; 128]);
        let large = crate::crypto::base64url([0xff; 513]);
        assert_eq!(changed("n", &small), Err(RsaKeyError::Size));
        assert_eq!(changed("n", &large), Err(RsaKeyError::Size));
        assert_eq!(
            changed("n", &crate::crypto::base64url([0xff; 256])),
            Err(RsaKeyError::Inconsistent)
        );
        for (e, error) in [
            ("Ag", RsaKeyError::Inconsistent),
            ("AQ", RsaKeyError::Inconsistent),
            ("AAEAAQ", RsaKeyError::Malformed),
            ("", RsaKeyError::Malformed),
            ("not base64", RsaKeyError::Malformed),
        ] {
            assert_eq!(changed("e", e), Err(error), "{e}");
        }
        for member in ["d", "p", "q", "dp", "dq", "qi"] {
            assert_eq!(changed(member, "?"), Err(RsaKeyError::Malformed), "{member}");
        }
        let p = rsa_jwk()["p"].as_str().unwrap().to_owned();
        assert_eq!(changed("q", &p), Err(RsaKeyError::Inconsistent));
    }
}
