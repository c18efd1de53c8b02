//! Latchkey, an OAuth authorization server that runs as a Cloudflare Worker.

use worker::{
    Context, DurableObject, Env, Request, Response, Result, ScheduleContext, ScheduledEvent, State, durable_object,
    event,
};

#[event(fetch)]
async fn fetch(_request: Request, _env: Env, _context: Context) -> Result<Response> {
    not_found()
}

#[event(scheduled)]
async fn scheduled(_event: ScheduledEvent, _env: Env, _context: ScheduleContext) {}

/// Holds the token families of the grants.
#[durable_object]
pub struct RevocationLedger {}

impl DurableObject for RevocationLedger {
    fn new(_state: State, _env: Env) -> Self {
        Self {}
    }

    async fn fetch(&self, _request: Request) -> Result<Response> {
        not_found()
    }
}

/// Holds the keys that sign access tokens.
#[durable_object]
pub struct Keyring {}

impl DurableObject for Keyring {
    fn new(_state: State, _env: Env) -> Self {
        Self {}
    }

    async fn fetch(&self, _request: Request) -> Result<Response> {
        not_found()
    }
}

fn not_found() -> Result<Response> {
    Ok(Response::from_json(&serde_json::json!({ "error": "not_found" }))?.with_status(404))
}
