//! Points in time, passed in as values so that every decision can be tested at any moment.

use std::ops::{Add, Sub};
use std::time::Duration;

use chrono::{DateTime, Datelike, Timelike, Utc};
use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

/// By how much one request may be ahead of another in the same isolate: each has the time at which it began.
const CONCURRENT: Duration = Duration::from_secs(30);

impl Timestamp {
    /// Whether this is not longer ago than that. What another request noted a moment after this one began counts as just
    /// now; what lies further ahead does not count, because the clock has stepped back.
    pub fn is_within(self, span: Duration, now: Self) -> bool {
        now - self < span && self - now < CONCURRENT
    }

    /// Whole seconds since 1970, the unit of JWT claims (RFC 7519 §2, NumericDate).
    pub fn as_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Reads a date and time in RFC 3339 form.
    pub fn from_rfc3339(text: &str) -> Option<Self> {
        let time = chrono::DateTime::parse_from_rfc3339(text).ok()?;
        Some(Self(time.timestamp_millis()))
    }

    /// The date and time in RFC 3339 form, in UTC, to the second.
    pub fn to_rfc3339(self) -> String {
        self.calendar().map_or_else(String::new, |time| {
            let (year, month, day) = (time.year(), time.month(), time.day());
            let (hour, minute, second) = (time.hour(), time.minute(), time.second());
            format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
        })
    }

    /// Year, month (1 to 12) and day of the month, in UTC.
    pub fn date(self) -> Option<(i32, u32, u32)> {
        self.calendar().map(|time| (time.year(), time.month(), time.day()))
    }

    // Written out by hand: chrono's formatter brings its whole pattern language along.
    fn calendar(self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp_millis(self.0)
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis(duration)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(millis(duration)))
    }
}

impl Sub for Timestamp {
    type Output = Duration;

    /// The time between two moments; zero when `earlier` is in fact the later one.
    fn sub(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_concurrent_request_noted_is_recent_and_what_a_clock_that_stepped_back_left_is_not() {
        let span = Duration::from_secs(10);
        let noted = Timestamp(100_000);
        for (now, expected) in [
            (100_000, true),
            (109_999, true),
            (110_000, false),
            (99_999, true),
            (70_001, true),
            (70_000, false),
            (i64::MIN, false),
            (i64::MAX, false),
        ] {
            assert_eq!(noted.is_within(span, Timestamp(now)), expected, "{now}");
        }
    }

    #[test]
    fn a_time_reads_as_rfc_3339_and_as_a_date() {
        let time = Timestamp(1_795_292_713_999);
        assert_eq!(time.to_rfc3339(), "2026-11-21T20:25:13Z");
        assert_eq!(time.date(), Some((2026, 11, 21)));
    }

    #[test]
    fn a_time_is_read_in_rfc_3339_form_only() {
        let read = Timestamp::from_rfc3339;
        assert_eq!(read("2026-11-21T20:25:13Z"), Some(Timestamp(1_795_292_713_000)));
        assert_eq!(read("2026-11-21T21:25:13+01:00"), read("2026-11-21T20:25:13Z"));
        for bad in [
            "",
            "2026-11-21",
            "2026-11-21T20:25:13",
            "1795292713",
            "2026-13-01T00:00:00Z",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_clock_that_steps_back_gives_no_negative_duration() {
        assert_eq!(Timestamp(1) - Timestamp(5), Duration::ZERO);
    }

    #[test]
    fn a_time_no_calendar_has_reads_as_nothing_and_does_not_panic() {
        assert_eq!(Timestamp(i64::MAX).to_rfc3339(), "");
    }
}
