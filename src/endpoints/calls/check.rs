//! The check of a call, whichever face it came to.
//!
//! What the call's token is good for ([`look_up`]) does not depend on the API, so whoever finds out which API is called does
//! both side by side, and then lets [`decide`] bring them together. With everything at hand that takes no trip to storage; a
//! DPoP proof takes one, because once must mean once.

use std::rc::Rc;
use std::time::Duration;

use futures_util::future::join;

use super::counted::note;
use super::limits::{count_call, count_stranger, is_stranger};
use crate::context::Context;
use crate::endpoints::access_token;
use crate::endpoints::client_request::{ask_ledger, use_once};
use crate::endpoints::limits::Origin;
use crate::feed::CutOff;
use crate::feed::region::Region;
use crate::guard::apis::GuardedApi;
use crate::guard::call::{Credentials, Scheme};
use crate::guard::judge::{Allowed, Judged, judge};
use crate::guard::path::{CallPath, PathError};
use crate::guard::refusal::{Refusal, Why};
use crate::guard::rules::{Matched, Need};
use crate::ledger::shard::Shard;
use crate::ledger::{Inspect, Operation, Outcome};
use crate::oauth::access_token::{AccessToken, AccessTokenClaims};
use crate::oauth::client::App;
use crate::oauth::dpop::{self, ProvenKey, UnverifiedProof};
use crate::oauth::error::{ErrorCode, OAuthError};
use crate::oauth::scope::Scopes;
use crate::store::{StoreError, Stores};

/// How long a ledger may take to answer, asked a second time where the first answer was an error: whoever calls an API is better
/// off with an error than with a slow answer.
const LEDGER_PATIENCE: Duration = Duration::from_millis(1500);

/// A call to an API, as its client sent it.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The method.
    pub method: &'a str,
    /// The path, still percent-encoded.
    pub path: &'a str,
    /// The query without `?`.
    pub query: Option<&'a str>,
    /// `Authorization`
    pub authorization: Option<&'a str>,
    /// `DPoP`
    pub dpop: Option<&'a str>,
    /// The method of the call to come, where a browser asks before it ([`crate::guard::call::preflight_for`]).
    pub preflight_for: Option<&'a str>,
    /// Where it comes from.
    pub origin: Origin,
}

/// A token with a good signature, and what is known of it.
#[derive(Debug)]
pub struct Shown {
    scheme: Scheme,
    text: String,
    token: AccessToken,
    app: Option<Rc<App>>,
    cut_off: Option<CutOff>,
}

/// What a call is about: what limits and counts go by.
#[derive(Debug)]
pub struct About {
    /// The API.
    pub api: Rc<GuardedApi>,
    /// The method of the call; that of the call to come, where a browser asks first.
    pub method: String,
    /// Whether a browser asks before the call: nobody has shown a token for it.
    pub is_preflight: bool,
    /// The pattern of its route, never the path; `None`: no rule is about it.
    pub route: Option<String>,
    /// What the route asks for, and so what the call uses of what its token allows.
    pub needed: Scopes,
    /// Where it comes from.
    pub origin: Origin,
    /// Header fields for the answer, whatever becomes of the call.
    pub headers: Vec<(&'static str, String)>,
}

/// A call that may go on.
#[derive(Debug)]
pub struct Passed {
    /// What it is about.
    pub about: About,
    /// For whom; `None`: anybody may call this.
    pub allowed: Option<Allowed>,
}

/// A call that may not.
#[derive(Debug)]
pub struct Refused {
    /// What it is about.
    pub about: About,
    /// Why.
    pub refusal: Refusal,
    /// Who calls, where the token is one of ours, be it good or not.
    pub caller: Option<Caller>,
    /// Whether whoever calls shows a proof of a key, or has to.
    pub by_dpop: bool,
}

/// Who calls, as the token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The app.
    pub client_id: String,
    /// The developer account behind it.
    pub developer_id: String,
    /// The user; `None`: the app itself.
    pub user_id: Option<String>,
    /// The consent.
    pub consent_id: Option<String>,
}

impl Call<'_> {
    fn is_preflight(&self) -> bool {
        self.preflight_for.is_some()
    }

    /// The method that rules are looked up by.
    fn asked_method(&self) -> &str {
        self.preflight_for.unwrap_or(self.method)
    }
}

impl Caller {
    fn of(claims: &AccessTokenClaims) -> Self {
        let family = claims.latchkey.family.as_ref();
        Self {
            client_id: claims.client_id.clone(),
            developer_id: claims.developer_id.clone(),
            user_id: family.map(|_| claims.sub.clone()),
            consent_id: family.map(|family| family.consent.clone()),
        }
    }
}

/// Reads the token of a call, and looks its app and what was taken back up side by side. No decision is made and nothing
/// used up.
pub async fn look_up<S: Stores>(context: &Context<'_, S>, call: &Call<'_>) -> Result<Shown, Refusal> {
    let credentials = Credentials::read(call.authorization, call.query)?;
    let token = access_token::read(context, credentials.token).await;
    let token = token.map_err(|_| Refusal::Unavailable)?;
    let token = token.ok_or(Refusal::Token(Why::NotOurs))?;
    let app = context.stores.app(&token.claims.client_id);
    let (app, cut_off) = match token.expires_at <= context.now {
        // It is refused whatever was taken back; its app is looked up because the refusal counts for it.
        true => (app.await.unwrap_or_default(), None),
        false => match join(app, cut_off(context, &token.claims)).await {
            (Ok(app), Ok(cut_off)) => (app, cut_off),
            _ => return Err(Refusal::Unavailable),
        },
    };
    if let Some(app) = &app {
        context.log.app(app);
    }
    Ok(Shown {
        scheme: credentials.scheme,
        text: credentials.token.to_owned(),
        token,
        app,
        cut_off,
    })
}

/// Whether a token was taken back, as this isolate's copy of the feed says; where the feed is out of reach, the ledger that
/// knows the token is asked.
async fn cut_off<S: Stores>(
    context: &Context<'_, S>,
    claims: &AccessTokenClaims,
) -> Result<Option<CutOff>, StoreError> {
    let family = claims.latchkey.family.as_ref();
    let shard = family.map_or_else(|| Shard::of_name(&claims.client_id), |family| family.shard);
    let copies = context.stores.feed_copies();
    let clock = || context.stores.clock();
    let told = copies.look(context.stores, Region::of(shard), clock, |cuts| cuts.cut_off(claims));
    if let Ok(told) = told.await {
        return Ok(told);
    }
    let inspect = Inspect {
        family: family.map(|family| family.family.clone()),
        generation: None,
        jti: Some(claims.jti.clone()),
    };
    let inspect = Operation::Inspect(inspect);
    let asked = ask_ledger(context, shard, &inspect);
    Ok(match context.stores.at_most(LEDGER_PATIENCE, "ledger", asked).await? {
        Outcome::Active { .. } => None,
        _ => Some(CutOff::TakenBack),
    })
}

/// Decides about a call to this API.
pub async fn decide<S: Stores>(
    context: &Context<'_, S>,
    api: Rc<GuardedApi>,
    call: &Call<'_>,
    shown: Result<Shown, Refusal>,
) -> Result<Passed, Refused> {
    let has_key = |shown: &Shown| shown.scheme == Scheme::Dpop || shown.token.claims.cnf.is_some();
    let by_dpop = call.dpop.is_some() || shown.as_ref().is_ok_and(has_key);
    let caller = shown.as_ref().ok().map(|shown| Caller::of(&shown.token.claims));
    let app = shown.as_ref().ok().and_then(|shown| shown.app.clone());
    let mut about = About {
        api,
        method: call.asked_method().to_owned(),
        is_preflight: call.is_preflight(),
        route: None,
        needed: Scopes::default(),
        origin: call.origin,
        headers: Vec::new(),
    };
    if by_dpop {
        // The newest, whether the one that came was good or not (RFC 9449 §9).
        let nonce = dpop::nonce(&context.config.sealing_keys, context.now);
        about.headers.push(("DPoP-Nonce", nonce));
    }
    let mut judged = judged(context, &mut about, call, shown).await;
    let shows_no_token = match &judged {
        Ok(allowed) => allowed.is_none(),
        Err(refusal) => caller.is_none() && is_stranger(refusal),
    };
    if shows_no_token && let Err(too_many) = count_stranger(context, &about).await {
        judged = Err(too_many);
    }
    note(context, &about, app.as_deref(), &judged);
    match judged {
        Ok(allowed) => Ok(Passed { about, allowed }),
        Err(refusal) => Err(Refused {
            about,
            refusal,
            caller,
            by_dpop,
        }),
    }
}

async fn judged<S: Stores>(
    context: &Context<'_, S>,
    about: &mut About,
    call: &Call<'_>,
    shown: Result<Shown, Refusal>,
) -> Result<Option<Allowed>, Refusal> {
    let path = CallPath::parse(call.path).map_err(|error| Refusal::Malformed(described(error)))?;
    let api = Rc::clone(&about.api);
    let need = match api.rules.find(&about.method, &path) {
        Matched::Rule { route, need } => {
            about.route = Some(route.to_owned());
            need
        }
        Matched::OtherMethods => return Err(Refusal::Method(api.rules.methods(&path))),
        Matched::Nothing => return Err(Refusal::NoRoute),
    };
    let Need::Token(needed) = need else {
        return Ok(None);
    };
    about.needed = needed.clone();
    if call.is_preflight() {
        // Browsers ask without a token. What the API says to sites it says itself.
        return Ok(None);
    }
    let shown = shown?;
    let proof = match shown.scheme {
        Scheme::Bearer => None,
        Scheme::Dpop => Some(proven_key(context, &api, call, &shown.text).await?),
    };
    let allowed = judge(Judged {
        token: &shown.token,
        scheme: shown.scheme,
        proof: proof.as_ref(),
        resource: &api.resource,
        needed,
        app: shown.app.as_deref(),
        cut_off: shown.cut_off,
        now: context.now,
    })?;
    if let Some(proof) = proof {
        if let Some(app) = &shown.app {
            proof.is_enough_for(app).map_err(refused_proof)?;
        }
        // Last: what is refused for another reason uses nothing up.
        let family = shown.token.claims.latchkey.family.as_ref();
        let shard = family.map_or_else(|| Shard::of_name(&proof.thumbprint), |family| family.shard);
        let used = use_once(context, shard, proof.single_use);
        match context.stores.at_most(LEDGER_PATIENCE, "ledger", used).await {
            Ok(true) => {}
            Ok(false) => return Err(refused_proof(dpop::replayed())),
            Err(_) => return Err(Refusal::Unavailable),
        }
    }
    if let Some(app) = &shown.app {
        count_call(context, about, app, &allowed).await?;
    }
    Ok(Some(allowed))
}

/// Checks the proof of a call (RFC 9449 §4.3, §7.1). It names the API's own address, or on this machine one that stands
/// for it: never the host that the call claims to be for.
async fn proven_key<S: Stores>(
    context: &Context<'_, S>,
    api: &GuardedApi,
    call: &Call<'_>,
    token: &str,
) -> Result<ProvenKey, Refusal> {
    let header = call.dpop.ok_or_else(|| {
        let description = "a token that is bound to a key needs a proof in the header DPoP";
        Refusal::Proof(description.into())
    })?;
    let mut first_error = None;
    for origin in api.origins(&context.config.local_resources) {
        let expected = dpop::Expected {
            method: call.method,
            url: &format!("{origin}{}", call.path),
            now: context.now,
        };
        let proof = UnverifiedProof::check(header, expected, &context.config.sealing_keys, context.random);
        match proof.and_then(|proof| proof.for_token(token)) {
            Ok(proof) => {
                let (jwt, key) = proof.signature();
                let signature_is_good = context.stores.is_signed_by(key, jwt).await;
                return proof.accept(signature_is_good).map_err(refused_proof);
            }
            Err(error) => first_error = first_error.or(Some(error)),
        }
    }
    Err(first_error.map_or(Refusal::Unavailable, refused_proof))
}

fn refused_proof(error: OAuthError) -> Refusal {
    match error.code {
        ErrorCode::UseDpopNonce => Refusal::Nonce,
        _ => Refusal::Proof(error.description().to_owned()),
    }
}

fn described(error: PathError) -> &'static str {
    match error {
        PathError::TooLong => "the path is longer than 4096 bytes or 64 segments",
        PathError::Relative => "the path must begin with a slash",
        PathError::Encoding => "the path has a broken percent-encoding",
        PathError::Ambiguous => "the path has a segment that servers read in different ways",
    }
}
