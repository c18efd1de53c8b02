//! What developers and reviewers say to each other about an app.

use serde::Deserialize;
use serde_json::{Value, json};

use super::submissions::Reader;
use crate::management::actor::Actor;
use crate::management::cursor::{Cursor, Page, PageRequest};
use crate::management::input::Input;
use crate::management::problem::Problem;
use crate::random::{self, Random};
use crate::store::StoreError;
use crate::store::database::{Database, Statement};
use crate::time::Timestamp;

/// How long a comment may be, in letters.
pub const LONGEST: usize = 4000;
/// How many of one side an app may have: neither keeps the other from speaking.
const MOST: u32 = 500;
/// What refuses more than [`MOST`], and comments on apps that are gone.
pub const TOO_MANY: Problem = Problem::Conflict("this app is gone, or has as many comments as an app may have");

/// On whose side an author stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The app's developers.
    Developer,
    /// The platform.
    Reviewer,
}

impl Side {
    fn name(self) -> &'static str {
        match self {
            Self::Developer => "developer",
            Self::Reviewer => "reviewer",
        }
    }
}

/// Something that was said.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Comment {
    /// `cmt_…`
    pub id: String,
    /// Who said it: a user.
    pub author_id: String,
    /// What they are called now.
    pub author_name: Option<String>,
    /// On whose side they stood.
    pub author_role: Side,
    /// What. Hostile until escaped.
    pub body: String,
    /// When.
    pub created_at: Timestamp,
}

/// Reads what somebody says.
pub fn body(mut input: Input) -> Result<String, Problem> {
    let body = input.text("body", LONGEST);
    let body = input.required("body", body);
    input.finish()?;
    Ok(body)
}

/// Says something. The author belongs to the app's developer account, or reviews it: the caller has checked that.
pub fn add(
    actor: &Actor,
    side: Side,
    client_id: &str,
    body: String,
    random: &dyn Random,
    now: Timestamp,
) -> (Comment, Vec<Statement>) {
    let comment = Comment {
        id: random::identifier(random, "cmt_"),
        author_id: actor.user_id().unwrap_or(actor.named().1).to_owned(),
        author_name: None,
        author_role: side,
        body,
        created_at: now,
    };
    let insert = Statement::new(
        "INSERT INTO review_comments (id, client_id, author_id, author_role, body, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    );
    let statements = vec![
        // Whoever speaks for the app's developers is still one of them.
        Statement::require(
            "?1 <> 'developer' OR EXISTS (
               SELECT 1 FROM apps a JOIN developer_members m ON m.developer_id = a.developer_id
               WHERE a.client_id = ?2 AND m.user_id = ?3)",
        )
        .text(side.name())
        .text(client_id)
        .optional_text(actor.user_id()),
        Statement::require(
            "(SELECT count(*) FROM review_comments WHERE client_id = ?1 AND author_role = ?3) < ?2
             AND EXISTS (SELECT 1 FROM apps WHERE client_id = ?1 AND deleted_at IS NULL)",
        )
        .text(client_id)
        .number(MOST)
        .text(side.name()),
        insert
            .text(&comment.id)
            .text(client_id)
            .text(&comment.author_id)
            .text(side.name())
            .text(&comment.body)
            .time(now),
    ];
    (comment, statements)
}

/// Reads a page of what was said about an app, the latest first.
pub async fn list(database: &impl Database, client_id: &str, page: &PageRequest) -> Result<Page<Comment>, StoreError> {
    let statement = Statement::new(
        "SELECT c.id, c.author_id, u.name AS author_name, c.author_role, c.body, c.created_at
         FROM review_comments c LEFT JOIN users u ON u.id = c.author_id
         WHERE c.client_id = ?1 AND (c.created_at < ?2 OR (c.created_at = ?2 AND c.id < ?3))
         ORDER BY c.created_at DESC, c.id DESC LIMIT ?4",
    );
    let statement = statement
        .text(client_id)
        .time(Timestamp(page.before()))
        .text(page.before_id())
        .number(page.size + 1);
    let found = database.read(vec![statement]).await?;
    Ok(page.page(found.rows(0)?, |last: &Comment| Cursor {
        order: last.created_at.0,
        id: last.id.clone(),
    }))
}

impl Comment {
    /// As JSON. To developers a reviewer is nobody in particular.
    pub fn to_json(&self, reader: Reader) -> Value {
        let is_named = reader == Reader::Reviewer || self.author_role == Side::Developer;
        json!({
            "id": self.id,
            "author_role": self.author_role.name(),
            "author_id": is_named.then_some(&self.author_id),
            "body": self.body,
            "created_at": self.created_at.to_rfc3339(),
        })
    }
}
