//! The audit trail: `/admin/audit`, `/api/admin/audit`, and the part of an app for its developers.

use serde::Deserialize;

use super::people::next_page;
use super::{api, caller, pages};
use crate::context::Context;
use crate::http::{Params, Reply, Request};
use crate::management::actor::Actor;
use crate::management::audit_trail::entry::AuditEntry;
use crate::management::audit_trail::events;
use crate::management::audit_trail::filter::AuditFilter;
use crate::management::audit_trail::{forward, list};
use crate::management::cursor::{Page, PageRequest};
use crate::management::problem::Problem;
use crate::pages::management::{AuditPage, FormState, Place};
use crate::pages::render;
use crate::router::management::Managed;
use crate::router::management::audit_trail::AuditTrail;
use crate::store::Stores;
use crate::store::database::Statement;

/// How many lines an export has at most. The rest is behind its `Link`.
const MOST_LINES: u32 = 5000;

/// Answers a request about the audit trail.
pub async fn answer<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    managed: Managed<'_>,
    route: AuditTrail,
) -> Reply {
    match route {
        AuditTrail::Page => page(context, request).await,
        AuditTrail::List => api::reply(context, all(context, request).await),
        AuditTrail::Export => api::reply(context, export(context, request).await),
        AuditTrail::OfApp => api::reply(context, of_app_as_json(context, request, &managed.id(0)).await),
    }
}

async fn all<S: Stores>(context: &Context<'_, S>, request: &Request) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    actor.administrator()?;
    let params = api::query(request)?;
    let filter = AuditFilter::parse(&params)?;
    let page = list(context.stores, &filter, &PageRequest::of(&params)?).await?;
    Ok(api::list(&page, AuditEntry::json))
}

/// One line of JSON for each entry, the oldest first: those behind number `after`. `Link` leads on while there may be
/// more; whoever keeps the `seq` of the last line gets what came since.
async fn export<S: Stores>(context: &Context<'_, S>, request: &Request) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    actor.administrator()?;
    let params = api::query(request)?;
    let filter = AuditFilter::parse(&params)?;
    let after = number(&params, "after", 0, i64::from(u32::MAX) << 20)?;
    let size = number(&params, "limit", MOST_LINES.into(), MOST_LINES.into())?;
    let size = u32::try_from(size).unwrap_or(MOST_LINES).max(1);
    let page = forward(context.stores, &filter, after, size).await?;
    let lines: String = page.items.iter().map(|entry| format!("{}\n", entry.json())).collect();
    let reply = Reply::new(200, lines)
        .header("Content-Type", "application/x-ndjson")
        .header("Cache-Control", "no-store");
    Ok(match page.next {
        Some(next) => reply.header("Link", next_link(context, request, &params, next.order)),
        None => reply,
    })
}

fn number(params: &Params, name: &'static str, absent: i64, most: i64) -> Result<i64, Problem> {
    let number = match params.one(name) {
        Ok(None) => Some(absent),
        Ok(Some(text)) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
        _ => None,
    };
    number
        .filter(|number| (0..=most).contains(number))
        .ok_or_else(|| Problem::field(name, format!("must be a whole number up to {most}")))
}

/// Where the export goes on (RFC 8288 §3).
fn next_link<S>(context: &Context<'_, S>, request: &Request, params: &Params, after: i64) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in params.iter().filter(|(name, _)| *name != "after") {
        query.append_pair(name, value);
    }
    query.append_pair("after", &after.to_string());
    let address = context
        .config
        .issuer
        .url(&format!("{}?{}", request.path, query.finish()));
    format!("<{address}>; rel=\"next\"")
}

async fn page<S: Stores>(context: &Context<'_, S>, request: &Request) -> Reply {
    let actor = match pages::visitor(context, request).await {
        Ok(actor) => actor,
        Err(reply) => return reply,
    };
    pages::reply(context, request, shown(context, request, &actor).await)
}

async fn shown<S: Stores>(context: &Context<'_, S>, request: &Request, actor: &Actor) -> Result<Reply, Problem> {
    actor.administrator()?;
    let params = api::query(request)?;
    let form = FormState::of(&params);
    let found = async {
        let filter = AuditFilter::parse(&params)?;
        list(context.stores, &filter, &PageRequest::of(&params)?)
            .await
            .map_err(Problem::from)
    };
    let (status, form, found) = match found.await {
        Ok(found) => (200, form, found),
        // Said beside the field, above an empty list.
        Err(problem @ Problem::Invalid(_)) => {
            let nothing = Page {
                items: Vec::new(),
                next: None,
            };
            (400, form.refused(&problem), nothing)
        }
        Err(problem) => return Err(problem),
    };
    let page = AuditPage {
        frame: pages::frame(context, actor, Place::Audit),
        form: &form,
        kinds: events::ALL,
        is_filtered: AuditFilter::NAMES.iter().any(|name| !form.value(name).is_empty()),
        next: next_page(request, &params, &found),
        entries: &found.items,
    };
    Ok(render(status, &page))
}

async fn of_app_as_json<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    client_id: &str,
) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    let params = api::query(request)?;
    let part = of_app(context, &actor, client_id, &PageRequest::of(&params)?).await?;
    Ok(api::list(&part.entries, |entry| {
        entry.json_for_developers(&part.member_ids)
    }))
}

/// An app's part of the audit trail.
pub struct PartOfApp {
    /// What happened, the newest first.
    pub entries: Page<AuditEntry>,
    /// Who belongs to the app's developer account: of them, and of nobody else, its readers are told who acted.
    pub member_ids: Vec<String>,
}

/// An app's part of the audit trail, for a member of its developer account.
pub async fn of_app<S: Stores>(
    context: &Context<'_, S>,
    actor: &Actor,
    client_id: &str,
    page: &PageRequest,
) -> Result<PartOfApp, Problem> {
    #[derive(Deserialize)]
    struct App {
        developer_id: String,
    }
    #[derive(Deserialize)]
    struct Member {
        user_id: String,
    }
    let found = context
        .stores
        .read(vec![
            Statement::new("SELECT developer_id FROM apps WHERE client_id = ?1 AND deleted_at IS NULL").text(client_id),
            Statement::new(
                "SELECT m.user_id FROM apps a JOIN developer_members m ON m.developer_id = a.developer_id
                 WHERE a.client_id = ?1",
            )
            .text(client_id),
        ])
        .await?;
    let unknown = || Problem::NotFound("app");
    let app: App = found.first(0)?.ok_or_else(unknown)?;
    actor.developer()?;
    actor.member(&app.developer_id).map_err(|_| unknown())?;
    let members: Vec<Member> = found.rows(1)?;
    Ok(PartOfApp {
        entries: list(context.stores, &AuditFilter::of_app(client_id), page).await?,
        member_ids: members.into_iter().map(|member| member.user_id).collect(),
    })
}
