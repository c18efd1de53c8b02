//! `/account/activity` and `GET /api/user/activity`: what happened in an account, for the user whose it is.

use super::browser::require_user as require_visitor;
use super::page_unavailable;
use super::problem::unavailable;
use super::user_api::{error, require_user};
use crate::context::Context;
use crate::http::{Params, Reply, Request, percent_encoded};
use crate::management::audit_trail::own::{self, OwnEntry};
use crate::management::cursor::{Cursor, PAGE_SIZE, PageRequest};
use crate::pages::{self, ActivityPage, DisplayName};
use crate::router;
use crate::store::Stores;

/// Shows what happened, the newest first.
pub async fn page<S: Stores>(context: &Context<'_, S>, request: &Request) -> Reply {
    let user = match require_visitor(context, request, router::ACCOUNT_ACTIVITY).await {
        Ok(user) => user,
        Err(reply) => return reply,
    };
    let params = request.query_params().unwrap_or_default();
    // A cursor that is none leads to the first page: it was typed.
    let after = params.one("cursor").ok().flatten().and_then(Cursor::parse);
    let page = PageRequest { after, size: PAGE_SIZE };
    let found = async {
        let found = own::of_user(context.stores, &user.user.id, &page).await?;
        let permissions = own::permissions(context.stores, &found.items, context.language).await?;
        Ok::<_, crate::store::StoreError>((found, permissions))
    };
    let Ok((found, permissions)) = found.await else {
        return page_unavailable(context, router::ACCOUNT_ACTIVITY);
    };
    let country = |code: &str| context.stores.country_name(code, context.language);
    let link = |cursor: &Cursor| {
        format!(
            "{}?cursor={}",
            router::ACCOUNT_ACTIVITY,
            percent_encoded(&cursor.encode())
        )
    };
    let page = ActivityPage::new(
        context.look(),
        &user,
        &found.items,
        &permissions,
        &country,
        page.after.is_none(),
        found.next.as_ref().map(link),
    );
    pages::render(200, &page)
}

/// Lists the same as JSON.
pub async fn list<S: Stores>(context: &Context<'_, S>, request: &Request) -> Reply {
    let page = Params::parse(request.query.as_bytes()).ok();
    let Some(page) = page.and_then(|params| PageRequest::of(&params).ok()) else {
        return error(
            context,
            400,
            "invalid_request",
            "limit is a number from 1 to 100, cursor is from the Link of the page before, and each comes once",
        );
    };
    let user = match require_user(context, request).await {
        Ok(user) => user,
        Err(reply) => return reply,
    };
    let Ok(found) = own::of_user(context.stores, &user.user.id, &page).await else {
        return unavailable(context);
    };
    let body = |entry: &OwnEntry| {
        let name = entry.app_name.as_deref();
        entry.json(
            name.map(|name| DisplayName::new(name, "Unnamed").to_string())
                .as_deref(),
        )
    };
    let reply = Reply::json(200, &found.items.iter().map(body).collect::<Vec<_>>());
    match found.next {
        Some(cursor) => reply.header("Link", next_link(context, &page, &cursor)),
        None => reply,
    }
}

/// Where the list goes on (RFC 8288 §3).
fn next_link<S>(context: &Context<'_, S>, page: &PageRequest, cursor: &Cursor) -> String {
    let cursor = cursor.encode();
    let path = format!(
        "{}?limit={}&cursor={}",
        router::ACTIVITY,
        page.size,
        percent_encoded(&cursor)
    );
    format!("<{}>; rel=\"next\"", context.config.issuer.url(&path))
}
