//! The trigger and the statements, in SQLite.

use super::*;
use crate::management::notices::Notice;
use crate::management::notices::event::{EventFilter, TESTED};
use crate::random::testing::Seeded;
use crate::store::Database;
use crate::store::memory::Memory;
use crate::web::WebError;

const TABLES: &str = "
    INSERT INTO developers (id, name, created_at, contact) VALUES ('dev_1', 'Partner', 0, 'team@partner.dev'), ('dev_2', 'Other', 0, NULL);
    INSERT INTO apps (client_id, developer_id, name, description, app_type, class, status, created_at)
    VALUES ('app_1', 'dev_1', 'Planner', '', 'web', 'portal', 'approved', 0),
           ('app_2', 'dev_2', 'Mailer', '', 'web', 'portal', 'approved', 0);
    INSERT INTO users (id, username, name, status, created_at, account_name)
    VALUES ('usr_rita', 'rita', 'Rita', 'active', 0, 'rita@acme.dev'), ('usr_adam', 'adam', 'Adam', 'active', 0, 'adam'),
           ('usr_gone', 'gone', 'Gone', 'suspended', 0, 'gone@acme.dev');
    INSERT INTO user_roles (user_id, role) VALUES
      ('usr_rita', 'reviewer'), ('usr_rita', 'administrator'), ('usr_adam', 'reviewer'), ('usr_gone', 'reviewer');";

fn memory() -> Memory {
    let memory = Memory::default();
    memory.database.run(TABLES);
    memory
}

fn endpoint(memory: &Memory, id: &str, developer: Option<&str>, more: &str) {
    let developer = developer.map_or("NULL".into(), |id| format!("'{id}'"));
    memory.database.run(&format!(
        "INSERT INTO webhook_endpoints (id, developer_id, url, sealed_secret, created_at)
         VALUES ('{id}', {developer}, 'https://hooks.partner.dev/', '', 0);
         UPDATE webhook_endpoints SET {more} WHERE id = '{id}'"
    ));
}

fn event(memory: &Memory, id: &str, name: &str, app: &str) {
    memory.database.run(&format!(
        "INSERT INTO audit (id, at, event, actor_type, client_id, target_type, target_id)
         VALUES ('{id}', 1000, '{name}', 'operator', {app}, 'app', 'x')"
    ));
}

fn run(memory: &Memory, statements: Vec<Statement>) -> Found {
    pollster::block_on(memory.transact(statements)).unwrap()
}

fn claims(memory: &Memory, name: &str, left_out: &str, now: i64) -> Vec<Claimed> {
    claimed(&run(memory, claim(name, left_out, Timestamp(now)))).unwrap()
}

fn done(of: &Claimed, fate: Fate, health: Health) -> Done<'_> {
    Done {
        of,
        at: Timestamp(5000),
        took: Duration::from_millis(20),
        outcome: Outcome::Silent(WebError::OutOfReach),
        fate,
        health,
    }
}

fn deliveries(memory: &Memory) -> Vec<Value> {
    memory.database.column(
        "SELECT d.endpoint_id || ' ' || a.id FROM webhook_deliveries d JOIN audit a ON a.seq = d.audit_seq
         ORDER BY a.seq, d.endpoint_id",
    )
}

#[test]
fn a_notice_goes_to_whom_it_concerns_and_to_nobody_else() {
    let memory = memory();
    endpoint(&memory, "all", None, "events = '[\"*\"]'");
    endpoint(&memory, "mine", Some("dev_1"), "events = '[\"*\"]'");
    endpoint(&memory, "some", Some("dev_1"), "events = '[\"app.deleted\"]'");
    endpoint(&memory, "off", Some("dev_1"), "status = 'disabled'");
    endpoint(&memory, "other", Some("dev_2"), "events = '[\"*\"]'");
    event(&memory, "evt_1", "app.approved", "'app_1'");
    event(&memory, "evt_2", "app.deleted", "'app_1'");
    event(&memory, "evt_3", "app.deleted", "'app_2'");
    // Nobody's: of an app that has no record, or of none at all.
    event(&memory, "evt_4", "app.deleted", "'app_3'");
    event(&memory, "evt_5", "app.deleted", "NULL");
    memory.database.run(
        "INSERT INTO audit (id, at, event, actor_type, developer_id, target_type, target_id)
         VALUES ('evt_6', 1, 'developer.member_invited', 'user', 'dev_2', 'developer', 'dev_2')",
    );
    assert_eq!(
        deliveries(&memory),
        [
            "all evt_1",
            "mine evt_1",
            "all evt_2",
            "mine evt_2",
            "some evt_2",
            "all evt_3",
            "other evt_3",
            "all evt_4",
            "all evt_5",
            "all evt_6",
            "other evt_6",
        ]
    );
}

#[test]
fn every_notice_leaves_and_nothing_else_does() {
    let memory = memory();
    endpoint(&memory, "all", None, "events = '[\"*\"]'");
    for (number, notice) in Notice::ALL.into_iter().enumerate() {
        event(&memory, &format!("evt_{number}"), notice.name(), "NULL");
    }
    for inside in [
        TESTED,
        "webhook.disabled",
        "code.reused",
        "ledger.rolled_back",
        "app.approved ",
        "App.approved",
        "*",
        "",
    ] {
        event(&memory, &format!("evt_{inside}"), inside, "'app_1'");
    }
    assert_eq!(deliveries(&memory).len(), Notice::ALL.len());
    // Told twice, it is entered once.
    event(&memory, "evt_1", "app.approved", "NULL");
    assert_eq!(deliveries(&memory).len(), Notice::ALL.len());
}

#[test]
fn a_filter_hears_what_the_trigger_sends() {
    let memory = memory();
    let filter = EventFilter::parse(&["consent.ended", "app.approved"]).unwrap();
    endpoint(&memory, "e", None, &format!("events = '{}'", filter.to_json()));
    for notice in Notice::ALL {
        event(&memory, notice.name(), notice.name(), "NULL");
    }
    let heard = memory
        .database
        .column("SELECT event FROM webhook_deliveries JOIN audit ON seq = audit_seq ORDER BY seq");
    let wanted: Vec<&str> = Notice::ALL
        .into_iter()
        .filter(|n| filter.wants(*n))
        .map(Notice::name)
        .collect();
    assert_eq!(heard, wanted);
}

#[test]
fn two_runs_claim_nothing_twice_and_a_broken_run_is_taken_over_after_its_lease() {
    let memory = memory();
    endpoint(&memory, "e", None, "events = '[\"*\"]'");
    event(&memory, "evt_1", "app.approved", "'app_1'");
    assert!(claims(&memory, "early", "[]", 999).is_empty());
    let first = claims(&memory, "one", "[]", 1000);
    assert_eq!(first.len(), 1);
    assert!(claims(&memory, "two", "[]", 1000).is_empty());
    let lease = i64::try_from(LEASE.as_millis()).unwrap();
    assert!(claims(&memory, "two", "[]", 999 + lease).is_empty());
    let second = claims(&memory, "two", "[]", 1000 + lease);
    assert_eq!(second, first);
    // The first run wakes up and changes nothing.
    let random = Seeded::default();
    let late = done(&first[0], Fate::Delivered, Health::Disabled(Disabled::Gone));
    run(&memory, write_back("one", &[late], &random));
    assert!(memory.database.column("SELECT 1 FROM webhook_attempts").is_empty());
    assert_eq!(
        memory.database.column("SELECT status FROM webhook_endpoints"),
        ["active"]
    );
    run(
        &memory,
        write_back("two", &[done(&second[0], Fate::Delivered, Health::Working)], &random),
    );
    assert_eq!(
        memory.database.column("SELECT status FROM webhook_deliveries"),
        ["delivered"]
    );
    assert_eq!(memory.database.column("SELECT number FROM webhook_attempts"), [1]);
    assert!(claims(&memory, "three", "[]", i64::MAX / 4096).is_empty());
}

#[test]
fn a_backlog_of_one_endpoint_keeps_no_other_waiting() {
    let memory = memory();
    endpoint(&memory, "a_busy", Some("dev_1"), "failing_since = 1");
    endpoint(&memory, "quiet", Some("dev_2"), "failing_since = NULL");
    for number in 0..50 {
        event(&memory, &format!("evt_{number}"), "app.approved", "'app_1'");
    }
    event(&memory, "evt_last", "app.approved", "'app_2'");
    let first = claims(&memory, "one", "[]", 1000);
    let whose = |claimed: &[Claimed]| -> Vec<String> { claimed.iter().map(|c| c.endpoint_id.clone()).collect() };
    assert_eq!(whose(&first), ["a_busy", "a_busy", "quiet"]);
    assert!(claims(&memory, "two", "[\"a_busy\"]", 1000).is_empty());
}

#[test]
fn what_failed_comes_back_at_its_time_and_its_endpoint_is_noted_as_failing() {
    let memory = memory();
    endpoint(&memory, "e", Some("dev_1"), "events = '[\"*\"]'");
    event(&memory, "evt_1", "app.approved", "'app_1'");
    let first = claims(&memory, "one", "[]", 1000);
    let again = done(&first[0], Fate::Again(Timestamp(10_000)), Health::Failing);
    run(&memory, write_back("one", &[again], &Seeded::default()));
    assert_eq!(
        memory.database.column("SELECT failing_since FROM webhook_endpoints"),
        [5000]
    );
    let due = |now| run(&memory, vec![any_due(Timestamp(now))]).raw(0)[0]["due"].clone();
    assert_eq!((due(9999), due(10_000)), (0.into(), 1.into()));
    assert!(claims(&memory, "two", "[]", 9999).is_empty());
    let second = claims(&memory, "two", "[]", 10_000);
    assert_eq!(
        (second[0].attempts, second[0].failing_since),
        (1, Some(Timestamp(5000)))
    );
    let works = done(&second[0], Fate::Delivered, Health::Working);
    run(&memory, write_back("two", &[works], &Seeded::default()));
    assert_eq!(
        memory.database.column("SELECT failing_since FROM webhook_endpoints"),
        [Value::Null]
    );
    assert_eq!(memory.database.column("SELECT number FROM webhook_attempts"), [1, 2]);
    assert_eq!(
        memory.database.column("SELECT error FROM webhook_attempts LIMIT 1"),
        ["no_answer"]
    );
}

#[test]
fn an_endpoint_is_switched_off_once_with_an_audit_entry_and_what_was_on_its_way_ends() {
    let memory = memory();
    endpoint(&memory, "e", Some("dev_1"), "failing_since = 7");
    for number in 0..5 {
        event(&memory, &format!("evt_{number}"), "app.approved", "'app_1'");
    }
    let claimed = claims(&memory, "one", "[]", 1000);
    let off = Health::Disabled(Disabled::Failing);
    // It has worked meanwhile.
    memory.database.run("UPDATE webhook_endpoints SET failing_since = 8");
    let both: Vec<Done<'_>> = claimed.iter().map(|of| done(of, Fate::GivenUp, off)).collect();
    let statements = write_back("one", &both, &Seeded::default());
    run(&memory, statements[1..3].to_vec());
    assert_eq!(
        memory.database.column("SELECT status FROM webhook_endpoints"),
        ["active"]
    );
    memory.database.run("UPDATE webhook_endpoints SET failing_since = 7");
    run(&memory, statements);
    assert_eq!(
        memory.database.column("SELECT status FROM webhook_endpoints"),
        ["disabled"]
    );
    assert_eq!(
        memory.database.column(
            "SELECT developer_id || ' ' || target_id || ' ' || detail FROM audit WHERE event = 'webhook.disabled'"
        ),
        ["dev_1 e {\"reason\":\"failing\"}"]
    );
    assert!(claims(&memory, "two", "[]", 1000).is_empty());
    run(&memory, vec![end_for_disabled(Timestamp(2000))]);
    assert_eq!(
        memory
            .database
            .column("SELECT DISTINCT status || ' ' || COALESCE(next_attempt_at, '-') FROM webhook_deliveries"),
        ["failed -"]
    );
}

#[test]
fn gone_counts_more_than_the_answer_before_it() {
    let memory = memory();
    endpoint(&memory, "e", None, "failing_since = NULL");
    event(&memory, "evt_1", "app.approved", "'app_1'");
    event(&memory, "evt_2", "app.approved", "'app_1'");
    let claimed = claims(&memory, "one", "[]", 1000);
    let attempts = [
        done(&claimed[0], Fate::Delivered, Health::Working),
        done(&claimed[1], Fate::GivenUp, Health::Disabled(Disabled::Gone)),
    ];
    run(&memory, write_back("one", &attempts, &Seeded::default()));
    assert_eq!(
        memory.database.column("SELECT status FROM webhook_endpoints"),
        ["disabled"]
    );
    assert_eq!(
        memory
            .database
            .column("SELECT status FROM webhook_deliveries ORDER BY audit_seq"),
        ["delivered", "failed"]
    );
}

#[test]
fn a_mail_is_for_the_contact_or_for_active_reviewers_with_an_address() {
    let memory = memory();
    endpoint(&memory, "mail", None, "format = 'mail'");
    endpoint(&memory, "standard", None, "format = 'standard'");
    event(&memory, "evt_1", "app.submitted", "'app_1'");
    let claimed = claims(&memory, "one", "[]", 1000);
    assert_eq!(claimed[0].endpoint_id, "mail");
    assert_eq!(claimed[0].readership.contact.as_deref(), Some("team@partner.dev"));
    let reviewers: Vec<&str> = claimed[0]
        .readership
        .reviewers
        .iter()
        .map(|r| r.address.as_str())
        .collect();
    assert_eq!(reviewers, ["rita@acme.dev"]);
    assert_eq!(claimed[1].readership, Readership::default());
    assert_eq!(claimed[1].entry.app_name.as_deref(), Some("Planner"));
    assert_eq!(claimed[1].entry.developer_id.as_deref(), Some("dev_1"));
}

#[test]
fn what_finished_long_ago_is_deleted_with_its_attempts_and_what_waits_is_not() {
    let memory = memory();
    endpoint(&memory, "e", None, "events = '[\"*\"]'");
    for id in ["evt_1", "evt_2"] {
        event(&memory, id, "app.approved", "'app_1'");
    }
    let claimed = claims(&memory, "one", "[]", 1000);
    let attempts = [
        done(&claimed[0], Fate::GivenUp, Health::Failing),
        done(&claimed[1], Fate::Again(Timestamp(9)), Health::Failing),
    ];
    run(&memory, write_back("one", &attempts, &Seeded::default()));
    let at = Timestamp(5000) + KEPT;
    run(&memory, vec![delete_old(Timestamp(at.0 - 1))]);
    assert_eq!(deliveries(&memory).len(), 2);
    run(&memory, vec![delete_old(at)]);
    assert_eq!(deliveries(&memory), ["e evt_2"]);
    assert_eq!(memory.database.column("SELECT count(*) FROM webhook_attempts"), [1]);
}

#[test]
fn no_statement_reads_a_whole_table() {
    let memory = memory();
    let mut statements = claim("one", "[]", Timestamp(0));
    statements.extend([
        any_due(Timestamp(0)),
        end_for_disabled(Timestamp(0)),
        delete_old(Timestamp(0)),
    ]);
    statements.extend(write_back("one", &[], &Seeded::default()));
    for statement in statements {
        let explained = Statement::new(format!("EXPLAIN QUERY PLAN {}", statement.sql()));
        let explained = statement
            .values()
            .iter()
            .fold(explained, |explained, value| match value {
                crate::store::database::Bound::Text(text) => explained.text(text),
                crate::store::database::Bound::Number(number) => explained.number(*number),
                crate::store::database::Bound::Null => explained.optional_text(None),
            });
        for step in run(&memory, vec![explained]).raw(0) {
            let step = step["detail"].as_str().unwrap();
            let reads_a_table = ["webhook_deliveries", "webhook_endpoints", "audit", "d", "e", "a", "n"]
                .iter()
                .any(|table| step == format!("SCAN {table}"));
            assert!(!reads_a_table, "{step}: {}", statement.sql());
        }
    }
}
