//! How many calls pass: of an app for each user and altogether, and from an address without a token.

use super::check::About;
use crate::context::Context;
use crate::endpoints::limits::may_call_as_a_stranger;
use crate::guard::judge::Allowed;
use crate::guard::refusal::{Refusal, Why};
use crate::limits::headers::Told;
use crate::limits::{Caller, Outcome, Tier, count};
use crate::oauth::client::App;
use crate::store::Stores;

/// Seconds after which a stranger may come again.
const STRANGERS_WAIT: u32 = 60;

/// Counts a call that may go on for all else, by its app's tier.
pub async fn count_call<S: Stores>(
    context: &Context<'_, S>,
    about: &mut About,
    app: &App,
    allowed: &Allowed,
) -> Result<(), Refusal> {
    if !context.config.rate_limits {
        return Ok(());
    }
    let caller = Caller {
        client_id: &allowed.client_id,
        user_id: allowed.user_id.as_deref(),
        tier: app.tier.unwrap_or(Tier::SMALLEST),
    };
    match count(context.stores, &caller).await {
        Outcome::Counted(told) => {
            tell(about, &told);
            Ok(())
        }
        Outcome::TooMany { retry_after, told } => {
            tell(about, &told);
            context.log.limited_by("tier");
            Err(Refusal::TooMany(retry_after))
        }
        Outcome::Unavailable => Err(Refusal::Unavailable),
    }
}

fn tell(about: &mut About, told: &Told) {
    about.headers.push(("RateLimit-Policy", told.policy()));
    if let Some(limits) = told.limits() {
        about.headers.push(("RateLimit", limits));
    }
}

/// Counts a call of somebody who showed no token of ours: at their address, and never for an app or a user. Questions of
/// browsers have a count of their own, so that calls without a good token do not stop those of a neighbor that has one.
pub async fn count_stranger<S: Stores>(context: &Context<'_, S>, about: &About) -> Result<(), Refusal> {
    match may_call_as_a_stranger(context, about.origin, about.is_preflight).await {
        true => Ok(()),
        false => Err(Refusal::TooMany(STRANGERS_WAIT)),
    }
}

/// Whether a refusal says that whoever calls is a stranger. A token that was good once is none: its app has to be told to
/// get another.
pub fn is_stranger(refusal: &Refusal) -> bool {
    matches!(
        refusal,
        Refusal::NoToken | Refusal::Malformed(_) | Refusal::Token(Why::NotOurs)
    )
}
