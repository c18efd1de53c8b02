//! Developer accounts: `/developers`, `/developers/accounts…`, `/api/developer/accounts…`.

mod json;
mod pages;

use super::api;
use crate::context::Context;
use crate::http::{Reply, Request};
use crate::router::management::Managed;
use crate::router::management::accounts::Accounts;
use crate::store::Stores;

/// Answers a request about developer accounts.
pub async fn answer<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    managed: Managed<'_>,
    route: Accounts,
) -> Reply {
    let (id, other) = (&managed.id(0), &managed.id(1));
    let done = match route {
        Accounts::List => json::list(context, request).await,
        Accounts::Create => json::create(context, request).await,
        Accounts::Show => json::show(context, request, id).await,
        Accounts::Edit => json::edit(context, request, id).await,
        Accounts::Invite => json::invite(context, request, id).await,
        Accounts::Withdraw => json::withdraw(context, request, id, other).await,
        Accounts::Remove => json::remove(context, request, id, other).await,
        Accounts::HandOver => json::hand_over(context, request, id).await,
        Accounts::Accept => json::accept(context, request).await,
        page => return pages::answer(context, request, page, (id, other)).await,
    };
    api::reply(context, done)
}
