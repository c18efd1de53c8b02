//! The OpenAPI document, and what its readers see of it on `/api-docs`. It is written in `openapi/`.

#[cfg(test)]
mod assemble;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;

use crate::config::Issuer;

/// Stands in the document where this server's address belongs.
const PLACEHOLDER: &str = "https://latchkey.invalid";

const DOCUMENT: &str = include_str!(concat!(env!("OUT_DIR"), "/openapi.json"));

include!(concat!(env!("OUT_DIR"), "/reference.rs"));

/// Operations that belong together.
#[derive(Debug)]
pub struct Tag {
    /// What they are about.
    pub name: &'static str,
    /// The same in a URL.
    pub slug: &'static str,
    /// More about it. HTML, as every description here.
    pub description: &'static str,
    /// What can be done.
    pub operations: &'static [Operation],
    /// What is sent and answered there and nowhere else.
    pub schemas: &'static [Schema],
}

/// A method of a path.
#[derive(Debug)]
pub struct Operation {
    /// The name of its route.
    pub id: &'static str,
    /// `GET`
    pub method: &'static str,
    /// With placeholders.
    pub path: &'static str,
    /// A line about it.
    pub summary: &'static str,
    /// More about it.
    pub description: &'static str,
    /// Who may.
    pub access: &'static str,
    /// What it is asked with, besides the body.
    pub parameters: &'static [Row],
    /// What the body is, empty if there is none.
    pub media_type: &'static str,
    /// The members of the body.
    pub body: &'static [Row],
    /// What it answers.
    pub answers: &'static [Answer],
    /// How to ask from a command line.
    pub curl: &'static str,
}

impl Operation {
    /// What stands above the members of the body.
    pub fn body_caption(&self) -> &'static str {
        match self.media_type {
            "application/json" => "Body, as JSON",
            "application/x-www-form-urlencoded" => "Body, as a form",
            _ => "Body",
        }
    }
}

/// A parameter, or a member of an object.
#[derive(Debug)]
pub struct Row {
    /// Its name.
    pub name: &'static str,
    /// What it must be.
    pub kind: &'static str,
    /// Whether it must be there.
    pub required: bool,
    /// What it is for.
    pub description: &'static str,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: &'static str,
    /// What it means.
    pub description: &'static str,
    /// What the body is, empty where it goes without saying.
    pub body: &'static str,
}

/// Something that is sent or answered.
#[derive(Debug)]
pub struct Schema {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub description: &'static str,
    /// What it must be, if it is no object.
    pub kind: &'static str,
    /// Its members.
    pub rows: &'static [Row],
    /// One.
    pub example: &'static str,
}

/// The document, for a server at this address.
pub fn document(issuer: &Issuer) -> String {
    DOCUMENT.replace(PLACEHOLDER, issuer.as_str())
}

/// A page that was drawn from the document, for a server at this address.
pub fn addressed(page: &str, issuer: &Issuer) -> String {
    page.replace(PLACEHOLDER, issuer.as_str())
}

/// What operations are about.
pub fn tags() -> &'static [Tag] {
    TAGS
}

/// What more than one of the tags has.
pub fn shared_schemas() -> &'static [Schema] {
    SHARED
}

/// The error codes, each with what it means.
pub fn errors() -> &'static [Row] {
    ERRORS
}
