//! Lists that are filtered by more than an index can answer: each page looks through so many rows of one index at most.
//! When too few of them fit, the page is short, and the next begins where this one stopped looking.

use super::cursor::{Cursor, Page, PageRequest};

/// How many rows a page looks through at most.
pub const WINDOW: u32 = 2000;

/// Makes a page of the rows that fit, of which one more was read than a page holds. `looked_until`: the last row looked
/// at, if there may be more behind it.
pub fn page<T>(
    request: &PageRequest,
    rows: Vec<T>,
    looked_until: Option<Cursor>,
    end: impl Fn(&T) -> Cursor,
) -> Page<T> {
    let mut page = request.page(rows, end);
    page.next = page.next.or(looked_until);
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Params;

    #[test]
    fn a_page_that_found_too_little_goes_on_where_it_stopped_looking() {
        let request = PageRequest::of(&Params::parse(b"limit=2").unwrap()).unwrap();
        let cursor = |order: &i64| Cursor {
            order: *order,
            id: String::new(),
        };
        let next = |rows, until: Option<i64>| {
            let page = page(&request, rows, until.map(|until| cursor(&until)), cursor);
            page.next.map(|next| next.order)
        };
        assert_eq!(next(vec![9], Some(3)), Some(3));
        assert_eq!(next(vec![], Some(3)), Some(3));
        assert_eq!(next(vec![9, 8, 7], Some(3)), Some(8));
        assert_eq!(next(vec![9, 8], None), None);
    }
}
