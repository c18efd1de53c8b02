//! Claiming an app that registered itself: `/developers/apps/claim`, and the same as JSON.

use serde_json::json;

use super::pages::settings_path;
use super::view::AppView;
use crate::context::Context;
use crate::endpoints::limits;
use crate::endpoints::management::{api, caller, pages};
use crate::http::{Params, Reply, Request};
use crate::management::actor::{Actor, DeveloperUser};
use crate::management::apps::account::Account;
use crate::management::apps::claim::{Claim, Mark, REFUSED};
use crate::management::apps::{self, AppRecord};
use crate::management::input::Input;
use crate::management::problem::Problem;
use crate::oauth::metadata_document::{DocumentUrl, MetadataDocument, claim_member};
use crate::oauth::secret::Secret;
use crate::pages::management::{AppClaimPage, FormState, Place};
use crate::pages::render;
use crate::registration::documents::Accepted;
use crate::registration::dynamic::Registration;
use crate::store::Stores;
use crate::store::database::Statement;

/// The longest client id, in letters.
const MAX_CLIENT_ID: usize = 512;

/// `GET /api/developer/apps/claim`: what an app's document must say so that it can be claimed.
pub async fn proof<S: Stores>(context: &Context<'_, S>, request: &Request) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    let developer = actor.developer()?;
    let query = api::query(request)?;
    let client_id = one(&query, "client_id")?.ok_or(Problem::field("client_id", "is required"))?;
    let url = document_url(context, client_id)?;
    let account = Account::choose(developer, one(&query, "developer_id")?, context.random)?;
    let mark = mark(developer, &account, url.as_str());
    let body = json!({
        "client_id": url.as_str(),
        "member": claim_member(&context.config.issuer),
        "value": mark.text(&context.config.sealing_keys),
    });
    Ok(Reply::json(200, &body))
}

fn one<'a>(query: &'a Params, name: &'static str) -> Result<Option<&'a str>, Problem> {
    query.one(name).map_err(|_| Problem::field(name, "must come once"))
}

/// `POST /api/developer/apps/claim`
pub async fn claim<S: Stores>(context: &Context<'_, S>, request: &Request) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    actor.developer()?;
    let app = claim_as(context, request, &actor, api::input(request)?).await?;
    Ok(api::versioned(200, &AppView::of(&app), app.version))
}

/// The form.
pub async fn page<S: Stores>(context: &Context<'_, S>, request: &Request) -> Reply {
    pages::show(context, request, async |actor| {
        let query = api::query(request)?;
        let form = FormState::default().with_optional("client_id", one(&query, "client_id")?);
        show(context, actor, 200, &form)
    })
    .await
}

/// The form, sent.
pub async fn by_form<S: Stores>(context: &Context<'_, S>, request: &Request) -> Reply {
    pages::by_form(
        context,
        request,
        async |actor, input, _| {
            let app = claim_as(context, request, actor, input).await?;
            Ok(settings_path(&app.client_id))
        },
        async |actor, state| show(context, actor, 400, &state),
    )
    .await
}

fn show<S>(context: &Context<'_, S>, actor: &Actor, status: u16, form: &FormState) -> Result<Reply, Problem> {
    let developer = actor.developer()?;
    let named = Some(form.value("developer_id")).filter(|id| !id.is_empty());
    let first = actor.memberships().first().map(|account| account.developer_id.as_str());
    // What is shown is for the account that the form has chosen.
    let account = Account::choose(developer, named.or(first), context.random).ok();
    let url = document_url(context, form.value("client_id").trim()).ok();
    let value = url.zip(account).map(|(url, account)| {
        let mark = mark(developer, &account, url.as_str());
        mark.text(&context.config.sealing_keys)
    });
    let page = AppClaimPage {
        frame: pages::frame(context, actor, Place::Developers),
        form,
        accounts: actor.memberships(),
        member: claim_member(&context.config.issuer),
        value,
    };
    // The token is not shown again: it is a secret.
    Ok(render(status, &page))
}

/// Claims an app for a developer account of theirs. Claiming one's own again does nothing. Whoever has no proof learns nothing
/// of the app.
async fn claim_as<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    actor: &Actor,
    mut input: Input,
) -> Result<AppRecord, Problem> {
    let developer = actor.developer()?;
    let client_id = input.line("client_id", MAX_CLIENT_ID);
    let client_id = input.required("client_id", client_id);
    let developer_id = input.line("developer_id", 100);
    let token = input.line("registration_access_token", 200);
    let is_document = DocumentUrl::is_meant(&client_id);
    match (is_document, &token) {
        (true, Some(_)) => input.error(
            "registration_access_token",
            "must be left out: the document of this app is its proof",
        ),
        (false, None) if !client_id.is_empty() => {
            input.required::<String>("registration_access_token", None);
        }
        _ => {}
    }
    input.finish()?;
    let account = Account::choose(developer, developer_id.as_deref(), context.random)?;
    limits::may_claim(context, request).await?;
    let document = match token {
        Some(token) => {
            prove_by_token(context, &client_id, &Secret::new(token)).await?;
            Vec::new()
        }
        None => prove_by_document(context, request, &client_id, mark(developer, &account, &client_id)).await?,
    };
    let app = apps::load(context.stores, &client_id).await?;
    if let Some(own) = app.as_ref().filter(|app| actor.belongs_to(&app.developer_id)) {
        return Ok(own.clone());
    }
    let claim = Claim {
        client_id: &client_id,
        app: app.as_ref(),
        account: &account,
        document,
    };
    let statements = claim.statements(developer, context.random, context.now)?;
    let done = context.stores.transact(statements).await;
    done.map_err(|undone| undone.or(REFUSED))?;
    let app = apps::load(context.stores, &client_id).await?;
    app.ok_or(REFUSED)
}

fn mark<'a>(developer: DeveloperUser<'a>, account: &'a Account<'_>, client_id: &'a str) -> Mark<'a> {
    Mark {
        // An account that is made by the claim has no lasting id before it.
        claimant: match account {
            Account::Existing(id) => id,
            Account::New(_) => developer.user_id(),
        },
        client_id,
    }
}

/// RFC 7592 §1.1: whoever has the token manages the registration. An app that is not there is no different from another's.
async fn prove_by_token<S: Stores>(context: &Context<'_, S>, client_id: &str, token: &Secret) -> Result<(), Problem> {
    let found = Registration::find(context.stores, client_id, token).await?;
    found.map(drop).ok_or(Problem::field(
        "registration_access_token",
        "is not that of an app with this client id",
    ))
}

/// Fetches the document, fresh. What comes back is what it changes in the directory, for it was accepted.
async fn prove_by_document<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    client_id: &str,
    mark: Mark<'_>,
) -> Result<Vec<Statement>, Problem> {
    if !context.config.metadata_documents {
        return Err(Problem::field("client_id", "is an address, and this server takes none"));
    }
    let url = document_url(context, client_id)?;
    let answer = context.stores.get(url.address(), None).await;
    let document = MetadataDocument::read(&url, answer, &context.config.issuer)
        .map_err(|error| Problem::field("client_id", format!("leads to no document that counts: {error}")))?;
    let keys = &context.config.sealing_keys;
    if !document.claim.as_deref().is_some_and(|text| mark.is(text, keys)) {
        let message = format!(
            "leads to a document that does not prove the claim: it must have the member {} with the value {}",
            claim_member(&context.config.issuer),
            mark.text(keys)
        );
        return Err(Problem::field("client_id", message));
    }
    let accepted = Accepted {
        url: &url,
        document: &document,
        fetched_at: context.now,
        origin: &caller::origin(context, request),
    };
    Ok(accepted.statements(context.random))
}

fn document_url<S>(context: &Context<'_, S>, client_id: &str) -> Result<DocumentUrl, Problem> {
    DocumentUrl::parse(client_id, &context.config.issuer)
        .map_err(|error| Problem::field("client_id", error.to_string()))
}
