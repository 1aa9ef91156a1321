//! `lull doctor`: what is in force, where each value came from, and what is wrong.

mod gateways;
mod trunks;

use std::io::{self, Write};

use serde::Serialize;

use super::Outcome;
use crate::config::doctor::{Finding, Level, examine, worst};
use crate::config::{Config, Setting};
use crate::model::time::Timestamp;
use crate::store::StoreError;

/// Show the configuration in force with its origins, and look for what is wrong.
///
/// Ends with 3 if something will not work; warnings alone end with 0.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct DoctorArgs {
    /// Leave out the configuration and show the findings only.
    #[arg(long)]
    pub findings_only: bool,
}

#[derive(Debug, Serialize)]
struct Report<'a> {
    settings: &'a [Setting],
    findings: &'a [Finding],
}

/// Examines and prints. `schema`: that of the database, or why it cannot be read; `running`: the service is up; [`service_runs`] finds out.
pub fn run(
    args: &DoctorArgs,
    config: &Config,
    schema: Result<Option<i64>, StoreError>,
    now: Timestamp,
    running: bool,
    json: bool,
    out: &mut dyn Write,
) -> io::Result<Outcome> {
    let mut findings = examine(config, now, running);
    findings.push(database(config, schema));
    findings.extend(trunks::examine(config)?);
    findings.extend(gateways::examine(config, running)?);
    let settings = if args.findings_only { &[][..] } else { config.explain() };
    if json {
        serde_json::to_writer_pretty(&mut *out, &Report { settings, findings: &findings })?;
        writeln!(out)?;
    } else {
        print(settings, &findings, out)?;
    }
    Ok(match worst(&findings) {
        Level::Ok | Level::Warning => Outcome::Done,
        Level::Error => Outcome::Findings,
    })
}

fn database(config: &Config, schema: Result<Option<i64>, StoreError>) -> Finding {
    const SUBJECT: &str = "database";
    let place = &config.data.database;
    match schema {
        Ok(Some(schema)) => Finding::ok("database", SUBJECT, format!("{place} has schema {schema}")),
        Ok(None) => Finding::ok("database", SUBJECT, format!("{place} will be made when the service starts")),
        Err(error) => {
            let advice = match place.file() {
                Some(_) => "`lull db check` says more; docs/databases.md tells how a backup is brought back",
                None => "see that the server runs and lets this user in: psql takes the same address",
            };
            Finding::error("database", SUBJECT, error.to_string(), advice)
        }
    }
}

fn print(settings: &[Setting], findings: &[Finding], out: &mut dyn Write) -> io::Result<()> {
    let width = settings.iter().map(|s| s.key.len() + s.value.chars().count() + 3).max().unwrap_or(0).min(72);
    for setting in settings {
        let line = format!("{} = {}", setting.key, setting.value);
        let pad = width.saturating_sub(line.chars().count());
        writeln!(out, "{line}{:pad$}  # {}", "", setting.origin)?;
    }
    if !settings.is_empty() {
        writeln!(out)?;
    }
    for finding in findings {
        let mark = match finding.level {
            Level::Ok => "ok     ",
            Level::Warning => "warning",
            Level::Error => "ERROR  ",
        };
        writeln!(out, "{mark}  {}: {}", finding.subject, finding.says)?;
        if !finding.advice.is_empty() {
            writeln!(out, "         → {}", finding.advice)?;
        }
    }
    Ok(())
}

/// Whether another process runs this program with `serve`. Only Linux tells; elsewhere `false`.
pub fn service_runs() -> bool {
    let Ok(own) = std::env::current_exe() else { return false };
    let Ok(processes) = std::fs::read_dir("/proc") else { return false };
    let own_number = std::process::id().to_string();
    processes.filter_map(Result::ok).any(|process| {
        let path = process.path();
        process.file_name().to_string_lossy() != own_number
            && std::fs::read_link(path.join("exe")).is_ok_and(|exe| exe == own)
            && std::fs::read(path.join("cmdline"))
                .is_ok_and(|line| line.split(|b| *b == 0).any(|word| word == b"serve"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sources, load};

    #[test]
    fn every_value_is_shown_with_its_origin_and_every_fault_with_advice() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("lull.toml");
        std::fs::write(&file, "[http]\nlisten = \"127.0.0.1:0\"\n[sip]\nlisteners = [{ address = \"127.0.0.1:0\" }]\n[prompts]\nhold = \"no.wav\"\n").unwrap();
        let config = load(&Sources { file: Some(file), ..Sources::default() }).unwrap_or_else(|e| panic!("{e}"));
        let now = Timestamp::from_millis(1_795_318_496_000);
        let mut out = Vec::new();
        let outcome = run(&DoctorArgs::default(), &config, Ok(None), now, false, false, &mut out).unwrap();
        let told = String::from_utf8(out).unwrap();
        assert_eq!(outcome, Outcome::Findings);
        assert!(told.contains("installation.zone = \"Asia/Shanghai\"") && told.contains("# default"), "{told}");
        assert!(told.contains("ERROR    prompt hold:") && told.contains("→ give the path of a WAV file"), "{told}");
        let mut out = Vec::new();
        run(&DoctorArgs { findings_only: true }, &config, Err(StoreError::Closed), now, false, true, &mut out).unwrap();
        let report: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(report["settings"].as_array().map(Vec::len), Some(0));
        assert!(report["findings"].as_array().is_some_and(|findings| findings.len() > 5));
    }
}
