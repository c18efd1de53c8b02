//! How pages look.

use super::*;
use crate::looks::LogoName;
use crate::looks::logo::testing::name;

const BRANDING: &str = "/api/admin/branding";

#[test]
fn what_is_set_beats_the_variables_on_every_page_and_what_is_unset_falls_back() {
    let (server, mut ada) = console();
    let logo = name();
    server
        .stores
        .logos
        .borrow_mut()
        .insert(LogoName::parse(&logo).unwrap(), vec![1]);
    let set = json!({ "platform_name": "Nova <b>", "accent_color": "#aa0000", "logo": logo });
    let changed = ada.send(&server, call("PATCH", BRANDING, &set));
    assert_eq!((changed.status, changed.header_value("ETag")), (200, Some("\"1\"")));
    for path in ["/", "/login", "/developers", "/admin/policy/branding"] {
        let page = ada.get(&server, path);
        assert!(
            page.body.contains("Nova &#60;b&#62;") && page.body.contains(&logo),
            "{path}: {page:?}"
        );
    }
    let page = ada.get(&server, "/");
    let sheet = page
        .body
        .split("href=\"/assets/style.css?")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .to_owned();
    let sheet = ada.get(&server, &format!("/assets/style.css?{sheet}"));
    assert!(sheet.body.contains("--accent: #aa0000") && sheet.header_value("Cache-Control").unwrap().contains("86400"));
    ok(
        &ada.send(
            &server,
            call("PATCH", BRANDING, &json!({ "platform_name": null, "logo": null })),
        ),
        200,
    );
    assert!(ada.get(&server, "/").body.contains("Acme Projects"));
    assert_eq!(ok(&ada.get(&server, BRANDING), 200)["accent_color"], "#aa0000");
}

#[test]
fn a_style_sheet_of_another_colour_than_the_page_asked_for_is_not_kept() {
    let (server, mut ada) = console();
    let sheet = ada.get(&server, "/assets/style.css?1");
    assert_eq!(
        (sheet.status, sheet.header_value("Cache-Control")),
        (200, Some("no-store"))
    );
}

#[test]
fn looks_that_no_page_could_have_are_refused() {
    let (server, mut ada) = console();
    for (field, value) in [
        ("platform_name", json!("x".repeat(61))),
        ("platform_name", json!("a\u{7}b")),
        ("accent_color", json!("red")),
        ("accent_color", json!("#12345")),
        ("accent_color", json!("#12345g")),
        ("accent_color", json!(7)),
        ("logo", json!("https://evil.example/logo.png")),
        ("logo", json!("logo.png")),
        // Nobody put it there.
        ("logo", json!(name())),
        ("favicon", json!("x")),
    ] {
        let (status, _, fields) = problem(&ada.send(&server, call("PATCH", BRANDING, &json!({ field: value }))));
        assert!(status == 400 && fields[0].starts_with(field), "{field}: {fields:?}");
    }
    assert_eq!(count(&server, "settings"), 0);
}

#[test]
fn two_who_set_it_at_once_do_not_undo_each_other() {
    let (server, mut ada) = console();
    let set = |tag: &str, name: &str| {
        with_header(
            call("PATCH", BRANDING, &json!({ "platform_name": name })),
            "if-match",
            tag,
        )
    };
    ok(&ada.send(&server, set("\"0\"", "One")), 200);
    assert_eq!(problem(&ada.send(&server, set("\"0\"", "Two"))).0, 412);
    assert_eq!(
        send_form(&server, &mut ada, "/admin/policy/branding", "platform_name=Two").status,
        412
    );
    let saved = send_form(
        &server,
        &mut ada,
        "/admin/policy/branding",
        "version=1&platform_name=Two&accent_color=%23ffcc00&logo=",
    );
    assert_eq!(location(&saved), "/admin/policy/branding");
    let bad = send_form(
        &server,
        &mut ada,
        "/admin/policy/branding",
        "version=2&accent_color=yellow",
    );
    assert!(bad.status == 400 && bad.body.contains("accent_color-error"), "{bad:?}");
}
