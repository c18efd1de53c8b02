//! How pages look.

use super::*;
use crate::looks::LogoName;
use crate::looks::logo::testing::name;
use crate::looks::picture::testing::png;
use crate::store::memory::Fault;

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
        "version=1&platform_name=Two&accent_color=%23ffcc00",
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

/// The picture as the body of a request to the JSON API.
fn put_logo(content_type: &str, body: Body) -> Request {
    let path = format!("{BRANDING}/logo");
    let mut request = with_header(call("PUT", &path, &Value::Null), "content-type", content_type);
    request.body = body;
    request
}

/// The picture in the form of the page.
fn logo_form(csrf: &str, version: u32, file: &[u8]) -> Request {
    let mut body = Vec::new();
    for (name, content) in [
        ("csrf", csrf.as_bytes()),
        ("version", version.to_string().as_bytes()),
        ("logo", file),
    ] {
        body.extend(format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n").bytes());
        body.extend(content);
        body.extend(b"\r\n");
    }
    body.extend(b"--x--\r\n");
    let mut request = with_header(
        form_request("/admin/policy/branding/logo", ""),
        "content-type",
        "multipart/form-data; boundary=x",
    );
    request.body = Body::Bytes(body);
    request
}

#[test]
fn a_logo_that_is_uploaded_is_on_every_page_and_served_from_here() {
    let (server, mut ada) = console();
    let kept = ada.send(&server, put_logo("image/png", Body::Bytes(png(64, 64))));
    let kept_name = ok(&kept, 200)["logo"].as_str().unwrap().to_owned();
    assert_eq!(kept.header_value("ETag"), Some("\"1\""));
    let page = ada.get(&server, "/admin/policy/branding");
    assert!(
        page.body.contains(&kept_name) && page.body.contains("Remove the logo"),
        "{page:?}"
    );
    assert!(server.send(&get_request("/login")).body.contains(&kept_name));
    let served = server.send(&get_request(&format!("/logos/{kept_name}")));
    assert_eq!(
        (served.status, served.header_value("Content-Type")),
        (200, Some("image/png"))
    );
    let csrf = hidden(&page, "csrf");
    let other = ada.send(&server, logo_form(&csrf, 1, &png(65, 65)));
    assert_eq!(location(&other), "/admin/policy/branding");
    let page = ada.get(&server, "/admin/policy/branding");
    assert!(
        !page.body.contains(&kept_name) && page.body.contains("src=\"/logos/"),
        "{page:?}"
    );
    // The form of the other settings leaves it alone.
    let saved = send_form(
        &server,
        &mut ada,
        "/admin/policy/branding",
        "version=2&platform_name=Nova",
    );
    assert_eq!(saved.status, 303);
    assert!(ada.get(&server, "/").body.contains("src=\"/logos/"));
    let removed = send_form(&server, &mut ada, "/admin/policy/branding/logo/remove", "version=3");
    assert_eq!(location(&removed), "/admin/policy/branding");
    let page = ada.get(&server, "/admin/policy/branding");
    assert!(!page.body.contains("src=\"/logos/") && !page.body.contains("Remove the logo"));
    assert!(page.body.contains("Nova"));
    let events = audit(&server);
    assert_eq!(events, ["settings.changed usr_ada branding"; 4]);
}

#[test]
fn a_logo_that_no_page_could_show_is_refused_and_nothing_is_kept() {
    let (server, mut ada) = console();
    let csrf = hidden(&ada.get(&server, "/admin/policy/branding"), "csrf");
    let put = |server: &Server, ada: &mut Browser, content_type, body| {
        problem(&ada.send(server, put_logo(content_type, body))).1
    };
    let picture = || Body::Bytes(png(64, 64));
    assert_eq!(
        put(&server, &mut ada, "image/svg+xml", picture()),
        "unsupported_media_type"
    );
    assert_eq!(put(&server, &mut ada, "image/png", Body::TooLarge), "too_large");
    assert_eq!(put(&server, &mut ada, "image/png", Body::Broken), "invalid_request");
    for file in [b"<svg/>".to_vec(), png(10, 10), png(64, 1025), Vec::new()] {
        assert_eq!(
            put(&server, &mut ada, "image/png", Body::Bytes(file.clone())),
            "invalid_logo"
        );
        let page = ada.send(&server, logo_form(&csrf, 0, &file));
        assert!(page.status == 400 && page.body.contains("file-error"), "{page:?}");
    }
    assert_eq!(ada.send(&server, logo_form("x", 0, &png(64, 64))).status, 403);
    assert_eq!(ada.send(&server, logo_form(&csrf, 1, &png(64, 64))).status, 412);
    let stale = with_header(put_logo("image/png", picture()), "if-match", "\"7\"");
    assert_eq!(problem(&ada.send(&server, stale)).0, 412);
    for username in ["alice", "rita"] {
        let mut other = signed_in(&server, username);
        assert_eq!(put(&server, &mut other, "image/png", picture()), "forbidden");
        let csrf = hidden(&other.get(&server, "/developers"), "csrf");
        assert_eq!(other.send(&server, logo_form(&csrf, 0, &png(64, 64))).status, 403);
    }
    assert!(server.stores.logos.borrow().is_empty() && audit(&server).is_empty());
    // What storage cannot keep is named nowhere.
    server.stores.plan(&[Fault::Before("logos")]);
    assert_eq!(
        put(&server, &mut ada, "image/png", picture()),
        "temporarily_unavailable"
    );
    assert_eq!(count(&server, "settings"), 0);
}

#[test]
fn the_platforms_logo_may_be_as_large_as_one_of_an_app() {
    let limit = crate::router::body_limit;
    assert!(limit("PUT", "/api/admin/branding/logo") > 256 * 1024);
    assert!(limit("POST", "/admin/policy/branding/logo") > 256 * 1024);
    for (method, path) in [
        ("PATCH", BRANDING),
        ("POST", "/admin/policy/branding"),
        ("POST", "/admin/policy/branding/logo/remove"),
    ] {
        assert_eq!(limit(method, path), crate::http::MAX_BODY, "{path}");
    }
}
