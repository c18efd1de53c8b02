//! Latchkey, an OAuth authorization server that runs as a Cloudflare Worker.
//!
//! Pure modules decide; [`edge`] alone talks to the platform.

pub mod config;
pub mod consent_expiry;
pub mod context;
pub mod crypto;
mod edge;
pub mod endpoints;
pub mod feed;
pub mod guard;
pub mod http;
pub mod json;
pub mod keyring;
pub mod ledger;
pub mod limits;
pub mod log;
pub mod looks;
pub mod management;
pub mod oauth;
pub mod openapi;
pub mod pages;
pub mod random;
pub mod registration;
pub mod router;
pub mod sign_in;
pub mod status_list;
pub mod store;
pub mod support;
pub mod time;
pub mod usage;
pub mod web;
pub mod words;
