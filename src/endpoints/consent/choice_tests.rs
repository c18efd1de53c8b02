use super::*;
use crate::ledger::shard::Shard;
use crate::oauth::client::testing::app_json;
use crate::oauth::pkce::CodeChallenge;
use crate::oauth::pkce::testing::CHALLENGE;
use crate::oauth::redirect_uri::{RedirectUri, VerifiedRedirect};
use crate::oauth::standing::AppStatus;

fn scopes(text: &str) -> Scopes {
    text.split_whitespace().collect()
}

/// The app of the other tests, with `write:projects` marked as sensitive.
fn app() -> App {
    let mut json = app_json();
    json["apis"][0]["scopes"][2]["sensitive"] = 1.into();
    serde_json::from_value(json).unwrap()
}

fn request(asked: &str, optional: &str, redirect_uri: &str) -> AuthorizationRequest {
    AuthorizationRequest {
        client_id: "app_one".into(),
        app_epoch: 1,
        redirect_uri: VerifiedRedirect::find(redirect_uri, &[RedirectUri::from(redirect_uri)]).unwrap(),
        scopes: scopes(asked),
        optional: scopes(optional),
        resources: vec!["https://api.example".into()],
        state: None,
        code_challenge: CodeChallenge::parse(Some(CHALLENGE), Some("S256")).unwrap(),
        dpop_jkt: None,
        prompt: crate::oauth::authorization_request::Prompt::default(),
        max_age: None,
        login_hint: None,
        ui_locales: None,
    }
}

fn to_site(asked: &str, optional: &str) -> AuthorizationRequest {
    request(asked, optional, "https://app.example/callback")
}

fn consent(instance: &str, granted: &str, declined: &str) -> ActiveConsent {
    ActiveConsent {
        id: format!("cns_{instance}"),
        shard: Shard::from_number(0).unwrap(),
        instance: instance.into(),
        scopes: scopes(granted),
        declined: scopes(declined),
    }
}

fn offered(offer: &Offer<'_>) -> Vec<(String, bool, bool)> {
    let all = offer.apis.iter().flat_map(|(_, permissions)| permissions);
    all.map(|permission| (permission.scope.name.clone(), permission.is_new, permission.is_ticked))
        .collect()
}

#[test]
fn only_what_the_user_was_never_asked_about_is_new_whichever_install_it_was_for() {
    let (app, request) = (app(), to_site("read:profile read:projects write:projects", ""));
    let state = |consents: &[ActiveConsent]| {
        let offer = Offer::new(&app, &request, consents, None);
        let new: Vec<_> = offered(&offer)
            .into_iter()
            .filter(|(_, new, _)| *new)
            .map(|(name, ..)| name)
            .collect();
        (offer.state, new.join(" "))
    };
    let all = "read:profile read:projects write:projects";
    assert_eq!(state(&[]), (OfferState::FirstTime, all.to_owned()));
    let some = consent("laptop", "read:projects", "");
    assert_eq!(
        state(std::slice::from_ref(&some)),
        (OfferState::More, "read:profile write:projects".into())
    );
    let rest = consent("", "read:profile write:projects", "");
    assert_eq!(state(&[some, rest]), (OfferState::NothingNew, String::new()));
}

#[test]
fn optional_scopes_are_ticked_unless_they_are_sensitive_or_were_left_out_before() {
    let app = app();
    let request = to_site(
        "read:profile read:projects write:projects",
        "read:projects write:projects",
    );
    let ticked = |consents: &[ActiveConsent], sent: Option<&Scopes>| {
        let offer = Offer::new(&app, &request, consents, sent);
        offered(&offer)
            .into_iter()
            .map(|(_, _, ticked)| ticked)
            .collect::<Vec<_>>()
    };
    assert_eq!(ticked(&[], None), [true, true, false]);
    assert_eq!(
        ticked(&[consent("", "read:profile write:projects", "read:projects")], None),
        [true, false, true]
    );
    // On a page that comes back everything is as it was sent, but what is locked stays.
    assert_eq!(ticked(&[], Some(&scopes("write:projects"))), [true, false, true]);
}

#[test]
fn a_scope_that_was_left_out_and_is_required_now_counts_as_new() {
    let (app, request) = (app(), to_site("read:profile read:projects", ""));
    let offer = Offer::new(&app, &request, &[consent("", "read:profile", "read:projects")], None);
    assert_eq!(offer.state, OfferState::More);
    assert_eq!(offered(&offer)[1], ("read:projects".to_owned(), true, true));
}

#[test]
fn a_choice_drops_nothing_that_is_locked_and_adds_nothing() {
    let request = to_site(
        "read:profile read:projects write:projects",
        "read:projects write:projects",
    );
    let choice = |ticked: &str| Choice::of(&request, &scopes(ticked)).unwrap();
    assert_eq!(choice("").scopes, scopes("read:profile"));
    assert_eq!(choice("").declined, scopes("read:projects write:projects"));
    assert_eq!(
        choice("write:projects read:billing admin").scopes,
        scopes("read:profile write:projects")
    );
    assert!(choice("read:projects write:projects").is_everything());
    let all_optional = to_site("read:profile read:projects", "read:profile read:projects");
    assert_eq!(Choice::of(&all_optional, &scopes("read:billing")), None);
}

// Covers: R45
// Rule: UI 5
#[test]
fn only_a_reviewed_app_with_an_address_on_the_web_is_remembered() {
    let granted = [consent("", "read:profile", "")];
    let asked = |redirect_uri| request("read:profile", "", redirect_uri);
    let outcome = |app: &App, redirect_uri| remembered(app, &asked(redirect_uri), &granted).map(|choice| choice.scopes);
    let site = "https://app.example/callback";
    assert_eq!(outcome(&app(), site), Ok(scopes("read:profile")));
    for own_device in ["http://127.0.0.1/cb", "com.example.app:/cb", "https://localhost/cb"] {
        assert_eq!(outcome(&app(), own_device), Err(MustAsk::Always), "{own_device}");
    }
    for status in [AppStatus::Draft, AppStatus::PendingReview] {
        assert_eq!(
            outcome(&App { status, ..app() }, site),
            Err(MustAsk::Always),
            "{status:?}"
        );
    }
}

// Covers: R45
#[test]
fn whatever_was_not_agreed_to_for_this_very_connection_is_asked() {
    let app = app();
    let ask = |asked: &str, optional: &str, consents: &[ActiveConsent]| {
        remembered(&app, &to_site(asked, optional), consents).map(|choice| choice.scopes)
    };
    let asked = "read:profile read:projects";
    assert_eq!(ask(asked, "", &[]), Err(MustAsk::Consent));
    assert_eq!(
        ask(asked, "", &[consent("", "read:profile", "")]),
        Err(MustAsk::Consent)
    );
    assert_eq!(ask(asked, "", &[consent("laptop", asked, "")]), Err(MustAsk::Consent));
    let halves = [consent("", "read:profile", ""), consent("laptop", "read:projects", "")];
    assert_eq!(ask(asked, "", &halves), Err(MustAsk::Consent));
    assert_eq!(
        ask(asked, "read:projects", &[consent("", "read:profile", "")]),
        Err(MustAsk::Consent)
    );
}

#[test]
fn what_was_left_out_stays_left_out_without_a_question() {
    let app = app();
    let ask = |asked: &str, optional: &str, consent| {
        remembered(&app, &to_site(asked, optional), &[consent]).map(|choice| choice.scopes)
    };
    let asked = "read:profile read:projects";
    let without = || consent("", "read:profile", "read:projects");
    assert_eq!(ask(asked, "read:projects", without()), Ok(scopes("read:profile")));
    // Once the app requires it, the user has to be asked.
    assert_eq!(ask(asked, "", without()), Err(MustAsk::Consent));
    // Agreed to at first and left out later: the later answer counts.
    let later = consent("", asked, "read:projects");
    assert_eq!(ask(asked, "read:projects", later), Ok(scopes("read:profile")));
    // Nothing would be left.
    let nothing = consent("", "read:profile", "read:projects");
    assert_eq!(ask("read:projects", "read:projects", nothing), Err(MustAsk::Consent));
}
