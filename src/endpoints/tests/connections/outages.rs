//! Providers and storage that fail.

use super::*;
use crate::store::memory::Fault;

#[test]
fn while_storage_is_down_nobody_is_signed_in_and_everybody_may_try_again() {
    for fault in [
        Fault::Before("connections"),
        Fault::Before("identities"),
        Fault::After("identities"),
        Fault::Before("sessions"),
    ] {
        let server = acme();
        let mut browser = Browser::default();
        let (_, sent) = sent_to(&browser.get(&server, &login_url("/account/apps")));
        redeems_to(&server, &signed(&claims(&sent["nonce"])));
        server.stores.plan(&[fault]);
        let reply = browser.come_back(&server, &sent["state"]);
        assert_eq!(reply.status, 503, "{fault:?}");
        assert!(reply.has_header("Retry-After"));
        assert_eq!(way_on(&reply), login_url("/account/apps"));
        assert!(!browser.cookies.contains_key("__Host-latchkey_session"));
        assert_eq!(browser.arrive(&server, "/account/apps", |_| {}).status, 303);
        assert_eq!(users(&server).len(), 1, "one user, also when a reply was lost");
    }
    let server = acme();
    server.stores.plan(&[Fault::Before("ledger"), Fault::Before("ledger")]);
    let reply = Browser::default().arrive(&server, "/account/apps", |_| {});
    assert_eq!(reply.status, 503);
    assert!(users(&server).is_empty());
}

#[test]
fn a_provider_that_does_not_answer_as_it_should_is_named_to_the_operator_only() {
    let broken: [(&str, Option<(u16, &str)>); 9] = [
        ("/.well-known/openid-configuration", None),
        ("/.well-known/openid-configuration", Some((302, ""))),
        ("/.well-known/openid-configuration", Some((200, "<html>"))),
        (
            "/.well-known/openid-configuration",
            Some((200, r#"{"issuer":"https://evil.example"}"#)),
        ),
        ("/token", None),
        ("/token", Some((500, "oops"))),
        ("/token", Some((401, r#"{"error":"invalid_client"}"#))),
        ("/jwks", None),
        ("/jwks", Some((200, r#"{"keys":"none"}"#))),
    ];
    for (path, instead) in broken {
        let server = acme();
        let mut browser = Browser::default();
        if !path.starts_with("/.well") {
            browser.get(&server, &login_url("/account/apps"));
        }
        let break_it = || {
            let mut web = server.stores.web.borrow_mut();
            web.remove(&format!("{IDP}{path}"));
            if let Some((status, body)) = instead {
                web.insert(format!("{IDP}{path}"), (status, body.into()));
            }
        };
        let reply = if path.starts_with("/.well") {
            break_it();
            browser.get(&server, &login_url("/account/apps"))
        } else {
            let (_, sent) = sent_to(&browser.get(&server, &login_url("/account/apps")));
            redeems_to(&server, &signed(&claims(&sent["nonce"])));
            break_it();
            browser.come_back(&server, &sent["state"])
        };
        assert_eq!(
            (reply.status, reply.error),
            (503, Some("sign_in_provider_unavailable")),
            "{path}"
        );
        assert!(reply.has_header("Retry-After"));
        assert_eq!(way_on(&reply), login_url("/account/apps"));
        assert!(server.stores.sessions.borrow().is_empty());
        let line = server.lines.borrow().last().unwrap().clone();
        assert!(line.contains("\"provider\"") && line.contains("con_acme"), "{line}");
    }
}

#[test]
fn a_connection_without_its_secret_asks_nobody_for_a_token() {
    let server = acme();
    server.stores.secrets.borrow_mut().clear();
    let reply = Browser::default().arrive(&server, "/account/apps", |_| {});
    assert_eq!(reply.status, 503);
    assert!(
        !server
            .stores
            .asked
            .borrow()
            .iter()
            .any(|asked| asked.address.ends_with("/token"))
    );
}
