//! The consent page.

use askama::Template;

use super::{DisplayName, Emblem, Look};
use crate::oauth::redirect_uri::Destination;
use crate::store::User;
use crate::words::{self, Phrase};

/// Asks the user whether an app may act for them.
#[derive(Template)]
#[template(path = "consent.html")]
pub struct ConsentPage<'a> {
    /// What every page is given.
    pub look: Look<'a>,
    /// Its logo, or the letter for it.
    pub emblem: Emblem,
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
    pub description: Phrase<'a>,
    /// Whether people should think twice.
    pub sensitive: bool,
    /// Whether the user has not agreed to it before, though to others.
    pub new: bool,
}
