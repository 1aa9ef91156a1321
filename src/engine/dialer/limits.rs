//! Limits of a campaign that somebody sets while it runs, over its definition.

use crate::engine::Engine;
use crate::engine::command::{Answer, Command, RequestRefusal};
use crate::engine::requests::Pending;
use crate::model::id::RequestId;
use crate::model::live_limits::{LimitChange, LimitName, LiveLimits};
use crate::model::name::CampaignKey;
use crate::model::time::Now;

/// Most lines that can be set: more than any carrier gives.
const LINES_MAX: u32 = 100_000;
/// Most dials of a day that can be set.
const DIALS_MAX: u64 = 1_000_000_000;

impl Engine {
    /// The store told what was set before the start.
    pub(in crate::engine) fn limits_recovered(&mut self, campaign: &CampaignKey, limits: LiveLimits) {
        match self.campaigns.get_mut(campaign) {
            Some(board) => (board.limits_set, board.live_limits) = (limits, limits),
            None => self.stale(),
        }
    }

    /// Somebody sets limits of a campaign. Stricter ones hold at once, laxer ones once they are durable; calls that are up go on.
    pub(in crate::engine) fn limit_campaign(
        &mut self,
        now: Now,
        request: RequestId,
        campaign: CampaignKey,
        change: LimitChange,
    ) {
        let Some(board) = self.campaigns.get_mut(&campaign) else {
            return self.refuse(request, RequestRefusal::UnknownCampaign { campaign });
        };
        // The law's cap is not anybody's to raise.
        let cap = self.settings.profiles.get(&board.campaign.profile).map_or(1.0, |profile| profile.abandon_rate_max);
        if let Err(why) = check(&change, cap) {
            return self.refuse(request, why);
        }
        if self.requests.is_full() {
            return self.refuse(request, RequestRefusal::StoreDown);
        }
        self.requests.insert(request, Pending::Limits { campaign: campaign.clone(), change: change.clone() });
        self.hold_limits(&campaign);
        let at = now.timestamp;
        self.commands.push_back(Command::RecordCampaignLimits { request, campaign, change, at });
    }

    /// The store has answered.
    pub(in crate::engine) fn limits_recorded(
        &mut self,
        request: RequestId,
        campaign: &CampaignKey,
        change: &LimitChange,
        ok: bool,
    ) {
        if let Some(board) = self.campaigns.get_mut(campaign).filter(|_| ok) {
            board.limits_set = board.limits_set.changed(change);
        }
        self.hold_limits(campaign);
        match ok {
            true => self.reply(request, Answer::Done),
            false => self.refuse(request, RequestRefusal::StoreDown),
        }
    }

    /// Of each limit the strictest of what is durable and what is asked for holds.
    fn hold_limits(&mut self, campaign: &CampaignKey) {
        let Some(board) = self.campaigns.get_mut(campaign) else { return };
        let defined = LiveLimits::defined_by(&board.campaign);
        let asked = self.requests.limits_of(campaign);
        let held = asked.fold(board.limits_set, |held, change| held.stricter(held.changed(change), defined));
        board.live_limits = held;
        // What held idle agents back may hold no longer.
        if let Some(group) = self.groups.get_mut(&board.campaign.group) {
            group.agent_freed = true;
        }
    }
}

/// Live limits within their ranges, where the profile's cap of abandoned calls is `cap`.
fn check(change: &LimitChange, cap: f64) -> Result<(), RequestRefusal> {
    let refuse = |name: LimitName, value: String, expected: String| {
        Err(RequestRefusal::OutOfRange { field: name.as_str().to_owned(), value, expected })
    };
    let LiveLimits { lines_max, dials_per_day_max, abandon_rate_max } = change.set;
    if let Some(lines) = lines_max.filter(|lines| *lines > LINES_MAX) {
        return refuse(LimitName::LinesMax, lines.to_string(), format!("0 to {LINES_MAX} lines"));
    }
    if let Some(dials) = dials_per_day_max.filter(|dials| *dials > DIALS_MAX) {
        return refuse(LimitName::DialsPerDayMax, dials.to_string(), format!("0 to {DIALS_MAX} dials"));
    }
    match abandon_rate_max.filter(|rate| !(0.0..=cap).contains(rate)) {
        Some(rate) => {
            let expected = format!("0 to {cap}, the cap of the profile");
            refuse(LimitName::AbandonRateMax, rate.to_string(), expected)
        }
        None => Ok(()),
    }
}
