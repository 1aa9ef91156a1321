//! Campaigns side by side, hopper, state, and everything that stops a dial.

use std::sync::Arc;

use super::rig::*;
use crate::engine::command::{Command, RequestRefusal};
use crate::engine::event::Event;
use crate::model::agent::DeviceLeg;
use crate::model::calling_hours::WeeklyHours;
use crate::model::campaign::{Campaign, CampaignState, Pacing, RatioOn, RetryRule};
use crate::model::disposition::Disposition;
use crate::model::id::AttemptId;
use crate::model::lead::LeadNext;
use crate::model::selection::{LeadOrder, Selection};
use crate::model::settings::TrunkLimits;

fn other(priority: u8) -> Campaign {
    let mut other = campaign();
    other.key = "other".parse().unwrap();
    other.priority = priority;
    other
}

fn with_two(agents: i64, priority: u8) -> Rig {
    let mut rig = Rig::bare(settings());
    for n in 201..=300 {
        let mut lead = lead(n);
        lead.campaign = "other".parse().unwrap();
        rig.supply.push_back(lead);
    }
    rig.run_campaign(other(priority));
    rig.begin(agents, campaign());
    rig.wait(6.0);
    rig
}

fn ringing_of(rig: &Rig, key: &str) -> usize {
    rig.ringing().iter().filter(|id| rig.engine.attempts[id].campaign.key.as_str() == key).count()
}

#[test]
fn campaigns_of_equal_priority_share_the_slots_and_a_higher_one_goes_first() {
    let rig = with_two(4, 50);
    assert_eq!((ringing_of(&rig, "offer"), ringing_of(&rig, "other")), (2, 2));
    let rig = with_two(4, 60);
    assert_eq!((ringing_of(&rig, "offer"), ringing_of(&rig, "other")), (0, 4));
}

#[test]
fn a_careful_campaign_has_its_share_of_the_agents_beside_one_that_dials_more_lines() {
    let mut eager = other(50);
    eager.pacing = Pacing::Ratio {
        lines_per_agent: 1.5,
        min_idle_total: 0,
        on: RatioOn::EveryEvent,
        ringing_max: None,
        within_budget: false,
        restarts: true,
    };
    let mut rig = Rig::bare(settings());
    for n in 201..=300 {
        let mut lead = lead(n);
        lead.campaign = "other".parse().unwrap();
        rig.supply.push_back(lead);
    }
    rig.run_campaign(eager);
    rig.begin(4, campaign());
    rig.wait(6.0);
    let shares = |rig: &Rig| (ringing_of(rig, "offer"), ringing_of(rig, "other"));
    assert_eq!(shares(&rig), (2, 3), "two agents each: a line for each of them, and one and a half");
    for round in 0..6 {
        // Whichever line ends, the place it leaves goes to the campaign that had it.
        let whose = if round % 2 == 0 { "offer" } else { "other" };
        let of = |id: &&AttemptId| rig.engine.attempts[*id].campaign.key.as_str() == whose;
        let ended = *rig.ringing().iter().find(of).unwrap();
        rig.fail(ended, 486);
        rig.wait(1.0);
        assert_eq!(shares(&rig), (2, 3), "after round {round}, in which a line of {whose} ended");
    }
    let given_up = |c: &Command| matches!(c, Command::WithdrawDial { .. } | Command::CancelAttempt { .. });
    assert_eq!(rig.count(given_up), 0, "none was dialled only to be given up");
}

#[test]
fn an_agent_goes_to_the_campaign_that_has_fewer() {
    let mut rig = with_two(4, 50);
    let shares = |rig: &Rig| (ringing_of(rig, "offer"), ringing_of(rig, "other"));
    let of = |rig: &Rig, key: &str| {
        let ringing = rig.ringing();
        *ringing.iter().find(|id| rig.engine.attempts[*id].campaign.key.as_str() == key).unwrap()
    };
    let talking = of(&rig, "other");
    rig.answer(talking);
    rig.answer(of(&rig, "other"));
    rig.wait(1.0);
    assert_eq!(shares(&rig), (2, 0), "two agents talk with customers of one, two are held for lines of the other");
    for round in 0..4 {
        rig.fail(of(&rig, "offer"), 486);
        rig.wait(1.0);
        assert_eq!(shares(&rig), (2, 0), "in round {round}");
    }
    rig.hang_up(talking);
    rig.wait(1.0);
    assert_eq!(shares(&rig), (2, 0), "who wraps up is still at work for the campaign");
    rig.wait(120.0);
    assert_eq!(rig.ringing().len(), 3);
    assert_eq!(ringing_of(&rig, "other"), 1, "its agent is free for its next customer");
}

#[test]
fn an_agent_in_two_groups_is_held_for_one_attempt_only() {
    let mut settings = settings();
    let twin = settings.groups[&group()].clone();
    settings.groups.insert("twin".parse().unwrap(), twin);
    let mut rig = Rig::bare(settings);
    for n in 1..=2 {
        rig.sign_in(n, DeviceLeg::NailedUp, vec![group(), "twin".parse().unwrap()]);
        rig.act(n, crate::engine::event::AgentAction::Ready).unwrap();
    }
    let mut other = other(50);
    other.group = "twin".parse().unwrap();
    for n in 201..=220 {
        let mut lead = lead(n);
        lead.campaign = other.key.clone();
        rig.supply.push_back(lead);
    }
    rig.run_campaign(other);
    rig.begin(0, campaign());
    rig.wait(6.0);
    assert_eq!(rig.ringing().len(), 2);
}

#[test]
fn leads_are_fetched_one_question_at_a_time_and_again_when_they_change() {
    let mut rig = Rig::bare(settings());
    rig.manners.leads = false;
    rig.staff(1);
    rig.run_campaign(campaign());
    rig.wait(5.5);
    assert_eq!(rig.count(|c| matches!(c, Command::FetchLeads { .. })), 1);
    assert_eq!(rig.board().not_dialling.as_deref(), Some("no_lead_due"));
    let due = rig.now.timestamp + std::time::Duration::from_secs(20);
    let fetched =
        |leads, next_due| Event::LeadsFetched { campaign: key(), leads, next_due, open_total: 3, question: None };
    rig.tell(fetched(vec![], Some(due)));
    assert_eq!(rig.board().next_due, Some(due));
    rig.wait(19.0);
    assert_eq!(rig.count(|c| matches!(c, Command::FetchLeads { .. })), 1);
    rig.wait(1.1);
    assert_eq!(rig.count(|c| matches!(c, Command::FetchLeads { .. })), 2, "when the next lead is due");
    rig.tell(Event::LeadsChanged { campaign: key() });
    assert_eq!(rig.count(|c| matches!(c, Command::FetchLeads { .. })), 2, "one question at a time");
    rig.tell(fetched(vec![], None));
    assert_eq!(rig.count(|c| matches!(c, Command::FetchLeads { .. })), 3, "it changed in the meantime");
    rig.tell(fetched(vec![lead(1)], None));
    assert_eq!(rig.ringing().len(), 1);
    rig.tell(fetched(vec![lead(2)], None));
    assert_eq!(rig.engine.snapshot(rig.now).stale_events, 1);
}

#[test]
fn what_an_old_selection_chose_is_not_dialled() {
    let mut rig = Rig::bare(settings());
    rig.manners.leads = false;
    rig.run_campaign(campaign());
    let fetched = |leads| Event::LeadsFetched { campaign: key(), leads, next_due: None, open_total: 3, question: None };
    rig.tell(fetched(vec![lead(1)]));
    assert_eq!(rig.board().hopper, 1);
    let newest = Selection { order: LeadOrder::Newest, ..Selection::default() };
    let apply = |leads: &Selection| {
        let campaign = Arc::new(Campaign { leads: leads.clone(), ..campaign() });
        Event::CampaignApplied { campaign, state: CampaignState::Running, today: None }
    };
    rig.tell(apply(&newest));
    assert_eq!(rig.board().hopper, 0, "what was in hand");
    rig.tell(apply(&Selection { order: LeadOrder::Score, ..newest.clone() }));
    let asked = rig.count(|c| matches!(c, Command::FetchLeads { .. }));
    rig.tell(fetched(vec![lead(2)]));
    assert_eq!(rig.board().hopper, 0, "what was on its way");
    assert_eq!(rig.count(|c| matches!(c, Command::FetchLeads { .. })), asked + 1);
    rig.tell(fetched(vec![lead(3)]));
    assert_eq!(rig.board().hopper, 1);
}

#[test]
fn an_answer_that_is_overdue_counts_unless_another_selection_chose_it() {
    let mut rig = Rig::bare(settings());
    rig.manners.leads = false;
    rig.run_campaign(campaign());
    let questions = |rig: &Rig| -> Vec<u64> {
        let question = |command: &Command| match command {
            Command::FetchLeads { question, .. } => Some(*question),
            _ => None,
        };
        rig.log.iter().filter_map(|(_, command)| question(command)).collect()
    };
    let newest = Selection { order: LeadOrder::Newest, ..Selection::default() };
    let campaign = Arc::new(Campaign { leads: newest, ..campaign() });
    rig.tell(Event::CampaignApplied { campaign, state: CampaignState::Running, today: None });
    rig.wait(31.0);
    let asked = questions(&rig);
    assert_eq!(asked.len(), 2, "the first was given up: {asked:?}");
    let answer = |question, n| Event::LeadsFetched {
        campaign: key(),
        leads: vec![lead(n)],
        next_due: None,
        open_total: 3,
        question: Some(question),
    };
    rig.tell(answer(asked[0], 1));
    assert_eq!(rig.board().hopper, 0, "the old selection chose it");
    rig.wait(31.0);
    assert_eq!(questions(&rig).len(), 3, "the second question is still waited for, and no longer than the first");
    // A store that always takes longer than is waited for would else never have a lead dialled.
    rig.tell(answer(asked[1], 2));
    assert_eq!(rig.board().hopper, 1);
}

#[test]
fn a_lead_that_is_due_again_soon_is_asked_for_although_an_answer_was_on_its_way_when_its_call_ended() {
    let mut rig = Rig::bare(settings());
    rig.manners.leads = false;
    rig.staff(1);
    let mut quick = campaign();
    quick.retry.insert(Disposition::Busy, RetryRule { after_s: 2, attempts_max: 3 });
    rig.run_campaign(quick);
    rig.wait(5.5);
    let fetched = |leads| Event::LeadsFetched { campaign: key(), leads, next_due: None, open_total: 1, question: None };
    rig.tell(fetched(vec![lead(1)]));
    let ringing = rig.ringing()[0];
    rig.tell(Event::LeadsChanged { campaign: key() });
    let asked = rig.count(|c| matches!(c, Command::FetchLeads { .. }));
    rig.fail(ringing, 486);
    rig.tell(fetched(vec![]));
    rig.wait(2.1);
    assert_eq!(rig.count(|c| matches!(c, Command::FetchLeads { .. })), asked + 1);
}

#[test]
fn a_fetch_that_is_never_answered_is_repeated() {
    let mut rig = Rig::bare(settings());
    rig.manners.leads = false;
    rig.staff(1);
    rig.run_campaign(campaign());
    rig.wait(31.0);
    assert_eq!(rig.count(|c| matches!(c, Command::FetchLeads { .. })), 2);
}

#[test]
fn a_lead_outside_its_window_is_put_off_until_it_opens() {
    let mut evenings = campaign();
    let hour = |h: u16| crate::model::calling_hours::MinuteOfDay(h * 60);
    evenings.hours = WeeklyHours::every_day(crate::model::calling_hours::DaySpan { from: hour(18), to: hour(20) });
    let rig = Rig::dialling(1, evenings);
    assert!(rig.ringing().is_empty());
    assert!(rig.refusals("outside_window") > 0);
    let opens = crate::model::time::Timestamp::from_millis(MORNING_MS + 8 * 3_600_000);
    let wanted = LeadNext::Retry { at: opens };
    assert!(rig.count(|c| matches!(c, Command::PutOffLead { next, .. } if *next == wanted)) > 0);
}

#[test]
fn a_lead_in_an_unknown_zone_is_held() {
    let mut rig = Rig::bare(settings());
    let mut nowhere = lead(1);
    nowhere.zones.clear();
    let mut fantasy = lead(2);
    fantasy.zones.push("Mars/Olympus".into());
    rig.supply.extend([nowhere, fantasy]);
    rig.staff(1);
    rig.run_campaign(campaign());
    rig.wait(6.0);
    assert_eq!(rig.refusals("zone_unknown"), 2);
    assert!(rig.ringing().is_empty());
}

#[test]
fn a_start_is_durable_before_it_dials_and_a_pause_is_obeyed_before_it_is_durable() {
    let mut rig = Rig::bare(settings());
    rig.supply.extend((1..=20).map(lead));
    rig.staff(1);
    let state = CampaignState::Ready;
    rig.tell(Event::CampaignApplied { campaign: Arc::new(campaign()), state, today: None });
    rig.wait(6.0);
    rig.manners.records = Some(false);
    assert_eq!(rig.set_campaign(CampaignState::Running), Some(Err(RequestRefusal::StoreDown)));
    assert_eq!(rig.board().state, CampaignState::Ready);
    rig.manners.records = Some(true);
    assert_eq!(rig.set_campaign(CampaignState::Running), Some(Ok(())));
    assert_eq!(rig.ringing().len(), 1);
    rig.manners.records = Some(false);
    assert_eq!(rig.set_campaign(CampaignState::Paused), Some(Err(RequestRefusal::StoreDown)));
    assert_eq!(rig.board().state, CampaignState::Paused, "the safe side");
    rig.manners.records = Some(true);
    assert_eq!(rig.set_campaign(CampaignState::Ended), Some(Ok(())));
    assert_eq!(rig.set_campaign(CampaignState::Running), Some(Err(RequestRefusal::CampaignEnded)));
}

#[test]
fn a_pause_that_overtakes_a_start_holds_when_the_start_becomes_durable() {
    let mut rig = Rig::with(2, campaign());
    rig.set_campaign(CampaignState::Paused);
    let dialled = rig.count(|c| matches!(c, Command::Dial { .. }));
    rig.manners.records = None;
    rig.set_campaign(CampaignState::Running);
    let start = crate::model::id::RequestId(rig.next_id);
    rig.set_campaign(CampaignState::Paused);
    let pause = crate::model::id::RequestId(rig.next_id);
    rig.tell(Event::Recorded { request: start, ok: true });
    rig.wait(60.0);
    assert_eq!((rig.board().state, rig.count(|c| matches!(c, Command::Dial { .. }))), (CampaignState::Paused, dialled));
    rig.tell(Event::Recorded { request: pause, ok: false });
    rig.wait(60.0);
    assert_eq!(rig.board().state, CampaignState::Paused, "what could not be stored leaves it stopped");
}

#[test]
fn a_pause_takes_back_the_dials_that_still_wait_for_their_trunk() {
    let mut rig = Rig::bare(settings());
    rig.manners.sends = false;
    rig.begin(3, campaign());
    rig.wait(6.0);
    let dialled = rig.count(|c| matches!(c, Command::Dial { .. }));
    assert!(dialled > 0, "nothing waits for a trunk");
    assert_eq!(rig.set_campaign(CampaignState::Paused), Some(Ok(())));
    let taken_back = rig.count(|c| matches!(c, Command::WithdrawDial { .. }));
    assert_eq!(taken_back, dialled, "an INVITE may leave after the pause");
    let ended =
        rig.count(|c| matches!(c, Command::RecordAttempt { end } if end.disposition == Disposition::NotDialled));
    assert_eq!(ended, dialled, "what never left has not counted");
}

#[test]
fn a_dial_that_left_while_it_was_taken_back_rings_as_long_as_the_law_wants() {
    let mut rig = Rig::bare(settings());
    rig.manners.sends = false;
    rig.begin(1, campaign());
    rig.wait(6.0);
    let Some((_, Command::Dial { attempt, .. })) = rig.last(|c| matches!(c, Command::Dial { .. })) else {
        panic!("nothing was dialled")
    };
    rig.manners.sends = true; // the INVITE is on the wire, and the driver says so after the pause
    assert_eq!(rig.set_campaign(CampaignState::Paused), Some(Ok(())));
    rig.tell(Event::AttemptSent { attempt, trunk: trunk() });
    rig.tell(Event::AttemptRinging { attempt });
    rig.wait(14.0);
    assert_eq!(rig.count(|c| matches!(c, Command::CancelAttempt { .. })), 0, "it has rung for 14 of 15 s");
    rig.wait(2.0);
    assert_eq!(rig.count(|c| matches!(c, Command::CancelAttempt { .. })), 1);
}

#[test]
fn nothing_is_dialled_while_the_store_or_the_clock_is_not_to_be_trusted() {
    for (bad, good, code) in [
        (Event::StoreHealth { up: false }, Event::StoreHealth { up: true }, "store_down"),
        (Event::ClockHealth { sure: false }, Event::ClockHealth { sure: true }, "clock_unsure"),
        (
            Event::TrunkHealth { trunk: trunk(), up: false },
            Event::TrunkHealth { trunk: trunk(), up: true },
            "trunk_down",
        ),
    ] {
        let mut rig = Rig::with(2, campaign());
        rig.tell(bad);
        rig.wait(10.0);
        assert!(rig.ringing().is_empty(), "{code}");
        assert_eq!(rig.board().not_dialling.as_deref(), Some(code));
        rig.tell(good);
        assert_eq!(rig.ringing().len(), 2, "{code}");
    }
}

#[test]
fn trunks_are_filled_in_the_campaigns_order_and_no_further_than_their_channels() {
    let mut settings = settings();
    settings.trunks.insert(trunk(), TrunkLimits { channels_max: 2, calls_per_second: 50.0 });
    settings.trunks.insert("second".parse().unwrap(), TrunkLimits { channels_max: 1, calls_per_second: 50.0 });
    let mut rig = Rig::bare(settings);
    let mut campaign = campaign();
    campaign.trunks.push("second".parse().unwrap());
    rig.begin(6, campaign);
    rig.caller();
    rig.wait(6.0);
    let used: Vec<u32> = rig.engine.snapshot(rig.now).trunks.iter().map(|trunk| trunk.channels).collect();
    assert_eq!(used, [2, 1], "the caller's channel counts");
    assert_eq!(rig.board().not_dialling.as_deref(), Some("trunk_channels"));
}

#[test]
fn no_more_dials_are_in_flight_than_the_trunk_takes_in_a_second() {
    let mut settings = settings();
    settings.trunks.insert(trunk(), TrunkLimits { channels_max: 100, calls_per_second: 2.0 });
    let mut rig = Rig::bare(settings);
    rig.manners.sends = false;
    rig.begin(6, campaign());
    rig.wait(6.0);
    assert_eq!(rig.count(|c| matches!(c, Command::Dial { .. })), 2);
    assert_eq!(rig.board().not_dialling.as_deref(), Some("trunk_rate"));
}

#[test]
fn decided_on_freed_agents_the_ratio_waits_for_one_and_never_stalls() {
    let mut patient = campaign();
    patient.pacing = Pacing::Ratio {
        lines_per_agent: 2.0,
        min_idle_total: 0,
        on: RatioOn::AgentFreed,
        ringing_max: None,
        within_budget: true,
        restarts: true,
    };
    let mut rig = Rig::dialling(2, patient);
    let ringing = rig.ringing();
    assert_eq!(ringing.len(), 3, "the opening of the gate frees agents for outbound, and one more may be risked");
    rig.fail(ringing[0], 486);
    assert_eq!(rig.ringing().len(), 2, "no agent was freed");
    for attempt in &ringing[1..] {
        rig.fail(*attempt, 486);
    }
    assert_eq!(rig.ringing().len(), 3, "with nothing on its way it begins again");
}

#[test]
fn reasons_are_counted_once_for_each_time_they_begin_to_hold() {
    let mut rig = Rig::dialling(1, campaign());
    let closed = rig.refusals("gate_closed");
    let call = rig.caller();
    for _ in 0..20 {
        rig.wait(1.0);
    }
    assert_eq!(rig.refusals("gate_closed"), closed + 1, "{:?}", rig.board().refusals);
    rig.tell(Event::InboundHungUp { call });
}

#[test]
fn at_midnight_the_figures_of_the_day_begin_anew() {
    let mut rig = Rig::dialling(2, campaign());
    rig.caller();
    assert!(rig.board().today.dialled > 0 && rig.queue().offered == 1);
    rig.manners.leads = false;
    rig.wait(13.9 * 3600.0);
    assert!(rig.board().today.dialled > 0);
    rig.set_campaign(CampaignState::Paused);
    rig.wait(0.2 * 3600.0);
    assert_eq!(rig.board().today.dialled, 0);
    assert_eq!(rig.queue().offered, 0);
}

#[test]
fn a_calendar_that_jumped_ahead_and_back_still_finds_the_next_midnight() {
    let mut rig = Rig::bare(settings());
    let call = rig.caller();
    rig.tell(Event::InboundHungUp { call });
    let right = rig.now;
    rig.now.timestamp = crate::model::time::Timestamp::from_millis(MORNING_MS + 3650 * 86_400_000);
    rig.tell(Event::ClockHealth { sure: false });
    rig.now = right;
    rig.tell(Event::ClockHealth { sure: true });
    rig.caller();
    assert_eq!(rig.queue().offered, 1);
    rig.wait(14.1 * 3600.0);
    assert_eq!(rig.queue().offered, 0);
}

#[test]
fn a_clock_that_is_set_back_over_midnight_does_not_begin_the_day_twice() {
    let mut rig = Rig::bare(settings());
    rig.wait(14.0 * 3600.0 + 60.0);
    let call = rig.caller();
    rig.tell(Event::InboundHungUp { call });
    rig.now.timestamp = crate::model::time::Timestamp::from_millis(rig.now.timestamp.as_millis() - 3_600_000);
    rig.tell(Event::ClockHealth { sure: false });
    rig.wait(3600.0);
    rig.caller();
    assert_eq!(rig.queue().offered, 2, "the hour before midnight, lived through again, belongs to the day that began");
    rig.wait(24.0 * 3600.0);
    assert_eq!(rig.queue().offered, 0, "and its end comes once");
}

#[test]
fn a_call_that_is_open_at_midnight_belongs_to_the_new_day() {
    let mut rig = Rig::bare(settings());
    rig.wait(14.0 * 3600.0 - 16.0);
    rig.begin(1, campaign());
    rig.wait(6.0);
    let attempt = rig.ringing()[0];
    rig.answer(attempt);
    rig.hang_up(attempt);
    rig.caller();
    rig.wait(10.0);
    assert_eq!((rig.queue().offered, rig.queue().waiting), (1, 1));
    assert_eq!(rig.board().today.answered, 0, "the talk before midnight was yesterday's");
}

#[test]
fn a_promised_call_goes_to_the_agent_who_promised_it_and_comes_first() {
    let mut rig = Rig::bare(settings());
    let mut promised = lead(9);
    let at = rig.now.timestamp;
    promised.callback = Some(crate::model::lead::Callback { at, agent: Some("agent-2".into()) });
    rig.supply.extend([lead(1), promised]);
    for n in 1..=2 {
        rig.staff(n);
        rig.wait(1.0);
    }
    rig.run_campaign(campaign());
    rig.wait(6.0);
    let first = rig.ringing()[0];
    assert_eq!(rig.engine.attempts[&first].lead.id, crate::model::id::LeadId(9));
    rig.answer(first);
    assert!(rig.engine.agents[&user(2)].holds(crate::model::attempt::CallRef::Outbound(first)));
}
