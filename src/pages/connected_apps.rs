//! The page of connected apps.

use askama::Template;

use super::{DisplayName, Emblem, Look};
use crate::store::{ConnectedApp, User};
use crate::words::{Language, Phrase};

/// The apps a user has connected.
#[derive(Template)]
#[template(path = "connected_apps.html")]
pub struct ConnectedAppsPage<'a> {
    /// What every page is given.
    pub look: Look<'a>,
    /// Whose.
    pub user: &'a User,
    /// Protects the forms.
    pub csrf: &'a str,
    /// The apps.
    pub apps: Vec<AppCard<'a>>,
    /// Whether one has just been revoked.
    pub revoked: bool,
}

/// One connected app.
pub struct AppCard<'a> {
    /// The consent to revoke.
    pub consent_id: &'a str,
    /// Its logo, or the letter for it.
    pub emblem: Emblem,
    /// The app's name.
    pub name: DisplayName,
    /// Who answers for it.
    pub developer_name: DisplayName,
    /// Since when, as a day.
    pub connected_on: String,
    /// When it was last used, as a day; `None`: never.
    pub last_used: Option<String>,
    /// What it may do, in words.
    pub permissions: Vec<Phrase<'a>>,
}

impl<'a> AppCard<'a> {
    /// An app, for a page in this language.
    pub fn new(app: &'a ConnectedApp, language: Language) -> Self {
        let words = language.words();
        let face = app.app.as_ref();
        let name = DisplayName::new(face.map_or("Deleted app", |face| &face.name), words.app_unnamed);
        let developer_name = face.and_then(|face| face.developer_name.as_deref());
        Self {
            consent_id: &app.consent_id,
            emblem: Emblem::new(face.and_then(|face| face.logo.as_deref()), &name),
            name,
            developer_name: DisplayName::new(developer_name.unwrap_or("Unknown developer"), words.app_unnamed),
            connected_on: words.day(app.usage.connected_at),
            last_used: app.usage.last_used_at.map(|time| words.day(time)),
            permissions: app.scopes.iter().map(|scope| scope.phrase(language)).collect(),
        }
    }
}
