//! The pages of connected apps, and of taking them back.

use askama::Template;

use super::{DisplayName, Emblem, Look, device_name};
use crate::consent_expiry::UnusedLifetime;
use crate::http::percent_encoded;
use crate::router;
use crate::store::{AppFace, AtStake, ConnectedApp, Revocable, SignedIn};
use crate::time::Timestamp;
use crate::words::{Catalogue, Language, Phrase};

/// The apps a user has connected.
#[derive(Template)]
#[template(path = "connected_apps.html")]
pub struct ConnectedAppsPage<'a> {
    /// What every page is given.
    pub look: Look<'a>,
    /// Whose.
    pub user: &'a SignedIn,
    /// The apps.
    pub apps: Vec<AppCard<'a>>,
    /// What has just been revoked.
    pub revoked: Option<Revoked>,
    /// Whether it is the first page.
    pub is_first: bool,
    /// The link to the next page.
    pub next: Option<String>,
}

/// What has just been revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revoked {
    /// An app.
    App,
    /// Everything.
    Everything,
}

/// One app with all its installs on this page.
pub struct AppCard<'a> {
    /// Its logo, or the letter for it.
    pub emblem: Emblem,
    /// The app's name.
    pub name: DisplayName,
    /// Who answers for it.
    pub developer_name: DisplayName,
    /// Its connections, the newest first.
    pub installs: Vec<Install<'a>>,
    /// Where to revoke all of them.
    pub revoke_link: String,
    client_id: &'a str,
}

/// One connection of an app.
pub struct Install<'a> {
    /// The device it was made on.
    pub device: String,
    /// Whether the device is known.
    pub has_device: bool,
    /// Since when, as a day.
    pub connected_on: String,
    /// When it was last used, as a day; `None`: never.
    pub last_used: Option<String>,
    /// The day on which it ends if it is not used, where that is near.
    pub ends_on: Option<String>,
    /// The organization that manages it; `None`: the user agreed themselves.
    pub organization: Option<DisplayName>,
    /// Whether it is on its way out.
    pub is_ending: bool,
    /// What it may do, in words.
    pub permissions: Vec<Phrase<'a>>,
    /// Where to revoke it.
    pub revoke_link: String,
}

impl<'a> AppCard<'a> {
    /// A card for each app, with its installs, in the order of the newest; for a page in this language.
    pub fn group(
        apps: &'a [ConnectedApp],
        language: Language,
        lifetime: Option<UnusedLifetime>,
        now: Timestamp,
    ) -> Vec<Self> {
        let mut cards: Vec<Self> = Vec::new();
        for app in apps {
            let install = Install::new(app, language, lifetime, now);
            match cards.iter_mut().find(|card| card.client_id == app.client_id) {
                Some(card) => card.installs.push(install),
                None => cards.push(Self::new(app, install, language.words())),
            }
        }
        cards
    }

    fn new(app: &'a ConnectedApp, install: Install<'a>, words: &Catalogue) -> Self {
        let (name, developer_name) = names(app.app.as_ref(), words);
        Self {
            emblem: Emblem::new(app.app.as_ref().and_then(|face| face.logo.as_deref()), &name),
            name,
            developer_name,
            installs: vec![install],
            revoke_link: format!(
                "{}?client_id={}",
                router::REVOKE_CONNECTED_APP,
                percent_encoded(&app.client_id)
            ),
            client_id: &app.client_id,
        }
    }
}

impl<'a> Install<'a> {
    fn new(app: &'a ConnectedApp, language: Language, lifetime: Option<UnusedLifetime>, now: Timestamp) -> Self {
        let words = language.words();
        let ends_at = lifetime.and_then(|lifetime| lifetime.ends_soon_at(app.usage, now));
        Self {
            device: device_name(app.device.as_deref(), words),
            has_device: app.device.is_some(),
            connected_on: words.day(app.usage.connected_at),
            last_used: app.usage.last_used_at.map(|time| words.day(time)),
            ends_on: ends_at.filter(|_| !app.is_ending).map(|time| words.day(time)),
            organization: app
                .organization
                .as_deref()
                .map(|name| DisplayName::new(name, words.app_unnamed)),
            is_ending: app.is_ending,
            permissions: app.scopes.iter().map(|scope| scope.phrase(language)).collect(),
            revoke_link: format!("{}/{}/revoke", router::ACCOUNT_APPS, percent_encoded(&app.consent_id)),
        }
    }
}

/// What an app and its developer are called, also when they are gone.
fn names(face: Option<&AppFace>, words: &Catalogue) -> (DisplayName, DisplayName) {
    let name = face.map_or(words.connected_apps_deleted_app, |face| &face.name);
    let developer = face.and_then(|face| face.developer_name.as_deref());
    let developer = developer.unwrap_or(words.connected_apps_unknown_developer);
    (
        DisplayName::new(name, words.app_unnamed),
        DisplayName::new(developer, words.connected_apps_unknown_developer),
    )
}

/// Asks whether to take something back, and goes on with what was too much for once.
#[derive(Template)]
#[template(path = "revoke.html")]
pub struct RevokePage<'a> {
    /// What every page is given.
    pub look: Look<'a>,
    /// Whose.
    pub user: &'a SignedIn,
    /// Protects the form.
    pub csrf: &'a str,
    /// Where the form goes.
    pub action: &'a str,
    /// The client id to send along.
    pub client_id: Option<&'a str>,
    /// What it is about.
    pub subject: RevokeSubject,
    /// How many connections.
    pub count: u32,
    /// Whether this goes on with what was begun.
    pub goes_on: bool,
}

/// What is to be taken back.
pub enum RevokeSubject {
    /// One connection of an app, on this device if it is known.
    One {
        /// The app.
        app: DisplayName,
        /// The device.
        device: Option<String>,
    },
    /// All connections of an app.
    App {
        /// The app.
        app: DisplayName,
    },
    /// Everything.
    Everything,
}

impl RevokeSubject {
    /// What a user would lose, for a page with these words.
    pub fn new(what: Revocable<'_>, at_stake: &AtStake, words: &Catalogue) -> Self {
        let (app, _) = names(at_stake.app.as_ref(), words);
        match what {
            Revocable::Consent(_) => Self::One {
                app,
                device: at_stake.device.as_deref().map(|code| device_name(Some(code), words)),
            },
            Revocable::App(_) => Self::App { app },
            Revocable::Everything => Self::Everything,
        }
    }
}
