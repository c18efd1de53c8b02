//! Users, apps and developer accounts, as administrators see them: `/admin/users`, `/api/admin/users…` and so on.

mod apps;
mod developers;
pub(super) mod ending;
mod users;

use super::{api, pages};
use crate::context::Context;
use crate::http::{Params, Reply, Request};
use crate::management::cursor::{Cursor, Page};
use crate::pages::management::NextPage;
use crate::router::management::Managed;
use crate::router::management::people::People;
use crate::store::Stores;

/// Answers a request about them.
pub async fn answer<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    managed: Managed<'_>,
    route: People,
) -> Reply {
    let id = &managed.id(0);
    match route {
        People::ConsolePage => console(context, request).await,
        People::UsersPage => users::list_page(context, request).await,
        People::UserPage => users::page(context, request, id).await,
        People::UserForm(action) => users::by_form(context, request, id, action).await,
        People::Users => api::reply(context, users::list(context, request).await),
        People::User => api::reply(context, users::get(context, request, id).await),
        People::OnUser(action) => api::reply(context, users::on(context, request, id, action).await),
        People::AppsPage => apps::list_page(context, request).await,
        People::AppPage => apps::page(context, request, id).await,
        People::AppForm(action) => apps::by_form(context, request, id, action).await,
        People::Apps => api::reply(context, apps::list(context, request).await),
        People::App => api::reply(context, apps::get(context, request, id).await),
        People::RevokeApp => api::reply(context, apps::revoke(context, request, id).await),
        People::DevelopersPage => developers::list_page(context, request).await,
        People::DeveloperPage => developers::page(context, request, id).await,
        People::RevokeDeveloperForm => developers::revoke_by_form(context, request, id).await,
        People::Developers => api::reply(context, developers::list(context, request).await),
        People::Developer => api::reply(context, developers::get(context, request, id).await),
        People::RevokeDeveloper => api::reply(context, developers::revoke(context, request, id).await),
    }
}

/// Where the console begins for whoever comes.
async fn console<S: Stores>(context: &Context<'_, S>, request: &Request) -> Reply {
    pages::show(context, request, async |actor| match actor.administrator() {
        Ok(_) => Ok(Reply::see_other("/admin/apps")),
        Err(_) => actor.reviewer().map(|_| Reply::see_other("/admin/reviews")),
    })
    .await
}

/// The address of the page behind this one, with the same search.
pub(super) fn next_page<T>(request: &Request, params: &Params, page: &Page<T>) -> Option<NextPage> {
    let next = page.next.as_ref().map(Cursor::encode)?;
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in params
        .iter()
        .filter(|(name, value)| *name != "cursor" && !value.is_empty())
    {
        query.append_pair(name, value);
    }
    query.append_pair("cursor", &next);
    Some(NextPage(format!("{}?{}", request.path, query.finish())))
}
