//! The tabs Credentials and Testing of an app.

use askama::Template;

use super::{AppFrame, AppTab, FormState, Frame, minute};
use crate::management::apps::AppRecord;
use crate::management::credentials::keys::MAX_JWKS;
use crate::management::credentials::rotation::Secrets;
use crate::management::credentials::{Credentials, GivenSecret, LiveSecret};
use crate::management::testers::{MOST_TESTERS, Tester};
use crate::oauth::client::AppType;
use crate::oauth::client_security::{Authentication, Profile};
use crate::oauth::standing::Standing;
use crate::pages::DisplayName;

/// The tab Credentials of an app.
#[derive(Template)]
#[template(path = "management/credentials.html")]
pub struct CredentialsPage<'a> {
    /// What every page here is given.
    pub frame: Frame<'a>,
    /// The app.
    pub app: AppFrame<'a>,
    /// Its version, for the form.
    pub version: u32,
    /// What was done just now.
    pub done: Option<Done>,
    /// A secret that was drawn just now, shown this once.
    pub given: Option<&'a str>,
    /// Its secrets, as far as they are shown.
    pub secrets: Vec<SecretLine<'a>>,
    /// Whether it has no credentials at all.
    pub is_public: bool,
    /// Whether its document says how it proves who it is.
    pub follows_document: bool,
    /// Whether a secret is what it proves itself with.
    pub has_secrets: bool,
    /// Whether a rotation is going on.
    pub is_rotating: bool,
    /// Whether it may choose.
    pub may_choose: bool,
    /// The form that says how it proves itself.
    pub form: FormState,
}

/// What was done just now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// The older secret ended.
    Rotated,
    /// The newer secret ended.
    Cancelled,
    /// Keys were registered.
    KeysRegistered,
}

/// A secret as it is shown: all but its last letters is hidden.
pub struct SecretLine<'a> {
    /// Its last letters.
    pub hint: &'a str,
    /// Which of two it is.
    pub part: &'static str,
    /// Since when it lives.
    pub created: String,
    /// When it was used last.
    pub used: Option<String>,
}

impl<'a> CredentialsPage<'a> {
    /// The page of an app with these credentials.
    pub fn new(
        frame: Frame<'a>,
        app: &'a AppRecord,
        credentials: &'a Credentials,
        done: Option<Done>,
        given: Option<&'a GivenSecret>,
        form: Option<FormState>,
    ) -> Self {
        let line = |part| {
            move |secret: &'a LiveSecret| SecretLine {
                hint: &secret.hint,
                part,
                created: minute(&secret.created_at),
                used: secret.last_used_at.as_ref().map(minute),
            }
        };
        let secrets = match &credentials.secrets {
            Secrets::None => vec![],
            Secrets::One(one) => vec![line("")(one)],
            Secrets::Two { older, newer } => vec![line("older")(older), line("newer")(newer)],
        };
        Self {
            frame,
            app: AppFrame::new(app, AppTab::Credentials),
            version: credentials.version,
            done,
            given: given.map(|given| given.secret.reveal()),
            is_public: credentials.method == Authentication::None,
            follows_document: credentials.follows_document,
            has_secrets: credentials.method == Authentication::ClientSecret,
            is_rotating: secrets.len() > 1,
            secrets,
            may_choose: credentials.profile == Profile::Standard,
            form: form.unwrap_or_else(|| form_of(credentials)),
        }
    }

    /// The most letters of a key set in the form.
    pub fn most_letters(&self) -> usize {
        MAX_JWKS
    }
}

fn form_of(credentials: &Credentials) -> FormState {
    let jwks = credentials.jwks.as_ref();
    let jwks = jwks.and_then(|jwks| serde_json::to_string_pretty(jwks).ok());
    FormState::default()
        .with("method", credentials.method.name())
        .with_optional("jwks", jwks.as_deref())
        .with_optional("jwks_uri", credentials.jwks_uri.as_deref())
}

/// The tab Testing of an app.
#[derive(Template)]
#[template(path = "management/testing.html")]
pub struct TestingPage<'a> {
    /// What every page here is given.
    pub frame: Frame<'a>,
    /// The app.
    pub app: AppFrame<'a>,
    /// Whom it serves today.
    pub served: Served,
    /// Whether it may have redirect URIs on this machine while it is tested.
    pub loopback_while_testing: bool,
    /// Its testers.
    pub testers: Vec<TesterLine<'a>>,
    /// The form that adds one.
    pub form: &'a FormState,
}

/// Whom an app serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Served {
    /// Members and testers.
    Testers,
    /// Everybody.
    Everybody,
    /// Nobody.
    Nobody,
}

/// A tester as they are shown.
pub struct TesterLine<'a> {
    /// Their id on the list.
    pub id: &'a str,
    /// Their name as it was written.
    pub name: DisplayName,
    /// Since when.
    pub added: String,
}

impl<'a> TestingPage<'a> {
    /// The page of an app with these testers.
    pub fn new(frame: Frame<'a>, app: &'a AppRecord, testers: &'a [Tester], form: &'a FormState) -> Self {
        let line = |tester: &'a Tester| TesterLine {
            id: &tester.id,
            name: DisplayName::new(&tester.name, "Unnamed"),
            added: minute(&tester.added_at),
        };
        Self {
            frame,
            app: AppFrame::new(app, AppTab::Testing),
            served: match Standing::of(app.class, app.status) {
                Standing::Testing => Served::Testers,
                Standing::Reviewed | Standing::Unverified => Served::Everybody,
                Standing::Unavailable => Served::Nobody,
            },
            loopback_while_testing: matches!(app.app_type, AppType::Web | AppType::Spa),
            testers: testers.iter().map(line).collect(),
            form,
        }
    }

    /// How many testers an app may have.
    pub fn most(&self) -> usize {
        MOST_TESTERS
    }
}
