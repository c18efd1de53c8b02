//! The ways to sign in that somebody is offered.

use std::rc::Rc;

use super::Arriving;
use crate::config::is_loopback_host;
use crate::context::Context;
use crate::http::{CONNECTION_COOKIE, Request, cookie};
use crate::sign_in::connection::Connection;
use crate::store::{StoreError, Stores};

/// What is offered to somebody who wants to sign in.
pub struct Ways {
    active: Rc<Vec<Connection>>,
    /// Somebody on the way to an app is offered connections of the whole domain only.
    for_an_app: bool,
    /// Whether the development sign-in is there.
    pub development: bool,
}

impl Ways {
    /// Finds out. Costs a trip at most every 8 seconds.
    pub async fn offered<S: Stores>(
        context: &Context<'_, S>,
        request: &Request,
        arriving: &Arriving,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            active: context.stores.connections().await?,
            for_an_app: arriving.is_for_an_app(),
            development: development_sign_in(context, request),
        })
    }

    /// The connections, the one that this browser used last first.
    pub fn connections(&self, last: Option<&str>) -> Vec<&Connection> {
        let offered = self.active.iter().filter(|one| one.domain_level || !self.for_an_app);
        let (mut first, others): (Vec<_>, Vec<_>) = offered.partition(|one| Some(one.id.as_str()) == last);
        first.extend(others);
        first
    }

    /// The connection of this id, if it is offered.
    pub fn named(&self, id: &str) -> Option<&Connection> {
        self.connections(None).into_iter().find(|one| one.id == id)
    }

    /// The connection to use without asking: the only way there is.
    pub fn only(&self) -> Option<&Connection> {
        match self.connections(None).as_slice() {
            [only] if !self.development => Some(only),
            _ => None,
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        !self.development && self.connections(None).is_empty()
    }
}

/// Only on this machine, whatever the configuration says of the issuer.
pub fn development_sign_in<S>(context: &Context<'_, S>, request: &Request) -> bool {
    context.config.development_sign_in && is_loopback_host(&request.host)
}

/// The connection this browser used last. Believed by nobody: it only moves a button.
pub fn last_used(request: &Request) -> Option<&str> {
    cookie(request, CONNECTION_COOKIE)
}
