//! Pages about webhooks and notices.

use askama::Template;

use super::{FormState, Frame};
use crate::management::notices::Notice;
use crate::management::notices::log::{Attempt, Delivery, Told};
use crate::management::notices::outbox::Format;
use crate::management::notices::webhooks::Webhook;
use crate::pages::readable;
use crate::time::Timestamp;

/// An owner's webhooks.
#[derive(Template)]
#[template(path = "management/webhooks.html")]
pub struct WebhooksPage<'a> {
    /// What every page here is given.
    pub frame: Frame<'a>,
    /// The name of the developer account; `None`: they are the operator's.
    pub account: Option<&'a str>,
    /// Its id.
    pub developer_id: Option<&'a str>,
    /// Where this page is.
    pub base: &'a str,
    /// The webhooks.
    pub webhooks: &'a [Webhook],
    /// The form that makes another.
    pub form: &'a FormState,
}

/// A webhook and its deliveries.
#[derive(Template)]
#[template(path = "management/webhook.html")]
pub struct WebhookPage<'a> {
    /// What every page here is given.
    pub frame: Frame<'a>,
    /// The name of the developer account; `None`: it is the operator's.
    pub account: Option<&'a str>,
    /// Where the webhooks are listed.
    pub base: &'a str,
    /// Where this page is.
    pub here: &'a str,
    /// The webhook.
    pub webhook: &'a Webhook,
    /// Its new secret, this once.
    pub secret: Option<&'a str>,
    /// The form that changes it.
    pub form: &'a FormState,
    /// What was sent, newest first.
    pub deliveries: &'a [Delivery],
    /// Where older ones are.
    pub older: Option<String>,
}

/// A developer account's notices.
#[derive(Template)]
#[template(path = "management/notices.html")]
pub struct NoticesPage<'a> {
    /// What every page here is given.
    pub frame: Frame<'a>,
    /// The name of the developer account.
    pub account: Option<&'a str>,
    /// Its id.
    pub developer_id: &'a str,
    /// What there is to know, newest first.
    pub notices: &'a [Told],
    /// Where older ones are.
    pub older: Option<String>,
}

impl WebhooksPage<'_> {
    fn events(&self) -> Vec<Notice> {
        Notice::ALL.into()
    }
}

impl WebhookPage<'_> {
    fn events(&self) -> Vec<Notice> {
        let is_mail = self.webhook.format == Format::Mail;
        let offered = Notice::ALL.into_iter();
        offered
            .filter(|notice| !is_mail || notice.readers().is_some())
            .collect()
    }

    fn takes_all(&self) -> bool {
        self.webhook.format == Format::Standard
    }
}

fn time(at: &Timestamp) -> String {
    at.to_rfc3339()
}

fn since(at: &Option<Timestamp>) -> Option<String> {
    at.map(Timestamp::to_rfc3339)
}

/// What came of an attempt, in words.
fn outcome(attempt: &Attempt) -> String {
    let said = match (attempt.status, attempt.error.as_deref()) {
        (Some(status), None) => format!("{status}"),
        (Some(status), Some("redirect_not_followed")) => format!("{status}: redirects are not followed"),
        (Some(status), Some(_)) => format!("{status}: refused"),
        (None, Some("address_refused")) => "not sent: the address may not be written to".into(),
        (None, Some("no_secret")) => "not sent: make a new secret".into(),
        (None, Some("nobody_to_write_to")) => "not sent: nobody it is for has an address".into(),
        (None, _) => "no answer within 5 seconds".into(),
    };
    format!("{said} ({} ms)", attempt.duration_ms)
}

fn title(event: &str) -> &str {
    Notice::from_name(event).map_or("Test", Notice::title)
}

/// The app's name, made safe to look at.
fn app(told: &Told) -> Option<String> {
    let name = told.entry.app_name.as_deref()?;
    Some(readable(name, 80).unwrap_or_else(|| "Unnamed".into()))
}

/// What somebody wrote about it: a reason.
fn said(told: &Told) -> Option<String> {
    readable(told.entry.told("reason")?.as_str()?, 1000)
}
