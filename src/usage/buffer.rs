//! Requests added up until they are written: bounded, whatever comes.

use super::call::{Call, End, OTHER_ROUTES};
use super::sorted::Sorted;
use super::tally::Tally;
use super::{DAY, EVERY_APP, HOUR, Metric, Noted, Request};
use crate::time::Timestamp;

/// Different counts kept until the next write: one for each app, hour and metric.
pub const MOST_COUNTS: usize = 2000;
/// Different users kept until the next write, and different apps, secrets and credentials that were used.
pub const MOST_USERS: usize = 2000;
/// Different calls kept until the next write. Those of routes beyond are told apart by API and app only, and there is as
/// much room again for them.
pub const MOST_CALLS: usize = 500;
/// Different refusals kept until the next write, of all apps and of one.
pub const MOST_ERRORS: usize = 200;
/// See [`MOST_ERRORS`].
pub const MOST_ERRORS_OF_APP: usize = 20;

/// What came since the last write.
#[derive(Debug, Default)]
pub struct Buffer {
    counts: Sorted<(String, i64, Metric), u32>,
    users: Sorted<(String, i64, String), ()>,
    used: Sorted<(Used, String), Timestamp>,
    calls: Sorted<CallKey, Tally>,
    errors: Vec<LoggedError>,
    /// What there was no room for.
    left_out: u32,
}

/// What calls have in common that are counted together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallKey {
    /// Client id, or [`EVERY_APP`].
    pub client_id: String,
    /// The hour.
    pub hour: i64,
    /// The API.
    pub api_id: String,
    /// The pattern, [`super::call::NO_ROUTE`] or [`OTHER_ROUTES`].
    pub route: String,
    /// The method; empty with [`OTHER_ROUTES`].
    pub method: &'static str,
    /// What became of them.
    pub end: End,
    /// The scopes they used, separated by spaces.
    pub scopes: String,
}

/// What was used last at some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Used {
    /// An app got a token.
    App,
    /// A client secret.
    Secret,
    /// An API's credential.
    Credential,
    /// A consent, by a call.
    Consent,
}

/// Refusals that are alike, for the app's error log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedError {
    /// The app.
    pub client_id: String,
    /// When the first came.
    pub at: Timestamp,
    /// The name of the route.
    pub endpoint: &'static str,
    /// The code.
    pub error: &'static str,
    /// The description.
    pub description: String,
    /// The request the first was.
    pub request_id: String,
    /// How many.
    pub count: u32,
}

/// What is written at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Client id or [`EVERY_APP`], hour, metric: how many more.
    pub counts: Vec<((String, i64, Metric), u32)>,
    /// Client id, day, user.
    pub users: Vec<(String, i64, String)>,
    /// When what was used.
    pub used: Vec<((Used, String), Timestamp)>,
    /// Calls, of each app and of all.
    pub calls: Vec<(CallKey, Tally)>,
    /// For the error logs.
    pub errors: Vec<LoggedError>,
    /// How much there was no room for.
    pub left_out: u32,
}

impl Buffer {
    /// Adds what a request noted.
    pub fn add(&mut self, noted: Noted, request: Request<'_>) {
        let (hour, day) = (begin(request.at, HOUR), begin(request.at, DAY));
        for (client_id, metric) in noted.counts {
            if let Metric::Token(_) = metric {
                self.count((client_id.clone(), day, Metric::Tokens));
                self.used((Used::App, client_id.clone()), request.at);
            }
            self.count((client_id, hour, metric));
        }
        if let Some(id) = noted.secret {
            self.used((Used::Secret, id), request.at);
        }
        if let Some(id) = noted.credential {
            self.used((Used::Credential, id), request.at);
        }
        if let Some(call) = noted.call {
            self.call(&call, request.at);
        }
        let Some(client_id) = noted.app else { return };
        if let Some(user) = noted.user {
            let kept = self.users.add((client_id.clone(), day, user), MOST_USERS, |()| ());
            self.left_out = self.left_out.saturating_add(u32::from(!kept));
        }
        if let Some(refusal) = noted.refusal {
            self.count((client_id.clone(), hour, Metric::Error(refusal.code)));
            if refusal.is_logged {
                self.log(LoggedError {
                    client_id,
                    at: request.at,
                    endpoint: request.route,
                    error: refusal.code,
                    description: refusal.description,
                    request_id: request.id.to_owned(),
                    count: 1,
                });
            }
        }
    }

    /// Whether nothing has come.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty() && self.used.is_empty() && self.left_out == 0
    }

    /// Empties it into a batch, with the sums over all apps.
    pub fn take(&mut self) -> Batch {
        let Self {
            mut counts,
            users,
            used,
            mut calls,
            errors,
            left_out,
        } = std::mem::take(self);
        // What nobody's token showed is there already under no app's name.
        for ((client_id, hour, metric), count) in counts.clone() {
            if client_id != EVERY_APP && !matches!(metric, Metric::Tokens | Metric::Calls) {
                counts.add((EVERY_APP.to_owned(), hour, metric), usize::MAX, |sum| *sum += count);
            }
        }
        for (of_app, tally) in calls.clone() {
            if of_app.client_id != EVERY_APP {
                let of_all = CallKey {
                    client_id: EVERY_APP.to_owned(),
                    ..of_app
                };
                calls.add(of_all, usize::MAX, |sum| sum.add(&tally));
            }
        }
        let mut users: Vec<_> = users.into_iter().map(|(user, ())| user).collect();
        let of_all = users
            .iter()
            .map(|(_, day, user)| (EVERY_APP.to_owned(), *day, user.clone()));
        let mut of_all: Vec<_> = of_all.collect();
        of_all.sort_unstable();
        of_all.dedup();
        users.extend(of_all);
        Batch {
            counts: counts.into(),
            users,
            used: used.into(),
            calls: calls.into(),
            errors,
            left_out,
        }
    }

    /// Whether a consent was used.
    #[cfg(test)]
    pub fn uses_a_consent(&self) -> bool {
        self.used
            .clone()
            .into_iter()
            .any(|((used, _), _)| used == Used::Consent)
    }

    /// A call of nobody known counts for the API and for no app.
    fn call(&mut self, call: &Call, at: Timestamp) {
        let (hour, day) = (begin(at, HOUR), begin(at, DAY));
        let client_id = match &call.caller {
            Some(caller) => {
                self.count((caller.client_id.clone(), day, Metric::Calls));
                caller.client_id.clone()
            }
            None => EVERY_APP.to_owned(),
        };
        self.count((client_id.clone(), hour, Metric::Call(call.end.kind())));
        if let Some(consent_id) = call.consent_used() {
            self.used((Used::Consent, consent_id.to_owned()), at);
        }
        let key = CallKey {
            client_id,
            hour,
            api_id: call.api_id.clone(),
            route: call.route.clone(),
            method: call.method,
            end: call.end,
            scopes: call.scopes.clone(),
        };
        let rest = CallKey {
            route: OTHER_ROUTES.to_owned(),
            method: "",
            scopes: String::new(),
            ..key.clone()
        };
        let mut add = |key, most| self.calls.add(key, most, |tally| tally.add_call(call.latency));
        let kept = add(key, MOST_CALLS) || add(rest, 2 * MOST_CALLS);
        self.left_out = self.left_out.saturating_add(u32::from(!kept));
    }

    fn count(&mut self, key: (String, i64, Metric)) {
        let kept = self
            .counts
            .add(key, MOST_COUNTS, |count| *count = count.saturating_add(1));
        self.left_out = self.left_out.saturating_add(u32::from(!kept));
    }

    /// Another use in the same second is nothing that must be known, so what finds no room is not missed.
    fn used(&mut self, key: (Used, String), at: Timestamp) {
        self.used.add(key, MOST_USERS, |last| *last = at.max(*last));
    }

    /// Whoever sends one bad request after another fills no log: those that are alike become one entry, and of the rest
    /// the first are kept. All of them are counted.
    fn log(&mut self, new: LoggedError) {
        let alike = |old: &&mut LoggedError| {
            (&old.client_id, old.endpoint, old.error, &old.description)
                == (&new.client_id, new.endpoint, new.error, &new.description)
        };
        if let Some(old) = self.errors.iter_mut().find(alike) {
            old.count = old.count.saturating_add(1);
            return;
        }
        let of_app = self.errors.iter().filter(|old| old.client_id == new.client_id).count();
        if self.errors.len() < MOST_ERRORS && of_app < MOST_ERRORS_OF_APP {
            self.errors.push(new);
        }
    }
}

/// When the hour or day began that this moment is in.
pub fn begin(at: Timestamp, length: i64) -> i64 {
    at.0 - at.0.rem_euclid(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::Issued;

    #[test]
    fn a_request_that_comes_late_does_not_take_back_when_something_was_used_last() {
        let mut buffer = Buffer::default();
        for at in [5_000, 9_000, 7_000] {
            let mut noted = Noted::default();
            noted.token("app_one", Issued::ForRefreshToken, None);
            let request = Request {
                route: "token",
                id: "req",
                at: Timestamp(at),
            };
            buffer.add(noted, request);
        }
        let used = buffer.take().used;
        assert_eq!(used, [((Used::App, "app_one".to_owned()), Timestamp(9_000))]);
    }
}
