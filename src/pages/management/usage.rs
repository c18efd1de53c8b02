//! Pages about what apps use.

use askama::Template;
use askama::filters::HtmlSafe;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::{AppFrame, AppTab, Figure, Frame};
use crate::management::apps::AppRecord;
use crate::management::audit_trail::entry::AuditEntry;
use crate::management::cursor::{Cursor, Page};
use crate::management::usage::{LoggedError, Overview, Ranked, Used, WatchedApp};
use crate::pages::DisplayName;
use crate::time::Timestamp;
use crate::usage::breakdown::{Breakdown, OfRoute, Sums};
use crate::usage::hints::hint;
use crate::usage::period::{Period, Usage};

/// The tab Usage of an app.
#[derive(Template)]
#[template(path = "management/usage.html")]
pub struct UsagePage<'a> {
    /// What every page here is given.
    pub frame: Frame<'a>,
    /// The app.
    pub app: AppFrame<'a>,
    /// The numbers.
    pub numbers: Numbers<'a>,
    /// When it last got a token.
    pub last_used: Option<String>,
}

/// The usage of one app, for administrators.
#[derive(Template)]
#[template(path = "management/admin_app_usage.html")]
pub struct AdminUsagePage<'a> {
    /// What every page here is given.
    pub frame: Frame<'a>,
    /// The name of the app.
    pub app_name: DisplayName,
    /// The numbers.
    pub numbers: Numbers<'a>,
    /// When it last got a token.
    pub last_used: Option<String>,
}

/// The tab Log of an app.
#[derive(Template)]
#[template(path = "management/error_log.html")]
pub struct ErrorLogPage<'a> {
    /// What every page here is given.
    pub frame: Frame<'a>,
    /// The app.
    pub app: AppFrame<'a>,
    /// The entries.
    pub entries: Vec<LogEntry<'a>>,
    /// Where the next page begins.
    pub next: Option<String>,
    /// Whether this is not the first.
    pub is_later: bool,
    /// What was done to the app lately.
    pub events: Vec<Event<'a>>,
}

/// What the log of an app holds.
#[derive(Debug, Clone, Copy)]
pub struct AppLog<'a> {
    /// A page of refusals.
    pub errors: &'a Page<LoggedError>,
    /// Whether it is not the first.
    pub is_later: bool,
    /// The newest of the app's part of the audit trail.
    pub events: &'a [AuditEntry],
    /// Who belongs to its developer account.
    pub member_ids: &'a [String],
}

/// The usage of all apps.
#[derive(Template)]
#[template(path = "management/usage_overview.html")]
pub struct UsageOverviewPage<'a> {
    /// What every page here is given.
    pub frame: Frame<'a>,
    /// The numbers.
    pub numbers: Numbers<'a>,
    /// The busiest apps of today and of yesterday.
    pub rankings: Vec<Ranking>,
}

/// Charts and tables, and the way to those of other periods.
#[derive(Template)]
#[template(path = "management/numbers.html")]
pub struct Numbers<'a> {
    /// The period.
    pub period: Period,
    /// The charts.
    pub figures: Vec<Figure>,
    /// Everything.
    pub usage: &'a Usage,
    /// Calls to APIs.
    pub calls: &'a Breakdown,
}

/// An entry of the error log.
pub struct LogEntry<'a> {
    /// When.
    pub at: String,
    /// The entry.
    pub entry: &'a LoggedError,
    /// What to change.
    pub hint: &'static str,
}

/// An entry of the audit trail.
pub struct Event<'a> {
    /// When.
    pub at: String,
    /// By whom, as far as the app's developers may know.
    pub by: &'static str,
    /// What else they may know.
    pub details: Vec<(String, String)>,
    /// The entry.
    pub entry: &'a AuditEntry,
}

/// A busy app.
pub struct BusyApp {
    /// Its name.
    pub name: DisplayName,
    /// Its developer account.
    pub developer: DisplayName,
    /// Its client id, as a segment of a path.
    pub segment: String,
    /// How many token responses it got, or calls it made.
    pub count: u64,
}

/// The busiest apps of a day.
pub struct Ranking {
    /// What they did most, and when.
    pub title: String,
    /// What is counted.
    pub counted: &'static str,
    /// What is said where there is none.
    pub none: &'static str,
    /// The apps.
    pub apps: Vec<BusyApp>,
}

/// A client id may be a URL.
fn segment(client_id: &str) -> String {
    // What a client id of ours is made of stays readable.
    const KEPT: &percent_encoding::AsciiSet = &NON_ALPHANUMERIC.remove(b'_').remove(b'-').remove(b'.');
    utf8_percent_encode(client_id, KEPT).to_string()
}

/// `2026-11-22 02:30:07`
fn to_the_second(at: Timestamp) -> String {
    at.to_rfc3339().replace('T', " ").replace('Z', "")
}

/// `≤ 25 ms`
fn up_to(milliseconds: Option<u32>) -> String {
    match milliseconds {
        Some(milliseconds) => format!("≤ {milliseconds} ms"),
        None => "> 10000 ms".to_owned(),
    }
}

impl HtmlSafe for Numbers<'_> {}

impl<'a> Numbers<'a> {
    fn new(Used { usage, calls }: &'a Used) -> Self {
        Self {
            period: usage.period,
            figures: Figure::all_of(usage),
            usage,
            calls,
        }
    }

    /// What an API is called.
    pub fn api(&self, name: Option<&String>) -> DisplayName {
        DisplayName::new(name.map_or("", String::as_str), "Deleted API")
    }

    /// What routes are called that have no pattern.
    pub fn unnamed(&self, route: &OfRoute) -> &'static str {
        match route.is_rest {
            true => "other routes",
            false => "no such route",
        }
    }

    /// `≤ 25 ms`, or nothing where no time is known.
    pub fn half(&self, sums: &Sums) -> String {
        sums.latency().map_or_else(String::new, |latency| up_to(latency.p50))
    }

    /// The same for 95 of 100.
    pub fn most(&self, sums: &Sums) -> String {
        sums.latency().map_or_else(String::new, |latency| up_to(latency.p95))
    }

    /// What an error code usually comes from.
    pub fn hint(&self, code: &str) -> &'static str {
        hint(code, "")
    }
}

impl<'a> UsagePage<'a> {
    /// The page about one app.
    pub fn new(frame: Frame<'a>, app: &'a AppRecord, watched: &WatchedApp, used: &'a Used) -> Self {
        Self {
            frame,
            app: AppFrame::new(app, AppTab::Usage),
            numbers: Numbers::new(used),
            last_used: watched.last_used_at.map(to_the_second),
        }
    }
}

impl<'a> AdminUsagePage<'a> {
    /// The page about one app.
    pub fn new(frame: Frame<'a>, app: &WatchedApp, used: &'a Used) -> Self {
        Self {
            frame,
            app_name: DisplayName::new(&app.name, "Unnamed app"),
            numbers: Numbers::new(used),
            last_used: app.last_used_at.map(to_the_second),
        }
    }
}

impl<'a> ErrorLogPage<'a> {
    /// The page about one app.
    pub fn new(frame: Frame<'a>, app: &'a AppRecord, log: AppLog<'a>) -> Self {
        let entries = log.errors.items.iter().map(|entry| LogEntry {
            at: to_the_second(entry.at),
            entry,
            hint: hint(&entry.error, &entry.description),
        });
        let events = log.events.iter().map(|entry| Event {
            at: to_the_second(entry.at),
            by: by_whom(entry, log.member_ids),
            details: entry.details_for_developers(log.member_ids),
            entry,
        });
        Self {
            frame,
            app: AppFrame::new(app, AppTab::Log),
            entries: entries.collect(),
            next: log.errors.next.as_ref().map(Cursor::encode),
            is_later: log.is_later,
            events: events.collect(),
        }
    }
}

/// Who of the app's users or the operator's people acted is not for its developers to know.
fn by_whom(entry: &AuditEntry, member_ids: &[String]) -> &'static str {
    let is_member = entry.actor_id.as_ref().is_some_and(|id| member_ids.contains(id));
    match entry.actor_type.as_str() {
        "user" if is_member => "by a member of your account",
        "user" => "by a user or an operator",
        "app" => "by an app",
        _ => "by the server",
    }
}

impl<'a> UsageOverviewPage<'a> {
    /// The page about all apps.
    pub fn new(frame: Frame<'a>, overview: &'a Overview) -> Self {
        let busy = |app: &Ranked| BusyApp {
            name: DisplayName::new(app.name.as_deref().unwrap_or_default(), "Deleted app"),
            developer: DisplayName::new(app.developer_name.as_deref().unwrap_or_default(), "–"),
            segment: segment(&app.client_id),
            count: app.count,
        };
        let rankings = overview.busiest.iter().flat_map(|busiest| {
            let day = super::figure::day(busiest.day);
            [
                Ranking {
                    title: format!("Most tokens on {day}"),
                    counted: "Tokens",
                    none: "No app got a token.",
                    apps: busiest.by_tokens.iter().map(busy).collect(),
                },
                Ranking {
                    title: format!("Most API calls on {day}"),
                    counted: "Calls",
                    none: "No app called an API behind the guard.",
                    apps: busiest.by_calls.iter().map(busy).collect(),
                },
            ]
        });
        Self {
            frame,
            numbers: Numbers::new(&overview.used),
            rankings: rankings.collect(),
        }
    }
}
