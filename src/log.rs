//! What is written about a request: one line of JSON. Every field is typed and comes from Latchkey's own names and
//! records, so that nothing a request carries (codes, tokens, secrets, cookies, queries) has a way in.

use std::cell::{RefCell, RefMut};

use serde::Serialize;

use crate::oauth::client::App;
use crate::random::{self, Random};
use crate::usage::Noted;

/// The notes taken while one request is answered.
#[derive(Debug)]
pub struct Log {
    request_id: String,
    notes: RefCell<Notes>,
    usage: RefCell<Noted>,
}

/// What a request was, and what became of it.
#[derive(Debug, Clone, Copy)]
pub struct Answered<'a> {
    /// The method as it was sent; methods nobody knows are written as `other`.
    pub method: &'a str,
    /// The route's name, never the path: paths hold ids.
    pub route: &'static str,
    /// The HTTP status code.
    pub status: u16,
    /// The error code in the answer.
    pub error: Option<&'static str>,
    /// Milliseconds it took. On Cloudflare the clock moves only while a request waits, so these are waited ones.
    pub duration_ms: i64,
}

#[derive(Debug, Default, Serialize)]
struct Notes {
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limited_by: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    faults: Vec<Fault>,
    #[serde(skip_serializing_if = "Option::is_none")]
    panicked_at: Option<String>,
}

/// Something on our side that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Fault {
    part: &'static str,
    detail: String,
}

#[derive(Serialize)]
struct Line<'a> {
    request_id: &'a str,
    method: &'static str,
    route: &'static str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
    #[serde(flatten)]
    notes: &'a Notes,
    duration_ms: i64,
}

/// More faults than this are of one kind.
const MAX_FAULTS: usize = 8;

impl Log {
    /// Begins under a fresh id of 130 random bits. What a client calls its request is not asked: the id must be
    /// ours alone to be worth looking for.
    pub fn new(random: &dyn Random) -> Self {
        Self {
            request_id: random::identifier(random, ""),
            notes: RefCell::default(),
            usage: RefCell::default(),
        }
    }

    /// The id, which the answer carries as `X-Request-Id`.
    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    /// Notes the app the request speaks of. It has a record, so its id is one of ours and not a client's words.
    pub fn app(&self, app: &App) {
        self.client(&app.client_id);
        self.usage().app(&app.client_id);
    }

    /// What the request adds to the usage of apps. To be written to at once, never held.
    pub fn usage(&self) -> RefMut<'_, Noted> {
        self.usage.borrow_mut()
    }

    /// Notes the API credential that proved itself.
    pub fn api(&self, known_id: &str) {
        self.client(known_id);
        self.usage().credential(known_id);
    }

    fn client(&self, known_id: &str) {
        self.notes.borrow_mut().client_id = Some(known_id.to_owned());
    }

    /// Notes the connection somebody signs in by. It has a record, so its id is the operator's.
    pub fn connection(&self, known_id: &str) {
        self.notes.borrow_mut().connection_id = Some(known_id.to_owned());
    }

    /// Notes which limit the request went over.
    pub fn limited_by(&self, limit: &'static str) {
        self.notes.borrow_mut().limited_by = Some(limit);
    }

    /// Notes that a part of storage failed, and what it said.
    pub fn fault(&self, part: &'static str, detail: &str) {
        let faults = &mut self.notes.borrow_mut().faults;
        if faults.len() < MAX_FAULTS {
            let detail = redacted(detail);
            faults.push(Fault { part, detail });
        }
    }

    /// Notes where the code broke. The message of a panic may quote what was being worked on and is left out.
    pub fn panicked_at(&self, place: String) {
        if let Ok(mut notes) = self.notes.try_borrow_mut() {
            notes.panicked_at = Some(place);
        }
    }

    /// Whether anything failed on our side.
    pub fn has_faults(&self) -> bool {
        let notes = self.notes.borrow();
        !notes.faults.is_empty() || notes.panicked_at.is_some()
    }

    /// The line.
    pub fn line(&self, answered: Answered<'_>) -> String {
        let line = Line {
            request_id: &self.request_id,
            method: known_method(answered.method),
            route: answered.route,
            status: answered.status,
            error: answered.error,
            notes: &self.notes.borrow(),
            duration_ms: answered.duration_ms,
        };
        serde_json::to_string(&line).unwrap_or_default()
    }
}

/// The line about a fault that belongs to no request: in a Durable Object or an alarm.
pub fn fault_line(part: &'static str, detail: &str) -> String {
    let detail = redacted(detail);
    serde_json::to_string(&Fault { part, detail }).unwrap_or_default()
}

fn known_method(method: &str) -> &'static str {
    const KNOWN: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CRON"];
    KNOWN.into_iter().find(|known| *known == method).unwrap_or("other")
}

/// What the platform or a parser said, without what it may quote: anything in double quotes, and every run of
/// letters that is long enough for a token, a hash or an id. Names like `SQLITE_CONSTRAINT_PRIMARYKEY` stay.
fn redacted(detail: &str) -> String {
    let unquoted = detail.split('"').enumerate().map(|(place, part)| match place % 2 {
        0 => part,
        _ => "\"…\"",
    });
    let unquoted: String = unquoted.collect();
    let mut clean = String::new();
    for piece in unquoted.split_inclusive(|letter| !is_token_letter(letter)) {
        let word = piece.trim_end_matches(|letter| !is_token_letter(letter));
        if word.len() >= 16 && !is_plain_name(word) {
            clean.push('…');
            clean.push_str(piece.get(word.len()..).unwrap_or_default());
        } else {
            clean.push_str(piece);
        }
    }
    clean.chars().take(300).collect()
}

fn is_token_letter(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '+' | '/' | '=')
}

fn is_plain_name(word: &str) -> bool {
    let all = |of_case: fn(&u8) -> bool| word.bytes().all(|byte| of_case(&byte) || byte == b'_');
    all(u8::is_ascii_lowercase) || all(u8::is_ascii_uppercase)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::testing::Seeded;

    fn answered(method: &str) -> Answered<'_> {
        Answered {
            method,
            route: "token",
            status: 200,
            error: None,
            duration_ms: 3,
        }
    }

    #[test]
    fn a_line_is_json_with_the_id_that_the_answer_carries() {
        let log = Log::new(&Seeded::new(1));
        log.fault("d1", "no such table: apps");
        log.limited_by("address");
        let line: serde_json::Value = serde_json::from_str(&log.line(answered("POST"))).unwrap();
        assert_eq!(line["request_id"], log.request_id());
        assert_eq!(line["route"], "token");
        assert_eq!(line["limited_by"], "address");
        assert_eq!(line["faults"][0]["detail"], "no such table: apps");
        assert_ne!(Log::new(&Seeded::new(2)).request_id(), log.request_id());
    }

    #[test]
    fn a_method_that_nobody_knows_is_not_written_down() {
        let line = Log::new(&Seeded::new(1)).line(answered("lkr_stolen"));
        assert!(
            line.contains("\"method\":\"other\"") && !line.contains("lkr_"),
            "{line}"
        );
    }

    #[test]
    fn what_storage_says_is_kept_without_what_it_quotes() {
        for (said, kept) in [
            (
                "D1_ERROR: no such table: apps: SQLITE_ERROR",
                "D1_ERROR: no such table: apps: SQLITE_ERROR",
            ),
            (
                "UNIQUE constraint failed: SQLITE_CONSTRAINT_PRIMARYKEY",
                "UNIQUE constraint failed: SQLITE_CONSTRAINT_PRIMARYKEY",
            ),
            (
                "invalid type: string \"alice\", expected u64",
                "invalid type: string \"…\", expected u64",
            ),
            ("a quote \"that never ends alice", "a quote \"…\""),
            ("key code:qPzWlWq8cVbRr3yqS0M1zA is gone", "key code:… is gone"),
            ("eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ1c3JfMSJ9", "….…"),
        ] {
            assert_eq!(redacted(said), kept);
        }
        assert!(redacted(&"x ".repeat(10_000)).len() <= 300);
    }

    #[test]
    fn a_storm_of_faults_does_not_make_a_line_without_end() {
        let log = Log::new(&Seeded::new(1));
        for _ in 0..1000 {
            log.fault("kv", &"x ".repeat(1000));
        }
        assert!(log.line(answered("GET")).len() < 4096);
    }
}
