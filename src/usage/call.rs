//! A call to an API behind the guard, as it is counted: by the pattern of its route and never by its path, and by the
//! scopes its route needed and not by those its app was granted.

use std::borrow::Cow;
use std::time::Duration;

use crate::guard::judge::Allowed;
use crate::guard::refusal::Refusal;
use crate::oauth::client::App;
use crate::oauth::scope::Scopes;

/// In place of a pattern: no rule names the path.
pub const NO_ROUTE: &str = "";
/// In place of a pattern: routes there was no room to tell apart. No pattern is this, because each begins with a slash.
pub const OTHER_ROUTES: &str = "*";
/// In place of a method: one that no rule may name.
pub const OTHER_METHOD: &str = "other";
/// What the name of a refusal begins with; its error code follows.
pub const REFUSED_PREFIX: &str = "refused.";

/// A call. Everything in it is of the operator's own records: nothing is a word of the call, and so nothing it held
/// can be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub(super) api_id: String,
    pub(super) route: String,
    pub(super) method: &'static str,
    pub(super) scopes: String,
    pub(super) caller: Option<Caller>,
    pub(super) end: End,
    pub(super) latency: Option<Duration>,
}

/// Whose token the call showed. Only what a good signature vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    pub(super) client_id: String,
    pub(super) app_name: String,
    pub(super) developer_id: String,
    pub(super) user_id: Option<String>,
    pub(super) consent_id: Option<String>,
}

/// What became of a call. A closed set: whatever an API answers, no more different ones can come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// The guard let it through and knows no more: it was asked by a proxy, which forwards the call itself.
    Allowed,
    /// The API answered with this status, 100 to 599.
    Answered(u16),
    /// The API did not answer, or not in HTTP, or was not asked.
    Unanswered,
    /// The guard refused it, with this error code.
    Refused(&'static str),
}

/// What calls are told apart by in charts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// It went through, and as far as known it went well.
    Through,
    /// The guard refused it.
    Refused,
    /// It went through, and the API answered with an error (a status of 400 or more) or not at all.
    Failed,
}

impl Call {
    /// A call that the guard let through: to which API, by which method, to which route (its pattern; `None`: no rule is
    /// about it), and the scopes that the route asked for.
    pub fn allowed(api_id: &str, method: &str, route: Option<&str>, needed: &Scopes) -> Self {
        Self {
            api_id: api_id.to_owned(),
            route: route.unwrap_or(NO_ROUTE).to_owned(),
            method: known_method(method),
            scopes: needed.to_string(),
            caller: None,
            end: End::Allowed,
            latency: None,
        }
    }

    /// A call that the guard refused. It used no scope.
    pub fn refused(api_id: &str, method: &str, route: Option<&str>, refusal: &Refusal) -> Self {
        Self {
            end: End::Refused(refusal.code()),
            ..Self::allowed(api_id, method, route, &Scopes::default())
        }
    }

    /// By an app whose token is genuine, whatever else is wrong with it. `allowed`: for whom, if it was let through.
    pub fn by(mut self, app: &App, allowed: Option<&Allowed>) -> Self {
        self.caller = Some(Caller {
            client_id: app.client_id.clone(),
            app_name: app.name.clone(),
            developer_id: app.developer.id.clone(),
            user_id: allowed.and_then(|allowed| allowed.user_id.clone()),
            consent_id: allowed.and_then(|allowed| allowed.consent_id.clone()),
        });
        self
    }

    /// What the API answered to a call that was forwarded; `None`: nothing. `latency`: from the request to the head of
    /// the answer.
    pub fn answered(&mut self, status: Option<u16>, latency: Duration) {
        self.end = match status {
            Some(status @ 100..=599) => End::Answered(status),
            _ => End::Unanswered,
        };
        self.latency = Some(latency);
    }

    /// It was let through, and the API was not asked after all: it cannot be, or who calls could not be told to it.
    pub fn not_forwarded(&mut self) {
        self.end = End::Unanswered;
    }

    /// What became of it, by name.
    #[cfg(test)]
    pub fn end_name(&self) -> Cow<'static, str> {
        self.end.name()
    }

    /// The consent it used.
    pub fn consent_used(&self) -> Option<&str> {
        self.caller.as_ref()?.consent_id.as_deref()
    }

    /// It is known already that the consent is in use.
    pub(super) fn forget_consent(&mut self) {
        if let Some(caller) = &mut self.caller {
            caller.consent_id = None;
        }
    }
}

impl End {
    /// What it counts as.
    pub fn kind(self) -> Kind {
        match self {
            Self::Allowed | Self::Answered(..400) => Kind::Through,
            Self::Answered(_) | Self::Unanswered => Kind::Failed,
            Self::Refused(_) => Kind::Refused,
        }
    }

    /// Its name in the directory: `allowed`, `200`, `unanswered`, `refused.insufficient_scope`.
    pub fn name(self) -> Cow<'static, str> {
        match self {
            Self::Allowed => "allowed".into(),
            Self::Answered(status) => status.to_string().into(),
            Self::Unanswered => "unanswered".into(),
            Self::Refused(code) => format!("{REFUSED_PREFIX}{code}").into(),
        }
    }
}

impl Kind {
    /// What a name in the directory counts as.
    pub fn of_name(name: &str) -> Self {
        match name.parse() {
            _ if name.starts_with(REFUSED_PREFIX) => Self::Refused,
            Ok(400_u16..) => Self::Failed,
            _ if name == "unanswered" => Self::Failed,
            _ => Self::Through,
        }
    }
}

/// The methods that are told apart: those a rule may name, and what browsers ask before a call.
fn known_method(method: &str) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    let known = KNOWN.into_iter().find(|known| *known == method);
    known.unwrap_or(OTHER_METHOD)
}

#[cfg(test)]
pub mod testing {
    use super::*;

    /// A call by an app that was let through.
    pub fn call(client_id: &str, route: &str, scopes: &str) -> Call {
        Call {
            api_id: "api_one".into(),
            route: route.into(),
            method: "GET",
            scopes: scopes.into(),
            caller: Some(Caller {
                client_id: client_id.into(),
                app_name: "App".into(),
                developer_id: "dev_one".into(),
                user_id: Some("usr_a".into()),
                consent_id: Some("cns_one".into()),
            }),
            end: End::Allowed,
            latency: None,
        }
    }

    /// The same, answered.
    pub fn answered(client_id: &str, route: &str, status: u16, milliseconds: u64) -> Call {
        let mut call = call(client_id, route, "read");
        call.answered(Some(status), Duration::from_millis(milliseconds));
        call
    }

    /// A call that showed no token.
    pub fn unknown(route: &str) -> Call {
        Call {
            caller: None,
            end: End::Refused("token_required"),
            ..call("", route, "")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(method: &str) -> Call {
        Call::allowed("api_one", method, None, &Scopes::default())
    }

    #[test]
    fn methods_and_answers_nobody_knows_are_one_each() {
        for method in ["get", "PROPFIND", "lkr_stolen", ""] {
            assert_eq!(allowed(method).method, OTHER_METHOD);
        }
        for status in [None, Some(0), Some(99), Some(600), Some(u16::MAX)] {
            let mut call = allowed("GET");
            call.answered(status, Duration::ZERO);
            assert_eq!(call.end, End::Unanswered, "{status:?}");
        }
    }

    #[test]
    fn an_end_is_of_the_same_kind_by_its_name() {
        let refused = Refusal::TooMany(1).code();
        let ends = [
            (End::Allowed, Kind::Through),
            (End::Answered(204), Kind::Through),
            (End::Answered(399), Kind::Through),
            (End::Answered(400), Kind::Failed),
            (End::Answered(599), Kind::Failed),
            (End::Unanswered, Kind::Failed),
            (End::Refused(refused), Kind::Refused),
        ];
        for (end, kind) in ends {
            assert_eq!((end.kind(), Kind::of_name(&end.name())), (kind, kind), "{end:?}");
        }
    }
}
