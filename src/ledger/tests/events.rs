//! What the audit trail is told.

use super::*;
use crate::ledger::event::{Actor, Event, EventKind};

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
    ] {
        let mut rows = MemoryRows::default();
        run(&mut rows, end_consents(by, &["cns_one", "cns_two"]));
        // Whoever comes later has not ended it.
        run(&mut rows, end_consents(EndedBy::Displaced, &["cns_two", "cns_one"]));
        let said: Vec<_> = rows.events.iter().map(|event| (event.actor, event.ended_by)).collect();
        assert_eq!(said, [(actor, Some(by)); 2]);
    }
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
