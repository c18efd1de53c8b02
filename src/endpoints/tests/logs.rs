//! What is written about requests, and what never is.

use super::*;

/// Every value that a request or its reply carried, other than the ids and codes that belong in a log.
fn carried(request: &Request, reply: &Reply) -> Vec<String> {
    let form = match &request.body {
        Body::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        _ => String::new(),
    };
    let location = reply.header_value("Location").unwrap_or_default();
    let query = location.split_once('?').map_or("", |(_, query)| query);
    let pairs = [request.query.as_str(), &form, query]
        .into_iter()
        .flat_map(|text| url::form_urlencoded::parse(text.as_bytes()).into_owned())
        .filter(|(name, _)| !["client_id", "error", "iss"].contains(&name.as_str()));
    let in_json = serde_json::from_str::<BTreeMap<String, serde_json::Value>>(&reply.body).unwrap_or_default();
    let in_json = in_json
        .into_iter()
        .filter(|(name, _)| !["error", "client_id", "request_id"].contains(&name.as_str()))
        .filter_map(|(_, value)| value.as_str().map(str::to_owned));
    let cookies = reply.headers.iter().filter(|(name, _)| *name == "Set-Cookie");
    let cookies = cookies.map(|(_, cookie)| cookie.split(['=', ';']).nth(1).unwrap().to_owned());
    pairs
        .map(|(_, value)| value)
        .chain(request.headers.values().cloned())
        .chain(in_json)
        .chain(cookies)
        .filter(|value| value.len() >= 6 && !value.starts_with("app_"))
        .collect()
}

/// Sends a request through `server` and keeps what it carried.
struct Eavesdropper<'a> {
    server: &'a Server,
    carried: Vec<String>,
}

impl Eavesdropper<'_> {
    fn post(&mut self, path: &str, form: &str, more: &[(&str, &str)]) -> Reply {
        let mut request = form_request(path, form);
        for (name, value) in [
            ("x-request-id", "from-the-client"),
            ("cookie", "__Host-session=stolen-cookie"),
        ]
        .iter()
        .chain(more)
        {
            request.headers.insert((*name).into(), (*value).into());
        }
        self.send(request)
    }

    fn send(&mut self, request: Request) -> Reply {
        let reply = self.server.send(&request);
        self.carried.extend(carried(&request, &reply));
        reply
    }
}

// Covers: B44
#[test]
fn no_line_holds_anything_that_a_request_or_its_answer_carried() {
    let server = Server::new();
    let mut browser = Browser::default();
    let page = browser.consent_page(&server, &authorize_link("app_two", "&login_hint=alice"));
    let answer = returned(&browser.decide(&server, &page, "allow"));
    let mut out = Eavesdropper {
        server: &server,
        carried: browser.cookies.values().cloned().chain(answer.into_values()).collect(),
    };
    let code = out
        .carried
        .iter()
        .find(|value| value.starts_with("lkc_"))
        .unwrap()
        .clone();
    let client = "client_id=app_two&client_secret=lks_right";
    let code = format!("grant_type=authorization_code&{client}&code={code}&code_verifier={VERIFIER}");
    let tokens = json(&out.post("/oauth/token", &code, &[]));
    let (access, refresh) = (tokens["access_token"].as_str(), tokens["refresh_token"].as_str());
    let (access, refresh) = (access.unwrap(), refresh.unwrap());
    let forms = [
        ("/oauth/token", code.clone()),
        (
            "/oauth/token",
            format!("grant_type=refresh_token&refresh_token={refresh}&{client}"),
        ),
        (
            "/oauth/token",
            format!("grant_type=refresh_token&refresh_token={refresh}&client_id=app_one"),
        ),
        (
            "/oauth/token",
            "grant_type=client_credentials&client_id=unknown-client&client_secret=lks_wrong".into(),
        ),
        (
            "/oauth/token",
            format!("grant_type=lkc_in_the_wrong_place&{client}&scope=strange%20words"),
        ),
        (
            "/oauth/par",
            format!("{client}&state=pushed-state&redirect_uri=https%3A%2F%2Fforeign.example%2Fcb"),
        ),
        ("/oauth/introspect", format!("token={access}&{client}")),
        (
            "/oauth/introspect",
            format!("token={access}&client_id=app_two&client_secret=lks_wrong"),
        ),
        ("/oauth/revoke", format!("token={access}&{client}")),
        ("/oauth/revoke", format!("token={refresh}&client_id=app_one")),
        (
            "/login?continue=%2Flogout%3Fsecret-query",
            "username=somebody&csrf=forged-token".into(),
        ),
        ("/logout", "csrf=forged-token".into()),
        ("/oauth/consent", "request=sealed-request&decision=allow".into()),
        ("/account/apps/cns_secretconsent/revoke", "csrf=forged-token".into()),
        ("/oauth/authorize", "client_id=app_one&state=posted-state".into()),
    ];
    for (path, form) in &forms {
        out.post(path, form, &[]);
        out.post(path, form, &[("dpop", "eyJ0eXAiOiJkcG9wK2p3dCJ9.e30.c2ln")]);
        out.post(path, form, &[("authorization", "Basic YXBwX3R3bzpsa3Nfd3Jvbmc=")]);
    }
    for link in [
        authorize_link("app_one", "&prompt=none"),
        authorize_link("app_one", "&resource=https%3A%2F%2Fforeign.example"),
        authorize_link("unknown-client", ""),
        "/oauth/consent?request_id=sealed-request".into(),
        "/login?continue=%2Foauth%2Fconsent".into(),
        "/lkr_in_the_path?token=lkr_in_the_query".into(),
        "/api/user/connected-apps".into(),
    ] {
        out.send(get_request(&link));
    }
    let strange = Request {
        method: "lkr_in_the_method".into(),
        ..get_request("/oauth/token")
    };
    out.send(strange);
    let carried = out.carried;
    let lines = server.lines.borrow();
    assert!(carried.len() > 100 && lines.len() > 25);
    for line in lines.iter() {
        for value in carried
            .iter()
            .map(String::as_str)
            .chain(["unknown-client", "cns_", "alice", "lkr_", "lks_"])
        {
            assert!(!line.contains(value), "{value:?} in {line}");
        }
    }
}

#[test]
fn a_line_says_what_was_asked_by_whom_and_what_came_of_it() {
    let server = Server::new();
    let reply = server.post(
        "/oauth/token",
        "grant_type=refresh_token&refresh_token=x&client_id=app_one",
    );
    let line: serde_json::Value = serde_json::from_str(&server.lines.borrow()[0]).unwrap();
    assert_eq!(line["request_id"], *reply.header_value("X-Request-Id").unwrap());
    for (field, value) in [
        ("method", "POST"),
        ("route", "token"),
        ("client_id", "app_one"),
        ("error", "invalid_grant"),
    ] {
        assert_eq!(line[field], value);
    }
    assert_eq!(line["status"], 400);
}

#[test]
fn every_answer_has_a_request_id_of_its_own_and_never_the_clients() {
    let server = Server::new();
    let mut seen = std::collections::BTreeSet::new();
    for path in [
        "/",
        "/oauth/token",
        "/login",
        "/healthz",
        "/nothing/here",
        "/assets/style.css",
    ] {
        for method in ["GET", "POST", "OPTIONS", "TRACE"] {
            let mut request = Request {
                method: method.into(),
                ..get_request(path)
            };
            request.headers.insert("x-request-id".into(), "chosen".into());
            let id = server.send(&request).header_value("X-Request-Id").unwrap().to_owned();
            assert!(id.len() == 26 && seen.insert(id), "{method} {path}");
        }
    }
}

#[test]
fn an_error_page_tells_the_id_to_mention() {
    let server = Server::new();
    for link in [
        "/oauth/authorize?client_id=nobody",
        "/oauth/consent",
        "/login?continue=%2F",
    ] {
        let reply = match link.starts_with("/login") {
            true => server.post(link, "username=alice"),
            false => server.send(&get_request(link)),
        };
        let id = reply.header_value("X-Request-Id").unwrap();
        assert!(
            reply.status >= 400 && reply.body.contains(&format!("<code>{id}</code>")),
            "{link}"
        );
    }
}

#[test]
fn what_broke_is_told_by_its_id_alone_as_a_page_or_as_json() {
    let server = Server::new();
    let log = Log::new(&server.random);
    log.panicked_at("src/secret.rs:1".into());
    for (for_people, content_type) in [(true, "text/html; charset=utf-8"), (false, "application/problem+json")] {
        let reply = broken(&server.config, &log, Language::ENGLISH, for_people);
        assert_eq!(reply.status, 500);
        assert_eq!(reply.header_value("Content-Type"), Some(content_type));
        assert_eq!(reply.header_value("X-Request-Id"), Some(log.request_id()));
        assert_eq!(reply.header_value("Cache-Control"), Some("no-store"));
        assert!(!reply.body.contains("secret.rs") && !reply.body.contains("panic"));
    }
}
