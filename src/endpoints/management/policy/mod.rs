//! What administrators decide: `/admin/policy…`, `/api/admin/…`.

mod apps;
mod branding;
mod catalogue;
mod connections;
mod credentials;
mod grants;
mod lists;
mod overview;
mod roles;
mod routes;

use std::borrow::Cow;

use super::idempotency::{self, Creation};
use super::pages::{self, Form};
use super::{api, caller};
use crate::context::Context;
use crate::http::{Reply, Request};
use crate::management::actor::Actor;
use crate::management::input::Input;
use crate::management::policy::Act;
use crate::management::problem::Problem;
use crate::pages::management::policy::segment;
use crate::router::management::Managed;
use crate::router::management::policy::Policy;
use crate::store::Stores;
use crate::store::database::Statement;

/// Answers a request about what administrators decide.
pub async fn answer<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    managed: Managed<'_>,
    route: Policy,
) -> Reply {
    let on_page = !managed.entry.path.starts_with("/api/");
    let done = match on_page {
        true => page(context, request, managed, route).await,
        false => json(context, request, managed, route).await,
    };
    match done {
        Ok(reply) => reply,
        Err(problem) if on_page => pages::problem(context, request, &problem),
        Err(problem) => api::document(context, &problem),
    }
}

async fn json<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    managed: Managed<'_>,
    route: Policy,
) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    let call = Call {
        context,
        request,
        managed,
        actor: &actor,
        act: act(context, &actor)?,
    };
    match route {
        Policy::List(kind) => catalogue::list(call, kind).await,
        Policy::Create(kind) => catalogue::create(call, kind).await,
        Policy::Read(kind) => catalogue::read(call, kind).await,
        Policy::Edit(kind) => catalogue::edit(call, kind).await,
        Policy::Delete(kind) => catalogue::delete(call, kind).await,
        Policy::ReadProtectedResource => catalogue::protected_resource(call).await,
        Policy::ReadRoutes => routes::read(call).await,
        Policy::SetRoutes => routes::set(call).await,
        Policy::TryRoute => routes::try_out(call).await,
        Policy::ImportRoutes => routes::import(call).await,
        Policy::ListCredentials => credentials::list(call).await,
        Policy::CreateCredential => credentials::create(call).await,
        Policy::DeleteCredential => credentials::delete(call).await,
        Policy::ListGrants => grants::list(call).await,
        Policy::ReadGrant => grants::read(call).await,
        Policy::SetGrant => grants::set(call).await,
        Policy::RemoveGrant => grants::remove(call).await,
        Policy::CheckConnection => connections::check(call).await,
        Policy::ReadBranding => branding::read(call).await,
        Policy::EditBranding => branding::edit(call).await,
        Policy::PutLogo => branding::put_logo(call).await,
        Policy::ListRoles => roles::list(call).await,
        Policy::Appoint => roles::appoint(call).await,
        Policy::RemoveRole => roles::remove(call).await,
        Policy::CreateApp => apps::create(call).await,
        Policy::ReadAppPolicy => apps::read(call).await,
        Policy::EditAppPolicy => apps::edit(call).await,
        _ => Err(Problem::NotFound("route")),
    }
}

async fn page<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    managed: Managed<'_>,
    route: Policy,
) -> Result<Reply, Problem> {
    let actor = match pages::visitor(context, request).await {
        Ok(actor) => actor,
        Err(reply) => return Ok(reply),
    };
    let call = Call {
        context,
        request,
        managed,
        actor: &actor,
        act: act(context, &actor)?,
    };
    if route == Policy::LogoForm {
        return match pages::upload(context, request, &actor, "logo", &[]) {
            Ok(upload) => branding::logo_form(call, upload).await,
            Err(reply) => Ok(reply),
        };
    }
    if route == Policy::ImportRoutesForm {
        return match pages::upload(context, request, &actor, "upload", &routes::IMPORT_FIELDS) {
            Ok(upload) => routes::import_form(call, upload).await,
            Err(reply) => Ok(reply),
        };
    }
    let form = match pages::form_if_sent(context, request, &actor) {
        Ok(form) => form,
        Err(reply) => return Ok(reply),
    };
    match (route, form) {
        (Policy::OverviewPage, None) => overview::page(call).await,
        (Policy::OverviewForm, Some(_)) => overview::ensure_own_api(call).await,
        (Policy::ListPage(kind), None) => lists::page(call, kind).await,
        (Policy::CreateForm(kind), Some(form)) => lists::create(call, kind, form).await,
        (Policy::ItemPage(kind), None) => catalogue::page(call, kind).await,
        (Policy::EditForm(kind), Some(form)) => catalogue::form(call, kind, form).await,
        (Policy::RoutesPage, None) => routes::page(call).await,
        (Policy::RoutesForm, Some(form)) => routes::form(call, form).await,
        (Policy::RoutesFile, None) => routes::file(call).await,
        (Policy::ImportRoutesPage, None) => routes::import_page(call).await,
        (Policy::CredentialsForm, Some(form)) => credentials::form(call, form).await,
        (Policy::GrantPage, None) => grants::page(call).await,
        (Policy::GrantForm, Some(form)) => grants::form(call, form).await,
        (Policy::CheckConnectionForm, Some(_)) => connections::check_page(call).await,
        (Policy::BrandingPage, None) => branding::page(call).await,
        (Policy::BrandingForm, Some(form)) => branding::form(call, form).await,
        (Policy::RemoveLogoForm, Some(form)) => branding::remove_logo_form(call, form).await,
        (Policy::RolesPage, None) => roles::page(call).await,
        (Policy::RolesForm, Some(form)) => roles::form(call, form).await,
        (Policy::NewAppPage, None) => apps::new_page(call).await,
        (Policy::NewAppForm, Some(form)) => apps::new_form(call, form).await,
        (Policy::AppPolicyPage, None) => apps::page(call).await,
        (Policy::AppPolicyForm, Some(form)) => apps::form(call, form).await,
        _ => Err(Problem::NotFound("page")),
    }
}

/// A request of an administrator.
struct Call<'a, 'c, S> {
    context: &'a Context<'c, S>,
    request: &'a Request,
    managed: Managed<'a>,
    actor: &'a Actor,
    act: Act<'a>,
}

impl<S> Clone for Call<'_, '_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for Call<'_, '_, S> {}

impl<'a, S: Stores> Call<'a, '_, S> {
    /// What the path holds where `{…}` is for the `index`th time.
    fn id(self, index: usize) -> Cow<'a, str> {
        self.managed.id(index)
    }

    /// The fields of the JSON body.
    fn input(self) -> Result<Input, Problem> {
        api::input(self.request)
    }

    /// The version that is to be changed.
    fn expected_version(self) -> Result<Option<u32>, Problem> {
        api::expected_version(self.request)
    }

    /// Carries out a change. `refused`: why the tables would refuse it.
    async fn transact(self, statements: Vec<Statement>, refused: Problem) -> Result<(), Problem> {
        let done = self.context.stores.transact(statements).await;
        done.map(|_| ()).map_err(|undone| undone.or(refused))
    }

    /// The answer to this creation when it came before.
    async fn replay(self) -> Result<Option<Reply>, Problem> {
        idempotency::replay(self.context, self.request, self.actor).await
    }

    /// Carries out a creation.
    async fn create(self, creation: Creation) -> Result<Reply, Problem> {
        idempotency::create(self.context, self.request, self.actor, creation).await
    }
}

fn act<'a, S>(context: &Context<'a, S>, actor: &'a Actor) -> Result<Act<'a>, Problem> {
    Ok(Act {
        by: actor.administrator()?,
        random: context.random,
        now: context.now,
        issuer: &context.config.issuer,
    })
}

fn no_content() -> Reply {
    Reply::new(204, String::new())
}

/// Which button of a form was pressed.
fn pressed(form: &Form, action: &str) -> bool {
    form.action.as_deref() == Some(action)
}
