//! The authorization request (OAuth 2.1 §4.1.1) and its checks, in order.

use serde::{Deserialize, Serialize};

use super::client::{App, SubjectType};
use super::dpop;
use super::error::{AuthorizationError, ErrorCode, OAuthError, PageReason};
use super::grant::EffectiveGrant;
use super::pkce::CodeChallenge;
use super::redirect_uri::VerifiedRedirect;
use super::scope::Scopes;
use super::standing::Standing;
use crate::http::{Params, percent_encoded};

/// The longest `state` that is returned, in letters of a URL.
const MAX_STATE: usize = 4096;
/// The longest list of languages that is read, in letters.
const MAX_UI_LOCALES: usize = 100;
/// The longest list of scopes, in letters: it has to fit into an access token that APIs accept in a header.
pub const MAX_SCOPE: usize = 4096;

/// A request that passed every check which needs no user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizationRequest {
    /// The app.
    pub client_id: String,
    /// The app's epoch when it asked: a code is worth nothing once it rose.
    pub app_epoch: u32,
    /// Where the answer goes.
    pub redirect_uri: VerifiedRedirect,
    /// What is asked for: never empty, and all of it grantable.
    pub scopes: Scopes,
    /// Those of them that the user may leave out.
    #[serde(default, skip_serializing_if = "Scopes::is_empty")]
    pub optional: Scopes,
    /// The APIs it is asked for, by their registered resource indicators.
    pub resources: Vec<String>,
    /// Returned to the app unread.
    pub state: Option<String>,
    /// Binds the code to the app instance that asked (RFC 7636).
    pub code_challenge: CodeChallenge,
    /// Binds the code to a key (RFC 9449 §10): its thumbprint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dpop_jkt: Option<String>,
    /// How the user is to be asked.
    pub prompt: Prompt,
    /// The most seconds that may have passed since the user signed in (OpenID Connect Core §3.1.2.1).
    pub max_age: Option<u32>,
    /// Whom the app expects to sign in.
    pub login_hint: Option<String>,
    /// The languages the app asks the pages to be in, the best first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ui_locales: Option<String>,
}

/// How a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// In a link, through the user's browser.
    ByBrowser,
    /// From the app itself, ahead of the link (RFC 9126).
    Pushed,
}

/// The parameters that mean anything to this endpoint; others are ignored (OAuth 2.1 §3.1).
pub const PARAMETERS: [&str; 17] = [
    "acr_values",
    "client_id",
    "code_challenge",
    "code_challenge_method",
    "dpop_jkt",
    "login_hint",
    "max_age",
    "prompt",
    "redirect_uri",
    "registration",
    "request",
    "resource",
    "response_mode",
    "response_type",
    "scope",
    "state",
    "ui_locales",
];

/// The `prompt` parameter (OpenID Connect Core §3.1.2.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prompt {
    /// Show nothing; fail instead.
    pub none: bool,
    /// Sign in anew.
    pub login: bool,
    /// Show the consent page, also where there is nothing new to agree to.
    #[serde(default)]
    pub consent: bool,
    /// Choose the account.
    #[serde(default)]
    pub select_account: bool,
}

impl Prompt {
    /// Whether the sign-in page is shown to somebody who is signed in already.
    pub fn asks_to_sign_in(self) -> bool {
        self.login || self.select_account
    }
}

/// A request whose app and redirect URI are good, so that errors may be sent there.
struct Trusted<'a> {
    app: &'a App,
    params: &'a Params,
    sent: Sent,
    redirect_uri: VerifiedRedirect,
}

/// Reads the app named by a request, before anything else is looked at.
pub fn client_id(params: &Params) -> Result<&str, PageReason> {
    params
        .one("client_id")
        .map_err(|_| PageReason::ClientIdRepeated)?
        .ok_or(PageReason::ClientIdMissing)
}

impl AuthorizationRequest {
    /// Checks a request in this order: app, redirect URI, response mode (each failing with a page), then repeated
    /// parameters, the length of `state`, unsupported ways to ask, whether it had to be pushed, response type, PKCE,
    /// `dpop_jkt`, scope and resource, `acr_values`, prompt and max_age (each failing with a redirect).
    pub fn parse(params: &Params, app: Option<&App>, sent: Sent) -> Result<Self, AuthorizationError> {
        let trusted = Trusted::check(params, app, sent).map_err(AuthorizationError::Page)?;
        trusted.request().map_err(|error| AuthorizationError::Redirect {
            to: trusted.redirect_uri.clone(),
            error,
            state: trusted.state(),
        })
    }
}

impl<'a> Trusted<'a> {
    fn check(params: &'a Params, app: Option<&'a App>, sent: Sent) -> Result<Self, PageReason> {
        client_id(params)?;
        let app = app.ok_or(PageReason::ClientUnknown)?;
        let requested = params
            .one("redirect_uri")
            .map_err(|_| PageReason::RedirectUriRepeated)?
            .ok_or(PageReason::RedirectUriMissing)?;
        let redirect_uri =
            VerifiedRedirect::find(requested, &app.redirect_uris).ok_or(PageReason::RedirectUriMismatch)?;
        if app.standing() == Standing::Unavailable {
            return Err(PageReason::ClientUnavailable);
        }
        match params.all("response_mode") {
            [] => {}
            [mode] if mode == "query" => {}
            _ => return Err(PageReason::ResponseModeUnsupported),
        }
        Ok(Self {
            app,
            params,
            sent,
            redirect_uri,
        })
    }

    /// The app's `state`, unless it would not fit into a redirect.
    fn state(&self) -> Option<String> {
        let state = self.params.one("state").ok().flatten()?;
        (percent_encoded(state).to_string().len() <= MAX_STATE).then(|| state.to_owned())
    }

    fn request(&self) -> Result<AuthorizationRequest, OAuthError> {
        if self.params.repeated(&["resource"]).is_some() {
            return Err(invalid_request("a parameter was sent more than once"));
        }
        if self.one("state").is_some() && self.state().is_none() {
            return Err(invalid_request("state is too long"));
        }
        for (name, code) in [
            ("request", ErrorCode::RequestNotSupported),
            ("request_uri", ErrorCode::RequestUriNotSupported),
            ("registration", ErrorCode::RegistrationNotSupported),
        ] {
            if self.one(name).is_some() {
                return Err(OAuthError::new(code, format!("the parameter {name} is not supported")));
            }
        }
        if self.sent == Sent::ByBrowser && self.app.security.requires_pushed_requests() {
            return Err(invalid_request(
                "this client must push its authorization requests (RFC 9126)",
            ));
        }
        match self.one("response_type") {
            Some("code") => {}
            Some(_) => {
                return Err(OAuthError::new(
                    ErrorCode::UnsupportedResponseType,
                    "response_type must be code",
                ));
            }
            None => return Err(invalid_request("response_type is required and must be code")),
        }
        let code_challenge = CodeChallenge::parse(self.one("code_challenge"), self.one("code_challenge_method"))?;
        let dpop_jkt = self.one("dpop_jkt").map(dpop::parse_thumbprint).transpose()?;
        let EffectiveGrant { scopes, resources } = self.grant()?;
        if self.one("acr_values").is_some() {
            // No authentication context is known here: better no token than a lesser one (RFC 9470 §5).
            return Err(OAuthError::new(
                ErrorCode::UnmetAuthenticationRequirements,
                "none of acr_values is supported: leave it out",
            ));
        }
        Ok(AuthorizationRequest {
            client_id: self.app.client_id.clone(),
            app_epoch: self.app.epoch,
            redirect_uri: self.redirect_uri.clone(),
            optional: self.app.optional_scopes(&scopes),
            scopes,
            resources,
            state: self.state(),
            code_challenge,
            dpop_jkt,
            prompt: self.prompt()?,
            max_age: self.max_age()?,
            login_hint: self
                .one("login_hint")
                .filter(|hint| hint.len() <= 254)
                .map(str::to_owned),
            // What is too long counts for nothing: no language is worth an error (OpenID Connect Core §3.1.2.1).
            ui_locales: self
                .one("ui_locales")
                .filter(|tags| tags.len() <= MAX_UI_LOCALES)
                .map(str::to_owned),
        })
    }

    /// The one value of a parameter; repeated ones have been refused before.
    fn one(&self, name: &str) -> Option<&str> {
        self.params.one(name).ok().flatten()
    }

    /// What is asked for, as far as it may be: scopes the app may have, of the named APIs, and only such.
    fn grant(&self) -> Result<EffectiveGrant, OAuthError> {
        let invalid_scope = |description: String| OAuthError::new(ErrorCode::InvalidScope, description);
        let available = self.app.available_scopes(SubjectType::User);
        let named = self.named_resources()?;
        let within = |scopes: &Scopes| match named.as_slice() {
            [] => available.effective_anywhere(scopes),
            named => available.effective(scopes, named),
        };
        let asked = self.one("scope").map(Scopes::parse_requested).transpose();
        let asked = asked.map_err(|error| invalid_scope(error.to_string()))?.flatten();
        let grant = match &asked {
            None => within(&self.app.default_scopes(SubjectType::User)),
            Some(asked) => {
                let refused = asked.difference(&available.all());
                if !refused.is_empty() {
                    return Err(invalid_scope(format!("this app may not ask for: {refused}")));
                }
                let grant = within(asked);
                let covered = grant.as_ref().map(|grant| grant.scopes.clone()).unwrap_or_default();
                let foreign = asked.difference(&covered);
                if !foreign.is_empty() {
                    return Err(invalid_scope(format!("not scopes of the named resource: {foreign}")));
                }
                grant
            }
        };
        let grant =
            grant.ok_or_else(|| invalid_scope("no scope is left to ask for: name one this app may have".to_owned()))?;
        if grant.scopes.to_string().len() > MAX_SCOPE {
            return Err(invalid_scope("too many scopes at once".to_owned()));
        }
        if named.iter().any(|resource| !grant.resources.contains(resource)) {
            let description = "no scope is asked for that belongs to one of the named resources";
            return Err(OAuthError::new(ErrorCode::InvalidTarget, description));
        }
        Ok(grant)
    }

    fn named_resources(&self) -> Result<Vec<String>, OAuthError> {
        let find = |requested: &String| {
            let api = self.app.api_by_resource(requested).ok_or_else(|| {
                let description = "resource is not the resource indicator of an API of this server";
                OAuthError::new(ErrorCode::InvalidTarget, description)
            });
            api.map(|api| api.resource.clone())
        };
        self.params.all("resource").iter().map(find).collect()
    }

    fn prompt(&self) -> Result<Prompt, OAuthError> {
        let mut prompt = Prompt::default();
        let values: Vec<&str> = self
            .one("prompt")
            .unwrap_or_default()
            .split(' ')
            .filter(|value| !value.is_empty())
            .collect();
        for value in &values {
            match *value {
                "none" if values.len() > 1 => return Err(invalid_request("prompt=none stands alone")),
                "none" => prompt.none = true,
                "login" => prompt.login = true,
                "consent" => prompt.consent = true,
                "select_account" => prompt.select_account = true,
                _ => return Err(invalid_request("prompt must be none, login, consent or select_account")),
            }
        }
        Ok(prompt)
    }

    fn max_age(&self) -> Result<Option<u32>, OAuthError> {
        let parse = |text: &str| {
            text.parse()
                .map_err(|_| invalid_request("max_age must be a number of seconds"))
        };
        self.one("max_age").map(parse).transpose()
    }
}

fn invalid_request(description: impl AsRef<str>) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidRequest, description)
}

#[cfg(test)]
#[path = "authorization_request_tests.rs"]
mod tests;
