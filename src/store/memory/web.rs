//! Other servers, with answers made up beforehand.

use super::*;
use crate::oauth::secret::Secret;
use crate::web::{Answer, MAX_ANSWER, Message, Notified, WebAddress, WebError};

/// What another server was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The address.
    pub address: String,
    /// The `Authorization` header.
    pub authorization: Option<String>,
    /// The form that was sent.
    pub form: Option<String>,
}

/// What another server was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The address.
    pub address: String,
    /// The headers.
    pub headers: BTreeMap<&'static str, String>,
    /// The JSON.
    pub body: String,
}

impl Memory {
    fn ask(
        &self,
        address: &WebAddress,
        authorization: Option<&Secret>,
        form: Option<&Secret>,
    ) -> Result<Answer, WebError> {
        let text = |secret: &Secret| secret.reveal().to_owned();
        self.asked.borrow_mut().push(Asked {
            address: address.as_str().into(),
            authorization: authorization.map(text),
            form: form.map(text),
        });
        let web = self.web.borrow();
        let (status, body) = web.get(address.as_str()).ok_or(WebError::OutOfReach)?;
        match body.len() {
            0..=MAX_ANSWER => Ok(Answer {
                status: *status,
                content_type: Some("application/json".into()),
                cache_control: None,
                body: body.clone().into_bytes(),
            }),
            _ => Err(WebError::TooLarge),
        }
    }
}

impl Web for Memory {
    async fn get(&self, address: &WebAddress, authorization: Option<&Secret>) -> Result<Answer, WebError> {
        self.ask(address, authorization, None)
    }

    async fn post_form(
        &self,
        address: &WebAddress,
        authorization: Option<&Secret>,
        form: &Secret,
    ) -> Result<Answer, WebError> {
        self.ask(address, authorization, Some(form))
    }

    async fn notify(&self, message: &Message<'_>) -> Notified {
        self.notified.borrow_mut().push(Told {
            address: message.address.as_str().into(),
            headers: message.headers.iter().cloned().collect(),
            body: message.body.into(),
        });
        let web = self.web.borrow();
        let answer = web.get(message.address.as_str()).ok_or(WebError::OutOfReach);
        Notified {
            answer: answer.map(|(status, _)| (*status, None)),
            at: self.now.get(),
            took: std::time::Duration::from_millis(7),
        }
    }
}
