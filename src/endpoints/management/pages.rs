//! Pages of the portal and the console: who sees them, what guards their forms, and what is shown when something is
//! wrong.

use super::caller;
use crate::context::Context;
use crate::endpoints::guard::{csrf_token, form_is_ours, require_user};
use crate::endpoints::{message, page_unavailable};
use crate::http::{FormError, Reply, Request};
use crate::management::actor::{Actor, Who};
use crate::management::input::Input;
use crate::management::problem::Problem;
use crate::pages::management::{FormState, Frame, Place};
use crate::store::Stores;

/// What the token of every form here is for.
const FORMS: &str = "management";

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
    Frame::new(context.config, actor, place, csrf_token(context, FORMS, session))
}

/// Reads a form. `Err`: it did not come from a page of ours, or cannot be read.
pub fn form<S>(context: &Context<'_, S>, request: &Request, actor: &Actor) -> Result<Form, Reply> {
    let params = match request.form() {
        Ok(params) => params,
        Err(FormError::TooLarge) => {
            return Err(problem(
                context,
                request,
                &Problem::TooLarge("the form is larger than 64 kB"),
            ));
        }
        Err(error) => return Err(problem(context, request, &Problem::field("form", error.to_string()))),
    };
    let one = |name| params.one(name).ok().flatten().map(str::to_owned);
    let Who::User(user) = &actor.who else {
        return Err(problem(context, request, &Problem::Forbidden("forms are for people")));
    };
    if !form_is_ours(context, request, FORMS, &user.session, one("csrf").as_deref()) {
        let problem = Problem::Forbidden(
            "this form did not come from a page of ours, or you signed in anew: open the page again",
        );
        return Err(self::problem(context, request, &problem));
    }
    Ok(Form {
        version: one("version").and_then(|text| text.parse().ok()),
        action: one("action"),
        state: FormState::of(&params),
        input: Input::form(params),
    })
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
        Problem::Conflict(_) => "This cannot be done now",
        _ => "This form cannot be accepted",
    };
    message(context, problem.status(), heading, &sentence(&problem.to_string())).telling(problem.code())
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(char::to_uppercase);
    let mut sentence: String = first.into_iter().flatten().chain(letters).collect();
    sentence.push('.');
    sentence
}
