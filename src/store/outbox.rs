//! What is told to webhooks: events, written in the transaction of the change that they tell.
//!
//! Not the sending, which is `webhooks`' own, and not the endpoints, which are beside this file. While no endpoint wants a type
//! nothing is written and nothing is read: [`Outbox`] knows in memory what is wanted. Read [`EventType`] and [`tell`] first.

mod payload;

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::Notify;

use super::Ids;
use super::db::{Conn, params, rows, statements};
use super::error::StoreError;
use crate::model::time::Timestamp;

pub(super) use payload::{
    calls_ended, campaign_changed, consent_recorded, import_finished, inbound_ended, leads_moved, message_received,
    order_told, promises_at_risk, promises_broken, results_recorded, suppression_added, suppression_lifted,
};

#[cfg(test)]
pub(super) use payload::STATEMENTS as PAYLOAD_STATEMENTS;

/// Raised when the meaning of a payload changes in a way that a receiver must know of. New members do not raise it.
const PAYLOAD_VERSION: u32 = 1;

macro_rules! event_types {
    ($($(#[doc = $doc:literal])* $name:ident = $text:tt;)*) => {
        /// What an event tells. Named as what happened, with full stops.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
        )]
        pub enum EventType {
            $($(#[doc = $doc])* #[serde(rename = $text)] $name,)*
        }

        impl EventType {
            /// All of them.
            pub const ALL: &'static [EventType] = &[$(EventType::$name,)*];

            /// As it is stored and sent.
            pub fn as_str(self) -> &'static str {
                match self { $(EventType::$name => $text,)* }
            }
        }
    };
}

event_types! {
    /// A call is over, of either direction.
    CallEnded = "call.ended";
    /// An agent's result was recorded, or corrected.
    ResultRecorded = "result.recorded";
    /// A lead was reached, and nothing is left to do.
    LeadDone = "lead.done";
    /// A lead is given up.
    LeadGivenUp = "lead.given_up";
    /// A callback was agreed.
    LeadCallback = "lead.callback_agreed";
    /// A number must not be dialled from now on.
    SuppressionAdded = "suppression.added";
    /// A number may be dialled again.
    SuppressionLifted = "suppression.lifted";
    /// A customer agreed to be called.
    ConsentGiven = "consent.given";
    /// A customer took the consent back.
    ConsentRevoked = "consent.revoked";
    /// A customer sent an SMS.
    MessageReceived = "message.received";
    /// A customer ordered something.
    OrderOpened = "order.opened";
    /// An order came into another state, or was corrected.
    OrderChanged = "order.changed";
    /// A campaign dials from now on.
    CampaignStarted = "campaign.started";
    /// A campaign dials no more for now.
    CampaignPaused = "campaign.paused";
    /// A campaign is over.
    CampaignEnded = "campaign.ended";
    /// An import is done, or failed.
    ImportFinished = "import.finished";
    /// A call that was promised to a customer who asked for it is at risk: its time is running out.
    PromiseAtRisk = "promise.at_risk";
    /// Such a call was not made in time.
    PromiseBroken = "promise.broken";
    /// Somebody tries whether an endpoint answers; sent to that one alone.
    WebhookTest = "webhook.test";
}

/// A text is no event type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a type of event; expected {known}", known = known())]
pub struct NoEventType(String);

fn known() -> String {
    EventType::TOLD.map(EventType::as_str).join(", ")
}

impl EventType {
    /// Those that an endpoint may ask for.
    pub const TOLD: [EventType; 18] = [
        EventType::CallEnded,
        EventType::ResultRecorded,
        EventType::LeadDone,
        EventType::LeadGivenUp,
        EventType::LeadCallback,
        EventType::SuppressionAdded,
        EventType::SuppressionLifted,
        EventType::ConsentGiven,
        EventType::ConsentRevoked,
        EventType::MessageReceived,
        EventType::OrderOpened,
        EventType::OrderChanged,
        EventType::CampaignStarted,
        EventType::CampaignPaused,
        EventType::CampaignEnded,
        EventType::ImportFinished,
        EventType::PromiseAtRisk,
        EventType::PromiseBroken,
    ];

    fn bit(self) -> u32 {
        1 << self as u32
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for EventType {
    type Err = NoEventType;
    fn from_str(text: &str) -> Result<EventType, NoEventType> {
        let found = EventType::TOLD.into_iter().find(|one| one.as_str() == text);
        found.ok_or_else(|| NoEventType(text.to_owned()))
    }
}

/// Which events an endpoint wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wants {
    /// All, and those to come.
    All,
    /// These, in order and each once.
    These(Vec<EventType>),
}

impl Wants {
    /// These, in whatever order they were named.
    pub fn these(mut types: Vec<EventType>) -> Wants {
        types.sort_unstable();
        types.dedup();
        Wants::These(types)
    }

    /// Whether events of a type are among them.
    pub fn includes(&self, event: EventType) -> bool {
        match self {
            Wants::All => true,
            Wants::These(types) => types.contains(&event),
        }
    }

    fn bits(&self) -> u32 {
        match self {
            Wants::All => u32::MAX,
            Wants::These(types) => types.iter().fold(0, |bits, event| bits | event.bit()),
        }
    }
}

/// What any endpoint wants, known without asking the database, and a bell for whoever delivers.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    wanted: AtomicU32,
    /// Raised with each change of the endpoints, so that what was read before it does not count after it.
    changes: AtomicU32,
    told: AtomicBool,
    bell: Notify,
}

impl Outbox {
    pub(super) fn wants(&self, event: EventType) -> bool {
        self.wanted.load(Ordering::Relaxed) & event.bit() != 0
    }

    pub(super) fn wants_any(&self, events: &[EventType]) -> bool {
        events.iter().any(|event| self.wants(*event))
    }

    /// How often endpoints were changed here; to be read before they are.
    pub(super) fn changes(&self) -> u32 {
        self.changes.load(Ordering::Acquire)
    }

    /// Takes what the endpoints want, unless they were changed since.
    pub(super) fn learn<'w>(&self, read_at: u32, wants: impl Iterator<Item = &'w Wants>) {
        if self.changes() == read_at {
            self.wanted.store(wants.fold(0, |bits, wants| bits | wants.bits()), Ordering::Relaxed);
        }
    }

    /// The endpoints are being changed: until they are read anew everything counts as wanted, which costs a little and loses
    /// nothing.
    pub(super) fn unsettle(&self) {
        self.changes.fetch_add(1, Ordering::Release);
        self.wanted.store(u32::MAX, Ordering::Relaxed);
    }

    /// A transaction is on the disk: rings if it told something.
    pub(super) fn committed(&self) {
        if self.told.swap(false, Ordering::Relaxed) {
            self.ring();
        }
    }

    pub(super) fn ring(&self) {
        self.bell.notify_one();
    }

    pub(super) async fn rung(&self) {
        self.bell.notified().await;
    }
}

/// Something that happened.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) kind: EventType,
    pub(super) at: Timestamp,
    /// Whose it is; none: of no campaign in particular, told to endpoints of every campaign alone.
    pub(super) campaign: Option<String>,
    pub(super) data: serde_json::Value,
}

impl Event {
    /// What is sent, to the byte.
    pub(super) fn body(&self) -> String {
        json!({
            "type": self.kind,
            "timestamp": self.at.to_string(),
            "version": PAYLOAD_VERSION,
            "data": self.data,
        })
        .to_string()
    }
}

// An endpoint wants an event if it names its type and campaign, or is for all. Both statements read what another process
// may have changed a moment ago; what is known in memory only says whether to ask.
statements! {
    INSERT_EVENTS = "
        with w as materialized (
            select cast(j.value ->> 0 as bigint) as id, j.value ->> 1 as type, j.value ->> 2 as campaign,
                cast(j.value ->> 3 as bigint) as at, j.value ->> 4 as body
            from json_each($1) j)
        insert into webhook_events (id, type, campaign, at, body)
        select w.id, w.type, w.campaign, w.at, w.body from w
        where exists (
            select 1 from webhooks e
            where e.disabled_at is null and (e.events = '*' or e.events like '%\"' || w.type || '\"%')
              and (e.campaign is null or e.campaign = w.campaign))";
    INSERT_DELIVERIES = "
        insert into webhook_deliveries (webhook_id, event_id, state, attempts, due_at, created_at)
        select e.id, v.id, 'waiting', 0, 0, v.at
        from json_each($1) j cross join webhook_events v cross join webhooks e
        where v.id = cast(j.value ->> 0 as bigint) and e.disabled_at is null
          and (e.events = '*' or e.events like '%\"' || v.type || '\"%')
          and (e.campaign is null or e.campaign = v.campaign)";
}

/// Writes events down within the caller's transaction, for the endpoints that want them.
pub(super) async fn tell(conn: &mut Conn, ids: &Ids, events: Vec<Event>) -> Result<(), StoreError> {
    let wanted: Vec<_> = events.into_iter().filter(|event| ids.outbox.wants(event.kind)).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let with_ids: Vec<(i64, Event)> = wanted.into_iter().map(|event| (ids.next(event.at), event)).collect();
    let all = with_ids
        .iter()
        .map(|(id, event)| params![*id, event.kind.as_str(), event.campaign.as_deref(), event.at, event.body()]);
    if conn.run(INSERT_EVENTS, vec![rows(all)]).await? > 0 {
        conn.run(INSERT_DELIVERIES, vec![rows(with_ids.iter().map(|(id, _)| params![*id]))]).await?;
        ids.outbox.told.store(true, Ordering::Relaxed);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_its_own_bit_and_reads_back_from_its_word() {
        let bits = EventType::ALL.iter().fold(0, |bits, event| bits | event.bit());
        assert_eq!(bits.count_ones() as usize, EventType::ALL.len());
        assert_eq!(EventType::TOLD.len() + 1, EventType::ALL.len(), "all but the test may be asked for");
        for event in EventType::TOLD {
            assert_eq!(event.as_str().parse(), Ok(event));
            assert_eq!(serde_json::to_value(event).unwrap(), event.as_str());
        }
        let error = "call.began".parse::<EventType>().unwrap_err().to_string();
        assert!(error.contains("`call.began`") && error.contains("call.ended, result.recorded"), "{error}");
        assert!("webhook.test".parse::<EventType>().is_err());
    }

    #[test]
    fn what_was_read_before_a_change_does_not_count_after_it() {
        let outbox = Outbox::default();
        let before = outbox.changes();
        outbox.unsettle();
        outbox.learn(before, std::iter::empty());
        assert!(outbox.wants(EventType::CallEnded));
        outbox.learn(outbox.changes(), [Wants::These(vec![EventType::LeadDone])].iter());
        assert!(outbox.wants(EventType::LeadDone) && !outbox.wants(EventType::CallEnded));
    }
}
