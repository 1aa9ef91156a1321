//! Sends outreach: gathers audiences and gives recipients their message, no faster than gateways take them.
//!
//! Who gets what is the store's and the model's to say; here it is only asked, as often as there is room in front of a
//! gateway. Nothing is remembered between two looks but how fast each outreach may go. Read [`look`] first.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::MonotonicClock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::clock::Clock;
use crate::config::Config;
use crate::model::name::{CampaignKey, OutreachName};
use crate::model::outreach::{self, Held, Outreach, Way};
use crate::store::{OutreachRow, OutreachState, Store, StoreError};

/// How often it is looked at.
const EVERY: Duration = Duration::from_millis(500);
/// After the store could not be asked.
const AGAIN: Duration = Duration::from_secs(2);
/// Messages that are queued ahead of a gateway: of so many seconds, within these bounds. More would only be later to be
/// worded and to be taken back.
const AHEAD_S: f64 = 2.0;
const AHEAD_MIN: f64 = 20.0;
const AHEAD_MAX: f64 = 4000.0;
/// One that has waited for its gateway for so long is taken back.
const WAITS_MAX: Duration = Duration::from_secs(60);
/// Transactions of one outreach before others have their turn.
const ROUNDS_AT_ONCE: usize = 50;
/// Windows of leads that are looked at for one audience before others have their turn.
const WINDOWS_AT_ONCE: usize = 20;
/// Who ends an outreach that has nobody left, as the record has it.
const BY: &str = "outreach";

type Limiter = RateLimiter<NotKeyed, InMemoryState, MonotonicClock, NoOpMiddleware<std::time::Instant>>;

/// How fast an outreach may go.
struct Pace {
    per_minute: u32,
    limiter: Limiter,
    /// Was granted and not used.
    left: usize,
}

impl Pace {
    fn new(per_minute: u32) -> Pace {
        let most = NonZeroU32::new(per_minute).unwrap_or(NonZeroU32::MIN);
        // What comes up between two looks may leave at once, and no more.
        let burst = NonZeroU32::new(per_minute.div_ceil(60)).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_minute(most).allow_burst(burst);
        Pace { per_minute, limiter: RateLimiter::direct_with_clock(quota, MonotonicClock), left: 0 }
    }

    /// How many of `most` may leave now.
    fn grant(&mut self, most: usize) -> usize {
        while self.left < most && self.limiter.check().is_ok() {
            self.left += 1;
        }
        self.left.min(most)
    }
}

type Paces = BTreeMap<(CampaignKey, OutreachName), Pace>;

/// Sends until told to stop.
pub(super) async fn keep(
    mut config: watch::Receiver<Arc<Config>>,
    store: Store,
    clock: Clock,
    mut stop: watch::Receiver<bool>,
) {
    let mut paces = Paces::new();
    loop {
        let current = Arc::clone(&config.borrow_and_update());
        let wait = match look(&current, &store, clock, &mut paces).await {
            Ok(()) => EVERY,
            Err(error) => {
                tracing::warn!(%error, "outreach waits");
                AGAIN
            }
        };
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            () = sleep(wait) => {}
        }
    }
}

async fn look(config: &Config, store: &Store, clock: Clock, paces: &mut Paces) -> Result<(), StoreError> {
    let running: Vec<OutreachRow> =
        store.outreaches(None).await?.into_iter().filter(|row| row.state == OutreachState::Running).collect();
    paces.retain(|key, _| running.iter().any(|row| (&row.campaign, &row.name) == (&key.0, &key.1)));
    if running.is_empty() {
        return Ok(());
    }
    let known = config.known();
    for row in running {
        let Some(campaign) = store.campaign(&row.campaign).await? else { continue };
        let today = config.installation.zone.date(clock.now().timestamp);
        let ready = outreach::ready(&campaign.campaign, campaign.state, &row.name, &known, today);
        let held = ready.as_ref().err().map(Held::to_string);
        if held != row.held {
            if let Some(why) = &held {
                tracing::warn!(campaign = %row.campaign, outreach = %row.name, why, "an outreach waits");
            }
            store.hold_outreach(&row.campaign, &row.name, held).await?;
        }
        let now = clock.now().timestamp;
        let before = if ready.is_ok() { now - WAITS_MAX } else { now + WAITS_MAX };
        let queued = store.take_back_messages(&row.campaign, &row.name, before, now).await?;
        if let Ok((outreach, way)) = ready {
            advance(config, store, clock, paces, (row, outreach, way), queued).await?;
        }
    }
    Ok(())
}

async fn advance(
    config: &Config,
    store: &Store,
    clock: Clock,
    paces: &mut Paces,
    (mut row, outreach, way): (OutreachRow, &Outreach, Way),
    queued: bool,
) -> Result<(), StoreError> {
    for _ in 0..WINDOWS_AT_ONCE {
        if row.gathered || !store.gather_audience(&row, outreach, clock.now().timestamp).await? {
            break;
        }
        // It says how far it is by its row alone.
        let Some(next) = store.outreach(&row.campaign, &row.name).await? else { return Ok(()) };
        row = next;
    }
    let per_second = config.gateways.get(&way.gateway).map_or(0.0, |gateway| gateway.per_second);
    let ahead = (per_second * AHEAD_S).clamp(AHEAD_MIN, AHEAD_MAX) as u64;
    let waiting = store.count_waiting_messages(&way.gateway).await?;
    let mut room = usize::try_from(ahead.saturating_sub(waiting)).unwrap_or(0);
    let key = (row.campaign.clone(), row.name.clone());
    if let Some(per_minute) = outreach.per_minute {
        let pace = paces.entry(key.clone()).or_insert_with(|| Pace::new(per_minute));
        if pace.per_minute != per_minute {
            *pace = Pace::new(per_minute);
        }
        room = pace.grant(room);
    } else {
        paces.remove(&key);
    }
    let mut given = 0;
    for _ in 0..ROUNDS_AT_ONCE {
        if room == 0 {
            break;
        }
        let now = clock.now().timestamp;
        let released = store.release_messages(&row, outreach, &way, room, now).await?;
        given += released.given;
        room = room.saturating_sub(released.given);
        if let Some(pace) = paces.get_mut(&key) {
            pace.left = pace.left.saturating_sub(released.given);
        }
        if released.given + released.put_off == 0 {
            break;
        }
    }
    let gathered = store.outreach(&row.campaign, &row.name).await?.is_some_and(|row| row.gathered);
    // What is queued may still be taken back.
    if gathered && !queued && given == 0 && store.next_recipient_at(&row.campaign, &row.name).await?.is_none() {
        store.finish_outreach(&row.campaign, &row.name, BY, clock.now().timestamp).await?;
        tracing::info!(campaign = %row.campaign, outreach = %row.name, "nobody is left in the audience");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_granted_and_not_used_is_kept() {
        let mut pace = Pace::new(600);
        let first = pace.grant(100);
        assert!((1..=11).contains(&first), "a burst of ten: {first}");
        assert_eq!(pace.grant(first), first);
        pace.left -= first;
        assert!(pace.grant(100) <= 2, "a tenth of a second each");
    }
}
