//! Apps: the pages of the portal, and logos.

use serde_json::json;

use super::*;
use crate::looks::picture::testing::png;

const GOOD: &str = "name=Planner&description=Plans&app_type=web&redirect_uris=https%3A%2F%2Fplanner.example%2Fcb&scopes=read%3Aprofile";

fn send(server: &Server, browser: &mut Browser, path: &str, csrf: &str, fields: &str) -> Reply {
    browser.send(server, form_request(path, &format!("csrf={csrf}&{fields}")))
}

/// Registers an app of alice's, and gives its id and a token for forms.
fn registered(server: &Server, alice: &mut Browser) -> (String, String) {
    let csrf = hidden(&alice.get(server, "/developers/apps/new"), "csrf");
    let made = send(
        server,
        alice,
        "/developers/apps",
        &csrf,
        &format!("{GOOD}&action=register"),
    );
    assert_eq!(made.status, 201, "{made:?}");
    let id = server
        .stores
        .database
        .column("SELECT client_id FROM apps ORDER BY created_at DESC");
    (id[0].as_str().unwrap().to_owned(), csrf)
}

fn upload(path: &str, csrf: &str, version: u32, file: &[u8]) -> Request {
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
        form_request(path, ""),
        "content-type",
        "multipart/form-data; boundary=x",
    );
    request.body = Body::Bytes(body);
    request
}

// Covers: R20, B5, B8
#[test]
fn the_form_is_the_one_of_the_documents_and_lets_a_server_side_app_be_chosen() {
    let server = portal();
    let mut alice = signed_in(&server, "alice");
    let page = alice.get(&server, "/developers/apps/new").body.to_string();
    for text in [
        "Register Your Application",
        "Application Name",
        "placeholder=\"My Awesome Integration\"",
        "Web Application (Server-side)",
        "Single Page Application",
        "Mobile",
        "Redirect URIs",
        "Add Another URI",
        "Requested Permissions",
        "Register Application",
        "View your profile",
        "<span class=\"mark sensitive\">",
    ] {
        assert!(page.contains(text), "{text}");
    }
    assert!(!page.contains("inner:all") && !page.contains("<script"));
}

// Covers: R21, R22
#[test]
fn a_registered_app_is_a_draft_and_its_secret_is_on_one_page_only() {
    let server = portal();
    let mut alice = signed_in(&server, "alice");
    let csrf = hidden(&alice.get(&server, "/developers/apps/new"), "csrf");
    let made = send(&server, &mut alice, "/developers/apps", &csrf, GOOD);
    let page = made.body.to_string();
    assert_eq!(made.header_value("Cache-Control"), Some("no-store"));
    let (_, rest) = page.split_once("lks_").unwrap();
    let secret = format!("lks_{}", rest.split('<').next().unwrap());
    let stored = server.stores.database.column("SELECT secret_hash FROM client_secrets");
    assert_eq!(stored, [crate::crypto::hash(&secret)]);
    let status = server.stores.database.column("SELECT status FROM apps");
    assert_eq!(status, ["draft"]);
    let id = server.stores.database.column("SELECT client_id FROM apps");
    for tab in ["quick-start", "settings", "permissions", "delete"] {
        let page = alice.get(&server, &format!("/developers/apps/{}/{tab}", id[0].as_str().unwrap()));
        assert_eq!(page.status, 200);
        assert!(!page.body.to_string().contains("lks_"));
    }
}

// Covers: B8, R20
#[test]
fn rows_are_added_and_removed_without_script_and_nothing_is_saved() {
    let server = portal();
    let mut alice = signed_in(&server, "alice");
    let csrf = hidden(&alice.get(&server, "/developers/apps/new"), "csrf");
    let rows =
        "name=Planner&redirect_uris=https%3A%2F%2Fa.example%2F&redirect_uris=&redirect_uris=https%3A%2F%2Fc.example%2F";
    let values = |reply: &Reply| -> Vec<String> {
        let page = reply.body.to_string();
        let rows = page.split("name=\"redirect_uris\"").skip(1);
        rows.map(|row| {
            row.split("value=\"")
                .nth(1)
                .unwrap()
                .split('"')
                .next()
                .unwrap()
                .to_owned()
        })
        .collect()
    };
    for (action, expected) in [
        ("add_uri", vec!["https://a.example/", "", "https://c.example/", ""]),
        ("remove_uri_0", vec!["", "https://c.example/"]),
        ("remove_uri_1", vec!["https://a.example/", "https://c.example/"]),
        ("remove_uri_2", vec!["https://a.example/", ""]),
        ("remove_uri_9", vec!["https://a.example/", "", "https://c.example/"]),
    ] {
        let shown = send(
            &server,
            &mut alice,
            "/developers/apps",
            &csrf,
            &format!("{rows}&action={action}"),
        );
        assert_eq!(
            (shown.status, values(&shown)),
            (200, expected.iter().map(|s| (*s).to_owned()).collect()),
            "{action}"
        );
        assert!(shown.body.to_string().contains("value=\"Planner\""));
    }
    assert!(server.stores.database.column("SELECT client_id FROM apps").is_empty());
}

// Covers: B8
#[test]
fn what_is_wrong_is_said_beside_each_field_and_what_was_typed_stays() {
    let server = portal();
    let mut alice = signed_in(&server, "alice");
    let csrf = hidden(&alice.get(&server, "/developers/apps/new"), "csrf");
    let bad = "name=%3Cb%3EPlanner&app_type=spa&redirect_uris=https%3A%2F%2Fa.example%2F&redirect_uris=http%3A%2F%2Fb.example%2F";
    let refused = send(&server, &mut alice, "/developers/apps", &csrf, bad);
    let page = refused.body.to_string();
    assert_eq!(refused.status, 400);
    for text in [
        "description</a> is required",
        "scopes</a> must have at least one",
        "id=\"redirect_uris-error-1\"",
        "must begin with https://",
        "value=\"&#60;b&#62;Planner\"",
        "value=\"spa\" selected",
    ] {
        assert!(page.contains(text), "{text}\n{page}");
    }
    assert!(!page.contains("id=\"redirect_uris-error-0\"") && !page.contains("<b>Planner"));
    assert!(audit(&server).is_empty());
}

#[test]
fn the_pages_of_an_app_are_for_its_members_only() {
    let server = portal();
    let mut alice = signed_in(&server, "alice");
    let (id, _) = registered(&server, &mut alice);
    let mut carol = signed_in(&server, "carol");
    let csrf = hidden(&carol.get(&server, "/developers/apps/new"), "csrf");
    for tab in ["", "/settings", "/quick-start", "/permissions", "/delete"] {
        let path = format!("/developers/apps/{id}{tab}");
        assert_eq!(carol.get(&server, &path).status, 404, "{path}");
        assert_eq!(server.send(&get_request(&path)).status, 303);
    }
    for (tab, fields) in [
        ("settings", GOOD),
        ("permissions", "scopes=read%3Aprofile"),
        ("delete", ""),
        ("logo/remove", ""),
    ] {
        let path = format!("/developers/apps/{id}/{tab}");
        assert_eq!(send(&server, &mut carol, &path, &csrf, fields).status, 404, "{path}");
        assert_eq!(send(&server, &mut alice, &path, "x", fields).status, 403, "{path}");
    }
    assert_eq!(
        carol
            .send(
                &server,
                upload(&format!("/developers/apps/{id}/logo"), &csrf, 1, &png(64, 64))
            )
            .status,
        404
    );
}

#[test]
fn settings_and_permissions_are_saved_once_per_version() {
    let server = portal();
    let mut alice = signed_in(&server, "alice");
    let (id, csrf) = registered(&server, &mut alice);
    let path = format!("/developers/apps/{id}/settings");
    let fields = "name=Planner+2&description=Plans&redirect_uris=http%3A%2F%2Flocalhost%2Fcb&version=1&action=save";
    assert_eq!(location(&send(&server, &mut alice, &path, &csrf, fields)), path);
    assert_eq!(send(&server, &mut alice, &path, &csrf, fields).status, 412);
    let page = alice.get(&server, &path).body.to_string();
    assert!(
        page.contains("value=\"Planner 2\"") && page.contains("http://localhost/cb"),
        "{page}"
    );
    let path = format!("/developers/apps/{id}/permissions");
    let fields = "scopes=read%3Ateam&scopes=write%3Aprojects&optional=read%3Ateam&defaults=write%3Aprojects\
                  &reason%2Fwrite%3Aprojects=to+write&version=2";
    assert_eq!(location(&send(&server, &mut alice, &path, &csrf, fields)), path);
    assert_eq!(
        server
            .stores
            .database
            .column("SELECT scope || is_default || is_optional FROM app_scopes"),
        ["read:team01", "write:projects10"]
    );
    let page = alice.get(&server, &path).body.to_string();
    assert!(page.contains(">to write</textarea>") && page.contains("The platform grants it for users who agree"));
    for (bad, text) in [
        ("version=3", "must have at least one"),
        ("scopes=inner%3Aall&version=3", "is not available"),
        ("scopes=read%3Ateam&reason%2Finner%3Aall=x&version=3", "is not a field"),
    ] {
        let refused = send(&server, &mut alice, &path, &csrf, bad);
        assert!(
            refused.status == 400 && refused.body.to_string().contains(text),
            "{refused:?}"
        );
    }
}

#[test]
fn an_app_is_deleted_after_a_question() {
    let server = portal();
    let mut alice = signed_in(&server, "alice");
    let (id, csrf) = registered(&server, &mut alice);
    let path = format!("/developers/apps/{id}/delete");
    assert!(
        alice
            .get(&server, &path)
            .body
            .to_string()
            .contains("This cannot be undone")
    );
    assert_eq!(send(&server, &mut alice, &path, &csrf, "version=9").status, 412);
    assert_eq!(
        location(&send(&server, &mut alice, &path, &csrf, "version=1")),
        "/developers"
    );
    assert_eq!(alice.get(&server, &path).status, 404);
}

// Covers: R23
#[test]
fn a_logo_is_checked_by_its_content_and_served_from_here() {
    let server = portal();
    let mut alice = signed_in(&server, "alice");
    let (id, csrf) = registered(&server, &mut alice);
    let path = format!("/developers/apps/{id}/logo");
    for (file, message) in [
        (b"<svg/>".to_vec(), "must be a PNG, JPEG or WebP picture"),
        (png(10, 10), "must be from 64 x 64 to 1024 x 1024 pixels"),
        (Vec::new(), "must be a PNG, JPEG or WebP picture"),
    ] {
        let refused = alice.send(&server, upload(&path, &csrf, 1, &file));
        assert_eq!(refused.status, 400);
        assert!(refused.body.to_string().contains(message), "{message}");
    }
    assert_eq!(alice.send(&server, upload(&path, "x", 1, &png(64, 64))).status, 403);
    assert_eq!(alice.send(&server, upload(&path, &csrf, 7, &png(64, 64))).status, 412);
    assert!(server.stores.logos.borrow().is_empty());
    let settings = format!("/developers/apps/{id}/settings");
    assert_eq!(
        location(&alice.send(&server, upload(&path, &csrf, 1, &png(64, 64)))),
        settings
    );
    let page = alice.get(&server, &settings).body.to_string();
    let (_, rest) = page.split_once("src=\"/logos/").unwrap();
    let served = server.send(&get_request(&format!("/logos/{}", rest.split('"').next().unwrap())));
    assert_eq!(
        (served.status, served.header_value("Content-Type")),
        (200, Some("image/png"))
    );
    let removed = send(&server, &mut alice, &format!("{path}/remove"), &csrf, "version=2");
    assert_eq!(location(&removed), settings);
    assert!(!alice.get(&server, &settings).body.to_string().contains("src=\"/logos/"));
}

// Covers: R23
#[test]
fn a_program_puts_a_logo_by_its_bytes_and_no_other_type() {
    let server = portal();
    let mut alice = signed_in(&server, "alice");
    let (id, _) = registered(&server, &mut alice);
    let path = format!("/api/developer/apps/{id}/logo");
    let put = |content_type: &str, body: Body| {
        let mut request = with_header(call("PUT", &path, &Value::Null), "content-type", content_type);
        request.body = body;
        request
    };
    let picture = || Body::Bytes(png(64, 64));
    assert_eq!(
        problem(&alice.send(&server, put("image/svg+xml", picture()))).1,
        "unsupported_media_type"
    );
    assert_eq!(problem(&alice.send(&server, put("image/png", Body::TooLarge))).0, 413);
    let bad = alice.send(&server, put("image/png", Body::Bytes(b"<html>".to_vec())));
    assert_eq!(problem(&bad).1, "invalid_logo");
    let kept = json(&alice.send(&server, put("image/png", picture())));
    assert!(kept["logo"].as_str().unwrap().starts_with("/logos/"), "{kept}");
    // What storage cannot keep is named nowhere.
    server.stores.plan(&[crate::store::memory::Fault::Before("logos")]);
    let lost = alice.send(&server, put("image/png", Body::Bytes(png(65, 65))));
    assert_eq!(problem(&lost).0, 503);
    assert_eq!(
        json(&alice.get(&server, &format!("/api/developer/apps/{id}")))["logo"],
        kept["logo"]
    );
    assert_eq!(alice.send(&server, call("DELETE", &path, &Value::Null)).status, 204);
    assert_eq!(
        json(&alice.get(&server, &format!("/api/developer/apps/{id}")))["logo"],
        json!(null)
    );
}

#[test]
fn only_a_picture_may_be_larger_than_other_requests() {
    let limit = crate::router::body_limit;
    assert!(limit("PUT", "/api/developer/apps/app_one/logo") > 256 * 1024);
    assert!(limit("POST", "/developers/apps/app_one/logo") > 256 * 1024);
    for (method, path) in [
        ("POST", "/api/developer/apps/app_one/logo"),
        ("PATCH", "/api/developer/apps/app_one"),
        ("POST", "/developers/apps/app_one/logo/remove"),
        ("POST", "/oauth/token"),
        ("POST", "/developers/apps//logo"),
    ] {
        assert_eq!(limit(method, path), crate::http::MAX_BODY, "{path}");
    }
}
