//! Who belongs to a developer account: invitations, leaving, removal, and who owns it. Whoever is removed loses the apps
//! they could test as a member: the tables see to that.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::crypto;
use crate::management::actor::{DeveloperUser, Member, MemberRole};
use crate::management::audit::Entry;
use crate::management::input::Input;
use crate::management::problem::Problem;
use crate::oauth::secret::Secret;
use crate::random::{self, Random};
use crate::store::StoreError;
use crate::store::database::{Database, Statement};
use crate::time::Timestamp;

/// How long an invitation is good.
const GOOD_FOR: Duration = Duration::from_secs(7 * 24 * 3600);
/// How many members an account may have, and how many invitations may be open.
const MOST_MEMBERS: u32 = 50;

/// A developer account, as its members see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// `dev_…`
    pub id: String,
    /// Its public name. Hostile until escaped.
    pub name: String,
    /// How the operator reaches it.
    pub contact: Option<String>,
    /// Its entity tag.
    pub version: u32,
    /// Who belongs to it: the owner first.
    pub members: Vec<AccountMember>,
    /// Who may come to belong to it, the newest first.
    pub invitations: Vec<Invitation>,
}

/// Somebody who belongs to an account.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AccountMember {
    /// Who.
    pub user_id: String,
    /// Their name. Hostile until escaped.
    pub name: String,
    /// What they are in it.
    pub role: MemberRole,
}

/// An invitation that is still good. Its token is kept as a hash.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Invitation {
    /// `inv_…`
    pub id: String,
    /// Whom it is for, in the owner's words. Hostile until escaped.
    pub note: String,
    /// Until when it is good.
    pub expires_at: Timestamp,
}

/// An invitation as whoever holds its token sees it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Offer {
    /// Its id.
    pub id: String,
    /// To which account.
    pub developer_id: String,
    /// What that is called. Hostile until escaped.
    pub name: String,
    /// Who made it. Hostile until escaped.
    pub invited_by: String,
}

/// What refuses one invitation more.
pub const TOO_MANY_INVITATIONS: Problem =
    Problem::Conflict("as many invitations are open as may be, or you are not the owner any more");

impl Account {
    /// Refuses what was meant for another version of it (`If-Match`).
    pub fn expect(&self, version: Option<u32>) -> Result<(), Problem> {
        match version {
            Some(version) if version != self.version => Err(Problem::Changed),
            _ => Ok(()),
        }
    }
}

/// Reads an account of the actor's.
pub async fn load(database: &impl Database, member: Member<'_>, now: Timestamp) -> Result<Account, Problem> {
    #[derive(Deserialize)]
    struct Row {
        id: String,
        name: String,
        contact: Option<String>,
        version: u32,
    }
    let of = |sql: &'static str| Statement::new(sql).text(member.developer_id());
    let found = database
        .read(vec![
            of("SELECT id, name, contact, version FROM developers WHERE id = ?1"),
            of(
                "SELECT m.user_id, u.name, m.role FROM developer_members m JOIN users u ON u.id = m.user_id
                WHERE m.developer_id = ?1 ORDER BY m.role = 'owner' DESC, u.name COLLATE NOCASE, u.id",
            ),
            of(
                "SELECT id, note, expires_at FROM developer_invitations WHERE developer_id = ?1 AND expires_at > ?2
                ORDER BY created_at DESC, id",
            )
            .time(now),
        ])
        .await?;
    let row: Row = found.first(0)?.ok_or(Problem::NotFound("developer account"))?;
    Ok(Account {
        id: row.id,
        name: row.name,
        contact: row.contact,
        version: row.version,
        members: found.rows(1)?,
        invitations: found.rows(2)?,
    })
}

/// Invites somebody. The token goes into a link, once.
pub fn invite(
    member: Member<'_>,
    mut input: Input,
    random: &dyn Random,
    now: Timestamp,
) -> Result<(Invitation, Secret, Vec<Statement>), Problem> {
    let owner = member.owner()?;
    let note = input.line("note", 80);
    let note = input.required("note", note);
    input.finish()?;
    let token = Secret::new(crypto::base64url(random::bytes::<32>(random)));
    let invitation = Invitation {
        id: random::identifier(random, "inv_"),
        note,
        expires_at: now + GOOD_FOR,
    };
    let statements = vec![
        still_owner(owner),
        Statement::new("DELETE FROM developer_invitations WHERE expires_at <= ?1").time(now),
        Statement::require("(SELECT count(*) FROM developer_invitations WHERE developer_id = ?1) < ?2")
            .text(owner.developer_id())
            .number(MOST_MEMBERS),
        Statement::new(
            "INSERT INTO developer_invitations (id, developer_id, token_hash, note, created_by, created_at, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )
        .text(&invitation.id)
        .text(owner.developer_id())
        .text(&token.hash())
        .text(&invitation.note)
        .optional_text(owner.actor().user_id())
        .time(now)
        .time(invitation.expires_at),
        entry("developer.member_invited", owner, ("invitation", &invitation.id)).by(owner.actor(), random, now),
    ];
    Ok((invitation, token, statements))
}

/// Takes an invitation back.
pub fn withdraw(member: Member<'_>, id: &str, random: &dyn Random, now: Timestamp) -> Result<Vec<Statement>, Problem> {
    let owner = member.owner()?;
    Ok(vec![
        still_owner(owner),
        Statement::require("EXISTS (SELECT 1 FROM developer_invitations WHERE id = ?1 AND developer_id = ?2)")
            .text(id)
            .text(owner.developer_id()),
        Statement::new("DELETE FROM developer_invitations WHERE id = ?1").text(id),
        entry("developer.invitation_withdrawn", owner, ("invitation", id)).by(owner.actor(), random, now),
    ])
}

/// What an invitation offers; `None`: it is none, was used, taken back, or has expired.
pub async fn offer(database: &impl Database, token: &Secret, now: Timestamp) -> Result<Option<Offer>, StoreError> {
    let statement = Statement::new(
        "SELECT i.id, i.developer_id, d.name, u.name AS invited_by
         FROM developer_invitations i JOIN developers d ON d.id = i.developer_id JOIN users u ON u.id = i.created_by
         JOIN developer_members m ON m.developer_id = i.developer_id AND m.user_id = i.created_by AND m.role = 'owner'
         WHERE i.token_hash = ?1 AND i.expires_at > ?2",
    );
    let found = database.read(vec![statement.text(&token.hash()).time(now)]).await?;
    found.first(0)
}

/// Makes the developer a member, and uses the invitation up.
pub fn accept(
    developer: DeveloperUser<'_>,
    offer: &Offer,
    random: &dyn Random,
    now: Timestamp,
) -> Result<Vec<Statement>, Problem> {
    let developer = developer.in_person()?;
    let entry = Entry {
        developer_id: Some(&offer.developer_id),
        user_id: Some(developer.user_id()),
        ..Entry::new("developer.member_added", ("user", developer.user_id()))
    };
    Ok(vec![
        Statement::require(
            // Nobody is invited by somebody who is not the owner any more.
            "EXISTS (SELECT 1 FROM developer_invitations i JOIN developer_members m
                       ON m.developer_id = i.developer_id AND m.user_id = i.created_by AND m.role = 'owner'
                     WHERE i.id = ?1 AND i.expires_at > ?2)
             AND (SELECT count(*) FROM developer_members WHERE developer_id = ?3) < ?4",
        )
        .text(&offer.id)
        .time(now)
        .text(&offer.developer_id)
        .number(MOST_MEMBERS),
        // Who belongs to it already is refused by the key of the table, and the invitation is still good.
        Statement::new(
            "INSERT INTO developer_members (developer_id, user_id, role, added_at) VALUES (?1, ?2, 'member', ?3)",
        )
        .text(&offer.developer_id)
        .text(developer.user_id())
        .time(now),
        Statement::new("DELETE FROM developer_invitations WHERE id = ?1").text(&offer.id),
        entry.by(developer.actor(), random, now),
    ])
}

/// What refuses an invitation that was there a moment ago.
pub const NOT_ACCEPTED: Problem =
    Problem::Conflict("the invitation was used or taken back, or you belong to the developer account already");

/// Takes somebody out of the account; members may do that to themselves. The owner hands it over first.
pub fn remove(
    member: Member<'_>,
    user_id: &str,
    random: &dyn Random,
    now: Timestamp,
) -> Result<Vec<Statement>, Problem> {
    let member = member.in_person()?;
    let leaves = member.actor().user_id() == Some(user_id);
    let mut statements = Vec::new();
    if !leaves {
        statements.push(still_owner(member.owner()?));
    } else if member.owner().is_ok() {
        return Err(Problem::Conflict(
            "the owner cannot leave: hand the developer account over first",
        ));
    }
    let event = if leaves {
        "developer.member_left"
    } else {
        "developer.member_removed"
    };
    let entry = Entry {
        user_id: Some(user_id),
        ..entry(event, member, ("user", user_id))
    };
    statements.extend([
        Statement::require(
            "EXISTS (SELECT 1 FROM developer_members WHERE developer_id = ?1 AND user_id = ?2 AND role = 'member')",
        )
        .text(member.developer_id())
        .text(user_id),
        Statement::new("DELETE FROM developer_members WHERE developer_id = ?1 AND user_id = ?2")
            .text(member.developer_id())
            .text(user_id),
        withdraw_all_by(member, Some(user_id)),
        entry.by(member.actor(), random, now),
    ]);
    Ok(statements)
}

/// Makes another member the owner, and the owner a member.
pub fn hand_over(
    member: Member<'_>,
    user_id: &str,
    random: &dyn Random,
    now: Timestamp,
) -> Result<Vec<Statement>, Problem> {
    let owner = member.owner()?;
    let entry = Entry {
        user_id: Some(user_id),
        ..entry("developer.owner_changed", owner, ("user", user_id))
    };
    let role = |sql: &'static str, user_id: Option<&str>| {
        Statement::new(sql).text(owner.developer_id()).optional_text(user_id)
    };
    Ok(vec![
        still_owner(owner),
        Statement::require(
            "EXISTS (SELECT 1 FROM developer_members WHERE developer_id = ?1 AND user_id = ?2 AND role = 'member')",
        )
        .text(owner.developer_id())
        .text(user_id),
        role(
            "UPDATE developer_members SET role = 'member' WHERE developer_id = ?1 AND user_id = ?2",
            owner.actor().user_id(),
        ),
        role(
            "UPDATE developer_members SET role = 'owner' WHERE developer_id = ?1 AND user_id = ?2",
            Some(user_id),
        ),
        withdraw_all_by(owner, owner.actor().user_id()),
        entry.by(owner.actor(), random, now),
    ])
}

/// Whoever does not say any more who belongs to the account has nobody on the way into it.
fn withdraw_all_by(member: Member<'_>, user_id: Option<&str>) -> Statement {
    Statement::new("DELETE FROM developer_invitations WHERE developer_id = ?1 AND created_by = ?2")
        .text(member.developer_id())
        .optional_text(user_id)
}

/// Lets a transaction fail unless the member still belongs to the account.
pub fn still_member(member: Member<'_>) -> Statement {
    Statement::require("EXISTS (SELECT 1 FROM developer_members WHERE developer_id = ?1 AND user_id = ?2)")
        .text(member.developer_id())
        .optional_text(member.actor().user_id())
}

/// Lets a transaction fail unless the owner still is that.
pub fn still_owner(owner: Member<'_>) -> Statement {
    Statement::require(
        "EXISTS (SELECT 1 FROM developer_members WHERE developer_id = ?1 AND user_id = ?2 AND role = 'owner')",
    )
    .text(owner.developer_id())
    .optional_text(owner.actor().user_id())
}

fn entry<'a>(event: &'static str, member: Member<'a>, target: (&'static str, &'a str)) -> Entry<'a> {
    Entry {
        developer_id: Some(member.developer_id()),
        ..Entry::new(event, target)
    }
}
