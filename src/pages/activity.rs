//! What happened in an account, in words for the user whose it is.

use std::fmt::{self, Display, Formatter};

use askama::Template;
use askama::filters::{Escaper, Html, HtmlSafe};

use super::{DisplayName, Look};
use crate::ledger::EndedBy;
use crate::management::audit_trail::own::{By, OwnEntry, is_a_sign_of_theft};
use crate::store::{GrantedScope, SignedIn};
use crate::words::{Filled, Phrase};

/// What happened in an account.
#[derive(Template)]
#[template(path = "activity.html")]
pub struct ActivityPage<'a> {
    /// What every page is given.
    pub look: Look<'a>,
    /// Whose.
    pub user: &'a SignedIn,
    /// What happened, the newest first.
    pub days: Vec<Day<'a>>,
    /// Whether it is the first page.
    pub is_first: bool,
    /// The link to the next page.
    pub next: Option<String>,
}

/// A day on which something happened, in UTC.
pub struct Day<'a> {
    /// As people write it.
    pub name: String,
    /// What happened on it.
    pub entries: Vec<Shown<'a>>,
}

/// Something that happened.
pub struct Shown<'a> {
    /// What, in a sentence.
    pub what: Sentence,
    /// What an app was newly allowed.
    pub permissions: Vec<Phrase<'a>>,
    /// Whether the user may have to do something.
    pub is_a_warning: bool,
    /// When (RFC 3339).
    pub at: String,
    /// When on that day, in UTC.
    pub time: String,
    /// From which country.
    pub country: Option<String>,
}

/// A sentence as HTML, escaped.
pub struct Sentence(String);

impl<'a> ActivityPage<'a> {
    /// The page. `country` names a country by its code.
    pub fn new(
        look: Look<'a>,
        user: &'a SignedIn,
        entries: &'a [OwnEntry],
        permissions: &'a [GrantedScope],
        country: &dyn Fn(&str) -> Option<String>,
        is_first: bool,
        next: Option<String>,
    ) -> Self {
        let mut days: Vec<Day<'a>> = Vec::new();
        // Each country is asked for once.
        let mut named: Vec<(&str, Option<String>)> = Vec::new();
        for entry in entries {
            let from = entry.country.as_deref().and_then(|code| {
                if !named.iter().any(|(known, _)| *known == code) {
                    named.push((code, country(code)));
                }
                named.iter().find(|(known, _)| *known == code)?.1.clone()
            });
            let shown = Shown::new(entry, look, permissions, from);
            let name = look.t.day(entry.at);
            match days.last_mut() {
                Some(day) if day.name == name => day.entries.push(shown),
                _ => days.push(Day {
                    name,
                    entries: vec![shown],
                }),
            }
        }
        Self {
            look,
            user,
            days,
            is_first,
            next,
        }
    }
}

impl<'a> Shown<'a> {
    fn new(entry: &OwnEntry, look: Look<'_>, permissions: &'a [GrantedScope], country: Option<String>) -> Self {
        let at = entry.at.to_rfc3339();
        let named = |name: &String| permissions.iter().find(|permission| permission.scope == *name);
        Self {
            what: what(entry, look),
            permissions: entry
                .scopes
                .iter()
                .filter_map(named)
                .map(|permission| permission.phrase(look.language))
                .collect(),
            is_a_warning: is_a_sign_of_theft(&entry.event),
            time: at.get(11..16).unwrap_or_default().to_owned(),
            at,
            country,
        }
    }
}

/// What happened, in a sentence. Every event that can be in a user's part has its own; `activity.other` is for those of a
/// later version.
fn what(entry: &OwnEntry, look: Look<'_>) -> Sentence {
    let t = look.t;
    let name = entry.app_name.as_deref().unwrap_or(t.connected_apps_deleted_app);
    let app = DisplayName::new(name, t.app_unnamed);
    let app = &app;
    match entry.event.as_str() {
        "session.started" => Sentence::plain(t.activity_signed_in),
        "session.ended" => Sentence::plain(t.activity_signed_out),
        "sign_in.refused" => Sentence::plain(t.activity_sign_in_refused),
        "consent.granted" if entry.by == By::App && entry.is_new => t.activity_organization_connected(app).into(),
        "consent.granted" if entry.by == By::App => t.activity_organization_allowed_more(app).into(),
        "consent.granted" if entry.is_new => t.activity_connected(app).into(),
        "consent.granted" => t.activity_allowed_more(app).into(),
        "consent.expiring" => t.activity_expiring(app).into(),
        "consent.ended" => match entry.ended_by {
            Some(EndedBy::User) => t.activity_disconnected(app).into(),
            Some(EndedBy::Unused) => t.activity_ended_unused(app).into(),
            Some(EndedBy::Displaced) => t.activity_ended_displaced(app).into(),
            Some(EndedBy::UserSuspended) => t.activity_ended_suspended(app).into(),
            Some(EndedBy::TesterRemoved) => t.activity_ended_tester(app).into(),
            Some(EndedBy::Operator) => t.activity_ended_operator(&look.platform, app).into(),
            Some(EndedBy::AppDeleted) => t.activity_ended_deleted(app).into(),
            Some(EndedBy::Organization) => t.activity_ended_organization(app).into(),
            None => t.activity_ended(app).into(),
        },
        "refresh_token.reused" | "code.reused" => t.activity_reused(app).into(),
        "family.displaced" => t.activity_family_displaced(app).into(),
        "family.revoked" => t.activity_family_revoked(app).into(),
        "ledger.rolled_back" => t.activity_rolled_back(app).into(),
        "user.suspended" => t.activity_suspended(&look.platform).into(),
        "user.reinstated" => t.activity_reinstated(&look.platform).into(),
        "user.revoked" => t.activity_all_ended(&look.platform).into(),
        "role.granted" => t.activity_role_granted(&look.platform).into(),
        "role.removed" => t.activity_role_removed(&look.platform).into(),
        "developer.member_added" => Sentence::plain(t.activity_member_added),
        "developer.member_left" => Sentence::plain(t.activity_member_left),
        "developer.member_removed" => Sentence::plain(t.activity_member_removed),
        "developer.owner_changed" => Sentence::plain(t.activity_owner_changed),
        "organization.member_joined" | "organization.member_set" => Sentence::plain(t.activity_organization_joined),
        "organization.member_removed" => Sentence::plain(t.activity_organization_left),
        "organization.person_linked" => Sentence::plain(t.activity_organization_linked),
        "organization.person_unlinked" => Sentence::plain(t.activity_organization_unlinked),
        _ => Sentence::plain(t.activity_other),
    }
}

impl Sentence {
    fn plain(text: &str) -> Self {
        let mut html = String::new();
        // Writing to a string does not fail.
        let _ = Html.write_escaped_str(&mut html, text);
        Self(html)
    }
}

impl From<Filled<'_>> for Sentence {
    /// With its values escaped, each in an element of its own.
    fn from(filled: Filled<'_>) -> Self {
        Self(filled.to_string())
    }
}

impl Display for Sentence {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl HtmlSafe for Sentence {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::management::audit_trail::events;
    use crate::time::Timestamp;
    use crate::words::Language;

    /// Events that are in nobody's part but an app's, a developer account's or the operator's; and the end of an account,
    /// after which nobody reads.
    const OF_NO_USER: [&str; 19] = [
        "api.",
        "api_credential.",
        "app.",
        "client_grant.",
        "client_secret.",
        "connection.",
        "organization.app_",
        "organization.changed",
        "organization.created",
        "organization.issuer_changed",
        "organization.issuer_trusted",
        "organization.reinstated",
        "organization.suspended",
        "rate_tier.",
        "scope.",
        "settings.",
        "tester.",
        "user.erased",
        "webhook.",
    ];
    const OF_A_DEVELOPER_ACCOUNT: [&str; 5] = [
        "developer.changed",
        "developer.created",
        "developer.invitation_withdrawn",
        "developer.member_invited",
        "developer.revoked",
    ];

    fn entry(event: &str) -> OwnEntry {
        OwnEntry {
            id: "evt_1".into(),
            at: Timestamp(0),
            event: event.into(),
            by: By::User,
            client_id: None,
            app_name: Some("<Notes>".into()),
            consent_id: None,
            session_id: None,
            ended_by: None,
            scopes: Vec::new(),
            is_new: false,
            country: None,
        }
    }

    // Covers: R73, R74
    #[test]
    fn whatever_can_be_in_a_users_part_is_said_in_their_language() {
        for language in Language::all() {
            let look = Look::of_platform("Acme & Co", language);
            let said = |entry: &OwnEntry| what(entry, look).to_string();
            let other = said(&entry("from.later"));
            for kind in events::ALL {
                let is_of_no_user = OF_NO_USER.iter().any(|prefix| kind.name.starts_with(prefix))
                    || OF_A_DEVELOPER_ACCOUNT.contains(&kind.name);
                let sentence = said(&entry(kind.name));
                assert_eq!(sentence == other, is_of_no_user, "{}", kind.name);
                assert!(!sentence.contains("<Notes") && !sentence.contains("& Co"), "{sentence}");
            }
            let by = |ended_by| {
                said(&OwnEntry {
                    ended_by,
                    ..entry("consent.ended")
                })
            };
            let mut ends = vec![
                by(None),
                by(Some(EndedBy::User)),
                by(Some(EndedBy::Unused)),
                by(Some(EndedBy::Displaced)),
                by(Some(EndedBy::UserSuspended)),
                by(Some(EndedBy::TesterRemoved)),
                by(Some(EndedBy::Operator)),
                by(Some(EndedBy::AppDeleted)),
                by(Some(EndedBy::Organization)),
            ];
            ends.sort();
            ends.dedup();
            assert_eq!(ends.len(), 9, "two ends are told alike: {ends:?}");
        }
    }
}
