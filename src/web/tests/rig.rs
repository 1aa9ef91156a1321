//! The site on a fresh store, with a driver's end that answers what the test says and shows what the test paints.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;
use tower::ServiceExt as _;

use crate::engine::command::{Answer, RequestRefusal};
use crate::engine::event::Event;
use crate::engine::snapshot::Snapshot;
use crate::model::agent::{AgentState, AgentView, DeskCall, Device, DeviceLeg};
use crate::model::attempt::CallRef;
use crate::model::campaign_file::Known;
use crate::model::id::{AttemptId, LeadId, UserId};
use crate::model::phone::PhoneNumber;
use crate::model::settings::GroupSettings;
use crate::model::time::{Instant, Now, Timestamp};
use crate::model::{profile_file, settings};
use crate::runtime::handle::{Ask, Driver, Internals, pair};
use crate::web::access::Role;
use crate::web::{Parts, PhoneView, Settings, WebState, router};

pub(super) const PASSWORD: &str = "four quiet lulls an hour";
pub(super) const FAMILY_PLAN: &str = include_str!("../../../campaigns/family-plan.toml");
/// 2026-11-22 02:00 UTC, a Sunday morning in China.
const START: Timestamp = Timestamp::from_millis(1_795_312_800_000);
/// Nothing in a test takes this long unless it hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// An answer as it came.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

impl Answered {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    /// The problem's code; empty for a success.
    pub(super) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

enum Paint {
    Board(Box<Snapshot>, oneshot::Sender<()>),
    Desk(Box<AgentView>, oneshot::Sender<()>),
}

pub(super) struct Rig {
    pub(super) router: Router,
    pub(super) state: WebState,
    pub(super) store: crate::store::Store,
    /// What the engine was told or asked, as it came.
    pub(super) events: mpsc::Receiver<Event>,
    answers: Arc<Mutex<VecDeque<Answer>>>,
    paints: mpsc::Sender<Paint>,
    clock: Arc<Mutex<Now>>,
    pub(super) settings: watch::Sender<Arc<Settings>>,
    _phones: watch::Sender<Arc<Vec<PhoneView>>>,
    pub(super) directory: tempfile::TempDir,
    /// Raised, whoever works jobs off ends.
    pub(super) closed: watch::Sender<bool>,
}

impl Rig {
    pub(super) async fn new() -> Rig {
        let directory = tempfile::tempdir().unwrap();
        let store = crate::store::Store::open(&directory.path().join("lull.db"), Default::default()).await.unwrap();
        let (handle, driver) = pair(7);
        let (told, events) = mpsc::channel(256);
        let (paints, orders) = mpsc::channel(8);
        let answers = Arc::new(Mutex::new(VecDeque::new()));
        tokio::spawn(drive(driver, orders, told, answers.clone()));
        let clock = Arc::new(Mutex::new(Now { instant: Instant::from_micros(1_000_000), timestamp: START }));
        let read = clock.clone();
        let (settings, settings_seen) = watch::channel(Arc::new(example_settings(directory.path())));
        let phone = PhoneView { phone: "101".into(), address: None, registered_until: None };
        let (phones, phones_seen) = watch::channel(Arc::new(vec![phone]));
        let (_, webhooks) = watch::channel(Arc::default());
        let messenger = crate::webhooks::Messenger::new(webhooks, crate::clock::Clock::start()).unwrap();
        let state = WebState::new(Parts {
            handle,
            store: store.clone(),
            messenger: Arc::new(messenger),
            settings: settings_seen,
            phones: phones_seen,
            clock: Arc::new(move || *read.lock().unwrap()),
            salt: 3,
            form_secret: [3; 32],
        });
        let router = router(state.clone());
        let closed = watch::Sender::new(false);
        tokio::spawn(crate::web::work_jobs(state.clone(), closed.subscribe()));
        Rig { router, state, store, events, answers, paints, clock, settings, _phones: phones, directory, closed }
    }

    /// Steps both clocks.
    pub(super) fn later(&self, span: Duration) {
        let mut clock = self.clock.lock().unwrap();
        *clock = clock.later(span);
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.lock().unwrap().timestamp
    }

    /// What the engine answers to the next request.
    pub(super) fn refuse_next(&self, why: RequestRefusal) {
        self.answers.lock().unwrap().push_back(Answer::Refused { why });
    }

    pub(super) async fn event(&mut self) -> Event {
        timeout(PATIENCE, self.events.recv()).await.expect("the engine was told nothing").unwrap()
    }

    pub(super) async fn show(&self, snapshot: Snapshot) {
        let (done, seen) = oneshot::channel();
        self.paints.send(Paint::Board(Box::new(snapshot), done)).await.ok().unwrap();
        seen.await.unwrap();
    }

    pub(super) async fn show_desk(&self, view: AgentView) {
        let (done, seen) = oneshot::channel();
        self.paints.send(Paint::Desk(Box::new(view), done)).await.ok().unwrap();
        seen.await.unwrap();
    }

    /// Adds a user of a role whose login is the role's name, logs in, and gives the token.
    pub(super) async fn token(&self, role: Role) -> String {
        self.add_user(role.as_str(), role).await;
        self.log_in(role.as_str()).await
    }

    pub(super) async fn add_user(&self, login: &str, role: Role) -> UserId {
        super::people::add_user(self, login, role).await
    }

    pub(super) async fn log_in(&self, login: &str) -> String {
        let body = json!({"login": login, "password": PASSWORD, "token": true});
        let answered = self.send("POST", "/login", None, Some(body)).await;
        assert_eq!(answered.status, StatusCode::OK, "{answered:?}");
        answered.json()["token"].as_str().unwrap().to_owned()
    }

    /// A request to the API with a token and a JSON body.
    pub(super) async fn send(&self, method: &str, path: &str, token: Option<&str>, body: Option<Value>) -> Answered {
        let request = request(method, path, token, body);
        self.answer(request).await
    }

    pub(super) async fn get(&self, path: &str, token: &str) -> Answered {
        self.send("GET", path, Some(token), None).await
    }

    pub(super) async fn answer(&self, request: Request<Body>) -> Answered {
        let response = timeout(PATIENCE, self.router.clone().oneshot(request)).await.expect("no answer").unwrap();
        let (parts, body) = response.into_parts();
        let events = parts.headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "text/event-stream");
        let bytes = if events { Default::default() } else { to_bytes(body, 64 << 20).await.unwrap() };
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Answered { status: parts.status, headers: parts.headers, text }
    }

    /// The family plan, applied by a manager; its event is taken off the queue.
    pub(super) async fn apply_family_plan(&mut self, manager: &str) {
        let body = json!({"text": FAMILY_PLAN, "why": "first"});
        let answered = self.send("PUT", "/campaigns/family-plan", Some(manager), Some(body)).await;
        assert_eq!(answered.status, StatusCode::OK, "{answered:?}");
        assert!(matches!(self.event().await, Event::CampaignApplied { .. }));
    }
}

/// A request below the API's base.
pub(super) fn request(method: &str, path: &str, token: Option<&str>, body: Option<Value>) -> Request<Body> {
    let mut builder = Request::builder()
        .method(method.to_uppercase().parse::<Method>().unwrap())
        .uri(format!("/api/v1{path}"))
        .header(header::HOST, "lull.example");
    if let Some(token) = token {
        builder = builder.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    match body {
        Some(body) => builder
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(serde_json::to_vec(&body).unwrap()))
            .unwrap(),
        None => builder.body(Body::empty()).unwrap(),
    }
}

pub(super) fn number(text: &str) -> PhoneNumber {
    PhoneNumber::from_e164(text).unwrap()
}

/// An agent who talks to a number.
pub(super) fn talking(user: UserId, to: &str, lead: Option<LeadId>) -> AgentView {
    let call = CallRef::Outbound(AttemptId(5));
    AgentView {
        user,
        name: "Mei".into(),
        groups: vec!["blend".parse().unwrap()],
        state: AgentState::Talking { call },
        since: START,
        pause_next: None,
        call: Some(DeskCall {
            call,
            campaign: Some("family-plan".parse().unwrap()),
            lead,
            queue: None,
            number: Some(number(to)),
            since: START,
            waited_ms: 0,
            answered: true,
            recorded: false,
        }),
        preview: None,
        notice: None,
        phone_up: true,
        revision: 1,
    }
}

pub(super) fn device() -> Device {
    Device { phone: "101".into(), leg: DeviceLeg::NailedUp }
}

fn example_settings(directory: &std::path::Path) -> Settings {
    let group = GroupSettings {
        title: "Blended".into(),
        queues: Vec::new(),
        outbound: true,
        idle_threshold: settings::IdleThreshold::Above(0.4),
        hysteresis: 0.1,
        dwell_s: 5.0,
        reserve: 1,
        smoothing_s: 3.0,
        serve_first: settings::ServeFirst::Auto,
        keep_for_answers: true,
        wrap_up_s: 30,
    };
    let engine = settings::Settings {
        groups: [("blend".parse().unwrap(), group)].into(),
        profiles: profile_file::shipped(),
        ..settings::Settings::default()
    };
    let known = Known {
        profiles: profile_file::shipped(),
        groups: ["blend"].map(|name| name.parse().unwrap()).into(),
        trunks: ["carrier"].map(|name| name.parse().unwrap()).into(),
        prompts: ["information", "recording-consent"].map(|name| name.parse().unwrap()).into(),
        numbers: ["+861000000000"].map(number).into(),
        gateways: BTreeMap::new(),
        landing_url: None,
    };
    Settings {
        data_dir: directory.to_path_buf(),
        recordings_dir: directory.join("recordings"),
        upload_max_bytes: 1 << 20,
        undo_within: Duration::from_secs(24 * 3600),
        landing_url: Some("https://go.example/".into()),
        region: Some("CN".into()),
        not_ready_reasons: vec!["break".into(), "training".into()],
        known: Arc::new(known),
        engine: Arc::new(engine),
        ..Settings::default()
    }
}

/// The driver's end.
async fn drive(
    mut driver: Driver,
    mut paints: mpsc::Receiver<Paint>,
    told: mpsc::Sender<Event>,
    answers: Arc<Mutex<VecDeque<Answer>>>,
) {
    loop {
        tokio::select! {
            biased;
            paint = paints.recv() => match paint {
                Some(Paint::Board(snapshot, done)) => {
                    driver.show(*snapshot, None);
                    let _ = done.send(());
                }
                Some(Paint::Desk(view, done)) => {
                    driver.show_desk(*view);
                    let _ = done.send(());
                }
                None => return,
            },
            ask = driver.asks.recv() => match ask {
                Some(Ask::Tell(event)) => told.send(event).await.unwrap(),
                Some(Ask::Request { event, reply, .. }) => {
                    let answer = answers.lock().unwrap().pop_front().unwrap_or(Answer::Done);
                    told.send(event).await.unwrap();
                    let _ = reply.send(answer);
                }
                Some(Ask::Internals { reply }) => {
                    let tables = BTreeMap::from([("engine.attempts".to_owned(), 3)]);
                    let _ = reply.send(Internals { tables, ..Internals::default() });
                }
                Some(Ask::Reload { reply }) => {
                    let _ = reply.send(Ok(vec!["trunk carrier".to_owned()]));
                }
                None => return,
            },
        }
    }
}
