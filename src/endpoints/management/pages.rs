//! Pages of the portal and the console: who sees them, what guards their forms, and what is shown when something is
//! wrong.

use super::caller;
use crate::context::Context;
use crate::endpoints::browser::{csrf_token, form_is_ours, require_user};
use crate::endpoints::{message, page_unavailable};
use crate::http::{Body, FormError, Reply, Request, multipart};
use crate::management::actor::{Actor, Who};
use crate::management::input::Input;
use crate::management::problem::Problem;
use crate::pages::management::{FormState, Frame, Place};
use crate::store::Stores;

/// What the token of every form here is for.
const FORMS: &str = "management";
const FOREIGN_FORM: Problem =
    Problem::Forbidden("this form did not come from a page of ours, or you signed in anew: open the page again");

/// A form of ours, sent by its user.
pub struct Form {
    /// Its fields, to be checked.
    pub input: Input,
    /// Its fields as they were sent, to be shown again.
    pub state: FormState,
    /// Which version of the thing it changes.
    pub version: Option<u32>,
    /// Which of its buttons was pressed.
    pub action: Option<String>,
}

/// Who looks at a page. `Err`: the way to sign in, for everybody else.
pub async fn visitor<S: Stores>(context: &Context<'_, S>, request: &Request) -> Result<Actor, Reply> {
    let here = match request.method.as_str() {
        "POST" => request.path.clone(),
        _ if request.query.is_empty() => request.path.clone(),
        _ => format!("{}?{}", request.path, request.query),
    };
    let signed_in = require_user(context, request, &here).await?;
    let actor = caller::of_session(context, request, signed_in).await;
    actor.map_err(|problem| self::problem(context, request, &problem))
}

/// What every page here is given. Shown in English, whatever the visitor speaks: see docs/architecture.md.
pub fn frame<'a, S>(context: &Context<'a, S>, actor: &'a Actor, place: Place) -> Frame<'a> {
    let session = match &actor.who {
        Who::User(user) => user.session.as_str(),
        Who::App { .. } => "",
    };
    Frame::new(context.looks, actor, place, csrf_token(context, FORMS, session))
}

/// Reads the form of a `POST`; any other request has none.
pub fn form_if_sent<S>(context: &Context<'_, S>, request: &Request, actor: &Actor) -> Result<Option<Form>, Reply> {
    match request.method.as_str() {
        "POST" => form(context, request, actor).map(Some),
        _ => Ok(None),
    }
}

/// Reads a form. `Err`: it did not come from a page of ours, or cannot be read.
pub fn form<S>(context: &Context<'_, S>, request: &Request, actor: &Actor) -> Result<Form, Reply> {
    let params = match request.form() {
        Ok(params) => params,
        Err(FormError::TooLarge) => {
            return Err(problem(context, request, &Problem::TooLarge("the form is too large")));
        }
        Err(error) => return Err(problem(context, request, &Problem::field("form", error.to_string()))),
    };
    let one = |name| params.one(name).ok().flatten().map(str::to_owned);
    if !sent_by_its_user(context, request, actor, one("csrf").as_deref()) {
        return Err(problem(context, request, &FOREIGN_FORM));
    }
    Ok(Form {
        version: one("version").and_then(|text| text.parse().ok()),
        action: one("action"),
        state: FormState::of(&params),
        input: Input::form(params),
    })
}

/// A form of ours with a file in it.
pub struct Upload {
    /// Which version of the thing it changes.
    pub version: Option<u32>,
    /// What is in the file.
    pub file: Vec<u8>,
    /// Its other fields, as they were sent.
    pub state: FormState,
}

/// Reads a form with a file in it, which is in its field `field`; `others` are fields that hold text. `Err` as for
/// [`form`].
pub fn upload<S>(
    context: &Context<'_, S>,
    request: &Request,
    actor: &Actor,
    field: &'static str,
    others: &[&str],
) -> Result<Upload, Reply> {
    let refused = |problem: Problem| Err(self::problem(context, request, &problem));
    let bytes = match &request.body {
        Body::Bytes(bytes) => bytes,
        Body::TooLarge => return refused(Problem::TooLarge("the file is too large")),
        Body::Broken => return refused(Problem::field("form", "broke off")),
    };
    let content_type = request.header("content-type").unwrap_or_default();
    // What is no such form has no token in it either.
    let parts = multipart::parse(content_type, bytes).unwrap_or_default();
    let one = |name: &str| parts.iter().find(|part| part.name == name).map(|part| part.content);
    let text = |name: &str| one(name).and_then(|content| std::str::from_utf8(content).ok());
    if !sent_by_its_user(context, request, actor, text("csrf")) {
        return refused(FOREIGN_FORM);
    }
    if let Some(other) = parts
        .iter()
        .find(|part| !["csrf", "version", field].contains(&part.name) && !others.contains(&part.name))
    {
        let name: String = other.name.chars().take(64).collect();
        return refused(Problem::field(name, "is not a field of this form"));
    }
    let state = others
        .iter()
        .try_fold(FormState::default(), |state, name| match one(name) {
            None => Some(state),
            Some(content) => Some(state.with(name, std::str::from_utf8(content).ok()?)),
        });
    let Some(state) = state else {
        return refused(Problem::field("form", "must be text"));
    };
    Ok(Upload {
        state,
        version: text("version").and_then(|text| text.parse().ok()),
        file: one(field).unwrap_or_default().to_vec(),
    })
}

fn sent_by_its_user<S>(context: &Context<'_, S>, request: &Request, actor: &Actor, csrf: Option<&str>) -> bool {
    match &actor.who {
        Who::User(user) => form_is_ours(context, request, FORMS, &user.session, csrf),
        Who::App { .. } => false,
    }
}

/// A page for somebody who is signed in.
pub async fn show<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    page: impl AsyncFnOnce(&Actor) -> Result<Reply, Problem>,
) -> Reply {
    match visitor(context, request).await {
        Ok(actor) => reply(context, request, page(&actor).await),
        Err(reply) => reply,
    }
}

/// Does what a form asks for. It leads to the path that `act` names; if something is wrong with its fields, its page is
/// shown again, as `again` makes it, with what is wrong beside them.
pub async fn by_form<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    act: impl AsyncFnOnce(&Actor, Input, Option<u32>) -> Result<String, Problem>,
    again: impl AsyncFnOnce(&Actor, FormState) -> Result<Reply, Problem>,
) -> Reply {
    let actor = match visitor(context, request).await {
        Ok(actor) => actor,
        Err(reply) => return reply,
    };
    let form = match form(context, request, &actor) {
        Ok(form) => form,
        Err(reply) => return reply,
    };
    let done = match act(&actor, form.input, form.version).await {
        Ok(path) => Ok(Reply::see_other(path)),
        Err(problem @ Problem::Invalid(_)) => again(&actor, form.state.refused(&problem)).await,
        Err(problem) => Err(problem),
    };
    reply(context, request, done)
}

/// The page, or the page that says why there is none.
pub fn reply<S>(context: &Context<'_, S>, request: &Request, done: Result<Reply, Problem>) -> Reply {
    done.unwrap_or_else(|problem| self::problem(context, request, &problem))
}

/// A page that says why something was not done.
pub fn problem<S>(context: &Context<'_, S>, request: &Request, problem: &Problem) -> Reply {
    let heading = match problem {
        Problem::Unavailable => return page_unavailable(context, &request.path),
        Problem::Unauthorized(_) | Problem::Forbidden(_) => "You cannot do this",
        Problem::NotFound(_) => "There is no such page",
        Problem::Changed => "Somebody changed this meanwhile",
        Problem::Conflict(_) | Problem::InUse(_) => "This cannot be done now",
        Problem::TooMany { .. } => "Wait a little",
        _ => "This form cannot be accepted",
    };
    let page = message(context, problem.status(), heading, &sentence(&problem.to_string())).telling(problem.code());
    match problem.retry_after() {
        Some(seconds) => page.header("Retry-After", seconds.to_string()),
        None => page,
    }
}

/// A text as a sentence.
pub fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(char::to_uppercase);
    let mut sentence: String = first.into_iter().flatten().chain(letters).collect();
    sentence.push('.');
    sentence
}
