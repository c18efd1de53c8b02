//! What an access token is good for here.

use pollster::block_on;

use super::*;
use crate::management::accounts::members::{self, Offer};
use crate::management::input::Input;
use crate::random::Seeded;
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
        members::invite(member, Input::default(), &random, NOW).map(drop),
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
