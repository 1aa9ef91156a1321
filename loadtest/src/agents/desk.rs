//! One agent at the desk: what is on the screen leads to what is done next.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use lull::model::agent::{AgentState, AgentView};
use lull::model::attempt::CallRef;
use lull::model::campaign::Campaign;
use lull::model::id::LeadId;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::phone::{Line, Phone};
use super::{Agent, Setup, Shared, stopped, tally};
use crate::calendar;
use crate::chance::Chance;
use crate::http::{Client, HttpError};
use crate::sip::digest::Account;
use crate::socket::Socket;
use crate::sound::{Mark, Mouth};

/// After a trouble the agent comes back after this time.
const COME_BACK: Duration = Duration::from_secs(2);
/// Screens that may wait for the agent.
const SCREENS: usize = 16;
/// A result that could not be delivered is tried again after this time, so often.
const DELIVER_AGAIN: Duration = Duration::from_secs(1);
const DELIVERIES_MAX: u32 = 30;
/// Whoever was connected this long must have been heard.
const AUDIO_DUE: Duration = Duration::from_secs(6);
/// How long a lead is looked at before it is called, on average, in seconds.
const LOOK_S: f64 = 8.0;

/// An agent at work.
pub struct Desk {
    setup: Arc<Setup>,
    index: usize,
    shared: Shared,
    chance: Chance,
    http: Client,
    line: Line,
    session: String,
    reasons: Vec<String>,
    call: Option<AtHand>,
    plan: Option<(Instant, Plan)>,
    on_break: bool,
}

/// The call at hand.
struct AtHand {
    call: CallRef,
    number: Option<String>,
    campaign: Option<Campaign>,
    since: Instant,
    /// No person was heard.
    machine: bool,
    over: bool,
    recorded: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plan {
    Call(LeadId),
    HangUp,
    Record,
    Ready,
    Break,
}

impl Desk {
    /// The agent with this index.
    pub fn new(setup: Arc<Setup>, index: usize, shared: Shared) -> Desk {
        // Each agent has an address, as at a desk of one's own: logins are counted by address.
        let from = setup.api.ip().is_loopback().then(|| {
            let index = u16::try_from(index).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::new(127, 0, 10 + (index / 200) as u8, 1 + (index % 200) as u8))
        });
        let from = from.filter(|_| setup.api.is_ipv4() && cfg!(target_os = "linux"));
        let http = Client::new(setup.api, from);
        let chance = Chance::of(setup.seed, &format!("agent {index}"));
        Desk {
            setup,
            index,
            shared,
            chance,
            http,
            line: Line::default(),
            session: String::new(),
            reasons: Vec::new(),
            call: None,
            plan: None,
            on_break: false,
        }
    }

    fn agent(&self) -> &Agent {
        &self.setup.people[self.index]
    }

    /// Works until told to stop, whatever happens in between.
    pub async fn work(mut self, mut stops: watch::Receiver<bool>) {
        let account = Account { username: self.agent().phone.clone(), password: self.agent().phone_password.clone() };
        let phone = match Phone::open(self.setup.registrar, &self.setup.domain, account).await {
            Ok((phone, strangers)) => {
                self.line = phone.line();
                let shared = self.shared.clone();
                tokio::spawn(phone.work(strangers, stops.clone(), move |what| tally(&shared).trouble(what)))
            }
            Err(error) => return tally(&self.shared).find("no_phone", error.to_string()),
        };
        while !*stops.borrow() {
            let shift = tokio::select! {
                () = stopped(&mut stops) => break,
                shift = self.shift() => shift,
            };
            let code = match shift {
                Ok(()) => "desk_closed".to_owned(),
                Err(HttpError::Refused { status, .. }) => format!("desk_{status}"),
                Err(HttpError::Io(_)) => "desk_connection".to_owned(),
                Err(HttpError::Slow) => "desk_slow".to_owned(),
                Err(HttpError::Garbled(what)) => format!("desk_garbled: {what}"),
            };
            tally(&self.shared).trouble(&code);
            let _ = tokio::time::timeout(COME_BACK, stopped(&mut stops)).await;
        }
        let _ = phone.await;
    }

    /// From logging in until the desk's connection ends.
    async fn shift(&mut self) -> Result<(), HttpError> {
        if self.http.token().is_none() {
            let (login, password) = (self.agent().login.clone(), self.agent().password.clone());
            self.http.log_in(&login, &password).await?;
        }
        let signed_in = match self.http.post("/api/v1/desk/sign-in", &json!({})).await {
            Err(HttpError::Refused { status: 401, body, retry_after_s }) => {
                let from = self.http.from();
                self.http = Client::new(self.setup.api, from);
                return Err(HttpError::Refused { status: 401, body, retry_after_s });
            }
            other => other?,
        };
        self.session = signed_in["session"].as_str().ok_or(HttpError::Garbled("no session"))?.to_owned();
        let reasons = self.http.get("/api/v1/settings/reasons").await?;
        self.reasons = serde_json::from_value(reasons).unwrap_or_default();
        let path = format!("/api/v1/desk/socket?session={}", self.session);
        let token = self.http.token().unwrap_or_default().to_owned();
        let socket = Socket::open(self.setup.api, self.http.from(), &path, &token).await?;
        let mut screens = read_screens(socket);
        self.plan = None;
        self.on_break = false;
        loop {
            let due = self.plan.map(|(at, _)| at);
            tokio::select! {
                screen = screens.recv() => match screen {
                    Some(Ok(text)) => self.look(&text).await?,
                    Some(Err(error)) => return Err(error),
                    None => return Ok(()),
                },
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => self.carry_out().await?,
            }
        }
    }

    /// Looks at the screen and plans what is next.
    async fn look(&mut self, text: &str) -> Result<(), HttpError> {
        let screen: Value = serde_json::from_str(text).map_err(|_| HttpError::Garbled("the screen"))?;
        if screen["type"] != "desk" || screen["view"].is_null() {
            return Ok(());
        }
        let view: AgentView = match serde_json::from_value(screen["view"].clone()) {
            Ok(view) => view,
            Err(error) => {
                tally(&self.shared).find("desk_unreadable", format!("{error}: {}", screen["view"]));
                return Err(HttpError::Garbled("the view"));
            }
        };
        match &view.state {
            AgentState::Talking { call } => self.talk(*call, &view, &screen),
            AgentState::WrapUp { call, .. } => self.wrap_up(*call, &view, &screen),
            AgentState::Connecting | AgentState::Reserved { .. } => {}
            AgentState::Ready => {
                self.hang_on();
                self.plan = None;
                self.on_break = false;
            }
            AgentState::Previewing { lead, .. } => {
                self.hang_on();
                self.on_break = false;
                let known = self.plan.is_some_and(|(_, plan)| plan == Plan::Call(*lead));
                if !known {
                    let look = self.chance.lognormal(LOOK_S, 0.5).clamp(1.0, 60.0);
                    self.plan = Some((Instant::now() + Duration::from_secs_f64(look), Plan::Call(*lead)));
                }
            }
            AgentState::NotReady { .. } => {
                self.hang_on();
                let away = if self.on_break { self.chance.exponential(self.setup.break_s) } else { 0.3 };
                self.plan.get_or_insert((Instant::now() + Duration::from_secs_f64(away.min(600.0)), Plan::Ready));
            }
        }
        Ok(())
    }

    fn talk(&mut self, call: CallRef, view: &AgentView, screen: &Value) {
        if self.call.as_ref().is_some_and(|at_hand| at_hand.call == call) {
            return;
        }
        self.hang_on();
        let outbound = matches!(call, CallRef::Outbound(_));
        *tally(&self.shared).calls.entry(if outbound { "outbound" } else { "inbound" }).or_default() += 1;
        let mark = Mark::agent(self.index);
        self.on_line(|stream| {
            stream.take();
            stream.say(Mouth::Talking(mark));
        });
        let mean = if outbound { self.setup.outbound_talk_s } else { self.setup.inbound_talk_s };
        let talk = self.chance.lognormal(mean, 0.6).clamp(3.0, 300.0);
        self.plan = Some((Instant::now() + Duration::from_secs_f64(talk), Plan::HangUp));
        self.call = Some(AtHand {
            call,
            number: view.call.as_ref().and_then(|call| call.number.as_ref()).map(|number| number.as_str().to_owned()),
            campaign: serde_json::from_value(screen["campaign"].clone()).unwrap_or_default(),
            since: Instant::now(),
            machine: false,
            over: false,
            recorded: false,
        });
    }

    fn wrap_up(&mut self, call: CallRef, view: &AgentView, screen: &Value) {
        if self.call.as_ref().is_none_or(|at_hand| at_hand.call != call) {
            // The call ended between two screens.
            self.talk(call, view, screen);
        }
        self.hang_on();
        let recorded = view.call.as_ref().is_some_and(|call| call.recorded);
        let Some(at_hand) = &mut self.call else { return };
        if recorded || at_hand.recorded {
            self.plan = Some((Instant::now() + Duration::from_millis(200), Plan::Ready));
        } else if !matches!(self.plan, Some((_, Plan::Record))) {
            let typing = self.chance.lognormal(self.setup.recording_s, 0.5).clamp(0.5, 60.0);
            self.plan = Some((Instant::now() + Duration::from_secs_f64(typing), Plan::Record));
        }
    }

    /// The call is over: the agent is silent and thinks about what was heard.
    fn hang_on(&mut self) {
        let Some(at_hand) = self.call.as_mut().filter(|at_hand| !at_hand.over) else { return };
        at_hand.over = true;
        let lasted = at_hand.since.elapsed();
        let heard = self.line.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|stream| {
            stream.say(Mouth::Silent);
            stream.take()
        });
        let mut tally = tally(&self.shared);
        let Some(heard) = heard else {
            return tally.trouble("call_without_line");
        };
        let login = &self.setup.people[self.index].login;
        let number = at_hand.number.as_deref().unwrap_or("a hidden number");
        tally.packets.0 += heard.packets;
        tally.packets.1 += heard.missing;
        tally.first_voice_ms.extend(heard.first_voice_ms);
        at_hand.machine = heard.voice().is_none() && heard.sound > 0;
        let expected = at_hand.number.as_deref().map(Mark::customer);
        if lasted >= AUDIO_DUE && heard.packets == 0 {
            tally.find(
                "agent_no_audio",
                format!("{login} heard no packet of {number} in {:.1} s", lasted.as_secs_f64()),
            );
        } else if lasted >= AUDIO_DUE && heard.sound == 0 {
            tally.find("agent_silence", format!("{login} heard nothing of {number} in {:.1} s", lasted.as_secs_f64()));
        } else if let (Some(voice), Some(expected)) = (heard.voice(), expected)
            && voice != expected
            && heard.voices.get(&expected).is_none_or(|windows| *windows < 2)
        {
            tally.find("agent_crossed", format!("{login} heard somebody else than {number}"));
        }
    }

    fn on_line(&self, act: impl FnOnce(&crate::rtp::Stream)) {
        if let Some(stream) = &*self.line.lock().unwrap_or_else(PoisonError::into_inner) {
            act(stream);
        }
    }

    async fn carry_out(&mut self) -> Result<(), HttpError> {
        let Some((_, plan)) = self.plan.take() else { return Ok(()) };
        match plan {
            Plan::Call(lead) => self.act(json!({ "action": "start_call", "lead": lead })).await,
            Plan::HangUp => self.act(json!({ "action": "hang_up" })).await,
            Plan::Record => {
                self.record().await?;
                let rest = if self.chance.happens(self.setup.breaks) { Plan::Break } else { Plan::Ready };
                self.plan = Some((Instant::now() + Duration::from_millis(300), rest));
                Ok(())
            }
            Plan::Break if !self.reasons.is_empty() => {
                let reason = self.chance.pick(&self.reasons).clone();
                self.on_break = true;
                self.act(json!({ "action": "not_ready", "reason": reason })).await
            }
            Plan::Break | Plan::Ready => {
                self.on_break = false;
                self.act(json!({ "action": "ready" })).await
            }
        }
    }

    /// Does something at the desk. A refusal is counted: the call may have ended a moment ago.
    async fn act(&mut self, action: Value) -> Result<(), HttpError> {
        let what = action["action"].as_str().unwrap_or_default().to_owned();
        let request = json!({ "session": self.session, "action": action });
        match self.http.post("/api/v1/desk/act", &request).await {
            Err(HttpError::Refused { status: 409 | 422, body, .. }) => {
                let code = body["code"].as_str().unwrap_or("refused");
                tally(&self.shared).trouble(&format!("{what}_{code}"));
                Ok(())
            }
            other => other.map(drop),
        }
    }

    /// Records the result until it is acknowledged as durable, or refused for good.
    async fn record(&mut self) -> Result<(), HttpError> {
        let Some(at_hand) = self.call.as_ref().filter(|at_hand| !at_hand.recorded) else { return Ok(()) };
        let (call, machine, campaign) = (at_hand.call, at_hand.machine, at_hand.campaign.clone());
        let mut callbacks = true;
        for _ in 0..DELIVERIES_MAX {
            let outcome =
                super::outcome::outcome(campaign.as_ref(), machine, callbacks, calendar::now(), &mut self.chance);
            let name = format!(
                "{}/{}",
                campaign.as_ref().map_or("inbound", |campaign| campaign.key.as_str()),
                outcome["result"].as_str().unwrap_or_default()
            );
            let action = json!({ "action": "record", "call": call, "outcome": outcome });
            let request = json!({ "session": self.session, "action": action });
            match self.http.post("/api/v1/desk/act", &request).await {
                Ok(_) => {
                    *tally(&self.shared).acknowledged.entry(name).or_default() += 1;
                    self.call.iter_mut().for_each(|at_hand| at_hand.recorded = true);
                    return Ok(());
                }
                Err(HttpError::Refused { status: 409 | 422, body, .. }) => {
                    let code = body["code"].as_str().unwrap_or("refused").to_owned();
                    tally(&self.shared).trouble(&format!("record_{code}"));
                    if code == "callback_outside_window" && callbacks {
                        callbacks = false;
                        continue;
                    }
                    // The wrap-up may have ended by its timer; an answer that does not fit is a fault.
                    if matches!(code.as_str(), "bad_answer" | "unknown_result" | "note_required") {
                        tally(&self.shared).find("result_refused", format!("{name}: {body}"));
                    }
                    return Ok(());
                }
                Err(HttpError::Refused { status: 503, .. }) | Err(HttpError::Slow) | Err(HttpError::Io(_)) => {
                    tally(&self.shared).trouble("record_again");
                    tokio::time::sleep(DELIVER_AGAIN).await;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Reads the socket in a task of its own: a read must not be broken off.
fn read_screens(mut socket: Socket) -> mpsc::Receiver<Result<String, HttpError>> {
    let (sender, screens) = mpsc::channel(SCREENS);
    tokio::spawn(async move {
        loop {
            let (item, last) = match socket.next().await {
                Ok(Some(text)) => (Ok(text), false),
                Ok(None) => return,
                Err(error) => (Err(error), true),
            };
            if sender.send(item).await.is_err() || last {
                return;
            }
        }
    });
    screens
}
