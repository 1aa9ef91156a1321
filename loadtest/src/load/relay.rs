//! What a two-way call costs while it is up, against rtpengine in user space; and the memory of calls that are up.

use std::sync::Arc;
use std::time::Duration;

use lull::clock::Clock;
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep, timeout};

use super::figures::Figure;
use super::mouths::{Mouths, audio_socket, tone};
use super::people::{Callers, Customers, Manner, Notes};
use super::rtpengine::Rtpengine;
use super::service::{HOTLINE, Service, Wishes};
use super::{Bench, LoadError, procfs};
use crate::numbers;

/// Packets a second and direction.
const PACKETS_PER_S: u64 = 50;
/// At least this share of the packets must arrive for a figure to count.
const ARRIVED_MIN: f64 = 0.99;
/// All calls must be up by then.
const UP_WITHIN: Duration = Duration::from_secs(60);
/// The calls are left alone for this long before they are measured.
const SETTLE: Duration = Duration::from_secs(3);
/// Most memory for a call that is up, in kB.
const HELD_MAX_KB: f64 = 20.0;

/// What a relay took.
#[derive(Clone, Copy, Debug)]
struct Relayed {
    /// Share of a core for one call, in percent.
    percent: f64,
    /// Share of the packets that arrived.
    arrived: f64,
}

/// Both relays with the same generator, one after the other.
///
/// # Errors
/// The service cannot be run.
pub async fn relay(bench: &mut Bench) -> Result<(), LoadError> {
    let calls = bench.scaled(100, 20) as usize;
    let watch = bench.watch("relay");
    let control = rtpengine(bench, calls).await;
    let ours = service(bench, calls).await?;
    let note = |name: &str, relayed: &Relayed| {
        format!(
            "{name} {:.3} % of a core per call ({:.1} % of packets arrived)",
            relayed.percent,
            relayed.arrived * 100.0
        )
    };
    let measured = match &control {
        Ok(control) if ours.arrived < ARRIVED_MIN || control.arrived < ARRIVED_MIN => {
            Err(format!("packets were lost: {}, {}", note("Lull", &ours), note("rtpengine", control)))
        }
        Ok(control) => Ok(ours.percent / control.percent),
        Err(error) => Err(error.to_string()),
    };
    let noted = match &control {
        Ok(control) => format!("{}, {}; {calls} calls", note("Lull", &ours), note("rtpengine", control)),
        Err(_) => note("Lull", &ours),
    };
    let what = "processor time per relayed two-way call, against rtpengine in user space";
    bench.report.figures.push(Figure::judged("relay_ratio", what, "x", 1.0, measured, noted));
    bench.unwatch(watch);
    Ok(())
}

async fn observe(bench: &Bench, pid: u32, mouths: &Mouths, calls: usize) -> Result<Relayed, LoadError> {
    sleep(SETTLE).await;
    let (cpu, tones, begin) = (procfs::usage(pid)?.cpu, mouths.tones(), Instant::now());
    sleep(Duration::from_secs(bench.scaled(20, 5).into())).await;
    let elapsed = begin.elapsed().as_secs_f64();
    let cpu = procfs::usage(pid)?.cpu.saturating_sub(cpu).as_secs_f64();
    let expected = calls as f64 * 2.0 * PACKETS_PER_S as f64 * elapsed;
    let arrived = (mouths.tones() - tones) as f64 / expected;
    Ok(Relayed { percent: cpu / elapsed / calls as f64 * 100.0, arrived })
}

async fn rtpengine(bench: &Bench, calls: usize) -> Result<Relayed, LoadError> {
    let mut rtpengine = Rtpengine::start(&bench.folder).await?;
    let mouths = Mouths::start();
    let mut speaking = Vec::new();
    let ip = [127, 0, 0, 1].into();
    for call in 0..calls {
        let (one, other) = (audio_socket(ip)?, audio_socket(ip)?);
        let joined = rtpengine.join(&format!("call-{call}"), one.local_addr()?, other.local_addr()?).await?;
        speaking.push(mouths.speak(one, joined.0, tone(1), 1000 / PACKETS_PER_S)?);
        speaking.push(mouths.speak(other, joined.1, tone(2), 1000 / PACKETS_PER_S)?);
    }
    observe(bench, rtpengine.pid(), &mouths, calls).await
}

/// Customers who were dialled, each talking to an agent.
async fn service(bench: &mut Bench, calls: usize) -> Result<Relayed, LoadError> {
    let mouths = Arc::new(Mouths::start());
    let customers = Customers::open(Clock::start(), Manner::Talks { mouths: mouths.clone() }).await?;
    let wishes = Wishes {
        agents: calls,
        speech_every_ms: 1000 / PACKETS_PER_S,
        carrier: customers.address,
        campaigns: vec![calls + 10],
        calls_per_second: 50.0,
        lines_per_agent: 1.0,
    };
    let folder = bench.folder.join("relay");
    let mut service = Service::start(&bench.program, &folder, &wishes, Some(mouths.clone())).await?;
    service.control(0, "running").await?;
    let end = Instant::now() + UP_WITHIN;
    while service.total("/connected").await? < calls as u64 {
        if Instant::now() > end {
            return Err(LoadError::Other("not all calls were connected".into()));
        }
        sleep(Duration::from_millis(100)).await;
    }
    let relayed = observe(bench, service.pid, &mouths, calls).await?;
    // The calls are up: they are ended with the service.
    drop(customers);
    service.end_at_once().await?;
    Ok(relayed)
}

/// Memory of calls that are up: callers who wait with hold music.
///
/// # Errors
/// The service cannot be run, or callers are refused.
pub async fn held(bench: &mut Bench) -> Result<(), LoadError> {
    let calls = bench.scaled(500, 100) as usize;
    let watch = bench.watch("held");
    let station = Callers::station().await?;
    let wishes = Wishes {
        agents: 0,
        speech_every_ms: 1000 / PACKETS_PER_S,
        carrier: station.local(),
        campaigns: Vec::new(),
        calls_per_second: 50.0,
        lines_per_agent: 1.0,
    };
    let folder = bench.folder.join("held");
    let service = Service::start(&bench.program, &folder, &wishes, None).await?;
    let callers = Callers {
        centre: service.sip,
        number: numbers::centre(HOTLINE),
        station,
        clock: Clock::start(),
        notes: Notes::default(),
    };
    let mouths = Arc::new(Mouths::start());
    let go = Arc::new(Notify::new());
    // A few at first: what is made once (pools, prompts, connections) is no call's.
    let first = hold(&callers, &mouths, &go, 0, 10).await?;
    let before = service.settled_bytes().await?;
    let others = hold(&callers, &mouths, &go, 10, calls).await?;
    let after = service.settled_bytes().await?;
    go.notify_waiters();
    drop((first, others));
    let kb = (after as f64 - before as f64) / 1e3 / calls as f64;
    bench.report.figures.push(Figure::judged(
        "held_kb",
        "memory of a call that is up",
        "kB",
        HELD_MAX_KB,
        Ok(kb),
        format!(
            "{calls} callers with hold music; {:.1} MB before, {:.1} MB with them",
            before as f64 / 1e6,
            after as f64 / 1e6
        ),
    ));
    bench.unwatch(watch);
    service.end_at_once().await
}

/// Lets callers come at 50 a second and waits until all are connected.
async fn hold(
    callers: &Callers,
    mouths: &Arc<Mouths>,
    go: &Arc<Notify>,
    from: usize,
    count: usize,
) -> Result<tokio::task::JoinSet<()>, LoadError> {
    let (up_in, mut up) = mpsc::channel(count);
    let mut tasks = tokio::task::JoinSet::new();
    for index in from..from + count {
        tasks.spawn(callers.clone().call_and_hold(index, mouths.clone(), go.clone(), up_in.clone()));
        sleep(Duration::from_millis(20)).await;
    }
    for _ in 0..count {
        match timeout(UP_WITHIN, up.recv()).await {
            Ok(Some(true)) => {}
            _ => return Err(LoadError::Other("a caller was not taken".into())),
        }
    }
    Ok(tasks)
}
