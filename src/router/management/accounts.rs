//! Developer accounts, their members and invitations.

use super::{Area, Entry};

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accounts {
    /// The portal's first page.
    HomePage,
    /// The form there that makes a developer account.
    CreateForm,
    /// The developer accounts of whoever asks.
    List,
    /// Making one.
    Create,
}

const fn entry(method: &'static str, path: &'static str, name: &'static str, route: Accounts) -> Entry {
    Entry {
        method,
        path,
        name,
        area: Area::Accounts(route),
    }
}

/// Their routes.
pub const TABLE: &[Entry] = &[
    entry("GET", "/developers", "developer_home_page", Accounts::HomePage),
    entry(
        "POST",
        "/developers/accounts",
        "create_developer_account_form",
        Accounts::CreateForm,
    ),
    entry(
        "GET",
        "/api/developer/accounts",
        "list_developer_accounts",
        Accounts::List,
    ),
    entry(
        "POST",
        "/api/developer/accounts",
        "create_developer_account",
        Accounts::Create,
    ),
];
