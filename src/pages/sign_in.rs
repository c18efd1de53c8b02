//! Signing in.

use askama::Template;

use super::{DisplayName, Look};

/// Signs a user in.
#[derive(Template)]
#[template(path = "login.html")]
pub struct LoginPage<'a> {
    /// What every page is given.
    pub look: Look<'a>,
    /// The connections to choose from.
    pub ways: Vec<Way>,
    /// Whether the development sign-in is there.
    pub development: bool,
    /// Protects the form.
    pub csrf: &'a str,
    /// Where the form goes: this page, with where to continue.
    pub action: &'a str,
    /// The name to begin with.
    pub username: &'a str,
    /// Whether the name that was sent is unknown.
    pub unknown_user: bool,
}

/// One way to sign in.
pub struct Way {
    /// What it is called.
    pub name: DisplayName,
    /// Where it begins.
    pub link: String,
    /// Whether it is the one this browser used last.
    pub was_last: bool,
}
