//! Going on for callers who are gone. The platform ends what is done for them, and a call that they made would be counted by
//! nobody.

use std::cell::RefCell;
use std::panic::AssertUnwindSafe;

use worker::js_sys::{Function, Promise};
use worker::wasm_bindgen::JsValue;
use worker::wasm_bindgen_futures::JsFuture;

/// Has the platform go on with a request until this is dropped, at most 30 s after whoever asked is gone.
pub struct Held(Option<Function>);

impl Held {
    /// From now on.
    pub fn until_dropped(context: &worker::Context) -> Self {
        let resolve = AssertUnwindSafe(RefCell::new(None));
        let kept = &resolve;
        let dropped = Promise::new(&mut move |done, _| {
            kept.replace(Some(done));
        });
        context.wait_until(async { drop(JsFuture::from(dropped).await) });
        Self(resolve.take())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(resolve) = self.0.take() {
            let _ = resolve.call0(&JsValue::UNDEFINED);
        }
    }
}
