//! Credentials of APIs: each secret is shown once.

use serde_json::json;

use super::catalogue::{Shown, item_page};
use super::{Call, Form, api, no_content, pressed};
use crate::endpoints::management::idempotency::Creation;
use crate::http::Reply;
use crate::management::cursor::Page;
use crate::management::policy::{Kind, credentials};
use crate::management::problem::Problem;
use crate::pages::management::policy::ShownSecret;
use crate::store::Stores;

pub async fn list<S: Stores>(call: Call<'_, '_, S>) -> Result<Reply, Problem> {
    let items = credentials::list(call.context.stores, &call.id(0)).await?;
    Ok(api::list(&Page { items, next: None }, Clone::clone))
}

pub async fn create<S: Stores>(call: Call<'_, '_, S>) -> Result<Reply, Problem> {
    if let Some(reply) = call.replay().await? {
        return Ok(reply);
    }
    call.input()?.finish()?;
    let made = credentials::create(call.context.stores, call.act, &call.id(0)).await?;
    let mut body = json!(made.credential);
    if let Some(members) = body.as_object_mut() {
        members.insert("secret".into(), made.secret.reveal().into());
    }
    let creation = Creation {
        statements: made.statements,
        reply: Reply::json(201, &body),
        refused: credentials::TWO_ALREADY,
    };
    call.create(creation).await
}

pub async fn delete<S: Stores>(call: Call<'_, '_, S>) -> Result<Reply, Problem> {
    let statements = credentials::delete(call.act, &call.id(0), &call.id(1));
    call.transact(statements, Problem::NotFound("credential")).await?;
    Ok(no_content())
}

/// The forms on the page of an API: one makes a credential, the others delete one.
pub async fn form<S: Stores>(call: Call<'_, '_, S>, form: Form) -> Result<Reply, Problem> {
    let api_id = call.id(0);
    if pressed(&form, "delete") {
        let statements = credentials::delete(call.act, &api_id, form.state.value("credential_id"));
        call.transact(statements, Problem::NotFound("credential")).await?;
        return Ok(Reply::see_other(format!("/admin/policy/apis/{api_id}")));
    }
    let made = credentials::create(call.context.stores, call.act, &api_id).await?;
    call.transact(made.statements, credentials::TWO_ALREADY).await?;
    let shown = Shown {
        secret: Some(ShownSecret {
            id: made.credential.id,
            secret: made.secret.reveal().to_owned(),
        }),
        ..Shown::default()
    };
    item_page(call, Kind::Api, 200, shown).await
}
