//! Users and their sessions.

use super::*;
use crate::ledger::EndedBy;
use crate::management::session_events::Noted;

impl Memory {
    /// Suspends a user: their sessions end, and their consents are out of use until the ledger has ended them.
    pub fn suspend(&self, user_id: &str) {
        self.suspended.borrow_mut().push(user_id.into());
        self.sessions
            .borrow_mut()
            .retain(|_, session| session.user_id != user_id);
        for consent in self.consents.borrow_mut().values_mut() {
            let ends = consent.status == "active" || consent.ended_by == Some(EndedBy::Unused);
            if consent.user_id == user_id && consent.status != "revoked" && ends {
                (consent.status, consent.ended_by) = ("revoking", Some(EndedBy::UserSuspended));
            }
        }
    }

    /// An active user.
    fn user(&self, id: &str) -> Option<User> {
        let active = !self.suspended.borrow().iter().any(|suspended| suspended == id);
        self.users.borrow().iter().find(|user| user.id == id && active).cloned()
    }

    pub(super) fn signed_in(&self, token_hash: &str, now: Timestamp) -> Option<SignedIn> {
        let sessions = self.sessions.borrow();
        let session = sessions.get(token_hash).filter(|session| session.expires_at > now)?;
        let user = self.user(&session.user_id)?;
        let connections = self.connections.borrow();
        let connection = session
            .connection_id
            .as_ref()
            .and_then(|id| connections.iter().find(|own| own.id == *id));
        let may_connect_apps = connection.is_none_or(|connection| connection.domain_level);
        Some(SignedIn {
            session: token_hash.into(),
            user,
            auth_time: session.auth_time,
            may_connect_apps,
            may_develop: true,
            administers: !self
                .database
                .column_if_made(&format!(
                    "SELECT 1 FROM organization_members WHERE user_id = '{}' AND role = 'administrator'",
                    session.user_id
                ))
                .is_empty(),
        })
    }
}

impl Sessions for Memory {
    async fn session(&self, token_hash: &str, now: Timestamp) -> Result<Option<SignedIn>, StoreError> {
        self.trip("sessions", || {
            self.note_use(token_hash, now);
            self.signed_in(token_hash, now)
        })
    }

    async fn user_by_username(&self, username: &str) -> Result<Option<User>, StoreError> {
        self.trip("sessions", || {
            let users = self.users.borrow();
            let user = users.iter().find(|user| user.username == username)?;
            self.user(&user.id)
        })
    }

    async fn begin_session(
        &self,
        session: &NewSession,
        replaces: Option<&str>,
        _: Noted<'_>,
    ) -> Result<(), StoreError> {
        self.trip("sessions", || {
            let mut sessions = self.sessions.borrow_mut();
            replaces.map(|old| sessions.remove(old));
            if !self.suspended.borrow().contains(&session.user_id) {
                sessions.insert(session.token_hash.clone(), session.clone());
            }
        })
    }

    async fn end_session(&self, token_hash: &str, _: Noted<'_>) -> Result<(), StoreError> {
        self.trip("sessions", || {
            self.sessions.borrow_mut().remove(token_hash);
        })
    }
}
