//! Periods that are looked at, cut into hours or days without a gap.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::buffer::begin;
use super::{ACTIVE_USERS, CALL_PREFIX, DAY, ERROR_PREFIX, HOUR, TOKEN_PREFIX};
use crate::time::Timestamp;

/// How far back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// The hour that runs and the 23 before it.
    Day,
    /// Today and the 29 days before.
    Month,
    /// Today and the 89 days before.
    Quarter,
}

impl Period {
    /// All, shortest first.
    pub const ALL: [Self; 3] = [Self::Day, Self::Month, Self::Quarter];

    /// Its name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Day => "24h",
            Self::Month => "30d",
            Self::Quarter => "90d",
        }
    }

    /// In words.
    pub fn title(self) -> &'static str {
        match self {
            Self::Day => "24 hours",
            Self::Month => "30 days",
            Self::Quarter => "90 days",
        }
    }

    /// Reads a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|period| period.name() == name)
    }

    /// Milliseconds of one bucket.
    pub fn step(self) -> i64 {
        match self {
            Self::Day => HOUR,
            Self::Month | Self::Quarter => DAY,
        }
    }

    /// How many buckets.
    pub fn buckets(self) -> usize {
        match self {
            Self::Day => 24,
            Self::Month => 30,
            Self::Quarter => 90,
        }
    }

    /// When its first bucket begins.
    pub fn from(self, now: Timestamp) -> Timestamp {
        let before = i64::try_from(self.buckets()).unwrap_or(0) - 1;
        Timestamp(begin(now, self.step()) - before * self.step())
    }
}

/// A count as the directory has it.
#[derive(Debug, Clone, Deserialize)]
pub struct Counted {
    /// The bucket: when it began.
    pub at: Timestamp,
    /// What.
    pub metric: String,
    /// How many.
    pub count: u64,
}

/// What an app, or all of them, used in a period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// The period.
    pub period: Period,
    /// One for each hour or day of it, oldest first.
    pub buckets: Vec<Bucket>,
    /// Different users on each day of it.
    pub active_users: Vec<(Timestamp, u64)>,
    /// All buckets together.
    pub total: Bucket,
    /// Refusals by code, the most frequent first.
    pub errors: Vec<(String, u64)>,
}

/// What was used in an hour or a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// When it began.
    pub at: Timestamp,
    /// Token responses for codes, refresh tokens and the app's own credentials.
    pub tokens: [u64; 4],
    /// Calls to APIs that went through, that the guard refused, and that the API answered with an error.
    pub calls: [u64; 3],
    /// Refusals.
    pub errors: u64,
    /// Everything else that is counted.
    pub other: Other,
}

/// Counts that have no chart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Other {
    /// Authorization requests in order.
    pub authorizations: u64,
    /// Users who said yes.
    pub granted: u64,
    /// Users who said no.
    pub denied: u64,
    /// Users who were not asked again.
    pub remembered: u64,
    /// Tokens the app revoked.
    pub revocations: u64,
    /// Tokens found active by introspection.
    pub introspections: u64,
}

/// The grants in the order of [`Bucket::tokens`].
pub const GRANTS: [&str; 4] = [
    "authorization_code",
    "refresh_token",
    "client_credentials",
    "jwt_bearer",
];

/// Kinds of calls in the order of [`Bucket::calls`].
pub const CALLS: [&str; 3] = ["through", "refused", "failed"];

impl Bucket {
    fn new(at: Timestamp) -> Self {
        Self {
            at,
            tokens: [0; 4],
            calls: [0; 3],
            errors: 0,
            other: Other::default(),
        }
    }

    /// Token responses of any kind.
    pub fn all_tokens(&self) -> u64 {
        self.tokens.iter().sum()
    }

    /// Calls of any kind.
    pub fn all_calls(&self) -> u64 {
        self.calls.iter().sum()
    }

    fn add(&mut self, metric: &str, count: u64) {
        let other = &mut self.other;
        let place = match metric {
            "authorize" => &mut other.authorizations,
            "consent.granted" => &mut other.granted,
            "consent.denied" => &mut other.denied,
            "consent.remembered" => &mut other.remembered,
            "revoke" => &mut other.revocations,
            "introspect" => &mut other.introspections,
            error if error.starts_with(ERROR_PREFIX) => &mut self.errors,
            name => {
                let of = |names: &[&str], prefix: &str| {
                    let kind = name.strip_prefix(prefix)?;
                    names.iter().position(|known| *known == kind)
                };
                let token = of(&GRANTS, TOKEN_PREFIX).and_then(|at| self.tokens.get_mut(at));
                let place = match of(&CALLS, CALL_PREFIX) {
                    Some(at) => self.calls.get_mut(at),
                    None => token,
                };
                let Some(place) = place else { return };
                place
            }
        };
        *place = place.saturating_add(count);
    }
}

impl Usage {
    /// Puts counts into the buckets of a period; what is outside of it counts for nothing.
    pub fn new(period: Period, now: Timestamp, counted: &[Counted]) -> Self {
        let (from, step) = (period.from(now), period.step());
        let mut buckets: Vec<Bucket> = (0..period.buckets())
            .map(|place| Bucket::new(Timestamp(from.0 + i64::try_from(place).unwrap_or(0) * step)))
            .collect();
        let mut total = Bucket::new(from);
        let mut errors: BTreeMap<&str, u64> = BTreeMap::new();
        let mut users: BTreeMap<i64, u64> = BTreeMap::new();
        let mut day = begin(from, DAY);
        while day <= now.0 {
            users.insert(day, 0);
            day += DAY;
        }
        for Counted { at, metric, count } in counted {
            if metric == ACTIVE_USERS {
                if let Some(of_day) = users.get_mut(&begin(*at, DAY)) {
                    *of_day = of_day.saturating_add(*count);
                }
                continue;
            }
            let place = usize::try_from((at.0 - from.0).div_euclid(step)).ok();
            let Some(bucket) = place.and_then(|place| buckets.get_mut(place)) else {
                continue;
            };
            bucket.add(metric, *count);
            total.add(metric, *count);
            if let Some(code) = metric.strip_prefix(ERROR_PREFIX) {
                let of_code = errors.entry(code).or_default();
                *of_code = of_code.saturating_add(*count);
            }
        }
        let mut errors: Vec<_> = errors
            .into_iter()
            .map(|(code, count)| (code.to_owned(), count))
            .collect();
        errors.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        Self {
            period,
            buckets,
            active_users: users.into_iter().map(|(day, count)| (Timestamp(day), count)).collect(),
            total,
            errors,
        }
    }

    /// Whether nothing happened.
    pub fn is_empty(&self) -> bool {
        self.total.all_tokens() == 0
            && self.total.all_calls() == 0
            && self.total.errors == 0
            && self.total.other == Other::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::from_rfc3339(text).unwrap()
    }

    fn counted(text: &str, metric: &str, count: u64) -> Counted {
        Counted {
            at: at(text),
            metric: metric.into(),
            count,
        }
    }

    // Covers: R75
    #[test]
    fn hours_without_a_request_are_there_and_zero_also_across_midnight() {
        let now = at("2026-11-22T02:30:00Z");
        let usage = Usage::new(
            Period::Day,
            now,
            &[
                counted("2026-11-21T02:00:00Z", "token.refresh_token", 7),
                counted("2026-11-21T03:00:00Z", "token.refresh_token", 2),
                counted("2026-11-21T23:00:00Z", "token.authorization_code", 3),
                counted("2026-11-21T23:00:00Z", "token.jwt_bearer", 5),
                counted("2026-11-22T02:00:00Z", "token.client_credentials", 4),
                counted("2026-11-22T03:00:00Z", "token.client_credentials", 9),
            ],
        );
        assert_eq!(usage.buckets.len(), 24);
        assert_eq!(usage.buckets[0].at, at("2026-11-21T03:00:00Z"));
        assert_eq!(usage.buckets[0].tokens, [0, 2, 0, 0]);
        assert_eq!(usage.buckets[20].tokens, [3, 0, 0, 5]);
        assert_eq!(usage.buckets[23].at, at("2026-11-22T02:00:00Z"));
        assert_eq!(usage.buckets[23].tokens, [0, 0, 4, 0]);
        assert_eq!(usage.total.tokens, [3, 2, 4, 5]);
        assert!(usage.buckets[1..20].iter().all(|bucket| bucket.all_tokens() == 0));
    }

    #[test]
    fn days_begin_at_midnight_in_utc_and_their_hours_are_added_up() {
        let now = at("2026-03-01T00:00:00Z");
        let usage = Usage::new(
            Period::Month,
            now,
            &[
                counted("2026-02-28T00:00:00Z", "token.refresh_token", 1),
                counted("2026-02-28T23:00:00Z", "token.refresh_token", 2),
                counted("2026-03-01T00:00:00Z", "token.refresh_token", 4),
                counted("2026-01-30T23:00:00Z", "token.refresh_token", 8),
            ],
        );
        assert_eq!(usage.buckets.len(), 30);
        assert_eq!(usage.buckets[0].at, at("2026-01-31T00:00:00Z"));
        assert_eq!((usage.buckets[28].all_tokens(), usage.buckets[29].all_tokens()), (3, 4));
        assert_eq!(usage.total.all_tokens(), 7);
    }

    #[test]
    fn users_are_counted_by_day_also_where_tokens_are_by_the_hour() {
        let now = at("2026-11-22T02:30:00Z");
        let counts = [
            counted("2026-11-21T00:00:00Z", ACTIVE_USERS, 5),
            counted("2026-11-22T00:00:00Z", ACTIVE_USERS, 2),
            counted("2026-11-20T00:00:00Z", ACTIVE_USERS, 9),
        ];
        let usage = Usage::new(Period::Day, now, &counts);
        assert_eq!(
            usage.active_users,
            [(at("2026-11-21T00:00:00Z"), 5), (at("2026-11-22T00:00:00Z"), 2)]
        );
        assert!(usage.is_empty());
        assert_eq!(Usage::new(Period::Quarter, now, &counts).active_users.len(), 90);
    }

    #[test]
    fn errors_are_told_by_code_the_most_frequent_first_and_unknown_metrics_count_for_nothing() {
        let now = at("2026-11-22T02:30:00Z");
        let time = "2026-11-22T01:00:00Z";
        let usage = Usage::new(
            Period::Day,
            now,
            &[
                counted(time, "error.invalid_client", 1),
                counted(time, "error.invalid_grant", 3),
                counted(time, "tokens", 50),
                counted(time, "token.password", 50),
                counted(time, "consent.denied", 1),
                counted(time, "call.failed", 6),
                counted(time, "call.through", 7),
                counted(time, "call.elsewhere", 50),
                counted(time, "calls", 50),
            ],
        );
        assert_eq!(usage.total.calls, [7, 0, 6]);
        assert_eq!(
            usage.errors,
            [("invalid_grant".to_owned(), 3), ("invalid_client".to_owned(), 1)]
        );
        assert_eq!((usage.total.errors, usage.total.all_tokens()), (4, 0));
        assert_eq!(usage.total.other.denied, 1);
    }

    #[test]
    fn a_count_beyond_all_bounds_stays_at_the_bound() {
        let now = at("2026-11-22T02:30:00Z");
        let most = counted("2026-11-22T01:00:00Z", "revoke", u64::MAX);
        let usage = Usage::new(Period::Day, now, &[most.clone(), most]);
        assert_eq!(usage.total.other.revocations, u64::MAX);
        assert_eq!(Period::parse("24h"), Some(Period::Day));
        assert_eq!(Period::parse("24H"), None);
    }
}
