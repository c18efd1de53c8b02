//! What every page of the portal and the console has around it.

use askama::Template;
use askama::filters::HtmlSafe;

use crate::looks::Looks;
use crate::management::actor::{Actor, Who};
use crate::pages::{DisplayName, Look};
use crate::words::Language;

/// What every page here is given, and what stands above its content.
#[derive(Template)]
#[template(path = "management/frame.html")]
pub struct Frame<'a> {
    /// The looks of the platform, in English.
    pub look: Look<'a>,
    /// Who is signed in.
    pub visitor: DisplayName,
    /// Which part the page belongs to.
    pub place: Place,
    /// Whether the way to the portal is shown.
    pub is_developer: bool,
    /// Whether the way to the review queue is shown.
    pub is_reviewer: bool,
    /// Whether the ways to the rest of the console are shown.
    pub is_administrator: bool,
    /// Whether the way to the organizations they administer is shown.
    pub is_in_charge: bool,
    /// The token of every form of the page.
    pub csrf: String,
}

/// A part of the portal or the console, as the navigation has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The developer portal.
    Developers,
    /// What helps developers.
    Help,
    /// The review queue.
    Reviews,
    /// Apps and developer accounts, for administrators.
    Apps,
    /// APIs, scopes, grants, connections, settings.
    Policy,
    /// Users.
    People,
    /// The audit trail.
    Audit,
    /// The organizations that the visitor administers, who is no operator.
    Organizations,
    /// Usage of all apps.
    Usage,
    /// The operator's webhooks.
    Notices,
}

impl HtmlSafe for Frame<'_> {}

impl<'a> Frame<'a> {
    /// What a page is given that this visitor sees.
    pub fn new(looks: &'a Looks, actor: &Actor, place: Place, csrf: String) -> Self {
        let name = match &actor.who {
            Who::User(user) => user.name.as_str(),
            Who::App { .. } => "",
        };
        Self {
            look: Look::new(looks, Language::ENGLISH),
            visitor: DisplayName::new(name, "Unnamed"),
            place,
            is_developer: actor.developer().is_ok(),
            is_reviewer: actor.reviewer().is_ok(),
            is_administrator: actor.administrator().is_ok(),
            is_in_charge: actor.administers_organizations(),
            csrf,
        }
    }

    /// `aria-current` of a link in the navigation.
    pub fn current(&self, place: Place) -> &'static str {
        if self.place == place { "page" } else { "false" }
    }
}
