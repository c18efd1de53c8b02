//! What follows from an attempt to deliver a notice.

use std::time::Duration;

use super::event::TESTED;
use crate::random::{self, Random};
use crate::time::Timestamp;
use crate::web::WebError;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

/// Seconds from one attempt to the next; the first is made at once. After the last nothing more is tried.
const DELAYS: [u64; 9] = [
    5,
    5 * MINUTE,
    30 * MINUTE,
    2 * HOUR,
    5 * HOUR,
    10 * HOUR,
    14 * HOUR,
    20 * HOUR,
    24 * HOUR,
];
/// Whoever asks to be asked later is not asked later than that.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * HOUR);
/// An endpoint that fails for so long is written to no more.
pub const FAILING_AT_MOST: Duration = Duration::from_secs(5 * 24 * HOUR);
/// How long finished deliveries can be looked at.
pub const KEPT: Duration = Duration::from_secs(30 * 24 * HOUR);
/// How long an attempt may take before another run makes it anew.
pub const LEASE: Duration = Duration::from_secs(60);

/// What came of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The endpoint answered.
    Answered {
        /// With this HTTP status.
        status: u16,
        /// And asked to be asked later.
        retry_after: Option<Duration>,
    },
    /// It did not.
    Silent(WebError),
    /// It was not asked.
    NotSent(NotSent),
}

/// Why an endpoint was not asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotSent {
    /// Its address is none that may be written to (any more).
    AddressRefused,
    /// Its secret does not open: the key in `LATCHKEY_SECRET` that sealed it is gone.
    NoSecret,
    /// A mail, and nobody it is for has an address.
    NobodyToWriteTo,
}

/// What happens to the delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It arrived.
    Delivered,
    /// It is tried again then.
    Again(Timestamp),
    /// It is not tried again.
    GivenUp,
}

/// What happens to the endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// It works.
    Working,
    /// It does not.
    Failing,
    /// It is not written to any more.
    Disabled(Disabled),
    /// Nothing was learned about it.
    AsBefore,
}

/// Why an endpoint is switched off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disabled {
    /// It said that it is gone (410).
    Gone,
    /// It failed for [`FAILING_AT_MOST`].
    Failing,
}

/// What is known about an attempt before it is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt<'a> {
    /// 1 for the first.
    pub number: u32,
    /// The event of the audit trail.
    pub event: &'a str,
    /// Since when the endpoint fails.
    pub failing_since: Option<Timestamp>,
    /// When it ended.
    pub at: Timestamp,
}

impl NotSent {
    /// Its name in the log of deliveries.
    pub fn name(self) -> &'static str {
        match self {
            Self::AddressRefused => "address_refused",
            Self::NoSecret => "no_secret",
            Self::NobodyToWriteTo => "nobody_to_write_to",
        }
    }
}

impl Outcome {
    /// The HTTP status, if there is one.
    pub fn status(self) -> Option<u16> {
        match self {
            Self::Answered { status, .. } => Some(status),
            _ => None,
        }
    }

    /// What the log of deliveries calls it; nothing for an answer that says all is well.
    pub fn error(self) -> Option<&'static str> {
        match self {
            Self::Answered { status: 200..=299, .. } => None,
            Self::Answered { status: 300..=399, .. } => Some("redirect_not_followed"),
            Self::Answered { .. } => Some("refused_by_endpoint"),
            Self::Silent(_) => Some("no_answer"),
            Self::NotSent(reason) => Some(reason.name()),
        }
    }
}

impl Disabled {
    /// Its name in the audit trail.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Failing => "failing",
        }
    }
}

/// Judges an attempt.
pub fn judge(attempt: Attempt<'_>, outcome: Outcome, random: &dyn Random) -> (Fate, Health) {
    match outcome {
        Outcome::Answered { status: 200..=299, .. } => (Fate::Delivered, Health::Working),
        Outcome::Answered { status: 410, .. } => (Fate::GivenUp, Health::Disabled(Disabled::Gone)),
        Outcome::NotSent(NotSent::NobodyToWriteTo) => (Fate::GivenUp, Health::AsBefore),
        // Somebody tries out an address that does not work yet.
        _ if attempt.event == TESTED => (Fate::GivenUp, Health::AsBefore),
        _ => (again(attempt, outcome, random), health(attempt)),
    }
}

fn health(attempt: Attempt<'_>) -> Health {
    match attempt.failing_since {
        Some(since) if attempt.at - since >= FAILING_AT_MOST => Health::Disabled(Disabled::Failing),
        _ => Health::Failing,
    }
}

fn again(attempt: Attempt<'_>, outcome: Outcome, random: &dyn Random) -> Fate {
    let made = usize::try_from(attempt.number).unwrap_or(usize::MAX);
    let Some(seconds) = DELAYS.get(made.saturating_sub(1)) else {
        return Fate::GivenUp;
    };
    let delay = Duration::from_secs(*seconds);
    // Up to a tenth more, so that what failed together does not come back together.
    let draw = u32::from(u16::from_be_bytes(random::bytes(random)));
    let jitter = delay * draw / u32::from(u16::MAX) / 10;
    let asked_for = match outcome {
        Outcome::Answered { retry_after, .. } => retry_after.unwrap_or_default().min(MAX_RETRY_AFTER),
        _ => Duration::ZERO,
    };
    Fate::Again(attempt.at + (delay + jitter).max(asked_for))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::testing::Seeded;

    struct Always(u8);

    impl Random for Always {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    fn attempt(number: u32) -> Attempt<'static> {
        Attempt {
            number,
            event: "app.approved",
            failing_since: None,
            at: Timestamp(0),
        }
    }

    fn answered(status: u16) -> Outcome {
        Outcome::Answered {
            status,
            retry_after: None,
        }
    }

    #[test]
    fn ten_attempts_are_made_over_three_days_each_up_to_a_tenth_late() {
        let expected = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400];
        for (number, seconds) in (1..).zip(expected) {
            for (random, late) in [(Always(0), 0), (Always(255), seconds * 100)] {
                let (fate, _) = judge(attempt(number), answered(500), &random);
                assert_eq!(fate, Fate::Again(Timestamp(seconds * 1000 + late)), "{number}");
            }
        }
        for number in [10, 11, u32::MAX] {
            assert_eq!(judge(attempt(number), answered(500), &Always(0)).0, Fate::GivenUp);
        }
    }

    #[test]
    fn nothing_but_success_is_taken_for_success() {
        for status in [200, 201, 202, 204, 299] {
            let judged = judge(attempt(1), answered(status), &Always(0));
            assert_eq!(judged, (Fate::Delivered, Health::Working), "{status}");
        }
        for status in [100, 199, 300, 301, 302, 307, 308, 400, 401, 404, 429, 500, 503, 0, 999] {
            let judged = judge(attempt(1), answered(status), &Always(0));
            assert_eq!(judged, (Fate::Again(Timestamp(5000)), Health::Failing), "{status}");
        }
        for silence in [
            Outcome::Silent(WebError::OutOfReach),
            Outcome::Silent(WebError::TooLarge),
            Outcome::NotSent(NotSent::NoSecret),
            Outcome::NotSent(NotSent::AddressRefused),
        ] {
            let judged = judge(attempt(1), silence, &Always(0));
            assert_eq!(judged, (Fate::Again(Timestamp(5000)), Health::Failing));
        }
    }

    #[test]
    fn whoever_asks_for_time_gets_it_but_no_more_than_a_day() {
        for (asked, waits) in [(1, 5), (60, 60), (3600, 3600), (u64::MAX / 2000, 86_400)] {
            let outcome = Outcome::Answered {
                status: 503,
                retry_after: Some(Duration::from_secs(asked)),
            };
            let (fate, _) = judge(attempt(1), outcome, &Always(0));
            assert_eq!(fate, Fate::Again(Timestamp(waits * 1000)), "{asked}");
        }
    }

    #[test]
    fn an_endpoint_that_is_gone_or_fails_for_five_days_is_switched_off() {
        let gone = judge(attempt(1), answered(410), &Seeded::default());
        assert_eq!(gone, (Fate::GivenUp, Health::Disabled(Disabled::Gone)));
        let five_days = Timestamp(0) + FAILING_AT_MOST;
        for (since, at, health) in [
            (Some(0), five_days.0 - 1, Health::Failing),
            (Some(0), five_days.0, Health::Disabled(Disabled::Failing)),
            (None, five_days.0, Health::Failing),
            // The clock stepped back.
            (Some(five_days.0), 0, Health::Failing),
        ] {
            let attempt = Attempt {
                failing_since: since.map(Timestamp),
                at: Timestamp(at),
                ..attempt(3)
            };
            assert_eq!(judge(attempt, answered(500), &Always(0)).1, health);
            assert_eq!(judge(attempt, answered(200), &Always(0)).1, Health::Working);
        }
    }

    #[test]
    fn a_test_is_not_repeated_and_says_nothing_against_the_endpoint() {
        let test = Attempt {
            event: TESTED,
            ..attempt(1)
        };
        assert_eq!(
            judge(test, answered(500), &Always(0)),
            (Fate::GivenUp, Health::AsBefore)
        );
        assert_eq!(
            judge(test, answered(200), &Always(0)),
            (Fate::Delivered, Health::Working)
        );
        let nobody = judge(attempt(1), Outcome::NotSent(NotSent::NobodyToWriteTo), &Always(0));
        assert_eq!(nobody, (Fate::GivenUp, Health::AsBefore));
    }
}
