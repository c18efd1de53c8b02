//! What holds for every route of the portal and the console, also for those yet to come.

use serde_json::json;

use super::*;
use crate::router::management::{Entry, TABLES};
use crate::store::Limit;

/// Routes that need no session: what they show is for everybody.
const OPEN: [&str; 0] = [];

fn entries() -> impl Iterator<Item = &'static Entry> {
    TABLES
        .iter()
        .copied()
        .flatten()
        .filter(|entry| !OPEN.contains(&entry.name))
}

fn is_api(entry: &Entry) -> bool {
    entry.path.starts_with("/api/")
}

/// Its path, about things that are not the sender's.
fn path(entry: &Entry) -> String {
    let known = [
        ("{developer_id}", "dev_south"),
        ("{user_id}", "usr_carol"),
        ("{api_id}", "api_projects"),
    ];
    let mut path = entry.path.to_owned();
    for (placeholder, id) in known {
        path = path.replace(placeholder, id);
    }
    path.replace(['{', '}'], "x")
}

fn request(entry: &Entry) -> Request {
    match (entry.method, is_api(entry)) {
        ("GET", _) => get_request(&path(entry)),
        (method, true) => call(method, &path(entry), &json!({})),
        (method, false) => Request {
            method: method.into(),
            ..form_request(&path(entry), "")
        },
    }
}

/// All that the directory holds.
fn everything(server: &Server) -> String {
    let database = &server.stores.database;
    let tables =
        database.column("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY 1");
    let rows = tables.iter().map(|table| database.dump(table.as_str().unwrap()));
    rows.collect::<Vec<_>>().join("\n")
}

#[test]
fn nobody_gets_anywhere_without_signing_in() {
    let server = portal();
    for entry in entries() {
        let reply = server.send(&request(entry));
        let refused = match (is_api(entry), entry.method) {
            (true, _) => reply.status == 401 && problem(&reply).1 == "unauthorized",
            (false, "GET") => location(&reply).starts_with("/login?continue="),
            (false, _) => reply.status == 403,
        };
        assert!(refused, "{entry:?}: {reply:?}");
    }
}

// Rule: ATTACK 2
#[test]
fn no_other_site_changes_anything_whoever_is_signed_in() {
    let server = portal();
    for username in ["ada", "alice", "rita"] {
        let mut browser = signed_in(&server, username);
        let before = everything(&server);
        for entry in entries().filter(|entry| entry.method != "GET") {
            for origin in [Some("https://evil.example"), Some("null"), None] {
                let mut request = request(entry);
                request.headers.remove("origin");
                request
                    .headers
                    .extend(origin.map(|origin| ("origin".to_owned(), origin.to_owned())));
                let reply = browser.send(&server, request);
                assert_eq!(reply.status, 403, "{username} {entry:?} {origin:?}: {reply:?}");
            }
        }
        assert_eq!(everything(&server), before, "{username}");
    }
}

#[test]
fn looking_changes_nothing() {
    let server = portal();
    for username in ["ada", "alice", "rita", "dave"] {
        let mut browser = signed_in(&server, username);
        let before = everything(&server);
        for entry in entries().filter(|entry| entry.method == "GET") {
            let reply = browser.send(&server, request(entry));
            assert!(reply.status < 500, "{username} {entry:?}: {reply:?}");
        }
        assert_eq!(everything(&server), before, "{username}");
    }
}

#[test]
fn the_console_is_closed_to_whoever_is_no_operator() {
    let server = portal();
    for username in ["dave", "alice"] {
        let mut browser = signed_in(&server, username);
        let console =
            entries().filter(|entry| entry.path.starts_with("/admin") || entry.path.starts_with("/api/admin"));
        for entry in console {
            let mut request = request(entry);
            if entry.method != "GET" && !is_api(entry) {
                let csrf = hidden(&browser.get(&server, "/developers"), "csrf");
                request.body = Body::Bytes(format!("csrf={csrf}").into_bytes());
            }
            let reply = browser.send(&server, request);
            assert!(matches!(reply.status, 403 | 404), "{username} {entry:?}: {reply:?}");
        }
    }
}

#[test]
fn whoever_asks_too_often_is_stopped_before_anything_is_done() {
    let server = portal();
    for username in ["ada", "alice"] {
        let mut browser = signed_in(&server, username);
        let csrf = hidden(&browser.get(&server, "/developers"), "csrf");
        server
            .stores
            .limits
            .borrow_mut()
            .extend([(Limit::Changes, 0), (Limit::Reads, 0)]);
        server.trips();
        for entry in entries() {
            let mut request = request(entry);
            if entry.method != "GET" && !is_api(entry) {
                request.body = Body::Bytes(format!("csrf={csrf}").into_bytes());
            }
            let reply = browser.send(&server, request);
            assert_eq!(reply.status, 429, "{username} {entry:?}: {reply:?}");
            assert_eq!(reply.header_value("Retry-After"), Some("60"), "{entry:?}");
            match is_api(entry) {
                true => assert_eq!(problem(&reply).1, "rate_limit_exceeded"),
                false => assert!(reply.body.contains("try again in a minute"), "{entry:?}"),
            }
        }
        // No table was asked anything but whose session it is.
        assert!(!server.trips().contains(&"database"));
        server.stores.limits.borrow_mut().clear();
    }
}

#[test]
fn no_body_however_strange_is_a_fault_of_ours() {
    let server = portal();
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let bodies = [
        "null",
        "[]",
        "7",
        "\"\"",
        "{\"name\":{}}",
        "{\"name\":[null]}",
        "{\"scopes\":[1,{}],\"redirect_uris\":7}",
        "{\"jwks\":{\"keys\":[{}]},\"content\":null}",
        "\u{feff}{}",
        "{\"name\":\"\\ud800\"}",
        &deep,
    ];
    for username in ["ada", "alice", "rita"] {
        let mut browser = signed_in(&server, username);
        for entry in entries().filter(|entry| entry.method != "GET" && is_api(entry)) {
            for body in bodies {
                let mut request = request(entry);
                request.body = Body::Bytes(body.as_bytes().to_vec());
                let reply = browser.send(&server, request);
                assert!(reply.status < 500, "{username} {entry:?} {body}: {reply:?}");
            }
        }
    }
}
