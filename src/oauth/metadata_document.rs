//! OAuth Client ID Metadata Documents (draft-ietf-oauth-client-id-metadata-document-02): the `client_id` is the address
//! of a document in which the app says what it is.

use std::time::Duration;

use serde_json::Value;
use thiserror::Error;
use url::Url;

use super::client_metadata::{BadMetadata, Channel, ClientMetadata};
use crate::config::Issuer;
use crate::json;
use crate::router;
use crate::web::public_address::{BadAddress, PublicAddress};
use crate::web::{Answer, WebAddress, WebError};

/// The longest `client_id` that is an address, in letters. It stands in tokens and links.
const MAX_CLIENT_ID: usize = 512;
/// The largest document, in bytes (§8.6 recommends 5 kilobytes).
pub const MAX_DOCUMENT: usize = 5 * 1024;
/// How long a document counts as fresh at least, whatever it says itself (§5.2).
const SHORTEST: Duration = Duration::from_secs(5 * 60);
/// How long where it says nothing.
const USUAL: Duration = Duration::from_secs(3600);
/// How long at most.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// How long the last good copy serves while the document cannot be had.
pub const LAST_GOOD: Duration = Duration::from_secs(24 * 3600);

/// A `client_id` that is the address of a document this server may ask for (§3). Compared letter by letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentUrl(PublicAddress);

/// Why a `client_id` is no such address, as a sentence without its subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BadDocumentUrl {
    /// Longer than [`MAX_CLIENT_ID`].
    #[error("must have at most 512 letters")]
    Length,
    /// No path.
    #[error("must have a path: https://app.example.com/client.json")]
    NoPath,
    /// Dot segments, capitals in the host, a port that goes without saying: it would have two spellings.
    #[error("must be in its normal form, without . or .. segments, capitals in the host or a default port")]
    NotNormal,
    /// It may not be asked.
    #[error(transparent)]
    Address(#[from] BadAddress),
}

/// Why there is no document.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DocumentError {
    /// Its server does not answer, or answers for the moment only: a copy of before may serve.
    #[error("the document {0}")]
    OutOfReach(String),
    /// It is gone, or answers with another status than 200 (§5): redirects are not followed.
    #[error("the document answers with status {0}, and only 200 counts")]
    Status(u16),
    /// More than [`MAX_DOCUMENT`].
    #[error("the document has more than 5 kB")]
    TooLarge,
    /// It is not said to be JSON.
    #[error("the document must be of type application/json, or another that ends in +json")]
    Type,
    /// It is no JSON object.
    #[error("the document is not a JSON object")]
    NotJson,
    /// It is about another client.
    #[error("the document's client_id must be its own address, letter by letter")]
    OtherClient,
    /// What it says cannot be accepted.
    #[error("the document: {0}")]
    Metadata(#[from] BadMetadata),
}

impl DocumentError {
    /// Whether the document may be good again in a moment, so that the last good copy serves.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::OutOfReach(_))
    }
}

/// A document that was fetched and accepted.
#[derive(Debug, Clone, PartialEq)]
pub struct MetadataDocument {
    /// What it says.
    pub metadata: ClientMetadata,
    /// How long it need not be asked for again (RFC 9111, within this server's bounds).
    pub fresh_for: Duration,
    /// What it says to prove that somebody may claim the app: its member [`claim_member`].
    pub claim: Option<String>,
}

/// The member by which a document proves to the server `own` that a developer may claim its app. A name that no other server
/// reads.
pub fn claim_member(own: &Issuer) -> String {
    own.url(router::CLAIM)
}

impl DocumentUrl {
    /// Whether a `client_id` is meant as an address: no identifier that this server gives out begins like one (§3).
    pub fn is_meant(client_id: &str) -> bool {
        client_id.starts_with("https://") || client_id.starts_with("http://")
    }

    /// Reads a `client_id`, for the server `own`.
    pub fn parse(client_id: &str, own: &Issuer) -> Result<Self, BadDocumentUrl> {
        if client_id.len() > MAX_CLIENT_ID {
            return Err(BadDocumentUrl::Length);
        }
        let address = PublicAddress::parse(client_id, own)?;
        let behind_scheme = client_id.split_once("://").map_or("", |(_, rest)| rest);
        if !behind_scheme.contains('/') {
            return Err(BadDocumentUrl::NoPath);
        }
        match address.as_str() == client_id {
            true => Ok(Self(address)),
            false => Err(BadDocumentUrl::NotNormal),
        }
    }

    /// The `client_id`.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Where to ask.
    pub fn address(&self) -> &WebAddress {
        self.0.address()
    }

    /// The host, which is all that is known for sure about who is behind it.
    pub fn host(&self) -> String {
        let url = Url::parse(self.as_str()).ok();
        url.and_then(|url| url.host_str().map(str::to_owned))
            .unwrap_or_default()
    }
}

impl MetadataDocument {
    /// Judges what came of asking for a document (§4.1, §5).
    pub fn read(url: &DocumentUrl, answer: Result<Answer, WebError>, own: &Issuer) -> Result<Self, DocumentError> {
        let answer = match answer {
            Ok(answer) => answer,
            Err(WebError::TooLarge) => return Err(DocumentError::TooLarge),
            Err(error @ WebError::OutOfReach) => return Err(DocumentError::OutOfReach(error.to_string())),
        };
        match answer.status {
            200 => {}
            // Whoever guards the document may let the next request through.
            status @ (403 | 429 | 500..) => {
                return Err(DocumentError::OutOfReach(format!("answers with status {status}")));
            }
            status => return Err(DocumentError::Status(status)),
        }
        if !answer.content_type.as_deref().is_some_and(is_json) {
            return Err(DocumentError::Type);
        }
        if answer.body.len() > MAX_DOCUMENT {
            return Err(DocumentError::TooLarge);
        }
        let Ok(Value::Object(members)) = json::parse(&answer.body) else {
            return Err(DocumentError::NotJson);
        };
        if members.get("client_id").and_then(Value::as_str) != Some(url.as_str()) {
            return Err(DocumentError::OtherClient);
        }
        let metadata = ClientMetadata::parse(&members, Channel::Document, own)?;
        let fresh_for = answer.cache_control.as_deref().map_or(USUAL, fresh_for);
        let claim = members.get(&claim_member(own)).and_then(Value::as_str);
        Ok(Self {
            metadata,
            fresh_for,
            claim: claim.map(str::to_owned),
        })
    }
}

fn is_json(content_type: &str) -> bool {
    let essence = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

fn fresh_for(cache_control: &str) -> Duration {
    let directives = cache_control
        .split(',')
        .map(|directive| directive.trim().to_ascii_lowercase());
    let mut lifetime = USUAL;
    for directive in directives {
        match directive.split_once('=') {
            None if matches!(directive.as_str(), "no-store" | "no-cache") => return SHORTEST,
            Some(("max-age", seconds)) => {
                let seconds = seconds.trim_matches('"').parse();
                lifetime = seconds.map_or(SHORTEST, Duration::from_secs);
            }
            _ => {}
        }
    }
    lifetime.clamp(SHORTEST, LONGEST)
}

#[cfg(test)]
#[path = "metadata_document_tests.rs"]
mod tests;
