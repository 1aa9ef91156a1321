//! What a call costs: SIPp's own caller, signalling and media port alone, and the whole service; and what is left after
//! thousands of them.

use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::bare::Outcome;
use super::figures::Figure;
use super::mouths::Mouths;
use super::service::{Service, Wishes};
use super::sipp::Sipp;
use super::{Bench, LoadError, procfs};

/// Calls a second of all measurements of cost.
pub const RATE: u32 = 200;
/// SIP remembers ended transactions for 32 s (64 T1, RFC 3261 17); then all tables must be as before.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(40);
/// Idle agents of the service: many more than calls are up at a moment.
const AGENTS: usize = 40;
/// Most growth, in MB.
const GROWTH_MAX_MB: f64 = 5.0;
/// The service is asked this often how far it is.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Without any progress for this long a measurement is given up.
const PROGRESS_WITHIN: Duration = Duration::from_secs(20);
/// It must keep at least this share of the rate for the figure to count.
const RATE_SHARE_MIN: f64 = 0.95;

/// The control: processor time of SIPp's own caller for one call, in µs.
///
/// # Errors
/// SIPp is not there, or cannot keep up.
pub async fn control(bench: &mut Bench) -> Result<f64, LoadError> {
    let calls = bench.scaled(6_000, 1_200);
    let watch = bench.watch("control");
    let uas = Sipp::builtin_uas(&bench.folder).await?;
    let uac = Sipp::builtin_uac(&bench.folder, uas.address, RATE, calls).await?;
    let (cpu, counters) = uac.finish(within(calls)).await?;
    if counters.successful < u64::from(calls) {
        return Err(LoadError::Other(format!("SIPp against SIPp lost calls: {counters:?}")));
    }
    let us = micros(cpu) / f64::from(calls);
    let figure = Figure::shown("control_us", "control: SIPp's own caller, processor time per call", "µs", us);
    bench.report.figures.push(
        figure
            .noted(format!("{calls} calls at {RATE}/s against SIPp, {} messages sent again", counters.retransmissions)),
    );
    bench.unwatch(watch);
    Ok(us)
}

fn within(calls: u32) -> Duration {
    Duration::from_secs(u64::from(calls / RATE) + 60)
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// Signalling and media port alone, against the control.
///
/// # Errors
/// The calls do not succeed.
pub async fn bare(bench: &mut Bench, control_us: f64) -> Result<(), LoadError> {
    let calls = bench.scaled(6_000, 1_200);
    let watch = bench.watch("bare");
    let uas = Sipp::builtin_uas(&bench.folder).await?;
    let mut command = std::process::Command::new(std::env::current_exe()?);
    command.args(["bare", "--uas", &uas.address.to_string()]);
    command.args(["--rate", &RATE.to_string(), "--calls", &calls.to_string()]);
    let mut child = Guarded(command.stdout(std::process::Stdio::piped()).spawn()?);
    let end = Instant::now() + within(calls);
    // Not waited for until its times are read: they are gone with the process.
    let mut usage = procfs::usage(child.0.id())?;
    while !usage.is_zombie {
        if Instant::now() > end {
            return Err(LoadError::Other("the bare caller does not end".into()));
        }
        sleep(LOOK_EVERY).await;
        usage = procfs::usage(child.0.id())?;
    }
    let mut said = String::new();
    if let Some(mut stdout) = child.0.stdout.take() {
        std::io::Read::read_to_string(&mut stdout, &mut said)?;
    }
    let outcome: Outcome = serde_json::from_str(&said).map_err(|error| LoadError::Other(error.to_string()))?;
    let counters = uas.counters()?;
    if outcome.completed < u64::from(calls) || outcome.legs_left > 0 {
        return Err(LoadError::Other(format!("the bare caller lost calls: {outcome:?}")));
    }
    let us = micros(usage.cpu) / f64::from(calls);
    bench.report.figures.push(Figure::judged(
        "bare_ratio",
        "processor time per outbound call, signalling and media port alone, against the control",
        "x",
        3.0,
        Ok(us / control_us),
        format!(
            "{us:.0} µs per call; {calls} calls at {RATE}/s; SIPp sent {} messages again",
            counters.retransmissions
        ),
    ));
    bench.unwatch(watch);
    Ok(())
}

struct Guarded(std::process::Child);

impl Drop for Guarded {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The whole service, against the control; and what is left of the calls.
///
/// Customers answer after 180 and hang up at once, so that a call has the messages of SIPp's own. Each call has a durable
/// intent, is bridged to an agent's nailed-up phone, and leaves a durable attempt and a durable result (wrap-up is 0 s,
/// so the result is "not recorded").
///
/// # Errors
/// The service does not keep the rate, or cannot be run.
pub async fn service(bench: &mut Bench, control_us: Option<f64>) -> Result<(), LoadError> {
    let (warm_up, calls) = (bench.scaled(1_000, 200), bench.scaled(10_000, 1_000));
    let watch = bench.watch("service");
    let carrier = Sipp::hangs_up(&bench.folder).await?;
    let wishes = Wishes {
        agents: AGENTS,
        // Rarely: the cost of audio is the relay's figure.
        speech_every_ms: 1_000,
        carrier: carrier.address,
        // The lists are dialled to their ends: whoever pauses a campaign gives up calls, and SIPp understands no CANCEL.
        campaigns: vec![warm_up as usize, calls as usize / 2, calls as usize / 2],
        calls_per_second: f64::from(RATE),
        lines_per_agent: 2.0,
    };
    let mouths = std::sync::Arc::new(Mouths::start());
    let folder = bench.folder.join("service");
    let mut service = Service::start(&bench.program, &folder, &wishes, Some(mouths.clone())).await?;
    let idle = idle_share(&service, bench.scaled(5, 2)).await?;
    dial(&mut service, &[0], warm_up.into()).await?;
    sleep(bench.pause(FORGOTTEN_AFTER)).await;
    let before = Left::of(&mut service).await?;
    let (dialled, cpu, begin) = (before.dialled, procfs::usage(service.pid)?.cpu, Instant::now());
    dial(&mut service, &[1, 2], dialled + u64::from(calls)).await?;
    let (elapsed, cpu) = (begin.elapsed(), procfs::usage(service.pid)?.cpu.saturating_sub(cpu));
    sleep(bench.pause(FORGOTTEN_AFTER)).await;
    let after = Left::of(&mut service).await?;
    let made = after.dialled - dialled;
    let counters = carrier.counters()?;
    let rate = made as f64 / elapsed.as_secs_f64();
    if let Some(control_us) = control_us {
        let idle_cpu = elapsed.mul_f64(idle);
        let us = micros(cpu.saturating_sub(idle_cpu)) / made as f64;
        let measured = match rate >= f64::from(RATE) * RATE_SHARE_MIN {
            true => Ok(us / control_us),
            false => Err(format!("only {rate:.0} calls/s were reached at {us:.0} µs per call")),
        };
        let what = "processor time per outbound call of the whole service, durable intent, attempt and result, \
                    against the control";
        let note = format!(
            "{us:.0} µs per call; {made} calls at {rate:.0}/s, each bridged to an agent; without {:.1} % of a core \
             for {AGENTS} open phone lines; SIPp: {} failed, {} messages sent again",
            idle * 100.0,
            counters.failed,
            counters.retransmissions
        );
        bench.report.figures.push(Figure::judged("service_ratio", what, "x", 5.0, measured, note));
    }
    residue(bench, &before, &after, made);
    bench.unwatch(watch);
    service.end().await
}

/// Share of a core that the service takes while nobody is called.
async fn idle_share(service: &Service, seconds: u32) -> Result<f64, LoadError> {
    let (cpu, begin) = (procfs::usage(service.pid)?.cpu, Instant::now());
    sleep(Duration::from_secs(seconds.into())).await;
    let cpu = procfs::usage(service.pid)?.cpu.saturating_sub(cpu);
    Ok(cpu.as_secs_f64() / begin.elapsed().as_secs_f64())
}

/// Dials these campaigns' lists until so many calls have been made in all, and waits until they are over.
async fn dial(service: &mut Service, campaigns: &[usize], until: u64) -> Result<(), LoadError> {
    for campaign in campaigns {
        service.control(*campaign, "running").await?;
    }
    let mut last = (0, Instant::now());
    loop {
        let dialled = service.total("/today/dialled").await?;
        let mut up = 0;
        for state in ["/dialling", "/ringing", "/answered_waiting", "/connected"] {
            up += service.total(state).await?;
        }
        if dialled >= until && up == 0 {
            return Ok(());
        }
        if dialled > last.0 {
            last = (dialled, Instant::now());
        } else if last.1.elapsed() > PROGRESS_WITHIN {
            let board = service.board().await?;
            return Err(LoadError::Other(format!("nothing goes on any more: {}", board["campaigns"])));
        }
        sleep(LOOK_EVERY).await;
    }
}

/// What is left after calls.
struct Left {
    dialled: u64,
    bytes: u64,
    tables: Vec<(String, u64)>,
}

impl Left {
    async fn of(service: &mut Service) -> Result<Left, LoadError> {
        let dialled = service.total("/today/dialled").await?;
        let mut tables = Vec::new();
        flatten("", &service.tables().await?["tables"], &mut tables);
        Ok(Left { dialled, bytes: service.settled_bytes().await?, tables })
    }
}

fn residue(bench: &mut Bench, before: &Left, after: &Left, made: u64) {
    let mb = |bytes: u64| bytes as f64 / 1e6;
    bench.report.figures.push(Figure::judged(
        "growth_mb",
        format!("memory after {made} calls, above that after a warm-up of {}", before.dialled),
        "MB",
        GROWTH_MAX_MB,
        Ok(mb(after.bytes) - mb(before.bytes)),
        format!("{:.1} MB before, {:.1} MB after", mb(before.bytes), mb(after.bytes)),
    ));
    let grown = grown(&before.tables, &after.tables);
    bench.report.figures.push(Figure::judged(
        "entries_left",
        "entries left in any table after these calls",
        "",
        0.0,
        match after.tables.is_empty() {
            true => Err("the service does not tell".into()),
            false => Ok(grown.iter().map(|(_, count)| *count as f64).sum()),
        },
        match grown.is_empty() {
            true => format!("{} tables were looked at", after.tables.len()),
            false => format!("grown: {grown:?}"),
        },
    ));
}

/// Names and values of all numbers in nested objects.
fn flatten(path: &str, value: &Value, into: &mut Vec<(String, u64)>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                flatten(&path, member, into);
            }
        }
        Value::Number(number) => into.extend(number.as_u64().map(|number| (path.to_owned(), number))),
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) => {}
    }
}

/// Tables with more entries than before, and how many more.
fn grown(before: &[(String, u64)], after: &[(String, u64)]) -> Vec<(String, u64)> {
    let earlier = |name: &str| before.iter().find(|(other, _)| other == name).map_or(0, |(_, count)| *count);
    let more = after.iter().map(|(name, count)| (name.clone(), count.saturating_sub(earlier(name))));
    more.filter(|(_, count)| *count > 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tables_that_grew_are_told() {
        let (mut before, mut after) = (Vec::new(), Vec::new());
        flatten("", &serde_json::json!({ "sip": { "legs": 40, "timers": 3 }, "calls": 0 }), &mut before);
        flatten("", &serde_json::json!({ "sip": { "legs": 42, "timers": 1 }, "calls": 0, "new": 1 }), &mut after);
        assert_eq!(before.len(), 3);
        assert_eq!(grown(&before, &after), [("new".to_owned(), 1), ("sip.legs".to_owned(), 2)]);
    }
}
