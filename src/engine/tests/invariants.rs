//! What must hold after every input, whatever the world does (reliability.md I-3, I-16, I-19, I-20, I-21).

use std::collections::BTreeMap;

use crate::engine::Engine;
use crate::engine::acd::group::Engagement;
use crate::engine::acd::queue::CallerStage;
use crate::engine::command::Command;
use crate::engine::dialer::attempt::Stage;
use crate::model::agent::AgentState;
use crate::model::attempt::CallRef;
use crate::model::campaign::CampaignState;
use crate::model::id::UserId;
use crate::model::name::TrunkName;

pub fn check(engine: &Engine) {
    one_call_per_agent_and_one_agent_per_call(engine);
    counters_are_what_they_count(engine);
    one_live_attempt_per_number(engine);
    answered_is_the_sum_of_what_became_of_it(engine);
    channels_are_what_they_count(engine);
    nobody_waits_beside_an_idle_agent(engine);
}

/// No dial leaves while its campaign may not dial.
pub fn check_command(engine: &Engine, command: &Command) {
    let Command::Dial { attempt, trunks, .. } = command else { return };
    assert!(!trunks.is_empty());
    let Some(attempt) = engine.attempts.get(attempt) else { return };
    let board = &engine.campaigns[&attempt.campaign.key];
    let group = &engine.groups[&attempt.group];
    assert_eq!(board.state, CampaignState::Running);
    assert!(group.gate.is_open() && !engine.draining && engine.store_up && engine.clock_sure);
    assert!(group.slots() > 0, "a dial without a slot");
}

fn one_call_per_agent_and_one_agent_per_call(engine: &Engine) {
    let mut with: BTreeMap<UserId, CallRef> = BTreeMap::new();
    let mut note = |user: UserId, call: CallRef| {
        assert_eq!(with.insert(user, call), None, "{user} has two calls");
    };
    for (id, attempt) in &engine.attempts {
        match attempt.stage {
            Stage::Consent { user } | Stage::Connecting { user, .. } | Stage::Connected { user } => {
                note(user, CallRef::Outbound(*id));
            }
            _ => attempt.own_agent.into_iter().for_each(|user| note(user, CallRef::Outbound(*id))),
        }
    }
    for (id, caller) in &engine.callers {
        match caller.stage {
            CallerStage::Consent { user } | CallerStage::Connecting { user } | CallerStage::Connected { user } => {
                note(user, CallRef::Inbound(*id));
            }
            _ => {}
        }
    }
    for (user, agent) in &engine.agents {
        let (call, has_desk) = match &agent.state {
            AgentState::Reserved { call } | AgentState::Talking { call } => (Some(*call), true),
            AgentState::WrapUp { .. } => (None, true),
            AgentState::Connecting
            | AgentState::Ready
            | AgentState::Previewing { .. }
            | AgentState::NotReady { .. } => (None, false),
        };
        let looks = matches!(&agent.state, AgentState::Previewing { lead, .. }
            if agent.offer.as_ref().is_some_and(|offer| offer.lead.id == *lead));
        assert_eq!(agent.offer.is_some(), looks, "{user} in {:?}", agent.state);
        assert_eq!(with.get(user).copied(), call, "{user} in {:?}", agent.state);
        assert_eq!(agent.desk.is_some(), has_desk, "{user} in {:?}", agent.state);
    }
}

fn counters_are_what_they_count(engine: &Engine) {
    let idle = engine.agents.values().filter(|agent| Engagement::of(&agent.state) == Engagement::Idle).count();
    assert_eq!(engine.idle_total as usize, idle);
    for (name, group) in &engine.groups {
        let members: Vec<_> = engine.agents.values().filter(|agent| agent.groups.contains(name)).collect();
        let engaged = |as_what| members.iter().filter(|a| Engagement::of(&a.state) == as_what).count();
        assert_eq!(group.members.len(), members.len());
        assert_eq!(group.idle.len(), engaged(Engagement::Idle));
        assert_eq!(group.inbound_busy as usize, engaged(Engagement::Inbound));
        assert_eq!(group.previewing.len(), engaged(Engagement::Preview));
        assert_eq!(group.outbound_busy as usize, engaged(Engagement::Outbound) + engaged(Engagement::Preview));
        assert_eq!(group.staffed as usize, members.len() - engaged(Engagement::Away));
        let free = engine.attempts.values().filter(|a| a.group == *name && a.own_agent.is_none());
        let pending = free.filter(|a| a.stage.is_pending()).count();
        assert_eq!(group.pending as usize, pending);
        let answered = engine.attempts.values().filter(|a| a.group == *name && a.stage == Stage::Waiting).count();
        assert_eq!(group.answered.len(), answered);
        assert!((0.0..=1.0).contains(&group.idleness.value()), "idleness {}", group.idleness.value());
        assert!(group.staffed > 0 || !group.gate.is_open(), "an open gate without agents");
    }
    for (key, board) in &engine.campaigns {
        let own: Vec<_> = engine.attempts.iter().filter(|(_, a)| a.campaign.key == *key).collect();
        assert_eq!(board.live.len(), own.len());
        let pending = |held| own.iter().filter(|(_, a)| a.stage.is_pending() && a.own_agent.is_some() == held).count();
        assert_eq!((board.held as usize, board.pending as usize), (pending(true), pending(false)));
    }
}

fn one_live_attempt_per_number(engine: &Engine) {
    assert_eq!(engine.numbers.len(), engine.attempts.len());
    for (id, attempt) in &engine.attempts {
        assert_eq!(engine.numbers.get(&attempt.lead.number), Some(id));
    }
    let offers = engine.agents.values().filter_map(|agent| Some((agent.user, agent.offer.as_ref()?)));
    let offers: Vec<_> = offers.map(|(user, offer)| (offer.lead.number.clone(), user)).collect();
    assert_eq!(engine.offered.len(), offers.len(), "one lead on one desk");
    for (number, user) in offers {
        assert_eq!(engine.offered.get(&number), Some(&user));
        assert!(!engine.numbers.contains_key(&number), "a number that is dialled is on a desk");
    }
}

fn answered_is_the_sum_of_what_became_of_it(engine: &Engine) {
    for (key, board) in &engine.campaigns {
        let undecided = engine.attempts.values().filter(|attempt| attempt.campaign.key == *key);
        let undecided = undecided.filter(|attempt| {
            attempt.connected.is_none()
                && matches!(attempt.stage, Stage::Waiting | Stage::Consent { .. } | Stage::Connecting { .. })
        });
        let today = &board.today;
        let sum = today.connected + today.abandoned + today.hung_up + undecided.count() as u64;
        assert_eq!(today.answered, sum, "{key}: {today:?}");
        assert!(today.dialled >= today.answered + today.machines, "{key}: {today:?}");
    }
    for (name, queue) in &engine.queues {
        let day = &queue.day;
        let waiting = engine.callers.values().filter(|caller| {
            caller.queue.as_ref() == Some(name)
                && caller.connected.is_none()
                && !matches!(caller.stage, CallerStage::Leaving { .. })
        });
        let sum = day.answered + day.abandoned + day.overflowed + waiting.count() as u64;
        assert_eq!(day.offered, sum, "{name}: {day:?}");
    }
}

fn channels_are_what_they_count(engine: &Engine) {
    let mut used: BTreeMap<&TrunkName, u32> = BTreeMap::new();
    for attempt in engine.attempts.values() {
        *used.entry(&attempt.trunk).or_default() += 1;
    }
    for caller in engine.callers.values() {
        *used.entry(&caller.trunk).or_default() += 1;
    }
    for (name, trunk) in &engine.trunks {
        assert_eq!(trunk.channels, used.get(name).copied().unwrap_or_default(), "{name}");
    }
}

fn nobody_waits_beside_an_idle_agent(engine: &Engine) {
    for group in engine.groups.values().filter(|group| !group.idle.is_empty()) {
        assert!(group.answered.is_empty(), "a customer waits beside an idle agent");
        for queue in group.settings.queues.iter().filter_map(|name| engine.queues.get(name)) {
            let kept = group.idle.iter().all(|(_, user)| engine.is_kept(*user));
            assert!(queue.waiting.is_empty() || kept, "a caller waits beside an idle agent");
        }
    }
    for group in engine.groups.values().filter(|group| !group.previewing.is_empty()) {
        let mut queues = group.settings.queues.iter().filter_map(|name| engine.queues.get(name));
        assert!(queues.all(|queue| queue.waiting.is_empty()), "a caller waits beside an agent who looks at a lead");
    }
}
