//! Credentials over the real statements, in SQLite.

use pollster::block_on;
use serde_json::json;

use super::method::Method;
use super::*;
use crate::config::Issuer;
use crate::crypto::ec_key::EcPrivateKey;
use crate::management::actor::{Actor, Origin, UserInSession, Who};
use crate::management::input::Input;
use crate::management::notices::webhooks::{self, Owner};
use crate::management::review::comments::{self, Side};
use crate::management::testers;
use crate::oauth::jwk::testing::jwk;
use crate::oauth::secret::Secret;
use crate::random::testing::Seeded;
use crate::store::database::Undone;
use crate::store::memory::Memory;

const NOW: Timestamp = Timestamp(5_000);

struct Table {
    stores: Memory,
    random: Seeded,
    actor: Actor,
}

impl Table {
    /// An app of this type that has a secret, and alice, who owns its developer account.
    fn new(app_type: &str) -> Self {
        let stores = Memory::default();
        stores.database.run(&format!(
            "INSERT INTO users (id, username, name, created_at) VALUES ('usr_alice', 'alice', 'Alice', 1);
             INSERT INTO developers (id, name, created_at) VALUES ('dev_one', 'One', 1);
             INSERT INTO developer_members (developer_id, user_id, role) VALUES ('dev_one', 'usr_alice', 'owner');
             INSERT INTO apps (client_id, developer_id, name, description, app_type, class, status, created_at)
             VALUES ('app_one', 'dev_one', 'One', 'One', '{app_type}', 'portal', 'approved', 1),
                    ('app_two', 'dev_one', 'Two', 'Two', 'web', 'portal', 'approved', 1);
             INSERT INTO client_secrets (id, client_id, secret_hash, hint, created_at)
             VALUES ('lsc_first', 'app_one', 'x', 'abcd', 1), ('lsc_other', 'app_two', 'y', 'efgh', 1);"
        ));
        let who = Who::User(UserInSession {
            id: "usr_alice".into(),
            name: "Alice".into(),
            session: "hash".into(),
            may_develop: true,
        });
        let actor = block_on(Actor::load(&stores, who, false, Origin::default(), None)).unwrap();
        Self {
            stores,
            random: Seeded::default(),
            actor,
        }
    }

    fn credentials(&self) -> Credentials {
        block_on(load(&self.stores, "app_one")).unwrap().unwrap()
    }

    fn member(&self) -> Member<'_> {
        self.actor.member("dev_one").unwrap()
    }

    fn write(&self, changed: Changed) -> Result<Option<GivenSecret>, Undone> {
        block_on(self.stores.transact(changed.statements)).map(|_| changed.given)
    }

    fn step(&self, step: Step<'_>) -> Result<Option<GivenSecret>, Problem> {
        let changed = self.credentials().step(self.member(), step, &self.random, NOW)?;
        Ok(self.write(changed).unwrap())
    }

    fn set(&self, body: serde_json::Value) -> Result<Option<GivenSecret>, Problem> {
        let input = Input::json(body.as_object().unwrap().clone());
        let issuer = Issuer::parse("https://auth.acme.dev").unwrap();
        let method = Method::parse(input, &self.credentials(), &issuer)?;
        let changed = self.credentials().set_method(self.member(), &method, &self.random, NOW);
        Ok(self.write(changed).unwrap())
    }

    fn ids(&self) -> Vec<String> {
        self.credentials()
            .secrets
            .iter()
            .map(|secret| secret.id.clone())
            .collect()
    }

    fn events(&self) -> Vec<serde_json::Value> {
        self.stores.database.column(
            "SELECT event || ' ' || target_id || ' ' || client_id || ' ' || developer_id FROM audit ORDER BY seq",
        )
    }
}

fn keys() -> serde_json::Value {
    json!({ "keys": [jwk(&EcPrivateKey::generate(&Seeded::new(3)))] })
}

// Covers: R21
#[test]
fn a_rotation_from_its_start_to_its_end_is_in_the_tables_and_in_the_audit_trail() {
    let table = Table::new("web");
    let given = table.step(Step::Start).unwrap().unwrap();
    let credentials = table.credentials();
    assert_eq!(table.ids(), ["lsc_first".to_owned(), given.id.clone()]);
    let newer = credentials.secrets.iter().last().unwrap();
    assert_eq!(
        (newer.hint.as_str(), newer.created_at, newer.last_used_at),
        (given.secret.hint(), NOW, None)
    );
    let hashes = table
        .stores
        .database
        .column("SELECT secret_hash FROM client_secrets WHERE created_by = 'usr_alice'");
    assert!(Secret::new(given.secret.reveal()).matches(hashes[0].as_str().unwrap()));
    assert_eq!(table.step(Step::Start).unwrap_err().status(), 409);
    assert!(table.step(Step::Complete).unwrap().is_none());
    assert_eq!(table.ids(), std::slice::from_ref(&given.id));
    let second = table.step(Step::Start).unwrap().unwrap();
    table.step(Step::Cancel).unwrap();
    assert_eq!(table.ids(), std::slice::from_ref(&given.id));
    assert_eq!(
        table.events(),
        [
            format!("client_secret.rotation_started {} app_one dev_one", given.id),
            "client_secret.rotated lsc_first app_one dev_one".to_owned(),
            format!("client_secret.rotation_started {} app_one dev_one", second.id),
            format!("client_secret.rotation_cancelled {} app_one dev_one", second.id),
        ]
    );
    let written = table.stores.database.column("SELECT detail || target_id FROM audit");
    assert!(
        !written
            .iter()
            .any(|text| text.as_str().unwrap().contains(given.secret.reveal()))
    );
}

#[test]
fn a_leaked_secret_is_replaced_at_once_also_in_the_middle_of_a_rotation() {
    for rotating in [false, true] {
        let table = Table::new("web");
        if rotating {
            table.step(Step::Start).unwrap();
        }
        let given = table.step(Step::Replace).unwrap().unwrap();
        assert_eq!(table.ids(), [given.id]);
    }
}

#[test]
fn of_two_steps_at_once_one_is_done() {
    let table = Table::new("web");
    table.step(Step::Start).unwrap();
    let credentials = table.credentials();
    let change = |step| credentials.step(table.member(), step, &table.random, NOW).unwrap();
    // Together they would leave no secret at all.
    let (complete, cancel) = (change(Step::Complete), change(Step::Cancel));
    table.write(complete).unwrap();
    assert!(matches!(table.write(cancel), Err(Undone::Refused)));
    assert_eq!(table.ids().len(), 1);
    assert_eq!(table.events().len(), 2);
}

#[test]
fn a_third_secret_is_refused_by_the_tables_too_and_another_apps_secret_is_never_touched() {
    let table = Table::new("web");
    table.step(Step::Start).unwrap();
    let third = GivenSecret::draw(&table.random).insert("app_one", None, NOW);
    assert!(matches!(
        block_on(table.stores.transact(vec![third])),
        Err(Undone::Refused)
    ));
    assert_eq!(table.step(Step::End("lsc_other")).unwrap_err().status(), 404);
    table.step(Step::Replace).unwrap();
    assert_eq!(
        table
            .stores
            .database
            .column("SELECT count(*) FROM client_secrets WHERE client_id = 'app_two'"),
        [1]
    );
}

// Covers: R18
#[test]
fn a_public_app_gets_no_secret_and_no_keys() {
    for app_type in ["spa", "mobile"] {
        let table = Table::new(app_type);
        for step in [
            Step::Start,
            Step::Complete,
            Step::Cancel,
            Step::Replace,
            Step::End("lsc_first"),
        ] {
            assert_eq!(table.step(step).unwrap_err(), PUBLIC, "{step:?}");
        }
        let refused = table.set(json!({ "method": "private_key_jwt", "jwks": keys() }));
        assert_eq!(refused.unwrap_err(), PUBLIC);
        assert!(table.events().is_empty());
    }
}

#[test]
fn secrets_end_when_an_app_turns_to_keys_and_it_is_given_another_when_it_comes_back() {
    let table = Table::new("web");
    assert!(
        table
            .set(json!({ "method": "private_key_jwt", "jwks": keys() }))
            .unwrap()
            .is_none()
    );
    assert!(table.ids().is_empty());
    let credentials = table.credentials();
    assert_eq!(
        (credentials.method, credentials.version),
        (Authentication::PrivateKeyJwt, 2)
    );
    assert!(credentials.jwks.is_some());
    assert_eq!(table.step(Step::Start).unwrap_err(), BY_KEY);
    table
        .set(json!({ "method": "private_key_jwt", "jwks_uri": "https://partner.dev/jwks" }))
        .unwrap();
    let credentials = table.credentials();
    assert_eq!(
        (credentials.jwks, credentials.jwks_uri.as_deref()),
        (None, Some("https://partner.dev/jwks"))
    );
    let given = table.set(json!({ "method": "client_secret" })).unwrap().unwrap();
    assert_eq!(table.ids(), [given.id]);
    let credentials = table.credentials();
    assert_eq!((credentials.jwks, credentials.jwks_uri), (None, None));
    // Choosing what is chosen already gives nothing away.
    assert!(table.set(json!({ "method": "client_secret" })).unwrap().is_none());
    assert_eq!(table.ids().len(), 1);
    assert_eq!(table.events()[0], "app.authentication_changed app_one app_one dev_one");
}

#[test]
fn a_method_nobody_has_and_keys_that_do_not_go_with_it_are_refused() {
    let table = Table::new("web");
    for (body, said) in [
        (json!({}), "method is required"),
        (
            json!({ "method": "none" }),
            "method must be one of: client_secret, private_key_jwt",
        ),
        (
            json!({ "method": "client_secret", "jwks": keys() }),
            "method must be private_key_jwt when keys are given",
        ),
        (json!({ "method": "private_key_jwt" }), "jwks is required"),
        (
            json!({ "method": "private_key_jwt", "jwks": keys(), "jwks_uri": "https://partner.dev/jwks" }),
            "jwks_uri must be absent when keys are given in jwks",
        ),
        (
            json!({ "method": "private_key_jwt", "jwks_uri": "http://partner.dev/jwks" }),
            "jwks_uri must begin with https://",
        ),
        (
            json!({ "method": "private_key_jwt", "jwks_uri": "https://10.0.0.1/jwks" }),
            "jwks_uri must name the host, not an IP address",
        ),
        (
            json!({ "method": "private_key_jwt", "jwks_uri": "https://auth.acme.dev/jwks" }),
            "jwks_uri must not be the address of this server itself",
        ),
        (
            json!({ "method": "client_secret", "secret": "mine" }),
            "secret is not a field of this request",
        ),
    ] {
        let problem = table.set(body.clone()).unwrap_err();
        let fields: Vec<String> = problem
            .fields()
            .iter()
            .map(|error| format!("{} {}", error.field, error.message))
            .collect();
        assert_eq!(fields, [said], "{body}");
    }
    assert!(table.events().is_empty());
}

#[test]
fn an_app_under_fapi_keeps_to_its_keys() {
    let table = Table::new("web");
    table.stores.database.run("UPDATE apps SET security_profile = 'fapi_2'");
    assert_eq!(table.credentials().method, Authentication::PrivateKeyJwt);
    let problem = table.set(json!({ "method": "client_secret" })).unwrap_err();
    assert_eq!(
        problem.fields()[0].message,
        "must be private_key_jwt for an app under FAPI 2.0"
    );
}

#[test]
fn keys_are_not_changed_over_another_change() {
    let table = Table::new("web");
    let credentials = table.credentials();
    let change = || credentials.set_method(table.member(), &Method::ClientSecret, &table.random, NOW);
    let (first, second) = (change(), change());
    table.write(first).unwrap();
    assert!(matches!(table.write(second), Err(Undone::Refused)));
    table
        .stores
        .database
        .run("UPDATE apps SET deleted_at = 1 WHERE client_id = 'app_one'");
    assert_eq!(block_on(load(&table.stores, "app_one")).unwrap(), None);
}

#[test]
fn what_programs_are_shown_holds_no_secret() {
    let table = Table::new("web");
    let given = table.step(Step::Start).unwrap().unwrap();
    let shown = table.credentials().to_json();
    assert_eq!(shown["rotation_in_progress"], true);
    assert_eq!(
        shown["secrets"][0],
        json!({ "id": "lsc_first", "hint": "abcd", "created_at": "1970-01-01T00:00:00Z", "last_used_at": null })
    );
    let text = shown.to_string();
    assert!(!text.contains(given.secret.reveal()) && !text.contains(&given.secret.hash()));
}

#[test]
fn whoever_has_left_the_developer_account_meanwhile_changes_nothing() {
    let table = Table::new("web");
    let credentials = table.credentials();
    let step = credentials
        .step(table.member(), Step::Start, &table.random, NOW)
        .unwrap();
    let method = credentials.set_method(table.member(), &Method::ClientSecret, &table.random, NOW);
    let (_, tester) = testers::add(table.member(), "app_one", "dave", &table.random, NOW);
    let said = comments::add(
        &table.actor,
        Side::Developer,
        "app_one",
        "Hello".into(),
        &table.random,
        NOW,
    )
    .1;
    table.stores.database.run(
        "INSERT INTO webhook_endpoints (developer_id, id, url, format, events, sealed_secret, created_at)
         VALUES ('dev_one', 'whe_one', 'https://one.example/', 'standard', '[]', 'x', 1)",
    );
    let owner = Owner::from(table.member());
    let webhook = block_on(webhooks::find(&table.stores, owner, "whe_one")).unwrap();
    let webhook = webhooks::delete(owner, &webhook, &table.random, NOW);
    table.stores.database.run("DELETE FROM developer_members");
    for statements in [step.statements, method.statements, tester, said, webhook] {
        let done = block_on(table.stores.transact(statements));
        assert!(matches!(done, Err(Undone::Refused)));
    }
}
