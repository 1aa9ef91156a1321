//! The loop that delivers: sees what is due, sends a bounded number at once, writes down what came of it.
//!
//! What is under way is known here alone: after a crash it is due as before, and sent again. An endpoint that fails gets one
//! try at a time, so that it neither holds up the others nor is run over when it comes back. Read [`run`] first.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::Messenger;
use crate::clock::Clock;
use crate::model::id::{EventId, WebhookId};
use crate::store::{Due, Store, StoreError, Tried, Webhook};

/// Tries at once, and of these to one endpoint: each holds a connection and a body.
const FLIGHTS_MAX: usize = 32;
const FLIGHTS_OF_ONE_MAX: usize = 8;
/// What happens within this time is looked at together: a busy dialer commits hundreds of times a second.
const GATHER: Duration = Duration::from_millis(20);
/// How often it is looked for what has become due, or was told by a command beside the service.
const EVERY: Duration = Duration::from_secs(1);
/// After the store could not be read or written it is tried again so often.
const STORE_AGAIN: Duration = Duration::from_secs(5);
/// Tries that are under way at the end get this long; whatever is cut off is sent again after the next start.
const FINISH_MAX: Duration = Duration::from_secs(5);

/// One delivery: to whom, and what.
type Flight = (WebhookId, EventId);

/// Delivers until it is told to stop.
pub async fn run(messenger: Arc<Messenger>, store: Store, clock: Clock, mut stop: watch::Receiver<bool>) {
    let mut flights = JoinSet::new();
    let mut flying: BTreeSet<Flight> = BTreeSet::new();
    let mut store_up = true;
    loop {
        let looked = depart(&messenger, &store, &clock, &mut flights, &mut flying).await;
        if let Err(error) = &looked
            && store_up
        {
            tracing::error!(%error, "it cannot be seen what webhooks are to be told");
        }
        store_up = looked.is_ok();
        tokio::select! {
            // A dropped sender means that the program ends as well.
            _ = stop.wait_for(|stop| *stop) => break,
            Some(landed) = flights.join_next() => land(&mut flying, landed),
            () = store.told() => {}
            () = sleep(if store_up { EVERY } else { STORE_AGAIN }) => {}
        }
        sleep(GATHER).await;
        while let Some(landed) = flights.try_join_next() {
            land(&mut flying, landed);
        }
    }
    let finish = async { while flights.join_next().await.is_some() {} };
    if timeout(FINISH_MAX, finish).await.is_err() {
        tracing::info!("webhooks that are under way are cut off and sent again after the next start");
    }
}

fn land(flying: &mut BTreeSet<Flight>, landed: Result<Flight, tokio::task::JoinError>) {
    match landed {
        Ok(flight) => drop(flying.remove(&flight)),
        // What it carried stays marked as under way, so that a body that makes it fail does so once for each start.
        Err(error) => tracing::error!(%error, "a delivery to a webhook ended unexpectedly"),
    }
}

/// Sends off what is due, as far as there is room.
async fn depart(
    messenger: &Arc<Messenger>,
    store: &Store,
    clock: &Clock,
    flights: &mut JoinSet<Flight>,
    flying: &mut BTreeSet<Flight>,
) -> Result<(), StoreError> {
    let mut of_one: BTreeMap<WebhookId, usize> = BTreeMap::new();
    for (webhook, _) in flying.iter() {
        *of_one.entry(*webhook).or_default() += 1;
    }
    for webhook in store.webhooks().await?.into_iter().filter(|webhook| webhook.disabled_at.is_none()) {
        let under_way = of_one.get(&webhook.id).copied().unwrap_or(0);
        let room = room(&webhook, under_way).min(FLIGHTS_MAX.saturating_sub(flying.len()));
        if room == 0 {
            continue;
        }
        // Those under way are due as well.
        let due = store.due_deliveries(webhook.id, clock.now().timestamp, room + under_way).await?;
        let webhook = Arc::new(webhook);
        for due in
            due.into_iter().filter(|due| !flying.contains(&(webhook.id, due.event))).take(room).collect::<Vec<_>>()
        {
            flying.insert((webhook.id, due.event));
            let (messenger, store, webhook) = (Arc::clone(messenger), store.clone(), Arc::clone(&webhook));
            flights.spawn(async move { deliver(&messenger, &store, &webhook, due).await });
        }
    }
    Ok(())
}

/// How many more may be sent to an endpoint.
fn room(webhook: &Webhook, under_way: usize) -> usize {
    let most = if webhook.failing_since.is_some() { 1 } else { FLIGHTS_OF_ONE_MAX };
    most.saturating_sub(under_way)
}

async fn deliver(messenger: &Messenger, store: &Store, webhook: &Webhook, due: Due) -> Flight {
    let tried = messenger.send(webhook, due.event, &due.body, due.attempts).await;
    let Tried { status, error, took, .. } = &tried;
    match (&tried.error, &tried.disable) {
        (None, _) => tracing::debug!(webhook = webhook.name, event = %due.event, status, ?took, "told a webhook"),
        (Some(_), Some(why)) => tracing::error!(webhook = webhook.name, why, "a webhook is told nothing more"),
        (Some(_), None) => {
            tracing::warn!(webhook = webhook.name, event = %due.event, error, tries = due.attempts + 1, "a webhook was not reached");
        }
    }
    // Until it is written down it counts as under way: else a receiver would be told again as often as it is looked.
    while let Err(error) = store.record_try(tried.clone()).await {
        if error == StoreError::Closed {
            break;
        }
        tracing::error!(%error, event = %due.event, "a delivery to a webhook could not be written down");
        sleep(STORE_AGAIN).await;
    }
    (webhook.id, due.event)
}
