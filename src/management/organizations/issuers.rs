//! Trusted issuers: the identity providers that vouch for an organization's people, and whom they mean.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Act, Change, entry, first_or, is_there};
use crate::config::Issuer;
use crate::ledger::shard::Shard;
use crate::management::audit::Entry;
use crate::management::cursor::{Cursor, Page, PageRequest};
use crate::management::input::Input;
use crate::management::policy::{as_rfc3339, check_version};
use crate::management::problem::Problem;
use crate::oauth::id_jag::MAX_TENANT;
use crate::random;
use crate::sign_in::id_token::is_subject;
use crate::sign_in::provider::Provider;
use crate::store::database::{Database, Statement};
use crate::time::Timestamp;
use crate::web::public_address::{BadAddress, PublicAddress};

/// How many an organization may trust.
const MOST: u32 = 20;
const STATUSES: [(&str, &str); 2] = [("active", "active"), ("disabled", "disabled")];
const UNKNOWN_PEOPLE: [(&str, &str); 2] = [("refuse", "refuse"), ("join", "join")];
const UNKNOWN: Problem = Problem::NotFound("trusted issuer");
const TAKEN: Problem = Problem::Conflict(
    "an organization trusts this issuer and tenant already, or this one trusts as many as it may: an issuer and tenant belong to one organization",
);

/// An issuer whose assertions are believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustedIssuer {
    /// `tri_…`
    pub id: String,
    /// Whose people it vouches for.
    pub organization_id: String,
    /// The `iss` of its assertions, letter by letter; for good.
    pub issuer: String,
    /// The `tenant` of its assertions; empty: they must have none. For good.
    pub tenant: String,
    /// Where its keys are; `None`: as its metadata say.
    pub jwks_uri: Option<String>,
    /// `join`: whom it vouches for and nobody knows becomes a member; `refuse`: only those who were linked are served.
    pub unknown_people: String,
    /// `active`, or `disabled`: it is not believed.
    pub status: String,
    /// Since when it is trusted.
    #[serde(serialize_with = "as_rfc3339")]
    pub created_at: Timestamp,
    /// Rises with every change.
    pub version: u32,
}

/// That a subject of an issuer is a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The `sub` of the issuer's assertions.
    pub subject: String,
    /// Whom it names.
    pub user_id: String,
    /// Who linked them; `None`: they came by an assertion.
    pub linked_by: Option<String>,
    /// Since when.
    #[serde(serialize_with = "as_rfc3339")]
    pub created_at: Timestamp,
}

const COLUMNS: &str = "id, organization_id, issuer, tenant, jwks_uri, unknown_people, status, created_at, version";

/// Those an organization trusts, the oldest first.
pub fn select(organization_id: &str) -> Statement {
    Statement::new(format!(
        "SELECT {COLUMNS} FROM trusted_issuers WHERE organization_id = ?1 ORDER BY created_at, id LIMIT 100"
    ))
    .text(organization_id)
}

async fn find(database: &impl Database, organization_id: &str, id: &str) -> Result<TrustedIssuer, Problem> {
    let statement = Statement::new(format!(
        "SELECT {COLUMNS} FROM trusted_issuers WHERE id = ?1 AND organization_id = ?2"
    ));
    let found = database.read(vec![statement.text(id).text(organization_id)]).await?;
    first_or(&found, 0, UNKNOWN)
}

fn keys(input: &mut Input, current: Option<&TrustedIssuer>, own: &Issuer) -> Option<String> {
    let sent = input.line("jwks_uri", 500);
    let uri = input.optional_or("jwks_uri", sent, current.and_then(|issuer| issuer.jwks_uri.as_ref()));
    if let Some(Err(error)) = uri.as_ref().map(|uri| PublicAddress::parse(uri, own)) {
        input.error("jwks_uri", error.to_string());
    }
    uri
}

/// Trusts another issuer.
pub fn create(act: Act<'_>, organization_id: &str, own: &Issuer, mut input: Input) -> Result<Change, Problem> {
    act.operator()?;
    let issuer = input.line("issuer", 500);
    let issuer = input.required("issuer", issuer);
    let plain = issuer.bytes().all(|byte| byte.is_ascii_graphic());
    if !issuer.is_empty() && (!plain || Provider::metadata_address(&issuer, own).is_none()) {
        input.error(
            "issuer",
            "must be an https address without query, letter by letter as its assertions have it",
        );
    }
    if issuer == own.as_str() {
        input.error("issuer", "must be another server than this one");
    } else if let Err(error @ (BadAddress::IpAddress | BadAddress::SpecialUse)) = PublicAddress::parse(&issuer, own) {
        input.error("issuer", error.to_string());
    }
    let tenant = input.line("tenant", MAX_TENANT).unwrap_or_default();
    let jwks_uri = keys(&mut input, None, own);
    let unknown_people = input.choice("unknown_people", &UNKNOWN_PEOPLE).unwrap_or("refuse");
    input.finish()?;
    let made = TrustedIssuer {
        id: random::identifier(act.random, "tri_"),
        organization_id: organization_id.to_owned(),
        issuer,
        tenant,
        jwks_uri,
        unknown_people: unknown_people.to_owned(),
        status: "active".into(),
        created_at: act.now,
        version: 1,
    };
    let statements = vec![
        is_there(organization_id),
        Statement::require("(SELECT count(*) FROM trusted_issuers WHERE organization_id = ?1) < ?2")
            .text(organization_id)
            .number(MOST),
        Statement::new(
            "INSERT INTO trusted_issuers (id, organization_id, issuer, tenant, jwks_uri, unknown_people, shard, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )
        .text(&made.id)
        .text(organization_id)
        .text(&made.issuer)
        .text(&made.tenant)
        .optional_text(made.jwks_uri.as_deref())
        .text(&made.unknown_people)
        // Fixed by the issuer, so that an assertion is used once whichever of its customers it is said to speak for.
        .number(Shard::of_name(&made.issuer).number())
        .time(act.now),
        act.note(&entry("organization.issuer_trusted", organization_id).with(json!({
            "issuer_id": made.id, "issuer": made.issuer, "tenant": made.tenant, "unknown_people": made.unknown_people
        }))),
    ];
    Ok(Change {
        value: json!(made),
        version: 1,
        statements,
        refused: TAKEN,
    })
}

/// Changes where an issuer's keys are, whom it may bring, and whether it is believed. Disabling it ends all that apps have
/// by it, and enabling it brings nothing back.
pub async fn edit(
    database: &impl Database,
    act: Act<'_>,
    (organization_id, id): (&str, &str),
    own: &Issuer,
    expected: Option<u32>,
    mut input: Input,
) -> Result<Change, Problem> {
    act.operator()?;
    let current = find(database, organization_id, id).await?;
    check_version(current.version, expected)?;
    let jwks_uri = keys(&mut input, Some(&current), own);
    let unknown_people = input.choice("unknown_people", &UNKNOWN_PEOPLE).map(str::to_owned);
    let unknown_people = input.required_or("unknown_people", unknown_people, Some(&current.unknown_people));
    let status = input.choice("status", &STATUSES).map(str::to_owned);
    let status = input.required_or("status", status, Some(&current.status));
    input.finish()?;
    let edited = TrustedIssuer {
        jwks_uri,
        unknown_people,
        status,
        version: current.version + 1,
        ..current.clone()
    };
    let statements = vec![
        Statement::require("EXISTS (SELECT 1 FROM trusted_issuers WHERE id = ?1 AND version = ?2)")
            .text(id)
            .number(current.version),
        Statement::new(
            "UPDATE trusted_issuers SET jwks_uri = ?2, unknown_people = ?3, status = ?4, version = version + 1
             WHERE id = ?1",
        )
        .text(id)
        .optional_text(edited.jwks_uri.as_deref())
        .text(&edited.unknown_people)
        .text(&edited.status),
        act.note(&entry("organization.issuer_changed", organization_id).with(json!({
            "issuer_id": id, "status": edited.status, "unknown_people": edited.unknown_people,
            "jwks_uri_changed": edited.jwks_uri != current.jwks_uri
        }))),
    ];
    Ok(Change {
        value: json!(edited),
        version: edited.version,
        statements,
        refused: Problem::Changed,
    })
}

/// Links a subject of an issuer to a user, who is a member of the organization or becomes one.
pub async fn link(
    database: &impl Database,
    act: Act<'_>,
    (organization_id, issuer_id): (&str, &str),
    mut input: Input,
) -> Result<Change, Problem> {
    act.operator()?;
    find(database, organization_id, issuer_id).await?;
    let subject = input.line("subject", 255);
    let subject = input.required("subject", subject);
    if !subject.is_empty() && !is_subject(&subject) {
        input.error("subject", "must be at most 255 letters of ASCII");
    }
    let user_id = input.line("user_id", 200);
    let user_id = input.required("user_id", user_id);
    input.finish()?;
    let made = Link {
        subject,
        user_id,
        linked_by: Some(act.actor.named().1.to_owned()),
        created_at: act.now,
    };
    let note = Entry {
        user_id: Some(&made.user_id),
        ..entry("organization.person_linked", organization_id)
    };
    let statements = vec![
        Statement::require(
            "EXISTS (SELECT 1 FROM users u JOIN organization_members m ON m.user_id = u.id
                     WHERE u.id = ?1 AND m.organization_id = ?2 AND u.erased_at IS NULL)",
        )
        .text(&made.user_id)
        .text(organization_id),
        Statement::new(
            "INSERT INTO vouched_people (issuer_id, subject, user_id, linked_by, created_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        )
        .text(issuer_id)
        .text(&made.subject)
        .text(&made.user_id)
        .optional_text(made.linked_by.as_deref())
        .time(act.now),
        act.note(&note.with(json!({ "issuer_id": issuer_id }))),
    ];
    Ok(Change {
        value: json!(made),
        version: 0,
        statements,
        refused: Problem::Conflict("this subject is linked already, or the user is no member of the organization"),
    })
}

/// A page of whom an issuer's subjects name, the oldest first.
pub async fn people(
    database: &impl Database,
    (organization_id, issuer_id): (&str, &str),
    page: &PageRequest,
) -> Result<Page<Link>, Problem> {
    find(database, organization_id, issuer_id).await?;
    let statement = Statement::new(
        "SELECT subject, user_id, linked_by, created_at FROM vouched_people
         WHERE issuer_id = ?1 AND (created_at, user_id) > (?2, ?3) ORDER BY created_at, user_id LIMIT ?4",
    );
    let after = page.after.as_ref();
    let found = database
        .read(vec![
            statement
                .text(issuer_id)
                .time(Timestamp(after.map_or(-1, |cursor| cursor.order)))
                .text(after.map_or("", |cursor| &cursor.id))
                .number(page.size + 1),
        ])
        .await?;
    Ok(page.page(found.rows(0)?, |link: &Link| Cursor {
        order: link.created_at.0,
        id: link.user_id.clone(),
    }))
}

/// Takes a link away, and all that apps have by it.
pub async fn unlink(
    database: &impl Database,
    act: Act<'_>,
    (organization_id, issuer_id): (&str, &str),
    subject: &str,
) -> Result<Change, Problem> {
    #[derive(Deserialize)]
    struct Row {
        user_id: String,
    }
    act.operator()?;
    find(database, organization_id, issuer_id).await?;
    let select = Statement::new("SELECT user_id FROM vouched_people WHERE issuer_id = ?1 AND subject = ?2");
    let found = database.read(vec![select.text(issuer_id).text(subject)]).await?;
    let row: Row = first_or(&found, 0, Problem::NotFound("linked person"))?;
    let note = Entry {
        user_id: Some(&row.user_id),
        ..entry("organization.person_unlinked", organization_id)
    };
    let statements = vec![
        Statement::new("DELETE FROM vouched_people WHERE issuer_id = ?1 AND subject = ?2")
            .text(issuer_id)
            .text(subject),
        act.note(&note.with(json!({ "issuer_id": issuer_id }))),
    ];
    Ok(Change {
        value: json!(null),
        version: 0,
        statements,
        refused: Problem::NotFound("linked person"),
    })
}
