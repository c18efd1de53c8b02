//! The consent page.

use askama::Template;

use super::{DisplayName, Emblem, Look};
use crate::oauth::redirect_uri::Destination;
use crate::oauth::standing::Standing;
use crate::store::User;
use crate::words::{self, Phrase};

/// Asks the user whether an app may act for them.
#[derive(Template)]
#[template(path = "consent.html")]
pub struct ConsentPage<'a> {
    /// What every page is given.
    pub look: Look<'a>,
    /// Its logo, or the letter for it.
    pub emblem: Emblem,
    /// The app's name.
    pub app_name: DisplayName,
    /// Who answers for the app.
    pub developer_name: DisplayName,
    /// Where the user will be sent.
    pub destination: Destination<'a>,
    /// Who is asked.
    pub user: &'a User,
    /// Whom the app may serve, which says whether it was reviewed.
    pub standing: Standing,
    /// What the user is asked for the first time: all of it, where they have not connected the app before.
    pub asked: Vec<PermissionGroup<'a>>,
    /// What they have agreed to before.
    pub already: Vec<PermissionGroup<'a>>,
    /// Whether there is something to leave out.
    pub may_leave_out: bool,
    /// After how many unused days it ends by itself; `None`: it does not.
    pub unused_days: Option<u64>,
    /// Whether the page comes back because nothing was chosen.
    pub nothing_chosen: bool,
    /// The sealed request, which only this user in this session can send back.
    pub request: &'a str,
    /// Lets the user switch accounts and come back.
    pub switch_account: &'a str,
}

/// Permissions on one API.
pub struct PermissionGroup<'a> {
    /// The API's name.
    pub api: &'a str,
    /// The permissions, in the catalogue's words.
    pub permissions: Vec<Permission<'a>>,
}

/// One permission.
pub struct Permission<'a> {
    /// The name of the scope.
    pub scope: &'a str,
    /// A sentence for people.
    pub description: Phrase<'a>,
    /// Whether people should think twice.
    pub sensitive: bool,
    /// Whether the user has not agreed to it before, though to others.
    pub new: bool,
    /// Whether they may leave it out.
    pub optional: bool,
    /// Whether it is chosen before they touch anything.
    pub ticked: bool,
}

/// Tells somebody whom an app does not serve so, with the way back to it.
#[derive(Template)]
#[template(path = "not_served.html")]
pub struct NotServedPage<'a> {
    /// What every page is given.
    pub look: Look<'a>,
    /// What happened, in a few words.
    pub heading: &'a str,
    /// What it means for the user.
    pub explanation: &'a str,
    /// The app's name.
    pub app_name: DisplayName,
    /// The address that tells the app that it was refused.
    pub way_back: &'a str,
    /// Where that leads.
    pub destination: Destination<'a>,
    /// Lets the user switch accounts and come back.
    pub switch_account: &'a str,
    /// The id under which the operator finds this in the log.
    pub request_id: &'a str,
}
