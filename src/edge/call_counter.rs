//! The Durable Object `CallCounter`, one per app, and how the Worker calls it.

use std::cell::{Cell, RefCell};
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::time::Duration;

use serde::Deserialize;
use worker::wasm_bindgen::JsValue;
use worker::{DurableObject, Env, Request, Response, Result, State, durable_object};

use super::ledger_object::text;
use super::sql::{Sql, number, time};
use super::stores::{EdgeStores, store_error};
use super::surroundings::now;
use crate::crypto;
use crate::json;
use crate::limits::lease::{Lease, Part, grant};
use crate::limits::window::Window;
use crate::limits::{Answer, Ask, CallCounters, Leases};
use crate::store::{Patience, StoreError};
use crate::time::Timestamp;

/// How long a counter may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often counts that are over are deleted.
const CLEAN_EVERY: Duration = Duration::from_secs(3600);

/// How many counts one alarm looks at; the next goes on.
const CLEAN_AT_ONCE: u32 = 5_000;
/// How soon that is.
const CLEAN_ON: Duration = Duration::from_secs(1);

/// See [`Sql::make_tables`]. Without an index: it would be one more row written for each lease, to save reading rows once an
/// hour.
const STEPS: [&str; 1] =
    ["CREATE TABLE counts (key TEXT PRIMARY KEY, record TEXT NOT NULL, ends_at INTEGER NOT NULL) WITHOUT ROWID;"];

thread_local! {
    static LEASES: Rc<Leases> = Rc::default();
}

/// Counts the calls of one app. It keeps everything in its database, and an answer leaves only when that is written.
#[durable_object(alarm)]
pub struct CallCounter {
    state: State,
    tables_are_made: AssertUnwindSafe<Cell<bool>>,
    alarm_is_set: AssertUnwindSafe<Cell<bool>>,
    /// Up to which key everything was looked at that an alarm cleans; empty: nothing.
    cleaned: AssertUnwindSafe<RefCell<String>>,
}

#[derive(Deserialize)]
struct Row {
    record: String,
}

#[derive(Deserialize)]
struct Key {
    key: String,
}

impl DurableObject for CallCounter {
    fn new(state: State, _: Env) -> Self {
        Self {
            state,
            tables_are_made: AssertUnwindSafe(Cell::new(false)),
            alarm_is_set: AssertUnwindSafe(Cell::new(false)),
            cleaned: AssertUnwindSafe(RefCell::default()),
        }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        let ask: Ask = json::from_str(&request.text().await?)?;
        let rows = self.rows()?;
        let now = now();
        // Without waiting in between, so that the platform writes all of it or nothing.
        let leases: std::result::Result<Vec<Lease>, StoreError> =
            ask.parts.iter().map(|part| lease(&rows, part, now)).collect();
        let leases = leases.map_err(into_worker_error)?;
        if !self.alarm_is_set.get() {
            if self.state.storage().get_alarm().await?.is_none() {
                self.state.storage().set_alarm(CLEAN_EVERY).await?;
            }
            self.alarm_is_set.set(true);
        }
        Response::from_json(&Answer { leases })
    }

    async fn alarm(&self) -> Result<Response> {
        let rows = self.rows()?;
        let after = self.cleaned.take();
        let last = clean(&rows, &after, now()).map_err(into_worker_error)?;
        let goes_on = last.is_some();
        self.cleaned.replace(last.unwrap_or_default());
        let holds_anything = goes_on
            || rows
                .finds("SELECT 1 FROM counts LIMIT 1", Vec::new())
                .map_err(into_worker_error)?;
        if holds_anything {
            let next = if goes_on { CLEAN_ON } else { CLEAN_EVERY };
            self.state.storage().set_alarm(next).await?;
        }
        self.alarm_is_set.set(holds_anything);
        Response::empty()
    }
}

impl CallCounter {
    fn rows(&self) -> Result<Sql> {
        let rows = Sql::new(self.state.storage().sql(), "counter");
        if !self.tables_are_made.get() {
            rows.make_tables(&STEPS).map_err(into_worker_error)?;
            self.tables_are_made.set(true);
        }
        Ok(rows)
    }
}

fn lease(rows: &Sql, part: &Part, now: Timestamp) -> std::result::Result<Lease, StoreError> {
    let found: Vec<Row> = rows.select(
        "SELECT record FROM counts WHERE key = ?",
        vec![part.key.as_str().into()],
    )?;
    let stored = found.first().map(|row| json::from_str(&row.record)).transpose();
    let stored: Option<Window> = stored.map_err(|error| store_error("counter", error))?;
    let mut window = stored.clone().unwrap_or_else(|| Window::new(part.seconds));
    let lease = grant(&mut window, part, now);
    // A refusal costs no write.
    if lease.calls > 0 || part.owed > 0 {
        let record = serde_json::to_string(&window).map_err(|error| store_error("counter", error))?;
        rows.execute(
            "INSERT INTO counts (key, record, ends_at) VALUES (?, ?, ?)
             ON CONFLICT (key) DO UPDATE SET record = excluded.record, ends_at = excluded.ends_at",
            vec![part.key.as_str().into(), record.into(), time(window.ends_at())],
        )?;
    }
    Ok(lease)
}

/// Deletes what is over among the counts after this key, as many as are looked at at a time. Up to which key that was; `None`:
/// to the end.
fn clean(rows: &Sql, after: &str, now: Timestamp) -> std::result::Result<Option<String>, StoreError> {
    let last: Vec<Key> = rows.select(
        "SELECT key FROM counts WHERE key > ? ORDER BY key LIMIT 1 OFFSET ?",
        vec![after.into(), number((CLEAN_AT_ONCE - 1).into())],
    )?;
    let last = last.into_iter().next().map(|row| row.key);
    match &last {
        Some(last) => rows.execute(
            "DELETE FROM counts WHERE key > ? AND key <= ? AND ends_at <= ?",
            vec![after.into(), last.as_str().into(), time(now)],
        )?,
        None => rows.execute(
            "DELETE FROM counts WHERE key > ? AND ends_at <= ?",
            vec![after.into(), time(now)],
        )?,
    }
    Ok(last)
}

fn into_worker_error(error: StoreError) -> worker::Error {
    worker::Error::RustError(error.to_string())
}

async fn ask_object(env: &Env, client_id: &str, ask: &Ask) -> Result<Answer> {
    let namespace = env.durable_object("COUNTER")?;
    // Hashed: the ids of some apps are addresses of any length.
    let stub = namespace.get_by_name(&crypto::hash(client_id))?;
    let init = web_sys::RequestInit::new();
    init.set_method("POST");
    init.set_body(&JsValue::from_str(&serde_json::to_string(ask)?));
    let request = web_sys::Request::new_with_str_and_init("https://counter/", &init)?;
    let response = stub.fetch_with_request(request.into()).await?;
    if response.status_code() != 200 {
        return Err(worker::Error::RustError(format!("status {}", response.status_code())));
    }
    let answer: Answer = json::from_str(&text(response).await?)?;
    match answer.leases.len() == ask.parts.len() {
        true => Ok(answer),
        false => Err(worker::Error::RustError("an answer to another question".into())),
    }
}

impl CallCounters for EdgeStores {
    fn leases(&self) -> Rc<Leases> {
        LEASES.with(Rc::clone)
    }

    fn clock(&self) -> Timestamp {
        now()
    }

    async fn ask_counter(&self, client_id: &str, ask: &Ask) -> std::result::Result<Answer, StoreError> {
        let asked = async {
            let answer = ask_object(self.env(), client_id, ask).await;
            answer.map_err(|error| store_error("counter", error))
        };
        self.at_most(PATIENCE, "counter", asked).await
    }
}
