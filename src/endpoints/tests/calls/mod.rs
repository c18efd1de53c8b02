//! Calls to APIs, as the faces of the guard answer for them.

mod counted;
mod gateway;
mod keys;
mod limits;
mod proxies;
mod tokens;

use serde_json::{Value, json as value};

use super::*;
use crate::crypto::from_base64url;
use crate::store::ApiCredential;

const API: &str = "https://api.example";
const BILLING: &str = "https://billing.example/v1";

/// A server with the APIs of the apps' records, guarded, and a credential of each.
fn guard() -> Server {
    let mut server = server_with_api();
    let billing = ApiCredential {
        secret_hash: crate::crypto::hash("lka_two"),
        resource: BILLING.into(),
    };
    server.stores.credentials.insert("apc_two".into(), billing);
    let rules = value!([
        { "methods": ["GET"], "path": "/v1/projects", "scopes": ["read:projects"] },
        { "methods": ["GET"], "path": "/v1/projects/{id}", "scopes": ["read:projects"] },
        { "methods": ["POST"], "path": "/v1/projects", "scopes": ["read:projects", "write:projects"] },
        { "path": "/v1/me", "scopes": [] },
        { "methods": ["GET"], "path": "/v1/status", "public": true }
    ]);
    let billing = value!([{ "path": "/v1/*", "scopes": ["read:billing"] }]);
    for (id, resource, rules) in [("api_one", API, rules), ("api_two", BILLING, billing)] {
        server.stores.database.run(&format!(
            "INSERT INTO apis (id, resource, name, created_at, route_rules) VALUES ('{id}', '{resource}', '{id}', 0, '{rules}')"
        ));
    }
    server
}

/// A question of the proxy in front of the first API about a call.
struct Question(Request);

fn call(method: &str, target: &str) -> Question {
    let basic = |id_and_secret: &str| {
        use base64::Engine;
        let encoded = base64::engine::general_purpose::STANDARD.encode(id_and_secret);
        format!("Basic {encoded}")
    };
    Question(get_request("/oauth/verify"))
        .with("latchkey-authorization", &basic("apc_one:lka_one"))
        .with("x-original-method", method)
        .with("x-original-uri", target)
}

/// A browser of some site asks before it makes a call.
fn preflight(method: &str, target: &str) -> Question {
    call("OPTIONS", target)
        .with("origin", "https://site.example")
        .with("access-control-request-method", method)
}

impl Question {
    fn with(mut self, name: &str, text: &str) -> Self {
        self.0.headers.insert(name.into(), text.into());
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.0.headers.remove(name);
        self
    }

    fn bearer(self, token: &str) -> Self {
        self.with("authorization", &format!("Bearer {token}"))
    }

    fn of_billing(self) -> Self {
        self.with("latchkey-authorization", "Basic YXBjX3R3bzpsa2FfdHdv")
    }

    fn ask(&self, server: &Server) -> Reply {
        server.send(&self.0)
    }
}

fn told<'a>(reply: &'a Reply, header: &str) -> &'a str {
    reply.header_value(header).unwrap_or_default()
}

/// Status, error and reason.
fn refused(reply: &Reply) -> (u16, String, String) {
    let body = json(reply);
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    (reply.status, text("error"), text("reason"))
}

fn no(status: u16, code: &str, reason: &str) -> (u16, String, String) {
    (status, code.into(), reason.into())
}

fn claims(jwt: &str) -> Value {
    serde_json::from_slice(&from_base64url(jwt.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

/// Access and refresh token that alice gave `app_one` for these scopes.
fn connect(server: &Server, scope: &str) -> (String, String) {
    let mut browser = Browser::default();
    let link = authorize_link("app_one", "&prompt=consent").replace("scope=read:projects", &format!("scope={scope}"));
    let page = browser.consent_page(server, &link);
    let code = returned(&browser.decide(server, &page, "allow"))["code"].clone();
    let tokens = json(&server.post("/oauth/token", &redemption(&code)));
    let text = |name: &str| tokens[name].as_str().unwrap_or_else(|| panic!("{tokens}")).to_owned();
    (text("access_token"), text("refresh_token"))
}

fn revoke(server: &Server, token: &str) {
    let reply = server.post("/oauth/revoke", &format!("client_id=app_one&token={token}"));
    assert_eq!(reply.status, 200, "{reply:?}");
}
