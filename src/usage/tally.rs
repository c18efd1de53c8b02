//! How many calls there were and how long they took, in a few numbers that can be added up.

use std::time::Duration;

/// Milliseconds up to which a call counts in each step of the histogram; in the last there is no bound.
pub const STEPS: [u32; 9] = [10, 25, 50, 100, 250, 500, 1000, 2500, 10_000];
/// Steps with the one that has no bound.
pub const COUNT_OF_STEPS: usize = STEPS.len() + 1;

/// What takes longer counts as this.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Calls that are alike.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many.
    pub count: u64,
    /// Milliseconds that those took whose time is known, together.
    pub milliseconds: u64,
    /// How many of those took how long.
    pub steps: [u64; COUNT_OF_STEPS],
}

/// How long calls took, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Latency {
    /// On average.
    pub mean: u64,
    /// Half of them took no longer; `None`: longer than the last bound.
    pub p50: Option<u32>,
    /// 95 of 100 took no longer.
    pub p95: Option<u32>,
}

impl Tally {
    /// Counts one call.
    pub fn add_call(&mut self, latency: Option<Duration>) {
        let mut one = Self {
            count: 1,
            ..Self::default()
        };
        if let Some(latency) = latency {
            // Whatever the clock did: sums stay within what the directory's numbers hold.
            let milliseconds = latency.min(LONGEST).as_millis();
            let milliseconds = u64::try_from(milliseconds).unwrap_or(u64::MAX);
            one.milliseconds = milliseconds;
            let step = STEPS.iter().position(|bound| milliseconds <= u64::from(*bound));
            if let Some(count) = one.steps.get_mut(step.unwrap_or(STEPS.len())) {
                *count = 1;
            }
        }
        self.add(&one);
    }

    /// Adds others to it.
    pub fn add(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        self.milliseconds = self.milliseconds.saturating_add(other.milliseconds);
        for (own, others) in self.steps.iter_mut().zip(other.steps) {
            *own = own.saturating_add(others);
        }
    }

    /// How long they took; `None`: of no call it is known. A percentile is told as the bound of the step it is in.
    pub fn latency(&self) -> Option<Latency> {
        let timed = self.steps.iter().fold(0_u64, |sum, count| sum.saturating_add(*count));
        let mean = self.milliseconds.checked_div(timed)?;
        let percentile = |percent: u128| {
            let wanted = (u128::from(timed) * percent).div_ceil(100);
            let mut so_far = 0_u128;
            let step = self.steps.iter().position(|count| {
                so_far += u128::from(*count);
                so_far >= wanted
            });
            STEPS.get(step?).copied()
        };
        Some(Latency {
            mean,
            p50: percentile(50),
            p95: percentile(95),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(milliseconds: &[u64]) -> Tally {
        let mut tally = Tally::default();
        for one in milliseconds {
            tally.add_call(Some(Duration::from_millis(*one)));
        }
        tally
    }

    #[test]
    fn a_percentile_is_no_less_than_what_that_many_calls_took() {
        proptest::proptest!(|(times in proptest::collection::vec(0..20_000_u64, 1..200))| {
            let latency = of(&times).latency().unwrap();
            let mut sorted = times;
            sorted.sort_unstable();
            for (percent, told) in [(50, latency.p50), (95, latency.p95)] {
                let exact = sorted[(sorted.len() * percent).div_ceil(100) - 1];
                match told {
                    Some(bound) => {
                        assert!(exact <= u64::from(bound));
                        let below = STEPS.iter().rev().find(|step| **step < bound);
                        assert!(below.is_none_or(|below| exact > u64::from(*below)), "{exact} {bound}");
                    }
                    None => assert!(exact > 10_000),
                }
            }
        });
    }

    #[test]
    fn calls_whose_time_is_unknown_count_and_take_no_time() {
        let mut tally = Tally::default();
        tally.add_call(None);
        assert_eq!((tally.count, tally.latency()), (1, None));
        tally.add(&of(&[100, 101]));
        let latency = tally.latency().unwrap();
        assert_eq!((tally.count, latency.mean, latency.p50), (3, 100, Some(100)));
        assert_eq!(latency.p95, Some(250));
    }

    #[test]
    fn no_number_runs_over() {
        let mut most = Tally {
            count: u64::MAX,
            milliseconds: u64::MAX,
            steps: [u64::MAX; COUNT_OF_STEPS],
        };
        most.add_call(Some(Duration::MAX));
        assert_eq!(most.count, u64::MAX);
        assert!(most.latency().is_some());
    }
}
