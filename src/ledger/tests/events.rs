//! What the audit trail is told.

use super::*;
use crate::ledger::event::{Actor, Event, EventKind};
use crate::management::actor::Origin;

const LATER: Timestamp = Timestamp(NOW.0 + 10 * 60 * 1000);

fn kinds(rows: &MemoryRows) -> Vec<EventKind> {
    rows.events.iter().map(|event| event.kind).collect()
}

/// A family whose generation 0 was superseded at `NOW`, twice over.
fn rotated_twice() -> MemoryRows {
    let mut rows = redeemed();
    run(&mut rows, refresh(|_| {}));
    run(&mut rows, refresh(|refresh| refresh.generation = 1));
    rows
}

#[test]
fn redeeming_refreshing_and_a_lost_reply_are_no_events() {
    let mut rows = rotated_twice();
    run(&mut rows, redemption(|_| {}));
    run(&mut rows, refresh(|refresh| refresh.generation = 1));
    run(&mut rows, refresh(|_| {}));
    run(&mut rows, inspect(Some(0)));
    assert_eq!(rows.events, []);
}

#[test]
fn a_reused_refresh_token_is_noted_once_with_whose_it_was_and_which() {
    let mut rows = rotated_twice();
    for _ in 0..2 {
        apply(&mut rows, &refresh(|_| {}), LATER).unwrap();
    }
    let [event] = &rows.events[..] else {
        panic!("{:?}", rows.events)
    };
    let expected = Event {
        id: event.id.clone(),
        at: LATER,
        kind: EventKind::RefreshTokenReused,
        actor: Actor::App,
        consent_id: "cns_one".into(),
        family: Some("family".into()),
        client_id: Some("app_one".into()),
        user_id: Some("usr_one".into()),
        generation: Some(2),
        presented: Some(0),
        ended_by: None,
        origin: None,
    };
    assert_eq!(*event, expected);
    assert!(event.kind.is_urgent());
}

#[test]
fn a_second_redemption_is_noted_when_it_ends_a_family_and_not_again() {
    let mut rows = redeemed();
    for attempt in ["second", "third"] {
        run(&mut rows, redemption(|redeem| redeem.attempt = attempt.into()));
    }
    assert_eq!(kinds(&rows), [EventKind::CodeReused]);
}

#[test]
fn storage_that_was_rolled_back_is_noted_when_the_family_catches_up() {
    let mut rows = redeemed();
    for _ in 0..2 {
        run(&mut rows, refresh(|refresh| refresh.generation = 7));
    }
    let [event] = &rows.events[..] else {
        panic!("{:?}", rows.events)
    };
    assert_eq!((event.kind, event.actor), (EventKind::RolledBack, Actor::System));
    assert_eq!((event.generation, event.presented), (Some(0), Some(7)));
}

#[test]
fn the_install_that_made_room_is_noted() {
    let mut rows = MemoryRows::default();
    for number in 0..=MAX_FAMILIES {
        let install = redemption(|redeem| {
            redeem.code_hash = format!("code {number}");
            redeem.family = format!("family {number}");
        });
        apply(&mut rows, &install, NOW + Duration::from_millis(number as u64)).unwrap();
    }
    assert_eq!(kinds(&rows), [EventKind::FamilyDisplaced]);
    assert_eq!(rows.events[0].family.as_deref(), Some("family 0"));
}

#[test]
fn an_end_that_was_asked_for_is_noted_once() {
    let mut rows = redeemed();
    for client_id in ["app_two", "app_one", "app_one"] {
        let end = Operation::EndFamily {
            family: "family".into(),
            client_id: client_id.into(),
            origin: None,
        };
        run(&mut rows, end);
    }
    assert_eq!(kinds(&rows), [EventKind::FamilyRevoked]);
    for _ in 0..2 {
        run(&mut rows, end_consent());
    }
    assert_eq!(kinds(&rows), [EventKind::FamilyRevoked, EventKind::ConsentEnded]);
    assert!(rows.events.iter().all(|event| !event.kind.is_urgent()));
}

#[test]
fn an_end_names_the_user_only_where_the_user_asked_for_it() {
    for (by, actor) in [
        (EndedBy::User, Actor::User),
        (EndedBy::Unused, Actor::System),
        (EndedBy::Displaced, Actor::System),
        (EndedBy::UserSuspended, Actor::System),
        (EndedBy::TesterRemoved, Actor::System),
        (EndedBy::Operator, Actor::System),
        (EndedBy::AppDeleted, Actor::System),
        (EndedBy::Organization, Actor::System),
    ] {
        let mut rows = MemoryRows::default();
        run(&mut rows, end_consents(by, &["cns_one", "cns_two"]));
        // Whoever comes later has not ended it.
        run(&mut rows, end_consents(EndedBy::Displaced, &["cns_two", "cns_one"]));
        let said: Vec<_> = rows.events.iter().map(|event| (event.actor, event.ended_by)).collect();
        assert_eq!(said, [(actor, Some(by)); 2]);
    }
}

// Covers: R74
#[test]
fn what_a_request_brings_about_is_noted_with_where_it_came_from() {
    let origin = |id: &str| {
        Some(Origin {
            request_id: id.into(),
            country: Some("JP".into()),
            address_hash: Some("hash".into()),
        })
    };
    let mut rows = redeemed();
    let second = redemption(|redeem| {
        redeem.family = "second".into();
        redeem.code_hash = "second".into();
    });
    run(&mut rows, second);
    run(
        &mut rows,
        redemption(|redeem| {
            redeem.attempt = "thief".into();
            redeem.origin = origin("req_thief");
        }),
    );
    run(
        &mut rows,
        Operation::EndFamily {
            family: "second".into(),
            client_id: "app_one".into(),
            origin: origin("req_app"),
        },
    );
    let mut reused = rotated_twice();
    let late = refresh(|refresh| refresh.origin = origin("req_late"));
    apply(&mut reused, &late, LATER).unwrap();
    let mut full = MemoryRows::default();
    for number in 0..=MAX_FAMILIES {
        let install = redemption(|redeem| {
            redeem.code_hash = format!("code {number}");
            redeem.family = format!("family {number}");
            redeem.origin = origin(&format!("req_{number}"));
        });
        apply(&mut full, &install, NOW + Duration::from_millis(number as u64)).unwrap();
    }
    let noted = [&rows, &reused, &full].map(|rows| rows.events.clone()).concat();
    let noted: Vec<_> = noted.into_iter().map(|event| (event.kind, event.origin)).collect();
    let expected = [
        (EventKind::CodeReused, origin("req_thief")),
        (EventKind::FamilyRevoked, origin("req_app")),
        (EventKind::RefreshTokenReused, origin("req_late")),
        (EventKind::FamilyDisplaced, origin(&format!("req_{MAX_FAMILIES}"))),
    ];
    assert_eq!(noted, expected);
}

// Covers: R74
#[test]
fn an_end_is_not_laid_at_the_door_of_whoever_only_came_by() {
    let asked = Asked {
        ends: vec![EndedBy::User],
        origin: Origin {
            request_id: "req_user".into(),
            ..Origin::default()
        },
    };
    let mut rows = MemoryRows::default();
    let ending = |id: &str, by| EndingConsent { id: id.into(), by };
    let operation = Operation::EndConsents {
        consents: vec![
            ending("cns_one", EndedBy::User),
            ending("cns_two", EndedBy::Operator),
            ending("cns_three", EndedBy::Unused),
        ],
        unused_since: NOW,
        asked: Some(asked.clone()),
    };
    run(&mut rows, operation);
    let noted: Vec<_> = rows.events.into_iter().map(|event| event.origin).collect();
    assert_eq!(noted, [Some(asked.origin), None, None]);
}

// While a new version is rolled out, ledgers hear from Workers of the old one, and their outbox holds events of its.
#[test]
fn what_an_older_version_says_is_understood() {
    for (operation, names) in [
        (refresh(|_| {}), &["/refresh/origin"][..]),
        (redemption(|_| {}), &["/redeem/origin"]),
        (end_consent(), &["/end_consents/asked"]),
    ] {
        let mut said = serde_json::to_value(&operation).unwrap();
        for name in names {
            let (parent, member) = name.rsplit_once('/').unwrap();
            assert!(
                said.pointer_mut(parent)
                    .unwrap()
                    .as_object_mut()
                    .unwrap()
                    .remove(member)
                    .is_some()
            );
        }
        let heard: Operation = crate::json::from_value(said).unwrap();
        assert_eq!(format!("{heard:?}"), format!("{operation:?}"));
    }
    let event = Event::consent_ended("cns_one", EndedBy::User, NOW);
    let written = serde_json::to_string(&event).unwrap();
    assert!(!written.contains("origin"));
    assert_eq!(crate::json::from_str::<Event>(&written).unwrap(), event);
}

#[test]
fn the_same_event_has_the_same_id_and_another_has_another() {
    let family = redeemed().families["family"].clone();
    let event = |kind, id, at| Event::of_family(kind, id, &family, None, at).id;
    let one = event(EventKind::FamilyRevoked, "family", NOW);
    assert_eq!(event(EventKind::FamilyRevoked, "family", NOW), one);
    for other in [
        event(EventKind::FamilyDisplaced, "family", NOW),
        event(EventKind::FamilyRevoked, "second", NOW),
        event(EventKind::FamilyRevoked, "family", LATER),
    ] {
        assert_ne!(other, one);
    }
}

#[test]
fn the_names_of_events_are_unchanged() {
    for (kind, name) in [
        (EventKind::RefreshTokenReused, "refresh_token.reused"),
        (EventKind::CodeReused, "code.reused"),
        (EventKind::RolledBack, "ledger.rolled_back"),
        (EventKind::FamilyDisplaced, "family.displaced"),
        (EventKind::FamilyRevoked, "family.revoked"),
        (EventKind::ConsentEnded, "consent.ended"),
    ] {
        assert_eq!(serde_json::to_value(kind).unwrap(), name);
    }
}

#[test]
fn an_assertion_that_comes_twice_is_refused_and_ends_nothing() {
    let assertion = |attempt: &str| {
        redemption(|redeem| {
            redeem.kind = Redeemable::Assertion;
            redeem.attempt = attempt.into();
        })
    };
    let mut rows = MemoryRows::default();
    assert_eq!(run(&mut rows, assertion("first")), Outcome::Redeemed);
    assert_eq!(run(&mut rows, assertion("second")), Refusal::CodeUsed.into());
    assert_eq!(run(&mut rows, assertion("first")), Outcome::Redeemed);
    assert!(matches!(run(&mut rows, inspect(None)), Outcome::Active { .. }));
    assert_eq!(rows.events, []);
}
