use miniz_oxide::inflate::decompress_to_vec_zlib;

use super::*;
use crate::crypto::from_base64url;

const NOW: Timestamp = Timestamp(1_800_000_000_000);

/// The bit of an index, as a reader finds it.
pub fn is_revoked(lst: &str, index: u32) -> bool {
    let bytes = decompress_to_vec_zlib(&from_base64url(lst).unwrap()).unwrap();
    assert_eq!(bytes.len(), SIZE as usize / 8);
    bytes[index as usize / 8] >> (index % 8) & 1 == 1
}

fn start_of(period: u64) -> Timestamp {
    Timestamp(i64::try_from(period * PERIOD).unwrap())
}

fn period(at: Timestamp) -> u64 {
    Place::next(None, at).unwrap().period()
}

#[test]
fn no_place_comes_twice_whatever_the_clock_does() {
    let mut given = std::collections::BTreeSet::new();
    let mut newest = None;
    let mut now = NOW;
    for step in [
        0,
        1,
        0,
        19,
        20,
        -60_000,
        0,
        0,
        5,
        3_600_000,
        -3_600_000,
        7,
        3_600_000,
        0,
        -20_000_000,
        40,
    ] {
        now = Timestamp(now.0 + step);
        for _ in 0..50 {
            let Some(place) = Place::next(newest, now) else {
                continue;
            };
            assert!(given.insert(place), "{place:?} after {step}");
            assert_eq!(place.period(), u64::try_from(now.0).unwrap() / PERIOD);
            newest = Some(place);
        }
    }
}

#[test]
fn a_period_gives_no_more_places_than_its_list_has_and_the_next_begins_anew() {
    let now = start_of(100) + Duration::from_secs(60);
    let last = Place::new(100, SIZE - 1).unwrap();
    assert_eq!(Place::next(Place::new(100, SIZE - 2), now), Some(last));
    assert_eq!(Place::next(Some(last), now), None);
    assert_eq!(Place::next(Some(last), start_of(101) - Duration::from_millis(1)), None);
    assert_eq!(Place::next(Some(last), start_of(101)), Place::new(101, 0));
}

#[test]
fn a_clock_that_is_set_back_into_the_period_before_gets_no_place() {
    let newest = Place::next(None, start_of(101));
    assert_eq!(Place::next(newest, start_of(101) - Duration::from_millis(1)), None);
    assert!(Place::next(newest, start_of(101)).is_some());
}

#[test]
fn a_ledger_that_was_rolled_back_gives_no_place_again() {
    let old = Place::next(None, NOW);
    let mut newest = old;
    for second in 0..60 {
        for _ in 0..40 {
            newest = Place::next(newest, NOW + Duration::from_secs(second));
        }
    }
    assert!(Place::next(old, NOW + Duration::from_secs(61)) > newest);
}

#[test]
fn the_clock_leaves_a_third_of_each_list_to_busier_times() {
    let place = Place::next(None, start_of(101) - Duration::from_millis(1)).unwrap();
    assert_eq!(place.period(), 100);
    assert!(SIZE - place.index() > 80_000, "{}", place.index());
}

#[test]
fn an_index_that_no_list_has_is_no_place() {
    assert_eq!(Place::new(1, SIZE), None);
    assert_eq!(Place::new(u64::MAX, 0), None);
    let place = Place::new(7, 9).unwrap();
    assert_eq!((place.period(), place.index()), (7, 9));
    let (first, end) = Place::all_of(7);
    assert!(first <= place && place < end && end == Place::new(8, 0).unwrap());
}

#[test]
fn a_list_is_served_from_its_first_token_until_none_can_live() {
    let shard = Shard::of_name("x");
    let name = ListName { shard, period: 100 };
    for (at, served) in [
        (start_of(100) - CLOCKS, true),
        (start_of(100) - CLOCKS - Duration::from_millis(1), false),
        (start_of(100), true),
        (start_of(101), true),
        (start_of(101) + MEMORY - Duration::from_millis(1), true),
        (start_of(101) + MEMORY, false),
        (Timestamp(0), false),
    ] {
        assert_eq!(name.is_served(at), served, "{at:?}");
        let is_named = ListName::all(at).any(|one| one == name);
        assert_eq!(is_named, served && at >= start_of(100), "{at:?}");
    }
    assert_eq!(period(start_of(100)), 100);
}

#[test]
fn each_list_has_one_address() {
    let number = Shard::of_name("x").number().to_string();
    let name = ListName::parse(&number, "12").unwrap();
    assert_eq!(name.path(), format!("{STATUS_LISTS}/{number}/12"));
    for (shard, period) in [
        (number.as_str(), "+12"),
        (&number, "012"),
        (&number, ""),
        (&number, "-1"),
        (&number, "18446744073709551616"),
        (&format!("0{number}"), "12"),
        ("65535", "12"),
        ("16", "12"),
        ("x", "12"),
    ] {
        assert_eq!(ListName::parse(shard, period), None, "{shard}/{period}");
    }
}

#[test]
fn the_bits_of_these_are_set_and_no_others() {
    let revoked = [0, 7, 8, 9, 4_711, SIZE - 1];
    let lst = encode(revoked.map(|index| Place::new(3, index).unwrap()));
    let bytes = decompress_to_vec_zlib(&from_base64url(&lst).unwrap()).unwrap();
    assert_eq!(bytes.iter().map(|byte| byte.count_ones()).sum::<u32>(), 6);
    for index in revoked {
        assert!(is_revoked(&lst, index), "{index}");
    }
    for index in [1, 6, 10, 4_710, 4_712, SIZE - 2] {
        assert!(!is_revoked(&lst, index), "{index}");
    }
}

// §4.1 of the draft: its first example.
#[test]
fn bits_go_from_the_least_significant_of_the_first_byte_on() {
    let example = [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1];
    let indices = (0..).zip(example).filter(|(_, bit)| *bit == 1);
    let lst = encode(indices.map(|(index, _)| Place::new(0, index).unwrap()));
    let bytes = decompress_to_vec_zlib(&from_base64url(&lst).unwrap()).unwrap();
    assert_eq!(bytes[..2], [0xB9, 0xA3]);
}

#[test]
fn a_list_on_which_little_is_revoked_is_small() {
    assert!(encode([]).len() < 100, "{}", encode([]).len());
    let some = (0..1000).map(|number| Place::new(0, number * 251).unwrap());
    assert!(encode(some).len() < 6_000);
}
