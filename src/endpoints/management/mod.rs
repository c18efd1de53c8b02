//! The portal, the console and their JSON APIs: reads the request, lets [`crate::management`] do it, and answers.

mod accounts;
mod api;
mod apps;
mod audit_trail;
pub mod caller;
mod credentials;
mod daily;
mod idempotency;
mod notices;
mod organizations;
mod pages;
mod people;
mod picture;
mod policy;
mod reviews;
mod testers;
mod usage;

use crate::context::Context;
use crate::http::{Reply, Request};
use crate::router::management::{Area, Managed};
use crate::store::Stores;

/// Answers a request to a route of the tables.
pub async fn answer<S: Stores>(context: &Context<'_, S>, request: &Request, managed: Managed<'_>) -> Reply {
    match managed.entry.area {
        Area::Accounts(route) => accounts::answer(context, request, managed, route).await,
        Area::Credentials(route) => credentials::answer(context, request, managed, route).await,
        Area::Usage(route) => usage::answer(context, request, managed, route).await,
        Area::Notices(whose, route) => notices::answer(context, request, managed, whose, route).await,
        Area::People(route) => people::answer(context, request, managed, route).await,
        Area::AuditTrail(route) => audit_trail::answer(context, request, managed, route).await,
        Area::Reviews(route) => reviews::answer(context, request, managed, route).await,
        Area::Apps(route) => apps::answer(context, request, managed, route).await,
        Area::Organizations(route) => organizations::answer(context, request, managed, route).await,
        Area::Policy(route) => policy::answer(context, request, managed, route).await,
    }
}
