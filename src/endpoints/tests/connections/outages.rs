//! Providers and storage that fail.

use super::*;
use crate::store::Limit;
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
        let (_, sent) = sent_to(&browser.get(&server, &login_url("/account/sessions")));
        redeems_to(&server, &signed(&claims(&sent["nonce"])));
        server.stores.plan(&[fault]);
        let reply = browser.come_back(&server, &sent["state"]);
        assert_eq!(reply.status, 503, "{fault:?}");
        assert!(reply.has_header("Retry-After"));
        assert_eq!(way_on(&reply), login_url("/account/sessions"));
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
fn whoever_comes_back_too_often_keeps_the_way_to_where_they_wanted() {
    let server = acme();
    let mut browser = Browser::default();
    let (_, sent) = sent_to(&browser.get(&server, &login_url("/account/sessions")));
    server.stores.limits.borrow_mut().insert(Limit::SignIn, 0);
    let reply = browser.come_back(&server, &sent["state"]);
    assert_eq!(reply.status, 429);
    assert_eq!(way_on(&reply), login_url("/account/sessions"));
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
fn a_provider_that_just_failed_is_left_alone_for_a_while_whoever_asks() {
    for broken in [None, Some((500, "oops")), Some((200, "<html>"))] {
        let server = connected(&[oidc("con_acme", IDP, 1), oidc("con_other", "https://other.example", 1)]);
        publish(&server, "https://other.example", &[]);
        let metadata = format!("{IDP}/.well-known/openid-configuration");
        server.stores.web.borrow_mut().remove(&metadata);
        if let Some((status, body)) = broken {
            let answer = (status, body.to_owned());
            server.stores.web.borrow_mut().insert(metadata.clone(), answer);
        }
        let start = |id: &str| {
            let target = format!("{}&connection={id}", login_url("/account/apps"));
            Browser::default().get(&server, &target).status
        };
        for _ in 0..5 {
            assert_eq!(start("con_acme"), 503);
        }
        let times_asked = || {
            let asked = server.stores.asked.borrow();
            asked.iter().filter(|asked| asked.address == metadata).count()
        };
        assert_eq!(times_asked(), 1);
        assert_eq!(start("con_other"), 303);
        publish(&server, IDP, &[jwk(&key(40))]);
        assert_eq!(start("con_acme"), 503);
        server.pass(10_000);
        assert_eq!((start("con_acme"), times_asked()), (303, 2));
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
