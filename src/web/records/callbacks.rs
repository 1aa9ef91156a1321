//! Promised calls.

use std::collections::BTreeMap;

use super::Records;
use crate::model::name::{CampaignKey, ProfileName};
use crate::model::profile::Profile;
use crate::model::promise::{self, PromiseFault};
use crate::model::time::Timestamp;
use crate::store::{
    CallbackChange, CallbackCursor, CallbackFilter, CallbackRow, CallbackState, LeadCard, Role, StoreError,
};
use crate::web::callbacks::{CallbackDeed, CallbackPage, CallbackRefused, CallbackView, SeenCallback};
use crate::web::problem::{Kind, Problem};

impl Records {
    /// A page of promised calls.
    pub(in crate::web) async fn callbacks(
        &self,
        filter: &CallbackFilter,
        cursor: Option<&str>,
        limit: u32,
        now: Timestamp,
    ) -> Result<CallbackPage, Problem> {
        let after = cursor.map(read_cursor).transpose()?;
        // One more than asked for tells whether there is a next page.
        let limit = limit as usize;
        let mut rows = self.store.callbacks(filter, after, limit + 1).await?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let last = rows.last().filter(|_| more);
        let next_cursor = last.map(|row| format!("{}.{}", row.at.as_millis(), row.lead));
        let titles: BTreeMap<CampaignKey, String> =
            self.store.campaigns().await?.into_iter().map(|row| (row.campaign.key, row.campaign.title)).collect();
        let items = rows.into_iter().map(|row| view(row, &titles, now)).collect();
        Ok(CallbackPage { items, next_cursor })
    }

    /// Changes a promised call; its campaign, or why it was not changed.
    pub(in crate::web) async fn change_callback(
        &self,
        seen: SeenCallback,
        deed: &CallbackDeed,
        profiles: &BTreeMap<ProfileName, Profile>,
        by: &str,
        now: Timestamp,
    ) -> Result<Result<CampaignKey, CallbackRefused>, Problem> {
        let SeenCallback { lead, at } = seen;
        let refused =
            |code: &str, detail: String, next| Ok(Err(CallbackRefused { lead, code: code.to_owned(), detail, next }));
        let gone = || refused("callback_gone", format!("no call is promised to {lead} any more"), None);
        let Some(card) = self.store.lead(lead).await? else { return gone() };
        let change = match deed {
            CallbackDeed::Move { at } => {
                if let Err(fault) = self.may_move(&card, *at, profiles, now).await? {
                    let (code, detail, next) = match fault {
                        PromiseFault::Past => ("out_of_range", format!("{at} is over; expected a time to come"), None),
                        PromiseFault::OutsideWindow { next } => {
                            ("callback_outside_window", format!("the customer may not be called at {at}"), next)
                        }
                    };
                    return refused(code, detail, next);
                }
                CallbackChange::Move { at: *at }
            }
            CallbackDeed::Give { agent: None } => CallbackChange::Give { agent: None },
            CallbackDeed::Give { agent: Some(login) } => match self.agent_for(&card, login).await? {
                Ok(agent) => CallbackChange::Give { agent: Some(agent) },
                Err(detail) => return refused("unknown_agent", detail, None),
            },
            CallbackDeed::Cancel { why, back_to_list } => {
                CallbackChange::Cancel { why: why.trim().to_owned(), back_to_list: *back_to_list }
            }
        };
        match self.store.change_callback(lead, at, change, by, now).await {
            Ok(campaign) => Ok(Ok(campaign)),
            Err(StoreError::NotFound { .. }) => gone(),
            Err(error @ StoreError::Unfit { .. }) => refused("callback_moved", error.to_string(), None),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether a call may be promised to a lead for a time: by the rule that holds for whoever agrees on one.
    async fn may_move(
        &self,
        card: &LeadCard,
        at: Timestamp,
        profiles: &BTreeMap<ProfileName, Profile>,
        now: Timestamp,
    ) -> Result<Result<(), PromiseFault>, Problem> {
        let campaign = self.store.campaign(&card.campaign).await?;
        let campaign = campaign.ok_or_else(|| Problem::not_found(format!("campaign `{}`", card.campaign)))?.campaign;
        Ok(promise::check(now, at, &campaign, profiles.get(&campaign.profile), &card.zones, card.kind()))
    }

    /// The login of an agent who may be given a call of this lead's campaign, or why not.
    async fn agent_for(&self, card: &LeadCard, login: &str) -> Result<Result<String, String>, Problem> {
        let campaign = self.store.campaign(&card.campaign).await?;
        let group = campaign.map(|row| row.campaign.group);
        let user = self.store.user_by_login(login).await?;
        Ok(match user.filter(|user| user.role == Role::Agent && user.disabled_at.is_none()) {
            Some(user) if group.as_ref().is_some_and(|group| user.groups.contains(group)) => Ok(user.login),
            Some(user) => {
                let group = group.map(|group| group.to_string()).unwrap_or_default();
                Err(format!("{} does not belong to the agent group `{group}` of the campaign", user.login))
            }
            None => Err(format!("there is no agent `{login}` who may log in")),
        })
    }
}

fn view(row: CallbackRow, titles: &BTreeMap<CampaignKey, String>, now: Timestamp) -> CallbackView {
    CallbackView {
        campaign_title: titles.get(&row.campaign).cloned().unwrap_or_else(|| row.campaign.to_string()),
        lead: row.lead,
        campaign: row.campaign,
        number: (&row.number).into(),
        name: row.name,
        zones: row.zones,
        at: row.at,
        due_at: row.due_at,
        state: CallbackState::of(row.at, now),
        late_ms: (now.as_millis() - row.at.as_millis()).max(0),
        agent: row.agent,
        agent_name: row.agent_name,
        result: row.result,
        note: row.note,
        said_at: row.said_at,
        said_by: row.said_by,
    }
}

fn read_cursor(text: &str) -> Result<CallbackCursor, Problem> {
    let read = text.split_once('.').and_then(|(at, lead)| {
        let at = Timestamp::from_millis(at.parse().ok()?);
        Some(CallbackCursor { at, lead: lead.parse().ok()? })
    });
    read.ok_or_else(|| Problem::new(Kind::BadQuery, "cursor: expected `next_cursor` of the page before"))
}
