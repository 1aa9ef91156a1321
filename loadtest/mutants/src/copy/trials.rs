//! Lives through the trials of seeds 0 to N until one finds something: exit code 3, and what it was.

use std::process::ExitCode;

use lull::sim::run::trials;

/// Seeds between two looks at what was found.
const AT_ONCE: u64 = 16;

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|_| {})); // a panic is told as what was found
    let seeds: u64 = std::env::args().nth(1).and_then(|seeds| seeds.parse().ok()).unwrap_or(AT_ONCE);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    for from in (0..seeds).step_by(AT_ONCE as usize) {
        let tried = trials(from..(from + AT_ONCE).min(seeds), threads, &|_| {});
        let found = tried.iter().find_map(|tried| Some((tried.seed, tried.verdict.found.as_ref()?)));
        if let Some((seed, found)) = found {
            println!("seed {seed}: {found}");
            return ExitCode::from(3);
        }
    }
    ExitCode::SUCCESS
}
