//! Calls in the directory.

use serde_json::{Value, json};

use super::buffer::CallKey;
use super::call::OTHER_ROUTES;
use super::tally::Tally;
use crate::store::database::Statement;
use crate::time::Timestamp;

/// Different calls kept of an app and an hour, or of all apps; a batch may bring some more. Those of routes beyond are
/// added up by API and outcome.
pub const MOST_OF_AN_HOUR: usize = 500;
const _: () = assert!(MOST_OF_AN_HOUR == 500 && OTHER_ROUTES.len() == 1);

/// What is added up, in the order of [`row`].
const SUMS: [&str; 12] = [
    "count",
    "milliseconds",
    "up_to_10",
    "up_to_25",
    "up_to_50",
    "up_to_100",
    "up_to_250",
    "up_to_500",
    "up_to_1000",
    "up_to_2500",
    "up_to_10000",
    "longer",
];

/// `write(column)` of each column that is added up, separated by commas.
fn each_sum(write: impl Fn(&str) -> String) -> String {
    let sums: Vec<String> = SUMS.iter().map(|column| write(column)).collect();
    sums.join(", ")
}

fn names() -> String {
    SUMS.join(", ")
}

fn add_on_conflict() -> String {
    format!(
        "DO UPDATE SET {}",
        each_sum(|column| format!("{column} = {column} + excluded.{column}"))
    )
}

/// Adds calls to those of their hours.
pub fn add(calls: &[(CallKey, Tally)]) -> Option<Statement> {
    if calls.is_empty() {
        return None;
    }
    let rows: Vec<Value> = calls.iter().map(|(key, tally)| row(key, tally)).collect();
    // What is there already has its place; the rest has one as long as the hour is not full.
    let sql = format!(
        "INSERT INTO call_hours (client_id, hour, api_id, route, method, outcome, scopes, {names})
         SELECT client_id, hour, api_id, iif(has_room, route, '*'), iif(has_room, method, ''), outcome,
                iif(has_room, scopes, ''), {names}
         FROM (
           SELECT told.value ->> 0 AS client_id, told.value ->> 1 AS hour, told.value ->> 2 AS api_id,
                  told.value ->> 3 AS route, told.value ->> 4 AS method, told.value ->> 5 AS outcome,
                  told.value ->> 6 AS scopes, {values},
                  EXISTS (SELECT 1 FROM call_hours AS known
                          WHERE known.client_id = told.value ->> 0 AND known.hour = told.value ->> 1
                            AND known.api_id = told.value ->> 2 AND known.route = told.value ->> 3
                            AND known.method = told.value ->> 4 AND known.outcome = told.value ->> 5
                            AND known.scopes = told.value ->> 6)
                  OR NOT EXISTS (SELECT 1 FROM call_hours AS known
                                 WHERE known.client_id = told.value ->> 0 AND known.hour = told.value ->> 1
                                 LIMIT 1 OFFSET 499) AS has_room
           FROM json_each(?1) AS told)
         WHERE true
         ON CONFLICT (client_id, hour, api_id, route, method, outcome, scopes) {update}",
        names = names(),
        values = SUMS
            .iter()
            .enumerate()
            .map(|(at, column)| format!("told.value ->> {} AS {column}", at + 7))
            .collect::<Vec<_>>()
            .join(", "),
        update = add_on_conflict(),
    );
    Some(Statement::new(sql).text(&Value::Array(rows).to_string()))
}

fn row(key: &CallKey, tally: &Tally) -> Value {
    let CallKey {
        client_id,
        hour,
        api_id,
        route,
        method,
        end,
        scopes,
    } = key;
    let mut row = vec![
        json!(client_id),
        json!(hour),
        json!(api_id),
        json!(route),
        json!(method),
        json!(end.name()),
        json!(scopes),
        json!(tally.count),
        json!(tally.milliseconds),
    ];
    row.extend(tally.steps.iter().map(|count| json!(count)));
    Value::Array(row)
}

/// Moves the oldest hour from before this time to its day.
pub fn roll_up(before: Timestamp) -> Vec<Statement> {
    let oldest = "(SELECT min(hour) FROM call_hours WHERE hour < ?1)";
    let names = names();
    let update = add_on_conflict();
    [
        format!(
            "INSERT INTO call_days (client_id, day, api_id, route, method, outcome, scopes, {names})
             SELECT client_id, hour - hour % 86400000, api_id, route, method, outcome, scopes, {names}
             FROM call_hours WHERE hour = {oldest}
             ON CONFLICT (client_id, day, api_id, route, method, outcome, scopes) {update}"
        ),
        format!("DELETE FROM call_hours WHERE hour = {oldest}"),
    ]
    .map(|sql| Statement::new(sql).time(before))
    .into()
}

/// Deletes days from before this time, so many rows at once.
pub fn delete_before(day: Timestamp, most: u32) -> Statement {
    Statement::new(
        "DELETE FROM call_days WHERE (client_id, day, api_id, route, method, outcome, scopes) IN (
           SELECT client_id, day, api_id, route, method, outcome, scopes FROM call_days WHERE day < ?1 LIMIT ?2)",
    )
    .time(day)
    .number(most)
}

/// What an app's calls, or those of all, came to from a time on: those that are alike together, the `most` most frequent of
/// them, and the rest by API and outcome, as [`OTHER_ROUTES`].
pub fn select(client_id: &str, from: Timestamp, most: u32) -> Statement {
    let names = names();
    let sums = each_sum(|column| format!("sum({column}) AS {column}"));
    Statement::new(format!(
        "WITH alike AS (
           SELECT api_id, route, method, outcome, scopes, {sums},
                  row_number() OVER (ORDER BY sum(count) DESC, api_id, route, method, outcome, scopes) <= ?3 AS has_room
           FROM (SELECT api_id, route, method, outcome, scopes, {names} FROM call_hours WHERE client_id = ?1 AND hour >= ?2
                 UNION ALL
                 SELECT api_id, route, method, outcome, scopes, {names} FROM call_days WHERE client_id = ?1 AND day >= ?2)
           GROUP BY api_id, route, method, outcome, scopes),
         shown AS (
           SELECT api_id, iif(has_room, route, '*') AS route, iif(has_room, method, '') AS method, outcome,
                  iif(has_room, scopes, '') AS scopes, {names}
           FROM alike)
         SELECT shown.api_id, api.name AS api_name, shown.route, shown.method, shown.outcome, shown.scopes, {sums}
         FROM shown LEFT JOIN apis AS api ON api.id = shown.api_id
         GROUP BY shown.api_id, shown.route, shown.method, shown.outcome, shown.scopes
         ORDER BY sum(count) DESC, shown.api_id, shown.route, shown.method, shown.outcome, shown.scopes"
    ))
    .text(client_id)
    .time(from)
    .number(most)
}
const _: () = assert!(OTHER_ROUTES.len() == 1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::breakdown::{Alike, Breakdown};
    use crate::usage::tally::STEPS;

    #[test]
    fn what_there_is_no_room_to_tell_apart_is_summed_and_not_left_out() {
        let stores = crate::store::memory::Memory::default();
        for (table, bucket) in [("call_hours", "hour"), ("call_days", "day")] {
            let (names, each) = (names(), ["n"; SUMS.len()].join(", "));
            stores.database.run(&format!(
                "INSERT INTO {table} (client_id, {bucket}, api_id, route, method, outcome, scopes, {names})
                 SELECT 'app_one', 7, 'api_' || (n % 2), '/' || n, 'GET', '200', 'read', {each}
                 FROM (WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 9) SELECT n FROM c)"
            ));
        }
        let found = pollster::block_on(crate::store::Database::read(
            &stores,
            vec![select("app_one", Timestamp(0), 3)],
        ));
        let calls = Breakdown::new(&found.unwrap().rows::<Alike>(0).unwrap());
        let routes: Vec<_> = calls
            .routes
            .iter()
            .map(|route| {
                (
                    route.api_id.as_str(),
                    route.route.as_deref(),
                    route.is_rest,
                    route.sums.all.count,
                )
            })
            .collect();
        assert_eq!(
            routes,
            [
                ("api_0", None, true, 2 * (2 + 4 + 6)),
                ("api_1", None, true, 2 * (1 + 3 + 5)),
                ("api_1", Some("/9"), false, 18),
                ("api_0", Some("/8"), false, 16),
                ("api_1", Some("/7"), false, 14),
            ]
        );
        assert_eq!(calls.apis.iter().map(|api| api.sums.all.count).sum::<u64>(), 90);
    }

    #[test]
    fn there_is_a_column_for_each_step_of_the_histogram() {
        let steps: Vec<String> = STEPS.iter().map(|bound| format!("up_to_{bound}")).collect();
        assert_eq!(SUMS[2..11], steps);
        assert_eq!(SUMS[11], "longer");
    }
}
