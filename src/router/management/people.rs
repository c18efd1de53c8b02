//! Users, apps and developer accounts, as administrators see them.

use super::{Area, Entry};

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum People {
    /// The console's first page.
    ConsolePage,
    /// The page that lists users.
    UsersPage,
    /// The page of one user.
    UserPage,
    /// A form there.
    UserForm(UserAction),
    /// Users, as JSON.
    Users,
    /// One user, as JSON.
    User,
    /// What is done to a user.
    OnUser(UserAction),
    /// The page that lists apps.
    AppsPage,
    /// The page of one app.
    AppPage,
    /// A form there.
    AppForm(AppAction),
    /// Apps, as JSON.
    Apps,
    /// One app, as JSON.
    App,
    /// Taking back what an app was given.
    RevokeApp,
    /// The page that lists developer accounts.
    DevelopersPage,
    /// The page of one.
    DeveloperPage,
    /// The form there that takes back what its apps were given.
    RevokeDeveloperForm,
    /// Developer accounts, as JSON.
    Developers,
    /// One of them, as JSON.
    Developer,
    /// Taking back what its apps were given.
    RevokeDeveloper,
}

/// What is done to an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppAction {
    /// What it was given is taken back.
    Revoke,
    /// It is switched off.
    Suspend,
    /// It is switched on again.
    Reinstate,
}

/// What is done to a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserAction {
    /// They are locked out.
    Suspend,
    /// They may come back.
    Reinstate,
    /// Nothing is left of them but the id.
    Erase,
    /// Every app loses what they gave.
    Revoke,
}

const fn entry(method: &'static str, path: &'static str, name: &'static str, route: People) -> Entry {
    Entry {
        method,
        path,
        name,
        area: Area::People(route),
    }
}

/// Their routes.
pub const TABLE: &[Entry] = &[
    entry("GET", "/admin", "console_page", People::ConsolePage),
    entry("GET", "/admin/users", "users_page", People::UsersPage),
    entry("GET", "/admin/users/{user_id}", "user_page", People::UserPage),
    entry(
        "POST",
        "/admin/users/{user_id}/suspend",
        "suspend_user_form",
        People::UserForm(UserAction::Suspend),
    ),
    entry(
        "POST",
        "/admin/users/{user_id}/reinstate",
        "reinstate_user_form",
        People::UserForm(UserAction::Reinstate),
    ),
    entry(
        "POST",
        "/admin/users/{user_id}/erase",
        "erase_user_form",
        People::UserForm(UserAction::Erase),
    ),
    entry(
        "POST",
        "/admin/users/{user_id}/revoke",
        "revoke_user_form",
        People::UserForm(UserAction::Revoke),
    ),
    entry("GET", "/api/admin/users", "list_users", People::Users),
    entry("GET", "/api/admin/users/{user_id}", "get_user", People::User),
    entry(
        "POST",
        "/api/admin/users/{user_id}/suspend",
        "suspend_user",
        People::OnUser(UserAction::Suspend),
    ),
    entry(
        "POST",
        "/api/admin/users/{user_id}/reinstate",
        "reinstate_user",
        People::OnUser(UserAction::Reinstate),
    ),
    entry(
        "POST",
        "/api/admin/users/{user_id}/erase",
        "erase_user",
        People::OnUser(UserAction::Erase),
    ),
    entry(
        "POST",
        "/api/admin/users/{user_id}/revoke",
        "revoke_user",
        People::OnUser(UserAction::Revoke),
    ),
    entry("GET", "/admin/apps", "admin_apps_page", People::AppsPage),
    entry("GET", "/admin/apps/{client_id}", "admin_app_page", People::AppPage),
    entry(
        "POST",
        "/admin/apps/{client_id}/revoke",
        "revoke_app_form",
        People::AppForm(AppAction::Revoke),
    ),
    entry(
        "POST",
        "/admin/apps/{client_id}/suspend",
        "suspend_app_form",
        People::AppForm(AppAction::Suspend),
    ),
    entry(
        "POST",
        "/admin/apps/{client_id}/reinstate",
        "reinstate_app_form",
        People::AppForm(AppAction::Reinstate),
    ),
    entry("GET", "/api/admin/apps", "admin_list_apps", People::Apps),
    entry("GET", "/api/admin/apps/{client_id}", "admin_get_app", People::App),
    entry(
        "POST",
        "/api/admin/apps/{client_id}/revoke",
        "revoke_app",
        People::RevokeApp,
    ),
    entry(
        "GET",
        "/admin/developers",
        "admin_developers_page",
        People::DevelopersPage,
    ),
    entry(
        "GET",
        "/admin/developers/{developer_id}",
        "admin_developer_page",
        People::DeveloperPage,
    ),
    entry(
        "POST",
        "/admin/developers/{developer_id}/revoke",
        "revoke_developer_form",
        People::RevokeDeveloperForm,
    ),
    entry(
        "GET",
        "/api/admin/developers",
        "admin_list_developers",
        People::Developers,
    ),
    entry(
        "GET",
        "/api/admin/developers/{developer_id}",
        "admin_get_developer",
        People::Developer,
    ),
    entry(
        "POST",
        "/api/admin/developers/{developer_id}/revoke",
        "revoke_developer",
        People::RevokeDeveloper,
    ),
];
