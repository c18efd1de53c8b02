//! The same on pages.

use super::*;

fn form(server: &Server, browser: &mut Browser, page: &str, target: &str, fields: &str) -> Reply {
    let csrf = hidden(&browser.get(server, page), "csrf");
    browser.send(server, form_request(target, &format!("csrf={csrf}{fields}")))
}

#[test]
fn the_console_begins_where_its_visitor_has_something_to_do() {
    let server = platform();
    for (name, first) in [("ada", "/admin/apps"), ("rita", "/admin/reviews")] {
        assert_eq!(location(&signed_in(&server, name).get(&server, "/admin")), first);
    }
    assert_eq!(signed_in(&server, "dave").get(&server, "/admin").status, 403);
    assert_eq!(
        location(&server.send(&get_request("/admin"))),
        "/login?continue=%2Fadmin"
    );
}

#[test]
fn a_user_is_suspended_and_reinstated_by_the_forms_of_their_page() {
    let server = platform();
    connect(&server, "cns_1", "usr_ben", "app_planner", shard(0));
    let mut ada = signed_in(&server, "ada");
    let page = "/admin/users/usr_ben";
    let refused = form(
        &server,
        &mut ada,
        page,
        &format!("{page}/suspend"),
        "&version=1&reason=+",
    );
    assert_eq!(refused.status, 400);
    assert!(refused.body.contains("id=\"reason-error\""), "{refused:?}");
    let done = form(
        &server,
        &mut ada,
        page,
        &format!("{page}/suspend"),
        "&version=1&reason=stolen",
    );
    assert_eq!(location(&done), format!("{page}?done=suspended"));
    assert!(alive(&server).is_empty());
    let stale = form(&server, &mut ada, page, &format!("{page}/reinstate"), "&version=1");
    assert_eq!(stale.status, 412);
    let done = form(&server, &mut ada, page, &format!("{page}/reinstate"), "&version=2");
    assert_eq!(location(&done), format!("{page}?done=reinstated"));
    assert!(
        ada.get(&server, &format!("{page}?done=reinstated"))
            .body
            .contains("may sign in again")
    );
}

#[test]
fn an_id_typed_wrong_erases_nobody_and_the_page_says_so() {
    let server = platform();
    let mut ada = signed_in(&server, "ada");
    let page = "/admin/users/usr_ben";
    let refused = form(&server, &mut ada, page, &format!("{page}/erase"), "&confirm=ben");
    assert_eq!(refused.status, 400);
    assert!(refused.body.contains("<details class=\"card\" open>"), "{refused:?}");
    let done = form(&server, &mut ada, page, &format!("{page}/erase"), "&confirm=usr_ben");
    assert_eq!(location(&done), format!("{page}?done=erased"));
    let erased = ada.get(&server, page);
    assert!(
        !erased.body.contains("Okafor") && !erased.body.contains("/erase\""),
        "{erased:?}"
    );
}

#[test]
fn what_apps_were_given_is_taken_back_by_the_forms_of_their_pages() {
    let server = platform();
    connect(&server, "cns_1", "usr_ben", "app_planner", shard(0));
    connect(&server, "cns_2", "usr_ben", "app_other", shard(0));
    let mut ada = signed_in(&server, "ada");
    for (page, left) in [("/admin/apps/app_planner", 1), ("/admin/developers/dev_south", 0)] {
        let long = format!("&reason={}", "x".repeat(501));
        assert_eq!(
            form(&server, &mut ada, page, &format!("{page}/revoke"), &long).status,
            400
        );
        let done = form(&server, &mut ada, page, &format!("{page}/revoke"), "&reason=");
        assert_eq!(location(&done), format!("{page}?done=revoked"));
        assert_eq!(alive(&server).len(), left);
    }
}

#[test]
fn forms_that_did_not_come_from_our_page_do_nothing() {
    let server = platform();
    connect(&server, "cns_1", "usr_ben", "app_planner", shard(0));
    let mut ada = signed_in(&server, "ada");
    for target in [
        "/admin/users/usr_ben/suspend",
        "/admin/users/usr_ben/erase",
        "/admin/users/usr_ben/revoke",
        "/admin/apps/app_planner/revoke",
        "/admin/developers/dev_north/revoke",
    ] {
        let forged = form_request(target, "csrf=x&reason=x&confirm=usr_ben");
        assert_eq!(ada.send(&server, forged).status, 403, "{target}");
    }
    assert_eq!((alive(&server).len(), audit(&server).len()), (1, 0));
}

#[test]
fn names_that_people_chose_are_text_and_lead_nowhere() {
    let server = platform();
    let hostile = "<img src=x onerror=alert(1)>\u{202e}";
    server.stores.database.run(&format!(
        "UPDATE users SET name = '{hostile}', account_name = '{hostile}' WHERE id = 'usr_ben';
         UPDATE apps SET name = '{hostile}', description = '{hostile}' WHERE client_id = 'app_planner';
         UPDATE developers SET name = '{hostile}', contact = '{hostile}' WHERE id = 'dev_north';"
    ));
    connect(&server, "cns_1", "usr_ben", "app_planner", shard(0));
    let mut ada = signed_in(&server, "ada");
    for page in [
        "/admin/users",
        "/admin/users?search=%3Cimg",
        "/admin/users/usr_ben",
        "/admin/apps",
        "/admin/apps?search=%22%3E%3Cimg",
        "/admin/apps/app_planner",
        "/admin/developers",
        "/admin/developers/dev_north",
        "/admin/audit?event=%22%3E%3Cimg",
    ] {
        let shown = ada.get(&server, page);
        assert_eq!(shown.status, 200, "{page}");
        assert!(!shown.body.contains("<img"), "{page}: {shown:?}");
    }
}
