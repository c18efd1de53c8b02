//! Users, apps and developer accounts, as administrators see them.

mod apps;
mod erasure;
mod pages;
mod users;

use serde_json::json;

use super::*;
use crate::ledger::family::Family;
use crate::ledger::shard::Shard;
use crate::ledger::{Lifetimes, Operation, Outcome, Redeem, Redeemable};
use crate::oauth::scope::Scopes;
use crate::store::Ledger;

const USERS: &str = "/api/admin/users";

fn shard(number: u16) -> Shard {
    Shard::from_number(3 * 256 + number).unwrap()
}

/// Apps of both developer accounts, all of them in use.
const APPS: &str = "
INSERT INTO apps (client_id, developer_id, name, description, app_type, class, status, created_at) VALUES
  ('app_planner', 'dev_north', 'Planner', '', 'web', 'portal', 'approved', 10),
  ('app_notes', 'dev_north', 'Notes', '', 'spa', 'portal', 'approved', 11),
  ('app_draft', 'dev_north', 'Draft', '', 'spa', 'portal', 'draft', 12),
  ('app_other', 'dev_south', 'Other', '', 'spa', 'portal', 'approved', 13),
  ('app_agent', 'dev_south', 'Agent', '', 'spa', 'registered', 'pending_review', 14);
";

/// [`portal`] with [`APPS`].
pub fn platform() -> Server {
    let server = portal();
    server.stores.database.run(APPS);
    server
}

/// Gives an app a consent of a user, with tokens that live, in this ledger.
fn connect(server: &Server, id: &str, user_id: &str, client_id: &str, shard: Shard) {
    let now = server.now.get();
    server.stores.database.run(&format!(
        "INSERT INTO consents (id, user_id, client_id, shard, status, created_at, device, instance)
         VALUES ('{id}', '{user_id}', '{client_id}', {}, 'active', {}, 'firefox/linux', '{id}')",
        shard.number(),
        now.0
    ));
    let redeem = Redeem {
        code_hash: format!("code of {id}"),
        code_expires_at: Timestamp(now.0 + 60_000),
        attempt: "one".into(),
        family: format!("family of {id}"),
        client_id: client_id.into(),
        app_epoch: 1,
        user_id: user_id.into(),
        consent_id: id.into(),
        scopes: Scopes::default(),
        resources: vec!["https://api.example".into()],
        auth_time: now,
        dpop_key: None,
        proof: None,
        lifetimes: Lifetimes::default(),
        origin: None,
        kind: Redeemable::Code,
        token_lifetime: None,
    };
    let outcome = pollster::block_on(server.stores.ledger(shard, &Operation::Redeem(Box::new(redeem))));
    assert_eq!(outcome.unwrap(), Outcome::Redeemed);
}

/// The consents whose tokens live.
fn alive(server: &Server) -> Vec<String> {
    let ledgers = server.stores.ledgers.borrow();
    let families = ledgers.values().flat_map(|rows| rows.families.values());
    let mut alive: Vec<String> = families
        .filter(|family: &&Family| family.ended.is_none())
        .map(|family| family.consent_id.clone())
        .collect();
    alive.sort();
    alive
}

/// Each consent with its state in the directory.
fn consents(server: &Server) -> Vec<Value> {
    server
        .stores
        .database
        .column("SELECT id || ' ' || status || ' ' || COALESCE(ended_by, '-') FROM consents ORDER BY id")
}

fn post(target: &str, body: &Value) -> Request {
    call("POST", target, body)
}
