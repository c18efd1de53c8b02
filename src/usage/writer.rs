//! When what was counted is written: soon, one batch at a time, and each exactly once, also where nobody knows whether
//! the first attempt arrived.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use super::sorted::Sorted;
use super::statements::{CONSENT_PRECISION, batch_statements};
use super::{Batch, Buffer, Noted, Request};
use crate::random::{self, Random};
use crate::store::database::{Database, Undone};
use crate::time::Timestamp;

/// From the first count to the write.
pub const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
/// The same while the directory is slow or down.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// How long one task goes on. The platform lets it live for 30 seconds after the request that started it.
pub const TASK: Duration = Duration::from_secs(12);
/// Different consents of which it is remembered when the directory was last told that they were used.
const MOST_TOLD: usize = 2000;
/// A task that has not ended by then was ended from outside.
const TASK_IS_DEAD: Duration = Duration::from_secs(60);

/// What one isolate counts and writes.
#[derive(Debug)]
pub struct Writer {
    buffer: Buffer,
    /// Consents and the use of each that was written last, so that a busy one costs no row of each batch.
    told: Sorted<String, Timestamp>,
    /// Names this isolate to the directory, once it writes.
    id: Option<String>,
    /// Taken out of the buffer, and not known to be written.
    unwritten: Option<Rc<Numbered>>,
    last_number: u32,
    /// Since when a task is there to write.
    task: Option<Timestamp>,
    pause: Duration,
}

/// A batch under the number by which the directory knows whether it has it already.
#[derive(Debug, PartialEq, Eq)]
pub struct Numbered {
    /// The isolate.
    pub writer: String,
    /// 1 for its first batch.
    pub number: u32,
    /// What is written.
    pub batch: Batch,
}

impl Default for Writer {
    fn default() -> Self {
        Self {
            buffer: Buffer::default(),
            told: Sorted::default(),
            id: None,
            unwritten: None,
            last_number: 0,
            task: None,
            pause: SHORTEST_PAUSE,
        }
    }
}

/// How a write went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// There was nothing to write.
    Nothing,
    /// Written. `left_out`: how much there had been no room for.
    Written {
        /// See above.
        left_out: u32,
    },
    /// Not written, as far as anybody knows; the next write is of the same.
    Failed,
}

impl Writer {
    /// Adds what a request noted. True: somebody has to start a task that writes it.
    pub fn add(&mut self, mut noted: Noted, request: Request<'_>) -> bool {
        if noted.is_empty() {
            return false;
        }
        if let Some(call) = &mut noted.call
            && call.consent_used().is_some_and(|id| !self.is_news(id, request.at))
        {
            call.forget_consent();
        }
        self.buffer.add(noted, request);
        let lives = self.task.is_some_and(|since| request.at - since < TASK_IS_DEAD);
        if !lives {
            self.task = Some(request.at);
        }
        !lives
    }

    /// Whether the use of a consent is to be written: once in each stretch of [`CONSENT_PRECISION`], or more often where
    /// more consents are in use than can be remembered.
    fn is_news(&mut self, consent_id: &str, at: Timestamp) -> bool {
        let is_old = |told: &Timestamp| at.0 - told.0 >= CONSENT_PRECISION;
        let id = consent_id.to_owned();
        if self.told.get(&id).is_some_and(|told| !is_old(told)) {
            return false;
        }
        if !self.told.add(id.clone(), MOST_TOLD, |told| *told = at) {
            self.told.retain(|told| !is_old(told));
            self.told.add(id, MOST_TOLD, |told| *told = at);
        }
        true
    }

    /// How long a task waits before its next write.
    pub fn pause(&self) -> Duration {
        self.pause
    }

    /// A task ends. What is left waits for the next.
    pub fn task_ended(&mut self) {
        self.task = None;
    }

    /// What is to be written next, the same until it is known to be written.
    fn next(&mut self, random: &dyn Random) -> Option<Rc<Numbered>> {
        if self.unwritten.is_none() && !self.buffer.is_empty() {
            let id = self.id.get_or_insert_with(|| random::identifier(random, ""));
            self.last_number = self.last_number.saturating_add(1);
            self.unwritten = Some(Rc::new(Numbered {
                writer: id.clone(),
                number: self.last_number,
                batch: self.buffer.take(),
            }));
        }
        self.unwritten.clone()
    }

    fn written(&mut self, number: u32, took: Duration) {
        if self.unwritten.as_ref().is_some_and(|batch| batch.number == number) {
            self.unwritten = None;
        }
        // A tenth of the time at most is spent on writing, so that many isolates do not keep a slow directory busy.
        self.pause = took.saturating_mul(10).clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
    }

    fn failed(&mut self) {
        self.pause = self.pause.saturating_mul(2).min(LONGEST_PAUSE);
    }
}

/// Writes what there is to write.
pub async fn write<S: Database>(
    writer: &RefCell<Writer>,
    database: &S,
    random: &dyn Random,
    now: impl Fn() -> Timestamp,
) -> Step {
    let Some(next) = writer.borrow_mut().next(random) else {
        return Step::Nothing;
    };
    let began = now();
    let done = database.transact(batch_statements(&next, began)).await;
    let mut writer = writer.borrow_mut();
    match done {
        // Refused: the directory has this number already, and only the answer was lost.
        Ok(_) | Err(Undone::Refused) => {
            writer.written(next.number, now() - began);
            Step::Written {
                left_out: next.batch.left_out,
            }
        }
        Err(Undone::Store(_)) => {
            writer.failed();
            Step::Failed
        }
    }
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
