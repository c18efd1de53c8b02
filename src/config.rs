//! What the operator configures, checked before anything is served.

use thiserror::Error;
use url::{Host, Url};

use crate::consent_expiry::{BadUnusedDays, UnusedLifetime};
use crate::crypto::keys::{SealingKeys, SealingKeysError};
use crate::keyring::{Policy, PolicyError, PolicyVariables};
use crate::looks::{Accent, LogoName, Looks};
use crate::management::actor::FirstAdministrator;
use crate::oauth::local_resources::LocalResources;
use crate::oauth::secret::Secret;
use crate::router;
use crate::support::Support;

/// How many people may ever connect an app that nobody has reviewed, unless the operator says otherwise.
const UNVERIFIED_APP_USERS: u32 = 100;

/// The shortest initial access token, in letters.
const MIN_REGISTRATION_TOKEN: usize = 32;

/// A configuration that may serve requests.
#[derive(Debug)]
pub struct Config {
    /// Who issues the tokens.
    pub issuer: Issuer,
    /// How pages look, as far as administrators set nothing else in the console.
    pub looks: Looks,
    /// Whether people may sign in by user name alone. Only ever true on this machine.
    pub development_sign_in: bool,
    /// Whether requests are limited. How often, wrangler.toml says.
    pub rate_limits: bool,
    /// Whether requests that went well are logged too.
    pub logs_all_requests: bool,
    /// For how long a consent may go unused; `None`: for ever.
    pub unused_consents: Option<UnusedLifetime>,
    /// Where people decide: a path on this server, [`router::CONSENT`] unless the platform draws its own page.
    pub consent_page: String,
    /// How many people may ever connect an app that nobody has reviewed.
    pub unverified_app_users: u32,
    /// Whether a client id may be the address of a document.
    pub metadata_documents: bool,
    /// Whose apps may register themselves.
    pub dynamic_registration: DynamicRegistration,
    /// Other names that APIs go by. Only ever any on this machine.
    pub local_resources: LocalResources,
    /// Whom developers may ask.
    pub support: Option<Support>,
    /// Who is an administrator before anybody was appointed.
    pub first_administrator: Option<FirstAdministrator>,
    /// The keys behind everything sealed.
    pub sealing_keys: SealingKeys,
    /// When signing keys are replaced, and by which.
    pub signing_keys: Policy,
}

/// Whose apps may register themselves (RFC 7591 §3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DynamicRegistration {
    /// Everybody's.
    Open,
    /// Those that show the initial access token of which this is the hash.
    Protected(String),
    /// Nobody's.
    Off,
}

/// The raw values, as bound by wrangler.
#[derive(Debug, Default)]
pub struct Variables {
    /// `ISSUER`
    pub issuer: Option<String>,
    /// `PLATFORM_NAME`
    pub platform_name: Option<String>,
    /// `ACCENT_COLOR`
    pub accent_color: Option<String>,
    /// `PLATFORM_LOGO`
    pub platform_logo: Option<String>,
    /// `DEVELOPMENT_SIGN_IN`
    pub development_sign_in: Option<String>,
    /// `RATE_LIMITS`
    pub rate_limits: Option<String>,
    /// `REQUEST_LOG`
    pub request_log: Option<String>,
    /// `UNUSED_CONSENT_DAYS`
    pub unused_consent_days: Option<String>,
    /// `CONSENT_PAGE`
    pub consent_page: Option<String>,
    /// `UNVERIFIED_APP_USERS`
    pub unverified_app_users: Option<String>,
    /// `METADATA_DOCUMENTS`
    pub metadata_documents: Option<String>,
    /// `DYNAMIC_REGISTRATION`
    pub dynamic_registration: Option<String>,
    /// `REGISTRATION_TOKEN`
    pub registration_token: Option<String>,
    /// `LOCAL_RESOURCES`
    pub local_resources: Option<String>,
    /// `SUPPORT`
    pub support: Option<String>,
    /// `FIRST_ADMINISTRATOR`
    pub first_administrator: Option<String>,
    /// `LATCHKEY_SECRET`
    pub latchkey_secret: Option<String>,
    /// What is said about signing keys.
    pub signing_keys: PolicyVariables,
}

/// Why a configuration cannot serve requests. The text is for the operator and holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ConfigError {
    /// No `ISSUER`.
    #[error("ISSUER is not set: the https address this server is reached at")]
    NoIssuer,
    /// `ISSUER` is not an origin that may issue tokens.
    #[error("ISSUER must be an https origin without path, query or trailing slash (http only for loopback)")]
    BadIssuer,
    /// `DEVELOPMENT_SIGN_IN` on a server that others can reach.
    #[error("DEVELOPMENT_SIGN_IN lets anyone in as anyone, so it works only where ISSUER is a loopback host")]
    DevelopmentSignIn,
    /// `ACCENT_COLOR` is no colour.
    #[error("ACCENT_COLOR must be # and six hexadecimal digits: #2257c4")]
    BadAccentColor,
    /// `PLATFORM_LOGO` is no name of a logo.
    #[error("PLATFORM_LOGO must be a name that tools/put-logo printed")]
    BadPlatformLogo,
    /// `RATE_LIMITS` is neither word.
    #[error("RATE_LIMITS must be on or off")]
    BadRateLimits,
    /// `REQUEST_LOG` is neither word.
    #[error("REQUEST_LOG must be all or problems")]
    BadRequestLog,
    /// `UNUSED_CONSENT_DAYS` is no number of days.
    #[error(transparent)]
    UnusedConsentDays(#[from] BadUnusedDays),
    /// `CONSENT_PAGE` is no path on this server.
    #[error("CONSENT_PAGE must be a path on this server: /connect")]
    BadConsentPage,
    /// `UNVERIFIED_APP_USERS` is no number.
    #[error("UNVERIFIED_APP_USERS must be a whole number of people")]
    BadUnverifiedAppUsers,
    /// `METADATA_DOCUMENTS` is neither `on` nor `off`.
    #[error("METADATA_DOCUMENTS must be on or off")]
    BadMetadataDocuments,
    /// `DYNAMIC_REGISTRATION` is none of its words.
    #[error("DYNAMIC_REGISTRATION must be open, protected or off")]
    BadDynamicRegistration,
    /// Registration is to be protected, and there is nothing to protect it with.
    #[error(
        "DYNAMIC_REGISTRATION is protected, so REGISTRATION_TOKEN must be set: 32 letters or more, drawn at random"
    )]
    NoRegistrationToken,
    /// `LOCAL_RESOURCES` on a server that others can reach.
    #[error("LOCAL_RESOURCES is for trying things out, so it works only where ISSUER is a loopback host")]
    LocalResources,
    /// `LOCAL_RESOURCES` cannot be read.
    #[error(
        "LOCAL_RESOURCES must be loopback addresses with the resource indicators they stand for: http://localhost:3000/mcp=https://mcp.example.com"
    )]
    BadLocalResources,
    /// `SUPPORT` is nothing that leads to anybody.
    #[error("SUPPORT must be an https address or an e-mail address")]
    BadSupport,
    /// `FIRST_ADMINISTRATOR` names nobody.
    #[error("FIRST_ADMINISTRATOR must be a connection and a subject there: con_acme alice")]
    BadFirstAdministrator,
    /// No `LATCHKEY_SECRET`.
    #[error("LATCHKEY_SECRET is not set: run `wrangler secret put LATCHKEY_SECRET`")]
    NoSecret,
    /// `LATCHKEY_SECRET` is malformed.
    #[error(transparent)]
    BadSecret(#[from] SealingKeysError),
    /// A variable about signing keys cannot be followed.
    #[error(transparent)]
    SigningKeys(#[from] PolicyError),
}

/// An issuer identifier (RFC 8414 §2): an https origin, or http on a loopback host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    text: String,
    loopback: bool,
}

/// Whether a host is this machine itself.
pub fn is_loopback_host(host: &str) -> bool {
    matches!(host, "localhost" | "127.0.0.1" | "[::1]")
}

/// Whether a host name is written as DNS has it; URLs may hold more.
fn is_host_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    name.bytes().all(fits) && !name.starts_with(['-', '.']) && !name.contains("..")
}

impl Config {
    /// Checks the operator's variables.
    pub fn parse(variables: Variables) -> Result<Self, ConfigError> {
        let issuer = Issuer::parse(&variables.issuer.ok_or(ConfigError::NoIssuer)?)?;
        let development_sign_in = variables.development_sign_in.as_deref() == Some("true");
        if development_sign_in && !issuer.loopback {
            return Err(ConfigError::DevelopmentSignIn);
        }
        let accent = match variables.accent_color.as_deref() {
            None => Accent::default(),
            Some(colour) => Accent::parse(colour).ok_or(ConfigError::BadAccentColor)?,
        };
        let platform_logo = variables
            .platform_logo
            .map(|name| LogoName::parse(&name).ok_or(ConfigError::BadPlatformLogo))
            .transpose()?;
        // A slip of the pen must not switch them off unnoticed.
        let rate_limits = match variables.rate_limits.as_deref() {
            None | Some("on") => true,
            Some("off") => false,
            Some(_) => return Err(ConfigError::BadRateLimits),
        };
        let logs_all_requests = match variables.request_log.as_deref() {
            None | Some("all") => true,
            Some("problems") => false,
            Some(_) => return Err(ConfigError::BadRequestLog),
        };
        let consent_page = variables.consent_page.unwrap_or_else(|| router::CONSENT.into());
        if !issuer.has_path(&consent_page) {
            return Err(ConfigError::BadConsentPage);
        }
        let unverified_app_users = match variables.unverified_app_users.as_deref().map(str::parse) {
            None => UNVERIFIED_APP_USERS,
            Some(users) => users.map_err(|_| ConfigError::BadUnverifiedAppUsers)?,
        };
        let metadata_documents = match variables.metadata_documents.as_deref() {
            None | Some("on") => true,
            Some("off") => false,
            Some(_) => return Err(ConfigError::BadMetadataDocuments),
        };
        let dynamic_registration = match (variables.dynamic_registration.as_deref(), variables.registration_token) {
            (None | Some("open"), _) => DynamicRegistration::Open,
            (Some("off"), _) => DynamicRegistration::Off,
            (Some("protected"), Some(token)) if token.len() >= MIN_REGISTRATION_TOKEN => {
                DynamicRegistration::Protected(Secret::new(token).hash())
            }
            (Some("protected"), _) => return Err(ConfigError::NoRegistrationToken),
            (Some(_), _) => return Err(ConfigError::BadDynamicRegistration),
        };
        let local_resources = match variables.local_resources.as_deref() {
            None => LocalResources::default(),
            Some(_) if !issuer.loopback => return Err(ConfigError::LocalResources),
            Some(text) => LocalResources::parse(text).ok_or(ConfigError::BadLocalResources)?,
        };
        let support = match variables.support.as_deref() {
            None => None,
            Some(text) => Some(Support::parse(text).ok_or(ConfigError::BadSupport)?),
        };
        let first_administrator = variables
            .first_administrator
            .map(|text| FirstAdministrator::parse(&text).ok_or(ConfigError::BadFirstAdministrator))
            .transpose()?;
        let secret = variables.latchkey_secret.ok_or(ConfigError::NoSecret)?;
        Ok(Self {
            issuer,
            looks: Looks {
                platform_name: variables.platform_name.unwrap_or_else(|| "the platform".into()),
                accent,
                logo: platform_logo,
            },
            development_sign_in,
            rate_limits,
            logs_all_requests,
            unused_consents: UnusedLifetime::parse(variables.unused_consent_days.as_deref())?,
            consent_page,
            unverified_app_users,
            metadata_documents,
            dynamic_registration,
            local_resources,
            support,
            first_administrator,
            sealing_keys: SealingKeys::parse(&secret)?,
            signing_keys: Policy::parse(&variables.signing_keys)?,
        })
    }
}

impl Issuer {
    /// Reads an issuer identifier. Its text is kept as it is: clients compare it letter by letter.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let url = Url::parse(text).map_err(|_| ConfigError::BadIssuer)?;
        let host_fits = match url.host() {
            Some(Host::Domain(name)) => is_host_name(name),
            Some(_) => true,
            None => false,
        };
        let loopback = url.host_str().is_some_and(is_loopback_host);
        let scheme_fits = url.scheme() == "https" || (url.scheme() == "http" && loopback);
        // The origin in its normal form has no path, query, user or default port.
        if !host_fits || !scheme_fits || url.origin().ascii_serialization() != text {
            return Err(ConfigError::BadIssuer);
        }
        Ok(Self {
            text: text.to_owned(),
            loopback,
        })
    }

    /// The identifier, letter by letter as configured.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether pages and tokens travel over TLS, as they do everywhere but on this machine.
    pub fn is_https(&self) -> bool {
        self.text.starts_with("https:")
    }

    /// Whether this server runs on this machine, for nobody but whoever sits at it.
    pub fn is_loopback(&self) -> bool {
        self.loopback
    }

    /// Whether this is a path on this server as it stands: nothing a browser would read as another host or path.
    fn has_path(&self, path: &str) -> bool {
        let Ok(url) = Url::parse(&self.text).and_then(|issuer| issuer.join(path)) else {
            return false;
        };
        let whole = url
            .path_segments()
            .is_some_and(|mut segments| segments.all(|segment| !segment.is_empty()));
        whole && path.starts_with('/') && url.as_str() == self.url(path) && url.path() == path
    }

    /// The URL of a path on this server.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.text)
    }
}

#[cfg(test)]
pub mod testing {
    use super::*;

    /// The local configuration of `make dev`.
    pub fn config() -> Config {
        Config {
            issuer: Issuer::parse("http://localhost:8787").unwrap(),
            looks: Looks {
                platform_name: "Acme Projects".into(),
                accent: Accent::default(),
                logo: None,
            },
            development_sign_in: true,
            rate_limits: true,
            logs_all_requests: true,
            unused_consents: UnusedLifetime::parse(None).unwrap(),
            consent_page: router::CONSENT.into(),
            unverified_app_users: UNVERIFIED_APP_USERS,
            metadata_documents: true,
            dynamic_registration: DynamicRegistration::Open,
            local_resources: LocalResources::default(),
            support: None,
            first_administrator: None,
            sealing_keys: crate::crypto::keys::testing::sealing_keys(),
            signing_keys: Policy::parse(&PolicyVariables::default()).unwrap(),
        }
    }

    fn variables(issuer: &str, development: &str) -> Variables {
        Variables {
            issuer: Some(issuer.into()),
            platform_name: None,
            accent_color: None,
            platform_logo: None,
            development_sign_in: Some(development.into()),
            rate_limits: None,
            request_log: None,
            unused_consent_days: None,
            consent_page: None,
            unverified_app_users: None,
            metadata_documents: None,
            dynamic_registration: None,
            registration_token: None,
            local_resources: None,
            support: None,
            first_administrator: None,
            latchkey_secret: Some(format!("1:{}", crate::crypto::base64url([1; 32]))),
            signing_keys: PolicyVariables::default(),
        }
    }

    #[test]
    fn the_development_sign_in_refuses_to_start_where_others_can_reach_it() {
        assert!(Config::parse(variables("http://localhost:8787", "true")).is_ok());
        for issuer in [
            "https://auth.example.com",
            "https://localhost.example.com",
            "https://127.0.0.1.nip.io",
        ] {
            let refused = Config::parse(variables(issuer, "true")).unwrap_err();
            assert_eq!(refused, ConfigError::DevelopmentSignIn, "{issuer}");
            assert!(Config::parse(variables(issuer, "false")).is_ok());
        }
    }

    #[test]
    fn apis_have_other_names_on_this_machine_only() {
        let local = |issuer: &str, text: &str| {
            let local_resources = Some(text.to_owned());
            let variables = Variables {
                local_resources,
                ..variables(issuer, "")
            };
            Config::parse(variables).map(|config| config.local_resources)
        };
        let pair = "http://localhost:3000/mcp=https://mcp.example.com";
        assert!(!local("http://localhost:8787", pair).unwrap().is_empty());
        assert_eq!(
            local("http://localhost:8787", "everything"),
            Err(ConfigError::BadLocalResources)
        );
        for (issuer, text) in [("https://auth.example.com", pair), ("https://127.0.0.1.nip.io", "")] {
            assert_eq!(local(issuer, text), Err(ConfigError::LocalResources), "{issuer}");
        }
    }

    #[test]
    fn support_is_an_address_or_nothing() {
        let support = |text: Option<&str>| {
            let support = text.map(str::to_owned);
            let variables = Variables {
                support,
                ..variables("http://localhost:8787", "")
            };
            Config::parse(variables).map(|config| config.support.map(|support| support.text))
        };
        assert_eq!(support(None), Ok(None));
        assert_eq!(
            support(Some("help@acme.example")),
            Ok(Some("help@acme.example".to_owned()))
        );
        assert_eq!(support(Some("ask Bob")), Err(ConfigError::BadSupport));
    }

    // Rule: META 2
    #[test]
    fn an_issuer_is_an_https_origin_or_a_loopback_one() {
        for good in ["https://auth.example.com", "http://127.0.0.1:8787", "http://[::1]:8787"] {
            assert_eq!(Issuer::parse(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            "auth.example.com",
            "http://auth.example.com",
            "https://auth.example.com/",
            "https://auth.example.com/path",
            "https://auth.example.com?q",
            "https://auth.example.com#f",
            "https://user@auth.example.com",
            "https://AUTH.example.com",
            "https://auth.example.com:443",
            "ftp://localhost",
            "http://localhost.example.com",
            "https://",
            "https://:8443",
            "https://auth.example.com:",
            "https://auth.example.com:0443",
            "https://auth.example.com:65536",
            "https://auth.example.com:+1",
            "https://auth..example.com",
            "https://auth_.example.com",
            "https://ümlaut.example",
            "https://[::g]",
            "https://[::1",
            "http://localhost:80",
            "http://localhost@auth.example.com",
            "http://localhost:1@auth.example.com",
        ] {
            assert_eq!(Issuer::parse(bad), Err(ConfigError::BadIssuer), "{bad}");
        }
    }

    #[test]
    fn rate_limits_are_switched_off_by_that_word_only() {
        let limits = |word: Option<&str>| {
            let rate_limits = word.map(str::to_owned);
            let variables = Variables {
                rate_limits,
                ..variables("https://auth.example.com", "")
            };
            Config::parse(variables).map(|config| config.rate_limits)
        };
        assert!(limits(None).unwrap() && limits(Some("on")).unwrap() && !limits(Some("off")).unwrap());
        for word in ["", "Off", "false", "0", "of"] {
            assert_eq!(limits(Some(word)), Err(ConfigError::BadRateLimits), "{word}");
        }
    }

    #[test]
    fn requests_that_went_well_are_left_out_of_the_log_by_one_word_only() {
        let all = |word: Option<&str>| {
            let request_log = word.map(str::to_owned);
            let variables = Variables {
                request_log,
                ..variables("https://auth.example.com", "")
            };
            Config::parse(variables).map(|config| config.logs_all_requests)
        };
        assert!(all(None).unwrap() && all(Some("all")).unwrap() && !all(Some("problems")).unwrap());
        for word in ["", "Problems", "none", "off"] {
            assert_eq!(all(Some(word)), Err(ConfigError::BadRequestLog), "{word}");
        }
    }

    // Rule: ATTACK 9
    #[test]
    fn people_decide_on_this_server_and_nowhere_else() {
        let page = |path: &str| {
            let consent_page = Some(path.to_owned());
            let variables = Variables {
                consent_page,
                ..variables("https://auth.example.com", "")
            };
            Config::parse(variables).map(|config| config.consent_page)
        };
        assert_eq!(page("/connect").unwrap(), "/connect");
        assert_eq!(page("/account/connect").unwrap(), "/account/connect");
        for elsewhere in [
            "",
            "/",
            "connect",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example/connect",
            "https://auth.example.com/connect",
            "/connect?x",
            "/connect#x",
            "/a/../connect",
            "/connect/",
            "/a//b",
            "/con nect",
        ] {
            assert_eq!(page(elsewhere), Err(ConfigError::BadConsentPage), "{elsewhere}");
        }
    }

    #[test]
    fn an_unverified_app_has_a_hundred_users_at_most_unless_the_operator_says_otherwise() {
        let users = |text: Option<&str>| {
            let unverified_app_users = text.map(str::to_owned);
            let variables = Variables {
                unverified_app_users,
                ..variables("https://auth.example.com", "")
            };
            Config::parse(variables).map(|config| config.unverified_app_users)
        };
        assert_eq!(
            (users(None), users(Some("0")), users(Some("5000"))),
            (Ok(100), Ok(0), Ok(5000))
        );
        for text in ["", "-1", "many", "1.5", "1e3", "99999999999"] {
            assert_eq!(users(Some(text)), Err(ConfigError::BadUnverifiedAppUsers), "{text}");
        }
    }

    #[test]
    fn a_colour_or_a_logo_that_is_none_is_named() {
        let parsed = |accent_color: Option<&str>, platform_logo: Option<&str>| {
            Config::parse(Variables {
                accent_color: accent_color.map(str::to_owned),
                platform_logo: platform_logo.map(str::to_owned),
                ..variables("https://auth.example.com", "")
            })
            .map(|config| (config.looks.accent, config.looks.logo))
        };
        let logo = crate::looks::logo::testing::name();
        let (accent, name) = parsed(Some("#ff6600"), Some(&logo)).unwrap();
        assert_eq!(Some(accent), Accent::parse("#ff6600"));
        assert_eq!(name.unwrap().as_str(), logo);
        assert_eq!(parsed(None, None), Ok((Accent::default(), None)));
        for bad in ["", "orange", "#f60", "ff6600", "#ff6600;"] {
            assert_eq!(parsed(Some(bad), None), Err(ConfigError::BadAccentColor), "{bad}");
        }
        for bad in ["", "logo.png", "https://acme.example/logo.png"] {
            assert_eq!(parsed(None, Some(bad)), Err(ConfigError::BadPlatformLogo), "{bad}");
        }
    }

    #[test]
    fn a_missing_variable_is_named() {
        let missing = Config::parse(Variables::default()).unwrap_err();
        assert_eq!(missing, ConfigError::NoIssuer);
        let secret = Config::parse(Variables {
            latchkey_secret: None,
            ..variables("https://a.example", "")
        });
        assert_eq!(secret.unwrap_err(), ConfigError::NoSecret);
    }
}
