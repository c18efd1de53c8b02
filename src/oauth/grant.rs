//! What a token may allow: what was agreed to, as far as it is still to be had.

use serde::{Deserialize, Serialize};

use super::resource::names_resource;
use super::scope::Scopes;

/// The scopes an app may have today, by API: those it registers and the operator grants it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AvailableScopes(Vec<ApiScopes>);

/// The scopes of one API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct ApiScopes {
    resource: String,
    scopes: Scopes,
}

/// Scopes, and the APIs they belong to: never an API without a scope, so that no token is for an API its user
/// was not asked about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EffectiveGrant {
    /// What it allows; not empty.
    pub scopes: Scopes,
    /// For which APIs, by registered resource indicator; not empty.
    pub resources: Vec<String>,
}

impl AvailableScopes {
    /// Every scope of every API.
    pub fn all(&self) -> Scopes {
        self.0.iter().flat_map(|api| api.scopes.iter()).collect()
    }

    /// The part of these scopes that belongs to these APIs and is available. `None`: nothing is.
    pub fn effective(&self, scopes: &Scopes, resources: &[String]) -> Option<EffectiveGrant> {
        let named = self.0.iter().filter(|api| resources.contains(&api.resource));
        Self::grant(named, scopes)
    }

    /// The part of these scopes that is available, whichever API it belongs to.
    pub fn effective_anywhere(&self, scopes: &Scopes) -> Option<EffectiveGrant> {
        Self::grant(self.0.iter(), scopes)
    }

    fn grant<'a>(apis: impl Iterator<Item = &'a ApiScopes>, scopes: &Scopes) -> Option<EffectiveGrant> {
        let parts = apis.map(|api| (api.resource.clone(), api.scopes.intersection(scopes)));
        let parts: Vec<_> = parts.filter(|(_, scopes)| !scopes.is_empty()).collect();
        let scopes: Scopes = parts.iter().flat_map(|(_, scopes)| scopes.iter()).collect();
        let resources: Vec<String> = parts.iter().map(|(resource, _)| resource.clone()).collect();
        (!resources.is_empty()).then_some(EffectiveGrant { scopes, resources })
    }
}

impl FromIterator<(String, Scopes)> for AvailableScopes {
    fn from_iter<I: IntoIterator<Item = (String, Scopes)>>(apis: I) -> Self {
        Self(
            apis.into_iter()
                .map(|(resource, scopes)| ApiScopes { resource, scopes })
                .collect(),
        )
    }
}

/// The APIs a request names with `resource` (RFC 8707 §2.2), out of those granted; all of them when it names
/// none. `None`: it names one that was not granted.
pub fn narrow_resources(granted: &[String], requested: &[String]) -> Option<Vec<String>> {
    if requested.is_empty() {
        return Some(granted.to_vec());
    }
    let mut narrowed: Vec<String> = Vec::new();
    for resource in requested {
        let found = granted.iter().find(|granted| names_resource(resource, granted))?;
        if !narrowed.contains(found) {
            narrowed.push(found.clone());
        }
    }
    Some(narrowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const API: &str = "https://api.example";
    const BILLING: &str = "https://billing.example";

    fn scopes(text: &str) -> Scopes {
        Scopes::parse(text).unwrap()
    }

    fn available() -> AvailableScopes {
        [
            (API.to_owned(), scopes("read write")),
            (BILLING.to_owned(), scopes("pay")),
        ]
        .into_iter()
        .collect()
    }

    #[test]
    fn an_api_without_a_scope_is_no_part_of_a_grant() {
        let both = [API.to_owned(), BILLING.to_owned()];
        let grant = available().effective(&scopes("read admin"), &both).unwrap();
        assert_eq!((grant.scopes, grant.resources), (scopes("read"), vec![API.to_owned()]));
        assert_eq!(available().effective(&scopes("read"), &[BILLING.to_owned()]), None);
        assert_eq!(available().effective_anywhere(&scopes("admin")), None);
        assert_eq!(
            available().effective_anywhere(&scopes("pay read")).unwrap().resources,
            both
        );
    }

    #[test]
    fn resources_are_narrowed_within_the_grant_and_never_beyond() {
        let granted = [API.to_owned(), BILLING.to_owned()];
        let narrow = |requested: &[&str]| {
            narrow_resources(
                &granted,
                &requested.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>(),
            )
        };
        assert_eq!(narrow(&[]).unwrap(), granted);
        assert_eq!(narrow(&["https://API.example/", API]).unwrap(), [API]);
        assert_eq!(narrow(&[API, "https://other.example"]), None);
        assert_eq!(narrow(&["nonsense"]), None);
    }
}
