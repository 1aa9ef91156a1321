//! Figures for Prometheus, on a listener of their own and without a login: whoever reaches it may read them.
//!
//! Sums and states only; no number and no name of a customer or an agent. The figures are those of the wallboard's picture, so
//! that a scrape costs the dialer nothing. Counters of today begin anew at midnight, which `rate()` and `increase()` take for what
//! it is. Read [`Figures`] first; `packaging/grafana-lull.json` draws them.

use std::fmt::Error;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::{WebState, operations};
use crate::engine::event::DayCounts;
use crate::engine::snapshot::{CampaignView, GroupView, QueueView, Snapshot, TrunkView};
use crate::model::campaign::CampaignState;
use crate::model::time::Timestamp;
use crate::store::Waiting;

/// What the format calls itself (OpenMetrics 1.0).
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Labels of one value.
type Labels = Vec<(&'static str, String)>;
/// A figure of a part of the picture, with the word for it in a label.
type Named<P, V> = (&'static str, fn(&P) -> V);

/// The figures of one picture.
#[derive(Debug)]
struct Figures {
    snapshot: Arc<Snapshot>,
    store_up: bool,
    problems: usize,
    resident_bytes: Option<u64>,
    webhooks: Webhooks,
}

/// What webhooks were told since the start, and what waits.
#[derive(Debug)]
struct Webhooks {
    tries: [(&'static str, u64); 3],
    waiting: Option<Waiting>,
    now: Timestamp,
}

/// `/metrics`, and the two questions of a supervisor.
pub(super) fn router(state: WebState) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/livez", get(operations::livez))
        .route("/readyz", get(operations::readyz))
        .with_state(state)
}

async fn metrics(State(state): State<WebState>) -> impl IntoResponse {
    let figures = Figures {
        snapshot: state.handle.snapshot(),
        store_up: state.records.trouble().await.is_none(),
        problems: operations::problems(&state).await.len(),
        resident_bytes: resident_bytes(),
        webhooks: webhooks(&state).await,
    };
    let mut registry = Registry::default();
    registry.register_collector(Box::new(figures));
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = encode(&mut text, &registry);
    ([(CONTENT_TYPE, OPEN_METRICS)], text)
}

async fn webhooks(state: &WebState) -> Webhooks {
    let figures = state.messenger.figures();
    let tries = [("delivered", figures.delivered()), ("failed", figures.failed()), ("given_up", figures.given_up())];
    Webhooks { tries, waiting: state.records.deliveries_waiting().await, now: state.now().timestamp }
}

impl Collector for Figures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let Snapshot { groups, queues, campaigns, trunks, .. } = &*self.snapshot;
        let mut page = Page { encoder: &mut encoder };
        page.gauge("lull_ready", "1 while the service can do its work", [(vec![], f64::from(self.problems == 0))])?;
        page.gauge("lull_store_up", "1 while writes are taken", [(vec![], f64::from(self.store_up))])?;
        page.gauge(
            "lull_draining",
            "1 while the service finishes the calls that are up, to end",
            [(vec![], f64::from(self.snapshot.draining))],
        )?;
        if let Some(bytes) = self.resident_bytes {
            page.gauge("process_resident_memory_bytes", "Memory in use", [(vec![], bytes as f64)])?;
        }
        page.groups(groups)?;
        page.queues(queues)?;
        page.campaigns(campaigns)?;
        page.trunks(trunks)?;
        page.webhooks(&self.webhooks)
    }
}

struct Page<'p, 'e> {
    encoder: &'p mut DescriptorEncoder<'e>,
}

impl Page<'_, '_> {
    fn gauge(&mut self, name: &str, help: &str, values: impl IntoIterator<Item = (Labels, f64)>) -> Result<(), Error> {
        let mut family = self.encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (labels, value) in values {
            family.encode_family(&labels)?.encode_gauge(&value)?;
        }
        Ok(())
    }

    fn counter(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = (Labels, u64)>,
    ) -> Result<(), Error> {
        let mut family = self.encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (labels, value) in values {
            family.encode_family(&labels)?.encode_counter::<Labels, u64, u64>(&value, None)?;
        }
        Ok(())
    }

    fn groups(&mut self, groups: &[GroupView]) -> Result<(), Error> {
        let of = |group: &GroupView| vec![("group", group.group.to_string())];
        let states = groups.iter().flat_map(|group| {
            let labelled = |(state, count): (&String, &u32)| {
                (vec![("group", group.group.to_string()), ("state", state.clone())], f64::from(*count))
            };
            group.agents.iter().map(labelled)
        });
        self.gauge("lull_agents", "Agents who are signed in, by state", states)?;
        let each = |value: fn(&GroupView) -> f64| groups.iter().map(move |group| (of(group), value(group)));
        self.gauge("lull_idleness", "Smoothed idleness, 0 to 1", each(|group| group.idleness))?;
        self.gauge("lull_idle_threshold", "Idleness above which the gate opens", each(|group| group.idle_threshold))?;
        self.gauge("lull_gate_open", "1 while the idle gate is open", each(|group| f64::from(group.gate_open)))?;
        self.gauge(
            "lull_outbound_slots",
            "Agents that may be on outbound at once",
            each(|group| f64::from(group.slots)),
        )?;
        self.gauge("lull_outbound_busy", "Agents on outbound", each(|group| f64::from(group.outbound_busy)))?;
        self.gauge("lull_inbound_busy", "Agents on inbound", each(|group| f64::from(group.inbound_busy)))
    }

    fn queues(&mut self, queues: &[QueueView]) -> Result<(), Error> {
        let of = |queue: &QueueView| vec![("queue", queue.queue.to_string())];
        let each = |value: fn(&QueueView) -> f64| queues.iter().map(move |queue| (of(queue), value(queue)));
        self.gauge("lull_queue_waiting", "Callers who wait", each(|queue| f64::from(queue.waiting)))?;
        self.gauge(
            "lull_queue_longest_wait_seconds",
            "How long the first of them has waited",
            each(|queue| queue.longest_wait_ms as f64 / 1e3),
        )?;
        let level = queues.iter().filter_map(|queue| Some((of(queue), queue.service_level?)));
        self.gauge("lull_queue_service_level", "Share answered in time today, 0 to 1", level)?;
        self.gauge(
            "lull_queue_service_level_target",
            "What the share should be",
            each(|queue| queue.service_level_target),
        )?;
        let outcomes: [Named<QueueView, u64>; 4] = [
            ("offered", |queue| queue.offered),
            ("answered", |queue| queue.answered),
            ("abandoned", |queue| queue.abandoned),
            ("overflowed", |queue| queue.overflowed),
        ];
        let values = queues.iter().flat_map(|queue| {
            let labelled = |(outcome, value): Named<QueueView, u64>| {
                (vec![("queue", queue.queue.to_string()), ("outcome", outcome.to_owned())], value(queue))
            };
            outcomes.map(labelled)
        });
        self.counter("lull_queue_callers", "Callers of today by what became of them", values)
    }

    fn campaigns(&mut self, campaigns: &[CampaignView]) -> Result<(), Error> {
        let of = |campaign: &CampaignView| vec![("campaign", campaign.campaign.to_string())];
        let with = |campaign: &CampaignView, name: &'static str, word: &str| {
            vec![("campaign", campaign.campaign.to_string()), (name, word.to_owned())]
        };
        let each = |value: fn(&CampaignView) -> f64| campaigns.iter().map(move |one| (of(one), value(one)));
        let running = |one: &CampaignView| f64::from(one.state == CampaignState::Running);
        self.gauge("lull_campaign_running", "1 while the campaign is to dial", each(running))?;
        let stages: [Named<CampaignView, u32>; 5] = [
            ("previewing", |one| one.previewing),
            ("dialling", |one| one.dialling),
            ("ringing", |one| one.ringing),
            ("answered_waiting", |one| one.answered_waiting),
            ("connected", |one| one.connected),
        ];
        let attempts = campaigns
            .iter()
            .flat_map(|one| stages.map(|(stage, value)| (with(one, "stage", stage), f64::from(value(one)))));
        self.gauge("lull_attempts", "Attempts that are under way, by stage", attempts)?;
        self.gauge("lull_leads_open", "Leads that are neither done nor given up", each(|one| one.leads_open as f64))?;
        self.gauge("lull_hopper", "Leads in the hopper", each(|one| f64::from(one.hopper)))?;
        let rate = campaigns.iter().filter_map(|one| Some((of(one), one.abandon_rate?)));
        self.gauge("lull_abandon_rate", "Abandoned among answered by people today, 0 to 1", rate)?;
        self.gauge("lull_abandon_rate_max", "The cap that applies", each(|one| one.abandon_rate_max))?;
        let outcomes: [Named<DayCounts, u64>; 7] = [
            ("dialled", |today| today.dialled),
            ("answered", |today| today.answered),
            ("connected", |today| today.connected),
            ("abandoned", |today| today.abandoned),
            ("hung_up", |today| today.hung_up),
            ("machine", |today| today.machines),
            ("accepted", |today| today.accepted),
        ];
        let counts = campaigns
            .iter()
            .flat_map(|one| outcomes.map(|(outcome, value)| (with(one, "outcome", outcome), value(&one.today))));
        self.counter("lull_calls", "Calls of today by what became of them; one call may count in several", counts)?;
        let refusals = campaigns
            .iter()
            .flat_map(|one| one.refusals.iter().map(|(reason, count)| (with(one, "reason", reason), *count)));
        self.counter("lull_refusals", "How often a dial was held back today, by reason", refusals)?;
        let held = campaigns.iter().filter_map(|one| Some((with(one, "reason", one.not_dialling.as_deref()?), 1.0)));
        self.gauge("lull_not_dialling", "1 with the reason for which a campaign places no further dial", held)
    }

    fn webhooks(&mut self, webhooks: &Webhooks) -> Result<(), Error> {
        let tries = webhooks.tries.map(|(outcome, count)| (vec![("outcome", outcome.to_owned())], count));
        self.counter(
            "lull_webhook_tries",
            "Tries to tell webhooks something since the start, by what came of them",
            tries,
        )?;
        let Some(waiting) = webhooks.waiting else { return Ok(()) };
        self.gauge("lull_webhook_waiting", "Deliveries that wait", [(vec![], waiting.count as f64)])?;
        let oldest = waiting.oldest.map_or(0.0, |at| webhooks.now.since(at).as_secs_f64());
        self.gauge("lull_webhook_oldest_wait_seconds", "How long ago the oldest of them happened", [(vec![], oldest)])
    }

    fn trunks(&mut self, trunks: &[TrunkView]) -> Result<(), Error> {
        let each = |value: fn(&TrunkView) -> f64| {
            trunks.iter().map(move |trunk| (vec![("trunk", trunk.trunk.to_string())], value(trunk)))
        };
        self.gauge("lull_trunk_up", "1 while the trunk answers its keep-alive", each(|trunk| f64::from(trunk.up)))?;
        self.gauge("lull_trunk_channels", "Channels in use", each(|trunk| f64::from(trunk.channels)))?;
        self.gauge("lull_trunk_channels_max", "Channels there are", each(|trunk| f64::from(trunk.channels_max)))
    }
}

/// Memory of this process; only Linux tells.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}
