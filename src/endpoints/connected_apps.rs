//! `/api/user/connected-apps`: what users granted, as JSON, and taking it back. See `docs/connected-apps.md`.

use serde::Serialize;

use super::management::caller::origin;
use super::problem::unavailable;
use super::revocation::{self, Revocation};
use super::user_api::{error, require_user, require_user_here};
use crate::config::Config;
use crate::context::Context;
use crate::http::{Params, Reply, Request, percent_encoded};
use crate::looks::LogoName;
use crate::pages::{DisplayName, readable_description};
use crate::router;
use crate::store::{ConnectedApp, Cursor, ListPage, Revocable, Stores};
use crate::time::Timestamp;

/// How many consents a page holds unless its reader says otherwise.
pub const PAGE_SIZE: u8 = 50;
const LARGEST_PAGE: u8 = 100;

/// A connected app, as JSON.
#[derive(Serialize)]
struct ConnectedAppBody {
    consent_id: String,
    client_id: String,
    name: String,
    description: String,
    logo_url: Option<String>,
    developer_name: String,
    scopes: Vec<String>,
    device: Option<String>,
    organization: Option<String>,
    status: &'static str,
    connected_at: String,
    last_used: Option<String>,
    expires_at: Option<String>,
}

impl ConnectedAppBody {
    fn new(app: ConnectedApp, config: &Config, now: Timestamp) -> Self {
        let usage = app.usage;
        // Cleaned as on the page: whoever draws a page of their own would show it as it comes.
        let shown = |name: &str| DisplayName::new(name, "Unnamed").to_string();
        let (name, description, logo, developer_name) = match app.app {
            Some(face) => (
                shown(&face.name),
                readable_description(&face.description),
                face.logo,
                face.developer_name.as_deref().map(shown),
            ),
            None => ("Deleted app".to_owned(), String::new(), None, None),
        };
        let logo = logo.as_deref().and_then(LogoName::parse);
        let ends_at = config
            .unused_consents
            .filter(|_| !app.is_ending)
            .map(|lifetime| lifetime.ends_at(usage, now));
        Self {
            consent_id: app.consent_id,
            client_id: app.client_id,
            name,
            description,
            logo_url: logo.map(|logo| config.issuer.url(&logo.path())),
            developer_name: developer_name.unwrap_or_else(|| "Unknown developer".to_owned()),
            scopes: app.scopes.into_iter().map(|scope| scope.scope).collect(),
            device: app.device,
            organization: app.organization.as_deref().map(shown),
            status: if app.is_ending { "revoking" } else { "active" },
            connected_at: usage.connected_at.to_rfc3339(),
            last_used: usage.last_used_at.map(Timestamp::to_rfc3339),
            expires_at: ends_at.map(Timestamp::to_rfc3339),
        }
    }
}

/// Lists the apps the user has connected, the newest first.
pub async fn list<S: Stores>(context: &Context<'_, S>, request: &Request) -> Reply {
    let Some(page) = page_asked_for(request) else {
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
    let found = context
        .stores
        .connected_apps(&user.user.id, &page, context.language)
        .await;
    let Ok(listed) = found else {
        return unavailable(context);
    };
    let body = |app| ConnectedAppBody::new(app, context.config, context.now);
    let reply = Reply::json(200, &listed.apps.into_iter().map(body).collect::<Vec<_>>());
    match listed.next {
        Some(cursor) => reply.header("Link", next_link(context, &page, &cursor)),
        None => reply,
    }
}

fn page_asked_for(request: &Request) -> Option<ListPage> {
    let params = Params::parse(request.query.as_bytes()).ok()?;
    let size = match params.one("limit").ok()? {
        None => PAGE_SIZE,
        Some(limit) if limit.bytes().all(|byte| byte.is_ascii_digit()) => limit.parse().ok()?,
        Some(_) => return None,
    };
    let after = match params.one("cursor").ok()? {
        None => None,
        Some(cursor) => Some(Cursor::parse(cursor)?),
    };
    (1..=LARGEST_PAGE).contains(&size).then_some(ListPage { after, size })
}

/// Where the list goes on (RFC 8288 §3).
fn next_link<S>(context: &Context<'_, S>, page: &ListPage, cursor: &Cursor) -> String {
    let cursor = cursor.to_string();
    let path = format!(
        "{}?limit={}&cursor={}",
        router::CONNECTED_APPS,
        page.size,
        percent_encoded(&cursor)
    );
    format!("<{}>; rel=\"next\"", context.config.issuer.url(&path))
}

/// Takes one consent back. Once this answers, nothing issued under it refreshes or introspects as active; doing it
/// again is fine.
pub async fn revoke<S: Stores>(context: &Context<'_, S>, request: &Request, consent_id: &str) -> Reply {
    take_back(context, request, Revocable::Consent(consent_id)).await
}

/// Takes several back: every consent of an app (`?client_id=`), or every one there is (`?all=true`).
pub async fn revoke_many<S: Stores>(context: &Context<'_, S>, request: &Request) -> Reply {
    let params = Params::parse(request.query.as_bytes()).unwrap_or_default();
    let what = match (params.all("client_id"), params.all("all")) {
        ([client_id], []) => Revocable::App(client_id),
        ([], [all]) if all == "true" => Revocable::Everything,
        _ => {
            return error(
                context,
                400,
                "invalid_request",
                "name what to revoke: client_id for one app, or all=true for every app",
            );
        }
    };
    take_back(context, request, what).await
}

async fn take_back<S: Stores>(context: &Context<'_, S>, request: &Request, what: Revocable<'_>) -> Reply {
    let user = match require_user_here(context, request).await {
        Ok(user) => user,
        Err(reply) => return reply,
    };
    match revocation::revoke(context, &user.user.id, what, &origin(context, request)).await {
        Ok(Revocation::Done) => Reply::json(200, &serde_json::json!({ "message": "Access revoked successfully" })),
        Ok(Revocation::Unknown) => error(context, 404, "not_found", "you have no connected app under this id"),
        Ok(Revocation::Left(left)) => error(
            context,
            503,
            "temporarily_unavailable",
            &format!("{left} connections are not ended yet: send the same request again"),
        ),
        Err(_) => unavailable(context),
    }
}
