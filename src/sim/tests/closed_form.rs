//! Closed forms of queueing theory, written here and nowhere else.

/// One state more or less busy: the stationary distribution of a birth-death process from `from` on, `birth` and `death`
/// rates by state, cut where what is left weighs nothing.
fn stationary(from: u32, birth: impl Fn(u32) -> f64, death: impl Fn(u32) -> f64) -> Vec<(u32, f64)> {
    let mut weights = vec![(from, 1.0f64)];
    let mut sum = 1.0;
    for state in from.. {
        let weight = weights[weights.len() - 1].1 * birth(state) / death(state + 1);
        sum += weight;
        weights.push((state + 1, weight));
        if weight < 1e-14 * sum && birth(state + 1) < death(state + 2) {
            break;
        }
    }
    weights.into_iter().map(|(state, weight)| (state, weight / sum)).collect()
}

/// Erlang's loss formula: the share of callers lost by `servers` that are offered `load` erlangs.
pub(super) fn erlang_b(servers: u32, load: f64) -> f64 {
    (1..=servers).fold(1.0, |blocked, n| load * blocked / (f64::from(n) + load * blocked))
}

/// Erlang's waiting formula: the share of callers who wait.
pub(super) fn erlang_c(servers: u32, load: f64) -> f64 {
    let blocked = erlang_b(servers, load);
    let free = 1.0 - load / f64::from(servers);
    blocked / (free + (1.0 - free) * blocked)
}

/// Palm's queue with patience, as share of callers who abandon and mean wait of all, in seconds. Rates per second.
pub(super) fn erlang_a(servers: u32, birth: f64, service: f64, patience: f64) -> (f64, f64) {
    let death =
        |state: u32| f64::from(state.min(servers)) * service + f64::from(state.saturating_sub(servers)) * patience;
    let states = stationary(0, |_| birth, death);
    let waiting: f64 = states.iter().map(|(state, share)| f64::from(state.saturating_sub(servers)) * share).sum();
    (waiting * patience / birth, waiting / birth)
}

/// A team whose idle agents beyond a reserve take outbound calls at once: service level and outbound calls per second.
pub(super) struct Threshold {
    pub service_level: f64,
    pub outbound: f64,
}

/// With `reserve` of `servers` kept for callers who come at `birth` per second, are served at `service` per second and
/// ever so patient, and are to be answered within `within_s`.
fn with_reserve(servers: u32, reserve: u32, birth: f64, service: f64, within_s: f64) -> Threshold {
    let from = servers - reserve;
    let death = |state: u32| f64::from(state.min(servers)) * service;
    let states = stationary(from, |_| birth, death);
    let all_busy: f64 = states.iter().filter(|(state, _)| *state >= servers).map(|(_, share)| share).sum();
    let spare = f64::from(servers) * service - birth;
    let late = all_busy * (-spare * within_s).exp();
    Threshold { service_level: 1.0 - late, outbound: states[0].1 * f64::from(from) * service }
}

/// The best of all thresholds that meets the service level: between two whole reserves, by chance. With its reserve.
pub(super) fn best_threshold(servers: u32, birth: f64, service: f64, within_s: f64, target: f64) -> (f64, Threshold) {
    let mut below = with_reserve(servers, 0, birth, service, within_s);
    if below.service_level >= target {
        return (0.0, below);
    }
    for reserve in 1..=servers {
        let above = with_reserve(servers, reserve, birth, service, within_s);
        if above.service_level >= target {
            let share = (target - below.service_level) / (above.service_level - below.service_level);
            let outbound = below.outbound + share * (above.outbound - below.outbound);
            return (f64::from(reserve - 1) + share, Threshold { service_level: target, outbound });
        }
        below = above;
    }
    panic!("no reserve meets the service level");
}

#[test]
fn the_closed_forms_give_the_published_values() {
    assert!((erlang_b(10, 10.0) - 0.2146).abs() < 1e-4);
    assert!((erlang_c(10, 8.0) - 0.4092).abs() < 1e-4);
    for (agents, per_hour, handle_s, target, within_s, outbound) in [
        (10, 60.0, 180.0, 0.80, 20.0, 128.71),
        (30, 183.33, 210.0, 0.80, 10.0, 322.41),
        (30, 183.33, 210.0, 0.95, 10.0, 304.26),
        (100, 500.0, 240.0, 0.80, 20.0, 1000.0),
    ] {
        let (_, best) = best_threshold(agents, per_hour / 3600.0, 1.0 / handle_s, within_s, target);
        assert!((best.outbound * 3600.0 - outbound).abs() < 0.02, "{agents}: {}", best.outbound * 3600.0);
    }
}
