//! Where a user is signed in, and signing out.

use askama::Template;

use super::device_name;
use super::{DisplayName, Look};
use crate::store::{ListedSession, SignedIn, User};
use crate::words::{self, Language};

/// The sessions of a user.
#[derive(Template)]
#[template(path = "sessions.html")]
pub struct SessionsPage<'a> {
    /// What every page is given.
    pub look: Look<'a>,
    /// Whose.
    pub user: &'a SignedIn,
    /// Protects the forms.
    pub csrf: &'a str,
    /// The sessions.
    pub sessions: Vec<SessionCard<'a>>,
    /// Whether one has just been ended.
    pub ended: bool,
}

/// One session.
pub struct SessionCard<'a> {
    /// Its id.
    pub id: &'a str,
    /// Where it is.
    pub device: String,
    /// By which connection they came, if that has a name.
    pub connection: Option<DisplayName>,
    /// Since when, as a day.
    pub signed_in_on: String,
    /// When it was last used, as a day.
    pub last_active: String,
    /// Whether the page is shown in it.
    pub is_this: bool,
}

impl<'a> SessionCard<'a> {
    /// A session, for a page in this language.
    pub fn new(session: &'a ListedSession, language: Language) -> Self {
        let words = language.words();
        let connection = session.connection.as_deref();
        Self {
            id: &session.id,
            device: device_name(session.device.as_deref(), words),
            connection: connection.map(|name| DisplayName::new(name, words.app_unnamed)),
            signed_in_on: words.day(session.created_at),
            last_active: words.day(session.last_seen_at),
            is_this: session.is_this,
        }
    }
}

/// Asks whether to sign out.
#[derive(Template)]
#[template(path = "sign_out.html")]
pub struct SignOutPage<'a> {
    /// What every page is given.
    pub look: Look<'a>,
    /// Who is signed in.
    pub user: &'a User,
    /// Protects the form.
    pub csrf: &'a str,
}

/// Asks whether to sign out everywhere.
#[derive(Template)]
#[template(path = "sign_out_everywhere.html")]
pub struct SignOutEverywherePage<'a> {
    /// What every page is given.
    pub look: Look<'a>,
    /// Who is signed in.
    pub user: &'a User,
    /// Protects the form.
    pub csrf: &'a str,
}

/// Says that nobody is signed in any more.
#[derive(Template)]
#[template(path = "signed_out.html")]
pub struct SignedOutPage<'a> {
    /// What every page is given.
    pub look: Look<'a>,
    /// Whether it was everywhere.
    pub everywhere: bool,
}
