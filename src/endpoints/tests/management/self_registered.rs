//! Apps that registered themselves: reviewers take them up.

use serde_json::json;

use super::reviews::{QUEUE, app, approve, draft, reject, switch};
use super::*;

#[test]
fn an_app_that_registered_itself_is_taken_up_and_approved_by_reviewers() {
    let server = portal();
    let (mut alice, mut rita) = (signed_in(&server, "alice"), signed_in(&server, "rita"));
    server.stores.database.run(
        "INSERT INTO apps (client_id, developer_id, name, description, app_type, class, status, created_at)
         VALUES ('https://mcp.example/client', 'dev_unclaimed', 'Agent', 'Acts', 'mobile', 'metadata_document', 'draft', 1);
         INSERT INTO app_redirect_uris VALUES ('https://mcp.example/client', 'http://127.0.0.1/cb');
         INSERT INTO app_scopes (client_id, scope) VALUES ('https://mcp.example/client', 'read:projects');
         INSERT INTO app_users VALUES ('https://mcp.example/client', 'usr_alice', 1);",
    );
    let path = "/api/admin/apps/https%3A%2F%2Fmcp.example%2Fclient/submissions";
    assert_eq!(problem(&alice.send(&server, call("POST", path, &Value::Null))).0, 403);
    let taken = rita.send(&server, call("POST", path, &Value::Null));
    assert_eq!(taken.status, 201, "{taken:?}");
    assert_eq!(problem(&rita.send(&server, call("POST", path, &Value::Null))).0, 409);
    let sub = json(&taken)["id"].as_str().unwrap().to_owned();
    let seen = json(&rita.get(&server, &format!("{QUEUE}/{sub}")));
    assert_eq!(
        (&seen["app"]["users"], &seen["app"]["most_users_before_review"]),
        (&json!(1), &json!(100))
    );
    let page = rita.get(&server, &format!("/admin/reviews/{sub}"));
    assert!(page.body.contains("1 of 100"), "{page:?}");
    assert_eq!(approve(&server, &mut rita, &sub).status, 200);
    assert!(app(&server, "https://mcp.example/client").starts_with("approved 1 Agent usr_rita"));
    // What developers submit, reviewers do not take up.
    let own = draft(&server, &mut alice);
    let refused = switch(&server, &mut rita, &own, "submissions", &Value::Null);
    assert_eq!(problem(&refused).0, 409);
}

#[test]
fn a_rejected_app_that_registered_itself_is_not_revived_by_taking_it_up_again() {
    let server = portal();
    let mut rita = signed_in(&server, "rita");
    server.stores.database.run(
        "INSERT INTO apps (client_id, developer_id, name, description, app_type, class, status, created_at)
         VALUES ('app_self', 'dev_unclaimed', 'Agent', 'Acts', 'mobile', 'registered', 'draft', 1);
         INSERT INTO app_redirect_uris VALUES ('app_self', 'http://127.0.0.1/cb');
         INSERT INTO app_scopes (client_id, scope) VALUES ('app_self', 'read:projects');",
    );
    let take_up = |rita: &mut Browser| {
        let taken = switch(&server, rita, "app_self", "submissions", &Value::Null);
        assert_eq!(taken.status, 201, "{taken:?}");
        json(&taken)["id"].as_str().unwrap().to_owned()
    };
    let first = take_up(&mut rita);
    assert!(app(&server, "app_self").starts_with("pending_review 1 "));
    assert_eq!(reject(&server, &mut rita, &first).status, 200);
    let second = take_up(&mut rita);
    assert!(app(&server, "app_self").starts_with("rejected 2 "));
    let reason = json!({ "reason": "No" });
    assert_eq!(switch(&server, &mut rita, "app_self", "suspend", &reason).status, 200);
    assert_eq!(
        switch(&server, &mut rita, "app_self", "reinstate", &Value::Null).status,
        200
    );
    assert!(app(&server, "app_self").starts_with("rejected 3 "));
    assert_eq!(approve(&server, &mut rita, &second).status, 200);
    assert!(app(&server, "app_self").starts_with("approved 3 "));
}

#[test]
fn an_app_that_asks_for_nothing_in_particular_is_reviewed_with_what_it_lives_on_and_keeps_exactly_that() {
    let server = portal();
    let mut rita = signed_in(&server, "rita");
    server.stores.database.run(
        "INSERT INTO apps (client_id, developer_id, name, description, app_type, class, status, created_at)
         VALUES ('app_self', 'dev_unclaimed', 'Agent', 'Acts', 'mobile', 'registered', 'draft', 1);
         INSERT INTO app_redirect_uris VALUES ('app_self', 'http://127.0.0.1/cb');
         UPDATE client_grants SET access = 'none';
         INSERT INTO client_grants (client_id, api_id, subject_type, access) VALUES ('*', 'api_inner', 'user', 'none');",
    );
    let grant = |access: &str, scopes: &str| {
        server.stores.database.run(&format!(
            "UPDATE client_grants SET access = '{access}', scopes = '{scopes}' WHERE api_id = 'api_projects'"
        ));
    };
    // With no permission at all there is nothing to approve.
    let nothing = switch(&server, &mut rita, "app_self", "submissions", &Value::Null);
    assert_eq!(problem(&nothing).0, 409, "{nothing:?}");
    assert!(app(&server, "app_self").starts_with("draft "));
    grant("chosen", r#"["read:projects", "write:projects"]"#);
    let taken = switch(&server, &mut rita, "app_self", "submissions", &Value::Null);
    assert_eq!(taken.status, 201, "{taken:?}");
    let sub = json(&taken)["id"].as_str().unwrap().to_owned();
    let frozen: Vec<_> = json(&taken)["content"]["scopes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|scope| (scope["scope"].clone(), scope["is_default"].clone()))
        .collect();
    assert_eq!(
        frozen,
        [
            (json!("read:projects"), json!(true)),
            (json!("write:projects"), json!(false))
        ]
    );
    // The reviewer reads them, and why they are there, before they decide.
    let page = rita.get(&server, &format!("/admin/reviews/{sub}"));
    assert!(page.body.contains("write:projects") && page.body.contains("no permissions in particular"));
    let seen = json(&rita.get(&server, &format!("{QUEUE}/{sub}")));
    let codes: Vec<_> = seen["observations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["code"])
        .collect();
    assert!(codes.contains(&&json!("default_permissions")), "{codes:?}");
    // What the default permissions become is no matter any more.
    grant("all", "[]");
    assert_eq!(approve(&server, &mut rita, &sub).status, 200);
    let kept = server
        .stores
        .database
        .column("SELECT scope FROM app_scopes ORDER BY scope");
    assert_eq!(kept, ["read:projects", "write:projects"]);
}

#[test]
fn a_submission_without_a_single_permission_cannot_be_approved() {
    let server = portal();
    let mut rita = signed_in(&server, "rita");
    server.stores.database.run(
        r#"INSERT INTO apps (client_id, developer_id, name, description, app_type, class, status, created_at)
           VALUES ('app_self', 'dev_unclaimed', 'Agent', 'Acts', 'mobile', 'registered', 'pending_review', 1);
           INSERT INTO app_redirect_uris VALUES ('app_self', 'http://127.0.0.1/cb');
           INSERT INTO submissions (id, client_id, number, status, content, testing, submitted_by, submitted_at, developer_name)
           VALUES ('sub_bare', 'app_self', 1, 'pending', '{"name":"Agent","description":"","redirect_uris":[],"scopes":[]}', '',
                   'usr_ada', 1, '')"#,
    );
    assert_eq!(problem(&approve(&server, &mut rita, "sub_bare")).0, 409);
    assert!(app(&server, "app_self").starts_with("pending_review "));
    assert_eq!(reject(&server, &mut rita, "sub_bare").status, 200);
}

#[test]
fn reviewers_take_up_an_app_by_the_form_of_the_queue_or_of_its_page_and_nobody_else_does() {
    let server = portal();
    let (mut rita, mut ada) = (signed_in(&server, "rita"), signed_in(&server, "ada"));
    for id in ["app_one", "app_two"] {
        server.stores.database.run(&format!(
            "INSERT INTO apps (client_id, developer_id, name, description, app_type, class, status, created_at)
             VALUES ('{id}', 'dev_unclaimed', 'Agent', 'Acts', 'mobile', 'registered', 'draft', 1);
             INSERT INTO app_redirect_uris VALUES ('{id}', 'http://127.0.0.1/cb');
             INSERT INTO app_scopes (client_id, scope) VALUES ('{id}', 'read:projects');"
        ));
    }
    let take_up = |browser: &mut Browser, page: &str, id: &str| {
        let csrf = hidden(&browser.get(&server, page), "csrf");
        let form = format!("csrf={csrf}&client_id={id}");
        browser.send(&server, form_request("/admin/reviews", &form))
    };
    // Not even a developer.
    let mut carol = signed_in(&server, "carol");
    let refused = take_up(&mut carol, "/developers/apps/new", "app_one");
    assert_eq!(refused.status, 403, "{refused:?}");
    assert!(app(&server, "app_one").starts_with("draft "));
    let taken = take_up(&mut rita, "/admin/reviews", "app_one");
    let review = location(&taken).to_owned();
    assert!(review.starts_with("/admin/reviews/sub_"), "{taken:?}");
    assert!(rita.get(&server, &review).body.contains("/approve"));
    assert!(app(&server, "app_one").starts_with("pending_review "));
    assert_eq!(take_up(&mut rita, "/admin/reviews", "app_one").status, 400);
    // Administrators review too, and find the button on the app's page until it has been taken up.
    let offered = |ada: &mut Browser, id: &str| {
        ada.get(&server, &format!("/admin/apps/{id}"))
            .body
            .contains("Take it up")
    };
    assert!(offered(&mut ada, "app_two") && !offered(&mut ada, "app_one"));
    let taken = take_up(&mut ada, "/admin/apps/app_two", "app_two");
    assert!(location(&taken).starts_with("/admin/reviews/sub_"), "{taken:?}");
    assert!(!offered(&mut ada, "app_two"));
}

#[test]
fn an_app_whose_id_is_an_address_has_its_pages_and_each_leads_on_to_the_others() {
    let server = portal();
    server.stores.database.run(
        "INSERT INTO apps (client_id, developer_id, name, description, app_type, class, status, created_at)
         VALUES ('https://mcp.example/a?b=c', 'dev_north', 'Agent', 'Acts', 'mobile', 'metadata_document', 'draft', 1);
         INSERT INTO app_redirect_uris VALUES ('https://mcp.example/a?b=c', 'http://127.0.0.1/cb');
         INSERT INTO user_roles (user_id, role) VALUES ('usr_alice', 'administrator');",
    );
    let mut alice = signed_in(&server, "alice");
    let segment = "https%3A%2F%2Fmcp.example%2Fa%3Fb%3Dc";
    let (mine, console) = (format!("/developers/apps/{segment}"), format!("/admin/apps/{segment}"));
    let tabs = [
        "settings",
        "credentials",
        "permissions",
        "testing",
        "review",
        "usage",
        "log",
        "delete",
    ];
    let pages = tabs.iter().map(|tab| format!("{mine}/{tab}"));
    for page in pages.chain([console.clone(), format!("{console}/policy")]) {
        let reply = alice.get(&server, &page);
        assert_eq!(reply.status, 200, "{page}");
        // Neither in a link nor in a form does the address stand as it is.
        for place in ["href=\"/", "action=\"/"] {
            for link in reply.body.split(place).skip(1) {
                let link = link.split('"').next().unwrap();
                assert!(!link.contains("https://"), "{page}: {link}");
            }
        }
        assert!(reply.body.contains(segment), "{page}");
    }
    for api in [
        format!("/api/developer/apps/{segment}"),
        format!("/api/admin/apps/{segment}"),
    ] {
        assert_eq!(
            json(&alice.get(&server, &api))["client_id"],
            "https://mcp.example/a?b=c"
        );
    }
}
