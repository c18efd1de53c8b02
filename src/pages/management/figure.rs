//! Charts with what they say in words and the table behind them.

use askama::Template;
use askama::filters::HtmlSafe;

use crate::time::Timestamp;
use crate::usage::chart::Chart;
use crate::usage::period::{Period, Usage};

/// A chart.
#[derive(Template)]
#[template(path = "management/figure.html")]
pub struct Figure {
    /// Tells it from the others of the page.
    pub id: &'static str,
    /// What it shows.
    pub title: &'static str,
    /// What can be seen in it.
    pub description: String,
    /// What its bars are made of.
    pub series: &'static [&'static str],
    /// Its lines and bars.
    pub chart: Chart,
    /// What its table calls the time.
    pub time: &'static str,
    /// Its numbers, oldest first.
    pub rows: Vec<(String, Vec<u64>)>,
}

impl HtmlSafe for Figure {}

impl Figure {
    /// The charts of a usage.
    pub fn all_of(usage: &Usage) -> Vec<Self> {
        let time = match usage.period {
            Period::Day => "Hour (UTC)",
            Period::Month | Period::Quarter => "Day (UTC)",
        };
        let label = |at: Timestamp| match usage.period {
            Period::Day => hour(at),
            Period::Month | Period::Quarter => day(at),
        };
        let buckets = || usage.buckets.iter();
        let tokens = buckets().map(|bucket| (label(bucket.at), bucket.tokens.to_vec()));
        let calls = buckets().map(|bucket| (label(bucket.at), bucket.calls.to_vec()));
        let errors = buckets().map(|bucket| (label(bucket.at), vec![bucket.errors]));
        let users = usage.active_users.iter().map(|(at, users)| (day(*at), vec![*users]));
        vec![
            Self::new(
                "tokens",
                "Tokens issued",
                &[
                    "for codes",
                    "for refresh tokens",
                    "for the app itself",
                    "for assertions",
                ],
                time,
                tokens.collect(),
            ),
            Self::new(
                "calls",
                "API calls",
                &["went through", "refused by the guard", "answered with an error"],
                time,
                calls.collect(),
            ),
            Self::new("users", "Active users", &["users"], "Day (UTC)", users.collect()),
            Self::new("errors", "Errors", &["errors"], time, errors.collect()),
        ]
    }

    fn new(
        id: &'static str,
        title: &'static str,
        series: &'static [&'static str],
        time: &'static str,
        rows: Vec<(String, Vec<u64>)>,
    ) -> Self {
        let sum = |values: &[u64]| values.iter().fold(0_u64, |sum, value| sum.saturating_add(*value));
        let all = rows
            .iter()
            .fold(0_u64, |all, (_, values)| all.saturating_add(sum(values)));
        let highest = rows.iter().max_by_key(|(_, values)| sum(values));
        let description = match highest {
            Some((label, values)) if all > 0 => {
                format!("{} bars. The highest is {label}, with {}.", rows.len(), sum(values))
            }
            _ => "None in this period.".to_owned(),
        };
        Self {
            id,
            title,
            description,
            series,
            chart: Chart::of_bars(&rows),
            time,
            rows,
        }
    }
}

/// `14:00`
fn hour(at: Timestamp) -> String {
    at.to_rfc3339().get(11..16).unwrap_or_default().to_owned()
}

/// `22 Nov`
pub fn day(at: Timestamp) -> String {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let name = |(_, month, day): (i32, u32, u32)| {
        let month = usize::try_from(month).ok()?.checked_sub(1)?;
        Some(format!("{day} {}", MONTHS.get(month)?))
    };
    at.date().and_then(name).unwrap_or_default()
}
