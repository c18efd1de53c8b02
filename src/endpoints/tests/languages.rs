//! Which language a person is answered in.

use super::*;
use crate::oauth::client::testing::public_app;

impl Browser {
    fn get_preferring(&mut self, server: &Server, target: &str, accept_language: &str) -> Reply {
        let mut request = get_request(target);
        request.headers.insert("accept-language".into(), accept_language.into());
        self.send(server, request)
    }
}

fn is_in(reply: &Reply, language: &str) -> bool {
    reply.body.contains(&format!("<html lang=\"{language}\" dir="))
}

#[test]
fn the_language_an_app_asks_for_lasts_from_sign_in_to_the_decision() {
    let server = Server::new();
    let mut browser = Browser::default();
    let link = authorize_link("app_one", "&ui_locales=fr+ja+de");
    let login = location(&browser.get(&server, &link));
    let page = browser.get_preferring(&server, &login, "es");
    assert!(is_in(&page, "ja") && page.body.contains("サインイン"), "{page:?}");
    let refused = browser.send(&server, form_request(&login, "csrf=x&username=alice"));
    assert!(refused.status == 403 && is_in(&refused, "ja"), "{refused:?}");
    let consent = browser.sign_in(&server, &login, "alice");
    assert!(
        is_in(&consent, "ja") && consent.body.contains("アクセスを許可"),
        "{consent:?}"
    );
    browser.decide(&server, &consent, "allow");
    server.pass(6000);
    let decided = browser.decide(&server, &consent, "allow");
    assert!(decided.status == 409 && is_in(&decided, "ja"), "{decided:?}");
}

#[test]
fn where_no_app_asks_the_browser_does_and_english_comes_last() {
    let server = Server::new();
    let browser = &mut Browser::default();
    assert!(is_in(
        &browser.get_preferring(&server, "/login", "de-CH,en;q=0.5"),
        "de"
    ));
    assert!(is_in(&browser.get_preferring(&server, "/login", "fr"), "en"));
    assert!(is_in(&browser.get(&server, "/login"), "en"));
    let arabic = browser.get_preferring(&server, "/login?ui_locales=ar", "de");
    assert!(arabic.body.contains("<html lang=\"ar\" dir=\"rtl\">"), "{arabic:?}");
    let link = authorize_link("nobody", "");
    assert!(is_in(&browser.get_preferring(&server, &link, "es"), "es"));
}

#[test]
fn a_list_of_languages_that_is_too_long_is_no_error_and_counts_for_nothing() {
    let server = Server::new();
    let browser = &mut Browser::default();
    let link = authorize_link("app_one", &format!("&ui_locales={}de", "x+".repeat(50)));
    let login = location(&browser.get(&server, &link));
    assert!(is_in(&browser.get(&server, &login), "en"));
}

#[test]
fn scopes_are_described_in_the_language_of_the_page_and_marked_where_they_cannot_be() {
    let server = Server::new();
    let mut app = public_app();
    let mut scopes = app.apis.iter_mut().flat_map(|api| &mut api.scopes);
    let scope = scopes.find(|scope| scope.name == "read:projects").unwrap();
    scope.translations =
        serde_json::from_str(r#"{"de":{"title":"x","description":"Ihr Profil <ansehen>"},"es":{"title":"x"}}"#)
            .unwrap();
    let english = scope.description.clone();
    server.stores.apps.borrow_mut().insert(app.client_id.clone(), app);
    let consent = |language: &str| {
        let link = authorize_link("app_one", &format!("&ui_locales={language}"));
        Browser::default().consent_page(&server, &link).body.to_string()
    };
    let german = consent("de");
    assert!(german.contains("<li>Ihr Profil &#60;ansehen&#62;"), "{german}");
    assert!(!german.contains(&english));
    let spanish = consent("es");
    assert!(
        spanish.contains(&format!("<span lang=\"en\" dir=\"ltr\">{english}</span>")),
        "{spanish}"
    );
    assert!(consent("en").contains(&format!("<li>{english}")));
}
