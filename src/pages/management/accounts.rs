//! Pages about developer accounts.

use askama::Template;

use super::{FormState, Frame, status_in_words};
use crate::management::accounts::members::{Account, Offer};
use crate::management::actor::Membership;
use crate::management::apps::list::ListedApp;
use crate::pages::DisplayName;

/// The portal's first page.
#[derive(Template)]
#[template(path = "management/developer_home.html")]
pub struct DeveloperHomePage<'a> {
    /// What every page here is given.
    pub frame: Frame<'a>,
    /// The accounts the visitor belongs to.
    pub accounts: &'a [Membership],
    /// Their apps, the newest first.
    pub apps: Vec<ListedApp>,
    /// Where the next page of apps begins.
    pub next: Option<String>,
    /// The form that makes another account.
    pub form: &'a FormState,
}

impl DeveloperHomePage<'_> {
    /// The apps of an account.
    pub fn apps_of(&self, developer_id: &str) -> Vec<&ListedApp> {
        let apps = self.apps.iter();
        apps.filter(|app| app.developer_id == developer_id).collect()
    }

    /// A name that is safe to look at.
    pub fn shown(name: &str) -> DisplayName {
        DisplayName::new(name, "Unnamed")
    }

    /// The status of an app in words.
    pub fn status(app: &ListedApp) -> &'static str {
        status_in_words(app.status)
    }
}

/// A developer account: its name, its members, its invitations.
#[derive(Template)]
#[template(path = "management/account.html")]
pub struct AccountPage<'a> {
    /// What every page here is given.
    pub frame: Frame<'a>,
    /// The account.
    pub account: &'a Account,
    /// The visitor's own id.
    pub visitor_id: &'a str,
    /// Whether the visitor owns it.
    pub is_owner: bool,
    /// What is in its forms.
    pub form: &'a FormState,
    /// The link of an invitation that was just made, which is shown once.
    pub link: Option<&'a str>,
}

impl AccountPage<'_> {
    /// A name that is safe to look at.
    pub fn shown(name: &str) -> DisplayName {
        DisplayName::new(name, "Unnamed")
    }
}

/// What an invitation leads to.
#[derive(Template)]
#[template(path = "management/invitation.html")]
pub struct InvitationPage<'a> {
    /// What every page here is given.
    pub frame: Frame<'a>,
    /// What it offers.
    pub offer: &'a Offer,
    /// Its token, as the link has it.
    pub token: &'a str,
    /// Whether the visitor belongs to the account already.
    pub is_member: bool,
}

impl InvitationPage<'_> {
    /// A name that is safe to look at.
    pub fn shown(name: &str) -> DisplayName {
        DisplayName::new(name, "Unnamed")
    }
}
