//! The processes of the demo: the service, and the parts of the world, which end when their standard input closes.

use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child as Process, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::phones::{Phones, Seen};
use super::plan::Plan;
use super::{DemoError, folder, io};
use crate::report::{Finding, Line};

/// A part of the world gets this long to end after its standard input was closed.
const PART_WITHIN: Duration = Duration::from_secs(12);
/// The service gets this long to end after it was asked to.
const SERVICE_WITHIN: Duration = Duration::from_secs(40);

/// Asks a process to end.
pub async fn terminate(pid: u32) -> bool {
    // The shell's own `kill`: the standard library has none, and `unsafe` is not worth it.
    let asked = Command::new("sh").arg("-c").arg(format!("kill -TERM {pid}")).status().await;
    asked.is_ok_and(|status| status.success())
}

/// The service.
#[derive(Debug)]
pub struct Service {
    process: Process,
}

impl Service {
    /// A service that was just started.
    ///
    /// # Errors
    /// Its process number cannot be written down for the next start.
    pub fn new(process: Process, plan: &Plan) -> Result<Service, DemoError> {
        let pid = process.id().unwrap_or_default().to_string();
        std::fs::write(plan.folder.join(folder::PID), pid).map_err(io("writing down the process number"))?;
        Ok(Service { process })
    }

    async fn end(&mut self) -> Option<Finding> {
        if let Ok(Some(status)) = self.process.try_wait() {
            return Some(found("service_ended", format!("the service ended by itself: {status}")));
        }
        drop(self.process.stdin.take());
        match timeout(SERVICE_WITHIN, self.process.wait()).await {
            Ok(Ok(status)) if status.success() => None,
            Ok(Ok(status)) => Some(found("service_exit", format!("asked to end, the service ended with {status}"))),
            Ok(Err(error)) => Some(found("service_exit", error.to_string())),
            Err(_) => {
                let _ = self.process.kill().await;
                Some(found("service_hangs", format!("it did not end within {} s", SERVICE_WITHIN.as_secs())))
            }
        }
    }
}

fn found(what: &str, detail: String) -> Finding {
    Finding { what: what.into(), detail }
}

/// A part of the world.
#[derive(Debug)]
pub struct Child {
    name: &'static str,
    process: Process,
    said: Arc<Mutex<Said>>,
    reader: JoinHandle<()>,
}

/// What a part has said so far.
#[derive(Clone, Debug, Default)]
pub struct Said {
    /// The last figures.
    pub status: Value,
    /// All figures, once it has ended.
    pub report: Value,
    /// Everything it found.
    pub findings: Vec<Finding>,
}

impl Child {
    /// Starts a part with its setup file `NAME.json`; its complaints go to `NAME.log`.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(name: &'static str, folder: &Path) -> Result<Child, DemoError> {
        let this = std::env::current_exe().map_err(io("looking for this program"))?;
        let log = std::fs::File::create(folder.join(format!("{name}.log"))).map_err(io("making a log"))?;
        let mut command = Command::new(this);
        command.arg(name).arg("--setup").arg(folder.join(format!("{name}.json")));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log).kill_on_drop(true).process_group(0);
        let mut process = command.spawn().map_err(io(format!("starting {name}")))?;
        let said = Arc::<Mutex<Said>>::default();
        let heard = said.clone();
        let stdout = process.stdout.take();
        let reader = tokio::spawn(async move {
            let Some(stdout) = stdout else { return };
            let mut lines = BufReader::new(stdout).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                let mut said = heard.lock().unwrap_or_else(PoisonError::into_inner);
                match serde_json::from_str(&line) {
                    Ok(Line::Ready) | Err(_) => {}
                    Ok(Line::Status { figures }) => said.status = figures,
                    Ok(Line::Report { figures }) => said.report = figures,
                    Ok(Line::Finding(finding)) => said.findings.push(finding),
                }
            }
        });
        Ok(Child { name, process, said, reader })
    }

    /// What it has said so far.
    pub fn said(&self) -> Said {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn end(mut self) -> Said {
        drop(self.process.stdin.take());
        let mut trouble = None;
        match timeout(PART_WITHIN, self.process.wait()).await {
            Ok(Ok(status)) if status.success() => {}
            Ok(status) => trouble = Some(format!("{} ended with {status:?}", self.name)),
            Err(_) => {
                let _ = self.process.kill().await;
                trouble = Some(format!("{} did not end", self.name));
            }
        }
        let _ = timeout(Duration::from_secs(1), &mut self.reader).await;
        let mut said = self.said();
        said.findings.extend(trouble.map(|detail| found("part_ended", detail)));
        said
    }
}

/// Everything that runs.
#[derive(Debug)]
pub struct World {
    service: Service,
    /// The carrier, once started.
    pub carrier: Option<Child>,
    /// The agents, once started.
    pub agents: Option<Child>,
    /// Customers' phones, once started.
    pub phones: Option<Phones>,
}

/// What the parts said, after all have ended.
#[derive(Debug)]
pub struct Ended {
    /// The carrier's last words.
    pub carrier: Said,
    /// The agents'.
    pub agents: Said,
    /// What customers were sent and answered.
    pub phones: Seen,
    /// Findings of all.
    pub findings: Vec<Finding>,
}

impl World {
    /// The service alone.
    pub fn new(service: Service) -> World {
        World { service, carrier: None, agents: None, phones: None }
    }

    /// Whether all that was started still runs.
    ///
    /// # Errors
    /// A part has ended by itself.
    pub fn check(&mut self) -> Result<(), DemoError> {
        if let Ok(Some(status)) = self.service.process.try_wait() {
            return Err(DemoError::Ended(format!("the service has ended: {status}")));
        }
        if let Some(phones) = &mut self.phones {
            phones.check()?;
        }
        for part in [&mut self.carrier, &mut self.agents].into_iter().flatten() {
            if let Ok(Some(status)) = part.process.try_wait() {
                return Err(DemoError::Ended(format!("{} ended: {status}; see {}.log", part.name, part.name)));
            }
        }
        Ok(())
    }

    /// Ends everything: the agents first, who leave their desks, then the carrier's calls, then the service.
    pub async fn end(mut self, plan: &Plan) -> Ended {
        let mut agents = Said::default();
        let mut carrier = Said::default();
        if let Some(child) = self.agents.take() {
            agents = child.end().await;
        }
        if let Some(child) = self.carrier.take() {
            carrier = child.end().await;
        }
        let mut findings = [agents.findings.clone(), carrier.findings.clone()].concat();
        findings.extend(self.service.end().await);
        let _ = std::fs::remove_file(plan.folder.join(folder::PID));
        // The last: the service ends its connection in order.
        let phones = self.phones.take().map(|phones| phones.seen()).unwrap_or_default();
        Ended { carrier, agents, phones, findings }
    }
}
