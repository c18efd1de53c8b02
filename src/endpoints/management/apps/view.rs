//! Apps as JSON.

use serde::Serialize;

use crate::looks::LogoName;
use crate::management::apps::AppRecord;
use crate::management::apps::list::ListedApp;
use crate::management::apps::settings::{AppSettings, RequestedScope};
use crate::oauth::client::AppType;
use crate::oauth::standing::{AppClass, AppStatus};

/// An app, as its developers see it.
#[derive(Serialize)]
pub struct AppView<'a> {
    app_id: &'a str,
    client_id: &'a str,
    developer_id: &'a str,
    app_type: AppType,
    class: AppClass,
    status: AppStatus,
    name: &'a str,
    description: &'a str,
    redirect_uris: &'a [String],
    scopes: Vec<&'a str>,
    permissions: &'a [RequestedScope],
    homepage_url: Option<&'a str>,
    privacy_policy_url: Option<&'a str>,
    terms_of_service_url: Option<&'a str>,
    logo: Option<String>,
    created_at: String,
    approved_at: Option<String>,
    version: u32,
    /// What counts today, where that differs from the settings above.
    in_force: Option<SettingsView<'a>>,
    /// Only when it was just made.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<&'a str>,
}

#[derive(Serialize)]
struct SettingsView<'a> {
    name: &'a str,
    description: &'a str,
    redirect_uris: &'a [String],
    scopes: Vec<&'a str>,
    permissions: &'a [RequestedScope],
    homepage_url: Option<&'a str>,
    privacy_policy_url: Option<&'a str>,
    terms_of_service_url: Option<&'a str>,
    logo: Option<String>,
}

/// An app in a list.
#[derive(Serialize)]
pub struct ListedAppView<'a> {
    app_id: &'a str,
    client_id: &'a str,
    developer_id: &'a str,
    name: &'a str,
    app_type: AppType,
    status: AppStatus,
    created_at: String,
    has_unreviewed_edits: bool,
}

impl<'a> AppView<'a> {
    /// An app.
    pub fn of(app: &'a AppRecord) -> Self {
        let settings = SettingsView::of(app.working_copy());
        Self {
            app_id: &app.client_id,
            client_id: &app.client_id,
            developer_id: &app.developer_id,
            app_type: app.app_type,
            class: app.class,
            status: app.status,
            name: settings.name,
            description: settings.description,
            redirect_uris: settings.redirect_uris,
            scopes: settings.scopes,
            permissions: settings.permissions,
            homepage_url: settings.homepage_url,
            privacy_policy_url: settings.privacy_policy_url,
            terms_of_service_url: settings.terms_of_service_url,
            logo: settings.logo,
            created_at: app.created_at.to_rfc3339(),
            approved_at: app.approved_at.map(crate::time::Timestamp::to_rfc3339),
            version: app.version,
            in_force: app.has_unreviewed_edits().then(|| SettingsView::of(&app.in_force)),
            client_secret: None,
        }
    }

    /// With the secret that was just drawn.
    pub fn with_secret(self, client_secret: Option<&'a str>) -> Self {
        Self { client_secret, ..self }
    }
}

impl<'a> SettingsView<'a> {
    fn of(settings: &'a AppSettings) -> Self {
        let logo = settings.logo.as_deref().and_then(LogoName::parse);
        Self {
            name: &settings.name,
            description: &settings.description,
            redirect_uris: &settings.redirect_uris,
            scopes: settings.scopes.iter().map(|scope| scope.scope.as_str()).collect(),
            permissions: &settings.scopes,
            homepage_url: settings.homepage_url.as_deref(),
            privacy_policy_url: settings.privacy_policy_url.as_deref(),
            terms_of_service_url: settings.terms_of_service_url.as_deref(),
            logo: logo.map(|logo| logo.path()),
        }
    }
}

impl<'a> ListedAppView<'a> {
    /// An app in a list.
    pub fn of(app: &'a ListedApp) -> Self {
        Self {
            app_id: &app.client_id,
            client_id: &app.client_id,
            developer_id: &app.developer_id,
            name: &app.name,
            app_type: app.app_type,
            status: app.status,
            created_at: app.created_at.to_rfc3339(),
            has_unreviewed_edits: app.has_unreviewed_edits,
        }
    }
}
