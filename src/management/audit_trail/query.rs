//! Finding entries. Whatever is looked for, a page looks at a bounded number of rows, found by one index each: the
//! narrowest that the filter has. What else the filter asks is checked on those, and a page that looked at as many as it
//! may goes on where it stopped.

use std::time::Duration;

use serde::Deserialize;

use super::entry::AuditEntry;
use super::events;
use super::filter::AuditFilter;
use crate::management::cursor::{Cursor, Page, PageRequest};
use crate::management::people::end_of_prefix;
use crate::management::window::{self, WINDOW};
use crate::store::StoreError;
use crate::store::database::{Database, Statement};
use crate::time::Timestamp;

/// How much later than it happened something may be entered and still be found by its time: ledgers report what happened
/// there by alarm. What could not be reported for longer is found without a time.
const LATEST_ENTRY: Duration = Duration::from_secs(3600);
/// How many entries of each event are looked at, where several events are looked for by nothing but their names.
const WINDOW_OF_EVENT: u32 = 200;

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The newest entry first.
    NewestFirst,
    /// The oldest entry first.
    OldestFirst,
}

impl Order {
    fn word(self) -> &'static str {
        match self {
            Self::NewestFirst => "DESC",
            Self::OldestFirst => "ASC",
        }
    }
}

/// A page of entries, the newest first.
pub async fn list(
    database: &impl Database,
    filter: &AuditFilter,
    page: &PageRequest,
) -> Result<Page<AuditEntry>, StoreError> {
    found(database, filter, page, Order::NewestFirst).await
}

/// So many entries behind the one of this number, the oldest first.
pub async fn forward(
    database: &impl Database,
    filter: &AuditFilter,
    after: i64,
    size: u32,
) -> Result<Page<AuditEntry>, StoreError> {
    let after = Some(Cursor {
        order: after,
        id: String::new(),
    });
    found(database, filter, &PageRequest { after, size }, Order::OldestFirst).await
}

async fn found(
    database: &impl Database,
    filter: &AuditFilter,
    page: &PageRequest,
    order: Order,
) -> Result<Page<AuditEntry>, StoreError> {
    #[derive(Deserialize)]
    struct LookedUntil {
        seq: i64,
    }
    let cursor = |seq| Cursor {
        order: seq,
        id: String::new(),
    };
    let found = database.read(statements(filter, page, order)).await?;
    let looked_until = found.first::<LookedUntil>(1)?.map(|last| cursor(last.seq));
    Ok(window::page(
        page,
        found.rows(0)?,
        looked_until,
        |entry: &AuditEntry| cursor(entry.seq),
    ))
}

/// Where the entries of a filter are looked for.
struct Looked {
    /// Finds their numbers, in order, as many as a page looks at.
    numbers: String,
    /// How many that is.
    window: u32,
}

/// Two statements: the entries that fit, and the number of the last one looked at if as many were looked at as may be.
/// `?1` to `?9`: the filter, `?10`: the end of the event's prefix, `?11`: the events of the prefix, `?12`: the entry
/// before the page, `?13`: how many, `?14`, `?15`: the times outside of which no number of the filter's can be.
pub(super) fn statements(filter: &AuditFilter, page: &PageRequest, order: Order) -> Vec<Statement> {
    let Looked { numbers, window } = looked(filter, page, order);
    let word = order.word();
    let fitting = format!(
        "SELECT e.*, a.name AS app_name, u.name AS actor_name
         FROM (SELECT audit.* FROM ({numbers}) AS looked JOIN audit ON audit.seq = looked.seq
               WHERE (?1 IS NULL OR (event >= ?1 AND event < ?10)) AND (?2 IS NULL OR actor_id = ?2)
                 AND (?3 IS NULL OR client_id = ?3) AND (?4 IS NULL OR user_id = ?4)
                 AND (?5 IS NULL OR developer_id = ?5) AND (?6 IS NULL OR target_id = ?6)
                 AND (?7 IS NULL OR ?7 IN (id, request_id, actor_id, client_id, user_id, developer_id, target_id))
                 AND (?8 IS NULL OR at >= ?8) AND (?9 IS NULL OR at <= ?9) AND COALESCE(?11, ?14, ?15) IS NOT NULL
               ORDER BY audit.seq {word} LIMIT ?13) AS e
         LEFT JOIN apps a ON a.client_id = e.client_id
         LEFT JOIN users u ON u.id = e.actor_id AND e.actor_type = 'user'
         ORDER BY e.seq {word}"
    );
    let last = format!(
        "SELECT seq FROM ({numbers}) WHERE COALESCE(?11, ?13, ?15) IS NOT NULL LIMIT 1 OFFSET {}",
        window - 1
    );
    let mut statements = vec![bound(fitting, filter, page, order)];
    if !filter.is_answered_by_one_index() {
        statements.push(bound(last, filter, page, order));
    }
    statements
}

fn looked(filter: &AuditFilter, page: &PageRequest, order: Order) -> Looked {
    let word = order.word();
    // Between the times, by the numbers that entries had there. One bound on each side: SQLite would begin at the first
    // of two and pass over everything up to the other.
    let earliest = "COALESCE((SELECT seq FROM audit WHERE at < ?14 ORDER BY at DESC LIMIT 1), 0)";
    let latest = "COALESCE((SELECT seq FROM audit WHERE at > ?15 ORDER BY at LIMIT 1), 9007199254740991)";
    let (above, below) = match order {
        Order::NewestFirst => (None, Some("?12")),
        Order::OldestFirst => (Some("?12"), None),
    };
    let above: Vec<&str> = above.into_iter().chain(filter.from.map(|_| earliest)).collect();
    let below: Vec<&str> = below.into_iter().chain(filter.to.map(|_| latest)).collect();
    let range = [bound_by("seq >", "max", &above), bound_by("seq <", "min", &below)];
    let range: Vec<String> = range.into_iter().flatten().collect();
    let range = range.join(" AND ");
    let by = |index: &str, condition: &str, window: u32| {
        format!("SELECT seq FROM audit {index} WHERE {condition}{range} ORDER BY seq {word} LIMIT {window}")
    };
    let equal = [
        (&filter.target, "INDEXED BY audit_of_target", "target_id = ?6 AND "),
        (&filter.user_id, "INDEXED BY audit_of_user", "user_id = ?4 AND "),
        (&filter.client_id, "INDEXED BY audit_of_app", "client_id = ?3 AND "),
        (&filter.actor, "INDEXED BY audit_of_actor", "actor_id = ?2 AND "),
        (
            &filter.developer_id,
            "INDEXED BY audit_of_developer",
            "developer_id = ?5 AND ",
        ),
    ];
    let narrow = equal.into_iter().find(|(value, ..)| value.is_some());
    // Where an index answers all of it, nothing is looked at in vain.
    let window = match filter.is_answered_by_one_index() {
        true => page.size + 1,
        false => WINDOW.max(page.size + 1),
    };
    if filter.search.is_some() {
        return Looked {
            numbers: by_any_id(&by, word, window),
            window,
        };
    }
    if let Some((_, index, condition)) = narrow {
        return Looked {
            numbers: by(index, condition, window),
            window,
        };
    }
    match filter.event.as_deref().map(of_prefix).as_deref() {
        Some([_]) => Looked {
            numbers: by("INDEXED BY audit_of_event", "event = ?11 ->> 0 AND ", window),
            window,
        },
        Some(_) => {
            let window = window.min(WINDOW_OF_EVENT.max(page.size + 1));
            let of_one = by("INDEXED BY audit_of_event", "event = told.value AND ", window);
            let numbers = format!(
                "SELECT audit.seq AS seq FROM json_each(?11) AS told CROSS JOIN audit ON audit.seq IN ({of_one})
                 ORDER BY audit.seq {word} LIMIT {window}"
            );
            Looked { numbers, window }
        }
        None => Looked {
            numbers: by("NOT INDEXED", "", window),
            window,
        },
    }
}

/// `seq > a` or `seq > max(a, b)`.
fn bound_by(comparison: &str, narrower: &str, bounds: &[&str]) -> Option<String> {
    match bounds {
        [] => None,
        [one] => Some(format!("{comparison} {one}")),
        several => Some(format!("{comparison} {narrower}({})", several.join(", "))),
    }
}

/// The id may stand in any of seven columns. Each has its own index, and none is read further than the window.
fn by_any_id(by: &impl Fn(&str, &str, u32) -> String, word: &str, window: u32) -> String {
    let branches: Vec<String> = [
        "id",
        "request_id",
        "actor_id",
        "client_id",
        "user_id",
        "developer_id",
        "target_id",
    ]
    .map(|column| format!("SELECT * FROM ({})", by("", &format!("{column} = ?7 AND "), window)))
    .into();
    // In two groups: D1 takes few of them in a row.
    let groups: Vec<String> = branches
        .chunks(4)
        .map(|group| format!("SELECT * FROM ({})", group.join(" UNION ")))
        .collect();
    format!(
        "SELECT seq FROM ({}) ORDER BY seq {word} LIMIT {window}",
        groups.join(" UNION ")
    )
}

/// The events that are looked for: an unknown name stands for itself.
fn of_prefix(prefix: &str) -> Vec<&str> {
    let known = events::beginning_with(prefix);
    match known.is_empty() {
        true => vec![prefix],
        false => known,
    }
}

fn bound(sql: String, filter: &AuditFilter, page: &PageRequest, order: Order) -> Statement {
    let before = match order {
        Order::NewestFirst => page.before(),
        Order::OldestFirst => page.after.as_ref().map_or(0, |after| after.order),
    };
    let event = filter.event.as_deref();
    let events = serde_json::Value::from(of_prefix(event.unwrap_or_default())).to_string();
    let slack = i64::try_from(LATEST_ENTRY.as_millis()).unwrap_or(i64::MAX);
    let earlier = filter.from.map(|from| Timestamp(from.0.saturating_sub(slack)));
    let later = filter.to.map(|to| Timestamp(to.0.saturating_add(slack)));
    Statement::new(sql)
        .optional_text(event)
        .optional_text(filter.actor.as_deref())
        .optional_text(filter.client_id.as_deref())
        .optional_text(filter.user_id.as_deref())
        .optional_text(filter.developer_id.as_deref())
        .optional_text(filter.target.as_deref())
        .optional_text(filter.search.as_deref())
        .optional_time(filter.from)
        .optional_time(filter.to)
        .optional_text(event.map(end_of_prefix).as_deref())
        .text(&events)
        .time(Timestamp(before))
        .number(page.size + 1)
        .optional_time(earlier)
        .optional_time(later)
}
