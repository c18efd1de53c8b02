//! Where a user is signed in, as they see it and end it.

use std::cmp::Reverse;

use super::*;
use crate::management::session_events::Noted;

impl Memory {
    pub(super) fn note_use(&self, token_hash: &str, now: Timestamp) {
        let Some(noted) = self.last_seen(token_hash) else {
            return;
        };
        if noted + LAST_SEEN_PRECISION <= now {
            self.last_seen.borrow_mut().insert(token_hash.into(), now);
        }
    }

    fn last_seen(&self, token_hash: &str) -> Option<Timestamp> {
        let created_at = self.sessions.borrow().get(token_hash)?.created_at;
        Some(self.last_seen.borrow().get(token_hash).copied().unwrap_or(created_at))
    }
}

impl SessionList for Memory {
    async fn sessions_of(
        &self,
        user_id: &str,
        this_session: &str,
        now: Timestamp,
    ) -> Result<Vec<ListedSession>, StoreError> {
        self.trip("session_list", || {
            let sessions = self.sessions.borrow();
            let connections = self.connections.borrow();
            let named = |id: &String| connections.iter().find(|one| one.id == *id).map(|one| one.name.clone());
            let live = sessions.values().filter(|session| session.expires_at > now);
            let mut listed: Vec<_> = live
                .filter(|session| session.user_id == user_id)
                // What answers nobody, because its connection was switched off, is not listed either.
                .filter(|session| session.connection_id.as_ref().is_none_or(|id| named(id).is_some()))
                .map(|session| ListedSession {
                    id: session.id.clone(),
                    device: session.device.clone(),
                    connection: session.connection_id.as_ref().and_then(named),
                    created_at: session.created_at,
                    last_seen_at: self.last_seen(&session.token_hash).unwrap(),
                    is_this: session.token_hash == this_session,
                })
                .collect();
            listed.sort_by_key(|session| (!session.is_this, Reverse(session.last_seen_at), session.id.clone()));
            listed.truncate(MOST_LISTED_SESSIONS as usize);
            listed
        })
    }

    async fn end_session_of(
        &self,
        user_id: &str,
        id: &str,
        this_session: &str,
        _: Noted<'_>,
    ) -> Result<Option<EndedSession>, StoreError> {
        self.trip("session_list", || {
            let mut sessions = self.sessions.borrow_mut();
            let mut theirs = sessions.values().filter(|session| session.user_id == user_id);
            let hash = theirs.find(|session| session.id == id)?.token_hash.clone();
            sessions.remove(&hash);
            let was_this = hash == this_session;
            Some(EndedSession { was_this })
        })
    }

    async fn end_all_sessions_of(&self, user_id: &str, _: Noted<'_>) -> Result<(), StoreError> {
        self.trip("session_list", || {
            self.sessions
                .borrow_mut()
                .retain(|_, session| session.user_id != user_id);
        })
    }
}
