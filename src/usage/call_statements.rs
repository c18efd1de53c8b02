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

/// What an app's calls, or those of all, came to from a time on: those that are alike together, `most` of them.
pub fn select(client_id: &str, from: Timestamp, most: u32) -> Statement {
    let names = names();
    let sums = each_sum(|column| format!("sum(calls.{column}) AS {column}"));
    Statement::new(format!(
        "SELECT calls.api_id, api.name AS api_name, calls.route, calls.method, calls.outcome, calls.scopes, {sums}
         FROM (SELECT api_id, route, method, outcome, scopes, {names} FROM call_hours WHERE client_id = ?1 AND hour >= ?2
               UNION ALL
               SELECT api_id, route, method, outcome, scopes, {names} FROM call_days WHERE client_id = ?1 AND day >= ?2
              ) AS calls
         LEFT JOIN apis AS api ON api.id = calls.api_id
         GROUP BY calls.api_id, calls.route, calls.method, calls.outcome, calls.scopes
         ORDER BY sum(calls.count) DESC, calls.api_id, calls.route, calls.method, calls.outcome, calls.scopes LIMIT ?3"
    ))
    .text(client_id)
    .time(from)
    .number(most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::tally::STEPS;

    #[test]
    fn there_is_a_column_for_each_step_of_the_histogram() {
        let steps: Vec<String> = STEPS.iter().map(|bound| format!("up_to_{bound}")).collect();
        assert_eq!(SUMS[2..11], steps);
        assert_eq!(SUMS[11], "longer");
    }
}
