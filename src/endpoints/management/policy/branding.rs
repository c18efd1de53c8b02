//! The platform's name, colour and logo.

use super::super::pages::Upload;
use super::super::picture;
use super::{Call, Form, api, pages};
use crate::http::Reply;
use crate::looks::{LogoName, Looks};
use crate::management::logos;
use crate::management::policy::Change;
use crate::management::policy::branding::{self, Branding};
use crate::management::problem::Problem;
use crate::pages::management::policy::BrandingPage;
use crate::pages::management::{FormState, Place};
use crate::pages::render;
use crate::store::Stores;

/// Its page.
const PAGE: &str = "/admin/policy/branding";

pub async fn read<S: Stores>(call: Call<'_, '_, S>) -> Result<Reply, Problem> {
    let branding = branding::find(call.context.stores).await?;
    Ok(api::versioned(200, &branding, branding.version))
}

pub async fn edit<S: Stores>(call: Call<'_, '_, S>) -> Result<Reply, Problem> {
    let expected = call.expected_version()?;
    let change = branding::edit(call.context.stores, call.act, expected, call.input()?).await?;
    let change = with_logo(call, change).await?;
    saved(call, change).await
}

/// `PUT /api/admin/branding/logo`: the body is the picture.
pub async fn put_logo<S: Stores>(call: Call<'_, '_, S>) -> Result<Reply, Problem> {
    let expected = call.expected_version()?;
    let bytes = picture::body(call.request)?;
    let name = picture::check(bytes).map_err(|refused| picture::invalid(&refused))?;
    let change = uploaded(call, expected, &name, bytes).await?;
    saved(call, change).await
}

async fn saved<S: Stores>(call: Call<'_, '_, S>, change: Change) -> Result<Reply, Problem> {
    call.transact(change.statements, change.refused).await?;
    Ok(api::versioned(200, &change.item.value, change.item.version))
}

/// Nothing is kept of a picture that was meant for another version.
async fn uploaded<S: Stores>(
    call: Call<'_, '_, S>,
    expected: Option<u32>,
    name: &LogoName,
    bytes: &[u8],
) -> Result<Change, Problem> {
    let change = branding::with_logo(call.context.stores, call.act, expected, Some(name)).await?;
    picture::keep(call.context, name, bytes, Vec::new(), None).await?;
    Ok(change)
}

/// A logo must be in KV before pages name it, and stay there.
async fn with_logo<S: Stores>(
    call: Call<'_, '_, S>,
    (change, logo): (Change, Option<LogoName>),
) -> Result<Change, Problem> {
    let Some(logo) = logo else { return Ok(change) };
    let keep = logos::keep_named(&logo, call.context.now);
    call.transact(keep.into(), logos::GOING).await?;
    match call.context.stores.logo(&logo).await? {
        Some(_) => Ok(change),
        None => Err(Problem::field(
            "logo",
            "names no logo that is here: upload it, or put it there with tools/put-logo first",
        )),
    }
}

pub async fn page<S: Stores>(call: Call<'_, '_, S>) -> Result<Reply, Problem> {
    let branding = branding::find(call.context.stores).await?;
    let form = FormState::of_value(&branding.item().value);
    Ok(branding_page(call, &branding, 200, &form, None))
}

fn branding_page<S: Stores>(
    call: Call<'_, '_, S>,
    branding: &Branding,
    status: u16,
    form: &FormState,
    logo_error: Option<&str>,
) -> Reply {
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
        has_logo: branding.logo.is_some(),
        logo_error,
    };
    render(status, &page)
}

pub async fn form<S: Stores>(call: Call<'_, '_, S>, form: Form) -> Result<Reply, Problem> {
    let stores = call.context.stores;
    let edited = async {
        let change = branding::edit(stores, call.act, version(form.version), form.input).await?;
        with_logo(call, change).await
    };
    match edited.await {
        Ok(change) => {
            call.transact(change.statements, change.refused).await?;
            Ok(Reply::see_other(PAGE))
        }
        Err(problem @ Problem::Invalid(_)) => {
            let branding = branding::find(stores).await?;
            let form = form.state.refused(&problem);
            Ok(branding_page(call, &branding, 400, &form, None))
        }
        Err(problem) => Err(problem),
    }
}

/// A form without a version was made when nothing was set.
fn version(of_form: Option<u32>) -> Option<u32> {
    Some(of_form.unwrap_or(0))
}

/// The form with a file in it.
pub async fn logo_form<S: Stores>(call: Call<'_, '_, S>, upload: Upload) -> Result<Reply, Problem> {
    let name = match picture::check(&upload.file) {
        Ok(name) => name,
        Err(refused) => {
            let branding = branding::find(call.context.stores).await?;
            let form = FormState::of_value(&branding.item().value);
            let message = refused.to_string();
            return Ok(branding_page(call, &branding, 400, &form, Some(&message)));
        }
    };
    let change = uploaded(call, version(upload.version), &name, &upload.file).await?;
    call.transact(change.statements, change.refused).await?;
    Ok(Reply::see_other(PAGE))
}

/// The button that takes the logo away.
pub async fn remove_logo_form<S: Stores>(call: Call<'_, '_, S>, form: Form) -> Result<Reply, Problem> {
    form.input.finish()?;
    let change = branding::with_logo(call.context.stores, call.act, version(form.version), None).await?;
    call.transact(change.statements, change.refused).await?;
    Ok(Reply::see_other(PAGE))
}
