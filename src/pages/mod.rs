//! The pages people see: one typed context each, rendered by a template that escapes everything.

mod connected_apps;
mod consent;
mod display_name;
mod home;
mod look;
mod message;
mod sign_in;

pub use connected_apps::{AppCard, ConnectedAppsPage};
pub use consent::{ConsentPage, Permission, PermissionGroup};
pub use display_name::DisplayName;
pub use home::HomePage;
pub use look::Look;
pub use message::{MessagePage, Retry};
pub use sign_in::{LoginPage, LogoutPage};

use askama::Template;

use crate::http::Reply;

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
