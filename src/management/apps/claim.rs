//! Claiming an app that registered itself: from then on it is a developer account's, and its settings, its credentials and
//! its reviews are the portal's. Whoever claims it proves that they have a hand in it: by its registration access token, or by
//! what they put into its document.

use serde_json::json;

use super::AppRecord;
use super::account::Account;
use crate::crypto::keys::{Purpose, SealingKeys};
use crate::crypto::{base64url, from_base64url};
use crate::management::actor::DeveloperUser;
use crate::management::audit::Entry;
use crate::management::problem::Problem;
use crate::management::review::state::Action;
use crate::management::review::steps;
use crate::oauth::standing::AppStatus;
use crate::random::Random;
use crate::store::database::Statement;
use crate::time::Timestamp;

/// What stands in the way of a claim that came second.
pub const REFUSED: Problem = Problem::Conflict(
    "the app changed meanwhile, or was deleted or claimed; or your developer account has as many apps as one may",
);

/// What a document must say so that somebody may claim its app: nobody can make it up, and it serves nobody else.
#[derive(Debug, Clone, Copy)]
pub struct Mark<'a> {
    /// Who claims: a developer account, or a user who has none yet.
    pub claimant: &'a str,
    /// Which app.
    pub client_id: &'a str,
}

impl Mark<'_> {
    fn parts(&self) -> [&[u8]; 2] {
        [self.claimant.as_bytes(), self.client_id.as_bytes()]
    }

    /// It, as it stands in the document. The same every time, until the keys change.
    pub fn text(&self, keys: &SealingKeys) -> String {
        let id = keys.current_id();
        let mac = keys.mac(id, Purpose::AppClaim, &self.parts()).unwrap_or_default();
        format!("lkp_{}", base64url([&[id], mac.as_slice()].concat()))
    }

    /// Whether the document has it.
    pub fn is(&self, text: &str, keys: &SealingKeys) -> bool {
        let bytes = text.strip_prefix("lkp_").and_then(from_base64url);
        bytes.is_some_and(|bytes| match bytes.split_first() {
            Some((id, mac)) => mac.len() == 32 && keys.mac_matches(*id, Purpose::AppClaim, &self.parts(), mac),
            None => false,
        })
    }
}

/// A claim whose proof is good.
#[derive(Debug)]
pub struct Claim<'a> {
    /// Of which app.
    pub client_id: &'a str,
    /// The app as the directory has it; `None`: it has never been used, and its document brings it.
    pub app: Option<&'a AppRecord>,
    /// The account it comes to.
    pub account: &'a Account<'a>,
    /// What its document changes first.
    pub document: Vec<Statement>,
}

impl Claim<'_> {
    /// What carries it out. A submission that waits is taken back: nobody who answers for the app made it.
    pub fn statements(
        self,
        developer: DeveloperUser<'_>,
        random: &dyn Random,
        now: Timestamp,
    ) -> Result<Vec<Statement>, Problem> {
        let actor = developer.actor();
        let mut statements = vec![match self.app {
            Some(app) => claimable(app)?.unchanged(),
            None => Statement::require("NOT EXISTS (SELECT 1 FROM apps WHERE client_id = ?1)").text(self.client_id),
        }];
        statements.extend(self.account.statements(developer, random, now));
        statements.extend(self.document);
        if let Some((app, pending)) = self.app.and_then(|app| Some((app, app.pending.as_deref()?))) {
            let step = app.life().step(Action::Withdraw)?;
            statements.extend(steps::take(app, step, actor, None, now));
            statements.extend(step.event.map(|event| {
                let entry = Entry::of_app(event, self.client_id).with(json!({ "submission_id": pending }));
                entry.by(actor, random, now)
            }));
        }
        // What the account calls itself is read by nobody before a reviewer has read it.
        statements.push(
            Statement::new(
                "UPDATE apps SET developer_id = ?2, created_by = ?3, claimed_at = ?4, unused_since = NULL,
                                 approved_developer_name = COALESCE(approved_developer_name, ''), version = version + 1
                 WHERE client_id = ?1",
            )
            .text(self.client_id)
            .text(self.account.id())
            .text(actor.acts())
            .time(now),
        );
        statements.push(Entry::of_app("app.claimed", self.client_id).by(actor, random, now));
        Ok(statements)
    }
}

fn claimable(app: &AppRecord) -> Result<&AppRecord, Problem> {
    match app.status {
        _ if !app.is_unclaimed() => Err(Problem::Conflict("this app belongs to a developer account already")),
        AppStatus::Suspended => Err(Problem::Conflict(
            "the platform switched this app off: nobody can claim it until it is reinstated",
        )),
        _ => Ok(app),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> SealingKeys {
        SealingKeys::parse(&format!("2:{},1:{}", base64url([2; 32]), base64url([1; 32]))).unwrap()
    }

    const MARK: Mark<'_> = Mark {
        claimant: "dev_north",
        client_id: "https://agent.dev/client.json",
    };

    #[test]
    fn a_mark_serves_one_claimant_for_one_app_and_no_other() {
        let text = MARK.text(&keys());
        assert!(MARK.is(&text, &keys()));
        for other in [
            Mark {
                claimant: "dev_south",
                ..MARK
            },
            Mark {
                client_id: "https://agent.dev/client.jso",
                ..MARK
            },
            Mark {
                claimant: "dev_northh",
                client_id: "ttps://agent.dev/client.json",
            },
        ] {
            assert!(!other.is(&text, &keys()), "{other:?}");
        }
    }

    #[test]
    fn a_mark_cannot_be_made_up() {
        let text = MARK.text(&keys());
        let shortened = base64url(&from_base64url(text.strip_prefix("lkp_").unwrap()).unwrap()[..17]);
        let cut = format!("lkp_{shortened}");
        for made_up in ["", "lkp_", "dev_north", &text[4..], &text[..text.len() - 1], &cut] {
            assert!(!MARK.is(made_up, &keys()), "{made_up}");
        }
    }

    #[test]
    fn a_mark_outlives_a_change_of_keys_as_long_as_the_old_key_is_named() {
        let before = SealingKeys::parse(&format!("1:{}", base64url([1; 32]))).unwrap();
        let text = MARK.text(&before);
        assert!(MARK.is(&text, &keys()));
        let without = SealingKeys::parse(&format!("2:{}", base64url([2; 32]))).unwrap();
        assert!(!MARK.is(&text, &without));
    }
}
