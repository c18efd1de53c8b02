//! Every combination of what an app asks for, registered, is granted by itself and by default, and was agreed to,
//! compared with a model that knows nothing of how it is done.

use serde_json::{Value, json};

use super::testing::app_json;
use super::*;

const RESOURCE: &str = "https://api.example";
const SCOPES: [&str; 2] = ["one", "two"];

/// A set of the two scopes, by the bits of a number.
fn subset(bits: usize) -> Vec<&'static str> {
    let chosen = SCOPES.iter().enumerate().filter(|(at, _)| bits >> at & 1 == 1);
    chosen.map(|(_, scope)| *scope).collect()
}

/// A row of `client_grants`, if there is one.
#[derive(Debug, Clone, PartialEq)]
struct Row {
    access: &'static str,
    scopes: Vec<&'static str>,
}

/// No row, nothing, everything, and each choice of scopes.
fn rows() -> Vec<Option<Row>> {
    let plain = ["none", "all"].map(|access| {
        Some(Row {
            access,
            scopes: Vec::new(),
        })
    });
    let chosen = (0..4).map(|bits| {
        Some(Row {
            access: "chosen",
            scopes: subset(bits),
        })
    });
    std::iter::once(None).chain(plain).chain(chosen).collect()
}

/// What the directory tells of two rows, as app.sql has it: the app's own, else the default, else nothing.
fn told(own: Option<&Row>, default: Option<&Row>) -> Value {
    match own.or(default) {
        Some(row) => json!({ "access": row.access, "scopes": row.scopes }),
        None => json!({ "access": "none" }),
    }
}

fn app(registered: &[&str], subject: SubjectType, own: Option<&Row>, default: Option<&Row>) -> App {
    let scopes = SCOPES.map(|name| json!({ "name": name, "title": name, "description": name, "sensitive": 0 }));
    let nothing = json!({ "access": "none" });
    let (user, client) = match subject {
        SubjectType::User => (told(own, default), nothing),
        SubjectType::Client => (nothing, told(own, default)),
    };
    let mut record = app_json();
    record["scopes"] = registered
        .iter()
        .map(|scope| json!({ "scope": scope, "is_default": 1, "is_optional": 0 }))
        .collect();
    record["apis"] = json!([{
        "id": "api_one", "resource": RESOURCE, "name": "API", "access_token_lifetime": 3600, "signing_algorithm": "ES256",
        "scopes": scopes, "user": user, "client": client
    }]);
    serde_json::from_value(record).unwrap()
}

/// Whether the model lets an app have a scope: one scope at a time, in the words of the requirements.
fn model(scope: &str, asked: &[&str], registered: &[&str], own: Option<&Row>, default: Option<&Row>) -> bool {
    let by = |row: &Row| row.access == "all" || (row.access == "chosen" && row.scopes.contains(&scope));
    let granted = match (own, default) {
        (Some(own), _) => by(own),
        (None, Some(default)) => by(default),
        (None, None) => false,
    };
    asked.contains(&scope) && registered.contains(&scope) && granted
}

// Covers: R10, R57, R58, R59, R60
#[test]
fn an_app_has_what_it_registered_is_granted_and_was_agreed_to_and_nothing_else() {
    let mut compared = 0;
    for subject in [SubjectType::User, SubjectType::Client] {
        for (own, default) in rows()
            .iter()
            .flat_map(|own| rows().into_iter().map(move |default| (own.clone(), default)))
        {
            for registered in (0..4).map(subset) {
                let app = app(&registered, subject, own.as_ref(), default.as_ref());
                let available = app.available_scopes(subject);
                let other = match subject {
                    SubjectType::User => SubjectType::Client,
                    SubjectType::Client => SubjectType::User,
                };
                assert!(
                    app.available_scopes(other).all().is_empty(),
                    "a grant of one kind gives nothing of the other"
                );
                // What was asked for becomes the consent, as far as its user agrees; a client consents to itself.
                for (requested, consented) in
                    (0..4).flat_map(|asked| (0..4).map(move |agreed| (subset(asked), subset(agreed))))
                {
                    let asked: Vec<_> = requested
                        .iter()
                        .copied()
                        .filter(|scope| consented.contains(scope))
                        .collect();
                    let expected: Scopes = SCOPES
                        .into_iter()
                        .filter(|scope| model(scope, &asked, &registered, own.as_ref(), default.as_ref()))
                        .collect();
                    let agreed = asked.iter().copied().collect();
                    let grant = available.effective(&agreed, &[RESOURCE.to_owned()]);
                    let has = grant
                        .as_ref()
                        .map_or_else(Scopes::default, |grant| grant.scopes.clone());
                    assert_eq!(
                        has, expected,
                        "{subject:?} {own:?} {default:?} {registered:?} {asked:?}"
                    );
                    assert_eq!(grant.is_some(), !expected.is_empty(), "an empty grant is none");
                    assert_eq!(available.effective_anywhere(&agreed), grant);
                    assert_eq!(
                        available.effective(&agreed, &["https://other.example".to_owned()]),
                        None
                    );
                    compared += 1;
                }
            }
        }
    }
    assert_eq!(compared, 2 * 7 * 7 * 4 * 16);
}
