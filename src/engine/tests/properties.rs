//! Whatever the world does, in whatever order: nothing panics, the invariants hold, equal inputs give equal commands,
//! and when the world calms down nothing is left behind.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::{invariants, rig};
use crate::engine::Engine;
use crate::engine::command::Command;
use crate::engine::event::{AgentAction, Event, GroupChange, OpenAttempt, RecordedOutcome};
use crate::model::agent::{Device, DeviceLeg};
use crate::model::attempt::{AnsweredBy, CallFailure, CallRef, FailureKind, Refusal};
use crate::model::campaign::{Assignment, Campaign, CampaignState, OnTimeOut, Pacing, Preview, RatioOn, Recording};
use crate::model::disposition::{Disposition, DispositionKind};
use crate::model::id::{AttemptId, InboundId, RequestId, SessionId, UserId};
use crate::model::lead::{Callback, SuppressionReason};
use crate::model::time::{Instant, Now, Timestamp};

/// The unruly world begins five minutes before midnight.
const LATE_MS: i64 = 14 * 3_600_000 - 300_000;
/// Runs of the unruly world in the test of its reach.
const SEEDS: u64 = 400;

/// A step of an unruly world: what it does, and to which of the things at hand.
type Step = (u8, u8, u8);

struct World {
    engine: Engine,
    now: Now,
    commands: Vec<Command>,
    requests: Vec<RequestId>,
    next_id: i64,
}

fn campaign(variant: u8) -> Campaign {
    let mut campaign = rig::campaign();
    campaign.detect_machines = variant & 1 > 0;
    campaign.assignment = if variant & 2 > 0 { Assignment::Random } else { Assignment::LongestIdle };
    campaign.cancel_before_ring_min = variant & 4 > 0;
    if variant & 8 > 0 {
        let on = if variant & 16 > 0 { RatioOn::EveryEvent } else { RatioOn::AgentFreed };
        campaign.pacing = Pacing::Ratio {
            lines_per_agent: 2.5,
            min_idle_total: 0,
            on,
            ringing_max: Some(9),
            within_budget: true,
            restarts: true,
        };
    }
    if variant & 24 == 16 {
        let on_time_out = if variant & 4 > 0 { OnTimeOut::Dial } else { OnTimeOut::Return };
        campaign.pacing = Pacing::Preview(Preview { time_limit_s: 20, on_time_out, ..Preview::default() });
    }
    if variant & 32 > 0 {
        campaign.recording =
            Recording { on: true, consent_prompt: Some("recorded".parse().unwrap()), ..Recording::default() };
    }
    campaign.wrap_up_s = if variant & 64 > 0 { 0 } else { 10 };
    campaign.idle_threshold_min = (variant & 128 > 0).then_some(0.4);
    campaign
}

impl World {
    fn new(seed: u64, variant: u8) -> World {
        let now =
            Now { instant: Instant::from_micros(1), timestamp: Timestamp::from_millis(rig::MORNING_MS + LATE_MS) };
        let engine = Engine::new(seed);
        let mut world = World { engine, now, commands: Vec::new(), requests: Vec::new(), next_id: 0 };
        let mut settings = rig::settings();
        let group = settings.groups.values_mut().next().unwrap();
        (group.dwell_s, group.smoothing_s) = (1.0, f64::from(variant % 3) * 5.0);
        settings.trunks.values_mut().next().unwrap().channels_max = 12;
        world.tell(Event::SettingsApplied { settings: Arc::new(settings) });
        let (campaign, state) = (Arc::new(campaign(variant)), CampaignState::Running);
        world.tell(Event::CampaignApplied { campaign, state, today: None });
        for n in 0..5 {
            world.agent(UserId(n), 0);
            world.tell(Event::AgentLegUp { user: UserId(n) });
            world.agent(UserId(n), 2);
        }
        world
    }

    fn tell(&mut self, event: Event) {
        self.engine.handle(self.now, event);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(command) = self.engine.poll_command() {
            invariants::check_command(&self.engine, &command);
            match &command {
                Command::RecordResult { result } => self.requests.extend(result.request),
                Command::RecordCampaignState { request, .. } => self.requests.extend(*request),
                Command::RecordGroupControl { request, .. } => self.requests.push(*request),
                _ => {}
            }
            self.commands.push(command);
        }
        invariants::check(&self.engine);
    }

    fn wait(&mut self, span: Duration) {
        let end = self.now.later(span);
        let mut fired = 0;
        while let Some((at, timer)) = self.engine.poll_timeout().filter(|(at, _)| *at <= end.instant) {
            fired += 1;
            assert!(fired < 10_000, "{timer:?} fires for ever");
            let step = at.since(self.now.instant);
            self.now = self.now.later(step);
            self.engine.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    fn id(&mut self) -> i64 {
        self.next_id += 1;
        self.next_id
    }

    fn attempt(&self, pick: u8) -> AttemptId {
        let live: Vec<AttemptId> = self.engine.attempts.keys().copied().collect();
        live.get(usize::from(pick) % live.len().max(1)).copied().unwrap_or(AttemptId(i64::from(pick)))
    }

    fn caller(&self, pick: u8) -> InboundId {
        let live: Vec<InboundId> = self.engine.callers.keys().copied().collect();
        live.get(usize::from(pick) % live.len().max(1)).copied().unwrap_or(InboundId(i64::from(pick)))
    }

    fn call(&self, pick: u8) -> CallRef {
        if pick.is_multiple_of(2) {
            CallRef::Outbound(self.attempt(pick / 2))
        } else {
            CallRef::Inbound(self.caller(pick / 2))
        }
    }

    fn step(&mut self, (what, pick, how): Step) {
        let user = UserId(i64::from(pick % 6));
        match what % 32 {
            0..=4 => self.wait(Duration::from_millis(u64::from(how) * 37 + 1)),
            5 => self.wait(Duration::from_secs(u64::from(how) / 4)),
            6..=8 => self.agent(user, how),
            9 => self.tell(Event::AgentPresence { user, present: how.is_multiple_of(2) }),
            10 => self.tell(Event::AgentLegUp { user }),
            11 if how.is_multiple_of(4) => self.tell(Event::AgentLegDown { user }),
            11 => self.wait(Duration::from_secs(2)),
            12 | 13 => {
                let call = self.call(pick);
                let user = self.user_of(call).unwrap_or(user);
                self.tell(Event::Bridged { call, user });
            }
            14 => {
                let call = self.call(pick);
                let user = self.user_of(call).unwrap_or(user);
                self.tell(Event::BridgeFailed { call, user });
            }
            15 | 16 => self.offer_leads(pick, how),
            17 | 18 => self.intent(pick, how),
            19..=21 => self.out(pick, how),
            22 | 23 => self.tell(Event::AttemptAnswered { attempt: self.attempt(pick) }),
            24 => self.tell(Event::AttemptHungUp { attempt: self.attempt(pick) }),
            25 if how.is_multiple_of(3) => self.offer_call(how),
            25 => self.tell(Event::IntentRecorded { attempt: self.attempt(pick) }),
            26 => self.tell(Event::InboundHungUp { call: self.caller(pick) }),
            27 => self.tell(Event::PromptEnded { call: self.call(pick) }),
            28 => self.record(user, pick, how),
            29 => self.recorded(how),
            30 => self.manage(how),
            _ => self.surroundings(pick, how),
        }
    }

    fn user_of(&self, call: CallRef) -> Option<UserId> {
        self.engine.agents.values().find(|agent| agent.holds(call)).map(|agent| agent.user)
    }

    fn agent(&mut self, user: UserId, how: u8) {
        let request = RequestId(self.id());
        let session = SessionId(i64::from(how / 250));
        let action = match how % 8 {
            0 => {
                let leg = if how & 16 > 0 { DeviceLeg::PerCall } else { DeviceLeg::NailedUp };
                let device = Device { phone: format!("p{}", how & 48), leg };
                let groups = vec![rig::group()];
                return self.tell(Event::AgentSignedIn {
                    request,
                    user,
                    session,
                    name: "a".into(),
                    login: String::new(),
                    groups,
                    device,
                });
            }
            1..=4 => match self.engine.agents.get(&user).and_then(|agent| agent.offer.as_ref()) {
                Some(offer) if how & 128 > 0 => AgentAction::SkipLead { lead: offer.lead.id, reason: "other".into() },
                Some(offer) if how & 8 > 0 => AgentAction::StartCall { lead: offer.lead.id },
                Some(_) | None => AgentAction::Ready,
            },
            5 => AgentAction::NotReady { reason: "tea".into() },
            6 if how & 32 > 0 => AgentAction::ExtendWrapUp,
            6 => AgentAction::HangUp,
            _ if how & 96 == 96 => AgentAction::SignOut,
            _ => AgentAction::HangUp,
        };
        self.tell(Event::AgentActed { request, user, session, action });
    }

    fn offer_leads(&mut self, pick: u8, how: u8) {
        let leads = (0..pick % 12).map(|n| {
            let mut lead = rig::lead(i64::from(how) * 16 + i64::from(n));
            lead.number = rig::number(i64::from(how % 8) * 16 + i64::from(n));
            lead
        });
        let leads = leads.collect();
        let next_due = how.is_multiple_of(3).then_some(self.now.timestamp);
        self.tell(Event::LeadsFetched { campaign: rig::key(), leads, next_due, open_total: 9, question: None });
    }

    fn intent(&mut self, pick: u8, how: u8) {
        let attempt = self.attempt(pick);
        self.tell(match how % 10 {
            0 => Event::IntentRefused { attempt, refusal: Refusal::AttemptCap },
            1 => Event::IntentFailed { attempt },
            2 => Event::DialDeferred { attempt, refusal: Refusal::TrunkChannels },
            _ => Event::IntentRecorded { attempt },
        });
    }

    fn out(&mut self, pick: u8, how: u8) {
        let attempt = self.attempt(pick);
        let kinds = [
            FailureKind::Rejected,
            FailureKind::Timeout,
            FailureKind::Transport,
            FailureKind::AuthFailed,
            FailureKind::Cancelled,
            FailureKind::Redirected,
            FailureKind::Media,
        ];
        let answerers = [AnsweredBy::Person, AnsweredBy::Machine, AnsweredBy::Fax, AnsweredBy::Unsure];
        self.tell(match how % 8 {
            0..=2 => Event::AttemptSent { attempt, trunk: rig::trunk() },
            3..=4 => Event::AttemptRinging { attempt },
            5 => {
                let by = answerers[usize::from(how / 8) % answerers.len()];
                Event::AttemptClassified { attempt, by, confidence: 50, took_ms: 900 }
            }
            _ => {
                let kind = kinds[usize::from(how / 8) % kinds.len()];
                let status = [0, 403, 404, 408, 480, 486, 487, 503, 603, 607][usize::from(how) % 10];
                let (rang, retry_after_s) = (how & 64 > 0, (how & 32 > 0).then_some(3));
                let failure = CallFailure { kind, status, q850: how % 48, rang, retry_after_s };
                Event::AttemptFailed { attempt, failure }
            }
        });
    }

    fn offer_call(&mut self, how: u8) {
        let call = InboundId(self.id());
        let did = ["+862112340000", "+862112345678", "+1"][usize::from(how) % 3].to_owned();
        self.tell(Event::InboundOffered { call, trunk: rig::trunk(), did, caller: None, story: None });
    }

    fn record(&mut self, user: UserId, pick: u8, how: u8) {
        let request = RequestId(self.id());
        let call = self.engine.agents.get(&user).and_then(|agent| agent.desk.as_ref()).map(|desk| desk.call.call);
        let call = call.unwrap_or_else(|| self.call(pick));
        let result = ["took-it", "no", "later", "stop", "handled"][usize::from(how) % 5];
        let callback =
            (how & 8 > 0).then(|| Callback { at: self.now.timestamp + Duration::from_secs(60), agent: None });
        let outcome = RecordedOutcome { callback, ..rig::outcome(result) };
        let session = SessionId(i64::from(how / 250));
        self.tell(Event::AgentActed { request, user, session, action: AgentAction::Record { call, outcome } });
    }

    fn recorded(&mut self, how: u8) {
        let request = if self.requests.is_empty() { RequestId(-1) } else { self.requests.remove(0) };
        self.tell(Event::Recorded { request, ok: !how.is_multiple_of(8) });
    }

    fn manage(&mut self, how: u8) {
        let request = RequestId(self.id());
        let state = if (how / 4).is_multiple_of(8) { CampaignState::Paused } else { CampaignState::Running };
        self.tell(match how % 4 {
            0 => Event::CampaignControl { request, campaign: rig::key(), state },
            1 => {
                let (campaign, state) = (Arc::new(campaign(how)), CampaignState::Running);
                Event::CampaignApplied { campaign, state, today: None }
            }
            2 => {
                let reserve = Some(u32::from(how % 3));
                let idle_threshold = Some(f64::from(how % 4) / 10.0);
                let change = GroupChange { reserve, idle_threshold, ..GroupChange::default() };
                Event::GroupControl { request, group: rig::group(), change }
            }
            _ => Event::LeadsChanged { campaign: rig::key() },
        });
    }

    fn surroundings(&mut self, pick: u8, how: u8) {
        let good = !how.is_multiple_of(16);
        self.tell(match pick % 6 {
            0 => Event::TrunkHealth { trunk: rig::trunk(), up: good },
            1 => Event::StoreHealth { up: good },
            2 => Event::ClockHealth { sure: good },
            3 => {
                let number = rig::number(i64::from(how % 128));
                Event::Suppressed { number, campaign: None, reason: SuppressionReason::OptOut }
            }
            4 => {
                let open = OpenAttempt {
                    attempt: AttemptId(i64::from(how)),
                    campaign: rig::key(),
                    lead: crate::model::id::LeadId(1),
                    number: rig::number(1),
                    at: self.now.timestamp,
                    unknown_before: 0,
                    ended: !how.is_multiple_of(2),
                };
                Event::Recovered { attempts: vec![open] }
            }
            _ => {
                let mut settings = rig::settings();
                settings.groups.values_mut().next().unwrap().dwell_s = 1.0;
                if !good {
                    settings.queues.clear();
                }
                Event::SettingsApplied { settings: Arc::new(settings) }
            }
        });
    }

    /// The world calms down: everybody hangs up, the store answers, agents leave.
    fn calm(&mut self) {
        self.tell(Event::Drain);
        for attempt in self.engine.attempts.keys().copied().collect::<Vec<_>>() {
            let rang = true;
            let failure = CallFailure { kind: FailureKind::Timeout, status: 408, q850: 0, rang, retry_after_s: None };
            self.tell(Event::IntentFailed { attempt });
            self.tell(Event::AttemptFailed { attempt, failure });
            self.tell(Event::AttemptHungUp { attempt });
        }
        for call in self.engine.callers.keys().copied().collect::<Vec<_>>() {
            self.tell(Event::InboundHungUp { call });
        }
        while !self.requests.is_empty() {
            self.recorded(1);
        }
        self.wait(Duration::from_secs(300));
        for agent in self.engine.agents.values().map(|agent| (agent.user, agent.session)).collect::<Vec<_>>() {
            let (request, (user, session)) = (RequestId(self.id()), agent);
            self.tell(Event::AgentActed { request, user, session, action: AgentAction::SignOut });
        }
    }
}

fn run(seed: u64, variant: u8, steps: &[Step]) -> World {
    let mut world = World::new(seed, variant);
    for step in steps {
        world.step(*step);
    }
    world
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn equal_inputs_give_equal_commands_and_no_order_of_events_breaks_an_invariant(
        seed in any::<u64>(),
        variant in any::<u8>(),
        steps in proptest::collection::vec(any::<Step>(), 1..250),
    ) {
        let mut first = run(seed, variant, &steps);
        let second = run(seed, variant, &steps);
        prop_assert_eq!(&first.commands, &second.commands);
        prop_assert_eq!(first.engine.snapshot(first.now), second.engine.snapshot(second.now));
        first.calm();
        prop_assert_eq!(first.engine.tables(), crate::engine::Tables::default());
        every_intent_ends_once(&first.commands)?;
    }
}

/// Found by chance: a campaign goes over to preview while a customer of it waits, and a lead is taken back.
#[test]
fn whose_lead_is_taken_back_goes_to_the_customer_who_waits() {
    let steps = [
        (6, 30, 21),
        (134, 7, 13),
        (73, 8, 5),
        (207, 66, 0),
        (96, 0, 196),
        (10, 0, 0),
        (25, 0, 96),
        (209, 0, 13),
        (49, 0, 181),
        (158, 0, 209),
        (96, 0, 27),
        (49, 0, 23),
        (118, 0, 0),
        (238, 126, 0),
        (12, 0, 0),
    ];
    let mut world = run(0, 2, &steps);
    world.calm();
    assert_eq!(world.engine.tables(), crate::engine::Tables::default());
    every_intent_ends_once(&world.commands).unwrap();
}

/// No attempt ends twice, none that was dialled ends never, none ends that had no intent (reliability.md I-13).
fn every_intent_ends_once(commands: &[Command]) -> Result<(), TestCaseError> {
    let mut dialled = std::collections::BTreeSet::new();
    let mut intents = std::collections::BTreeSet::new();
    let mut ended = std::collections::BTreeSet::new();
    for command in commands {
        match command {
            Command::RecordIntent { intent } => {
                prop_assert!(intents.insert(intent.attempt));
            }
            Command::Dial { attempt, .. } => {
                prop_assert!(intents.contains(attempt) && dialled.insert(*attempt));
            }
            Command::RecordAttempt { end } if intents.contains(&end.attempt) => {
                prop_assert!(ended.insert(end.attempt), "{} ended twice", end.attempt);
            }
            _ => {}
        }
    }
    prop_assert!(dialled.is_subset(&ended));
    Ok(())
}

/// Chance must reach every part of an attempt's life, or the property above says little.
#[test]
fn the_unruly_world_reaches_every_end_of_an_attempt() {
    let mut chance = crate::engine::random::Chance::new(1);
    let mut ends = std::collections::BTreeMap::new();
    for seed in 0..SEEDS {
        let bits: Vec<u64> = (0..400).map(|_| chance.bits()).collect();
        let steps: Vec<Step> = bits.iter().map(|b| (*b as u8, (b >> 8) as u8, (b >> 16) as u8)).collect();
        let mut world = run(seed, chance.bits() as u8, &steps);
        world.calm();
        assert_eq!(world.engine.tables(), crate::engine::Tables::default(), "seed {seed}");
        every_intent_ends_once(&world.commands).unwrap();
        for command in &world.commands {
            if let Command::RecordAttempt { end } = command {
                *ends.entry(end.disposition).or_insert(0u32) += 1;
            }
        }
    }
    for disposition in Disposition::ALL.iter().filter(|d| d.kind() == DispositionKind::Network) {
        assert!(ends.contains_key(disposition), "never reached: {disposition}; reached: {ends:?}");
    }
}
