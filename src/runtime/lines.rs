//! The telephone side of the driver: what the engine wants done with calls, done with SIP and RTP.
//!
//! Each SIP dialog is a *leg* here, with its media and its purpose: an attempt, an inbound call, an agent's phone. This
//! file holds the table of legs and the facts about them; `outbound`, `inbound` and `agents` do the work of each
//! purpose. Nothing here decides whom to call or whom to connect. Read [`Lines`] and [`Purpose`] first.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;

use crate::engine::event::Event;
use crate::media::classify::AmdSettings;
use crate::media::g711::Law;
use crate::media::leg::SourceRule;
use crate::media::plane::{Command as MediaCommand, Event as MediaEvent, Idle, PromptEnd, Repeat};
use crate::media::ports::MediaPorts;
use crate::media::prompt::PromptShelf;
use crate::media::sdp::{self, LocalMedia, MediaPolicy};
use crate::media::thread::MediaHandle;
use crate::model::attempt::{AnsweredBy, CallRef, Refusal};
use crate::model::id::{AttemptId, InboundId, LegId, Mint, UserId};
use crate::model::name::{CampaignKey, PromptName, TrunkName};
use crate::model::recording::CallRecording;
use crate::model::time::{Instant, Now};
use crate::runtime::handle::PhoneSeen;
use crate::sip::{self, Endpoint};

mod agents;
mod inbound;
mod outbound;
mod recording;

pub use agents::PhonePlan;
pub use inbound::Arrival;
pub use outbound::{Dial, TrunkPlan, spec as call_spec};

/// Silence between two rounds of a repeated prompt, in ms.
const PROMPT_PAUSE_MS: u32 = 1_000;

/// What the configuration says about lines.
#[derive(Clone, Debug)]
pub struct LinePlan {
    /// Where peers send audio: the address that is told in SDP.
    pub media_address: std::net::IpAddr,
    /// Where we are willing to send audio to.
    pub media_policy: MediaPolicy,
    /// Trunks by name.
    pub trunks: BTreeMap<TrunkName, TrunkPlan>,
    /// Phones by name.
    pub phones: BTreeMap<String, PhonePlan>,
    /// How machines are told from people.
    pub detection: AmdSettings,
    /// Host in the addresses of our phones.
    pub domain: String,
    /// Where recordings go.
    pub recordings: PathBuf,
}

/// What a leg is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// An attempt to reach a lead.
    Attempt(AttemptId),
    /// A customer who called.
    Inbound(InboundId),
    /// An agent's phone.
    Agent(UserId),
}

/// One SIP dialog and its audio.
#[derive(Debug)]
struct Leg {
    purpose: Purpose,
    trunk: Option<TrunkName>,
    local: LocalMedia,
    source: SourceRule,
    /// The description of a 18x, in case the 200 has none.
    early: Option<Bytes>,
    rang: bool,
    /// It was connected to an agent; whether it is recorded was decided then.
    joined: bool,
}

/// All calls of the running service.
pub struct Lines {
    endpoint: Endpoint,
    media: MediaHandle,
    /// Something was posted to the media thread since it was last woken.
    media_posted: bool,
    ports: MediaPorts,
    shelf: PromptShelf,
    plan: LinePlan,
    legs: BTreeMap<LegId, Leg>,
    calls: BTreeMap<CallRef, LegId>,
    offers: BTreeMap<InboundId, inbound::Offer>,
    agents: BTreeMap<UserId, agents::AgentLine>,
    /// Recordings whose end was not reported yet.
    recordings: BTreeMap<LegId, (CampaignKey, CallRecording)>,
    trunks: BTreeMap<TrunkName, outbound::Trunk>,
    mint: Mint,
    registered: BTreeMap<String, PhoneSeen>,
    facts: VecDeque<Fact>,
    stale: u64,
    /// What the names of our calls follow from.
    secret: [u8; 32],
    /// The program ends: phones that are released are not rung again.
    ending: bool,
}

/// What the lines tell the driver's loop.
#[derive(Debug)]
pub enum Fact {
    /// For the engine as it is.
    Engine(Event),
    /// A call came in; the driver looks up its story before the engine hears of it.
    Arrived(Arrival),
    /// A dialog began or changed: what is needed to end it after a crash.
    Dialog(Box<sip::DialogRecord>),
    /// A dialog is over.
    DialogOver(LegId),
    /// A customer is recorded from now on; or a recording is complete, or could not begin.
    Recording(Box<CallRecording>),
    /// A recording failed; what was written of it may be in the file.
    RecordingBroke {
        /// As it is if nothing was.
        recording: Box<CallRecording>,
        /// The file.
        file: PathBuf,
    },
    /// A phone registered or left.
    Phones,
    /// What came over this stream cannot be read; close it.
    CloseStream(u64),
}

/// Sizes of the tables, for the test that they all return to nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Legs of any purpose.
    pub legs: usize,
    /// Customers' calls.
    pub calls: usize,
    /// Media ports taken.
    pub ports: usize,
    /// Events about things that were already gone.
    pub stale: u64,
}

impl Lines {
    /// Lines without calls. `salt` must be random, so that leg ids of two runs differ; `secret` is the installation's.
    pub fn new(
        endpoint: Endpoint,
        media: MediaHandle,
        ports: MediaPorts,
        shelf: PromptShelf,
        plan: LinePlan,
        salt: u64,
        secret: [u8; 32],
    ) -> Lines {
        let (trunks, _none) = outbound::trunks(&plan, BTreeMap::new());
        Lines {
            endpoint,
            media,
            media_posted: false,
            ports,
            shelf,
            plan,
            legs: BTreeMap::new(),
            calls: BTreeMap::new(),
            offers: BTreeMap::new(),
            agents: BTreeMap::new(),
            recordings: BTreeMap::new(),
            trunks,
            mint: Mint::new(salt),
            registered: BTreeMap::new(),
            facts: VecDeque::new(),
            stale: 0,
            secret,
            ending: false,
        }
    }

    /// Takes a changed configuration; calls that are up go on. Without a shelf the prompts stay as they are.
    pub fn replan(&mut self, now: Now, plan: LinePlan, shelf: Option<PromptShelf>, settings: sip::Settings) {
        let (trunks, unsent) = outbound::trunks(&plan, std::mem::take(&mut self.trunks));
        self.trunks = trunks;
        for attempt in unsent {
            self.tell(Event::DialDeferred { attempt, refusal: Refusal::TrunkRate });
        }
        self.plan = plan;
        if let Some(shelf) = shelf {
            self.shelf = shelf;
        }
        self.endpoint.reconfigure(now, settings);
    }

    /// When the signalling wants to be called again.
    pub fn poll_sip_timeout(&self) -> Option<Instant> {
        self.endpoint.poll_timeout().map(|(at, _)| at)
    }

    /// Lets the signalling's deadlines pass.
    pub fn handle_sip_timeout(&mut self, now: Now) {
        self.endpoint.handle_timeout(now);
    }

    /// Ends every call, at the end of the program. The engine hears of each, so that its end is recorded.
    pub fn release_all(&mut self, now: Now) {
        self.ending = true;
        for leg in self.legs.keys().copied().collect::<Vec<_>>() {
            match self.legs.get(&leg).map(|line| line.purpose) {
                // The engine would ring a lost phone again.
                Some(Purpose::Agent(_)) | None => self.release(now, leg),
                Some(Purpose::Attempt(_) | Purpose::Inbound(_)) => {
                    self.sip(leg, |endpoint| endpoint.hang_up(now, leg, None));
                    self.ended(now, leg);
                }
            }
        }
        for call in self.offers.keys().copied().collect::<Vec<_>>() {
            self.reject_inbound(now, call, 503);
            self.tell(Event::InboundHungUp { call });
        }
    }

    /// Phones that are registered, by name.
    pub fn registered(&self) -> &BTreeMap<String, PhoneSeen> {
        &self.registered
    }

    /// The SIP endpoint, for the driver's loop to feed.
    pub fn endpoint(&mut self) -> &mut Endpoint {
        &mut self.endpoint
    }

    /// The way to the media thread.
    pub fn media_handle(&self) -> MediaHandle {
        self.media.clone()
    }

    /// Wakes the media thread if there is something for it: once for everything that one input brought about.
    pub fn nudge_media(&mut self) {
        if std::mem::take(&mut self.media_posted)
            && let Err(error) = self.media.nudge()
        {
            tracing::error!(%error, "the media thread cannot be woken");
        }
    }

    /// The next fact. The driver drains them after each input.
    pub fn poll_fact(&mut self) -> Option<Fact> {
        self.facts.pop_front()
    }

    /// When a dial that waits for its trunk's rate may leave, or a phone has rung long enough.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.trunks.values().filter_map(|trunk| trunk.ask_at).chain(self.phones_due()).min()
    }

    /// Recordings whose end was not reported yet.
    pub fn recording(&self) -> usize {
        self.recordings.len()
    }

    /// Sizes of the tables.
    pub fn counts(&self) -> Counts {
        Counts { legs: self.legs.len(), calls: self.calls.len(), ports: self.ports.taken(), stale: self.stale }
    }

    /// Plays a prompt to a customer.
    pub fn play(&mut self, call: CallRef, prompt: &PromptName, repeat: bool) {
        let Some(leg) = self.calls.get(&call).copied() else { return self.stale() };
        let Some(prompt) = self.shelf.find(prompt.as_str()) else {
            // The configuration was checked, so this is a prompt that vanished from a reload while a call was up.
            tracing::error!(prompt = %prompt, "there is no such prompt; the call goes on without it");
            // One that repeats never ends by itself, so the engine must not hear that it did.
            return if repeat { self.stale() } else { self.tell(Event::PromptEnded { call }) };
        };
        let repeat = if repeat { Repeat::Loop { pause_ms: PROMPT_PAUSE_MS } } else { Repeat::Once };
        self.media(MediaCommand::Play { leg, prompt, repeat });
    }

    /// Ends a customer's call.
    pub fn hang_up(&mut self, now: Now, call: CallRef) {
        self.withdraw_phone(now, call);
        match self.calls.get(&call).copied() {
            Some(leg) => {
                self.release(now, leg);
            }
            None => match call {
                // Not answered by us yet, or already gone.
                CallRef::Inbound(id) => self.reject_inbound(now, id, 480),
                CallRef::Outbound(_) => self.stale(),
            },
        }
    }

    /// Takes what the SIP endpoint reports.
    pub fn handle_sip(&mut self, now: Now, event: sip::Event) {
        match event {
            sip::Event::Trying { .. } => {}
            sip::Event::Resent { leg } => self.remember_dialog(leg),
            sip::Event::Ringing { leg, early_sdp, .. } => self.ringing(leg, early_sdp),
            sip::Event::Answered { leg, sdp, .. } => self.answered(now, leg, sdp),
            sip::Event::Failed { leg, cause } => self.failed(now, leg, &cause),
            sip::Event::Ended { leg, .. } => self.ended(now, leg),
            sip::Event::Reoffer { leg, sdp } => self.reoffered(now, leg, sdp),
            sip::Event::ReofferAnswered { leg, result } => self.offer_answered(now, leg, result),
            sip::Event::Incoming(incoming) => self.incoming(now, incoming),
            sip::Event::Registered { user, remote, user_agent, expires_s, .. } => {
                tracing::info!(phone = %user, %remote, user_agent, "registered");
                let until = now.timestamp + Duration::from_secs(u64::from(expires_s));
                self.registered.insert(user.to_string(), PhoneSeen { address: remote, user_agent, until });
                self.facts.push_back(Fact::Phones);
            }
            sip::Event::Unregistered { user } => {
                tracing::info!(phone = %user, "no longer registered");
                self.registered.remove(user.as_ref());
                self.facts.push_back(Fact::Phones);
            }
            sip::Event::TrunkUp { trunk } => self.trunk_health(&trunk, true),
            sip::Event::TrunkDown { trunk, status } => {
                tracing::warn!(%trunk, status, "the trunk does not answer its keep-alive");
                self.trunk_health(&trunk, false);
            }
            sip::Event::AuthFailure { remote, user } => {
                tracing::warn!(%remote, user, "a phone's password was wrong");
            }
            sip::Event::CloseStream { connection } => self.facts.push_back(Fact::CloseStream(connection)),
            sip::Event::Dtmf { .. } => {}
        }
    }

    /// Takes what the media thread reports.
    pub fn handle_media(&mut self, now: Now, event: MediaEvent) {
        match event {
            MediaEvent::PromptEnded { leg, end: PromptEnd::Finished, .. } => {
                if let Some(call) = self.call_of(leg) {
                    self.tell(Event::PromptEnded { call });
                }
            }
            MediaEvent::Classified { leg, classification } => self.classified(leg, &classification),
            MediaEvent::RtpSilent { leg, .. } => {
                // I-42: a call on which nothing has been heard for so long is over, whatever the signalling says.
                if self.legs.contains_key(&leg) {
                    tracing::warn!(%leg, "no audio for 30 s; the call is ended");
                    self.sip(leg, |endpoint| endpoint.hang_up(now, leg, None));
                    self.ended(now, leg);
                }
            }
            event @ (MediaEvent::Recorded { .. } | MediaEvent::RecordFailed { .. }) => self.recorded(now, event),
            MediaEvent::Refused { leg, why } => {
                tracing::error!(%leg, %why, "the media thread refused a command");
            }
            MediaEvent::PromptEnded { .. }
            | MediaEvent::LegLatched { .. }
            | MediaEvent::Digit { .. }
            | MediaEvent::DigitsSent { .. }
            | MediaEvent::FirstAudioOut { .. }
            | MediaEvent::LegClosed { .. } => {}
        }
    }

    /// A dialog is over, by either side.
    fn ended(&mut self, now: Now, leg: LegId) {
        let Some(purpose) = self.forget(leg) else {
            return if self.offer_ended(leg) {
            } else {
                self.stale()
            };
        };
        match purpose {
            Purpose::Attempt(attempt) => {
                self.withdraw_phone(now, CallRef::Outbound(attempt));
                self.tell(Event::AttemptHungUp { attempt });
            }
            Purpose::Inbound(call) => {
                self.withdraw_phone(now, CallRef::Inbound(call));
                self.tell(Event::InboundHungUp { call });
            }
            Purpose::Agent(user) => self.phone_down(user, leg),
        }
    }

    fn classified(&mut self, leg: LegId, classification: &crate::media::classify::Classification) {
        use crate::media::classify::Verdict;
        let Some(Purpose::Attempt(attempt)) = self.legs.get(&leg).map(|l| l.purpose) else { return self.stale() };
        let by = match classification.verdict {
            Verdict::Human => AnsweredBy::Person,
            Verdict::Machine => AnsweredBy::Machine,
            Verdict::Fax => AnsweredBy::Fax,
            Verdict::SpecialInformationTone => AnsweredBy::Announcement,
            Verdict::Ringback | Verdict::Silence | Verdict::Unsure => AnsweredBy::Unsure,
        };
        let confidence = (classification.confidence.clamp(0.0, 1.0) * 100.0) as u8;
        let took_ms = u32::try_from(classification.took.as_millis()).unwrap_or(u32::MAX);
        self.tell(Event::AttemptClassified { attempt, by, confidence, took_ms });
    }

    /// Reads a peer's description and tells the media thread; `false` if it cannot be used.
    fn agree(&mut self, leg: LegId, description: &[u8]) -> bool {
        let Some(line) = self.legs.get(&leg) else { return false };
        let agreed = sdp::parse(description, &self.plan.media_policy)
            .and_then(|remote| sdp::accept_answer(&line.local, &remote));
        match agreed {
            Ok(media) => {
                let source = line.source;
                self.media(MediaCommand::SetRemote { leg, media, source });
                true
            }
            Err(error) => {
                tracing::warn!(%leg, %error, "the other side's media description cannot be used");
                false
            }
        }
    }

    /// Answers an offer that came with a call or during it; `None` if it cannot be used.
    fn answer_offer(&mut self, leg: LegId, description: &[u8]) -> Option<Bytes> {
        let line = self.legs.get_mut(&leg)?;
        let answered =
            sdp::parse(description, &self.plan.media_policy).and_then(|remote| sdp::answer(&line.local, &remote));
        match answered {
            Ok((bytes, media)) => {
                line.local.version += 1;
                let source = line.source;
                self.media(MediaCommand::SetRemote { leg, media, source });
                Some(bytes)
            }
            Err(error) => {
                tracing::warn!(%leg, %error, "the other side's media description cannot be used");
                None
            }
        }
    }

    fn reoffered(&mut self, now: Now, leg: LegId, description: Option<Bytes>) {
        let answer = match description {
            Some(description) => self.answer_offer(leg, &description),
            // RFC 3261 section 14.2: a re-INVITE without an offer asks for ours.
            None => self.legs.get_mut(&leg).map(|line| {
                line.local.version += 1;
                sdp::offer(&line.local)
            }),
        };
        self.sip(leg, |endpoint| match answer {
            Some(sdp) => endpoint.answer_reoffer(now, leg, sdp),
            None => endpoint.reject_reoffer(now, leg, 488),
        });
    }

    /// The other side answered an offer of ours: in the ACK of a call that came without one.
    fn offer_answered(&mut self, now: Now, leg: LegId, result: Result<Bytes, u16>) {
        let agreed = match result {
            Ok(description) => self.agree(leg, &description),
            // The session stays as it was.
            Err(_) => true,
        };
        if !agreed {
            self.sip(leg, |endpoint| endpoint.hang_up(now, leg, None));
            self.ended(now, leg);
        }
    }

    /// Ends a dialog and forgets it.
    fn release(&mut self, now: Now, leg: LegId) {
        self.sip(leg, |endpoint| endpoint.hang_up(now, leg, None));
        self.forget(leg);
    }

    /// Says something to the endpoint about a leg that may be gone in the meantime, which is normal.
    fn sip(&mut self, leg: LegId, say: impl FnOnce(&mut Endpoint) -> Result<(), sip::LegError>) {
        if let Err(error) = say(&mut self.endpoint) {
            tracing::debug!(%leg, %error, "the leg did not take it");
            self.stale();
        }
    }

    /// Keeps what is needed to end this dialog after a crash.
    fn remember_dialog(&mut self, leg: LegId) {
        if let Some(record) = self.endpoint.dialog_record(leg) {
            self.facts.push_back(Fact::Dialog(Box::new(record)));
        }
    }

    fn trunk_health(&mut self, trunk: &str, up: bool) {
        match trunk.parse() {
            Ok(trunk) => self.tell(Event::TrunkHealth { trunk, up }),
            Err(_) => self.stale(),
        }
    }

    /// Takes ports and makes a leg with an open media side.
    fn open(
        &mut self,
        leg: LegId,
        purpose: Purpose,
        trunk: Option<TrunkName>,
        laws: &[Law],
        source: SourceRule,
        idle: Idle,
    ) -> Result<(), String> {
        let ports = self.ports.take().map_err(|error| error.to_string())?;
        let port = ports.port().map_err(|error| error.to_string())?;
        let mut local = LocalMedia::new(self.plan.media_address, port, leg.0.unsigned_abs());
        local.codecs = laws.to_vec();
        self.media.post_open(leg, ports, idle).map_err(|error| error.to_string())?;
        self.media_posted = true;
        if let Some(name) = &trunk
            && let Some(trunk) = self.trunks.get_mut(name)
        {
            trunk.in_use.insert(leg);
        }
        let entry = Leg { purpose, trunk, local, source, early: None, rang: false, joined: false };
        match purpose {
            Purpose::Attempt(attempt) => drop(self.calls.insert(CallRef::Outbound(attempt), leg)),
            Purpose::Inbound(call) => drop(self.calls.insert(CallRef::Inbound(call), leg)),
            Purpose::Agent(_) => {}
        }
        self.legs.insert(leg, entry);
        Ok(())
    }

    /// Removes a leg from all tables and closes its audio.
    fn forget(&mut self, leg: LegId) -> Option<Purpose> {
        let line = self.legs.remove(&leg)?;
        if let Some(trunk) = line.trunk.as_ref().and_then(|name| self.trunks.get_mut(name)) {
            trunk.in_use.remove(&leg);
        }
        match line.purpose {
            Purpose::Attempt(attempt) => drop(self.calls.remove(&CallRef::Outbound(attempt))),
            Purpose::Inbound(call) => drop(self.calls.remove(&CallRef::Inbound(call))),
            Purpose::Agent(_) => {}
        }
        self.media(MediaCommand::CloseLeg { leg });
        self.facts.push_back(Fact::DialogOver(leg));
        Some(line.purpose)
    }

    fn call_of(&self, leg: LegId) -> Option<CallRef> {
        match self.legs.get(&leg)?.purpose {
            Purpose::Attempt(attempt) => Some(CallRef::Outbound(attempt)),
            Purpose::Inbound(call) => Some(CallRef::Inbound(call)),
            Purpose::Agent(_) => None,
        }
    }

    fn media(&mut self, command: MediaCommand) {
        // The queue is deeper than all legs together can fill between two turns of the media thread.
        self.media_posted = true;
        if let Err(error) = self.media.post(command) {
            tracing::error!(%error, "the media thread does not take commands");
        }
    }

    fn tell(&mut self, event: Event) {
        self.facts.push_back(Fact::Engine(event));
    }

    fn stale(&mut self) {
        self.stale += 1;
    }
}
