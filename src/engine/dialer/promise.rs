//! Promised calls wait for whoever promised them, as long as the campaign says.
//!
//! A callback that is due while its agent talks stays in hand, one for each agent, and goes out as soon as that agent is idle. One
//! whose agent is not signed in is put off for a minute at a time. When the wait is over anyone of the group takes it. Read
//! [`Engine::waits_for_agent`] first.

use std::time::Duration;

use crate::engine::Engine;
use crate::engine::guard::PUT_OFF_MIN;
use crate::model::attempt::Refusal;
use crate::model::campaign::Campaign;
use crate::model::lead::{Callback, Lead, LeadNext};
use crate::model::name::CampaignKey;
use crate::model::time::{Now, Timestamp};

/// The agent a lead waits for, by login name, and until when it does.
fn promised(campaign: &Campaign, lead: &Lead) -> Option<(String, Timestamp)> {
    let Callback { at, agent } = lead.callback.as_ref()?;
    let wait = Duration::from_secs(60 * u64::from(campaign.callbacks.wait_for_agent_minutes));
    Some((agent.clone()?, *at + wait))
}

impl Engine {
    /// A promised call that is in hand and need not wait any more: its agent is idle, or the wait is over.
    pub(super) fn promise_to_keep(&mut self, now: Now, key: &CampaignKey) -> Option<Lead> {
        let board = self.campaigns.get_mut(key)?;
        if board.hopper.promised.is_empty() {
            return None; // asked at every dial
        }
        let group = self.groups.get(&board.campaign.group)?;
        let idle = group.idle.iter().filter_map(|(_, user)| self.agents.get(user)).map(|agent| &agent.login);
        let of_idle = idle.into_iter().find(|login| board.hopper.promised.contains_key(*login)).cloned();
        let login = of_idle.or_else(|| {
            let over = |lead: &Lead| promised(&board.campaign, lead).is_none_or(|(_, until)| until <= now.timestamp);
            board.hopper.promised.iter().find(|(_, lead)| over(lead)).map(|(login, _)| login.clone())
        })?;
        board.hopper.promised.remove(&login)
    }

    /// Keeps a lead for its agent if it must still wait for one; gives it back if not.
    pub(super) fn waits_for_agent(&mut self, now: Now, key: &CampaignKey, lead: Lead) -> Option<Lead> {
        let board = self.campaigns.get_mut(key)?;
        let Some((login, until)) = promised(&board.campaign, &lead).filter(|(_, until)| *until > now.timestamp) else {
            return Some(lead);
        };
        let group = self.groups.get(&board.campaign.group)?;
        let mut members = group.members.iter().filter_map(|user| self.agents.get(user));
        let agent = members.find(|agent| agent.login == login);
        if agent.is_some_and(|agent| group.idle.iter().any(|(_, user)| *user == agent.user)) {
            return Some(lead);
        }
        board.hopper.expect(now.instant + until.since(now.timestamp));
        if agent.is_some() && !board.hopper.promised.contains_key(&login) {
            board.hopper.promised.insert(login, lead);
            return None;
        }
        let at = until.min(now.timestamp + PUT_OFF_MIN);
        self.put_off(now, key, &lead, LeadNext::Retry { at }, Refusal::AgentAway);
        None
    }
}
