//! What callers would live through if the same agents were dialled for progressively: the yardstick of what dialling
//! ahead may cost them.
//!
//! A centre that is short of agents loses callers whatever outbound does, and a small one misses its service level even
//! when nobody dials ahead. Blaming dialling for it would end it without helping anyone. Read [`Load`] first.

/// Callers who wait at once that are looked at, beyond one for each agent.
const WAITING_MAX: usize = 40;
/// Times the mean handle time of the mixture is brought into line with what the agents then do.
const ROUNDS: u32 = 4;

/// A pool of agents, in rates per second and times in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    /// Agents who are staffed.
    pub agents: u32,
    /// Of these, those that outbound leaves to callers.
    pub reserve: u32,
    /// Callers who come.
    pub callers_per_s: f64,
    /// Talk and wrap-up with a caller.
    pub inbound_s: f64,
    /// Talk and wrap-up with a customer.
    pub outbound_s: f64,
    /// Customers connected by one line that is always dialled.
    pub connects_per_s: f64,
    /// Share of waiting callers who give up in a second.
    pub give_ups_per_s: f64,
    /// Callers are to be answered within this.
    pub within_s: f64,
}

/// What callers get.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Service {
    /// Share answered in time, 0 to 1.
    pub level: f64,
    /// Share who give up, 0 to 1.
    pub give_ups: f64,
}

impl Service {
    /// Nobody waits.
    pub const PERFECT: Service = Service { level: 1.0, give_ups: 0.0 };
}

impl Load {
    /// What callers get where each idle agent beyond the reserve has one line: a birth-death process of busy agents and
    /// waiting callers, in which a caller comes at λ, an idle agent of outbound is taken by a customer at ν, a busy one
    /// becomes free at 1/h (h the mean over the mixture of calls, brought into line with itself), and whoever waits gives
    /// up at θ. With ν = 0 it is Erlang A (Palm 1957).
    pub fn under_progressive(&self) -> Service {
        let agents = self.agents as usize;
        if agents == 0 || self.callers_per_s <= 0.0 {
            return Service::PERFECT;
        }
        let mut handle_s = self.inbound_s;
        let mut service = Service::PERFECT;
        for _ in 0..ROUNDS {
            let (now, connects_per_s) = self.at(agents, handle_s.max(1e-3));
            service = now;
            let answered_per_s = self.callers_per_s * (1.0 - now.give_ups);
            let busy = answered_per_s * self.inbound_s + connects_per_s * self.outbound_s;
            handle_s = busy / (answered_per_s + connects_per_s).max(1e-9);
        }
        service
    }

    /// Service and customers connected per second, at a mean handle time.
    fn at(&self, agents: usize, handle_s: f64) -> (Service, f64) {
        let states = 2 * agents + WAITING_MAX + 1;
        let lines = |busy: usize| (agents.saturating_sub(busy)).saturating_sub(self.reserve as usize) as f64;
        // Logarithms: among a thousand agents most states have chances that no number can hold.
        let mut weights = vec![0.0f64; states];
        for state in 1..states {
            let up = self.callers_per_s + lines(state - 1) * self.connects_per_s;
            let busy = state.min(agents) as f64 / handle_s;
            let down = busy + state.saturating_sub(agents) as f64 * self.give_ups_per_s;
            weights[state] = weights[state - 1] + (up / down.max(1e-12)).ln();
        }
        let largest = weights.iter().copied().fold(f64::MIN, f64::max);
        weights.iter_mut().for_each(|weight| *weight = (*weight - largest).exp());
        let all: f64 = weights.iter().sum();
        let (mut in_time, mut give_ups, mut connects) = (0.0, 0.0, 0.0);
        // Of those who come to k waiting callers, who is served within the time: k + 1 agents must become free in it.
        let frees = self.within_s * agents as f64 / handle_s;
        let (mut term, mut fewer) = ((-frees).exp(), 0.0);
        for (state, weight) in weights.iter().enumerate() {
            let chance = weight / all;
            if state < agents {
                in_time += chance;
                connects += chance * lines(state) * self.connects_per_s;
                continue;
            }
            let waiting = state - agents;
            fewer += term;
            term *= frees / (waiting + 1) as f64;
            in_time += chance * (1.0 - fewer).max(0.0);
            give_ups += chance * waiting as f64 * self.give_ups_per_s;
        }
        let give_ups = (give_ups / self.callers_per_s).min(1.0);
        (Service { level: in_time.min(1.0), give_ups }, connects)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOAD: Load = Load {
        agents: 10,
        reserve: 0,
        callers_per_s: 120.0 / 3600.0,
        inbound_s: 240.0,
        outbound_s: 180.0,
        connects_per_s: 0.0,
        give_ups_per_s: 0.0,
        within_s: 20.0,
    };

    #[test]
    fn without_outbound_and_with_patience_it_is_erlang_c() {
        // 8 erlang, 10 agents: Erlang C 0.40918, P(W > 20 s) = 0.40918·e^(−2·20/240). Waiting is cut off at 50 callers.
        let service = LOAD.under_progressive();
        let expected = 1.0 - 0.409_18 * (-2.0f64 * 20.0 / 240.0).exp();
        assert!((service.level - expected).abs() < 5e-4, "{service:?}, expected {expected}");
        assert_eq!(service.give_ups, 0.0);
    }

    #[test]
    fn who_gives_up_relieves_the_others_as_in_erlang_a() {
        let service = Load { give_ups_per_s: 1.0 / 240.0, ..LOAD }.under_progressive();
        // With θ = μ the number of calls is Poisson with mean 8: give-ups are E[(N − 10)⁺]/8.
        let mut chance = (-8.0f64).exp();
        let mut expected = 0.0;
        for n in 1..60 {
            chance *= 8.0 / f64::from(n);
            expected += chance * (f64::from(n) - 10.0).max(0.0) / 8.0;
        }
        assert!((service.give_ups - expected).abs() < 1e-6, "{service:?}, expected {expected}");
    }

    #[test]
    fn progressive_dialling_takes_some_service_and_a_reserve_gives_it_back() {
        let dialled = Load { connects_per_s: 0.3 / 18.0, give_ups_per_s: 1.0 / 120.0, ..LOAD };
        let (without, with) =
            (Load { connects_per_s: 0.0, ..dialled }.under_progressive(), dialled.under_progressive());
        let reserved = Load { reserve: 2, ..dialled }.under_progressive();
        assert!(with.level < reserved.level && reserved.level < without.level, "{with:?} {reserved:?} {without:?}");
        assert!(with.give_ups > reserved.give_ups && reserved.give_ups > without.give_ups);
    }

    #[test]
    fn a_thousand_agents_are_no_matter_and_none_are_not_either() {
        let large = Load { agents: 1000, callers_per_s: 6000.0 / 3600.0, connects_per_s: 0.3 / 18.0, ..LOAD };
        assert!(large.under_progressive().level > 0.99);
        assert_eq!(Load { agents: 0, ..LOAD }.under_progressive(), Service::PERFECT);
        assert_eq!(Load { callers_per_s: 0.0, ..LOAD }.under_progressive(), Service::PERFECT);
    }
}
