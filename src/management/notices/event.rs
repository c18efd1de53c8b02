//! Which entries of the audit trail are notices, and which of them an endpoint wants.

use serde_json::Value;
use thiserror::Error;

use crate::json;

/// Stands for every notice there is and will be.
pub const EVERY: &str = "*";
/// The event of a test that somebody asked for. It goes to the endpoint they test and to no other.
pub const TESTED: &str = "webhook.tested";

/// An event of the audit trail that endpoints may hear of. Everything else stays inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Notice {
    /// An app was submitted for review.
    AppSubmitted,
    /// A submission was approved.
    AppApproved,
    /// A submission was rejected.
    AppRejected,
    /// An app was suspended.
    AppSuspended,
    /// A suspended app was let in again.
    AppReinstated,
    /// An app was deleted.
    AppDeleted,
    /// A user connected an app, or allowed it more.
    ConsentGranted,
    /// A consent ended, with every token under it.
    ConsentEnded,
    /// A consent will end because nobody uses it.
    ConsentExpiring,
    /// An old refresh token came back.
    RefreshTokenReused,
    /// An app got a second client secret.
    RotationStarted,
    /// The first of two client secrets was deleted.
    Rotated,
    /// The second of two client secrets was deleted.
    RotationCancelled,
    /// Somebody was invited into a developer account.
    MemberInvited,
}

/// To whom a notice is mailed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// The contact address of the developer account.
    Developer,
    /// The reviewers.
    Reviewers,
}

impl Notice {
    /// All of them, in the order in which they are offered.
    pub const ALL: [Self; 14] = [
        Self::AppSubmitted,
        Self::AppApproved,
        Self::AppRejected,
        Self::AppSuspended,
        Self::AppReinstated,
        Self::AppDeleted,
        Self::ConsentGranted,
        Self::ConsentEnded,
        Self::ConsentExpiring,
        Self::RefreshTokenReused,
        Self::RotationStarted,
        Self::Rotated,
        Self::RotationCancelled,
        Self::MemberInvited,
    ];

    /// Its name in the audit trail and as the `type` of a payload.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AppSubmitted => "app.submitted",
            Self::AppApproved => "app.approved",
            Self::AppRejected => "app.rejected",
            Self::AppSuspended => "app.suspended",
            Self::AppReinstated => "app.reinstated",
            Self::AppDeleted => "app.deleted",
            Self::ConsentGranted => "consent.granted",
            Self::ConsentEnded => "consent.ended",
            Self::ConsentExpiring => "consent.expiring",
            Self::RefreshTokenReused => "refresh_token.reused",
            Self::RotationStarted => "client_secret.rotation_started",
            Self::Rotated => "client_secret.rotated",
            Self::RotationCancelled => "client_secret.rotation_cancelled",
            Self::MemberInvited => "developer.member_invited",
        }
    }

    /// The notice of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|notice| notice.name() == name)
    }

    /// What happened, in a few words.
    pub const fn title(self) -> &'static str {
        match self {
            Self::AppSubmitted => "App submitted for review",
            Self::AppApproved => "App approved",
            Self::AppRejected => "App rejected",
            Self::AppSuspended => "App suspended",
            Self::AppReinstated => "App reinstated",
            Self::AppDeleted => "App deleted",
            Self::ConsentGranted => "A user connected the app, or allowed it more",
            Self::ConsentEnded => "A connection ended",
            Self::ConsentExpiring => "A connection will end because it is not used",
            Self::RefreshTokenReused => "An old refresh token was used again",
            Self::RotationStarted => "Second client secret made",
            Self::Rotated => "Old client secret deleted",
            Self::RotationCancelled => "New client secret deleted",
            Self::MemberInvited => "Somebody was invited into the developer account",
        }
    }

    /// The members of the audit entry's detail that leave the server with it.
    pub const fn told(self) -> &'static [&'static str] {
        match self {
            Self::AppSubmitted | Self::AppApproved => &["submission_id", "number"],
            Self::AppRejected => &["submission_id", "number", "reason"],
            Self::AppSuspended | Self::AppReinstated => &["reason"],
            Self::AppDeleted | Self::MemberInvited => &[],
            Self::ConsentGranted => &["consent_id", "scopes", "added_scopes"],
            Self::ConsentEnded => &["consent_id", "ended_by"],
            Self::ConsentExpiring => &["consent_id", "last_used_at"],
            Self::RefreshTokenReused => &["consent_id"],
            Self::RotationStarted | Self::Rotated | Self::RotationCancelled => &["ended"],
        }
    }

    /// Whether it is about a user of the app.
    pub const fn is_of_a_user(self) -> bool {
        matches!(
            self,
            Self::ConsentGranted | Self::ConsentEnded | Self::ConsentExpiring | Self::RefreshTokenReused
        )
    }

    /// Who gets a mail about it. What happens once per user of an app is nothing to write a mail about.
    pub const fn readers(self) -> Option<Readers> {
        match self {
            Self::AppSubmitted => Some(Readers::Reviewers),
            Self::ConsentGranted | Self::ConsentEnded | Self::ConsentExpiring => None,
            _ => Some(Readers::Developer),
        }
    }
}

/// Which notices an endpoint wants: some, or every one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventFilter {
    /// Also those that will be added.
    Every,
    /// These, in the order of [`Notice::ALL`].
    These(Vec<Notice>),
}

/// Why a list of events is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BadFilter {
    /// Nothing is in it.
    #[error("must name at least one event that can be sent there, or be \"*\" for all of them")]
    Empty,
    /// A name that no notice has, or too many of them.
    #[error("must be names of events that are listed, or \"*\" alone")]
    Unknown,
    /// One is named twice.
    #[error("must name each event once")]
    Repeated,
}

impl EventFilter {
    /// Reads names of events.
    pub fn parse(names: &[&str]) -> Result<Self, BadFilter> {
        match names {
            [] => return Err(BadFilter::Empty),
            [EVERY] => return Ok(Self::Every),
            names if names.len() > Notice::ALL.len() => return Err(BadFilter::Unknown),
            _ => {}
        }
        let mut these: Vec<Notice> = names
            .iter()
            .map(|name| Notice::from_name(name))
            .collect::<Option<_>>()
            .ok_or(BadFilter::Unknown)?;
        these.sort_unstable();
        let named = these.len();
        these.dedup();
        match these.len() == named {
            true => Ok(Self::These(these)),
            false => Err(BadFilter::Repeated),
        }
    }

    /// What an endpoint can be sent as mail, of what it wants.
    pub fn of_mail(self) -> Result<Self, BadFilter> {
        let wanted = match self {
            Self::Every => Notice::ALL.to_vec(),
            Self::These(these) => these,
        };
        let mailed: Vec<Notice> = wanted.into_iter().filter(|notice| notice.readers().is_some()).collect();
        match mailed.is_empty() {
            true => Err(BadFilter::Empty),
            false => Ok(Self::These(mailed)),
        }
    }

    /// The names, as they are stored and shown.
    pub fn names(&self) -> Vec<&'static str> {
        match self {
            Self::Every => vec![EVERY],
            Self::These(these) => these.iter().map(|notice| notice.name()).collect(),
        }
    }

    /// As it is stored: a JSON array.
    pub fn to_json(&self) -> String {
        serde_json::to_string(&self.names()).unwrap_or_default()
    }

    /// Reads what was stored. Names that are gone since are passed over.
    pub fn from_json(text: &str) -> Self {
        let names: Vec<String> = json::from_str(text).unwrap_or_default();
        match names.iter().any(|name| name == EVERY) {
            true => Self::Every,
            false => Self::These(names.iter().filter_map(|name| Notice::from_name(name)).collect()),
        }
    }

    /// Whether it wants this one.
    pub fn wants(&self, notice: Notice) -> bool {
        match self {
            Self::Every => true,
            Self::These(these) => these.contains(&notice),
        }
    }
}

/// Why a consent ended, for those outside: what the operator did about a person, or a person's organization about the app,
/// is theirs to tell.
pub fn ended_by_for_developers(value: Value) -> Value {
    match value.as_str() {
        Some("user_suspended" | "organization") => "operator".into(),
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_of_unknown_repeated_or_no_events_is_refused() {
        let all = Notice::ALL.map(Notice::name);
        for (names, error) in [
            (&[][..], BadFilter::Empty),
            (&["app.created"], BadFilter::Unknown),
            (&["APP.APPROVED"], BadFilter::Unknown),
            (&["app.*"], BadFilter::Unknown),
            (&["*", "app.approved"], BadFilter::Unknown),
            (&["*", "*"], BadFilter::Unknown),
            (&["webhook.tested"], BadFilter::Unknown),
            (&["code.reused"], BadFilter::Unknown),
            (&["app.approved", "app.approved"], BadFilter::Repeated),
            (&[["app.approved"; 15].as_slice()].concat(), BadFilter::Unknown),
        ] {
            assert_eq!(EventFilter::parse(names), Err(error), "{names:?}");
        }
        assert_eq!(EventFilter::parse(&["*"]), Ok(EventFilter::Every));
        assert_eq!(EventFilter::parse(&all).unwrap().names(), all);
    }

    #[test]
    fn what_was_stored_is_what_was_chosen() {
        for names in [&["*"][..], &["app.deleted", "app.approved"]] {
            let filter = EventFilter::parse(names).unwrap();
            assert_eq!(EventFilter::from_json(&filter.to_json()), filter);
        }
        let stored = EventFilter::from_json(r#"["app.approved","app.gone"]"#);
        assert_eq!(stored, EventFilter::These(vec![Notice::AppApproved]));
        for broken in ["", "null", "{}", "[1]"] {
            assert_eq!(EventFilter::from_json(broken), EventFilter::These(vec![]));
        }
        assert!(!stored.wants(Notice::AppDeleted) && stored.wants(Notice::AppApproved));
    }

    #[test]
    fn nobody_gets_a_mail_for_every_user_of_an_app() {
        let mailed = EventFilter::Every.of_mail().unwrap();
        assert!(!mailed.wants(Notice::ConsentGranted) && mailed.wants(Notice::AppApproved));
        let only = EventFilter::These(vec![Notice::ConsentGranted]);
        assert_eq!(only.of_mail(), Err(BadFilter::Empty));
    }
}
