//! Asking other servers, by workerd's own `fetch`.

use std::time::Duration;

use futures_util::StreamExt;
use web_sys::{AbortSignal, RequestInit, RequestRedirect, WorkerGlobalScope};
use worker::js_sys::{Object, Reflect, global};
use worker::wasm_bindgen::{JsCast, JsValue};
use worker::wasm_bindgen_futures::JsFuture;

use super::stores::{EdgeStores, store_error};
use super::surroundings::now;
use crate::oauth::secret::Secret;
use crate::web::{Answer, MAX_ANSWER, Message, Notified, Web, WebAddress, WebError};

/// Milliseconds until an answer must be there, to its last byte.
const TIMEOUT: u32 = 5_000;

impl Web for EdgeStores {
    async fn get(&self, address: &WebAddress, authorization: Option<&Secret>) -> Result<Answer, WebError> {
        ask(address, authorization, None).await
    }

    async fn post_form(
        &self,
        address: &WebAddress,
        authorization: Option<&Secret>,
        form: &Secret,
    ) -> Result<Answer, WebError> {
        ask(address, authorization, Some(form)).await
    }

    async fn notify(&self, message: &Message<'_>) -> Notified {
        let began = now();
        let answer = send(message).await;
        let at = now();
        Notified {
            answer,
            at,
            took: at - began,
        }
    }
}

/// An endpoint that does not answer is no fault of ours: its owner finds it in the log of deliveries.
async fn send(message: &Message<'_>) -> Result<(u16, Option<Duration>), WebError> {
    let init = post(message.body);
    let headers = headers(&[("Content-Type", "application/json")]).map_err(|_| WebError::OutOfReach)?;
    for (name, value) in &message.headers {
        let set = Reflect::set(&headers, &(*name).into(), &value.as_str().into());
        set.map_err(|_| WebError::OutOfReach)?;
    }
    init.set_headers(&headers);
    let answer = call(message.address, &init).await.map_err(|_| WebError::OutOfReach)?;
    let body = answer.body();
    let answer = worker::Response::from(answer);
    // Nobody reads it: the connection is wanted for the next.
    if let Some(body) = body {
        let _ = JsFuture::from(body.cancel()).await;
    }
    let retry_after = answer.headers().get("retry-after").ok().flatten();
    let seconds = retry_after.and_then(|seconds| seconds.parse().ok());
    Ok((answer.status_code(), seconds.map(Duration::from_secs)))
}

async fn ask(address: &WebAddress, authorization: Option<&Secret>, form: Option<&Secret>) -> Result<Answer, WebError> {
    let mut answer = match fetch(address, authorization, form).await {
        Ok(answer) => worker::Response::from(answer),
        Err(error) => return Err(out_of_reach(&error)),
    };
    let status = answer.status_code();
    let header = |name| answer.headers().get(name).ok().flatten();
    let (content_type, cache_control) = (header("content-type"), header("cache-control"));
    let mut body = Vec::new();
    // An answer without a body has no stream.
    if let Ok(mut stream) = answer.stream() {
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|error| {
                store_error("web", error);
                WebError::OutOfReach
            })?;
            if body.len() + chunk.len() > MAX_ANSWER {
                return Err(WebError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
    }
    Ok(Answer {
        status,
        content_type,
        cache_control,
        body,
    })
}

async fn fetch(
    address: &WebAddress,
    authorization: Option<&Secret>,
    form: Option<&Secret>,
) -> Result<web_sys::Response, JsValue> {
    let init = match form {
        Some(form) => post(form.reveal()),
        None => RequestInit::new(),
    };
    let kind = form.map(|_| ("Content-Type", "application/x-www-form-urlencoded"));
    let headers = headers(kind.as_slice())?;
    if let Some(authorization) = authorization {
        Reflect::set(&headers, &"Authorization".into(), &authorization.reveal().into())?;
    }
    init.set_headers(&headers);
    call(address, &init).await
}

fn post(body: &str) -> RequestInit {
    let init = RequestInit::new();
    init.set_method("POST");
    init.set_body(&body.into());
    init
}

fn headers(more: &[(&str, &str)]) -> Result<Object, JsValue> {
    let headers = Object::new();
    let every = [("Accept", "application/json"), ("User-Agent", "Latchkey")];
    for (name, value) in every.iter().chain(more) {
        Reflect::set(&headers, &(*name).into(), &(*value).into())?;
    }
    Ok(headers)
}

async fn call(address: &WebAddress, init: &RequestInit) -> Result<web_sys::Response, JsValue> {
    // A redirect is an answer like any other, and not the one that was asked for.
    init.set_redirect(RequestRedirect::Manual);
    init.set_signal(Some(&AbortSignal::timeout_with_u32(TIMEOUT)));
    let scope: WorkerGlobalScope = global().unchecked_into();
    let answer = JsFuture::from(scope.fetch_with_str_and_init(address.as_str(), init)).await?;
    answer.dyn_into()
}

/// The reason is noted: only the operator can do something about it.
fn out_of_reach(error: &JsValue) -> WebError {
    let said = Reflect::get(error, &"message".into())
        .ok()
        .and_then(|said| said.as_string());
    store_error("web", said.unwrap_or_default());
    WebError::OutOfReach
}
