//! What is looked for in the audit trail.

use crate::http::Params;
use crate::management::people::apps::one;
use crate::management::problem::Problem;
use crate::time::Timestamp;

/// What entries must have. What is `None` does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// How the event's name begins.
    pub event: Option<String>,
    /// Who did it.
    pub actor: Option<String>,
    /// In which app's trail.
    pub client_id: Option<String>,
    /// In which user's trail.
    pub user_id: Option<String>,
    /// In which developer account's trail.
    pub developer_id: Option<String>,
    /// On what it was done.
    pub target: Option<String>,
    /// An id, wherever it stands, also that of the request or of the entry itself.
    pub search: Option<String>,
    /// Not before.
    pub from: Option<Timestamp>,
    /// Not after.
    pub to: Option<Timestamp>,
}

impl AuditFilter {
    /// The names of its parameters.
    pub const NAMES: [&'static str; 9] = [
        "event",
        "actor",
        "client_id",
        "user_id",
        "developer_id",
        "target",
        "search",
        "from",
        "to",
    ];

    /// Reads the parameters of a query. What is empty is absent.
    pub fn parse(params: &Params) -> Result<Self, Problem> {
        Ok(Self {
            event: one(params, "event")?,
            actor: one(params, "actor")?,
            client_id: one(params, "client_id")?,
            user_id: one(params, "user_id")?,
            developer_id: one(params, "developer_id")?,
            target: one(params, "target")?,
            search: one(params, "search")?,
            from: time(params, "from", "T00:00:00Z")?,
            // Times have no fractions of a second here, and entries do.
            to: time(params, "to", "T23:59:59Z")?.map(|to| Timestamp(to.0.saturating_add(999))),
        })
    }

    /// Whether it asks for one thing at most that an index has. What happened at a time is looked for among a little more.
    pub(super) fn is_answered_by_one_index(&self) -> bool {
        let ids = [
            &self.event,
            &self.actor,
            &self.client_id,
            &self.user_id,
            &self.developer_id,
            &self.target,
            &self.search,
        ];
        ids.into_iter().flatten().count() <= 1 && self.from.is_none() && self.to.is_none()
    }

    /// An app's part.
    pub fn of_app(client_id: &str) -> Self {
        Self {
            client_id: Some(client_id.to_owned()),
            ..Self::default()
        }
    }

    /// A user's part.
    pub fn of_user(user_id: &str) -> Self {
        Self {
            user_id: Some(user_id.to_owned()),
            ..Self::default()
        }
    }
}

/// A time of RFC 3339, or a day.
fn time(params: &Params, name: &'static str, of_day: &str) -> Result<Option<Timestamp>, Problem> {
    let Some(text) = one(params, name)? else {
        return Ok(None);
    };
    let text = if text.len() == 10 {
        format!("{text}{of_day}")
    } else {
        text
    };
    match Timestamp::from_rfc3339(&text) {
        Some(at) => Ok(Some(at)),
        None => Err(Problem::field(
            name,
            "must be a day (2026-01-31) or a time (2026-01-31T12:00:00Z)",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(query: &str) -> Result<AuditFilter, Problem> {
        AuditFilter::parse(&Params::parse(query.as_bytes()).unwrap())
    }

    #[test]
    fn a_day_begins_where_it_begins_and_ends_where_it_ends() {
        let filter = filter("from=2026-01-31&to=2026-01-31&event=+&actor=usr_a").unwrap();
        let written = |at: Option<Timestamp>| at.unwrap().to_rfc3339();
        assert_eq!(written(filter.from), "2026-01-31T00:00:00Z");
        assert_eq!(written(filter.to), "2026-01-31T23:59:59Z");
        assert_eq!((filter.event, filter.actor.as_deref()), (None, Some("usr_a")));
    }

    #[test]
    fn what_is_no_time_or_comes_twice_or_is_too_long_is_refused() {
        let long = format!("search={}", "x".repeat(201));
        for bad in ["from=yesterday", "to=2026-02-30", "from=1", "event=a&event=b", &long] {
            assert_eq!(filter(bad).unwrap_err().status(), 400, "{bad}");
        }
    }
}
