//! Why so many dials were placed, and no more: told once a second at most, for each campaign, when something changed.
//!
//! Telling decides nothing. What happened within a second is one [`Decision`]: its figures are those of its end, its
//! dials and refusals those since the one before. Read [`Engine::explain`] first.

use std::collections::BTreeMap;
use std::time::Duration;

use super::hopper::Source;
use crate::engine::Engine;
use crate::engine::command::Command;
use crate::engine::pacing::Limit;
use crate::engine::timers::Timer;
use crate::model::attempt::Refusal;
use crate::model::campaign::CampaignState;
use crate::model::decision::Decision;
use crate::model::name::CampaignKey;
use crate::model::time::{Instant, Now};

/// Decisions of one campaign are told no more often: faster than a person reads, and it bounds what is kept.
pub const TOLD_EVERY: Duration = Duration::from_secs(1);

/// What is to be told at the next decision, and what was told last.
#[derive(Debug, Default)]
pub struct Account {
    placed: u32,
    refusals: BTreeMap<&'static str, u32>,
    told_at: Option<Instant>,
    told: Option<Decision>,
}

impl Account {
    /// A dial was placed.
    pub fn note_dial(&mut self) {
        self.placed = self.placed.saturating_add(1);
    }

    /// A lead was refused.
    pub fn note_refusal(&mut self, refusal: Refusal) {
        let count = self.refusals.entry(refusal.code()).or_default();
        *count = count.saturating_add(1);
    }

    /// What was told last.
    pub fn told(&self) -> Option<&Decision> {
        self.told.as_ref()
    }
}

impl Engine {
    /// Tells why the campaign places no further dial, if something changed; later, if it has just been told.
    pub(in crate::engine) fn explain(&mut self, now: Now, key: &CampaignKey) {
        let Some(board) = self.campaigns.get(key) else { return };
        let account = &board.account;
        let timer = Timer::Explain { campaign: key.clone() };
        let again = account.told_at.map(|at| at + TOLD_EVERY).filter(|at| *at > now.instant);
        if again.is_some() && self.timers.when(&timer).is_some() {
            return;
        }
        let Some(reason) = board.holding else { return };
        let figures = self.figures(board);
        let limit = match reason {
            Refusal::Pacing => board.pacer.limit(&figures).code(),
            Refusal::NoLeadDue if matches!(board.hopper.source, Source::Asked { .. } | Source::Now) => {
                Limit::Hopper.code()
            }
            other => other.code(),
        };
        let known = account.told.as_ref().map(|told| told.limit.as_str());
        let runs = board.state == CampaignState::Running || known.is_some();
        if !runs || (account.placed == 0 && known == Some(limit)) {
            return;
        }
        if let Some(at) = again {
            return self.timers.set(timer, at);
        }
        let idle = self.groups.get(&board.campaign.group).map_or(0, |group| group.idle.len());
        let forecast = board.pacer.forecast().filter(|_| figures.slots > 0);
        let Some(board) = self.campaigns.get_mut(key) else { return };
        let account = &mut board.account;
        let refusals = std::mem::take(&mut account.refusals);
        let decision = Decision {
            campaign: key.clone(),
            at: now.timestamp,
            placed: std::mem::take(&mut account.placed),
            limit: limit.to_owned(),
            idle: u32::try_from(idle).unwrap_or(u32::MAX),
            idle_with_slot: figures.idle_with_slot,
            slots: figures.slots,
            pending: figures.pending,
            abandons_left: figures.abandons_left,
            refusals: refusals.into_iter().map(|(code, count)| (code.to_owned(), count)).collect(),
            forecast,
        };
        account.told_at = Some(now.instant);
        account.told = Some(decision.clone());
        self.commands.push_back(Command::RecordDecision { decision: Box::new(decision) });
    }
}
