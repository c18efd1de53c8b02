//! A page that tells what happened.

use askama::Template;

use super::Look;
use crate::words;

/// Tells what went wrong and what to do about it.
#[derive(Template)]
#[template(path = "message.html")]
pub struct MessagePage<'a> {
    /// What every page is given.
    pub look: Look<'a>,
    /// What happened, in a few words.
    pub heading: &'a str,
    /// What it means for the user.
    pub explanation: &'a str,
    /// One sentence for the developer of the app, where there is something to say.
    pub for_developers: Option<&'a str>,
    /// Fields to send once more, where trying again may help.
    pub retry: Option<Retry<'a>>,
    /// The id under which the operator finds this in the log.
    pub request_id: &'a str,
}

/// A form that repeats what the user did.
pub struct Retry<'a> {
    /// `get` or `post`.
    pub method: &'static str,
    /// Where to.
    pub action: &'a str,
    /// What with.
    pub fields: &'a [(&'a str, &'a str)],
}
