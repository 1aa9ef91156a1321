//! Tests of the store on real databases: a rig, then one file per promise.
//!
//! With `LULL_TEST_POSTGRES`, the address of a server on which databases may be made, the same tests run there, each in a
//! database of its own; what is true of files only asks for [`Rig::in_file`].

mod batches;
mod chaining;
mod copying;
mod counting;
mod dialling;
mod explaining;
mod files;
mod funnelling;
mod importing;
mod messaging;
mod numbers;
mod ordering;
mod outages;
mod people;
mod promises;
mod queueing;
mod reaching;
mod reading;
mod recording;
mod registering;
mod reviewing;
mod searching;
mod selecting;
mod stopping;
mod telling;
mod visiting;

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

use super::*;
use crate::model::attempt::{AttemptEnd, CallRef, CallResult, Intent};
use crate::model::campaign::{Assignment, Campaign, CampaignState, Offer, Pacing, Recording};
use crate::model::disposition::Disposition;
use crate::model::id::{AttemptId, LeadId, ListId, RequestId, UserId};
use crate::model::lead::{Lead, LeadNext};
use crate::model::name::CampaignKey;
use crate::model::phone::PhoneNumber;
use crate::model::selection::Selection;

/// 2026-11-22T03:34:56Z.
pub(super) const NOW: Timestamp = Timestamp::from_millis(1_795_318_496_000);

pub(super) fn after(seconds: u64) -> Timestamp {
    NOW + std::time::Duration::from_secs(seconds)
}

pub(super) fn number(text: &str) -> PhoneNumber {
    PhoneNumber::from_e164(text).unwrap()
}

pub(super) fn key(text: &str) -> CampaignKey {
    text.parse().unwrap()
}

pub(super) fn campaign(name: &str) -> Campaign {
    Campaign {
        key: key(name),
        title: name.to_owned(),
        offer: Offer { name: "Offer".to_owned(), selling_points: vec![], steps: vec![] },
        script: vec![],
        questionnaire: vec![],
        results: vec![],
        hours: Default::default(),
        pacing: Pacing::Progressive { ringing_max: None },
        group: "sales".parse().unwrap(),
        idle_threshold_min: None,
        assignment: Assignment::Random,
        profile: "cn".parse().unwrap(),
        caller_id: number("+862112345678"),
        caller_ids: vec![],
        limits: Default::default(),
        leads: Default::default(),
        numbers: Default::default(),
        schedule: vec![],
        trunks: vec!["carrier".parse().unwrap()],
        ring_timeout_s: 30,
        cancel_before_ring_min: false,
        may_cancel_ringing: true,
        retry: BTreeMap::new(),
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
        information_message: "sorry".parse().unwrap(),
    }
}

/// A database that nobody else uses: on the server of `LULL_TEST_POSTGRES`, else in the directory.
pub(super) async fn database(directory: &std::path::Path) -> DatabasePlace {
    use sqlx::Connection as _;
    static MADE: AtomicU32 = AtomicU32::new(0);
    let Ok(server) = std::env::var("LULL_TEST_POSTGRES") else {
        return DatabasePlace::File(directory.join("lull.db"));
    };
    let name = format!("test_{}_{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
    let mut conn = sqlx::PgConnection::connect(&server).await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("create database {name}"))).execute(&mut conn).await.unwrap();
    let (before, options) = server.split_once('?').unwrap_or((&server, ""));
    let host = before.rsplit_once('/').unwrap().0;
    DatabasePlace::read(&format!("{host}/{name}?{options}"), directory).unwrap()
}

/// A store in a database and a directory of its own, with the running campaign `spring`.
pub(super) struct Rig {
    pub(super) store: Store,
    pub(super) directory: tempfile::TempDir,
    pub(super) place: DatabasePlace,
    pub(super) list: ListId,
    attempts: i64,
}

impl Rig {
    pub(super) async fn new() -> Rig {
        Rig::with(Options::default()).await
    }

    pub(super) async fn with(options: Options) -> Rig {
        let directory = tempfile::tempdir().unwrap();
        let place = database(directory.path()).await;
        Rig::at(directory, place, options).await
    }

    /// In a file, whatever the tests run on.
    pub(super) async fn in_file(options: Options) -> Rig {
        let directory = tempfile::tempdir().unwrap();
        let place = DatabasePlace::File(directory.path().join("lull.db"));
        Rig::at(directory, place, options).await
    }

    async fn at(directory: tempfile::TempDir, place: DatabasePlace, options: Options) -> Rig {
        let store = Store::open(&place, options).await.unwrap();
        let mut rig = Rig { store, directory, place, list: ListId(0), attempts: 0 };
        rig.list = rig.campaign("spring").await;
        rig
    }

    /// A connection that writes, of somebody who is not the store.
    pub(super) async fn beside(&self) -> Conn {
        Db::at(self.place.clone(), false, None).unwrap().writer(false).await.unwrap()
    }

    pub(super) fn path(&self) -> PathBuf {
        self.place.file().unwrap().to_path_buf()
    }

    /// Applies and starts a campaign with an empty list.
    pub(super) async fn campaign(&self, name: &str) -> ListId {
        self.store.apply_campaign(campaign(name), "text", "ann", "test", NOW).await.unwrap();
        self.store.set_campaign_state(&key(name), CampaignState::Running, "ann", "go", NOW).await.unwrap();
        self.store.create_list(&key(name), "list", "ann", NOW).await.unwrap()
    }

    pub(super) async fn lead(&self, text: &str) -> LeadId {
        self.lead_of("spring", self.list, text, 0, "Asia/Shanghai").await
    }

    pub(super) async fn lead_of(&self, name: &str, list: ListId, text: &str, priority: u8, zone: &str) -> LeadId {
        let zones = if zone.is_empty() { vec![] } else { vec![zone.to_owned()] };
        let lead = NewLead {
            number: number(text),
            name: "王芳".to_owned(),
            zones,
            zone_source: ZoneSource::Number,
            priority,
            extra: BTreeMap::new(),
            score: None,
            replied_at: None,
        };
        self.store.add_lead(&key(name), list, lead, NOW).await.unwrap().expect("the lead is new")
    }

    pub(super) fn intent(&mut self, lead: LeadId, text: &str) -> Intent {
        self.attempts += 1;
        Intent {
            attempt: AttemptId(self.attempts),
            campaign: key("spring"),
            lead,
            number: number(text),
            caller_id: number("+862112345678"),
            trunk: "carrier".parse().unwrap(),
            at: NOW,
            zones: vec!["Asia/Shanghai".to_owned()],
            kind: None,
            tzdata: "2026f".to_owned(),
            number_of_attempt: 0,
        }
    }

    pub(super) async fn record(&self, intent: Intent) -> IntentOutcome {
        self.store.record_intent(intent, std::sync::Arc::new(|_| Ok(()))).await.unwrap()
    }

    /// A lead with an attempt on its way.
    pub(super) async fn dialling(&mut self, text: &str) -> (LeadId, AttemptId) {
        let lead = self.lead(text).await;
        let intent = self.intent(lead, text);
        let attempt = intent.attempt;
        assert_eq!(self.record(intent).await, IntentOutcome::Recorded);
        (lead, attempt)
    }

    pub(super) async fn due(&self) -> Vec<Lead> {
        self.store
            .fetch_leads(&key("spring"), &Selection::default(), NOW, 100, &HashSet::new(), &|_| true)
            .await
            .unwrap()
    }

    /// Ends the process's hold on the store without closing it, as a crash does, and opens it again.
    pub(super) async fn crash(self) -> Rig {
        let Rig { store, directory, place, list, attempts } = self;
        drop(store);
        let store = reopen(&place).await;
        Rig { store, directory, place, list, attempts }
    }
}

/// Opens what was let go of a moment ago: a server hears of it when the connection ends, not when the handle is dropped.
async fn reopen(place: &DatabasePlace) -> Store {
    loop {
        match Store::open(place, Options::default()).await {
            Err(StoreError::InUse { .. }) if place.file().is_none() => tokio::task::yield_now().await,
            opened => return opened.unwrap(),
        }
    }
}

pub(super) fn end(attempt: AttemptId, disposition: Disposition, next: Option<LeadNext>) -> AttemptEnd {
    AttemptEnd {
        attempt,
        disposition,
        failure: None,
        rang_at: None,
        answered_at: None,
        connected_at: None,
        ended_at: after(30),
        agent: None,
        classified: None,
        next,
    }
}

pub(super) fn result(attempt: AttemptId, lead: LeadId, request: i64, disposition: Disposition) -> CallResult {
    CallResult {
        request: (request != 0).then_some(RequestId(request)),
        call: CallRef::Outbound(attempt),
        campaign: Some(key("spring")),
        lead: Some(lead),
        number: None,
        agent: UserId(7),
        result: disposition.to_string(),
        disposition,
        answers: BTreeMap::from([("plan".to_owned(), "family".to_owned())]),
        note: String::new(),
        at: after(60),
        talk_ms: 20_000,
        wrap_up_ms: 5_000,
        next: Some(LeadNext::Done),
        suppress: None,
        order: None,
    }
}

#[tokio::test]
async fn every_statement_is_accepted_by_the_database() {
    let rig = Rig::new().await;
    let mut conn = rig.store.reader().await.unwrap();
    let rooms = [
        answers::STATEMENTS,
        attempts::STATEMENTS,
        audit::STATEMENTS,
        callbacks::STATEMENTS,
        calls::STATEMENTS,
        campaigns::STATEMENTS,
        consents::STATEMENTS,
        consents::chain::STATEMENTS,
        decisions::STATEMENTS,
        deliveries::STATEMENTS,
        exports::STATEMENTS,
        figures::STATEMENTS,
        figures::behind::STATEMENTS,
        figures::days::STATEMENTS,
        figures::upkeep::STATEMENTS,
        forgetting::STATEMENTS,
        funnel::STATEMENTS,
        history::STATEMENTS,
        import::STATEMENTS,
        import::MERGING_STATEMENTS,
        import::UNDO_STATEMENTS,
        import::NUMBERS_STATEMENTS,
        jobs::STATEMENTS,
        keys::STATEMENTS,
        due::STATEMENTS,
        landing::STATEMENTS,
        leads::STATEMENTS,
        links::STATEMENTS,
        live_limits::STATEMENTS,
        messages::STATEMENTS,
        messages::taking::STATEMENTS,
        outreach::STATEMENTS,
        outreach::gathering::STATEMENTS,
        outreach::releasing::STATEMENTS,
        opting_out::STATEMENTS,
        messages::reviewing::STATEMENTS,
        orders::STATEMENTS,
        outbox::STATEMENTS,
        outbox::PAYLOAD_STATEMENTS,
        placing::STATEMENTS,
        super::promises::STATEMENTS,
        super::promises::READING_STATEMENTS,
        recordings::STATEMENTS,
        registrations::STATEMENTS,
        results::STATEMENTS,
        schema::STATEMENTS,
        search::STATEMENTS,
        sessions::STATEMENTS,
        spreadsheets::STATEMENTS,
        suppressions::STATEMENTS,
        templates::STATEMENTS,
        users::STATEMENTS,
        webhooks::STATEMENTS,
    ];
    for statement in rooms.into_iter().flatten() {
        conn.prepare(*statement).await.unwrap_or_else(|error| panic!("{error}"));
        // Rows that are given are read once: within the loop over a table they are taken apart anew for each of its rows.
        if statement.text.contains("json_each($") {
            let plan = conn.explain(*statement).await.unwrap();
            let begins = |line: &&String| line.starts_with("SEARCH ") || line.starts_with("SCAN ");
            let mut loops = plan.iter().take_while(|line| !line.contains("SUBQUERY")).filter(begins);
            let place = loops.position(|line| line.starts_with("SCAN j VIRTUAL TABLE"));
            assert!(place.unwrap_or_default() == 0, "{}: {plan:#?}", statement.name);
        }
    }
}

#[tokio::test]
async fn a_second_service_is_refused_and_a_command_is_not() {
    let rig = Rig::new().await;
    // The same file or server, seen from another machine: its own directory, so that only the database can tell.
    let elsewhere = tempfile::tempdir().unwrap();
    let place = match &rig.place {
        DatabasePlace::File(path) => DatabasePlace::File(path.clone()),
        DatabasePlace::Server(server) => DatabasePlace::read(server.url(), elsewhere.path()).unwrap(),
    };
    let error = Store::open(&place, Options::default()).await.err().unwrap();
    assert!(matches!(&error, StoreError::InUse { holder, .. } if holder.starts_with("process ")), "{error}");
    let command = Options { opener: Opener::Command, ..Options::default() };
    let beside = Store::open(&place, command).await.unwrap();
    assert_eq!(beside.campaigns().await.unwrap().len(), 1);
    rig.crash().await;
}

#[tokio::test]
async fn files_that_are_not_ours_are_refused_with_what_they_are() {
    let directory = tempfile::tempdir().unwrap();
    let place = |name: &str| directory.path().join(name);
    let open = async |name: &str| Store::open(&place(name), Options::default()).await.err().unwrap();
    std::fs::write(place("text.db"), "phone,name\n".repeat(200)).unwrap();
    assert!(matches!(open("text.db").await, StoreError::NotADatabase { .. }));
    assert!(matches!(open("no/such.db").await, StoreError::CannotOpen { .. }));
    std::fs::create_dir(place("dir.db")).unwrap();
    assert!(open("dir.db").await.to_string().contains("is a directory"));
    let other = Db::at(place("other.db").as_path().into(), false, None).unwrap();
    other.writer(true).await.unwrap().control("create table theirs (x text)").await.unwrap();
    assert!(matches!(open("other.db").await, StoreError::ForeignDatabase { .. }));
}

#[tokio::test]
async fn a_database_of_a_later_program_is_refused_with_both_versions() {
    let rig = Rig::new().await;
    rig.beside()
        .await
        .control(
            "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
             select 999, 'later', true, checksum, 0 from _sqlx_migrations where version = 1",
        )
        .await
        .unwrap();
    let place = rig.place.to_string();
    let command = Options { opener: Opener::Command, ..Options::default() };
    let error = Store::open(&rig.place, command).await.err().unwrap();
    assert_eq!(error, StoreError::NewerSchema { place, found: 999, known: schema::newest() });
}

#[tokio::test]
async fn a_sound_file_passes_the_quick_check_and_closes_for_good() {
    let rig = Rig::in_file(Options::default()).await;
    rig.store.close().await;
    assert_eq!(rig.store.drop_dialog("x").await, Err(StoreError::Closed));
    let path = rig.path();
    drop(rig.store);
    let checked = Options { quick_check: true, ..Options::default() };
    let store = Store::open(&path, checked).await.unwrap();
    assert_eq!(store.schema_version().await.unwrap(), (schema::newest(), schema::newest()));
}
