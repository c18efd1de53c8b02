use pollster::block_on;

use super::settings::{self, RequestedScope, write_in_force};
use super::*;
use crate::management::actor::{Origin, Who, scope};
use crate::random::testing::Seeded;
use crate::store::memory::Memory;

const DIRECTORY: &str = "
INSERT INTO developers (id, name, created_at) VALUES ('dev_one', 'Northwind Labs', 1);
INSERT INTO users (id, username, name, created_at) VALUES ('usr_one', 'one', 'One', 1);
INSERT INTO developer_members (developer_id, user_id, role) VALUES ('dev_one', 'usr_one', 'owner');
INSERT INTO apis (id, resource, name, created_at) VALUES ('api_one', 'https://api.example', 'API', 1);
INSERT INTO scopes (name, api_id, title, description) VALUES ('a', 'api_one', 'A', 'A'), ('b', 'api_one', 'B', 'B');
INSERT INTO apps (client_id, developer_id, name, description, app_type, class, status, created_at)
VALUES ('app_one', 'dev_one', 'Planner', 'Plans', 'web', 'portal', 'draft', 7);
";

fn directory() -> Memory {
    let memory = Memory::default();
    memory.database.run(DIRECTORY);
    memory
}

fn app(memory: &Memory) -> AppRecord {
    block_on(load(memory, "app_one")).unwrap().unwrap()
}

fn settings() -> AppSettings {
    AppSettings {
        name: "Planner 2".into(),
        description: "Plans more".into(),
        redirect_uris: vec!["https://b.example/".into(), "https://a.example/".into()],
        scopes: vec![RequestedScope {
            scope: "b".into(),
            is_default: false,
            is_optional: true,
            reason: Some("to plan".into()),
        }],
        homepage_url: Some("https://planner.example/".into()),
        privacy_policy_url: None,
        terms_of_service_url: None,
        logo: None,
    }
}

fn save(app: &AppRecord, settings: AppSettings) -> Result<Vec<Statement>, Problem> {
    let who = Who::App {
        client_id: "app_tool".into(),
        user_id: Some("usr_one".into()),
        scopes: [scope::APPS].into_iter().collect(),
    };
    let actor = block_on(Actor::load(&directory(), who, false, Origin::default(), None)).unwrap();
    let member = actor.member("dev_one").unwrap();
    settings::save(app, settings, member, &Seeded::default(), Timestamp(9))
}

fn run(memory: &Memory, statements: Vec<Statement>) -> Result<(), Problem> {
    block_on(memory.transact(statements)).map(drop).map_err(Problem::from)
}

#[test]
fn until_the_first_approval_an_edit_is_in_force_at_once_but_for_the_reasons() {
    let memory = directory();
    run(&memory, save(&app(&memory), settings()).unwrap()).unwrap();
    let saved = app(&memory);
    assert_eq!((saved.version, saved.status), (2, AppStatus::Draft));
    assert_eq!(*saved.working_copy(), settings().in_order());
    let mut in_force = settings().in_order();
    in_force.scopes[0].reason = None;
    assert_eq!(saved.in_force, in_force);
    assert!(!saved.has_unreviewed_edits());
}

#[test]
fn after_the_first_approval_an_edit_changes_nothing_that_is_in_force() {
    let memory = directory();
    run(&memory, write_in_force("app_one", &settings())).unwrap();
    memory.database.run(&format!(
        "INSERT INTO submissions (id, client_id, number, status, content, testing, submitted_by, submitted_at,
                                  developer_name)
         VALUES ('sub_one', 'app_one', 1, 'approved', '{}', '', 'usr_one', 1, 'Northwind Labs');
         UPDATE apps SET status = 'approved', approved_at = 5",
        settings().to_json()
    ));
    let approved = app(&memory);
    assert_eq!(*approved.working_copy(), settings().in_order());
    let edited = AppSettings {
        redirect_uris: vec!["https://evil.example/".into()],
        scopes: Vec::new(),
        name: "Other".into(),
        ..settings()
    };
    run(&memory, save(&approved, edited.clone()).unwrap()).unwrap();
    let saved = app(&memory);
    assert_eq!(
        (&saved.in_force, saved.status),
        (&settings().in_order(), AppStatus::Approved)
    );
    assert_eq!(*saved.working_copy(), edited);
    assert!(saved.has_unreviewed_edits());
    // Taking the edits back leaves no working copy.
    run(&memory, save(&saved, settings()).unwrap()).unwrap();
    assert!(!app(&memory).has_unreviewed_edits());
}

#[test]
fn an_edit_of_another_version_or_of_a_deleted_app_is_refused_and_writes_nothing() {
    let memory = directory();
    let read = app(&memory);
    memory.database.run("UPDATE apps SET version = 2");
    assert_eq!(run(&memory, save(&read, settings()).unwrap()), Err(Problem::Changed));
    memory.database.run("UPDATE apps SET version = 1, deleted_at = 1");
    assert_eq!(run(&memory, save(&read, settings()).unwrap()), Err(Problem::Changed));
    assert!(block_on(load(&memory, "app_one")).unwrap().is_none());
    assert_eq!(memory.database.column("SELECT name FROM apps"), ["Planner"]);
    assert!(memory.database.column("SELECT scope FROM app_scopes").is_empty());
}

#[test]
fn an_edit_of_a_rejected_app_makes_it_a_draft_and_of_a_suspended_one_leaves_it_suspended() {
    for (before, after) in [("rejected", AppStatus::Draft), ("suspended", AppStatus::Suspended)] {
        let memory = directory();
        memory.database.run(&format!("UPDATE apps SET status = '{before}'"));
        run(&memory, save(&app(&memory), settings()).unwrap()).unwrap();
        assert_eq!(app(&memory).status, after);
    }
}

#[test]
fn an_edit_by_somebody_who_has_left_the_developer_account_meanwhile_writes_nothing() {
    let memory = directory();
    let statements = save(&app(&memory), settings()).unwrap();
    memory.database.run("DELETE FROM developer_members");
    assert_eq!(run(&memory, statements), Err(Problem::Changed));
    assert_eq!(memory.database.column("SELECT name FROM apps"), ["Planner"]);
}
