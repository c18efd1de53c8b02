//! Notices: entries of the audit trail that somebody outside wants to hear of, on their way to webhooks.

pub mod delivery;
pub mod event;
pub mod log;
pub mod mail;
pub mod outbox;
pub mod payload;
pub mod secret;
pub mod webhooks;

/// Where notices may be sent.
pub use crate::web::public_address::{self as address, PublicAddress as EndpointUrl};
pub use event::{BadFilter, EventFilter, Notice};
pub use secret::{SigningSecret, SigningSecrets};
