//! The authorization request (OAuth 2.1 §4.1.1) and its checks, in order.

use serde::{Deserialize, Serialize};

use super::client::{App, AppStatus, SubjectType};
use super::error::{AuthorizationError, ErrorCode, OAuthError, PageReason};
use super::pkce::CodeChallenge;
use super::redirect_uri::VerifiedRedirect;
use super::scope::Scopes;
use crate::http::Params;

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
    /// The APIs it is asked for, by their registered resource indicators.
    pub resources: Vec<String>,
    /// Returned to the app unread.
    pub state: Option<String>,
    /// Binds the code to the app instance that asked (RFC 7636).
    pub code_challenge: CodeChallenge,
    /// How the user is to be asked.
    pub prompt: Prompt,
    /// The most seconds that may have passed since the user signed in (OpenID Connect Core §3.1.2.1).
    pub max_age: Option<u32>,
    /// Whom the app expects to sign in.
    pub login_hint: Option<String>,
}

/// The `prompt` parameter (OpenID Connect Core §3.1.2.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prompt {
    /// Show nothing; fail instead.
    pub none: bool,
    /// Sign in anew, or choose the account: either way the sign-in page is shown.
    pub login: bool,
}

/// A request whose app and redirect URI are good, so that errors may be sent there.
struct Trusted<'a> {
    app: &'a App,
    params: &'a Params,
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
    /// Checks a request in this order: app, redirect URI, response mode (each failing with a page), then
    /// repeated parameters, unsupported ways to ask, response type, PKCE, scope, resource, prompt and
    /// max_age (each failing with a redirect).
    pub fn parse(params: &Params, app: Option<&App>) -> Result<Self, AuthorizationError> {
        let trusted = Trusted::check(params, app).map_err(AuthorizationError::Page)?;
        trusted.request().map_err(|error| AuthorizationError::Redirect {
            to: trusted.redirect_uri.clone(),
            error,
            state: trusted.state(),
        })
    }
}

impl<'a> Trusted<'a> {
    fn check(params: &'a Params, app: Option<&'a App>) -> Result<Self, PageReason> {
        client_id(params)?;
        let app = app.ok_or(PageReason::ClientUnknown)?;
        let requested = params
            .one("redirect_uri")
            .map_err(|_| PageReason::RedirectUriRepeated)?
            .ok_or(PageReason::RedirectUriMissing)?;
        let redirect_uri =
            VerifiedRedirect::find(requested, &app.redirect_uris).ok_or(PageReason::RedirectUriMismatch)?;
        if app.status != AppStatus::Approved {
            return Err(PageReason::ClientNotApproved);
        }
        match params.all("response_mode") {
            [] => {}
            [mode] if mode == "query" => {}
            _ => return Err(PageReason::ResponseModeUnsupported),
        }
        Ok(Self {
            app,
            params,
            redirect_uri,
        })
    }

    fn state(&self) -> Option<String> {
        self.params.one("state").ok().flatten().map(str::to_owned)
    }

    fn request(&self) -> Result<AuthorizationRequest, OAuthError> {
        if let Some(name) = self.params.repeated(&["resource"]) {
            return Err(invalid_request(format!("the parameter {name} was sent more than once")));
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
        let named = self.resources()?;
        let scopes = self.scopes(&named)?;
        let resources = match named.as_slice() {
            [] => self.app.apis_of(&scopes).map(|api| api.resource.clone()).collect(),
            _ => named,
        };
        Ok(AuthorizationRequest {
            client_id: self.app.client_id.clone(),
            app_epoch: self.app.epoch,
            redirect_uri: self.redirect_uri.clone(),
            scopes,
            resources,
            state: self.state(),
            code_challenge,
            prompt: self.prompt()?,
            max_age: self.max_age()?,
            login_hint: self
                .one("login_hint")
                .filter(|hint| hint.len() <= 254)
                .map(str::to_owned),
        })
    }

    /// The one value of a parameter; repeated ones have been refused before.
    fn one(&self, name: &str) -> Option<&str> {
        self.params.one(name).ok().flatten()
    }

    fn resources(&self) -> Result<Vec<String>, OAuthError> {
        let mut resources = Vec::new();
        for requested in self.params.all("resource") {
            let api = self.app.api_by_resource(requested).ok_or_else(|| {
                OAuthError::new(
                    ErrorCode::InvalidTarget,
                    "resource is not the resource indicator of an API of this server",
                )
            })?;
            if !resources.contains(&api.resource) {
                resources.push(api.resource.clone());
            }
        }
        Ok(resources)
    }

    fn scopes(&self, resources: &[String]) -> Result<Scopes, OAuthError> {
        let invalid_scope = |description: String| OAuthError::new(ErrorCode::InvalidScope, description);
        let grantable = self.app.grantable_scopes(SubjectType::User);
        let requested = match self.params.all("scope") {
            [] => {
                let of_resources = |scopes: Scopes| match resources {
                    [] => scopes,
                    _ => scopes.intersection(&self.scopes_of(resources)),
                };
                of_resources(self.app.default_scopes(SubjectType::User))
            }
            // `offline_access` is no permission here: refresh tokens do not depend on it.
            [text, ..] => {
                let asked = Scopes::parse(text).map_err(|error| invalid_scope(error.to_string()))?;
                asked.iter().filter(|scope| *scope != "offline_access").collect()
            }
        };
        let refused = requested.difference(&grantable);
        if !refused.is_empty() {
            return Err(invalid_scope(format!("this app may not ask for: {refused}")));
        }
        if !resources.is_empty() {
            let foreign = requested.difference(&self.scopes_of(resources));
            if !foreign.is_empty() {
                return Err(invalid_scope(format!("not scopes of the named resource: {foreign}")));
            }
        }
        if requested.is_empty() {
            return Err(invalid_scope(
                "no scope is left to ask for: name one this app may have".into(),
            ));
        }
        Ok(requested)
    }

    fn scopes_of(&self, resources: &[String]) -> Scopes {
        let apis = self.app.apis.iter().filter(|api| resources.contains(&api.resource));
        apis.flat_map(|api| api.scopes.iter().map(|scope| scope.name.as_str()))
            .collect()
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
                "login" | "select_account" => prompt.login = true,
                // The consent page is always shown.
                "consent" => {}
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
