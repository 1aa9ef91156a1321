//! Pre-registrations: a customer asked to be called, and becomes a consented lead of a campaign in one transaction.
//!
//! Whoever is on the campaign already is not twice on it: one that waits or was given up because nobody was reached comes
//! forward, one that is done stays so. Read [`Store::pre_register`] first; messages that say so come by [`register`].

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::consents::{self, ConsentGiven};
use super::db::{Conn, params, rows, statements, word};
use super::error::StoreError;
use super::leads::{self, NewLead, ZoneSource, with_number};
use super::placing::ranked;
use super::suppressions::{self, Scope};
use super::{Ids, Store, outbox, placing, promises};
use crate::model::dialable::zones_of;
use crate::model::id::{LeadId, MessageId};
use crate::model::lead::LeadState;
use crate::model::name::CampaignKey;
use crate::model::phone::PhoneNumber;
use crate::model::selection::Mixed;
use crate::model::time::Timestamp;

/// A customer who asked to be called.
#[derive(Clone, Debug, PartialEq)]
pub struct Registration {
    /// By which campaign.
    pub campaign: CampaignKey,
    /// Whose number.
    pub number: PhoneNumber,
    /// The person's name, where it is known.
    pub name: String,
    /// The words that the customer agreed to.
    pub consent: String,
    /// Version of these words.
    pub consent_version: String,
    /// Until when that holds; `None`: until revoked.
    pub consent_until: Option<Timestamp>,
    /// By which channel: `sms`, `web`, `app`…
    pub channel: String,
    /// Where it can be found again: a message id, a page, a form.
    pub source: String,
    /// When the customer asked.
    pub at: Timestamp,
    /// Priority of the lead, 0 to 99.
    pub priority: u8,
    /// The list that the lead is on; it is made with the first.
    pub list: String,
    /// What the customer said and other columns, for the agent to see.
    pub extra: BTreeMap<String, String>,
    /// When the customer wishes to be called: not before, and first of all then. A time that is over counts as none.
    pub preferred: Option<Timestamp>,
    /// The message that it came by.
    pub message: Option<MessageId>,
    /// The link that was followed to it.
    pub link: Option<i64>,
}

/// What became of a pre-registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Registered {
    /// The customer is a new lead.
    New,
    /// The customer was a lead already, and comes forward.
    Forward,
    /// The customer is a lead already and is not called for this: done, being called, promised a call, or given up for a
    /// reason of their own.
    Stays,
    /// The number is suppressed; the consent is recorded all the same.
    Suppressed,
}

impl Registered {
    /// Whether there is something to dial that was not there before.
    pub fn is_due(self) -> bool {
        matches!(self, Registered::New | Registered::Forward)
    }
}

statements! {
    ON = concat!("
        select id from leads where id in (", with_number!(), ") and campaign = $2 limit 1");
    REPLIED = concat!("
        update leads set replied_at = $3, changed_at = $5, closed_by = null, import_id = null,
            state = case when state = 'dialling' then state else 'open' end,
            priority = case when priority < $4 then $4 else priority end,
            due_at = case when state = 'dialling' or due_at <= 0 then due_at else $5 end
        where id in (", with_number!(), ") and campaign = $2
          and (state in ('open', 'dialling') or (state = 'given_up' and closed_by in ('attempt', 'undo'))
               or (state = 'callback' and callback_agent is null and exists (
                   select 1 from pre_registrations p
                   where p.lead_id = leads.id and p.preferred_at = leads.callback_at)))
        returning id, state");
    WISHED = concat!("
        update leads set state = 'callback', callback_agent = null, callback_at = $2, due_at = $2, changed_at = $3,
            rank = ", ranked!("true"), "
        where id = $1 and state = 'open'");
    KEEP_REPLIED = "
        delete from lead_updates where lead_id in (select cast(j.value ->> 0 as bigint) from json_each($1) j)";
    RANK_AGAIN = concat!("
        update leads set rank = ", ranked!("false"), "
        where id in (select cast(j.value ->> 0 as bigint) from json_each($1) j)");
    // What it would be had the customer never asked.
    BEFORE = "
        select coalesce(
            (select p.priority_to from pre_registrations p where p.lead_id = l.id order by p.id desc limit 1),
            l.priority) as priority
        from leads l where l.id = $1";
    OWED = "select id, preferred_at from pre_registrations where lead_id = $1 and closed_at is null";
    FALLS_NO_MORE = "update pre_registrations set decays_at = null where lead_id = $1 and decays_at is not null";
    ADD = "
        insert into pre_registrations (id, campaign, number, lead_id, channel, source, message_id, link_id, asked_at, created_at,
                                       became, preferred_at, promise, closed_at, priority_from, priority_to, counts_from,
                                       decays_until, decays_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)";
}

impl Store {
    /// Records the consent and makes the customer a lead, or brings the lead forward; the lead where there is a new one.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for a campaign that is not there.
    pub async fn pre_register(
        &self,
        registration: Registration,
        by: &str,
        now: Timestamp,
    ) -> Result<(Registered, Option<LeadId>), StoreError> {
        let (ids, by): (Arc<Ids>, String) = (self.ids(), by.to_owned());
        self.write(move |conn| {
            Box::pin(async move {
                super::campaigns::must_exist(conn, &registration.campaign).await?;
                register(conn, &ids, &registration, &by, now).await
            })
        })
        .await
    }
}

/// The same within the caller's transaction.
pub(super) async fn register(
    conn: &mut Conn,
    ids: &Ids,
    registration: &Registration,
    by: &str,
    now: Timestamp,
) -> Result<(Registered, Option<LeadId>), StoreError> {
    register_from(conn, ids, registration, registration.at, by, now).await
}

/// The same, where the promise does not count from when the customer asked, but from when a person read it so.
pub(super) async fn register_from(
    conn: &mut Conn,
    ids: &Ids,
    registration: &Registration,
    counts_from: Timestamp,
    by: &str,
    now: Timestamp,
) -> Result<(Registered, Option<LeadId>), StoreError> {
    let Registration { campaign, number, .. } = registration;
    let given = ConsentGiven {
        number: number.clone(),
        purpose: Scope::Campaign(campaign.clone()),
        text: registration.consent.clone(),
        text_version: registration.consent_version.clone(),
        channel: registration.channel.clone(),
        source: registration.source.clone(),
        at: registration.at,
        expires_at: registration.consent_until,
    };
    consents::record(conn, ids, given.entry(by, now)).await?;
    let rules = placing::chosen(conn, campaign).await?.pre_registration.unwrap_or_default();
    let preferred = registration.preferred.filter(|at| *at > now);
    let (mut before, mut dialling) = (None, false);
    let (became, lead) = if suppressions::is_suppressed(conn, number, campaign, now).await? {
        (Registered::Suppressed, None)
    } else if let Some(lead) = on(conn, campaign, number).await? {
        // Whoever has several numbers is one person.
        let row = conn.one(BEFORE, params![lead.0]).await?;
        before = Some(u8::try_from(row.count("priority")?).unwrap_or(99));
        let came = replied(conn, campaign, number, registration.priority, registration.at, now).await?;
        dialling = came == Came::Dialling;
        (if came == Came::Forward { Registered::Forward } else { Registered::Stays }, Some(lead))
    } else {
        let added = add(conn, ids, registration, by, now).await?;
        (if added.is_some() { Registered::New } else { Registered::Stays }, added)
    };
    if let (true, Some(lead), Some(at)) = (became.is_due(), lead, preferred) {
        wished(conn, ids, lead, at, now).await?;
    }
    let decay =
        rules.decay(preferred.unwrap_or(counts_from), registration.priority.min(99).max(before.unwrap_or(0)), before);
    let (mut promised, mut falls_at) = (false, None);
    if let Some(lead) = lead.filter(|_| became.is_due() || dialling) {
        conn.run(FALLS_NO_MORE, params![lead.0]).await?;
        falls_at = decay.at(now).1;
        promised = rules.call_within_minutes.is_some() && owes_no_other(conn, lead, preferred, now).await?;
    }
    let values = params![
        ids.next(now),
        campaign.as_str(),
        number.as_str(),
        lead.map(|lead| lead.0),
        registration.channel.as_str(),
        registration.source.as_str(),
        registration.message.map(|message| message.0),
        registration.link,
        registration.at,
        now,
        word(&became),
        preferred,
        if promised { "asked" } else { "none" },
        (!promised).then_some(now),
        u32::from(decay.priority),
        u32::from(decay.to),
        decay.from,
        decay.until,
        falls_at,
    ];
    conn.run(ADD, values).await?;
    Ok((became, lead.filter(|_| became == Registered::New)))
}

/// Whether no call is owed to the customer of this lead yet: whoever asks twice has one promise, the first, but for a wish for
/// another time, which takes its place.
async fn owes_no_other(
    conn: &mut Conn,
    lead: LeadId,
    preferred: Option<Timestamp>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let owed = conn.rows(OWED, params![lead.0]).await?;
    let mut stands = false;
    for row in &owed {
        stands |= row.opt_time("preferred_at")? == preferred;
    }
    if stands {
        return Ok(false);
    }
    if !owed.is_empty() {
        promises::close(conn, lead, now).await?;
    }
    Ok(true)
}

/// The customer becomes a lead of the campaign.
async fn add(
    conn: &mut Conn,
    ids: &Ids,
    registration: &Registration,
    by: &str,
    now: Timestamp,
) -> Result<Option<LeadId>, StoreError> {
    let Registration { campaign, number, .. } = registration;
    let list = leads::list_named(conn, ids, campaign, &registration.list, by, now).await?;
    let lead = NewLead {
        number: number.clone(),
        name: registration.name.clone(),
        zones: zones_of(number).iter().map(|zone| zone.name().to_owned()).collect(),
        zone_source: ZoneSource::Number,
        priority: registration.priority,
        score: None,
        replied_at: Some(registration.at),
        extra: registration.extra.clone(),
    };
    // In a mix of lists they are first.
    leads::add(conn, ids, campaign, list, &lead, &mut Mixed::after(None), now).await
}

/// The lead of the campaign who may be called at this number.
async fn on(conn: &mut Conn, campaign: &CampaignKey, number: &PhoneNumber) -> Result<Option<LeadId>, StoreError> {
    let row = conn.row(ON, params![number.as_str(), campaign.as_str()]).await?;
    row.map(|row| row.int("id").map(LeadId)).transpose()
}

/// What became of a lead whose customer asked to be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Came {
    /// It is due, and was not before, or not as early.
    Forward,
    /// It is being dialled, and comes forward if nobody is reached.
    Dialling,
    /// It is done, promised a call by an agent, or suppressed, and stays as it is.
    Stays,
}

/// Brings a lead forward whose customer asked for it at `asked_at`: it is due now, on the number that asked, with at least this
/// priority, and is no longer undone with the import that brought it. One that was given up because nobody was reached is open
/// again, and one that waits for a time that the customer wished for waits no longer; one that is being dialled comes forward if
/// nobody is reached; one that is done, promised a call by an agent or suppressed stays as it is.
async fn replied(
    conn: &mut Conn,
    campaign: &CampaignKey,
    number: &PhoneNumber,
    priority: u8,
    asked_at: Timestamp,
    now: Timestamp,
) -> Result<Came, StoreError> {
    let values = params![number.as_str(), campaign.as_str(), asked_at, u32::from(priority.min(99)), now];
    let (mut moved, mut due) = (Vec::new(), Vec::new());
    for row in conn.rows(REPLIED, values).await? {
        moved.push(LeadId(row.int("id")?));
        if row.word::<LeadState>("state")? == LeadState::Open {
            due.push(LeadId(row.int("id")?));
        }
    }
    let ids = |leads: &[LeadId]| rows(leads.iter().map(|id| params![id.0]));
    conn.run(KEEP_REPLIED, vec![ids(&moved)]).await?;
    leads::call_on(conn, &due, number).await?;
    conn.run(RANK_AGAIN, vec![ids(&due)]).await?;
    placing::place_again(conn, campaign, &due).await?;
    Ok(match (due.is_empty(), moved.is_empty()) {
        (false, _) => Came::Forward,
        (true, false) => Came::Dialling,
        (true, true) => Came::Stays,
    })
}

/// A lead that is due waits for the time that its customer wished for, as for a call that was promised to be made by anyone, and
/// comes before all others then.
pub(super) async fn wished(
    conn: &mut Conn,
    ids: &Ids,
    lead: LeadId,
    at: Timestamp,
    now: Timestamp,
) -> Result<(), StoreError> {
    if conn.run(WISHED, params![lead.0, at, now]).await? > 0 {
        outbox::leads_moved(conn, ids, std::iter::once((lead, now))).await?;
    }
    Ok(())
}
