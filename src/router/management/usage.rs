//! What apps use, and their error logs.

use super::{Area, Entry};

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usage {
    /// The tab Usage of an app.
    Page,
    /// The tab Log of an app.
    LogPage,
    /// The usage of all apps, for administrators.
    OverviewPage,
    /// The usage of one, for administrators.
    AdminPage,
    /// What an app used.
    OfApp,
    /// An app's error log.
    Errors,
    /// What all apps used.
    Overview,
    /// What an app used, for administrators.
    AdminOfApp,
    /// An app's error log, for administrators.
    AdminErrors,
}

const fn entry(path: &'static str, name: &'static str, route: Usage) -> Entry {
    Entry {
        method: "GET",
        path,
        name,
        area: Area::Usage(route),
    }
}

/// Their routes.
pub const TABLE: &[Entry] = &[
    entry("/developers/apps/{client_id}/usage", "app_usage_page", Usage::Page),
    entry("/developers/apps/{client_id}/log", "app_log_page", Usage::LogPage),
    entry("/admin/usage", "usage_page", Usage::OverviewPage),
    entry(
        "/admin/apps/{client_id}/usage",
        "admin_app_usage_page",
        Usage::AdminPage,
    ),
    entry("/api/developer/apps/{client_id}/usage", "get_app_usage", Usage::OfApp),
    entry(
        "/api/developer/apps/{client_id}/errors",
        "list_app_errors",
        Usage::Errors,
    ),
    entry("/api/admin/usage", "get_usage", Usage::Overview),
    entry(
        "/api/admin/apps/{client_id}/usage",
        "get_app_usage_as_admin",
        Usage::AdminOfApp,
    ),
    entry(
        "/api/admin/apps/{client_id}/errors",
        "list_app_errors_as_admin",
        Usage::AdminErrors,
    ),
];
