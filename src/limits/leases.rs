//! The leases an isolate holds, and what it decides by them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use super::headers::{Limit, Told};
use super::lease::{Answer, Ask, Lease, Part};
use super::tier::{APP, Caller, Counted, Quota};
use crate::time::Timestamp;

/// Of how many users something is held. Each has shown a good token.
const CAPACITY: usize = 16_384;
/// After a counter did not answer, for how long it is not asked.
const PAUSE: Duration = Duration::from_secs(1);
/// While one call asks for a lease, for how long others ask for themselves only.
const BIG_ASK: Duration = Duration::from_millis(500);
/// While the counter cannot be asked, this part of a limit may pass in each isolate in any window: five isolates that are cut off
/// from it let a tenth pass. Of a limit below this number nothing does.
const SHARE_ALONE: u32 = 50;
/// The limit is near when less than this part of it is left: then nothing passes without the counter.
const NEAR: u32 = 10;

/// What an isolate holds.
#[derive(Debug, Default)]
pub struct Leases(RefCell<All>);

/// What is held of all apps.
#[derive(Debug, Default)]
struct All {
    apps: BTreeMap<String, OfApp>,
    /// How many subjects all of them have together.
    subjects: usize,
}

/// What is held of the counts of one app.
#[derive(Debug)]
struct OfApp {
    app: Held,
    /// By user; that of the app itself is among them.
    subjects: BTreeMap<String, Held>,
}

/// What is held of one count.
#[derive(Debug)]
struct Held {
    quota: Quota,
    /// The lease: where it was counted, how many calls are left of it, and until when.
    slot: i64,
    unused: u32,
    until: Timestamp,
    /// How many more the counter had when it was last asked, and when it has more.
    left: u32,
    more_at: Timestamp,
    /// How many calls were made by the leases of this slot, and of the one before.
    used: u32,
    used_before: u32,
    /// Since when a call has been asking for more than itself.
    asking_since: Timestamp,
    /// How many calls passed without the counter, and does not know of yet.
    owed: u32,
    /// The same for the limit that holds then, and when the last of them did.
    alone: u32,
    alone_at: Timestamp,
    /// Until when its counter is not asked.
    pause_until: Timestamp,
}

/// What is to be done about a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// It is decided.
    Decided(Outcome),
    /// The counter has to be asked.
    Ask(Ask),
}

/// What became of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It may go on, and is counted.
    Counted(Told),
    /// It may not.
    TooMany {
        /// Seconds after which it may.
        retry_after: u32,
        /// For the headers.
        told: Told,
    },
    /// The counter cannot be asked, and as many calls as may passed without it.
    Unavailable,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ready,
    Reached,
    Needed,
}

impl Held {
    const NEVER: Timestamp = Timestamp(i64::MIN);

    fn new(quota: Quota) -> Self {
        Self {
            quota,
            slot: 0,
            unused: 0,
            until: Self::NEVER,
            left: quota.requests,
            more_at: Self::NEVER,
            used: 0,
            used_before: 0,
            asking_since: Self::NEVER,
            owed: 0,
            alone: 0,
            alone_at: Self::NEVER,
            pause_until: Self::NEVER,
        }
    }

    /// Takes the limit of the app's tier as it is now. What was granted under another one is not used, so that a lower
    /// limit holds at once.
    fn take_limit(&mut self, quota: Quota) {
        if self.quota == quota {
            return;
        }
        self.until = Self::NEVER;
        self.left = quota.requests;
        if self.quota.seconds != quota.seconds {
            self.unused = 0;
        }
        self.quota = quota;
    }

    fn state(&self, now: Timestamp) -> State {
        match now < self.until {
            true if self.unused > 0 => State::Ready,
            true if self.left == 0 && now < self.more_at => State::Reached,
            _ => State::Needed,
        }
    }

    fn take_one(&mut self, now: Timestamp) -> bool {
        if self.state(now) != State::Ready {
            return false;
        }
        self.unused -= 1;
        self.used = self.used.saturating_add(1);
        true
    }

    /// A call that was taken and is not made after all.
    fn put_back(&mut self, now: Timestamp) {
        if now < self.until {
            self.unused += 1;
            self.used = self.used.saturating_sub(1);
        }
    }

    /// As many again as half of what was lately used here, so that little is lost when nobody comes back for it.
    fn want(&self, now: Timestamp) -> u32 {
        let is_busy = now - self.until < Duration::from_secs(self.quota.seconds.into()) / 10;
        if !is_busy || now - self.asking_since < BIG_ASK {
            return 1;
        }
        (self.used.max(self.used_before) / 2).max(1)
    }

    fn part(&mut self, counted: &Counted, now: Timestamp) -> Part {
        let want = self.want(now);
        if want > 1 {
            self.asking_since = now;
        }
        Part {
            key: counted.key.clone(),
            requests: self.quota.requests,
            seconds: self.quota.seconds,
            want,
            owed: std::mem::take(&mut self.owed),
            slot: self.slot,
            unused: std::mem::take(&mut self.unused),
        }
    }

    /// Takes a lease, and one call of it for whoever asked, which is counted however late the answer comes. The lease counts
    /// from when it was asked for, so that here it is over no later than for the counter.
    fn learn(&mut self, lease: &Lease, asked_at: Timestamp) {
        let after = |milliseconds: u32| asked_at + Duration::from_millis(milliseconds.into());
        let until = after(lease.lasts);
        self.asking_since = Self::NEVER;
        self.pause_until = Self::NEVER;
        // Of two that came at the same time the later one stays, and what is left of the other is lost.
        if lease.slot < self.slot && self.unused > 0 {
            return;
        }
        if lease.slot != self.slot {
            self.used_before = std::mem::take(&mut self.used);
            self.slot = lease.slot;
            self.unused = 0;
        }
        self.until = if self.unused == 0 { until } else { self.until.min(until) };
        self.unused += lease.calls.saturating_sub(1);
        self.used = self.used.saturating_add(lease.calls.min(1));
        self.left = lease.left;
        self.more_at = after(lease.more_in);
    }

    /// Whether one may pass without the counter.
    fn may_go_alone(&mut self, now: Timestamp) -> bool {
        let window = Duration::from_secs(self.quota.seconds.into());
        // Only a window in which none passed ends what was counted, so that in no window there are more.
        if now >= self.alone_at + window {
            self.alone = 0;
        }
        let knows_it_is_near = now < self.more_at && self.left <= self.quota.requests / NEAR;
        !knows_it_is_near && self.alone < self.quota.requests / SHARE_ALONE
    }

    fn go_alone(&mut self, now: Timestamp) {
        self.alone_at = now;
        self.alone += 1;
        self.owed += 1;
    }

    /// Whether nothing is lost when it is forgotten.
    fn is_idle(&self, now: Timestamp) -> bool {
        let window = Duration::from_secs(self.quota.seconds.into());
        now >= self.until + window / 10 && self.owed == 0 && now >= self.alone_at + window
    }

    fn retry_after(&self, now: Timestamp) -> u32 {
        let seconds = (self.more_at - now).as_millis().div_ceil(1000);
        u32::try_from(seconds).unwrap_or(u32::MAX).max(1)
    }
}

/// What became of a call for each of its two counts up to now.
#[derive(Debug, Default)]
pub struct Turn([Got; 2]);

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Got {
    #[default]
    Nothing,
    /// A call of a lease.
    One,
    /// The counter had none.
    Refusal,
}

/// The two counts of a call with what is held of them.
struct Pair<'a> {
    held: [&'a mut Held; 2],
    got: &'a mut [Got; 2],
    counts: &'a [Counted; 2],
    now: Timestamp,
}

impl Pair<'_> {
    /// Takes from the leases at hand what the call does not have yet. Ends it if a limit is reached.
    fn take(&mut self) -> Option<Outcome> {
        for (held, got) in self.held.iter_mut().zip(self.got.iter_mut()) {
            if *got == Got::Nothing && held.take_one(self.now) {
                *got = Got::One;
            }
        }
        let is_reached = |held: &Held, got| match got {
            Got::One => false,
            Got::Refusal => true,
            Got::Nothing => held.state(self.now) == State::Reached,
        };
        let reached = self
            .held
            .iter()
            .zip(*self.got)
            .filter(|(held, got)| is_reached(held, *got));
        if let Some(retry_after) = reached.map(|(held, _)| held.retry_after(self.now)).max() {
            self.put_back();
            return Some(Outcome::TooMany {
                retry_after,
                told: self.tell(),
            });
        }
        (*self.got == [Got::One; 2]).then(|| Outcome::Counted(self.tell()))
    }

    /// What is held of the counts from which the call has nothing yet.
    fn missing(&mut self) -> impl Iterator<Item = (&mut Held, &Counted)> {
        let all = self.held.iter_mut().zip(self.counts).zip(*self.got);
        all.filter(|(_, got)| *got == Got::Nothing)
            .map(|((held, counted), _)| (&mut **held, counted))
    }

    fn step(&mut self) -> Step {
        if let Some(outcome) = self.take() {
            return Step::Decided(outcome);
        }
        let [_, app] = &self.held;
        if self.now < app.pause_until {
            return Step::Decided(self.go_without());
        }
        let now = self.now;
        Step::Ask(Ask {
            parts: self.missing().map(|(held, counted)| held.part(counted, now)).collect(),
        })
    }

    fn go_without(&mut self) -> Outcome {
        if let Some(outcome) = self.take() {
            return outcome;
        }
        let now = self.now;
        if !self.missing().all(|(held, _)| held.may_go_alone(now)) {
            self.put_back();
            return Outcome::Unavailable;
        }
        self.missing().for_each(|(held, _)| held.go_alone(now));
        Outcome::Counted(self.tell())
    }

    fn put_back(&mut self) {
        for (held, got) in self.held.iter_mut().zip(self.got.iter_mut()) {
            if std::mem::take(got) == Got::One {
                held.put_back(self.now);
            }
        }
    }

    /// For the headers: nothing of a count that passed without its counter, of which nothing is known.
    fn tell(&self) -> Told {
        let limit = |(held, counted): (&&mut Held, &Counted)| Limit {
            policy: counted.policy,
            quota: counted.quota,
            left: (self.now < held.until).then(|| held.left.saturating_add(held.unused)),
            more_in: held.retry_after(self.now),
        };
        Told(self.held.iter().zip(self.counts).map(limit).collect())
    }
}

impl Leases {
    /// Counts a call by the leases at hand, or says what to ask the counter.
    pub fn take(&self, caller: &Caller<'_>, turn: &mut Turn, now: Timestamp) -> Step {
        self.with(caller, turn, now, |mut pair| pair.step())
    }

    /// Takes what the counter answered to a question of `asked_at`.
    pub fn learn(&self, caller: &Caller<'_>, turn: &mut Turn, ask: &Ask, answer: &Answer, asked_at: Timestamp) {
        for (part, lease) in ask.parts.iter().zip(&answer.leases) {
            let [subject, app] = &mut turn.0;
            let got = if part.key == APP { app } else { subject };
            *got = if lease.calls > 0 { Got::One } else { Got::Refusal };
            self.of_part(caller, part, |held| held.learn(lease, asked_at));
        }
    }

    /// Takes that a question was not answered. What was given back with it is lost, in favour of the limit.
    pub fn lost(&self, caller: &Caller<'_>, ask: &Ask) {
        for part in &ask.parts {
            self.of_part(caller, part, |held| {
                held.owed = held.owed.saturating_add(part.owed);
                held.asking_since = Held::NEVER;
            });
        }
    }

    /// Decides about a call whose counter does not answer, and leaves the counter alone for a moment.
    pub fn go_without(&self, caller: &Caller<'_>, turn: &mut Turn, now: Timestamp) -> Outcome {
        self.with(caller, turn, now, |mut pair| {
            let [_, app] = &mut pair.held;
            app.pause_until = now + PAUSE;
            pair.go_without()
        })
    }

    fn with<T>(&self, caller: &Caller<'_>, turn: &mut Turn, now: Timestamp, run: impl FnOnce(Pair<'_>) -> T) -> T {
        let counts = caller.counts();
        let [of_subject, of_app] = &counts;
        let mut all = self.0.borrow_mut();
        if !all.holds(caller.client_id, &of_subject.key) {
            all.make_room(now);
            all.subjects += 1;
        }
        let held = all.apps.entry(caller.client_id.to_owned()).or_insert_with(|| OfApp {
            app: Held::new(of_app.quota),
            subjects: BTreeMap::new(),
        });
        let subjects = &mut held.subjects;
        let subject = subjects
            .entry(of_subject.key.clone())
            .or_insert_with(|| Held::new(of_subject.quota));
        held.app.take_limit(of_app.quota);
        subject.take_limit(of_subject.quota);
        run(Pair {
            held: [subject, &mut held.app],
            got: &mut turn.0,
            counts: &counts,
            now,
        })
    }

    fn of_part(&self, caller: &Caller<'_>, part: &Part, run: impl FnOnce(&mut Held)) {
        let mut all = self.0.borrow_mut();
        let Some(of_app) = all.apps.get_mut(caller.client_id) else {
            return;
        };
        let held = match of_app.subjects.get_mut(&part.key) {
            Some(subject) => Some(subject),
            None => (part.key == APP).then_some(&mut of_app.app),
        };
        // What was asked for under another limit is of no use under this one.
        if let Some(held) = held.filter(|held| held.quota == part.quota()) {
            run(held);
        }
    }
}

impl All {
    fn holds(&self, client_id: &str, subject: &str) -> bool {
        let of_app = self.apps.get(client_id);
        of_app.is_some_and(|of_app| of_app.subjects.contains_key(subject))
    }

    /// Makes room for one more, when there are too many: forgets who has not called for a while, and everybody, when nearly all
    /// of them call. Their leases are lost, in favour of the limits. All are looked at once in [`CAPACITY`] / 8 newcomers at
    /// most, however many are busy.
    fn make_room(&mut self, now: Timestamp) {
        if self.subjects < CAPACITY {
            return;
        }
        self.apps.retain(|_, of_app| {
            of_app.subjects.retain(|_, held| !held.is_idle(now));
            !of_app.subjects.is_empty() || !of_app.app.is_idle(now)
        });
        self.subjects = self.apps.values().map(|of_app| of_app.subjects.len()).sum();
        if self.subjects.max(self.apps.len()) > CAPACITY / 8 * 7 {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
#[path = "leases_tests.rs"]
mod tests;
