//! JSON in and out: bodies, problem documents (RFC 9457), entity tags (RFC 9110 §8.8.3) and pages of lists.

use serde::Serialize;
use serde_json::{Value, json};

use crate::context::Context;
use crate::endpoints::problem;
use crate::http::{Body, Params, Reply, Request};
use crate::json;
use crate::management::cursor::Page;
use crate::management::input::Input;
use crate::management::problem::Problem;

/// The answer, or the problem document that says why there is none.
pub fn reply<S>(context: &Context<'_, S>, done: Result<Reply, Problem>) -> Reply {
    done.unwrap_or_else(|problem| document(context, &problem))
}

/// A problem document (RFC 9457 §3), which also carries `error` and `message`.
pub fn document<S>(context: &Context<'_, S>, problem: &Problem) -> Reply {
    let (status, code) = (problem.status(), problem.code());
    let errors: Vec<Value> = problem
        .fields()
        .iter()
        .map(|error| {
            let pointer = format!("#/{}", error.field);
            json!({ "pointer": pointer, "code": error.code, "detail": format!("{} {}", error.field, error.message) })
        })
        .collect();
    let more = match errors.is_empty() {
        true => Vec::new(),
        false => vec![("errors", errors.into())],
    };
    let detail = problem.to_string();
    let document = problem::document(context.config, context.log, status, code, &detail, more);
    match problem.retry_after() {
        Some(seconds) => document.header("Retry-After", seconds.to_string()),
        None => document,
    }
}

/// The members of the JSON object in the body.
pub fn input(request: &Request) -> Result<Input, Problem> {
    let media_type = request.header("content-type").unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/json") {
        return Err(Problem::UnsupportedMediaType("the body must be application/json"));
    }
    let bytes = match &request.body {
        Body::Bytes(bytes) => bytes,
        Body::TooLarge => return Err(Problem::TooLarge("the body is too large")),
        Body::Broken => return Err(Problem::field("body", "broke off")),
    };
    match json::parse(bytes) {
        Ok(Value::Object(members)) => Ok(Input::json(members)),
        Ok(_) => Err(Problem::field("body", "must be a JSON object")),
        Err(_) => Err(Problem::field("body", "is not JSON")),
    }
}

/// The same where no body is an object without members.
pub fn input_or_none(request: &Request) -> Result<Input, Problem> {
    match &request.body {
        Body::Bytes(bytes) if bytes.is_empty() => Ok(Input::json(serde_json::Map::new())),
        _ => input(request),
    }
}

/// Something that can be edited, with its version as entity tag.
pub fn versioned(status: u16, value: &impl Serialize, version: u32) -> Reply {
    Reply::json(status, value).header("ETag", etag(version))
}

/// The entity tag of a version.
pub fn etag(version: u32) -> String {
    format!("\"{version}\"")
}

/// The parameters of the query.
pub fn query(request: &Request) -> Result<Params, Problem> {
    request
        .query_params()
        .map_err(|error| Problem::field("query", error.to_string()))
}

/// The version that `If-Match` names (RFC 9110 §13.1.1): what is to be changed must still be at it.
pub fn expected_version(request: &Request) -> Result<Option<u32>, Problem> {
    match request.header("if-match") {
        None | Some("*") => Ok(None),
        Some(tag) => {
            let version = tag.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
            // A tag that none of ours ever was names a version that is gone.
            version
                .and_then(|text| text.parse().ok())
                .map(Some)
                .ok_or(Problem::Changed)
        }
    }
}

/// A page of a list, each item as JSON.
pub fn list<T, V: Serialize>(page: &Page<T>, item: impl Fn(&T) -> V) -> Reply {
    let items: Vec<V> = page.items.iter().map(item).collect();
    let next = page.next.as_ref().map(crate::management::cursor::Cursor::encode);
    Reply::json(
        200,
        &Listed {
            items,
            next_cursor: next,
        },
    )
}

#[derive(Serialize)]
struct Listed<V> {
    items: Vec<V>,
    next_cursor: Option<String>,
}
