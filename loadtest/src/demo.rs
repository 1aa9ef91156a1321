//! The conductor of `make demo`: makes a contact centre in a fresh folder, starts it and the world around it, shows what
//! happens, and ends all of it.
//!
//! It is a client of the program like any other: it writes a configuration, runs commands ([`commands`]) and uses the
//! API. Read [`Options`] and [`run`] first.

pub mod check;
pub mod children;
pub mod commands;
pub mod folder;
pub mod list;
pub mod phones;
pub mod plan;
pub mod settings;
pub mod show;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::chance;
use crate::http::{Client, HttpError};
use children::{Child, World};
use commands::Lull;
use phones::Phones;
use plan::{OUTREACH, Plan, REACHING};

/// The service must be ready by then.
const READY_WITHIN: Duration = Duration::from_secs(20);
/// Time between two lines of status.
const STATUS_EVERY: Duration = Duration::from_secs(4);
/// Calls that are up at the end of a measured run get this long to end by themselves.
const QUIET_WITHIN: Duration = Duration::from_secs(120);

/// How the demo is run.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Folder of the demo; made anew at each start
    #[arg(long, default_value = "demo")]
    pub folder: PathBuf,
    /// The `lull` program; the one beside this program if not given
    #[arg(long)]
    pub lull: Option<PathBuf>,
    /// End by itself after this many seconds
    #[arg(long)]
    pub duration: Option<u64>,
    /// Write a report as JSON to this file at the end
    #[arg(long)]
    pub report: Option<PathBuf>,
    /// Do not start the campaigns: the same world with inbound calls only
    #[arg(long)]
    pub no_outbound: bool,
    /// Number of agents
    #[arg(long, default_value_t = 14, value_parser = clap::value_parser!(u16).range(2..=200))]
    pub agents: u16,
    /// Number of customers on the lists
    #[arg(long, default_value_t = 3000, value_parser = clap::value_parser!(u16).range(50..=5000))]
    pub customers: u16,
    /// Length of an inbound wave in seconds
    #[arg(long, default_value_t = 120.0)]
    pub wave_period: f64,
    /// Everybody rings and talks this much faster
    #[arg(long, default_value_t = 1.0)]
    pub speed: f64,
    /// Seed of the world's chance; a new one if not given
    #[arg(long)]
    pub seed: Option<u64>,
    /// The carrier asks for digest authentication at each call
    #[arg(long)]
    pub challenge: bool,
}

/// Why the demo could not go on.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// Something of the operating system.
    #[error("{what}: {error}")]
    Io {
        /// What was being done.
        what: String,
        /// What went wrong.
        error: std::io::Error,
    },
    /// A command of the program failed.
    #[error("`{command}` failed ({status}):\n{output}")]
    Command {
        /// The command line.
        command: String,
        /// How it ended.
        status: String,
        /// What it said.
        output: String,
    },
    /// The API refused.
    #[error("{what}: {error}")]
    Api {
        /// What was being done.
        what: &'static str,
        /// What went wrong.
        error: HttpError,
    },
    /// A part ended by itself.
    #[error("{0}")]
    Ended(String),
    /// The folder is somebody else's.
    #[error("{0} exists and was not made by this program; move it away or name another with --folder")]
    Foreign(PathBuf),
    /// A shipped campaign cannot be adapted.
    #[error("campaign {0} cannot be read")]
    Campaign(&'static str),
    /// The operating system gives no chance for passwords.
    #[error("no randomness for passwords: {0}")]
    Chance(#[from] getrandom::Error),
}

/// Makes an [`DemoError::Io`].
pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> DemoError {
    move |error| DemoError::Io { what: what.into(), error }
}

/// Runs the demo. Exit code 0: it ran and nothing was found; 1: it could not run; 3: findings.
pub async fn run(options: Options) -> ExitCode {
    match conduct(&options).await {
        Ok(findings) if findings.is_empty() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(3),
        Err(error) => {
            show::error(&error);
            ExitCode::FAILURE
        }
    }
}

async fn conduct(options: &Options) -> Result<Vec<crate::report::Finding>, DemoError> {
    let folder = folder::make(&options.folder).await?;
    let plan = Plan::make(options, &folder).await?;
    settings::write(&plan)?;
    let lull = Lull::find(options.lull.clone(), &plan)?;
    show::beginning(&plan);
    lull.add_users(&plan).await?;
    lull.apply_campaigns(&plan).await?;
    let service = lull.serve(&plan)?;
    let mut world = World::new(service);
    let outcome = play(options, &plan, &lull, &mut world).await;
    let ended = world.end(&plan).await;
    let (api, up) = match outcome {
        Ok(api) => (api, true),
        Err(error) => {
            show::error(&error);
            show::last_words(&plan);
            (json!({ "error": error.to_string() }), false)
        }
    };
    let mut findings = ended.findings.clone();
    if up && api["measured"] == true {
        findings.extend(check::sums(&plan, &api, &ended).await);
    }
    if !up {
        findings.push(crate::report::Finding { what: "demo".into(), detail: api["error"].to_string() });
    }
    let report = check::report(&plan, options, &api, (&ended.carrier, &ended.agents, ended.phones), &findings);
    if let Some(path) = &options.report {
        let text = serde_json::to_string_pretty(&report).unwrap_or_default();
        std::fs::write(path, text).map_err(io(format!("writing {}", path.display())))?;
    }
    show::summary(&report);
    Ok(findings)
}

/// From the service's start until the demo is to end. Gives what the API said at last.
async fn play(options: &Options, plan: &Plan, lull: &Lull, world: &mut World) -> Result<Value, DemoError> {
    let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
    let began = Instant::now();
    let mut manager = Client::new(plan.http, None);
    tokio::select! {
        ready = set_up(options, plan, lull, world, &mut manager) => ready?,
        _ = &mut interrupted => return Ok(json!({ "measured": false })),
    }
    show::open(plan, began.elapsed());
    let end = options.duration.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let mut tick = tokio::time::interval(STATUS_EVERY);
    let measured = loop {
        tokio::select! {
            _ = &mut interrupted => break false,
            _ = tick.tick() => {
                if end.is_some_and(|end| Instant::now() >= end) {
                    break true;
                }
                world.check()?;
                show::status(&manager.get("/api/v1/board").await, world);
            }
        }
    };
    if measured {
        calm_down(plan, &mut manager).await;
    }
    let mut said = check::ask_api(plan, &mut manager).await;
    said["measured"] = json!(measured);
    Ok(said)
}

async fn set_up(
    options: &Options,
    plan: &Plan,
    lull: &Lull,
    world: &mut World,
    manager: &mut Client,
) -> Result<(), DemoError> {
    wait_until_ready(plan, world).await?;
    world.phones = Some(Phones::start(plan.smsc.port(), plan.seed, &plan.folder)?);
    // Callers first: something is to be seen at once. The lists are read meanwhile.
    world.carrier = Some(Child::start("carrier", &plan.folder)?);
    world.agents = Some(Child::start("agents", &plan.folder)?);
    let api = |what| move |error| DemoError::Api { what, error };
    manager.log_in(&plan.manager.login, &plan.manager.password).await.map_err(api("logging in"))?;
    for number in &plan.suppressed {
        let body = json!({ "number": number, "reason": "do_not_call", "note": "asked on the hotline" });
        manager.post("/api/v1/suppressions", &body).await.map_err(api("suppressing a number"))?;
    }
    for campaign in &plan.campaigns {
        let counts = lull.import(plan, campaign).await?;
        show::imported(campaign.key, &counts);
        if !options.no_outbound {
            let path = format!("/api/v1/campaigns/{}/state", campaign.key);
            manager.post(&path, &json!({ "state": "running" })).await.map_err(api("starting a campaign"))?;
            if campaign.key == REACHING {
                let path = format!("/api/v1/campaigns/{REACHING}/outreaches/{OUTREACH}/start");
                manager.post(&path, &json!({})).await.map_err(api("starting an outreach"))?;
            }
        }
    }
    Ok(())
}

async fn wait_until_ready(plan: &Plan, world: &mut World) -> Result<(), DemoError> {
    let end = Instant::now() + READY_WITHIN;
    let mut asking = Client::new(plan.http, None);
    loop {
        world.check()?;
        match asking.get("/readyz").await {
            Ok(_) => return Ok(()),
            Err(error) if Instant::now() >= end => {
                return Err(DemoError::Api { what: "waiting for the service", error });
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// Pauses the campaigns and waits until their calls are over, so that sums can be compared.
async fn calm_down(plan: &Plan, manager: &mut Client) {
    let path = format!("/api/v1/campaigns/{REACHING}/outreaches/{OUTREACH}/pause");
    // One that was never started cannot be paused, which is as good.
    let _ = manager.post(&path, &json!({})).await;
    for campaign in &plan.campaigns {
        let path = format!("/api/v1/campaigns/{}/state", campaign.key);
        // A campaign that was never started cannot be paused, which is as good.
        let _ = manager.post(&path, &json!({ "state": "paused" })).await;
    }
    let end = Instant::now() + QUIET_WITHIN;
    while Instant::now() < end {
        if let Ok(board) = manager.get("/api/v1/board").await
            && show::outbound_calls(&board) == 0
        {
            // The last results are being typed.
            tokio::time::sleep(Duration::from_secs(10)).await;
            return;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// The seed of a run.
pub(crate) fn seed(options: &Options) -> u64 {
    options.seed.unwrap_or_else(|| chance::fresh_seed() % 1_000_000)
}

#[cfg(test)]
pub(crate) mod tests {
    /// The options as they are without any argument.
    #[derive(clap::Parser)]
    pub(crate) struct Cli {
        #[command(flatten)]
        pub(crate) options: super::Options,
    }
}
