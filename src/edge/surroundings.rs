//! Time and randomness, the two things nobody else may ask the platform for.

use std::time::Duration;

use worker::js_sys::{Function, Promise, Reflect, global};
use worker::wasm_bindgen::{JsCast, JsValue};
use worker::wasm_bindgen_futures::JsFuture;

use crate::random::Random;
use crate::time::Timestamp;

/// The time of the request: on Cloudflare the clock stands still while code runs.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
pub fn now() -> Timestamp {
    Timestamp(i64::try_from(worker::Date::now().as_millis()).unwrap_or(i64::MAX))
}

/// The platform's generator.
pub struct PlatformRandom;

impl Random for PlatformRandom {
    #[expect(clippy::disallowed_methods, reason = "the one place that draws randomness")]
    fn fill(&self, bytes: &mut [u8]) {
        // Without randomness nothing may go on: every secret would be known.
        if getrandom::fill(bytes).is_err() {
            std::process::abort();
        }
    }
}

/// Waits. Not by the platform crate's `Delay`: that takes what `setTimeout` returns for a number, which it no longer
/// is, and a debug build refuses it.
pub async fn sleep(time: Duration) {
    let promise = Promise::new(&mut |resolve, _| {
        if let Ok(set_timeout) = Reflect::get(&global(), &"setTimeout".into()) {
            let milliseconds = JsValue::from_f64(time.as_secs_f64() * 1000.0);
            let _ = set_timeout
                .unchecked_into::<Function>()
                .call2(&JsValue::UNDEFINED, &resolve, &milliseconds);
        }
    });
    let _ = JsFuture::from(promise).await;
}
