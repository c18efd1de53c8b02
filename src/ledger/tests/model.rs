//! Random schedules against the rule for refresh tokens, stated once more from what clients can see: who presented
//! which generation when, and what came back.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::feed::{Cut, Subject};
use crate::ledger::event::EventKind;
use crate::oauth::access_token::MAX_LIFETIME;

const START: i64 = 1_800_000_000_000;
const DAY: i64 = 24 * 3600;
/// How far the clock is ever set back, in seconds.
const CLOCK_ERROR: i64 = 120;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Public,
    Authenticated,
    Bound,
    NotRotating,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holder {
    Tab,
    OtherTab,
    Thief,
}

/// `Old(n)`: the n-th token before the newest one that the holder has.
#[derive(Debug, Clone, Copy)]
enum Token {
    Newest,
    Old(usize),
}

#[derive(Debug, Clone)]
enum Step {
    /// Seconds; negative: the clock is set back.
    Pass(i64),
    Refresh {
        by: Holder,
        with: Token,
        reply_lost: bool,
    },
    /// The n-th request before the last one once more, as it was: the ledger's reply did not reach the Worker, or a
    /// copy was under way.
    AskAgain(usize),
    /// The thief copies what the tab has, now.
    Steal,
    AnotherApp,
    AnotherKey,
    RedeemAgain,
    RedeemASecondTime,
    RevokeConsent,
    /// Seconds without use after which a consent ends.
    ExpireConsent(i64),
    RevokeByApp,
    RecallApp,
    CleanUp,
}

fn step() -> impl Strategy<Value = Step> {
    use Holder::{OtherTab, Tab, Thief};
    let holder = prop_oneof![4 => Just(Tab), 1 => Just(OtherTab), 3 => Just(Thief)];
    let token = prop_oneof![4 => Just(Token::Newest), 3 => (1..4_usize).prop_map(Token::Old)];
    let refresh = (holder, token, prop::bool::weighted(0.2));
    let small = prop_oneof![
        Just(1),
        Just(20),
        Just(59),
        Just(60),
        Just(61),
        Just(600),
        Just(-1),
        Just(-20)
    ];
    let large = prop_oneof![Just(DAY), Just(59 * DAY), Just(60 * DAY), Just(200 * DAY)];
    prop_oneof![
        12 => refresh.prop_map(|(by, with, reply_lost)| Step::Refresh { by, with, reply_lost }),
        8 => small.prop_map(Step::Pass),
        1 => large.prop_map(Step::Pass),
        1 => prop_oneof![Just(0), Just(30), Just(600), Just(DAY)].prop_map(Step::ExpireConsent),
        2 => (0..3_usize).prop_map(Step::AskAgain),
        2 => Just(Step::Steal),
        2 => prop_oneof![Just(Step::AnotherApp), Just(Step::AnotherKey), Just(Step::RedeemAgain), Just(Step::CleanUp)],
        1 => prop_oneof![
            Just(Step::RedeemASecondTime), Just(Step::RevokeConsent), Just(Step::RevokeByApp), Just(Step::RecallApp)
        ],
    ]
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        3 => Just(Kind::Public),
        1 => Just(Kind::Authenticated),
        1 => Just(Kind::Bound),
        1 => Just(Kind::NotRotating)
    ]
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// The successor of this generation.
    Granted(u32),
    Refused,
    /// Refused, and the family ends.
    Ended,
}

/// What happened, as far as the rule cares.
#[derive(Default)]
struct History {
    newest: u32,
    superseded: BTreeMap<u32, Timestamp>,
    /// Which generations came late, and the request that was granted then.
    resent_late: BTreeMap<u32, String>,
    ended: bool,
    /// Its consent was ended, and that is not forgotten.
    consent_ended: bool,
    recalled: bool,
    forgotten: bool,
}

struct World {
    kind: Kind,
    rows: MemoryRows,
    now: Timestamp,
    latest: Timestamp,
    began: Timestamp,
    /// When its newest token was last used.
    last_use: Timestamp,
    /// When it last got a token, also one that it had got before.
    last_grant: Timestamp,
    history: History,
    held: BTreeMap<&'static str, Vec<u32>>,
    sent: Vec<Refresh>,
    attempts: u32,
    signs_of_theft: usize,
    ends_of_consent: usize,
}

impl World {
    fn new(kind: Kind) -> Self {
        let now = Timestamp(START);
        let mut world = Self {
            kind,
            rows: MemoryRows::default(),
            now,
            latest: now,
            began: now,
            last_use: now,
            last_grant: now,
            history: History::default(),
            held: BTreeMap::from([("Tab", vec![0]), ("OtherTab", vec![0]), ("Thief", Vec::new())]),
            sent: Vec::new(),
            attempts: 0,
            signs_of_theft: 0,
            ends_of_consent: 0,
        };
        assert_eq!(world.apply(&world.redemption("first")), Outcome::Redeemed);
        world
    }

    fn apply(&mut self, operation: &Operation) -> Outcome {
        apply(&mut self.rows, operation, self.now).unwrap()
    }

    fn redemption(&self, attempt: &str) -> Operation {
        redemption(|redeem| {
            redeem.attempt = attempt.into();
            redeem.family = format!("family of the {attempt}");
            redeem.code_expires_at = Timestamp(START + 60_000);
            redeem.dpop_key = (self.kind == Kind::Bound).then(|| "key".into());
        })
    }

    fn refresh(&mut self, generation: u32) -> Refresh {
        self.attempts += 1;
        let Operation::Refresh(refresh) = refresh(|refresh| {
            refresh.family = "family of the first".into();
            refresh.generation = generation;
            refresh.attempt = self.attempts.to_string();
            refresh.app_epoch = self.app_epoch();
            refresh.authenticated = matches!(self.kind, Kind::Authenticated | Kind::NotRotating);
            refresh.rotates = self.kind != Kind::NotRotating;
            refresh.dpop_key = (self.kind == Kind::Bound).then(|| "key".into());
        }) else {
            unreachable!()
        };
        refresh
    }

    fn app_epoch(&self) -> u32 {
        if self.history.recalled { 2 } else { 1 }
    }

    fn has_expired(&self) -> bool {
        self.now >= self.last_use + IDLE_LIFETIME || self.now >= self.began + ABSOLUTE_LIFETIME
    }

    fn is_dead(&self) -> bool {
        let History {
            ended,
            recalled,
            forgotten,
            ..
        } = self.history;
        ended || recalled || forgotten || self.has_expired()
    }

    /// The rule.
    fn judge(&mut self, generation: u32, attempt: &str) -> Verdict {
        if self.is_dead() {
            return Verdict::Refused;
        }
        let history = &mut self.history;
        if generation == history.newest {
            self.last_use = self.now;
            if self.kind != Kind::NotRotating {
                history.superseded.insert(generation, self.now);
                history.newest += 1;
            }
            return Verdict::Granted(history.newest);
        }
        let minute_is_over = self.now.0 - history.superseded[&generation].0 > 60_000;
        // More rotations in a minute than a family remembers: no honest client comes near.
        let is_remembered = generation + 8 >= history.newest;
        if generation + 1 < history.newest {
            return if minute_is_over || !is_remembered {
                history.ended = true;
                Verdict::Ended
            } else {
                Verdict::Refused
            };
        }
        if minute_is_over && self.kind == Kind::Public {
            if history.resent_late.get(&generation).is_some_and(|by| by == attempt) {
                return Verdict::Granted(history.newest);
            }
            let before = generation.checked_sub(1);
            let was_late = |generation| history.resent_late.contains_key(&generation);
            if was_late(generation) || before.is_some_and(was_late) {
                history.ended = true;
                return Verdict::Ended;
            }
            history.resent_late.insert(generation, attempt.to_owned());
        }
        Verdict::Granted(history.newest)
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Pass(seconds) => {
                let earliest = self.latest.0 - CLOCK_ERROR * 1000;
                self.now = Timestamp((self.now.0 + seconds * 1000).max(earliest));
                self.latest = self.latest.max(self.now);
            }
            Step::Refresh { by, with, reply_lost } => self.take_refresh(*by, *with, *reply_lost),
            Step::AskAgain(back) => {
                if let Some(mut refresh) = self.sent.iter().rev().nth(*back).cloned() {
                    refresh.app_epoch = self.app_epoch();
                    self.send(refresh);
                }
            }
            Step::Steal => {
                let stolen = self.held["Tab"].clone();
                self.held.insert("Thief", stolen);
            }
            Step::AnotherApp => {
                let mut stranger = self.refresh(self.history.newest);
                stranger.client_id = "app_two".into();
                self.refuses(&Operation::Refresh(stranger));
            }
            Step::AnotherKey if self.kind == Kind::Bound => {
                let mut stolen = self.refresh(self.history.newest);
                stolen.dpop_key = Some("thief".into());
                self.refuses(&Operation::Refresh(stolen));
            }
            Step::AnotherKey => {}
            Step::RedeemAgain => {
                let outcome = self.apply(&self.redemption("first"));
                // A recalled app is refused before the ledger is asked.
                let is_redeemed = outcome == Outcome::Redeemed;
                assert!(!is_redeemed || !self.is_dead() || self.history.recalled, "{outcome:?}");
            }
            Step::RedeemASecondTime => {
                let is_remembered = !self.rows.codes.is_empty();
                let outcome = self.apply(&self.redemption("second"));
                assert!(
                    matches!(outcome, Outcome::Refused { .. }),
                    "a second set of tokens: {outcome:?}"
                );
                self.history.ended |= is_remembered;
            }
            Step::RevokeConsent => {
                assert_eq!(self.apply(&end_consent()), all_ended());
                self.end_of_consent();
            }
            Step::ExpireConsent(unused_for) => self.expire_consent(Timestamp(self.now.0 - unused_for * 1000)),
            Step::RevokeByApp => {
                let end = Operation::EndFamily {
                    family: "family of the first".into(),
                    client_id: "app_one".into(),
                    origin: None,
                };
                assert_eq!(self.apply(&end), Outcome::Ended);
                self.history.ended = true;
            }
            Step::RecallApp => self.history.recalled = true,
            Step::CleanUp => {
                self.history.forgotten |= self.has_expired();
                self.rows.delete_expired(self.now);
                // A year after its end, when nothing of it can be left.
                self.history.consent_ended &= !self.rows.ended_consents.is_empty();
            }
        }
        self.check();
    }

    /// A consent that was used lives on, whatever the directory believes; any other ends, once.
    fn expire_consent(&mut self, unused_since: Timestamp) {
        let consents = vec![EndingConsent {
            id: "cns_one".into(),
            by: EndedBy::Unused,
        }];
        let used_at = match self.rows.families.is_empty() {
            true => self.last_grant,
            false => self.last_grant.max(self.last_use),
        };
        let outcome = self.apply(&Operation::EndConsents {
            consents,
            unused_since,
            asked: None,
        });
        if used_at > unused_since && !self.history.consent_ended {
            let consent_id = "cns_one".into();
            let still_used = vec![StillUsed { consent_id, used_at }];
            assert_eq!(outcome, Outcome::ConsentsEnded { still_used });
        } else {
            assert_eq!(outcome, all_ended());
            self.end_of_consent();
        }
    }

    fn end_of_consent(&mut self) {
        self.history.ended = true;
        self.ends_of_consent += usize::from(!self.history.consent_ended);
        self.history.consent_ended = true;
    }

    fn take_refresh(&mut self, by: Holder, with: Token, reply_lost: bool) {
        let name = match by {
            Holder::Tab => "Tab",
            Holder::OtherTab => "OtherTab",
            Holder::Thief => "Thief",
        };
        let held = &self.held[name];
        let back = match with {
            Token::Newest => 1,
            Token::Old(count) => count + 1,
        };
        let Some(generation) = held.len().checked_sub(back).map(|at| held[at]) else {
            return;
        };
        let refresh = self.refresh(generation);
        if let Verdict::Granted(successor) = self.send(refresh)
            && !reply_lost
        {
            let held = self.held.get_mut(name).unwrap();
            if held.last() != Some(&successor) {
                held.push(successor);
            }
        }
    }

    /// Sends a request and compares the answer with what the rule says.
    fn send(&mut self, refresh: Refresh) -> Verdict {
        let Refresh {
            generation, attempt, ..
        } = refresh.clone();
        self.sent.push(refresh.clone());
        let expected = self.judge(generation, &attempt);
        let outcome = self.apply(&Operation::Refresh(refresh));
        self.signs_of_theft += usize::from(expected == Verdict::Ended);
        if let Verdict::Granted(_) = expected {
            self.last_grant = self.now;
        }
        assert_eq!(verdict(&outcome), expected, "generation {generation}: {outcome:?}");
        expected
    }

    fn refuses(&mut self, operation: &Operation) {
        let before = self.rows.clone();
        let outcome = self.apply(operation);
        assert!(matches!(outcome, Outcome::Refused { .. }), "{outcome:?}");
        assert_eq!(self.rows, before);
    }

    /// What holds after every step.
    fn check(&mut self) {
        let alive = self.rows.families.values().filter(|family| family.ended.is_none());
        assert!(alive.count() <= 1, "two live families from one code");
        let inspect = Operation::Inspect(Inspect {
            family: Some("family of the first".into()),
            ..Inspect::default()
        });
        let is_active = matches!(self.apply(&inspect), Outcome::Active { .. });
        // The epoch of an access token is compared by introspection itself, with the app's record.
        if is_active && !self.history.recalled {
            assert!(!self.is_dead(), "what was ended lives");
        } else if !is_active {
            assert!(self.is_dead(), "signed out for nothing");
        }
        self.check_feed(is_active);
        let noted = self.rows.events.iter();
        let thefts = noted.filter(|event| event.kind == EventKind::RefreshTokenReused);
        assert_eq!(thefts.count(), self.signs_of_theft, "every sign of theft is noted once");
        let noted = self.rows.events.iter();
        let ends = noted.filter(|event| event.kind == EventKind::ConsentEnded);
        assert_eq!(ends.count(), self.ends_of_consent, "an end is noted once");
    }
}

impl World {
    /// Whoever checks tokens by the feed refuses what introspection does, for as long as there may be a token.
    fn check_feed(&self, is_active: bool) {
        let told = |subject| {
            let mut told = self.rows.cuts.iter().filter(|cut| cut.expires_at > self.now);
            told.any(|cut| cut.cut == Cut::of(subject))
        };
        let is_cut_off = told(Subject::Family("family of the first")) || told(Subject::Consent("cns_one"));
        if is_active {
            assert!(!is_cut_off, "the feed tells the end of what lives");
        }
        let has_tokens = self.now < self.last_grant + Duration::from_secs(MAX_LIFETIME.into());
        if self.history.ended && has_tokens {
            assert!(is_cut_off, "the feed does not know of an end");
        }
    }
}

fn verdict(outcome: &Outcome) -> Verdict {
    match outcome {
        Outcome::Refreshed { family, .. } => Verdict::Granted(family.generation),
        Outcome::Refused {
            reason: Refusal::TokenReused,
        } => Verdict::Ended,
        Outcome::Refused { .. } => Verdict::Refused,
        other => panic!("{other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    // Covers: R49, R50, R70
    #[test]
    fn every_schedule_of_clients_thieves_and_revocations_goes_as_the_rule_says(
        kind in kind(),
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let mut world = World::new(kind);
        for step in &steps {
            world.take(step);
        }
    }
}

/// One refresh of an honest client: it waits, sends its token, and sends it again when nothing comes back.
#[derive(Debug, Clone)]
struct HonestRefresh {
    waits: i64,
    /// Sent again after so many seconds each, for as long as a minute; `false`: the request never arrived.
    lost: Vec<(i64, bool)>,
    /// Nothing came back for so long, and then it was sent once more.
    late_by: Option<i64>,
}

fn honest_refresh() -> impl Strategy<Value = HonestRefresh> {
    let waits = prop_oneof![0..30_i64, 60..4000_i64, Just(50 * DAY)];
    let lost = prop::collection::vec((0..15_i64, any::<bool>()), 0..4);
    let late_by = prop::option::weighted(0.3, 61..100_000_i64);
    (waits, lost, late_by).prop_map(|(waits, lost, late_by)| HonestRefresh { waits, lost, late_by })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    // Covers: R50, B26
    #[test]
    fn an_honest_client_alone_is_never_signed_out(
        kind in kind(),
        refreshes in prop::collection::vec(honest_refresh(), 1..7),
    ) {
        let mut world = World::new(kind);
        let (mut token, mut was_late) = (0, false);
        let send = |world: &mut World, token| {
            let operation = Operation::Refresh(world.refresh(token));
            match world.apply(&operation) {
                Outcome::Refreshed { family, .. } => family.generation,
                other => panic!("signed out: {other:?}"),
            }
        };
        for refresh in &refreshes {
            world.now = world.now + Duration::from_secs(refresh.waits as u64);
            for (seconds, arrived) in &refresh.lost {
                if *arrived {
                    send(&mut world, token);
                }
                world.now = world.now + Duration::from_secs(*seconds as u64);
            }
            // Late twice running is what a thief does, and nothing tells them apart.
            let late_by = refresh.late_by.filter(|_| !was_late || kind != Kind::Public);
            was_late = late_by.is_some();
            if let Some(late_by) = late_by {
                send(&mut world, token);
                world.now = world.now + Duration::from_secs(late_by as u64);
            }
            token = send(&mut world, token);
        }
    }

    #[test]
    fn a_thief_of_a_public_app_who_follows_along_with_predecessors_is_caught_at_the_second_late_one(
        quiet in 0..20_u32,
        waits in prop::collection::vec(61..100_000_i64, 4),
    ) {
        let mut world = World::new(Kind::Public);
        let send = |world: &mut World, token| {
            world.now = world.now + Duration::from_secs(61);
            let operation = Operation::Refresh(world.refresh(token));
            world.apply(&operation)
        };
        for token in 0..=quiet {
            send(&mut world, token);
        }
        let wait = |world: &mut World, index: usize| world.now = world.now + Duration::from_secs(waits[index] as u64);
        wait(&mut world, 0);
        let first = send(&mut world, quiet);
        let is_taken = matches!(first, Outcome::Refreshed { .. });
        prop_assert!(is_taken);
        wait(&mut world, 1);
        send(&mut world, quiet + 1);
        wait(&mut world, 2);
        let second = send(&mut world, quiet + 1);
        prop_assert_eq!(second, Refusal::TokenReused.into());
        wait(&mut world, 3);
        let victim = send(&mut world, quiet + 2);
        let cause = EndReason::RefreshTokenReused;
        prop_assert_eq!(victim, Refusal::FamilyEnded { cause }.into());
    }

    #[test]
    fn storage_that_is_rolled_back_signs_no_honest_client_out(
        kind in kind(),
        schedule in prop::collection::vec((0..100_000_u64, prop::option::weighted(0.2, 0..10_usize)), 1..20),
    ) {
        let mut world = World::new(kind);
        let (mut token, mut backups) = (0, vec![world.rows.clone()]);
        for (waits, restored) in &schedule {
            world.now = world.now + Duration::from_secs(*waits);
            if let Some(back) = restored {
                let at = backups.len().saturating_sub(back + 1);
                world.rows = backups[at].clone();
            }
            let operation = Operation::Refresh(world.refresh(token));
            let Outcome::Refreshed { family, .. } = world.apply(&operation) else { panic!("signed out") };
            prop_assert!(family.generation >= token);
            token = family.generation;
            backups.push(world.rows.clone());
        }
    }
}
