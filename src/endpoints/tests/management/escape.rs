//! Nothing a developer sends gives an app that strangers can connect anything that no reviewer has approved.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::oauth::client::App;
use crate::oauth::standing::AppStatus;
use crate::router::management::{Entry, TABLES};
use crate::store::database::{Database, Statement};

/// How the OAuth endpoints read an app.
const APP: &str = include_str!("../../../edge/d1/app.sql");
const APPS: &str = "/api/developer/apps";

/// What somebody does.
#[derive(Debug, Clone)]
enum Act {
    /// The developer registers an app, or submits it at once.
    Register { submits: bool },
    /// They change some of its settings.
    Edit { change: usize },
    /// They call their developer account something else.
    Rename { name: &'static str },
    /// They submit it.
    Submit,
    /// They take that back.
    Withdraw,
    /// They delete it.
    Delete,
    /// They send something to some route of the portal's API.
    Anything { route: prop::sample::Index, body: usize },
    /// A member of the developer account who also reviews tries to approve.
    ApproveOwn,
    /// A reviewer opens what waits.
    Look,
    /// They approve what they looked at last.
    Approve,
    /// They reject it.
    Reject,
    /// They suspend the app.
    Suspend,
    /// They reinstate it.
    Reinstate,
}

fn acts() -> impl Strategy<Value = Act> {
    prop_oneof![
        1 => any::<bool>().prop_map(|submits| Act::Register { submits }),
        6 => (0..changes().len()).prop_map(|change| Act::Edit { change }),
        2 => prop::sample::select(vec!["Acme Bank", "Northwind Labs"]).prop_map(|name| Act::Rename { name }),
        4 => Just(Act::Submit),
        1 => Just(Act::Withdraw),
        1 => Just(Act::Delete),
        4 => (any::<prop::sample::Index>(), 0..bodies().len()).prop_map(|(route, body)| Act::Anything { route, body }),
        1 => Just(Act::ApproveOwn),
        4 => Just(Act::Look),
        4 => Just(Act::Approve),
        1 => Just(Act::Reject),
        1 => Just(Act::Suspend),
        1 => Just(Act::Reinstate),
    ]
}

fn changes() -> Vec<Value> {
    vec![
        json!({ "name": "Bank" }),
        json!({ "name": "Planner", "description": "Something else" }),
        json!({ "redirect_uris": ["https://evil.example/cb"] }),
        json!({ "redirect_uris": ["https://planner.example/cb", "https://planner.example/cb2"] }),
        json!({ "permissions": [{ "scope": "write:projects", "reason": "To write" }] }),
        json!({ "permissions": [{ "scope": "read:projects", "is_optional": true }] }),
        json!({ "scopes": ["read:profile", "read:team"] }),
    ]
}

fn bodies() -> Vec<Value> {
    vec![
        json!({}),
        json!({ "status": "approved", "approved_at": 1, "approved_by": "usr_alice" }),
        json!({ "testing": "anywhere", "status": "approved" }),
        json!({ "name": "Bank", "class": "operator", "developer_id": "dev_south" }),
        json!({ "redirect_uris": ["https://evil.example/cb"], "draft": null }),
        json!({ "user_id": "usr_dave", "tester": "dave", "username": "dave" }),
        json!({ "body": "Please approve it" }),
        json!({ "scopes": ["inner:all"], "in_force": { "name": "Bank" } }),
    ]
}

/// What the developer may send to: every route of the portal's API that changes something.
fn routes() -> Vec<&'static Entry> {
    let entries = TABLES.iter().copied().flatten();
    entries
        .filter(|entry| entry.path.starts_with("/api/developer/") && entry.method != "GET")
        .collect()
}

/// What strangers get to see of an app.
#[derive(Debug, Clone, PartialEq)]
struct Shown {
    name: String,
    developer: String,
    description: String,
    logo: Option<String>,
    redirect_uris: Vec<String>,
    scopes: BTreeMap<String, (bool, bool)>,
}

impl Shown {
    /// As a reviewer saw it.
    fn reviewed(submission: &Value) -> Self {
        let content = &submission["content"];
        let mut fields = submission["diff"]["fields"].as_array().unwrap().iter();
        let developer = fields.find(|field| field["field"] == "developer_name").unwrap();
        let texts = |value: &Value| -> Vec<String> { serde_json::from_value(value.clone()).unwrap() };
        let scopes = content["scopes"].as_array().unwrap().iter().map(|scope| {
            let flag = |name: &str| scope[name].as_bool().unwrap();
            (
                scope["scope"].as_str().unwrap().to_owned(),
                (flag("is_default"), flag("is_optional")),
            )
        });
        Self {
            name: content["name"].as_str().unwrap().into(),
            developer: developer["after"].as_str().unwrap().into(),
            description: content["description"].as_str().unwrap().into(),
            logo: content["logo"].as_str().map(str::to_owned),
            redirect_uris: texts(&content["redirect_uris"]),
            scopes: scopes.collect(),
        }
    }

    /// As the OAuth endpoints have it.
    fn in_force(app: &App) -> Self {
        let mut redirect_uris: Vec<String> = app
            .redirect_uris
            .iter()
            .map(|uri| serde_json::from_value(serde_json::to_value(uri).unwrap()).unwrap())
            .collect();
        redirect_uris.sort();
        let scopes = app.scopes.iter();
        Self {
            name: app.name.clone(),
            developer: app.developer.name.clone(),
            description: app.description.clone(),
            logo: app.logo.clone(),
            redirect_uris,
            scopes: scopes
                .map(|scope| (scope.scope.clone(), (scope.is_default, scope.is_optional)))
                .collect(),
        }
    }
}

/// The people, the app, and what the reviewer knows of it.
struct Story {
    server: Server,
    alice: Browser,
    ben: Browser,
    rita: Browser,
    client_id: Option<String>,
    /// The submission she looked at last, and what it holds.
    seen: Option<(String, Shown)>,
    approved: Option<Shown>,
    suspended: bool,
}

impl Story {
    fn new() -> Self {
        let server = portal();
        server
            .stores
            .database
            .run("INSERT INTO user_roles (user_id, role) VALUES ('usr_ben', 'reviewer')");
        let [alice, ben, rita] = ["alice", "ben", "rita"].map(|name| signed_in(&server, name));
        Self {
            server,
            alice,
            ben,
            rita,
            client_id: None,
            seen: None,
            approved: None,
            suspended: false,
        }
    }

    fn act(&mut self, act: &Act) {
        let server = &self.server;
        if let Act::Register { submits } = act {
            if self.client_id.is_none() {
                let body = json!({
                    "name": "Planner", "description": "Plans", "app_type": "web", "submit": submits,
                    "redirect_uris": ["https://planner.example/cb"], "scopes": ["read:projects"],
                    "homepage_url": "https://planner.example/", "privacy_policy_url": "https://planner.example/privacy"
                });
                let made = self.alice.send(server, call("POST", APPS, &body));
                self.client_id = json(&made)["client_id"].as_str().map(str::to_owned);
            }
            return;
        }
        let Some(id) = self.client_id.clone() else { return };
        let own = |end: &str| format!("{APPS}/{id}{end}");
        let review = |id: &str, end: &str| format!("/api/admin/reviews/{id}{end}");
        let admin = |end: &str| format!("/api/admin/apps/{id}/{end}");
        let reason = json!({ "reason": "No" });
        match act {
            Act::Register { .. } => {}
            Act::Edit { change } => drop(self.alice.send(server, call("PATCH", &own(""), &changes()[*change]))),
            Act::Rename { name } => drop(self.alice.send(
                server,
                call("PATCH", "/api/developer/accounts/dev_north", &json!({ "name": name })),
            )),
            Act::Submit => drop(self.alice.send(
                server,
                call(
                    "POST",
                    &own("/submissions"),
                    &json!({ "testing": "https://planner.example/demo" }),
                ),
            )),
            Act::Withdraw => drop(
                self.alice
                    .send(server, call("DELETE", &own("/submissions/pending"), &Value::Null)),
            ),
            Act::Delete => drop(self.alice.send(server, call("DELETE", &own(""), &Value::Null))),
            Act::Anything { route, body } => {
                let routes = routes();
                let entry = route.get(&routes);
                let known = [("{client_id}", id.as_str()), ("{developer_id}", "dev_north")];
                let mut path = entry.path.to_owned();
                for (placeholder, id) in known {
                    path = path.replace(placeholder, id);
                }
                let path = path.replace(['{', '}'], "x");
                let reply = self.alice.send(server, call(entry.method, &path, &bodies()[*body]));
                assert!(reply.status < 500, "{entry:?} {reply:?}");
            }
            Act::ApproveOwn => {
                if let Some((seen, _)) = &self.seen {
                    let refused = self
                        .ben
                        .send(server, call("POST", &review(seen, "/approve"), &Value::Null));
                    assert_ne!(refused.status, 200, "{refused:?}");
                }
            }
            Act::Look => {
                let queue = json(&self.rita.get(server, "/api/admin/reviews"));
                if let Some(waiting) = queue["items"][0]["id"].as_str() {
                    let submission = json(&self.rita.get(server, &review(waiting, "")));
                    self.seen = Some((waiting.to_owned(), Shown::reviewed(&submission)));
                }
            }
            Act::Approve => {
                if let Some((seen, shown)) = &self.seen {
                    let done = self
                        .rita
                        .send(server, call("POST", &review(seen, "/approve"), &Value::Null));
                    if done.status == 200 {
                        self.approved = Some(shown.clone());
                    }
                }
            }
            Act::Reject => {
                if let Some((seen, _)) = &self.seen {
                    drop(self.rita.send(server, call("POST", &review(seen, "/reject"), &reason)));
                }
            }
            Act::Suspend => {
                let done = self.rita.send(server, call("POST", &admin("suspend"), &reason));
                self.suspended |= done.status == 200;
            }
            Act::Reinstate => {
                let done = self.rita.send(server, call("POST", &admin("reinstate"), &Value::Null));
                self.suspended &= done.status != 200;
            }
        }
    }

    /// The app as the OAuth endpoints read it; `None`: there is none, or none any more.
    fn app(&self) -> Option<App> {
        let statement = Statement::new(APP).text(self.client_id.as_ref()?);
        let found = pollster::block_on(self.server.stores.read(vec![statement])).unwrap();
        let record = found.raw(0).first()?["record"].as_str()?.to_owned();
        Some(crate::json::from_str(&record).unwrap())
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let Some(app) = self.app() else { return Ok(()) };
        if app.status == AppStatus::Approved {
            prop_assert!(!self.suspended, "what was suspended is served");
            prop_assert_eq!(Some(Shown::in_force(&app)), self.approved.clone());
        }
        prop_assert!(!self.suspended || app.status == AppStatus::Suspended);
        prop_assert_eq!(&app.developer.id, "dev_north");
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 25, max_shrink_iters: 300, ..ProptestConfig::default() })]

    // Covers: B40
    #[test]
    fn no_sequence_of_calls_by_a_developer_shows_strangers_what_no_reviewer_has_approved(
        submits in any::<bool>(), acts in prop::collection::vec(acts(), 1..40)
    ) {
        let mut story = Story::new();
        story.act(&Act::Register { submits });
        for act in &acts {
            story.act(act);
            story.check()?;
        }
    }
}

/// The property is worth nothing if the stories never come to an approval.
#[test]
fn the_stories_come_to_approvals_edits_and_second_approvals() {
    let mut story = Story::new();
    for act in [
        Act::Register { submits: true },
        Act::Look,
        Act::Edit { change: 2 },
        Act::Approve,
    ] {
        story.act(&act);
        story.check().unwrap();
    }
    let first = story.app().unwrap();
    assert_eq!((first.status, story.approved.is_some()), (AppStatus::Approved, true));
    for act in [Act::Submit, Act::Look, Act::Edit { change: 0 }, Act::Approve] {
        story.act(&act);
        story.check().unwrap();
    }
    let second = story.app().unwrap();
    assert_eq!(Shown::in_force(&second).redirect_uris, ["https://evil.example/cb"]);
    assert_eq!(second.name, "Planner");
}

#[test]
fn an_account_that_is_renamed_after_an_approval_is_shown_by_its_new_name_after_the_next_one() {
    let mut story = Story::new();
    let rename = Act::Rename { name: "Acme Bank" };
    for act in [Act::Register { submits: true }, Act::Look, Act::Approve, rename] {
        story.act(&act);
        story.check().unwrap();
    }
    assert_eq!(story.app().unwrap().developer.name, "Northwind Labs");
    for act in [Act::Submit, Act::Look, Act::Rename { name: "Other" }, Act::Approve] {
        story.act(&act);
        story.check().unwrap();
    }
    assert_eq!(story.app().unwrap().developer.name, "Acme Bank");
}
