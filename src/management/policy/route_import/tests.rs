use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::json;

const SCOPES: [&str; 3] = ["read:a", "write:a", "admin:a"];

/// A document with these paths, whose operations ask for `oauth` unless they say otherwise.
fn document(paths: Value) -> Value {
    json!({
        "openapi": "3.1.0",
        "info": { "title": "A", "version": "1" },
        "security": [{ "oauth": ["read:a"] }],
        "paths": paths,
        "components": { "securitySchemes": {
            "oauth": { "type": "oauth2", "flows": { "authorizationCode": { "scopes": { "read:b": "See what is b" } } } },
            "oidc": { "type": "openIdConnect", "openIdConnectUrl": "https://as.example" },
            "bearer": { "type": "http", "scheme": "Bearer" },
            "same": { "$ref": "#/components/securitySchemes/bearer" },
            "key": { "type": "apiKey", "in": "header", "name": "X-Key" },
            "basic": { "type": "http", "scheme": "basic" },
            "lost": { "$ref": "https://elsewhere.example/schemes.json#/a" },
            "round": { "$ref": "#/components/securitySchemes/round" }
        } }
    })
}

fn with(mut document: Value, member: &str, value: Value) -> Value {
    document[member] = value;
    document
}

fn import_with(document: &Value, options: &Options, current: &Value) -> Result<Import, ImportError> {
    let current = RouteRules::parse(current, |_| true).unwrap();
    read(document, options, &current, |scope| SCOPES.contains(&scope))
}

fn import(document: &Value) -> Import {
    import_with(document, &Options::default(), &json!([])).unwrap()
}

/// The rules, one line each.
fn rules(import: &Import) -> Vec<String> {
    let rules = import.rules.iter();
    rules
        .map(|rule| {
            let methods: Vec<&str> = rule.methods().collect();
            format!(
                "{} {}: {}",
                methods.join(","),
                rule.pattern().as_str(),
                in_words(rule.need())
            )
        })
        .collect()
}

fn problems(import: &Import) -> Vec<(&str, &str)> {
    import
        .problems
        .iter()
        .map(|left| (left.call.as_str(), left.reason.as_str()))
        .collect()
}

fn asking(security: Value) -> Value {
    json!({ "get": { "security": security } })
}

#[test]
fn operations_become_rules_by_what_they_ask_for_else_what_the_document_does() {
    let import = import(&document(json!({
        "/projects": { "get": {}, "post": { "security": [{ "oidc": ["write:a", "read:a"] }] }, "head": {}, "summary": "S" },
        "/projects/{project_id}": { "get": {}, "delete": { "security": [{ "bearer": [] }] }, "parameters": [] },
        "x-internal": { "get": {} }
    })));
    assert_eq!(
        rules(&import),
        [
            "DELETE /projects/{project_id}: any token",
            "GET /projects/{project_id}: read:a",
            "GET,HEAD /projects: read:a",
            "POST /projects: read:a write:a",
        ]
    );
    assert!(import.is_whole());
    assert_eq!(import.changes.len(), 5);
}

#[test]
fn what_needs_no_token_or_does_not_say_is_left_to_a_person() {
    let mut silent = document(json!({ "/a": { "get": {} }, "/b": asking(json!([])), "/c": asking(json!([{}])) }));
    silent.as_object_mut().unwrap().remove("security");
    let import = import(&silent);
    assert!(import.rules.iter().next().is_none() && !import.is_whole());
    let calls = |list: &[Open]| -> Vec<(String, Value)> {
        list.iter().map(|one| (one.call.clone(), one.rule.clone())).collect()
    };
    assert_eq!(
        calls(&import.public),
        [
            (
                "GET /b".into(),
                json!({ "methods": ["GET"], "path": "/b", "public": true })
            ),
            (
                "GET /c".into(),
                json!({ "methods": ["GET"], "path": "/c", "public": true })
            ),
        ]
    );
    assert_eq!(
        calls(&import.undecided),
        [(
            "GET /a".into(),
            json!({ "methods": ["GET"], "path": "/a", "scopes": [] })
        )]
    );
}

#[test]
fn what_asks_for_more_than_one_thing_or_for_another_thing_gets_no_rule() {
    let several = "offers several ways that ask for different scopes";
    let optional = "can be called with a token and without";
    for (security, reason) in [
        (json!([{ "oauth": ["read:a"] }, { "oauth": ["write:a"] }]), several),
        (json!([{ "oauth": ["read:a"] }, { "bearer": [] }]), several),
        (json!([{ "oauth": ["read:a"] }, {}]), optional),
        (json!([{}, { "oauth": ["read:a"] }]), optional),
        (json!([{ "key": [] }]), "asks for key, which is no access token"),
        (json!([{ "basic": [] }]), "asks for basic, which is no access token"),
        (
            json!([{ "oauth": ["read:a"], "key": [] }]),
            "asks for key, which is no access token",
        ),
        (
            json!([{ "oauth": ["read:a"] }, { "key": [] }]),
            "asks for key, which is no access token",
        ),
        (
            json!([{ "none": [] }]),
            "asks for none, which the document does not describe",
        ),
        (
            json!([{ "lost": [] }]),
            "asks for lost, which the document does not describe",
        ),
        (json!([{ "round": [] }]), "asks for round, which is no access token"),
        (json!({ "oauth": [] }), "has security requirements that are no list"),
        (json!("oauth"), "has security requirements that are no list"),
        (json!(null), "has security requirements that are no list"),
        (json!(["oauth"]), "has a security requirement that is no object"),
        (json!([{ "oauth": "read:a" }]), "has scopes that are no list"),
        (json!([{ "oauth": [7] }]), "has a scope that is no text"),
        (json!([{ "oauth": vec!["read:a"; 51] }]), "asks for more than 50 scopes"),
    ] {
        let import = import(&document(json!({ "/a": asking(security.clone()) })));
        assert_eq!(problems(&import), [("GET /a", reason)], "{security}");
        assert!(
            rules(&import).is_empty() && import.public.is_empty() && import.undecided.is_empty(),
            "{security}"
        );
    }
    // Several ways that come to the same are one, and what is asked for by several schemes is asked for together.
    for (security, expected) in [
        (
            json!([{ "oauth": ["read:a"] }, { "same": ["read:a", "read:a"] }]),
            "read:a",
        ),
        (
            json!([{ "oauth": ["read:a"], "bearer": ["admin:a"] }]),
            "admin:a read:a",
        ),
    ] {
        let import = import(&document(json!({ "/a": asking(security) })));
        assert_eq!(rules(&import), [format!("GET /a: {expected}")]);
    }
}

#[test]
fn scopes_that_the_api_does_not_have_are_listed_and_not_invented() {
    let security = |scope: &str| asking(json!([{ "oauth": ["read:a", scope] }]));
    let long = "x".repeat(5000);
    let import = import(&document(
        json!({ "/a": security("read:b"), "/b": security("read:b"), "/c": security(&long) }),
    ));
    assert!(rules(&import).is_empty());
    let told: Vec<_> = import
        .unknown_scopes
        .iter()
        .map(|scope| (scope.name.chars().count(), scope.description.as_str(), scope.operations))
        .collect();
    assert_eq!(told, [(6, "See what is b", 2), (65, "", 1)]);
    assert_eq!(import.problems.len(), 3);
}

#[test]
fn operations_about_the_same_calls_get_a_rule_only_if_they_agree() {
    let admin = asking(json!([{ "oauth": ["admin:a"] }]));
    for (one, other) in [
        ("/a/{id}", "/a/{name}"),
        ("/a/b", "/A/B"),
        ("/a/b", "/a/b/"),
        ("/a/b", "/a/%62"),
    ] {
        let agreed = import(&document(json!({ one: { "get": {} }, other: { "get": {} } })));
        assert_eq!(
            (agreed.rules.iter().len(), agreed.problems.len()),
            (1, 0),
            "{one} {other}"
        );
        for disagreeing in [
            json!({ one: { "get": {} }, other: admin }),
            json!({ one: admin, other: asking(json!([])) }),
        ] {
            let import = import(&document(disagreeing.clone()));
            assert!(rules(&import).is_empty() && import.public.is_empty(), "{disagreeing}");
            assert_eq!(import.problems.len(), 2, "{disagreeing}");
        }
    }
    let open = import(&document(json!({ "/a": asking(json!([])), "/A": asking(json!([])) })));
    assert_eq!(open.public.len(), 1, "what a person decides about comes once");
}

#[test]
fn paths_that_no_rule_can_be_about_are_named() {
    for path in [
        "a",
        "",
        "//a",
        "/a//b",
        "/a/../b",
        "/a/%2e%2e/b",
        "/a/{id}.json",
        "/a/{from}-{to}",
        "/a/{}",
        "/a/{proxy+}",
        "/a/*",
        "/a/b*",
        "/a;v=1",
        "/a?b=1",
        "/a#b",
        "/a\\b",
        &format!("/{}", "a".repeat(600)),
    ] {
        let import = import(&document(json!({ path: { "get": {} } })));
        assert!(rules(&import).is_empty(), "{path}");
        assert!(
            import.problems[0]
                .reason
                .starts_with("has a path that no rule can be about"),
            "{path}"
        );
        assert!(import.problems[0].call.chars().count() < 210);
    }
}

#[test]
fn methods_that_rules_are_not_about_are_named_and_preflights_left_out() {
    for method in ["trace", "query", "additionalOperations"] {
        let import = import(&document(json!({ "/a": { method: {}, "options": {}, "x-more": {} } })));
        assert_eq!(
            problems(&import),
            [("another method of /a", "has a method that rules are not about")]
        );
    }
    let only = import(&document(json!({ "/a": { "options": {}, "get": 7 } })));
    assert_eq!(problems(&only), [("GET /a", "is no object")]);
}

#[test]
fn whoever_has_no_rule_of_its_own_is_told_which_rule_decides_then() {
    let key = asking(json!([{ "key": [] }]));
    let import = import(&document(json!({
        "/users/{id}": { "get": {} },
        "/users/me": key,
        "/users/{id}/keys": key,
        "/other/{id}.json": { "get": {} },
        "/users/{name}.json": { "get": {} },
    })));
    let instead: Vec<_> = import
        .problems
        .iter()
        .map(|left| (left.call.as_str(), left.instead.as_deref()))
        .collect();
    let by_user = Some("the rule of /users/{id}: read:a");
    assert_eq!(
        instead,
        [
            ("GET /other/{id}.json", None),
            ("GET /users/me", by_user),
            ("GET /users/{id}/keys", None),
            ("GET /users/{name}.json", by_user),
        ]
    );
}

#[test]
fn paths_are_under_the_path_of_the_servers() {
    let server = |url: &str| json!([{ "url": url }]);
    let paths = || json!({ "/a": { "get": {} } });
    for (servers, expected) in [
        (json!([]), "/a"),
        (server("/"), "/a"),
        (server("/v1/"), "/v1/a"),
        (server("https://api.example"), "/a"),
        (server("https://api.example/v1"), "/v1/a"),
        (
            json!([{ "url": "https://a.example/v1" }, { "url": "https://b.example/v1/" }]),
            "/v1/a",
        ),
        (
            json!([{ "url": "https://{region}.example/{version}", "variables": {
                "region": { "default": "eu", "enum": ["eu", "us"] }, "version": { "default": "v2" } } }]),
            "/v2/a",
        ),
    ] {
        let import = import(&with(document(paths()), "servers", servers.clone()));
        assert_eq!(rules(&import), [format!("GET {expected}: read:a")], "{servers}");
    }
    for servers in [
        json!([{ "url": "/v1" }, { "url": "/v2" }]),
        json!([{ "url": "/{version}", "variables": { "version": { "default": "v1", "enum": ["v1", "v2"] } } }]),
        server("/{version}"),
        server("https://api.example/%7Bversion%7D/{x}"),
        server("v1"),
        server("https://"),
        json!([{}]),
        json!("https://api.example"),
        json!(7),
    ] {
        let document = with(document(paths()), "servers", servers.clone());
        let refused = import_with(&document, &Options::default(), &json!([]));
        assert_eq!(refused.unwrap_err(), ImportError::Servers, "{servers}");
        let said = Options {
            base_path: Some("/v3/".into()),
            ..Options::default()
        };
        let import = import_with(&document, &said, &json!([])).unwrap();
        assert_eq!(rules(&import), ["GET /v3/a: read:a"], "{servers}");
    }
    let own = document(json!({
        "/a": { "servers": [{ "url": "/own" }], "get": {}, "post": { "servers": [{ "url": "/post" }] } },
        "/b": { "get": { "servers": [{ "url": "/v1" }, { "url": "/v2" }] } }
    }));
    let import = import(&with(own, "servers", server("/v1")));
    assert_eq!(rules(&import), ["GET /own/a: read:a", "POST /post/a: read:a"]);
    assert_eq!(import.problems.len(), 1);
}

#[test]
fn references_to_path_items_are_followed_within_the_document_and_not_in_circles() {
    let mut document = document(json!({
        "/a": { "$ref": "#/components/pathItems/A" },
        "/b": { "$ref": "#/paths/~1c~1%7Bid%7D" },
        "/c/{id}": { "get": {} },
        "/circle": { "$ref": "#/paths/~1circle" },
        "/one": { "$ref": "#/paths/~1two" },
        "/two": { "$ref": "#/paths/~1one" },
        "/away": { "$ref": "https://elsewhere.example/paths.json" },
        "/file": { "$ref": "./other.json#/a" },
        "/none": { "$ref": "#/paths/~1none/x" },
        "/number": { "$ref": 7 },
        "/both": { "$ref": "#/paths/~1c~1%7Bid%7D", "get": {} },
        "/text": "GET",
    }));
    document["components"]["pathItems"] = json!({ "A": { "post": {} } });
    let import = import(&document);
    assert_eq!(
        rules(&import),
        ["POST /a: read:a", "GET /b: read:a", "GET /c/{id}: read:a"]
    );
    assert_eq!(import.problems.len(), 9);
    assert!(
        import
            .problems
            .iter()
            .all(|left| left.call.starts_with("every method of /"))
    );
}

#[test]
fn rules_that_stay_are_those_about_other_calls() {
    let current = json!([
        { "methods": ["GET", "PUT"], "path": "/a/{id}", "scopes": ["admin:a"] },
        { "methods": ["GET"], "path": "/hand", "public": true },
        { "path": "/*", "scopes": [] },
    ]);
    let document = document(json!({ "/a/{name}": { "get": {} } }));
    let keep = Options {
        keep: true,
        ..Options::default()
    };
    let kept = import_with(&document, &keep, &current).unwrap();
    assert_eq!(
        rules(&kept),
        [
            "GET /a/{name}: read:a",
            "PUT /a/{id}: admin:a",
            "GET /hand: no token",
            " /*: any token"
        ]
    );
    let replaced = import_with(&document, &Options::default(), &current).unwrap();
    assert_eq!(rules(&replaced), ["GET /a/{name}: read:a"]);
    let told: Vec<String> = replaced.changes.iter().map(RouteChange::call).collect();
    assert_eq!(told, ["GET /a/{name}", "PUT /a/{id}", "GET /hand", "any method /*"]);
}

#[test]
fn what_beside_a_reference_to_a_path_item_says_is_added_to_it_and_said_twice_counts_for_nothing() {
    let server = |url: &str| json!([{ "url": url }]);
    let mut document = document(json!({
        "/beside": { "$ref": "#/components/pathItems/Plain", "servers": server("/own") },
        "/within": { "$ref": "#/components/pathItems/Served" },
        "/more": { "$ref": "#/components/pathItems/Served", "post": {} },
        "/far": { "$ref": "#/components/pathItems/Near", "servers": server("/far") },
        "/twice": { "$ref": "#/components/pathItems/Served", "servers": server("/own") },
        "/same": { "$ref": "#/components/pathItems/Plain", "get": {} },
    }));
    document["components"]["pathItems"] = json!({
        "Plain": { "get": {} },
        "Served": { "servers": server("/served"), "get": {} },
        "Near": { "$ref": "#/components/pathItems/Plain", "summary": "S" },
    });
    let first = import(&document);
    let expected = [
        "GET /far/far: read:a",
        "GET /own/beside: read:a",
        "GET,POST /served/more: read:a",
        "GET /served/within: read:a",
    ];
    assert_eq!(rules(&first), expected);
    let undefined = "says something that what it refers to says too: which of them counts is not defined";
    assert_eq!(
        problems(&first),
        [
            ("every method of /same", undefined),
            ("every method of /twice", undefined)
        ]
    );
    // A base path that a person said counts for all, so two lists of servers do not matter.
    let said = Options {
        base_path: Some("/v1".into()),
        ..Options::default()
    };
    let import = import_with(&document, &said, &json!([])).unwrap();
    assert!(rules(&import).contains(&"GET /v1/twice: read:a".to_owned()));
}

#[test]
fn a_scope_is_not_taken_for_a_word_about_what_is_needed() {
    let security = |name: &str| json!({ "security": [{ "oauth": [name] }] });
    for (word, open) in [("public", json!([])), ("undecided", Value::Null)] {
        let mut document = document(json!({
            "/a/{id}": { "get": security(word) },
            "/a/{name}": { "get": { "security": open } },
        }));
        if open.is_null() {
            document["paths"]["/a/{name}"]["get"] = json!({});
            document.as_object_mut().unwrap().remove("security");
        }
        let none = RouteRules::default();
        let import = read(&document, &Options::default(), &none, |_| true).unwrap();
        assert_eq!((import.rules.iter().len(), import.problems.len()), (0, 2), "{word}");
    }
    // The order in which scopes are named, and how often, says nothing.
    let import = import(&document(json!({
        "/a/{id}": { "get": { "security": [{ "oauth": ["read:a", "write:a"] }] } },
        "/a/{name}": { "get": { "security": [{ "oauth": ["write:a", "read:a", "write:a"] }] } },
    })));
    assert_eq!(rules(&import), ["GET /a/{id}: read:a write:a"]);
}

#[test]
fn what_a_person_decided_before_is_not_asked_again() {
    let mut document = document(json!({
        "/a": { "get": {} },
        "/health": asking(json!([])),
        "/status": asking(json!([])),
        "/hand/{id}": asking(json!([])),
        "/new": asking(json!([])),
    }));
    document["paths"]["/health"]["head"] = json!({ "security": [] });
    let current = json!([
        { "methods": ["GET"], "path": "/Health", "public": true },
        { "path": "/status", "public": true },
        { "methods": ["GET"], "path": "/hand/{other}", "public": true },
    ]);
    for keep in [true, false] {
        let options = Options {
            keep,
            ..Options::default()
        };
        let import = import_with(&document, &options, &current).unwrap();
        let open: Vec<&str> = import.public.iter().map(|open| open.call.as_str()).collect();
        assert_eq!(open, ["GET /new"], "{keep}");
        let whole: Vec<Value> = import.rules.iter().map(|rule| rule.to_json()).collect();
        let again = import_with(&document, &options, &whole.into()).unwrap();
        assert!(again.changes.is_empty(), "{keep}: {:?}", again.changes);
        let path = |path: &str| crate::guard::path::CallPath::parse(path).unwrap();
        for called in ["/health", "/status", "/hand/7"] {
            let found = import.rules.find("GET", &path(called));
            let is_public = matches!(
                found,
                crate::guard::rules::Matched::Rule {
                    need: Need::Nothing,
                    ..
                }
            );
            assert!(is_public, "{keep} {called}");
        }
    }
}

#[test]
fn a_rule_that_asks_for_a_token_settles_nothing_about_an_operation_that_is_said_to_need_none() {
    let document = document(json!({ "/health": asking(json!([])) }));
    for rule in [
        json!({ "methods": ["GET"], "path": "/health", "scopes": ["read:a"] }),
        json!({ "methods": ["POST"], "path": "/health", "public": true }),
        json!({ "path": "/*", "public": true }),
    ] {
        let keep = Options {
            keep: true,
            ..Options::default()
        };
        let import = import_with(&document, &keep, &json!([rule])).unwrap();
        assert_eq!(import.public.len(), 1, "{rule}");
        assert_eq!(import.rules.to_json(), json!([rule]));
    }
}

#[test]
fn where_the_document_says_nothing_a_rule_that_stays_has_said_it() {
    let mut document = document(json!({ "/a": { "get": {} }, "/b": { "get": {} } }));
    document.as_object_mut().unwrap().remove("security");
    let current = json!([{ "methods": ["GET"], "path": "/a", "scopes": ["admin:a"] }]);
    let open = |keep: bool| {
        let options = Options {
            keep,
            ..Options::default()
        };
        let import = import_with(&document, &options, &current).unwrap();
        let open = import.undecided.into_iter().map(|open| open.call);
        (open.collect::<Vec<_>>(), import.rules.to_json())
    };
    assert_eq!(open(true), (vec!["GET /b".to_owned()], current.clone()));
    assert_eq!(open(false), (vec!["GET /a".to_owned(), "GET /b".to_owned()], json!([])));
}

#[test]
fn what_is_no_document_or_too_large_a_one_is_refused_whole() {
    let many: Map<String, Value> = (0..1001).map(|n| (format!("/{n}"), json!({ "get": {} }))).collect();
    let mut much: Map<String, Value> = (0..300)
        .map(|n| (format!("/{n}"), json!({ "$ref": "#/paths/~1all" })))
        .collect();
    let all = json!({ "get": {}, "put": {}, "post": {}, "delete": {}, "patch": {} });
    much.insert("/all".into(), all);
    for (document, expected) in [
        (json!([]), ImportError::NoOpenApi),
        (json!({ "openapi": 3.1 }), ImportError::NoOpenApi),
        (json!({ "openapi": "2.0", "paths": {} }), ImportError::NoOpenApi),
        (json!({ "openapi": "4.0.0", "paths": {} }), ImportError::NoOpenApi),
        (json!({ "swagger": "2.0", "paths": {} }), ImportError::Swagger),
        (json!({ "openapi": "3.0.3" }), ImportError::NoPaths),
        (document(json!({})), ImportError::NoPaths),
        (document(json!([])), ImportError::NoPaths),
        (document(many.into()), ImportError::TooMany),
        (document(much.into()), ImportError::TooMany),
    ] {
        let refused = import_with(&document, &Options::default(), &json!([]));
        assert_eq!(refused.unwrap_err(), expected);
    }
    let current: Vec<Value> = (0..1000)
        .map(|n| json!({ "path": format!("/{n}"), "scopes": [] }))
        .collect();
    let keep = Options {
        keep: true,
        ..Options::default()
    };
    let refused = import_with(&document(json!({ "/a": { "get": {} } })), &keep, &current.into());
    assert_eq!(refused.unwrap_err(), ImportError::TooManyRules);
}

#[test]
fn nesting_is_limited_before_anything_is_read() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(json::parse(deep.as_bytes()).is_err());
}

#[test]
fn the_document_of_this_server_is_read_whole() {
    let issuer = crate::config::Issuer::parse("https://as.example").unwrap();
    let own = json::parse(crate::openapi::document(&issuer).as_bytes()).unwrap();
    let import = import_with(&own, &Options::default(), &json!([])).unwrap();
    let told = import.rules.iter().len() + import.public.len() + import.undecided.len() + import.problems.len();
    assert!(told > 100, "{told}");
}

/// JSON such as documents consist of.
fn pieces() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        Just(json!(7)),
        "[a-z/{}.*%#~]{0,8}".prop_map(Value::from),
        prop::sample::select(vec!["oauth", "key", "read:a", "#/paths/~1a", "/v1", "3.1.0"]).prop_map(Value::from),
    ];
    let name = prop_oneof![
        "/[a-c{}*]{0,4}".prop_map(String::from),
        prop::sample::select(vec![
            "get",
            "post",
            "security",
            "oauth",
            "key",
            "$ref",
            "servers",
            "url",
            "variables",
            "default",
            "query"
        ])
        .prop_map(String::from),
    ];
    leaf.prop_recursive(5, 60, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name.clone(), inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    /// Whatever a document says, what comes of it are rules that can be saved, and only such as it asks for.
    #[test]
    fn what_comes_of_any_document_can_be_saved(paths in pieces(), security in pieces(), servers in pieces()) {
        let document = with(with(document(paths), "security", security), "servers", servers);
        if let Ok(import) = import_with(&document, &Options::default(), &json!([])) {
            let whole: Vec<Value> = import.rules.iter().map(|rule| rule.to_json())
                .chain(import.public.iter().map(|open| open.rule.clone()))
                .chain(import.undecided.iter().map(|open| open.rule.clone()))
                .collect();
            let saved = RouteRules::parse(&whole.into(), |scope| SCOPES.contains(&scope));
            prop_assert!(saved.is_ok(), "{saved:?} {document}");
            prop_assert!(import.rules.iter().all(|rule| *rule.need() != Need::Nothing));
        }
    }
}
