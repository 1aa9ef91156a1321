//! A million rows: how long against the database's own bulk load, how much memory, and what the dialer noticed.

use std::process::Child;
use std::time::Duration;

use tokio::time::Instant;

use super::dialer::Dialer;
use super::file::{self, Shape};
use super::installation::{DIALLED, Installation, LISTED};
use super::{Bench, fresh};
use crate::load::LoadError;
use crate::load::figures::Figure;

const ROWS: u64 = 1_000_000;
const ROWS_QUICK: u64 = 30_000;
/// Leads that the dialer has: one each 30 ms for ten minutes.
const DIALLED_LEADS: u64 = 20_000;
/// How often the memory of the command is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Imports a file of this shape.
pub(super) fn import(bench: &mut Bench, shape: Shape) -> Result<(), LoadError> {
    let name = format!("{shape:?}").to_lowercase();
    let installation = Installation::new(bench, &name)?;
    let rows = bench.scaled(ROWS, ROWS_QUICK);
    let path = file::write(&fresh(&bench.folder, &format!("{name}-file"))?, shape, rows)?;
    let path = path.display().to_string();
    std::fs::write(installation.folder.join("dialled.csv"), dialled(DIALLED_LEADS))?;
    installation.lull(&["list", "import", DIALLED, "dialled.csv"])?;
    // Alone first: the control is alone as well.
    let (alone_s, peak_mb, counts) = {
        let begin = Instant::now();
        let mut child = installation.start(&["list", "import", LISTED, &path, "--json"])?;
        let peak = watched(&mut child)?;
        (begin.elapsed().as_secs_f64(), peak, installation.ask(COUNTS)?)
    };
    let raw_s = installation.bulk_load()?;
    // Once more with the dialer at work: everything is taken back, and comes again.
    let import = installation.ask("select id from imports where kind = 'leads' order by id desc limit 1")?;
    installation.ask(&format!("delete from leads where campaign = '{LISTED}'"))?;
    installation.ask(&format!("update imports set state = 'undone' where id = {}", import.trim()))?;
    let dialer = Dialer::start(&installation.database, &installation.folder)?;
    let begin = Instant::now();
    let mut child = installation.start(&["list", "import", LISTED, &path, "--json"])?;
    let watched = watched(&mut child);
    let beside_s = begin.elapsed().as_secs_f64();
    let early = dialer.has_ended();
    let seen = dialer.finish()?;
    watched?;
    if early {
        return Err(LoadError::Other("the dialer stopped before the import was over".into()));
    }
    if installation.ask(COUNTS)? != counts {
        return Err(LoadError::Other("the import beside the dialer took other rows than the one alone".into()));
    }
    let what = shape.name();
    let goal = if bench.server.is_some() { 3.0 } else { 2.0 };
    let memory_goal = if shape == Shape::Xlsx { 384.0 } else { 128.0 };
    let note = format!(
        "{alone_s:.1} s against {raw_s:.1} s; {} rows, {} leads; beside the dialer {beside_s:.1} s",
        rows,
        counts.trim()
    );
    let figures = &mut bench.report.figures;
    figures.push(Figure::judged(
        "import_ratio",
        format!("{what}: import against the bulk load of its accepted rows by the database's own tool"),
        "x",
        goal,
        Ok(alone_s / raw_s),
        note,
    ));
    let what_peak = format!("{what}: most memory of the import");
    figures.push(Figure::judged("import_peak_mb", what_peak, "MB", memory_goal, Ok(peak_mb), ""));
    let syncs = |share: f64| seen.syncs.ms(share).map_or("?".to_owned(), |ms| format!("{ms:.1}"));
    for (name, share, goal) in [("dialer_p99_ms", 0.99, 60.0), ("dialer_p999_ms", 0.999, 150.0)] {
        figures.push(Figure::judged(
            name,
            format!("{what}: a write of the dialer meanwhile, {} %", share * 100.0),
            "ms",
            goal,
            seen.writes.ms(share),
            format!(
                "{} writes; a bare sync of the same minute: {} ms of {}",
                seen.writes.count(),
                syncs(share),
                seen.syncs.count()
            ),
        ));
    }
    Ok(())
}

const COUNTS: &str = "select count(*) from leads where campaign = 'listed'";

fn dialled(leads: u64) -> String {
    let mut text = "phone\n".to_owned();
    for place in 0..leads {
        text += &format!("{}\n", 19_100_000_000 + place * 37);
    }
    text
}

/// Waits for a command; most memory it had, in MB.
fn watched(child: &mut Child) -> Result<f64, LoadError> {
    let mut peak = 0;
    loop {
        // Linux's own high-water mark, so that nothing is missed between two looks but the last of them.
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        peak = kib.unwrap_or_default().max(peak);
        match child.try_wait()? {
            None => super::pause(LOOK_EVERY),
            Some(status) if status.success() || status.code() == Some(3) => return Ok(peak as f64 * 1024.0 / 1e6),
            Some(status) => return Err(LoadError::Other(format!("the import ended with {status}"))),
        }
    }
}
