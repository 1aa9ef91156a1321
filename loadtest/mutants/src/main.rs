//! `lull-mutants`: plants bugs and sees whether the trials with faults find them. `make mutants` runs it.
//!
//! All bugs of `mutants.toml` are woven into one copy of model, engine and simulator, each behind a switch; the copy is
//! built once and lives through the fault seeds with one switch on at a time, until an invariant breaks. The product has
//! no switches. Read [`weave`](weave::weave) first.

mod weave;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc;

use weave::{Mutant, Trouble};

/// Seeds that each bug has to hide from.
const SEEDS: u32 = 2000;
const USAGE: &str = "usage: lull-mutants [--seeds N] [--only NAME]... [--unit-tests]";
/// Tests of the simulator that live through some of the trials themselves.
const TRIALS: &str = "sim::tests::trials";
/// Of all bugs at least this share must be found.
const SHARE: f64 = 0.95;

struct Wishes {
    seeds: u32,
    /// All, if empty.
    only: Vec<String>,
    unit_tests: bool,
}

fn main() -> ExitCode {
    match wishes(std::env::args().skip(1)).and_then(|wishes| hunt(&wishes)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(3),
        Err(trouble) => {
            eprintln!("lull-mutants: {trouble}");
            ExitCode::FAILURE
        }
    }
}

fn wishes(mut words: impl Iterator<Item = String>) -> Result<Wishes, Trouble> {
    let mut wishes = Wishes { seeds: SEEDS, only: Vec::new(), unit_tests: false };
    while let Some(word) = words.next() {
        match word.as_str() {
            "--seeds" => {
                let seeds = words.next().and_then(|seeds| seeds.parse().ok());
                wishes.seeds = seeds.ok_or(Trouble::Usage(USAGE))?;
            }
            "--only" => wishes.only.push(words.next().ok_or(Trouble::Usage(USAGE))?),
            "--unit-tests" => wishes.unit_tests = true,
            _ => return Err(Trouble::Usage(USAGE)),
        }
    }
    Ok(wishes)
}

/// Whether enough was found, and nothing that a unit test finds as well: what any test finds proves nothing of the trials.
fn hunt(wishes: &Wishes) -> Result<bool, Trouble> {
    let root = weave::root();
    let mutants = weave::mutants(&root)?;
    if let Some(unknown) = wishes.only.iter().find(|name| !mutants.iter().any(|mutant| mutant.name == **name)) {
        return Err(Trouble::Unknown(unknown.clone()));
    }
    let wanted = |mutant: &&Mutant| wishes.only.is_empty() || wishes.only.contains(&mutant.name);
    let chosen: Vec<&Mutant> = mutants.iter().filter(wanted).collect();
    let copy = root.join("target/mutants");
    weave::weave(&root, &copy, &mutants)?;
    cargo(&copy, &["build", "--release"])?;
    if let Some(found) = live(&copy, "", wishes.seeds.min(100))? {
        return Err(Trouble::Already(found));
    }
    let tests = if wishes.unit_tests { Some(build_tests(&copy)?) } else { None };
    // What the unit tests say of a bug means nothing if they fail without one.
    if let Some(tests) = &tests
        && !passes(tests, &copy, "")?
    {
        return Err(Trouble::Tests);
    }
    let judged = judge_all(&chosen, |mutant| {
        let found = live(&copy, &mutant.name, wishes.seeds)?;
        let passes = tests.as_deref().map(|tests| passes(tests, &copy, &mutant.name)).transpose()?;
        Ok(Judged { found, passes })
    })?;
    let count = judged.iter().filter(|judged| judged.found.is_some()).count();
    let known_before = judged.iter().filter(|judged| judged.passes == Some(false)).count();
    println!("{count} of {} found", chosen.len());
    if tests.is_some() {
        println!("{known_before} found by a unit test as well; none is to be");
    }
    Ok(count as f64 >= SHARE * chosen.len() as f64 && known_before == 0)
}

/// What became of a bug.
struct Judged {
    /// The first violation.
    found: Option<String>,
    /// Whether the unit tests hold, if they were asked.
    passes: Option<bool>,
}

/// Judges as many bugs at a time as there are processors, and tells of each in the order of the list.
fn judge_all(
    chosen: &[&Mutant],
    judge: impl Fn(&Mutant) -> Result<Judged, Trouble> + Sync,
) -> Result<Vec<Judged>, Trouble> {
    let next = AtomicUsize::new(0);
    let (done, all) = mpsc::sync_channel(1);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            let (done, next, judge) = (done.clone(), &next, &judge);
            scope.spawn(move || {
                loop {
                    let place = next.fetch_add(1, Relaxed);
                    let Some(mutant) = chosen.get(place) else { return };
                    let judged = judge(mutant);
                    let goes_on = judged.is_ok();
                    if done.send((place, judged)).is_err() || !goes_on {
                        return;
                    }
                }
            });
        }
        drop(done);
        let mut judged: Vec<Judged> = Vec::new();
        let mut early: BTreeMap<usize, Judged> = BTreeMap::new();
        for (place, result) in all {
            early.insert(place, result?);
            while let Some((one, mutant)) = early.remove(&judged.len()).zip(chosen.get(judged.len())) {
                tell(mutant, &one);
                judged.push(one);
            }
        }
        Ok(judged)
    })
}

fn tell(Mutant { name, group, breaks, simulates, .. }: &Mutant, Judged { found, passes }: &Judged) {
    let known = match passes {
        Some(true) => "  (passes the unit tests)",
        Some(false) => "  (A UNIT TEST FINDS IT AS WELL)",
        None => "",
    };
    let verdict = found.clone().unwrap_or_else(|| format!("MISSED: {simulates}"));
    println!("{name:32} {group:24} {breaks:9} {verdict}{known}");
}

fn cargo(copy: &Path, words: &[&str]) -> Result<(), Trouble> {
    let status = Command::new("cargo").args(words).current_dir(copy).stdout(Stdio::null()).status();
    let status = status.map_err(|error| Trouble::Io(copy.display().to_string(), error))?;
    if status.success() { Ok(()) } else { Err(Trouble::Build) }
}

/// Lives through the seeds with one bug; the first violation, if there is one.
fn live(copy: &Path, name: &str, seeds: u32) -> Result<Option<String>, Trouble> {
    let program = copy.join("target/release/trials");
    let output = Command::new(&program).args([&seeds.to_string()]).env("LULL_PLANTED", name).output();
    let output = output.map_err(|error| Trouble::Io(program.display().to_string(), error))?;
    let text = String::from_utf8_lossy(&output.stdout);
    match output.status.code() {
        Some(0) => Ok(None),
        Some(3) => Ok(text.lines().last().map(str::to_owned)),
        _ => Ok(Some("the program died".to_owned())),
    }
}

/// Builds the unit tests of the copy, as fast as the trials and with what was built for them; gives the program.
fn build_tests(copy: &Path) -> Result<PathBuf, Trouble> {
    let command = Command::new("cargo").args(["test", "--release", "--lib", "--no-run"]).current_dir(copy).output();
    let output = command.map_err(|error| Trouble::Io(copy.display().to_string(), error))?;
    let text = String::from_utf8_lossy(&output.stderr);
    let path = text.lines().rev().find_map(|line| line.split_once('(')?.1.split_once(')'));
    path.map(|(path, _)| copy.join(path)).filter(|_| output.status.success()).ok_or(Trouble::Build)
}

/// Whether the ordinary tests of model, engine and simulator hold with the bug: those that were there without the trials.
fn passes(tests: &Path, copy: &Path, name: &str) -> Result<bool, Trouble> {
    let mut command = Command::new(tests);
    command.args(["--skip", TRIALS]).env("LULL_PLANTED", name).env("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "1");
    // The same for every bug and every time, so that it is not luck which of them a unit test finds.
    command.env("PROPTEST_RNG_SEED", "1");
    let status = command.current_dir(copy).stdout(Stdio::null()).stderr(Stdio::null()).status();
    Ok(status.map_err(|error| Trouble::Io(tests.display().to_string(), error))?.success())
}
