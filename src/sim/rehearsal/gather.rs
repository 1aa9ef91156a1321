//! From the inputs and commands of a journal to recorded traffic.
//!
//! The engine's commands are needed too: only they say whose dial an attempt is, when an agent wrapped up, and what the
//! gate did. Whoever reads the journal runs it again and shows both. Read [`Gatherer`] first.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::survival::Seen;
use super::tally::{Hours, Tally};
use super::traffic::{CallerSeen, Deed, DialSeen, Fate, Lore, Stretch, Traffic};
use crate::engine::command::Command;
use crate::engine::event::{DayCounts, Event, GroupChange};
use crate::model::agent::AgentState;
use crate::model::attempt::{AnsweredBy, CallFailure, CallRef, FailureKind, InboundOutcome};
use crate::model::campaign::{Campaign, CampaignState};
use crate::model::disposition::Disposition;
use crate::model::id::{AttemptId, InboundId, RequestId, SessionId, UserId};
use crate::model::live_limits::LiveLimits;
use crate::model::name::{CampaignKey, GroupName, PromptName, TrunkName};
use crate::model::settings::Settings;
use crate::model::time::{Instant, Now, Timestamp};

/// Most calls that are kept: about half a gigabyte.
pub const CALLS_MAX: usize = 3_000_000;

/// Leads of a campaign whose time zones are kept: enough to know how they are spread.
const LEADS_SAMPLED: usize = 1_000;

/// More calls than can be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there are more than {CALLS_MAX} calls in the span; choose a shorter one")]
pub struct TooMany;

/// Collects the traffic of a span.
#[derive(Debug)]
pub struct Gatherer {
    campaign: CampaignKey,
    warm_from: Timestamp,
    from: Timestamp,
    to: Timestamp,
    run: Run,
    stretches: Vec<Stretch>,
    calls: usize,
}

/// What is known of the run that is being read.
#[derive(Debug)]
struct Run {
    tally: Tally,
    standing: Standing,
    stretch: Option<Stretch>,
    last: Now,
    intents: BTreeMap<AttemptId, CampaignKey>,
    zones: BTreeMap<CampaignKey, Vec<Vec<String>>>,
    dials: BTreeMap<AttemptId, Dialling>,
    callers: BTreeMap<InboundId, Calling>,
    /// Agents who wrap up, since when.
    wrapping: BTreeMap<UserId, (CallRef, Instant)>,
    /// Calls whose talk is over, and where they are kept until the wrap-up is.
    over: BTreeMap<CallRef, Kept>,
    bridging: BTreeMap<CallRef, Instant>,
    playing: BTreeMap<CallRef, (PromptName, Instant)>,
}

/// What is in force, and who is there.
#[derive(Debug, Default)]
struct Standing {
    settings: Option<Arc<Settings>>,
    campaigns: BTreeMap<CampaignKey, (Arc<Campaign>, CampaignState)>,
    controls: BTreeMap<GroupName, GroupChange>,
    limits: BTreeMap<CampaignKey, LiveLimits>,
    trunks: BTreeMap<TrunkName, bool>,
    store_up: Option<bool>,
    clock_sure: Option<bool>,
    agents: BTreeMap<UserId, (Event, bool)>,
}

/// A dial under way.
#[derive(Debug)]
struct Dialling {
    campaign: CampaignKey,
    kept: Option<usize>,
    sent: Option<Instant>,
    answered: Option<Instant>,
    connected: Option<Instant>,
    /// The information message began.
    informed: Option<Instant>,
}

/// A caller under way.
#[derive(Debug)]
struct Calling {
    kept: usize,
    came: Instant,
    connected: Option<Instant>,
}

/// Where a call is kept.
#[derive(Clone, Debug)]
enum Kept {
    Dial(CampaignKey, usize),
    Caller(usize),
}

impl Gatherer {
    /// For a campaign, from one time to another. Traffic from `warm_from` on is taken along to warm up.
    pub fn new(campaign: CampaignKey, warm_from: Timestamp, from: Timestamp, to: Timestamp) -> Gatherer {
        let run = Run::new(&campaign, from, to);
        Gatherer { campaign, warm_from, from, to, run, stretches: Vec::new(), calls: 0 }
    }

    /// The next inputs belong to another run of the service.
    pub fn begin_run(&mut self) {
        let run = std::mem::replace(&mut self.run, Run::new(&self.campaign, self.from, self.to));
        self.stretches.extend(run.finish(self.to));
    }

    /// Whether inputs from this time on no longer matter.
    pub fn is_past(&self, at: Timestamp) -> bool {
        at >= self.to
    }

    /// An input of the engine; `None`: a deadline passed.
    ///
    /// # Errors
    /// The span has more calls than can be kept.
    pub fn told(&mut self, now: Now, event: Option<&Event>) -> Result<(), TooMany> {
        if self.run.stretch.is_none() && now.timestamp >= self.warm_from {
            self.run.stretch = Some(self.run.standing.opening(now));
        }
        self.run.last = now;
        let Some(event) = event else { return Ok(()) };
        self.run.tally.told(now, event);
        self.run.standing.told(event);
        let new = matches!(event, Event::InboundOffered { .. } | Event::AttemptSent { .. });
        self.calls += usize::from(new && self.run.stretch.is_some());
        if self.calls > CALLS_MAX {
            return Err(TooMany);
        }
        self.run.told(now, event);
        Ok(())
    }

    /// A command of the engine to the input before.
    pub fn said(&mut self, now: Now, command: &Command) {
        self.run.tally.said(now, command);
        self.run.said(now, command);
        self.run.standing.said(command);
    }

    /// The campaign as it was last, and the settings then; `None` if it was not there.
    pub fn definition(&self) -> Option<(Arc<Campaign>, Arc<Settings>)> {
        let settings = self.run.standing.settings.clone()?;
        self.run.standing.campaigns.get(&self.campaign).map(|(campaign, _)| (campaign.clone(), settings))
    }

    /// All that was seen.
    pub fn finish(mut self) -> Traffic {
        self.begin_run();
        let lore = Lore::of(&self.stretches);
        Traffic { stretches: self.stretches, lore }
    }
}

impl Standing {
    fn told(&mut self, event: &Event) {
        match event {
            Event::SettingsApplied { settings } => {
                if let Some(before) = self.settings.replace(settings.clone()) {
                    // What a file changed is no longer as somebody set it by hand.
                    self.controls.retain(|group, _| before.groups.get(group) == settings.groups.get(group));
                }
            }
            Event::CampaignApplied { campaign, state, .. } => {
                self.campaigns.insert(campaign.key.clone(), (campaign.clone(), *state));
            }
            Event::LimitsRecovered { campaign, limits } => {
                self.limits.insert(campaign.clone(), *limits);
            }
            Event::TrunkHealth { trunk, up } => {
                self.trunks.insert(trunk.clone(), *up);
            }
            Event::StoreHealth { up } => self.store_up = Some(*up),
            Event::ClockHealth { sure } => self.clock_sure = Some(*sure),
            Event::AgentSignedIn { user, .. } => {
                let willing = self.agents.get(user).is_some_and(|(_, willing)| *willing);
                self.agents.insert(*user, (event.clone(), willing));
            }
            _ => {} // not what stands
        }
    }

    fn said(&mut self, command: &Command) {
        match command {
            Command::RecordCampaignState { campaign, state, .. } => {
                if let Some((_, known)) = self.campaigns.get_mut(campaign) {
                    *known = *state;
                }
            }
            Command::RecordCampaignLimits { campaign, change, .. } => {
                let limits = self.limits.entry(campaign.clone()).or_default();
                *limits = limits.changed(change);
            }
            Command::RecordGroupControl { group, change, .. } => {
                self.controls.entry(group.clone()).or_default().and_then(change);
            }
            Command::RecordAgentState { user, state: None, .. } => {
                self.agents.remove(user);
            }
            Command::RecordAgentState { user, state: Some(state), .. } => {
                if let Some((_, willing)) = self.agents.get_mut(user) {
                    *willing = is_willing(state);
                }
            }
            _ => {} // not what stands
        }
    }

    /// A stretch that begins with what stands.
    fn opening(&self, origin: Now) -> Stretch {
        let mut plans: Vec<Event> = Vec::new();
        plans.extend(self.settings.iter().map(|settings| Event::SettingsApplied { settings: settings.clone() }));
        plans.extend(self.campaigns.values().map(|(campaign, state)| Event::CampaignApplied {
            campaign: campaign.clone(),
            state: *state,
            today: Some(DayCounts::default()),
        }));
        let limits = self.limits.iter().filter(|(campaign, _)| self.campaigns.contains_key(*campaign));
        plans.extend(
            limits.map(|(campaign, limits)| Event::LimitsRecovered { campaign: campaign.clone(), limits: *limits }),
        );
        plans.extend(self.controls.iter().map(|(group, change)| Event::GroupControl {
            request: RequestId(0),
            group: group.clone(),
            change: change.clone(),
        }));
        plans.extend(self.trunks.iter().map(|(trunk, up)| Event::TrunkHealth { trunk: trunk.clone(), up: *up }));
        plans.extend(self.store_up.map(|up| Event::StoreHealth { up }));
        plans.extend(self.clock_sure.map(|sure| Event::ClockHealth { sure }));
        let mut deeds = Vec::new();
        for (user, (signed_in, willing)) in &self.agents {
            deeds.push((Duration::ZERO, Deed::SignsIn(Box::new(signed_in.clone()))));
            if *willing {
                deeds.push((Duration::ZERO, Deed::Willing(*user)));
            }
        }
        Stretch {
            origin,
            end: origin.timestamp,
            plans: plans.into_iter().map(|event| (Duration::ZERO, event)).collect(),
            deeds,
            callers: Vec::new(),
            dials: BTreeMap::new(),
            ran_dry: BTreeSet::new(),
            zones: BTreeMap::new(),
            bridging: Vec::new(),
            prompts: BTreeMap::new(),
            recorded: Hours::new(),
        }
    }
}

/// Takes calls, or works on one.
pub(super) fn is_willing(state: &AgentState) -> bool {
    match state {
        AgentState::Connecting | AgentState::NotReady { .. } => false,
        AgentState::Ready
        | AgentState::Previewing { .. }
        | AgentState::Reserved { .. }
        | AgentState::Talking { .. }
        | AgentState::WrapUp { .. } => true,
    }
}

impl Run {
    fn new(campaign: &CampaignKey, from: Timestamp, to: Timestamp) -> Run {
        Run {
            tally: Tally::new(campaign.clone(), from, to),
            standing: Standing::default(),
            stretch: None,
            last: Now::default(),
            intents: BTreeMap::new(),
            zones: BTreeMap::new(),
            dials: BTreeMap::new(),
            callers: BTreeMap::new(),
            wrapping: BTreeMap::new(),
            over: BTreeMap::new(),
            bridging: BTreeMap::new(),
            playing: BTreeMap::new(),
        }
    }

    fn finish(mut self, to: Timestamp) -> Option<Stretch> {
        let end = self.last.timestamp.min(to);
        let now = self.last.instant;
        // What was still going on was seen in part.
        let dials: Vec<Dialling> = std::mem::take(&mut self.dials).into_values().collect();
        dials.iter().for_each(|dial| self.cut_off(dial, now));
        let callers: Vec<Calling> = std::mem::take(&mut self.callers).into_values().collect();
        for caller in callers {
            let Some(kept) = self.caller(caller.kept) else { continue };
            match caller.connected {
                Some(connected) => kept.talk = Some(Seen::at_least(s(connected, now))),
                None => kept.patience = Seen::at_least(s(caller.came, now)),
            }
        }
        let wrapping: Vec<UserId> = self.wrapping.keys().copied().collect();
        wrapping.into_iter().for_each(|user| self.wrapped_up(user, now, false));
        let mut stretch = self.stretch?;
        stretch.end = end;
        stretch.zones = self.zones;
        stretch.recorded = self.tally.finish(end);
        Some(stretch)
    }

    fn cut_off(&mut self, dial: &Dialling, now: Instant) {
        let Some(kept) = self.dial(dial) else { return };
        match (dial.connected, dial.answered) {
            (Some(connected), _) => kept.talk = Some(Seen::at_least(s(connected, now))),
            (None, Some(answered)) => kept.patience = Some(Seen::at_least(s(answered, now))),
            (None, None) => kept.rings = Seen::at_least(dial.sent.map_or(0.0, |sent| s(sent, now))),
        }
    }

    fn told(&mut self, now: Now, event: &Event) {
        match event {
            Event::SettingsApplied { .. }
            | Event::CampaignApplied { .. }
            | Event::CampaignControl { .. }
            | Event::CampaignLimits { .. }
            | Event::LimitsRecovered { .. }
            | Event::GroupControl { .. }
            | Event::QueuesRecovered { .. }
            | Event::BooksRecovered { .. }
            | Event::UseRecovered { .. }
            | Event::Drain
            | Event::TrunkHealth { .. }
            | Event::StoreHealth { .. }
            | Event::ClockHealth { .. }
            | Event::RecordingFailed { .. } => {
                if let Some(stretch) = &mut self.stretch {
                    stretch.plans.push((now.instant.since(stretch.origin.instant), event.clone()));
                }
            }
            Event::AgentSignedIn { .. } => self.deed(now, Deed::SignsIn(Box::new(event.clone()))),
            Event::InboundOffered { call, trunk, did, .. } => self.caller_came(now, *call, trunk, did),
            Event::AttemptSent { attempt, .. } => self.dial_left(now, *attempt),
            Event::AttemptRinging { attempt } => {
                if let Some((kept, sent)) = self.ringing(*attempt) {
                    kept.rang_s.get_or_insert(s(sent, now.instant));
                }
            }
            Event::AttemptAnswered { attempt } => {
                if let Some((kept, sent)) = self.ringing(*attempt) {
                    kept.rings = Seen::whole(s(sent, now.instant));
                    kept.fate = Fate::Answered(None);
                }
                if let Some(dial) = self.dials.get_mut(attempt) {
                    dial.answered = Some(now.instant);
                }
            }
            Event::AttemptClassified { attempt, by, confidence, took_ms } => {
                self.classified(*attempt, (*by, *confidence, *took_ms));
            }
            Event::AttemptFailed { attempt, failure } => self.dial_failed(now, *attempt, *failure),
            Event::Bridged { call, .. } => self.bridged(now, *call),
            Event::PromptEnded { call } => {
                let played = self.playing.remove(call);
                if let (Some((prompt, since)), Some(stretch)) = (played, self.stretch.as_mut()) {
                    let known = stretch.prompts.entry(prompt).or_default();
                    *known = known.max(s(since, now.instant));
                }
            }
            Event::LeadsFetched { campaign, leads, open_total, .. } => {
                // Those that were handed out before the span may be dialled within it.
                let sample = self.zones.entry(campaign.clone()).or_default();
                let room = LEADS_SAMPLED.saturating_sub(sample.len());
                let known = leads.iter().filter(|lead| !lead.zones.is_empty());
                sample.extend(known.take(room).map(|lead| lead.zones.clone()));
                if let Some(stretch) = self.stretch.as_mut().filter(|_| leads.is_empty() && *open_total == 0) {
                    stretch.ran_dry.insert(campaign.clone());
                }
            }
            // What the engine asked for, or what follows from what it did.
            Event::Recovered { .. }
            | Event::LeadsChanged { .. }
            | Event::IntentRecorded { .. }
            | Event::IntentRefused { .. }
            | Event::IntentFailed { .. }
            | Event::DialDeferred { .. }
            | Event::Suppressed { .. }
            | Event::AttemptHungUp { .. }
            | Event::InboundHungUp { .. }
            | Event::AgentActed { .. }
            | Event::AgentPresence { .. }
            | Event::AgentLegUp { .. }
            | Event::AgentLegDown { .. }
            | Event::BridgeFailed { .. }
            | Event::Recorded { .. } => {}
        }
    }

    fn said(&mut self, now: Now, command: &Command) {
        match command {
            Command::RecordIntent { intent } => {
                self.intents.insert(intent.attempt, intent.campaign.clone());
            }
            Command::RecordAttempt { end } => {
                self.intents.remove(&end.attempt);
                self.playing.remove(&CallRef::Outbound(end.attempt));
                self.dial_ended(now, end.attempt, end.disposition);
            }
            Command::RecordInbound { end } => {
                let Some(caller) = self.callers.remove(&end.call) else { return };
                let (outcome, queue) = (end.outcome, end.queue.clone());
                self.bridging.remove(&CallRef::Inbound(end.call));
                self.playing.remove(&CallRef::Inbound(end.call));
                let Some(kept) = self.caller(caller.kept) else { return };
                kept.queue = queue;
                match caller.connected {
                    Some(connected) => {
                        kept.patience = Seen::at_least(s(caller.came, connected));
                        kept.talk = Some(Seen::whole(s(connected, now.instant)));
                        self.over.insert(CallRef::Inbound(end.call), Kept::Caller(caller.kept));
                    }
                    None => {
                        let waited_s = s(caller.came, now.instant);
                        kept.patience = Seen { s: waited_s, whole: outcome == InboundOutcome::Abandoned };
                    }
                }
            }
            Command::RecordAgentState { user, state, .. } => self.agent_state(now, *user, state.as_ref()),
            Command::Bridge { call, .. } => {
                self.bridging.insert(*call, now.instant);
            }
            Command::Play { call, prompt, repeat: false } => {
                self.playing.insert(*call, (prompt.clone(), now.instant));
                if let CallRef::Outbound(attempt) = call
                    && let Some(dial) = self.dials.get_mut(attempt)
                {
                    dial.informed.get_or_insert(now.instant);
                }
            }
            _ => {} // tells nothing of the world outside
        }
    }

    fn deed(&mut self, now: Now, deed: Deed) {
        if let Some(stretch) = &mut self.stretch {
            stretch.deeds.push((now.instant.since(stretch.origin.instant), deed));
        }
    }

    fn caller(&mut self, kept: usize) -> Option<&mut CallerSeen> {
        self.stretch.as_mut()?.callers.get_mut(kept)
    }

    fn dial(&mut self, dial: &Dialling) -> Option<&mut DialSeen> {
        self.stretch.as_mut()?.dials.get_mut(&dial.campaign)?.get_mut(dial.kept?)
    }

    /// A dial that has not been answered, and when it left.
    fn ringing(&mut self, attempt: AttemptId) -> Option<(&mut DialSeen, Instant)> {
        let dial = self.dials.get(&attempt).filter(|dial| dial.answered.is_none())?;
        let (key, kept, sent) = (dial.campaign.clone(), dial.kept?, dial.sent?);
        Some((self.stretch.as_mut()?.dials.get_mut(&key)?.get_mut(kept)?, sent))
    }

    fn caller_came(&mut self, now: Now, call: InboundId, trunk: &TrunkName, did: &str) {
        let Some(stretch) = &mut self.stretch else { return };
        let kept = stretch.callers.len();
        stretch.callers.push(CallerSeen {
            trunk: trunk.clone(),
            did: did.to_owned(),
            queue: None,
            patience: Seen::at_least(0.0),
            talk: None,
            wrap_up: None,
        });
        self.callers.insert(call, Calling { kept, came: now.instant, connected: None });
        self.deed(now, Deed::Caller(kept));
    }

    fn dial_left(&mut self, now: Now, attempt: AttemptId) {
        let Some(campaign) = self.intents.get(&attempt).cloned() else { return };
        if self.dials.contains_key(&attempt) {
            return;
        }
        let kept = self.stretch.as_mut().map(|stretch| {
            let dials = stretch.dials.entry(campaign.clone()).or_default();
            dials.push(DialSeen {
                at: now.timestamp,
                rang_s: None,
                rings: Seen::at_least(0.0),
                fate: Fate::Open,
                patience: None,
                talk: None,
                wrap_up: None,
            });
            dials.len() - 1
        });
        let sent = Some(now.instant);
        let dial = Dialling { campaign, kept, sent, answered: None, connected: None, informed: None };
        self.dials.insert(attempt, dial);
    }

    fn classified(&mut self, attempt: AttemptId, verdict: (AnsweredBy, u8, u32)) {
        let Some(dial) = self.dials.get(&attempt).filter(|dial| dial.answered.is_some()) else { return };
        let (key, kept) = (dial.campaign.clone(), dial.kept);
        let dials = self.stretch.as_mut().and_then(|stretch| stretch.dials.get_mut(&key));
        if let Some(seen) = dials.zip(kept).and_then(|(dials, kept)| dials.get_mut(kept)) {
            seen.fate = Fate::Answered(Some(verdict));
        }
    }

    fn dial_failed(&mut self, now: Now, attempt: AttemptId, failure: CallFailure) {
        let Some((kept, sent)) = self.ringing(attempt) else { return };
        let given_up = failure.kind == FailureKind::Cancelled;
        kept.rings = Seen { s: s(sent, now.instant), whole: !given_up };
        kept.fate = if given_up { Fate::Open } else { Fate::Failed(failure) };
    }

    fn bridged(&mut self, now: Now, call: CallRef) {
        let since = self.bridging.remove(&call);
        if let (Some(since), Some(stretch)) = (since, self.stretch.as_mut()) {
            stretch.bridging.push(s(since, now.instant));
        }
        match call {
            CallRef::Inbound(id) => {
                if let Some(caller) = self.callers.get_mut(&id) {
                    caller.connected.get_or_insert(now.instant);
                }
            }
            CallRef::Outbound(id) => {
                if let Some(dial) = self.dials.get_mut(&id) {
                    dial.connected.get_or_insert(now.instant);
                }
            }
        }
    }

    fn dial_ended(&mut self, now: Now, attempt: AttemptId, how: Disposition) {
        let Some(dial) = self.dials.remove(&attempt) else { return };
        let call = CallRef::Outbound(attempt);
        self.bridging.remove(&call);
        if let (Some(_), Some(kept)) = (dial.connected, dial.kept) {
            self.over.insert(call, Kept::Dial(dial.campaign.clone(), kept));
        }
        let Some(kept) = self.dial(&dial) else { return };
        match (dial.answered, dial.connected) {
            (None, _) if matches!(kept.fate, Fate::Open) => {
                kept.rings = Seen::at_least(dial.sent.map_or(0.0, |sent| s(sent, now.instant)));
            }
            (None, _) => {}
            (Some(answered), Some(connected)) => {
                kept.patience = Some(Seen::at_least(s(answered, connected)));
                kept.talk = Some(Seen::whole(s(connected, now.instant)));
            }
            (Some(answered), None) => {
                let until = dial.informed.filter(|_| how != Disposition::HungUp).unwrap_or(now.instant);
                let person = !matches!(kept.fate, Fate::Answered(Some((by, _, _))) if is_machine(by));
                kept.patience = person.then(|| Seen { s: s(answered, until), whole: how == Disposition::HungUp });
            }
        }
    }

    fn agent_state(&mut self, now: Now, user: UserId, state: Option<&AgentState>) {
        self.wrapped_up(user, now.instant, true);
        if let Some(AgentState::WrapUp { call, .. }) = state {
            self.wrapping.insert(user, (*call, now.instant));
        }
        let was = self.standing.agents.get(&user).map(|(_, willing)| *willing);
        match (was, state) {
            (Some(_), None) => self.deed(now, Deed::Leaves(user)),
            (Some(false), Some(state)) if is_willing(state) => self.deed(now, Deed::Willing(user)),
            (Some(true), Some(AgentState::NotReady { reason })) => {
                self.deed(now, Deed::Rests(user, reason.clone()));
            }
            (Some(true), Some(AgentState::Connecting)) => self.deed(now, Deed::Rests(user, "phone".to_owned())),
            (Some(_) | None, _) => {}
        }
    }

    /// The agent's wrap-up is over, or was seen so far.
    fn wrapped_up(&mut self, user: UserId, now: Instant, whole: bool) {
        let Some((call, since)) = self.wrapping.remove(&user) else { return };
        let seen = Some(Seen { s: s(since, now), whole });
        let Some(stretch) = self.stretch.as_mut() else { return };
        match self.over.remove(&call) {
            Some(Kept::Dial(key, kept)) => {
                if let Some(dial) = stretch.dials.get_mut(&key).and_then(|dials| dials.get_mut(kept)) {
                    dial.wrap_up = seen;
                }
            }
            Some(Kept::Caller(kept)) => {
                if let Some(caller) = stretch.callers.get_mut(kept) {
                    caller.wrap_up = seen;
                }
            }
            None => {}
        }
    }
}

/// Not a person.
pub(super) fn is_machine(by: AnsweredBy) -> bool {
    match by {
        AnsweredBy::Machine | AnsweredBy::Fax | AnsweredBy::Announcement => true,
        AnsweredBy::Person | AnsweredBy::Unsure => false,
    }
}

/// Seconds from one instant to another.
fn s(from: Instant, to: Instant) -> f64 {
    to.since(from).as_secs_f64()
}

/// The session of a sign-in.
pub(super) fn session_of(event: &Event) -> Option<(UserId, SessionId)> {
    match event {
        Event::AgentSignedIn { user, session, .. } => Some((*user, *session)),
        _ => None,
    }
}
