//! The public keys of an app that proves itself by `private_key_jwt`: checked more strictly when they are registered than
//! when they are read, so that whoever registers them learns why one would never be used.

use serde_json::{Map, Value, json};

use crate::management::input::Input;
use crate::oauth::client_security::Profile;
use crate::oauth::jwk::{JwkError, PublicKey};
use crate::oauth::jws::Algorithm;

/// How many keys an app may register.
pub const MOST_KEYS: usize = 10;
/// The longest name of a key, in letters.
const MAX_KID: usize = 200;
/// What a form may hold, in bytes.
pub const MAX_JWKS: usize = 16 * 1024;

/// Public keys that are good to be registered, with nothing in them but what is used.
#[derive(Debug, Clone, PartialEq)]
pub struct RegisteredJwks(Value);

impl RegisteredJwks {
    /// Checks the JWK Set (RFC 7517 §5) in field `jwks` for an app of this profile. What is wrong is said about each key.
    pub fn parse(input: &mut Input, profile: Profile) -> Option<Self> {
        let jwks = input.value("jwks", MAX_JWKS)?;
        let Some(keys) = jwks.get("keys").and_then(Value::as_array) else {
            input.error("jwks", "must be a JWK Set: {\"keys\": [ … ]}");
            return None;
        };
        if keys.is_empty() || keys.len() > MOST_KEYS {
            input.error("jwks", format!("must hold 1 to {MOST_KEYS} keys"));
            return None;
        }
        let mut registered: Vec<Value> = Vec::new();
        let mut good = true;
        for (at, key) in keys.iter().enumerate() {
            let fault = match registered_key(key, profile) {
                Ok(key) if names_one_before(&registered, &key) => "must have a kid of its own",
                Ok(key) => {
                    registered.push(key);
                    continue;
                }
                Err(fault) => fault,
            };
            good = false;
            input.error(format!("jwks/keys/{at}"), fault);
        }
        // Without names a signature could only be tried with one key after the other.
        if good && registered.len() > 1 && registered.iter().any(|key| key.get("kid").is_none()) {
            input.error("jwks", "must name each key by kid when there are several");
            return None;
        }
        good.then(|| Self(json!({ "keys": registered })))
    }

    /// As it is stored.
    pub fn to_json(&self) -> String {
        self.0.to_string()
    }
}

fn names_one_before(registered: &[Value], key: &Value) -> bool {
    let kid = key.get("kid");
    kid.is_some() && registered.iter().any(|other| other.get("kid") == kid)
}

fn registered_key(jwk: &Value, profile: Profile) -> Result<Value, &'static str> {
    let key = PublicKey::parse(jwk).map_err(|error| match error {
        JwkError::Private => {
            "holds a private key: register the public half only, and replace this key, which others know now"
        }
        JwkError::Kind => "must be an EC key on P-256, an Ed25519 key or an RSA key",
        JwkError::Malformed => "is malformed",
        JwkError::Strength => "must have 2048 to 4096 bits",
        JwkError::Set => "is no single key",
    })?;
    let mut members: Map<String, Value> = key
        .members()
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
    match text(jwk, "use")? {
        None | Some("sig") => {}
        Some(_) => return Err("must be for signatures: use must be sig, or absent"),
    }
    if let Some(operations) = jwk.get("key_ops") {
        let verifies = operations
            .as_array()
            .is_some_and(|operations| operations.iter().any(|operation| operation == "verify"));
        if !verifies {
            return Err("must be for signatures: key_ops must hold verify, or be absent");
        }
    }
    if let Some(name) = text(jwk, "alg")? {
        let algorithm = Algorithm::parse(name).ok_or("must have one of these as alg: ES256, PS256, EdDSA, RS256")?;
        if !key.fits(algorithm) {
            return Err("has an alg that does not go with its kty and crv");
        }
        if profile == Profile::Fapi2 && algorithm == Algorithm::Rs256 {
            return Err("must be for PS256: FAPI 2.0 has no RS256");
        }
        members.insert("alg".into(), name.into());
    }
    if let Some(kid) = text(jwk, "kid")? {
        if kid.is_empty() || kid.chars().count() > MAX_KID || kid.chars().any(char::is_control) {
            return Err("must have a kid of 1 to 200 letters, or none");
        }
        members.insert("kid".into(), kid.into());
    }
    members.insert("use".into(), "sig".into());
    Ok(Value::Object(members))
}

fn text<'a>(jwk: &'a Value, name: &str) -> Result<Option<&'a str>, &'static str> {
    match jwk.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err("has a member that must be text and is not"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::base64url;
    use crate::crypto::ec_key::EcPrivateKey;
    use crate::oauth::jwk::ClientKeys;
    use crate::oauth::jwk::testing::jwk;
    use crate::random::testing::Seeded;

    fn ec(seed: u32) -> Value {
        jwk(&EcPrivateKey::generate(&Seeded::new(seed)))
    }

    fn rsa(bytes: usize) -> Value {
        json!({ "kty": "RSA", "n": base64url(vec![0xFF; bytes]), "e": "AQAB" })
    }

    fn with(mut key: Value, members: Value) -> Value {
        key.as_object_mut()
            .unwrap()
            .extend(members.as_object().unwrap().clone());
        key
    }

    fn parse(jwks: Value, profile: Profile) -> Result<Value, Vec<String>> {
        let mut input = Input::json(json!({ "jwks": jwks }).as_object().unwrap().clone());
        let parsed = RegisteredJwks::parse(&mut input, profile);
        match input.finish() {
            Ok(()) => Ok(parsed.unwrap().0),
            Err(problem) => Err(problem
                .fields()
                .iter()
                .map(|error| format!("{} {}", error.field, error.message))
                .collect()),
        }
    }

    fn refusal(key: Value, profile: Profile) -> String {
        parse(json!({ "keys": [key] }), profile).unwrap_err().join("; ")
    }

    #[test]
    fn good_keys_are_kept_without_what_is_not_used_and_are_read_again() {
        let keys = json!({ "keys": [
            with(ec(1), json!({ "kid": "a", "alg": "ES256", "x5c": ["MIIB"], "jku": "https://evil.example" })),
            with(rsa(256), json!({ "kid": "b", "key_ops": ["verify"] })),
            json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url([1; 32]), "kid": "c", "alg": "EdDSA", "use": "sig" }),
        ] });
        let kept = parse(keys, Profile::Standard).unwrap();
        assert_eq!(
            kept["keys"][0],
            with(ec(1), json!({ "kid": "a", "alg": "ES256", "use": "sig" }))
        );
        assert_eq!(kept["keys"].as_array().unwrap().len(), 3);
        let read = ClientKeys::parse(&kept).unwrap();
        for (kid, algorithm) in [
            ("a", Algorithm::Es256),
            ("b", Algorithm::Ps256),
            ("c", Algorithm::EdDsa),
        ] {
            assert_eq!(read.candidates(Some(kid), algorithm).count(), 1, "{kid}");
        }
        assert!(parse(json!({ "keys": [ec(1)] }), Profile::Standard).is_ok());
    }

    #[test]
    fn a_private_key_is_refused_with_what_to_do_about_it() {
        for member in ["d", "p", "k"] {
            let said = refusal(with(rsa(256), json!({ member: "AQAB" })), Profile::Standard);
            assert!(said.starts_with("jwks/keys/0 holds a private key"), "{said}");
        }
    }

    #[test]
    fn keys_that_would_never_be_used_are_refused() {
        for (key, reason) in [
            (json!(7), "is malformed"),
            (json!({ "kty": "oct" }), "must be an EC key on P-256"),
            (rsa(255), "must have 2048 to 4096 bits"),
            (with(ec(1), json!({ "use": "enc" })), "must be for signatures"),
            (with(ec(1), json!({ "use": 1 })), "has a member that must be text"),
            (with(ec(1), json!({ "key_ops": ["sign"] })), "must be for signatures"),
            (with(ec(1), json!({ "key_ops": "verify" })), "must be for signatures"),
            (with(ec(1), json!({ "alg": "ES384" })), "must have one of these as alg"),
            (with(ec(1), json!({ "alg": "HS256" })), "must have one of these as alg"),
            (with(ec(1), json!({ "alg": "none" })), "must have one of these as alg"),
            (
                with(ec(1), json!({ "alg": "PS256" })),
                "has an alg that does not go with",
            ),
            (with(ec(1), json!({ "kid": "" })), "must have a kid of"),
            (with(ec(1), json!({ "kid": "x".repeat(201) })), "must have a kid of"),
            (with(ec(1), json!({ "kid": "a\nb" })), "must have a kid of"),
        ] {
            let said = refusal(key.clone(), Profile::Standard);
            assert!(said.starts_with(&format!("jwks/keys/0 {reason}")), "{key}: {said}");
        }
    }

    #[test]
    fn fapi_has_no_rs256() {
        let key = with(rsa(256), json!({ "alg": "RS256" }));
        assert!(parse(json!({ "keys": [key] }), Profile::Standard).is_ok());
        assert!(refusal(key, Profile::Fapi2).contains("FAPI 2.0 has no RS256"));
        assert!(
            parse(
                json!({ "keys": [with(rsa(256), json!({ "alg": "PS256" }))] }),
                Profile::Fapi2
            )
            .is_ok()
        );
    }

    #[test]
    fn a_set_is_small_and_names_its_keys() {
        let named = |kid: &str| with(ec(1), json!({ "kid": kid }));
        for (jwks, reason) in [
            (json!([]), "jwks must be a JWK Set"),
            (ec(1), "jwks must be a JWK Set"),
            (json!("{}"), "jwks must be a JWK Set"),
            (json!({ "keys": [] }), "jwks must hold 1 to 10 keys"),
            (
                json!({ "keys": (0..11).map(|n| named(&n.to_string())).collect::<Vec<_>>() }),
                "jwks must hold 1 to 10 keys",
            ),
            (
                json!({ "keys": [named("a"), named("a")] }),
                "jwks/keys/1 must have a kid of its own",
            ),
            (json!({ "keys": [named("a"), ec(2)] }), "jwks must name each key by kid"),
        ] {
            let said = parse(jwks.clone(), Profile::Standard).unwrap_err().join("; ");
            assert!(said.starts_with(reason), "{jwks}: {said}");
        }
    }
}
