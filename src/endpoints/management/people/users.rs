//! `/admin/users…`, `/api/admin/users…`

use serde_json::json;

use super::{ending, next_page};
use crate::context::Context;
use crate::endpoints::management::{api, caller, pages};
use crate::http::{Reply, Request};
use crate::management::actor::{Actor, Administrator};
use crate::management::cursor::PageRequest;
use crate::management::input::Input;
use crate::management::people::apps::one;
use crate::management::people::revoking::{self, Whose};
use crate::management::people::users::{self, UserView};
use crate::management::people::{erasure, standing};
use crate::management::problem::Problem;
use crate::pages::management::{FormState, Place, UserPage, UsersPage};
use crate::pages::render;
use crate::router::management::people::UserAction;
use crate::store::Stores;

/// Users, as JSON.
pub async fn list<S: Stores>(context: &Context<'_, S>, request: &Request) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    let administrator = actor.administrator()?;
    let params = api::query(request)?;
    let search = one(&params, "search")?;
    let asked = PageRequest::of(&params)?;
    let page = users::list(context.stores, administrator, search.as_deref(), &asked).await?;
    Ok(api::list(&page, users::UserRow::json))
}

/// One user, as JSON.
pub async fn get<S: Stores>(context: &Context<'_, S>, request: &Request, id: &str) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    let user = users::read(context.stores, actor.administrator()?, id).await?;
    Ok(api::versioned(200, &user.json(), user.version))
}

/// Does something to a user. 202: it is done, but the tokens of some consents may live until a cron run.
pub async fn on<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    id: &str,
    action: UserAction,
) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    let administrator = actor.administrator()?;
    let version = api::expected_version(request)?;
    let left = act(
        context,
        administrator,
        id,
        action,
        version,
        api::input_or_none(request)?,
    )
    .await?;
    let user = users::read(context.stores, administrator, id).await?;
    let mut body = user.json();
    if let Some(members) = body.as_object_mut() {
        members.insert("consents_left".into(), json!(left));
    }
    Ok(api::versioned(if left == 0 { 200 } else { 202 }, &body, user.version))
}

async fn act<S: Stores>(
    context: &Context<'_, S>,
    administrator: Administrator<'_>,
    id: &str,
    action: UserAction,
    version: Option<u32>,
    input: Input,
) -> Result<u32, Problem> {
    // To somebody who is not there nothing can be done, and that is all there is to say.
    let user = users::read(context.stores, administrator, id).await?;
    if version.is_some_and(|version| version != user.version) {
        return Err(Problem::Changed);
    }
    let (random, now) = (context.random, context.now);
    let (statements, refused) = match action {
        UserAction::Suspend => {
            let reason = standing::reason(input)?;
            let statements = standing::suspend(administrator, id, version, &reason, random, now)?;
            (statements, standing::NOT_ACTIVE)
        }
        UserAction::Reinstate => {
            input.finish()?;
            let statements = standing::reinstate(administrator, id, version, random, now);
            (statements, standing::NOT_SUSPENDED)
        }
        UserAction::Erase => {
            erasure::confirmed(input, id)?;
            (erasure::erase(administrator, id, random, now)?, erasure::NOT_ALONE)
        }
        UserAction::Revoke => {
            let reason = standing::optional_reason(input)?;
            let statements = revoking::begin(administrator, Whose::User(id), reason.as_deref(), random, now);
            (statements, Problem::NotFound("user"))
        }
    };
    ending::transact(context, administrator, statements, Whose::User(id), refused).await
}

/// The page that lists users.
pub async fn list_page<S: Stores>(context: &Context<'_, S>, request: &Request) -> Reply {
    pages::show(context, request, async |actor| {
        let administrator = actor.administrator()?;
        let params = api::query(request)?;
        let search = one(&params, "search")?;
        let asked = PageRequest::of(&params)?;
        let page = users::list(context.stores, administrator, search.as_deref(), &asked).await?;
        Ok(render(
            200,
            &UsersPage {
                frame: pages::frame(context, actor, Place::People),
                search: search.as_deref().unwrap_or_default(),
                next: next_page(request, &params, &page),
                users: &page.items,
            },
        ))
    })
    .await
}

/// The page of one user.
pub async fn page<S: Stores>(context: &Context<'_, S>, request: &Request, id: &str) -> Reply {
    pages::show(context, request, async |actor| {
        let user = users::read(context.stores, actor.administrator()?, id).await?;
        let done = request.query.split('&').find_map(|part| part.strip_prefix("done="));
        Ok(user_page(
            context,
            actor,
            200,
            &user,
            done.unwrap_or_default(),
            &FormState::default(),
        ))
    })
    .await
}

fn user_page<S>(
    context: &Context<'_, S>,
    actor: &Actor,
    status: u16,
    user: &UserView,
    done: &str,
    form: &FormState,
) -> Reply {
    let page = UserPage {
        frame: pages::frame(context, actor, Place::People),
        is_oneself: actor.user_id() == Some(user.user.id.as_str()),
        view: user,
        done,
        form,
    };
    render(status, &page)
}

/// Does something to a user by a form.
pub async fn by_form<S: Stores>(context: &Context<'_, S>, request: &Request, id: &str, action: UserAction) -> Reply {
    pages::by_form(
        context,
        request,
        async |actor, input, version| {
            act(context, actor.administrator()?, id, action, version, input).await?;
            Ok(format!("/admin/users/{id}?done={}", done(action)))
        },
        async |actor, state| {
            let user = users::read(context.stores, actor.administrator()?, id).await?;
            Ok(user_page(context, actor, 400, &user, "", &state))
        },
    )
    .await
}

fn done(action: UserAction) -> &'static str {
    match action {
        UserAction::Suspend => "suspended",
        UserAction::Reinstate => "reinstated",
        UserAction::Erase => "erased",
        UserAction::Revoke => "revoked",
    }
}
