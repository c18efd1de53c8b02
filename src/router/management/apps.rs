//! Apps: registration, settings, permissions, logo, deletion.

use super::{Area, Entry};
use crate::router::CLAIM;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Apps {
    /// The form that registers an app.
    NewPage,
    /// The same, sent.
    CreateForm,
    /// The form that claims an app that registered itself.
    ClaimPage,
    /// The same, sent.
    ClaimForm,
    /// What an app's document must say so that it can be claimed.
    ClaimProof,
    /// Claiming an app.
    Claim,
    /// An app: its first tab.
    Page,
    /// The first lines of its code.
    QuickStartPage,
    /// Its settings.
    SettingsPage,
    /// The same, sent.
    SettingsForm,
    /// Its scopes.
    PermissionsPage,
    /// The same, sent.
    PermissionsForm,
    /// A new logo.
    LogoForm,
    /// No logo any more.
    RemoveLogoForm,
    /// The question whether it is to be deleted.
    DeletePage,
    /// The same, answered.
    DeleteForm,
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
    /// A new logo.
    PutLogo,
    /// No logo any more.
    DeleteLogo,
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
    entry("GET", "/developers/apps/new", "register_app_page", Apps::NewPage),
    entry("POST", "/developers/apps", "register_app_form", Apps::CreateForm),
    entry("GET", CLAIM, "claim_app_page", Apps::ClaimPage),
    entry("POST", CLAIM, "claim_app_form", Apps::ClaimForm),
    entry("GET", "/developers/apps/{client_id}", "app_page", Apps::Page),
    entry("GET", "/developers/apps/{client_id}/quick-start", "app_quick_start_page", Apps::QuickStartPage),
    entry("GET", "/developers/apps/{client_id}/settings", "app_settings_page", Apps::SettingsPage),
    entry("POST", "/developers/apps/{client_id}/settings", "app_settings_form", Apps::SettingsForm),
    entry("GET", "/developers/apps/{client_id}/permissions", "app_permissions_page", Apps::PermissionsPage),
    entry("POST", "/developers/apps/{client_id}/permissions", "app_permissions_form", Apps::PermissionsForm),
    entry("POST", "/developers/apps/{client_id}/logo", "app_logo_form", Apps::LogoForm),
    entry("POST", "/developers/apps/{client_id}/logo/remove", "remove_app_logo_form", Apps::RemoveLogoForm),
    entry("GET", "/developers/apps/{client_id}/delete", "delete_app_page", Apps::DeletePage),
    entry("POST", "/developers/apps/{client_id}/delete", "delete_app_form", Apps::DeleteForm),
    entry("GET", "/api/developer/apps", "list_apps", Apps::List),
    entry("POST", "/api/developer/apps", "register_app", Apps::Create),
    entry("GET", "/api/developer/apps/claim", "get_app_claim", Apps::ClaimProof),
    entry("POST", "/api/developer/apps/claim", "claim_app", Apps::Claim),
    entry("GET", "/api/developer/apps/{client_id}", "get_app", Apps::Show),
    entry("PATCH", "/api/developer/apps/{client_id}", "update_app", Apps::Patch),
    entry("DELETE", "/api/developer/apps/{client_id}", "delete_app", Apps::Delete),
    entry("PUT", "/api/developer/apps/{client_id}/logo", "put_app_logo", Apps::PutLogo),
    entry("DELETE", "/api/developer/apps/{client_id}/logo", "delete_app_logo", Apps::DeleteLogo),
    entry("GET", "/api/developer/scopes", "list_offered_scopes", Apps::Scopes),
];
