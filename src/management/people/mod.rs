//! What administrators see of users, apps and developer accounts, and what they take from them.

pub mod apps;
pub mod developers;
pub mod erasure;
pub mod revoking;
pub mod standing;
pub mod users;

/// What ends a range of names that begin alike: no name has this letter.
const LAST_LETTER: char = '\u{10FFFF}';

/// Everything that begins with `prefix` is from it on and before this, in the order of `COLLATE NOCASE`.
pub fn end_of_prefix(prefix: &str) -> String {
    format!("{prefix}{LAST_LETTER}")
}

/// A statement for the rows of `table` (which ends so that conditions may follow) whose `column`, which an index has with `COLLATE NOCASE`, begins with `?1`; `?2` is
/// [`end_of_prefix`] of it, `limit` how many at most. `goes_on`: behind the row of which the table `last (key, row)` tells. Rows of one
/// name are in the order of their numbers, which the index has too.
fn beginning_with(columns: &str, table: &str, column: &str, limit: &str, goes_on: bool) -> String {
    let select = format!("SELECT {columns}, {column} AS found_name, rowid AS found_row FROM {table}");
    let order = format!("ORDER BY {column} COLLATE NOCASE, rowid LIMIT {limit}");
    match goes_on {
        false => {
            format!("SELECT * FROM ({select} {column} COLLATE NOCASE >= ?1 AND {column} COLLATE NOCASE < ?2 {order})")
        }
        true => format!(
            "SELECT * FROM ({select} {column} COLLATE NOCASE = (SELECT key FROM last)
                              AND rowid > (SELECT row FROM last) {order})
             UNION ALL
             SELECT * FROM ({select} {column} COLLATE NOCASE > (SELECT key FROM last)
                              AND {column} COLLATE NOCASE < ?2 {order})"
        ),
    }
}
