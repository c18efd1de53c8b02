//! Pages of reviews: an app's tab, the queue, and a submission.

use askama::Template;

use super::{AppFrame, FormState, Forms, Frame, status_in_words};
use crate::looks::LogoName;
use crate::management::review::checklist::Item;
use crate::management::review::comments::{Comment, Side};
use crate::management::review::diff::{Change, Diff, Field, ScopeLine};
use crate::management::review::observations::Observation;
use crate::management::review::preview::Preview;
use crate::management::review::queue::{Waiting, age_in_words};
use crate::management::review::state::Life;
use crate::management::review::submissions::{Submission, SubmissionStatus};
use crate::oauth::client::AppType;
use crate::oauth::standing::{AppClass, AppStatus};
use crate::pages::{DisplayName, readable};
use crate::time::Timestamp;

/// The longest text of somebody else that is shown, in letters a line.
const LONGEST_LINE: usize = 4000;

/// A moment, to the minute: `2026-11-22 08:30 UTC`.
pub fn moment(time: Timestamp) -> String {
    let text = time.to_rfc3339();
    match (text.get(..10), text.get(11..16)) {
        (Some(day), Some(minute)) => format!("{day} {minute} UTC"),
        _ => text,
    }
}

/// A text of several lines that somebody else wrote, made safe to look at.
fn lines(text: &str) -> String {
    let lines = text
        .lines()
        .map(|line| readable(line, LONGEST_LINE).unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}

/// Something that was said about an app.
pub struct Said {
    /// By whom.
    pub author: String,
    /// When.
    pub at: String,
    /// What.
    pub text: String,
}

impl Said {
    /// For its developers, to whom a reviewer is nobody in particular.
    pub fn to_developers(comment: &Comment) -> Self {
        match comment.author_role {
            Side::Reviewer => Self::by("Reviewer".into(), comment),
            Side::Developer => Self::by(author(comment), comment),
        }
    }

    /// For reviewers.
    pub fn to_reviewers(comment: &Comment) -> Self {
        let role = match comment.author_role {
            Side::Reviewer => "reviewer",
            Side::Developer => "developer",
        };
        Self::by(format!("{} ({role})", author(comment)), comment)
    }

    fn by(author: String, comment: &Comment) -> Self {
        Self {
            author,
            at: moment(comment.created_at),
            text: lines(&comment.body),
        }
    }
}

fn author(comment: &Comment) -> String {
    let name = comment.author_name.as_deref().unwrap_or_default();
    DisplayName::new(name, "Somebody").to_string()
}

/// A submission in the history.
pub struct Past {
    /// Its id.
    pub id: String,
    /// Its number.
    pub number: u32,
    /// When it was submitted.
    pub submitted: String,
    /// How it stands with it, in words.
    pub outcome: String,
    /// Why it was rejected.
    pub reason: Option<String>,
}

impl Past {
    /// As it is shown.
    pub fn of(submission: &Submission) -> Self {
        let how = match submission.status {
            SubmissionStatus::Pending => "Waits for a reviewer",
            SubmissionStatus::Approved => "Approved",
            SubmissionStatus::Rejected => "Rejected",
            SubmissionStatus::Withdrawn => "Withdrawn",
        };
        Self {
            id: submission.id.clone(),
            number: submission.number,
            submitted: moment(submission.submitted_at),
            outcome: match submission.decided_at {
                Some(at) => format!("{how} on {}", moment(at)),
                None => how.to_owned(),
            },
            reason: submission.reason.as_deref().map(lines),
        }
    }
}

/// The tab "Review" of an app.
#[derive(Template)]
#[template(path = "management/app_review.html")]
pub struct AppReviewPage<'a> {
    /// What every page here is given.
    pub frame: Frame<'a>,
    /// What every page of this app is given.
    pub app: AppFrame<'a>,
    /// How things stand with it.
    pub life: Life,
    /// How it came to be registered.
    pub class: AppClass,
    /// Its version, for the form.
    pub version: u32,
    /// Since when it is suspended, and why.
    pub suspension: Option<(String, String)>,
    /// When the submission that waits was made.
    pub pending_since: Option<String>,
    /// What a submission must have.
    pub checklist: Vec<Item>,
    /// Whether there is anything to submit.
    pub has_news: bool,
    /// Its forms, `submit` and `comment`, as they were sent.
    pub sent: Forms,
    /// What was said, the latest first.
    pub comments: Vec<Said>,
    /// Submissions so far, the latest first.
    pub history: Vec<Past>,
}

impl AppReviewPage<'_> {
    /// How things stand, for its developers.
    fn standing(&self) -> &'static str {
        let is_self_registered = self.class.is_self_registered();
        match (self.life.status, self.life.is_pending) {
            (AppStatus::Draft | AppStatus::PendingReview, _) if is_self_registered => {
                "This app registered itself. Until a reviewer has approved it, whoever connects it reads that nobody has \
                 reviewed it, and only so many people may."
            }
            (AppStatus::Draft, _) => {
                "Only its testers and the members of its developer account can connect this app. Everybody can once a \
                 reviewer has approved it."
            }
            (AppStatus::PendingReview, _) => {
                "A reviewer will look at it. Until then only its testers and the members of its developer account can \
                 connect it."
            }
            (AppStatus::Approved, true) => {
                "Everybody can connect the version that was approved. What you submitted since waits for a reviewer."
            }
            (AppStatus::Approved, false) if self.has_news => {
                "Everybody can connect the version that was approved. What you changed since is not in force: submit it."
            }
            (AppStatus::Approved, false) => "Everybody can connect this app.",
            (AppStatus::Rejected, _) if is_self_registered => {
                "A reviewer rejected it, and said why below. Nobody can connect it until one approves it: mend it and \
                 submit it again."
            }
            (AppStatus::Rejected, _) => {
                "A reviewer rejected it, and said why below. Nobody can connect it; once you edit it, its testers can \
                 again."
            }
            (AppStatus::Suspended, _) => {
                "The platform switched this app off: nobody can connect it, and every token it had is dead for good. \
                 You can mend it and submit it meanwhile. It works again once the platform reinstates it."
            }
        }
    }

    /// Whether its developers can submit it now.
    fn can_submit(&self) -> bool {
        self.has_news
    }
}

/// A line of the queue.
pub struct QueueRow {
    /// The submission.
    pub id: String,
    /// The app's name.
    pub name: DisplayName,
    /// Who answers for it.
    pub developer: DisplayName,
    /// What it is, in words.
    pub kind: &'static str,
    /// What the submission is, in words.
    pub what: &'static str,
    /// How long it has waited.
    pub age: String,
    /// Since when.
    pub since: String,
    /// How many sensitive scopes it asks for.
    pub sensitive_scopes: u32,
    /// Whether somebody else must decide it.
    pub is_own: bool,
}

impl QueueRow {
    /// As it is shown.
    pub fn of(waiting: &Waiting, now: Timestamp) -> Self {
        Self {
            id: waiting.id.clone(),
            name: DisplayName::new(&waiting.name, "Unnamed app"),
            developer: DisplayName::new(&waiting.developer_name, "Unnamed developer"),
            kind: class_in_words(waiting.class),
            what: match (waiting.was_approved, waiting.number) {
                (true, _) => "Changes of an approved app",
                (false, 1) => "First submission",
                (false, _) => "Submitted again",
            },
            age: age_in_words(waiting.age(now)),
            since: moment(waiting.submitted_at),
            sensitive_scopes: waiting.sensitive_scopes,
            is_own: waiting.is_own,
        }
    }
}

fn class_in_words(class: AppClass) -> &'static str {
    match class {
        AppClass::Portal => "registered in the portal",
        AppClass::Registered => "registered itself",
        AppClass::MetadataDocument => "registered by a document of its own",
        AppClass::Operator => "registered by the operator",
    }
}

fn type_in_words(app_type: AppType) -> &'static str {
    match app_type {
        AppType::Web => "web site with a server",
        AppType::Server => "program without a user interface",
        AppType::Spa => "web page in the browser alone",
        AppType::Mobile => "app on a phone or computer",
    }
}

/// The review queue.
#[derive(Template)]
#[template(path = "management/review_queue.html")]
pub struct QueuePage<'a> {
    /// What every page here is given.
    pub frame: Frame<'a>,
    /// What waits.
    pub rows: Vec<QueueRow>,
    /// The way to what follows.
    pub next: Option<String>,
    /// The form that takes up an app that registered itself, as it was sent.
    pub take_up: FormState,
}

/// What this server would make of a metadata document.
#[derive(Template)]
#[template(path = "management/document_preview.html")]
pub struct DocumentPreviewPage<'a> {
    /// What every page here is given.
    pub frame: Frame<'a>,
    /// What is in the form.
    pub form: &'a FormState,
    /// What came of it.
    pub preview: Option<&'a Preview>,
}

/// A submission, for reviewers.
#[derive(Template)]
#[template(path = "management/review.html")]
pub struct ReviewPage<'a> {
    /// What every page here is given.
    pub frame: Frame<'a>,
    /// What is reviewed.
    pub submission: &'a Submission,
    /// The app's client id.
    pub client_id: &'a str,
    /// Its status now.
    pub status: AppStatus,
    /// How it came to be registered.
    pub class: AppClass,
    /// What kind of app it is.
    pub app_type: AppType,
    /// Who answers for it.
    pub developer: DisplayName,
    /// How many people have connected an app that registered itself, and how many may before its review.
    pub users: Option<(u32, u32)>,
    /// How long it has waited.
    pub age: String,
    /// Whether a version of it was approved before.
    pub was_approved: bool,
    /// Whether the visitor can decide it now.
    pub can_decide: bool,
    /// Why the visitor will never decide it.
    pub decided_by_others: Option<String>,
    /// Whether the visitor can suspend and reinstate the app, and speak to its developers.
    pub can_judge: bool,
    /// What it changes.
    pub diff: &'a Diff,
    /// What the server noticed.
    pub observations: &'a [Observation],
    /// What the checklist asks for and it lacks.
    pub missing: &'a [String],
    /// Its forms, `reject`, `suspend` and `comment`, as they were sent.
    pub sent: Forms,
    /// What was said, the latest first.
    pub comments: Vec<Said>,
    /// Submissions so far, the latest first.
    pub history: Vec<Past>,
}

impl ReviewPage<'_> {
    fn name(&self) -> DisplayName {
        DisplayName::new(&self.submission.content.name, "Unnamed app")
    }

    fn status_in_words(&self) -> &'static str {
        status_in_words(self.status)
    }

    fn how_registered(&self) -> &'static str {
        class_in_words(self.class)
    }

    fn kind(&self) -> &'static str {
        type_in_words(self.app_type)
    }

    fn submitted(&self) -> String {
        moment(self.submission.submitted_at)
    }

    fn testing(&self) -> String {
        lines(&self.submission.testing)
    }

    fn past(&self) -> Past {
        Past::of(self.submission)
    }

    /// Where its forms are sent.
    fn path(&self) -> String {
        format!("/admin/reviews/{}", self.submission.id)
    }

    fn logo(&self, name: &Option<String>) -> Option<LogoName> {
        name.as_deref().and_then(LogoName::parse)
    }

    fn text(&self, text: &Option<String>) -> String {
        text.as_deref().map(lines).unwrap_or_default()
    }

    /// The address of a page, where a field holds one.
    fn link<'f>(&self, field: &'f Field) -> Option<&'f str> {
        let address = field.after.as_deref().filter(|_| field.name.ends_with("_url"));
        address.filter(|address| address.starts_with("https://"))
    }

    fn reason(&self, line: &ScopeLine) -> Option<String> {
        let reason = line.latest().and_then(|scope| scope.reason.as_deref());
        reason.map(lines)
    }

    /// The reason it had before, if it is another now.
    fn old_reason(&self, line: &ScopeLine) -> Option<String> {
        let before = line.before.as_ref().filter(|_| line.change == Change::Changed)?;
        let is_other = line.after.as_ref().is_some_and(|after| after.reason != before.reason);
        before.reason.as_deref().filter(|_| is_other).map(lines)
    }

    /// What became of a part of the settings, in words; nothing where there is nothing to compare with.
    fn change(&self, change: &Change) -> Option<&'static str> {
        match change {
            _ if !self.was_approved => None,
            Change::Same => None,
            Change::Added => Some("new"),
            Change::Removed => Some("removed"),
            Change::Changed => Some("changed"),
        }
    }

    fn is_optional(&self, line: &ScopeLine) -> bool {
        line.latest().is_some_and(|scope| scope.is_optional)
    }
}
