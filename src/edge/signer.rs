//! The signing keys of an isolate: read from the mirror in KV, else from the `Keyring` object.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use worker::wasm_bindgen::JsValue;

use super::keyring_object::KV_KEY;
use super::stores::{EdgeStores, store_error};
use super::surroundings::now;
use super::webcrypto::WebCryptoKey;
use crate::crypto::keys::SealingKeys;
use crate::keyring::{KeySet, PublicKeys};
use crate::store::{Signer, StoreError};
use crate::time::Timestamp;

/// How long an isolate uses the set it has read.
const LIFETIME: Duration = Duration::from_secs(60);
/// How often an unknown `kid` may make an isolate read again.
const RETRY_UNKNOWN: Duration = Duration::from_secs(10);

/// The set an isolate has read, with its keys handed to WebCrypto.
struct Held {
    read_at: Timestamp,
    set: KeySet,
    keys: BTreeMap<String, WebCryptoKey>,
}

thread_local! {
    static HELD: RefCell<Option<Rc<Held>>> = const { RefCell::new(None) };
}

impl EdgeStores {
    /// The set, at most `max_age` old. When it cannot be read again, an older one still serves: keys are
    /// retired days after they were replaced.
    async fn keys(&self, max_age: Duration) -> Result<Rc<Held>, StoreError> {
        let held = HELD.with_borrow(Option::clone);
        if let Some(held) = held.as_ref().filter(|held| now() - held.read_at < max_age) {
            return Ok(Rc::clone(held));
        }
        match (self.read_keys().await, held) {
            (Ok(read), _) => {
                let read = Rc::new(read);
                HELD.with_borrow_mut(|held| *held = Some(Rc::clone(&read)));
                Ok(read)
            }
            (Err(_), Some(held)) => Ok(held),
            (Err(error), None) => Err(error),
        }
    }

    async fn read_keys(&self) -> Result<Held, StoreError> {
        let read_at = now();
        let secret = self
            .env()
            .var("LATCHKEY_SECRET")
            .map_err(|error| store_error("keyring", error))?
            .to_string();
        let sealing_keys = SealingKeys::parse(&secret).map_err(|error| store_error("keyring", error))?;
        let mirrored = self
            .mirrored_keys()
            .await
            .and_then(|sealed| KeySet::open(&sealing_keys, &sealed));
        let set = match mirrored {
            Some(set) => set,
            None => KeySet::open(&sealing_keys, &self.ask_keyring().await?)
                .ok_or_else(|| store_error("keyring", "no key of LATCHKEY_SECRET opens the signing keys"))?,
        };
        let mut keys = BTreeMap::new();
        for pair in set.iter() {
            let key = WebCryptoKey::import(pair)
                .await
                .map_err(|error| store_error("webcrypto", text(&error)))?;
            keys.insert(pair.kid.clone(), key);
        }
        Ok(Held { read_at, set, keys })
    }

    async fn mirrored_keys(&self) -> Option<String> {
        self.env().kv("KV").ok()?.get(KV_KEY).text().await.ok()?
    }

    async fn ask_keyring(&self) -> Result<String, StoreError> {
        let ask = async {
            let stub = self.env().durable_object("KEYRING")?.get_by_name("keyring")?;
            let mut response = stub.fetch_with_str("https://keyring/").await?;
            match response.status_code() {
                200 => response.text().await,
                status => Err(worker::Error::RustError(format!("status {status}"))),
            }
        };
        ask.await.map_err(|error: worker::Error| store_error("keyring", error))
    }
}

impl Signer for EdgeStores {
    type Key = WebCryptoKey;

    async fn signing_key(&self) -> Result<(String, WebCryptoKey), StoreError> {
        let held = self.keys(LIFETIME).await?;
        let kid = held.set.current().map(|key| key.kid.as_str()).unwrap_or_default();
        let key = held
            .keys
            .get(kid)
            .ok_or_else(|| store_error("keyring", "no signing key"))?;
        Ok((kid.to_owned(), key.clone()))
    }

    async fn sign(&self, key: &WebCryptoKey, message: &[u8]) -> Result<Vec<u8>, StoreError> {
        key.sign(message)
            .await
            .map_err(|error| store_error("webcrypto", text(&error)))
    }

    async fn verify(&self, kid: &str, message: &[u8], signature: &[u8]) -> Result<bool, StoreError> {
        let mut held = self.keys(LIFETIME).await?;
        if !held.keys.contains_key(kid) {
            held = self.keys(RETRY_UNKNOWN).await?;
        }
        match held.keys.get(kid) {
            Some(key) => key
                .verify(message, signature)
                .await
                .map_err(|error| store_error("webcrypto", text(&error))),
            None => Ok(false),
        }
    }

    async fn public_keys(&self) -> Result<PublicKeys, StoreError> {
        Ok(self.keys(LIFETIME).await?.set.public_keys())
    }
}

fn text(error: &JsValue) -> String {
    format!("{error:?}")
}
