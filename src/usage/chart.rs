//! Charts as geometry: bars, lines of the scale and labels, in the units of an SVG view box. A template draws them, and a
//! style sheet colours them.

/// Width of the view box.
pub const WIDTH: u32 = 720;
/// Height of the view box.
pub const HEIGHT: u32 = 220;
const LEFT: u32 = 52;
const TOP: u32 = 12;
const BOTTOM: u32 = 190;
/// Two bars are no walls.
const WIDEST: u32 = 60;
/// Lines of the scale above zero.
const LINES: u64 = 4;

/// A chart of bars, each stacked of one value per series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    /// The parts of bars, drawn from the bottom up.
    pub parts: Vec<Part>,
    /// The lines of the scale: height in the view box, and the number, as short as it can be written.
    pub scale: Vec<(u32, String)>,
    /// Labels under bars: place in the view box, and the text.
    pub labels: Vec<(u32, String)>,
}

/// A part of a bar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Which series, from 0.
    pub series: usize,
    /// Left.
    pub x: u32,
    /// Top.
    pub y: u32,
    /// Width.
    pub width: u32,
    /// Height.
    pub height: u32,
}

impl Chart {
    /// Draws bars: each with its values, and its label if it has room for one.
    pub fn of_bars(bars: &[(String, Vec<u64>)]) -> Self {
        let sum = |values: &[u64]| values.iter().fold(0_u64, |sum, value| sum.saturating_add(*value));
        let highest = bars.iter().map(|(_, values)| sum(values)).max().unwrap_or(0);
        let step = step_of_scale(highest);
        let top = step.saturating_mul(LINES);
        let room = WIDTH - LEFT;
        let count = u32::try_from(bars.len()).unwrap_or(u32::MAX).max(1);
        let place = |at: usize| LEFT + (u64::from(room) * at as u64 / u64::from(count)) as u32;
        let mut parts = Vec::new();
        for (at, (_, values)) in bars.iter().enumerate() {
            let x = place(at);
            let gap = if count > 60 { 1 } else { 3 };
            let width = (place(at + 1) - x).saturating_sub(gap).clamp(1, WIDEST);
            let mut below = 0_u64;
            for (series, value) in values.iter().enumerate() {
                let upper = below.saturating_add(*value);
                let (y, bottom) = (height_of(upper, top), height_of(below, top));
                // Whatever is more than nothing can be seen.
                let height = (bottom - y).max(u32::from(*value > 0));
                if height > 0 {
                    parts.push(Part {
                        series,
                        x,
                        y: y.min(bottom - height),
                        width,
                        height,
                    });
                }
                below = upper;
            }
        }
        let every = bars.len().div_ceil(6).max(1);
        let labels = bars.iter().enumerate().filter(|(at, _)| at % every == 0);
        Self {
            parts,
            scale: (0..=LINES)
                .map(|line| step.saturating_mul(line))
                .map(|number| (height_of(number, top), short(number)))
                .collect(),
            labels: labels.map(|(at, (label, _))| (place(at), label.clone())).collect(),
        }
    }
}

/// Where a value is, from the top.
#[expect(clippy::cast_possible_truncation, reason = "at most the height of the view box")]
fn height_of(value: u64, top: u64) -> u32 {
    let share = u128::from(value.min(top)) * u128::from(BOTTOM - TOP) / u128::from(top.max(1));
    BOTTOM - share as u32
}

/// 1, 2 or 5 times a power of ten, so that `LINES` of them reach up to `highest`.
fn step_of_scale(highest: u64) -> u64 {
    let mut power = 1_u64;
    loop {
        for factor in [1, 2, 5] {
            let step = power.saturating_mul(factor);
            if step.saturating_mul(LINES) >= highest {
                return step;
            }
        }
        power = power.saturating_mul(10);
    }
}

/// `1.5k`: the numbers of a scale have two digits that are not zero at most.
fn short(number: u64) -> String {
    const UNITS: [(u64, &str); 6] = [
        (1_000_000_000_000_000_000, "E"),
        (1_000_000_000_000_000, "P"),
        (1_000_000_000_000, "T"),
        (1_000_000_000, "G"),
        (1_000_000, "M"),
        (1_000, "k"),
    ];
    let unit = UNITS.into_iter().find(|(unit, _)| number >= *unit);
    match unit {
        None => number.to_string(),
        Some((unit, name)) => match number % unit / (unit / 10) {
            0 => format!("{}{name}", number / unit),
            tenths => format!("{}.{tenths}{name}", number / unit),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bars(values: &[&[u64]]) -> Vec<(String, Vec<u64>)> {
        let bar = |(at, values): (usize, &&[u64])| (at.to_string(), values.to_vec());
        values.iter().enumerate().map(bar).collect()
    }

    #[test]
    fn parts_of_a_bar_stand_on_each_other_and_reach_their_sum() {
        let chart = Chart::of_bars(&bars(&[&[10, 20, 10]]));
        let [first, second, third] = chart.parts.as_slice() else {
            panic!("{chart:?}")
        };
        assert_eq!(first.y + first.height, BOTTOM);
        assert_eq!(second.y + second.height, first.y);
        assert_eq!(third.y + third.height, second.y);
        assert_eq!(third.y, TOP, "40 is the highest line of the scale");
        assert_eq!(chart.scale.last(), Some(&(TOP, "40".into())));
    }

    #[test]
    fn one_of_a_million_can_be_seen_and_nothing_cannot() {
        let chart = Chart::of_bars(&bars(&[&[1_000_000], &[1], &[0]]));
        assert_eq!(chart.parts.len(), 2);
        assert_eq!(chart.parts[1].height, 1);
    }

    #[test]
    fn every_part_is_inside_the_picture_whatever_the_numbers() {
        proptest::proptest!(|(values in proptest::collection::vec(proptest::collection::vec(proptest::num::u64::ANY, 3), 0..91))| {
            let bars: Vec<_> = values.into_iter().map(|values| (String::new(), values)).collect();
            let chart = Chart::of_bars(&bars);
            for part in &chart.parts {
                assert!(part.y >= TOP - 3 && part.y + part.height <= BOTTOM, "{part:?}");
                assert!(part.x >= LEFT && part.x + part.width <= WIDTH, "{part:?}");
            }
            assert!(chart.labels.len() <= 7);
        });
    }

    #[test]
    fn the_scale_has_round_numbers() {
        for (highest, step) in [(0, 1), (4, 1), (5, 2), (9, 5), (40, 10), (41, 20), (1_000, 500)] {
            assert_eq!(step_of_scale(highest), step, "{highest}");
        }
        assert!(step_of_scale(u64::MAX) > 0);
        for (number, written) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1k"),
            (1_500, "1.5k"),
            (20_000, "20k"),
            (3_000_000, "3M"),
        ] {
            assert_eq!(short(number), written);
        }
        assert_eq!(short(u64::MAX), "18.4E");
    }
}
