//! Checking what clients signed, by WebCrypto.

use web_sys::{CryptoKey, SubtleCrypto, WorkerGlobalScope};
use worker::js_sys::{Array, Object, Reflect, Uint8Array, global};
use worker::wasm_bindgen::{JsCast, JsValue};
use worker::wasm_bindgen_futures::JsFuture;

use super::stores::EdgeStores;
use crate::oauth::jwk::PublicKey;
use crate::oauth::jws::{Algorithm, SignedJwt};
use crate::store::ClientSignatures;

impl ClientSignatures for EdgeStores {
    async fn is_signed_by(&self, key: &PublicKey, jwt: &SignedJwt<'_>) -> bool {
        // WebCrypto refuses keys that are none, and that is the client's fault alone.
        verify(key, jwt).await.unwrap_or(false)
    }
}

async fn verify(key: &PublicKey, jwt: &SignedJwt<'_>) -> Result<bool, JsValue> {
    let subtle: SubtleCrypto = global().unchecked_into::<WorkerGlobalScope>().crypto()?.subtle();
    let usages = Array::of1(&"verify".into());
    let algorithm = algorithm(jwt.algorithm)?;
    let imported = subtle.import_key_with_object("jwk", &object(&key.members())?, &algorithm, false, &usages)?;
    let imported: CryptoKey = JsFuture::from(imported).await?.unchecked_into();
    let (signature, message) = (
        Uint8Array::from(jwt.signature.as_slice()),
        Uint8Array::from(jwt.signing_input.as_bytes()),
    );
    let verified =
        subtle.verify_with_object_and_js_u8_array_and_js_u8_array(&algorithm, &imported, &signature, &message)?;
    Ok(JsFuture::from(verified).await?.as_bool() == Some(true))
}

/// The parameters of import and verification alike; each ignores what is the other's.
fn algorithm(algorithm: Algorithm) -> Result<Object, JsValue> {
    let name = match algorithm {
        Algorithm::Es256 => "ECDSA",
        Algorithm::Ps256 => "RSA-PSS",
        Algorithm::EdDsa => "Ed25519",
        Algorithm::Rs256 => "RSASSA-PKCS1-v1_5",
    };
    let parameters = object(&[("name", name), ("namedCurve", "P-256"), ("hash", "SHA-256")])?;
    // As long as the hash (RFC 7518 §3.5).
    Reflect::set(&parameters, &"saltLength".into(), &32.into())?;
    Ok(parameters)
}

fn object(members: &[(&str, &str)]) -> Result<Object, JsValue> {
    let object = Object::new();
    for (name, value) in members {
        Reflect::set(&object, &(*name).into(), &(*value).into())?;
    }
    Ok(object)
}
