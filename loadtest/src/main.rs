//! The outside world: carrier, callers and agents.

fn main() {}
