//! Many isolates against one counter, in a time of their own: asks that take long, answers that are lost, isolates that end,
//! clocks that disagree.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{self, Poll, Waker};

use proptest::prelude::*;

use super::lease::grant;
use super::window::Window;
use super::{Answer, Ask, CallCounters, Caller, Leases, Outcome, Tier, count};
use crate::store::StoreError;
use crate::time::Timestamp;

/// How long an isolate waits for a counter, in milliseconds.
const PATIENCE: i64 = 2000;

/// What goes wrong.
#[derive(Debug, Clone, Copy)]
struct Trouble {
    /// An ask and its answer each take up to so many milliseconds.
    delay: i64,
    /// So many asks of a thousand are lost, half of them with the counter having counted.
    lost: u64,
    /// So many calls of a thousand are the last of their isolate.
    ends: u64,
    /// Isolates' clocks differ by up to so many milliseconds from the counter's.
    skew: i64,
}

const NONE: Trouble = Trouble {
    delay: 5,
    lost: 0,
    ends: 0,
    skew: 0,
};

struct World {
    now: Cell<i64>,
    wake: Cell<i64>,
    random: Cell<u64>,
    trouble: Trouble,
    is_down: Cell<bool>,
    /// As stored: the counter has no memory of its own.
    rows: RefCell<BTreeMap<String, String>>,
    trips: Cell<u32>,
}

impl World {
    /// A number below this one (splitmix64).
    fn below(&self, bound: u64) -> u64 {
        self.random.set(self.random.get().wrapping_add(0x9e37_79b9_7f4a_7c15));
        let mut z = self.random.get();
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound.max(1)
    }

    async fn sleep(&self, milliseconds: i64) {
        let until = self.now.get() + milliseconds;
        std::future::poll_fn(|_| match self.now.get() >= until {
            true => Poll::Ready(()),
            false => {
                self.wake.set(until);
                Poll::Pending
            }
        })
        .await;
    }

    async fn travel(&self) {
        let time = self.below(self.trouble.delay.unsigned_abs() + 1);
        self.sleep(i64::try_from(time).unwrap()).await;
    }

    fn answer(&self, ask: &Ask) -> Answer {
        let now = Timestamp(self.now.get());
        let mut rows = self.rows.borrow_mut();
        let lease = |part: &super::lease::Part| {
            let stored = rows.get(&part.key).map(|row| crate::json::from_str(row).unwrap());
            let mut window: Window = stored.unwrap_or_else(|| Window::new(part.seconds));
            let lease = grant(&mut window, part, now);
            rows.insert(part.key.clone(), serde_json::to_string(&window).unwrap());
            lease
        };
        Answer {
            leases: ask.parts.iter().map(lease).collect(),
        }
    }
}

struct Isolate {
    world: Rc<World>,
    leases: RefCell<Rc<Leases>>,
    skew: i64,
}

impl CallCounters for Isolate {
    fn leases(&self) -> Rc<Leases> {
        Rc::clone(&self.leases.borrow())
    }

    fn clock(&self) -> Timestamp {
        Timestamp(self.world.now.get() + self.skew)
    }

    async fn ask_counter(&self, _: &str, ask: &Ask) -> Result<Answer, StoreError> {
        let world = &self.world;
        let began = world.now.get();
        world.trips.set(world.trips.get() + 1);
        let lost = world.below(1000) < world.trouble.lost || world.is_down.get();
        let counts = !lost || (!world.is_down.get() && world.below(2) == 0);
        world.travel().await;
        let answer = counts.then(|| world.answer(ask));
        world.travel().await;
        match answer.filter(|_| !lost && world.now.get() - began <= PATIENCE) {
            Some(answer) => Ok(answer),
            None => Err(StoreError {
                part: "counter",
                detail: "lost".into(),
            }),
        }
    }
}

/// A call that comes in.
#[derive(Debug, Clone, Copy)]
struct Call {
    at: i64,
    isolate: usize,
}

#[derive(Debug, Default)]
struct Seen {
    /// When calls were let through.
    allowed: Vec<i64>,
    too_many: usize,
    unavailable: usize,
    trips: u32,
}

type Task<'a> = Pin<Box<dyn Future<Output = Outcome> + 'a>>;

fn run(tier: Tier, isolates: usize, trouble: Trouble, seed: u64, calls: &[Call], down: impl Fn(i64) -> bool) -> Seen {
    let world = Rc::new(World {
        now: Cell::new(0),
        wake: Cell::new(0),
        random: Cell::new(seed),
        trouble,
        is_down: Cell::new(false),
        rows: RefCell::default(),
        trips: Cell::new(0),
    });
    let spread = trouble.skew.unsigned_abs();
    let isolate = |_| Isolate {
        world: Rc::clone(&world),
        leases: RefCell::default(),
        skew: i64::try_from(world.below(2 * spread + 1)).unwrap() - trouble.skew,
    };
    let isolates: Vec<Isolate> = (0..isolates).map(isolate).collect();
    let caller = Caller {
        client_id: "app_one",
        user_id: Some("usr_one"),
        tier,
    };
    let mut seen = Seen::default();
    let mut tasks: Vec<(i64, Task<'_>)> = Vec::new();
    let mut next = calls.iter().peekable();
    loop {
        let woken = tasks.iter().map(|(at, _)| *at).min();
        let comes = next.peek().map(|call| call.at);
        let Some(now) = woken.into_iter().chain(comes).min() else {
            break;
        };
        world.now.set(now.max(world.now.get()));
        world.is_down.set(down(world.now.get()));
        while let Some(call) = next.next_if(|call| call.at <= now) {
            let isolate = &isolates[call.isolate];
            if world.below(1000) < trouble.ends {
                isolate.leases.replace(Rc::default());
            }
            tasks.push((now, Box::pin(count(isolate, &caller))));
        }
        let mut waiting = Vec::new();
        for (at, mut task) in tasks {
            if at > now {
                waiting.push((at, task));
                continue;
            }
            match task.as_mut().poll(&mut task::Context::from_waker(Waker::noop())) {
                Poll::Pending => waiting.push((world.wake.get(), task)),
                Poll::Ready(Outcome::Counted(_)) => seen.allowed.push(now),
                Poll::Ready(Outcome::TooMany { .. }) => seen.too_many += 1,
                Poll::Ready(Outcome::Unavailable) => seen.unavailable += 1,
            }
        }
        tasks = waiting;
    }
    seen.trips = world.trips.get();
    seen
}

/// The most calls that were let through in any window.
fn most(allowed: &[i64], seconds: u32) -> u32 {
    let window = i64::from(seconds) * 1000;
    let mut begin = 0;
    let mut most = 0;
    for (at, time) in allowed.iter().enumerate() {
        while allowed[begin] <= time - window {
            begin += 1;
        }
        most = most.max(at + 1 - begin);
    }
    u32::try_from(most).unwrap()
}

fn tier(requests: u32, seconds: u32) -> Tier {
    Tier {
        requests,
        app_requests: requests * 100,
        seconds,
    }
}

/// So many calls a second for so many seconds, at isolates that are chosen at random.
fn steady(per_second: f64, seconds: u32, isolates: usize, seed: u64) -> Vec<Call> {
    let mut random = seed;
    let calls = (per_second * f64::from(seconds)) as u32;
    let call = |number| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        Call {
            at: 1_000_000_000 + (f64::from(number) * 1000.0 / per_second) as i64,
            isolate: usize::try_from(random >> 33).unwrap() % isolates,
        }
    };
    (0..calls).map(call).collect()
}

fn troubles() -> impl Strategy<Value = Trouble> {
    (0..=400_i64, 0..=100_u64, 0..=20_u64, 0..=120_000_i64).prop_map(|(delay, lost, ends, skew)| Trouble {
        delay,
        lost,
        ends,
        skew,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    // Covers: R77, B41
    #[test]
    fn in_no_window_do_more_calls_pass_than_the_limit_whatever_isolates_and_clocks_do(
        requests in 20..=600_u32,
        seconds in prop::sample::select(vec![10, 60, 900]),
        isolates in 1..=50_usize,
        haste in 0.5..6.0_f64,
        trouble in troubles(),
        seed: u64,
    ) {
        // A call whose answer takes longer than the shortest lease is made later than it counts.
        let delay = trouble.delay.min(i64::from(seconds) * 1000 / 80 - 5);
        let trouble = Trouble { lost: 0, delay, ..trouble };
        let rate = haste * f64::from(requests) / f64::from(seconds);
        let calls = steady(rate, seconds * 3, isolates, seed);
        let seen = run(tier(requests, seconds), isolates, trouble, seed, &calls, |_| false);
        let most = most(&seen.allowed, seconds);
        prop_assert!(most <= requests, "{most} of {requests}");
    }

    // Covers: R77, B41
    #[test]
    fn lost_answers_let_no_more_than_a_tenth_more_pass(
        requests in 20..=600_u32,
        seconds in prop::sample::select(vec![10, 60, 900]),
        isolates in 1..=50_usize,
        haste in 0.5..6.0_f64,
        trouble in troubles(),
        seed: u64,
    ) {
        let rate = haste * f64::from(requests) / f64::from(seconds);
        let calls = steady(rate, seconds * 3, isolates, seed);
        let seen = run(tier(requests, seconds), isolates, trouble, seed, &calls, |_| false);
        let most = most(&seen.allowed, seconds);
        prop_assert!(f64::from(most) <= 1.1 * f64::from(requests), "{most} of {requests}");
    }

    #[test]
    fn whoever_calls_as_often_as_they_may_gets_nine_tenths_of_it_at_least(
        requests in 20..=1000_u32,
        seconds in prop::sample::select(vec![10, 60, 900]),
        isolates in 1..=3_usize,
        haste in 0.2..4.0_f64,
        seed: u64,
    ) {
        let windows = 5;
        let rate = haste * f64::from(requests) / f64::from(seconds);
        let calls = steady(rate, seconds * windows, isolates, seed);
        let seen = run(tier(requests, seconds), isolates, NONE, seed, &calls, |_| false);
        let due = (f64::from(requests * windows)).min(calls.len() as f64);
        let part = seen.allowed.len() as f64 / due;
        prop_assert!(part >= 0.9, "{part} of {due}, {} trips", seen.trips);
        prop_assert_eq!(seen.unavailable, 0);
    }
}

fn at_once(number: u32, gap: i64) -> Vec<Call> {
    let call = |number: u32| Call {
        at: 1_000_000_000 + i64::from(number) * gap,
        isolate: 0,
    };
    (0..number).map(call).collect()
}

// Covers: R77
#[test]
fn a_thousand_calls_of_one_isolate_cost_few_trips_and_the_next_is_refused() {
    let seen = run(tier(1000, 900), 1, NONE, 1, &at_once(1100, 20), |_| false);
    assert_eq!((seen.allowed.len(), seen.too_many), (1000, 100));
    assert!(seen.trips <= 80, "{}", seen.trips);
}

#[test]
fn one_call_in_a_while_costs_one_trip() {
    let seen = run(tier(1000, 900), 1, NONE, 1, &at_once(10, 90_000), |_| false);
    assert_eq!((seen.allowed.len(), seen.trips), (10, 10));
}

// Covers: R77
#[test]
fn without_the_counter_a_fiftieth_passes_in_each_isolate_and_counts_when_it_is_back() {
    let seen = run(tier(1000, 900), 1, NONE, 1, &at_once(300, 100), |_| true);
    assert_eq!((seen.allowed.len(), seen.unavailable), (20, 280));
    // Two asks for the first, and two in each second after it.
    assert!(seen.trips <= 62, "{}", seen.trips);
    let back = |now: i64| now < 1_000_030_000;
    let seen = run(tier(1000, 900), 1, NONE, 1, &at_once(2000, 100), back);
    assert_eq!(seen.allowed.len(), 1000);
    // Of a limit of one a fiftieth is none.
    let seen = run(tier(1, 900), 1, NONE, 1, &at_once(300, 100), |_| true);
    assert_eq!((seen.allowed.len(), seen.unavailable), (0, 300));
}

// Covers: R77, B41
#[test]
fn without_the_counter_nothing_passes_where_the_limit_is_known_to_be_near() {
    let down = |now: i64| now >= 1_000_000_000 + 95 * 20;
    let seen = run(tier(100, 900), 1, NONE, 1, &at_once(300, 20), down);
    assert!(seen.allowed.len() <= 100, "{}", seen.allowed.len());
    assert!(seen.unavailable > 0);
}

// Covers: B41
#[test]
fn each_app_and_each_user_has_a_count_of_their_own_and_the_app_one_for_all() {
    let leases = Leases::default();
    let mut rows: BTreeMap<String, Window> = BTreeMap::new();
    let mut allowed = |client_id, user_id: &str| {
        let tier = Tier {
            requests: 10,
            app_requests: 25,
            seconds: 900,
        };
        let caller = Caller {
            client_id,
            user_id: Some(user_id),
            tier,
        };
        let (mut turn, now) = (super::leases::Turn::default(), Timestamp(9_000_000));
        loop {
            let ask = match leases.take(&caller, &mut turn, now) {
                super::leases::Step::Decided(outcome) => return matches!(outcome, Outcome::Counted(_)),
                super::leases::Step::Ask(ask) => ask,
            };
            let grant = |part: &super::lease::Part| {
                let window = rows.entry(format!("{client_id} {}", part.key));
                grant(window.or_insert_with(|| Window::new(900)), part, now)
            };
            let answer = Answer {
                leases: ask.parts.iter().map(grant).collect(),
            };
            leases.learn(&caller, &mut turn, &ask, &answer, now);
        }
    };
    let mut passed = |client_id, user_id| (0..20).filter(|_| allowed(client_id, user_id)).count();
    assert_eq!(passed("app_one", "usr_one"), 10);
    assert_eq!(passed("app_one", "usr_two"), 10);
    assert_eq!(passed("app_one", "usr_three"), 5);
    assert_eq!(passed("app_one", "usr_four"), 0);
    assert_eq!(passed("app_two", "usr_one"), 10);
}

// Covers: B41
#[test]
fn a_lease_is_used_for_as_long_as_it_lasts_from_the_question_on_and_what_is_left_of_it_is_given_back() {
    use super::leases::{Step, Turn};
    let leases = Leases::default();
    let caller = Caller {
        client_id: "app_one",
        user_id: None,
        tier: tier(1000, 900),
    };
    let asked_at = Timestamp(9_000_000);
    let take = |at: i64, turn: &mut Turn| leases.take(&caller, turn, Timestamp(at));
    let mut turn = Turn::default();
    let Step::Ask(ask) = take(asked_at.0, &mut turn) else {
        panic!("nothing is held yet");
    };
    let lease = super::lease::Lease {
        calls: 9,
        slot: 200,
        lasts: 30_000,
        left: 900,
        more_in: 900_000,
    };
    let answer = Answer {
        leases: vec![lease; ask.parts.len()],
    };
    leases.learn(&caller, &mut turn, &ask, &answer, asked_at);
    assert!(matches!(take(9_000_100, &mut turn), Step::Decided(Outcome::Counted(_))));
    let last = take(9_029_999, &mut Turn::default());
    assert!(matches!(last, Step::Decided(Outcome::Counted(_))), "{last:?}");
    let Step::Ask(ask) = take(9_030_000, &mut Turn::default()) else {
        panic!("the lease is over");
    };
    let given_back: Vec<(i64, u32)> = ask.parts.iter().map(|part| (part.slot, part.unused)).collect();
    assert_eq!(given_back, [(200, 7), (200, 7)]);
}
