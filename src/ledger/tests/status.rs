//! Status lists: whatever happens, a token that was taken back is marked, and no other.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rusqlite::Connection;

use super::*;
use crate::ledger::status::{Listed, MOST_LISTED, REVOKE_OF_APP};
use crate::status_list::tests::is_revoked;

const LIFETIME: u32 = 3600;
const START: Timestamp = Timestamp(1_800_000_000_000);

fn at(rows: &mut MemoryRows, now: Timestamp, operation: &Operation) -> Outcome {
    apply(rows, operation, now).unwrap()
}

fn place(outcome: &Outcome) -> Place {
    match outcome {
        Outcome::RedeemedListed { place } => *place,
        Outcome::Refreshed { place, .. } => place.expect("a place"),
        other => panic!("{other:?}"),
    }
}

fn redeemed_as(rows: &mut MemoryRows, name: &str, now: Timestamp) -> Place {
    let redeem = redemption(|redeem| {
        redeem.code_hash = name.into();
        redeem.family = name.into();
        redeem.attempt = name.into();
        redeem.consent_id = format!("cns_{name}");
        redeem.client_id = format!("app_{name}");
        redeem.code_expires_at = now + std::time::Duration::from_secs(60);
        redeem.token_lifetime = Some(LIFETIME);
    });
    place(&at(rows, now, &redeem))
}

fn refreshed_as(rows: &mut MemoryRows, name: &str, generation: u32, now: Timestamp) -> Outcome {
    let refresh = refresh(|refresh| {
        refresh.family = name.into();
        refresh.client_id = format!("app_{name}");
        refresh.generation = generation;
        refresh.token_lifetime = Some(LIFETIME);
    });
    at(rows, now, &refresh)
}

fn is_marked(rows: &mut MemoryRows, place: Place, now: Timestamp) -> bool {
    let list = Operation::StatusList { period: place.period() };
    match at(rows, now, &list) {
        Outcome::StatusList { list } => is_revoked(&list.lst, place.index()),
        other => panic!("{other:?}"),
    }
}

fn cut(client_id: &str, epoch: u32) -> Operation {
    let client_id = client_id.into();
    Operation::CutApps {
        apps: vec![AppCut { client_id, epoch }],
    }
}

fn seconds(seconds: u64) -> std::time::Duration {
    std::time::Duration::from_secs(seconds)
}

#[test]
fn whoever_does_not_ask_for_a_place_gets_none_and_nothing_is_kept() {
    let mut rows = redeemed();
    let outcome = run(&mut rows, refresh(|_| {}));
    assert!(matches!(outcome, Outcome::Refreshed { place: None, .. }));
    assert!(rows.families["family"].listed.is_empty());
}

#[test]
fn every_way_to_take_a_family_back_marks_all_its_tokens_and_nobody_elses() {
    let reuse = |name: &'static str| {
        refresh(move |refresh| (refresh.family, refresh.client_id) = (name.into(), format!("app_{name}")))
    };
    let ways: [(&str, Operation); 6] = [
        (
            "end_family",
            Operation::EndFamily {
                family: "mine".into(),
                client_id: "app_mine".into(),
                origin: None,
            },
        ),
        ("user", end_consents(EndedBy::User, &["cns_mine"])),
        ("suspended", end_consents(EndedBy::UserSuspended, &["cns_mine"])),
        ("token reused", reuse("mine")),
        (
            "code reused",
            redemption(|redeem| {
                redeem.code_hash = "mine".into();
                redeem.attempt = "another".into();
            }),
        ),
        ("app", cut("app_mine", 2)),
    ];
    for (name, way) in ways {
        let mut rows = MemoryRows::default();
        let first = redeemed_as(&mut rows, "mine", START);
        let other = redeemed_as(&mut rows, "other", START);
        let second = place(&refreshed_as(&mut rows, "mine", 0, START));
        let third = place(&refreshed_as(&mut rows, "mine", 1, START + seconds(600)));
        let now = START + seconds(700);
        for place in [first, second, third, other] {
            assert!(!is_marked(&mut rows, place, now), "{name}");
        }
        at(&mut rows, now, &way);
        for place in [first, second, third] {
            assert!(is_marked(&mut rows, place, now), "{name}");
        }
        assert!(!is_marked(&mut rows, other, now), "{name}");
    }
}

#[test]
fn a_family_that_makes_room_for_another_is_marked() {
    let mut rows = MemoryRows::default();
    let mut places = Vec::new();
    for number in 0..=MAX_FAMILIES as u64 {
        let redeem = redemption(|redeem| {
            redeem.code_hash = number.to_string();
            redeem.family = number.to_string();
            redeem.code_expires_at = START + seconds(600);
            redeem.token_lifetime = Some(LIFETIME);
        });
        places.push(place(&at(&mut rows, START + seconds(number), &redeem)));
    }
    let now = START + seconds(60);
    assert!(is_marked(&mut rows, places[0], now));
    for place in &places[1..] {
        assert!(!is_marked(&mut rows, *place, now));
    }
}

#[test]
fn one_access_token_is_marked_alone() {
    let mut rows = MemoryRows::default();
    let first = redeemed_as(&mut rows, "mine", START);
    let second = place(&refreshed_as(&mut rows, "mine", 0, START));
    let end = Operation::EndToken {
        jti: "jti".into(),
        expires_at: START + seconds(LIFETIME.into()),
        place: Some(first),
    };
    at(&mut rows, START, &end);
    assert!(is_marked(&mut rows, first, START));
    assert!(!is_marked(&mut rows, second, START));
}

#[test]
fn a_request_that_is_made_again_gets_a_place_of_its_own_and_both_are_marked() {
    let mut rows = MemoryRows::default();
    let first = redeemed_as(&mut rows, "mine", START);
    let again = redeemed_as(&mut rows, "mine", START);
    let refreshed = place(&refreshed_as(&mut rows, "mine", 0, START));
    let refreshed_again = place(&refreshed_as(&mut rows, "mine", 0, START));
    let all = [first, again, refreshed, refreshed_again];
    assert_eq!(all.iter().collect::<std::collections::BTreeSet<_>>().len(), 4);
    at(&mut rows, START, &end_consents(EndedBy::User, &["cns_mine"]));
    for place in all {
        assert!(is_marked(&mut rows, place, START));
    }
}

#[test]
fn a_family_keeps_so_many_places_and_what_comes_beyond_is_on_no_list() {
    let mut rows = MemoryRows::default();
    redeemed_as(&mut rows, "mine", START);
    for generation in 1..MOST_LISTED {
        place(&refreshed_as(
            &mut rows,
            "mine",
            u32::try_from(generation).unwrap() - 1,
            START,
        ));
    }
    let generation = rows.families["mine"].generation;
    let beyond = refreshed_as(&mut rows, "mine", generation, START);
    assert!(matches!(beyond, Outcome::Refreshed { place: None, .. }), "{beyond:?}");
    assert_eq!(rows.families["mine"].listed.len(), MOST_LISTED);
    // When they have expired there is room again.
    let later = START + seconds(u64::from(LIFETIME)) + CLOCKS;
    place(&refreshed_as(&mut rows, "mine", generation + 1, later));
    assert_eq!(rows.families["mine"].listed.len(), 1);
}

#[test]
fn a_mark_goes_when_its_token_has_expired_by_any_clock() {
    let mut rows = MemoryRows::default();
    let place = redeemed_as(&mut rows, "mine", START);
    at(&mut rows, START, &end_consents(EndedBy::User, &["cns_mine"]));
    let expired = START + seconds(LIFETIME.into()) + CLOCKS;
    let before = Timestamp(expired.0 - 1);
    rows.delete_expired(before);
    assert!(is_marked(&mut rows, place, before));
    assert!(!is_marked(&mut rows, place, expired));
    rows.delete_expired(expired);
    assert!(rows.revoked_places.is_empty());
}

#[test]
fn a_family_that_is_over_before_its_last_token_is_still_known_and_can_be_taken_back() {
    let mut rows = MemoryRows::default();
    let redeem = redemption(|redeem| {
        redeem.code_expires_at = START + seconds(60);
        redeem.lifetimes = Lifetimes { idle: 60, absolute: 60 };
        redeem.token_lifetime = Some(LIFETIME);
    });
    let place = place(&at(&mut rows, START, &redeem));
    let now = START + seconds(120);
    rows.delete_expired(now);
    at(&mut rows, now, &end_consent());
    assert!(is_marked(&mut rows, place, now));
    rows.delete_expired(START + seconds(u64::from(LIFETIME)) + CLOCKS);
    assert!(rows.families.is_empty());
}

#[test]
fn an_app_that_was_cut_off_gets_no_token_from_before_also_from_who_does_not_know_it_yet() {
    let mut rows = MemoryRows::default();
    redeemed_as(&mut rows, "mine", START);
    redeemed_as(&mut rows, "other", START);
    at(&mut rows, START, &cut("app_mine", 2));
    assert_eq!(refused(&refreshed_as(&mut rows, "mine", 0, START)), Refusal::AppEpoch);
    let again = |epoch| {
        redemption(move |redeem| {
            (redeem.code_hash, redeem.family) = (format!("code {epoch}"), format!("family {epoch}"));
            redeem.client_id = "app_mine".into();
            redeem.code_expires_at = START + seconds(60);
            redeem.app_epoch = epoch;
            redeem.token_lifetime = Some(LIFETIME);
        })
    };
    assert_eq!(refused(&at(&mut rows, START, &again(1))), Refusal::AppEpoch);
    assert!(!rows.codes.contains_key("code 1"), "a refused code is not used up");
    let lost = redemption(|redeem| {
        (redeem.code_hash, redeem.attempt) = ("mine".into(), "mine".into());
        redeem.client_id = "app_mine".into();
    });
    assert_eq!(refused(&at(&mut rows, START, &lost)), Refusal::AppEpoch);
    let good = place(&at(&mut rows, START, &again(2)));
    at(&mut rows, START, &cut("app_mine", 2));
    at(&mut rows, START, &cut("app_mine", 1));
    assert!(
        !is_marked(&mut rows, good, START),
        "a cut that is known changes nothing"
    );
    assert_eq!(refused(&at(&mut rows, START, &again(1))), Refusal::AppEpoch);
    assert!(matches!(
        at(&mut rows, START, &again(3)),
        Outcome::RedeemedListed { .. }
    ));
    place(&refreshed_as(&mut rows, "other", 0, START));
    at(&mut rows, START, &cut("app_mine", 3));
    assert!(is_marked(&mut rows, good, START), "a later cut counts");
}

#[test]
fn what_the_directory_says_again_is_no_news() {
    let mut rows = MemoryRows::default();
    let app = |client_id: &str, epoch| AppCut {
        client_id: client_id.into(),
        epoch,
    };
    at(&mut rows, START, &cut("app_one", 2));
    let apps = vec![
        app("app_one", 1),
        app("app_one", 2),
        app("app_one", 3),
        app("app_two", 1),
    ];
    let news = crate::ledger::status::news(&rows, apps).unwrap();
    assert_eq!(news, [app("app_one", 3), app("app_two", 1)]);
}

/// The statement that the object runs marks what the rows in memory mark.
#[test]
fn the_statement_for_apps_marks_older_living_tokens_of_that_app_alone() {
    let database = Connection::open_in_memory().unwrap();
    database
        .execute_batch(
            "CREATE TABLE families (id INTEGER PRIMARY KEY, client_id TEXT, record TEXT NOT NULL);
             CREATE INDEX families_by_client ON families (client_id);
             CREATE TABLE revoked_places (place INTEGER PRIMARY KEY, expires_at INTEGER NOT NULL);",
        )
        .unwrap();
    let mut rows = MemoryRows::default();
    let mut number = 0;
    let families = [
        ("app_one", 1, vec![100, 0, 200]),
        ("app_one", 1, vec![300]),
        ("app_one", 2, vec![100]),
        ("app_one", 2, vec![100]),
        ("app_two", 1, vec![100]),
        ("app_two", 1, vec![100]),
        ("app_one", 0, vec![]),
    ];
    for (id, (client_id, epoch, lifetimes)) in families.into_iter().enumerate() {
        let mut family = Family::begin(&redeem(), START);
        family.client_id = client_id.into();
        family.app_epoch = epoch;
        for lifetime in lifetimes {
            number += 1;
            family.listed.push(Listed {
                place: Place::new(7, number).unwrap(),
                expires_at: START + seconds(lifetime),
            });
        }
        let record = serde_json::to_string(&family).unwrap();
        // Of every other an earlier version did not write down whose it is.
        let values = (id as i64, Some(client_id).filter(|_| id % 2 == 0), &record);
        database
            .execute("INSERT INTO families VALUES (?, ?, ?)", values)
            .unwrap();
        rows.families.insert(id.to_string(), family);
    }
    for (client_id, epoch) in [("app_one", 2), ("app_one", 2), ("app_three", 9)] {
        database.execute(REVOKE_OF_APP, (client_id, epoch, START.0)).unwrap();
        at(&mut rows, START, &cut(client_id, epoch));
    }
    let mut marked = database
        .prepare("SELECT place, expires_at FROM revoked_places")
        .unwrap();
    let marked: BTreeMap<i64, i64> = marked
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(marked.len(), 3);
    let same = rows
        .revoked_places
        .iter()
        .map(|(place, until)| (i64::try_from(place.number()).unwrap(), until.0));
    assert_eq!(marked, same.collect());
}

#[derive(Debug, Clone)]
enum Step {
    Pass(i64),
    Redeem(u8),
    Refresh(u8),
    OldToken(u8),
    EndFamily(u8),
    EndConsent(u8),
    EndToken(usize),
    CutApp(u8),
    CleanUp,
}

fn step() -> impl Strategy<Value = Step> {
    let name = 0..4_u8;
    prop_oneof![
        4 => prop_oneof![Just(0), Just(1), Just(61_000), Just(-30_000), Just(3_600_000), Just(7_200_000)].prop_map(Step::Pass),
        6 => name.clone().prop_map(Step::Redeem),
        8 => name.clone().prop_map(Step::Refresh),
        1 => name.clone().prop_map(Step::OldToken),
        1 => name.clone().prop_map(Step::EndFamily),
        1 => name.clone().prop_map(Step::EndConsent),
        1 => (0..8_usize).prop_map(Step::EndToken),
        1 => name.prop_map(Step::CutApp),
        2 => Just(Step::CleanUp),
    ]
}

/// A token that was issued, and whether it was taken back.
struct Issued {
    family: String,
    app: u8,
    epoch: u32,
    place: Place,
    expires_at: Timestamp,
    revoked: bool,
}

/// What happened, as its users see it. Apps are 0 and 1, consents are never used again.
struct World {
    rows: MemoryRows,
    now: Timestamp,
    issued: Vec<Issued>,
    /// The newest family of each name, its app, epoch and generation.
    newest: BTreeMap<u8, (String, u8, u32, u32)>,
    epochs: [u32; 2],
    number: u32,
}

impl World {
    fn note(&mut self, name: u8, outcome: &Outcome) {
        let (family, app, epoch, generation) = self.newest.get_mut(&name).unwrap();
        let place = match outcome {
            Outcome::RedeemedListed { place } => Some(*place),
            Outcome::Refreshed { place, family, .. } => {
                *generation = family.generation;
                *place
            }
            _ => None,
        };
        if let Some(place) = place {
            assert!(self.issued.iter().all(|one| one.place != place), "a place came twice");
            let lifetime = seconds(LIFETIME.into());
            self.issued.push(Issued {
                family: family.clone(),
                app: *app,
                epoch: *epoch,
                place,
                expires_at: self.now + lifetime,
                revoked: false,
            });
        }
    }

    fn revoke(&mut self, which: impl Fn(&Issued) -> bool) {
        for one in self.issued.iter_mut().filter(|one| which(one)) {
            one.revoked = true;
        }
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Pass(time) => self.now = Timestamp(self.now.0 + time),
            Step::Redeem(name) => {
                self.number += 1;
                let (family, app) = (format!("{name} {}", self.number), name % 2);
                let epoch = self.epochs[usize::from(app)];
                let redeem = redemption(|redeem| {
                    redeem.code_hash.clone_from(&family);
                    redeem.family.clone_from(&family);
                    redeem.consent_id.clone_from(&family);
                    redeem.client_id = app.to_string();
                    redeem.app_epoch = epoch;
                    redeem.code_expires_at = self.now + seconds(60);
                    redeem.token_lifetime = Some(LIFETIME);
                });
                let outcome = at(&mut self.rows, self.now, &redeem);
                self.newest.insert(*name, (family, app, epoch, 0));
                self.note(*name, &outcome);
            }
            Step::Refresh(name) | Step::OldToken(name) => {
                let Some((family, app, epoch, generation)) = self.newest.get(name).cloned() else {
                    return;
                };
                let old = matches!(step, Step::OldToken(_));
                let refresh = refresh(|refresh| {
                    refresh.family.clone_from(&family);
                    refresh.client_id = app.to_string();
                    refresh.app_epoch = epoch;
                    refresh.generation = if old { generation.saturating_sub(3) } else { generation };
                    refresh.token_lifetime = Some(LIFETIME);
                });
                let outcome = at(&mut self.rows, self.now, &refresh);
                self.note(*name, &outcome);
                let reused = matches!(
                    outcome,
                    Outcome::Refused {
                        reason: Refusal::TokenReused
                    }
                );
                if reused {
                    self.revoke(|one| one.family == family);
                }
            }
            Step::EndFamily(name) => {
                let Some((family, app, ..)) = self.newest.get(name).cloned() else {
                    return;
                };
                let end = Operation::EndFamily {
                    family: family.clone(),
                    client_id: app.to_string(),
                    origin: None,
                };
                at(&mut self.rows, self.now, &end);
                self.revoke(|one| one.family == family);
            }
            Step::EndConsent(name) => {
                let Some((family, ..)) = self.newest.get(name).cloned() else {
                    return;
                };
                at(&mut self.rows, self.now, &end_consents(EndedBy::User, &[&family]));
                self.revoke(|one| one.family == family);
            }
            Step::EndToken(which) => {
                let now = self.now;
                let count = self.issued.len();
                let Some(one) = self.issued.get_mut(count.wrapping_sub(1 + which)) else {
                    return;
                };
                if one.expires_at <= now {
                    return;
                }
                one.revoked = true;
                let end = Operation::EndToken {
                    jti: format!("{:?}", one.place),
                    expires_at: one.expires_at,
                    place: Some(one.place),
                };
                at(&mut self.rows, now, &end);
            }
            Step::CutApp(app) => {
                let app = app % 2;
                self.epochs[usize::from(app)] += 1;
                let epoch = self.epochs[usize::from(app)];
                at(&mut self.rows, self.now, &cut(&app.to_string(), epoch));
                self.revoke(|one| one.app == app && one.epoch < epoch);
            }
            Step::CleanUp => self.rows.delete_expired(self.now),
        }
    }

    fn check(&self) {
        let marked: std::collections::BTreeSet<Place> = self
            .issued
            .iter()
            .map(|one| one.place.period())
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .flat_map(|period| self.rows.revoked_places(period, self.now).unwrap())
            .collect();
        for one in self.issued.iter().filter(|one| one.expires_at > self.now) {
            assert_eq!(
                marked.contains(&one.place),
                one.revoked,
                "{:?} of {}",
                one.place,
                one.family
            );
        }
        let known = |place: &Place| self.issued.iter().any(|one| one.place == *place && one.revoked);
        assert!(marked.iter().all(known), "a place is marked that nobody has");
    }
}

proptest! {
    #[test]
    fn every_living_token_is_marked_exactly_if_it_was_taken_back(steps in prop::collection::vec(step(), 1..80)) {
        let mut world = World {
            rows: MemoryRows::default(),
            now: START,
            issued: Vec::new(),
            newest: BTreeMap::new(),
            epochs: [1, 1],
            number: 0,
        };
        for step in &steps {
            world.take(step);
            world.check();
        }
    }
}
