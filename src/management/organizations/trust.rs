//! What stands behind an assertion of an identity provider: whose organization trusts it, what that organization allows
//! the app that presents it, and which user it names. And the consent that the organization gives in their place.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::json;
use crate::ledger::shard::Shard;
use crate::management::actor::Origin;
use crate::oauth::client::{App, sqlite_bool};
use crate::oauth::id_jag::{IdJag, IdJagError, Named};
use crate::oauth::scope::Scopes;
use crate::random::{self, Random};
use crate::store::StoreError;
use crate::store::database::{Database, Statement};
use crate::time::Timestamp;

/// A trusted issuer, with what its organization knows of the app and the person of one assertion.
#[derive(Debug, Clone)]
pub struct Trust {
    /// `tri_…`
    pub issuer_id: String,
    /// Where its keys are; `None`: as its metadata say.
    pub jwks_uri: Option<String>,
    organization_id: String,
    shard: Shard,
    joins: bool,
    /// The version of the decision, and what it allows.
    allowed: Option<(u32, Scopes)>,
    linked_user_id: Option<String>,
    signs_in_as: Option<String>,
    is_active_user: bool,
    is_member: bool,
    consent: Option<(String, Shard)>,
    consented: Scopes,
}

/// The form in which the directory tells it.
#[derive(Deserialize)]
struct Row {
    issuer_id: String,
    jwks_uri: Option<String>,
    organization_id: String,
    shard: Shard,
    /// Whether people nobody knows yet become members.
    #[serde(deserialize_with = "sqlite_bool")]
    joins: bool,
    decision: Option<String>,
    decision_version: Option<u32>,
    allowed: Option<String>,
    /// Whom the issuer was linked to under this subject.
    linked_user_id: Option<String>,
    /// Who signs in by this issuer under this subject.
    signs_in_as: Option<String>,
    #[serde(deserialize_with = "sqlite_bool")]
    is_active_user: bool,
    #[serde(deserialize_with = "sqlite_bool")]
    is_member: bool,
    consent_id: Option<String>,
    consent_shard: Option<Shard>,
    consented: String,
}

impl TryFrom<Row> for Trust {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let scopes = |text: &str| -> Result<Scopes, StoreError> {
            json::from_str(text).map_err(|error| StoreError {
                part: "d1",
                detail: error.to_string(),
            })
        };
        let is_allowed = row.decision.as_deref() == Some("allowed");
        Ok(Self {
            issuer_id: row.issuer_id,
            jwks_uri: row.jwks_uri,
            organization_id: row.organization_id,
            shard: row.shard,
            joins: row.joins,
            allowed: match (row.decision_version, row.allowed) {
                (Some(version), Some(allowed)) if is_allowed => Some((version, scopes(&allowed)?)),
                _ => None,
            },
            linked_user_id: row.linked_user_id,
            signs_in_as: row.signs_in_as,
            is_active_user: row.is_active_user,
            is_member: row.is_member,
            consent: row.consent_id.zip(row.consent_shard),
            consented: scopes(&row.consented)?,
        })
    }
}

/// The consent an organization gave for one of its people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vouched {
    /// Whom the token will speak for.
    pub user_id: String,
    /// The consent.
    pub consent_id: String,
    /// Where its token families are kept, and its assertions used.
    pub shard: Shard,
}

/// Who asks, and when.
#[derive(Clone, Copy)]
pub struct Asking<'a> {
    /// The app.
    pub app: &'a App,
    /// From where.
    pub origin: &'a Origin,
    /// Where identifiers come from.
    pub random: &'a dyn Random,
    /// When.
    pub now: Timestamp,
}

/// ?1 issuer, ?2 tenant, ?3 app, ?4 subject.
const FIND: &str = "
    SELECT i.id AS issuer_id, i.jwks_uri, i.organization_id, i.shard, i.unknown_people = 'join' AS joins,
           d.decision, d.version AS decision_version, d.scopes AS allowed,
           p.user_id AS linked_user_id, s.user_id AS signs_in_as,
           COALESCE(u.status = 'active' AND u.erased_at IS NULL, 0) AS is_active_user, m.user_id IS NOT NULL AS is_member,
           c.id AS consent_id, c.shard AS consent_shard,
           (SELECT json_group_array(scope) FROM consent_scopes WHERE consent_id = c.id) AS consented
    FROM trusted_issuers i
    JOIN organizations o ON o.id = i.organization_id
    LEFT JOIN organization_apps d ON d.organization_id = o.id AND d.client_id = ?3
    LEFT JOIN vouched_people p ON p.issuer_id = i.id AND p.subject = ?4
    LEFT JOIN user_identities s ON s.issuer = ?1 AND s.subject = ?4 AND ?2 = ''
      AND EXISTS (SELECT 1 FROM connections n WHERE n.id = s.connection_id AND n.kind = 'oidc')
    LEFT JOIN users u ON u.id = COALESCE(p.user_id, s.user_id)
    LEFT JOIN organization_members m ON m.organization_id = o.id AND m.user_id = u.id
    LEFT JOIN consents c ON c.user_id = u.id AND c.client_id = ?3 AND c.instance = i.id AND c.status = 'active'
    WHERE i.issuer = ?1 AND i.tenant = ?2 AND i.status = 'active' AND o.status = 'active'";

/// What there is behind an assertion; `None`: nobody trusts its issuer. Nothing of it is told to anybody before the
/// signature was checked.
pub async fn find(database: &impl Database, named: Named<'_>, client_id: &str) -> Result<Option<Trust>, StoreError> {
    let statement = Statement::new(FIND)
        .text(named.issuer)
        .text(named.tenant)
        .text(client_id)
        .text(named.subject);
    let found = database.read(vec![statement]).await?;
    found.first::<Row>(0)?.map(Trust::try_from).transpose()
}

impl Trust {
    /// What the organization allows the app.
    pub fn allowed(&self) -> Result<&Scopes, IdJagError> {
        let allowed = self.allowed.as_ref().map(|(_, scopes)| scopes);
        allowed.ok_or(IdJagError::NotAllowed)
    }

    /// The consent for a token with these scopes, and what has to be written first: nothing, once somebody had all of them.
    /// The transaction asks everything again.
    pub fn vouch(
        &self,
        jag: &IdJag,
        scopes: &Scopes,
        asking: Asking<'_>,
    ) -> Result<(Vouched, Vec<Statement>), IdJagError> {
        let (user_id, is_new) = self.person(asking.random)?;
        let (consent_id, shard) = match &self.consent {
            Some(consent) => consent.clone(),
            None => (random::identifier(asking.random, "cns_"), self.shard),
        };
        let vouched = Vouched {
            user_id,
            consent_id,
            shard,
        };
        let knows_them = self.linked_user_id.is_some();
        if knows_them && self.consent.is_some() && scopes.is_subset(&self.consented) {
            return Ok((vouched, Vec::new()));
        }
        let mut statements = vec![self.still_allows(asking.app)];
        if !knows_them {
            statements.extend(self.welcome(jag, &vouched.user_id, is_new, asking));
        }
        statements.push(self.still_belongs(&vouched.user_id));
        statements.extend(self.consent(&vouched, scopes, asking));
        Ok((vouched, statements))
    }

    /// Which user is named, and whether they must be made first.
    fn person(&self, random: &dyn Random) -> Result<(String, bool), IdJagError> {
        match (&self.linked_user_id, &self.signs_in_as) {
            (Some(id), _) if self.is_active_user && self.is_member => Ok((id.clone(), false)),
            (Some(_), _) => Err(IdJagError::PersonOut),
            (None, _) if !self.joins => Err(IdJagError::UnknownPerson),
            (None, Some(id)) if self.is_active_user => Ok((id.clone(), false)),
            (None, Some(_)) => Err(IdJagError::PersonOut),
            (None, None) => Ok((random::identifier(random, "usr_"), true)),
        }
    }

    fn still_allows(&self, app: &App) -> Statement {
        let statement = Statement::require(
            "EXISTS (SELECT 1 FROM trusted_issuers i
                     JOIN organizations o ON o.id = i.organization_id
                     JOIN organization_apps d ON d.organization_id = o.id
                     JOIN apps a ON a.client_id = d.client_id
                     WHERE i.id = ?1 AND i.status = 'active' AND o.status = 'active' AND d.client_id = ?2
                       AND d.decision = 'allowed' AND d.version = ?3 AND a.status = 'approved' AND a.epoch = ?4)",
        );
        statement
            .text(&self.issuer_id)
            .text(&app.client_id)
            .number(self.allowed.as_ref().map_or(0, |(version, _)| *version))
            .number(app.epoch)
    }

    fn still_belongs(&self, user_id: &str) -> Statement {
        let statement = Statement::require(
            "EXISTS (SELECT 1 FROM users u JOIN organization_members m ON m.user_id = u.id
                     WHERE u.id = ?1 AND u.status = 'active' AND u.erased_at IS NULL AND m.organization_id = ?2)",
        );
        statement.text(user_id).text(&self.organization_id)
    }

    /// Makes somebody whom nobody knew a member. Where people also sign in by the issuer, they will be the same user.
    fn welcome(&self, jag: &IdJag, user_id: &str, is_new: bool, asking: Asking<'_>) -> Vec<Statement> {
        let (person, now) = (&jag.person, asking.now);
        let mut statements = Vec::new();
        if is_new {
            let profile = person.profile();
            statements.extend([
                Statement::new(
                    "INSERT INTO users (id, username, name, account_name, created_at) VALUES (?1, ?1, ?2, ?3, ?4)",
                )
                .text(user_id)
                .text(profile.first_name())
                .optional_text(profile.account_name.as_deref())
                .time(now),
                Statement::new(
                    "INSERT INTO user_identities (issuer, subject, user_id, connection_id, created_at)
                     SELECT ?1, ?2, ?3, id, ?5 FROM connections
                     WHERE issuer = ?1 AND kind = 'oidc' AND ?4 = '' ORDER BY id LIMIT 1",
                )
                .text(&person.issuer)
                .text(&person.subject)
                .text(user_id)
                .text(&jag.tenant)
                .time(now),
            ]);
        }
        statements.extend([
            Statement::new(
                "INSERT INTO vouched_people (issuer_id, subject, user_id, created_at) VALUES (?1, ?2, ?3, ?4)",
            )
            .text(&self.issuer_id)
            .text(&person.subject)
            .text(user_id)
            .time(now),
            Statement::new(
                "INSERT OR IGNORE INTO organization_members (organization_id, user_id, role, added_at)
                 VALUES (?1, ?2, 'member', ?3)",
            )
            .text(&self.organization_id)
            .text(user_id)
            .time(now),
            self.note(
                "organization.member_joined",
                ("organization", &self.organization_id),
                user_id,
                json!({ "issuer_id": self.issuer_id, "is_new_user": is_new }),
                asking,
            ),
        ]);
        statements
    }

    fn consent(&self, vouched: &Vouched, scopes: &Scopes, asking: Asking<'_>) -> [Statement; 4] {
        let list = serde_json::to_string(scopes).unwrap_or_default();
        let added = scopes.difference(&self.consented);
        [
            Statement::require("NOT EXISTS (SELECT 1 FROM consents WHERE id = ?1 AND status <> 'active')")
                .text(&vouched.consent_id),
            Statement::new(
                "INSERT INTO consents (id, user_id, client_id, shard, status, created_at, instance, organization_id)
                 VALUES (?1, ?2, ?3, ?4, 'active', ?5, ?6, ?7)
                 ON CONFLICT (id) DO NOTHING",
            )
            .text(&vouched.consent_id)
            .text(&vouched.user_id)
            .text(&asking.app.client_id)
            .number(vouched.shard.number())
            .time(asking.now)
            .text(&self.issuer_id)
            .text(&self.organization_id),
            Statement::new(
                "INSERT OR IGNORE INTO consent_scopes (consent_id, scope, granted_at)
                 SELECT ?1, value, ?3 FROM json_each(?2)",
            )
            .text(&vouched.consent_id)
            .text(&list)
            .time(asking.now),
            self.note(
                "consent.granted",
                ("consent", &vouched.consent_id),
                &vouched.user_id,
                json!({
                    "consent_id": vouched.consent_id, "scopes": scopes, "added_scopes": added,
                    "organization_id": self.organization_id, "issuer_id": self.issuer_id,
                }),
                asking,
            ),
        ]
    }

    /// The app is who acts: it presents what its user's organization says.
    fn note(
        &self,
        event: &'static str,
        target: (&'static str, &str),
        user_id: &str,
        detail: Value,
        Asking {
            app,
            origin,
            random,
            now,
        }: Asking<'_>,
    ) -> Statement {
        Statement::new(
            "INSERT INTO audit (id, at, event, actor_type, actor_id, client_id, developer_id, user_id, target_type,
                                target_id, request_id, country, address_hash, detail)
             VALUES (?1, ?2, ?3, 'app', ?4, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )
        .text(&random::identifier(random, "evt_"))
        .time(now)
        .text(event)
        .text(&app.client_id)
        .text(&app.developer.id)
        .text(user_id)
        .text(target.0)
        .text(target.1)
        .text(&origin.request_id)
        .optional_text(origin.country.as_deref())
        .optional_text(origin.address_hash.as_deref())
        .text(&detail.to_string())
    }
}
