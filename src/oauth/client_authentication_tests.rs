//! What each way of client authentication accepts, and what none does.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::oauth::client::testing::{confidential_app, public_app};
use crate::oauth::standing::AppStatus;

fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

fn present(authorization: Option<&str>, form: &str, query: &str) -> Result<PresentedClient, OAuthError> {
    let headers: BTreeMap<String, String> = authorization
        .map(|value| ("authorization".to_owned(), value.to_owned()))
        .into_iter()
        .collect();
    let request = Request {
        headers,
        query: query.into(),
        ..Request::default()
    };
    PresentedClient::from_request(&request, &Params::parse(form.as_bytes()).unwrap())
}

fn authenticate(authorization: Option<&str>, form: &str, app: App) -> Result<(), ErrorCode> {
    let presented = present(authorization, form, "").map_err(|error| error.code)?;
    presented
        .check(Some(Rc::new(app)))
        .map(|_| ())
        .map_err(|error| error.code)
}

#[test]
fn a_confidential_app_may_use_basic_or_post() {
    let good = basic("app_two", "lks_right");
    assert_eq!(authenticate(Some(&good), "", confidential_app()), Ok(()));
    assert_eq!(
        authenticate(Some(&good.replace("Basic", "bAsIc")), "", confidential_app()),
        Ok(())
    );
    assert_eq!(
        authenticate(Some(&good), "client_id=app_two", confidential_app()),
        Ok(())
    );
    assert_eq!(
        authenticate(None, "client_id=app_two&client_secret=lks_right", confidential_app()),
        Ok(())
    );
    let encoded = basic("app%5Ftwo", "lks%5Fright");
    assert_eq!(authenticate(Some(&encoded), "", confidential_app()), Ok(()));
}

// Covers: B24
#[test]
fn a_wrong_missing_or_stringified_secret_is_refused() {
    for form in [
        "client_id=app_two",
        "client_id=app_two&client_secret=",
        "client_id=app_two&client_secret=null",
        "client_id=app_two&client_secret=undefined",
        "client_id=app_two&client_secret=lks_wrong",
        "",
    ] {
        assert_eq!(
            authenticate(None, form, confidential_app()),
            Err(ErrorCode::InvalidClient),
            "{form}"
        );
    }
    for header in [
        basic("app_two", ""),
        basic("app_two", "lks_wrong"),
        "Basic".into(),
        "Basic %%%".into(),
        "Bearer x".into(),
    ] {
        assert_eq!(
            authenticate(Some(&header), "", confidential_app()),
            Err(ErrorCode::InvalidClient),
            "{header}"
        );
    }
}

// Covers: B6, B24
#[test]
fn a_public_app_has_no_secret_and_one_that_sends_one_is_refused() {
    assert_eq!(authenticate(None, "client_id=app_one", public_app()), Ok(()));
    for secret in ["null", "undefined", "lks_right"] {
        let form = format!("client_id=app_one&client_secret={secret}");
        assert_eq!(authenticate(None, &form, public_app()), Err(ErrorCode::InvalidClient));
    }
}

#[test]
fn two_mechanisms_or_two_identities_are_refused() {
    let header = basic("app_two", "lks_right");
    for form in [
        "client_secret=lks_right",
        "client_id=app_one",
        "client_id=app_two&client_id=app_two",
    ] {
        let refused = present(Some(&header), form, "").unwrap_err();
        assert_eq!(refused.code, ErrorCode::InvalidRequest, "{form}");
    }
}

#[test]
fn credentials_in_the_url_are_refused() {
    let refused = present(None, "client_id=app_one", "client_id=app_two&client_secret=lks_right").unwrap_err();
    assert_eq!(refused.code, ErrorCode::InvalidClient);
}

// Covers: R33
#[test]
fn an_app_that_was_rejected_or_suspended_cannot_authenticate_and_one_that_waits_for_its_review_can() {
    let outcome = |status| authenticate(None, "client_id=app_one", App { status, ..public_app() });
    for status in [AppStatus::Rejected, AppStatus::Suspended] {
        assert_eq!(outcome(status), Err(ErrorCode::InvalidClient), "{status:?}");
    }
    for status in [AppStatus::Draft, AppStatus::PendingReview, AppStatus::Approved] {
        assert_eq!(outcome(status), Ok(()), "{status:?}");
    }
}

#[test]
fn an_unknown_app_reads_like_a_wrong_secret() {
    let presented = || present(None, "client_id=app_two&client_secret=lks_wrong", "").unwrap();
    let unknown = presented().check(None).unwrap_err();
    assert_eq!(
        presented().check(Some(Rc::new(confidential_app()))).unwrap_err(),
        unknown
    );
}

#[test]
fn either_of_two_live_secrets_works() {
    let mut app = confidential_app();
    app.secrets.push(StoredSecret {
        id: "lsc_two".into(),
        secret_hash: crate::crypto::hash("lks_new"),
    });
    for secret in ["lks_right", "lks_new"] {
        let form = format!("client_id=app_two&client_secret={secret}");
        assert_eq!(authenticate(None, &form, app.clone()), Ok(()));
    }
}

proptest! {
    #[test]
    fn any_authorization_header_is_read_or_refused_without_panic(header: String) {
        let _ = parse_basic(&header);
    }
}
