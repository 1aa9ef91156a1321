//! Promised calls: those that are agreed, and what managers change about them.
//!
//! A promise is a state of its lead, so that nothing has to be kept in step: it is moved on by the very statement that moves it on
//! when an agent records a result. Read [`CallbackRow`] and [`Store::change_callback`] first.

use serde::{Deserialize, Serialize};

use super::attempts::phone;
use super::db::{Row, params, statements};
use super::error::StoreError;
use super::leads::{Decider, Next, apply_nexts};
use super::{Ids, Store, audit, promises};
use crate::model::id::{AttemptId, LeadId};
use crate::model::lead::{Callback, LeadNext, LeadState};
use crate::model::name::CampaignKey;
use crate::model::phone::PhoneNumber;
use crate::model::time::Timestamp;

/// Most callbacks of a page.
const PAGE_MAX: usize = 500;

/// A promised call that was not made is overdue so long after its time, in ms: customers wait for no second.
const OVERDUE_AFTER_MS: i64 = 15 * 60_000;

/// How a promised call stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CallbackState {
    /// Its time has not come.
    Coming,
    /// Its time has come, less than 15 minutes ago.
    Due,
    /// Its time is over by 15 minutes or more.
    Overdue,
}

impl CallbackState {
    /// How a call that was promised for `at` stands.
    pub fn of(at: Timestamp, now: Timestamp) -> CallbackState {
        match now.as_millis() - at.as_millis() {
            late if late < 0 => CallbackState::Coming,
            late if late < OVERDUE_AFTER_MS => CallbackState::Due,
            _ => CallbackState::Overdue,
        }
    }

    /// From when, and before when, calls that stand like this are promised.
    pub fn span(self, now: Timestamp) -> (Option<Timestamp>, Option<Timestamp>) {
        let (come, over) = (now.as_millis() + 1, now.as_millis() - OVERDUE_AFTER_MS + 1);
        let time = |ms| Some(Timestamp::from_millis(ms));
        match self {
            CallbackState::Coming => (time(come), None),
            CallbackState::Due => (time(over), time(come)),
            CallbackState::Overdue => (None, time(over)),
        }
    }
}

/// A promised call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CallbackRow {
    /// Whose.
    pub lead: LeadId,
    /// Of which campaign.
    pub campaign: CampaignKey,
    /// The number.
    pub number: PhoneNumber,
    /// The customer's name.
    pub name: String,
    /// IANA names of every time zone the number may be in.
    pub zones: Vec<String>,
    /// When it was promised for.
    pub at: Timestamp,
    /// When the dialer may try it: later where the customer's hours are closed, or its agent was away.
    pub due_at: Timestamp,
    /// Login of the agent it was promised by; none: anyone of the group.
    pub agent: Option<String>,
    /// What people read of that agent; none where there is no such user any more.
    pub agent_name: Option<String>,
    /// The campaign's own name of the last result that was recorded.
    pub result: Option<String>,
    /// What was written with it.
    pub note: String,
    /// When.
    pub said_at: Option<Timestamp>,
    /// By whom: what people read.
    pub said_by: Option<String>,
}

/// Which promised calls. What is absent does not bind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallbackFilter {
    /// Of this campaign.
    pub campaign: Option<CampaignKey>,
    /// Of whom.
    pub whose: Whose,
    /// Promised for this time or a later one.
    pub from: Option<Timestamp>,
    /// Promised for an earlier time.
    pub before: Option<Timestamp>,
}

/// Whose promised calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Whose {
    /// Everybody's.
    #[default]
    All,
    /// Those of the team: anyone of the group may take them.
    Team,
    /// Those of one agent, by login.
    Agent(String),
}

/// Where the next page begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallbackCursor {
    /// When the last of the page before was promised for.
    pub at: Timestamp,
    /// Its lead.
    pub lead: LeadId,
}

/// What a manager changes about a promised call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallbackChange {
    /// To another time; whoever changes it has asked [`promise::check`](crate::model::promise::check).
    Move {
        /// When.
        at: Timestamp,
    },
    /// To another agent, by login, or to anyone of the group.
    Give {
        /// To whom.
        agent: Option<String>,
    },
    /// It is not made.
    Cancel {
        /// Why; kept in the audit trail.
        why: String,
        /// The lead goes back to its list, due at once and without a promise; else it is given up.
        back_to_list: bool,
    },
}

statements! {
    PAGE = "
        select l.id as id, l.campaign as campaign, l.number as number, l.name as name, l.zones as zones,
               l.callback_at as at, l.due_at as due_at, l.callback_agent as agent, a.name as agent_name,
               r.result as result, coalesce(r.note, '') as note, r.at as said_at, u.name as said_by
        from leads l
        left join users a on a.login = l.callback_agent
        left join results r on r.lead_id = l.id
             and not exists (
                 select 1 from results n
                 where n.lead_id = l.id and (n.at, n.call_id, n.revision) > (r.at, r.call_id, r.revision))
        left join users u on u.id = r.agent_id
        where l.state = 'callback' and (l.callback_at, l.id) > ($1, $2) and l.callback_at < $3
          and (cast($4 as text) is null or l.campaign = $4)
          and (cast($5 as text) is null or coalesce(l.callback_agent, '') = $5)
        order by l.callback_at, l.id limit $6";
    PROMISE = "select campaign, number, state, callback_at, callback_agent from leads where id = $1";
}

impl Store {
    /// A page of the promised calls, the longest overdue first, after `after`. It is read in the order of one index of promised
    /// calls alone, of which a filter passes over some.
    pub async fn callbacks(
        &self,
        filter: &CallbackFilter,
        after: Option<CallbackCursor>,
        limit: usize,
    ) -> Result<Vec<CallbackRow>, StoreError> {
        let from = filter.from.map_or(i64::MIN, |from| from.as_millis());
        let begin = after.map_or((from, i64::MIN), |after| (after.at.as_millis(), after.lead.0));
        let whose = match &filter.whose {
            Whose::All => None,
            Whose::Team => Some(""),
            Whose::Agent(login) => Some(login.as_str()),
        };
        let values = params![
            begin.0,
            begin.1,
            filter.before.map_or(i64::MAX, |before| before.as_millis()),
            filter.campaign.as_ref().map(CampaignKey::as_str),
            whose,
            limit.min(PAGE_MAX) as u64,
        ];
        let mut conn = self.reader().await?;
        conn.rows(PAGE, values).await?.iter().map(row).collect()
    }

    /// Changes a promised call, if it is still promised for the time that whoever changes it has seen.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is no such lead, or no call is promised to it: it is being called, was reached or was
    /// given up. [`StoreError::Unfit`] if it is promised for another time than `seen`.
    pub async fn change_callback(
        &self,
        lead: LeadId,
        seen: Timestamp,
        change: CallbackChange,
        by: &str,
        at: Timestamp,
    ) -> Result<CampaignKey, StoreError> {
        let (ids, by) = (self.ids(), by.to_owned());
        self.write(move |conn| Box::pin(async move { apply(conn, &ids, (lead, seen), &change, &by, at).await })).await
    }
}

async fn apply(
    conn: &mut super::db::Conn,
    ids: &Ids,
    (lead, seen): (LeadId, Timestamp),
    change: &CallbackChange,
    by: &str,
    at: Timestamp,
) -> Result<CampaignKey, StoreError> {
    let gone = || StoreError::NotFound { what: "callback of the lead", name: lead.to_string() };
    let row = conn.row(PROMISE, params![lead.0]).await?.ok_or_else(gone)?;
    if row.word::<LeadState>("state")? != LeadState::Callback {
        return Err(gone());
    }
    let promised = row.time("callback_at")?;
    if promised != seen {
        let expected = format!("the time it was promised for when it was looked at, {seen}");
        return Err(StoreError::Unfit { what: "time of the callback", value: promised.to_string(), expected });
    }
    let agent = row.opt_text("callback_agent")?;
    let team = |agent: &Option<String>| agent.clone().unwrap_or_else(|| "the team".to_owned());
    let (next, what, detail) = match change {
        CallbackChange::Move { at } => {
            let detail = format!("from {promised} to {at}");
            (LeadNext::Callback(Callback { at: *at, agent }), "callback_moved", detail)
        }
        CallbackChange::Give { agent: to } => {
            let detail = format!("from {} to {}", team(&agent), team(to));
            (LeadNext::Callback(Callback { at: promised, agent: to.clone() }), "callback_given", detail)
        }
        CallbackChange::Cancel { why, back_to_list } => {
            let next = if *back_to_list { LeadNext::Retry { at } } else { LeadNext::GivenUp };
            (next, "callback_cancelled", format!("promised for {promised}: {why}"))
        }
    };
    let next = Next { lead, attempt: AttemptId(0), next: &next, at, number: None, keeps_promise: false };
    apply_nexts(conn, ids, Decider::Manager, &[next]).await?;
    if matches!(change, CallbackChange::Cancel { back_to_list: false, .. }) {
        promises::close(conn, lead, at).await?;
    }
    audit::note(conn, ids, at, by, what, &lead.to_string(), &detail).await?;
    row.parsed("campaign")
}

fn row(row: &Row) -> Result<CallbackRow, StoreError> {
    Ok(CallbackRow {
        lead: LeadId(row.int("id")?),
        campaign: row.parsed("campaign")?,
        number: phone(row, "number")?,
        name: row.text("name")?,
        zones: row.json("zones")?,
        at: row.time("at")?,
        due_at: row.time("due_at")?,
        agent: row.opt_text("agent")?,
        agent_name: row.opt_text("agent_name")?,
        result: row.opt_text("result")?,
        note: row.text("note")?,
        said_at: row.opt_time("said_at")?,
        said_by: row.opt_text("said_by")?,
    })
}
