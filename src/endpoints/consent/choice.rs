//! What is offered to the user, and what they make of it. Pure.

use crate::oauth::authorization_request::AuthorizationRequest;
use crate::oauth::client::{ApiAccess, App, CatalogueScope};
use crate::oauth::scope::Scopes;
use crate::oauth::standing::Standing;
use crate::store::ActiveConsent;

/// What is asked for, as the user sees it.
pub struct Offer<'a> {
    /// By API, in the catalogue's order; none without a permission.
    pub apis: Vec<(&'a ApiAccess, Vec<Permission<'a>>)>,
    /// What the user agreed to before.
    pub state: OfferState,
}

/// How a request compares with what the user agreed to before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OfferState {
    /// The app is new to them.
    FirstTime,
    /// It asks for more.
    More,
    /// It asks for nothing they were not asked about before.
    NothingNew,
}

/// One permission.
#[derive(Clone, Copy)]
pub struct Permission<'a> {
    /// The catalogue's words for it.
    pub scope: &'a CatalogueScope,
    /// Whether the user neither agreed to it before nor left it out.
    pub is_new: bool,
    /// Whether they may leave it out.
    pub is_optional: bool,
    /// Whether it is chosen before they touch anything.
    pub is_ticked: bool,
}

impl<'a> Offer<'a> {
    /// Compares a request with everything the user has agreed to for this app, in whichever install. `sent`: what they
    /// ticked a moment ago, on a page that comes back.
    pub fn new(
        app: &'a App,
        request: &'a AuthorizationRequest,
        consents: &[ActiveConsent],
        sent: Option<&Scopes>,
    ) -> Self {
        let granted: Scopes = consents.iter().flat_map(|consent| consent.scopes.iter()).collect();
        let declined: Scopes = consents.iter().flat_map(|consent| consent.declined.iter()).collect();
        let permission = |scope: &'a CatalogueScope| {
            let is_optional = request.optional.contains(&scope.name);
            let (granted, declined) = (granted.contains(&scope.name), declined.contains(&scope.name));
            let at_first = !declined && (granted || !scope.sensitive);
            Permission {
                scope,
                is_new: !(granted || declined && is_optional),
                is_optional,
                is_ticked: !is_optional || sent.map_or(at_first, |sent| sent.contains(&scope.name)),
            }
        };
        let asked = |api: &'a ApiAccess| {
            let asked = api.scopes.iter().filter(|scope| request.scopes.contains(&scope.name));
            asked.map(permission).collect::<Vec<_>>()
        };
        let apis: Vec<_> = app
            .apis_of(&request.scopes)
            .map(|api| (api, asked(api)))
            .filter(|(_, permissions)| !permissions.is_empty())
            .collect();
        let anything_new = apis
            .iter()
            .any(|(_, permissions)| permissions.iter().any(|permission| permission.is_new));
        Self {
            apis,
            state: match (consents.is_empty(), anything_new) {
                (true, _) => OfferState::FirstTime,
                (false, true) => OfferState::More,
                (false, false) => OfferState::NothingNew,
            },
        }
    }
}

/// What a user agreed to, out of what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// What they agreed to; never empty.
    pub scopes: Scopes,
    /// What they could leave out and did.
    pub declined: Scopes,
}

impl Choice {
    /// The choice of whoever ticked these. What is not optional cannot be dropped, and nothing can be added. `None`:
    /// they left out everything.
    pub fn of(request: &AuthorizationRequest, ticked: &Scopes) -> Option<Self> {
        let declined = request.optional.difference(ticked);
        let scopes = request.scopes.difference(&declined);
        (!scopes.is_empty()).then_some(Self { scopes, declined })
    }

    /// Whether the user left anything out.
    pub fn is_everything(&self) -> bool {
        self.declined.is_empty()
    }
}

/// Why a request cannot be answered without showing a page (OpenID Connect Core §3.1.2.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MustAsk {
    /// There is something to agree to.
    Consent,
    /// The user agreed to all of it before, but an app like this is asked about every time.
    Always,
}

/// What a user agreed to before and would agree to now, where that may be taken for granted: the app is reviewed, and
/// its answers go to an address on the web that nobody else receives at (OAuth 2.1 §7.3.1, RFC 8252 §8.6). Only the
/// connection the request would add to counts: one install must not bring another back that its user has taken back.
pub fn remembered(app: &App, request: &AuthorizationRequest, consents: &[ActiveConsent]) -> Result<Choice, MustAsk> {
    let covered = |consent: &ActiveConsent| {
        let choice = Choice::of(request, &request.optional.difference(&consent.declined))?;
        choice.scopes.is_subset(&consent.scopes).then_some(choice)
    };
    let may_be_remembered = app.standing() == Standing::Reviewed && request.redirect_uri.leads_to_a_site();
    let found = consents
        .iter()
        .filter(|consent| !may_be_remembered || consent.instance.is_empty())
        .find_map(covered);
    match found {
        Some(choice) if may_be_remembered => Ok(choice),
        Some(_) => Err(MustAsk::Always),
        None => Err(MustAsk::Consent),
    }
}

#[cfg(test)]
#[path = "choice_tests.rs"]
mod tests;
