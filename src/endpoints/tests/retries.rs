//! Ways on from pages that say something did not work. Browsers hold a form to `form-action` through every redirect,
//! so whatever may lead to where people sign in, or to an app, must not begin with a form that is held to this origin.

use super::*;
use crate::store::memory::Fault;

fn has_form_action(reply: &Reply) -> bool {
    reply
        .header_value("Content-Security-Policy")
        .unwrap()
        .contains("form-action")
}

#[test]
fn with_storage_down_a_page_is_opened_once_more_by_a_link() {
    let server = Server::new();
    let mut browser = Browser::default();
    browser.sign_in(&server, "/login", "alice");
    for (address, part) in [
        ("/account/apps", "sessions"),
        ("/account/apps", "consents"),
        ("/account/sessions", "sessions"),
        ("/account/activity", "sessions"),
        ("/account/activity", "database"),
        ("/account/sessions/end", "sessions"),
        ("/logout", "sessions"),
        ("/login?continue=%2Faccount%2Fsessions", "connections"),
    ] {
        server.stores.plan(&[Fault::Before(part)]);
        let down = browser.get(&server, address);
        assert_eq!((down.status, way_on(&down).as_str()), (503, address), "{part}");
    }
}

#[test]
fn with_storage_down_an_apps_request_is_opened_once_more_by_a_link() {
    let server = Server::new();
    let mut browser = Browser::default();
    browser.sign_in(&server, "/login", "alice");
    let here = location(&browser.get(&server, &authorize_link("app_one", "")));
    server.stores.plan(&[Fault::Before("consents")]);
    let down = browser.get(&server, &here);
    assert_eq!((down.status, way_on(&down)), (503, here));
    server.stores.plan(&[Fault::Before("consents"), Fault::Before("apps")]);
    let down = browser.get(&server, &authorize_link("app_one", "&nonce=a%26b"));
    assert_eq!(down.status, 503);
    let again = way_on(&down);
    assert!(
        again.starts_with("/oauth/authorize?") && again.contains("&nonce=a%26b&"),
        "{again}"
    );
    assert!(location(&browser.get(&server, &again)).contains("request_id="));
}

// Rule: UI 9
#[test]
fn a_button_that_is_pressed_after_the_session_is_over_leads_to_a_page_and_not_elsewhere() {
    let server = Server::new();
    for (action, back) in [
        ("/account/apps/cns_a/revoke", "%2Faccount%2Fapps"),
        ("/account/apps/revoke", "%2Faccount%2Fapps"),
        ("/account/apps/revoke-all", "%2Faccount%2Fapps"),
        ("/account/sessions/ses_a/end", "%2Faccount%2Fsessions"),
        ("/account/sessions/end", "%2Faccount%2Fsessions%2Fend"),
    ] {
        let reply = server.post(action, "csrf=whatever&client_id=app_one");
        assert_eq!(reply.status, 403, "{action}");
        assert!(!reply.has_header("Location") && reply.body.contains("You are signed out"));
        assert_eq!(way_on(&reply), format!("/login?continue={back}"));
    }
}

#[test]
fn a_form_that_is_not_ours_leads_to_one_that_is_by_a_link() {
    let server = Server::new();
    let reply = server.post("/login?continue=%2Faccount%2Fsessions", "username=alice");
    assert_eq!(reply.status, 403);
    assert_eq!(way_on(&reply), "/login?continue=%2Faccount%2Fsessions");
    let mut browser = Browser::default();
    browser.sign_in(&server, "/login", "alice");
    for (action, address) in [
        ("/logout", "/logout"),
        ("/account/sessions/end", "/account/sessions/end"),
        ("/account/sessions/ses_a/end", "/account/sessions"),
    ] {
        let reply = browser.send(&server, form_request(action, "csrf=none"));
        assert_eq!((reply.status, way_on(&reply).as_str()), (403, address));
    }
}

#[test]
fn the_form_to_sign_in_may_lead_to_the_app_of_somebody_who_agreed_before() {
    let server = Server::new();
    let page = Browser::default().get(&server, "/login");
    assert!(!has_form_action(&page));
    assert!(has_form_action(&server.post("/login", "username=alice")));
}
