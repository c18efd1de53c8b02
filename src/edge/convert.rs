//! Requests and replies, from and to the platform's types.

use std::collections::BTreeMap;

use futures_util::StreamExt;
use web_sys::Url;
use worker::{Headers, Response, ResponseBuilder, Result};

use super::Answer;
use crate::http::{Body, Reply, Request};
use crate::oauth::resource::split_origin;
use crate::router;

/// Reads a request. `None` when its URL cannot be read.
pub async fn request(mut request: worker::Request) -> Option<Request> {
    // The platform parses its own text.
    let url = Url::new(&request.inner().url()).ok()?;
    let head = head(&request, &url);
    let body = body(&mut request, router::body_limit(&head.method, &head.path)).await;
    Some(Request { body, ..head })
}

/// The same without the body.
pub fn head(request: &worker::Request, url: &Url) -> Request {
    let headers: BTreeMap<String, String> = request
        .headers()
        .entries()
        .map(|(name, value)| (name.to_ascii_lowercase(), value))
        .collect();
    let path = url.pathname();
    let sent = request.inner().url();
    let sent_path = split_origin(&sent).map(|(_, rest)| rest.split(['?', '#']).next().unwrap_or_default());
    Request {
        // As it was sent: the platform's type takes every method it does not know for GET.
        method: request.inner().method(),
        in_the_clear: url.protocol() != "https:",
        host: url.hostname(),
        has_other_path: sent_path != Some(path.as_str()),
        path,
        query: url.search().strip_prefix('?').unwrap_or_default().to_owned(),
        headers,
        body: Body::default(),
    }
}

fn declared_length(request: &worker::Request) -> Option<usize> {
    request.headers().get("content-length").ok()??.parse().ok()
}

/// How much of a body that is too large is read and thrown away: most clients lose an answer that is sent
/// before they have finished.
const MAX_DISCARDED: usize = 8 * 1024 * 1024;

/// Reads the body, but never keeps more than a request may have.
async fn body(request: &mut worker::Request, limit: usize) -> Body {
    if declared_length(request).is_some_and(|length| length <= limit) {
        // In one piece: several times as fast as a stream of one chunk.
        return request.bytes().await.map_or(Body::Broken, Body::Bytes);
    }
    let Ok(mut stream) = request.stream() else {
        return Body::default();
    };
    let (mut bytes, mut length) = (Vec::new(), 0);
    while let Some(chunk) = stream.next().await {
        let Ok(chunk) = chunk else { return Body::Broken };
        length += chunk.len();
        if length > MAX_DISCARDED {
            break;
        }
        if length <= limit {
            bytes.extend_from_slice(&chunk);
        }
    }
    if length > limit {
        Body::TooLarge
    } else {
        Body::Bytes(bytes)
    }
}

/// The answer that a reply is.
pub fn answer(reply: Reply, head: bool) -> Answer {
    Answer {
        status: reply.status,
        error: reply.error,
        response: response(reply, head),
    }
}

/// Writes a reply; to `HEAD` without its body.
fn response(reply: Reply, head: bool) -> Result<Response> {
    let headers = Headers::new();
    for (name, value) in &reply.headers {
        headers.append(name, value)?;
    }
    let builder = ResponseBuilder::new().with_status(reply.status).with_headers(headers);
    let body = reply.body.into_bytes();
    Ok(if head || body.is_empty() {
        builder.empty()
    } else {
        builder.fixed(body)
    })
}
