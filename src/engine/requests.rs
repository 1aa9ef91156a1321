//! Requests that wait until the store has made something durable.

use std::collections::BTreeMap;

use crate::model::attempt::CallRef;
use crate::model::campaign::CampaignState;
use crate::model::disposition::Disposition;
use crate::model::id::{RequestId, UserId};
use crate::model::live_limits::LimitChange;
use crate::model::name::CampaignKey;

/// Most requests that wait at once; more are refused until the store answers.
pub const REQUESTS_MAX: usize = 10_000;

/// What waits.
#[derive(Clone, Debug, PartialEq)]
pub enum Pending {
    /// A result of an agent.
    Result(PendingResult),
    /// A campaign's live state. It dials only once that is durable; it stops at once.
    CampaignState {
        /// Which campaign.
        campaign: CampaignKey,
        /// What it becomes.
        state: CampaignState,
    },
    /// Live controls of a group.
    Control,
    /// Live limits of a campaign. What is stricter holds at once, what is laxer only once it is durable.
    Limits {
        /// Which campaign.
        campaign: CampaignKey,
        /// What is to hold.
        change: LimitChange,
    },
}

/// A result that waits.
#[derive(Clone, Debug, PartialEq)]
pub struct PendingResult {
    /// Whose.
    pub user: UserId,
    /// Of which call.
    pub call: CallRef,
    /// What it means.
    pub disposition: Disposition,
    /// What was recorded of the call before. The desk may be gone by the time that the store answers.
    pub replaces: Option<Disposition>,
    /// For which campaign, if any.
    pub campaign: Option<CampaignKey>,
}

/// The requests that wait.
#[derive(Debug, Default)]
pub struct Requests {
    waiting: BTreeMap<RequestId, Pending>,
}

impl Requests {
    /// Whether no more are taken.
    pub fn is_full(&self) -> bool {
        self.waiting.len() >= REQUESTS_MAX
    }

    /// Waits for the store.
    pub fn insert(&mut self, request: RequestId, pending: Pending) {
        self.waiting.insert(request, pending);
    }

    /// The store has answered.
    pub fn take(&mut self, request: RequestId) -> Option<Pending> {
        self.waiting.remove(&request)
    }

    /// A result of this call is durable: those that still wait replace it.
    pub fn now_replace(&mut self, recorded: CallRef, disposition: Disposition) {
        for pending in self.waiting.values_mut() {
            match pending {
                Pending::Result(result) if result.call == recorded => result.replaces = Some(disposition),
                Pending::Result(_) | Pending::CampaignState { .. } | Pending::Control | Pending::Limits { .. } => {}
            }
        }
    }

    /// Whether somebody has asked a campaign to stop and the store has not answered yet.
    pub fn stops(&self, wanted: &CampaignKey) -> bool {
        self.waiting.values().any(|pending| match pending {
            Pending::CampaignState { campaign, state } => campaign == wanted && *state != CampaignState::Running,
            Pending::Result(_) | Pending::Control | Pending::Limits { .. } => false,
        })
    }

    /// Changes of a campaign's live limits that are not durable yet.
    pub fn limits_of(&self, wanted: &CampaignKey) -> impl Iterator<Item = &LimitChange> {
        self.waiting.values().filter_map(move |pending| match pending {
            Pending::Limits { campaign, change } if campaign == wanted => Some(change),
            Pending::Limits { .. } | Pending::Result(_) | Pending::CampaignState { .. } | Pending::Control => None,
        })
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}
