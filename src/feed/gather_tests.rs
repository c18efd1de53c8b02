use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::feed::cut::Subject;
use crate::store::memory::Memory;

/// The rows of one feed object, in memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemoryFeed {
    positions: BTreeMap<Shard, u64>,
    entries: Vec<Entry>,
    newest: u64,
}

impl FeedRows for MemoryFeed {
    fn positions(&self) -> Result<Vec<Position>, StoreError> {
        let positions = self.positions.iter();
        Ok(positions
            .map(|(shard, number)| Position {
                shard: *shard,
                number: *number,
            })
            .collect())
    }

    fn take(&mut self, position: Position, cuts: &[LoggedCut], first: u64) -> Result<(), StoreError> {
        for (cut, number) in cuts.iter().zip(first..) {
            if !self.entries.iter().any(|entry| entry.cut == cut.cut) {
                self.add(number, cut.cut, None);
            }
        }
        self.positions.insert(position.shard, position.number);
        Ok(())
    }

    fn apps(&self) -> Result<Vec<AppEpoch>, StoreError> {
        let app = |entry: &Entry| entry.epoch.map(|epoch| AppEpoch { cut: entry.cut, epoch });
        Ok(self.entries.iter().filter_map(app).collect())
    }

    fn take_app(&mut self, app: AppEpoch, _until: Timestamp, number: u64) -> Result<(), StoreError> {
        self.entries.retain(|entry| entry.cut != app.cut);
        self.add(number, app.cut, Some(app.epoch));
        Ok(())
    }

    fn after(&self, number: u64, at_most: u32) -> Result<Vec<Entry>, StoreError> {
        let later = self.entries.iter().filter(|entry| entry.number > number);
        Ok(later.take(at_most as usize).copied().collect())
    }

    fn newest(&self) -> Result<u64, StoreError> {
        Ok(self.newest)
    }
}

impl MemoryFeed {
    fn add(&mut self, number: u64, cut: Cut, epoch: Option<u32>) {
        assert!(number > self.newest);
        self.newest = number;
        self.entries.push(Entry { number, cut, epoch });
    }
}

const AS_OF: Timestamp = Timestamp(5_000);

fn region() -> Region {
    Region::of(Shard::of_name("one"))
}

fn shards() -> [Shard; 2] {
    let mut shards = region().shards();
    [shards.next().unwrap(), shards.next().unwrap()]
}

fn cut_off(memory: &Memory, shard: Shard, jti: &str) {
    let operation = Operation::EndToken {
        jti: jti.into(),
        expires_at: Timestamp(i64::MAX),
        place: None,
    };
    pollster::block_on(memory.ledger(shard, &operation)).unwrap();
}

fn read(memory: &Memory, feed: &mut MemoryFeed) -> Result<(), StoreError> {
    pollster::block_on(gather(region(), memory, feed, memory.now.get()))
}

fn told(feed: &MemoryFeed, after: u64) -> Vec<Cut> {
    list(feed, after, AS_OF).unwrap().cuts
}

fn token(jti: &str) -> Cut {
    Cut::of(Subject::Token(jti))
}

#[test]
fn what_any_ledger_of_the_region_cuts_off_is_told_once() {
    let (memory, mut feed) = (Memory::default(), MemoryFeed::default());
    let [first, second] = shards();
    cut_off(&memory, first, "a");
    cut_off(&memory, second, "b");
    read(&memory, &mut feed).unwrap();
    let all = list(&feed, 0, AS_OF).unwrap();
    assert_eq!(all.cuts.len(), 2);
    assert_eq!((all.as_of, all.more), (AS_OF, false));
    cut_off(&memory, first, "c");
    read(&memory, &mut feed).unwrap();
    read(&memory, &mut feed).unwrap();
    assert_eq!(told(&feed, all.number), [token("c")]);
    assert_eq!(told(&feed, 0).len(), 3);
}

#[test]
fn a_ledger_that_does_not_answer_leaves_no_list_and_nothing_is_lost() {
    let (memory, mut feed) = (Memory::default(), MemoryFeed::default());
    let [first, second] = shards();
    cut_off(&memory, first, "a");
    cut_off(&memory, second, "b");
    memory.unreachable.borrow_mut().push(second);
    assert!(read(&memory, &mut feed).is_err());
    memory.unreachable.borrow_mut().clear();
    read(&memory, &mut feed).unwrap();
    assert_eq!(told(&feed, 0).len(), 2);
}

#[test]
fn a_ledger_that_was_rolled_back_is_read_again_from_the_start() {
    let (memory, mut feed) = (Memory::default(), MemoryFeed::default());
    let [first, _] = shards();
    for jti in ["a", "b", "c"] {
        cut_off(&memory, first, jti);
    }
    read(&memory, &mut feed).unwrap();
    let known = list(&feed, 0, AS_OF).unwrap().number;
    memory.ledgers.borrow_mut().clear();
    for jti in ["a", "d"] {
        cut_off(&memory, first, jti);
    }
    read(&memory, &mut feed).unwrap();
    assert_eq!(told(&feed, known), [token("d")]);
}

#[test]
fn an_asker_who_knows_more_than_the_feed_is_told_everything() {
    let (memory, mut feed) = (Memory::default(), MemoryFeed::default());
    cut_off(&memory, shards()[0], "a");
    read(&memory, &mut feed).unwrap();
    let list = list(&feed, u64::MAX, AS_OF).unwrap();
    assert_eq!((list.cuts, list.after), (vec![token("a")], 0));
}

#[test]
fn after_a_loss_of_the_feed_and_more_news_than_before_an_asker_still_misses_nothing() {
    let (memory, mut feed) = (Memory::default(), MemoryFeed::default());
    let [first, second] = shards();
    cut_off(&memory, first, "a");
    read(&memory, &mut feed).unwrap();
    let known = list(&feed, 0, AS_OF).unwrap().number;
    let mut feed = MemoryFeed::default();
    for (shard, jti) in [(first, "b"), (second, "c"), (second, "d")] {
        memory.now.set(memory.now.get() + Duration::from_secs(1));
        cut_off(&memory, shard, jti);
    }
    read(&memory, &mut feed).unwrap();
    for jti in ["b", "c", "d"] {
        assert!(told(&feed, known).contains(&token(jti)), "{jti}");
    }
}

#[test]
fn a_ledger_that_was_rolled_back_and_has_logged_more_since_is_read_from_where_it_was() {
    let (memory, mut feed) = (Memory::default(), MemoryFeed::default());
    let [first, _] = shards();
    cut_off(&memory, first, "a");
    read(&memory, &mut feed).unwrap();
    memory.ledgers.borrow_mut().clear();
    for jti in ["b", "c", "d"] {
        memory.now.set(memory.now.get() + Duration::from_secs(1));
        cut_off(&memory, first, jti);
    }
    read(&memory, &mut feed).unwrap();
    assert_eq!(told(&feed, 0), ["a", "b", "c", "d"].map(token));
}

#[test]
fn numbers_rise_whatever_the_clock_says() {
    assert_eq!(next_number(0, Timestamp(7)), 7_000);
    assert_eq!(next_number(6_999, Timestamp(7)), 7_000);
    assert_eq!(next_number(7_000, Timestamp(7)), 7_001);
    assert_eq!(next_number(9_000, Timestamp(-7)), 9_001);
    // Programs in which every number is a double read it exactly.
    assert!(next_number(0, Timestamp(4_000_000_000_000)) < 1 << 53);
}

#[test]
fn an_app_is_told_once_for_each_epoch_and_never_an_earlier_one_again() {
    let mut feed = MemoryFeed::default();
    let app = |epoch| AppCut {
        client_id: "one".into(),
        epoch,
    };
    let told = |feed: &MemoryFeed, after| {
        let list = list(feed, after, AS_OF).unwrap();
        let epochs: Vec<u32> = list.apps.iter().map(|app| app.epoch).collect();
        (epochs, list.number)
    };
    take_apps(&mut feed, &[app(2)], AS_OF).unwrap();
    let (epochs, number) = told(&feed, 0);
    assert_eq!(epochs, [2]);
    take_apps(&mut feed, &[app(2)], AS_OF).unwrap();
    assert_eq!(told(&feed, number), (vec![], number));
    take_apps(&mut feed, &[app(3)], AS_OF).unwrap();
    assert_eq!(told(&feed, number).0, [3]);
    take_apps(&mut feed, &[app(2)], AS_OF).unwrap();
    assert_eq!(told(&feed, 0).0, [3]);
}

#[test]
fn a_long_list_comes_in_parts() {
    let mut feed = MemoryFeed::default();
    let most = u64::from(MOST_LISTED);
    feed.newest = most + 1;
    let entry = |number| Entry {
        number,
        cut: token("a"),
        epoch: None,
    };
    feed.entries = (1..=feed.newest).map(entry).collect();
    let first = list(&feed, 0, AS_OF).unwrap();
    assert_eq!((first.cuts.len() as u64, first.number, first.more), (most, most, true));
    let rest = list(&feed, first.number, AS_OF).unwrap();
    assert_eq!((rest.cuts.len(), rest.number, rest.more), (1, most + 1, false));
}

/// Ledgers of which each gives so many answers of one entry, and then none any more.
struct Slow {
    answers: std::cell::Cell<u32>,
    newest: u64,
}

impl Ledger for Slow {
    async fn ledger(&self, shard: Shard, operation: &Operation) -> Result<Outcome, StoreError> {
        let Operation::Cuts { after } = operation else {
            panic!("nothing else is asked");
        };
        if shard != shards()[0] {
            return Ok(Outcome::Cuts {
                cuts: Vec::new(),
                newest: 0,
            });
        }
        match self.answers.get().checked_sub(1) {
            Some(left) => self.answers.set(left),
            None => std::future::pending().await,
        }
        let number = after + 1;
        let cut = LoggedCut {
            number,
            cut: token(&number.to_string()),
            expires_at: Timestamp(i64::MAX),
        };
        Ok(Outcome::Cuts {
            cuts: vec![cut],
            newest: self.newest,
        })
    }
}

#[test]
fn a_backlog_that_takes_longer_than_there_is_time_is_caught_up_with_in_the_end() {
    use futures_util::FutureExt;
    let mut feed = MemoryFeed::default();
    let slow = Slow {
        answers: 3.into(),
        newest: 7,
    };
    for told in [3, 6] {
        slow.answers.set(3);
        assert_eq!(gather(region(), &slow, &mut feed, AS_OF).now_or_never(), None);
        assert_eq!(feed.entries.len(), told);
    }
    slow.answers.set(3);
    assert_eq!(gather(region(), &slow, &mut feed, AS_OF).now_or_never(), Some(Ok(())));
    assert_eq!(
        told(&feed, 0),
        (1..=7).map(|n| token(&n.to_string())).collect::<Vec<_>>()
    );
}

#[test]
fn a_log_without_end_is_no_list_and_what_was_read_of_it_stays() {
    use futures_util::FutureExt;
    let mut feed = MemoryFeed::default();
    let slow = Slow {
        answers: u32::MAX.into(),
        newest: u64::MAX,
    };
    let gathered = gather(region(), &slow, &mut feed, AS_OF).now_or_never().unwrap();
    assert!(gathered.is_err());
    assert_eq!(feed.entries.len(), MOST_ANSWERS);
}

#[test]
fn nothing_is_written_where_nothing_is_new() {
    let (memory, mut feed) = (Memory::default(), MemoryFeed::default());
    read(&memory, &mut feed).unwrap();
    assert_eq!(feed, MemoryFeed::default());
}
