//! Orders: opened in the transaction of the result that says accepted, and moved on by people and delivery files.
//!
//! A call has one order at most. A result that is corrected corrects its order as long as nothing has left; after that the order
//! is flagged, and a person decides. Not the reading of delivery files, which is in `import`. Read [`OrderRow`] and
//! [`Store::set_orders`] first.

mod following;

pub(super) use following::{follow_results, holds};

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde::Serialize;

use super::db::{Conn, Row, Value, params, statements, storable};
use super::error::StoreError;
use super::outbox::EventType;
use super::{Ids, Store, audit, outbox};
use crate::model::attempt::CallRef;
use crate::model::id::{AttemptId, InboundId, LeadId};
use crate::model::name::CampaignKey;
use crate::model::order::{Money, OrderItem, OrderNumber, OrderState};
use crate::model::phone::PhoneNumber;
use crate::model::time::Timestamp;

/// Most rows on a page.
const PAGE_MAX: usize = 1000;
/// Changes of states in one transaction, which holds the writer for some milliseconds.
const PER_WRITE: usize = 200;
/// Orders erased in one transaction.
const ERASED_AT_ONCE: u64 = 200;
/// A time that is later than now by less than this is a clock that is wrong, not a mistake.
const AHEAD_MAX_MS: i64 = 300_000;
/// A file that tells days tells midnight, which may be before the order was opened on that day, in any zone.
const BEFORE_OPENED_MAX_MS: i64 = 86_400_000;

/// Why a person should look at an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Attention {
    /// The result was corrected after it had left: what was ordered, or whether anything was, is not what was sent.
    ResultCorrected,
}

/// An order as it stands.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OrderRow {
    /// Its number.
    pub order: OrderNumber,
    /// Of which campaign.
    pub campaign: CampaignKey,
    /// The call in which it was placed.
    pub call: CallRef,
    /// Whose, where the customer is on a list.
    pub lead: Option<LeadId>,
    /// The customer's number; none where it was not known or was erased.
    pub number: Option<PhoneNumber>,
    /// Login of the agent; none where there is no such user any more.
    pub agent: Option<String>,
    /// Where it stands.
    pub state: OrderState,
    /// Since when.
    pub state_at: Timestamp,
    /// What was ordered.
    pub items: Vec<OrderItem>,
    /// ISO 4217.
    pub currency: String,
    /// What the items cost together.
    pub value: Money,
    /// Who takes it.
    pub recipient: String,
    /// Where to.
    pub address: String,
    /// What else is to be known.
    pub note: String,
    /// Who carries it.
    pub carrier: String,
    /// What the carrier calls it.
    pub tracking: String,
    /// Why a person should look at it.
    pub attention: Option<Attention>,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When the customer's data were erased from it.
    pub erased_at: Option<Timestamp>,
}

/// A state that an order came into, or a correction of what was ordered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct OrderChange {
    /// Into which state, or in which it stayed.
    pub state: OrderState,
    /// When, as whoever reported it says.
    #[schema(value_type = i64)]
    pub at: Timestamp,
    /// When it was recorded.
    #[schema(value_type = i64)]
    pub recorded_at: Timestamp,
    /// Who recorded it.
    pub by: String,
    /// Where it comes from: `result`, `api`, `page`, `command`, a file's name.
    pub source: String,
    /// What else was said.
    pub detail: String,
}

/// Which orders. What is absent does not bind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrderFilter {
    /// Of this campaign.
    pub campaign: Option<CampaignKey>,
    /// In this state.
    pub state: Option<OrderState>,
    /// Of this customer.
    pub number: Option<PhoneNumber>,
    /// Of this agent, by login.
    pub agent: Option<String>,
    /// Opened then or later.
    pub from: Option<Timestamp>,
    /// Opened earlier.
    pub before: Option<Timestamp>,
    /// Only those that a person should look at.
    pub attention: bool,
}

/// That an order came into a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderMove {
    /// Which order.
    pub order: OrderNumber,
    /// Into which state.
    pub state: OrderState,
    /// When; `None`: now.
    pub at: Option<Timestamp>,
    /// Who carries it; absent: as it was.
    pub carrier: Option<String>,
    /// What the carrier calls it; absent: as it was.
    pub tracking: Option<String>,
    /// What else is to be known of this change.
    pub detail: String,
}

/// What became of an [`OrderMove`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Moved {
    /// The order is in that state now.
    Changed,
    /// It was, or had been, in that state already; nothing was changed.
    AlreadySo {
        /// The state it is in.
        state: OrderState,
    },
    /// There is no such order.
    Unknown,
    /// That state cannot follow the one it is in.
    CannotFollow {
        /// The state it is in.
        state: OrderState,
    },
    /// The time is in the future.
    InFuture,
    /// The time is before the order was opened.
    BeforeOpened {
        /// When it was opened.
        #[schema(value_type = i64)]
        at: Timestamp,
    },
}

impl Moved {
    /// Whether the order is not in the state that was asked for, and never was.
    pub fn is_complaint(self) -> bool {
        !matches!(self, Moved::Changed | Moved::AlreadySo { .. })
    }

    /// What is wrong and what was expected, for people; nothing is wrong with what was changed.
    pub fn problem(self, wanted: OrderState) -> Option<String> {
        let list = |states: &[OrderState]| states.iter().map(|state| state.as_str()).collect::<Vec<_>>().join(" or ");
        match self {
            Moved::Changed | Moved::AlreadySo { .. } => None,
            Moved::Unknown => Some("there is no order of this number".to_owned()),
            Moved::CannotFollow { state } => {
                let next = list(state.next());
                let next = if next.is_empty() { "nothing more".to_owned() } else { next };
                Some(format!("the order is {state}, and {wanted} cannot follow; expected {next}"))
            }
            Moved::InFuture => Some("the time is in the future".to_owned()),
            Moved::BeforeOpened { at } => Some(format!("the time is before the order was opened, at {at}")),
        }
    }
}

/// What of an order may be changed before it leaves; what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrderAmended {
    /// Who takes it.
    pub recipient: Option<String>,
    /// Where to.
    pub address: Option<String>,
    /// What else is to be known.
    pub note: Option<String>,
    /// A person has looked at it.
    pub seen: bool,
}

/// How many orders of a campaign are in a state, and what they are worth together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct OrderCount {
    /// The state.
    pub state: OrderState,
    /// ISO 4217.
    pub currency: String,
    /// How many.
    pub orders: u64,
    /// What they are worth together.
    pub value: Money,
}

macro_rules! columns {
    () => {
        "o.id as id, o.campaign as campaign, o.direction as direction, o.call_id as call_id, o.lead_id as lead_id,
         o.number as number, u.login as agent, o.state as state, o.state_at as state_at, o.items as items,
         o.currency as currency, o.value as value, o.recipient as recipient, o.address as address, o.note as note,
         o.carrier as carrier, o.tracking as tracking, o.attention as attention, o.opened_at as opened_at,
         o.erased_at as erased_at"
    };
}

statements! {
    LAST = "select max(id) as last from orders";
    ONE = concat!("select ", columns!(), " from orders o left join users u on u.id = o.agent_id where o.id = $1");
    OF_CALL = concat!("
        select ", columns!(), " from orders o left join users u on u.id = o.agent_id
        where o.direction = $1 and o.call_id = $2");
    OPEN = "
        insert into orders (id, campaign, direction, call_id, lead_id, number, agent_id, state, state_at, items, currency,
                            value, recipient, address, note, carrier, tracking, attention, opened_at, erased_at)
        values ($1, $2, $3, $4, $5, $6, $7, 'confirmed', $8, $9, $10, $11, $12, $13, $14, '', '', null, $8, null)";
    REWRITE = "
        update orders set state = 'confirmed', state_at = $2, items = $3, currency = $4, value = $5, recipient = $6,
            address = $7, note = $8, attention = null where id = $1";
    MOVE = "
        update orders set state = $2, state_at = $3, carrier = coalesce($4, carrier), tracking = coalesce($5, tracking)
        where id = $1";
    AMEND = "
        update orders set recipient = coalesce($2, recipient), address = coalesce($3, address), note = coalesce($4, note),
            attention = case when $5 then null else attention end where id = $1";
    FLAG = "update orders set attention = $2 where id = $1";
    NOTE = "
        insert into order_changes (order_id, place, state, at, recorded_at, changed_by, source, detail)
        values ($1, (select coalesce(max(place), 0) + 1 from order_changes where order_id = $1), $2, $3, $4, $5, $6, $7)";
    HISTORY = "
        select state, at, recorded_at, changed_by, source, detail from order_changes where order_id = $1 order by place";
    // Since it was confirmed for the last time: only a result that was corrected twice does that again.
    CAME_INTO = "
        select distinct c.state as state from order_changes c
        where c.order_id = $1 and c.place >= (select max(x.place) from order_changes x
                                              where x.order_id = $1 and x.state = 'confirmed')";
    STANDING = "select state, opened_at, erased_at from orders where id = $1";
    CANCELLED_BY = "
        select source from order_changes where order_id = $1 and state = 'cancelled' order by place desc limit 1";
    LOGIN = "select login from users where id = $1";
    COUNTS = "
        select state, currency, count(*) as orders, cast(sum(value) as bigint) as value
        from orders where (cast($1 as text) is null or campaign = $1) group by state, currency order by state, currency";
    OF_PERSON = "
        select id from orders where number = $1 and erased_at is null order by id limit $2";
    OLD = "
        select id from orders
        where opened_at < $1 and erased_at is null and state not in ('confirmed', 'dispatched')
        order by opened_at, id limit $2";
    ERASE = "
        update orders set number = null, recipient = '', address = '', note = '', tracking = '', erased_at = $2
        where id in (select cast(j.value ->> 0 as bigint) from json_each($1) j)";
    ERASE_HISTORY = "
        update order_changes set detail = ''
        where order_id in (select cast(j.value ->> 0 as bigint) from json_each($1) j)";
}

impl Store {
    /// A page of orders, newest first, before `before`.
    pub async fn orders(
        &self,
        filter: &OrderFilter,
        before: Option<OrderNumber>,
        limit: usize,
    ) -> Result<Vec<OrderRow>, StoreError> {
        let (text, values) = page(filter, before, limit);
        let mut conn = self.reader().await?;
        conn.rows_made("ORDERS", &text, values).await?.iter().map(row).collect()
    }

    /// One order with its history, oldest first.
    pub async fn order(&self, order: OrderNumber) -> Result<Option<(OrderRow, Vec<OrderChange>)>, StoreError> {
        let mut conn = self.reader().await?;
        let Some(found) = conn.row(ONE, params![order.0]).await? else { return Ok(None) };
        let history = conn.rows(HISTORY, params![order.0]).await?;
        Ok(Some((row(&found)?, history.iter().map(change).collect::<Result<_, _>>()?)))
    }

    /// How many orders of a campaign, or of all, are in each state, and what they are worth.
    pub async fn count_orders(&self, campaign: Option<&CampaignKey>) -> Result<Vec<OrderCount>, StoreError> {
        let mut conn = self.reader().await?;
        let count = |row: &Row| {
            Ok(OrderCount {
                state: row.word("state")?,
                currency: row.text("currency")?,
                orders: row.count("orders")?,
                value: Money(row.int("value")?),
            })
        };
        conn.rows(COUNTS, params![campaign.map(CampaignKey::as_str)]).await?.iter().map(count).collect()
    }

    /// Moves orders on, in this sequence; what became of each. Whatever cannot follow changes nothing, and no other order.
    pub async fn set_orders(
        &self,
        moves: Vec<OrderMove>,
        by: &str,
        source: &str,
        now: Timestamp,
    ) -> Result<Vec<Moved>, StoreError> {
        let mut outcomes = Vec::with_capacity(moves.len());
        for part in moves.chunks(PER_WRITE) {
            let (ids, part) = (self.ids(), part.to_vec());
            let said = Said { by: by.to_owned(), source: storable(source.to_owned()), now };
            let done = self.write(move |conn| {
                Box::pin(async move {
                    let mut done = Vec::with_capacity(part.len());
                    for one in &part {
                        done.push(set(conn, &ids, one, &said).await?);
                    }
                    Ok(done)
                })
            });
            outcomes.extend(done.await?);
        }
        Ok(outcomes)
    }

    /// What [`Store::set_orders`] would answer, without changing anything; `standing` keeps what earlier moves would have changed.
    pub(super) async fn try_orders(
        &self,
        moves: &[OrderMove],
        standing: &mut BTreeMap<OrderNumber, Option<Standing>>,
        now: Timestamp,
    ) -> Result<Vec<Moved>, StoreError> {
        let mut conn = self.reader().await?;
        let mut outcomes = Vec::with_capacity(moves.len());
        for wanted in moves {
            let known = match standing.entry(wanted.order) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(unknown) => unknown.insert(Standing::of(&mut conn, wanted.order).await?),
            };
            outcomes.push(known.as_mut().map_or(Moved::Unknown, |known| {
                let moved = known.judge(wanted, now);
                if moved == Moved::Changed {
                    known.state = wanted.state;
                    known.came_into.push(wanted.state);
                }
                moved
            }));
        }
        Ok(outcomes)
    }

    /// Corrects who takes an order and where to, as long as nothing has left, or notes that a person has looked at it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Unfit`] once it has left, or if its data were erased.
    pub async fn amend_order(
        &self,
        order: OrderNumber,
        amended: OrderAmended,
        by: &str,
        source: &str,
        now: Timestamp,
    ) -> Result<OrderRow, StoreError> {
        let ids = self.ids();
        let said = Said { by: by.to_owned(), source: storable(source.to_owned()), now };
        self.write(move |conn| Box::pin(async move { amend(conn, &ids, order, amended, &said).await })).await
    }

    /// Erases what tells who a customer is from that customer's orders: number, recipient, address, notes, tracking numbers.
    /// What was ordered and what became of it stays. How many orders.
    pub async fn erase_orders_of(
        &self,
        number: &PhoneNumber,
        by: &str,
        why: &str,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let (ids, number, by, why) = (self.ids(), number.clone(), by.to_owned(), why.to_owned());
        self.write(move |conn| {
            Box::pin(async move {
                let gone = erase(conn, OF_PERSON, params![number.as_str(), i64::MAX], now).await?;
                for order in &gone {
                    audit::note(conn, &ids, now, &by, "order_erased", &OrderNumber(*order).to_string(), &why).await?;
                }
                Ok(gone.len() as u64)
            })
        })
        .await
    }

    /// The same of orders that were opened before this and are over; how many.
    pub async fn forget_orders(&self, before: Timestamp, now: Timestamp) -> Result<u64, StoreError> {
        let mut forgotten = 0;
        loop {
            let work = self.write(move |conn| {
                Box::pin(async move { erase(conn, OLD, params![before, ERASED_AT_ONCE], now).await })
            });
            let gone = work.await?.len() as u64;
            forgotten += gone;
            if gone < ERASED_AT_ONCE {
                return Ok(forgotten);
            }
        }
    }
}

/// Who said something, where it comes from, and when it was recorded.
struct Said {
    by: String,
    source: String,
    now: Timestamp,
}

fn page(filter: &OrderFilter, before: Option<OrderNumber>, limit: usize) -> (String, Vec<Value>) {
    let OrderFilter { campaign, state, number, agent, from, before: until, attention } = filter;
    let mut values = params![before.map_or(i64::MAX, |before| before.0), limit.min(PAGE_MAX) as u64];
    let mut text =
        format!("select {} from orders o left join users u on u.id = o.agent_id where o.id < $1", columns!());
    // Only what binds is in the text, so that each question can use the index that is as narrow as it is.
    let conditions: [(&str, Option<Value>); 6] = [
        ("o.campaign =", campaign.as_ref().map(|key| key.as_str().into())),
        ("o.state =", state.map(|state| state.as_str().into())),
        ("o.number =", number.as_ref().map(|number| number.as_str().into())),
        ("u.login =", agent.as_deref().map(Value::from)),
        ("o.opened_at >=", from.map(Value::from)),
        ("o.opened_at <", until.map(Value::from)),
    ];
    for (condition, value) in conditions {
        if let Some(value) = value {
            values.push(value);
            text.push_str(&format!(" and {condition} ${}", values.len()));
        }
    }
    if *attention {
        text.push_str(" and o.attention is not null");
    }
    text.push_str(" order by o.id desc limit $2");
    (text, values)
}

/// What decides whether an order may come into a state.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    state: OrderState,
    came_into: Vec<OrderState>,
    opened_at: Timestamp,
    /// Nothing of the customer is written down any more.
    erased: bool,
}

impl Standing {
    async fn of(conn: &mut Conn, order: OrderNumber) -> Result<Option<Standing>, StoreError> {
        let Some(row) = conn.row(STANDING, params![order.0]).await? else { return Ok(None) };
        let came_into = conn.rows(CAME_INTO, params![order.0]).await?;
        Ok(Some(Standing {
            state: row.word("state")?,
            came_into: came_into.iter().map(|row| row.word("state")).collect::<Result<_, _>>()?,
            opened_at: row.time("opened_at")?,
            erased: row.opt_time("erased_at")?.is_some(),
        }))
    }

    fn judge(&self, wanted: &OrderMove, now: Timestamp) -> Moved {
        let at = wanted.at.unwrap_or(now).as_millis();
        if self.state == wanted.state || self.came_into.contains(&wanted.state) {
            Moved::AlreadySo { state: self.state }
        } else if !self.state.next().contains(&wanted.state) {
            Moved::CannotFollow { state: self.state }
        } else if at > now.as_millis() + AHEAD_MAX_MS {
            Moved::InFuture
        } else if at < self.opened_at.as_millis() - BEFORE_OPENED_MAX_MS {
            Moved::BeforeOpened { at: self.opened_at }
        } else {
            Moved::Changed
        }
    }
}

async fn set(conn: &mut Conn, ids: &Ids, wanted: &OrderMove, said: &Said) -> Result<Moved, StoreError> {
    let Some(standing) = Standing::of(conn, wanted.order).await? else { return Ok(Moved::Unknown) };
    let moved = standing.judge(wanted, said.now);
    if moved != Moved::Changed {
        return Ok(moved);
    }
    let at = wanted.at.unwrap_or(said.now);
    let filled = |text: &Option<String>| text.clone().map(storable).filter(|text| !text.is_empty());
    let tracking = filled(&wanted.tracking).filter(|_| !standing.erased);
    let detail = if standing.erased { "" } else { wanted.detail.as_str() };
    let values = params![wanted.order.0, wanted.state.as_str(), at, filled(&wanted.carrier), tracking];
    conn.run(MOVE, values).await?;
    note(conn, wanted.order, wanted.state, at, detail, said).await?;
    outbox::order_told(conn, ids, EventType::OrderChanged, wanted.order, Some(standing.state), said.now).await?;
    Ok(Moved::Changed)
}

async fn amend(
    conn: &mut Conn,
    ids: &Ids,
    order: OrderNumber,
    amended: OrderAmended,
    said: &Said,
) -> Result<OrderRow, StoreError> {
    let gone = || StoreError::NotFound { what: "order", name: order.to_string() };
    let known = row(&conn.row(ONE, params![order.0]).await?.ok_or_else(gone)?)?;
    let OrderAmended { recipient, address, note: words, seen } = amended;
    let rewritten = recipient.is_some() || address.is_some() || words.is_some();
    if rewritten && (known.state != OrderState::Confirmed || known.erased_at.is_some()) {
        let expected = "an order of which nothing has left and nothing was erased".to_owned();
        return Err(StoreError::Unfit { what: "order", value: format!("{order} ({})", known.state), expected });
    }
    let values = params![order.0, recipient.map(storable), address.map(storable), words.map(storable), seen];
    conn.run(AMEND, values).await?;
    let what = if rewritten { "address corrected" } else { "looked at" };
    note(conn, order, known.state, said.now, what, said).await?;
    outbox::order_told(conn, ids, EventType::OrderChanged, order, Some(known.state), said.now).await?;
    row(&conn.one(ONE, params![order.0]).await?)
}

async fn erase(
    conn: &mut Conn,
    which: super::db::Statement,
    values: Vec<Value>,
    now: Timestamp,
) -> Result<Vec<i64>, StoreError> {
    let found: Vec<i64> =
        conn.rows(which, values).await?.iter().map(|row| row.int("id")).collect::<Result<_, StoreError>>()?;
    if !found.is_empty() {
        let ids = || super::db::rows(found.iter().map(|id| params![*id]));
        conn.run(ERASE_HISTORY, vec![ids()]).await?;
        conn.run(ERASE, vec![ids(), now.into()]).await?;
    }
    Ok(found)
}

async fn note(
    conn: &mut Conn,
    order: OrderNumber,
    state: OrderState,
    at: Timestamp,
    detail: &str,
    said: &Said,
) -> Result<(), StoreError> {
    let values = params![
        order.0,
        state.as_str(),
        at,
        said.now,
        said.by.as_str(),
        said.source.as_str(),
        storable(detail.to_owned()),
    ];
    conn.run(NOTE, values).await.map(drop)
}

fn word(attention: Attention) -> String {
    super::db::word(&attention)
}

pub(super) fn row(row: &Row) -> Result<OrderRow, StoreError> {
    let call = row.int("call_id")?;
    Ok(OrderRow {
        order: OrderNumber(row.int("id")?),
        campaign: row.parsed("campaign")?,
        call: match row.text("direction")?.as_str() {
            "inbound" => CallRef::Inbound(InboundId(call)),
            _ => CallRef::Outbound(AttemptId(call)),
        },
        lead: row.opt_int("lead_id")?.map(LeadId),
        number: super::attempts::opt_phone(row, "number")?,
        agent: row.opt_text("agent")?,
        state: row.word("state")?,
        state_at: row.time("state_at")?,
        items: row.json("items")?,
        currency: row.text("currency")?,
        value: Money(row.int("value")?),
        recipient: row.text("recipient")?,
        address: row.text("address")?,
        note: row.text("note")?,
        carrier: row.text("carrier")?,
        tracking: row.text("tracking")?,
        attention: row.opt_word("attention")?,
        opened_at: row.time("opened_at")?,
        erased_at: row.opt_time("erased_at")?,
    })
}

fn change(row: &Row) -> Result<OrderChange, StoreError> {
    Ok(OrderChange {
        state: row.word("state")?,
        at: row.time("at")?,
        recorded_at: row.time("recorded_at")?,
        by: row.text("changed_by")?,
        source: row.text("source")?,
        detail: row.text("detail")?,
    })
}
