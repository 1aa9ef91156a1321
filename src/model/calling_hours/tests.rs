use proptest::prelude::*;

use super::*;

fn zone(name: &str) -> Zone {
    Zone::named(name).unwrap()
}

fn at(text: &str) -> Timestamp {
    Timestamp::from(text.parse::<jiff::Timestamp>().unwrap())
}

fn daily(text: &str) -> WeeklyHours {
    WeeklyHours::every_day(text.parse().unwrap())
}

fn ms(timestamp: Timestamp, offset: i64) -> Timestamp {
    Timestamp::from_millis(timestamp.as_millis() + offset)
}

/// The moment is open and the millisecond before is not.
fn assert_opens_exactly(hours: &WeeklyHours, zone: &Zone, text: &str) {
    let opening = at(text);
    assert!(hours.open_at(opening, zone), "closed at {opening}");
    assert!(!hours.open_at(ms(opening, -1), zone), "open a millisecond before {opening}");
    assert_eq!(hours.next_open(ms(opening, -1), std::slice::from_ref(zone)), Some(opening));
}

#[test]
fn the_first_minute_is_open_and_the_last_is_not() {
    let hours = daily("09:00-12:00");
    let zone = zone("Asia/Shanghai");
    assert_opens_exactly(&hours, &zone, "2026-03-02T01:00:00Z");
    assert!(hours.open_at(at("2026-03-02T03:59:59.999Z"), &zone));
    assert!(!hours.open_at(at("2026-03-02T04:00:00Z"), &zone));
}

#[test]
fn an_opening_inside_the_spring_gap_happens_when_the_gap_ends() {
    // New York, 2027-03-14: 02:00 becomes 03:00 at 07:00Z.
    let hours = daily("02:30-04:00");
    let zone = zone("America/New_York");
    assert_opens_exactly(&hours, &zone, "2027-03-14T07:00:00Z");
    assert!(!hours.open_at(at("2027-03-14T08:00:00Z"), &zone), "04:00 on the wall, an hour after the gap");
    let swallowed = daily("02:00-03:00");
    assert_eq!(
        swallowed.next_open(at("2027-03-14T06:00:00Z"), &[zone]),
        Some(at("2027-03-15T06:00:00Z")),
        "hours that fall into the gap wholly do not happen on that day"
    );
}

#[test]
fn the_repeated_hour_of_autumn_is_open_both_times() {
    // New York, 2027-11-07: 02:00 EDT becomes 01:00 EST at 06:00Z.
    let hours = daily("01:15-01:45");
    let zone = zone("America/New_York");
    assert_opens_exactly(&hours, &zone, "2027-11-07T05:15:00Z");
    assert!(!hours.open_at(at("2027-11-07T05:45:00Z"), &zone));
    assert_opens_exactly(&hours, &zone, "2027-11-07T06:15:00Z");
    assert!(!hours.open_at(at("2027-11-07T06:45:00Z"), &zone));
}

#[test]
fn lord_howe_moves_by_half_an_hour() {
    // 2026-10-04: 02:00 (+10:30) becomes 02:30 (+11) at 15:30Z the day before.
    let hours = daily("02:10-03:00");
    let zone = zone("Australia/Lord_Howe");
    assert_opens_exactly(&hours, &zone, "2026-10-03T15:30:00Z");
    assert!(!hours.open_at(at("2026-10-03T16:00:00Z"), &zone));
    // 2027-04-04: 02:00 (+11) becomes 01:30 (+10:30) at 15:00Z the day before.
    let repeated = daily("01:40-01:50");
    assert_opens_exactly(&repeated, &zone, "2027-04-03T14:40:00Z");
    assert_opens_exactly(&repeated, &zone, "2027-04-03T15:10:00Z");
}

#[test]
fn a_change_at_midnight_moves_the_opening_of_that_day() {
    // Beirut, 2026-03-29: 00:00 becomes 01:00 at 22:00Z the day before.
    let hours = daily("00:00-02:00");
    let zone = zone("Asia/Beirut");
    assert!(!hours.open_at(at("2026-03-28T21:59:59.999Z"), &zone));
    assert_opens_exactly(&hours, &zone, "2026-03-28T22:00:00Z");
    assert!(!hours.open_at(at("2026-03-28T23:00:00Z"), &zone));
}

#[test]
fn a_day_that_a_place_skipped_has_no_hours() {
    // Samoa had no 2011-12-30: Thursday was followed by Saturday at 10:00Z.
    let zone = zone("Pacific/Apia");
    let mut hours = WeeklyHours::default();
    hours.days[4] = vec!["09:00-17:00".parse().unwrap()];
    assert_eq!(
        hours.next_open(at("2011-12-29T12:00:00Z"), std::slice::from_ref(&zone)),
        Some(at("2012-01-05T19:00:00Z")),
        "the next Friday is a week later"
    );
}

#[test]
fn several_zones_must_all_be_open_and_no_zone_is_never_open() {
    let hours = daily("09:00-12:00");
    let idaho = [zone("America/Boise"), zone("America/Los_Angeles")];
    assert!(!callable(at("2026-06-01T15:30:00Z"), &idaho, &[&hours]), "09:30 in Boise, 08:30 on the coast");
    assert!(callable(at("2026-06-01T16:00:00Z"), &idaho, &[&hours]));
    assert!(!callable(at("2026-06-01T18:00:00Z"), &idaho, &[&hours]), "noon in Boise");
    assert_eq!(next_callable(at("2026-06-01T15:30:00Z"), &idaho, &[&hours]), Some(at("2026-06-01T16:00:00Z")));
    assert!(!callable(at("2026-06-01T16:00:00Z"), &[], &[&hours]));
    assert_eq!(next_callable(at("2026-06-01T16:00:00Z"), &[], &[&hours]), None);
}

#[test]
fn zones_that_are_never_open_together_end_the_search() {
    let hours = daily("09:00-10:00");
    let zones = [zone("Asia/Shanghai"), zone("Europe/London")];
    assert_eq!(next_callable(at("2026-06-01T00:00:00Z"), &zones, &[&hours]), None);
    assert_eq!(WeeklyHours::default().next_open(at("2026-06-01T00:00:00Z"), &zones[..1]), None);
}

#[test]
fn a_holiday_closes_and_a_makeup_workday_opens_with_the_hours_of_monday() {
    let zone = zone("Asia/Shanghai");
    let mut hours = WeeklyHours::default();
    hours.days[0] = vec!["09:00-18:00".parse().unwrap()];
    hours.days[3] = vec!["10:00-11:00".parse().unwrap()];
    hours.holidays = vec!["2026-10-01".parse().unwrap(), "2026-10-05".parse().unwrap()];
    hours.workdays = vec!["2026-10-10".parse().unwrap()];
    assert!(!hours.open_at(at("2026-10-01T02:30:00Z"), &zone), "a Thursday, but a holiday");
    assert!(hours.open_at(at("2026-10-10T01:00:00Z"), &zone), "a Saturday, but worked");
    assert_eq!(
        hours.next_open(at("2026-09-30T16:00:00Z"), &[zone]),
        Some(at("2026-10-08T02:00:00Z")),
        "the holiday's Thursday and Monday are passed over"
    );
}

#[test]
fn the_law_and_the_campaign_are_cut_with_each_other() {
    let law = daily("08:00-21:00");
    let campaign = daily("20:00-23:00");
    let zones = [zone("America/Chicago")];
    assert!(callable(at("2026-06-02T01:59:59.999Z"), &zones, &[&law, &campaign]));
    assert!(!callable(at("2026-06-02T02:00:00Z"), &zones, &[&law, &campaign]));
    assert_eq!(law.intersect(&campaign), daily("20:00-21:00"));
}

#[test]
fn spans_are_read_and_written_alike_and_errors_say_what_was_expected() {
    for text in ["00:00-24:00", "09:00-12:30", "23:59-24:00"] {
        assert_eq!(text.parse::<DaySpan>().unwrap().to_string(), text);
    }
    for (bad, says) in [
        ("9-12", "hours and minutes"),
        ("12:00-09:00", "ends before it begins"),
        ("09:00-09:00", "ends before it begins"),
        ("09:00", "two times"),
        ("09:60-10:00", "time of the day"),
        ("00:00-24:01", "time of the day"),
        ("99:00-99:01", "time of the day"),
        ("+9:00-10:00", "time of the day"),
    ] {
        let error = bad.parse::<DaySpan>().unwrap_err().to_string();
        assert!(error.contains(says), "{bad}: {error}");
    }
}

fn spans() -> impl Strategy<Value = Vec<DaySpan>> {
    prop::collection::vec((0u16..48, 1u16..12), 0..3).prop_map(|pairs| {
        let mut spans: Vec<DaySpan> = Vec::new();
        let mut end = 0;
        for (gap, length) in pairs {
            let from = end + gap * 10;
            let to = (from + length * 25).min(1440);
            if from < to {
                spans.push(DaySpan { from: MinuteOfDay(from), to: MinuteOfDay(to) });
                end = to + 1;
            }
        }
        spans
    })
}

fn some_hours() -> impl Strategy<Value = WeeklyHours> {
    let date = (0i16..20).prop_map(|day| Date::constant(2026, 10, 20).saturating_add(jiff::Span::new().days(day)));
    let dates = prop::collection::vec(date, 0..3);
    (prop::array::uniform7(spans()), dates.clone(), dates).prop_map(|(days, holidays, workdays)| WeeklyHours {
        days,
        holidays,
        workdays,
    })
}

fn some_zone() -> impl Strategy<Value = Zone> {
    prop::sample::select(vec![
        "Asia/Shanghai",
        "America/New_York",
        "Australia/Lord_Howe",
        "Europe/London",
        "Asia/Beirut",
        "America/Santiago",
        "Asia/Kathmandu",
        "Pacific/Chatham",
        "Africa/Casablanca",
        "Pacific/Kiritimati",
    ])
    .prop_map(zone)
}

/// Around the autumn changes of 2026 in both hemispheres.
fn some_time() -> impl Strategy<Value = Timestamp> {
    (1_792_000_000_000i64..1_794_500_000_000).prop_map(Timestamp::from_millis)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn open_means_what_the_wall_clock_shows(hours in some_hours(), zone in some_zone(), at in some_time()) {
        let wall = zone.as_jiff().to_datetime(at.to_jiff());
        let day = if hours.workdays.contains(&wall.date()) {
            &hours.days[0][..]
        } else if hours.holidays.contains(&wall.date()) {
            &[]
        } else {
            &hours.days[wall.weekday().to_monday_zero_offset() as usize][..]
        };
        let minute = wall.hour() as u16 * 60 + wall.minute() as u16;
        let open = day.iter().any(|span| span.from.0 <= minute && minute < span.to.0);
        prop_assert_eq!(hours.open_at(at, &zone), open);
    }

    #[test]
    fn the_next_opening_is_open_and_nothing_before_it_is(
        left in some_hours(),
        right in some_hours(),
        zones in prop::collection::vec(some_zone(), 1..3),
        at in some_time(),
    ) {
        let hours = [&left, &right];
        let found = next_callable(at, &zones, &hours);
        if let Some(found) = found {
            prop_assert!(found >= at);
            prop_assert!(callable(found, &zones, &hours));
            prop_assert!(found == at || !callable(ms(found, -1), &zones, &hours), "open before {found}");
        }
        // Every minute until then, at most three weeks.
        let end = found.unwrap_or(ms(at, 21 * DAY_MS)).min(ms(at, 21 * DAY_MS));
        let mut minute = at;
        while minute < end {
            prop_assert!(!callable(minute, &zones, &hours), "open at {minute}, found {found:?}");
            minute = ms(minute, MINUTE_MS);
        }
    }

    #[test]
    fn an_intersection_is_open_only_when_both_are(left in some_hours(), right in some_hours(), at in some_time()) {
        let both = left.intersect(&right);
        let zone = zone("Europe/London");
        let exact = left.open_at(at, &zone) && right.open_at(at, &zone);
        if both.open_at(at, &zone) {
            prop_assert!(exact);
        }
        if left.workdays.is_empty() && right.workdays.is_empty() {
            prop_assert_eq!(both.open_at(at, &zone), exact);
        }
    }
}
