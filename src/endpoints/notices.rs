//! Sending notices: what is due is claimed, sent, and what came of it written back.

use std::time::Duration;

use futures_util::future::join_all;

use crate::context::Context;
use crate::crypto::seal::is_under_current_key;
use crate::management::notices::delivery::{Attempt, NotSent, Outcome, judge};
use crate::management::notices::outbox::{self, Claimed, Done, Format};
use crate::management::notices::{EndpointUrl, SigningSecrets, mail};
use crate::random;
use crate::store::database::{Statement, Undone};
use crate::store::{StoreError, Stores};
use crate::time::Timestamp;
use crate::web::{Message, Notified};

/// For how long a run goes on claiming; the platform lets work go on for half a minute after an answer.
const RUN: Duration = Duration::from_secs(20);
/// How often it claims at most, so that it stays within what the platform lets a request ask of storage.
const CLAIMS: usize = 6;

/// Sends what is due, to each endpoint until it fails once. Two runs at a time send nothing twice.
pub async fn deliver<S: Stores>(context: &Context<'_, S>) -> Result<(), StoreError> {
    let mut now = context.now;
    let mut failed: Vec<String> = Vec::new();
    let mut cleared = false;
    for _ in 0..CLAIMS {
        let claim = random::identifier(context.random, "run_");
        let left_out = serde_json::to_string(&failed).unwrap_or_default();
        let mut statements = outbox::claim(&claim, &left_out, now);
        if !std::mem::replace(&mut cleared, true) {
            statements.push(outbox::end_for_disabled(now));
        }
        let found = context.stores.transact(statements).await.map_err(store_error)?;
        let claimed = outbox::claimed(&found)?;
        if claimed.is_empty() {
            break;
        }
        let attempts = join_all(claimed.iter().map(|claimed| attempt(context, claimed, now))).await;
        for done in &attempts {
            now = now.max(done.at);
            if done.outcome.error().is_some() {
                failed.push(done.of.endpoint_id.clone());
            }
        }
        let mut statements = outbox::write_back(&claim, &attempts, context.random);
        statements.extend(claimed.iter().filter_map(|claimed| sealed_anew(context, claimed)));
        context.stores.transact(statements).await.map_err(store_error)?;
        if now - context.now >= RUN {
            break;
        }
    }
    Ok(())
}

/// Deletes what finished long ago.
pub async fn delete_old<S: Stores>(context: &Context<'_, S>) -> Result<(), StoreError> {
    let deleted = context.stores.transact(vec![outbox::delete_old(context.now)]).await;
    deleted.map(|_| ()).map_err(store_error)
}

async fn attempt<'a, S: Stores>(context: &Context<'_, S>, claimed: &'a Claimed, now: Timestamp) -> Done<'a> {
    let (outcome, at, took) = match sent(context, claimed, now).await {
        Ok(Notified { answer, at, took }) => {
            let outcome = match answer {
                Ok((status, retry_after)) => Outcome::Answered { status, retry_after },
                Err(error) => Outcome::Silent(error),
            };
            (outcome, at, took)
        }
        Err(reason) => (Outcome::NotSent(reason), now, Duration::ZERO),
    };
    let attempt = Attempt {
        number: claimed.attempts.saturating_add(1),
        event: &claimed.entry.event,
        failing_since: claimed.failing_since,
        at,
    };
    let (fate, health) = judge(attempt, outcome, context.random);
    Done {
        of: claimed,
        at,
        took,
        outcome,
        fate,
        health,
    }
}

async fn sent<S: Stores>(context: &Context<'_, S>, claimed: &Claimed, now: Timestamp) -> Result<Notified, NotSent> {
    let issuer = &context.config.issuer;
    let address = EndpointUrl::parse(&claimed.url, issuer).map_err(|_| NotSent::AddressRefused)?;
    let body = match claimed.format {
        Format::Standard => claimed.entry.body(),
        Format::Mail => mail::body(&claimed.entry, claimed.readership.clone(), &console(context, claimed))
            .ok_or(NotSent::NobodyToWriteTo)?,
    };
    let id = &claimed.entry.event_id;
    let secrets = SigningSecrets::open(&context.config.sealing_keys, &claimed.sealed_secret);
    let signatures = secrets.and_then(|secrets| secrets.signatures(id, now, &body));
    let message = Message {
        address: address.address(),
        headers: vec![
            ("webhook-id", id.clone()),
            ("webhook-timestamp", now.as_seconds().to_string()),
            ("webhook-signature", signatures.ok_or(NotSent::NoSecret)?),
        ],
        body: &body,
    };
    Ok(context.stores.notify(&message).await)
}

/// Takes a secret over to the key that seals today, so that older keys can be given up.
fn sealed_anew<S>(context: &Context<'_, S>, claimed: &Claimed) -> Option<Statement> {
    let keys = &context.config.sealing_keys;
    if is_under_current_key(keys, &claimed.sealed_secret) {
        return None;
    }
    let sealed = SigningSecrets::open(keys, &claimed.sealed_secret)?.seal(keys, context.random)?;
    Some(outbox::seal_anew(claimed, &sealed))
}

/// Where the readers of a mail go on.
fn console<S>(context: &Context<'_, S>, claimed: &Claimed) -> String {
    let to_reviewers = claimed.entry.event == "app.submitted";
    context
        .config
        .issuer
        .url(if to_reviewers { "/admin" } else { "/developers" })
}

/// Nothing in these transactions can be refused but by a fault of ours.
fn store_error(undone: Undone) -> StoreError {
    match undone {
        Undone::Store(error) => error,
        Undone::Refused => StoreError {
            part: "d1",
            detail: "the outbox was refused".into(),
        },
    }
}
