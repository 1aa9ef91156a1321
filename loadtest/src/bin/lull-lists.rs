//! `lull-lists`: measures imports and the store under them. `loadtest/LOAD.md` says what each figure means.

use std::process::ExitCode;

use clap::Parser;
use lull_loadtest::lists;

/// Measures imports, and the store under them, against the database's own tool on the same machine.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(flatten)]
    options: lists::Options,
}

fn main() -> ExitCode {
    lists::run(Arguments::parse().options)
}
