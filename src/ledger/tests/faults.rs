//! Rows that fail at the n-th call, before or after it took effect: what the platform's transaction undoes.

use std::cell::Cell;

use super::*;
use crate::ledger::event::Event;
use crate::ledger::status::Listed;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum When {
    Before,
    After,
}

struct FailingRows<'a> {
    rows: &'a mut MemoryRows,
    calls: Cell<usize>,
    fails_at: usize,
    when: When,
}

impl FailingRows<'_> {
    fn call(&self) -> (bool, Result<(), StoreError>) {
        let number = self.calls.replace(self.calls.get() + 1);
        let error = StoreError {
            part: "ledger",
            detail: format!("call {number}, {:?}", self.when),
        };
        match (number == self.fails_at, self.when) {
            (true, When::Before) => (false, Err(error)),
            (true, When::After) => (true, Err(error)),
            (false, _) => (true, Ok(())),
        }
    }

    fn read<T>(&self, read: impl FnOnce(&MemoryRows) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.call().1.and_then(|()| read(self.rows))
    }

    fn write(&mut self, write: impl FnOnce(&mut MemoryRows) -> Result<(), StoreError>) -> Result<(), StoreError> {
        let (happens, answer) = self.call();
        if happens {
            write(self.rows)?;
        }
        answer
    }
}

impl Rows for FailingRows<'_> {
    fn code(&self, hash: &str) -> Result<Option<RedeemedCode>, StoreError> {
        self.read(|rows| rows.code(hash))
    }
    fn put_code(&mut self, hash: &str, code: &RedeemedCode, until: Timestamp) -> Result<(), StoreError> {
        self.write(|rows| rows.put_code(hash, code, until))
    }
    fn family(&self, id: &str) -> Result<Option<Family>, StoreError> {
        self.read(|rows| rows.family(id))
    }
    fn put_family(&mut self, id: &str, family: &Family) -> Result<(), StoreError> {
        self.write(|rows| rows.put_family(id, family))
    }
    fn remove_family(&mut self, id: &str) -> Result<(), StoreError> {
        self.write(|rows| rows.remove_family(id))
    }
    fn families_of_consent(&self, consent_id: &str) -> Result<Vec<(String, Family)>, StoreError> {
        self.read(|rows| rows.families_of_consent(consent_id))
    }
    fn consent_ended(&self, consent_id: &str) -> Result<bool, StoreError> {
        self.read(|rows| rows.consent_ended(consent_id))
    }
    fn end_consent(&mut self, consent_id: &str, until: Timestamp) -> Result<(), StoreError> {
        self.write(|rows| rows.end_consent(consent_id, until))
    }
    fn token_ended(&self, jti: &str) -> Result<bool, StoreError> {
        self.read(|rows| rows.token_ended(jti))
    }
    fn end_token(&mut self, jti: &str, until: Timestamp) -> Result<(), StoreError> {
        self.write(|rows| rows.end_token(jti, until))
    }
    fn single_use(&self, name: &str) -> Result<Option<String>, StoreError> {
        self.read(|rows| rows.single_use(name))
    }
    fn put_single_use(&mut self, single_use: &SingleUse) -> Result<(), StoreError> {
        self.write(|rows| rows.put_single_use(single_use))
    }
    fn untold_use(&self, consent_id: &str) -> Result<Option<Timestamp>, StoreError> {
        self.read(|rows| rows.untold_use(consent_id))
    }
    fn touch_consent(&mut self, consent_id: &str, now: Timestamp) -> Result<(), StoreError> {
        self.write(|rows| rows.touch_consent(consent_id, now))
    }
    fn log_cut(&mut self, cut: &LoggedCut) -> Result<(), StoreError> {
        self.write(|rows| rows.log_cut(cut))
    }
    fn cuts_after(&self, number: u64, at_most: u32) -> Result<Vec<LoggedCut>, StoreError> {
        self.read(|rows| rows.cuts_after(number, at_most))
    }
    fn newest_cut(&self) -> Result<u64, StoreError> {
        self.read(MemoryRows::newest_cut)
    }
    fn newest_place(&self) -> Result<Option<Place>, StoreError> {
        self.read(MemoryRows::newest_place)
    }
    fn put_newest_place(&mut self, place: Place) -> Result<(), StoreError> {
        self.write(|rows| rows.put_newest_place(place))
    }
    fn revoke_places(&mut self, listed: &[Listed]) -> Result<(), StoreError> {
        self.write(|rows| rows.revoke_places(listed))
    }
    fn revoke_places_of_app(&mut self, app: &AppCut, now: Timestamp) -> Result<(), StoreError> {
        self.write(|rows| rows.revoke_places_of_app(app, now))
    }
    fn revoked_places(&self, period: u64, now: Timestamp) -> Result<Vec<Place>, StoreError> {
        self.read(|rows| rows.revoked_places(period, now))
    }
    fn app_cut(&self, client_id: &str) -> Result<Option<u32>, StoreError> {
        self.read(|rows| rows.app_cut(client_id))
    }
    fn put_app_cut(&mut self, app: &AppCut, until: Timestamp) -> Result<(), StoreError> {
        self.write(|rows| rows.put_app_cut(app, until))
    }
    fn note(&mut self, event: &Event) -> Result<(), StoreError> {
        self.write(|rows| rows.note(event))
    }
}

/// Runs the operation with every one of its calls failing in turn, before and after it took effect. No failure may be
/// passed over; and since a transaction undoes what happened, the operation made again answers as if nothing had
/// gone wrong. Returns how many calls it made.
pub fn try_every_failure(rows: &MemoryRows, operation: &Operation, now: Timestamp) -> usize {
    let mut undisturbed = rows.clone();
    let answer = apply(&mut undisturbed, operation, now).unwrap();
    for fails_at in 0.. {
        for when in [When::Before, When::After] {
            let mut disturbed = rows.clone();
            let mut failing = FailingRows {
                rows: &mut disturbed,
                calls: Cell::new(0),
                fails_at,
                when,
            };
            let outcome = apply(&mut failing, operation, now);
            if failing.calls.get() <= fails_at {
                assert_eq!(outcome.unwrap(), answer);
                return fails_at;
            }
            assert!(
                outcome.is_err(),
                "{operation:?} passed over a failure of call {fails_at}"
            );
        }
    }
    unreachable!("no operation makes calls without end")
}

/// The operation was carried out, but nobody heard: it is made again. What was granted is granted alike, what was
/// refused is refused, and nothing changes a second time.
pub fn lose_the_reply(rows: &MemoryRows, operation: &Operation, now: Timestamp) {
    let mut rows = rows.clone();
    let first = apply(&mut rows, operation, now).unwrap();
    let after = rows.clone();
    let again = apply(&mut rows, operation, now).unwrap();
    match first {
        Outcome::Refused { .. } => assert!(matches!(again, Outcome::Refused { .. }), "{operation:?}: {again:?}"),
        granted => assert_eq!(again, granted, "{operation:?}"),
    }
    assert_eq!(rows, after, "{operation:?} changed something when it was made again");
}

#[test]
fn no_failure_of_a_row_is_passed_over_where_proofs_and_tokens_are_used_up() {
    let proof = SingleUse {
        name: "jti".into(),
        attempt: "attempt".into(),
        expires_at: Timestamp(9000),
    };
    let rows = redeemed();
    for (operation, calls) in [
        (Operation::UseOnce(proof.clone()), 2),
        (
            Operation::EndToken {
                jti: "jti".into(),
                expires_at: Timestamp(9000),
                place: Place::new(0, 1),
            },
            5,
        ),
        (refresh(|refresh| refresh.proof = Some(proof.clone())), 7),
        (
            redemption(|redeem| {
                redeem.code_hash = "another".into();
                redeem.family = "another".into();
                redeem.proof = Some(proof.clone());
            }),
            9,
        ),
        (end_consents(EndedBy::User, &["cns_one", "cns_two"]), 13),
        (end_consents(EndedBy::Unused, &["cns_one", "cns_two"]), 15),
    ] {
        lose_the_reply(&rows, &operation, NOW);
        assert_eq!(try_every_failure(&rows, &operation, NOW), calls);
    }
}

#[test]
fn no_failure_of_a_row_is_passed_over_where_tokens_are_listed_and_marked() {
    let mut rows = redeemed();
    run(&mut rows, refresh(|refresh| refresh.token_lifetime = Some(3600)));
    let apps = ["app_one", "app_two"].map(|client_id| AppCut {
        client_id: client_id.into(),
        epoch: 2,
    });
    for (operation, calls) in [
        (Operation::CutApps { apps: apps.into() }, 6),
        (
            refresh(|refresh| (refresh.generation, refresh.token_lifetime) = (1, Some(3600))),
            7,
        ),
        (redemption(|redeem| redeem.attempt = "another".into()), 7),
        (redemption(|redeem| redeem.token_lifetime = Some(3600)), 7),
        (end_consents(EndedBy::User, &["cns_one"]), 8),
    ] {
        assert_eq!(try_every_failure(&rows, &operation, NOW), calls, "{operation:?}");
    }
}
