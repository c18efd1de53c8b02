//! The pages about webhooks and notices.

use super::{Path, check_version, next_link, replay, rotate_secret, send_test};
use crate::context::Context;
use crate::endpoints::management::{api, pages};
use crate::http::{Reply, Request};
use crate::management::actor::Actor;
use crate::management::cursor::PageRequest;
use crate::management::input::Input;
use crate::management::notices::webhooks::{self, Owner, Settings, Webhook};
use crate::management::notices::{SigningSecret, log};
use crate::management::problem::Problem;
use crate::pages::management::{FormState, NoticesPage, Place, WebhookPage, WebhooksPage};
use crate::pages::render;
use crate::router::management::notices::Whose;
use crate::store::Stores;

/// How many deliveries are on a page.
const ON_A_PAGE: u32 = 20;

impl Path<'_> {
    fn place(self) -> Place {
        match self.whose {
            Whose::Developer => Place::Developers,
            Whose::Operator => Place::Notices,
        }
    }

    /// Where the webhooks are listed.
    fn base(self) -> String {
        match self.whose {
            Whose::Developer => format!("/developers/accounts/{}/webhooks", self.developer_id),
            Whose::Operator => "/admin/webhooks".into(),
        }
    }
}

/// The name of the account whose page it is, for those who belong to it.
fn account<'a>(actor: &'a Actor, owner: Owner<'_>) -> Option<&'a str> {
    let memberships = actor.memberships().iter();
    let mut own = memberships.filter(|membership| Some(membership.developer_id.as_str()) == owner.developer_id());
    own.next().map(|membership| membership.name.as_str())
}

pub async fn list_page<S: Stores>(context: &Context<'_, S>, request: &Request, path: Path<'_>) -> Reply {
    let actor = match pages::visitor(context, request).await {
        Ok(actor) => actor,
        Err(reply) => return reply,
    };
    let form = FormState::default().with("events", "*").with("format", "standard");
    let shown = listed(context, &actor, path, 200, &form).await;
    pages::reply(context, request, shown)
}

async fn listed<S: Stores>(
    context: &Context<'_, S>,
    actor: &Actor,
    path: Path<'_>,
    status: u16,
    form: &FormState,
) -> Result<Reply, Problem> {
    let owner = path.owner(actor)?;
    let webhooks = webhooks::list(context.stores, owner).await?;
    let page = WebhooksPage {
        frame: pages::frame(context, actor, path.place()),
        account: account(actor, owner),
        developer_id: owner.developer_id(),
        base: &path.base(),
        webhooks: &webhooks,
        form,
    };
    Ok(render(status, &page))
}

pub async fn create<S: Stores>(context: &Context<'_, S>, request: &Request, path: Path<'_>) -> Reply {
    let actor = match pages::visitor(context, request).await {
        Ok(actor) => actor,
        Err(reply) => return reply,
    };
    let form = match pages::form(context, request, &actor) {
        Ok(form) => form,
        Err(reply) => return reply,
    };
    let done = match created(context, &actor, path, form.input).await {
        Err(problem @ Problem::Invalid(_)) => listed(context, &actor, path, 400, &form.state.refused(&problem)).await,
        done => done,
    };
    pages::reply(context, request, done)
}

/// The page with the secret answers the form itself: it is shown once, and is nowhere to be fetched again.
async fn created<S: Stores>(
    context: &Context<'_, S>,
    actor: &Actor,
    path: Path<'_>,
    input: Input,
) -> Result<Reply, Problem> {
    let owner = path.owner(actor)?;
    let settings = Settings::parse(input, owner, &context.config.issuer)?;
    let created = webhooks::create(owner, settings, context.config, context.random, context.now);
    let (webhook, secret, statements) = created.ok_or(Problem::Unavailable)?;
    let done = context.stores.transact(statements).await;
    done.map_err(|undone| undone.or(webhooks::TOO_MANY))?;
    let shown = Shown {
        secret: Some(&secret),
        ..Shown::default()
    };
    show(context, actor, path, &webhook, shown).await
}

pub async fn webhook_page<S: Stores>(context: &Context<'_, S>, request: &Request, path: Path<'_>) -> Reply {
    let actor = match pages::visitor(context, request).await {
        Ok(actor) => actor,
        Err(reply) => return reply,
    };
    let done = async {
        let owner = path.owner(&actor)?;
        let webhook = webhooks::find(context.stores, owner, path.webhook_id).await?;
        let shown = Shown {
            deliveries: page_of(request)?,
            ..Shown::default()
        };
        show(context, &actor, path, &webhook, shown).await
    };
    pages::reply(context, request, done.await)
}

fn page_of(request: &Request) -> Result<Option<PageRequest>, Problem> {
    let page = PageRequest::of(&api::query(request)?)?;
    Ok(Some(PageRequest {
        size: ON_A_PAGE,
        ..page
    }))
}

/// What is special about a webhook's page this time.
#[derive(Default)]
struct Shown<'a> {
    secret: Option<&'a SigningSecret>,
    form: Option<FormState>,
    deliveries: Option<PageRequest>,
}

async fn show<S: Stores>(
    context: &Context<'_, S>,
    actor: &Actor,
    path: Path<'_>,
    webhook: &Webhook,
    shown: Shown<'_>,
) -> Result<Reply, Problem> {
    let owner = path.owner(actor)?;
    let asked = shown.deliveries.unwrap_or(PageRequest {
        after: None,
        size: ON_A_PAGE,
    });
    let deliveries = log::deliveries(context.stores, webhook, &asked).await?;
    let status = if shown.form.is_some() { 400 } else { 200 };
    let form = shown.form.unwrap_or_else(|| {
        let form = FormState::default()
            .with("url", &webhook.url)
            .with("status", webhook.status());
        let events = webhook.events.names().into_iter();
        events.fold(form, |form, name| form.with("events", name))
    });
    let base = path.base();
    let here = format!("{base}/{}", webhook.id);
    let secret = shown.secret.map(SigningSecret::reveal);
    let page = WebhookPage {
        frame: pages::frame(context, actor, path.place()),
        account: account(actor, owner),
        base: &base,
        here: &here,
        webhook,
        secret: secret.as_ref().map(|secret| secret.as_str()),
        form: &form,
        older: next_link(&here, deliveries.next.as_ref()),
        deliveries: &deliveries.items,
    };
    Ok(render(status, &page))
}

pub async fn change<S: Stores>(context: &Context<'_, S>, request: &Request, path: Path<'_>) -> Reply {
    let actor = match pages::visitor(context, request).await {
        Ok(actor) => actor,
        Err(reply) => return reply,
    };
    let form = match pages::form(context, request, &actor) {
        Ok(form) => form,
        Err(reply) => return reply,
    };
    let done = async {
        let owner = path.owner(&actor)?;
        let webhook = webhooks::find(context.stores, owner, path.webhook_id).await?;
        match changed(
            context,
            &actor,
            owner,
            path,
            &webhook,
            form.input,
            form.action.as_deref(),
            form.version,
        )
        .await
        {
            Err(problem @ Problem::Invalid(_)) => {
                let shown = Shown {
                    form: Some(form.state.refused(&problem)),
                    ..Shown::default()
                };
                show(context, &actor, path, &webhook, shown).await
            }
            done => done,
        }
    };
    pages::reply(context, request, done.await)
}

#[expect(clippy::too_many_arguments, reason = "the parts of one form")]
async fn changed<S: Stores>(
    context: &Context<'_, S>,
    actor: &Actor,
    owner: Owner<'_>,
    path: Path<'_>,
    webhook: &Webhook,
    mut input: Input,
    action: Option<&str>,
    version: Option<u32>,
) -> Result<Reply, Problem> {
    let here = format!("{}/{}", path.base(), webhook.id);
    let done = |target: &str| Ok(Reply::see_other(target));
    match action {
        Some("test") => {
            send_test(context, owner, webhook).await?;
            return done(&format!("{here}#deliveries"));
        }
        Some("replay") => {
            let delivery = input.line("delivery", 64);
            let delivery = input.required("delivery", delivery);
            input.finish()?;
            replay(context, owner, webhook, &delivery).await?;
            return done(&format!("{here}#deliveries"));
        }
        _ => check_version(webhook, version)?,
    }
    match action {
        Some("rotate") => {
            let (rotated, secret) = rotate_secret(context, owner, webhook).await?;
            let shown = Shown {
                secret: Some(&secret),
                ..Shown::default()
            };
            show(context, actor, path, &rotated, shown).await
        }
        Some("delete") => {
            let statements = webhooks::delete(owner, webhook, context.random, context.now);
            context.stores.transact(statements).await?;
            done(&path.base())
        }
        _ => {
            let settings = Settings::change(input, webhook, &context.config.issuer)?;
            let (_, statements) = webhooks::change(owner, webhook, settings, context.random, context.now);
            context.stores.transact(statements).await?;
            done(&here)
        }
    }
}

pub async fn trail_page<S: Stores>(context: &Context<'_, S>, request: &Request, path: Path<'_>) -> Reply {
    let actor = match pages::visitor(context, request).await {
        Ok(actor) => actor,
        Err(reply) => return reply,
    };
    let done = async {
        let member = actor.member(path.developer_id)?;
        let asked = PageRequest::of(&api::query(request)?)?;
        let told = log::notices(context.stores, member, &asked).await?;
        let page = NoticesPage {
            frame: pages::frame(context, &actor, path.place()),
            account: account(&actor, member.into()),
            developer_id: member.developer_id(),
            notices: &told.items,
            older: next_link(&request.path, told.next.as_ref()),
        };
        Ok(render(200, &page))
    };
    pages::reply(context, request, done.await)
}
