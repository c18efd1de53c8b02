//! Passing calls on to the servers of an API, and their answers back, neither of them through this Worker's memory.

use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::{Either, select};
use web_sys::{AbortController, RequestCache, RequestInit, RequestRedirect, ResponseInit, Url, WorkerGlobalScope};
use worker::js_sys::global;
use worker::wasm_bindgen::{JsCast, JsValue};
use worker::wasm_bindgen_futures::JsFuture;
use worker::{Request, Response};

use super::held::Held;
use super::scope::{Panicked, in_request, note_fault};
use super::stores::EdgeStores;
use super::surroundings::{PlatformRandom, now, sleep};
use super::{Answer, convert};
use crate::config::Config;
use crate::context::Context;
use crate::endpoints;
use crate::endpoints::calls::gateway::{Admission, NoAnswer, PassOn, admit, answer_headers, is_own, no_answer};
use crate::log::Log;
use crate::words::Language;

/// How long an API's servers may take to begin their answer. How long it goes on is theirs to say.
const PATIENCE: Duration = Duration::from_secs(30);

/// Answers a request that is for an API behind the gateway; `None`: it is not.
pub async fn answer(
    config: &Config,
    request: &Request,
    stores: &EdgeStores,
    log: &Rc<Log>,
    platform: &worker::Context,
) -> Option<Answer> {
    let url = Url::new(&request.inner().url()).ok()?;
    let authority = url.host();
    if is_own(&authority, &config.issuer) {
        return None;
    }
    let _held = Held::until_dropped(platform);
    let head = convert::head(request, &url);
    let context = Context {
        config,
        now: now(),
        random: &PlatformRandom,
        continent: None,
        country: None,
        language: Language::ENGLISH,
        log,
        looks: &config.looks,
        stores,
    };
    let answered = in_request(log, async {
        let pass = match admit(&context, &head, &authority).await {
            Admission::Elsewhere => return None,
            Admission::Answered(reply) => return Some(convert::answer(reply, head.method == "HEAD")),
            Admission::PassOn(pass) => pass,
        };
        let asked_at = now();
        let asked = ask(request, &pass).await;
        let took = now() - asked_at;
        let answer =
            asked.and_then(|response| passed_back(&context, &pass, response).map_err(|_| NoAnswer::Unreachable));
        log.usage()
            .answered(answer.as_ref().ok().map(|answer| answer.status), took);
        Some(answer.unwrap_or_else(|why| convert::answer(no_answer(&context, why), head.method == "HEAD")))
    });
    match answered.await {
        Ok(answered) => answered,
        Err(Panicked) => {
            let reply = endpoints::broken(config, log, Language::ENGLISH, false);
            Some(convert::answer(reply, head.method == "HEAD"))
        }
    }
}

async fn ask(request: &Request, pass: &PassOn) -> Result<web_sys::Response, NoAnswer> {
    let unreachable = |error: JsValue| {
        note_fault("upstream", &format!("{error:?}"));
        NoAnswer::Unreachable
    };
    let abort = AbortController::new().map_err(unreachable)?;
    let init = RequestInit::new();
    let headers = web_sys::Headers::new().map_err(unreachable)?;
    for (name, value) in &pass.headers {
        headers.append(name, value).map_err(unreachable)?;
    }
    init.set_method(&request.inner().method());
    init.set_headers(&headers);
    if let Some(body) = request.inner().body().filter(|_| !pass.about.is_preflight) {
        init.set_body(&body);
    }
    // A redirect is the caller's to follow.
    init.set_redirect(RequestRedirect::Manual);
    // What one caller gets is no other's, and without its token no cache could tell.
    init.set_cache(RequestCache::NoStore);
    init.set_signal(Some(&abort.signal()));
    let scope: WorkerGlobalScope = global().unchecked_into();
    let asked = pin!(JsFuture::from(scope.fetch_with_str_and_init(&pass.url, &init)));
    match select(asked, pin!(sleep(PATIENCE))).await {
        Either::Left((answer, _)) => answer.and_then(JsCast::dyn_into).map_err(unreachable),
        Either::Right(_) => {
            abort.abort();
            note_fault("upstream", "no answer within 30 s");
            Err(NoAnswer::TooLate)
        }
    }
}

/// The answer of the API's servers, as the caller gets it.
fn passed_back(
    context: &Context<'_, EdgeStores>,
    pass: &PassOn,
    response: web_sys::Response,
) -> Result<Answer, JsValue> {
    let init: &ResponseInit = response.unchecked_ref();
    let body = response.body().filter(|_| !pass.about.is_preflight);
    let answer = web_sys::Response::new_with_opt_readable_stream_and_init(body.as_ref(), init)?;
    let answer = Response::from(answer);
    let came: Vec<(String, String)> = answer.headers().entries().collect();
    let (out, put) = answer_headers(context, &pass.about, &came);
    let failed = |error: worker::Error| JsValue::from(error);
    for name in &out {
        answer.headers().delete(name).map_err(failed)?;
    }
    for (name, value) in &put {
        answer.headers().set(name, value).map_err(failed)?;
    }
    Ok(Answer {
        status: answer.status_code(),
        error: None,
        response: Ok(answer),
    })
}
