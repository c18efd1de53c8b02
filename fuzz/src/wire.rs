//! What comes in by HTTP.

use std::collections::BTreeMap;

use latchkey::http::{Body, Params, Request, SESSION_COOKIE, percent_encoded};
use latchkey::oauth::client_authentication::PresentedClient;
use latchkey::router::{self, RevokeTarget, Route};

use crate::text;

fn request(name: &str, value: &str, body: &[u8]) -> Request {
    Request {
        method: "POST".into(),
        headers: BTreeMap::from([(name.to_owned(), value.to_owned())]),
        body: Body::Bytes(body.to_vec()),
        ..Request::default()
    }
}

/// Written out again and read, parameters are the same; a parameter is one, repeated, or absent, never two of it.
fn holds_for(params: &Params) {
    let pairs: Vec<String> = params
        .iter()
        .map(|(name, value)| format!("{}={}", percent_encoded(name), percent_encoded(value)))
        .collect();
    let again = Params::parse(pairs.join("&").as_bytes()).expect("what was read can be written");
    assert!(again.iter().eq(params.iter()));
    for (name, value) in params.iter() {
        assert!(!value.is_empty());
        match params.one(name) {
            Ok(one) => assert_eq!(one, Some(value)),
            Err(_) => assert!(params.all(name).len() > 1 && params.repeated(&[]).is_some()),
        }
    }
}

pub fn form(data: &[u8]) {
    if let Ok(params) = request("content-type", "application/x-www-form-urlencoded", data).form() {
        holds_for(&params);
    }
    // The first line as a content type, the rest as the body: only the form's own type is read.
    let (content_type, body) = text(data).split_once('\n').unwrap_or_default();
    if request("content-type", content_type, body.as_bytes()).form().is_ok() {
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        assert!(media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded"));
    }
}

pub fn query(data: &[u8]) {
    let request = Request {
        query: text(data).to_owned(),
        ..Request::default()
    };
    let Ok(params) = request.query_params() else { return };
    assert!(data.len() <= latchkey::http::MAX_QUERY);
    holds_for(&params);
}

pub fn cookie(data: &[u8]) {
    let header = text(data);
    let Some(value) = latchkey::http::cookie(&request("cookie", header, b""), SESSION_COOKIE).map(str::to_owned) else {
        return;
    };
    assert!(!value.is_empty() && !value.contains(';'));
    let values = header
        .split(';')
        .filter_map(|pair| pair.trim().strip_prefix(SESSION_COOKIE)?.strip_prefix('='));
    assert!(values.filter(|value| !value.is_empty()).eq([value.as_str()]));
    // Planted a second time it counts for nothing, in front or behind.
    for planted in [
        format!("{header}; {SESSION_COOKIE}=planted"),
        format!("{SESSION_COOKIE}=planted; {header}"),
    ] {
        assert_eq!(
            latchkey::http::cookie(&request("cookie", &planted, b""), SESSION_COOKIE),
            None
        );
    }
}

pub fn basic_header(data: &[u8]) {
    let (header, body) = text(data).split_once('\n').unwrap_or((text(data), ""));
    let Ok(form) = Params::parse(body.as_bytes()) else {
        return;
    };
    let Ok(client) = PresentedClient::from_request(&request("authorization", header, b""), &form) else {
        return;
    };
    // Whoever used the header used nothing else: no secret and no other name in the body.
    assert!(
        header
            .get(..6)
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case("basic "))
    );
    assert!(form.all("client_secret").is_empty());
    assert!(form.all("client_id").iter().all(|id| *id == client.client_id));
}

pub fn route(data: &[u8]) {
    let (method, path) = text(data).split_once(' ').unwrap_or(("GET", text(data)));
    match router::route(method, path) {
        Route::RevokeConnectedApp { consent_id } => {
            assert_eq!(method, "DELETE");
            assert_eq!(path, format!("{}/{consent_id}", router::CONNECTED_APPS));
            assert!(!consent_id.is_empty() && !consent_id.contains('/'));
        }
        Route::AccountAppsRevoke(RevokeTarget::Consent(consent_id)) => {
            assert_eq!(method, "POST");
            assert_eq!(path, format!("{}/{consent_id}/revoke", router::ACCOUNT_APPS));
            assert!(!consent_id.is_empty() && !consent_id.contains('/'));
        }
        // What stands behind is the path of somebody else's call.
        Route::Verify { path: behind } => assert_eq!(path, format!("{}{}", router::VERIFY, behind.unwrap_or_default())),
        Route::LoginCallback { connection } => {
            assert_eq!(method, "GET");
            assert_eq!(path, format!("{}/{connection}", router::LOGIN_CALLBACK));
            assert!(!connection.is_empty() && !connection.contains('/'));
        }
        Route::Asset { name } => assert_eq!(path, format!("/assets/{name}")),
        Route::Logo { name } => assert_eq!(path, format!("{}/{name}", router::LOGOS)),
        Route::MethodNotAllowed { allow } => assert!(!allow.split(", ").any(|allowed| allowed == method)),
        // Every other path is written in one way only.
        Route::NotFound => assert!(!["/", "/login", "/oauth/token"].contains(&path)),
        _ => assert!(path == "/" || !path.ends_with('/')),
    }
}

/// Text that is JSON reads as what it says; nothing else reads.
pub fn json(data: &[u8]) {
    #[derive(serde::Deserialize, serde::Serialize, PartialEq, Debug)]
    #[serde(rename_all = "snake_case")]
    enum Shape {
        Unit,
        Pair(u8, String),
        Members { inner: Option<i64>, more: Vec<Shape> },
    }
    if let Ok(shape) = latchkey::json::from_slice::<Shape>(data) {
        let written = serde_json::to_string(&shape).expect("what was read can be written");
        assert_eq!(
            latchkey::json::from_str::<Shape>(&written).expect("it reads back"),
            shape
        );
    }
}
