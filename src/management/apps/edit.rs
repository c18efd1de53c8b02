//! What developers send about an app, checked field by field: at its registration, and when they edit it.

use std::collections::BTreeSet;

use serde_json::Value;

use super::AppRecord;
use super::catalogue::Catalogue;
use super::settings::{AppSettings, RequestedScope};
use crate::management::input::Input;
use crate::management::problem::Problem;
use crate::oauth::client::AppType;
use crate::oauth::redirect_uri::registration;

/// How many redirect URIs an app may have.
pub const MOST_REDIRECT_URIS: usize = 20;
/// How many scopes an app may ask for.
const MOST_SCOPES: usize = 100;
/// Letters of the reason for a scope.
pub const REASON_LETTERS: usize = 1000;

/// What decides which redirect URIs an app may have.
#[derive(Debug, Clone, Copy)]
pub struct UriRules {
    /// Its type.
    pub app_type: AppType,
    /// Whether it serves its testers only, and may receive codes on their own devices.
    pub test_mode: bool,
}

impl UriRules {
    /// Those for an app.
    pub fn of(app: &AppRecord) -> Self {
        Self {
            app_type: app.app_type,
            test_mode: app.approved_at.is_none(),
        }
    }
}

/// All of a new app.
pub fn new_app(input: &mut Input, rules: UriRules, catalogue: &Catalogue) -> AppSettings {
    let redirect_uris = redirect_uris(input, rules);
    let scopes = scopes(input, catalogue, &[]);
    let empty = AppSettings {
        name: String::new(),
        description: String::new(),
        redirect_uris,
        scopes,
        homepage_url: None,
        privacy_policy_url: None,
        terms_of_service_url: None,
        logo: None,
    };
    AppSettings {
        name: name(input),
        description: description(input),
        ..pages(input, empty)
    }
}

/// What the settings page holds: all but scopes and logo.
pub fn settings_form(mut input: Input, app: &AppRecord) -> Result<AppSettings, Problem> {
    let settings = edited(&mut input, app);
    input.finish()?;
    Ok(settings)
}

/// What the page of permissions holds: which scopes, and for each whether it is asked for by default, whether users may
/// leave it out, and why the app needs it (`reason/<scope>`).
pub fn permissions_form(mut input: Input, app: &AppRecord, catalogue: &Catalogue) -> Result<AppSettings, Problem> {
    let settings = app.working_copy().clone();
    let mut scopes = scopes(&mut input, catalogue, &settings.scopes);
    let names = |input: &mut Input, name| -> BTreeSet<String> {
        input
            .list(name, MOST_SCOPES, 200)
            .unwrap_or_default()
            .into_iter()
            .collect()
    };
    let (defaults, optional) = (names(&mut input, "defaults"), names(&mut input, "optional"));
    let mut reasons = Vec::new();
    for scope in catalogue.scopes() {
        reasons.push((
            scope.name.as_str(),
            input.text_about("reason", &scope.name, REASON_LETTERS),
        ));
    }
    for scope in &mut scopes {
        scope.is_default = defaults.contains(&scope.scope);
        scope.is_optional = optional.contains(&scope.scope);
        let reason = reasons.iter().find(|(name, _)| *name == scope.scope);
        scope.reason = reason.and_then(|(_, reason)| reason.clone());
    }
    input.finish()?;
    Ok(AppSettings { scopes, ..settings })
}

/// Any of an app's settings (JSON). `scopes` are names, `permissions` say more of each; one of the two.
pub fn patch(mut input: Input, app: &AppRecord, catalogue: &Catalogue) -> Result<AppSettings, Problem> {
    let mut settings = edited(&mut input, app);
    let (by_name, in_full) = (input.mentions("scopes"), input.mentions("permissions"));
    match (by_name, in_full) {
        (true, true) => input.error("permissions", "cannot come together with scopes"),
        (true, false) => settings.scopes = scopes(&mut input, catalogue, &settings.scopes),
        (false, true) => settings.scopes = permissions(&mut input, catalogue),
        (false, false) => {}
    }
    input.finish()?;
    Ok(settings)
}

/// What the settings page holds, as far as the input speaks of it.
fn edited(input: &mut Input, app: &AppRecord) -> AppSettings {
    let mut settings = app.working_copy().clone();
    if input.mentions("name") {
        settings.name = name(input);
    }
    if input.mentions("description") {
        settings.description = description(input);
    }
    if input.mentions("redirect_uris") {
        settings.redirect_uris = redirect_uris(input, UriRules::of(app));
    }
    pages(input, settings)
}

fn name(input: &mut Input) -> String {
    let name = input.line("name", 80);
    input.required("name", name)
}

fn description(input: &mut Input) -> String {
    let description = input.text("description", 1000);
    input.required("description", description)
}

fn pages(input: &mut Input, mut settings: AppSettings) -> AppSettings {
    for (name, url) in [
        ("homepage_url", &mut settings.homepage_url),
        ("privacy_policy_url", &mut settings.privacy_policy_url),
        ("terms_of_service_url", &mut settings.terms_of_service_url),
    ] {
        if input.mentions(name) {
            *url = input.web_page(name);
        }
    }
    settings
}

/// Each is checked on its own, with its own reason. A program without a user interface may do without.
fn redirect_uris(input: &mut Input, rules: UriRules) -> Vec<String> {
    const CODE: &str = "invalid_redirect_uri";
    let listed = input.list("redirect_uris", MOST_REDIRECT_URIS, 4096);
    let may_be_empty = rules.app_type == AppType::Server;
    let Some(listed) = listed else {
        if !may_be_empty {
            input.required("redirect_uris", listed);
        }
        return Vec::new();
    };
    if listed.is_empty() && !may_be_empty {
        input.error_of(CODE, "redirect_uris", "must have at least one address");
    }
    let mut seen = BTreeSet::new();
    for (at, text) in listed.iter().enumerate() {
        let text = text.trim();
        let refused = registration::check(rules.app_type, text, rules.test_mode).err();
        if let Some(refused) = refused {
            input.error_of(CODE, format!("redirect_uris/{at}"), refused.to_string());
        } else if !seen.insert(text.to_owned()) {
            input.error_of(CODE, format!("redirect_uris/{at}"), "is there twice");
        }
    }
    listed.iter().map(|text| text.trim().to_owned()).collect()
}

/// Scopes by name. What the app asks for already stays as it is; what is new is asked for by default.
fn scopes(input: &mut Input, catalogue: &Catalogue, already: &[RequestedScope]) -> Vec<RequestedScope> {
    let names = input.list("scopes", MOST_SCOPES, 200);
    let Some(names) = names else {
        return input.required("scopes", None);
    };
    let wanted = names.into_iter().map(|name| {
        let known = already.iter().find(|scope| scope.scope == name).cloned();
        known.unwrap_or(RequestedScope {
            scope: name,
            is_default: true,
            is_optional: false,
            reason: None,
        })
    });
    offered(input, "scopes", catalogue, wanted.collect())
}

fn permissions(input: &mut Input, catalogue: &Catalogue) -> Vec<RequestedScope> {
    let items = match input.value("permissions", usize::MAX) {
        Some(Value::Array(items)) if items.len() <= MOST_SCOPES => items,
        Some(Value::Array(_)) => {
            input.error("permissions", format!("must have at most {MOST_SCOPES} entries"));
            return Vec::new();
        }
        _ => {
            input.error("permissions", "must be a list of objects");
            return Vec::new();
        }
    };
    let mut wanted = Vec::new();
    for (at, item) in items.into_iter().enumerate() {
        match permission(item) {
            Ok(scope) => wanted.push(scope),
            Err(problem) => {
                for error in problem.fields() {
                    let field = format!("permissions/{at}/{}", error.field);
                    input.error_of(error.code, field, error.message.clone());
                }
                return Vec::new();
            }
        }
    }
    offered(input, "permissions", catalogue, wanted)
}

fn permission(item: Value) -> Result<RequestedScope, Problem> {
    let Value::Object(members) = item else {
        return Err(Problem::field("scope", "is required"));
    };
    let mut input = Input::json(members);
    let scope = input.line("scope", 200);
    let scope = RequestedScope {
        scope: input.required("scope", scope),
        is_default: input.flag("is_default").unwrap_or(true),
        is_optional: input.flag("is_optional").unwrap_or(false),
        reason: input.text("reason", REASON_LETTERS),
    };
    input.finish()?;
    Ok(scope)
}

/// Refuses scopes that are not offered, scopes that are there twice, and none at all.
fn offered(input: &mut Input, field: &str, catalogue: &Catalogue, wanted: Vec<RequestedScope>) -> Vec<RequestedScope> {
    const CODE: &str = "invalid_scope";
    if wanted.is_empty() {
        input.error_of(CODE, field, "must have at least one");
    }
    let names = catalogue.names();
    let mut seen = BTreeSet::new();
    for (at, scope) in wanted.iter().enumerate() {
        if !names.contains(scope.scope.as_str()) {
            let message = "is not available for third-party apps";
            input.error_of(CODE, format!("{field}/{at}"), message);
        } else if !seen.insert(scope.scope.as_str()) {
            input.error_of(CODE, format!("{field}/{at}"), "is there twice");
        }
    }
    wanted
}
