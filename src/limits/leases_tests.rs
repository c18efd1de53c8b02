use super::*;
use crate::limits::tier::Tier;

const NOW: Timestamp = Timestamp(9_000_000);

fn caller<'a>(client_id: &'a str, user_id: &'a str) -> Caller<'a> {
    Caller {
        client_id,
        user_id: Some(user_id),
        tier: Tier {
            requests: 1000,
            app_requests: 100_000,
            seconds: 900,
        },
    }
}

fn held(leases: &Leases) -> usize {
    let all = leases.0.borrow();
    let counted = all.apps.values().map(|of_app| of_app.subjects.len()).sum::<usize>();
    assert_eq!(counted, all.subjects);
    counted
}

#[test]
fn more_users_than_there_is_room_for_are_never_held_and_busy_ones_are_not_looked_at_for_each_newcomer() {
    let leases = Leases::default();
    // All have a lease at hand, so none is idle.
    let mut looked = 0;
    for number in 0..3 * CAPACITY {
        let before = held_fast(&leases);
        take(&leases, number, NOW);
        looked += usize::from(held_fast(&leases) < before);
        assert!(held_fast(&leases) <= CAPACITY);
    }
    held(&leases);
    assert!(looked <= 3, "{looked}");
}

fn held_fast(leases: &Leases) -> usize {
    leases.0.borrow().subjects
}

#[test]
fn who_has_not_called_for_long_is_forgotten_first() {
    let leases = Leases::default();
    let (half, later) = (CAPACITY / 2, NOW + Duration::from_secs(2000));
    for number in 0..half {
        take(&leases, number, NOW);
    }
    for number in half..=CAPACITY {
        take(&leases, number, later);
    }
    assert_eq!(held(&leases), CAPACITY - half + 1);
    assert!(leases.0.borrow().holds("app_one", &format!("user/usr_{half}")));
    assert!(!leases.0.borrow().holds("app_one", "user/usr_0"));
}

/// Has somebody get a lease.
fn take(leases: &Leases, number: usize, now: Timestamp) {
    let user_id = format!("usr_{number}");
    let (caller, mut turn) = (caller("app_one", &user_id), Turn::default());
    let Step::Ask(ask) = leases.take(&caller, &mut turn, now) else {
        return;
    };
    let lease = Lease {
        calls: 1,
        slot: now.0 / 45_000,
        lasts: 45_000,
        left: 900,
        more_in: 900_000,
    };
    let answer = Answer {
        leases: vec![lease; ask.parts.len()],
    };
    leases.learn(&caller, &mut turn, &ask, &answer, now);
}

#[test]
fn without_the_counter_a_fiftieth_passes_in_any_window_also_across_its_end() {
    let leases = Leases::default();
    let caller = caller("app_one", "usr_one");
    let passes = |seconds: u64| {
        let now = NOW + Duration::from_secs(seconds);
        let outcome = leases.go_without(&caller, &mut Turn::default(), now);
        matches!(outcome, Outcome::Counted(_))
    };
    assert!(passes(0));
    let late = (0..100).filter(|_| passes(899)).count();
    assert_eq!(late, 19);
    assert_eq!((900..1799).filter(|at| passes(*at)).count(), 0);
    assert_eq!((1799..2600).filter(|at| passes(*at)).count(), 20);
}

#[test]
fn of_a_limit_below_fifty_nothing_passes_without_the_counter() {
    for (requests, passes) in [(1, 0), (49, 0), (50, 1), (99, 1), (100, 2)] {
        let leases = Leases::default();
        let mut caller = caller("app_one", "usr_one");
        caller.tier.requests = requests;
        let outcome = |_: &u32| leases.go_without(&caller, &mut Turn::default(), NOW);
        let passed = (0..100).filter(|n| matches!(outcome(n), Outcome::Counted(_))).count();
        assert_eq!(passed, passes, "{requests}");
    }
}
