//! Tests of the store on real files: a rig, then one file per promise.

mod batches;
mod dialling;
mod explaining;
mod importing;
mod outages;
mod people;
mod reading;

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
        information_message: "sorry".parse().unwrap(),
    }
}

/// A store in a directory of its own, with the running campaign `spring`.
pub(super) struct Rig {
    pub(super) store: Store,
    pub(super) directory: tempfile::TempDir,
    pub(super) list: ListId,
    attempts: i64,
}

impl Rig {
    pub(super) async fn new() -> Rig {
        Rig::with(Options::default()).await
    }

    pub(super) async fn with(options: Options) -> Rig {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("lull.db"), options).await.unwrap();
        let mut rig = Rig { store, directory, list: ListId(0), attempts: 0 };
        rig.list = rig.campaign("spring").await;
        rig
    }

    pub(super) fn path(&self) -> PathBuf {
        self.directory.path().join("lull.db")
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
        self.store.fetch_leads(&key("spring"), NOW, 100, &HashSet::new(), &|_| true).await.unwrap()
    }

    /// Ends the process's hold on the store without closing it, as a crash does, and opens it again.
    pub(super) async fn crash(self) -> Rig {
        let Rig { store, directory, list, attempts } = self;
        drop(store);
        let store = Store::open(&directory.path().join("lull.db"), Options::default()).await.unwrap();
        Rig { store, directory, list, attempts }
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
    }
}

#[tokio::test]
async fn every_statement_is_accepted_by_the_database() {
    let rig = Rig::new().await;
    let mut conn = rig.store.reader().await.unwrap();
    let rooms = [
        attempts::STATEMENTS,
        audit::STATEMENTS,
        calls::STATEMENTS,
        campaigns::STATEMENTS,
        consents::STATEMENTS,
        decisions::STATEMENTS,
        figures::STATEMENTS,
        history::STATEMENTS,
        import::STATEMENTS,
        leads::STATEMENTS,
        schema::STATEMENTS,
        sessions::STATEMENTS,
        suppressions::STATEMENTS,
        users::STATEMENTS,
    ];
    for statement in rooms.into_iter().flatten() {
        conn.prepare(*statement).await.unwrap_or_else(|error| panic!("{error}"));
    }
}

#[tokio::test]
async fn a_second_service_is_refused_and_a_command_is_not() {
    let rig = Rig::new().await;
    let error = Store::open(&rig.path(), Options::default()).await.err().unwrap();
    assert!(matches!(&error, StoreError::InUse { holder, .. } if holder.starts_with("process ")), "{error}");
    let command = Options { opener: Opener::Command, ..Options::default() };
    let beside = Store::open(&rig.path(), command).await.unwrap();
    assert_eq!(beside.campaigns().await.unwrap().len(), 1);
    drop(rig.store);
    assert!(Store::open(&rig.directory.path().join("lull.db"), Options::default()).await.is_ok());
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
    let other = db::Db::sqlite(&place("other.db"), None);
    other.writer(true).await.unwrap().control("create table theirs (x text)").await.unwrap();
    assert!(matches!(open("other.db").await, StoreError::ForeignDatabase { .. }));
}

#[tokio::test]
async fn a_database_of_a_later_program_is_refused_with_both_versions() {
    let rig = Rig::new().await;
    let path = rig.path();
    let mut conn = rig.store.inner.db.writer(false).await.unwrap();
    conn.control(
        "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
         values (999, 'later', true, x'00', 0)",
    )
    .await
    .unwrap();
    drop(conn);
    drop(rig.store);
    let error = Store::open(&path, Options::default()).await.err().unwrap();
    assert_eq!(error, StoreError::NewerSchema { path, found: 999, known: schema::newest() });
}

#[tokio::test]
async fn a_sound_file_passes_the_quick_check_and_closes_for_good() {
    let rig = Rig::new().await;
    rig.store.close().await;
    assert_eq!(rig.store.drop_dialog("x").await, Err(StoreError::Closed));
    let path = rig.path();
    drop(rig.store);
    let checked = Options { quick_check: true, ..Options::default() };
    let store = Store::open(&path, checked).await.unwrap();
    assert_eq!(store.schema_version().await.unwrap(), (schema::newest(), schema::newest()));
}
