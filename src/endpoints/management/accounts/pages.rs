//! The pages of developer accounts.

use crate::config::DynamicRegistration;
use crate::context::Context;
use crate::endpoints::management::daily;
use crate::endpoints::management::pages::{self, Form};
use crate::http::{Params, Reply, Request};
use crate::management::accounts::members::{self, Account};
use crate::management::accounts::{self, AccountInput};
use crate::management::actor::Actor;
use crate::management::apps::list;
use crate::management::cursor::PageRequest;
use crate::management::daily::Daily;
use crate::management::problem::Problem;
use crate::oauth::secret::Secret;
use crate::pages::management::{AccountPage, DeveloperHomePage, FormState, HelpPage, InvitationPage, Place};
use crate::pages::render;
use crate::router;
use crate::router::management::accounts::Accounts;
use crate::store::Stores;
use crate::store::database::Statement;

/// Answers a request of a browser. `ids`: what the path names.
pub async fn answer<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    route: Accounts,
    (id, other): (&str, &str),
) -> Reply {
    let actor = match pages::visitor(context, request).await {
        Ok(actor) => actor,
        Err(reply) => return reply,
    };
    let form = match pages::form_if_sent(context, request, &actor) {
        Ok(form) => form,
        Err(reply) => return reply,
    };
    let done = match (route, form) {
        (Accounts::CreateForm, Some(form)) => create(context, request, &actor, form).await,
        (Accounts::EditForm, Some(form)) => edit(context, &actor, id, form).await,
        (Accounts::InviteForm, Some(form)) => invite(context, &actor, id, form).await,
        (Accounts::WithdrawForm, Some(form)) => {
            let statements = actor
                .member(id)
                .and_then(|member| members::withdraw(member, other, context.random, context.now));
            press(context, form, statements, &account_path(id)).await
        }
        (Accounts::RemoveForm, Some(form)) => {
            let statements = actor
                .member(id)
                .and_then(|member| members::remove(member, other, context.random, context.now));
            let left = actor.user_id() == Some(other);
            let to = if left {
                "/developers".to_owned()
            } else {
                account_path(id)
            };
            press(context, form, statements, &to).await
        }
        (Accounts::HandOverForm, Some(form)) => {
            let statements = actor
                .member(id)
                .and_then(|member| members::hand_over(member, other, context.random, context.now));
            press(context, form, statements, &account_path(id)).await
        }
        (Accounts::AcceptForm, Some(form)) => accept(context, &actor, id, form).await,
        (Accounts::HelpPage, _) => Ok(help(context, &actor)),
        (Accounts::Page, _) => account_page(context, &actor, id).await,
        (Accounts::OfferPage, _) => offer_page(context, &actor, id).await,
        _ => home(context, request, &actor, 200, &FormState::default()).await,
    };
    pages::reply(context, request, done)
}

fn account_path(id: &str) -> String {
    format!("/developers/accounts/{id}")
}

fn help<S>(context: &Context<'_, S>, actor: &Actor) -> Reply {
    let config = context.config;
    let page = HelpPage {
        frame: pages::frame(context, actor, Place::Help),
        metadata: config.issuer.url(router::METADATA),
        metadata_documents: config.metadata_documents,
        dynamic_registration: config.dynamic_registration != DynamicRegistration::Off,
        support: config.support.as_ref(),
    };
    render(200, &page)
}

async fn home<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    actor: &Actor,
    status: u16,
    form: &FormState,
) -> Result<Reply, Problem> {
    let developer = actor.developer()?;
    // Of a form that was refused, the list begins anew.
    let query = match request.method.as_str() {
        "POST" => Params::default(),
        _ => request
            .query_params()
            .map_err(|error| Problem::field("query", error.to_string()))?,
    };
    let apps = list::page(context.stores, developer, None, &PageRequest::of(&query)?).await?;
    let page = DeveloperHomePage {
        frame: pages::frame(context, actor, Place::Developers),
        accounts: actor.memberships(),
        next: apps.next.as_ref().map(|cursor| cursor.encode()),
        apps: apps.items,
        form,
    };
    Ok(render(status, &page))
}

async fn create<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    actor: &Actor,
    form: Form,
) -> Result<Reply, Problem> {
    let developer = actor.developer()?;
    let input = match AccountInput::parse(form.input) {
        Ok(input) => input,
        Err(problem) => return home(context, request, actor, 400, &form.state.refused(&problem)).await,
    };
    let (_, statements) = accounts::create(developer, input, context.random, context.now);
    let transacted = context.stores.transact(statements).await;
    transacted.map_err(|undone| undone.or(accounts::TOO_MANY))?;
    Ok(Reply::see_other("/developers"))
}

async fn account_page<S: Stores>(context: &Context<'_, S>, actor: &Actor, id: &str) -> Result<Reply, Problem> {
    let account = members::load(context.stores, actor.member(id)?, context.now).await?;
    Ok(show(context, actor, &account, 200, &state_of(&account), None))
}

fn state_of(account: &Account) -> FormState {
    FormState::default()
        .with("name", account.name.as_str())
        .with_optional("contact", account.contact.as_deref())
}

/// The page; `link`: of the invitation that was just made.
fn show<S>(
    context: &Context<'_, S>,
    actor: &Actor,
    account: &Account,
    status: u16,
    form: &FormState,
    link: Option<&str>,
) -> Reply {
    let is_owner = actor.member(&account.id).and_then(|member| member.owner()).is_ok();
    let page = AccountPage {
        frame: pages::frame(context, actor, Place::Developers),
        account,
        visitor_id: actor.user_id().unwrap_or_default(),
        is_owner,
        form,
        link,
    };
    render(status, &page)
}

async fn edit<S: Stores>(context: &Context<'_, S>, actor: &Actor, id: &str, form: Form) -> Result<Reply, Problem> {
    let member = actor.member(id)?;
    let account = members::load(context.stores, member, context.now).await?;
    account.expect(form.version)?;
    match accounts::edit(member, &account, form.input, context.random, context.now) {
        Ok(statements) => {
            context.stores.transact(statements).await?;
            Ok(Reply::see_other(account_path(id)))
        }
        Err(problem @ Problem::Invalid(_)) => {
            let form = form.state.refused(&problem);
            Ok(show(context, actor, &account, 400, &form, None))
        }
        Err(problem) => Err(problem),
    }
}

/// Shows the link at once: nobody can read it again.
async fn invite<S: Stores>(context: &Context<'_, S>, actor: &Actor, id: &str, form: Form) -> Result<Reply, Problem> {
    let member = actor.member(id)?;
    match members::invite(member, form.input, context.random, context.now) {
        Ok((_, token, statements)) => {
            let refused = members::TOO_MANY_INVITATIONS;
            daily::transact(context, (Daily::Invitations, id), statements, refused).await?;
            let account = members::load(context.stores, member, context.now).await?;
            let path = format!("/developers/invitations/{}", token.reveal());
            let link = Secret::new(context.config.issuer.url(&path));
            let form = state_of(&account);
            Ok(show(context, actor, &account, 201, &form, Some(link.reveal())))
        }
        Err(problem @ Problem::Invalid(_)) => {
            let account = members::load(context.stores, member, context.now).await?;
            let form = state_of(&account)
                .with("note", form.state.value("note"))
                .refused(&problem);
            Ok(show(context, actor, &account, 400, &form, None))
        }
        Err(problem) => Err(problem),
    }
}

/// A form that has nothing but its button.
async fn press<S: Stores>(
    context: &Context<'_, S>,
    form: Form,
    statements: Result<Vec<Statement>, Problem>,
    to: &str,
) -> Result<Reply, Problem> {
    form.input.finish()?;
    context.stores.transact(statements?).await?;
    Ok(Reply::see_other(to))
}

async fn offer_page<S: Stores>(context: &Context<'_, S>, actor: &Actor, token: &str) -> Result<Reply, Problem> {
    actor.developer()?;
    let offer = members::offer(context.stores, &Secret::new(token), context.now).await?;
    let offer = offer.ok_or(Problem::NotFound("invitation"))?;
    let page = InvitationPage {
        frame: pages::frame(context, actor, Place::Developers),
        offer: &offer,
        token,
        is_member: actor.belongs_to(&offer.developer_id),
    };
    Ok(render(200, &page))
}

async fn accept<S: Stores>(context: &Context<'_, S>, actor: &Actor, token: &str, form: Form) -> Result<Reply, Problem> {
    let developer = actor.developer()?;
    form.input.finish()?;
    let offer = members::offer(context.stores, &Secret::new(token), context.now).await?;
    let offer = offer.ok_or(Problem::NotFound("invitation"))?;
    let statements = members::accept(developer, &offer, context.random, context.now)?;
    let done = context.stores.transact(statements).await;
    done.map_err(|undone| undone.or(members::NOT_ACCEPTED))?;
    Ok(Reply::see_other(account_path(&offer.developer_id)))
}
