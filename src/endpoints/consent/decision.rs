//! `POST /oauth/consent`: Allow or Deny, decided once.

use super::attempt::{Said, Verdict, decide};
use super::request::{DecidableRequest, Ready};
use super::{already_decided, answered, expired, not_ready, show};
use crate::context::Context;
use crate::endpoints::authorize::seal_pending;
use crate::endpoints::browser::origin_is_not_foreign;
use crate::endpoints::{message, page_error, unavailable_until};
use crate::http::{Params, Reply, Request};
use crate::oauth::error::PageReason;
use crate::oauth::scope::Scopes;
use crate::oauth::standing::NotServed;
use crate::pages::Retry;
use crate::router;
use crate::store::Stores;

/// Takes the user's decision and sends them back to the app.
pub async fn decision<S: Stores>(context: &Context<'_, S>, request: &Request) -> Reply {
    let form = request.form().unwrap_or_default();
    let words = context.words();
    let (Some(sealed), Some(said)) = (form.one("request").ok().flatten(), Said::read(&form)) else {
        return message(
            context,
            400,
            words.consent_unreadable,
            words.consent_unreadable_explanation,
        );
    };
    let Some(decidable) = DecidableRequest::open(context, sealed) else {
        return expired(context);
    };
    let context = &context.speaking_to(request, decidable.pending.request.ui_locales.as_deref());
    let words = context.words();
    if !decidable.is_shown_to(request) || !origin_is_not_foreign(context, request) {
        return message(
            context,
            403,
            words.consent_not_our_page,
            words.consent_not_our_page_explanation,
        );
    }
    match decide(context, request, decidable.clone(), &said).await {
        Verdict::To { url, error } => answered(url, error),
        Verdict::AlreadyDecided => already_decided(context),
        Verdict::NothingChosen => look_again(context, request, &decidable, Some(&Scopes::default())).await,
        Verdict::TryAgain(again) => try_again(context, &again, &said),
        Verdict::NotServed(NotServed::Unavailable) => {
            message(context, 400, words.consent_not_now, words.consent_not_now_explanation)
        }
        // The page says why, and who is meant.
        Verdict::NotServed(NotServed::NotATester | NotServed::Full | NotServed::Blocked) => {
            look_again(context, request, &decidable, None).await
        }
        Verdict::SignedOut => message(
            context,
            403,
            words.consent_signed_out,
            words.consent_signed_out_explanation,
        ),
    }
}

impl Said {
    /// Reads the form: a button, and a box for each optional scope that is ticked.
    fn read(form: &Params) -> Option<Self> {
        match form.one("decision").ok()?? {
            "allow" => Some(Self::Yes(form.all("scope").iter().map(String::as_str).collect())),
            "deny" => Some(Self::No),
            _ => None,
        }
    }
}

/// The page once more, as things are now; `sent` is what was ticked.
async fn look_again<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    decidable: &DecidableRequest,
    sent: Option<&Scopes>,
) -> Reply {
    let Some(sealed) = seal_pending(context, &decidable.pending) else {
        return page_error(context, PageReason::Unreadable);
    };
    match Ready::read(context, request, &sealed).await {
        Ok(ready) => show(context, &ready, &sealed, sent),
        Err(why) => not_ready(context, &sealed, why),
    }
}

/// A page whose button repeats this very attempt, so that it gets the answer of what may have been written.
fn try_again<S>(context: &Context<'_, S>, again: &DecidableRequest, said: &Said) -> Reply {
    let Some(sealed) = again.seal(context) else {
        return expired(context);
    };
    // Only what may count at all: the rest is a stranger's text.
    let (decision, ticked) = match said {
        Said::No => ("deny", Scopes::default()),
        Said::Whole => ("allow", again.pending.request.optional.clone()),
        Said::Yes(ticked) => ("allow", ticked.intersection(&again.pending.request.optional)),
    };
    let mut fields = vec![("request", sealed.as_str()), ("decision", decision)];
    fields.extend(ticked.iter().map(|scope| ("scope", scope)));
    let retry = Retry::Send {
        action: router::CONSENT,
        fields: &fields,
    };
    unavailable_until(context, retry).form_may_lead_to_an_app()
}
