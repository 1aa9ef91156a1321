//! What the rest of the program sees of the running engine: a bounded way in, and pictures of its state.
//!
//! A [`Handle`] is cheap to clone. Requests are answered when what they ask for is durable. Pictures are the latest
//! ones: a slow reader misses intermediate states, never the last.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use tokio::sync::{mpsc, oneshot, watch};

pub use super::internals::Internals;
use crate::engine::command::{Answer, RequestRefusal};
use crate::engine::event::{AgentAction, Event, GroupChange};
use crate::engine::snapshot::Snapshot;
use crate::model::agent::{AgentView, Device};
use crate::model::campaign::{Campaign, CampaignState};
use crate::model::id::{Mint, RequestId, SessionId, UserId};
use crate::model::lead::SuppressionReason;
use crate::model::live_limits::LimitChange;
use crate::model::name::{CampaignKey, GatewayName, GroupName};
use crate::model::phone::PhoneNumber;
use crate::model::time::Timestamp;
pub use crate::sms::http::callback::{Call, Wrong};

/// Requests that may wait for the engine. Beyond it the API answers 503: a queue that long means the engine hangs.
pub const REQUESTS_MAX: usize = 1024;
/// Samples of the board that are kept: two hours at one every two seconds.
pub const HISTORY_MAX: usize = 3600;

/// What the driver's loop receives from handles.
#[derive(Debug)]
pub enum Ask {
    /// An input that nobody waits for.
    Tell(Event),
    /// An input whose answer somebody waits for, by the request id inside the event.
    Request {
        /// The id inside the event.
        request: RequestId,
        /// The input.
        event: Event,
        /// Who asks, by login name, for the record of what it changes.
        by: String,
        /// Gets the answer; dropped if the driver ends.
        reply: oneshot::Sender<Answer>,
    },
    /// Tell the sizes of all tables.
    Internals {
        /// They.
        reply: oneshot::Sender<Internals>,
    },
    /// Reread the configuration file.
    Reload {
        /// What changed, or what is wrong.
        reply: oneshot::Sender<Result<Vec<String>, String>>,
    },
}

/// Why a request has no answer.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum HandleError {
    /// The engine refused it.
    #[error("{0}")]
    Refused(RequestRefusal),
    /// Too many requests wait.
    #[error("the dialer is overloaded; try again")]
    Overloaded,
    /// The engine has stopped.
    #[error("the dialer has stopped")]
    Stopped,
}

/// One sample of the board, for the charts.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct BoardSample {
    /// When.
    pub at: Timestamp,
    /// Figures of each group.
    pub groups: BTreeMap<GroupName, GroupSample>,
}

/// One group's figures in a sample.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct GroupSample {
    /// Smoothed idleness, 0 to 1.
    pub idleness: f64,
    /// The threshold in force.
    pub idle_threshold: f64,
    /// Whether the gate is open.
    pub gate_open: bool,
    /// Slots.
    pub slots: u32,
    /// Signed in and not paused.
    pub staffed: u32,
    /// Agents on inbound.
    pub inbound_busy: u32,
    /// Agents on outbound.
    pub outbound_busy: u32,
    /// Callers waiting.
    pub waiting: u32,
    /// Attempts ringing for the group's campaigns.
    pub ringing: u32,
}

/// A clonable way to the running engine.
#[derive(Clone, Debug)]
pub struct Handle {
    asks: mpsc::Sender<Ask>,
    shared: Arc<Shared>,
}

/// The driver's side: it receives the asks and paints the pictures.
#[derive(Debug)]
pub struct Driver {
    /// What handles ask for.
    pub asks: mpsc::Receiver<Ask>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    snapshot: watch::Sender<Arc<Snapshot>>,
    desks: Mutex<BTreeMap<UserId, watch::Sender<Option<Arc<AgentView>>>>>,
    history: Mutex<VecDeque<Arc<BoardSample>>>,
    requests: Mutex<Mint>,
    phones: watch::Sender<Arc<BTreeMap<String, PhoneSeen>>>,
    sorting: Mutex<BTreeMap<CampaignKey, Sorting>>,
    gateways: Mutex<BTreeMap<GatewayName, GatewaySeen>>,
    calls: Mutex<BTreeMap<GatewayName, mpsc::Sender<CallOfGateway>>>,
}

/// What became of a call of an SMS gateway's provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Called {
    /// All of it is durable. This is the body of the answer.
    Taken(String),
    /// The caller did not prove who it is; nothing was done.
    Forged(String),
    /// This was not understood. The rest is durable.
    Unreadable(Vec<Wrong>),
    /// The database refuses what was told; the log says why.
    NotKept,
}

/// A call of an SMS gateway's provider, and where what became of it is told.
pub(super) type CallOfGateway = (Call, oneshot::Sender<Called>);

/// How an SMS gateway is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GatewayState {
    /// A connection is being made.
    Connecting,
    /// It takes messages.
    Up,
    /// It takes messages, and asked for fewer.
    Throttled,
    /// There is no connection; the next try comes by itself.
    Down,
}

/// An SMS gateway as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct GatewaySeen {
    /// Its name.
    pub name: GatewayName,
    /// How it is.
    pub state: GatewayState,
    /// Since when.
    #[schema(value_type = i64)]
    pub since: Timestamp,
    /// What went wrong last.
    pub error: Option<String>,
    /// Numbers and names that may be shown as senders, the usual one first.
    pub senders: Vec<String>,
}

/// How far the leads of a campaign are sorted after its selection changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Sorting {
    /// Leads that stand in their places.
    pub done: u64,
    /// All of them.
    pub of: u64,
}

/// A phone that is registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhoneSeen {
    /// From where.
    pub address: SocketAddr,
    /// What it calls itself.
    pub user_agent: String,
    /// When the registration runs out, unless it is renewed.
    pub until: Timestamp,
}

/// Makes both ends. `salt` must be random, so that request ids of two runs differ.
pub fn pair(salt: u64) -> (Handle, Driver) {
    let (sender, asks) = mpsc::channel(REQUESTS_MAX);
    let shared = Arc::new(Shared {
        snapshot: watch::Sender::new(Arc::default()),
        desks: Mutex::default(),
        history: Mutex::default(),
        requests: Mutex::new(Mint::new(salt)),
        phones: watch::Sender::new(Arc::default()),
        sorting: Mutex::default(),
        gateways: Mutex::default(),
        calls: Mutex::default(),
    });
    (Handle { asks: sender, shared: shared.clone() }, Driver { asks, shared })
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // A panic while one of these was held leaves a picture, never half a decision: it can be used on.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Handle {
    /// Starts, pauses or ends a campaign; `by` is the login name of whoever asks.
    ///
    /// # Errors
    /// The engine's refusal, or that it cannot answer.
    pub async fn control_campaign(
        &self,
        now: Timestamp,
        by: &str,
        campaign: CampaignKey,
        state: CampaignState,
    ) -> Result<(), HandleError> {
        self.request(now, by, |request| Event::CampaignControl { request, campaign, state }).await
    }

    /// Sets limits of a campaign over its definition, or takes them back; `by` is the login name of whoever asks.
    ///
    /// # Errors
    /// The engine's refusal, or that it cannot answer.
    pub async fn limit_campaign(
        &self,
        now: Timestamp,
        by: &str,
        campaign: CampaignKey,
        change: LimitChange,
    ) -> Result<(), HandleError> {
        self.request(now, by, |request| Event::CampaignLimits { request, campaign, change }).await
    }

    /// Changes live controls of an agent group; `by` is the login name of whoever asks.
    ///
    /// # Errors
    /// The engine's refusal, or that it cannot answer.
    pub async fn control_group(
        &self,
        now: Timestamp,
        by: &str,
        group: GroupName,
        change: GroupChange,
    ) -> Result<(), HandleError> {
        self.request(now, by, |request| Event::GroupControl { request, group, change }).await
    }

    /// Signs an agent in. An earlier desk of the same user is replaced.
    ///
    /// # Errors
    /// The engine's refusal, or that it cannot answer.
    pub async fn sign_in(
        &self,
        now: Timestamp,
        user: UserId,
        session: SessionId,
        name: String,
        login: String,
        groups: Vec<GroupName>,
        device: Device,
    ) -> Result<(), HandleError> {
        let by = login.clone();
        let event = |request| Event::AgentSignedIn { request, user, session, name, login, groups, device };
        self.request(now, &by, event).await
    }

    /// Does what an agent does at the desk.
    ///
    /// # Errors
    /// The engine's refusal, or that it cannot answer.
    pub async fn act(
        &self,
        now: Timestamp,
        user: UserId,
        session: SessionId,
        action: AgentAction,
    ) -> Result<(), HandleError> {
        self.request(now, "", |request| Event::AgentActed { request, user, session, action }).await
    }

    /// Says whether an agent's desk is connected.
    ///
    /// # Errors
    /// That the engine cannot take it.
    pub fn presence(&self, user: UserId, present: bool) -> Result<(), HandleError> {
        self.tell(Event::AgentPresence { user, present })
    }

    /// Says that a number was suppressed, after the store has it: what rings is given up. With the store's word no new call
    /// is possible either way, but a phone that rings knows nothing of the store, so this waits where the engine has no room.
    ///
    /// # Errors
    /// That the engine has stopped.
    pub async fn suppressed(
        &self,
        number: PhoneNumber,
        campaign: Option<CampaignKey>,
        reason: SuppressionReason,
    ) -> Result<(), HandleError> {
        self.asks
            .send(Ask::Tell(Event::Suppressed { number, campaign, reason }))
            .await
            .map_err(|_| HandleError::Stopped)
    }

    /// [`Handle::suppressed`] on behalf of somebody who may be gone before the engine has room.
    pub fn let_go(&self, number: PhoneNumber, campaign: Option<CampaignKey>, reason: SuppressionReason) {
        let handle = self.clone();
        tokio::spawn(async move {
            if let Err(error) = handle.suppressed(number, campaign, reason).await {
                tracing::error!(%error, "the dialer was not told of a suppression; the store has it");
            }
        });
    }

    /// Says that a campaign's leads changed.
    ///
    /// # Errors
    /// That the engine cannot take it.
    pub fn leads_changed(&self, campaign: CampaignKey) -> Result<(), HandleError> {
        self.tell(Event::LeadsChanged { campaign })
    }

    /// Says that a campaign was applied, after the store has it.
    ///
    /// # Errors
    /// That the engine cannot take it.
    pub fn campaign_applied(&self, campaign: Arc<Campaign>, state: CampaignState) -> Result<(), HandleError> {
        self.tell(Event::CampaignApplied { campaign, state, today: None })
    }

    /// Rereads the configuration file. Answers with the names of what changed, or with what is wrong, in which case
    /// nothing changed.
    ///
    /// # Errors
    /// That the engine cannot answer.
    pub async fn reload(&self) -> Result<Result<Vec<String>, String>, HandleError> {
        let (reply, answer) = oneshot::channel();
        self.asks.try_send(Ask::Reload { reply }).map_err(not_sent)?;
        answer.await.map_err(|_| HandleError::Stopped)
    }

    /// Sizes of all tables of the running service.
    ///
    /// # Errors
    /// That the engine cannot answer.
    pub async fn internals(&self) -> Result<Internals, HandleError> {
        let (reply, answer) = oneshot::channel();
        self.asks.try_send(Ask::Internals { reply }).map_err(not_sent)?;
        answer.await.map_err(|_| HandleError::Stopped)
    }

    /// The latest picture.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.shared.snapshot.borrow().clone()
    }

    /// Pictures as they come, several a second at most.
    pub fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.shared.snapshot.subscribe()
    }

    /// Phones that are registered, by name, as they come and go.
    pub fn phones(&self) -> watch::Receiver<Arc<BTreeMap<String, PhoneSeen>>> {
        self.shared.phones.subscribe()
    }

    /// The SMS gateways of the configuration, by name.
    pub fn gateways(&self) -> BTreeMap<GatewayName, GatewaySeen> {
        locked(&self.shared.gateways).clone()
    }

    /// Changes what is shown of the SMS gateways.
    pub(super) fn show_gateways(&self, change: impl FnOnce(&mut BTreeMap<GatewayName, GatewaySeen>)) {
        change(&mut locked(&self.shared.gateways));
    }

    /// Hands what an SMS gateway's provider told by HTTP to that gateway. `None`: there is no such gateway, or it takes no calls.
    /// On return what was understood is durable.
    ///
    /// # Errors
    /// That it cannot take it now.
    pub async fn call_gateway(&self, gateway: &GatewayName, call: Call) -> Option<Result<Called, HandleError>> {
        let way = locked(&self.shared.calls).get(gateway).cloned()?;
        let (reply, answer) = oneshot::channel();
        Some(match way.try_send((call, reply)).map_err(not_sent) {
            Ok(()) => answer.await.map_err(|_| HandleError::Stopped),
            Err(error) => Err(error),
        })
    }

    /// Where calls of an SMS gateway's provider go from now on.
    pub(super) fn hear_gateway(&self, gateway: &GatewayName, way: Option<mpsc::Sender<CallOfGateway>>) {
        let mut calls = locked(&self.shared.calls);
        match way {
            Some(way) => drop(calls.insert(gateway.clone(), way)),
            None => drop(calls.remove(gateway)),
        }
    }

    /// One agent's desk as it changes; `None` while not signed in.
    pub fn desk(&self, user: UserId) -> watch::Receiver<Option<Arc<AgentView>>> {
        locked(&self.shared.desks).entry(user).or_insert_with(|| watch::Sender::new(None)).subscribe()
    }

    /// How far a campaign's leads are sorted; `None` while they are not.
    pub fn sorting(&self, campaign: &CampaignKey) -> Option<Sorting> {
        locked(&self.shared.sorting).get(campaign).copied()
    }

    /// Says how far a campaign's leads are sorted, or that they are.
    pub(super) fn sorts(&self, campaign: &CampaignKey, how_far: Option<Sorting>) {
        let mut sorting = locked(&self.shared.sorting);
        match how_far {
            Some(how_far) => sorting.insert(campaign.clone(), how_far),
            None => sorting.remove(campaign),
        };
    }

    /// Samples of the board, oldest first, taken after `since`.
    pub fn history(&self, since: Timestamp) -> Vec<Arc<BoardSample>> {
        locked(&self.shared.history).iter().filter(|sample| sample.at > since).cloned().collect()
    }

    fn tell(&self, event: Event) -> Result<(), HandleError> {
        self.asks.try_send(Ask::Tell(event)).map_err(not_sent)
    }

    async fn request(
        &self,
        now: Timestamp,
        by: &str,
        event: impl FnOnce(RequestId) -> Event,
    ) -> Result<(), HandleError> {
        let request = RequestId(locked(&self.shared.requests).next(now));
        let (reply, answer) = oneshot::channel();
        self.asks
            .try_send(Ask::Request { request, event: event(request), by: by.to_owned(), reply })
            .map_err(not_sent)?;
        match answer.await {
            Ok(Answer::Done) => Ok(()),
            Ok(Answer::Refused { why }) => Err(HandleError::Refused(why)),
            Err(_) => Err(HandleError::Stopped),
        }
    }
}

impl Driver {
    /// Shows a new picture and keeps a sample of it for the charts.
    pub fn show(&self, snapshot: Snapshot, sample: Option<BoardSample>) {
        if let Some(sample) = sample {
            let mut history = locked(&self.shared.history);
            if history.len() == HISTORY_MAX {
                history.pop_front();
            }
            history.push_back(Arc::new(sample));
        }
        self.shared.snapshot.send_replace(Arc::new(snapshot));
    }

    /// Shows which phones are registered.
    pub fn show_phones(&self, phones: BTreeMap<String, PhoneSeen>) {
        self.shared.phones.send_replace(Arc::new(phones));
    }

    /// Shows an agent's desk.
    pub fn show_desk(&self, view: AgentView) {
        let mut desks = locked(&self.shared.desks);
        let user = view.user;
        desks.entry(user).or_insert_with(|| watch::Sender::new(None)).send_replace(Some(Arc::new(view)));
    }

    /// Clears a desk after its agent signed out.
    pub fn clear_desk(&self, user: UserId) {
        let mut desks = locked(&self.shared.desks);
        if let Some(desk) = desks.get(&user) {
            desk.send_replace(None);
            if desk.receiver_count() == 0 {
                desks.remove(&user);
            }
        }
    }
}

fn not_sent<T>(error: mpsc::error::TrySendError<T>) -> HandleError {
    match error {
        mpsc::error::TrySendError::Full(_) => HandleError::Overloaded,
        mpsc::error::TrySendError::Closed(_) => HandleError::Stopped,
    }
}
