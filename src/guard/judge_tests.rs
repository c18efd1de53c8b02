use super::*;
use crate::feed::{Cut, Cuts, List, Subject};
use crate::oauth::access_token::{AccessToken, Audience, Confirmation, tests::token};
use crate::oauth::client::testing::{app_json, public_app};
use crate::oauth::dpop::tests::proven_key;

const API: &str = "https://api.example";
const NOW: Timestamp = Timestamp(2_000_000);

/// What a test changes of a call that is allowed.
struct Call {
    token: AccessToken,
    scheme: Scheme,
    proof: Option<ProvenKey>,
    resource: &'static str,
    needed: &'static [&'static str],
    app: Option<App>,
    cuts: Cuts,
    now: Timestamp,
}

impl Default for Call {
    fn default() -> Self {
        Self {
            token: token(),
            scheme: Scheme::Bearer,
            proof: None,
            resource: API,
            needed: &["read:projects"],
            app: Some(public_app()),
            cuts: Cuts::default(),
            now: NOW,
        }
    }
}

impl Call {
    fn judge(&self) -> Result<Allowed, Refusal> {
        judge(Judged {
            token: &self.token,
            scheme: self.scheme,
            proof: self.proof.as_ref(),
            resource: self.resource,
            needed: &self.needed.iter().copied().collect(),
            app: self.app.as_ref(),
            cut_off: self.cuts.cut_off(&self.token.claims),
            now: self.now,
        })
    }

    fn bound(jkt: &str) -> AccessToken {
        let mut token = token();
        token.claims.cnf = Some(Confirmation { jkt: jkt.into() });
        token
    }
}

fn app_with(member: &str, value: serde_json::Value) -> Option<App> {
    let mut app = app_json();
    app[member] = value;
    Some(serde_json::from_value(app).unwrap())
}

// Covers: R64
#[test]
fn a_good_call_goes_on_with_who_and_what_is_behind_it() {
    let allowed = Call::default().judge().unwrap();
    assert_eq!(allowed.user_id.as_deref(), Some("usr_one"));
    assert_eq!(allowed.client_id, "app_one");
    assert_eq!(allowed.consent_id.as_deref(), Some("cns_one"));
    assert_eq!(allowed.scopes.to_string(), "read:projects");
    assert_eq!(
        (allowed.issued_at, allowed.expires_at),
        (Timestamp(1_000_000), Timestamp(4_600_000))
    );
}

// Covers: B31
#[test]
fn a_token_of_an_app_itself_speaks_for_no_user() {
    let mut own = token();
    own.claims.latchkey.family = None;
    own.claims.sub = "app_one".into();
    own.claims.scope = Scopes::parse("read:billing").unwrap();
    own.claims.aud = Audience::One("https://billing.example/v1".into());
    let call = Call {
        token: own,
        resource: "https://billing.example/v1",
        needed: &["read:billing"],
        ..Call::default()
    };
    let allowed = call.judge().unwrap();
    assert_eq!((allowed.user_id, allowed.consent_id), (None, None));
}

// Covers: B30
#[test]
fn a_token_that_is_over_or_for_another_api_is_refused() {
    let over = Call {
        now: Timestamp(4_600_000),
        ..Call::default()
    };
    assert_eq!(over.judge(), Err(Refusal::Token(Why::Expired)));
    for resource in [
        "https://billing.example/v1",
        "api.example",
        "https://api.example/",
        "https://api.example.evil",
    ] {
        let elsewhere = Call {
            resource,
            ..Call::default()
        };
        assert_eq!(elsewhere.judge(), Err(Refusal::Token(Why::Audience)), "{resource}");
    }
}

#[test]
fn a_bound_token_needs_the_proof_of_its_own_key_and_any_other_none() {
    let key = proven_key();
    let good = Call {
        token: Call::bound(&key.thumbprint),
        scheme: Scheme::Dpop,
        proof: Some(key.clone()),
        ..Call::default()
    };
    assert!(good.judge().is_ok());
    for (what, call) in [
        (
            "a bound token as Bearer",
            Call {
                scheme: Scheme::Bearer,
                proof: Some(key.clone()),
                token: Call::bound(&key.thumbprint),
                ..Call::default()
            },
        ),
        (
            "without a proof",
            Call {
                scheme: Scheme::Dpop,
                proof: None,
                token: Call::bound(&key.thumbprint),
                ..Call::default()
            },
        ),
        (
            "another key",
            Call {
                scheme: Scheme::Dpop,
                proof: Some(key.clone()),
                token: Call::bound("another"),
                ..Call::default()
            },
        ),
        (
            "an unbound token as DPoP",
            Call {
                scheme: Scheme::Dpop,
                proof: Some(key.clone()),
                ..Call::default()
            },
        ),
        (
            "an unbound token as DPoP without a proof",
            Call {
                scheme: Scheme::Dpop,
                ..Call::default()
            },
        ),
    ] {
        assert_eq!(call.judge(), Err(Refusal::Token(Why::Key)), "{what}");
    }
}

// Covers: B33
#[test]
fn an_app_that_is_not_in_use_or_was_not_for_a_while_is_refused() {
    for app in [
        None,
        app_with("status", "suspended".into()),
        app_with("status", "rejected".into()),
        app_with("epoch", 2.into()),
    ] {
        let call = Call { app, ..Call::default() };
        assert_eq!(call.judge(), Err(Refusal::Token(Why::App)));
    }
}

// Covers: B33
#[test]
fn what_was_taken_back_is_refused_before_the_token_is_over() {
    let cut = |list: List| {
        let mut cuts = Cuts::default();
        assert!(cuts.add(&list));
        Call {
            cuts,
            ..Call::default()
        }
        .judge()
    };
    let taken_back = cut(List::new([Cut::of(Subject::Consent("cns_one"))], []));
    assert_eq!(taken_back, Err(Refusal::Token(Why::TakenBack)));
    // The feed knows of a suspension before the app's record here does.
    let app = cut(List::new([], [(Cut::of(Subject::App("app_one")), 2)]));
    assert_eq!(app, Err(Refusal::Token(Why::App)));
}

// Covers: R65, B33
#[test]
fn a_scope_that_the_token_or_by_now_the_app_lacks_is_refused() {
    let beyond = Call {
        needed: &["read:projects", "write:projects"],
        ..Call::default()
    };
    assert_eq!(beyond.judge(), Err(Refusal::Scope));
    // The operator has taken it from the app since.
    let narrowed = app_with(
        "scopes",
        serde_json::json!([{ "scope": "read:profile", "is_default": 1, "is_optional": 0 }]),
    );
    let call = Call {
        app: narrowed,
        ..Call::default()
    };
    assert_eq!(call.judge(), Err(Refusal::Scope));
}

#[test]
fn a_route_that_asks_for_no_scope_takes_any_token_for_the_api() {
    assert!(
        Call {
            needed: &[],
            ..Call::default()
        }
        .judge()
        .is_ok()
    );
    let elsewhere = Call {
        needed: &[],
        resource: "https://billing.example/v1",
        ..Call::default()
    };
    assert_eq!(elsewhere.judge(), Err(Refusal::Token(Why::Audience)));
}
