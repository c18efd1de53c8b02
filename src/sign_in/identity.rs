//! Who somebody is, as an identity provider or the platform's own sign-in page says.

use crate::pages::readable;
use crate::time::Timestamp;

/// A person at whoever vouches for them. Issuer and subject alone tell people apart (OpenID Connect Core §5.7);
/// the names are for showing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Who vouches: `iss`.
    pub issuer: String,
    /// Who they are there: `sub`, at most 255 ASCII letters.
    pub subject: String,
    /// What they are called.
    pub name: Option<String>,
    /// What they know their account by: an e-mail address or a user name.
    pub account_name: Option<String>,
    /// When they proved it, or [unknown](super::auth_time::UNKNOWN).
    pub auth_time: Timestamp,
}

/// What is kept of how a person is called. Cleaned: whoever vouches for people may let them choose it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profile {
    /// Their name.
    pub name: Option<String>,
    /// What they know their account by.
    pub account_name: Option<String>,
}

/// The longest name that is kept, in letters.
const MAX_NAME: usize = 80;
/// The longest account name that is kept, in letters: that of an e-mail address (RFC 5321 §4.5.3.1.3).
const MAX_ACCOUNT_NAME: usize = 254;
/// What a person is called whose provider does not say.
const NAMELESS: &str = "User";

impl Identity {
    /// What is kept of the names.
    pub fn profile(&self) -> Profile {
        Profile {
            name: self.name.as_deref().and_then(|name| readable(name, MAX_NAME)),
            account_name: self
                .account_name
                .as_deref()
                .and_then(|name| readable(name, MAX_ACCOUNT_NAME)),
        }
    }
}

impl Profile {
    /// What a new user is called.
    pub fn first_name(&self) -> &str {
        self.name
            .as_deref()
            .or(self.account_name.as_deref())
            .unwrap_or(NAMELESS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(name: Option<&str>, account_name: Option<&str>) -> Profile {
        let identity = Identity {
            issuer: "https://id.example".into(),
            subject: "one".into(),
            name: name.map(str::to_owned),
            account_name: account_name.map(str::to_owned),
            auth_time: Timestamp(0),
        };
        identity.profile()
    }

    // Rule: UI 8
    #[test]
    fn a_name_is_cut_and_cleaned_before_it_is_kept() {
        let name = |name: &str| profile(Some(name), None).name;
        assert_eq!(name("  Jane\r\n\tDoe "), Some("Jane Doe".into()));
        assert_eq!(name("J\u{202e}ane\u{200b}\u{0}"), Some("Jane".into()));
        assert_eq!(name(&"é".repeat(10_000)), Some(format!("{}…", "é".repeat(79))));
        for nothing in ["", " ", "\u{200b}", "\u{0}\u{1}", "…"] {
            assert_eq!(name(nothing), None, "{nothing:?}");
        }
        let long = format!("{}@example.com", "a".repeat(10_000));
        assert_eq!(profile(None, Some(&long)).account_name.unwrap().chars().count(), 254);
    }

    #[test]
    fn a_new_user_is_called_by_name_else_by_account_else_neutrally() {
        assert_eq!(profile(Some("Jane"), Some("jane@example.com")).first_name(), "Jane");
        assert_eq!(
            profile(Some(" "), Some("jane@example.com")).first_name(),
            "jane@example.com"
        );
        assert_eq!(profile(None, None).first_name(), "User");
    }
}
