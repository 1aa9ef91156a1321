//! `make load`: the figures of speed and memory as ratios against controls in the same run.
//!
//! Not a demonstration: the people here only measure. Everything runs on loopback, bounded in number and time. Each
//! measurement has a fresh service, a fresh SIPp and a folder of its own. Read [`Measurement`] and [`run`] first, then
//! `loadtest/LOAD.md`, which says what each figure is and is not.

pub mod bare;
pub mod cost;
pub mod figures;
pub(crate) mod installed;
pub mod latency;
pub mod mouths;
pub mod people;
pub mod phones;
pub mod procfs;
pub mod relay;
pub mod rtpengine;
pub mod service;
pub mod sipp;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use tokio::time::Instant;

use crate::http::HttpError;
use figures::{Disturbance, Figure, Report};

/// More of the machine's time than this taken by its host spoils a figure.
const STOLEN_SHARE_MAX: f64 = 0.02;

/// Why something could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The system refused something.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// The service refused something.
    #[error("the service: {0}")]
    Http(#[from] HttpError),
    /// A program is not there.
    #[error("{program} cannot be run: {error}")]
    Program {
        /// Its name.
        program: &'static str,
        /// What the system said.
        error: std::io::Error,
    },
    /// Anything else, told in words.
    #[error("{0}")]
    Other(String),
}

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Measurement {
    /// Processor time of a call, signalling and media port alone
    Bare,
    /// Processor time of a call with engine and store, memory and tables after ten thousand
    Service,
    /// From a customer's answer to the agent's voice
    Connect,
    /// From an agent being free to the next caller
    Freed,
    /// Processor time of a call that is up, against rtpengine
    Relay,
    /// Memory of a call that is up
    Held,
}

/// How it is measured.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Measure only this; may be given several times
    #[arg(long)]
    pub only: Vec<Measurement>,
    /// A fraction of the calls, for trying the tool: figures are not to be quoted
    #[arg(long)]
    pub quick: bool,
    /// Write the report to this file as well
    #[arg(long)]
    pub json: Option<PathBuf>,
    /// The program to measure; the `lull` beside this one without it
    #[arg(long)]
    pub lull: Option<PathBuf>,
    /// Keep the folder with configurations, logs and databases, and say where it is
    #[arg(long)]
    pub keep: bool,
}

/// A run of measurements.
#[derive(Debug)]
pub struct Bench {
    /// The program to measure.
    pub program: PathBuf,
    /// A folder for everything.
    pub folder: PathBuf,
    /// What was found.
    pub report: Report,
}

/// A watch over the machine while something is measured.
#[derive(Debug)]
pub struct Watch {
    during: String,
    begin: Instant,
    lost: u64,
    stolen: Duration,
}

impl Bench {
    /// The whole number, or the small one of a quick run.
    pub fn scaled(&self, whole: u32, quick: u32) -> u32 {
        if self.report.quick { quick } else { whole }
    }

    /// A pause, or a short one in a quick run.
    pub fn pause(&self, whole: Duration) -> Duration {
        if self.report.quick { whole / 4 } else { whole }
    }

    /// Begins to watch the machine.
    pub fn watch(&self, during: &str) -> Watch {
        eprintln!("measuring: {during} …");
        let stolen = procfs::machine().map_or(Duration::ZERO, |(_, stolen)| stolen);
        let lost = procfs::lost_datagrams().unwrap_or(0);
        Watch { during: during.to_owned(), begin: Instant::now(), lost, stolen }
    }

    /// Notes what has happened to the machine since.
    pub fn unwatch(&mut self, watch: Watch) {
        let lost = procfs::lost_datagrams().unwrap_or(0).saturating_sub(watch.lost);
        if lost > 0 {
            self.disturbed(
                &watch.during,
                format!("{lost} datagrams were lost because a program did not read them in time"),
            );
        }
        let stolen = procfs::machine().map_or(Duration::ZERO, |(_, stolen)| stolen).saturating_sub(watch.stolen);
        let processors = std::thread::available_parallelism().map_or(1, usize::from) as f64;
        let share = stolen.as_secs_f64() / watch.begin.elapsed().as_secs_f64().max(0.001) / processors;
        if share > STOLEN_SHARE_MAX {
            self.disturbed(
                &watch.during,
                format!("{:.0} % of the machine's time was taken by its host", share * 100.0),
            );
        }
    }

    /// Notes what may have spoilt a figure.
    pub fn disturbed(&mut self, during: &str, what: String) {
        self.report.disturbances.push(Disturbance { during: during.to_owned(), what });
    }

    /// The figures of a measurement that could not be made.
    fn not_measured(&mut self, measurement: Measurement, error: &LoadError) {
        for (name, what, unit, goal) in goals(measurement) {
            if self.report.figures.iter().all(|figure| figure.name != *name) {
                let figure = Figure::judged(name, *what, unit, *goal, Err(error.to_string()), "");
                self.report.figures.push(figure);
            }
        }
    }

    async fn measure(&mut self, wanted: &BTreeSet<Measurement>) {
        let cost = wanted.contains(&Measurement::Bare) || wanted.contains(&Measurement::Service);
        let control = match cost {
            true => Some(cost::control(self).await),
            false => None,
        };
        for measurement in wanted {
            let done = match (measurement, &control) {
                (Measurement::Bare, Some(Ok(control_us))) => cost::bare(self, *control_us).await,
                (Measurement::Bare, Some(Err(error))) => Err(LoadError::Other(error.to_string())),
                (Measurement::Bare, None) => Ok(()),
                (Measurement::Service, control) => {
                    let control_us = control.as_ref().and_then(|control| control.as_ref().ok());
                    cost::service(self, control_us.copied()).await
                }
                (Measurement::Connect, _) => latency::connect(self).await,
                (Measurement::Freed, _) => latency::freed(self).await,
                (Measurement::Relay, _) => relay::relay(self).await,
                (Measurement::Held, _) => relay::held(self).await,
            };
            if let Err(error) = done {
                self.not_measured(*measurement, &error);
            }
        }
    }
}

/// Figures with a goal, for a measurement that could not be made.
fn goals(measurement: Measurement) -> &'static [(&'static str, &'static str, &'static str, f64)] {
    match measurement {
        Measurement::Bare => &[("bare_ratio", "processor time per outbound call, bare", "x", 3.0)],
        Measurement::Service => &[
            ("service_ratio", "processor time per outbound call of the whole service", "x", 5.0),
            ("growth_mb", "memory after ten thousand calls", "MB", 5.0),
            ("entries_left", "entries left in any table after these calls", "", 0.0),
        ],
        Measurement::Connect => &[("connect_p99_ms", "customer's answer to the agent's voice, p99", "ms", 40.0)],
        Measurement::Freed => &[("freed_p99_ms", "agent freed to the next caller, p99", "ms", 20.0)],
        Measurement::Relay => &[("relay_ratio", "processor time per relayed call", "x", 1.0)],
        Measurement::Held => &[("held_kb", "memory of a call that is up", "kB", 20.0)],
    }
}

/// Measures and shows. Exit codes: 0 all goals met, 1 it could not run, 3 a goal was missed or could not be measured.
pub async fn run(options: Options) -> ExitCode {
    match try_run(options).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(3),
        Err(error) => {
            eprintln!("lull-load: {error}");
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stdout, reason = "the report is what the command is for")]
async fn try_run(options: Options) -> Result<bool, LoadError> {
    let program = program(options.lull)?;
    let folder = std::env::temp_dir().join(format!("lull-load-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let report = Report { program: version(&program)?, quick: options.quick, ..Report::default() };
    let mut bench = Bench { program, folder, report };
    let all = Measurement::value_variants().iter().copied();
    let wanted = if options.only.is_empty() { all.collect() } else { options.only.iter().copied().collect() };
    tokio::select! {
        () = bench.measure(&wanted) => {}
        stopped = tokio::signal::ctrl_c() => {
            stopped?;
            return Err(LoadError::Other("stopped".into()));
        }
    }
    println!("\n{}", bench.report.table());
    if let Some(file) = &options.json {
        let text = serde_json::to_string_pretty(&bench.report).map_err(|error| LoadError::Other(error.to_string()))?;
        std::fs::write(file, text + "\n")?;
    }
    match options.keep {
        true => println!("Kept: {}", bench.folder.display()),
        false => std::fs::remove_dir_all(&bench.folder)?,
    }
    Ok(bench.report.is_good())
}

pub(crate) fn program(named: Option<PathBuf>) -> Result<PathBuf, LoadError> {
    let program = match named {
        Some(program) => program,
        None => std::env::current_exe()?.with_file_name("lull"),
    };
    program.canonicalize().map_err(|error| LoadError::Program { program: "lull", error })
}

pub(crate) fn version(program: &Path) -> Result<String, LoadError> {
    let output = std::process::Command::new(program).arg("--version").output()?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
