//! Pages on which developers register and manage apps.

use askama::Template;

use super::{AppFrame, FormState, Frame};
use crate::http::percent_encoded;
use crate::management::actor::Membership;
use crate::management::apps::catalogue::{Catalogue, OfferedScope};
use crate::management::apps::edit::MOST_REDIRECT_URIS;

/// The rows of a list of redirect URIs: what is in each, and what is wrong with it.
#[derive(Debug, Clone, Default)]
pub struct UriRows(Vec<UriRow>);

/// One row.
#[derive(Debug, Clone)]
pub struct UriRow {
    /// What is in it.
    pub value: String,
    /// What is wrong with it.
    pub error: Option<String>,
}

impl UriRows {
    /// A row for each URI of a form, and an empty one if there is none.
    pub fn of(form: &FormState) -> Self {
        let values = form.values("redirect_uris").into_iter().map(str::to_owned);
        let mut rows: Vec<UriRow> = values
            .enumerate()
            .map(|(at, value)| UriRow {
                value,
                error: form.error(&format!("redirect_uris/{at}")).map(str::to_owned),
            })
            .collect();
        if rows.is_empty() {
            rows.push(UriRow::empty());
        }
        Self(rows)
    }

    /// Rows as they stood in the form, the empty ones too, after its button `add_uri` or `remove_uri_N` was pressed.
    /// `None`: it was another.
    pub fn after(action: &str, values: Vec<String>) -> Option<Self> {
        let mut rows: Vec<UriRow> = values
            .into_iter()
            .take(MOST_REDIRECT_URIS)
            .map(|value| UriRow { value, error: None })
            .collect();
        match action.strip_prefix("remove_uri_") {
            Some(at) => {
                let at: usize = at.parse().ok()?;
                if at < rows.len() {
                    rows.remove(at);
                }
            }
            None if action == "add_uri" => {
                if rows.len() < MOST_REDIRECT_URIS {
                    rows.push(UriRow::empty());
                }
            }
            None => return None,
        }
        if rows.is_empty() {
            rows.push(UriRow::empty());
        }
        Some(Self(rows))
    }

    /// The rows.
    pub fn rows(&self) -> &[UriRow] {
        &self.0
    }

    /// Whether there is something to remove.
    pub fn is_several(&self) -> bool {
        self.0.len() > 1
    }
}

impl UriRow {
    fn empty() -> Self {
        Self {
            value: String::new(),
            error: None,
        }
    }
}

/// The form that registers an app.
#[derive(Template)]
#[template(path = "management/app_new.html")]
pub struct AppNewPage<'a> {
    /// What every page here is given.
    pub frame: Frame<'a>,
    /// What is in the form.
    pub form: &'a FormState,
    /// Its redirect URIs.
    pub uris: UriRows,
    /// The scopes to choose from.
    pub catalogue: &'a Catalogue,
    /// The developer accounts to choose from.
    pub accounts: &'a [Membership],
}

/// The form that claims an app that registered itself.
#[derive(Template)]
#[template(path = "management/app_claim.html")]
pub struct AppClaimPage<'a> {
    /// What every page here is given.
    pub frame: Frame<'a>,
    /// What is in the form.
    pub form: &'a FormState,
    /// The developer accounts to choose from.
    pub accounts: &'a [Membership],
    /// The member of a document that proves the claim.
    pub member: String,
    /// Its value, if the form names a document.
    pub value: Option<String>,
}

const TOKEN_HINT: &str = "What the registration endpoint gave the app. Leave it out if the client id is an address.";

impl AppClaimPage<'_> {
    fn account_options(&self) -> Vec<(&str, &str)> {
        let accounts = self.accounts.iter();
        accounts
            .map(|account| (account.developer_id.as_str(), account.name.as_str()))
            .collect()
    }
}

/// The page after a registration: the only one that shows the secret.
#[derive(Template)]
#[template(path = "management/app_created.html")]
pub struct AppCreatedPage<'a> {
    /// What every page here is given.
    pub frame: Frame<'a>,
    /// The app.
    pub client_id: &'a str,
    /// Its secret, if it can keep one.
    pub secret: Option<&'a str>,
}

/// The tab "Settings".
#[derive(Template)]
#[template(path = "management/app_settings.html")]
pub struct AppSettingsPage<'a> {
    /// What every page here is given.
    pub frame: Frame<'a>,
    /// What every page of an app is given.
    pub app: AppFrame<'a>,
    /// What is in the form.
    pub form: &'a FormState,
    /// Its redirect URIs.
    pub uris: UriRows,
    /// What is wrong with a logo that was sent.
    pub logo_error: Option<&'a str>,
    /// The version the forms change.
    pub version: u32,
    /// Whether its client id is the address of a document.
    pub follows_document: bool,
    /// Its type in words.
    pub app_type: &'static str,
}

impl AppSettingsPage<'_> {
    fn logo_path(&self) -> String {
        format!("/developers/apps/{}/logo", percent_encoded(self.app.client_id))
    }
}

/// The tab "Permissions".
#[derive(Template)]
#[template(path = "management/app_permissions.html")]
pub struct AppPermissionsPage<'a> {
    /// What every page here is given.
    pub frame: Frame<'a>,
    /// What every page of an app is given.
    pub app: AppFrame<'a>,
    /// What is in the form.
    pub form: &'a FormState,
    /// The scopes to choose from.
    pub catalogue: &'a Catalogue,
    /// The version the form changes.
    pub version: u32,
}

impl AppPermissionsPage<'_> {
    /// What the operator lets the app have of a scope today, in words.
    pub fn granted(scope: &OfferedScope) -> &'static str {
        match (scope.for_users, scope.for_itself) {
            (true, true) => "The platform grants it, for users who agree and for the app itself.",
            (true, false) => "The platform grants it for users who agree, but not for the app itself.",
            (false, true) => "The platform grants it for the app itself, but not for users.",
            (false, false) => "The platform does not grant it to this app today.",
        }
    }
}

/// The question whether an app is to be deleted.
#[derive(Template)]
#[template(path = "management/app_delete.html")]
pub struct AppDeletePage<'a> {
    /// What every page here is given.
    pub frame: Frame<'a>,
    /// What every page of an app is given.
    pub app: AppFrame<'a>,
    /// The version that is to be deleted.
    pub version: u32,
}
