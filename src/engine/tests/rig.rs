//! A perfect world for the engine: the store answers at once, phones answer, bridges stand. A test sets only what it is
//! about, and switches off what it wants to answer itself.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::invariants;
use crate::engine::Engine;
use crate::engine::command::{Answer, Command, RequestRefusal};
use crate::engine::event::{AgentAction, DayCounts, Event, GroupChange, RecordedOutcome};
use crate::engine::snapshot::{CampaignView, GroupView, QueueView};
use crate::model::agent::{AgentState, Device, DeviceLeg};
use crate::model::attempt::*;
use crate::model::calling_hours::WeeklyHours;
use crate::model::campaign::*;
use crate::model::disposition::Disposition;
use crate::model::id::*;
use crate::model::lead::{Lead, NumberFacts};
use crate::model::phone::PhoneNumber;
use crate::model::profile::Profile;
use crate::model::settings::*;
use crate::model::time::{Instant, Now, Timestamp};

/// 2026-11-23, a Monday, 10:00 in Shanghai.
pub const MORNING_MS: i64 = 1_795_399_200_000;

/// What the world does by itself.
#[derive(Clone, Copy, Debug)]
pub struct Manners {
    /// The store records intents at once.
    pub intents: bool,
    /// The store answers requests at once: `Some(true)` durable, `Some(false)` refused.
    pub records: Option<bool>,
    /// INVITEs leave at once.
    pub sends: bool,
    /// Phones ring at once.
    pub rings: bool,
    /// Cancelled calls end at once.
    pub cancels: bool,
    /// Agents are bridged at once.
    pub bridges: bool,
    /// Nailed-up phones answer at once.
    pub legs: bool,
    /// The store hands out leads.
    pub leads: bool,
}

pub struct Rig {
    pub engine: Engine,
    pub now: Now,
    pub manners: Manners,
    pub settings: Settings,
    pub supply: VecDeque<Lead>,
    /// Every command so far, with its moment.
    pub log: Vec<(Now, Command)>,
    pub next_id: i64,
}

pub fn group() -> crate::model::name::GroupName {
    "blend".parse().unwrap()
}

pub fn trunk() -> crate::model::name::TrunkName {
    "carrier".parse().unwrap()
}

pub fn key() -> crate::model::name::CampaignKey {
    "offer".parse().unwrap()
}

pub fn number(n: i64) -> PhoneNumber {
    PhoneNumber::from_e164(&format!("+86138{n:08}")).unwrap()
}

pub fn user(n: i64) -> UserId {
    UserId(n)
}

pub fn profile() -> Profile {
    Profile {
        name: "cn".parse().unwrap(),
        title: "test".into(),
        sources: vec![],
        notice: String::new(),
        hours: WeeklyHours::always(),
        abandon_rate_max: 0.03,
        abandon: Default::default(),
        connect_deadline_s: 2.0,
        ring_min_s: 15.0,
        attempt_caps: vec![],
        abandon_cool_off_s: 72 * 3600,
        consent_required: false,
        information_message: String::new(),
        messages: Default::default(),
    }
}

pub fn campaign() -> Campaign {
    let result = |key: &str, disposition| AgentResult {
        key: key.into(),
        title: key.into(),
        disposition,
        note_required: disposition == Disposition::Other,
    };
    Campaign {
        key: key(),
        title: "Offer".into(),
        offer: Offer { name: "offer".into(), selling_points: vec![], steps: vec![] },
        script: vec![],
        questionnaire: vec![Question {
            key: "age".into(),
            text: "Age?".into(),
            answer: crate::model::campaign::Answer::Number { min: Some(0.0), max: Some(150.0) },
            required: true,
        }],
        results: vec![
            result("took-it", Disposition::Accepted),
            result("no", Disposition::Declined),
            result("later", Disposition::Callback),
            result("stop", Disposition::DoNotCall),
            result("other", Disposition::Other),
        ],
        hours: WeeklyHours::always(),
        pacing: Pacing::Progressive { ringing_max: None },
        group: group(),
        idle_threshold_min: None,
        assignment: Assignment::LongestIdle,
        profile: "cn".parse().unwrap(),
        caller_id: PhoneNumber::from_e164("+862112345678").unwrap(),
        caller_ids: vec![],
        limits: Default::default(),
        leads: Default::default(),
        numbers: Default::default(),
        schedule: vec![],
        trunks: vec![trunk()],
        ring_timeout_s: 25,
        cancel_before_ring_min: false,
        may_cancel_ringing: true,
        retry: [(Disposition::NoAnswer, RetryRule { after_s: 3600, attempts_max: 3 })].into(),
        attempt_caps: vec![],
        attempts_max: 5,
        abandon_rate_max: 0.03,
        wrap_up_s: 30,
        priority: 50,
        tier: 1,
        detect_machines: false,
        recording: Recording::default(),
        callbacks: Default::default(),
        replies: None,
        outreach: Default::default(),
        landing: None,
        pre_registration: None,
        order: None,
        costs: Default::default(),
        information_message: "information".parse().unwrap(),
    }
}

pub fn settings() -> Settings {
    let queue = QueueSettings {
        title: "Service".into(),
        hours: None,
        service_level_target: 0.8,
        within_s: 10.0,
        wait_max_s: 300.0,
        waiting_max: 50,
        hold_prompt: "hold".parse().unwrap(),
        greeting_prompt: Some("please-wait".parse().unwrap()),
        closed_prompt: "closed".parse().unwrap(),
        overflow_prompt: "overflow".parse().unwrap(),
        priority: 50,
    };
    let blend = GroupSettings {
        title: "Blend".into(),
        queues: vec!["service".parse().unwrap()],
        outbound: true,
        idle_threshold: IdleThreshold::Above(0.2),
        hysteresis: 0.1,
        dwell_s: 5.0,
        reserve: 0,
        smoothing_s: 0.0,
        serve_first: ServeFirst::Auto,
        keep_for_answers: true,
        wrap_up_s: 20,
    };
    Settings {
        trunks: [(trunk(), TrunkLimits { channels_max: 100, calls_per_second: 100.0 })].into(),
        groups: [(group(), blend)].into(),
        queues: [("service".parse().unwrap(), queue)].into(),
        numbers: [
            ("+862112340000".to_owned(), NumberRoute::Queue { queue: "service".parse().unwrap() }),
            ("+862112345678".to_owned(), NumberRoute::Campaign { campaign: key(), queue: "service".parse().unwrap() }),
        ]
        .into(),
        profiles: [("cn".parse().unwrap(), profile())].into(),
        zone: "Asia/Shanghai".into(),
        tzdata: "2026a".into(),
    }
}

pub fn lead(n: i64) -> Lead {
    Lead {
        id: LeadId(n),
        campaign: key(),
        list: ListId(1),
        number: number(n),
        zones: vec!["Asia/Shanghai".into()],
        attempts: BTreeMap::new(),
        numbers: Default::default(),
        facts: NumberFacts::default(),
        callback: None,
    }
}

impl Rig {
    /// A world with settings, nobody signed in, no campaign.
    pub fn bare(settings: Settings) -> Rig {
        let manners = Manners {
            intents: true,
            records: Some(true),
            sends: true,
            rings: true,
            cancels: true,
            bridges: true,
            legs: true,
            leads: true,
        };
        let now = Now { instant: Instant::from_micros(1), timestamp: Timestamp::from_millis(MORNING_MS) };
        let mut rig = Rig {
            engine: Engine::new(7),
            now,
            manners,
            settings: settings.clone(),
            supply: VecDeque::new(),
            log: Vec::new(),
            next_id: 1000,
        };
        rig.tell(Event::SettingsApplied { settings: Arc::new(settings) });
        rig
    }

    /// `agents` ready agents and a running campaign with plenty of leads; the gate is still closed.
    pub fn with(agents: i64, campaign: Campaign) -> Rig {
        let mut rig = Rig::bare(settings());
        rig.begin(agents, campaign);
        rig
    }

    pub fn begin(&mut self, agents: i64, campaign: Campaign) {
        self.supply.extend((1..=200).map(lead));
        for n in 1..=agents {
            self.staff(n);
        }
        self.run_campaign(campaign);
    }

    pub fn run_campaign(&mut self, campaign: Campaign) {
        let state = CampaignState::Running;
        self.tell(Event::CampaignApplied { campaign: Arc::new(campaign), state, today: Some(DayCounts::default()) });
    }

    /// As `with`, with the gate open and the first dials out.
    pub fn dialling(agents: i64, campaign: Campaign) -> Rig {
        let mut rig = Rig::with(agents, campaign);
        rig.wait(6.0);
        rig
    }

    // ---- the world's inputs ----

    pub fn tell(&mut self, event: Event) {
        self.engine.handle(self.now, event);
        self.settle();
    }

    /// Lets time pass, firing each deadline at its time.
    pub fn wait(&mut self, seconds: f64) {
        let end = self.now.later(Duration::from_secs_f64(seconds));
        while let Some((at, _)) = self.engine.poll_timeout().filter(|(at, _)| *at <= end.instant) {
            let span = at.since(self.now.instant);
            self.now = self.now.later(span);
            self.engine.handle_timeout(self.now);
            self.settle();
        }
        self.now = end;
    }

    fn settle(&mut self) {
        let mut answers = VecDeque::new();
        self.drain(&mut answers);
        while let Some(event) = answers.pop_front() {
            self.engine.handle(self.now, event);
            self.drain(&mut answers);
        }
    }

    fn drain(&mut self, answers: &mut VecDeque<Event>) {
        while let Some(command) = self.engine.poll_command() {
            invariants::check_command(&self.engine, &command);
            self.react(&command, answers);
            self.log.push((self.now, command));
        }
        invariants::check(&self.engine);
    }

    fn react(&mut self, command: &Command, answers: &mut VecDeque<Event>) {
        let manners = self.manners;
        match command {
            Command::FetchLeads { campaign, limit, question, .. } if manners.leads => {
                let mut leads = Vec::new();
                while leads.len() < *limit as usize
                    && let Some(place) = self.supply.iter().position(|lead| lead.campaign == *campaign)
                {
                    leads.extend(self.supply.remove(place));
                }
                let open_total = self.supply.len() as u64;
                answers.push_back(Event::LeadsFetched {
                    campaign: campaign.clone(),
                    leads,
                    next_due: None,
                    open_total,
                    question: Some(*question),
                });
            }
            Command::RecordIntent { intent } if manners.intents => {
                answers.push_back(Event::IntentRecorded { attempt: intent.attempt });
            }
            Command::Dial { attempt, trunks, .. } if manners.sends => {
                answers.push_back(Event::AttemptSent { attempt: *attempt, trunk: trunks[0].clone() });
                if manners.rings {
                    answers.push_back(Event::AttemptRinging { attempt: *attempt });
                }
            }
            Command::WithdrawDial { attempt } if !manners.sends => {
                answers.push_back(Event::DialDeferred { attempt: *attempt, refusal: Refusal::Pacing });
            }
            Command::CancelAttempt { attempt, .. } if manners.cancels => {
                answers.push_back(Event::AttemptFailed {
                    attempt: *attempt,
                    failure: failed(FailureKind::Cancelled, 487),
                });
            }
            Command::Bridge { call, user, .. } if manners.bridges => {
                answers.push_back(Event::Bridged { call: *call, user: *user });
            }
            Command::RingAgent { user } if manners.legs => answers.push_back(Event::AgentLegUp { user: *user }),
            Command::RecordResult { result: CallResult { request: Some(request), .. } }
            | Command::RecordCampaignState { request: Some(request), .. }
            | Command::RecordGroupControl { request, .. } => {
                if let Some(ok) = manners.records {
                    answers.push_back(Event::Recorded { request: *request, ok });
                }
            }
            _ => {}
        }
    }

    pub fn id(&mut self) -> i64 {
        self.next_id += 1;
        self.next_id
    }

    /// Signs in with a nailed-up phone and presses Ready.
    pub fn staff(&mut self, n: i64) {
        self.sign_in(n, DeviceLeg::NailedUp, vec![group()]);
        assert_eq!(self.act(n, AgentAction::Ready), Ok(()));
    }

    pub fn sign_in(&mut self, n: i64, leg: DeviceLeg, groups: Vec<crate::model::name::GroupName>) {
        let request = RequestId(self.id());
        let device = Device { phone: format!("phone-{n}"), leg };
        let (name, login, session) = (format!("Agent {n}"), format!("agent-{n}"), SessionId(n));
        self.tell(Event::AgentSignedIn { request, user: user(n), session, name, login, groups, device });
        assert_eq!(self.answer_to(request), Some(Ok(())));
    }

    pub fn act(&mut self, n: i64, action: AgentAction) -> Result<(), RequestRefusal> {
        let request = RequestId(self.id());
        self.tell(Event::AgentActed { request, user: user(n), session: SessionId(n), action });
        self.answer_to(request).unwrap_or(Ok(()))
    }

    pub fn answer_to(&self, wanted: RequestId) -> Option<Result<(), RequestRefusal>> {
        self.log.iter().rev().find_map(|(_, command)| match command {
            Command::Reply { request, answer } if *request == wanted => Some(match answer {
                Answer::Done => Ok(()),
                Answer::Refused { why } => Err(why.clone()),
            }),
            _ => None,
        })
    }

    pub fn record(&mut self, n: i64, call: CallRef, result: &str) -> Result<(), RequestRefusal> {
        self.act(n, AgentAction::Record { call, outcome: outcome(result) })
    }

    /// An inbound caller to the service queue.
    pub fn caller(&mut self) -> InboundId {
        self.caller_to("+862112340000")
    }

    pub fn caller_to(&mut self, did: &str) -> InboundId {
        let call = InboundId(self.id());
        let did = did.to_owned();
        self.tell(Event::InboundOffered { call, trunk: trunk(), did, caller: Some(number(99_999)), story: None });
        call
    }

    pub fn answer(&mut self, attempt: AttemptId) {
        self.tell(Event::AttemptAnswered { attempt });
    }

    pub fn hang_up(&mut self, attempt: AttemptId) {
        self.tell(Event::AttemptHungUp { attempt });
    }

    pub fn fail(&mut self, attempt: AttemptId, status: u16) {
        self.tell(Event::AttemptFailed { attempt, failure: failed(FailureKind::Rejected, status) });
    }

    pub fn control(&mut self, change: GroupChange) -> Option<Result<(), RequestRefusal>> {
        let request = RequestId(self.id());
        self.tell(Event::GroupControl { request, group: group(), change });
        self.answer_to(request)
    }

    pub fn set_campaign(&mut self, state: CampaignState) -> Option<Result<(), RequestRefusal>> {
        let request = RequestId(self.id());
        self.tell(Event::CampaignControl { request, campaign: key(), state });
        self.answer_to(request)
    }

    // ---- what can be seen ----

    /// Attempts that were dialled and have not ended, oldest first.
    pub fn ringing(&self) -> Vec<AttemptId> {
        let stage = |id: &AttemptId| self.engine.attempts.get(id).map(|attempt| attempt.stage);
        let out = crate::engine::dialer::attempt::Stage::Out;
        self.engine.attempts.keys().filter(|id| stage(id) == Some(out)).copied().collect()
    }

    pub fn state(&self, n: i64) -> AgentState {
        self.engine.agents.get(&user(n)).map(|agent| agent.state.clone()).expect("signed in")
    }

    pub fn group(&self) -> GroupView {
        self.engine.snapshot(self.now).groups.into_iter().find(|view| view.group == group()).unwrap()
    }

    pub fn queue(&self) -> QueueView {
        self.engine.snapshot(self.now).queues.into_iter().next().unwrap()
    }

    pub fn board(&self) -> CampaignView {
        self.engine.snapshot(self.now).campaigns.into_iter().find(|view| view.campaign == key()).unwrap()
    }

    pub fn refusals(&self, code: &str) -> u64 {
        self.board().refusals.get(code).copied().unwrap_or_default()
    }

    /// How many commands so far fit.
    pub fn count(&self, fits: impl Fn(&Command) -> bool) -> usize {
        self.log.iter().filter(|(_, command)| fits(command)).count()
    }

    /// The last command that fits, with its moment.
    pub fn last(&self, fits: impl Fn(&Command) -> bool) -> Option<(Now, Command)> {
        self.log.iter().rev().find(|(_, command)| fits(command)).cloned()
    }

    pub fn end_of(&self, id: AttemptId) -> Option<AttemptEnd> {
        self.log.iter().rev().find_map(|(_, command)| match command {
            Command::RecordAttempt { end } if end.attempt == id => Some(end.clone()),
            _ => None,
        })
    }

    pub fn inbound_end_of(&self, id: InboundId) -> Option<InboundEnd> {
        self.log.iter().rev().find_map(|(_, command)| match command {
            Command::RecordInbound { end } if end.call == id => Some(end.clone()),
            _ => None,
        })
    }

    pub fn result_of(&self, call: CallRef) -> Option<CallResult> {
        self.log.iter().rev().find_map(|(_, command)| match command {
            Command::RecordResult { result } if result.call == call => Some(result.clone()),
            _ => None,
        })
    }

    pub fn played(&self, call: CallRef, prompt: &str) -> bool {
        let wanted = prompt;
        self.count(|c| matches!(c, Command::Play { call: to, prompt, .. } if *to == call && prompt.as_str() == wanted))
            > 0
    }

    pub fn hung_up(&self, call: CallRef) -> bool {
        self.count(|c| matches!(c, Command::HangUp { call: to } if *to == call)) > 0
    }
}

pub fn failed(kind: FailureKind, status: u16) -> CallFailure {
    CallFailure { kind, status, q850: 0, rang: true, retry_after_s: None }
}

pub fn outcome(result: &str) -> RecordedOutcome {
    RecordedOutcome {
        result: result.to_owned(),
        answers: [("age".to_owned(), "42".to_owned())].into(),
        note: String::new(),
        callback: None,
        order: None,
    }
}
