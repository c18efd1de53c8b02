//! The portal, the console and their APIs: whole requests over the real statements, in SQLite.

mod accounts;
mod app_pages;
mod apps;
mod audit_trail;
mod callers;
mod claims;
mod credentials;
mod document_preview;
mod escape;
mod every_route;
mod help;
mod limits;
mod logos;
mod meanwhile;
mod members;
mod neighbours;
mod notices;
mod organizations;
mod outside_parties;
mod people;
mod policy;
mod review_limits;
mod review_pages;
mod reviews;
mod self_registered;
mod usage;

use serde_json::Value;

use super::*;

/// Who is there: alice owns `dev_north` and ben is a member of it, carol owns `dev_south`, rita reviews, ada
/// administers, dave is nobody yet. One API with four scopes, one of them sensitive, and a second that is not public.
const PEOPLE: &str = "
INSERT INTO users (id, username, name, created_at) VALUES
  ('usr_alice', 'alice', 'Alice Archer', 1), ('usr_ben', 'ben', 'Ben Okafor', 2), ('usr_carol', 'carol', 'Carol Diaz', 3),
  ('usr_dave', 'dave', 'Dave Young', 4), ('usr_rita', 'rita', 'Rita Lindqvist', 5), ('usr_ada', 'ada', 'Ada Moore', 6);
INSERT INTO user_roles (user_id, role) VALUES ('usr_rita', 'reviewer'), ('usr_ada', 'administrator');
INSERT INTO developers (id, name, created_at) VALUES ('dev_north', 'Northwind Labs', 1), ('dev_south', 'Southgate Tools', 2);
INSERT INTO developer_members (developer_id, user_id, role) VALUES
  ('dev_north', 'usr_alice', 'owner'), ('dev_north', 'usr_ben', 'member'), ('dev_south', 'usr_carol', 'owner');
INSERT INTO apis (id, resource, name, created_at, is_public) VALUES
  ('api_projects', 'https://api.example', 'Projects API', 1, 1), ('api_inner', 'https://inner.example', 'Inner API', 2, 0);
INSERT INTO scopes (name, api_id, title, description, sensitive, position) VALUES
  ('read:profile', 'api_projects', 'Read user profile', 'View your profile', 0, 1),
  ('read:projects', 'api_projects', 'Read projects', 'View your projects', 0, 2),
  ('write:projects', 'api_projects', 'Manage projects', 'Change your projects', 1, 3),
  ('read:team', 'api_projects', 'Read team data', 'View your team', 0, 4),
  ('inner:all', 'api_inner', 'Inner', 'Everything inside', 0, 1);
INSERT INTO client_grants (client_id, api_id, subject_type, access) VALUES ('*', 'api_projects', 'user', 'all');
";

/// A server whose directory holds [`PEOPLE`].
pub fn portal() -> Server {
    let server = Server::new();
    server.stores.database.run(PEOPLE);
    let users = server
        .stores
        .database
        .column("SELECT id || ' ' || username || ' ' || name FROM users");
    *server.stores.users.borrow_mut() = users
        .iter()
        .filter_map(|user| {
            let mut words = user.as_str()?.splitn(3, ' ').map(str::to_owned);
            Some(crate::store::User {
                id: words.next()?,
                username: words.next()?,
                name: words.next()?,
            })
        })
        .collect();
    server
}

/// Somebody of them, signed in.
pub fn signed_in(server: &Server, username: &str) -> Browser {
    let mut browser = Browser::default();
    browser.sign_in(server, "/login?continue=%2Faccount%2Fapps", username);
    browser
}

/// A JSON request from a page of ours.
pub fn call(method: &str, target: &str, body: &Value) -> Request {
    let mut request = form_request(target, "");
    request.method = method.into();
    request.headers.insert("content-type".into(), "application/json".into());
    request.body = match body {
        Value::Null => Body::default(),
        body => Body::Bytes(body.to_string().into_bytes()),
    };
    request
}

/// The same request with a header field.
pub fn with_header(mut request: Request, name: &str, value: &str) -> Request {
    request.headers.insert(name.into(), value.into());
    request
}

/// What a problem document says: the status, the error code, and every field with its message.
pub fn problem(reply: &Reply) -> (u16, String, Vec<String>) {
    assert_eq!(
        reply.header_value("Content-Type"),
        Some("application/problem+json"),
        "{reply:?}"
    );
    let body = json(reply);
    assert_eq!(body["status"], reply.status);
    assert_eq!(body["message"], body["detail"]);
    let errors = body["errors"].as_array().into_iter().flatten();
    let fields = errors.map(|error| error["detail"].as_str().unwrap().to_owned());
    (
        reply.status,
        body["error"].as_str().unwrap().to_owned(),
        fields.collect(),
    )
}

/// The events of the audit trail, oldest first.
pub fn audit(server: &Server) -> Vec<Value> {
    server
        .stores
        .database
        .column("SELECT event || ' ' || actor_id || ' ' || target_id FROM audit ORDER BY seq")
}
