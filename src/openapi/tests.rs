use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::assemble::{self, ISSUER, assemble, example_of, object, resolved, text};
use super::{DOCUMENT, PLACEHOLDER, errors, reference, tags};
use crate::router::management::TABLES;
use crate::router::{Route, route};

/// Routes that answer people, or redirect them; and what is no route.
const NO_JSON: [&str; 24] = [
    "account_apps",
    "account_apps_confirm",
    "account_apps_revoke",
    "account_activity",
    "account_sessions",
    "account_sessions_end",
    "api_docs",
    "api_docs_of",
    "asset",
    "authorize",
    "consent_decision",
    "consent_page",
    "home",
    "login",
    "login_callback",
    "login_page",
    "logo",
    "logout",
    "logout_page",
    "method_not_allowed",
    "not_found",
    "preflight",
    "sign_out_everywhere",
    "sign_out_everywhere_page",
];

fn document() -> Value {
    serde_json::from_str(DOCUMENT).unwrap()
}

/// Operations by their names: method, path, and all of it.
fn operations(document: &Value) -> BTreeMap<&str, (String, &str, &Value)> {
    let mut all = BTreeMap::new();
    for (path, methods) in object(document, "paths") {
        for (method, operation) in methods.as_object().unwrap() {
            let name = text(operation, "operationId");
            let before = all.insert(name, (method.to_uppercase(), path.as_str(), operation));
            assert!(before.is_none(), "there are two operations {name}");
        }
    }
    all
}

fn filled_in(path: &str) -> String {
    let segments = path.split('/');
    let filled = segments.map(|segment| if segment.starts_with('{') { "x" } else { segment });
    filled.collect::<Vec<_>>().join("/")
}

#[test]
fn every_operation_is_a_route_of_the_same_name() {
    let document = document();
    for (name, (method, path, _)) in operations(&document) {
        let filled = filled_in(path);
        let found = route(&method, &filled);
        assert_eq!(found.name(), name, "{method} {path}");
        if let Route::Managed(managed) = found {
            assert_eq!(
                managed.entry.path, path,
                "{name}: another path, or other names of placeholders"
            );
        }
    }
}

#[test]
fn every_route_that_speaks_json_is_an_operation() {
    let document = document();
    let operations = operations(&document);
    let mut missing = Vec::new();
    for entry in TABLES
        .iter()
        .copied()
        .flatten()
        .filter(|entry| entry.path.starts_with("/api/"))
    {
        match operations.get(entry.name) {
            Some((method, path, _)) => assert_eq!((method.as_str(), *path), (entry.method, entry.path)),
            None => missing.push(format!("{} {} {}", entry.name, entry.method, entry.path)),
        }
    }
    // The rest of the router is no table; its names are.
    for line in include_str!("../router.rs").lines() {
        let name = line.trim().strip_prefix("Self::").and_then(|arm| arm.split('"').nth(1));
        let Some(name) = name.filter(|_| line.contains(" => \"")) else {
            continue;
        };
        if !operations.contains_key(name) && !NO_JSON.contains(&name) {
            missing.push(name.to_owned());
        }
    }
    assert_eq!(missing, Vec::<String>::new(), "write them down in openapi/");
}

#[test]
fn every_placeholder_is_a_parameter() {
    let document = document();
    for (name, (_, path, operation)) in operations(&document) {
        let placeholders: BTreeSet<&str> = path
            .split('/')
            .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
            .collect();
        let parameters = operation.get("parameters").and_then(Value::as_array);
        let in_path: BTreeSet<&str> = parameters
            .into_iter()
            .flatten()
            .map(|parameter| resolved(&document, text(parameter, "$ref")).unwrap_or(parameter))
            .filter(|parameter| parameter["in"] == "path")
            .map(|parameter| text(parameter, "name"))
            .collect();
        assert_eq!(placeholders, in_path, "{name}");
    }
}

/// RFC 7591 §2: metadata that a server does not understand must be ignored.
const IGNORES_WHAT_IT_DOES_NOT_KNOW: [&str; 2] = ["register", "replace_registration"];

#[test]
fn what_is_sent_as_json_is_capped_and_takes_nothing_unknown_but_where_a_standard_says_so() {
    let document = document();
    let (mut loose, mut open) = (Vec::new(), Vec::new());
    for (name, (_, _, operation)) in operations(&document) {
        let Some(schema) = operation.pointer("/requestBody/content/application~1json/schema") else {
            continue;
        };
        let mut found = Vec::new();
        look_for_loose(&document, schema, name, &mut found);
        // Of the body itself: nothing inside it may.
        let body = resolved(&document, text(schema, "$ref")).unwrap_or(schema);
        if body["additionalProperties"] == true {
            open.push(name);
            found.retain(|one| *one != format!("{name}: additionalProperties"));
        }
        loose.extend(found);
    }
    assert_eq!(loose, Vec::<String>::new());
    open.sort_unstable();
    assert_eq!(open, IGNORES_WHAT_IT_DOES_NOT_KNOW);
}

fn look_for_loose(document: &Value, schema: &Value, place: &str, loose: &mut Vec<String>) {
    let schema = resolved(document, text(schema, "$ref")).unwrap_or(schema);
    let is = |kind: &str| {
        schema["type"] == kind
            || schema["type"]
                .as_array()
                .is_some_and(|kinds| kinds.contains(&json!(kind)))
    };
    for part in ["oneOf", "anyOf"]
        .iter()
        .filter_map(|kind| schema.get(kind)?.as_array())
        .flatten()
    {
        look_for_loose(document, part, place, loose);
    }
    if is("object") && schema.get("properties").is_some() && schema["additionalProperties"] != false {
        loose.push(format!("{place}: additionalProperties"));
    }
    if is("string")
        && ["maxLength", "enum", "const"]
            .iter()
            .all(|cap| schema.get(cap).is_none())
    {
        loose.push(format!("{place}: maxLength"));
    }
    if is("array") && schema.get("maxItems").is_none() {
        loose.push(format!("{place}: maxItems"));
    }
    for (name, member) in object(schema, "properties") {
        look_for_loose(document, member, &format!("{place}/{name}"), loose);
    }
    if let Some(items) = schema.get("items") {
        look_for_loose(document, items, &format!("{place}/*"), loose);
    }
}

#[test]
fn every_answer_with_a_body_has_an_example_and_every_error_code_is_explained() {
    let document = document();
    let explained: BTreeSet<&str> = errors().iter().map(|error| error.name).collect();
    let oauth = document
        .pointer("/components/schemas/OAuthError/properties/error/enum")
        .unwrap();
    for code in oauth.as_array().unwrap() {
        assert!(explained.contains(code.as_str().unwrap()), "{code}");
    }
    for (name, (_, _, operation)) in operations(&document) {
        for (status, answer) in object(operation, "responses") {
            let answer = resolved(&document, text(answer, "$ref")).unwrap_or(answer);
            for content in object(answer, "content").values() {
                assert!(content.get("example").is_some(), "{name} {status}");
            }
        }
    }
}

#[test]
fn the_pages_show_every_operation_once() {
    let document = document();
    let mut shown: Vec<&str> = tags()
        .iter()
        .flat_map(|tag| tag.operations)
        .map(|operation| operation.id)
        .collect();
    shown.sort_unstable();
    assert_eq!(shown, operations(&document).into_keys().collect::<Vec<_>>());
    let slugs: BTreeSet<&str> = tags().iter().map(|tag| tag.slug).collect();
    assert_eq!(slugs.len(), tags().len());
}

#[test]
fn the_address_that_stands_for_the_server_is_the_same_everywhere() {
    assert_eq!(ISSUER, PLACEHOLDER);
    let issuer = crate::config::Issuer::parse("https://auth.example").unwrap();
    let served = super::document(&issuer);
    assert!(!served.contains(PLACEHOLDER));
    assert_eq!(
        serde_json::from_str::<Value>(&served).unwrap()["servers"][0]["url"],
        "https://auth.example"
    );
}

fn main() -> Value {
    let statuses = [
        "400", "401", "403", "404", "409", "412", "413", "415", "422", "429", "503",
    ];
    let responses = statuses.map(|status| (status.to_owned(), json!({ "problem": status })));
    let responses: assemble::Object = responses.into_iter().collect();
    json!({
        "openapi": "3.1.1",
        "components": {
            "securitySchemes": { "session": { "type": "apiKey" } },
            "parameters": {
                "id": { "name": "id", "in": "path", "required": true, "schema": { "type": "string" } },
                "limit": { "name": "limit", "in": "query", "schema": { "type": "integer" } },
                "if_match": { "name": "If-Match", "in": "header", "schema": { "type": "string" } },
                "idempotency_key": { "name": "Idempotency-Key", "in": "header", "schema": { "type": "string" } },
            },
            "responses": responses,
            "schemas": { "Problem": { "type": "object" }, "NextCursor": { "type": ["string", "null"] } },
        },
    })
}

fn statuses(operation: Value, path: &str) -> Vec<String> {
    let file = json!({ "tag": "Things", "security": [{ "session": [] }], "paths": { (path): { "patch": operation } } });
    let document = assemble(main(), &[("things".into(), file)]).unwrap();
    let operation = &document["paths"][path]["patch"];
    let mut statuses: Vec<String> = object(operation, "responses").keys().cloned().collect();
    statuses.sort();
    statuses
}

#[test]
fn an_operation_has_the_errors_that_follow_from_what_it_takes() {
    let operation = |more: Value| {
        let mut operation = json!({ "operationId": "x", "summary": "x", "answers": { "200": { "text": "Done." } } });
        operation
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        operation
    };
    assert_eq!(statuses(operation(json!({ "security": [] })), "/a"), ["200"]);
    assert_eq!(statuses(operation(json!({})), "/a"), ["200", "401", "403", "503"]);
    for path in ["/api/developer/a", "/api/admin/a"] {
        assert_eq!(
            statuses(operation(json!({})), path),
            ["200", "401", "403", "429", "503"]
        );
    }
    assert_eq!(
        statuses(operation(json!({ "security": [] })), "/a/{id}"),
        ["200", "404"]
    );
    assert_eq!(
        statuses(operation(json!({ "security": [], "parameters": ["limit"] })), "/a"),
        ["200", "400"]
    );
    assert_eq!(
        statuses(
            operation(json!({ "problems": false, "body": { "type": "object" } })),
            "/api/admin/{id}"
        ),
        ["200"]
    );
    assert_eq!(
        statuses(
            operation(json!({ "security": [], "parameters": ["if_match"], "also": [409] })),
            "/a"
        ),
        ["200", "400", "409", "412"]
    );
    assert_eq!(
        statuses(
            operation(json!({ "security": [], "parameters": ["idempotency_key"], "body": { "type": "object" } })),
            "/a"
        ),
        ["200", "400", "413", "415", "422"]
    );
}

#[test]
fn mistakes_in_the_files_are_named() {
    let one = json!({
        "tag": "Things",
        "paths": { "/a/{unknown}": { "get": { "operationId": "x", "security": [{ "unheard_of": [] }, {}] } } },
        "schemas": { "Problem": {} },
    });
    let again = json!({ "paths": { "/a/{unknown}": { "get": { "operationId": "y", "summary": "", "answers": {} } } } });
    let mistakes = assemble(main(), &[("one".into(), one), ("again".into(), again)])
        .unwrap_err()
        .join("\n");
    for mistake in [
        "one: get /a/{unknown}: no summary",
        "one: get /a/{unknown}: no answers",
        "one: get /a/{unknown}: no security scheme unheard_of",
        "one: there are two schemas Problem",
        "again: no tag",
        "again: get /a/{unknown}: is there twice",
        "#/components/parameters/unknown leads nowhere",
    ] {
        assert!(mistakes.contains(mistake), "{mistake} is not in\n{mistakes}");
    }
}

#[test]
fn an_example_is_put_together_from_those_of_its_members() {
    let document = json!({ "components": { "schemas": { "Id": { "type": "string", "examples": ["app_a"] } } } });
    let schema = json!({
        "type": "object",
        "properties": {
            "id": { "$ref": "#/components/schemas/Id" },
            "kind": { "enum": ["web", "spa"] },
            "at": { "type": ["string", "null"], "format": "date-time" },
            "count": { "type": "integer", "minimum": 3 },
            "tags": { "type": "array", "items": { "const": "x" } },
        },
    });
    let example = json!({ "id": "app_a", "kind": "web", "at": "2026-11-22T09:00:00Z", "count": 3, "tags": ["x"] });
    assert_eq!(example_of(&document, &schema), example);
}

#[test]
fn words_of_the_document_are_no_markup() {
    assert_eq!(
        reference::words("a `<b>` & <i>"),
        "a <code>&lt;b&gt;</code> &amp; &lt;i&gt;"
    );
    assert_eq!(reference::slug("What users have"), "what-users-have");
    let generated = reference::generate(&document(), &json!({ "bad": "`x`" }));
    assert!(generated.contains(r#"name: "bad""#) && generated.contains("<code>x</code>"));
}
