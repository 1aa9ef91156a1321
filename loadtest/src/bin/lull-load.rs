//! `lull-load`: measures Lull against controls in the same run. `loadtest/LOAD.md` says what each figure means.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use lull_loadtest::load;

/// Measures what calls cost and how long people wait, against SIPp and rtpengine on the same machine.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    part: Option<Part>,
    #[command(flatten)]
    options: load::Options,
}

#[derive(Subcommand)]
enum Part {
    /// Place calls with nothing but signalling and media port; the part that is measured as a process of its own
    #[command(hide = true)]
    Bare {
        /// Where to
        #[arg(long)]
        uas: SocketAddr,
        /// Calls a second
        #[arg(long)]
        rate: u32,
        /// How many
        #[arg(long)]
        calls: u64,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = match &arguments.part {
        // One thread, as the service's switchboard has.
        Some(_) => tokio::runtime::Builder::new_current_thread().enable_all().build(),
        None => tokio::runtime::Builder::new_multi_thread().enable_all().build(),
    };
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("lull-load: {error}");
            return ExitCode::FAILURE;
        }
    };
    match arguments.part {
        None => runtime.block_on(load::run(arguments.options)),
        Some(Part::Bare { uas, rate, calls }) => match runtime.block_on(load::bare::run(uas, rate, calls)) {
            Ok(outcome) => say(&outcome),
            Err(error) => {
                eprintln!("lull-load: {error}");
                ExitCode::FAILURE
            }
        },
    }
}

#[expect(clippy::print_stdout, reason = "the outcome is read by the program that started this part")]
fn say(outcome: &load::bare::Outcome) -> ExitCode {
    match serde_json::to_string(outcome) {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(_) => ExitCode::FAILURE,
    }
}
