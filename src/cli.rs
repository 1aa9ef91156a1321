//! The command line: arguments become one call.
//!
//! Every command speaks to people by default and to programs with `--json`. Exit codes: 0 done, 1 failure, 2 wrong
//! usage, 3 findings (the command ran and found something that needs attention). Results go to standard output, progress
//! and complaints to standard error.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the command line speaks to its two streams")]

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use unicode_width::UnicodeWidthStr;

use crate::config::tzdata;

mod callbacks;
mod campaigns;
pub mod check;
mod consents;
mod database;
pub mod doctor;
mod exports;
mod funnel;
mod keys;
mod ledgers;
mod limits;
mod lists;
mod messages;
mod moment;
mod orders;
mod outreach;
mod people;
mod place;
mod promises;
mod recordings;
mod replay;
mod results;
mod serve;
mod simulate;
mod templates;
mod webhooks;
mod whatif;

/// Outbound campaigns and predictive dialling in the lulls of inbound traffic.
#[derive(Debug, Parser)]
#[command(name = "lull", version, propagate_version = true, disable_help_subcommand = true)]
#[command(after_help = "Exit codes: 0 done, 1 failure, 2 wrong usage, 3 findings.\n\
    The commented default configuration is in the project's src/config/default.toml.")]
struct Cli {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    command: Command,
}

/// Where the installation is, and how to speak.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// Configuration file; without it ./lull.toml, then /etc/lull/lull.toml, then the defaults alone.
    #[arg(long, global = true, value_name = "FILE", env = "LULL_CONFIG")]
    config: Option<PathBuf>,
    /// Sets one value over all files and the environment, such as `http.listen=127.0.0.1:8081`; may be repeated.
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Prints one JSON object instead of text for people.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the service until it is told to stop; calls that are up are finished first.
    Serve(serve::Serve),
    /// Checks and applies campaign files.
    #[command(subcommand)]
    Campaign(campaigns::Campaigns),
    /// Imports lists of customers.
    #[command(subcommand)]
    List(lists::Lists),
    /// Calls that were promised to customers.
    #[command(subcommand)]
    Callback(callbacks::Callbacks),
    /// Calls that were promised to customers who asked for them.
    #[command(subcommand)]
    Promise(promises::Promises),
    /// SMS to one number, and what was sent and came.
    #[command(subcommand)]
    Message(messages::Messages),
    /// The messages that campaigns start with.
    #[command(subcommand)]
    Outreach(outreach::Outreaches),
    /// What customers ordered, and what became of it.
    #[command(subcommand)]
    Order(orders::Orders),
    /// Adds and lists the people who may log in.
    #[command(subcommand)]
    User(people::People),
    /// Keys of programs that use the API.
    #[command(subcommand)]
    Key(keys::Keys),
    /// Endpoints that are told what happened: calls, results, leads, suppressions, consents, campaigns, imports.
    #[command(subcommand)]
    Webhook(webhooks::Webhooks),
    /// Numbers that must not be dialled.
    #[command(subcommand)]
    Suppression(ledgers::Suppressions),
    /// Customers' permissions.
    #[command(subcommand)]
    Consent(ledgers::Consents),
    /// Writes what became of a campaign's calls to a file.
    #[command(subcommand)]
    Results(results::Results),
    /// The whole way of a campaign's customers, from the message to the delivery, and what it cost.
    Funnel(funnel::FunnelCommand),
    /// Writes calls, results, leads, suppressions, consents or orders to a file, one row for each.
    Export(exports::Export),
    /// Recordings of calls: lists, verifies, copies and erases them.
    #[command(subcommand)]
    Recording(recordings::Recordings),
    /// Simulates a day of a contact centre that a file describes, under one pacing or several.
    Simulate(simulate::Simulate),
    /// Runs journals of the service again, and proves that the engine gives the same commands.
    Replay(replay::Replay),
    /// Tells what a setting would have done on recorded traffic of a campaign.
    Whatif(whatif::Whatif),
    /// Checks the database, brings it up to date, copies it to another engine.
    #[command(subcommand)]
    Db(database::Database),
    /// Writes a backup of the database, beside the running service.
    Backup(database::Backup),
    /// Brings a backup into an empty database.
    Restore(database::Restore),
    /// Shows the configuration in force with its origins, and looks for what is wrong.
    Doctor(doctor::DoctorArgs),
    /// Makes the running service read its configuration again, without dropping a call.
    Reload,
}

/// How a command ended. A wrong use of the command line ends with 2, which clap does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// What was asked for is done.
    Done,
    /// It could not be done.
    Failed,
    /// It was done, and found something that is wrong.
    Findings,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> ExitCode {
        ExitCode::from(match outcome {
            Outcome::Done => 0,
            Outcome::Failed => 1,
            Outcome::Findings => 3,
        })
    }
}

/// Why a command failed. Shown once, as it is.
pub(crate) struct Failure(String);

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Failure {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            let more = inner.to_string();
            if !text.contains(&more) {
                text = format!("{text}: {more}");
            }
            cause = inner.source();
        }
        Failure(text)
    }
}

impl Failure {
    pub(crate) fn new(text: impl Into<String>) -> Failure {
        Failure(text.into())
    }
}

/// Runs the program with the process's own arguments.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let json = cli.place.json;
    // Before anything looks up a zone: a system with newer rules than ours decides what time it is at the customer's.
    if let Err(error) = tzdata::choose(Path::new(tzdata::SYSTEM_DIRECTORY)) {
        eprintln!("lull: the system's time zone rules cannot be used, the built-in ones are: {error}");
    }
    let outcome = match cli.command {
        Command::Serve(serve) => serve.run(&cli.place),
        Command::Campaign(campaigns) => campaigns.run(&cli.place),
        Command::List(lists) => lists.run(&cli.place),
        Command::Callback(callbacks) => callbacks.run(&cli.place),
        Command::Promise(promises) => promises.run(&cli.place),
        Command::Message(messages) => messages.run(&cli.place),
        Command::Outreach(outreach) => outreach.run(&cli.place),
        Command::Order(orders) => orders.run(&cli.place),
        Command::User(people) => people.run(&cli.place),
        Command::Key(keys) => keys.run(&cli.place),
        Command::Webhook(webhooks) => webhooks.run(&cli.place),
        Command::Suppression(suppressions) => suppressions.run(&cli.place),
        Command::Consent(consents) => consents.run(&cli.place),
        Command::Results(results) => results.run(&cli.place),
        Command::Funnel(funnel) => funnel.run(&cli.place),
        Command::Export(export) => export.run(&cli.place),
        Command::Recording(recordings) => recordings.run(&cli.place),
        Command::Simulate(simulate) => simulate.run(&cli.place),
        Command::Replay(replay) => replay.run(&cli.place),
        Command::Whatif(whatif) => whatif.run(&cli.place),
        Command::Db(database) => database.run(&cli.place),
        Command::Backup(backup) => backup.run(&cli.place),
        Command::Restore(restore) => restore.run(&cli.place),
        Command::Doctor(args) => place::doctor(&args, &cli.place),
        Command::Reload => place::reload(&cli.place),
    };
    match outcome {
        Ok(outcome) => outcome.into(),
        Err(Failure(text)) => {
            if json {
                println!("{}", serde_json::json!({ "error": text }));
            } else {
                eprintln!("lull: {text}");
            }
            Outcome::Failed.into()
        }
    }
}

/// A bar for work of which is known how much there is; nothing where a program reads.
pub(crate) fn bar(json: bool) -> ProgressBar {
    if json || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{wide_bar} {percent} % {eta}") {
        bar.set_style(style);
    }
    bar
}

/// Prints a result: text for people, or the value as JSON.
pub(crate) fn show(json: bool, value: &impl Serialize, text: impl FnOnce() -> String) {
    if json {
        match serde_json::to_string_pretty(value) {
            Ok(json) => println!("{json}"),
            Err(error) => eprintln!("lull: the result has no JSON form: {error}"),
        }
    } else {
        let text = text();
        if !text.is_empty() {
            println!("{}", text.trim_end());
        }
    }
}

/// Rows with their cells below each other: the first column to the left, the others, which are figures, to the right.
pub(crate) fn in_columns(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| UnicodeWidthStr::width(cell.as_str()))
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate().map(|(place, (cell, width))| {
            // Chinese takes two places for each sign.
            let gap = " ".repeat(width - UnicodeWidthStr::width(cell.as_str()));
            if place == 0 { format!("{cell}{gap}") } else { format!("{gap}{cell}") }
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_below_each_other_also_in_chinese() {
        let rows = [["list", "calls"], ["春季", "7"], ["a", "1234"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(in_columns(&rows), "list  calls\n春季      7\na      1234");
    }

    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound_and_every_command_explains_itself() {
        let command = Cli::command();
        command.clone().debug_assert();
        fn walk(command: &clap::Command) {
            assert!(command.get_about().is_some(), "`{}` does not say what it does", command.get_name());
            for argument in command.get_arguments().filter(|a| !["help", "version"].contains(&a.get_id().as_str())) {
                assert!(
                    argument.get_help().is_some(),
                    "`{}` of `{}` is not explained",
                    argument.get_id(),
                    command.get_name()
                );
            }
            command.get_subcommands().for_each(walk);
        }
        walk(&command);
    }
}
