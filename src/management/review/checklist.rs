//! What a submission must have, so that a reviewer can look at it at all.

use super::catalogue::Catalogue;
use crate::management::apps::settings::AppSettings;
use crate::management::problem::FieldError;
use crate::oauth::client::AppType;
use crate::oauth::redirect_uri::VerifiedRedirect;

/// One thing a submission must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The field it is about.
    pub field: &'static str,
    /// What it is, for people.
    pub title: &'static str,
    /// What is missing, a sentence each without its subject; nothing: it is there.
    pub missing: Vec<String>,
}

impl Item {
    fn new(field: &'static str, title: &'static str, missing: impl IntoIterator<Item = String>) -> Self {
        Self {
            field,
            title,
            missing: missing.into_iter().collect(),
        }
    }

    /// Whether it is there.
    pub fn is_done(&self) -> bool {
        self.missing.is_empty()
    }
}

/// What a submission of these settings must have. Where the app can be tried is asked with the submission itself.
pub fn of(settings: &AppSettings, app_type: AppType, catalogue: &Catalogue) -> Vec<Item> {
    let unless = |there: bool, missing: &str| (!there).then(|| missing.to_owned());
    let is_there = |text: &Option<String>| text.is_some();
    // A program without a user interface may act for itself alone (client_credentials), and then receives no codes.
    let needs_redirect = app_type != AppType::Server;
    let has_redirect = !settings.redirect_uris.is_empty() || !needs_redirect;
    let local: Vec<String> = match app_type {
        AppType::Mobile => Vec::new(),
        AppType::Web | AppType::Spa | AppType::Server => {
            let uris = settings.redirect_uris.iter();
            uris.filter(|uri| !leads_to_a_site(uri))
                .map(|uri| format!("must not hold {uri}: it leads to the user's own device, which only testing may"))
                .collect()
        }
    };
    let redirect_uris = unless(has_redirect, "must have at least one").into_iter().chain(local);
    let unknown = settings
        .scopes
        .iter()
        .filter(|scope| catalogue.get(&scope.scope).is_none());
    let unknown = unknown.map(|scope| format!("must not hold {}: there is no such scope any more", scope.scope));
    let scopes = unless(!settings.scopes.is_empty(), "must have at least one")
        .into_iter()
        .chain(unknown)
        .chain(
            catalogue
                .without_reason(settings)
                .map(|scope| format!("must say why the app needs {}", scope.name)),
        );
    vec![
        Item::new(
            "name",
            "A name",
            unless(!settings.name.trim().is_empty(), "is required"),
        ),
        Item::new(
            "description",
            "A description",
            unless(!settings.description.trim().is_empty(), "is required"),
        ),
        Item::new(
            "homepage_url",
            "A homepage",
            unless(is_there(&settings.homepage_url), "is required"),
        ),
        Item::new(
            "privacy_policy_url",
            "A privacy policy",
            unless(is_there(&settings.privacy_policy_url), "is required"),
        ),
        Item::new("redirect_uris", "Redirect URIs on the web", redirect_uris),
        Item::new("scopes", "Permissions, with a reason for each sensitive one", scopes),
    ]
}

/// Everything that is missing, as errors of fields.
pub fn errors(items: &[Item]) -> Vec<FieldError> {
    let errors = items.iter().flat_map(|item| {
        item.missing.iter().map(|missing| FieldError {
            field: item.field.to_owned(),
            code: "invalid_request",
            message: missing.clone(),
        })
    });
    errors.collect()
}

fn leads_to_a_site(uri: &str) -> bool {
    VerifiedRedirect::find(uri, &[uri.into()]).is_some_and(|redirect| redirect.leads_to_a_site())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{catalogue, settings};
    use super::*;

    fn wrong(settings: &AppSettings, app_type: AppType) -> Vec<String> {
        errors(&of(settings, app_type, &catalogue()))
            .into_iter()
            .map(|error| format!("{} {}", error.field, error.message))
            .collect()
    }

    #[test]
    fn a_complete_app_lacks_nothing() {
        for app_type in [AppType::Web, AppType::Spa, AppType::Server, AppType::Mobile] {
            assert_eq!(wrong(&settings(), app_type), Vec::<String>::new());
        }
    }

    #[test]
    fn everything_that_is_missing_is_named() {
        let mut bare = AppSettings {
            homepage_url: None,
            privacy_policy_url: None,
            redirect_uris: Vec::new(),
            ..settings()
        };
        bare.scopes.iter_mut().for_each(|scope| scope.reason = None);
        bare.name = " ".into();
        bare.description = String::new();
        assert_eq!(
            wrong(&bare, AppType::Web),
            [
                "name is required",
                "description is required",
                "homepage_url is required",
                "privacy_policy_url is required",
                "redirect_uris must have at least one",
                "scopes must say why the app needs write:projects",
            ]
        );
        bare.scopes.clear();
        assert!(wrong(&bare, AppType::Web).contains(&"scopes must have at least one".to_owned()));
    }

    #[test]
    fn redirects_to_the_users_own_device_are_for_testing_unless_the_app_lives_there() {
        for local in [
            "http://localhost:3000/cb",
            "http://127.0.0.1/cb",
            "http://[::1]/cb",
            "https://localhost/cb",
            "https://app.localhost./cb",
            "com.example.app:/cb",
            "javascript:alert(1)",
        ] {
            let mut with_local = settings();
            with_local.redirect_uris.push(local.to_owned());
            for app_type in [AppType::Web, AppType::Spa, AppType::Server] {
                assert_eq!(wrong(&with_local, app_type).len(), 1, "{local} {app_type:?}");
            }
        }
        let mut native = settings();
        native.redirect_uris = vec!["http://127.0.0.1/cb".into(), "com.example.app:/cb".into()];
        assert!(wrong(&native, AppType::Mobile).is_empty());
    }

    #[test]
    fn only_a_program_without_a_user_interface_may_receive_no_codes() {
        let mut silent = settings();
        silent.redirect_uris.clear();
        assert!(wrong(&silent, AppType::Server).is_empty());
        for app_type in [AppType::Web, AppType::Spa, AppType::Mobile] {
            assert_eq!(wrong(&silent, app_type), ["redirect_uris must have at least one"]);
        }
    }

    #[test]
    fn a_scope_that_is_no_more_cannot_be_asked_for() {
        let mut stale = settings();
        stale.scopes[0].scope = "read:nothing".into();
        assert_eq!(
            wrong(&stale, AppType::Web),
            ["scopes must not hold read:nothing: there is no such scope any more"]
        );
    }
}
