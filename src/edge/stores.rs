//! The bindings of this Worker, as the storage the endpoints know.

use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::{Either, select};
use worker::{D1Database, Env};

use super::scope::note_fault;
use super::surroundings::sleep;
use crate::config::Config;
use crate::store::{Patience, StoreError};

/// Storage on Cloudflare. Its traits are implemented beside each product: `d1`, `kv`, `ledger_object`, `signer`.
pub struct EdgeStores {
    env: Env,
    config: Rc<Config>,
    notices_due: Cell<bool>,
}

impl EdgeStores {
    /// Storage behind these bindings.
    pub fn new(env: Env, config: Rc<Config>) -> Self {
        Self {
            env,
            config,
            notices_due: Cell::new(false),
        }
    }

    /// Whether something that was written here, or before, is to be sent now.
    pub fn has_notices_due(&self) -> bool {
        self.notices_due.get()
    }

    pub(super) fn note_notices_due(&self, due: bool) {
        self.notices_due.set(self.notices_due.get() || due);
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    pub(super) fn env(&self) -> &Env {
        &self.env
    }

    pub(super) fn database(&self) -> Result<D1Database, StoreError> {
        self.env.d1("DB").map_err(|error| store_error("d1", error))
    }
}

impl Patience for EdgeStores {
    async fn at_most<T>(
        &self,
        time: Duration,
        part: &'static str,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        match select(pin!(work), pin!(sleep(time))).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right(_) => Err(store_error(part, format!("no answer within {} ms", time.as_millis()))),
        }
    }
}

/// What the platform reports, kept for the log. Answers never show it.
pub(super) fn store_error(part: &'static str, error: impl std::fmt::Display) -> StoreError {
    let error = StoreError {
        part,
        detail: error.to_string(),
    };
    note_fault(part, &error.detail);
    error
}
