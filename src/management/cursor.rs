//! Lists in pages. A cursor says where the page before ended, so that what is added or removed meanwhile moves nothing.

use crate::crypto::{base64url, from_base64url};
use crate::http::Params;
use crate::management::problem::Problem;

/// How many a page holds unless its reader says otherwise.
pub const PAGE_SIZE: u32 = 50;
const LARGEST_PAGE: u32 = 100;

/// The last of a page: what it is ordered by, and its id where several are alike in that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// A time in milliseconds, or a number of order.
    pub order: i64,
    /// Its id.
    pub id: String,
}

/// Which page of a list is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// What comes after this one.
    pub after: Option<Cursor>,
    /// How many at most.
    pub size: u32,
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// Where it ends, if more follows.
    pub next: Option<Cursor>,
}

impl Cursor {
    /// Reads what [`Cursor::encode`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > 200 {
            return None;
        }
        let text = String::from_utf8(from_base64url(text)?).ok()?;
        let (order, id) = text.split_once(' ')?;
        Some(Self {
            order: order.parse().ok()?,
            id: id.to_owned(),
        })
    }

    /// For a URL.
    pub fn encode(&self) -> String {
        base64url(format!("{} {}", self.order, self.id))
    }
}

impl PageRequest {
    /// Reads `cursor` and `limit`, each at most once.
    pub fn of(params: &Params) -> Result<Self, Problem> {
        let size = match params.one("limit") {
            Ok(None) => Some(PAGE_SIZE),
            Ok(Some(text)) => text.parse().ok().filter(|size| (1..=LARGEST_PAGE).contains(size)),
            Err(_) => None,
        };
        let size = size.ok_or_else(|| Problem::field("limit", format!("must be a number from 1 to {LARGEST_PAGE}")))?;
        let bad_cursor = || Problem::field("cursor", "must be the next_cursor of the page before");
        let after = match params.one("cursor") {
            Ok(None) => None,
            Ok(Some(text)) => Some(Cursor::parse(text).ok_or_else(bad_cursor)?),
            Err(_) => return Err(bad_cursor()),
        };
        Ok(Self { after, size })
    }

    /// The order of the one before this page, for lists that begin with the greatest.
    pub fn before(&self) -> i64 {
        self.after
            .as_ref()
            .map_or(i64::from(u32::MAX) << 20, |cursor| cursor.order)
    }

    /// The id of the one before this page.
    pub fn before_id(&self) -> &str {
        self.after.as_ref().map_or("", |cursor| &cursor.id)
    }

    /// Makes a page of rows of which one more was read than fit on it.
    pub fn page<T>(&self, mut rows: Vec<T>, end: impl Fn(&T) -> Cursor) -> Page<T> {
        let size = usize::try_from(self.size).unwrap_or(usize::MAX);
        let more = rows.len() > size;
        rows.truncate(size);
        let next = rows.last().filter(|_| more).map(end);
        Page { items: rows, next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(query: &str) -> Result<PageRequest, Problem> {
        PageRequest::of(&Params::parse(query.as_bytes()).unwrap())
    }

    #[test]
    fn a_page_knows_where_the_next_begins_and_the_last_that_none_does() {
        let request = asked("limit=2").unwrap();
        let cursor = |id: &&str| Cursor {
            order: -5,
            id: (*id).to_owned(),
        };
        let page = request.page(vec!["a", "b", "c"], cursor);
        assert_eq!(page.items, ["a", "b"]);
        let next = page.next.unwrap().encode();
        assert_eq!(
            asked(&format!("cursor={next}")).unwrap().after.unwrap(),
            Cursor {
                order: -5,
                id: "b".into()
            }
        );
        assert_eq!(request.page(vec!["a", "b"], cursor).next, None);
    }

    #[test]
    fn cursors_and_limits_nobody_gave_out_are_refused() {
        for bad in [
            "limit=0",
            "limit=101",
            "limit=x",
            "limit=1&limit=2",
            "cursor=!",
            "cursor=AAAA",
            "cursor=a&cursor=b",
        ] {
            assert_eq!(asked(bad).unwrap_err().status(), 400, "{bad}");
        }
    }
}
