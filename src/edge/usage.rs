//! Counting what apps use: in the memory of this isolate, and from there to D1 when requests have been answered.

use std::cell::RefCell;
use std::rc::Rc;

use worker::Env;

use super::scope::note_fault;
use super::stores::EdgeStores;
use super::surroundings::{PlatformRandom, now, sleep};
use crate::config::Config;
use crate::usage::Noted;
pub use crate::usage::Request;
use crate::usage::writer::{Step, TASK, Writer, write};

thread_local! {
    static WRITER: Rc<RefCell<Writer>> = Rc::default();
}

/// Adds what a request noted. The first one that has something to add stays alive, its answer long sent, until that
/// and what comes meanwhile is written.
pub fn add(noted: Noted, request: Request<'_>, context: &worker::Context, env: &Env, config: &Rc<Config>) {
    let writer = WRITER.with(Rc::clone);
    let starts = writer.borrow_mut().add(noted, request);
    if starts {
        let stores = EdgeStores::new(env.clone(), Rc::clone(config));
        context.wait_until(write_all(writer, stores));
    }
}

async fn write_all(writer: Rc<RefCell<Writer>>, stores: EdgeStores) {
    let began = now();
    loop {
        let pause = writer.borrow().pause();
        sleep(pause).await;
        // Storage notes its own faults.
        match write(&writer, &stores, &PlatformRandom, now).await {
            Step::Nothing => break,
            Step::Written { left_out: 0 } | Step::Failed => {}
            Step::Written { left_out } => note_fault("usage", &format!("no room to count {left_out} more at once")),
        }
        if now() - began > TASK {
            break;
        }
    }
    writer.borrow_mut().task_ended();
}
