//! The pages people see: one typed context each, rendered by a template that escapes everything.

mod activity;
mod api_docs;
mod connected_apps;
mod consent;
mod device_name;
mod display_name;
mod emblem;
mod home;
mod look;
pub mod management;
mod message;
mod sessions;
mod sign_in;

pub use activity::ActivityPage;
pub use api_docs::{ApiDocsPage, ApiTagPage};
pub use connected_apps::{AppCard, ConnectedAppsPage, Install, RevokePage, RevokeSubject, Revoked};
pub use consent::{ConsentPage, NotServedPage, Permission, PermissionGroup};
pub use display_name::{DisplayName, readable, readable_description};
pub use emblem::Emblem;
pub use home::HomePage;
pub use look::Look;
pub use message::{MessagePage, Retry};
pub use sessions::{SessionCard, SessionsPage, SignOutEverywherePage, SignOutPage, SignedOutPage};
pub use sign_in::{LoginPage, Way};

use askama::Template;

use crate::http::Reply;
use crate::looks::Accent;
use device_name::device_name;

/// The style sheet, but for the platform's colour. A page loads it, the icon and logos, nothing else.
pub const STYLE: &str = include_str!("../../assets/style.css");

/// The style sheet in the platform's colour.
pub fn style_sheet(accent: Accent) -> String {
    format!("{STYLE}{}", accent.css())
}

/// Names the style sheet by its content: a new page is never shown with an old sheet from the browser's cache.
pub fn style_version(accent: Accent) -> u32 {
    const ALIKE: u32 = fnv1a(0x811c_9dc5, STYLE.as_bytes());
    fnv1a(ALIKE, &accent.colour().parts)
}

/// The icon in the browser's tab.
pub const ICON: &str = include_str!("../../assets/icon.svg");

const fn fnv1a(mut hash: u32, mut bytes: &[u8]) -> u32 {
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
