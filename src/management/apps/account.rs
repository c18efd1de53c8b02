//! The developer account that an app comes to: one its developer belongs to, or their first, which is made with it.

use crate::management::actor::DeveloperUser;
use crate::management::audit::Entry;
use crate::management::problem::Problem;
use crate::random::{self, Random};
use crate::store::database::Statement;
use crate::time::Timestamp;

/// How many apps a developer account may have.
const MOST_APPS: u32 = 100;

/// What refuses an app beyond [`MOST_APPS`], and an account that was left or made meanwhile.
pub const REFUSED: Problem =
    Problem::Conflict("the developer account has as many apps as one may, or you do not belong to it any more");

/// The developer account of an app that comes to it.
#[derive(Debug)]
pub enum Account<'a> {
    /// One the developer belongs to.
    Existing(&'a str),
    /// Their first, made with their own name.
    New(String),
}

impl<'a> Account<'a> {
    /// The one that was named, or the only one there is, or their first.
    pub fn choose(
        developer: DeveloperUser<'a>,
        developer_id: Option<&str>,
        random: &dyn Random,
    ) -> Result<Self, Problem> {
        let actor = developer.actor();
        match (developer_id, actor.memberships()) {
            (Some(id), _) => Ok(Self::Existing(actor.member(id)?.developer_id())),
            (None, []) => Ok(Self::New(random::identifier(random, "dev_"))),
            (None, [only]) => Ok(Self::Existing(&only.developer_id)),
            (None, _) => Err(Problem::field(
                "developer_id",
                "is required, because you belong to several developer accounts",
            )),
        }
    }

    /// Its id.
    pub fn id(&self) -> &str {
        match self {
            Self::Existing(id) => id,
            Self::New(id) => id,
        }
    }

    /// Refuses one that is full, was left or was made meanwhile, and makes one that is not there yet.
    pub fn statements(&self, developer: DeveloperUser<'_>, random: &dyn Random, now: Timestamp) -> Vec<Statement> {
        let user_id = developer.user_id();
        match self {
            Self::Existing(id) => vec![
                Statement::require(
                    "EXISTS (SELECT 1 FROM developer_members WHERE developer_id = ?1 AND user_id = ?2)
                     AND (SELECT count(*) FROM apps WHERE developer_id = ?1 AND deleted_at IS NULL) < ?3",
                )
                .text(id)
                .text(user_id)
                .number(MOST_APPS),
            ],
            Self::New(id) => {
                let entry = Entry {
                    developer_id: Some(id),
                    ..Entry::new("developer.created", ("developer", id))
                };
                vec![
                    Statement::require("NOT EXISTS (SELECT 1 FROM developer_members WHERE user_id = ?1)").text(user_id),
                    // Everybody may read it, so an address that stands in for a name does not become one.
                    Statement::new(
                        "INSERT INTO developers (id, name, created_at)
                         SELECT ?1, CASE WHEN name LIKE '%_@_%' THEN 'Unnamed developer' ELSE substr(name, 1, 80) END, ?3
                         FROM users WHERE id = ?2",
                    )
                    .text(id)
                    .text(user_id)
                    .time(now),
                    Statement::new(
                        "INSERT INTO developer_members (developer_id, user_id, role, added_at)
                         VALUES (?1, ?2, 'owner', ?3)",
                    )
                    .text(id)
                    .text(user_id)
                    .time(now),
                    entry.by(developer.actor(), random, now),
                ]
            }
        }
    }
}
