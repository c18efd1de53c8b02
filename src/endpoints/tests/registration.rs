//! Apps that register themselves (RFC 7591) and manage that (RFC 7592).

use serde_json::{Value, json as value};

use super::*;
use crate::config::DynamicRegistration;
use crate::oauth::client::SubjectType;
use crate::oauth::secret::Secret;

const CALLBACK: &str = "http://127.0.0.1/callback";

fn server() -> Server {
    let server = Server::new();
    server.stores.database.run(
        "INSERT INTO apis (id, resource, name, created_at) VALUES ('api_mcp', 'https://mcp.acme.dev', 'MCP', 1);
         INSERT INTO scopes (name, api_id, title, description) VALUES
           ('read', 'api_mcp', 'Read', 'Read'), ('delete', 'api_mcp', 'Delete', 'Delete');
         INSERT INTO client_grants (client_id, api_id, subject_type, access, scopes) VALUES
           ('*', 'api_mcp', 'user', 'chosen', '[\"read\"]');",
    );
    server
}

fn request(method: &str, path: &str, token: Option<&str>, body: Option<&Value>) -> Request {
    let mut request = get_request(path);
    request.method = method.into();
    if let Some(token) = token {
        request
            .headers
            .insert("authorization".into(), format!("Bearer {token}"));
    }
    if let Some(body) = body {
        request.headers.insert("content-type".into(), "application/json".into());
        request.body = Body::Bytes(body.to_string().into_bytes());
    }
    request
}

fn register(server: &Server, metadata: &Value) -> Reply {
    server.send(&request("POST", "/oauth/register", None, Some(metadata)))
}

fn registered(server: &Server, metadata: &Value) -> Value {
    let reply = register(server, metadata);
    assert_eq!(reply.status, 201, "{reply:?}");
    assert_eq!(reply.header_value("Cache-Control"), Some("no-store"));
    json(&reply)
}

fn json(reply: &Reply) -> Value {
    serde_json::from_str(&reply.body).unwrap()
}

fn error(reply: &Reply) -> (u16, String) {
    (reply.status, json(reply)["error"].as_str().unwrap().to_owned())
}

fn agent() -> Value {
    value!({ "client_name": "Agent", "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none" })
}

fn text<'a>(view: &'a Value, name: &str) -> &'a str {
    view[name].as_str().unwrap()
}

fn own(server: &Server, method: &str, view: &Value, body: Option<&Value>) -> Reply {
    let path = text(view, "registration_client_uri")
        .strip_prefix(ISSUER)
        .unwrap()
        .to_owned();
    server.send(&request(
        method,
        &path,
        Some(text(view, "registration_access_token")),
        body,
    ))
}

fn count(server: &Server, what: &str) -> Value {
    server.stores.database.column(&format!("SELECT count(*) FROM {what}"))[0].clone()
}

// Covers: R61
// Rule: REG 1, REG 2, REG 3
#[test]
fn an_agent_registers_by_itself_and_gets_what_the_default_permissions_give() {
    let server = server();
    let mut metadata = agent();
    metadata["grant_types"] = value!([
        "authorization_code",
        "refresh_token",
        "urn:ietf:params:oauth:grant-type:device_code"
    ]);
    metadata["unknown"] = value!(1);
    let view = registered(&server, &metadata);
    assert!(text(&view, "client_id").starts_with("app_"));
    assert_eq!(view["grant_types"], value!(["authorization_code", "refresh_token"]));
    assert_eq!(
        (&view["response_types"], &view["redirect_uris"]),
        (&value!(["code"]), &value!([CALLBACK]))
    );
    for absent in ["client_secret", "client_secret_expires_at", "unknown", "scope", "jwks"] {
        assert!(view.get(absent).is_none(), "{absent}");
    }
    let app = pollster::block_on(crate::store::Apps::app(&server.stores, text(&view, "client_id")))
        .unwrap()
        .unwrap();
    assert_eq!(app.available_scopes(SubjectType::User).all().to_string(), "read");
    assert!(app.available_scopes(SubjectType::Client).all().is_empty());
    assert!(!app.is_confidential());
}

// Rule: REG 2
#[test]
fn an_agent_that_registered_with_one_scope_may_ask_for_the_others() {
    let server = server();
    server
        .stores
        .database
        .run("UPDATE client_grants SET scopes = '[\"read\", \"delete\"]'");
    let mut metadata = agent();
    metadata["scope"] = value!("read");
    let view = registered(&server, &metadata);
    let may_ask_for = || {
        let app = crate::store::Apps::app(&server.stores, text(&view, "client_id"));
        let app = pollster::block_on(app).unwrap().unwrap();
        app.available_scopes(SubjectType::User).all().to_string()
    };
    assert_eq!((text(&view, "scope"), may_ask_for()), ("read", "delete read".into()));
    metadata["client_id"] = view["client_id"].clone();
    assert_eq!(own(&server, "PUT", &view, Some(&metadata)).status, 200);
    assert_eq!(may_ask_for(), "delete read");
}

// Rule: REG 1
#[test]
fn a_secret_is_given_once_and_kept_as_a_hash() {
    let server = server();
    let view = registered(&server, &value!({ "redirect_uris": ["https://agent.dev/cb"] }));
    assert_eq!(view["token_endpoint_auth_method"], "client_secret_basic");
    assert_eq!(view["client_secret_expires_at"], 0);
    let secret = text(&view, "client_secret").to_owned();
    let client_id = text(&view, "client_id").to_owned();
    let form = format!("grant_type=refresh_token&refresh_token=x&client_id={client_id}&client_secret={secret}");
    assert_eq!(
        error(&server.post("/oauth/token", &form)),
        (400, "invalid_grant".into())
    );
    let form = form.replace(&secret, "lks_wrong");
    assert_eq!(
        error(&server.post("/oauth/token", &form)),
        (401, "invalid_client".into())
    );
    for table in ["apps", "client_secrets", "client_registrations", "audit"] {
        let dump = server.stores.database.dump(table);
        assert!(
            !dump.contains(&secret) && !dump.contains(text(&view, "registration_access_token")),
            "{table}"
        );
    }
    assert!(server.lines.borrow().iter().all(|line| !line.contains(&secret)));
    assert!(json(&own(&server, "GET", &view, None)).get("client_secret").is_none());
}

// Rule: REG 4, REG 5, REG 6, REG 7, REG 11
#[test]
fn what_cannot_be_registered_is_refused_by_the_standards_error_on_every_way_and_nothing_is_kept() {
    let server = server();
    let other = registered(&server, &agent());
    let kept = || {
        let tables = [
            "apps",
            "app_redirect_uris",
            "client_registrations",
            "client_secrets",
            "audit",
        ];
        tables.map(|table| server.stores.database.dump(table))
    };
    let before = kept();
    for (name, bad, code) in [
        ("redirect_uris", value!([]), "invalid_redirect_uri"),
        ("redirect_uris", value!(["http://agent.dev/cb"]), "invalid_redirect_uri"),
        ("redirect_uris", value!(["javascript:alert(1)"]), "invalid_redirect_uri"),
        ("grant_types", value!(["implicit"]), "invalid_client_metadata"),
        ("grant_types", value!(["client_credentials"]), "invalid_client_metadata"),
        ("response_types", value!(["token"]), "invalid_client_metadata"),
        (
            "token_endpoint_auth_method",
            value!("tls_client_auth"),
            "invalid_client_metadata",
        ),
        (
            "token_endpoint_auth_method",
            value!("private_key_jwt"),
            "invalid_client_metadata",
        ),
        ("jwks_uri", value!("https://10.0.0.1/keys"), "invalid_client_metadata"),
        (
            "jwks",
            value!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": "AA", "d": "AA" }] }),
            "invalid_client_metadata",
        ),
        (
            "logo_uri",
            value!("https://db.internal/logo"),
            "invalid_client_metadata",
        ),
        ("client_name", value!("a".repeat(300)), "invalid_client_metadata"),
        (
            "software_statement",
            value!("eyJ.eyJ.sig"),
            "unapproved_software_statement",
        ),
    ] {
        let mut metadata = agent();
        metadata[name] = bad;
        assert_eq!(error(&register(&server, &metadata)), (400, code.to_owned()), "{name}");
        metadata["client_id"] = other["client_id"].clone();
        let changed = own(&server, "PUT", &other, Some(&metadata));
        assert_eq!(error(&changed), (400, code.to_owned()), "{name}");
    }
    for (media_type, body) in [
        ("text/plain", "{}"),
        ("application/json", "[]"),
        ("application/json", "{"),
        ("application/json", ""),
        (
            "application/json",
            r#"{"redirect_uris":["https://agent.dev/cb"],"redirect_uris":["https://evil.dev/cb"]}"#,
        ),
        (
            "application/x-www-form-urlencoded",
            r#"{"redirect_uris":["https://agent.dev/cb"]}"#,
        ),
    ] {
        let mut request = request("POST", "/oauth/register", None, Some(&agent()));
        request.headers.insert("content-type".into(), media_type.into());
        request.body = Body::Bytes(body.as_bytes().to_vec());
        assert_eq!(
            error(&server.send(&request)),
            (400, "invalid_client_metadata".into()),
            "{media_type} {body}"
        );
    }
    let large = Request {
        body: Body::TooLarge,
        ..request("POST", "/oauth/register", None, Some(&agent()))
    };
    assert_eq!(error(&server.send(&large)).1, "invalid_client_metadata");
    assert_eq!(kept(), before);
}

// Rule: REG 6
#[test]
fn keys_and_their_address_are_not_both_taken() {
    let server = server();
    let key = value!({ "kty": "OKP", "crv": "Ed25519", "x": "A".repeat(43) });
    let mut metadata = agent();
    metadata["token_endpoint_auth_method"] = "private_key_jwt".into();
    metadata["jwks"] = value!({ "keys": [key] });
    assert_eq!(register(&server, &metadata).status, 201);
    metadata["jwks_uri"] = "https://agent.dev/jwks.json".into();
    assert_eq!(
        error(&register(&server, &metadata)),
        (400, "invalid_client_metadata".into())
    );
}

// Rule: REG 9
#[test]
fn a_native_app_is_one_and_a_web_app_may_listen_on_its_users_machine() {
    let server = server();
    for (said, uri, app_type) in [
        (Some("native"), "https://agent.dev/cb", "mobile"),
        (Some("web"), "https://agent.dev/cb", "spa"),
        (Some("web"), CALLBACK, "mobile"),
        (None, CALLBACK, "mobile"),
    ] {
        let mut metadata = value!({ "redirect_uris": [uri], "token_endpoint_auth_method": "none" });
        if let Some(said) = said {
            metadata["application_type"] = said.into();
        }
        let view = registered(&server, &metadata);
        assert_eq!(view.get("application_type").and_then(Value::as_str), said);
        let client_id = text(&view, "client_id");
        let sql = format!("SELECT app_type FROM apps WHERE client_id = '{client_id}'");
        assert_eq!(server.stores.database.column(&sql), [app_type], "{said:?} {uri}");
    }
}

/// What a member could well be, but for its size: as large as the schema lets it be, and one more.
fn sizes(name: &str, schema: &Value) -> Vec<Value> {
    let cap = |name: &str| usize::try_from(schema[name].as_u64()?).ok();
    if let Some(length) = cap("maxLength") {
        let begins = if name.ends_with("uri") || name.ends_with("uris") {
            "https://agent.dev/"
        } else {
            ""
        };
        let text = |length| format!("{begins:a<length$}").into();
        return vec![text(length), text(length + 1)];
    }
    let item = match name {
        "redirect_uris" => CALLBACK,
        "grant_types" => "authorization_code",
        _ => "code",
    };
    let list = |items| vec![item; items].into();
    cap("maxItems").map_or_else(Vec::new, |items| vec![list(items), list(items + 1)])
}

// Rule: REG 2
#[test]
fn the_caps_that_the_document_states_are_those_that_hold_and_what_nobody_knows_is_ignored() {
    let server = server();
    let document = json(&server.send(&get_request("/openapi.json")));
    let members = &document["components"]["schemas"]["ClientMetadata"]["properties"];
    let mut tried = 0;
    for (name, schema) in members.as_object().unwrap() {
        let inside = sizes(name, &schema["items"])
            .into_iter()
            .map(|item| match name.as_str() {
                "redirect_uris" => value!([item]),
                _ => value!(["authorization_code", "code", item]),
            });
        let both = [sizes(name, schema), inside.collect()];
        for pair in both.iter().filter(|pair| !pair.is_empty()) {
            let [largest, too_large] = [0, 1].map(|at| {
                let mut metadata = agent();
                metadata[name] = pair[at].clone();
                register(&server, &metadata)
            });
            assert_eq!(largest.status, 201, "{name}: {largest:?}");
            let said = text(&json(&too_large), "error_description").to_owned();
            assert!(too_large.status == 400 && said.contains(name), "{name}: {said}");
            tried += 1;
        }
    }
    assert!(tried > 10, "{tried}");
    let mut metadata = agent();
    metadata["grant_types"] = value!(vec!["authorization_code"; 50]);
    metadata["client_name"] = "é".repeat(200).into();
    metadata["what_nobody_knows"] = value!({ "a": ["a".repeat(10_000)] });
    assert!(registered(&server, &metadata).get("what_nobody_knows").is_none());
    // Keys are counted, because each is one to try.
    let key = |kid: usize| value!({ "kty": "OKP", "crv": "Ed25519", "x": "A".repeat(43), "kid": kid.to_string() });
    for (keys, status) in [(20, 201), (21, 400)] {
        let mut metadata = agent();
        metadata["jwks"] = value!({ "keys": (0..keys).map(key).collect::<Vec<_>>() });
        assert_eq!(register(&server, &metadata).status, status, "{keys}");
    }
}

// Covers: R61
#[test]
fn where_third_party_apps_have_no_default_permission_nobody_registers() {
    let server = server();
    server.stores.database.run("UPDATE client_grants SET access = 'none'");
    let (status, code) = error(&register(&server, &agent()));
    assert_eq!((status, code.as_str()), (403, "access_denied"));
    assert_eq!(count(&server, "client_registrations"), value!(0));
}

// Rule: REG 3
#[test]
fn registration_is_open_or_for_those_with_the_token_or_off() {
    let mut server = server();
    let endpoint = |server: &Server| {
        let metadata = json(&server.send(&get_request("/.well-known/oauth-authorization-server")));
        metadata.get("registration_endpoint").cloned()
    };
    assert_eq!(endpoint(&server), Some(value!(format!("{ISSUER}/oauth/register"))));
    let token = "initial-access-token-of-32-letters";
    server.config.dynamic_registration = DynamicRegistration::Protected(Secret::new(token).hash());
    for wrong in [None, Some("x"), Some("")] {
        let reply = server.send(&request("POST", "/oauth/register", wrong, Some(&agent())));
        assert_eq!(error(&reply), (401, "invalid_token".into()));
        assert!(reply.header_value("WWW-Authenticate").unwrap().starts_with("Bearer"));
    }
    assert_eq!(
        server
            .send(&request("POST", "/oauth/register", Some(token), Some(&agent())))
            .status,
        201
    );
    server.config.dynamic_registration = DynamicRegistration::Off;
    assert_eq!(endpoint(&server), None);
    assert_eq!(
        server
            .send(&request("POST", "/oauth/register", Some(token), Some(&agent())))
            .status,
        403
    );
}

// Rule: REG 3
#[test]
fn one_address_registers_so_often_and_no_more() {
    let mut server = server();
    server.config.rate_limits = true;
    server.stores.limits.borrow_mut().insert(crate::store::Limit::SignIn, 2);
    let all: Vec<u16> = (0..4).map(|_| register(&server, &agent()).status).collect();
    assert_eq!(all, [201, 201, 429, 429]);
}

#[test]
fn who_changes_a_registration_again_and_again_is_stopped_as_one_who_registers_and_so_is_who_guesses() {
    let mut server = server();
    let view = registered(&server, &agent());
    let mut changed = agent();
    changed["client_id"] = view["client_id"].clone();
    server.config.rate_limits = true;
    server.stores.limits.borrow_mut().insert(crate::store::Limit::SignIn, 2);
    let put = || own(&server, "PUT", &view, Some(&changed)).status;
    assert_eq!([put(), put(), put()], [200, 200, 429]);
    server
        .stores
        .limits
        .borrow_mut()
        .insert(crate::store::Limit::Address, 2);
    let path = format!("/oauth/register/{}", text(&view, "client_id"));
    let guess = || server.send(&request("GET", &path, Some("lkm_guess"), None));
    let last = [guess(), guess(), guess()].map(|reply| reply.status);
    assert_eq!(last[2], 429, "{last:?}");
    assert!(guess().header_value("Retry-After").is_some());
}

#[test]
fn of_two_changes_at_once_only_one_is_made() {
    use crate::management::actor::Origin;
    use crate::oauth::client_metadata::{Channel, ClientMetadata};
    use crate::registration::dynamic::{Circumstances, Registration};
    use crate::store::database::{Database, Undone};

    let server = server();
    let view = registered(&server, &agent());
    let client_id = text(&view, "client_id");
    let token = Secret::new(text(&view, "registration_access_token"));
    let database = &server.stores;
    let found = || {
        pollster::block_on(Registration::find(database, client_id, &token))
            .unwrap()
            .unwrap()
    };
    let mut confidential = agent();
    confidential["token_endpoint_auth_method"] = "client_secret_post".into();
    let members = confidential.as_object().unwrap();
    let metadata = ClientMetadata::parse(members, Channel::Registration, &server.config.issuer).unwrap();
    let origin = Origin::default();
    let at = Circumstances {
        random: &server.random,
        now: crate::time::Timestamp(1),
        origin: &origin,
    };
    let (one, other) = (found(), found());
    assert!(pollster::block_on(database.transact(one.replace(&metadata, at).1)).is_ok());
    for late in [other.replace(&metadata, at).1, other.delete(at)] {
        assert!(matches!(
            pollster::block_on(database.transact(late)),
            Err(Undone::Refused)
        ));
    }
    assert_eq!(count(&server, "client_secrets"), value!(1));
}

// Rule: REG 12, REG 13, REG 14
#[test]
fn whoever_has_the_token_reads_replaces_and_deletes_the_registration_and_nobody_else() {
    let server = server();
    let (one, other) = (registered(&server, &agent()), registered(&server, &agent()));
    let path = format!("/oauth/register/{}", text(&one, "client_id"));
    for wrong in [None, Some("lkm_wrong"), Some(text(&other, "registration_access_token"))] {
        for method in ["GET", "PUT", "DELETE"] {
            let reply = server.send(&request(method, &path, wrong, Some(&agent())));
            assert_eq!(error(&reply), (401, "invalid_token".into()), "{method} {wrong:?}");
            // RFC 6750 §3.1: who showed nothing is told nothing of what is wrong with it.
            let challenge = wrong.map_or("Bearer", |_| "Bearer error=\"invalid_token\"");
            assert_eq!(reply.header_value("WWW-Authenticate"), Some(challenge));
        }
    }
    assert_eq!(own(&server, "PATCH", &one, Some(&agent())).status, 405);
    let unknown = request(
        "GET",
        "/oauth/register/app_none",
        Some(text(&one, "registration_access_token")),
        None,
    );
    assert_eq!(server.send(&unknown).status, 401);
    assert_eq!(json(&own(&server, "GET", &one, None))["client_name"], "Agent");
    // RFC 7592 §2.2: with its own client id, and without what is not the client's to set.
    let mut changed = agent();
    changed["client_name"] = value!("Renamed");
    assert_eq!(own(&server, "PUT", &one, Some(&changed)).status, 400);
    for (name, set) in [
        ("client_id", value!("app_other")),
        ("registration_access_token", value!("x")),
        ("registration_client_uri", value!("x")),
        ("client_id_issued_at", value!(1)),
        ("client_secret_expires_at", value!(0)),
        ("client_secret", value!("chosen")),
        ("client_secret", value!(1)),
        ("redirect_uris", value!([])),
    ] {
        let mut wrong = changed.clone();
        wrong["client_id"] = one["client_id"].clone();
        wrong[name] = set;
        assert_eq!(own(&server, "PUT", &one, Some(&wrong)).status, 400, "{name}");
    }
    changed["client_id"] = one["client_id"].clone();
    changed["redirect_uris"] = value!(["http://localhost/cb"]);
    changed["token_endpoint_auth_method"] = value!("client_secret_post");
    let answer = json(&own(&server, "PUT", &one, Some(&changed)));
    assert_eq!(
        (&answer["client_name"], &answer["token_endpoint_auth_method"]),
        (&value!("Renamed"), &value!("client_secret_post"))
    );
    assert!(text(&answer, "client_secret").starts_with("lks_"));
    // Again the same: the secret stays, and is not told twice. The client may show that it has it.
    for shown in [Value::Null, answer["client_secret"].clone()] {
        changed["client_secret"] = shown;
        let again = json(&own(&server, "PUT", &one, Some(&changed)));
        assert!(again.get("client_secret").is_none());
        for name in ["client_id", "registration_client_uri", "registration_access_token"] {
            assert_eq!(again[name], one[name]);
        }
    }
    changed["client_secret"] = "lks_another".into();
    assert_eq!(
        error(&own(&server, "PUT", &one, Some(&changed))),
        (400, "invalid_client_metadata".into())
    );
    let of_one = format!("client_id = '{}'", text(&one, "client_id"));
    assert_eq!(count(&server, &format!("client_secrets WHERE {of_one}")), value!(1));
    let uris = server
        .stores
        .database
        .column(&format!("SELECT redirect_uri FROM app_redirect_uris WHERE {of_one}"));
    assert_eq!(uris, ["http://localhost/cb"]);
    let deleted = own(&server, "DELETE", &one, None);
    assert_eq!((deleted.status, deleted.body.len()), (204, 0));
    assert_eq!(own(&server, "GET", &one, None).status, 401);
    let form = format!(
        "grant_type=refresh_token&refresh_token=x&client_id={}",
        text(&one, "client_id")
    );
    assert_eq!(
        error(&server.post("/oauth/token", &form)),
        (401, "invalid_client".into())
    );
    assert_eq!(own(&server, "GET", &other, None).status, 200);
}

#[test]
fn a_registration_that_was_taken_up_reviewed_or_suspended_is_no_longer_its_apps_to_change() {
    for change in [
        "UPDATE apps SET status = 'approved' WHERE class = 'registered'",
        "UPDATE apps SET status = 'suspended' WHERE class = 'registered'",
        "INSERT INTO developers (id, name, created_at) VALUES ('dev_x', 'X', 1);
         UPDATE apps SET developer_id = 'dev_x' WHERE class = 'registered'",
    ] {
        let server = server();
        let view = registered(&server, &agent());
        server.stores.database.run(change);
        let mut changed = agent();
        changed["client_id"] = view["client_id"].clone();
        changed["redirect_uris"] = value!(["https://evil.dev/cb"]);
        assert_eq!(
            error(&own(&server, "PUT", &view, Some(&changed))),
            (403, "access_denied".into())
        );
        assert_eq!(
            error(&own(&server, "DELETE", &view, None)),
            (403, "access_denied".into())
        );
        assert_eq!(
            server
                .stores
                .database
                .column("SELECT redirect_uri FROM app_redirect_uris"),
            [CALLBACK]
        );
        assert_eq!(own(&server, "GET", &view, None).status, 200);
    }
}

#[test]
fn storage_that_fails_keeps_no_half_registration() {
    let server = server();
    server.stores.plan(&[crate::store::memory::Fault::Before("database")]);
    assert_eq!(register(&server, &agent()).status, 503);
    assert_eq!(count(&server, "apps WHERE class = 'registered'"), value!(0));
    assert_eq!(register(&server, &agent()).status, 201);
}
