//! How pages look, kept per isolate. Only requests that may end in a page ask; what is half a minute old is read anew
//! beside the request, and only what is a minute old, or not known yet, is waited for.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use super::stores::EdgeStores;
use super::surroundings::now;
use crate::config::Config;
use crate::looks::Looks;
use crate::management::policy::branding;
use crate::time::Timestamp;

/// After this long they are read anew.
const FRESH: Duration = Duration::from_secs(30);
/// After this long they are not used any more.
const LIFETIME: Duration = Duration::from_secs(60);
/// How long to wait after a read that failed.
const PAUSE: Duration = Duration::from_secs(10);

struct Kept {
    looks: Rc<Looks>,
    read_at: Timestamp,
    /// No other read before this.
    next_at: Timestamp,
}

thread_local! {
    static KEPT: RefCell<Option<Kept>> = const { RefCell::new(None) };
}

/// What is known without asking: of the last read, else what the variables say.
pub fn known(config: &Config) -> Rc<Looks> {
    let kept = KEPT.with_borrow(|kept| kept.as_ref().map(|kept| Rc::clone(&kept.looks)));
    kept.unwrap_or_else(|| Rc::new(config.looks.clone()))
}

/// How pages look, at most a minute ago. Where storage fails, what is known counts.
pub async fn current(context: &worker::Context, stores: &Rc<EdgeStores>, config: &Rc<Config>) -> Rc<Looks> {
    let now = now();
    let (is_due, is_waited_for) = KEPT.with_borrow(|kept| match kept {
        None => (true, true),
        Some(kept) => (now >= kept.next_at, now - kept.read_at >= LIFETIME),
    });
    if is_due {
        let read = read(Rc::clone(stores), Rc::clone(config), now);
        match is_waited_for {
            true => read.await,
            false => context.wait_until(read),
        }
    }
    known(config)
}

async fn read(stores: Rc<EdgeStores>, config: Rc<Config>, at: Timestamp) {
    // Others need not ask the same meanwhile.
    put(known(&config), None, at + PAUSE);
    if let Ok(branding) = branding::find(&*stores).await {
        put(Rc::new(branding.over(&config.looks)), Some(at), at + FRESH);
    }
}

fn put(looks: Rc<Looks>, read_at: Option<Timestamp>, next_at: Timestamp) {
    KEPT.with_borrow_mut(|kept| {
        let before = kept.as_ref().map_or(Timestamp(0), |kept| kept.read_at);
        *kept = Some(Kept {
            looks,
            read_at: read_at.unwrap_or(before),
            next_at,
        });
    });
}
