//! The pages of reviews, and their forms.

use super::super::pages;
use super::reviewer::{Switch, decide, review, switch, take_up_as};
use super::{developer, now};
use crate::context::Context;
use crate::http::{Params, Reply, Request, percent_encoded};
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
    AppFrame, AppReviewPage, AppTab, FormState, Forms, Past, Place, QueuePage, QueueRow, ReviewPage, Said, moment,
};
use crate::pages::{DisplayName, render};
use crate::router::management::reviews::{DeveloperReviews, ReviewerReviews};
use crate::store::Stores;

/// How much of comments and history a page shows.
const SHOWN: PageRequest = PageRequest { after: None, size: 20 };

/// The tab "Review" of an app.
pub async fn developer_page<S: Stores>(context: &Context<'_, S>, request: &Request, client_id: &str) -> Reply {
    pages::show(context, request, async |actor| {
        app_page(context, actor, client_id, 200, Forms::default()).await
    })
    .await
}

async fn app_page<S: Stores>(
    context: &Context<'_, S>,
    actor: &Actor,
    client_id: &str,
    status: u16,
    sent: Forms,
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
        sent,
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
    pages::by_form(
        context,
        request,
        async |actor, input, version| {
            match route {
                DeveloperReviews::SubmitForm => {
                    let case = Case::load_for_member(context.stores, actor, client_id).await?;
                    case.app.expect(version)?;
                    let testing = decisions::testing(&case, input)?;
                    let member = apps::member(actor, &case.app)?;
                    let (_, statements) = decisions::submit(member, &case, testing, now(context))?;
                    context.stores.transact(statements).await?;
                }
                DeveloperReviews::WithdrawForm => {
                    input.finish()?;
                    developer::withdraw_as(context, actor, client_id).await?;
                }
                _ => {
                    let app = apps::load_for_member(context.stores, actor, client_id).await?;
                    let body = comments::body(input)?;
                    say(context, actor, Side::Developer, &app.client_id, body).await?;
                }
            }
            Ok(format!("/developers/apps/{}/review", percent_encoded(client_id)))
        },
        async |actor, state| {
            let name = match route {
                DeveloperReviews::CommentForm => "comment",
                _ => "submit",
            };
            app_page(context, actor, client_id, 400, Forms::refused(name, state)).await
        },
    )
    .await
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
    pages::show(context, request, async |actor| {
        let page = PageRequest::of(&super::super::api::query(request)?)?;
        waiting_page(context, actor, &page, 200, FormState::default()).await
    })
    .await
}

async fn waiting_page<S: Stores>(
    context: &Context<'_, S>,
    actor: &Actor,
    page: &PageRequest,
    status: u16,
    take_up: FormState,
) -> Result<Reply, Problem> {
    actor.reviewer()?;
    let waiting = queue::list(context.stores, actor, page).await?;
    let rows = waiting.items.iter();
    let page = QueuePage {
        frame: pages::frame(context, actor, Place::Reviews),
        rows: rows.map(|waiting| QueueRow::of(waiting, context.now)).collect(),
        next: waiting.next.as_ref().map(Cursor::encode),
        take_up,
    };
    Ok(render(status, &page))
}

/// The form of the queue that takes up an app that registered itself.
pub async fn take_up_form<S: Stores>(context: &Context<'_, S>, request: &Request) -> Reply {
    pages::by_form(
        context,
        request,
        async |actor, mut input, _| {
            actor.reviewer()?;
            let client_id = input.line("client_id", 2048);
            let client_id = input.required("client_id", client_id);
            input.finish()?;
            let taken = take_up_as(context, actor, &client_id).await;
            let submission = taken.map_err(|problem| match problem {
                Problem::NotFound(_) => Problem::field("client_id", "names no app"),
                Problem::Conflict(why) => Problem::field("client_id", format!("names none to take up: {why}")),
                problem => problem,
            })?;
            Ok(format!("/admin/reviews/{}", submission.id))
        },
        async |actor, state| {
            let first = PageRequest::of(&Params::default())?;
            waiting_page(context, actor, &first, 400, state).await
        },
    )
    .await
}

/// A submission.
pub async fn review_page<S: Stores>(context: &Context<'_, S>, request: &Request, id: &str) -> Reply {
    pages::show(context, request, async |actor| {
        submission_page(context, actor, id, 200, Forms::default()).await
    })
    .await
}

async fn submission_page<S: Stores>(
    context: &Context<'_, S>,
    actor: &Actor,
    id: &str,
    status: u16,
    sent: Forms,
) -> Result<Reply, Problem> {
    let reviewer = actor.reviewer()?;
    let review = review(context, actor, id).await?;
    let (case, submission) = (&review.case, &review.submission);
    // What a decision is refused by is what the page says instead of offering it.
    let decided_by_others = case.reviewer(reviewer).err();
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
        can_decide: decided_by_others.is_none() && submission.is_pending(),
        decided_by_others: decided_by_others.map(|why| pages::sentence(&why.to_string())),
        can_judge: case.judge(actor).is_ok(),
        diff: &review.diff,
        observations: &review.observations,
        missing: &review.missing,
        sent,
        comments: review.comments.items.iter().map(Said::to_reviewers).collect(),
        history: review.history.items.iter().map(Past::of).collect(),
    };
    Ok(render(status, &page))
}

/// The forms of the page of a submission.
pub async fn reviewer_form<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    id: &str,
    route: ReviewerReviews,
) -> Reply {
    pages::by_form(
        context,
        request,
        async |actor, input, version| {
            actor.reviewer()?;
            let app = async || {
                let submission = Submission::load(context.stores, id).await?;
                submission
                    .map(|submission| submission.client_id)
                    .ok_or(Problem::NotFound("submission"))
            };
            match route {
                ReviewerReviews::ApproveForm => {
                    input.finish()?;
                    decide(context, actor, id, None, &Verdict::Approve).await?;
                    return Ok("/admin/reviews".to_owned());
                }
                ReviewerReviews::RejectForm => {
                    let reason = decisions::reason(input)?;
                    decide(context, actor, id, None, &Verdict::Reject { reason }).await?;
                    return Ok("/admin/reviews".to_owned());
                }
                ReviewerReviews::SuspendForm => {
                    let off = Switch::off(input)?;
                    switch(context, actor, &app().await?, version, off).await?;
                }
                ReviewerReviews::ReinstateForm => {
                    let on = Switch::on(input)?;
                    switch(context, actor, &app().await?, version, on).await?;
                }
                _ => {
                    let case = Case::load(context.stores, actor, &app().await?, None).await?;
                    case.judge(actor)?;
                    let body = comments::body(input)?;
                    say(context, actor, Side::Reviewer, &case.app.client_id, body).await?;
                }
            }
            Ok(format!("/admin/reviews/{id}"))
        },
        async |actor, state| {
            let name = match route {
                ReviewerReviews::SuspendForm | ReviewerReviews::ReinstateForm => "suspend",
                ReviewerReviews::CommentForm => "comment",
                _ => "reject",
            };
            submission_page(context, actor, id, 400, Forms::refused(name, state)).await
        },
    )
    .await
}
