//! Asking other servers, by workerd's own `fetch`.

use futures_util::StreamExt;
use web_sys::{AbortSignal, RequestInit, RequestRedirect, WorkerGlobalScope};
use worker::js_sys::{Object, Reflect, global};
use worker::wasm_bindgen::{JsCast, JsValue};
use worker::wasm_bindgen_futures::JsFuture;

use super::stores::{EdgeStores, store_error};
use crate::oauth::secret::Secret;
use crate::web::{Answer, MAX_ANSWER, Web, WebAddress, WebError};

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
}

async fn ask(address: &WebAddress, authorization: Option<&Secret>, form: Option<&Secret>) -> Result<Answer, WebError> {
    let mut answer = match fetch(address, authorization, form).await {
        Ok(answer) => worker::Response::from(answer),
        Err(error) => return Err(out_of_reach(&error)),
    };
    let status = answer.status_code();
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
    Ok(Answer { status, body })
}

async fn fetch(
    address: &WebAddress,
    authorization: Option<&Secret>,
    form: Option<&Secret>,
) -> Result<web_sys::Response, JsValue> {
    let headers = Object::new();
    let set = |name: &str, value: &str| Reflect::set(&headers, &name.into(), &value.into());
    set("Accept", "application/json")?;
    set("User-Agent", "Latchkey")?;
    if let Some(authorization) = authorization {
        set("Authorization", authorization.reveal())?;
    }
    let init = RequestInit::new();
    // A redirect is an answer like any other, and not the one that was asked for.
    init.set_redirect(RequestRedirect::Manual);
    init.set_signal(Some(&AbortSignal::timeout_with_u32(TIMEOUT)));
    if let Some(form) = form {
        init.set_method("POST");
        init.set_body(&form.reveal().into());
        set("Content-Type", "application/x-www-form-urlencoded")?;
    }
    init.set_headers(&headers);
    let scope: WorkerGlobalScope = global().unchecked_into();
    let answer = JsFuture::from(scope.fetch_with_str_and_init(address.as_str(), &init)).await?;
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
