use super::*;
use crate::oauth::redirect_uri::Destination;
use crate::oauth::standing::Standing;
use crate::store::User;
use crate::words::{Language, Phrase};

fn user() -> User {
    User {
        id: "usr_one".into(),
        username: "alice".into(),
        name: "Alice Example".into(),
    }
}

fn consent<'a>(user: &'a User, name: &str, destination: Destination<'a>) -> String {
    let permission = |description, new| Permission {
        scope: "read:it",
        description: Phrase::new(Language::ENGLISH, None, description),
        sensitive: false,
        new,
        optional: false,
        ticked: true,
    };
    let page = ConsentPage {
        look: Look::of_platform("Acme Projects", Language::ENGLISH),
        emblem: Emblem::new(None, &DisplayName::new(name, "Unnamed")),
        app_name: DisplayName::new(name, "Unnamed"),
        developer_name: DisplayName::new("Northwind Labs", "Unnamed"),
        destination,
        user,
        standing: Standing::Reviewed,
        asked: vec![PermissionGroup {
            api: "Projects API",
            permissions: vec![permission("View your team", true)],
        }],
        already: vec![PermissionGroup {
            api: "Projects API",
            permissions: vec![permission("View your projects and tasks", false)],
        }],
        may_leave_out: false,
        unused_days: Some(365),
        nothing_chosen: false,
        request: "sealed",
        switch_account: "/login?continue=%2F",
    };
    page.render().unwrap()
}

// Covers: R42
#[test]
fn the_consent_page_says_who_asks_whom_for_what_and_how_to_take_it_back() {
    let user = user();
    let page = consent(&user, "Project Lens", Destination::Host("app.example"));
    for words in [
        "Authorize <bdi>Project Lens</bdi>",
        "by <bdi>Northwind Labs</bdi>",
        "wants to access your <bdi>Acme Projects</bdi> account",
        "This application will be able to:",
        "View your projects and tasks",
        "Alice Example",
        "<bdi><strong>app.example</strong></bdi>",
        "Deny</button>",
        "Allow Access</button>",
        "You can revoke this access at any time in your account settings.",
    ] {
        assert!(page.contains(words), "{words}\n{page}");
    }
    assert_eq!(page.matches("<form").count(), 1);
    assert_eq!(page.matches("<button type=\"submit\"").count(), 2);
    assert!(!page.contains("<script") && !page.contains(" style="));
}

// Rule: UI 8
#[test]
fn a_hostile_name_is_text_and_nothing_else() {
    let user = user();
    let page = consent(
        &user,
        "<img src=x onerror=alert(1)>\u{202e}evil\u{200b}\u{0}",
        Destination::ThisDevice,
    );
    assert!(!page.contains("<img"));
    assert!(page.contains("&#60;img src=x onerror=alert(1)&#62;evil"), "{page}");
    assert!(!page.contains('\u{202e}') && !page.contains('\u{200b}'));
}

// Rule: UI 4
#[test]
fn the_page_warns_when_the_answer_goes_to_a_program_on_this_device() {
    let user = user();
    assert!(consent(&user, "x", Destination::ThisDevice).contains("Go on only if you have just started it yourself"));
    assert!(consent(&user, "x", Destination::Scheme("com.example.app")).contains("com.example.app"));
}

// Rule: UI 8
#[test]
fn the_page_says_so_when_a_name_mixes_alphabets() {
    let user = user();
    let shown = |name| consent(&user, name, Destination::Host("app.example"));
    assert!(shown("P\u{430}ypal").contains("mixes letters of different alphabets"));
    assert!(!shown("Paypal").contains("alphabets"));
}
