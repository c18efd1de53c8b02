//! Deciding a request, once: whoever draws the page, and also where nobody is asked.

use std::time::Duration;

use futures_util::future::join;

use super::choice::Choice;
use super::request::{ConsentPlace, DecidableRequest};
use crate::context::Context;
use crate::crypto::base64url;
use crate::endpoints::management::caller;
use crate::endpoints::revocation::{self, Asked};
use crate::endpoints::{app_url, error_url};
use crate::http::{Device, Request};
use crate::management::actor::Origin;
use crate::oauth::authorization_code::{AuthorizationCode, CODE_LIFETIME, CodePayload};
use crate::oauth::client::SubjectType;
use crate::oauth::error::{ErrorCode, OAuthError};
use crate::oauth::scope::Scopes;
use crate::oauth::standing::NotServed;
use crate::random;
use crate::store::{Approval, Decided, Decision, DecisionState, StoreError, Stores};
use crate::usage::Metric;

/// How long a second click gets the redirect of the first.
const SAME_ANSWER: Duration = Duration::from_secs(5);

/// What the user said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// No.
    No,
    /// Yes, to all of it.
    Whole,
    /// Yes, with these of the optional scopes. Anything else named here counts for nothing.
    Yes(Scopes),
}

/// What comes of a decision.
pub enum Verdict {
    /// The browser goes to the app with the answer; `error` is the code in it, if it is one.
    To { url: String, error: Option<&'static str> },
    /// It was decided before, too long ago to answer once more, or by somebody else.
    AlreadyDecided,
    /// The session has ended, or may not be used for this.
    SignedOut,
    /// The app does not serve this user any more.
    NotServed(NotServed),
    /// Everything was left out: there is nothing to agree to.
    NothingChosen,
    /// Nobody knows whether it was written. Deciding the enclosed once more gets the answer of what was.
    TryAgain(Box<DecidableRequest>),
}

/// What was agreed to is not what is in force any more: the consent was replaced or revoked.
pub struct ConsentMoved;

/// Decides a request as its user said.
pub async fn decide<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    decidable: DecidableRequest,
    said: &Said,
) -> Verdict {
    let asked = &decidable.pending.request;
    let choice = match said {
        Said::No => None,
        Said::Whole => Some(Choice::of(asked, &asked.optional)),
        Said::Yes(ticked) => Some(Choice::of(asked, ticked)),
    };
    let choice = match choice {
        None => None,
        Some(Some(choice)) => Some(choice),
        Some(None) => return Verdict::NothingChosen,
    };
    let device = request.device().map(Device::code);
    let attempt = Attempt {
        device,
        origin: caller::origin(context, request),
        ..Attempt::of(context, &decidable, choice)
    };
    let verdict = attempt.carry_out(context, decidable).await;
    // Moved again since it was followed once.
    verdict.unwrap_or(Verdict::NotServed(NotServed::Unavailable))
}

/// Decides a request as its user did before. The error: the user has to be asked.
pub async fn decide_as_remembered<S: Stores>(
    context: &Context<'_, S>,
    decidable: DecidableRequest,
    choice: Choice,
) -> Result<Verdict, ConsentMoved> {
    let attempt = Attempt {
        remembered: true,
        ..Attempt::of(context, &decidable, Some(choice))
    };
    attempt.carry_out(context, decidable).await
}

/// A click, or its repetition after its outcome remained unknown.
struct Attempt {
    id: String,
    consent: ConsentPlace,
    /// `None`: the user said no.
    choice: Option<Choice>,
    device: Option<String>,
    /// For the audit trail; empty where nothing new is agreed to.
    origin: Origin,
    remembered: bool,
    /// Whether it may have been written before: then KV holds the code already, or does without.
    repeated: bool,
}

impl Attempt {
    fn of<S>(context: &Context<'_, S>, decidable: &DecidableRequest, choice: Option<Choice>) -> Self {
        Self {
            id: decidable.attempt.clone().unwrap_or_else(|| attempt_id(context)),
            consent: decidable.consent.clone(),
            choice,
            device: None,
            origin: Origin::default(),
            remembered: false,
            repeated: decidable.attempt.is_some(),
        }
    }

    /// What the decision counts as. Whoever clicked second, or got an answer again, decided nothing.
    fn metric(&self) -> Metric {
        match (&self.choice, self.remembered) {
            (None, _) => Metric::ConsentDenied,
            (Some(_), false) => Metric::ConsentGranted,
            (Some(_), true) => Metric::ConsentRemembered,
        }
    }

    async fn carry_out<S: Stores>(
        mut self,
        context: &Context<'_, S>,
        decidable: DecidableRequest,
    ) -> Result<Verdict, ConsentMoved> {
        let verdict = match self.decide(context, &decidable).await {
            Ok(DecisionState::Decided(decided)) => {
                // Whoever made room is out of use already. What the ledger cannot be told now, the next cron run tells it.
                if !decided.displaced.is_empty() {
                    // A remembered consent makes nobody give way: what is left there, an earlier request left.
                    let asked = (!self.remembered).then(|| Asked::by_decision(&self.origin));
                    let _ = revocation::end(context, decided.displaced.clone(), asked).await;
                }
                if decided.attempt == self.id {
                    let client_id = &decidable.pending.request.client_id;
                    context.log.usage().count(client_id, self.metric());
                }
                self.answer(context, &decidable, &decided)
            }
            Ok(DecisionState::SignedOut) => Verdict::SignedOut,
            Ok(DecisionState::NotServed(why)) => Verdict::NotServed(why),
            Ok(DecisionState::ConsentChanged(_) | DecisionState::ConsentRevoked) => return Err(ConsentMoved),
            Err(_) => Verdict::TryAgain(Box::new(DecidableRequest {
                attempt: Some(self.id),
                consent: self.consent,
                ..decidable
            })),
        };
        Ok(verdict)
    }

    /// Decides. The consent the page was shown with may have been joined by another or revoked since. The user
    /// agreed to what the page said either way, so the decision moves to where it belongs now. Once: whoever
    /// changes consents faster than that is no person. What nobody was asked about moves nowhere.
    async fn decide<S: Stores>(
        &mut self,
        context: &Context<'_, S>,
        decidable: &DecidableRequest,
    ) -> Result<DecisionState, StoreError> {
        let consent = match self.write(context, decidable).await? {
            state if self.remembered => return Ok(state),
            DecisionState::ConsentChanged(active) => ConsentPlace::of_active(&active),
            DecisionState::ConsentRevoked => ConsentPlace::new(context, self.consent.instance.clone()),
            state => return Ok(state),
        };
        (self.id, self.consent, self.repeated) = (attempt_id(context), consent, false);
        self.write(context, decidable).await
    }

    /// D1 and KV side by side. D1 decides; what KV holds is under a hash nobody learns unless this attempt
    /// wins. A failed KV write is no error, because the copy in D1 serves a miss.
    async fn write<S: Stores>(
        &self,
        context: &Context<'_, S>,
        decidable: &DecidableRequest,
    ) -> Result<DecisionState, StoreError> {
        let request = &decidable.pending.request;
        let approval = match &self.choice {
            Some(choice) => match self.approval(context, decidable, choice).await? {
                Some(approval) => Some(approval),
                None => return Ok(DecisionState::NotServed(NotServed::Unavailable)),
            },
            None => None,
        };
        let decision = Decision {
            request_id: decidable.pending.id.clone(),
            attempt: self.id.clone(),
            session: decidable.session.clone(),
            user_id: decidable.user_id.clone(),
            client_id: request.client_id.clone(),
            app_epoch: request.app_epoch,
            redirect_uri: request.redirect_uri.registered().to_owned(),
            unverified_app_users: context.config.unverified_app_users,
            approval,
            origin: self.origin.clone(),
        };
        let in_kv = async {
            if let Some(approval) = decision.approval.as_ref().filter(|_| !self.repeated) {
                let _ = context.stores.put_code(&approval.code_hash, &approval.payload).await;
            }
        };
        let in_d1 = async {
            match context.stores.decide(&decision, context.now).await {
                // Nobody knows whether it was written: ask again with the same attempt.
                Err(_) => context.stores.decide(&decision, context.now).await,
                decided => decided,
            }
        };
        join(in_d1, in_kv).await.0
    }

    /// `None`: nothing of what was chosen is to be had any more.
    async fn approval<S: Stores>(
        &self,
        context: &Context<'_, S>,
        decidable: &DecidableRequest,
        choice: &Choice,
    ) -> Result<Option<Approval>, StoreError> {
        let request = &decidable.pending.request;
        let Some(resources) = resources(context, decidable, choice).await? else {
            return Ok(None);
        };
        let keys = &context.config.sealing_keys;
        let code = AuthorizationCode::derive(keys, self.consent.shard, &decidable.pending.id, &self.id);
        let code = code.ok_or_else(|| StoreError {
            part: "keys",
            detail: "a code cannot be derived".into(),
        })?;
        Ok(Some(Approval {
            consent_id: self.consent.id.clone(),
            shard: self.consent.shard,
            instance: self.consent.instance.clone(),
            device: self.device.clone(),
            remembered: self.remembered,
            declined: choice.declined.clone(),
            code_hash: code.hash(),
            payload: CodePayload {
                client_id: request.client_id.clone(),
                app_epoch: request.app_epoch,
                user_id: decidable.user_id.clone(),
                consent_id: self.consent.id.clone(),
                redirect_uri: request.redirect_uri.clone(),
                scopes: choice.scopes.clone(),
                resources,
                code_challenge: request.code_challenge.clone(),
                dpop_jkt: request.dpop_jkt.clone(),
                auth_time: decidable.auth_time,
                expires_at: context.now + CODE_LIFETIME,
            },
        }))
    }

    /// The redirect of whoever decided first. Soon after, a second click gets the same; later it gets a page,
    /// because the code has been used by then. A repetition of the attempt that won gets it while the code lives.
    fn answer<S>(&self, context: &Context<'_, S>, decidable: &DecidableRequest, decided: &Decided) -> Verdict {
        let request = &decidable.pending.request;
        let answered_within = if decided.attempt == self.id {
            CODE_LIFETIME
        } else {
            SAME_ANSWER
        };
        if decided.user_id != decidable.user_id || context.now - decided.at > answered_within {
            return Verdict::AlreadyDecided;
        }
        let Some(shard) = decided.shard else {
            return refusal(context, decidable);
        };
        let keys = &context.config.sealing_keys;
        match AuthorizationCode::derive(keys, shard, &decidable.pending.id, &decided.attempt) {
            Some(code) => {
                let mut params = vec![("code", code.reveal())];
                params.extend(request.state.as_deref().map(|state| ("state", state)));
                Verdict::To {
                    url: app_url(context, &request.redirect_uri, params),
                    error: None,
                }
            }
            // The keys it was made with are gone.
            None => Verdict::AlreadyDecided,
        }
    }
}

fn attempt_id<S>(context: &Context<'_, S>) -> String {
    base64url(random::bytes::<16>(context.random))
}

fn refusal<S>(context: &Context<'_, S>, decidable: &DecidableRequest) -> Verdict {
    let request = &decidable.pending.request;
    let error = OAuthError::new(ErrorCode::AccessDenied, "the user said no");
    Verdict::To {
        url: error_url(context, &request.redirect_uri, &error, request.state.as_deref()),
        error: Some(error.code.as_str()),
    }
}

/// The APIs of what was chosen. Which scope belongs to which is not sealed with the request, and is asked only where
/// it matters: something was left out, and there is more than one API.
async fn resources<S: Stores>(
    context: &Context<'_, S>,
    decidable: &DecidableRequest,
    choice: &Choice,
) -> Result<Option<Vec<String>>, StoreError> {
    let request = &decidable.pending.request;
    if choice.is_everything() || request.resources.len() < 2 {
        return Ok(Some(request.resources.clone()));
    }
    let app = context.stores.app(&request.client_id).await?;
    let available = app.map(|app| app.available_scopes(SubjectType::User));
    let grant = available.and_then(|available| available.effective(&choice.scopes, &request.resources));
    Ok(grant.map(|grant| grant.resources))
}
