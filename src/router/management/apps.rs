//! Apps: registration, settings, permissions, logo, deletion.

use super::{Area, Entry};

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Apps {
    /// The apps of whoever asks.
    List,
    /// Registration.
    Create,
    /// An app.
    Show,
    /// Changing some of it.
    Patch,
    /// Deleting it.
    Delete,
    /// The scopes that apps may ask for.
    Scopes,
}

const fn entry(method: &'static str, path: &'static str, name: &'static str, route: Apps) -> Entry {
    Entry {
        method,
        path,
        name,
        area: Area::Apps(route),
    }
}

/// Their routes.
#[rustfmt::skip]
pub const TABLE: &[Entry] = &[
    entry("GET", "/api/developer/apps", "list_apps", Apps::List),
    entry("POST", "/api/developer/apps", "register_app", Apps::Create),
    entry("GET", "/api/developer/apps/{client_id}", "get_app", Apps::Show),
    entry("PATCH", "/api/developer/apps/{client_id}", "update_app", Apps::Patch),
    entry("DELETE", "/api/developer/apps/{client_id}", "delete_app", Apps::Delete),
    entry("GET", "/api/developer/scopes", "list_offered_scopes", Apps::Scopes),
];
