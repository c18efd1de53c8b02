//! Pages about developer accounts.

use askama::Template;

use super::{FormState, Frame};
use crate::management::actor::Membership;

/// The portal's first page.
#[derive(Template)]
#[template(path = "management/developer_home.html")]
pub struct DeveloperHomePage<'a> {
    /// What every page here is given.
    pub frame: Frame<'a>,
    /// The accounts the visitor belongs to.
    pub accounts: &'a [Membership],
    /// The form that makes another.
    pub form: &'a FormState,
}
