//! SMS: hands to each gateway what is queued for it, and takes in what it tells.
//!
//! A message is marked as being sent, durably, before the gateway sees it, and is never handed over again unless it is
//! certain that nothing of it left. What the gateway tells is acknowledged when it is durable, so that a crash loses nothing
//! of it. The dialer hears of a customer who opts out at once, before that is durable. Read [`keep`] first; [`line`] is one
//! gateway.

mod callbacks;
mod connecting;
mod line;
mod sender;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::handle::{GatewaySeen, GatewayState, Handle};
use crate::clock::Clock;
use crate::config::{Config, Gateway, GatewayProtocol, HttpGateway};
use crate::model::dialable::Region;
use crate::model::name::GatewayName;
use crate::store::Store;

pub use connecting::connect;

/// A connection and its bind may take this long.
pub const CONNECT_MAX: Duration = Duration::from_secs(20);
/// Calls of one provider that wait.
const CALLS_MAX: usize = 64;
/// After the store could not be asked it is asked again so often.
const STORE_AGAIN: Duration = Duration::from_secs(1);
/// After the end messages that are on their way get this long for an answer.
const FINISH_MAX: Duration = Duration::from_secs(5);

/// What every gateway's task needs.
#[derive(Clone)]
struct Tools {
    store: Store,
    handle: Handle,
    clock: Clock,
}

impl Tools {
    fn show(&self, name: &GatewayName, state: GatewayState, error: Option<String>) {
        let now = self.clock.now().timestamp;
        self.handle.show_gateways(|seen| {
            let Some(gateway) = seen.get_mut(name) else { return };
            if gateway.state != state {
                (gateway.state, gateway.since) = (state, now);
            }
            if error.is_some() {
                gateway.error = error;
            }
        });
    }
}

/// A gateway's task, and what it was started with.
struct Running {
    settings: Gateway,
    region: Region,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// Keeps a task for each gateway of the configuration until told to stop. What a crash left is settled before.
pub async fn keep(
    mut config: watch::Receiver<Arc<Config>>,
    store: Store,
    handle: Handle,
    clock: Clock,
    mut stop: watch::Receiver<bool>,
) {
    let tools = Tools { store, handle, clock };
    // Nothing is sent before it is known what of before is not to be sent again.
    loop {
        match tools.store.settle_messages(clock.now().timestamp).await {
            Ok(0) => break,
            Ok(unknown) => {
                tracing::warn!(unknown, "messages were being sent when the service ended; they are not sent again");
                break;
            }
            Err(error) => {
                tracing::error!(%error, "messages that were being sent when the service ended cannot be settled")
            }
        }
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(STORE_AGAIN) => {}
        }
    }
    let mut running: BTreeMap<GatewayName, Running> = BTreeMap::new();
    loop {
        let current = Arc::clone(&config.borrow_and_update());
        let region = current.installation.region;
        let kept = |name: &GatewayName, line: &Running| {
            line.region == region && current.gateways.get(name) == Some(&line.settings)
        };
        let over: Vec<GatewayName> =
            running.iter().filter(|(name, line)| !kept(name, line)).map(|(name, _)| name.clone()).collect();
        for name in over {
            if let Some(line) = running.remove(&name) {
                finish(line).await;
            }
            tools.handle.show_gateways(|seen| drop(seen.remove(&name)));
            tools.handle.hear_gateway(&name, None);
        }
        for (name, settings) in &current.gateways {
            if running.contains_key(name) {
                continue;
            }
            let gateway = GatewaySeen {
                name: name.clone(),
                state: GatewayState::Connecting,
                since: clock.now().timestamp,
                error: None,
                senders: settings.senders.clone(),
            };
            tools.handle.show_gateways(|seen| drop(seen.insert(name.clone(), gateway)));
            let (stop, stopped) = watch::channel(false);
            let (calls_in, calls) = mpsc::channel(CALLS_MAX);
            tools.handle.hear_gateway(name, hears(settings).then_some(calls_in));
            let line = line::Line { name: name.clone(), settings: settings.clone(), region, tools: tools.clone() };
            let task = tokio::spawn(line.run(calls, stopped));
            running.insert(name.clone(), Running { settings: settings.clone(), region, stop, task });
        }
        tokio::select! {
            // A dropped sender means that the program ends as well.
            _ = stop.wait_for(|stop| *stop) => break,
            changed = config.changed() => if changed.is_err() { break },
        }
    }
    for (_, line) in running {
        finish(line).await;
    }
}

/// Whether the provider may tell something by HTTP.
fn hears(settings: &Gateway) -> bool {
    matches!(&settings.protocol, GatewayProtocol::Http(HttpGateway { callback: Some(_), .. }))
}

async fn finish(line: Running) {
    line.stop.send_replace(true);
    let mut task = line.task;
    if tokio::time::timeout(FINISH_MAX, &mut task).await.is_err() {
        task.abort();
        let _aborted = task.await;
    }
}
