//! What every page of one app has around it.

use askama::Template;
use askama::filters::HtmlSafe;

use crate::looks::LogoName;
use crate::management::apps::AppRecord;
use crate::oauth::standing::AppStatus;
use crate::pages::DisplayName;

/// What every page of one app is given, beside the [`Frame`](super::Frame): its head and its tabs.
#[derive(Template)]
#[template(path = "management/app_head.html")]
pub struct AppFrame<'a> {
    /// Its client id.
    pub client_id: &'a str,
    /// Its name, as its developers have it now.
    pub name: DisplayName,
    /// Who answers for it.
    pub developer: DisplayName,
    /// The developer account of it.
    pub developer_id: &'a str,
    /// Its logo, as its developers have it now.
    pub logo: Option<LogoName>,
    /// Its status.
    pub status: AppStatus,
    /// Whether edits wait that no reviewer has approved.
    pub has_unreviewed_edits: bool,
    tab: AppTab,
}

/// A tab of an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppTab {
    /// The first lines of its code.
    QuickStart,
    /// Name, addresses, redirect URIs, logo.
    Settings,
    /// Secrets and keys.
    Credentials,
    /// Scopes.
    Permissions,
    /// Testers.
    Testing,
    /// Submissions and what reviewers say.
    Review,
    /// Charts.
    Usage,
    /// Requests that failed.
    Log,
}

/// The tabs as they stand in the bar: each with the end of its path and its title.
const TABS: [(AppTab, &str, &str); 8] = [
    (AppTab::Settings, "settings", "Settings"),
    (AppTab::QuickStart, "quick-start", "Quick start"),
    (AppTab::Credentials, "credentials", "Credentials"),
    (AppTab::Permissions, "permissions", "Permissions"),
    (AppTab::Testing, "testing", "Testing"),
    (AppTab::Review, "review", "Review"),
    (AppTab::Usage, "usage", "Usage"),
    (AppTab::Log, "log", "Log"),
];

impl HtmlSafe for AppFrame<'_> {}

impl<'a> AppFrame<'a> {
    /// What a page of this app is given.
    pub fn new(app: &'a AppRecord, tab: AppTab) -> Self {
        let settings = app.working_copy();
        Self {
            client_id: &app.client_id,
            name: DisplayName::new(&settings.name, "Unnamed app"),
            developer: DisplayName::new(&app.developer_name, "Unnamed developer"),
            developer_id: &app.developer_id,
            logo: settings.logo.as_deref().and_then(LogoName::parse),
            status: app.status,
            has_unreviewed_edits: app.has_unreviewed_edits(),
            tab,
        }
    }

    /// The end of the path, the title, and `aria-current` of each tab.
    pub fn tabs(&self) -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
        let here = self.tab;
        TABS.into_iter()
            .map(move |(tab, path, title)| (path, title, if tab == here { "page" } else { "false" }))
    }

    /// Its status in words.
    pub fn status_in_words(&self) -> &'static str {
        status_in_words(self.status)
    }
}

/// A status in words.
pub fn status_in_words(status: AppStatus) -> &'static str {
    match status {
        AppStatus::Draft => "Draft",
        AppStatus::PendingReview => "In review",
        AppStatus::Approved => "Live",
        AppStatus::Rejected => "Rejected",
        AppStatus::Suspended => "Suspended",
    }
}
