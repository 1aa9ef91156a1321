//! The hopper's question of a large campaign: the next 500 that may be dialled.

use std::collections::HashSet;

use lull::clock::Clock;
use lull::model::database::DatabasePlace;
use lull::model::selection::Selection;
use lull::store::{Opener, Options, Store};
use tokio::time::Instant;

use super::Bench;
use super::installation::{Installation, LISTED};
use crate::load::LoadError;
use crate::load::figures::Figure;
use crate::report::percentile;

const SIZES: [u64; 3] = [100_000, 1_000_000, 10_000_000];
const SIZES_QUICK: [u64; 2] = [10_000, 50_000];
/// How many the hopper asks for.
const NEXT: usize = 500;
const QUESTIONS: usize = 300;

/// Leads of five sets of zones and a hundred ranks, one in eight not due before tomorrow.
fn fill(of_server: bool, from: u64, to: u64) -> String {
    let series = match of_server {
        true => format!("select i from generate_series(cast({from} as bigint), {}) s (i)", to - 1),
        false => format!(
            "with recursive s (i) as (select {from} union all select i + 1 from s where i + 1 < {to}) select i from s"
        ),
    };
    let zones = "case i % 5 when 0 then '[\"Asia/Shanghai\"]' when 1 then '[\"Asia/Urumqi\"]' \
        when 2 then '[\"Asia/Hong_Kong\"]' when 3 then '[\"Asia/Macau\"]' else '[\"Asia/Taipei\"]' end";
    format!(
        "insert into leads (id, campaign, list_id, import_id, number, name, zones, zone_source, priority, rank, extra, state,
             due_at, created_at, changed_at)
         select i + 1, '{LISTED}', 1, null, '+86' || cast(13000000000 + (i * 382903267) % 999999937 as text), '王小明',
             {zones}, 'column', (i * 31) % 100, (i * 31) % 100, '{{}}', 'open',
             case when i % 8 = 0 then 4102444800000 else 1600000000000 + (i * 7919) % 1000003 end, 0, 0
         from ({series}) series"
    )
}

/// Asks at each size, and compares.
pub(super) fn leads(bench: &mut Bench) -> Result<(), LoadError> {
    let installation = Installation::new(bench, "leads")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let wrong = |error: &dyn std::fmt::Display| LoadError::Other(error.to_string());
    installation.ask(&format!(
        "insert into lists (id, campaign, name, created_by, created_at) values (1, '{LISTED}', 'all', 'measurement', 0)"
    ))?;
    let zones =
        ["Shanghai", "Urumqi", "Hong_Kong", "Macau", "Taipei"].map(|zone| format!("('{LISTED}', '[\"Asia/{zone}\"]')"));
    installation.ask(&format!("insert into campaign_zones values {}", zones.join(", ")))?;
    let sizes: &[u64] = if bench.report.quick { &SIZES_QUICK } else { &SIZES };
    let (mut there, mut first) = (0, None);
    for &size in sizes {
        installation.ask(&fill(bench.server.is_some(), there, size))?;
        if bench.server.is_some() {
            installation.ask("analyze leads")?;
        }
        there = size;
        let place = DatabasePlace::read(&installation.database, &installation.folder).map_err(|error| wrong(&error))?;
        let mut waits = runtime.block_on(async {
            let options = Options { opener: Opener::Command, ..Options::default() };
            let store = Store::open(&place, options).await.map_err(|error| wrong(&error))?;
            let campaign = LISTED.parse().map_err(|error| wrong(&error))?;
            let now = Clock::start().now().timestamp;
            let mut waits = Vec::with_capacity(QUESTIONS);
            // What the hopper holds already is passed over, as in earnest: half of what it asks for.
            let mut claimed = HashSet::new();
            for _ in 0..QUESTIONS {
                let begin = Instant::now();
                let found = store.fetch_leads(&campaign, &Selection::default(), now, NEXT, &claimed, &|_| true).await;
                waits.push(begin.elapsed().as_micros() as u64);
                let found = found.map_err(|error| wrong(&error))?;
                if found.len() != NEXT {
                    return Err(LoadError::Other(format!("{} leads were found of {NEXT}", found.len())));
                }
                claimed = found.iter().take(NEXT / 2).map(|lead| lead.id).collect();
            }
            store.close().await;
            Ok(waits)
        })?;
        waits.sort_unstable();
        let ms = |share: f64| percentile(&waits, share).map_or(f64::NAN, |us| us as f64 / 1e3);
        let flat = first.get_or_insert(ms(0.5));
        let note = format!("median {:.2} ms, {:.2} times that of the smallest", ms(0.5), ms(0.5) / *flat);
        let what = format!("the next {NEXT} of {size} leads, 99 % of {QUESTIONS} questions");
        bench.report.figures.push(Figure::judged("next_p99_ms", what, "ms", 10.0, Ok(ms(0.99)), note));
    }
    Ok(())
}
