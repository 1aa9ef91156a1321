//! What results make of orders, in the transaction of the result: open, corrected, called off, or flagged once they have left.
//!
//! Read [`follow_results`] first.

use super::{
    Attention, CANCELLED_BY, FLAG, LAST, LOGIN, MOVE, OF_CALL, OPEN, OrderRow, REWRITE, Said, note, row, word,
};
use crate::model::attempt::CallResult;
use crate::model::disposition::Disposition;
use crate::model::order::{NewOrder, OrderNumber, OrderState, value_of};
use crate::store::calls::call_key;
use crate::store::db::{Conn, Row, json, params, storable};
use crate::store::error::StoreError;
use crate::store::outbox::EventType;
use crate::store::{Ids, outbox};

/// Where changes come from that results made.
const RESULT: &str = "result";

/// What results that were just recorded make of orders, in their transaction.
pub(in crate::store) async fn follow_results(
    conn: &mut Conn,
    ids: &Ids,
    taken: &[(&CallResult, u64)],
) -> Result<(), StoreError> {
    for (result, revision) in taken {
        let (direction, call) = call_key(result.call);
        // Most results are the first of their call and open nothing.
        if result.order.is_none() && *revision == 1 {
            continue;
        }
        let known = conn.row(OF_CALL, params![direction, call]).await?.as_ref().map(row).transpose()?;
        let by = conn.row(LOGIN, params![result.agent.0]).await?.map(|row| row.text("login")).transpose()?;
        let by = by.unwrap_or_else(|| result.agent.to_string());
        let said = Said { by, source: RESULT.to_owned(), now: result.at };
        match (&result.order, known) {
            (Some(order), None) => open(conn, ids, result, order, &said).await?,
            (Some(order), Some(known)) => correct(conn, ids, &known, order, result, &said).await?,
            (None, Some(known)) if result.disposition != Disposition::Accepted => {
                call_off(conn, ids, &known, result, &said).await?;
            }
            (None, _) => {}
        }
    }
    Ok(())
}

async fn open(
    conn: &mut Conn,
    ids: &Ids,
    result: &CallResult,
    order: &NewOrder,
    said: &Said,
) -> Result<(), StoreError> {
    let Some(campaign) = &result.campaign else { return Ok(()) };
    let last = conn.one(LAST, vec![]).await?.opt_int("last")?.map(OrderNumber);
    let id = OrderNumber::following(last);
    let (direction, call) = call_key(result.call);
    let values = params![
        id.0,
        campaign.as_str(),
        direction,
        call,
        result.lead.map(|lead| lead.0),
        result.number.as_ref().map(|number| number.as_str()),
        result.agent.0,
        result.at,
        json(&order.items),
        order.currency.as_str(),
        value_of(&order.items).0,
        storable(order.recipient.clone()),
        storable(order.address.clone()),
        storable(order.note.clone()),
    ];
    conn.run(OPEN, values).await?;
    note(conn, id, OrderState::Confirmed, result.at, &result.result, said).await?;
    outbox::order_told(conn, ids, EventType::OrderOpened, id, None, said.now).await
}

/// A further result says what was ordered.
async fn correct(
    conn: &mut Conn,
    ids: &Ids,
    known: &OrderRow,
    order: &NewOrder,
    result: &CallResult,
    said: &Said,
) -> Result<(), StoreError> {
    let same = known.items == order.items
        && (&known.recipient, &known.address, &known.note) == (&order.recipient, &order.address, &order.note);
    match known.state {
        OrderState::Confirmed if same => return Ok(()),
        // What was erased stays erased: a person looks at it.
        OrderState::Confirmed | OrderState::Cancelled if known.erased_at.is_some() => {
            conn.run(FLAG, params![known.order.0, word(Attention::ResultCorrected)]).await?;
        }
        // Who cancelled it knew why: a note that is corrected later does not have it sent.
        OrderState::Cancelled if !was_called_off(conn, known.order).await? => {
            let flag = (!same).then(|| word(Attention::ResultCorrected));
            conn.run(FLAG, params![known.order.0, flag]).await?;
        }
        OrderState::Confirmed | OrderState::Cancelled => {
            let values = params![
                known.order.0,
                if known.state == OrderState::Confirmed { known.state_at } else { result.at },
                json(&order.items),
                order.currency.as_str(),
                value_of(&order.items).0,
                storable(order.recipient.clone()),
                storable(order.address.clone()),
                storable(order.note.clone()),
            ];
            conn.run(REWRITE, values).await?;
            note(conn, known.order, OrderState::Confirmed, result.at, &result.result, said).await?;
        }
        OrderState::Dispatched | OrderState::Delivered | OrderState::Refused | OrderState::Returned => {
            let flag = (!same).then(|| word(Attention::ResultCorrected));
            conn.run(FLAG, params![known.order.0, flag]).await?;
        }
    }
    outbox::order_told(conn, ids, EventType::OrderChanged, known.order, Some(known.state), said.now).await
}

/// Whether it was a result that cancelled an order, and no person.
async fn was_called_off(conn: &mut Conn, order: OrderNumber) -> Result<bool, StoreError> {
    let row = conn.row(CANCELLED_BY, params![order.0]).await?;
    Ok(row.map(|row| row.text("source")).transpose()?.is_some_and(|source| source == RESULT))
}

/// The customer did not accept after all.
async fn call_off(
    conn: &mut Conn,
    ids: &Ids,
    known: &OrderRow,
    result: &CallResult,
    said: &Said,
) -> Result<(), StoreError> {
    match known.state {
        OrderState::Confirmed => {
            conn.run(
                MOVE,
                params![known.order.0, OrderState::Cancelled.as_str(), result.at, None::<&str>, None::<&str>],
            )
            .await?;
            note(conn, known.order, OrderState::Cancelled, result.at, &result.result, said).await?;
        }
        OrderState::Cancelled => return Ok(()),
        OrderState::Dispatched | OrderState::Delivered | OrderState::Refused | OrderState::Returned => {
            conn.run(FLAG, params![known.order.0, word(Attention::ResultCorrected)]).await?;
        }
    }
    outbox::order_told(conn, ids, EventType::OrderChanged, known.order, Some(known.state), said.now).await
}

/// Whether an order has this content: tells a repeated result from one that corrects the order alone.
pub(in crate::store) fn holds(row: &Row, order: Option<&NewOrder>) -> Result<bool, StoreError> {
    let Some(order) = order else { return Ok(true) };
    let Some(items) = row.opt_text("order_items")? else { return Ok(false) };
    Ok(items == json(&order.items)
        && row.opt_text("order_recipient")?.as_deref() == Some(order.recipient.as_str())
        && row.opt_text("order_address")?.as_deref() == Some(order.address.as_str())
        && row.opt_text("order_note")?.as_deref() == Some(order.note.as_str()))
}
