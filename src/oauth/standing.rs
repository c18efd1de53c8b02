//! What an app's class and status let it do, and for whom.

use serde::{Deserialize, Serialize};

/// How an app came to be registered. Fixed for its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AppClass {
    /// By its developer, in the developer portal.
    Portal,
    /// By itself (RFC 7591).
    Registered,
    /// By a document of its own on the web (OAuth Client ID Metadata Document).
    MetadataDocument,
    /// By the operator.
    Operator,
}

impl AppClass {
    /// As it is stored and told.
    pub fn name(self) -> &'static str {
        match self {
            Self::Portal => "portal",
            Self::Registered => "registered",
            Self::MetadataDocument => "metadata_document",
            Self::Operator => "operator",
        }
    }

    /// Whether it registered itself, and so served everybody before anybody here looked at it.
    pub fn is_self_registered(self) -> bool {
        matches!(self, Self::Registered | Self::MetadataDocument)
    }
}

/// Whether an app may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AppStatus {
    /// Not submitted yet.
    Draft,
    /// Waits for a reviewer.
    PendingReview,
    /// May be used.
    Approved,
    /// Refused by a reviewer.
    Rejected,
    /// Switched off by an operator.
    Suspended,
}

impl AppStatus {
    /// All there are.
    pub const ALL: [Self; 5] = [
        Self::Draft,
        Self::PendingReview,
        Self::Approved,
        Self::Rejected,
        Self::Suspended,
    ];

    /// As it is stored and told.
    pub fn name(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::PendingReview => "pending_review",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Suspended => "suspended",
        }
    }
}

/// Whom an app may serve today.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Everybody: a reviewer approved it.
    Reviewed,
    /// Everybody who is told that nobody has reviewed it, up to a number of people over its whole life.
    Unverified,
    /// The members of its developer account and the testers it names.
    Testing,
    /// Nobody.
    Unavailable,
}

/// What an app has to do with one user.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Acquaintance {
    /// Whether they are a member of its developer account or one of its testers.
    pub is_tester: bool,
    /// Whether an organization that they belong to blocks it for everyone in it.
    pub is_blocked: bool,
    /// Whether they have connected it before, also if they took that back since; asked of unverified apps only.
    pub has_connected: bool,
    /// How many people have ever connected it, counted as far as it matters to an unverified app.
    pub users: u32,
}

/// Why an app does not serve a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotServed {
    /// It serves nobody.
    Unavailable,
    /// It is being tested, and they are no tester.
    NotATester,
    /// Nobody has reviewed it, and as many people have connected it as may.
    Full,
    /// Their organization blocks it.
    Blocked,
}

impl NotServed {
    /// The same for the app's developer.
    pub fn for_developers(self) -> &'static str {
        match self {
            // Who belongs to which organization, and what that decides, is none of the app's business.
            Self::Unavailable | Self::Blocked => "this app cannot be connected at the moment",
            Self::NotATester => "this app is being tested: only its testers can connect it",
            Self::Full => "nobody has reviewed this app, and as many people as may have connected it",
        }
    }
}

impl Standing {
    /// The standing of an app of this class and status. An app that registered itself works at once, because nobody
    /// stands by to approve it; one that a person registered waits for its review.
    pub fn of(class: AppClass, status: AppStatus) -> Self {
        match (status, class) {
            (AppStatus::Approved, _) => Self::Reviewed,
            (AppStatus::Draft | AppStatus::PendingReview, AppClass::Registered | AppClass::MetadataDocument) => {
                Self::Unverified
            }
            (AppStatus::Draft | AppStatus::PendingReview, AppClass::Portal | AppClass::Operator) => Self::Testing,
            (AppStatus::Rejected | AppStatus::Suspended, _) => Self::Unavailable,
        }
    }

    /// Whether it serves this user. `most` is how many people may ever connect an unverified app.
    pub fn serves(self, user: Acquaintance, most: u32) -> Result<(), NotServed> {
        match self {
            Self::Unavailable => Err(NotServed::Unavailable),
            _ if user.is_blocked => Err(NotServed::Blocked),
            Self::Reviewed => Ok(()),
            Self::Unverified if user.has_connected || user.users < most => Ok(()),
            Self::Unverified => Err(NotServed::Full),
            Self::Testing if user.is_tester => Ok(()),
            Self::Testing => Err(NotServed::NotATester),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SELF_REGISTERED: [AppClass; 2] = [AppClass::Registered, AppClass::MetadataDocument];
    const BY_PEOPLE: [AppClass; 2] = [AppClass::Portal, AppClass::Operator];
    const NOT_REVIEWED_YET: [AppStatus; 2] = [AppStatus::Draft, AppStatus::PendingReview];

    // Covers: R33
    #[test]
    fn approval_makes_an_app_reviewed_and_rejection_or_suspension_makes_any_app_unavailable() {
        for class in SELF_REGISTERED.into_iter().chain(BY_PEOPLE) {
            assert_eq!(Standing::of(class, AppStatus::Approved), Standing::Reviewed);
            for status in [AppStatus::Rejected, AppStatus::Suspended] {
                assert_eq!(
                    Standing::of(class, status),
                    Standing::Unavailable,
                    "{class:?} {status:?}"
                );
            }
        }
    }

    #[test]
    fn before_its_review_an_app_is_unverified_if_it_registered_itself_and_in_test_mode_if_a_person_did() {
        for status in NOT_REVIEWED_YET {
            for class in SELF_REGISTERED {
                assert_eq!(
                    Standing::of(class, status),
                    Standing::Unverified,
                    "{class:?} {status:?}"
                );
            }
            for class in BY_PEOPLE {
                assert_eq!(Standing::of(class, status), Standing::Testing, "{class:?} {status:?}");
            }
        }
    }

    #[test]
    fn an_app_in_test_mode_serves_its_testers_and_no_one_else() {
        let stranger = Acquaintance {
            has_connected: true,
            ..Acquaintance::default()
        };
        let tester = Acquaintance {
            is_tester: true,
            ..Acquaintance::default()
        };
        assert_eq!(Standing::Testing.serves(stranger, 100), Err(NotServed::NotATester));
        assert_eq!(Standing::Testing.serves(tester, 0), Ok(()));
    }

    #[test]
    fn an_unverified_app_takes_no_one_new_once_it_is_full_and_loses_no_one_it_has() {
        let user = |has_connected, users| Acquaintance {
            has_connected,
            users,
            ..Acquaintance::default()
        };
        assert_eq!(Standing::Unverified.serves(user(false, 99), 100), Ok(()));
        assert_eq!(Standing::Unverified.serves(user(false, 100), 100), Err(NotServed::Full));
        assert_eq!(Standing::Unverified.serves(user(true, 100), 100), Ok(()));
        assert_eq!(Standing::Unverified.serves(user(false, 0), 0), Err(NotServed::Full));
    }

    #[test]
    fn an_unavailable_app_serves_nobody_and_a_reviewed_one_everybody() {
        let everything = Acquaintance {
            is_tester: true,
            has_connected: true,
            ..Acquaintance::default()
        };
        assert_eq!(
            Standing::Unavailable.serves(everything, 100),
            Err(NotServed::Unavailable)
        );
        assert_eq!(Standing::Reviewed.serves(Acquaintance::default(), 0), Ok(()));
    }
    // Covers: R62
    #[test]
    fn whatever_an_app_is_it_serves_nobody_whose_organization_blocks_it_and_tells_no_developer_why() {
        let blocked = Acquaintance {
            is_tester: true,
            has_connected: true,
            is_blocked: true,
            users: 0,
        };
        for standing in [Standing::Reviewed, Standing::Unverified, Standing::Testing] {
            assert_eq!(standing.serves(blocked, 100), Err(NotServed::Blocked), "{standing:?}");
        }
        assert_eq!(Standing::Unavailable.serves(blocked, 100), Err(NotServed::Unavailable));
        assert_eq!(
            NotServed::Blocked.for_developers(),
            NotServed::Unavailable.for_developers()
        );
    }
}
