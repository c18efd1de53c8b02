//! Sending somebody to where they sign in.

use super::pages::provider_unavailable;
use super::{Arriving, provider};
use crate::context::Context;
use crate::endpoints::browser::BrowserNonce;
use crate::endpoints::page_error;
use crate::http::{Reply, Request, with_params};
use crate::oauth::error::PageReason;
use crate::sign_in::attempt::Attempt;
use crate::sign_in::connection::{Connection, Method};
use crate::sign_in::exchange::{Asking, authorization_url, max_age};
use crate::store::Stores;
use crate::web::WebAddress;

/// Goes to the provider or page behind a connection. All there is to remember goes along, sealed.
pub async fn start<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    connection: &Connection,
    arriving: &Arriving,
) -> Reply {
    context.log.connection(&connection.id);
    let browser = BrowserNonce::of(context, request);
    let since = arriving.pending.as_ref().and_then(|pending| pending.signed_in_since);
    let target = arriving.target.as_str();
    let attempt = Attempt::new(
        &connection.id,
        browser.as_str(),
        since,
        target,
        context.random,
        context.now,
    );
    let Some(state) = attempt.state(target, &context.config.sealing_keys, context.random) else {
        return page_error(context, PageReason::Unreadable);
    };
    let callback = connection.callback(&context.config.issuer);
    let asking = arriving.asking();
    let location = match &connection.method {
        Method::Oidc(oidc) => provider::metadata(context, &connection.issuer)
            .await
            .map(|provider| authorization_url(&provider, oidc, &callback, &attempt, &state, asking, context.now)),
        Method::HandOff(hand_off) => provider::login_page(context, hand_off).map(|page| {
            let callback = with_params(&callback, &[("state", &state)]);
            hand_off_url(context, &page, &callback, &attempt, asking)
        }),
    };
    let Ok(location) = location else {
        return provider_unavailable(context, target);
    };
    browser.set_on(Reply::see_other(location))
}

/// The platform's own page: it sends people back to `continue`, with `assertion` added.
fn hand_off_url<S>(
    context: &Context<'_, S>,
    page: &WebAddress,
    callback: &str,
    attempt: &Attempt,
    asking: Asking<'_>,
) -> String {
    let max_age = attempt.since.map(|since| max_age(since, context.now).to_string());
    let mut params = vec![("nonce", attempt.nonce.as_str())];
    params.extend(max_age.as_deref().map(|max_age| ("max_age", max_age)));
    params.extend(asking.prompt().map(|prompt| ("prompt", prompt)));
    params.extend(asking.hint().map(|hint| ("login_hint", hint)));
    params.extend(asking.ui_locales.map(|locales| ("ui_locales", locales)));
    // The longest last.
    params.push(("continue", callback));
    with_params(page.as_str(), &params)
}
