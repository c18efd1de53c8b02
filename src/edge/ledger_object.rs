//! The Durable Object `RevocationLedger`, and how the Worker calls it.

use std::cell::{Cell, RefCell};
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::time::Duration;

use serde::Serialize;
use worker::js_sys::{Function, Reflect};
use worker::wasm_bindgen::closure::Closure;
use worker::wasm_bindgen::{JsCast, JsValue};
use worker::wasm_bindgen_futures::JsFuture;
use worker::{DurableObject, Env, Request, Response, Result, State, durable_object};

use super::d1::{Statement, batch};
use super::ledger_rows::SqlRows;
use super::status_lists::Readers;
use super::stores::{EdgeStores, store_error};
use super::surroundings::now;
use crate::json;
use crate::ledger::shard::Shard;
use crate::ledger::{self, Operation, Outcome};
use crate::status_list::StatusList;
use crate::store::{Ledger, StoreError};

/// How soon after a use the directory is told of it.
const TELL_AFTER: Duration = Duration::from_secs(30);
/// How soon after a sign of theft the audit trail is told of it.
const TELL_URGENTLY_AFTER: Duration = Duration::from_secs(1);
/// How often expired rows are deleted.
const CLEAN_EVERY: Duration = Duration::from_secs(3600);

// One statement for all, because D1 counts statements. What was used does not end unused: the notice is taken back.
const NOTE_USES: &str = "
    UPDATE consents SET last_used_at = max(COALESCE(last_used_at, 0), told.value ->> 'used_at'), expiry_noted_at = NULL
    FROM json_each(?1) AS told WHERE consents.id = told.value ->> 'consent_id'";

// Only the same id may be passed over: `INSERT OR IGNORE` would also lose a row that breaks a rule of the table.
const ENTER_EVENTS: &str = "
    INSERT INTO audit (id, at, event, actor_type, actor_id, client_id, developer_id, user_id, target_type, target_id,
                       request_id, country, address_hash, detail)
    SELECT id, at, kind, actor, CASE actor WHEN 'app' THEN client_id WHEN 'user' THEN user_id END, client_id,
           (SELECT developer_id FROM apps WHERE apps.client_id = told.client_id), user_id,
           CASE WHEN family IS NULL THEN 'consent' ELSE 'family' END, COALESCE(family, consent_id), request_id, country, address_hash,
           json_patch(json_object('consent_id', consent_id, 'generation', generation, 'presented', presented),
                      CASE WHEN ended_by IS NULL THEN '{}' ELSE json_object('ended_by', ended_by) END)
    FROM (
      SELECT value ->> 'id' AS id, value ->> 'at' AS at, value ->> 'kind' AS kind, value ->> 'actor' AS actor,
             value ->> 'consent_id' AS consent_id, value ->> 'family' AS family,
             value ->> 'generation' AS generation, value ->> 'presented' AS presented, value ->> 'ended_by' AS ended_by,
             value ->> '$.origin.request_id' AS request_id, value ->> '$.origin.country' AS country,
             value ->> '$.origin.address_hash' AS address_hash,
             COALESCE(value ->> 'client_id', consents.client_id) AS client_id,
             COALESCE(value ->> 'user_id', consents.user_id) AS user_id
      FROM json_each(?1) LEFT JOIN consents ON consents.id = value ->> 'consent_id'
    ) AS told WHERE true
    ON CONFLICT (id) DO NOTHING";

/// Keeps the token families of one shard and judges every redemption, refresh and revocation there.
#[durable_object(alarm)]
pub struct RevocationLedger {
    state: State,
    env: Env,
    /// Whether the tables are known to be there; saves making them at every call.
    tables_are_made: AssertUnwindSafe<Cell<bool>>,
    /// Whether an alarm is known to be set; saves a look at every call.
    alarm_is_set: AssertUnwindSafe<Cell<bool>>,
    readers: AssertUnwindSafe<Readers>,
}

impl DurableObject for RevocationLedger {
    fn new(state: State, env: Env) -> Self {
        Self {
            state,
            env,
            tables_are_made: AssertUnwindSafe(Cell::new(false)),
            alarm_is_set: AssertUnwindSafe(Cell::new(false)),
            readers: AssertUnwindSafe::default(),
        }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        let operation: Operation = json::from_str(&request.text().await?)?;
        let outcome = match operation {
            // Reads only: needs no transaction.
            Operation::Inspect(_) | Operation::Cuts { .. } => {
                ledger::apply(&mut self.rows()?, &operation, now()).map_err(into_worker_error)?
            }
            Operation::StatusList { period } => self.status_list(period).await?,
            _ => self.transact(operation).await?,
        };
        Response::from_json(&outcome)
    }

    async fn alarm(&self) -> Result<Response> {
        self.alarm_is_set.set(false);
        let rows = self.rows()?;
        rows.delete_expired(now()).map_err(into_worker_error)?;
        let told = self.tell_directory(&rows).await;
        if told.is_err() || rows.has_untold().map_err(into_worker_error)? {
            self.ring_within(TELL_AFTER).await?;
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
            let made = rows.clone();
            self.in_transaction(move || made.make_tables())?;
            self.tables_are_made.set(true);
        }
        Ok(rows)
    }

    /// The list of a period, with what the directory says of apps in it.
    async fn status_list(&self, period: u64) -> Result<Outcome> {
        let rows = self.rows()?;
        let as_of = match self.readers.as_of() {
            Some(as_of) => as_of,
            None => {
                let began = now();
                let apps = self.readers.ask(&self.env, began).await.map_err(into_worker_error)?;
                let news = ledger::status::news(&rows, apps).map_err(into_worker_error)?;
                // Most of the time there is none, and nothing to write.
                if !news.is_empty() {
                    self.transact(Operation::CutApps { apps: news }).await?;
                }
                self.readers.know(began);
                began
            }
        };
        let list = match self.readers.made(period) {
            Some(list) => list,
            None => {
                let made = ledger::status::list(&rows, period, now()).map_err(into_worker_error)?;
                let list = StatusList { as_of, ..made };
                self.readers.keep(period, &list);
                list
            }
        };
        Ok(Outcome::StatusList { list })
    }

    /// Runs an operation that writes. An error undoes all of it.
    async fn transact(&self, operation: Operation) -> Result<Outcome> {
        let rows = self.rows()?;
        let mut inside = rows.clone();
        let outcome = self.in_transaction(move || ledger::apply(&mut inside, &operation, now()))?;
        if rows.has_urgent_news() {
            self.ring_within(TELL_URGENTLY_AFTER).await?;
        } else if !self.alarm_is_set.get() {
            self.ring_within(TELL_AFTER).await?;
        }
        Ok(outcome)
    }

    /// Runs all of it or nothing of it. By `transactionSync`, which the platform's crate does not know yet: its
    /// `transaction` waits several times for the sake of callbacks that wait.
    fn in_transaction<T: 'static>(
        &self,
        run: impl FnOnce() -> std::result::Result<T, StoreError> + 'static,
    ) -> Result<T> {
        let outcome = Rc::new(RefCell::new(None));
        let result = Rc::clone(&outcome);
        // An error has to be thrown, so that the platform undoes what was written.
        let run: Box<dyn FnOnce() -> std::result::Result<(), JsValue>> = Box::new(move || {
            result.replace(Some(run().map_err(|error| JsValue::from_str(&error.to_string()))?));
            Ok(())
        });
        let storage = self.state.storage();
        let transaction: Function = Reflect::get(storage.as_raw(), &"transactionSync".into())?.dyn_into()?;
        transaction.call1(storage.as_raw(), Closure::once_assert_unwind_safe(run).as_ref())?;
        outcome
            .take()
            .ok_or_else(|| worker::Error::RustError("no outcome".into()))
    }

    /// Makes sure that the alarm rings soon; one that is set for sooner stays.
    async fn ring_within(&self, time: Duration) -> Result<()> {
        let set = self.state.storage().get_alarm().await?;
        if set.is_none_or(|at| at > (now() + time).0) {
            self.state.storage().set_alarm(time).await?;
        }
        self.alarm_is_set.set(true);
        Ok(())
    }

    /// Writes to D1 when consents were last used, and events to the audit trail: in batches, never one write per
    /// token. An event told twice is entered once.
    async fn tell_directory(&self, rows: &SqlRows) -> std::result::Result<(), StoreError> {
        let (uses, events) = (rows.untold_uses()?, rows.untold_events()?);
        let mut statements = Vec::new();
        if !uses.is_empty() {
            statements.push(Statement::new(NOTE_USES).text(&json(&uses)?));
        }
        if !events.is_empty() {
            statements.push(Statement::new(ENTER_EVENTS).text(&json(&events)?));
        }
        if statements.is_empty() {
            return Ok(());
        }
        let database = self.env.d1("DB").map_err(|error| store_error("d1", error))?;
        batch(&database, statements).await?;
        rows.forget_uses(&uses)?;
        rows.forget_events(&events)
    }
}

fn json(value: &impl Serialize) -> std::result::Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| store_error("ledger", error))
}

/// The body in one piece; the platform's crate would read it as a stream.
pub(super) async fn text(response: Response) -> Result<String> {
    let text = JsFuture::from(web_sys::Response::from(response).text()?).await?;
    Ok(text.as_string().unwrap_or_default())
}

fn into_worker_error(error: StoreError) -> worker::Error {
    worker::Error::RustError(error.to_string())
}

/// Has a ledger object carry out an operation.
pub(super) async fn ask(env: &Env, shard: Shard, operation: &Operation) -> std::result::Result<Outcome, StoreError> {
    let ask = async {
        let namespace = env.durable_object("LEDGER")?;
        let stub = namespace.get_by_name_with_location_hint(&shard.object_name(), shard.location_hint())?;
        // The platform's own type: the crate's brings a serializer for every option of `fetch` there is.
        let init = web_sys::RequestInit::new();
        init.set_method("POST");
        init.set_body(&JsValue::from_str(&serde_json::to_string(operation)?));
        let request = web_sys::Request::new_with_str_and_init("https://ledger/", &init)?;
        let response = stub.fetch_with_request(request.into()).await?;
        match response.status_code() {
            200 => Ok(json::from_str(&text(response).await?)?),
            status => Err(worker::Error::RustError(format!("status {status}"))),
        }
    };
    ask.await.map_err(|error: worker::Error| store_error("ledger", error))
}

impl Ledger for EdgeStores {
    async fn ledger(&self, shard: Shard, operation: &Operation) -> std::result::Result<Outcome, StoreError> {
        ask(self.env(), shard, operation).await
    }
}
