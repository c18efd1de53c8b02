//! How an app proves who it is, and with which keys.

use serde_json::json;

use super::keys::RegisteredJwks;
use super::rotation::Secrets;
use super::{Changed, Credentials, GivenSecret, OF_DOCUMENT, PUBLIC};
use crate::config::Issuer;
use crate::management::accounts::members::still_member;
use crate::management::actor::Member;
use crate::management::audit::Entry;
use crate::management::input::Input;
use crate::management::problem::Problem;
use crate::oauth::client_security::{Authentication, Profile};
use crate::random::Random;
use crate::store::database::Statement;
use crate::time::Timestamp;
use crate::web::public_address::{self, PublicAddress};

/// How a confidential app is to prove itself.
#[derive(Debug, Clone, PartialEq)]
pub enum Method {
    /// By a secret.
    ClientSecret,
    /// By its private key.
    PrivateKeyJwt(Keys),
}

/// Where the public keys of an app are.
#[derive(Debug, Clone, PartialEq)]
pub enum Keys {
    /// Here.
    Registered(RegisteredJwks),
    /// At an address of the app's (RFC 7591 §2, `jwks_uri`).
    At(PublicAddress),
}

const METHODS: [(&str, Authentication); 2] = [
    ("client_secret", Authentication::ClientSecret),
    ("private_key_jwt", Authentication::PrivateKeyJwt),
];

impl Method {
    /// Checks what was sent for an app with these credentials: `method`, and either `jwks` or `jwks_uri`.
    pub fn parse(mut input: Input, credentials: &Credentials, own: &Issuer) -> Result<Self, Problem> {
        if credentials.method == Authentication::None {
            return Err(PUBLIC);
        }
        if credentials.follows_document {
            return Err(OF_DOCUMENT);
        }
        let method = input.choice("method", &METHODS);
        let method = input.required("method", method);
        let jwks = RegisteredJwks::parse(&mut input, credentials.profile);
        let address = input.line("jwks_uri", public_address::MAX_URL);
        let names_an_address = address.is_some();
        let address = address.and_then(|text| match PublicAddress::parse(&text, own) {
            Ok(address) => Some(address),
            Err(error) => {
                input.error("jwks_uri", error.to_string());
                None
            }
        });
        let given = jwks.is_some() || address.is_some();
        let method = match (method, jwks, address) {
            (Authentication::ClientSecret, ..) if credentials.profile == Profile::Fapi2 => {
                input.error("method", "must be private_key_jwt for an app under FAPI 2.0");
                Self::ClientSecret
            }
            (Authentication::PrivateKeyJwt, Some(_), Some(_)) => {
                input.error("jwks_uri", "must be absent when keys are given in jwks");
                Self::ClientSecret
            }
            (Authentication::PrivateKeyJwt, Some(jwks), None) => Self::PrivateKeyJwt(Keys::Registered(jwks)),
            (Authentication::PrivateKeyJwt, None, Some(address)) => Self::PrivateKeyJwt(Keys::At(address)),
            (Authentication::PrivateKeyJwt, None, None) => {
                // What is wrong with an address has been said.
                if !names_an_address {
                    input.required::<()>("jwks", None);
                }
                Self::ClientSecret
            }
            (Authentication::ClientSecret | Authentication::None, ..) => {
                if given {
                    input.error("method", "must be private_key_jwt when keys are given");
                }
                Self::ClientSecret
            }
        };
        input.finish()?;
        Ok(method)
    }
}

impl Credentials {
    /// Sets how the app proves itself. Secrets of an app that turns to keys end, and one that turns to a secret is given
    /// one; nothing of the other kind comes back to life later.
    pub fn set_method(&self, member: Member<'_>, method: &Method, random: &dyn Random, now: Timestamp) -> Changed {
        let (name, keys) = match method {
            Method::ClientSecret => ("client_secret", "none"),
            Method::PrivateKeyJwt(Keys::Registered(_)) => ("private_key_jwt", "jwks"),
            Method::PrivateKeyJwt(Keys::At(_)) => ("private_key_jwt", "jwks_uri"),
        };
        let (jwks, jwks_uri) = match method {
            Method::PrivateKeyJwt(Keys::Registered(jwks)) => (Some(jwks.to_json()), None),
            Method::PrivateKeyJwt(Keys::At(address)) => (None, Some(address.as_str())),
            Method::ClientSecret => (None, None),
        };
        let keeps_secrets = *method == Method::ClientSecret && self.method == Authentication::ClientSecret;
        let mut statements = vec![
            still_member(member),
            Statement::require("EXISTS (SELECT 1 FROM apps WHERE client_id = ?1 AND version = ?2 AND deleted_at IS NULL)")
                .text(&self.client_id)
                .number(self.version),
            Statement::new(
                "UPDATE apps SET authentication = ?2, jwks = ?3, jwks_uri = ?4, version = version + 1 WHERE client_id = ?1",
            )
            .text(&self.client_id)
            .text(name)
            .optional_text(jwks.as_deref())
            .optional_text(jwks_uri),
        ];
        if !keeps_secrets {
            statements.push(Statement::new("DELETE FROM client_secrets WHERE client_id = ?1").text(&self.client_id));
        }
        let has_none = !keeps_secrets || self.secrets == Secrets::None;
        let given = (*method == Method::ClientSecret && has_none).then(|| GivenSecret::draw(random));
        statements.extend(
            given
                .as_ref()
                .map(|given| given.insert(&self.client_id, member.actor().user_id(), now)),
        );
        let entry = Entry::of_app("app.authentication_changed", &self.client_id);
        let entry = entry.with(json!({ "from": self.method.name(), "to": name, "keys": keys }));
        statements.push(entry.by(member.actor(), random, now));
        Changed { statements, given }
    }
}
