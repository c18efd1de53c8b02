//! Client authentication (OAuth 2.1 §2.4): Basic, post or none.

use std::rc::Rc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;

use super::client::{App, AppStatus, StoredSecret};
use super::error::{ErrorCode, OAuthError};
use super::secret::Secret;
use crate::http::{Params, Request};

/// Who the caller says it is, read from the request but not checked.
#[derive(Debug, Clone)]
pub struct PresentedClient {
    /// The claimed identifier.
    pub client_id: String,
    secret: Option<Secret>,
}

/// An app that proved who it is and is approved: a confidential one by its secret, a public one, which has
/// nothing to prove it with, by naming itself.
#[derive(Debug, Clone)]
pub struct AuthenticatedClient {
    app: Rc<App>,
}

impl PresentedClient {
    /// Reads the credentials of a request. At most one mechanism may be used; a `client_id` in the body that
    /// equals the one of the Basic header is no second one. Credentials in the URL are refused.
    pub fn from_request(request: &Request, form: &Params) -> Result<Self, OAuthError> {
        let invalid_request = |description: &str| OAuthError::new(ErrorCode::InvalidRequest, description);
        let in_url = request.query_params().is_ok_and(|query| {
            ["client_id", "client_secret", "client_assertion"]
                .iter()
                .any(|name| !query.all(name).is_empty())
        });
        if in_url {
            return Err(invalid_client("client credentials must not be sent in the URL"));
        }
        let one = |name| {
            form.one(name)
                .map_err(|_| invalid_request("a client credential was sent more than once"))
        };
        let (id, secret) = (one("client_id")?, one("client_secret")?);
        if one("client_assertion")?.is_some() || one("client_assertion_type")?.is_some() {
            return Err(invalid_client(
                "client assertions are not supported: use Basic or client_secret",
            ));
        }
        match request.header("authorization") {
            Some(header) => {
                let basic =
                    parse_basic(header).ok_or_else(|| invalid_client("the Authorization header is not HTTP Basic"))?;
                if secret.is_some() {
                    return Err(invalid_request("use one way of client authentication, not two"));
                }
                if id.is_some_and(|id| id != basic.client_id) {
                    return Err(invalid_request(
                        "client_id differs from the one in the Authorization header",
                    ));
                }
                Ok(basic)
            }
            None => {
                let client_id = id.ok_or_else(|| invalid_client("client_id is missing"))?.to_owned();
                Ok(Self {
                    client_id,
                    secret: secret.map(Secret::new),
                })
            }
        }
    }

    /// Checks the credentials against the app of that name. An unknown app and a wrong secret read alike.
    pub fn authenticate(self, app: Option<Rc<App>>) -> Result<AuthenticatedClient, OAuthError> {
        let app = app.ok_or_else(|| invalid_client("unknown client or wrong client secret"))?;
        match (app.is_confidential(), &self.secret) {
            (true, Some(secret)) if secret_is_one_of(secret, &app.secrets) => {}
            (true, Some(_)) => return Err(invalid_client("unknown client or wrong client secret")),
            (true, None) => return Err(invalid_client("this client must authenticate with its client secret")),
            (false, Some(_)) => return Err(invalid_client("this is a public client: send client_id and no secret")),
            (false, None) => {}
        }
        if app.status != AppStatus::Approved {
            return Err(invalid_client("this client is not approved at the moment"));
        }
        Ok(AuthenticatedClient { app })
    }

    /// Checks the credentials of an API, which always has a secret.
    pub fn proves(&self, secret_hash: &str) -> bool {
        self.secret.as_ref().is_some_and(|secret| secret.matches(secret_hash))
    }
}

impl AuthenticatedClient {
    /// The app's record.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// Whether it proved its identity with a secret.
    pub fn is_confidential(&self) -> bool {
        self.app.is_confidential()
    }
}

fn secret_is_one_of(secret: &Secret, stored: &[StoredSecret]) -> bool {
    // No short cut: how long it takes says nothing about which secret came close.
    stored
        .iter()
        .fold(false, |found, stored| found | secret.matches(&stored.secret_hash))
}

fn invalid_client(description: &str) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidClient, description)
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
    let secret = part(secret).filter(|secret| !secret.is_empty()).map(Secret::new);
    Some(PresentedClient { client_id, secret })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::oauth::client::testing::{confidential_app, public_app};

    fn basic(id: &str, secret: &str) -> String {
        format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
    }

    fn present(authorization: Option<&str>, form: &str, query: &str) -> Result<PresentedClient, OAuthError> {
        let headers: BTreeMap<String, String> = authorization
            .map(|value| ("authorization".to_owned(), value.to_owned()))
            .into_iter()
            .collect();
        let request = Request {
            headers,
            query: query.into(),
            ..Request::default()
        };
        PresentedClient::from_request(&request, &Params::parse(form.as_bytes()).unwrap())
    }

    fn authenticate(authorization: Option<&str>, form: &str, app: App) -> Result<(), ErrorCode> {
        let presented = present(authorization, form, "").map_err(|error| error.code)?;
        presented
            .authenticate(Some(Rc::new(app)))
            .map(|_| ())
            .map_err(|error| error.code)
    }

    #[test]
    fn a_confidential_app_may_use_basic_or_post() {
        let good = basic("app_two", "lks_right");
        assert_eq!(authenticate(Some(&good), "", confidential_app()), Ok(()));
        assert_eq!(
            authenticate(Some(&good.replace("Basic", "bAsIc")), "", confidential_app()),
            Ok(())
        );
        assert_eq!(
            authenticate(Some(&good), "client_id=app_two", confidential_app()),
            Ok(())
        );
        assert_eq!(
            authenticate(None, "client_id=app_two&client_secret=lks_right", confidential_app()),
            Ok(())
        );
        let encoded = basic("app%5Ftwo", "lks%5Fright");
        assert_eq!(authenticate(Some(&encoded), "", confidential_app()), Ok(()));
    }

    // Covers: B24
    #[test]
    fn a_wrong_missing_or_stringified_secret_is_refused() {
        for form in [
            "client_id=app_two",
            "client_id=app_two&client_secret=",
            "client_id=app_two&client_secret=null",
            "client_id=app_two&client_secret=undefined",
            "client_id=app_two&client_secret=lks_wrong",
            "",
        ] {
            assert_eq!(
                authenticate(None, form, confidential_app()),
                Err(ErrorCode::InvalidClient),
                "{form}"
            );
        }
        for header in [
            basic("app_two", ""),
            basic("app_two", "lks_wrong"),
            "Basic".into(),
            "Basic %%%".into(),
            "Bearer x".into(),
        ] {
            assert_eq!(
                authenticate(Some(&header), "", confidential_app()),
                Err(ErrorCode::InvalidClient),
                "{header}"
            );
        }
    }

    // Covers: B6, B24
    #[test]
    fn a_public_app_has_no_secret_and_one_that_sends_one_is_refused() {
        assert_eq!(authenticate(None, "client_id=app_one", public_app()), Ok(()));
        for secret in ["null", "undefined", "lks_right"] {
            let form = format!("client_id=app_one&client_secret={secret}");
            assert_eq!(authenticate(None, &form, public_app()), Err(ErrorCode::InvalidClient));
        }
    }

    #[test]
    fn two_mechanisms_or_two_identities_are_refused() {
        let header = basic("app_two", "lks_right");
        for form in [
            "client_secret=lks_right",
            "client_id=app_one",
            "client_id=app_two&client_id=app_two",
        ] {
            let refused = present(Some(&header), form, "").unwrap_err();
            assert_eq!(refused.code, ErrorCode::InvalidRequest, "{form}");
        }
    }

    #[test]
    fn credentials_in_the_url_are_refused() {
        let refused = present(None, "client_id=app_one", "client_id=app_two&client_secret=lks_right").unwrap_err();
        assert_eq!(refused.code, ErrorCode::InvalidClient);
    }

    // Covers: R33, B1
    #[test]
    fn an_app_that_is_not_approved_cannot_authenticate() {
        for status in [
            AppStatus::Draft,
            AppStatus::PendingReview,
            AppStatus::Rejected,
            AppStatus::Suspended,
        ] {
            let app = App { status, ..public_app() };
            assert_eq!(
                authenticate(None, "client_id=app_one", app),
                Err(ErrorCode::InvalidClient),
                "{status:?}"
            );
        }
    }

    #[test]
    fn an_unknown_app_reads_like_a_wrong_secret() {
        let presented = || present(None, "client_id=app_two&client_secret=lks_wrong", "").unwrap();
        let unknown = presented().authenticate(None).unwrap_err();
        assert_eq!(
            presented().authenticate(Some(Rc::new(confidential_app()))).unwrap_err(),
            unknown
        );
    }

    #[test]
    fn either_of_two_live_secrets_works() {
        let mut app = confidential_app();
        app.secrets.push(StoredSecret {
            secret_hash: crate::crypto::hash("lks_new"),
        });
        for secret in ["lks_right", "lks_new"] {
            let form = format!("client_id=app_two&client_secret={secret}");
            assert_eq!(authenticate(None, &form, app.clone()), Ok(()));
        }
    }

    proptest! {
        #[test]
        fn any_authorization_header_is_read_or_refused_without_panic(header: String) {
            let _ = parse_basic(&header);
        }
    }
}
