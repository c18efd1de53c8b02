//! Why something was not done, in words for whoever asked.

use std::time::Duration;

use thiserror::Error;

use crate::store::StoreError;
use crate::store::database::Undone;

/// Why something was not done. As JSON it is a problem document (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Problem {
    /// 401: nobody is signed in, or the token is no good.
    #[error("{0}")]
    Unauthorized(&'static str),
    /// 403: whoever asks may not.
    #[error("{0}")]
    Forbidden(&'static str),
    /// 404: there is no such thing, or whoever asks may not know of it.
    #[error("there is no {0} of this id")]
    NotFound(&'static str),
    /// 400: some fields are not as they must be.
    #[error("{}", first_of(.0))]
    Invalid(Vec<FieldError>),
    /// 409: it cannot be done as things stand: what stands in the way.
    #[error("{0}")]
    Conflict(&'static str),
    /// 409: it cannot be done while something else needs it: by what.
    #[error("{0}")]
    InUse(String),
    /// 412: somebody changed it meanwhile.
    #[error("this has changed since you read it: read it again, and then change it")]
    Changed,
    /// 413
    #[error("{0}")]
    TooLarge(&'static str),
    /// 415
    #[error("{0}")]
    UnsupportedMediaType(&'static str),
    /// 422: the idempotency key was used for another request.
    #[error("this Idempotency-Key came before, with another request")]
    KeyReused,
    /// 429: there was too much of it lately.
    #[error("{what}: try again in {}", in_words(*.retry_after))]
    TooMany {
        /// Of what.
        what: &'static str,
        /// When there may be more.
        retry_after: Duration,
    },
    /// 503: storage is down. Nothing was changed, or nobody knows.
    #[error("storage is out of reach: try again")]
    Unavailable,
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Which: `name`, `redirect_uris/1`.
    pub field: String,
    /// The kind of mistake, as the field's standard names it.
    pub code: &'static str,
    /// What to change, as a sentence without its subject: `must be at most 80 letters long`.
    pub message: String,
}

fn first_of(errors: &[FieldError]) -> String {
    match errors {
        [first, ..] => format!("{} {}", first.field, first.message),
        [] => "the request is not as it must be".into(),
    }
}

/// Never too few: whoever comes then is let in.
fn seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

fn in_words(duration: Duration) -> String {
    match seconds(duration) {
        0..=60 => "a minute".into(),
        seconds @ 61..=7200 => format!("{} minutes", seconds.div_ceil(60)),
        seconds => format!("{} hours", seconds.div_ceil(3600)),
    }
}

impl Problem {
    /// One field is not as it must be.
    pub fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError {
            field: field.into(),
            code: "invalid_request",
            message: message.into(),
        }])
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            Self::Invalid(_) => 400,
            Self::Unauthorized(_) => 401,
            Self::Forbidden(_) => 403,
            Self::NotFound(_) => 404,
            Self::Conflict(_) | Self::InUse(_) => 409,
            Self::Changed => 412,
            Self::TooLarge(_) => 413,
            Self::UnsupportedMediaType(_) => 415,
            Self::KeyReused => 422,
            Self::TooMany { .. } => 429,
            Self::Unavailable => 503,
        }
    }

    /// The error code, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Invalid(errors) => errors.first().map_or("invalid_request", |error| error.code),
            Self::Unauthorized(_) => "unauthorized",
            Self::Forbidden(_) => "forbidden",
            Self::NotFound(_) => "not_found",
            Self::Conflict(_) | Self::InUse(_) => "conflict",
            Self::Changed => "precondition_failed",
            Self::TooLarge(_) => "too_large",
            Self::UnsupportedMediaType(_) => "unsupported_media_type",
            Self::KeyReused => "idempotency_key_reused",
            Self::TooMany { .. } => "rate_limit_exceeded",
            Self::Unavailable => "temporarily_unavailable",
        }
    }

    /// In how many seconds the same may be tried again, in answers that say so (RFC 9110 §10.2.3).
    pub fn retry_after(&self) -> Option<u64> {
        match self {
            Self::TooMany { retry_after, .. } => Some(seconds(*retry_after)),
            _ => None,
        }
    }

    /// What is wrong with which field.
    pub fn fields(&self) -> &[FieldError] {
        match self {
            Self::Invalid(errors) => errors,
            _ => &[],
        }
    }
}

impl From<StoreError> for Problem {
    fn from(_: StoreError) -> Self {
        Self::Unavailable
    }
}

impl Undone {
    /// Why it was not done, where `refused` is why the tables would refuse it.
    pub fn or(self, refused: Problem) -> Problem {
        match self {
            Self::Refused => refused,
            Self::Store(_) => Problem::Unavailable,
        }
    }
}

/// For transactions whose only precondition is that what they change is still as it was read.
impl From<Undone> for Problem {
    fn from(undone: Undone) -> Self {
        match undone {
            Undone::Refused => Self::Changed,
            Undone::Store(_) => Self::Unavailable,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_told_to_wait_does_not_come_too_early() {
        for (milliseconds, seconds, words) in [
            (1, 1, "a minute"),
            (60_000, 60, "a minute"),
            (60_001, 61, "2 minutes"),
            (7_200_000, 7200, "120 minutes"),
            (7_200_001, 7201, "3 hours"),
            (86_400_000, 86_400, "24 hours"),
        ] {
            let problem = Problem::TooMany {
                what: "too much",
                retry_after: Duration::from_millis(milliseconds),
            };
            assert_eq!(problem.retry_after(), Some(seconds));
            assert_eq!(problem.to_string(), format!("too much: try again in {words}"));
        }
        assert_eq!(Problem::Unavailable.retry_after(), None);
    }
}
