//! Signing in and out.

use askama::Template;

use super::Look;
use crate::store::User;
use crate::words;

/// Signs a user in.
#[derive(Template)]
#[template(path = "login.html")]
pub struct LoginPage<'a> {
    /// What every page is given.
    pub look: Look<'a>,
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
    /// What every page is given.
    pub look: Look<'a>,
    /// Who is signed in.
    pub user: &'a User,
    /// Protects the form.
    pub csrf: &'a str,
}
