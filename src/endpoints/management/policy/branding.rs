//! The platform's name, colour and logo.

use super::{Call, Form, api, pages};
use crate::http::Reply;
use crate::looks::{LogoName, Looks};
use crate::management::policy::Change;
use crate::management::policy::branding::{self, Branding};
use crate::management::problem::Problem;
use crate::pages::management::policy::BrandingPage;
use crate::pages::management::{FormState, Place};
use crate::pages::render;
use crate::store::Stores;

pub async fn read<S: Stores>(call: Call<'_, '_, S>) -> Result<Reply, Problem> {
    let branding = branding::find(call.context.stores).await?;
    Ok(api::versioned(200, &branding, branding.version))
}

pub async fn edit<S: Stores>(call: Call<'_, '_, S>) -> Result<Reply, Problem> {
    let expected = call.expected_version()?;
    let change = branding::edit(call.context.stores, call.act, expected, call.input()?).await?;
    let change = with_logo(call, change).await?;
    call.transact(change.statements, change.refused).await?;
    Ok(api::versioned(200, &change.item.value, change.item.version))
}

/// A logo must be in KV before pages name it.
async fn with_logo<S: Stores>(
    call: Call<'_, '_, S>,
    (change, logo): (Change, Option<LogoName>),
) -> Result<Change, Problem> {
    if let Some(logo) = logo
        && call.context.stores.logo(&logo).await?.is_none()
    {
        return Err(Problem::field(
            "logo",
            "names no logo that is here: put it there with tools/put-logo first",
        ));
    }
    Ok(change)
}

pub async fn page<S: Stores>(call: Call<'_, '_, S>) -> Result<Reply, Problem> {
    let branding = branding::find(call.context.stores).await?;
    let form = FormState::of_value(&branding.item().value);
    Ok(branding_page(call, &branding, 200, &form))
}

fn branding_page<S: Stores>(call: Call<'_, '_, S>, branding: &Branding, status: u16, form: &FormState) -> Reply {
    // The page itself is the preview: it has the looks that were set, not those of a minute ago.
    let looks = branding.over(&call.context.config.looks);
    let context = crate::context::Context {
        looks: &looks,
        ..*call.context
    };
    let variables: &Looks = &call.context.config.looks;
    let page = BrandingPage {
        frame: pages::frame(&context, call.actor, Place::Policy),
        version: branding.version,
        variables,
        form,
    };
    render(status, &page)
}

pub async fn form<S: Stores>(call: Call<'_, '_, S>, form: Form) -> Result<Reply, Problem> {
    let stores = call.context.stores;
    let edited = async {
        // A form without a version was made when nothing was set.
        let expected = Some(form.version.unwrap_or(0));
        let change = branding::edit(stores, call.act, expected, form.input).await?;
        with_logo(call, change).await
    };
    match edited.await {
        Ok(change) => {
            call.transact(change.statements, change.refused).await?;
            Ok(Reply::see_other("/admin/policy/branding"))
        }
        Err(problem @ Problem::Invalid(_)) => {
            let branding = branding::find(stores).await?;
            Ok(branding_page(call, &branding, 400, &form.state.refused(&problem)))
        }
        Err(problem) => Err(problem),
    }
}
