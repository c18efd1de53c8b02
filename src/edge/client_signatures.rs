//! Checking what clients signed, by WebCrypto.

use super::stores::EdgeStores;
use super::webcrypto::WebCryptoKey;
use crate::oauth::jwk::PublicKey;
use crate::oauth::jws::SignedJwt;
use crate::store::ClientSignatures;

impl ClientSignatures for EdgeStores {
    async fn is_signed_by(&self, key: &PublicKey, jwt: &SignedJwt<'_>) -> bool {
        // WebCrypto refuses keys that are none, and that is the client's fault alone.
        let Ok(key) = WebCryptoKey::foreign(&key.members(), jwt.algorithm).await else {
            return false;
        };
        let verified = key.verify(jwt.signing_input.as_bytes(), &jwt.signature).await;
        verified.unwrap_or(false)
    }
}
