use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use futures_util::task::noop_waker;

use super::*;
use crate::feed::cut::{Cut, Subject};
use crate::feed::gather::AppEpoch;
use crate::ledger::shard::Shard;
use crate::oauth::access_token::AccessTokenClaims;
use crate::oauth::access_token::tests::token;

const NOW: Timestamp = Timestamp(1_000_000);

/// A feed that answers as planned, after so many polls.
#[derive(Default)]
struct Planned {
    answers: RefCell<VecDeque<(u32, Result<Gathered, StoreError>)>>,
    asked: RefCell<Vec<u64>>,
}

impl Planned {
    fn answers(&self, answer: Result<Gathered, StoreError>) {
        self.answers_late(0, answer);
    }

    fn answers_late(&self, polls: u32, answer: Result<Gathered, StoreError>) {
        self.answers.borrow_mut().push_back((polls, answer));
    }
}

impl Feed for Planned {
    async fn feed(&self, _region: Region, after: u64, _wait: Duration) -> Result<Gathered, StoreError> {
        self.asked.borrow_mut().push(after);
        let (polls, answer) = self.answers.borrow_mut().pop_front().expect("a trip too many");
        let left = Cell::new(polls);
        poll_fn(|_| match left.get() {
            0 => Poll::Ready(()),
            more => {
                left.set(more - 1);
                Poll::Pending
            }
        })
        .await;
        answer
    }
}

fn region() -> Region {
    Region::of(Shard::of_name("one"))
}

fn error() -> StoreError {
    StoreError {
        part: "feed",
        detail: "planned".into(),
    }
}

fn tells(as_of: Timestamp, number: u64, jtis: &[&str]) -> Gathered {
    Gathered {
        as_of,
        after: 0,
        cuts: jtis.iter().map(|jti| Cut::of(Subject::Token(jti))).collect(),
        apps: Vec::new(),
        number,
        more: false,
    }
}

fn claims(jti: &str) -> AccessTokenClaims {
    let mut claims = token().claims;
    claims.jti = jti.into();
    claims
}

async fn is_cut_off(copies: &Copies, feed: &Planned, now: Timestamp, jti: &str) -> Result<bool, StoreError> {
    let claims = claims(jti);
    let look = |cuts: &Cuts| cuts.cut_off(&claims).is_some();
    copies.look(feed, region(), || now, look).await
}

fn more(after: u64, number: u64, jti: &str) -> Gathered {
    Gathered {
        more: true,
        ..goes_on(after, number, jti)
    }
}

fn goes_on(after: u64, number: u64, jti: &str) -> Gathered {
    Gathered {
        after,
        ..tells(NOW, number, &[jti])
    }
}

fn look(copies: &Copies, feed: &Planned, now: Timestamp, jti: &str) -> Result<bool, StoreError> {
    pollster::block_on(is_cut_off(copies, feed, now, jti))
}

fn poll<T>(future: Pin<&mut impl Future<Output = T>>) -> Poll<T> {
    future.poll(&mut Context::from_waker(&noop_waker()))
}

#[test]
fn a_fresh_copy_costs_no_trip_and_an_old_one_asks_for_what_is_new() {
    let (copies, feed) = (Copies::default(), Planned::default());
    feed.answers(Ok(tells(NOW, 9, &["a"])));
    assert_eq!(look(&copies, &feed, NOW, "a"), Ok(true));
    let last = NOW + GUARD_FRESHNESS - Duration::from_millis(1);
    assert_eq!(look(&copies, &feed, last, "a"), Ok(true));
    assert_eq!(look(&copies, &feed, last, "b"), Ok(false));
    assert_eq!(*feed.asked.borrow(), [0]);
    let later = NOW + GUARD_FRESHNESS;
    feed.answers(Ok(tells(later, 12, &["b"])));
    assert_eq!(look(&copies, &feed, later, "b"), Ok(true));
    assert_eq!(look(&copies, &feed, later, "a"), Ok(true));
    assert_eq!(*feed.asked.borrow(), [0, 9]);
}

#[test]
fn a_copy_that_gets_old_is_read_on_once_before_anybody_waits() {
    let (copies, feed) = (Copies::default(), Planned::default());
    feed.answers(Ok(tells(NOW, 9, &[])));
    look(&copies, &feed, NOW, "a").unwrap();
    look(&copies, &feed, NOW + AHEAD - Duration::from_millis(1), "a").unwrap();
    assert_eq!(copies.take_due(), None);
    let now = NOW + AHEAD;
    look(&copies, &feed, now, "a").unwrap();
    assert_eq!(copies.take_due(), Some(region()));
    look(&copies, &feed, now, "a").unwrap();
    assert_eq!(copies.take_due(), None);
    feed.answers(Ok(goes_on(9, 12, "a")));
    feed.answers.borrow_mut()[0].1.as_mut().unwrap().as_of = now;
    pollster::block_on(copies.read_on(&feed, region(), || now));
    let later = NOW + GUARD_FRESHNESS;
    assert_eq!(look(&copies, &feed, later, "a"), Ok(true));
    assert_eq!(*feed.asked.borrow(), [0, 9]);
    // And again, as long as somebody looks.
    assert_eq!(copies.take_due(), Some(region()));
}

#[test]
fn reading_on_in_vain_leaves_a_fresh_copy_good_and_an_old_one_not() {
    let (copies, feed) = (Copies::default(), Planned::default());
    feed.answers(Ok(tells(NOW, 9, &["a"])));
    look(&copies, &feed, NOW, "a").unwrap();
    feed.answers(Err(error()));
    let now = NOW + AHEAD;
    pollster::block_on(copies.read_on(&feed, region(), || now));
    assert_eq!(look(&copies, &feed, now, "a"), Ok(true));
    feed.answers(Err(error()));
    assert_eq!(look(&copies, &feed, NOW + GUARD_FRESHNESS, "a"), Err(error()));
}

#[test]
fn a_copy_that_nobody_has_is_not_read_on() {
    let (copies, feed) = (Copies::default(), Planned::default());
    assert_eq!(copies.take_due(), None);
    pollster::block_on(copies.read_on(&feed, region(), || NOW));
    assert_eq!(*feed.asked.borrow(), [0; 0]);
}

#[test]
fn a_copy_is_as_old_as_what_the_feed_knew_and_as_the_question() {
    let (copies, feed) = (Copies::default(), Planned::default());
    feed.answers(Ok(tells(NOW - Duration::from_secs(2), 9, &[])));
    look(&copies, &feed, NOW, "a").unwrap();
    let later = NOW + Duration::from_secs(3);
    // The feed's clock is ahead.
    feed.answers(Ok(tells(later + Duration::from_secs(60), 9, &[])));
    look(&copies, &feed, later, "a").unwrap();
    assert_eq!(feed.asked.borrow().len(), 2);
    let later = later + GUARD_FRESHNESS;
    feed.answers(Ok(tells(later, 9, &[])));
    look(&copies, &feed, later, "a").unwrap();
    assert_eq!(feed.asked.borrow().len(), 3);
}

#[test]
fn without_the_feed_nobody_knows_even_of_what_was_cut_off_before() {
    let (copies, feed) = (Copies::default(), Planned::default());
    feed.answers(Err(error()));
    assert_eq!(look(&copies, &feed, NOW, "a"), Err(error()));
    let now = NOW + PAUSE;
    feed.answers(Ok(tells(now, 9, &[])));
    assert_eq!(look(&copies, &feed, now, "a"), Ok(false));
    let later = now + GUARD_FRESHNESS;
    feed.answers(Err(error()));
    assert_eq!(look(&copies, &feed, later, "a"), Err(error()));
    let later = later + PAUSE;
    feed.answers(Ok(tells(later, 10, &["a"])));
    assert_eq!(look(&copies, &feed, later, "a"), Ok(true));
    assert_eq!(*feed.asked.borrow(), [0, 0, 9, 9]);
}

#[test]
fn a_feed_that_failed_is_left_alone_for_a_moment_and_then_asked_by_one_at_a_time() {
    let (copies, feed) = (Copies::default(), Planned::default());
    feed.answers(Err(error()));
    look(&copies, &feed, NOW, "a").unwrap_err();
    let last = NOW + PAUSE - Duration::from_millis(1);
    assert_eq!(look(&copies, &feed, last, "a"), Err(error()));
    assert_eq!(feed.asked.borrow().len(), 1);
    let later = NOW + PAUSE;
    feed.answers_late(1, Ok(tells(later, 9, &["a"])));
    let mut tries = pin!(is_cut_off(&copies, &feed, later, "a"));
    assert_eq!(poll(tries.as_mut()), Poll::Pending);
    assert_eq!(look(&copies, &feed, later, "a"), Err(error()));
    assert_eq!(poll(tries.as_mut()), Poll::Ready(Ok(true)));
    assert_eq!(look(&copies, &feed, later, "a"), Ok(true));
    assert_eq!(feed.asked.borrow().len(), 2);
}

#[test]
fn whoever_tries_and_never_comes_back_keeps_nobody_from_it() {
    let (copies, feed) = (Copies::default(), Planned::default());
    feed.answers(Err(error()));
    look(&copies, &feed, NOW, "a").unwrap_err();
    let later = NOW + PAUSE;
    feed.answers_late(9, Err(error()));
    {
        let mut gone = pin!(is_cut_off(&copies, &feed, later, "a"));
        assert_eq!(poll(gone.as_mut()), Poll::Pending);
    }
    assert_eq!(look(&copies, &feed, later, "a"), Err(error()));
    let later = later + PAUSE;
    feed.answers(Ok(tells(later, 9, &["a"])));
    assert_eq!(look(&copies, &feed, later, "a"), Ok(true));
}

#[test]
fn a_failure_is_of_one_region() {
    let (copies, feed) = (Copies::default(), Planned::default());
    feed.answers(Err(error()));
    look(&copies, &feed, NOW, "a").unwrap_err();
    feed.answers(Ok(tells(NOW, 9, &[])));
    let other = Region::from_number(if region().number() == 0 { 1 } else { 0 }).unwrap();
    let told = copies.look(&feed, other, || NOW, |_| ());
    assert_eq!(pollster::block_on(told), Ok(()));
}

#[test]
fn a_clock_that_was_set_back_makes_no_old_copy_fresh_and_no_failure_last() {
    let (copies, feed) = (Copies::default(), Planned::default());
    feed.answers(Ok(tells(NOW, 9, &[])));
    look(&copies, &feed, NOW, "a").unwrap();
    let before = NOW - Duration::from_secs(600);
    feed.answers(Ok(tells(before, 10, &["a"])));
    assert_eq!(look(&copies, &feed, before, "a"), Ok(true));
    assert_eq!(*feed.asked.borrow(), [0, 9]);
    // From there on it is fresh as always.
    assert_eq!(look(&copies, &feed, before + Duration::from_secs(1), "a"), Ok(true));
    assert_eq!(*feed.asked.borrow(), [0, 9]);
    feed.answers(Err(error()));
    look(&copies, &feed, NOW + Duration::from_secs(1), "a").unwrap_err();
    feed.answers(Ok(tells(NOW, 12, &[])));
    assert_eq!(look(&copies, &feed, NOW, "a"), Ok(true));
}

#[test]
fn a_list_in_parts_counts_when_all_of_it_is_there_and_a_failure_costs_none_of_them() {
    let (copies, feed) = (Copies::default(), Planned::default());
    feed.answers(Ok(more(0, 9, "a")));
    feed.answers(Err(error()));
    assert_eq!(look(&copies, &feed, NOW, "a"), Err(error()));
    let later = NOW + PAUSE;
    feed.answers(Ok(goes_on(9, 12, "b")));
    assert_eq!(look(&copies, &feed, later, "b"), Ok(true));
    assert_eq!(look(&copies, &feed, later, "a"), Ok(true));
    assert_eq!(*feed.asked.borrow(), [0, 9, 9]);
}

#[test]
fn a_long_list_is_read_by_one_call_after_another_and_known_at_its_end() {
    let (copies, feed) = (Copies::default(), Planned::default());
    let parts = u64::try_from(PARTS_AT_ONCE).unwrap();
    for number in 0..3 * parts - 1 {
        feed.answers(Ok(more(number, number + 1, "a")));
    }
    feed.answers(Ok(goes_on(3 * parts - 1, 3 * parts, "b")));
    for call in 1..=2 {
        assert!(look(&copies, &feed, NOW, "a").is_err());
        assert_eq!(feed.asked.borrow().len(), call * PARTS_AT_ONCE);
    }
    assert_eq!(look(&copies, &feed, NOW, "b"), Ok(true));
    assert_eq!(*feed.asked.borrow(), (0..3 * parts).collect::<Vec<_>>());
}

#[test]
fn of_those_who_begin_a_long_list_at_the_same_time_one_reads_on() {
    let (copies, feed) = (Copies::default(), Planned::default());
    feed.answers_late(1, Ok(more(0, 9, "a")));
    feed.answers_late(1, Ok(more(0, 9, "a")));
    let mut first = pin!(is_cut_off(&copies, &feed, NOW, "b"));
    let mut second = pin!(is_cut_off(&copies, &feed, NOW, "b"));
    assert_eq!(poll(first.as_mut()), Poll::Pending);
    assert_eq!(poll(second.as_mut()), Poll::Pending);
    feed.answers_late(1, Ok(goes_on(9, 12, "b")));
    assert_eq!(poll(first.as_mut()), Poll::Pending);
    assert!(matches!(poll(second.as_mut()), Poll::Ready(Err(_))));
    assert!(look(&copies, &feed, NOW, "b").is_err());
    assert_eq!(poll(first.as_mut()), Poll::Ready(Ok(true)));
    assert_eq!(*feed.asked.borrow(), [0, 0, 9]);
}

#[test]
fn a_list_that_is_too_long_to_keep_takes_no_memory_and_is_left_alone_for_long() {
    let (copies, feed) = (Copies::default(), Planned::default());
    let cuts = |range: std::ops::Range<usize>| range.map(|n| Cut::of(Subject::Token(&n.to_string()))).collect();
    let half = MOST_KEPT / 2 + 1;
    for (after, number, range) in [(0, 1, 0..half), (1, 2, half..2 * half)] {
        feed.answers(Ok(Gathered {
            cuts: cuts(range),
            ..more(after, number, "a")
        }));
    }
    assert!(look(&copies, &feed, NOW, "a").is_err());
    assert!(copies.0.borrow()[&region()].cuts.is_empty());
    let last = NOW + TOO_LONG_PAUSE - Duration::from_millis(1);
    assert!(look(&copies, &feed, last, "a").is_err());
    assert_eq!(feed.asked.borrow().len(), 2);
    feed.answers(Ok(goes_on(0, 12, "a")));
    assert_eq!(look(&copies, &feed, NOW + TOO_LONG_PAUSE, "a"), Ok(true));
}

#[test]
fn a_feed_that_was_lost_is_read_from_its_start_to_its_end() {
    let (copies, feed) = (Copies::default(), Planned::default());
    feed.answers(Ok(tells(NOW, 90, &["a"])));
    look(&copies, &feed, NOW, "a").unwrap();
    let later = NOW + GUARD_FRESHNESS;
    feed.answers(Ok(more(0, 9, "b")));
    feed.answers(Ok(Gathered {
        as_of: later,
        ..goes_on(9, 12, "c")
    }));
    assert_eq!(look(&copies, &feed, later, "c"), Ok(true));
    assert_eq!(look(&copies, &feed, later, "a"), Ok(true));
    assert_eq!(*feed.asked.borrow(), [0, 90, 9]);
}

#[test]
fn a_copy_is_begun_anew_so_that_what_expired_goes() {
    let (copies, feed) = (Copies::default(), Planned::default());
    feed.answers(Ok(tells(NOW + LIFETIME, 9, &["a"])));
    look(&copies, &feed, NOW, "a").unwrap();
    let later = NOW + LIFETIME;
    feed.answers(Ok(tells(later, 12, &["b"])));
    assert_eq!(look(&copies, &feed, later, "a"), Ok(false));
    assert_eq!(look(&copies, &feed, later, "b"), Ok(true));
    assert_eq!(*feed.asked.borrow(), [0, 0]);
}

#[test]
fn an_app_that_was_cut_off_is() {
    let (copies, feed) = (Copies::default(), Planned::default());
    let claims = token().claims;
    let app = AppEpoch {
        cut: Cut::of(Subject::App(&claims.client_id)),
        epoch: claims.latchkey.app_epoch + 1,
    };
    feed.answers(Ok(Gathered {
        apps: vec![app],
        ..tells(NOW, 9, &[])
    }));
    assert_eq!(look(&copies, &feed, NOW, "a"), Ok(true));
}

#[test]
fn an_answer_that_comes_late_takes_nothing_back() {
    let (copies, feed) = (Copies::default(), Planned::default());
    feed.answers_late(1, Ok(tells(NOW, 9, &["a"])));
    feed.answers(Ok(tells(NOW, 12, &["a", "b"])));
    let mut slow = pin!(is_cut_off(&copies, &feed, NOW, "b"));
    assert_eq!(poll(slow.as_mut()), Poll::Pending);
    assert_eq!(look(&copies, &feed, NOW, "b"), Ok(true));
    assert_eq!(poll(slow.as_mut()), Poll::Ready(Ok(true)));
    let later = NOW + GUARD_FRESHNESS;
    feed.answers(Ok(tells(later, 12, &[])));
    look(&copies, &feed, later, "b").unwrap();
    assert_eq!(*feed.asked.borrow(), [0, 0, 12]);
}

#[test]
fn a_copy_that_is_begun_anew_by_a_late_answer_leaves_no_hole_for_whoever_is_about_to_add() {
    let (copies, feed) = (Copies::default(), Planned::default());
    feed.answers(Ok(tells(NOW, 5, &["a"])));
    look(&copies, &feed, NOW, "a").unwrap();
    let end = NOW + LIFETIME;
    let before = end - Duration::from_millis(1);
    // Begins anew, and is told what there was up to 6.
    feed.answers_late(2, Ok(tells(end, 6, &["a", "b"])));
    let mut renews = pin!(is_cut_off(&copies, &feed, end, "c"));
    assert_eq!(poll(renews.as_mut()), Poll::Pending);
    // Two that are a moment behind: one learns of 7, the other goes on from there.
    feed.answers(Ok(tells(before - GUARD_FRESHNESS, 7, &["b", "c"])));
    look(&copies, &feed, before, "c").unwrap();
    feed.answers_late(2, Ok(goes_on(7, 9, "d")));
    let mut adds = pin!(is_cut_off(&copies, &feed, before, "c"));
    assert_eq!(poll(adds.as_mut()), Poll::Pending);
    assert_eq!(*feed.asked.borrow(), [0, 0, 5, 7]);
    assert_eq!(poll(renews.as_mut()), Poll::Pending);
    assert_eq!(poll(renews.as_mut()), Poll::Ready(Ok(false)));
    assert_eq!(poll(adds.as_mut()), Poll::Pending);
    // What it was told does not join on to what there is now: it asks for what lies between.
    feed.answers(Ok(Gathered {
        cuts: ["b", "c", "d"].map(|jti| Cut::of(Subject::Token(jti))).into(),
        ..goes_on(6, 9, "b")
    }));
    assert_eq!(poll(adds.as_mut()), Poll::Ready(Ok(true)));
    assert_eq!(*feed.asked.borrow(), [0, 0, 5, 7, 6]);
    for jti in ["a", "b", "c", "d"] {
        assert!(
            copies.0.borrow()[&region()].cuts.cut_off(&claims(jti)).is_some(),
            "{jti}"
        );
    }
}
