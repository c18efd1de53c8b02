//! Records kept for a few seconds per isolate.

use std::cell::RefCell;
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
    /// In the order of their ids.
    records: RefCell<Vec<Kept<T>>>,
}

struct Kept<T> {
    id: String,
    read_at: Timestamp,
    record: Rc<T>,
}

fn place<T>(records: &[Kept<T>], id: &str) -> Result<usize, usize> {
    records.binary_search_by(|kept| kept.id.as_str().cmp(id))
}

impl<T> Cache<T> {
    /// An empty cache.
    pub const fn new() -> Self {
        Self {
            records: RefCell::new(Vec::new()),
        }
    }

    /// A record young enough to be used.
    pub fn get(&self, id: &str, now: Timestamp) -> Option<Rc<T>> {
        self.get_since(id, Timestamp(i64::MIN), now)
    }

    /// The same, if its read did not begin before `since`.
    pub fn get_since(&self, id: &str, since: Timestamp, now: Timestamp) -> Option<Rc<T>> {
        let records = self.records.borrow();
        let kept = records.get(place(&records, id).ok()?)?;
        let is_young = now - kept.read_at < LIFETIME && kept.read_at <= now && kept.read_at >= since;
        is_young.then(|| Rc::clone(&kept.record))
    }

    /// Keeps a record whose read began at `read_at`.
    pub fn put(&self, id: &str, record: &Rc<T>, read_at: Timestamp) {
        let mut records = self.records.borrow_mut();
        if records.len() >= CAPACITY {
            records.retain(|other| read_at - other.read_at < LIFETIME);
        }
        let kept = Kept {
            id: id.to_owned(),
            read_at,
            record: Rc::clone(record),
        };
        match place(&records, id) {
            Ok(at) => {
                if let Some(older) = records.get_mut(at) {
                    *older = kept;
                }
            }
            Err(at) if records.len() < CAPACITY => records.insert(at, kept),
            Err(_) => {}
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
        assert_eq!(cache.get_since("a", Timestamp(0), Timestamp(10)).as_deref(), Some(&1));
        assert_eq!(cache.get_since("a", Timestamp(1), Timestamp(10)), None);
        cache.put("a", &Rc::new(2), Timestamp(5_000));
        cache.put("0", &Rc::new(3), Timestamp(5_000));
        assert_eq!(cache.get("a", Timestamp(8_000)).as_deref(), Some(&2));
        assert_eq!(cache.get("0", Timestamp(8_000)).as_deref(), Some(&3));
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
