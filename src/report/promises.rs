//! What became of customers who asked to be called: by day and channel, with the promises that were kept and broken.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::name::CampaignKey;
use crate::model::time::Timestamp;
use crate::model::zone::Zone;
use crate::store::{PromiseState, Registered, RegistrationCount, Store, StoreError};

/// Figures of customers who asked to be called. Each that asked counts once for each time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub struct PromiseFigures {
    /// They asked.
    pub asked: u64,
    /// They became new leads.
    pub new: u64,
    /// They were leads already and came forward.
    pub forward: u64,
    /// They were leads already and stayed as they were.
    pub stays: u64,
    /// Their number is suppressed.
    pub suppressed: u64,
    /// They were promised a call: `kept`, `broken`, `owed` and `void` together.
    pub promised: u64,
    /// They were called, or talked to an agent, in time.
    pub kept: u64,
    /// They were not.
    pub broken: u64,
    /// The call is owed, and its time has not run out.
    pub owed: u64,
    /// The call came to be owed no more.
    pub void: u64,
    /// They talked to an agent in time.
    pub talked_in_time: u64,
    /// They were dialled, in time or later.
    pub dialled: u64,
    /// How long those that were dialled had waited for it, on average, in seconds; none without one.
    pub waited_s: Option<f64>,
    /// Kept among kept and broken, 0 to 1; none without any.
    pub kept_share: Option<f64>,
}

/// Those of one day and channel.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct PromisePart {
    /// The day on which they asked, by the installation's calendar.
    #[schema(value_type = String)]
    pub day: jiff::civil::Date,
    /// By which channel.
    pub channel: String,
    /// Their figures.
    #[serde(flatten)]
    pub figures: PromiseFigures,
}

/// What became of customers who asked to be called.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct PromiseReport {
    /// Of one campaign; none: of all.
    pub campaign: Option<CampaignKey>,
    /// Of those that came in at this time or later.
    pub from: Timestamp,
    /// And before this time.
    pub to: Timestamp,
    /// All together.
    pub total: PromiseFigures,
    /// By day and channel, the latest day first.
    pub parts: Vec<PromisePart>,
}

/// Reports on those that came in from `from` until before `to`; days are those of `zone`.
///
/// # Errors
/// The store's.
pub async fn promise_report(
    store: &Store,
    campaign: Option<&CampaignKey>,
    (from, to): (Timestamp, Timestamp),
    zone: &Zone,
) -> Result<PromiseReport, StoreError> {
    let counts = store.registration_counts(campaign, from, to).await?;
    Ok(of_counts(&counts, campaign, (from, to), zone))
}

fn of_counts(
    counts: &[RegistrationCount],
    campaign: Option<&CampaignKey>,
    (from, to): (Timestamp, Timestamp),
    zone: &Zone,
) -> PromiseReport {
    let mut total = Sum::default();
    let mut parts: BTreeMap<(std::cmp::Reverse<jiff::civil::Date>, &str), Sum> = BTreeMap::new();
    for count in counts {
        total.add(count);
        parts.entry((std::cmp::Reverse(zone.date(count.at)), &count.channel)).or_default().add(count);
    }
    let part = |((day, channel), sum): ((std::cmp::Reverse<jiff::civil::Date>, &str), Sum)| PromisePart {
        day: day.0,
        channel: channel.to_owned(),
        figures: sum.figures(),
    };
    PromiseReport {
        campaign: campaign.cloned(),
        from,
        to,
        total: total.figures(),
        parts: parts.into_iter().map(part).collect(),
    }
}

#[derive(Default)]
struct Sum {
    figures: PromiseFigures,
    waited_ms: u64,
}

impl Sum {
    fn add(&mut self, count: &RegistrationCount) {
        let figures = &mut self.figures;
        figures.asked += count.count;
        *match count.became {
            Registered::New => &mut figures.new,
            Registered::Forward => &mut figures.forward,
            Registered::Stays => &mut figures.stays,
            Registered::Suppressed => &mut figures.suppressed,
        } += count.count;
        let of_promise = match count.promise {
            PromiseState::None => None,
            PromiseState::Asked | PromiseState::Open => Some(&mut figures.owed),
            PromiseState::Kept => Some(&mut figures.kept),
            PromiseState::Broken => Some(&mut figures.broken),
            PromiseState::Void => Some(&mut figures.void),
        };
        if let Some(of_promise) = of_promise {
            *of_promise += count.count;
            figures.promised += count.count;
        }
        figures.talked_in_time += count.talked_in_time;
        figures.dialled += count.dialled;
        self.waited_ms += count.waited_ms;
    }

    fn figures(self) -> PromiseFigures {
        let Sum { figures, waited_ms } = self;
        let share = |part: u64, whole: u64| (whole > 0).then(|| part as f64 / whole as f64);
        PromiseFigures {
            waited_s: share(waited_ms, figures.dialled * 1000),
            kept_share: share(figures.kept, figures.kept + figures.broken),
            ..figures
        }
    }
}

/// The parts of a report as CSV, with a heading.
pub fn promise_csv(report: &PromiseReport) -> String {
    let mut csv = "day,channel,asked,new,forward,stays,suppressed,promised,kept,broken,owed,void,talked_in_time,dialled,waited_s,kept_share\n".to_owned();
    let optional = |figure: Option<f64>| figure.map(|figure| format!("{figure:.3}")).unwrap_or_default();
    for PromisePart { day, channel, figures: f } in &report.parts {
        // A channel is whatever a program called it.
        let channel = channel.replace('"', "\"\"");
        let counts = [
            f.asked,
            f.new,
            f.forward,
            f.stays,
            f.suppressed,
            f.promised,
            f.kept,
            f.broken,
            f.owed,
            f.void,
            f.talked_in_time,
            f.dialled,
        ];
        let counts = counts.map(|count| count.to_string()).join(",");
        csv.push_str(&format!("{day},\"{channel}\",{counts},{},{}\n", optional(f.waited_s), optional(f.kept_share)));
    }
    csv
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_add_up_to_the_whole_and_days_are_those_of_the_zone() {
        let at = |text: &str| Timestamp::from(text.parse::<jiff::Timestamp>().unwrap());
        let count = |when: &str, channel: &str, promise, count| RegistrationCount {
            at: at(when),
            channel: channel.to_owned(),
            became: Registered::New,
            promise,
            count,
            talked_in_time: 1,
            dialled: 2,
            waited_ms: 240_000,
        };
        let counts = [
            count("2026-11-29T15:45:00Z", "sms", PromiseState::Kept, 3),
            count("2026-11-29T16:00:00Z", "sms", PromiseState::Broken, 1),
            count("2026-11-29T16:15:00Z", "web", PromiseState::Void, 2),
            count("2026-11-29T16:15:00Z", "web", PromiseState::None, 4),
        ];
        let zone = Zone::named("Asia/Shanghai").unwrap();
        let report = of_counts(&counts, None, (at("2026-11-01T00:00:00Z"), at("2026-12-01T00:00:00Z")), &zone);
        let parts: Vec<_> = report
            .parts
            .iter()
            .map(|part| (part.day.to_string(), part.channel.as_str(), part.figures.asked, part.figures.kept_share))
            .collect();
        let expected = [
            ("2026-11-30".to_owned(), "sms", 1, Some(0.0)),
            ("2026-11-30".to_owned(), "web", 6, None),
            ("2026-11-29".to_owned(), "sms", 3, Some(1.0)),
        ];
        assert_eq!(parts, expected);
        let total = report.total;
        assert_eq!((total.asked, total.promised, total.kept, total.broken, total.void), (10, 6, 3, 1, 2));
        assert_eq!((total.waited_s, total.kept_share), (Some(120.0), Some(0.75)));
        let csv = promise_csv(&report);
        assert_eq!(csv.lines().nth(1), Some("2026-11-30,\"sms\",1,1,0,0,0,1,0,1,0,0,1,2,120.000,0.000"), "{csv}");
        assert_eq!(total.asked, report.parts.iter().map(|part| part.figures.asked).sum::<u64>());
    }
}
