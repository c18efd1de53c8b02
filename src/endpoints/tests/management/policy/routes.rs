//! The route rules of an API, and its upstream.

use super::*;

const ROUTES: &str = "/api/admin/apis/api_projects/routes";
const PAGE: &str = "/admin/policy/apis/api_projects/routes";

fn some_rules() -> Value {
    json!([
        { "methods": ["GET"], "path": "/v1/projects", "scopes": ["read:projects"] },
        { "methods": ["POST"], "path": "/v1/projects", "scopes": ["write:projects"] },
        { "path": "/v1/status", "public": true },
    ])
}

fn put(rules: &Value) -> Request {
    call("PUT", ROUTES, &json!({ "rules": rules }))
}

/// A server whose API has [`some_rules`].
fn with_rules() -> (Server, Browser) {
    let (server, mut ada) = console();
    ok(&ada.send(&server, put(&some_rules())), 200);
    (server, ada)
}

fn stored(server: &Server) -> Value {
    let rules = server
        .stores
        .database
        .column("SELECT route_rules FROM apis WHERE id = 'api_projects'");
    crate::json::from_str(rules[0].as_str().unwrap()).unwrap()
}

fn encoded(text: &str) -> String {
    crate::http::percent_encoded(text).to_string()
}

/// Sends the form with a document.
fn import(server: &Server, browser: &mut Browser, fields: &[(&str, &str)]) -> Reply {
    let csrf = hidden(&browser.get(server, &format!("{PAGE}/import")), "csrf");
    let mut body = Vec::new();
    for (name, value) in [("csrf", csrf.as_str())].iter().chain(fields) {
        body.extend(format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").bytes());
    }
    body.extend(b"--x--\r\n");
    let mut request = form_request(&format!("{PAGE}/import"), "");
    request
        .headers
        .insert("content-type".into(), "multipart/form-data; boundary=x".into());
    request.body = Body::Bytes(body);
    browser.send(server, request)
}

fn document() -> Value {
    json!({
        "openapi": "3.1.0",
        "servers": [{ "url": "https://api.example/v1" }],
        "security": [{ "oauth": ["read:projects"] }],
        "paths": {
            "/projects/{id}": { "get": {} },
            "/health": { "get": { "security": [] } },
            "/files": { "get": { "security": [{ "oauth": ["read:files"] }] } },
        },
        "components": { "securitySchemes": { "oauth": { "type": "oauth2", "flows": {} } } }
    })
}

#[test]
fn rules_are_set_read_and_set_again_with_what_each_call_asked_for_before() {
    let (server, mut ada) = console();
    let none = ada.get(&server, ROUTES);
    assert_eq!(ok(&none, 200), json!({ "rules": [], "version": 1 }));
    let set = ada.send(&server, with_header(put(&some_rules()), "if-match", "\"1\""));
    assert_eq!(set.header_value("ETag"), Some("\"2\""));
    assert_eq!(ok(&set, 200), ok(&ada.get(&server, ROUTES), 200));
    assert_eq!(stored(&server).as_array().unwrap().len(), 3);
    ok(
        &ada.send(&server, put(&json!([{ "path": "/v1/projects", "scopes": [] }]))),
        200,
    );
    assert_eq!(
        audit(&server),
        vec![json!("api.routes_changed usr_ada api_projects"); 2]
    );
    let details = server.stores.database.column("SELECT detail FROM audit ORDER BY seq");
    let detail: Value = crate::json::from_str(details[1].as_str().unwrap()).unwrap();
    assert_eq!(
        detail,
        json!({
            "GET /v1/projects": { "from": "read:projects", "to": null },
            "POST /v1/projects": { "from": "write:projects", "to": null },
            "any method /v1/projects": { "from": null, "to": "any token" },
            "any method /v1/status": { "from": "no token", "to": null },
        })
    );
}

#[test]
fn rules_that_are_none_are_told_at_the_rule_and_nothing_is_set() {
    let (server, mut ada) = with_rules();
    let good = json!({ "path": "/a", "scopes": [] });
    for (bad, told) in [
        (
            json!({ "path": "/a/*/b", "scopes": [] }),
            "rules/1/path must begin with a slash",
        ),
        (
            json!({ "path": "/b", "scopes": ["read:projects", "no:such"] }),
            "rules/1/scopes has what is no scope of this API: no:such",
        ),
        (
            json!({ "path": "/b", "scopes": ["inner:all"] }),
            "rules/1/scopes has what is no scope of this API: inner:all",
        ),
        (
            json!({ "path": "/b", "scopes": [], "methods": ["get"] }),
            "rules/1/methods may be",
        ),
        (
            json!({ "path": "/b", "scopes": vec!["read:team"; 51] }),
            "rules/1/scopes has more than 50",
        ),
        (json!({ "path": "/b" }), "rules/1 must be an object"),
        (
            json!({ "path": "/A", "scopes": [] }),
            "rules/1/path is that of another rule",
        ),
        (json!(7), "rules/1 must be an object"),
    ] {
        let refused = ada.send(&server, put(&json!([good, bad])));
        let (status, _, fields) = problem(&refused);
        assert!(status == 400 && fields[0].starts_with(told), "{bad}: {fields:?}");
        // In a file they are counted from 1.
        let file = json!({ "rules": [good, bad] }).to_string();
        let page = send_form(
            &server,
            &mut ada,
            PAGE,
            &format!("action=save_file&version=2&file={}", encoded(&file)),
        );
        assert!(
            page.status == 400 && page.body.contains("cannot be taken: rule 2"),
            "{bad}: {:?}",
            page.body
        );
    }
    for body in [
        json!({}),
        json!({ "rules": {} }),
        json!({ "rules": [], "version": 2 }),
        json!([]),
    ] {
        assert_eq!(problem(&ada.send(&server, call("PUT", ROUTES, &body))).0, 400, "{body}");
    }
    let long: Vec<Value> = (0..600)
        .map(|n| json!({ "path": format!("/{n}/{}", "a".repeat(250)), "scopes": [] }))
        .collect();
    assert_eq!(
        problem(&ada.send(&server, put(&long.into()))).2,
        ["rules must be at most 128 kB of JSON"]
    );
    for file in [
        "{",
        "[]",
        "{\"rules\":[],\"rules\":[]}",
        "{\"rules\":[],\"more\":1}",
        "{\n\"rules\": [\n!]}",
    ] {
        let page = send_form(
            &server,
            &mut ada,
            PAGE,
            &format!("action=save_file&version=2&file={}", encoded(file)),
        );
        assert_eq!(page.status, 400, "{file}");
        assert!(
            page.body.contains("is not JSON") || page.body.contains("must be an object"),
            "{file}"
        );
    }
    let page = send_form(
        &server,
        &mut ada,
        PAGE,
        &format!("action=save_file&version=2&file={}", encoded("{\n\"rules\": [\n!]}")),
    );
    assert!(page.body.contains("line 3 column 1"), "{:?}", page.body);
    assert_eq!(stored(&server), some_rules());
    assert_eq!(audit(&server).len(), 1);
}

#[test]
fn whoever_sets_rules_for_an_old_version_is_told_and_changes_nothing() {
    let (server, mut ada) = with_rules();
    let old = with_header(put(&json!([])), "if-match", "\"1\"");
    assert_eq!(problem(&ada.send(&server, old)).0, 412);
    server
        .stores
        .database
        .meanwhile("UPDATE apis SET version = 9 WHERE id = 'api_projects'");
    assert_eq!(problem(&ada.send(&server, put(&json!([])))).0, 412);
    assert!(server.stores.database.has_happened());
    let form = send_form(&server, &mut ada, PAGE, "action=remove&version=2&rule=0");
    assert_eq!(form.status, 412);
    // A scope that goes in between takes the rules that name it along.
    server
        .stores
        .database
        .meanwhile("DELETE FROM scopes WHERE name = 'read:team'");
    let naming = put(&json!([{ "path": "/team", "scopes": ["read:team"] }]));
    assert_eq!(problem(&ada.send(&server, naming)).0, 412);
    assert_eq!(stored(&server), some_rules());
    assert_eq!(audit(&server).len(), 1);
}

#[test]
fn a_scope_that_rules_ask_for_is_neither_deleted_nor_renamed() {
    let (server, mut ada) = with_rules();
    let scope = "/api/admin/scopes/read:projects";
    let refused = ada.send(&server, call("DELETE", scope, &Value::Null));
    let message = json(&refused)["message"].as_str().unwrap().to_owned();
    assert_eq!(problem(&refused).1, "conflict");
    assert!(message.ends_with("change these first: GET /v1/projects"), "{message}");
    let renamed = ada.send(&server, call("PATCH", scope, &json!({ "name": "read:all" })));
    assert_eq!(problem(&renamed).2, ["name is not a field of this request"]);
    // Not even where the rule came while the scope was about to go.
    server.stores.database.meanwhile(
        "UPDATE apis SET route_rules = '[{\"path\":\"/t\",\"scopes\":[\"read:team\"]}]' WHERE id = 'api_projects'",
    );
    let team = ada.send(&server, call("DELETE", "/api/admin/scopes/read:team", &Value::Null));
    assert_eq!(problem(&team).1, "conflict");
    ok(&ada.send(&server, put(&json!([]))), 200);
    ok(&ada.send(&server, call("DELETE", scope, &Value::Null)), 204);
}

#[test]
fn a_call_is_tried_without_being_made() {
    let (server, mut ada) = with_rules();
    for (method, path, expected) in [
        (
            "GET",
            "/v1/projects",
            json!({ "outcome": "token", "route": "/v1/projects", "scopes": ["read:projects"] }),
        ),
        (
            "HEAD",
            "/V1/projects/?page=2",
            json!({ "outcome": "token", "route": "/v1/projects", "scopes": ["read:projects"] }),
        ),
        (
            "DELETE",
            "/v1/status",
            json!({ "outcome": "public", "route": "/v1/status" }),
        ),
        (
            "PATCH",
            "/v1/projects",
            json!({ "outcome": "method_not_allowed", "allow": "GET, POST" }),
        ),
        ("GET", "/v1/projects/7", json!({ "outcome": "no_route" })),
    ] {
        let target = format!("{ROUTES}/match?method={method}&path={}", encoded(path));
        assert_eq!(ok(&ada.get(&server, &target), 200), expected, "{method} {path}");
    }
    let bad = ada.get(
        &server,
        &format!("{ROUTES}/match?method=GET&path={}", encoded("/v1/../status")),
    );
    assert_eq!(ok(&bad, 200)["outcome"], "bad_path");
    assert_eq!(
        problem(&ada.get(&server, &format!("{ROUTES}/match?method=GET"))).2,
        ["path is required"]
    );
    for (query, shown) in [
        (
            "method=GET&path=%2Fv1%2Fprojects",
            "a token with <strong>read:projects</strong>",
        ),
        ("method=GET&path=%2Fv1%2Fstatus", "no token: anybody may call"),
        ("method=PUT&path=%2Fv1%2Fprojects", "rules for GET, POST only"),
        ("method=GET&path=%2Fother", "no rule is about this path"),
        ("method=GET&path=%2F%2F", "refused before any rule"),
    ] {
        assert!(
            ada.get(&server, &format!("{PAGE}?{query}")).body.contains(shown),
            "{query}"
        );
    }
}

#[test]
fn one_rule_is_added_changed_and_removed_by_plain_forms() {
    let (server, mut ada) = console();
    assert!(
        ada.get(&server, PAGE)
            .body
            .contains("every call to this API is refused")
    );
    let rule = "action=save_rule&path=%2Fv1%2Fa&need=scopes&scopes=read:team&methods=GET&methods=PUT&version=";
    assert_eq!(location(&send_form(&server, &mut ada, PAGE, &format!("{rule}1"))), PAGE);
    let edited = ada.get(&server, &format!("{PAGE}?rule=0"));
    assert!(edited.body.contains("Change a rule") && edited.body.contains("value=\"read:team\" checked"));
    let changed = "action=save_rule&rule=0&path=%2Fv1%2Fa&need=token&version=2";
    assert_eq!(send_form(&server, &mut ada, PAGE, changed).status, 303);
    assert_eq!(stored(&server), json!([{ "path": "/v1/a", "scopes": [] }]));
    for (fields, told) in [
        ("path=v1&need=token", "must begin with a slash"),
        ("path=%2Fb&need=scopes", "has none chosen"),
        (
            "path=%2Fb&need=public&scopes=read:team",
            "the call is not to ask for them",
        ),
        ("path=%2Fb&need=scopes&scopes=no:such", "no scope of this API"),
        ("path=%2Fb&need=token&methods=BREW", "may be GET"),
        ("path=%2FV1%2Fa%2F&need=token", "another rule"),
        ("path=%2Fb&need=nothing", "must be one of"),
        ("path=%2Fb&need=token&more=1", "is not a field"),
    ] {
        let refused = send_form(&server, &mut ada, PAGE, &format!("action=save_rule&version=3&{fields}"));
        assert!(
            refused.status == 400 && refused.body.contains(told),
            "{fields}: {:?}",
            refused.body
        );
    }
    for form in [
        "action=remove&rule=7&version=3",
        "action=remove&version=3",
        "action=save_rule&rule=7&path=%2Fb&need=token&version=3",
    ] {
        let status = send_form(&server, &mut ada, PAGE, form).status;
        assert!(matches!(status, 303 | 404), "{form}: {status}");
    }
    let version = ok(&ada.get(&server, ROUTES), 200)["version"].clone();
    assert_eq!(
        send_form(
            &server,
            &mut ada,
            PAGE,
            &format!("action=remove&rule=0&version={version}")
        )
        .status,
        303
    );
    assert_eq!(stored(&server), json!([]));
}

#[test]
fn the_file_that_is_downloaded_is_the_one_that_is_taken() {
    let (server, mut ada) = with_rules();
    let file = ada.get(&server, &format!("{PAGE}/file"));
    assert_eq!(
        file.header_value("Content-Disposition"),
        Some("attachment; filename=\"routes-api_projects.json\"")
    );
    let body: Value = crate::json::from_str(&file.body).unwrap();
    ok(&ada.send(&server, call("PUT", ROUTES, &body)), 200);
    let taken = send_form(
        &server,
        &mut ada,
        PAGE,
        &format!("action=save_file&version=3&file={}", encoded(&file.body)),
    );
    assert_eq!(location(&taken), PAGE);
    assert_eq!(stored(&server), some_rules());
}

#[test]
fn a_document_is_shown_before_anything_is_saved_and_what_it_leaves_open_is_decided_by_a_person() {
    let (server, mut ada) = with_rules();
    let text = document().to_string();
    let shown = import(
        &server,
        &mut ada,
        &[("upload", &text), ("document", ""), ("base_path", ""), ("keep", "true")],
    );
    assert_eq!(shown.status, 200, "{:?}", shown.body);
    for told in [
        "Nothing is saved yet",
        "GET /v1/health",
        "GET /v1/files",
        "read:files",
        "/v1/projects/{id}",
    ] {
        assert!(shown.body.contains(told), "{told}");
    }
    assert_eq!((stored(&server), audit(&server).len()), (some_rules(), 1));
    let unescaped = |text: &str| text.replace("&#34;", "\"").replace("&quot;", "\"");
    let file = shown.body.split("<textarea").nth(1).unwrap().split_once('>').unwrap().1;
    let file = encoded(&unescaped(file.split("</textarea").next().unwrap()));
    let open = encoded(&unescaped(&hidden(&shown, "public_rules")));
    assert_eq!(hidden(&shown, "left_out"), "1");
    let whole = format!("action=save_file&version=2&file={file}&public_rules={open}&left_out=1");
    for undecided in [
        "",
        "&incomplete=true",
        "&public_as=public",
        "&incomplete=true&public_as=other",
    ] {
        let refused = send_form(&server, &mut ada, PAGE, &format!("{whole}{undecided}"));
        assert_eq!(refused.status, 400, "{undecided}");
        assert!(
            refused.body.contains("name=\"public_rules\""),
            "what is to be decided is still there"
        );
    }
    assert_eq!(stored(&server), some_rules());
    let saved = send_form(
        &server,
        &mut ada,
        PAGE,
        &format!("{whole}&incomplete=true&public_as=public"),
    );
    assert_eq!(saved.status, 303, "{:?}", saved.body);
    let mut expected = some_rules().as_array().unwrap().clone();
    expected.extend([
        json!({ "methods": ["GET"], "path": "/v1/health", "public": true }),
        json!({ "methods": ["GET"], "path": "/v1/projects/{id}", "scopes": ["read:projects"] }),
    ]);
    let stored = stored(&server);
    assert!(
        stored.as_array().unwrap().iter().all(|rule| expected.contains(rule)),
        "{stored}"
    );
    assert_eq!(stored.as_array().unwrap().len(), 5);
}

/// The fields of the form that saves what an import showed.
fn to_save(shown: &Reply) -> String {
    let unescaped = |text: &str| text.replace("&#34;", "\"").replace("&quot;", "\"");
    let file = shown.body.split("<textarea").nth(1).unwrap().split_once('>').unwrap().1;
    let file = encoded(&unescaped(file.split("</textarea").next().unwrap()));
    let mut fields = format!("action=save_file&version={}&file={file}", hidden(shown, "version"));
    if shown.body.contains("name=\"public_rules\"") {
        fields.push_str(&format!(
            "&public_rules={}",
            encoded(&unescaped(&hidden(shown, "public_rules")))
        ));
    }
    fields
}

#[test]
fn the_same_document_is_imported_twice_and_what_was_decided_is_not_asked_again() {
    let (server, mut ada) = console();
    let mut document = document();
    document["paths"].as_object_mut().unwrap().remove("/files");
    let text = document.to_string();
    for keep in [&[("keep", "true")][..], &[]] {
        let fields: Vec<(&str, &str)> = [("document", text.as_str())].iter().chain(keep).copied().collect();
        let first = import(&server, &mut ada, &fields);
        let is_asked = first.body.contains("name=\"public_rules\"");
        assert_eq!(is_asked, !keep.is_empty(), "only the first time: {:?}", first.body);
        let decision = if is_asked { "&public_as=public" } else { "" };
        let saved = send_form(&server, &mut ada, PAGE, &format!("{}{decision}", to_save(&first)));
        assert_eq!(saved.status, 303, "{:?}", saved.body);
        let second = import(&server, &mut ada, &fields);
        assert!(!second.body.contains("name=\"public_rules\""), "{:?}", second.body);
        assert!(second.body.contains("No rule would change"));
        let saved = send_form(&server, &mut ada, PAGE, &to_save(&second));
        assert_eq!(saved.status, 303, "{:?}", saved.body);
        let health = json!({ "methods": ["GET"], "path": "/v1/health", "public": true });
        assert!(stored(&server).as_array().unwrap().contains(&health));
    }
}

#[test]
fn what_is_decided_about_an_operation_takes_the_place_of_the_rule_that_was_kept_and_of_none_that_was_typed() {
    let (server, mut ada) = console();
    let rule = |need: &str| {
        format!("{{\"rules\":[{{\"methods\":[\"GET\",\"PUT\"],\"path\":\"/v1/health\",\"scopes\":[{need}]}}]}}")
    };
    let file = encoded(&rule(""));
    let set = send_form(
        &server,
        &mut ada,
        PAGE,
        &format!("action=save_file&version=1&file={file}"),
    );
    assert_eq!(set.status, 303, "{:?}", set.body);
    let text = document().to_string().replace("/files", "/projects/{id}/files");
    let shown = import(&server, &mut ada, &[("document", &text), ("keep", "true")]);
    let fields = to_save(&shown);
    let typed = fields.replace(
        &fields
            .split("&file=")
            .nth(1)
            .unwrap()
            .split('&')
            .next()
            .unwrap()
            .to_owned(),
        &encoded(&rule("\"read:projects\"")),
    );
    let refused = send_form(
        &server,
        &mut ada,
        PAGE,
        &format!("{typed}&incomplete=true&left_out=1&public_as=public"),
    );
    assert_eq!(refused.status, 400, "{:?}", refused.body);
    assert!(refused.body.contains("aria-describedby=\"public_as-error\"") || refused.body.contains("cannot be taken"));
    let saved = send_form(
        &server,
        &mut ada,
        PAGE,
        &format!("{fields}&incomplete=true&left_out=1&public_as=public"),
    );
    assert_eq!(saved.status, 303, "{:?}", saved.body);
    let rules = stored(&server);
    let has = |rule: Value| rules.as_array().unwrap().contains(&rule);
    assert!(
        has(json!({ "methods": ["GET"], "path": "/v1/health", "public": true })),
        "{rules}"
    );
    assert!(
        has(json!({ "methods": ["PUT"], "path": "/v1/health", "scopes": [] })),
        "{rules}"
    );
}

#[test]
fn every_field_of_an_import_names_a_note_that_is_there() {
    let (server, mut ada) = console();
    let text = document().to_string();
    let refused = import(&server, &mut ada, &[("document", ""), ("base_path", "v1")]);
    let shown = import(&server, &mut ada, &[("document", &text)]);
    let undecided = send_form(&server, &mut ada, PAGE, &format!("{}&left_out=1", to_save(&shown)));
    for page in [&refused, &shown, &undecided] {
        let described = page.body.split("aria-describedby=\"").skip(1);
        for id in described.flat_map(|rest| rest.split('"').next().unwrap_or_default().split(' ')) {
            assert_eq!(
                page.body.matches(&format!(" id=\"{id}\"")).count(),
                1,
                "{id}: {:?}",
                page.body
            );
        }
    }
    let tied = |page: &Reply, field: &str, note: &str| {
        let tag = page
            .body
            .split('<')
            .find(|tag| tag.contains(&format!(" id=\"{field}\"")));
        let tag = tag.unwrap_or_else(|| panic!("{field}: {:?}", page.body)).to_owned();
        assert!(tag.contains("aria-invalid=\"true\"") && tag.contains(note), "{tag}");
    };
    tied(&refused, "document", "document-error");
    tied(&refused, "upload", "document-error");
    tied(&undecided, "public_as", "public_as-error");
    tied(&undecided, "incomplete", "incomplete-error");
}

#[test]
fn an_import_by_the_api_saves_nothing_and_says_which_version_it_is_for() {
    let (server, mut ada) = with_rules();
    let path = format!("{ROUTES}/import");
    let import = ok(
        &ada.send(
            &server,
            call("POST", &path, &json!({ "document": document(), "base_path": "/v2" })),
        ),
        200,
    );
    assert_eq!(import["version"], 2);
    assert_eq!(
        import["rules"],
        json!([{ "methods": ["GET"], "path": "/v2/projects/{id}", "scopes": ["read:projects"] }])
    );
    assert_eq!(import["changes"].as_array().unwrap().len(), 4);
    assert_eq!(import["public"][0]["operation"], "GET /v2/health");
    assert_eq!(import["unknown_scopes"][0]["name"], "read:files");
    for body in [
        json!({}),
        json!({ "document": "openapi: 3.1.0" }),
        json!({ "document": { "swagger": "2.0" } }),
        json!({ "document": document(), "base_path": "v1" }),
        json!({ "document": document(), "base_path": "/{version}" }),
        json!({ "document": document(), "keep": 1 }),
        json!({ "document": document(), "save": true }),
    ] {
        assert_eq!(problem(&ada.send(&server, call("POST", &path, &body))).0, 400, "{body}");
    }
    assert_eq!((stored(&server), audit(&server).len()), (some_rules(), 1));
}

#[test]
fn what_is_no_document_is_told_on_the_page() {
    let (server, mut ada) = console();
    let text = document().to_string();
    let deep = "[".repeat(5000);
    for (fields, told) in [
        (vec![], "choose a file or paste it"),
        (vec![("upload", text.as_str()), ("document", text.as_str())], "not both"),
        (vec![("upload", "openapi: 3.1.0")], "is not JSON"),
        (vec![("document", "{\"a\":1,\"a\":2}")], "is not JSON"),
        (vec![("document", deep.as_str())], "is not JSON"),
        (vec![("document", "{\"swagger\":\"2.0\"}")], "OpenAPI 2.0"),
        (
            vec![("document", text.as_str()), ("base_path", "v1")],
            "must begin with a slash",
        ),
        (
            vec![("document", text.as_str()), ("rules", "[]")],
            "Rules is not a field of this form",
        ),
    ] {
        let page = import(&server, &mut ada, &fields);
        assert!(
            page.status == 400 && page.body.contains(told),
            "{told}: {:?}",
            page.body
        );
    }
    let hostile = text
        .replace("/files", "/<script>")
        .replace("read:files", "<b>&\u{202e}");
    let page = import(&server, &mut ada, &[("document", &hostile)]);
    assert!(page.status == 200 && !page.body.contains("<script>") && !page.body.contains("<b>&"));
}

#[test]
fn the_management_api_has_no_rules_and_no_upstream() {
    let (server, mut ada) = console();
    ok(
        &ada.send(
            &server,
            call(
                "PUT",
                "/api/admin/apis/api_latchkey/grants/app_ops/client",
                &json!({ "access": "all" }),
            ),
        ),
        201,
    );
    let rules = json!({ "rules": [{ "path": "/*", "public": true }] });
    let refused = ada.send(&server, call("PUT", "/api/admin/apis/api_latchkey/routes", &rules));
    assert_eq!(problem(&refused).1, "conflict");
    let upstream = json!({ "upstream": "https://origin.example" });
    let refused = ada.send(&server, call("PATCH", "/api/admin/apis/api_latchkey", &upstream));
    assert_eq!(problem(&refused).2, ["upstream is not for the management API"]);
    assert!(
        ada.get(&server, "/admin/policy/apis/api_latchkey/routes")
            .body
            .contains("it has no route rules")
    );
}

#[test]
fn an_upstream_is_an_origin_that_is_neither_this_server_nor_the_api_itself() {
    let (server, mut ada) = console();
    let path = "/api/admin/apis/api_projects";
    let mut set = |upstream: Value| ada.send(&server, call("PATCH", path, &json!({ "upstream": upstream })));
    for bad in [
        "origin.example",
        "http://origin.example",
        "https://origin.example/",
        "https://origin.example/v1",
        "https://origin.example?x=1",
        "https://origin.example#x",
        "https://user@origin.example",
        "ftp://origin.example",
        "javascript:alert(1)",
        "https://",
        // This server, and the API itself.
        "http://localhost:8787",
        "https://api.example",
    ] {
        let (status, _, fields) = problem(&set(json!(bad)));
        assert!(status == 400 && fields[0].starts_with("upstream "), "{bad}: {fields:?}");
    }
    for good in [
        json!("https://origin.example:8443"),
        json!("http://localhost:9999"),
        json!(null),
    ] {
        let answer = ok(&set(good.clone()), 200);
        assert_eq!(answer["upstream"], good);
    }
    ok(&set(json!("https://origin.example")), 200);
    // What is not named stays, and the API does not move to its own upstream.
    let renamed = ok(
        &ada.send(&server, call("PATCH", path, &json!({ "name": "Projects" }))),
        200,
    );
    assert_eq!(renamed["upstream"], "https://origin.example");
    let moved = json!({ "resource": "https://origin.example/v1" });
    assert_eq!(problem(&ada.send(&server, call("PATCH", path, &moved))).0, 400);
}
