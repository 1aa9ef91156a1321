//! The command line: arguments become one call.
#![expect(clippy::print_stdout, reason = "the command line speaks to standard output")]

pub mod check;
pub mod doctor;

use std::process::ExitCode;

/// Runs the program with the process's own arguments.
pub fn main() -> ExitCode {
    println!("lull {}", env!("CARGO_PKG_VERSION"));
    ExitCode::SUCCESS
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
