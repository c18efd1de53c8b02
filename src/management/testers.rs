//! Testers: the people who may use an app before it is reviewed, beside the members of its developer account.
//!
//! A developer names people exactly, and is never told who they are, nor whether there is anybody of that name: the list
//! shows the names as they were written, and adding one answers the same whoever it names. Otherwise the list of testers
//! would tell anyone who signs up as a developer who the users of the platform are.

use serde::Deserialize;
use serde_json::{Value, json};

use super::accounts::members::still_member;
use super::actor::Member;
use super::audit::Entry;
use super::input::Input;
use super::problem::Problem;
use crate::random::{self, Random};
use crate::store::database::{Database, Statement};
use crate::store::{Revoking, StoreError};
use crate::time::Timestamp;

/// How many testers an app may have. The tables say the same.
pub const MOST_TESTERS: usize = 100;
/// The longest name, in letters: that of an e-mail address.
const MAX_NAME: usize = 254;

/// Somebody who was named as a tester.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Tester {
    /// `tst_…`
    pub id: String,
    /// The name as it was written. Hostile until escaped.
    pub name: String,
    /// Since when.
    pub added_at: Timestamp,
}

impl Tester {
    /// For programs.
    pub fn to_json(&self) -> Value {
        json!({ "id": self.id, "name": self.name, "added_at": self.added_at.to_rfc3339() })
    }
}

/// What refuses a tester beyond [`MOST_TESTERS`], and a name that is on the list.
pub const NOT_ADDED: Problem =
    Problem::Conflict("this name is on the list already, or the list has as many testers as an app may have");
const NOT_THERE: Problem = Problem::NotFound("tester");

/// The testers of an app, the newest first.
pub async fn list(database: &impl Database, client_id: &str) -> Result<Vec<Tester>, StoreError> {
    let statement = Statement::new(
        "SELECT t.id, COALESCE(t.name, u.username) AS name, t.added_at FROM app_testers t
         LEFT JOIN users u ON u.id = t.user_id WHERE t.client_id = ?1 ORDER BY t.added_at DESC, t.id",
    );
    database.read(vec![statement.text(client_id)]).await?.rows(0)
}

/// The name in a request.
pub fn parse(mut input: Input) -> Result<String, Problem> {
    let name = input.line("name", MAX_NAME);
    let name = input.required("name", name);
    input.finish()?;
    Ok(name)
}

/// Puts a name on the list. Who it is, is looked up now: a user of this user name, or else the only one whose account is
/// called so. Nobody is told, and the audit trail of the app does not say either.
pub fn add(
    member: Member<'_>,
    client_id: &str,
    name: &str,
    random: &dyn Random,
    now: Timestamp,
) -> (Tester, Vec<Statement>) {
    let tester = Tester {
        id: random::identifier(random, "tst_"),
        name: name.to_owned(),
        added_at: now,
    };
    let statements = vec![
        still_member(member),
        Statement::require("EXISTS (SELECT 1 FROM apps WHERE client_id = ?1 AND deleted_at IS NULL)").text(client_id),
        Statement::new(
            "INSERT INTO app_testers (id, client_id, name, added_by, added_at, user_id) VALUES (?1, ?2, ?3, ?4, ?5, COALESCE(
               (SELECT id FROM users WHERE username = ?3 AND erased_at IS NULL),
               (SELECT min(id) FROM users WHERE account_name = ?3 COLLATE NOCASE AND erased_at IS NULL HAVING count(*) = 1)
             ))",
        )
        .text(&tester.id)
        .text(client_id)
        .text(name)
        .optional_text(member.actor().user_id())
        .time(now),
        entry("tester.added", &tester.id, client_id).by(member.actor(), random, now),
    ];
    (tester, statements)
}

/// Takes a tester off the list. What they had and have no other right to is out of use; the ledger must still be told
/// to end it.
pub async fn remove(
    database: &impl Database,
    member: Member<'_>,
    client_id: &str,
    tester_id: &str,
    random: &dyn Random,
    now: Timestamp,
) -> Result<Vec<Revoking>, Problem> {
    #[derive(Deserialize)]
    struct Row {
        user_id: Option<String>,
    }
    let named = |sql: &'static str| Statement::new(sql).text(client_id).text(tester_id);
    let row = named("SELECT user_id FROM app_testers WHERE client_id = ?1 AND id = ?2");
    let row: Row = database.read(vec![row]).await?.first(0)?.ok_or(NOT_THERE)?;
    let unfinished = Statement::new(
        "SELECT id, shard, COALESCE(ended_by, 'user') AS ended_by FROM consents INDEXED BY consents_unfinished
         WHERE user_id = ?1 AND client_id = ?2 AND status = 'revoking'",
    );
    let statements = vec![
        still_member(member),
        Statement::require("EXISTS (SELECT 1 FROM app_testers WHERE client_id = ?1 AND id = ?2)")
            .text(client_id)
            .text(tester_id),
        // A trigger takes what they had out of use, unless they may use the app by another name or as a member.
        named("DELETE FROM app_testers WHERE client_id = ?1 AND id = ?2"),
        entry("tester.removed", tester_id, client_id).by(member.actor(), random, now),
        unfinished.optional_text(row.user_id.as_deref()).text(client_id),
    ];
    let done = database.transact(statements).await;
    let found = done.map_err(|undone| undone.or(NOT_THERE))?;
    Ok(found.rows(4)?)
}

fn entry<'a>(event: &'static str, tester_id: &'a str, client_id: &'a str) -> Entry<'a> {
    Entry {
        target: ("tester", tester_id),
        ..Entry::of_app(event, client_id)
    }
}
