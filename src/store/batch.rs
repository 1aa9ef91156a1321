//! The dialer's writes, many in one go: intents, ends of attempts, results, inbound calls.
//!
//! Not a queue: it takes what the caller gathered. Whatever is said of one kind is one statement for the whole batch,
//! because each command to the database costs two changes of threads, and a call needs a dozen facts and writes. A batch
//! is one item of the writer's transaction; if one of its writes is refused by the database, each is tried on its own, so
//! that it fails alone. Read [`Store::record`] first.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::attempts::{Changed, IntentCheck, IntentOutcome, apply_ends, apply_intents};
use super::calls::{ResultReceipt, apply_callers, apply_inbounds, apply_results};
use super::db::Conn;
use super::error::StoreError;
use super::figures::upkeep;
use super::journal::Entry;
use super::{Ids, Store};
use crate::model::attempt::{AttemptEnd, CallRef, CallResult, InboundEnd, Intent, RecordedCaller};
use crate::model::id::RequestId;

/// One write of the dialer.
#[derive(Clone)]
pub enum Write {
    /// An attempt is to begin, if the guard lets it pass.
    Intent(Box<Intent>, IntentCheck),
    /// An attempt is over.
    End(Box<AttemptEnd>),
    /// An agent's result.
    Result(Box<CallResult>),
    /// A caller is being recorded.
    Caller(Box<RecordedCaller>),
    /// An inbound call is over.
    Inbound(Box<InboundEnd>),
}

/// What became of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// The intent was recorded, or refused by the guard.
    Intent(IntentOutcome),
    /// The attempt's end is recorded.
    End {
        /// `false`: it had ended before, and nothing was changed.
        fresh: bool,
    },
    /// The result is recorded.
    Result(ResultReceipt),
    /// The inbound call, or that it is being recorded, is written down.
    Inbound,
}

impl Receipt {
    /// A receipt of another kind than the write: cannot happen, and is no reason to end a program with calls.
    pub(super) fn unexpected(&self) -> StoreError {
        StoreError::Statement { statement: "batch", detail: format!("answered with {self:?}") }
    }
}

impl Store {
    /// Records all of these in one transaction. On return each is durable, or was refused for the reason given.
    ///
    /// Intents come after everything else of the batch: what ended, or was said about a number, counts for the guard.
    /// While the database cannot write, ends, results, callers and inbound calls are kept in the journal, durably; intents are
    /// refused.
    pub async fn record(&self, writes: Vec<Write>) -> Vec<Result<Receipt, StoreError>> {
        let writes = Arc::new(writes);
        let error = match self.record_together(Arc::clone(&writes)).await {
            Ok(receipts) => return receipts,
            Err(error) => error,
        };
        let mut receipts = Vec::with_capacity(writes.len());
        let alone = writes.len() == 1;
        for write in writes.iter() {
            receipts.push(if alone || error.is_outage() {
                self.keep_write(error.clone(), write).await
            } else {
                self.record_alone(write).await
            });
        }
        receipts
    }

    /// Records one of these, as [`Store::record`] does.
    pub(super) async fn record_one(&self, write: Write) -> Result<Receipt, StoreError> {
        self.record(vec![write]).await.pop().unwrap_or(Err(StoreError::Closed))
    }

    async fn record_alone(&self, write: &Write) -> Result<Receipt, StoreError> {
        match self.record_together(Arc::new(vec![write.clone()])).await {
            Ok(mut receipts) => receipts.pop().unwrap_or(Err(StoreError::Closed)),
            Err(error) => self.keep_write(error, write).await,
        }
    }

    async fn record_together(&self, writes: Arc<Vec<Write>>) -> Result<Vec<Result<Receipt, StoreError>>, StoreError> {
        let ids: Arc<Ids> = self.ids();
        self.write(move |conn| Box::pin(async move { apply(conn, &ids, &writes).await })).await
    }

    /// What to do with a write that the database did not take.
    async fn keep_write(&self, error: StoreError, write: &Write) -> Result<Receipt, StoreError> {
        let (entry, receipt) = match write {
            Write::Intent(..) => return Err(error),
            Write::End(end) => (Entry::AttemptEnd((**end).clone()), Receipt::End { fresh: true }),
            Write::Result(result) => {
                let receipt = ResultReceipt { revision: 0, repeated: false, journalled: true };
                (Entry::Result((**result).clone()), Receipt::Result(receipt))
            }
            Write::Caller(caller) => (Entry::Caller((**caller).clone()), Receipt::Inbound),
            Write::Inbound(end) => (Entry::InboundEnd((**end).clone()), Receipt::Inbound),
        };
        self.keep(error, entry).await.map(|()| receipt)
    }
}

impl From<&Entry> for Write {
    fn from(entry: &Entry) -> Write {
        match entry {
            Entry::Result(result) => Write::Result(Box::new(result.clone())),
            Entry::AttemptEnd(end) => Write::End(Box::new(end.clone())),
            Entry::Caller(caller) => Write::Caller(Box::new(caller.clone())),
            Entry::InboundEnd(end) => Write::Inbound(Box::new(end.clone())),
        }
    }
}

/// Applies writes in an order that gives what their own order would.
pub(super) async fn apply(
    conn: &mut Conn,
    ids: &Ids,
    writes: &[Write],
) -> Result<Vec<Result<Receipt, StoreError>>, StoreError> {
    let mut receipts: Vec<Option<Result<Receipt, StoreError>>> = vec![None; writes.len()];
    let mut wave = Wave::default();
    let mut changed = Changed::new();
    for (place, write) in writes.iter().enumerate() {
        if !wave.takes(write) {
            std::mem::take(&mut wave).apply(conn, ids, &mut receipts, &mut changed).await?;
        }
        wave.add(place, write);
    }
    wave.apply(conn, ids, &mut receipts, &mut changed).await?;
    upkeep::mark(conn, ids, changed).await?;
    Ok(receipts.into_iter().map(|receipt| receipt.unwrap_or(Err(StoreError::Closed))).collect())
}

/// Writes that can be applied kind by kind: results of calls that are up, ends, results after the end, callers, inbound calls,
/// intents. No call and no request stands twice in one kind.
#[derive(Default)]
struct Wave<'a> {
    early: Vec<(usize, &'a CallResult)>,
    ends: Vec<(usize, &'a AttemptEnd)>,
    late: Vec<(usize, &'a CallResult)>,
    callers: Vec<(usize, &'a RecordedCaller)>,
    inbound: Vec<(usize, &'a InboundEnd)>,
    intents: Vec<(usize, &'a Intent, &'a IntentCheck)>,
    ended: BTreeSet<CallRef>,
    said: BTreeSet<CallRef>,
    requests: BTreeSet<RequestId>,
}

impl<'a> Wave<'a> {
    fn takes(&self, write: &Write) -> bool {
        match write {
            Write::Intent(..) => true,
            Write::Caller(caller) => !self.callers.iter().any(|(_, other)| other.call == caller.call),
            Write::End(end) => !self.ended.contains(&CallRef::Outbound(end.attempt)),
            Write::Result(result) => {
                let repeated = result.request.is_some_and(|request| self.requests.contains(&request));
                !repeated && !self.said.contains(&result.call)
            }
            Write::Inbound(end) => !self.ended.contains(&CallRef::Inbound(end.call)),
        }
    }

    fn add(&mut self, place: usize, write: &'a Write) {
        match write {
            Write::Intent(intent, check) => self.intents.push((place, intent, check)),
            Write::End(end) => {
                self.ended.insert(CallRef::Outbound(end.attempt));
                self.ends.push((place, end));
            }
            Write::Result(result) => {
                self.said.insert(result.call);
                self.requests.extend(result.request);
                let ended = self.ended.contains(&result.call);
                if ended { &mut self.late } else { &mut self.early }.push((place, result));
            }
            Write::Caller(caller) => self.callers.push((place, caller)),
            Write::Inbound(end) => {
                self.ended.insert(CallRef::Inbound(end.call));
                self.inbound.push((place, end));
            }
        }
    }

    async fn apply(
        self,
        conn: &mut Conn,
        ids: &Ids,
        receipts: &mut [Option<Result<Receipt, StoreError>>],
        changed: &mut Changed,
    ) -> Result<(), StoreError> {
        say(conn, ids, &self.early, receipts, changed).await?;
        if !self.ends.is_empty() {
            let ends: Vec<&AttemptEnd> = self.ends.iter().map(|(_, end)| *end).collect();
            for ((place, _), outcome) in self.ends.iter().zip(apply_ends(conn, ids, &ends, changed).await?) {
                receipts[*place] = Some(outcome.map(|fresh| Receipt::End { fresh }));
            }
        }
        say(conn, ids, &self.late, receipts, changed).await?;
        if !self.callers.is_empty() {
            let callers: Vec<&RecordedCaller> = self.callers.iter().map(|(_, caller)| *caller).collect();
            apply_callers(conn, &callers).await?;
            for (place, _) in &self.callers {
                receipts[*place] = Some(Ok(Receipt::Inbound));
            }
        }
        if !self.inbound.is_empty() {
            let ends: Vec<&InboundEnd> = self.inbound.iter().map(|(_, end)| *end).collect();
            apply_inbounds(conn, ids, &ends).await?;
            for (place, _) in &self.inbound {
                receipts[*place] = Some(Ok(Receipt::Inbound));
            }
        }
        if !self.intents.is_empty() {
            let intents: Vec<_> = self.intents.iter().map(|(_, intent, check)| (*intent, *check)).collect();
            for ((place, ..), outcome) in self.intents.iter().zip(apply_intents(conn, &intents, changed).await?) {
                receipts[*place] = Some(outcome.map(Receipt::Intent));
            }
        }
        Ok(())
    }
}

async fn say(
    conn: &mut Conn,
    ids: &Ids,
    said: &[(usize, &CallResult)],
    receipts: &mut [Option<Result<Receipt, StoreError>>],
    changed: &mut Changed,
) -> Result<(), StoreError> {
    if said.is_empty() {
        return Ok(());
    }
    let results: Vec<&CallResult> = said.iter().map(|(_, result)| *result).collect();
    for ((place, _), outcome) in said.iter().zip(apply_results(conn, ids, &results, changed).await?) {
        receipts[*place] = Some(outcome.map(Receipt::Result));
    }
    Ok(())
}
