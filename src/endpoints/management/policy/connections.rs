//! Trying a connection: whether its provider can be reached and says what it must.

use serde_json::json;

use super::Call;
use super::catalogue::{Shown, item_page};
use crate::http::Reply;
use crate::json;
use crate::management::policy::Kind;
use crate::management::policy::connections::{self, ConnectionSettings};
use crate::management::problem::Problem;
use crate::oauth::jwk::ClientKeys;
use crate::sign_in::provider::Provider;
use crate::store::Stores;
use crate::web::WebAddress;

pub async fn check<S: Stores>(call: Call<'_, '_, S>) -> Result<Reply, Problem> {
    let found = find_and_check(call).await?;
    let (works, message) = match &found {
        Ok(message) => (true, message),
        Err(message) => (false, message),
    };
    Ok(Reply::json(200, &json!({ "works": works, "message": message })))
}

pub async fn check_page<S: Stores>(call: Call<'_, '_, S>) -> Result<Reply, Problem> {
    let shown = Shown {
        check: Some(find_and_check(call).await?),
        ..Shown::default()
    };
    item_page(call, Kind::Connection, 200, shown).await
}

async fn find_and_check<S: Stores>(call: Call<'_, '_, S>) -> Result<Result<String, String>, Problem> {
    let connection = connections::find(call.context.stores, &call.id(0)).await?;
    Ok(match connection.is_oidc() {
        true => check_provider(call, &connection).await,
        false => check_page_of_platform(call, &connection),
    })
}

/// The metadata and keys of an OpenID provider, and the client secret.
async fn check_provider<S: Stores>(call: Call<'_, '_, S>, connection: &ConnectionSettings) -> Result<String, String> {
    let (own, stores) = (call.act.issuer, call.context.stores);
    if connection.client_authentication != "none" {
        let name = connection.client_secret_name.as_deref().unwrap_or_default();
        if stores.connection_secret(name).is_none() {
            return Err(format!(
                "The Worker secret {name} is not set: run wrangler secret put {name}."
            ));
        }
    }
    let address = Provider::metadata_address(&connection.issuer, own);
    let address = address.ok_or("The issuer is no https address.")?;
    let body = document(call, "The provider's metadata", &address).await?;
    let provider = Provider::parse(&body, &connection.issuer, own);
    let provider = provider.map_err(|error| format!("{}: {error}.", address.as_str()))?;
    let keys = document(call, "The provider's key set", &provider.jwks_uri).await?;
    let keys = json::parse(&keys).ok().and_then(|keys| ClientKeys::parse(&keys).ok());
    match keys.is_some_and(|keys| !keys.is_empty()) {
        true => Ok(format!(
            "The provider answers, and people would be sent to {}. Whether it knows this client and its redirect URI, only a sign-in tells.",
            provider.authorization_endpoint.as_str()
        )),
        false => Err(format!(
            "{} holds no key that ID tokens could be signed with.",
            provider.jwks_uri.as_str()
        )),
    }
}

async fn document<S: Stores>(call: Call<'_, '_, S>, what: &str, address: &WebAddress) -> Result<Vec<u8>, String> {
    match call.context.stores.get(address, None).await {
        Ok(answer) if answer.status == 200 => Ok(answer.body),
        Ok(answer) => Err(format!(
            "{what}: {} answers with status {}.",
            address.as_str(),
            answer.status
        )),
        Err(error) => Err(format!("{what}: {} {error}.", address.as_str())),
    }
}

/// All that can be known of a sign-in page without signing in.
fn check_page_of_platform<S: Stores>(call: Call<'_, '_, S>, connection: &ConnectionSettings) -> Result<String, String> {
    let login_url = connection.login_url.as_deref().unwrap_or_default();
    if WebAddress::parse(login_url, call.act.issuer).is_none() {
        return Err("login_url is no https address without user name and fragment.".into());
    }
    match ClientKeys::parse(&connection.jwks) {
        Ok(keys) if !keys.is_empty() => Ok(format!(
            "People would be sent to {login_url}. Whether it signs with one of these keys, only a sign-in tells."
        )),
        _ => Err("jwks holds no key that assertions could be signed with.".into()),
    }
}
