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
    /// What can be done about it, where something can.
    pub retry: Option<Retry<'a>>,
    /// The id under which the operator finds this in the log.
    pub request_id: &'a str,
}

/// How to go on after something did not work.
pub enum Retry<'a> {
    /// Opening this address once more. A link, because a form is held to `form-action` through every redirect that
    /// follows (CSP 3 §6.4.1), and this may lead to where people sign in, or to an app.
    Open(&'a str),
    /// Signing in, at this address.
    SignIn(&'a str),
    /// Sending a form once more.
    Send {
        /// Where to.
        action: &'a str,
        /// What with.
        fields: &'a [(&'a str, &'a str)],
    },
}
