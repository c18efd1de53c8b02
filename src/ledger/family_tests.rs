use super::*;
use crate::ledger::{ABSOLUTE_LIFETIME, IDLE_LIFETIME, Redeemable};

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;

/// A redemption of a public app's code.
pub fn redeem() -> Redeem {
    Redeem {
        code_hash: "code".into(),
        code_expires_at: Timestamp(MINUTE),
        attempt: "attempt".into(),
        family: "family".into(),
        client_id: "app_one".into(),
        app_epoch: 1,
        user_id: "usr_one".into(),
        consent_id: "cns_one".into(),
        scopes: Scopes::parse("read:profile read:projects").unwrap(),
        resources: vec!["https://api.example".into()],
        auth_time: Timestamp(0),
        dpop_key: None,
        proof: None,
        lifetimes: Lifetimes::default(),
        origin: None,
        kind: Redeemable::Code,
        token_lifetime: None,
    }
}

fn family() -> Family {
    Family::begin(&redeem(), Timestamp(0))
}

/// Presents generations one after another, as a public client: (minute, generation).
fn present_all(family: &mut Family, schedule: &[(i64, u32)]) -> Vec<Result<u32, Refusal>> {
    let present = |(minute, generation): &(i64, u32)| {
        family
            .present(*generation, false, Timestamp(minute * MINUTE))
            .map(|()| family.generation)
    };
    schedule.iter().map(present).collect()
}

// Covers: R50
#[test]
fn the_current_token_rotates_and_the_family_lives_on() {
    let mut family = family();
    assert_eq!(
        present_all(&mut family, &[(5, 0), (10, 1), (15, 2)]),
        [Ok(1), Ok(2), Ok(3)]
    );
    assert_eq!(family.idle_expires_at, Timestamp(15 * MINUTE) + IDLE_LIFETIME);
    assert_eq!(family.expires_at, Timestamp(0) + ABSOLUTE_LIFETIME);
}

// Covers: R50, B26
// Rule: TOKEN 16, PEER 20
#[test]
fn a_lost_reply_costs_nothing_the_same_successor_is_sent_again() {
    let mut family = family();
    assert_eq!(
        present_all(&mut family, &[(5, 0), (5, 0), (6, 0), (6, 1)]),
        [Ok(1), Ok(1), Ok(1), Ok(2)]
    );
}

#[test]
fn a_reply_lost_for_long_is_made_good_once() {
    let mut family = family();
    assert_eq!(
        present_all(&mut family, &[(5, 0), (500, 0), (501, 1), (505, 2)]),
        [Ok(1), Ok(1), Ok(2), Ok(3)]
    );
}

#[test]
fn the_same_late_re_send_a_second_time_ends_the_family() {
    let mut family = family();
    assert_eq!(
        present_all(&mut family, &[(5, 0), (10, 0), (15, 0)]),
        [Ok(1), Ok(1), Err(Refusal::TokenReused)]
    );
    assert_eq!(family.ended.unwrap().reason, EndReason::RefreshTokenReused);
}

// Rule: TOKEN 15
#[test]
fn a_thief_who_follows_along_with_predecessors_is_caught_at_the_second_late_re_send() {
    let mut family = family();
    // The client rotates 0 and 1; the thief re-sends each predecessor late.
    let schedule = [(5, 0), (10, 0), (15, 1), (20, 1)];
    assert_eq!(
        present_all(&mut family, &schedule),
        [Ok(1), Ok(1), Ok(2), Err(Refusal::TokenReused)]
    );
    assert!(family.check_alive(Timestamp(20 * MINUTE)).is_err());
}

#[test]
fn two_generations_old_ends_the_family_unless_superseded_within_the_last_minute() {
    let mut racing = family();
    assert_eq!(
        present_all(&mut racing, &[(5, 0), (5, 1), (6, 0)]),
        [Ok(1), Ok(2), Err(Refusal::TokenSuperseded)]
    );
    assert!(racing.ended.is_none());
    let mut stolen = family();
    assert_eq!(
        present_all(&mut stolen, &[(5, 0), (6, 1), (7, 0)]),
        [Ok(1), Ok(2), Err(Refusal::TokenReused)]
    );
    assert_eq!(stolen.ended.unwrap().reason, EndReason::RefreshTokenReused);
}

#[test]
fn an_app_that_proves_who_it_is_may_re_send_the_predecessor_at_any_time() {
    let mut family = family();
    assert_eq!(family.present(0, true, Timestamp(0)), Ok(()));
    for hour in [1, 2, 300] {
        assert_eq!(family.present(0, true, Timestamp(hour * 60 * MINUTE)), Ok(()));
        assert_eq!(family.generation, 1);
    }
    family.present(1, true, Timestamp(301 * 60 * MINUTE)).unwrap();
    assert_eq!(
        family.present(0, true, Timestamp(303 * 60 * MINUTE)),
        Err(Refusal::TokenReused)
    );
}

#[test]
fn a_token_from_the_future_means_storage_was_rolled_back_and_the_family_catches_up() {
    let mut family = family();
    assert_eq!(present_all(&mut family, &[(5, 7), (6, 8)]), [Ok(8), Ok(9)]);
    let mut last = self::family();
    assert_eq!(last.present(u32::MAX, false, Timestamp(0)), Ok(()));
    assert_eq!(last.generation, u32::MAX);
}

// Rule: TOKEN 17
#[test]
fn a_family_that_is_idle_old_or_ended_is_not_alive() {
    let family = family();
    let alive = |family: &Family, at: Timestamp| family.check_alive(at);
    assert_eq!(alive(&family, Timestamp(0)), Ok(()));
    assert_eq!(
        alive(&family, Timestamp(0) + IDLE_LIFETIME),
        Err(Refusal::FamilyExpired)
    );
    let used = Family {
        idle_expires_at: Timestamp(i64::MAX),
        ..family.clone()
    };
    assert_eq!(
        alive(&used, Timestamp(0) + ABSOLUTE_LIFETIME),
        Err(Refusal::FamilyExpired)
    );
    let mut ended = family;
    ended.end(EndReason::CodeReused, Timestamp(1));
    assert_eq!(
        alive(&ended, Timestamp(0)),
        Err(Refusal::FamilyEnded {
            cause: EndReason::CodeReused
        })
    );
}

#[test]
fn the_stored_form_of_a_family_is_unchanged() {
    let mut family = family();
    family.dpop_key = Some("thumbprint".into());
    family.present(0, false, Timestamp(5)).unwrap();
    let json = r#"{"client_id":"app_one","app_epoch":1,"user_id":"usr_one","consent_id":"cns_one","scopes":["read:profile","read:projects"],"resources":["https://api.example"],"auth_time":0,"dpop_key":"thumbprint","generation":1,"rotations":[{"generation":0,"at":5}],"resent_late":null,"created_at":0,"lifetimes":{"idle":5184000,"absolute":31536000},"idle_expires_at":5184000005,"expires_at":31536000000,"ended":null}"#;
    assert_eq!(serde_json::to_string(&family).unwrap(), json);
    assert_eq!(serde_json::from_str::<Family>(json).unwrap(), family);
}

#[test]
fn a_family_from_before_keys_and_lifetimes_is_still_read() {
    let json = r#"{"client_id":"app_one","app_epoch":1,"user_id":"usr_one","consent_id":"cns_one","scopes":["read:profile","read:projects"],"resources":["https://api.example"],"auth_time":0,"generation":0,"rotations":[],"resent_late":null,"created_at":0,"idle_expires_at":5184000000,"expires_at":31536000000,"ended":null}"#;
    assert_eq!(serde_json::from_str::<Family>(json).unwrap(), family());
}
