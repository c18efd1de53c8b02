//! What a decision writes, in SQLite.

use serde_json::{Value, json};

use super::*;
use crate::management::actor::Origin;
use crate::oauth::authorization_code::CodePayload;
use crate::store::Database;
use crate::store::memory::Memory;

const TABLES: &str = "
    INSERT INTO developers (id, name, created_at) VALUES ('dev_1', 'Partner', 0);
    INSERT INTO apps (client_id, developer_id, name, description, app_type, class, status, created_at)
    VALUES ('app_1', 'dev_1', 'Planner', '', 'web', 'portal', 'approved', 0);
    INSERT INTO users (id, username, name, created_at) VALUES ('usr_1', 'alice', 'Alice', 0);
    INSERT INTO webhook_endpoints (id, developer_id, url, sealed_secret, created_at) VALUES ('whe_1', 'dev_1', '', '', 0);";

fn decision(attempt: &str, consent: &str, scopes: &str) -> Decision {
    let scopes = scopes.split_whitespace();
    Decision {
        request_id: format!("req_{attempt}"),
        attempt: attempt.into(),
        session: "s".into(),
        user_id: "usr_1".into(),
        client_id: "app_1".into(),
        app_epoch: 1,
        redirect_uri: "https://partner.dev/".into(),
        unverified_app_users: 100,
        approval: Some(Approval {
            consent_id: consent.into(),
            shard: Shard::from_number(1).unwrap(),
            instance: String::new(),
            device: None,
            remembered: false,
            declined: Scopes::default(),
            code_hash: format!("hash {attempt}"),
            payload: CodePayload {
                scopes: scopes.collect(),
                ..crate::oauth::authorization_code::tests::payload()
            },
        }),
        origin: Origin {
            request_id: "r1".into(),
            country: Some("AT".into()),
            address_hash: None,
        },
    }
}

/// Writes what follows from a yes, as often as it is asked to.
fn carry_out(memory: &Memory, decision: &Decision, times: usize) {
    memory.database.run(&format!(
        "INSERT OR IGNORE INTO decisions (request_id, attempt, user_id, decided_at, expires_at)
         VALUES ('{}', '{}', 'usr_1', 0, 9)",
        decision.request_id, decision.attempt
    ));
    for _ in 0..times {
        let statements = follow(decision, decision.approval.as_ref().unwrap(), Timestamp(1000)).unwrap();
        pollster::block_on(memory.transact(statements)).unwrap();
    }
}

fn told(memory: &Memory) -> Vec<Value> {
    let details = memory
        .database
        .column("SELECT detail FROM audit WHERE event = 'consent.granted' ORDER BY seq");
    details
        .iter()
        .map(|detail| serde_json::from_str(detail.as_str().unwrap()).unwrap())
        .collect()
}

#[test]
fn a_consent_is_told_once_with_what_was_added_and_not_again_for_nothing_new() {
    let memory = Memory::default();
    memory.database.run(TABLES);
    carry_out(&memory, &decision("a", "cns_1", "read"), 2);
    assert_eq!(
        told(&memory),
        [json!({ "consent_id": "cns_1", "scopes": ["read"], "added_scopes": ["read"], "is_new": true })]
    );
    carry_out(&memory, &decision("b", "cns_1", "read"), 1);
    assert_eq!(told(&memory).len(), 1);
    carry_out(&memory, &decision("c", "cns_1", "read write"), 2);
    assert_eq!(
        told(&memory)[1..],
        [json!({ "consent_id": "cns_1", "scopes": ["read", "write"], "added_scopes": ["write"], "is_new": false })]
    );
    memory.database.run("UPDATE consents SET status = 'revoked'");
    // Also one that allows nothing but to know who somebody is.
    carry_out(&memory, &decision("d", "cns_2", ""), 2);
    assert_eq!(
        told(&memory)[2..],
        [json!({ "consent_id": "cns_2", "scopes": [], "added_scopes": [], "is_new": true })]
    );
    assert_eq!(
        memory
            .database
            .column("SELECT developer_id || country || request_id FROM audit"),
        ["dev_1ATr1", "dev_1ATr1", "dev_1ATr1"]
    );
    assert_eq!(memory.database.column("SELECT count(*) FROM webhook_deliveries"), [3]);
    assert!(
        !memory.database.column("SELECT id FROM audit")[0]
            .as_str()
            .unwrap()
            .contains("_a")
    );
}

#[test]
fn a_decision_that_another_attempt_made_is_not_told() {
    let memory = Memory::default();
    memory.database.run(TABLES);
    carry_out(&memory, &decision("a", "cns_1", "read"), 1);
    let mut late = decision("b", "cns_9", "write");
    late.request_id = "req_a".into();
    carry_out(&memory, &late, 1);
    assert_eq!(told(&memory).len(), 1);
}
