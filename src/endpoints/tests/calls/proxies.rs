//! What proxies say about calls, and what clients try to say through them.

use super::*;
use crate::store::Limit;
use crate::store::memory::Fault;

fn ask_in_line(server: &Server, method: &str, target: &str, token: &str) -> Reply {
    let question = call("GET", "/")
        .without("x-original-method")
        .without("x-original-uri")
        .bearer(token);
    let mut request = get_request(&format!("/oauth/verify{target}"));
    request.method = method.into();
    request.headers = question.0.headers;
    server.send(&request)
}

#[test]
fn a_call_is_named_by_either_pair_of_fields_or_by_the_request_line() {
    let server = guard();
    let (token, _) = connect(&server, "read:projects");
    let traefik = |method: &str, target: &str| {
        let question = call("GET", "/").without("x-original-method").without("x-original-uri");
        let question = question
            .with("x-forwarded-method", method)
            .with("x-forwarded-uri", target);
        question.bearer(&token).ask(&server).status
    };
    for (method, target, status) in [
        ("GET", "/v1/projects/7?a=b", 200),
        ("HEAD", "/v1/projects", 200),
        ("POST", "/v1/projects", 403),
        ("GET", "/v1/other", 404),
        ("PATCH", "/v1/projects", 405),
    ] {
        assert_eq!(
            call(method, target).bearer(&token).ask(&server).status,
            status,
            "{method} {target}"
        );
        assert_eq!(traefik(method, target), status, "{method} {target}");
        assert_eq!(
            ask_in_line(&server, method, target, &token).status,
            status,
            "{method} {target}"
        );
    }
}

// Covers: B35
#[test]
fn a_call_that_is_named_twice_in_two_ways_or_by_halves_or_not_at_all_is_refused() {
    let server = guard();
    let (token, _) = connect(&server, "read:projects");
    let status = |question: Question| question.bearer(&token).ask(&server).status;
    let get = || call("GET", "/v1/projects");
    let both = get()
        .with("x-forwarded-method", "GET")
        .with("x-forwarded-uri", "/v1/projects");
    assert_eq!(status(both), 200);
    for (what, question) in [
        ("nothing", get().without("x-original-method").without("x-original-uri")),
        ("no method", get().without("x-original-method")),
        ("no address", get().without("x-original-uri")),
        ("half of another pair", get().with("x-forwarded-uri", "/v1/projects")),
        (
            "another address",
            get()
                .with("x-forwarded-method", "GET")
                .with("x-forwarded-uri", "/v1/status"),
        ),
        (
            "another method",
            get()
                .with("x-forwarded-method", "POST")
                .with("x-forwarded-uri", "/v1/projects"),
        ),
        (
            "two addresses in one field",
            get().with("x-original-uri", "/v1/status, /v1/projects"),
        ),
        ("two methods in one field", get().with("x-original-method", "GET, POST")),
        ("no method's letters", get().with("x-original-method", "")),
        (
            "a whole URL",
            get().with("x-original-uri", "https://api.example/v1/projects"),
        ),
        ("no slash", get().with("x-original-uri", "v1/projects")),
        ("not as it was sent", get().with("x-original-uri", "/v1/projects ä")),
    ] {
        assert_eq!(status(question), 400, "{what}");
    }
    let mut request = get().bearer(&token).0;
    request.path = "/oauth/verify/v1/status".into();
    assert_eq!(server.send(&request).status, 400);
}

// Covers: B35
#[test]
fn a_path_that_servers_read_in_different_ways_goes_nowhere() {
    let server = guard();
    let (token, _) = connect(&server, "read:projects");
    for target in [
        "/v1/status/../projects",
        "/v1/status/%2e%2e/admin",
        "//v1/status",
        "/v1//status",
        "/v1/status;x=1",
        "/v1%2Fstatus",
        "/v1\\status",
        "/v1/status%00",
        "/v1/status%",
        "/v1/status#x",
        "/v1/status%23",
    ] {
        let reply = call("GET", target).bearer(&token).ask(&server);
        assert_eq!(refused(&reply), no(400, "invalid_request", ""), "{target}");
    }
    for target in ["/V1/STATUS", "/v1/status/", "/v1/st%61tus"] {
        assert_eq!(call("GET", target).ask(&server).status, 200, "{target}");
    }
}

#[test]
fn a_proxy_shows_the_credential_of_its_api_or_learns_nothing() {
    let server = guard();
    let (token, _) = connect(&server, "read:projects");
    let get = || call("GET", "/v1/projects").bearer(&token);
    for (what, question) in [
        ("none", get().without("latchkey-authorization")),
        (
            "another secret",
            get().with("latchkey-authorization", "Basic YXBjX29uZTp4"),
        ),
        (
            "an unknown one",
            get().with("latchkey-authorization", "Basic YXBjX3RocmVlOng="),
        ),
        (
            "an app's",
            get().with("latchkey-authorization", "Basic YXBwX3R3bzpsa3NfcmlnaHQ="),
        ),
        (
            "no Basic",
            get().with("latchkey-authorization", "Bearer YXBjX29uZTpsa2Ffb25l"),
        ),
        (
            "in the place of the call's token",
            get()
                .without("latchkey-authorization")
                .with("authorization", "Basic YXBjX29uZTpsa2Ffb25l"),
        ),
    ] {
        let reply = question.ask(&server);
        assert_eq!(refused(&reply), no(403, "invalid_client", ""), "{what}");
        assert!(!reply.has_header("WWW-Authenticate"), "{what}");
    }
    // Another API's: its rules, its audience.
    assert_eq!(
        refused(&get().of_billing().ask(&server)),
        no(401, "invalid_token", "invalid_token")
    );
    server.stores.plan(&[Fault::Before("apps")]);
    assert_eq!(get().ask(&server).status, 503);
}

#[test]
fn who_guesses_credentials_is_stopped_and_who_has_one_is_not() {
    let server = guard();
    server.stores.limits.borrow_mut().insert(Limit::Address, 2);
    let bad = || {
        call("GET", "/v1/status")
            .with("latchkey-authorization", "Basic YXBjX29uZTp4")
            .ask(&server)
            .status
    };
    assert_eq!([bad(), bad(), bad()], [403, 403, 429]);
    assert_eq!(call("GET", "/v1/status").ask(&server).status, 200);
}

#[test]
fn a_call_whose_path_leads_out_of_the_place_behind_verify_is_answered_by_no_other_endpoint() {
    let server = guard();
    for target in [
        "/healthz",
        "/.well-known/jwks.json",
        "/oauth/verifyx",
        "/OAUTH/VERIFY",
        "/",
    ] {
        assert_eq!(server.send(&get_request("/healthz")).status, 200);
        let mut request = call("GET", "/").0;
        request.path = target.into();
        assert_eq!(refused(&server.send(&request)), no(403, "forbidden", ""), "{target}");
    }
}

#[test]
fn nginx_gets_the_statuses_it_knows_and_the_true_one_beside() {
    let server = guard();
    let (token, _) = connect(&server, "read:projects");
    let ask = |question: Question| {
        let mut request = question.0;
        request.query = "statuses=nginx".into();
        let reply = server.send(&request);
        (reply.status, told(&reply, "Latchkey-Status").to_owned())
    };
    let known = |status: u16, true_one: &str| (status, true_one.to_owned());
    assert_eq!(ask(call("GET", "/v1/me").bearer(&token)), known(200, "200"));
    assert_eq!(ask(call("GET", "/v1/me")), known(401, "401"));
    assert_eq!(ask(call("POST", "/v1/projects").bearer(&token)), known(403, "403"));
    assert_eq!(ask(call("GET", "/v1/none")), known(403, "404"));
    assert_eq!(ask(call("GET", "/v1/../none")), known(403, "400"));
    assert_eq!(ask(call("DELETE", "/v1/projects")), known(403, "405"));
    assert_eq!(ask(call("GET", "/v1/me").without("x-original-uri")), known(403, "400"));
    server.stores.plan(&[Fault::Before("apis"), Fault::Before("apps")]);
    assert_eq!(ask(call("GET", "/v1/me").bearer(&token)), known(403, "503"));
    // Where the query is the client's own, it changes nothing.
    assert_eq!(
        ask_in_line(&server, "GET", "/v1/none?statuses=nginx", &token).status,
        404
    );
}

#[test]
fn a_browser_that_asks_before_it_calls_is_let_through_to_the_api_where_the_call_has_a_route() {
    let server = guard();
    let preflight = |method: &str, target: &str| preflight(method, target).ask(&server);
    let reply = preflight("POST", "/v1/projects");
    assert_eq!((reply.status, reply.has_header("Latchkey-Identity")), (200, false));
    assert_eq!(preflight("DELETE", "/v1/projects").status, 405);
    assert_eq!(preflight("GET", "/v1/other").status, 404);
    assert_eq!(call("OPTIONS", "/v1/projects").ask(&server).status, 405);
    // One that no browser sends: it does not say which site asks.
    let nobody = call("OPTIONS", "/v1/projects").with("access-control-request-method", "POST");
    assert_eq!(nobody.ask(&server).status, 405);
    // The field alone makes nothing of a call.
    let reply = call("POST", "/v1/projects")
        .with("access-control-request-method", "GET")
        .ask(&server);
    assert_eq!(reply.status, 401);
}
