//! Rate limits of calls to APIs, by app and user and by app.
//!
//! One counter per app, wherever its calls come in, knows how many it made in a sliding [`window`]. It hands out
//! [`lease`]s: some calls for some seconds, counted at once. While one lasts, calls here need no trip to the counter; the
//! fewer calls are left, the smaller leases are, down to single calls. What a lease did not use is given back with the next
//! ask. [`leases`] holds those of an isolate and decides, [`tier`] says how many calls there are, and [`headers`] how
//! callers are told.

pub mod headers;
pub mod lease;
pub mod leases;
#[cfg(test)]
mod simulation;
pub mod tier;
pub mod window;

use std::rc::Rc;

pub use lease::{Answer, Ask};
pub use leases::{Leases, Outcome};
pub use tier::{Caller, Quota, Tier};

use crate::store::StoreError;
use crate::time::Timestamp;
use leases::{Step, Turn};

/// How often one call asks in vain before it goes without.
const ATTEMPTS: u32 = 2;

/// The counters, one per app (Durable Objects), and the leases that this isolate holds of them.
#[allow(async_fn_in_trait, reason = "single-threaded: no caller needs Send")]
pub trait CallCounters {
    /// What is held here.
    fn leases(&self) -> Rc<Leases>;
    /// The time, also in the middle of a request.
    fn clock(&self) -> Timestamp;
    /// Asks an app's counter. After an error nobody knows whether it counted.
    async fn ask_counter(&self, client_id: &str, ask: &Ask) -> Result<Answer, StoreError>;
}

/// Counts a call, and says whether it may go on. To be asked when the caller is known and everything else is in order.
pub async fn count(counters: &impl CallCounters, caller: &Caller<'_>) -> Outcome {
    let leases = counters.leases();
    let mut turn = Turn::default();
    let mut failures = 0;
    while failures < ATTEMPTS {
        let asked_at = counters.clock();
        let ask = match leases.take(caller, &mut turn, asked_at) {
            Step::Decided(outcome) => return outcome,
            Step::Ask(ask) => ask,
        };
        match counters.ask_counter(caller.client_id, &ask).await {
            Ok(answer) => leases.learn(caller, &mut turn, &ask, &answer, asked_at),
            Err(_) => {
                leases.lost(caller, &ask);
                failures += 1;
            }
        }
    }
    leases.go_without(caller, &mut turn, counters.clock())
}
