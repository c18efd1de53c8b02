//! The limiters of wrangler.toml. Cloudflare counts beside the Worker, so asking costs no trip to storage.

use super::stores::{EdgeStores, store_error};
use crate::store::{Limit, Limits, StoreError};

impl Limits for EdgeStores {
    async fn within(&self, limit: Limit, key: &str) -> Result<bool, StoreError> {
        let limited = async { self.env().rate_limiter(binding(limit))?.limit(key.to_owned()).await };
        match limited.await {
            Ok(outcome) => Ok(outcome.success),
            Err(error) => Err(store_error("limits", error)),
        }
    }
}

fn binding(limit: Limit) -> &'static str {
    match limit {
        Limit::Address => "LIMIT_ADDRESS",
        Limit::ClientAtAddress => "LIMIT_CLIENT_AT_ADDRESS",
        Limit::Client => "LIMIT_CLIENT",
        Limit::Strangers => "LIMIT_STRANGERS",
        Limit::SignIn => "LIMIT_SIGN_IN",
        Limit::Changes => "LIMIT_CHANGES",
        Limit::Reads => "LIMIT_READS",
        Limit::EndedTokens => "LIMIT_ENDED_TOKENS",
    }
}
