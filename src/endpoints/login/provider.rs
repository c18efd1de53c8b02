//! What an OpenID provider is asked: for its metadata and keys, and for who has signed in.

use std::rc::Rc;

use crate::context::Context;
use crate::http::Params;
use crate::json;
use crate::oauth::jwk::ClientKeys;
use crate::oauth::secret::Secret;
use crate::sign_in::attempt::Attempt;
use crate::sign_in::connection::{Connection, HandOff, Oidc};
use crate::sign_in::exchange::{self, TokenRequest, TokenResponse};
use crate::sign_in::id_token::{Expected, UnverifiedIdToken};
use crate::sign_in::identity::Identity;
use crate::sign_in::provider::Provider;
use crate::sign_in::refusal::SignInRefusal;
use crate::store::Stores;
use crate::web::{Answer, WebAddress, WebError};

/// Why nobody is signed in.
#[derive(Debug)]
pub enum Failure {
    /// The answer is not believed.
    Refused(SignInRefusal),
    /// The provider does not answer, or not as it should, or the connection is not set up right. The log has why.
    Provider,
}

impl<T: Into<SignInRefusal>> From<T> for Failure {
    fn from(refusal: T) -> Self {
        Self::Refused(refusal.into())
    }
}

/// The metadata of a provider, by its issuer.
pub async fn metadata<S: Stores>(context: &Context<'_, S>, issuer: &str) -> Result<Rc<Provider>, Failure> {
    let known = context.stores.known_providers();
    if let Some(provider) = known.metadata(issuer, context.now) {
        return Ok(provider);
    }
    if !known.may_ask_for_metadata(issuer, context.now) {
        return Err(fault(context, "its metadata could not be had a moment ago"));
    }
    match ask_for_metadata(context, issuer).await {
        Ok(provider) => Ok(known.keep_metadata(provider, context.now)),
        Err(failure) => {
            known.note_failure(issuer, context.now);
            Err(failure)
        }
    }
}

async fn ask_for_metadata<S: Stores>(context: &Context<'_, S>, issuer: &str) -> Result<Provider, Failure> {
    let own = &context.config.issuer;
    let address =
        Provider::metadata_address(issuer, own).ok_or_else(|| fault(context, "its issuer is no https address"))?;
    let body = document(context, "metadata", &address).await?;
    let provider = Provider::parse(&body, issuer, own);
    provider.map_err(|error| fault(context, &error.to_string()))
}

/// The platform's own sign-in page, if its address is one that people may be sent to.
pub fn login_page<S>(context: &Context<'_, S>, hand_off: &HandOff) -> Result<WebAddress, Failure> {
    let page = WebAddress::parse(&hand_off.login_url, &context.config.issuer);
    page.ok_or_else(|| fault(context, "its login_url is no https address without user and fragment"))
}

/// Who has signed in, as the provider's answer says.
pub async fn identity<S: Stores>(
    context: &Context<'_, S>,
    connection: &Connection,
    oidc: &Oidc,
    attempt: &Attempt,
    params: &Params,
) -> Result<Identity, Failure> {
    let provider = metadata(context, &connection.issuer).await?;
    let code = exchange::code(params, &provider)?;
    let tokens = redeem(context, connection, oidc, &provider, code, attempt).await?;
    let expected = Expected {
        issuer: &connection.issuer,
        client_id: &oidc.client_id,
        nonce: &attempt.nonce,
        since: attempt.since,
    };
    let id_token = UnverifiedIdToken::check(tokens.id_token.reveal(), expected, context.now)?;
    let signature_is_good = is_signed(context, &provider, &id_token).await?;
    let mut identity = id_token.accept(signature_is_good)?;
    if identity.name.is_none() {
        add_names(context, &provider, &tokens, &mut identity).await?;
    }
    Ok(identity)
}

async fn redeem<S: Stores>(
    context: &Context<'_, S>,
    connection: &Connection,
    oidc: &Oidc,
    provider: &Provider,
    code: &str,
    attempt: &Attempt,
) -> Result<TokenResponse, Failure> {
    let secret = oidc
        .secret_name()
        .and_then(|name| context.stores.connection_secret(name));
    let redirect_uri = connection.callback(&context.config.issuer);
    let request = TokenRequest::new(oidc, secret.as_ref(), code, &redirect_uri, attempt)
        .ok_or_else(|| fault(context, "the Worker secret named by its connection is not set"))?;
    let answer = context
        .stores
        .post_form(&provider.token_endpoint, request.authorization.as_ref(), &request.form)
        .await;
    let answer = answer.map_err(|error| unanswered(context, "token endpoint", error))?;
    match answer.status {
        200 => Ok(TokenResponse::parse(&answer.body).ok_or(SignInRefusal::NoIdToken)?),
        // The code is at fault, and anyone can bring a bad one.
        400 if is_invalid_grant(&answer) => Err(SignInRefusal::CodeRefused.into()),
        status => Err(fault(
            context,
            &format!("its token endpoint answers with status {status}"),
        )),
    }
}

fn is_invalid_grant(answer: &Answer) -> bool {
    let body = json::parse(&answer.body).unwrap_or_default();
    body.get("error").and_then(|error| error.as_str()) == Some("invalid_grant")
}

/// Whether a key of the provider made the signature. Keys that have been known for a while are asked for anew before
/// the answer is no: the provider may have changed them.
async fn is_signed<S: Stores>(
    context: &Context<'_, S>,
    provider: &Provider,
    id_token: &UnverifiedIdToken<'_>,
) -> Result<bool, Failure> {
    let known = context.stores.known_providers();
    if let Some(keys) = known.keys(provider, context.now) {
        if is_signed_by_one_of(context, &keys, id_token).await {
            return Ok(true);
        }
        if !known.may_ask_again(provider, context.now) {
            return Ok(false);
        }
    }
    let body = document(context, "jwks_uri", &provider.jwks_uri).await?;
    let keys = json::parse(&body).map(|jwks| ClientKeys::parse(&jwks));
    let Ok(Ok(keys)) = keys else {
        return Err(fault(context, "its keys cannot be read"));
    };
    let keys = known.keep_keys(provider, keys, context.now);
    Ok(is_signed_by_one_of(context, &keys, id_token).await)
}

async fn is_signed_by_one_of<S: Stores>(
    context: &Context<'_, S>,
    keys: &ClientKeys,
    id_token: &UnverifiedIdToken<'_>,
) -> bool {
    for key in id_token.candidate_keys(keys) {
        if context.stores.is_signed_by(key, id_token.jwt()).await {
            return true;
        }
    }
    false
}

/// Asks for the names that the ID token does not have. Without them people sign in as well.
async fn add_names<S: Stores>(
    context: &Context<'_, S>,
    provider: &Provider,
    tokens: &TokenResponse,
    identity: &mut Identity,
) -> Result<(), SignInRefusal> {
    let (Some(address), Some(token)) = (&provider.userinfo_endpoint, &tokens.access_token) else {
        return Ok(());
    };
    let authorization = Secret::new(format!("Bearer {}", token.reveal()));
    match context.stores.get(address, Some(&authorization)).await {
        Ok(answer) if answer.status == 200 => {
            let names = exchange::userinfo(&answer.body, &identity.subject)?;
            identity.name = names.name;
            identity.account_name = identity.account_name.take().or(names.account_name);
        }
        Ok(answer) => {
            fault(
                context,
                &format!("its UserInfo endpoint answers with status {}", answer.status),
            );
        }
        Err(error) => {
            unanswered(context, "UserInfo endpoint", error);
        }
    }
    Ok(())
}

async fn document<S: Stores>(context: &Context<'_, S>, what: &str, address: &WebAddress) -> Result<Vec<u8>, Failure> {
    match context.stores.get(address, None).await {
        Ok(answer) if answer.status == 200 => Ok(answer.body),
        Ok(answer) => Err(fault(
            context,
            &format!("its {what} answers with status {}", answer.status),
        )),
        Err(error) => Err(unanswered(context, what, error)),
    }
}

fn unanswered<S>(context: &Context<'_, S>, what: &str, error: WebError) -> Failure {
    fault(context, &format!("its {what} {error}"))
}

/// For the operator, who alone can do something about it.
fn fault<S>(context: &Context<'_, S>, what: &str) -> Failure {
    context.log.fault("provider", what);
    Failure::Provider
}
