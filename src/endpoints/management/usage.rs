//! What apps use: `/developers/apps/{client_id}/usage` and `…/log`, `/admin/usage`, and the same as JSON.

use futures_util::future::{join, join3};
use serde_json::{Map, Value, json};

use super::{api, audit_trail, caller, pages};
use crate::context::Context;
use crate::http::{Params, Reply, Request};
use crate::management::actor::Actor;
use crate::management::apps;
use crate::management::cursor::PageRequest;
use crate::management::problem::Problem;
use crate::management::usage::{self, LoggedError, Ranked, Seen, Used};
use crate::pages::management::{AdminUsagePage, AppLog, ErrorLogPage, Place, UsageOverviewPage, UsagePage};
use crate::pages::render;
use crate::router::management::Managed;
use crate::router::management::usage::Usage as Asked;
use crate::store::Stores;
use crate::usage::breakdown::{OfApi, OfRoute, Sums};
use crate::usage::hints::hint;
use crate::usage::period::{Bucket, CALLS, GRANTS};

/// How many of the newest entries of the audit trail the tab Log has.
const SHOWN_OF_AUDIT_TRAIL: u32 = 20;

/// Answers a request about usage.
pub async fn answer<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    managed: Managed<'_>,
    route: Asked,
) -> Reply {
    let client_id = managed.id(0);
    match route {
        Asked::OfApp => api::reply(context, of_app(context, request, &client_id, Seen::ByDeveloper).await),
        Asked::AdminOfApp => api::reply(
            context,
            of_app(context, request, &client_id, Seen::ByAdministrator).await,
        ),
        Asked::Errors => api::reply(context, errors(context, request, &client_id, Seen::ByDeveloper).await),
        Asked::AdminErrors => api::reply(
            context,
            errors(context, request, &client_id, Seen::ByAdministrator).await,
        ),
        Asked::Overview => api::reply(context, overview(context, request).await),
        page => {
            let actor = match pages::visitor(context, request).await {
                Ok(actor) => actor,
                Err(reply) => return reply,
            };
            let shown = match page {
                Asked::LogPage => log_page(context, request, &actor, &client_id).await,
                Asked::OverviewPage => overview_page(context, request, &actor).await,
                Asked::AdminPage => admin_usage_page(context, request, &actor, &client_id).await,
                _ => usage_page(context, request, &actor, &client_id).await,
            };
            pages::reply(context, request, shown)
        }
    }
}

async fn of_app<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    client_id: &str,
    seen: Seen,
) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    let period = usage::period(&known_query(request, &["period"])?)?;
    let (app, used) = usage::of_app(context.stores, &actor, seen, client_id, period, context.now).await?;
    let mut body = used_json(&used);
    if let Some(members) = body.as_object_mut() {
        members.insert("client_id".into(), app.client_id.into());
        let last_used = app.last_used_at.map(|at| Value::String(at.to_rfc3339()));
        members.insert("last_used_at".into(), last_used.unwrap_or(Value::Null));
    }
    Ok(Reply::json(200, &body))
}

async fn errors<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    client_id: &str,
    seen: Seen,
) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    let asked = PageRequest::of(&known_query(request, &["cursor", "limit"])?)?;
    let page = usage::errors(context.stores, &actor, seen, client_id, &asked).await?;
    Ok(api::list(&page, error_json))
}

async fn overview<S: Stores>(context: &Context<'_, S>, request: &Request) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    let administrator = actor.administrator()?;
    let period = usage::period(&known_query(request, &["period"])?)?;
    let overview = usage::overview(context.stores, administrator, period, context.now).await?;
    let mut body = used_json(&overview.used);
    if let Some(members) = body.as_object_mut() {
        let days = overview.busiest.iter().map(|busiest| {
            let by =
                |apps: &[Ranked], counted: &str| apps.iter().map(|app| ranked_json(app, counted)).collect::<Value>();
            json!({
                "day": busiest.day.to_rfc3339(),
                "apps": by(&busiest.by_tokens, "tokens"),
                "callers": by(&busiest.by_calls, "calls"),
            })
        });
        members.insert("busiest".into(), days.collect());
    }
    Ok(Reply::json(200, &body))
}

/// What nobody understands is refused, so that a misspelt period is not taken for the usual one.
fn known_query(request: &Request, known: &[&str]) -> Result<Params, Problem> {
    let params = api::query(request)?;
    let unknown = params.iter().find(|(name, _)| !known.contains(name));
    if let Some((name, _)) = unknown {
        let name: String = name.chars().take(80).collect();
        return Err(Problem::field(name, "is not a parameter of this request"));
    }
    Ok(params)
}

fn used_json(Used { usage, calls }: &Used) -> Value {
    let by_code = usage
        .errors
        .iter()
        .map(|(code, count)| json!({ "error": code, "count": count }));
    let users = usage.active_users.iter();
    json!({
        "period": usage.period.name(),
        "total": bucket_json(&usage.total),
        "buckets": usage.buckets.iter().map(bucket_json).collect::<Vec<_>>(),
        "active_users": users.map(|(day, users)| json!({ "day": day.to_rfc3339(), "users": users })).collect::<Vec<_>>(),
        "errors": by_code.collect::<Vec<_>>(),
        "apis": calls.apis.iter().map(api_json).collect::<Value>(),
        "routes": calls.routes.iter().map(route_json).collect::<Value>(),
        "scopes_used": calls.scopes.iter().map(|(scope, count)| json!({ "scope": scope, "calls": count })).collect::<Value>(),
    })
}

fn api_json(api: &OfApi) -> Value {
    let mut members = sums_json(&api.sums);
    members.insert("api_id".into(), api.api_id.clone().into());
    members.insert("api_name".into(), api.api_name.clone().into());
    members.into()
}

fn route_json(route: &OfRoute) -> Value {
    let mut members = sums_json(&route.sums);
    let outcomes = route.outcomes.iter();
    let outcomes = outcomes.map(|(outcome, count)| json!({ "outcome": outcome, "calls": count }));
    for (name, value) in [
        ("api_id", route.api_id.clone().into()),
        ("api_name", route.api_name.clone().into()),
        ("route", route.route.clone().into()),
        ("method", route.method.clone().into()),
        ("is_rest", route.is_rest.into()),
        ("scopes_used", route.scopes.clone().into()),
        ("outcomes", outcomes.collect()),
    ] {
        members.insert(name.into(), value);
    }
    members.into()
}

fn sums_json(sums: &Sums) -> Map<String, Value> {
    let latency = sums
        .latency()
        .map(|latency| json!({ "mean": latency.mean, "p50": latency.p50, "p95": latency.p95 }));
    let mut members = Map::new();
    members.insert("calls".into(), sums.all.count.into());
    members.insert("refused".into(), sums.refused.into());
    members.insert("failed".into(), sums.failed.into());
    members.insert("milliseconds".into(), latency.unwrap_or(Value::Null));
    members
}

fn bucket_json(bucket: &Bucket) -> Value {
    let by_grant = GRANTS.iter().zip(bucket.tokens);
    let by_grant: Map<_, _> = by_grant
        .map(|(grant, count)| ((*grant).to_owned(), count.into()))
        .collect();
    let by_kind = CALLS.iter().zip(bucket.calls);
    let by_kind: Map<_, _> = by_kind
        .map(|(kind, count)| ((*kind).to_owned(), count.into()))
        .collect();
    json!({
        "from": bucket.at.to_rfc3339(),
        "tokens": bucket.all_tokens(),
        "tokens_by_grant": by_grant,
        "calls": bucket.all_calls(),
        "calls_by_kind": by_kind,
        "errors": bucket.errors,
        "authorizations": bucket.other.authorizations,
        "consents_granted": bucket.other.granted,
        "consents_denied": bucket.other.denied,
        "consents_remembered": bucket.other.remembered,
        "revocations": bucket.other.revocations,
        "introspections": bucket.other.introspections,
    })
}

fn error_json(entry: &LoggedError) -> Value {
    json!({
        "at": entry.at.to_rfc3339(),
        "endpoint": entry.endpoint,
        "error": entry.error,
        "description": entry.description,
        "hint": hint(&entry.error, &entry.description),
        "request_id": entry.request_id,
        "count": entry.count,
    })
}

fn ranked_json(app: &Ranked, counted: &str) -> Value {
    json!({
        "client_id": app.client_id,
        "name": app.name,
        "developer_name": app.developer_name,
        counted: app.count,
    })
}

async fn usage_page<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    actor: &Actor,
    client_id: &str,
) -> Result<Reply, Problem> {
    let period = usage::period(&api::query(request)?)?;
    let (app, read) = join(
        apps::load_for_member(context.stores, actor, client_id),
        usage::of_app(context.stores, actor, Seen::ByDeveloper, client_id, period, context.now),
    )
    .await;
    let (app, (watched, used)) = (app?, read?);
    let frame = pages::frame(context, actor, Place::Developers);
    Ok(render(200, &UsagePage::new(frame, &app, &watched, &used)))
}

async fn admin_usage_page<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    actor: &Actor,
    client_id: &str,
) -> Result<Reply, Problem> {
    let period = usage::period(&api::query(request)?)?;
    let seen = Seen::ByAdministrator;
    let (app, used) = usage::of_app(context.stores, actor, seen, client_id, period, context.now).await?;
    let frame = pages::frame(context, actor, Place::Usage);
    Ok(render(200, &AdminUsagePage::new(frame, &app, &used)))
}

async fn log_page<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    actor: &Actor,
    client_id: &str,
) -> Result<Reply, Problem> {
    let asked = PageRequest::of(&api::query(request)?)?;
    // The older pages are of the error log alone.
    let newest = PageRequest {
        after: None,
        size: if asked.after.is_none() { SHOWN_OF_AUDIT_TRAIL } else { 0 },
    };
    let (app, errors, part) = join3(
        apps::load_for_member(context.stores, actor, client_id),
        usage::errors(context.stores, actor, Seen::ByDeveloper, client_id, &asked),
        audit_trail::of_app(context, actor, client_id, &newest),
    )
    .await;
    let (app, errors, part) = (app?, errors?, part?);
    let log = AppLog {
        errors: &errors,
        is_later: asked.after.is_some(),
        events: &part.entries.items,
        member_ids: &part.member_ids,
    };
    let frame = pages::frame(context, actor, Place::Developers);
    Ok(render(200, &ErrorLogPage::new(frame, &app, log)))
}

async fn overview_page<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    actor: &Actor,
) -> Result<Reply, Problem> {
    let administrator = actor.administrator()?;
    let period = usage::period(&api::query(request)?)?;
    let overview = usage::overview(context.stores, administrator, period, context.now).await?;
    let frame = pages::frame(context, actor, Place::Usage);
    Ok(render(200, &UsageOverviewPage::new(frame, &overview)))
}
