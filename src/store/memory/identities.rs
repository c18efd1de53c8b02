//! Connections, and the users behind identities.

use super::*;
use crate::management::session_events;
use crate::oauth::secret::Secret;
use crate::sign_in::identity::Profile;

impl Connections for Memory {
    async fn connections(&self) -> Result<Rc<Vec<Connection>>, StoreError> {
        self.trip("connections", || Rc::new(self.connections.borrow().clone()))
    }

    fn connection_secret(&self, name: &str) -> Option<Secret> {
        self.secrets.borrow().get(name).map(Secret::new)
    }

    fn known_providers(&self) -> Rc<KnownProviders> {
        Rc::clone(&self.known_providers)
    }
}

impl Identities for Memory {
    async fn arrive(&self, arrival: &Arrival<'_>) -> Result<Arrived, StoreError> {
        self.trip("identities", || {
            let key = (arrival.identity.issuer.clone(), arrival.identity.subject.clone());
            let mut identities = self.identities.borrow_mut();
            let mut users = self.users.borrow_mut();
            if !identities.contains_key(&key) {
                if users.iter().any(|user| user.id == arrival.new_id) {
                    return Arrived::IdTaken;
                }
                identities.insert(key.clone(), arrival.new_id.into());
                users.push(User {
                    id: arrival.new_id.into(),
                    username: arrival.new_username.into(),
                    name: arrival.profile.first_name().into(),
                });
            }
            let user = users.iter_mut().find(|user| user.id == identities[&key]).unwrap();
            let Profile { name, account_name } = arrival.profile.clone();
            user.name = name.unwrap_or(user.name.clone());
            user.username = account_name.unwrap_or(user.username.clone());
            match self.suspended.borrow().contains(&user.id) {
                true => {
                    let Arrival {
                        identity,
                        connection_id,
                        noted,
                        ..
                    } = *arrival;
                    let entry = session_events::refused_as_suspended(identity, connection_id, noted);
                    self.database.transact(&[entry]).unwrap();
                    Arrived::Suspended
                }
                false => Arrived::User(user.clone()),
            }
        })
    }
}
