//! The pages people see: one typed context each, rendered by a template that escapes everything.

use askama::Template;

use crate::http::Reply;
use crate::oauth::redirect_uri::Destination;
use crate::store::{ConnectedApp, User};

/// The style sheet. A page loads it and the icon, nothing else.
pub const STYLE: &str = include_str!("../../assets/style.css");

/// Names the style sheet by its content: a new page is never shown with an old sheet from the browser's cache.
pub const STYLE_VERSION: u32 = fnv1a(STYLE.as_bytes());

/// The icon in the browser's tab.
pub const ICON: &str = include_str!("../../assets/icon.svg");

const fn fnv1a(mut bytes: &[u8]) -> u32 {
    let mut hash = 0x811c_9dc5_u32;
    while let [first, rest @ ..] = bytes {
        hash = (hash ^ *first as u32).wrapping_mul(0x0100_0193);
        bytes = rest;
    }
    hash
}

/// Asks the user whether an app may act for them.
#[derive(Template)]
#[template(path = "consent.html")]
pub struct ConsentPage<'a> {
    /// The platform's name.
    pub platform: &'a str,
    /// The app's name.
    pub app_name: DisplayName,
    /// Who answers for the app.
    pub developer_name: DisplayName,
    /// Where the user will be sent.
    pub destination: Destination<'a>,
    /// Who is asked.
    pub user: &'a User,
    /// What the app will be able to do, by API.
    pub permissions: Vec<PermissionGroup<'a>>,
    /// The sealed request, which only this user in this session can send back.
    pub request: &'a str,
    /// Lets the user switch accounts and come back.
    pub switch_account: &'a str,
}

/// Permissions on one API.
pub struct PermissionGroup<'a> {
    /// The API's name.
    pub api: &'a str,
    /// The permissions, in the catalogue's words.
    pub permissions: Vec<Permission<'a>>,
}

/// One permission.
pub struct Permission<'a> {
    /// A sentence for people.
    pub description: &'a str,
    /// Whether people should think twice.
    pub sensitive: bool,
    /// Whether the user has not agreed to it before, though to others.
    pub new: bool,
}

/// Signs a user in.
#[derive(Template)]
#[template(path = "login.html")]
pub struct LoginPage<'a> {
    /// The platform's name.
    pub platform: &'a str,
    /// Protects the form.
    pub csrf: &'a str,
    /// Where the form goes: this page, with where to continue.
    pub action: &'a str,
    /// The name to begin with.
    pub username: &'a str,
    /// Whether the name that was sent is unknown.
    pub unknown_user: bool,
}

/// Asks whether to sign out.
#[derive(Template)]
#[template(path = "logout.html")]
pub struct LogoutPage<'a> {
    /// The platform's name.
    pub platform: &'a str,
    /// Who is signed in.
    pub user: &'a User,
    /// Protects the form.
    pub csrf: &'a str,
}

/// The apps a user has connected.
#[derive(Template)]
#[template(path = "connected_apps.html")]
pub struct ConnectedAppsPage<'a> {
    /// The platform's name.
    pub platform: &'a str,
    /// Whose.
    pub user: &'a User,
    /// Protects the forms.
    pub csrf: &'a str,
    /// The apps.
    pub apps: Vec<AppCard>,
    /// Whether one has just been revoked.
    pub revoked: bool,
}

/// One connected app.
pub struct AppCard {
    /// The consent to revoke.
    pub consent_id: String,
    /// The app's name.
    pub name: DisplayName,
    /// Who answers for it.
    pub developer_name: DisplayName,
    /// Since when, as a day.
    pub connected_on: String,
    /// When it was last used, as a day, or `Never`.
    pub last_used: String,
    /// What it may do, in words.
    pub permissions: Vec<String>,
}

/// Tells what went wrong and what to do about it.
#[derive(Template)]
#[template(path = "message.html")]
pub struct MessagePage<'a> {
    /// The platform's name.
    pub platform: &'a str,
    /// What happened, in a few words.
    pub heading: &'a str,
    /// What it means for the user.
    pub explanation: &'a str,
    /// One sentence for the developer of the app, where there is something to say.
    pub for_developers: Option<&'a str>,
    /// Fields to send once more, where trying again may help.
    pub retry: Option<Retry<'a>>,
    /// The id under which the operator finds this in the log.
    pub request_id: &'a str,
}

/// A form that repeats what the user did.
pub struct Retry<'a> {
    /// `get` or `post`.
    pub method: &'static str,
    /// Where to.
    pub action: &'a str,
    /// What with.
    pub fields: &'a [(&'a str, &'a str)],
}

/// What is here, for whoever opens the server's address.
#[derive(Template)]
#[template(path = "home.html")]
pub struct HomePage<'a> {
    /// The platform's name.
    pub platform: &'a str,
}

/// A name somebody else chose, made safe to look at: no control characters, nothing that turns the direction
/// of the text or hides, at most 80 letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisplayName(String);

impl DisplayName {
    /// Cleans a name.
    pub fn new(name: &str) -> Self {
        let visible: String = name.chars().filter(|letter| !is_deceptive(*letter)).collect();
        let mut words = visible.split_whitespace().collect::<Vec<_>>().join(" ");
        if words.chars().count() > 80 {
            words = words.chars().take(79).chain(['…']).collect();
        }
        // Blanks come in more shapes than anyone can list; a name has something to read.
        let readable = words.chars().any(char::is_alphanumeric);
        Self(if readable { words } else { "Unnamed".to_owned() })
    }

    /// Its first letter, to stand for a logo.
    pub fn initial(&self) -> String {
        self.0
            .chars()
            .next()
            .map(|letter| letter.to_uppercase().collect())
            .unwrap_or_default()
    }
}

impl std::fmt::Display for DisplayName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_deceptive(letter: char) -> bool {
    let directional =
        matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let invisible = matches!(letter, '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2064}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}');
    let control = letter.is_control() && !letter.is_whitespace();
    control || directional || invisible
}

impl From<ConnectedApp> for AppCard {
    fn from(app: ConnectedApp) -> Self {
        Self {
            consent_id: app.consent_id,
            name: DisplayName::new(&app.name),
            developer_name: DisplayName::new(&app.developer_name),
            connected_on: app.connected_at.to_day(),
            last_used: app
                .last_used_at
                .map_or_else(|| "Never".to_owned(), |time| time.to_day()),
            permissions: app.scopes.into_iter().map(|scope| scope.description).collect(),
        }
    }
}

/// Renders a page. A template that fails to render is a server that cannot answer now.
pub fn render(status: u16, page: &impl Template) -> Reply {
    match page.render() {
        Ok(body) => Reply::html(status, body),
        Err(_) => Reply::html(503, "This page cannot be shown at the moment. Please try again.".into())
            .header("Retry-After", "1"),
    }
}

#[cfg(test)]
mod tests;
