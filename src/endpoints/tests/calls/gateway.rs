//! The gateway's decision about requests, without the servers behind.

use super::*;
use crate::endpoints::calls::gateway::{Admission, PassOn, admit, answer_headers, is_own};
use crate::store::memory::Fault;

const UPSTREAM: &str = "https://origin.example";

fn gateway() -> Server {
    let server = guard();
    server
        .stores
        .database
        .run(&format!("UPDATE apis SET upstream = '{UPSTREAM}' WHERE id = 'api_one'"));
    server
}

fn to_api(target: &str, headers: &[(&str, &str)]) -> Request {
    let headers = headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_string()));
    Request {
        headers: headers.collect(),
        ..get_request(target)
    }
}

fn admitted(server: &Server, request: &Request, authority: &str) -> Admission {
    let log = Log::new(&server.random);
    pollster::block_on(admit(&server.context(&log), request, authority))
}

fn answered(server: &Server, request: &Request) -> Reply {
    match admitted(server, request, "api.example") {
        Admission::Answered(reply) => reply,
        other => panic!("{other:?}"),
    }
}

fn passed(server: &Server, request: &Request) -> PassOn {
    match admitted(server, request, "api.example") {
        Admission::PassOn(pass) => *pass,
        other => panic!("{other:?}"),
    }
}

fn sent<'a>(pass: &'a PassOn, name: &str) -> Option<&'a str> {
    let mut found = pass
        .headers
        .iter()
        .filter(|(other, _)| other.eq_ignore_ascii_case(name));
    let value = found.next().map(|(_, value)| value.as_str());
    assert_eq!(found.next(), None, "{name} twice");
    value
}

#[test]
fn a_call_goes_on_to_the_upstream_with_the_path_that_was_judged_and_who_calls() {
    let server = gateway();
    let (token, _) = connect(&server, "read:projects");
    let bearer = format!("bearer {token}");
    let request = to_api(
        "/v1/projects/7?a=%2F&b",
        &[("authorization", &bearer), ("accept", "a/b")],
    );
    let pass = passed(&server, &request);
    assert_eq!(pass.url, format!("{UPSTREAM}/v1/projects/7?a=%2F&b"));
    assert_eq!(sent(&pass, "latchkey-user-id"), Some("usr_alice"));
    assert_eq!(claims(sent(&pass, "latchkey-identity").unwrap())["aud"], API);
    assert_eq!(
        (sent(&pass, "accept"), sent(&pass, "authorization")),
        (Some("a/b"), None)
    );
    assert_eq!(pass.about.route.as_deref(), Some("/v1/projects/{id}"));
    assert_eq!(pass.about.needed.to_string(), "read:projects");
    assert_eq!(pass.allowed.unwrap().client_id, "app_one");
}

// Covers: B35
#[test]
fn nothing_that_lets_somebody_in_or_passes_for_something_else_goes_on() {
    let server = gateway();
    let names = [
        "authorization",
        "dpop",
        "cookie",
        "latchkey-user-id",
        "latchkey_user_id",
        "latchkey-new",
        "x-original-url",
        "x_original_url",
        "x-rewrite-url",
        "x-http-method-override",
        "x-forwarded-for",
        "forwarded",
        "x-real-ip",
        "cf-worker",
        "te",
        "connection",
        "keep-alive",
        "upgrade",
        "proxy-authorization",
        "x-named",
    ];
    let mut headers: Vec<(&str, &str)> = names.iter().map(|name| (*name, "x")).collect();
    headers.retain(|(name, _)| *name != "connection" && *name != "authorization");
    headers.push(("connection", "keep-alive, X-Named"));
    headers.push(("content-type", "text/plain"));
    let pass = passed(&server, &to_api("/v1/status", &headers));
    for name in names {
        assert_eq!(sent(&pass, name), None, "{name}");
    }
    assert_eq!(sent(&pass, "content-type"), Some("text/plain"));
    assert_eq!(sent(&pass, "x-forwarded-host"), Some("api.example"));
}

// Covers: B35
#[test]
fn of_a_question_before_a_call_only_what_asks_goes_on() {
    let server = gateway();
    let (token, _) = connect(&server, "read:projects");
    let bearer = format!("bearer {token}");
    let fields = [
        ("origin", "https://site.example"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization"),
        ("user-agent", "Browser/1"),
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
        ("content-length", "9"),
        ("x-data", "something for the API"),
    ];
    let question = |fields: &[(&str, &str)]| Request {
        method: "OPTIONS".into(),
        ..to_api("/v1/projects?delete=all", fields)
    };
    let pass = passed(&server, &question(&fields));
    assert!(pass.about.is_preflight);
    assert_eq!(pass.url, format!("{UPSTREAM}/v1/projects"));
    for (name, value) in &fields[..4] {
        assert_eq!(sent(&pass, name), Some(*value));
    }
    for name in [
        "authorization",
        "content-type",
        "content-length",
        "x-data",
        "latchkey-identity",
    ] {
        assert_eq!(sent(&pass, name), None, "{name}");
    }
    let log = Log::new(&server.random);
    let came = ["Content-Length", "Content-Encoding", "Access-Control-Allow-Origin"]
        .map(|name| (name.to_owned(), "x".to_owned()));
    let (out, _) = answer_headers(&server.context(&log), &pass.about, &came);
    assert_eq!(out, ["content-length", "content-encoding"]);
    // Without the site that asks it is a call, by a method that has no rule.
    assert_eq!(answered(&server, &question(&fields[1..])).status, 405);
}

#[test]
fn what_may_not_go_on_is_answered_here_and_may_be_read_by_scripts() {
    let server = gateway();
    let cases = [
        (to_api("/v1/projects", &[]), 401),
        (to_api("/v1/admin", &[]), 404),
        (to_api("/v1//status", &[]), 400),
        (to_api("/v1/status", &[("upgrade", "WebSocket")]), 400),
    ];
    for (request, status) in cases {
        let reply = answered(&server, &request);
        assert_eq!(reply.status, status, "{request:?}");
        assert_eq!(told(&reply, "Access-Control-Allow-Origin"), "*");
        assert_eq!(told(&reply, "Cache-Control"), "no-store");
    }
    server.stores.plan(&[Fault::Before("apis")]);
    assert_eq!(answered(&server, &to_api("/v1/status", &[])).status, 503);
}

#[test]
fn in_the_clear_nothing_goes_on_where_the_server_is_reached_by_tls() {
    let mut server = gateway();
    let request = Request {
        in_the_clear: true,
        ..to_api("/v1/status", &[])
    };
    assert_eq!(sent(&passed(&server, &request), "x-forwarded-proto"), Some("http"));
    server.config.issuer = crate::config::Issuer::parse("https://auth.example").unwrap();
    assert_eq!(answered(&server, &request).status, 400);
}

#[test]
fn an_address_without_an_upstream_is_none_of_the_gateway_s() {
    let server = gateway();
    let request = to_api("/v1/status", &[]);
    for authority in [
        "billing.example",
        "nobody.example",
        "api.example:8080",
        "localhost:8787",
        "",
    ] {
        assert!(
            matches!(admitted(&server, &request, authority), Admission::Elsewhere),
            "{authority}"
        );
    }
    assert!(is_own("localhost:8787", &server.config.issuer));
    for other in ["localhost", "localhost:8788", "api.example", "127.0.0.1:8787"] {
        assert!(!is_own(other, &server.config.issuer), "{other}");
    }
}

#[test]
fn an_upstream_behind_the_gateway_itself_is_a_bad_gateway() {
    let server = gateway();
    server
        .stores
        .database
        .run("UPDATE apis SET upstream = 'https://api.example' WHERE id = 'api_two'");
    let Admission::Answered(reply) = admitted(&server, &to_api("/v1/status", &[]), "billing.example") else {
        panic!()
    };
    // Its own rules come first: this route takes a token.
    assert_eq!(reply.status, 401);
    server
        .stores
        .database
        .run("UPDATE apis SET route_rules = '[{\"path\": \"/*\", \"public\": true}]' WHERE id = 'api_two'");
    let Admission::Answered(reply) = admitted(&server, &to_api("/v1/status", &[]), "billing.example") else {
        panic!()
    };
    assert_eq!(refused(&reply), no(502, "bad_gateway", ""));
}

#[test]
fn a_call_that_is_let_through_and_not_forwarded_does_not_count_as_through() {
    let server = gateway();
    server.stores.database.run(
        "UPDATE apis SET upstream = 'https://api.example', route_rules = '[{\"path\": \"/*\", \"public\": true}]'
         WHERE id = 'api_two'",
    );
    let end = |server: &Server, request: &Request, authority: &str| {
        let log = Log::new(&server.random);
        pollster::block_on(admit(&server.context(&log), request, authority));
        let usage = log.usage();
        let call = usage.noted_call().map(crate::usage::Call::end_name);
        call.unwrap_or_default().into_owned()
    };
    let status = to_api("/v1/status", &[]);
    assert_eq!(end(&server, &status, "api.example"), "allowed");
    assert_eq!(end(&server, &status, "billing.example"), "unanswered");
    // Who calls cannot be signed: the keys are read after the decision too.
    let ends: Vec<String> = (0..6)
        .map(|trips| {
            let server = gateway();
            let (token, _) = connect(&server, "read:projects");
            let request = to_api("/v1/me", &[("authorization", &format!("bearer {token}"))]);
            server.stores.plan_after(trips, &[Fault::Before("keys")]);
            end(&server, &request, "api.example")
        })
        .collect();
    assert!(ends.iter().any(|end| end == "unanswered"), "{ends:?}");
}

#[test]
fn an_answer_loses_cookies_and_our_names_and_what_is_about_one_connection() {
    let server = gateway();
    let pass = passed(&server, &to_api("/v1/status", &[]));
    let log = Log::new(&server.random);
    let came = [
        ("Set-Cookie", "a=b"),
        ("Latchkey-User-Id", "usr_x"),
        ("Connection", "X-Own"),
        ("X-Own", "1"),
        ("Content-Type", "a/b"),
        ("WWW-Authenticate", "Bearer"),
        ("X-Request-Id", "theirs"),
    ];
    let came = came.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let (out, put) = answer_headers(&server.context(&log), &pass.about, &came);
    assert_eq!(out, ["set-cookie", "latchkey-user-id", "connection", "x-own"]);
    assert!(put.is_empty());
    let (_, put) = answer_headers(&server.context(&log), &pass.about, &[]);
    assert_eq!(put, [("X-Request-Id", log.request_id().to_owned())]);
}
