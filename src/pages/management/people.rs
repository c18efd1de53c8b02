//! Pages about users, apps and developer accounts, for administrators.

use askama::Template;

use super::{FormState, Forms, Frame};
use crate::http::percent_encoded;
use crate::management::people::apps::{AppFilter, AppRow, AppView, CLASSES, STATUSES};
use crate::management::people::developers::{DeveloperRow, DeveloperView};
use crate::management::people::users::{UserRow, UserView};

/// The address of the page behind one of a list.
pub struct NextPage(pub String);

/// The list of users.
#[derive(Template)]
#[template(path = "management/users.html")]
pub struct UsersPage<'a> {
    /// What every page here is given.
    pub frame: Frame<'a>,
    /// What was looked for.
    pub search: &'a str,
    /// The users.
    pub users: &'a [UserRow],
    /// What is behind them.
    pub next: Option<NextPage>,
}

/// One user.
#[derive(Template)]
#[template(path = "management/user.html")]
pub struct UserPage<'a> {
    /// What every page here is given.
    pub frame: Frame<'a>,
    /// The user.
    pub view: &'a UserView,
    /// Whether it is the visitor.
    pub is_oneself: bool,
    /// What was done a moment ago.
    pub done: &'a str,
    /// The forms, as they were sent.
    pub form: &'a FormState,
}

impl UserPage<'_> {
    fn done_in_words(&self) -> &'static str {
        match self.done {
            "suspended" => "The user is suspended. They are signed out everywhere.",
            "reinstated" => "The user may sign in again. Nothing is connected.",
            "erased" => "All that told who this was is gone.",
            "revoked" => "No app may act for this user any more.",
            _ => "",
        }
    }
}

/// The list of apps.
#[derive(Template)]
#[template(path = "management/admin_apps.html")]
pub struct AdminAppsPage<'a> {
    /// What every page here is given.
    pub frame: Frame<'a>,
    /// What was looked for.
    pub filter: &'a AppFilter,
    /// The apps.
    pub apps: &'a [AppRow],
    /// What is behind them.
    pub next: Option<NextPage>,
}

impl AdminAppsPage<'_> {
    fn statuses(&self) -> [&'static str; 5] {
        STATUSES
    }

    fn classes(&self) -> [&'static str; 4] {
        CLASSES
    }

    fn is_status(&self, status: &str) -> bool {
        self.filter.status.as_deref() == Some(status)
    }

    fn is_class(&self, class: &str) -> bool {
        self.filter.class.as_deref() == Some(class)
    }
}

/// One app.
#[derive(Template)]
#[template(path = "management/admin_app.html")]
pub struct AdminAppPage<'a> {
    /// What every page here is given.
    pub frame: Frame<'a>,
    /// The app.
    pub view: &'a AppView,
    /// Whether what it was given was taken back a moment ago.
    pub is_revoked: bool,
    /// Its forms, `revoke` and `suspend`, as they were sent.
    pub sent: &'a Forms,
}

impl AdminAppPage<'_> {
    /// Where its forms are sent.
    fn path(&self) -> String {
        format!("/admin/apps/{}", percent_encoded(&self.view.app.client_id))
    }
}

/// The list of developer accounts.
#[derive(Template)]
#[template(path = "management/admin_developers.html")]
pub struct AdminDevelopersPage<'a> {
    /// What every page here is given.
    pub frame: Frame<'a>,
    /// What was looked for.
    pub search: &'a str,
    /// The accounts.
    pub developers: &'a [DeveloperRow],
    /// What is behind them.
    pub next: Option<NextPage>,
}

/// One developer account.
#[derive(Template)]
#[template(path = "management/admin_developer.html")]
pub struct AdminDeveloperPage<'a> {
    /// What every page here is given.
    pub frame: Frame<'a>,
    /// The account.
    pub view: &'a DeveloperView,
    /// Its apps.
    pub apps: &'a [AppRow],
    /// What is behind them.
    pub next: Option<NextPage>,
    /// Whether what its apps were given was taken back a moment ago.
    pub is_revoked: bool,
    /// The form, as it was sent.
    pub form: &'a FormState,
}
