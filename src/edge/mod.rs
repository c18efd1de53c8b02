//! The glue to Cloudflare's runtime: the only code that names the platform.

mod cache;
mod client_signatures;
mod convert;
mod d1;
mod keyring_object;
mod kv;
mod ledger_object;
mod ledger_rows;
mod signer;
mod stores;
mod surroundings;
mod webcrypto;

use std::cell::RefCell;
use std::rc::Rc;

use worker::{Env, Request, Response, Result, ScheduleContext, ScheduledEvent, console_error, event};

use crate::config::{Config, Variables};
use crate::context::Context;
use crate::endpoints;
use crate::http::Reply;
use stores::EdgeStores;
use surroundings::{PlatformRandom, now};

#[event(fetch)]
async fn fetch(request: Request, env: Env, _context: worker::Context) -> Result<Response> {
    let config = match config(&env) {
        Ok(config) => config,
        Err(reply) => return convert::response(reply, false),
    };
    let continent = request.cf().and_then(|cf| cf.continent());
    let head = request.inner().method() == "HEAD";
    let stores = EdgeStores::new(env);
    let context = Context {
        config: &config,
        now: now(),
        random: &PlatformRandom,
        continent: continent.as_deref(),
        stores: &stores,
    };
    let reply = match convert::request(request).await {
        Some(request) => endpoints::dispatch(&context, &request).await,
        None => Reply::json(400, &serde_json::json!({ "error": "invalid_request" })),
    };
    convert::response(reply, head)
}

#[event(scheduled)]
async fn scheduled(_event: ScheduledEvent, env: Env, _context: ScheduleContext) {
    let Ok(config) = config(&env) else { return };
    let stores = EdgeStores::new(env);
    let context = Context {
        config: &config,
        now: now(),
        random: &PlatformRandom,
        continent: None,
        stores: &stores,
    };
    if let Err(error) = endpoints::maintain(&context).await {
        console_error!("maintenance: {error}");
    }
}

thread_local! {
    static CONFIG: RefCell<Option<Rc<Config>>> = const { RefCell::new(None) };
}

/// The operator's configuration, read once per isolate: a deployment starts new ones. One that cannot serve
/// requests answers every one of them with its reason.
fn config(env: &Env) -> std::result::Result<Rc<Config>, Reply> {
    if let Some(config) = CONFIG.with_borrow(Option::clone) {
        return Ok(config);
    }
    let variable = |name| env.var(name).ok().map(|value| value.to_string());
    let variables = Variables {
        issuer: variable("ISSUER"),
        platform_name: variable("PLATFORM_NAME"),
        development_sign_in: variable("DEVELOPMENT_SIGN_IN"),
        latchkey_secret: variable("LATCHKEY_SECRET"),
    };
    let config = Config::parse(variables).map(Rc::new).map_err(|error| {
        console_error!("configuration: {error}");
        endpoints::not_configured(&error)
    })?;
    CONFIG.set(Some(Rc::clone(&config)));
    Ok(config)
}
