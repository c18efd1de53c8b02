//! The signing keys of an isolate: read from the mirror in KV, else from the `Keyring` object.

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::{Either, select};
use worker::wasm_bindgen::JsValue;
use worker::{Method, Request};

use super::keyring_object::{KV_KEY, KV_PATIENCE};
use super::stores::{EdgeStores, store_error};
use super::surroundings::{now, sleep};
use super::webcrypto::WebCryptoKey;
use crate::crypto::signing::SigningAlgorithm;
use crate::keyring::{Asked, KeyPair, KeySet, PublicKeys, Reading, Unknown, is_due_for_a_read, on_unknown_key};
use crate::store::{NamedKey, Signer, SigningKeys, StoreError};
use crate::time::Timestamp;

/// How often a request looks whether another one's question was answered.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The set an isolate has read.
struct Held {
    read_at: Timestamp,
    from_object: bool,
    set: KeySet,
}

impl Held {
    fn reading(&self) -> Reading {
        Reading {
            read_at: self.read_at,
            version: self.set.version,
            from_object: self.from_object,
        }
    }
}

/// A half of a key in WebCrypto.
struct Imported {
    kid: String,
    for_signing: bool,
    key: WebCryptoKey,
}

impl Imported {
    fn find(imported: &[Self], kid: &str, for_signing: bool) -> Option<WebCryptoKey> {
        let found = imported
            .iter()
            .find(|own| own.kid == kid && own.for_signing == for_signing);
        found.map(|own| own.key.clone())
    }
}

thread_local! {
    static HELD: RefCell<Option<Rc<Held>>> = const { RefCell::new(None) };
    /// When reading was last begun.
    static TRIED_AT: Cell<Option<Timestamp>> = const { Cell::new(None) };
    /// When the object itself was last asked.
    static ASKED: Cell<Option<Asked>> = const { Cell::new(None) };
    /// The halves of keys that were handed to WebCrypto.
    static IMPORTED: RefCell<Vec<Imported>> = const { RefCell::new(Vec::new()) };
}

impl EdgeStores {
    /// The set, a minute old at most. When it cannot be read again, an older one still serves: what happens when
    /// is written in it.
    async fn keys(&self) -> Result<Rc<Held>, StoreError> {
        let held = HELD.with_borrow(Option::clone);
        if let Some(held) = &held
            && !is_due_for_a_read(held.read_at, TRIED_AT.get(), now())
        {
            return Ok(Rc::clone(held));
        }
        TRIED_AT.set(Some(now()));
        match self.read_keys(held.as_deref()).await {
            Ok(read) => Ok(keep(read)),
            Err(error) => held.ok_or(error),
        }
    }

    /// The mirror, unless it is missing, behind, or without a key to sign with; then what the object says.
    async fn read_keys(&self, held: Option<&Held>) -> Result<Held, StoreError> {
        let read_at = now();
        let mirrored = self.mirrored_keys().await;
        let revoked = &self.config().signing_keys.revoked;
        let mut good = false;
        let mirrored = mirrored.map(|mut set| {
            good = !set.remove(revoked)
                && SigningAlgorithm::ALL
                    .into_iter()
                    .all(|algorithm| set.current(algorithm, read_at).is_some())
                && held.is_none_or(|held| held.set.version <= set.version);
            Held {
                read_at,
                from_object: false,
                set,
            }
        });
        match mirrored {
            Some(mirrored) if good => Ok(mirrored),
            mirrored => match self.ask_keyring().await {
                Ok(asked) => Ok(asked),
                // What is missing from the mirror is missing, but the rest of it is true.
                Err(error) if held.is_none() => mirrored.ok_or(error),
                Err(error) => Err(error),
            },
        }
    }

    async fn mirrored_keys(&self) -> Option<KeySet> {
        let kv = self.env().kv("KV").ok()?;
        let read = pin!(async { kv.get(KV_KEY).text().await });
        // A KV that hangs must not hold up what the object knows too.
        let sealed = match select(read, pin!(sleep(KV_PATIENCE))).await {
            Either::Left((sealed, _)) => sealed.ok()??,
            Either::Right(_) => return None,
        };
        KeySet::open(&self.config().sealing_keys, &sealed)
    }

    /// What the object says, which is always the latest.
    async fn ask_keyring(&self) -> Result<Held, StoreError> {
        let at = now();
        ASKED.set(Some(Asked { at, answered: None }));
        let answer = self.call_keyring(Method::Get).await.and_then(|sealed| {
            let set = KeySet::open(&self.config().sealing_keys, &sealed);
            set.ok_or_else(|| store_error("keyring", "no key of LATCHKEY_SECRET opens the signing keys"))
        });
        ASKED.set(Some(Asked {
            at,
            answered: Some(answer.is_ok()),
        }));
        let mut set = answer?;
        set.remove(&self.config().signing_keys.revoked);
        Ok(Held {
            read_at: at,
            from_object: true,
            set,
        })
    }

    /// Whether the object answers and can open its keys, whatever this isolate knows of them.
    pub(super) async fn probe_keyring(&self) -> Result<(), StoreError> {
        self.call_keyring(Method::Head).await.map(drop)
    }

    async fn call_keyring(&self, method: Method) -> Result<String, StoreError> {
        let ask = async {
            let stub = self.env().durable_object("KEYRING")?.get_by_name("keyring")?;
            let mut response = stub
                .fetch_with_request(Request::new("https://keyring/", method)?)
                .await?;
            match response.status_code() {
                200 => response.text().await,
                status => Err(worker::Error::RustError(format!("status {status}"))),
            }
        };
        ask.await.map_err(|error: worker::Error| store_error("keyring", error))
    }

    /// The set in which `find` finds something, after asking the object if need be. `None`: it finds nothing there.
    async fn keys_with(&self, find: impl Fn(&KeySet) -> bool) -> Result<Option<Rc<Held>>, StoreError> {
        let mut held = self.keys().await?;
        loop {
            if find(&held.set) {
                return Ok(Some(held));
            }
            match on_unknown_key(ASKED.get(), now()) {
                Unknown::Ask => held = keep(self.ask_keyring().await?),
                Unknown::Wait => {
                    sleep(LOOK_AGAIN).await;
                    held = self.keys().await?;
                }
                Unknown::DoesNotExist => return Ok(None),
                Unknown::CannotBeKnown => return Err(store_error("keyring", "asked a moment ago without an answer")),
            }
        }
    }
}

/// Keeps a set for this isolate, unless a better one has come meanwhile, and forgets what WebCrypto holds of keys
/// that are gone.
fn keep(read: Held) -> Rc<Held> {
    let held = HELD.with_borrow(Option::clone);
    if let Some(better) = held.filter(|held| !read.reading().replaces(&held.reading())) {
        return better;
    }
    let read = Rc::new(read);
    IMPORTED.with_borrow_mut(|imported| imported.retain(|own| read.set.find(&own.kid).is_some()));
    HELD.set(Some(Rc::clone(&read)));
    read
}

/// A half of a key in WebCrypto, handed over once per isolate.
async fn imported(pair: &KeyPair, for_signing: bool) -> Result<WebCryptoKey, StoreError> {
    let held = || IMPORTED.with_borrow(|imported| Imported::find(imported, &pair.kid, for_signing));
    if let Some(key) = held() {
        return Ok(key);
    }
    let key = match for_signing {
        true => WebCryptoKey::private(&pair.private).await,
        false => WebCryptoKey::public(&pair.private).await,
    };
    let key = key.map_err(webcrypto_error)?;
    // Another request may have been faster.
    Ok(held().unwrap_or_else(|| {
        IMPORTED.with_borrow_mut(|imported| {
            imported.push(Imported {
                kid: pair.kid.clone(),
                for_signing,
                key: key.clone(),
            });
        });
        key
    }))
}

impl Signer for EdgeStores {
    type Key = WebCryptoKey;

    async fn signing_keys(&self) -> Result<SigningKeys<WebCryptoKey>, StoreError> {
        let now = now();
        let signs = |set: &KeySet| {
            SigningAlgorithm::ALL
                .into_iter()
                .all(|algorithm| set.current(algorithm, now).is_some())
        };
        let missing = || store_error("keyring", "no signing key");
        let held = self.keys_with(signs).await?.ok_or_else(missing)?;
        let key = async |algorithm| {
            let pair = held.set.current(algorithm, now).ok_or_else(missing)?;
            Ok(NamedKey {
                kid: pair.kid.clone(),
                key: imported(pair, true).await?,
            })
        };
        Ok(SigningKeys {
            es256: key(SigningAlgorithm::Es256).await?,
            rs256: key(SigningAlgorithm::Rs256).await?,
        })
    }

    async fn sign(&self, key: &WebCryptoKey, message: &[u8]) -> Result<Vec<u8>, StoreError> {
        key.sign(message).await.map_err(webcrypto_error)
    }

    async fn verify(
        &self,
        kid: &str,
        algorithm: SigningAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<bool, StoreError> {
        let Some(held) = self.keys_with(|set| set.find(kid).is_some()).await? else {
            return Ok(false);
        };
        match held.set.find(kid) {
            Some(pair) if pair.algorithm() == algorithm => {
                let key = imported(pair, false).await?;
                key.verify(message, signature).await.map_err(webcrypto_error)
            }
            _ => Ok(false),
        }
    }

    async fn public_keys(&self) -> Result<PublicKeys, StoreError> {
        Ok(self.keys().await?.set.public_keys())
    }

    async fn maintain_keys(&self) -> Result<(), StoreError> {
        self.call_keyring(Method::Post).await.map(|_| ())
    }
}

fn webcrypto_error(error: JsValue) -> StoreError {
    store_error("webcrypto", format!("{error:?}"))
}
