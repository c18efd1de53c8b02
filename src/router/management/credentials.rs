//! With what apps prove who they are, and who tests them.

use super::{Area, Entry};

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credentials {
    /// The tab Credentials of an app.
    Page,
    /// The forms there that change its secrets.
    SecretsForm,
    /// The form there that says how it proves itself.
    AuthenticationForm,
    /// The tab Testing of an app.
    TestingPage,
    /// The form there that adds a tester.
    AddTesterForm,
    /// The form there that removes one.
    RemoveTesterForm,
    /// An app's credentials.
    Get,
    /// A second secret.
    StartRotation,
    /// The end of the older secret.
    CompleteRotation,
    /// A new secret, and the end of all others.
    Replace,
    /// The end of one of two secrets.
    EndSecret,
    /// How an app proves itself.
    SetAuthentication,
    /// Its testers.
    Testers,
    /// One more.
    AddTester,
    /// One less.
    RemoveTester,
}

const fn entry(method: &'static str, path: &'static str, name: &'static str, route: Credentials) -> Entry {
    Entry {
        method,
        path,
        name,
        area: Area::Credentials(route),
    }
}

/// Their routes.
#[rustfmt::skip]
pub const TABLE: &[Entry] = &[
    entry("GET", "/developers/apps/{client_id}/credentials", "app_credentials_page", Credentials::Page),
    entry("POST", "/developers/apps/{client_id}/secrets", "client_secrets_form", Credentials::SecretsForm),
    entry("POST", "/developers/apps/{client_id}/authentication", "app_authentication_form", Credentials::AuthenticationForm),
    entry("GET", "/developers/apps/{client_id}/testing", "app_testing_page", Credentials::TestingPage),
    entry("POST", "/developers/apps/{client_id}/testers", "add_tester_form", Credentials::AddTesterForm),
    entry("POST", "/developers/apps/{client_id}/testers/{tester_id}/remove", "remove_tester_form", Credentials::RemoveTesterForm),
    entry("GET", "/api/developer/apps/{client_id}/credentials", "get_app_credentials", Credentials::Get),
    entry("POST", "/api/developer/apps/{client_id}/secrets", "start_client_secret_rotation", Credentials::StartRotation),
    entry("POST", "/api/developer/apps/{client_id}/secrets/complete", "complete_client_secret_rotation", Credentials::CompleteRotation),
    entry("POST", "/api/developer/apps/{client_id}/secrets/replace", "replace_client_secrets", Credentials::Replace),
    entry("DELETE", "/api/developer/apps/{client_id}/secrets/{secret_id}", "end_client_secret", Credentials::EndSecret),
    entry("PUT", "/api/developer/apps/{client_id}/authentication", "set_app_authentication", Credentials::SetAuthentication),
    entry("GET", "/api/developer/apps/{client_id}/testers", "list_testers", Credentials::Testers),
    entry("POST", "/api/developer/apps/{client_id}/testers", "add_tester", Credentials::AddTester),
    entry("DELETE", "/api/developer/apps/{client_id}/testers/{tester_id}", "remove_tester", Credentials::RemoveTester),
];
