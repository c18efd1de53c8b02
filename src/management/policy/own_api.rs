//! The management API itself, as an API of the catalogue: its tokens are made and judged like any other's. It is offered
//! to no developer, and no default grant applies to it: an administrator grants it to apps the operator made, one by one.

use crate::config::Issuer;
use crate::management::actor::scope;
use crate::store::StoreError;
use crate::store::database::{Database, Statement, Undone};
use crate::time::Timestamp;

/// Its id.
pub const ID: &str = "api_latchkey";
/// How the names of its scopes begin.
pub const PREFIX: &str = "latchkey:";

/// Its scopes, with title and description.
const SCOPES: [(&str, &str, &str); 4] = [
    (
        scope::ADMIN,
        "Administer this server",
        "Do everything an administrator may: apps, people, APIs and settings",
    ),
    (
        scope::ADMIN_READ,
        "See this server's administration",
        "See everything an administrator may, and change nothing",
    ),
    (
        scope::APPS,
        "Manage your developer apps",
        "Register, change and delete apps of your developer accounts",
    ),
    (
        scope::APPS_READ,
        "See your developer apps",
        "See the apps of your developer accounts, their usage and errors",
    ),
];

/// Its resource indicator.
pub fn resource(issuer: &Issuer) -> String {
    issuer.url("/api")
}

/// Puts it into the catalogue where it is missing, and lets its resource indicator follow `ISSUER`. Where all is as it
/// must be, nothing is written.
pub async fn ensure(database: &impl Database, issuer: &Issuer, now: Timestamp) -> Result<(), StoreError> {
    let resource = resource(issuer);
    let mut statements = vec![
        Statement::new(
            "INSERT INTO apis (id, resource, name, access_token_lifetime, is_public, created_at)
             SELECT ?1, ?2, 'Latchkey', 600, 0, ?3 WHERE NOT EXISTS (SELECT 1 FROM apis WHERE id = ?1)",
        )
        .text(ID)
        .text(&resource)
        .time(now),
        Statement::new("UPDATE apis SET resource = ?2, version = version + 1 WHERE id = ?1 AND resource <> ?2")
            .text(ID)
            .text(&resource),
    ];
    for (position, (name, title, description)) in (0_u8..).zip(SCOPES) {
        let insert = Statement::new(
            "INSERT INTO scopes (name, api_id, title, description, sensitive, position)
             SELECT ?1, ?2, ?3, ?4, 1, ?5 WHERE NOT EXISTS (SELECT 1 FROM scopes WHERE name = ?1)",
        );
        let insert = insert
            .text(name)
            .text(ID)
            .text(title)
            .text(description)
            .number(position);
        statements.push(insert);
    }
    match database.transact(statements).await {
        Ok(_) => Ok(()),
        // Another API has the address from before this one was known, or two did this at once.
        Err(Undone::Refused) => Err(StoreError {
            part: "d1",
            detail: "the management API cannot be put into the catalogue: another API has its resource indicator"
                .into(),
        }),
        Err(Undone::Store(error)) => Err(error),
    }
}
