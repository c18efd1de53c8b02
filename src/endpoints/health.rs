//! `GET /healthz`: whether storage answers.

use serde_json::json;

use crate::context::Context;
use crate::http::Reply;
use crate::ledger::shard::Shard;
use crate::store::Stores;

/// 200 when every part of storage answers, else 503; each part is named with how it is. Nothing else is told.
pub async fn health<S: Stores>(context: &Context<'_, S>) -> Reply {
    let shard = Shard::near(context.continent, context.random);
    let health = context.stores.health(shard).await;
    let all = health.d1 && health.kv && health.ledger && health.keyring;
    let word = |answers| if answers { "ok" } else { "down" };
    let body = json!({
        "status": word(all),
        "d1": word(health.d1),
        "kv": word(health.kv),
        "ledger": word(health.ledger),
        "keyring": word(health.keyring),
    });
    match all {
        true => Reply::json(200, &body),
        false => Reply::json(503, &body).header("Retry-After", "3"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::config;
    use crate::log::Log;
    use crate::random::testing::Seeded;
    use crate::store::memory::{Fault, Memory};
    use crate::time::Timestamp;
    use crate::words::Language;

    fn asked(stores: &Memory) -> (u16, serde_json::Value) {
        let (config, random) = (config(), Seeded::new(1));
        let context = Context {
            config: &config,
            now: Timestamp(0),
            random: &random,
            continent: None,
            country: None,
            language: Language::ENGLISH,
            log: &Log::new(&random),
            looks: &config.looks,
            stores,
        };
        let reply = pollster::block_on(health(&context));
        (reply.status, serde_json::from_str(&reply.body).unwrap())
    }

    #[test]
    fn the_part_that_does_not_answer_is_named_and_the_others_are_not_blamed() {
        let stores = Memory::default();
        assert_eq!(asked(&stores).0, 200);
        for part in ["d1", "kv", "ledger", "keyring"] {
            stores.plan(&[Fault::Before(part)]);
            let (status, body) = asked(&stores);
            assert_eq!((status, &body["status"]), (503, &json!("down")));
            let down = ["d1", "kv", "ledger", "keyring"].map(|part| body[part] == "down");
            assert_eq!(
                down,
                ["d1", "kv", "ledger", "keyring"].map(|other| other == part),
                "{part}"
            );
        }
    }
}
