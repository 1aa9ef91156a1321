//! What must be true of every dial.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Call, Checker};
use crate::model::attempt::Intent;
use crate::model::disposition::Disposition;
use crate::model::id::AttemptId;
use crate::model::name::CampaignKey;
use crate::model::phone::PhoneNumber;
use crate::model::time::{Now, Timestamp};

/// After a step the clocks must have agreed this long (I-7).
const CLOCK_TRUST: Duration = Duration::from_secs(60);
/// A number whose attempt has an unknown end rests this long (decision 1).
const UNKNOWN_REST: Duration = Duration::from_secs(600);
/// Share of the budget from which every dial has an agent (I-31).
const CAUTION: f64 = 0.9;
/// Binary fractions: 3 % of 100 are 3.
const ROUNDING: f64 = 1e-9;
/// Answers from which the cap is a share; with fewer, one call may be abandoned (I-30).
const FEW: u64 = 100;
/// Calls that steered pacing may lose of fewer answers than that.
const STEERED_FEW: f64 = 4.0;

impl Checker {
    pub(super) fn intent(&mut self, now: Now, intent: &Intent) {
        let call = Call {
            campaign: intent.campaign.clone(),
            lead: intent.lead,
            number: intent.number.clone(),
            decided_at: intent.at,
            decided: now.instant,
            durable: false,
            dialled: false,
            sent: None,
            rang: None,
            answered: None,
            machine: false,
            cancelled: false,
            given: false,
            connected: false,
            heard: false,
            ended: false,
            outcome: None,
        };
        self.calls.insert(intent.attempt, call);
        self.by_number.entry(intent.number.clone()).or_default().push(intent.attempt);
        self.may_dial(now, intent.attempt, "an intent");
        if !self.is_open(now.timestamp, &intent.number) {
            self.violated(now, "I-6", format!("{} is decided outside the hours of its customer", intent.attempt));
        }
        self.leaves_the_reserve(now, &intent.campaign);
        self.within_budget(now, intent.attempt);
    }

    /// Passed the guard's last look: what is on record at this moment must allow it.
    pub(super) fn intent_durable(&mut self, now: Now, intent: &Intent) {
        self.call(intent.attempt, |call| call.durable = true);
        let number = &intent.number;
        if self.suppressed.contains(number) {
            self.violated(now, "I-1", format!("an intent to a suppressed number, {}", intent.attempt));
        }
        if self.law.consent_required && !self.consents.contains(number) {
            self.violated(now, "I-8", format!("an intent without consent, {}", intent.attempt));
        }
    }

    pub(super) fn dial(&mut self, now: Now, id: AttemptId, number: &PhoneNumber, caller_id: &PhoneNumber) {
        self.dials += 1;
        self.last_dial = Some(now.instant);
        let Some(call) = self.calls.get_mut(&id) else {
            return self.violated(now, "I-4", format!("{id} is dialled without an intent"));
        };
        let (durable, again, other) = (call.durable, call.dialled, call.number != *number);
        call.dialled = true;
        if !durable || again || other {
            let what = format!("{id} is dialled: durable {durable}, before {again}, to another number {other}");
            self.violated(now, "I-4", what);
        }
        let campaign = self.calls.get(&id).and_then(|call| self.rules.get(&call.campaign));
        if campaign.is_some_and(|rules| rules.caller_id != *caller_id) {
            self.violated(now, "I-9", format!("{id} shows another number than its campaign's"));
        }
        self.may_dial(now, id, "a dial");
        if self.suppressed.contains(number) {
            self.violated(now, "I-2", format!("{id} is dialled after its number was suppressed"));
        }
        if !self.is_open(now.timestamp, number) {
            self.violated(now, "I-6", format!("{id} is dialled outside the hours of its customer"));
        }
        self.alone_and_within_caps(now, id);
    }

    /// The INVITE left: one more of those that the campaign may have, whatever became of the record meanwhile.
    pub(super) fn sent(&mut self, now: Now, id: AttemptId) {
        let Some(call) = self.calls.get_mut(&id).filter(|call| call.sent.is_none()) else { return };
        call.sent = Some(now.instant);
        let campaign = call.campaign.clone();
        let left = self.left.entry(campaign.clone()).or_default();
        *left += 1;
        if let Some(most) = self.law.dials_max
            && *left > most
        {
            let what = format!("dial {left} of {campaign} left, which may have {most}");
            self.violated(now, "quota", what);
        }
    }

    /// Whether anything may leave at this moment, whoever is called.
    fn may_dial(&mut self, now: Now, id: AttemptId, what: &str) {
        let Some(call) = self.calls.get(&id) else { return };
        let campaign = call.campaign.clone();
        if self.running.get(&campaign) != Some(&true) {
            self.violated(now, "I-12", format!("{what} of {campaign}, which does not run"));
        }
        let open = self.rules.get(&campaign).and_then(|rules| self.gates.get(&rules.group));
        if open != Some(&true) {
            self.violated(now, "I-21", format!("{what} of {campaign} while the gate is closed"));
        }
        if !self.store_up {
            self.violated(now, "I-4", format!("{what} of {campaign} while the store is down"));
        }
        if self.stepped.is_some_and(|at| now.instant.since(at) < CLOCK_TRUST) {
            self.violated(now, "I-7", format!("{what} of {campaign} while the clocks disagree"));
        }
    }

    /// Agents kept for callers are left to them.
    fn leaves_the_reserve(&mut self, now: Now, campaign: &CampaignKey) {
        let Some(group) = self.rules.get(campaign).map(|rules| rules.group.clone()) else { return };
        // Those at work for customers have slots of their own.
        let outbound = self.agents.values().filter(|desk| desk.groups.contains(&group) && desk.is_outbound()).count();
        if self.slots_free(&group).is_some_and(|free| free + outbound as i64 <= 0) {
            self.violated(now, "I-21", format!("an intent of {campaign}, and every agent is kept for callers"));
        }
    }

    /// The hours of the law, by jiff's own calendar: not by the function that is under test.
    fn is_open(&self, at: Timestamp, number: &PhoneNumber) -> bool {
        let zones = self.law.zones_of(number);
        let within =
            |minute: i16, (from, to): (u16, u16)| (i32::from(from)..i32::from(to)).contains(&i32::from(minute));
        !zones.is_empty()
            && zones.iter().all(|zone| {
                let Ok(there) = at.to_jiff().in_tz(zone) else { return false };
                let minute = i16::from(there.hour()) * 60 + i16::from(there.minute());
                let day = there.weekday().to_monday_zero_offset();
                self.law.closed_day.is_none_or(|closed| i16::from(closed) != i16::from(day))
                    && within(minute, self.law.open)
                    && within(minute, self.law.campaign_open)
            })
    }

    fn alone_and_within_caps(&mut self, now: Now, id: AttemptId) {
        let Some(own) = self.calls.get(&id) else { return };
        let decided_at = own.decided_at;
        let others = self.by_number.get(&own.number).into_iter().flatten().filter(|other| **other != id);
        let others: Vec<&Call> = others.filter_map(|other| self.calls.get(other)).filter(|call| call.durable).collect();
        let live = others.iter().any(|call| !call.ended);
        let counted: Vec<Timestamp> =
            others.iter().filter(|call| counts(call.outcome)).map(|call| call.decided_at).collect();
        let over = self.law.caps.iter().find(|cap| {
            let window = Duration::from_secs(cap.within_s);
            counted.iter().filter(|at| **at + window > decided_at).count() >= cap.max as usize
        });
        let over = over.copied();
        let rests = others.iter().any(|call| {
            let rest = match call.outcome {
                Some(Disposition::Unknown) => UNKNOWN_REST,
                Some(Disposition::Abandoned) => Duration::from_secs(self.law.abandon_cool_off_s),
                Some(_) | None => Duration::ZERO,
            };
            call.decided_at + rest > decided_at && !rest.is_zero()
        });
        let of_lead = others.iter().filter(|call| call.lead == own.lead);
        let used = of_lead.filter(|call| counts(call.outcome)).count();
        let most = self.law.attempts_max;
        if used >= most as usize {
            self.violated(now, "I-5", format!("{id} is dialled, and its lead has had its {most} attempts"));
        }
        if live {
            self.violated(now, "I-3", format!("{id} is dialled while another attempt to its number is live"));
        }
        if let Some(cap) = over {
            self.violated(now, "I-5", format!("{id} is dialled beyond {} in {} s", cap.max, cap.within_s));
        }
        if rests {
            self.violated(now, "I-5", format!("{id} is dialled while its number rests"));
        }
    }

    /// With the budget spent, every line has an agent of its own. Campaigns of one group share its agents: theirs are counted
    /// together, against the smallest of their budgets.
    fn within_budget(&mut self, now: Now, id: AttemptId) {
        let Some(campaign) = self.calls.get(&id).map(|call| call.campaign.clone()) else { return };
        let Some(rules) = self.rules.get(&campaign).filter(|rules| rules.within_budget) else { return };
        let group = rules.group.clone();
        let theirs =
            |key: &CampaignKey| self.rules.get(key).is_some_and(|rules| rules.within_budget && rules.group == group);
        let pending = self.calls.values().filter(|call| call.is_pending() && theirs(&call.campaign)).count() as i64;
        let idle = self.agents.values().filter(|desk| desk.idle && desk.groups.contains(&group)).count() as i64;
        let idle = idle.min(self.slots_free(&group).unwrap_or(i64::MAX)).max(0);
        // A line too many may cost the customer of any campaign that has lines: the smallest budget counts.
        let have_lines: BTreeSet<&CampaignKey> =
            self.calls.values().filter(|call| call.is_pending()).map(|call| &call.campaign).collect();
        let left = have_lines.into_iter().filter(|key| theirs(key)).map(|key| self.abandons_left(key)).min();
        let left = left.unwrap_or_default();
        if pending > idle + left {
            let answers = self.answers.get(&campaign).copied().unwrap_or_default();
            let what = format!(
                "{campaign} has {} of {} answers abandoned, and its group {pending} lines for {idle} idle agents with a slot",
                answers.abandoned, answers.answered
            );
            self.violated(now, if left == 0 { "I-31" } else { "I-30" }, what);
        }
    }

    /// How many calls of a campaign may still be abandoned.
    fn abandons_left(&self, campaign: &CampaignKey) -> i64 {
        let answers = self.answers.get(campaign).copied().unwrap_or_default();
        let budget = budget(self.rules.get(campaign).map_or(0.0, |rules| rules.abandon_rate_max), answers.answered);
        let spent = answers.abandoned as f64 >= CAUTION * budget;
        if spent { 0 } else { (budget + ROUNDING - answers.abandoned as f64).floor() as i64 }
    }

    /// At the end of a day no more was abandoned than the cap allows, but for what the pacing could not foresee: agents
    /// who went while the line rang, and phones that were too slow.
    pub(in crate::sim) fn day_ends(&mut self, now: Now) {
        // One campaign's line may be answered with the agent of another's: those of a group answer for each other.
        for group in self.groups.keys().cloned().collect::<Vec<_>>() {
            let (mut over, mut allowed, mut told) = (0.0, 0.0, Vec::new());
            for (campaign, rules) in self.rules.iter().filter(|(_, rules)| rules.group == group) {
                let answers = self.answers.get(campaign).copied().unwrap_or_default();
                let excused = self.excused.get(campaign).copied().unwrap_or_default();
                over += answers.abandoned.saturating_sub(excused) as f64;
                let budget = budget(rules.abandon_rate_max, answers.answered);
                // What steers by prices keeps the cap where there are answers enough to speak of a share.
                let few = !rules.within_budget && answers.answered < FEW && rules.abandon_rate_max > 0.0;
                allowed += if few { budget.max(STEERED_FEW) } else { budget };
                let (all, of) = (answers.abandoned, answers.answered);
                told.push(format!("{campaign}: {all} of {of} answers abandoned, {excused} of them for other reasons"));
            }
            if over > allowed + ROUNDING {
                self.violated(now, "I-30", told.join("; "));
            }
        }
    }
}

/// How many calls may be abandoned.
fn budget(rate_max: f64, answered: u64) -> f64 {
    let share = rate_max * answered as f64;
    match (rate_max > 0.0, answered < FEW) {
        (false, _) => 0.0,
        (true, true) => share.max(1.0),
        (true, false) => share,
    }
}

/// Whether an attempt counts against the caps: unless the trunk failed it, or it never left (I-5, I-17).
fn counts(outcome: Option<Disposition>) -> bool {
    !matches!(outcome, Some(Disposition::Congestion | Disposition::TrunkFailure | Disposition::NotDialled))
}
