//! How long people wait for what takes no time: from the customer's answer to the agent's voice, and from an agent being
//! free to the next caller hearing that agent.

use std::sync::Arc;
use std::time::Duration;

use lull::clock::Clock;
use tokio::time::{Instant, sleep};

use super::figures::{Figure, Spread};
use super::mouths::Mouths;
use super::people::{Callers, Customers, Manner, Notes, notes};
use super::service::{HOTLINE, Service, Wishes};
use super::{Bench, LoadError};
use crate::numbers;

/// Customers and callers listen this long to an agent.
const LISTENS: Duration = Duration::from_millis(300);
/// Calls a second of the customers.
const CUSTOMERS_PER_S: f64 = 20.0;
/// Callers who wait or talk at any moment.
const CALLERS_AT_ONCE: usize = 40;
/// Agents who take them.
const INBOUND_AGENTS: usize = 8;
/// ms between two packets of a phone.
const PACKET_MS: u64 = 20;
/// The same of a phone that hides the packet clock: below the rate at which the service takes it for a flood.
const FAST_PACKET_MS: u64 = 4;
/// Without any progress for this long a measurement is given up.
const PROGRESS_WITHIN: Duration = Duration::from_secs(20);

/// From the customer's 200 OK to the first packet with the agent's voice.
///
/// # Errors
/// The service cannot be run, or nobody is connected.
pub async fn connect(bench: &mut Bench) -> Result<(), LoadError> {
    let calls = bench.scaled(400, 60) as usize;
    let watch = bench.watch("connect");
    let customers = Customers::open(Clock::start(), Manner::Measures { listens: LISTENS }).await?;
    let wishes = Wishes {
        agents: 24,
        speech_every_ms: PACKET_MS,
        carrier: customers.address,
        campaigns: vec![calls + 50],
        calls_per_second: CUSTOMERS_PER_S,
        lines_per_agent: 1.0,
    };
    let mouths = Arc::new(Mouths::start());
    let folder = bench.folder.join("connect");
    let mut service = Service::start(&bench.program, &folder, &wishes, Some(mouths.clone())).await?;
    service.control(0, "running").await?;
    let waited = until(&customers.notes, calls).await;
    service.control(0, "paused").await?;
    sleep(Duration::from_secs(1)).await;
    waited?;
    let (times, unheard) = taken(&customers.notes);
    let spread = Spread::of(times);
    bench.report.figures.push(Figure::judged(
        "connect_p99_ms",
        "customer's 200 OK to the first packet of the agent's voice, p99",
        "ms",
        40.0,
        spread.map(|spread| spread.p99_ms).ok_or_else(|| "nobody heard an agent".into()),
        format!(
            "{}; {unheard} heard none; nailed-up phones, detection off, packets of {PACKET_MS} ms",
            spread.map_or(String::new(), |spread| spread.line())
        ),
    ));
    bench.unwatch(watch);
    service.end().await
}

/// From the hang-up of one caller to the next one hearing the agent.
///
/// # Errors
/// The service cannot be run, or nobody is connected.
pub async fn freed(bench: &mut Bench) -> Result<(), LoadError> {
    let spread = freed_with(bench, "freed", FAST_PACKET_MS).await?;
    bench.report.figures.push(Figure::judged(
        "freed_p99_ms",
        "agent freed (BYE of one caller) to the next waiting caller hearing that agent, p99",
        "ms",
        20.0,
        Ok(spread.p99_ms),
        format!("{}; packets of {FAST_PACKET_MS} ms, so that little of it is the packet clock", spread.line()),
    ));
    let spread = freed_with(bench, "freed_20ms", PACKET_MS).await?;
    let figure = Figure::shown("freed_20ms_p99_ms", "the same with packets of 20 ms, p99", "ms", spread.p99_ms);
    bench.report.figures.push(figure.noted(format!("{}; up to 20 ms of it are the packet clock", spread.line())));
    Ok(())
}

async fn freed_with(bench: &mut Bench, name: &str, packet_ms: u64) -> Result<Spread, LoadError> {
    let calls = bench.scaled(400, 80) as usize;
    let watch = bench.watch(name);
    let station = Callers::station().await?;
    let wishes = Wishes {
        agents: INBOUND_AGENTS,
        speech_every_ms: packet_ms,
        carrier: station.local(),
        campaigns: Vec::new(),
        calls_per_second: 50.0,
        lines_per_agent: 1.0,
    };
    let mouths = Arc::new(Mouths::start());
    let folder = bench.folder.join(name);
    let service = Service::start(&bench.program, &folder, &wishes, Some(mouths.clone())).await?;
    let notes = Notes::default();
    let callers = Callers {
        centre: service.sip,
        number: numbers::centre(HOTLINE),
        station,
        clock: Clock::start(),
        notes: notes.clone(),
    };
    let mut tasks = tokio::task::JoinSet::new();
    // Those who find an agent free at the beginning measure nothing, and nobody follows the last ones.
    for index in 0..calls + INBOUND_AGENTS {
        while tasks.len() >= CALLERS_AT_ONCE {
            tasks.join_next().await;
        }
        // Not a multiple of the packets' 20 ms: everybody would hang up at the same moment of the packet clock.
        let listens = LISTENS + Duration::from_micros(index as u64 * 1_313 % 20_000);
        tasks.spawn(callers.clone().call_and_measure(index, listens));
        sleep(Duration::from_millis(5)).await;
    }
    while tasks.join_next().await.is_some() {}
    let (times, unheard) = taken(&notes);
    let refused = self::notes(&notes).refused.clone();
    bench.unwatch(watch);
    service.end().await?;
    if unheard > 0 || !refused.is_empty() {
        let what = format!("{unheard} callers heard no agent; refused by status: {refused:?}");
        bench.disturbed(name, what);
    }
    Spread::of(times).ok_or_else(|| LoadError::Other("no caller was connected after another".into()))
}

fn taken(shared: &Notes) -> (Vec<u64>, u64) {
    let mut notes = notes(shared);
    (std::mem::take(&mut notes.times_us), notes.unheard)
}

async fn until(shared: &Notes, calls: usize) -> Result<(), LoadError> {
    let mut last = (0, Instant::now());
    loop {
        let (measured, unheard) = {
            let notes = notes(shared);
            (notes.times_us.len(), notes.unheard)
        };
        if measured >= calls {
            return Ok(());
        }
        if measured > last.0 {
            last = (measured, Instant::now());
        } else if last.1.elapsed() > PROGRESS_WITHIN {
            return Err(LoadError::Other(format!(
                "{measured} customers heard an agent, {unheard} did not; no more come"
            )));
        }
        sleep(Duration::from_millis(100)).await;
    }
}
