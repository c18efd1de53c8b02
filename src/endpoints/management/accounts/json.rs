//! The JSON API of developer accounts.

use serde::Serialize;
use serde_json::json;

use crate::context::Context;
use crate::endpoints::management::idempotency::{self, Creation};
use crate::endpoints::management::{api, caller, daily};
use crate::http::{Reply, Request};
use crate::management::accounts::members::{self, Account};
use crate::management::accounts::{self, AccountInput};
use crate::management::daily::Daily;
use crate::management::problem::Problem;
use crate::oauth::secret::Secret;
use crate::store::Stores;

#[derive(Serialize)]
struct AccountView<'a> {
    id: &'a str,
    name: &'a str,
    contact: Option<&'a str>,
    version: u32,
    members: Vec<MemberView<'a>>,
    invitations: Vec<InvitationView<'a>>,
}

#[derive(Serialize)]
struct MemberView<'a> {
    user_id: &'a str,
    name: &'a str,
    role: &'static str,
}

#[derive(Serialize)]
struct InvitationView<'a> {
    id: &'a str,
    note: &'a str,
    expires_at: String,
}

fn versioned(account: &Account) -> Reply {
    let view = AccountView {
        id: &account.id,
        name: &account.name,
        contact: account.contact.as_deref(),
        version: account.version,
        members: account
            .members
            .iter()
            .map(|member| MemberView {
                user_id: &member.user_id,
                name: &member.name,
                role: member.role.name(),
            })
            .collect(),
        invitations: account
            .invitations
            .iter()
            .map(|invitation| InvitationView {
                id: &invitation.id,
                note: &invitation.note,
                expires_at: invitation.expires_at.to_rfc3339(),
            })
            .collect(),
    };
    api::versioned(200, &view, account.version)
}

/// `GET /api/developer/accounts`
pub async fn list<S: Stores>(context: &Context<'_, S>, request: &Request) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    let memberships = actor.developer()?.actor().memberships().iter();
    let accounts = memberships
        .map(|account| json!({ "id": account.developer_id, "name": account.name, "role": account.role.name() }));
    Ok(Reply::json(
        200,
        &json!({ "items": accounts.collect::<Vec<_>>(), "next_cursor": null }),
    ))
}

/// `POST /api/developer/accounts`
pub async fn create<S: Stores>(context: &Context<'_, S>, request: &Request) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    let developer = actor.developer()?;
    if let Some(reply) = idempotency::replay(context, request, &actor).await? {
        return Ok(reply);
    }
    let input = AccountInput::parse(api::input(request)?)?;
    let (account, statements) = accounts::create(developer, input, context.random, context.now);
    let creation = Creation {
        statements,
        reply: api::versioned(201, &account, account.version)
            .header("Location", format!("/api/developer/accounts/{}", account.id)),
        refused: accounts::TOO_MANY,
    };
    idempotency::create(context, request, &actor, creation).await
}

/// `GET /api/developer/accounts/{developer_id}`
pub async fn show<S: Stores>(context: &Context<'_, S>, request: &Request, id: &str) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    let account = members::load(context.stores, actor.member(id)?, context.now).await?;
    Ok(versioned(&account))
}

/// `PATCH /api/developer/accounts/{developer_id}`
pub async fn edit<S: Stores>(context: &Context<'_, S>, request: &Request, id: &str) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    let member = actor.member(id)?;
    let account = members::load(context.stores, member, context.now).await?;
    account.expect(api::expected_version(request)?)?;
    let input = api::input(request)?;
    let statements = accounts::edit(member, &account, input, context.random, context.now)?;
    context.stores.transact(statements).await?;
    let account = members::load(context.stores, member, context.now).await?;
    Ok(versioned(&account))
}

/// `POST /api/developer/accounts/{developer_id}/invitations`
pub async fn invite<S: Stores>(context: &Context<'_, S>, request: &Request, id: &str) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    let member = actor.member(id)?.owner()?;
    if let Some(reply) = idempotency::replay(context, request, &actor).await? {
        return Ok(reply);
    }
    let (invitation, token, statements) = members::invite(member, api::input(request)?, context.random, context.now)?;
    let body = json!({
        "id": invitation.id,
        "note": invitation.note,
        "expires_at": invitation.expires_at.to_rfc3339(),
        "token": token.reveal(),
        "url": context.config.issuer.url(&format!("/developers/invitations/{}", token.reveal())),
    });
    let creation = Creation {
        statements,
        reply: Reply::json(201, &body),
        refused: members::TOO_MANY_INVITATIONS,
    };
    daily::create(context, request, &actor, (Daily::Invitations, id), creation).await
}

/// `DELETE /api/developer/accounts/{developer_id}/invitations/{invitation_id}`
pub async fn withdraw<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    id: &str,
    invitation_id: &str,
) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    let statements = members::withdraw(actor.member(id)?, invitation_id, context.random, context.now)?;
    let done = context.stores.transact(statements).await;
    done.map_err(|undone| undone.or(Problem::NotFound("invitation")))?;
    Ok(Reply::new(204, String::new()))
}

/// `DELETE /api/developer/accounts/{developer_id}/members/{user_id}`
pub async fn remove<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    id: &str,
    user_id: &str,
) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    let statements = members::remove(actor.member(id)?, user_id, context.random, context.now)?;
    let done = context.stores.transact(statements).await;
    done.map_err(|undone| undone.or(Problem::NotFound("member")))?;
    Ok(Reply::new(204, String::new()))
}

/// `PUT /api/developer/accounts/{developer_id}/owner`
pub async fn hand_over<S: Stores>(context: &Context<'_, S>, request: &Request, id: &str) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    let member = actor.member(id)?.owner()?;
    let mut input = api::input(request)?;
    let user_id = input.line("user_id", 100);
    let user_id = input.required("user_id", user_id);
    input.finish()?;
    let statements = members::hand_over(member, &user_id, context.random, context.now)?;
    let done = context.stores.transact(statements).await;
    done.map_err(|undone| undone.or(Problem::NotFound("member")))?;
    let account = members::load(context.stores, member, context.now).await?;
    Ok(versioned(&account))
}

/// `POST /api/developer/invitations`
pub async fn accept<S: Stores>(context: &Context<'_, S>, request: &Request) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    let developer = actor.developer()?;
    let mut input = api::input(request)?;
    let token = input.line("token", 100);
    let token = Secret::new(input.required("token", token));
    input.finish()?;
    let offer = members::offer(context.stores, &token, context.now).await?;
    let offer = offer.ok_or(Problem::NotFound("invitation"))?;
    let statements = members::accept(developer, &offer, context.random, context.now)?;
    let done = context.stores.transact(statements).await;
    done.map_err(|undone| undone.or(members::NOT_ACCEPTED))?;
    Ok(Reply::json(
        200,
        &json!({ "id": offer.developer_id, "name": offer.name, "role": "member" }),
    ))
}
