//! Organizations, and what they decide.

use askama::Template;

use super::{FormState, Frame, NextPage};
use crate::management::organizations::Organization;
use crate::management::organizations::apps::AppDecision;
use crate::management::organizations::issuers::TrustedIssuer;
use crate::management::organizations::members::OrganizationMember;

/// All of them, for the operator; those that somebody administers, for them.
#[derive(Template)]
#[template(path = "management/organizations.html")]
pub struct OrganizationsPage<'a> {
    /// What every page here is given.
    pub frame: Frame<'a>,
    /// Whether the operator looks, who can make one.
    pub is_operator: bool,
    /// Those on this page.
    pub organizations: &'a [Organization],
    /// The way on.
    pub next: Option<NextPage>,
    /// The form that makes one.
    pub form: &'a FormState,
}

/// One of them, for its administrators and the operator.
#[derive(Template)]
#[template(path = "management/organization.html")]
pub struct OrganizationPage<'a> {
    /// What every page here is given.
    pub frame: Frame<'a>,
    /// Whether the operator looks, who decides about everything else too.
    pub is_operator: bool,
    /// It.
    pub organization: &'a Organization,
    /// Whom it trusts.
    pub issuers: &'a [TrustedIssuer],
    /// What it decided.
    pub apps: &'a [AppDecision],
    /// Its members on this page.
    pub members: &'a [OrganizationMember],
    /// The way on.
    pub next: Option<NextPage>,
    /// What was sent and refused.
    pub form: &'a FormState,
}

impl OrganizationPage<'_> {
    fn here(&self) -> String {
        format!("/admin/organizations/{}", self.organization.id)
    }
}
