//! An app for tests of reviews.

use super::catalogue::{Catalogue, ScopeFacts};
use crate::management::apps::settings::{AppSettings, RequestedScope};

/// Settings that lack nothing.
pub fn settings() -> AppSettings {
    let scope = |name: &str, reason: Option<&str>| RequestedScope {
        scope: name.into(),
        is_default: true,
        is_optional: false,
        reason: reason.map(str::to_owned),
    };
    AppSettings {
        name: "Planner".into(),
        description: "Plans your projects".into(),
        redirect_uris: vec!["https://planner.example/cb".into()],
        scopes: vec![
            scope("read:projects", None),
            scope("write:projects", Some("To put plans into your projects")),
        ],
        homepage_url: Some("https://planner.example/".into()),
        privacy_policy_url: Some("https://planner.example/privacy".into()),
        terms_of_service_url: Some("https://planner.example/terms".into()),
        logo: None,
    }
}

/// A catalogue with one scope that is sensitive.
pub fn catalogue() -> Catalogue {
    let scope = |name: &str, sensitive| ScopeFacts {
        name: name.into(),
        title: format!("Title of {name}"),
        description: format!("Use {name}"),
        sensitive,
        api: "Projects API".into(),
    };
    [
        scope("read:profile", false),
        scope("read:projects", false),
        scope("write:projects", true),
    ]
    .into_iter()
    .collect()
}
