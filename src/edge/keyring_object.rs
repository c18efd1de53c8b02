//! The Durable Object `Keyring`: the one place where signing keys are made.

use serde::Deserialize;
use serde_json::Value;
use worker::{DurableObject, Env, Request, Response, Result, State, console_error, durable_object};

use super::surroundings::{PlatformRandom, now};
use crate::crypto::keys::SealingKeys;
use crate::json;
use crate::keyring::KeySet;

/// Where the sealed set is mirrored for everyone else.
pub const KV_KEY: &str = "keyring";

/// Makes the signing keys once and keeps them sealed.
#[durable_object(fetch)]
pub struct Keyring {
    state: State,
    env: Env,
}

#[derive(Deserialize)]
struct SealedRow {
    sealed: String,
}

impl DurableObject for Keyring {
    fn new(state: State, env: Env) -> Self {
        Self { state, env }
    }

    /// Answers with the sealed set, made now if there is none, and mirrors it to KV.
    async fn fetch(&self, _request: Request) -> Result<Response> {
        let sealed = self.sealed_set()?;
        if let Err(error) = self.mirror(&sealed).await {
            console_error!("keyring: the mirror in KV was not written: {error}");
        }
        Response::from_bytes(sealed.into_bytes())
    }
}

impl Keyring {
    /// Without an await in between: however many ask at once, the first set stays.
    fn sealed_set(&self) -> Result<String> {
        let sql = self.state.storage().sql();
        sql.exec(
            "CREATE TABLE IF NOT EXISTS keyring (id INTEGER PRIMARY KEY CHECK (id = 1), sealed TEXT NOT NULL)",
            None,
        )?;
        let select = || -> Result<Option<SealedRow>> {
            Ok(sql
                .exec("SELECT sealed FROM keyring WHERE id = 1", None)?
                .to_array::<Value>()?
                .into_iter()
                .next()
                .map(json::from_value)
                .transpose()?)
        };
        if let Some(row) = select()? {
            return Ok(row.sealed);
        }
        let sealed = self.generate()?;
        sql.exec(
            "INSERT OR IGNORE INTO keyring (id, sealed) VALUES (1, ?)",
            vec![sealed.into()],
        )?;
        select()?
            .map(|row| row.sealed)
            .ok_or_else(|| worker::Error::RustError("the key set was not kept".into()))
    }

    fn generate(&self) -> Result<String> {
        let secret = self.env.var("LATCHKEY_SECRET")?.to_string();
        let sealing_keys = SealingKeys::parse(&secret).map_err(|error| worker::Error::RustError(error.to_string()))?;
        let sealed = KeySet::generate(&PlatformRandom, now()).seal(&sealing_keys, &PlatformRandom);
        sealed.ok_or_else(|| worker::Error::RustError("the key set cannot be sealed".into()))
    }

    async fn mirror(&self, sealed: &str) -> Result<()> {
        Ok(self.env.kv("KV")?.put(KV_KEY, sealed)?.execute().await?)
    }
}
