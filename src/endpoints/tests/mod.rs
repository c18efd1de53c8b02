//! Whole requests over storage in memory, at any time and with storage failing at will.

mod activity;
mod authorization;
mod calls;
mod client_keys;
mod connected_apps;
mod connections;
mod consent;
mod consent_api;
mod cross_app_access;
mod languages;
mod limits;
mod logos;
mod logs;
mod management;
mod metadata_documents;
mod proofs;
mod protected_resources;
mod registration;
mod retries;
mod revocations;
mod sessions;
mod signing;
mod status_lists;
mod tokens;
mod usage;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use super::*;
use crate::config::{Config, testing::config};
use crate::http::Body;
use crate::log::Answered;
use crate::looks::Looks;
use crate::management::policy::branding::Branding;
use crate::oauth::client::testing::{confidential_app, public_app};
use crate::oauth::pkce::testing::{CHALLENGE, VERIFIER};
use crate::random::testing::Seeded;
use crate::store::memory::Memory;
use crate::time::Timestamp;
use crate::usage::Buffer;

const ISSUER: &str = "http://localhost:8787";

/// A server in memory with one public app (`app_one`) and one confidential app (`app_two`).
struct Server {
    config: Config,
    random: Seeded,
    now: Cell<Timestamp>,
    stores: Memory,
    /// What was written to the log.
    lines: RefCell<Vec<String>>,
    /// What was counted.
    usage: RefCell<Buffer>,
}

/// What a user agent keeps.
#[derive(Clone, Default)]
struct Browser {
    cookies: BTreeMap<String, String>,
}

impl Server {
    fn new() -> Self {
        let stores = Memory::default();
        for app in [public_app(), confidential_app()] {
            stores.apps.borrow_mut().insert(app.client_id.clone(), app);
        }
        Self {
            config: config(),
            random: Seeded::new(1),
            now: Cell::new(Timestamp(1_000_000)),
            stores,
            lines: RefCell::default(),
            usage: RefCell::default(),
        }
    }

    fn pass(&self, milliseconds: i64) {
        self.now.set(Timestamp(self.now.get().0 + milliseconds));
        self.stores.now.set(self.now.get());
    }

    fn context<'a>(&'a self, log: &'a Log) -> Context<'a, Memory> {
        Context {
            config: &self.config,
            now: self.now.get(),
            random: &self.random,
            continent: Some("EU"),
            country: Some("DE"),
            language: Language::ENGLISH,
            log,
            looks: &self.config.looks,
            stores: &self.stores,
        }
    }

    fn send(&self, request: &Request) -> Reply {
        let log = Log::new(&self.random);
        let looks = self.looks();
        let context = Context {
            looks: &looks,
            ..self.context(&log)
        };
        let reply = pollster::block_on(dispatch(&context, request));
        let route = router::route(&request.method, &request.path).name();
        let noted = log.usage().take();
        let answered = usage_of(route, &log, self.now.get());
        self.usage.borrow_mut().add(noted, answered);
        self.lines.borrow_mut().push(log.line(Answered {
            method: &request.method,
            route,
            status: reply.status,
            error: reply.error,
            duration_ms: 0,
        }));
        reply
    }

    /// How pages look: read anew for every request.
    fn looks(&self) -> Looks {
        let set = self
            .stores
            .database
            .column_if_made("SELECT value FROM settings WHERE name = 'branding'");
        let set: Option<Branding> = set
            .first()
            .map(|set| serde_json::from_str(set.as_str().unwrap()).unwrap());
        set.unwrap_or_default().over(&self.config.looks)
    }

    fn post(&self, path: &str, form: &str) -> Reply {
        self.send(&form_request(path, form))
    }

    fn trips(&self) -> Vec<&'static str> {
        self.stores.trips.take()
    }
}

/// A server with an API that introspects.
fn server_with_api() -> Server {
    let mut server = Server::new();
    let credential = crate::store::ApiCredential {
        secret_hash: crate::crypto::hash("lka_one"),
        resource: "https://api.example".into(),
    };
    server.stores.credentials.insert("apc_one".into(), credential);
    server
}

impl Browser {
    fn send(&mut self, server: &Server, mut request: Request) -> Reply {
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        request.headers.insert("cookie".into(), cookies.join("; "));
        let reply = server.send(&request);
        for (_, cookie) in reply.headers.iter().filter(|(name, _)| *name == "Set-Cookie") {
            let (name, rest) = cookie.split_once('=').unwrap();
            self.cookies.insert(name.into(), rest.split(';').next().unwrap().into());
        }
        reply
    }

    fn get(&mut self, server: &Server, target: &str) -> Reply {
        self.send(server, get_request(target))
    }

    /// Signs in and follows the redirect.
    fn sign_in(&mut self, server: &Server, login: &str, username: &str) -> Reply {
        let page = self.get(server, login);
        let form = format!("csrf={}&username={username}", hidden(&page, "csrf"));
        let reply = self.send(server, form_request(login, &form));
        assert_eq!(reply.status, 303, "{reply:?}");
        let next = reply.header_value("Location").unwrap().to_owned();
        self.get(server, &next)
    }

    /// From the app's link to the consent page, signed in as alice.
    fn consent_page(&mut self, server: &Server, link: &str) -> Reply {
        let login = location(&self.get(server, link));
        self.sign_in(server, &login, "alice")
    }

    fn decide(&mut self, server: &Server, page: &Reply, decision: &str) -> Reply {
        let form = format!("request={}&decision={decision}", hidden(page, "request"));
        self.send(server, form_request("/oauth/consent", &form))
    }
}

fn usage_of<'a>(route: &'static str, log: &'a Log, at: Timestamp) -> crate::usage::Request<'a> {
    crate::usage::Request {
        route,
        id: log.request_id(),
        at,
    }
}

fn get_request(target: &str) -> Request {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Request {
        method: "GET".into(),
        host: "localhost".into(),
        path: path.into(),
        query: query.into(),
        ..Request::default()
    }
}

fn form_request(target: &str, form: &str) -> Request {
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("origin", ISSUER),
    ];
    Request {
        method: "POST".into(),
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        body: Body::Bytes(form.as_bytes().to_vec()),
        ..get_request(target)
    }
}

fn authorize_link(client_id: &str, more: &str) -> String {
    format!(
        "/oauth/authorize?response_type=code&client_id={client_id}&redirect_uri=https%3A%2F%2Fapp.example%2Fcallback\
         &scope=read:projects&state=xyz&code_challenge={CHALLENGE}&code_challenge_method=S256{more}"
    )
}

fn location(reply: &Reply) -> String {
    assert_eq!(reply.status, 303, "{reply:?}");
    reply.header_value("Location").unwrap().to_owned()
}

/// The parameters of a redirect to the app.
fn returned(reply: &Reply) -> BTreeMap<String, String> {
    let url = url::Url::parse(&location(reply)).unwrap();
    assert_eq!(&url[..url::Position::AfterPath], "https://app.example/callback");
    url.query_pairs().into_owned().collect()
}

fn hidden(page: &Reply, name: &str) -> String {
    let from = page.body.split(&format!("name=\"{name}\" value=\"")).nth(1);
    from.unwrap_or_else(|| panic!("no {name} in {page:?}"))
        .split('"')
        .next()
        .unwrap()
        .to_owned()
}

/// Where the one button of a page leads: a link, for no form is there.
fn way_on(reply: &Reply) -> String {
    assert!(!reply.body.contains("<form"), "{reply:?}");
    let from = reply.body.split("<a class=\"button primary\" href=\"").nth(1);
    let address = from.unwrap_or_else(|| panic!("no link in {reply:?}")).split('"').next();
    address.unwrap().replace("&#38;", "&").replace("&amp;", "&")
}

fn json(reply: &Reply) -> serde_json::Value {
    serde_json::from_str(&reply.body).unwrap()
}

/// A code for `client_id`, fresh from the consent page.
fn code(server: &Server, client_id: &str) -> String {
    let mut browser = Browser::default();
    let page = browser.consent_page(server, &authorize_link(client_id, ""));
    returned(&browser.decide(server, &page, "allow"))["code"].clone()
}

fn redemption(code: &str) -> String {
    format!("grant_type=authorization_code&client_id=app_one&code={code}&code_verifier={VERIFIER}")
}
