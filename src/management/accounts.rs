//! Developer accounts: those who publish apps, alone or together.

pub mod members;

use serde::Serialize;
use serde_json::json;

use self::members::{Account, still_owner};
use super::actor::{DeveloperUser, Member, MemberRole};
use super::audit::Entry;
use super::input::Input;
use super::problem::Problem;
use crate::random::{self, Random};
use crate::store::database::Statement;
use crate::time::Timestamp;

/// How many developer accounts one user may own.
const MOST_ACCOUNTS: u32 = 10;

/// What an account is called, and how the operator reaches it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountInput {
    /// The public name, which every user of its apps reads.
    pub name: String,
    /// An e-mail address for the operator, shown to nobody else.
    pub contact: Option<String>,
}

impl AccountInput {
    /// Checks what was sent.
    pub fn parse(mut input: Input) -> Result<Self, Problem> {
        let name = public_name_of(&mut input);
        let contact = contact_of(&mut input);
        input.finish()?;
        Ok(Self { name, contact })
    }
}

/// Changes what is sent of a name and a contact address. For the owner.
pub fn edit(
    member: Member<'_>,
    account: &Account,
    mut input: Input,
    random: &dyn Random,
    now: Timestamp,
) -> Result<Vec<Statement>, Problem> {
    let owner = member.owner()?;
    let (mut name, mut contact) = (account.name.clone(), account.contact.clone());
    if input.mentions("name") {
        name = public_name_of(&mut input);
    }
    if input.mentions("contact") {
        contact = contact_of(&mut input);
    }
    input.finish()?;
    // Not what they were: people name accounts after themselves, and the trail stays when they are erased.
    let differs = [("name", name != account.name), ("contact", contact != account.contact)];
    let fields = differs.iter().filter(|(_, differs)| *differs).map(|(field, _)| *field);
    let detail = json!({ "fields": fields.collect::<Vec<_>>() });
    let entry = Entry {
        developer_id: Some(&account.id),
        ..Entry::new("developer.changed", ("developer", &account.id)).with(detail)
    };
    Ok(vec![
        still_owner(owner),
        Statement::require("EXISTS (SELECT 1 FROM developers WHERE id = ?1 AND version = ?2)")
            .text(&account.id)
            .number(account.version),
        Statement::new("UPDATE developers SET name = ?2, contact = ?3, version = version + 1 WHERE id = ?1")
            .text(&account.id)
            .text(&name)
            .optional_text(contact.as_deref()),
        entry.by(owner.actor(), random, now),
    ])
}

/// What everybody reads: no address, which has a field of its own that nobody but the operator sees.
fn public_name_of(input: &mut Input) -> String {
    let name = input.line("name", 80);
    if name.as_deref().is_some_and(looks_like_mail) {
        input.error("name", "is public: put an e-mail address into contact");
    }
    input.required("name", name)
}

fn contact_of(input: &mut Input) -> Option<String> {
    let contact = input.line("contact", 254);
    if contact.as_deref().is_some_and(|contact| !looks_like_mail(contact)) {
        input.error("contact", "must be an e-mail address: team@example.com");
    }
    contact
}

/// Something before and behind one `@`. Whether mail arrives there, only mail can tell.
fn looks_like_mail(text: &str) -> bool {
    let halves = text.split_once('@');
    let plain = text
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && !b"<>,;\"'()\\".contains(&byte));
    plain && halves.is_some_and(|(name, host)| !name.is_empty() && host.contains('.') && !host.contains('@'))
}

/// A developer account that is about to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewAccount {
    /// `dev_…`
    pub id: String,
    /// Its public name.
    pub name: String,
    /// How the operator reaches it.
    pub contact: Option<String>,
    /// What whoever made it is in it.
    pub role: &'static str,
    /// Its version.
    pub version: u32,
}

/// What refuses an account beyond [`MOST_ACCOUNTS`].
pub const TOO_MANY: Problem = Problem::Conflict("you own as many developer accounts as one person may");

/// Makes an account whose owner is the developer.
pub fn create(
    developer: DeveloperUser<'_>,
    input: AccountInput,
    random: &dyn Random,
    now: Timestamp,
) -> (NewAccount, Vec<Statement>) {
    let account = NewAccount {
        id: random::identifier(random, "dev_"),
        name: input.name,
        contact: input.contact,
        role: MemberRole::Owner.name(),
        version: 1,
    };
    let entry = Entry {
        developer_id: Some(&account.id),
        ..Entry::new("developer.created", ("developer", &account.id))
    };
    let statements = vec![
        Statement::require("(SELECT count(*) FROM developer_members WHERE user_id = ?1 AND role = 'owner') < ?2")
            .text(developer.user_id())
            .number(MOST_ACCOUNTS),
        Statement::new("INSERT INTO developers (id, name, contact, created_at) VALUES (?1, ?2, ?3, ?4)")
            .text(&account.id)
            .text(&account.name)
            .optional_text(account.contact.as_deref())
            .time(now),
        Statement::new(
            "INSERT INTO developer_members (developer_id, user_id, role, added_at) VALUES (?1, ?2, 'owner', ?3)",
        )
        .text(&account.id)
        .text(developer.user_id())
        .time(now),
        entry.by(developer.actor(), random, now),
    ];
    (account, statements)
}
