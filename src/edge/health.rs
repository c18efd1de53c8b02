//! Asks every part of storage whether it answers: side by side, and seldom, so that asking for the health of this
//! server is no way to load its storage.

use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, join4, select};

use super::d1::{Statement, batch};
use super::stores::{EdgeStores, store_error};
use super::surroundings::{now, sleep};
use crate::ledger::shard::Shard;
use crate::ledger::{Inspect, Operation};
use crate::store::{Health, Ledger, Probe, StoreError};
use crate::time::Timestamp;

/// How often an isolate asks at most.
const EVERY: Duration = Duration::from_secs(3);
/// How long a part may take to answer. Less than [`EVERY`], so that one round ends before the next begins.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often a request looks whether the round another one began has ended.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

thread_local! {
    static BEGAN: Cell<Option<Timestamp>> = const { Cell::new(None) };
    static KNOWN: Cell<Option<Health>> = const { Cell::new(None) };
}

impl Probe for EdgeStores {
    async fn health(&self, shard: Shard) -> Health {
        while BEGAN.get().is_some_and(|began| now() - began < EVERY) {
            if let Some(health) = KNOWN.get() {
                return health;
            }
            // A promise of another request cannot be awaited, but its result can be waited for.
            sleep(LOOK_AGAIN).await;
        }
        BEGAN.set(Some(now()));
        let health = self.ask_all(shard).await;
        KNOWN.set(Some(health));
        health
    }
}

impl EdgeStores {
    async fn ask_all(&self, shard: Shard) -> Health {
        let d1 = answers("d1", async {
            let statement = Statement::new("SELECT 1 FROM apps LIMIT 1");
            batch(&self.database()?, vec![statement]).await.map(drop)
        });
        let kv = answers("kv", async {
            let kv = self.env().kv("KV").map_err(|error| store_error("kv", error))?;
            let value = kv.get("health").text().await;
            value.map(drop).map_err(|error| store_error("kv", error))
        });
        let ledger = answers("ledger", async {
            // Named, so that the object looks into its tables.
            let inspect = Inspect {
                jti: Some("health".into()),
                ..Inspect::default()
            };
            let operation = Operation::Inspect(inspect);
            self.ledger(shard, &operation).await.map(drop)
        });
        let keyring = answers("keyring", self.probe_keyring());
        let (d1, kv, ledger, keyring) = join4(d1, kv, ledger, keyring).await;
        Health {
            d1,
            kv,
            ledger,
            keyring,
        }
    }
}

/// Whether a part answers in time. Why it does not is in the log.
async fn answers(part: &'static str, probe: impl Future<Output = Result<(), StoreError>>) -> bool {
    match select(pin!(probe), pin!(sleep(PATIENCE))).await {
        Either::Left((answer, _)) => answer.is_ok(),
        Either::Right(_) => {
            store_error(part, "no answer within 2 s");
            false
        }
    }
}
