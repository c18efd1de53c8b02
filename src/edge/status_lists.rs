//! Status lists, made in the ledger object itself: what its tokens are, it knows; which apps were cut off, it asks the
//! directory. However many read, it does so once in [`FRESHNESS`].

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use worker::Env;

use super::feed_object::apps_cut_off;
use super::ledger_object;
use super::stores::{EdgeStores, store_error};
use super::surroundings::{now, sleep};
use crate::feed::{AppCut, MEMORY, NOTED_LATE};
use crate::ledger::{Operation, Outcome};
use crate::status_list::{FRESHNESS, ListName, StatusList};
use crate::store::{StatusLists, StoreError};
use crate::time::Timestamp;

/// How long the directory may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// How old what a list says may be for those who come while the directory is being asked.
const STALENESS: Duration = Duration::from_secs(5);
/// How long a ledger object may take to answer: the directory's failure, and its own.
const OBJECT_PATIENCE: Duration = Duration::from_secs(5);

/// What a ledger object has at hand for readers of its lists.
#[derive(Default)]
pub struct Readers {
    /// When it last began to ask the directory and was answered.
    as_of: Cell<Option<Timestamp>>,
    asking: Cell<bool>,
    /// The lists that were made since, by their periods.
    made: RefCell<Vec<(u64, StatusList)>>,
}

/// That the directory is being asked, for as long as it is.
pub struct Asking<'a>(&'a Readers);

impl Readers {
    /// As of when all is known, if that is not too long ago.
    pub fn as_of(&self) -> Option<Timestamp> {
        let freshness = if self.asking.get() { STALENESS } else { FRESHNESS };
        self.as_of.get().filter(|as_of| now() - *as_of < freshness)
    }

    /// The apps that the directory says were cut off since it was asked before: after a start, all that still matter.
    pub async fn ask(&self, env: &Env, began: Timestamp) -> Result<Vec<AppCut>, StoreError> {
        let _asking = Asking::begin(self);
        let since = self.as_of.get().map_or(began - MEMORY, |as_of| as_of - NOTED_LATE);
        match select(pin!(apps_cut_off(env, since)), pin!(sleep(PATIENCE))).await {
            Either::Left((apps, _)) => apps,
            Either::Right(_) => Err(store_error("d1", "no answer within 2 s")),
        }
    }

    /// Notes that all is known.
    pub fn know(&self, as_of: Timestamp) {
        self.as_of.set(self.as_of.get().max(Some(as_of)));
        self.made.borrow_mut().clear();
    }

    /// The list of a period, as it was made since.
    pub fn made(&self, period: u64) -> Option<StatusList> {
        let made = self.made.borrow();
        made.iter().find(|(of, _)| *of == period).map(|(_, list)| list.clone())
    }

    /// Keeps a list for the next reader.
    pub fn keep(&self, period: u64, list: &StatusList) {
        self.made.borrow_mut().push((period, list.clone()));
    }
}

impl<'a> Asking<'a> {
    fn begin(readers: &'a Readers) -> Self {
        readers.asking.set(true);
        Self(readers)
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.asking.set(false);
    }
}

impl StatusLists for EdgeStores {
    async fn status_list(&self, name: ListName) -> Result<StatusList, StoreError> {
        let operation = Operation::StatusList { period: name.period };
        let ask = ledger_object::ask(self.env(), name.shard, &operation);
        match select(pin!(ask), pin!(sleep(OBJECT_PATIENCE))).await {
            Either::Left((Ok(Outcome::StatusList { list }), _)) => Ok(list),
            Either::Left((Ok(_), _)) => Err(store_error("ledger", "an answer to another question")),
            Either::Left((Err(error), _)) => Err(error),
            Either::Right(_) => Err(store_error("ledger", "no answer in time")),
        }
    }
}
