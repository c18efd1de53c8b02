//! The pages of reviews, and their forms.

use super::super::pages;
use super::reviewer::{decide, may_look, review, switch, take_up_as};
use super::{developer, now};
use crate::context::Context;
use crate::http::{Reply, Request, percent_encoded};
use crate::management::actor::Actor;
use crate::management::apps;
use crate::management::cursor::{Cursor, PageRequest};
use crate::management::problem::Problem;
use crate::management::review::case::Case;
use crate::management::review::checklist;
use crate::management::review::comments::{self, Side};
use crate::management::review::decisions::{self, Verdict};
use crate::management::review::queue::{self, age_in_words};
use crate::management::review::submissions::Submission;
use crate::pages::management::{
    AppFrame, AppReviewPage, AppTab, Deciding, FormState, Past, Place, QueuePage, QueueRow, ReviewPage, Said, moment,
};
use crate::pages::{DisplayName, render};
use crate::router::management::reviews::{DeveloperReviews, ReviewerReviews};
use crate::store::Stores;

/// How much of comments and history a page shows.
const SHOWN: PageRequest = PageRequest { after: None, size: 20 };

/// Which form of a page was sent and refused.
#[derive(Default)]
struct Refused {
    main: FormState,
    comment: FormState,
}

/// The tab "Review" of an app.
pub async fn developer_page<S: Stores>(context: &Context<'_, S>, request: &Request, client_id: &str) -> Reply {
    let actor = match pages::visitor(context, request).await {
        Ok(actor) => actor,
        Err(reply) => return reply,
    };
    let shown = app_page(context, &actor, client_id, 200, Refused::default()).await;
    pages::reply(context, request, shown)
}

async fn app_page<S: Stores>(
    context: &Context<'_, S>,
    actor: &Actor,
    client_id: &str,
    status: u16,
    refused: Refused,
) -> Result<Reply, Problem> {
    let case = Case::load_for_member(context.stores, actor, client_id).await?;
    let app = &case.app;
    let pending = developer::pending(context, &case).await?;
    let comments = comments::list(context.stores, &app.client_id, &SHOWN).await?;
    let history = Submission::list(context.stores, &app.client_id, &SHOWN).await?;
    let page = AppReviewPage {
        frame: pages::frame(context, actor, Place::Developers),
        app: AppFrame::new(app, AppTab::Review),
        life: app.life(),
        class: app.class,
        version: app.version,
        suspension: case
            .suspension
            .as_ref()
            .map(|suspension| (moment(suspension.at), suspension.reason.clone())),
        pending_since: pending.as_ref().map(|pending| moment(pending.submitted_at)),
        checklist: checklist::of(app.working_copy(), app.app_type, &case.catalogue),
        has_news: app.approved_at.is_none() || *app.working_copy() != app.in_force,
        form: refused.main,
        comment: refused.comment,
        comments: comments.items.iter().map(Said::to_developers).collect(),
        history: history.items.iter().map(Past::of).collect(),
    };
    Ok(render(status, &page))
}

/// The forms of that tab.
pub async fn developer_form<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    client_id: &str,
    route: DeveloperReviews,
) -> Reply {
    let actor = match pages::visitor(context, request).await {
        Ok(actor) => actor,
        Err(reply) => return reply,
    };
    let form = match pages::form(context, request, &actor) {
        Ok(form) => form,
        Err(reply) => return reply,
    };
    let done = async {
        match route {
            DeveloperReviews::SubmitForm => {
                let case = Case::load_for_member(context.stores, &actor, client_id).await?;
                case.app.expect(form.version)?;
                let testing = decisions::testing(&case, form.input)?;
                let member = apps::member(&actor, &case.app)?;
                let (_, statements) = decisions::submit(member, &case, testing, now(context))?;
                context.stores.transact(statements).await?;
            }
            DeveloperReviews::WithdrawForm => {
                form.input.finish()?;
                developer::withdraw_as(context, &actor, client_id).await?;
            }
            _ => {
                let app = apps::load_for_member(context.stores, &actor, client_id).await?;
                let body = comments::body(form.input)?;
                say(context, &actor, Side::Developer, &app.client_id, body).await?;
            }
        }
        Ok(Reply::see_other(format!(
            "/developers/apps/{}/review",
            percent_encoded(client_id)
        )))
    };
    let done: Result<Reply, Problem> = done.await;
    let done = match done {
        Err(problem @ Problem::Invalid(_)) => {
            let state = form.state.refused(&problem);
            let refused = match route {
                DeveloperReviews::CommentForm => Refused {
                    comment: state,
                    ..Refused::default()
                },
                _ => Refused {
                    main: state,
                    ..Refused::default()
                },
            };
            app_page(context, &actor, client_id, 400, refused).await
        }
        done => done,
    };
    pages::reply(context, request, done)
}

async fn say<S: Stores>(
    context: &Context<'_, S>,
    actor: &Actor,
    side: Side,
    client_id: &str,
    body: String,
) -> Result<(), Problem> {
    let (_, statements) = comments::add(actor, side, client_id, body, context.random, context.now);
    let said = context.stores.transact(statements).await;
    said.map(drop).map_err(|undone| undone.or(comments::TOO_MANY))
}

/// The review queue.
pub async fn queue_page<S: Stores>(context: &Context<'_, S>, request: &Request) -> Reply {
    let actor = match pages::visitor(context, request).await {
        Ok(actor) => actor,
        Err(reply) => return reply,
    };
    let shown = async {
        actor.reviewer()?;
        let page = PageRequest::of(&super::super::api::query(request)?)?;
        let waiting = queue::list(context.stores, &page).await?;
        let row =
            |waiting: &queue::Waiting| QueueRow::of(waiting, actor.belongs_to(&waiting.developer_id), context.now);
        let page = QueuePage {
            frame: pages::frame(context, &actor, Place::Reviews),
            rows: waiting.items.iter().map(row).collect(),
            next: waiting.next.as_ref().map(Cursor::encode),
        };
        Ok(render(200, &page))
    };
    pages::reply(context, request, shown.await)
}

/// A submission.
pub async fn review_page<S: Stores>(context: &Context<'_, S>, request: &Request, id: &str) -> Reply {
    let actor = match pages::visitor(context, request).await {
        Ok(actor) => actor,
        Err(reply) => return reply,
    };
    let shown = submission_page(context, &actor, id, 200, Refused::default()).await;
    pages::reply(context, request, shown)
}

async fn submission_page<S: Stores>(
    context: &Context<'_, S>,
    actor: &Actor,
    id: &str,
    status: u16,
    refused: Refused,
) -> Result<Reply, Problem> {
    actor.reviewer()?;
    let review = review(context, actor, id).await?;
    let (case, submission) = (&review.case, &review.submission);
    let page = ReviewPage {
        frame: pages::frame(context, actor, Place::Reviews),
        submission,
        client_id: &case.app.client_id,
        status: case.app.status,
        class: case.app.class,
        app_type: case.app.app_type,
        developer: DisplayName::new(&case.app.developer_name, "Unnamed developer"),
        users: review.users.map(|users| (users, context.config.unverified_app_users)),
        age: age_in_words(context.now - submission.submitted_at),
        was_approved: review.is_compared,
        deciding: match (case.is_own, submission.is_pending()) {
            (true, _) => Deciding::Own,
            (false, true) => Deciding::Open,
            (false, false) => Deciding::Over,
        },
        diff: &review.diff,
        observations: &review.observations,
        missing: &review.missing,
        reject: refused.main,
        comment: refused.comment,
        comments: review.comments.items.iter().map(Said::to_reviewers).collect(),
        history: review.history.items.iter().map(Past::of).collect(),
    };
    Ok(render(status, &page))
}

/// The forms of reviewers.
pub async fn reviewer_form<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    id: &str,
    route: ReviewerReviews,
) -> Reply {
    let actor = match pages::visitor(context, request).await {
        Ok(actor) => actor,
        Err(reply) => return reply,
    };
    let form = match pages::form(context, request, &actor) {
        Ok(form) => form,
        Err(reply) => return reply,
    };
    // Its page is for administrators.
    let app = || match actor.administrator() {
        Ok(_) => format!("/admin/apps/{}", percent_encoded(id)),
        Err(_) => "/admin/reviews".to_owned(),
    };
    let done = async {
        may_look(&actor)?;
        Ok(Reply::see_other(match route {
            ReviewerReviews::ApproveForm => {
                form.input.finish()?;
                decide(context, &actor, id, None, &Verdict::Approve).await?;
                "/admin/reviews".to_owned()
            }
            ReviewerReviews::RejectForm => {
                actor.reviewer()?;
                let reason = decisions::reason(form.input)?;
                decide(context, &actor, id, None, &Verdict::Reject { reason }).await?;
                "/admin/reviews".to_owned()
            }
            ReviewerReviews::SuspendForm => {
                let reason = decisions::reason(form.input)?;
                switch(context, &actor, id, form.version, Some(&reason)).await?;
                app()
            }
            ReviewerReviews::ReinstateForm => {
                form.input.finish()?;
                switch(context, &actor, id, form.version, None).await?;
                app()
            }
            ReviewerReviews::TakeUpForm => {
                form.input.finish()?;
                let submission = take_up_as(context, &actor, id).await?;
                format!("/admin/reviews/{}", submission.id)
            }
            _ => {
                actor.reviewer()?;
                let submission = Submission::load(context.stores, id).await?;
                let submission = submission.ok_or(Problem::NotFound("submission"))?;
                let case = Case::load(context.stores, &actor, &submission.client_id, None).await?;
                case.judge(&actor)?;
                let body = comments::body(form.input)?;
                say(context, &actor, Side::Reviewer, &case.app.client_id, body).await?;
                format!("/admin/reviews/{}", submission.id)
            }
        }))
    };
    let done: Result<Reply, Problem> = done.await;
    let done = match (done, route) {
        (Err(problem @ Problem::Invalid(_)), ReviewerReviews::RejectForm) => {
            let refused = Refused {
                main: form.state.refused(&problem),
                ..Refused::default()
            };
            submission_page(context, &actor, id, 400, refused).await
        }
        (Err(problem @ Problem::Invalid(_)), ReviewerReviews::CommentForm) => {
            let refused = Refused {
                comment: form.state.refused(&problem),
                ..Refused::default()
            };
            submission_page(context, &actor, id, 400, refused).await
        }
        (done, _) => done,
    };
    pages::reply(context, request, done)
}
