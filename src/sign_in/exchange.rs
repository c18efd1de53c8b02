//! What is asked of an OpenID provider: the authorization request (Core §3.1.2.1), and the token request that
//! redeems its code (§3.1.3.1).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::attempt::Attempt;
use super::connection::{Oidc, UpstreamAuthentication};
use super::id_token::Names;
use super::provider::Provider;
use super::refusal::SignInRefusal;
use crate::http::{Params, percent_encoded, with_params};
use crate::json;
use crate::oauth::secret::Secret;
use crate::time::Timestamp;

/// Seconds. Asked of every provider where nothing stricter is: then its answer has to say when the person signed in
/// (Core §2, `auth_time`).
const ANY_AGE: u64 = 365 * 24 * 3600;
/// The longest hint that is passed on, in letters.
const MAX_HINT: usize = 254;

/// How the person is to be asked.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asking<'a> {
    /// They want to choose the account.
    pub choose_account: bool,
    /// They have to prove who they are, also if they just did.
    pub anew: bool,
    /// Whom the app expects.
    pub login_hint: Option<&'a str>,
    /// The language of the page they come from.
    pub ui_locales: Option<&'a str>,
}

impl<'a> Asking<'a> {
    /// `prompt`
    pub fn prompt(&self) -> Option<&'static str> {
        match (self.anew, self.choose_account) {
            (true, true) => Some("login select_account"),
            (true, false) => Some("login"),
            (false, true) => Some("select_account"),
            (false, false) => None,
        }
    }

    /// `login_hint`, unless somebody else is to sign in.
    pub fn hint(&self) -> Option<&'a str> {
        self.login_hint
            .filter(|hint| !self.choose_account && hint.len() <= MAX_HINT)
    }
}

/// The most seconds that may have passed since the person signed in.
pub fn max_age(since: Timestamp, now: Timestamp) -> u64 {
    (now - since).as_secs()
}

/// Where the person is sent.
pub fn authorization_url(
    provider: &Provider,
    oidc: &Oidc,
    redirect_uri: &str,
    attempt: &Attempt,
    state: &str,
    asking: Asking<'_>,
    now: Timestamp,
) -> String {
    let challenge = attempt.challenge();
    let max_age = attempt.since.map_or(ANY_AGE, |since| max_age(since, now)).to_string();
    let mut params = vec![
        ("response_type", "code"),
        ("client_id", &oidc.client_id),
        ("redirect_uri", redirect_uri),
        ("scope", &oidc.scopes),
        ("nonce", &attempt.nonce),
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
        ("max_age", &max_age),
    ];
    params.extend(asking.prompt().map(|prompt| ("prompt", prompt)));
    params.extend(asking.hint().map(|hint| ("login_hint", hint)));
    params.extend(asking.ui_locales.map(|locales| ("ui_locales", locales)));
    // The longest last.
    params.push(("state", state));
    with_params(provider.authorization_endpoint.as_str(), &params)
}

/// The code in an answer that is the provider's own (RFC 9207 §2.4, then Core §3.1.2.5 and §3.1.2.6).
pub fn code<'p>(params: &'p Params, provider: &Provider) -> Result<&'p str, SignInRefusal> {
    let one = |name| params.one(name).map_err(|_| SignInRefusal::NoAnswer);
    match one("iss")? {
        Some(iss) if iss != provider.issuer => return Err(SignInRefusal::OtherIssuer),
        None if provider.names_itself => return Err(SignInRefusal::NoIssuer),
        _ => {}
    }
    match (one("error")?, one("code")?) {
        (Some("access_denied"), _) => Err(SignInRefusal::Denied),
        (Some(_), _) => Err(SignInRefusal::ProviderError),
        (None, Some(code)) => Ok(code),
        (None, None) => Err(SignInRefusal::NoAnswer),
    }
}

/// A token request. Its parts hold secrets.
#[derive(Debug)]
pub struct TokenRequest {
    /// The form.
    pub form: Secret,
    /// The `Authorization` header.
    pub authorization: Option<Secret>,
}

impl TokenRequest {
    /// Redeems `code`. `None`: the connection needs a client secret and there is none.
    pub fn new(
        oidc: &Oidc,
        secret: Option<&Secret>,
        code: &str,
        redirect_uri: &str,
        attempt: &Attempt,
    ) -> Option<Self> {
        let mut params = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect_uri),
            ("code_verifier", attempt.verifier()),
        ];
        let mut authorization = None;
        match oidc.authentication {
            UpstreamAuthentication::ClientSecretBasic => {
                // Each part is form-encoded first (RFC 6749 §2.3.1).
                let pair = format!(
                    "{}:{}",
                    percent_encoded(&oidc.client_id),
                    percent_encoded(secret?.reveal())
                );
                authorization = Some(Secret::new(format!("Basic {}", STANDARD.encode(pair))));
            }
            UpstreamAuthentication::ClientSecretPost => {
                params.push(("client_id", &oidc.client_id));
                params.push(("client_secret", secret?.reveal()));
            }
            UpstreamAuthentication::None => params.push(("client_id", &oidc.client_id)),
        }
        let form = with_params("", &params);
        Some(Self {
            form: Secret::new(form.trim_start_matches('?')),
            authorization,
        })
    }
}

/// What a token response holds that matters here. Both are secrets of the person.
#[derive(Debug)]
pub struct TokenResponse {
    /// `id_token`
    pub id_token: Secret,
    /// `access_token`, for UserInfo.
    pub access_token: Option<Secret>,
}

impl TokenResponse {
    /// Reads a token response (Core §3.1.3.3).
    pub fn parse(body: &[u8]) -> Option<Self> {
        let response = json::parse(body).ok()?;
        let text = |name: &str| {
            response
                .get(name)
                .and_then(Value::as_str)
                .filter(|text| !text.is_empty())
        };
        let is_bearer = text("token_type").is_some_and(|kind| kind.eq_ignore_ascii_case("Bearer"));
        // It goes into a header.
        let access_token =
            text("access_token").filter(|token| is_bearer && token.bytes().all(|byte| byte.is_ascii_graphic()));
        Some(Self {
            id_token: Secret::new(text("id_token")?),
            access_token: access_token.map(Secret::new),
        })
    }
}

/// What a UserInfo response calls the person (Core §5.3.2). Signed ones, which are no JSON, say nothing here.
pub fn userinfo(body: &[u8], subject: &str) -> Result<Names, SignInRefusal> {
    let Ok(claims) = json::parse(body) else {
        return Ok(Names::default());
    };
    match claims.get("sub").and_then(Value::as_str) == Some(subject) {
        true => Ok(Names::of(|name| claims.get(name))),
        false => Err(SignInRefusal::OtherSubject),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::sign_in::attempt::testing::{NOW, attempt};
    use crate::sign_in::provider::testing::{ISSUER, provider};

    fn oidc(authentication: UpstreamAuthentication) -> Oidc {
        Oidc {
            client_id: "latchkey:1".into(),
            authentication,
            client_secret_name: Some("CONNECTION_ONE".into()),
            scopes: "openid profile".into(),
        }
    }

    fn sent(since: Option<Timestamp>, asking: Asking<'_>) -> BTreeMap<String, String> {
        let mut attempt = attempt("/account/apps");
        attempt.since = since;
        let oidc = oidc(UpstreamAuthentication::None);
        let url = authorization_url(
            &provider(),
            &oidc,
            "https://a.example/cb",
            &attempt,
            "the state",
            asking,
            NOW,
        );
        assert!(
            url.starts_with("https://id.example/auth?tenant=1&response_type=code&"),
            "{url}"
        );
        url::Url::parse(&url).unwrap().query_pairs().into_owned().collect()
    }

    // Rule: UI 10
    #[test]
    fn an_authorization_request_carries_state_nonce_and_challenge() {
        let params = sent(None, Asking::default());
        let attempt = attempt("/account/apps");
        for (name, value) in [
            ("tenant", "1"),
            ("client_id", "latchkey:1"),
            ("redirect_uri", "https://a.example/cb"),
            ("scope", "openid profile"),
            ("state", "the state"),
            ("nonce", &attempt.nonce),
            ("code_challenge", attempt.challenge().as_str()),
            ("code_challenge_method", "S256"),
            ("max_age", "31536000"),
        ] {
            assert_eq!(params[name], value, "{name}");
        }
        assert!(!params.values().any(|value| value == attempt.verifier()));
        for name in ["prompt", "login_hint", "ui_locales"] {
            assert!(!params.contains_key(name), "{name}");
        }
    }

    #[test]
    fn who_has_to_sign_in_anew_or_chooses_an_account_is_asked_to() {
        let anew = Asking {
            anew: true,
            login_hint: Some("jane"),
            ui_locales: Some("de"),
            ..Asking::default()
        };
        let params = sent(Some(Timestamp(NOW.0 - 2_500)), anew);
        assert_eq!((params["prompt"].as_str(), params["max_age"].as_str()), ("login", "2"));
        assert_eq!(
            (params["login_hint"].as_str(), params["ui_locales"].as_str()),
            ("jane", "de")
        );
        let choosing = Asking {
            choose_account: true,
            login_hint: Some("jane"),
            ..Asking::default()
        };
        let params = sent(None, choosing);
        assert_eq!(params["prompt"], "select_account");
        assert!(!params.contains_key("login_hint"));
        let long = "x".repeat(MAX_HINT + 1);
        let hinted = Asking {
            login_hint: Some(&long),
            ..Asking::default()
        };
        assert!(!sent(None, hinted).contains_key("login_hint"));
    }

    fn answer(query: &str) -> Result<String, SignInRefusal> {
        let params = Params::parse(query.as_bytes()).unwrap();
        code(&params, &provider()).map(str::to_owned)
    }

    // Rule: UI 10, ATTACK 7, ATTACK 11
    #[test]
    fn an_answer_by_another_provider_is_refused_before_it_is_read() {
        let iss = "iss=https%3A%2F%2Fid.example";
        assert_eq!(answer(&format!("code=x&{iss}")).unwrap(), "x");
        for query in [
            "code=x&iss=https%3A%2F%2Fid.example%2F",
            "code=x&iss=https%3A%2F%2FID.example",
            "code=x&iss=https%3A%2F%2Fevil.example",
            "error=access_denied&iss=https%3A%2F%2Fevil.example",
        ] {
            assert_eq!(answer(query), Err(SignInRefusal::OtherIssuer), "{query}");
        }
        assert_eq!(answer("code=x"), Err(SignInRefusal::NoIssuer));
        assert_eq!(answer("error=access_denied"), Err(SignInRefusal::NoIssuer));
        assert_eq!(answer(&format!("code=x&{iss}&{iss}")), Err(SignInRefusal::NoAnswer));
        let quiet = Provider {
            names_itself: false,
            ..provider()
        };
        let params = |query: &str| Params::parse(query.as_bytes()).unwrap();
        assert_eq!(code(&params("code=x"), &quiet), Ok("x"));
        let wrong = params("code=x&iss=https%3A%2F%2Fevil.example");
        assert_eq!(code(&wrong, &quiet), Err(SignInRefusal::OtherIssuer));
        assert_eq!(quiet.issuer, ISSUER);
    }

    #[test]
    fn an_error_or_an_answer_without_a_code_is_told_apart() {
        let answer = |query: &str| answer(&format!("{query}&iss=https%3A%2F%2Fid.example"));
        assert_eq!(answer("error=access_denied&code=x"), Err(SignInRefusal::Denied));
        assert_eq!(answer("error=server_error"), Err(SignInRefusal::ProviderError));
        for query in [
            "",
            "code=",
            "code=a&code=b",
            "error=a&error=b",
            "code=a&error=b&error=c",
        ] {
            assert_eq!(answer(query), Err(SignInRefusal::NoAnswer), "{query}");
        }
    }

    fn request(authentication: UpstreamAuthentication) -> (String, Option<String>) {
        let secret = Secret::new("s&c ret");
        let request = TokenRequest::new(
            &oidc(authentication),
            Some(&secret),
            "a&b",
            "https://a.example/cb",
            &attempt("/"),
        );
        let request = request.unwrap();
        assert!(!format!("{request:?}").contains("s&c"));
        (
            request.form.reveal().to_owned(),
            request.authorization.map(|header| header.reveal().to_owned()),
        )
    }

    #[test]
    fn a_code_is_redeemed_with_the_verifier_and_the_secret_where_it_belongs() {
        let verifier = attempt("/").verifier().to_owned();
        let common = format!(
            "grant_type=authorization_code&code=a%26b&redirect_uri=https%3A%2F%2Fa.example%2Fcb&code_verifier={verifier}"
        );
        let (form, authorization) = request(UpstreamAuthentication::ClientSecretBasic);
        assert_eq!(form, common);
        assert_eq!(authorization.unwrap(), "Basic bGF0Y2hrZXklM0ExOnMlMjZjJTIwcmV0");
        let (form, authorization) = request(UpstreamAuthentication::ClientSecretPost);
        assert_eq!(
            form,
            format!("{common}&client_id=latchkey%3A1&client_secret=s%26c%20ret")
        );
        assert_eq!(authorization, None);
        let (form, authorization) = request(UpstreamAuthentication::None);
        assert_eq!(form, format!("{common}&client_id=latchkey%3A1"));
        assert_eq!(authorization, None);
    }

    #[test]
    fn a_connection_whose_secret_is_missing_redeems_nothing() {
        for authentication in [
            UpstreamAuthentication::ClientSecretBasic,
            UpstreamAuthentication::ClientSecretPost,
        ] {
            let request = TokenRequest::new(&oidc(authentication), None, "x", "https://a.example/cb", &attempt("/"));
            assert!(request.is_none(), "{authentication:?}");
        }
    }

    #[test]
    fn a_token_response_without_an_id_token_is_none() {
        for body in [
            "",
            "{}",
            "[]",
            "<html>",
            r#"{"id_token":7}"#,
            r#"{"id_token":""}"#,
            r#"{"access_token":"x","token_type":"Bearer"}"#,
        ] {
            assert!(TokenResponse::parse(body.as_bytes()).is_none(), "{body}");
        }
        let token = |body: &str| TokenResponse::parse(body.as_bytes()).unwrap().access_token.is_some();
        assert!(token(r#"{"id_token":"x","access_token":"y","token_type":"bearer"}"#));
        assert!(!token(r#"{"id_token":"x","access_token":"y","token_type":"DPoP"}"#));
        assert!(!token(
            r#"{"id_token":"x","access_token":"y\r\nX: z","token_type":"Bearer"}"#
        ));
    }

    #[test]
    fn userinfo_about_somebody_else_is_refused() {
        let names = userinfo(br#"{"sub":"one","name":"Jane"}"#, "one").unwrap();
        assert_eq!(names.name.as_deref(), Some("Jane"));
        for body in [
            r#"{"sub":"two","name":"Jane"}"#,
            r#"{"name":"Jane"}"#,
            r#"{"sub":1}"#,
            "[]",
            "7",
        ] {
            assert_eq!(
                userinfo(body.as_bytes(), "one"),
                Err(SignInRefusal::OtherSubject),
                "{body}"
            );
        }
        assert_eq!(userinfo(b"eyJhbGciOiJSUzI1NiJ9.e30.x", "one"), Ok(Names::default()));
    }
}
