//! Who is asked, who is not, and what is offered to them.

use super::*;
use crate::ledger::EndedBy;
use crate::oauth::client::App;
use crate::oauth::standing::{AppClass, AppStatus};
use crate::store::memory::Fault;

const SITE: &str = "https%3A%2F%2Fapp.example%2Fcallback";
const LOOPBACK: &str = "http%3A%2F%2F127.0.0.1%3A5000%2Fcallback";
const KEY: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";

fn change(server: &Server, change: impl FnOnce(&mut App)) {
    change(server.stores.apps.borrow_mut().get_mut("app_one").unwrap());
}

/// A server whose app waits for its review.
fn not_reviewed(class: AppClass) -> Server {
    let server = Server::new();
    change(&server, |app| {
        (app.class, app.status) = (class, AppStatus::PendingReview)
    });
    server
}

fn to_loopback(more: &str) -> String {
    authorize_link("app_one", more).replace(SITE, LOOPBACK)
}

/// A browser whose user has connected the app.
fn connected(server: &Server, link: &str) -> Browser {
    let mut browser = Browser::default();
    let page = browser.consent_page(server, link);
    assert!(location(&browser.decide(server, &page, "allow")).contains("code="));
    browser
}

fn connect_again(browser: &mut Browser, server: &Server, link: &str) -> Reply {
    let page = location(&browser.get(server, link));
    let page = browser.get(server, &page);
    browser.decide(server, &page, "allow")
}

fn active(server: &Server) -> usize {
    let consents = server.stores.consents.borrow();
    consents.values().filter(|consent| consent.status == "active").count()
}

// Covers: R45
// Rule: UI 5
#[test]
fn a_remembered_consent_is_answered_without_a_page_in_two_trips() {
    let server = Server::new();
    let mut browser = connected(&server, &authorize_link("app_one", ""));
    server.trips();
    let reply = browser.get(&server, &authorize_link("app_one", ""));
    let trips: Vec<_> = server.trips().into_iter().filter(|part| *part != "kv").collect();
    assert_eq!(trips, ["consents", "consents"]);
    let code = returned(&reply)["code"].clone();
    assert_eq!(returned(&reply)["state"], "xyz");
    assert_eq!(active(&server), 1, "the consent it goes by, and no other");
    assert_eq!(server.post("/oauth/token", &redemption(&code)).status, 200);
    // Another request is another claim.
    assert_ne!(
        returned(&browser.get(&server, &authorize_link("app_one", "")))["code"],
        code
    );
}

// Covers: R45
// Rule: UI 5
#[test]
fn an_app_on_the_users_own_device_is_asked_about_every_time() {
    let server = Server::new();
    let mut browser = connected(&server, &to_loopback(""));
    let next = location(&browser.get(&server, &to_loopback("")));
    assert!(next.starts_with("/oauth/consent?"), "{next}");
    assert_eq!(browser.get(&server, &next).status, 200);
    let none = location(&browser.get(&server, &to_loopback("&prompt=none")));
    assert!(none.contains("error=interaction_required"), "{none}");
}

#[test]
fn prompt_brings_the_page_back_or_the_error_it_stands_for() {
    let server = Server::new();
    let mut browser = connected(&server, &authorize_link("app_one", ""));
    let ask = |browser: &mut Browser, more: &str| location(&browser.get(&server, &authorize_link("app_one", more)));
    server.pass(1);
    assert!(ask(&mut browser, "&prompt=consent").starts_with("/oauth/consent?"));
    assert!(ask(&mut browser, "&prompt=login").starts_with("/login?"));
    let account = ask(&mut browser, "&prompt=select_account");
    assert!(
        account.starts_with("/login?") && account.ends_with("&choose=account"),
        "{account}"
    );
    assert!(ask(&mut browser, "&prompt=none").contains("code=lkc_"));
    let more = authorize_link("app_one", "&prompt=none").replace("read:projects", "read:projects%20read:profile");
    assert!(location(&browser.get(&server, &more)).contains("error=consent_required"));
    server.pass(60_000);
    assert!(ask(&mut browser, "&prompt=none&max_age=59").contains("error=login_required"));
    assert!(ask(&mut Browser::default(), "&prompt=none").contains("error=login_required"));
}

#[test]
fn whoever_had_to_sign_in_first_is_not_asked_again_either() {
    let server = Server::new();
    connected(&server, &authorize_link("app_one", ""));
    let mut elsewhere = Browser::default();
    let login = location(&elsewhere.get(&server, &authorize_link("app_one", "")));
    assert!(returned(&elsewhere.sign_in(&server, &login, "alice")).contains_key("code"));

    // Nor where the platform draws the page, which only those see who have to be asked.
    let mut server = server;
    server.config.consent_page = "/connect".into();
    let mut elsewhere = Browser::default();
    let login = location(&elsewhere.get(&server, &authorize_link("app_one", "")));
    assert!(returned(&elsewhere.sign_in(&server, &login, "alice")).contains_key("code"));
    let mut stranger = Browser::default();
    let login = location(&stranger.get(&server, &authorize_link("app_one", "")));
    assert!(location(&stranger.sign_in(&server, &login, "ben")).starts_with("/connect?request_id="));
}

// Covers: R45
#[test]
fn a_consent_that_is_taken_back_is_not_remembered() {
    let server = Server::new();
    let mut browser = connected(&server, &authorize_link("app_one", ""));
    for status in ["revoking", "revoked"] {
        for consent in server.stores.consents.borrow_mut().values_mut() {
            consent.status = status;
        }
        let next = location(&browser.get(&server, &authorize_link("app_one", "")));
        assert!(next.starts_with("/oauth/consent?"), "{status}: {next}");
        let none = returned(&browser.get(&server, &authorize_link("app_one", "&prompt=none")));
        assert_eq!(none["error"], "consent_required", "{status}");
    }
}

// Covers: R33
#[test]
fn an_app_in_test_mode_serves_its_testers_and_members_and_nobody_else() {
    let server = not_reviewed(AppClass::Portal);
    let mut browser = Browser::default();
    let stranger = browser.consent_page(&server, &authorize_link("app_one", ""));
    assert_eq!(stranger.status, 403);
    assert_eq!(browser.get(&server, &authorize_link("app_one", "")).status, 403);
    let none = returned(&browser.get(&server, &authorize_link("app_one", "&prompt=none")));
    assert_eq!(none["error"], "access_denied");
    let alice = "usr_alice".to_owned();
    for (list, id) in [(&server.stores.testers, "app_one"), (&server.stores.members, "dev_one")] {
        list.borrow_mut().insert((id.into(), alice.clone()));
        let page = browser.get(&server, &authorize_link("app_one", ""));
        let page = browser.get(&server, &location(&page));
        let code = returned(&browser.decide(&server, &page, "allow"))["code"].clone();
        assert_eq!(server.post("/oauth/token", &redemption(&code)).status, 200);
        list.borrow_mut().clear();
    }
    assert_eq!(browser.get(&server, &authorize_link("app_one", "")).status, 403);
}

// Covers: R33
#[test]
fn whoever_stops_being_a_tester_while_the_page_is_open_allows_nothing() {
    let server = not_reviewed(AppClass::Operator);
    server
        .stores
        .testers
        .borrow_mut()
        .insert(("app_one".into(), "usr_alice".into()));
    let mut browser = Browser::default();
    let page = browser.consent_page(&server, &authorize_link("app_one", ""));
    server.stores.testers.borrow_mut().clear();
    assert_eq!(browser.decide(&server, &page, "allow").status, 403);
    assert!(server.stores.consents.borrow().is_empty());
    // A no is a no, whoever says it.
    assert_eq!(
        returned(&browser.decide(&server, &page, "deny"))["error"],
        "access_denied"
    );
}

const ORGANIZATION: &str = "
INSERT INTO users (id, username, name, created_at) VALUES ('usr_alice', 'alice', 'Alice Archer', 1);
INSERT INTO developers (id, name, created_at) VALUES ('dev_one', 'Northwind Labs', 1);
INSERT INTO apps (client_id, developer_id, name, description, app_type, class, status, created_at)
  VALUES ('app_one', 'dev_one', 'Project Lens', '', 'spa', 'portal', 'approved', 1);
INSERT INTO organizations (id, name, created_at) VALUES ('org_acme', 'Globex', 1);
INSERT INTO organization_members (organization_id, user_id, role, added_at) VALUES ('org_acme', 'usr_alice', 'member', 1);
INSERT INTO organization_apps (organization_id, client_id, decision, decided_by, decided_at)
  VALUES ('org_acme', 'app_one', 'blocked', 'usr_ada', 1);
";

// Covers: R62
#[test]
fn nobody_connects_in_person_what_their_organization_blocks_and_the_app_is_not_told_why() {
    let server = Server::new();
    server.stores.database.run(ORGANIZATION);
    let mut browser = Browser::default();
    for (language, words) in [
        ("en", "Your organization does not allow this app"),
        ("de", "Ihre Organisation erlaubt diese App nicht"),
        ("es", "Tu organización no permite esta aplicación"),
        ("ja", "あなたの組織はこのアプリを許可していません"),
        ("ar", "مؤسستك لا تسمح بهذا التطبيق"),
    ] {
        let link = authorize_link("app_one", &format!("&ui_locales={language}"));
        let page = match language {
            "en" => browser.consent_page(&server, &link),
            _ => browser.get(&server, &link),
        };
        assert_eq!(page.status, 403, "{language}");
        assert!(page.body.contains(words), "{language}: {:?}", page.body);
        assert!(!page.body.contains("Globex"));
    }
    let none = returned(&browser.get(&server, &authorize_link("app_one", "&prompt=none")));
    assert_eq!(none["error"], "access_denied");
    assert_eq!(none["error_description"], "this app cannot be connected at the moment");
    // To everybody else it is an app like any other.
    let mut outsider = Browser::default();
    let login = location(&outsider.get(&server, &authorize_link("app_one", "")));
    let page = outsider.sign_in(&server, &login, "ben");
    assert!(location(&outsider.decide(&server, &page, "allow")).contains("code="));
}

#[test]
fn a_block_counts_for_an_open_page_and_for_what_was_remembered() {
    let server = Server::new();
    let mut browser = connected(&server, &authorize_link("app_one", ""));
    let page = location(&browser.get(&server, &authorize_link("app_one", "&prompt=consent")));
    let page = browser.get(&server, &page);
    server.stores.database.run(ORGANIZATION);
    assert_eq!(browser.decide(&server, &page, "allow").status, 403);
    assert_eq!(browser.get(&server, &authorize_link("app_one", "")).status, 403);
    let none = returned(&browser.get(&server, &authorize_link("app_one", "&prompt=none")));
    assert_eq!(none["error"], "access_denied");
    // A no is a no, whoever says it.
    assert_eq!(
        returned(&browser.decide(&server, &page, "deny"))["error"],
        "access_denied"
    );
}

#[test]
fn an_unverified_app_takes_so_many_people_and_no_more() {
    let mut server = not_reviewed(AppClass::Registered);
    server.config.unverified_app_users = 1;
    let mut ben = Browser::default();
    let login = location(&ben.get(&server, &authorize_link("app_one", "")));
    let bens_page = ben.sign_in(&server, &login, "ben");
    let mut alice = connected(&server, &authorize_link("app_one", ""));
    assert_eq!(ben.decide(&server, &bens_page, "allow").status, 403);
    assert_eq!(ben.get(&server, &authorize_link("app_one", "")).status, 403);
    // Whoever has it keeps it, also after taking it back; and is asked every time.
    for consent in server.stores.consents.borrow_mut().values_mut() {
        consent.status = "revoked";
    }
    assert!(location(&connect_again(&mut alice, &server, &authorize_link("app_one", ""))).contains("code="));
    assert!(location(&alice.get(&server, &authorize_link("app_one", ""))).starts_with("/oauth/consent?"));
    change(&server, |app| app.status = AppStatus::Approved);
    assert!(location(&connect_again(&mut ben, &server, &authorize_link("app_one", ""))).contains("code="));
}

// Covers: B1, R33
#[test]
fn an_app_acts_for_itself_only_once_it_was_reviewed_and_never_if_it_registered_itself() {
    let server = Server::new();
    let ask = |class, status| {
        {
            let mut apps = server.stores.apps.borrow_mut();
            let app = apps.get_mut("app_two").unwrap();
            (app.class, app.status) = (class, status);
        }
        let form = "grant_type=client_credentials&client_id=app_two&client_secret=lks_right";
        let reply = server.post("/oauth/token", form);
        (reply.status, json(&reply)["error"].as_str().map(str::to_owned))
    };
    for class in [AppClass::Portal, AppClass::Operator] {
        assert_eq!(ask(class, AppStatus::Approved), (200, None));
        for status in [AppStatus::Draft, AppStatus::PendingReview] {
            assert_eq!(
                ask(class, status),
                (400, Some("unauthorized_client".into())),
                "{status:?}"
            );
        }
    }
    for class in [AppClass::Registered, AppClass::MetadataDocument] {
        for status in [AppStatus::Draft, AppStatus::Approved] {
            assert_eq!(
                ask(class, status),
                (400, Some("unauthorized_client".into())),
                "{status:?}"
            );
        }
    }
}

#[test]
fn each_authorization_of_a_program_on_a_device_is_an_install_of_its_own_unless_its_key_says_otherwise() {
    let server = Server::new();
    let mut browser = connected(&server, &to_loopback(""));
    connect_again(&mut browser, &server, &to_loopback(""));
    assert_eq!(active(&server), 2);
    let bound = to_loopback(&format!("&dpop_jkt={KEY}"));
    connect_again(&mut browser, &server, &bound);
    connect_again(&mut browser, &server, &bound);
    assert_eq!(active(&server), 3);
    // A site is one connection, whatever key it binds its codes to.
    connect_again(
        &mut browser,
        &server,
        &authorize_link("app_one", &format!("&prompt=consent&dpop_jkt={KEY}")),
    );
    connect_again(&mut browser, &server, &authorize_link("app_one", "&prompt=consent"));
    assert_eq!(active(&server), 4);
}

#[test]
fn the_twenty_first_install_makes_room_by_ending_the_oldest_in_the_ledger_too() {
    let server = Server::new();
    let mut browser = connected(&server, &to_loopback(""));
    let first = server.stores.consents.borrow().keys().next().unwrap().clone();
    for _ in 0..20 {
        server.pass(1_000);
        assert_eq!(server.stores.consents.borrow()[&first].status, "active");
        connect_again(&mut browser, &server, &to_loopback(""));
    }
    assert_eq!(active(&server), 20);
    let consent = server.stores.consents.borrow()[&first].clone();
    assert_eq!(
        (consent.status, consent.ended_by),
        ("revoked", Some(EndedBy::Displaced))
    );
    let ledgers = server.stores.ledgers.borrow();
    assert!(ledgers[&consent.active.shard].ended_consents.contains_key(&first));
}

#[test]
fn an_install_that_the_ledger_could_not_end_is_ended_by_the_next_run() {
    let server = Server::new();
    let mut browser = connected(&server, &to_loopback(""));
    for _ in 0..19 {
        server.pass(1_000);
        connect_again(&mut browser, &server, &to_loopback(""));
    }
    server.stores.plan(&[Fault::Before("ledger"), Fault::Before("ledger")]);
    assert!(location(&connect_again(&mut browser, &server, &to_loopback(""))).contains("code="));
    let count = |status: &str| {
        let consents = server.stores.consents.borrow();
        consents.values().filter(|consent| consent.status == status).count()
    };
    assert_eq!((count("active"), count("revoking")), (20, 1));
    connect_again(&mut browser, &server, &to_loopback(""));
    assert_eq!((count("active"), count("revoking"), count("revoked")), (20, 0, 2));
}

fn with_optional(server: &Server, optional: &[&str]) {
    change(server, |app| {
        for scope in &mut app.scopes {
            scope.is_optional = optional.contains(&scope.scope.as_str());
        }
    });
}

fn decide_with(browser: &mut Browser, server: &Server, page: &Reply, more: &str) -> Reply {
    let form = format!("request={}&decision=allow{more}", hidden(page, "request"));
    browser.send(server, form_request("/oauth/consent", &form))
}

fn scopes_of(server: &Server, code: &str) -> String {
    let reply = server.post("/oauth/token", &redemption(code));
    assert_eq!(reply.status, 200, "{reply:?}");
    json(&reply)["scope"].as_str().unwrap().to_owned()
}

// Covers: B21
#[test]
fn what_the_user_leaves_out_is_in_neither_token_nor_consent_and_what_is_locked_stays() {
    let server = Server::new();
    with_optional(&server, &["read:projects", "read:billing"]);
    let asked = "read:projects%20read:profile%20read:billing";
    let link = authorize_link("app_one", "").replace("read:projects", asked);
    let mut browser = Browser::default();
    let page = browser.consent_page(&server, &link);
    assert!(
        page.body.contains("name=\"scope\" value=\"read:projects\" checked"),
        "{page:?}"
    );
    assert!(!page.body.contains("name=\"scope\" value=\"read:profile\""));
    // Nothing can be added, and nothing that is locked is lost for not being sent.
    let more = "&scope=read:projects&scope=write:projects&scope=read:projects";
    let code = returned(&decide_with(&mut browser, &server, &page, more))["code"].clone();
    let payload = server.stores.copies.borrow().values().next().unwrap().clone();
    assert_eq!(payload.scopes.to_string(), "read:profile read:projects");
    assert_eq!(
        payload.resources,
        ["https://api.example"],
        "no API that nothing was chosen of"
    );
    assert_eq!(scopes_of(&server, &code), "read:profile read:projects");
    let consent = server.stores.consents.borrow().values().next().unwrap().active.clone();
    assert_eq!(consent.scopes.to_string(), "read:profile read:projects");
    assert_eq!(consent.declined.to_string(), "read:billing");
    // Asked for again it is left out again, without a page.
    let code = returned(&browser.get(&server, &link))["code"].clone();
    assert_eq!(scopes_of(&server, &code), "read:profile read:projects");
    // The page shows it as it was left.
    let page = location(&browser.get(&server, &format!("{link}&prompt=consent")));
    let page = browser.get(&server, &page);
    assert!(
        page.body.contains("name=\"scope\" value=\"read:billing\"> "),
        "{page:?}"
    );
    let code = returned(&decide_with(&mut browser, &server, &page, "&scope=read:billing"))["code"].clone();
    assert_eq!(scopes_of(&server, &code), "read:billing read:profile");
    let consent = server.stores.consents.borrow().values().next().unwrap().active.clone();
    assert_eq!(consent.declined.to_string(), "read:projects");
}

#[test]
fn whoever_leaves_out_everything_sees_the_page_again_and_nothing_is_decided() {
    let server = Server::new();
    with_optional(&server, &["read:projects"]);
    let mut browser = Browser::default();
    let page = browser.consent_page(&server, &authorize_link("app_one", ""));
    let again = decide_with(&mut browser, &server, &page, "&scope=read:profile");
    assert_eq!(again.status, 400);
    assert!(
        again.body.contains("name=\"scope\" value=\"read:projects\"> "),
        "{again:?}"
    );
    assert!(server.stores.decisions.borrow().is_empty() && server.stores.copies.borrow().is_empty());
    let code = returned(&decide_with(&mut browser, &server, &again, "&scope=read:projects"))["code"].clone();
    assert_eq!(scopes_of(&server, &code), "read:projects");
}

#[test]
fn trying_again_keeps_what_was_chosen() {
    let server = Server::new();
    with_optional(&server, &["read:projects", "write:projects"]);
    let asked = "read:projects%20write:projects";
    let link = authorize_link("app_one", "").replace("read:projects", asked);
    let mut browser = Browser::default();
    let page = browser.consent_page(&server, &link);
    server
        .stores
        .plan(&[Fault::Before("consents"), Fault::After("consents")]);
    let down = decide_with(&mut browser, &server, &page, "&scope=write:projects&scope=%3Cb%3E");
    assert_eq!(down.status, 503);
    assert!(
        down.body.contains("name=\"scope\" value=\"write:projects\"") && !down.body.contains("&lt;b"),
        "{down:?}"
    );
    let code = returned(&decide_with(&mut browser, &server, &down, "&scope=write:projects"))["code"].clone();
    assert_eq!(scopes_of(&server, &code), "write:projects");
}

// Covers: B15
#[test]
fn the_consent_page_may_be_the_platforms_own() {
    let mut server = Server::new();
    server.config.consent_page = "/connect".into();
    let mut browser = Browser::default();
    browser.sign_in(&server, "/login", "alice");
    let next = location(&browser.get(&server, &authorize_link("app_one", "")));
    assert!(next.starts_with("/connect?request_id="), "{next}");
}

fn page_for(browser: &mut Browser, server: &Server, link: &str) -> Reply {
    let next = location(&browser.get(server, link));
    browser.get(server, &next)
}

// Rule: UI 4, UI 6
#[test]
fn the_page_says_whether_anybody_has_reviewed_the_app_and_warns_where_nobody_has() {
    let says = |class, status| {
        let server = Server::new();
        change(&server, |app| (app.class, app.status) = (class, status));
        server
            .stores
            .testers
            .borrow_mut()
            .insert(("app_one".into(), "usr_alice".into()));
        let mut browser = Browser::default();
        browser.consent_page(&server, &authorize_link("app_one", "")).body
    };
    let reviewed = says(AppClass::Registered, AppStatus::Approved);
    assert!(reviewed.contains("Reviewed by <bdi>Acme Projects</bdi>") && !reviewed.contains("class=\"notice\""));
    let unverified = says(AppClass::MetadataDocument, AppStatus::Draft);
    assert!(unverified.contains("Not reviewed") && unverified.contains("has reviewed this app yet"));
    let testing = says(AppClass::Portal, AppStatus::PendingReview);
    assert!(testing.contains("Not reviewed") && testing.contains("one of its testers"));
}

#[test]
fn allow_and_deny_are_of_equal_standing() {
    let server = Server::new();
    let page = Browser::default().consent_page(&server, &authorize_link("app_one", ""));
    for (value, text) in [("deny", "Deny"), ("allow", "Allow Access")] {
        let button =
            format!("<button type=\"submit\" name=\"decision\" value=\"{value}\" class=\"button\">{text}</button>");
        assert!(page.body.contains(&button), "{page:?}");
    }
    assert!(!page.body.contains("autofocus"));
}

#[test]
fn what_was_agreed_to_before_stands_apart_and_a_page_without_news_says_so() {
    let server = Server::new();
    let mut browser = connected(&server, &authorize_link("app_one", ""));
    let again = page_for(&mut browser, &server, &authorize_link("app_one", "&prompt=consent"));
    assert!(again.body.contains("You have allowed all of this before") && !again.body.contains("class=\"mark new\""));
    let wider = authorize_link("app_one", "").replace("read:projects", "read:projects%20read:profile");
    let more = page_for(&mut browser, &server, &wider);
    let (new, old) = more.body.split_once("You have already allowed:").unwrap();
    assert!(new.contains("Use read:profile <span class=\"mark new\">") && !new.contains("Use read:projects"));
    assert!(old.contains("Use read:projects") && !old.contains("class=\"mark new\""));
}

// Covers: R33
// Rule: ATTACK 10
#[test]
fn whom_an_app_does_not_serve_is_told_in_words_that_hold_none_of_its_markup() {
    let server = not_reviewed(AppClass::Portal);
    change(&server, |app| app.name = "<img src=x onerror=alert(1)>\u{202e}".into());
    let mut browser = Browser::default();
    let page = browser.consent_page(&server, &authorize_link("app_one", ""));
    assert_eq!(page.status, 403);
    assert!(
        !page.body.contains("<img") && !page.body.contains('\u{202e}'),
        "{page:?}"
    );
    assert!(
        page.body
            .contains("href=\"https://app.example/callback?error=access_denied")
    );
    assert!(page.body.contains("app.example</strong>"), "where the way back leads");
}

#[test]
fn signed_out_meanwhile_and_switched_off_meanwhile_are_two_pages() {
    let server = Server::new();
    let mut browser = Browser::default();
    let page = browser.consent_page(&server, &authorize_link("app_one", ""));
    change(&server, |app| app.status = AppStatus::Suspended);
    let off = browser.decide(&server, &page, "allow");
    assert!(
        off.status == 400 && off.body.contains("This app cannot be connected now"),
        "{off:?}"
    );
    server.stores.sessions.borrow_mut().clear();
    let out = browser.decide(&server, &page, "allow");
    assert!(out.status == 403 && out.body.contains("You are signed out"), "{out:?}");
}
