//! The first page about policy.

use super::{Call, pages};
use crate::http::Reply;
use crate::management::policy::{overview, own_api};
use crate::management::problem::Problem;
use crate::pages::management::Place;
use crate::pages::management::policy::OverviewPage;
use crate::pages::render;
use crate::store::Stores;

pub async fn page<S: Stores>(call: Call<'_, '_, S>) -> Result<Reply, Problem> {
    let page = OverviewPage {
        overview: overview::read(call.context.stores).await?,
        resource: own_api::resource(call.act.issuer),
        frame: pages::frame(call.context, call.actor, Place::Policy),
    };
    Ok(render(200, &page))
}

/// The cron run does it too; this is for whoever does not want to wait for it.
pub async fn ensure_own_api<S: Stores>(call: Call<'_, '_, S>) -> Result<Reply, Problem> {
    own_api::ensure(call.context.stores, call.act.issuer, call.context.now).await?;
    Ok(Reply::see_other("/admin/policy"))
}
