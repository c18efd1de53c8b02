//! Review: submissions, decisions, comments, suspension.

use super::{Area, Entry};

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reviews {
    /// For an app's developers.
    Developer(DeveloperReviews),
    /// For reviewers.
    Reviewer(ReviewerReviews),
}

/// What an app's developers ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeveloperReviews {
    /// The tab "Review".
    Page,
    /// The form there that submits.
    SubmitForm,
    /// The form there that takes it back.
    WithdrawForm,
    /// The form there that says something.
    CommentForm,
    /// How things stand, and what a submission lacks.
    Show,
    /// Submissions so far.
    List,
    /// Submitting.
    Submit,
    /// Taking back what waits.
    Withdraw,
    /// What was said.
    ListComments,
    /// Saying something.
    Comment,
}

/// What reviewers ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReviewerReviews {
    /// The queue.
    QueuePage,
    /// A submission.
    Page,
    /// The form there that approves.
    ApproveForm,
    /// The form there that rejects.
    RejectForm,
    /// The form there that says something.
    CommentForm,
    /// The form there that suspends the app.
    SuspendForm,
    /// The form there that reinstates it.
    ReinstateForm,
    /// The form of the queue that takes up an app that registered itself.
    TakeUpForm,
    /// What this server would make of a metadata document: the form that asks.
    PreviewPage,
    /// The same, sent.
    PreviewForm,
    /// The same, as JSON.
    Preview,
    /// The queue.
    Queue,
    /// A submission, and what it changes.
    Show,
    /// Approving it.
    Approve,
    /// Rejecting it.
    Reject,
    /// Suspending an app.
    Suspend,
    /// Reinstating it.
    Reinstate,
    /// Taking up an app that registered itself.
    TakeUp,
    /// What was said about an app.
    ListComments,
    /// Saying something.
    Comment,
}

const fn developer(method: &'static str, path: &'static str, name: &'static str, route: DeveloperReviews) -> Entry {
    Entry {
        method,
        path,
        name,
        area: Area::Reviews(Reviews::Developer(route)),
    }
}

const fn reviewer(method: &'static str, path: &'static str, name: &'static str, route: ReviewerReviews) -> Entry {
    Entry {
        method,
        path,
        name,
        area: Area::Reviews(Reviews::Reviewer(route)),
    }
}

/// Their routes.
#[rustfmt::skip]
pub const TABLE: &[Entry] = &[
    developer("GET", "/developers/apps/{client_id}/review", "app_review_page", DeveloperReviews::Page),
    developer("POST", "/developers/apps/{client_id}/review/submit", "submit_app_form", DeveloperReviews::SubmitForm),
    developer("POST", "/developers/apps/{client_id}/review/withdraw", "withdraw_submission_form", DeveloperReviews::WithdrawForm),
    developer("POST", "/developers/apps/{client_id}/review/comments", "comment_as_developer_form", DeveloperReviews::CommentForm),
    developer("GET", "/api/developer/apps/{client_id}/review", "get_app_review", DeveloperReviews::Show),
    developer("GET", "/api/developer/apps/{client_id}/submissions", "list_submissions", DeveloperReviews::List),
    developer("POST", "/api/developer/apps/{client_id}/submissions", "submit_app", DeveloperReviews::Submit),
    developer("DELETE", "/api/developer/apps/{client_id}/submissions/pending", "withdraw_submission", DeveloperReviews::Withdraw),
    developer("GET", "/api/developer/apps/{client_id}/comments", "list_comments_as_developer", DeveloperReviews::ListComments),
    developer("POST", "/api/developer/apps/{client_id}/comments", "comment_as_developer", DeveloperReviews::Comment),
    reviewer("GET", "/admin/reviews", "review_queue_page", ReviewerReviews::QueuePage),
    reviewer("GET", "/admin/reviews/{submission_id}", "review_page", ReviewerReviews::Page),
    reviewer("POST", "/admin/reviews/{submission_id}/approve", "approve_submission_form", ReviewerReviews::ApproveForm),
    reviewer("POST", "/admin/reviews/{submission_id}/reject", "reject_submission_form", ReviewerReviews::RejectForm),
    reviewer("POST", "/admin/reviews/{submission_id}/comments", "comment_as_reviewer_form", ReviewerReviews::CommentForm),
    reviewer("POST", "/admin/reviews/{submission_id}/suspend", "suspend_reviewed_app_form", ReviewerReviews::SuspendForm),
    reviewer("POST", "/admin/reviews/{submission_id}/reinstate", "reinstate_reviewed_app_form", ReviewerReviews::ReinstateForm),
    reviewer("POST", "/admin/reviews", "take_up_app_form", ReviewerReviews::TakeUpForm),
    reviewer("GET", "/admin/documents", "document_preview_page", ReviewerReviews::PreviewPage),
    reviewer("POST", "/admin/documents", "document_preview_form", ReviewerReviews::PreviewForm),
    reviewer("POST", "/api/admin/documents/preview", "preview_document", ReviewerReviews::Preview),
    reviewer("GET", "/api/admin/reviews", "list_reviews", ReviewerReviews::Queue),
    reviewer("GET", "/api/admin/reviews/{submission_id}", "get_review", ReviewerReviews::Show),
    reviewer("POST", "/api/admin/reviews/{submission_id}/approve", "approve_submission", ReviewerReviews::Approve),
    reviewer("POST", "/api/admin/reviews/{submission_id}/reject", "reject_submission", ReviewerReviews::Reject),
    reviewer("POST", "/api/admin/apps/{client_id}/suspend", "suspend_app", ReviewerReviews::Suspend),
    reviewer("POST", "/api/admin/apps/{client_id}/reinstate", "reinstate_app", ReviewerReviews::Reinstate),
    reviewer("POST", "/api/admin/apps/{client_id}/submissions", "take_up_app", ReviewerReviews::TakeUp),
    reviewer("GET", "/api/admin/apps/{client_id}/comments", "list_comments_as_reviewer", ReviewerReviews::ListComments),
    reviewer("POST", "/api/admin/apps/{client_id}/comments", "comment_as_reviewer", ReviewerReviews::Comment),
];
