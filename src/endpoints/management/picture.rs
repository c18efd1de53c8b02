//! Pictures that are uploaded to be logos: checked by their content, kept in KV under their hash.

use super::daily;
use crate::context::Context;
use crate::http::{Body, Request};
use crate::looks::LogoName;
use crate::looks::picture::{self, RefusedPicture};
use crate::management::daily::Daily;
use crate::management::logos;
use crate::management::problem::{FieldError, Problem};
use crate::store::Stores;
use crate::store::database::Statement;

/// The picture that is the body of a request to the JSON API.
pub fn body(request: &Request) -> Result<&[u8], Problem> {
    let media_type = request.header("content-type").unwrap_or_default();
    if !["image/png", "image/jpeg", "image/webp"].contains(&media_type) {
        return Err(Problem::UnsupportedMediaType(
            "the body must be image/png, image/jpeg or image/webp",
        ));
    }
    match &request.body {
        Body::Bytes(bytes) => Ok(bytes),
        Body::TooLarge => Err(Problem::TooLarge("a logo is at most 256 kB large")),
        Body::Broken => Err(Problem::field("body", "broke off")),
    }
}

/// The picture under its name, if it can be a logo.
pub fn check(bytes: &[u8]) -> Result<LogoName, RefusedPicture> {
    picture::check(bytes)
}

/// Puts a picture into KV, before anything names it: a name without a picture would show nothing, and a picture that nothing
/// names goes after a while. `first`: what must hold, and is written, before that; `account`: whose uploads it counts among.
pub async fn keep<S: Stores>(
    context: &Context<'_, S>,
    name: &LogoName,
    bytes: &[u8],
    mut first: Vec<Statement>,
    account: Option<&str>,
) -> Result<(), Problem> {
    first.extend(logos::keep_uploaded(name, context.now));
    match account {
        Some(developer_id) => daily::transact(context, (Daily::Logos, developer_id), first, logos::GOING).await?,
        None => {
            let kept = context.stores.transact(first).await;
            kept.map_err(|undone| undone.or(logos::GOING))?;
        }
    }
    Ok(context.stores.put_logo(name, bytes).await?)
}

/// Why a picture that was sent as JSON's body cannot be a logo.
pub fn invalid(refused: &RefusedPicture) -> Problem {
    Problem::Invalid(vec![FieldError {
        field: "logo".into(),
        code: "invalid_logo",
        message: refused.to_string(),
    }])
}
