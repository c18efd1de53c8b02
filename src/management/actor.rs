//! Who acts, and what they may do. What must have been checked is a type that only the check makes.

use serde::{Deserialize, Serialize};

use super::problem::Problem;
use crate::oauth::scope::Scopes;
use crate::store::StoreError;
use crate::store::database::{Database, Statement};

/// Scopes of the management API itself, as API `api_latchkey` has them in the catalogue.
pub mod scope {
    /// Read what an administrator may.
    pub const ADMIN_READ: &str = "latchkey:admin:read";
    /// Do what an administrator may.
    pub const ADMIN: &str = "latchkey:admin";
    /// Read the apps of the user's developer accounts.
    pub const APPS_READ: &str = "latchkey:apps:read";
    /// Manage the apps of the user's developer accounts.
    pub const APPS: &str = "latchkey:apps";
}

/// Whoever sends a request to the portal, the console or their APIs.
#[derive(Debug, Clone)]
pub struct Actor {
    /// Who.
    pub who: Who,
    /// Whether the request changes nothing, and so needs the right to read only.
    pub only_reads: bool,
    /// Where from, for the audit trail.
    pub origin: Origin,
    roles: Vec<Role>,
    memberships: Vec<Membership>,
    may_develop: bool,
    administers: bool,
}

/// Who acts.
#[derive(Debug, Clone)]
pub enum Who {
    /// A user in their session.
    User(UserInSession),
    /// An app by its access token, for itself or for a user.
    App {
        /// Which.
        client_id: String,
        /// For whom.
        user_id: Option<String>,
        /// What the token is good for now.
        scopes: Scopes,
    },
}

/// A user in their session.
#[derive(Debug, Clone)]
pub struct UserInSession {
    /// Their id.
    pub id: String,
    /// Their name.
    pub name: String,
    /// The hash of the session token, to which the tokens of forms are bound.
    pub session: String,
    /// Whether they came by a connection that is open to developers.
    pub may_develop: bool,
}

/// From where a request came, as the audit trail keeps it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The request's id, as the log has it.
    pub request_id: String,
    /// The country, two letters.
    pub country: Option<String>,
    /// A keyed hash of the address.
    pub address_hash: Option<String>,
}

/// What a user may do in the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Decides submissions.
    Reviewer,
    /// Does everything else, and that too.
    Administrator,
}

/// That a user belongs to a developer account.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Membership {
    /// The account.
    pub developer_id: String,
    /// Its public name.
    pub name: String,
    /// What they are in it.
    pub role: MemberRole,
}

/// What a member of a developer account is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberRole {
    /// Also decides who belongs to it. There is one.
    Owner,
    /// Manages its apps.
    Member,
}

impl MemberRole {
    /// As it is stored and told.
    pub fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Member => "member",
        }
    }
}

/// Proof that the actor is an administrator.
#[derive(Debug, Clone, Copy)]
pub struct Administrator<'a>(&'a Actor);

/// Proof that the actor may decide submissions. Whether this app's too, [`Actor::belongs_to`] says.
#[derive(Debug, Clone, Copy)]
pub struct Reviewer<'a>(&'a Actor);

/// Proof that the actor is a developer.
#[derive(Debug, Clone, Copy)]
pub struct DeveloperUser<'a> {
    actor: &'a Actor,
    user_id: &'a str,
}

/// Proof that the actor belongs to a developer account.
#[derive(Debug, Clone, Copy)]
pub struct Member<'a> {
    actor: &'a Actor,
    membership: &'a Membership,
}

/// The user whom the operator named by `FIRST_ADMINISTRATOR`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstAdministrator {
    /// The connection they sign in by.
    pub connection_id: String,
    /// Their subject there.
    pub subject: String,
}

impl FirstAdministrator {
    /// Reads a connection and a subject with a space between them.
    pub fn parse(text: &str) -> Option<Self> {
        let (connection_id, subject) = text.trim().split_once(' ')?;
        let subject = subject.trim();
        (connection_id.starts_with("con_") && !subject.is_empty()).then(|| Self {
            connection_id: connection_id.to_owned(),
            subject: subject.to_owned(),
        })
    }
}

impl Actor {
    /// Reads what a user is to the portal and the console. Somebody who is suspended is nothing to them.
    pub async fn load(
        database: &impl Database,
        who: Who,
        only_reads: bool,
        origin: Origin,
        first: Option<&FirstAdministrator>,
    ) -> Result<Self, StoreError> {
        #[derive(Deserialize)]
        struct RoleRow {
            role: Role,
        }
        let (mut roles, mut memberships, mut has_open_way, mut administers) = (Vec::new(), Vec::new(), false, false);
        if let Some(user_id) = who.user_id() {
            let first = first.map_or(("", ""), |first| (first.connection_id.as_str(), first.subject.as_str()));
            let is = Statement::new(
                "SELECT r.role FROM user_roles r JOIN users u ON u.id = r.user_id
                 WHERE r.user_id = ?1 AND u.status = 'active'
                 UNION SELECT 'administrator' FROM user_identities i JOIN users u ON u.id = i.user_id
                 WHERE i.user_id = ?1 AND i.connection_id = ?2 AND i.subject = ?3 AND u.status = 'active'",
            );
            let belongs = Statement::new(
                "SELECT m.developer_id, d.name, m.role FROM developer_members m JOIN developers d ON d.id = m.developer_id
                 JOIN users u ON u.id = m.user_id
                 WHERE m.user_id = ?1 AND u.status = 'active' ORDER BY d.name COLLATE NOCASE, d.id",
            );
            // A token does not say how its user signed in. Whoever has no identity came by the development sign-in.
            let open = Statement::new(
                "SELECT u.id FROM users u WHERE u.id = ?1 AND u.status = 'active' AND (
                   NOT EXISTS (SELECT 1 FROM user_identities WHERE user_id = ?1)
                   OR EXISTS (SELECT 1 FROM user_identities i JOIN connections c ON c.id = i.connection_id
                              WHERE i.user_id = ?1 AND c.status = 'active' AND c.for_developers = 1))",
            );
            let in_charge = Statement::new(
                "SELECT 1 AS yes FROM organization_members m JOIN organizations o ON o.id = m.organization_id
                 JOIN users u ON u.id = m.user_id
                 WHERE m.user_id = ?1 AND m.role = 'administrator' AND o.status = 'active' AND u.status = 'active' LIMIT 1",
            );
            let found = database
                .read(vec![
                    is.text(user_id).text(first.0).text(first.1),
                    belongs.text(user_id),
                    open.text(user_id),
                    in_charge.text(user_id),
                ])
                .await?;
            roles = found.rows::<RoleRow>(0)?.into_iter().map(|row| row.role).collect();
            memberships = found.rows(1)?;
            has_open_way = !found.raw(2).is_empty();
            administers = !found.raw(3).is_empty();
        }
        let may_develop = match &who {
            Who::User(user) => user.may_develop,
            Who::App { .. } => has_open_way,
        };
        Ok(Self {
            who,
            only_reads,
            origin,
            roles,
            memberships,
            may_develop,
            administers,
        })
    }

    /// Whether they administer an organization, in person.
    pub fn administers_organizations(&self) -> bool {
        self.administers && matches!(self.who, Who::User(_))
    }

    /// The user who acts, be it by an app.
    pub fn user_id(&self) -> Option<&str> {
        self.who.user_id()
    }

    /// The app that acts, if none is a user's.
    pub fn own_app(&self) -> Option<&str> {
        match &self.who {
            Who::App { client_id, .. } => Some(client_id),
            Who::User(_) => None,
        }
    }

    /// The id under which something is theirs: that of the user who acts, be it by an app, else that of the app.
    pub fn acts(&self) -> &str {
        self.user_id().unwrap_or(self.named().1)
    }

    /// Whoever acts, as the audit trail names them: the type and the id.
    pub fn named(&self) -> (&'static str, &str) {
        match &self.who {
            Who::User(user) => ("user", &user.id),
            Who::App { client_id, .. } => ("app", client_id),
        }
    }

    /// The developer accounts the actor belongs to, by name.
    pub fn memberships(&self) -> &[Membership] {
        &self.memberships
    }

    /// Whether the actor belongs to a developer account.
    pub fn belongs_to(&self, developer_id: &str) -> bool {
        self.membership(developer_id).is_some()
    }

    fn membership(&self, developer_id: &str) -> Option<&Membership> {
        self.memberships
            .iter()
            .find(|membership| membership.developer_id == developer_id)
    }

    /// Whether the console is for them.
    pub fn is_operator(&self) -> bool {
        self.reviewer().is_ok()
    }

    /// An administrator, or an app with the scope for it that acts for itself or for one.
    pub fn administrator(&self) -> Result<Administrator<'_>, Problem> {
        let is_administrator = self.roles.contains(&Role::Administrator);
        let may = match &self.who {
            Who::User(_) => is_administrator,
            Who::App { user_id, scopes, .. } => {
                let read = self.only_reads && scopes.contains(scope::ADMIN_READ);
                (read || scopes.contains(scope::ADMIN)) && (user_id.is_none() || is_administrator)
            }
        };
        may.then_some(Administrator(self))
            .ok_or(Problem::Forbidden("this is for administrators"))
    }

    /// A reviewer or an administrator, in person: no token decides over apps.
    pub fn reviewer(&self) -> Result<Reviewer<'_>, Problem> {
        let may = matches!(self.who, Who::User(_)) && !self.roles.is_empty();
        may.then_some(Reviewer(self))
            .ok_or(Problem::Forbidden("this is for reviewers"))
    }

    /// A user who may use the developer portal.
    pub fn developer(&self) -> Result<DeveloperUser<'_>, Problem> {
        let is_for_it = match &self.who {
            Who::User(_) => true,
            Who::App { scopes, .. } => {
                scopes.contains(scope::APPS) || (self.only_reads && scopes.contains(scope::APPS_READ))
            }
        };
        let user_id = self.user_id().filter(|_| is_for_it && self.may_develop);
        user_id
            .map(|user_id| DeveloperUser { actor: self, user_id })
            .ok_or(Problem::Forbidden("the way you signed in is not open to developers"))
    }

    fn in_person(&self) -> Result<(), Problem> {
        match self.who {
            Who::User(_) => Ok(()),
            Who::App { .. } => Err(Problem::Forbidden(
                "this takes a person who is signed in: no access token is good for it",
            )),
        }
    }

    /// A developer who belongs to an account. To others it does not exist.
    pub fn member(&self, developer_id: &str) -> Result<Member<'_>, Problem> {
        let actor = self.developer()?.actor;
        let membership = actor.membership(developer_id);
        membership
            .map(|membership| Member { actor, membership })
            .ok_or(Problem::NotFound("developer account"))
    }
}

impl Who {
    fn user_id(&self) -> Option<&str> {
        match self {
            Self::User(user) => Some(&user.id),
            Self::App { user_id, .. } => user_id.as_deref(),
        }
    }
}

impl<'a> Administrator<'a> {
    /// Who.
    pub fn actor(self) -> &'a Actor {
        self.0
    }
}

impl<'a> Reviewer<'a> {
    /// Who.
    pub fn actor(self) -> &'a Actor {
        self.0
    }
}

impl<'a> DeveloperUser<'a> {
    /// Who.
    pub fn actor(self) -> &'a Actor {
        self.actor
    }

    /// The user's id.
    pub fn user_id(self) -> &'a str {
        self.user_id
    }

    /// In person: no token joins a developer account.
    pub fn in_person(self) -> Result<Self, Problem> {
        self.actor.in_person().map(|()| self)
    }
}

impl<'a> Member<'a> {
    /// Who.
    pub fn actor(self) -> &'a Actor {
        self.actor
    }

    /// In which account.
    pub fn developer_id(self) -> &'a str {
        &self.membership.developer_id
    }

    /// In person: no token says who belongs to a developer account.
    pub fn in_person(self) -> Result<Self, Problem> {
        self.actor.in_person().map(|()| self)
    }

    /// Also its owner, in person.
    pub fn owner(self) -> Result<Self, Problem> {
        self.in_person()?;
        match self.membership.role {
            MemberRole::Owner => Ok(self),
            MemberRole::Member => Err(Problem::Forbidden("this is for the owner of the developer account")),
        }
    }
}

#[cfg(test)]
#[path = "actor_tests.rs"]
mod tests;
