//! Every path, in one place.

pub mod management;

use management::{Lookup, Managed};

use crate::http::MAX_BODY;
use crate::looks::picture;

/// `GET`, `POST`: the authorization endpoint.
pub const AUTHORIZE: &str = "/oauth/authorize";
/// `GET`, `POST`: the consent page.
pub const CONSENT: &str = "/oauth/consent";
/// `GET`, `POST` under it: the same as JSON, for platforms that draw the page themselves.
pub const CONSENT_REQUESTS: &str = "/api/oauth/consent";
/// `POST`: the token endpoint.
pub const TOKEN: &str = "/oauth/token";
/// `POST`: pushed authorization requests (RFC 9126).
pub const PAR: &str = "/oauth/par";
/// `POST`: revocation (RFC 7009).
pub const REVOKE: &str = "/oauth/revoke";
/// `POST`: introspection (RFC 7662).
pub const INTROSPECT: &str = "/oauth/introspect";
/// `GET` under it: what was taken back in a region, for API servers.
pub const REVOCATIONS: &str = "/oauth/revocations";
/// `GET`: where the Token Status Lists are; under it: one of them (draft-ietf-oauth-status-list).
pub const STATUS_LISTS: &str = "/oauth/status-lists";
/// Any method, at it and under it: whether a call to an API may go on, for reverse proxies.
pub const VERIFY: &str = "/oauth/verify";
/// `POST`: dynamic client registration (RFC 7591); `GET`, `PUT`, `DELETE` under it (RFC 7592).
pub const REGISTER: &str = "/oauth/register";
/// `GET`: the form by which developers claim apps that registered themselves; the member of their documents that proves it.
pub const CLAIM: &str = "/developers/apps/claim";
/// `GET`: the JWK Set.
pub const JWKS: &str = "/.well-known/jwks.json";
/// `GET`: authorization server metadata (RFC 8414).
pub const METADATA: &str = "/.well-known/oauth-authorization-server";
/// `GET`: protected resource metadata of any API (RFC 9728), named by `resource`.
pub const RESOURCE_METADATA: &str = "/oauth/resource-metadata";
/// `GET`: that of this server's own API.
pub const OWN_RESOURCE_METADATA: &str = "/.well-known/oauth-protected-resource/api";
/// `GET`, `POST`: the sign-in page.
pub const LOGIN: &str = "/login";
/// `GET` under it: answers of identity providers.
pub const LOGIN_CALLBACK: &str = "/login/callback";
/// `GET`, `POST`: signing out.
pub const LOGOUT: &str = "/logout";
/// `GET`: the page of connected apps.
pub const ACCOUNT_APPS: &str = "/account/apps";
/// `GET`: the page of sessions.
pub const ACCOUNT_SESSIONS: &str = "/account/sessions";
/// `GET`: the page of what happened in an account.
pub const ACCOUNT_ACTIVITY: &str = "/account/activity";
/// `GET`, `POST`: signing out everywhere.
pub const ACCOUNT_SESSIONS_END: &str = "/account/sessions/end";
/// `GET`, `POST`: taking back all connections of an app.
pub const REVOKE_CONNECTED_APP: &str = "/account/apps/revoke";
/// `GET`, `POST`: taking back everything.
pub const REVOKE_EVERYTHING: &str = "/account/apps/revoke-all";
/// `GET`: the connected apps as JSON; `DELETE` at it and under it.
pub const CONNECTED_APPS: &str = "/api/user/connected-apps";
/// `GET`, `DELETE`: where the user is signed in, as JSON; `DELETE` under it.
pub const SESSIONS: &str = "/api/user/sessions";
/// `GET`: what happened in the user's account, as JSON.
pub const ACTIVITY: &str = "/api/user/activity";

/// `GET`: the OpenAPI document of all JSON endpoints.
pub const OPENAPI: &str = "/openapi.json";
/// `GET` at it and under it: the same for people.
pub const API_DOCS: &str = "/api-docs";

/// `GET` under it: a logo.
pub const LOGOS: &str = "/logos";

/// What a page takes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevokeTarget<'a> {
    /// `/account/apps/{consent_id}/revoke`
    Consent(&'a str),
    /// [`REVOKE_CONNECTED_APP`]; the request names the app.
    App,
    /// [`REVOKE_EVERYTHING`]
    Everything,
}

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route<'a> {
    /// [`AUTHORIZE`]
    Authorize,
    /// [`CONSENT`], the page.
    ConsentPage,
    /// [`CONSENT`], the decision.
    ConsentDecision,
    /// `GET /api/oauth/consent/{request_id}`
    ConsentRequest {
        /// The sealed request.
        request_id: &'a str,
    },
    /// `POST /api/oauth/consent/{request_id}`
    DecideConsentRequest {
        /// The sealed request.
        request_id: &'a str,
    },
    /// [`TOKEN`]
    Token,
    /// [`PAR`]
    PushedRequest,
    /// [`REVOKE`]
    Revoke,
    /// [`INTROSPECT`]
    Introspect,
    /// `GET` under [`REVOCATIONS`].
    Revocations {
        /// Of which region: its number.
        region: &'a str,
    },
    /// [`STATUS_LISTS`]
    StatusLists,
    /// `GET /oauth/status-lists/{shard}/{period}`
    StatusList {
        /// Of which ledger object: its number.
        shard: &'a str,
        /// Of which period: its number.
        period: &'a str,
    },
    /// [`VERIFY`]
    Verify {
        /// The path of the call, where it stands behind ours.
        path: Option<&'a str>,
    },
    /// [`REGISTER`]
    Register,
    /// `GET` under [`REGISTER`].
    ReadRegistration {
        /// Of which app.
        client_id: &'a str,
    },
    /// `PUT` under [`REGISTER`].
    ReplaceRegistration {
        /// Of which app.
        client_id: &'a str,
    },
    /// `DELETE` under [`REGISTER`].
    DeleteRegistration {
        /// Of which app.
        client_id: &'a str,
    },
    /// [`JWKS`]
    Jwks,
    /// [`METADATA`]
    Metadata,
    /// [`RESOURCE_METADATA`]
    ResourceMetadata,
    /// [`OWN_RESOURCE_METADATA`]
    OwnResourceMetadata,
    /// [`LOGIN`], the page.
    LoginPage,
    /// [`LOGIN`], the form.
    Login,
    /// `GET /login/callback/{connection}`
    LoginCallback {
        /// The connection.
        connection: &'a str,
    },
    /// [`LOGOUT`], the page.
    LogoutPage,
    /// [`LOGOUT`], the form.
    Logout,
    /// [`ACCOUNT_APPS`]
    AccountApps,
    /// The page that asks whether to take something back.
    AccountAppsConfirm(RevokeTarget<'a>),
    /// Its form.
    AccountAppsRevoke(RevokeTarget<'a>),
    /// [`CONNECTED_APPS`]
    ConnectedApps,
    /// [`CONNECTED_APPS`], several at once.
    RevokeConnectedApps,
    /// `DELETE /api/user/connected-apps/{consent_id}`
    RevokeConnectedApp {
        /// The consent.
        consent_id: &'a str,
    },
    /// [`ACCOUNT_ACTIVITY`]
    AccountActivity,
    /// [`ACTIVITY`]
    Activity,
    /// [`ACCOUNT_SESSIONS`]
    AccountSessions,
    /// `POST /account/sessions/{session_id}/end`
    AccountSessionsEnd {
        /// The session.
        session_id: &'a str,
    },
    /// [`ACCOUNT_SESSIONS_END`], the page.
    SignOutEverywherePage,
    /// [`ACCOUNT_SESSIONS_END`], the form.
    SignOutEverywhere,
    /// [`SESSIONS`], the list.
    Sessions,
    /// [`SESSIONS`], ending them all.
    EndSessions,
    /// `DELETE /api/user/sessions/{session_id}`
    EndSession {
        /// The session.
        session_id: &'a str,
    },
    /// `GET /`
    Home,
    /// `GET /assets/…`
    Asset {
        /// The file.
        name: &'a str,
    },
    /// `GET /logos/…`
    Logo {
        /// Its name.
        name: &'a str,
    },
    /// `GET /healthz`
    Health,
    /// [`OPENAPI`]
    OpenApi,
    /// [`API_DOCS`]
    ApiDocs,
    /// `GET /api-docs/{tag}`
    ApiDocsOf {
        /// What the operations are about.
        tag: &'a str,
    },
    /// The portal, the console and their JSON APIs.
    Managed(Managed<'a>),
    /// A path of theirs, but by no method it has.
    ManagedByOtherMethod,
    /// `OPTIONS` of a route that scripts of other sites may call.
    Preflight,
    /// The path exists, the method does not.
    MethodNotAllowed {
        /// The methods it has.
        allow: &'static str,
    },
    /// Nothing here.
    NotFound,
}

impl Route<'_> {
    /// Whether its answer may be a page, and so must know the platform's looks.
    pub fn may_show_a_page(self) -> bool {
        match self {
            Self::Authorize
            | Self::ConsentPage
            | Self::ConsentDecision
            | Self::LoginPage
            | Self::Login
            | Self::LoginCallback { .. }
            | Self::LogoutPage
            | Self::Logout
            | Self::AccountApps
            | Self::AccountAppsConfirm(_)
            | Self::AccountAppsRevoke(_)
            | Self::AccountActivity
            | Self::AccountSessions
            | Self::AccountSessionsEnd { .. }
            | Self::SignOutEverywherePage
            | Self::SignOutEverywhere
            | Self::Home
            | Self::ApiDocs
            | Self::ApiDocsOf { .. }
            | Self::Asset { name: "style.css" } => true,
            Self::Managed(managed) => !managed.entry.path.starts_with("/api/"),
            _ => false,
        }
    }

    /// Whether it is about a call to an API, which counts whether or not whoever asked waits for the answer.
    pub fn is_of_a_call(self) -> bool {
        matches!(self, Self::Verify { .. })
    }

    /// The name it is known by in the log: without the ids that paths hold.
    pub fn name(self) -> &'static str {
        match self {
            Self::Authorize => "authorize",
            Self::ConsentPage => "consent_page",
            Self::ConsentDecision => "consent_decision",
            Self::ConsentRequest { .. } => "consent_request",
            Self::DecideConsentRequest { .. } => "decide_consent_request",
            Self::PushedRequest => "par",
            Self::Token => "token",
            Self::Revoke => "revoke",
            Self::Introspect => "introspect",
            Self::Revocations { .. } => "revocations",
            Self::StatusLists => "status_lists",
            Self::StatusList { .. } => "status_list",
            Self::Verify { .. } => "verify",
            Self::Register => "register",
            Self::ReadRegistration { .. } => "read_registration",
            Self::ReplaceRegistration { .. } => "replace_registration",
            Self::DeleteRegistration { .. } => "delete_registration",
            Self::Jwks => "jwks",
            Self::Metadata => "metadata",
            Self::ResourceMetadata => "resource_metadata",
            Self::OwnResourceMetadata => "own_resource_metadata",
            Self::LoginPage => "login_page",
            Self::Login => "login",
            Self::LoginCallback { .. } => "login_callback",
            Self::LogoutPage => "logout_page",
            Self::Logout => "logout",
            Self::AccountApps => "account_apps",
            Self::AccountAppsConfirm(_) => "account_apps_confirm",
            Self::AccountAppsRevoke(_) => "account_apps_revoke",
            Self::ConnectedApps => "connected_apps",
            Self::RevokeConnectedApps => "revoke_connected_apps",
            Self::RevokeConnectedApp { .. } => "revoke_connected_app",
            Self::AccountActivity => "account_activity",
            Self::Activity => "activity",
            Self::AccountSessions => "account_sessions",
            Self::AccountSessionsEnd { .. } => "account_sessions_end",
            Self::SignOutEverywherePage => "sign_out_everywhere_page",
            Self::SignOutEverywhere => "sign_out_everywhere",
            Self::Sessions => "sessions",
            Self::EndSessions => "end_sessions",
            Self::EndSession { .. } => "end_session",
            Self::Home => "home",
            Self::Asset { .. } => "asset",
            Self::Logo { .. } => "logo",
            Self::Health => "health",
            Self::OpenApi => "openapi_document",
            Self::ApiDocs => "api_docs",
            Self::ApiDocsOf { .. } => "api_docs_of",
            Self::Managed(managed) => managed.entry.name,
            Self::ManagedByOtherMethod => "method_not_allowed",
            Self::Preflight => "preflight",
            Self::MethodNotAllowed { .. } => "method_not_allowed",
            Self::NotFound => "not_found",
        }
    }
}

/// Finds what a request is for. `HEAD` counts as `GET`, except where a `GET` may decide something or sign somebody in:
/// programs that look at links ahead of people must not use them up.
pub fn route<'a>(method: &str, path: &'a str) -> Route<'a> {
    let exact = method;
    let method = if method == "HEAD" { "GET" } else { method };
    match path {
        AUTHORIZE => only(
            exact,
            &[("GET", Route::Authorize), ("POST", Route::Authorize)],
            "GET, POST",
        ),
        CONSENT => only(
            exact,
            &[("GET", Route::ConsentPage), ("POST", Route::ConsentDecision)],
            "GET, POST",
        ),
        TOKEN => only(method, &[("POST", Route::Token), PREFLIGHT], "POST, OPTIONS"),
        PAR => only(method, &[("POST", Route::PushedRequest), PREFLIGHT], "POST, OPTIONS"),
        REVOKE => only(method, &[("POST", Route::Revoke), PREFLIGHT], "POST, OPTIONS"),
        INTROSPECT => only(method, &[("POST", Route::Introspect)], "POST"),
        STATUS_LISTS => only(method, &[("GET", Route::StatusLists), PREFLIGHT], "GET, HEAD, OPTIONS"),
        VERIFY => Route::Verify { path: None },
        REGISTER => only(method, &[("POST", Route::Register), PREFLIGHT], "POST, OPTIONS"),
        JWKS => only(method, &[("GET", Route::Jwks), PREFLIGHT], "GET, HEAD, OPTIONS"),
        METADATA => only(method, &[("GET", Route::Metadata), PREFLIGHT], "GET, HEAD, OPTIONS"),
        RESOURCE_METADATA => only(
            method,
            &[("GET", Route::ResourceMetadata), PREFLIGHT],
            "GET, HEAD, OPTIONS",
        ),
        OWN_RESOURCE_METADATA => only(
            method,
            &[("GET", Route::OwnResourceMetadata), PREFLIGHT],
            "GET, HEAD, OPTIONS",
        ),
        LOGIN => only(
            method,
            &[("GET", Route::LoginPage), ("POST", Route::Login)],
            "GET, HEAD, POST",
        ),
        LOGOUT => only(
            method,
            &[("GET", Route::LogoutPage), ("POST", Route::Logout)],
            "GET, HEAD, POST",
        ),
        ACCOUNT_APPS => only(method, &[("GET", Route::AccountApps)], "GET, HEAD"),
        ACCOUNT_ACTIVITY => only(method, &[("GET", Route::AccountActivity)], "GET, HEAD"),
        ACTIVITY => only(method, &[("GET", Route::Activity)], "GET, HEAD"),
        ACCOUNT_SESSIONS => only(method, &[("GET", Route::AccountSessions)], "GET, HEAD"),
        ACCOUNT_SESSIONS_END => only(
            method,
            &[
                ("GET", Route::SignOutEverywherePage),
                ("POST", Route::SignOutEverywhere),
            ],
            "GET, HEAD, POST",
        ),
        REVOKE_CONNECTED_APP => revoking(method, RevokeTarget::App),
        REVOKE_EVERYTHING => revoking(method, RevokeTarget::Everything),
        CONNECTED_APPS => only(
            method,
            &[("GET", Route::ConnectedApps), ("DELETE", Route::RevokeConnectedApps)],
            "GET, HEAD, DELETE",
        ),
        SESSIONS => only(
            method,
            &[("GET", Route::Sessions), ("DELETE", Route::EndSessions)],
            "GET, HEAD, DELETE",
        ),
        "/" => only(method, &[("GET", Route::Home)], "GET, HEAD"),
        "/healthz" => only(method, &[("GET", Route::Health)], "GET, HEAD"),
        OPENAPI => only(method, &[("GET", Route::OpenApi), PREFLIGHT], "GET, HEAD, OPTIONS"),
        API_DOCS => only(method, &[("GET", Route::ApiDocs)], "GET, HEAD"),
        _ => nested(method, exact, path),
    }
}

/// The largest body, in bytes, that is read of a request: one with a picture in it may be larger than others.
pub fn body_limit(method: &str, path: &str) -> usize {
    match management::find(method, path) {
        Lookup::Found(managed) if managed.entry.area.takes_a_picture() => MAX_PICTURE_BODY,
        Lookup::Found(managed) if managed.entry.area.takes_a_document() => MAX_DOCUMENT_BODY,
        _ => MAX_BODY,
    }
}

/// An OpenAPI document, or the route rules of an API as a form encodes them.
const MAX_DOCUMENT_BODY: usize = 1024 * 1024;
/// A picture, and what a form has around it.
const MAX_PICTURE_BODY: usize = picture::MAX_BYTES + 4096;

fn revoking<'a>(method: &str, target: RevokeTarget<'a>) -> Route<'a> {
    only(
        method,
        &[
            ("GET", Route::AccountAppsConfirm(target)),
            ("POST", Route::AccountAppsRevoke(target)),
        ],
        "GET, HEAD, POST",
    )
}

const PREFLIGHT: (&str, Route<'_>) = ("OPTIONS", Route::Preflight);

fn nested<'a>(method: &str, exact: &str, path: &'a str) -> Route<'a> {
    let under = |parent: &str| {
        path.strip_prefix(parent)?
            .strip_prefix('/')
            .filter(|rest| !rest.is_empty())
    };
    if let Some(request_id) = under(CONSENT_REQUESTS).filter(|rest| !rest.contains('/')) {
        let routes = [
            ("GET", Route::ConsentRequest { request_id }),
            ("POST", Route::DecideConsentRequest { request_id }),
        ];
        return only(method, &routes, "GET, HEAD, POST");
    }
    if let Some(region) = under(REVOCATIONS).filter(|rest| !rest.contains('/')) {
        let routes = [("GET", Route::Revocations { region }), PREFLIGHT];
        return only(method, &routes, "GET, HEAD, OPTIONS");
    }
    if let Some((shard, period)) = under(STATUS_LISTS).and_then(|rest| rest.split_once('/'))
        && !shard.is_empty()
        && !period.is_empty()
        && !period.contains('/')
    {
        let routes = [("GET", Route::StatusList { shard, period }), PREFLIGHT];
        return only(method, &routes, "GET, HEAD, OPTIONS");
    }
    if let Some(path) = path.strip_prefix(VERIFY).filter(|path| path.starts_with('/')) {
        return Route::Verify { path: Some(path) };
    }
    if let Some(client_id) = under(REGISTER).filter(|rest| !rest.contains('/')) {
        let routes = [
            ("GET", Route::ReadRegistration { client_id }),
            ("PUT", Route::ReplaceRegistration { client_id }),
            ("DELETE", Route::DeleteRegistration { client_id }),
            PREFLIGHT,
        ];
        return only(method, &routes, "GET, HEAD, PUT, DELETE, OPTIONS");
    }
    if let Some(consent_id) = under(CONNECTED_APPS).filter(|rest| !rest.contains('/')) {
        return only(
            method,
            &[("DELETE", Route::RevokeConnectedApp { consent_id })],
            "DELETE",
        );
    }
    if let Some(session_id) = under(SESSIONS).filter(|rest| !rest.contains('/')) {
        return only(method, &[("DELETE", Route::EndSession { session_id })], "DELETE");
    }
    // One segment, and what to do with it.
    let under_with = |parent: &str, suffix: &str| {
        let id = under(parent)?.strip_suffix(suffix)?;
        (!id.is_empty() && !id.contains('/')).then_some(id)
    };
    if let Some(session_id) = under_with(ACCOUNT_SESSIONS, "/end") {
        return only(method, &[("POST", Route::AccountSessionsEnd { session_id })], "POST");
    }
    if let Some(consent_id) = under_with(ACCOUNT_APPS, "/revoke") {
        return revoking(method, RevokeTarget::Consent(consent_id));
    }
    if let Some(connection) = under(LOGIN_CALLBACK).filter(|rest| !rest.contains('/')) {
        return only(exact, &[("GET", Route::LoginCallback { connection })], "GET");
    }
    if let Some(name) = under("/assets") {
        return only(method, &[("GET", Route::Asset { name })], "GET, HEAD");
    }
    if let Some(tag) = under(API_DOCS).filter(|rest| !rest.contains('/')) {
        return only(method, &[("GET", Route::ApiDocsOf { tag })], "GET, HEAD");
    }
    if let Some(name) = under(LOGOS) {
        return only(method, &[("GET", Route::Logo { name })], "GET, HEAD");
    }
    match management::find(method, path) {
        Lookup::Found(managed) => Route::Managed(managed),
        Lookup::OtherMethod => Route::ManagedByOtherMethod,
        Lookup::Nothing => Route::NotFound,
    }
}

fn only<'a>(method: &str, routes: &[(&str, Route<'a>)], allow: &'static str) -> Route<'a> {
    let found = routes.iter().find(|(name, _)| *name == method);
    found.map_or(Route::MethodNotAllowed { allow }, |(_, route)| *route)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Covers: R48
    #[test]
    fn each_path_has_its_methods_and_names_them_to_others() {
        assert_eq!(route("POST", "/oauth/token"), Route::Token);
        assert_eq!(
            route("GET", "/oauth/token"),
            Route::MethodNotAllowed { allow: "POST, OPTIONS" }
        );
        assert_eq!(route("HEAD", "/login"), Route::LoginPage);
        assert_eq!(
            route("OPTIONS", "/oauth/authorize"),
            Route::MethodNotAllowed { allow: "GET, POST" }
        );
    }

    #[test]
    fn a_look_at_a_link_decides_nothing_and_signs_nobody_in() {
        for (path, allow) in [
            (AUTHORIZE, "GET, POST"),
            (CONSENT, "GET, POST"),
            ("/login/callback/con_a", "GET"),
        ] {
            assert_eq!(route("HEAD", path), Route::MethodNotAllowed { allow }, "{path}");
        }
    }

    #[test]
    fn a_consent_or_a_session_is_named_by_exactly_one_segment() {
        assert_eq!(
            route("DELETE", "/api/user/connected-apps/cns_a"),
            Route::RevokeConnectedApp { consent_id: "cns_a" }
        );
        assert_eq!(
            route("POST", "/account/apps/cns_a/revoke"),
            Route::AccountAppsRevoke(RevokeTarget::Consent("cns_a"))
        );
        assert_eq!(
            route("DELETE", "/api/user/sessions/ses_a"),
            Route::EndSession { session_id: "ses_a" }
        );
        assert_eq!(route("DELETE", "/api/user/sessions"), Route::EndSessions);
        for path in [
            "/api/oauth/consent",
            "/api/oauth/consent/",
            "/api/oauth/consent/a/b",
            "/api/user/connected-apps/",
            "/api/user/connected-apps/a/b",
            "/account/apps//revoke",
            "/account/apps/a/b/revoke",
            "/account/sessions//end",
            "/account/sessions/a/b/end",
            "/api/user/sessions/",
            "/api/user/sessions/a/b",
        ] {
            assert_eq!(route("DELETE", path), Route::NotFound, "{path}");
        }
    }

    #[test]
    fn a_status_list_is_named_by_exactly_two_segments() {
        let found = Route::StatusList {
            shard: "770",
            period: "12",
        };
        assert_eq!(route("GET", "/oauth/status-lists/770/12"), found);
        assert_eq!(route("GET", "/oauth/status-lists"), Route::StatusLists);
        let refused = Route::MethodNotAllowed {
            allow: "GET, HEAD, OPTIONS",
        };
        assert_eq!(route("POST", "/oauth/status-lists/770/12"), refused);
        for path in ["/", "/770", "/770/", "//12", "/770/12/", "/770/12/1"] {
            assert_eq!(
                route("GET", &format!("/oauth/status-lists{path}")),
                Route::NotFound,
                "{path}"
            );
        }
    }

    #[test]
    fn an_answer_comes_back_to_one_connection() {
        let found = Route::LoginCallback { connection: "con_a" };
        assert_eq!(route("GET", "/login/callback/con_a"), found);
        let refused = Route::MethodNotAllowed { allow: "GET" };
        assert_eq!(route("POST", "/login/callback/con_a"), refused);
        for path in ["/login/callback", "/login/callback/", "/login/callback/a/b"] {
            assert_eq!(route("GET", path), Route::NotFound, "{path}");
        }
    }

    #[test]
    fn anything_else_is_not_found() {
        for path in [
            "",
            "//",
            "/oauth",
            "/oauth/token/",
            "/OAUTH/TOKEN",
            "/oauth/userinfo",
            "/.well-known/openid-configuration",
            "/login/x",
            "/assets",
            "/assets/",
        ] {
            assert_eq!(route("GET", path), Route::NotFound, "{path}");
        }
    }
}
