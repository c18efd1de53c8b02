//! How often the same may be asked: by address, by client at an address, by client, and of the portal and the console by
//! whoever is signed in there.
//!
//! Who a request claims to be from is known before anything is proved, and anyone can claim anything. A limit by
//! claimed `client_id` alone would let a stranger use up a victim's share and so lock it out. So:
//!
//! 1. Before authentication a claimed client is counted **together with the address** it is claimed from. Who
//!    hammers under another's name uses up that name's share at their own address only. This is also what limits
//!    public clients, which cannot prove who they are.
//! 2. All requests of an address are counted together, or invented names would have no limit at all. The share is
//!    larger, because many clients may stand behind one address. It is asked second: what (1) refuses does not
//!    count here, so one client that runs wild does not stop its neighbours.
//! 3. A client that **proved** who it is (by a secret or a key) is counted by its id alone, wherever it calls from.
//!    Only it can use up that share.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use crate::context::Context;
use crate::crypto;
use crate::http::{Params, Reply, Request};
use crate::management::actor::Who;
use crate::management::problem::Problem;
use crate::oauth::client_authentication::PresentedClient;
use crate::oauth::error::{ErrorCode, OAuthError};
use crate::store::{Limit, Limits};

/// Seconds after which a refused caller may come again: the longest window Cloudflare's limiters have. They do not
/// tell how much of it is left.
const RETRY_AFTER: &str = "60";

/// The same as a number.
const PERIOD: Duration = Duration::from_secs(60);

/// An endpoint whose use is limited. Each has counts of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    /// The token endpoint.
    Token,
    /// Pushed authorization requests.
    PushedRequest,
    /// Revocation.
    Revocation,
    /// Introspection.
    Introspection,
    /// The revocation feed.
    Revocations,
    /// The status lists.
    StatusLists,
    /// Questions of reverse proxies whose credential is not good.
    Verification,
    /// The form of the sign-in page.
    SignIn,
}

impl Endpoint {
    fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::PushedRequest => "par",
            Self::Revocation => "revocation",
            Self::Introspection => "introspection",
            Self::Revocations => "revocations",
            Self::StatusLists => "status_lists",
            Self::Verification => "verification",
            Self::SignIn => "sign_in",
        }
    }
}

/// Where a request came from, as coarsely as it is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// One IPv4 address, also when it was written as an IPv6 one.
    V4(Ipv4Addr),
    /// The /64 that a single customer is given: its first four groups.
    V6([u16; 4]),
    /// No address that can be read: on this machine, where Cloudflare does not name one. All share one count.
    Unknown,
}

impl Origin {
    /// Reads the address as Cloudflare names it. Its text is never a key: one IPv6 address has many spellings, and
    /// one customer has 2^64 addresses.
    pub fn of(request: &Request) -> Self {
        Self::of_address(request.header("cf-connecting-ip"))
    }

    /// Reads the address that somebody who may be believed names.
    pub fn of_address(address: Option<&str>) -> Self {
        let address = address.unwrap_or_default();
        match address.trim().parse() {
            Ok(IpAddr::V4(address)) => Self::V4(address),
            Ok(IpAddr::V6(address)) => Self::of_v6(address),
            Err(_) => Self::Unknown,
        }
    }

    fn of_v6(address: Ipv6Addr) -> Self {
        if let Some(mapped) = address.to_ipv4_mapped() {
            return Self::V4(mapped);
        }
        let [a, b, c, d, ..] = address.segments();
        Self::V6([a, b, c, d])
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::V4(address) => write!(f, "v4/{address}"),
            Self::V6([a, b, c, d]) => write!(f, "v6/{a:x}:{b:x}:{c:x}:{d:x}"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

/// Counts a request of a program before anything about it is believed. What cannot be read is refused soon after, and
/// counts for its address only. False: it is one too many.
pub async fn may_ask<S: Limits>(
    context: &Context<'_, S>,
    endpoint: Endpoint,
    request: &Request,
    form: Option<&Params>,
) -> bool {
    if !context.config.rate_limits {
        return true;
    }
    let (name, origin) = (endpoint.name(), Origin::of(request));
    if let Some(claimed) = form.and_then(|form| PresentedClient::from_request(request, form).ok()) {
        // Hashed, because it is a stranger's text of any length.
        let key = format!("{name}/{}/{origin}", crypto::hash(&claimed.client_id));
        if !within(context, Limit::ClientAtAddress, &key).await {
            return false;
        }
    }
    within(context, Limit::Address, &format!("{name}/{origin}")).await
}

/// Counts a request of a client that proved who it is, over all endpoints. False: it is one too many.
pub async fn proven_client_may<S: Limits>(context: &Context<'_, S>, client_id: &str) -> bool {
    !context.config.rate_limits || within(context, Limit::Client, &crypto::hash(client_id)).await
}

/// Counts that a client ends an access token alone, which every copy of the revocation feed keeps until the token expires. Ends
/// of whole families are not counted: there are no more of them than users have agreed to. False: it is one too many.
pub async fn may_end_token<S: Limits>(context: &Context<'_, S>, client_id: &str) -> bool {
    !context.config.rate_limits || within(context, Limit::EndedTokens, &crypto::hash(client_id)).await
}

/// Counts that a client's record is read once more than it would have to be, because what somebody proves themselves
/// with is not in the one at hand. Anyone may do that in its name; when they did so too often, what was changed a moment
/// ago counts some seconds later. False: it is one too many.
pub async fn may_read_again<S: Limits>(context: &Context<'_, S>, client_id: &str) -> bool {
    let key = format!("again/{}", crypto::hash(client_id));
    !context.config.rate_limits || within(context, Limit::ClientAtAddress, &key).await
}

/// Counts that the document of a client that nobody knows is fetched because of this request. False: it is one too many;
/// this server is not to be used to hammer others, nor to be filled.
pub async fn may_fetch_document<S: Limits>(context: &Context<'_, S>, request: &Request) -> bool {
    let key = format!("client_document/{}", Origin::of(request));
    !context.config.rate_limits || within(context, Limit::SignIn, &key).await
}

/// Counts a registration, or a change of one. False: it is one too many.
pub async fn may_register<S: Limits>(context: &Context<'_, S>, request: &Request) -> bool {
    let key = format!("registration/{}", Origin::of(request));
    !context.config.rate_limits || within(context, Limit::SignIn, &key).await
}

/// Counts an attempt to claim an app, which tries a token or has a document fetched.
pub async fn may_claim<S: Limits>(context: &Context<'_, S>, request: &Request) -> Result<(), Problem> {
    let key = format!("claim/{}", Origin::of(request));
    match !context.config.rate_limits || within(context, Limit::SignIn, &key).await {
        true => Ok(()),
        false => Err(Problem::TooMany {
            what: "you tried to claim too many apps at once",
            retry_after: PERIOD,
        }),
    }
}

/// Counts a request about a registration, before anything about it is believed. False: it is one too many.
pub async fn may_ask_about_registration<S: Limits>(context: &Context<'_, S>, request: &Request) -> bool {
    let key = format!("registration/{}", Origin::of(request));
    !context.config.rate_limits || within(context, Limit::Address, &key).await
}

/// Counts a call to an API by somebody who showed no token, or a browser's question before one. Where the address is not known nobody is counted, or one of them
/// could stop all others. False: it is one too many.
pub async fn may_call_as_a_stranger<S: Limits>(context: &Context<'_, S>, origin: Origin, is_preflight: bool) -> bool {
    let is_limited = context.config.rate_limits && origin != Origin::Unknown;
    let kind = if is_preflight { "preflight" } else { "call" };
    !is_limited || within(context, Limit::Strangers, &format!("{kind}/{origin}")).await
}

/// Counts an attempt to sign in. False: it is one too many.
pub async fn may_sign_in<S: Limits>(context: &Context<'_, S>, request: &Request) -> bool {
    let key = format!("{}/{}", Endpoint::SignIn.name(), Origin::of(request));
    !context.config.rate_limits || within(context, Limit::SignIn, &key).await
}

/// Counts a request to the portal, the console or their APIs, before anything is done about it. Changes and reads have
/// counts of their own. What apps do for a user counts for that user, whatever the app, or every app they make would be
/// another share; but beside what they do themselves, so that an app which runs wild does not lock them out.
pub async fn may_manage<S: Limits>(context: &Context<'_, S>, who: &Who, only_reads: bool) -> Result<(), Problem> {
    let key = match who {
        Who::User(user) => format!("user/{}", user.id),
        Who::App {
            user_id: Some(user_id), ..
        } => format!("apps-of/{user_id}"),
        Who::App { client_id, .. } => format!("app/{client_id}"),
    };
    let (limit, what) = match only_reads {
        true => (Limit::Reads, "you asked for too much at once"),
        false => (Limit::Changes, "you changed too much at once"),
    };
    match !context.config.rate_limits || within(context, limit, &key).await {
        true => Ok(()),
        false => Err(Problem::TooMany {
            what,
            retry_after: PERIOD,
        }),
    }
}

/// The answer to programs. OAuth defines no error code for 429: RFC 9126 §2.3 names the status alone and RFC 6749
/// §5.2 no code that fits. `temporarily_unavailable` (§4.1.2.1) says what is meant, that the same request is good
/// later, and is what this server says wherever the answer is "come again". Scripts of other sites may read it,
/// as they may read every answer of these endpoints that matters to them.
pub fn too_many_requests() -> Reply {
    let error = asked_too_often();
    Reply::json(429, &error.body())
        .header("Retry-After", RETRY_AFTER)
        .telling(error.code.as_str())
        .readable_across_origins()
}

/// The answer to a client whose tokens are not revoked because it revoked too many: they still exist, and it may try again
/// (RFC 7009 §2.2.1, which has no 429).
pub fn revoked_too_many() -> Reply {
    Reply {
        status: 503,
        ..too_many_requests()
    }
}

/// What it says.
pub fn asked_too_often() -> OAuthError {
    OAuthError::new(
        ErrorCode::TemporarilyUnavailable,
        "too many requests: wait as long as Retry-After says",
    )
}

/// The same on an answer of another kind.
pub fn with_retry_after(page: Reply) -> Reply {
    page.header("Retry-After", RETRY_AFTER)
}

/// A limiter that cannot answer lets pass, and its fault is in the log: a limiter must not take the server down.
async fn within<S: Limits>(context: &Context<'_, S>, limit: Limit, key: &str) -> bool {
    let within = context.stores.within(limit, key).await.unwrap_or(true);
    if !within {
        context.log.limited_by(limit.name());
    }
    within
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(address: &str) -> String {
        let mut request = Request::default();
        request.headers.insert("cf-connecting-ip".into(), address.into());
        Origin::of(&request).to_string()
    }

    // Rule: PEER 19
    #[test]
    fn an_ipv6_customer_has_one_count_however_many_addresses_and_spellings_they_use() {
        let key = origin("2001:db8:1:2::1");
        for same in [
            "2001:db8:1:2::2",
            "2001:DB8:1:2:ffff:ffff:ffff:ffff",
            "2001:0db8:0001:0002:0000:0000:0000:0001",
            "2001:db8:1:2:0:0:192.0.2.1",
            " 2001:db8:1:2::1 ",
        ] {
            assert_eq!(origin(same), key, "{same}");
        }
        for other in ["2001:db8:1:3::1", "2001:db8:1::1", "2001:db8::1:2:0:0:1"] {
            assert_ne!(origin(other), key, "{other}");
        }
    }

    // Rule: PEER 19
    #[test]
    fn an_ipv4_address_counts_whole_also_when_it_is_written_as_ipv6() {
        let key = origin("192.0.2.1");
        for same in ["::ffff:192.0.2.1", "::FFFF:c000:201", "0:0:0:0:0:ffff:192.0.2.1"] {
            assert_eq!(origin(same), key, "{same}");
        }
        // Were mapped addresses counted by their /64, the whole of IPv4 would share one count.
        for other in ["192.0.2.2", "::ffff:192.0.2.2", "::192.0.2.1"] {
            assert_ne!(origin(other), key, "{other}");
        }
    }

    // Rule: PEER 19
    #[test]
    fn what_is_no_address_shares_one_count_and_is_never_a_key_itself() {
        for none in [
            "",
            "x",
            "192.0.2.1, 192.0.2.2",
            "192.0.2.1:80",
            "[2001:db8::1]",
            "fe80::1%eth0",
            "192.0.2.01",
        ] {
            assert_eq!(origin(none), "unknown", "{none}");
        }
        assert_eq!(Origin::of(&Request::default()), Origin::Unknown);
    }
}
