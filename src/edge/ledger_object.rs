//! The Durable Object `RevocationLedger`, and how the Worker calls it.

use std::cell::{Cell, RefCell};
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::time::Duration;

use worker::wasm_bindgen::JsValue;
use worker::{DurableObject, Env, Method, Request, RequestInit, Response, Result, State, durable_object};

use super::d1::{Statement, batch};
use super::ledger_rows::SqlRows;
use super::stores::{EdgeStores, store_error};
use super::surroundings::now;
use crate::ledger::shard::Shard;
use crate::ledger::{self, Operation, Outcome};
use crate::store::{Ledger, StoreError};

/// How soon after a use the directory is told of it.
const TELL_AFTER: Duration = Duration::from_secs(30);
/// How often expired rows are deleted.
const CLEAN_EVERY: Duration = Duration::from_secs(3600);

/// Keeps the token families of one shard and judges every redemption, refresh and revocation there.
#[durable_object]
pub struct RevocationLedger {
    state: State,
    env: Env,
    /// Whether the tables are known to be there; saves making them at every call.
    tables_are_made: AssertUnwindSafe<Cell<bool>>,
    /// Whether an alarm is known to be set; saves a look at every call.
    alarm_is_set: AssertUnwindSafe<Cell<bool>>,
}

impl DurableObject for RevocationLedger {
    fn new(state: State, env: Env) -> Self {
        Self {
            state,
            env,
            tables_are_made: AssertUnwindSafe(Cell::new(false)),
            alarm_is_set: AssertUnwindSafe(Cell::new(false)),
        }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        let operation: Operation = request.json().await?;
        let outcome = match operation {
            // Reads only: needs no transaction.
            Operation::Inspect(_) => ledger::apply(&mut self.rows()?, &operation, now()).map_err(into_worker_error)?,
            _ => self.transact(operation).await?,
        };
        Response::from_json(&outcome)
    }

    async fn alarm(&self) -> Result<Response> {
        self.alarm_is_set.set(false);
        let rows = self.rows()?;
        rows.delete_expired(now()).map_err(into_worker_error)?;
        let told = self.tell_directory(&rows).await;
        let uses_are_left = told.is_err() || !rows.untold_uses().map_err(into_worker_error)?.is_empty();
        if uses_are_left {
            self.set_alarm(TELL_AFTER).await?;
        } else if !self.alarm_is_set.get() && rows.holds_anything().map_err(into_worker_error)? {
            // Not noted as set: the next use sets its own, sooner alarm in its place.
            self.state.storage().set_alarm(CLEAN_EVERY).await?;
        }
        Response::empty()
    }
}

impl RevocationLedger {
    fn rows(&self) -> Result<SqlRows> {
        let rows = SqlRows::new(self.state.storage().sql());
        if !self.tables_are_made.get() {
            rows.make_tables().map_err(into_worker_error)?;
            self.tables_are_made.set(true);
        }
        Ok(rows)
    }

    /// Runs an operation that writes. An error undoes all of it.
    async fn transact(&self, operation: Operation) -> Result<Outcome> {
        let outcome = Rc::new(RefCell::new(None));
        let (mut rows, result) = (self.rows()?, Rc::clone(&outcome));
        let run = move |_| async move {
            let applied = ledger::apply(&mut rows, &operation, now()).map_err(into_worker_error)?;
            result.replace(Some(applied));
            Ok(())
        };
        self.state.storage().transaction(run).await?;
        self.tell_soon().await?;
        outcome
            .take()
            .ok_or_else(|| worker::Error::RustError("no outcome".into()))
    }

    /// Makes sure that the alarm rings soon; one that is set for sooner stays.
    async fn tell_soon(&self) -> Result<()> {
        if self.alarm_is_set.get() {
            return Ok(());
        }
        let set = self.state.storage().get_alarm().await?;
        if set.is_some_and(|at| at <= (now() + TELL_AFTER).0) {
            self.alarm_is_set.set(true);
            return Ok(());
        }
        self.set_alarm(TELL_AFTER).await
    }

    async fn set_alarm(&self, after: Duration) -> Result<()> {
        self.state.storage().set_alarm(after).await?;
        self.alarm_is_set.set(true);
        Ok(())
    }

    /// Writes when consents were last used to D1: in batches, never one write per token.
    async fn tell_directory(&self, rows: &SqlRows) -> std::result::Result<(), StoreError> {
        let uses = rows.untold_uses()?;
        if uses.is_empty() {
            return Ok(());
        }
        let database = self.env.d1("DB").map_err(|error| store_error("d1", error))?;
        let told = serde_json::to_string(&uses).map_err(|error| store_error("ledger", error))?;
        // One statement for all: D1 counts statements.
        let update = Statement::new(
            "UPDATE consents SET last_used_at = max(COALESCE(last_used_at, 0), told.value ->> 'used_at')
             FROM json_each(?1) AS told WHERE consents.id = told.value ->> 'consent_id'",
        );
        batch(&database, vec![update.text(&told)]).await?;
        rows.forget_uses(&uses)
    }
}

fn into_worker_error(error: StoreError) -> worker::Error {
    worker::Error::RustError(error.to_string())
}

impl Ledger for EdgeStores {
    async fn ledger(&self, shard: Shard, operation: &Operation) -> std::result::Result<Outcome, StoreError> {
        let ask = async {
            let namespace = self.env().durable_object("LEDGER")?;
            let stub = namespace.get_by_name_with_location_hint(&shard.object_name(), shard.location_hint())?;
            let mut init = RequestInit::new();
            init.with_method(Method::Post)
                .with_body(Some(JsValue::from_str(&serde_json::to_string(operation)?)));
            let mut response = stub
                .fetch_with_request(Request::new_with_init("https://ledger/", &init)?)
                .await?;
            match response.status_code() {
                200 => response.json().await,
                status => Err(worker::Error::RustError(format!("status {status}"))),
            }
        };
        ask.await.map_err(|error: worker::Error| store_error("ledger", error))
    }
}
