//! The first lines of an app's code, with its own values in them.

use serde_json::Value;

use super::AppRecord;
use super::catalogue::{Catalogue, OfferedApi};
use crate::oauth::client::AppType;

/// One section per type of app, headed by its name; a name in double braces stands for a value as JSON.
const DOCUMENT: &str = include_str!("../../../packages/client/quick-start.md");

/// What an app has to know to connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Values<'a> {
    /// The issuer identifier.
    pub issuer: &'a str,
    /// The app.
    pub client_id: &'a str,
    /// Where it receives codes; a program that acts for itself receives none.
    pub redirect_uri: Option<&'a str>,
    /// The API that is called: its resource indicator.
    pub api: &'a str,
    /// What it may ask for there.
    pub scopes: Vec<&'a str>,
}

/// A quick start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuickStart {
    /// What it is about.
    pub words: String,
    /// The code.
    pub code: String,
}

/// What an app can choose from for its quick start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choices<'a> {
    /// APIs, each with the scopes that the app asks for and the operator grants it.
    pub apis: Vec<(&'a OfferedApi, Vec<&'a str>)>,
    /// Where it may receive codes.
    pub redirect_uris: Vec<&'a str>,
}

impl<'a> Choices<'a> {
    /// Those of an app, as far as it is in force.
    pub fn new(app: &'a AppRecord, catalogue: &'a Catalogue) -> Self {
        let acts_for_itself = app.app_type == AppType::Server;
        let usable = |api: &'a OfferedApi| {
            let granted = api.scopes.iter().filter(|scope| match acts_for_itself {
                true => scope.for_itself,
                false => scope.for_users,
            });
            let asked = |name: &&str| app.in_force.scopes.iter().any(|scope| scope.scope == *name);
            let scopes: Vec<&str> = granted.map(|scope| scope.name.as_str()).filter(asked).collect();
            (!scopes.is_empty()).then_some((api, scopes))
        };
        let redirect_uris = app.in_force.redirect_uris.iter().map(String::as_str);
        Self {
            apis: catalogue.apis.iter().filter_map(usable).collect(),
            redirect_uris: redirect_uris.filter(|_| !acts_for_itself).collect(),
        }
    }

    /// What was chosen, or else the first of each. `None`: there is no API the app may call.
    pub fn values(
        &self,
        issuer: &'a str,
        client_id: &'a str,
        (api, redirect_uri): (Option<&str>, Option<&str>),
    ) -> Option<Values<'a>> {
        let chosen = self
            .apis
            .iter()
            .find(|(offered, _)| Some(offered.resource.as_str()) == api);
        let (offered, scopes) = chosen.or_else(|| self.apis.first())?;
        let chosen = self.redirect_uris.iter().find(|uri| Some(**uri) == redirect_uri);
        Some(Values {
            issuer,
            client_id,
            redirect_uri: chosen.or_else(|| self.redirect_uris.first()).copied(),
            api: &offered.resource,
            scopes: scopes.clone(),
        })
    }
}

impl QuickStart {
    /// That of an app of this type. `None`: it needs a redirect URI and has none.
    pub fn new(app_type: AppType, values: &Values<'_>) -> Option<Self> {
        let heading = format!("\n## {}\n", app_type.name());
        let (_, rest) = DOCUMENT.split_once(&heading)?;
        let section = rest.split("\n## ").next()?;
        let (words, rest) = section.split_once("```js\n")?;
        let (code, _) = rest.split_once("```")?;
        Some(Self {
            words: words.trim().replace('\n', " "),
            code: filled(code, values)?,
        })
    }
}

/// Each value is written as JSON, which is JavaScript too: none can end its string. Once, so that none is filled in itself.
fn filled(code: &str, values: &Values<'_>) -> Option<String> {
    let mut parts = code.split("{{");
    let mut text = parts.next()?.to_owned();
    for part in parts {
        let (name, rest) = part.split_once("}}")?;
        let value: Value = match name {
            "issuer" => values.issuer.into(),
            "client_id" => values.client_id.into(),
            "redirect_uri" => values.redirect_uri?.into(),
            "api" => values.api.into(),
            "scopes" => values.scopes.clone().into(),
            _ => return None,
        };
        text.push_str(&value.to_string());
        text.push_str(rest);
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPES: [AppType; 4] = [AppType::Web, AppType::Spa, AppType::Mobile, AppType::Server];

    fn values() -> Values<'static> {
        Values {
            issuer: "https://auth.example",
            client_id: "app_one",
            redirect_uri: Some("https://planner.example/cb"),
            api: "https://api.example",
            scopes: vec!["read:profile", "read:projects"],
        }
    }

    // Covers: R28
    #[test]
    fn every_type_of_app_has_a_quick_start_with_its_own_values() {
        for app_type in TYPES {
            let QuickStart { words, code } = QuickStart::new(app_type, &values()).unwrap();
            assert!(words.ends_with('.') && !words.contains('\n'), "{words}");
            for part in [
                "issuer: \"https://auth.example\"",
                "clientId: \"app_one\"",
                "api: \"https://api.example\"",
                "scopes: [\"read:profile\",\"read:projects\"]",
            ] {
                assert!(code.contains(part), "{app_type:?}: {code}");
            }
            assert_eq!(
                code.contains("redirectUri: \"https://planner.example/cb\""),
                app_type != AppType::Server
            );
            assert!(!code.contains("{{") && !code.contains("}}"), "{code}");
            assert_eq!(code.contains("process.env.CLIENT_SECRET"), app_type.can_keep_a_secret());
        }
    }

    #[test]
    fn no_value_ends_its_string_or_is_filled_in_itself() {
        let hostile = Values {
            client_id: "\",x:alert(1),y:\"\\",
            redirect_uri: Some("com.example:/{{issuer}}\n`${1}`"),
            ..values()
        };
        let code = QuickStart::new(AppType::Spa, &hostile).unwrap().code;
        assert!(code.contains(r#"clientId: "\",x:alert(1),y:\"\\","#), "{code}");
        assert!(
            code.contains(r#"redirectUri: "com.example:/{{issuer}}\n`${1}`","#),
            "{code}"
        );
    }

    #[test]
    fn an_app_without_a_redirect_uri_has_none_unless_it_acts_for_itself() {
        let without = Values {
            redirect_uri: None,
            ..values()
        };
        for app_type in TYPES {
            let found = QuickStart::new(app_type, &without).is_some();
            assert_eq!(found, app_type == AppType::Server, "{app_type:?}");
        }
    }
}
