//! Counting what apps use: in the memory of this isolate, and from there to D1 when requests have been answered.

use std::cell::RefCell;
use std::rc::Rc;

use worker::{AnalyticsEngineDataPointBuilder, Env};

use super::scope::note_fault;
use super::stores::EdgeStores;
use super::surroundings::{PlatformRandom, now, sleep};
use crate::config::Config;
pub use crate::usage::Request;
use crate::usage::data_point::DataPoint;
use crate::usage::writer::{Step, TASK, Writer, write};
use crate::usage::{Call, Noted};

thread_local! {
    static WRITER: Rc<RefCell<Writer>> = Rc::default();
}

/// Adds what a request noted. The first one that has something to add stays alive, its answer long sent, until that
/// and what comes meanwhile is written.
pub fn add(noted: Noted, request: Request<'_>, context: &worker::Context, env: &Env, config: &Rc<Config>) {
    if let Some(call) = noted.noted_call() {
        write_data_point(call, env, config);
    }
    let writer = WRITER.with(Rc::clone);
    let starts = writer.borrow_mut().add(noted, request);
    if starts {
        let stores = EdgeStores::new(env.clone(), Rc::clone(config));
        context.wait_until(write_all(writer, stores));
    }
}

/// Hands a call to Analytics Engine, which waits for nothing. A deployment without the binding has the sums alone.
fn write_data_point(call: &Call, env: &Env, config: &Config) {
    let Ok(dataset) = env.analytics_engine("CALLS") else {
        return;
    };
    let DataPoint { index, blobs, doubles } = DataPoint::of(call, &config.sealing_keys);
    let point = AnalyticsEngineDataPointBuilder::new()
        .indexes([index.as_str()])
        .blobs(blobs)
        .doubles(doubles);
    if let Err(error) = point.write_to(&dataset) {
        note_fault("analytics", &error.to_string());
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
