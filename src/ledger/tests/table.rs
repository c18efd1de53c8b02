//! Every operation against every state of a family, with what it answers and whether it changes anything.
//!
//! The family has reached generation 3 unless it is fresh. A cell is the answer; `*` after it: rows changed; `x`: the
//! family is ended now. `ok4` hands out the token of generation 4.

use super::faults::{lose_the_reply, try_every_failure};
use super::*;

const MINUTE: i64 = 60 * 1000;
const HOUR: i64 = 60 * MINUTE;
const AT: Timestamp = Timestamp(100 * HOUR);

/// A state: the rows, and the epoch the app has by now.
struct State {
    rows: MemoryRows,
    app_epoch: u32,
}

/// A family that began at a time and met these generations, each so many milliseconds before `AT`.
fn met(began: i64, presented: &[(u32, i64)], change: impl Fn(&mut Redeem)) -> State {
    let began = Timestamp(AT.0 - began);
    let begin = redemption(|redeem| {
        redeem.code_expires_at = Timestamp(AT.0 + MINUTE);
        change(redeem);
    });
    let mut rows = MemoryRows::default();
    assert_eq!(apply(&mut rows, &begin, began), Ok(Outcome::Redeemed));
    for (generation, ago) in presented {
        let dpop_key = rows.families["family"].dpop_key.clone();
        let present = refresh(|refresh| {
            refresh.generation = *generation;
            refresh.attempt = format!("at {ago}");
            refresh.dpop_key = dpop_key;
        });
        let outcome = apply(&mut rows, &present, Timestamp(AT.0 - ago)).unwrap();
        assert!(matches!(outcome, Outcome::Refreshed { .. }), "{outcome:?}");
    }
    rows.used.clear();
    rows.events.clear();
    State { rows, app_epoch: 1 }
}

const HOURLY: [(u32, i64); 3] = [(0, 3 * HOUR), (1, 2 * HOUR), (2, HOUR)];

fn hourly() -> State {
    met(4 * HOUR, &HOURLY, |_| {})
}

fn after(operation: &Operation) -> State {
    let mut state = hourly();
    apply(&mut state.rows, operation, Timestamp(AT.0 - MINUTE)).unwrap();
    state.rows.events.clear();
    state
}

fn states() -> Vec<(&'static str, State)> {
    let lifetimes = |idle: i64, absolute: i64| {
        move |redeem: &mut Redeem| {
            redeem.lifetimes = Lifetimes {
                idle: (idle / 1000) as u32,
                absolute: (absolute / 1000) as u32,
            };
        }
    };
    let late = |generation| [&HOURLY[..], &[(generation, MINUTE * 2)]].concat();
    let mut alone_ended = hourly();
    alone_ended
        .rows
        .ended_consents
        .insert("cns_one".into(), Timestamp(i64::MAX));
    let mut forgotten = hourly();
    forgotten.rows.families.clear();
    vec![
        ("fresh", met(0, &[], |_| {})),
        (
            "rotated just now",
            met(HOUR, &[(0, 70_000), (1, 60_000), (2, 50_000)], |_| {}),
        ),
        ("rotated long ago", hourly()),
        ("re-sent late", met(4 * HOUR, &late(2), |_| {})),
        (
            "the one before re-sent late",
            met(
                4 * HOUR,
                &[(0, 4 * HOUR), (1, 3 * HOUR), (1, 2 * HOUR), (2, HOUR)],
                |_| {},
            ),
        ),
        (
            "long before re-sent late",
            met(
                4 * HOUR,
                &[(0, 4 * HOUR), (0, 3 * HOUR), (1, 2 * HOUR), (2, HOUR)],
                |_| {},
            ),
        ),
        (
            "bound to a key",
            met(4 * HOUR, &HOURLY, |redeem| redeem.dpop_key = Some("key".into())),
        ),
        (
            "at the end of its idle time",
            met(
                2 * HOUR,
                &[(0, 110 * MINUTE), (1, 90 * MINUTE), (2, HOUR)],
                lifetimes(HOUR, 9 * HOUR),
            ),
        ),
        (
            "at the end of its life",
            met(4 * HOUR, &HOURLY, lifetimes(3 * HOUR, 4 * HOUR)),
        ),
        (
            "ended: code reused",
            after(&redemption(|redeem| redeem.attempt = "second".into())),
        ),
        ("ended: token reused", after(&refresh(|_| {}))),
        ("ended: by its app", after(&end_family("app_one"))),
        ("ended: with its consent", after(&end_consent())),
        ("only its consent ended", alone_ended),
        (
            "app recalled",
            State {
                app_epoch: 2,
                ..hourly()
            },
        ),
        ("forgotten", forgotten),
    ]
}

fn end_family(client_id: &str) -> Operation {
    Operation::EndFamily {
        family: "family".into(),
        client_id: client_id.into(),
        origin: None,
    }
}

type Column = (&'static str, fn(u32) -> Option<Operation>);

fn present(generation: Option<u32>, change: impl FnOnce(&mut Refresh)) -> Option<Operation> {
    let generation = generation?;
    Some(refresh(|refresh| {
        refresh.generation = generation;
        refresh.attempt = "now".into();
        change(refresh);
    }))
}

const REFRESHES: [Column; 10] = [
    ("current", |at| present(Some(at), |_| {})),
    ("previous", |at| present(at.checked_sub(1), |_| {})),
    ("..proven", |at| {
        present(at.checked_sub(1), |refresh| refresh.authenticated = true)
    }),
    ("older", |at| present(at.checked_sub(2), |_| {})),
    ("..proven", |at| {
        present(at.checked_sub(2), |refresh| refresh.authenticated = true)
    }),
    ("ahead", |at| present(at.checked_add(2), |_| {})),
    ("kept", |at| present(Some(at), |refresh| refresh.rotates = false)),
    ("own key", |at| {
        present(at.checked_sub(1), |refresh| refresh.dpop_key = Some("key".into()))
    }),
    ("stranger", |at| {
        present(Some(at), |refresh| refresh.client_id = "app_two".into())
    }),
    ("too much", |at| {
        present(Some(at), |refresh| {
            refresh.scopes = Some(Scopes::parse("admin").unwrap())
        })
    }),
];

const OTHERS: [Column; 10] = [
    ("redeemed", |_| Some(redemption(|_| {}))),
    ("..twice", |_| {
        Some(redemption(|redeem| {
            redeem.attempt = "second".into();
            redeem.family = "second".into();
        }))
    }),
    ("access", |_| Some(inspect(None))),
    ("current", |at| Some(inspect(Some(at)))),
    ("previous", |at| {
        at.checked_sub(1).map(|previous| inspect(Some(previous)))
    }),
    ("revoked", |_| Some(end_family("app_one"))),
    ("..other", |_| Some(end_family("app_two"))),
    ("consent", |_| Some(end_consent())),
    ("unused", |_| Some(expire_consent(59 * MINUTE))),
    ("..longer", |_| Some(expire_consent(2 * HOUR))),
];

fn expire_consent(unused_for: i64) -> Operation {
    let Operation::EndConsents { consents, .. } = end_consents(EndedBy::Unused, &["cns_one"]) else {
        unreachable!()
    };
    Operation::EndConsents {
        consents,
        unused_since: Timestamp(AT.0 - unused_for),
        asked: None,
    }
}

fn answer(outcome: &Outcome) -> String {
    let refusal = match outcome {
        Outcome::Redeemed | Outcome::RedeemedListed { .. } => return "redeemed".into(),
        Outcome::Refreshed { family, .. } => return format!("ok{}", family.generation),
        Outcome::Active { .. } => return "active".into(),
        Outcome::Ended => return "done".into(),
        Outcome::ConsentsEnded { still_used } if still_used.is_empty() => return "done".into(),
        Outcome::ConsentsEnded { .. } => return "kept".into(),
        Outcome::FirstUse => return "first".into(),
        Outcome::Cuts { .. } => return "cuts".into(),
        Outcome::StatusList { .. } => return "list".into(),
        Outcome::Refused { reason } => reason,
    };
    let short = match refusal {
        Refusal::CodeUsed => "used",
        Refusal::UnknownFamily => "unknown",
        Refusal::FamilyEnded { .. } => "ended",
        Refusal::FamilyExpired => "expired",
        Refusal::OtherClient => "client",
        Refusal::OtherKey => "key",
        Refusal::AppEpoch => "epoch",
        Refusal::ConsentEnded => "consent",
        Refusal::TokenReused => "reused",
        Refusal::TokenSuperseded => "old",
        Refusal::ScopeExceeded => "scope",
        other => panic!("{other:?} is in no cell"),
    };
    short.into()
}

fn cell(state: &State, column: &Column) -> String {
    let generation = state.rows.families.get("family").map_or(3, |family| family.generation);
    let Some(mut operation) = column.1(generation) else {
        return "-".into();
    };
    if let Operation::Refresh(refresh) = &mut operation {
        refresh.app_epoch = state.app_epoch;
    }
    let before = &state.rows;
    lose_the_reply(before, &operation, AT);
    try_every_failure(before, &operation, AT);
    let mut rows = before.clone();
    let outcome = apply(&mut rows, &operation, AT).unwrap();
    let ends = rows.families.iter().any(|(id, family)| {
        family.ended.is_some() && state.rows.families.get(id).is_none_or(|before| before.ended.is_none())
    });
    rows.events.clear();
    rows.used.clear();
    let mark = match (rows == *before, ends) {
        (true, _) => "",
        (false, true) => "x",
        (false, false) => "*",
    };
    format!("{}{mark}", answer(&outcome))
}

fn table(columns: &[Column]) -> String {
    let line = |name: &str, cells: Vec<String>| {
        let cells: String = cells.iter().map(|cell| format!("{cell:<9}")).collect();
        format!("{name:<28}{cells}").trim_end().to_owned()
    };
    let head = line("", columns.iter().map(|column| column.0.to_owned()).collect());
    let body = states().into_iter().map(|(name, state)| {
        let cells = columns.iter().map(|column| cell(&state, column)).collect();
        line(name, cells)
    });
    std::iter::once(head).chain(body).collect::<Vec<_>>().join("\n")
}

fn expect(columns: &[Column], expected: &str) {
    let found = table(columns);
    for (found, expected) in found.lines().zip(expected.trim_matches('\n').lines()) {
        assert_eq!(found.trim(), expected.trim());
    }
    assert_eq!(
        found.lines().count(),
        expected.trim_matches('\n').lines().count(),
        "\n{found}"
    );
}

// Covers: R50, B26
#[test]
fn every_refresh_of_every_state_is_answered_as_the_table_says() {
    expect(&REFRESHES, REFRESHED);
}

// Covers: R49, R70
#[test]
fn every_redemption_inspection_and_end_of_every_state_is_answered_as_the_table_says() {
    expect(&OTHERS, DONE);
}

const REFRESHED: &str = "
                            current  previous ..proven older    ..proven ahead    kept     own key  stranger too much
fresh                       ok1*     -        -        -        -        ok3*     ok0      -        client   scope
rotated just now            ok4*     ok3      ok3      old      old      ok6*     ok3*     ok3*     client   scope
rotated long ago            ok4*     ok3*     ok3      reusedx  reusedx  ok6*     ok3*     ok3*     client   scope
re-sent late                ok4*     reusedx  ok3      reusedx  reusedx  ok6*     ok3*     reusedx  client   scope
the one before re-sent late ok4*     reusedx  ok3      reusedx  reusedx  ok6*     ok3*     reusedx  client   scope
long before re-sent late    ok4*     ok3*     ok3      reusedx  reusedx  ok6*     ok3*     ok3*     client   scope
bound to a key              key      key      key      key      key      key      key      ok3      client   key
at the end of its idle time expired  expired  expired  expired  expired  expired  expired  expired  client   expired
at the end of its life      expired  expired  expired  expired  expired  expired  expired  expired  client   expired
ended: code reused          ended    ended    ended    ended    ended    ended    ended    ended    client   ended
ended: token reused         ended    ended    ended    ended    ended    ended    ended    ended    client   ended
ended: by its app           ended    ended    ended    ended    ended    ended    ended    ended    client   ended
ended: with its consent     ended    ended    ended    ended    ended    ended    ended    ended    client   ended
only its consent ended      consent  consent  consent  consent  consent  consent  consent  consent  client   consent
app recalled                epoch    epoch    epoch    epoch    epoch    epoch    epoch    epoch    client   epoch
forgotten                   unknown  unknown  unknown  unknown  unknown  unknown  unknown  unknown  unknown  unknown
";

const DONE: &str = "
                            redeemed ..twice  access   current  previous revoked  ..other  consent  unused   ..longer
fresh                       redeemed usedx    active   active   -        donex    client   donex    kept     kept
rotated just now            redeemed usedx    active   active   old      donex    client   donex    kept     kept
rotated long ago            redeemed usedx    active   active   old      donex    client   donex    donex    kept
re-sent late                redeemed usedx    active   active   old      donex    client   donex    donex    kept
the one before re-sent late redeemed usedx    active   active   old      donex    client   donex    donex    kept
long before re-sent late    redeemed usedx    active   active   old      donex    client   donex    donex    kept
bound to a key              redeemed usedx    active   active   old      donex    client   donex    donex    kept
at the end of its idle time expired  usedx    expired  expired  expired  donex    client   donex    donex    kept
at the end of its life      expired  usedx    expired  expired  expired  donex    client   donex    donex    kept
ended: code reused          ended    used     ended    ended    ended    done     client   done*    done*    kept
ended: token reused         ended    used     ended    ended    ended    done     client   done*    done*    kept
ended: by its app           ended    used     ended    ended    ended    done     client   done*    done*    kept
ended: with its consent     consent  used     ended    ended    ended    done     client   done*    done*    done*
only its consent ended      consent  usedx    consent  consent  consent  donex    client   donex    donex    donex
app recalled                redeemed usedx    active   active   old      donex    client   donex    donex    kept
forgotten                   unknown  used     unknown  unknown  unknown  done     done     done*    done*    done*
";
