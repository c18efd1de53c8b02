//! The policy of one app: `/api/admin/apps/{client_id}/policy`.

use super::{Call, Form, api, pages, segment};
use crate::endpoints::management::apps::view::AppView;
use crate::endpoints::management::idempotency::Creation;
use crate::http::Reply;
use crate::management::apps::catalogue;
use crate::management::policy::{apis, app_policy, grants, operator_apps, rate_tiers};
use crate::management::problem::Problem;
use crate::pages::management::policy::{AppPolicyPage, GrantRow, NewOperatorAppPage, OperatorAppMadePage};
use crate::pages::management::{FormState, Place};
use crate::pages::{DisplayName, render};
use crate::store::Stores;

pub async fn create<S: Stores>(call: Call<'_, '_, S>) -> Result<Reply, Problem> {
    if let Some(reply) = call.replay().await? {
        return Ok(reply);
    }
    let stores = call.context.stores;
    let catalogue = catalogue::load_all(stores).await?;
    let app = operator_apps::create(stores, call.act, &catalogue, call.input()?).await?;
    let view = AppView::of(&app.record).with_secret(app.secret.as_ref().map(|secret| secret.reveal()));
    let creation = Creation {
        reply: api::versioned(201, &view, app.record.version)
            .header("Location", format!("/api/admin/apps/{}", app.record.client_id)),
        statements: app.statements,
        refused: operator_apps::REFUSED,
    };
    call.create(creation).await
}

pub async fn new_page<S: Stores>(call: Call<'_, '_, S>) -> Result<Reply, Problem> {
    let form = FormState::default()
        .with("app_type", "web")
        .with("status", "draft")
        .with("security_profile", "standard");
    new_app_page(call, 200, &form).await
}

async fn new_app_page<S: Stores>(call: Call<'_, '_, S>, status: u16, form: &FormState) -> Result<Reply, Problem> {
    let page = NewOperatorAppPage {
        frame: pages::frame(call.context, call.actor, Place::Apps),
        accounts: &operator_apps::accounts(call.context.stores).await?,
        catalogue: &catalogue::load_all(call.context.stores).await?,
        form,
    };
    Ok(render(status, &page))
}

pub async fn new_form<S: Stores>(call: Call<'_, '_, S>, form: Form) -> Result<Reply, Problem> {
    let stores = call.context.stores;
    let catalogue = catalogue::load_all(stores).await?;
    match operator_apps::create(stores, call.act, &catalogue, form.input).await {
        Ok(app) => {
            call.transact(app.statements, operator_apps::REFUSED).await?;
            let page = OperatorAppMadePage {
                frame: pages::frame(call.context, call.actor, Place::Apps),
                name: DisplayName::new(&app.record.in_force.name, "Unnamed app"),
                client_id: &app.record.client_id,
                secret: app.secret.as_ref().map(|secret| secret.reveal()),
            };
            Ok(render(200, &page))
        }
        Err(problem @ Problem::Invalid(_)) => new_app_page(call, 400, &form.state.refused(&problem)).await,
        Err(problem) => Err(problem),
    }
}

pub async fn read<S: Stores>(call: Call<'_, '_, S>) -> Result<Reply, Problem> {
    let (policy, _) = app_policy::find(call.context.stores, &call.id(0)).await?;
    Ok(api::versioned(200, &policy, policy.version))
}

pub async fn edit<S: Stores>(call: Call<'_, '_, S>) -> Result<Reply, Problem> {
    let (client_id, expected) = (call.id(0), call.expected_version()?);
    let change = app_policy::edit(call.context.stores, call.act, &client_id, expected, call.input()?).await?;
    call.transact(change.statements, change.refused).await?;
    Ok(api::versioned(200, &change.item.value, change.item.version))
}

pub async fn page<S: Stores>(call: Call<'_, '_, S>) -> Result<Reply, Problem> {
    policy_page(call, 200, None).await
}

async fn policy_page<S: Stores>(call: Call<'_, '_, S>, status: u16, sent: Option<FormState>) -> Result<Reply, Problem> {
    let (client_id, stores) = (call.id(0), call.context.stores);
    let (policy, subject) = app_policy::find(stores, &client_id).await?;
    let form = sent.unwrap_or_else(|| FormState::of_value(&policy.item().value));
    let grants = grants::of_app(stores, &client_id).await?;
    let apis = apis::all(stores).await?;
    let rows: Vec<GrantRow> = apis
        .iter()
        .flat_map(|api| ["user", "client"].map(|subject| GrantRow::of(api, subject, &client_id, &grants)))
        .collect();
    let page = AppPolicyPage {
        frame: pages::frame(call.context, call.actor, Place::Apps),
        name: DisplayName::new(&subject.name, "Unnamed app"),
        path: segment(&client_id),
        tiers: &rate_tiers::all(stores).await?,
        rows: &rows,
        policy: &policy,
        form: &form,
    };
    Ok(render(status, &page))
}

pub async fn form<S: Stores>(call: Call<'_, '_, S>, form: Form) -> Result<Reply, Problem> {
    let (client_id, stores) = (call.id(0), call.context.stores);
    match app_policy::edit(stores, call.act, &client_id, form.version, form.input).await {
        Ok(change) => {
            call.transact(change.statements, change.refused).await?;
            Ok(Reply::see_other(format!("/admin/apps/{}/policy", segment(&client_id))))
        }
        Err(problem @ Problem::Invalid(_)) => policy_page(call, 400, Some(form.state.refused(&problem))).await,
        Err(problem) => Err(problem),
    }
}
