//! Who reviews and who administers.

use serde::{Deserialize, Serialize};

use super::{Act, Entry, Input, Problem, as_rfc3339};
use crate::management::actor::FirstAdministrator;
use crate::store::database::{Database, Statement};
use crate::time::Timestamp;

const ROLES: [(&str, &str); 2] = [("reviewer", "reviewer"), ("administrator", "administrator")];

/// Somebody who may do more in the console than others.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Appointment {
    /// Who.
    pub user_id: String,
    /// Their user name.
    pub username: String,
    /// Their name. Hostile until escaped.
    pub name: String,
    /// `active` or `suspended`.
    pub status: String,
    /// `reviewer` or `administrator`.
    pub role: String,
    /// Who appointed them.
    pub granted_by: Option<String>,
    /// When.
    #[serde(serialize_with = "as_rfc3339")]
    pub granted_at: Timestamp,
}

/// An appointment that is about to be made.
pub struct NewAppointment {
    /// It.
    pub appointment: Appointment,
    /// What makes it.
    pub statements: Vec<Statement>,
}

/// What refuses an appointment that is made already.
pub const ALREADY: Problem = Problem::Conflict("they have this role, or they are no active user any more");

/// Everybody appointed, administrators first.
pub async fn list(database: &impl Database) -> Result<Vec<Appointment>, Problem> {
    let select = Statement::new(
        "SELECT r.user_id, u.username, u.name, u.status, r.role, r.granted_by, r.granted_at
         FROM user_roles r JOIN users u ON u.id = r.user_id
         ORDER BY r.role, u.name COLLATE NOCASE, r.user_id LIMIT 500",
    );
    Ok(database.read(vec![select]).await?.rows(0)?)
}

#[derive(Deserialize)]
struct Found {
    id: String,
    username: String,
    name: String,
    status: String,
}

/// Appoints a user by their id or their user name: by nothing that they or their identity provider choose.
pub async fn appoint(database: &impl Database, act: Act<'_>, mut input: Input) -> Result<NewAppointment, Problem> {
    let user = input.line("user", 200);
    let user = input.required("user", user);
    let role = input.choice("role", &ROLES);
    let role = input.required("role", role);
    input.finish()?;
    let select = Statement::new(
        "SELECT id, username, name, status FROM users WHERE (id = ?1 OR username = ?1) AND erased_at IS NULL
         ORDER BY id = ?1 DESC LIMIT 1",
    );
    let found: Option<Found> = database.read(vec![select.text(&user)]).await?.first(0)?;
    let found = found.ok_or_else(|| Problem::field("user", "is neither the id nor the user name of anybody"))?;
    if found.status != "active" {
        return Err(Problem::field("user", "is somebody who is suspended"));
    }
    let entry = Entry {
        user_id: Some(&found.id),
        ..Entry::new("role.granted", ("user", &found.id))
    };
    let statements = vec![
        Statement::require("EXISTS (SELECT 1 FROM users WHERE id = ?1 AND status = 'active' AND erased_at IS NULL)")
            .text(&found.id),
        Statement::new("INSERT INTO user_roles (user_id, role, granted_by, granted_at) VALUES (?1, ?2, ?3, ?4)")
            .text(&found.id)
            .text(role)
            .text(act.by.actor().named().1)
            .time(act.now),
        act.note(&entry.with(serde_json::json!({ "role": role }))),
    ];
    Ok(NewAppointment {
        appointment: Appointment {
            user_id: found.id,
            username: found.username,
            name: found.name,
            status: found.status,
            role: role.to_owned(),
            granted_by: Some(act.by.actor().named().1.to_owned()),
            granted_at: act.now,
        },
        statements,
    })
}

/// What takes a role from somebody. The last administrator keeps it, unless `first` names one who is not stored.
pub async fn remove(
    database: &impl Database,
    act: Act<'_>,
    user_id: &str,
    role: &str,
    first: Option<&FirstAdministrator>,
) -> Result<(Vec<Statement>, Problem), Problem> {
    let select = Statement::new("SELECT role FROM user_roles WHERE user_id = ?1 AND role = ?2");
    let found = database.read(vec![select.text(user_id).text(role)]).await?;
    if found.raw(0).is_empty() {
        return Err(Problem::NotFound("appointment"));
    }
    let entry = Entry {
        user_id: Some(user_id),
        ..Entry::new("role.removed", ("user", user_id))
    };
    let somebody_is_left = Statement::require(
        "?2 <> 'administrator' OR ?3 OR EXISTS (
           SELECT 1 FROM user_roles r JOIN users u ON u.id = r.user_id
           WHERE r.role = 'administrator' AND r.user_id <> ?1 AND u.status = 'active')",
    );
    let statements = vec![
        somebody_is_left
            .text(user_id)
            .text(role)
            .number(u8::from(first.is_some())),
        Statement::new("DELETE FROM user_roles WHERE user_id = ?1 AND role = ?2")
            .text(user_id)
            .text(role),
        act.note(&entry.with(serde_json::json!({ "role": role }))),
    ];
    let refused =
        Problem::Conflict("this is the last administrator: appoint another first, or set FIRST_ADMINISTRATOR");
    Ok((statements, refused))
}
