//! Pages about what administrators decide.

pub mod routes;

use askama::Template;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{FormState, Frame};
use crate::looks::Looks;
use crate::management::apps::catalogue::Catalogue;
use crate::management::policy::apis::Api;
use crate::management::policy::app_policy::AppPolicy;
use crate::management::policy::connections::ConnectionSettings;
use crate::management::policy::credentials::Credential;
use crate::management::policy::grants::{Grant, GrantKey};
use crate::management::policy::operator_apps::Account;
use crate::management::policy::overview::Overview;
use crate::management::policy::own_api;
use crate::management::policy::protected_resources::Guide;
use crate::management::policy::rate_tiers::RateTier;
use crate::management::policy::roles::Appointment;
use crate::management::policy::scopes::Scope;
use crate::pages::DisplayName;

/// What is written as it is in a path (RFC 3986 §2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A name as a segment of a path.
pub fn segment(name: &str) -> String {
    utf8_percent_encode(name, RESERVED).to_string()
}

/// The first page.
#[derive(Template)]
#[template(path = "management/policy/overview.html")]
pub struct OverviewPage<'a> {
    /// What every page here is given.
    pub frame: Frame<'a>,
    /// How much there is of everything.
    pub overview: Overview,
    /// The resource indicator of the management API.
    pub resource: String,
}

/// All APIs.
#[derive(Template)]
#[template(path = "management/policy/apis.html")]
pub struct ApisPage<'a> {
    /// What every page here is given.
    pub frame: Frame<'a>,
    /// The form that makes another.
    pub form: &'a FormState,
    /// The APIs.
    pub apis: &'a [Api],
}

/// One API.
#[derive(Template)]
#[template(path = "management/policy/api.html")]
pub struct ApiPage<'a> {
    /// What every page here is given.
    pub frame: Frame<'a>,
    /// The form that changes it.
    pub form: &'a FormState,
    /// The API.
    pub api: &'a Api,
    /// Whether it is the management API.
    pub is_own: bool,
    /// What it tells its clients of this server.
    pub protected: &'a Guide,
    /// Its credentials.
    pub credentials: &'a [Credential],
    /// The one that was made just now.
    pub secret: Option<&'a ShownSecret>,
    /// Its scopes.
    pub scopes: &'a [Scope],
    /// Who is granted what of it.
    pub grants: &'a [Grant],
}

impl ApiPage<'_> {
    /// What the default grant for a subject says.
    fn default_grant(&self, subject: &str) -> Option<&Grant> {
        let mut grants = self.grants.iter();
        grants.find(|grant| grant.client_id == "default" && grant.subject_type == subject)
    }

    /// The grants of apps.
    fn own_grants(&self) -> impl Iterator<Item = &Grant> {
        self.grants.iter().filter(|grant| grant.client_id != "default")
    }
}

/// A secret that is shown once.
pub struct ShownSecret {
    /// What it belongs to.
    pub id: String,
    /// It.
    pub secret: String,
}

/// The scope catalogue.
#[derive(Template)]
#[template(path = "management/policy/scopes.html")]
pub struct ScopesPage<'a> {
    /// What every page here is given.
    pub frame: Frame<'a>,
    /// The form that makes another.
    pub form: &'a FormState,
    /// The APIs.
    pub apis: &'a [Api],
    /// The scopes, by API.
    pub scopes: &'a [Scope],
}

impl ScopesPage<'_> {
    /// The APIs to choose from.
    fn api_options(&self) -> Vec<(&str, &str)> {
        let others = self.apis.iter().filter(|api| api.id != own_api::ID);
        others.map(|api| (api.id.as_str(), api.name.as_str())).collect()
    }

    /// The scopes of an API.
    fn of<'s>(&'s self, api: &'s Api) -> Vec<&'s Scope> {
        self.scopes.iter().filter(|scope| scope.api_id == api.id).collect()
    }
}

/// One scope.
#[derive(Template)]
#[template(path = "management/policy/scope.html")]
pub struct ScopePage<'a> {
    /// What every page here is given.
    pub frame: Frame<'a>,
    /// The form that changes it.
    pub form: &'a FormState,
    /// The scope.
    pub scope: &'a Scope,
    /// Whether it is one of the management API.
    pub is_own: bool,
    /// Its name as a segment of a path.
    pub path: String,
}

/// All rate tiers.
#[derive(Template)]
#[template(path = "management/policy/rate_tiers.html")]
pub struct RateTiersPage<'a> {
    /// What every page here is given.
    pub frame: Frame<'a>,
    /// The form that makes another.
    pub form: &'a FormState,
    /// The tiers.
    pub tiers: &'a [RateTier],
}

/// One rate tier.
#[derive(Template)]
#[template(path = "management/policy/rate_tier.html")]
pub struct RateTierPage<'a> {
    /// What every page here is given.
    pub frame: Frame<'a>,
    /// The form that changes it.
    pub form: &'a FormState,
    /// The tier.
    pub tier: &'a RateTier,
}

/// All connections.
#[derive(Template)]
#[template(path = "management/policy/connections.html")]
pub struct ConnectionsPage<'a> {
    /// What every page here is given.
    pub frame: Frame<'a>,
    /// The form that makes another.
    pub form: &'a FormState,
    /// Whether that form was for a hand-off.
    pub is_hand_off: bool,
    /// The connections.
    pub connections: &'a [ConnectionSettings],
}

/// One connection.
#[derive(Template)]
#[template(path = "management/policy/connection.html")]
pub struct ConnectionPage<'a> {
    /// What every page here is given.
    pub frame: Frame<'a>,
    /// The form that changes it.
    pub form: &'a FormState,
    /// The connection.
    pub connection: &'a ConnectionSettings,
    /// The redirect URI that its provider must know.
    pub callback: String,
    /// What a check found: that it works, or why it does not.
    pub check: Option<&'a Result<String, String>>,
}

/// One client grant.
#[derive(Template)]
#[template(path = "management/policy/grant.html")]
pub struct GrantPage<'a> {
    /// What every page here is given.
    pub frame: Frame<'a>,
    /// The form that sets it.
    pub form: &'a FormState,
    /// Which.
    pub key: &'a GrantKey,
    /// The grant, if there is one.
    pub grant: Option<&'a Grant>,
    /// Of which API.
    pub api: &'a Api,
    /// The scopes of the API.
    pub scopes: &'a [Scope],
    /// The app's name; `None`: it is the default.
    pub app: Option<DisplayName>,
    /// Whether it is for users and not for the app itself.
    pub is_for_users: bool,
}

impl GrantPage<'_> {
    /// Its version; 0: there is none.
    fn version(&self) -> u32 {
        self.grant.map_or(0, |grant| grant.version)
    }
}

/// The form by which the operator makes an app.
#[derive(Template)]
#[template(path = "management/policy/new_app.html")]
pub struct NewOperatorAppPage<'a> {
    /// What every page here is given.
    pub frame: Frame<'a>,
    /// The form.
    pub form: &'a FormState,
    /// The developer accounts to choose from.
    pub accounts: &'a [Account],
    /// The scopes to choose from.
    pub catalogue: &'a Catalogue,
}

impl NewOperatorAppPage<'_> {
    fn account_options(&self) -> Vec<(&str, String)> {
        let accounts = self.accounts.iter();
        accounts
            .map(|account| {
                (
                    account.id.as_str(),
                    DisplayName::new(&account.name, "Unnamed").to_string(),
                )
            })
            .collect()
    }
}

/// What is shown once an app is made: its secret, this once.
#[derive(Template)]
#[template(path = "management/policy/app_made.html")]
pub struct OperatorAppMadePage<'a> {
    /// What every page here is given.
    pub frame: Frame<'a>,
    /// The app's name.
    pub name: DisplayName,
    /// Its id.
    pub client_id: &'a str,
    /// Its secret.
    pub secret: Option<&'a str>,
}

/// The policy of one app, and its grants.
#[derive(Template)]
#[template(path = "management/policy/app_policy.html")]
pub struct AppPolicyPage<'a> {
    /// What every page here is given.
    pub frame: Frame<'a>,
    /// The form that changes it.
    pub form: &'a FormState,
    /// The app's name.
    pub name: DisplayName,
    /// Its id as a segment of a path.
    pub path: String,
    /// Its policy.
    pub policy: &'a AppPolicy,
    /// The rate tiers.
    pub tiers: &'a [RateTier],
    /// What it is granted, by API and subject.
    pub rows: &'a [GrantRow],
}

impl AppPolicyPage<'_> {
    /// The options of the rate tier.
    fn tier_options(&self) -> Vec<(&str, &str)> {
        let by_status = ("", "As its status says");
        let tiers = self.tiers.iter().map(|tier| (tier.name.as_str(), tier.name.as_str()));
        std::iter::once(by_status).chain(tiers).collect()
    }
}

/// What an app is granted of one API, for users or for itself.
pub struct GrantRow {
    /// The API's name.
    pub api: String,
    /// `user` or `client`.
    pub subject: &'static str,
    /// What the app gets, in words.
    pub access: String,
    /// Whether by a grant of its own.
    pub is_own: bool,
    /// Where it is changed.
    pub path: String,
}

impl GrantRow {
    /// What an app is granted, out of its own grants and the defaults: its own come first.
    pub fn of(api: &Api, subject: &'static str, client_id: &str, grants: &[Grant]) -> Self {
        let mut grants = grants.iter();
        let found = grants.find(|grant| grant.api_id == api.id && grant.subject_type == subject);
        Self {
            api: api.name.clone(),
            subject,
            access: found.map_or_else(|| "nothing".into(), Grant::in_words),
            is_own: found.is_some_and(|grant| grant.client_id != "default"),
            path: format!("/admin/policy/apis/{}/grants/{}/{subject}", api.id, segment(client_id)),
        }
    }
}

/// The platform's name, colour and logo.
#[derive(Template)]
#[template(path = "management/policy/branding.html")]
pub struct BrandingPage<'a> {
    /// What every page here is given, in the looks that were set.
    pub frame: Frame<'a>,
    /// The form that changes them.
    pub form: &'a FormState,
    /// Their version; 0: nothing was ever set.
    pub version: u32,
    /// What counts where nothing is set.
    pub variables: &'a Looks,
    /// Whether a logo is set.
    pub has_logo: bool,
    /// What is wrong with a logo that was sent.
    pub logo_error: Option<&'a str>,
}

/// Reviewers and administrators.
#[derive(Template)]
#[template(path = "management/policy/roles.html")]
pub struct RolesPage<'a> {
    /// What every page here is given.
    pub frame: Frame<'a>,
    /// The form that appoints one.
    pub form: &'a FormState,
    /// Those there are.
    pub appointments: &'a [Appointment],
    /// Whether `FIRST_ADMINISTRATOR` names another.
    pub has_first: bool,
}

impl RolesPage<'_> {
    fn name(&self, appointment: &Appointment) -> DisplayName {
        DisplayName::new(&appointment.name, "Unnamed")
    }
}
