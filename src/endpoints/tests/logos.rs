//! Logos, and what pages and JSON say of them.

use super::*;
use crate::looks::{LogoName, logo::testing::name};
use crate::oauth::client::testing::public_app;
use crate::store::memory::Fault;

fn server() -> Server {
    let mut server = Server::new();
    let logo = LogoName::parse(&name()).unwrap();
    server
        .stores
        .logos
        .borrow_mut()
        .insert(logo.clone(), vec![0x89, b'P', 0, 255]);
    server.config.looks.logo = Some(logo);
    let mut app = public_app();
    app.logo = Some(name());
    server.stores.apps.borrow_mut().insert(app.client_id.clone(), app);
    server
}

#[test]
fn a_logo_is_a_picture_that_never_changes_and_can_do_nothing() {
    let server = server();
    let reply = server.send(&get_request(&format!("/logos/{}", name())));
    assert_eq!(reply.body.clone().into_bytes(), [0x89, b'P', 0, 255]);
    for (field, value) in [
        ("Content-Type", "image/png"),
        ("Cache-Control", "public, max-age=31536000, immutable"),
        ("X-Content-Type-Options", "nosniff"),
        ("Content-Security-Policy", "default-src 'none'; sandbox"),
    ] {
        assert_eq!(reply.header_value(field), Some(value));
    }
    assert_eq!(server.trips(), ["logos"]);
}

#[test]
fn a_name_that_can_be_none_is_not_looked_up() {
    let server = server();
    let other = crate::crypto::hash("another");
    for name in [
        "x",
        "code:x",
        &name().replace(".png", ".svg"),
        &format!("{}/x", name()),
        "..%2Fcode.png",
    ] {
        let reply = server.send(&get_request(&format!("/logos/{name}")));
        assert_eq!((reply.status, server.trips()), (404, vec![]), "{name}");
    }
    let reply = server.send(&get_request(&format!("/logos/{other}.png")));
    assert_eq!((reply.status, server.trips()), (404, vec!["logos"]));
    assert_eq!(reply.header_value("Cache-Control"), Some("no-store"));
}

#[test]
fn a_logo_out_of_reach_is_asked_for_again_later() {
    let server = server();
    server.stores.plan(&[Fault::Before("logos")]);
    let reply = server.send(&get_request(&format!("/logos/{}", name())));
    assert_eq!(
        (reply.status, reply.header_value("Cache-Control")),
        (503, Some("no-store"))
    );
}

// Covers: R23, R42
#[test]
fn pages_show_the_logos_of_platform_and_app_from_here() {
    let server = server();
    let page = Browser::default().consent_page(&server, &authorize_link("app_one", ""));
    let source = format!("src=\"/logos/{}\"", name());
    assert_eq!(page.body.matches(&source).count(), 2, "{page:?}");
}
