//! The glue to Cloudflare's runtime: the only code that names the platform.

mod cache;
mod call_counter;
mod client_signatures;
mod convert;
mod countries;
mod d1;
mod feed_object;
mod feed_rows;
mod gateway;
mod health;
mod held;
mod keyring_object;
mod kv;
mod ledger_object;
mod ledger_rows;
mod limits;
mod looks;
mod scope;
mod signer;
mod sql;
mod status_lists;
mod stores;
mod surroundings;
mod usage;
mod web;
mod webcrypto;

use std::cell::RefCell;
use std::rc::Rc;

use worker::{Env, Request, Response, Result, ScheduleContext, ScheduledEvent, console_error, console_log, event};

use crate::config::{Config, ConfigError, Variables};
use crate::context::Context;
use crate::endpoints;
use crate::http::Reply;
use crate::keyring::PolicyVariables;
use crate::log::{Answered, Log};
use crate::looks::Looks;
use crate::router;
use crate::store::Guarding;
use crate::words::Language;
use held::Held;
use scope::{Panicked, in_request, note_panics};
use stores::EdgeStores;
use surroundings::{PlatformRandom, now};

#[event(fetch)]
async fn fetch(request: Request, env: Env, context: worker::Context) -> Result<Response> {
    note_panics();
    let (began, log) = (now(), Rc::new(Log::new(&PlatformRandom)));
    let (method, path) = (request.inner().method(), request.path());
    let for_people = request
        .headers()
        .get("accept")?
        .is_some_and(|accept| accept.contains("text/html"));
    let languages = request.headers().get("accept-language")?.unwrap_or_default();
    let config = config(&env);
    let (answer, route) = match &config {
        Ok(config) => {
            let stores = Rc::new(EdgeStores::new(env.clone(), Rc::clone(config)));
            let answered = match gateway::answer(config, &request, &stores, &log, &context).await {
                Some(answer) => (answer, "gateway"),
                None => {
                    let is_of_a_call = router::route(&method, &path).is_of_a_call();
                    let _held = is_of_a_call.then(|| Held::until_dropped(&context));
                    let looks = looks_for(&method, &path, &context, &stores, config);
                    let reply = in_request(&log, async {
                        answer(config, request, &stores, &*looks.await, &log).await
                    })
                    .await;
                    if stores.has_notices_due() {
                        context.wait_until(work(Rc::clone(config), Rc::clone(&stores), Work::Notices));
                    }
                    let reply = reply.unwrap_or_else(|Panicked| {
                        endpoints::broken(config, &log, Language::choose("", &languages), for_people)
                    });
                    (
                        convert::answer(reply, method == "HEAD"),
                        router::route(&method, &path).name(),
                    )
                }
            };
            let copies = stores.feed_copies();
            if let Some(region) = copies.take_due() {
                context.wait_until(async move { copies.read_on(&*stores, region, now).await });
            }
            answered
        }
        Err(error) => {
            let reply = endpoints::not_configured(error, &log);
            (
                convert::answer(reply, method == "HEAD"),
                router::route(&method, &path).name(),
            )
        }
    };
    if let Ok(config) = &config {
        let noted = log.usage().take();
        let request = usage::Request {
            route,
            id: log.request_id(),
            at: began,
        };
        usage::add(noted, request, &context, &env, config);
    }
    let went_well = answer.status < 400 && !log.has_faults();
    if !went_well || config.is_ok_and(|config| config.logs_all_requests) {
        write(
            &log,
            Answered {
                method: &method,
                route,
                status: answer.status,
                error: answer.error,
                duration_ms: now().0 - began.0,
            },
        );
    }
    answer.response
}

/// An answer on its way, and what the log says of it.
pub(crate) struct Answer {
    status: u16,
    error: Option<&'static str>,
    response: Result<Response>,
}

/// How pages look: asked for only where the answer may be a page.
async fn looks_for(
    method: &str,
    path: &str,
    context: &worker::Context,
    stores: &Rc<EdgeStores>,
    config: &Rc<Config>,
) -> Rc<Looks> {
    match router::route(method, path).may_show_a_page() {
        true => looks::current(context, stores, config).await,
        false => looks::known(config),
    }
}

async fn answer(config: &Config, request: Request, stores: &EdgeStores, looks: &Looks, log: &Log) -> Reply {
    let (continent, country) = match request.cf() {
        Some(cf) => (cf.continent(), cf.country()),
        None => (None, None),
    };
    // The clock is read when all of the request is there: a body that comes slowly must not stretch any deadline.
    let request = convert::request(request).await;
    let context = Context {
        config,
        now: now(),
        random: &PlatformRandom,
        continent: continent.as_deref(),
        country: country.as_deref(),
        language: Language::ENGLISH,
        log,
        looks,
        stores,
    };
    match request {
        Some(request) => endpoints::dispatch(&context, &request).await,
        None => Reply::json(400, &serde_json::json!({ "error": "invalid_request" })).telling("invalid_request"),
    }
}

/// How often notices are sent that no request has sent. Everything else that is scheduled runs at any other time.
const NOTICES_CRON: &str = "* * * * *";

#[event(scheduled)]
async fn scheduled(event: ScheduledEvent, env: Env, _context: ScheduleContext) {
    note_panics();
    let Ok(config) = config(&env) else { return };
    let stores = Rc::new(EdgeStores::new(env, Rc::clone(&config)));
    let what = match event.cron().as_str() {
        NOTICES_CRON => Work::Notices,
        _ => Work::Maintenance,
    };
    work(config, stores, what).await;
}

/// What no request waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    Maintenance,
    Notices,
}

async fn work(config: Rc<Config>, stores: Rc<EdgeStores>, what: Work) {
    let (began, log) = (now(), Rc::new(Log::new(&PlatformRandom)));
    let context = Context {
        config: &config,
        now: began,
        random: &PlatformRandom,
        continent: None,
        country: None,
        language: Language::ENGLISH,
        log: &log,
        looks: &config.looks,
        stores: &*stores,
    };
    let (route, done) = match what {
        Work::Maintenance => ("maintenance", in_request(&log, endpoints::maintain(&context)).await),
        Work::Notices => ("notices", in_request(&log, endpoints::deliver_notices(&context)).await),
    };
    let went_well = matches!(done, Ok(Ok(_))) && !log.has_faults();
    if went_well && what == Work::Notices {
        return;
    }
    write(
        &log,
        Answered {
            method: "CRON",
            route,
            status: if matches!(done, Ok(Ok(_))) { 200 } else { 500 },
            error: None,
            duration_ms: now().0 - began.0,
        },
    );
}

/// One line; as an error when something on our side went wrong.
fn write(log: &Log, answered: Answered<'_>) {
    if answered.status >= 500 || log.has_faults() {
        console_error!("{}", log.line(answered));
    } else {
        console_log!("{}", log.line(answered));
    }
}

thread_local! {
    static CONFIG: RefCell<Option<Rc<Config>>> = const { RefCell::new(None) };
}

/// The operator's configuration, read once per isolate: a deployment starts new ones. One that cannot serve
/// requests answers every one of them with its reason.
fn config(env: &Env) -> std::result::Result<Rc<Config>, ConfigError> {
    if let Some(config) = CONFIG.with_borrow(Option::clone) {
        return Ok(config);
    }
    let variable = |name| env.var(name).ok().map(|value| value.to_string());
    let variables = Variables {
        issuer: variable("ISSUER"),
        platform_name: variable("PLATFORM_NAME"),
        accent_color: variable("ACCENT_COLOR"),
        platform_logo: variable("PLATFORM_LOGO"),
        development_sign_in: variable("DEVELOPMENT_SIGN_IN"),
        rate_limits: variable("RATE_LIMITS"),
        request_log: variable("REQUEST_LOG"),
        unused_consent_days: variable("UNUSED_CONSENT_DAYS"),
        consent_page: variable("CONSENT_PAGE"),
        unverified_app_users: variable("UNVERIFIED_APP_USERS"),
        metadata_documents: variable("METADATA_DOCUMENTS"),
        dynamic_registration: variable("DYNAMIC_REGISTRATION"),
        registration_token: variable("REGISTRATION_TOKEN"),
        local_resources: variable("LOCAL_RESOURCES"),
        support: variable("SUPPORT"),
        first_administrator: variable("FIRST_ADMINISTRATOR"),
        latchkey_secret: variable("LATCHKEY_SECRET"),
        signing_keys: PolicyVariables {
            days: variable("SIGNING_KEY_DAYS"),
            rotate_before: variable("ROTATE_SIGNING_KEYS_BEFORE"),
            revoked: variable("REVOKED_SIGNING_KEYS"),
            own: variable("SIGNING_KEY"),
        },
    };
    let config = Config::parse(variables).map(Rc::new);
    if let Err(error) = &config {
        console_error!("configuration: {error}");
    }
    let config = config?;
    CONFIG.set(Some(Rc::clone(&config)));
    Ok(config)
}
