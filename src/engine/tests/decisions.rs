//! Why so many dials and no more: told once a second at most, and deciding nothing.

use super::rig::*;
use crate::engine::command::Command;
use crate::engine::event::Event;
use crate::model::campaign::*;
use crate::model::decision::Decision;
use crate::model::time::Now;

fn told(rig: &Rig) -> Vec<(Now, Decision)> {
    let decisions = rig.log.iter().filter_map(|(now, command)| match command {
        Command::RecordDecision { decision } => Some((*now, (**decision).clone())),
        _ => None,
    });
    decisions.collect()
}

fn limits(rig: &Rig) -> Vec<String> {
    told(rig).into_iter().map(|(_, decision)| decision.limit).collect()
}

#[test]
fn the_gate_the_agents_and_the_leads_are_named_in_turn() {
    let mut rig = Rig::with(2, campaign());
    rig.wait(10.0);
    let decisions = told(&rig);
    assert_eq!(limits(&rig), ["gate_closed", "agents_held"], "{decisions:?}");
    let (_, dialled) = &decisions[1];
    assert_eq!((dialled.placed, dialled.idle, dialled.slots, dialled.pending), (2, 2, 2, 2));
    assert_eq!(dialled.forecast, None, "progressive pacing forecasts nothing");
    rig.manners.leads = false;
    rig.supply.clear();
    rig.engine.campaigns.get_mut(&key()).unwrap().hopper.leads.clear();
    for attempt in rig.ringing() {
        rig.fail(attempt, 486);
    }
    rig.wait(2.0);
    assert_eq!(limits(&rig).last().map(String::as_str), Some("hopper"), "leads were asked for");
    assert_eq!(rig.board().decision, told(&rig).pop().map(|(_, decision)| decision));
}

#[test]
fn within_a_second_everything_is_one_decision_with_all_its_dials() {
    let mut rig = Rig::dialling(6, campaign());
    rig.wait(5.0);
    let before = told(&rig).len();
    for attempt in rig.ringing() {
        rig.wait(0.05);
        rig.fail(attempt, 486);
    }
    rig.wait(3.0);
    let since: Vec<(Now, Decision)> = told(&rig).split_off(before);
    assert_eq!(since.iter().map(|(_, decision)| decision.placed).sum::<u32>(), 6, "no dial is left out");
    assert!(since.len() <= 2, "{since:?}");
    let all = told(&rig);
    for pair in all.windows(2) {
        assert!(pair[1].0.instant.since(pair[0].0.instant).as_secs_f64() >= 1.0, "{pair:?}");
    }
}

#[test]
fn refused_leads_are_told_with_the_dials_beside_them() {
    let mut rig = Rig::bare(settings());
    rig.supply.extend((1..=3).map(|n| crate::model::lead::Lead { zones: vec![], ..lead(n) }));
    rig.supply.extend((4..=9).map(lead));
    rig.staff(1);
    rig.run_campaign(campaign());
    rig.wait(8.0);
    let (_, dialled) = told(&rig).into_iter().find(|(_, decision)| decision.placed > 0).unwrap();
    assert_eq!(dialled.refusals, [("zone_unknown".to_owned(), 3)].into());
}

#[test]
fn each_pacing_says_what_it_is_held_back_by() {
    let ratio = Pacing::Ratio {
        lines_per_agent: 1.0,
        min_idle_total: 0,
        on: RatioOn::EveryEvent,
        ringing_max: None,
        within_budget: false,
        restarts: true,
    };
    let few = match ratio.clone() {
        Pacing::Ratio { lines_per_agent, on, ringing_max, within_budget, restarts, .. } => {
            Pacing::Ratio { lines_per_agent, min_idle_total: 9, on, ringing_max, within_budget, restarts }
        }
        other => other,
    };
    let modes = [
        (Pacing::Progressive { ringing_max: Some(1) }, "ringing_max"),
        (Pacing::Progressive { ringing_max: None }, "agents_held"),
        (ratio, "lines"),
        (few, "idle_total"),
        (Pacing::Adaptive { rules: Adaptive::default(), ringing_max: None, within_budget: false }, "level"),
        (Pacing::Preview(Preview::default()), "agents_held"),
    ];
    for (pacing, limit) in modes {
        let mut rig = Rig::dialling(3, Campaign { pacing: pacing.clone(), ..campaign() });
        rig.wait(2.0);
        assert_eq!(limits(&rig).last().map(String::as_str), Some(limit), "{pacing:?}");
    }
}

#[test]
fn predictive_pacing_tells_its_forecast_and_its_prices() {
    let pacing = Pacing::Predictive { ringing_max: None };
    let mut rig = Rig::dialling(5, Campaign { pacing, ..campaign() });
    rig.wait(3.0);
    let (_, dialled) = told(&rig).into_iter().find(|(_, decision)| decision.placed > 0).unwrap();
    let forecast = dialled.forecast.expect("a forecast");
    assert!(forecast.agents_free > 0.0 && forecast.abandon_price.is_some(), "{forecast:?}");
    assert_eq!(forecast.more, dialled.placed, "as many as it wanted");
    rig.tell(Event::TrunkHealth { trunk: trunk(), up: false });
    for attempt in rig.ringing() {
        rig.fail(attempt, 486);
    }
    rig.wait(2.0);
    assert_eq!(limits(&rig).last().map(String::as_str), Some("trunk_down"));
}

#[test]
fn a_campaign_that_never_ran_has_nothing_to_explain_and_a_pause_is_told_once() {
    let mut rig = Rig::bare(settings());
    rig.staff(1);
    let state = CampaignState::Ready;
    rig.tell(Event::CampaignApplied { campaign: campaign().into(), state, today: None });
    rig.wait(5.0);
    assert!(told(&rig).is_empty());
    rig.set_campaign(CampaignState::Running);
    rig.wait(5.0);
    rig.set_campaign(CampaignState::Paused);
    rig.wait(60.0);
    assert_eq!(limits(&rig).iter().filter(|limit| *limit == "campaign_state").count(), 1);
}
