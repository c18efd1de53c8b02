//! Every operation against every state it can meet.

mod events;
mod faults;
mod model;
mod status;
mod table;

use super::family::tests::redeem;
use super::*;
use crate::feed::{CLOCKS, Cut, Subject};
use crate::store::memory::MemoryRows;

const NOW: Timestamp = Timestamp(1000);

fn run(rows: &mut MemoryRows, operation: Operation) -> Outcome {
    apply(rows, &operation, NOW).unwrap()
}

fn redemption(change: impl FnOnce(&mut Redeem)) -> Operation {
    let mut redeem = redeem();
    change(&mut redeem);
    Operation::Redeem(Box::new(redeem))
}

fn refresh(change: impl FnOnce(&mut Refresh)) -> Operation {
    let mut refresh = Refresh {
        family: "family".into(),
        generation: 0,
        attempt: "attempt".into(),
        client_id: "app_one".into(),
        app_epoch: 1,
        authenticated: false,
        rotates: true,
        dpop_key: None,
        proof: None,
        scopes: None,
        resources: Vec::new(),
        available: available("read:profile read:projects"),
        origin: None,
        token_lifetime: None,
    };
    change(&mut refresh);
    Operation::Refresh(refresh)
}

fn available(scopes: &str) -> AvailableScopes {
    [("https://api.example".to_owned(), Scopes::parse(scopes).unwrap())]
        .into_iter()
        .collect()
}

fn end_consents(by: EndedBy, ids: &[&str]) -> Operation {
    let consents = ids.iter().map(|id| EndingConsent { id: (*id).into(), by });
    Operation::EndConsents {
        consents: consents.collect(),
        unused_since: NOW,
        asked: None,
    }
}

fn end_consent() -> Operation {
    end_consents(EndedBy::User, &["cns_one"])
}

fn all_ended() -> Outcome {
    Outcome::ConsentsEnded { still_used: Vec::new() }
}

fn inspect(generation: Option<u32>) -> Operation {
    Operation::Inspect(Inspect {
        family: Some("family".into()),
        generation,
        jti: Some("jti".into()),
    })
}

fn redeemed() -> MemoryRows {
    let mut rows = MemoryRows::default();
    assert_eq!(run(&mut rows, redemption(|_| {})), Outcome::Redeemed);
    rows
}

fn refused(outcome: &Outcome) -> Refusal {
    match outcome {
        Outcome::Refused { reason } => *reason,
        other => panic!("{other:?}"),
    }
}

fn active(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Active { .. })
}

// Covers: R49
#[test]
fn a_second_redemption_is_refused_and_ends_the_family_of_the_first() {
    let mut rows = redeemed();
    let second = redemption(|redeem| {
        redeem.attempt = "second".into();
        redeem.family = "second family".into();
    });
    assert_eq!(refused(&run(&mut rows, second)), Refusal::CodeUsed);
    assert_eq!(rows.families["family"].ended.unwrap().reason, EndReason::CodeReused);
    assert!(!rows.families.contains_key("second family"));
    assert_eq!(
        refused(&run(&mut rows, refresh(|_| {}))),
        Refusal::FamilyEnded {
            cause: EndReason::CodeReused
        }
    );
}

#[test]
fn the_same_attempt_again_gets_the_same_answer_because_its_reply_was_lost() {
    let mut rows = redeemed();
    assert_eq!(run(&mut rows, redemption(|_| {})), Outcome::Redeemed);
    assert!(rows.families["family"].ended.is_none());
}

#[test]
fn an_expired_code_and_one_whose_consent_was_revoked_start_no_family() {
    let mut rows = MemoryRows::default();
    let expired = redemption(|redeem| redeem.code_expires_at = NOW);
    assert_eq!(refused(&run(&mut rows, expired)), Refusal::CodeExpired);
    run(&mut rows, end_consent());
    assert_eq!(refused(&run(&mut rows, redemption(|_| {}))), Refusal::ConsentEnded);
    assert!(rows.families.is_empty() && rows.codes.is_empty());
}

// Covers: R70, B38
#[test]
fn ending_a_consent_ends_every_family_under_it_and_no_other() {
    let mut rows = redeemed();
    for (family, consent) in [("second", "cns_one"), ("other", "cns_two")] {
        run(
            &mut rows,
            redemption(|redeem| {
                redeem.code_hash = family.into();
                redeem.family = family.into();
                redeem.consent_id = consent.into();
            }),
        );
    }
    for _ in 0..2 {
        assert_eq!(run(&mut rows, end_consent()), all_ended());
    }
    for family in ["family", "second"] {
        assert_eq!(rows.families[family].ended.unwrap().reason, EndReason::ConsentRevoked);
        assert!(
            run(&mut rows, refresh(|refresh| refresh.family = family.into()))
                == Refusal::FamilyEnded {
                    cause: EndReason::ConsentRevoked
                }
                .into()
        );
    }
    assert!(rows.families["other"].ended.is_none());
}

#[test]
fn a_refused_refresh_changes_nothing() {
    let mut rows = redeemed();
    let before = rows.clone();
    for (operation, reason) in [
        (
            refresh(|refresh| refresh.client_id = "app_two".into()),
            Refusal::OtherClient,
        ),
        (refresh(|refresh| refresh.app_epoch = 2), Refusal::AppEpoch),
        (
            refresh(|refresh| refresh.scopes = Some(Scopes::parse("admin").unwrap())),
            Refusal::ScopeExceeded,
        ),
        (
            refresh(|refresh| refresh.resources = vec!["https://other".into()]),
            Refusal::ResourceExceeded,
        ),
        (
            refresh(|refresh| refresh.available = AvailableScopes::default()),
            Refusal::NothingLeft,
        ),
        (
            refresh(|refresh| refresh.available = available("read:team")),
            Refusal::NothingLeft,
        ),
        (
            refresh(|refresh| {
                refresh.available = available("read:profile");
                refresh.scopes = Some(Scopes::parse("read:projects").unwrap());
            }),
            Refusal::NothingNamed,
        ),
        (
            refresh(|refresh| refresh.family = "unknown".into()),
            Refusal::UnknownFamily,
        ),
    ] {
        assert_eq!(refused(&run(&mut rows, operation)), reason);
        assert_eq!(rows, before);
    }
}

#[test]
fn a_refresh_answers_with_the_family_at_its_new_generation() {
    let mut rows = redeemed();
    let Outcome::Refreshed { family, grant, .. } = run(&mut rows, refresh(|_| {})) else {
        panic!()
    };
    assert_eq!(family.generation, 1);
    assert_eq!(grant.scopes.to_string(), "read:profile read:projects");
    assert_eq!(rows.families["family"], *family);
    assert_eq!(rows.used["cns_one"], NOW);
}

#[test]
fn a_refresh_whose_reply_was_lost_is_answered_alike_when_asked_again() {
    let mut rows = redeemed();
    let first = run(&mut rows, refresh(|_| {}));
    let after = rows.clone();
    assert_eq!(run(&mut rows, refresh(|_| {})), first);
    assert_eq!(rows, after);
}

#[test]
fn a_reused_token_ends_the_family_although_the_answer_is_a_refusal() {
    let mut rows = redeemed();
    rows.families.get_mut("family").unwrap().generation = 5;
    assert_eq!(refused(&run(&mut rows, refresh(|_| {}))), Refusal::TokenReused);
    assert_eq!(
        rows.families["family"].ended.unwrap().reason,
        EndReason::RefreshTokenReused
    );
}

#[test]
fn inspection_knows_what_was_ended() {
    let mut rows = redeemed();
    assert!(active(&run(&mut rows, inspect(None))));
    assert!(active(&run(&mut rows, inspect(Some(0)))));
    run(&mut rows, refresh(|_| {}));
    assert_eq!(refused(&run(&mut rows, inspect(Some(0)))), Refusal::TokenSuperseded);
    run(
        &mut rows,
        Operation::EndToken {
            jti: "jti".into(),
            expires_at: Timestamp(9999),
            place: None,
        },
    );
    assert_eq!(refused(&run(&mut rows, inspect(None))), Refusal::TokenEnded);
    let other = Operation::Inspect(Inspect {
        family: Some("family".into()),
        ..Inspect::default()
    });
    assert!(active(&run(&mut rows, other.clone())));
    run(&mut rows, end_consent());
    assert_eq!(
        refused(&run(&mut rows, other)),
        Refusal::FamilyEnded {
            cause: EndReason::ConsentRevoked
        }
    );
    let unknown = Operation::Inspect(Inspect {
        family: Some("unknown".into()),
        ..Inspect::default()
    });
    assert_eq!(refused(&run(&mut rows, unknown)), Refusal::UnknownFamily);
}

#[test]
fn a_family_is_ended_by_its_own_app_only() {
    let mut rows = redeemed();
    let end = |client_id: &str, family: &str| Operation::EndFamily {
        family: family.into(),
        client_id: client_id.into(),
        origin: None,
    };
    assert_eq!(refused(&run(&mut rows, end("app_two", "family"))), Refusal::OtherClient);
    assert!(rows.families["family"].ended.is_none());
    assert_eq!(run(&mut rows, end("app_one", "family")), Outcome::Ended);
    assert_eq!(
        rows.families["family"].ended.unwrap().reason,
        EndReason::RevokedByClient
    );
    for family in ["family", "unknown"] {
        assert_eq!(run(&mut rows, end("app_one", family)), Outcome::Ended);
    }
}

#[test]
fn the_first_reason_for_an_end_is_kept() {
    let mut rows = redeemed();
    run(
        &mut rows,
        Operation::EndFamily {
            family: "family".into(),
            client_id: "app_one".into(),
            origin: None,
        },
    );
    run(&mut rows, end_consent());
    assert_eq!(
        rows.families["family"].ended.unwrap().reason,
        EndReason::RevokedByClient
    );
}

fn single_use(attempt: &str) -> SingleUse {
    SingleUse {
        name: "jti".into(),
        attempt: attempt.into(),
        expires_at: Timestamp(9000),
    }
}

#[test]
fn what_may_be_used_once_is_refused_the_second_time_but_not_to_the_attempt_that_used_it() {
    let mut rows = MemoryRows::default();
    for (attempt, outcome) in [
        ("one", Outcome::FirstUse),
        ("one", Outcome::FirstUse),
        ("two", Refusal::Replayed.into()),
    ] {
        assert_eq!(run(&mut rows, Operation::UseOnce(single_use(attempt))), outcome);
    }
}

#[test]
fn a_replayed_proof_refreshes_nothing_redeems_nothing_and_ends_nothing() {
    let mut rows = MemoryRows::default();
    run(&mut rows, Operation::UseOnce(single_use("elsewhere")));
    let with_proof = redemption(|redeem| redeem.proof = Some(single_use("here")));
    assert_eq!(refused(&run(&mut rows, with_proof)), Refusal::Replayed);
    assert!(rows.codes.is_empty() && rows.families.is_empty());

    run(&mut rows, redemption(|_| {}));
    let before = rows.clone();
    let again = redemption(|redeem| {
        redeem.attempt = "recorded and sent again".into();
        redeem.proof = Some(single_use("here"));
    });
    assert_eq!(refused(&run(&mut rows, again)), Refusal::Replayed);
    let refreshed = refresh(|refresh| refresh.proof = Some(single_use("here")));
    assert_eq!(refused(&run(&mut rows, refreshed)), Refusal::Replayed);
    assert_eq!(rows, before);
}

#[test]
fn a_proof_is_spent_only_by_a_request_that_is_granted() {
    let mut rows = redeemed();
    let too_much = refresh(|refresh| {
        refresh.proof = Some(single_use("one"));
        refresh.scopes = Some(Scopes::parse("admin").unwrap());
    });
    assert_eq!(refused(&run(&mut rows, too_much)), Refusal::ScopeExceeded);
    assert!(rows.single_uses.is_empty());
    let good = || refresh(|refresh| refresh.proof = Some(single_use("two")));
    for _ in 0..2 {
        assert!(matches!(run(&mut rows, good()), Outcome::Refreshed { .. }));
    }
}

#[test]
fn a_bound_family_serves_its_own_key_only_and_no_other_key_ends_it() {
    let mut rows = MemoryRows::default();
    run(&mut rows, redemption(|redeem| redeem.dpop_key = Some("key".into())));
    for other in [None, Some("thief".to_owned())] {
        let stolen = refresh(|refresh| refresh.dpop_key = other);
        assert_eq!(refused(&run(&mut rows, stolen)), Refusal::OtherKey);
    }
    let own = refresh(|refresh| refresh.dpop_key = Some("key".into()));
    assert!(matches!(run(&mut rows, own), Outcome::Refreshed { .. }));
}

#[test]
fn a_public_client_that_begins_to_prove_a_key_is_bound_to_it_and_a_confidential_one_is_not() {
    for (authenticated, bound) in [(false, Some("key".to_owned())), (true, None)] {
        let mut rows = redeemed();
        let proved = refresh(|refresh| {
            refresh.authenticated = authenticated;
            refresh.dpop_key = Some("key".into());
        });
        assert!(matches!(run(&mut rows, proved), Outcome::Refreshed { .. }));
        assert_eq!(rows.families["family"].dpop_key, bound);
    }
}

#[test]
fn what_could_have_been_forgotten_counts_as_used() {
    let mut rows = MemoryRows::default();
    let late = apply(&mut rows, &Operation::UseOnce(single_use("late")), Timestamp(9000)).unwrap();
    assert_eq!(refused(&late), Refusal::Replayed);
}

#[test]
fn a_token_that_does_not_rotate_stays_the_same_however_often_it_is_used() {
    let mut rows = redeemed();
    for _ in 0..3 {
        run(&mut rows, refresh(|refresh| refresh.rotates = false));
        assert_eq!(rows.families["family"].generation, 0);
    }
}

#[test]
fn the_twenty_first_install_ends_the_one_that_was_not_used_for_longest() {
    let mut rows = MemoryRows::default();
    let install = |number: usize| {
        redemption(|redeem| {
            redeem.code_hash = format!("code {number}");
            redeem.attempt = format!("attempt {number}");
            redeem.family = format!("family {number}");
        })
    };
    for number in 0..MAX_FAMILIES {
        apply(&mut rows, &install(number), NOW + Duration::from_millis(number as u64)).unwrap();
    }
    let used = refresh(|refresh| refresh.family = "family 0".into());
    apply(&mut rows, &used, NOW + Duration::from_secs(5)).unwrap();
    apply(&mut rows, &install(MAX_FAMILIES), NOW + Duration::from_secs(6)).unwrap();
    assert_eq!(rows.families.len(), MAX_FAMILIES);
    assert!(rows.families.contains_key("family 0") && !rows.families.contains_key("family 1"));
    let gone = inspect_family("family 1");
    assert_eq!(refused(&run(&mut rows, gone)), Refusal::UnknownFamily);
}

#[test]
fn a_family_lives_as_long_as_its_app_says_and_never_longer_than_a_year() {
    let mut rows = MemoryRows::default();
    let lifetimes = |idle, absolute| redemption(|redeem| redeem.lifetimes = Lifetimes { idle, absolute });
    run(&mut rows, lifetimes(60, u32::MAX));
    let family = &rows.families["family"];
    assert_eq!(family.idle_expires_at, NOW + Duration::from_secs(60));
    assert_eq!(family.expires_at, NOW + ABSOLUTE_LIFETIME);
    let late = apply(&mut rows, &refresh(|_| {}), NOW + Duration::from_secs(60)).unwrap();
    assert_eq!(refused(&late), Refusal::FamilyExpired);
}

fn inspect_family(family: &str) -> Operation {
    Operation::Inspect(Inspect {
        family: Some(family.into()),
        ..Inspect::default()
    })
}

#[test]
fn the_feed_reads_on_where_it_stopped_and_sees_a_rollback() {
    let mut rows = redeemed();
    let cuts = |rows: &mut MemoryRows, after| match run(rows, Operation::Cuts { after }) {
        Outcome::Cuts { cuts, newest } => (cuts.iter().map(|cut| cut.cut).collect::<Vec<_>>(), newest),
        other => panic!("{other:?}"),
    };
    assert_eq!(cuts(&mut rows, 0), (Vec::new(), 0));
    let before = rows.clone();
    let token = Operation::EndToken {
        jti: "jti".into(),
        expires_at: Timestamp(2000),
        place: None,
    };
    run(&mut rows, token);
    run(&mut rows, end_consent());
    let [token, consent] = [Cut::of(Subject::Token("jti")), Cut::of(Subject::Consent("cns_one"))];
    let (both, newest) = cuts(&mut rows, 0);
    assert_eq!(both, [token, consent]);
    assert_eq!(cuts(&mut rows, newest - 1), (vec![consent], newest));
    assert_eq!(cuts(&mut rows, newest), (Vec::new(), newest));
    // Expired ones go, and their numbers do not come again.
    rows.delete_expired(Timestamp(2000) + CLOCKS);
    assert_eq!(cuts(&mut rows, 0), (vec![consent], newest));
    rows = before;
    assert_eq!(cuts(&mut rows, newest).1, 0);
}

#[test]
fn what_was_unused_for_longer_than_tokens_live_is_not_told() {
    let mut rows = redeemed();
    let end = |by, unused_since| Operation::EndConsents {
        consents: vec![EndingConsent {
            id: "cns_one".into(),
            by,
        }],
        unused_since,
        asked: None,
    };
    let later = NOW + Duration::from_secs(100 * 24 * 3600);
    let outcome = apply(&mut rows, &end(EndedBy::Unused, NOW), later).unwrap();
    assert_eq!(outcome, all_ended());
    assert_eq!(rows.cuts, Vec::new());
    let mut rows = redeemed();
    apply(&mut rows, &end(EndedBy::User, NOW), later).unwrap();
    assert_eq!(rows.cuts.len(), 1);
}
