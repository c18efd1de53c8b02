//! Records kept for a few seconds per isolate.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use crate::time::Timestamp;

/// How old a record may be, counted from the start of its read: with it a suspension reaches every isolate
/// within ten seconds.
const LIFETIME: Duration = Duration::from_secs(8);
/// How many records are kept; an app id costs an attacker nothing to invent.
const CAPACITY: usize = 512;

/// Records by their id. Values, never futures: a request must not wait for another's.
pub struct Cache<T> {
    records: RefCell<BTreeMap<String, (Timestamp, Rc<T>)>>,
}

impl<T> Cache<T> {
    /// An empty cache.
    pub const fn new() -> Self {
        Self {
            records: RefCell::new(BTreeMap::new()),
        }
    }

    /// A record young enough to be used.
    pub fn get(&self, id: &str, now: Timestamp) -> Option<Rc<T>> {
        let records = self.records.borrow();
        let (read_at, record) = records.get(id)?;
        (now - *read_at < LIFETIME && *read_at <= now).then(|| Rc::clone(record))
    }

    /// Keeps a record whose read began at `read_at`.
    pub fn put(&self, id: &str, record: &Rc<T>, read_at: Timestamp) {
        let mut records = self.records.borrow_mut();
        if records.len() >= CAPACITY {
            records.retain(|_, (other, _)| read_at - *other < LIFETIME);
        }
        if records.len() < CAPACITY {
            records.insert(id.to_owned(), (read_at, Rc::clone(record)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_used_for_eight_seconds_from_the_start_of_its_read() {
        let cache = Cache::new();
        cache.put("a", &Rc::new(1), Timestamp(0));
        assert_eq!(cache.get("a", Timestamp(7_999)).as_deref(), Some(&1));
        assert_eq!(cache.get("a", Timestamp(8_000)), None);
        assert_eq!(cache.get("b", Timestamp(0)), None);
    }

    #[test]
    fn invented_ids_cannot_fill_the_memory() {
        let cache = Cache::new();
        for id in 0..10_000 {
            cache.put(&id.to_string(), &Rc::new(id), Timestamp(0));
        }
        assert!(cache.records.borrow().len() <= CAPACITY);
        cache.put("late", &Rc::new(1), Timestamp(9_000));
        assert!(cache.get("late", Timestamp(9_000)).is_some());
    }
}
