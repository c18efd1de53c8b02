//! What a submission changes of the version that was approved last.

use std::collections::{BTreeMap, BTreeSet};

use super::catalogue::{Catalogue, ScopeFacts};
use crate::management::apps::settings::{AppSettings, RequestedScope};

/// What became of one part of the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    Same,
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It is another.
    Changed,
}

impl Change {
    /// As it is told.
    pub fn name(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
        }
    }

    fn between<T: PartialEq>(before: Option<&T>, after: Option<&T>) -> Self {
        match (before, after) {
            (None, Some(_)) => Self::Added,
            (Some(_), None) => Self::Removed,
            (before, after) if before == after => Self::Same,
            _ => Self::Changed,
        }
    }
}

/// The settings of an app, each with what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diff {
    /// Texts and addresses, in the order in which they are read.
    pub fields: Vec<Field>,
    /// Redirect URIs, in the order of their letters.
    pub redirect_uris: Vec<RedirectUriLine>,
    /// Scopes, in the order of their names.
    pub scopes: Vec<ScopeLine>,
}

/// A text of the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Which.
    pub name: &'static str,
    /// What it is, for people.
    pub title: &'static str,
    /// What became of it.
    pub change: Change,
    /// What it was.
    pub before: Option<String>,
    /// What it is to be.
    pub after: Option<String>,
}

/// A redirect URI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedirectUriLine {
    /// Itself.
    pub uri: String,
    /// What became of it.
    pub change: Change,
}

/// A scope the app asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeLine {
    /// Its name.
    pub name: String,
    /// What became of it. It is changed if the reason is another, or how it is asked for.
    pub change: Change,
    /// What the catalogue says of it now.
    pub facts: Option<ScopeFacts>,
    /// How it was asked for.
    pub before: Option<RequestedScope>,
    /// How it is to be asked for.
    pub after: Option<RequestedScope>,
}

impl ScopeLine {
    /// How it is asked for, or was.
    pub fn latest(&self) -> Option<&RequestedScope> {
        self.after.as_ref().or(self.before.as_ref())
    }

    /// Whether people should think twice.
    pub fn is_sensitive(&self) -> bool {
        self.facts.as_ref().is_some_and(|facts| facts.sensitive)
    }
}

impl Diff {
    /// What is different between what was approved, if anything ever was, and what was submitted.
    pub fn between(approved: Option<&AppSettings>, submitted: &AppSettings, catalogue: &Catalogue) -> Self {
        let field = |name, title, of: fn(&AppSettings) -> Option<&String>| {
            let (before, after) = (approved.and_then(of), of(submitted));
            Field {
                name,
                title,
                change: Change::between(before, after),
                before: before.cloned(),
                after: after.cloned(),
            }
        };
        Self {
            fields: vec![
                field("name", "Name", |settings| Some(&settings.name)),
                field("description", "Description", |settings| Some(&settings.description)),
                field("homepage_url", "Homepage", |settings| settings.homepage_url.as_ref()),
                field("privacy_policy_url", "Privacy policy", |settings| {
                    settings.privacy_policy_url.as_ref()
                }),
                field("terms_of_service_url", "Terms of service", |settings| {
                    settings.terms_of_service_url.as_ref()
                }),
                field("logo", "Logo", |settings| settings.logo.as_ref()),
            ],
            redirect_uris: redirect_uris(approved, submitted),
            scopes: scopes(approved, submitted, catalogue),
        }
    }

    /// The same with what the developer account was called and is to be called: users read that too.
    pub fn with_developer(mut self, approved: Option<&str>, submitted: &str) -> Self {
        let field = Field {
            name: "developer_name",
            title: "Developer",
            change: Change::between(approved.as_ref(), Some(&submitted)),
            before: approved.map(str::to_owned),
            after: Some(submitted.to_owned()),
        };
        self.fields.push(field);
        self
    }

    /// How many parts of the settings are not as they were.
    pub fn changes(&self) -> usize {
        let fields = self.fields.iter().map(|field| field.change);
        let uris = self.redirect_uris.iter().map(|line| line.change);
        let scopes = self.scopes.iter().map(|line| line.change);
        fields
            .chain(uris)
            .chain(scopes)
            .filter(|change| *change != Change::Same)
            .count()
    }
}

fn redirect_uris(approved: Option<&AppSettings>, submitted: &AppSettings) -> Vec<RedirectUriLine> {
    let before: BTreeSet<&String> = approved.iter().flat_map(|settings| &settings.redirect_uris).collect();
    let after: BTreeSet<&String> = submitted.redirect_uris.iter().collect();
    let all = before.union(&after).copied();
    all.map(|uri| RedirectUriLine {
        uri: uri.clone(),
        change: Change::between(before.get(uri), after.get(uri)),
    })
    .collect()
}

fn scopes(approved: Option<&AppSettings>, submitted: &AppSettings, catalogue: &Catalogue) -> Vec<ScopeLine> {
    fn by_name(settings: &AppSettings) -> BTreeMap<&str, &RequestedScope> {
        let scopes = settings.scopes.iter();
        scopes.map(|scope| (scope.scope.as_str(), scope)).collect()
    }
    let before = approved.map(by_name).unwrap_or_default();
    let after = by_name(submitted);
    let all: BTreeSet<&str> = before.keys().chain(after.keys()).copied().collect();
    all.into_iter()
        .map(|name| ScopeLine {
            name: name.to_owned(),
            change: Change::between(before.get(name), after.get(name)),
            facts: catalogue.get(name).cloned(),
            before: before.get(name).copied().cloned(),
            after: after.get(name).copied().cloned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{catalogue, settings};
    use super::*;

    fn changed(diff: &Diff) -> Vec<String> {
        let fields = diff.fields.iter().map(|field| (field.name.to_owned(), field.change));
        let uris = diff.redirect_uris.iter().map(|line| (line.uri.clone(), line.change));
        let scopes = diff.scopes.iter().map(|line| (line.name.clone(), line.change));
        fields
            .chain(uris)
            .chain(scopes)
            .filter(|(_, change)| *change != Change::Same)
            .map(|(name, change)| format!("{} {name}", change.name()))
            .collect()
    }

    #[test]
    fn each_part_that_is_not_as_it_was_is_named_and_no_other() {
        let mut after = settings();
        after.name = "Planner Pro".into();
        after.terms_of_service_url = None;
        after.logo = Some("x.png".into());
        after.redirect_uris = vec!["https://other.example/cb".into()];
        after.scopes[0].is_optional = true;
        after.scopes.remove(1);
        let diff = Diff::between(Some(&settings()), &after, &catalogue());
        assert_eq!(
            changed(&diff),
            [
                "changed name",
                "removed terms_of_service_url",
                "added logo",
                "added https://other.example/cb",
                "removed https://planner.example/cb",
                "changed read:projects",
                "removed write:projects",
            ]
        );
        assert!(diff.scopes[1].is_sensitive());
        assert_eq!(diff.changes(), 7);
    }

    #[test]
    fn everything_of_a_first_submission_is_new() {
        let diff = Diff::between(None, &settings(), &catalogue());
        assert!(changed(&diff).iter().all(|line| line.starts_with("added ")));
        assert_eq!(diff.changes(), 8);
    }

    #[test]
    fn a_reason_that_is_another_changes_its_scope() {
        let mut after = settings();
        after.scopes[1].reason = Some("Something else".into());
        assert_eq!(
            changed(&Diff::between(Some(&settings()), &after, &catalogue())),
            ["changed write:projects"]
        );
    }

    proptest! {
        /// Nothing a developer can change escapes the reviewer's eye.
        #[test]
        fn no_change_is_overlooked(
            name in "[ab]{0,2}", description in "[ab]{0,2}", homepage in proptest::option::of("[ab]"),
            privacy in proptest::option::of("[ab]"), terms in proptest::option::of("[ab]"),
            logo in proptest::option::of("[ab]"), uris in proptest::collection::btree_set("[abc]", 0..3),
            scopes in proptest::collection::btree_map("[abc]", (any::<bool>(), any::<bool>(), proptest::option::of("[ab]")), 0..3),
        ) {
            let other = AppSettings {
                name, description, homepage_url: homepage, privacy_policy_url: privacy, terms_of_service_url: terms, logo,
                redirect_uris: uris.into_iter().collect(),
                scopes: scopes.into_iter().map(|(scope, (is_default, is_optional, reason))| RequestedScope {
                    scope, is_default, is_optional, reason
                }).collect(),
            };
            let base = AppSettings {
                name: "a".into(), description: "b".into(), redirect_uris: vec!["a".into()],
                scopes: vec![RequestedScope { scope: "a".into(), is_default: true, is_optional: false, reason: None }],
                homepage_url: Some("a".into()), privacy_policy_url: None, terms_of_service_url: None, logo: None,
            };
            let diff = Diff::between(Some(&base), &other, &Catalogue::default());
            prop_assert_eq!(diff.changes() == 0, base == other);
        }
    }
}
