//! `GET /openapi.json`: the OpenAPI document; `GET /api-docs`: the same for people. Both are for everybody.

use askama::Template;

use crate::context::Context;
use crate::http::Reply;
use crate::openapi;
use crate::pages::{ApiDocsPage, ApiTagPage, Look, render};
use crate::words::Language;

/// It changes when Latchkey is updated.
const CACHED: &str = "public, max-age=300";

/// The document.
pub fn document<S>(context: &Context<'_, S>) -> Reply {
    Reply::new(200, openapi::document(&context.config.issuer))
        .header("Content-Type", "application/json")
        .header("Cache-Control", CACHED)
}

/// What there is, and what all of it has in common.
pub fn overview<S>(context: &Context<'_, S>) -> Reply {
    let page = ApiDocsPage {
        look: Look::new(context.looks, Language::ENGLISH),
        tags: openapi::tags(),
        errors: openapi::errors(),
        schemas: openapi::shared_schemas(),
    };
    addressed(context, &page)
}

/// The operations about something. `None`: there are none.
pub fn of_tag<S>(context: &Context<'_, S>, slug: &str) -> Option<Reply> {
    let page = ApiTagPage {
        look: Look::new(context.looks, Language::ENGLISH),
        tags: openapi::tags(),
        tag: openapi::tags().iter().find(|tag| tag.slug == slug)?,
    };
    Some(addressed(context, &page))
}

fn addressed<S>(context: &Context<'_, S>, page: &impl Template) -> Reply {
    let reply = render(200, page);
    let body = openapi::addressed(&reply.body, &context.config.issuer);
    Reply {
        body: body.into(),
        ..reply
    }
    .header("Cache-Control", CACHED)
}
