//! What this server would make of a metadata document, for operators to look at. Nothing of it is kept.

use serde::Serialize;

use super::observations::{self, Observation, Surroundings};
use crate::management::apps::AppRecord;
use crate::management::apps::catalogue::Catalogue;
use crate::management::apps::settings::AppSettings;
use crate::oauth::jwk::ClientKeys;
use crate::oauth::metadata_document::{DocumentUrl, MetadataDocument};
use crate::oauth::standing::AppStatus;

/// A document that was looked at.
#[derive(Debug, Serialize)]
pub struct Preview {
    /// Its address.
    pub client_id: String,
    /// Whether the app could connect.
    pub accepted: bool,
    /// Why not, as the document's author reads it.
    pub error: Option<String>,
    /// What it says, if it was accepted.
    pub document: Option<Shown>,
}

/// What a document says, as far as it counts. All of it is hostile until escaped.
#[derive(Debug, Serialize)]
pub struct Shown {
    /// The app's name.
    pub name: String,
    /// What users read as its developer.
    pub host: String,
    /// What kind of app it is.
    pub app_type: &'static str,
    /// How it proves who it is.
    pub token_endpoint_auth_method: &'static str,
    /// Where it may receive codes.
    pub redirect_uris: Vec<String>,
    /// What its keys are called, those that are.
    pub keys: Vec<Option<String>>,
    /// Where they are.
    pub jwks_uri: Option<String>,
    /// A page about it.
    pub client_uri: Option<String>,
    /// What becomes of its users' data.
    pub policy_uri: Option<String>,
    /// Its terms.
    pub tos_uri: Option<String>,
    /// Whether its access tokens are bound to a key.
    pub dpop_bound_access_tokens: bool,
    /// What it could ask users for.
    pub permissions: Vec<Permission>,
    /// How long the copy would serve, in seconds.
    pub serves_for_seconds: u64,
    /// What an operator should look at.
    pub warnings: Vec<Observation>,
}

/// A scope it could ask for.
#[derive(Debug, Serialize)]
pub struct Permission {
    /// Its name.
    pub scope: String,
    /// What it lets an app do.
    pub title: String,
    /// Whether people should think twice.
    pub sensitive: bool,
}

/// What a document is looked at with.
#[derive(Debug)]
pub struct Around<'a> {
    /// Whether this server takes documents at all.
    pub takes_documents: bool,
    /// The app, if the directory has it.
    pub app: Option<&'a AppRecord>,
    /// Its keys, or why they cannot be had.
    pub keys: Result<ClientKeys, String>,
    /// Every scope, with whether the app may have it for users.
    pub catalogue: &'a Catalogue,
    /// What its name and addresses are compared with.
    pub surroundings: Surroundings<'a>,
}

impl Preview {
    /// A document that would be refused.
    pub fn refused(client_id: String, error: String) -> Self {
        Self {
            client_id,
            accepted: false,
            error: Some(error),
            document: None,
        }
    }

    /// One that would be accepted.
    pub fn of(url: &DocumentUrl, document: &MetadataDocument, around: Around<'_>) -> Self {
        let metadata = &document.metadata;
        let asked = metadata.scope.as_ref().filter(|scopes| {
            let known = around.catalogue.names();
            scopes.iter().any(|scope| known.contains(scope))
        });
        let may_have = around.catalogue.scopes().filter(|scope| scope.for_users);
        let permissions: Vec<Permission> = may_have
            .filter(|scope| asked.is_none_or(|asked| asked.contains(&scope.name)))
            .map(|scope| Permission {
                scope: scope.name.clone(),
                title: scope.title.clone(),
                sensitive: scope.sensitive,
            })
            .collect();
        let settings = settings(url, document);
        let mut warnings = of_server(&around);
        warnings.extend(of_scopes(document, &around, &permissions));
        let keys = match &around.keys {
            Ok(keys) => keys.names().map(|name| name.map(str::to_owned)).collect(),
            Err(reason) => {
                warnings.push(note("keys_unavailable", format!("Its keys cannot be had: {reason}.")));
                Vec::new()
            }
        };
        warnings.extend(observations::of(&settings, around.surroundings));
        let shown = Shown {
            name: settings.name,
            host: url.host(),
            app_type: metadata.app_type.name(),
            token_endpoint_auth_method: metadata.authentication.name(),
            redirect_uris: settings.redirect_uris,
            keys,
            jwks_uri: metadata.jwks_uri.as_ref().map(|address| address.as_str().to_owned()),
            client_uri: settings.homepage_url,
            policy_uri: settings.privacy_policy_url,
            tos_uri: settings.terms_of_service_url,
            dpop_bound_access_tokens: metadata.dpop_bound_access_tokens,
            permissions,
            serves_for_seconds: document.fresh_for.as_secs(),
            warnings,
        };
        Self {
            client_id: url.as_str().to_owned(),
            accepted: true,
            error: None,
            document: Some(shown),
        }
    }
}

/// A document as an app's settings would have it.
pub fn settings(url: &DocumentUrl, document: &MetadataDocument) -> AppSettings {
    let metadata = &document.metadata;
    AppSettings {
        name: metadata.name.clone().unwrap_or_else(|| url.host()),
        description: String::new(),
        redirect_uris: metadata
            .redirect_uris
            .iter()
            .map(|uri| uri.as_str().to_owned())
            .collect(),
        scopes: Vec::new(),
        homepage_url: metadata.client_uri.clone(),
        privacy_policy_url: metadata.policy_uri.clone(),
        terms_of_service_url: metadata.tos_uri.clone(),
        logo: None,
    }
}

fn note(code: &'static str, text: impl Into<String>) -> Observation {
    Observation {
        code,
        text: text.into(),
    }
}

fn of_server(around: &Around<'_>) -> Vec<Observation> {
    let mut warnings = Vec::new();
    if !around.takes_documents {
        warnings.push(note(
            "switched_off",
            "This server takes no metadata documents at the moment, so the app cannot connect.",
        ));
    }
    match around.app {
        Some(app) if matches!(app.status, AppStatus::Suspended | AppStatus::Rejected) => {
            warnings.push(note("suspended", "The app was suspended or rejected here: nobody can connect it."));
        }
        Some(app) if app.approved_at.is_some() || !app.is_unclaimed() => warnings.push(note(
            "managed_here",
            "The app was reviewed or claimed: of its document only the keys count, and redirect URIs that are gone from it.",
        )),
        _ => {}
    }
    warnings
}

fn of_scopes(document: &MetadataDocument, around: &Around<'_>, permissions: &[Permission]) -> Vec<Observation> {
    let (mut unknown, mut not_granted) = (Vec::new(), Vec::new());
    for scope in document.metadata.scope.iter().flat_map(|scopes| scopes.iter()) {
        match around.catalogue.scope(scope) {
            None => unknown.push(scope),
            Some(known) if !known.for_users => not_granted.push(scope),
            Some(_) => {}
        }
    }
    let mut warnings = Vec::new();
    if !unknown.is_empty() {
        let text = format!("No API here has these scopes: {}.", unknown.join(" "));
        warnings.push(note("unknown_scopes", text));
    }
    if !not_granted.is_empty() {
        let text = format!("It names scopes that it is not granted: {}.", not_granted.join(" "));
        warnings.push(note("not_granted", text));
    }
    if permissions.is_empty() {
        warnings.push(note("no_permissions", "There is nothing that it could ask users for."));
    }
    warnings
}
