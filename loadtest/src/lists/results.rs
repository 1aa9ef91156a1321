//! What managers and marketing look at: each page of the results, over fifty million attempts.
//!
//! A year of one campaign: 365 days of twelve hours, 20 lists of five attempts a lead, 100 agents. The last hours are not counted
//! yet, as in a running service. The pages are asked of the store, as the API asks it.

use std::collections::BTreeMap;
use std::future::Future;

use lull::model::database::DatabasePlace;
use lull::model::disposition::Disposition;
use lull::model::id::{ListId, UserId};
use lull::model::name::CampaignKey;
use lull::model::time::Timestamp;
use lull::model::zone::Zone;
use lull::report::{self, Breakdown, Question};
use lull::store::{AttemptCursor, Behind, Opener, Options, Search, Stage, Store, StoreError};
use tokio::time::Instant;

use super::Bench;
use super::installation::{Installation, LISTED};
use crate::load::LoadError;
use crate::load::figures::Figure;
use crate::report::percentile;

const ATTEMPTS: u64 = 50_000_000;
const ATTEMPTS_QUICK: u64 = 500_000;
const DAYS: u64 = 365;
const DAYS_QUICK: u64 = 20;
const HOURS_A_DAY: u64 = 12;
const LISTS: u64 = 20;
const AGENTS: u64 = 100;
/// How often each page is asked for.
const QUESTIONS: usize = 40;
/// 2025-01-01T00:00:00Z.
const BEGIN_MS: u64 = 1_735_689_600_000;
const DAY_MS: u64 = 86_400_000;

/// What each page may take, in ms, for 95 of 100.
const GOAL_MS: f64 = 300.0;

struct Year {
    attempts: u64,
    days: u64,
}

impl Year {
    fn per_hour(&self) -> u64 {
        self.attempts / (self.days * HOURS_A_DAY)
    }

    fn end(&self) -> Timestamp {
        // Ten minutes after the last hour of dialling.
        Timestamp::from_millis(((self.days - 1) * DAY_MS + BEGIN_MS + 13 * 3_600_000 + 600_000) as i64)
    }

    /// The statements that fill the tables, and the tables whose indexes are made afterwards.
    fn fill(&self, of_server: bool) -> Vec<String> {
        let series = |count: u64| match of_server {
            true => format!("(select i from generate_series(cast(0 as bigint), {}) s (i)) s", count - 1),
            false => format!(
                "(with recursive s (i) as (select 0 union all select i + 1 from s where i + 1 < {count}) select i from s) s"
            ),
        };
        let (attempts, leads, per_hour) = (self.attempts, self.attempts / 5, self.per_hour());
        let began = format!(
            "({BEGIN_MS} + (i / {per_hour} / {HOURS_A_DAY}) * {DAY_MS} + (1 + (i / {per_hour}) % {HOURS_A_DAY}) * 3600000
              + (i % {per_hour}) * 3600000 / {per_hour})"
        );
        // 45 % nobody answers, 14 % are busy or refused, 25 % machines, 15 % reach an agent, 3 in 1,000 are abandoned.
        let of = "((i * 7919) % 1000)";
        let what = format!(
            "case when {of} < 450 then 'no_answer' when {of} < 550 then 'busy' when {of} < 590 then 'rejected'
                  when {of} < 847 then 'machine' when {of} < 850 then 'abandoned' when {of} < 970 then 'declined'
                  when {of} < 995 then 'considering' else 'accepted' end"
        );
        let network = format!(
            "case when {of} < 450 then 'no_answer' when {of} < 550 then 'busy' when {of} < 590 then 'rejected'
                  when {of} < 847 then 'machine' when {of} < 850 then 'abandoned' else 'not_recorded' end"
        );
        let (answered, connected) = (format!("{of} >= 590"), format!("{of} >= 850"));
        let agent = format!("1 + (i / 7) % {AGENTS}");
        vec![
            format!(
                "insert into lists (id, campaign, name, created_by, created_at, leads)
                 select i + 1, '{LISTED}', 'list ' || cast(i as text), 'measurement', 0, {leads} / {LISTS} from {}",
                series(LISTS)
            ),
            format!(
                "insert into leads (id, campaign, list_id, number, name, zones, zone_source, priority, rank, extra, state,
                     created_at, changed_at)
                 select i + 1, '{LISTED}', 1 + i % {LISTS}, '+86' || cast(13000000000 + (i * 382903267) % 999999937 as text),
                     '王小明', '[\"Asia/Shanghai\"]', 'column', 50, 50, '{{}}', 'done', 0, 0
                 from {}",
                series(leads)
            ),
            format!(
                "insert into attempts (id, campaign, lead_id, number, caller_id, trunk, at, zones, tzdata, ordinal, state,
                     rang_at, answered_at, connected_at, ended_at, agent_id, network_disposition, disposition, result,
                     first_dialled, first_answered, first_connected)
                 select i + 1, '{LISTED}', 1 + i % {leads}, '+86' || cast(13000000000 + ((i % {leads}) * 382903267) % 999999937 as text),
                     '+861000000000', 'carrier', {began}, '[\"Asia/Shanghai\"]', '2025b', 1 + i / {leads}, 'ended',
                     {began} + 2000, case when {answered} then {began} + 9000 end,
                     case when {connected} then {began} + 9500 end,
                     {began} + case when {connected} then 180000 else 25000 end,
                     case when {connected} then {agent} end, {network}, {what},
                     case when {connected} then {what} end,
                     i < {leads}, {answered} and i < {leads}, {connected} and i < {leads}
                 from {}",
                series(attempts)
            ),
            format!(
                "insert into results (direction, call_id, revision, campaign, lead_id, number, agent_id, result, disposition,
                     answers, note, at, talk_ms, wrap_up_ms)
                 select 'outbound', i + 1, 1, '{LISTED}', 1 + i % {leads}, null, {agent}, {what}, {what}, '{{}}',
                     'Will ask at home, call again in the evening ' || cast(i as text), {began} + 190000, 170000, 10000
                 from {} where {connected}",
                series(attempts)
            ),
            format!(
                "insert into figures_stale (campaign, hour, mark)
                 select '{LISTED}', {BEGIN_MS} / 3600000 + (i / {HOURS_A_DAY}) * 24 + 1 + i % {HOURS_A_DAY}, 1 from {}",
                series(self.days * HOURS_A_DAY)
            ),
        ]
    }
}

/// Fills, lets the hours be counted, and asks.
pub(super) fn results(bench: &mut Bench) -> Result<(), LoadError> {
    let year = match bench.report.quick {
        true => Year { attempts: ATTEMPTS_QUICK, days: DAYS_QUICK },
        false => Year { attempts: ATTEMPTS, days: DAYS },
    };
    let installation = Installation::new(bench, "results")?;
    eprintln!("  filling in {} attempts: without indexes, which are made afterwards …", year.attempts);
    installation.fill(&["leads", "attempts", "results"], &year.fill(bench.server.is_some()))?;
    let wrong = |error: &dyn std::fmt::Display| LoadError::Other(error.to_string());
    let place = DatabasePlace::read(&installation.database, &installation.folder).map_err(|error| wrong(&error))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let asked = runtime.block_on(async {
        let store = Store::open(&place, Options { opener: Opener::Command, ..Options::default() }).await?;
        eprintln!("  counting the hours …");
        let begin = Instant::now();
        let hours = store.count_hours(year.end()).await?;
        let counted = (hours, begin.elapsed().as_secs_f64());
        let begin = Instant::now();
        let days = store.count_days(year.end()).await?;
        let added_up = (days, begin.elapsed().as_secs_f64());
        eprintln!("  asking …");
        let asked = ask(&store, &year).await?;
        let begin = Instant::now();
        store.lead_counts(&LISTED.parse().map_err(|_| StoreError::Closed)?).await?;
        let leads_s = begin.elapsed().as_secs_f64();
        store.close().await;
        Ok::<_, StoreError>((counted, added_up, leads_s, asked))
    });
    let ((hours, hours_s), (days, days_s), leads_s, asked) = asked.map_err(|error| wrong(&error))?;
    let what = format!("an hour of {} attempts is counted", year.per_hour());
    bench.report.figures.push(Figure::shown("count_hour_ms", what, "ms", hours_s * 1e3 / hours.max(1) as f64));
    let what = format!("a day of {HOURS_A_DAY} such hours is added up");
    bench.report.figures.push(Figure::shown("count_day_ms", what, "ms", days_s * 1e3 / days.max(1) as f64));
    let what = format!("{} leads are counted by state; pages keep that for 2 ms for each thousand", year.attempts / 5);
    bench.report.figures.push(Figure::shown("count_leads_ms", what, "ms", leads_s * 1e3));
    for (page, mut waits) in asked {
        waits.sort_unstable();
        let ms = |share: f64| percentile(&waits, share).map_or(f64::NAN, |us| us as f64 / 1e3);
        let note = format!("median {:.1} ms, longest {:.1} ms", ms(0.5), ms(1.0));
        let what = format!("{page}, of {} attempts, 95 % of {} questions", year.attempts, waits.len());
        bench.report.figures.push(Figure::judged("page_p95_ms", what, "ms", GOAL_MS, Ok(ms(0.95)), note));
    }
    Ok(())
}

/// How long each page took, in µs.
struct Asked {
    waits: BTreeMap<String, Vec<u64>>,
}

impl Asked {
    async fn time<T>(
        &mut self,
        page: &str,
        question: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let begin = Instant::now();
        let answer = question.await?;
        self.waits.entry(page.to_owned()).or_default().push(begin.elapsed().as_micros() as u64);
        Ok(answer)
    }
}

async fn ask(store: &Store, year: &Year) -> Result<BTreeMap<String, Vec<u64>>, StoreError> {
    let campaign: CampaignKey = LISTED.parse().map_err(|_| StoreError::Closed)?;
    let zone = Zone::named("Asia/Shanghai").unwrap_or_else(|_| Zone::utc());
    let now = year.end();
    let mut asked = Asked { waits: BTreeMap::new() };
    for round in 0..QUESTIONS {
        // Another span each time, as people ask: some days more or less.
        let some = (round as u32 * 7) % 11;
        let spans = [
            ("all the time", Timestamp::from_millis(0)),
            ("about half a year", zone.days_before(now, (year.days as u32 / 2).saturating_sub(some))),
            ("about a month", zone.days_before(now, 30 - some.min(15))),
            ("today", zone.days_before(now, 0)),
        ];
        for (name, from) in spans {
            for by in Breakdown::ALL {
                let question = Question { campaign: campaign.clone(), from, to: now, by };
                let page = format!("results by {}, {name}", by.as_str());
                asked.time(&page, report::report(store, &question, &zone)).await?;
            }
        }
        let all = Behind {
            campaign: campaign.clone(),
            from: Timestamp::from_millis(0),
            to: now,
            disposition: None,
            result: None,
            list: None,
            agent: None,
            stage: None,
            recorded: None,
        };
        let (list, agent) = (ListId(1 + round as i64 % LISTS as i64), UserId(1 + round as i64 % AGENTS as i64));
        let behind = [
            ("attempts, all", all.clone()),
            ("attempts of a stage", Behind { stage: Some(Stage::ALL[round % 4]), ..all.clone() }),
            ("attempts of an outcome", Behind { disposition: Some(Disposition::Accepted), ..all.clone() }),
            ("attempts of a result", Behind { result: Some("considering".to_owned()), ..all.clone() }),
            ("attempts of a list", Behind { list: Some(list), ..all.clone() }),
            ("attempts of an agent", Behind { agent: Some(agent), ..all.clone() }),
            (
                "attempts of an agent with an outcome on a list",
                Behind {
                    agent: Some(agent),
                    list: Some(list),
                    disposition: Some(Disposition::Accepted),
                    ..all.clone()
                },
            ),
            ("attempts of an outcome that never was", Behind { disposition: Some(Disposition::Fax), ..all.clone() }),
        ];
        for (name, behind) in behind {
            let first = asked.time(name, store.attempts_behind(&behind, None, 50)).await?;
            if let Some(last) = first.last() {
                let after = AttemptCursor { at: last.at, id: last.id };
                asked.time(name, store.attempts_behind(&behind, Some(after), 50)).await?;
            }
        }
        asked.time("the campaign at a glance", store.campaign_totals(&campaign, zone.days_before(now, 0))).await?;
        for (name, text) in [("a text that many wrote", "in the evening"), ("a text that nobody wrote", "zzz")] {
            let search = Search {
                campaign: campaign.clone(),
                text: text.to_owned(),
                question: None,
                from: Timestamp::from_millis(0),
                to: now,
                recorded: None,
            };
            asked.time(&format!("search: {name}"), store.search_results(&search, None, 50)).await?;
        }
    }
    Ok(asked.waits)
}
