//! An import that is killed again and again: after resuming, counts and rows must be those of an undisturbed run.

use std::time::Duration;

use tokio::time::Instant;

use super::file::{self, Shape};
use super::installation::{Installation, LISTED};
use super::{Bench, fresh};
use crate::chance::Chance;
use crate::load::LoadError;
use crate::load::figures::Figure;

const ROWS: u64 = 20_000;
const KILLS: u64 = 100;
const KILLS_QUICK: u64 = 8;
/// After so many kills in a row it is left to end, so that many points of many runs are met.
const IN_A_ROW: u64 = 8;

/// What must be equal: the leads without ids and times, and the counts.
const LEFT: &str = "select number || '|' || name || '|' || zones || '|' || priority || '|' || state
    from leads order by number";
const SUMS: &str = "select rows || ' ' || accepted || ' ' || coalesce(updated, 0) || ' ' || duplicate || ' ' || invalid
    || ' ' || suppressed || ' ' || state from imports";

/// Kills at random points of the time an undisturbed run takes.
pub(super) fn kills(bench: &mut Bench) -> Result<(), LoadError> {
    let path = file::write(&fresh(&bench.folder, "kills-file")?, Shape::Gb18030, ROWS)?.display().to_string();
    let calm = Installation::new(bench, "calm")?;
    let begin = Instant::now();
    calm.lull(&["list", "import", LISTED, &path])?;
    let whole = begin.elapsed();
    let expected = (calm.ask(LEFT)?, calm.ask(SUMS)?);
    let mut chance = Chance::of(7, "kills");
    let (mut killed, mut rounds, mut different) = (0, 0, 0);
    let wanted = bench.scaled(KILLS, KILLS_QUICK);
    while killed < wanted {
        let installation = Installation::new(bench, &format!("kills{rounds}"))?;
        for _ in 0..IN_A_ROW.min(wanted - killed) {
            let mut child = installation.start(&["list", "import", LISTED, &path])?;
            super::pause(Duration::from_secs_f64(whole.as_secs_f64() * chance.unit()));
            // One that was too quick is not counted.
            if child.try_wait()?.is_none() {
                child.kill()?;
                killed += 1;
            }
            child.wait()?;
        }
        installation.lull(&["list", "import", LISTED, &path])?;
        rounds += 1;
        different += u64::from((installation.ask(LEFT)?, installation.ask(SUMS)?) != expected);
    }
    bench.report.figures.push(Figure::judged(
        "kills_different",
        format!("ends that differ from an undisturbed one after {killed} times kill -9"),
        "",
        0.0,
        Ok(different as f64),
        format!(
            "{ROWS} rows, {rounds} imports, killed up to {IN_A_ROW} times each within {:.2} s",
            whole.as_secs_f64()
        ),
    ));
    Ok(())
}
