//! The way from the loop to the store and back: what must be remembered, and what is asked for.
//!
//! Writes are begun in the order in which the engine asks for them and become durable together. One that fails because
//! the store is down is tried again until it is written; meanwhile the engine is told that the store is down and places
//! no new call. Nothing here waits: answers come back as events.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

mod courier;
mod decisions;
mod recordings;
mod running;

use self::courier::Courier;
use self::decisions::Decisions;
use self::recordings::Recordings;
use self::running::Running;
use super::lines::Arrival;
use super::recordings::look_at;
use crate::engine::event::{Event, GroupChange, Story};
use crate::engine::guard;
use crate::model::attempt::{GateChange, Intent};
use crate::model::campaign::{Campaign, CampaignState};
use crate::model::decision::Decision;
use crate::model::id::{AttemptId, LeadId, LegId, RequestId};
use crate::model::lead::{Lead, LeadNext, NumberFacts};
use crate::model::live_limits::LimitChange;
use crate::model::name::{CampaignKey, GroupName, ProfileName};
use crate::model::phone::PhoneNumber;
use crate::model::profile::Profile;
use crate::model::recording::{CallRecording, RecordingReason};
use crate::model::time::{Now, Timestamp};
use crate::sip::DialogRecord;
use crate::store::{AgentStateChange, GroupControls, Health, Store, StoreError, Write};

/// Events that may wait for the loop.
const EVENTS_MAX: usize = 8192;
/// Writes that may be under way. Beyond it the store counts as down: new calls stop, and what is up makes few more.
const WRITES_MAX: usize = 50_000;
/// A write that failed is tried again after this.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// A story is not waited for longer than this: the caller would notice.
const STORY_MAX: Duration = Duration::from_millis(250);
/// Open leads are counted anew after this, or when there are fewer than were asked for.
const COUNT_EVERY: Duration = Duration::from_secs(10);
/// How long the end of the program waits for the last writes.
const FINISH_MAX: Duration = Duration::from_secs(10);
/// Who is named where nobody asked for a change.
const BY_DIALER: &str = "dialer";

/// Something to be remembered.
#[derive(Clone, Debug)]
pub enum Record {
    /// A gate opened or closed.
    Gate(GateChange),
    /// A campaign's live state.
    CampaignState {
        /// Who waits.
        request: Option<RequestId>,
        /// Which.
        campaign: CampaignKey,
        /// What it is from now on.
        state: CampaignState,
        /// Why its recordings fail, where it is paused for that.
        why: Option<RecordingReason>,
        /// When.
        at: Timestamp,
    },
    /// Live limits of a campaign.
    CampaignLimits {
        /// Who waits.
        request: RequestId,
        /// Which.
        campaign: CampaignKey,
        /// What was set, and what went back.
        change: LimitChange,
        /// When.
        at: Timestamp,
    },
    /// A group's live controls.
    GroupControl {
        /// Who waits.
        request: RequestId,
        /// Which.
        group: GroupName,
        /// What is set over the configuration from now on.
        controls: GroupChange,
        /// What of it was changed now.
        change: GroupChange,
        /// When.
        at: Timestamp,
    },
    /// A lead is put off, or given up, without an attempt.
    Lead {
        /// Which.
        lead: LeadId,
        /// Not before; `None` gives it up.
        until: Option<Timestamp>,
        /// Which of the person's numbers is tried then; `None`: the same.
        number: Option<PhoneNumber>,
        /// When it was decided.
        at: Timestamp,
    },
    /// A lead whose attempt ended without an agent's result is left to the retry rules.
    Settled {
        /// Which lead.
        lead: LeadId,
        /// Which attempt.
        attempt: AttemptId,
        /// What becomes of it.
        next: LeadNext,
        /// When it was decided.
        at: Timestamp,
    },
}

/// The way to the store.
pub struct Records {
    store: Store,
    events: mpsc::Receiver<Vec<Event>>,
    events_in: mpsc::Sender<Vec<Event>>,
    writes: JoinSet<()>,
    courier: Courier,
    running: Running,
    decisions: Decisions,
    recordings: Recordings,
    health: watch::Receiver<Health>,
    up: bool,
    campaigns: BTreeMap<CampaignKey, Arc<Campaign>>,
    profiles: BTreeMap<ProfileName, Arc<Profile>>,
    asked_by: BTreeMap<RequestId, String>,
    counted: Counted,
}

/// Leads that are neither done nor given up, by campaign, and when they were counted. Counting reads them all, and the
/// figure is for people: it may be some seconds old.
type Counted = Arc<Mutex<BTreeMap<CampaignKey, (Timestamp, u64)>>>;

impl Records {
    /// A way to this store.
    pub fn new(store: Store) -> Records {
        let (events_in, events) = mpsc::channel(EVENTS_MAX);
        let health = store.health();
        Records {
            health,
            store,
            events,
            events_in,
            writes: JoinSet::new(),
            courier: Courier::default(),
            running: Running::default(),
            decisions: Decisions::default(),
            recordings: Recordings::default(),
            up: true,
            campaigns: BTreeMap::new(),
            profiles: BTreeMap::new(),
            asked_by: BTreeMap::new(),
            counted: Counted::default(),
        }
    }

    /// Sees what the engine is told, so that a guard in the store knows the campaign and the profile it judges by.
    pub fn see(&mut self, event: &Event) {
        match event {
            Event::CampaignApplied { campaign, .. } => {
                self.campaigns.insert(campaign.key.clone(), Arc::clone(campaign));
            }
            Event::SettingsApplied { settings } => {
                let shared = settings.profiles.iter().map(|(name, profile)| (name.clone(), Arc::new(profile.clone())));
                self.profiles = shared.collect();
            }
            _ => {}
        }
    }

    /// Remembers who made a request, for the record of what it changes.
    pub fn asked_by(&mut self, request: RequestId, by: String) {
        self.asked_by.insert(request, by);
    }

    /// A request has been answered.
    pub fn answered(&mut self, request: RequestId) {
        self.asked_by.remove(&request);
    }

    /// The next answer, or news of the store's health, of which the store alone is the judge: a result that it keeps in
    /// its journal is safe, but no reason to place new calls. Cancel-safe; never ends while the records live.
    pub async fn next(&mut self) -> Option<Vec<Event>> {
        // Finished writes are taken out of the set here, so that it does not grow.
        while self.writes.try_join_next().is_some() {}
        loop {
            tokio::select! {
                event = self.events.recv() => return event,
                Ok(()) = self.health.changed() => {
                    let up = *self.health.borrow_and_update() == Health::Up;
                    if std::mem::replace(&mut self.up, up) != up {
                        return Some(vec![Event::StoreHealth { up }]);
                    }
                }
            }
        }
    }

    /// Reads leads that are due.
    pub fn fetch_leads(&mut self, now: Now, campaign: CampaignKey, limit: u32, held: Vec<LeadId>, question: u64) {
        let Some((definition, profile)) = self.judged_by(&campaign) else { return };
        let (store, events, counted) = (self.store.clone(), self.events_in.clone(), Arc::clone(&self.counted));
        self.spawn(async move {
            let held: HashSet<LeadId> = held.into_iter().collect();
            let fetched = fetch(&store, now.timestamp, &definition, &profile, limit as usize, &held, &counted);
            let event = match fetched.await {
                Ok(Fetched { leads, next_due, open_total }) => {
                    Event::LeadsFetched { campaign, leads, next_due, open_total, question: Some(question) }
                }
                Err(error) => {
                    tracing::warn!(%campaign, %error, "leads could not be read");
                    tokio::time::sleep(RETRY_AFTER).await;
                    let question = Some(question);
                    Event::LeadsFetched { campaign, leads: Vec::new(), next_due: None, open_total: 0, question }
                }
            };
            tell(&events, vec![event]).await;
        });
    }

    /// Makes an intent durable, after one more look at the number inside the same transaction.
    pub fn record_intent(&mut self, intent: Intent) {
        let attempt = intent.attempt;
        let Some((definition, profile)) = self.judged_by(&intent.campaign) else {
            return self.answer(Event::IntentFailed { attempt });
        };
        let judged = intent.clone();
        let check = Arc::new(move |facts: &NumberFacts| guard::check_intent(&judged, &definition, &profile, facts));
        self.record(Write::Intent(Box::new(intent), check));
    }

    /// Records what the dialer did, in the order in which it is told here; tried again until it is written, except where
    /// somebody waits and can ask again.
    pub fn record(&mut self, write: Write) {
        self.look_at_load();
        if self.courier.take(write) {
            let work = self.courier.clone().deliver(self.store.clone(), self.events_in.clone());
            self.spawn(work);
        }
    }

    fn look_at_load(&mut self) {
        if self.under_way() >= WRITES_MAX {
            tracing::error!("too many writes wait for the store");
            self.answer(Event::StoreHealth { up: false });
        }
    }

    /// Looks up the call of ours that a caller returns, then tells the engine of the caller.
    pub fn look_up_story(&mut self, arrival: Arrival) {
        let (store, events) = (self.store.clone(), self.events_in.clone());
        self.spawn(async move {
            let story = match &arrival.caller {
                Some(caller) => match tokio::time::timeout(STORY_MAX, store.story(caller)).await {
                    Ok(Ok(story)) => story.map(|told| Story {
                        campaign: told.attempt.campaign,
                        lead: told.attempt.lead,
                        at: told.attempt.at,
                        disposition: told.attempt.disposition,
                    }),
                    Ok(Err(error)) => {
                        tracing::warn!(%error, "the story of a caller could not be read");
                        None
                    }
                    Err(_) => None,
                },
                None => None,
            };
            tell(&events, vec![arrival.offered(story)]).await;
        });
    }

    /// Remembers something. Tried again until it is written, except where somebody waits and can ask again.
    pub fn write(&mut self, record: Record) {
        self.look_at_load();
        let by = match &record {
            Record::CampaignState { request: Some(request), .. }
            | Record::CampaignLimits { request, .. }
            | Record::GroupControl { request, .. } => self.asked_by.get(request).cloned(),
            _ => None,
        };
        let by = by.unwrap_or_else(|| BY_DIALER.to_owned());
        let (store, events) = (self.store.clone(), self.events_in.clone());
        self.spawn(async move {
            let request = waits(&record);
            loop {
                match write(&store, &record, &by).await {
                    Ok(()) => {
                        if let Some(request) = request {
                            tell(&events, vec![Event::Recorded { request, ok: true }]).await;
                        }
                        return;
                    }
                    Err(error) if error.is_transient() && request.is_none() => {
                        tracing::error!(%error, "the store does not take a record; it is tried again");
                        tokio::time::sleep(RETRY_AFTER).await;
                    }
                    Err(error) => {
                        tracing::error!(%error, ?record, "the store refused a record");
                        if let Some(request) = request {
                            tell(&events, vec![Event::Recorded { request, ok: false }]).await;
                        }
                        return;
                    }
                }
            }
        });
    }

    /// Remembers a dialog that would be left over by a crash.
    pub fn dialog(&mut self, now: Now, record: Box<DialogRecord>) {
        let begins = self.running.dialog(record, now.timestamp);
        self.run(begins);
    }

    /// Forgets a dialog that is over.
    pub fn dialog_over(&mut self, leg: LegId) {
        let begins = self.running.dialog_over(leg);
        self.run(begins);
    }

    /// Remembers what an agent does from now on.
    pub fn agent_state(&mut self, change: AgentStateChange) {
        let begins = self.running.agent(change);
        self.run(begins);
    }

    /// Remembers why a campaign dialled as much as it did.
    pub fn decision(&mut self, decision: Decision) {
        if self.decisions.take(decision) {
            let work = self.decisions.clone().write(self.store.clone());
            self.spawn(work);
        }
    }

    /// Remembers how the recording of a call stands.
    pub fn recording(&mut self, recording: CallRecording) {
        if self.recordings.take(recording) {
            let work = self.recordings.clone().write(self.store.clone());
            self.spawn(work);
        }
    }

    /// Remembers a recording that failed, with what was written of it.
    pub fn recording_broke(&mut self, recording: CallRecording, file: PathBuf) {
        let (recordings, store) = (self.recordings.clone(), self.store.clone());
        self.spawn(async move {
            let looked = tokio::task::spawn_blocking(move || look_at(recording, &file)).await;
            if let Ok(Some(recording)) = looked
                && recordings.take(recording)
            {
                recordings.write(store).await;
            }
        });
    }

    fn run(&mut self, begins: bool) {
        if begins {
            let work = self.running.clone().write(self.store.clone());
            self.spawn(work);
        }
    }

    /// Reads and writes that have not come back yet.
    pub fn under_way(&self) -> usize {
        self.writes.len() + self.courier.len()
    }

    /// Waits for the last writes at the end of the program.
    pub async fn finish(mut self) {
        let all = async { while self.writes.join_next().await.is_some() {} };
        if tokio::time::timeout(FINISH_MAX, all).await.is_err() {
            tracing::error!("the store did not take the last records in time");
        }
    }

    fn judged_by(&self, campaign: &CampaignKey) -> Option<(Arc<Campaign>, Arc<Profile>)> {
        let definition = self.campaigns.get(campaign)?;
        let profile = self.profiles.get(&definition.profile)?;
        Some((Arc::clone(definition), Arc::clone(profile)))
    }

    fn spawn(&mut self, work: impl Future<Output = ()> + Send + 'static) {
        // On the loop's own runtime, tasks begin in the order in which they are spawned: the store sees writes in the
        // order in which the engine asked for them.
        self.writes.spawn(work);
    }

    fn answer(&mut self, event: Event) {
        let events = self.events_in.clone();
        self.spawn(async move { tell(&events, vec![event]).await });
    }
}

async fn tell(events: &mpsc::Sender<Vec<Event>>, told: Vec<Event>) {
    if !told.is_empty() {
        // The loop may have ended; then nobody needs to know.
        drop(events.send(told).await);
    }
}

/// Who waits for a record to be durable.
fn waits(record: &Record) -> Option<RequestId> {
    match record {
        Record::CampaignState { request, .. } => *request,
        Record::GroupControl { request, .. } | Record::CampaignLimits { request, .. } => Some(*request),
        Record::Gate(_) | Record::Lead { .. } | Record::Settled { .. } => None,
    }
}

async fn write(store: &Store, record: &Record, by: &str) -> Result<(), StoreError> {
    match record {
        Record::Gate(change) => store.record_gate(change.clone()).await,
        Record::Settled { lead, attempt, next, at } => store.settle_lead(*lead, *attempt, next.clone(), *at).await,
        Record::CampaignState { campaign, state, why, at, .. } => {
            // A word that the pages have in both languages.
            let why = why.map_or_else(String::new, |why| format!("recording_{}", why.as_str()));
            store.set_campaign_state(campaign, *state, by, &why, *at).await
        }
        Record::CampaignLimits { campaign, change, at, .. } => store.set_live_limits(campaign, change, by, *at).await,
        Record::GroupControl { group, controls, change, at, .. } => {
            let controls = GroupControls {
                idle_threshold: controls.idle_threshold,
                hysteresis: controls.hysteresis,
                dwell_s: controls.dwell_s,
                reserve: controls.reserve,
            };
            store.set_group_controls(group, controls, &told(change), by, *at).await
        }
        Record::Lead { lead, until: Some(until), number, .. } => {
            store.put_off(vec![(*lead, *until, number.clone())]).await
        }
        Record::Lead { lead, until: None, at, .. } => store.give_up(vec![*lead], *at).await,
    }
}

/// A change of live controls as the audit trail keeps it: `null` is what went back to the configuration.
fn told(change: &GroupChange) -> serde_json::Value {
    let GroupChange { idle_threshold, hysteresis, dwell_s, reserve, back } = change;
    let numbers = [("idle_threshold", *idle_threshold), ("hysteresis", *hysteresis), ("dwell_s", *dwell_s)];
    let mut told: serde_json::Map<String, serde_json::Value> = numbers
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?.into())))
        .chain(reserve.map(|reserve| ("reserve".to_owned(), reserve.into())))
        .collect();
    told.extend(back.iter().map(|one| (one.name().to_owned(), serde_json::Value::Null)));
    told.into()
}

fn locked(counted: &Counted) -> MutexGuard<'_, BTreeMap<CampaignKey, (Timestamp, u64)>> {
    // A panic while it was held leaves whole counts.
    counted.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Leads that are due, when the next one is, and how many are open.
struct Fetched {
    leads: Vec<Lead>,
    next_due: Option<Timestamp>,
    open_total: u64,
}

async fn fetch(
    store: &Store,
    now: Timestamp,
    campaign: &Campaign,
    profile: &Profile,
    limit: usize,
    held: &HashSet<LeadId>,
    counted: &Counted,
) -> Result<Fetched, StoreError> {
    let open = |zones: &[String]| guard::is_open(now, campaign, profile, zones);
    let leads = store.fetch_leads(&campaign.key, &campaign.leads, now, limit, held, &open).await?;
    let mut next_due = None;
    if leads.len() < limit {
        let waiting = store.next_due(&campaign.key, &open).await?;
        let closed = store
            .campaign_zones(&campaign.key)
            .await?
            .iter()
            .filter(|zones| !open(zones))
            .filter_map(|zones| guard::opens(now, campaign, profile, zones))
            .min();
        next_due = waiting.into_iter().chain(closed).min();
    }
    let known = locked(counted).get(&campaign.key).copied();
    let open_total = match known.filter(|(at, _)| leads.len() >= limit && now.since(*at) < COUNT_EVERY) {
        Some((_, open_total)) => open_total,
        None => {
            let counts = store.lead_counts(&campaign.key).await?;
            let open_total = counts.open + counts.callback + counts.dialling;
            locked(counted).insert(campaign.key.clone(), (now, open_total));
            open_total
        }
    };
    Ok(Fetched { leads, next_due, open_total })
}
