//! The page at the server's own address.

use askama::Template;

use super::Look;

/// What is here, for whoever opens the server's address.
#[derive(Template)]
#[template(path = "home.html")]
pub struct HomePage<'a> {
    /// What every page is given.
    pub look: Look<'a>,
}
