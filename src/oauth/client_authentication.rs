//! Client authentication (OAuth 2.1 §2.4): Basic, post, private_key_jwt or none.

use std::rc::Rc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;

use super::client::{App, StoredSecret};
use super::client_assertion::{self, ASSERTION_TYPE, Audience, SignedAssertion, UnverifiedAssertion};
use super::client_security::Authentication;
use super::error::{ErrorCode, OAuthError};
use super::secret::Secret;
use super::standing::Standing;
use crate::http::{Params, Request};
use crate::random::Random;
use crate::time::Timestamp;

/// The ways there are, as metadata lists them.
pub const METHODS: [&str; 4] = ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"];

/// Who the caller says it is, read from the request but not checked.
#[derive(Debug, Clone)]
pub struct PresentedClient {
    /// The claimed identifier.
    pub client_id: String,
    credential: Credential,
}

/// With what the caller proves it.
#[derive(Debug, Clone)]
enum Credential {
    None,
    Secret(Secret),
    Assertion(Secret),
}

/// How far a check got without asking anybody.
#[derive(Debug, Clone)]
pub enum Checked {
    /// The app is who it says.
    Authenticated(AuthenticatedClient),
    /// It is if the signature of its assertion is good, and if it is used for the first time.
    Asserted(AssertedClient),
}

/// An app whose assertion is still to be verified.
#[derive(Debug, Clone)]
pub struct AssertedClient {
    app: Rc<App>,
    assertion: Secret,
}

/// An app that proved who it is and may be used: a confidential one by its secret or its key, a public one,
/// which has nothing to prove it with, by naming itself.
#[derive(Debug, Clone)]
pub struct AuthenticatedClient {
    app: Rc<App>,
    /// Which of its secrets it proved itself with.
    secret: Option<String>,
}

impl PresentedClient {
    /// Reads the credentials of a request. At most one mechanism may be used; a `client_id` in the body that
    /// equals the one of the Basic header or the assertion is no second one. Credentials in the URL are refused.
    pub fn from_request(request: &Request, form: &Params) -> Result<Self, OAuthError> {
        let query = request
            .query_params()
            .map_err(|error| invalid_request(&error.to_string()))?;
        let credentials = ["client_id", "client_secret", "client_assertion"];
        if credentials.iter().any(|name| !query.all(name).is_empty()) {
            return Err(invalid_client("client credentials must not be sent in the URL"));
        }
        let one = |name| {
            form.one(name)
                .map_err(|_| invalid_request("a client credential was sent more than once"))
        };
        let (id, secret, assertion) = (one("client_id")?, one("client_secret")?, one("client_assertion")?);
        let assertion = match (assertion, one("client_assertion_type")?) {
            (Some(assertion), Some(ASSERTION_TYPE)) => Some(assertion),
            (None, None) => None,
            _ => {
                let description = format!("client_assertion and client_assertion_type={ASSERTION_TYPE} go together");
                return Err(invalid_client(&description));
            }
        };
        let basic = request
            .header("authorization")
            .map(|header| {
                parse_basic(header).ok_or_else(|| invalid_client("the Authorization header is not HTTP Basic"))
            })
            .transpose()?;
        let presented = match (basic, secret, assertion) {
            (Some(basic), None, None) => basic,
            (None, None, Some(assertion)) => Self {
                client_id: client_assertion::claimed_client(assertion)?,
                credential: Credential::Assertion(Secret::new(assertion)),
            },
            (None, secret, None) => Self {
                client_id: id.ok_or_else(|| invalid_client("client_id is missing"))?.to_owned(),
                credential: secret.map_or(Credential::None, |secret| Credential::Secret(Secret::new(secret))),
            },
            _ => return Err(invalid_request("use one way of client authentication, not two")),
        };
        if id.is_some_and(|id| id != presented.client_id) {
            return Err(invalid_request("client_id differs from the client that authenticates"));
        }
        Ok(presented)
    }

    /// Reads credentials in the form of HTTP Basic, as they stand in a header.
    pub fn from_basic(header: &str) -> Option<Self> {
        parse_basic(header)
    }

    /// Checks the credentials against the app of that name. An unknown app and a wrong secret read alike.
    pub fn check(self, app: Option<Rc<App>>) -> Result<Checked, OAuthError> {
        let app = app.ok_or_else(|| invalid_client("unknown client or wrong client credentials"))?;
        let mut used = None;
        match (app.authentication(), self.credential) {
            (Authentication::ClientSecret, Credential::Secret(secret)) => {
                let found = find_secret(&secret, &app.secrets);
                let found = found.ok_or_else(|| invalid_client("unknown client or wrong client credentials"))?;
                used = Some(found.id.clone());
            }
            (Authentication::ClientSecret, _) => {
                return Err(invalid_client("this client must authenticate with its client secret"));
            }
            (Authentication::PrivateKeyJwt, Credential::Assertion(assertion)) => {
                return Ok(Checked::Asserted(AssertedClient { app, assertion }));
            }
            (Authentication::PrivateKeyJwt, _) => {
                return Err(invalid_client("this client must authenticate with private_key_jwt"));
            }
            (Authentication::None, Credential::None) => {}
            (Authentication::None, _) => {
                return Err(invalid_client(
                    "this is a public client: send client_id and no credentials",
                ));
            }
        }
        AuthenticatedClient::available(app, used).map(Checked::Authenticated)
    }

    /// Checks the credentials of an API, which always has a secret.
    pub fn proves(&self, secret_hash: &str) -> bool {
        matches!(&self.credential, Credential::Secret(secret) if secret.matches(secret_hash))
    }
}

impl AssertedClient {
    /// Checks everything about the assertion but its signature.
    pub fn check(
        &self,
        audience: Audience<'_>,
        random: &dyn Random,
        now: Timestamp,
    ) -> Result<UnverifiedAssertion<'_>, OAuthError> {
        UnverifiedAssertion::check(self.assertion.reveal(), &self.app, audience, random, now)
    }

    /// The app, not authenticated yet.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// The app, now that its own key signed for it. Only the first use of the assertion counts, so this is nobody's
    /// leave to answer before the ledger was asked.
    pub fn authenticated(self, assertion: &SignedAssertion) -> Result<AuthenticatedClient, OAuthError> {
        if assertion.client_id == self.app.client_id {
            AuthenticatedClient::available(self.app, None)
        } else {
            Err(invalid_client("the client assertion is another client's"))
        }
    }
}

impl AuthenticatedClient {
    /// An app that is not reviewed yet gets this far too: whom it may serve was asked at the decision.
    fn available(app: Rc<App>, secret: Option<String>) -> Result<Self, OAuthError> {
        match app.standing() {
            Standing::Reviewed | Standing::Unverified | Standing::Testing => Ok(Self { app, secret }),
            Standing::Unavailable => Err(invalid_client("this client may not be used at the moment")),
        }
    }

    /// The app's record.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// The identifier of the secret it proved itself with.
    pub fn secret(&self) -> Option<&str> {
        self.secret.as_deref()
    }

    /// Whether it proved its identity with a secret or a key.
    pub fn is_confidential(&self) -> bool {
        self.app.is_confidential()
    }
}

fn find_secret<'a>(secret: &Secret, stored: &'a [StoredSecret]) -> Option<&'a StoredSecret> {
    // No short cut: how long it takes says nothing about which secret came close.
    stored
        .iter()
        .fold(None, |found, stored| match secret.matches(&stored.secret_hash) {
            true => Some(stored),
            false => found,
        })
}

fn invalid_client(description: &str) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidClient, description)
}

fn invalid_request(description: &str) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidRequest, description)
}

/// Reads `Basic base64(id:secret)`, both parts form-encoded (RFC 6749 §2.3.1). Ours hold unreserved
/// characters only, so clients that forget the encoding are understood too.
fn parse_basic(header: &str) -> Option<PresentedClient> {
    let (scheme, credentials) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") || credentials.len() > 2048 {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(credentials.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    let part = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_decode_str(&spaced)
            .decode_utf8()
            .ok()
            .map(|text| text.into_owned())
    };
    let client_id = part(id).filter(|id| !id.is_empty())?;
    let secret = part(secret).filter(|secret| !secret.is_empty());
    let credential = secret.map_or(Credential::None, |secret| Credential::Secret(Secret::new(secret)));
    Some(PresentedClient { client_id, credential })
}

#[cfg(test)]
#[path = "client_authentication_tests.rs"]
mod tests;
