//! How many calls were made in a sliding window, as the counter keeps it.
//!
//! A window is cut into [`SLOTS`] slots. What is granted is counted in the slot at whose end the grant ends, and stays
//! counted until a whole window has passed since that end. So in no window of this length are there more calls than were
//! granted at a time, and with a clock that does not jump no caller ever gets more than the limit. The price is that a call
//! counts for up to one and a half slots longer than it should: who always calls as fast as they may gets at least 93 % of
//! the limit in the long run, and all of it after a pause of a window and a half slot.

use serde::{Deserialize, Serialize};

use super::tier::Quota;
use crate::time::Timestamp;

/// How many slots a window has.
pub const SLOTS: i64 = 20;

/// The counts of one key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Its length in seconds.
    seconds: u32,
    /// How many were granted, by slot since 1970, in order.
    counts: Vec<(i64, u32)>,
}

impl Window {
    /// One in which nothing was counted.
    pub fn new(seconds: u32) -> Self {
        Self {
            seconds,
            counts: Vec::new(),
        }
    }

    /// Whether it is so many seconds long.
    pub fn has_length(&self, seconds: u32) -> bool {
        self.seconds == seconds
    }

    /// Forgets what is over, and takes another length if the tier has one now. What is counted stays counted: for a window
    /// of the new length from now on.
    pub fn bring_up_to(&mut self, now: Timestamp, seconds: u32) {
        let newest = self.newest_slot(now);
        let oldest = newest - SLOTS - 1;
        // A slot that is to come belongs to a clock that ran ahead.
        let counted = |&(slot, number): &(i64, u32)| (slot.min(newest), number);
        let live = self.counts.iter().map(counted).filter(|(slot, _)| *slot >= oldest);
        let live: Vec<(i64, u32)> = live.collect();
        self.counts.clear();
        let changed = self.seconds != seconds;
        self.seconds = seconds;
        for (slot, number) in live {
            let slot = if changed { self.slot_for(now) } else { slot };
            self.add(slot, number);
        }
    }

    /// How many are counted.
    pub fn count(&self) -> u32 {
        let sum = |sum: u32, (_, number): &(i64, u32)| sum.saturating_add(*number);
        self.counts.iter().fold(0, sum)
    }

    /// How many are left.
    pub fn left(&self, quota: Quota) -> u32 {
        quota.requests.saturating_sub(self.count())
    }

    /// The slot in which a grant of now is counted: one that lasts for another half of a slot at least.
    pub fn slot_for(&self, now: Timestamp) -> i64 {
        (now.0 + self.width() / 2).div_euclid(self.width())
    }

    /// When a slot ends, and every grant that is counted in it.
    pub fn end(&self, slot: i64) -> Timestamp {
        Timestamp((slot + 1) * self.width())
    }

    /// Counts some more.
    pub fn add(&mut self, slot: i64, number: u32) {
        if number == 0 {
            return;
        }
        match self.counts.binary_search_by_key(&slot, |(slot, _)| *slot) {
            Ok(at) => {
                if let Some((_, counted)) = self.counts.get_mut(at) {
                    *counted = counted.saturating_add(number);
                }
            }
            Err(at) => self.counts.insert(at, (slot, number)),
        }
    }

    /// Takes back what was granted in a slot and not used.
    pub fn give_back(&mut self, slot: i64, number: u32) {
        if let Some((_, counted)) = self.counts.iter_mut().find(|(other, _)| *other == slot) {
            *counted = counted.saturating_sub(number);
        }
        self.counts.retain(|(_, counted)| *counted > 0);
    }

    /// Milliseconds until there are more left than now, and one at least.
    pub fn more_in(&self, quota: Quota, now: Timestamp) -> u32 {
        let counted = self.count();
        let ends = self.end_of_window();
        let mut remaining = counted;
        for (slot, number) in &self.counts {
            remaining = remaining.saturating_sub(*number);
            if remaining < counted.min(quota.requests) {
                return u32::try_from((ends(*slot) - now).as_millis()).unwrap_or(u32::MAX);
            }
        }
        self.seconds.saturating_mul(1000)
    }

    /// When nothing of it counts any more, if nothing is added.
    pub fn ends_at(&self) -> Timestamp {
        let newest = self.counts.last().map_or(0, |(slot, _)| *slot);
        self.end_of_window()(newest)
    }

    /// The length of a slot in milliseconds.
    fn width(&self) -> i64 {
        i64::from(self.seconds.max(1)) * 1000 / SLOTS
    }

    /// The last slot that anything can be counted in now.
    fn newest_slot(&self, now: Timestamp) -> i64 {
        now.0.div_euclid(self.width()) + 1
    }

    fn end_of_window(&self) -> impl Fn(i64) -> Timestamp + use<> {
        let width = self.width();
        move |slot| Timestamp((slot + 1 + SLOTS) * width)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUOTA: Quota = Quota {
        requests: 100,
        seconds: 10,
    };

    fn window(counts: &[(i64, u32)]) -> Window {
        Window {
            seconds: 10,
            counts: counts.to_vec(),
        }
    }

    #[test]
    fn a_call_counts_for_a_window_after_the_last_moment_at_which_it_may_be_made() {
        let mut window = window(&[]);
        let now = Timestamp(1_000_100);
        let slot = window.slot_for(now);
        assert_eq!(window.end(slot), Timestamp(1_000_500));
        window.add(slot, 100);
        for (at, count) in [(1_000_100, 100), (1_010_499, 100), (1_010_500, 0)] {
            window.bring_up_to(Timestamp(at), 10);
            assert_eq!(window.count(), count, "{at}");
        }
    }

    #[test]
    fn a_grant_lasts_for_half_a_slot_to_one_and_a_half() {
        let window = window(&[]);
        for at in 0..2000 {
            let now = Timestamp(1_000_000 + at);
            let lasts = window.end(window.slot_for(now)) - now;
            assert!((250..=750).contains(&lasts.as_millis()), "{at}: {lasts:?}");
        }
    }

    #[test]
    fn there_is_more_when_the_oldest_call_is_over_and_what_is_owed_too() {
        let now = Timestamp(2_000_000);
        let slot = 4000;
        for (counts, more_in) in [
            (vec![], 10_000),
            (vec![(slot - 5, 1)], 8_000),
            (vec![(slot - 5, 60), (slot - 4, 40)], 8_000),
            (vec![(slot - 5, 10), (slot - 4, 100)], 8_500),
            (vec![(slot - 5, 10), (slot - 4, 10), (slot, 100)], 10_500),
        ] {
            assert_eq!(window(&counts).more_in(QUOTA, now), more_in, "{counts:?}");
        }
    }

    #[test]
    fn only_what_was_counted_in_a_slot_is_given_back_there() {
        let mut window = window(&[(1, 5), (2, 7)]);
        window.give_back(3, 7);
        assert_eq!(window.count(), 12);
        window.give_back(1, 9);
        assert_eq!(window.count(), 7);
        window.give_back(2, 3);
        assert_eq!(window.count(), 4);
    }

    #[test]
    fn a_window_of_another_length_takes_along_what_is_counted() {
        let now = Timestamp(2_000_000);
        let mut window = window(&[(3995, 30), (4000, 20)]);
        window.bring_up_to(now, 900);
        assert_eq!(window.count(), 50);
        window.bring_up_to(now, 10);
        assert_eq!(window.count(), 50);
        window.bring_up_to(Timestamp(2_010_501), 10);
        assert_eq!(window.count(), 0);
    }

    #[test]
    fn a_clock_that_ran_ahead_locks_nobody_out_for_longer_than_a_window() {
        let mut window = window(&[(9000, 100)]);
        window.bring_up_to(Timestamp(2_000_000), 10);
        assert_eq!(window.count(), 100);
        window.bring_up_to(Timestamp(2_011_000), 10);
        assert_eq!(window.count(), 0);
    }

    #[test]
    fn a_window_is_stored_and_read_back() {
        let window = window(&[(1, 5), (2, 7)]);
        let text = serde_json::to_string(&window).unwrap();
        assert_eq!(crate::json::from_str::<Window>(&text).unwrap(), window);
    }
}
