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
    copies.look(feed, region(), now, look).await
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
    feed.answers(Ok(tells(NOW, 9, &[])));
    assert_eq!(look(&copies, &feed, NOW, "a"), Ok(false));
    let later = NOW + GUARD_FRESHNESS;
    feed.answers(Err(error()));
    assert_eq!(look(&copies, &feed, later, "a"), Err(error()));
    feed.answers(Ok(tells(later, 10, &["a"])));
    assert_eq!(look(&copies, &feed, later, "a"), Ok(true));
    assert_eq!(*feed.asked.borrow(), [0, 0, 9, 9]);
}

#[test]
fn a_list_in_parts_counts_when_all_of_it_is_there() {
    let (copies, feed) = (Copies::default(), Planned::default());
    let more = |number, jti| Gathered {
        more: true,
        ..tells(NOW, number, &[jti])
    };
    feed.answers(Ok(more(9, "a")));
    feed.answers(Err(error()));
    assert_eq!(look(&copies, &feed, NOW, "a"), Err(error()));
    feed.answers(Ok(more(9, "a")));
    feed.answers(Ok(tells(NOW, 12, &["b"])));
    assert_eq!(look(&copies, &feed, NOW, "b"), Ok(true));
    assert_eq!(look(&copies, &feed, NOW, "a"), Ok(true));
    assert_eq!(*feed.asked.borrow(), [0, 9, 0, 9]);
}

#[test]
fn a_list_without_end_is_no_list() {
    let (copies, feed) = (Copies::default(), Planned::default());
    for number in 0..100 {
        feed.answers(Ok(Gathered {
            more: true,
            ..tells(NOW, number, &[])
        }));
    }
    assert!(look(&copies, &feed, NOW, "a").is_err());
    assert_eq!(feed.asked.borrow().len(), MOST_PARTS);
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
    feed.answers_late(2, Ok(tells(end, 9, &["d"])));
    let mut adds = pin!(is_cut_off(&copies, &feed, before, "c"));
    assert_eq!(poll(adds.as_mut()), Poll::Pending);
    assert_eq!(*feed.asked.borrow(), [0, 0, 5, 7]);
    assert_eq!(poll(renews.as_mut()), Poll::Pending);
    assert_eq!(poll(renews.as_mut()), Poll::Ready(Ok(true)));
    assert_eq!(poll(adds.as_mut()), Poll::Pending);
    assert_eq!(poll(adds.as_mut()), Poll::Ready(Ok(true)));
    for jti in ["a", "b", "c", "d"] {
        assert!(
            copies.0.borrow()[&region()].cuts.cut_off(&claims(jti)).is_some(),
            "{jti}"
        );
    }
}
