//! The pages that say why somebody is not signed in, and what they can do.

use crate::context::Context;
use crate::endpoints::browser::login_url;
use crate::endpoints::limits::with_retry_after;
use crate::endpoints::message;
use crate::http::Reply;
use crate::pages::{self, MessagePage, Retry};
use crate::sign_in::refusal::SignInRefusal;

/// The form was not sent by a page of ours. There is one at `address`.
pub fn not_ours<S>(context: &Context<'_, S>, address: &str) -> Reply {
    let words = context.words();
    with_retry(
        context,
        403,
        words.sign_in_expired,
        words.sign_in_expired_explanation,
        address,
    )
}

/// Too many attempts came from one place.
pub fn too_many_attempts<S>(context: &Context<'_, S>, target: &str) -> Reply {
    let words = context.words();
    let page = again(
        context,
        429,
        words.sign_in_too_many,
        words.sign_in_too_many_explanation,
        target,
    );
    with_retry_after(page)
}

/// There is no way to sign in.
pub fn no_connection<S>(context: &Context<'_, S>) -> Reply {
    let words = context.words();
    message(context, 503, words.sign_in_nobody, words.sign_in_nobody_explanation)
}

/// The provider does not answer, or not as it should.
pub fn provider_unavailable<S>(context: &Context<'_, S>, target: &str) -> Reply {
    let words = context.words();
    let page = again(
        context,
        503,
        words.sign_in_unreachable,
        words.sign_in_unreachable_explanation,
        target,
    );
    page.header("Retry-After", "5").telling("sign_in_provider_unavailable")
}

/// Why somebody is not signed in. What exactly was wrong with an answer is for the log alone.
pub fn refused<S>(context: &Context<'_, S>, refusal: SignInRefusal, target: &str) -> Reply {
    use SignInRefusal as R;
    let words = context.words();
    let (heading, explanation) = match refusal {
        R::Denied => (words.sign_in_denied, words.sign_in_denied_explanation),
        R::Expired | R::Replayed | R::CodeRefused => (words.sign_in_over, words.sign_in_over_explanation),
        R::OtherBrowser => (words.sign_in_other_browser, words.sign_in_other_browser_explanation),
        R::NotFresh => (words.sign_in_anew, words.sign_in_anew_explanation),
        R::Suspended => (words.sign_in_suspended, words.sign_in_suspended_explanation),
        R::NotForApps => (words.sign_in_not_for_apps, words.sign_in_not_for_apps_explanation),
        R::IdTaken => (words.sign_in_taken, words.sign_in_taken_explanation),
        R::State
        | R::OtherConnection
        | R::OtherIssuer
        | R::NoIssuer
        | R::ProviderError
        | R::NoAnswer
        | R::NoIdToken
        | R::IdToken(_)
        | R::Assertion(_)
        | R::OtherSubject => (words.sign_in_not_believed, words.sign_in_not_believed_explanation),
    };
    let page = match refusal {
        R::Suspended | R::IdTaken => message(context, 403, heading, explanation),
        R::NotForApps => again(context, 403, heading, explanation, target),
        _ => again(context, 400, heading, explanation, target),
    };
    page.telling(refusal.code())
}

/// A page from which one can sign in once more.
fn again<S>(context: &Context<'_, S>, status: u16, heading: &str, explanation: &str, target: &str) -> Reply {
    with_retry(context, status, heading, explanation, &login_url(target))
}

fn with_retry<S>(context: &Context<'_, S>, status: u16, heading: &str, explanation: &str, address: &str) -> Reply {
    let page = MessagePage {
        look: context.look(),
        heading,
        explanation,
        for_developers: None,
        retry: Some(Retry::Open(address)),
        request_id: context.log.request_id(),
    };
    pages::render(status, &page)
}
