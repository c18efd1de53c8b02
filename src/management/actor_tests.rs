//! What an access token is good for here.

use pollster::block_on;

use super::*;
use crate::management::accounts::members::{self, Offer};
use crate::management::input::Input;
use crate::random::testing::Seeded;
use crate::store::memory::Memory;
use crate::time::Timestamp;

const NOW: Timestamp = Timestamp(1_000_000);

fn directory() -> Memory {
    let memory = Memory::default();
    memory.database.run(
        "INSERT INTO users (id, username, name, created_at) VALUES ('usr_alice', 'alice', 'Alice', 1), ('usr_ben', 'ben', 'Ben', 1);
         INSERT INTO user_roles (user_id, role) VALUES ('usr_alice', 'administrator');
         INSERT INTO developers (id, name, created_at) VALUES ('dev_one', 'One', 1);
         INSERT INTO developer_members (developer_id, user_id, role) VALUES ('dev_one', 'usr_alice', 'owner'), ('dev_one', 'usr_ben', 'member');",
    );
    memory
}

fn by_token(memory: &Memory, only_reads: bool) -> Actor {
    let scopes = "latchkey:apps latchkey:admin";
    let who = Who::App {
        client_id: "app_tool".into(),
        user_id: Some("usr_alice".into()),
        scopes: Scopes::parse(scopes).unwrap(),
    };
    block_on(Actor::load(memory, who, only_reads, Origin::default(), None)).unwrap()
}

#[test]
fn no_token_says_who_belongs_to_a_developer_account() {
    let memory = directory();
    let actor = by_token(&memory, false);
    let random = Seeded::default();
    // It manages the account's apps all the same.
    let member = actor.member("dev_one").unwrap();
    let offer = Offer {
        id: "inv_1".into(),
        developer_id: "dev_other".into(),
        name: "Other".into(),
        invited_by: "Somebody".into(),
    };
    let refused = [
        member.owner().map(drop),
        members::invite(member, Input::json(serde_json::Map::new()), &random, NOW).map(drop),
        members::withdraw(member, "inv_1", &random, NOW).map(drop),
        members::remove(member, "usr_ben", &random, NOW).map(drop),
        members::remove(member, "usr_alice", &random, NOW).map(drop),
        members::hand_over(member, "usr_ben", &random, NOW).map(drop),
        members::accept(actor.developer().unwrap(), &offer, &random, NOW).map(drop),
    ];
    for (index, refused) in refused.into_iter().enumerate() {
        assert!(matches!(refused, Err(Problem::Forbidden(_))), "{index}: {refused:?}");
    }
}

#[test]
fn a_token_for_somebody_who_is_suspended_is_good_for_nothing() {
    let memory = directory();
    let before = by_token(&memory, false);
    assert!(before.administrator().is_ok() && before.member("dev_one").is_ok());
    // As the first administrator, too.
    memory.database.run(
        "INSERT INTO connections (id, kind, name, issuer, client_id, created_at) VALUES ('con_a', 'oidc', 'Acme', 'https://id.example', 'x', 1);
         INSERT INTO user_identities VALUES ('https://id.example', 'alice', 'usr_alice', 'con_a', 1);
         UPDATE users SET status = 'suspended' WHERE id = 'usr_alice'",
    );
    for only_reads in [true, false] {
        let who = before.who.clone();
        let first = FirstAdministrator::parse("con_a alice");
        let actor = block_on(Actor::load(&memory, who, only_reads, Origin::default(), first.as_ref())).unwrap();
        assert!(actor.administrator().is_err() && actor.memberships().is_empty());
        assert!(actor.developer().is_err() && actor.member("dev_one").is_err());
    }
}

#[test]
fn a_token_manages_apps_only_for_somebody_with_a_way_to_sign_in_that_is_open_to_developers() {
    let memory = directory();
    // By the development sign-in.
    assert!(by_token(&memory, false).developer().is_ok());
    memory.database.run(
        "INSERT INTO connections (id, kind, name, issuer, client_id, created_at, for_developers, status) VALUES
           ('con_a', 'oidc', 'Closed', 'https://a.example', 'x', 1, 0, 'active'), ('con_b', 'oidc', 'Off', 'https://b.example', 'x', 1, 1, 'disabled');
         INSERT INTO user_identities VALUES ('https://a.example', 'alice', 'usr_alice', 'con_a', 1), ('https://b.example', 'alice', 'usr_alice', 'con_b', 1);",
    );
    for only_reads in [true, false] {
        let actor = by_token(&memory, only_reads);
        assert!(matches!(actor.developer().map(drop), Err(Problem::Forbidden(_))));
        assert!(actor.member("dev_one").is_err());
    }
    memory
        .database
        .run("UPDATE connections SET status = 'active' WHERE id = 'con_b'");
    assert!(by_token(&memory, false).member("dev_one").is_ok());
}

fn by_scopes(memory: &Memory, scopes: &str, user_id: Option<&str>, only_reads: bool) -> Actor {
    let who = Who::App {
        client_id: "app_tool".into(),
        user_id: user_id.map(str::to_owned),
        scopes: Scopes::parse(scopes).unwrap(),
    };
    block_on(Actor::load(memory, who, only_reads, Origin::default(), None)).unwrap()
}

#[test]
fn a_token_to_read_changes_nothing_and_one_for_one_thing_does_not_do_the_other() {
    let memory = directory();
    let alice = Some("usr_alice");
    //  scopes, user: reads as administrator, changes as one, reads as developer, changes as one
    for (scopes, user, expected) in [
        ("latchkey:admin:read", alice, [true, false, false, false]),
        ("latchkey:admin", alice, [true, true, false, false]),
        ("latchkey:apps:read", alice, [false, false, true, false]),
        ("latchkey:apps", alice, [false, false, true, true]),
        ("read:profile", alice, [false; 4]),
        // For itself an app administers, and is no developer.
        ("latchkey:admin:read", None, [true, false, false, false]),
        ("latchkey:admin latchkey:apps", None, [true, true, false, false]),
        // What its user may not, it may not for them.
        ("latchkey:admin latchkey:admin:read", Some("usr_ben"), [false; 4]),
        ("latchkey:apps", Some("usr_ben"), [false, false, true, true]),
    ] {
        let may = |only_reads| {
            let actor = by_scopes(&memory, scopes, user, only_reads);
            [actor.administrator().is_ok(), actor.developer().is_ok()]
        };
        let ([reads, looks], [administers, manages]) = (may(true), may(false));
        assert_eq!([reads, administers, looks, manages], expected, "{scopes} {user:?}");
    }
}

#[test]
fn no_token_reviews_whatever_its_user_is() {
    let memory = directory();
    memory
        .database
        .run("INSERT INTO user_roles (user_id, role) VALUES ('usr_alice', 'reviewer')");
    for user in [Some("usr_alice"), None] {
        for only_reads in [true, false] {
            let all = "latchkey:admin latchkey:admin:read latchkey:apps latchkey:apps:read";
            let actor = by_scopes(&memory, all, user, only_reads);
            assert!(actor.reviewer().is_err() && !actor.is_operator());
        }
    }
}
