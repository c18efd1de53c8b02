//! Clients whose id is the address of a document (OAuth Client ID Metadata Document): the document is fetched where there
//! is no fresh copy of it.

use std::rc::Rc;

use super::limits::{self, asked_too_often};
use super::management::caller::origin;
use crate::context::Context;
use crate::http::Request;
use crate::oauth::client::App;
use crate::oauth::error::{ErrorCode, OAuthError};
use crate::oauth::metadata_document::{DocumentError, DocumentUrl, LAST_GOOD, MetadataDocument};
use crate::registration::documents::{Accepted, postpone};
use crate::store::database::Undone;
use crate::store::{StoreError, Stores};

/// What is known of a client after its document was looked at.
#[derive(Debug)]
pub enum Looked {
    /// Its record is as good as it gets.
    AsItIs,
    /// The directory knows more than the record: read it again.
    Changed,
    /// There is no such client, for this reason.
    Refused(OAuthError),
}

/// Sees to it that a client that is a document is known and fresh. `app`: its record, if the directory has one. Asks
/// nothing and writes nothing for every other client, or while the copy is fresh.
pub async fn look<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    client_id: &str,
    app: Option<&App>,
) -> Result<Looked, StoreError> {
    if !DocumentUrl::is_meant(client_id) {
        return Ok(Looked::AsItIs);
    }
    let copy = app.and_then(|app| app.document);
    if copy.is_some_and(|copy| copy.fresh_until > context.now) {
        return Ok(Looked::AsItIs);
    }
    if !context.config.metadata_documents {
        return Ok(Looked::Refused(refused(
            "this server takes no client_id that is an address",
        )));
    }
    let url = match DocumentUrl::parse(client_id, &context.config.issuer) {
        Ok(url) => url,
        Err(reason) => {
            return Ok(Looked::Refused(refused(&format!(
                "a client_id that is an address {reason}"
            ))));
        }
    };
    if copy.is_none() && !limits::may_fetch_document(context, request).await {
        return Ok(Looked::Refused(asked_too_often()));
    }
    let answer = context.stores.get(url.address(), None).await;
    match MetadataDocument::read(&url, answer, &context.config.issuer) {
        Ok(document) => accept(context, request, &url, &document).await,
        Err(error) => {
            let is_young = copy.is_some_and(|copy| copy.fetched_at + LAST_GOOD > context.now);
            if !(error.may_pass() && is_young) {
                return Ok(Looked::Refused(of_document(&error)));
            }
            write(context, vec![postpone(client_id, context.now)]).await?;
            Ok(Looked::AsItIs)
        }
    }
}

/// The same for a client that calls by itself: its record, read anew where the document was.
pub async fn known<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    client_id: &str,
) -> Result<Result<Option<Rc<App>>, OAuthError>, StoreError> {
    let app = context.stores.app(client_id).await?;
    match look(context, request, client_id, app.as_deref()).await? {
        Looked::AsItIs => Ok(Ok(app)),
        Looked::Changed => context.stores.app_since(client_id, context.now).await.map(Ok),
        Looked::Refused(error) => Ok(Err(error)),
    }
}

async fn accept<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    url: &DocumentUrl,
    document: &MetadataDocument,
) -> Result<Looked, StoreError> {
    let accepted = Accepted {
        url,
        document,
        fetched_at: context.now,
        origin: &origin(context, request),
    };
    write(context, accepted.statements(context.random)).await?;
    Ok(Looked::Changed)
}

async fn write<S: Stores>(
    context: &Context<'_, S>,
    statements: Vec<crate::store::database::Statement>,
) -> Result<(), StoreError> {
    match context.stores.transact(statements).await {
        Err(Undone::Store(error)) => Err(error),
        // Another request wrote the same a moment before.
        Ok(_) | Err(Undone::Refused) => Ok(()),
    }
}

/// What became of the document may pass: then the same request is good later.
fn of_document(error: &DocumentError) -> OAuthError {
    let code = match error.may_pass() {
        true => ErrorCode::TemporarilyUnavailable,
        false => ErrorCode::InvalidClient,
    };
    OAuthError::new(code, error.to_string())
}

fn refused(description: &str) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidClient, description)
}
