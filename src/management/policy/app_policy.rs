//! What administrators decide about one app, beside its client grants: how long its tokens live, how often it may ask, and
//! how strict the server is with it. Its class and its security profile are fixed at its creation.

use serde::{Deserialize, Serialize};

use super::{Act, Change, Entry, Input, Item, Problem, check_version, difference};
use crate::ledger::Lifetimes;
use crate::oauth::client::sqlite_bool;
use crate::oauth::standing::{AppClass, AppStatus};
use crate::store::database::{Database, Statement};

/// The policy of an app.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AppPolicy {
    /// Which app.
    pub client_id: String,
    /// How it came to be registered, for good.
    pub class: AppClass,
    /// `standard` or `fapi_2`, for good.
    pub security_profile: String,
    /// Seconds its access tokens live; `null`: as each API says.
    pub access_token_lifetime: Option<u32>,
    /// Seconds its refresh tokens live from one use to the next; `null`: the usual.
    pub refresh_token_idle_lifetime: Option<u32>,
    /// Seconds its refresh tokens live at most; `null`: the usual.
    pub refresh_token_lifetime: Option<u32>,
    /// Its rate tier; `null`: by its status.
    pub rate_tier: Option<String>,
    /// Whether its authorization requests must be pushed (RFC 9126 §6).
    #[serde(deserialize_with = "sqlite_bool")]
    pub require_pushed_authorization_requests: bool,
    /// Whether its access tokens must be bound to a key (RFC 9449 §5.2).
    #[serde(deserialize_with = "sqlite_bool")]
    pub dpop_bound_access_tokens: bool,
    /// The app's version: rises with every change of the app.
    pub version: u32,
}

/// What else a page about it shows.
#[derive(Debug, Clone, Deserialize)]
pub struct PolicySubject {
    /// The app's name. Hostile until escaped.
    pub name: String,
    /// Whether it may be used.
    pub status: AppStatus,
}

impl AppPolicy {
    /// All of it.
    pub fn item(&self) -> Item {
        Item::of(&self.client_id, self.version, self)
    }

    fn checked(mut input: Input, current: &Self, tiers: &[String]) -> Result<Self, Problem> {
        let lifetime = |input: &mut Input, name: &'static str, own: Option<u32>, range| {
            let sent = input.number(name, range);
            if input.mentions(name) { sent } else { own }
        };
        let access = lifetime(
            &mut input,
            "access_token_lifetime",
            current.access_token_lifetime,
            60..=86_400,
        );
        let idle = lifetime(
            &mut input,
            "refresh_token_idle_lifetime",
            current.refresh_token_idle_lifetime,
            300..=31_536_000,
        );
        let absolute = lifetime(
            &mut input,
            "refresh_token_lifetime",
            current.refresh_token_lifetime,
            300..=31_536_000,
        );
        let usual = Lifetimes::default();
        if idle.unwrap_or(usual.idle) > absolute.unwrap_or(usual.absolute) && (idle.is_some() || absolute.is_some()) {
            input.error(
                "refresh_token_idle_lifetime",
                format!(
                    "must not be longer than refresh_token_lifetime; without a value it is {} seconds",
                    usual.idle
                ),
            );
        }
        let tier = input.line("rate_tier", 32);
        let tier = input.optional_or("rate_tier", tier, current.rate_tier.as_ref());
        if tier.as_ref().is_some_and(|tier| !tiers.contains(tier)) {
            input.error("rate_tier", "names no rate tier");
        }
        let flag = |input: &mut Input, name: &'static str, own: &bool| {
            let sent = input.flag(name);
            input.optional_or(name, sent, Some(own)).unwrap_or(false)
        };
        let pushed = flag(
            &mut input,
            "require_pushed_authorization_requests",
            &current.require_pushed_authorization_requests,
        );
        let bound = flag(
            &mut input,
            "dpop_bound_access_tokens",
            &current.dpop_bound_access_tokens,
        );
        input.finish()?;
        Ok(Self {
            access_token_lifetime: access,
            refresh_token_idle_lifetime: idle,
            refresh_token_lifetime: absolute,
            rate_tier: tier,
            require_pushed_authorization_requests: pushed,
            dpop_bound_access_tokens: bound,
            version: current.version + 1,
            ..current.clone()
        })
    }
}

/// The policy of an app, and the app.
pub async fn find(database: &impl Database, client_id: &str) -> Result<(AppPolicy, PolicySubject), Problem> {
    let policy = Statement::new(
        "SELECT client_id, class, security_profile, access_token_lifetime, refresh_token_idle_lifetime,
                refresh_token_lifetime, rate_tier, require_pushed_authorization_requests, dpop_bound_access_tokens, version
         FROM apps WHERE client_id = ?1 AND deleted_at IS NULL",
    );
    let subject = Statement::new("SELECT name, status FROM apps WHERE client_id = ?1 AND deleted_at IS NULL");
    let found = database
        .read(vec![policy.text(client_id), subject.text(client_id)])
        .await?;
    let policy = found.first(0)?.ok_or(Problem::NotFound("app"))?;
    let subject = found.first(1)?.ok_or(Problem::NotFound("app"))?;
    Ok((policy, subject))
}

/// The policy of an app, changed as far as the input says.
pub async fn edit(
    database: &impl Database,
    act: Act<'_>,
    client_id: &str,
    expected: Option<u32>,
    input: Input,
) -> Result<Change, Problem> {
    let (current, _) = find(database, client_id).await?;
    check_version(current.version, expected)?;
    let tiers = super::rate_tiers::all(database).await?;
    let tiers: Vec<String> = tiers.into_iter().map(|tier| tier.name).collect();
    let policy = AppPolicy::checked(input, &current, &tiers)?;
    let update = Statement::new(
        "UPDATE apps
         SET access_token_lifetime = ?2, refresh_token_idle_lifetime = ?3, refresh_token_lifetime = ?4, rate_tier = ?5,
             require_pushed_authorization_requests = ?6, dpop_bound_access_tokens = ?7, version = version + 1
         WHERE client_id = ?1",
    );
    let entry = Entry::of_app("app.policy_changed", client_id);
    let tier_is_there = Statement::require("?1 IS NULL OR EXISTS (SELECT 1 FROM rate_tiers WHERE name = ?1)");
    let statements = vec![
        Statement::require("EXISTS (SELECT 1 FROM apps WHERE client_id = ?1 AND version = ?2 AND deleted_at IS NULL)")
            .text(client_id)
            .number(current.version),
        tier_is_there.optional_text(policy.rate_tier.as_deref()),
        update
            .text(client_id)
            .optional_number(policy.access_token_lifetime)
            .optional_number(policy.refresh_token_idle_lifetime)
            .optional_number(policy.refresh_token_lifetime)
            .optional_text(policy.rate_tier.as_deref())
            .number(u8::from(policy.require_pushed_authorization_requests))
            .number(u8::from(policy.dpop_bound_access_tokens)),
        act.note(&entry.with(difference(&current.item(), &policy.item()))),
    ];
    Ok(Change {
        item: policy.item(),
        statements,
        refused: Problem::Changed,
    })
}
