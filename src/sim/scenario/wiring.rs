//! A scenario as the engine knows it: groups, one queue, campaigns, a profile for each.
//!
//! Where one group takes outbound calls and all campaigns have one gate, that group is the engine's too. Where several
//! groups do, or gates differ, an agent is in two kinds of the engine's groups: one that takes callers, and one for each
//! gate that takes customers. Read [`Wiring`] first.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{AgentGroup, GateSettings, Outbound, Scenario};
use crate::engine::dialer::answer::MESSAGE_MARGIN;
use crate::model::abandonment::AbandonMeasure;
use crate::model::calling_hours::WeeklyHours;
use crate::model::campaign::{AgentResult, Assignment, Campaign, Offer, Recording};
use crate::model::disposition::Disposition;
use crate::model::limits::Limits;
use crate::model::name::{CampaignKey, GroupName, ProfileName, PromptName, QueueName, TrunkName};
use crate::model::phone::PhoneNumber;
use crate::model::profile::Profile;
use crate::model::settings::{
    GroupSettings, IdleThreshold, NumberRoute, QueueSettings, ServeFirst, Settings, TrunkLimits,
};
use crate::sim::distribution::Distribution;

/// The number that callers dial.
pub const SERVICE_NUMBER: &str = "+10000000000";
/// The result that every agent records for a customer.
pub const RESULT: &str = "talked";
/// The result for a customer of a trial who wants no more calls.
pub const RESULT_NO_MORE: &str = "no_more";
/// Longer than any day: the agent ends wrap-up, not the clock.
const NEVER_S: u32 = 400 * 86_400;
/// A customer whose patience is a matter of chance hangs up by themselves; the engine's own deadline is out of sight.
const DEADLINE_FAR_S: f64 = 86_400.0;

/// What the engine is set up with.
#[derive(Clone, Debug)]
pub struct Wiring {
    /// Settings.
    pub settings: Settings,
    /// Campaigns, in the scenario's order.
    pub campaigns: Vec<Campaign>,
    /// The engine's groups of each agent group, in the scenario's order.
    pub memberships: Vec<Vec<GroupName>>,
    /// The engine's group that each campaign belongs to.
    pub dialling: Vec<GroupName>,
}

/// The engine's trunk.
pub fn trunk() -> TrunkName {
    named("carrier")
}

/// The engine's name of a campaign, by its place.
pub fn campaign_key(place: usize) -> CampaignKey {
    named(&format!("campaign-{place}"))
}

/// A name that the program made itself.
fn named<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap_or_else(|error| panic!("`{text}` is not a name: {error:?}"))
}

fn number(text: &str) -> PhoneNumber {
    PhoneNumber::from_e164(text).unwrap_or_else(|error| panic!("{error}"))
}

/// The number of a lead: campaign and lead, in digits.
pub fn lead_number(campaign: usize, lead: u64) -> PhoneNumber {
    number(&format!("+1{:03}{:010}", campaign % 1000, lead % 10_000_000_000))
}

/// Turns a scenario into what the engine is set up with.
pub fn wire(scenario: &Scenario) -> Wiring {
    let queue: QueueName = named("service");
    let mut groups: BTreeMap<GroupName, GroupSettings> = BTreeMap::new();
    let mut memberships: Vec<Vec<GroupName>> = vec![Vec::new(); scenario.agents.len()];
    let mut dialling = Vec::new();
    let gates = distinct_gates(scenario);
    let outbound: Vec<usize> = (0..scenario.agents.len()).filter(|place| scenario.agents[*place].outbound).collect();
    let simple = outbound.len() == 1 && gates.len() <= 1;
    for (place, agents) in scenario.agents.iter().enumerate() {
        let takes_customers = simple && agents.outbound;
        if !agents.inbound && !takes_customers {
            continue;
        }
        let name: GroupName = named(&format!("group-{place}"));
        let gate = gates.first().filter(|_| takes_customers);
        let mut settings = group(scenario, agents, gate, agents.outbound);
        if agents.inbound && scenario.inbound.is_some() {
            settings.queues.push(queue.clone());
        }
        settings.reserve = agents.reserve;
        groups.insert(name.clone(), settings);
        memberships[place].push(name);
    }
    for (place, gate) in gates.iter().enumerate().filter(|_| !simple) {
        let name: GroupName = named(&format!("dialling-{place}"));
        let Some(first) = outbound.first() else { continue };
        let mut settings = group(scenario, &scenario.agents[*first], Some(gate), true);
        settings.reserve = outbound.iter().map(|place| scenario.agents[*place].reserve).sum();
        groups.insert(name.clone(), settings);
        outbound.iter().for_each(|place| memberships[*place].push(name.clone()));
    }
    for campaign in &scenario.outbound {
        let gate = gates.iter().position(|gate| *gate == campaign.gate).unwrap_or_default();
        let only = outbound.first().copied().unwrap_or_default();
        dialling.push(if simple { named(&format!("group-{only}")) } else { named(&format!("dialling-{gate}")) });
    }
    let campaigns = (0..scenario.outbound.len()).map(|place| campaign(scenario, place, &dialling[place])).collect();
    let profiles = scenario.outbound.iter().enumerate().map(|(place, campaign)| {
        let profile = profile(scenario, place, campaign);
        (profile.name.clone(), profile)
    });
    let settings = Settings {
        trunks: [(trunk(), TrunkLimits { channels_max: u32::MAX, calls_per_second: f64::from(u32::MAX) })].into(),
        groups,
        queues: scenario.inbound.iter().map(|inbound| (queue.clone(), self::queue(inbound))).collect(),
        numbers: [(SERVICE_NUMBER.to_owned(), NumberRoute::Queue { queue: queue.clone() })].into(),
        profiles: profiles.collect(),
        zone: "UTC".to_owned(),
        tzdata: String::new(),
    };
    Wiring { settings, campaigns, memberships, dialling }
}

fn distinct_gates(scenario: &Scenario) -> Vec<GateSettings> {
    let mut gates: Vec<GateSettings> = Vec::new();
    for campaign in &scenario.outbound {
        if !gates.contains(&campaign.gate) {
            gates.push(campaign.gate);
        }
    }
    gates
}

fn group(scenario: &Scenario, agents: &AgentGroup, gate: Option<&GateSettings>, outbound: bool) -> GroupSettings {
    let inbound_wrap_up = scenario.inbound.as_ref().map(|inbound| &inbound.wrap_up_s);
    let gate = gate.copied().unwrap_or(GateSettings {
        idle_threshold: IdleThreshold::Off,
        hysteresis: 0.0,
        dwell_s: 0.0,
        smoothing_s: 0.0,
        serve_first: ServeFirst::Answered,
    });
    GroupSettings {
        title: agents.name.clone(),
        queues: Vec::new(),
        outbound,
        idle_threshold: gate.idle_threshold,
        hysteresis: gate.hysteresis,
        dwell_s: gate.dwell_s,
        reserve: 0,
        smoothing_s: gate.smoothing_s,
        serve_first: gate.serve_first,
        // The contract gives an arriving caller any idle agent.
        keep_for_answers: scenario.law.as_ref().is_some_and(|law| law.keeps_for_answers),
        wrap_up_s: inbound_wrap_up.map_or(0, wrap_up_limit),
    }
}

/// Without wrap-up the engine frees the agent at once; else the agent's own result does.
fn wrap_up_limit(wrap_up: &Distribution) -> u32 {
    if wrap_up.constant() == Some(0.0) { 0 } else { NEVER_S }
}

fn queue(inbound: &super::Inbound) -> QueueSettings {
    QueueSettings {
        title: "Service".to_owned(),
        hours: None,
        service_level_target: inbound.service_level_target,
        within_s: inbound.within_s,
        wait_max_s: f64::from(NEVER_S),
        waiting_max: u32::MAX,
        hold_prompt: prompt("hold"),
        greeting_prompt: None,
        closed_prompt: prompt("closed"),
        overflow_prompt: prompt("overflow"),
        priority: 50,
    }
}

fn prompt(name: &str) -> PromptName {
    named(name)
}

fn profile_name(place: usize) -> ProfileName {
    named(&format!("rules-{place}"))
}

fn profile(scenario: &Scenario, place: usize, campaign: &Outbound) -> Profile {
    let law = scenario.law.as_ref();
    // The message is started a margin before the deadline: added, so that the customer's patience stays whole.
    let margin_s = MESSAGE_MARGIN.as_secs_f64();
    let connect_deadline_s = campaign.patience_s.constant().map_or(DEADLINE_FAR_S, |patience_s| patience_s + margin_s);
    Profile {
        name: profile_name(place),
        title: campaign.name.clone(),
        sources: Vec::new(),
        notice: String::new(),
        hours: law.map_or_else(WeeklyHours::always, |law| law.hours(law.open)),
        abandon_rate_max: campaign.max_abandon_rate,
        // The contract of scenarios knows the day alone.
        abandon: AbandonMeasure::default(),
        connect_deadline_s,
        ring_min_s: campaign.ring_min_s,
        attempt_caps: law.map(|law| law.caps.clone()).unwrap_or_default(),
        abandon_cool_off_s: law.map_or(0, |law| law.abandon_cool_off_s),
        consent_required: law.is_some_and(|law| law.consent_required),
        information_message: String::new(),
        messages: Default::default(),
    }
}

fn campaign(scenario: &Scenario, place: usize, group: &GroupName) -> Campaign {
    let wanted = &scenario.outbound[place];
    let law = scenario.law.as_ref();
    Campaign {
        key: campaign_key(place),
        title: wanted.name.clone(),
        offer: Offer { name: wanted.name.clone(), selling_points: Vec::new(), steps: Vec::new() },
        script: Vec::new(),
        questionnaire: Vec::new(),
        results: vec![result(RESULT, Disposition::Accepted), result(RESULT_NO_MORE, Disposition::DoNotCall)],
        hours: law.map_or_else(WeeklyHours::always, |law| law.hours(law.campaign_open)),
        pacing: wanted.pacing.clone(),
        group: group.clone(),
        idle_threshold_min: None,
        assignment: Assignment::LongestIdle,
        profile: profile_name(place),
        caller_id: number("+10000000001"),
        caller_ids: vec![],
        leads: Default::default(),
        numbers: Default::default(),
        limits: Limits { dials_max: law.and_then(|law| law.dials_max), ..Limits::default() },
        schedule: vec![],
        trunks: vec![trunk()],
        ring_timeout_s: wanted.engine_ring_timeout_s(),
        cancel_before_ring_min: false,
        may_cancel_ringing: wanted.may_cancel_ringing,
        retry: law.map(|law| law.retry.clone()).unwrap_or_default(),
        attempt_caps: Vec::new(),
        attempts_max: law.map_or(1, |law| law.attempts_max),
        abandon_rate_max: wanted.max_abandon_rate,
        wrap_up_s: law.and_then(|law| law.wrap_up_max_s).unwrap_or_else(|| wrap_up_limit(&wanted.wrap_up_s)),
        priority: 50,
        tier: 1,
        detect_machines: wanted.detects(),
        recording: Recording::default(),
        callbacks: Default::default(),
        replies: None,
        outreach: Default::default(),
        landing: None,
        pre_registration: None,
        order: None,
        costs: Default::default(),
        information_message: prompt("information"),
    }
}

fn result(key: &str, disposition: Disposition) -> AgentResult {
    AgentResult { key: key.to_owned(), title: key.to_owned(), disposition, note_required: false }
}

impl Outbound {
    /// Whether who answered has to be found out.
    pub fn detects(&self) -> bool {
        let machines = self.classes.iter().any(|class| class.machine.largest() > 0.0);
        machines || self.detection_s.constant() != Some(0.0)
    }

    /// The engine's own ring timeout, in whole seconds. Where a machine or a failure may take longer than the ring
    /// timeout (the scenario lets it), the engine's is out of sight and the network ends what rings too long.
    pub fn engine_ring_timeout_s(&self) -> u32 {
        let has = |of: fn(&super::Outcomes) -> &crate::sim::profile::Profile| {
            self.classes.iter().any(|class| of(class).largest() > 0.0)
        };
        let within = |there: bool, time: &Distribution| {
            !there || time.largest().is_some_and(|largest| largest <= self.ring_timeout_s)
        };
        let bounded = within(has(|class| &class.machine), &self.machine_s)
            && within(has(|class| &class.failure), &self.failure_s);
        if bounded { self.ring_timeout_s.ceil().clamp(0.0, f64::from(NEVER_S)) as u32 } else { NEVER_S }
    }

    /// How long a person who answered can wait at most, where that is always the same.
    pub fn patience(&self) -> Option<Duration> {
        self.patience_s.constant().and_then(|patience_s| Duration::try_from_secs_f64(patience_s).ok())
    }
}
