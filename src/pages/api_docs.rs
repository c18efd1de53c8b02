//! The pages that explain the JSON API.

use askama::Template;

use super::Look;
use crate::openapi::{Row, Schema, Tag};

/// What there is, and what all of it has in common.
#[derive(Template)]
#[template(path = "api_docs.html")]
pub struct ApiDocsPage<'a> {
    /// The looks of the platform, in English.
    pub look: Look<'a>,
    /// What operations are about.
    pub tags: &'static [Tag],
    /// The error codes.
    pub errors: &'static [Row],
    /// What several of them send or answer.
    pub schemas: &'static [Schema],
}

/// The operations about something.
#[derive(Template)]
#[template(path = "api_tag.html")]
pub struct ApiTagPage<'a> {
    /// The looks of the platform, in English.
    pub look: Look<'a>,
    /// What operations are about.
    pub tags: &'static [Tag],
    /// What these are about.
    pub tag: &'static Tag,
}
