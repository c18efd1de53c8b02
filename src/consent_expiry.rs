//! When consents end that nobody uses. A function of times: the directory and the pages ask the same one.

use std::time::Duration;

use thiserror::Error;

use crate::time::Timestamp;

const DAY: Duration = Duration::from_secs(24 * 3600);
/// How long before its end a user is told of it; nobody gets less.
pub const NOTICE: Duration = Duration::from_secs(30 * 24 * 3600);
const USUAL_DAYS: u16 = 365;
const MOST_DAYS: u16 = 3650;

/// For how long a consent may go unused, in whole days; at least as long as [`NOTICE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnusedLifetime(Duration);

/// `UNUSED_CONSENT_DAYS` is neither a number from 30 to 3650 nor `never`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("UNUSED_CONSENT_DAYS must be a number from 30 to 3650, or never")]
pub struct BadUnusedDays;

/// What matters about a consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Use {
    /// When it began.
    pub connected_at: Timestamp,
    /// When it last got a token.
    pub last_used_at: Option<Timestamp>,
    /// Since when its user can see that it will end, if nobody used it since.
    pub noted_at: Option<Timestamp>,
}

impl UnusedLifetime {
    /// Reads `UNUSED_CONSENT_DAYS`. `None`: consents never end by themselves.
    pub fn parse(text: Option<&str>) -> Result<Option<Self>, BadUnusedDays> {
        let days = match text {
            None => USUAL_DAYS,
            Some("never") => return Ok(None),
            Some(days) if days.bytes().all(|byte| byte.is_ascii_digit()) => days.parse().map_err(|_| BadUnusedDays)?,
            Some(_) => return Err(BadUnusedDays),
        };
        let lifetime = DAY * u32::from(days);
        let fits = lifetime >= NOTICE && days <= MOST_DAYS;
        fits.then_some(Some(Self(lifetime))).ok_or(BadUnusedDays)
    }

    /// How many days that is.
    pub fn days(self) -> u64 {
        self.0.as_secs() / DAY.as_secs()
    }

    /// A consent last used at this time or before may end.
    pub fn unused_since(self, now: Timestamp) -> Timestamp {
        now - self.0
    }

    /// A consent last used at this time or before is to be noted as ending soon.
    pub fn to_be_noted_since(self, now: Timestamp) -> Timestamp {
        now - self.0.saturating_sub(NOTICE)
    }

    /// One that was noted at this time or before may end.
    pub fn noted_since(self, now: Timestamp) -> Timestamp {
        now - NOTICE
    }

    /// When the consent ends if it stays unused. One that will only be noted from now on has the whole notice before
    /// it, however long it has been unused.
    pub fn ends_at(self, consent: Use, now: Timestamp) -> Timestamp {
        let last_use = consent.last_used_at.unwrap_or(consent.connected_at);
        let noted_at = consent.noted_at.unwrap_or(now);
        let is_noted = consent.noted_at.is_some() || last_use <= self.to_be_noted_since(now);
        let end = last_use + self.0;
        if is_noted { end.max(noted_at + NOTICE) } else { end }
    }

    /// Its end, where that is so near that its user should be told.
    pub fn ends_soon_at(self, consent: Use, now: Timestamp) -> Option<Timestamp> {
        let end = self.ends_at(consent, now);
        (end <= now + NOTICE).then_some(end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn days(count: u32) -> Duration {
        DAY * count
    }

    fn unused_for(age: u32) -> Use {
        Use {
            connected_at: NOW - days(2000),
            last_used_at: Some(NOW - days(age)),
            noted_at: None,
        }
    }

    fn a_year() -> UnusedLifetime {
        UnusedLifetime::parse(None).unwrap().unwrap()
    }

    #[test]
    fn only_a_number_of_days_or_never_is_taken() {
        assert_eq!(UnusedLifetime::parse(Some("never")), Ok(None));
        for (text, expected) in [("30", 30), ("365", 365), ("3650", 3650)] {
            assert_eq!(
                UnusedLifetime::parse(Some(text)),
                Ok(Some(UnusedLifetime(days(expected))))
            );
        }
        for text in [
            "", "0", "29", "3651", "99999", "+90", "-90", "90.5", "90d", "Never", " 90",
        ] {
            assert_eq!(UnusedLifetime::parse(Some(text)), Err(BadUnusedDays), "{text}");
        }
    }

    #[test]
    fn a_consent_ends_when_it_was_unused_for_so_long_and_no_sooner() {
        assert_eq!(a_year().ends_at(unused_for(0), NOW), NOW + days(365));
        assert_eq!(a_year().ends_at(unused_for(100), NOW), NOW + days(265));
        let never_used = Use {
            connected_at: NOW - days(10),
            last_used_at: None,
            noted_at: None,
        };
        assert_eq!(a_year().ends_at(never_used, NOW), NOW + days(355));
    }

    #[test]
    fn whoever_is_told_late_has_the_whole_notice_before_them() {
        for age in [335, 364, 365, 1500] {
            assert_eq!(a_year().ends_at(unused_for(age), NOW), NOW + NOTICE, "{age}");
        }
        let noted = |age, noted| Use {
            noted_at: Some(NOW - days(noted)),
            ..unused_for(age)
        };
        assert_eq!(a_year().ends_at(noted(345, 10), NOW), NOW + days(20));
        assert_eq!(a_year().ends_at(noted(1500, 10), NOW), NOW + days(20));
        assert_eq!(a_year().ends_at(noted(1500, 31), NOW), NOW - days(1));
    }

    #[test]
    fn what_is_unused_for_as_long_as_the_notice_is_told_at_once() {
        let shortest = UnusedLifetime::parse(Some("30")).unwrap().unwrap();
        assert_eq!(shortest.to_be_noted_since(NOW), NOW);
        assert_eq!(shortest.ends_at(unused_for(0), NOW), NOW + NOTICE);
    }

    #[test]
    fn the_end_is_mentioned_in_the_last_thirty_days_only() {
        for age in [0, 100, 334] {
            assert_eq!(a_year().ends_soon_at(unused_for(age), NOW), None, "{age}");
        }
        assert_eq!(a_year().ends_soon_at(unused_for(335), NOW), Some(NOW + NOTICE));
    }
}
