//! Review: what an app's developers and its reviewers ask for.

mod by_form;
mod developer;
mod preview;
mod reviewer;

pub use self::reviewer::{Switch, switch};

use crate::context::Context;
use crate::http::{Body, Reply, Request};
use crate::management::input::Input;
use crate::management::problem::Problem;
use crate::management::review::decisions::Circumstances;
use crate::router::management::Managed;
use crate::router::management::reviews::Reviews;
use crate::store::Stores;

/// Answers a request about reviews.
pub async fn answer<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    managed: Managed<'_>,
    route: Reviews,
) -> Reply {
    match route {
        Reviews::Developer(route) => developer::answer(context, request, managed, route).await,
        Reviews::Reviewer(route) => reviewer::answer(context, request, managed, route).await,
    }
}

fn now<'a, S>(context: &'a Context<'_, S>) -> Circumstances<'a> {
    Circumstances {
        random: context.random,
        now: context.now,
    }
}

/// Refuses fields in a request that needs none.
fn without_fields(request: &Request) -> Result<(), Problem> {
    match &request.body {
        Body::Bytes(bytes) if bytes.is_empty() => Ok(()),
        _ => super::api::input(request).and_then(Input::finish),
    }
}
