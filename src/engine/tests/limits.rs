//! A campaign's own limits: days, quotas, budget, and the pool of numbers that customers are shown.

use super::rig::*;
use crate::engine::command::{Answer, Command, RequestRefusal};
use crate::engine::event::Event;
use crate::model::attempt::CallRef;
use crate::model::campaign::{Campaign, CampaignState, Pacing, Preview, RatioOn};
use crate::model::id::RequestId;
use crate::model::limits::{Budget, Limits, Used};
use crate::model::live_limits::{LimitChange, LimitName, LiveLimits};
use crate::model::phone::PhoneNumber;
use crate::model::zone::Zone;

fn with(limits: Limits) -> Campaign {
    Campaign { limits, ..campaign() }
}

fn dials(rig: &Rig) -> usize {
    rig.count(|command| matches!(command, Command::Dial { .. }))
}

fn holds(rig: &Rig) -> Option<String> {
    rig.board().not_dialling
}

fn today(rig: &Rig) -> jiff::civil::Date {
    Zone::named("Asia/Shanghai").unwrap().date(rig.now.timestamp)
}

/// Whom was dialled, and which number they saw.
fn shown(rig: &Rig) -> Vec<(PhoneNumber, PhoneNumber)> {
    let dials = rig.log.iter().filter_map(|(_, command)| match command {
        Command::Dial { number, caller_id, .. } => Some((number.clone(), caller_id.clone())),
        _ => None,
    });
    dials.collect()
}

#[test]
fn never_more_dials_than_its_quota_however_many_agents_wait() {
    let limits = Limits { dials_max: Some(3), ..Limits::default() };
    let mut rig = Rig::dialling(10, with(limits.clone()));
    assert_eq!((dials(&rig), holds(&rig).as_deref()), (3, Some("quota_reached")));
    for id in rig.ringing() {
        rig.fail(id, 486);
    }
    rig.wait(30.0);
    assert_eq!(dials(&rig), 3, "a call that came to nothing is used as well");
    // A higher quota takes effect at once.
    let campaign = with(Limits { dials_max: Some(5), ..limits }).into();
    rig.tell(Event::CampaignApplied { campaign, state: CampaignState::Running, today: None });
    rig.wait(6.0);
    assert_eq!(dials(&rig), 5);
}

#[test]
fn a_quota_of_a_day_begins_anew_with_the_day() {
    let mut rig = Rig::dialling(4, with(Limits { dials_per_day_max: Some(2), ..Limits::default() }));
    assert_eq!((dials(&rig), holds(&rig).as_deref()), (2, Some("quota_reached")));
    for id in rig.ringing() {
        rig.fail(id, 486);
    }
    let mut seen = dials(&rig);
    let mut days = 0;
    for _ in 0..72 {
        rig.wait(3600.0);
        if dials(&rig) > seen {
            assert_eq!(dials(&rig) - seen, 2, "the quota of a day");
            (seen, days) = (dials(&rig), days + 1);
        }
        for id in rig.ringing() {
            rig.fail(id, 486);
        }
    }
    assert!((2..=3).contains(&days), "{days} days");
}

#[test]
fn it_stops_when_enough_customers_accepted_and_goes_on_when_a_result_is_corrected() {
    let mut rig = Rig::dialling(1, with(Limits { accepted_max: Some(1), ..Limits::default() }));
    let first = rig.ringing()[0];
    rig.answer(first);
    rig.wait(20.0);
    rig.record(1, CallRef::Outbound(first), "took-it").unwrap();
    rig.hang_up(first);
    rig.wait(120.0);
    assert_eq!((dials(&rig), holds(&rig).as_deref()), (1, Some("quota_reached")));
    rig.record(1, CallRef::Outbound(first), "no").unwrap();
    rig.wait(10.0);
    assert_eq!((dials(&rig), rig.engine.campaigns[&key()].used.accepted), (2, 0));
}

#[test]
fn what_was_used_before_a_restart_counts() {
    let budget = Budget { amount: 100.0, per_dial: 1.0, per_talk_minute: 0.5 };
    let mut rig = Rig::bare(settings());
    rig.supply.extend((1..=20).map(lead));
    rig.run_campaign(with(Limits { budget: Some(budget), ..Limits::default() }));
    // 90 dials and 18 minutes of talk cost 99: one more dial is left.
    rig.tell(Event::UseRecovered { campaign: key(), used: Used { dialled: 90, accepted: 0, talk_ms: 18 * 60_000 } });
    rig.staff(1);
    rig.staff(2);
    rig.wait(6.0);
    assert_eq!((dials(&rig), holds(&rig).as_deref()), (1, Some("budget_spent")));
}

#[test]
fn it_dials_from_its_first_day_to_its_last_and_says_why_not() {
    let mut rig = Rig::bare(settings());
    let tomorrow = today(&rig).tomorrow().unwrap();
    rig.begin(2, with(Limits { first_day: Some(tomorrow), last_day: Some(tomorrow), ..Limits::default() }));
    rig.wait(6.0);
    assert_eq!((dials(&rig), holds(&rig).as_deref()), (0, Some("before_first_day")));
    let mut by_day = std::collections::BTreeMap::new();
    for _ in 0..(3 * 24) {
        let before = dials(&rig);
        rig.wait(3600.0);
        *by_day.entry(today(&rig)).or_insert(0) += dials(&rig) - before;
        for id in rig.ringing() {
            rig.fail(id, 486);
        }
    }
    assert!(by_day[&tomorrow] > 0, "{by_day:?}");
    assert_eq!(holds(&rig).as_deref(), Some("after_last_day"));
    // What was decided on the last day may leave in its last second; nothing is after that.
    let later: usize = by_day.range(tomorrow.tomorrow().unwrap()..).map(|(_, dials)| dials).sum();
    assert_eq!(later, 0, "{by_day:?}");
}

#[test]
fn each_customer_is_shown_the_number_from_near_by_and_always_the_same_one() {
    let number = |text: &str| PhoneNumber::from_e164(text).unwrap();
    let mut campaign = campaign();
    campaign.caller_id = number("+861000000000");
    campaign.caller_ids = vec![number("+862100000000"), number("+862100000001"), number("+442000000000")];
    assert_eq!(campaign.caller_id_for(&number("+861012345678")), &campaign.caller_id);
    assert_eq!(campaign.caller_id_for(&number("+442079460000")), &campaign.caller_ids[2]);
    let shanghai = |last: u32| campaign.caller_id_for(&number(&format!("+86215{last:07}"))).clone();
    let of_first = (0..1000).filter(|last| shanghai(*last) == campaign.caller_ids[0]).count();
    assert!((400..=600).contains(&of_first), "{of_first} of 1000 see the first of two that are as near");
    assert!((0..1000).all(|last| shanghai(last) == shanghai(last) && shanghai(last) != campaign.caller_id));
    let mut rig = Rig::dialling(3, campaign.clone());
    rig.wait(1.0);
    let shown = shown(&rig);
    assert_eq!(shown.len(), 3);
    for (to, caller_id) in shown {
        assert_eq!(&caller_id, campaign.caller_id_for(&to), "{to:?}");
    }
}

fn limit(rig: &mut Rig, change: LimitChange) -> Option<RequestRefusal> {
    let request = RequestId(77);
    rig.tell(Event::CampaignLimits { request, campaign: key(), change });
    let recorded = rig.last(|command| matches!(command, Command::RecordCampaignLimits { .. }));
    if let Some((_, Command::RecordCampaignLimits { request, .. })) = recorded {
        rig.tell(Event::Recorded { request, ok: true });
    }
    let replied = rig.last(|command| matches!(command, Command::Reply { request: RequestId(77), .. }));
    match replied {
        Some((_, Command::Reply { answer: Answer::Refused { why }, .. })) => Some(why),
        Some((_, Command::Reply { answer: Answer::Done, .. })) => None,
        other => panic!("{other:?}"),
    }
}

fn lines(most: u32) -> LimitChange {
    LimitChange { set: LiveLimits { lines_max: Some(most), ..LiveLimits::default() }, back: Vec::new() }
}

#[test]
fn lines_that_somebody_allowed_at_once_are_never_more_and_going_back_lets_all_dial() {
    let mut rig = Rig::dialling(6, campaign());
    let all = rig.ringing().len();
    assert!(all >= 6, "{all}");
    rig.supply.extend((100..200).map(lead));
    rig.tell(Event::LeadsChanged { campaign: key() });
    assert_eq!(limit(&mut rig, lines(2)), None);
    for id in rig.ringing() {
        rig.fail(id, 486);
    }
    rig.wait(30.0);
    assert_eq!((rig.ringing().len(), holds(&rig).as_deref()), (2, Some("lines_reached")));
    // A new revision of the definition leaves what was set as it is.
    let campaign = Campaign { title: "another".to_owned(), ..campaign() }.into();
    rig.tell(Event::CampaignApplied { campaign, state: CampaignState::Running, today: None });
    rig.wait(6.0);
    assert_eq!(rig.ringing().len(), 2);
    let back = LimitChange { back: vec![LimitName::LinesMax], ..LimitChange::default() };
    assert_eq!(limit(&mut rig, back), None);
    rig.wait(6.0);
    assert_eq!(rig.ringing().len(), all);
}

#[test]
fn leads_on_desks_are_lines_too_and_are_taken_back_when_fewer_are_allowed() {
    let preview = Pacing::Preview(Preview { time_limit_s: 60, ..Preview::default() });
    let mut rig = Rig::dialling(3, Campaign { pacing: preview, ..campaign() });
    assert_eq!(rig.board().previewing, 3);
    assert_eq!(limit(&mut rig, lines(1)), None);
    assert_eq!((rig.board().previewing, holds(&rig).as_deref()), (1, Some("lines_reached")));
    assert_eq!(limit(&mut rig, lines(0)), None);
    assert_eq!((rig.board().previewing, dials(&rig)), (0, 0));
}

#[test]
fn a_customer_who_hears_that_nobody_is_free_still_has_a_line() {
    let pacing = Pacing::Ratio {
        lines_per_agent: 2.0,
        min_idle_total: 0,
        on: RatioOn::EveryEvent,
        ringing_max: None,
        within_budget: false,
        restarts: true,
    };
    let mut rig = Rig::dialling(1, Campaign { pacing, ..campaign() });
    let ringing = rig.ringing();
    assert_eq!(ringing.len(), 2);
    assert_eq!(limit(&mut rig, lines(2)), None);
    rig.answer(ringing[0]);
    rig.answer(ringing[1]);
    rig.wait(3.0);
    assert!(rig.played(CallRef::Outbound(ringing[1]), "information"));
    rig.staff(2);
    rig.wait(6.0);
    assert_eq!((rig.ringing().len(), holds(&rig).as_deref()), (1, Some("lines_reached")));
}

#[test]
fn a_days_quota_that_is_set_live_holds_over_that_of_the_definition_and_after_a_restart() {
    let mut rig = Rig::dialling(4, with(Limits { dials_per_day_max: Some(2), ..Limits::default() }));
    assert_eq!((dials(&rig), holds(&rig).as_deref()), (2, Some("quota_reached")));
    let more = LiveLimits { dials_per_day_max: Some(3), ..LiveLimits::default() };
    assert_eq!(limit(&mut rig, LimitChange { set: more, back: Vec::new() }), None);
    rig.wait(6.0);
    assert_eq!((dials(&rig), holds(&rig).as_deref()), (3, Some("quota_reached")));
    let mut rig = Rig::bare(settings());
    rig.supply.extend((1..=20).map(lead));
    rig.run_campaign(campaign());
    rig.tell(Event::LimitsRecovered { campaign: key(), limits: LiveLimits { lines_max: Some(1), ..more } });
    (1..=4).for_each(|n| rig.staff(n));
    rig.wait(6.0);
    assert_eq!((dials(&rig), holds(&rig).as_deref()), (1, Some("lines_reached")));
}

#[test]
fn the_cap_of_abandoned_calls_can_be_set_stricter_than_the_law_and_not_laxer() {
    let mut rig = Rig::dialling(2, campaign());
    let cap = |rate| LimitChange {
        set: LiveLimits { abandon_rate_max: Some(rate), ..LiveLimits::default() },
        back: Vec::new(),
    };
    let law = profile().abandon_rate_max;
    let refused = limit(&mut rig, cap(law + 0.01)).unwrap().to_string();
    assert!(refused.contains("abandon_rate_max") && refused.contains("the cap of the profile"), "{refused}");
    assert_eq!(limit(&mut rig, cap(law / 2.0)), None);
    assert_eq!(rig.board().abandon_rate_max, law / 2.0);
    // Stricter: at once, and back if the store does not take it. Laxer: only when it is durable.
    let ask =
        |rig: &mut Rig, change| rig.tell(Event::CampaignLimits { request: RequestId(78), campaign: key(), change });
    let recorded = |rig: &mut Rig, ok| {
        rig.tell(Event::Recorded { request: RequestId(78), ok });
        rig.board().abandon_rate_max
    };
    ask(&mut rig, cap(law / 4.0));
    assert_eq!(rig.board().abandon_rate_max, law / 4.0);
    assert_eq!(recorded(&mut rig, false), law / 2.0);
    ask(&mut rig, cap(law));
    assert_eq!(rig.board().abandon_rate_max, law / 2.0);
    assert_eq!(recorded(&mut rig, false), law / 2.0);
    ask(&mut rig, cap(law));
    assert_eq!(recorded(&mut rig, true), law);
    // Two at once, and neither is taken: what is durable holds.
    ask(&mut rig, cap(law / 4.0));
    rig.tell(Event::CampaignLimits { request: RequestId(79), campaign: key(), change: cap(law / 2.0) });
    assert_eq!(rig.board().abandon_rate_max, law / 4.0);
    assert_eq!(recorded(&mut rig, false), law / 2.0);
    rig.tell(Event::Recorded { request: RequestId(79), ok: false });
    assert_eq!(rig.board().abandon_rate_max, law);
    let lax = limit(&mut rig, lines(1_000_000)).unwrap().to_string();
    assert!(lax.contains("0 to 100000 lines"), "{lax}");
}
