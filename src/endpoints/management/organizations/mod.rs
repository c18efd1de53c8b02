//! Organizations: `/admin/organizations…`, and the same as JSON. The operator sets them up; their own administrators decide
//! about apps.

mod pages;

use std::borrow::Cow;

use futures_util::future::join;
use serde_json::{Value, json};

use super::idempotency::{self, Creation};
use super::people::ending;
use super::{api, caller};
use crate::context::Context;
use crate::http::{Reply, Request};
use crate::management::actor::Actor;
use crate::management::cursor::PageRequest;
use crate::management::input::Input;
use crate::management::organizations::apps::AppDecision;
use crate::management::organizations::issuers::TrustedIssuer;
use crate::management::organizations::{self, Act, Change, Manager, Organization, apps, issuers, members};
use crate::management::problem::Problem;
use crate::router::management::Managed;
use crate::router::management::organizations::Organizations;
use crate::store::Stores;

/// How often one request goes on with ending what a decision takes away, some thousand people at a time: so that it makes
/// less than a thousand calls, which is what the platform lets a request make.
const MOST_STEPS: u32 = 22;

/// Answers a request about them.
pub async fn answer<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    managed: Managed<'_>,
    route: Organizations,
) -> Reply {
    if !managed.entry.path.starts_with("/api/") {
        return pages::answer(context, request, managed, route).await;
    }
    let done = async {
        let actor = caller::of_api(context, request).await?;
        let call = Call {
            context,
            request,
            managed,
            actor: &actor,
        };
        match route {
            Organizations::List => list(call).await,
            Organizations::Create => create(call).await,
            Organizations::Read => read(call).await,
            Organizations::Members => list_members(call).await,
            Organizations::People => list_people(call).await,
            Organizations::Trust => trust(call).await,
            Organizations::Link => link(call).await,
            Organizations::ReadApp => read_app(call).await,
            route => change(call, route).await,
        }
    };
    api::reply(context, done.await)
}

/// A request about organizations.
struct Call<'a, 'c, S> {
    context: &'a Context<'c, S>,
    request: &'a Request,
    managed: Managed<'a>,
    actor: &'a Actor,
}

impl<S> Clone for Call<'_, '_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for Call<'_, '_, S> {}

impl<'a, S: Stores> Call<'a, '_, S> {
    fn id(self, index: usize) -> Cow<'a, str> {
        self.managed.id(index)
    }

    fn act(self) -> Act<'a> {
        Act {
            actor: self.actor,
            random: self.context.random,
            now: self.context.now,
        }
    }

    async fn manager(self, organization_id: &str) -> Result<Manager<'a>, Problem> {
        Manager::of(self.context.stores, self.actor, organization_id).await
    }
}

/// An organization with its issuers and its decisions.
struct View {
    organization: Organization,
    issuers: Vec<TrustedIssuer>,
    apps: Vec<AppDecision>,
}

async fn view<S: Stores>(context: &Context<'_, S>, id: &str) -> Result<View, Problem> {
    let (organization, found) = join(
        organizations::find(context.stores, id),
        context.stores.read(vec![issuers::select(id), apps::select(id)]),
    )
    .await;
    let (organization, found) = (organization?, found?);
    Ok(View {
        organization,
        issuers: found.rows(0)?,
        apps: apps::read(&found, 1)?,
    })
}

async fn list<S: Stores>(call: Call<'_, '_, S>) -> Result<Reply, Problem> {
    let page = PageRequest::of(&api::query(call.request)?)?;
    let page = organizations::list(call.context.stores, call.actor, &page).await?;
    Ok(api::list(&page, Clone::clone))
}

async fn read<S: Stores>(call: Call<'_, '_, S>) -> Result<Reply, Problem> {
    let id = call.id(0);
    call.manager(&id).await?;
    let view = view(call.context, &id).await?;
    let mut value = json!(view.organization);
    if let Value::Object(members) = &mut value {
        members.insert("issuers".into(), json!(view.issuers));
        members.insert("apps".into(), json!(view.apps));
    }
    Ok(api::versioned(200, &value, view.organization.version))
}

async fn list_members<S: Stores>(call: Call<'_, '_, S>) -> Result<Reply, Problem> {
    let id = call.id(0);
    call.manager(&id).await?;
    let page = PageRequest::of(&api::query(call.request)?)?;
    organizations::find(call.context.stores, &id).await?;
    let page = members::list(call.context.stores, &id, &page).await?;
    Ok(api::list(&page, Clone::clone))
}

async fn list_people<S: Stores>(call: Call<'_, '_, S>) -> Result<Reply, Problem> {
    let (id, issuer_id) = (call.id(0), call.id(1));
    call.manager(&id).await?;
    let page = PageRequest::of(&api::query(call.request)?)?;
    let page = issuers::people(call.context.stores, (&id, &issuer_id), &page).await?;
    Ok(api::list(&page, Clone::clone))
}

async fn read_app<S: Stores>(call: Call<'_, '_, S>) -> Result<Reply, Problem> {
    let (id, client_id) = (call.id(0), call.id(1));
    call.manager(&id).await?;
    let decision = apps::get(call.context.stores, &id, &client_id).await?;
    Ok(api::versioned(200, &decision, decision.version))
}

async fn create<S: Stores>(call: Call<'_, '_, S>) -> Result<Reply, Problem> {
    call.actor.administrator()?;
    if let Some(reply) = idempotency::replay(call.context, call.request, call.actor).await? {
        return Ok(reply);
    }
    let made = organizations::create(call.act(), api::input(call.request)?)?;
    let location = format!("/api/admin/organizations/{}", text(&made.value, "id"));
    let reply = api::versioned(201, &made.value, made.version).header("Location", location);
    finish_creation(call, made, reply).await
}

async fn trust<S: Stores>(call: Call<'_, '_, S>) -> Result<Reply, Problem> {
    let id = call.id(0);
    call.actor.administrator()?;
    if let Some(reply) = idempotency::replay(call.context, call.request, call.actor).await? {
        return Ok(reply);
    }
    organizations::find(call.context.stores, &id).await?;
    let made = issuers::create(call.act(), &id, &call.context.config.issuer, api::input(call.request)?)?;
    let reply = api::versioned(201, &made.value, made.version);
    finish_creation(call, made, reply).await
}

async fn link<S: Stores>(call: Call<'_, '_, S>) -> Result<Reply, Problem> {
    let (id, issuer_id) = (call.id(0), call.id(1));
    call.actor.administrator()?;
    if let Some(reply) = idempotency::replay(call.context, call.request, call.actor).await? {
        return Ok(reply);
    }
    let input = api::input(call.request)?;
    let made = issuers::link(call.context.stores, call.act(), (&id, &issuer_id), input).await?;
    let reply = Reply::json(201, &made.value);
    finish_creation(call, made, reply).await
}

async fn finish_creation<S: Stores>(call: Call<'_, '_, S>, made: Change, reply: Reply) -> Result<Reply, Problem> {
    let creation = Creation {
        statements: made.statements,
        reply,
        refused: made.refused,
    };
    idempotency::create(call.context, call.request, call.actor, creation).await
}

/// A change that may take something away, which the ledgers end before this answers. 202: so much of it that the cron runs
/// end the rest, or a ledger is out of reach.
async fn change<S: Stores>(call: Call<'_, '_, S>, route: Organizations) -> Result<Reply, Problem> {
    let id = call.id(0);
    let made = make(call, &id, route).await?;
    let (value, version) = (made.value.clone(), made.version);
    let left = carry_out(call, &id, made).await?;
    Ok(match (value, left) {
        (Value::Null, 0) => Reply::new(204, String::new()),
        (Value::Null, _) => Reply::new(202, String::new()),
        (value, left) => {
            let status = if left == 0 { 200 } else { 202 };
            match version {
                0 => Reply::json(status, &value),
                version => api::versioned(status, &value, version),
            }
        }
    })
}

async fn make<S: Stores>(call: Call<'_, '_, S>, id: &str, route: Organizations) -> Result<Change, Problem> {
    let (stores, act, request) = (call.context.stores, call.act(), call.request);
    let expected = api::expected_version(request)?;
    match route {
        Organizations::Edit => organizations::edit(stores, act, id, expected, api::input(request)?).await,
        Organizations::SetMember => members::set(stores, act, (id, &call.id(1)), api::input(request)?).await,
        Organizations::RemoveMember => members::remove(stores, act, (id, &call.id(1))).await,
        Organizations::EditIssuer => {
            let own = &call.context.config.issuer;
            issuers::edit(stores, act, (id, &call.id(1)), own, expected, api::input(request)?).await
        }
        Organizations::Unlink => issuers::unlink(stores, act, (id, &call.id(1)), &call.id(2)).await,
        Organizations::SetApp => {
            let manager = call.manager(id).await?;
            organizations::find(stores, id).await?;
            set_app(call, manager, (id, &call.id(1)), expected, api::input(request)?).await
        }
        _ => Err(Problem::NotFound("route")),
    }
}

async fn set_app<S: Stores>(
    call: Call<'_, '_, S>,
    manager: Manager<'_>,
    named: (&str, &str),
    expected: Option<u32>,
    input: Input,
) -> Result<Change, Problem> {
    apps::set(call.context.stores, manager, call.act(), named, expected, input).await
}

/// Makes a change and ends what it takes away, in as many steps as one request may take. How many consents are left to the
/// cron runs, at least.
async fn carry_out<S: Stores>(call: Call<'_, '_, S>, id: &str, change: Change) -> Result<u32, Problem> {
    let (context, origin) = (call.context, &call.actor.origin);
    let (mut statements, mut refused, mut left) = (change.statements, change.refused, u32::MAX);
    for step in 0..MOST_STEPS {
        let last = statements.len();
        statements.push(apps::goes_on(id));
        let done = match ending::step(context, origin, statements, organizations::unfinished(id), refused).await {
            Ok(done) => done,
            Err(problem) if step == 0 => return Err(problem),
            // What was decided stands, and what cannot be ended now the cron runs end.
            Err(_) => return Ok(left.max(1)),
        };
        let (goes_on, before) = (!done.found.raw(last).is_empty(), left);
        left = done.left;
        if left == 0 && !goes_on {
            return Ok(0);
        }
        // No ledger gets rid of anything.
        if left > 0 && left >= before {
            break;
        }
        (statements, refused) = (apps::end_some(id, context.now).into(), organizations::UNKNOWN);
    }
    Ok(left.max(1))
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}
