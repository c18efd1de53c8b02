//! Reviews, by the pages.

use serde_json::json;

use super::reviews::{QUEUE, app, draft, path, submit, switch};
use super::*;

#[test]
fn developers_and_reviewers_talk_and_reviewers_stay_unnamed() {
    let server = portal();
    let (mut alice, mut rita) = (signed_in(&server, "alice"), signed_in(&server, "rita"));
    let id = draft(&server, &mut alice);
    let comment = |body: &str| json!({ "body": body });
    let said = alice.send(&server, call("POST", &path(&id, "/comments"), &comment("<b>Hello</b>")));
    assert_eq!(said.status, 201, "{said:?}");
    server.pass(1);
    assert_eq!(
        switch(&server, &mut rita, &id, "comments", &comment("Where can we try it?")).status,
        201
    );
    let read = json(&alice.get(&server, &path(&id, "/comments")));
    assert_eq!(
        (&read["items"][0]["author_role"], &read["items"][0]["author_id"]),
        (&json!("reviewer"), &Value::Null)
    );
    assert_eq!(read["items"][1]["author_id"], "usr_alice");
    let page = alice.get(&server, &format!("/developers/apps/{id}/review"));
    assert!(
        page.body.contains("&#60;b&#62;Hello") && !page.body.contains("Rita"),
        "{page:?}"
    );
    let by_rita = json(&rita.get(&server, &format!("/api/admin/apps/{id}/comments")));
    assert_eq!(by_rita["items"][0]["author_id"], "usr_rita");
    // Others do not know of it.
    let mut carol = signed_in(&server, "carol");
    let refused = carol.send(&server, call("POST", &path(&id, "/comments"), &comment("Hi")));
    assert_eq!(problem(&refused).0, 404);
    for bad in [json!({}), comment(" "), comment(&"x".repeat(4001))] {
        let refused = alice.send(&server, call("POST", &path(&id, "/comments"), &bad));
        assert_eq!(problem(&refused).0, 400);
    }
}

#[test]
fn the_pages_do_what_the_api_does() {
    let server = portal();
    let (mut alice, mut rita) = (signed_in(&server, "alice"), signed_in(&server, "rita"));
    let id = draft(&server, &mut alice);
    let tab = format!("/developers/apps/{id}/review");
    let page = alice.get(&server, &tab);
    assert_eq!(page.status, 200, "{page:?}");
    let csrf = hidden(&page, "csrf");
    let version = hidden(&page, "version");
    let form = |end: &str, fields: &str| form_request(&format!("{tab}/{end}"), &format!("csrf={csrf}&{fields}"));
    let refused = alice.send(&server, form("submit", &format!("version={version}")));
    assert_eq!(refused.status, 400);
    assert!(refused.body.contains("id=\"testing-error\""), "{refused:?}");
    let stale = alice.send(&server, form("submit", "version=1&testing=x"));
    assert_eq!(stale.status, 412);
    let sent = form("submit", &format!("version={version}&testing=Try+it+%3Cb%3E"));
    assert_eq!(location(&alice.send(&server, sent)), tab);
    assert_eq!(location(&alice.send(&server, form("comments", "body=Hello"))), tab);
    let queue = rita.get(&server, "/admin/reviews");
    assert!(
        queue.body.contains("Planner") && queue.body.contains("Northwind Labs"),
        "{queue:?}"
    );
    let sub = queue
        .body
        .split("/admin/reviews/")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .to_owned();
    let page = rita.get(&server, &format!("/admin/reviews/{sub}"));
    assert!(
        page.body.contains("Try it &#60;b&#62;") && page.body.contains("To put plans"),
        "{page:?}"
    );
    let csrf = hidden(&page, "csrf");
    let form = |end: &str, fields: &str| {
        form_request(&format!("/admin/reviews/{sub}/{end}"), &format!("csrf={csrf}&{fields}"))
    };
    let refused = rita.send(&server, form("reject", ""));
    assert!(
        refused.status == 400 && refused.body.contains("reason-error"),
        "{refused:?}"
    );
    assert_eq!(
        location(&rita.send(&server, form("comments", "body=Hm"))),
        format!("/admin/reviews/{sub}")
    );
    assert_eq!(location(&rita.send(&server, form("approve", ""))), "/admin/reviews");
    assert!(app(&server, &id).starts_with("approved "));
    let again = rita.send(&server, form("reject", "reason=No"));
    assert_eq!(again.status, 409, "{again:?}");
    let suspended = rita.send(&server, form("suspend", "reason=Bad"));
    assert_eq!(location(&suspended), format!("/admin/reviews/{sub}"));
    // The app's own page is for administrators.
    let elsewhere = form_request(&format!("/admin/apps/{id}/reinstate"), &format!("csrf={csrf}"));
    assert_eq!(rita.send(&server, elsewhere).status, 403);
    assert!(app(&server, &id).starts_with("suspended "));
    let page = rita.get(&server, &format!("/admin/reviews/{sub}"));
    assert!(page.body.contains("/reinstate"), "{page:?}");
    let reinstated = rita.send(&server, form("reinstate", ""));
    assert_eq!(location(&reinstated), format!("/admin/reviews/{sub}"));
    assert!(app(&server, &id).starts_with("approved "));
    // Nobody else sees any of it.
    let mut dave = signed_in(&server, "dave");
    assert_eq!(dave.get(&server, "/admin/reviews").status, 403);
    assert_eq!(dave.get(&server, &format!("/admin/reviews/{sub}")).status, 403);
    assert_eq!(dave.get(&server, &tab).status, 404);
}

#[test]
fn a_refused_form_of_a_reviewer_is_shown_again_on_its_page_with_what_is_wrong_beside_its_field() {
    let server = portal();
    let (mut alice, mut rita, mut ada) = (
        signed_in(&server, "alice"),
        signed_in(&server, "rita"),
        signed_in(&server, "ada"),
    );
    let id = draft(&server, &mut alice);
    let sub = submit(&server, &mut alice, &id);
    let (review, of_app) = (format!("/admin/reviews/{sub}"), format!("/admin/apps/{id}"));
    let long = format!("reason={}", "x".repeat(2001));
    let before = app(&server, &id);
    for (who, page, form, fields, error) in [
        ("rita", review.as_str(), "/reject", "reason=", "reason-error"),
        ("rita", &review, "/reject", &long, "reason-error"),
        ("rita", &review, "/suspend", "", "suspend-reason-error"),
        ("rita", &review, "/suspend", "reason=+", "suspend-reason-error"),
        ("rita", &review, "/suspend", &long, "suspend-reason-error"),
        ("rita", &review, "/comments", "body=", "body-error"),
        ("ada", &of_app, "/suspend", "reason=", "suspend-reason-error"),
        ("ada", &of_app, "/suspend", &long, "suspend-reason-error"),
        ("ada", &of_app, "/revoke", &long, "reason-error"),
        ("rita", "/admin/reviews", "", "client_id=", "client_id-error"),
        ("rita", "/admin/reviews", "", "client_id=app_none", "client_id-error"),
        (
            "rita",
            "/admin/reviews",
            "",
            &format!("client_id={id}"),
            "client_id-error",
        ),
    ] {
        let browser = if who == "ada" { &mut ada } else { &mut rita };
        let shown = browser.get(&server, page);
        let csrf = hidden(&shown, "csrf");
        let request = form_request(&format!("{page}{form}"), &format!("csrf={csrf}&{fields}"));
        let refused = browser.send(&server, request);
        assert_eq!(refused.status, 400, "{form} {fields} {refused:?}");
        let beside: Vec<_> = refused.body.matches("class=\"field-error\" id=\"").collect();
        assert_eq!(beside.len(), 1, "{form} {fields} {refused:?}");
        assert!(
            refused.body.contains(&format!("id=\"{error}\"")),
            "{form} {fields} {refused:?}"
        );
        let sent = fields.split_once('=').map_or("", |(_, value)| value.trim_matches('+'));
        assert!(refused.body.contains(sent), "what was typed is still there: {form}");
        let heading = |reply: &Reply| {
            reply
                .body
                .split("<h1>")
                .nth(1)
                .unwrap()
                .split("</h1>")
                .next()
                .unwrap()
                .to_owned()
        };
        assert_eq!(heading(&refused), heading(&shown), "{form} {fields}");
    }
    assert_eq!(app(&server, &id), before);
}

#[test]
fn the_queue_has_pages_and_begins_with_what_has_waited_longest() {
    let server = portal();
    let mut alice = signed_in(&server, "alice");
    let mut subs = Vec::new();
    for _ in 0..5 {
        let id = draft(&server, &mut alice);
        subs.push(submit(&server, &mut alice, &id));
        server.pass(1000);
    }
    let mut rita = signed_in(&server, "rita");
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = json(&rita.get(&server, &format!("{QUEUE}?limit=2{cursor}")));
        for item in page["items"].as_array().unwrap() {
            seen.push(item["id"].as_str().unwrap().to_owned());
        }
        let Some(next) = page["next_cursor"].as_str() else {
            break;
        };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, subs);
}
