//! The Durable Object `RevocationFeed`, and how the Worker calls it.

use std::cell::{Cell, RefCell};
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::{Either, select, try_join};
use serde::{Deserialize, Serialize};
use worker::wasm_bindgen::JsValue;
use worker::{DurableObject, Env, Request, Response, Result, State, durable_object};

use super::d1::{Statement, batch, rows};
use super::feed_rows::SqlFeed;
use super::ledger_object::{self, text};
use super::stores::{EdgeStores, store_error};
use super::surroundings::{now, sleep};
use crate::feed::gather::{Gathered, gather, list, take_apps};
use crate::feed::region::Region;
use crate::feed::{APPS_CUT_OFF, AppCut, FRESHNESS, LONGEST_WAIT, MEMORY, NOTED_LATE, WATCHED_FRESHNESS};
use crate::json;
use crate::ledger::shard::Shard;
use crate::ledger::{Operation, Outcome};
use crate::store::{Feed, Ledger, StoreError};
use crate::time::Timestamp;

/// How long the ledgers and the directory may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a feed object may take to answer, beside what it is asked to wait: another's failure, and its own.
const OBJECT_PATIENCE: Duration = Duration::from_secs(5);
/// How often expired entries are deleted.
const CLEAN_EVERY: Duration = Duration::from_secs(3600);
/// How soon it goes on where there are more than one alarm deletes.
const CLEAN_ON: Duration = Duration::from_secs(1);
/// How many may wait for news at a time: each looks once a second.
const MOST_WAITING: u32 = 500;

/// What the Worker asks of a feed object.
#[derive(Serialize, Deserialize)]
struct Question {
    region: Region,
    after: u64,
    /// How long news may be waited for, in milliseconds.
    wait: u64,
}

/// Gathers what the ledgers of one region cut off, and what the directory says of apps.
#[durable_object(alarm)]
pub struct RevocationFeed {
    state: State,
    env: Env,
    known: AssertUnwindSafe<Rc<Known>>,
}

/// What an object knows beside its rows.
#[derive(Default)]
struct Known {
    tables_are_made: Cell<bool>,
    alarm_is_set: Cell<bool>,
    /// When it last began to ask and was answered by all.
    as_of: Cell<Option<Timestamp>>,
    /// When it last began to ask in vain, and what it was told.
    failure: RefCell<Option<(Timestamp, StoreError)>>,
    waiting: Cell<u32>,
}

impl Known {
    fn as_of_within(&self, freshness: Duration) -> Option<Timestamp> {
        // One from the future is of a clock that was set back since.
        let now = now();
        let is_fresh = |as_of: &Timestamp| (*as_of..*as_of + freshness).contains(&now);
        self.as_of.get().filter(is_fresh)
    }
}

/// A place among those who wait, given back whatever becomes of them.
struct Place(Rc<Known>);

impl Place {
    fn take(known: &Rc<Known>) -> Option<Self> {
        let waiting = known.waiting.get();
        known.waiting.set(waiting + 1);
        let place = Self(Rc::clone(known));
        (waiting < MOST_WAITING).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.waiting.set(self.0.waiting.get().saturating_sub(1));
    }
}

impl DurableObject for RevocationFeed {
    fn new(state: State, env: Env) -> Self {
        Self {
            state,
            env,
            known: AssertUnwindSafe(Rc::default()),
        }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        let question: Question = json::from_str(&request.text().await?)?;
        let gathered = self.answer(&question).await?;
        if !self.known.alarm_is_set.get() {
            self.state.storage().set_alarm(CLEAN_EVERY).await?;
            self.known.alarm_is_set.set(true);
        }
        match gathered {
            Ok(gathered) => Response::from_json(&gathered),
            Err(error) => Response::error(error.to_string(), 503),
        }
    }

    async fn alarm(&self) -> Result<Response> {
        self.known.alarm_is_set.set(false);
        if self.rows()?.delete_expired(now()).map_err(into_worker_error)? {
            self.state.storage().set_alarm(CLEAN_ON).await?;
            self.known.alarm_is_set.set(true);
        }
        Response::empty()
    }
}

impl RevocationFeed {
    /// What is new, or that nothing is when the time is up.
    async fn answer(&self, question: &Question) -> Result<std::result::Result<Gathered, StoreError>> {
        if question.wait == 0 {
            return self.gathered(question, FRESHNESS).await;
        }
        let Some(_place) = Place::take(&self.known) else {
            return Ok(Err(store_error("feed", "too many wait for news")));
        };
        let until = now() + Duration::from_millis(question.wait).min(LONGEST_WAIT);
        loop {
            let gathered = self.gathered(question, WATCHED_FRESHNESS).await?;
            match &gathered {
                Ok(list) if !list.is_news() && list.as_of + WATCHED_FRESHNESS <= until => {
                    sleep(list.as_of + WATCHED_FRESHNESS - now()).await;
                }
                _ => return Ok(gathered),
            }
        }
    }

    /// What is new, as far as it was known so long ago at most.
    async fn gathered(
        &self,
        question: &Question,
        freshness: Duration,
    ) -> Result<std::result::Result<Gathered, StoreError>> {
        let rows = self.rows()?;
        let as_of = match self.known.as_of_within(freshness) {
            Some(as_of) => Ok(as_of),
            None => {
                let gathering = Gathering {
                    env: self.env.clone(),
                    rows: rows.clone(),
                    region: question.region,
                    known: Rc::clone(&self.known),
                    wanted_at: now(),
                };
                // Whoever asks meanwhile waits, and finds it done. An error inside would reset the object.
                let gather = async move { Ok(gathering.fresh(freshness).await) };
                self.state.block_concurrency_while(gather).await?
            }
        };
        Ok(as_of.and_then(|as_of| list(&rows, question.after, as_of)))
    }

    fn rows(&self) -> Result<SqlFeed> {
        let rows = SqlFeed::new(self.state.storage().sql());
        if !self.known.tables_are_made.get() {
            rows.make_tables().map_err(into_worker_error)?;
            self.known.tables_are_made.set(true);
        }
        Ok(rows)
    }
}

/// What is needed to ask, apart from the object, so that it can be waited for.
struct Gathering {
    env: Env,
    rows: SqlFeed,
    region: Region,
    known: Rc<Known>,
    /// Since when it has been waited for.
    wanted_at: Timestamp,
}

impl Gathering {
    /// As of when everything is known, after asking again if that is too long ago. Who waited while others asked in vain
    /// does not do so again: a ledger that hangs would make each wait for all before.
    async fn fresh(mut self, freshness: Duration) -> std::result::Result<Timestamp, StoreError> {
        if let Some(as_of) = self.known.as_of_within(freshness) {
            return Ok(as_of);
        }
        if let Some((began, error)) = self.known.failure.borrow().as_ref()
            && *began >= self.wanted_at
        {
            return Err(error.clone());
        }
        let began = now();
        match self.ask(began).await {
            Ok(()) => {
                self.known.as_of.set(Some(began));
                Ok(began)
            }
            Err(error) => {
                self.known.failure.replace(Some((began, error.clone())));
                Err(error)
            }
        }
    }

    async fn ask(&mut self, began: Timestamp) -> std::result::Result<(), StoreError> {
        // After a start all that still matters: what was kept may be older. Likewise after the clock was set back.
        let known = self.known.as_of.get().filter(|as_of| *as_of <= began);
        let since = known.map_or(began - MEMORY, |as_of| as_of - NOTED_LATE);
        let ledgers = Ledgers(&self.env);
        let mut logs = self.rows.clone();
        let asked = pin!(try_join(
            gather(self.region, &ledgers, &mut logs, began),
            apps_cut_off(&self.env, since)
        ));
        let ((), apps) = match select(asked, pin!(sleep(PATIENCE))).await {
            Either::Left((answers, _)) => answers?,
            Either::Right(_) => return Err(store_error("feed", "no answer within 2 s")),
        };
        take_apps(&mut self.rows, &apps, began)
    }
}

struct Ledgers<'a>(&'a Env);

impl Ledger for Ledgers<'_> {
    async fn ledger(&self, shard: Shard, operation: &Operation) -> std::result::Result<Outcome, StoreError> {
        ledger_object::ask(self.0, shard, operation).await
    }
}

/// The apps that were cut off since, as the directory knows them.
pub(super) async fn apps_cut_off(env: &Env, since: Timestamp) -> std::result::Result<Vec<AppCut>, StoreError> {
    let database = env.d1("DB").map_err(|error| store_error("d1", error))?;
    let found = batch(&database, vec![Statement::new(APPS_CUT_OFF).time(since)]).await?;
    rows(&found, 0)
}

fn into_worker_error(error: StoreError) -> worker::Error {
    worker::Error::RustError(error.to_string())
}

impl Feed for EdgeStores {
    async fn feed(&self, region: Region, after: u64, wait: Duration) -> std::result::Result<Gathered, StoreError> {
        let question = Question {
            region,
            after,
            wait: u64::try_from(wait.as_millis()).unwrap_or(0),
        };
        let ask = async {
            let namespace = self.env().durable_object("FEED")?;
            let stub = namespace.get_by_name_with_location_hint(&region.object_name(), region.location_hint())?;
            let init = web_sys::RequestInit::new();
            init.set_method("POST");
            init.set_body(&JsValue::from_str(&serde_json::to_string(&question)?));
            let request = web_sys::Request::new_with_str_and_init("https://feed/", &init)?;
            let response = stub.fetch_with_request(request.into()).await?;
            match response.status_code() {
                200 => Ok(json::from_str(&text(response).await?)?),
                status => Err(worker::Error::RustError(format!("status {status}"))),
            }
        };
        match select(pin!(ask), pin!(sleep(wait + OBJECT_PATIENCE))).await {
            Either::Left((answer, _)) => answer.map_err(|error: worker::Error| store_error("feed", error)),
            Either::Right(_) => Err(store_error("feed", "no answer in time")),
        }
    }
}
