//! The command line: arguments become one call.
#![expect(clippy::print_stdout, reason = "the command line speaks to standard output")]

use std::process::ExitCode;

/// Runs the program with the process's own arguments.
pub fn main() -> ExitCode {
    println!("lull {}", env!("CARGO_PKG_VERSION"));
    ExitCode::SUCCESS
}
