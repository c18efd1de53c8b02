//! What helps developers: the quick start of an app, and the page that says where everything is.

use askama::Template;

use super::{AppFrame, Frame};
use crate::management::apps::quick_start::{Choices, QuickStart, Values};
use crate::oauth::standing::AppStatus;
use crate::support::Support;

/// The tab "Quick start".
#[derive(Template)]
#[template(path = "management/app_quick_start.html")]
pub struct QuickStartPage<'a> {
    /// What every page here is given.
    pub frame: Frame<'a>,
    /// What every page of an app is given.
    pub app: AppFrame<'a>,
    /// What the app may choose from.
    pub choices: Choices<'a>,
    /// What is chosen; `None`: the app may call no API.
    pub values: Option<Values<'a>>,
    /// The code; `None`: a value is missing.
    pub quick_start: Option<QuickStart>,
    /// Whether the app has a secret or a key of its own.
    pub can_keep_a_secret: bool,
    /// Where the metadata of the server are (RFC 8414).
    pub metadata: String,
}

impl QuickStartPage<'_> {
    /// A text in parts: whether each is code.
    fn parts(text: &str) -> impl Iterator<Item = (bool, &str)> {
        text.split('`').enumerate().map(|(at, part)| (at % 2 == 1, part))
    }
}

/// Where everything is: documentation, the package, the review, people to ask.
#[derive(Template)]
#[template(path = "management/help.html")]
pub struct HelpPage<'a> {
    /// What every page here is given.
    pub frame: Frame<'a>,
    /// Where the metadata of the server are (RFC 8414).
    pub metadata: String,
    /// Whether a client id may be the address of a document.
    pub metadata_documents: bool,
    /// Whether apps may register themselves.
    pub dynamic_registration: bool,
    /// Whom to ask, if the operator says so.
    pub support: Option<&'a Support>,
}
