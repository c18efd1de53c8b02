use std::cell::Cell;
use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::oauth::error::{ErrorCode, OAuthError};
use crate::random::testing::Seeded;
use crate::store::memory::{Fault, Memory};
use crate::usage::buffer::{MOST_CALLS, MOST_COUNTS, MOST_ERRORS, MOST_ERRORS_OF_APP};
use crate::usage::call::Call;
use crate::usage::call::testing::{answered, call, unknown};
use crate::usage::call_statements::MOST_OF_AN_HOUR;
use crate::usage::statements::{MOST_LOGGED, delete_expired, roll_up, roll_up_calls};
use crate::usage::{DAY, HOUR, Issued};

/// Noon of some day.
const NOON: i64 = 20_000 * DAY + 12 * HOUR;

struct Isolate {
    writer: RefCell<Writer>,
    random: Seeded,
    now: Cell<Timestamp>,
}

impl Isolate {
    fn new(seed: u32) -> Self {
        Self {
            writer: RefCell::default(),
            random: Seeded::new(seed),
            now: Cell::new(Timestamp(NOON)),
        }
    }

    fn note(&self, change: impl FnOnce(&mut Noted)) -> bool {
        let mut noted = Noted::default();
        change(&mut noted);
        let request = Request {
            route: "token",
            id: "req",
            at: self.now.get(),
        };
        self.writer.borrow_mut().add(noted, request)
    }

    fn token(&self, client_id: &str, user: &str) {
        self.note(|noted| noted.token(client_id, Issued::ForRefreshToken, Some(user)));
    }

    fn refuse(&self, client_id: &str, description: &str) {
        self.note(|noted| {
            noted.app(client_id);
            noted.refused(&OAuthError::new(ErrorCode::InvalidGrant, description));
        });
    }

    fn write(&self, stores: &Memory) -> Step {
        pollster::block_on(write(&self.writer, stores, &self.random, || self.now.get()))
    }
}

fn numbers(stores: &Memory, sql: &str) -> Vec<u64> {
    let column = stores.database.column(sql);
    column.iter().map(|value| value.as_u64().unwrap()).collect()
}

fn sum(stores: &Memory, client_id: &str, metric: &str) -> u64 {
    let of = |table: &str| {
        numbers(
            stores,
            &format!(
                "SELECT COALESCE(sum(count), 0) FROM {table} WHERE client_id = '{client_id}' AND metric = '{metric}'"
            ),
        )[0]
    };
    of("usage_hours") + of("usage_days")
}

fn app(stores: &Memory, client_id: &str) {
    stores.database.run(&format!(
        "INSERT OR IGNORE INTO developers (id, name, created_at) VALUES ('dev_one', 'One', 0);
         INSERT INTO apps (client_id, developer_id, name, description, app_type, class, status, created_at)
         VALUES ('{client_id}', 'dev_one', 'App', '', 'web', 'portal', 'approved', 0);
         INSERT INTO client_secrets (id, client_id, secret_hash, hint, created_at)
         VALUES ('lsc_{client_id}', '{client_id}', 'x', 'x', 0);"
    ));
}

// Covers: R75
#[test]
fn requests_of_an_hour_become_one_row_for_each_metric_and_one_for_all_apps() {
    let (isolate, stores) = (Isolate::new(1), Memory::default());
    for _ in 0..3 {
        isolate.token("app_one", "usr_a");
    }
    isolate.token("app_two", "usr_a");
    isolate.token("app_one", "usr_b");
    assert_eq!(isolate.write(&stores), Step::Written { left_out: 0 });
    assert_eq!(sum(&stores, "app_one", "token.refresh_token"), 4);
    assert_eq!(sum(&stores, "app_one", "tokens"), 4);
    assert_eq!(sum(&stores, "app_one", "active_users"), 2);
    assert_eq!(sum(&stores, "*", "token.refresh_token"), 5);
    assert_eq!(sum(&stores, "*", "active_users"), 2, "a user of two apps is one user");
    assert_eq!(isolate.write(&stores), Step::Nothing);
    assert_eq!(stores.trips.take().len(), 1, "everything is one trip");
}

#[test]
fn a_user_counts_once_a_day_whatever_isolate_saw_them() {
    let (one, two, stores) = (Isolate::new(1), Isolate::new(2), Memory::default());
    for isolate in [&one, &two, &one] {
        isolate.token("app_one", "usr_a");
        isolate.write(&stores);
    }
    assert_eq!(sum(&stores, "app_one", "active_users"), 1);
    one.now.set(Timestamp(NOON + DAY));
    one.token("app_one", "usr_a");
    one.write(&stores);
    assert_eq!(sum(&stores, "app_one", "active_users"), 2);
}

#[test]
fn the_first_request_starts_a_task_and_the_next_ones_do_not() {
    let isolate = Isolate::new(1);
    let token = |noted: &mut Noted| noted.token("app_one", Issued::ForCode, None);
    assert!(!isolate.note(|_| ()), "there is nothing to write");
    assert!(isolate.note(token));
    assert!(!isolate.note(token));
    isolate.writer.borrow_mut().task_ended();
    assert!(isolate.note(token));
    isolate.now.set(isolate.now.get() + TASK_IS_DEAD);
    assert!(isolate.note(token), "a task that the platform ended is replaced");
}

#[test]
fn counts_outlast_a_directory_that_is_down_and_are_written_once() {
    let (isolate, stores) = (Isolate::new(1), Memory::default());
    for fault in [Fault::Before("database"), Fault::After("database")] {
        isolate.token("app_one", "usr_a");
        stores.plan(&[fault]);
        assert_eq!(isolate.write(&stores), Step::Failed);
        isolate.token("app_one", "usr_b");
        assert_eq!(isolate.write(&stores), Step::Written { left_out: 0 });
        assert_eq!(isolate.write(&stores), Step::Written { left_out: 0 });
        assert_eq!(isolate.write(&stores), Step::Nothing);
    }
    assert_eq!(sum(&stores, "app_one", "token.refresh_token"), 4);
    assert_eq!(sum(&stores, "app_one", "active_users"), 2);
}

#[test]
fn a_slow_or_broken_directory_is_asked_less_often_and_a_quick_one_each_second() {
    let (isolate, stores) = (Isolate::new(1), Memory::default());
    isolate.token("app_one", "usr_a");
    assert_eq!(isolate.writer.borrow().pause(), SHORTEST_PAUSE);
    stores.plan(&[Fault::Before("database"); 10]);
    for _ in 0..10 {
        isolate.write(&stores);
    }
    assert_eq!(isolate.writer.borrow().pause(), LONGEST_PAUSE);
    isolate.write(&stores);
    assert_eq!(isolate.writer.borrow().pause(), SHORTEST_PAUSE);
    isolate.writer.borrow_mut().written(0, Duration::from_millis(400));
    assert_eq!(isolate.writer.borrow().pause(), Duration::from_secs(4));
}

#[test]
fn a_flood_of_errors_is_counted_whole_and_logged_in_few_entries() {
    let (isolate, stores) = (Isolate::new(1), Memory::default());
    for at in 0..10_000 {
        isolate.refuse("app_one", "the grant has been revoked");
        isolate.refuse("app_two", &format!("this app may not ask for: x{at}"));
    }
    isolate.write(&stores);
    assert_eq!(sum(&stores, "app_one", "error.invalid_grant"), 10_000);
    assert_eq!(sum(&stores, "app_two", "error.invalid_grant"), 10_000);
    assert_eq!(
        numbers(&stores, "SELECT count FROM app_errors WHERE client_id = 'app_one'"),
        [10_000]
    );
    let of_two = numbers(&stores, "SELECT count(*) FROM app_errors WHERE client_id = 'app_two'");
    assert_eq!(of_two, [MOST_ERRORS_OF_APP as u64]);
}

#[test]
fn many_apps_with_errors_fill_neither_memory_nor_log() {
    let (isolate, stores) = (Isolate::new(1), Memory::default());
    for app in 0..MOST_COUNTS + 100 {
        isolate.refuse(&format!("app_{app}"), "the grant has been revoked");
    }
    assert_eq!(isolate.write(&stores), Step::Written { left_out: 100 });
    assert_eq!(
        numbers(&stores, "SELECT count(*) FROM app_errors"),
        [MOST_ERRORS as u64]
    );
    assert_eq!(sum(&stores, "*", "error.invalid_grant"), MOST_COUNTS as u64);
}

#[test]
fn the_log_of_an_app_keeps_the_last_thousand_and_leaves_others_alone() {
    let (isolate, stores) = (Isolate::new(1), Memory::default());
    isolate.refuse("app_two", "rare");
    for round in 0..60 {
        for at in 0..MOST_ERRORS_OF_APP {
            isolate.refuse("app_one", &format!("number {round} {at}"));
        }
        isolate.write(&stores);
    }
    let kept = |client_id: &str| {
        numbers(
            &stores,
            &format!("SELECT count(*) FROM app_errors WHERE client_id = '{client_id}'"),
        )[0]
    };
    assert_eq!(kept("app_one"), u64::from(MOST_LOGGED));
    assert_eq!(kept("app_two"), 1);
    let newest = "SELECT description FROM app_errors WHERE client_id = 'app_one' ORDER BY seq DESC LIMIT 1";
    assert_eq!(stores.database.column(newest), ["number 59 19"]);
}

#[test]
fn last_use_is_written_when_it_is_minutes_later_and_never_moves_back() {
    let (isolate, stores) = (Isolate::new(1), Memory::default());
    app(&stores, "app_one");
    stores.database.run(
        "INSERT INTO apis (id, resource, name, created_at) VALUES ('api_one', 'https://api.example', 'One', 1);
         INSERT INTO api_credentials (id, api_id, secret_hash, created_at) VALUES ('apc_one', 'api_one', 'hash', 1);",
    );
    let use_at = |minutes: i64| {
        isolate.now.set(Timestamp(NOON + minutes * 60_000));
        isolate.note(|noted| {
            noted.token("app_one", Issued::ForCredentials, None);
            noted.secret("lsc_app_one");
            noted.credential("apc_one");
        });
        isolate.write(&stores);
        ["apps", "client_secrets", "api_credentials"]
            .map(|table| numbers(&stores, &format!("SELECT last_used_at FROM {table}")))
    };
    let minute = |minutes: i64| [(); 3].map(|()| vec![(NOON + minutes * 60_000) as u64]);
    assert_eq!(use_at(0), minute(0));
    assert_eq!(use_at(4), minute(0));
    assert_eq!(use_at(6), minute(6));
    assert_eq!(use_at(-60), minute(6));
}

#[test]
fn hours_move_to_their_day_whole_and_one_at_a_time() {
    let (isolate, stores) = (Isolate::new(1), Memory::default());
    for hour in [0, 1, 30] {
        isolate.now.set(Timestamp(NOON + hour * HOUR));
        isolate.token("app_one", "usr_a");
        isolate.write(&stores);
    }
    let before = sum(&stores, "app_one", "token.refresh_token");
    let later = Timestamp(NOON + 4 * DAY);
    for _ in 0..20 {
        pollster::block_on(stores.transact(roll_up(later))).unwrap();
        assert_eq!(sum(&stores, "app_one", "token.refresh_token"), before);
    }
    // The thirtieth hour is not three days old yet.
    assert_eq!(
        stores
            .database
            .column("SELECT DISTINCT hour FROM usage_hours WHERE metric = 'token.refresh_token'"),
        [NOON + 30 * HOUR]
    );
    assert_eq!(
        stores
            .database
            .column("SELECT day FROM usage_days WHERE client_id = 'app_one' AND metric = 'token.refresh_token'"),
        [NOON - 12 * HOUR]
    );
    // What comes late is added.
    isolate.now.set(Timestamp(NOON));
    isolate.token("app_one", "usr_a");
    isolate.write(&stores);
    pollster::block_on(stores.transact(roll_up(later))).unwrap();
    assert_eq!(sum(&stores, "app_one", "token.refresh_token"), before + 1);
}

#[test]
fn what_is_too_old_is_deleted_and_nothing_else() {
    let (isolate, stores) = (Isolate::new(1), Memory::default());
    isolate.token("app_one", "usr_a");
    isolate.refuse("app_one", "x");
    isolate.write(&stores);
    let left_after = |days: i64| {
        let now = Timestamp(NOON + days * DAY);
        for _ in 0..9 {
            pollster::block_on(stores.transact(roll_up(now))).unwrap();
        }
        pollster::block_on(stores.transact(delete_expired(now))).unwrap();
        ["usage_days", "app_active_users", "app_errors", "usage_writers"]
            .map(|table| numbers(&stores, &format!("SELECT count(*) FROM {table}"))[0] > 0)
    };
    assert_eq!(left_after(0), [false, true, true, true]);
    assert_eq!(left_after(5), [true, false, true, false]);
    assert_eq!(left_after(31), [true, false, false, false]);
    assert_eq!(left_after(90), [true, false, false, false]);
    assert_eq!(left_after(91), [false, false, false, false]);
}

fn add_call(isolate: &Isolate, call: Call) {
    isolate.note(|noted| noted.call(call));
}

/// The calls of an app: route, method, outcome, scopes, number.
fn calls(stores: &Memory, client_id: &str) -> Vec<String> {
    let sql = format!(
        "SELECT format('%s %s %s %s %d', route, method, outcome, scopes, sum(count)) FROM (
           SELECT client_id, route, method, outcome, scopes, count FROM call_hours
           UNION ALL SELECT client_id, route, method, outcome, scopes, count FROM call_days)
         WHERE client_id = '{client_id}' GROUP BY route, method, outcome, scopes ORDER BY 1"
    );
    let rows = stores.database.column(&sql);
    rows.iter().map(|row| row.as_str().unwrap().to_owned()).collect()
}

// Covers: R75, R76
#[test]
fn calls_are_counted_by_route_method_outcome_and_scopes_for_the_app_and_for_all() {
    let (isolate, stores) = (Isolate::new(1), Memory::default());
    for _ in 0..3 {
        add_call(&isolate, answered("app_one", "/v1/{id}", 200, 12));
    }
    add_call(&isolate, answered("app_one", "/v1/{id}", 500, 900));
    add_call(&isolate, answered("app_two", "/v1/{id}", 200, 12));
    add_call(&isolate, call("app_two", "/", ""));
    add_call(&isolate, unknown("/v1/{id}"));
    assert_eq!(isolate.write(&stores), Step::Written { left_out: 0 });
    assert_eq!(stores.trips.take().len(), 1, "everything is one trip");
    assert_eq!(
        calls(&stores, "app_one"),
        ["/v1/{id} GET 200 read 3", "/v1/{id} GET 500 read 1"]
    );
    assert_eq!(
        calls(&stores, "*"),
        [
            "/ GET allowed  1",
            "/v1/{id} GET 200 read 4",
            "/v1/{id} GET 500 read 1",
            "/v1/{id} GET refused.token_required  1"
        ]
    );
    let kinds =
        |client_id: &str| ["through", "refused", "failed"].map(|kind| sum(&stores, client_id, &format!("call.{kind}")));
    assert_eq!((kinds("app_one"), kinds("app_two")), ([3, 0, 1], [2, 0, 0]));
    assert_eq!(kinds("*"), [5, 1, 1], "who shows no token counts for the API");
    assert_eq!((sum(&stores, "app_one", "calls"), sum(&stores, "*", "calls")), (4, 0));
    let times = "SELECT json_array(milliseconds, up_to_10, up_to_25, longer) FROM call_hours
                 WHERE client_id = 'app_one' AND outcome = '200'";
    assert_eq!(stores.database.column(times), ["[36,0,3,0]"]);
}

#[test]
fn calls_outlast_a_directory_that_is_down_and_are_written_once() {
    let (isolate, stores) = (Isolate::new(1), Memory::default());
    for fault in [Fault::Before("database"), Fault::After("database")] {
        add_call(&isolate, answered("app_one", "/v1", 200, 1));
        stores.plan(&[fault]);
        assert_eq!(isolate.write(&stores), Step::Failed);
        add_call(&isolate, answered("app_one", "/v1", 200, 1));
        for _ in 0..3 {
            isolate.write(&stores);
        }
    }
    assert_eq!(calls(&stores, "app_one"), ["/v1 GET 200 read 4"]);
    assert_eq!(numbers(&stores, "SELECT sum(milliseconds) FROM call_hours"), [8]);
    assert_eq!(sum(&stores, "app_one", "call.through"), 4);
}

#[test]
fn more_routes_than_there_is_room_for_are_counted_together_in_memory_and_in_the_directory() {
    let (isolate, stores) = (Isolate::new(1), Memory::default());
    let total = 3 * MOST_OF_AN_HOUR;
    for at in 0..MOST_CALLS + 100 {
        add_call(&isolate, answered("app_one", &format!("/{at}"), 200, 1));
    }
    assert_eq!(isolate.write(&stores), Step::Written { left_out: 0 });
    for at in MOST_CALLS + 100..total {
        add_call(&isolate, answered("app_one", &format!("/{at}"), 200, 1));
        if at % 100 == 0 {
            isolate.write(&stores);
        }
    }
    add_call(&isolate, answered("app_one", "/1", 200, 1));
    isolate.write(&stores);
    for client_id in ["app_one", "*"] {
        let rows = calls(&stores, client_id);
        assert!(rows.len() <= MOST_OF_AN_HOUR + MOST_CALLS, "{}", rows.len());
        assert!(
            rows.contains(&"/1 GET 200 read 2".to_owned()),
            "what has a place keeps it"
        );
        let rest = total - (rows.len() - 1);
        assert!(rows.contains(&format!("*  200  {rest}")), "{rest}");
    }
    assert_eq!(sum(&stores, "app_one", "call.through"), total as u64 + 1);
}

#[test]
fn one_app_that_fills_its_hour_leaves_others_their_rows() {
    let (isolate, stores) = (Isolate::new(1), Memory::default());
    for at in 0..MOST_CALLS {
        add_call(&isolate, answered("app_one", &format!("/{at}"), 200, 1));
    }
    isolate.write(&stores);
    add_call(&isolate, answered("app_two", "/new", 200, 1));
    add_call(&isolate, answered("app_one", "/new", 200, 1));
    isolate.write(&stores);
    assert_eq!(calls(&stores, "app_two"), ["/new GET 200 read 1"]);
    assert!(!calls(&stores, "app_one").contains(&"/new GET 200 read 1".to_owned()));
}

#[test]
fn hours_of_calls_move_to_their_day_whole_and_go_after_ninety() {
    let (isolate, stores) = (Isolate::new(1), Memory::default());
    for hour in [0, 1, 30] {
        isolate.now.set(Timestamp(NOON + hour * HOUR));
        add_call(&isolate, answered("app_one", "/v1", 200, 40));
        isolate.write(&stores);
    }
    let later = Timestamp(NOON + 4 * DAY);
    for _ in 0..20 {
        pollster::block_on(stores.transact(roll_up_calls(later))).unwrap();
        assert_eq!(calls(&stores, "app_one"), ["/v1 GET 200 read 3"]);
    }
    assert_eq!(
        stores.database.column("SELECT DISTINCT hour FROM call_hours"),
        [NOON + 30 * HOUR]
    );
    let day = "SELECT json_array(day, count, milliseconds, up_to_50) FROM call_days WHERE client_id = 'app_one'";
    assert_eq!(stores.database.column(day), [format!("[{},2,80,2]", NOON - 12 * HOUR)]);
    let left_after = |days: i64| {
        pollster::block_on(stores.transact(delete_expired(Timestamp(NOON + days * DAY)))).unwrap();
        numbers(&stores, "SELECT count(*) FROM call_days")[0] > 0
    };
    assert!(left_after(90) && !left_after(91));
}

// Covers: R78
#[test]
fn a_call_is_a_use_of_its_consent_that_is_written_once_an_hour_and_takes_a_notice_back() {
    let (isolate, stores) = (Isolate::new(1), Memory::default());
    app(&stores, "app_one");
    stores.database.run(
        "INSERT INTO users (id, username, name, created_at) VALUES ('usr_a', 'a', 'A', 0);
         INSERT INTO consents (id, user_id, client_id, shard, status, created_at, last_used_at, expiry_noted_at)
         VALUES ('cns_one', 'usr_a', 'app_one', 0, 'active', 0, 1, 2),
                ('cns_two', 'usr_a', 'app_one', 0, 'revoked', 0, 1, 2);",
    );
    let use_at = |minutes: i64, noted: Call| {
        isolate.now.set(Timestamp(NOON + minutes * 60_000));
        add_call(&isolate, noted);
        let told = isolate.writer.borrow().buffer.uses_a_consent();
        isolate.write(&stores);
        let used = numbers(&stores, "SELECT last_used_at FROM consents WHERE id = 'cns_one'")[0];
        (told, (used as i64 - NOON) / 60_000)
    };
    let call = || call("app_one", "/v1", "read");
    assert_eq!(use_at(0, call()), (true, 0));
    assert_eq!(
        stores
            .database
            .column("SELECT expiry_noted_at FROM consents WHERE id = 'cns_one'"),
        [Value::Null]
    );
    assert_eq!(use_at(59, call()), (false, 0), "it is not even in the batch");
    assert_eq!(use_at(61, call()), (true, 61));
    assert_eq!(use_at(30, call()), (false, 61), "it never moves back");
    let refused = unknown("/v1");
    assert_eq!(use_at(500, refused), (false, 61), "a call that is refused uses nothing");
    // Another isolate knows nothing of this one's memory.
    let other = Isolate::new(2);
    other.now.set(Timestamp(NOON + 90 * 60_000));
    add_call(&other, call());
    other.write(&stores);
    assert_eq!(
        numbers(&stores, "SELECT last_used_at FROM consents WHERE id = 'cns_one'"),
        [(NOON + 61 * 60_000) as u64]
    );
    let ended = "SELECT last_used_at FROM consents WHERE id = 'cns_two'";
    assert_eq!(numbers(&stores, ended), [1]);
}

#[test]
fn more_consents_than_are_remembered_are_all_written() {
    let (isolate, stores) = (Isolate::new(1), Memory::default());
    for at in 0..MOST_TOLD + 10 {
        let mut one = call("app_one", "/v1", "read");
        if let Some(caller) = &mut one.caller {
            caller.consent_id = Some(format!("cns_{at:05}"));
        }
        add_call(&isolate, one);
        if at % 500 == 0 {
            isolate.write(&stores);
        }
    }
    let isolate = isolate.writer.borrow();
    assert!(isolate.buffer.uses_a_consent());
    assert_eq!(isolate.told.get(&format!("cns_{:05}", MOST_TOLD + 5)), None);
}

/// What can happen next.
#[derive(Debug, Clone)]
enum Move {
    Token {
        isolate: usize,
        app: u8,
        user: u8,
        hours: i64,
    },
    Write {
        isolate: usize,
        fault: Option<Fault>,
    },
    TaskDies {
        isolate: usize,
    },
    RollUp,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let fault = prop_oneof![
        3 => Just(None),
        1 => Just(Some(Fault::Before("database"))),
        1 => Just(Some(Fault::After("database"))),
    ];
    let one = prop_oneof![
        6 => (0..2_usize, 0..2_u8, 0..3_u8, 0..40_i64).prop_map(|(isolate, app, user, hours)| Move::Token { isolate, app, user, hours }),
        3 => (0..2_usize, fault).prop_map(|(isolate, fault)| Move::Write { isolate, fault }),
        1 => (0..2_usize).prop_map(|isolate| Move::TaskDies { isolate }),
        1 => Just(Move::RollUp),
    ];
    proptest::collection::vec(one, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn counts_add_up_whatever_fails_and_whatever_comes_in_between(moves in moves()) {
        let stores = Memory::default();
        let isolates = [Isolate::new(1), Isolate::new(2)];
        let mut tokens: BTreeMap<u8, u64> = BTreeMap::new();
        let mut users = std::collections::BTreeSet::new();
        for next in moves {
            match next {
                Move::Token { isolate, app, user, hours } => {
                    let at = Timestamp(NOON + hours * HOUR);
                    isolates[isolate].now.set(at);
                    isolates[isolate].token(&format!("app_{app}"), &format!("usr_{user}"));
                    *tokens.entry(app).or_default() += 1;
                    users.insert((app, user, at.0 / DAY));
                }
                Move::Write { isolate, fault } => {
                    stores.plan(&Vec::from_iter(fault));
                    isolates[isolate].write(&stores);
                }
                Move::TaskDies { isolate } => isolates[isolate].writer.borrow_mut().task_ended(),
                Move::RollUp => {
                    // Planned faults are for the writers.
                    if let Ok(found) = pollster::block_on(stores.transact(roll_up(Timestamp(NOON + 4 * DAY)))) {
                        drop(found);
                    }
                }
            }
        }
        for isolate in &isolates {
            while isolate.write(&stores) != Step::Nothing {}
        }
        let mut all = 0;
        for (app, count) in tokens {
            let client_id = format!("app_{app}");
            prop_assert_eq!(sum(&stores, &client_id, "token.refresh_token"), count);
            prop_assert_eq!(sum(&stores, &client_id, "tokens"), count);
            let of_app = users.iter().filter(|(other, _, _)| *other == app).count();
            prop_assert_eq!(sum(&stores, &client_id, "active_users"), of_app as u64);
            all += count;
        }
        prop_assert_eq!(sum(&stores, "*", "token.refresh_token"), all);
    }
}

#[test]
fn nothing_but_ids_of_records_is_written() {
    let (isolate, stores) = (Isolate::new(1), Memory::default());
    isolate.refuse("app_one", "this app may not ask for: lkr_k1abcdef");
    isolate.write(&stores);
    let entry = stores
        .database
        .column("SELECT json_array(client_id, endpoint, error, description, request_id) FROM app_errors");
    let [Value::String(entry)] = entry.as_slice() else {
        panic!("{entry:?}")
    };
    assert_eq!(
        entry,
        "[\"app_one\",\"token\",\"invalid_grant\",\"this app may not ask for: ***\",\"req\"]"
    );
}
