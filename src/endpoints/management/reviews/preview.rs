//! What this server would make of a metadata document: `/admin/documents`, and the same as JSON.

use super::super::{api, caller, pages};
use super::reviewer::may_look;
use crate::context::Context;
use crate::http::{Reply, Request};
use crate::json;
use crate::management::actor::Actor;
use crate::management::apps::{self, catalogue};
use crate::management::input::Input;
use crate::management::problem::Problem;
use crate::management::review::observations::{self, OtherApp, Surroundings};
use crate::management::review::preview::{self, Around, Preview};
use crate::oauth::client_metadata::ClientMetadata;
use crate::oauth::jwk::ClientKeys;
use crate::oauth::metadata_document::{DocumentUrl, MetadataDocument};
use crate::pages::management::{DocumentPreviewPage, FormState, Place};
use crate::pages::render;
use crate::store::Stores;

/// `POST /api/admin/documents/preview`
pub async fn answer<S: Stores>(context: &Context<'_, S>, request: &Request) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    may_look(&actor)?;
    let preview = look(context, &actor, api::input(request)?).await?;
    Ok(Reply::json(200, &preview))
}

/// The form.
pub async fn page<S: Stores>(context: &Context<'_, S>, request: &Request) -> Reply {
    pages::show(context, request, async |actor| {
        may_look(actor)?;
        Ok(show(context, actor, 200, &FormState::default(), None))
    })
    .await
}

/// The form, sent: it is shown again with what came of it, for nothing was changed.
pub async fn by_form<S: Stores>(context: &Context<'_, S>, request: &Request) -> Reply {
    let actor = match pages::visitor(context, request).await {
        Ok(actor) => actor,
        Err(reply) => return reply,
    };
    let form = match pages::form(context, request, &actor) {
        Ok(form) => form,
        Err(reply) => return reply,
    };
    let done = match look(context, &actor, form.input).await {
        Ok(preview) => Ok(show(context, &actor, 200, &form.state, Some(&preview))),
        Err(problem @ Problem::Invalid(_)) => Ok(show(context, &actor, 400, &form.state.refused(&problem), None)),
        Err(problem) => Err(problem),
    };
    pages::reply(context, request, done)
}

fn show<S>(context: &Context<'_, S>, actor: &Actor, status: u16, form: &FormState, preview: Option<&Preview>) -> Reply {
    let page = DocumentPreviewPage {
        frame: pages::frame(context, actor, Place::Reviews),
        form,
        preview,
    };
    render(status, &page)
}

/// Fetches a document, and its keys where it only says where they are, and keeps nothing.
async fn look<S: Stores>(context: &Context<'_, S>, actor: &Actor, mut input: Input) -> Result<Preview, Problem> {
    may_look(actor)?;
    let client_id = input.line("client_id", 2048);
    let client_id = input.required("client_id", client_id);
    input.finish()?;
    let own = &context.config.issuer;
    let url = match DocumentUrl::parse(&client_id, own) {
        Ok(url) => url,
        Err(error) => {
            let error = format!("a client_id that is an address {error}");
            return Ok(Preview::refused(client_id, error));
        }
    };
    let answer = context.stores.get(url.address(), None).await;
    let document = match MetadataDocument::read(&url, answer, own) {
        Ok(document) => document,
        Err(error) => return Ok(Preview::refused(client_id, error.to_string())),
    };
    let app = apps::load(context.stores, &client_id).await?;
    let catalogue = catalogue::load_all_for(context.stores, &client_id).await?;
    let name = preview::settings(&url, &document).name;
    let found = context
        .stores
        .read(vec![observations::others(&client_id, &name)])
        .await?;
    let others: Vec<OtherApp> = found.rows(0)?;
    let host = url.host();
    let around = Around {
        takes_documents: context.config.metadata_documents,
        app: app.as_ref(),
        keys: keys(context, &document.metadata).await,
        catalogue: &catalogue,
        surroundings: Surroundings {
            platform: &context.looks.platform_name,
            developer: &host,
            others: &others,
        },
    };
    Ok(Preview::of(&url, &document, around))
}

async fn keys<S: Stores>(context: &Context<'_, S>, metadata: &ClientMetadata) -> Result<ClientKeys, String> {
    let here = metadata.jwks.as_ref().map(ClientKeys::parse).transpose();
    let here = here.map_err(|error| format!("a key {error}"))?;
    let Some(address) = &metadata.jwks_uri else {
        return Ok(here.unwrap_or_default());
    };
    let answer = context.stores.get(address.address(), None).await;
    let answer = answer.map_err(|error| format!("jwks_uri {error}"))?;
    if answer.status != 200 {
        return Err(format!("jwks_uri answers with status {}", answer.status));
    }
    let jwks = json::parse(&answer.body).map_err(|_| "jwks_uri answers with something that is not JSON".to_owned())?;
    ClientKeys::parse(&jwks).map_err(|error| format!("jwks_uri answers with a key set that {error}"))
}
