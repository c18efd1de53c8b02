//! The Durable Object `Keyring`: the one place where signing keys are made, replaced and removed.

use std::cell::Cell;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::{Either, select};
use serde_json::Value;
use worker::{DurableObject, Env, Method, Request, Response, Result, SqlStorage, State, console_log, durable_object};

use super::scope::note_fault;
use super::surroundings::{PlatformRandom, now, sleep};
use super::webcrypto::{WebCryptoKey, generate_rsa_key};
use crate::config::Config;
use crate::crypto::ec_key::EcPrivateKey;
use crate::crypto::seal;
use crate::crypto::signing::{PrivateKey, SigningAlgorithm};
use crate::keyring::{Change, KeySet, Policy};
use crate::time::Timestamp;

/// Where the sealed set is mirrored for everyone else.
pub const KV_KEY: &str = "keyring";
/// How often a reader who finds no good mirror makes it be written again.
const MIRROR_AGAIN: Duration = Duration::from_secs(60);
/// How long KV may take.
pub const KV_PATIENCE: Duration = Duration::from_secs(1);
/// How long after it was given up a write to KV may still come there. The runtime ends a request's work sooner.
const LATE_WRITES: Duration = Duration::from_secs(60);

/// Keeps the signing keys sealed, and moves them on from making to removal.
#[durable_object(fetch)]
pub struct Keyring {
    state: State,
    env: Env,
    /// When the mirror was last written, or tried to.
    tried_at: AssertUnwindSafe<Cell<Option<Timestamp>>>,
    /// When a write to the mirror was last given up. It may come there still.
    given_up_at: AssertUnwindSafe<Cell<Option<Timestamp>>>,
}

impl DurableObject for Keyring {
    fn new(state: State, env: Env) -> Self {
        Self {
            state,
            env,
            tried_at: AssertUnwindSafe(Cell::new(None)),
            given_up_at: AssertUnwindSafe(Cell::new(None)),
        }
    }

    /// Does what is due, and answers with the sealed set. `GET` is for readers who found no good mirror, `POST`
    /// for the cron trigger, `HEAD` for those who want to know whether there is an answer.
    async fn fetch(&self, request: Request) -> Result<Response> {
        let config = super::config(&self.env).map_err(text)?;
        let rows = Rows::open(self.state.storage().sql())?;
        let tend = Tending {
            rows: rows.clone(),
            config: Rc::clone(&config),
        };
        // Whoever asks meanwhile waits: however many isolates start at once, one key is made. An error inside would
        // reset the object.
        let sealed = self
            .state
            .block_concurrency_while(async move { Ok(tend.tend().await) })
            .await??;
        if request.method() == Method::Head {
            return Response::empty();
        }
        if let Err(error) = self.mirror(&config, &rows, &sealed, request.method()).await {
            note_fault("keyring", &format!("the mirror in KV was not written: {error}"));
        }
        Response::from_bytes(rows.sealed()?.unwrap_or(sealed).into_bytes())
    }
}

impl Keyring {
    /// Writes the set to KV if it is not there, and only then lets made keys count as published.
    async fn mirror(&self, config: &Config, rows: &Rows, sealed: &str, method: Method) -> Result<()> {
        let mut set = open(config, sealed)?;
        let is_due = match method {
            Method::Get => self.tried_at.get().is_none_or(|at| now() - at >= MIRROR_AGAIN),
            _ => rows.mirrored_version()? != Some(set.version),
        };
        if !is_due {
            return Ok(());
        }
        self.tried_at.set(Some(now()));
        // Whoever asked waits for the answer, and the keys are here: KV is not worth waiting for long.
        let put = pin!(self.env.kv("KV")?.put(KV_KEY, sealed)?.execute());
        match select(put, pin!(sleep(KV_PATIENCE))).await {
            Either::Left((written, _)) => written?,
            Either::Right(_) => {
                self.given_up_at.set(Some(now()));
                rows.forget_mirror()?;
                return Err(text("it takes too long"));
            }
        }
        let now = now();
        if rows.sealed()?.as_deref() != Some(sealed) {
            // Changed meanwhile, so an older set may now be in KV: the next run writes the newer one.
            return rows.forget_mirror();
        }
        match self.given_up_at.get() {
            // An older set may yet be written over this one, so the next run writes it again.
            Some(at) if now - at < LATE_WRITES => rows.forget_mirror()?,
            _ => rows.note_mirror(set.version)?,
        }
        let changes = set.publish(now);
        replace(config, rows, Some(sealed), set, &changes).map(|_| ())
    }
}

/// What is needed to bring the set up to date, apart from the object, so that it can be waited for.
struct Tending {
    rows: Rows,
    config: Rc<Config>,
}

impl Tending {
    async fn tend(self) -> Result<String> {
        loop {
            let stored = self.rows.sealed()?;
            let mut set = stored
                .as_deref()
                .map_or_else(|| Ok(KeySet::default()), |sealed| open(&self.config, sealed))?;
            let policy = self.proven_policy(&set).await;
            let mut changes = set.settle(&policy, now());
            for algorithm in set.due(&policy, now()) {
                let fresh = make(algorithm).await?;
                changes.extend(set.add(fresh, now()));
            }
            let is_sealed_well = |sealed: &&str| seal::is_under_current_key(&self.config.sealing_keys, sealed);
            if let Some(sealed) = stored.as_deref().filter(is_sealed_well)
                && changes.is_empty()
            {
                return Ok(sealed.to_owned());
            }
            if let Some(sealed) = replace(&self.config, &self.rows, stored.as_deref(), set, &changes)? {
                return Ok(sealed);
            }
        }
    }

    /// The operator's policy, without a key of theirs that does not sign: keys are made in its place then.
    async fn proven_policy(&self, set: &KeySet) -> Policy {
        let policy = self.config.signing_keys.clone();
        let Some(own) = policy.own().filter(|own| set.find(&own.thumbprint()).is_none()) else {
            return policy;
        };
        match proves_itself(own).await {
            Ok(true) => policy,
            Ok(false) | Err(_) => {
                note_fault("keyring", "SIGNING_KEY makes no valid signature, so it is not used");
                Policy { own: None, ..policy }
            }
        }
    }
}

async fn make(algorithm: SigningAlgorithm) -> Result<PrivateKey> {
    Ok(match algorithm {
        SigningAlgorithm::Es256 => PrivateKey::Ec(EcPrivateKey::generate(&PlatformRandom)),
        SigningAlgorithm::Rs256 => generate_rsa_key().await?,
    })
}

async fn proves_itself(key: &PrivateKey) -> Result<bool> {
    let signature = WebCryptoKey::private(key).await?.sign(b"proof").await?;
    Ok(WebCryptoKey::public(key).await?.verify(b"proof", &signature).await?)
}

fn open(config: &Config, sealed: &str) -> Result<KeySet> {
    let opened = KeySet::open(&config.sealing_keys, sealed);
    opened.ok_or_else(|| text("no key of LATCHKEY_SECRET opens the signing keys"))
}

/// Stores the set in the place of `stored`, unless another one has come there meanwhile: then `None`.
fn replace(
    config: &Config,
    rows: &Rows,
    stored: Option<&str>,
    mut set: KeySet,
    changes: &[Change],
) -> Result<Option<String>> {
    if changes.is_empty() && stored.is_some_and(|stored| seal::is_under_current_key(&config.sealing_keys, stored)) {
        return Ok(stored.map(str::to_owned));
    }
    set.version += 1;
    let sealed = set.seal(&config.sealing_keys, &PlatformRandom);
    let sealed = sealed.ok_or_else(|| text("the key set cannot be sealed"))?;
    if !rows.swap(stored, &sealed)? {
        return Ok(None);
    }
    for change in changes {
        console_log!("{}", serde_json::json!({ "keyring": change.to_string() }));
    }
    Ok(Some(sealed))
}

/// The object's storage: the sealed set, and which version of it is known to be in KV.
#[derive(Clone)]
struct Rows {
    sql: SqlStorage,
}

impl Rows {
    fn open(sql: SqlStorage) -> Result<Self> {
        for table in [
            "CREATE TABLE IF NOT EXISTS keyring (id INTEGER PRIMARY KEY CHECK (id = 1), sealed TEXT NOT NULL)",
            "CREATE TABLE IF NOT EXISTS mirror (id INTEGER PRIMARY KEY CHECK (id = 1), version TEXT NOT NULL)",
        ] {
            sql.exec(table, None)?;
        }
        Ok(Self { sql })
    }

    /// One column of the one row there may be.
    fn text(&self, select: &str, column: &str) -> Result<Option<String>> {
        let rows: Vec<Value> = self.sql.exec(select, None)?.to_array()?;
        let text = rows.first().and_then(|row| row.get(column)?.as_str());
        Ok(text.map(str::to_owned))
    }

    fn sealed(&self) -> Result<Option<String>> {
        self.text("SELECT sealed FROM keyring WHERE id = 1", "sealed")
    }

    /// Compare and swap, without an await in between: what was made beside another change is thrown away.
    fn swap(&self, stored: Option<&str>, sealed: &str) -> Result<bool> {
        if self.sealed()?.as_deref() != stored {
            return Ok(false);
        }
        self.sql.exec(
            "INSERT OR REPLACE INTO keyring (id, sealed) VALUES (1, ?)",
            vec![sealed.into()],
        )?;
        Ok(true)
    }

    fn mirrored_version(&self) -> Result<Option<u64>> {
        let version = self.text("SELECT version FROM mirror WHERE id = 1", "version")?;
        Ok(version.and_then(|version| version.parse().ok()))
    }

    fn note_mirror(&self, version: u64) -> Result<()> {
        self.sql.exec(
            "INSERT OR REPLACE INTO mirror (id, version) VALUES (1, ?)",
            vec![version.to_string().into()],
        )?;
        Ok(())
    }

    fn forget_mirror(&self) -> Result<()> {
        self.sql.exec("DELETE FROM mirror", None)?;
        Ok(())
    }
}

fn text(error: impl std::fmt::Display) -> worker::Error {
    worker::Error::RustError(error.to_string())
}
