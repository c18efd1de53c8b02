//! What an isolate asks a counter, and what the counter grants.

use serde::{Deserialize, Serialize};

use super::tier::Quota;
use super::window::Window;
use crate::time::Timestamp;

/// A lease is no more than this part of what is left, so that near the limit every call asks.
const SHARE: u32 = 8;

/// What an isolate asks: about one count of an app, or two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// Which.
    pub parts: Vec<Part>,
}

/// What an isolate asks about one count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The count's name.
    pub key: String,
    /// The limit.
    pub requests: u32,
    /// The length of its window in seconds.
    pub seconds: u32,
    /// How many calls it would like to have.
    pub want: u32,
    /// How many it let pass while the counter could not be asked.
    pub owed: u32,
    /// The slot of the lease it had before,
    pub slot: i64,
    /// and how many calls of it were not used.
    pub unused: u32,
}

impl Part {
    /// The limit.
    pub fn quota(&self) -> Quota {
        Quota {
            requests: self.requests,
            seconds: self.seconds,
        }
    }
}

/// What a counter answers: a lease for each part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// In the order of the parts.
    pub leases: Vec<Lease>,
}

/// So many calls for so long, which are counted already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// How many. None: the limit is reached.
    pub calls: u32,
    /// Where they are counted.
    pub slot: i64,
    /// For how many milliseconds.
    pub lasts: u32,
    /// How many are left to be granted.
    pub left: u32,
    /// Milliseconds until there are more.
    pub more_in: u32,
}

/// Grants a lease of one count.
pub fn grant(window: &mut Window, part: &Part, now: Timestamp) -> Lease {
    let quota = part.quota();
    // Slots of windows of another length are others.
    if window.has_length(part.seconds) {
        window.give_back(part.slot, part.unused);
    }
    window.bring_up_to(now, part.seconds);
    let slot = window.slot_for(now);
    window.add(slot, part.owed);
    let left = window.left(quota);
    let calls = part.want.min((left / SHARE).max(1)).min(left);
    window.add(slot, calls);
    Lease {
        calls,
        slot,
        lasts: u32::try_from((window.end(slot) - now).as_millis()).unwrap_or(u32::MAX),
        left: left - calls,
        more_in: window.more_in(quota, now),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(9_000_000);

    fn part(want: u32) -> Part {
        Part {
            key: "app".into(),
            requests: 1000,
            seconds: 900,
            want,
            owed: 0,
            slot: 0,
            unused: 0,
        }
    }

    #[test]
    fn leases_shrink_as_the_limit_comes_near_and_then_there_are_none() {
        let mut window = Window::new(900);
        let mut granted = Vec::new();
        loop {
            let lease = grant(&mut window, &part(1000), NOW);
            if lease.calls == 0 {
                assert_eq!((lease.left, lease.more_in), (0, 945_000));
                break;
            }
            granted.push(lease.calls);
        }
        assert_eq!(granted.iter().sum::<u32>(), 1000);
        assert_eq!(granted[..3], [125, 109, 95]);
        assert!(granted.is_sorted_by(|one, next| one >= next));
        assert_eq!(granted[granted.len() - 8..], [1; 8]);
    }

    #[test]
    fn what_was_not_used_is_granted_again_and_what_is_owed_is_not() {
        let mut window = Window::new(900);
        let first = grant(&mut window, &part(100), NOW);
        assert_eq!((first.calls, first.left), (100, 900));
        let back = Part {
            slot: first.slot,
            unused: 60,
            ..part(1)
        };
        assert_eq!(grant(&mut window, &back, NOW).left, 959);
        let owes = Part { owed: 2000, ..part(1) };
        let none = grant(&mut window, &owes, NOW);
        assert_eq!((none.calls, none.left), (0, 0));
    }

    #[test]
    fn what_was_granted_under_another_window_is_not_given_back_into_this_one() {
        let mut window = Window::new(900);
        let first = grant(&mut window, &part(100), NOW);
        let other = Part {
            seconds: 10,
            slot: first.slot,
            unused: 100,
            ..part(1)
        };
        assert_eq!(grant(&mut window, &other, NOW).left, 899);
    }

    #[test]
    fn a_limit_that_was_lowered_holds_at_once() {
        let mut window = Window::new(900);
        grant(&mut window, &part(100), NOW);
        let lower = Part {
            requests: 50,
            ..part(10)
        };
        assert_eq!(grant(&mut window, &lower, NOW).calls, 0);
        assert_eq!(grant(&mut window, &part(10), NOW).calls, 10);
    }
}
