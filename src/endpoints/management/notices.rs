//! Webhooks and notices: `…/webhooks…` of a developer account and of the operator, `…/notices`.

mod forms;

use std::borrow::Cow;

use serde_json::{Value, json};

use super::idempotency::{self, Creation};
use super::{api, caller};
use crate::context::Context;
use crate::http::{Reply, Request};
use crate::management::actor::Actor;
use crate::management::cursor::{Cursor, Page, PageRequest};
use crate::management::notices::webhooks::{self, Owner, Settings, Webhook};
use crate::management::notices::{SigningSecret, log};
use crate::management::problem::Problem;
use crate::router::management::Managed;
use crate::router::management::notices::{Notices, Whose};
use crate::store::Stores;

/// Answers a request about webhooks or notices.
pub async fn answer<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    managed: Managed<'_>,
    whose: Whose,
    route: Notices,
) -> Reply {
    let ids = [managed.id(0), managed.id(1), managed.id(2)];
    let path = Path::of(&ids, whose);
    match route {
        Notices::ListPage => forms::list_page(context, request, path).await,
        Notices::CreateForm => forms::create(context, request, path).await,
        Notices::WebhookPage => forms::webhook_page(context, request, path).await,
        Notices::WebhookForm => forms::change(context, request, path).await,
        Notices::TrailPage => forms::trail_page(context, request, path).await,
        _ => api::reply(context, by_api(context, request, path, route).await),
    }
}

/// What the path holds.
#[derive(Debug, Clone, Copy)]
struct Path<'a> {
    whose: Whose,
    developer_id: &'a str,
    webhook_id: &'a str,
    delivery_id: &'a str,
}

impl<'a> Path<'a> {
    fn of([first, second, third]: &'a [Cow<'a, str>; 3], whose: Whose) -> Self {
        let (developer_id, webhook_id, delivery_id) = match whose {
            Whose::Developer => (first, second, third),
            Whose::Operator => (first, first, second),
        };
        Self {
            whose,
            developer_id,
            webhook_id,
            delivery_id,
        }
    }

    fn owner(self, actor: &Actor) -> Result<Owner<'_>, Problem> {
        Ok(match self.whose {
            Whose::Developer => actor.member(self.developer_id)?.into(),
            Whose::Operator => actor.administrator()?.into(),
        })
    }
}

async fn by_api<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    path: Path<'_>,
    route: Notices,
) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    let owner = path.owner(&actor)?;
    match route {
        Notices::List => return list(context, owner).await,
        Notices::Create => return create(context, request, &actor, owner).await,
        Notices::Trail => return trail(context, request, &actor, path).await,
        _ => {}
    }
    let webhook = webhooks::find(context.stores, owner, path.webhook_id).await?;
    match route {
        Notices::Change => change(context, request, owner, &webhook).await,
        Notices::Delete => delete(context, request, owner, &webhook).await,
        Notices::RotateSecret => rotate(context, request, owner, &webhook).await,
        Notices::Test => {
            let id = send_test(context, owner, &webhook).await?;
            Ok(accepted(&id))
        }
        Notices::Deliveries => {
            let page = PageRequest::of(&api::query(request)?)?;
            let page = log::deliveries(context.stores, &webhook, &page).await?;
            Ok(api::list(&page, log::Delivery::view))
        }
        Notices::Delivery => {
            let delivery = log::delivery(context.stores, &webhook, path.delivery_id).await?;
            Ok(Reply::json(200, &delivery.view_with_payload()))
        }
        Notices::Replay => {
            let id = replay(context, owner, &webhook, path.delivery_id).await?;
            Ok(accepted(&id))
        }
        _ => Ok(api::versioned(200, &webhook.view(), webhook.version)),
    }
}

/// It is on its way; the log says what becomes of it.
fn accepted(delivery_id: &str) -> Reply {
    Reply::json(202, &json!({ "delivery_id": delivery_id }))
}

async fn list<S: Stores>(context: &Context<'_, S>, owner: Owner<'_>) -> Result<Reply, Problem> {
    let items = webhooks::list(context.stores, owner).await?;
    // No more than fit on a page.
    let page = Page { items, next: None };
    Ok(api::list(&page, Webhook::view))
}

async fn trail<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    actor: &Actor,
    path: Path<'_>,
) -> Result<Reply, Problem> {
    let page = PageRequest::of(&api::query(request)?)?;
    let page = log::notices(context.stores, actor.member(path.developer_id)?, &page).await?;
    Ok(api::list(&page, log::Told::view))
}

async fn create<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    actor: &Actor,
    owner: Owner<'_>,
) -> Result<Reply, Problem> {
    if let Some(reply) = idempotency::replay(context, request, actor).await? {
        return Ok(reply);
    }
    let settings = Settings::parse(api::input(request)?, owner, &context.config.issuer)?;
    let created = webhooks::create(owner, settings, context.config, context.random, context.now);
    let (webhook, secret, statements) = created.ok_or(Problem::Unavailable)?;
    let creation = Creation {
        statements,
        reply: api::versioned(201, &with_secret(&webhook, &secret), webhook.version)
            .header("Location", format!("{}/{}", request.path, webhook.id)),
        refused: webhooks::TOO_MANY,
    };
    idempotency::create(context, request, actor, creation).await
}

/// The secret is shown this once.
fn with_secret(webhook: &Webhook, secret: &SigningSecret) -> Value {
    let mut view = webhook.view();
    if let Some(members) = view.as_object_mut() {
        members.insert("secret".into(), secret.reveal().as_str().into());
    }
    view
}

/// What was sent must be about the webhook as it is.
fn check_version(webhook: &Webhook, expected: Option<u32>) -> Result<(), Problem> {
    match expected {
        Some(version) if version != webhook.version => Err(Problem::Changed),
        _ => Ok(()),
    }
}

async fn change<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    owner: Owner<'_>,
    webhook: &Webhook,
) -> Result<Reply, Problem> {
    check_version(webhook, api::expected_version(request)?)?;
    let settings = Settings::change(api::input(request)?, webhook, &context.config.issuer)?;
    let (changed, statements) = webhooks::change(owner, webhook, settings, context.random, context.now);
    context.stores.transact(statements).await?;
    Ok(api::versioned(200, &changed.view(), changed.version))
}

async fn delete<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    owner: Owner<'_>,
    webhook: &Webhook,
) -> Result<Reply, Problem> {
    check_version(webhook, api::expected_version(request)?)?;
    let statements = webhooks::delete(owner, webhook, context.random, context.now);
    context.stores.transact(statements).await?;
    Ok(Reply::new(204, String::new()))
}

async fn rotate<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    owner: Owner<'_>,
    webhook: &Webhook,
) -> Result<Reply, Problem> {
    check_version(webhook, api::expected_version(request)?)?;
    let (rotated, secret) = rotate_secret(context, owner, webhook).await?;
    Ok(api::versioned(200, &with_secret(&rotated, &secret), rotated.version))
}

async fn rotate_secret<S: Stores>(
    context: &Context<'_, S>,
    owner: Owner<'_>,
    webhook: &Webhook,
) -> Result<(Webhook, SigningSecret), Problem> {
    let rotated = webhooks::rotate(owner, webhook, context.config, context.random, context.now);
    let (rotated, secret, statements) = rotated.ok_or(Problem::Unavailable)?;
    context.stores.transact(statements).await?;
    Ok((rotated, secret))
}

async fn send_test<S: Stores>(
    context: &Context<'_, S>,
    owner: Owner<'_>,
    webhook: &Webhook,
) -> Result<String, Problem> {
    if !webhook.is_active {
        return Err(webhooks::SWITCHED_OFF);
    }
    let (id, statements) = webhooks::test(owner, webhook, context.random, context.now);
    let done = context.stores.transact(statements).await;
    done.map_err(|undone| undone.or(webhooks::TOO_OFTEN))?;
    Ok(id)
}

async fn replay<S: Stores>(
    context: &Context<'_, S>,
    owner: Owner<'_>,
    webhook: &Webhook,
    delivery_id: &str,
) -> Result<String, Problem> {
    log::delivery(context.stores, webhook, delivery_id).await?;
    if !webhook.is_active {
        return Err(webhooks::SWITCHED_OFF);
    }
    let (id, statements) = webhooks::replay(owner, webhook, delivery_id, context.random, context.now);
    let done = context.stores.transact(statements).await;
    done.map_err(|undone| undone.or(webhooks::TOO_OFTEN))?;
    Ok(id)
}

/// Where a list goes on, as a link.
fn next_link(path: &str, next: Option<&Cursor>) -> Option<String> {
    next.map(|cursor| format!("{path}?cursor={}", cursor.encode()))
}
