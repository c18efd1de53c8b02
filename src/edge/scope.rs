//! Which request the running code works for, so that a fault deep inside storage is written into that request's
//! line. The name is set for the time of one poll only: requests of an isolate take turns at every `await`, and a
//! plain global would blame the wrong one.

use std::cell::RefCell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Once;
use std::task::{Context, Poll};

use worker::console_error;

use crate::log::{Log, fault_line};

thread_local! {
    static CURRENT: RefCell<Option<Rc<Log>>> = const { RefCell::new(None) };
}

/// The code broke. Where is in the request's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Panicked;

/// A future whose faults and panics are noted in one request's log. A panic ends this request and no other.
pub struct InRequest<F> {
    log: Rc<Log>,
    future: Pin<Box<F>>,
}

/// Runs `future` for the request that `log` belongs to.
pub fn in_request<F: Future>(log: &Rc<Log>, future: F) -> InRequest<F> {
    InRequest {
        log: Rc::clone(log),
        future: Box::pin(future),
    }
}

impl<F: Future> Future for InRequest<F> {
    type Output = Result<F::Output, Panicked>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let outer = CURRENT.replace(Some(Rc::clone(&self.log)));
        let polled = catch_unwind(AssertUnwindSafe(|| self.future.as_mut().poll(context)));
        CURRENT.set(outer);
        match polled {
            Ok(polled) => polled.map(Ok),
            Err(_) => Poll::Ready(Err(Panicked)),
        }
    }
}

/// From now on panics are noted in the log, by their place alone.
pub fn note_panics() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| std::panic::set_hook(Box::new(note_panic)));
}

/// Notes a fault of storage: for the request at work, else on a line of its own.
pub fn note_fault(part: &'static str, detail: &str) {
    match CURRENT.with_borrow(Option::clone) {
        Some(log) => log.fault(part, detail),
        None => console_error!("{}", fault_line(part, detail)),
    }
}

fn note_panic(info: &PanicHookInfo<'_>) {
    let place = info
        .location()
        .map(|place| format!("{}:{}", place.file(), place.line()))
        .unwrap_or_default();
    match CURRENT.with_borrow(Option::clone) {
        Some(log) => log.panicked_at(place),
        None => console_error!("{}", fault_line("panic", &place)),
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use futures_util::future::join;

    use super::*;
    use crate::log::Answered;
    use crate::random::testing::Seeded;

    fn log(seed: u32) -> Rc<Log> {
        Rc::new(Log::new(&Seeded::new(seed)))
    }

    fn line(log: &Log) -> String {
        log.line(Answered {
            method: "GET",
            route: "home",
            status: 200,
            error: None,
            duration_ms: 0,
        })
    }

    /// Lets everyone else go first, once.
    async fn turn() {
        let mut waited = false;
        poll_fn(|context| {
            context.waker().wake_by_ref();
            match std::mem::replace(&mut waited, true) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
    }

    #[test]
    fn a_fault_is_noted_for_its_own_request_also_when_requests_take_turns() {
        let (one, two) = (log(1), log(2));
        let request = |part: &'static str| async move {
            turn().await;
            note_fault(part, "gone");
            turn().await;
        };
        pollster::block_on(join(in_request(&one, request("d1")), in_request(&two, request("kv"))))
            .0
            .unwrap();
        assert!(line(&one).contains("\"d1\"") && !line(&one).contains("\"kv\""));
        assert!(line(&two).contains("\"kv\"") && !line(&two).contains("\"d1\""));
    }

    #[test]
    fn a_panic_ends_its_own_request_and_no_other() {
        let (one, two) = (log(1), log(2));
        let breaks = async {
            turn().await;
            panic!("on purpose");
        };
        let works = async {
            turn().await;
            turn().await;
            7
        };
        let (broken, worked) = pollster::block_on(join(in_request::<_>(&one, breaks), in_request(&two, works)));
        let broken: Result<(), Panicked> = broken;
        assert_eq!((broken, worked), (Err(Panicked), Ok(7)));
        assert!(CURRENT.with_borrow(Option::is_none));
    }
}
