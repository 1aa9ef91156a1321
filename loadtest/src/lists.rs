//! `make load-lists`: imports, the store under them, and messages, against another's tool in the same run.
//!
//! On SQLite, or on the server of `LULL_TEST_POSTGRES`. Each measurement has a folder and a database of its own. Read
//! [`Measurement`] and [`run`] first, then `loadtest/LOAD.md`, which says what each figure is and is not.

mod bulk;
mod dialer;
mod file;
mod installation;
mod kills;
mod leads;
mod messages;
mod results;
mod smsc;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use crate::load::LoadError;
use crate::load::figures::Report;
use file::Shape;

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Measurement {
    /// A million rows from CSV in UTF-8, against the database's own bulk load, with the dialer at work
    Csv,
    /// The same rows in GB18030
    Gb18030,
    /// The same rows in UTF-16
    Utf16,
    /// The same rows in a workbook
    Xlsx,
    /// An import that is killed at a hundred random points and goes on
    Kills,
    /// The next 500 dialable of a hundred thousand, a million and ten million leads
    Leads,
    /// The pages of results over fifty million attempts
    Results,
    /// Messages of an outreach to a gateway, against a bare client of the same protocol
    Smpp,
    /// From a customer's STOP to the last message that leaves for them
    Stops,
    /// A service that is killed at a hundred random points while it sends
    SmppKills,
}

/// How it is measured.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Measure only this; may be given several times
    #[arg(long)]
    pub only: Vec<Measurement>,
    /// A fraction of the rows, for trying the tool: figures are not to be quoted
    #[arg(long)]
    pub quick: bool,
    /// Write the report to this file as well
    #[arg(long)]
    pub json: Option<PathBuf>,
    /// The program to measure; the `lull` beside this one without it
    #[arg(long)]
    pub lull: Option<PathBuf>,
}

/// A run of measurements.
struct Bench {
    program: PathBuf,
    folder: PathBuf,
    /// The address of a server, if the databases are to be there.
    server: Option<String>,
    report: Report,
}

impl Bench {
    fn scaled(&self, whole: u64, quick: u64) -> u64 {
        if self.report.quick { quick } else { whole }
    }

    fn measure(&mut self, measurement: Measurement) -> Result<(), LoadError> {
        eprintln!("measuring: {measurement:?} …");
        match measurement {
            Measurement::Csv => bulk::import(self, Shape::Utf8),
            Measurement::Gb18030 => bulk::import(self, Shape::Gb18030),
            Measurement::Utf16 => bulk::import(self, Shape::Utf16),
            Measurement::Xlsx => bulk::import(self, Shape::Xlsx),
            Measurement::Kills => kills::kills(self),
            Measurement::Leads => leads::leads(self),
            Measurement::Results => results::results(self),
            Measurement::Smpp => messages::throughput(self),
            Measurement::Stops => messages::stops(self),
            Measurement::SmppKills => messages::kills(self),
        }
    }
}

/// Measures and shows. Exit codes: 0 all goals met, 1 it could not run, 3 a goal was missed or could not be measured.
pub fn run(options: Options) -> ExitCode {
    match try_run(options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(3),
        Err(error) => {
            eprintln!("lull-lists: {error}");
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stdout, reason = "the report is what the command is for")]
fn try_run(options: Options) -> Result<bool, LoadError> {
    let program = crate::load::program(options.lull)?;
    let folder = std::env::temp_dir().join(format!("lull-lists-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let report = Report { program: crate::load::version(&program)?, quick: options.quick, ..Report::default() };
    let server = std::env::var("LULL_TEST_POSTGRES").ok();
    let mut bench = Bench { program, folder, server, report };
    let all = Measurement::value_variants().iter().copied();
    let wanted: Vec<Measurement> = if options.only.is_empty() { all.collect() } else { options.only };
    for measurement in wanted {
        bench.measure(measurement)?;
    }
    let engine = if bench.server.is_some() { "PostgreSQL" } else { "SQLite" };
    println!("\n{engine}\n{}", bench.report.table());
    if let Some(file) = &options.json {
        let text = serde_json::to_string_pretty(&bench.report).map_err(|error| LoadError::Other(error.to_string()))?;
        std::fs::write(file, text + "\n")?;
    }
    std::fs::remove_dir_all(&bench.folder)?;
    Ok(bench.report.is_good())
}

/// A folder of its own for a measurement.
fn fresh(folder: &Path, name: &str) -> Result<PathBuf, LoadError> {
    let folder = folder.join(name);
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Waits: what is measured is another process, which is looked at now and then or ended at a moment of chance.
#[expect(clippy::disallowed_methods, reason = "a measurement has nothing to be woken by")]
fn pause(time: std::time::Duration) {
    std::thread::sleep(time);
}
