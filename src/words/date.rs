//! Days as people write them.

use super::Catalogue;
use crate::time::Timestamp;

impl Catalogue {
    /// The day of a moment, in UTC: `22 November 2026`, `2026年11月22日`.
    pub fn day(&self, time: Timestamp) -> String {
        let Some((year, month, day)) = time.date() else {
            return String::new();
        };
        let months = [
            self.date_month_1,
            self.date_month_2,
            self.date_month_3,
            self.date_month_4,
            self.date_month_5,
            self.date_month_6,
            self.date_month_7,
            self.date_month_8,
            self.date_month_9,
            self.date_month_10,
            self.date_month_11,
            self.date_month_12,
        ];
        let month = months
            .get((month as usize).wrapping_sub(1))
            .copied()
            .unwrap_or_default();
        self.date_pattern(&day, &month, &year).unmarked()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::Language;

    #[test]
    fn a_day_is_written_as_people_write_it() {
        let time = Timestamp(1_795_292_713_999);
        let days: Vec<_> = Language::all()
            .map(|language| (language.tag(), language.words().day(time)))
            .collect();
        let day = |tag: &str| &days.iter().find(|(other, _)| *other == tag).unwrap().1;
        assert_eq!(day("en"), "21 November 2026");
        assert_eq!(day("de"), "21. November 2026");
        assert_eq!(day("es"), "21 de noviembre de 2026");
        assert_eq!(day("ja"), "2026年11月21日");
        assert_eq!(day("ar"), "21 نوفمبر 2026");
    }

    #[test]
    fn a_day_no_calendar_has_is_nothing() {
        assert_eq!(Language::ENGLISH.words().day(Timestamp(i64::MAX)), "");
    }
}
