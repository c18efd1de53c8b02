//! One file per endpoint: parse the request, ask storage, let the protocol decide, answer.

mod access_token;
mod account_apps;
mod account_sessions;
mod activity;
mod api_docs;
mod authorize;
mod browser;
pub mod calls;
mod client_keys;
mod client_request;
mod connected_apps;
mod consent;
mod discovery;
mod health;
mod introspect;
mod limits;
mod live_token;
mod login;
mod logos;
mod maintenance;
mod management;
mod metadata_documents;
mod notices;
mod par;
mod problem;
mod registration;
mod resource_metadata;
mod revocation;
mod revocations;
mod revoke;
mod sessions_api;
mod sign_out;
mod status_lists;
mod token;
mod user_api;

pub use maintenance::maintain;
pub use notices::deliver as deliver_notices;

use crate::config::{Config, ConfigError, is_loopback_host};
use crate::context::Context;
use crate::http::{Reply, Request};
use crate::log::Log;
use crate::oauth::error::{AuthorizationError, ErrorCode, OAuthError, PageReason};
use crate::oauth::redirect_uri::VerifiedRedirect;
use crate::pages::{self, HomePage, Look, MessagePage, Retry};
use crate::router::{self, Route};
use crate::store::Stores;
use crate::words::Language;

/// Answers a request.
pub async fn dispatch<S: Stores>(context: &Context<'_, S>, request: &Request) -> Reply {
    let context = &context.speaking_to(request, None);
    // Whoever listens has read it already, so nothing in it may work (OAuth 2.1 §1.5).
    if request.in_the_clear && context.config.issuer.is_https() && !is_loopback_host(&request.host) {
        return finished(in_the_clear(context, request), context.log, true);
    }
    if calls::verify::is_astray(request) {
        return finished(
            calls::verify::astray(context),
            context.log,
            context.config.issuer.is_https(),
        );
    }
    let route = router::route(&request.method, &request.path);
    let reply = answer(context, request, route).await;
    finished(reply, context.log, context.config.issuer.is_https())
}

async fn answer<S: Stores>(context: &Context<'_, S>, request: &Request, route: Route<'_>) -> Reply {
    match route {
        Route::Authorize => authorize::authorize(context, request).await,
        Route::ConsentPage => consent::page(context, request).await,
        Route::ConsentDecision => consent::decision(context, request).await,
        Route::ConsentRequest { request_id } => consent::api::show(context, request, request_id).await,
        Route::DecideConsentRequest { request_id } => consent::api::decide(context, request, request_id).await,
        Route::PushedRequest => par::push(context, request).await.readable_across_origins(),
        Route::Token => token::token(context, request).await.readable_across_origins(),
        Route::Revoke => revoke::revoke(context, request).await.readable_across_origins(),
        Route::Revocations { region } => revocations::list(context, request, region)
            .await
            .readable_across_origins(),
        Route::StatusLists => status_lists::all(context, request).await.readable_across_origins(),
        Route::StatusList { shard, period } => status_lists::list(context, request, shard, period)
            .await
            .readable_across_origins(),
        Route::Verify { path } => calls::verify::verify(context, request, path).await,
        Route::Register => registration::create(context, request).await.readable_across_origins(),
        Route::ReadRegistration { client_id } => registration::read(context, request, client_id)
            .await
            .readable_across_origins(),
        Route::ReplaceRegistration { client_id } => registration::replace(context, request, client_id)
            .await
            .readable_across_origins(),
        Route::DeleteRegistration { client_id } => registration::delete(context, request, client_id)
            .await
            .readable_across_origins(),
        Route::Introspect => introspect::introspect(context, request).await,
        Route::Jwks => discovery::jwks(context).await.readable_across_origins(),
        Route::Metadata => discovery::metadata(context).readable_across_origins(),
        Route::ResourceMetadata => resource_metadata::of_any(context, request)
            .await
            .readable_across_origins(),
        Route::OwnResourceMetadata => resource_metadata::of_own_api(context).readable_across_origins(),
        Route::LoginPage => login::page(context, request).await,
        Route::Login => login::sign_in(context, request).await,
        Route::LoginCallback { connection } => login::callback(context, request, connection).await,
        Route::LogoutPage => sign_out::page(context, request).await,
        Route::Logout => sign_out::sign_out(context, request).await,
        Route::AccountApps => account_apps::page(context, request).await,
        Route::AccountAppsConfirm(target) => account_apps::confirm(context, request, target).await,
        Route::AccountAppsRevoke(target) => account_apps::revoke(context, request, target).await,
        Route::ConnectedApps => connected_apps::list(context, request).await,
        Route::RevokeConnectedApps => connected_apps::revoke_many(context, request).await,
        Route::RevokeConnectedApp { consent_id } => connected_apps::revoke(context, request, consent_id).await,
        Route::AccountActivity => activity::page(context, request).await,
        Route::Activity => activity::list(context, request).await,
        Route::AccountSessions => account_sessions::page(context, request).await,
        Route::AccountSessionsEnd { session_id } => account_sessions::end(context, request, session_id).await,
        Route::SignOutEverywherePage => sign_out::everywhere_page(context, request).await,
        Route::SignOutEverywhere => sign_out::sign_out_everywhere(context, request).await,
        Route::Sessions => sessions_api::list(context, request).await,
        Route::EndSessions => sessions_api::end_all(context, request).await,
        Route::EndSession { session_id } => sessions_api::end(context, request, session_id).await,
        Route::Home => pages::render(200, &HomePage { look: context.look() }),
        Route::Asset { name: "style.css" } => style_sheet(context, request),
        Route::Asset { name: "icon.svg" } => asset("image/svg+xml", pages::ICON.to_owned()),
        Route::Logo { name } => logos::logo(context, request, name).await,
        Route::Health => health::health(context).await,
        Route::OpenApi => api_docs::document(context).readable_across_origins(),
        Route::ApiDocs => api_docs::overview(context),
        Route::ApiDocsOf { tag } => api_docs::of_tag(context, tag).unwrap_or_else(|| not_found(context, request)),
        Route::Managed(managed) => management::answer(context, request, managed).await,
        Route::ManagedByOtherMethod => method_not_allowed(context, router::management::methods_at(&request.path)),
        Route::Preflight => preflight(),
        Route::MethodNotAllowed { allow } => method_not_allowed(context, allow),
        Route::NotFound | Route::Asset { .. } => not_found(context, request),
    }
}

fn method_not_allowed<S>(context: &Context<'_, S>, allow: impl Into<String>) -> Reply {
    let detail = "this path has no such method: see Allow";
    problem::document(
        context.config,
        context.log,
        405,
        "method_not_allowed",
        detail,
        Vec::new(),
    )
    .header("Allow", allow)
}

fn finished(reply: Reply, log: &Log, over_tls: bool) -> Reply {
    reply.header("X-Request-Id", log.request_id()).finished(over_tls)
}

fn wants_a_page(request: &Request) -> bool {
    if request.path.starts_with("/api/") {
        return false;
    }
    let accept = request.header("accept");
    accept.is_some_and(|accept| accept.contains("text/html"))
}

/// A page for people, JSON for programs.
fn in_the_clear<S>(context: &Context<'_, S>, request: &Request) -> Reply {
    if wants_a_page(request) {
        let words = context.words();
        return message(context, 400, words.message_not_safe, words.message_not_safe_explanation);
    }
    json_error(&OAuthError::new(
        ErrorCode::InvalidRequest,
        "requests must come over https",
    ))
}

/// A page for people, JSON for programs.
fn not_found<S>(context: &Context<'_, S>, request: &Request) -> Reply {
    if wants_a_page(request) {
        let words = context.words();
        return message(
            context,
            404,
            words.message_not_found,
            words.message_not_found_explanation,
        );
    }
    let detail = "there is nothing at this path";
    problem::document(context.config, context.log, 404, "not_found", detail, Vec::new())
}

/// What every request gets while the configuration is not safe to serve with. The reason is the operator's
/// own mistake and names no secret; operators read English.
pub fn not_configured(error: &ConfigError, log: &Log) -> Reply {
    let page = MessagePage {
        look: Look::of_platform("Latchkey", Language::ENGLISH),
        heading: "Latchkey cannot start",
        explanation: &format!("{error}."),
        for_developers: None,
        retry: None,
        request_id: log.request_id(),
    };
    finished(pages::render(503, &page), log, false)
}

/// What a request gets in which our code broke: the id to find out why, and nothing else.
pub fn broken(config: &Config, log: &Log, language: Language, for_people: bool) -> Reply {
    let words = language.words();
    let page = MessagePage {
        look: Look::new(&config.looks, language),
        heading: words.message_broken,
        explanation: words.message_broken_explanation,
        for_developers: None,
        retry: None,
        request_id: log.request_id(),
    };
    let reply = match for_people {
        true => pages::render(500, &page),
        // The standard's own code for it (OAuth 2.1 §4.1.2.1), though there it travels by redirect.
        false => {
            let detail = "this is a mistake of this server's: its operator finds out by the request id";
            problem::document(config, log, 500, "server_error", detail, Vec::new()).readable_across_origins()
        }
    };
    finished(reply.telling("server_error"), log, config.issuer.is_https())
}

fn asset(content_type: &'static str, content: String) -> Reply {
    Reply::new(200, content)
        .header("Content-Type", content_type)
        .header("Cache-Control", "public, max-age=86400")
}

/// Pages name the style sheet by its content. Where another colour is known here than where the page was made, the answer
/// is not kept under that name.
fn style_sheet<S>(context: &Context<'_, S>, request: &Request) -> Reply {
    let accent = context.looks.accent;
    let sheet = asset("text/css; charset=utf-8", pages::style_sheet(accent));
    let asked = request.query.parse();
    match asked.is_ok_and(|version: u32| version != pages::style_version(accent)) {
        true => sheet.header("Cache-Control", "no-store"),
        false => sheet,
    }
}

fn preflight() -> Reply {
    Reply::new(204, String::new())
        .readable_across_origins()
        .header("Access-Control-Allow-Methods", "GET, POST, PUT, DELETE, OPTIONS")
        .header(
            "Access-Control-Allow-Headers",
            "Authorization, Content-Type, DPoP, MCP-Protocol-Version",
        )
        .header("Access-Control-Max-Age", "86400")
}

/// An error whose reader is a program (OAuth 2.1 §3.2.4).
fn json_error(error: &OAuthError) -> Reply {
    let reply = Reply::json(error.code.status(), &error.body()).telling(error.code.as_str());
    match error.code {
        // Required where the client used the header, useful everywhere.
        ErrorCode::InvalidClient => reply.header("WWW-Authenticate", "Basic realm=\"latchkey\", charset=\"UTF-8\""),
        ErrorCode::TemporarilyUnavailable => reply.header("Retry-After", "1"),
        _ => reply,
    }
}

/// Storage is down: nothing was consumed, try again.
fn json_unavailable() -> Reply {
    json_error(&out_of_reach())
}

fn out_of_reach() -> OAuthError {
    OAuthError::new(ErrorCode::TemporarilyUnavailable, "storage is out of reach: try again")
}

/// Storage is down and a person waits: they may open `address` once more.
fn page_unavailable<S>(context: &Context<'_, S>, address: &str) -> Reply {
    unavailable_until(context, Retry::Open(address))
}

/// Storage is down and a person waits: they may `retry`.
fn unavailable_until<S>(context: &Context<'_, S>, retry: Retry<'_>) -> Reply {
    let page = MessagePage {
        look: context.look(),
        heading: context.words().message_unavailable,
        explanation: context.words().message_unavailable_explanation,
        for_developers: None,
        retry: Some(retry),
        request_id: context.log.request_id(),
    };
    pages::render(503, &page).header("Retry-After", "1")
}

/// A page that tells what went wrong.
fn message<S>(context: &Context<'_, S>, status: u16, heading: &str, explanation: &str) -> Reply {
    pages::render(
        status,
        &MessagePage {
            look: context.look(),
            heading,
            explanation,
            for_developers: None,
            retry: None,
            request_id: context.log.request_id(),
        },
    )
}

/// An authorization request that goes no further: a page, or a redirect to the app with `state` and `iss`
/// (OAuth 2.1 §4.1.2.1, RFC 9207).
fn authorization_error<S>(context: &Context<'_, S>, error: &AuthorizationError) -> Reply {
    match error {
        AuthorizationError::Page(reason) => page_error(context, *reason),
        AuthorizationError::Redirect { to, error, state } => {
            context.log.usage().refused(error);
            Reply::see_other(error_url(context, to, error, state.as_deref())).telling(error.code.as_str())
        }
    }
}

/// The app's address with an error for it (OAuth 2.1 §4.1.2.1).
fn error_url<S>(context: &Context<'_, S>, to: &VerifiedRedirect, error: &OAuthError, state: Option<&str>) -> String {
    let mut params = vec![
        ("error", error.code.as_str()),
        ("error_description", error.description()),
    ];
    params.extend(state.map(|state| ("state", state)));
    app_url(context, to, params)
}

fn page_error<S>(context: &Context<'_, S>, reason: PageReason) -> Reply {
    page_of(context, &OAuthError::new(reason.code(), reason.for_developers()))
}

/// An error that has nowhere to go but a page.
fn page_of<S>(context: &Context<'_, S>, error: &OAuthError) -> Reply {
    context.log.usage().refused(error);
    let page = MessagePage {
        look: context.look(),
        heading: context.words().message_bad_link,
        explanation: context.words().message_bad_link_explanation,
        for_developers: Some(error.description()),
        retry: None,
        request_id: context.log.request_id(),
    };
    pages::render(400, &page)
}

/// The app's address with an answer for it, and who gives it (RFC 9207).
fn app_url<'a, S>(context: &Context<'a, S>, to: &VerifiedRedirect, mut params: Vec<(&'a str, &'a str)>) -> String {
    params.push(("iss", context.config.issuer.as_str()));
    to.with_params(&params)
}

#[cfg(test)]
mod tests;
