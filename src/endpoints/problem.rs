//! Problem documents (RFC 9457), which also carry `error` and `message`. Every JSON error is one, but for those of OAuth.

use serde_json::{Value, json};

use crate::config::Config;
use crate::context::Context;
use crate::http::Reply;
use crate::log::Log;
use crate::router;

/// A problem document, with more members if there are any.
pub fn document(
    config: &Config,
    log: &Log,
    status: u16,
    code: &'static str,
    detail: &str,
    more: Vec<(&str, Value)>,
) -> Reply {
    let mut body = json!({
        "type": config.issuer.url(&format!("/api-docs#{code}")),
        "title": title(status),
        "status": status,
        "detail": detail,
        "error": code,
        "message": detail,
        "request_id": log.request_id(),
    });
    if let Some(members) = body.as_object_mut() {
        members.extend(more.into_iter().map(|(name, value)| (name.to_owned(), value)));
    }
    let reply = Reply::json(status, &body)
        .header("Content-Type", "application/problem+json")
        .telling(code);
    match status {
        // RFC 9110 §15.5.2 asks for a challenge, and RFC 9728 §5.1 for a way on.
        401 => {
            let metadata = config.issuer.url(router::OWN_RESOURCE_METADATA);
            reply.header("WWW-Authenticate", format!("Bearer resource_metadata=\"{metadata}\""))
        }
        503 => reply.header("Retry-After", "1"),
        _ => reply,
    }
}

/// One of the endpoints that said `error_description` before there were problem documents, and still do.
pub fn described<S>(
    context: &Context<'_, S>,
    status: u16,
    code: &'static str,
    detail: &str,
    mut more: Vec<(&str, Value)>,
) -> Reply {
    more.push(("error_description", detail.into()));
    document(context.config, context.log, status, code, detail, more)
}

/// Storage is down: nothing was consumed, try again. Of the same endpoints.
pub fn unavailable<S>(context: &Context<'_, S>) -> Reply {
    let detail = "storage is out of reach: try again";
    described(context, 503, "temporarily_unavailable", detail, Vec::new())
}

fn title(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        409 => "Conflict",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        504 => "Gateway Timeout",
        _ => "Service Unavailable",
    }
}
