//! Scopes (OAuth 2.1 §1.4.1).

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Accepted in every request and granted in none: refresh tokens do not depend on it.
pub const OFFLINE_ACCESS: &str = "offline_access";

/// A set of scope tokens. On the wire they are separated by single spaces and their order says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scopes(BTreeSet<String>);

/// A scope parameter without a token, or with letters the standard does not allow.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("scope must be scope tokens separated by spaces")]
pub struct MalformedScope;

impl Scopes {
    /// Reads a scope parameter: `scope-token *( SP scope-token )`, a token being `1*( %x21 / %x23-5B / %x5D-7E )`.
    /// Repeated tokens and superfluous spaces are dropped.
    pub fn parse(text: &str) -> Result<Self, MalformedScope> {
        let tokens: BTreeSet<String> = text
            .split(' ')
            .filter(|token| !token.is_empty())
            .map(str::to_owned)
            .collect();
        let well_formed = |letter: char| matches!(letter, '!' | '#'..='[' | ']'..='~');
        if tokens.is_empty() || !tokens.iter().all(|token| token.chars().all(well_formed)) {
            return Err(MalformedScope);
        }
        Ok(Self(tokens))
    }

    /// Reads a request's scope parameter. `offline_access` is accepted and means nothing: refresh tokens do not
    /// depend on it. `None`: nothing else was named, as if the parameter were absent.
    pub fn parse_requested(text: &str) -> Result<Option<Self>, MalformedScope> {
        let mut scopes = Self::parse(text)?;
        scopes.0.remove(OFFLINE_ACCESS);
        Ok((!scopes.is_empty()).then_some(scopes))
    }

    /// The scopes that both have.
    pub fn intersection(&self, other: &Self) -> Self {
        Self(self.0.intersection(&other.0).cloned().collect())
    }

    /// The scopes that `other` lacks.
    pub fn difference(&self, other: &Self) -> Self {
        Self(self.0.difference(&other.0).cloned().collect())
    }

    /// Whether `other` has every one of these.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.0.is_subset(&other.0)
    }

    /// Whether this scope is among them.
    pub fn contains(&self, scope: &str) -> bool {
        self.0.contains(scope)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One after another, in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, scope) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(scope)?;
        }
        Ok(())
    }
}

impl<'a> FromIterator<&'a str> for Scopes {
    fn from_iter<I: IntoIterator<Item = &'a str>>(scopes: I) -> Self {
        Self(scopes.into_iter().map(str::to_owned).collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // Covers: B11
    #[test]
    fn repeated_scopes_and_superfluous_spaces_are_dropped() {
        assert_eq!(Scopes::parse(" b  a b ").unwrap().to_string(), "a b");
    }

    // Covers: B11
    #[test]
    fn a_scope_parameter_without_a_token_or_with_other_letters_is_refused() {
        for bad in [
            "", " ", "   ", "a\tb", "a\nb", "a\"b", "a\\b", "ä", "a\u{a0}b", "a\u{7f}",
        ] {
            assert_eq!(Scopes::parse(bad), Err(MalformedScope), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(tokens in proptest::collection::btree_set("[a-z:._-]{1,12}", 1..20)) {
            let scopes: Scopes = tokens.iter().map(String::as_str).collect();
            prop_assert_eq!(Scopes::parse(&scopes.to_string()).unwrap(), scopes);
        }

        #[test]
        fn any_text_is_read_or_refused_without_panic(text: String) {
            if let Ok(scopes) = Scopes::parse(&text) {
                prop_assert!(!scopes.is_empty());
            }
        }
    }
}
