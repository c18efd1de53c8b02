//! Time and randomness, the two things nobody else may ask the platform for.

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
