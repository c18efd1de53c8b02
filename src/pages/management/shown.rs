//! Names and times as pages show them.

use crate::pages::DisplayName;
use crate::time::Timestamp;

/// A name that somebody chose, fit to be read.
pub fn named(name: &str) -> DisplayName {
    DisplayName::new(name, "Unnamed")
}

/// A time for people: a day and a minute, UTC.
pub fn minute(at: &Timestamp) -> String {
    let written = at.to_rfc3339();
    written.get(..16).unwrap_or(&written).replace('T', " ")
}

/// The same of what may not have been yet.
pub fn minute_or_never(at: &Option<Timestamp>) -> String {
    at.as_ref().map_or_else(|| "never".to_owned(), minute)
}
