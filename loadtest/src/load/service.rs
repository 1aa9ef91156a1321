//! `lull serve` for a measurement: a fresh folder, a configuration for loopback, people, and the way to its API.
//!
//! Everything is done as an operator would do it: by the command line and the API. Read [`Wishes`] and [`Service`] first.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use super::LoadError;
use super::installed::{self, BLEND};
use super::mouths::Mouths;
use super::phones::{Phone, Speech};
use super::procfs;
use super::sipp::free_address;
use crate::http::Client;
use crate::numbers;
use crate::sip::digest::Account;

/// The number callers dial.
pub const HOTLINE: usize = 0;
const DOMAIN: &str = "lull.load";
const PASSWORD: &str = "only-for-this-measurement";
/// The service must be ready by then.
const START_WITHIN: Duration = Duration::from_secs(20);
/// All agents must be ready by then.
const STAFF_WITHIN: Duration = Duration::from_secs(120);
/// It must end by then when asked to.
const END_WITHIN: Duration = Duration::from_secs(20);
/// Memory is at rest when it has moved by no more than this for this many seconds, and comes to rest within this time.
const STILL_BYTES: u64 = 300_000;
const STILL_S: usize = 15;
const STILL_WITHIN: Duration = Duration::from_secs(120);
/// Lists of different campaigns begin this far apart: two that are dialled at the same time have no number in common.
const APART: usize = 5_000;
/// Agents who log in at once: each login costs a hash made to be slow.
const LOGINS_AT_ONCE: usize = 4;

/// What the service must have.
#[derive(Clone, Debug)]
pub struct Wishes {
    /// Agents, each with a nailed-up phone.
    pub agents: usize,
    /// ms between two packets of an agent's phone.
    pub speech_every_ms: u64,
    /// Where calls go to and come from.
    pub carrier: SocketAddr,
    /// Leads of each outbound campaign, at most [`numbers::CUSTOMERS_MAX`].
    pub campaigns: Vec<usize>,
    /// Calls a second that the trunk takes.
    pub calls_per_second: f64,
    /// Lines for an idle agent.
    pub lines_per_agent: f64,
}

/// A running service with its agents.
pub struct Service {
    process: Child,
    /// Its process.
    pub pid: u32,
    /// Where it takes SIP.
    pub sip: SocketAddr,
    folder: PathBuf,
    http: SocketAddr,
    manager: Client,
    operator: Client,
    phones: Vec<Phone>,
}

/// Name of a campaign.
fn campaign_key(index: usize) -> String {
    format!("load-{index}")
}

impl Service {
    /// Makes everything and starts it; returns when all agents are ready.
    ///
    /// # Errors
    /// Something of it does not work; the log of the service is named.
    pub async fn start(
        program: &Path,
        folder: &Path,
        wishes: &Wishes,
        mouths: Option<Arc<Mouths>>,
    ) -> Result<Service, LoadError> {
        std::fs::create_dir_all(folder.join("profiles"))?;
        let (sip, http) = (free_address()?, free_address()?);
        std::fs::write(folder.join("lull.toml"), configuration(wishes, sip, http))?;
        std::fs::write(folder.join("profiles/load.toml"), profile())?;
        for (login, role) in [("boss", "manager"), ("root", "operator")] {
            let arguments = ["user", "add", login, "--name", login, "--role", role, "--password-stdin"];
            command(program, folder, &arguments, Some(PASSWORD)).await?;
        }
        for (index, leads) in wishes.campaigns.iter().enumerate() {
            let key = campaign_key(index);
            std::fs::write(folder.join(format!("{key}.toml")), campaign(&key, wishes))?;
            command(program, folder, &["campaign", "apply", &format!("{key}.toml")], None).await?;
            std::fs::write(folder.join(format!("{key}.csv")), list(index * APART, *leads))?;
            let file = format!("{key}.csv");
            let arguments = ["list", "import", &key, &file, "--name", "load", "--region", "US", "--json"];
            command(program, folder, &arguments, None).await?;
        }
        let log = std::fs::File::create(folder.join("lull.log"))?;
        let copy = log.try_clone()?;
        let mut serve = Command::new(program);
        serve.args(["--config", "lull.toml", "serve", "--until-stdin-closes"]).current_dir(folder).kill_on_drop(true);
        let process = serve.stdin(Stdio::piped()).stdout(log).stderr(copy).spawn()?;
        let pid = process.id().unwrap_or_default();
        let mut service = Service {
            process,
            pid,
            sip,
            folder: folder.to_owned(),
            http,
            manager: Client::new(http, None),
            operator: Client::new(http, None),
            phones: Vec::new(),
        };
        service.log_in().await?;
        if let Some(mouths) = mouths {
            service.staff(wishes, &mouths).await?;
        }
        Ok(service)
    }

    async fn log_in(&mut self) -> Result<(), LoadError> {
        let end = Instant::now() + START_WITHIN;
        loop {
            match self.manager.log_in("boss", PASSWORD).await {
                Ok(_) => break,
                Err(error) if Instant::now() > end => return Err(self.failed(&format!("it does not answer: {error}"))),
                Err(_) => sleep(Duration::from_millis(50)).await,
            }
        }
        self.operator.log_in("root", PASSWORD).await?;
        Ok(())
    }

    /// Agents with phones log in, sign in, and press Ready.
    async fn staff(&mut self, wishes: &Wishes, mouths: &Arc<Mouths>) -> Result<(), LoadError> {
        for index in 0..wishes.agents {
            let account = Account { username: phone_name(index), password: PASSWORD.to_owned() };
            let speech = Speech { speaker: index as u16, every_ms: wishes.speech_every_ms };
            self.phones.push(Phone::register(self.sip, DOMAIN, account, mouths.clone(), speech).await?);
            let agent = json!({
                "login": phone_name(index), "name": phone_name(index), "role": "agent", "password": PASSWORD,
                "groups": ["blend"], "device": { "phone": phone_name(index), "leg": "nailed_up" },
            });
            self.manager.post("/api/v1/users", &agent).await?;
        }
        let http = self.http;
        let mut tasks = tokio::task::JoinSet::new();
        for index in 0..wishes.agents {
            if tasks.len() >= LOGINS_AT_ONCE
                && let Some(done) = tasks.join_next().await
            {
                done.map_err(|error| LoadError::Other(error.to_string()))??;
            }
            tasks.spawn(sign_in(http, index));
        }
        while let Some(done) = tasks.join_next().await {
            done.map_err(|error| LoadError::Other(error.to_string()))??;
        }
        let end = Instant::now() + STAFF_WITHIN;
        loop {
            let board = self.board().await?;
            if board.pointer("/groups/0/agents/ready").and_then(Value::as_u64) == Some(wishes.agents as u64) {
                return Ok(());
            }
            if Instant::now() > end {
                return Err(self.failed(&format!("not all agents became ready: {}", board["groups"][0]["agents"])));
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// The wallboard.
    ///
    /// # Errors
    /// The service does not answer.
    pub async fn board(&mut self) -> Result<Value, LoadError> {
        Ok(self.manager.get("/api/v1/board").await?)
    }

    /// Memory once the allocator has given back what the start (hashing of passwords above all) left behind: a figure taken
    /// before that would make calls seem to need less than nothing.
    ///
    /// # Errors
    /// The service is gone, or its memory keeps moving.
    pub async fn settled_bytes(&self) -> Result<u64, LoadError> {
        let end = Instant::now() + STILL_WITHIN;
        let mut seen = std::collections::VecDeque::new();
        loop {
            let bytes = procfs::resident_bytes(self.pid)?;
            seen.push_back(bytes);
            if seen.len() > STILL_S {
                seen.pop_front();
                let (least, most) =
                    seen.iter().fold((u64::MAX, 0), |(least, most), &now| (now.min(least), now.max(most)));
                if most - least <= STILL_BYTES {
                    return Ok(bytes);
                }
            }
            if Instant::now() > end {
                return Err(LoadError::Other(format!(
                    "the memory of the service does not come to rest: {seen:?} bytes"
                )));
            }
            sleep(Duration::from_secs(1)).await;
        }
    }

    /// A sum over all campaigns of a figure of the wallboard.
    ///
    /// # Errors
    /// The service does not answer.
    pub async fn total(&mut self, pointer: &str) -> Result<u64, LoadError> {
        let board = self.board().await?;
        let campaigns = board["campaigns"].as_array().into_iter().flatten();
        Ok(campaigns.filter_map(|campaign| campaign.pointer(pointer).and_then(Value::as_u64)).sum())
    }

    /// Sizes of all its tables, by name.
    ///
    /// # Errors
    /// The service does not answer.
    pub async fn tables(&mut self) -> Result<Value, LoadError> {
        Ok(self.operator.get("/api/v1/internals").await?)
    }

    /// Starts or pauses a campaign.
    ///
    /// # Errors
    /// The service refuses.
    pub async fn control(&mut self, campaign: usize, state: &str) -> Result<(), LoadError> {
        let path = format!("/api/v1/campaigns/{}/state", campaign_key(campaign));
        self.manager.post(&path, &json!({ "state": state })).await?;
        Ok(())
    }

    /// Ends it.
    ///
    /// # Errors
    /// It does not end, or ends badly.
    pub async fn end(mut self) -> Result<(), LoadError> {
        self.phones.clear();
        drop(self.process.stdin.take());
        match timeout(END_WITHIN, self.process.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(status) => Err(self.failed(&format!("it ended with {status:?}"))),
            Err(_) => Err(self.failed("it does not end")),
        }
    }

    /// Ends it without waiting for the calls that are up.
    ///
    /// # Errors
    /// It does not end.
    pub async fn end_at_once(mut self) -> Result<(), LoadError> {
        self.phones.clear();
        self.process.kill().await?;
        Ok(())
    }

    fn failed(&self, what: &str) -> LoadError {
        let log = std::fs::read_to_string(self.folder.join("lull.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let last = lines[lines.len().saturating_sub(8)..].join("\n  ");
        LoadError::Other(format!("the service: {what}; its last words:\n  {last}"))
    }
}

fn phone_name(index: usize) -> String {
    format!("seat-{index:03}")
}

async fn sign_in(http: SocketAddr, index: usize) -> Result<(), LoadError> {
    // Each agent has an address, as at a desk of one's own: logins are counted by address.
    let from = IpAddr::V4(Ipv4Addr::new(127, 0, 20 + (index / 200) as u8, 1 + (index % 200) as u8));
    let mut desk = Client::new(http, Some(from));
    desk.log_in(&phone_name(index), PASSWORD).await?;
    let signed_in = desk.post("/api/v1/desk/sign-in", &json!({})).await?;
    let ready = json!({ "session": signed_in["session"], "action": { "action": "ready" } });
    desk.post("/api/v1/desk/act", &ready).await?;
    Ok(())
}

/// Runs a command to its end. Exit code 3 means findings and is no failure.
async fn command(program: &Path, folder: &Path, arguments: &[&str], input: Option<&str>) -> Result<(), LoadError> {
    let mut command = Command::new(program);
    command.args(["--config", "lull.toml"]).args(arguments).current_dir(folder).kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| LoadError::Program { program: "lull", error })?;
    if let (Some(mut stdin), Some(input)) = (child.stdin.take(), input) {
        // A command that does not read its input says why when it ends.
        let _ = tokio::io::AsyncWriteExt::write_all(&mut stdin, format!("{input}\n").as_bytes()).await;
    }
    let output = child.wait_with_output().await?;
    if output.status.success() || output.status.code() == Some(3) {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(LoadError::Other(format!("lull {} failed: {said}", arguments.join(" "))))
}

fn configuration(wishes: &Wishes, sip: SocketAddr, http: SocketAddr) -> String {
    let Wishes { carrier, calls_per_second, .. } = wishes;
    let hotline = numbers::centre(HOTLINE);
    let mut text = format!(
        r#"[installation]
title = "Measurement"
zone = "UTC"
region = "US"

[data]
profiles = "profiles"

[http]
listen = "{http}"

[access]
logins_per_minute = 1000

[log]
level = "warn"

[sip]
listeners = [{{ transport = "udp", address = "{sip}" }}]
domain = "{DOMAIN}"
phone_networks = ["127.0.0.0/8"]

[rtp]
address = "127.0.0.1"
port_min = 20000
port_max = 29999
allow_loopback = true

[trunks.carrier]
targets = ["{carrier}"]
channels_max = 2000
calls_per_second = {calls_per_second:.1}
burst = 3
keep_alive_s = 0
codecs = ["pcmu"]
allowed_prefixes = ["+1"]

{BLEND}
[numbers]
"{hotline}" = {{ queue = "service" }}
"#
    );
    for index in 0..wishes.campaigns.len() {
        let key = campaign_key(index);
        let _ = writeln!(text, "\"{}\" = {{ campaign = \"{key}\", queue = \"service\" }}", numbers::centre(1 + index));
    }
    for index in 0..wishes.agents {
        let _ = write!(text, "\n[phones.{}]\npassword = \"{PASSWORD}\"\ncodecs = [\"pcmu\"]\n", phone_name(index));
    }
    text
}

/// As lenient as can be: what is measured is the cost of calls, not of refusals.
const ABANDON_RATE_MAX: f64 = 1.0;

fn profile() -> String {
    installed::profile(ABANDON_RATE_MAX, 0)
}

fn campaign(key: &str, wishes: &Wishes) -> String {
    let index: usize = key.rsplit('-').next().and_then(|digits| digits.parse().ok()).unwrap_or(0);
    let pacing = format!("mode = \"ratio\"\nlines_per_agent = {:.1}", wishes.lines_per_agent);
    installed::campaign(key, &numbers::centre(1 + index), ABANDON_RATE_MAX, &pacing)
}

fn list(from: usize, leads: usize) -> String {
    let mut csv = "phone,name\n".to_owned();
    for index in from..from + leads.min(numbers::CUSTOMERS_MAX) {
        let _ = writeln!(csv, "{},Customer {index}", numbers::customer(index));
    }
    csv
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wishes() -> Wishes {
        Wishes {
            agents: 2,
            speech_every_ms: 20,
            carrier: "127.0.0.1:5080".parse().unwrap(),
            campaigns: vec![3, 3],
            calls_per_second: 200.0,
            lines_per_agent: 2.0,
        }
    }

    #[test]
    fn campaign_and_profile_are_read_without_complaint() {
        assert!(lull::model::profile_file::read("load.toml", &profile()).is_ok());
        let read = lull::model::campaign_file::read("x", &campaign("load-1", &wishes()), None);
        let read = read.unwrap_or_else(|complaints| panic!("{}", complaints.rendered(false)));
        assert_eq!(read.caller_id.as_str(), numbers::centre(2));
    }

    #[test]
    fn the_configuration_is_read_without_complaint() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("profiles")).unwrap();
        std::fs::write(folder.path().join("profiles/load.toml"), profile()).unwrap();
        let file = folder.path().join("lull.toml");
        let any = "127.0.0.1:5060".parse().unwrap();
        std::fs::write(&file, configuration(&wishes(), any, any)).unwrap();
        let sources = lull::config::Sources { file: Some(file), ..Default::default() };
        let read = lull::config::load(&sources);
        let config = read.unwrap_or_else(|complaints| panic!("{}", complaints.rendered(false)));
        assert_eq!(config.phones.len(), 2);
    }

    #[test]
    fn a_list_has_a_row_for_each_lead() {
        assert_eq!(list(0, 3).lines().count(), 4);
        assert_eq!(list(APART, usize::MAX).lines().count(), 1 + numbers::CUSTOMERS_MAX);
    }
}
