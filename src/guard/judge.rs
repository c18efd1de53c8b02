//! The decision about a call.

use super::call::Scheme;
use super::refusal::{Refusal, Why};
use crate::feed::CutOff;
use crate::oauth::access_token::AccessToken;
use crate::oauth::client::{App, SubjectType};
use crate::oauth::dpop::ProvenKey;
use crate::oauth::scope::Scopes;
use crate::oauth::standing::Standing;
use crate::time::Timestamp;

/// A call whose token has a good signature, and what is known of it.
#[derive(Debug, Clone, Copy)]
pub struct Judged<'a> {
    /// The token.
    pub token: &'a AccessToken,
    /// How it is shown.
    pub scheme: Scheme,
    /// The key whose possession was proved. Its proof names this very token.
    pub proof: Option<&'a ProvenKey>,
    /// The API that is called: its resource indicator.
    pub resource: &'a str,
    /// What the route asks for.
    pub needed: &'a Scopes,
    /// The app as it is now; `None`: there is none.
    pub app: Option<&'a App>,
    /// Whether it was taken back, as the feed or the ledger says.
    pub cut_off: Option<CutOff>,
    /// When.
    pub now: Timestamp,
}

/// A call that may go on, and for whom. Made by [`judge`], and by nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed {
    /// The user it speaks for; `None`: the app itself.
    pub user_id: Option<String>,
    /// The app.
    pub client_id: String,
    /// The developer account behind the app.
    pub developer_id: String,
    /// What the token still allows at this API.
    pub scopes: Scopes,
    /// How the token is shown: `Bearer` or `DPoP`.
    pub token_type: &'static str,
    /// The consent behind it.
    pub consent_id: Option<String>,
    /// `jti`
    pub token_id: String,
    /// `iat`
    pub issued_at: Timestamp,
    /// `exp`
    pub expires_at: Timestamp,
}

/// Decides about a call. What is said of a token that is not good is the first of what is wrong with it.
pub fn judge(call: Judged<'_>) -> Result<Allowed, Refusal> {
    let claims = &call.token.claims;
    if call.token.expires_at <= call.now {
        return Err(Refusal::Token(Why::Expired));
    }
    if !claims.aud.contains(call.resource) {
        return Err(Refusal::Token(Why::Audience));
    }
    check_key(&call)?;
    let standing = |app: &&App| app.standing() != Standing::Unavailable && app.epoch <= claims.latchkey.app_epoch;
    let app = call.app.filter(standing).ok_or(Refusal::Token(Why::App))?;
    match call.cut_off {
        Some(CutOff::App) => return Err(Refusal::Token(Why::App)),
        Some(CutOff::TakenBack) => return Err(Refusal::Token(Why::TakenBack)),
        None => {}
    }
    let family = claims.latchkey.family.as_ref();
    let subject = match family {
        Some(_) => SubjectType::User,
        None => SubjectType::Client,
    };
    let here = [call.resource.to_owned()];
    let grant = app.available_scopes(subject).effective(&claims.scope, &here);
    // Nothing it may do is left.
    let grant = grant.ok_or(Refusal::Scope)?;
    if !call.needed.is_subset(&grant.scopes) {
        return Err(Refusal::Scope);
    }
    Ok(Allowed {
        user_id: family.is_some().then(|| claims.sub.clone()),
        client_id: claims.client_id.clone(),
        developer_id: claims.developer_id.clone(),
        scopes: grant.scopes,
        token_type: claims.token_type(),
        consent_id: family.map(|family| family.consent.clone()),
        token_id: claims.jti.clone(),
        issued_at: call.token.issued_at,
        expires_at: call.token.expires_at,
    })
}

/// A bound token comes with a proof of its key, any other as `Bearer`: what is bound must not pass where nobody asks for the
/// proof, nor a proof be shown for nothing (RFC 9449 §7.1, §7.2).
fn check_key(call: &Judged<'_>) -> Result<(), Refusal> {
    let bound_to = call.token.claims.cnf.as_ref().map(|cnf| cnf.jkt.as_str());
    let proven = call.proof.map(|proof| proof.thumbprint.as_str());
    let fits = match call.scheme {
        Scheme::Bearer => bound_to.is_none(),
        Scheme::Dpop => bound_to.is_some() && bound_to == proven,
    };
    fits.then_some(()).ok_or(Refusal::Token(Why::Key))
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
