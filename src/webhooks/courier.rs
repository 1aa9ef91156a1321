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
use crate::model::time::Timestamp;
use crate::store::{Due, Store, StoreError, Tried, Webhook};

/// Tries at once, and of these to one endpoint: each holds a connection and a body.
const FLIGHTS_MAX: usize = 32;
const FLIGHTS_OF_ONE_MAX: usize = 8;
/// What happens within this time is looked at together: a busy dialer commits hundreds of times a second.
const GATHER: Duration = Duration::from_millis(20);
/// How often it is looked for what has become due, or was told by a command beside the service.
const EVERY: Duration = Duration::from_secs(1);
/// An endpoint for which more than this waits takes less than happens, and would for ever: some days of a large floor.
const WAITING_MAX: u64 = 200_000;
/// How often that is counted.
const COUNT_EVERY: Duration = Duration::from_secs(60);
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
    let mut counted = clock.now().instant;
    loop {
        let mut looked = depart(&messenger, &store, &clock, &mut flights, &mut flying).await;
        let now = clock.now();
        if looked.is_ok() && now.instant.since(counted) >= COUNT_EVERY {
            counted = now.instant;
            looked = turn_away(&store, WAITING_MAX, now.timestamp).await;
        }
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

/// Disables endpoints for which too much waits: what happens must not fill the disk.
async fn turn_away(store: &Store, most: u64, now: Timestamp) -> Result<(), StoreError> {
    for webhook in store.crowded_webhooks(most).await? {
        let why = format!("more than {most} deliveries wait for it: it takes less than happens");
        tracing::error!(%webhook, why, "a webhook is told nothing more");
        store.disable_webhook(webhook, &why, "service", now).await?;
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
    let (name, event, tries) = (&webhook.name, due.event, due.attempts + 1);
    match (&tried.error, &tried.disable) {
        (None, _) => tracing::debug!(webhook = name, %event, status, ?took, "told a webhook"),
        (Some(_), Some(why)) => tracing::error!(webhook = name, why, "a webhook is told nothing more"),
        // Said once: the log of tries has all that follow.
        (Some(_), None) if webhook.failing_since.is_none() => {
            tracing::warn!(webhook = name, %event, error, tries, "a webhook was not reached");
        }
        (Some(_), None) => tracing::debug!(webhook = name, %event, error, tries, "a webhook was not reached again"),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::lead::SuppressionReason;
    use crate::store::{NewWebhook, Options, Scope, Suppression, Wants};

    const NOW: Timestamp = Timestamp::from_millis(1_795_318_496_000);

    fn webhook(name: &str) -> NewWebhook {
        NewWebhook { name: name.to_owned(), url: "https://crm.example/".to_owned(), events: Wants::All, campaign: None }
    }

    #[tokio::test]
    async fn an_endpoint_for_which_too_much_waits_is_told_nothing_more() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path().join("lull.db").as_path(), Options::default()).await.unwrap();
        let first = store.add_webhook(webhook("first"), "ann", NOW).await.unwrap();
        for number in ["+8613800000001", "+8613800000002"] {
            let suppression = Suppression {
                number: crate::model::phone::PhoneNumber::from_e164(number).unwrap(),
                scope: Scope::All,
                reason: SuppressionReason::OptOut,
                source: "hand".to_owned(),
                note: String::new(),
                expires_at: None,
            };
            store.suppress(suppression, "ann", NOW).await.unwrap();
        }
        store.add_webhook(webhook("second"), "ann", NOW).await.unwrap();
        turn_away(&store, 2, NOW).await.unwrap();
        assert!(store.webhooks().await.unwrap().iter().all(|webhook| webhook.disabled_at.is_none()));
        turn_away(&store, 1, NOW).await.unwrap();
        let all = store.webhooks().await.unwrap();
        let disabled: Vec<_> = all.iter().filter(|webhook| webhook.disabled_at.is_some()).collect();
        assert!(disabled.len() == 1 && disabled[0].id == first.id, "{disabled:?}");
        assert!(disabled[0].disabled_why.as_deref().is_some_and(|why| why.contains("more than 1 deliveries")));
    }

    #[test]
    fn an_endpoint_that_fails_gets_one_try_at_a_time() {
        let directory = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let good = runtime.block_on(async {
            let store = Store::open(directory.path().join("lull.db").as_path(), Options::default()).await.unwrap();
            store.add_webhook(webhook("crm"), "ann", NOW).await.unwrap()
        });
        assert_eq!((room(&good, 0), room(&good, 7), room(&good, 8), room(&good, 9)), (8, 1, 0, 0));
        let failing = Webhook { failing_since: Some(NOW), ..good };
        assert_eq!((room(&failing, 0), room(&failing, 1), room(&failing, 8)), (1, 0, 0));
    }
}
