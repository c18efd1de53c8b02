//! The protocol: decisions over parsed requests and records. No platform, no I/O, no clock.

pub mod access_token;
pub mod authorization_code;
pub mod authorization_request;
pub mod client;
pub mod client_assertion;
pub mod client_authentication;
pub mod client_keys;
pub mod client_security;
pub mod dpop;
pub mod error;
pub mod grant;
pub mod introspection_jwt;
pub mod jwk;
pub mod jws;
pub mod metadata;
pub mod pkce;
pub mod pushed_request;
pub mod redirect_uri;
pub mod refresh_token;
pub mod resource;
pub mod scope;
pub mod secret;
pub mod signed_jwt;
pub mod standing;
pub mod token_request;
