//! The dialer at work while a list comes in: its writes, each waited for, and beside them what the disk alone needs.

use std::collections::{BTreeMap, HashSet};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use lull::clock::Clock;
use lull::model::attempt::{AttemptEnd, CallRef, CallResult, Intent};
use lull::model::database::DatabasePlace;
use lull::model::disposition::Disposition;
use lull::model::id::{AttemptId, Mint, UserId};
use lull::model::lead::{Lead, LeadNext};
use lull::model::selection::Selection;
use lull::store::{Opener, Options, Receipt, Store, Write};
use tokio::time::Instant;

use super::installation::DIALLED;
use crate::load::LoadError;
use crate::report::percentile;

/// From the end of a write to the next one.
const PAUSE: Duration = Duration::from_millis(10);
/// From one sync of the disk to the next.
const SYNC_PAUSE: Duration = Duration::from_millis(50);
/// Leads taken from the store at once.
const LEADS_AT_ONCE: usize = 200;

/// How long things took, in µs.
#[derive(Debug, Default)]
pub(super) struct Waits(Vec<u64>);

impl Waits {
    /// That share of them took at most so many ms.
    pub(super) fn ms(&self, share: f64) -> Result<f64, String> {
        percentile(&self.0, share).map(|us| us as f64 / 1e3).ok_or_else(|| "nothing was written".to_owned())
    }

    pub(super) fn count(&self) -> usize {
        self.0.len()
    }
}

/// What was measured.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Intents, ends and results, each until it was durable.
    pub(super) writes: Waits,
    /// 4 KiB to a file of their own, and synced.
    pub(super) syncs: Waits,
}

/// At work until it is told to stop.
pub(super) struct Dialer {
    stop: Arc<AtomicBool>,
    writing: JoinHandle<Result<Vec<u64>, LoadError>>,
    syncing: JoinHandle<std::io::Result<Vec<u64>>>,
}

impl Dialer {
    /// Begins to dial the leads of the campaign [`DIALLED`].
    pub(super) fn start(database: &str, folder: &Path) -> Result<Dialer, LoadError> {
        let place = DatabasePlace::read(database, folder).map_err(|error| LoadError::Other(error.to_string()))?;
        let stop = Arc::new(AtomicBool::new(false));
        let (writer, syncer) = (Arc::clone(&stop), Arc::clone(&stop));
        let beside = folder.join("sync-probe");
        let writing = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(write(&place, &writer))
        });
        let syncing = std::thread::spawn(move || sync(&beside, &syncer));
        Ok(Dialer { stop, writing, syncing })
    }

    /// Whether it has come to an end by itself: then it cannot go on.
    pub(super) fn has_ended(&self) -> bool {
        self.writing.is_finished()
    }

    /// Ends it.
    pub(super) fn finish(self) -> Result<Seen, LoadError> {
        self.stop.store(true, Ordering::Relaxed);
        let died = |_| LoadError::Other("the dialer's thread ended badly".into());
        let mut writes = self.writing.join().map_err(died)??;
        let mut syncs = self.syncing.join().map_err(died)??;
        writes.sort_unstable();
        syncs.sort_unstable();
        Ok(Seen { writes: Waits(writes), syncs: Waits(syncs) })
    }
}

async fn write(place: &DatabasePlace, stop: &AtomicBool) -> Result<Vec<u64>, LoadError> {
    let wrong = |what: &dyn std::fmt::Display| LoadError::Other(format!("the dialer: {what}"));
    let store = Store::open(place, Options { opener: Opener::Service, ..Options::default() });
    let store = store.await.map_err(|error| wrong(&error))?;
    let campaign = DIALLED.parse().map_err(|error| wrong(&error))?;
    let (clock, mut mint) = (Clock::start(), Mint::new(1));
    let mut waits = Vec::new();
    let mut leads: Vec<Lead> = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let now = clock.now().timestamp;
        let Some(lead) = leads.pop() else {
            let fetched = store
                .fetch_leads(&campaign, &Selection::default(), now, LEADS_AT_ONCE, &HashSet::new(), &|_| true)
                .await;
            leads = fetched.map_err(|error| wrong(&error))?;
            if leads.is_empty() {
                return Err(LoadError::Other("the dialer has no leads left: the import took too long".into()));
            }
            continue;
        };
        for write in writes_of(&lead, AttemptId(mint.next(now)), now)? {
            let begin = Instant::now();
            let mut receipts = store.record(vec![write]).await;
            waits.push(begin.elapsed().as_micros() as u64);
            match receipts.pop() {
                Some(Ok(Receipt::Intent(outcome))) if outcome != lull::store::IntentOutcome::Recorded => {
                    return Err(wrong(&format!("{outcome:?}")));
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(wrong(&error)),
                None => return Err(wrong(&"no receipt")),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
    store.close().await;
    Ok(waits)
}

/// What a call leaves: its intent, its end, its result.
fn writes_of(lead: &Lead, attempt: AttemptId, at: lull::model::time::Timestamp) -> Result<[Write; 3], LoadError> {
    let wrong = |error: &dyn std::fmt::Display| LoadError::Other(error.to_string());
    let campaign: lull::model::name::CampaignKey = DIALLED.parse().map_err(|error| wrong(&error))?;
    let intent = Intent {
        attempt,
        campaign: campaign.clone(),
        lead: lead.id,
        number: lead.number.clone(),
        caller_id: lull::model::phone::PhoneNumber::from_e164("+861000000000").map_err(|error| wrong(&error))?,
        trunk: "carrier".parse().map_err(|error| wrong(&error))?,
        at,
        kind: None,
        zones: vec!["Asia/Shanghai".to_owned()],
        tzdata: "2026a".to_owned(),
        number_of_attempt: 0,
    };
    let end = AttemptEnd {
        attempt,
        disposition: Disposition::NotRecorded,
        failure: None,
        rang_at: Some(at),
        answered_at: Some(at),
        connected_at: Some(at),
        ended_at: at,
        agent: None,
        classified: None,
        next: Some(LeadNext::Done),
    };
    let result = CallResult {
        request: None,
        call: CallRef::Outbound(attempt),
        campaign: Some(campaign),
        lead: Some(lead.id),
        number: None,
        agent: UserId(7),
        result: "done".to_owned(),
        disposition: Disposition::Declined,
        answers: BTreeMap::new(),
        note: String::new(),
        at,
        talk_ms: 20_000,
        wrap_up_ms: 5_000,
        next: Some(LeadNext::Done),
        suppress: None,
        order: None,
    };
    let pass = Arc::new(|_: &_| Ok(()));
    Ok([Write::Intent(Box::new(intent), pass), Write::End(Box::new(end)), Write::Result(Box::new(result))])
}

fn sync(path: &PathBuf, stop: &AtomicBool) -> std::io::Result<Vec<u64>> {
    let mut file = std::fs::File::create(path)?;
    let mut waits = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let begin = Instant::now();
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&[0x5a; 4096])?;
        file.sync_data()?;
        waits.push(begin.elapsed().as_micros() as u64);
        super::pause(SYNC_PAUSE);
    }
    Ok(waits)
}
